"""One segment's file while it is written: never below an unmounted mount point, never over another file.

Lean: the disk thread of every camera's worker carries it. Not thread-safe; one thread owns a file. Keeps S10 (the
volume is known by its identity file, and everything below is reached through the directory that was checked), S6 (what
was synced is found again under its `.part` name) and its part of S4 (the hashes are of the bytes that reached the
file, counted as they went).

Its parts, and the Merkle root over them (pure): a piece of the file can be proven without the rest. A part ends behind
each `moov` and each `mdat` at the top level, and what remains at the end is one more: so part 0 is what stands before
the first fragment, each fragment is a part, and so is the index behind them. Whatever the bytes are, they have parts:
what is no box belongs to the last one. The root is that of RFC 6962 over the parts as leaves.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from storage.files import DIRECTORY, preallocate, rename_noreplace
from storage.ledger.tree import EMPTY, LEAF, Hash, node_hash
from storage.volumes.volume import read_identity
from storage.words.failpoints import Failpoint, reach
from storage.words.layout import DIR_MODE, FILE_MODE, IDENTITY_NAME, part_path
from storage.words.message import message
from storage.words.model import Parts, Sha256

LAY_OUT_BYTES: Final = 4 << 20
"""Space is laid out ahead of what is written, so that a sync need not find some. Measured with 32 cameras on a hard
disk (bench/README.md): half the journal's commits, and the slowest sync takes 0.5 s instead of 0.85 s. 4, 8 and 16 MiB
do the same."""
SCARCE_BYTES: Final = 1 << 30
"""With less than this free on the disk nothing is laid out: whoever is first must not take what others need."""
_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_ENDING: Final = frozenset({b"moov", b"mdat"})
_HEAD: Final = struct.Struct(">I4s")
_LONG_HEAD: Final = struct.Struct(">I4sQ")
_FOR_EVER: Final = 1 << 64
"""More than any file: what follows is no box, or reaches up to the end."""


def space_taken(written: int, free: int) -> int:
    """What a segment in progress takes of the file system, with what is laid out ahead of it."""
    return written if free <= SCARCE_BYTES else (written // LAY_OUT_BYTES + 1) * LAY_OUT_BYTES


class WrongVolumeError(OSError):
    """S10: what lies at the configured path is not the volume that was granted. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file that is complete and durable under its final name."""

    path: Path
    bytes: int
    sha256: builtins.bytes
    parts: Parts


class SegmentFile:
    """A `.part` of our own, locked with flock until it is complete or abandoned.

    Recovery takes a `.part` whose lock is free for left behind; between creation and lock lies an instant, so recovery
    must not touch what was opened in its own run and whose worker lives.
    """

    def __init__(self, fd: int, directory_fd: int, path: Path) -> None:
        """Use `create`."""
        self._fd = fd
        self._directory_fd = directory_fd
        self._path = path
        self._digest = Digest()
        self._bytes = 0
        self._laid_out = 0
        self._named = False
        self._broken: OSError | None = None

    @classmethod
    def create(cls, volume_path: Path, volume_id: str, relative: PurePosixPath) -> SegmentFile:
        """Make the directories and the `.part` of `relative` (`layout.segment_path`) on the volume with this id.

        `WrongVolumeError` when the volume is not there, `FileExistsError` when the name is taken, `OSError` otherwise.
        """
        directory = _open_volume(volume_path, volume_id)
        try:
            for name in relative.parent.parts:
                child = _enter(directory, name)
                os.close(directory)
                directory = child
            _refuse_taken(directory, relative.name)
            fd = os.open(part_path(relative).name, _CREATE, FILE_MODE, dir_fd=directory)
        except BaseException:
            os.close(directory)
            raise
        file = cls(fd, directory, volume_path / relative)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(fd, FILE_MODE)
        except BaseException:
            file._close()
            raise
        reach(Failpoint.COMMIT_PART)
        return file

    @property
    def path(self) -> Path:
        """The final path, also while the file is still called `.part`."""
        return self._path

    @property
    def bytes(self) -> int:
        """How many bytes reached the file so far."""
        return self._bytes

    def write(self, data: builtins.bytes | bytearray | memoryview) -> int:
        """Write all of `data`, however often the kernel takes only some of it; returns its length."""
        self._refuse_broken()
        rest = memoryview(data).cast("B")
        length = len(rest)
        try:
            self._lay_out(length)
            while rest:
                written = os.write(self._fd, rest)
                self._digest.update(rest[:written])
                self._bytes += written
                rest = rest[written:]
        except OSError as error:
            self._broken = error
            raise
        return length

    def _lay_out(self, length: int) -> None:
        """Space for what is written next. Asked for once a step, whether it was to be had or not."""
        if self._bytes + length <= self._laid_out:
            return
        step = -(-length // LAY_OUT_BYTES) * LAY_OUT_BYTES
        disk = os.fstatvfs(self._fd)
        if disk.f_bavail * disk.f_frsize > SCARCE_BYTES:
            preallocate(self._fd, self._bytes, step)
        self._laid_out = self._bytes + step

    def sync(self) -> None:
        """Make what was written so far survive a power cut, the first time also the name it is found by."""
        self._refuse_broken()
        try:
            os.fdatasync(self._fd)
            if not self._named:
                os.fsync(self._directory_fd)
                self._named = True
        except OSError as error:
            self._broken = error
            raise

    def commit(self) -> Sealed:
        """Make the file durable under its final name and let it go.

        The lock is held until the new name is durable, so that nobody salvages a file that is being committed. After
        an `OSError` the file still has to be abandoned; it lies under one of its two names, whole.
        """
        self._refuse_broken()
        os.ftruncate(self._fd, self._bytes)  # what was laid out and not used
        os.fsync(self._fd)
        reach(Failpoint.COMMIT_SYNCED)
        rename_noreplace(part_path(PurePosixPath(self._path)).name, self._path.name, dir_fd=self._directory_fd)
        reach(Failpoint.COMMIT_RENAMED)
        os.fsync(self._directory_fd)
        reach(Failpoint.COMMIT_NAMED)
        self._close()
        return Sealed(self._path, self._bytes, *self._digest.finish())

    def abandon(self) -> bool:
        """Let go and leave the `.part` to recovery. False if the disk would not confirm what was written.

        Does not raise, because it is called when something has already gone wrong, and recovery believes only what it
        reads back. After `commit` or a first `abandon` it does nothing.
        """
        if self._fd < 0:
            return True
        try:
            os.fsync(self._fd)
            os.fsync(self._directory_fd)
        except OSError:
            return False
        finally:
            self._close()
        return self._broken is None

    def _refuse_broken(self) -> None:
        """A failed write left a hole in the stream; a failed fsync is reported only once, the next one would lie."""
        if self._broken is not None:
            raise self._broken
        if self._fd < 0:
            raise OSError(errno.EBADF, "segment file is closed", str(self._path))

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        directory_fd, self._directory_fd = self._directory_fd, -1
        try:
            os.close(fd)
        finally:
            os.close(directory_fd)


_NO_DIRECTORY: Final = message("volume.no-place", "the volume's directory is not there")
_NOT_MOUNTED: Final = message("volume.not-mounted-here", "no volume is mounted here")


def _open_volume(path: Path, volume_id: str) -> int:
    """The volume's directory. What is reached through it stays on this file system, mounted or not."""
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise WrongVolumeError(errno.ENODEV, _NO_DIRECTORY, str(path)) from error
    try:
        _prove(directory, path, volume_id)
    except BaseException:
        os.close(directory)
        raise
    return directory


