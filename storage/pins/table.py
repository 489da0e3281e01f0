"""Pins in the catalog: who keeps what, and which segments that are. Functions over a connection; decides no limit.

Keeps S2: `segments.pins` counts the rows of `pinned`, changed in the same transaction, and a sweep sees only segments
of none. A segment that is committed, adopted or set aside is matched with the pins of its camera in that transaction.
What was there before a pin comes to be held by and by (`storage.pins.queries`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from storage.ages.history import Point
from storage.ages.table import leaf_place
from storage.approvals import table as approvals_table
from storage.approvals.table import Person
from storage.ledger.table import Leaf, enter
from storage.pins.pin_leaf import PinLeaf
from storage.pins.rules import Ground, Interval, Pin, PinOrder, PinState
from storage.pins.sidecar import Sidecar
from storage.segments.queries import SEGMENT_SQL, SegmentRow, segment_row

PAGE_MAX: Final = 1000
"""Rows read or changed at a time: a long transaction holds up recording, a long read the WAL."""

_PIN_SQL: Final = (
    "SELECT number, id, state, version, cameras, first_wall_ms, last_wall_ms, ground, reference, case_name, approver,"
    " span_ms, placer_uid, placer, approved_by, boot, boottime_ms, wall_ms, adopted, ended_wall_ms, ended_by,"
    " ended_reason FROM pins "
)
LASTS: Final = "state IN ('provisional', 'approved')"
"""Word for word as in the index pins_live."""
_HAS: Final = {PinState.RELEASED: "was released", PinState.LAPSED: "has lapsed"}


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


def lasting_of(connection: sqlite3.Connection, camera: str) -> list[Pin]:
    """Those that hold what is committed of this camera now."""
    where = "WHERE number IN (SELECT pin FROM pin_cameras WHERE camera = (SELECT number FROM cameras WHERE id = ?))"
    return [_pin(row) for row in connection.execute(_PIN_SQL + where + " ORDER BY number", (camera,))]


def covering(connection: sqlite3.Connection) -> list[Pin]:
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
    approvals_table.end_about_pin(connection, pin.id, f"pin {pin.id} {_HAS[state]}")


def note(
    connection: sqlite3.Connection,
    what: str,
    pin: Pin,
    wall_ms: int,
    *,
    segments: int | None = None,
    signed: bool | None = None,
) -> None:
    """Its leaf: what became of it."""
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
    enter(connection, Leaf.PIN, wall_ms, told)


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
