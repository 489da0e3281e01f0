"""Pins in the catalog: who keeps what, and which segments that are. Functions over a connection; decides no limit.

Keeps S2: `segments.pins` counts the rows of `pinned`, changed in the same transaction, and a sweep sees only segments
of none. A segment that is committed, adopted or set aside is matched with the pins of its camera in that transaction.
What was there before a pin comes to be held by and by (`hold`).

An interval goes by the time that footage was recorded under or, where the wall clock was
found to have been wrong then, by true time: a pin is to hold what happened at its time. Keeps S2 and L4: recording
waits for each transaction, so a pin comes to hold what it covers in many; until the last one its interval protects,
and that is asked in the transaction that condemns.

After a lost database a leaf tells what a pin holds and for how long, and of no person: what only its sidecar knows is
`UNTOLD` until one is read (`complete`). What the database knows of a later version wins (S13, S2).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from storage.ages.history import Point
from storage.ages.table import leaf_place
from storage.approvals import table as approvals_table
from storage.approvals.table import Person
from storage.ledger.table import Leaf, enter
from storage.pins.rules import (
    REQUEST,
    REQUEST_SPAN_MS,
    Ground,
    Interval,
    Pin,
    PinLeaf,
    PinOrder,
    PinState,
    Presence,
    Share,
)
from storage.pins.sidecar import PIN_ID, Sidecar
from storage.segments.queries import SEGMENT_SQL, TRUE_START_MS, SegmentRow, segment_row
from storage.segments.true_time_table import LONGEST_MS, known
from storage.words.message import message
from storage.words.model import Bounds

PAGE_MAX: Final = 1000
"""Rows read or changed at a time: a long transaction holds up recording, a long read the WAL."""

_PIN_SQL: Final = (
    "SELECT number, id, state, version, cameras, first_wall_ms, last_wall_ms, ground, reference, case_name, approver,"
    " span_ms, placer_uid, placer, approved_by, boot, boottime_ms, wall_ms, adopted, ended_wall_ms, ended_by,"
    " ended_reason FROM pins "
)
LASTS: Final = "state IN ('provisional', 'approved')"
"""Word for word as in the index pins_live."""
_TOUCHES: Final = (
    f" {TRUE_START_MS} < :last AND ({TRUE_START_MS} + s.duration_ms > :first OR {TRUE_START_MS} >= :first)"
)
"""`storage.pins.rules.Interval.touches`."""
HELD_IN: Final = (
    "SELECT s.id FROM segments s WHERE s.camera = :camera AND s.state = 'committed'"  # noqa: S608
    f" AND s.start_wall_ms >= :first - :longest AND s.start_wall_ms < :last AND {_TOUCHES}"
    " UNION SELECT s.id FROM epochs e CROSS JOIN segments s WHERE e.true_offset_ms IS NOT NULL"
    " AND s.camera = :camera AND s.epoch = e.number AND s.synced = 0 AND s.state = 'committed'"
    " AND s.start_boottime_ms >= :first - :longest - e.true_offset_ms"
    f" AND s.start_boottime_ms < :last - e.true_offset_ms AND {_TOUCHES}"
    " UNION ALL SELECT s.id FROM segments s WHERE s.camera = :camera AND s.name IS NOT NULL"
    f" AND s.state = 'quarantined' AND {_TOUCHES} LIMIT :limit"
)
"""Committed ones by their time, recorded or true; those that are set aside are few, and looked at all."""
UNTOLD: Final = Person(-1, "")
"""The placer of a pin of which only leaves tell."""


def insert(connection: sqlite3.Connection, told: Sidecar, placed: Point, *, adopted: bool) -> Pin:
    """A pin begins; it holds nothing yet."""
    order = told.order
    connection.execute(
        "INSERT INTO pins (id, state, version, first_wall_ms, last_wall_ms, cameras, ground, reference, case_name,"
        " placer_uid, placer, approver, approved_by, boot, boottime_ms, wall_ms, span_ms, adopted)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            told.id,
            told.state,
            told.version,
            order.interval.first_ms,
            order.interval.last_ms,
            json.dumps(list(order.cameras)),
            order.ground,
            order.reference,
            order.case,
            told.placer.uid,
            told.placer.name,
            order.approver,
            told.approved_by,
            placed.boot,
            placed.boottime_ms,
            placed.wall_ms,
            order.span_ms,
            adopted,
        ),
    )
    return _required(connection, told.id)


def renew(connection: sqlite3.Connection, pin: Pin, told: Sidecar) -> None:
    """A sidecar tells of a later version than the row: the database is older than the volume.

    Pins are approved and extended. One that lasts for less than before is of no version of ours.
    """
    connection.execute(
        "UPDATE pins SET state = iif(state = 'approved', state, ?), version = ?, span_ms = max(span_ms, ?),"
        " approved_by = coalesce(?, approved_by) WHERE number = ?",
        (told.state, told.version, told.order.span_ms, told.approved_by, pin.number),
    )


def find(connection: sqlite3.Connection, pin_id: str) -> Pin | None:
    row = connection.execute(_PIN_SQL + "WHERE id = ?", (pin_id,)).fetchone()
    return _pin(row) if row else None


def count_lasting(connection: sqlite3.Connection) -> int:
    return int(connection.execute(f"SELECT count(*) FROM pins WHERE {LASTS}").fetchone()[0])  # noqa: S608


def every(connection: sqlite3.Connection) -> list[Pin]:
    """Those that have ended, too."""
    return [_pin(row) for row in connection.execute(_PIN_SQL + "ORDER BY number")]


def lasting(connection: sqlite3.Connection) -> list[Pin]:
    return [_pin(row) for row in connection.execute(_PIN_SQL + f"WHERE {LASTS} ORDER BY number")]


def ended(connection: sqlite3.Connection, limit: int) -> list[Pin]:
    """The last ones first."""
    rows = connection.execute(
        _PIN_SQL + f"WHERE NOT {LASTS} ORDER BY ended_wall_ms DESC, number DESC LIMIT ?", (limit,)
    )
    return [_pin(row) for row in rows]


def ended_ids(connection: sqlite3.Connection, limit: int) -> list[str]:
    """Of the last ones."""
    sql = f"SELECT id FROM pins WHERE NOT {LASTS} ORDER BY ended_wall_ms DESC, number DESC LIMIT ?"  # noqa: S608  (a constant)
    return [pin_id for (pin_id,) in connection.execute(sql, (limit,))]


def case_ends(connection: sqlite3.Connection) -> dict[str, int]:
    """By case: when the last of its pins ended, wall clock, ms. What requests hold themselves is left out."""
    sql = f"SELECT case_name, max(ended_wall_ms) FROM pins WHERE NOT {LASTS} AND placer_uid <> ? GROUP BY case_name"  # noqa: S608  (a constant)
    return dict(connection.execute(sql, (REQUEST.uid,)))


def lasting_of(connection: sqlite3.Connection, camera: str) -> list[Pin]:
    """Those that hold what is committed of this camera now."""
    where = "WHERE number IN (SELECT pin FROM pin_cameras WHERE camera = (SELECT number FROM cameras WHERE id = ?))"
    return [_pin(row) for row in connection.execute(_PIN_SQL + where + " ORDER BY number", (camera,))]


def filling(connection: sqlite3.Connection) -> list[Pin]:
    """Pins that do not hold yet all that there is in their intervals."""
    return [_pin(row) for row in connection.execute(_PIN_SQL + "WHERE covers > 0 ORDER BY number")]


def cameras(connection: sqlite3.Connection) -> set[str]:
    """Cameras of pins that last."""
    return {
        name
        for (name,) in connection.execute(
            "SELECT id FROM cameras WHERE number IN (SELECT camera FROM pin_cameras)"
        ).fetchall()
    }


def match(connection: sqlite3.Connection, row: SegmentRow, linked: Collection[int] = ()) -> None:
    """A segment has come to be (committed or set aside): the pins of its camera that it touches hold it.

    `linked`: numbers of pins in which it has its link already.
    """
    candidates = connection.execute(
        "SELECT p.number, p.first_wall_ms, p.last_wall_ms FROM pin_cameras c JOIN pins p ON p.number = c.pin"
        " WHERE c.camera = ?",
        (row.camera_number,),
    ).fetchall()
    for number, first_ms, last_ms in candidates:
        if asks_for(Interval(first_ms, last_ms), row, row.duration_ms):
            _hold(connection, number, row.id, row.volume_number, linked=number in linked)


def asks_for(interval: Interval, row: SegmentRow, duration_ms: int) -> bool:
    """Whether a pin of this interval holds a segment once it comes to be.

    Also by the time it was recorded under, if that turned out to be wrong meanwhile: it was in progress in the interval
    of a pin that was placed by that clock.
    """
    return any(interval.touches(start_ms, duration_ms) for start_ms in (row.start.wall_ms, row.true_start_ms))


def _hold(connection: sqlite3.Connection, pin: int, segment: int, volume: int, *, linked: bool) -> int:
    added = connection.execute(
        "INSERT INTO pinned (segment, pin, linked) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (segment, pin, linked)
    ).rowcount
    if added:
        connection.execute("UPDATE segments SET pins = pins + 1 WHERE id = ?", (segment,))
        touch_volume(connection, pin, volume)
    return added


def touch_volume(connection: sqlite3.Connection, pin: int, volume: int) -> None:
    """The pin has, or may have, something there."""
    connection.execute(
        "INSERT INTO pin_volumes (pin, volume, version) VALUES (?, ?, 0) ON CONFLICT DO NOTHING", (pin, volume)
    )


def let_go(connection: sqlite3.Connection, pin: int, segments: Sequence[int]) -> None:
    """The pin holds these no longer: their links are gone."""
    for segment in segments:
        if connection.execute("DELETE FROM pinned WHERE segment = ? AND pin = ?", (segment, pin)).rowcount:
            connection.execute("UPDATE segments SET pins = pins - 1 WHERE id = ?", (segment,))


def leave_volume(connection: sqlite3.Connection, pin: int, volume: str) -> None:
    """Sidecar and links are gone from there."""
    connection.execute(
        "DELETE FROM pin_volumes WHERE pin = ? AND volume = (SELECT number FROM volumes WHERE id = ?)", (pin, volume)
    )


def approve(connection: sqlite3.Connection, pin: Pin, by: Person) -> None:
    connection.execute(
        "UPDATE pins SET state = 'approved', approved_by = ?, version = version + 1 WHERE number = ?",
        (by.name, pin.number),
    )


def extend(connection: sqlite3.Connection, pin: Pin, span_ms: int) -> None:
    connection.execute("UPDATE pins SET span_ms = ?, version = version + 1 WHERE number = ?", (span_ms, pin.number))


def end(
    connection: sqlite3.Connection, pin: Pin, state: PinState, wall_ms: int, by: str | None, reason: str | None
) -> None:
    """Released or lapsed, and acts about it wait no longer. What it holds is held until its links are gone."""
    connection.execute(
        "UPDATE pins SET state = ?, version = version + 1, ended_wall_ms = ?, ended_by = ?, ended_reason = ?,"
        " covers = 0 WHERE number = ?",
        (state, wall_ms, by, reason, pin.number),
    )
    connection.execute("DELETE FROM pin_cameras WHERE pin = ?", (pin.number,))
    if state is PinState.RELEASED:
        why = message("approval.pin-released", "pin {pin} was released", pin=pin.id)
    else:
        why = message("approval.pin-lapsed", "pin {pin} has lapsed", pin=pin.id)
    approvals_table.end_about_pin(connection, pin.id, why)


def note(
    connection: sqlite3.Connection,
    what: str,
    pin: Pin,
    wall_ms: int,
    *,
    segments: int | None = None,
    signed: bool | None = None,
) -> None:
    """Its leaf: what became of it. What a request asks for is no event: the centre hears how many there are."""
    order = pin.order
    state, version = connection.execute("SELECT state, version FROM pins WHERE number = ?", (pin.number,)).fetchone()
    told = PinLeaf(
        what=what,
        pin=pin.id,
        state=state,
        version=version,
        placed=leaf_place(connection, pin.placed),
        cameras=order.cameras,
        first_ms=order.interval.first_ms,
        last_ms=order.interval.last_ms,
        ground=order.ground.value,
        span_ms=order.span_ms,
        segments=segments,
        signed=signed,
    )
    enter(connection, Leaf.PIN, wall_ms, told, stays=pin.is_request)


def pinned_bytes(connection: sqlite3.Connection) -> dict[str, int]:
    """By volume: what is pinned, each segment once."""
    return dict(
        connection.execute(
            "SELECT v.id, sum(s.bytes) FROM segments s JOIN volumes v ON v.number = s.volume"
            " WHERE s.pins > 0 GROUP BY v.id"
        ).fetchall()
    )


def ids_of(connection: sqlite3.Connection, segments: Sequence[int]) -> dict[int, list[str]]:
    """By segment, the ids of the pins that last and hold it; at most a page of segments at a time."""
    marks = ",".join("?" * len(segments))
    found: dict[int, list[str]] = {}
    for segment, pin_id in connection.execute(
        f"SELECT d.segment, p.id FROM pinned d JOIN pins p ON p.number = d.pin"  # noqa: S608  (question marks)
        f" WHERE d.segment IN ({marks}) AND p.{LASTS} ORDER BY p.id",
        tuple(segments),
    ):
        found.setdefault(segment, []).append(pin_id)
    return found


def held(
    connection: sqlite3.Connection, pin: int, volume: str, after: int, *, unlinked: bool = False
) -> list[SegmentRow]:
    """What a pin holds on a volume, a page by id; `unlinked`: only what has no link yet."""
    which = " AND d.linked = 0" if unlinked else ""
    rows = connection.execute(
        SEGMENT_SQL + "JOIN pinned d ON d.segment = s.id"
        f" WHERE d.pin = ? AND d.segment > ? AND v.id = ?{which} ORDER BY d.segment LIMIT ?",
        (pin, after, volume, PAGE_MAX),
    )
    return [segment_row(row) for row in rows]


def mark(connection: sqlite3.Connection, pin: int, segments: Iterable[int], *, linked: bool) -> None:
    """Whether these have their links."""
    connection.executemany(
        "UPDATE pinned SET linked = ? WHERE segment = ? AND pin = ?", [(linked, segment, pin) for segment in segments]
    )


def mark_volume(connection: sqlite3.Connection, pin: int, volume: str, version: int) -> None:
    """Which version the sidecar there tells of."""
    connection.execute(
        "INSERT INTO pin_volumes (pin, volume, version) SELECT ?1, number, ?3 FROM volumes WHERE id = ?2"
        " ON CONFLICT DO UPDATE SET version = excluded.version",
        (pin, volume, version),
    )


@dataclass(frozen=True, slots=True)
class Undone:
    """A pin that has something to be done on a volume."""

    pin: Pin
    stale: bool
    """The sidecar there does not tell what the row does."""


def undone(connection: sqlite3.Connection, volume: str) -> list[Undone]:
    """Sidecars to be written, links to be made, pins that have ended to be cleared away."""
    rows = connection.execute(
        "SELECT p.id, v.version FROM pin_volumes v JOIN pins p ON p.number = v.pin"  # noqa: S608
        " WHERE v.volume = (SELECT number FROM volumes WHERE id = ?) AND (v.version <> p.version"
        " OR EXISTS (SELECT 1 FROM pinned d WHERE d.pin = p.number AND d.linked = 0)"
        f" OR NOT p.{LASTS}) ORDER BY p.number",
        (volume,),
    ).fetchall()
    found = [(_required(connection, pin_id), version) for pin_id, version in rows]
    return [Undone(pin, pin.version != version) for pin, version in found]


@dataclass(frozen=True, slots=True)
class Filed:
    """A pin that lasts, of which the sidecar on a volume tells as the row does."""

    pin: Pin
    boot_id: str


def filed(connection: sqlite3.Connection, volume: str, pin_id: str | None = None) -> list[Filed]:
    """On one volume; of all pins, or that one. Whose sidecar is yet to be written is none of them."""
    rows = connection.execute(
        "SELECT p.id FROM pin_volumes v JOIN pins p ON p.number = v.pin"  # noqa: S608
        " WHERE v.volume = (SELECT number FROM volumes WHERE id = ?1) AND v.version = p.version"
        f" AND p.id = coalesce(?2, p.id) AND p.{LASTS} ORDER BY p.number",
        (volume, pin_id),
    ).fetchall()
    found = [_required(connection, name) for (name,) in rows]
    return [Filed(pin, boot_id(connection, pin.placed.boot)) for pin in found]


def lost(connection: sqlite3.Connection) -> list[tuple[Pin, str]]:
    """Pins that have ended, and volumes on which they held something and which are gone for good."""
    rows = connection.execute(
        "SELECT p.id, v.id FROM pin_volumes o JOIN pins p ON p.number = o.pin JOIN volumes v ON v.number = o.volume"  # noqa: S608
        f" WHERE v.lost IS NOT NULL AND NOT p.{LASTS} ORDER BY p.number"
    ).fetchall()
    return [(_required(connection, pin_id), volume) for pin_id, volume in rows]


def boot_id(connection: sqlite3.Connection, boot: int) -> str:
    """The kernel's name of a boot."""
    return str(connection.execute("SELECT boot_id FROM boots WHERE number = ?", (boot,)).fetchone()[0])


