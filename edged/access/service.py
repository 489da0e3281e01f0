"""What goes on beside the guard while the daemon runs: roles are watched, and what is owed to the record is written.

The guard itself (`edged.access.guard`) is made with the rest of the control API, when somebody first calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from edged.access import journal, role_watch
from edged.access.journal import ActJournal
from edged.access.role_watch import RoleHistory, RolesSeen, RoleWatch
from edged.host.accounts import AccountDirectory
from edged.host.loops import Loops
from edged.words.roles import Assignment
from storage.store.facade import Store
from storage.words.clock import Clock


class AccessService:
    """Of one daemon run. Its parts go to the guard."""

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
        self.assignment: Final = assignment
        self.directory: Final = AccountDirectory()
        self.journal: Final = ActJournal(store.journal, lambda: clock.now().boottime_ms)
        self._watch = RoleWatch(assignment, self.directory)
        self._holders = RoleHistory(store.journal, store.ledger.leaves, self.directory)

    def clash(self, uid: int) -> None:
        """This account is operator and authority at once."""
        self._watch.clash(uid)

    def start(self, loops: Loops) -> None:
        loops.every("roles", role_watch.LOOK_EVERY_S, self._look)
        loops.every("holders of roles", role_watch.LOOK_EVERY_S, lambda: self._holders.poll(self.assignment()))
        loops.every("journal", journal.MAINTAIN_EVERY_S, self._maintain)

    async def close(self) -> None:
        """When nobody can call any more, and while the store is still open."""
        self.directory.close()
        await self.journal.close()

    async def _look(self) -> None:
        self._seen = await self._watch.poll(self.journal.owed)
        self._tell(self._seen)

    async def _maintain(self) -> None:
        await self.journal.maintain()
        self._seen = replace(self._seen, owed=self.journal.owed)
        self._tell(self._seen)
