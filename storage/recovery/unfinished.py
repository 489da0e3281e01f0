"""Segments in progress that a start could not work off: their volume was away, or a file could not be read.

Looked for behind each sweep, worked off once their volume is there again. Keeps S3 and S5: until it is committed or set
aside, a file is under no ceiling, and nothing but the next start would come to it. Blocking, by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from storage.ages.runs import DaemonRun
from storage.database.writer import Database
from storage.recovery.outcome import Outcome
from storage.recovery.salvage import Salvager
from storage.segments import queries
from storage.volumes.volume import Volume
from storage.words.clock import Clock
from storage.words.model import GapCause

AGAIN_MS: Final = 600_000
"""Running time between two looks at what failed; a volume that comes is looked at at once. S3 gives an hour."""


class Stragglers:
    """Of earlier runs; what this one left is asked for by the recorder."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock, salvager: Salvager) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._salvager = salvager
        self._seen: set[Volume] = set()
        self._looked_ms: int | None = None

    def tend(self, present: Mapping[str, Volume]) -> Outcome:
        """Work off what lies on these volumes, where that is due."""
        now_ms, volumes = self._clock.now().boottime_ms, set(present.values())
        if volumes <= self._seen and self._looked_ms is not None and now_ms - self._looked_ms < AGAIN_MS:
            self._seen = volumes
            return Outcome()
        self._seen, self._looked_ms = volumes, now_ms
        rows = self._database.read(partial(queries.open_rows, before_run=self._life.run))
        here = [row for row in rows if row.volume in present]
        return self._salvager.rows(here, present, self._life.previous_end or GapCause.UNKNOWN, "")
