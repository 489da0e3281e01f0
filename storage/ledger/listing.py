"""The ledger as a list for people: which leaves, in pages, each with how far somebody else can vouch for it.

Blocking; each page is a read of its own of some milliseconds, and only numbers of blocks lie in memory.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from storage.database.writer import Database
from storage.ledger import generations, leaf_search
from storage.ledger import table as ledger
from storage.ledger.generations import Generation
from storage.ledger.leaf_search import FoundLeaf, LeafFilter


@dataclass(frozen=True, slots=True)
class Covered:
    """A generation, and how many of its leaves are under a head that is signed, and under one that others have seen.

    What the first leaf of the next generation names is under the heads of that one.
    """

    generation: Generation
    signed: int
    seen: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A leaf, and what vouches for it."""

    told: FoundLeaf
    covered: Covered | None
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

    leaves: list[Listed] = field(default_factory=list)
    end: int = 0
    """The number behind the last leaf that was looked at for it; 0 where none was."""


class Listing:
    """Of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pages(self, wanted: LeafFilter, last: int | None, after: int = 0) -> Iterator[LeafPage]:
        """What is wanted, the newest last; `last`: only so many, the last ones. `after`: only of higher numbers."""
        blocks = self._database.read(partial(leaf_search.candidates, wanted=wanted))
        begin = after + 1
        blocks = [block for block in blocks if block >= begin >> leaf_search.BITS]
        if last is not None:
            count = last
            for place in reversed(range(len(blocks))):
                tail = partial(leaf_search.last_of, wanted=wanted, block=blocks[place], count=count)
                found, first = self._database.read(tail)
                begin, count = max(first, after + 1) if found else begin, count - found
                yield LeafPage()
                if count <= 0:
                    blocks = blocks[place:]
                    break
        for block in blocks:
            yield self._database.read(partial(_page, wanted=wanted, block=block, begin=begin))

    def covered(self) -> list[Covered]:
        """All generations, from the first."""
        return self._database.read(covered)


def covered(connection: sqlite3.Connection) -> list[Covered]:
    """From the last generation back: one vouches for as much of the one before as its first leaf names."""
    found: list[Covered] = []
    signed = seen = 0
    for one in reversed(generations.every(connection)):
        found.append(Covered(one, max(one.size, signed), max(one.seen, seen)))
        named = _named(connection, one)
        signed, seen = (named if of else 0 for of in (found[-1].signed, found[-1].seen))
    return found[::-1]


def _named(connection: sqlite3.Connection, generation: Generation) -> int:
    """How many leaves of the one before the first leaf names."""
    entry = ledger.leaf(connection, generation.first)
    previous = None if entry is None else json.loads(entry.body).get("previous")
    size = previous.get("size") if isinstance(previous, dict) and previous.get("root") else 0
    return size if isinstance(size, int) else 0


def _page(connection: sqlite3.Connection, wanted: LeafFilter, block: int, begin: int) -> LeafPage:
    known = covered(connection)
    firsts = [one.generation.first for one in known]
    found = []
    for told in leaf_search.matches(connection, wanted, block):
        number = told.entry.number
        if number >= begin:
            place = bisect_right(firsts, number) - 1
            found.append(Listed(told, known[place], number - firsts[place]) if place >= 0 else Listed(told, None))
    return LeafPage(found, (block + 1) << leaf_search.BITS)
