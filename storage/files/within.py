"""Directories below the open directory of a volume, reached without following any link.

Blocking; imports the standard library. Keeps S10: whoever puts a symbolic link where a camera's directory should be
moves nothing of what is written, cut, linked or removed to another place: that directory is an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Final

DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def inside(volume: int, directory: PurePosixPath) -> Iterator[int]:
    """The directory, open. FileNotFoundError where there is none, NotADirectoryError where a link or a file is."""
    fd = _open(volume, directory)
    try:
        yield fd
    finally:
        os.close(fd)


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
