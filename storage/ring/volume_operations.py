"""What people do with volumes: make one, retire one, replace a dead one, configure others. The desk of storage/volumes.

Blocking and thread-safe; imports the catalog, the inventory and lean modules. Each act is a fact with its leaf; a
volume that comes or goes is entered as it happens. Keeps S10 (a directory becomes a volume only after every check), S14
(nothing here removes footage) and tells what S1 could not keep: what a dead disk took with it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from sqlite3 import Connection
from typing import Any, Final

from storage.ages.history import DaemonRun
from storage.database.writer import Database
from storage.pins import table as pins_table
from storage.retention.plan import Policy, judge
from storage.retention.service import present
from storage.ring import table as ring_table
from storage.ring.sweep import candidate
from storage.segments import queries as segments_queries
from storage.segments import table as segments_table
from storage.volumes import table as volumes_table
from storage.volumes.mounts import read_mounts
from storage.volumes.service import VolumePool, loss_in_words
from storage.volumes.table import KnownVolume, VolumeLoss
from storage.volumes.volume import Volume, VolumeSpec, check, failed, read_identity, refused
from storage.words.clock import Clock
from storage.words.errors import NodeChanged, OrderRefused, UnknownId, VolumeRefused, said
from storage.words.failpoints import Failpoint, reach
from storage.words.layout import IDENTITY_NAME
from storage.words.message import Message, message
from storage.words.model import GapCause

log = logging.getLogger("edged.storage.ring")

PATIENCE_S: Final = 30.0
"""How long an act waits for its COMMIT before it says that the disk stands still."""


OVERDUE_MAX: Final = 32
"""Rows of a lost volume that go in one transaction: some ms, for which a commit may have to wait (L4)."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A volume that is gone for good, and the one that has its place; None where its path is configured no more."""

    lost: str
    loss: VolumeLoss
    by: str | None


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """What a configuration means for the volumes, by path."""

    came: tuple[Path, ...]
    """Take footage, and did not before."""
    retired: tuple[Path, ...]
    """Configured, but retired: they take none."""
    left_out: tuple[Path, ...]
    """Were configured, and are not any more."""
    warnings: tuple[Message, ...]


def arrival(volume: Volume, clock: Clock) -> Callable[[Connection], None]:
    """The fact that a volume is where it is."""
    mount = ""
    with suppress(OSError):
        found = read_mounts().of(PurePosixPath(volume.path.resolve()))
        mount = str(found.at) if found else ""
    return partial(volumes_table.come, volume=volume.id, path=volume.path, mount=mount, wall_ms=clock.now().wall_ms)


