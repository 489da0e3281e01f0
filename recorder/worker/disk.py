"""The threads that own the disk: row before file, bytes, hash, fdatasync, rename. The reader never waits for them.

Each segment has one thread from its `Opening` to its `Closed`, and there are two of
them: at a cut the next segment is opened, written and synced at once, while the one before still waits for its last
sound and is committed. `Opening`s go out in order, the daemon sees at most two of one camera open. What a disk does
not take at once waits in memory, bounded. Keeps S6 (synced at least every `sync_ms`, across cuts too), its part of L4
and S12.

Pure, and here because the disk's thread asks them: a camera's clocks against each other and against ours.

`Sync`: sound against picture, and the camera's wall clock against both. The picture's clock is the master and is
never touched. Each track counts from a zero of its own, so the sound needs an offset: first as the units arrive,
then, as soon as both tracks' RTCP sender reports agree with themselves, exactly. Without reports the arrivals go on
to count, for what they change: two clocks of a camera drift apart in a session of days. Each report says where its
track stood at an instant of the camera's wall clock. Cameras set that clock while RTP runs on, and the two tracks
report at different instants: therefore a step seen on either track makes all earlier reports void, and nothing is
believed until both have confirmed the new time. A step so changes neither track's time (S11).

`Timeline`: media time, which is that of the picture's track, to moments of this box. A camera's clock counts at its
own rate from its own zero. What we know is when pictures arrived: never before they were made. The smallest (arrival
- media time) of the last minute is therefore the best guess at the distance of the two clocks; delays of network and
buffers only make single arrivals later. The window lets a slow drift through, and where arrivals fall behind
steadily, because the camera's clock is far too slow, only the newest count. Boundaries are only ever asked one at a
time, each used as end of one segment and start of the next (S9: no holes).
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from recorder.words import messages
from recorder.words.messages import WAKE_MS, Abandoned, Closed, Ended, Granted, Opening, Refused, Terms
from recorder.worker.timestamp_repair import NS_PER_S
from storage.segments.segment_file import SegmentFile
from storage.words.errors import said
from storage.words.layout import segment_path
from storage.words.message import NOTHING, Message, message
from storage.words.model import GapCause, Moment

WRITERS: Final = 2
"""Threads that `Writer.run` is for: one for the segment that is recorded, one for that before it, which waits for its
last sound and its commit. A disk that hangs holds one of them and leaves the other for one more attempt."""
QUEUE_MAX_BYTES: Final = 64 << 20
"""Two minutes of a 4 Mbit/s camera. A disk further behind than that has failed for this segment."""
BATCH_BYTES: Final = 1 << 20
"""Written at a time. Bytes count as waiting until they are written, so this is no memory on top."""
SYNC_S: Final = (WAKE_MS - 50) / 1000
"""Between two syncs of a file at the least: bytes come once a look, and each time are synced at once."""
WAKES_ITSELF_S: Final = WAKE_MS / 1000 + 0.15
"""A thread that nobody wakes for so long looks whether there is something: whoever reads may hang in another camera."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(slots=True)
class _Segment:
    seq: int
    start: Moment
    terms: Terms
    news: SimpleQueue[None] = field(default_factory=SimpleQueue)
    """Wakes the thread that has it in hand. A condition would do the same for several times the processor time."""
    pieces: deque[bytes] = field(default_factory=deque)
    queued_bytes: int = 0
    answered: bool = False
    lost: Abandoned | None = None
    told: bool = False
    """The daemon knows that it is lost."""
    end: Moment | None = None
    frames: int = 0
    camera_offset_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LastCommitted:
    """The last segment that lies under its final name."""

    seq: int
    sha256: str


