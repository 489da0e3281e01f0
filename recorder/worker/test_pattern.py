"""`test://`: a camera that is always there, to prove disk, link and screen before the real ones hang.

Imports av and numpy, which cost a worker more than all else: it imports this module only when such a camera starts. A
moving picture with a running clock (UTC, so that it means the same everywhere) and a beep every second, encoded in real
time in a thread and handed over through a queue: to the recorder it is one more `Source`.
Options stand behind the question mark: `test://?size=1280x720&fps=25&codec=h264&gop=2&audio=1`.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import av
import numpy as np
from numpy.typing import NDArray

from recorder.codec.sets import H264Sets, H265Sets, Sets
from recorder.words import outcome
from recorder.words.address import Target
from recorder.words.messages import WAKE_MS
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Codec, Item, Losses, SenderReport, Sound, Unit, Video
from storage.words.message import NOTHING, Message, message

Luma = NDArray[np.uint8]

VIDEO_RATE: Final = 90_000
SOUND_RATE: Final = 48_000
SOUND_FRAME: Final = 1024
LATE_MAX_S: Final = 1.0
"""Further behind, frames are left out as a camera would, instead of being sent ever later."""
WAITING_MAX: Final = 64
"""Frames that wait for the recorder: over a second at any rate, and then the encoder waits."""
QUIET_S: Final = 1.0
"""How often the encoder looks whether it is to end, while nobody takes what it made."""
NAP_S: Final = WAKE_MS / 1000
START_S: Final = 10.0
"""For the encoder to make its first frame."""
_SIZES: Final = range(64, 3841)
_RATES: Final = range(1, 61)
_GOPS: Final = (0.04, 30.0)
_ENCODERS: Final = {"h264": "libx264", "h265": "libx265"}
_CODECS: Final = {"h264": Codec.H264, "h265": Codec.H265}
_START_CODE: Final = b"\x00\x00\x01"
_SOUNDS: Final = {"0": False, "none": False, "1": True, "aac": True}
_BOX: Final = 8
"""The moving box is this part of the picture's height."""
_SHADE: Final = 12
"""Grey levels by which the bars darken and brighten from top to bottom and back."""
_ROUND_S: Final = 37
"""In so many steps of a second the shade has gone round: not a multiple of any time between two looks, for a pattern
that repeats exactly is what a frozen camera shows."""


class PatternError(ValueError):
    """An option that cannot be had, with what to write instead."""

    def __init__(self, problem: Message) -> None:
        super().__init__(problem)
        self.problem = problem


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
                        raise PatternError(
                            message(
                                "session.pattern.codec", "codec={value}: write codec=h264 or codec=h265", value=value
                            )
                        )
                    wish["codec"] = value
                case "gop":
                    wish["gop_s"] = _gop(value)
                case "audio":
                    if value not in _SOUNDS:
                        raise PatternError(
                            message("session.pattern.audio", "audio={value}: write audio=1 or audio=0", value=value)
                        )
                    wish["sound"] = _SOUNDS[value]
                case _:
                    raise PatternError(
                        message(
                            "session.pattern.unknown",
                            "{key}: the test pattern knows size, fps, codec, gop and audio",
                            key=key,
                        )
                    )
        return cls(**wish)


