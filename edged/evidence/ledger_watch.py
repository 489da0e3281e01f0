"""The ledger checked by the daemon itself, when that is due: the rounds, and a line in the journal about each check.

Lives on the event loop; the work is on a thread of its own, which gives way to recording (`storage.audit.schedule`).
What it found stands as an alarm (`edged.alarms.conditions.ledger`), with the last result in `edgectl ledger`.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from edged.host.loops import Loops
from storage.store.facade import Store

log = logging.getLogger("edged.evidence.ledger_watch")

LOOK_EVERY_S: Final = 60.0


class LedgerWatch:
    """See the module."""

    def __init__(self, store: Store) -> None:
        self._books = store.books
        self._thread = ThreadPoolExecutor(1, "ledger-check")

    def start(self, loops: Loops) -> None:
        """From now on."""
        loops.every("check of the ledger", LOOK_EVERY_S, self._round)

    async def close(self) -> None:
        """The store has been interrupted: a check that is under way ends, and is due again."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    async def _round(self) -> None:
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(self._thread, self._books.itself.round):
            return
        last = await loop.run_in_executor(self._thread, self._books.itself.last)
        if last is not None and last.findings:
            log.critical("the ledger was checked: %d findings; edgectl ledger verify names them", last.findings)
        elif last is not None:
            log.info("the ledger was checked: %d leaves, nothing was found", last.leaves)