def _required(connection: sqlite3.Connection, pin_id: str) -> Pin:
    return _pin(connection.execute(_PIN_SQL + "WHERE id = ?", (pin_id,)).fetchone())


def _pin(row: tuple[Any, ...]) -> Pin:
    """A row of _PIN_SQL."""
    number, pin_id, state, version, names, first_ms, last_ms, ground, reference, case, approver, span_ms = row[:12]
    placer_uid, placer, approved_by, boot, boottime_ms, wall_ms, adopted, ended_ms, ended_by, ended_reason = row[12:]
    order = PinOrder(
        tuple(json.loads(names)), Interval(first_ms, last_ms), Ground(ground), reference, case, approver, span_ms
    )
    return Pin(
        number,
        pin_id,
        PinState(state),
        version,
        order,
        Person(placer_uid, placer),
        approved_by,
        Point(boot, boottime_ms, wall_ms),
        bool(adopted),
        ended_ms,
        ended_by,
        ended_reason,
    )


@dataclass(frozen=True, slots=True)
class FootageInInterval:
    """What there is of one camera in an interval."""

    camera: str
    rows: tuple[SegmentRow, ...]
    """Committed and quarantined, at most one more than was asked for."""
    recording: bool
    """Something is in progress that began before the interval ends."""


def found_in(connection: sqlite3.Connection, camera: str, interval: Interval, limit: int) -> FootageInInterval | None:
    """None for a camera that nobody knows."""
    known = connection.execute("SELECT number, longest_ms FROM cameras WHERE id = ?", (camera,)).fetchone()
    if known is None:
        return None
    values = {"camera": known[0], "longest": known[1], "limit": limit + 1} | given(interval)
    rows = connection.execute(
        SEGMENT_SQL + f"WHERE s.id IN ({HELD_IN}) ORDER BY s.boot, s.start_boottime_ms", values
    ).fetchall()
    in_progress = connection.execute(
        f"SELECT 1 FROM segments s WHERE s.state = 'open' AND s.camera = :camera AND {TRUE_START_MS} < :last",  # noqa: S608
        values,
    ).fetchone()
    return FootageInInterval(camera, tuple(segment_row(row) for row in rows), in_progress is not None)


