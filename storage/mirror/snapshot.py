"""What a new database needs at once, in place of one that was lost: boots, cameras, volumes, terms; no segments.

Functions over a connection. `gather` makes the head that lies beside the mirror of each volume, `plant` puts it into an
empty database before its first run, so that ages go on (S7), no number is used twice, and an unmounted path is known
for what it is (S10). Rows are carried as they are, by the names of their columns: what a later version adds to a table
is carried, too, and what this one does not know is left out. No names of people, no reasons.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from storage.ages.runs import Point
from storage.ledger import generations
from storage.ledger import table as ledger
from storage.ledger.generations import Identity
from storage.ledger.table import Leaf
from storage.mirror.lines import BELIEVED_MAX, Line
from storage.recovery import replay_first
from storage.recovery.replay import ELSEWHERE, camera_number, fitting
from storage.retention import approved_limits_table
from storage.volumes import table as volumes
from storage.words.layout import SEQ_LAST, is_camera
from storage.words.model import GapCause

SCHEMA: Final = "edged.head/1"
EPOCHS_MAX: Final = 1000
"""The last so many: a clock that is stepped every day needs three years for them."""
SEQ_MARGIN: Final = 10_000
"""Numbers of a camera that are passed over: what it recorded and no volume that is here tells of, a month of it."""
LEAF_MARGIN: Final = 1_000_000
"""Numbers of leaves that are passed over likewise: 64 cameras need three weeks for them."""
AGES_MAX_MS: Final = 50 * 365 * 86_400_000
"""Older than this is no box, and no footage."""
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

Head = Mapping[str, Any]


def gather(connection: sqlite3.Connection, node: str, wall_ms: int) -> dict[str, Any]:
    """The head as of now."""
    tables = {}
    for name, sql in _TABLES.items():
        cursor = connection.execute(sql)
        columns = [column[0] for column in cursor.description]
        tables[name] = [dict(zip(columns, map(_plain, row), strict=True)) for row in cursor]
    return {"schema": SCHEMA, "node": node, "wall_ms": wall_ms, "leaf": last_leaf(connection), "tables": tables}


def last_leaf(connection: sqlite3.Connection) -> int:
    """Number of the last leaf; 0 before the first."""
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM leaves").fetchone()[0])


def is_blank(connection: sqlite3.Connection) -> bool:
    """Nothing ever happened in this database."""
    return not any(
        connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()[0]  # noqa: S608  (constants)
        for table in ("boots", "cameras", "leaves")
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """What the names of a camera's files say: its highest number, its first day, the start of its last file."""

    seq: int
    first_ms: int
    last_ms: int


def plant(connection: sqlite3.Connection, head: Head, tail: Iterable[Line], seen: Mapping[str, Seen]) -> None:
    """Into a blank database: the head, and what the leaves since then and the names of files add to it.

    Ends with the numbers set ahead, so that nothing that is made from now on has a number that was used before.
    """
    tables = head.get("tables", {}) if isinstance(head, Mapping) else {}
    for name in _TABLES:
        _insert(connection, name, tables.get(name, []))
    _refuse_absurd(connection)
    connection.execute("UPDATE volumes SET reconciled = 0")
    for line in tail:
        with fitting(connection, line):
            replay_first.remember(connection, line)
    for camera, names in seen.items():
        number = camera_number(connection, camera, Point(0, 0, names.last_ms))
        connection.execute(
            "UPDATE cameras SET next_seq = max(next_seq, ?), known_since_ms = min(known_since_ms, ?) WHERE number = ?",
            (names.seq + 1, names.first_ms, number),
        )
    connection.execute("UPDATE cameras SET next_seq = next_seq + ?", (SEQ_MARGIN,))


def _refuse_absurd(connection: sqlite3.Connection) -> None:
    """ValueError where a head says what no box can have lived through: ages would rest on it (S1)."""
    ages_ms = connection.execute("SELECT total(ran_ms) + total(off_low_ms) FROM boots").fetchone()[0]
    if ages_ms > AGES_MAX_MS:
        raise ValueError("by its boots the box would be older than any")
    if connection.execute("SELECT 1 FROM paces WHERE lag_us < 0").fetchone():
        raise ValueError("a clock would have made footage older than it is")
    for camera, next_seq in connection.execute("SELECT id, next_seq FROM cameras"):
        if not is_camera(camera) or next_seq > SEQ_LAST:
            raise ValueError(f"camera {camera!r} with {next_seq} segments")
    for (cause,) in connection.execute("SELECT cause FROM gaps"):
        GapCause(cause)
    generations.refuse_absurd(connection)
    approved_limits_table.read_approved(connection)
    for one in volumes.known(connection):
        if not one.path.is_absolute() and str(one.path) != ELSEWHERE:
            raise ValueError(f"volume {one.id} at {one.path}")


def begin(
    connection: sqlite3.Connection,
    reason: str,
    aside: str | None,
    known_leaf: int,
    wall_ms: int,
    current: Sequence[str],
    identity: Identity,
) -> int:
    """The new database begins: the number of its first leaf. `current`: volumes whose mirror ends with `known_leaf`."""
    number = known_leaf + LEAF_MARGIN if known_leaf else 1
    generations.begin(connection, identity, reason, wall_ms, number=number)
    ledger.enter(connection, Leaf.REBUILT, wall_ms, {"known": known_leaf, "reason": reason})
    connection.execute(
        "INSERT INTO rebuilds (reason, aside, leaf, wall_ms) VALUES (?, ?, ?, ?)", (reason, aside, number, wall_ms)
    )
    for volume in current:
        connection.execute("UPDATE volumes SET mirrored = ? WHERE id = ?", (number - 1, volume))
    return number


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    known = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall()}
    for row in rows:
        kept = {name: _raw(value) for name, value in row.items() if name in known}
        if kept:
            columns, marks = ", ".join(kept), ", ".join("?" for _ in kept)
            connection.execute(
                f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608  (names of our columns)
                tuple(kept.values()),
            )


def _plain(value: Any) -> Any:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _raw(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > BELIEVED_MAX:
        raise ValueError(f"{value} is no number of ours")
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value
