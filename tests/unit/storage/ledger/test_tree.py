"""The Merkle tree against RFC 6962, its published vectors, and a tree built the slow way."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ledger import tree
from storage.ledger.tree import Hash

DATA = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
"""The leaves of the vectors in Certificate Transparency's reference implementation."""
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
LEAVES = [tree.leaf_hash(data) for data in DATA]


def nodes_of(leaves: list[Hash]) -> tree.Nodes:
    return lambda level, number: slow_root(leaves[number << level : (number + 1) << level])


def slow_root(leaves: list[Hash]) -> Hash:
    """As section 2.1 of the RFC defines it."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return sha256(b"\1" + slow_root(leaves[:split]) + slow_root(leaves[split:])).digest()


def some(count: int) -> list[Hash]:
    return [tree.leaf_hash(b"%d" % number) for number in range(count)]


def hexes(path: list[Hash]) -> list[str]:
    return [one.hex() for one in path]


def test_no_leaves_have_a_root() -> None:
    assert tree.root(nodes_of([]), 0) == tree.root_of([]) == sha256().digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    assert tree.root(nodes_of(LEAVES), size).hex() == ROOTS[size - 1]
    assert tree.root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_published_audit_paths(index: int, size: int) -> None:
    path = tree.inclusion(nodes_of(LEAVES), index, size)
    assert hexes(path) == INCLUSION[index, size]
    assert tree.included(LEAVES[index], index, size, path, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("before", "size"), CONSISTENCY)
def test_published_consistency_proofs(before: int, size: int) -> None:
    path = tree.consistency(nodes_of(LEAVES), before, size)
    assert hexes(path) == CONSISTENCY[before, size]
    roots = bytes.fromhex(ROOTS[before - 1]), bytes.fromhex(ROOTS[size - 1])
    assert tree.consistent(before, roots[0], size, roots[1], path)


@given(st.integers(1, 300), st.data())
def test_every_leaf_is_proven_and_no_other(size: int, data: st.DataObject) -> None:
    leaves = some(size)
    index = data.draw(st.integers(0, size - 1))
    head, path = slow_root(leaves), tree.inclusion(nodes_of(leaves), index, size)
    assert tree.root(nodes_of(leaves), size) == tree.root_of(leaves) == head
    assert tree.included(leaves[index], index, size, path, head)
    assert not tree.included(tree.leaf_hash(b"forged"), index, size, path, head)
    other = data.draw(st.integers(0, size + 3))
    assert tree.included(leaves[index], other, size, path, head) == (other == index)
    assert not tree.included(leaves[index], index, size, [*path, head], head)
    assert not path or not tree.included(leaves[index], index, size, path[:-1], head)


@given(st.integers(1, 300), st.data())
def test_a_tree_proves_how_it_began(size: int, data: st.DataObject) -> None:
    leaves = some(size)
    before = data.draw(st.integers(1, size))
    first, second = slow_root(leaves[:before]), slow_root(leaves)
    path = tree.consistency(nodes_of(leaves), before, size)
    assert tree.consistent(before, first, size, second, path)
    forged = [*leaves[: before - 1], tree.leaf_hash(b"forged")]
    assert not tree.consistent(before, slow_root(forged), size, second, path)
    assert not tree.consistent(before, first, size, tree.leaf_hash(b"forged"), path)
    if path:
        assert not tree.consistent(before, first, size, second, path[:-1])
    assert not tree.consistent(before, first, size, second, [*path, first])


@given(st.integers(1, 5000))
def test_only_whole_nodes_are_asked_for(size: int) -> None:
    asked = []

    def nodes(level: int, number: int) -> Hash:
        asked.append((level, number))
        return bytes(32)

    tree.root(nodes, size)
    tree.inclusion(nodes, size // 3, size)
    tree.consistency(nodes, (size + 1) // 2, size)
    assert all((number + 1) << level <= size for level, number in asked)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_that_is_not_there_has_no_path(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        tree.inclusion(nodes_of(LEAVES), index, size)
    assert not tree.included(LEAVES[0], index, size, [], LEAVES[0])


@pytest.mark.parametrize(("before", "size"), [(0, 3), (4, 3), (-1, 3)])
def test_a_longer_tree_begins_no_shorter_one(before: int, size: int) -> None:
    with pytest.raises(ValueError, match="does not begin"):
        tree.consistency(nodes_of(LEAVES), before, size)
    assert not tree.consistent(before, LEAVES[0], size, LEAVES[0], [])
