"""Resolving and connecting, which block, on a thread of their own, one at a time.

Such a thread cannot be interrupted. Each address has its own limit and the resolver another, but a resolver that hangs
hangs: after `DIAL_S` it is waited for no longer, and no other is begun beside it, so that threads never pile up.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

DIAL_S: Final = 60.0
"""For the resolver and all addresses."""


class Hung(Exception):
    """It has not ended, one way or the other; it may still do so."""


class Dialler:
    """Lives as long as the link."""

    def __init__(self) -> None:
        self._busy = False

    async def dial(self, connect: Callable[[], None], give_up: Callable[[], None]) -> None:
        """Call `connect` on a thread, and `give_up` behind it if nobody waits for it any more.

        Raises what it raised, Hung if it takes too long or an earlier one still does, OSError if no thread can be had.
        """
        if self._busy:
            raise Hung
        self._busy = True
        outcome: Future[None] = Future()

        def run() -> None:
            error: BaseException | None = None
            try:
                connect()
            except BaseException as raised:  # noqa: BLE001  carried over to the task that waits
                error = raised
            if not outcome.set_running_or_notify_cancel():
                give_up()
            self._busy = False
            if outcome.cancelled():
                return
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(None)

        try:
            threading.Thread(target=run, name="mqtt-connect", daemon=True).start()
        except RuntimeError as error:
            self._busy = False
            raise OSError("this box has no thread left") from error
        limit = asyncio.timeout(DIAL_S)
        try:
            async with limit:
                await asyncio.wrap_future(outcome)
        except TimeoutError as error:
            if limit.expired():
                raise Hung from error
            raise
