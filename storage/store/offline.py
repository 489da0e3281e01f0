"""The files of a store whose daemon is down: held, read, inspected, rebuilt, and a directory made a volume. Blocking.

`opened` takes the lock of the state directory, so that no daemon starts meanwhile, and that of each volume that is
found where the database last met it. The database is only ever read; a new volume is met when edged finds it where it
is configured. Whoever calls must be the owner of the state directory (`edged.host.accounts`): SQLite makes
files beside a database even to read it, and the daemon could not use those of somebody else.

`inspect_database` tells when a daemon that is down last lived, and whether its database is sound. It takes no lock that
a start would wait for, and writes nothing: a daemon that starts meanwhile finds one reader more. It has to be called
by the owner, too.

`rebuild_alone` works under the daemon's lock, with its volumes, and without recording to give way to.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from storage.ages import table as ages_table
from storage.audit.trees import mirror_faults
from storage.database.readers import Readers, at_rest
from storage.integrity import fsck
from storage.integrity.fsck import Site
from storage.mirror.table import ON_PURPOSE
from storage.recovery import detect, snapshot_table
from storage.recovery.walk import RebuildReport
from storage.retention import table as retention_table
from storage.retention.plan import Policy
from storage.retention.service import present
from storage.ring.volume_operations import refuse_known, refuse_other_name, refuse_unfit
from storage.store import opening
from storage.store.facade import Store
from storage.store.opening import DATABASE_NAME, LOCK_NAME
from storage.volumes import table as volumes_table
from storage.volumes.volume import Volume, VolumeSpec, read_identity
from storage.words.clock import Clock
from storage.words.errors import DatabaseDamaged, StateLocked, StateUnusable, StoreError, said
from storage.words.message import NOTHING, Message, as_message, message

log = logging.getLogger("edged.storage.store")

T = TypeVar("T")

START_ONCE: Final = message("database.start-once", "start edged once, which puts it in order")
LOCKS: Final = Path("/proc/locks")
_FLOCK: Final = re.compile(r"^\d+: FLOCK +\S+ +WRITE +(-?\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) ", re.MULTILINE)


class OfflineDatabase:
    """The database, for reading only; to be closed, or its file stays open. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self.path = path
        self._readers = Readers(path, 0, at_rest)

    def __reduce__(self) -> tuple[type[OfflineDatabase], tuple[Path]]:
        """Another process opens its own."""
        return OfflineDatabase, (self.path,)

    def __call__(self, query: Callable[[sqlite3.Connection], T], /) -> T:
        try:
            return self._readers.read(query)
        except sqlite3.OperationalError as error:
            if "no such" in str(error):
                raise DatabaseDamaged(
                    message(
                        "database.other-version",
                        "{path} is of another version ({reason})",
                        path=str(self.path),
                        reason=str(error),
                    ),
                    START_ONCE,
                ) from error
            raise StateUnusable(
                message(
                    "database.cannot-read", "{path} cannot be read ({reason})", path=str(self.path), reason=str(error)
                ),
                START_ONCE,
            ) from error
        except sqlite3.DatabaseError as error:
            raise DatabaseDamaged(
                message("database.damaged", "{path} is damaged ({reason})", path=str(self.path), reason=str(error)),
                START_ONCE,
            ) from error

    def close(self) -> None:
        self._readers.close()


@dataclass(frozen=True, slots=True)
class OfflineVolume:
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
        read = undo.enter_context(closing(OfflineDatabase(state / DATABASE_NAME)))
        disks: dict[str, OfflineVolume] = {}
        for one in read(volumes_table.known):
            fd = _volume(one.path, one.id) if one.loss is None and one.path.is_absolute() else None
            if fd is not None:
                undo.callback(os.close, fd)
                disks[one.id] = OfflineVolume(one.id, one.path, fd)
        known = read(ages_table.boots)
        boot = known[-1].number + (known[-1].boot_id != clock.boot_id) if known else 1
        as_is = partial(present, boot=boot, clock=clock, policy=read(_written_down) if policy is None else policy)
        more = (fsck.of_site, mirror_faults)
        yield Site(read, disks, lambda: read(as_is), os.geteuid(), more=more)


def _written_down(connection: sqlite3.Connection) -> Policy:
    """As the last sweep found it configured."""
    last = {camera: history[-1].bounds for camera, history in retention_table.histories(connection).items()}
    return Policy({camera: bounds for camera, bounds in last.items() if bounds is not None})


