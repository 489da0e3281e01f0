"""What lists of leaves go by: the check makes of leaves what the daemon keeps of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.audit import queries as audit_queries
from storage.audit import ranges
from storage.audit.findings import LedgerFinding
from storage.audit.ranges import Blocks, LeafRange
from storage.database.migrations import migrate
from storage.ledger import queries as ledger_queries
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf, LeafEntry, Value

Fact = tuple[int, int, Leaf, int]
"""Number, wall clock, kind, when that was recorded which it tells of."""
SOME: list[Fact] = [
    (1022, 50, Leaf.SEGMENT, 7),
    (1023, 20, Leaf.DESTROYED, 11),
    (1024, 90, Leaf.SPAN, 5),
    (1030, 80, Leaf.DESTROYED, 40),
    (3000, 10, Leaf.RUN, 0),
]
facts = st.lists(
    st.tuples(
        st.integers(1000, 1050) | st.integers(2040, 2060),
        st.integers(-99, 99),
        st.sampled_from([Leaf.SEGMENT, Leaf.DESTROYED, Leaf.SPAN, Leaf.RUN]),
        st.integers(0, 99),
    ),
    unique_by=lambda one: one[0],
)


def kept(leaves: list[Fact]) -> sqlite3.Connection:
    """A row of each block, as a daemon makes it."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db)
    for number, wall_ms, kind, recorded_ms in leaves:
        body: dict[str, Value] = {"camera": "door", "seq": number, "volume": "v", "bytes": 1, "sha256": ""}
        start: dict[str, Value] = {"boot": 1, "id": "b", "boottime_ms": 0, "wall_ms": recorded_ms}
        body |= {"duration_ms": recorded_ms * 3, "start": start}
        ledger_table.put_back(db, LeafEntry(number, wall_ms, kind, ledger_table.canonical(body)))
    for block in {number >> ledger_queries.BITS for number, *_ in leaves}:
        ledger_queries.keep(db, block)
    return db


def differences(db: sqlite3.Connection, page: int = audit_queries.PAGE) -> list[LedgerFinding]:
    def read(query: Callable[[sqlite3.Connection], Any]) -> Any:
        return query(db)

    blocks = Blocks()
    for first in range(1, 4000, page):
        blocks.take(ranges.check(read, LeafRange(first, first + page - 1, in_tree=False)).lists)
    return list(blocks.differences(read))


@settings(max_examples=20)
@given(facts, st.sampled_from([70, 1000, 4096]))
def test_wherever_stretches_are_cut_it_comes_to_the_same(leaves: list[Fact], page: int) -> None:
    db = kept(leaves)
    blocks = Blocks()
    for first in range(1, 3000, page):
        blocks.take(ranges.check(lambda query: query(db), LeafRange(first, first + page - 1, in_tree=False)).lists)
    stored = {
        number: (least_ms, most_ms, set(kinds.split()), *recorded)
        for number, least_ms, most_ms, kinds, *recorded in ledger_queries.rows(db, -1, 10)
    }
    assert stored == {number: one.row for number, one in blocks._made.items()}


@pytest.mark.parametrize(
    "change",
    ["least_ms = 21", "most_ms = 49", "kinds = 'segment'", "kinds = 'segment destroyed gap'", "recorded_from_ms = 12",
     "recorded_to_ms = 43", "recorded_from_ms = NULL", "number = 7"],
)  # fmt: skip
def test_a_row_that_was_changed(change: str) -> None:
    db = kept(SOME)
    assert differences(db) == []
    db.execute(f"UPDATE leaf_blocks SET {change} WHERE number = 0")  # noqa: S608
    (found,) = differences(db)
    assert found.where.startswith("leaves 7168 " if "number" in change else "leaves 0 ")


def test_a_row_that_is_made_while_the_check_goes_on_is_no_finding() -> None:
    assert list(Blocks().differences(lambda query: query(kept(SOME)))) == []