class Writer:
    """`begin`, `add`, `end` come from whoever reads the camera and never block; `answer` from whoever hears the daemon.

    A segment may begin before the one before it has ended. `run` is the body of `WRITERS` threads; they end when, after
    `finish`, everything is written and `Ended` is said.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        camera: str,
        sync_ms: int,
        last: LastCommitted,
        queue_max_bytes: int = QUEUE_MAX_BYTES,
    ) -> None:
        self._sock = sock
        self._camera = camera
        self._sync_s = min(sync_ms / 1000, SYNC_S)
        self._queue_max_bytes = queue_max_bytes
        self._turn = threading.Lock()
        """Held by the thread that waits for the next segment, until its `Opening` is said."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        """A segment began or is done with, or nothing more will come: for the thread whose turn it is."""
        self._begun: deque[_Segment] = deque()
        self._segments: dict[int, _Segment] = {}
        """All that are not done with, those of `_begun` included; by their numbers, which is their order."""
        self._slowest_sync_s = 0.0
        self._ended: Ended | None = None
        self._parted = False
        self._last = last

    @property
    def last_committed(self) -> LastCommitted:
        with self._lock:
            return self._last

    @property
    def queued_bytes(self) -> int:
        with self._lock:
            return sum(segment.queued_bytes for segment in self._segments.values())

    @property
    def is_behind(self) -> bool:
        """The disk has let go of none of the segments that are lost: the next one would be lost as well."""
        with self._lock:
            return sum(segment.lost is not None for segment in self._segments.values()) >= WRITERS

    def take_slowest_sync_ms(self) -> int:
        """The longest fdatasync since the last time this was asked."""
        with self._lock:
            slowest, self._slowest_sync_s = self._slowest_sync_s, 0.0
        return round(slowest * 1000)

    def begin(self, seq: int, start: Moment, terms: Terms) -> None:
        """A segment begins; bytes may follow at once. Numbers only grow."""
        with self._lock:
            segment = _Segment(seq, start, terms)
            self._segments[seq] = segment
            self._begun.append(segment)
            self._changed.notify_all()

    def add(self, seq: int, pieces: list[bytes]) -> None:
        """More bytes of a segment that was begun and not yet ended. Ignored once it is lost. Written after `wake`."""
        length = sum(map(len, pieces))
        if not length:
            return
        with self._lock:
            segment = self._segments.get(seq)
            if segment is None or segment.lost is not None or segment.end is not None:
                return
            segment.pieces.extend(pieces)
            segment.queued_bytes += length
            waiting = self.queued_bytes
            if waiting > self._queue_max_bytes:
                furthest = max(self._segments.values(), key=lambda one: one.queued_bytes)
                behind = message("session.disk-behind", "the disk is {mebibytes} MiB behind", mebibytes=waiting >> 20)
                self._lose(furthest, GapCause.IO_ERROR, behind)

    def wake(self) -> None:
        """Let what was added be written now, not only after `WAKES_ITSELF_S`."""
        with self._lock:
            for segment in self._segments.values():
                if segment.pieces:
                    segment.news.put(None)

    def end(self, seq: int, end: Moment, frames: int, camera_offset_ms: int | None) -> None:
        """The segment is complete. `camera_offset_ms`: the camera's clock minus ours, where it told."""
        with self._lock:
            segment = self._segments.get(seq)
            if segment is not None:
                segment.end, segment.frames, segment.camera_offset_ms = end, frames, camera_offset_ms
                segment.news.put(None)

    def is_lost(self, seq: int) -> bool:
        """Whether this segment, begun and not yet ended, was refused or abandoned."""
        with self._lock:
            segment = self._segments.get(seq)
            return segment is None or segment.lost is not None

    def answer(self, message: Granted | Refused) -> None:
        """The daemon's word on an `Opening`."""
        with self._lock:
            segment = self._segments.get(message.seq)
            if segment is not None:
                segment.answered = True
                if isinstance(message, Refused):
                    segment.told = True
                    self._lose(segment, message.cause, NOTHING)
                segment.news.put(None)

    def finish(self, ended: Ended) -> None:
        """Write what is left, say these last words, end. Only the first call counts."""
        with self._lock:
            self._ended = self._ended or ended
            self._changed.notify_all()

    def give_up(self) -> bool:
        """The disk hangs: these last words are said by somebody else. False: they are said already."""
        with self._lock:
            parted, self._parted = self._parted, True
        return not parted

    def drop(self) -> None:
        """Nobody hears any more: let go of all files as they are, and say nothing."""
        with self._lock:
            self._parted = True
            self._ended = self._ended or Ended(None)
            for segment in self._begun:
                del self._segments[segment.seq]
            self._begun.clear()
            for segment in self._segments.values():
                segment.answered = segment.told = True
                self._lose(segment, GapCause.DAEMON_CRASH, NOTHING)
            self._changed.notify_all()

    def run(self) -> None:
        """Body of each of the threads: one segment after the other, as they begin."""
        while (segment := self._next()) is not None:
            try:
                self._write(segment)
            finally:
                self._let_go(segment)

    def _next(self) -> _Segment | None:
        """The next segment, its `Opening` said; None when everything is written and said."""
        with self._turn:
            with self._lock:
                self._changed.wait_for(lambda: self._begun or (self._ended and not self._segments))
                segment = self._begun.popleft() if self._begun else None
            if segment is not None:
                start = segment.start
                opening = Opening(segment.seq, start.wall_ms, start.boottime_ms, segment.terms)
                try:
                    messages.send(self._sock, opening)
                except OSError:
                    self._let_go(segment)
                    raise
            elif self._ended is not None and not self._parted:
                self._parted = True
                messages.send(self._sock, self._ended)
            return segment

    def _let_go(self, segment: _Segment) -> None:
        """Nobody waits for it any more, also when its thread has a fault."""
        with self._lock:
            del self._segments[segment.seq]
            self._changed.notify_all()

    def _write(self, segment: _Segment) -> None:
        while not segment.answered:
            segment.news.get()
        if segment.lost is None:
            try:
                self._record(segment)
            except OSError as error:
                cause = GapCause.DISK_FULL if error.errno in _FULL else GapCause.IO_ERROR
                detail = message(
                    "session.disk-error", "{path}: {error}", path=segment.terms.volume_path, error=said(error)
                )
                with self._lock:
                    self._lose(segment, cause, detail)
        with self._lock:
            untold, segment.told = segment.lost if not segment.told else None, True
        if untold is not None:
            messages.send(self._sock, untold)

    def _record(self, segment: _Segment) -> None:
        """From `.part` to `Closed`, unless the segment is lost on the way."""
        relative = segment_path(self._camera, segment.start.wall_ms, segment.seq)
        file = SegmentFile.create(Path(segment.terms.volume_path), segment.terms.volume, relative)
        try:
            self._fill(file, segment)
            if segment.lost is None:
                self._commit(file, segment)
        finally:
            file.abandon()

    def _fill(self, file: SegmentFile, segment: _Segment) -> None:
        """Write what comes until the segment has ended or is lost; synced at once, but not oftener than `sync_ms`."""
        unsynced, due = False, 0.0
        while True:
            wait_s = max(0.0, due - time.monotonic()) if unsynced else WAKES_ITSELF_S
            if not segment.pieces and segment.end is None and segment.lost is None:
                with contextlib.suppress(Empty):
                    segment.news.get(timeout=wait_s)
            with self._lock:
                batch = _batch(segment)
                done = segment.lost is not None or (segment.end is not None and not batch)
            unsynced = unsynced or bool(batch)
            if done or not self._put(file, segment, batch):
                return
            if unsynced and time.monotonic() >= due:
                due = max(due + self._sync_s, time.monotonic())  # one slow sync delays no later one
                self._sync(file)
                unsynced = False

    def _sync(self, file: SegmentFile) -> None:
        begun = time.monotonic()
        file.sync()
        took = time.monotonic() - begun
        with self._lock:
            self._slowest_sync_s = max(self._slowest_sync_s, took)

    def _commit(self, file: SegmentFile, segment: _Segment) -> None:
        if segment.end is None:
            return
        sealed = file.commit()
        sha256 = sealed.sha256.hex()
        with self._lock:
            if segment.seq > self._last.seq:
                self._last = LastCommitted(segment.seq, sha256)
        end = segment.end
        closed = Closed(
            seq=segment.seq,
            end_wall_ms=end.wall_ms,
            end_boottime_ms=end.boottime_ms,
            bytes=sealed.bytes,
            sha256=sha256,
            parts=sealed.parts.count,
            parts_root=sealed.parts.root.hex(),
            video_frames=segment.frames,
            camera_offset_ms=segment.camera_offset_ms,
        )
        messages.send(self._sock, closed)

    def _lose(self, segment: _Segment, cause: GapCause, detail: Message) -> None:
        """With the lock held. Tells the daemon at once if it knows of the segment, because the disk may hang; the file
        is still locked then, so the daemon asks for it until it is free."""
        segment.lost = segment.lost or Abandoned(segment.seq, cause, detail)
        segment.pieces.clear()
        segment.queued_bytes = 0
        if segment.answered and not segment.told:
            segment.told = messages.offer(self._sock, segment.lost)
        segment.news.put(None)

    def _put(self, file: SegmentFile, segment: _Segment, batch: list[bytes]) -> bool:
        """Write the batch, and keep nothing of it: the thread waits next, and each camera's would hold one. False: the
        segment was lost meanwhile; its lock is let go of as soon as can be."""
        for piece in batch:
            if segment.lost is not None:
                return False
            file.write(piece)
        with self._lock:
            if segment.lost is None:
                segment.queued_bytes -= sum(map(len, batch))
        batch.clear()
        return True


