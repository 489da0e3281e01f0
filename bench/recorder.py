"""What recording costs, beside Debian's ffmpeg in the same run: `python -m bench.recorder --state /var/tmp`.

For each number of cameras both record the same cameras at the same time (1080p30, 4 Mbit/s, AAC, RTSP over TCP): edged
with all it does (a worker for each camera, hashing, syncing, the catalog), ffmpeg with one process for each camera and
fragments of the same length. Then what edged has on disk is held against what was sent. With `--kills` processes of
both are killed at random moments, and what their files have lost by that is counted. `--profile` shows where a worker's
time goes. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path
from typing import Final

from bench import clip as clips
from bench import kills, profiling, proof
from bench.contenders import scratch
from bench.gauges import Group, median
from bench.phase import Phase

WARM_UP_S: Final = 10.0
COLUMNS: Final = (
    "per camera", "CPU ms a second (median; from – to)", "× ffmpeg", "in user mode", "wake-ups a second", "PSS MiB",
    "× ffmpeg", "own MiB",
)  # fmt: skip


def measure(phase: Phase, seconds: int, windows: int) -> list[str]:
    """A table: what each costs."""
    time.sleep(WARM_UP_S)
    edged = phase.edged
    groups = {
        "ffmpeg": Group(phase.ffmpeg.pids),
        "edged: daemon": Group([edged.pid]),
        "edged: all that it started": Group([pid for pid in edged.pids if pid != edged.pid]),
    }
    load = Group([phase.load.pid])
    for _ in range(windows):
        began = time.monotonic()
        for group in (*groups.values(), load):
            group.begin()
        time.sleep(seconds / windows)
        passed = time.monotonic() - began
        for group in (*groups.values(), load):
            group.end(passed)
    return _table(groups, load, phase.count)


def _table(groups: dict[str, Group], load: Group, count: int) -> list[str]:
    rows = [
        f"### {count} camera{'s' if count > 1 else ''}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "| --- " * len(COLUMNS) + "|",
    ]
    plain_cpu = median(groups["ffmpeg"].cpu_ms) / count
    plain_pss = groups["ffmpeg"].memory().pss / count
    total_cpu = total_sleeps = total_pss = total_own = 0.0
    for name, group in groups.items():
        cpu = [value / count for value in group.cpu_ms]
        memory = group.memory()
        pss, own = memory.pss / count, memory.own / count
        if name != "ffmpeg":
            total_cpu, total_sleeps = total_cpu + median(cpu), total_sleeps + group.sleeps / count
            total_pss, total_own = total_pss + pss, total_own + own
        spread = f"{median(cpu):.2f}; {min(cpu, default=0):.2f} – {max(cpu, default=0):.2f}"
        rows.append(
            f"| {name} | {spread} | {median(cpu) / plain_cpu:.2f} | {group.user_share:.0%} | {group.sleeps / count:.1f}"
            f" | {pss / 1024:.1f} | {pss / plain_pss:.2f} | {own / 1024:.1f} |"
        )
    rows.append(
        f"| **edged, all** | {total_cpu:.2f} | {total_cpu / plain_cpu:.2f} | | {total_sleeps:.1f}"
        f" | {total_pss / 1024:.1f} | {total_pss / plain_pss:.2f} | {total_own / 1024:.1f} |"
    )
    share = f"{median(load.cpu_ms) / count / 2:.2f} ms a second for each client"
    return [*rows, "", f"The cameras: {share}. Load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.", ""]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--state", type=Path, required=True, help="an existing directory on the disk to be measured")
    options.add_argument("--cameras", default="1,8,32", help="how many, one run for each (1,8,32)")
    options.add_argument("--seconds", type=int, default=60, help="to measure for, after the warm-up (60)")
    options.add_argument("--windows", type=int, default=6, help="into how many parts that is divided (6)")
    options.add_argument("--segment", type=int, default=30, help="seconds of a file, for both (30)")
    options.add_argument("--compare", type=int, default=4, help="cameras whose files are read back whole (4)")
    options.add_argument("--kills", type=int, default=0, help="how many processes of each are killed (0)")
    options.add_argument("--profile", action="store_true", help="show where a worker's time goes")
    chosen = options.parse_args()
    counts = [int(count) for count in chosen.cameras.split(",")]
    state = chosen.state / "edged-bench"
    state.mkdir(exist_ok=True)
    reader = proof.Reader(clips.load(state))
    print(
        f"{os.cpu_count()} {platform.machine()} cores, Linux {platform.release()}, Python {platform.python_version()}\n"
    )
    for count in counts:
        with scratch(state) as folder:
            phase = Phase(folder, state, count, chosen.segment)
            with phase.running():
                table = measure(phase, chosen.seconds, chosen.windows)
            held = proof.held_against(phase.edged, phase.sent, reader, chosen.compare)
            unexplained = f"unexplained {phase.unexplained_s:g} s, gaps {phase.gaps} (one at the start of each camera)"
            print("\n".join([*table, f"{held} {unexplained}.", ""]), flush=True)
    if chosen.kills:
        with scratch(state) as folder:
            print("\n".join(kills.run(Phase(folder, state, kills.CAMERAS, chosen.segment), reader, chosen.kills)))
    if chosen.profile:
        with scratch(state) as folder:
            print("\n".join(profiling.run(folder, state, chosen.seconds)))


if __name__ == "__main__":
    main()
