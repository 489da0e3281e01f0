"""One session's talk with its worker: what it says, as facts for the store and events for the machine.

Decides nothing but what cannot be true. A worker parses what the network sends and is not trusted: it is believed only
about segments it was given, on terms it was told, at times that can be (S1, S9), and it is ended when it says anything
else.

A segment's way: `Opening` -> `PendingFacts.open` writes the row -> `Granted` -> the worker writes the file ->
`Closed` -> `PendingFacts.close` has the store enter it (`recorder.supervisor.backlog`) -> `Committed` for the
machine.

`TimeCheck` (pure) knows which times a worker may tell of. A start of long ago would let fresh footage be destroyed
(S1), an end in the future would swallow the gaps until then (S9): so a segment begins no earlier than anything told
before, the first one after its session began; it ends between its own start and that of the next, which may have
begun long before; nothing lies beyond now, nor on a wall clock that the daemon has not seen itself. `SessionStats`
(pure) keeps the reports of the session, and says what of them is worth a line in the journal.

`Subscription` is the daemon's end of what a worker hands out: tracks, packets and losses, read without waiting for
anybody else. There, too, what is no message of ours ends
the subscription, never the daemon (L4), and no more than one message is in memory at a time (S12). Who reads too
slowly loses packets at the worker's side.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import msgspec

from recorder.supervisor.backlog import PendingFacts, Result
from recorder.supervisor.processes import WorkerProcess
from recorder.supervisor.state import Committed, Event, HungUp, Misbehaved, Opened, Withheld
from recorder.words.messages import (
    Abandoned,
    Closed,
    Connected,
    Cut,
    Ended,
    FromWorker,
    Granted,
    Hole,
    Kind,
    Opening,
    Start,
    Stats,
    Terms,
    ToWorker,
    Watch,
)
from recorder.worker.fan_out import LENGTH_BYTES, MAX_FRAME_BYTES, Handed
from storage.words.clock import Clock
from storage.words.message import Message, Value, message
from storage.words.model import GapCause, Moment

log = logging.getLogger("edged.camera")
MAX_TEXT: Final = 300
"""Characters of a worker's text that are kept: some of it comes from the camera."""
MAX_VALUES: Final = 8
"""In it, and in a list among them."""
CODE: Final = re.compile(r"[a-z0-9.-]{1,64}")
NAME: Final = re.compile(r"[a-z_]{1,32}")
"""Of a value."""
MAX_ISSUED: Final = 64
"""Terms a worker may still use: they change with a clock step, a reload or a full volume, at most once a second, and a
segment that waits for its disk may be a minute old when it is asked for."""
MAX_OPEN: Final = 2
"""Segments in hand at a time: at a cut the next one is begun before the last one is committed."""
NOT_ITS_OWN: Final = message("session.not-its-own", "its recording process told of a segment that it was not given")
NO_SUCH_TIME: Final = message("session.no-such-time", "its recording process told of a time that cannot be")
UNTRUE: Final = message("session.untrue", "its recording process told of a segment what cannot be true")
DEAF: Final = message("session.deaf", "its recording process does not hear")
PAUSED: Final = message(
    "session.paused", "the camera sent no picture and went on. Check the camera's load and its network"
)


