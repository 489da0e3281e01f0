"""How soon a disturbed picture is found, and how often an undisturbed one is: the tables of docs/health.md.

    nice -n 19 .venv/bin/python bench/health.py [--looks 1000] [--only faults|turned|false] [--film FILE]

Real footage (`health_scenes`) goes through a real encoder (x264), the decoder and the measures of the eye, and the
judgement, one look in ten seconds of the camera's time. Each camera learns for 40 looks first. FILE: of a fixed camera,
such as `vtest.avi` of Debian's `opencv-doc`, a street of 768×576.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench import health_scenes as on
from bench.health_scenes import Change, Rgb, Scene
from edged.health import judge
from edged.health.faults import MediaFault
from edged.health.judge import Look, Memory
from recorder.decoder import decode
from recorder.decoder.messages import Heard, Picture
from recorder.words.stream import Codec
from recorder.worker.fan_out import SoundTrack
from tests.support.footage import Sound as SoundWish
from tests.support.footage import _samples as samples_of
from tests.support.keyframes import FPS, Encoder

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # not its own folder, where a file is called as one of our rooms


EVERY_MS: Final = 10_000
NOON_MS: Final = 20_000 * 86_400_000 + 9 * 3_600_000
LEARNED: Final = 40
MOST: Final = 18
"""Looks until a fault counts as not found."""
WIDER: Final = 1.28
"""A view that is turned is a window into one so much wider and higher."""
TURNS: Final = ((0, 0), (0.06, 0), (0.12, 0), (0.25, 0), (0.25, 0.25))
"""Shares of the width and height."""
ATTEMPTS: Final = 4
"""With other people in the reference, of each of four corners."""
SIZE: Final = (640, 360)
SMALL: Final = (320, 180)
RATE: Final = 60
"""kbit/s, scarce for a small picture."""


@dataclass
class Camera:
    """One, on its way through encoder, decoder, measures and judgement."""

    scene: Scene
    size: tuple[int, int]
    kbps: int | None = None
    memory: Memory = field(default_factory=Memory)
    reference: Any = None
    at_ms: int = NOON_MS
    number: int = 0
    noise: float = on.SENSOR
    """Between two looks."""
    frozen: bool = False
    fixed: bool = False
    """It stands although its scene moves."""

    def __post_init__(self) -> None:
        self.chance = np.random.default_rng(len(self.scene.name))
        self.encoder = Encoder(*self.size, crf=26, kbps=self.kbps)

    def measure(self, shown: Rgb) -> Picture:
        tracks, data = self.encoder.encode(shown)
        if self.kbps is not None:  # a rate control sees what comes between two looks as well
            for _ in range(EVERY_MS // 1000 * FPS - 1):
                self.encoder.coded(shown if self.frozen else self.shown(noise=self.noise))
        planes = decode.planes(decode.picture(tracks, data, whole=False))
        fixed = self.fixed or len(self.scene.frames) == 1  # of the others the camera moves
        if self.reference is None and fixed:
            self.reference = decode.thumbnail(planes.small)
        return decode.measure_picture(planes.luma, planes.small, (planes.blue, planes.red), self.reference)

    def look(self, shown: Rgb, heard: Heard | None = None) -> set[MediaFault]:
        self.number += 1
        self.at_ms += EVERY_MS
        if self.at_ms // 3_600_000 % 24 >= 17:  # it is always day here: the colour is judged
            self.at_ms += 16 * 3_600_000
        self.memory, judged = judge.step(self.memory, Look(self.at_ms, self.at_ms, self.measure(shown), heard))
        return {finding.fault for finding in judged.findings}

    def shown(self, *changes: Change, noise: float = on.SENSOR) -> Rgb:
        return on.shown(self.scene, self.number, self.chance, *changes, noise=noise)


def disturbances() -> Iterator[tuple[MediaFault, str, tuple[Change, ...], float]]:
    """Expected, how much, what changes, and the sensor's noise meanwhile."""
    for left, noise in ((0.0, 0.0), (0.0, 2.0), (0.02, 3.0), (0.05, 3.0), (0.1, 3.0)):
        yield MediaFault.BLACK, f"{left:.0%} of the light, noise {noise:g}", (on.gain(left),), noise
    for more in (0.3, 0.6, 0.9, 1.0):
        yield MediaFault.WHITE, f"lifted by {more:.0%} of white", (on.glare(more),), 2.0
    for share in (0.8, 0.95, 1.0):
        yield MediaFault.FLAT, f"contrast less {share:.0%}", (on.even(share),), 0.5
    for radius in (1, 2, 3, 5, 8):
        yield MediaFault.BLURRED, f"radius {radius} of 640 pixels, thrice", (on.blur(radius),), 2.0
    for share in (0.2, 0.35, 0.5, 0.7, 0.9):
        yield MediaFault.COVERED, f"{share:.0%} by a dark sheet", (on.cover(share),), 2.0
    for share in (0.35, 0.5, 0.7):
        yield MediaFault.COVERED, f"{share:.0%} by a bright cloth", (on.cover(share, 150, 12),), 2.0
    for share in (0.01, 0.03, 0.06, 0.12, 0.25, 0.5):
        yield MediaFault.MOVED, f"turned by {share:.0%} of the width", (on.turn(share),), 2.0
    for left in (0.5, 0.2, 0.0):
        yield MediaFault.COLOURLESS, f"{left:.0%} of the colour", (on.fade(left),), 2.0


