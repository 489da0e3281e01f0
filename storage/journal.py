"""What people did, looked at, or were refused: a leaf for each, names and reasons behind commitments.

Blocking and thread-safe; who may do what is decided elsewhere (`edged.roles`). A leaf is answered once it is committed,
so that whoever discloses something can first wait until that is on record.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Final

from storage.catalog import ledger
from storage.catalog.database import Database
from storage.catalog.ledger import Leaf, Value
from storage.clock import Clock

NOTHING: Final[Mapping[str, Value]] = {}


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
        """Somebody did something: `verb` as in `edgectl`, `result` done, asked, approved or refused; the leaf's number.

        `committed`: who, why, which case; in the leaf only as commitments. `details`: ids and counts, no such words.
        """
        wall_ms = self._clock.now().wall_ms
        body: dict[str, Value] = {**details, "verb": verb, "result": result, "role": role}

        def fact(connection: sqlite3.Connection) -> int:
            return ledger.enter(connection, Leaf.ACT, wall_ms, body, committed=committed)

        return self._database.submit(fact)
