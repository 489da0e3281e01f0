"""Nodes that are kept, against the tree in memory; what is missing is never made up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.database import migrations
from storage.ledger import table as ledger_table
from storage.ledger import tree
from storage.ledger.table import Generation, Identity, Leaf, LeafMissing

COUNT = 66_000
"""Above 65,536: two levels are kept, and both end in the middle of something."""
FIRST = 1001


def hash_of(index: int) -> bytes:
    return sha256(b"%d" % index).digest()


def blank() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrations.migrate(connection)
    return connection


@pytest.fixture(scope="module")
def full() -> Iterator[tuple[sqlite3.Connection, Generation]]:
    connection = blank()
    connection.execute("INSERT INTO generations (first, origin) VALUES (?, 'edged/office/1')", (FIRST,))
    connection.executemany(
        "INSERT INTO leaves (number, wall_ms, kind, body, hash) VALUES (?, 0, 'gap', '{}', ?)",
        ((FIRST + index, hash_of(index)) for index in range(COUNT)),
    )
    generation = ledger_table.present(connection)
    assert generation is not None
    yield connection, generation
    connection.close()


HASHES = [hash_of(index) for index in range(COUNT)]


@pytest.fixture(scope="module")
def kept(full: tuple[sqlite3.Connection, Generation]) -> tuple[sqlite3.Connection, Generation]:
    connection, generation = full
    while found := ledger_table.missing(connection, generation, 50):
        ledger_table.keep(connection, generation, found)
    counted = connection.execute("SELECT level, count(*) FROM nodes GROUP BY level ORDER BY level").fetchall()
    assert counted == [(8, COUNT >> 8), (16, COUNT >> 16)]
    return connection, generation


def test_what_is_kept_is_what_the_leaves_make(kept: tuple[sqlite3.Connection, Generation]) -> None:
    connection, generation = kept
    assert tree.root(ledger_table.read(connection, generation), COUNT) == tree.root_of(HASHES)


def test_without_nodes_that_are_kept_it_is_the_same(full: tuple[sqlite3.Connection, Generation]) -> None:
    connection, generation = full
    connection.execute("BEGIN")
    connection.execute("DELETE FROM nodes")
    assert tree.root(ledger_table.read(connection, generation), COUNT) == tree.root_of(HASHES)
    connection.execute("ROLLBACK")


@given(st.integers(0, COUNT - 1), st.data())
def test_any_leaf_at_any_time_is_proven(
    kept: tuple[sqlite3.Connection, Generation], index: int, data: st.DataObject
) -> None:
    connection, generation = kept
    size = data.draw(st.integers(index + 1, COUNT))
    path = tree.inclusion(ledger_table.read(connection, generation), index, size)
    assert tree.included(HASHES[index], index, size, path, tree.root_of(HASHES[:size]))


def test_a_leaf_that_is_missing_is_never_made_up(kept: tuple[sqlite3.Connection, Generation]) -> None:
    connection, generation = kept
    connection.execute("BEGIN")
    connection.execute("DELETE FROM nodes")
    connection.execute("DELETE FROM leaves WHERE number = ?", (FIRST + 700,))
    with pytest.raises(LeafMissing, match=str(FIRST + 700)):
        tree.root(ledger_table.read(connection, generation), COUNT)
    assert [number for _, number, _ in ledger_table.missing(connection, generation, 50)] == [0, 1]
    connection.execute("ROLLBACK")


def test_a_generation_ends_where_the_next_begins() -> None:
    connection = blank()
    first = ledger_table.begin(connection, Identity("office", None), "first", 0)
    ledger_table.enter(connection, Leaf.GAP, 0, {})
    second = ledger_table.begin(connection, Identity("office", None), "second", 0, number=50)
    ledger_table.enter(connection, Leaf.GAP, 0, {})
    ledger_table.enter(connection, Leaf.GAP, 0, {})
    assert [(one.first, ledger_table.end(connection, one)) for one in ledger_table.every(connection)] == [
        (1, 2),
        (50, 3),
    ]
    assert [ledger_table.of_leaf(connection, number) for number in (2, 49, 50, 99)] == [
        first,
        first,
        second,
        second,
    ]
    told = ledger_table.leaf(connection, 50)
    assert told is not None
    assert first.origin in told.body
    assert first.origin != second.origin


def test_names_stay_out_of_leaves_and_can_be_erased() -> None:
    connection = blank()
    number = ledger_table.enter(
        connection, Leaf.ACT, 5, {"verb": "export"}, committed={"who": "王小明", "reason": "竊盜"}
    )
    entry = ledger_table.leaf(connection, number)
    assert entry is not None
    assert "王小明" not in entry.body
    salt, value = connection.execute("SELECT salt, value FROM openings WHERE field = 'who'").fetchone()
    assert f'"who":"{ledger_table.commitment(salt, value)}"' in entry.body
    assert connection.execute("SELECT hash FROM leaves").fetchone()[0] == tree.leaf_hash(entry.data)
    again = ledger_table.enter(connection, Leaf.ACT, 5, {"verb": "export"}, committed={"who": "王小明"})
    other = ledger_table.leaf(connection, again)
    assert other is not None
    assert ledger_table.commitment(salt, value) not in other.body, "that it is the same person, nobody can tell"
    connection.execute("DELETE FROM openings")
    assert ledger_table.leaf(connection, number) == entry
