"""The box checks its ledger itself: once a week, after an unclean stop, each day while something is wrong.

The same check as `edgectl ledger verify`, in a thread of its owner, more slowly. `is_due` decides, and is pure. One
that breaks off begins anew: twenty million leaves take half an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from storage.ages.history import DaemonRun, History
from storage.audit import table as audit_table
from storage.audit.findings import LedgerReport
from storage.audit.table import NAMED_MAX, Checked
from storage.database.writer import Database
from storage.integrity.inspect_file import Stopped
from storage.words.clock import Clock
from storage.words.errors import StoreBusy, StoreError
from storage.words.model import GapCause

EVERY_MS: Final = 7 * 86_400_000
"""Of running time."""
AGAIN_MS: Final = 86_400_000
"""While something is wrong: once somebody has seen to it, the alarm ends."""
SETTLE_MS: Final = 600_000
"""After a start recording, recovering and reading come first."""
SLOWLY: Final = 4.0
"""Rests are so many times as long as in a check that a person waits for: a ninth of a processor."""
OF_OUTSIDE: Final = "outside"
"""Codes that begin so are of a head that somebody handed in, and say nothing of the box if he took the wrong one."""


@dataclass(frozen=True, slots=True)
class CheckSituation:
    """What the decision rests on."""

    run: int
    up_ms: int
    """Since this run began."""
    unclean: bool
    """The run before did not end in order."""
    age_ms: int
    """Running time since the last check, at the least."""


def is_due(last: Checked | None, now: CheckSituation) -> bool:
    """Pure."""
    if now.up_ms < SETTLE_MS:
        return False
    if last is None or (now.unclean and last.run < now.run):
        return True
    return now.age_ms >= (AGAIN_MS if last.findings else EVERY_MS)


class SelfCheck:
    """Of one store."""

    def __init__(
        self,
        database: Database,
        life: DaemonRun,
        clock: Clock,
        ages: Callable[[], History],
        check: Callable[[], LedgerReport],
    ) -> None:
        """`check`: all of it, slowly; StoreBusy, Stopped."""
        self._database = database
        self._life = life
        self._clock = clock
        self._ages = ages
        self._check = check
        self._last: Checked | None = None
        """Of this run; it counts also where it could not be written."""

    def last(self) -> Checked | None:
        """By whomever it was asked for."""
        return self._last or self._database.read(audit_table.last)

    def round(self) -> bool:
        """Check if it is due; whether that was done."""
        if not is_due(self.last(), self._now()):
            return False
        try:
            self._check()
        except (StoreBusy, Stopped):  # leaves are being read back, a person checks, edged stops: later
            return False
        return True

    def remember(self, report: LedgerReport) -> None:
        """What a check came to, whoever asked for it."""
        now, mine = self._clock.now(), [one for one in report.findings.named if not one.code.startswith(OF_OUTSIDE)]
        found = Checked(
            run=self._life.run,
            boot=self._life.boot,
            boottime_ms=now.boottime_ms,
            wall_ms=now.wall_ms,
            leaves=report.leaves,
            took_ms=round(report.took_s * 1000),
            findings=len(mine) + report.findings.more,
            named=tuple(mine[:NAMED_MAX]),
        )
        self._last = found
        with suppress(StoreError):
            self._database.submit(partial(audit_table.remember, checked=found), yielding=True).result()

    def _now(self) -> CheckSituation:
        life, last, boottime_ms = self._life, self.last(), self._clock.now().boottime_ms
        return CheckSituation(
            run=life.run,
            up_ms=boottime_ms - life.start.boottime_ms,
            unclean=life.previous_end not in (None, GapCause.DAEMON_STOPPED),
            age_ms=0 if last is None else self._ages().age(last.boot, last.boottime_ms).low_ms,
        )
