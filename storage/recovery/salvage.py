"""What an unclean stop left, decided and carried out: cut, hash, rename, adopt; or quarantine what cannot be read.

Blocking file work, in the thread of its caller; rows are changed through the one writer. Keeps S6's other half (what
was synced is adopted), S5, and S4 (the hash is of what is read back). A file whose lock is held is never touched: that
lock, rows claimed by one thread at a time, and a row looked at once more when it is changed, let several threads work.
A stop is noticed between two files and between two blocks of a hash; what was not come to is left for the next time.

`UnfinishedSegments` comes back to what a start could not work off: the volume was away, or a file could not be read.
Until it is committed or set aside, such a file is under no ceiling, and nothing but the next start would come to it
(S3, S5).

`reconcile` is the decision, and pure. Keeps S5 and S9: each file found in the directories that were looked into belongs
to a row or gets one, and each row in progress ends as a segment or as a gap. Work follows the rows in progress, never
the rows stored.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import PurePosixPath
from threading import Event, Lock
from typing import BinaryIO, Final, TypeAlias, TypeVar

from storage.ages.history import DaemonRun, Point
from storage.ages.table import NO_EPOCH
from storage.database.writer import Database
from storage.files import inside, rename_noreplace
from storage.integrity import queries as integrity_queries
from storage.pins import table as pins_table
from storage.segments import queries
from storage.segments import table as segments_table
from storage.segments.mp4 import EmbeddedMetadata, Mp4Damaged, Mp4Summary, parse_metadata, summary
from storage.segments.queries import SegmentRow, segment_by_id
from storage.segments.segment_file import Digest
from storage.volumes.volume import Volume
from storage.words.clock import Clock
from storage.words.errors import FatalError, StoreError, said_of
from storage.words.failpoints import Failpoint, reach, reach_after
from storage.words.layout import (
    QUARANTINE_SUFFIX,
    SEQ_LAST,
    aside_path,
    final_name,
    is_aside,
    parse_segment_name,
    part_path,
    segment_path,
)
from storage.words.message import NOTHING, Message, message
from storage.words.model import Bounds, GapCause, Parts, RecoveryReport, Segment, SegmentState, Sha256


class Action(StrEnum):
    SALVAGE = "salvage"
    """A `.part` with a row in progress: cut it to its last whole fragment, rename it, commit the row."""
    ADOPT = "adopt"
    """Complete and renamed, but its row is still in progress: commit it."""
    ASIDE = "aside"
    """Set aside already, and its row is still in progress: its row is told."""
    NO_FILE = "no-file"
    """A row in progress without a file: its time is a gap."""
    ORPHAN = "orphan"
    """A segment's file that no row vouches for."""
    ORPHAN_ASIDE = "orphan-aside"
    """Set aside under its name, and no row vouches for it."""
    LEAVE = "leave"
    """Cannot be judged now."""


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """A file as it lies in a directory that was looked into."""

    volume: str
    relative: PurePosixPath
    inode: int


@dataclass(frozen=True, slots=True)
class Expected:
    """A row in progress, and where its file should lie in the end."""

    row: int
    volume: str
    relative: PurePosixPath


@dataclass(frozen=True, slots=True)
class DirectoryListing:
    """What was looked at, and what could not be."""

    entries: tuple[DirectoryEntry, ...]
    unreadable: frozenset[tuple[str, PurePosixPath]]
    """Directories that exist but did not let themselves be read: of their files nothing is known."""
    present: frozenset[str]
    """Volumes that are there and are who they should be."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing to do. `relative` is the file as it lies, `second` another name of the same file that must go."""

    action: Action
    volume: str
    relative: PurePosixPath
    row: int | None = None
    second: PurePosixPath | None = None
    reason: Message = NOTHING


