"""What a file consists of: its parts, whatever the blocks they come in, and their root."""

from __future__ import annotations

import hashlib
import struct
from itertools import accumulate, pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ledger.tree import EMPTY, leaf_hash, root_of
from storage.segments.segment_file import Digest, Part, parts_of
from storage.words.model import Parts

KINDS: Final = [b"ftyp", b"moov", b"prft", b"moof", b"mdat", b"mfra", b"free"]


def box(kind: bytes, body: bytes = b"", *, wide: bool = False) -> bytes:
    if wide:
        return struct.pack(">I4sQ", 1, kind, 16 + len(body)) + body
    return struct.pack(">I4s", 8 + len(body), kind) + body


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """A file of boxes with something torn behind them, and where its parts end."""
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=12))
    data, ends = b"", []
    for kind in kinds:
        data += box(kind, draw(st.binary(max_size=40)), wide=draw(st.booleans()))
        if kind in {b"moov", b"mdat"}:
            ends.append(len(data))
    torn = draw(
        st.sampled_from(
            [
                b"",
                b"\0\0",
                struct.pack(">I4s", 0, b"mdat") + b"up to the end",
                struct.pack(">I4s", 7, b"mdat") + box(b"mdat"),
                struct.pack(">I4sQ", 1, b"mdat", 15) + box(b"mdat"),
                struct.pack(">I4s", 1, b"mdat") + b"\0\0\0",
                struct.pack(">I4s", 100, b"mdat") + box(b"mdat"),
            ]
        )
    )
    data += torn
    return data, ends if not ends or ends[-1] == len(data) else [*ends, len(data)]


def whole(data: bytes, ends: list[int]) -> list[Part]:
    ends = ends if ends or not data else [len(data)]
    return [Part(end - begin, leaf_hash(data[begin:end])) for begin, end in pairwise([0, *ends])]


@given(files(), st.lists(st.integers(1, 50), min_size=1))
def test_a_part_ends_behind_each_moov_and_mdat(made: tuple[bytes, list[int]], lengths: list[int]) -> None:
    """However it is handed in; and what a file is known by is that of all its bytes."""
    data, ends = made
    steps = [0, *(at for at in accumulate(lengths) if at < len(data)), len(data)]
    given_blocks = [data[begin:end] for begin, end in pairwise(steps)]
    expected = whole(data, ends)
    assert list(parts_of(given_blocks)) == expected
    digest = Digest()
    for block in given_blocks:
        digest.update(memoryview(block))
    known = hashlib.sha256(data).digest(), Parts(len(expected), root_of([part.hash for part in expected]))
    assert digest.finish() == known
    assert digest.finish() == known


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33])
def test_the_root_is_that_of_the_tree(count: int) -> None:
    digest = Digest()
    for number in range(count):
        digest.update(box(b"mdat", bytes([number])))
    root = root_of([leaf_hash(box(b"mdat", bytes([number]))) for number in range(count)])
    assert digest.finish()[1] == Parts(count, root)
    assert (root == EMPTY) == (count == 0)


def test_a_box_without_end_is_the_last_part() -> None:
    """What is said to be longer than any file neither ends nor is waited for."""
    data = box(b"moov") + struct.pack(">I4sQ", 1, b"mdat", (1 << 64) - 1) + bytes(100)
    assert [part.bytes for part in parts_of([data])] == [8, 116]
