"""What of the outbox is sent next, and what of it has arrived. Pure: no clock, no socket, no database.

The rows lie in the database (`storage.outbox.table`) and leave it only once the broker says that it passes them on
to somebody (PUBACK 0x00; MQTT 3.1.1 does not tell, there its PUBACK has to do). Highest rank first: a new alarm
overtakes a month of history. Within a kind, which is a topic, order is kept whatever the broker answers, because one
event of each is under way at a time. When nobody listens (0x10) or the broker turns it down, the kind rests and that
event is tried again once a minute. What was under way when a connection ended is sent again, under its own id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from mqtt.connection.broker_connection import Delivery
from storage.outbox.table import RANKS, Event, EventKind

PROBE_EVERY_S: Final = 60.0
"""While nobody listens: one event of each kind."""
PAGE: Final = 64
"""Events of a kind in memory: more than a second's, at the rate at which they are sent."""
ARRIVED_MAX: Final = 1024
"""Arrived and not deleted: beyond, nothing is sent. Where nothing can be deleted, all of it would be sent again."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be read from the database: up to `limit` events of a kind behind `after`."""

    kind: EventKind
    after: int
    limit: int


@dataclass(slots=True)
class _KindQueue:
    """A kind: its events that were read and not sent yet, by number, and how its subscribers are."""

    read: deque[Event] = field(default_factory=deque)
    after: int = 0
    """The last that was read."""
    dry: bool = False
    """There were no more when it was read last."""
    asked: Ask | None = None
    flying: Event | None = None
    """Taken, and not answered."""
    rests_until_s: float | None = None
    """Nobody got what was tried last."""

    def rewind(self, after: int) -> None:
        """What was read is forgotten: it may have given way meanwhile. An answer that is on its way is not for us."""
        self.read.clear()
        self.after, self.dry, self.asked, self.flying = after, False, None, None

    def rests(self, now_s: float) -> bool:
        return self.rests_until_s is not None and now_s < self.rests_until_s


class Outbox:
    """Use: `asks` and `hand` to read, `take` and `sent` to send, `answered` and `deleted` to end."""

    def __init__(self) -> None:
        self._lanes = {kind: _KindQueue() for kind in sorted(EventKind, key=lambda kind: RANKS[kind])}
        self._flying: dict[int, Event] = {}
        self._arrived: set[int] = set()

    @property
    def flying(self) -> int:
        """Events that were sent and not answered."""
        return len(self._flying)

    @property
    def arrived(self) -> list[int]:
        """Numbers of those that may leave the database and may still lie there, in their order."""
        return sorted(self._arrived)

    def connected(self) -> None:
        """A new connection: whatever was not answered is sent again."""
        self._flying.clear()
        for lane in self._lanes.values():
            lane.rests_until_s = None
            lane.rewind(0)

    def news(self) -> None:
        """Something was entered."""
        for lane in self._lanes.values():
            lane.dry = False

    def asks(self, now_s: float) -> list[Ask]:
        """What should be read now; each question gets one answer, by `hand` or `missed`."""
        asks = []
        for kind, lane in self._lanes.items():
            if not lane.read and not lane.dry and lane.asked is None and not lane.rests(now_s):
                lane.asked = Ask(kind, lane.after, PAGE)
                asks.append(lane.asked)
        return asks

    def hand(self, ask: Ask, events: list[Event]) -> None:
        """The answer. One to a question that is not asked any more is passed over."""
        lane = self._lanes[ask.kind]
        if lane.asked is not ask:
            return
        lane.asked = None
        lane.read.extend(event for event in events if event.seq not in self._arrived)
        lane.after = events[-1].seq if events else lane.after
        lane.dry = len(events) < ask.limit

    def missed(self, ask: Ask) -> None:
        """It could not be read: it is asked again."""
        lane = self._lanes[ask.kind]
        if lane.asked is ask:
            lane.asked = None

    def take(self, now_s: float) -> Event | None:
        """The next to be sent: of the highest rank that has one, the oldest. Kinds that rest are passed over."""
        ready = [lane for lane in self._lanes.values() if lane.read and lane.flying is None and not lane.rests(now_s)]
        if not ready or len(self._arrived) >= ARRIVED_MAX:
            return None
        lane = min(ready, key=lambda lane: (lane.read[0].rank, lane.read[0].seq))
        lane.flying = lane.read.popleft()
        return lane.flying

    def sent(self, mid: int, event: Event) -> None:
        """`take`n, and handed to the connection under that id."""
        self._flying[mid] = event

    def answered(self, mid: int, word: Delivery, now_s: float) -> Event | None:
        """The event that this was the answer for, if it was for one of ours."""
        event = self._flying.pop(mid, None)
        if event is None:
            return None
        lane = self._lanes[event.kind]
        if word is Delivery.TAKEN:
            lane.flying, lane.rests_until_s = None, None
            self._arrived.add(event.seq)
        else:
            lane.rests_until_s = now_s + PROBE_EVERY_S
            lane.rewind(event.seq - 1)
        return event

    def deleted(self, seqs: Collection[int]) -> None:
        """They have left the database."""
        self._arrived.difference_update(seqs)