class VolumeOperations:
    """The volumes of one store."""

    def __init__(
        self,
        database: Database,
        pool: VolumePool,
        life: DaemonRun,
        clock: Clock,
        settle: Callable[[Iterable[Volume]], None],
        mirror: Callable[[], None],
    ) -> None:
        """`settle` hears of volumes that may be new: of those it is known at once that nothing lies there. `mirror`
        brings every volume up to date that is there.
        """
        self._database = database
        self._inventory = pool.inventory
        self._life = life
        self._clock = clock
        self._settle = settle
        self._mirror = mirror
        self._acting = threading.Lock()
        """One act at a time: what it looked at must still be so when it is done."""
        self._refreshing = threading.Lock()
        """What was read first must not be told last: a volume would seem in service that was just retired."""
        self._inventory.tell = self._told
        present = {volume.id for volume in self._inventory.opened}
        for one in self._inventory.known:
            if one.id not in present and one.belongs:
                self._enter(partial(volumes_table.gone, volume=one.id, wall_ms=clock.now().wall_ms))

    def refresh(self) -> None:
        """What is retired and empty is let go of. Quick; asked at each sweep."""
        with self._refreshing:
            self._inventory.know(self._database.read(volumes_table.known))

    def init(self, spec: VolumeSpec) -> str:
        """The empty directory becomes a volume; its id. `VolumeRefused` with what is in the way."""
        with self._acting:
            refuse_known(spec.path, self._inventory.known)
            refuse_unfit(spec, {one.path for one in self._inventory.known if one.belongs} | self._inventory.paths)
            return self._begin(spec)

    def retire(self, name: str) -> KnownVolume:
        """It takes no new footage from now on. OrderRefused where nothing else would take any.

        Of one that is gone for good: it is struck off, a person has seen to its loss.
        """
        with self._acting:
            one = self._named(name)
            if one.loss is not None:
                return self._strike_off(one)
            if one.retired:
                raise OrderRefused(
                    message("volume.retired-already", "volume {path} is retired already", path=str(one.path)),
                    message(
                        "volume.retired-already.action",
                        "to use it again: edgectl volume retire {path} --undo",
                        path=str(one.path),
                    ),
                )
            served = [volume for volume in self._inventory.opened if self._inventory.is_served(volume)]
            if not any(volume.id != one.id for volume in served):
                what = message(
                    "volume.only-one",
                    "no other volume than {path} takes footage: recording would stop",
                    path=str(one.path),
                )
                raise OrderRefused(
                    what, message("volume.only-one.action", "add one first: a [[volumes]] table, then edgectl reload")
                )
            return self._retire(one, retired=True)

    def restore(self, name: str) -> KnownVolume:
        """What was retired is used again, where it is configured."""
        with self._acting:
            one = self._named(name)
            if not one.retired:
                raise OrderRefused(
                    message("volume.not-retired", "volume {path} is not retired", path=str(one.path)),
                    message("volume.unchanged", "nothing was changed"),
                )
            return self._retire(one, retired=False)

    def replace(self, path: Path, spec: VolumeSpec | None) -> Replaced:
        """What belongs at the path is gone for good; the empty directory there takes its place, where it is configured
        (`spec`). Its rows stay in the catalog until they are past their ceilings, and so does the alarm.
        """
        with self._acting:
            one = self._inventory.at(path)
            if one is None or one.loss is not None:
                raise UnknownId(
                    message("volume.none-at", "no volume belongs at {path}", path=str(path)),
                    message("volume.none-at.action", "`edgectl volume list` shows which one belongs where"),
                )
            if any(volume.id == one.id for volume in self._inventory.opened):
                raise OrderRefused(
                    message("volume.in-use", "volume {volume} is at {path}, in use", volume=one.id, path=str(path)),
                    message("volume.in-use.action", "retire it, to use it no more: volume retire"),
                )
            if spec is not None:
                self._refuse_place(one, spec)
            loss = self._count(one.id)
            self._enter(partial(_lose, volume=one.id, loss=loss, wall_ms=self._wall_ms)).result(PATIENCE_S)
            reach(Failpoint.REPLACE_LOST)
            log.warning("volume %s (%s): %s", one.id, path, loss_in_words(loss))
            self.refresh()
            self._mirror()  # a database that is lost now would know the new one for a stranger in the old one's place
            by = self._begin(spec) if spec is not None else None
            self._mirror()
            return Replaced(one.id, loss, by)

    def configure(self, specs: Sequence[VolumeSpec]) -> Reconfigured:
        """From now on these are configured; what that changed. `VolumeRefused` if none of them can be used."""
        with self._acting:
            before, served = self._inventory.specs, self._served()
            self._inventory.configure(specs)
            self._enter(_nothing).result(PATIENCE_S)  # those that came are entered
            self._settle(self._inventory.opened)
            self.refresh()
            opened = {volume.path: volume.id for volume in self._inventory.opened}
            paths = {spec.path for spec in specs}
            said = [self._inventory.why(path) for path in paths if path not in opened]
            left = [one for one in self._inventory.known if one.belongs and not one.empty and one.path not in paths]
            said += [
                message(
                    "volume.configured-no-longer",
                    "volume {path} ({volume}) is configured no longer: nothing new is recorded there, and what it"
                    " holds is looked after as long as its disk is there",
                    path=str(one.path),
                    volume=one.id,
                )
                for one in left
                if not one.retired
            ]
            now = self._served()
            return Reconfigured(
                came=tuple(spec.path for spec in specs if spec.path in now - served),
                retired=tuple(spec.path for spec in specs if spec.path in opened.keys() - now),
                left_out=tuple(spec.path for spec in before if spec.path not in paths),
                warnings=tuple(said),
            )

    def _served(self) -> set[Path]:
        """Where footage goes."""
        return {volume.path for volume in self._inventory.opened if self._inventory.is_served(volume)}

    def forget_overdue(self, policy: Policy) -> int:
        """Rows of volumes that are gone for good, once their ceilings are past; how many. At most some at a time."""
        lost = [one.id for one in self._inventory.known if one.loss is not None and not one.empty]
        fact = partial(_forget_overdue, life=self._life, clock=self._clock, policy=policy)
        return sum(self._database.submit(partial(fact, volume=volume), yielding=True).result() for volume in lost)

    @property
    def _wall_ms(self) -> int:
        return self._clock.now().wall_ms

    def _told(self, volume: Volume, there: bool) -> None:
        """A volume came or went: entered without waiting, in the order in which it happens."""
        if there:
            self._enter(arrival(volume, self._clock))
        else:
            self._enter(partial(volumes_table.gone, volume=volume.id, wall_ms=self._wall_ms))

    def _enter(self, fact: Callable[[Connection], Any]) -> Future[Any]:
        return self._database.submit(fact)

    def _named(self, name: str) -> KnownVolume:
        """By id or by path; of several at one path the one that belongs there."""
        by_path = self._inventory.at(Path(name)) if name.startswith("/") else None
        found = by_path or next((one for one in self._inventory.known if one.id == name), None)
        if found is None:
            raise UnknownId(
                message("volume.unknown", "there is no volume {volume}", volume=name),
                message("volume.unknown.action", "`edgectl volume list` shows those there are"),
            )
        return found

    def _retire(self, one: KnownVolume, *, retired: bool) -> KnownVolume:
        fact = partial(volumes_table.retire, volume=one.id, wall_ms=self._wall_ms, retired=retired)
        self._enter(fact).result(PATIENCE_S)
        self.refresh()
        return self._named(one.id)

    def _strike_off(self, one: KnownVolume) -> KnownVolume:
        fact = partial(volumes_table.note_loss, volume=one.id, wall_ms=self._wall_ms)
        if not self._enter(fact).result(PATIENCE_S):
            raise OrderRefused(
                message("volume.struck-off", "volume {volume} was struck off already", volume=one.id),
                message("volume.unchanged", "nothing was changed"),
            )
        self.refresh()
        return self._named(one.id)

    def _begin(self, spec: VolumeSpec) -> str:
        """It is there from here on, and the database knows."""
        volume = self._inventory.open(spec)
        try:
            self._enter(arrival(volume, self._clock)).result(PATIENCE_S)
            self._settle([volume])
        finally:
            if volume not in self._inventory.opened:
                volume.close()
        log.info("volume %s is %s from now on", spec.path, volume.id)
        return volume.id

    def _refuse_place(self, one: KnownVolume, spec: VolumeSpec) -> None:
        """Where another disk should be by now: not empty, or still without one."""
        told = whose(spec.path)
        if told is not None:
            what = message(
                "volume.old-there",
                "volume {volume} of the box {box} is mounted there",
                volume=str(told.get("volume")),
                box=repr(told.get("node")),
            )
            action = message("volume.old-there.action", "Mount the new, empty disk there first.")
            raise refused(spec.path, what, action)
        if one.mount and one.mount not in {str(mount.at) for mount in read_mounts().now}:
            what = message(
                "volume.new-not-mounted",
                "the old volume lay on {mount}, and nothing is mounted there",
                mount=one.mount,
            )
            action = message(
                "volume.new-not-mounted.action", "Mount the new disk there first; or use another path for it."
            )
            raise refused(spec.path, what, action)
        others = {known.path for known in self._inventory.known if known.belongs} - {spec.path}
        refuse_unfit(spec, others)

    def _count(self, volume: str) -> VolumeLoss:
        """What is lost with a volume, page by page: of each group the newest, until they are past their floor."""
        as_is = self._database.read(partial(present, boot=self._life.boot, clock=self._clock, policy=Policy()))
        groups = self._database.read(partial(volumes_table.groups, volume=volume))
        below, first, last = 0, None, None
        for group in groups:
            before = None
            while rows := self._database.read(partial(volumes_table.newest_of_group, group=group.key, before=before)):
                kept = [row for row in rows if as_is.ages.age(row[0], row[1] + row[3]).low_ms < group.floor_s * 1000]
                if kept:
                    below += len(kept)
                    first = min(kept[-1][2], kept[-1][2] if first is None else first)
                    last = max(kept[0][2] + kept[0][3], kept[0][2] + kept[0][3] if last is None else last)
                if len(kept) < len(rows):
                    break
                before = rows[-1][0], rows[-1][1]
        pinned = self._database.read(partial(volumes_table.pinned, volume=volume))
        return VolumeLoss(sum(group.segments for group in groups), below, pinned, first, last)


