"""The ledger as a list for people: leaves by when they were entered, kind, camera, act. What is listed proves nothing.

`LedgerListing` is blocking and tells pages, each with how far somebody else can vouch for it. Each page is a read of
its own of some milliseconds, and only numbers of blocks lie in memory. The rest are functions over a connection.

Leaves are found by number alone; an index by time would take 320 MB among twenty million, and a page of WAL in each
commit. Instead a row for each 1024 of them says between which wall clocks they were entered, of which kinds they are,
and when that was recorded whose destruction they tell (`leaf_blocks`, 1.8 MB). What cannot be wanted is passed over,
also where the clock was set back. A ring destroys in the order in which it recorded, so what became of a day stands in
a few blocks; an index for that would take 220 MB. Rows are made behind recording (`missing`, `keep`); a block without
one is read.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from storage.database.writer import Database
from storage.ledger import table as ledger_table
from storage.ledger.table import Generation, LeafEntry

BITS: Final = 10
BLOCK: Final = 1 << BITS
"""Leaves in one: half a megabyte, read in a few milliseconds."""
STEPS: Final = 64
"""Blocks looked at in one round of making rows."""
MADE: Final = 8
"""Rows made in one, each in a transaction of its own of some milliseconds."""
_END: Final = 1 << 62
_BLOCKS: Final = (
    "SELECT number, least_ms, most_ms, kinds, recorded_from_ms, recorded_to_ms FROM leaf_blocks ORDER BY number"
)
_GONE: Final = (
    "kind IN ('destroyed', 'span') AND json_type(body, '$.start.wall_ms') = 'integer'"
    " AND json_type(body, '$.duration_ms') = 'integer'"
)
_MADE_OF: Final = (
    "min(wall_ms), max(wall_ms), replace(group_concat(DISTINCT kind), ',', ' '), min(begin),"  # noqa: S608  (constants)
    " max(begin + length) FROM (SELECT wall_ms, kind,"
    f" iif({_GONE}, json_extract(body, '$.start.wall_ms'), NULL) AS begin,"
    f" iif({_GONE}, json_extract(body, '$.duration_ms'), NULL) AS length"
    " FROM leaves WHERE number >= ? AND number < ?) HAVING count(*) > 0"
)
"""What a row says, of the leaves from one number up to another."""
_WANTED: Final = (
    "FROM leaves WHERE number >= ?1 AND number < ?2 AND (?3 IS NULL OR wall_ms >= ?3) AND (?4 IS NULL OR wall_ms < ?4)"
    " AND (?5 IS NULL OR kind IN (SELECT value FROM json_each(?5)))"
    " AND (?6 IS NULL OR json_extract(body, '$.camera') = ?6"
    " OR (kind IN ('pin', 'copy') AND EXISTS (SELECT 1 FROM json_each(body, '$.cameras') WHERE value = ?6)))"
    " AND (?7 IS NULL OR (kind = 'act' AND json_extract(body, '$.verb') = ?7))"
)


@dataclass(frozen=True, slots=True)
class LeafFilter:
    """Which leaves; None and nothing: all."""

    from_ms: int | None = None
    to_ms: int | None = None
    kinds: frozenset[str] = frozenset()
    camera: str | None = None
    """Those that name it."""
    verb: str | None = None
    """Acts of this verb."""
    recorded: tuple[tuple[int, int], ...] | None = None
    """Blocks that tell of the destruction of what was recorded between such wall clocks; leaves are not told apart."""

    def admits(
        self,
        least_ms: int,
        most_ms: int,
        kinds: Collection[str],
        recorded: tuple[int | None, int | None] = (None, None),
    ) -> bool:
        """Some leaf of such a block may be wanted. Pure."""
        begin_ms, end_ms = recorded
        if self.recorded is not None and not any(
            begin_ms is not None and end_ms is not None and begin_ms < last_ms and end_ms > first_ms
            for first_ms, last_ms in self.recorded
        ):
            return False
        wanted = self.kinds if self.verb is None else frozenset({"act"})
        in_time = (self.from_ms is None or most_ms >= self.from_ms) and (self.to_ms is None or least_ms < self.to_ms)
        return in_time and (not wanted or not wanted.isdisjoint(kinds))


@dataclass(frozen=True, slots=True)
class FoundLeaf:
    """A leaf, and what of its commitments can still be opened."""

    entry: LeafEntry
    openings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CoveredRange:
    """A generation, and how many of its leaves are under a head that is signed, and under one that others have seen.

    What the first leaf of the next generation names is under the heads of that one.
    """

    generation: Generation
    signed: int
    seen: int


@dataclass(frozen=True, slots=True)
class ListedLeaf:
    """A leaf, and what vouches for it."""

    told: FoundLeaf
    covered: CoveredRange | None
    """None: it was entered before there was a tree."""
    index: int = 0
    """Its place in its tree."""

    @property
    def is_signed(self) -> bool:
        return self.covered is not None and self.index < self.covered.signed

    @property
    def is_seen(self) -> bool:
        return self.covered is not None and self.index < self.covered.seen


@dataclass(frozen=True, slots=True)
class LeafPage:
    """Some leaves, in order; there may be more where it is empty."""

    leaves: list[ListedLeaf] = field(default_factory=list)
    end: int = 0
    """The number behind the last leaf that was looked at for it; 0 where none was."""


class LedgerListing:
    """Of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pages(self, wanted: LeafFilter, last: int | None, after: int = 0) -> Iterator[LeafPage]:
        """What is wanted, the newest last; `last`: only so many, the last ones. `after`: only of higher numbers."""
        blocks = self._database.read(partial(candidates, wanted=wanted))
        begin = after + 1
        blocks = [block for block in blocks if block >= begin >> BITS]
        if last is not None:
            count = last
            for place in reversed(range(len(blocks))):
                tail = partial(last_of, wanted=wanted, block=blocks[place], count=count)
                found, first = self._database.read(tail)
                begin, count = max(first, after + 1) if found else begin, count - found
                yield LeafPage()
                if count <= 0:
                    blocks = blocks[place:]
                    break
        for block in blocks:
            yield self._database.read(partial(_page, wanted=wanted, block=block, begin=begin))

    def covered(self) -> list[CoveredRange]:
        """All generations, from the first."""
        return self._database.read(covered)


