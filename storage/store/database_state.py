"""A glance at the database of a daemon that is down: when it last lived, and whether its file is sound.

Takes no lock that a start would wait for, and writes nothing: a daemon that starts meanwhile finds one reader more. To
be called as the owner of the state directory, because SQLite may make its index of the WAL beside it
(`storage.store.offline`). Blocking.
"""

from __future__ import annotations

import re
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.recovery import queries as recovery_queries
from storage.store.offline import OfflineDatabase
from storage.store.opening import DATABASE_NAME, LOCK_NAME
from storage.volumes import table as volumes
from storage.words.errors import StoreError

LOCKS: Final = Path("/proc/locks")
_FLOCK: Final = re.compile(r"^\d+: FLOCK +\S+ +WRITE +(-?\d+) +[0-9a-f]+:[0-9a-f]+:(\d+) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """Of the database; `complaints` None: not all of it was looked at in time."""

    bytes: int
    wal_bytes: int
    alive_ms: int
    """0: no daemon has lived with it."""
    clean: bool
    boot_id: str
    volumes: dict[str, str]
    """Path to id of what it knows and has not lost."""
    complaints: tuple[str, ...] | None
    unreadable: str = ""
    """Why nothing could be read; then the rest is empty."""


@dataclass(frozen=True, slots=True)
class Sizes:
    bytes: int
    wal_bytes: int


def holder(directory_or_lock: Path) -> int:
    """The process that holds a file or directory by flock, 1 where its number is hidden; 0: nobody. OSError."""
    wanted = directory_or_lock.stat().st_ino
    held = [int(pid) for pid, inode in _FLOCK.findall(LOCKS.read_text("utf-8", "replace")) if int(inode) == wanted]
    return max(1, held[0]) if held else 0


def state_holder(state: Path) -> int:
    """The daemon that uses a state directory; 0: none does. OSError where that cannot be seen."""
    try:
        return holder(state / LOCK_NAME)
    except FileNotFoundError:
        state.stat()
        return 0


def sizes(state: Path) -> Sizes:
    """Bytes of the database and of its WAL, without opening either. OSError."""
    wal = state / f"{DATABASE_NAME}-wal"
    return Sizes((state / DATABASE_NAME).stat().st_size, wal.stat().st_size if wal.exists() else 0)


def glance(state: Path, patience_s: float) -> DatabaseState | None:
    """None where there is no database yet. OSError where it may not be looked at."""
    try:
        found = sizes(state)
    except FileNotFoundError:
        state.stat()
        return None
    until_s = time.monotonic() + patience_s
    try:
        with closing(OfflineDatabase(state / DATABASE_NAME)) as read:
            life = read(recovery_queries.last_life)
            known = {str(one.path): one.id for one in read(volumes.known) if one.loss is None}
            complaints = read(lambda connection: recovery_queries.complaints(connection, until_s))
    except StoreError as error:
        return DatabaseState(
            found.bytes, found.wal_bytes, 0, clean=False, boot_id="", volumes={}, complaints=(), unreadable=error.what
        )
    alive_ms, clean, boot_id = life or (0, False, "")
    told = None if complaints is None else tuple(complaints)
    return DatabaseState(found.bytes, found.wal_bytes, alive_ms, clean, boot_id, known, told)
