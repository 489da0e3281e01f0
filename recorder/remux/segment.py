"""A finished segment as a source of film: its header, its key frames, its parts from any of them on.

Reads little: key frames come from the index at the file's end, and between those that matter nothing is looked at. A
file that was salvaged has no index and is walked through once. Whatever is not as `recorder.mp4` writes it is
Mp4Damaged; OSError if the disk fails. What is read here is believed, not proven: parts are proven by their hashes.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import BinaryIO, Final, TypeAlias

from recorder.mp4.fragment import Point, trailer
from recorder.mp4.header import SOUND_ID, VIDEO_ID
from recorder.remux.part import Fragment, read
from storage.segments.mp4 import MAX_INDEX_BYTES, Mp4Damaged, boxes, child, next_box, u32

_MFRO: Final = struct.Struct(">I4sII")
_POINT: Final = struct.Struct(">QQHHI")
SOUND_LAG_MS: Final = 1000
"""So far behind its picture sound lies in a file at the most (`recorder.worker.segmenter.CROSSING_NS`)."""
NEAR_MS: Final = 4 * SOUND_LAG_MS
"""Looked through at both ends of what is taken, so that the first and the last of its sound is seen, too."""
TRAILER_BYTES: Final = len(trailer(()))
"""An index without key frames."""
POINT_BYTES: Final = _POINT.size


Likeness: TypeAlias = tuple[bytes, ...]
"""All of a header but its story and its lead: what is alike goes into one film."""


@dataclass(frozen=True, slots=True)
class Header:
    """ftyp and moov."""

    bytes: int
    rate: int
    """Ticks of the picture a second."""
    sound_rate: int
    """0 without sound."""
    lead: int
    """At which tick of the picture the presentation begins."""
    quicktime: bool
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part as it lies in its file."""

    at: int
    """Of the first one of a walk, where the walk began."""
    moof_at: int
    end: int
    head: bytes
    said: Fragment


@dataclass(frozen=True, slots=True)
class Start:
    """A part that begins with a key frame, and when its tracks begin, each in ticks of its own."""

    at: int
    part: int
    decoded: int
    shown: int
    heard: int | None
    """None: no sound is near."""