def reconcile(
    listing: DirectoryListing, rows: Collection[Expected], vouched: Collection[tuple[str, PurePosixPath]]
) -> list[Repair]:
    """What to do, rows first and in their order.

    `vouched` are the paths of all other rows whose files may be in the listing, those of running workers too:
    it has to be read after the listing, because a row is written before its file.
    """
    inodes = {(entry.volume, entry.relative): entry.inode for entry in listing.entries}
    repairs = [_of_row(row, listing, inodes) for row in rows]
    owned = {*vouched, *((row.volume, row.relative) for row in rows)}
    owned |= {(repair.volume, repair.relative) for repair in repairs}
    return [*repairs, *(orphan for entry in listing.entries if (orphan := _orphan(entry, owned)) is not None)]


def _orphan(entry: DirectoryEntry, owned: set[tuple[str, PurePosixPath]]) -> Repair | None:
    """A segment by its name, in progress, complete or set aside, that belongs to no row."""
    if is_aside(entry.relative):
        known, action = (entry.volume, entry.relative) in owned, Action.ORPHAN_ASIDE
    elif parse_segment_name(entry.relative.name) is not None:
        final = entry.relative.with_name(final_name(entry.relative.name))
        known, action = (entry.volume, final) in owned, Action.ORPHAN
    else:
        return None
    return None if known else Repair(action, entry.volume, entry.relative)


def _of_row(row: Expected, listing: DirectoryListing, inodes: dict[tuple[str, PurePosixPath], int]) -> Repair:
    part = part_path(row.relative)
    if row.volume not in listing.present:
        return Repair(
            Action.LEAVE, row.volume, part, row.row, reason=message("rebuild.volume-away", "its volume is away")
        )
    if (row.volume, row.relative.parent) in listing.unreadable:
        return Repair(
            Action.LEAVE,
            row.volume,
            part,
            row.row,
            reason=message("rebuild.directory-unreadable", "its directory cannot be read"),
        )
    final_inode, part_inode = inodes.get((row.volume, row.relative)), inodes.get((row.volume, part))
    if final_inode is not None:
        # Where the file system cannot rename without replacing, a commit passes through two names of one file.
        second = part if part_inode == final_inode else None
        return Repair(Action.ADOPT, row.volume, row.relative, row.row, second)
    if part_inode is not None:
        return Repair(Action.SALVAGE, row.volume, part, row.row)
    aside = aside_path(row.relative)
    if (row.volume, aside) in inodes:
        return Repair(Action.ASIDE, row.volume, aside, row.row)
    return Repair(Action.NO_FILE, row.volume, part, row.row)


T = TypeVar("T")
Known: TypeAlias = tuple[Sha256, Parts]
"""What a file is known by."""
UNSTAMPED: Final = Bounds(0, 365 * 86_400)
"""Bounds of a file that tells none, of a camera without a segment: a year, and a configured floor holds besides."""
DAYS_LOOKED_INTO: Final = 2
"""Days in whose directories files without a row are looked for; older ones belong to a check of everything."""
HASH_BLOCK_BYTES: Final = 1 << 20
"""Read at a time: large enough that a hard disk streams, small enough to be nothing."""


@dataclass(slots=True)
class Outcome:
    """What a round of repairs came to."""

    adopted: list[Segment] = field(default_factory=list)
    unproven: int = 0
    quarantined: int = 0
    without_file: int = 0
    left: list[Message] = field(default_factory=list)
    again: bool = False
    """Some of what was left is still being written, or was not come to before the stop."""

    def report(self, orphans: Outcome, garbage: int) -> RecoveryReport:
        """Together with files that no row vouched for, and destructions that were finished."""
        return RecoveryReport(
            adopted=len(self.adopted),
            unproven=orphans.unproven,
            quarantined=self.quarantined + orphans.quarantined,
            without_file=self.without_file,
            garbage=garbage,
            left=(*self.left, *orphans.left),
            again=self.again or orphans.again,
        )


