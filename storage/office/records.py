"""Records of the office on the volumes: ciphertext, so that a lost database loses nothing that people wrote.

`.office/NUMBER/KIND-POSITION` on each volume, of a request (115-0007) or a person (person-7). What is to be there says
the database; a volume that was away is made alike when it comes (`storage.office.service`). Functions over the open
directory of a volume, which follow no link. Each raises OSError.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from storage.files import inside, make_directory, reading, write_whole

OFFICE_NAME: Final = ".office"
PERSON: Final = "person-"
SCAN: Final = "scan"
"""A kind that lies on the volumes alone."""
MAX_BYTES: Final = 11 << 20
"""Of one: a scan of 10 MB, and what encryption adds."""
REQUEST: Final = r"\d{1,4}-\d{4,9}(\.[a-z0-9][a-z0-9-]{0,39})?"
"""What a request is called: its number, and behind a dot the box that gave it, where that is another one of the office.
Two boxes have two series, so the number alone could be of either.
"""
_NUMBER: Final = re.compile(rf"({REQUEST}|person-\d{{1,9}})", re.ASCII)
_NAME: Final = re.compile(r"([a-z]{1,16})-(\d{1,9})", re.ASCII)


class RecordId(NamedTuple):
    """What a ciphertext is called, and bound to."""

    number: str
    kind: str
    position: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.position}"


def write(volume: int, record: RecordId, cipher: bytes) -> None:
    """Whole or not at all, and durable."""
    make_directory(volume, ".", OFFICE_NAME)
    make_directory(volume, OFFICE_NAME, record.number)
    with inside(volume, PurePosixPath(OFFICE_NAME, record.number)) as directory:
        write_whole(directory, record.name, cipher)


def read(volume: int, record: RecordId) -> bytes | None:
    """None where there is none."""
    try:
        with (
            inside(volume, PurePosixPath(OFFICE_NAME, record.number)) as directory,
            reading(directory, record.name) as file,
        ):
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None


def listed(volume: int) -> Iterator[RecordId]:
    """All that lie there, in no order; what has another name is nobody's."""
    for number in _names(volume, PurePosixPath(OFFICE_NAME)):
        if _NUMBER.fullmatch(number) is not None:
            for name in _names(volume, PurePosixPath(OFFICE_NAME, number)):
                if (parsed := _NAME.fullmatch(name)) is not None:
                    yield RecordId(number, parsed[1], int(parsed[2]))


def remove(volume: int, number: str) -> None:
    """All records of a request or person, durably; gone already is fine."""
    with suppress(FileNotFoundError):
        with inside(volume, PurePosixPath(OFFICE_NAME, number)) as directory:
            for name in os.listdir(directory):  # noqa: PTH208 - an open directory
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=directory)
            os.fsync(directory)
        with inside(volume, PurePosixPath(OFFICE_NAME)) as parent:
            with suppress(FileNotFoundError):
                os.rmdir(number, dir_fd=parent)
            os.fsync(parent)


def _names(volume: int, path: PurePosixPath) -> list[str]:
    try:
        with inside(volume, path) as directory:
            return os.listdir(directory)  # noqa: PTH208 - an open directory
    except (FileNotFoundError, NotADirectoryError):
        return []
