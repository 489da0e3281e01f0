"""Connections that only read edged.db, kept for whoever reads next.

Imports sqlite3. May open the database read-only; never writes, and holds no view of it while nobody reads. A connection
parses the whole schema with its first statement, some 2 ms: a daemon that does so for each of the looks it takes every
second spends more on that than on recording.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias, TypeVar
from urllib.parse import quote

T = TypeVar("T")
Seen: TypeAlias = tuple[str, int, int, int]
"""How the database is opened, and which file it is: device, inode and, where SQLite does not look, time of change."""
KEPT_MAX: Final = 2
"""Idle connections: more than two threads seldom read at once, and each costs half a megabyte and two descriptors."""


def live(path: Path) -> str:  # noqa: ARG001  (whatever lies there)
    """Of a database that somebody may write."""
    return "mode=ro"


def at_rest(path: Path) -> str:
    """Of one that nobody writes: after a clean stop there is no WAL, and then not even a file beside it is made."""
    wal = path.with_name(path.name + "-wal")
    return "mode=ro" if wal.exists() and wal.stat().st_size else "immutable=1"


class Readers:
    """The readers of one database. Thread-safe."""

    def __init__(self, path: Path, busy_s: float, mode: Callable[[Path], str] = live) -> None:
        """Open nothing yet; each statement waits at most `busy_s` seconds for a lock. `mode`: `live` or `at_rest`."""
        self._path = path
        self._busy_s = busy_s
        self._mode = mode
        self._gate = threading.Lock()
        self._idle: list[tuple[sqlite3.Connection, Seen]] = []
        self._closed = False

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """What `query` says of one moment of the database; sqlite3.DatabaseError, and whatever it raises.

        What has to do with a connection that failed is not used again: its open statements would hold the WAL.
        """
        connection, seen = self._take()
        try:
            connection.execute("BEGIN")
            result = query(connection)
            connection.execute("COMMIT")
            connection.execute("PRAGMA shrink_memory")  # what the disk holds is read anew, and damage to it seen
        except BaseException:
            connection.close()
            raise
        self._put(connection, seen)
        return result

    def close(self) -> None:
        """Let go of what is idle; what still reads is closed when it is done."""
        with self._gate:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def _take(self) -> tuple[sqlite3.Connection, Seen]:
        seen = self._seen()
        stale = []
        with self._gate:
            while self._idle:
                connection, of = self._idle.pop()
                if of == seen:
                    break
                stale.append(connection)
            else:
                connection = None
        for old in stale:
            old.close()
        return connection or self._open(seen[0]), seen

    def _put(self, connection: sqlite3.Connection, seen: Seen) -> None:
        with self._gate:
            keep = not self._closed and len(self._idle) < KEPT_MAX
            if keep:
                self._idle.append((connection, seen))
        if not keep:
            connection.close()

    def _open(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{quote(str(self._path))}?{mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=self._busy_s,
        )

    def _seen(self) -> Seen:
        """Which file bears the name; zeros for none. One that was removed or replaced is not read on."""
        mode = self._mode(self._path)
        try:
            found = self._path.stat()
        except OSError:
            return mode, 0, 0, 0
        return mode, found.st_dev, found.st_ino, found.st_mtime_ns if mode == "immutable=1" else 0


def sqlite_version() -> str:
    """Of the library in use, e.g. "3.40.1"."""
    return sqlite3.sqlite_version
