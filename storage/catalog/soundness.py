"""Whether a database can be used, as far as every start needs to know it. What lies deeper shows when it is met."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from storage.catalog import agreed, heads, volumes
from storage.catalog.boots import boots


def look(connection: sqlite3.Connection) -> tuple[bool, int]:
    """Whether it is blank, and the number of its last leaf. ValueError, TypeError or sqlite3.Error: it is damaged."""
    boots(connection)
    volumes.known(connection)
    agreed.read(connection)
    connection.execute("SELECT * FROM cameras").fetchall()
    connection.execute("SELECT * FROM runs ORDER BY number DESC LIMIT 1").fetchall()
    return heads.is_blank(connection), heads.last_leaf(connection)


def size(connection: sqlite3.Connection) -> int:
    """Bytes that its file has once nothing of it lies in the WAL."""
    count, bytes_each = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(count) * int(bytes_each)


def checkpoint(path: Path) -> None:
    """Take over what lies in the WAL. Nobody else writes yet."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
