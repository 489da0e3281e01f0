"""`test://`: a camera that is always there, to prove disk, link and screen before the real ones hang.

Imports av and numpy. A moving picture with a running clock (UTC, so that it means the same everywhere) and a beep every
second, encoded in real time in a thread and handed over through a pipe: to the recorder it is one more source.
Options stand behind the question mark: `test://?size=1280x720&fps=25&codec=h264&gop=2&audio=1`.
"""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from io import FileIO
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import av
import numpy as np
from numpy.typing import NDArray

from recorder.bitfont import draw

Luma = NDArray[np.uint8]

SOUND_RATE: Final = 48_000
SOUND_FRAME: Final = 1024
LATE_MAX_S: Final = 1.0
"""Further behind, frames are left out as a camera would, instead of being sent ever later."""
_SIZES: Final = range(64, 3841)
_RATES: Final = range(1, 61)
_GOPS: Final = (0.04, 30.0)
_ENCODERS: Final = {"h264": "libx264", "h265": "libx265"}
_SOUNDS: Final = {"0": False, "none": False, "1": True, "aac": True}
_BOX: Final = 8
"""The moving box is this part of the picture's height."""


class PatternError(ValueError):
    """An option that cannot be had, with what to write instead."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What `test://` was asked for."""

    width: int = 1280
    height: int = 720
    fps: int = 25
    codec: str = "h264"
    gop_s: float = 2.0
    sound: bool = True

    @classmethod
    def parse(cls, url: str) -> Pattern:
        """The options of a `test://` URL; `PatternError` names the first that is wrong."""
        wish: dict[str, Any] = {}
        for key, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
            match key:
                case "size":
                    wish["width"], wish["height"] = _size(value)
                case "fps":
                    wish["fps"] = _fps(value)
                case "codec":
                    if value not in _ENCODERS:
                        raise PatternError(f"codec={value}: write codec=h264 or codec=h265")
                    wish["codec"] = value
                case "gop":
                    wish["gop_s"] = _gop(value)
                case "audio":
                    if value not in _SOUNDS:
                        raise PatternError(f"audio={value}: write audio=1 or audio=0")
                    wish["sound"] = _SOUNDS[value]
                case _:
                    raise PatternError(f"{key}: the test pattern knows size, fps, codec, gop and audio")
        return cls(**wish)

    def start(self) -> FileIO:
        """Begin to play; the stream (NUT) comes out of the file. It plays for as long as the file is read."""
        reading, writing = os.pipe()
        thread = threading.Thread(target=_play, args=(self, FileIO(writing, "w")), name="test-pattern", daemon=True)
        thread.start()
        return FileIO(reading, "r")