def _size(value: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", value)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if width not in _SIZES or height not in _SIZES or width % 2 or height % 2:
        raise PatternError(
            message(
                "session.pattern.size",
                "size={value}: write width x height, both even and from 64 to 3840, as in size=1280x720",
                value=value,
            )
        )
    return width, height


def _fps(value: str) -> int:
    if not value.isdecimal() or int(value) not in _RATES:
        raise PatternError(
            message("session.pattern.fps", "fps={value}: write a whole number from 1 to 60", value=value)
        )
    return int(value)


def _gop(value: str) -> float:
    if not re.fullmatch(r"\d{1,2}(\.\d{1,3})?", value) or not _GOPS[0] <= float(value) <= _GOPS[1]:
        raise PatternError(
            message(
                "session.pattern.gop",
                "gop={value}: write the seconds between key frames, from {least} to {most}",
                value=value,
                least=str(_GOPS[0]),
                most=f"{_GOPS[1]:.0f}",
            )
        )
    return float(value)


def open_pattern(target: Target, url: str) -> PatternSource:
    """Begin to play; `SessionEnded` says which option cannot be had."""
    try:
        return PatternSource(Pattern.parse(url))
    except PatternError as error:
        raise SessionEnded(outcome.bad_pattern(target, error.problem)) from None
    except (av.FFmpegError, queue.Empty) as error:
        raise SessionEnded(outcome.fault(target, type(error).__name__)) from None


class PatternSource:
    """The pattern as a `Source`. Plays until it is closed."""

    def __init__(self, pattern: Pattern) -> None:
        self._encoder = _Encoder(pattern)
        self._items: queue.Queue[list[Item]] = queue.Queue(WAITING_MAX)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._play, args=(pattern.fps,), name="test-pattern", daemon=True)
        self._thread.start()
        self._first = self._items.get(timeout=START_S)
        parameters = self._encoder.sets.known
        if parameters is None:
            raise RuntimeError("the encoder's first frame has no parameter sets")
        self.video = Video(_CODECS[pattern.codec], VIDEO_RATE, parameters)
        self.sound = self._encoder.sound
        self.ready = self.aligned = True
        self.nap_s = NAP_S
        self.descriptors: tuple[int, ...] = ()
        self.detail = NOTHING
        self.losses = Losses()

    def take(self, out: list[Item]) -> bool:
        """Frames and their sound."""
        out += self._first
        self._first = []
        with suppress(queue.Empty):
            while True:
                out += self._items.get_nowait()
        return True

    def close(self) -> None:
        """Stop playing."""
        self._closed.set()
        self._thread.join()

    def _play(self, fps: int) -> None:
        """Body of the thread: encode in real time."""
        begun = time.monotonic()
        number = 0
        while not self._closed.is_set():
            ahead_s = begun + number / fps - time.monotonic()
            if ahead_s > 0:
                time.sleep(ahead_s)
            elif ahead_s < -LATE_MAX_S:
                number += int(-ahead_s * fps)
            items = self._encoder.encode(number)
            while items and not self._closed.is_set():
                try:
                    self._items.put(items, timeout=QUIET_S)
                    break
                except queue.Full:
                    continue
            number += 1


