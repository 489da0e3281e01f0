"""Pictures through a real encoder, as a camera's worker hands them out: tracks and key frames.

For the eye and for the measures of picture health. Encodes each picture as a key frame of its own, at a quantiser as
cameras have it or at a bit rate.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final, Literal

import av
import numpy as np
from numpy.typing import NDArray

from recorder.codec.sets import H264Sets, H265Sets, Sets
from recorder.worker.fan_out import Packet, SoundTrack, Tracks
from tests.support import nal

Rgb = NDArray[np.uint8]
FPS: Final = 5
GOP: Final = 10


class Encoder:
    """One camera's."""

    def __init__(
        self,
        width: int,
        height: int,
        codec: Literal["h264", "h265"] = "h264",
        *,
        crf: int = 26,
        kbps: int | None = None,
        gop: int = 1,
    ) -> None:
        """`kbps`: at this constant bit rate, `FPS` frames a second, instead of a constant quality. A key frame each
        `gop`.
        """
        self._codec = codec
        context: Any = av.CodecContext.create("libx264" if codec == "h264" else "libx265", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
        context.gop_size, context.max_b_frames, context.thread_count = gop, 0, 1
        quality = {"crf": str(crf), "sc_threshold": "0"}
        if kbps is not None:
            context.bit_rate = kbps * 1000
            quality = {"maxrate": f"{kbps}k", "bufsize": f"{kbps}k", "sc_threshold": "0"}
        if codec == "h264":
            context.options = quality | {"preset": "veryfast", "tune": "zerolatency"}
        else:
            own = "repeat-headers=1:log-level=none:pools=none:frame-threads=1"
            context.options = quality | {"preset": "ultrafast", "tune": "zerolatency", "x265-params": own}
        self._context = context
        self._sets: Sets = H264Sets() if codec == "h264" else H265Sets()
        self._number = 0

    def encode(self, rgb: Rgb) -> tuple[Tracks, bytes]:
        """What the worker tells of the tracks, and the key frame as it lies in a file."""
        units = nal.split_annexb(self.coded(rgb))
        for unit in units:
            self._sets.put(unit)
        first = next(unit for unit in units if nal.is_slice(self._codec, unit))
        found = self._sets.at_key(first[:32])
        assert found is not None
        data = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
        return Tracks(found.codec, 90_000, found.width, found.height, found.record, None), data

    def coded(self, rgb: Rgb) -> bytes:
        """The frame in the encoder's own form; one in `gop` is a key frame, the first one first."""
        frame: Any = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
        frame.pts, self._number = self._number, self._number + 1
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


def packet(data: bytes) -> Packet:
    """A key frame as it is handed out."""
    return Packet(True, 0, 0, True, data)


def with_sound(tracks: Tracks, sound: SoundTrack) -> Tracks:
    return Tracks(tracks.codec, tracks.rate, tracks.width, tracks.height, tracks.record, sound)


def blocks(random: np.random.Generator, width: int, height: int) -> Rgb:
    """Blocks of 10 × 10 pixels in all colours."""
    coarse = random.integers(0, 256, (height // 10, width // 10, 3), dtype=np.uint8)
    return coarse.repeat(10, axis=0).repeat(10, axis=1)