def _page(connection: sqlite3.Connection, wanted: LeafFilter, block: int, begin: int) -> LeafPage:
    known = covered(connection)
    firsts = [one.generation.first for one in known]
    found = []
    for told in matches(connection, wanted, block):
        number = told.entry.number
        if number >= begin:
            place = bisect_right(firsts, number) - 1
            found.append(
                ListedLeaf(told, known[place], number - firsts[place]) if place >= 0 else ListedLeaf(told, None)
            )
    return LeafPage(found, (block + 1) << BITS)


def covered(connection: sqlite3.Connection) -> list[CoveredRange]:
    """From the last generation back: one vouches for as much of the one before as its first leaf names."""
    found: list[CoveredRange] = []
    signed = seen = 0
    for one in reversed(ledger_table.every(connection)):
        found.append(CoveredRange(one, max(one.size, signed), max(one.seen, seen)))
        named = _named(connection, one)
        signed, seen = (named if of else 0 for of in (found[-1].signed, found[-1].seen))
    return found[::-1]


def _named(connection: sqlite3.Connection, generation: Generation) -> int:
    """How many leaves of the one before the first leaf names."""
    entry = ledger_table.leaf(connection, generation.first)
    previous = None if entry is None else json.loads(entry.body).get("previous")
    size = previous.get("size") if isinstance(previous, dict) and previous.get("root") else 0
    return size if isinstance(size, int) else 0


def candidates(connection: sqlite3.Connection, wanted: LeafFilter) -> list[int]:
    """Blocks in which something may be wanted, in order; of twenty million leaves at most 20,000 numbers."""
    found: list[int] = []
    expected = 0
    for number, least_ms, most_ms, kinds, *recorded in connection.execute(_BLOCKS):
        found += _there(connection, expected, number)
        if wanted.admits(least_ms, most_ms, kinds.split(), (recorded[0], recorded[1])):
            found.append(number)
        expected = number + 1
    return [*found, *_there(connection, expected, _END >> BITS)]


