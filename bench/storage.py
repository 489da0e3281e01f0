"""What the catalog does when it is full: how it grows from ten thousand segments to twenty million.

    .venv/bin/python -m bench.storage [--rows 10000 100000 1000000 6700000 20000000] [--cameras 64] [--state DIRECTORY]

Fills a database with 5-minute segments of all cameras side by side, under one floor and ceiling, by set-based SQL:
twenty million facts would take an hour. Before it measures anything it fills a small one both ways, through storage's
own facts and by SQL, and compares every table: they must be equal. There are no files, and what would remove one or
sync its directory answers at once: what is measured is the catalog.
6.7 million are 64 cameras for a year. Each size is measured in processes of its own; the result is a table for
README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self
from unittest.mock import patch

from storage import opening
from storage.catalog import facts, generations, heads, nodes
from storage.catalog.ledger import HASHED_SQL, Entry
from storage.catalog.lines import file_name, render
from storage.model import Bounds, Closing, Moment, Opening, Parts
from storage.repair import ledgerdir
from storage.retention import Policy
from storage.ring import sweep
from storage.store import Store
from storage.volumes.volume import VolumeSpec

SEGMENT_MS: Final = 300_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
BYTES: Final = 75_000_000
"""5 minutes at 2 Mbit/s."""
FRAMES: Final = 7500
PARTS: Final = 602
"""Fragments of half a second, what is before them, and the index behind."""
CHUNK: Final = 2_000
"""Segments of each camera in one transaction of the filling."""
WALL_MS: Final = 1_772_000_000_000
LOOKUPS: Final = 1000
DESTROYED: Final = 100_000
"""Segments destroyed while commits are timed, or a fifth of all."""
PAUSE_S: Final = 0.01
"""Between two commits that are timed: 64 cameras make one in 5 s."""
SMALL: Final = 40
"""Segments of each camera in the comparison of both ways to fill."""
ALL: Final = (10_000, 100_000, 1_000_000, 6_700_000, 20_000_000)


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


@dataclass(frozen=True)
class Size:
    """A catalog with so many segments of each camera."""

    cameras: int
    each: int

    @property
    def names(self) -> list[str]:
        return [f"cam-{number:02}" for number in range(self.cameras)]

    @property
    def rows(self) -> int:
        return self.cameras * self.each

    @property
    def end_ms(self) -> int:
        return self.each * SEGMENT_MS

    @property
    def bounds(self) -> Bounds:
        """An hour after the last segment ended the first is past its ceiling, and one more every five minutes."""
        return Bounds(3600, (self.end_ms + HOUR_MS) // 1000)

    @property
    def destroyed_each(self) -> int:
        return min(DESTROYED, self.rows // 5) // self.cameras

    def clock(self) -> Clock:
        return Clock(self.end_ms)

    def opening(self, camera: str, seq: int, volume: str, start: Moment) -> Opening:
        return Opening(camera, seq, volume, start, self.bounds, 1, True)

    def closing(self, camera: str, seq: int, end: Moment) -> Closing:
        told = seq.to_bytes(32, "big")
        return Closing(camera, seq, end, BYTES, told, FRAMES, parts=Parts(PARTS, told))


def spec(folder: Path, max_bytes: int = 10**18) -> VolumeSpec:
    return VolumeSpec(folder / "volume", None, None, max_bytes)


@contextmanager
def held(folder: Path, size: Size) -> Iterator[opening.Held]:
    (folder / "volume").mkdir(exist_ok=True)
    one = opening.hold(folder, "bench", [spec(folder)], size.clock())
    try:
        yield one
    finally:
        one.release()


def fill_by_facts(folder: Path, size: Size, each: int | None = None) -> None:
    """As a daemon does. `each`: only so many of each camera."""
    with held(folder, size) as it:
        volume, begin = it.pool.opened[0].id, Moment(WALL_MS, 0)
        todo: list[Callable[[sqlite3.Connection], object]]
        todo = [partial(facts.enrol, life=it.life, camera=camera, at=begin) for camera in size.names]
        for seq in range(1, (each or size.each) + 1):
            start, end = begin.plus_ms((seq - 1) * SEGMENT_MS), begin.plus_ms(seq * SEGMENT_MS)
            for camera in size.names:
                todo.append(partial(facts.open_segment, life=it.life, opening=size.opening(camera, seq, volume, start)))
                todo.append(partial(facts.commit_segment, closing=size.closing(camera, seq, end)))
        for fact in todo:
            it.database.submit(fact).result()


def fill_by_sql(folder: Path, size: Size) -> None:
    """The first segment of each camera through facts, the others as its likes; `compare` proves them equal."""
    fill_by_facts(folder, size, each=1)
    with closing(sqlite3.connect(folder / opening.DATABASE_NAME, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -400000")
        db.create_function("sha", 1, lambda seq: seq.to_bytes(32, "big"), deterministic=True)
        db.create_function("leaf_hash", 1, lambda hashed: sha256(hashed).digest(), deterministic=True)
        for first in range(2, size.each + 1, CHUNK):
            db.execute("BEGIN")
            chunk = {"first": first, "last": min(first + CHUNK - 1, size.each), "leaf": heads.last_leaf(db) + 1}
            db.execute(_SEGMENTS, chunk)
            db.execute(_LEAVES, chunk)
            db.execute(f"UPDATE leaves SET hash = leaf_hash({HASHED_SQL}) WHERE number >= :leaf", chunk)  # noqa: S608
            db.execute("COMMIT")
        db.execute("UPDATE holdings SET segments = ?1, bytes = ?1 * ?2", (size.each, BYTES))
        db.execute(_CAMERAS, {"each": size.each, "ms": SEGMENT_MS, "wall": WALL_MS})
        mirrored(folder, db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    subprocess.run(["/usr/bin/sync", "-f", str(folder)], check=True)  # or the first to commit would pay for it


def mirrored(folder: Path, db: sqlite3.Connection) -> None:
    """The volume has had each leaf as it was made, and is known: the last is there, the others nobody asks for."""
    last = Entry(*db.execute("SELECT number, wall_ms, kind, body FROM leaves ORDER BY number DESC LIMIT 1").fetchone())
    volume = os.open(folder / "volume", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with ledgerdir.opened(volume, make=True) as fd:
            ledgerdir.append(fd, file_name(last.wall_ms), render(last))
    finally:
        os.close(volume)
    db.execute("UPDATE volumes SET mirrored = ?, reconciled = 1", (last.number,))


def grow(folder: Path) -> None:
    """The nodes over the leaves, which a daemon keeps as it goes."""
    with closing(sqlite3.connect(folder / opening.DATABASE_NAME, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        generation = generations.present(db)
        while generation is not None and (found := nodes.missing(db, generation, CHUNK)):
            db.execute("BEGIN")
            nodes.keep(db, generation, found)
            db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_LIKE: Final = """
    WITH RECURSIVE seqs (seq) AS (SELECT :first UNION ALL SELECT seq + 1 FROM seqs WHERE seq < :last),
    likes AS MATERIALIZED (SELECT s.*, s.start_boottime_ms AS first_ms, s.start_wall_ms AS first_wall_ms,
        s.id AS first_id, row_number() OVER (ORDER BY s.leaf) - 1 AS place, count(*) OVER () AS cameras
        FROM segments s WHERE s.seq = 1)
    SELECT {columns} FROM seqs CROSS JOIN likes l ORDER BY seqs.seq, l.camera
