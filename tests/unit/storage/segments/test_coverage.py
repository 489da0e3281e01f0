"""The account of a camera while the wall clock is set: at every instant all of it is recorded or explained (S9)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Final, TypeVar
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ages.history import Point
from storage.database.writer import RowChanges
from storage.segments import coverage_queries
from storage.segments import table as segments_table
from storage.segments.queries import segment_by_seq
from storage.words.clock import STEP_MS
from storage.words.model import GapCause, SegmentState
from tests.unit.storage.segments.test_table import WALL, Book, at

T = TypeVar("T")
HOUR_S: Final = 3600
FORWARD_MS: Final = HOUR_S * 1000


@pytest.fixture
def book() -> Book:
    made = Book()
    made.enrol(at(0))
    made.open(1, at(0))
    return made


def test_a_clock_set_forward_is_explained_before_the_cut_and_after_it(book: Book) -> None:
    """Before it is noticed, while two segments are in hand, and as long as the next one is in progress."""
    assert book.coverage(8) == (8000, 0, 0)
    assert book.coverage(8, HOUR_S) == (8000, FORWARD_MS, 0)
    book.open(2, at(10, HOUR_S))
    assert book.coverage(12, HOUR_S) == (12_000, FORWARD_MS, 0)
    book.close(1, at(10, HOUR_S))
    assert book.gaps() == [(10, 10 + HOUR_S, "clock-step")]
    assert book.coverage(19, HOUR_S) == (19_000, FORWARD_MS, 0)
    book.open(3, at(20, HOUR_S))
    book.close(2, at(20, HOUR_S))
    assert book.coverage(25, HOUR_S) == (25_000, FORWARD_MS, 0)


def test_a_clock_set_forward_in_a_session_that_then_dies(book: Book) -> None:
    book.gap(at(9, HOUR_S), GapCause.DROPPED, at(9, HOUR_S))
    assert book.coverage(12, HOUR_S) == (9000, FORWARD_MS + 3000, 0)


def test_a_clock_set_back_counts_no_second_twice_and_misses_none(book: Book) -> None:
    assert book.coverage(30, -10) == (20_000, 0, 0)
    book.open(2, at(30, -10))
    assert book.coverage(35, -10) == (25_000, 0, 0)
    book.close(1, at(30, -10))
    assert book.coverage(45, -10) == (35_000, 0, 0)


def test_what_is_being_destroyed_was_recorded(book: Book) -> None:
    """Also while its file cannot be removed."""
    book.open(2, at(10))
    book.close(1, at(10))
    row = segment_by_seq(book.db, "lobby", 1)
    assert row is not None
    segments_table.discard(book.db, row)
    assert book.coverage(15) == (15_000, 0, 0)
    segments_table.forget(book.db, row)
    assert book.coverage(15) == (15_000, 0, 0)


@pytest.mark.parametrize("after", range(4))
def test_what_becomes_of_a_segment_between_two_reads_takes_nothing_away(book: Book, after: int) -> None:
    """Others write meanwhile: it is committed, condemned, destroyed."""
    book.open(2, at(10))
    book.close(1, at(10))
    reads = 0

    def read(query: Callable[[sqlite3.Connection], T], /) -> T:
        nonlocal reads
        if reads == after:
            for act in (segments_table.discard, segments_table.forget):
                row = segment_by_seq(book.db, "lobby", 1)
                assert row is not None
                act(book.db, row)
            book.open(3, at(20))
            book.close(2, at(20))
        reads += 1
        return query(book.db)

    now = Point.of(book.life.boot, at(20))
    assert coverage_queries.of(read, "lobby", WALL, now.wall_ms, now).covered_ms == 20_000


Lived = list[tuple[str, int]]
"""A clock that is moved by less than a step is slewed: not by so much within less time than that."""
lives: Final = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.one_of(st.integers(-20_000, 20_000), st.integers(-STEP_MS, STEP_MS))),
        st.tuples(st.sampled_from(["cut", "commit", "drop"]), st.integers(STEP_MS, 5000)),
    ),
    max_size=20,
)


class Recorded:
    """A camera that is recorded all the time but while its session is down, on a clock that is set at will."""

    def __init__(self) -> None:
        self.book = Book()
        self.ms = self.offset_ms = 0
        self.book.enrol(self.now.moment)
        self.seq = 0
        self.ends: dict[int, Point] = {}
        """Of the segments that are not committed yet: where they end."""
        self.cut()

    @property
    def now(self) -> Point:
        return Point(self.book.life.boot, self.ms, WALL + self.ms + self.offset_ms)

    def cut(self) -> None:
        """The next segment begins before the last one is committed, and no third."""
        self.commit()
        if self.seq:
            self.ends.setdefault(self.seq, self.now)
        self.seq += 1
        self.book.open(self.seq, self.now.moment)

    def commit(self) -> None:
        for seq, end in self.ends.items():
            self.book.close(seq, end.moment)
        self.ends.clear()

    def drop(self) -> None:
        if self.seq not in self.ends:
            self.ends[self.seq] = self.now
            self.book.gap(self.now.moment, GapCause.DROPPED, self.now.moment)

    def unexplained_ms(self) -> int:
        return coverage_queries.of(
            lambda query: query(self.book.db), "lobby", 0, self.now.wall_ms, self.now
        ).unexplained_ms


@given(lives)
def test_at_every_instant_every_second_is_recorded_or_explained(life: Lived) -> None:
    recorded = Recorded()
    for act, ms in life:
        if act == "set":
            recorded.offset_ms += ms
        else:
            recorded.ms += ms
            assert recorded.unexplained_ms() == 0
            getattr(recorded, act)()
        assert recorded.unexplained_ms() == 0


def discarded(recorded: Recorded) -> None:
    """The oldest segment that is complete goes, first half and then all of it."""
    row = next((segment_by_seq(recorded.book.db, "lobby", seq) for seq in range(1, recorded.seq - 1)), None)
    if row is not None and row.state is SegmentState.COMMITTED:
        segments_table.discard(recorded.book.db, row)
    elif row is not None:
        segments_table.forget(recorded.book.db, row)


@given(
    st.lists(
        st.tuples(st.sampled_from(["cut", "cut", "commit", "drop", "set"]), st.integers(-4000, 5000)),
        min_size=9,
        max_size=20,
    ),
    st.lists(st.sampled_from([False, False, True]), min_size=20, max_size=20),
    st.sampled_from([3000, FORWARD_MS]),
    st.sampled_from([1, 3, 1000]),
)
def test_what_is_remembered_of_a_day_is_what_would_be_read(
    life: Lived, goes: list[bool], day_ms: int, most: int
) -> None:
    recorded, written, days = Recorded(), RowChanges(), coverage_queries.RememberedDays()
    db = recorded.book.db
    written.follow(db, "segments", "camera")
    for (act, ms), is_going in zip(life, goes, strict=False):
        if act == "set":
            recorded.offset_ms += 5 * ms
        else:
            recorded.ms += abs(ms)
            getattr(recorded, act)()
        if is_going:
            discarded(recorded)
        written.committed()
        now = recorded.now
        asked = ("lobby", now.wall_ms - day_ms, now.wall_ms, now)
        known = partial(days.touching, db, written.counts())
        for _ in range(2):
            with patch.object(coverage_queries, "SPANS_MAX", most):
                told = coverage_queries.of(lambda query: query(db), *asked, known)
            assert told == coverage_queries.of(lambda query: query(db), *asked)


def test_of_what_lies_before_what_is_remembered_nothing_is_said(book: Book) -> None:
    """The clock was set back by hours: then it is read."""
    day = coverage_queries.DaySpans(book.db, 1, 0, WALL)
    assert day.touching(WALL, WALL + 1) == []
    assert day.touching(WALL - 1, WALL + 1) is None


LONGEST_MS: Final = 2 * coverage_queries.SEAM_MS
NEAR_A_SEAM: Final = st.builds(
    lambda seams, more: seams * coverage_queries.SEAM_MS + more, st.integers(0, 12), st.integers(-1, 1)
).filter(lambda ms: ms >= 0)


@given(
    st.lists(st.tuples(NEAR_A_SEAM, NEAR_A_SEAM.filter(lambda ms: ms <= LONGEST_MS)), max_size=12),
    NEAR_A_SEAM,
    NEAR_A_SEAM,
    st.lists(st.tuples(NEAR_A_SEAM, NEAR_A_SEAM), max_size=2),
)
def test_runs_of_segments_measure_as_the_segments_do(
    found: list[tuple[int, int]], left: int, right: int, gaps: list[tuple[int, int]]
) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE cameras (number, id, longest_ms)")
        db.execute("CREATE TABLE segments (camera, state, start_wall_ms, duration_ms)")
        db.execute("INSERT INTO cameras VALUES (1, 'lobby', ?)", (LONGEST_MS,))
        db.executemany("INSERT INTO segments VALUES (1, 'committed', ?, ?)", found)
        told = coverage_queries.DaySpans(db, 1, LONGEST_MS, 0).touching(left, right)
        each, _ = coverage_queries.claimed_page(db, "lobby", left, right)
    claim = coverage_queries.CoverageClaims(0, [], [(begin, begin + length) for begin, length in gaps], [])
    assert told is not None
    assert coverage_queries.measure(claim, told, left, right) == coverage_queries.measure(claim, each, left, right)
