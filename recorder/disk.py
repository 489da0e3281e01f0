"""The thread that owns the disk: row before file, bytes, hash, fdatasync, rename. The reader never waits for it.

Imports the lean part of storage. Segments are written strictly one after the other: `Opening`, the daemon's answer, the
`.part`, commit, `Closed`, then the next `Opening`, so the daemon never sees two of one camera open. What arrives in
the meantime waits in memory, bounded. Keeps S6 (synced at least every `sync_ms`), its part of L4 and S12.
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

from recorder import wire
from recorder.messages import Abandoned, Closed, Ended, Granted, Opening, Refused, Terms
from storage.layout import segment_path
from storage.model import GapCause, Moment
from storage.segmentfile import SegmentFile

QUEUE_MAX_BYTES: Final = 64 << 20
"""Two minutes of a 4 Mbit/s camera. A disk further behind than that has failed for this segment."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(slots=True)
class _Segment:
    seq: int
    start: Moment
    terms: Terms
    pieces: deque[bytes] = field(default_factory=deque)
    answered: bool = False
    lost: Abandoned | None = None
    told: bool = False
    """The daemon knows that it is lost."""
    end: Moment | None = None
    frames: int = 0


@dataclass(frozen=True, slots=True)
class Committed:
    """The last segment that lies under its final name."""

    seq: int
    sha256: str


