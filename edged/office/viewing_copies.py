"""Viewing copies (閱覽用複製檔): what a grant names, as films that one person can read while a viewing is open.

Blocking and thread-safe.

A viewing copy lies in `<base>/<NUMBER>/`, belongs to edged, and is readable by one operator alone, by an access list
(POSIX ACL). What that account copies meanwhile the box cannot see. It is made as exports are, by the same films under
the same names, and each stretch of time is on record as an export of its own kind
(`storage.exports.model.ExportOrder.viewing`) before a byte of it is read. The order, and what a crash leaves:

    begun       leaves say that it was begun; part of it may lie there, closed to everybody
    laid        all of it lies there, closed to everybody
    open        the operator can read it; leaves say that it was laid out
    removed     nothing lies there any more, durably; leaves do not say so yet
    destroyed   leaves say so

Wherever it was cut, the next start (`sweep`) removes what lies there, and then says so. What cannot be removed is told
(`troubles`), closed to the operator, and tried again with each `maintain`. Keeps S3: a viewing copy goes with what it
was made of.

Nothing outside the base is ever touched: links are not followed, and of what edged did not lay there itself only the
name goes.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeAlias

from edged.evidence import folder
from edged.evidence.export_job import ExportJob, FileStream
from edged.evidence.export_service import ExportService, Pace
from edged.host.file_access import barrier, give_to, has_list
from edged.office.request import Scope
from recorder.remux.film import Changed
from storage.exports.model import Export, OfficeRequest
from storage.exports.service import CameraPlan, Exports
from storage.files import DIRECTORY
from storage.office.records import REQUEST
from storage.pins.rules import Interval
from storage.words.errors import OrderRefused, OrderWrong, StoreError, said
from storage.words.failpoints import Failpoint, reach
from storage.words.layout import in_words
from storage.words.message import NOTHING, Message, message
from storage.words.model import GAP_CAUSES, GapCause

log = logging.getLogger("edged.office")

BASE_MODE: Final = 0o711
"""Whoever knows a number may pass to its directory, which opens to one account."""
CLOSED: Final = 0o700
RW: Final = 6
RWX: Final = 7
R: Final = 4
RX: Final = 5
"""What edged and its reader may, of a file and of a directory."""
KEEP_FREE_BYTES: Final = 1 << 30
"""So much room a viewing copy leaves on its file system: the database may lie there, and recording comes first."""
_NUMBER: Final = re.compile(rf"{REQUEST}|look-\d{{1,9}}", re.ASCII)
"""Of a request, or of what is looked at without one."""
Progress: TypeAlias = Callable[[dict[str, Any]], None]
"""Hears how many octets are done, of how many; it begins anew with each stretch of time, and when its films are
written.
"""


@dataclass(frozen=True, slots=True)
class ViewingFile:
    """A film, or a segment of which no film can be made and that lies whole within the grant."""

    name: str
    subtitles: str | None
    camera: str
    from_ms: int
    """Of its first picture, wall clock; a film begins with the key frame before what was granted."""
    to_ms: int
    bytes: int


@dataclass(frozen=True, slots=True)
class MissingFootage:
    """What was granted and is not to be seen."""

    camera: str
    from_ms: int
    to_ms: int
    why: Message


@dataclass(frozen=True, slots=True)
class ViewingCopy:
    """What lies there."""

    number: str
    directory: Path
    files: tuple[ViewingFile, ...]
    missing: tuple[MissingFootage, ...]
    exports: tuple[str, ...]
    """Under which it is on record."""


def by_interval(scope: Scope) -> list[tuple[Interval, tuple[str, ...]]]:
    """The exports that a scope takes, since an export has one interval for all of its cameras. Each moment of each
    camera is in one of them, and nothing else. Pure.
    """
    joined: list[tuple[Interval, str]] = []
    for camera, stretches in groupby(sorted(scope, key=lambda one: (one.camera, one.from_ms)), lambda one: one.camera):
        spans: list[Interval] = []
        for one in stretches:
            if spans and one.from_ms <= spans[-1].last_ms:
                spans[-1] = Interval(spans[-1].first_ms, max(spans[-1].last_ms, one.to_ms))
            else:
                spans.append(Interval(one.from_ms, one.to_ms))
        joined += [(span, camera) for span in spans]
    joined.sort(key=lambda one: (one[0].first_ms, one[0].last_ms, one[1]))
    return [(span, tuple(camera for _, camera in some)) for span, some in groupby(joined, lambda one: one[0])]


class ViewingCopies:
    """Of one daemon run."""

    def __init__(
        self, exports: ExportService, stored: Exports, base: Path, keep_free_bytes: int = KEEP_FREE_BYTES
    ) -> None:
        """`base`: a directory of edged's own for this alone, which operators can reach; it is made where it is not."""
        self._exports = exports
        self._stored = stored
        self._base_path = base
        self._keep_free_bytes = keep_free_bytes
        self._turn = threading.Condition()
        self._busy: set[str] = set()
        self._laid: dict[str, tuple[ViewingCopy, frozenset[tuple[str, int]]]] = {}
        """With the segments that each was made of, by camera and number."""
        self._troubles: dict[str, Message] = {}

    @property
    def troubles(self) -> Mapping[str, Message]:
        """By number of the request, what could not be removed, and why; by name, what is no viewing copy."""
        with self._turn:
            return dict(self._troubles)

    @property
    def laid(self) -> Mapping[str, ViewingCopy]:
        """Those that are open, by number of the request."""
        with self._turn:
            return {number: copy for number, (copy, _) in self._laid.items()}

    def lay(
        self, request: OfficeRequest, scope: Scope, reader_uid: int, progress: Progress, gone: threading.Event
    ) -> ViewingCopy:
        """Films of a granted scope, readable by that account when this returns. `gone`: nobody waits any more.

        Whatever is raised, nothing of it lies there, or what does is among the troubles. OrderRefused: it lies there
        already, cannot be opened to one account alone, cannot be reached by it, finds no room, cannot be read or
        written. OrderWrong: nothing was granted. Gone. As `ExportService.begin`.
        """
        number, parts = request.number, by_interval(scope)
        if not parts or _NUMBER.fullmatch(number) is None:
            raise OrderWrong(message("office.viewing-nothing", "there is nothing to lay out"), NOTHING)
        with self._alone_with(number):
            if number in self._laid:
                raise _lies_there(number)
            self._make_base(reader_uid)
            if not self._remove(number):
                raise OrderRefused(self.troubles[number], _REMAINS_ACTION)
            laying = _Laying(request, self._base_path / number, self._keep_free_bytes)
            try:
                self._lay(laying, parts, reader_uid, progress, gone)
            except BaseException:
                self._remove(number)
                raise
            copy = laying.copy()
            with self._turn:
                self._laid[number] = copy, frozenset(laying.segments)
        log.info("viewing copy of request %s: %d files", number, len(copy.files))
        return copy

    def remove(self, number: str) -> bool:
        """The viewing is over: nothing of it is left there, and the ledger says so; False: `troubles` says why not.

        Waits where it is being laid. Nothing there is fine.
        """
        with self._alone_with(number):
            with self._turn:
                self._laid.pop(number, None)
            return self._remove(number)

    def sweep(self) -> list[str]:
        """At the start: no viewing is open. The requests of which something lay there, or may have."""
        return [number for number in self._left_over() if self._again(number)]

    def maintain(self) -> list[str]:
        """Every minute: what could not be removed is tried again. The requests whose viewing copy went because what it
        was made of was destroyed: their viewing is over.
        """
        over = []
        for number in self._left_over():
            self._again(number)
        for number, segments in self._made_of():
            if not self._stored.all_kept(segments):
                log.warning("the viewing copy of request %s goes: its footage was destroyed", number)
                self.remove(number)
                over.append(number)
        return over

    # --- laying ---------------------------------------------------------------------------------------------------

    def _lay(
        self,
        laying: _Laying,
        parts: list[tuple[Interval, tuple[str, ...]]],
        reader_uid: int,
        progress: Progress,
        gone: threading.Event,
    ) -> None:
        number = laying.request.number
        with self._base() as base:
            with _writing(number):
                os.mkdir(number, CLOSED, dir_fd=base)
            directory = os.open(number, DIRECTORY, dir_fd=base)
            try:
                _try_list(directory, laying.path, reader_uid)
                for interval, cameras in parts:
                    export, plan = self._exports.begin_viewing(cameras, interval, laying.request)
                    try:
                        with self._exports.films(export, progress, gone) as job:
                            laying.take(directory, job, export, reader_uid, progress, gone)
                            laying.tell(job, export, interval, plan.cameras)
                    except (OSError, Changed) as error:
                        what = message(
                            "office.viewing-unread", "what was recorded cannot be read: {reason}", reason=said(error)
                        )
                        raise OrderRefused(what, message("export.cannot-read.action", "edgectl fsck")) from error
                reach(Failpoint.VIEWING_LAID)
                with _writing(number):
                    give_to(directory, RWX, reader_uid, RX)
            finally:
                os.close(directory)
        for export_id, size in laying.sizes.items():
            self._stored.laid(export_id, size)
        reach(Failpoint.VIEWING_OPEN)

    def _make_base(self, reader_uid: int) -> None:
        try:
            if not self._stored.viewed():  # else it was there, and its disk may not be mounted
                self._base_path.mkdir(BASE_MODE, parents=True, exist_ok=True)
            with self._base() as base:
                os.fchmod(base, BASE_MODE)
            closed = barrier(self._base_path, reader_uid)
        except OSError as error:
            raise OrderRefused(self._place(error), _PLACE_ACTION) from error
        if closed is not None:
            raise OrderRefused(
                message(
                    "office.viewing-unreachable",
                    "account {uid} cannot get to the viewing copies in {path}: it may not enter {directory}",
                    uid=str(reader_uid),
                    path=str(self._base_path),
                    directory=str(closed),
                ),
                message("office.viewing-unreachable.action", "keep them below directories that everybody may enter"),
            )

    # --- removing -------------------------------------------------------------------------------------------------

    def _remove(self, number: str) -> bool:
        """Whether nothing of it lies there any more, and the ledger says so."""
        try:
            viewed = [one for one in self._stored.viewed() if one.order.request and one.order.request.number == number]
            if viewed or self._base_path.exists():
                with self._base() as base:
                    _remove(base, number)
                    os.fsync(base)
            for export in viewed:
                reach(Failpoint.VIEWING_REMOVED)
                self._stored.end_viewing(export.id)
        except (OSError, StoreError) as error:
            reason = error.what if isinstance(error, StoreError) else said(error)
            trouble = message(
                "office.viewing-remains",
                "the viewing copy of request {number} could not be removed from {path}: {reason}",
                number=number,
                path=str(self._base_path),
                reason=reason,
            )
            with self._turn:
                if self._troubles.get(number) != trouble:
                    log.warning("%s", trouble)
                self._troubles[number] = trouble
            return False
        with self._turn:
            self._troubles.pop(number, None)
        return True

    def _again(self, number: str) -> bool:
        """Removed, unless somebody is at it; whether there was anything."""
        if not self._take(number, wait=False):
            return False
        try:
            with self._turn:
                if number in self._laid:
                    return False
            self._remove(number)
        finally:
            self._give_back(number)
        return True

    def _left_over(self) -> list[str]:
        """Numbers of what lies there and is not open, and of what nobody has said yet that it does not. What else lies
        there is told and left alone.
        """
        try:
            with self._base() as base:
                names = set(os.listdir(base))  # noqa: PTH208 - an open directory
        except FileNotFoundError:
            names = set()
        except OSError as error:
            self._tell({str(self._base_path): self._place(error)})
            return []
        strange = {name for name in names if _NUMBER.fullmatch(name) is None}
        self._tell({in_words(PurePosixPath(name)): self._stranger(name) for name in strange})
        viewed = (one.order.request.number for one in self._stored.viewed() if one.order.request is not None)
        with self._turn:
            return sorted((names - strange).union(viewed, self._numbers_of_troubles()) - self._laid.keys())

    def _stranger(self, name: str) -> Message:
        path = in_words(PurePosixPath(self._base_path / name))
        return message("office.viewing-stranger", "{path} was not laid there by edged", path=path)

    def _numbers_of_troubles(self) -> set[str]:
        return {name for name in self._troubles if _NUMBER.fullmatch(name) is not None}

    def _tell(self, others: Mapping[str, Message]) -> None:
        """Troubles with what is no viewing copy, in the place of those before."""
        with self._turn:
            mine = self._numbers_of_troubles()
            self._troubles = {name: self._troubles[name] for name in mine} | dict(others)

    def _made_of(self) -> list[tuple[str, frozenset[tuple[str, int]]]]:
        with self._turn:
            return [(number, segments) for number, (_, segments) in self._laid.items()]

    # --- the base, and turns --------------------------------------------------------------------------------------

    @contextmanager
    def _base(self) -> Iterator[int]:
        """Open. OSError: it is not there, a link, or others may put things into it."""
        fd = os.open(self._base_path, DIRECTORY)
        try:
            found = os.fstat(fd)
            if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(self._base_path))
            yield fd
        finally:
            os.close(fd)

    def _place(self, error: OSError) -> Message:
        return message(
            "office.viewing-place",
            "{path} cannot be used for viewing copies: {reason}",
            path=str(self._base_path),
            reason=said(error),
        )

    @contextmanager
    def _alone_with(self, number: str) -> Iterator[None]:
        self._take(number, wait=True)
        try:
            yield
        finally:
            self._give_back(number)

    def _take(self, number: str, *, wait: bool) -> bool:
        with self._turn:
            if wait:
                self._turn.wait_for(lambda: number not in self._busy)
            elif number in self._busy:
                return False
            self._busy.add(number)
            return True

    def _give_back(self, number: str) -> None:
        with self._turn:
            self._busy.discard(number)
            self._turn.notify_all()