class Salvager:
    """Works off what was left in progress. Thread-safe."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock, stop: Event) -> None:
        """Once `stop` is set everything is left as it is."""
        self._database = database
        self._life = life
        self._clock = clock
        self._stop = stop
        self._claiming = Lock()
        self._claims: set[int] = set()

    def rows(self, rows: Sequence[SegmentRow], volumes: Mapping[str, Volume], cause: GapCause, detail: str) -> Outcome:
        """Work off these rows in progress. `cause` is for time that was lost and that no gap explains."""
        outcome = Outcome()
        with self._claimed(rows, outcome) as ours:
            listing = _list({(row.volume, row.relative.parent) for row in ours}, volumes)
            repairs = reconcile(listing, [Expected(row.id, row.volume, row.relative) for row in ours], ())
            for row, repair in zip(ours, repairs, strict=False):  # what lies beside their files is let be
                if self._stop.is_set():
                    outcome.left.append(
                        message(
                            "rebuild.stopping-from",
                            "{path} and what comes after it: edged is stopping",
                            path=str(repair.relative),
                        )
                    )
                    outcome.again = True
                    break
                with self._left_for_next_time(outcome, repair):
                    self._repair(repair, row, volumes, outcome, cause, detail)
        return outcome

    @contextmanager
    def _claimed(self, rows: Sequence[SegmentRow], outcome: Outcome) -> Iterator[list[SegmentRow]]:
        """Those that no other thread works off: while one renames a file, another might find it under neither name."""
        with self._claiming:
            ours = [row for row in rows if row.id not in self._claims]
            claims = {row.id for row in ours}
            self._claims |= claims
        outcome.left += [
            message("rebuild.under-way", "{path}: it is being worked off already", path=str(row.relative))
            for row in rows
            if row.id not in claims
        ]
        try:
            yield ours
        finally:
            with self._claiming:
                self._claims -= claims

    def orphans(self, volumes: Mapping[str, Volume]) -> Outcome:
        """Adopt files of the last days that no row vouches for."""
        outcome = Outcome()
        today = datetime.fromtimestamp(self._clock.now().wall_ms / 1000, UTC).date()
        for camera, newest_wall_ms in self._database.read(queries.newest_starts):
            if self._stop.is_set():
                break
            days = _days(today, newest_wall_ms)
            directories = {(volume, PurePosixPath(camera, day)) for volume in volumes for day in days}
            self._orphans_of(camera, directories, volumes, outcome)
        outcome.again = outcome.again or self._stop.is_set()
        return outcome

    def orphans_in(self, volume: str, day: PurePosixPath, volumes: Mapping[str, Volume]) -> Outcome:
        """Adopt what lies in a camera's directory of one day without a row, what was set aside there included."""
        outcome = Outcome()
        self._orphans_of(day.parts[0], {(volume, day)}, volumes, outcome)
        return outcome

    def _orphans_of(
        self,
        camera: str,
        directories: Iterable[tuple[str, PurePosixPath]],
        volumes: Mapping[str, Volume],
        outcome: Outcome,
    ) -> None:
        listing = _list(directories, volumes)
        outcome.left += [
            message("rebuild.unreadable", "{path}: it cannot be read", path=str(directory))
            for _, directory in sorted(listing.unreadable)
        ]
        vouched = self._vouched(camera, listing.entries)
        for repair in reconcile(listing, (), vouched):
            if self._stop.is_set():
                break
            with self._left_for_next_time(outcome, repair), suppress(FileNotFoundError):  # it got its name meanwhile
                if repair.action is Action.ORPHAN_ASIDE:
                    self._adopt_aside(repair, camera, volumes[repair.volume], outcome)
                else:
                    self._adopt_orphan(repair, camera, volumes[repair.volume], outcome)

    def _vouched(self, camera: str, entries: Sequence[DirectoryEntry]) -> set[tuple[str, PurePosixPath]]:
        """The paths in a listing that have a row, complete or set aside; asked after the listing was made."""
        named = [entry for entry in entries if parse_segment_name(entry.relative.name) or is_aside(entry.relative)]
        finals = sorted({(entry.volume, entry.relative.with_name(final_name(entry.relative.name))) for entry in named})
        pages = (finals[begin : begin + queries.PAGE_MAX] for begin in range(0, len(finals), queries.PAGE_MAX))
        return {
            path for page in pages for path in self._database.read(partial(queries.vouched, camera=camera, paths=page))
        }

    def _repair(
        self,
        repair: Repair,
        row: SegmentRow,
        volumes: Mapping[str, Volume],
        outcome: Outcome,
        cause: GapCause,
        detail: str,
    ) -> None:
        if repair.action is Action.LEAVE:
            outcome.left.append(
                message("rebuild.because", "{path}: {reason}", path=str(row.path), reason=repair.reason)
            )
        elif repair.action is Action.NO_FILE:
            self._drop(row, outcome, cause, detail)
        else:
            with _locked(volumes[row.volume], repair.relative) as (file, directory):
                found = None if repair.action is Action.ASIDE else _summary(file)
                if found is not None:
                    story = _story(found)
                    offset_ms = None if story is None else story.camera_offset_ms
                    (sha256, parts), size = self._seal(file, directory, repair, found)
                    now = Point.of(self._life.boot, self._clock.now())
                    complete = partial(
                        segments_table.complete,
                        duration_ms=found.duration_ms,
                        size=size,
                        sha256=sha256,
                        parts=parts,
                        video_frames=found.video_frames,
                        cause=cause,
                        detail=detail,
                        now=now,
                        camera_offset_ms=offset_ms,
                        protect=pins_table.match,
                    )
                    done = self._on_open(row, complete)
                    outcome.adopted += [done] if done is not None else []
                elif _size(file) == 0:
                    _unlink(directory, repair.relative.name)
                    self._drop(row, outcome, cause, detail)
                else:
                    name, (sha256, parts) = self._set_aside(file, directory, repair.relative)
                    size, now = _size(file), Point.of(self._life.boot, self._clock.now())
                    self._on_open(
                        row,
                        lambda connection, fresh: segments_table.quarantine(
                            connection, fresh, now, name, size, sha256, cause, detail, parts, protect=pins_table.match
                        ),
                    )
                    outcome.quarantined += 1

    def _drop(self, row: SegmentRow, outcome: Outcome, cause: GapCause, detail: str) -> None:
        self._on_open(row, lambda connection, fresh: segments_table.drop_without_file(connection, fresh, cause, detail))
        outcome.without_file += 1

    def _on_open(self, row: SegmentRow, change: Callable[[sqlite3.Connection, SegmentRow], T]) -> T | None:
        """Change a row if it is still in progress: what was found about it may have been told meanwhile."""

        def fact(connection: sqlite3.Connection) -> T | None:
            fresh = segment_by_id(connection, row.id)
            return None if fresh is None or fresh.state is not SegmentState.OPEN else change(connection, fresh)

        return reach_after(Failpoint.SALVAGE_DONE, self._database.submit(fact)).result()

    def _adopt_aside(self, repair: Repair, camera: str, volume: Volume, outcome: Outcome) -> None:
        """Set aside once, and its row was never told, or is lost. Whoever sets aside holds the lock until it is."""
        with _locked(volume, repair.relative) as (file, _):
            claims = partial(integrity_queries.claims_of, volume=repair.volume, paths=[repair.relative])
            if not self._database.read(claims):
                self._adopt_unread(repair, camera, str(repair.relative), _size(file), self._known(file))
                outcome.quarantined += 1

    def _adopt_orphan(self, repair: Repair, camera: str, volume: Volume, outcome: Outcome) -> None:
        with _locked(volume, repair.relative) as (file, directory):
            found = _summary(file)
            story = None if found is None else _story(found)
            if _size(file) == 0:
                _unlink(directory, repair.relative.name)
            elif found is not None and story is not None and self._is_free(story, camera, repair.relative):
                known, size = self._seal(file, directory, repair, found)
                self._adopt(repair, story, found, size, known)
                outcome.unproven += 1
            else:
                name, known = self._set_aside(file, directory, repair.relative)
                self._adopt_unread(repair, camera, name, _size(file), known)
                outcome.quarantined += 1

    def _is_free(self, story: EmbeddedMetadata, camera: str, relative: PurePosixPath) -> bool:
        """The file is the one its story tells of, and nobody else has its number."""
        if story.camera != camera or story.seq > SEQ_LAST:
            return False
        if segment_path(camera, story.start.wall_ms, story.seq) != relative.with_name(final_name(relative.name)):
            return False
        return self._database.read(partial(queries.is_free, camera=camera, seq=story.seq))

    def _adopt(self, repair: Repair, story: EmbeddedMetadata, found: Mp4Summary, size: int, known: Known) -> None:
        now, (sha256, parts) = self._clock.now(), known

        def fact(db: sqlite3.Connection) -> None:
            boot = queries.boot_that_ran(db, story.boot_id, story.start.boottime_ms)
            # Of a boot nobody counted the age is unknown: it counts from now, so that no floor is cut short.
            start = Point(self._life.boot, max(0, now.boottime_ms - found.duration_ms), story.start.wall_ms)
            epoch = NO_EPOCH
            if boot is not None:
                start, epoch = Point.of(boot, story.start), story.epoch
            orphan = segments_table.Orphan(
                story.camera,
                story.seq,
                repair.volume,
                start,
                story.bounds,
                epoch,
                camera_offset_ms=story.camera_offset_ms,
                synced=story.synced,
            )
            segments_table.adopt_orphan(
                db,
                self._life,
                orphan,
                size,
                sha256,
                found.duration_ms,
                found.video_frames,
                parts,
                protect=pins_table.match,
            )

        reach_after(Failpoint.SALVAGE_DONE, self._database.submit(fact)).result()

    def _adopt_unread(self, repair: Repair, camera: str, name: str, size: int, known: Known) -> None:
        named = final_name(repair.relative.name).removesuffix(QUARANTINE_SUFFIX)
        (wall_ms, seq), (sha256, parts) = parse_segment_name(named) or (0, 1), known
        start = Point(self._life.boot, self._clock.now().boottime_ms, wall_ms)

        def fact(connection: sqlite3.Connection) -> None:
            bounds = queries.newest_bounds(connection, camera) or UNSTAMPED
            orphan = segments_table.Orphan(camera, max(1, seq), repair.volume, start, bounds, NO_EPOCH, name)
            segments_table.adopt_orphan(
                connection, self._life, orphan, size, sha256, parts=parts, protect=pins_table.match
            )

        reach_after(Failpoint.SALVAGE_DONE, self._database.submit(fact)).result()

    @contextmanager
    def _left_for_next_time(self, outcome: Outcome, repair: Repair) -> Iterator[None]:
        """What cannot be worked off now is left for the next time, and said. A lost database is no such case."""
        try:
            yield
        except BlockingIOError:
            outcome.left.append(
                message("rebuild.being-written", "{path}: it is still being written", path=str(repair.relative))
            )
            outcome.again = True
        except _Stopped:
            outcome.left.append(message("rebuild.stopping", "{path}: edged is stopping", path=str(repair.relative)))
            outcome.again = True
        except OSError as error:
            outcome.left.append(said_of(repair.relative, error))
        except FatalError:
            raise
        except StoreError as error:
            outcome.left.append(
                message("rebuild.because", "{path}: {reason}", path=str(repair.relative), reason=error.what)
            )

    def _seal(self, file: BinaryIO, directory: int, repair: Repair, found: Mp4Summary) -> tuple[Known, int]:
        """Cut a `.part` to what is whole and give it its name; durable when this returns. Its hashes and size."""
        name, final = repair.relative.name, final_name(repair.relative.name)
        if name != final:
            file.truncate(found.whole_bytes)  # and the space that was laid out behind it
            os.fsync(file.fileno())
            reach(Failpoint.SALVAGE_CUT)
            known = self._known(file)
            _rename(directory, name, final)
        else:
            known = self._known(file)
            if repair.second is not None:
                with suppress(FileNotFoundError):
                    os.unlink(repair.second.name, dir_fd=directory)
            os.fsync(directory)
        return known, _size(file)

    def _set_aside(self, file: BinaryIO, directory: int, relative: PurePosixPath) -> tuple[str, Known]:
        """Give a file a name that nobody takes for a segment, unless it has it. Hashed before: its row must follow."""
        name = relative if is_aside(relative) else aside_path(relative)
        file.truncate(_size(file))  # the space that was laid out behind it
        os.fsync(file.fileno())
        known = self._known(file)
        if name != relative:
            _rename(directory, relative.name, name.name)
        return str(name), known

    def _known(self, file: BinaryIO) -> Known:
        digest = Digest()
        file.seek(0)
        while block := file.read(HASH_BLOCK_BYTES):
            digest.update(block)
            if self._stop.is_set():
                raise _Stopped
        return digest.finish()


