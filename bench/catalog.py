"""How the catalog behaves when it is full.

    .venv/bin/python -m bench.catalog [--rows 1000000] [--cameras 64] [--state DIRECTORY]

Fills a database through storage's own facts (`enrol`, `open_segment`, `commit_segment`), 5-minute segments under one
floor and ceiling, then measures what the daemon and people ask of it. There are no files: what is measured is the
catalog. Results are printed as a table for README.md beside this file.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from storage import opening
from storage.catalog import facts
from storage.model import Bounds, Closing, Moment, Opening
from storage.store import Store
from storage.volumes.volume import VolumeSpec

SEGMENT_MS: Final = 300_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
BYTES: Final = 75_000_000
"""5 minutes at 2 Mbit/s."""
CHUNK: Final = 5_000
"""Facts in one transaction of the filling."""
WALL_MS: Final = 1_772_000_000_000
LOOKUPS: Final = 500
REPEATS: Final = 5
DESTROYED_SHARE: Final = 0.02
"""Of all rows; enough for a rate, few enough to leave the catalog as full as it is said to be."""


class Clock:
    """One boot, which has run as long as there is footage."""

    boot_id = "bench"

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def now(self) -> Moment:
        return Moment(WALL_MS + self.now_ms, self.now_ms)

    def synced(self) -> bool:
        return True

    def lead_us(self) -> int:
        return 0

    def rtc_offset_ms(self) -> int | None:
        return None


def fill(held: opening.Held, cameras: list[str], each: int, bounds: Bounds) -> None:
    """All cameras side by side, as they record."""
    volume, begin = held.pool.opened[0].id, Moment(WALL_MS, 0)
    todo: list[Callable[[Connection], object]]
    todo = [partial(facts.enrol, life=held.life, camera=camera, at=begin) for camera in cameras]
    for seq in range(1, each + 1):
        start = begin.plus_ms((seq - 1) * SEGMENT_MS)
        for camera in cameras:
            opened = Opening(camera, seq, volume, start, bounds, 1, True)
            closed = Closing(camera, seq, start.plus_ms(SEGMENT_MS), BYTES, seq.to_bytes(32, "big"), 7500)
            todo.append(partial(facts.open_segment, life=held.life, opening=opened))
            todo.append(partial(facts.commit_segment, closing=closed))
        if len(todo) > CHUNK or seq == each:
            held.database.submit(partial(all_of, facts=todo)).result()
            todo.clear()


def all_of(connection: Connection, facts: list[Callable[[Connection], object]]) -> None:
    for fact in facts:
        fact(connection)


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def median(work: Callable[[], object]) -> str:
    return f"{1000 * statistics.median(timed(work) for _ in range(REPEATS)):.1f} ms, median of {REPEATS}"


def row(what: str, value: str) -> None:
    print(f"| {what} | {value} |", flush=True)


def run(folder: Path, rows: int, count: int) -> None:
    cameras, each = [f"cam-{number:02}" for number in range(count)], rows // count
    end_ms = each * SEGMENT_MS
    clock = Clock(end_ms)
    (folder / "volume").mkdir()
    specs = [VolumeSpec(folder / "volume", None, None, 10**18)]
    stamped = Bounds(3600, 2 * end_ms // 1000)
    held = opening.hold(folder, "bench", specs, clock)
    filling_s = timed(lambda: fill(held, cameras, each, stamped))
    held.release()
    size = (folder / opening.DATABASE_NAME).stat().st_size / each / count
    print(
        f"{each * count:,} segments of {count} cameras, {end_ms / DAY_MS:.0f} days\n\n| what | result |\n| --- | --- |"
    )
    row("rows entered (open and commit), in large transactions", f"{each * count / filling_s:,.0f} a second")
    row("size of edged.db", f"{size:.0f} bytes a row")

    open_it = partial(Store.open, state=folder, node="bench", volumes=specs, clock=clock)
    row("open and close", median(lambda: open_it().close()))
    store = open_it()
    dice = random.Random(1)
    starts = [(dice.choice(cameras), WALL_MS + dice.randrange(end_ms)) for _ in range(LOOKUPS)]
    lookups = sorted(1000 * timed(partial(store.segments, camera, at, at + HOUR_MS)) for camera, at in starts)
    row("one hour of one camera", f"p50 {lookups[LOOKUPS // 2]:.2f} ms, p99 {lookups[-LOOKUPS // 100]:.2f} ms")
    now_ms = clock.now().wall_ms
    row(
        f"24 h coverage of all {count} cameras",
        median(lambda: [store.coverage(camera, now_ms - DAY_MS, now_ms) for camera in cameras]),
    )
    row("usage of all cameras", median(store.usage))
    row("sweep with nothing due", median(lambda: store.sweep(lambda: dict.fromkeys(cameras, stamped))))
    shorter = Bounds(3600, round(end_ms * (1 - DESTROYED_SHARE)) // 1000)
    begin = time.perf_counter()
    gone = store.sweep(lambda: dict.fromkeys(cameras, shorter)).destroyed
    rate = gone / (time.perf_counter() - begin)
    row(f"sweep that plans and destroys {gone:,}, without files", f"{rate:,.0f} rows a second")
    store.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--cameras", type=int, default=64)
    options.add_argument("--state", type=Path, help="an existing directory on the disk to be measured")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.state, prefix="bench-") as folder:
        run(Path(folder), chosen.rows, chosen.cameras)


if __name__ == "__main__":
    main()
