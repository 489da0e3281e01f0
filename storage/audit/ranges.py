"""The ledger in ranges: each leaf hashed, counted and asked for its rows; each row held against the leaf it goes by.

Blocking, read-only. Neither ranges of leaves nor spans of rows depend on each other, so that several processes may
share them out. Each page of leaves is read in one moment of the database together with what it is held against: what
is committed or destroyed meanwhile is no fault. Rows are gone through before leaves, page by page; what seems wrong
with one is asked again in one moment. Bounded: a range knows its own leaves only, rows need one bit for each leaf,
and the gaps that nothing has explained yet are kept.

The index that lists of leaves go by (`storage.ledger.queries`) is held against the leaves, too. Bounded: some hundred
bytes for 1024 leaves. What seems wrong is asked again in one moment of the database, in which leaves are judged as they
were when their row was made.
"""

from __future__ import annotations

import sqlite3
import time
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Final, Self

from storage.ages.history import History
from storage.audit import leaf_bodies
from storage.audit import queries as audit_queries
from storage.audit.destruction_check import SuspectTombstone, is_suspect
from storage.audit.findings import Code, Findings, LedgerFinding, at_leaf, at_leaves, unread
from storage.audit.leaf_bodies import SEGMENTS
from storage.audit.queries import Fact, GapClaim, Stored
from storage.integrity.inspect_file import Pace, unpaced
from storage.ledger import queries as ledger_queries
from storage.ledger import tree
from storage.ledger.queries import BITS, BLOCK
from storage.ledger.table import HASHED, WIDTH, Leaf
from storage.ledger.tree import Hash
from storage.retention.bounds import TIME_ACCOUNT_KEPT_MS
from storage.retention.destruction import DestroyedLeaf, SpanLeaf
from storage.segments import gap_leaf, segment_leaf
from storage.segments.coverage_queries import ReadQuery
from storage.segments.gap_leaf import GapKey, GapLeaf
from storage.segments.queries import segment_as_leaf
from storage.segments.segment_leaf import SegmentLeaf
from storage.words.message import message

PAGE: Final = 1024
"""Rows in one read: a million leaves, some milliseconds."""
MORE: Final = message("ledger.lists-lack", "`edgectl destroyed` and `edgectl ledger` may leave something out")
_NO_INTERVAL: Final = (1 << 62, -(1 << 62))


@dataclass(frozen=True, slots=True)
class Block:
    """Of some leaves of a block, or all."""

    entered: tuple[int, int]
    """The least and the greatest wall clock at which one was entered."""
    kinds: frozenset[bytes]
    recorded: tuple[int, int] = _NO_INTERVAL
    """The same of beginning and end of what they tell to be destroyed."""

    def __or__(self, other: Self) -> Block:
        return Block(
            _around(self.entered, other.entered), self.kinds | other.kinds, _around(self.recorded, other.recorded)
        )

    @property
    def row(self) -> tuple[object, ...]:
        """As it is stored."""
        recorded = (None, None) if self.recorded == _NO_INTERVAL else self.recorded
        return *self.entered, {kind.decode("utf-8", "replace") for kind in self.kinds}, *recorded


def blocks_of(leaves: Sequence[Stored], destroyed: Iterable[tuple[int, int, int]]) -> dict[int, Block]:
    """Of neighbouring leaves, by block. `destroyed`: number, beginning and end of what each of these tells. Pure."""
    numbers = [leaf[2] for leaf in leaves]
    found = {}
    at = 0
    while at < len(numbers):
        block = numbers[at] >> BITS
        end = bisect_left(numbers, (block + 1) << BITS, at)
        walls = [leaf[3] for leaf in leaves[at:end]]
        found[block] = Block((min(walls), max(walls)), frozenset({leaf[1] for leaf in leaves[at:end]}))
        at = end
    for number, begin_ms, end_ms in destroyed:
        block = number >> BITS
        one = found[block]
        found[block] = Block(one.entered, one.kinds, _around(one.recorded, (begin_ms, end_ms)))
    return found


