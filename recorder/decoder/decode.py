"""From coded units to pixels and samples, and from pixels to a JPEG: all that is done with libav.

Imports av. Whatever the bytes do to libav happens in the decoder's own process. A lone key frame is decoded in a
context of its own (`decode(unit)` and `decode(None)`), by one thread.

`check_file` decodes a file from end to end, as a player would, and counts what comes out. It is for the demonstration
and for checks; nothing that records calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from recorder.decoder.measure import PRINT_STEP, SMALL, Grey
from recorder.decoder.messages import GRID
from recorder.words.stream import Codec
from recorder.worker.fan_out import SoundTrack, Tracks

MAX_PIXELS: Final = 36_000_000
"""8K; more is no camera."""
LEAST: Final = (GRID[0] * PRINT_STEP, GRID[1] * PRINT_STEP)
"""Columns and rows: of fewer some blocks would be empty, and no camera sends them."""
JPEG_QUALITY: Final = 3
"""Quantiser of libav, 1 to 31: no loss that is seen."""
QP2LAMBDA: Final = 118
"""By which libav multiplies it (FF_QP2LAMBDA)."""
PICTURES: Final = frozenset({Codec.H264, Codec.H265})
SOUNDS: Final = frozenset({Codec.AAC, Codec.PCMU, Codec.PCMA, Codec.L16})
MAX_CHANNELS: Final = 8
MAX_RATE: Final = 192_000


class Unreadable(Exception):
    """It does not decode."""


class TooLarge(Exception):
    """More pixels, or more bytes, than anybody has use for."""


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture as it is measured."""

    luma: Grey
    """In full size, as the camera coded it."""
    small: Grey
    blue: Grey
    red: Grey


def picture(tracks: Tracks, data: bytes, *, whole: bool) -> Any:
    """The one picture in a key frame. `whole`: as it is to be shown, else as it is measured, which costs less."""
    if tracks.codec not in PICTURES:
        raise Unreadable(tracks.codec)
    if tracks.width * tracks.height > MAX_PIXELS:
        raise TooLarge
    try:
        context: Any = av.CodecContext.create(tracks.codec.value, "r")
        context.extradata = tracks.record
        context.thread_count = 1
        context.options = {"max_pixels": str(MAX_PIXELS)}
        if not whole:
            context.options = {**context.options, "skip_loop_filter": "all"}
        packet = av.Packet(data)
        frames = [*context.decode(packet), *context.decode(None)]
    except (FFmpegError, ValueError) as error:
        raise Unreadable(type(error).__name__) from None
    if not frames:
        raise Unreadable("no picture in it")
    if frames[0].width < LEAST[0] or frames[0].height < LEAST[1]:
        raise Unreadable("a picture of a few pixels")
    return frames[0]


def planes(frame: Any) -> Planes:
    """Brightness in full size, and all of it small, from 0 to 255."""
    try:
        small = frame.reformat(*SMALL, format="yuvj420p", interpolation=Interpolation.AREA)
    except (FFmpegError, ValueError) as error:
        raise Unreadable(type(error).__name__) from None
    return Planes(_plane(frame, 0), _plane(small, 0), _plane(small, 1), _plane(small, 2))


def jpeg(frame: Any) -> bytes:
    """The picture in its full size."""
    try:
        full = frame.reformat(format="yuvj420p")
        context: Any = av.CodecContext.create("mjpeg", "w")
        context.width, context.height, context.pix_fmt = full.width, full.height, "yuvj420p"
        context.time_base = Fraction(1, 25)
        context.thread_count = 1
        context.qmin = context.qmax = JPEG_QUALITY
        full.pts, full.time_base = 0, context.time_base
        return b"".join(bytes(packet) for packet in [*context.encode(full), *context.encode(None)])
    except (FFmpegError, ValueError) as error:
        raise Unreadable(type(error).__name__) from None


def samples(track: SoundTrack, packets: Sequence[bytes]) -> NDArray[np.float32]:
    """Channels × samples from −1 to 1; empty where it does not decode."""
    nothing = np.zeros((1, 0), np.float32)
    if track.codec not in SOUNDS or not (0 < track.channels <= MAX_CHANNELS and 0 < track.rate <= MAX_RATE):
        return nothing
    pieces = []
    try:
        context: Any = av.CodecContext.create(track.codec.value, "r")
        if track.codec is Codec.AAC:
            context.extradata = track.config
        else:
            context.sample_rate = track.rate
            context.layout = {1: "mono", 2: "stereo"}.get(track.channels, f"{track.channels} channels")
        context.thread_count = 1
        for data in packets:
            pieces += [_real(frame) for frame in context.decode(av.Packet(data))]
    except (FFmpegError, ValueError):
        return nothing
    return np.concatenate(pieces, axis=1) if pieces else nothing


def _real(frame: Any) -> NDArray[np.float32]:
    """As channels × samples."""
    values: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    scale = 32768 if values.dtype == np.int16 else 1
    real: NDArray[np.float32] = np.nan_to_num(values.astype(np.float32)) / np.float32(scale)
    return real.clip(-1, 1)


def _plane(frame: Any, number: int) -> Grey:
    """Without the padding at the end of each row; of more than 8 bits the upper ones."""
    plane, bits = frame.planes[number], frame.format.components[0].bits
    rows: Grey = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    if bits > 8:
        rows = (rows.view("<u2") >> (bits - 8)).astype(np.uint8)
    return rows[:, : plane.width]


class UnplayableError(Exception):
    """The file does not decode to its end; the message is libav's reason."""


def check_file(path: Path) -> int:
    """How many video frames the file decodes to. Whatever a player would paper over is an error here."""
    frames = 0
    try:
        with av.open(str(path)) as container:
            for stream in container.streams.video + container.streams.audio:
                stream.codec_context.options = {"err_detect": "explode"}
            for packet in container.demux():
                decoded = packet.decode()
                frames += len(decoded) if packet.stream.type == "video" else 0
    except FFmpegError as error:
        raise UnplayableError(f"{path.name}: {error.strerror}") from None
    if not frames:
        raise UnplayableError(f"{path.name}: not one picture in it")
    return frames
