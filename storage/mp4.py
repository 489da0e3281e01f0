"""What of a fragmented MP4 survived: where its last whole fragment ends, and what there is up to there.

Imports the standard library only. Reads what libav writes with `+frag_keyframe+delay_moov+default_base_moof`, as MP4
or QuickTime (G.711 needs the latter): ftyp, moov, then moof and mdat by turns, then mfra. Part of S6: after a power cut
a `.part` is cut at `whole_bytes`, and what remains plays. The file may be anything, so every length is checked against
what contains it, and no more than one index box is ever in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Final

MAX_INDEX_BYTES: Final = 4 << 20
"""Largest moov or moof that is read. Real ones have 2 KiB; a minute of 60 fps video and sound in one moof has 100."""
MAX_DURATION_MS: Final = 24 * 3_600_000
"""A segment is cut after minutes. A fragment that claims to end later than a day after the first is not ours."""

_BEFORE_MOOV: Final = frozenset({b"ftyp", b"free", b"skip", b"wide", b"uuid"})
_BETWEEN_FRAGMENTS: Final = frozenset({b"free", b"skip", b"wide", b"uuid", b"styp", b"sidx", b"prft", b"emsg"})


class Mp4Damaged(Exception):  # noqa: N818 (named after what happened, as in storage.errors)
    """This is not, or no longer, a file as edged writes them, not even the beginning of one."""


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
class _Box:
    """A box at the top level, by where it lies in the file."""

    kind: bytes
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class _Movie:
    """What moov says: the video track, and what its samples are like where a fragment does not say."""

    video: int
    timescale: int
    sample_duration: int
    sample_bytes: int
    comment: str | None


@dataclass(frozen=True, slots=True)
class _Fragment:
    """What a moof says: the video in it, and how many bytes of samples it speaks of."""

    frames: int
    start: int | None
    ticks: int
    bytes: int


def summary(file: BinaryIO) -> Mp4Summary:
    """Walk the boxes of `file`, which must be seekable. Raises `Mp4Damaged`, or `OSError` if the disk fails.

    An empty file, or the beginning of a good one without a whole fragment, has `whole_bytes` 0: it holds no footage.
    """
    size = file.seek(0, os.SEEK_END)
    at = 0
    while True:
        box = _next_box(file, at, size)
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
    return _fragments(file, size, box.end, _movie(_read(file, box)))


def _fragments(file: BinaryIO, size: int, at: int, movie: _Movie) -> Mp4Summary:
    """From the first fragment on nothing is damage any more, only the end of what is good."""
    good = _Good(movie)
    pending: _Fragment | None = None
    with suppress(Mp4Damaged):
        while (box := _next_box(file, at, size)) is not None and box.end <= size:
            at = box.end
            if box.kind == b"moof" and pending is None:
                pending = _fragment(_read(file, box), movie)
            elif box.kind == b"mdat" and pending is not None:
                good.add(pending, box)
                pending = None
            elif box.kind == b"mfra" and pending is None:
                good.finish(box)
                break
            elif box.kind not in _BETWEEN_FRAGMENTS:
                break
    return good.summary()


class _Good:
    """The whole fragments so far."""

    def __init__(self, movie: _Movie) -> None:
        self._movie = movie
        self._bytes = 0
        self._frames = 0
        self._first: int | None = None
        self._end = 0

    def add(self, fragment: _Fragment, mdat: _Box) -> None:
        """Take one more; `Mp4Damaged`, and nothing is changed, if moof and mdat do not belong together."""
        if fragment.bytes > mdat.end - mdat.body:
            raise Mp4Damaged("mdat is shorter than its samples")
        if fragment.frames:
            start = self._end if fragment.start is None else fragment.start
            first = start if self._first is None else self._first
            end = start + fragment.ticks
            if start < first or end < self._end or end - first > MAX_DURATION_MS * self._movie.timescale // 1000:
                raise Mp4Damaged("a fragment out of its time")
            self._first, self._end = first, end
        self._frames += fragment.frames
        self._bytes = mdat.end

    def finish(self, mfra: _Box) -> None:
        if self._bytes:
            self._bytes = mfra.end

    def summary(self) -> Mp4Summary:
        duration_ms = (self._end - (self._first or 0)) * 1000 // self._movie.timescale
        return Mp4Summary(self._bytes, duration_ms, self._frames, self._movie.comment)


def _next_box(file: BinaryIO, at: int, size: int) -> _Box | None:
    """The box that begins at `at`; None if the file ends within its header. It may end behind the file's end."""
    file.seek(at)
    header = file.read(16)
    if len(header) < 8 or (header[:4] == b"\0\0\0\1" and len(header) < 16):
        return None
    length, body = _u32(header, 0), 8
    if length == 1:
        length, body = _u64(header, 8), 16
    if length < body:
        raise Mp4Damaged(f"a box of {length} bytes at {at} of {size}")
    return _Box(header[4:8], at + body, at + length)


def _read(file: BinaryIO, box: _Box) -> bytes:
    length = box.end - box.body
    if length > MAX_INDEX_BYTES:
        raise Mp4Damaged(f"{box.kind!r} of {length} bytes")
    file.seek(box.body)
    data = file.read(length)
    if len(data) < length:
        raise Mp4Damaged("the file shrank while it was read")
    return data