class Blocks:
    """All of them, as their leaves make them."""

    def __init__(self) -> None:
        self._made: dict[int, Block] = {}

    def take(self, some: Mapping[int, Block]) -> None:
        for number, one in some.items():
            before = self._made.get(number)
            self._made[number] = one if before is None else before | one

    def differences(self, read: ReadQuery, pace: Pace = unpaced) -> Iterator[LedgerFinding]:
        """Rows that are not what their leaves make."""
        after = -1
        while page := read(partial(ledger_queries.rows, after=after, limit=PAGE)):
            began = time.monotonic()
            for number, least_ms, most_ms, kinds, *recorded in page:
                one = self._made.get(number)
                is_same = one is not None and one.row == (least_ms, most_ms, set(kinds.split()), *recorded)
                if not is_same and read(partial(ledger_queries.differs, block=number)):
                    yield _wrong_block(number)
            after = page[-1][0]
            pace(time.monotonic() - began)


def _wrong_block(block: int) -> LedgerFinding:
    first = block << BITS
    what = message("ledger.block", "what lists pass over is not what these leaves are: {so}", so=MORE)
    return LedgerFinding(Code.BLOCK, at_leaves(first, first + BLOCK - 1), what)


def _around(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return min(one[0], other[0]), max(one[1], other[1])


_DESTROYED: Final = Leaf.DESTROYED.value.encode()
_GAP: Final = Leaf.GAP.value.encode()
_SPAN: Final = Leaf.SPAN.value.encode()
_GENERATION: Final = Leaf.GENERATION.value.encode()
_FACTS: Final = frozenset(kind.encode() for kind in leaf_bodies.KINDS)
SUSPECTS_MAX: Final = 100
"""Of a stretch: a clock that was set back makes some, a stranger any number."""
LENGTH: Final = 64 * WIDTH
"""Leaves: a tenth of a second of work, so that progress shows and processes have equal shares."""
_BITS: Final = 16
_BYTES: Final = 1 << _BITS - 3
_NONE: Final = bytes(_BYTES)
"""A block of bits: neighbours, however far somebody's number is from all others."""


@dataclass(frozen=True, slots=True)
class Bits:
    """One for each number from `first` on, which is a multiple of eight, the lowest of a byte first."""

    first: int
    bits: bytes


NONE: Final = Bits(0, b"")


@dataclass(frozen=True, slots=True)
class LeafRange:
    """Leaves from the number `first` up to `last`."""

    first: int
    last: int
    in_tree: bool
    """They are whole blocks of 256 of a tree, but at its end; else they were entered before there was one."""
    told: Bits = NONE
    """Those that a row was found to agree with; NONE: no row was looked at."""


@dataclass(frozen=True, slots=True)
class GapSeen:
    """What a leaf says of a gap. `stands`: there is no row as it says, so that a later leaf must say why."""

    number: int
    key: GapKey
    former: GapKey | None
    """What it was before."""
    stands: GapLeaf | None


@dataclass(slots=True)
class Stretch:
    """What was found in one."""

    span: LeafRange
    leaves: int = 0
    blocks: list[Hash | None] = field(default_factory=list)
    """The node over each whole block of 256 leaves; None where one of them is missing."""
    lists: dict[int, Block] = field(default_factory=dict)
    """What lists of leaves go by."""
    gaps: list[GapSeen] = field(default_factory=list)
    generations: list[tuple[int, bytes]] = field(default_factory=list)
    """Leaves that begin a tree, with their lines."""
    facts: list[Fact] = field(default_factory=list)
    """What decides what stays and goes (`storage.audit.ledger_state`)."""
    suspects: list[SuspectTombstone] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)


def spans(first: int, last: int, *, in_tree: bool) -> Iterator[LeafRange]:
    """Of the leaves of a tree, or of those before the first."""
    for begin in range(first, last + 1, LENGTH):
        yield LeafRange(begin, min(begin + LENGTH - 1, last), in_tree)


