"""What two persons agreed upon, and what holds at this instant: one answer for everybody who asks.

`RetentionApprovals` is blocking and thread-safe; it is asked at each start, at each reload, and once a minute.
`present` is a function over a connection: ages, bounds of each camera, whether floors give way. The sweep asks when it
plans and again in the transaction that condemns; `retention --explain`, the documents and the alarms ask here as well,
so that what people are told is what will be done.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from storage.ages.history import DaemonRun, History, Point
from storage.ages.table import boots
from storage.database.writer import Database, TransactionPart
from storage.retention import table
from storage.retention import table as retention_table
from storage.retention.bounds import (
    ApprovedLimits,
    CameraBounds,
    OverwriteState,
    granted,
    holding,
    in_force,
    overwriting,
    settled,
)
from storage.retention.plan import Policy
from storage.words.clock import Clock
from storage.words.errors import StoreError
from storage.words.model import Bounds


@dataclass(frozen=True, slots=True)
class InForce:
    """As of `now`."""

    now: Point
    ages: History
    standings: Mapping[str, CameraBounds] = field(default_factory=dict)
    overwriting: OverwriteState = field(default_factory=OverwriteState)

    @property
    def bounds(self) -> dict[str, Bounds]:
        """Of the cameras that are configured, as `storage.retention.plan` wants them."""
        return {camera: one.bounds for camera, one in self.standings.items() if one.bounds is not None}

    @property
    def low_age_ms(self) -> Callable[[Point], int]:
        """Since a point, at the least."""
        return lambda point: self.ages.age(point.boot, point.boottime_ms).low_ms


def present(connection: sqlite3.Connection, boot: int, clock: Clock, policy: Policy) -> InForce:
    """Under what is configured now."""
    now = Point.of(boot, clock.now())
    bare = InForce(now, History(boots(connection), now.boot, now.boottime_ms, clock.lead_us()))
    return replace(
        bare,
        standings=in_force(retention_table.histories(connection), policy.bounds, bare.low_age_ms),
        overwriting=overwriting(retention_table.switch(connection), policy.overwrite, bare.low_age_ms),
    )


log = logging.getLogger("edged.storage.retention")


class RetentionApprovals:
    """Of one store."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock) -> None:
        self._database = database
        self._boot = life.boot
        self._clock = clock

    def hold(self, wished: ApprovedLimits) -> ApprovedLimits:
        """What may hold of what is configured; what tightens is agreed upon from now on.

        Where nothing ever was agreed upon, that is all of it. Whether floors give way is written down with it, before
        anything is recorded under that word: a daemon that is killed before its first sweep leaves no doubt about it. A
        database that cannot be written holds up nothing: what was agreed upon before goes on to count, and what loosens
        waits from when it can be.
        """
        held, new, switched = self._database.read(lambda connection: self._weighed(connection, wished))
        if new is not None or switched:
            try:
                self._database.submit(lambda connection: self._settle(connection, wished)).result()
            except StoreError as error:
                log.warning("what is agreed upon of retention is not written down yet: %s", error)
        return held

    def is_without_profile(self) -> bool:
        """No regulation is agreed upon. False while a database that was lost is made anew: leaves may tell of one."""

        def query(connection: sqlite3.Connection) -> bool:
            agreed = table.read_approved(connection)
            return table.is_approved_known(connection) if agreed is None else agreed.profile is None

        return self._database.read(query)

    def granting(self, wished: ApprovedLimits) -> TransactionPart:
        """As a deed of two persons: all of it is agreed upon."""

        def fact(connection: sqlite3.Connection) -> None:
            before = table.read_approved(connection)
            after = wished if before is None else granted(before, wished)
            table.write_approved(connection, after, self._clock.now().wall_ms)

        return fact

    def _settle(self, connection: sqlite3.Connection, wished: ApprovedLimits) -> None:
        held, new, switched = self._weighed(connection, wished)
        now = Point.of(self._boot, self._clock.now())
        if new is not None:
            table.write_approved(connection, new, now.wall_ms)
        if switched:
            retention_table.switch_to(connection, held.overwrite, now)

    def _weighed(
        self, connection: sqlite3.Connection, wished: ApprovedLimits
    ) -> tuple[ApprovedLimits, ApprovedLimits | None, bool]:
        """What holds, what is to be written down as agreed upon (None: nothing), and whether `on_full` is, too."""
        before = table.read_approved(connection)
        if before is None:
            new = wished if table.is_approved_known(connection) else None
            return wished, new, retention_table.is_switched(connection, wished.overwrite)
        held = holding(before, wished)
        as_is = present(connection, self._boot, self._clock, Policy(held.cameras, overwrite=held.overwrite))
        recorded = retention_table.histories(connection)
        in_force = {camera: bounds for camera, bounds in as_is.bounds.items() if camera in recorded}
        after = settled(before, held, in_force)
        return held, after if after != before else None, retention_table.is_switched(connection, held.overwrite)
