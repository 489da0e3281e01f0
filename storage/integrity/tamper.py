"""What an event on a volume may mean, and how closely to look. Pure; imports `storage.words.layout` and `compare`.

Nobody keeps a list of the daemon's own doings: what happens to a file is judged, a moment later, by what the catalog
says of its name (`storage.integrity.inspect_file`). Here it is only told what needs no look at all, and what needs
to be read: a commit is a rename from `.part`, and the file that a worker has just hashed is not hashed again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import PurePosixPath

from storage.integrity.compare import OUR_NAMES, PINS_NAME, is_day
from storage.pins.sidecar import SIDECAR_NAME
from storage.words.layout import PART_SUFFIX, QUARANTINE_SUFFIX, is_camera, parse_segment_name, segment_path


class Touch(StrEnum):
    """What the kernel told of a name."""

    WRITTEN = "written"
    CLOSED = "closed"
    """By somebody who could have written."""
    NAMED = "named"
    """Made, or moved to here."""
    COMPLETED = "completed"
    """Moved to here from the same name in progress: what a commit does."""
    GONE = "gone"
    """Removed, or moved away."""


class Look(IntEnum):
    """How closely."""

    NONE = 0
    SHALLOW = 1
    """Is it there, how large, whose."""
    DEEP = 2
    """And its content."""
    DAY = 3
    """It is a directory of a day: everything in it, and everything that should be."""
    CAMERA = 4
    """It is a camera's directory: each of its days."""
    PIN = 5
    """It tells what is pinned: the sidecar of that pin, or of all on the volume."""


@dataclass(frozen=True, slots=True)
class Touched:
    """A name on a volume and all that happened to it since it was last looked at."""

    volume: str
    relative: PurePosixPath
    what: frozenset[Touch]
    directory: bool = False

    def and_then(self, what: Touch) -> Touched:
        return Touched(self.volume, self.relative, self.what | {what}, self.directory)


def aim(relative: PurePosixPath) -> PurePosixPath:
    """The name to look at: of a pin's link, the segment that it holds."""
    if len(relative.parts) != 3 or relative.parts[0] != PINS_NAME:
        return relative
    camera, _, name = relative.name.partition("_")
    parsed = parse_segment_name(name.removesuffix(QUARANTINE_SUFFIX))
    if not is_camera(camera) or parsed is None:
        return relative
    return segment_path(camera, *parsed).with_name(name)


def how_closely(relative: PurePosixPath, what: Collection[Touch], *, directory: bool) -> Look:
    """Which look an event is worth."""
    depth = len(relative.parts)
    if not depth or relative.parts[0] in OUR_NAMES:
        return _at_ours(relative, what, directory=directory)
    if directory:
        days = {1: Look.CAMERA, 2: Look.DAY if is_day(relative.name) else Look.SHALLOW}
        return days.get(depth, Look.SHALLOW)
    if relative.name.endswith(PART_SUFFIX):
        return Look.SHALLOW if Touch.NAMED in what else Look.NONE
    if Touch.WRITTEN in what:
        return Look.DEEP
    if Touch.COMPLETED in what:
        return Look.SHALLOW
    return Look.DEEP if {Touch.CLOSED, Touch.NAMED} & set(what) else Look.SHALLOW


def _at_ours(relative: PurePosixPath, what: Collection[Touch], *, directory: bool) -> Look:
    """What tells of pins is looked at; the volume and its identity are each second, and the mirror is by fsck."""
    is_paper = len(relative.parts) == 3 and relative.name == SIDECAR_NAME
    is_pins = relative.parts[:1] == (PINS_NAME,) and (is_paper or (directory and Touch.GONE in what))
    return Look.PIN if is_pins else Look.NONE
