"""What of the outbox is sent next, and what of it has arrived. Pure: no clock, no socket, no database.

The rows lie in the database (`storage.outbox.table`) and leave it only once the broker says that it passes them on
to somebody (PUBACK 0x00; MQTT 3.1.1 does not tell, there its PUBACK has to do). Highest rank first: a new alarm
overtakes a month of history. Within a kind, which is a topic, order is kept whatever the broker answers, because one
event of each is under way at a time. When nobody listens (0x10) or the broker turns it down, the kind rests and that
event is tried again once a minute. What was under way when a connection ended is sent again, under its own id.

`OutboxSender` is the shell: it reads the rows, and deletes them once they have arrived. It lives on the event loop and
is asked at each step of a connection; the database is read on a thread and written by its own. One thing at a time, so
that what is read was never deleted meanwhile. A database that fails is asked again later: the link goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from mqtt.connection.broker_connection import Delivery
from storage.outbox.table import RANKS, Event, EventKind
from storage.words.errors import StoreError

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


log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0
"""How soon an event is on its way."""
DELETE_EVERY_S: Final = 1.0
"""What arrived meanwhile leaves in one commit."""
TELL_EVERY_S: Final = 3600.0
"""What gave way for want of room; and at each connection."""
PATIENCE_S: Final = 5.0
"""After the database failed."""


class Post(Protocol):
    """Where events wait for the centre; `storage.outbox.table.Outbox` is some. Reads block; all may fail with
    StoreError."""

    def last(self) -> int: ...
    def following(self, kind: EventKind, after: int, limit: int) -> list[Event]: ...
    def done(self, seqs: Collection[int]) -> Future[None]: ...
    def tell_evicted(self) -> Future[bool]: ...


class OutboxSender:
    """Of one link. `look` at least once a second while connected."""

    def __init__(self, post: Post, outbox: Outbox, wake: Callable[[], object]) -> None:
        """`wake` is called when there may be something to `look` at."""
        self._post = post
        self._outbox = outbox
        self._wake = wake
        self._job: asyncio.Future[Any] | None = None
        self._then: Callable[[Any], None] = _nothing
        self._asks: Sequence[Ask] = ()
        self._last = 0
        self._look_at_s = self._delete_at_s = self._tell_at_s = self._idle_until_s = 0.0
        self._failing = False

    def connected(self, now_s: float) -> None:
        """A new connection."""
        self._look_at_s = self._tell_at_s = now_s

    def look(self, now_s: float) -> None:
        """Take in what was done, and begin what is next."""
        if self._job is not None:
            if not self._job.done():
                return
            job, self._job = self._job, None
            self._take_in(job, now_s)
        if now_s >= self._idle_until_s:
            self._begin(now_s)

    def flush(self) -> None:
        """The connection is over: what has arrived leaves the database, whether anybody waits for it or not."""
        if arrived := self._outbox.arrived:
            self._deletion(arrived)

    def _begin(self, now_s: float) -> None:
        if now_s >= self._tell_at_s:
            self._tell_at_s = now_s + TELL_EVERY_S
            self._do(asyncio.wrap_future(self._post.tell_evicted()))
        elif now_s >= self._delete_at_s and (arrived := self._outbox.arrived):
            self._delete_at_s = now_s + DELETE_EVERY_S
            self._do(self._deletion(arrived))
        elif (asks := self._outbox.asks(now_s)) or now_s >= self._look_at_s:
            self._look_at_s, self._asks = now_s + LOOK_EVERY_S, asks
            self._do(asyncio.get_running_loop().run_in_executor(None, _read, self._post, asks), self._handed)

    def _do(self, job: asyncio.Future[Any], then: Callable[[Any], None] | None = None) -> None:
        self._job, self._then = job, then or _nothing
        job.add_done_callback(self._did)

    def _did(self, job: asyncio.Future[Any]) -> None:
        if not job.cancelled():
            job.exception()  # seen: nobody may look for it any more
        self._wake()

    def _deletion(self, seqs: list[int]) -> asyncio.Future[None]:
        deletion = asyncio.wrap_future(self._post.done(seqs))
        deletion.add_done_callback(partial(self._deleted, seqs))
        return deletion

    def _deleted(self, seqs: list[int], deletion: asyncio.Future[None]) -> None:
        if not deletion.cancelled() and deletion.exception() is None:
            self._outbox.deleted(seqs)

    def _take_in(self, job: asyncio.Future[Any], now_s: float) -> None:
        try:
            self._then(job.result())
        except StoreError as error:
            for ask in self._asks:
                self._outbox.missed(ask)
            self._idle_until_s = now_s + PATIENCE_S
            if not self._failing:
                log.warning("events for the centre cannot be read or deleted at the moment: %s", error)
            self._failing = True
        else:
            self._failing = False
        self._asks = ()

    def _handed(self, read: tuple[int, list[list[Event]]]) -> None:
        last, pages = read
        for ask, page in zip(self._asks, pages, strict=True):
            self._outbox.hand(ask, page)
        if last != self._last:
            self._last = last
            self._outbox.news()


def _nothing(_result: object) -> None:
    """What follows most things."""


def _read(post: Post, asks: Sequence[Ask]) -> tuple[int, list[list[Event]]]:
    """On a thread. The number of the last event comes first: what is entered meanwhile is news the next time."""
    return post.last(), [post.following(ask.kind, ask.after, ask.limit) for ask in asks]