def whose(path: Path) -> dict[str, str] | None:
    """What the identity file in a directory says; None without one. `VolumeRefused` where nobody can tell."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return read_identity(fd)
        except FileNotFoundError:
            return None
        finally:
            os.close(fd)
    except OSError as error:
        raise failed(path, error) from error
    except ValueError as error:
        what = message(
            "volume.identity-unreadable", "{file} cannot be read ({reason})", file=IDENTITY_NAME, reason=said(error)
        )
        raise refused(
            path, what, message("volume.identity-unreadable.action", "Check the disk; restore the file from a backup.")
        ) from error


def refuse_other_name(node: str, specs: Iterable[VolumeSpec], known: Collection[str]) -> None:
    """`NodeChanged` where a volume that the database knows bears another name: not another box's disk, but ours."""
    for spec in specs:
        with suppress(VolumeRefused):
            told = whose(spec.path)
            if told is not None and told.get("volume") in known and told.get("node") != node:
                raise NodeChanged(node, told.get("node", ""))


def refuse_known(path: Path, known: Sequence[KnownVolume]) -> None:
    """`VolumeRefused` where there is a volume already, or one belongs, as the database knows."""
    told = whose(path)
    mine = next((one for one in known if told and one.id == told.get("volume")), None)
    if mine is not None and mine.retired:
        what = message("volume.retired-here", "it is volume {volume}, which is retired", volume=mine.id)
        raise refused(
            path,
            what,
            message(
                "volume.retired-here.action", "To use it again: edgectl volume retire {volume} --undo", volume=mine.id
            ),
        )
    if told is not None:
        what = message(
            "volume.belongs-to",
            "it is volume {volume} of the box {box} already",
            volume=str(told.get("volume")),
            box=repr(told.get("node")),
        )
        raise refused(
            path,
            what,
            message(
                "volume.belongs-to.action", "If it is this box's own, write it into the configuration, and reload."
            ),
        )
    home = next((one for one in known if one.path == path and one.belongs), None)
    if home is not None:
        what = message(
            "volume.no-identity",
            "volume {volume} belongs here, but there is no {file}",
            volume=home.id,
            file=IDENTITY_NAME,
        )
        raise refused(
            path,
            what,
            message(
                "volume.disk-missing.action",
                "Mount its disk. If it is gone for good: edgectl volume replace {path}",
                path=str(path),
            ),
        )