"""
_SEGMENTS: Final = (
    "INSERT INTO segments (camera, seq, volume, state, run, boot, start_boottime_ms, start_wall_ms, duration_ms, bytes,"
    " sha256, video_frames, floor_s, ceiling_s, epoch, synced, leaf)"
    + _LIKE.format(
        columns=f"l.camera, seqs.seq, l.volume, l.state, l.run, l.boot, l.first_ms + (seqs.seq - 1) * {SEGMENT_MS},"
        f" l.first_wall_ms + (seqs.seq - 1) * {SEGMENT_MS}, l.duration_ms, l.bytes, sha(seqs.seq), l.video_frames,"
        " l.floor_s, l.ceiling_s, l.epoch, l.synced, :leaf + (seqs.seq - :first) * l.cameras + l.place"
    )
)
_LEAVES: Final = f"""
    WITH RECURSIVE seqs (seq) AS (SELECT :first UNION ALL SELECT seq + 1 FROM seqs WHERE seq < :last),
    likes AS MATERIALIZED (SELECT l.* FROM leaves l WHERE l.kind = 'segment' AND json_extract(l.body, '$.seq') = 1
        AND l.number < 10000)
    INSERT INTO leaves (wall_ms, kind, body)
    SELECT l.wall_ms + (seqs.seq - 1) * {SEGMENT_MS}, l.kind, json_set(l.body, '$.seq', seqs.seq,
        '$.sha256', printf('%064x', seqs.seq), '$.root', printf('%064x', seqs.seq),
        '$.start.boottime_ms', json_extract(l.body, '$.start.boottime_ms') + (seqs.seq - 1) * {SEGMENT_MS},
        '$.start.wall_ms', json_extract(l.body, '$.start.wall_ms') + (seqs.seq - 1) * {SEGMENT_MS})
    FROM seqs CROSS JOIN likes l ORDER BY seqs.seq, l.number
