"""A camera that stutters: few rows, exact to the millisecond, which come back from their leaves (S9, S12, S13)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.cameras import WINDOW_MS, Interruptions, interruptions_of
from edged.site import documents as site_documents
from edged.words import units
from storage.ages.history import Point
from storage.database.migrations import migrate
from storage.ledger.table import Leaf, leaves
from storage.mirror.files import MirrorLine
from storage.recovery import replay_table
from storage.ring import table as ring_table
from storage.segments import coverage_queries, gaps_table, queries
from storage.segments import table as segments_table
from storage.segments.queries import camera_row, segment_by_seq
from storage.words.model import Gap, GapCause, Moment
from tests.unit.storage.segments.test_table import WALL, Book, at

SEGMENT_MS: Final = 60_000
Told = tuple[int, int]
"""Start and end of a pause, in ms since the first segment began."""


def moment(ms: int) -> Moment:
    return at(ms / 1000)


def note(book: Book, told: Told, wall_offset_s: float = 0) -> None:
    start, end = (Point.of(book.life.boot, at(ms / 1000, wall_offset_s)) for ms in told)
    gaps_table.note_pause(
        book.db, camera_row(book.db, "lobby"), start, end, GapCause.STALLED, "the camera sent no picture"
    )


def rows(book: Book) -> list[Gap]:
    return queries.gaps(book.db, "lobby", None, None, None, 1000)


def gap_leaves(db: sqlite3.Connection) -> list[MirrorLine]:
    entries = [one for one in leaves(db, 0, 10_000) if one.kind == Leaf.GAP]
    return [MirrorLine(one.number, one.wall_ms, one.kind, json.loads(one.body)) for one in entries]


def covered(db: sqlite3.Connection, first_ms: int, last_ms: int) -> int:
    return coverage_queries.of(lambda query: query(db), "lobby", WALL + first_ms, WALL + last_ms, None).covered_ms


def recorded(pauses: Sequence[Told], segments: int) -> Book:
    """Each pause is told once it is over, those of the last seconds of a segment when the next one is in progress."""
    book = Book()
    book.enrol(moment(0))
    book.open(1, moment(0))
    left = list(pauses)
    for seq in range(1, segments + 1):
        end_ms = seq * SEGMENT_MS
        now = [pause for pause in left if pause[1] <= end_ms]
        for pause in now:
            note(book, pause)
        left = left[len(now) :]
        book.open(seq + 1, moment(end_ms))
        book.close(seq, moment(end_ms))
    for pause in left:
        note(book, pause)
    return book


def stutter(segments: int, every_ms: int = 5_000, lasts_ms: int = 2_100) -> list[Told]:
    return [(ms, ms + lasts_ms) for ms in range(1_000, segments * SEGMENT_MS - lasts_ms, every_ms)]


def test_a_camera_that_stutters_makes_a_row_and_a_few_leaves_for_each_segment() -> None:
    book = recorded(pauses := stutter(10), 10)
    assert len(pauses) == 120
    assert len(rows(book)) == 10
    told = [len(line.body.get("pauses", [[]])) for line in gap_leaves(book.db)]
    assert told == [1, 2, 4, 8, 12] * 10, "whenever they have doubled, and at the end"
    assert covered(book.db, 0, 10 * SEGMENT_MS) == 10 * SEGMENT_MS - 120 * 2_100
    assert ring_table.gaps_ms(book.db, "lobby", WALL, WALL + 10 * SEGMENT_MS) == 120 * 2_100


def test_a_gap_joins_only_so_many() -> None:
    book = recorded([(ms, ms + 400) for ms in range(0, SEGMENT_MS, 500)], 1)
    assert [len(gap.pauses) for gap in rows(book)] == [gaps_table.PAUSES_MAX, 120 - gaps_table.PAUSES_MAX]
    assert covered(book.db, 0, SEGMENT_MS) == SEGMENT_MS - 120 * 400


def test_a_pause_that_is_told_twice_late_or_overlapping_counts_once() -> None:
    book = recorded([], 0)
    for start_s, end_s in ((3, 6), (9, 12), (20, 23), (9, 12), (14, 17), (16, 18)):
        note(book, (start_s * 1000, end_s * 1000))
    (gap,) = rows(book)
    assert gap.pauses == ((0, 3_000), (6_000, 3_000), (11_000, 4_000), (17_000, 3_000))
    note(book, (1_000, 2_500))
    assert len(rows(book)) == 2, "what begins before the gap does not move it"
    book.open(2, moment(SEGMENT_MS))
    book.close(1, moment(SEGMENT_MS))
    note(book, (SEGMENT_MS - 3_000, SEGMENT_MS))
    assert rows(book)[-1].end == moment(SEGMENT_MS), "told after its segment was committed, it still is one of its own"
    assert gap_leaves(book.db)[-1].body["pauses"][-1] == [SEGMENT_MS - 3_000 - 3_000, 3_000]


def test_a_clock_that_is_set_in_between_parts_them() -> None:
    book = recorded([(3_000, 6_000)], 0)
    note(book, (9_000, 12_000), wall_offset_s=3600)
    assert [gap.pauses for gap in rows(book)] == [(), ()]


def test_pauses_of_a_segment_that_nobody_can_read_are_told_as_well() -> None:
    book = recorded(stutter(1), 0)
    row = segment_by_seq(book.db, "lobby", 1)
    assert row is not None
    segments_table.drop_without_file(book.db, row, GapCause.WORKER_CRASH, "")
    assert [len(line.body.get("pauses", ())) for line in gap_leaves(book.db)][:5] == [0, 2, 4, 8, 12]


def test_what_listings_and_steadiness_are_told_is_each_pause() -> None:
    book = recorded(stutter(5), 5)
    now_ms = WALL + 5 * SEGMENT_MS
    assert interruptions_of(rows(book), now_ms) == Interruptions(60, 1 - 60 * 2_100 / WINDOW_MS)
    document = site_documents.gap(rows(book)[0])
    assert [document.pauses[n].start for n in (0, 1)] == [units.timestamp(WALL + ms) for ms in (1_000, 6_000)]
    assert document.pauses[-1].end == document.end
    lone = site_documents.gap(rows(recorded([(3_000, 6_000)], 1))[0])
    assert lone.pauses == []


pauses = st.lists(st.tuples(st.integers(1, 30_000), st.integers(2_001, 20_000)), max_size=60)


@given(pauses, st.randoms(use_true_random=False), st.tuples(st.integers(0, 400_000), st.integers(1, 400_000)))
def test_whatever_pauses_there_are_they_are_exact_and_come_back(
    told: list[tuple[int, int]], order: object, asked: tuple[int, int]
) -> None:
    """For any interval, by the milliseconds themselves; the same after the database was lost."""
    spans, reached = [], 0
    for pause, lasts in told:
        spans.append((reached + pause, reached + pause + lasts))
        reached += pause + lasts
    segments = reached // SEGMENT_MS + 1
    book = recorded(spans, segments)
    first, last = min(asked), min(max(asked) + 1, segments * SEGMENT_MS)
    missing = sum(max(0, min(end, last) - max(start, first)) for start, end in spans)
    assert covered(book.db, first, last) == max(0, last - first) - missing
    assert len([gap for gap in rows(book) if gap.cause is GapCause.STALLED]) <= segments
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as again:
        again.execute("PRAGMA foreign_keys = ON")
        migrate(again)
        for line in gap_leaves(book.db):
            assert (
                replay_table.apply(again, line, replay_table.ReplayTime(book.life, book.life.start))
                is replay_table.Applied.DONE
            )
        kept = [(gap.start, gap.end, gap.pauses) for gap in rows(book) if gap.cause is GapCause.STALLED]
        found = queries.gaps(again, "lobby", None, None, None, 1000)
        assert [(gap.start, gap.end, gap.pauses) for gap in found if gap.cause is GapCause.STALLED] == kept


@pytest.mark.parametrize(
    "told",
    [
        [],
        [[0, 0]],
        [[-1, 5]],
        [[0, 10], [5, 10]],
        [[0, 5], [90, 11]],
        [["0", 5]],
        [[0]],
        7,
        [[n, 1] for n in range(gaps_table.PAUSES_MAX + 1)],
    ],
    ids=["none", "no length", "before", "overlap", "beyond", "text", "half", "number", "too many"],
)
def test_a_leaf_whose_pauses_cannot_be_ours_is_passed_over(told: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        gaps_table.text_of(told, 100)