class Segment:
    """Its file must stay open, and as it is."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        self.header = _header(file, self.size)

    @cached_property
    def points(self) -> Sequence[Point]:
        """Key frames, by where they lie: at most one of each part."""
        first = next(self.walk(self.header.bytes), None)
        told = self._trailer()
        if told is None:
            told = [
                Point(max(0, key.shown - self.header.lead), one.moof_at, key.sample)
                for one in self.walk(self.header.bytes)
                if one.said.pictures is not None and (key := one.said.pictures.key) is not None
            ]
        if (
            first is None
            or first.said.number != 1
            or not told
            or (first.moof_at, 1) != (told[0].moof_at, told[0].sample)
        ):
            raise Mp4Damaged("it does not begin with a key frame")
        return told

    @cached_property
    def starts(self) -> Sequence[int]:
        """Which of the points begin a part: there a film may begin."""
        return [number for number, point in enumerate(self.points) if point.sample == 1]

    def start(self, tick: int) -> int:
        """The last of `starts` that is shown at or before this tick of the presentation, or else the first."""
        at = bisect_right(self.starts, tick, key=lambda number: self.points[number].time)
        return self.starts[max(0, at - 1)]

    def begin(self, point: int) -> Start:
        """The part with this point in it: walked to from the point before, so that it is known where it begins."""
        walk = self.walk(self.points[point - 1].moof_at if point else self.header.bytes)
        wanted = self.points[point].moof_at
        first = next((one for one in walk if one.moof_at >= wanted), None)
        if first is None or first.moof_at != wanted or first.said.pictures is None:
            raise Mp4Damaged("its index does not fit")
        pictures, heard, at = first.said.pictures, first.said.sound, first.said.pictures.end
        near = pictures.start + NEAR_MS * self.header.rate // 1000 if self.header.sound_rate else 0
        while heard is None and at < near and (one := next(walk, None)) is not None:
            heard, at = one.said.sound, one.said.pictures.end if one.said.pictures else at
        return Start(
            first.at, first.said.number, pictures.start, pictures.shown, None if heard is None else heard.start
        )

    def walk(self, at: int) -> Iterator[Stretch]:
        """The parts from here on: `at` is where one begins, or its moof."""
        number = 0
        while (one := stretch(self.file, at, self.size)) is not None:
            if number and one.said.number != number:
                raise Mp4Damaged(f"fragment {one.said.number} where {number} should be")
            yield one
            at, number = one.end, one.said.number + 1

    def _trailer(self) -> list[Point] | None:
        """The index as the muxer writes it; None where the file ends without one."""
        at = self.size - _MFRO.size
        length, kind, _, whole = _MFRO.unpack(_bytes(self.file, at, self.size))
        if kind != b"mfro" or length != _MFRO.size:
            return None
        at = self.size - whole
        data = _bytes(self.file, at, self.size) if at > self.header.bytes else b""
        entries = (child(data, b"mfra", b"tfra") or b"")[16:]
        whole_entries = entries[: len(entries) // _POINT.size * _POINT.size]
        points = [Point(time, moof_at, sample) for time, moof_at, _, _, sample in _POINT.iter_unpack(whole_entries)]
        rising = all(before.moof_at < after.moof_at for before, after in pairwise(points))
        if not points or data != trailer(points) or not rising:
            raise Mp4Damaged("its index cannot be read")
        return points


def stretch(file: BinaryIO, at: int, size: int) -> Stretch | None:
    """The part that begins here; None at the index or at the end."""
    head, moof_at, next_at = b"", 0, at
    while (box := next_box(file, next_at, size)) is not None:
        if box.end > size:
            raise Mp4Damaged("it ends within a part")
        if box.kind == b"mfra" and not head:
            return None
        is_last = box.kind == b"mdat"
        head += _bytes(file, box.at, box.body if is_last else box.end)
        if is_last:
            return Stretch(at, moof_at, box.end, head, read(head))
        if box.kind == b"moof":
            moof_at = box.at
        next_at = box.end
    if head or next_at != size:
        raise Mp4Damaged("it ends within a part")
    return None


def _bytes(file: BinaryIO, at: int, end: int) -> bytes:
    if not 0 <= end - at <= MAX_INDEX_BYTES or at < 0:
        raise Mp4Damaged(f"an index of {end - at} bytes")
    file.seek(at)
    data = file.read(end - at)
    if len(data) < end - at:
        raise Mp4Damaged("the file shrank while it was read")
    return data


def _header(file: BinaryIO, size: int) -> Header:
    ftyp = next_box(file, 0, size)
    moov = None if ftyp is None else next_box(file, ftyp.end, size)
    if ftyp is None or moov is None or (ftyp.kind, moov.kind) != (b"ftyp", b"moov") or moov.end > size:
        raise Mp4Damaged("it does not begin with ftyp and moov")
    brands, movie = _bytes(file, ftyp.body, ftyp.end), _bytes(file, moov.body, moov.end)
    likeness, rates, lead = [brands], dict[int, int](), 0
    for kind, body in boxes(movie):
        if kind == b"trak":
            track, rate = _track(body)
            rates[track] = rate
            lead = _lead(body) if track == VIDEO_ID else lead
            likeness += [name + inner for name, inner in boxes(body) if name != b"edts"]
        elif kind != b"udta":
            likeness.append(kind + body)
    if not {VIDEO_ID} <= set(rates) <= {VIDEO_ID, SOUND_ID} or not all(rates.values()):
        raise Mp4Damaged(f"tracks {sorted(rates)}")
    known = rates[VIDEO_ID], rates.get(SOUND_ID, 0), lead
    return Header(moov.end, *known, quicktime=brands[:4] == b"qt  ", likeness=tuple(likeness))


def _track(trak: bytes) -> tuple[int, int]:
    """Its number, and its ticks a second."""
    tkhd, mdhd, hdlr = child(trak, b"tkhd"), child(trak, b"mdia", b"mdhd"), child(trak, b"mdia", b"hdlr")
    if tkhd is None or mdhd is None or hdlr is None:
        raise Mp4Damaged("a track without its headers")
    track = u32(tkhd, 12)
    if tkhd[0] or mdhd[0] or hdlr[8:12] != {VIDEO_ID: b"vide", SOUND_ID: b"soun"}.get(track):
        raise Mp4Damaged(f"track {track}")
    return track, u32(mdhd, 12)


def _lead(trak: bytes) -> int:
    elst = child(trak, b"edts", b"elst")
    if elst is None:
        return 0
    lead = u32(elst, 12)
    if elst != struct.pack(">5I", 0, 1, 0, lead, 0x1_0000):
        raise Mp4Damaged("an edit list")
    return lead