def watched(fault: MediaFault, scene: Scene) -> bool:
    """Whether it can be told there at all: two of the moving clips are films, whose view moves by itself."""
    return len(scene.frames) == 1 or fault not in (MediaFault.MOVED, MediaFault.COLOURLESS, MediaFault.COVERED)


def learned(scene: Scene, size: tuple[int, int], kbps: int | None = None) -> Camera:
    camera = Camera(scene, size, kbps)
    for _ in range(LEARNED):
        camera.look(camera.shown())
    return camera


def until_found(camera: Camera, fault: MediaFault, show: Any) -> tuple[int | None, set[MediaFault]]:
    """Seconds from the first disturbed picture until the alarm; what else was found instead."""
    others: set[MediaFault] = set()
    for count in range(1, MOST + 1):
        found = camera.look(show())
        others |= found - {fault}
        if fault in found:
            return count * EVERY_MS // 1000, others
    return None, others


def faults() -> None:
    scenes = on.scenes(*SIZE)
    known = {scene.name: learned(scene, SIZE) for scene in scenes}
    print("| Disturbance | How much | Found on | After (s) | Called otherwise |\n| --- | --- | --- | --- | --- |")
    for fault, amount, changes, noise in disturbances():
        row(fault, amount, [(again(known[scene.name]), changes, noise) for scene in scenes if watched(fault, scene)])
    freezes(scenes, known)
    sounds()


def again(camera: Camera) -> Camera:
    """With what it has learned."""
    anew = Camera(camera.scene, camera.size, camera.kbps, camera.memory, camera.reference, camera.at_ms, camera.number)
    anew.chance = np.random.default_rng(camera.number + 1)
    return anew


def row(fault: MediaFault, amount: str, tries: list[tuple[Camera, tuple[Change, ...], float]]) -> None:
    told = []
    for camera, changes, noise in tries:
        told.append(until_found(camera, fault, lambda c=camera, ch=changes, n=noise: c.shown(*ch, noise=n)))
    line(fault, amount, told)


def line(what: str, amount: str, told: list[tuple[int | None, set[MediaFault]]]) -> None:
    times = [seconds for seconds, _ in told if seconds is not None]
    spread = f"{min(times)}–{max(times)}" if times and min(times) != max(times) else f"{times[0]}" if times else "–"
    others = sorted({other.value for seconds, found in told if seconds is None for other in found})
    missed = sum(1 for seconds, found in told if seconds is None and found)
    also = f"{', '.join(others)} ({missed})" if others else ""
    print(f"| `{what}` | {amount} | {len(times)} of {len(told)} | {spread} | {also} |", flush=True)


def freezes(scenes: list[Scene], known: dict[str, Camera]) -> None:
    """The sensor stands; the encoder runs on, or repeats its bytes. A camera paints its clock over it, or does not."""
    for amount, kbps, clock in (
        ("at constant quality", None, False),
        ("at constant quality, the camera's clock runs on", None, True),
        *((f"at a constant bit rate of {kbps} kbit/s", kbps, False) for kbps in (200, 400, 1000)),
    ):
        told = []
        for scene in scenes:
            camera = again(known[scene.name]) if kbps is None else learned(scene, SIZE, kbps)
            still, camera.frozen = camera.shown(), True

            def show(camera: Camera = camera, still: Rgb = still, clock: bool = clock) -> Rgb:
                painted = still.copy()
                if clock:
                    painted[8:28, 8:200] = camera.chance.integers(0, 2, (1, 24), np.uint8).repeat(8, 1)[..., None] * 255
                return painted

            told.append(until_found(camera, MediaFault.FROZEN, show))
        line(MediaFault.FROZEN, amount, told)


def turned(films: list[Path]) -> None:
    """Right after the reference was set; people in it and in what comes after, as they walk in a film or are drawn."""
    wide = [scene for scene in on.scenes(*(round(WIDER * side) for side in SIZE)) if len(scene.frames) == 1]
    drawn: tuple[Change, ...] = (on.people,)
    views = [(scene, drawn) for scene in wide] + [(on.film(path), ()) for path in films]
    print("| View | Turned by | Found in | After (s) | Called otherwise |\n| --- | --- | --- | --- | --- |")
    for (whole, changes), (across, down) in product(views, TURNS):
        high, width = (round(side / WIDER) for side in whole.frames[0].shape[:2])
        told = []
        for (before, after), attempt in product(on.windows(whole, (width, high), across, down), range(ATTEMPTS)):
            camera = Camera(before, (width, high), number=23 * attempt, fixed=True)
            camera.chance = np.random.default_rng(attempt)
            camera.look(camera.shown(*changes))
            camera.scene = after
            told.append(until_found(camera, MediaFault.MOVED, lambda c=camera, ch=changes: c.shown(*ch)))
        line(whole.name, f"{across:.0%} of the width, {down:.0%} of the height", told)


