"""What people do with a box, and how long they wait: beside the plain tool that reads or writes the same bytes.

    python -m bench.operations --state /var/tmp [--cameras 8] [--footage 60] [--rows 1000000]

What recording costs is in `bench.comparison`. Here: the start, as `bench.start` has it; `edgectl status` and the
segments of one hour, asked of a daemon that records and has a day of footage; an export beside `cp`, and
`fsck --level hash` beside `sha256sum`, of what the cameras sent just before, as far as it goes from memory; the check
of a ledger and the rebuilding of a lost database, as `bench.ledger` and `bench.rebuild` have them. Prints one Markdown
table.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from bench import clip as clips
from bench import ledger, rebuild, start
from bench.contenders import ROOT, Broker, Cameras, Edged, scratch, wait_for
from bench.filling import Size
from bench.gauges import median

ASKED: Final = 10
"""Times."""
SETTLE_S: Final = 20.0
"""After the start and before the first question."""
SEGMENT_S: Final = 10
"""Of the footage that is exported and checked."""
FILES: Final = 2000
COPY: Final = 'cp -r "$@" && sync -f "${@: -1}"'
Row = tuple[str, str, str]
"""What, edged, what stands beside it."""


def asked(state: Path, cameras: int) -> list[Row]:
    """`edgectl` beside recording."""
    with ExitStack() as going:
        folder = going.enter_context(scratch(state))
        load = going.enter_context(Cameras(state, cameras))
        broker = going.enter_context(Broker(folder))
        edged = Edged(folder / "run", load, cameras, broker_port=broker.port)
        edged.folder.mkdir()
        edged.fill()
        going.callback(edged.stop)
        edged.start()
        wait_for("all cameras are recorded", edged.ready)
        time.sleep(SETTLE_S)
        end = datetime.now(UTC) - timedelta(hours=12)
        hour = ("--from", f"{end - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", "--to", f"{end:%Y-%m-%dT%H:%M:%SZ}")
        listed = len(edged.ask("segments", *hour)["segments"])
        what = f"one hour of {cameras} cameras, {listed} segments"
        return [
            (f"`edgectl status`, {cameras} cameras, median; worst ms", _ms(edged, "status"), ""),
            (f"`edgectl segments`, {what}, median; worst ms", _ms(edged, "segments", *hour), ""),
            ("`edgectl version`, which asks nobody, median; worst ms", _ms(edged, "version"), ""),
        ]


def _ms(edged: Edged, *verb: str) -> str:
    took_ms = [1000 * _took_s(edged.edgectl(*verb)) for _ in range(ASKED)]
    return f"{median(took_ms):.0f}; {max(took_ms):.0f}"


def copied(state: Path, cameras: int, seconds: int) -> list[Row]:
    """Export with the daemon up, `fsck` with the daemon down. The cameras are silent by then."""
    with ExitStack() as going:
        folder = going.enter_context(scratch(state))
        load = Cameras(state, cameras)
        silent = going.enter_context(ExitStack())
        silent.enter_context(load)
        edged = Edged(folder / "run", load, cameras, segment_s=SEGMENT_S)
        edged.folder.mkdir()
        going.callback(edged.stop)
        edged.start()
        wait_for("all cameras are recorded", edged.ready)
        begin = datetime.now(UTC)
        time.sleep(seconds)
        silent.close()
        wait_for("all segments are closed", lambda: not edged.writing())
        out, plain = folder / "out", folder / "plain"
        for place in (out, plain):
            place.mkdir()
        files = [path for camera in range(cameras) for path in edged.files(camera)]
        whose = [word for camera in range(cameras) for word in ("--camera", f"c{camera}")]
        when = ("--from", f"{begin:%Y-%m-%dT%H:%M:%SZ}", "--to", "now")
        why = ("--reason", "bench", "--case", "bench", "--request", "bench", "--yes")
        export_s = _took_s(edged.edgectl("export", *whose, *when, "--out", str(out), *why))
        copy_s = _took_s(["bash", "-c", COPY, "copy", *map(str, files), str(plain)])
        edged.stop()
        fsck_s = _took_s(edged.edgectl("fsck", "--level", "hash"), may_find=True)
        sums_s = _took_s(["sha256sum", *map(str, files)])
        read = sum(path.stat().st_size for path in files)
        exported = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return [
        (f"export, {exported / 1e6:.0f} MB, MB/s", _rate(exported, export_s), f"`cp`, `sync`: {_rate(read, copy_s)}"),
        (f"`fsck --level hash`, {read / 1e6:.0f} MB, MB/s", _rate(read, fsck_s), f"`sha256sum`: {_rate(read, sums_s)}"),
    ]


def _rate(size: int, seconds: float) -> str:
    return f"{size / 1e6 / seconds:.0f}"


def _took_s(command: list[str], *, may_find: bool = False) -> float:
    """`may_find`: the exit code 1 says that it found something."""
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    took_s = time.monotonic() - began
    if done.returncode and not (may_find and done.returncode == 1):
        raise SystemExit(f"{command}: {done.returncode}\n{done.stdout[-2000:].decode()}{done.stderr[-2000:].decode()}")
    return took_s


def started(state: Path, rows: int, kills: int) -> list[Row]:
    with scratch(state) as folder:
        found = start.measured(folder, Size(64, rows // 64), kills)
    first, again, worst = (found[name] for name in start.FIGURES)
    return [
        (f"start to the first bytes, {rows:,} segments, s", f"{first:.2f}", ""),
        ("the same after SIGKILL, median; worst, s", f"{again:.2f}; {worst:.2f}", ""),
    ]


def checked(state: Path, rows: int) -> list[Row]:
    with scratch(state) as folder, ledger.all_processors() as processes:
        ledger.make(folder, Size(64, rows // 64))
        one, all_ = ledger.verify(folder, map), ledger.verify(folder, processes)
    return [("ledger check, leaves a second: one processor; all", f"{one:,.0f}; {all_:,.0f}", "")]


def rebuilt(state: Path, rows: int) -> list[Row]:
    with scratch(state) as folder:
        leaves = rebuild.from_leaves(folder / "leaves", rows)
        files = rebuild.from_files(folder / "files", FILES)
    return [
        ("lost database from the mirror, leaves a second", f"{leaves.a_second:,.0f}", ""),
        ("lost database from files alone, files a second", f"{files.a_second:,.0f}", ""),
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--state", type=Path, required=True, help="an existing directory on the disk to be measured")
    options.add_argument("--cameras", type=int, default=8, help="how many are recorded (8)")
    options.add_argument("--footage", type=int, default=60, help="seconds to record for export and fsck (60)")
    options.add_argument("--rows", type=int, default=1_000_000, help="segments of a full catalog (1000000)")
    options.add_argument("--rebuilt", type=int, default=200_000, help="segments of the mirror to rebuild from (200000)")
    options.add_argument("--kills", type=int, default=start.KILLS, help="how often the daemon is killed (5)")
    chosen = options.parse_args()
    state = chosen.state / "edged-bench"
    state.mkdir(exist_ok=True)
    clips.load(state)
    print(
        f"{os.cpu_count()} {platform.machine()} cores, Linux {platform.release()}, Python {platform.python_version()}\n"
    )
    print("| | edged | beside it |\n| --- | ---: | ---: |", flush=True)
    parts: list[Callable[[], list[Row]]] = [
        partial(started, state, chosen.rows, chosen.kills),
        partial(asked, state, chosen.cameras),
        partial(copied, state, chosen.cameras, chosen.footage),
        partial(checked, state, chosen.rows),
        partial(rebuilt, state, chosen.rebuilt),
    ]
    for part in parts:
        for what, with_edged, beside in part():
            print(f"| {what} | {with_edged} | {beside} |", flush=True)
    print(f"\nLoad average {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
