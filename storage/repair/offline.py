"""The files of a store whose daemon is down, held and read, never written. Blocking.

Takes the lock of the state directory, so that no daemon starts meanwhile, and that of each volume that is found where
the database last met it. Whoever calls must be the owner of the state directory (`edged.cli.owner`): SQLite makes files
beside a database even to read it, and the daemon could not use those of somebody else.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias, TypeVar
from urllib.parse import quote

from storage.catalog import boots, terms, volumes
from storage.clock import Clock
from storage.errors import DatabaseDamaged, StateLocked, StateUnusable
from storage.files.segmentfile import read_identity
from storage.opening import DATABASE_NAME, LOCK_NAME
from storage.repair import copies
from storage.repair.fsck import Site
from storage.retention import Policy
from storage.ring.present import present

T = TypeVar("T")

START_ONCE: Final = "start edged once, which puts it in order"


Seen: TypeAlias = tuple[str, int, int]
"""How the database is opened, and which file it is: inode and time of change."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The database, for reading only. Thread-safe.

    A connection is kept for the next one who reads: each parses the whole schema, and knows no page of the file yet.
    """

    path: Path
    _idle: list[tuple[sqlite3.Connection, Seen]] = field(default_factory=list, init=False, repr=False, compare=False)

    def __reduce__(self) -> tuple[type[Reading], tuple[Path]]:
        """Another process opens its own."""
        return Reading, (self.path,)

    @property
    def _seen(self) -> Seen:
        """After a clean stop there is no WAL: then not even a file beside it is made."""
        wal = self.path.with_name(self.path.name + "-wal")
        mode = "mode=ro" if wal.exists() and wal.stat().st_size else "immutable=1"
        try:
            found = self.path.stat()
        except OSError:
            return mode, 0, 0
        return mode, found.st_ino, found.st_mtime_ns

    def __call__(self, query: Callable[[sqlite3.Connection], T], /) -> T:
        try:
            with self._connection() as connection:
                return query(connection)
        except sqlite3.OperationalError as error:
            if "no such" in str(error):
                raise DatabaseDamaged(f"{self.path} is of an earlier version ({error})", START_ONCE) from error
            raise StateUnusable(f"{self.path} cannot be read ({error})", START_ONCE) from error
        except sqlite3.DatabaseError as error:
            raise DatabaseDamaged(f"{self.path} is damaged ({error})", START_ONCE) from error

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """One moment of it."""
        seen = self._seen
        connection, of = self._idle.pop() if self._idle else (None, seen)
        if connection is None or of != seen:
            connection = sqlite3.connect(
                f"file:{quote(str(self.path))}?{seen[0]}", uri=True, isolation_level=None, check_same_thread=False
            )
        connection.execute("BEGIN")
        yield connection  # one that failed is not used again
        connection.execute("COMMIT")
        self._idle.append((connection, seen))


@dataclass(frozen=True, slots=True)
class Held:
    """A volume as its open directory."""

    id: str
    path: Path
    fd: int

    @contextmanager
    def held(self) -> Iterator[int]:
        yield self.fd


@contextmanager
def opened(state: Path, clock: Clock, policy: Policy | None) -> Iterator[Site]:
    """Everything there is to check, under what is configured; None: under what the database last wrote down of that.

    StateLocked while a daemon runs, StateUnusable, DatabaseDamaged.
    """
    with ExitStack() as undo:
        undo.callback(os.close, _locked(state))
        read = Reading(state / DATABASE_NAME)
        disks: dict[str, Held] = {}
        for one in read(volumes.known):
            fd = _volume(one.path, one.id) if one.loss is None and one.path.is_absolute() else None
            if fd is not None:
                undo.callback(os.close, fd)
                disks[one.id] = Held(one.id, one.path, fd)
        known = read(boots.boots)
        boot = known[-1].number + (known[-1].boot_id != clock.boot_id) if known else 1
        as_is = partial(present, boot=boot, clock=clock, policy=read(_written_down) if policy is None else policy)
        more = (copies.sidecars, copies.mirrors)
        yield Site(read, disks, lambda: read(as_is), os.geteuid(), more=more)


def _written_down(connection: sqlite3.Connection) -> Policy:
    """As the last sweep found it configured."""
    last = {camera: history[-1].bounds for camera, history in terms.histories(connection).items()}
    return Policy({camera: bounds for camera, bounds in last.items() if bounds is not None})


def _locked(state: Path) -> int:
    try:
        fd = os.open(state / LOCK_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        what = f"{state} is no state directory of edged ({error.strerror})"
        raise StateUnusable(what, "name the configuration that edged runs with: --config FILE") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise StateLocked(f"edged uses {state}", "ask it: leave out --socket, or stop it first") from error
    return fd


def _volume(path: Path, volume: str) -> int | None:
    """Its directory, locked; None when it is not there, or is another one."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if read_identity(fd).get("volume") == volume:
            return fd
    except (OSError, ValueError):
        pass
    os.close(fd)
    return None
