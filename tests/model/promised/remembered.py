"""What the store remembers of the catalog, held against what it would read now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from sqlite3 import Connection
from typing import Any

import pytest

from storage.database.writer import Remembered
from storage.segments import queries
from storage.store.facade import Store
from storage.words.clock import Clock
from tests.model.promised.ground import CAMERAS
from tests.model.promised.naive import DAY_MS
from tests.support.office import DEADLINE_S


def watch(patched: pytest.MonkeyPatch) -> None:
    """Each answer is held against a new one when it is given."""
    really = Remembered.read

    def read(kept: Remembered, query: Callable[[Connection], Any], asked: Hashable) -> Any:
        database = kept._database
        commits = database.commits
        told = really(kept, query, asked)
        if threading.current_thread() is not threading.main_thread():
            return told  # on a thread of the store's own nobody would hear of it
        known = database.read(query)
        if told != known:  # what a thread of the store has committed may be read a moment before it is counted
            database.submit(lambda _: None).result(DEADLINE_S)
            assert database.commits != commits, f"stale: {asked} is {known}, and was {told}"
        return told

    patched.setattr(Remembered, "read", read)


def stale(store: Store, clock: Clock) -> Iterator[str]:
    """What is kept of each camera by its segments, and that nobody works."""
    now, database = clock.now(), store._database
    for camera in CAMERAS:
        day = camera, now.wall_ms - DAY_MS, now.wall_ms
        told, known = store.at_one_moment(lambda times, day=day: times.coverage(*day)), store.coverage(*day)  # type: ignore[misc]
        if told != known:
            yield f"stale: of {day} is recorded {known}, and was {told}"
    usage = database.read(partial(queries.usage, now=store._point(now), lead_us=clock.lead_us()))
    if (kept := store.usage()) != usage:
        yield f"stale: used is {usage}, and was {kept}"
    if store.maintenance.is_none_begun and (lasting := database.read(store.maintenance._lasting)) is not None:
        yield f"stale: {lasting} lasts"
