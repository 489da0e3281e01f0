"""How many cameras one box carries.

    python -m bench.scale --state /var/tmp --cameras 64 --bit-rate 4000000 --minutes 10

edged alone, with its default configuration and a broker, records so many cameras (1080p30, AAC, RTSP over TCP). Each
minute is a row: what it used, and what `edgectl status` says of the box. Then what is on disk is held against what was
sent: no picture may be missing, and there is no gap but the one before each camera's first. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path
from typing import Final

from bench import clip as clips
from bench import gauges, proof
from bench.contenders import Broker, Cameras, Edged, scratch, wait_for

WARM_UP_S: Final = 20.0
READY_S: Final = 300.0
"""For all to be recorded: they are connected one after the other."""
MIB: Final = 1 << 20
SPARE: Final = 1.2
"""Of the disk, so that it is not the disk's end that is measured."""


def check_room(state: Path, bytes_needed: float) -> None:
    disk = os.statvfs(state)
    if disk.f_bavail * disk.f_frsize < bytes_needed * SPARE:
        raise SystemExit(f"{state} has no room for {bytes_needed / 1e9:.0f} GB: fewer cameras, or fewer minutes")


def minutes(edged: Edged, load: Cameras, broker: Broker, count: int) -> list[str]:
    """Rows, one a minute."""
    rows = [
        (
            "| minute | CPU, ms per camera and second | the cameras | PSS, MiB | busy | latest look, ms"
            " | slowest sync, ms | waited for the disk, MiB | alarms |"
        ),
        "| ---: " * 9 + "|",
    ]
    for minute in range(1, count + 1):
        began_ns, tree, cameras = time.monotonic_ns(), gauges.tree_cpu_ns([edged.pid]), gauges.cpu_ns(load.pid)
        time.sleep(60)
        each = (time.monotonic_ns() - began_ns) * edged.count / 1000
        spent, sent = gauges.tree_cpu_ns([edged.pid]) - tree, gauges.cpu_ns(load.pid) - cameras
        pss = gauges.pss_kib(edged.pids, (load.pid, broker.pid, os.getpid())) / 1024
        seen = edged.ask("status")["load"]
        alarms = ", ".join(alarm["key"] for alarm in edged.ask("alarms")["alarms"]) or "none"
        rows.append(
            f"| {minute} | {spent / each:.2f} | {sent / each:.2f} | {pss:.0f} | {seen['busy'] or 0:.0%}"
            f" | {seen['late_ms']} | {seen['slowest_sync_ms']} | {seen['queued_bytes'] / MIB:.1f} | {alarms} |"
        )
    return rows


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--state", type=Path, required=True, help="an existing directory on the disk to be measured")
    options.add_argument("--cameras", type=int, default=64)
    options.add_argument("--bit-rate", type=int, default=clips.BIT_RATE, help="of the pictures (4000000)")
    options.add_argument("--minutes", type=int, default=10, help="to record for (10)")
    options.add_argument("--compare", type=int, default=4, help="cameras whose files are read back whole (4)")
    chosen = options.parse_args()
    state = chosen.state / "edged-bench"
    state.mkdir(exist_ok=True)
    reader = proof.Reader(clips.load(state, bit_rate=chosen.bit_rate))
    check_room(state, chosen.cameras * chosen.bit_rate / 8 * chosen.minutes * 60)
    with scratch(state) as folder:
        with Cameras(state, chosen.cameras, bit_rate=chosen.bit_rate) as load, Broker(folder) as broker:
            edged = Edged(folder / "edged", load, chosen.cameras, broker_port=broker.port)
            edged.folder.mkdir()
            edged.start()
            try:
                wait_for("all cameras are recorded", edged.ready, READY_S)
                time.sleep(WARM_UP_S)
                rows = minutes(edged, load, broker, chosen.minutes)
                unexplained_s = sum(seen["unexplained_s"] for seen in edged.ask("cameras")["cameras"])
                gaps = len(edged.ask("gaps")["gaps"])
            finally:
                edged.stop()
            sent = load.sessions("edged")
        held = proof.held_against(edged, sent, reader, chosen.compare)
    print(
        f"{os.cpu_count()} {platform.machine()} cores, Linux {platform.release()}, Python {platform.python_version()};"
        f" {chosen.cameras} cameras of {chosen.bit_rate / 1e6:g} Mbit/s\n"
    )
    print(
        "\n".join([*rows, "", f"{held} Unexplained {unexplained_s:g} s, gaps {gaps} (one before each camera's first)."])
    )


if __name__ == "__main__":
    main()
