"""What it costs to record the same cameras with each contender in turn: processor time and memory of the whole tree.

    python -m bench.comparison --state /var/tmp [--moonfire PATH] [--mediamtx PATH] [--who edged,Moonfire]
        [--cameras 8,32,64] [--lines installed,bare] [--rounds 5] [--results FILE] [--picture FILE]

Each contender of `bench.contenders` has the box for itself: it starts with a day of footage on disk, records all
cameras (`bench.cameras`: 1080p30, 4 Mbit/s, AAC), is left alone for a minute and measured for 90 s, which have one of
Moonfire's cuts and one of its syncs, and none of edged's cuts, which are every five minutes. The order changes with
each round. edged has its default configuration, a broker with somebody who listens there, and learns in half a minute
what its cameras show, instead of five: all are measured at the same time after their start, because pages of the cache
that a virtual machine had not touched before cost more. Prints one Markdown table.

- CPU: all processes that it started, however deep, also those that ended meanwhile.
- The whole box: what was not idle, less the cameras, the broker, whoever watches, and this program. It has what no tree
  counts: kernel threads that work off syncs, and interrupts. Whatever else runs is in it, too.
- PSS: of the same processes, at the end; of edged three minutes later, when it no longer grows. What they share with
  the cameras, the broker and this program is counted to them, as it would be on a box without these.

With `--results` each measurement is kept in FILE as it is made, and what FILE has already is not measured again: a run
that was interrupted goes on. `--rounds 0` only shows what FILE has. `--picture` draws the first line as bars.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from bench import clip as clips
from bench import gauges
from bench.bars import Bar, Panel, draw
from bench.contenders import (
    LEARNED,
    UNLOOKED,
    Broker,
    Cameras,
    Contender,
    Edged,
    Ffmpeg,
    MediaMtx,
    Moonfire,
    reader,
    scratch,
)
from bench.viewer import Viewer

EDGED: Final = "edged"
WHO: Final = ("ffmpeg", "MediaMTX", "Moonfire", EDGED)
BASES: Final = ("ffmpeg", "Moonfire")
"""Whom the table divides by."""
ALONE_S: Final = 10.0
LEAST_KEPT: Final = 0.8
"""Of what was sent; who writes less does not record, who is shown less does not see."""
SOUND_BIT_RATE: Final = 64_000


@dataclass(frozen=True, slots=True)
class Line:
    """One way in which the same is recorded."""

    name: str
    title: str
    sound: bool = True
    health: bool = True
    udp: bool = False
    codec: clips.Codec = clips.Codec.H264
    watched: bool = False


LINES: Final = (
    Line("installed", "as installed"),
    Line("no-sound", "cameras without sound", sound=False),
    Line("no-health", "edged without health", health=False),
    Line("bare", "without sound, edged without health", sound=False, health=False),
    Line("udp", "over UDP", udp=True),
    Line("h265", "H.265", codec=clips.Codec.H265),
    Line("watched", "one camera watched live", watched=True),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement. Milliseconds of processor per camera and second."""

    who: str
    line: str
    cameras: int
    round: int
    day: str
    """On which it was measured."""
    cpu_ms: float
    box_ms: float
    cameras_ms: float
    pss_mib: float
    """A camera."""
    processes: int
    faults: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, int, int]:
        return (self.who, self.line, self.cameras, self.round)


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time so far, in nanoseconds; or between two moments."""

    at_ns: int
    tree: int
    box: int
    cameras: int
    besides: int
    """This program, whoever watches within it, and the broker."""

    @classmethod
    def now(cls, contender: Contender, load: Cameras, broker: Broker) -> Self:
        tree = gauges.tree_cpu_ns([process.pid for process in contender.running.values()])
        besides = gauges.cpu_ns(broker.pid) + time.process_time_ns()
        return cls(time.monotonic_ns(), tree, gauges.box_ns(), gauges.cpu_ns(load.pid), besides)

    def since(self, before: Spent) -> Spent:
        return Spent(*(getattr(self, one.name) - getattr(before, one.name) for one in fields(self)))

    def ms(self, spent_ns: int) -> float:
        """A second of the time from `before` on."""
        return spent_ns * 1000 / self.at_ns


def line_for(who: str, line: Line) -> Line:
    """Health is edged's alone: without it the others are what they are with it."""
    same = line if who == EDGED else replace(line, health=True)
    return next(one for one in LINES if replace(one, name=same.name, title=same.title) == same)


