"""Whether [roles] can be carried out: accounts that are operator and authority at once, groups that are not there,
people who are in edged's own group and so read footage past any role.

Looked at once a minute on the directory's own threads, because groups change without a reload; what callers show counts
from the same moment. Recording never hangs on it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edged.host import accounts
from edged.host.accounts import AccountDirectory
from edged.words.roles import Assignment, Role, is_of_the_house, named_groups

log = logging.getLogger("edged.access")

LOOK_EVERY_S: Final = 40.0
"""With the round of `edged.site.compliance_watch` behind it, what breaks a clause is told within a minute."""
SUSPECTS_MAX: Final = 64
"""Accounts that clashed when they called and that no list of members shows."""


@dataclass(frozen=True, slots=True)
class RolesSeen:
    """What there is to tell."""

    clashing: tuple[str, ...] = ()
    """Accounts that are in a group of operators and in one of authorities: they hold neither."""
    unknown: tuple[str, ...] = ()
    """Groups that this box does not have."""
    owed: int = 0
    """Acts of people that are not on record yet."""
    readers: tuple[str, ...] = ()
    """Accounts in the group that owns footage and database: what they read there, nobody asks and no leaf tells."""
    looked: bool = False
    """The databases have answered; until then the rest says nothing."""


class RoleWatch:
    """`clash` is called by the guard, `look` by a loop."""

    def __init__(self, assignment: Callable[[], Assignment | None], directory: AccountDirectory) -> None:
        self._assignment = assignment
        self._directory = directory
        self._suspects: set[int] = set()
        self._unknown: tuple[str, ...] = ()

    def clash(self, uid: int) -> None:
        """This account called, and clashes."""
        if len(self._suspects) < SUSPECTS_MAX:
            self._suspects.add(uid)

    async def look(self, owed: int) -> RolesSeen:
        """What there is to tell; TimeoutError where the directory does not answer."""
        assignment, suspects = self._assignment(), frozenset(self._suspects)
        found, unknown, readers = await self._directory.ask(
            lambda: (*_looked_up(assignment, suspects), _readers(os.geteuid(), os.getegid()))
        )
        self._suspects &= found.keys()
        if fresh := [group for group in unknown if group not in self._unknown]:
            log.warning("[roles] names groups that this box does not have: %s; nobody has a role by them", fresh)
        self._unknown = unknown
        return RolesSeen(tuple(sorted(found.values())), unknown, owed, readers, looked=True)


def _readers(own_uid: int, own_gid: int) -> tuple[str, ...]:
    """Blocking: accounts that the databases list in the daemon's own group."""
    if own_gid == 0:
        return ()  # root's files are root's
    found = accounts.members((accounts.group(own_gid),))
    return tuple(sorted(accounts.account(uid).name for uid in found if not is_of_the_house(uid, own_uid)))


def _looked_up(assignment: Assignment | None, suspects: frozenset[int]) -> tuple[dict[int, str], tuple[str, ...]]:
    """Blocking: clashing accounts by number, groups that are not there."""
    if assignment is None:
        return {}, ()
    first, second = (named_groups(assignment, {role}) for role in (Role.OPERATOR, Role.AUTHORITY))
    both = (accounts.members(first) & accounts.members(second)) | suspects
    found = {}
    for uid in both:
        one = accounts.account(uid, (*first, *second))
        if not one.groups.isdisjoint(first) and not one.groups.isdisjoint(second):
            found[uid] = one.name
    return found, accounts.unknown(named_groups(assignment))
