"""Maintenance (維護): announced by a person, for so much running time (S7); it ends by itself, whatever else happens.

Blocking and thread-safe. It lasts over restarts and reboots: its row and its leaf are one transaction, and how long it
has lasted is told by the ages of this box, to the low bound: what nobody can prove of the time while the box was off
makes it last longer, by as much as nothing was recorded anyway.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from storage.ages.runs import DaemonRun, Point
from storage.ages.table import history
from storage.approvals.service import short_id
from storage.database.writer import Database
from storage.ledger import table as ledger
from storage.tickets import maintenance_table as table
from storage.tickets.maintenance_table import Maintenance, MaintenanceState
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, OrderWrong, UnknownId

LEAST_MS: Final = 60_000
MOST_MS: Final = 12 * 3_600_000
"""A working day: whoever goes on tomorrow says so tomorrow, and nothing is held back over a night by oversight."""
ID_LETTERS: Final = 4


@dataclass(frozen=True, slots=True)
class Lasting:
    """The one that is under way."""

    maintenance: Maintenance
    left_ms: int
    """Running time until it ends by itself."""
    until_ms: int
    """When that is, if the box runs on: an estimate."""
    began_ms: int
    """When it began, as CLOCK_BOOTTIME of this boot; 0: in an earlier one."""
    names: Mapping[str, str]
    """Who began it, why, and with whom, as far as that is known on this box: who, reason, with."""

    def covers(self, camera: str) -> bool:
        return not self.maintenance.cameras or camera in self.maintenance.cameras

    @property
    def is_whole(self) -> bool:
        """It is about the box itself and all its cameras."""
        return not self.maintenance.cameras


class Maintenances:
    """Of one store."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock) -> None:
        self._database = database
        self._life = life
        self._clock = clock

    def start(self, cameras: Sequence[str], span_ms: int, committed: Mapping[str, str]) -> Lasting:
        """From now on. No cameras: the whole box. `committed`: who, reason, with; in the leaf only as commitments.

        OrderWrong: too short or too long. OrderRefused: one lasts already.
        """
        if not LEAST_MS <= span_ms <= MOST_MS:
            what = f"maintenance lasts between {LEAST_MS // 60_000} minute and {MOST_MS // 3_600_000} hours"
            raise OrderWrong(what, "announce it for that long; it can be begun again")

        def fact(connection: sqlite3.Connection) -> None:
            now = self._now()
            self._lapse(connection, now)
            if (one := table.lasting(connection)) is not None:
                raise OrderRefused(f"maintenance {one.id} is under way", "end it first: edgectl maintenance end")
            table.begin(connection, _new_id(now), sorted(set(cameras)), now, span_ms, committed)

        self._database.submit(fact).result()
        begun = self.look()
        if begun is None:
            raise OrderRefused("the maintenance is over already", "announce it for longer")
        return begun

    def end(self, committed: Mapping[str, str]) -> Maintenance:
        """By a person. UnknownId: none is under way."""

        def fact(connection: sqlite3.Connection) -> Maintenance:
            now = self._now()
            self._lapse(connection, now)
            one = table.lasting(connection)
            if one is None:
                raise UnknownId("no maintenance is under way", "edgectl maintenance")
            table.end(connection, one, now, MaintenanceState.ENDED, now.wall_ms, committed)
            return one

        return self._database.submit(fact).result()

    def look(self) -> Lasting | None:
        """The one that is under way. What has lasted for its time ends here: call it every second, and at a start."""
        found = self._database.read(self._lasting)
        if found is not None and found.left_ms <= 0:
            self._database.submit(lambda connection: self._lapse(connection, self._now())).result()
            return self._database.read(self._lasting)
        return found

    def _lasting(self, connection: sqlite3.Connection) -> Lasting | None:
        one = table.lasting(connection)
        if one is None:
            return None
        now = self._now()
        left_ms = one.span_ms - self._age_ms(connection, one)
        began_ms = one.start.boottime_ms if one.start.boot == now.boot else 0
        return Lasting(one, left_ms, now.wall_ms + left_ms, began_ms, ledger.opened(connection, one.leaf))

    def _lapse(self, connection: sqlite3.Connection, now: Point) -> None:
        """Of what ended while nobody was there to see it, the time is told back, within this boot."""
        one = table.lasting(connection)
        if one is None:
            return
        over_ms = self._age_ms(connection, one) - one.span_ms
        if over_ms >= 0:
            at = now.plus_ms(-min(over_ms, now.boottime_ms))
            table.end(connection, one, max(at, one.start), MaintenanceState.LAPSED, now.wall_ms)

    def _age_ms(self, connection: sqlite3.Connection, one: Maintenance) -> int:
        ages = history(connection, self._life.boot, self._clock)
        return ages.age(one.start.boot, one.start.boottime_ms).low_ms

    def _now(self) -> Point:
        return Point.of(self._life.boot, self._clock.now())


def _new_id(now: Point) -> str:
    """One lasts at a time, and each for a minute at least: letters that happen to be the same are a defect of chance
    that the table refuses.
    """
    day = datetime.fromtimestamp(now.wall_ms / 1000, UTC).strftime("%Y%m%d")
    return f"M-{day}-{short_id(ID_LETTERS)}"
