"""The Merkle tree over leaves: root, inclusion, consistency, as RFC 6962 section 2.1 has them.

Pure. A tree asks for nodes as it needs them (`Nodes`), so that a proof among twenty million leaves reads a few hundred
hashes and no tree lies in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

Hash: TypeAlias = bytes
"""SHA-256, 32 bytes."""
Nodes: TypeAlias = Callable[[int, int], Hash]
"""From a level and a number to that node: the root of the leaves `number << level` up to `(number + 1) << level`.

Level 0 are hashes of leaves. Only nodes whose leaves are all there are asked for.
"""

EMPTY: Final = sha256().digest()
"""The root of no leaves."""
LEAF: Final = b"\0"
"""What is hashed before a leaf."""
_NODE: Final = b"\1"


def leaf_hash(data: bytes) -> Hash:
    """Of one leaf."""
    return sha256(LEAF + data).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """Of two nodes."""
    return sha256(_NODE + left + right).digest()


def root_of(hashes: Sequence[Hash]) -> Hash:
    """Of leaves given by their hashes."""
    level = list(hashes)
    if not level:
        return EMPTY
    while len(level) > 1:
        last = [level[-1]] if len(level) % 2 else []
        level = [sha256(_NODE + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level += last
    return level[0]


def peaks(size: int) -> list[tuple[int, int]]:
    """Level and number of the largest whole subtrees that a tree of `size` leaves consists of, from left to right."""
    found = []
    at = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            found.append((level, at >> level))
            at += 1 << level
    return found


def root(nodes: Nodes, size: int) -> Hash:
    """Of the first `size` leaves."""
    return _range(nodes, 0, size) if size else EMPTY


def inclusion(nodes: Nodes, index: int, size: int) -> list[Hash]:
    """The audit path of a leaf in the tree of `size` leaves, from the leaf upwards. ValueError: it is not in it."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path: list[Hash] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range(nodes, middle, high))
            high = middle
        else:
            path.append(_range(nodes, low, middle))
            low = middle
    return path[::-1]


def consistency(nodes: Nodes, before: int, size: int) -> list[Hash]:
    """That the tree of `size` leaves begins with that of `before`. ValueError unless 0 < before <= size."""
    if not 0 < before <= size:
        raise ValueError(f"a tree of {before} does not begin one of {size}")
    path: list[Hash] = []
    low, high = 0, size
    while before != high:
        middle = low + _split(high - low)
        if before <= middle:
            path.append(_range(nodes, middle, high))
            high = middle
        else:
            path.append(_range(nodes, low, middle))
            low = middle
    if low:
        path.append(_range(nodes, low, high))
    return path[::-1]


def included(leaf: Hash, index: int, size: int, path: Iterable[Hash], head: Hash) -> bool:
    """The path leads from the leaf at `index` to the root `head` of a tree of `size` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    number, last, at = index, size - 1, leaf
    for other in path:
        if not last:
            return False
        if number & 1 or number == last:
            at = node_hash(other, at)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            at = node_hash(at, other)
        number, last = number >> 1, last >> 1
    return not last and at == head


def consistent(before: int, first: Hash, size: int, second: Hash, path: Sequence[Hash]) -> bool:
    """The tree of `size` with root `second` begins with the tree of `before` with root `first` (RFC 9162, 2.1.4.2)."""
    if not 0 < before <= size:
        return False
    if before == size:
        return not path and first == second
    whole = [first, *path] if before & (before - 1) == 0 else list(path)
    if not whole:
        return False
    number, last = before - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = whole[0]
    for other in whole[1:]:
        if not last:
            return False
        if number & 1 or number == last:
            old, new = node_hash(other, old), node_hash(other, new)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            new = node_hash(new, other)
        number, last = number >> 1, last >> 1
    return not last and old == first and new == second


def _split(count: int) -> int:
    """The largest power of two below `count`, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


def _range(nodes: Nodes, low: int, high: int) -> Hash:
    """The root of leaves `low` up to `high`; `low` is a multiple of the power of two that is not below their count."""
    parts = [nodes(level, (low >> level) + number) for level, number in peaks(high - low)]
    at = parts.pop()
    while parts:
        at = node_hash(parts.pop(), at)
    return at
