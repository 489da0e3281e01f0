"""What it costs to look at pictures: edged beside one that never looks, in the same run.

    python -m bench.looks --state /var/tmp [--cameras 32]

Both are the daemon as a person starts it and record the same cameras (1080p30, 4 Mbit/s, AAC, RTSP over TCP); one looks
at each of them every ten seconds, the other's first turn never comes. What the one uses more is what picture and sound
health costs: the eye, what workers hand it, what the daemon judges and writes. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Final

from bench import clip as clips
from bench.contenders import Cameras, Edged, scratch, wait_for
from bench.gauges import Group, command, median
from bench.recorder import WARM_UP_S

NEVER: Final = "from edged.health import watch\nwatch.ROUND_S = 1e12\n"
LEARNED_S: Final = 20.0
"""After which each camera was looked at, and the eye has what it needs."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--state", type=Path, required=True, help="an existing directory on the disk to be recorded on"
    )
    options.add_argument("--cameras", type=int, default=32, help="how many (32)")
    options.add_argument("--seconds", type=int, default=120, help="to measure for, after the warm-up (120)")
    options.add_argument("--windows", type=int, default=6, help="into how many parts that is divided (6)")
    chosen = options.parse_args()
    state = chosen.state / "edged-bench"
    state.mkdir(exist_ok=True)
    clips.load(state)
    with scratch(state) as folder, Cameras(state, chosen.cameras) as load:
        looks = Edged(folder / "looks", load, chosen.cameras, segment_s=30)
        blind = Edged(folder / "blind", load, chosen.cameras, segment_s=30, client="blind", before=NEVER)
        try:
            looks.start()
            blind.start()
            wait_for("all cameras are recorded by both", lambda: looks.ready() and blind.ready())
            time.sleep(WARM_UP_S + LEARNED_S)
            print("\n".join(measured(looks, blind, chosen.seconds, chosen.windows)))
        finally:
            looks.stop()
            blind.stop()


def measured(looks: Edged, blind: Edged, seconds: int, windows: int) -> list[str]:
    ours, theirs = _groups(looks), _groups(blind)
    every = [*ours.values(), *theirs.values()]
    for _ in range(windows):
        began = time.monotonic()
        for group in every:
            group.begin()
        time.sleep(seconds / windows)
        for group in every:
            group.end(time.monotonic() - began)
    rows = [
        f"### {looks.count} cameras",
        "",
        "| Of a camera | CPU ms a second, looking (median; from – to) | not looking | more | PSS MiB | not looking |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    more = 0.0
    for name, group in ours.items():
        other = theirs[name]
        used, less = ([ms / looks.count for ms in one.cpu_ms] or [0.0] for one in (group, other))
        more += median(used) - median(less)
        rows.append(
            f"| {name} | {_spread(used)} | {_spread(less)} | {median(used) - median(less):.2f}"
            f" | {group.memory().pss / 1024 / looks.count:.1f} | {other.memory().pss / 1024 / looks.count:.1f} |"
        )
    rows.append(f"| **all** | | | **{more:.2f}** = {more / 10:.2f} % of a core | | |")
    return [*rows, "", f"Load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores."]


def _groups(who: Edged) -> dict[str, Group]:
    eyes = [pid for pid in who.helpers if "recorder.decoder.process" in command(pid)]
    return {"workers": Group(who.workers), "daemon": Group([who.pid]), "eye": Group(eyes)}


def _spread(values: list[float]) -> str:
    return f"{median(values):.2f}; {min(values):.2f} – {max(values):.2f}"


if __name__ == "__main__":
    main()
