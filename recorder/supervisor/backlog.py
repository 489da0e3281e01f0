"""What one camera still owes the keeper, whoever runs it: facts that wait, segments to be salvaged.

Imports asyncio, books and leftovers. Outlives sessions, runners and reloads, so that nothing is forgotten when a runner
is replaced (S5, S9): the next one works at the same desk, and while there is none it works by itself.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from recorder.supervisor.pending_facts import Books, Keeper
from recorder.supervisor.unclosed import Leftovers

log = logging.getLogger("edged.camera")

SETTLE_S: Final = 1.0
"""How often facts that could not be entered are tried again."""


class Desk:
    """Of one camera as long as the daemon runs. Lives on the event loop. Nothing here raises."""

    def __init__(self, camera: str, keeper: Keeper) -> None:
        self._camera = camera
        self.books = Books(camera, keeper)
        self.leftovers = Leftovers(camera, keeper)
        self._settling: asyncio.Task[None] | None = None

    @property
    def is_clear(self) -> bool:
        """Nothing is owed."""
        return not self.books.waiting and self.leftovers.is_empty

    def mind(self) -> None:
        """Its runner is gone: what waits goes on being tried."""
        if self.books.waiting and (self._settling is None or self._settling.done()):
            self._settling = asyncio.create_task(self._settle(), name=f"books {self._camera}")

    async def finish(self, within_s: float) -> None:
        """The daemon stops: try all once more, wait no longer than this, name what is left."""
        await self.leftovers.finish(within_s)
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.wait([self._settling])
        await self.books.give_up()

    async def _settle(self) -> None:
        while self.books.waiting:
            await self.books.settle()
            await asyncio.sleep(SETTLE_S)