def sounds() -> None:
    """Real sound as a second of L16; on top of what the pictures of one camera show."""
    scene = on.scenes(*SMALL)[0]
    whole = samples_of(SoundWish("l16", 8000, 1)).astype(np.float32)[:, 0] / 32768
    whole *= 0.1 / float(np.sqrt((whole * whole).mean()))  # speech as a camera has it: 20 dB below full scale
    track = SoundTrack(Codec.L16, 8000, 1, b"")
    for fault, amount, factor in (
        (MediaFault.SILENT, "nothing but zeros", 0.0),
        (MediaFault.SILENT, "80 dB quieter", 1e-4),
        (MediaFault.SILENT, "50 dB quieter", 3e-3),
        (MediaFault.CLIPPED, "30 dB louder", 30.0),
        (MediaFault.CLIPPED, "10 dB louder", 3.0),
    ):
        camera = learned(scene, SMALL)
        seconds = None
        for count in range(1, MOST + 1):
            piece = np.clip(whole[(count % 10) * 8000 : (count % 10 + 1) * 8000] * factor, -1, 1)
            packets = [(piece * 32767).astype(">i2").tobytes()]
            if fault in camera.look(camera.shown(), decode.measure_sound(decode.samples(track, packets), 8000)):
                seconds = count * EVERY_MS // 1000
                break
        line(fault, amount, [(seconds, set())])


def undisturbed() -> Iterator[tuple[str, tuple[Change, ...], float]]:
    for noise in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0):
        yield f"sensor noise of {noise:g}", (), noise
    yield "rain-like grain", (on.rain,), 2.0
    yield "people come and go", (on.people,), 2.0
    yield "people come and stay for 2 min", (on.staying(12),), 2.0
    yield "trembles in the wind", (on.tremble,), 2.0
    yield "daylight comes and goes in three hours", (on.daylight,), 2.0
    yield "lights off and on each 10 min", (on.alternately(on.gain(0.15), on.unchanged, 60),), 3.0
    yield "lights off and on each 40 s", (on.alternately(on.gain(0.15), on.unchanged, 4),), 3.0
    yield "infrared and day each 10 min", (on.alternately(on.infrared, on.unchanged, 60),), 2.0
    yield "infrared and day each 40 s", (on.alternately(on.infrared, on.unchanged, 4),), 2.0


def false_alarms(looks: int) -> None:
    print("| Nothing is wrong, but | Camera-hours | Alarms | Which |\n| --- | --- | --- | --- |")
    fixed = [scene for scene in on.scenes(*SMALL) if scene.name not in on.FILMS]
    hours = 0.0
    total = 0
    at_a_rate = ((f"sensor noise of {noise:g}, at {RATE} kbit/s", (), noise) for noise in (0.25, 0.5, 2.0))
    rows = [(*row, looks, None) for row in undisturbed()] + [(*row, looks // FPS, RATE) for row in at_a_rate]
    for words, changes, noise, number, kbps in rows:
        alarms: dict[str, int] = {}
        for scene in fixed:
            camera, standing = Camera(scene, SMALL, kbps), set[MediaFault]()
            camera.noise = noise
            for _ in range(number):
                found = camera.look(camera.shown(*changes, noise=noise))
                for fault in found - standing:
                    name = f"{fault} ({scene.name})"
                    alarms[name] = alarms.get(name, 0) + 1
                standing = found
            hours += number * EVERY_MS / 3_600_000
        total += sum(alarms.values())
        which = ", ".join(f"{name} {count}" for name, count in alarms.items())
        print(
            f"| {words} | {len(fixed) * number * EVERY_MS / 3_600_000:.1f} | {sum(alarms.values())} | {which} |",
            flush=True,
        )
    print(f"\n{total} false alarms in {hours / 24:.1f} camera-days")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--looks", type=int, default=1000)
    asked.add_argument("--only", choices=("faults", "turned", "false"))
    asked.add_argument("--film", type=Path, action="append", default=[])
    given = asked.parse_args()
    began_s = time.process_time()
    if given.only in (None, "faults"):
        faults()
    if given.only in (None, "turned"):
        turned(given.film)
    if given.only in (None, "false"):
        false_alarms(given.looks)
    print(f"\n{time.process_time() - began_s:.0f} s of a processor", file=sys.stderr)


if __name__ == "__main__":
    main()
