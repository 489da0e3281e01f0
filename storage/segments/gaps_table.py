"""The account of each camera's time (S9): what is not in a segment is in a gap, by construction.

Functions over a connection, inside the transaction of the fact they belong to. A camera's time is a chain of claims:
segments, whose end may still be open, and gaps, of which at most the last is open. `cameras.covered_*` is the end of
the last claim that has one. Whenever the end of a claim becomes known, what follows is joined to it: a following gap is
moved there, and a hole before a following segment becomes a gap.

What of a gap lies in maintenance (維護) has that cause, and its own beneath. A window ends where it was ended; that it
is over before anybody has entered so makes it no shorter: the account goes by what is entered.

Pauses within what is recorded (the camera sent nothing and went on, and nothing that it sent is missing) are gaps like
any other to whoever reads, but no links of the chain: the segments around go on as if they were not there, and coverage
takes them out. Pauses of one segment are one gap that knows each of them, with a leaf at the first, whenever they have
doubled, and once the segment ends: a camera that stutters all day makes some hundred rows of it, not tens of thousands
(S12), and a database that is lost meanwhile has lost fewer than half of them (S13).

A leaf must do alone: a lost database is made anew from them (S13), so places in time carry the boot's own id beside its
number, and ids stand where the catalog has numbers. No names of people, no reasons.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from storage.ages.history import Point
from storage.ages.table import leaf_place
from storage.ledger.table import Leaf, enter
from storage.segments.gap_leaf import GapLeaf
from storage.segments.queries import GAP_SQL, CameraRow, GapRow, gap_row
from storage.words.clock import STEP_MS
from storage.words.message import Message, message
from storage.words.model import GapCause, Pause, missing

JOIN_MS: Final = 100
"""Ends and starts come from media time, rounded, and from two clocks: what is nearer than this is one instant."""
_AFTER_SQL: Final = (
    GAP_SQL + "WHERE g.camera = ? AND g.inside = 0 AND (g.boot, g.start_boottime_ms) >= (?, ?)"
    " AND (g.end_boot IS NULL OR (g.end_boot, g.end_boottime_ms) > (g.boot, g.start_boottime_ms))"
    " ORDER BY g.boot, g.start_boottime_ms"
)
"""Gaps that took time, from a point on. A clock set forward leaves one that took none and stays where it is."""
APART: Final = frozenset({GapCause.DISABLED, GapCause.CLOCK_STEP, GapCause.UNKNOWN})
"""Maintenance explains none of these: what is not to be recorded, hours that never were, what nobody can explain."""
WINDOWS_MAX: Final = 1000
"""One gap lies in fewer, or in those that are kept at all."""
Window: TypeAlias = "tuple[Point, Point | None]"
"""From when to when; None: it lasts."""
Piece: TypeAlias = "tuple[Point, Point | None, bool]"
"""Of a gap; the last tells whether it lies in a window."""
PAUSES_MAX: Final = 64
"""That one gap joins: five minutes of a camera that pauses every five seconds, and a leaf of 1 kB."""
RECENT: Final = 3
"""Segments among which that of a pause is looked for: it is told while that is in progress, or soon after."""
_WITHIN: Final = (
    GAP_SQL + "WHERE g.camera = ? AND g.inside = 1 AND g.boot = ? AND g.start_boottime_ms BETWEEN ? AND ?"
    " ORDER BY g.start_boottime_ms, g.id"
)
_FOREVER_MS: Final = 1 << 62


def open_gap(connection: sqlite3.Connection, camera: int) -> GapRow | None:
    """The gap that lasts, if the camera is in one."""
    row = connection.execute(GAP_SQL + "WHERE g.camera = ? AND g.end_boot IS NULL", (camera,)).fetchone()
    return gap_row(row) if row else None


def insert_gap(
    connection: sqlite3.Connection, camera: int, start: Point, end: Point | None, cause: GapCause, detail: str
) -> None:
    """A gap, lasting when `end` is None. What of it lies in maintenance has that cause, and its own beneath."""
    for begun, ended, within in cut_by_windows(start, end, windows_over(connection, camera, start, end, cause)):
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
        " cause, beneath, detail, told) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (camera, start.boot, start.wall_ms, start.boottime_ms, *ends, *causes, detail, _coded(detail)),
    ).fetchone()[0]
    if end is not None or causes[0] is GapCause.UNKNOWN:
        _tell(connection, number)
    if end is not None:
        advance(connection, camera, end)


def _coded(detail: str) -> str | None:
    """Its code and values, as a column has them."""
    if not isinstance(detail, Message) or not detail.code:
        return None
    return json.dumps({"code": detail.code, "values": detail.data}, ensure_ascii=False)


def _tell(connection: sqlite3.Connection, number: int, was: Point | None = None) -> None:
    """Enter the gap as it is now."""
    enter_gap(connection, gap_by_id(connection, number), was=was)


def enter_gap(
    connection: sqlite3.Connection,
    row: GapRow,
    *,
    was: Point | None = None,
    gone: bool = False,
    wall_ms: int | None = None,
    until: Point | None = None,
) -> None:
    """A gap has an end, or appeared unexplained; `was`: it began elsewhere before; `gone`: it is none after all;
    `until`: it lasts, and so far it has lasted.

    What came back from the camera, `row.detail`, stays in the row: it may hold addresses and names of accounts, and a
    leaf goes along with each copy and can never be erased.
    """
    end, was_at, until_at = (None if at is None else leaf_place(connection, at) for at in (row.end, was, until))
    told = GapLeaf(
        camera=row.camera,
        start=leaf_place(connection, row.start),
        end=end,
        cause=row.cause.value,
        inside=row.inside,
        pauses=row.pauses,
        was=was_at,
        gone=gone,
        beneath=None if row.beneath is None else row.beneath.value,
        until=until_at,
    )
    number = enter(connection, Leaf.GAP, (row.end or row.start).wall_ms if wall_ms is None else wall_ms, told)
    connection.execute("UPDATE gaps SET leaf = ? WHERE id = ?", (number, row.id))


def remove(connection: sqlite3.Connection, gap: GapRow) -> None:
    """It is no gap after all. One that lasted had no leaf yet, unless nobody knew why."""
    connection.execute("DELETE FROM gaps WHERE id = ?", (gap.id,))
    if gap.end is not None or gap.cause is GapCause.UNKNOWN:
        enter_gap(connection, gap, gone=True)


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
    if jump_ms > STEP_MS and not _is_step(connection, camera, left):
        at = Point(right.boot, max(left.boottime_ms, right.boottime_ms), right.wall_ms)
        stepped = message(
            "gap.clock-forward",
            "the wall clock was set forward by {seconds} s; no footage was lost",
            seconds=f"{jump_ms / 1000:.1f}",
        )
        insert_gap(connection, camera, left, at, GapCause.CLOCK_STEP, stepped)


def _is_step(connection: sqlite3.Connection, camera: int, at: Point) -> bool:
    """One that is told there stays the only one."""
    row = connection.execute(
        "SELECT 1 FROM gaps WHERE camera = ? AND boot = ? AND start_boottime_ms = ? AND start_wall_ms = ?"
        " AND cause = ?",
        (camera, at.boot, at.boottime_ms, at.wall_ms, GapCause.CLOCK_STEP),
    ).fetchone()
    return row is not None


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
        enter_gap(connection, first, gone=True)
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
        if end < gap.start and windows_over(connection, camera, end, None, gap.own_cause):
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


def windows_over(
    connection: sqlite3.Connection, camera: int, start: Point, end: Point | None, cause: GapCause
) -> list[Window]:
    """Those that cover the camera between two instants, in order; none for a cause that is none of theirs."""
    if cause in APART:
        return []
    rows = connection.execute(
        "SELECT boot, boottime_ms, wall_ms, end_boot, end_boottime_ms, end_wall_ms FROM maintenances"
        " WHERE (end_boot IS NULL OR (end_boot, end_boottime_ms) > (?1, ?2))"
        " AND (?5 IS NULL OR (boot, boottime_ms) < (?5, ?6))"
        " AND (cameras = '[]' OR EXISTS (SELECT 1 FROM json_each(maintenances.cameras)"
        " WHERE value = (SELECT id FROM cameras WHERE number = ?3)))"
        " ORDER BY boot, boottime_ms LIMIT ?4",
        (start.boot, start.boottime_ms, camera, WINDOWS_MAX, end and end.boot, end and end.boottime_ms),
    ).fetchall()
    return [(Point(*row[:3]), None if row[3] is None else Point(*row[3:])) for row in rows]


def cut_by_windows(start: Point, end: Point | None, windows: Iterable[Window]) -> list[Piece]:
    """A gap, cut where a window begins or ends: without holes, in order, no piece without length. Pure.

    `windows` are in order and do not overlap. A gap that lasts goes on in one that does, and else after all.
    """
    pieces: list[Piece] = []
    at = start
    for begun, ended in windows:
        if (end is not None and begun >= end) or (ended is not None and ended <= at):
            continue
        if begun > at:
            pieces.append((at, begun, False))
            at = begun
        if ended is None or (end is not None and ended >= end):
            return [*pieces, (at, end, True)]
        pieces.append((at, ended, True))
        at = ended
    if end is None or at < end or not pieces:
        pieces.append((at, end, False))
    return pieces


def fits_windows(connection: sqlite3.Connection, gap: GapRow) -> bool:
    """What of it lies in maintenance has that cause, and nothing else has it, by the windows that are known now.

    Of what ended before the first of them nobody can tell: there may have been others, which are no longer kept.
    """
    first = connection.execute(
        "SELECT boot, boottime_ms, wall_ms FROM maintenances ORDER BY boot, boottime_ms LIMIT 1"
    ).fetchone()
    if first is None or (gap.end is not None and gap.end <= Point(*first)):
        return True
    windows = windows_over(connection, gap.camera_number, gap.start, gap.end, gap.own_cause)
    return cut_by_windows(gap.start, gap.end, windows) == [(gap.start, gap.end, gap.beneath is not None)]


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
            enter_gap(connection, joined)
        return
    number = connection.execute(
        "INSERT INTO gaps (camera, boot, start_wall_ms, start_boottime_ms, end_boot, end_wall_ms, end_boottime_ms,"
        " cause, detail, told, inside) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1) RETURNING id",
        (
            camera.number,
            start.boot,
            start.wall_ms,
            start.boottime_ms,
            end.boot,
            end.wall_ms,
            end.boottime_ms,
            cause,
            detail,
            _coded(detail),
        ),
    ).fetchone()[0]
    enter_gap(connection, gap_by_id(connection, number))


def tell_pauses(connection: sqlite3.Connection, camera: int, seq: int, start: Point) -> None:
    """A segment ends: the gaps that joined its pauses get their leaves, as they are now."""
    following = next_start(connection, camera, seq)
    until_ms = following.boottime_ms - 1 if following and following.boot == start.boot else _FOREVER_MS
    for row in connection.execute(_WITHIN, (camera, start.boot, start.boottime_ms, until_ms)).fetchall():
        gap = gap_row(row)
        if gap.pauses:
            enter_gap(connection, gap)


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
    return gap_by_id(connection, gap.id)


def gap_by_id(connection: sqlite3.Connection, number: int) -> GapRow:
    """That is there."""
    return gap_row(connection.execute(GAP_SQL + "WHERE g.id = ?", (number,)).fetchone())
