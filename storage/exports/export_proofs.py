"""Leaves with what proves them: the way from each to the head of its generation, and the heads. Blocking; reads only.

A generation before the present one is vouched for as far as the first leaf of the following one names it
(`storage.exports.table.vouched`); its own signed head is added where it is that very one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

from storage.ledger import generations_table, nodes_table, tree
from storage.ledger import table as ledger
from storage.ledger.generations_table import Generation
from storage.ledger.table import LeafEntry
from storage.ledger.tree import Hash
from storage.segments.coverage_queries import ReadQuery

PAGE: Final = 16
"""Proofs in one read of the database: each some milliseconds at the most."""
KNOWN_MAX: Final = 1 << 16
"""Nodes of the trees that are remembered: neighbours share most of theirs."""


@dataclass(frozen=True, slots=True)
class ProofHead:
    """Of a generation, as far as it vouches for its leaves."""

    generation: Generation
    size: int
    root: Hash
    note: str | None
    """Signed; None of an earlier one whose signed head is another."""

    @property
    def leaves(self) -> range:
        return range(self.generation.first, self.generation.first + self.size)


@dataclass(frozen=True, slots=True)
class Cited:
    """A leaf, and the way from it to its head."""

    entry: LeafEntry
    origin: str
    path: Sequence[Hash]


class Uncitable(LookupError):
    """No head vouches for a leaf, in words."""


def heads(connection: sqlite3.Connection, least: int) -> list[ProofHead]:
    """From the generation that leaf `least` is in up to the present one. Uncitable."""
    found: list[ProofHead] = []
    named: Any = None
    for one in reversed(generations_table.every(connection)):
        if not found:
            if one.root is None or one.note is None:
                raise Uncitable(f"generation {one.origin} of the ledger has no signed head")
            found.append(ProofHead(one, one.size, one.root, one.note))
        else:
            if not isinstance(named, dict) or named.get("origin") != one.origin or not named.get("root"):
                raise Uncitable(f"nothing vouches for generation {one.origin} of the ledger")
            root = bytes.fromhex(named["root"])
            same = (one.size, one.root) == (named["size"], root)
            found.append(ProofHead(one, named["size"], root, one.note if same else None))
        if one.first <= least:
            return found[::-1]
        first = ledger.leaf(connection, one.first)
        named = None if first is None else json.loads(first.body).get("previous")
    raise Uncitable(f"leaf {least} was entered before the ledger was a tree")


def cite(read: ReadQuery, known: Sequence[ProofHead], numbers: Iterable[int]) -> Iterator[Cited]:
    """These leaves, under these heads. Uncitable."""
    remembered: dict[tuple[int, int, int], Hash] = {}
    waiting = iter(numbers)
    while page := list(islice(waiting, PAGE)):
        yield from read(partial(_page, known=known, numbers=page, remembered=remembered))


def _page(
    connection: sqlite3.Connection,
    known: Sequence[ProofHead],
    numbers: Sequence[int],
    remembered: dict[tuple[int, int, int], Hash],
) -> list[Cited]:
    found = []
    for number in numbers:
        head = next((one for one in known if number in one.leaves), None)
        entry = ledger.leaf(connection, number)
        if head is None or entry is None:
            raise Uncitable(f"no head of the ledger covers leaf {number}")
        generation = head.generation
        below = nodes_table.read(connection, generation)

        def node(level: int, at: int, first: int = generation.first, below: tree.Nodes = below) -> Hash:
            key = first, level, at
            if key not in remembered:
                if len(remembered) >= KNOWN_MAX:
                    remembered.clear()
                remembered[key] = below(level, at)
            return remembered[key]

        path = tree.inclusion(node, number - generation.first, head.size)
        found.append(Cited(entry, generation.origin, path))
    return found
