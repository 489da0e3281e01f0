"""What the catalog does when it is full: how it grows from ten thousand segments to twenty million.

    .venv/bin/python -m bench.storage [--rows 10000 100000 1000000 6700000 20000000] [--cameras 64] [--state DIRECTORY]

Measures what `bench.filling` made, after it was compared with what storage's own facts make. There are no files, and
what would remove one or sync its directory answers at once: what is measured is the catalog.
6.7 million are 64 cameras for a year. Each size is measured in processes of its own; the result is a table for
README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Self
from unittest.mock import patch

from bench.filling import BYTES, DAY_MS, HOUR_MS, SEGMENT_MS, WALL_MS, Clock, Size, compare, fill_by_sql, grow, spec
from storage.retention.plan import Policy
from storage.ring import sweep
from storage.store import opening
from storage.store.facade import Store

LOOKUPS: Final = 1000
PAUSE_S: Final = 0.01
"""Between two commits that are timed: 64 cameras make one in 5 s."""
ALL: Final = (10_000, 100_000, 1_000_000, 6_700_000, 20_000_000)


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def pss_mb() -> float:
    """Of this process, with its share of what it shares."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def percentile(times_s: list[float], share: float) -> float:
    return 1000 * sorted(times_s)[min(len(times_s) - 1, int(len(times_s) * share))]


# --- each in a process of its own ---------------------------------------------------------------------------------


def crash(folder: Path, size: Size) -> dict[str, float]:
    """Records with all cameras and dies in the middle of it, with a WAL that was not checkpointed."""
    store = Store.open(state=folder, node="bench", volumes=[spec(folder)], clock=size.clock())
    volume, now = store.volumes()[0].id, size.clock().now()
    for camera in size.names:
        store.enrol(camera, now).result()
        store.open_segment(size.opening(camera, store.tail(camera).next_seq, volume, now)).result()
    sys.stdout.flush()
    os._exit(0)


def start(folder: Path, size: Size) -> dict[str, float]:
    """From nothing to the first segment granted, and to the last camera's; what was left open is worked off later."""
    clock = size.clock()
    begin = time.perf_counter()
    store = Store.open(state=folder, node="bench", volumes=[spec(folder)], clock=clock)
    volume, first_s = store.volumes()[0].id, 0.0
    for camera in size.names:
        seq = store.enrol(camera, clock.now()).result().next_seq
        store.open_segment(size.opening(camera, seq, volume, clock.now())).result()
        first_s = first_s or time.perf_counter() - begin
    found = {"start: first segment granted, ms": 1000 * first_s, "start: all, ms": 1000 * (time.perf_counter() - begin)}
    store.recover()  # rows without files: they go
    store.close()
    return found


def look(folder: Path, size: Size) -> dict[str, float]:
    """What people and the daemon ask, and what a process weighs that has done so."""
    clock = size.clock()
    store = Store.open(state=folder, node="bench", volumes=[spec(folder)], clock=clock)
    dice = random.Random(1)
    starts = [(dice.choice(size.names), WALL_MS + dice.randrange(size.end_ms)) for _ in range(LOOKUPS)]
    times_s = [timed(partial(store.segments, camera, at, at + HOUR_MS)) for camera, at in starts]
    now_ms, policy = clock.now().wall_ms, Policy(dict.fromkeys(size.names, size.bounds))
    found = {
        "one hour of one camera, p50 ms": percentile(times_s, 0.5),
        "one hour of one camera, p99 ms": percentile(times_s, 0.99),
        "24 h coverage of all cameras, ms": 1000
        * timed(lambda: [store.coverage(camera, now_ms - DAY_MS, now_ms) for camera in size.names]),
        "usage of all cameras, ms": 1000 * timed(store.usage),
        "sweep with nothing due, ms": 1000 * min(timed(lambda: store.sweep(lambda: policy)) for _ in range(3)),
        "explain one segment, ms": 1000 * timed(lambda: store.ring.explain(size.names[0], size.each, policy)),
        "memory (PSS), MB": pss_mb(),
    }
    store.close()
    return found


class Recorder:
    """Commits one short segment after the other, and how long each fact took until it was durable."""

    def __init__(self, store: Store, size: Size, clock: Clock) -> None:
        self._store, self._size, self._clock = store, size, clock
        self._volume = store.volumes()[0].id
        self.times_s: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        for camera in self._size.names:
            self._store.enrol(camera, self._clock.now()).result()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        seqs = {camera: self._store.tail(camera).next_seq for camera in self._size.names}
        while not self._stop.wait(PAUSE_S):
            for camera in self._size.names[:1]:
                now = self._clock.now()
                opened = self._size.opening(camera, seqs[camera], self._volume, now)
                closed = self._size.closing(camera, seqs[camera], now.plus_ms(1))
                self.times_s.append(timed(self._store.open_segment(opened).result))
                self.times_s.append(timed(self._store.commit_segment(closed).result))
                seqs[camera] += 1


