"""What is hashed of a leaf, as it is made of columns; leaves read strictly, and rows held against them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ages.leaves import LeafPlace
from storage.audit import leaf_bodies
from storage.audit import queries as audit_queries
from storage.audit.ranges import ToldLeaves, spans
from storage.ledger.table import HASHED_SQL, LeafEntry, canonical
from storage.ledger.tree import LEAF
from storage.retention.destruction import DestroyedLeaf
from storage.segments import gap_leaf, segment_leaf
from storage.segments.gap_leaf import GapLeaf
from storage.segments.segment_leaf import SegmentLeaf

NOW = 1_772_000_000_000
START = {"boot": 2, "id": "b", "boottime_ms": 5, "wall_ms": NOW}
SEGMENT = {
    "camera": "door", "seq": 7, "volume": "v", "start": START, "duration_ms": 9, "bytes": 10, "sha256": "ab" * 32,
    "floor_s": 1, "ceiling_s": 2, "parts": 3, "epoch": 3, "synced": True, "unproven": False,
    "frames": 6, "offset_ms": -8,
}  # fmt: skip
VALUES = [int(told) if isinstance(told := SEGMENT.get(field), bool) else told for field in segment_leaf.COLUMNS]
ROW = segment_leaf.of_row(("door", "v", "ab" * 32, None, 2, "b", 5, NOW, *VALUES))
GAP = {"camera": "door", "start": START, "end": {**START, "boottime_ms": 8}, "cause": "stalled", "inside": False}


def leaf(body: object) -> bytes:
    return json.dumps(body).encode()


@given(
    st.integers(1, 1 << 52),
    st.integers(-(1 << 52), 1 << 52),
    st.sampled_from(["segment", "later-kind"]),
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.integers(0, 9)),
)
def test_what_is_hashed_of_columns_is_what_is_hashed_of_a_leaf(
    number: int, wall_ms: int, kind: str, body: dict[str, int]
) -> None:
    entry = LeafEntry(number, wall_ms, kind, canonical(body))
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE leaves (number INTEGER PRIMARY KEY, wall_ms INTEGER, kind TEXT, body TEXT, hash BLOB)")
        db.execute("INSERT INTO leaves VALUES (?, ?, ?, ?, ?)", (number, wall_ms, kind, entry.body, entry.hash))
        assert audit_queries.hashed(db, number - 1, number) == [(number, LEAF + entry.data)]
        assert db.execute(f"SELECT {HASHED_SQL} FROM leaves").fetchone() == (LEAF + entry.data,)  # noqa: S608
        assert audit_queries.leaf(db, number) == (entry.body.encode(), kind.encode(), number, wall_ms, entry.hash)


def test_a_segment_says_what_its_row_says() -> None:
    told = leaf_bodies.read(SegmentLeaf, leaf(SEGMENT))
    assert told is not None
    assert segment_leaf.agrees(told, ROW, {2: "b"})
    assert segment_leaf.to_enter(ROW, None) == msgspec.structs.replace(told, parts=None)


@pytest.mark.parametrize("name", ["camera", "volume", "sha256", "name", *segment_leaf.COLUMNS])
def test_each_difference_counts(name: str) -> None:
    told = leaf_bodies.read(SegmentLeaf, leaf(SEGMENT))
    assert told is not None
    other = "other" if isinstance(getattr(ROW, name), str | None) else 77
    assert not segment_leaf.agrees(told, msgspec.structs.replace(ROW, **{name: other}), {2: "b"})


@pytest.mark.parametrize("name", ["boottime_ms", "wall_ms"])
def test_each_difference_of_its_start_counts(name: str) -> None:
    told = leaf_bodies.read(SegmentLeaf, leaf(SEGMENT))
    assert told is not None
    start = msgspec.structs.replace(ROW.start, **{name: 77})
    assert not segment_leaf.agrees(told, msgspec.structs.replace(ROW, start=start), {2: "b"})


def test_a_boot_that_is_counted_otherwise_since_a_loss_leaves_the_wall_clock() -> None:
    told = leaf_bodies.read(SegmentLeaf, leaf(SEGMENT))
    assert told is not None
    counted = LeafPlace(9, "b", 0, NOW)
    assert segment_leaf.agrees(told, msgspec.structs.replace(ROW, start=counted), {2: "another"})
    counted = LeafPlace(9, "b", 0, 0)
    assert not segment_leaf.agrees(told, msgspec.structs.replace(ROW, start=counted), {2: "another"})


@pytest.mark.parametrize("change", [{"seq": "7"}, {"seq": 1 << 60}, {"seq": 7.5}, {"seq": True}, {"start": {}},
                                    {"camera": None}, {"sha256": 5}])  # fmt: skip
def test_what_is_not_of_its_kind_says_nothing(change: dict[str, object]) -> None:
    assert leaf_bodies.read(SegmentLeaf, leaf(SEGMENT | change)) is None
    assert leaf_bodies.read(SegmentLeaf, b'{"camera":') is None
    assert leaf_bodies.read(SegmentLeaf, leaf(SEGMENT) + b',"k":1') is None, "what is behind the body is of the line"
    assert leaf_bodies.read(GapLeaf, leaf(GAP | {"end": 5})) is None
    assert leaf_bodies.read(GapLeaf, leaf({**GAP, "pauses": [[1]]})) is None


def test_gaps_are_told_apart_as_a_rebuild_does() -> None:
    gap, step = leaf_bodies.read(GapLeaf, leaf(GAP)), leaf_bodies.read(GapLeaf, leaf(GAP | {"end": START}))
    assert gap is not None
    assert step is not None
    assert gap.key(gap.start) != step.key(step.start), "a clock set forward takes no time"
    open_gap, gone = (
        leaf_bodies.read(GapLeaf, leaf(GAP | {"end": None})),
        leaf_bodies.read(GapLeaf, leaf(GAP | {"gone": True})),
    )
    assert gap.stands
    assert open_gap is not None
    assert gone is not None
    assert not open_gap.stands
    assert not gone.stands


def test_what_a_leaf_says_of_a_gap_must_be_what_the_row_says() -> None:
    row = GapLeaf("door", LeafPlace(2, "", 5, NOW), LeafPlace(2, "", 8, NOW), "stalled", inside=False)
    for told, same in (({}, True), ({"cause": "dropped"}, False), ({"beneath": "stalled"}, False)):
        gap = leaf_bodies.read(GapLeaf, leaf(GAP | told))
        assert gap is not None
        assert gap_leaf.agrees(gap, row) is same


RAW: tuple[Any, ...] = (1, 4, 1, 2, bytes.fromhex("ab" * 32), leaf(SEGMENT), 2, 5, NOW, *VALUES)


def test_a_row_that_says_the_same_word_for_word_needs_no_second_look() -> None:
    told = leaf_bodies.read(SegmentLeaf, RAW[5])
    assert told is not None
    assert segment_leaf.agrees_word_for_word(told, RAW, {1: "door"}, {2: "v"})
    for at in (2, 3, *range(6, len(RAW))):
        assert not segment_leaf.agrees_word_for_word(told, (*RAW[:at], 77, *RAW[at + 1 :]), {1: "door"}, {2: "v"}), at
    assert not segment_leaf.agrees_word_for_word(told, (*RAW[:4], bytes(32), *RAW[5:]), {1: "door"}, {2: "v"})
    aside = leaf_bodies.read(SegmentLeaf, leaf(SEGMENT | {"name": "x"}))
    assert aside is not None
    assert not segment_leaf.agrees_word_for_word(aside, RAW, {1: "door"}, {2: "v"})


@pytest.mark.parametrize(
    ("row", "tombstone", "wrong"),
    [(None, None, "neither"), (None, 3, "neither"), (None, 5, ""), (3, None, "earlier"), (4, None, ""), (9, None, ""),
     (0, None, ""), (9, 5, "")],
)  # fmt: skip
def test_a_leaf_of_a_segment_has_its_row_or_a_later_leaf(row: int | None, tombstone: int | None, wrong: str) -> None:
    told = leaf_bodies.read(SegmentLeaf, leaf(SEGMENT))
    assert told is not None
    found = leaf_bodies.of_segment(4, told, row, tombstone)
    assert (found.what if found else "").count(wrong)
    assert (found is None) == (not wrong)
    tomb = leaf_bodies.read(DestroyedLeaf, leaf(SEGMENT))
    assert tomb is not None
    assert (leaf_bodies.returned(4, tomb, row) is None) == (row in (None, 0, 9))


@given(
    st.sets(st.integers(0, 1 << 60) | st.integers(65_500, 65_600), max_size=50),
    st.integers(65_400, 65_600),
    st.integers(0, 999),
)
def test_a_bit_for_each_leaf(numbers: set[int], first: int, count: int) -> None:
    told, last = ToldLeaves(), first + count
    assert list(told.add(numbers)) == []
    bits = told.among(first, last)
    found = {n for n in range(first, last + 1) if bits.bits[n - bits.first >> 3] >> (n & 7) & 1}
    assert found == {n for n in numbers if first <= n <= last}


def test_two_rows_of_one_leaf() -> None:
    told = ToldLeaves()
    assert [found.where for found in told.add([3, 5, 3])] == ["leaf 3"]
    assert [found.where for found in told.add([5])] == ["leaf 5"]


@given(st.integers(1, 10**6), st.integers(0, 10**5))
def test_spans_cover_each_leaf_once(first: int, count: int) -> None:
    found = list(spans(first, first + count - 1, in_tree=True))
    assert sum(one.last - one.first + 1 for one in found) == count
    assert [one.first for one in found[1:]] == [one.last + 1 for one in found[:-1]]


def test_whatever_somebody_wrote_as_a_time_can_be_shown() -> None:
    assert leaf_bodies.moment(NOW) == "2026-02-25 06:13:20 UTC"
    assert leaf_bodies.moment(10**18) == "1000000000000000000 ms"
