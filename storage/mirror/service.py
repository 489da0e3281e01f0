"""The ledger's mirror on each volume: the leaves as they are made, and beside them what a new database needs at once.

One thread, blocking, behind everything: it reads what was committed and never delays a commit. A volume that was away
catches up, paced. On a crash the last lines may be written a second time; a reader takes each number once. Keeps S13:
a lost database is made anew from here (`storage.recovery.walk`). Day files are bounded (S12): one goes when its last
leaf is older, in running time (S7), than the longest ceiling and KEEP_S besides; until then it may be needed. A camera
makes 105,120 segments of 5 minutes in a year and as many tombstones: about 90 MB.

Requests for footage and people are needed for longer than footage: their leaves (LASTING) lie in a file of their own,
too, which stays. Ten requests a day make 20 MB in a year.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Protocol

from storage.ages.history import DaemonRun, History
from storage.ages.table import boots
from storage.database.writer import Database, Remembered
from storage.files import directory
from storage.ledger import queries as ledger_queries
from storage.ledger import signer
from storage.ledger import table as ledger_table
from storage.ledger.signer import HeadSigner
from storage.ledger.table import Leaf
from storage.mirror import files as mirror_files
from storage.mirror import table as mirror_table
from storage.mirror.files import file_name, render
from storage.words.clock import Clock
from storage.words.errors import StoreError, said
from storage.words.failpoints import Failpoint, reach
from storage.words.message import Message, message

log = logging.getLogger("edged.storage.mirror")

ROUND_S: Final = 1.0
"""At most so much is lost with the database besides what is in progress; a sync of each volume in each round."""
PAGE: Final = 1000
"""Leaves read and written at a time."""
PACE_S: Final = 0.05
"""Between two pages of a volume that catches up: recording comes first."""
SNAPSHOT_EVERY_MS: Final = 600_000
"""How old a head may be: what changed since is read from the leaves."""
KEEP_S: Final = 400 * 86_400
"""Beyond the longest ceiling: power-off time that was never credited, a pin that crosses it, a year's audit."""
PRUNE_EVERY_MS: Final = 86_400_000
LASTING: Final = frozenset({Leaf.OFFICE, Leaf.PERSON})
"""Nothing but leaves says what the office did, for how long ever its papers are kept."""
PATIENCE_S: Final = 30.0
STATE_SNAPSHOT: Final = "edged.head.json"
"""The head's copy beside the database: it knows the volumes also while none of them is mounted (S10)."""


class MirroredVolume(Protocol):
    """A volume that is there."""

    @property
    def path(self) -> Path: ...
    def held(self) -> AbstractContextManager[int]: ...


