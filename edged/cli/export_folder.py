"""The folder of an export as it is written, by the person who asks: whole file by whole file, so that it can go on.

A file is `<name>.part` until all of it is there and synced. Of what was being written when the stick was pulled only
that counts which was synced; the rest is fetched again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import ValidationError

from edged.documents.base import Document
from edged.documents.exports import ExportFile
from storage.volumes import mounts

NOTE: Final = "edgectl-export.json"
"""Lies in a folder that is not complete: which export it is."""
PART: Final = ".part"
SYNC_EVERY: Final = 64 << 20
"""So much is fetched again at most."""
SPARE_BYTES: Final = 8 << 20
CLUSTER_BYTES: Final = 64 << 10
"""What a small file takes on a large stick."""
FAT: Final = frozenset({"vfat", "msdos"})
FAT_BYTES: Final = (4 << 30) - 1


Octets = Callable[[int], Iterator[bytes]]
"""Of a file, from where on."""


class Note(Document):
    """What goes on here."""

    export: str
    digest: str | None
    files: list[str]
    """All that this export has put here, or will."""


class BrokenOff(Exception):
    """What was to be written is not whole: the daemon broke off."""


@dataclass(frozen=True, slots=True)
class ExportFolder:
    """Below it nothing is touched but what an export has put there."""

    root: Path

    @property
    def note(self) -> Note | None:
        """None: nothing goes on here. ValueError: somebody else's file lies there."""
        place = next((one for one in (self.root / NOTE, self._aside) if one.is_file()), None)
        try:
            return None if place is None else Note.model_validate_json(place.read_bytes())
        except ValidationError as error:
            raise ValueError(f"{self.root / NOTE} is not what edgectl writes") from error

    def tell(self, note: Note) -> None:
        """Durably, and whole at any time."""
        place = self.root / NOTE
        fresh = place.with_name(NOTE + ".new")
        _write_file(fresh, note.model_dump_json().encode())
        fresh.replace(place)
        _sync(self.root)

    def fetch(self, file: ExportFile, octets: Octets, progress: Callable[[int], None]) -> None:
        """Write a file, or what is missing of it. OSError; Cut."""
        path = self.root / file.path
        part = path.with_name(path.name + PART)
        if path.is_file() and path.stat().st_size == file.bytes:
            progress(file.bytes)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        have = part.stat().st_size if part.is_file() else 0
        begin = 0 if have > file.bytes else have // SYNC_EVERY * SYNC_EVERY
        with part.open("r+b" if have else "wb") as out:
            out.truncate(begin)
            out.seek(begin)
            progress(begin)
            at = begin
            for block in octets(begin):
                out.write(block)
                progress(len(block))
                if at // SYNC_EVERY != (at + len(block)) // SYNC_EVERY:
                    out.flush()
                    os.fsync(out.fileno())
                at += len(block)
            if at != file.bytes:
                raise BrokenOff(f"{file.path} has {at} bytes so far, of {file.bytes}")
            out.flush()
            os.fsync(out.fileno())
            os.posix_fadvise(out.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # it is read back from the medium
        part.replace(path)
        _sync(path.parent)

    def complete(self) -> None:
        """Nothing goes on here any more."""
        (self.root / NOTE).unlink(missing_ok=True)
        self._aside.unlink(missing_ok=True)
        _sync(self.root)

    def remove(self, paths: Sequence[str]) -> None:
        """What an export has put there, and directories that are empty then."""
        self.remove_only([*paths, NOTE, NOTE + ".new"])
        self._aside.unlink(missing_ok=True)
        folders = {parent for path in paths for parent in Path(path).parents}
        for folder in sorted(folders, key=lambda one: len(one.parts), reverse=True):
            with suppress(OSError):
                (self.root / folder).rmdir()

    def remove_only(self, paths: Sequence[str]) -> None:
        """Some files: they are fetched again."""
        for path in paths:
            place = self.root / path
            place.unlink(missing_ok=True)
            place.with_name(place.name + PART).unlink(missing_ok=True)

    @contextmanager
    def as_it_will_be(self) -> Iterator[None]:
        """Without the note, which is no part of what was exported, for as long as the folder is looked at."""
        place = self.root / NOTE
        place.replace(self._aside)
        try:
            yield
        finally:
            self._aside.replace(place)

    @property
    def _aside(self) -> Path:
        """Beside the folder."""
        return self.root.with_name(f".{self.root.name}.{NOTE}")

    def written(self, files: Sequence[ExportFile]) -> int:
        """Octets of these that lie there already."""
        total = 0
        for one in files:
            for place in (self.root / one.path, self.root / (one.path + PART)):
                if place.is_file():
                    total += place.stat().st_size
        return total


def bytes_free(place: Path) -> int:
    """Octets that a person may write there."""
    there = os.statvfs(place)
    return there.f_bavail * there.f_frsize


def bytes_needed(files: Sequence[ExportFile]) -> int:
    return sum(one.bytes + CLUSTER_BYTES for one in files) + SPARE_BYTES


def is_fat(place: Path) -> bool:
    """It takes no file of 4 GiB."""
    mount = mounts.read_mounts().of(PurePosixPath(place.resolve()))
    return mount is not None and mount.kind in FAT


def volume_around(place: Path, volumes: Sequence[str]) -> str | None:
    """The volume that a folder would lie in, whatever path leads there."""
    now, here = mounts.read_mounts(), PurePosixPath(place.resolve())
    for volume in volumes:
        there = PurePosixPath(Path(volume).resolve())
        mine, other = now.place(here), now.place(there)
        same = mine is not None and other is not None and mine.device == other.device
        if here.is_relative_to(there) or (same and mine and other and mine.path.is_relative_to(other.path)):
            return volume
    return None


def _write_file(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system that cannot is a file system that need not
            os.fsync(fd)
    finally:
        os.close(fd)