class _Encoder:
    """Turns frame numbers into units of picture and sound."""

    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern
        self._canvas = _canvas(pattern)
        self._shade = _shade(pattern.height)
        self.sets: Sets = H265Sets() if pattern.codec == "h265" else H264Sets()
        video: Any = av.CodecContext.create(_ENCODERS[pattern.codec], "w")
        video.width, video.height, video.pix_fmt = pattern.width, pattern.height, "yuv420p"
        video.framerate, video.time_base = Fraction(pattern.fps), Fraction(1, pattern.fps)
        video.gop_size = max(1, round(pattern.gop_s * pattern.fps))
        video.thread_count = 1
        video.options = {"preset": "ultrafast", "tune": "zerolatency"}
        if pattern.codec == "h265":
            video.options = {**video.options, "x265-params": "log-level=none:pools=1:frame-threads=1:repeat-headers=1"}
        video.open()
        self._video = video
        self._voice: Any = None
        self.sound: Sound | None = None
        if pattern.sound:
            voice: Any = av.CodecContext.create("aac", "w")
            voice.sample_rate, voice.layout, voice.format = SOUND_RATE, "mono", "fltp"
            voice.time_base = Fraction(1, SOUND_RATE)
            voice.open()
            self._voice = voice
            self.sound = Sound(Codec.AAC, SOUND_RATE, 1, bytes(voice.extradata or b""))
        self._tone = _tone()
        self._sounded = 0

    def encode(self, number: int) -> list[Item]:
        """The picture of this number, and the sound up to it; with each key frame what the clock shows."""
        items: list[Item] = []
        now_ns = time.time_ns()
        frame = av.VideoFrame.from_ndarray(self._draw(number, now_ns), format="yuv420p")
        frame.pts = number
        frame.time_base = Fraction(1, self._pattern.fps)
        ticks = VIDEO_RATE // self._pattern.fps
        for packet in self._video.encode(frame):
            units = _units(bytes(packet))
            if packet.is_keyframe:
                for unit in units:
                    self.sets.put(unit)
                items.append(SenderReport(True, number * VIDEO_RATE // self._pattern.fps, now_ns))
            data = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
            parameters = self.sets.known if packet.is_keyframe else None
            pts = (packet.pts or 0) * VIDEO_RATE // self._pattern.fps
            items.append(Unit(True, pts, ticks, bool(packet.is_keyframe), data, parameters))
        if self._voice is not None:
            self._sing(number * SOUND_RATE // self._pattern.fps, items)
        return items

    def _sing(self, due: int, items: list[Item]) -> None:
        if due - self._sounded > 2 * LATE_MAX_S * SOUND_RATE:
            self._sounded = due // SOUND_FRAME * SOUND_FRAME
        while self._sounded <= due:
            at = self._sounded % SOUND_RATE
            samples = np.take(self._tone, range(at, at + SOUND_FRAME), mode="wrap").reshape(1, -1)
            sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            sound.sample_rate, sound.pts = SOUND_RATE, self._sounded
            sound.time_base = Fraction(1, SOUND_RATE)
            packets = self._voice.encode(sound)
            items.extend(Unit(False, packet.pts or 0, SOUND_FRAME, True, bytes(packet)) for packet in packets)
            self._sounded += SOUND_FRAME

    def _draw(self, number: int, now_ns: int) -> Luma:
        pattern = self._pattern
        picture = self._canvas.copy()
        gone = now_ns // 1_000_000_000 % _ROUND_S * pattern.height // _ROUND_S
        picture[: pattern.height] += np.roll(self._shade, gone)
        side = max(8, pattern.height // _BOX)
        left = number * max(2, pattern.width // 200) % (pattern.width - side)
        top = pattern.height - 2 * side
        picture[top : top + side, left : left + side] = 235
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now_ns // 1_000_000_000))
        text = f"{stamp}.{now_ns // 100_000_000 % 10} UTC"
        draw(picture[: pattern.height], text, top=pattern.height // 3, light=235, dark=16)
        return picture


def _units(stream: bytes) -> list[bytes]:
    """NAL units of an encoder's output (Annex B): between start codes, without the zeros that belong to those."""
    return [unit for piece in stream.split(_START_CODE) if (unit := piece.rstrip(b"\x00"))]


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


def _shade(height: int) -> Luma:
    """For each row of a picture: up to `_SHADE` and back to 0."""
    there_and_back = np.abs(np.arange(height) * 2 - height) * _SHADE // height
    return there_and_back.astype(np.uint8).reshape(-1, 1)


def _tone() -> NDArray[np.float32]:
    """One second: a beep of a tenth, then a low hum."""
    at = np.arange(SOUND_RATE) / SOUND_RATE
    wave = 0.02 * np.sin(2 * np.pi * 200 * at)
    beep = SOUND_RATE // 10
    wave[:beep] += 0.2 * np.sin(2 * np.pi * 1000 * at[:beep])
    return wave.astype(np.float32)


Bits = NDArray[np.bool_]


GLYPH_WIDTH: Final = 6
"""Five dots and one between letters."""


GLYPH_HEIGHT: Final = 7


_ROWS: Final = {
    "0": "01110 10001 10011 10101 11001 10001 01110",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00010 00100 01000 11111",
    "3": "11111 00010 00100 00010 00001 10001 01110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "00110 01000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00010 01100",
    "-": "00000 00000 00000 01110 00000 00000 00000",
    ":": "00000 00100 00000 00000 00000 00100 00000",
    ".": "00000 00000 00000 00000 00000 00000 00100",
    " ": "00000 00000 00000 00000 00000 00000 00000",
    "U": "10001 10001 10001 10001 10001 10001 01110",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "C": "01110 10001 10000 10000 10000 10001 01110",
}


_GLYPHS: Final = {
    letter: np.array([[dot == "1" for dot in row + "0"] for row in rows.split()]) for letter, rows in _ROWS.items()
}


def render(text: str, scale: int) -> Bits:
    """The text as dots, each `scale` pixels wide and high."""
    line = np.concatenate([_GLYPHS[letter] for letter in text], axis=1)
    return line.repeat(scale, axis=0).repeat(scale, axis=1)


def draw(luma: NDArray[np.uint8], text: str, *, top: int, light: int, dark: int) -> None:
    """Write the text across the middle four fifths of the picture, light on a dark plate."""
    width = luma.shape[1]
    dots = render(text, max(1, width * 4 // 5 // (GLYPH_WIDTH * len(text))))
    dots = dots[: luma.shape[0] - top, :width]
    left = (width - dots.shape[1]) // 2
    plate = luma[top : top + dots.shape[0], left : left + dots.shape[1]]
    plate[:] = np.where(dots, np.uint8(light), np.uint8(dark))
