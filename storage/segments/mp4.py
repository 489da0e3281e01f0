"""The one reader of MP4 boxes, and what of a fragmented MP4 survived: where its last whole fragment ends.

Lean and blocking. Reads what `recorder.mp4` writes, and what libav writes with
`+frag_keyframe+delay_moov+default_base_moof`, as MP4 or QuickTime (G.711 needs the latter): ftyp, moov, then moof and
mdat by turns, a prft before moof where the camera told its clock, and mfra at the end. The file may be anything, so
every length is checked against what contains it, and no more than one index box is ever in memory. Nothing comes out
but values that were checked, or `Mp4Damaged`.

- Boxes: `next_box` of a file; `spans`, `boxes` and `child` of bytes; `u32`, `u64`. `recorder.remux` uses them.
- `summary` is part of S6: after a power cut a `.part` is cut at `whole_bytes`, and what remains plays. Pages are
  written back in any order, so the last fragments are also searched for pictures that are not there.
- `read_movie` (moov), `read_fragment` (moof) and `check_trailer` (mfra) make values of bytes.

What a segment tells about itself is JSON in the MP4 `comment`, so that a file without its database can still be
adopted. Keeps S13 together with the leaves on the volumes. Format 1; keys are short words, times in milliseconds,
bounds in seconds.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Final

from storage.words.model import WHOLE_MAX, Bounds, Moment


class Mp4Damaged(Exception):
    """This is not, or no longer, a file as edged writes them, not even the beginning of one."""


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
MAX_RUNS: Final = 1024
"""Runs of pictures in one fragment. libav writes one; a moof of 4 MiB could name 200,000, and memory is bounded."""
_BEFORE_MOOV: Final = frozenset({b"ftyp", b"free", b"skip", b"wide", b"uuid"})
_BETWEEN_FRAGMENTS: Final = frozenset({b"free", b"skip", b"wide", b"uuid", b"styp", b"sidx", b"prft", b"emsg"})


@dataclass(frozen=True, slots=True)
class Box:
    """A box at the top level, by where it lies in the file."""

    kind: bytes
    at: int
    body: int
    end: int


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


@dataclass(frozen=True, slots=True)
class Mp4Summary:
    """A file up to its last whole fragment."""

    whole_bytes: int
    """End of the last whole moof + mdat, or of a whole mfra behind it; 0 if not even one fragment is whole."""
    duration_ms: int
    """Of the video track up to there."""
    video_frames: int
    comment: str | None


def next_box(file: BinaryIO, at: int, size: int) -> Box | None:
    """The box that begins at `at`; None if the file ends within its header. It may end behind the file's end."""
    file.seek(at)
    header = file.read(16)
    if len(header) < 8 or (header[:4] == b"\0\0\0\1" and len(header) < 16):
        return None
    kind, head, length = box_head(header, 0)
    if length < head:
        raise Mp4Damaged(f"a box of {length} bytes at {at} of {size}")
    return Box(kind, at, at + head, at + length)


def box_head(data: bytes, at: int) -> tuple[bytes, int, int]:
    """Of the box that begins at `at`: its kind, the length of its head, and its whole length, as it says itself."""
    length = u32(data, at)
    if length == 1:
        return data[at + 4 : at + 8], 16, u64(data, at + 8)
    return data[at + 4 : at + 8], 8, length


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
        kind, head, length = box_head(data, at)
        if length < head or at + length > end:
            raise Mp4Damaged(f"a box of {length} bytes where {end - at} are left")
        yield kind, at + head, at + length
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


FORMAT: Final = 1
MAX_BYTES: Final = 4096
"""The comment has about 400 bytes; what is longer was not written by us and is not parsed."""


@dataclass(frozen=True, slots=True)
class EmbeddedMetadata:
    """Written before the first frame: the end of a segment is not in it."""

    camera: str
    seq: int
    start: Moment
    boot_id: str
    epoch: int
    synced: bool
    bounds: Bounds
    previous_seq: int
    """Of the last segment committed before, 0 when there is none."""
    previous_sha256: str
    """Hex, "" when there is none."""
    camera_offset_ms: int | None = None
    """The camera's own clock minus ours, as heard before the segment began; None where it had not told."""

    def to_json(self) -> str:
        """One line of JSON with sorted keys."""
        return json.dumps(
            {
                "edged": FORMAT,
                "camera": self.camera,
                "seq": self.seq,
                "wall_ms": self.start.wall_ms,
                "boottime_ms": self.start.boottime_ms,
                "boot_id": self.boot_id,
                "epoch": self.epoch,
                "synced": self.synced,
                "floor_s": self.bounds.floor_s,
                "ceiling_s": self.bounds.ceiling_s,
                "previous_seq": self.previous_seq,
                "previous_sha256": self.previous_sha256,
                "camera_offset_ms": self.camera_offset_ms,
            },
            sort_keys=True,
            separators=(",", ":"),
        )


def parse_metadata(comment: str) -> EmbeddedMetadata | None:
    """What a file's comment tells; None for anything that `to_json` cannot have written."""
    if len(comment) > MAX_BYTES:
        return None
    try:
        fields = json.loads(comment)
        if fields["edged"] != FORMAT:
            return None
        return EmbeddedMetadata(
            camera=_text(fields["camera"]),
            seq=_whole(fields["seq"]),
            start=Moment(_whole(fields["wall_ms"]), _whole(fields["boottime_ms"])),
            boot_id=_text(fields["boot_id"]),
            epoch=_whole(fields["epoch"]),
            synced=fields["synced"] is True,
            bounds=Bounds(_whole(fields["floor_s"]), _whole(fields["ceiling_s"])),
            previous_seq=_whole(fields["previous_seq"]),
            previous_sha256=_text(fields["previous_sha256"]),
            camera_offset_ms=_offset(fields.get("camera_offset_ms")),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _whole(value: object) -> int:
    """A whole number that can be told in a leaf."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= WHOLE_MAX:
        raise TypeError(value)
    return value


def _offset(value: object) -> int | None:
    """Absent from files of 0.1.0."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > WHOLE_MAX:
        raise TypeError(value)
    return value
