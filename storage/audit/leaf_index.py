"""What lists of leaves go by (`storage.ledger.queries`), held against the leaves themselves.

Bounded: some hundred bytes for 1024 leaves. What seems wrong is asked again in one moment of the database, in which
leaves are judged as they were when their row was made.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from storage.audit.findings import Code, LedgerFinding
from storage.audit.queries import Stored
from storage.integrity.inspect_file import Pace, unpaced
from storage.ledger import queries as ledger_queries
from storage.ledger.queries import BITS, BLOCK
from storage.segments.coverage_queries import ReadQuery

PAGE: Final = 1024
"""Rows in one read: a million leaves, some milliseconds."""
MORE: Final = "`edgectl destroyed` and `edgectl ledger` may leave something out"
_NONE: Final = (1 << 62, -(1 << 62))


@dataclass(frozen=True, slots=True)
class Block:
    """Of some leaves of a block, or all."""

    entered: tuple[int, int]
    """The least and the greatest wall clock at which one was entered."""
    kinds: frozenset[bytes]
    recorded: tuple[int, int] = _NONE
    """The same of beginning and end of what they tell to be destroyed."""

    def __or__(self, other: Self) -> Block:
        return Block(
            _around(self.entered, other.entered), self.kinds | other.kinds, _around(self.recorded, other.recorded)
        )

    @property
    def row(self) -> tuple[object, ...]:
        """As it is stored."""
        recorded = (None, None) if self.recorded == _NONE else self.recorded
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
                    yield _wrong(number)
            after = page[-1][0]
            pace(time.monotonic() - began)


def _wrong(block: int) -> LedgerFinding:
    first = block << BITS
    where = f"leaves {first} to {first + BLOCK - 1}"
    return LedgerFinding(Code.BLOCK, where, f"what lists pass over is not what these leaves are: {MORE}")


def _around(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return min(one[0], other[0]), max(one[1], other[1])
