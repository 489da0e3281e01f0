"""Which message goes to the broker next: state and events share one window and one pace. Pure but for `OutboxSender`.

Begin with `SendQueue`.

First what greets the broker, then state and events in turns, so that neither flapping cameras nor a month of history
starve the other. What is under way is counted here (`InFlight`), because paho forgets its window at a reconnect and
sends everything at once: paho never holds more than the window.

Of retained state (`RetainedState`) the newest per topic wins: of a camera that changed ten times during an outage, the
centre gets the last. All of it is owed again at each connection, because a broker may come back without its memory.

`Outbox` says what of the events that wait for the centre is sent next, and what has arrived. Their rows lie in the
database (`storage.outbox.table`) and leave it only once the broker says that it passes them on to somebody (PUBACK
0x00; MQTT 3.1.1 does not tell, there its PUBACK has to do). Highest rank first: a new alarm overtakes a month of
history. Within a kind, which is a topic, order is kept whatever the broker answers, because one event of each is under
way at a time. When nobody listens (0x10) or the broker turns it down, the kind rests and that event is tried again once
a minute. What was under way when a connection ended is sent again, under its own id.

`OutboxSender` is the shell: it reads the rows, and deletes them once they have arrived. It lives on the event loop and
is asked at each step of a connection; the database is read on a thread and written by its own. One thing at a time, so
that what is read was never deleted meanwhile. A database that fails is asked again later: the link goes on.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from mqtt.connection import WINDOW, Delivery
from mqtt.contract import events
from mqtt.contract.messages import Publication
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
    StoreError. `commits` does neither: as long as it is the same, `last` is."""

    @property
    def commits(self) -> int: ...
    def last(self) -> int: ...
    def following(self, kind: EventKind, after: int, limit: int) -> list[Event]: ...
    def done(self, seqs: Collection[int]) -> Future[None]: ...
    def tell_evicted(self) -> Future[bool]: ...


class OutboxSender:
    """Of one link. `poll` at least once a second while connected."""

    def __init__(self, post: Post, outbox: Outbox, wake: Callable[[], object]) -> None:
        """`wake` is called when there may be something for `poll` to do."""
        self._post = post
        self._outbox = outbox
        self._wake = wake
        self._job: asyncio.Future[Any] | None = None
        self._then: Callable[[Any], None] = _nothing
        self._asks: Sequence[Ask] = ()
        self._last = 0
        self._looked_at: int | None = None
        """Of so many commits; None: look again whatever was committed."""
        self._look_at_s = self._delete_at_s = self._tell_at_s = self._idle_until_s = 0.0
        self._failing = False

    def connected(self, now_s: float) -> None:
        """A new connection."""
        self._looked_at = None
        self._look_at_s = self._tell_at_s = now_s

    def poll(self, now_s: float) -> None:
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
        elif (asks := self._outbox.asks(now_s)) or (now_s >= self._look_at_s and self._post.commits != self._looked_at):
            self._look_at_s, self._asks, self._looked_at = now_s + LOOK_EVERY_S, asks, self._post.commits
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
            self._idle_until_s, self._looked_at = now_s + PATIENCE_S, None
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
MAX_TOPICS: Final = 4096
"""Two topics for each camera and one for each volume ever configured in this run; 64 cameras are 130.
Beyond, the oldest gives way."""
ANSWERS_MAX: Final = 64
"""Answers that wait: nobody asks so much at a time. Beyond, the oldest gives way: who asked has given up by then."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message, and the event that it tells of, if any; `short`: only that there is one, too large for the broker."""

    message: Publication
    event: Event | None = None
    short: bool = False


