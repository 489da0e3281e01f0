"""How soon a disturbed picture is found, and how often an undisturbed one is: the tables of docs/health.md.

    nice -n 19 .venv/bin/python -m bench.health [--hours 2.8] [--only faults|turned|false] [--film FILE]

Real footage (`health_scenes`) goes through a real encoder (x264), the decoder and the measures of the eye, and the
judgement, twice: looked at when the watch does it, by the sizes of what the encoder makes, and each ten seconds, as it
was done before. Each camera learns for 400 s first. FILE: of a fixed camera,
such as `vtest.avi` of Debian's `opencv-doc`, a street of 768×576.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, product
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np

from bench import health_scenes as on
from bench.health_scenes import Change, Rgb, Scene
from edged.health import judge
from edged.health.baseline import EVERY_S
from edged.health.faults import MediaFault
from edged.health.judge import Look, Memory
from edged.health.sizes import reported, sizes
from edged.health.watch import LookSchedule
from recorder.decoder import decode
from recorder.decoder.messages import Heard, Picture
from recorder.words.messages import Stats
from recorder.words.stream import Codec
from recorder.worker.fan_out import SoundTrack
from tests.support.footage import Sound as SoundWish
from tests.support.footage import _samples as samples_of
from tests.support.keyframes import FPS, GOP, Encoder

NOON_MS: Final = 20_000 * 86_400_000 + 9 * 3_600_000
DAY_S: Final = 8 * 3600
"""It is always day here: the colour is judged."""
GOP_S: Final = 2.0
"""A key frame in this time, as cameras have it, and a report of the sizes since the last one."""
LEARNED_S: Final = 400.0
MOST_S: Final = 200.0
"""Until a fault counts as not found."""
MOST_STILL_S: Final = 600.0
"""Until a picture that stands does."""
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

Found: TypeAlias = set[MediaFault]


@dataclass
class Watcher:
    """Who decides when a camera is looked at, and what he has found."""

    steady: bool
    """Each ten seconds, whatever the sizes."""
    memory: Memory = field(default_factory=Memory)
    schedule: LookSchedule = field(default_factory=LookSchedule)
    found: Found = field(default_factory=set)
    looks: int = 0
    """Once there was time to learn."""

    def is_due(self, now_s: float) -> bool:
        return now_s >= (self.schedule.looked_s + EVERY_S if self.steady else self.schedule.due_s(0.0))

    def look(self, picture: Picture, heard: Heard | None, now_s: float) -> None:
        apart_s = self.schedule.begin(now_s)
        days, rest_s = divmod(now_s, DAY_S)
        at_ms = NOON_MS + int(days * 86_400_000 + rest_s * 1000)
        look = Look(at_ms, at_ms, picture, heard, apart_s=apart_s)
        self.memory, judged = judge.step(self.memory, look)
        self.schedule.judged(self.memory, look)
        self.looks += now_s >= LEARNED_S
        self.found = {finding.fault for finding in judged.findings}


@dataclass
class Camera:
    """One, on its way through encoder, decoder, measures and judgement."""

    scene: Scene
    size: tuple[int, int]
    kbps: int | None = None
    reference: Any = None
    now_s: float = 0.0
    fixed: bool = False
    """It stands although its scene moves."""
    step_s: float = 10.0
    """From picture to picture of the scene."""
    smooth: bool = False
    """All pictures between key frames are coded, as at a bit rate, and not one alone."""
    watchers: tuple[Watcher, Watcher] = field(default_factory=lambda: (Watcher(steady=False), Watcher(steady=True)))

    def __post_init__(self) -> None:
        self.chance = np.random.default_rng(len(self.scene.name))
        self.between = 1 if self.kbps is None and not self.smooth else GOP - 1
        self.encoder = Encoder(*self.size, crf=26, kbps=self.kbps, gop=1 + self.between)
        self.stats = Stats(0, 0, 0, 0, 0, 0, 0)

    @property
    def number(self) -> int:
        """Of the scene's picture."""
        return int(self.now_s // self.step_s)

    def shown(self, *changes: Change, noise: float = on.SENSOR) -> Rgb:
        return on.shown(self.scene, self.number, self.chance, *changes, noise=noise)

    def run(self, show: Callable[[], Rgb], heard: Heard | None = None, packets: tuple[int, ...] = ()) -> None:
        """Two seconds, and a look of whom it is due. `packets`: of sound, their sizes."""
        tracks, key = self.encoder.encode(show())
        others = []
        for _ in range(self.between):
            self.now_s += GOP_S / (1 + self.between)
            others.append(len(self.encoder.coded(show())))
        self.now_s += GOP_S / (1 + self.between)
        half = len(others) // 2
        self._report(1, len(key), others[:half], packets)
        self._report(0, 0, others[half:], ())
        picture = None
        for one in self.watchers:
            if one.is_due(self.now_s):
                picture = picture or self._measure(tracks, key)
                one.look(picture, heard, self.now_s)

    def _report(self, keys: int, key_bytes: int, others: list[int], packets: tuple[int, ...]) -> None:
        """What a worker counts in a second."""
        last = self.stats
        self.stats = msgspec.structs.replace(
            last,
            video_frames=last.video_frames + keys + len(others),
            bytes=last.bytes + key_bytes + sum(others) + sum(packets),
            sound_units=last.sound_units + len(packets),
            key_frames=last.key_frames + keys,
            key_bytes=last.key_bytes + key_bytes,
            sound_bytes=last.sound_bytes + sum(packets),
        )
        for one in self.watchers:
            one.schedule.sizes = reported(one.schedule.sizes, sizes(last, self.stats))

    def _measure(self, tracks: Any, key: bytes) -> Picture:
        planes = decode.planes(decode.picture(tracks, key, whole=False))
        fixed = self.fixed or len(self.scene.frames) == 1  # of the others the camera moves
        if self.reference is None and fixed:
            self.reference = decode.thumbnail(planes.small)
        return decode.measure_picture(planes.luma, planes.small, (planes.blue, planes.red), self.reference)


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


def learned(scene: Scene, size: tuple[int, int], kbps: int | None = None, *, smooth: bool = False) -> Camera:
    camera = Camera(scene, size, kbps, smooth=smooth)
    while camera.now_s < LEARNED_S:
        camera.run(camera.shown)
    return camera


def again(camera: Camera) -> Camera:
    """With what it has learned, at an instant of its minute that chance chooses."""
    first, second = (replace(one, schedule=replace(one.schedule)) for one in camera.watchers)
    anew = replace(camera, watchers=(first, second))
    anew.chance = np.random.default_rng(camera.number + 1 + next(_NUMBERS))
    until_s = anew.now_s + float(anew.chance.uniform(60, 120))
    while anew.now_s < until_s:
        anew.run(anew.shown)
    return anew


_NUMBERS: Final = count()


class Try(NamedTuple):
    """To find a fault."""

    after_s: int | None
    """From the first disturbed picture until the alarm."""
    others: Found
    """What was found instead."""


def until_found(camera: Camera, fault: MediaFault, show: Callable[[], Rgb], most_s: float = MOST_S) -> tuple[Try, Try]:
    began_s = camera.now_s
    tries = [Try(None, set()), Try(None, set())]
    while camera.now_s < began_s + most_s and any(one.after_s is None for one in tries):
        camera.run(show)
        for number, watcher in enumerate(camera.watchers):
            after_s, others = tries[number]
            if after_s is None:
                after_s = round(camera.now_s - began_s) if fault in watcher.found else None
                tries[number] = Try(after_s, others | watcher.found - {fault})
    return tries[0], tries[1]


HEADING: Final = """
| Disturbance | How much | Found on | After (s) | Called otherwise | Looked at each 10 s: found on | After (s) |
| --- | --- | --- | --- | --- | --- | --- |"""


def faults(only: str) -> None:
    print(HEADING)
    known: dict[str, Camera] = {}
    for fault, amount, changes, noise in disturbances():
        if only not in f"{fault}, {amount}":
            continue
        known = known or {scene.name: learned(scene, SIZE) for scene in on.scenes(*SIZE)}
        cameras = [again(one) for one in known.values() if watched(fault, one.scene)]
        line(fault, amount, [until_found(one, fault, partial(one.shown, *changes, noise=noise)) for one in cameras])
    freezes(only)
    sounds(only)


def line(what: str, amount: str, told: list[tuple[Try, Try]]) -> None:
    new, old = ([one[number] for one in told] for number in (0, 1))
    others = sorted({other.value for one in new if one.after_s is None for other in one.others})
    missed = sum(1 for one in new if one.after_s is None and one.others)
    also = f"{', '.join(others)} ({missed})" if others else ""
    print(f"| `{what}` | {amount} | {_summary(new)} | {also} | {_summary(old)} |", flush=True)


def _summary(tries: list[Try]) -> str:
    times = [one.after_s for one in tries if one.after_s is not None]
    spread = f"{min(times)}–{max(times)}" if times and min(times) != max(times) else f"{times[0]}" if times else "–"
    return f"{len(times)} of {len(tries)} | {spread}"


def freezes(only: str) -> None:
    """The sensor stands; the encoder runs on, or repeats its bytes. A camera paints its clock over it, or does not."""
    for amount, kbps, clock in (
        ("at constant quality", None, False),
        ("at constant quality, the camera's clock runs on", None, True),
        *((f"at a constant bit rate of {kbps} kbit/s", kbps, False) for kbps in (60, 150, 300)),
    ):
        if only not in f"{MediaFault.FROZEN}, {amount}":
            continue
        told = []
        for scene in on.scenes(*SMALL):
            camera = again(learned(scene, SMALL, kbps, smooth=True))
            still = camera.shown()

            def show(camera: Camera = camera, still: Rgb = still, clock: bool = clock) -> Rgb:
                if not clock:
                    return still
                painted = still.copy()
                painted[4:14, 4:100] = camera.chance.integers(0, 2, (1, 24), np.uint8).repeat(4, 1)[..., None] * 255
                return painted

            told.append(until_found(camera, MediaFault.FROZEN, show, MOST_STILL_S))
        line(MediaFault.FROZEN, amount, told)


def turned(films: list[Path]) -> None:
    """Right after the reference was set; people in it and in what comes after, as they walk in a film or are drawn."""
    wide = [scene for scene in on.scenes(*(round(WIDER * side) for side in SIZE)) if len(scene.frames) == 1]
    drawn: tuple[Change, ...] = (on.staying(1),)
    views = [(scene, drawn) for scene in wide] + [(on.film(path), ()) for path in films]
    print(HEADING)
    for (whole, changes), (across, down) in product(views, TURNS):
        high, width = (round(side / WIDER) for side in whole.frames[0].shape[:2])
        told = []
        for (before, after), attempt in product(on.windows(whole, (width, high), across, down), range(ATTEMPTS)):
            camera = Camera(before, (width, high), now_s=230.0 * attempt, fixed=True)
            camera.chance = np.random.default_rng(attempt)
            show = partial(camera.shown, *changes)
            camera.run(show)
            camera.scene = after
            told.append(until_found(camera, MediaFault.MOVED, show))
        line(whole.name, f"{across:.0%} of the width, {down:.0%} of the height", told)


def sounds(only: str) -> None:
    """Real sound as L16; on top of what the pictures of one camera show. Its packets are of one size, or AAC's."""
    scene = on.scenes(*SMALL)[0]
    whole = samples_of(SoundWish("l16", 8000, 1)).astype(np.float32)[:, 0] / 32768
    whole *= 0.1 / float(np.sqrt((whole * whole).mean()))  # speech as a camera has it: 20 dB below full scale
    track = SoundTrack(Codec.L16, 8000, 1, b"")
    for (fault, amount, factor), aac in product(
        (
            (MediaFault.SILENT, "nothing but zeros", 0.0),
            (MediaFault.SILENT, "80 dB quieter", 1e-4),
            (MediaFault.SILENT, "50 dB quieter", 3e-3),
            (MediaFault.CLIPPED, "30 dB louder", 30.0),
            (MediaFault.CLIPPED, "10 dB louder", 3.0),
        ),
        (True, False),
    ):
        if only not in f"{fault}, {amount}":
            continue
        told = []
        for wait_s in range(60, 120, 10):
            camera, coder, tries = Camera(scene, SMALL), on.AacSizes(8000), [Try(None, set()), Try(None, set())]
            began_s = LEARNED_S + wait_s
            while camera.now_s < began_s + MOST_S and any(one.after_s is None for one in tries):
                loud = factor if camera.now_s >= began_s else 1.0
                at = int(camera.now_s * 0.7) % 19 * 8000  # no two looks in a row hear the same
                piece = np.clip(np.resize(np.roll(whole, -at), 16_000) * loud, -1, 1)
                packets = coder.sizes(piece) if aac else (320,) * 50
                raw = (piece[:8000] * 32767).astype(">i2").tobytes()
                camera.run(camera.shown, decode.measure_sound(decode.samples(track, [raw]), 8000), packets)
                for number, watcher in enumerate(camera.watchers):
                    if fault in watcher.found and tries[number].after_s is None:
                        tries[number] = Try(round(camera.now_s - began_s), set())
            told.append((tries[0], tries[1]))
        line(fault, f"{amount}, {'AAC' if aac else 'G.711 or L16'}", told)


def undisturbed() -> Iterator[tuple[str, tuple[Change, ...], float]]:
    for noise in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0):
        yield f"sensor noise of {noise:g}", (), noise
    yield "rain-like grain", (on.rain,), 2.0
    yield "people come and go", (on.staying(1),), 2.0
    yield "people come and stay for 2 min", (on.staying(12),), 2.0
    yield "trembles in the wind", (on.tremble,), 2.0
    yield "daylight comes and goes in three hours", (on.daylight,), 2.0
    yield "clouds pass", (on.clouds,), 2.0
    yield "lights off and on each 10 min", (on.alternately(on.gain(0.15), on.unchanged, 60),), 3.0
    yield "lights off and on each 40 s", (on.alternately(on.gain(0.15), on.unchanged, 4),), 3.0
    yield "infrared and day each 10 min", (on.alternately(on.infrared, on.unchanged, 60),), 2.0
    yield "infrared and day each 40 s", (on.alternately(on.infrared, on.unchanged, 4),), 2.0


