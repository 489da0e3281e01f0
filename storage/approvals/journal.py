"""What people did, looked at, or were refused: a leaf for each, names and reasons behind commitments.

Blocking and thread-safe; who may do what is decided elsewhere (`edged.words.roles`). A leaf is answered once it is
committed, so that whoever discloses something can first wait until that is on record.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from storage.database.writer import Database
from storage.ledger import table as ledger
from storage.ledger.table import Leaf, Value
from storage.words.clock import Clock

NOTHING: Final[Mapping[str, Value]] = {}


@dataclass(frozen=True, slots=True)
class Doing:
    """Somebody does something."""

    verb: str
    """As in `edgectl`."""
    result: str
    """What becomes of it: done, asked, approved, refused, failed."""
    role: str
    committed: Mapping[str, str]
    """Who, why, which case; in the leaf only as commitments."""
    details: Mapping[str, Value] = field(default_factory=dict)
    """Ids and counts, no such words."""


def enter(connection: sqlite3.Connection, doing: Doing, wall_ms: int) -> int:
    """Its leaf, as part of a fact; the number."""
    body: dict[str, Value] = {**doing.details, "verb": doing.verb, "result": doing.result, "role": doing.role}
    return ledger.enter(connection, Leaf.ACT, wall_ms, body, committed=doing.committed)


class Journal:
    """Of one store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def act(
        self,
        verb: str,
        result: str,
        role: str,
        committed: Mapping[str, str],
        details: Mapping[str, Value] = NOTHING,
    ) -> Future[int]:
        """Somebody did something (`Doing`); the leaf's number."""
        doing, wall_ms = Doing(verb, result, role, committed, details), self._clock.now().wall_ms
        return self._database.submit(lambda connection: enter(connection, doing, wall_ms))

    def holder(self, account: int, name: str, roles: list[str]) -> Future[int]:
        """An account holds these roles from now on; the leaf's number. Its name goes in as a commitment only."""
        wall_ms, held = self._clock.now().wall_ms, list[Value](roles)
        body: dict[str, Value] = {"account": account, "roles": held}
        return self._database.submit(
            lambda connection: ledger.enter(connection, Leaf.HOLDER, wall_ms, body, committed={"who": name})
        )