class Writer:
    """`begin`, `add`, `end` come from whoever reads the camera and never block; `answer` from whoever hears the daemon.

    `exit_process` is called by the thread when, after `finish`, everything is written and `Ended` is said.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        camera: str,
        sync_ms: int,
        last: Committed,
        exit_process: Callable[[], None],
        queue_max_bytes: int = QUEUE_MAX_BYTES,
    ) -> None:
        self._sock = sock
        self._camera = camera
        self._sync_s = sync_ms / 1000
        self._exit_process = exit_process
        self._queue_max_bytes = queue_max_bytes
        self._changed = threading.Condition()
        self._segments: deque[_Segment] = deque()
        self._queued_bytes = 0
        self._slowest_sync_s = 0.0
        self._ended: Ended | None = None
        self._last = last

    @property
    def last_committed(self) -> Committed:
        with self._changed:
            return self._last

    @property
    def queued_bytes(self) -> int:
        with self._changed:
            return self._queued_bytes

    @property
    def is_behind(self) -> bool:
        """The disk has not yet let go of a segment that is lost: the next one would be lost as well."""
        with self._changed:
            return any(segment.lost is not None for segment in self._segments)

    @property
    def last_words(self) -> Ended | None:
        """Those that `finish` was given: they are said when everything is written."""
        with self._changed:
            return self._ended

    def take_slowest_sync_ms(self) -> int:
        """The longest fdatasync since the last time this was asked."""
        with self._changed:
            slowest, self._slowest_sync_s = self._slowest_sync_s, 0.0
        return round(slowest * 1000)

    def begin(self, seq: int, start: Moment, terms: Terms) -> None:
        """A segment begins; bytes may follow at once."""
        with self._changed:
            self._segments.append(_Segment(seq, start, terms))
            self._changed.notify_all()

    def add(self, pieces: list[bytes]) -> None:
        """More bytes of the segment that was begun last. Ignored once it is lost."""
        length = sum(map(len, pieces))
        if not length:
            return
        with self._changed:
            segment = self._segments[-1] if self._segments else None
            if segment is None or segment.lost is not None or segment.end is not None:
                return
            if self._queued_bytes + length > self._queue_max_bytes:
                self._lose(segment, GapCause.IO_ERROR, f"the disk is {self._queued_bytes >> 20} MiB behind")
            else:
                segment.pieces.extend(pieces)
                self._queued_bytes += length
            self._changed.notify_all()

    def end(self, end: Moment, frames: int) -> None:
        """The segment that was begun last is complete."""
        with self._changed:
            if self._segments:
                self._segments[-1].end, self._segments[-1].frames = end, frames
            self._changed.notify_all()

    def is_lost(self, seq: int) -> bool:
        """Whether this segment, begun and not yet ended, was refused or abandoned."""
        with self._changed:
            return not any(segment.seq == seq and segment.lost is None for segment in self._segments)

    def answer(self, message: Granted | Refused) -> None:
        """The daemon's word on an `Opening`."""
        with self._changed:
            for segment in self._segments:
                if segment.seq == message.seq:
                    segment.answered = True
                    if isinstance(message, Refused):
                        segment.told = True
                        self._lose(segment, message.cause, "")
            self._changed.notify_all()

    def finish(self, ended: Ended) -> None:
        """Write what is left, say these last words, exit. Only the first call counts."""
        with self._changed:
            self._ended = self._ended or ended
            self._changed.notify_all()

    def run(self) -> None:
        """Body of the thread."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._segments or self._ended)
                segment = self._segments[0] if self._segments else None
            if segment is None:
                break
            self._write(segment)
            with self._changed:
                self._segments.popleft()
        if self._ended is not None:
            wire.send(self._sock, self._ended)
        self._exit_process()

    def _write(self, segment: _Segment) -> None:
        start = segment.start
        wire.send(self._sock, Opening(segment.seq, start.wall_ms, start.boottime_ms, segment.terms))
        with self._changed:
            self._changed.wait_for(lambda: segment.answered)
        if segment.lost is None:
            try:
                self._record(segment)
            except OSError as error:
                cause = GapCause.DISK_FULL if error.errno in _FULL else GapCause.IO_ERROR
                said = error.strerror or type(error).__name__
                with self._changed:
                    self._lose(segment, cause, f"{segment.terms.volume_path}: {said}")
        with self._changed:
            untold, segment.told = segment.lost if not segment.told else None, True
        if untold is not None:
            wire.send(self._sock, untold)

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
        """Write what comes until the segment has ended or is lost; nothing stays unsynced longer than `sync_ms`."""
        unsynced_since: float | None = None
        while True:
            wait_s = None
            if unsynced_since is not None:
                wait_s = max(0.0, unsynced_since + self._sync_s - time.monotonic())
            with self._changed:
                self._changed.wait_for(lambda: segment.pieces or segment.end or segment.lost, wait_s)
                pieces = list(segment.pieces)
                self._forget_pieces(segment)
                done = segment.lost is not None or (segment.end is not None and not pieces)
            if done:
                return
            for piece in pieces:
                if segment.lost is not None:  # meanwhile: its lock is let go of as soon as can be
                    return
                file.write(piece)
            now = time.monotonic()
            if unsynced_since is None and pieces:
                unsynced_since = now
            if unsynced_since is not None and now >= unsynced_since + self._sync_s:
                unsynced_since = None
                self._sync(file)

    def _sync(self, file: SegmentFile) -> None:
        begun = time.monotonic()
        file.sync()
        took = time.monotonic() - begun
        with self._changed:
            self._slowest_sync_s = max(self._slowest_sync_s, took)

    def _commit(self, file: SegmentFile, segment: _Segment) -> None:
        if segment.end is None:
            return
        sealed = file.commit()
        sha256 = sealed.sha256.hex()
        with self._changed:
            self._last = Committed(segment.seq, sha256)
        end = segment.end
        wire.send(
            self._sock,
            Closed(segment.seq, end.wall_ms, end.boottime_ms, sealed.bytes, sha256, segment.frames),
        )

    def _lose(self, segment: _Segment, cause: GapCause, detail: str) -> None:
        """With the lock held. Tells the daemon at once if it knows of the segment, because the disk may hang; the file
        is still locked then, so the daemon asks for it until it is free."""
        segment.lost = segment.lost or Abandoned(segment.seq, cause, detail)
        self._forget_pieces(segment)
        if segment.answered and not segment.told:
            segment.told = wire.offer(self._sock, segment.lost)
        self._changed.notify_all()

    def _forget_pieces(self, segment: _Segment) -> None:
        """With the lock held."""
        self._queued_bytes -= sum(map(len, segment.pieces))
        segment.pieces.clear()
