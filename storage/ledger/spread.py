"""Stretches of the ledger shared out among processes, one for each processor: hashing is all that it takes.

For whoever has the box to itself (`edgectl` while edged is stopped, the bench); a running daemon checks in one thread,
behind recording.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

from storage.ledger.stretch import Span, Stretch

WORTH: Final = 16
"""Stretches: fewer are done before the processes have begun."""


def processes(check: Callable[[Span], Stretch], spans: Iterable[Span]) -> Iterator[Stretch]:
    """As `map`. `check` must be one that other processes can be sent."""
    wanted = list(spans)
    if len(wanted) < WORTH:
        yield from map(check, wanted)
        return
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        yield from pool.map(check, wanted)
