"""Commands of the centre, taken once and told to their end. Blocking and thread-safe; who may command what is decided
elsewhere (`mqtt.commands`, edged).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

from storage.ages.runs import DaemonRun, Point
from storage.ages.table import history
from storage.approvals.journal import Doing
from storage.database.writer import Database
from storage.ledger import nodes_table
from storage.ledger.nodes_table import Consistency
from storage.ledger.table import Value
from storage.tickets import commands_table as table
from storage.tickets.commands_table import CommandEntry, Limit, Rate, Taken
from storage.words.clock import Clock

ROLE: Final = "centre"
"""As which a command is on record."""
_NOTHING: Final[Mapping[str, Any]] = {}


class Commands:
    """Of one store."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock) -> None:
        self._database = database
        self._life = life
        self._clock = clock

    def take(
        self, told: CommandEntry, commander: str, limits: Sequence[Limit] = (), rate: Rate | None = None
    ) -> Future[Taken]:
        """On record before anything is done. Fails with Replayed, TooOften, or where nothing can be written.

        `commander`: whose key it is, as configured; in the leaf only as a commitment. `limits` of the verb, `rate` of
        the key.
        """
        doing = Doing(f"command {told.verb}", "done", ROLE, {"who": commander}, {"command": told.id})

        def fact(connection: sqlite3.Connection) -> Taken:
            now = Point.of(self._life.boot, self._clock.now())
            ages = history(connection, self._life.boot, self._clock)
            return table.take(connection, told, doing, limits, rate, self._life, ages, now)

        return self._database.submit(fact)

    def done(self, taken: Taken, text: str, result: Mapping[str, Any] = _NOTHING) -> Future[bool]:
        """It is done; False where its end was told before."""
        wall_ms = self._clock.now().wall_ms
        return self._database.submit(
            lambda connection: table.end(connection, taken, "done", wall_ms, text=text, result=result)
        )

    def rejected(self, taken: Taken, commander: str, reason: str, text: str) -> Future[bool]:
        """Nothing came of it, which is on record, too."""
        failed, wall_ms = _failed(taken, {"who": commander}), self._clock.now().wall_ms
        return self._database.submit(
            lambda connection: table.end(connection, taken, "rejected", wall_ms, reason, text, failed=failed)
        )

    def refused(self, told: CommandEntry, reason: str, text: str) -> Future[None]:
        """It was not taken: the centre gets to know."""
        wall_ms = self._clock.now().wall_ms
        return self._database.submit(lambda connection: table.refuse(connection, told, reason, text, wall_ms))

    def consistency(self, origin: str | None, first_size: int, second_size: int) -> Consistency:
        """That the ledger of `second_size` leaves begins with that of `first_size`
        (`storage.ledger.nodes_table`)."""
        return self._database.read(
            lambda connection: nodes_table.consistency(connection, origin, first_size, second_size)
        )

    def settle(self) -> Future[list[tuple[Taken, str, str]]]:
        """Those that an earlier run did not come to the end of: each with its state from now on, and a sentence.

        A restart is done by that; of all others nobody knows how far they came.
        """

        def fact(connection: sqlite3.Connection) -> list[tuple[Taken, str, str]]:
            wall_ms, settled = self._clock.now().wall_ms, []
            for taken in table.left(connection, self._life.run):
                if taken.told.verb == table.RESTART:
                    state, reason, text, failed = "done", "", "edged was started again", None
                else:
                    text = "edged ended while it was being done; nobody knows how far it came, and it is not done again"
                    state = reason = "interrupted"
                    failed = _failed(taken, {})
                table.end(connection, taken, state, wall_ms, reason, text, failed=failed)
                settled.append((taken, state, text))
            return settled

        return self._database.submit(fact)


def _failed(taken: Taken, committed: Mapping[str, str]) -> Doing:
    details: Mapping[str, Value] = {"command": taken.told.id, "of": taken.leaf}
    return Doing(f"command {taken.told.verb}", "failed", ROLE, committed, details)
