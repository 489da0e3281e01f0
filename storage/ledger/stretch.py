"""One stretch of the ledger: each leaf hashed, counted, and held against the rows that it tells of.

Blocking, read-only. Stretches do not depend on each other, so that several processes may share them out. Each page is
read in one moment of the database together with what it is held against: what is committed or destroyed meanwhile is no
fault. Bounded: a stretch knows its own leaves only.
"""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Final

from storage.catalog import ground, verifying
from storage.catalog.coverage import Reader
from storage.catalog.ground import Fact
from storage.catalog.ledger import Leaf
from storage.catalog.nodes import WIDTH
from storage.catalog.verifying import GapClaim, Hashed, Raw, SegmentClaim
from storage.ledger import claims, tree
from storage.ledger.claims import SEGMENTS, GapKey, GapTold, SegmentTold
from storage.ledger.findings import Code, Finding, Findings
from storage.ledger.tombs import Tomb, is_suspect
from storage.ledger.tree import Hash
from storage.repair.look import Pace, unpaced

_DESTROYED: Final = Leaf.DESTROYED.value
_GAP: Final = Leaf.GAP.value
_GENERATION: Final = Leaf.GENERATION.value
_OF_SEGMENTS: Final = SEGMENTS | {_DESTROYED}
"""Kinds as plain text, because millions are compared."""
SUSPECTS_MAX: Final = 100
"""Of a stretch: a clock that was set back makes some, a stranger any number."""
LENGTH: Final = 64 * WIDTH
"""Leaves: a tenth of a second of work, so that progress shows and processes have equal shares."""


@dataclass(frozen=True, slots=True)
class Span:
    """Leaves from the number `first` up to `last`."""

    first: int
    last: int
    in_tree: bool
    """They are whole blocks of 256 of a tree, but at its end; else they were entered before there was one."""


@dataclass(frozen=True, slots=True)
class GapSeen:
    """What a leaf says of a gap. `stands`: there is no row as it says, so that a later leaf must say why."""

    number: int
    key: GapKey
    former: GapKey | None
    """What it was before."""
    stands: GapTold | None


@dataclass(slots=True)
class Stretch:
    """What was found in one."""

    span: Span
    leaves: int = 0
    blocks: list[Hash | None] = field(default_factory=list)
    """The node over each whole block of 256 leaves; None where one of them is missing."""
    segments: array[int] = field(default_factory=lambda: array("q"))
    """Ids of the rows of segments that go by these leaves."""
    gap_rows: array[int] = field(default_factory=lambda: array("q"))
    """Of gaps likewise."""
    gaps: list[GapSeen] = field(default_factory=list)
    generations: list[tuple[int, bytes]] = field(default_factory=list)
    """Leaves that begin a tree, with their lines."""
    facts: list[Fact] = field(default_factory=list)
    """What decides what stays and goes (`storage.ledger.ground`)."""
    suspects: list[Tomb] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)


def spans(first: int, last: int, *, in_tree: bool) -> Iterator[Span]:
    """Of the leaves of a tree, or of those before the first."""
    for begin in range(first, last + 1, LENGTH):
        yield Span(begin, min(begin + LENGTH - 1, last), in_tree)


def check(read: Reader, span: Span, pace: Pace = unpaced) -> Stretch:
    """Go through the leaves of a span."""
    found = Stretch(span)
    hashes: list[Hash | None] = []
    after = span.first - 1
    while after < span.last:
        began = time.monotonic()
        page = read(partial(_page, after=after, until=span.last))
        upto = page.leaves[-1][0] if len(page.leaves) == verifying.PAGE else span.last
        hashes += _hashes(found, page.leaves, after, upto)
        _claims(found, page)
        after = upto
        pace(time.monotonic() - began)
    if span.in_tree:
        whole = len(hashes) - len(hashes) % WIDTH
        found.blocks = [_block(hashes[at : at + WIDTH]) for at in range(0, whole, WIDTH)]
    return found


# --- leaves -------------------------------------------------------------------------------------------------------


def _hashes(found: Stretch, leaves: Iterable[Hashed], after: int, upto: int) -> list[Hash | None]:
    """Stored hashes of the numbers behind `after`, up to `upto`, each held against its leaf; None for no leaf."""
    hashes: list[Hash | None] = []
    expected = after + 1
    for number, _, stored, data in leaves:
        if number != expected:
            hashes += _hole(found, expected, number)
        expected = number + 1
        found.leaves += 1
        hashes.append(stored)
        if sha256(data).digest() != stored and (stored is not None or found.span.in_tree):
            what = "it is not what was hashed when it was entered" if stored else "it was entered without its hash"
            found.findings.add(Finding(Code.LEAF_CHANGED, f"leaf {number}", what))
    return hashes + _hole(found, expected, upto + 1)


def _hole(found: Stretch, first: int, end: int) -> list[None]:
    if first < end and found.span.in_tree:
        where = f"leaf {first}" if end == first + 1 else f"leaves {first} to {end - 1}"
        found.findings.add(Finding(Code.LEAF_MISSING, where, "nothing has this number"))
    return [None] * (end - first)


def _block(hashes: list[Hash | None]) -> Hash | None:
    there = [one for one in hashes if one is not None]
    return tree.root_of(there) if len(there) == len(hashes) else None


