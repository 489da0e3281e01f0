"""What the mirror asks of the catalog and writes into it. Functions over a connection; reads are short."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from storage.ages.runs import Point
from storage.ledger import generations
from storage.ledger import table as ledger
from storage.ledger.generations import Identity
from storage.ledger.table import Leaf
from storage.mirror import snapshot as heads
from storage.words.layout import segment_path
from storage.words.model import WHOLE_MAX

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the mirror of one volume lacks."""

    mirrored: int
    """The last leaf that it is known to have."""
    retired: bool
    reconciled: bool


ON_PURPOSE: Final = "a person had it set aside (edgectl rebuild --fresh)"
"""Why a database was begun anew, where nothing was lost."""


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A database that was lost and begun anew."""

    number: int
    reason: str
    aside: str | None
    leaf: int
    """The first number entered since."""
    wall_ms: int
    read: bool
    """The leaves on the volumes were read."""
    end: tuple[int, int, int] | None
    """Boot, boottime and wall clock at which everything had been gone through."""


def wanted(connection: sqlite3.Connection) -> dict[str, Wanted]:
    """By volume."""
    rows = connection.execute("SELECT id, mirrored, retired, reconciled FROM volumes").fetchall()
    return {volume: Wanted(last, bool(retired), bool(known)) for volume, last, retired, known in rows}


def mirrored(connection: sqlite3.Connection, last: Mapping[str, int]) -> None:
    """Up to here the mirrors have everything. Told late: what is told twice, a reader takes once."""
    connection.executemany("UPDATE volumes SET mirrored = ?2 WHERE id = ?1 AND mirrored < ?2", list(last.items()))


def any_between(connection: sqlite3.Connection, after: int, upto: int) -> bool:
    """There are leaves behind `after`, up to that one."""
    row = connection.execute("SELECT 1 FROM leaves WHERE number > ? AND number <= ? LIMIT 1", (after, upto)).fetchone()
    return row is not None


def last_rebuild(connection: sqlite3.Connection) -> Rebuild | None:
    """The last time that the database was begun anew."""
    row = connection.execute(
        "SELECT number, reason, aside, leaf, wall_ms, read, end_boot, end_boottime_ms, end_wall_ms FROM rebuilds"
        " ORDER BY number DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    number, reason, aside, leaf, wall_ms, read, *end = row
    over = None if end[0] is None else (end[0], end[1], end[2])
    return Rebuild(number, reason, aside, leaf, wall_ms, bool(read), over)


def longest_ceiling_s(connection: sqlite3.Connection) -> int:
    """Of all that is stored; 0: nothing is."""
    return int(connection.execute("SELECT coalesce(max(ceiling_s), 0) FROM holdings").fetchone()[0])


def set_reconciled(connection: sqlite3.Connection, volume: str, *, known: bool) -> None:
    """What lies on the volume is known to this database, or not yet: then nothing there is destroyed."""
    connection.execute("UPDATE volumes SET reconciled = ? WHERE id = ?", (known, volume))


def leaves_read(connection: sqlite3.Connection) -> None:
    """The leaves on the volumes have been read back."""
    connection.execute("UPDATE rebuilds SET read = 1")


def rebuilt(connection: sqlite3.Connection, at: Point) -> None:
    """Everything that is there has been gone through."""
    connection.execute(
        "UPDATE rebuilds SET end_boot = ?, end_boottime_ms = ?, end_wall_ms = ? WHERE end_boot IS NULL",
        (at.boot, at.boottime_ms, at.wall_ms),
    )


def leap(connection: sqlite3.Connection, beyond: int, wall_ms: int, identity: Identity) -> None:
    """A volume comes whose leaves go further than ours: from now on ours have numbers that it cannot have."""
    last = heads.last_leaf(connection)
    if beyond > last:
        reason = "a volume came that knows more"
        generations.begin(connection, identity, reason, wall_ms, number=beyond + heads.LEAF_MARGIN)
        ledger.enter(connection, Leaf.REBUILT, wall_ms, {"known": last, "reason": reason})


def days_of(connection: sqlite3.Connection, camera: str) -> set[str]:
    """Days in whose directories segments of a camera should lie: one step of an index for each day.

    As their files are named, whatever clock they tell of: also of one that no calendar goes up to.
    """
    found: set[str] = set()
    at = -WHOLE_MAX
    while True:
        row = connection.execute(
            "SELECT s.start_wall_ms FROM segments s"
            " WHERE s.camera = (SELECT number FROM cameras WHERE id = ?) AND s.state = 'committed'"
            " AND s.start_wall_ms > ? ORDER BY s.start_wall_ms LIMIT 1",
            (camera, at),
        ).fetchone()
        if row is None:
            return found
        found.add(segment_path(camera, row[0], 0).parts[1])
        at = (row[0] // DAY_MS + 1) * DAY_MS - 1


def cameras(connection: sqlite3.Connection) -> list[str]:
    """Every camera that is known."""
    return [camera for (camera,) in connection.execute("SELECT id FROM cameras ORDER BY id")]
