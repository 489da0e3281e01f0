"""What a file on a volume is held against, and what is wrong with it. Pure; imports words and layout of storage.

One comparison for all who look: `fsck`, the rescan of the ring and the tamper watch. Keeps S4 (what is said of a
committed row's file) and S5 (each name on a volume belongs to a row in one of its states). A difference is a suspicion
until it was looked at again: a row is written before its file, and goes after it.

What an event on a volume may mean, and how closely to look. Nobody keeps a list of the daemon's own doings: what
happens to a file is judged, a moment later, by what the catalog says of its name (`storage.integrity.inspect_file`).
Here it is only told what needs no look at all, and what needs to be read: a commit is a rename from `.part`, and the
file that a worker has just hashed is not hashed again.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import PurePosixPath
from typing import Final

from storage.pins.sidecar import SIDECAR_NAME
from storage.segments.findings_table import FaultKind
from storage.words.layout import (
    DIR_MODE,
    FILE_MODE,
    IDENTITY_NAME,
    PART_SUFFIX,
    PROBES,
    QUARANTINE_SUFFIX,
    UNFINISHED,
    final_name,
    is_camera,
    parse_segment_name,
    segment_path,
)
from storage.words.message import Message
from storage.words.model import SegmentState

PINS_NAME: Final = ".pins"
LEDGER_NAME: Final = ".ledger"
OFFICE_NAME: Final = ".office"
OUR_NAMES: Final = frozenset({IDENTITY_NAME, UNFINISHED, *PROBES, PINS_NAME, LEDGER_NAME, OFFICE_NAME, "lost+found"})
"""What may lie beside the cameras' directories, what an interrupted beginning left included."""
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


FOUND: Final = frozenset(
    {
        FaultKind.MISSING,
        FaultKind.SIZE,
        FaultKind.CONTENT,
        FaultKind.APPEARED,
        FaultKind.STRANGE,
        FaultKind.LINK,
        FaultKind.UNREADABLE,
        FaultKind.PIN,
        FaultKind.SIDECAR,
    }
)
"""What becomes a finding with leaf and alarm; of the rest only `fsck` tells."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken promise, for people: what, where, what to do."""

    kind: FaultKind
    volume: str
    """Its id; "" for what lies on none."""
    where: str
    """A path on the volume, or whatever else names the place (then a message)."""
    what: Message
    action: Message
    segment: int | None = None
    """The row it is about."""


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A name as it lies on the volume; nothing was followed."""

    size: int
    mode: int
    """As in stat, with the kind of file."""
    uid: int
    links: int
    inode: int
    changed_ms: int
    """The later of mtime and ctime, by the wall clock: a hint where to look closer, never a proof (S7)."""

    @property
    def regular(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def directory(self) -> bool:
        return stat.S_ISDIR(self.mode)


@dataclass(frozen=True, slots=True)
class Row:
    """What the catalog says of a name."""

    state: SegmentState
    bytes: int
    pins: int
    """How many pins hold it: so many more names may lead to its file."""
    linked: int
    """How many of these have linked it: so many more must."""

    @property
    def settled(self) -> bool:
        """Its file must be there, whole and unchanged."""
        return self.state in (SegmentState.COMMITTED, SegmentState.QUARANTINED)


def of_row(row: Row, seen: SeenFile | None, uid: int) -> list[FaultKind]:
    """What is wrong with the file of a row; None: there is none. What is in it is another question (`CONTENT`)."""
    if not row.settled:
        return []
    if seen is None:
        return [FaultKind.MISSING]
    if not seen.regular:
        return [FaultKind.STRANGE]
    wrong = [FaultKind.SIZE] if seen.size != row.bytes else []
    if not 1 + row.linked <= seen.links <= 1 + row.pins:
        wrong.append(FaultKind.LINK)
    return wrong + ([FaultKind.MODE] if is_loose(seen, uid) else [])


def of_name(relative: PurePosixPath, row: Row | None, seen: SeenFile) -> FaultKind | None:
    """What is wrong with a name on a volume, below the directories of cameras or beside them."""
    depth = len(relative.parts)
    if relative.parts[0] in OUR_NAMES:
        return None
    if depth <= 2:
        way = seen.directory and is_camera(relative.parts[0]) and (depth == 1 or is_day(relative.name))
        return None if way else FaultKind.STRANGE
    if depth > 3 or not seen.regular or not is_camera(relative.parts[0]):
        return FaultKind.STRANGE
    if row is not None:
        return None
    return FaultKind.APPEARED if is_segment(relative.name) else FaultKind.STRANGE


def is_day(name: str) -> bool:
    return _DAY.fullmatch(name) is not None


def is_segment(name: str) -> bool:
    """A segment's name, in progress, complete or set aside."""
    return parse_segment_name(name.removesuffix(QUARANTINE_SUFFIX)) is not None


def owning_name(relative: PurePosixPath) -> PurePosixPath:
    """The name under which the catalog knows a file, from any of its names."""
    return relative.with_name(final_name(relative.name))


def is_loose(seen: SeenFile, uid: int) -> bool:
    """Somebody else owns it, or more may be done with it than edged allows. Tighter is nobody's harm."""
    allowed = DIR_MODE if seen.directory else FILE_MODE
    return seen.uid != uid or bool(stat.S_IMODE(seen.mode) & ~allowed & 0o777)


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
