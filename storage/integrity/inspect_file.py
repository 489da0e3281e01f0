"""Looking at one name on a volume and at what the catalog says of it, at one moment, while both may change.

Blocking; imports the catalog, and `storage.integrity.compare`, which judges. Everything is reached through the open
directory of the volume. A difference counts only if the catalog said the same before and after the look: what is being
committed or destroyed meanwhile is no fault (a row is written before its file, and goes after it).
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from storage.integrity import queries as integrity_queries
from storage.integrity.compare import PINS_NAME, Fault, Row, SeenFile, of_name, of_row
from storage.integrity.queries import Claimed
from storage.segments.coverage_queries import ReadQuery
from storage.segments.findings_table import FaultKind
from storage.segments.segment_file import Digest
from storage.words.layout import PART_SUFFIX, in_words
from storage.words.message import message
from storage.words.model import Parts, Sha256

BLOCK_BYTES: Final = 1 << 20
"""Read at a time: large enough that a hard disk streams, small enough that recording waits for one of them at most."""
TRIES: Final = 5
"""Looks at a name that changes while it is looked at; whatever still changes then is looked at another time."""

WORDS: Final = {
    FaultKind.MISSING: (
        message("fsck.missing", "its file is not there"),
        message("fsck.missing.action", "find out who removed it; put it back from a copy if there is one"),
    ),
    FaultKind.SIZE: (
        message("fsck.size", "its file has another size than was recorded"),
        message("fsck.size.action", "find out who changed it; what is left may still play"),
    ),
    FaultKind.CONTENT: (
        message("fsck.content", "its content is not what was recorded (SHA-256)"),
        message("fsck.content.action", "find out who changed it; check the disk"),
    ),
    FaultKind.PARTS: (
        message("fsck.parts", "its fragments are not those that its leaf tells of (Merkle root)"),
        message("fsck.parts.action", "run `edgectl ledger verify`"),
    ),
    FaultKind.UNREADABLE: (
        message("fsck.file-unreadable", "its file cannot be read"),
        message("fsck.file-unreadable.action", "check the disk, its cable and `dmesg`"),
    ),
    FaultKind.APPEARED: (
        message("fsck.appeared", "it is called like footage, and nothing vouches for it"),
        message("fsck.appeared.action", "find out who put it there"),
    ),
    FaultKind.STRANGE: (
        message("fsck.strange", "edged did not put it there"),
        message("fsck.strange.action", "move it elsewhere: volumes hold footage and nothing else"),
    ),
    FaultKind.MODE: (
        message("fsck.mode", "another owner, or more rights than edged gives"),
        message("fsck.mode.action", "chown and chmod it as its neighbours are"),
    ),
    FaultKind.LINK: (
        message("fsck.link", "it has another name that edged did not give it"),
        message("fsck.link.action", "find it (find -samefile) and remove it"),
    ),
    FaultKind.PIN: (
        message("fsck.pin", "it is pinned, and a link that should hold it is gone"),
        message("fsck.pin.action", "edged makes it anew, if no copy has its name"),
    ),
}
"""What is said of a file, and what to do."""


class VolumeDirectory(Protocol):
    """A volume that is there (`storage.volumes.volume.Volume`)."""

    @property
    def id(self) -> str: ...
    @property
    def path(self) -> Path: ...
    def held(self) -> AbstractContextManager[int]: ...


class Stopped(Exception):
    """Nobody waits for the answer any more."""


Pace = Callable[[float], None]
"""Told how long was just worked; waits as long as whoever needs the disk more should have it. Raises Stopped."""


def unpaced(_worked_s: float) -> None:
    """Nobody else needs the disk."""


class NameInspector:
    """Whoever looks at files."""

    def __init__(self, read: ReadQuery, uid: int, pace: Pace = unpaced) -> None:
        """`uid` is who should own the files."""
        self._read = read
        self._uid = uid
        self._pace = pace
        self.read_bytes = 0
        """Hashed so far."""

    def inspect(self, disk: VolumeDirectory, relative: PurePosixPath, *, deep: bool) -> list[Fault]:
        """What is wrong with this name now; `deep`: with what is in it, too. OSError where nobody can tell."""
        for _ in range(TRIES):
            before = self._claim(disk, relative)
            seen = look_at(disk, relative)
            kinds = self.kinds(disk, relative, before, seen)
            if (
                deep
                and before is not None
                and seen is not None
                and not {FaultKind.SIZE, FaultKind.STRANGE} & set(kinds)
            ):
                kinds += self.content(disk, relative, before)
            if not kinds:
                return []
            if self._claim(disk, relative) == before and self._same(disk, relative, seen):
                return [fault(disk, relative, kind, before) for kind in kinds]
        return []

    def kinds(
        self, disk: VolumeDirectory, relative: PurePosixPath, claim: Claimed | None, seen: SeenFile | None
    ) -> list[FaultKind]:
        """What is wrong but for the content."""
        row = None if claim is None else row_of(claim)
        if row is not None and row.settled and not relative.name.endswith(PART_SUFFIX):
            return self._explained(disk, row, seen, of_row(row, seen, self._uid))
        if seen is None:
            return []
        if row is not None and row.settled:  # a name from before the commit that should have gone
            return [FaultKind.STRANGE]
        kind = of_name(relative, row, seen)
        return [] if kind is None else [kind]

    def content(self, disk: VolumeDirectory, relative: PurePosixPath, claim: Claimed) -> list[FaultKind]:
        """CONTENT, PARTS or UNREADABLE, if it is; of a settled row only."""
        if claim.row.sha256 is None or not row_of(claim).settled or relative.name.endswith(PART_SUFFIX):
            return []
        try:
            sha256, parts = self._digest(disk, relative)
        except FileNotFoundError:
            return []
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return [FaultKind.UNREADABLE]
        if sha256 != claim.row.sha256:
            return [FaultKind.CONTENT]
        told = self._read(partial(integrity_queries.parts_told, segment=claim.row.id))
        return [] if told in (None, (parts.count, parts.root.hex())) else [FaultKind.PARTS]

    def _explained(
        self, disk: VolumeDirectory, row: Row, seen: SeenFile | None, kinds: list[FaultKind]
    ) -> list[FaultKind]:
        """Names under `.pins` are ours; one that is on its way, or whose pin was never placed, is no stranger's."""
        if FaultKind.LINK not in kinds or seen is None:
            return kinds
        if seen.links < 1 + row.linked:
            return [FaultKind.PIN if kind is FaultKind.LINK else kind for kind in kinds]
        if seen.links == 1 + pinned_names(disk, seen.inode):
            return [kind for kind in kinds if kind is not FaultKind.LINK]
        return kinds

    def _claim(self, disk: VolumeDirectory, relative: PurePosixPath) -> Claimed | None:
        if len(relative.parts) != 3:
            return None
        return self._read(partial(integrity_queries.claims_of, volume=disk.id, paths=[relative])).get(relative)

    def _same(self, disk: VolumeDirectory, relative: PurePosixPath, seen: SeenFile | None) -> bool:
        return look_at(disk, relative) == seen

    def _digest(self, disk: VolumeDirectory, relative: PurePosixPath) -> tuple[Sha256, Parts]:
        digest = Digest()
        began = time.monotonic()
        with opened(disk, relative) as fd:
            while block := os.read(fd, BLOCK_BYTES):
                digest.update(block)
                self.read_bytes += len(block)
                self._pace(time.monotonic() - began)
                began = time.monotonic()
            with suppress(OSError):
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # others need the memory more
        return digest.finish()


