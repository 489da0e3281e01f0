"""What the index boxes of a fragmented MP4 say: moov of the whole file, moof of one fragment.

Pure, from bytes to values; imports the standard library only. Whatever the bytes are, nothing comes out but values that
were checked against the length of their box, or `Mp4Damaged`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_RUNS: Final = 1024
"""Runs of pictures in one fragment. libav writes one; a moof of 4 MiB could name 200,000, and memory is bounded."""


class Mp4Damaged(Exception):
    """This is not, or no longer, a file as edged writes them, not even the beginning of one."""


@dataclass(frozen=True, slots=True)
class Movie:
    """What moov says: the video track, and what its samples are like where a fragment does not say."""

    video: int
    timescale: int
    sample_duration: int
    sample_bytes: int
    comment: str | None


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a moof says: the video in it, and how many bytes of samples it speaks of."""

    frames: int
    start: int | None
    ticks: int
    bytes: int
    pictures: tuple[tuple[int, int], ...]
    """Where in the file they begin and end."""


def u32(data: bytes, at: int) -> int:
    return _unsigned(data, at, 4)


def u64(data: bytes, at: int) -> int:
    return _unsigned(data, at, 8)


def _unsigned(data: bytes, at: int, length: int) -> int:
    if at + length > len(data):
        raise Mp4Damaged("a box is shorter than what it should hold")
    return int.from_bytes(data[at : at + length], "big")


def spans(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes that lie between: of each its kind, and where what is in it begins and ends. Less than a header at the
    end is QuickTime's terminator, not a box."""
    while at + 8 <= end:
        length, body = u32(data, at), 8
        if length == 1:
            length, body = u64(data, at + 8), 16
        if length < body or at + length > end:
            raise Mp4Damaged(f"a box of {length} bytes where {end - at} are left")
        yield data[at + 4 : at + 8], at + body, at + length
        at += length


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes inside a box, each with what is in it."""
    for kind, body, end in spans(data, 0, len(data)):
        yield kind, data[body:end]


def child(data: bytes, *path: bytes) -> bytes | None:
    """What is in the first box of this kind; of a path, in the first in that, and so on."""
    for kind in path:
        found = next((body for name, body in boxes(data) if name == kind), None)
        if found is None:
            return None
        data = found
    return data


def read_movie(moov: bytes) -> Movie:
    for kind, trak in boxes(moov):
        handler = child(trak, b"mdia", b"hdlr") if kind == b"trak" else None
        if handler is not None and handler[8:12] == b"vide":
            break
    else:
        raise Mp4Damaged("no video track")
    header, media = child(trak, b"tkhd"), child(trak, b"mdia", b"mdhd")
    if header is None or media is None:
        raise Mp4Damaged("a video track without its headers")
    # Version 1 of both headers has its two times in 64 bits instead of 32.
    video = u32(header, 20 if header[:1] == b"\1" else 12)
    timescale = u32(media, 20 if media[:1] == b"\1" else 12)
    if timescale == 0:
        raise Mp4Damaged("a video track without a time scale")
    duration, size = 0, 0
    for kind, trex in boxes(child(moov, b"mvex") or b""):
        if kind == b"trex" and u32(trex, 4) == video:
            duration, size = u32(trex, 12), u32(trex, 16)
    return Movie(video, timescale, duration, size, _comment(moov))


def _comment(moov: bytes) -> str | None:
    """The comment as iTunes has it (`mp4`) or as QuickTime has it (`mov`). A damaged one must not cost the footage."""
    try:
        udta = child(moov, b"udta") or b""
        quicktime = child(udta, b"\xa9cmt")
        if quicktime is not None:
            text = quicktime[4 : 4 + _unsigned(quicktime, 0, 2)]
        else:
            meta = child(udta, b"meta")
            data = None if meta is None else child(meta[4:], b"ilst", b"\xa9cmt", b"data")
            if data is None:
                return None
            text = data[8:]
        return text.decode("utf-8")
    except (Mp4Damaged, UnicodeDecodeError):
        return None


def read_fragment(moof: bytes, movie: Movie, at: int) -> Fragment:
    frames, ticks, size = 0, 0, 0
    pictures: list[tuple[int, int]] = []
    start: int | None = None
    for kind, traf in boxes(moof):
        if kind != b"traf":
            continue
        track, duration, length = _defaults(traf, movie)
        for name, body in boxes(traf):
            if name == b"trun":
                run_frames, run_ticks, run_bytes = _run(body, duration, length)
                size += run_bytes
                if track == movie.video:
                    frames, ticks = frames + run_frames, ticks + run_ticks
                    # `default_base_moof`: offsets count from the beginning of moof, and libav gives one to each run.
                    if body[3] & 0x1:
                        begin = at + u32(body, 8)
                        pictures.append((begin, begin + run_bytes))
            elif name == b"tfdt" and track == movie.video:
                start = u64(body, 4) if body[:1] == b"\1" else u32(body, 4)
    if len(pictures) > MAX_RUNS:
        raise Mp4Damaged(f"{len(pictures)} runs in one fragment")
    if frames > size:
        raise Mp4Damaged("frames without bytes")
    return Fragment(frames, start, ticks, size, tuple(pictures))


def check_trailer(mfra: bytes) -> None:
    """`Mp4Damaged` unless it ends as libav ends it: with its own length, counted with its header."""
    *_, (kind, mfro) = [(b"", b""), *boxes(mfra)]
    if kind != b"mfro" or u32(mfro, 4) != 8 + len(mfra):
        raise Mp4Damaged("mfra without its end")


def _defaults(traf: bytes, movie: Movie) -> tuple[int, int, int]:
    """Track, duration and size of the samples of a traf, as far as its runs do not say otherwise."""
    tfhd = child(traf, b"tfhd")
    if tfhd is None:
        raise Mp4Damaged("a traf without tfhd")
    flags, track, at = u32(tfhd, 0), u32(tfhd, 4), 8
    at += 8 if flags & 0x1 else 0
    at += 4 if flags & 0x2 else 0
    known = track == movie.video
    duration, size = (movie.sample_duration, movie.sample_bytes) if known else (0, 0)
    if flags & 0x8:
        duration, at = u32(tfhd, at), at + 4
    if flags & 0x10:
        size = u32(tfhd, at)
    return track, duration, size


def _run(trun: bytes, duration: int, size: int) -> tuple[int, int, int]:
    """How many samples a run has, how long they last and how many bytes they have."""
    flags, count, at = u32(trun, 0), u32(trun, 4), 8
    at += 4 if flags & 0x1 else 0
    at += 4 if flags & 0x4 else 0
    stride = 4 * (flags >> 8 & 0xF).bit_count()
    if at + count * stride > len(trun):
        raise Mp4Damaged("a run is shorter than its samples")
    size_at = 4 if flags & 0x100 else 0
    entries = range(at, at + count * stride, stride or 1)
    ticks = sum(u32(trun, entry) for entry in entries) if flags & 0x100 else count * duration
    total = sum(u32(trun, entry + size_at) for entry in entries) if flags & 0x200 else count * size
    return count, ticks, total
