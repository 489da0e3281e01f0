"""What the mirror asks of the database and writes into it: how far each volume has got, and the snapshot.

Functions over a connection; reads are short. The snapshot (`snapshot`) is what a new database needs at once, in place
of one that was lost: boots, cameras, volumes, terms; no segments. Rows are carried as they are, by the names of their
columns: what a later version adds to a table is carried, too. No names of people, no reasons.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from storage.ages.history import Point
from storage.ledger import table as ledger_table
from storage.ledger.table import Identity, Leaf
from storage.words.layout import segment_path
from storage.words.message import message
from storage.words.model import WHOLE_MAX

DAY_MS: Final = 86_400_000
ON_PURPOSE: Final = message("rebuild.on-purpose", "a person had it set aside (edgectl rebuild --fresh)")
"""Why a database was begun anew, where nothing was lost."""
SNAPSHOT_SCHEMA: Final = "edged.head/1"
EPOCHS_MAX: Final = 1000
"""The last so many: a clock that is stepped every day needs three years for them."""
LEAF_MARGIN: Final = 1_000_000
"""Numbers of leaves that are passed over likewise: 64 cameras need three weeks for them."""
_TABLES: Final[Mapping[str, str]] = {
    "boots": "SELECT * FROM boots",
    "paces": "SELECT * FROM paces",
    "runs": "SELECT * FROM runs WHERE number IN (SELECT enrolled_run FROM cameras UNION SELECT max(number) FROM runs)",
    "epochs": f"SELECT * FROM epochs ORDER BY number DESC LIMIT {EPOCHS_MAX}",  # noqa: S608  (a constant)
    "volumes": "SELECT * FROM volumes",
    "cameras": "SELECT * FROM cameras",
    "terms": "SELECT * FROM terms",
    "agreed": "SELECT * FROM agreed",
    "breaches": "SELECT * FROM breaches",
    "gaps": "SELECT * FROM gaps WHERE end_boot IS NULL",
    "maintenances": "SELECT * FROM maintenances WHERE state = 'lasting'",
    "faults": "SELECT * FROM faults WHERE state <> 'checked'",
    "generations": "SELECT * FROM generations",
}
"""What is carried, in an order in which each row finds those it refers to. Hundreds of rows each at the most."""


@dataclass(frozen=True, slots=True)
class MirrorProgress:
    """What the mirror of one volume lacks."""

    mirrored: int
    """The last leaf that it is known to have."""
    retired: bool
    reconciled: bool


def wanted(connection: sqlite3.Connection) -> dict[str, MirrorProgress]:
    """By volume."""
    rows = connection.execute("SELECT id, mirrored, retired, reconciled FROM volumes").fetchall()
    return {volume: MirrorProgress(last, bool(retired), bool(known)) for volume, last, retired, known in rows}


def mirrored(connection: sqlite3.Connection, last: Mapping[str, int]) -> None:
    """Up to here the mirrors have everything. Told late: what is told twice, a reader takes once."""
    connection.executemany("UPDATE volumes SET mirrored = ?2 WHERE id = ?1 AND mirrored < ?2", list(last.items()))


def any_between(connection: sqlite3.Connection, after: int, upto: int) -> bool:
    """There are leaves behind `after`, up to that one."""
    row = connection.execute("SELECT 1 FROM leaves WHERE number > ? AND number <= ? LIMIT 1", (after, upto)).fetchone()
    return row is not None


def longest_ceiling_s(connection: sqlite3.Connection) -> int:
    """Of all that is stored; 0: nothing is."""
    return int(connection.execute("SELECT coalesce(max(ceiling_s), 0) FROM holdings").fetchone()[0])


def snapshot(connection: sqlite3.Connection, node: str, wall_ms: int) -> dict[str, Any]:
    """The head as of now."""
    tables = {}
    for name, sql in _TABLES.items():
        cursor = connection.execute(sql)
        columns = [column[0] for column in cursor.description]
        tables[name] = [dict(zip(columns, map(_plain, row), strict=True)) for row in cursor]
    return {
        "schema": SNAPSHOT_SCHEMA,
        "node": node,
        "wall_ms": wall_ms,
        "leaf": last_leaf(connection),
        "tables": tables,
    }


def _plain(value: Any) -> Any:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def last_leaf(connection: sqlite3.Connection) -> int:
    """Number of the last leaf; 0 before the first."""
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM leaves").fetchone()[0])


def is_blank(connection: sqlite3.Connection) -> bool:
    """Nothing ever happened in this database."""
    return not any(
        connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()[0]  # noqa: S608  (constants)
        for table in ("boots", "cameras", "leaves")
    )


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
    last = last_leaf(connection)
    if beyond > last:
        reason = "a volume came that knows more"
        ledger_table.begin(connection, identity, reason, wall_ms, number=beyond + LEAF_MARGIN)
        ledger_table.enter(connection, Leaf.REBUILT, wall_ms, {"known": last, "reason": reason})


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