def garbage_in(connection: sqlite3.Connection, order: PinOrder) -> SegmentRow | None:
    """Something of what is ordered that is being destroyed."""
    for camera in order.cameras:
        row = connection.execute(
            SEGMENT_SQL + f"WHERE s.state = 'garbage' AND c.id = :camera AND {_TOUCHES} LIMIT 1",
            {"camera": camera} | given(order.interval),
        ).fetchone()
        if row is not None:
            return segment_row(row)
    return None


def given(interval: Interval) -> dict[str, int]:
    """As the statements here name it."""
    return {"first": interval.first_ms, "last": interval.last_ms}


def cover(connection: sqlite3.Connection, pin: Pin) -> None:
    """From here on its interval protects; what there is in it is yet to be held (`hold`, `settle`)."""
    connection.executemany(
        "INSERT INTO pin_cameras (camera, pin) SELECT number, ? FROM cameras WHERE id = ? ON CONFLICT DO NOTHING",
        [(pin.number, camera) for camera in pin.order.cameras],
    )
    connection.execute("UPDATE pins SET covers = covers + 1 WHERE number = ?", (pin.number,))


@dataclass(frozen=True, slots=True)
class Covering:
    """Intervals of pins that do not hold yet all that there is in them, by number of the camera."""

    intervals: Mapping[int, Sequence[Interval]]

    def protects(self, row: SegmentRow) -> bool:
        intervals = self.intervals.get(row.camera_number, ())
        return any(one.touches(row.true_start_ms, row.duration_ms) for one in intervals)


