"""The SQL of the register: what an account of a month asks, and how clauses stand and since when.

Functions over a connection, inside their caller's transaction. What is kept of clauses, and how far the register was
read for them, is no evidence: the ledger is. A lost database begins both anew.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from storage.pins import table as pins_table
from storage.pins.rules import Pin
from storage.retention.destruction import Destruction
from storage.segments import true_time_table
from storage.segments.true_time_table import ClockCorrection
from storage.words.clock import STEP_MS

_IN_TIME: Final = (
    "FROM segments WHERE +camera = (SELECT number FROM cameras WHERE id = ?1) AND +start_wall_ms < ?3"
    " AND start_wall_ms + duration_ms > ?2"
)
"""With the + the index of what is rare is used, and not one of all that the camera has."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A clock epoch that proved wrong: what was recorded in it goes by another time than it was written down with."""

    boot_id: str
    one: ClockCorrection
    moved_ms: int
    """To be added to a recorded wall clock, but for what it was slewed by in that epoch."""

    def of(self, found: Destruction) -> int | None:
        """What is to be added for the true time; None: it was not recorded in this epoch."""
        one = self.one
        ended = one.until_ms is not None and found.boottime_ms >= one.until_ms
        if (found.boot, found.boot_id) != (one.boot, self.boot_id) or found.boottime_ms < one.from_ms or ended:
            return None
        return one.true_offset_ms + found.boottime_ms - found.start_ms


def shifts(connection: sqlite3.Connection) -> list[Shift]:
    """All of them; hardly ever more than a few."""
    told = {
        epoch: (boot_id, offset_ms)
        for epoch, boot_id, offset_ms in connection.execute(
            "SELECT e.number, b.boot_id, e.wall_ms - e.boottime_ms FROM epochs e JOIN boots b ON b.number = e.boot"
            " WHERE e.true_offset_ms IS NOT NULL"
        )
    }
    return [
        Shift(told[one.epoch][0], one, one.true_offset_ms - told[one.epoch][1])
        for one in true_time_table.known(connection)
        if one.epoch in told
    ]


def windows(found: Iterable[Shift], from_ms: int, to_ms: int) -> tuple[tuple[int, int], ...]:
    """Under which recorded wall clocks something may stand that was recorded, by true time, in the interval. Pure."""
    moved = (shift.moved_ms for shift in found)
    return ((from_ms, to_ms), *((from_ms - ms - STEP_MS, to_ms - ms + STEP_MS) for ms in moved))


def reaching(connection: sqlite3.Connection, camera: str, from_ms: int, to_ms: int) -> list[Pin]:
    """Pins that lasted or last and touch this interval of the camera, by when they were placed."""
    return [
        pin
        for pin in pins_table.every(connection)
        if camera in pin.order.cameras and pin.order.interval.touches(from_ms, max(0, to_ms - from_ms))
    ]


@dataclass(frozen=True, slots=True)
class Aside:
    """What is no footage of the listing: set aside because it could not be read, and on its way out."""

    quarantined: int
    bytes: int
    going: int


def aside(connection: sqlite3.Connection, camera: str, from_ms: int, to_ms: int) -> Aside:
    """By the wall clock that it was recorded under; each from an index of what is rare."""
    given = (camera, from_ms, to_ms)
    count, size = connection.execute(
        f"SELECT count(*), coalesce(sum(bytes), 0) {_IN_TIME} AND name IS NOT NULL AND state = 'quarantined'", given
    ).fetchone()
    going = connection.execute(f"SELECT count(*) {_IN_TIME} AND state = 'garbage'", given).fetchone()[0]
    return Aside(int(count), int(size), int(going))


def faults(connection: sqlite3.Connection, segments: Sequence[int]) -> Counter[str]:
    """How many of these differ from what was recorded (S4), by kind, as far as somebody has looked."""
    wanted = set(segments)
    return Counter(
        kind
        for segment, kind in connection.execute(
            "SELECT segment, kind FROM findings WHERE settled_ms IS NULL AND segment IS NOT NULL"
        )
        if segment in wanted
    )


def leaves_of(connection: sqlite3.Connection, gaps: Sequence[int]) -> dict[int, int | None]:
    """By gap, the leaf that tells of it."""
    marks = ",".join("?" * len(gaps))
    return dict(connection.execute(f"SELECT id, leaf FROM gaps WHERE id IN ({marks})", tuple(gaps)).fetchall())  # noqa: S608


@dataclass(frozen=True, slots=True)
class Kept:
    """Of one clause."""

    status: str
    since_ms: int
    """Wall clock."""


class Violation(StrEnum):
    """How an entry of the register is against a bound."""

    EARLY = "early"
    PERMITTED = "permitted"
    """Early, under `on_full = "overwrite"`."""
    LATE = "late"
    """And no pin explains it."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Of one camera and kind."""

    segments: int
    leaf: int
    """The last of them."""
    wall_ms: int
    """When that was entered."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The register up to a leaf."""

    leaf: int = 0
    segments: int = 0
    """All that were destroyed."""
    against: Mapping[tuple[str, Violation], Amount] | None = None

    @property
    def faults(self) -> Mapping[tuple[str, Violation], Amount]:
        return self.against or {}


def kept(connection: sqlite3.Connection) -> dict[str, Kept]:
    """By clause."""
    rows = connection.execute("SELECT clause, status, since_ms FROM compliance")
    return {clause: Kept(status, since_ms) for clause, status, since_ms in rows}


def keep(connection: sqlite3.Connection, now: Mapping[str, Kept]) -> None:
    """In place of all that was kept."""
    connection.execute("DELETE FROM compliance")
    connection.executemany(
        "INSERT INTO compliance (clause, status, since_ms) VALUES (?, ?, ?)",
        [(clause, one.status, one.since_ms) for clause, one in now.items()],
    )


def tally(connection: sqlite3.Connection) -> Tally:
    """As far as it was read."""
    leaf, segments = connection.execute("SELECT leaf, segments FROM register_read").fetchone() or (0, 0)
    rows = connection.execute("SELECT camera, kind, segments, leaf, wall_ms FROM register_faults")
    return Tally(leaf, segments, {(camera, Violation(kind)): Amount(*rest) for camera, kind, *rest in rows})


def remember(connection: sqlite3.Connection, read: Tally) -> None:
    """The register was read on. What is less far than what is known is passed over."""
    if read.leaf < tally(connection).leaf:
        return
    connection.execute(
        "INSERT OR REPLACE INTO register_read (id, leaf, segments) VALUES (1, ?, ?)", (read.leaf, read.segments)
    )
    connection.executemany(
        "INSERT OR REPLACE INTO register_faults (camera, kind, segments, leaf, wall_ms) VALUES (?, ?, ?, ?, ?)",
        [(camera, kind.value, one.segments, one.leaf, one.wall_ms) for (camera, kind), one in read.faults.items()],
    )
