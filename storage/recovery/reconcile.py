"""What an unclean stop left, and what to do about it. `reconcile` is pure; `storage.recovery.salvage` carries it out.

Keeps S5 and S9: each file found in the directories that were looked into belongs to a row or gets one, and each row in
progress ends as a segment or as a gap. Work follows the rows in progress, never the rows stored.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from storage.words.layout import aside_path, final_name, is_aside, parse_segment_name, part_path


class Action(StrEnum):
    SALVAGE = "salvage"
    """A `.part` with a row in progress: cut it to its last whole fragment, rename it, commit the row."""
    ADOPT = "adopt"
    """Complete and renamed, but its row is still in progress: commit it."""
    ASIDE = "aside"
    """Set aside already, and its row is still in progress: its row is told."""
    NO_FILE = "no-file"
    """A row in progress without a file: its time is a gap."""
    ORPHAN = "orphan"
    """A segment's file that no row vouches for."""
    ORPHAN_ASIDE = "orphan-aside"
    """Set aside under its name, and no row vouches for it."""
    LEAVE = "leave"
    """Cannot be judged now."""


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """A file as it lies in a directory that was looked into."""

    volume: str
    relative: PurePosixPath
    inode: int


@dataclass(frozen=True, slots=True)
class Expected:
    """A row in progress, and where its file should lie in the end."""

    row: int
    volume: str
    relative: PurePosixPath


@dataclass(frozen=True, slots=True)
class DirectoryListing:
    """What was looked at, and what could not be."""

    entries: tuple[DirectoryEntry, ...]
    unreadable: frozenset[tuple[str, PurePosixPath]]
    """Directories that exist but did not let themselves be read: of their files nothing is known."""
    present: frozenset[str]
    """Volumes that are there and are who they should be."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing to do. `relative` is the file as it lies, `second` another name of the same file that must go."""

    action: Action
    volume: str
    relative: PurePosixPath
    row: int | None = None
    second: PurePosixPath | None = None
    reason: str = ""


def reconcile(
    listing: DirectoryListing, rows: Collection[Expected], vouched: Collection[tuple[str, PurePosixPath]]
) -> list[Repair]:
    """What to do, rows first and in their order.

    `vouched` are the paths of all other rows whose files may be in the listing, those of running workers too:
    it has to be read after the listing, because a row is written before its file.
    """
    inodes = {(entry.volume, entry.relative): entry.inode for entry in listing.entries}
    repairs = [_of_row(row, listing, inodes) for row in rows]
    owned = {*vouched, *((row.volume, row.relative) for row in rows)}
    owned |= {(repair.volume, repair.relative) for repair in repairs}
    return [*repairs, *(orphan for entry in listing.entries if (orphan := _orphan(entry, owned)) is not None)]


def _orphan(entry: DirectoryEntry, owned: set[tuple[str, PurePosixPath]]) -> Repair | None:
    """A segment by its name, in progress, complete or set aside, that belongs to no row."""
    if is_aside(entry.relative):
        known, action = (entry.volume, entry.relative) in owned, Action.ORPHAN_ASIDE
    elif parse_segment_name(entry.relative.name) is not None:
        final = entry.relative.with_name(final_name(entry.relative.name))
        known, action = (entry.volume, final) in owned, Action.ORPHAN
    else:
        return None
    return None if known else Repair(action, entry.volume, entry.relative)


def _of_row(row: Expected, listing: DirectoryListing, inodes: dict[tuple[str, PurePosixPath], int]) -> Repair:
    part = part_path(row.relative)
    if row.volume not in listing.present:
        return Repair(Action.LEAVE, row.volume, part, row.row, reason="its volume is away")
    if (row.volume, row.relative.parent) in listing.unreadable:
        return Repair(Action.LEAVE, row.volume, part, row.row, reason="its directory cannot be read")
    final_inode, part_inode = inodes.get((row.volume, row.relative)), inodes.get((row.volume, part))
    if final_inode is not None:
        # Where the file system cannot rename without replacing, a commit passes through two names of one file.
        second = part if part_inode == final_inode else None
        return Repair(Action.ADOPT, row.volume, row.relative, row.row, second)
    if part_inode is not None:
        return Repair(Action.SALVAGE, row.volume, part, row.row)
    aside = aside_path(row.relative)
    if (row.volume, aside) in inodes:
        return Repair(Action.ASIDE, row.volume, aside, row.row)
    return Repair(Action.NO_FILE, row.volume, part, row.row)
