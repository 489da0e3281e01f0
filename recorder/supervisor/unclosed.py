"""Segments of one camera that were begun and will not be closed, until the keeper says that nothing of them is open.

Imports asyncio and the keeper's protocol. Runs beside the camera's sessions and across them, so that no session waits
until the footage of others is read and hashed (L1, L4); keeps of S5 that no row stays open behind a running camera.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

from recorder.supervisor.events import Salvage
from recorder.supervisor.pending_facts import Keeper

log = logging.getLogger("edged.camera")

ASK_AGAIN_S: Final = 5.0
"""A lock is freed, a disk comes back, the store is less busy: seldom sooner, and each time costs one read."""
MAX_LEFT: Final = 100
"""Some days of sessions that die while their disk does not answer. What is beyond is adopted at the next start."""


class Leftovers:
    """Lives on the event loop; a task only while something is left. Nothing here raises."""

    def __init__(self, camera: str, keeper: Keeper, ask_again_s: float = ASK_AGAIN_S) -> None:
        self._camera = camera
        self._keeper = keeper
        self._ask_again_s = ask_again_s
        self._left: dict[int, Salvage] = {}
        self._told: set[int] = set()
        self._asking: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._last_round = False

    @property
    def is_empty(self) -> bool:
        return not self._left

    def add(self, salvage: Salvage) -> None:
        """These are to be salvaged; asked at once."""
        self._left.update(dict.fromkeys(salvage.seqs, salvage))
        while len(self._left) > MAX_LEFT:
            lost = min(self._left)
            self._forget(lost)
            log.error("%s: segment %d stays open until the next start: too many do", self._camera, lost)
        self._news.set()
        if self._left and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask(), name=f"salvage {self._camera}")

    async def finish(self, within_s: float) -> None:
        """Ask for each once more, wait no longer than this, give up the rest. With 0: at once."""
        if self._asking is None:
            return
        self._last_round = True
        self._news.set()
        if within_s > 0:
            await asyncio.wait([self._asking], timeout=within_s)
        self._asking.cancel()
        await asyncio.wait([self._asking])
        if self._left:
            numbers = ", ".join(map(str, sorted(self._left)))
            log.warning("%s: segments left open, to be adopted at the next start: %s", self._camera, numbers)

    async def _ask(self) -> None:
        while self._left:
            last_round = self._last_round
            self._news.clear()
            for seq in sorted(self._left):
                if await self._is_done(seq):
                    self._forget(seq)
            if last_round:
                return
            if self._left:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._ask_again_s):
                        await self._news.wait()

    async def _is_done(self, seq: int) -> bool:
        left = self._left[seq]
        try:
            done, why = await self._keeper.salvage(self._camera, seq, left.cause, left.detail), "it is not free yet"
        except Exception as error:  # noqa: BLE001 - whatever the keeper raises: it is asked again
            done, why = False, str(error) or type(error).__name__
        if not done and seq not in self._told:
            self._told.add(seq)
            log.info("%s: segment %d cannot be salvaged now, asking again: %s", self._camera, seq, why)
        return done

    def _forget(self, seq: int) -> None:
        self._left.pop(seq, None)
        self._told.discard(seq)
