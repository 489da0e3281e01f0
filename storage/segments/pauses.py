"""Pauses within what is recorded: the camera sent nothing and went on, and nothing that it sent is missing.

Functions over a connection. A hole is a gap like any other to whoever reads (S9), but no link of the chain of claims in
`storage.segments.gaps`: the segments around it go on as if it were not there, and coverage takes it out of them. Pauses
of one segment are one gap that knows each of them, with a leaf at the first, whenever they have doubled, and once the
segment ends: a camera that stutters all day makes some hundred rows of it, not tens of thousands (S12), and a database
that is lost meanwhile has lost fewer than half of them (S13).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from storage.ages.runs import Point
from storage.segments import leaves
from storage.segments.gaps import in_progress, next_start, open_gap
from storage.segments.rows import GAP_SQL, CameraRow, GapRow, gap_row
from storage.words.clock import STEP_MS
from storage.words.model import GapCause, Pause, missing

PAUSES_MAX: Final = 64
"""That one gap joins: five minutes of a camera that pauses every five seconds, and a leaf of 1 kB."""
RECENT: Final = 3
"""Segments among which that of a pause is looked for: it is told while that is in progress, or soon after."""
_WITHIN: Final = (
    GAP_SQL + "WHERE g.camera = ? AND g.inside = 1 AND g.boot = ? AND g.start_boottime_ms BETWEEN ? AND ?"
    " ORDER BY g.start_boottime_ms, g.id"
)
_FOREVER_MS: Final = 1 << 62


class _Around(NamedTuple):
    """The segment that a pause lies in."""

    start: Point
    is_open: bool


def note_pause(
    connection: sqlite3.Connection, camera: CameraRow, start: Point, end: Point, cause: GapCause, detail: str
) -> None:
    """Nothing came between `start` and `end`. Told twice, it is noted once; what a gap says is not said again."""
    lasting = open_gap(connection, camera.number)
    if lasting is not None and lasting.start <= start and not in_progress(connection, camera.number):
        return
    if start >= end or _is_missing_anyway(connection, camera.number, start, end):
        return
    around = _segment_at(connection, camera.number, start)
    from_ms = around.start.boottime_ms if around else start.boottime_ms
    known = [
        gap_row(row)
        for row in connection.execute(_WITHIN, (camera.number, start.boot, from_ms, start.boottime_ms)).fetchall()
    ]
    if any(_says(gap, start, end) for gap in known):
        return
    if known and _takes(known[-1], start, cause):
        joined = _join_pauses(connection, known[-1], start, end)
        if around is None or not around.is_open or _have_doubled(len(joined.pauses)):
            leaves.enter_gap(connection, joined)
        return
    number = connection.execute(
        "INSERT INTO gaps (camera, boot, start_wall_ms, start_boottime_ms, end_boot, end_wall_ms, end_boottime_ms,"
        " cause, detail, inside) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1) RETURNING id",
        (
            *(camera.number, start.boot, start.wall_ms, start.boottime_ms),
            *(end.boot, end.wall_ms, end.boottime_ms, cause, detail),
        ),
    ).fetchone()[0]
    leaves.enter_gap(connection, _gap_by_id(connection, number))


def tell_pauses(connection: sqlite3.Connection, camera: int, seq: int, start: Point) -> None:
    """A segment ends: the gaps that joined its pauses get their leaves, as they are now."""
    following = next_start(connection, camera, seq)
    until_ms = following.boottime_ms - 1 if following and following.boot == start.boot else _FOREVER_MS
    for row in connection.execute(_WITHIN, (camera, start.boot, start.boottime_ms, until_ms)).fetchall():
        gap = gap_row(row)
        if gap.pauses:
            leaves.enter_gap(connection, gap)


def text_of(pauses: Iterable[Pause], length_ms: int) -> str:
    """As a column has them. ValueError, TypeError where they are none of a gap that is so long."""
    reached_ms, checked = 0, []
    for since_ms, lasted_ms in pauses:
        if since_ms < reached_ms or lasted_ms <= 0:
            raise ValueError(f"a pause of {lasted_ms} ms at {since_ms} ms")
        reached_ms = since_ms + lasted_ms
        checked.append([int(since_ms), int(lasted_ms)])
    if reached_ms > length_ms or not 0 < len(checked) <= PAUSES_MAX:
        raise ValueError(f"{len(checked)} pauses up to {reached_ms} ms in a gap of {length_ms} ms")
    return json.dumps(checked, separators=(",", ":"))


def _is_missing_anyway(connection: sqlite3.Connection, camera: int, start: Point, end: Point) -> bool:
    """A gap between segments says so; these do not overlap."""
    row = connection.execute(
        "SELECT end_boot, end_boottime_ms FROM gaps WHERE camera = ? AND inside = 0 AND boot = ?"
        " AND start_boottime_ms <= ? ORDER BY start_boottime_ms DESC LIMIT 1",
        (camera, start.boot, start.boottime_ms),
    ).fetchone()
    return row is not None and row[0] == end.boot and row[1] >= end.boottime_ms


def _segment_at(connection: sqlite3.Connection, camera: int, at: Point) -> _Around | None:
    """The segment that had begun by then, among the last ones."""
    rows = connection.execute(
        "SELECT boot, start_boottime_ms, start_wall_ms, state = 'open' FROM segments"
        " WHERE camera = ? AND name IS NULL AND unproven = 0 ORDER BY seq DESC LIMIT ?",
        (camera, RECENT),
    ).fetchall()
    begun = (_Around(Point(*row[:3]), bool(row[3])) for row in rows)
    return next((one for one in begun if one.start <= at and one.start.boot == at.boot), None)


def _says(gap: GapRow, start: Point, end: Point) -> bool:
    """All of this pause is in it."""
    if gap.end is None:
        return False
    parts = missing(gap.start.boottime_ms, gap.end.boottime_ms, gap.pauses)
    return any(begun <= start.boottime_ms and end.boottime_ms <= ended for begun, ended in parts)


def _takes(gap: GapRow, start: Point, cause: GapCause) -> bool:
    """A further pause fits in, and the wall clock was not set in between."""
    offset_ms = (start.wall_ms - start.boottime_ms) - (gap.start.wall_ms - gap.start.boottime_ms)
    return gap.cause is cause and len(gap.pauses) < PAUSES_MAX and abs(offset_ms) <= STEP_MS


def _have_doubled(count: int) -> bool:
    """2, 4, 8, …"""
    return count.bit_count() == 1


def _join_pauses(connection: sqlite3.Connection, gap: GapRow, start: Point, end: Point) -> GapRow:
    """A further pause, which begins no earlier than the gap; it may lie between others, told late."""
    length_ms = gap.end.boottime_ms - gap.start.boottime_ms if gap.end else 0
    further = (start.boottime_ms - gap.start.boottime_ms, end.boottime_ms - gap.start.boottime_ms)
    pauses: list[Pause] = []
    for begin, last in sorted([*missing(0, length_ms, gap.pauses), further]):
        if pauses and begin <= sum(pauses[-1]):
            begun, lasted_ms = pauses[-1]
            pauses[-1] = (begun, max(lasted_ms, last - begun))
        else:
            pauses.append((begin, last - begin))
    length_ms = sum(pauses[-1])
    ends = gap.start.plus_ms(length_ms)
    connection.execute(
        "UPDATE gaps SET end_boot = ?, end_boottime_ms = ?, end_wall_ms = ?, pauses = ? WHERE id = ?",
        (ends.boot, ends.boottime_ms, ends.wall_ms, text_of(pauses, length_ms), gap.id),
    )
    return _gap_by_id(connection, gap.id)


def _gap_by_id(connection: sqlite3.Connection, number: int) -> GapRow:
    return gap_row(connection.execute(GAP_SQL + "WHERE g.id = ?", (number,)).fetchone())