def covering(connection: sqlite3.Connection) -> Covering:
    """Asked in each transaction that condemns; mostly nothing."""
    intervals: dict[int, list[Interval]] = {}
    for camera, first_ms, last_ms in connection.execute(
        "SELECT c.camera, p.first_wall_ms, p.last_wall_ms FROM pins p JOIN pin_cameras c ON c.pin = p.number"
        " WHERE p.covers > 0"
    ):
        intervals.setdefault(camera, []).append(Interval(first_ms, last_ms))
    return Covering(intervals)


def to_hold(connection: sqlite3.Connection, pin: int) -> tuple[int, list[int]]:
    """What a pin covers and does not hold, and for which count of `covers` that is all; 0: it holds all."""
    covers, *interval = connection.execute(
        "SELECT covers, first_wall_ms, last_wall_ms FROM pins WHERE number = ?", (pin,)
    ).fetchone()
    found: list[int] = []
    if covers:
        for number, longest_ms in connection.execute(
            "SELECT number, longest_ms FROM cameras WHERE number IN (SELECT camera FROM pin_cameras WHERE pin = ?)",
            (pin,),
        ).fetchall():
            values = {"camera": number, "longest": longest_ms, "pin": pin, "limit": -1} | given(Interval(*interval))
            rows = connection.execute(
                f"SELECT id FROM ({HELD_IN}) WHERE id NOT IN (SELECT segment FROM pinned WHERE pin = :pin)",  # noqa: S608
                values,
            )
            found += [segment for (segment,) in rows]
    return covers, found