def _locked(state: Path) -> int:
    try:
        fd = os.open(state / LOCK_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        what = message(
            "state.not-ours",
            "{path} is no state directory of edged ({reason})",
            path=str(state),
            reason=said(error),
        )
        raise StateUnusable(
            what, message("state.not-ours.action", "name the configuration that edged runs with: --config FILE")
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise StateLocked(
            message("state.in-use", "edged uses {path}", path=str(state)),
            message("state.in-use.action", "ask it: leave out --socket, or stop it first"),
        ) from error
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


def initialise_offline(state: Path, node: str, spec: VolumeSpec, configured: Collection[Path]) -> str:
    """The new volume's id. StateLocked while a daemon runs; otherwise as `VolumeOperations.init`."""
    with ExitStack() as undo:
        undo.callback(os.close, opening.lock(state))
        database = state / DATABASE_NAME
        read = undo.enter_context(closing(OfflineDatabase(database)))
        known = read(volumes_table.known) if database.exists() else []
        belongs = {one.path: one.id for one in known if one.belongs}
        refuse_other_name(node, map(VolumeSpec, configured), {one.id for one in known})
        refuse_known(spec.path, known)
        refuse_unfit(spec, {*belongs, *configured} - {spec.path})
        volume = Volume.open(spec, node=node, known=belongs, taken={})
        volume.close()
        return volume.id


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
    unreadable: Message = NOTHING
    """Why nothing could be read; then the rest is empty."""


@dataclass(frozen=True, slots=True)
class Sizes:
    bytes: int
    wal_bytes: int


def holder(directory_or_lock: Path) -> int:
    """The process that holds a file or directory by flock, 1 where its number is hidden; 0: nobody. OSError.

    An inode's number is one of its file system: the top directories of all ext4 are 2. So its device counts, too, but
    where the kernel gives a file system none of its own (major number 0): then /proc/locks may name another one.
    """
    wanted = directory_or_lock.stat()
    device = os.major(wanted.st_dev), os.minor(wanted.st_dev)
    for pid, major, minor, inode in _FLOCK.findall(LOCKS.read_text("utf-8", "replace")):
        if int(inode) == wanted.st_ino and (device[0] == 0 or device == (int(major, 16), int(minor, 16))):
            return max(1, int(pid))
    return 0


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


def inspect_database(state: Path, patience_s: float) -> DatabaseState | None:
    """None where there is no database yet. OSError where it may not be looked at."""
    try:
        found = sizes(state)
    except FileNotFoundError:
        state.stat()
        return None
    until_s = time.monotonic() + patience_s
    try:
        with closing(OfflineDatabase(state / DATABASE_NAME)) as read:
            life = read(snapshot_table.last_life)
            known = {str(one.path): one.id for one in read(volumes_table.known) if one.loss is None}
            complaints = read(lambda connection: snapshot_table.complaints(connection, until_s))
    except StoreError as error:
        return DatabaseState(
            found.bytes,
            found.wal_bytes,
            0,
            clean=False,
            boot_id="",
            volumes={},
            complaints=(),
            unreadable=as_message(error.what),
        )
    alive_ms, clean, boot_id = life or (0, False, "")
    told = None if complaints is None else tuple(complaints)
    return DatabaseState(found.bytes, found.wal_bytes, alive_ms, clean, boot_id, known, told)


def rebuild_alone(
    state: Path,
    node: str,
    volumes: Sequence[VolumeSpec],
    clock: Clock,
    progress: Callable[[Mapping[str, Any]], None],
    *,
    fresh: bool,
) -> tuple[RebuildReport, str | None]:
    """Everything that is there, and where the earlier database lies. With `fresh` the present one is set aside.

    StateLocked while a daemon runs. A crash at any moment leaves what the next start, or the next call, goes on with.
    """
    if fresh:
        with opening.locked(state):
            detect.mark(state / DATABASE_NAME, ON_PURPOSE)
    store = Store.open(state=state, node=node, volumes=volumes, clock=clock)
    try:
        report = store.ledger.rebuild(progress, everything=True, paced=False)
        last = store.ledger.last_rebuild()
        return report, last.aside if last is not None else None
    finally:
        store.close()
