"""What a SIGKILL costs, beside Debian's ffmpeg: from the last picture that can be read in the file to the kill.

    python -m bench.kills --state /var/tmp [--kills 30]

Both record the same cameras at the same time, ffmpeg with a process for each and fragments of the same length; each
process is killed at random moments. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import clip as clips
from bench.contenders import Cameras, Edged, Ffmpeg, scratch, wait_for
from bench.proof import Reader

CAMERAS: Final = 4
SETTLE_S: Final = 5.0
BETWEEN_S: Final = (2.0, 5.0)
"""A kill of each comes after so long: at any place of a fragment, of a group of pictures, of a file."""
SALVAGED_S: Final = 20.0
SEED: Final = 11
SEGMENT_S: Final = 30


class Phase:
    """Both record the same cameras."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.load = Cameras(state, CAMERAS)
        self.edged = Edged(folder / "edged", self.load, CAMERAS, SEGMENT_S)
        self.ffmpeg = Ffmpeg(folder / "ffmpeg", self.load, CAMERAS, SEGMENT_S)
        for place in (self.edged.folder, self.ffmpeg.folder):
            place.mkdir(parents=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        with self.load:
            try:
                self.edged.start()
                self.ffmpeg.start()
                wait_for("all cameras are recorded by both", lambda: self.edged.ready() and self.ffmpeg.ready())
                yield
            finally:
                self.edged.stop()
                self.ffmpeg.stop()


def run(phase: Phase, reader: Reader, kills: int) -> list[str]:
    """A table of losses."""
    chance = random.Random(SEED)
    lost: dict[str, list[float]] = {"ffmpeg": [], "edged": []}
    with phase.running():
        time.sleep(SETTLE_S)
        for _ in range(kills):
            time.sleep(chance.uniform(*BETWEEN_S))
            camera = chance.randrange(CAMERAS)
            lost["edged"].append(_edged(phase, reader, camera))
            time.sleep(chance.random())
            lost["ffmpeg"].append(_ffmpeg(phase, reader, camera))
    rows = [
        f"### Seconds lost at SIGKILL of the process of a camera, {kills} kills of each",
        "",
        "| | median | worst |",
        "| --- | --- | --- |",
    ]
    for name, seconds in lost.items():
        ordered = sorted(seconds)
        rows.append(f"| {name} | {ordered[len(ordered) // 2]:.2f} | {ordered[-1]:.2f} |")
    return [*rows, ""]


def _edged(phase: Phase, reader: Reader, camera: int) -> float:
    """The process that writes it; what was left is salvaged beside the next session."""
    epoch_s = _epoch_s(phase, "edged", camera)
    mine = f"/volume/c{camera}/"
    wait_for("it records", lambda: any(mine in str(path) for path in phase.edged.writing()))
    writing = [path for path in phase.edged.writing() if mine in str(path)]
    worker = next(pid for pid in phase.edged.pids if pid != phase.edged.pid and _writes(pid, writing))
    killed_s = time.monotonic()
    os.kill(worker, signal.SIGKILL)
    wait_for("what it left is salvaged", lambda: not any(path.exists() for path in writing), SALVAGED_S)
    lost_s = min(_lost_s(reader, path.with_suffix(""), epoch_s, killed_s) for path in writing)
    wait_for("it records again", lambda: any(mine in str(path) for path in phase.edged.writing()))
    return lost_s


def _ffmpeg(phase: Phase, reader: Reader, camera: int) -> float:
    """Its process; the file is read as it lies there."""
    epoch_s = _epoch_s(phase, "ffmpeg", camera)
    process = phase.ffmpeg.running[camera]
    killed_s = time.monotonic()
    process.kill()
    process.wait()
    lost_s = min(_lost_s(reader, path, epoch_s, killed_s) for path in phase.ffmpeg.files(camera)[-2:])
    before = len(phase.ffmpeg.files(camera))
    phase.ffmpeg.start_one(camera)
    wait_for("it records again", lambda: len(phase.ffmpeg.files(camera)) > before)
    return lost_s


def _epoch_s(phase: Phase, client: str, camera: int) -> float:
    """When the camera's first round began; the same for all its clients."""
    told = [s["epoch_s"] for s in phase.load.sessions(client) if s["path"] == f"/{client}/{camera}" and s["epoch_s"]]
    return float(told[0])


def _writes(pid: int, writing: list[Path]) -> bool:
    names = {str(path) for path in writing}
    return any(str(link.readlink()) in names for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())


def _lost_s(reader: Reader, path: Path, epoch_s: float, killed_s: float) -> float:
    """From when its last whole picture was sent to the kill."""
    pictures, _ = reader.read(path)
    whole = [number for number in pictures if number is not None]
    if not whole:
        return killed_s - epoch_s
    passed = int((killed_s - epoch_s) * clips.FPS)
    last = passed - (passed - whole[-1]) % clips.PICTURES
    return killed_s - epoch_s - last / clips.FPS


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--state", type=Path, required=True, help="an existing directory on the disk to be measured")
    options.add_argument("--kills", type=int, default=30, help="of each (30)")
    chosen = options.parse_args()
    state = chosen.state / "edged-bench"
    state.mkdir(exist_ok=True)
    with scratch(state) as folder:
        print("\n".join(run(Phase(folder, state), Reader(clips.load(state)), chosen.kills)))


if __name__ == "__main__":
    main()
