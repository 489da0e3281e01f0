"""The account of each camera's time (S9): what is not in a segment is in a gap, by construction.

Functions over a connection, inside the transaction of the fact they belong to. A camera's time is a chain of claims:
segments, whose end may still be open, and gaps, of which at most the last is open. `cameras.covered_*` is the end of
the last claim that has one. Whenever the end of a claim becomes known, what follows is joined to it: a following gap is
moved there, and a hole before a following segment becomes a gap. Pauses within a segment (`storage.segments.pauses`)
are no links of this chain.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from storage.ages.runs import Point
from storage.segments import leaves, maintenance_windows
from storage.segments.rows import GAP_SQL, CameraRow, GapRow, gap_row
from storage.words.clock import STEP_MS
from storage.words.model import GapCause

JOIN_MS: Final = 100
"""Ends and starts come from media time, rounded, and from two clocks: what is nearer than this is one instant."""

_AFTER_SQL: Final = (
    GAP_SQL + "WHERE g.camera = ? AND g.inside = 0 AND (g.boot, g.start_boottime_ms) >= (?, ?)"
    " AND (g.end_boot IS NULL OR (g.end_boot, g.end_boottime_ms) > (g.boot, g.start_boottime_ms))"
    " ORDER BY g.boot, g.start_boottime_ms"
)
"""Gaps that took time, from a point on. A clock set forward leaves one that took none and stays where it is."""


def open_gap(connection: sqlite3.Connection, camera: int) -> GapRow | None:
    """The gap that lasts, if the camera is in one."""
    row = connection.execute(GAP_SQL + "WHERE g.camera = ? AND g.end_boot IS NULL", (camera,)).fetchone()
    return gap_row(row) if row else None


def insert_gap(
    connection: sqlite3.Connection, camera: int, start: Point, end: Point | None, cause: GapCause, detail: str
) -> None:
    """A gap, lasting when `end` is None. What of it lies in maintenance has that cause, and its own beneath."""
    for begun, ended, within in maintenance_windows.cut_by_windows(
        start, end, maintenance_windows.windows_over(connection, camera, start, cause)
    ):
        causes = (GapCause.MAINTENANCE, cause) if within else (cause, None)
        _insert(connection, camera, begun, ended, causes, detail)


def _insert(
    connection: sqlite3.Connection,
    camera: int,
    start: Point,
    end: Point | None,
    causes: tuple[GapCause, GapCause | None],
    detail: str,
) -> None:
    ends = (None, None, None) if end is None else (end.boot, end.wall_ms, end.boottime_ms)
    number: int = connection.execute(
        "INSERT INTO gaps (camera, boot, start_wall_ms, start_boottime_ms, end_boot, end_wall_ms, end_boottime_ms,"
        " cause, beneath, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (camera, start.boot, start.wall_ms, start.boottime_ms, *ends, *causes, detail),
    ).fetchone()[0]
    if end is not None or causes[0] is GapCause.UNKNOWN:
        _tell(connection, number)
    if end is not None:
        advance(connection, camera, end)


def _tell(connection: sqlite3.Connection, number: int, was: Point | None = None) -> None:
    """Enter the gap as it is now."""
    row = connection.execute(GAP_SQL + "WHERE g.id = ?", (number,)).fetchone()
    leaves.enter_gap(connection, gap_row(row), was=was)


def remove(connection: sqlite3.Connection, gap: GapRow) -> None:
    """It is no gap after all. One that lasted had no leaf yet, unless nobody knew why."""
    connection.execute("DELETE FROM gaps WHERE id = ?", (gap.id,))
    if gap.end is not None or gap.cause is GapCause.UNKNOWN:
        leaves.enter_gap(connection, gap, gone=True)


def end_gap(connection: sqlite3.Connection, gap: GapRow, end: Point) -> None:
    """The gap lasted until `end`. One that lasted no time at all did not happen; a clock set forward in it did."""
    if end <= gap.start:
        remove(connection, gap)
        bridge(connection, gap.camera_number, gap.start, end, gap.own_cause, "")
        return
    connection.execute(
        "UPDATE gaps SET end_boot = ?, end_boottime_ms = ?, end_wall_ms = ? WHERE id = ?",
        (end.boot, end.boottime_ms, end.wall_ms, gap.id),
    )
    _tell(connection, gap.id)
    advance(connection, gap.camera_number, end)


def advance(connection: sqlite3.Connection, camera: int, to: Point) -> None:
    """Up to here the camera's time is accounted for. Never goes back."""
    connection.execute(
        "UPDATE cameras SET covered_boot = ?2, covered_boottime_ms = ?3, covered_wall_ms = ?4"
        " WHERE number = ?1 AND (covered_boot, covered_boottime_ms) < (?2, ?3)",
        (camera, to.boot, to.boottime_ms, to.wall_ms),
    )