_REMAINS_ACTION: Final = message(
    "office.viewing-remains.action", "see what keeps it there; edged tries again every minute"
)
_PLACE_ACTION: Final = message(
    "office.viewing-place.action",
    "mount the disk that it lies on, or make a directory there that belongs to edged and that nobody else may write to",
)


def _lies_there(number: str) -> OrderRefused:
    return OrderRefused(
        message("office.viewing-lies", "the viewing copy of request {number} lies there already", number=number),
        message("office.viewing-lies.action", "end the viewing that is open"),
    )


class _Laying:
    """A viewing copy in the making: what lies there up to now."""

    def __init__(self, request: OfficeRequest, path: Path, keep_free_bytes: int) -> None:
        self.request = request
        self.path = path
        self.sizes: dict[str, int] = {}
        """By export, octets."""
        self.segments: set[tuple[str, int]] = set()
        self._keep_free_bytes = keep_free_bytes
        self._files: list[ViewingFile] = []
        self._missing: list[MissingFootage] = []
        self._taken: set[str] = set()

    def copy(self) -> ViewingCopy:
        return ViewingCopy(self.request.number, self.path, tuple(self._files), tuple(self._missing), tuple(self.sizes))

    def take(
        self,
        directory: int,
        job: ExportJob,
        export: Export,
        reader_uid: int,
        progress: Progress,
        gone: threading.Event,
    ) -> None:
        """Write the films of an export with their subtitles, and what no film could be made of."""
        wanted = list(self._wanted(job))
        total = sum(job.sources[path].size for path, _ in wanted)
        _has_room(directory, total + self._keep_free_bytes, total)
        pace = Pace(progress, gone, total)
        for path, name in wanted:
            _write(directory, name, job.sources[path], reader_uid, pace, self.request.number)
        self.sizes[export.id] = total
        self.segments |= {(one.camera, one.seq) for camera in job.cameras for one in camera.contents.segments}

    def _wanted(self, job: ExportJob) -> Iterator[tuple[str, str]]:
        """Paths in an export, with what each is called here."""
        zone = job.place.zone
        for camera in job.cameras:
            for one in camera.film_files:
                spans, suffix = folder.spans(one.film), PurePosixPath(one.path).suffix
                stem = self._free(PurePosixPath(one.path).stem, spans[0].wall_ms, zone)
                last = spans[-1]
                self._files.append(
                    ViewingFile(
                        f"{stem}{suffix}", f"{stem}.vtt", camera.id, spans[0].wall_ms, last.wall_ms + last.length_ms,
                        one.film.bytes,
                    )
                )  # fmt: skip
                yield one.path, f"{stem}{suffix}"
                yield one.subtitles, f"{stem}.vtt"
            for loose in camera.loose:
                path, segment = camera.originals[loose.segment.leaf], loose.segment
                name = self._free(PurePosixPath(path).parent.name, segment.start_ms, zone) + PurePosixPath(path).suffix
                size = job.sources[path].size
                self._files.append(ViewingFile(name, None, camera.id, segment.start_ms, segment.end_ms, size))
                yield path, name

    def _free(self, stem: str, at_ms: int, zone: tzinfo) -> str:
        """Camera and site time, and a number where that is taken."""
        wanted = found = f"{stem}-{datetime.fromtimestamp(at_ms / 1000, zone):%Y%m%d-%H%M%S}"
        count = 1
        while found.lower() in self._taken:
            count += 1
            found = f"{wanted}_{count}"
        self._taken.add(found.lower())
        return found

    def tell(self, job: ExportJob, export: Export, asked: Interval, plans: tuple[CameraPlan, ...]) -> None:
        """What was granted and is not in it."""
        ends_ms = export.order.interval.last_ms
        for camera, plan in zip(job.cameras, plans, strict=True):
            found = [
                *((span, _cause(gap.cause)) for gap in camera.contents.gaps for span in gap.spans),
                *(((one.start_ms, one.end_ms), _DESTROYED) for one in camera.contents.destroyed),
                *((span, _unaccounted(span, plan)) for span in plan.unaccounted),
                *(
                    ((one.segment.start_ms, one.segment.end_ms), one.trouble)
                    for one in (*camera.kept_back, *camera.lost)
                    if one.trouble is not None
                ),
                ((ends_ms, asked.last_ms), _NOT_YET),
            ]
            for (begin, end), why in sorted(found, key=lambda one: one[0]):
                missing = MissingFootage(camera.id, max(begin, asked.first_ms), min(end, asked.last_ms), why)
                if missing.from_ms < missing.to_ms:
                    self._missing.append(missing)


