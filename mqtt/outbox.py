"""What of the outbox is sent next, and what of it has arrived. Pure: no clock, no socket, no database.

The rows lie in the database (`storage.catalog.outbox`) and leave it only once the broker says that somebody has got
them (PUBACK 0x00; MQTT 3.1.1 does not tell, there its PUBACK has to do). Highest rank first: a new alarm overtakes a
month of history. Within a kind, which is a topic, order is kept: each kind begins with one event in flight, and only
when that has arrived the rest of the window follows; when nobody listens (0x10) or the broker turns it down, the kind
rests, goes back to that event, and tries it alone once a minute. What was in flight when a connection ended is sent
again, under its own id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from storage.catalog.outbox import RANKS, Event, Kind

PROBE_EVERY_S: Final = 60.0
"""While nobody listens: one event of each kind."""
PAGE: Final = 64
"""Events of a kind in memory; the window is smaller."""


class Word(StrEnum):
    """What the broker says of an event."""

    TAKEN = "taken"
    """It has gone to somebody; with MQTT 3.1.1: the broker has it."""
    UNHEARD = "unheard"
    """Nobody is subscribed (0x10)."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be read from the database: up to `limit` events of a kind behind `after`."""

    kind: Kind
    after: int
    limit: int


@dataclass(slots=True)
class _Lane:
    """A kind: its events that were read and not sent yet, by number, and how its subscribers are."""

    read: deque[Event] = field(default_factory=deque)
    after: int = 0
    """The last that was read."""
    dry: bool = False
    """There were no more when it was read last."""
    asked: bool = False
    open: bool = False
    """What was answered last has arrived: the window is used."""
    flying: int = 0
    rests_until_s: float = 0.0

    def rewind(self, after: int) -> None:
        if after < self.after:
            self.read.clear()
            self.after = after
        self.dry = False


class Outbox:
    """Use: `asks` and `hand` to read, `take` and `sent` to send, `answered` and `deleted` to end."""

    def __init__(self) -> None:
        self._lanes = {kind: _Lane() for kind in sorted(Kind, key=lambda kind: RANKS[kind])}
        self._flying: dict[int, Event] = {}
        self._arrived: set[int] = set()
        """Numbers of those that may leave the database and may still lie there."""

    @property
    def flying(self) -> int:
        """Events that were sent and not answered."""
        return len(self._flying)

    def connected(self) -> None:
        """A new connection: whatever was not answered is sent again."""
        self._flying.clear()
        for lane in self._lanes.values():
            lane.open, lane.flying, lane.rests_until_s = False, 0, 0.0
            lane.rewind(0)

    def news(self) -> None:
        """Something was entered."""
        for lane in self._lanes.values():
            lane.dry = False

    def asks(self) -> Ask | None:
        """What should be read next, if anything; each question gets one answer, by `hand`."""
        for kind, lane in self._lanes.items():
            if not lane.read and not lane.dry and not lane.asked:
                lane.asked = True
                return Ask(kind, lane.after, PAGE)
        return None

    def hand(self, ask: Ask, events: list[Event]) -> None:
        """The answer. One to a question from before a rewind is passed over, and asked anew."""
        lane = self._lanes[ask.kind]
        lane.asked = False
        if ask.after != lane.after or lane.read:
            return
        known = self._arrived | {event.seq for event in self._flying.values()}
        lane.read.extend(event for event in events if event.seq not in known)
        lane.after = events[-1].seq if events else lane.after
        lane.dry = len(events) < ask.limit

    def take(self, now_s: float) -> Event | None:
        """The next to be sent: of the highest rank that has one, the oldest. Kinds that rest are passed over."""
        ready = [lane for lane in self._lanes.values() if lane.read and self._may(lane, now_s)]
        if not ready:
            return None
        return min(ready, key=lambda lane: (lane.read[0].rank, lane.read[0].seq)).read.popleft()

    @staticmethod
    def _may(lane: _Lane, now_s: float) -> bool:
        return lane.open or (lane.flying == 0 and now_s >= lane.rests_until_s)

    def sent(self, mid: int, event: Event) -> None:
        """`take`n, and handed to the connection under that id."""
        self._flying[mid] = event
        self._lanes[event.kind].flying += 1

    def answered(self, mid: int, word: Word, now_s: float) -> Event | None:
        """The event that may leave the database; None: it stays, or the answer is for none of ours."""
        event = self._flying.pop(mid, None)
        if event is None:
            return None
        lane = self._lanes[event.kind]
        lane.flying -= 1
        if word is Word.TAKEN:
            lane.open = lane.open or now_s >= lane.rests_until_s
            self._arrived.add(event.seq)
            return event
        lane.open, lane.rests_until_s = False, now_s + PROBE_EVERY_S
        lane.rewind(event.seq - 1)
        return None

    def deleted(self, seqs: Collection[int]) -> None:
        """They have left the database."""
        self._arrived.difference_update(seqs)