def hold(connection: sqlite3.Connection, pin: int, segments: Sequence[int], *, linked: bool) -> None:
    """The pin holds these, unless it has ended meanwhile. Done twice, once; in few statements: recording waits."""
    if connection.execute(f"SELECT {LASTS} FROM pins WHERE number = ?", (pin,)).fetchone() != (1,):  # noqa: S608
        return
    values = {"pin": pin, "linked": linked, "chosen": json.dumps(segments)}
    chosen = "IN (SELECT value FROM json_each(:chosen))"
    connection.execute(
        f"INSERT INTO pinned (segment, pin, linked) SELECT id, :pin, :linked FROM segments WHERE id {chosen}"  # noqa: S608
        " AND state IN ('committed', 'quarantined') ON CONFLICT DO NOTHING",
        values,
    )
    connection.execute(
        "UPDATE segments SET pins = (SELECT count(*) FROM pinned WHERE segment = segments.id)"  # noqa: S608
        f" WHERE id {chosen} AND pins <> (SELECT count(*) FROM pinned WHERE segment = segments.id)",
        values,
    )
    connection.execute(
        "INSERT INTO pin_volumes (pin, volume, version)"  # noqa: S608
        f" SELECT DISTINCT :pin, volume, 0 FROM segments WHERE id {chosen} ON CONFLICT DO NOTHING",
        values,
    )


