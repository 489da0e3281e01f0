"""What is under way to the broker and how fast more may follow. Pure: seconds in.

paho forgets its window at a reconnect and sends everything at once, so the window is kept here and paho never holds
more than it.
"""

from __future__ import annotations

from typing import Final

WINDOW: Final = 20
"""Unacknowledged messages at a time: mosquitto's own default."""

BYTES_MAX: Final = 16 << 10
"""And bytes: a line of 1 KB/s carries them in 16 s, so that heartbeats and pings do not wait for longer. One message
may go beyond."""

ANSWER_DEADLINE_S: Final = 60.0
"""A message unanswered for so long: the connection is dead, whatever TCP says, or the answer will never come."""

RATE_PER_S: Final = 50.0
"""Messages: all the state of 64 cameras in three seconds, a month of history (200,000 events) in a little over an hour;
200 boxes that come back together are 10,000 a second."""

BURST: Final = 50
"""So many may go at once after a quiet second."""


class Window:
    """Messages that were sent and not answered."""

    def __init__(self) -> None:
        self._limit = WINDOW
        self._flying: dict[int, tuple[float, int]] = {}
        self._bytes = 0

    def open(self, granted: int) -> None:
        """A new connection, of which the broker takes so many at a time."""
        self._limit = max(1, min(granted, WINDOW))
        self._flying.clear()
        self._bytes = 0

    @property
    def room(self) -> bool:
        return len(self._flying) < self._limit and self._bytes < BYTES_MAX

    def sent(self, mid: int, size: int, now_s: float) -> None:
        self._flying[mid] = (now_s, size)
        self._bytes += size

    def answered(self, mid: int) -> None:
        _, size = self._flying.pop(mid, (0.0, 0))
        self._bytes -= size

    def stalled(self, now_s: float) -> bool:
        """The oldest has waited for too long, though others may have been answered since: it holds up its kind."""
        oldest = next(iter(self._flying.values()), None)
        return oldest is not None and now_s - oldest[0] >= ANSWER_DEADLINE_S


class Pace:
    """At most `BURST` at once and `RATE_PER_S` in the long run: a token bucket, told by when it will be full."""

    def __init__(self) -> None:
        self._full_at_s = float("-inf")

    def due_s(self, now_s: float) -> float:
        """How long until the next may go; 0: now."""
        return max(0.0, self._full_at_s - now_s - (BURST - 1) / RATE_PER_S)

    def take(self, now_s: float) -> None:
        self._full_at_s = max(self._full_at_s, now_s) + 1 / RATE_PER_S
