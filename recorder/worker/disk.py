"""The threads that own the disk: row before file, bytes, hash, fdatasync, rename. The reader never waits for them.

Imports the lean part of storage. Each segment has one thread from its `Opening` to its `Closed`, and there are two of
them: at a cut the next segment is opened, written and synced at once, while the one before still waits for its last
sound and is committed. `Opening`s go out in order, the daemon sees at most two of one camera open. What a disk does
not take at once waits in memory, bounded. Keeps S6 (synced at least every `sync_ms`, across cuts too), its part of L4
and S12.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from recorder.words import messages
from recorder.words.messages import Abandoned, Closed, Ended, Granted, Opening, Refused, Terms
from storage.segments.segment_file import SegmentFile
from storage.words.layout import segment_path
from storage.words.model import GapCause, Moment

WRITERS: Final = 2
"""Threads that `Writer.run` is for: one for the segment that is recorded, one for that before it, which waits for its
last sound and its commit. A disk that hangs holds one of them and leaves the other for one more attempt."""
QUEUE_MAX_BYTES: Final = 64 << 20
"""Two minutes of a 4 Mbit/s camera. A disk further behind than that has failed for this segment."""
BATCH_BYTES: Final = 1 << 20
"""Written at a time. Bytes count as waiting until they are written, so this is no memory on top."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(slots=True)
class _Segment:
    seq: int
    start: Moment
    terms: Terms
    news: threading.Condition
    """For the thread that has it in hand."""
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

    A segment may begin before the one before it has ended. `run` is the body of `HANDS` threads; one of them calls
    `exit_process` when, after `finish`, everything is written and `Ended` is said.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        camera: str,
        sync_ms: int,
        last: LastCommitted,
        exit_process: Callable[[], None],
        queue_max_bytes: int = QUEUE_MAX_BYTES,
    ) -> None:
        self._sock = sock
        self._camera = camera
        self._sync_s = sync_ms / 1000
        self._exit_process = exit_process
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

    @property
    def last_words(self) -> Ended | None:
        """Those that `finish` was given: they are said when everything is written."""
        with self._lock:
            return self._ended

    def take_slowest_sync_ms(self) -> int:
        """The longest fdatasync since the last time this was asked."""
        with self._lock:
            slowest, self._slowest_sync_s = self._slowest_sync_s, 0.0
        return round(slowest * 1000)

    def begin(self, seq: int, start: Moment, terms: Terms) -> None:
        """A segment begins; bytes may follow at once. Numbers only grow."""
        with self._lock:
            segment = _Segment(seq, start, terms, threading.Condition(self._lock))
            self._segments[seq] = segment
            self._begun.append(segment)
            self._changed.notify_all()

    def add(self, seq: int, pieces: list[bytes]) -> None:
        """More bytes of a segment that was begun and not yet ended. Ignored once it is lost."""
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
                self._lose(furthest, GapCause.IO_ERROR, f"the disk is {waiting >> 20} MiB behind")
            segment.news.notify_all()

    def end(self, seq: int, end: Moment, frames: int, camera_offset_ms: int | None) -> None:
        """The segment is complete. `camera_offset_ms`: the camera's clock minus ours, where it told."""
        with self._lock:
            segment = self._segments.get(seq)
            if segment is not None:
                segment.end, segment.frames, segment.camera_offset_ms = end, frames, camera_offset_ms
                segment.news.notify_all()

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
                    self._lose(segment, message.cause, "")
                segment.news.notify_all()

    def finish(self, ended: Ended) -> None:
        """Write what is left, say these last words, exit. Only the first call counts."""
        with self._lock:
            self._ended = self._ended or ended
            self._changed.notify_all()

    def run(self) -> None:
        """Body of each of the threads: one segment after the other, as they begin."""
        while (segment := self._next()) is not None:
            self._write(segment)
            with self._lock:
                del self._segments[segment.seq]
                self._changed.notify_all()

    def _next(self) -> _Segment | None:
        """The next segment, its `Opening` said; None when everything is written and said."""
        with self._turn:
            with self._lock:
                self._changed.wait_for(lambda: self._begun or (self._ended and not self._segments))
                segment = self._begun.popleft() if self._begun else None
            if segment is not None:
                start = segment.start
                messages.send(self._sock, Opening(segment.seq, start.wall_ms, start.boottime_ms, segment.terms))
            elif self._ended is not None and not self._parted:
                self._parted = True
                messages.send(self._sock, self._ended)
                self._exit_process()
            return segment

    def _write(self, segment: _Segment) -> None:
        with self._lock:
            segment.news.wait_for(lambda: segment.answered)
        if segment.lost is None:
            try:
                self._record(segment)
            except OSError as error:
                cause = GapCause.DISK_FULL if error.errno in _FULL else GapCause.IO_ERROR
                said = error.strerror or type(error).__name__
                with self._lock:
                    self._lose(segment, cause, f"{segment.terms.volume_path}: {said}")
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
            wait_s = max(0.0, due - time.monotonic()) if unsynced else None
            with self._lock:
                segment.news.wait_for(lambda: segment.pieces or segment.end or segment.lost, wait_s)
                batch = _batch(segment)
                done = segment.lost is not None or (segment.end is not None and not batch)
            if done:
                return
            for piece in batch:
                if segment.lost is not None:  # meanwhile: its lock is let go of as soon as can be
                    return
                file.write(piece)
            self._written(segment, batch)
            unsynced = unsynced or bool(batch)
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

    def _lose(self, segment: _Segment, cause: GapCause, detail: str) -> None:
        """With the lock held. Tells the daemon at once if it knows of the segment, because the disk may hang; the file
        is still locked then, so the daemon asks for it until it is free."""
        segment.lost = segment.lost or Abandoned(segment.seq, cause, detail)
        segment.pieces.clear()
        segment.queued_bytes = 0
        if segment.answered and not segment.told:
            segment.told = messages.offer(self._sock, segment.lost)
        segment.news.notify_all()

    def _written(self, segment: _Segment, batch: list[bytes]) -> None:
        with self._lock:
            if segment.lost is None:
                segment.queued_bytes -= sum(map(len, batch))


def _batch(segment: _Segment) -> list[bytes]:
    """With the lock held: what is written next. It waits, and counts as waiting, until it is written."""
    batch: list[bytes] = []
    length = 0
    while segment.pieces and length < BATCH_BYTES:
        piece = segment.pieces.popleft()
        batch.append(piece)
        length += len(piece)
    return batch
