"""Lines of the mirror, their order and their merging; when a database counts as lost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from storage.ledger.table import Leaf, LeafEntry, Value, canonical
from storage.mirror.files import (
    BELIEVED_MAX,
    NUMBER_MAX,
    DayFile,
    MirrorLine,
    chapters,
    file_name,
    merged,
    parse_line,
    render,
    rising,
)
from storage.recovery.detect import FoundDatabase, VolumeLedger, merged_names, verdict
from storage.recovery.snapshot_table import CameraFiles
from storage.recovery.walk import differences
from storage.segments.findings_table import FaultKind
from storage.words.message import Message


def line(number: int, what: str = "") -> MirrorLine:
    return MirrorLine(number, 0, "segment", {"what": what})


def test_a_leaf_as_its_line() -> None:
    entry = LeafEntry(7, 1_772_000_000_000, Leaf.GAP, '{"camera":"大廳"}')
    assert render(entry) == '{"b":{"camera":"大廳"},"k":"gap","n":7,"t":1772000000000}\n'.encode()
    read = parse_line(render(entry))
    assert read == MirrorLine(7, 1_772_000_000_000, "gap", {"camera": "大廳"})
    assert read.text == entry.body


believed = st.integers(-BELIEVED_MAX, BELIEVED_MAX)
bodies = st.dictionaries(st.text(), st.one_of(st.text(), believed, st.booleans(), st.none()))


@given(st.integers(1, NUMBER_MAX), st.integers(-NUMBER_MAX, NUMBER_MAX), bodies, st.data())
def test_what_is_written_is_read_and_what_is_torn_is_no_line(
    number: int, wall_ms: int, body: dict[str, object], data: st.DataObject
) -> None:
    text = MirrorLine(number, wall_ms, "segment", dict(body)).text
    written = render(LeafEntry(number, wall_ms, Leaf.SEGMENT, text))
    assert b"\n" not in written[:-1]
    read = parse_line(written)
    assert read is not None
    assert (read.number, read.wall_ms, read.text) == (number, wall_ms, text)
    cut = data.draw(st.integers(0, len(written) - 2))
    assert parse_line(written[:cut]) is None


whole = st.integers(-NUMBER_MAX, NUMBER_MAX)
values = st.recursive(
    st.one_of(st.text(st.characters(max_codepoint=0x7F)), whole, st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(st.characters(max_codepoint=0x7F)), inner)),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(max_codepoint=0x7F)), values))
def test_what_is_read_back_is_canonical(body: dict[str, Any]) -> None:
    assert MirrorLine(1, 0, "segment", body).text == canonical(body)


def test_a_leaf_is_canonical_as_a_whole() -> None:
    body: dict[str, Value] = {"b": "二", "a": [1, True, None, {"z": '\u0001"\\'}]}
    entry = LeafEntry(7, -1, Leaf.GAP, canonical(body))
    assert entry.data == rfc8785.dumps({"n": 7, "t": -1, "k": "gap", "b": body})


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", '{"n":true,"t":1,"k":"gap","b":{}}', '{"n":0,"t":1,"k":"gap","b":{}}', '{"n":1,"t":1,"k":1,"b":{}}',
     '{"n":1,"t":1,"k":"gap","b":[]}', '{"n":99999999999999999999,"t":1,"k":"gap","b":{}}', "[" * 100_000],
)  # fmt: skip
def test_what_nobody_of_us_wrote_is_no_line(text: str) -> None:
    assert parse_line(text.encode()) is None


@pytest.mark.parametrize(
    ("wall_ms", "name"),
    [(0, "1970-01-01.jsonl"), (-5, "1970-01-01.jsonl"), (1_772_000_000_000, "2026-02-25.jsonl"),
     (1 << 60, "9999-12-31.jsonl")],
)  # fmt: skip
def test_no_clock_keeps_a_leaf_from_its_file(wall_ms: int, name: str) -> None:
    assert file_name(wall_ms) == name


def test_what_was_written_twice_is_read_once() -> None:
    assert [one.number for one in rising(map(line, [1, 2, 3, 2, 3, 4, 4, 5]))] == [1, 2, 3, 4, 5]


@given(st.lists(st.sets(st.integers(1, 60)), max_size=4))
def test_volumes_are_merged_by_number(volumes: list[set[int]]) -> None:
    found = [one.number for one in merged([map(line, sorted(numbers)) for numbers in volumes])]
    assert found == sorted(set().union(*volumes))


def test_two_leaves_of_one_number_are_both_told() -> None:
    found = list(merged([[line(1, "a"), line(2, "b")], [line(1, "c"), line(2, "b")]]))
    assert [(one.number, one.body["what"]) for one in found] == [(1, "a"), (1, "c"), (2, "b")]


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), max_size=8))
def test_files_come_in_the_order_of_their_numbers(given_spans: list[tuple[int, int]]) -> None:
    spans = [DayFile(f"{index}", first, first + more) for index, (first, more) in enumerate(given_spans)]
    found = list(chapters(spans))
    assert sorted(name for names in found for name in names) == sorted(span.name for span in spans)
    reach = 0
    for names in found:
        chapter = [spans[int(name)] for name in names]
        assert min(span.first for span in chapter) > reach
        reach = max(span.last for span in chapter)


def test_a_clock_set_back_makes_one_chapter_of_two_files() -> None:
    assert list(chapters([DayFile("2028", 100, 200), DayFile("2026", 1, 300), DayFile("2027", 301, 302)])) == [
        ["2026", "2028"],
        ["2027"],
    ]


def ledger(last: int, seen: Sequence[str] = ()) -> VolumeLedger:
    return VolumeLedger("v", {}, last, lambda _: (), {camera: CameraFiles(1, 0, 0) for camera in seen})


@pytest.mark.parametrize(
    ("state", "ledgers", "words"),
    [
        (FoundDatabase(blank=True, last=0), [], None),
        (FoundDatabase(blank=True, last=0), [ledger(0)], None),
        (FoundDatabase(blank=True, last=0), [ledger(0, ["door"])], "gone"),
        (FoundDatabase(blank=True, last=0), [ledger(5)], "gone"),
        (FoundDatabase(blank=False, last=9), [ledger(9), ledger(3)], None),
        (FoundDatabase(blank=False, last=9), [], None),
        (FoundDatabase(blank=False, last=9), [ledger(3), ledger(10)], "older"),
        (FoundDatabase(blank=False, last=0, broken=Message("it is cut off")), [], "cut off"),
    ],
)
def test_when_a_database_is_begun_anew(state: FoundDatabase, ledgers: list[VolumeLedger], words: str | None) -> None:
    reason = verdict(state, ledgers)
    assert (reason is None) == (words is None)
    assert words is None or words in str(reason)


def test_names_on_all_volumes_count() -> None:
    assert merged_names([{"a": CameraFiles(5, 10, 20)}, {"a": CameraFiles(9, 5, 15), "b": CameraFiles(1, 1, 1)}]) == {
        "a": CameraFiles(9, 5, 20),
        "b": CameraFiles(1, 1, 1),
    }


def test_what_differs_is_named() -> None:
    found = list(differences({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "d": 4}))
    assert [(name, kind) for name, kind, _ in found] == [("b", FaultKind.SIZE), ("c", FaultKind.MISSING)]
