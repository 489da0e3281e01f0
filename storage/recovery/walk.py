"""What lies on the volumes becomes known to the database again: leaves first, then the files that lack them.

Blocking, in a thread of its own behind running recording; paced, restartable: each leaf is applied once, each directory
is compared as it is. Until it has been through a volume, nothing there is destroyed (`ready`): its pins and its
tombstones are not known. A row whose file is missing stays, and is a finding (S4): that a file is not there is no
reason to forget it. A volume that is away keeps its rows; once back it is gone through. Keeps S13, S1, S5, S9.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import PurePosixPath
from sqlite3 import Connection
from typing import Any, Final

from storage.ages.history import DaemonRun, Point
from storage.database.writer import Database
from storage.files import inside
from storage.integrity import queries as integrity_queries
from storage.integrity.compare import OUR_NAMES, Fault, is_day
from storage.ledger import signer
from storage.ledger import table as ledger_table
from storage.ledger.key import Keyring
from storage.mirror import files as mirror_files
from storage.mirror import table as mirror_table
from storage.mirror.files import MirrorLine, merged
from storage.recovery import correction_table, replay_table
from storage.recovery.replay_table import Applied, ReplayTime
from storage.recovery.salvage import Salvager
from storage.retention import table as retention_table
from storage.segments.findings_table import FaultKind
from storage.volumes.volume import Volume
from storage.words.clock import Clock
from storage.words.errors import said, said_of
from storage.words.failpoints import Failpoint, reach
from storage.words.layout import in_words, is_camera
from storage.words.message import NOTHING, Message, message

log = logging.getLogger("edged.storage.recovery")

PAGE: Final = 256
"""Leaves in one transaction: 20 ms, which no commit of recording waits for longer than."""
REST: Final = 1.0
"""Rests for as long as it worked: recording needs disk and processor more."""

Progress = Callable[[dict[str, Any]], None]
Present = Callable[[], Mapping[str, Volume]]


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What one round came to."""

    leaves: int = 0
    """Put back into the ledger."""
    clashes: int = 0
    """Their numbers are taken by other leaves; what they tell of was taken in."""
    unread: int = 0
    directories: int = 0
    adopted: int = 0
    """Files that no leaf told of."""
    quarantined: int = 0
    missing: int = 0
    """Rows without their file, or with one of another size: findings."""
    gaps: int = 0
    """Gaps that were corrected: recorded after all, or told otherwise."""
    volumes: tuple[str, ...] = ()
    """Gone through."""
    left: tuple[Message, ...] = ()
    again: bool = False
    """Not come to the end: edged is stopping, or files are still being written."""


