"""The people of the box: who calls, as what, and what of it is on record. Puts the guard and its parts together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edged.access import journal, role_watch
from edged.access.guard import Guard
from edged.access.journal import ActJournal
from edged.access.role_watch import RoleHistory, RolesSeen, RoleWatch
from edged.host.accounts import AccountDirectory
from edged.host.loops import Loops
from edged.words.roles import Assignment
from storage.store.facade import Store
from storage.words.clock import Clock


class AccessService:
    """Of one daemon run. `guard` goes to the control API."""

    def __init__(
        self,
        assignment: Callable[[], Assignment | None],
        store: Store,
        clock: Clock,
        tell: Callable[[RolesSeen], None],
    ) -> None:
        """`assignment`: `[roles]` as it is now. `tell` hears what there is to tell of roles."""
        self._tell = tell
        self._seen = RolesSeen()
        self._assignment = assignment
        self._directory = AccountDirectory()
        self._desk = ActJournal(store.journal, lambda: clock.now().boottime_ms)
        self._watch = RoleWatch(assignment, self._directory)
        self._holders = RoleHistory(store.journal, store.books.leaves, self._directory)
        self.guard = Guard(assignment, self._directory, self._desk, self._watch.clash)

    @property
    def journal(self) -> ActJournal:
        """For what others than people ask for."""
        return self._desk

    def start(self, loops: Loops) -> None:
        loops.every("roles", role_watch.LOOK_EVERY_S, self._look)
        loops.every("holders of roles", role_watch.LOOK_EVERY_S, lambda: self._holders.look(self._assignment()))
        loops.every("journal", journal.MAINTAIN_EVERY_S, self._maintain)

    async def close(self) -> None:
        """When nobody can call any more, and while the store is still open."""
        self._directory.close()
        await self._desk.close()

    async def _look(self) -> None:
        self._seen = await self._watch.look(self._desk.owed)
        self._tell(self._seen)

    async def _maintain(self) -> None:
        await self._desk.maintain()
        self._seen = replace(self._seen, owed=self._desk.owed)
        self._tell(self._seen)
