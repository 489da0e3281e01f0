"""Which accounts hold which role, on record: a leaf for each one whose roles change.

Groups change without a reload, and whoever is root can put himself into any of them: that cannot be hindered, and so it
is told. Looked at once a minute, on the directory's own threads; a directory that does not let itself be listed leaves
some out, who are on record with what they call. What was told last, the ledger itself knows.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from itertools import islice
from typing import Final, Protocol, TypeAlias

from edged.host import accounts
from edged.host.accounts import AccountDirectory
from edged.words.roles import Assignment, apart
from storage.ledger.leaf_search import Wanted
from storage.ledger.listing import Listing
from storage.ledger.table import Leaf
from storage.words.errors import StoreError

log = logging.getLogger("edged.access")

EACH_LOOK: Final = 64
"""Leaves at most in one look: the first one tells of a whole directory, and the ledger is written by others, too."""

Roles: TypeAlias = frozenset[str]


class Journal(Protocol):
    """Where such leaves are written; `storage.approvals.journal` is one."""

    def holder(self, account: int, name: str, roles: list[str], /) -> Future[int]: ...


class Holders:
    """Of one daemon run."""

    def __init__(self, journal: Journal, leaves: Listing, directory: AccountDirectory) -> None:
        self._journal = journal
        self._leaves = leaves
        self._directory = directory
        self._told: dict[int, Roles] | None = None

    async def look(self, assignment: Assignment | None) -> None:
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


def last_told(leaves: Listing) -> dict[int, Roles]:
    """Blocking: of each account what the last leaf says that tells of it."""
    told = {}
    for page in leaves.pages(Wanted(kinds=frozenset({Leaf.HOLDER.value})), None):
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
