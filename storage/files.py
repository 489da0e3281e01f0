"""Files of which nothing is lost and that nobody else can put elsewhere: renamed, reached, removed, made durable.

System calls that the standard library lacks: a rename that never replaces, space laid out ahead, idle reads.

Lean, because a camera's worker uses it (`storage.segments.segment_file`). Keeps S6 and S4:
what has been committed is still there after a power cut, and no file ever takes another one's name. ioprio_set(2) does
nothing where the scheduler of a disk knows no classes; pausing (`storage.integrity.service`) does not rely on it.

Directories below the open directory of a volume, and files in them, are reached without following any link. Keeps S10:
whoever puts a symbolic link where a camera's directory should be moves nothing of what is written, cut, linked or
removed to another place: that directory is an error. Of S12: whatever lies where a file should be costs no descriptor
and holds up nobody.

How a segment's file loses its names, and how that becomes durable: everything is done relative to the open directory of
its volume: what is removed lies on that disk, and what is not found is not there, even if the disk was unmounted from
its path a moment ago; no link is followed (S10). Keeps the file's half of S5: a row is forgotten only when the file
itself says that no name leads to it any more.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from storage.words.layout import DIR_MODE, FILE_MODE, part_path
from storage.words.message import Message, message

DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_RENAME_NOREPLACE: Final = 1
_UNSUPPORTED: Final = frozenset({errno.EINVAL, errno.ENOSYS})
"""What file systems and kernels without RENAME_NOREPLACE answer (NFS, some FUSE)."""
_KEEP_SIZE: Final = 1
_libc: Final = ctypes.CDLL(None, use_errno=True)
_renameat2: Final = _libc.renameat2
_renameat2.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
_renameat2.restype = ctypes.c_int
_fallocate: Final = _libc.fallocate64
_fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
_fallocate.restype = ctypes.c_int
_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30}
_WHO_PROCESS: Final = 1
_IDLE: Final = 3 << 13
NICE: Final = 10
UNFINISHED_SUFFIX: Final = ".new"


class OtherName(Exception):
    """The file has a name that nobody here gave it: removing ours would neither destroy it nor free its space."""


def rename_noreplace(old: str, new: str, *, dir_fd: int) -> None:
    """Rename within one directory; `FileExistsError` if `new` is taken, and then nothing has changed.

    renameat2(RENAME_NOREPLACE) rather than link + unlink for what a power cut leaves: the rename is one step of the
    file system's journal, so afterwards there is exactly one name, and it is either in progress or complete. Between
    link and unlink there are two names of one inode, which recovery would have to tell from a pin. Where the file
    system cannot do it, link + unlink is still safe: link never replaces, and recovery takes a `.part` whose final
    name exists on the same inode for the rest of a commit.
    """
    if _renameat2(dir_fd, os.fsencode(old), dir_fd, os.fsencode(new), _RENAME_NOREPLACE) == 0:
        return
    code = ctypes.get_errno()
    if code not in _UNSUPPORTED:
        raise OSError(code, os.strerror(code), old, None, new)
    os.link(old, new, src_dir_fd=dir_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
    os.unlink(old, dir_fd=dir_fd)


def preallocate(fd: int, at: int, length: int) -> bool:
    """Lay out space behind a file's end, whose size stays as it is. False where that cannot be had: nothing is lost.

    What is not used goes with `os.ftruncate` to the file's own size.
    """
    return bool(_fallocate(fd, _KEEP_SIZE, at, length) == 0)


def fsync_directory(path: Path) -> None:
    """Make the names in a directory durable: those that were added as well as those that went."""
    with directory(path) as fd:
        os.fsync(fd)


@contextmanager
def directory(path: Path) -> Iterator[int]:
    """Its descriptor. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def exposure(path: Path, status: os.stat_result, mode: int) -> Message | None:
    """Who else may have read a file that only the daemon should read, in words; `mode` is what it may have at most."""
    found = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid():
        return message(
            "ledger.key-of-another", "{path} belongs to another account (uid {uid})", path=str(path), uid=status.st_uid
        )
    return (
        message(
            "ledger.key-readable", "other accounts may read {path} (mode {mode})", path=str(path), mode=f"{found:04o}"
        )
        if found & ~mode
        else None
    )


