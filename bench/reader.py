"""What a camera's bytes cost between socket and disk, interpreted and compiled: the same bytes through both.

    .venv/bin/python -m bench.reader --state /var/tmp

One stream of `bench.cameras` (1080p30 H.264 at 4 Mbit/s with AAC), as much at a time as a worker takes, through
`Inbox`, tracks and `Recording` in one process: no socket, no disk, no hash. Told in ms of processor per second of the
camera, the median of all of all turns; both ways take turns. "Hot" is one look after the other. For "cold" the caches
are filled with something else before each look, as they are in a process that has slept. The compiled part is made by
`script/compile`, or lies where `--compiled` says.
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
from recorder.rtp.sdp import Media
from recorder.rtp.track import sound_track, video_track
from recorder.rtsp.message import Handler, Inbox
from recorder.words.messages import WAKE_MS
from recorder.words.stream import Item, Losses, Reading, Unit
from tests.support.session import MadeSource, Session

ROOT: Final = Path(__file__).resolve().parents[1]
LOOK_S: Final = WAKE_MS / 1000
SEGMENT_MS: Final = 300_000
CACHES_BYTES: Final = 48 << 20
"""More than any cache of the processor holds."""
Costs: TypeAlias = dict[str, list[list[float]]]
"""For "hot" and "cold": what each look cost, in ms a second of the camera, by stage."""
STAGES: Final = ("packets to pictures and sound", "these to a file's bytes")


class Reader:
    """One camera's session, without what surrounds it."""

    def __init__(self, clip: clips.Clip) -> None:
        losses = Losses()
        fmtp = dict(part.split("=") for part in AAC.lower().split(";")) | {"config": clip.config[:2].hex()}
        self._picture = video_track(Media("video", 96, "H264", 90_000, 1, {}, ""), losses)
        self._voice = sound_track(Media("audio", 97, "MPEG4-GENERIC", clips.SAMPLE_RATE, 1, fmtp, ""), losses)
        picture, voice = self._picture, self._voice
        self._handlers: list[Handler | None] = [picture.rtp, picture.rtcp, voice.rtp, voice.rtcp, *[None] * 252]
        self._inbox = Inbox()
        self._session: Session | None = None
        self.frames = 0

    def look(self, data: memoryview) -> list[int]:
        """What each stage cost, in ns."""
        marks = [time.thread_time_ns()]
        items: list[Item] = []
        while data:
            room = self._inbox.room()
            count = min(len(room), len(data))
            room[:count], data = data[:count], data[count:]
            self._inbox.received(count)
            self._inbox.take(self._handlers, items)
        marks.append(time.thread_time_ns())
        session = self._session
        if session is None and self._picture.video is not None:
            session = self._session = Session(MadeSource(self._picture.video, self._voice.sound), SEGMENT_MS)
        if session is not None:
            session.clock.boottime_ms += WAKE_MS
            session.recording.feed(Reading(items, waited=True))
        marks.append(time.thread_time_ns())
        self.frames += sum(isinstance(item, Unit) and item.video for item in items)
        return [after - before for before, after in pairwise(marks)]


def readings(tape: Tape, rounds: int) -> Iterator[memoryview]:
    """The stream, as much of it as comes between two looks."""
    for number in range(rounds):
        data, begin, due = tape.round(number), 0, LOOK_S
        for at, _, _, start, _, _ in tape.frames:
            if at >= due:
                yield data[begin:start]
                begin, due = start, due + LOOK_S
        yield data[begin:]


def turn(folder: Path, rounds: int) -> Costs:
    clip = clips.load(folder)
    tape, caches = Tape(clip), bytearray(CACHES_BYTES)
    found: Costs = {}
    for name in ("hot", "cold"):
        reader, costs = Reader(clip), []
        for data in readings(tape, rounds):
            if name == "cold":
                caches[:] = bytes(CACHES_BYTES)
            costs.append([cost / 1e6 / LOOK_S for cost in reader.look(data)])
        if reader.frames < rounds * clips.PICTURES - 2:
            raise SystemExit(f"{reader.frames} pictures came out of {rounds * clips.PICTURES}")
        found[name] = costs
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
                median(sum(look[number] for number in numbers) for look in found[way][state])
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
                for state, looks in _asked(way, path, asked.state, asked.rounds).items():
                    found[way][state] += looks
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