def without_files() -> None:
    """A file that is to be removed was there, and is gone at once."""
    patch.object(sweep, "unlink", lambda volume, relative: True).start()  # noqa: ARG005
    patch.object(sweep, "sync", lambda volume, directory: None).start()  # noqa: ARG005


def destroy(folder: Path, size: Size) -> dict[str, float]:
    """Time goes on until a hundred thousand are past their ceilings; they go while somebody commits."""
    without_files()
    clock, policy = size.clock(), Policy(dict.fromkeys(size.names, size.bounds))
    store = Store.open(state=folder, node="bench", volumes=[spec(folder)], clock=clock)
    with Recorder(store, size, clock) as alone:
        time.sleep(1)
    store.sweep(lambda: policy)
    clock.now_ms += HOUR_MS + (size.destroyed_each - 1) * SEGMENT_MS
    gone, begin = 0, time.perf_counter()
    with Recorder(store, size, clock) as recorder:
        while some := store.sweep(lambda: policy).destroyed:
            gone += some
        took_s = time.perf_counter() - begin
    store.close()
    if gone < size.destroyed_each * size.cameras:
        raise SystemExit(f"only {gone} of {size.destroyed_each * size.cameras} went")
    return {
        "commit while nothing is destroyed, p99 ms": percentile(alone.times_s, 0.99),
        "destroyed for their ceiling": gone,
        "plan + destroy for ceilings, a second": gone / took_s,
        "commit meanwhile, p50 ms": percentile(recorder.times_s, 0.5),
        "commit meanwhile, p99 ms": percentile(recorder.times_s, 0.99),
        "commit meanwhile, max ms": 1000 * max(recorder.times_s),
        "commits meanwhile": len(recorder.times_s),
    } | make_room(folder, size)


def make_room(folder: Path, size: Size) -> dict[str, float]:
    """A smaller quota: the oldest of all cameras go for their space."""
    clock, policy = size.clock(), Policy(dict.fromkeys(size.names, size.bounds))
    clock.now_ms += HOUR_MS + (size.destroyed_each - 1) * SEGMENT_MS
    left = (size.each - 2 * size.destroyed_each) * size.cameras
    store = Store.open(state=folder, node="bench", volumes=[spec(folder, left * BYTES)], clock=clock)
    gone, begin = 0, time.perf_counter()
    while some := store.sweep(lambda: policy).destroyed:
        gone += some
    took_s = time.perf_counter() - begin
    store.close()
    return {"destroyed for space": gone, "plan + destroy for space, a second": gone / took_s}


PHASES: Final = {phase.__name__: phase for phase in (crash, start, look, destroy)}


def measured(folder: Path, size: Size) -> dict[str, float]:
    found: dict[str, float] = {"segments": size.rows, "days": size.end_ms / DAY_MS}
    found["filled, segments a second"] = size.rows / timed(partial(fill_by_sql, folder, size))
    grow(folder)
    found["edged.db, bytes a segment"] = (folder / opening.DATABASE_NAME).stat().st_size / size.rows
    for phase in PHASES:
        command = [
            sys.executable,
            "-m",
            "bench.storage",
            "--phase",
            phase,
            str(folder),
            str(size.cameras),
            str(size.each),
        ]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found |= json.loads(out) if out.strip() else {}
    return found


def table(columns: list[dict[str, float]]) -> None:
    """Sizes side by side."""
    print("| |" + " |".join(f" {column['segments']:,.0f}" for column in columns) + " |")
    print("| --- |" + " ---: |" * len(columns))
    for what in columns[0]:
        if what != "segments":
            values = (column.get(what) for column in columns)
            print(f"| {what} |" + " |".join(" " if v is None else f" {_round(v)}" for v in values) + " |")


def _round(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, nargs="+", default=ALL)
    options.add_argument("--cameras", type=int, default=64)
    options.add_argument("--state", type=Path, help="an existing directory on the disk to be measured")
    options.add_argument("--phase", nargs=4, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.phase:
        phase, folder, cameras, each = chosen.phase
        print(json.dumps(PHASES[phase](Path(folder), Size(int(cameras), int(each)))))
        return
    with tempfile.TemporaryDirectory(dir=chosen.state, prefix="bench-") as folder:
        compare(Path(folder), chosen.cameras)
    columns = []
    for rows in chosen.rows:
        with tempfile.TemporaryDirectory(dir=chosen.state, prefix="bench-") as folder:
            columns.append(measured(Path(folder), Size(chosen.cameras, rows // chosen.cameras)))
            table(columns)
            print(flush=True)


if __name__ == "__main__":
    main()
