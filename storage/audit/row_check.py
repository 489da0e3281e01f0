"""Each row of segments and gaps held against the leaf that it goes by; gaps that no row tells of any more.

Blocking, read-only, in pages. Stretches of rows do not depend on each other. What seems wrong is asked again in one
moment of the database, because it goes on meanwhile. Bounded: one bit for each leaf, and the gaps that nothing has
explained yet.
"""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from storage.ages.history import History
from storage.audit import queries as verifying
from storage.audit import recording_leaves
from storage.audit.findings import Findings, LedgerFinding
from storage.audit.queries import GapClaim, SegmentClaim
from storage.audit.ranges import LENGTH, Bits, GapSeen
from storage.audit.recording_leaves import SEGMENTS, GapKey, GapLeaf, SegmentLeaf
from storage.integrity.inspect_file import Pace, unpaced
from storage.ledger.table import Leaf
from storage.ring.pruning import KEEP_MS
from storage.segments.coverage_queries import Reader

_GAP_KIND: Final = Leaf.GAP.value.encode()
_BITS: Final = 16
_BYTES: Final = 1 << _BITS - 3
_NONE: Final = bytes(_BYTES)
"""A block of bits: neighbours, however far somebody's number is from all others."""


@dataclass(frozen=True, slots=True)
class RowSpan:
    """Rows of a table by id."""

    table: str
    after: int
    upto: int


@dataclass(slots=True)
class CheckedRows:
    """What was found in one."""

    rows: int = 0
    told: array[int] = field(default_factory=lambda: array("q"))
    """Numbers of leaves that say of a segment what its row says."""
    findings: Findings = field(default_factory=Findings)


def row_spans(read: Reader) -> Iterator[RowSpan]:
    """All rows that there are by now."""
    for table in ("segments", "gaps"):
        after = 0
        while (upto := read(partial(verifying.cut, table=table, after=after, count=LENGTH))) > after:
            yield RowSpan(table, after, upto)
            after = upto


def check_rows(read: Reader, span: RowSpan, early: int, pace: Pace = unpaced) -> CheckedRows:
    """Go through the rows of a span. Leaves before `early` are of no tree and prove nothing: they need only exist."""
    found, after = CheckedRows(), span.after
    look = _segments if span.table == "segments" else _gaps
    while after < span.upto:
        began = time.monotonic()
        after, odd = look(read, found, after, span.upto)
        if odd:
            found.findings.take(read(partial(_wrong, table=span.table, odd=odd, early=early)))
        pace(time.monotonic() - began)
    return found


def _segments(read: Reader, found: CheckedRows, after: int, upto: int) -> tuple[int, list[int]]:
    """A page: its last id, and the ids of rows that do not say what their leaf says, word for word."""
    (cameras, volumes), page = read(lambda db: (verifying.names(db), verifying.segments(db, after, upto)))
    odd = []
    for row in page:
        told = None if row[5] is None else recording_leaves.segment_told(row[5])
        if told is not None and recording_leaves.same_row(told, row, cameras, volumes):
            found.told.append(row[1])
        else:
            odd.append(row[0])
    found.rows += len(page)
    return page[-1][0] if len(page) == verifying.PAGE else upto, odd


def _gaps(read: Reader, found: CheckedRows, after: int, upto: int) -> tuple[int, list[int]]:
    """Likewise; gaps are few."""
    page = read(partial(verifying.ended_gaps, after=after, upto=upto))
    found.rows += len(page)
    return page[-1] if len(page) == verifying.PAGE else upto, page


def _wrong(connection: sqlite3.Connection, table: str, odd: Iterable[int], early: int) -> list[LedgerFinding]:
    """What is wrong with these rows at this moment."""
    found = []
    for number in odd:
        row = verifying.segment(connection, number) if table == "segments" else verifying.gap(connection, number)
        wrong = None if row is None else _differing(connection, row, early)
        if wrong is not None:
            found.append(wrong)
    return found


def _differing(connection: sqlite3.Connection, row: SegmentClaim | GapClaim, early: int) -> LedgerFinding | None:
    leaf = None if row.leaf is None else verifying.leaf(connection, row.leaf)
    if leaf is None:
        return recording_leaves.untold(row)
    body, kind, number, *_ = leaf
    told: SegmentLeaf | GapLeaf | None
    if isinstance(row, GapClaim):
        told = gap = recording_leaves.gap_told(body) if kind == _GAP_KIND else None
        mine = gap is not None and recording_leaves.tells_of_gap(gap, row)
        same = row.end is None or (gap is not None and recording_leaves.same_gap(gap, row))
    else:
        told = segment = recording_leaves.segment_told(body) if kind in SEGMENTS else None
        mine = segment is not None and recording_leaves.tells_of_segment(segment, row)
        boots = {} if segment is None else verifying.boots(connection, [segment.start.boot])
        same = segment is not None and recording_leaves.same_segment(segment, row, boots)
    if told is None or not mine:
        return recording_leaves.untold(row)
    return None if same or number < early else recording_leaves.differing(number, told)


class ToldLeaves:
    """Numbers of leaves of which the row was seen, a bit each; of those that nobody has, none."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}

    def add(self, numbers: Iterable[int]) -> Iterator[LedgerFinding]:
        """What is wrong with them: no two rows are of one leaf."""
        for number in numbers:
            block = self._blocks.get(number >> _BITS)
            if block is None:
                block = self._blocks[number >> _BITS] = bytearray(_BYTES)
            at, bit = number >> 3 & _BYTES - 1, 1 << (number & 7)
            if block[at] & bit:
                yield recording_leaves.twice(number)
            block[at] |= bit

    def among(self, first: int, last: int) -> Bits:
        """Of a few thousand neighbours."""
        parts = (self._blocks.get(block, _NONE) for block in range(first >> _BITS, (last >> _BITS) + 1))
        return Bits(first >> _BITS << _BITS, b"".join(parts))


class OpenGaps:
    """Gaps that had no row when their leaf was read: a later leaf may say why."""

    def __init__(self) -> None:
        self._open: dict[GapKey, tuple[int, GapLeaf]] = {}

    def take(self, seen: Iterable[GapSeen]) -> None:
        """In the order of their leaves."""
        for one in seen:
            for key in (one.key, one.former):
                if key is not None:
                    self._open.pop(key, None)
            if one.stands is not None:
                self._open[one.key] = one.number, one.stands

    def gone(self, ages: History) -> Iterator[LedgerFinding]:
        """Those that nothing explains, but for what is so old that its row may have been pruned."""
        for number, told in self._open.values():
            end = told.end or told.start
            if ages.age(end.boot, end.boottime_ms).low_ms < KEEP_MS:
                yield recording_leaves.gone(number, told)