def in_progress(connection: sqlite3.Connection, camera: int) -> bool:
    """The camera's last segment is open: its end, once known, joins what follows to it.

    One before it that is still open, because its volume is away or its file cannot be read, speaks for itself alone.
    """
    row = connection.execute(
        "SELECT state = 'open' FROM segments WHERE camera = ? AND name IS NULL AND unproven = 0"
        " ORDER BY seq DESC LIMIT 1",
        (camera,),
    ).fetchone()
    return bool(row and row[0])


def frontier(connection: sqlite3.Connection, camera: CameraRow) -> Point:
    """Where the next claim begins at the earliest: the end of the last, or the start of the last one in progress."""
    row = connection.execute(
        "SELECT boot, start_boottime_ms, start_wall_ms FROM segments WHERE camera = ? AND state = 'open'"
        " ORDER BY boot DESC, start_boottime_ms DESC LIMIT 1",
        (camera.number,),
    ).fetchone()
    return max(camera.covered, Point(*row)) if row else camera.covered


def bridge(
    connection: sqlite3.Connection, camera: int, left: Point, right: Point, cause: GapCause, detail: str
) -> None:
    """Account for what lies between the end of one claim and the start of the next.

    A wall clock that was set forward leaves hours that no clock on this box ever showed. They are a gap too, so that
    whoever looks for them finds out why there is nothing.
    """
    if right.boot != left.boot or right.boottime_ms - left.boottime_ms > JOIN_MS:
        if left < right:
            insert_gap(connection, camera, left, right, cause, detail)
        return
    jump_ms = (right.wall_ms - left.wall_ms) - (right.boottime_ms - left.boottime_ms)
    if jump_ms > STEP_MS:
        at = Point(right.boot, max(left.boottime_ms, right.boottime_ms), right.wall_ms)
        detail = f"the wall clock was set forward by {jump_ms / 1000:.1f} s; no footage was lost"
        insert_gap(connection, camera, left, at, GapCause.CLOCK_STEP, detail)


def begin(
    connection: sqlite3.Connection, camera: CameraRow, at: Point | None, now: Point, cause: GapCause, detail: str
) -> None:
    """From `at` the camera is not recording; None: from the end of what is recorded.

    With nothing in progress the gap begins where the account ends, whatever `at` says: this event is what kept the
    time since from being recorded. With a segment in progress its end, once known, moves the gap (`settle`).
    """
    lasting = open_gap(connection, camera.number)
    if lasting is not None:
        if lasting.own_cause is cause:
            return
        turn = max(lasting.start, at or now)
        end_gap(connection, lasting, turn)
        insert_gap(connection, camera.number, turn, None, cause, detail)
        return
    start = frontier(connection, camera)
    if at is not None and in_progress(connection, camera.number):
        start = max(start, at)
    insert_gap(connection, camera.number, start, None, cause, detail)


def join(connection: sqlite3.Connection, camera: int, at: Point) -> None:
    """What began here came to nothing, and parted a gap in two: of one cause they are one again.

    A disk that refuses every write for a day leaves one gap, not one every few seconds (S12).
    """
    near = (camera, at.boot, at.boottime_ms - JOIN_MS, at.boottime_ms + JOIN_MS)
    before = connection.execute(
        GAP_SQL + "WHERE g.camera = ? AND g.end_boot = ? AND g.end_boottime_ms BETWEEN ? AND ?"
        " AND g.inside = 0 ORDER BY g.start_boottime_ms DESC LIMIT 1",
        near,
    ).fetchone()
    after = connection.execute(
        GAP_SQL + "WHERE g.camera = ? AND g.boot = ? AND g.start_boottime_ms BETWEEN ? AND ? AND g.inside = 0"
        " ORDER BY g.start_boottime_ms LIMIT 1",
        near,
    ).fetchone()
    if before is None or after is None:
        return
    first, second = gap_row(before), gap_row(after)
    if first.id == second.id or (first.cause, first.beneath) != (second.cause, second.beneath):
        return
    end = second.end
    ends = (None, None, None) if end is None else (end.boot, end.boottime_ms, end.wall_ms)
    if end is None:  # it lasts again
        leaves.enter_gap(connection, first, gone=True)
    remove(connection, second)
    connection.execute(
        "UPDATE gaps SET end_boot = ?, end_boottime_ms = ?, end_wall_ms = ? WHERE id = ?", (*ends, first.id)
    )
    if end is not None:
        _tell(connection, first.id)