class WorkerSession:
    """From `Start` to the last word. Lives on the event loop."""

    def __init__(self, worker: WorkerProcess, start: Start, facts: PendingFacts, clock: Clock, began: Moment) -> None:
        """`began`: no time that is told lies before it."""
        self.worker = worker
        self.connected: Connected | None = None
        self.stats = SessionStats()
        self.recorded_ms = 0
        """Boottime of the newest picture in a segment, 0 before the first."""
        self._camera = start.camera
        self._facts = facts
        self._clock = clock
        self._began_ms = began.boottime_ms
        self._time_check = TimeCheck(began)
        self._issued = deque([start.terms], maxlen=MAX_ISSUED)
        self._next_seq = start.next_seq
        self._open: set[int] = set()
        """Segments the worker has in hand, whatever the store has been told."""
        self._deaf = False

    def set_terms(self, terms: Terms) -> None:
        """From the next segment on."""
        if terms != self._issued[-1]:
            self._issued.append(terms)
            self._send(terms)

    def cut(self) -> None:
        """Begin a new segment at the next key frame."""
        self._send(Cut())

    def _send(self, message: ToWorker) -> None:
        if not self.worker.send(message):
            self._deaf = True

    @property
    def complaint(self) -> Misbehaved | None:
        """What is wrong although it said nothing: an order that got lost leaves a worker that records on wrong terms.

        Said once.
        """
        deaf, self._deaf = self._deaf, False
        return Misbehaved(GapCause.WORKER_CRASH, DEAF) if deaf else None

    async def hear(
        self, said: FromWorker | Misbehaved | HungUp, opened: Callable[[Opened], Awaitable[None]]
    ) -> Event | None:
        """What it means for the machine; None for nothing. `opened` is told before the worker may write."""
        if isinstance(said, Stats):
            return self.count(said)
        self._time_check.observe_clock(self._clock.now())
        match said:
            case Opening():
                return await self._opening(said, opened)
            case Closed():
                return await self._closed(said)
            case Hole():
                return await self._hole(said)
            case _:
                return self._word(said)

    def _word(self, said: Abandoned | Connected | Ended | Misbehaved | HungUp) -> Event:
        """What the store need not know."""
        match said:
            case Abandoned() if said.seq not in self._open:
                return Misbehaved(GapCause.BAD_DATA, NOT_ITS_OWN)
            case Abandoned():
                self._put_down(said.seq)
                return msgspec.structs.replace(said, detail=clean(said.detail))
            case Connected():
                self.connected = msgspec.structs.replace(said, detail=clean(said.detail))
                return self.connected
            case Ended():
                return Ended(said.cause, clean(said.tried), clean(said.came_back), clean(said.check))
            case _:
                return said

    def count(self, stats: Stats) -> Stats:
        """Take its counters, which is all that they mean but that it lives."""
        now = self._clock.now()
        self._time_check.observe_clock(now)
        now_ms = now.boottime_ms
        if self._open:
            self.recorded_ms = max(self.recorded_ms, min(stats.last_frame_boottime_ms, now_ms))
        if remark := self.stats.take(stats, now_ms):
            log.warning("%s: %s", self._camera, remark)
        return stats

    async def _opening(self, opening: Opening, opened: Callable[[Opened], Awaitable[None]]) -> Event | None:
        if opening.seq != self._next_seq or opening.terms not in self._issued or len(self._open) >= MAX_OPEN:
            return Misbehaved(GapCause.WORKER_CRASH, NOT_ITS_OWN)
        start = Moment(opening.wall_ms, opening.boottime_ms)
        if not self._time_check.begins(opening.seq, start, self._clock.now()):
            return Misbehaved(GapCause.BAD_DATA, NO_SUCH_TIME)
        self._next_seq += 1
        answer, why = await self._facts.open(opening)
        if isinstance(answer, Granted):
            self._open.add(opening.seq)
            self.recorded_ms = max(self.recorded_ms, opening.boottime_ms)
            # Before the answer: whatever becomes of that, the row is there and is closed or salvaged.
            await opened(Opened(opening.seq))
        else:
            self._time_check.forget(opening.seq)
        if not self.worker.send(answer):
            return Misbehaved(GapCause.WORKER_CRASH, DEAF)
        return None if isinstance(answer, Granted) else Withheld(opening.seq, start, answer.cause, why)

    async def _closed(self, closed: Closed) -> Event | None:
        if closed.seq not in self._open:
            return Misbehaved(GapCause.BAD_DATA, NOT_ITS_OWN)
        end = Moment(closed.end_wall_ms, closed.end_boottime_ms)
        if not self._time_check.ends(closed.seq, end, self._clock.now()):
            return Misbehaved(GapCause.BAD_DATA, NO_SUCH_TIME)
        self._put_down(closed.seq)
        match await self._facts.close(closed):
            case Result.ENTERED:
                return Committed(closed.seq)
            case Result.WAITS:
                # Until it is entered the row is open: if that never comes about, it is salvaged with the session.
                return None
            case Result.UNTRUE:
                return Misbehaved(GapCause.BAD_DATA, UNTRUE)

    async def _hole(self, hole: Hole) -> Event | None:
        """Nothing for the machine: the session goes on, and so does the recording."""
        now = self._clock.now()
        if not hole.start_boottime_ms < hole.end_boottime_ms <= now.boottime_ms:
            return Misbehaved(GapCause.BAD_DATA, NO_SUCH_TIME)
        # What a camera had in store when we connected is older than the session: that time is told of already.
        start_ms = max(hole.start_boottime_ms, self._began_ms)
        lasted_ms = hole.end_boottime_ms - start_ms
        if lasted_ms > 0:
            start = now.plus_ms(start_ms - now.boottime_ms)
            await self._facts.hole(start, start.plus_ms(lasted_ms), PAUSED)
        return None

    def _put_down(self, seq: int) -> None:
        self._open.discard(seq)
        self._time_check.forget(seq)


