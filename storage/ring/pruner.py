"""Now and then, after a sweep: the account of each camera's time is cut where nobody needs it any more (S12).

Page by page, yielding to everything else; `storage.ring.pruning` says what goes.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from threading import Event
from typing import Final

from storage.ages.runs import DaemonRun
from storage.database.writer import Database
from storage.retention.in_force import present
from storage.retention.plan import Policy
from storage.ring import pruning
from storage.words.clock import Clock

EVERY_MS: Final = 3_600_000
"""Running time between two looks: what is to be pruned is more than a year old."""


class Pruner:
    """Its owner lets one thread at a time use it."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock, stop: Event) -> None:
        self._database = database
        self._boot = life.boot
        self._clock = clock
        self._stop = stop
        self._looked_ms: int | None = None

    def tend(self, policy: Policy) -> int:
        """Rows that went."""
        now_ms = self._clock.now().boottime_ms
        if self._looked_ms is not None and now_ms - self._looked_ms < EVERY_MS:
            return 0
        self._looked_ms, gone = now_ms, 0
        for camera, limit_ms in self._database.read(partial(self._due, policy=policy)).items():
            page = partial(self._prune, camera=camera, limit_ms=limit_ms)
            while not self._stop.is_set() and (some := self._database.submit(page, yielding=True).result()):
                gone += some
        return gone

    def _due(self, connection: sqlite3.Connection, policy: Policy) -> dict[int, int]:
        as_is = present(connection, self._boot, self._clock, policy)
        limits = pruning.limits_ms(connection, {camera: bounds.ceiling_s for camera, bounds in policy.bounds.items()})
        return {
            camera: limit_ms
            for camera, limit_ms in limits.items()
            if pruning.is_due(connection, camera, limit_ms, as_is.low_age_ms)
        }

    def _prune(self, connection: sqlite3.Connection, camera: int, limit_ms: int) -> int:
        as_is = present(connection, self._boot, self._clock, Policy())
        return pruning.prune(connection, camera, limit_ms, as_is.now, as_is.low_age_ms)
