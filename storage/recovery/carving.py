"""Gaps that a lost database left, where there turns out to be footage after all: what is recorded is taken out (S9).

Functions over a connection, inside their caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from storage.ages.runs import Point
from storage.segments import gaps_table
from storage.segments.queries import GAP_SQL, GapRow, gap_row


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