def settle(connection: sqlite3.Connection, pin: int, covers: int) -> None:
    """All that it covered when it counted so many reasons to look is held."""
    connection.execute("UPDATE pins SET covers = 0 WHERE number = ? AND covers = ?", (pin, covers))


def is_whole(connection: sqlite3.Connection, pin: Pin) -> bool:
    """All of its cameras are known, so that whatever comes to be of them is matched."""
    count = connection.execute("SELECT count(*) FROM pin_cameras WHERE pin = ?", (pin.number,)).fetchone()[0]
    return bool(count == len(pin.order.cameras))


def totals(connection: sqlite3.Connection, pin: int, there: Collection[str]) -> list[Share]:
    """What a pin holds, or covers, on each volume that has something of it; `there` are volumes at hand."""
    rows = connection.execute(
        "SELECT v.id, v.path, v.lost IS NOT NULL, count(s.id), coalesce(sum(s.bytes), 0) FROM"
        " (SELECT segment FROM pinned WHERE pin = ?1 UNION SELECT value FROM json_each(?2)) h"
        " JOIN segments s ON s.id = h.segment JOIN volumes v ON v.number = s.volume GROUP BY v.number"
        " UNION ALL SELECT v.id, v.path, v.lost IS NOT NULL, 0, 0 FROM pin_volumes o JOIN volumes v"
        " ON v.number = o.volume WHERE o.pin = ?1 ORDER BY 1, 4 DESC",
        (pin, json.dumps(to_hold(connection, pin)[1])),
    )
    shares: dict[str, Share] = {}
    for volume, path, is_lost, count, size in rows:
        presence = Presence.LOST if is_lost else Presence.THERE if volume in there else Presence.AWAY
        shares.setdefault(volume, Share(volume, Path(path), presence, count, size))
    return list(shares.values())


