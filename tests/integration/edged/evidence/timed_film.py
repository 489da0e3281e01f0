"""A camera's film that says in its pictures when each was taken: what clocks, cuts and sound are measured against.

Across the top of a picture stands a number, black and white from left to right, of tenths of a second since the film
began. Every `BEAT` the lower half flashes white for one picture, and a beep begins at the same instant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from recorder.codec.sets import H264Sets
from recorder.words.stream import Codec, Parameters, Sound, Unit
from tests.support import nal

BITS: Final = 16
BAND: Final = 24
"""Rows that the number takes."""
BEAT_MS: Final = 5_000
BEEP_MS: Final = 200
VIDEO_RATE: Final = 90_000
SOUND_RATE: Final = 16_000
SOUND_FRAME: Final = 1024
DARK, LIGHT = 16, 235
LIMIT: Final = (DARK + LIGHT) // 2
FILLER: Final = 12
"""H.264: a NAL unit of nothing, with which cameras keep their rate constant."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the pictures are like; `fps` divides 10, so that each is taken at a whole tenth of a second."""

    width: int = 320
    height: int = 180
    fps: int = 10
    gop_s: int = 2


@dataclass(frozen=True, slots=True)
class Pictures:
    """All of them, in order; one each 1/fps s, the first at 0."""

    parameters: Parameters
    units: tuple[Unit, ...]


@cache
def pictures(look: Look, seconds: int) -> Pictures:
    """Encoded once. The look's own tenth number `n` is that of the picture taken `n` tenths after the beginning."""
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = look.width, look.height, "yuv420p"
    context.framerate, context.time_base = Fraction(look.fps), Fraction(1, look.fps)
    context.gop_size, context.thread_count = look.gop_s * look.fps, 1
    context.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "scenecut=0"}
    sets, units, ticks = H264Sets(), list[Unit](), VIDEO_RATE // look.fps
    for number in range(seconds * look.fps):
        frame = av.VideoFrame.from_ndarray(_drawn(look, number * 10 // look.fps), format="yuv420p")
        frame.pts, frame.time_base = number, context.time_base
        for packet in context.encode(frame):
            coded = nal.split_annexb(bytes(packet))
            if packet.is_keyframe:
                for unit in coded:
                    sets.put(unit)
            data = b"".join(len(unit).to_bytes(4, "big") + unit for unit in coded)
            known = sets.known if packet.is_keyframe else None
            units.append(Unit(True, packet.pts * ticks, ticks, bool(packet.is_keyframe), data, known))
    if sets.known is None or len(units) != seconds * look.fps:
        raise AssertionError("the encoder holds pictures back")
    return Pictures(sets.known, tuple(units))


@cache
def sound(seconds: int) -> tuple[Sound, tuple[Unit, ...]]:
    """AAC as a camera sends it; a packet's time is that of its first sample."""
    context: Any = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = SOUND_RATE, "mono", "fltp"
    context.time_base, context.bit_rate = Fraction(1, SOUND_RATE), 32_000
    context.open()
    beat, units = _beat(), list[Unit]()
    for at in range(0, seconds * SOUND_RATE, SOUND_FRAME):
        samples = beat[np.arange(at, at + SOUND_FRAME) % len(beat)].reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at, context.time_base
        units += [Unit(False, packet.pts, SOUND_FRAME, True, bytes(packet)) for packet in context.encode(frame)]
    return Sound(Codec.AAC, SOUND_RATE, 1, bytes(context.extradata or b"")), tuple(units)


def padded(unit: Unit, size: int) -> Unit:
    """With as much of nothing behind it as makes it so large; one that is larger stays as it is."""
    lacking = size - len(unit.data) - 6
    if lacking <= 0:
        return unit
    nothing = bytes((FILLER,)) + b"\xff" * lacking + b"\x80"
    data = unit.data + len(nothing).to_bytes(4, "big") + nothing
    return Unit(unit.video, unit.pts, unit.duration, unit.key, data, unit.parameters)


def numbers(path: str) -> Iterator[int]:
    """What the pictures of a file show, in the order in which they are shown."""
    for _, luma in _shown(path):
        band = luma[BAND // 4 : BAND * 3 // 4]
        side = band.shape[1] // BITS
        lit = (band[:, side * bit + side // 4 : side * bit + side * 3 // 4].mean() > LIMIT for bit in range(BITS))
        yield sum(int(on) << bit for bit, on in enumerate(lit))


def flashes(path: str) -> Iterator[float]:
    """When each flash of a file is shown, in seconds of its own time."""
    for at_s, luma in _shown(path):
        if luma[luma.shape[0] * 3 // 4 :].mean() > LIMIT:
            yield at_s


def _shown(path: str) -> Iterator[tuple[float, Any]]:
    with av.open(path) as container:
        for frame in container.decode(video=0):
            yield float((frame.pts or 0) * (frame.time_base or 0)), frame.to_ndarray(format="gray")


TAKEN_AT: Final = f"""
const takenAt = video => {{
  const canvas = document.createElement("canvas"), wide = canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const paper = canvas.getContext("2d", {{willReadFrequently: true}});
  paper.drawImage(video, 0, 0);
  const band = paper.getImageData(0, {BAND // 2}, wide, 1).data;
  let number = 0;
  for (let bit = 0; bit < {BITS}; bit++) {{
    if (band[4 * Math.floor((bit + 0.5) * wide / {BITS})] > {LIMIT}) number += 1 << bit;
  }}
  return number;
}};
const isFlash = video => {{
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const paper = canvas.getContext("2d");
  paper.drawImage(video, video.videoWidth / 2, video.videoHeight * 7 / 8, 1, 1, 0, 0, 1, 1);
  return paper.getImageData(0, 0, 1, 1).data[0] > {LIMIT};
}};
"""
"""The same for a page, of what a video element shows."""


def onsets(path: str) -> Iterator[float]:
    """When each beep of a file begins, in seconds of its own time: where the level of 1 ms first passes the limit."""
    level, begun, step = 0.05, -1.0, SOUND_RATE // 1000
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            samples = np.abs(frame.to_ndarray().reshape(-1))
            at_s = float((frame.pts or 0) * (frame.time_base or Fraction(1, SOUND_RATE)))
            loud = np.flatnonzero(samples[: len(samples) // step * step].reshape(-1, step).max(axis=1) > level)
            for millisecond in loud:
                now_s = at_s + int(millisecond) / 1000
                if now_s - begun > BEAT_MS / 2000:
                    begun = now_s
                    yield now_s


def _drawn(look: Look, tenths: int) -> NDArray[np.uint8]:
    picture = np.full((look.height * 3 // 2, look.width), 128, np.uint8)
    luma = picture[: look.height]
    luma[:] = 60
    side = look.width // BITS
    for bit in range(BITS):
        luma[:BAND, side * bit : side * (bit + 1)] = LIGHT if tenths >> bit & 1 else DARK
    left = tenths * 4 % (look.width - 20)
    luma[BAND + 10 : BAND + 30, left : left + 20] = 180
    if tenths * 100 % BEAT_MS == 0:
        luma[look.height // 2 :] = LIGHT
    return picture


def _beat() -> NDArray[np.float32]:
    """One beat: the beep, then silence."""
    at = np.arange(BEAT_MS * SOUND_RATE // 1000) / SOUND_RATE
    return np.where(at * 1000 < BEEP_MS, 0.4 * np.sin(2 * np.pi * 1000 * at), 0).astype(np.float32)
