"""The one thread, with one event loop, in which all cameras of a test process play.

A camera costs no thread, and blocking and asyncio tests use it alike. The thread comes with the first camera and goes
with the last.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

ORDER_S: Final = 5.0
"""An order takes milliseconds."""


class Stage:
    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._users = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def enter(self) -> None:
        with self._turn:
            self._users += 1
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="cameras")
                self._thread.start()

    def leave(self) -> None:
        with self._turn:
            self._users -= 1
            if self._users == 0 and self._loop is not None and self._thread is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
                self._loop.close()
                self._loop = self._thread = None

    def do(self, order: Coroutine[Any, Any, T]) -> T:
        """In the cameras' thread; waits for it."""
        if self._loop is None:
            order.close()
            raise RuntimeError("the camera is not switched on")
        return asyncio.run_coroutine_threadsafe(order, self._loop).result(ORDER_S)


STAGE: Final = Stage()