def takes_part(who: str, line: Line) -> bool:
    return not (line.watched and who == "ffmpeg")


class Bench:
    """Measures. Whoever is measured has the box for itself."""

    def __init__(self, state: Path, binaries: dict[str, Path], warm_up_s: float, seconds: float) -> None:
        self._state = state
        self._binaries = binaries
        self._warm_up_s = warm_up_s
        self._seconds = seconds

    def measure(self, who: str, line: Line, cameras: int, number: int) -> Result:
        with ExitStack() as going:
            folder = going.enter_context(scratch(self._state))
            load = going.enter_context(Cameras(self._state, cameras, codec=line.codec, sound=line.sound, udp=line.udp))
            broker = going.enter_context(Broker(folder))
            contender = self._contender(who, folder / "run", load, broker, line, cameras)
            contender.folder.mkdir()
            contender.fill()
            going.callback(contender.stop)
            contender.start()
            contender.wait_until_ready()
            viewer = going.enter_context(contender.watch()) if line.watched else None
            time.sleep(self._warm_up_s)
            watch = Watch(contender, load, who.lower(), line, viewer)
            before = Spent.now(contender, load, broker)
            time.sleep(self._seconds)
            spent = Spent.now(contender, load, broker).since(before)
            faults = watch.faults(self._seconds)
            time.sleep(contender.GROWS_S)
            contender.check_alive()
            pids = contender.pids
            pss_kib = gauges.pss_kib(pids, (load.pid, broker.pid, os.getpid()))
        return Result(
            who=who,
            line=line.name,
            cameras=cameras,
            round=number,
            day=datetime.now(UTC).date().isoformat(),
            cpu_ms=spent.ms(spent.tree) / cameras,
            box_ms=spent.ms(spent.box - spent.cameras - spent.besides) / cameras,
            cameras_ms=spent.ms(spent.cameras) / cameras,
            pss_mib=pss_kib / 1024 / cameras,
            processes=len(pids),
            faults=faults,
        )

    def _contender(self, who: str, folder: Path, load: Cameras, broker: Broker, line: Line, cameras: int) -> Contender:
        if who == "ffmpeg":
            return Ffmpeg(folder, load, cameras)
        if who == "MediaMTX":
            return MediaMtx(folder, load, cameras, self._binaries[who], watched=line.watched)
        if who == "Moonfire":
            return Moonfire(folder, load, cameras, self._binaries[who], watched=line.watched)
        before = LEARNED if line.health else UNLOOKED
        return Edged(folder, load, cameras, before=before, broker_port=broker.port, watched=line.watched)


class Watch:
    """Whether all was recorded while it was measured."""

    def __init__(self, contender: Contender, load: Cameras, client: str, line: Line, viewer: Viewer | None) -> None:
        self._contender = contender
        self._load = load
        self._client = client
        self._bit_rate = clips.BIT_RATE + (SOUND_BIT_RATE if line.sound and client != "moonfire" else 0)
        self._viewer = viewer
        self._sessions = len(load.sessions(client))
        self._written = self._size()
        self._seen = viewer.bytes if viewer is not None else 0

    def _size(self) -> int:
        """Of all its files."""
        return sum(path.stat().st_size for path in self._contender.folder.rglob("*") if path.is_file())

    def faults(self, seconds: float) -> tuple[str, ...]:
        """Sentences; none where all is well. Raises SystemExit if the contender ended."""
        contender: Contender = self._contender
        found: list[str] = []
        contender.check_alive()
        sessions = self._load.sessions(self._client)
        if len(sessions) != self._sessions:
            found.append(f"{len(sessions) - self._sessions} sessions were begun anew")
        if (playing := sum(not told["over"] for told in sessions)) != contender.count:
            found.append(f"{playing} cameras of {contender.count} were sent for")
        sent = self._bit_rate / 8 * seconds * contender.count
        if (written := self._size() - self._written) < LEAST_KEPT * sent:
            found.append(f"{written >> 20} MiB written of {int(sent) >> 20} that were sent")
        if self._viewer is not None and self._viewer.bytes - self._seen < LEAST_KEPT * clips.BIT_RATE / 8 * seconds:
            found.append("whoever watched did not see all")
        return tuple(found)