def _batch(segment: _Segment) -> list[bytes]:
    """With the lock held: what is written next. It waits, and counts as waiting, until it is written."""
    batch: list[bytes] = []
    length = 0
    while segment.pieces and length < BATCH_BYTES:
        piece = segment.pieces.popleft()
        batch.append(piece)
        length += len(piece)
    return batch


STEP_NS: Final = NS_PER_S // 10
"""A report that is off by more from those before tells that the camera's clock was set."""
CONFIRMED: Final = 2
"""Reports of each track that must agree before they count."""
KEPT: Final = 3
"""Reports of each track that are weighed: their middle one holds, because some cameras stamp them carelessly."""
NEAR_NS: Final = 2 * NS_PER_S
"""Unconfirmed reports are believed if they say nearly what the arrivals say."""
ALIGNED_NS: Final = NS_PER_S
"""A camera that says where both tracks begin is believed if the arrivals do not say otherwise by more."""
SANE_NS: Final = 20 * NS_PER_S
"""Reports that move the sound further than this are of a camera whose tracks have different clocks."""
WATCHED_NS: Final = 60 * NS_PER_S
"""Of arrivals over so long the smallest delays are compared with those before: jitter and jams are shorter."""
DRIFT_NS: Final = NS_PER_S // 5
"""Where they have moved against each other by more, the tracks' clocks drift; with poor crystals after half an hour.
More than `segmenter.DRIFT_NS`, so that it asks for a cut."""


