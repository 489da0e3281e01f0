"""Leaves as people look for them: what a list passes over holds nothing that was asked for, whatever the clock did."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.database.migrations import migrate
from storage.ledger import queries as ledger_queries
from storage.ledger import table as ledger_table
from storage.ledger.queries import LeafFilter
from storage.ledger.table import Leaf, LeafEntry

BITS = 4
BLOCK = 1 << BITS
KINDS = (Leaf.SEGMENT, Leaf.GAP, Leaf.ACT, Leaf.PIN)


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """Blocks of sixteen."""
    with patch.object(ledger_queries, "BITS", BITS):
        yield


def database(leaves: Sequence[tuple[int, int, Leaf]]) -> sqlite3.Connection:
    """Leaves by number, wall clock and kind; cameras a and b in turns."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db)
    for number, wall_ms, kind in leaves:
        camera = "ab"[number % 2]
        body = {"cameras": [camera]} if kind is Leaf.PIN else {"camera": camera, "verb": "pin add"}
        ledger_table.put_back(db, LeafEntry(number, wall_ms, kind, json.dumps(body, separators=(",", ":"))))
    return db


def made(db: sqlite3.Connection) -> int:
    """All rows there can be; how many there are."""
    begin = 0
    while True:
        blocks, after = ledger_queries.missing(db, begin)
        for block in blocks:
            ledger_queries.keep(db, block)
        if after == begin:
            return int(db.execute("SELECT count(*) FROM leaf_blocks").fetchone()[0])
        begin = after


def listed(db: sqlite3.Connection, wanted: LeafFilter) -> list[int]:
    blocks = ledger_queries.candidates(db, wanted)
    assert blocks == sorted(set(blocks))
    return [told.entry.number for block in blocks for told in ledger_queries.matches(db, wanted, block)]


@st.composite
def ledgers(draw: st.DrawFn) -> list[tuple[int, int, Leaf]]:
    """Some stretches of leaves, with holes between them, entered under clocks that were set as they like."""
    found: list[tuple[int, int, Leaf]] = []
    number = 1
    for _ in range(draw(st.integers(1, 5))):
        number += draw(st.sampled_from([0, 7, BLOCK, 1_000_000]))
        wall_ms, kind = draw(st.integers(0, 20)), draw(st.sampled_from(KINDS))
        for _ in range(draw(st.sampled_from([1, 5, BLOCK // 2, BLOCK, BLOCK + 3]))):
            found.append((number, wall_ms, kind))
            number += 1
    return found


@given(ledgers(), st.none() | st.integers(0, 21), st.none() | st.integers(0, 21), st.sets(st.sampled_from(KINDS)))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_list_has_all_that_is_wanted_with_rows_and_without(
    leaves: list[tuple[int, int, Leaf]], from_ms: int | None, to_ms: int | None, kinds: set[Leaf]
) -> None:
    with closing(database(leaves)) as db:
        for wanted in (
            LeafFilter(from_ms, to_ms, frozenset(kinds)),
            LeafFilter(from_ms, to_ms, frozenset(kinds), camera="a"),
            LeafFilter(from_ms, to_ms, verb="pin add"),
        ):
            naive = [
                number
                for number, wall_ms, kind in leaves
                if (from_ms is None or wall_ms >= from_ms)
                and (to_ms is None or wall_ms < to_ms)
                and (not wanted.kinds or kind in wanted.kinds)
                and (wanted.camera is None or "ab"[number % 2] == wanted.camera)
                and (wanted.verb is None or kind is Leaf.ACT)
            ]
            assert listed(db, wanted) == naive
            made(db)
            assert listed(db, wanted) == naive
            db.execute("DELETE FROM leaf_blocks WHERE number % 2 = 0")
            assert listed(db, wanted) == naive


@pytest.fixture
def three() -> Iterator[sqlite3.Connection]:
    """Three blocks that are whole, the second of which has an act, and the beginning of a fourth."""
    kinds = [Leaf.ACT if number == BLOCK + 5 else Leaf.SEGMENT for number in range(3 * BLOCK + 9)]
    with closing(database([(number, number, kind) for number, kind in enumerate(kinds) if number])) as db:
        yield db


def test_what_cannot_be_wanted_is_not_read(three: sqlite3.Connection) -> None:
    assert made(three) == 3
    assert ledger_queries.candidates(three, LeafFilter(kinds=frozenset({"act"}))) == [1, 3]
    assert ledger_queries.candidates(three, LeafFilter(from_ms=BLOCK + 1, to_ms=2 * BLOCK)) == [1, 3]
    assert ledger_queries.candidates(three, LeafFilter(to_ms=0)) == [3], "the last one is not whole yet"


def test_a_leaf_that_comes_back_is_found(three: sqlite3.Connection) -> None:
    three.execute("DELETE FROM leaves WHERE number = 7")
    made(three)
    assert 0 not in ledger_queries.candidates(three, LeafFilter(kinds=frozenset({"copy"})))
    ledger_table.put_back(three, LeafEntry(7, 7, Leaf.COPY, "{}"))
    ledger_queries.forget(three, 7)
    assert listed(three, LeafFilter(kinds=frozenset({"copy"}))) == [7]
    assert made(three) == 3


def test_the_last_of_a_block(three: sqlite3.Connection) -> None:
    assert ledger_queries.last_of(three, LeafFilter(), 1, 10) == (10, 2 * BLOCK - 10)
    assert ledger_queries.last_of(three, LeafFilter(kinds=frozenset({"act"})), 1, 10) == (1, BLOCK + 5)
    assert ledger_queries.last_of(three, LeafFilter(kinds=frozenset({"copy"})), 1, 10) == (0, 0)
