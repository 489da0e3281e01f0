"""The outbox as the link sees it: what waits for the centre, and what may go. Thread-safe; reads block."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future
from functools import partial

from storage.database.writer import Database
from storage.outbox import table as outbox_table
from storage.outbox.table import Event, EventKind, EventRank, OutboxDepth
from storage.words.clock import Clock


class Outbox:
    """Of one store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def want(self, wanted: bool) -> Future[None]:
        """Whether a broker is configured; without one nothing is kept."""
        return self._database.submit(partial(outbox_table.want, wanted=wanted, wall_ms=self._clock.now().wall_ms))

    def last(self) -> int:
        """Number of the last event; 0: there was none."""
        return self._database.read(outbox_table.last)

    def following(self, kind: EventKind, after: int, limit: int) -> list[Event]:
        """Events of a kind by number, from the one after `after` on."""
        return self._database.read(partial(outbox_table.following, kind=kind, after=after, limit=limit))

    def done(self, seqs: Collection[int]) -> Future[None]:
        """Somebody at the centre has got them. Delays no commit (L4)."""
        return self._database.submit(partial(outbox_table.done, seqs=seqs), yielding=True)

    def tell_evicted(self) -> Future[bool]:
        """What gave way for want of room becomes events; True: something had."""
        return self._database.submit(partial(outbox_table.tell_evicted, wall_ms=self._clock.now().wall_ms))

    def depth(self) -> dict[EventRank, OutboxDepth]:
        """How much waits, by rank. Cheap."""
        return self._database.read(outbox_table.depth)
