"""Who is looked at, and in which order: segments of a volume by age, read page by page, oldest first.

Imports the catalog's questions and the pure `storage.retention.plan`. Within a group of equal terms whoever began
first is past its bounds first, so a sweep with nothing due reads one row of each group, and one that destroys
thousands reads each of them once. Only floors run from the end: what began long ago and ended late is passed by
(`Decision.lingers`).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Final

from storage.ages.history import History
from storage.ages.runs import Point
from storage.database.writer import Database
from storage.retention.plan import Candidate, Decision, judge
from storage.ring import table as ring_table
from storage.ring.table import Group
from storage.segments.queries import SegmentRow
from storage.words.model import Bounds

FIRST_PAGE: Final = 8
PAGE_MAX: Final = 256
"""Rows read at once of a group: 8, then ever more, as it turns out that many go. A read of 256 takes some ms."""


def candidate(row: SegmentRow, ages: History, end: Point | None = None) -> Candidate:
    """A row as retention sees it: bounds and ages. `end` is that of one that is still being recorded."""
    end = row.end if end is None else end
    return Candidate(
        id=row.id,
        camera=row.camera,
        seq=row.seq,
        volume=row.volume,
        bytes=row.bytes,
        stamped=row.bounds,
        start_age=ages.age(row.start.boot, row.start.boottime_ms),
        end_age=ages.age(end.boot, end.boottime_ms),
        pinned=row.pins > 0,
    )


@dataclass(frozen=True, slots=True)
class SegmentDecision:
    """A segment and what retention says of it alone."""

    row: SegmentRow
    decision: Decision


class Candidates:
    """The segments of one volume that no pin holds, as of one instant."""

    def __init__(self, database: Database, volume: str, ages: History, configured: Mapping[str, Bounds]) -> None:
        self._read = database.read
        self._ages = ages
        self.configured = configured
        self._oldest = [
            (group, self._judged(row)) for group, row in database.read(partial(ring_table.oldest, volume=volume))
        ]

    @property
    def oldest(self) -> list[SegmentDecision]:
        """Of each group; nothing more is read."""
        return [head for _, head in self._oldest]

    def each(self, wanted: Callable[[Decision], bool]) -> Iterator[SegmentDecision]:
        """Group by group, of each the leading ones that are wanted."""
        return chain.from_iterable(self._leading(wanted))

    def merged(self, wanted: Callable[[Decision], bool]) -> Iterator[SegmentDecision]:
        """The same by age over all groups. Who stands behind one that is not wanted is younger, and not wanted, unless
        that one lingers.
        """
        return heapq.merge(*self._leading(wanted), key=lambda head: head.row.start)

    def _leading(self, wanted: Callable[[Decision], bool]) -> Iterable[Iterator[SegmentDecision]]:
        return [
            _while(wanted, self._group(group, head))
            for group, head in self._oldest
            if wanted(head.decision) or head.decision.lingers
        ]

    def _group(self, group: Group, head: SegmentDecision) -> Iterator[SegmentDecision]:
        yield head
        size, after = FIRST_PAGE, head.row
        while True:
            rows = self._read(partial(ring_table.page, group=group, after=after, limit=size))
            yield from map(self._judged, rows)
            if len(rows) < size:
                return
            after, size = rows[-1], min(2 * size, PAGE_MAX)

    def _judged(self, row: SegmentRow) -> SegmentDecision:
        return SegmentDecision(row, judge(candidate(row, self._ages), self.configured.get(row.camera)))


def _while(wanted: Callable[[Decision], bool], heads: Iterator[SegmentDecision]) -> Iterator[SegmentDecision]:
    for head in heads:
        if wanted(head.decision):
            yield head
        elif not head.decision.lingers:
            return
