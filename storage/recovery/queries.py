"""What recovery asks of a database: whether it can be used at all, and which gaps turn out to be recorded.

Functions over a connection. Every start asks `look`; the doctor asks more, of the file. Damage that lies deeper shows
when it is met. `carve` takes what is recorded out of a gap that a lost database left (S9), in its caller's transaction.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from storage.ages.runs import Point
from storage.ages.table import boots
from storage.mirror import table as mirror_table
from storage.retention import table as terms
from storage.segments import gaps_table
from storage.segments.queries import GAP_SQL, GapRow, gap_row
from storage.volumes import table as volumes

LOOK_EVERY_STEPS: Final = 10_000
"""Of SQLite's machine: some milliseconds."""


def look(connection: sqlite3.Connection) -> tuple[bool, int]:
    """Whether it is blank, and the number of its last leaf. ValueError, TypeError or sqlite3.Error: it is damaged."""
    boots(connection)
    volumes.known(connection)
    terms.read_approved(connection)
    connection.execute("SELECT * FROM cameras").fetchall()
    connection.execute("SELECT * FROM runs ORDER BY number DESC LIMIT 1").fetchall()
    return mirror_table.is_blank(connection), mirror_table.last_leaf(connection)


def size(connection: sqlite3.Connection) -> int:
    """Bytes that its file has once nothing of it lies in the WAL."""
    count, bytes_each = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(count) * int(bytes_each)


def checkpoint(path: Path) -> None:
    """Take over what lies in the WAL. Nobody else writes yet."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def complaints(connection: sqlite3.Connection, until_s: float) -> list[str] | None:
    """What SQLite finds wrong with its file; None where it had not looked at all of it by then (time.monotonic)."""
    connection.set_progress_handler(lambda: time.monotonic() >= until_s, LOOK_EVERY_STEPS)
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return None
    finally:
        connection.set_progress_handler(None, 0)
    return [] if found == ["ok"] else found


def last_life(connection: sqlite3.Connection) -> tuple[int, bool, str] | None:
    """Of the daemon: its last heartbeat (ms since 1970), whether it ended in order, and in which boot; None: none."""
    row = connection.execute(
        "SELECT r.alive_wall_ms, r.clean, b.boot_id FROM runs r JOIN boots b ON b.number = r.boot"
        " ORDER BY r.number DESC LIMIT 1"
    ).fetchone()
    return None if row is None else (int(row[0]), bool(row[1]), str(row[2]))


def recorded_within(connection: sqlite3.Connection, gap: GapRow) -> list[tuple[Point, Point]]:
    """What is recorded within a gap that is over, by start."""
    if gap.end is None or gap.end.boot == gap.start.boot == 0:
        return []
    longest_ms = connection.execute("SELECT longest_ms FROM cameras WHERE number = ?", (gap.camera_number,)).fetchone()
    rows = connection.execute(
        "SELECT boot, start_boottime_ms, start_wall_ms, duration_ms FROM segments WHERE camera = ?"
        " AND state = 'committed' AND start_wall_ms >= ? AND start_wall_ms < ? AND duration_ms > 0",
        (gap.camera_number, gap.start.wall_ms - longest_ms[0], gap.end.wall_ms),
    ).fetchall()
    starts = [(Point(*row[:3]), row[3]) for row in rows]
    spans = [(start, start.plus_ms(duration_ms)) for start, duration_ms in starts]
    return sorted(
        (a, b)
        for a, b in spans
        if gap.end.plus_ms(-gaps_table.JOIN_MS) > a and b > gap.start.plus_ms(gaps_table.JOIN_MS)
    )


def ended_gaps(connection: sqlite3.Connection, after: int, limit: int) -> list[GapRow]:
    """By id, from the one after `after` on; pauses within what is recorded are none of these."""
    rows = connection.execute(
        GAP_SQL + "WHERE g.id > ? AND g.inside = 0 AND g.end_boot IS NOT NULL ORDER BY g.id LIMIT ?", (after, limit)
    )
    return [gap_row(row) for row in rows]


def carve(connection: sqlite3.Connection, gap: GapRow, recorded: Sequence[tuple[Point, Point]]) -> None:
    """Take what is recorded out of a gap, with leaves: what stays is before, between and after it."""
    if gap.end is None:
        return
    gaps_table.remove(connection, gap)
    at = gap.start
    for start, end in [*recorded, (gap.end, gap.end)]:
        gaps_table.bridge(connection, gap.camera_number, at, start, gap.own_cause, gap.detail)
        at = max(at, end)