def _u32(data: bytes, at: int) -> int:
    return _unsigned(data, at, 4)


def _u64(data: bytes, at: int) -> int:
    return _unsigned(data, at, 8)


def _unsigned(data: bytes, at: int, length: int) -> int:
    if at + length > len(data):
        raise Mp4Damaged("a box is shorter than what it should hold")
    return int.from_bytes(data[at : at + length], "big")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes inside a box. Less than a header at the end is QuickTime's terminator, not a box."""
    at = 0
    while at + 8 <= len(data):
        length, body = _u32(data, at), 8
        if length == 1:
            length, body = _u64(data, at + 8), 16
        if length < body or at + length > len(data):
            raise Mp4Damaged(f"a box of {length} bytes where {len(data) - at} are left")
        yield data[at + 4 : at + 8], data[at + body : at + length]
        at += length


def _child(data: bytes, *path: bytes) -> bytes | None:
    for kind in path:
        found = next((body for name, body in _boxes(data) if name == kind), None)
        if found is None:
            return None
        data = found
    return data


def _movie(moov: bytes) -> _Movie:
    for kind, trak in _boxes(moov):
        handler = _child(trak, b"mdia", b"hdlr") if kind == b"trak" else None
        if handler is not None and handler[8:12] == b"vide":
            break
    else:
        raise Mp4Damaged("no video track")
    header, media = _child(trak, b"tkhd"), _child(trak, b"mdia", b"mdhd")
    if header is None or media is None:
        raise Mp4Damaged("a video track without its headers")
    # Version 1 of both headers has its two times in 64 bits instead of 32.
    video = _u32(header, 20 if header[:1] == b"\1" else 12)
    timescale = _u32(media, 20 if media[:1] == b"\1" else 12)
    if timescale == 0:
        raise Mp4Damaged("a video track without a time scale")
    duration, size = 0, 0
    for kind, trex in _boxes(_child(moov, b"mvex") or b""):
        if kind == b"trex" and _u32(trex, 4) == video:
            duration, size = _u32(trex, 12), _u32(trex, 16)
    return _Movie(video, timescale, duration, size, _comment(moov))


def _comment(moov: bytes) -> str | None:
    """The comment as iTunes has it (`mp4`) or as QuickTime has it (`mov`). A damaged one must not cost the footage."""
    try:
        udta = _child(moov, b"udta") or b""
        quicktime = _child(udta, b"\xa9cmt")
        if quicktime is not None:
            text = quicktime[4 : 4 + _unsigned(quicktime, 0, 2)]
        else:
            meta = _child(udta, b"meta")
            data = None if meta is None else _child(meta[4:], b"ilst", b"\xa9cmt", b"data")
            if data is None:
                return None
            text = data[8:]
        return text.decode("utf-8")
    except (Mp4Damaged, UnicodeDecodeError):
        return None


def _fragment(moof: bytes, movie: _Movie) -> _Fragment:
    frames, ticks, size = 0, 0, 0
    start: int | None = None
    for kind, traf in _boxes(moof):
        if kind != b"traf":
            continue
        track, duration, length = _defaults(traf, movie)
        for name, body in _boxes(traf):
            if name == b"trun":
                run_frames, run_ticks, run_bytes = _run(body, duration, length)
                size += run_bytes
                if track == movie.video:
                    frames, ticks = frames + run_frames, ticks + run_ticks
            elif name == b"tfdt" and track == movie.video:
                start = _u64(body, 4) if body[:1] == b"\1" else _u32(body, 4)
    if frames > size:
        raise Mp4Damaged("frames without bytes")
    return _Fragment(frames, start, ticks, size)


def _defaults(traf: bytes, movie: _Movie) -> tuple[int, int, int]:
    """Track, duration and size of the samples of a traf, as far as its runs do not say otherwise."""
    tfhd = _child(traf, b"tfhd")
    if tfhd is None:
        raise Mp4Damaged("a traf without tfhd")
    flags, track, at = _u32(tfhd, 0), _u32(tfhd, 4), 8
    at += 8 if flags & 0x1 else 0
    at += 4 if flags & 0x2 else 0
    known = track == movie.video
    duration, size = (movie.sample_duration, movie.sample_bytes) if known else (0, 0)
    if flags & 0x8:
        duration, at = _u32(tfhd, at), at + 4
    if flags & 0x10:
        size = _u32(tfhd, at)
    return track, duration, size


def _run(trun: bytes, duration: int, size: int) -> tuple[int, int, int]:
    """How many samples a run has, how long they last and how many bytes they have."""
    flags, count, at = _u32(trun, 0), _u32(trun, 4), 8
    at += 4 if flags & 0x1 else 0
    at += 4 if flags & 0x4 else 0
    stride = 4 * (flags >> 8 & 0xF).bit_count()
    if at + count * stride > len(trun):
        raise Mp4Damaged("a run is shorter than its samples")
    size_at = 4 if flags & 0x100 else 0
    entries = range(at, at + count * stride, stride or 1)
    ticks = sum(_u32(trun, entry) for entry in entries) if flags & 0x100 else count * duration
    total = sum(_u32(trun, entry + size_at) for entry in entries) if flags & 0x200 else count * size
    return count, ticks, total
