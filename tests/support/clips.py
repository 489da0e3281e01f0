"""A clip: coded frames of one track, encoded once and sent round and round with times that run on.

Serving a clip costs no encoding, so that four cameras and the recorder under test share two cores, and it is known
exactly which coded frames were sent: each carries its number (see `nal`). One file per clip: a line of JSON, then the
bytes. Times are in ticks of the clip's own rate (90 kHz for video, the sample rate for sound): nothing is rounded.

Standard library only: Debian's Python, which runs the RTSP server, imports this as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from tests.support import nal

Codec = Literal["h264", "h265", "aac", "pcmu", "pcma", "g726", "l16"]

VIDEO_RATE: Final = 90_000


@dataclass(frozen=True, slots=True)
class Coded:
    """One coded frame (video: units without start codes; sound: one payload) as it is sent."""

    number: int
    """Counts up for ever, across rounds."""
    pts: int
    dts: int
    key: bool
    units: tuple[bytes, ...]
    md5: str

    @property
    def annexb(self) -> bytes:
        return nal.join_annexb(list(self.units))


@dataclass(frozen=True, slots=True)
class Frame:
    pts: int
    dts: int
    key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Clip:
    codec: Codec
    rate: int
    """Ticks per second."""
    duration: int
    """Ticks of one round."""
    channels: int
    """0 for video."""
    extra: bytes
    """AudioSpecificConfig of AAC, else empty."""
    frames: tuple[Frame, ...]

    @property
    def video(self) -> bool:
        return self.codec in {"h264", "h265"}

    def save(self, path: Path) -> None:
        """Complete or not at all, so that two test runs may share the cache."""
        head = {
            "codec": self.codec,
            "rate": self.rate,
            "duration": self.duration,
            "channels": self.channels,
            "extra": self.extra.hex(),
            "frames": [[f.pts, f.dts, f.key, len(f.data)] for f in self.frames],
        }
        draft = path.with_suffix(f".{id(self)}.draft")
        draft.write_bytes(json.dumps(head).encode() + b"\n" + b"".join(f.data for f in self.frames))
        draft.rename(path)

    @classmethod
    def load(cls, path: Path) -> Clip:
        line, _, blob = path.read_bytes().partition(b"\n")
        head = json.loads(line)
        frames = []
        at = 0
        for pts, dts, key, size in head["frames"]:
            frames.append(Frame(pts, dts, key, blob[at : at + size]))
            at += size
        extra = bytes.fromhex(head["extra"])
        return cls(head["codec"], head["rate"], head["duration"], head["channels"], extra, tuple(frames))

    def rounds(self, first_number: int = 0) -> Iterator[Coded]:
        """Endless: the clip from its first frame on, again and again, its numbers counting up from `first_number`."""
        return self._video_rounds(first_number) if self.video else self._sound_rounds(first_number)

    def _video_rounds(self, number: int) -> Iterator[Coded]:
        codec = cast("nal.VideoCodec", self.codec)
        units = [nal.split_annexb(frame.data) for frame in self.frames]
        offset = -min(frame.dts for frame in self.frames)
        while True:
            for frame, plain in zip(self.frames, units, strict=True):
                marked = nal.stamped(codec, plain, number)
                pts, dts = offset + frame.pts, offset + frame.dts
                yield Coded(number, pts, dts, frame.key, tuple(marked), nal.digest(codec, marked))
                number += 1
            offset += self.duration

    def _sound_rounds(self, number: int) -> Iterator[Coded]:
        names = [hashlib.md5(frame.data, usedforsecurity=False).hexdigest() for frame in self.frames]
        offset = 0
        while True:
            for frame, md5 in zip(self.frames, names, strict=True):
                yield Coded(number, offset + frame.pts, offset + frame.pts, True, (frame.data,), md5)
                number += 1
            offset += self.duration
