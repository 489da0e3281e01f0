"""The directory `.ledger` on a volume, and the signed heads in it: one file for each generation, replaced whole.

Blocking. Everything is reached through an open directory of the volume, so that nothing lands below an unmounted mount
point (S10). The leaves beside them are `storage.mirror.files`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from storage.files.open_beneath import reading
from storage.ledger.note import NOTE_MAX_BYTES
from storage.words.layout import DIR_MODE, FILE_MODE

NAME: Final = ".ledger"
_CHECKPOINT: Final = re.compile(r"checkpoint-\d{1,16}\.txt", re.ASCII)
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened(volume_fd: int, *, make: bool = False) -> Iterator[int]:
    """The directory; made, durably, where it is missing and wanted. FileNotFoundError otherwise."""
    try:
        fd = os.open(NAME, _DIRECTORY, dir_fd=volume_fd)
    except FileNotFoundError:
        if not make:
            raise
        with suppress(FileExistsError):
            os.mkdir(NAME, DIR_MODE, dir_fd=volume_fd)
        fd = os.open(NAME, _DIRECTORY, dir_fd=volume_fd)
        os.fsync(volume_fd)
    try:
        yield fd
    finally:
        os.close(fd)


def replace(fd: int, name: str, data: bytes) -> None:
    """A file whole in place of another, durably, all or nothing."""
    new = name + ".new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(new, flags, FILE_MODE, dir_fd=fd), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.rename(new, name, src_dir_fd=fd, dst_dir_fd=fd)
    os.fsync(fd)


def checkpoint_name(first: int) -> str:
    """The file of the last signed head of a generation, by the number of its first leaf."""
    return f"checkpoint-{first}.txt"


def named_notes(fd: int) -> Iterator[tuple[str, str]]:
    """Names and texts of signed heads as they lie here, unchecked; what cannot be read is none."""
    for name in sorted(os.listdir(fd)):
        if _CHECKPOINT.fullmatch(name):
            with suppress(OSError), reading(fd, name) as file:
                yield name, file.read(NOTE_MAX_BYTES).decode("utf-8", "replace")


def notes(fd: int) -> list[str]:
    """Their texts."""
    return [text for _, text in named_notes(fd)]