class LedgerMirror:
    """Copies leaves to the volumes. `start` begins the thread; `round` may be called by its owner instead."""

    def __init__(
        self,
        database: Database,
        life: DaemonRun,
        clock: Clock,
        node: str,
        present: Callable[[], Mapping[str, MirroredVolume]],
        head_signer: HeadSigner,
    ) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._node = node
        self._present = present
        self._head_signer = head_signer
        self._remembered = Remembered(database)
        self._at: dict[str, int] = {}
        """The last leaf that each volume has."""
        self.unwritten: dict[str, Message] = {}
        """By volume, or "state": what of the mirror cannot be written there; "": why it cannot be read."""
        self._headed_ms: int | None = None
        self._headed_day = ""
        """Whoever reads the last leaves looks into the file of this day, whatever its name."""
        self._astray = False
        """Leaves went into the file of another day: the clock was set, or midnight has passed."""
        self._pruned_ms: int | None = None
        self._listed = 0
        """Blocks of leaves before this one can be passed over by whoever looks for some
        (`storage.ledger.queries`)."""
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, last_round: bool) -> None:
        """End the thread; with a last round when the store closes in order."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_S)
        if last_round and not self._thread.is_alive():
            self.round()  # to look at the volumes may be a fact itself, that one has come or gone
            self._headed_ms = None
            self.round(sign=True)
            self._part()

    def _part(self) -> None:
        """The centre is told with which head this run ended."""
        try:
            self._head_signer.tell()
        except (StoreError, TimeoutError) as error:
            log.warning("the last head does not become an event: %s", error)

    def _run(self) -> None:
        while not self._stop.wait(ROUND_S):
            self.round()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Meanwhile nothing is mirrored, and no head is signed."""
        with self._turn:
            yield

    def round(self, *, sign: bool = False) -> None:
        """Bring every volume that is there up to date, and heads that are due; with `sign` that of the ledger is."""
        with self._turn:
            try:
                disks = self._round()
                if self._astray:
                    disks = self._round()
                here = {volume: self._at[volume] for volume in disks if volume in self._at}
                self._head_signer.round(here, disks, now=sign)
                self._list()
                self.unwritten.pop("", None)
            except (StoreError, OSError) as error:
                reason = error.what if isinstance(error, StoreError) else said(error)
                self._say("", message("ledger.leaves-unreadable", "the leaves cannot be read: {reason}", reason=reason))

    def has(self, leaf: int) -> bool:
        """Whether a volume in service has this leaf. What is not there yet is brought there first, if one takes it."""
        if not self._has(leaf):
            self.round()
        return self._has(leaf)

    def _has(self, leaf: int) -> bool:
        known = self._database.read(mirror_table.wanted)
        return any(
            max(one.mirrored, self._at.get(volume, 0)) >= leaf for volume, one in known.items() if not one.retired
        )

    def _round(self) -> Mapping[str, MirroredVolume]:
        """What is there."""
        now = self._clock.now()
        now_ms = now.boottime_ms
        wanted = self._remembered.read(mirror_table.wanted, "wanted")
        rebuild = self._remembered.read(ledger_table.last_rebuild, "rebuild")
        disks = {
            volume: disk for volume, disk in self._present().items() if volume in wanted and not wanted[volume].retired
        }
        for away in self.unwritten.keys() - disks.keys() - {"", "state"}:
            del self.unwritten[away]
        due = self._headed_ms is None or now_ms - self._headed_ms >= SNAPSHOT_EVERY_MS or self._astray
        self._astray = False
        if due:
            self._headed_day = file_name(now.wall_ms)
        head = self._head() if due else None  # before the leaves: what it tells of is then among them
        for volume, disk in disks.items():
            with self._noted(volume, disk):
                last = self._last(volume, disk, wanted[volume])
                if rebuild is None or rebuild.read or last >= rebuild.leaf - 1:
                    self._bring_up(volume, disk, last)
                # else it lacks leaves that are only being read back: they come first
        if head is not None:
            self._headed_ms = now_ms
            self._write_heads(head, {volume: disk for volume, disk in disks.items() if wanted[volume].reconciled})
        over = rebuild is None or rebuild.end is not None
        if over and (self._pruned_ms is None or now_ms - self._pruned_ms >= PRUNE_EVERY_MS):
            self._pruned_ms = now_ms
            self._prune(disks)
        return disks

    def _list(self) -> None:
        missing = partial(ledger_queries.missing, begin=self._listed)
        blocks, self._listed = self._remembered.read(missing, ("blocks", self._listed))
        for block in blocks:
            self._database.submit(partial(ledger_queries.keep, block=block), yielding=True)

    def _head(self) -> dict[str, Any]:
        gather = partial(mirror_table.snapshot, node=self._node, wall_ms=self._clock.now().wall_ms)
        return self._database.read(gather)

    def _last(self, volume: str, disk: MirroredVolume, wanted: mirror_table.MirrorProgress) -> int:
        """The last leaf it has: what it ends with itself, at first contact, also if it once had more (a disk restored
        from an image). After a loss it is told what nobody can tell it any more.
        """
        if volume not in self._at:
            there = 0
            with suppress(FileNotFoundError), disk.held() as fd, signer.opened(fd) as ledger_fd:
                there = mirror_files.last_line(ledger_fd)
            lacking = partial(mirror_table.any_between, after=there, upto=wanted.mirrored)
            self._at[volume] = there if self._database.read(lacking) else max(wanted.mirrored, there)
        return self._at[volume]

    def _bring_up(self, volume: str, disk: MirroredVolume, last: int) -> None:
        while last < self._remembered.read(ledger_table.last, "last"):
            page = self._database.read(partial(ledger_table.leaves, after=last, limit=PAGE))
            if not page:
                return
            with disk.held() as fd, signer.opened(fd, make=True) as ledger_fd:
                if lasting := b"".join(render(entry) for entry in page if entry.kind in LASTING):
                    mirror_files.append(ledger_fd, mirror_files.LASTING_NAME, lasting)
                for name, entries in groupby(page, key=lambda entry: file_name(entry.wall_ms)):
                    mirror_files.append(ledger_fd, name, b"".join(map(render, entries)))
                    reach(Failpoint.MIRROR_LINES)
                    self._astray |= name != self._headed_day
            last = self._at[volume] = page[-1].number
            if len(page) < PAGE or self._stop.wait(PACE_S):
                return

    def _write_heads(self, head: dict[str, Any], disks: Mapping[str, MirroredVolume]) -> None:
        """To each volume whose contents are known, and beside the database."""
        for volume, disk in disks.items():
            with self._noted(volume, disk), disk.held() as fd, signer.opened(fd, make=True) as ledger_fd:
                mirror_files.write_snapshot(ledger_fd, head)
                reach(Failpoint.MIRROR_HEAD)
        try:
            with directory(self._database.path.parent) as state:
                mirror_files.write_snapshot(state, head, STATE_SNAPSHOT)
            self.unwritten.pop("state", None)
        except OSError as error:
            self._say(
                "state",
                message(
                    "ledger.file-not-written",
                    "{path} cannot be written ({reason})",
                    path=str(self._database.path.parent / STATE_SNAPSHOT),
                    reason=said(error),
                ),
            )
        reach(Failpoint.MIRROR_HEADS)
        if self._at:
            self._database.submit(partial(mirror_table.mirrored, last=dict(self._at)), yielding=True).result(PATIENCE_S)

    def _prune(self, disks: Mapping[str, MirroredVolume]) -> None:
        """Days whose last leaf nobody can need any more."""
        now, keep_ms = self._clock.now(), 1000 * (KEEP_S + self._database.read(mirror_table.longest_ceiling_s))
        age = History(self._database.read(boots), self._life.boot, now.boottime_ms)
        for volume, disk in disks.items():
            with (
                suppress(FileNotFoundError),
                self._noted(volume, disk),
                disk.held() as fd,
                signer.opened(fd) as at,
            ):
                for name in mirror_files.days(at):
                    place = mirror_files.last_place(at, name)
                    if place is None or age.age(*place).low_ms <= keep_ms:
                        break
                    os.unlink(name, dir_fd=at)
                    reach(Failpoint.MIRROR_PRUNED)

    @contextmanager
    def _noted(self, volume: str, disk: MirroredVolume) -> Iterator[None]:
        """A volume that cannot be written is tried again in the next round, and said once."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            self._at.pop(volume, None)
            self._say(
                volume,
                message(
                    "ledger.mirror-not-written",
                    "{path}: the ledger's mirror cannot be written ({reason})",
                    path=str(disk.path),
                    reason=said(error),
                ),
            )
        else:
            self.unwritten.pop(volume, None)

    def _say(self, key: str, words: Message) -> None:
        if key not in self.unwritten:
            log.warning("%s; it is tried again", words)
        self.unwritten[key] = words
