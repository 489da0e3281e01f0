"""Alarms (異常通報) as the daemon keeps them. Thread-safe; which conditions hold is judged elsewhere, reads block."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial

from storage.ages.runs import DaemonRun, Point
from storage.database.writer import Database
from storage.tickets import alarms_table
from storage.words.clock import Clock
from storage.words.results import AlarmRow, Severity


class Alarms:
    """Of one store."""

    def __init__(self, database: Database, clock: Clock, life: DaemonRun | None = None) -> None:
        """`life`: of this run; without it nobody is told for how long an alarm has stood."""
        self._database = database
        self._clock = clock
        self._life = life

    def raised(self, key: str, severity: Severity, text: str, action: str, names: str = "") -> Future[bool]:
        """The condition holds; True when it did not before. Told again: its words are brought up to date.

        `names`: of the people it is about, which are told nobody outside of the box.
        """
        now = self._clock.now()
        at = None if self._life is None else Point.of(self._life.boot, now)
        return self._database.submit(
            lambda db: alarms_table.raise_alarm(db, key, severity, text, action, now.wall_ms, names, at)
        )

    def cleared(self, key: str) -> Future[bool]:
        """The condition holds no longer; True when it did before."""
        return self._database.submit(partial(alarms_table.clear_alarm, key=key, now_ms=self._now_ms))

    def acknowledge(self, key: str, occurrence: str | None = None) -> Future[bool]:
        """Somebody has seen it; False where that is known. `occurrence`: the one that is meant, None: any.

        UnknownId: no such alarm stands.
        """
        fact = partial(alarms_table.acknowledge, key=key, occurrence=occurrence, now_ms=self._now_ms)
        return self._database.submit(fact)

    def find(self, key: str) -> AlarmRow | None:
        """Raised or cleared; None: there is none of that key."""
        return self._database.read(partial(alarms_table.find, key=key))

    def all(self) -> list[AlarmRow]:
        """Raised ones first, then by the time they were raised."""
        return self._database.read(alarms_table.alarms)

    @property
    def _now_ms(self) -> int:
        return self._clock.now().wall_ms