@dataclass(frozen=True, slots=True)
class InternalPinGroup:
    """What internal pins may hold of one volume and camera under the same stamped bounds."""

    volume: str
    camera: str
    bounds: Bounds
    numbers: tuple[int, int]
    """Of volume and camera."""


def internal_terms(connection: sqlite3.Connection) -> list[InternalPinGroup]:
    """All that there are of cameras with an internal pin that lasts."""
    rows = connection.execute(
        "SELECT v.id, c.id, h.floor_s, h.ceiling_s, h.volume, h.camera FROM holdings h"
        " JOIN volumes v ON v.number = h.volume JOIN cameras c ON c.number = h.camera WHERE h.camera IN"
        " (SELECT o.camera FROM pin_cameras o JOIN pins p ON p.number = o.pin WHERE p.ground = 'internal')"
    )
    return [InternalPinGroup(volume, camera, Bounds(*bounds), (one, two)) for volume, camera, *bounds, one, two in rows]


def internal_only(
    connection: sqlite3.Connection, terms: InternalPinGroup, before: tuple[int, int], after: SegmentRow | None
) -> list[tuple[SegmentRow, list[str]]]:
    """A page, by age, of what began before that boot and boottime and is held by internal pins that last (whose ids are
    told) and by no other ground.
    """
    begin = (0, -(1 << 62), 0) if after is None else (after.start.boot, after.start.boottime_ms, after.id)
    lasting = f"(SELECT 1 FROM pinned o JOIN pins p ON p.number = o.pin WHERE o.segment = s.id AND p.{LASTS}"  # noqa: S608
    rows = connection.execute(
        SEGMENT_SQL + "WHERE s.volume = ? AND s.camera = ? AND s.floor_s = ? AND s.ceiling_s = ? AND s.pins > 0"
        " AND (s.boot, s.start_boottime_ms) < (?, ?) AND (s.boot, s.start_boottime_ms, s.id) > (?, ?, ?)"
        f" AND EXISTS {lasting}) AND NOT EXISTS {lasting} AND p.ground <> 'internal')"
        " ORDER BY s.boot, s.start_boottime_ms, s.id LIMIT ?",
        (*terms.numbers, terms.bounds.floor_s, terms.bounds.ceiling_s, *before, *begin, PAGE_MAX),
    )
    found = [segment_row(row) for row in rows.fetchall()]
    holders = ids_of(connection, [row.id for row in found])
    return [(row, holders[row.id]) for row in found]


