"""How a segment's file loses its names, and how that becomes durable. Blocking; imports the standard library.

Everything is done relative to the open directory of its volume: what is removed lies on that disk, and what is not
found is not there, even if the disk was unmounted from its path a moment ago; no link is followed (S10). Keeps the
file's half of S5: a row is forgotten only when the file itself says that no name leads to it any more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import PurePosixPath

from storage.files.open_beneath import inside
from storage.words.layout import part_path


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
