"""Directories below the open directory of a volume, and files in them, reached and unlinked without following a link.

Blocking. Keeps S10: whoever puts a symbolic link where a camera's directory should be moves nothing of what is written,
cut, linked or removed to another place: that directory is an error. What is removed lies on that disk, and what is not
found is not there, even if the disk was unmounted from its path a moment ago. Of S12: whatever lies where a file should
be costs no descriptor and holds up nobody. Keeps the file's half of S5: a row is forgotten only when the file itself
says that no name leads to it any more.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from storage.words.layout import part_path

DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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


class OtherName(Exception):
    """The file has a name that nobody here gave it: removing ours would neither destroy it nor free its space."""


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
