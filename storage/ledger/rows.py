"""What is left to ask when all leaves have been read: rows that no leaf told of, gaps that no row tells of any more.

Blocking, read-only, in pages. What seems wrong is asked again in one moment of the database, because it goes on
meanwhile. Bounded: one bit for each number of a leaf, and the gaps that nothing has explained yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from functools import partial

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


class Claimed:
    """Numbers of the leaves by which a row goes."""

    def __init__(self, last: int) -> None:
        self._bits = bytearray((last >> 3) + 1)
        self._last = last

    def add(self, numbers: Iterable[int]) -> None:
        bits = self._bits
        for number in numbers:
            bits[number >> 3] |= 1 << (number & 7)

    def __contains__(self, number: int | None) -> bool:
        return number is not None and 0 < number <= self._last and bool(self._bits[number >> 3] & 1 << (number & 7))


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


def untold(read: Reader, table: str, claimed: Claimed) -> Iterator[tuple[int, list[Finding]]]:
    """Page by page of a table: how many rows were looked at, and those of which no leaf tells."""
    after = 0
    while page := read(partial(verifying.rows, table=table, after=after)):
        odd = [number for number, leaf in page if leaf not in claimed]
        yield len(page), read(partial(_really, table=table, odd=odd)) if odd else []
        after = page[-1][0]


def _really(connection: sqlite3.Connection, table: str, odd: Iterable[int]) -> list[Finding]:
    """Of these, the rows whose leaf is none, or tells of something else, at this moment."""
    found = []
    for number in odd:
        if verifying.waits(connection, table, number):
            continue
        row = verifying.segment(connection, number) if table == "segments" else verifying.gap(connection, number)
        if row is not None and not _told(connection, row):
            found.append(claims.untold(row))
    return found


def _told(connection: sqlite3.Connection, row: SegmentClaim | GapClaim) -> bool:
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