def _prove(directory: int, path: Path, volume_id: str) -> None:
    try:
        found = read_identity(directory).get("volume")
    except FileNotFoundError as error:
        raise WrongVolumeError(errno.ENODEV, _NOT_MOUNTED, str(path)) from error
    except ValueError as error:
        unread = message(
            "volume.unidentified", "{file} cannot be read: {reason}", file=IDENTITY_NAME, reason=str(error)
        )
        raise WrongVolumeError(errno.ENODEV, unread, str(path)) from error
    if found != volume_id:
        other = message(
            "volume.another", "the volume here is {found}, not {wanted}", found=str(found), wanted=volume_id
        )
        raise WrongVolumeError(errno.ENODEV, other, str(path))


def _enter(directory: int, name: str) -> int:
    """Open a directory below `directory`, made if need be, and then durable at once: it happens once a day."""
    try:
        return os.open(name, DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        pass
    made = True
    try:
        os.mkdir(name, DIR_MODE, dir_fd=directory)
    except FileExistsError:
        made = False
    child = os.open(name, DIRECTORY, dir_fd=directory)
    try:
        if made:
            os.fchmod(child, DIR_MODE)
        os.fsync(directory)
    except BaseException:
        os.close(child)
        raise
    return child


def _refuse_taken(directory: int, name: str) -> None:
    """Say at the start what the rename would say at the end. It alone is safe; this spares five minutes of footage."""
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)


