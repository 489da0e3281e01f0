"""What two persons agreed upon, kept: asked at each start, at each reload, and once a minute. Blocking, thread-safe."""

from __future__ import annotations

import logging
import sqlite3

from storage.ages.runs import DaemonRun, Point
from storage.database.writer import Database, TransactionPart
from storage.retention import table
from storage.retention import table as terms
from storage.retention.approved_limits import ApprovedLimits, granted, holding, settled
from storage.retention.in_force import present
from storage.retention.plan import Policy
from storage.words.clock import Clock
from storage.words.errors import StoreError

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
            terms.switch_to(connection, held.overwrite, now)

    def _weighed(
        self, connection: sqlite3.Connection, wished: ApprovedLimits
    ) -> tuple[ApprovedLimits, ApprovedLimits | None, bool]:
        """What holds, what is to be written down as agreed upon (None: nothing), and whether `on_full` is, too."""
        before = table.read_approved(connection)
        if before is None:
            new = wished if table.is_approved_known(connection) else None
            return wished, new, terms.is_switched(connection, wished.overwrite)
        held = holding(before, wished)
        as_is = present(connection, self._boot, self._clock, Policy(held.cameras, overwrite=held.overwrite))
        recorded = terms.histories(connection)
        in_force = {camera: bounds for camera, bounds in as_is.bounds.items() if camera in recorded}
        after = settled(before, held, in_force)
        return held, after if after != before else None, terms.is_switched(connection, held.overwrite)