def row_of(claim: Claimed) -> Row:
    """A row as it is compared."""
    return Row(claim.row.state, claim.row.bytes, claim.pins, claim.linked)


def fault(disk: VolumeDirectory, relative: PurePosixPath, kind: FaultKind, claim: Claimed | None) -> Fault:
    what, action = WORDS[kind]
    if claim is None:
        return Fault(kind, disk.id, in_words(relative), what, action)
    named = message(
        "fsck.of-segment",
        "segment {number} of {camera}: {what}",
        number=claim.row.seq,
        camera=claim.row.camera,
        what=what,
    )
    return Fault(kind, disk.id, in_words(relative), named, action, claim.row.id)


@contextmanager
def opened(disk: VolumeDirectory, relative: PurePosixPath) -> Iterator[int]:
    """A file for reading, by its name on the volume."""
    with disk.held() as directory:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(str(relative), flags, dir_fd=directory)
    try:
        yield fd
    finally:
        os.close(fd)


def look_at(disk: VolumeDirectory, relative: PurePosixPath) -> SeenFile | None:
    """None: there is no such name."""
    with disk.held() as directory:
        try:
            found = os.stat(str(relative), dir_fd=directory, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
    return seen_of(found)


def seen_of(found: os.stat_result) -> SeenFile:
    changed_ms = max(found.st_mtime_ns, found.st_ctime_ns) // 1_000_000
    return SeenFile(found.st_size, found.st_mode, found.st_uid, found.st_nlink, found.st_ino, changed_ms)


def names(disk: VolumeDirectory, directory: PurePosixPath) -> list[tuple[PurePosixPath, SeenFile]]:
    """What lies in a directory of the volume; nothing if it is gone."""
    found = []
    try:
        with disk.held() as root:
            fd = os.open(str(directory), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
    except (FileNotFoundError, NotADirectoryError):
        return []
    try:
        with os.scandir(fd) as listing:
            for entry in listing:
                with suppress(FileNotFoundError):
                    found.append((directory / entry.name, seen_of(entry.stat(follow_symlinks=False))))
    finally:
        os.close(fd)
    return sorted(found, key=lambda one: one[0])


def pinned_names(disk: VolumeDirectory, inode: int) -> int:
    """How many names below `.pins` lead to this inode. Pins are few; asked only where links do not add up."""
    count = 0
    waiting = [PurePosixPath(PINS_NAME)]
    while waiting:
        for relative, seen in names(disk, waiting.pop()):
            if seen.directory:
                waiting.append(relative)
            count += seen.regular and seen.inode == inode
    return count