class Rebuilder:
    """Goes through the volumes after a loss of the database. One round at a time."""

    def __init__(
        self,
        database: Database,
        life: DaemonRun,
        clock: Clock,
        keyring: Keyring,
        present: Present,
        salvager: Salvager,
        note: Callable[[Sequence[Fault]], int],
        stop: threading.Event,
    ) -> None:
        """`note` makes findings of what differs; `stop` ends a round between two pages or directories."""
        self._database = database
        self._life = life
        self._clock = clock
        self._present = present
        self._keyring = keyring
        self._salvager = salvager
        self._note = note
        self._stop = stop
        self._rest = REST
        self._turn = threading.Lock()
        self._done: set[str] = set()
        """Volumes that are known to be reconciled; they stay so while they are there."""
        self._met: dict[str, Volume] = {}
        self._meeting = threading.Lock()

    # --- for the ring and for checks ---

    def ready(self, volume: str) -> bool:
        """What lies there is known: tombstones, rows, and with them pins."""
        if volume in self._done:
            return True
        wanted = self._database.read(mirror_table.wanted).get(volume)
        if wanted is not None and wanted.reconciled:
            self._done.add(volume)
            return True
        return False

    def is_known(self, disk: Volume) -> bool:
        """`ready`, of a volume that is there. It may know more than the database, if that was put back from a backup
        while it was away: then it is gone through before anything goes there.
        """
        return self._meet(disk) and self.ready(disk.id)

    def _meet(self, disk: Volume) -> bool:
        """Looked at once, when it comes. False where that cannot be done."""
        with self._meeting:
            if self._met.get(disk.id) is disk:
                return True
            try:
                with disk.held() as fd, signer.opened(fd) as ledger_fd:
                    beyond = mirror_files.last_number(ledger_fd)
            except FileNotFoundError:
                beyond = 0
            except OSError as error:
                log.warning("%s: its ledger cannot be read: %s", disk.path, error.strerror or error)
                return False
            if beyond > self._database.read(mirror_table.last_leaf):
                log.warning("%s knows of more than the database: it is gone through", disk.path)
                self._submit(partial(mirror_table.set_reconciled, volume=disk.id, known=False))
                self._done.discard(disk.id)
            self._met[disk.id] = disk
            return True

    def known(self) -> dict[str, Volume]:
        """Volumes that are there and have been gone through."""
        return {volume: disk for volume, disk in self._present().items() if self.is_known(disk)}

    def waiting(self) -> list[str]:
        """Volumes that are there and have to be gone through."""
        return sorted(volume for volume, disk in self._present().items() if not self.is_known(disk))

    def last(self) -> ledger_table.Rebuild | None:
        """The last time that the database was begun anew."""
        return self._database.read(ledger_table.last_rebuild)

    # --- the work ---

    def round(self, progress: Progress | None = None, *, everything: bool = False, paced: bool = True) -> RebuildReport:
        """Go through the volumes that are not known; with `everything`, through all that are there."""
        with self._turn:
            self._rest = REST if paced else 0.0
            told = progress or (lambda _: None)
            disks = {volume: disk for volume, disk in self._present().items() if everything or not self.is_known(disk)}
            if not disks:
                self._finish(disks)
                return RebuildReport()
            count: Counter[str] = Counter()
            left: list[Message] = []
            through = []
            if self._read_leaves(disks, count, left, told):
                for volume, disk in disks.items():
                    if self._walk(disk, count, left, told):
                        through.append(volume)
                        reach(Failpoint.REBUILD_WALKED)
                if not self._correct(count):
                    through = []
                for volume in through:
                    self._submit(partial(_gone_through, volume=volume))
                    reach(Failpoint.REBUILD_KNOWN)
                self._finish(disks)
            return RebuildReport(
                leaves=count[Applied.DONE],
                clashes=count[Applied.CLASH],
                unread=count[Applied.UNREAD],
                directories=count["directories"],
                adopted=count["adopted"],
                quarantined=count["quarantined"],
                missing=count["missing"],
                gaps=count["gaps"],
                volumes=tuple(sorted(through)),
                left=tuple(left),
                again=self._stop.is_set() or len(through) < len(disks),
            )

    def settle_bare(self, disks: Iterable[Volume]) -> None:
        """Of a new volume everything is known: there is nothing on it."""
        for disk in disks:
            if not self.ready(disk.id):
                with suppress(OSError), disk.held() as fd, os.scandir(fd) as entries:
                    if all(entry.name in OUR_NAMES for entry in entries) and not _has_ledger(fd):
                        self._submit(partial(mirror_table.set_reconciled, volume=disk.id, known=True))

    def _read_leaves(
        self, disks: Mapping[str, Volume], count: Counter[str], left: list[Message], progress: Progress
    ) -> bool:
        """The leaves of these volumes, merged by number; False when it did not come to the end."""
        with ExitStack() as held:
            sources, beyond = [], 0
            for disk in disks.values():
                try:
                    fd = held.enter_context(signer.opened(held.enter_context(disk.held())))
                    beyond = max(beyond, mirror_files.last_number(fd))
                    sources.append(mirror_files.lines(fd))
                except FileNotFoundError:
                    continue
                except OSError as error:
                    left.append(
                        message(
                            "rebuild.ledger-unreadable",
                            "{path}: its ledger cannot be read ({reason})",
                            path=str(disk.path),
                            reason=said(error),
                        )
                    )
            leap = partial(mirror_table.leap, beyond=beyond, identity=self._keyring.identity)
            self._submit(partial(leap, wall_ms=self._clock.now().wall_ms))
            lines = merged(sources)
            while page := list(islice(lines, PAGE)):
                begun = time.monotonic()
                count.update(self._submit(partial(_apply, lines=page, now=self._now())))
                reach(Failpoint.REBUILD_PAGE)
                count["lines"] += len(page)
                progress({"phase": "leaves", "done": count["lines"], "at": page[-1].number, "of": beyond})
                if self._stop.wait((time.monotonic() - begun) * self._rest):
                    return False
        self._submit(mirror_table.leaves_read)
        reach(Failpoint.REBUILD_READ)
        return True

    def _walk(self, disk: Volume, count: Counter[str], left: list[Message], progress: Progress) -> bool:
        """Each directory of a day against the rows that should lie there; False when it did not come to the end."""
        try:
            cameras = self._cameras(disk)
        except OSError as error:
            left.append(said_of(disk.path, error))
            return False
        for position, (camera, days) in enumerate(sorted(cameras.items())):
            self._submit(partial(_make_known, camera=camera, life=self._life))
            wanted = self._database.read(partial(mirror_table.days_of, camera=camera))
            for day in sorted(days | wanted):
                begun = time.monotonic()
                try:
                    clear = self._day(disk, PurePosixPath(camera, day), count, left)
                except OSError as error:
                    left.append(said_of(disk.path / camera / day, error))
                    return False
                count["directories"] += 1
                progress({"phase": "files", "volume": str(disk.path), "at": position, "of": len(cameras), "day": day})
                if self._stop.wait((time.monotonic() - begun) * self._rest):
                    return False
                if not clear:
                    count["again"] += 1
        return True

    def _cameras(self, disk: Volume) -> dict[str, set[str]]:
        """Directories of cameras on a volume with those of their days, and cameras that have rows."""
        found: dict[str, set[str]] = {camera: set() for camera in self._database.read(mirror_table.cameras)}
        with disk.held() as fd, os.scandir(fd) as entries:
            names = [e.name for e in entries if e.is_dir(follow_symlinks=False) and e.name not in OUR_NAMES]
        for name in filter(is_camera, names):
            with disk.held() as fd, inside(fd, PurePosixPath(name)) as camera, os.scandir(camera) as days:
                own = {d.name for d in days if d.is_dir(follow_symlinks=False) and is_day(d.name)}
            if own or name in found:
                found.setdefault(name, set()).update(own)
        return found

    def _day(self, disk: Volume, day: PurePosixPath, count: Counter[str], left: list[Message]) -> bool:
        """One directory: what is missing or of another size is a finding, what has no row gets one."""
        rows = {
            row.relative.name: (row.bytes, row.id)
            for row in integrity_queries.rows_of_day(self._database.read, disk.id, day)
        }
        sizes: dict[str, int] = {}
        with (
            suppress(FileNotFoundError),
            disk.held() as fd,
            inside(fd, day) as directory,
            os.scandir(directory) as entries,
        ):
            sizes = {e.name: e.stat(follow_symlinks=False).st_size for e in entries if e.is_file(follow_symlinks=False)}
        disk.verify()
        faults = [
            Fault(kind, disk.id, in_words(day / name), what, NOTHING, rows[name][1])
            for name, kind, what in differences({name: size for name, (size, _) in rows.items()}, sizes)
        ]
        if faults:
            count["missing"] += len(faults)
            self._note(faults)
        if all(name in rows for name in sizes):
            return True
        outcome = self._salvager.orphans_in(disk.id, day, {disk.id: disk})
        count["adopted"] += outcome.unproven
        count["quarantined"] += outcome.quarantined
        left += outcome.left
        return not outcome.again

    def _correct(self, count: Counter[str]) -> bool:
        """Gaps that the loss left: there is footage after all, or leaves that were read later tell otherwise. False
        where it did not come to the end.
        """
        after = 0
        while page := self._database.read(partial(correction_table.gaps_after, after=after, limit=PAGE)):
            for gap in page:
                now = self._now().at
                if not self._database.read(partial(correction_table.is_right, gap=gap, now=now)):
                    count["gaps"] += self._submit(partial(correction_table.correct, gap=gap, now=now))
            after = page[-1].id
            if self._stop.is_set():
                return False
        return True

    def _finish(self, disks: Mapping[str, Volume]) -> None:
        """The rebuild is over once everything that is there is known."""
        rebuild = self.last()
        if rebuild is not None and rebuild.end is None and all(self.ready(volume) for volume in disks):
            self._submit(mirror_table.leaves_read)
            self._submit(partial(mirror_table.rebuilt, at=self._now().at))

    def _now(self) -> ReplayTime:
        return ReplayTime(self._life, Point.of(self._life.boot, self._clock.now()))

    def _submit(self, fact: Callable[[Connection], Any]) -> Any:
        """Behind whatever recording has to say."""
        return self._database.submit(fact, yielding=True).result()