class Sync:
    """`arrived` until `settle`, `report` always; `offset_ns` added to the sound's time gives the picture's."""

    def __init__(self) -> None:
        self.offset_ns: int | None = None
        """None until it is known."""
        self.aligned = False
        """The camera says that both tracks count from the same instant."""
        self.lag_ns: int | None = None
        """How far behind its picture the sound came, over the last `WATCHED_NS`; None until there was one."""
        self._fixed = self._reported = False
        self._delays: dict[bool, int] = {}
        """The smallest: until it is settled of all, afterwards of this `WATCHED_NS`."""
        self._since_ns: int | None = None
        self._usual: int | None = None
        """How much later than the picture's the sound's smallest delay was."""
        self._walls: dict[bool, deque[int]] = {True: deque(maxlen=KEPT), False: deque(maxlen=KEPT)}

    def settle(self) -> None:
        """The first file with sound has begun."""
        if not self._fixed:
            self._fixed = True
            self._delays.clear()

    def arrived(self, *, video: bool, media_ns: int, arrival_ns: int) -> None:
        """A unit of this time of its own track arrived: the smallest delay tells most."""
        delay = arrival_ns - media_ns
        if self._fixed:
            self._follow(arrival_ns)
        known = self._delays.get(video)
        if known is None or delay < known:
            self._delays[video] = delay
            if not self._fixed:
                self._guess()

    def report(self, *, video: bool, media_ns: int, wall_ns: int) -> None:
        """When this track stood at `media_ns`, the camera's clock showed `wall_ns`."""
        wall_at_zero = wall_ns - media_ns
        own = self._walls[video]
        if own and abs(wall_at_zero - own[-1]) > STEP_NS:
            self._walls[not video].clear()
            own.clear()
        own.append(wall_at_zero)
        if not self._fixed:
            self._guess()
        if len(own) < CONFIRMED or len(self._walls[not video]) < CONFIRMED:
            return
        measured = self._measured()
        if self.offset_ns is not None and abs(measured - self.offset_ns) <= SANE_NS:
            self.offset_ns = measured
            self._reported = True

    def wall_at(self, media_ns: int) -> int | None:
        """What the camera's clock showed at this time of the picture; None while it tells none, or nonsense."""
        if self._walls[True]:
            wall_ns = self._walls[True][-1] + media_ns
        elif self._walls[False] and self.offset_ns is not None:
            wall_ns = self._walls[False][-1] + media_ns - self.offset_ns
        else:
            return None
        return wall_ns if wall_ns >= 0 else None

    def _measured(self) -> int:
        return _middle(self._walls[False]) - _middle(self._walls[True])

    def _follow(self, arrival_ns: int) -> None:
        """At the end of each `WATCHED_NS`: what the delays of both tracks say of their clocks."""
        if self._since_ns is None:
            self._since_ns = arrival_ns
        if arrival_ns - self._since_ns < WATCHED_NS:
            return
        self._since_ns = arrival_ns
        delays, self._delays = self._delays, {}
        if len(delays) < len(self._walls) or self.offset_ns is None:
            self.lag_ns = None
            return
        later = delays[False] - delays[True]
        self.lag_ns = later - self.offset_ns
        if self._reported:
            return
        if self._usual is None:
            self._usual = later
        elif abs(later - self._usual) > DRIFT_NS:
            self.offset_ns += later - self._usual
            self._usual = later

    def _guess(self) -> None:
        if len(self._delays) < len(self._walls):
            return
        guess = self._delays[False] - self._delays[True]
        if self.aligned and abs(guess) <= ALIGNED_NS:
            guess = 0
        if all(self._walls.values()):
            measured = self._measured()
            guess = measured if abs(measured - guess) <= NEAR_NS else guess
        self.offset_ns = guess


