"""What footage an interval touches, what pins hold of it, and pins that come back from their leaves.

Functions over a connection. An interval goes by the time that footage was recorded under or, where the wall clock was
found to have been wrong then, by true time: a pin is to hold what happened at its time. Keeps S2 and L4: recording
waits for each transaction, so a pin comes to hold what it covers in many; until the last one its interval protects,
and that is asked in the transaction that condemns.

After a lost database a leaf tells what a pin holds and for how long, and of no person: what only its sidecar knows is
`UNTOLD` until one is read (`complete`). What the database knows of a later version wins (S13, S2).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.ages.history import Point
from storage.approvals.table import Person
from storage.pins import table as pins_table
from storage.pins.pin_leaf import PinLeaf
from storage.pins.rules import Ground, Interval, Pin, PinOrder, PinState, Presence, Share
from storage.pins.sidecar import PIN_ID, Sidecar
from storage.pins.table import LASTS, PAGE_MAX, ids_of
from storage.segments.queries import SEGMENT_SQL, TRUE_START_MS, SegmentRow, segment_row
from storage.segments.true_time_table import LONGEST_MS, known
from storage.words.model import Bounds

_START: Final = TRUE_START_MS
_TOUCHES: Final = f" {_START} < :last AND ({_START} + s.duration_ms > :first OR {_START} >= :first)"
"""`storage.pins.rules.Interval.touches`."""


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
        f"SELECT 1 FROM segments s WHERE s.state = 'open' AND s.camera = :camera AND {_START} < :last",  # noqa: S608
        values,
    ).fetchone()
    return FootageInInterval(camera, tuple(segment_row(row) for row in rows), in_progress is not None)


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


def hold_again(connection: sqlite3.Connection) -> None:
    """True times became known: what pins that last turn out to touch is protected from now on, too."""
    corrected = known(connection)
    for pin in pins_table.lasting(connection):
        first_ms, last_ms = pin.order.interval.first_ms - LONGEST_MS, pin.order.interval.last_ms
        if any(one.touches(first_ms, last_ms) for one in corrected):
            cover(connection, pin)


UNTOLD: Final = Person(-1, "")
"""The placer of a pin of which only leaves tell."""


def apply(connection: sqlite3.Connection, leaf: PinLeaf, placed: Point, wall_ms: int) -> None:
    """What became of a pin, as its leaf has it; ValueError for what is none."""
    told, state = _told(leaf, placed), PinState(leaf.state)
    pin = pins_table.find(connection, told.id)
    if pin is None:
        pin = pins_table.insert(connection, told, placed, adopted=True)
    elif pin.version >= told.version or not pin.state.lasts:
        return
    elif state.lasts:
        pins_table.renew(connection, pin, told)
    if state.lasts:
        cover(connection, pin)
    else:
        pins_table.end(connection, pin, state, wall_ms, None, None)


def complete(connection: sqlite3.Connection, pin: Pin, told: Sidecar) -> None:
    """A sidecar of it was found: what leaves do not tell. The others are written anew."""
    if pin.placer != UNTOLD or told.placer == UNTOLD:
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


def _told(leaf: PinLeaf, placed: Point) -> Sidecar:
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
        UNTOLD,
        None,
        "",
        placed.boottime_ms,
        placed.wall_ms,
    )
