"""Stretches of the ledger shared out among processes, one for each processor: hashing is all that it takes.

For whoever has the box to itself (`edgectl` while edged is stopped, the bench); a running daemon checks in one thread,
behind recording.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Final, Self, TypeVar

W = TypeVar("W")
R = TypeVar("R")

WORTH: Final = 16
"""Stretches: fewer are done before the processes have begun."""


class Processes:
    """As `map`, in the order of the work. What is done must be something that other processes can be sent."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Work that nobody waits for any more is not begun."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __call__(self, check: Callable[[W], R], work: Iterable[W]) -> Iterator[R]:
        wanted = list(work)
        if self._pool is None and len(wanted) >= WORTH:
            self._pool = ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))
        return map(check, wanted) if self._pool is None else self._pool.map(check, wanted)