# --- what they tell of --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Page:
    """Leaves, and what the database says of the same at the same moment."""

    leaves: list[Hashed]
    segments: list[tuple[int, str, SegmentTold]] = field(default_factory=list)
    """Number and kind of each leaf that tells of one."""
    gaps: list[tuple[int, GapTold]] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    generations: list[tuple[int, bytes]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    suspects: list[Tomb] = field(default_factory=list)
    rows: dict[tuple[str, int], Raw] = field(default_factory=dict)
    aside: dict[tuple[str, str], SegmentClaim] = field(default_factory=dict)
    """Of files that are set aside, by volume and name."""
    tombstones: dict[tuple[str, int], int] = field(default_factory=dict)
    gap_rows: dict[tuple[str, int, int], list[GapClaim]] = field(default_factory=dict)
    boots: Mapping[int, str] = field(default_factory=dict)
    """Their own ids, by number."""
    volumes: Mapping[int, str] = field(default_factory=dict)

    def row(self, told: SegmentTold) -> SegmentClaim | None:
        if told.name is not None:
            return self.aside.get((told.volume, told.name))
        raw = self.rows.get((told.camera, told.seq))
        return None if raw is None else verifying.claim(told.camera, raw, self.volumes)

    def gap(self, told: GapTold) -> GapClaim | None:
        """The row of the same gap, whatever it says of it."""
        start = told.start
        for row in self.gap_rows.get((told.camera, start.boot, start.boottime_ms), ()):
            is_step = row.end is not None and row.end[:2] <= row.start[:2]
            if (row.camera, *row.start, row.inside, is_step) == told.key(start):
                return row
        return None


def _page(connection: sqlite3.Connection, after: int, until: int) -> _Page:
    page = _Page(verifying.hashed(connection, after, until))
    for number, kind, _, data in page.leaves:
        if kind in _OF_SEGMENTS:
            told = claims.segment_told(data[1:])
            if told is not None:
                page.segments.append((number, kind, told))
                if kind == _DESTROYED and is_suspect(told, data):
                    page.suspects.append(Tomb(number, told))
                continue
        elif kind == _GAP:
            gap = claims.gap_told(data[1:])
            if gap is not None:
                page.gaps.append((number, gap))
                continue
        else:
            if kind in ground.KINDS:
                page.facts.append((number, kind, data))
            elif kind == _GENERATION:
                page.generations.append((number, data))
            continue
        page.unread.append(number)
    _look_up(connection, page)
    return page


def _look_up(connection: sqlite3.Connection, page: _Page) -> None:
    wanted: defaultdict[str, list[int]] = defaultdict(list)
    for _, _, told in page.segments:
        if told.name is None:
            wanted[told.camera].append(told.seq)
        elif (row := verifying.aside(connection, told.volume, told.name)) is not None:
            page.aside[told.volume, told.name] = row
    page.rows = rows = verifying.segments(connection, wanted)
    lacking: defaultdict[str, list[int]] = defaultdict(list)
    for _, kind, told in page.segments:
        if (told.camera, told.seq) not in rows and kind != _DESTROYED:
            lacking[told.camera].append(told.seq)
    page.tombstones = verifying.tombstones(connection, lacking)
    page.volumes = verifying.volumes(connection)
    starts = {told.start.boot for _, _, told in page.segments} | {gap.start.boot for _, gap in page.gaps}
    page.boots = verifying.boots(connection, starts)
    for _, gap in page.gaps:
        place = (gap.camera, gap.start.boot, gap.start.boottime_ms)
        if place not in page.gap_rows:
            page.gap_rows[place] = verifying.gaps(connection, *place)


def _claims(found: Stretch, page: _Page) -> None:
    """Of leaves from before there was a tree only this: which rows go by them."""
    wrong: list[Finding | None] = [_unread(number) for number in page.unread]
    rows, numbers = page.rows, {volume: number for number, volume in page.volumes.items()}
    for number, kind, told in page.segments:
        raw, start = rows.get((told.camera, told.seq)), told.start
        if (
            raw is not None
            and raw[2] == number
            and told.name is None
            and raw[4:14]
            == (
                start.boot,
                start.boottime_ms,
                start.wall_ms,
                told.duration_ms,
                told.bytes,
                told.floor_s,
                told.ceiling_s,
                told.epoch,
                told.synced,
                told.unproven,
            )
            and raw[14].hex() == told.sha256
            and raw[3] == numbers.get(told.volume)
            and kind != _DESTROYED
        ):
            found.segments.append(raw[1])  # as it should be, which is nearly always so
        else:
            wrong.append(_segment(found, number, kind, told, page))
    for number, gap in page.gaps:
        wrong.append(_gap(found, number, gap, page))
    if found.span.in_tree:
        found.findings.take(one for one in wrong if one is not None)
        found.facts += page.facts
        found.suspects += page.suspects[: SUSPECTS_MAX - len(found.suspects)]
    found.generations += page.generations


def _segment(found: Stretch, number: int, kind: str, told: SegmentTold, page: _Page) -> Finding | None:
    row = page.row(told)
    if kind == _DESTROYED:
        return None if row is None else claims.returned(number, told, row)
    if row is None or row.leaf != number:
        return claims.of_segment(number, told, row, page.tombstones.get((told.camera, told.seq)))
    found.segments.append(row.id)
    return None if claims.same_segment(told, row, page.boots) else claims.differing(number, told)


def _gap(found: Stretch, number: int, told: GapTold, page: _Page) -> Finding | None:
    row = page.gap(told)
    dated = page.boots.get(told.start.boot) == told.start.id  # else a rebuild could not say when, and left it out
    former = told.key(told.was) if told.was is not None else None
    lacking = told if row is None and told.stands and dated and found.span.in_tree else None
    found.gaps.append(GapSeen(number, told.key(told.start), former, lacking))
    if row is None or row.leaf is None or row.leaf > number:
        return None
    if row.leaf == number:
        found.gap_rows.append(row.id)
        return None if row.end is None or claims.same_gap(told, row) else claims.differing(number, told)
    return claims.differing(number, told) if told.stands else None


def _unread(number: int) -> Finding:
    return Finding(Code.LEAF_UNREAD, f"leaf {number}", "it does not say what leaves of its kind say")