def differences(rows: Mapping[str, int], files: Mapping[str, int]) -> Iterator[tuple[str, FaultKind, Message]]:
    """Names whose file is missing or of another size than its row says. Pure."""
    for name, size in sorted(rows.items()):
        if name not in files:
            yield (
                name,
                FaultKind.MISSING,
                message("fsck.file-gone", "there is no such file, and nothing tells that it was destroyed"),
            )
        elif files[name] != size:
            yield (
                name,
                FaultKind.SIZE,
                message("fsck.file-size", "it has {size} bytes, and had {before}", size=files[name], before=size),
            )


def _apply(connection: Connection, lines: Sequence[MirrorLine], now: ReplayTime) -> Counter[str]:
    return Counter(replay_table.apply(connection, line, now) for line in lines)


def _make_known(connection: Connection, camera: str, life: DaemonRun) -> None:
    replay_table.camera_number(connection, camera, life.start)


def _gone_through(connection: Connection, volume: str) -> None:
    if volume in integrity_queries.unreconciled(connection):
        retention_table.doubt(connection)
    mirror_table.set_reconciled(connection, volume, known=True)


def _has_ledger(fd: int) -> bool:
    with suppress(FileNotFoundError), signer.opened(fd) as ledger_fd:
        return bool(mirror_files.days(ledger_fd)) or mirror_files.read_snapshot(ledger_fd) is not None
    return False
