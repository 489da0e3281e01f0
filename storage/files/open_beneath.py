"""Directories below the open directory of a volume, and files in them, reached without following any link.

Blocking; imports the standard library. Keeps S10: whoever puts a symbolic link where a camera's directory should be
moves nothing of what is written, cut, linked or removed to another place: that directory is an error. Of S12: whatever
lies where a file should be costs no descriptor and holds up nobody.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO, Final

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
