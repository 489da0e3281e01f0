"""A catalog that is full: 5-minute segments of all cameras side by side, under one floor and ceiling.

    python -m bench.filling FOLDER CAMERAS

leaves a day of the cameras c0, c1 … that ended just now, for a daemon to start with: FOLDER/state, and FOLDER/volume
with a file of the right size and without content for each segment.

By set-based SQL, because twenty million facts would take an hour. `compare` fills a small one both ways, through
storage's own facts and by SQL, and holds every table of them against each other. Otherwise there are no files.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from bench.contenders import make_sparse
from storage.integrity.service import SLACK_MS
from storage.ledger import signer, table
from storage.ledger.table import HASHED_SQL, LeafEntry
from storage.mirror import files as mirror_files
from storage.mirror import table as mirror_table
from storage.mirror.files import file_name, render
from storage.pins import table as pins_table
from storage.segments import findings_table
from storage.segments import table as segments_table
from storage.segments.findings_table import RescanProgress
from storage.store import opening
from storage.volumes.volume import VolumeSpec
from storage.words.layout import segment_path
from storage.words.model import Bounds, Closing, Moment, Opening, Parts

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
DESTROYED: Final = 100_000
"""Segments destroyed while commits are timed, or a fifth of all."""
CEILING_S: Final = 30 * 86_400
"""Of a day of footage: nothing is destroyed, however long the box has been running since."""
SMALL: Final = 40
"""Segments of each camera in the comparison of both ways to fill."""


class Clock:
    """One boot, which has run as long as there is footage."""

    boot_id = "bench"

    def __init__(self, now_ms: int, wall_ms: int = WALL_MS) -> None:
        """`wall_ms`: when it booted."""
        self.now_ms = now_ms
        self._wall_ms = wall_ms

    def now(self) -> Moment:
        return Moment(self._wall_ms + self.now_ms, self.now_ms)

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
    name: str = "cam-{:02}"
    wall_ms: int = WALL_MS
    """When the first of them began."""
    ceiling_s: int | None = None
    """None: an hour after the last segment ended the first is past it, and one more every five minutes."""

    @property
    def names(self) -> list[str]:
        return [self.name.format(number) for number in range(self.cameras)]

    @property
    def rows(self) -> int:
        return self.cameras * self.each

    @property
    def end_ms(self) -> int:
        return self.each * SEGMENT_MS

    @property
    def bounds(self) -> Bounds:
        return Bounds(3600, self.ceiling_s or (self.end_ms + HOUR_MS) // 1000)

    @property
    def destroyed_each(self) -> int:
        return min(DESTROYED, self.rows // 5) // self.cameras

    def clock(self) -> Clock:
        return Clock(self.end_ms, self.wall_ms)

    def opening(self, camera: str, seq: int, volume: str, start: Moment) -> Opening:
        return Opening(camera, seq, volume, start, self.bounds, 1, True)

    def closing(self, camera: str, seq: int, end: Moment) -> Closing:
        told = seq.to_bytes(32, "big")
        return Closing(camera, seq, end, BYTES, told, FRAMES, parts=Parts(PARTS, told))


def spec(folder: Path, max_bytes: int = 10**18) -> VolumeSpec:
    return VolumeSpec(folder / "volume", None, None, max_bytes)


@contextmanager
def held(folder: Path, size: Size) -> Iterator[opening.OpenState]:
    (folder / "volume").mkdir(exist_ok=True)
    one = opening.hold(folder, "bench", [spec(folder)], size.clock())
    try:
        yield one
    finally:
        one.release()


def fill_by_facts(folder: Path, size: Size, each: int | None = None) -> None:
    """As a daemon does. `each`: only so many of each camera."""
    with held(folder, size) as it:
        volume, begin = it.pool.opened[0].id, Moment(size.wall_ms, 0)
        todo: list[Callable[[sqlite3.Connection], object]]
        todo = [partial(segments_table.enrol, life=it.life, camera=camera, at=begin) for camera in size.names]
        for seq in range(1, (each or size.each) + 1):
            start, end = begin.plus_ms((seq - 1) * SEGMENT_MS), begin.plus_ms(seq * SEGMENT_MS)
            for camera in size.names:
                todo.append(
                    partial(segments_table.open_segment, life=it.life, opening=size.opening(camera, seq, volume, start))
                )
                todo.append(
                    partial(
                        segments_table.commit_segment, closing=size.closing(camera, seq, end), protect=pins_table.match
                    )
                )
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
            chunk = {"first": first, "last": min(first + CHUNK - 1, size.each), "leaf": mirror_table.last_leaf(db) + 1}
            db.execute(_SEGMENTS, chunk)
            db.execute(_LEAVES, chunk)
            db.execute(f"UPDATE leaves SET hash = leaf_hash({HASHED_SQL}) WHERE number >= :leaf", chunk)  # noqa: S608
            db.execute("COMMIT")
        db.execute("UPDATE holdings SET segments = ?1, bytes = ?1 * ?2", (size.each, BYTES))
        db.execute(_CAMERAS, {"each": size.each, "ms": SEGMENT_MS, "wall": size.wall_ms})
        mirrored(folder, db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    subprocess.run(["/usr/bin/sync", "-f", str(folder)], check=True)  # or the first to commit would pay for it


def mirrored(folder: Path, db: sqlite3.Connection) -> None:
    """The volume has had each leaf as it was made, and is known: the last is there, the others nobody asks for."""
    last = LeafEntry(
        *db.execute("SELECT number, wall_ms, kind, body FROM leaves ORDER BY number DESC LIMIT 1").fetchone()
    )
    volume = os.open(folder / "volume", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with signer.opened(volume, make=True) as fd:
            mirror_files.append(fd, file_name(last.wall_ms), render(last))
    finally:
        os.close(volume)
    db.execute("UPDATE volumes SET mirrored = ?, reconciled = 1", (last.number,))


def day(folder: Path, cameras: int) -> None:
    """See above."""
    each = DAY_MS // SEGMENT_MS
    size = Size(cameras, each, "c{}", time.time_ns() // 1_000_000 - DAY_MS, CEILING_S)
    state = folder / "state"
    state.mkdir(parents=True)
    fill_by_sql(state, size)
    grow(state)
    volume = (state / "volume").rename(folder / "volume")  # edged refuses one within the other
    for camera in size.names:
        for seq in range(1, each + 1):
            path = volume / segment_path(camera, size.wall_ms + (seq - 1) * SEGMENT_MS, seq)
            path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            make_sparse(path, BYTES)
    time.sleep(2 * SLACK_MS / 1000)  # or edged would read them all, because they changed long after they ended
    with closing(sqlite3.connect(state / opening.DATABASE_NAME)) as db, db:
        findings_table.remember_rescan(db, RescanProgress(time.time_ns() // 1_000_000, 0, 0, "", done=True))


def grow(folder: Path) -> None:
    """The nodes over the leaves, which a daemon keeps as it goes."""
    with closing(sqlite3.connect(folder / opening.DATABASE_NAME, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        generation = table.present(db)
        while generation is not None and (found := table.missing(db, generation, CHUNK)):
            db.execute("BEGIN")
            table.keep(db, generation, found)
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
    for number, fill in enumerate((fill_by_facts, fill_by_sql)):
        place = folder / str(number)  # names of one length: rows count the bytes of paths
        place.mkdir()
        fill(place, size)
        dumps.append(_dump(place / opening.DATABASE_NAME))
    for name, rows in dumps[0].items():
        if rows != dumps[1][name]:
            different = next((a, b) for a, b in zip(rows, dumps[1][name], strict=False) if a != b)
            raise SystemExit(f"{name} filled by SQL is not what facts make: {different}")


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


if __name__ == "__main__":
    day(Path(sys.argv[1]), int(sys.argv[2]))