@dataclass(frozen=True)
class Undisturbed:
    """A row of the table."""

    words: str
    cameras: list[Camera]
    changes: tuple[Change, ...]
    noise: float
    hours: float


AT_A_RATE: Final = (
    "sensor noise of 0.25",
    "sensor noise of 0.5",
    "sensor noise of 2",
    "people come and go",
    "clouds pass",
)
STREET: Final[tuple[tuple[str, tuple[Change, ...]], ...]] = (("", ()), (", clouds pass", (on.clouds,)))


def rows(hours: float, films: list[Path]) -> Iterator[Undisturbed]:
    fixed = [scene for scene in on.scenes(*SMALL) if scene.name not in on.FILMS]
    for words, changes, noise in undisturbed():
        yield Undisturbed(words, [Camera(scene, SMALL) for scene in fixed], changes, noise, hours)
    for words, changes, noise in undisturbed():
        if words in AT_A_RATE:
            cameras = [Camera(scene, SMALL, RATE) for scene in fixed]
            yield Undisturbed(f"{words}, at {RATE} kbit/s", cameras, changes, noise, hours / 5)
    for path, (words, changes), kbps in product(films, STREET, (None, 4 * RATE)):
        scene = on.at_pace(path, FPS, 384, 288)
        camera = Camera(scene, (384, 288), kbps, fixed=True, step_s=1 / FPS, smooth=True)
        rate = f", at {kbps} kbit/s" if kbps else ""
        yield Undisturbed(f"{path.name}{words}{rate}", [camera], changes, 2.0, hours)


