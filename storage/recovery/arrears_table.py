"""What the catalog held before there was a ledger, told by leaves afterwards: a lost database brings it back (S13).

Functions over a connection. A migration notes how far each table goes (`TABLES`); from then on pages are entered behind
recording (`storage.recovery.arrears`). What is told twice is taken once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final

from storage.ages import table as ages_table
from storage.ages.runs import Point
from storage.ledger.table import Leaf, enter
from storage.segments import gaps_table
from storage.segments import table as segments_table
from storage.segments.queries import GAP_SQL, SEGMENT_SQL, gap_row, segment_row

TABLES: Final = ("segments", "gaps", "destroyed")
"""In the order in which a rebuild needs them."""


def left(connection: sqlite3.Connection) -> int:
    """How many rows nobody has told of yet, at the most."""
    return int(connection.execute("SELECT coalesce(sum(last - done), 0) FROM arrears").fetchone()[0])


def enter_page(connection: sqlite3.Connection, wall_ms: int, limit: int) -> bool:
    """Leaves of the next rows; False when there are none left."""
    for table in TABLES:
        row = connection.execute("SELECT done, last FROM arrears WHERE name = ? AND done < last", (table,)).fetchone()
        if row is not None:
            done, last = row
            told = _TELL[table](connection, done, last, limit, wall_ms)
            connection.execute("UPDATE arrears SET done = ? WHERE name = ?", (last if told is None else told, table))
            return True
    return False


def _segments(connection: sqlite3.Connection, after: int, last: int, limit: int, wall_ms: int) -> int | None:
    rows = connection.execute(
        SEGMENT_SQL + "WHERE s.id > ? AND s.id <= ? AND s.state IN ('committed', 'quarantined') ORDER BY s.id LIMIT ?",
        (after, last, limit),
    ).fetchall()
    for row in map(segment_row, rows):
        segments_table.enter_segment(connection, row, wall_ms)
    return segment_row(rows[-1]).id if rows else None


def _gaps(connection: sqlite3.Connection, after: int, last: int, limit: int, wall_ms: int) -> int | None:
    rows = connection.execute(
        GAP_SQL + "WHERE g.id > ? AND g.id <= ? AND g.end_boot IS NOT NULL ORDER BY g.id LIMIT ?", (after, last, limit)
    ).fetchall()
    for row in map(gap_row, rows):
        gaps_table.enter_gap(connection, row, wall_ms=wall_ms)
    return gap_row(rows[-1]).id if rows else None


def _destroyed(connection: sqlite3.Connection, after: int, last: int, limit: int, wall_ms: int) -> int | None:
    rows = connection.execute(
        "SELECT d.id, c.id, d.boot, d.start_boottime_ms, d.start_wall_ms, d.end_boottime_ms FROM destroyed d"
        " JOIN cameras c ON c.number = d.camera WHERE d.id > ? AND d.id <= ? ORDER BY d.id LIMIT ?",
        (after, last, limit),
    ).fetchall()
    for _, camera, boot, start_ms, start_wall_ms, end_ms in rows:
        start = ages_table.place_in_time(connection, Point(boot, start_ms, start_wall_ms))
        enter(connection, Leaf.SPAN, wall_ms, {"camera": camera, "start": start, "duration_ms": end_ms - start_ms})
    return rows[-1][0] if rows else None


_TELL: Final[Mapping[str, Callable[[sqlite3.Connection, int, int, int, int], Any]]] = {
    "segments": _segments,
    "gaps": _gaps,
    "destroyed": _destroyed,
}
