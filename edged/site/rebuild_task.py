"""A lost database comes back behind running recording: the rounds, what people are told, and the end of a broken one.

Lives on the event loop; the work is on a thread of its own. A database that turns out to be broken while the daemon
runs is the end of it: word is left, the process ends like one that was killed, and the next start begins a new one.
Nothing that an orderly stop would write could be written.
"""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from edged.host.loops import Loops
from edged.site.check_documents import rebuild_in_words
from edged.words import exit_codes
from storage.store.facade import Store
from storage.words.errors import DatabaseCorrupt

log = logging.getLogger("edged.site.rebuild_task")

LOOK_EVERY_S: Final = 10.0
"""How soon a volume that came back is gone through, and a round that broke off begins anew."""


class RebuildTask:
    """See the module."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "rebuild")
        store.books.when_damaged(end)

    def start(self, loops: Loops) -> None:
        """From now on."""
        loops.every("rebuild", LOOK_EVERY_S, self._round)

    async def close(self) -> None:
        """The store has been interrupted: the round ends between two directories."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    async def _round(self) -> None:
        loop = asyncio.get_running_loop()
        report = await loop.run_in_executor(self._thread, self._store.books.rebuild)
        if report.volumes or report.left:
            left = "".join(f"; left: {why}" for why in report.left)
            log.info("the volumes were gone through: %s%s", rebuild_in_words(report), left)


def end(error: DatabaseCorrupt) -> None:
    """In whatever thread met it. Workers end by themselves, and what they were writing is salvaged."""
    log.critical("%s; %s", error.what, error.action)
    logging.shutdown()
    os._exit(exit_codes.FAILED)
