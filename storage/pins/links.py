"""A pin's directory on a volume: its sidecar and a hard link of each segment it holds. Blocking.

Imports the standard library and lean modules of storage. Everything is done relative to the volume's open directory,
and no link of a stranger's is followed (S10). As long as a link is there, no unlinking of the segment frees the file
(S2), whatever the database believes.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import PurePosixPath
from typing import Final

from storage.files.open_beneath import inside, reading
from storage.words.layout import DIR_MODE, FILE_MODE, QUARANTINE_SUFFIX, is_camera, parse_segment_name, segment_path

PINS_NAME: Final = ".pins"
SIDECAR_NAME: Final = "pin.json"
_UNFINISHED: Final = SIDECAR_NAME + ".new"
PIN_ID: Final = re.compile(r"P-\d{8}-[0-9A-Z]{4,8}", re.ASCII)


def link_name(relative: PurePosixPath) -> str:
    """How a segment is called in a pin: no two cameras' names collide."""
    return f"{relative.parts[0]}_{relative.name}"


def path_of(name: str) -> PurePosixPath | None:
    """Where the segment that a link is of lies on its volume; None for one that is no segment's."""
    camera, _, file = name.partition("_")
    parsed = parse_segment_name(file.removesuffix(QUARANTINE_SUFFIX))
    if parsed is None or not is_camera(camera):
        return None
    return segment_path(camera, *parsed).with_name(file)


def pin_ids(volume: int) -> list[str]:
    """All that lie on the volume, whatever is in them."""
    return sorted(name for name in _names(volume, PINS_NAME) if PIN_ID.fullmatch(name))


def link_names(volume: int, pin_id: str) -> set[str]:
    """The links of a pin; none where it has no directory."""
    return {name for name in _names(volume, f"{PINS_NAME}/{pin_id}") if path_of(name) is not None}


def read_sidecar(volume: int, pin_id: str, limit: int) -> bytes | None:
    """None where there is none."""
    try:
        with _inside(volume, f"{PINS_NAME}/{pin_id}") as directory, reading(directory, SIDECAR_NAME) as file:
            return file.read(limit)
    except FileNotFoundError:
        return None


def write_sidecar(volume: int, pin_id: str, content: bytes) -> None:
    """Whole or not at all, and durable, with the directories that lead to it."""
    _make(volume, ".", PINS_NAME)
    _make(volume, PINS_NAME, pin_id)
    with _inside(volume, f"{PINS_NAME}/{pin_id}") as directory:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(_UNFINISHED, flags, FILE_MODE, dir_fd=directory), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(_UNFINISHED, SIDECAR_NAME, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)


def link(volume: int, pin_id: str, relative: PurePosixPath) -> None:
    """One more name for a segment; not durable before `sync`. FileNotFoundError: no such file, or no directory yet."""
    name, of = link_name(relative), relative.name
    with inside(volume, relative.parent) as day, inside(volume, PurePosixPath(PINS_NAME, pin_id)) as pin:
        try:
            os.link(of, name, src_dir_fd=day, dst_dir_fd=pin, follow_symlinks=False)
        except FileExistsError:
            here = os.stat(name, dir_fd=pin, follow_symlinks=False)
            there = os.stat(of, dir_fd=day, follow_symlinks=False)
            if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
                raise FileExistsError(errno.EEXIST, "another file has this name", name) from None


def is_taken(volume: int, pin_id: str, relative: PurePosixPath) -> bool:
    """Whether something has the name of this segment's link, be it the link or not."""
    try:
        with _inside(volume, f"{PINS_NAME}/{pin_id}") as directory:
            os.stat(link_name(relative), dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def sync(volume: int, pin_id: str) -> None:
    """Make the names in a pin durable."""
    with _inside(volume, f"{PINS_NAME}/{pin_id}") as directory:
        os.fsync(directory)


def unlink(volume: int, pin_id: str, names: Iterable[str]) -> None:
    """Take links away; gone already is fine. Durable when this returns."""
    with suppress(FileNotFoundError), _inside(volume, f"{PINS_NAME}/{pin_id}") as directory:
        for name in names:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=directory)
        os.fsync(directory)


def remove_sidecar(volume: int, pin_id: str) -> None:
    """First, and durably: what has no sidecar any more was released, whatever links are left."""
    unlink(volume, pin_id, (SIDECAR_NAME, _UNFINISHED))


def remove_links(volume: int, pin_id: str) -> None:
    """All of them, and the directory."""
    unlink(volume, pin_id, link_names(volume, pin_id))
    with suppress(FileNotFoundError), _inside(volume, PINS_NAME) as directory:
        with suppress(FileNotFoundError):
            os.rmdir(pin_id, dir_fd=directory)
        os.fsync(directory)


def _names(volume: int, path: str) -> list[str]:
    try:
        with _inside(volume, path) as directory:
            return os.listdir(directory)  # noqa: PTH208 - relative to an open directory
    except FileNotFoundError:
        return []


def _make(volume: int, parent: str, name: str) -> None:
    with _inside(volume, parent) as directory:
        with suppress(FileExistsError):
            os.mkdir(name, DIR_MODE, dir_fd=directory)
        os.fsync(directory)


def _inside(volume: int, path: str) -> AbstractContextManager[int]:
    return inside(volume, PurePosixPath(path))