class Part(NamedTuple):
    """A piece of a file."""

    bytes: int
    hash: Hash
    """As a leaf (RFC 6962)."""


class FragmentHasher:
    """Bytes in, in blocks of any length; parts out as they end. Of the tree only its right edge is kept."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256(LEAF)
        self._bytes = 0
        self._head = b""
        self._head_bytes = _HEAD.size
        self._left = 0
        """Of the box, behind its head."""
        self._ending = False
        """The box ends a part."""
        self._count = 0
        self._peaks: list[Hash] = []

    def update(self, data: bytes | memoryview) -> list[Part]:
        """The parts that end in these bytes."""
        ended = []
        rest = memoryview(data)
        while rest:
            if self._left:
                piece = rest[: self._left]
                self._left -= len(piece)
            else:
                piece = rest[: self._head_bytes - len(self._head)]
                self._head += piece
                if len(self._head) == self._head_bytes:
                    self._enter()
            self._hash.update(piece)
            self._bytes += len(piece)
            rest = rest[len(piece) :]
            if self._ending and not self._left:
                ended.append(self._end())
        return ended

    def finish(self) -> list[Part]:
        """What remains, if anything: the file ends here."""
        return [self._end()] if self._bytes else []

    @property
    def parts(self) -> Parts:
        """How many have ended, and the root over them."""
        root = EMPTY
        for number, peak in enumerate(reversed(self._peaks)):
            root = node_hash(peak, root) if number else peak
        return Parts(self._count, root)

    def _enter(self) -> None:
        """The head of a box is complete, unless it says that its length takes eight bytes more."""
        length, kind = _HEAD.unpack_from(self._head)
        if length == 1 and self._head_bytes == _HEAD.size:
            self._head_bytes = _LONG_HEAD.size
            return
        if length == 1:
            length = _LONG_HEAD.unpack(self._head)[2]
        whole = length >= self._head_bytes
        self._left = length - self._head_bytes if whole else _FOR_EVER
        self._ending = whole and kind in _ENDING
        self._head, self._head_bytes = b"", _HEAD.size

    def _end(self) -> Part:
        ended = Part(self._bytes, self._hash.digest())
        self._hash, self._bytes, self._ending = hashlib.sha256(LEAF), 0, False
        peak, count = ended.hash, self._count
        while count & 1:
            peak, count = node_hash(self._peaks.pop(), peak), count >> 1
        self._peaks.append(peak)
        self._count += 1
        return ended


class Digest:
    """What a file is known by: its SHA-256, and its parts. Each block is hashed for both while it is in the cache."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._hasher = FragmentHasher()

    def update(self, data: bytes | memoryview) -> None:
        """More of the file."""
        self._hash.update(data)
        self._hasher.update(data)

    def finish(self) -> tuple[Sha256, Parts]:
        """The file ends here."""
        self._hasher.finish()
        return self._hash.digest(), self._hasher.parts


def parts_of(blocks: Iterable[bytes]) -> Iterator[Part]:
    """A file's parts, in order."""
    hasher = FragmentHasher()
    for block in blocks:
        yield from hasher.update(block)
    yield from hasher.finish()