"""  # noqa: S608  (constants)
_CAMERAS: Final = """
    UPDATE cameras SET next_seq = :each + 1, last_seq = :each,
        last_sha256 = (SELECT sha256 FROM segments s WHERE s.camera = number AND s.seq = :each AND s.name IS NULL),
        covered_boottime_ms = :each * :ms, covered_wall_ms = :wall + :each * :ms
"""


def compare(folder: Path, cameras: int) -> None:
    """Both ways make the same rows in every table."""
    size, dumps = Size(cameras, SMALL), []
    for name, fill in (("facts", fill_by_facts), ("sql", fill_by_sql)):
        (folder / name).mkdir()
        fill(folder / name, size)
        dumps.append(_dump(folder / name / opening.DATABASE_NAME))
    for table, rows in dumps[0].items():
        if rows != dumps[1][table]:
            different = next((a, b) for a, b in zip(rows, dumps[1][table], strict=False) if a != b)
            raise SystemExit(f"{table} filled by SQL is not what facts make: {different}")


def _dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, whatever the volume's id, the directory and the ledger's name and key are; hashes are checked."""
    with closing(sqlite3.connect(path)) as db:
        (volume,) = db.execute("SELECT id FROM volumes").fetchone()
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        ours = [name for name in tables if not name.startswith(("sqlite_", "_sqlite")) and name != "volumes"]
        rows = {name: db.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall() for name in ours}  # noqa: S608
        ((origin, key),) = db.execute("SELECT origin, key FROM generations").fetchall()
        hashes = db.execute(f"SELECT hash, {HASHED_SQL} FROM leaves").fetchall()  # noqa: S608
        if any(sha256(hashed).digest() != stored for stored, hashed in hashes):
            raise SystemExit("a leaf has another hash than its own")
        of_leaves = {stored for stored, _ in hashes}

    def plain(value: Any) -> Any:
        if value in of_leaves:
            return "a hash that is right"
        if not isinstance(value, str):
            return value
        strange = {volume: "volume", key: "key", origin: "origin", str(path.parent): ""}
        for name, word in strange.items():
            value = value.replace(name, word)
        return value

    return {name: [tuple(plain(value) for value in row) for row in found] for name, found in rows.items()}


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