def remember(connection: sqlite3.Connection, camera: int, start: Point, end: Point) -> None:
    """What was recorded here is destroyed: its time stays accounted for, as one span with what it joins."""
    joined: list[int] = []
    for span in connection.execute(
        "SELECT id, start_boottime_ms, start_wall_ms, end_boottime_ms, end_wall_ms FROM destroyed"
        " WHERE camera = ? AND boot = ? AND end_boottime_ms >= ? AND start_boottime_ms <= ?",
        (camera, start.boot, start.boottime_ms - JOIN_MS, end.boottime_ms + JOIN_MS),
    ).fetchall():
        first, last = Point(start.boot, span[1], span[2]), Point(start.boot, span[3], span[4])
        offset_ms = (first.wall_ms - first.boottime_ms) - (start.wall_ms - start.boottime_ms)
        if abs(offset_ms) <= STEP_MS:
            joined.append(span[0])
            start, end = min(start, first), max(end, last)
    ends = (start.boottime_ms, start.wall_ms, end.boottime_ms, end.wall_ms)
    if not joined:
        connection.execute(
            "INSERT INTO destroyed (camera, boot, start_boottime_ms, start_wall_ms, end_boottime_ms, end_wall_ms)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (camera, start.boot, *ends),
        )
        return
    connection.execute(
        "UPDATE destroyed SET start_boottime_ms = ?, start_wall_ms = ?, end_boottime_ms = ?, end_wall_ms = ?"
        " WHERE id = ?",
        (*ends, joined[0]),
    )
    connection.executemany("DELETE FROM destroyed WHERE id = ?", [(number,) for number in joined[1:]])


def next_start(connection: sqlite3.Connection, camera: int, seq: int) -> Point | None:
    """Where the segment after this one begins, finished or not; None if there is none."""
    row = connection.execute(
        "SELECT boot, start_boottime_ms, start_wall_ms FROM segments"
        " WHERE camera = ? AND seq > ? AND name IS NULL AND unproven = 0 ORDER BY seq LIMIT 1",
        (camera, seq),
    ).fetchone()
    return Point(*row) if row else None


def next_gap(connection: sqlite3.Connection, camera: int, start: Point) -> Point | None:
    """Where the first gap from there on begins that took time; None if there is none."""
    row = connection.execute(_AFTER_SQL + " LIMIT 1", (camera, start.boot, start.boottime_ms)).fetchone()
    return gap_row(row).start if row else None


def settle(
    connection: sqlite3.Connection, camera: int, seq: int, span: tuple[Point, Point], cause: GapCause, detail: str
) -> None:
    """A segment's end became known: join what follows to it. `cause` is for a hole that nothing else explains."""
    start, end = span
    following = next_start(connection, camera, seq)
    advance(connection, camera, end)
    for found in connection.execute(_AFTER_SQL, (camera, start.boot, start.boottime_ms)).fetchall():
        gap = gap_row(found)
        if following is not None and gap.start >= following:
            break
        if gap.end is not None and gap.end <= end:
            remove(connection, gap)
            continue
        if end < gap.start and maintenance_windows.windows_over(connection, camera, end, gap.own_cause):
            insert_gap(connection, camera, end, gap.start, gap.own_cause, gap.detail)
            return
        connection.execute(
            "UPDATE gaps SET boot = ?, start_boottime_ms = ?, start_wall_ms = ? WHERE id = ?",
            (end.boot, end.boottime_ms, end.wall_ms, gap.id),
        )
        if gap.end is not None and (gap.start, gap.start.wall_ms) != (end, end.wall_ms):
            _tell(connection, gap.id, was=gap.start)
        return
    if following is not None:
        bridge(connection, camera, end, following, cause, detail)