def _size(value: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", value)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if width not in _SIZES or height not in _SIZES or width % 2 or height % 2:
        raise PatternError(f"size={value}: write width x height, both even and from 64 to 3840, as in size=1280x720")
    return width, height


def _fps(value: str) -> int:
    if not value.isdecimal() or int(value) not in _RATES:
        raise PatternError(f"fps={value}: write a whole number from 1 to 60")
    return int(value)


def _gop(value: str) -> float:
    if not re.fullmatch(r"\d{1,2}(\.\d{1,3})?", value) or not _GOPS[0] <= float(value) <= _GOPS[1]:
        raise PatternError(f"gop={value}: write the seconds between key frames, from {_GOPS[0]} to {_GOPS[1]:.0f}")
    return float(value)


def _play(pattern: Pattern, file: FileIO) -> None:
    """Body of the thread: encode in real time until nobody reads any more."""
    options = {"flush_packets": "1"}
    with file, av.open(file, "w", format="nut", options=options) as out:
        encoder = _Encoder(pattern, out)
        begun = time.monotonic()
        number = 0
        while True:
            ahead_s = begun + number / pattern.fps - time.monotonic()
            if ahead_s > 0:
                time.sleep(ahead_s)
            elif ahead_s < -LATE_MAX_S:
                number += int(-ahead_s * pattern.fps)
            try:
                encoder.send(number)
            except BrokenPipeError:
                return
            number += 1


class _Encoder:
    """Turns frame numbers into packets of picture and sound."""

    def __init__(self, pattern: Pattern, out: av.container.OutputContainer) -> None:
        self._pattern = pattern
        self._out = out
        self._canvas = _canvas(pattern)
        video: Any = out.add_stream(_ENCODERS[pattern.codec], rate=pattern.fps)
        video.width, video.height, video.pix_fmt = pattern.width, pattern.height, "yuv420p"
        context = video.codec_context
        context.time_base = Fraction(1, pattern.fps)
        context.gop_size = max(1, round(pattern.gop_s * pattern.fps))
        context.thread_count = 1
        context.options = {"preset": "ultrafast", "tune": "zerolatency"}
        if pattern.codec == "h265":
            context.options["x265-params"] = "log-level=none:pools=1:frame-threads=1"
        self._video = video
        self._sound: Any = None
        if pattern.sound:
            self._sound = out.add_stream("aac", rate=SOUND_RATE)
            self._sound.codec_context.layout = "mono"
            self._sound.codec_context.format = "fltp"
        self._tone = _tone()
        self._sounded = 0

    def send(self, number: int) -> None:
        """The picture of this number, and the sound up to it."""
        frame = av.VideoFrame.from_ndarray(self._draw(number), format="yuv420p")
        frame.pts = number
        frame.time_base = Fraction(1, self._pattern.fps)
        self._out.mux(self._video.encode(frame))
        if self._sound is None:
            return
        due = number * SOUND_RATE // self._pattern.fps
        if due - self._sounded > 2 * LATE_MAX_S * SOUND_RATE:
            self._sounded = due // SOUND_FRAME * SOUND_FRAME
        while self._sounded <= due:
            at = self._sounded % SOUND_RATE
            samples = np.take(self._tone, range(at, at + SOUND_FRAME), mode="wrap").reshape(1, -1)
            sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            sound.sample_rate, sound.pts = SOUND_RATE, self._sounded
            sound.time_base = Fraction(1, SOUND_RATE)
            self._out.mux(self._sound.encode(sound))
            self._sounded += SOUND_FRAME

    def _draw(self, number: int) -> Luma:
        pattern = self._pattern
        picture = self._canvas.copy()
        side = max(8, pattern.height // _BOX)
        left = number * max(2, pattern.width // 200) % (pattern.width - side)
        top = pattern.height - 2 * side
        picture[top : top + side, left : left + side] = 235
        now = time.time_ns()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now // 1_000_000_000))
        text = f"{stamp}.{now // 100_000_000 % 10} UTC"
        draw(picture[: pattern.height], text, top=pattern.height // 3, light=235, dark=16)
        return picture


def _canvas(pattern: Pattern) -> Luma:
    """Eight bars, all planes of a yuv420p picture below each other as libav packs them."""
    width, height = pattern.width, pattern.height
    canvas: Luma = np.empty((height * 3 // 2, width), np.uint8)
    bars = np.arange(width) * 8 // width
    canvas[:height] = (180 - 20 * bars).astype(np.uint8)
    chroma = np.arange(width // 2) * 8 // (width // 2)
    half = width * height // 4
    planes = canvas[height:].reshape(-1)
    planes[:half] = np.tile((96 + 9 * chroma).astype(np.uint8), height // 2)
    planes[half:] = np.tile((160 - 9 * chroma).astype(np.uint8), height // 2)
    return canvas


def _tone() -> NDArray[np.float32]:
    """One second: a beep of a tenth, then a low hum."""
    at = np.arange(SOUND_RATE) / SOUND_RATE
    wave = 0.02 * np.sin(2 * np.pi * 200 * at)
    beep = SOUND_RATE // 10
    wave[:beep] += 0.2 * np.sin(2 * np.pi * 1000 * at[:beep])
    return wave.astype(np.float32)