class _Stopped(Exception):
    """The store is told to stop; what is half done is done again at the next start."""


def _story(found: Mp4Summary) -> EmbeddedMetadata | None:
    return None if found.comment is None else parse_metadata(found.comment)


def _days(today: date, newest_wall_ms: int | None) -> set[str]:
    days = {str(today - timedelta(days=back)) for back in range(DAYS_LOOKED_INTO)}
    if newest_wall_ms is not None:
        days.add(segment_path("any", newest_wall_ms, 1).parts[1])
    return days


def _list(directories: Iterable[tuple[str, PurePosixPath]], volumes: Mapping[str, Volume]) -> DirectoryListing:
    """The names in these directories, as far as their volumes are there. One that is not there is empty."""
    entries: list[DirectoryEntry] = []
    unreadable: set[tuple[str, PurePosixPath]] = set()
    for volume, directory in sorted(directories):
        if volume not in volumes:
            continue
        try:
            with volumes[volume].held() as fd, inside(fd, directory) as day, os.scandir(day) as found:
                entries += [
                    DirectoryEntry(volume, directory / e.name, e.inode())
                    for e in found
                    if e.is_file(follow_symlinks=False)
                ]
        except FileNotFoundError:
            continue
        except OSError:
            unreadable.add((volume, directory))
    return DirectoryListing(tuple(entries), frozenset(unreadable), frozenset(volumes))


