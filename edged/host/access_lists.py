"""Whether an account of people could read a file of edged: from its mode, owner and access list. Pure.

Footage, pins, ledger and database belong to the account of edged; for others there is nothing, and for the group of
edged no more than to read (W2 J6 P12 D1 N9). A directory above that is closed closes all below it; what lies there
open is told all the same, because a mount or a move opens it.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import Final

NAMED_MAX: Final = 20
"""Files that are named; all are counted."""


@dataclass(frozen=True, slots=True)
class Owner:
    """As whom edged runs."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or directory as it was found."""

    path: str
    mode: int
    uid: int
    gid: int
    listed: bool
    """It has an access list (POSIX ACL), which the mode does not show."""


@dataclass(frozen=True, slots=True)
class Open:
    """A file that others could read, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Reached:
    """What the looks up to now came to."""

    looked: int = 0
    """Files and directories in the last whole pass, or, before there was one, up to now."""
    whole: bool = False
    """A pass over all that there is has ended."""
    open: tuple[Open, ...] = ()
    """The first of those that are open now."""
    count: int = 0
    """All of them."""
    unread: tuple[str, ...] = ()
    """Places that could not be looked at, with the reason."""


def opened(entry: Entry, owner: Owner) -> str | None:
    """Why somebody else could read or change it; None where nobody can. Root can read everything."""
    if not (stat.S_ISREG(entry.mode) or stat.S_ISDIR(entry.mode)):
        return None
    if entry.uid not in (owner.uid, 0):
        return f"擁有者為帳號 {entry.uid}"
    if stat.S_IMODE(entry.mode) & 0o007:
        return f"權限 {stat.S_IMODE(entry.mode):04o}，其他帳號可存取"
    if stat.S_IMODE(entry.mode) & 0o070 and entry.gid not in (owner.gid, 0):
        return f"權限 {stat.S_IMODE(entry.mode):04o}，群組 {entry.gid} 可存取"
    if entry.listed:
        return "另有存取清單（ACL）"
    return None
