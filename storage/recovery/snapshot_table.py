"""What a new database needs at once, from the snapshot that the mirror keeps (`storage.mirror.table.snapshot`).

Functions over a connection. `plant` puts it into an empty database before its first run, so that ages go on (S7), no
number is used twice, and an unmounted path is known for what it is (S10). Of rows, the columns that this version does
not know are left out.

What recovery asks of a database: whether it can be used at all. Every start asks `blank_and_last_leaf`; the doctor asks
more, of the file. Damage that lies deeper shows when it is met.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from storage.ages.history import Point
from storage.ages.table import boots
from storage.ledger import table as ledger_table
from storage.ledger.table import Identity, Leaf
from storage.mirror import table as mirror_table
from storage.mirror.files import BELIEVED_MAX, MirrorLine
from storage.mirror.table import _TABLES, LEAF_MARGIN
from storage.recovery import replay_table
from storage.recovery.replay_table import ELSEWHERE, camera_number, fitting
from storage.retention import table as retention_table
from storage.volumes import table as volumes_table
from storage.words.layout import SEQ_LAST, is_camera
from storage.words.message import Message
from storage.words.model import GapCause

SEQ_MARGIN: Final = 10_000
"""Numbers of a camera that are passed over: what it recorded and no volume that is here tells of, a month of it."""
AGES_MAX_MS: Final = 50 * 365 * 86_400_000
"""Older than this is no box, and no footage."""
Head = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CameraFiles:
    """What the names of a camera's files say: its highest number, its first day, the start of its last file."""

    seq: int
    first_ms: int
    last_ms: int


def load(
    connection: sqlite3.Connection, head: Head, tail: Iterable[MirrorLine], seen: Mapping[str, CameraFiles]
) -> None:
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
            replay_table.remember(connection, line)
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
    ledger_table.refuse_absurd(connection)
    retention_table.read_approved(connection)
    for one in volumes_table.known(connection):
        if not one.path.is_absolute() and str(one.path) != ELSEWHERE:
            raise ValueError(f"volume {one.id} at {one.path}")


def begin(
    connection: sqlite3.Connection,
    reason: Message,
    aside: str | None,
    known_leaf: int,
    wall_ms: int,
    current: Sequence[str],
    identity: Identity,
) -> int:
    """The new database begins: the number of its first leaf. `current`: volumes whose mirror ends with `known_leaf`."""
    number = known_leaf + LEAF_MARGIN if known_leaf else 1
    ledger_table.begin(connection, identity, str(reason), wall_ms, number=number)
    ledger_table.enter(connection, Leaf.REBUILT, wall_ms, {"known": known_leaf, "reason": str(reason)})
    connection.execute(
        "INSERT INTO rebuilds (reason, aside, leaf, wall_ms) VALUES (?, ?, ?, ?)", (reason.kept, aside, number, wall_ms)
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


def _raw(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > BELIEVED_MAX:
        raise ValueError(f"{value} is no number of ours")
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


LOOK_EVERY_STEPS: Final = 10_000
"""Of SQLite's machine: some milliseconds."""


def blank_and_last_leaf(connection: sqlite3.Connection) -> tuple[bool, int]:
    """Whether it is blank, and the number of its last leaf. ValueError, TypeError or sqlite3.Error: it is damaged."""
    boots(connection)
    volumes_table.known(connection)
    retention_table.read_approved(connection)
    connection.execute("SELECT * FROM cameras").fetchall()
    connection.execute("SELECT * FROM runs ORDER BY number DESC LIMIT 1").fetchall()
    return mirror_table.is_blank(connection), mirror_table.last_leaf(connection)


def size(connection: sqlite3.Connection) -> int:
    """Bytes that its file has once nothing of it lies in the WAL."""
    count, bytes_each = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(count) * int(bytes_each)


def checkpoint(path: Path) -> None:
    """Take over what lies in the WAL. Nobody else writes yet."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def complaints(connection: sqlite3.Connection, until_s: float) -> list[str] | None:
    """What SQLite finds wrong with its file; None where it had not looked at all of it by then (time.monotonic)."""
    connection.set_progress_handler(lambda: time.monotonic() >= until_s, LOOK_EVERY_STEPS)
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return None
    finally:
        connection.set_progress_handler(None, 0)
    return [] if found == ["ok"] else found


def last_life(connection: sqlite3.Connection) -> tuple[int, bool, str] | None:
    """Of the daemon: its last heartbeat (ms since 1970), whether it ended in order, and in which boot; None: none."""
    row = connection.execute(
        "SELECT r.alive_wall_ms, r.clean, b.boot_id FROM runs r JOIN boots b ON b.number = r.boot"
        " ORDER BY r.number DESC LIMIT 1"
    ).fetchone()
    return None if row is None else (int(row[0]), bool(row[1]), str(row[2]))