def become_idle() -> None:
    """This thread from now on, for all its life; a refusal changes nothing."""
    number = _IOPRIO_SET.get(os.uname().machine)
    if number is not None:
        _libc.syscall(number, _WHO_PROCESS, 0, _IDLE)
    thread = threading.get_native_id()
    try:
        os.setpriority(os.PRIO_PROCESS, thread, max(NICE, os.getpriority(os.PRIO_PROCESS, thread)))
    except OSError:
        return


@contextmanager
def inside(volume: int, directory: PurePosixPath) -> Iterator[int]:
    """The directory, open. FileNotFoundError where there is none, NotADirectoryError where a link or a file is."""
    fd = _open(volume, directory)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def reading(directory: int, name: str) -> Iterator[BinaryIO]:
    """A file in an open directory. OSError for what is none: a link, a directory, a pipe that nobody writes to."""
    with open_file(directory, name) as file:
        yield file


def open_file(directory: int, name: str) -> BinaryIO:
    """The same, for whoever closes it."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return os.fdopen(fd, "rb")
    os.close(fd)
    raise OSError(errno.EINVAL, f"{name} is no file", name)


def make_directory(volume: int, parent: str, name: str) -> None:
    """Durably, unless it is there."""
    with inside(volume, PurePosixPath(parent)) as directory:
        with suppress(FileExistsError):
            os.mkdir(name, DIR_MODE, dir_fd=directory)
        os.fsync(directory)


def write_whole(directory: int, name: str, content: bytes) -> None:
    """A file in an open directory, in the place of any that has its name: whole or not at all, and durable.

    What a crash leaves is `name` with `UNFINISHED_SUFFIX`, and the next one takes that.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    unfinished = name + UNFINISHED_SUFFIX
    with os.fdopen(os.open(unfinished, flags, FILE_MODE, dir_fd=directory), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(unfinished, name, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


def _open(volume: int, directory: PurePosixPath) -> int:
    if directory.is_absolute() or ".." in directory.parts:
        raise NotADirectoryError(f"{directory} does not lie below its volume")
    fd = os.open(".", DIRECTORY, dir_fd=volume)
    for name in directory.parts:
        try:
            below = os.open(name, DIRECTORY, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd


def unlink(volume: int, relative: PurePosixPath) -> bool:
    """Remove every name of a segment; that it has none left is asked of the file itself. False: it was not there."""
    name = relative.name
    try:
        with inside(volume, relative.parent) as directory:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
            try:
                if os.fstat(fd).st_nlink > 1:
                    _unlink_part(directory, fd, part_path(relative).name)
                if os.fstat(fd).st_nlink > 1:
                    raise OtherName("it has another name, from outside edged: find it by its inode and remove it")
                os.unlink(name, dir_fd=directory)
                if os.fstat(fd).st_nlink > 0:
                    raise OtherName("it was given another name while it was removed")
            finally:
                os.close(fd)
    except FileNotFoundError:
        return False
    return True


def _unlink_part(directory: int, fd: int, part: str) -> None:
    """A commit that was cut off between link and unlink left a second name."""
    with suppress(FileNotFoundError):
        if os.stat(part, dir_fd=directory, follow_symlinks=False).st_ino == os.fstat(fd).st_ino:
            os.unlink(part, dir_fd=directory)


def sync(volume: int, directory: PurePosixPath) -> None:
    """Make the names that went from a directory durable; one that is gone itself has none."""
    with suppress(FileNotFoundError), inside(volume, directory) as fd:
        os.fsync(fd)


def tidy(volume: int, directories: Iterable[PurePosixPath], before: date) -> None:
    """Remove those of these days' directories that are empty and earlier than `before`."""
    for directory in directories:
        if directory.name < str(before):
            with suppress(OSError), inside(volume, directory.parent) as parent:  # not empty, or gone: either is fine
                os.rmdir(directory.name, dir_fd=parent)