_DESTROYED: Final = message("office.viewing.destroyed", "it was destroyed before")
_AWAY: Final = message("office.viewing.away", "it lies on a volume that is not there")
_UNACCOUNTED: Final = message("office.viewing.unaccounted", "neither footage nor a gap accounts for it")
_NOT_YET: Final = message("office.viewing.not-yet", "it is not recorded yet, or not complete")


def _cause(cause: str) -> Message:
    try:
        return GAP_CAUSES[GapCause(cause)]
    except ValueError:
        return Message(cause)


def _unaccounted(span: tuple[int, int], plan: CameraPlan) -> Message:
    begin, end = span
    away = any(row.true_start_ms < end and row.true_start_ms + row.duration_ms > begin for row in plan.away)
    return _AWAY if away else _UNACCOUNTED


# --- files, below the open directory of the base ----------------------------------------------------------------------


@contextmanager
def _writing(number: str) -> Iterator[None]:
    """What keeps it from being written, as a refusal."""
    try:
        yield
    except FileExistsError:
        raise _lies_there(number) from None
    except OSError as error:
        raise OrderRefused(
            message(
                "office.viewing-unwritten",
                "the viewing copy of request {number} cannot be written: {reason}",
                number=number,
                reason=said(error),
            ),
            message("office.viewing-unwritten.action", "see to the disk that it lies on, and begin the viewing again"),
        ) from error


