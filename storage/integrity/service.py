"""For all who look at files (`Store.checks`): tamper watch, rescan, fsck, and what they found.

Blocking and thread-safe; one look at a time but for `fsck`, which has a run of its own. Keeps S4's second half: what
differs becomes a finding, a leaf and, through `tampered`, an alarm, and ceases to be one when the file is as it was.
Reading a file's content is paced: recording needs the disks more.

The rescan (`Round`) looks at the whole ring within a day, in small rounds, so that no watch need be perfect: in a
thread of its own, some rows a round. It goes by rows (is the file there, of its size; is it later changed than it
was written: then its content), then by directories (what has no row), and begins again. Where it is stands in the
database, so that a restart goes on; what changed while edged was down is found like everything else.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol

from storage.ages.history import DaemonRun
from storage.database.writer import Database
from storage.files import become_idle
from storage.integrity import fsck
from storage.integrity import queries as integrity_queries
from storage.integrity.compare import FOUND, OUR_NAMES, Fault, Look, Touched, aim, how_closely, is_day, is_segment
from storage.integrity.fsck import Check, Fsck, FsckReport, Scope, Site
from storage.integrity.inspect_file import NameInspector, Stopped, VolumeDirectory, look_at, names
from storage.pins import table as pins_table
from storage.retention.plan import Policy
from storage.retention.service import present
from storage.segments import findings_table
from storage.segments.coverage_queries import ReadQuery
from storage.segments.findings_table import FaultKind, FileFinding, FindingEnd, RescanProgress, TamperedFiles
from storage.segments.queries import PAGE_MAX
from storage.volumes import table as volumes_table
from storage.words.clock import Clock
from storage.words.errors import StoreBusy
from storage.words.layout import aside_path, from_words, is_camera
from storage.words.message import message

ROWS_PASS_S: Final = 12 * 3600
"""All rows within this, and all directories in what is left of a day."""
ROWS_MIN: Final = 100
"""Looked at in a round however small the ring is: a few milliseconds."""
ROWS_MAX: Final = 5000
"""Looked at in a round at the most: 20 million rows in 12 h, 10 s a round."""
DIRECTORIES: Final = 16
"""Of days, in a round: 64 cameras × 365 days in 4 h."""
SLACK_MS: Final = 5_000
"""A file is synced and renamed so soon after its last picture; what changed later than this is read once."""

Judge = Callable[[VolumeDirectory, PurePosixPath, bool], None]
"""Looks at a name that seems wrong, its content too where asked, and enters what it finds."""


def share(total: int, since_s: float) -> int:
    """How many of all rows are due after so long. Pure."""
    return min(ROWS_MAX, max(ROWS_MIN, math.ceil(total * since_s / ROWS_PASS_S)))


def is_suspicious(changed_ms: int, end_wall_ms: int, before_ms: int) -> bool:
    """Changed after it was written, and since the last pass began, which has read it otherwise. By the wall clock, so
    only a hint; `edgectl fsck --level hash` reads everything. Pure."""
    return changed_ms > max(end_wall_ms + SLACK_MS, before_ms - SLACK_MS)


class Round:
    """One round of a pass."""

    def __init__(
        self, read: ReadQuery, inspector: NameInspector, disks: Mapping[str, VolumeDirectory], judge: Judge
    ) -> None:
        self._read = read
        self._inspector = inspector
        self._disks = disks
        self._judge = judge

    def go(self, at: RescanProgress, since_s: float, pause: Callable[[float], None]) -> RescanProgress:
        """From here on; where the next round goes on. `pause` may raise: then this round is done again."""
        total, _ = self._read(integrity_queries.size_of_ring)
        left = share(total, since_s)
        while not at.directory and left > 0:
            began = time.monotonic()
            asked = min(left, PAGE_MAX)
            claims, last = self._read(partial(integrity_queries.rows_after, after=at.segment, limit=asked))
            for claim in claims:
                self._row(claim, at.before_ms)
            pause(time.monotonic() - began)
            at, left = replace(at, segment=at.segment if last is None else last), left - asked
            if len(claims) < asked:  # what is recorded from here on is watched
                at = replace(at, directory="/")
        if not at.directory:
            return at
        for number, (name, disk, day) in enumerate(self._days(at.directory)):
            if number == DIRECTORIES:
                return at
            began = time.monotonic()
            self.day(disk, day)
            pause(time.monotonic() - began)
            at = replace(at, directory=name)
        return replace(at, done=True)

    def _row(self, claim: integrity_queries.Claimed, before_ms: int) -> None:
        disk = self._disks.get(claim.row.volume)
        if disk is None:
            return
        seen = look_at(disk, claim.row.relative)
        kinds = set(self._inspector.kinds(disk, claim.row.relative, claim, seen)) - {FaultKind.MODE}
        deep = seen is not None and is_suspicious(seen.changed_ms, claim.row.end.wall_ms, before_ms)
        if kinds or (deep and claim.row.sha256 is not None):
            self._judge(disk, claim.row.relative, deep)

    def _days(self, after: str) -> Iterator[tuple[str, VolumeDirectory, PurePosixPath]]:
        """Directories of days behind that one, in order; strange names on the way are judged."""
        for volume, disk in sorted(self._disks.items()):
            if f"{volume}0" <= after:  # "0" follows "/": all of it lies before
                continue
            for camera, seen in names(disk, PurePosixPath(".")):
                if camera.name in OUR_NAMES or f"{volume}/{camera}0" <= after:
                    continue
                if not seen.directory or not is_camera(camera.name):
                    self._judge(disk, camera, False)
                    continue
                for day, inner in names(disk, camera):
                    if not inner.directory or not is_day(day.name):
                        self._judge(disk, day, False)
                    elif (name := f"{volume}/{day}") > after:
                        yield name, disk, day

    def day(self, disk: VolumeDirectory, day: PurePosixPath) -> None:
        """What lies in a directory and has no row, or not that one."""
        found = names(disk, day)
        for begin in range(0, len(found), PAGE_MAX):
            page = found[begin : begin + PAGE_MAX]
            claims = self._read(partial(integrity_queries.claims_of, volume=disk.id, paths=[name for name, _ in page]))
            for relative, seen in page:
                kinds = self._inspector.kinds(disk, relative, claims.get(relative), seen)
                if set(kinds) - {FaultKind.MODE}:
                    self._judge(disk, relative, False)


PAUSE_SHARE: Final = 2.0
"""After each stretch of work on a disk so many times as long is waited: at most a third of the disk is ours."""
PAUSE_MAX_S: Final = 5.0
"""A read that took very long was not all our doing."""
PASS_PAUSE_MS: Final = 3_600_000
"""A small ring is not looked at without end: once an hour is enough."""
REVIEWED: Final = 100
"""Standing findings looked at again in a round."""


Adopt = Callable[[str, PurePosixPath], object]
"""Take what lies in a directory of a volume without a row into the catalog, unproven or quarantined."""


class PinRepair(Protocol):
    """The desk of pins (`storage.pins.service`)."""

    def put_back(self, volume: str, pin: str, lacks: PurePosixPath | None = None) -> None:
        """Somebody was at what a pin has on a volume, as the link of the segment `lacks`: it is made anew."""


class Checks:
    """Tamper watch, rescan and fsck, one look at a time."""

    def __init__(
        self,
        database: Database,
        life: DaemonRun,
        clock: Clock,
        pool: Callable[[], Mapping[str, Any]],
        adopt: Adopt,
        desk: PinRepair,
        more: Sequence[Check],
        stop: threading.Event,
    ) -> None:
        """`more`: checks of what lies beside the footage that `fsck` makes, too."""
        self._database = database
        self._life = life
        self._clock = clock
        self._present = pool
        self._adopt = adopt
        self._pins = desk
        self._more = more
        self._stop = stop
        self._inspector = NameInspector(database.read, os.geteuid(), self._pause)
        self._looking = threading.Lock()
        self._checking = threading.Lock()
        self._reviewed = 0
        self._round_s: float | None = None
        self._began_here = False
        self._passed_ms: int | None = None
        """Boottime at the end of the last pass of this run."""

    def examine(self, touched: Sequence[Touched]) -> int:
        """Look at what something happened to; how many findings that made. What does not belong there is adopted."""
        new = 0
        with self._idle():
            disks = self._present()
            for one in touched:
                disk = disks.get(one.volume)
                relative = aim(one.relative)
                look = how_closely(relative, one.what, directory=one.directory)
                if disk is None or look is Look.NONE:
                    continue
                with _lenient():
                    if look is Look.CAMERA:
                        new += sum(self._day(disk, day) for day, _ in names(disk, relative))
                    elif look is Look.DAY:
                        new += self._day(disk, relative)
                    elif look is Look.PIN:
                        new += self._papers(disk, relative.parts[1] if len(relative.parts) > 1 else None)
                        continue
                    new += self._name(disk, relative, deep=look is Look.DEEP)
        return new

    def _papers(self, disk: VolumeDirectory, pin_id: str | None = None) -> int:
        """What tells of pins on a volume. It is told first, and then put back."""
        new = 0
        for fault in fsck.faults(self._database.read, disk, pin_id):
            new += self.enter([fault])
            with _lenient():
                self._pins.put_back(disk.id, from_words(fault.where).parts[1])
        return new

    def _day(self, disk: VolumeDirectory, day: PurePosixPath) -> int:
        """Everything in a directory, and everything that should be."""
        should = {row.relative for row in integrity_queries.rows_of_day(self._database.read, disk.id, day)}
        there = {relative for relative, _ in names(disk, day)}
        return sum(self._name(disk, relative, deep=False) for relative in sorted(should | there))

    def _name(self, disk: VolumeDirectory, relative: PurePosixPath, *, deep: bool) -> int:
        faults = [fault for fault in self._inspector.inspect(disk, relative, deep=deep) if fault.kind in FOUND]
        if any(fault.kind in (FaultKind.APPEARED, FaultKind.STRANGE, FaultKind.PIN) for fault in faults):
            self._database.submit(_nothing, yielding=True).result()  # its row may be on its way to the writer
            faults = [fault for fault in self._inspector.inspect(disk, relative, deep=deep) if fault.kind in FOUND]
        new = self.enter(faults)
        for pinned in [fault.segment for fault in faults if fault.kind is FaultKind.PIN and fault.segment is not None]:
            for pin_id in self._database.read(partial(pins_table.ids_of, segments=[pinned])).get(pinned, ()):
                self._pins.put_back(disk.id, pin_id, relative)
        if any(fault.kind is FaultKind.APPEARED for fault in faults) and is_segment(relative.name):
            self._adopt(disk.id, relative.parent)
        kinds = {fault.kind for fault in faults}
        for finding in self._database.read(partial(findings_table.standing_at, volume=disk.id, path=relative)):
            if finding.kind not in kinds:
                self._review(disk, finding)
        return new

    def enter(self, faults: Sequence[Fault]) -> int:
        """Make findings of these, as far as they are of files; how many are new."""
        now_ms = self._clock.now().wall_ms
        new = 0
        for fault in faults:
            if fault.kind in FOUND:
                finding = FileFinding(0, fault.volume, from_words(fault.where), fault.kind, fault.segment, now_ms)
                new += self._database.submit(partial(findings_table.record_finding, finding=finding)).result()
        return new

    def rescan(self) -> bool:
        """One round; True while a pass is under way. Standing findings are looked at again, too."""
        with self._idle():
            now = self._clock.now()
            at = _believed(self._database.read(findings_table.rescan), now.wall_ms)
            if at.done and self._passed_ms is not None and now.boottime_ms - self._passed_ms < PASS_PAUSE_MS:
                self.review()
                return False
            if at.done:
                at = RescanProgress(now.wall_ms, at.began_ms, 0, "", done=False)
                self._began_here = True
                self._all_papers()
            since_s = 0.0 if self._round_s is None else time.monotonic() - self._round_s
            self._round_s = time.monotonic()
            disks = self._present()
            judge = Round(self._database.read, self._inspector, disks, self._judge)
            at = judge.go(at, since_s, self._pause)
            self._database.submit(partial(findings_table.remember_rescan, to=at)).result()
            if at.done and self._began_here:  # one that an earlier run began has not seen what happened since
                self._passed_ms = now.boottime_ms
            self.review()
        return not at.done

    def _all_papers(self) -> None:
        for disk in self._present().values():
            with _lenient():
                self._papers(disk)

    def again(self) -> None:
        """Something may have been overlooked: another pass begins as soon as this one is done."""
        self._passed_ms, self._began_here = None, False

    def _judge(self, disk: VolumeDirectory, relative: PurePosixPath, deep: bool) -> None:
        with _lenient():
            self._name(disk, relative, deep=deep)

    def review(self) -> None:
        """Some of the standing findings, in turn: is it as it was again, or has its time come?"""
        disks = self._present()
        page = self._database.read(partial(findings_table.standing, after=self._reviewed, limit=REVIEWED))
        self._reviewed = page[-1].id if len(page) == REVIEWED else 0
        for finding in page:
            disk = disks.get(finding.volume)
            if disk is not None:
                with _lenient():
                    self._review(disk, finding)

    def _review(self, disk: VolumeDirectory, finding: FileFinding) -> None:
        end = self._end_of(disk, finding)
        if end is not None:
            now_ms = self._clock.now().wall_ms
            self._database.submit(partial(findings_table.settle, finding=finding, end=end, now_ms=now_ms)).result()

    def _end_of(self, disk: VolumeDirectory, finding: FileFinding) -> FindingEnd | None:
        """None while it stands. What did not belong there does not belong there because it was taken in."""
        if finding.kind in (FaultKind.APPEARED, FaultKind.STRANGE):
            aside = aside_path(finding.path)
            return None if look_at(disk, finding.path) or look_at(disk, aside) else FindingEnd.AGREES
        if finding.kind == FaultKind.SIDECAR:
            return self._end_of_sidecar(disk, finding.path.parts[1])
        if finding.segment is not None:
            claim = self._database.read(partial(integrity_queries.claimed, segment=finding.segment))
            if claim is None:
                return FindingEnd.DESTROYED
        deep = finding.kind in (FaultKind.CONTENT, FaultKind.UNREADABLE)
        kinds = {fault.kind for fault in self._inspector.inspect(disk, finding.path, deep=deep)}
        return None if finding.kind in kinds or kinds & {FaultKind.MISSING, FaultKind.SIZE} else FindingEnd.AGREES

    def _end_of_sidecar(self, disk: VolumeDirectory, pin_id: str) -> FindingEnd | None:
        """It says again what the row does, or its pin has ended. Until it was written anew nobody can tell."""
        pin = self._database.read(partial(pins_table.find, pin_id=pin_id))
        if pin is None or not pin.state.lasts:
            return FindingEnd.DESTROYED
        filed = self._database.read(partial(pins_table.filed, volume=disk.id, pin_id=pin_id))
        return FindingEnd.AGREES if filed and not list(fsck.faults(self._database.read, disk, pin_id)) else None

    def tampered(self) -> list[TamperedFiles]:
        """Volumes with findings, for the alarms; cheap."""
        return self._database.read(findings_table.tampered)

    def present(self) -> dict[str, Path]:
        """Where the volumes lie that are there and of which everything is known, by id."""
        return {volume: disk.path for volume, disk in self._present().items()}

    def paths(self) -> dict[str, Path]:
        """Where each volume is, by id, away or not."""
        return {one.id: one.path for one in self._database.read(volumes_table.known)}

    def fsck(
        self,
        scope: Scope,
        policy: Policy,
        progress: Callable[[Mapping[str, Any]], None],
        gone: threading.Event,
    ) -> FsckReport:
        """Everything, at that level, under what is configured; findings are entered.

        StoreBusy while another one runs, Stopped when `gone`.
        """
        if not self._checking.acquire(blocking=False):
            raise StoreBusy(
                message("fsck.runs", "another fsck is running"), message("fsck.runs.action", "wait for it to end")
            )
        try:
            become_idle()

            def wait(seconds: float) -> None:
                if self._stop.is_set() or gone.wait(seconds):
                    raise Stopped

            as_is = partial(present, boot=self._life.boot, clock=self._clock, policy=policy)
            site = Site(
                self._database.read,
                self._present(),
                lambda: self._database.read(as_is),
                os.geteuid(),
                live=True,
                more=(fsck.of_site, *self._more),
            )
            report = Fsck(site, scope, pace=lambda s: wait(pause_after(s)), progress=progress, wait=wait).run()
            self.enter(report.faults)
            return report
        finally:
            self._checking.release()

    @contextmanager
    def _idle(self) -> Iterator[None]:
        """One look at a time; a stop ends it between two blocks, and it is done again later."""
        with self._looking:
            become_idle()
            try:
                yield
            except Stopped:
                return

    def _pause(self, worked_s: float) -> None:
        if self._stop.wait(pause_after(worked_s)):
            raise Stopped


def _believed(at: RescanProgress, now_ms: int) -> RescanProgress:
    """A pass from the future has read nothing: the clock was ahead then, or somebody wants it to pass over a file."""
    began_ms, before_ms = (0 if ms > now_ms else ms for ms in (at.began_ms, at.before_ms))
    return replace(at, began_ms=began_ms, before_ms=before_ms)


def _nothing(_connection: object) -> None:
    """A fact that waits its turn and is none."""


def pause_after(worked_s: float) -> float:
    """How long to wait after so much work on a disk."""
    return min(PAUSE_MAX_S, worked_s * PAUSE_SHARE)


@contextmanager
def _lenient() -> Iterator[None]:
    """A file that cannot be looked at now is looked at by the next rescan; a volume that is away says so itself."""
    try:
        yield
    except OSError:
        return
