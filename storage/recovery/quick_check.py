"""Whether a database can be used, as far as every start needs to know it. What lies deeper shows when it is met."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from storage.ages.table import boots
from storage.mirror import table as mirror_table
from storage.retention import table as terms
from storage.volumes import table as volumes

LOOK_EVERY_STEPS: Final = 10_000
"""Of SQLite's machine: some milliseconds."""


def look(connection: sqlite3.Connection) -> tuple[bool, int]:
    """Whether it is blank, and the number of its last leaf. ValueError, TypeError or sqlite3.Error: it is damaged."""
    boots(connection)
    volumes.known(connection)
    terms.read_approved(connection)
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