def alone_ms() -> float:
    """What the box uses a second while nobody records."""
    before, at_ns = gauges.box_ns(), time.monotonic_ns()
    time.sleep(ALONE_S)
    return (gauges.box_ns() - before) * 1000 / (time.monotonic_ns() - at_ns)


def table(results: Sequence[Result], lines: Sequence[Line], counts: Sequence[int], who: Sequence[str]) -> list[str]:
    """One row for each contender of each line, medians of all rounds."""
    columns = "| cameras | | | rounds | CPU, ms per camera and second | × ffmpeg | × Moonfire"
    rows = [
        f"{columns} | the whole box | PSS a camera, MiB |",
        "| ---: | --- | --- | ---: | --- | ---: | ---: | --- | ---: |",
    ]
    for count in counts:
        for line in lines:
            there = {one: of(results, one, line, count) for one in who if takes_part(one, line)}
            for one, seen in there.items():
                if not seen:
                    continue
                cpu, mark = [result.cpu_ms for result in seen], "**" * (one == EDGED)
                ratios = [_ratio(cpu, [other.cpu_ms for other in there.get(base, [])]) for base in BASES]
                rows.append(
                    f"| {count} | {line.title} | {mark}{one}{mark} | {len(seen)} | {_spread(cpu)}"
                    f" | {' | '.join(ratios)} | {_spread([result.box_ms for result in seen])}"
                    f" | {gauges.median(result.pss_mib for result in seen):.1f} |"
                )
    return rows


def remarks(results: Sequence[Result]) -> list[str]:
    """What the table does not say."""
    cameras = [result.cameras_ms for result in results]
    said = [f"Median of the rounds; least – most. The cameras took {_spread(cameras)} ms each."] if cameras else []
    said += [f"Measured on {', '.join(sorted({result.day for result in results}))}."] if results else []
    said += [
        f"{one.who}, {one.line}, {one.cameras} cameras, round {one.round}: {'; '.join(one.faults)}."
        for one in results
        if one.faults
    ]
    return said


def of(results: Sequence[Result], who: str, line: Line, cameras: int) -> list[Result]:
    name = line_for(who, line).name
    return [one for one in results if (one.who, one.line, one.cameras) == (who, name, cameras)]


def picture(results: Sequence[Result], line: Line, counts: Sequence[int], who: Sequence[str]) -> str:
    """Of one line: processor time and memory."""
    panels = []
    for title, name in (
        ("Processor: ms per camera and second", "cpu_ms"),
        ("Memory: MiB (PSS) a camera", "pss_mib"),
    ):
        groups = tuple(
            (f"{count} cameras", tuple(_bar(one, seen, name) for one in who if (seen := of(results, one, line, count))))
            for count in counts
        )
        panels.append(Panel(title, groups))
    return draw("What it costs to record cameras: less is better", panels, EDGED)


def _bar(who: str, results: Sequence[Result], name: str) -> Bar:
    values = [getattr(result, name) for result in results]
    return Bar(who, gauges.median(values), min(values), max(values))


def _ratio(values: list[float], base: list[float]) -> str:
    return f"{gauges.median(values) / gauges.median(base):.2f}" if values and base else ""


def _spread(values: Sequence[float]) -> str:
    """Median (least – most); of one alone, itself."""
    median = f"{gauges.median(values):.2f}"
    return f"{median} ({min(values):.2f} – {max(values):.2f})" if len(values) > 1 else median


