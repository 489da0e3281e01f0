"""Keeping the daemon's own loops alive: one that fails is told once, tried again, and takes no other with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("edged.host")

RESTART_AFTER_S: Final = 5.0
"""Long enough that a loop which fails at once does not fill the journal, short enough that nobody waits for it."""


Work = Callable[[], Awaitable[None]]


class Loops:
    """The daemon's background loops by name, and what is wrong with those that failed."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._first: dict[str, asyncio.Event] = {}
        self._stopped = False
        self.failing: dict[str, str] = {}
        """Loop name to the words of its last failure; empty again once a round succeeded."""

    def every(self, name: str, seconds: float, work: Work, wake: asyncio.Event | None = None) -> None:
        """Run `work` now and then each `seconds` after it ended, or earlier when `wake` is set. After `stop`: never."""
        if self._stopped:
            return
        self._first[name] = asyncio.Event()
        self._tasks.append(asyncio.create_task(self._repeat(name, seconds, work, wake), name=name))

    async def _repeat(self, name: str, seconds: float, work: Work, wake: asyncio.Event | None) -> None:
        while True:
            pause = seconds
            if wake is not None:
                wake.clear()
            try:
                await work()
                self.failing.pop(name, None)
            except Exception as error:
                if name not in self.failing:
                    log.exception("%s failed; it is tried again every %g s", name, RESTART_AFTER_S)
                self.failing[name] = f"{type(error).__name__}: {error}"
                pause = max(pause, RESTART_AFTER_S)
            self._first[name].set()
            await pause_or(wake, pause)

    async def first_round(self, name: str) -> None:
        """Wait until this loop has done its work once, well or not."""
        await self._first[name].wait()

    async def stop(self) -> None:
        """Cancel all and wait for them. None begins any more."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


class OwnThread:
    """A thread for blocking work of one kind, one piece at a time: it waits for no other kind and keeps none up."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, name)

    async def run(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What `work` answers, or what it raises."""
        return await asyncio.wrap_future(self._pool.submit(work, *arguments, **named))

    async def close(self) -> None:
        """What has not begun never does; waits for what has."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)


async def pause_or(wake: asyncio.Event | None, seconds: float) -> None:
    """Wait for `seconds`, or less when `wake` is set meanwhile."""
    if wake is None:
        await asyncio.sleep(seconds)
        return
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return