def false_alarms(hours: float, films: list[Path], only: str) -> None:
    print(
        "| Nothing is wrong, but | Camera-hours | False alarms | Looks an hour | Looked at each 10 s: false alarms |\n"
        "| --- | --- | --- | --- | --- |"
    )
    total, hours_in_all = [0, 0], 0.0
    for row in rows(hours, films):
        if only not in row.words:
            continue
        alarms: tuple[Counter[str], Counter[str]] = Counter(), Counter()
        for camera in row.cameras:
            standing: list[Found] = [set(), set()]
            show = partial(camera.shown, *row.changes, noise=row.noise)
            while camera.now_s < row.hours * 3600:
                camera.run(show)
                for number, watcher in enumerate(camera.watchers):
                    for fault in watcher.found - standing[number]:
                        alarms[number][f"{fault} ({camera.scene.name})"] += 1
                    standing[number] = watcher.found
        hours_here = len(row.cameras) * row.hours
        hours_in_all += hours_here
        told = [", ".join(f"{name} {count}" for name, count in one.items()) or "0" for one in alarms]
        total = [before + one.total() for before, one in zip(total, alarms, strict=True)]
        looks = sum(one.watchers[0].looks for one in row.cameras) / len(row.cameras) / (row.hours - LEARNED_S / 3600)
        print(f"| {row.words} | {hours_here:.1f} | {told[0]} | {looks:.0f} | {told[1]} |", flush=True)
    print(f"\n{total[0]} false alarms in {hours_in_all / 24:.1f} camera-days; {total[1]} of looks each 10 s")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--hours", type=float, default=2.8)
    asked.add_argument("--only", choices=("faults", "turned", "false"))
    asked.add_argument("--row", default="", help="of the first and the last table, those that have this in their name")
    asked.add_argument("--film", type=Path, action="append", default=[])
    given = asked.parse_args()
    began_s = time.process_time()
    if given.only in (None, "faults"):
        faults(given.row)
    if given.only in (None, "turned"):
        turned(given.film)
    if given.only in (None, "false"):
        false_alarms(given.hours, given.film, given.row)
    print(f"\n{time.process_time() - began_s:.0f} s of a processor", file=sys.stderr)


if __name__ == "__main__":
    main()
