"""What of a fragmented MP4 survived: where its last whole fragment ends, and what there is up to there.

Imports the standard library and `storage.segments.mp4_index`. Reads what `recorder.mp4` writes, and what libav
writes with `+frag_keyframe+delay_moov+default_base_moof`, as MP4 or QuickTime (G.711 needs the latter): ftyp, moov,
then moof and mdat by turns, a prft before moof where the camera told its clock, and mfra at the end. Part of S6:
after a power cut a `.part` is cut at `whole_bytes`, and what remains plays. The file may be anything, so every
length is checked against what contains it, and no more than one index box is ever in memory. Pages are written back
in any order, so the last fragments are also searched for pictures that are not there.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Final

from storage.segments.mp4_index import Fragment, Movie, Mp4Damaged, check_trailer, read_fragment, read_movie, u32, u64

__all__ = ["MAX_INDEX_BYTES", "Box", "Mp4Damaged", "Mp4Summary", "next_box", "summary"]

MAX_INDEX_BYTES: Final = 4 << 20
"""Largest moov or moof that is read. Real ones have 2 KiB; a minute of 60 fps video and sound in one moof has 100."""
MAX_DURATION_MS: Final = 24 * 3_600_000
"""A segment is cut after minutes. A fragment that claims to end later than a day after the first is not ours."""

CHECKED_FRAGMENTS: Final = 64
"""The last half minute. What is older was synced, often and long ago: a hole can only be in what never was."""
HOLE: Final = bytes(1024)
"""A page that never reached the disk reads as 4096 zeros. H.264 and H.265 keep three zeros in a row out of their data;
encoders that pad their units with zeros do so by less than this."""
CHUNK_BYTES: Final = 1 << 20
"""How much of the footage is in memory at once while holes are looked for."""

_BEFORE_MOOV: Final = frozenset({b"ftyp", b"free", b"skip", b"wide", b"uuid"})
_BETWEEN_FRAGMENTS: Final = frozenset({b"free", b"skip", b"wide", b"uuid", b"styp", b"sidx", b"prft", b"emsg"})


@dataclass(frozen=True, slots=True)
class Mp4Summary:
    """A file up to its last whole fragment."""

    whole_bytes: int
    """End of the last whole moof + mdat, or of a whole mfra behind it; 0 if not even one fragment is whole."""
    duration_ms: int
    """Of the video track up to there."""
    video_frames: int
    comment: str | None


@dataclass(frozen=True, slots=True)
class Box:
    """A box at the top level, by where it lies in the file."""

    kind: bytes
    at: int
    body: int
    end: int


def summary(file: BinaryIO) -> Mp4Summary:
    """Walk the boxes of `file`, which must be seekable. Raises `Mp4Damaged`, or `OSError` if the disk fails.

    An empty file, or the beginning of a good one without a whole fragment, has `whole_bytes` 0: it holds no footage.
    """
    size = file.seek(0, os.SEEK_END)
    at = 0
    while True:
        box = next_box(file, at, size)
        if box is None:
            return Mp4Summary(0, 0, 0, None)
        if at == 0 and box.kind != b"ftyp":
            raise Mp4Damaged("does not begin with ftyp")
        if box.kind == b"moov":
            break
        if box.kind not in _BEFORE_MOOV:
            raise Mp4Damaged(f"{box.kind!r} before moov")
        if box.end > size:
            return Mp4Summary(0, 0, 0, None)
        at = box.end
    if box.end > size:
        return Mp4Summary(0, 0, 0, None)
    return _fragments(file, size, box.end, read_movie(_read(file, box)))


def _fragments(file: BinaryIO, size: int, at: int, movie: Movie) -> Mp4Summary:
    """From the first fragment on nothing is damage any more, only the end of what is good."""
    good = _Good(movie)
    pending: Fragment | None = None
    with suppress(Mp4Damaged):
        while (box := next_box(file, at, size)) is not None and box.end <= size:
            at = box.end
            if box.kind == b"moof" and pending is None:
                pending = read_fragment(_read(file, box), movie, box.at)
            elif box.kind == b"mdat" and pending is not None:
                good.add(pending, box)
                pending = None
            elif box.kind == b"mfra" and pending is None:
                check_trailer(_read(file, box))
                good.finish(box)
                break
            elif box.kind not in _BETWEEN_FRAGMENTS:
                break
    return good.summary(file)


class _Good:
    """The whole fragments so far."""

    def __init__(self, movie: Movie) -> None:
        self._movie = movie
        self._bytes = 0
        self._frames = 0
        self._first: int | None = None
        self._start = self._end = 0
        self._last: deque[tuple[Fragment, Mp4Summary]] = deque(maxlen=CHECKED_FRAGMENTS)
        """The last fragments, each with what there was before it."""

    def add(self, fragment: Fragment, mdat: Box) -> None:
        """Take one more; `Mp4Damaged`, and nothing is changed, if moof and mdat do not belong together."""
        if fragment.bytes > mdat.end - mdat.body:
            raise Mp4Damaged("mdat is shorter than its samples")
        if not all(mdat.body <= begin <= end <= mdat.end for begin, end in fragment.pictures):
            raise Mp4Damaged("pictures outside of mdat")
        before = self._so_far()
        if fragment.frames:
            start = self._end if fragment.start is None else fragment.start
            first = start if self._first is None else self._first
            end = start + fragment.ticks
            # It may begin before the end of the last one: how long a frame is shown can be a guess when it is written.
            if start < self._start or end - first > MAX_DURATION_MS * self._movie.timescale // 1000:
                raise Mp4Damaged("a fragment out of its time")
            self._first, self._start, self._end = first, start, max(self._end, end)
        self._last.append((fragment, before))
        self._frames += fragment.frames
        self._bytes = mdat.end

    def finish(self, mfra: Box) -> None:
        if self._bytes:
            self._bytes = mfra.end

    def summary(self, file: BinaryIO) -> Mp4Summary:
        for fragment, before in self._last:
            if any(_has_hole(file, begin, end) for begin, end in fragment.pictures):
                return before
        return self._so_far()

    def _so_far(self) -> Mp4Summary:
        duration_ms = (self._end - (self._first or 0)) * 1000 // self._movie.timescale
        return Mp4Summary(self._bytes, duration_ms, self._frames, self._movie.comment)


def next_box(file: BinaryIO, at: int, size: int) -> Box | None:
    """The box that begins at `at`; None if the file ends within its header. It may end behind the file's end."""
    file.seek(at)
    header = file.read(16)
    if len(header) < 8 or (header[:4] == b"\0\0\0\1" and len(header) < 16):
        return None
    length, body = u32(header, 0), 8
    if length == 1:
        length, body = u64(header, 8), 16
    if length < body:
        raise Mp4Damaged(f"a box of {length} bytes at {at} of {size}")
    return Box(header[4:8], at, at + body, at + length)


def _read(file: BinaryIO, box: Box) -> bytes:
    length = box.end - box.body
    if length > MAX_INDEX_BYTES:
        raise Mp4Damaged(f"{box.kind!r} of {length} bytes")
    file.seek(box.body)
    data = file.read(length)
    if len(data) < length:
        raise Mp4Damaged("the file shrank while it was read")
    return data


def _has_hole(file: BinaryIO, at: int, end: int) -> bool:
    while at < end:
        wanted = min(CHUNK_BYTES, end - at)
        file.seek(at)
        data = file.read(wanted)
        if len(data) < wanted or HOLE in data:
            return True
        # A hole may lie across the border of two chunks.
        at += wanted if at + wanted == end else wanted - len(HOLE) + 1
    return False
