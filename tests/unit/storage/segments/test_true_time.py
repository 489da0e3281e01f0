"""What was recorded before the clock was synchronised is found by true time afterwards (docs/design/time.md)."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ages import table as ages_table
from storage.ages.history import Point
from storage.ages.leaves import CorrectedLeaf
from storage.approvals.table import Person
from storage.database.migrations import migrate
from storage.pins import table as pins_table
from storage.pins.rules import Ground, Interval, PinOrder, PinState
from storage.pins.sidecar import Sidecar
from storage.segments import coverage_queries, gaps_table, queries, true_time_table
from storage.segments import table as segments_table
from storage.segments.queries import SEGMENT_SQL, camera_row, segment_row
from storage.volumes import table as volumes_table
from storage.words.clock import ClockReading
from storage.words.model import Bounds, Closing, Gap, GapCause, Moment, Opening, Segment

TRUE_MS: Final = 1_772_000_000_000
"""The right wall clock at boottime 0 of the first boot."""
VOLUME: Final = "volume-1"
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000


class Box:
    """A catalog whose wall clock is off by as much as the test wants; the truth is known."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.execute("PRAGMA foreign_keys = ON")
        migrate(self.db)
        volumes_table.come(self.db, VOLUME, Path("/disk"), "", 0)
        self.boots = 0
        self.seq = 1

    def boot(self, true_ms: int, off_ms: int, *, synced: bool = False) -> None:
        self.true_at_0_ms, self.now_ms, self.off_ms, self.synced = true_ms, 0, off_ms, synced
        self.boots += 1
        self.life = ages_table.begin_run(self.db, f"boot-{self.boots}", self.reading)
        self.epoch = self.life.epoch
        segments_table.enrol(self.db, self.life, "lobby", self.now)

    @property
    def now(self) -> Moment:
        return Moment(self.true_at_0_ms + self.now_ms + self.off_ms, self.now_ms)

    @property
    def reading(self) -> ClockReading:
        return ClockReading(self.now, self.synced)

    @property
    def true_ms(self) -> int:
        return self.true_at_0_ms + self.now_ms

    def record(self, count: int = 1) -> list[int]:
        """Segments of a minute; when they truly began."""
        began = []
        for _ in range(count):
            began.append(self.true_ms)
            opening = Opening("lobby", self.seq, VOLUME, self.now, Bounds(60, 600), self.epoch, self.synced)
            segments_table.open_segment(self.db, self.life, opening)
            self.now_ms += MINUTE_MS
            segments_table.commit_segment(
                self.db,
                Closing("lobby", self.seq, self.now, 1000, bytes([self.seq % 256]) * 32, 1),
                protect=pins_table.match,
            )
            self.seq += 1
        return began

    def rest(self, ms: int) -> None:
        """Nothing comes for a while."""
        at = Point.of(self.life.boot, self.now)
        gaps_table.begin(self.db, camera_row(self.db, "lobby"), at, at, GapCause.UNREACHABLE, "")
        self.now_ms += ms

    def step(self, off_ms: int, *, synced: bool) -> None:
        self.off_ms, self.synced = off_ms, synced
        self.epoch = ages_table.begin_epoch(self.db, self.life.boot, self.now, synced=synced)

    def beat(self) -> None:
        true_time_table.heartbeat(
            self.db, self.life, self.reading, before=pins_table.hold_covered, corrected=pins_table.hold_again
        )

    def found(self, start_ms: int | None, end_ms: int | None, page: int = 1000) -> list[Segment]:
        whole: list[Segment] = []
        while some := queries.segments(self.db, "lobby", start_ms, end_ms, whole[-1] if whole else None, page):
            whole += some
        return whole

    def gaps(self, start_ms: int | None, end_ms: int | None, page: int = 1000) -> list[Gap]:
        whole: list[Gap] = []
        while some := queries.gaps(self.db, "lobby", start_ms, end_ms, whole[-1] if whole else None, page):
            whole += some
        return whole

    def leaves(self) -> list[dict[str, object]]:
        return [
            body
            for (text,) in self.db.execute("SELECT body FROM leaves WHERE kind = 'clock' ORDER BY number")
            if (body := json.loads(text))["what"] == "corrected"
        ]


@pytest.fixture
def box() -> Iterator[Box]:
    made = Box()
    with closing(made.db):
        yield made


def test_found_by_true_time_and_not_by_the_wrong_one(box: Box) -> None:
    off_ms = -TRUE_MS  # 1970
    box.boot(TRUE_MS, off_ms)
    early = box.record(3)
    box.step(0, synced=True)
    late = box.record(2)
    assert [one.seq for one in box.found(TRUE_MS, box.true_ms)] == [4, 5], "nobody knows yet"
    box.beat()
    listed = box.found(TRUE_MS, box.true_ms)
    assert [one.true_start.wall_ms for one in listed] == [*early, *late]
    assert [one.clock_correction_ms for one in listed] == [-off_ms] * 3 + [None] * 2
    assert [one.start.wall_ms for one in listed][:3] == [ms + off_ms for ms in early], "what is written stays"
    assert box.found(off_ms + TRUE_MS, TRUE_MS - HOUR_MS) == []
    assert [one.seq for one in box.found(early[1], early[1] + 1)] == [2]