def hold_covered(connection: sqlite3.Connection) -> None:
    """What pins cover and do not hold yet is held now: the times by which they cover it are about to change (S2)."""
    for (pin,) in connection.execute("SELECT number FROM pins WHERE covers > 0").fetchall():
        _, segments = to_hold(connection, pin)
        hold(connection, pin, segments, linked=False)


def hold_again(connection: sqlite3.Connection) -> None:
    """True times became known: what pins that last turn out to touch is protected from now on, too."""
    corrected = known(connection)
    for pin in lasting(connection):
        first_ms, last_ms = pin.order.interval.first_ms - LONGEST_MS, pin.order.interval.last_ms
        if any(one.touches(first_ms, last_ms) for one in corrected):
            cover(connection, pin)


def apply(connection: sqlite3.Connection, leaf: PinLeaf, placed: Point, wall_ms: int) -> None:
    """What became of a pin, as its leaf has it; ValueError for what is none."""
    told, state = _sidecar(leaf, placed), PinState(leaf.state)
    pin = find(connection, told.id)
    if pin is None:
        pin = insert(connection, told, placed, adopted=True)
    elif pin.version >= told.version or not pin.state.lasts:
        return
    elif state.lasts:
        renew(connection, pin, told)
    if state.lasts:
        cover(connection, pin)
    else:
        end(connection, pin, state, wall_ms, None, None)


def complete(connection: sqlite3.Connection, pin: Pin, told: Sidecar) -> None:
    """A sidecar of it was found: what leaves do not tell. The others are written anew."""
    if pin.order.case or not told.order.case:
        return
    connection.execute(
        "UPDATE pins SET reference = ?, case_name = ?, approver = ?, placer_uid = ?, placer = ?, approved_by = ?"
        " WHERE number = ?",
        (
            told.order.reference,
            told.order.case,
            told.order.approver,
            told.placer.uid,
            told.placer.name,
            told.approved_by,
            pin.number,
        ),
    )
    connection.execute("UPDATE pin_volumes SET version = 0 WHERE pin = ?", (pin.number,))


def _sidecar(leaf: PinLeaf, placed: Point) -> Sidecar:
    interval = Interval(leaf.first_ms, leaf.last_ms)
    if PIN_ID.fullmatch(leaf.pin) is None or not leaf.cameras or interval.first_ms >= interval.last_ms:
        raise ValueError(f"pin {leaf.pin!r} holds nothing")
    order = PinOrder(leaf.cameras, interval, Ground(leaf.ground), "", "", "", leaf.span_ms)
    state = PinState(leaf.state)
    begun = state if state.lasts else PinState.PROVISIONAL  # and ended at once
    return Sidecar(
        leaf.pin,
        begun,
        leaf.version,
        order,
        REQUEST if leaf.span_ms == REQUEST_SPAN_MS else UNTOLD,
        None,
        "",
        placed.boottime_ms,
        placed.wall_ms,
    )
