"""How soon the real daemon records again after SIGKILL, and what it weighs, with ever more segments in its catalog.

    .venv/bin/python -m bench.start [--rows 64 1000000 20000000] [--kills 5] [--state DIRECTORY]

Each size is filled by `bench.filling`; there are no video files, so that the tamper watch has something to say
meanwhile. The camera is one of those that have all the segments, a `test://` picture with a key frame every second. It
is recorded, the daemon is killed while it is, and started again: the clock runs from the start of its process until the
first bytes lie in the first `.part` of the new run; an encoder that has to be loaded is part of it, a network is not.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from bench import gauges
from bench.filling import Size, fill_by_sql
from bench.storage import table
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.waiting import let_run, wait_until

SIZES: Final = (64, 1_000_000, 20_000_000)
KILLS: Final = 5
PICTURE: Final = "test://?size=640x360&fps=15&gop=1"
NO_LIMIT: Final = "1000000TB"
LOOK_S: Final = 0.005
WITHIN_S: Final = 60.0
FIGURES: Final = (
    "first start to the first bytes recorded, s",
    "start after SIGKILL, median s",
    "start after SIGKILL, worst s",
)
RECORDED_S: Final = 12.0
"""Before each kill, and before memory is looked at: longer than a heartbeat and a sweep."""


def parts(volume: Path, camera: str) -> set[Path]:
    """In progress, with something in them. Looked for at each poll: only days on which the daemon itself recorded."""
    found = set()
    for path in (volume / camera).glob("*/*.part"):
        try:
            if path.stat().st_size:
                found.add(path)
        except FileNotFoundError:
            continue
    return found


def start_s(edged: Daemon, volume: Path, camera: str) -> float:
    """From the start of the process to the first bytes of a new file."""
    before = parts(volume, camera)
    begin = time.perf_counter()
    edged.start()

    def recorded() -> set[Path]:
        edged.check_alive()
        return parts(volume, camera) - before

    wait_until(recorded, WITHIN_S, "it records", every_s=LOOK_S)
    return time.perf_counter() - begin


def measured(folder: Path, size: Size, kills: int) -> dict[str, float]:
    state, camera = folder / "state", size.names[0]
    state.mkdir()
    fill_by_sql(state, size)
    volume = (state / "volume").rename(folder / "volume")  # edged refuses one within the other
    watched = [Watched(camera, PICTURE)]
    setup = Setup(watched, segment="5m", floor="1h", ceiling="3650d", max_bytes=NO_LIMIT, node="bench")
    edged, took_s = Daemon(folder, setup), []
    try:
        first_s = start_s(edged, volume, camera)
        for _ in range(kills):
            let_run(RECORDED_S, edged.check_alive)
            edged.sigkill()
            edged.wait_for_no_process()
            took_s.append(start_s(edged, volume, camera))
        let_run(RECORDED_S, edged.check_alive)
        memory_kib = gauges.pss(edged.pid)
    except AssertionError:
        print(edged.log[-4000:])
        raise
    finally:
        edged.kill_everything()
    return {
        "segments": size.rows,
        **dict(zip(FIGURES, (first_s, median(took_s), max(took_s)), strict=True)),
        "memory of the daemon (PSS), MB": memory_kib / 1024,
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, nargs="+", default=SIZES)
    options.add_argument("--cameras", type=int, default=64)
    options.add_argument("--kills", type=int, default=KILLS)
    options.add_argument("--state", type=Path, help="an existing directory on the disk to be measured")
    chosen = options.parse_args()
    columns = []
    for rows in chosen.rows:
        with tempfile.TemporaryDirectory(dir=chosen.state, prefix="bench-") as folder:
            columns.append(measured(Path(folder), Size(chosen.cameras, rows // chosen.cameras), chosen.kills))
        table(columns)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