def matches(connection: sqlite3.Connection, wanted: LeafFilter, block: int) -> list[FoundLeaf]:
    """What is wanted of a block, by number."""
    first, end = block << BITS, (block + 1) << BITS
    rows = connection.execute(
        f"SELECT number, wall_ms, kind, body {_WANTED} ORDER BY number",
        _given(wanted, first, end),
    ).fetchall()
    openings: dict[int, dict[str, str]] = {}
    for number, name, value in connection.execute(
        "SELECT leaf, field, value FROM openings WHERE leaf >= ? AND leaf < ?", (first, end)
    ):
        openings.setdefault(number, {})[name] = value
    return [FoundLeaf(LeafEntry(*row), openings.get(row[0], {})) for row in rows]


def last_of(connection: sqlite3.Connection, wanted: LeafFilter, block: int, count: int) -> tuple[int, int]:
    """Of a block, from its end: how many leaves are wanted, at most `count`, and the number of the first of those."""
    row = connection.execute(
        f"SELECT count(*), min(number) FROM (SELECT number {_WANTED} ORDER BY number DESC LIMIT ?8)",  # noqa: S608
        (*_given(wanted, block << BITS, (block + 1) << BITS), count),
    ).fetchone()
    return int(row[0]), int(row[1] or 0)


def missing(connection: sqlite3.Connection, begin: int) -> tuple[list[int], int]:
    """Blocks from `begin` on that are whole and have no row, some of them; the block to go on with."""
    found: list[int] = []
    last = _first_leaf(connection, begin << BITS, descending=True)
    for _ in range(STEPS):
        first = _first_leaf(connection, begin << BITS)
        if first is None or last is None or first >> BITS >= last >> BITS or len(found) >= MADE:
            break
        begin = (first >> BITS) + 1
        if connection.execute("SELECT 1 FROM leaf_blocks WHERE number = ?", (begin - 1,)).fetchone() is None:
            found.append(begin - 1)
    return found, begin


def keep(connection: sqlite3.Connection, block: int) -> None:
    """Make the row of one that is whole."""
    connection.execute(
        "INSERT OR IGNORE INTO leaf_blocks (number, least_ms, most_ms, kinds, recorded_from_ms, recorded_to_ms)"
        f" SELECT ?, {_MADE_OF}",
        (block, block << BITS, (block + 1) << BITS),
    )


def rows(
    connection: sqlite3.Connection, after: int, limit: int
) -> list[tuple[int, int, int, str, int | None, int | None]]:
    """As they are stored, from the one after `after` on."""
    return connection.execute(
        "SELECT number, least_ms, most_ms, kinds, recorded_from_ms, recorded_to_ms FROM leaf_blocks"
        " WHERE number > ? ORDER BY number LIMIT ?",
        (after, limit),
    ).fetchall()


def differs(connection: sqlite3.Connection, block: int) -> bool:
    """There is a row, and it is not what its leaves make."""
    for number, *told in rows(connection, block - 1, 1):
        made = connection.execute(f"SELECT {_MADE_OF}", (block << BITS, (block + 1) << BITS)).fetchone()
        return number == block and (made is None or _in_any_order(told) != _in_any_order(made))
    return False


def _in_any_order(row: Sequence[Any]) -> tuple[Any, ...]:
    """Of kinds."""
    return *row[:2], set(row[2].split()), *row[3:]


def forget(connection: sqlite3.Connection, number: int) -> None:
    """A leaf came back into its block, from a volume."""
    connection.execute("DELETE FROM leaf_blocks WHERE number = ?", (number >> BITS,))


def _given(wanted: LeafFilter, first: int, end: int) -> tuple[int | str | None, ...]:
    kinds = json.dumps(sorted(wanted.kinds)) if wanted.kinds else None
    return (first, end, wanted.from_ms, wanted.to_ms, kinds, wanted.camera, wanted.verb)


def _there(connection: sqlite3.Connection, begin: int, end: int) -> Iterator[int]:
    """Blocks from `begin` up to `end` that hold a leaf."""
    while begin < end and (number := _first_leaf(connection, begin << BITS)) is not None:
        block = number >> BITS
        if block >= end:
            return
        yield block
        begin = block + 1


def _first_leaf(connection: sqlite3.Connection, number: int, *, descending: bool = False) -> int | None:
    """The first leaf from `number` on, or the last."""
    which = "max" if descending else "min"
    found = connection.execute(f"SELECT {which}(number) FROM leaves WHERE number >= ?", (number,)).fetchone()[0]  # noqa: S608
    return None if found is None else int(found)
