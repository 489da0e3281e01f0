"""Nodes of the ledger's trees. Every eighth level is kept, so that a root or a proof among twenty million leaves reads
some hundred hashes; what is not kept yet is made from what is below it. Here too: that a later tree begins with an
earlier one, for whoever kept the heads of both.

Functions over a connection. What is kept here is never a source: the check of the ledger makes it anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from storage.ledger import generations_table, tree
from storage.ledger.generations_table import Generation
from storage.ledger.tree import Hash
from storage.words.errors import OrderRefused, OrderWrong, UnknownId

STRIDE: Final = 8
LEVELS: Final = (8, 16, 24, 32)
"""That are kept: the root of 256 nodes of the kept level below, or of 256 leaves."""
WIDTH: Final = 1 << STRIDE
Node: TypeAlias = tuple[int, int, Hash]
"""Level, number, hash."""


class LeafMissing(LookupError):
    """The tree cannot be told: a leaf in it is not in the database, or was entered without its hash."""


def read(connection: sqlite3.Connection, generation: Generation) -> tree.Nodes:
    """For `storage.ledger.tree`, while the connection sees one moment. Raises LeafMissing when it is asked."""
    return partial(_node, connection, generation.first)


def missing(connection: sqlite3.Connection, generation: Generation, limit: int) -> list[Node]:
    """The next nodes of one level that are not kept and whose leaves are all there, at most `limit`."""
    below = generations_table.end(connection, generation)
    for level in LEVELS:
        have = _kept(connection, generation.first, level)
        found: list[Node] = []
        with suppress(LeafMissing):
            for number in range(have, min(below >> STRIDE, have + limit)):
                hashes = _hashes(connection, generation.first, level - STRIDE, number << STRIDE, WIDTH)
                found.append((level, number, tree.root_of(hashes)))
        if found:
            return found
        below = have
    return []


def keep(connection: sqlite3.Connection, generation: Generation, found: Iterable[Node]) -> None:
    """What `missing` told of; leaves never change, so it is still true."""
    connection.executemany(
        "INSERT OR IGNORE INTO nodes (generation, level, number, hash) VALUES (?, ?, ?, ?)",
        [(generation.first, *node) for node in found],
    )


def _kept(connection: sqlite3.Connection, first: int, level: int) -> int:
    row = connection.execute(
        "SELECT coalesce(max(number) + 1, 0) FROM nodes WHERE generation = ? AND level = ?", (first, level)
    ).fetchone()
    return int(row[0])


def _node(connection: sqlite3.Connection, first: int, level: int, number: int) -> Hash:
    kept = level - level % STRIDE
    if kept == level:
        return _hashes(connection, first, level, number, 1)[0]
    width = level - kept
    return tree.root_of(_hashes(connection, first, kept, number << width, 1 << width))


def _hashes(connection: sqlite3.Connection, first: int, level: int, number: int, count: int) -> list[Hash]:
    """Neighbours on a level that is kept, or leaves."""
    if level == 0:
        return list(_leaves(connection, first + number, count))
    rows = connection.execute(
        "SELECT hash FROM nodes WHERE generation = ? AND level = ? AND number >= ? AND number < ? ORDER BY number",
        (first, level, number, number + count),
    )
    found = [row[0] for row in rows]
    lacking = range(number + len(found), number + count)
    below = level - STRIDE
    return found + [tree.root_of(_hashes(connection, first, below, at << STRIDE, WIDTH)) for at in lacking]


def _leaves(connection: sqlite3.Connection, number: int, count: int) -> Iterator[Hash]:
    rows = connection.execute(
        "SELECT number, hash FROM leaves WHERE number >= ? AND number < ? ORDER BY number", (number, number + count)
    ).fetchall()
    for wanted, row in zip(range(number, number + count), rows, strict=False):
        if row != (wanted, row[1]) or row[1] is None:
            raise LeafMissing(f"leaf {wanted} of the ledger is missing")
        yield row[1]
    if len(rows) < count:
        raise LeafMissing(f"leaf {number + len(rows)} of the ledger is missing")


@dataclass(frozen=True, slots=True)
class Consistency:
    """RFC 6962, section 2.1.2."""

    origin: str
    first_size: int
    first_root: Hash
    second_size: int
    second_root: Hash
    path: Sequence[Hash]


def consistency(connection: sqlite3.Connection, origin: str | None, first: int, second: int) -> Consistency:
    """Between trees of `first` and `second` leaves of one generation; None: of the present one.

    No larger than its last signed head. OrderWrong, UnknownId, OrderRefused.
    """
    known = generations_table.every(connection)
    found = next((one for one in reversed(known) if origin in (None, one.origin)), None)
    if found is None:
        raise UnknownId(f"this box has no ledger {origin}", "up/ledger/checkpoint names the present one")
    if not 0 < first <= second <= found.size:
        what = f"{first} and {second} are no sizes of {found.origin}: its last signed head covers {found.size} leaves"
        raise OrderWrong(what, "give two sizes, the smaller one first")
    below = read(connection, found)
    try:
        path = tree.consistency(below, first, second)
        return Consistency(found.origin, first, tree.root(below, first), second, tree.root(below, second), path)
    except LeafMissing as missing:
        raise OrderRefused(f"{found.origin} cannot be proven: {missing}", "see edgectl ledger verify") from None
