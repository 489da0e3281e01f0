"""From coded units to pixels and samples, and from pixels to a JPEG: all that is done with libav.

Imports av. Whatever the bytes do to libav happens in the decoder's own process. A lone key frame is decoded in a
context of its own (`decode(unit)` and `decode(None)`), by one thread.

`check_file` decodes a file from end to end, as a player would, and counts what comes out. It is for the demonstration
and for checks; nothing that records calls it.

What a picture and half a second of sound measure is pure, on numpy arrays. A picture gives small numbers from 320×180
pixels, and a print of each block in full size. Pictures are arrays of 8 bits, 0 black and 255 white, rows first. What
the numbers mean is judged elsewhere (`edged.health`), against what this camera usually shows.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeAlias

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from recorder.decoder.messages import GRID, Heard, Picture, Shift
from recorder.words.stream import Codec
from recorder.worker.fan_out import SoundTrack, Tracks

Grey: TypeAlias = NDArray[np.uint8]
Real: TypeAlias = NDArray[np.float32]
SMALL: Final = (320, 180)
"""Columns and rows on which a picture is measured."""
OUTER: Final = 0.02
"""Share of the pixels that is left out at either end."""
NEAR_BLACK: Final = 16
NEAR_WHITE: Final = 239
COARSE_FLOOR: Final = 1.0
"""Added to the coarse detail that finer detail is measured against: noise of a flat picture is no detail."""
EVEN: Final = 8
"""Between the darkest and the brightest pixel of a block that may repeat by itself: black, burnt out, smooth."""
PRINT_STEP: Final = 3
"""Of every third row and column: a print must tell repetition, and costs a ninth."""
PEAKS: Final = 16
"""Places at which a view may lie: of one that shares half with its reference the right one is nearly always there."""
PEAK_SIDE: Final = 2
"""Pixels on each side that belong to a peak."""
LOW_PASS: Final = 0.5
"""Share of the highest frequency above which a shift is not looked for: there is only noise."""


def measure_picture(luma: Grey, small: Grey, chroma: tuple[Grey, Grey], reference: Grey | None = None) -> Picture:
    """`luma` in full size, `small` and its two planes of colour on `SMALL` pixels (colour on half as many)."""
    real = small.astype(np.float32)
    up_to = np.cumsum(np.bincount(small.ravel(), minlength=256)) / small.size
    return Picture(
        width=luma.shape[1],
        height=luma.shape[0],
        mean=float(real.mean()),
        low=float(np.searchsorted(up_to, OUTER)),
        high=float(np.searchsorted(up_to, 1 - OUTER)),
        spread=float(real.std()),
        black=float(up_to[NEAR_BLACK]),
        white=float(1 - up_to[NEAR_WHITE - 1]),
        sharpness=sharpness(real),
        saturation=saturation(*chroma),
        edges=_each(edges(real)),
        tones=_each(real),
        prints=prints(luma),
        shift=None if reference is None else shift(thumbnail(small), reference),
    )


def sharpness(real: Real) -> tuple[float, float]:
    """Of the detail of two and of four pixels against that of eight. What is large and what is small in a scene hangs
    together, so that a blur is told where no two looks show the same view; and a sensor's noise, which would pass for
    the finest detail of all, is all but gone over two pixels.
    """
    two = _averaged(real, 1)
    four = _averaged(two, 2)
    coarse = _detail(_averaged(four, 4), 8) + COARSE_FLOOR
    return _detail(two, 2) / coarse, _detail(four, 4) / coarse


def saturation(blue: Grey, red: Grey) -> float:
    """Mean distance of the two planes from grey."""
    u, v = blue.astype(np.float32) - 128, red.astype(np.float32) - 128
    return float(np.sqrt(u * u + v * v).mean())


def edges(real: Real) -> Real:
    """Steps between neighbours two pixels apart, so that noise counts less than what stands in the view."""
    found: Real = np.zeros_like(real)
    found[:, 1:-1] = np.abs(real[:, 2:] - real[:, :-2])
    found[1:-1, :] += np.abs(real[2:, :] - real[:-2, :])
    return np.minimum(found / 2, 255)


def prints(luma: Grey) -> tuple[int, ...]:
    """One number a block: equal in two pictures only if the block is the same in both."""
    return tuple(
        0 if int(block.max()) - int(block.min()) < EVEN else zlib.crc32(block.data) or 1
        for block in map(np.ascontiguousarray, _blocks(luma[::PRINT_STEP, ::PRINT_STEP]))
    )


def thumbnail(small: Grey) -> Grey:
    """On `THUMB` pixels, each the mean of four."""
    lines = small[0::2].astype(np.uint16) + small[1::2]
    means: Grey = ((lines[:, 0::2] + lines[:, 1::2]) >> 2).astype(np.uint8)
    return means


def shift(now: Grey, reference: Grey) -> Shift:
    """Phase correlation of two thumbnails (Kuglin and Hines 1975), windowed and low-passed, tells where the view may
    lie; how alike the edges of what both then show are decides with it. People who walk about make peaks of their own,
    higher than that of a view turned far, but nothing around them fits.
    """
    surface = _correlation(now, reference)
    ours, theirs = _outlines(now), _outlines(reference)
    here = _alike(ours, theirs)
    in_place = float(surface[0, 0]) + here
    most, down, across = in_place, 0, 0
    for row, column in _peaks(surface):
        speaks = float(surface[row, column]) + _fit(ours, theirs, row, column)
        if speaks > most:
            most, down, across = speaks, row, column
    rows, columns = now.shape
    return Shift(across / columns, down / rows, min(most - in_place, 1.0), here)


def likeness(now: Grey, reference: Grey) -> float:
    """Correlation of the edges of both: light may change as it likes."""
    return _alike(_outlines(now), _outlines(reference))


def _averaged(real: Real, apart: int) -> Real:
    """With their neighbours so many pixels apart: means over squares of twice the side."""
    return (real[:-apart, :-apart] + real[apart:, :-apart] + real[:-apart, apart:] + real[apart:, apart:]) / np.float32(
        4
    )


def _detail(means: Real, size: int) -> float:
    """Second differences of means over squares of `size` pixels, wherever an edge lies to them."""
    middle = 2 * means[size:-size, size:-size]
    across = means[size:-size, : -2 * size] - middle + means[size:-size, 2 * size :]
    down = means[: -2 * size, size:-size] - middle + means[2 * size :, size:-size]
    return float(np.sqrt(np.mean(across * across + down * down)))


def _correlation(now: Grey, reference: Grey) -> Real:
    """At each place, 1 where nothing but a shift by as much lies between them."""
    cross = _spectrum(now) * _spectrum(reference).conj()
    size = np.abs(cross)
    band = _band(cross.shape) & (size > 1e-6 * max(float(size.max()), 1e-9))
    cross = np.where(band, cross / np.maximum(size, 1e-9), 0)
    found = np.fft.irfft2(cross, s=now.shape) / max(float(band.mean()), 1e-9)
    return found.astype(np.float32)


def _peaks(surface: Real) -> Iterator[tuple[int, int]]:
    """The highest, as rows down and columns to the right, less than half of them all."""
    left = surface.copy()
    rows, columns = left.shape
    beside = np.arange(-PEAK_SIDE, PEAK_SIDE + 1)
    for _ in range(PEAKS):
        down, across = divmod(int(left.argmax()), columns)
        left[np.ix_((beside + down) % rows, (beside + across) % columns)] = -np.inf
        yield (down + rows // 2) % rows - rows // 2, (across + columns // 2) % columns - columns // 2


def _fit(ours: Real, theirs: Real, down: int, across: int) -> float:
    """Likeness of what both show. Little of it is alike by chance: its error goes with the root of its size."""
    rows, columns = ours.shape
    ours = ours[max(down, 0) : rows + min(down, 0), max(across, 0) : columns + min(across, 0)]
    theirs = theirs[max(-down, 0) : rows - max(down, 0), max(-across, 0) : columns - max(across, 0)]
    return _alike(ours, theirs) * float(np.sqrt(ours.size / (rows * columns)))


def _outlines(grey: Grey) -> Real:
    return edges(grey.astype(np.float32))[1:-1, 1:-1]


def _alike(ours: Real, theirs: Real) -> float:
    ours, theirs = (ours - ours.mean()).ravel(), (theirs - theirs.mean()).ravel()
    size = float(np.sqrt((ours @ ours) * (theirs @ theirs)))
    return 0.0 if size < 1e-6 else min(1.0, max(-1.0, float(ours @ theirs) / size))


def _spectrum(grey: Grey) -> Any:
    real = grey.astype(np.float32)
    window = np.outer(np.hanning(real.shape[0]), np.hanning(real.shape[1]))
    return np.fft.rfft2((real - real.mean()) * window)


def _band(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = shape
    down, across = np.abs(np.fft.fftfreq(rows))[:, None], np.linspace(0, 0.5, columns)[None, :]
    low: NDArray[np.bool_] = (down < LOW_PASS / 2) & (across < LOW_PASS / 2)
    return low


def _blocks(plane: NDArray[Any]) -> list[NDArray[Any]]:
    columns, rows = GRID
    high, wide = plane.shape[0] / rows, plane.shape[1] / columns
    return [
        plane[round(row * high) : round((row + 1) * high), round(column * wide) : round((column + 1) * wide)]
        for row in range(rows)
        for column in range(columns)
    ]


def _each(plane: Real) -> tuple[float, ...]:
    columns, rows = GRID
    means = plane.reshape(rows, plane.shape[0] // rows, columns, -1).mean(axis=(1, 3))
    return tuple(round(float(one), 2) for one in means.ravel())


NOTHING_DB: Final = -120.0
FULL: Final = 0.98
"""At or above this share of full scale a sample is clipped: the loudest that G.711 can say is 0.98."""


def measure_sound(samples: NDArray[np.float32], rate: int) -> Heard | None:
    """`samples` of all channels, from −1 to 1, `rate` of each in a second. None for none."""
    if samples.size == 0:
        return None
    centred = samples - samples.mean(axis=-1, keepdims=True)
    size = np.abs(samples)
    return Heard(
        seconds=min(60.0, samples.shape[-1] / rate),
        level_db=_db(float(np.sqrt((centred * centred).mean()))),
        peak_db=_db(float(np.abs(centred).max())),
        clipped=float((size >= FULL).mean()),
    )


def _db(share: float) -> float:
    return min(0.0, max(NOTHING_DB, 20 * float(np.log10(max(share, 1e-6)))))


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
    try:
        context: Any = av.CodecContext.create(track.codec.value, "r")
        if track.codec is Codec.AAC:
            context.extradata = track.config
        else:
            context.sample_rate = track.rate
            context.layout = {1: "mono", 2: "stereo"}.get(track.channels, f"{track.channels} channels")
        context.thread_count = 1
        pieces = [_by_channel(frame) for data in packets for frame in context.decode(av.Packet(data))]
        values = np.concatenate(pieces, axis=1) if pieces else nothing
    except (FFmpegError, ValueError):
        return nothing
    scale = 32768 if values.dtype == np.int16 else 1
    real: NDArray[np.float32] = np.nan_to_num(values.astype(np.float32)) / np.float32(scale)
    return real.clip(-1, 1)


def _by_channel(frame: Any) -> NDArray[Any]:
    """As channels × samples, in whatever way the codec counts."""
    values: NDArray[Any] = frame.to_ndarray()
    return values if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels).T


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