def _middle(values: deque[int]) -> int:
    return sorted(values)[len(values) // 2]


NS_PER_MS: Final = 1_000_000
BUCKET_NS: Final = 10_000_000_000
BUCKETS: Final = 6
"""One minute: at 100 ppm, a poor crystal, a boundary is then 6 ms late; congestion longer than that shifts it."""
CRAWL_NS: Final = 20_000_000
"""Arrivals that fall behind by more than this in each of the last buckets, 0.2 %, are of a clock that is too slow: no
crystal is so poor, and a network that jams comes to rest."""


class Timeline:
    """`feed` it the latest picture of every look at the network, ask it at boundaries."""

    def __init__(self, not_before: Moment) -> None:
        self._not_before_ms = not_before.boottime_ms
        self._smallest: deque[tuple[int, int]] = deque(maxlen=BUCKETS)
        self._offset_ns: int | None = None

    def feed(self, media_ns: int, arrival_ns: int) -> None:
        """A picture of this media time arrived at this boottime."""
        offset = arrival_ns - media_ns
        bucket = arrival_ns // BUCKET_NS
        if not self._smallest or self._smallest[-1][0] != bucket:
            self._smallest.append((bucket, offset))
        elif offset < self._smallest[-1][1]:
            self._smallest[-1] = (bucket, offset)
        else:
            return
        self._offset_ns = self._best()

    def _best(self) -> int:
        """The last bucket is still being filled: only the others tell whether the clock crawls."""
        smallest = [offset for _, offset in self._smallest]
        crawls = all(after - before > CRAWL_NS for before, after in pairwise(smallest[:-1]))
        return min(smallest[-2:]) if crawls and len(smallest) == BUCKETS else min(smallest)

    def media_at(self, boottime_ns: int) -> int | None:
        """The media time that was due at this boottime; None before the first packet."""
        return None if self._offset_ns is None else boottime_ns - self._offset_ns

    def boottime_at(self, media_ns: int) -> int | None:
        """When this media time was, in ns of this boot's clock; None before the first packet."""
        return None if self._offset_ns is None else media_ns + self._offset_ns

    def boundary(self, media_ns: int, now: Moment) -> Moment:
        """When this media time was shown: not after `now`, not before the last boundary; on `now`'s wall clock."""
        offset_ns = now.boottime_ms * NS_PER_MS - media_ns if self._offset_ns is None else self._offset_ns
        boottime_ms = min((media_ns + offset_ns) // NS_PER_MS, now.boottime_ms)
        boottime_ms = max(boottime_ms, self._not_before_ms)
        self._not_before_ms = boottime_ms
        return now.plus_ms(boottime_ms - now.boottime_ms)