def check(read: ReadQuery, span: LeafRange, pace: Pace = unpaced) -> Stretch:
    """Go through the leaves of a span."""
    found = Stretch(span)
    hashes: list[Hash | None] = []
    after = span.first - 1
    while after < span.last:
        began = time.monotonic()
        page = read(partial(_page, span=span, after=after))
        upto = page.leaves[-1][2] if len(page.leaves) == audit_queries.PAGE else span.last
        hashes += _hashes(found, page.leaves, after, upto)
        _claims(found, page)
        for number, block in blocks_of(page.leaves, page.destroyed).items():
            found.lists[number] = found.lists[number] | block if number in found.lists else block
        after = upto
        pace(time.monotonic() - began)
    if span.in_tree:
        whole = len(hashes) - len(hashes) % WIDTH
        found.blocks = [_block(hashes[at : at + WIDTH]) for at in range(0, whole, WIDTH)]
    return found


# --- leaves -------------------------------------------------------------------------------------------------------


def _hashes(found: Stretch, leaves: Sequence[Stored], after: int, upto: int) -> list[Hash | None]:
    """Stored hashes of the numbers behind `after`, up to `upto`, each held against its leaf; None for no leaf."""
    found.leaves += len(leaves)
    made = [sha256(HASHED % leaf[:4]).digest() for leaf in leaves]
    hashes = [leaf[4] for leaf in leaves]
    if made == hashes and len(leaves) == upto - after:
        return hashes
    hashes, expected = [], after + 1
    for (_, _, number, _, stored), right in zip(leaves, made, strict=True):
        if number != expected:
            hashes += _hole(found, expected, number)
        expected = number + 1
        hashes.append(stored)
        if right != stored and (stored is not None or found.span.in_tree):
            if stored:
                what = message("ledger.leaf-changed", "it is not what was hashed when it was entered")
            else:
                what = message("ledger.leaf-unhashed", "it was entered without its hash")
            found.findings.add(LedgerFinding(Code.LEAF_CHANGED, at_leaf(number), what))
    return hashes + _hole(found, expected, upto + 1)


def _hole(found: Stretch, first: int, end: int) -> list[None]:
    if first < end and found.span.in_tree:
        where = at_leaf(first) if end == first + 1 else at_leaves(first, end - 1)
        what = message("ledger.no-such-leaf", "nothing has this number")
        found.findings.add(LedgerFinding(Code.LEAF_MISSING, where, what))
    return [None] * (end - first)


def _block(hashes: list[Hash | None]) -> Hash | None:
    there = [one for one in hashes if one is not None]
    return tree.root_of(there) if len(there) == len(hashes) else None


