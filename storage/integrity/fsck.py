"""`edgectl fsck`: every promise that can be checked by looking, each fault named by the promise it breaks.

Blocking, read-only, slow on purpose: it pauses as its owner says, reads rows in pages, and looks again at the end at
whatever seemed wrong, because the daemon records and destroys meanwhile. Files are judged by
`storage.integrity.compare`. Needs no writer: with the daemon down it runs on the files alone (`storage.store.offline`).

Sidecars of pins are held against their rows (S2, S13) for `fsck`, the rescan and the tamper watch alike. A difference
counts only if the row said the same before and after the look: a sidecar is written before its row is told of it, and
goes after the row that has ended.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final

from storage.ages.history import History
from storage.integrity import queries as integrity_queries
from storage.integrity.compare import LEDGER_NAME, OFFICE_NAME, PINS_NAME, Fault, is_loose
from storage.integrity.inspect_file import NameInspector, Pace, VolumeDirectory, fault, look_at, names, row_of, unpaced
from storage.pins import sidecar
from storage.pins import table as pins_table
from storage.pins.table import Filed
from storage.retention.plan import effective
from storage.retention.service import InForce
from storage.segments import coverage_queries
from storage.segments.coverage_queries import ReadQuery
from storage.segments.findings_table import FaultKind
from storage.segments.queries import PAGE_MAX
from storage.volumes import table as volumes_table
from storage.volumes.table import KnownVolume, VolumeRemains
from storage.volumes.volume import read_identity
from storage.words.errors import UnknownId, said
from storage.words.layout import IDENTITY_NAME, is_camera
from storage.words.message import Message, message
from storage.words.model import Bounds, SegmentState

FAULTS_MAX: Final = 1000
"""Named one by one; of more only the number is told: nobody reads them, and they would fill memory."""
SETTLE_S: Final = 2.0
"""What seemed wrong is looked at again after this: a commit or a destruction takes less."""
LATE_MS: Final = 3_600_000
"""S3's hour of running time past a ceiling."""
LATE_SHARE: Final = 30 * 24
"""S3: one hour more for so many hours that the box was down."""
UNEXPLAINED_MS: Final = 1000
"""The grain of S9."""
KEEP_DISK: Final = message(
    "fsck.lost.action", "keep the disk for whoever may read it; it is told until all of that would have been destroyed"
)


class Level(IntEnum):
    """How closely a file is looked at; each includes those before."""

    PRESENCE = 1
    SIZE = 2
    HASH = 3


@dataclass(frozen=True, slots=True)
class Scope:
    """What is asked for; None: everything. Checks of the database as a whole are left out where it is narrowed."""

    level: Level
    camera: str | None = None
    volume: str | None = None

    @property
    def whole(self) -> bool:
        return self.camera is None and self.volume is None


@dataclass(slots=True)
class FsckReport:
    """What was found, and how much was looked at."""

    faults: list[Fault] = field(default_factory=list)
    more: int = 0
    """Faults beyond FAULTS_MAX."""
    segments: int = 0
    files: int = 0
    whole_only: int = 0
    """Segments recorded before edged told of fragments: at level HASH nothing but the whole file could be compared."""
    read_bytes: int = 0
    took_s: float = 0.0

    def add(self, found: Fault) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(found)
        else:
            self.more += 1


@dataclass(frozen=True, slots=True)
class Site:
    """What is checked, by which clock, and under which bounds."""

    read: ReadQuery
    disks: Mapping[str, VolumeDirectory]
    present: Callable[[], InForce]
    """Ages and bounds as they hold now; asked anew as a long run goes on."""
    uid: int
    live: bool = False
    """Rows and files may change meanwhile."""
    more: Sequence[Check] = ()
    """Of what lies beside the footage: sidecars of pins, mirrors of the ledger."""


Check = Callable[[Site, Level, Pace], Iterator[Fault]]
Progress = Callable[[Mapping[str, Any]], None]