def clean(told: Message) -> Message:
    """One printable line: what a camera answers ends up in logs, alarms and on a terminal."""
    if len(told.values) > MAX_VALUES or not CODE.fullmatch(told.code) or not all(map(NAME.fullmatch, told.values)):
        return Message(_line(told))
    return Message(_line(told), told.code, {name: _cleaned(value) for name, value in told.values.items()})


def _cleaned(value: Value) -> Value:
    if isinstance(value, Message):
        return clean(value)
    if isinstance(value, list):
        return [_line(one) for one in value[:MAX_VALUES]]
    return _line(value) if isinstance(value, str) else value


def _line(text: str) -> str:
    line = "".join(c if c.isprintable() else " " for c in text[:MAX_TEXT])
    return " ".join(line.split())


SLACK_MS: Final = 1_000
"""Of the wall clock, which may be stepped or slewed between the worker's look at it and ours."""


@dataclass(slots=True)
class _Span:
    start_ms: int
    next_ms: int | None = None
    """Where the next segment began."""


class TimeCheck:
    """One session's times: starts in the order of the segments, ends whenever they are known."""

    def __init__(self, began: Moment) -> None:
        self._told_ms = began.boottime_ms
        self._lowest_ms = self._highest_ms = began.wall_ms - began.boottime_ms
        self._spans: dict[int, _Span] = {}
        """Of the segments whose ends are awaited."""

    def observe_clock(self, now: Moment) -> None:
        """See how the wall clock stands; several times a minute."""
        offset_ms = now.wall_ms - now.boottime_ms
        self._lowest_ms = min(self._lowest_ms, offset_ms)
        self._highest_ms = max(self._highest_ms, offset_ms)

    def begins(self, seq: int, told: Moment, now: Moment) -> bool:
        """Whether this segment can begin there; if so, nothing that begins earlier is believed from now on."""
        possible = self._was_seen(told, now) and self._told_ms <= told.boottime_ms <= now.boottime_ms
        if possible:
            self._told_ms = told.boottime_ms
            for span in self._spans.values():
                span.next_ms = told.boottime_ms if span.next_ms is None else span.next_ms
            self._spans[seq] = _Span(told.boottime_ms)
        return possible

    def ends(self, seq: int, told: Moment, now: Moment) -> bool:
        """Whether this segment, of which `begins` was believed, can end there; it is told once."""
        span = self._spans.get(seq)
        if span is None:
            return False
        latest_ms = now.boottime_ms if span.next_ms is None else span.next_ms
        possible = span.start_ms <= told.boottime_ms <= latest_ms and self._was_seen(told, now)
        if possible:
            self.forget(seq)
            self._told_ms = max(self._told_ms, told.boottime_ms)
        return possible

    def forget(self, seq: int) -> None:
        """No end of this segment will be told: it was refused, or is abandoned."""
        self._spans.pop(seq, None)

    def _was_seen(self, told: Moment, now: Moment) -> bool:
        self.observe_clock(now)
        offset_ms = told.wall_ms - told.boottime_ms
        return self._lowest_ms - SLACK_MS <= offset_ms <= self._highest_ms + SLACK_MS


SAMPLES_MS: Final = 60_000
"""How far back samples go: enough for a frame rate and for the 30 s of "degraded"."""
MAX_SAMPLES: Final = 128
"""A report a second for `SAMPLES_MS`, twice over."""
REMARK_MS: Final = 60_000
"""How often it is said that packets were mended or lost: a bad network does it all day."""
BEHIND_BYTES: Final = 16 << 20
"""A quarter of what may wait for the disk before its segment is given up."""