def test_a_clock_that_was_right_all_along_is_not_corrected(box: Box) -> None:
    box.boot(TRUE_MS, 300)
    box.record(2)
    box.off_ms, box.synced = 0, True
    box.beat()
    assert true_time_table.known(box.db) == []
    assert box.leaves() == []
    assert [one.clock_correction_ms for one in box.found(None, None)] == [None, None]


def test_only_epochs_without_a_synchronised_clock_of_this_boot(box: Box) -> None:
    box.boot(TRUE_MS, -5 * HOUR_MS)
    box.record()
    box.boot(TRUE_MS + HOUR_MS, 0, synced=True)
    box.record()
    box.step(HOUR_MS, synced=False)
    box.record()
    box.step(0, synced=True)
    box.beat()
    corrected = [one.clock_correction_ms for one in sorted(box.found(None, None), key=lambda one: one.seq)]
    assert corrected == [None, None, -HOUR_MS], "of the boot that never was synchronised nobody knows"


def test_the_last_word_counts_and_each_is_a_leaf(box: Box) -> None:
    box.boot(TRUE_MS, -HOUR_MS)
    box.record()
    box.step(2 * HOUR_MS, synced=True)
    box.beat()
    box.beat()
    box.step(0, synced=True)
    box.beat()
    assert [one.clock_correction_ms for one in box.found(None, None)] == [HOUR_MS]
    assert [leaf["true_offset_ms"] for leaf in box.leaves()] == [TRUE_MS + 2 * HOUR_MS, TRUE_MS]


def test_a_lost_database_knows_it_again(box: Box) -> None:
    box.boot(TRUE_MS, -HOUR_MS)
    box.record(2)
    box.step(0, synced=True)
    box.beat()
    known, (leaf,) = true_time_table.known(box.db), box.leaves()
    box.db.execute("UPDATE epochs SET true_offset_ms = NULL")
    told = msgspec.convert(leaf, CorrectedLeaf)
    true_time_table.remember(box.db, told)
    assert true_time_table.known(box.db) == known
    true_time_table.remember(box.db, msgspec.structs.replace(told, id="another boot", true_offset_ms=0))
    assert true_time_table.known(box.db) == known


def test_gaps_go_by_true_time_also_where_only_their_end_was_wrong(box: Box) -> None:
    box.boot(TRUE_MS, 0, synced=True)
    box.record()
    ages_table.end_run(box.db, box.life, box.reading)
    off_from_ms, off_to_ms = box.true_ms, TRUE_MS + HOUR_MS
    box.boot(off_to_ms, -10 * HOUR_MS)
    box.record()
    within_ms = box.true_ms
    box.rest(5 * MINUTE_MS)
    box.record()
    box.step(0, synced=True)
    box.record()
    box.beat()
    (off,) = [one for one in box.gaps(off_from_ms + 1, off_to_ms - 1) if one.cause is GapCause.DAEMON_STOPPED]
    assert off.end is not None
    assert (off.start.wall_ms, off.end.corrected(off.end_correction_ms).wall_ms) == (off_from_ms, off_to_ms)
    (quiet,) = [one for one in box.gaps(within_ms, within_ms + 1) if one.cause is GapCause.UNREACHABLE]
    assert quiet.true_start.wall_ms == within_ms
    assert box.gaps(None, None, page=1) == box.gaps(None, None)
    assert len({one.id for one in box.gaps(None, None)}) == len(box.gaps(None, None))
    assert len(box.gaps(None, None)) == box.db.execute("SELECT count(*) FROM gaps").fetchone()[0]


def test_coverage_counts_what_was_truly_recorded(box: Box) -> None:
    box.boot(TRUE_MS, -TRUE_MS)
    box.record(10)
    box.step(0, synced=True)
    box.record(10)

    def covered_ms() -> int:
        now = Point.of(box.life.boot, box.now)
        return coverage_queries.of(lambda query: query(box.db), "lobby", TRUE_MS, box.true_ms, now).covered_ms

    assert covered_ms() == 10 * MINUTE_MS
    box.beat()
    assert covered_ms() == 20 * MINUTE_MS


def order(first_ms: int, last_ms: int) -> Sidecar:
    ordered = PinOrder(("lobby",), Interval(first_ms, last_ms), Ground.LAW, "1", "c", "a", HOUR_MS)
    return Sidecar("P-1", PinState.PROVISIONAL, 1, ordered, Person(0, "root"), None, "boot-1", 0, 0)


def held(box: Box) -> list[int]:
    return [seq for (seq,) in box.db.execute("SELECT seq FROM segments WHERE pins > 0 ORDER BY seq")]


def protected(box: Box) -> list[int]:
    """By the interval of a pin that does not hold all of it yet."""
    covering = pins_table.covering(box.db)
    rows = box.db.execute(SEGMENT_SQL + "ORDER BY s.seq").fetchall()
    return [row.seq for row in map(segment_row, rows) if covering.protects(row)]