class Fsck:
    """One run."""

    def __init__(
        self,
        site: Site,
        scope: Scope,
        *,
        pace: Pace = unpaced,
        progress: Progress = lambda _: None,
        wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`wait` lets what is under way settle; it raises Stopped when nobody waits for the report any more."""
        self._site = site
        self._scope = scope
        self._pace = pace
        self._progress = progress
        self._wait = wait
        self._inspector = NameInspector(site.read, site.uid, pace)
        self._report = FsckReport()
        self._suspects: dict[tuple[str, PurePosixPath], None] = {}
        self._broken: set[str] = set()
        self._total, self._total_bytes = site.read(integrity_queries.size_of_ring)
        self._began = time.monotonic()

    def run(self) -> FsckReport:
        """All checks, the quick ones first. Raises Stopped; UnknownId where what is to be looked at does not exist."""
        self._refuse_unknown()
        if self._scope.whole:
            for check in (self._database, self._leaves, self._counters):
                self._take(check())
            for more in self._site.more:
                self._take(more(self._site, self._scope.level, self._pace))
        self._take(self._chains())
        self._take(self._volumes())
        self._take(self._lost())
        self._rows()
        for disk in self._disks():
            self._on_disk(disk, partial(self._names, disk))
        self._again()
        self._report.read_bytes = self._inspector.read_bytes
        self._report.took_s = time.monotonic() - self._began
        return self._report

    def _refuse_unknown(self) -> None:
        """A slip must not be told that all is well."""
        camera, volume = self._scope.camera, self._scope.volume
        if camera is not None and camera not in {name for name, _, _ in self._site.read(integrity_queries.cameras)}:
            raise UnknownId(
                message("camera.unknown", "there is no camera {camera}", camera=camera),
                message("camera.unknown.action", "`edgectl cameras` lists them"),
            )
        if volume is not None and not any(
            volume in (one.id, str(one.path)) for one in self._site.read(volumes_table.known)
        ):
            raise UnknownId(
                message("volume.unknown", "there is no volume {volume}", volume=volume),
                message("volume.unknown.action", "`edgectl volume list` shows those there are"),
            )

    def _take(self, faults: Iterator[Fault]) -> None:
        for found in faults:
            self._report.add(found)

    def _disks(self) -> list[VolumeDirectory]:
        """Those asked for, as far as it is known what lies there."""
        wanted, unknown = self._scope.volume, self._site.read(integrity_queries.unreconciled)
        return [
            disk
            for volume, disk in self._site.disks.items()
            if wanted in (None, volume, str(disk.path)) and volume not in unknown
        ]

    def _on_disk(self, disk: VolumeDirectory, work: Callable[[], None]) -> None:
        """A disk that fails is told once, and let be."""
        if disk.id in self._broken:
            return
        try:
            work()
        except OSError as error:
            self._broken.add(disk.id)
            what = message("fsck.unreadable", "it cannot be looked at: {reason}", reason=said(error))
            self._report.add(
                Fault(
                    FaultKind.UNREADABLE,
                    disk.id,
                    str(disk.path),
                    what,
                    message("fsck.look-at-disk", "check the disk and `dmesg`"),
                )
            )

    def _database(self) -> Iterator[Fault]:
        for words in self._site.read(partial(integrity_queries.unsound, thorough=self._scope.level is Level.HASH)):
            yield Fault(
                FaultKind.DATABASE,
                "",
                "edged.db",
                message("fsck.database", "SQLite says: {text}", text=words),
                message("fsck.rebuild", "stop edged, then `edgectl rebuild`"),
            )

    def _leaves(self) -> Iterator[Fault]:
        after = 0
        while True:
            missing, last = self._site.read(partial(integrity_queries.hole_in_leaves, after=after))
            self._breathe()
            if missing is not None:
                what = message(
                    "fsck.leaf-missing", "leaf {leaf} is missing: the next one is {next}", leaf=missing, next=last or 0
                )
                yield Fault(
                    FaultKind.LEAVES,
                    "",
                    message("ledger.leaf", "leaf {leaf}", leaf=missing),
                    what,
                    message("fsck.leaf-missing.action", "somebody changed the database: find out who"),
                )
            if last is None:
                return
            after = last

    def _counters(self) -> Iterator[Fault]:
        group = (0, 0, 0, 0)
        while following := self._site.read(partial(integrity_queries.next_group, after=group)):
            group = following
            counted, real = self._site.read(partial(integrity_queries.recount, group=group))
            self._breathe()
            if counted != real:
                where = self._site.read(partial(integrity_queries.name_of_group, group=group))
                what = message(
                    "fsck.counter",
                    "counted {counted} segments of {size} bytes, there are {real} of {real_size}",
                    counted=counted[0],
                    size=counted[1],
                    real=real[0],
                    real_size=real[1],
                )
                yield Fault(
                    FaultKind.COUNTER, "", where, what, message("fsck.counter.action", "`edgectl rebuild` counts anew")
                )

    def _chains(self) -> Iterator[Fault]:
        """S9, in wall time, as people ask: what neither a segment nor a gap with a cause accounts for."""
        for camera, since_ms, until_ms in self._site.read(integrity_queries.cameras):
            if self._scope.camera not in (None, camera):
                continue
            found = coverage_queries.of(self._site.read, camera, since_ms, until_ms, None)
            self._breathe()
            if found.unexplained_ms >= UNEXPLAINED_MS:
                what = message(
                    "fsck.unexplained",
                    "{span} s are neither recorded nor explained",
                    span=f"{found.unexplained_ms / 1000:.1f}",
                )
                action = message(
                    "fsck.unexplained.action", "`edgectl gaps --camera {camera}` lists what is known", camera=camera
                )
                yield Fault(FaultKind.HOLE, "", message("fsck.camera", "camera {camera}", camera=camera), what, action)

    def _volumes(self) -> Iterator[Fault]:
        """S10: each volume that should hold footage is there, and is who it should be."""
        unknown = self._site.read(integrity_queries.unreconciled)
        for volume, path in self._site.read(integrity_queries.volumes_with_footage).items():
            if self._scope.volume not in (None, volume, path):
                continue
            disk = self._site.disks.get(volume)
            if volume in unknown:
                what = message("fsck.not-known", "what lies there is not known yet: the database is being made anew")
                yield Fault(
                    FaultKind.DATABASE,
                    volume,
                    path,
                    what,
                    message("fsck.not-known.action", "check again once that is done: see `edgectl alarms`"),
                )
                continue
            if disk is None:
                what = message(
                    "fsck.volume-away", "volume {volume} is not there: nothing on it was looked at", volume=volume
                )
                yield Fault(
                    FaultKind.IDENTITY,
                    volume,
                    path,
                    what,
                    message("fsck.volume-away.action", "mount its disk, and check again"),
                )
                continue
            try:
                with disk.held() as root:
                    told = read_identity(root).get("volume")
            except (OSError, ValueError):
                told = None
            if told != volume:
                what = message(
                    "fsck.identity", "{file} does not say that it is volume {volume}", file=IDENTITY_NAME, volume=volume
                )
                yield Fault(
                    FaultKind.IDENTITY,
                    volume,
                    path,
                    what,
                    message("fsck.identity.action", "put the file back as it was"),
                )

    def _lost(self) -> Iterator[Fault]:
        """S4: each volume that is gone for good is told once, with all that went with it."""
        for one in self._site.read(volumes_table.known):
            if one.loss is None or self._scope.volume not in (None, one.id, str(one.path)):
                continue
            gone = self._site.read(partial(volumes_table.remains, volume=one.id, camera=self._scope.camera))
            if gone is not None:
                yield Fault(FaultKind.LOST, one.id, str(one.path), in_words(gone, one), KEEP_DISK)

    def _rows(self) -> None:
        after: int | None = 0
        while after is not None:
            began = time.monotonic()
            claims, after = self._site.read(
                partial(integrity_queries.rows_after, after=after, camera=self._scope.camera)
            )
            as_is = self._site.present()
            configured = as_is.bounds
            for claim in claims:
                if self._scope.volume not in (None, claim.row.volume, str(claim.row.volume_path)):
                    continue
                self._report.segments += 1
                self._terms(claim, as_is.ages, effective(claim.row.bounds, configured.get(claim.row.camera)))
                disk = self._site.disks.get(claim.row.volume)
                if disk is not None:
                    self._on_disk(disk, partial(self._row, disk, claim))
                if self._report.segments % 100 == 0:
                    self._tell(message("fsck.stage-files", "files of segments"))
            self._breathe(time.monotonic() - began)

    def _row(self, disk: VolumeDirectory, claim: integrity_queries.Claimed) -> None:
        seen = look_at(disk, claim.row.relative)
        kinds = self._inspector.kinds(disk, claim.row.relative, claim, seen)
        if self._scope.level is Level.PRESENCE:
            kinds = [kind for kind in kinds if kind is not FaultKind.SIZE]
        if self._scope.level is Level.HASH and seen is not None and FaultKind.SIZE not in kinds:
            kinds += self._inspector.content(disk, claim.row.relative, claim)
            self._report.whole_only += (
                self._site.read(partial(integrity_queries.parts_told, segment=claim.row.id)) is None
            )
            self._tell(message("fsck.stage-files", "files of segments"))
        if kinds:
            self._suspect(disk, claim.row.relative)

    def _terms(self, claim: integrity_queries.Claimed, ages: History, bounds: Bounds) -> None:
        """S1 and S3, by the low bound of the age."""
        row = claim.row
        where = str(row.relative)
        if claim.pins != claim.held or (claim.pins and row.state is SegmentState.GARBAGE):
            what = message(
                "fsck.pins",
                "segment {number} of {camera} ({state}) counts {counted} pins, {held} hold it",
                number=row.seq,
                camera=row.camera,
                state=row.state.value,
                counted=claim.pins,
                held=claim.held,
            )
            self._report.add(
                Fault(
                    FaultKind.PIN,
                    row.volume,
                    where,
                    what,
                    message("fsck.rebuild", "stop edged, then `edgectl rebuild`"),
                    row.id,
                )
            )
        if row.state is SegmentState.GARBAGE:
            end = ages.age(row.end.boot, row.end.boottime_ms)
            if end.high_ms is not None and end.high_ms < row.bounds.floor_s * 1000:
                what = message(
                    "fsck.floor",
                    "segment {number} of {camera} is being destroyed before its floor",
                    number=row.seq,
                    camera=row.camera,
                )
                action = message(
                    "fsck.floor.action",
                    'only `on_full = "overwrite"` may do that, and leaves a leaf: see `edgectl alarms`',
                )
                self._report.add(Fault(FaultKind.FLOOR, row.volume, where, what, action, row.id))
        elif row_of(claim).settled and claim.pins == 0 and row.volume in self._site.disks:
            start = ages.age(row.start.boot, row.start.boottime_ms)
            down_ms = max(0, (start.high_ms or start.low_ms) - start.low_ms)
            late_ms = start.low_ms - bounds.ceiling_s * 1000 - LATE_MS - down_ms // LATE_SHARE
            if late_ms > 0:
                what = message(
                    "fsck.ceiling",
                    "segment {number} of {camera} is past its ceiling and still there",
                    number=row.seq,
                    camera=row.camera,
                )
                action = (
                    message("fsck.ceiling.action", "see `edgectl alarms`")
                    if self._site.live
                    else message("fsck.ceiling-start", "start edged: nothing goes while it is down")
                )
                self._report.add(Fault(FaultKind.CEILING, row.volume, where, what, action, row.id))

    def _names(self, disk: VolumeDirectory) -> None:
        """Each name on a volume has a row, or is one of ours."""
        for relative, seen in names(disk, PurePosixPath(".")):
            if relative.name in (PINS_NAME, LEDGER_NAME, OFFICE_NAME):
                continue  # they are checked by what the catalog says of them
            if self._scope.camera in (None, relative.name):
                self._name(disk, relative, None)
                if seen.directory and is_camera(relative.name) and relative.name != "lost+found":
                    self._check_mode(disk, relative)
                    self._days(disk, relative)

    def _days(self, disk: VolumeDirectory, camera: PurePosixPath) -> None:
        for day, seen in names(disk, camera):
            if not seen.directory:
                self._name(disk, day, None)
                continue
            self._check_mode(disk, day)
            self._day(disk, day)

    def _day(self, disk: VolumeDirectory, day: PurePosixPath) -> None:
        began = time.monotonic()
        found = names(disk, day)
        for begin in range(0, len(found), PAGE_MAX):
            page = found[begin : begin + PAGE_MAX]
            claims = self._site.read(
                partial(integrity_queries.claims_of, volume=disk.id, paths=[name for name, _ in page])
            )
            for relative, seen in page:
                claim = claims.get(relative)
                looked_at = claim is not None and relative == claim.row.relative  # with its row
                if not looked_at and self._inspector.kinds(disk, relative, claim, seen):
                    self._suspect(disk, relative)
        self._report.files += len(found)
        self._tell(message("fsck.stage-names", "names on volumes"))
        self._breathe(time.monotonic() - began)

    def _name(self, disk: VolumeDirectory, relative: PurePosixPath, claim: integrity_queries.Claimed | None) -> None:
        seen = look_at(disk, relative)
        if seen is not None and self._inspector.kinds(disk, relative, claim, seen):
            self._suspect(disk, relative)

    def _check_mode(self, disk: VolumeDirectory, directory: PurePosixPath) -> None:
        seen = look_at(disk, directory)
        if seen is not None and is_loose(seen, self._site.uid):
            self._report.add(fault(disk, directory, FaultKind.MODE, None))

    def _suspect(self, disk: VolumeDirectory, relative: PurePosixPath) -> None:
        if len(self._suspects) < FAULTS_MAX:
            self._suspects[disk.id, relative] = None
        else:
            self._report.more += 1

    def _again(self) -> None:
        """What seemed wrong is so only if it still is, after whatever was under way."""
        if self._suspects and self._site.live:
            self._wait(SETTLE_S)
        for number, (volume, relative) in enumerate(self._suspects):
            self._tell(message("fsck.stage-again", "what seemed wrong"), done=number, of=len(self._suspects))
            disk = self._site.disks[volume]
            self._on_disk(disk, partial(self._judge, disk, relative))

    def _judge(self, disk: VolumeDirectory, relative: PurePosixPath) -> None:
        for found in self._inspector.inspect(disk, relative, deep=self._scope.level is Level.HASH):
            if found.kind is not FaultKind.SIZE or self._scope.level is not Level.PRESENCE:
                self._report.add(found)

    def _breathe(self, worked_s: float = 0.0) -> None:
        self._pace(worked_s)

    def _tell(self, stage: Message, done: int | None = None, of: int | None = None) -> None:
        self._progress(
            {
                "stage": stage.told,
                "done": self._report.segments if done is None else done,
                "of": self._total if of is None else of,
                "bytes": self._inspector.read_bytes,
                "of_bytes": self._total_bytes if self._scope.level is Level.HASH else 0,
                "elapsed_s": round(time.monotonic() - self._began, 1),
            }
        )


def in_words(gone: VolumeRemains, of: KnownVolume) -> Message:
    """What went with a volume, and how much of it should be there, as counted when it was given up. Pure."""
    first, last = (f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}" for ms in gone.span_ms)
    if gone.segments == 1:
        segments = message("fsck.one-segment", "1 segment")
    else:
        segments = message("fsck.segments", "{count} segments", count=gone.segments)
    what = message(
        "fsck.lost",
        "volume {volume} is gone for good with {segments} of {cameras}, {size} bytes, recorded from {first} to {last}"
        " UTC",
        volume=of.id,
        segments=segments,
        cameras=list(gone.cameras),
        size=gone.bytes,
        first=first,
        last=last,
    )
    if of.loss is None or of.loss.harmless:
        return message(
            "fsck.lost-harmless", "{what}; when it was replaced nothing on it had to be kept any more", what=what
        )
    kept = message(
        "fsck.lost-kept",
        "{what}; when it was replaced {count} segments on it had to be kept (S1)",
        what=what,
        count=of.loss.below_floor,
    )
    if not of.loss.pinned:
        return kept
    return message("fsck.lost-pinned", "{what}, and {count} were evidence (S2)", what=kept, count=of.loss.pinned)


NO_FILE: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.ENXIO, errno.EACCES})
"""Somebody put something else there, or took the right to read it away; all else is the disk's doing."""
GONE: Final = message("fsck.sidecar.why", "a lost database would come back without it, or with less of it")
ACTION: Final = message("fsck.sidecar.action", "edged writes it anew; find out who did that")


def of_site(site: Site, _level: Level, _pace: Pace) -> Iterator[Fault]:
    """Each pin that lasts is told of, as it is, on each volume where it holds something."""
    for volume, disk in site.disks.items():
        try:
            yield from faults(site.read, disk)
        except OSError as error:
            what = message("fsck.unreadable", "it cannot be looked at: {reason}", reason=said(error))
            yield Fault(
                FaultKind.UNREADABLE,
                volume,
                PINS_NAME,
                what,
                message("fsck.look-at-disk", "check the disk and `dmesg`"),
            )


def path_of(pin_id: str) -> PurePosixPath:
    return PurePosixPath(sidecar.PINS_NAME, pin_id, sidecar.SIDECAR_NAME)


def faults(read: ReadQuery, disk: VolumeDirectory, pin_id: str | None = None) -> Iterator[Fault]:
    """Of each pin that lasts and has something there, or of that one. OSError behind the others, if nobody can tell."""
    failed = None
    for filed in read(partial(pins_table.filed, volume=disk.id, pin_id=pin_id)):
        try:
            what = _difference(disk, filed)
        except OSError as error:
            failed = failed or error
            continue
        if what is not None and read(partial(pins_table.filed, volume=disk.id, pin_id=filed.pin.id)) == [filed]:
            yield Fault(FaultKind.SIDECAR, disk.id, str(path_of(filed.pin.id)), what, ACTION)
    if failed is not None:
        raise failed


def _difference(disk: VolumeDirectory, filed: Filed) -> Message | None:
    try:
        with disk.held() as root:
            content = sidecar.read_sidecar(root, filed.pin.id, sidecar.MAX_BYTES)
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        return message(
            "fsck.sidecar-unreadable",
            "pin {pin} has a sidecar on this volume that cannot be read ({reason}): {why}",
            pin=filed.pin.id,
            reason=said(error),
            why=GONE,
        )
    if content is None:
        return message(
            "fsck.sidecar-gone", "pin {pin} has no sidecar on this volume: {why}", pin=filed.pin.id, why=GONE
        )
    if agrees(content, filed):
        return None
    return message(
        "fsck.sidecar-changed",
        "pin {pin} has a sidecar on this volume that is not as edged wrote it: {why}",
        pin=filed.pin.id,
        why=GONE,
    )


def agrees(content: bytes, filed: Filed) -> bool:
    """Whether a sidecar says what the row does. Pure.

    Of a pin that was adopted it may tell of another boot: one that this database never counted.
    """
    row = sidecar.of_pin(filed.pin, filed.boot_id)
    try:
        told = sidecar.parse(content, filed.pin.id)
    except ValueError:
        return False
    if filed.pin.adopted:
        told = replace(told, boot_id=row.boot_id, boottime_ms=row.boottime_ms, wall_ms=row.wall_ms)
    return told == row