def _try_list(directory: int, path: Path, uid: int) -> None:
    """Whether it can be opened to one account, before anything is read for it; it stays closed."""
    try:
        give_to(directory, RWX, uid, RX)
    except OSError as error:
        raise OrderRefused(
            message(
                "office.viewing-no-list",
                "{path} cannot be opened to one account alone: its file system takes no access list ({reason})",
                path=str(path.parent),
                reason=said(error),
            ),
            message("office.viewing-no-list.action", "keep viewing copies on ext4 or XFS"),
        ) from error
    os.fchmod(directory, CLOSED)


def _has_room(directory: int, needed: int, total: int) -> None:
    there = os.fstatvfs(directory)
    free = there.f_bavail * there.f_frsize
    if free < needed:
        raise OrderRefused(
            message(
                "office.viewing-no-room",
                "the viewing copy takes {total_bytes}; {free_bytes} are free, of which {kept_bytes} stay free",
                total_bytes=total,
                free_bytes=free,
                kept_bytes=needed - total,
            ),
            message("office.viewing-no-room.action", "make room on its disk, or view it in parts"),
        )


def _write(directory: int, name: str, source: FileStream, uid: int, pace: Pace, number: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with _writing(number):
        fd = os.open(name, flags, 0o600, dir_fd=directory)
    with os.fdopen(fd, "wb", buffering=0) as file:
        with _writing(number):
            give_to(fd, RW, uid, R)
        for block in source.blocks(0):
            with _writing(number):
                _whole(file.fileno(), block)
            pace(len(block))


def _whole(fd: int, block: bytes) -> None:
    left = memoryview(block)
    while left:
        left = left[os.write(fd, left) :]


def _remove(base: int, number: str) -> None:
    """Nothing has this name any more; it is closed to everybody first. OSError."""
    try:
        found = os.stat(number, dir_fd=base, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(number, dir_fd=base)
        return
    directory = os.open(number, DIRECTORY, dir_fd=base)
    try:
        os.fchmod(directory, CLOSED)
        with os.scandir(directory) as entries:
            names = [(one.name, one.is_dir(follow_symlinks=False)) for one in entries]
        failures = [error for one in names if (error := _failure(directory, *one)) is not None]
        if failures:
            raise failures[0]
        os.fsync(directory)
    finally:
        os.close(directory)
    os.rmdir(number, dir_fd=base)


def _failure(directory: int, name: str, is_directory: bool) -> OSError | None:
    """Why a name is still there; None: it is gone. Films are emptied first: whoever has one open, or gave it another
    name, reads nothing more. By its access list it is known that edged laid it there.
    """
    try:
        if is_directory:
            shutil.rmtree(name, dir_fd=directory)
            return None
        with suppress(OSError), _opened(directory, name) as fd:
            if stat.S_ISREG(os.fstat(fd).st_mode) and has_list(fd):
                os.ftruncate(fd, 0)
        os.unlink(name, dir_fd=directory)
    except OSError as error:
        return error
    return None


@contextmanager
def _opened(directory: int, name: str) -> Iterator[int]:
    fd = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        yield fd
    finally:
        os.close(fd)
