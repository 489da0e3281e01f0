"""Taking hold of a state directory: its lock, its database, its volumes, and a new run. Undone in the opposite order.

Work here does not depend on what is stored: a daemon that starts records at once.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from storage.ages import table as ages_table
from storage.ages.history import DaemonRun
from storage.database.writer import Database
from storage.ledger import table
from storage.ledger.key import NAME as KEY_NAME
from storage.ledger.key import Keyring
from storage.recovery import detect
from storage.ring.ballast import Ballast
from storage.ring.volume_operations import arrival, refuse_other_name
from storage.volumes.service import VolumePool
from storage.volumes.table import known as known_volumes
from storage.volumes.volume import VolumeSpec
from storage.words.clock import Clock, read
from storage.words.errors import StateLocked, StateUnusable, said
from storage.words.failpoints import Failpoint, reach
from storage.words.message import message

LOCK_NAME: Final = "edged.lock"
DATABASE_NAME: Final = "edged.db"
STATE_MODE: Final = 0o750
LOCK_MODE: Final = 0o640
FIRST: Final = "this box begins its ledger"
"""Why the first generation begins."""
PATIENCE_S: Final = 30.0
"""How long opening and closing wait for a COMMIT before they say that the disk stands still."""


@dataclass(frozen=True, slots=True)
class OpenState:
    """Everything a store holds while it is open."""

    state: Path
    database: Database
    pool: VolumePool
    life: DaemonRun
    ballast: Ballast
    node: str
    keyring: Keyring
    _undo: ExitStack

    def release(self) -> None:
        """Let go of it: database, volumes, lock."""
        self._undo.close()


def hold(
    state: Path, node: str, volumes: Sequence[VolumeSpec], clock: Clock, credential: Path | None = None
) -> OpenState:
    """Lock, open, begin a run; all of it or nothing. `credential`: the node's key, where it is handed over."""
    with ExitStack() as undo:
        undo.callback(os.close, lock(state))
        ballast = Ballast(state)
        keyring = Keyring(node, state / KEY_NAME if credential is None else credential, ours=credential is None)
        database = detect.begin(state / DATABASE_NAME, node, volumes, clock, ballast.give, keyring)
        undo.callback(database.close)
        known = database.read(known_volumes)
        refuse_other_name(node, volumes, {one.id for one in known})
        if database.read(table.present) is None:
            keyring.create_key()
            first = partial(table.begin, identity=keyring.identity, reason=FIRST, wall_ms=clock.now().wall_ms)
            database.submit(first).result(PATIENCE_S)
        keyring.settle(database.read(table.every))
        pool = VolumePool(volumes, node, known)
        undo.callback(pool.close)
        for volume in pool.opened:
            database.submit(arrival(volume, clock)).result(PATIENCE_S)
        life = database.submit(partial(ages_table.begin_run, boot_id=clock.boot_id, reading=read(clock))).result(
            PATIENCE_S
        )
        reach(Failpoint.START_RUN)
        return OpenState(state, database, pool, life, ballast, node, keyring, undo.pop_all())


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Nobody else uses the state directory meanwhile. StateLocked while a daemon runs."""
    fd = lock(state)
    try:
        yield
    finally:
        os.close(fd)


def lock(state: Path) -> int:
    """The locked file, with our process id in it for whoever comes second."""
    try:
        state.mkdir(mode=STATE_MODE, parents=True, exist_ok=True)
        fd = os.open(state / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, LOCK_MODE)
    except OSError as error:
        what = message(
            "state.cannot-use",
            "the state directory {path} cannot be used ({reason})",
            path=str(state),
            reason=said(error),
        )
        raise StateUnusable(
            what,
            message(
                "state.cannot-use.action", "give it to the user that edged runs as, or correct `state` under [paths]"
            ),
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        with suppress(OSError):  # for people only; on a full disk the database has more to say
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        pid = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        what = message(
            "state.other-edged",
            "another edged (process {process}) uses the state directory {path}",
            process=pid,
            path=str(state),
        )
        raise StateLocked(
            what, message("state.other-edged.action", "stop that one first, or configure another state directory")
        ) from error
    except OSError as error:
        os.close(fd)
        what = message(
            "state.cannot-write",
            "the state directory {path} cannot be written ({reason})",
            path=str(state),
            reason=said(error),
        )
        raise StateUnusable(
            what, message("state.cannot-write.action", "check that its disk is healthy and has free space")
        ) from error
    return fd
