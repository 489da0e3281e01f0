"""What is left to ask when all leaves have been read: rows that no leaf told of, gaps that no row tells of any more.

Blocking, read-only, in pages. What seems wrong is asked again in one moment of the database, because it goes on
meanwhile. Bounded: one bit for each row, and the gaps that nothing has explained yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from storage.ages import History
from storage.catalog import verifying
from storage.catalog.coverage import Reader
from storage.catalog.pruning import KEEP_MS
from storage.catalog.verifying import GapClaim, SegmentClaim
from storage.ledger import claims
from storage.ledger.claims import SEGMENTS, GapKey, GapTold
from storage.ledger.findings import Finding
from storage.ledger.stretch import GapSeen
from storage.ledger.tree import LEAF

_BITS: Final = 16
"""Ids in a block: neighbours, however far somebody's row is from all others."""
_BYTES: Final = (1 << _BITS - 3) - 1


class Told:
    """Ids of the rows of a table of which a leaf told, a bit each."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}

    def add(self, ids: Iterable[int]) -> None:
        for number in ids:
            block = self._blocks.get(number >> _BITS)
            if block is None:
                block = self._blocks[number >> _BITS] = bytearray(1 << _BITS - 3)
            block[number >> 3 & _BYTES] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        block = self._blocks.get(number >> _BITS)
        return block is not None and bool(block[number >> 3 & _BYTES] & 1 << (number & 7))


class OpenGaps:
    """Gaps that had no row when their leaf was read: a later leaf may say why."""

    def __init__(self) -> None:
        self._open: dict[GapKey, tuple[int, GapTold]] = {}

    def take(self, seen: Iterable[GapSeen]) -> None:
        """In the order of their leaves."""
        for one in seen:
            for key in (one.key, one.former):
                if key is not None:
                    self._open.pop(key, None)
            if one.stands is not None:
                self._open[one.key] = one.number, one.stands

    def gone(self, ages: History) -> Iterator[Finding]:
        """Those that nothing explains, but for what is so old that its row may have been pruned."""
        for number, told in self._open.values():
            end = told.end or told.start
            if ages.age(end.boot, end.boottime_ms).low_ms < KEEP_MS:
                yield claims.gone(number, told)


def untold(read: Reader, table: str, told: Told) -> Iterator[tuple[int, list[Finding]]]:
    """Page by page of a table: how many rows were looked at, and those of which no leaf tells."""
    after = 0
    while page := read(partial(verifying.rows, table=table, after=after)):
        odd = [number for number in page if number not in told]
        yield len(page), read(partial(_really, table=table, odd=odd)) if odd else []
        after = page[-1]


def _really(connection: sqlite3.Connection, table: str, odd: Iterable[int]) -> list[Finding]:
    """Of these, the rows whose leaf is none, or tells of something else, at this moment."""
    found = []
    for number in odd:
        if verifying.waits(connection, table, number):
            continue
        row = verifying.segment(connection, number) if table == "segments" else verifying.gap(connection, number)
        if row is not None and not _is_told(connection, row):
            found.append(claims.untold(row))
    return found


def _is_told(connection: sqlite3.Connection, row: SegmentClaim | GapClaim) -> bool:
    """The leaf that it goes by tells of it."""
    if row.leaf is None:
        return False
    for _, kind, _, data in verifying.hashed(connection, row.leaf - 1, row.leaf):
        if isinstance(row, GapClaim):
            gap = claims.gap_told(data[len(LEAF) :])
            return gap is not None and (row.end is None or claims.same_gap(gap, row))
        told = claims.segment_told(data[len(LEAF) :]) if kind in SEGMENTS else None
        boots = {} if told is None else verifying.boots(connection, [told.start.boot])
        return told is not None and claims.same_segment(told, row, boots)
    return False
