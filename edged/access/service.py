"""The people of the box: who calls, as what, and what of it is on record. Puts the guard and its parts together."""

from __future__ import annotations

from dataclasses import replace

from edged.access import account_access, journal
from edged.access.account_access import RoleWatch
from edged.access.guard import Guard
from edged.access.journal import Desk
from edged.access.role_history import Holders
from edged.host.accounts import AccountDirectory
from edged.host.loops import Loops
from edged.site.rounds import Site
from edged.words.roles import Assignment
from storage.store.facade import Store
from storage.words.clock import Clock


class People:
    """Of one daemon run. `guard` goes to the control API."""

    def __init__(self, site: Site, store: Store, clock: Clock) -> None:
        self._site = site
        self._directory = AccountDirectory()
        self._desk = Desk(store.journal, lambda: clock.now().boottime_ms)
        self._watch = RoleWatch(self._assignment, self._directory)
        self._holders = Holders(store.journal, store.books.leaves, self._directory)
        self.guard = Guard(self._assignment, self._directory, self._desk, self._watch.clash)

    @property
    def journal(self) -> Desk:
        """For what others than people ask for."""
        return self._desk

    def start(self, loops: Loops) -> None:
        loops.every("roles", account_access.LOOK_EVERY_S, self._look)
        loops.every("holders of roles", account_access.LOOK_EVERY_S, lambda: self._holders.look(self._assignment()))
        loops.every("journal", journal.TEND_EVERY_S, self._tend)

    async def close(self) -> None:
        """When nobody can call any more, and while the store is still open."""
        self._directory.close()
        await self._desk.close()

    async def _look(self) -> None:
        self._site.roles = await self._watch.look(self._desk.owed)

    async def _tend(self) -> None:
        await self._desk.tend()
        self._site.roles = replace(self._site.roles, owed=self._desk.owed)

    def _assignment(self) -> Assignment | None:
        return self._site.config.assignment()
