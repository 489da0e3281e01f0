"""The verifier's readers, alone: what can be read in two ways is not read; what it computes is what the house does."""

from __future__ import annotations

import ast
import struct
import sys
from contextlib import suppress
from pathlib import Path
from string import Formatter
from typing import Any, Final

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from edged.evidence import verify
from recorder.remux import segment
from storage.ledger import tree
from storage.words.model import GapCause
from tests.integration.edged.evidence import exports, tampering

SOURCE: Final = Path(verify.__file__)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}', '{"a": 1}', '{"b":1,"a":1}', '"\\u0041"', '"\\ud800"', "1.0", "1e3", "-0", "01", "NaN",
        "9007199254740992", "9" * 5000, "[" * 100_000, "[" * 5000 + "]" * 5000, "\ufeff1", "1\n", "", "{", '"\x00"',
        '{"\u00e9":1}',
    ],
)  # fmt: skip
def test_json_that_can_be_read_in_two_ways_is_not_read(text: str) -> None:
    with pytest.raises(verify.NotVerified) as fault:
        verify.strict(f'{{"":{text}}}'.encode("utf-8", "surrogatepass"), "object", "x")
    assert fault.value.code == "damaged"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-verify.SAFE, verify.SAFE)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=4), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abc", max_size=3), json_values, max_size=4))
def test_what_rfc8785_writes_is_read(value: dict[str, Any]) -> None:
    assert verify.strict(rfc8785.dumps(value), "object", "x") == value


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader_of_films(data: bytes) -> None:
    for read in (lambda: verify.rates(data), lambda: verify.restore(bytearray(data), 1, {"1": 5})):
        with suppress(verify.Broken):
            read()


@given(st.integers(1, 70), st.data())
def test_its_tree_is_that_of_the_ledger(size: int, data: st.DataObject) -> None:
    leaves = [number.to_bytes(2, "big") for number in range(size)]
    hashes = [verify.leaf_hash(leaf) for leaf in leaves]
    assert hashes == [tree.leaf_hash(leaf) for leaf in leaves]
    head = tree.root_of(hashes)
    assert verify.root_of(list(hashes)) == head
    index = data.draw(st.integers(0, size - 1))
    levels = [hashes]
    while len(levels[-1]) > 1:
        levels.append([tree.node_hash(a, b) for a, b in zip(levels[-1][::2], levels[-1][1::2], strict=False)])
    path = tree.inclusion(lambda level, at: levels[level][at], index, size)
    assert verify.included(hashes[index], index, size, path, head)
    other = data.draw(st.integers(-1, size + 3).filter(lambda number: number != index))
    assert not verify.included(hashes[index], other, size, path, head)
    if path:
        assert not verify.included(hashes[index], index, size, path[:-1], head)
        assert not verify.included(hashes[index], index, size, [*path, path[0]], head)


def test_it_restores_what_the_film_moved() -> None:
    _, *parts, _ = tampering.pieces(exports.shot("lobby", 42, 4, 6, heard=True).data)
    for original in parts:
        moved = bytearray(segment.moved(original, 7, {1: 90_000, 2: 3}))
        said_number = struct.unpack_from(">I", moved, moved.index(b"mfhd") + 8)[0]
        piece = verify.restore(moved, 7, {"1": 90_000, "2": 3})
        assert bytes(moved) == original
        pictures = segment.read_part(original).pictures
        assert pictures is not None
        assert (piece.number, piece.begin, piece.end) == (said_number, pictures.start, pictures.end)


def test_every_cause_of_a_gap_has_words() -> None:
    assert set(verify.CAUSES) == set(GapCause)


def test_every_sentence_is_whole_in_both_languages() -> None:
    for code, (sign, zh, en) in verify.SENTENCES.items():
        assert sign in "+!x"
        told = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (zh, en)]
        assert {name.rpartition("_")[0] or name for name in told[0]} == {
            name.rpartition("_")[0] or name for name in told[1]
        }, code


def test_every_sentence_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[4] / "docs" / "evidence.md").read_text("utf-8")
    assert [code for code in verify.SENTENCES if f"`{code}`" not in page] == []


def test_it_needs_no_more_than_it_says() -> None:
    """Python 3.9, the standard library, cryptography. What came later is not used."""
    source = SOURCE.read_text("utf-8")
    module = ast.parse(source, feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(module) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(module) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} - sys.stdlib_module_names == {"cryptography"}
    used = {node.attr for node in ast.walk(module) if isinstance(node, ast.Attribute)}
    used |= {alias.name for node in ast.walk(module) if isinstance(node, ast.ImportFrom) for alias in node.names}
    used |= {str(node.arg) for node in ast.walk(module) if isinstance(node, ast.keyword)}
    later = {"UTC", "strict", "slots", "pairwise", "bit_count", "file_digest", "kw_only", "public_bytes_raw"}
    assert used & later == set()
