"""Exports in the catalog: what is being copied, what that holds, what there is to be copied.

Functions over a connection. While an export is open, what touches its cameras and interval is not destroyed for its
space: that is asked in the transaction that condemns, as for pins. A ceiling goes through (S3). Names and reasons stand
behind the commitments of its leaves alone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from storage.ages import table as ages_table
from storage.ages.history import Point
from storage.exports.model import Export, ExportAccount, ExportOrder, ExportState, OfficeRequest
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf, Value, enter
from storage.pins.rules import Interval
from storage.pins.table import HELD_IN, Covering, given
from storage.retention.destruction import SpanLeaf
from storage.segments import gaps_table, queries, true_time_table
from storage.segments import table as segments_table
from storage.segments.gaps_table import JOIN_MS, next_gap, next_start
from storage.segments.queries import (
    GAP_SQL,
    PAGE_MAX,
    SEGMENT_SQL,
    TRUE_START_MS,
    GapRow,
    SegmentRow,
    gap_row,
    segment_row,
)
from storage.words.model import Parts, SegmentState

BESIDE_LEAVES: Final = 1000
"""So many leaves at the most lie between an act and what comes of it at once: cameras go on recording."""
THERE: Final = "there"
DESTROYED: Final = "destroyed"
FINISHED: Final = ExportState.FINISHED.value
_SQL: Final = (
    "SELECT number, id, state, cameras, first_wall_ms, last_wall_ms, whole, max_bytes, destroy_by_ms, run, boot,"
    " boottime_ms, wall_ms, leaf, account, request, request_row, viewing, gone FROM exports "
)


def insert(connection: sqlite3.Connection, export_id: str, order: ExportOrder, run: int, at: Point) -> int:
    """It holds from here on; it has no leaf yet, so nothing may be disclosed."""
    interval = order.interval
    number: int = connection.execute(
        "INSERT INTO exports (id, state, cameras, first_wall_ms, last_wall_ms, whole, max_bytes, destroy_by_ms, run,"
        " boot, boottime_ms, wall_ms, request, request_row, viewing)"
        " VALUES (?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
        (
            export_id,
            json.dumps(list(order.cameras)),
            interval.first_ms,
            interval.last_ms,
            order.whole,
            order.max_bytes,
            order.destroy_by_ms,
            run,
            at.boot,
            at.boottime_ms,
            at.wall_ms,
            None if order.request is None else order.request.number,
            None if order.request is None else order.request.row,
            THERE if order.viewing else None,
        ),
    ).fetchone()[0]
    return number


def begin(
    connection: sqlite3.Connection,
    export: Export,
    account: ExportAccount,
    wall_ms: int,
    size: int,
    told: Mapping[str, str],
) -> None:
    """Its leaf, before anything of it is disclosed, and what it consists of. `told`: names and reasons."""
    leaf = note(connection, export, "begun", wall_ms, told, bytes=size)
    interval, order = export.order.interval, export.order
    connection.execute(
        "UPDATE exports SET first_wall_ms = ?, last_wall_ms = ?, whole = ?, leaf = ?, account = ? WHERE number = ?",
        (interval.first_ms, interval.last_ms, order.whole, leaf, account.to_json(), export.number),
    )


def end(connection: sqlite3.Connection, export: Export, state: ExportState) -> None:
    """It holds nothing any more."""
    connection.execute("UPDATE exports SET state = ?, account = NULL WHERE number = ?", (state, export.number))


def destroyed(connection: sqlite3.Connection, number: int, leaf: int | None) -> None:
    """Of a viewing copy: none of it is there any more. `leaf`: that says so; None: nobody was told of it."""
    connection.execute("UPDATE exports SET viewing = ?, gone = ? WHERE number = ?", (DESTROYED, leaf, number))


def remember(connection: sqlite3.Connection, body: Mapping[str, Any], begun: Point, run: int, leaf: int | None) -> None:
    """A leaf of a database that was lost. Without its account nobody goes on with it: it was abandoned, unless a leaf
    says that it was finished. `begun`: when; only its wall clock is told anywhere.
    """
    export_id, event, cameras = str(body["export"]), body["event"], list(map(str, body["cameras"]))
    number, row = body.get("office_request"), body.get("office_row")
    connection.execute(
        "INSERT INTO exports (id, state, cameras, first_wall_ms, last_wall_ms, whole, max_bytes, destroy_by_ms, run,"
        " boot, boottime_ms, wall_ms, leaf, request, request_row, viewing)"
        " VALUES (?, 'abandoned', ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (export_id, json.dumps(cameras), int(body["from"]), int(body["to"]), bool(body["whole"]),
         int(body.get("destroy_by", 0)), run, begun.boot, begun.boottime_ms, begun.wall_ms, leaf, number, row,
         THERE if body.get("viewing") else None),
    )  # fmt: skip
    if event == FINISHED:
        connection.execute("UPDATE exports SET state = ? WHERE id = ? AND account IS NULL", (event, export_id))
    elif event == DESTROYED:
        connection.execute("UPDATE exports SET viewing = ?, gone = ? WHERE id = ?", (DESTROYED, leaf, export_id))


def drop(connection: sqlite3.Connection, number: int) -> None:
    """It came to nothing before it had a leaf."""
    connection.execute("DELETE FROM exports WHERE number = ? AND leaf IS NULL", (number,))


def note(
    connection: sqlite3.Connection, export: Export, event: str, wall_ms: int, told: Mapping[str, str], **more: Value
) -> int:
    """A `copy` leaf; its number."""
    order = export.order
    if order.request is not None:
        more |= {"office_request": order.request.number, "office_row": order.request.row}
    if order.viewing:
        more |= {"viewing": True}
    body: dict[str, Value] = {
        "export": export.id,
        "event": event,
        "cameras": list(order.cameras),
        "from": order.interval.first_ms,
        "to": order.interval.last_ms,
        "whole": order.whole,
        "destroy_by": order.destroy_by_ms,
        **more,
    }
    return enter(connection, Leaf.COPY, wall_ms, body, committed=told)


def find(connection: sqlite3.Connection, export_id: str) -> Export | None:
    row = connection.execute(_SQL + "WHERE id = ?", (export_id,)).fetchone()
    return None if row is None else _export(row)


def lasting(connection: sqlite3.Connection) -> list[Export]:
    """Those that are open, the oldest first."""
    return [_export(row) for row in connection.execute(_SQL + "WHERE state = 'open' ORDER BY number")]


def latest(connection: sqlite3.Connection, limit: int) -> list[Export]:
    """Those that leave, the last ones first, whatever became of them."""
    rows = connection.execute(_SQL + "WHERE viewing IS NULL ORDER BY number DESC LIMIT ?", (limit,))
    return [_export(row) for row in rows]


def since(connection: sqlite3.Connection, leaf: int) -> list[Export]:
    """Those that were begun behind that leaf and finished, viewing copies with the others; the oldest first."""
    rows = connection.execute(_SQL + "WHERE state = ? AND leaf > ? ORDER BY number", (FINISHED, leaf))
    return [_export(row) for row in rows]


def of_request(connection: sqlite3.Connection, request: str) -> list[Export]:
    """By a request of that number, viewing copies with the others; the oldest first."""
    return [_export(row) for row in connection.execute(_SQL + "WHERE request = ? ORDER BY number", (request,))]


def touching(connection: sqlite3.Connection, interval: Interval) -> list[Export]:
    """Those on record that were made for some of this time, whatever became of them, viewing copies with the others;
    the oldest first.
    """
    rows = connection.execute(
        _SQL + "WHERE leaf IS NOT NULL AND first_wall_ms < ? AND last_wall_ms > ? ORDER BY leaf",
        (interval.last_ms, interval.first_ms),
    )
    return [_export(row) for row in rows]


def look_of(connection: sqlite3.Connection, export: Export) -> int | None:
    """The leaf of the act by which a look was asked for that laid this export out; None: there is none."""
    told = connection.execute(
        "SELECT number FROM leaves WHERE number BETWEEN ?1 - ?2 AND ?1 AND kind = ?3"
        " AND json_extract(body, '$.verb') = 'look' AND json_extract(body, '$.purpose') = ?4"
        " AND json_extract(body, '$.from') = ?5 ORDER BY number DESC LIMIT 1",
        (
            export.leaf or 0,
            BESIDE_LEAVES,
            Leaf.ACT.value,
            "" if export.order.request is None else export.order.request.row,
            export.order.interval.first_ms,
        ),
    ).fetchone()
    return None if told is None else int(told[0])


def fingerprint(connection: sqlite3.Connection, export: Export) -> str | None:
    """SHA-256 of its list, hex, as the leaf has it by which it was finished; None: it is not. Of what is not finished
    no leaf is looked for: all that came behind it would be gone through.
    """
    if export.state is not ExportState.FINISHED:
        return None
    told = connection.execute(
        "SELECT json_extract(body, '$.manifest') FROM leaves WHERE kind = ? AND number > ?"
        " AND json_extract(body, '$.export') = ? AND json_extract(body, '$.event') = ?",
        (Leaf.COPY.value, export.leaf or 0, export.id, FINISHED),
    ).fetchone()
    return None if told is None else told[0]


def viewed(connection: sqlite3.Connection) -> list[Export]:
    """Viewing copies of which nobody has said yet that nothing is there any more, the oldest first."""
    return [_export(row) for row in connection.execute(_SQL + "WHERE viewing = 'there' ORDER BY number")]


def all_kept(connection: sqlite3.Connection, segments: Iterable[tuple[str, int]]) -> bool:
    """Whether each of these, by camera and number, is neither destroyed nor about to be."""
    rows = (queries.segment_by_seq(connection, camera, seq) for camera, seq in segments)
    return all(row is not None and row.state is SegmentState.COMMITTED for row in rows)


def covering(connection: sqlite3.Connection) -> Covering:
    """What is held; asked in each transaction that condemns, mostly nothing."""
    intervals: dict[int, list[Interval]] = {}
    for camera, first_ms, last_ms in connection.execute(
        "SELECT c.number, e.first_wall_ms, e.last_wall_ms FROM exports e, json_each(e.cameras) j"
        " JOIN cameras c ON c.id = j.value WHERE e.state = 'open'"
    ):
        intervals.setdefault(camera, []).append(Interval(first_ms, last_ms))
    return Covering(intervals)


def holders(connection: sqlite3.Connection, row: SegmentRow) -> list[str]:
    """Ids of the exports that hold a segment."""
    return [
        one.id
        for one in lasting(connection)
        if row.camera in one.order.cameras and one.order.interval.touches(row.true_start_ms, row.duration_ms)
    ]


def openings(connection: sqlite3.Connection, leaf: int) -> dict[str, tuple[bytes, str]]:
    """Salt and words behind the commitments of a leaf, as far as they were not erased."""
    rows = connection.execute("SELECT field, salt, value FROM openings WHERE leaf = ?", (leaf,))
    return {name: (salt, value) for name, salt, value in rows}


# --- what there is to be copied --------------------------------------------------------------------------------------


def in_progress_from(connection: sqlite3.Connection, camera: str, interval: Interval) -> int | None:
    """From when on something is recorded whose end is not known yet and that may reach into the interval; true time."""
    begun = []
    for number, seq, boot, boottime_ms, wall_ms, true_ms in connection.execute(
        f"SELECT s.camera, s.seq, s.boot, s.start_boottime_ms, s.start_wall_ms, {TRUE_START_MS} FROM segments s"  # noqa: S608
        " JOIN cameras c ON c.number = s.camera WHERE c.id = ? AND s.state = 'open'",
        (camera,),
    ).fetchall():
        start = Point(boot, boottime_ms, wall_ms)
        after = [next_gap(connection, number, start), next_start(connection, number, seq)]
        ended = any(point is not None and point.wall_ms <= interval.first_ms for point in after)
        if true_ms < interval.last_ms and not ended:
            begun.append(true_ms)
    return min(begun, default=None)


def segments_in(connection: sqlite3.Connection, camera: str, interval: Interval, limit: int) -> list[SegmentRow]:
    """Committed ones that touch the interval, in the order in which they were recorded, at most so many."""
    known = connection.execute("SELECT number, longest_ms FROM cameras WHERE id = ?", (camera,)).fetchone()
    if known is None:
        return []
    values = {"camera": known[0], "longest": known[1], "limit": -1, "most": limit} | given(interval)
    rows = connection.execute(
        SEGMENT_SQL + f"WHERE s.id IN ({HELD_IN}) AND s.state = 'committed'"
        " ORDER BY s.boot, s.start_boottime_ms, s.id LIMIT :most",
        values,
    )
    return [segment_row(row) for row in rows]


def between(
    connection: sqlite3.Connection, camera: str, after: Point, before: Point, limit: int
) -> tuple[list[SegmentRow], list[GapRow]]:
    """What accounts for a stretch of running time, whatever the wall clock said then; at most so many of each."""
    span = (camera, after.boot, after.boottime_ms - JOIN_MS, before.boot, before.boottime_ms, limit)
    segments = connection.execute(
        SEGMENT_SQL + "WHERE c.id = ? AND s.name IS NULL AND s.state = 'committed'"
        " AND (s.boot, s.start_boottime_ms) >= (?, ?) AND (s.boot, s.start_boottime_ms) < (?, ?)"
        " ORDER BY s.boot, s.start_boottime_ms LIMIT ?",
        span,
    )
    gaps = connection.execute(
        GAP_SQL + "WHERE c.id = ? AND g.inside = 0 AND g.end_boot IS NOT NULL"
        " AND (g.boot, g.start_boottime_ms) >= (?, ?) AND (g.boot, g.start_boottime_ms) < (?, ?)"
        " ORDER BY g.boot, g.start_boottime_ms LIMIT ?",
        span,
    )
    return [segment_row(row) for row in segments], [gap_row(row) for row in gaps]


def set_aside_in(connection: sqlite3.Connection, camera: str, interval: Interval) -> int:
    """How many files that cannot be played touch the interval."""
    rows = connection.execute(
        SEGMENT_SQL + "WHERE c.id = ? AND s.name IS NOT NULL AND s.state = 'quarantined'", (camera,)
    )
    found = (segment_row(row) for row in rows)
    return sum(interval.touches(row.true_start_ms, row.duration_ms) for row in found)


def gaps_in(connection: sqlite3.Connection, camera: str, interval: Interval) -> list[tuple[GapRow, int | None]]:
    """Gaps that touch the interval, with their leaves, in the order in which they began."""
    found: list[tuple[GapRow, int | None]] = []
    after = None
    while True:
        page = queries.gaps(connection, camera, interval.first_ms, interval.last_ms, after, PAGE_MAX)
        for gap in page:
            row = connection.execute(GAP_SQL + "WHERE g.id = ?", (gap.id,)).fetchone()
            found.append((gap_row(row), leaf_of_gap(connection, gap_row(row))))
        if len(page) < PAGE_MAX:
            return sorted(found, key=lambda one: one[0].start)
        after = page[-1]


def leaves_of(connection: sqlite3.Connection, segments: Sequence[int]) -> dict[int, int | None]:
    """By segment the leaf that tells of it. At most 1000 at a time."""
    marks = ",".join("?" * len(segments))
    return dict(connection.execute(f"SELECT id, leaf FROM segments WHERE id IN ({marks})", segments).fetchall())  # noqa: S608


def corrections_of(connection: sqlite3.Connection, boots: Collection[int]) -> list[int]:
    """Leaves by which times of these boots are put right, in order."""
    if not any(one.boot in boots for one in true_time_table.known(connection)):
        return []
    rows = connection.execute(
        "SELECT number, json_extract(body, '$.boot') FROM leaves WHERE kind = 'clock'"
        " AND json_extract(body, '$.what') = 'corrected' ORDER BY number"
    )
    return [number for number, boot in rows if boot in boots]


def bodies(connection: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
    """What leaves say, by number."""
    found = {}
    for number in numbers:
        entry = ledger_table.leaf(connection, number)
        if entry is not None:
            found[number] = json.loads(entry.body)
    return found


# --- leaves that nothing vouches for are told again ------------------------------------------------------------------


def vouched(connection: sqlite3.Connection) -> list[range]:
    """Which leaves are under a head, or will be under the next one: those of the present generation, and of those
    before as many as the first leaf of the following one names."""
    found: list[range] = []
    named: Mapping[str, Any] | None = None
    for one in reversed(ledger_table.every(connection)):
        if not found:
            found.append(range(one.first, 1 << 62))
        elif named is None or named.get("origin") != one.origin or not named.get("root"):
            break
        else:
            found.append(range(one.first, one.first + int(named["size"])))
        first = ledger_table.leaf(connection, one.first)
        named = None if first is None else json.loads(first.body).get("previous")
    return found


def tell_segment(connection: sqlite3.Connection, segment: int, wall_ms: int) -> int | None:
    """A leaf of a segment anew: no head covers the one it has, if it has one. None: it has gone meanwhile."""
    row = connection.execute(SEGMENT_SQL + "WHERE s.id = ? AND s.state = 'committed'", (segment,)).fetchone()
    if row is None:
        return None
    old = leaves_of(connection, [segment])[segment]
    body = {} if old is None else bodies(connection, [old]).get(old, {})
    parts = Parts(body["parts"], bytes.fromhex(body["root"])) if "root" in body else None
    segments_table.enter_segment(connection, segment_row(row), wall_ms, parts)
    return leaves_of(connection, [segment])[segment]


def leaf_of_gap(connection: sqlite3.Connection, gap: GapRow) -> int | None:
    """That tells of it as it is; None: it has none, or is gone meanwhile."""
    row = connection.execute("SELECT leaf FROM gaps WHERE id = ?", (gap.id,)).fetchone()
    return None if row is None else row[0]


def tell_gap(connection: sqlite3.Connection, gap: GapRow, now: Point) -> int:
    """A leaf of a gap anew; of one that lasts, that it lasts until now."""
    gaps_table.enter_gap(connection, gap, wall_ms=now.wall_ms, until=None if gap.end is not None else now)
    number: int = connection.execute("SELECT leaf FROM gaps WHERE id = ?", (gap.id,)).fetchone()[0]
    return number


def tell_span(connection: sqlite3.Connection, camera: str, start: Point, duration_ms: int, wall_ms: int) -> int:
    """That something was destroyed, anew."""
    told = SpanLeaf(camera, ages_table.leaf_place(connection, start), duration_ms)
    return enter(connection, Leaf.SPAN, wall_ms, told)


def _export(row: tuple[Any, ...]) -> Export:
    """A row of _SQL."""
    number, export_id, state, cameras, first_ms, last_ms, whole, max_bytes, destroy_by_ms, run, *rest = row
    *begun, leaf, account, request, request_row, viewing, gone = rest
    order = ExportOrder(
        tuple(json.loads(cameras)),
        Interval(first_ms, last_ms),
        bool(whole),
        max_bytes,
        destroy_by_ms,
        None if request is None else OfficeRequest(request, request_row),
        viewing is not None,
    )
    known = None if account is None else ExportAccount.from_json(account)
    return Export(
        number,
        export_id,
        ExportState(state),
        order,
        run,
        Point(*begun),
        leaf,
        known,
        destroyed=viewing == DESTROYED,
        gone=gone,
    )
