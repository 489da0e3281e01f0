"""Segments as a worker cuts them from one stream, for whoever makes films of them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from recorder.mp4 import Muxer
from recorder.remux.film import SegmentSource
from recorder.words.stream import Parameters, Sound
from tests.support import footage
from tests.support.tracks import Sample, interleaved, parameters, sound

RATE: Final = 90_000
WALL_MS: Final = 1_772_000_000_000
CLOCK_NS: Final = 1_700_000_000_000_000_000


@dataclass(frozen=True)
class Cut:
    """A segment, and what was put into it, in its own time."""

    data: bytes
    start_ms: int
    frames: list[Sample]
    packets: list[Sample]

    @property
    def end_ms(self) -> int:
        return self.start_ms + max((frame.pts + frame.duration for frame in self.frames), default=0) * 1000 // RATE


def written_as(
    frames: Sequence[Sample], packets: Sequence[Sample], sets: Parameters, heard: Sound | None, comment: str
) -> bytes:
    """The camera tells its clock with each key frame, in whose fragment it is then."""
    muxer = Muxer(sets, RATE, heard, comment)
    tracks = (RATE, list(frames)), (1 if heard is None else heard.rate, list(packets))
    out = []
    for one in interleaved(*tracks):
        out += one.put(muxer)
        if one.video and one.key:
            muxer.tell_clock(one.pts, CLOCK_NS + one.pts * 1_000_000_000 // RATE)
    return b"".join(out + muxer.close())


def cut_up(
    frames: list[Sample],
    packets: list[Sample],
    cuts: Sequence[int],
    wish: footage.Picture,
    heard: footage.Sound | None = None,
    *,
    pauses_ms: Sequence[int] = (),
) -> list[Cut]:
    """Cut at these frames, which are key frames, the first at 0; before each further one so much was not recorded."""
    told = None if heard is None else sound(heard)
    made, late_ms = [], 0
    for number, (begin, end) in enumerate(pairwise([*cuts, len(frames)])):
        late_ms += pauses_ms[number - 1] if 0 < number <= len(pauses_ms) else 0
        origin, until = frames[begin].pts, frames[end].pts if end < len(frames) else 1 << 60
        own = [replace(one, pts=one.pts - origin, dts=one.dts - origin) for one in frames[begin:end]]
        own_sound = [] if told is None else _between(packets, told.rate, origin, until)
        data = written_as(own, own_sound, parameters(wish), told, f'{{"edged":1,"seq":{number + 1}}}')
        made.append(Cut(data, WALL_MS + origin * 1000 // RATE + late_ms, own, own_sound))
    return made


def _between(packets: list[Sample], rate: int, origin: int, until: int) -> list[Sample]:
    at = origin * rate // RATE
    inside = [one for one in packets if origin * rate <= one.pts * RATE < until * rate]
    return [replace(one, pts=one.pts - at, dts=one.dts - at) for one in inside]


class Shelf:
    """Segments' files, by their ids, which count from 0."""

    def __init__(self, cuts: Sequence[Cut]) -> None:
        self.cuts = list(cuts)
        self.data = [cut.data for cut in cuts]

    def open(self, number: int) -> io.BytesIO:
        return io.BytesIO(self.data[number])

    @property
    def sources(self) -> list[SegmentSource]:
        return [SegmentSource(number, cut.start_ms, cut.end_ms) for number, cut in enumerate(self.cuts)]