def hold(box: Box) -> None:
    """What pins cover, in a step."""
    for pin in pins_table.filling(box.db):
        covers, segments = pins_table.to_hold(box.db, pin.number)
        pins_table.hold(box.db, pin.number, segments, linked=False)
        pins_table.settle(box.db, pin.number, covers)


@pytest.mark.parametrize("pinned_first", [True, False])
def test_a_pin_holds_what_happened_at_its_time(box: Box, pinned_first: bool) -> None:
    """S2: whether it was placed before the true time was known or afterwards."""
    box.boot(TRUE_MS, HOUR_MS)
    early = box.record(5)
    box.step(0, synced=True)
    box.record(2)
    if not pinned_first:
        box.beat()
    pin = pins_table.insert(box.db, order(early[1], early[3]), Point.of(box.life.boot, box.now), adopted=False)
    pins_table.cover(box.db, pin)
    assert protected(box) == ([] if pinned_first else [2, 3])
    hold(box)
    assert held(box) == ([] if pinned_first else [2, 3])
    box.beat()
    assert protected(box) == ([2, 3] if pinned_first else []), "from that transaction on"
    hold(box)
    assert (held(box), protected(box)) == ([2, 3], [])
    found = pins_table.found_in(box.db, "lobby", Interval(early[1], early[3]), 10)
    assert found is not None
    assert [row.seq for row in found.rows] == [2, 3]
    assert pins_table.found_in(
        box.db, "lobby", Interval(early[1] + HOUR_MS, early[3] + HOUR_MS), 10
    ) == pins_table.FootageInInterval("lobby", (), recording=False)


def test_usage_is_told_in_true_time(box: Box) -> None:
    box.boot(TRUE_MS, -HOUR_MS)
    box.record(2)
    box.step(0, synced=True)
    box.beat()
    (usage,) = queries.usage(box.db, Point.of(box.life.boot, box.now))
    assert usage.oldest == Moment(TRUE_MS, 0)
    assert usage.newest == Moment(TRUE_MS + 2 * MINUTE_MS, 2 * MINUTE_MS)


boots = st.lists(
    st.tuples(
        st.integers(-30, 30).map(lambda n: n * 7 * MINUTE_MS),  # how far off the clock is
        st.integers(0, 4),  # recorded before the clock is set
        st.booleans(),  # whether it ever is
        st.integers(0, 4),  # recorded afterwards
    ),
    min_size=1,
    max_size=4,
)


@given(boots, st.integers(1, 7), st.integers(-3, 40), st.integers(0, 20))
def test_against_a_naive_listing(lives: list[tuple[int, int, bool, int]], page: int, first: int, length: int) -> None:
    """Every listing, of any interval and in pages of any size, is what a list of true times would be."""
    box, true_ms = Box(), TRUE_MS
    expected: list[tuple[int, int]] = []
    with closing(box.db):
        for off_ms, before, is_set, after in lives:
            box.boot(true_ms, off_ms)
            before_ms, seq = box.record(before), box.seq
            wrong_ms = 0 if is_set else off_ms
            expected += [(ms + wrong_ms, seq - before + n) for n, ms in enumerate(before_ms)]
            if is_set:
                box.step(0, synced=True)
                expected += [(ms, box.seq - after + n) for n, ms in enumerate(box.record(after))]
                box.beat()
            true_ms = box.true_ms + 3 * MINUTE_MS
        start_ms = TRUE_MS + first * MINUTE_MS
        end_ms = start_ms + length * MINUTE_MS
        wanted = sorted((ms, seq) for ms, seq in expected if ms < end_ms and ms + MINUTE_MS > start_ms)
        listed = box.found(start_ms, end_ms, page)
        assert [(one.true_start.wall_ms, one.seq) for one in listed] == wanted
        assert sorted(one.seq for one in box.found(None, None, page)) == sorted(seq for _, seq in expected)
        in_pages = box.gaps(None, None, page)
        assert in_pages == box.gaps(None, None)
        assert len(in_pages) == box.db.execute("SELECT count(*) FROM gaps").fetchone()[0]


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (queries.SEGMENTS_BY_WALL, "INDEX segments_by_time"),
        (queries.SEGMENTS_BY_BOOTTIME, "INDEX segments_unsynced"),
        (queries.GAPS_BY_BOOTTIME, "INDEX gaps_by_age"),
        (queries.GAPS_BY_WALL.format(uncorrected=""), "INDEX gaps_by_time"),
        (queries.LONG_GAPS_BY_WALL.format(uncorrected=""), "INDEX gaps_long"),
    ],
)
def test_listings_use_their_index(box: Box, sql: str, index: str) -> None:
    values = (1,) * max(int(number) for number in re.findall(r"\?(\d)", sql))
    plan = [row[3] for row in box.db.execute("EXPLAIN QUERY PLAN " + sql, values)]
    assert any(index in step for step in plan), plan
    sorted_by = [step for step in plan if "B-TREE" in step and "LAST TERM" not in step and "RIGHT PART" not in step]
    assert sorted_by == []
    assert not any(step.startswith("SCAN") for step in plan), plan