def kept(path: Path | None) -> list[Result]:
    """Results of earlier runs."""
    if path is None or not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [Result(**{**one, "faults": tuple(one["faults"])}) for one in found]


def some_of(names: Sequence[str]) -> Callable[[str], list[str]]:
    """Of an option: these in their own order, for words with commas in between."""

    def chosen(words: str) -> list[str]:
        wanted = names if words == "all" else words.split(",")
        if unknown := [word for word in wanted if word not in names]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: it knows {', '.join(names)}")
        return [name for name in names if name in wanted]

    return chosen


def directory(word: str) -> Path:
    """Of an option: one that is there."""
    if not Path(word).is_dir():
        raise argparse.ArgumentTypeError(f"{word} is not there: make it, on the disk to be measured")
    return Path(word)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--state", type=directory, required=True, help="an existing directory on the disk to be measured"
    )
    options.add_argument("--moonfire", type=Path, metavar="PATH", help="a binary of Moonfire NVR 0.7.30 or near")
    options.add_argument("--mediamtx", type=Path, metavar="PATH", help="a binary of MediaMTX 1.x")
    options.add_argument("--cameras", default="8,32", help="how many, one run for each (8,32)")
    names = [line.name for line in LINES]
    some = f"some of {','.join(names)}; all (installed)"
    options.add_argument("--lines", type=some_of(names), default="installed", help=some)
    among = f"some of {','.join(WHO)}; who has no binary is left out (all)"
    options.add_argument("--who", type=some_of(WHO), default="all", help=among)
    options.add_argument("--rounds", type=int, default=5, help="how often all is measured (5)")
    options.add_argument("--seconds", type=float, default=90, help="to measure for (90)")
    options.add_argument("--warm-up", type=float, default=60, help="before it, seconds (60)")
    options.add_argument("--results", type=Path, metavar="FILE", help="where measurements are kept")
    options.add_argument("--picture", type=Path, metavar="FILE", help="where the picture is drawn (SVG)")
    chosen = options.parse_args()
    lines = [line for line in LINES if line.name in chosen.lines]
    counts = [int(count) for count in chosen.cameras.split(",")]
    state = chosen.state / "edged-bench"
    state.mkdir(exist_ok=True)
    given = {"MediaMTX": chosen.mediamtx, "Moonfire": chosen.moonfire}
    binaries = {who: path.resolve() for who, path in given.items() if path is not None}
    who = [one for one in chosen.who if one in ("ffmpeg", EDGED, *binaries)]
    bench = Bench(state, binaries, chosen.warm_up, chosen.seconds)
    if EDGED in who:
        print(f"edged: reader {reader()}", file=sys.stderr)
    results = kept(chosen.results)
    there = {result.key for result in results}
    for number in range(chosen.rounds):
        print(f"round {number + 1}: the box by itself {alone_ms():.0f} ms a second", file=sys.stderr, flush=True)
        first = number % len(who)
        for count in counts:
            for line in lines:
                for one in who[first:] + who[:first]:
                    wanted = line_for(one, line)
                    if not takes_part(one, line) or (one, wanted.name, count, number) in there:
                        continue
                    result = bench.measure(one, wanted, count, number)
                    results.append(result)
                    there.add(result.key)
                    print(result, file=sys.stderr, flush=True)
                    if chosen.results is not None:
                        with chosen.results.open("a") as file:
                            file.write(json.dumps(asdict(result)) + "\n")
    shown = [one for one in WHO if any(result.who == one for result in results)]
    print(
        f"{os.cpu_count()} {platform.machine()} cores, Linux {platform.release()}, Python {platform.python_version()},"
        f" load average {os.getloadavg()[0]:.1f}\n"
    )
    print("\n".join([*table(results, lines, counts, shown), "", *remarks(results)]))
    if chosen.picture is not None:
        chosen.picture.write_text(picture(results, lines[0], counts, shown))


if __name__ == "__main__":
    main()
