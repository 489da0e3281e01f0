"""Gaps that were told when a database was lost, before all its leaves were read, are put right by them (S9).

Functions over a connection, in their caller's transaction. The new database tells of time that it knows nothing of as a
gap: from where the head ends, or where a name of a file tells of a camera. Then segments and gaps of that time come
back, at once or with a disk that was away. `correct` takes both out of such a gap; what stays is cut by maintenance as
it is known now. Each loss begins a generation of the ledger. Of two gaps the one of the earlier generation stays: that
database was there.

One start has one gap and one last word in the ledger (`storage.segments.gap_leaf.GapLeaf.key`): a gap that goes and
one with the same start that stays are told in that order.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from storage.ages.history import Point
from storage.segments import gaps_table
from storage.segments.queries import GAP_SQL, GapRow, gap_row
from storage.words.clock import STEP_MS


def gaps_after(connection: sqlite3.Connection, after: int, limit: int) -> list[GapRow]:
    """By id, from the one after `after` on; pauses within what is recorded are none of these."""
    rows = connection.execute(GAP_SQL + "WHERE g.id > ? AND g.inside = 0 ORDER BY g.id LIMIT ?", (after, limit))
    return [gap_row(row) for row in rows]


def is_right(connection: sqlite3.Connection, gap: GapRow, now: Point) -> bool:
    """Nothing was recorded in it, and no earlier generation of the ledger tells otherwise of any of it."""
    return _others(connection, gap, now) is None


def correct(connection: sqlite3.Connection, gap: GapRow, now: Point) -> bool:
    """Take what was recorded or told otherwise out of a gap, with leaves: what stays is before, between and after it.

    It is cut by maintenance as it is known now. False, and nothing is done, where the gap is right or has changed.
    """
    row = connection.execute(GAP_SQL + "WHERE g.id = ?", (gap.id,)).fetchone()
    others = _others(connection, gap, now) if row is not None and gap_row(row) == gap else None
    if others is None:
        return False
    twins = _twins(connection, gap)
    gaps_table.remove(connection, gap)
    for twin in twins:
        _tell_anew(connection, twin, now)
    at = gap.start
    for start, end in others:
        if at <= start:
            gaps_table.bridge(connection, gap.camera_number, at, start, gap.own_cause, gap.detail)
        at = max(at, end)
    if gap.end is None:
        gaps_table.insert_gap(connection, gap.camera_number, at, None, gap.own_cause, gap.detail)
    elif at <= gap.end:
        gaps_table.bridge(connection, gap.camera_number, at, gap.end, gap.own_cause, gap.detail)
    return True


def _twins(connection: sqlite3.Connection, gap: GapRow) -> list[GapRow]:
    """Of earlier generations, with the same start."""
    start = (gap.start.boot, gap.start.boottime_ms, gap.start.wall_ms)
    values = (gap.camera_number, *start, gap.id, _generation(connection, gap))
    return [gaps_table.gap_by_id(connection, number) for (number,) in connection.execute(_TWINS_SQL, values).fetchall()]


def _tell_anew(connection: sqlite3.Connection, gap: GapRow, now: Point) -> None:
    """It has the last word on its start again. As it is of this generation then, the others yield to it before."""
    end = gap.end or gap.start
    values = (gap.camera_number, gap.start.boot, gap.start.boottime_ms, end.boot, end.boottime_ms)
    for row in connection.execute(GAP_SQL + _BEHIND, values).fetchall():
        correct(connection, gap_row(row), now)
    gaps_table.enter_gap(connection, gap)


def _others(connection: sqlite3.Connection, gap: GapRow, now: Point) -> list[tuple[Point, Point]] | None:
    """What else claims time of a gap, by start. None: nothing does, and maintenance cuts it as it is cut."""
    end = gap.end or max(now, gap.start)
    if end.boot == gap.start.boot == 0 or end <= gap.start:
        return None
    first, last = gap.start.plus_ms(gaps_table.JOIN_MS), end.plus_ms(-gaps_table.JOIN_MS)
    others = [
        (a, b)
        for a, b in [*_recorded(connection, gap, end), *_destroyed(connection, gap, end)]
        if last > a and b > first
    ]
    others += [(a, b) for a, b in _told(connection, gap, end) if end > a and b > gap.start]
    return sorted(others) if others or not _fits_windows(connection, gap) else None


def _recorded(connection: sqlite3.Connection, gap: GapRow, end: Point) -> list[tuple[Point, Point]]:
    """By both clocks: footage of which nobody knows when it was is dated at the instant it was found.

    Where the wall clock was set in the gap, by running time alone: what was recorded may lie outside it, by the wall
    clock. A start in boot 0 is the name of a file (`storage.recovery.snapshot_table.load`), of which only the wall
    clock is known.
    """
    longest_ms: int = connection.execute(
        "SELECT longest_ms FROM cameras WHERE number = ?", (gap.camera_number,)
    ).fetchone()[0]
    first = gap.start.plus_ms(-longest_ms)
    values = (gap.camera_number, first.boot, first.boottime_ms, end.boot, end.boottime_ms)
    walls = (None, None) if _was_set(gap.start, end) else (first.wall_ms, end.wall_ms)
    found: list[tuple[Point, Point]] = []
    for condition in ("s.pins = 0 AND s.state IN ('committed', 'quarantined')", "s.pins > 0"):  # as the indices are
        rows = connection.execute(_RECORDED_SQL + condition, (*values, *walls)).fetchall()
        found += ((Point(*row[:3]), Point(*row[:3]).plus_ms(row[3])) for row in rows)
    return found


def _destroyed(connection: sqlite3.Connection, gap: GapRow, end: Point) -> list[tuple[Point, Point]]:
    """What was recorded and destroyed in its time, likewise."""
    walls = (None, None) if _was_set(gap.start, end) else (gap.start.wall_ms, end.wall_ms)
    values = (gap.camera_number, gap.start.boot, gap.start.boottime_ms, end.boot, end.boottime_ms, *walls)
    rows = connection.execute(_DESTROYED_SQL, values).fetchall()
    return [(Point(*row[:3]), Point(row[0], *row[3:])) for row in rows]


def _was_set(start: Point, end: Point) -> bool:
    if start.boot == 0:
        return False
    wall_ms, ran_ms = end.wall_ms - start.wall_ms, end.boottime_ms - start.boottime_ms
    return wall_ms < 0 or (end.boot == start.boot and abs(wall_ms - ran_ms) > STEP_MS)


def _told(connection: sqlite3.Connection, gap: GapRow, end: Point) -> list[tuple[Point, Point]]:
    """Gaps of which earlier generations tell. One of them may reach in."""
    generation = _generation(connection, gap)
    if generation is None:
        return []
    values = (gap.camera_number, gap.start.boot, gap.start.boottime_ms)
    since = connection.execute(_BEFORE_SQL, values).fetchone() or values[1:]
    wall_ms = gap.start.wall_ms if gap.start.boot == 0 else None
    rows = connection.execute(
        _TOLD_SQL, (gap.camera_number, *since, end.boot, end.boottime_ms, wall_ms, generation)
    ).fetchall()
    return [(Point(*row[:3]), Point(*row[3:])) for row in rows]


def _generation(connection: sqlite3.Connection, gap: GapRow) -> int | None:
    """The first leaf of the ledger's generation in which it was told, of the last one where it lasts. None: no leaf
    tells of it.
    """
    found: int | None = connection.execute(_GENERATION_SQL, (gap.id,)).fetchone()[0]
    return found


def _fits_windows(connection: sqlite3.Connection, gap: GapRow) -> bool:
    """Of what this database told since it lost another: what leaves say of maintenance in gaps before stays."""
    (ours,) = connection.execute(_OURS_SQL, (gap.id,)).fetchone() or (None,)
    return not ours or gaps_table.fits_windows(connection, gap)


_GENERATION_SQL: Final = (
    "SELECT max(first) FROM generations WHERE first <= (SELECT CASE WHEN end_boot IS NULL THEN 1 << 62 ELSE leaf END"
    " FROM gaps WHERE id = ?)"
)
_OURS_SQL: Final = (
    "SELECT end_boot IS NULL AND r.leaf IS NOT NULL OR g.leaf >= r.leaf"
    " FROM gaps g, (SELECT max(leaf) AS leaf FROM rebuilds) r WHERE g.id = ?"
)
"""It was told since the last loss, or lasts. Null: no database was lost, or no leaf tells of it."""
_RECORDED_SQL: Final = (
    "SELECT s.boot, s.start_boottime_ms, s.start_wall_ms, s.duration_ms FROM holdings h CROSS JOIN segments s"
    " ON (s.volume, s.camera, s.floor_s, s.ceiling_s) = (h.volume, h.camera, h.floor_s, h.ceiling_s)"
    " WHERE h.camera = ?1 AND (s.boot, s.start_boottime_ms) >= (?2, ?3) AND (s.boot, s.start_boottime_ms) < (?4, ?5)"
    " AND (?6 IS NULL OR s.start_wall_ms >= ?6) AND (?7 IS NULL OR s.start_wall_ms < ?7)"
    " AND s.state = 'committed' AND s.duration_ms > 0 AND "
)
_DESTROYED_SQL: Final = (
    "SELECT boot, start_boottime_ms, start_wall_ms, end_boottime_ms, end_wall_ms FROM destroyed"
    " WHERE camera = ?1 AND (boot, end_boottime_ms) > (?2, ?3) AND (boot, start_boottime_ms) < (?4, ?5)"
    " AND (?6 IS NULL OR end_wall_ms > ?6) AND (?7 IS NULL OR start_wall_ms < ?7)"
)
_NEAR: Final = 8
"""Gaps that begin within one of an earlier generation, and before one of a later: those of its end."""
_BEFORE_SQL: Final = (
    "SELECT boot, start_boottime_ms FROM (SELECT boot, start_boottime_ms FROM gaps WHERE camera = ?1 AND inside = 0"  # noqa: S608  (a constant)
    f" AND (boot, start_boottime_ms) < (?2, ?3) ORDER BY boot DESC, start_boottime_ms DESC LIMIT {_NEAR})"
    " ORDER BY boot, start_boottime_ms LIMIT 1"
)
_TOLD_SQL: Final = (
    "SELECT boot, start_boottime_ms, start_wall_ms, end_boot, end_boottime_ms, end_wall_ms FROM gaps"
    " WHERE camera = ?1 AND (boot, start_boottime_ms) >= (?2, ?3) AND (boot, start_boottime_ms) < (?4, ?5)"
    " AND inside = 0 AND (end_boot, end_boottime_ms) > (boot, start_boottime_ms)"
    " AND (?6 IS NULL OR start_wall_ms >= ?6) AND (leaf >= ?7) IS NOT TRUE"
)
_BEHIND: Final = (
    "WHERE g.camera = ?1 AND (g.boot, g.start_boottime_ms) > (?2, ?3)"
    " AND (g.boot, g.start_boottime_ms) < (?4, ?5) AND g.inside = 0"
)
_TWINS_SQL: Final = (
    "SELECT id FROM gaps WHERE camera = ?1 AND boot = ?2 AND start_boottime_ms = ?3 AND start_wall_ms = ?4"
    " AND inside = 0 AND id <> ?5 AND (end_boot, end_boottime_ms) > (boot, start_boottime_ms)"
    " AND (leaf >= ?6) IS NOT TRUE"
)