# --- what they tell of --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Page:
    """Leaves, and what the database says of the same at the same moment."""

    leaves: list[Stored]
    segments: list[tuple[int, SegmentLeaf]] = field(default_factory=list)
    """Number of each leaf that tells of one and that no row was found to agree with yet."""
    tombs: list[SuspectTombstone] = field(default_factory=list)
    destroyed: list[tuple[int, int, int]] = field(default_factory=list)
    """By number of the leaf: from when to when that was recorded of which it tells that it is gone."""
    gaps: list[tuple[int, GapLeaf]] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    generations: list[tuple[int, bytes]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    suspects: list[SuspectTombstone] = field(default_factory=list)
    tombstones: dict[tuple[str, int], int] = field(default_factory=dict)
    rows: dict[tuple[str, int], int] = field(default_factory=dict)
    """The leaf that each row goes by; 0: none."""
    aside: dict[tuple[str, str], int | None] = field(default_factory=dict)
    """Of files that are set aside, by volume and name."""
    gap_rows: dict[tuple[str, int, int], list[GapClaim]] = field(default_factory=dict)
    boots: Mapping[int, str] = field(default_factory=dict)
    """Their own ids, by number, of those in which gaps begin."""

    def row(self, told: SegmentLeaf | DestroyedLeaf) -> int | None:
        """The leaf that the row of this segment goes by; None: there is no row."""
        if told.name is not None:
            return self.aside.get((told.volume, told.name))
        return self.rows.get((told.camera, told.seq))

    def tombstone(self, told: SegmentLeaf) -> int | None:
        return self.tombstones.get((told.camera, told.seq))

    def gap(self, told: GapLeaf) -> GapClaim | None:
        """The row of the same gap, whatever it says of it."""
        start = told.start
        rows = self.gap_rows.get((told.camera, start.boot, start.boottime_ms), ())
        return next((row for row in rows if told.key(told.start) == row.says.key(row.says.start)), None)


def _page(connection: sqlite3.Connection, span: LeafRange, after: int) -> _Page:
    page = _Page(audit_queries.stored(connection, after, span.last))
    told, first, leaves = span.told.bits, span.told.first, page.leaves
    if told:
        leaves = [leaf for leaf in leaves if not told[leaf[2] - first >> 3] >> (leaf[2] & 7) & 1]
    for leaf in leaves:
        _read(page, leaf)
    _look_up(connection, page)
    return page


def _read(page: _Page, leaf: Stored) -> None:
    """What a leaf tells of, by its kind."""
    body, kind, number, *_ = leaf
    if kind in SEGMENTS:
        segment = leaf_bodies.read(SegmentLeaf, body)
        if segment is None:
            page.unread.append(number)
        else:
            page.segments.append((number, segment))
    elif kind == _DESTROYED:
        _of_destroyed(page, leaf)
    elif kind == _GAP:
        gap = leaf_bodies.read(GapLeaf, body)
        if gap is None:
            page.unread.append(number)
        else:
            page.gaps.append((number, gap))
    elif kind == _SPAN:
        gone = leaf_bodies.read(SpanLeaf, body)
        if gone is not None:
            page.destroyed.append((number, *leaf_bodies.recorded(gone)))
    elif kind in _FACTS:
        page.facts.append((number, kind.decode(), HASHED % leaf[:4]))
    elif kind == _GENERATION:
        page.generations.append((number, HASHED % leaf[:4]))


def _of_destroyed(page: _Page, leaf: Stored) -> None:
    body, _, number, wall_ms, _ = leaf
    told = leaf_bodies.read(DestroyedLeaf, body)
    if told is None:
        page.unread.append(number)
        return
    page.tombs.append(SuspectTombstone(number, told))
    page.destroyed.append((number, *leaf_bodies.recorded(told)))
    if is_suspect(told, wall_ms):
        page.suspects.append(page.tombs[-1])


def _look_up(connection: sqlite3.Connection, page: _Page) -> None:
    segments = [told for _, told in page.segments]
    page.tombstones = audit_queries.tombstones(connection, _by_camera(segments))
    asked: list[SegmentLeaf | DestroyedLeaf] = [tomb.told for tomb in page.tombs]
    asked += [told for number, told in page.segments if (page.tombstone(told) or 0) < number]
    page.rows = audit_queries.going_by(connection, _by_camera(told for told in asked if told.name is None))
    for told in asked:
        if told.name is not None:
            page.aside[told.volume, told.name] = audit_queries.aside(connection, told.volume, told.name)
    page.boots = audit_queries.boots(connection, {gap.start.boot for _, gap in page.gaps})
    for _, gap in page.gaps:
        place = (gap.camera, gap.start.boot, gap.start.boottime_ms)
        if place not in page.gap_rows:
            page.gap_rows[place] = audit_queries.gaps(connection, *place)


def _by_camera(segments: Iterable[SegmentLeaf | DestroyedLeaf]) -> Mapping[str, Collection[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for told in segments:
        found[told.camera].append(told.seq)
    return found


def _claims(found: Stretch, page: _Page) -> None:
    """Of leaves from before there was a tree only which gaps they explain, and what begins."""
    wrong: list[LedgerFinding | None] = [_unread(number) for number in page.unread]
    wrong += [
        leaf_bodies.of_segment(number, told, page.row(told), page.tombstone(told)) for number, told in page.segments
    ]
    wrong += [leaf_bodies.returned(tomb.number, tomb.told, page.row(tomb.told)) for tomb in page.tombs]
    wrong += [_gap(found, number, gap, page) for number, gap in page.gaps]
    if found.span.in_tree:
        found.findings.take(one for one in wrong if one is not None)
        found.facts += page.facts
        found.suspects += page.suspects[: SUSPECTS_MAX - len(found.suspects)]
    found.generations += page.generations


def _gap(found: Stretch, number: int, told: GapLeaf, page: _Page) -> LedgerFinding | None:
    row = page.gap(told)
    dated = page.boots.get(told.start.boot) == told.start.id  # else a rebuild could not say when, and left it out
    former = told.key(told.was) if told.was is not None else None
    lacking = told if row is None and told.stands and dated and found.span.in_tree else None
    found.gaps.append(GapSeen(number, told.key(told.start), former, lacking))
    is_earlier = row is not None and row.leaf is not None and row.leaf < number
    return leaf_bodies.differing(number, told) if is_earlier and told.stands else None


def _unread(number: int) -> LedgerFinding:
    return LedgerFinding(Code.LEAF_UNREAD, at_leaf(number), unread())


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


def row_spans(read: ReadQuery) -> Iterator[RowSpan]:
    """All rows that there are by now."""
    for table in ("segments", "gaps"):
        after = 0
        while (upto := read(partial(audit_queries.cut, table=table, after=after, count=LENGTH))) > after:
            yield RowSpan(table, after, upto)
            after = upto


def check_rows(read: ReadQuery, span: RowSpan, early: int, pace: Pace = unpaced) -> CheckedRows:
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


def _segments(read: ReadQuery, found: CheckedRows, after: int, upto: int) -> tuple[int, list[int]]:
    """A page: its last id, and the ids of rows that do not say what their leaf says, word for word."""
    (cameras, volumes), page = read(lambda db: (audit_queries.names(db), audit_queries.segments(db, after, upto)))
    odd = []
    for row in page:
        told = None if row[5] is None else leaf_bodies.read(SegmentLeaf, row[5])
        if told is not None and segment_leaf.agrees_word_for_word(told, row, cameras, volumes):
            found.told.append(row[1])
        else:
            odd.append(row[0])
    found.rows += len(page)
    return page[-1][0] if len(page) == audit_queries.PAGE else upto, odd


def _gaps(read: ReadQuery, found: CheckedRows, after: int, upto: int) -> tuple[int, list[int]]:
    """Likewise; gaps are few."""
    page = read(partial(audit_queries.ended_gaps, after=after, upto=upto))
    found.rows += len(page)
    return page[-1] if len(page) == audit_queries.PAGE else upto, page


def _wrong(connection: sqlite3.Connection, table: str, odd: Iterable[int], early: int) -> list[LedgerFinding]:
    """What is wrong with these rows at this moment."""
    look = _wrong_segment if table == "segments" else _wrong_gap
    found = (look(connection, number, early) for number in odd)
    return [one for one in found if one is not None]


def _wrong_segment(connection: sqlite3.Connection, row_id: int, early: int) -> LedgerFinding | None:
    found = segment_as_leaf(connection, row_id)
    if found is None:
        return None
    number, row = found
    leaf = None if number is None else audit_queries.leaf(connection, number)
    told = leaf_bodies.read(SegmentLeaf, leaf[0]) if leaf is not None and leaf[1] in SEGMENTS else None
    if number is None or told is None or not leaf_bodies.tells_of_segment(told, row):
        return leaf_bodies.untold(row, number)
    same = segment_leaf.agrees(told, row, audit_queries.boots(connection, [told.start.boot]))
    return None if same or number < early else leaf_bodies.differing(number, told)


def _wrong_gap(connection: sqlite3.Connection, row_id: int, early: int) -> LedgerFinding | None:
    found = audit_queries.gap(connection, row_id)
    if found is None:
        return None
    number, row = found
    leaf = None if number is None else audit_queries.leaf(connection, number)
    told = leaf_bodies.read(GapLeaf, leaf[0]) if leaf is not None and leaf[1] == _GAP else None
    if number is None or told is None or told.key(told.start) != row.key(row.start):
        return leaf_bodies.untold(row, number)
    same = row.end is None or gap_leaf.agrees(told, row)
    return None if same or number < early else leaf_bodies.differing(number, told)


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
                yield leaf_bodies.twice(number)
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
            if ages.age(end.boot, end.boottime_ms).low_ms < TIME_ACCOUNT_KEPT_MS:
                yield leaf_bodies.gone(number, told)