class SendQueue:
    """Use: `take`, hand it to the connection, `sent`; then `answered`."""

    def __init__(self, node: str) -> None:
        self.state: Final = RetainedState()
        self.outbox: Final = Outbox()
        self._node = node
        self._in_flight = InFlight()
        self._largest: float = math.inf
        self._pace = Pace()
        self._flying: dict[int, Outgoing] = {}
        self._events_turn = False
        self._leaving = False

    def connected(self, greeting: Iterable[Publication], granted: int, largest: float = math.inf) -> None:
        """A new connection, whose broker takes so many messages unacknowledged, of so many bytes at most."""
        self._largest = largest
        self._flying.clear()
        self._in_flight.open(granted)
        self._leaving = False
        self.state.connected(greeting)
        self.outbox.connected()

    def leave(self, farewell: Publication, last: str = "") -> None:
        """Only what `RetainedState.leave` leaves is still to be said, as fast as it can be; events keep."""
        self._leaving = True
        self.state.leave(farewell, last)

    def take(self, now_s: float) -> Outgoing | None:
        """The next to be sent, now."""
        if not self._in_flight.room:
            return None
        if self._leaving:
            return self._of_state()
        if self._pace.due_s(now_s) > 0:
            return None
        outgoing = self._next(now_s)
        if outgoing is not None:
            self._pace.take(now_s)
        return outgoing

    def due_s(self, now_s: float) -> float:
        """The next may go after so long, if there is one."""
        return self._pace.due_s(now_s)

    def _next(self, now_s: float) -> Outgoing | None:
        if self.state.greeting and (greeting := self._of_state()) is not None:
            return greeting
        event = self._of_outbox(now_s) if self._events_turn else None
        outgoing = event or self._of_state() or self._of_outbox(now_s)
        self._events_turn = outgoing is not None and outgoing.event is None
        return outgoing

    def _of_state(self) -> Outgoing | None:
        message = self.state.take()
        return None if message is None else Outgoing(message)

    def _of_outbox(self, now_s: float) -> Outgoing | None:
        event = self.outbox.take(now_s)
        if event is None:
            return None
        message = events.publication(self._node, event)
        if (size := _size(message)) <= self._largest:
            return Outgoing(message, event)
        return Outgoing(events.short(self._node, event, size, int(self._largest)), event, short=True)

    def sent(self, mid: int, outgoing: Outgoing, now_s: float) -> None:
        """`take`n, and handed to the connection under that id."""
        self._flying[mid] = outgoing
        self._in_flight.sent(mid, _size(outgoing.message), now_s)
        if outgoing.event is None:
            self.state.sent(mid, outgoing.message)
        else:
            self.outbox.sent(mid, outgoing.event)

    def answered(self, mid: int, word: Delivery, now_s: float) -> Outgoing | None:
        """What this answer was for; None: for none of ours."""
        outgoing = self._flying.pop(mid, None)
        self._in_flight.answered(mid)
        self.outbox.answered(mid, word, now_s)
        self.state.acknowledged(mid)
        return outgoing

    def stalled(self, now_s: float) -> bool:
        """Something waits for its answer for too long."""
        return self._in_flight.stalled(now_s)


def _size(message: Publication) -> int:
    return len(message.topic.encode()) + len(message.payload)


class InFlight:
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


class RetainedState:
    """What is to be shown under each topic. A message that takes a topic away leaves the board once it has arrived."""

    def __init__(self) -> None:
        self._newest: dict[str, Publication] = {}
        self._owed: dict[str, None] = {}  # an ordered set
        self._flying: dict[int, Publication] = {}
        self._answers: deque[Publication] = deque(maxlen=ANSWERS_MAX)
        self._withheld = ""
        self._unsaid = 0

    @property
    def waiting(self) -> int:
        """Messages that have not been acknowledged."""
        return len(self._owed) + len(self._flying) + len(self._answers)

    def withhold(self, topic: str) -> None:
        """Nothing is sent under this topic until it is released: what the broker has of it is looked at first."""
        self._withheld = topic

    def release(self) -> None:
        self._withheld = ""

    def put(self, message: Publication) -> None:
        if message.topic not in self._newest and len(self._newest) >= MAX_TOPICS:
            oldest = next(iter(self._newest))
            del self._newest[oldest]
            self._owed.pop(oldest, None)
        self._newest[message.topic] = message
        self._owed.setdefault(message.topic)

    def answer(self, message: Publication) -> None:
        """Not kept by the broker: to be said once to whoever listens, before any state."""
        self._answers.append(message)

    def connected(self, greeting: Iterable[Publication]) -> None:
        """A new connection: the greeting first and in its order, then whatever else is on the board."""
        unheard = [message for message in self._flying.values() if not message.retain]
        self._answers = deque([*unheard, *self._answers], maxlen=ANSWERS_MAX)
        self._flying.clear()
        self._owed.clear()
        for message in greeting:
            self.put(message)
        for topic in self._newest:
            self._owed.setdefault(topic)
        self._unsaid = len(self._owed)

    @property
    def greeting(self) -> bool:
        """Of what was owed at the beginning of the connection, not all has been sent."""
        return self._unsaid > 0

    def leave(self, farewell: Publication, last: str = "") -> None:
        """Only this is still to be said, and before it answers, and what waits under `last`, unless it is withheld."""
        owed = last in self._owed and last != self._withheld
        self._owed.clear()
        if owed:
            self._owed[last] = None
        self.put(farewell)

    def take(self) -> Publication | None:
        """The next message to send, if any may be; one in flight per topic, so that none overtakes another."""
        if self._answers:
            return self._answers.popleft()
        busy = {self._withheld, *(message.topic for message in self._flying.values())}
        for topic in self._owed:
            if topic not in busy:
                del self._owed[topic]
                self._unsaid -= 1
                return self._newest[topic]
        return None

    def sent(self, mid: int, message: Publication) -> None:
        """`take`n, and handed to the connection under that id."""
        self._flying[mid] = message

    def acknowledged(self, mid: int) -> Publication | None:
        """The message that this acknowledgement is for; None if it is for none of ours."""
        message = self._flying.pop(mid, None)
        if message is not None and not message.payload and self._newest.get(message.topic) is message:
            del self._newest[message.topic]
        return message
