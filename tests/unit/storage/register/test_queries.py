"""What became of footage is found by when it was recorded: no block that tells of it is passed over."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
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
from storage.retention.destruction import KINDS
from tests.unit.storage.ledger.test_queries import made

BITS = 3


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    with patch.object(ledger_queries, "BITS", BITS):
        yield


leaves = st.lists(
    st.tuples(
        st.sampled_from([Leaf.DESTROYED, Leaf.SPAN, Leaf.SEGMENT]),
        st.integers(0, 40) | st.just("junk") | st.none(),
        st.integers(0, 10),
    ),
    max_size=60,
)
windows = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), min_size=1, max_size=3).map(
    lambda found: tuple((begin, begin + length) for begin, length in found)
)


@given(leaves, windows)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_touches_a_window_is_passed_over(
    told: list[tuple[Leaf, object, int]], asked: tuple[tuple[int, int], ...]
) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db)
        for number, (kind, start, length) in enumerate(told, 1):
            body = {"camera": "a", "start": {"wall_ms": start}, "duration_ms": length}
            ledger_table.put_back(db, LeafEntry(number, 1000 + number, kind, json.dumps(body, separators=(",", ":"))))
        naive = {
            number
            for number, (kind, start, length) in enumerate(told, 1)
            if kind in KINDS
            and isinstance(start, int)
            and any(start < last and start + length > first for first, last in asked)
        }
        wanted = LeafFilter(kinds=KINDS, recorded=asked)
        for _ in range(2):
            blocks = ledger_queries.candidates(db, wanted)
            found = {one.entry.number for block in blocks for one in ledger_queries.matches(db, wanted, block)}
            assert naive <= found
            made(db)


def test_what_cannot_be_wanted_is_passed_over() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db)
        for number in range(1, 10 << BITS):
            body = {"camera": "a", "start": {"wall_ms": number * 100}, "duration_ms": 100}
            ledger_table.put_back(
                db, LeafEntry(number, 50_000, Leaf.DESTROYED, json.dumps(body, separators=(",", ":")))
            )
        made(db)
        day = ((4 << BITS) * 100, (5 << BITS) * 100)
        assert ledger_queries.candidates(db, LeafFilter(kinds=KINDS, recorded=(day,))) == [4, 9], (
            "and the last, which has no row yet"
        )


def test_the_end_of_what_lasted_long_is_found() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db)
        for number in range(1, 2 << BITS):
            length = 10_000 if number == 1 else 10
            body = {"camera": "a", "start": {"wall_ms": 100}, "duration_ms": length}
            ledger_table.put_back(db, LeafEntry(number, 50_000, Leaf.SPAN, json.dumps(body, separators=(",", ":"))))
        made(db)
        assert ledger_queries.candidates(db, LeafFilter(kinds=KINDS, recorded=((9000, 9001),))) == [0, 1]
        assert ledger_queries.candidates(db, LeafFilter(kinds=KINDS, recorded=((10_100, 10_101),))) == [1], (
            "the last has no row"
        )
