"""Alarms become tickets while the daemon runs: every few seconds a look, and what it comes to is entered.

Lives on the event loop; reads and facts go to threads. An alarm and its ticket are rows of one database: what a kill
keeps from being entered, the next look enters, and the transaction asks again, so that nothing is opened twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from edged.alarms.tickets import judge
from storage.store.facade import Store
from storage.words.clock import Clock

log = logging.getLogger("edged.faults")

LOOK_EVERY_S: Final = 5.0
PRUNE_EVERY_MS: Final = 3_600_000


class FaultWatch:
    """Of one daemon run."""

    def __init__(self, store: Store, clock: Clock, held: Callable[[], Collection[str]]) -> None:
        """`held`: keys of conditions that maintenance covers now."""
        self._held = held
        self._faults = store.faults
        self._clock = clock
        self._gone: dict[str, int] = {}
        self._pruned_ms: int | None = None

    async def look(self) -> None:
        standing, tickets = await asyncio.to_thread(self._faults.look)
        now_ms = self._clock.now().boottime_ms
        seen = judge.look(standing, tickets, self._held(), self._gone, now_ms)
        for found in seen.find:
            ticket = await asyncio.to_thread(self._faults.find, found.key, found.occurrence, found.subject)
            if ticket is not None:
                log.warning("fault %s: %s", ticket.id, found.key)
        for fault in seen.over:
            await asyncio.to_thread(self._faults.over, fault)
        self._gone = dict(seen.gone)
        if self._pruned_ms is None or now_ms - self._pruned_ms >= PRUNE_EVERY_MS:
            self._pruned_ms = now_ms
            await asyncio.to_thread(self._faults.prune)
