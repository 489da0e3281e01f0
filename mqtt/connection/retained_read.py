"""Reading once, at each connection, what the broker has kept of a topic of ours. Pure: no clock, no socket.

A kept message comes with a subscription, and nothing says that there is none: so it is waited for a moment. Then the
subscription is given up before anything is published there, or the broker would count us among those who have got it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

KEPT_S: Final = 2.0
"""A broker sends what it has kept right behind its answer to the subscription."""
ANSWER_S: Final = 5.0
"""For its answer itself; one that gives none is asked no longer."""


@dataclass
class Heard:
    """What came back so far."""

    granted: bool | None = None
    """The broker's answer to the subscription; None: none yet."""
    given_up: bool = False
    """Its answer to the end of it."""
    kept: list[bytes] = field(default_factory=list)
    """Messages that it had kept."""


class Do(StrEnum):
    """What is to be done now."""

    WAIT = "wait"
    GIVE_UP = "give-up"
    """End the subscription."""
    TELL = "tell"
    """It is over: say what was kept."""


class Reading:
    """One reading, begun with the subscription at `now_s`."""

    def __init__(self, now_s: float) -> None:
        self._since_s = now_s
        self._granted_s: float | None = None
        self._ending = False
        self.over = False

    def look(self, heard: Heard, now_s: float) -> Do:
        """Each of GIVE_UP and TELL is said once, TELL as the last."""
        if self.over:
            return Do.WAIT
        if self._ending:
            return self._end() if heard.given_up or now_s - self._since_s >= ANSWER_S else Do.WAIT
        if heard.granted is False:
            return self._end()
        if heard.granted and self._granted_s is None:
            self._granted_s = now_s
        waited = self._granted_s is not None and now_s - self._granted_s >= KEPT_S
        if heard.kept or waited or (heard.granted is None and now_s - self._since_s >= ANSWER_S):
            self._ending, self._since_s = True, now_s
            return Do.GIVE_UP
        return Do.WAIT

    def _end(self) -> Do:
        self.over = True
        return Do.TELL