def refuse_unfit(spec: VolumeSpec, others: Collection[Path] = ()) -> None:
    """Checked before anything is changed: what founding would refuse, and too little room."""
    try:
        fd = os.open(spec.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            check(fd, spec.path, others)
            space = os.fstatvfs(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise failed(spec.path, error) from error
    if space.f_bavail * space.f_frsize <= spec.reserve_of(space.f_blocks * space.f_frsize):
        raise refused(
            spec.path,
            message("volume.no-room", "it has less free than its reserve"),
            message("volume.no-room.action", "Free space there, or use a smaller `reserve`."),
        )


def _nothing(_: Connection) -> None:
    """A place in the queue of facts."""


def _lose(connection: Connection, volume: str, loss: VolumeLoss, wall_ms: int) -> None:
    """With it go the segments that were in progress there: nobody will adopt them."""
    for row in segments_queries.open_rows_of_volume(connection, volume):
        gone = message("gap.volume-gone", "its volume is gone for good")
        segments_table.drop_without_file(connection, row, GapCause.IO_ERROR, gone)
    volumes_table.lose(connection, volume, loss, wall_ms)


def _forget_overdue(connection: Connection, volume: str, life: DaemonRun, clock: Clock, policy: Policy) -> int:
    as_is = present(connection, life.boot, clock, policy)
    overdue = segments_queries.garbage_of_volume(connection, volume, OVERDUE_MAX)
    for row in overdue:
        ring_table.delete_row(connection, row, as_is.now, as_is.ages)
    count, covering = len(overdue), pins_table.covering(connection)
    for group, _ in ring_table.oldest(connection, volume):
        for row in ring_table.page(connection, group, None, OVERDUE_MAX - count):
            decision = judge(candidate(row, as_is.ages), as_is.bounds.get(row.camera))
            if not decision.destroy or covering.protects(row):
                break
            age_ms = decision.candidate.start_age.low_ms
            ring_table.condemn(connection, row, decision.reason.value, decision.bounds, age_ms)
            ring_table.delete_row(connection, row, as_is.now, as_is.ages)
            count += 1
    return count
