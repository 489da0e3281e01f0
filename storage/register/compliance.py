"""What a judgement by clause rests on and no other question answers: causes of gaps, the register read on, since when.

Blocking and thread-safe; the judgement itself is `edged.compliance`. The register is read from where the last look
ended, `PAGES_MAX` blocks of leaves at a time, so that the first look at a large one delays nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from functools import partial
from itertools import islice
from typing import Final

from storage.ages.runs import DaemonRun, Point
from storage.database.writer import Database
from storage.mirror import table as mirror_table
from storage.register import queries as table
from storage.register.queries import Amount, Kept, Tally, Violation
from storage.register.service import Asked, Entered, Register
from storage.retention.destruction import Rule, Verdict
from storage.segments import coverage_queries
from storage.segments.coverage_queries import CoverageShares
from storage.words.clock import Clock

PAGES_MAX: Final = 256
"""Blocks of 1024 leaves in one go: a second or two."""
WORTH_KEEPING: Final = 8
"""Blocks that need not be looked at again are written down, also where they tell of nothing destroyed."""


class Compliance:
    """Of one store."""

    def __init__(
        self,
        database: Database,
        life: DaemonRun,
        clock: Clock,
        register: Register,
        waiting: Callable[[], Collection[str]],
    ) -> None:
        """`waiting`: volumes that are there and whose leaves have to be read first."""
        self._database = database
        self._life = life
        self._clock = clock
        self._register = register
        self._waiting = waiting

    def kept(self) -> dict[str, Kept]:
        """How each clause stood when that was last written down."""
        return self._database.read(table.kept)

    def keep(self, now: Mapping[str, Kept]) -> Future[None]:
        """In place of that. Delays no commit (L4)."""
        return self._database.submit(partial(table.keep, now=now), yielding=True)

    def shares(self, camera: str, start_ms: int, end_ms: int) -> CoverageShares:
        """錄影完整率 with the causes of what is missing."""
        now = Point.of(self._life.boot, self._clock.now())
        claim, recorded = coverage_queries.gather(self._database.read, camera, start_ms, end_ms, now)
        return coverage_queries.shares(claim, recorded, start_ms, end_ms)

    def read_on(self) -> Tally | None:
        """What the register says, read up to now; None where it is not there yet, or being made anew."""
        if self._waiting():
            return None
        last = self._database.read(mirror_table.last_leaf)
        before = self._database.read(table.tally)
        pages = list(islice(self._register.pages(Asked(after=before.leaf)), PAGES_MAX))
        whole = len(pages) < PAGES_MAX
        leaf = last if whole else min(last, pages[-1].end - 1)
        entries = [one for page in pages for one in page.entries if one.what.leaf <= leaf]
        now = counted(before, entries, leaf)
        if entries or len(pages) >= WORTH_KEEPING:
            self._database.submit(partial(table.remember, read=now), yielding=True).result()
        return now if whole else None


def counted(before: Tally, entries: list[Entered], leaf: int) -> Tally:
    """The tally with these entries, up to this leaf. Pure."""
    faults = dict(before.faults)
    for one in entries:
        if (kind := _against(one)) is not None:
            key = one.what.camera, kind
            segments = faults[key].segments if key in faults else 0
            faults[key] = Amount(segments + 1, one.what.leaf, one.what.entered_ms)
    return Tally(leaf, before.segments + len(entries), faults)


def _against(one: Entered) -> Violation | None:
    match one.what.verdict:
        case Verdict.EARLY:
            return Violation.PERMITTED if one.what.rule is Rule.OVERWRITE else Violation.EARLY
        case Verdict.LATE if not one.pins:
            return Violation.LATE
    return None
