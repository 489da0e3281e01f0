"""How a segment's file loses its names, and how that becomes durable. Blocking; imports the standard library.

Everything is done relative to the open directory of its volume: what is removed lies on that disk, and what is not
found is not there, even if the disk was unmounted from its path a moment ago. Keeps the file's half of S5: a row is
forgotten only when the file itself says that no name leads to it any more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import PurePosixPath

from storage.layout import part_path


class OtherName(Exception):
    """The file has a name that nobody here gave it: removing ours would neither destroy it nor free its space."""


def unlink(volume: int, relative: PurePosixPath) -> bool:
    """Remove every name of a segment; that it has none left is asked of the file itself. False: it was not there."""
    name = str(relative)
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=volume)
    except FileNotFoundError:
        return False
    try:
        if os.fstat(fd).st_nlink > 1:
            _unlink_part(volume, fd, str(part_path(relative)))
        if os.fstat(fd).st_nlink > 1:
            raise OtherName("it has another name, from outside edged: find it by its inode and remove it")
        os.unlink(name, dir_fd=volume)
        if os.fstat(fd).st_nlink > 0:
            raise OtherName("it was given another name while it was removed")
    finally:
        os.close(fd)
    return True


def _unlink_part(volume: int, fd: int, part: str) -> None:
    """A commit that was cut off between link and unlink left a second name."""
    with suppress(FileNotFoundError):
        if os.stat(part, dir_fd=volume, follow_symlinks=False).st_ino == os.fstat(fd).st_ino:
            os.unlink(part, dir_fd=volume)


def sync(volume: int, directory: PurePosixPath) -> None:
    """Make the names that went from a directory durable; one that is gone itself has none."""
    with suppress(FileNotFoundError):
        fd = os.open(str(directory), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=volume)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def tidy(volume: int, directories: Iterable[PurePosixPath], before: date) -> None:
    """Remove those of these days' directories that are empty and earlier than `before`."""
    for directory in directories:
        if directory.name < str(before):
            with suppress(OSError):  # not empty, or gone: either is fine
                os.rmdir(str(directory), dir_fd=volume)
