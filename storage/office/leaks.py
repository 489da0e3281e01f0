"""Leak cases as this box keeps them: opened under an id, then one step after the other. Blocking and thread-safe.

What may be done with one is decided in `edged.office.leaks`; here it is made durable, in one transaction each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from storage.ages.history import DaemonRun, Point
from storage.database.writer import Database
from storage.ledger.table import Value
from storage.office import leaks_table
from storage.office.leaks_table import LeakEvent, LeakStep
from storage.office.service import ChangedMeanwhile
from storage.words.clock import Clock
from storage.words.errors import UnknownId
from storage.words.message import message


class LeakEvents:
    """Of one store."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock) -> None:
        self._database = database
        self._life = life
        self._clock = clock

    def open(self, year: int, story: Mapping[str, Value]) -> str:
        """Its id, the next one of this ROC year."""

        def fact(connection: sqlite3.Connection) -> str:
            leak = leaks_table.next_id(connection, year)
            leaks_table.enter(connection, leak, LeakStep.OPENED, self._now(), story)
            return leak

        return self._database.submit(fact).result()

    def add(self, leak: str, known: int, step: LeakStep, story: Mapping[str, Value]) -> None:
        """`known`: how many steps whoever acts has seen. UnknownId, ChangedMeanwhile: nothing has changed."""

        def fact(connection: sqlite3.Connection) -> None:
            there = leaks_table.steps(connection, leak)
            if there == 0:
                raise unknown_leak(leak)
            if there != known:
                raise ChangedMeanwhile(
                    message("office.leak-meanwhile", "somebody else has just entered something in this leak case"),
                    message("office.leak-meanwhile.action", "`edgectl leak show` shows how it stands"),
                )
            leaks_table.enter(connection, leak, step, self._now(), story)

        self._database.submit(fact).result()

    def events(self) -> list[LeakEvent]:
        """Of all cases, in order."""
        return self._database.read(leaks_table.events)

    def _now(self) -> Point:
        return Point.of(self._life.boot, self._clock.now())


def unknown_leak(leak: str) -> UnknownId:
    return UnknownId(
        message("office.leak-unknown", "there is no leak case {leak}", leak=leak[:32]),
        message("office.leak-unknown.action", "`edgectl leak list` shows those there are"),
    )
