"""Who holds which role, looked at once a minute: what of `[roles]` cannot be carried out, and what changed, on record.

Told are accounts that are operator and authority at once, groups that are not there, and people who are in edged's
own group and so read footage past any role. Groups change without a reload; what callers show counts from the same
moment. Looks are taken on the directory's own threads: recording never hangs on it.

Of each account whose roles change there is a leaf: whoever is root can put himself into any group. That cannot be
hindered, and so it is told. A directory that does not let itself be listed leaves some out, who are on record with
what they call. What was told last, the ledger itself knows.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final, Protocol, TypeAlias

from edged.host import accounts
from edged.host.accounts import AccountDirectory
from edged.words.roles import Assignment, Role, apart, is_of_the_house, named_groups
from storage.ledger.queries import LeafFilter, LedgerListing
from storage.ledger.table import Leaf
from storage.words.errors import StoreError

log = logging.getLogger("edged.access")
LOOK_EVERY_S: Final = 40.0
"""With the round of `edged.site.compliance_watch` behind it, what breaks a clause is told within a minute."""
SUSPECTS_MAX: Final = 64
"""Accounts that clashed when they called and that no list of members shows."""
EACH_LOOK: Final = 64
"""Leaves at most in one look: the first one tells of a whole directory, and the ledger is written by others, too."""
Roles: TypeAlias = frozenset[str]


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

    async def poll(self, owed: int) -> RolesSeen:
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


class RoleJournal(Protocol):
    """Where such leaves are written; `storage.approvals.service` is one."""

    def holder(self, account: int, name: str, roles: list[str], /) -> Future[int]: ...


class RoleHistory:
    """Of one daemon run."""

    def __init__(self, journal: RoleJournal, leaves: LedgerListing, directory: AccountDirectory) -> None:
        self._journal = journal
        self._leaves = leaves
        self._directory = directory
        self._told: dict[int, Roles] | None = None

    async def poll(self, assignment: Assignment | None) -> None:
        """Tell what changed; TimeoutError where the directory does not answer. What cannot be written waits."""
        if self._told is None:
            self._told = await asyncio.to_thread(last_told, self._leaves)
        now, missing = await self._directory.ask(partial(_held, assignment))
        for account in islice(changed(self._told, now, lost=not missing), EACH_LOOK):
            held = now.get(account, Roles())
            name = (await self._directory.ask(partial(accounts.account, account))).name
            try:
                await asyncio.wrap_future(self._journal.holder(account, name, sorted(held)))
            except StoreError as error:
                log.warning("who holds a role cannot be put on record: %s", error)
                return
            self._told[account] = held


def changed(told: Mapping[int, Roles], now: Mapping[int, Roles], *, lost: bool) -> list[int]:
    """Accounts to be told of. `lost`: a role that is not seen any more is gone, and not its group away. Pure."""
    both = ((account, told.get(account, Roles()), now.get(account, Roles())) for account in sorted({*told, *now}))
    return [account for account, before, held in both if held - before or (lost and before - held)]


def last_told(leaves: LedgerListing) -> dict[int, Roles]:
    """Blocking: of each account what the last leaf says that tells of it."""
    told = {}
    for page in leaves.pages(LeafFilter(kinds=frozenset({Leaf.HOLDER.value})), None):
        for one in page.leaves:
            body = json.loads(one.told.entry.body)
            told[int(body["account"])] = Roles(map(str, body["roles"]))
    return told


def _held(assignment: Assignment | None) -> tuple[dict[int, Roles], bool]:
    """Blocking: roles by account, and whether groups are missing."""
    lists = {role: accounts.members(groups) for role, groups in (assignment or {}).items()}
    every = {account for listed in lists.values() for account in listed}
    held = {account: apart(frozenset(role for role in lists if account in lists[role])) for account in every}
    missing = accounts.unknown([group for groups in (assignment or {}).values() for group in groups])
    return {account: Roles(role.value for role in one) for account, one in held.items()}, bool(missing)
