"""What the recorder's file writer is given in tests: the clips' coded frames as units, and libav's idea of them."""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import islice
from operator import itemgetter
from typing import Final

import av

from recorder.mp4 import Muxer
from recorder.words.stream import Codec, Parameters, Sound
from tests.support import footage, nal
from tests.support.clips import VIDEO_RATE

CODECS: Final = {
    "h264": Codec.H264,
    "h265": Codec.H265,
    "aac": Codec.AAC,
    "pcmu": Codec.PCMU,
    "pcma": Codec.PCMA,
}
DEMUXERS: Final = {"h264": "h264", "h265": "hevc"}
SETS: Final = {"h264": {7, 8}, "h265": {32, 33, 34}}
"""Types of the NAL units that are parameter sets."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One call of `Muxer.put`."""

    video: bool
    pts: int
    dts: int
    duration: int
    key: bool
    data: bytes

    def put(self, muxer: Muxer) -> list[bytes]:
        return muxer.put(
            video=self.video, pts=self.pts, dts=self.dts, duration=self.duration, key=self.key, data=self.data
        )


def length_prefixed(units: tuple[bytes, ...]) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def pictures(wish: footage.Picture, seconds: float) -> list[Sample]:
    """From the first frame on; the first is shown at 0, so with B-frames times of decoding begin below."""
    clip = footage.clip(wish)
    coded = list(islice(clip.rounds(), round(seconds * wish.fps)))
    first = coded[0].pts
    ticks = VIDEO_RATE // wish.fps
    return [Sample(True, c.pts - first, c.dts - first, ticks, c.key, length_prefixed(c.units)) for c in coded]


def sounds(wish: footage.Sound, seconds: float) -> list[Sample]:
    clip = footage.clip(wish)
    coded = clip.rounds()
    ticks = clip.frames[1].pts
    count = round(seconds * clip.rate / ticks)
    return [Sample(False, c.pts, c.pts, ticks, True, c.units[0]) for c in islice(coded, count)]


@cache
def parameters(wish: footage.Picture) -> Parameters:
    """Parameter sets of a clip, and the configuration record that libav makes of them."""
    coded = list(islice(footage.clip(wish).rounds(), 2 * wish.fps))
    sets = tuple(unit for unit in coded[0].units if nal.unit_type(wish.codec, unit) in SETS[wish.codec])
    raw, memory = io.BytesIO(b"".join(frame.annexb for frame in coded)), io.BytesIO()
    with av.open(raw, "r", format=DEMUXERS[wish.codec]) as source, av.open(memory, "w", format="mp4") as out:
        stream = out.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, packet in enumerate(packet for packet in source.demux() if packet.size):
            packet.stream, packet.time_base = stream, Fraction(1, wish.fps)
            packet.pts = packet.dts = number
            packet.duration = 1
            out.mux(packet)
    with av.open(io.BytesIO(memory.getvalue())) as made:
        record = bytes(made.streams.video[0].codec_context.extradata or b"")
    return Parameters(CODECS[wish.codec], sets, record, wish.width, wish.height, 2 if wish.b_frames else 0)


def interleaved(*tracks: tuple[int, list[Sample]]) -> Iterator[Sample]:
    """As a camera would send them: each track with its rate, by the time of decoding."""
    timed = ([(sample.dts / rate, sample) for sample in track] for rate, track in tracks)
    yield from (sample for _, sample in heapq.merge(*timed, key=itemgetter(0)))


def written(muxer: Muxer, samples: Iterable[Sample], look: int | None = None) -> bytes:
    """The whole file; with what came at one look as a fragment, where that is so many samples."""
    pieces: list[bytes] = []
    for number, sample in enumerate(samples, 1):
        pieces += sample.put(muxer)
        if look is not None and number % look == 0:
            pieces += muxer.flush()
    return b"".join(pieces + muxer.close())


def sound(wish: footage.Sound) -> Sound:
    clip = footage.clip(wish)
    return Sound(CODECS[wish.codec], clip.rate, clip.channels, clip.extra)