@contextmanager
def _locked(volume: Volume, relative: PurePosixPath) -> Iterator[tuple[BinaryIO, int]]:
    """The file, ours alone, and its directory; BlockingIOError while its worker lives."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with (
        volume.held() as root,
        inside(root, relative.parent) as directory,
        os.fdopen(os.open(relative.name, flags, dir_fd=directory), "r+b") as file,
    ):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file, directory


def _summary(file: BinaryIO) -> Mp4Summary | None:
    """None if there is no whole fragment in it."""
    try:
        found = summary(file)
    except Mp4Damaged:
        return None
    return found if found.whole_bytes else None


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _rename(directory: int, old: str, new: str) -> None:
    rename_noreplace(old, new, dir_fd=directory)
    os.fsync(directory)
    reach(Failpoint.SALVAGE_NAMED)


def _unlink(directory: int, name: str) -> None:
    """An empty file holds nothing to keep."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)
    os.fsync(directory)


AGAIN_MS: Final = 600_000
"""Running time between two looks at what failed; a volume that comes is looked at at once. S3 gives an hour."""


class UnfinishedSegments:
    """Of earlier runs; what this one left is asked for by the recorder."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock, salvager: Salvager) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._salvager = salvager
        self._seen: set[Volume] = set()
        self._looked_ms: int | None = None

    def maintain(self, present: Mapping[str, Volume]) -> Outcome:
        """Work off what lies on these volumes, where that is due."""
        now_ms, volumes = self._clock.now().boottime_ms, set(present.values())
        if volumes <= self._seen and self._looked_ms is not None and now_ms - self._looked_ms < AGAIN_MS:
            self._seen = volumes
            return Outcome()
        self._seen, self._looked_ms = volumes, now_ms
        rows = self._database.read(partial(queries.open_rows, before_run=self._life.run))
        here = [row for row in rows if row.volume in present]
        return self._salvager.rows(here, present, self._life.previous_end or GapCause.UNKNOWN, "")