class SessionStats:
    """Begins anew with each session."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, Stats]] = deque(maxlen=MAX_SAMPLES)
        self._repaired = self._dropped = self._lost = 0
        self._remarked_ms: int | None = None

    @property
    def samples(self) -> tuple[tuple[int, Stats], ...]:
        """With the boottime at which they were true, oldest first."""
        return tuple(self._samples)

    def take(self, stats: Stats, now_ms: int) -> str:
        """Keep a report; what to remark upon, "" for nothing.

        It counts for when the worker made it: after we hung, many are heard at one instant. What a worker says of time
        is believed only where it can be.
        """
        last_ms = self._samples[-1][0] if self._samples else 0
        at_ms = max(last_ms, min(stats.boottime_ms or now_ms, now_ms))
        self._samples.append((at_ms, stats))
        while self._samples[0][0] < at_ms - SAMPLES_MS:
            self._samples.popleft()
        if self._remarked_ms is not None and now_ms - self._remarked_ms < REMARK_MS:
            return ""
        remarks = []
        if stats.repaired > self._repaired:
            remarks.append(f"timestamps of {stats.repaired - self._repaired} packets were mended")
        if stats.dropped > self._dropped:
            remarks.append(f"{stats.dropped - self._dropped} packets could not be kept")
        if stats.lost_packets > self._lost:
            remarks.append(f"{stats.lost_packets - self._lost} packets never arrived")
        if stats.queued_bytes > BEHIND_BYTES:
            remarks.append(f"{stats.queued_bytes >> 20} MiB wait for the disk")
        if remarks:
            self._remarked_ms = now_ms
            self._repaired, self._dropped, self._lost = stats.repaired, stats.dropped, stats.lost_packets
        return ", ".join(remarks)


_READ_BYTES: Final = 1 << 18
"""At a time: what a socket of Linux holds."""
_DECODER: Final[msgspec.msgpack.Decoder[Handed]] = msgspec.msgpack.Decoder(Handed)


class Subscription:
    """An asynchronous iterator over what one session hands out; it ends with the session. Close it, or use `with`."""

    def __init__(self, sock: socket.socket | None) -> None:
        """Use `watch`. Without a socket it is over at once."""
        self._sock = sock
        self._buffer = bytearray()
        self._reading = False
        if sock is not None:
            sock.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Handed:
        while (data := self._whole()) is None:
            if self._sock is None or not await self._read(self._sock):
                self.close()
                raise StopAsyncIteration
        try:
            return _DECODER.decode(data)
        except ValueError:  # also UnicodeDecodeError
            log.warning("a worker handed out %d bytes that are no message; it is watched no longer", len(data))
            self.close()
            raise StopAsyncIteration from None

    def close(self) -> None:
        """The worker notices by itself. Whoever is reading comes to the end."""
        if self._sock is not None and self._reading:
            # The loop still looks at it: it is closed when the reader has noticed.
            with suppress(OSError):  # the worker was first
                self._sock.shutdown(socket.SHUT_RDWR)
            return
        sock, self._sock = self._sock, None
        self._buffer.clear()
        if sock is not None:
            sock.close()

    def _whole(self) -> bytes | None:
        """The next message, if all of it is here."""
        if len(self._buffer) < LENGTH_BYTES:
            return None
        end = LENGTH_BYTES + int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
        if end > LENGTH_BYTES + MAX_FRAME_BYTES:
            log.warning("a worker announced a message of %d bytes; it is watched no longer", end - LENGTH_BYTES)
            self.close()
            return None
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            data = bytes(view[LENGTH_BYTES:end])
        del self._buffer[:end]
        return data

    async def _read(self, sock: socket.socket) -> bool:
        """False at the end of the session, however it ended."""
        self._reading = True
        try:
            data = await asyncio.get_running_loop().sock_recv(sock, _READ_BYTES)
        except OSError:
            return False
        finally:
            self._reading = False
        self._buffer += data
        return bool(data)


def watch(worker: WorkerProcess, what: Kind) -> Subscription:
    """Ask a worker for copies. One that does not hear, or has too many watchers, gives a subscription that is over; so
    does a daemon that has no descriptor left.
    """
    try:
        ours, theirs = socket.socketpair()
    except OSError:
        return Subscription(None)
    with theirs:
        if worker.send(Watch(what), theirs.fileno()):
            return Subscription(ours)
    ours.close()
    return Subscription(None)
