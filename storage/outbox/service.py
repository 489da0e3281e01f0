"""The outbox as the link sees it: what waits for the centre, and what may go. Thread-safe; reads block."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from sqlite3 import Connection
from typing import Final

from storage.database.writer import Database
from storage.outbox import table as outbox
from storage.outbox.table import Depth, Event, Kind, Rank
from storage.pins import table as pins
from storage.tickets import faults_table as faults
from storage.tickets import maintenance_table as maintenance
from storage.volumes import table as volumes
from storage.words.clock import Clock

PINS_PAST: Final = 64
"""Pins that ended lately, and faults that were closed: of one that was while the link was down the centre was not told,
if edged stopped then."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the centre may still be shown, and is no more or may be no more."""

    volumes: tuple[str, ...] = ()
    """Ids of all that were ever met."""
    pins: tuple[str, ...] = ()
    """Of the last that ended."""
    faults: tuple[str, ...] = ()
    """Of the last that were closed."""
    maintenance: bool = False
    """There was some."""


class Post:
    """Of one store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def want(self, wanted: bool) -> Future[None]:
        """Whether a broker is configured; without one nothing is kept."""
        return self._database.submit(partial(outbox.want, wanted=wanted, wall_ms=self._clock.now().wall_ms))

    def last(self) -> int:
        """Number of the last event; 0: there was none."""
        return self._database.read(outbox.last)

    def following(self, kind: Kind, after: int, limit: int) -> list[Event]:
        """Events of a kind by number, from the one after `after` on."""
        return self._database.read(partial(outbox.following, kind=kind, after=after, limit=limit))

    def done(self, seqs: Collection[int]) -> Future[None]:
        """Somebody at the centre has got them. Delays no commit (L4)."""
        return self._database.submit(partial(outbox.done, seqs=seqs), yielding=True)

    def tell_evicted(self) -> Future[bool]:
        """What gave way for want of room becomes events; True: something had."""
        return self._database.submit(partial(outbox.tell_evicted, wall_ms=self._clock.now().wall_ms))

    def depth(self) -> dict[Rank, Depth]:
        """How much waits, by rank. Cheap."""
        return self._database.read(outbox.depth)

    def past(self) -> Past:
        """Whose retained messages are to be emptied, unless it is there. Cheap."""

        def read(connection: Connection) -> Past:
            met = tuple(one.id for one in volumes.known(connection))
            closed = tuple(faults.closed_ids(connection, PINS_PAST))
            ended = tuple(pins.ended_ids(connection, PINS_PAST))
            return Past(met, ended, closed, maintenance.is_known(connection))

        return self._database.read(read)
