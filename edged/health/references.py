"""The views that operators vouched for: one small grey picture a camera, below the state directory. Blocking.

Kept as a file each, written whole or not at all. Who set it is on record in the ledger, not in here.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated, Final

import msgspec

from recorder.decoder.messages import THUMB_BYTES
from storage.files.fsync import fsync_directory

log = logging.getLogger("edged.decoder")

FOLDER: Final = "references"
MODE: Final = 0o640


class ReferenceView(msgspec.Struct, frozen=True):
    """What a camera is to show."""

    camera: str
    set_ms: int
    """Wall clock."""
    thumb: Annotated[bytes, msgspec.Meta(min_length=THUMB_BYTES, max_length=THUMB_BYTES)]


class References:
    """Of one box."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    def all(self) -> dict[str, ReferenceView]:
        """By camera. One that cannot be read is told and left out."""
        found = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                one = msgspec.json.decode(path.read_bytes(), type=ReferenceView)
            except (OSError, ValueError) as error:
                log.warning("%s is no reference: %s", path, error)
                continue
            found[one.camera] = one
        return found

    def put(self, one: ReferenceView) -> None:
        """In place of the one before. Raises OSError."""
        self._folder.mkdir(mode=0o750, exist_ok=True)
        write_whole(self._folder / f"{one.camera}.json", msgspec.json.encode(one))

    def remove(self, camera: str) -> bool:
        """False: there is none. Raises OSError."""
        try:
            (self._folder / f"{camera}.json").unlink()
        except FileNotFoundError:
            return False
        fsync_directory(self._folder)
        return True


def write_whole(path: Path, data: bytes) -> None:
    """The new file or the old one, whatever happens. Raises OSError."""
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        os.fchmod(file.fileno(), MODE)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    fsync_directory(path.parent)
