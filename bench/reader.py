"""What a camera's bytes cost between socket and disk, interpreted and compiled: the same bytes through both.

    .venv/bin/python -m bench.reader --state /var/tmp

One stream of `bench.cameras` (1080p30 H.264 at 4 Mbit/s with AAC), 0.2 s at a time as a worker reads it, through
`Inbox`, tracks, `TimestampRepair`, `Segmenter` and `Muxer` in one process: no socket, no disk, no hash. Told in ms of
processor per second of the camera, the median of all seconds of all turns; both ways take turns. "Hot" is one reading
after the other. For "cold" the caches are filled with something else before each reading, as they are in a process
that has slept. The compiled part is made by `script/compile`, or lies where `--compiled` says.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias

from bench import clip as clips
from bench.cameras import AAC, Tape
from recorder import mp4
from recorder.mp4 import Muxer
from recorder.rtp.sdp import Media
from recorder.rtp.track import sound_track, video_track
from recorder.rtsp.message import Handler, Inbox
from recorder.words.stream import Item, Losses, Unit
from recorder.worker.segmenter import Action, Begin, Put, Segmenter
from recorder.worker.timestamp_repair import NS_PER_S, Scale, Stamp, TimestampRepair

ROOT: Final = Path(__file__).resolve().parents[1]
READING_S: Final = 0.2
SEGMENT_NS: Final = 300 * NS_PER_S
CACHES_BYTES: Final = 48 << 20
"""More than any cache of the processor holds."""
Costs: TypeAlias = dict[str, list[list[float]]]
"""For "hot" and "cold": what each second cost, in ms, by stage."""
STAGES: Final = ("packets to pictures and sound", "their times", "their segments", "fragments")


class Reader:
    """One camera's session, without what surrounds it."""

    def __init__(self, clip: clips.Clip) -> None:
        losses = Losses()
        fmtp = dict(part.split("=") for part in AAC.lower().split(";")) | {"config": clip.config[:2].hex()}
        picture = video_track(Media("video", 96, "H264", 90_000, 1, {}, ""), losses)
        sound = sound_track(Media("audio", 97, "MPEG4-GENERIC", clips.SAMPLE_RATE, 1, fmtp, ""), losses)
        self._handlers: list[Handler | None] = [picture.rtp, picture.rtcp, sound.rtp, sound.rtcp, *[None] * 252]
        self._inbox = Inbox()
        self._pictures, self._sounds = TimestampRepair(90_000, 0), TimestampRepair(clips.SAMPLE_RATE, 0)
        self._segmenter = Segmenter(SEGMENT_NS, Scale(90_000), Scale(clips.SAMPLE_RATE))
        self._segmenter.caught_up()
        self._sound = sound.sound
        self._muxer: Muxer | None = None
        self.frames = 0

    def read(self, data: memoryview, now_ns: int) -> list[int]:
        """Takes 0.2 s; what each stage cost, in ns."""
        marks = [time.thread_time_ns()]
        items: list[Item] = []
        self._inbox.room()[: len(data)] = data
        self._inbox.received(len(data))
        self._inbox.take(self._handlers, items)
        marks.append(time.thread_time_ns())
        stamps: list[Stamp] = []
        for item in items:
            if isinstance(item, Unit):
                (self._pictures if item.video else self._sounds).mend(item, now_ns, stamps)
        marks.append(time.thread_time_ns())
        actions: list[Action] = []
        for stamp in stamps:
            if stamp.unit.video:
                self._segmenter.picture(stamp, actions)
            else:
                self._segmenter.sound(stamp, actions)
        marks.append(time.thread_time_ns())
        for action in actions:
            if isinstance(action, Put) and self._muxer is not None:
                unit = action.unit
                self._muxer.put(
                    video=unit.video,
                    pts=action.pts,
                    dts=action.dts,
                    duration=action.duration,
                    key=unit.key,
                    data=unit.data,
                )
                self.frames += unit.video
            elif isinstance(action, Begin) and action.first.unit.parameters is not None:
                self._muxer = Muxer(action.first.unit.parameters, 90_000, self._sound, "")
        marks.append(time.thread_time_ns())
        return [after - before for before, after in pairwise(marks)]


def readings(tape: Tape, rounds: int) -> Iterator[memoryview]:
    """The stream, as much of it as comes in 0.2 s."""
    for number in range(rounds):
        data, begin, due = tape.round(number), 0, READING_S
        for at, _, _, start, _, _ in tape.frames:
            if at >= due:
                yield data[begin:start]
                begin, due = start, due + READING_S
        yield data[begin:]


def turn(folder: Path, rounds: int) -> Costs:
    clip = clips.load(folder)
    tape, caches = Tape(clip), bytearray(CACHES_BYTES)
    found: Costs = {}
    for name in ("hot", "cold"):
        reader, costs = Reader(clip), []
        for count, data in enumerate(readings(tape, rounds)):
            if name == "cold":
                caches[:] = bytes(CACHES_BYTES)
            costs.append(reader.read(data, round(count * READING_S * NS_PER_S)))
        if reader.frames < rounds * clips.PICTURES - 2:
            raise SystemExit(f"{reader.frames} pictures came out of {rounds * clips.PICTURES}")
        each = round(1 / READING_S)
        found[name] = [
            [sum(stage) / 1e6 for stage in zip(*costs[at : at + each], strict=True)]
            for at in range(0, len(costs), each)
        ]
    return found


def table(found: dict[str, Costs]) -> list[str]:
    rows = [
        "| ms a second of the camera | interpreted, hot | compiled | | interpreted, cold | compiled | |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    stages = [*((name, [number]) for number, name in enumerate(STAGES)), ("all of it", [*range(len(STAGES))])]
    for name, numbers in stages:
        cells = []
        for state in ("hot", "cold"):
            plain, compiled = (
                median(sum(second[number] for number in numbers) for second in found[way][state])
                for way in ("interpreted", "compiled")
            )
            cells += [f"{plain:.3f}", f"{compiled:.3f}", f"{compiled / plain:.2f}"]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, default=Path(tempfile.gettempdir()), help="where the clip is kept")
    parser.add_argument("--compiled", type=Path, help="what script/compile made; made anew where it is left out")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=6, help="of the clip of 8 s, in each turn")
    parser.add_argument("--turn", choices=("interpreted", "compiled"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.turn:
        if mp4.__file__.endswith(".so") != (asked.turn == "compiled"):
            raise SystemExit(f"what was to be {asked.turn} is {mp4.__file__}")
        print(json.dumps(turn(asked.state, asked.rounds)))
        return
    clips.load(asked.state)
    with tempfile.TemporaryDirectory() as made:
        compiled = asked.compiled or Path(made)
        if asked.compiled is None:
            subprocess.run([ROOT / "script/compile", made], check=True)
        found: dict[str, Costs] = {"interpreted": defaultdict(list), "compiled": defaultdict(list)}
        for _ in range(asked.turns):
            for way, path in (("interpreted", [ROOT]), ("compiled", [compiled, ROOT])):
                for state, seconds in _asked(way, path, asked.state, asked.rounds).items():
                    found[way][state] += seconds
    print("\n".join(table(found)))


def _asked(way: str, path: list[Path], folder: Path, rounds: int) -> Costs:
    """Of a process whose modules come from there."""
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(map(str, path))}
    arguments = ["--turn", way, "--state", str(folder), "--rounds", str(rounds)]
    command = [sys.executable, "-m", "bench.reader", *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    costs: Costs = json.loads(done.stdout)
    return costs


if __name__ == "__main__":
    main()
