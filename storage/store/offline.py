"""The files of a store whose daemon is down: held, read, and a directory made a volume. Blocking.

`opened` takes the lock of the state directory, so that no daemon starts meanwhile, and that of each volume that is
found where the database last met it. The database is only ever read; a new volume is met when edged finds it where it
is configured. Whoever calls must be the owner of the state directory (`edged.host.drop_privileges`): SQLite makes
files beside a database even to read it, and the daemon could not use those of somebody else.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from storage.ages import table as boots
from storage.audit.mirrors import mirror_faults
from storage.database.readers import Readers, at_rest
from storage.integrity import sidecar_check
from storage.integrity.fsck import Site
from storage.retention import table as terms
from storage.retention.in_force import present
from storage.retention.plan import Policy
from storage.ring.volume_operations import refuse_known, refuse_other_name, refuse_unfit
from storage.store import opening
from storage.store.opening import DATABASE_NAME, LOCK_NAME
from storage.volumes import table as volumes
from storage.volumes.identity import read_identity
from storage.volumes.space import VolumeSpec
from storage.volumes.volume import Volume
from storage.words.clock import Clock
from storage.words.errors import DatabaseDamaged, StateLocked, StateUnusable

T = TypeVar("T")

START_ONCE: Final = "start edged once, which puts it in order"


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
                raise DatabaseDamaged(f"{self.path} is of an earlier version ({error})", START_ONCE) from error
            raise StateUnusable(f"{self.path} cannot be read ({error})", START_ONCE) from error
        except sqlite3.DatabaseError as error:
            raise DatabaseDamaged(f"{self.path} is damaged ({error})", START_ONCE) from error

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
        for one in read(volumes.known):
            fd = _volume(one.path, one.id) if one.loss is None and one.path.is_absolute() else None
            if fd is not None:
                undo.callback(os.close, fd)
                disks[one.id] = OfflineVolume(one.id, one.path, fd)
        known = read(boots.boots)
        boot = known[-1].number + (known[-1].boot_id != clock.boot_id) if known else 1
        as_is = partial(present, boot=boot, clock=clock, policy=read(_written_down) if policy is None else policy)
        more = (sidecar_check.of_site, mirror_faults)
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


def init_alone(state: Path, node: str, spec: VolumeSpec, configured: Collection[Path]) -> str:
    """The new volume's id. StateLocked while a daemon runs; otherwise as `Disks.init`."""
    with ExitStack() as undo:
        undo.callback(os.close, opening.lock(state))
        database = state / opening.DATABASE_NAME
        read = undo.enter_context(closing(OfflineDatabase(database)))
        known = read(volumes.known) if database.exists() else []
        belongs = {one.path: one.id for one in known if one.belongs}
        refuse_other_name(node, map(VolumeSpec, configured), {one.id for one in known})
        refuse_known(spec.path, known)
        refuse_unfit(spec, {*belongs, *configured} - {spec.path})
        volume = Volume.open(spec, node=node, known=belongs, taken={})
        volume.close()
        return volume.id
