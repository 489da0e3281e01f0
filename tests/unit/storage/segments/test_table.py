"""The account of a camera's time, the counters, and the questions. See storage/segments."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from storage.ages import table as ages_table
from storage.ages.history import DaemonRun, Point
from storage.database.migrations import migrate
from storage.pins import table as pins_table
from storage.ring import table as ring_table
from storage.segments import coverage_queries, gaps_table, queries
from storage.segments import table as segments_table
from storage.segments.queries import camera_row, segment_by_id, segment_by_seq
from storage.tickets import alarms_table
from storage.volumes import table as volumes_table
from storage.words.clock import ClockReading
from storage.words.errors import NotOpen, UnknownCamera
from storage.words.message import NOTHING, Message, message
from storage.words.model import Bounds, Closing, Gap, GapCause, Moment, Opening, Segment, SegmentState, Severity, Tail

WALL = 1_772_000_000_000
BOUNDS = Bounds(60, 300)
VOLUME = "volume-1"


def at(second: float, wall_offset_s: float = 0) -> Moment:
    ms = round(second * 1000)
    return Moment(WALL + ms + round(wall_offset_s * 1000), ms)


class Book:
    """A catalog in memory, one fact after the other."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.execute("PRAGMA foreign_keys = ON")
        migrate(self.db)
        volumes_table.come(self.db, VOLUME, Path("/disk"), "", 0)
        self.life = self.start("boot-1", at(0))

    def start(self, boot_id: str, now: Moment) -> DaemonRun:
        self.life = ages_table.begin_run(self.db, boot_id, ClockReading(now, synced=True))
        return self.life

    def enrol(self, now: Moment, camera: str = "lobby") -> Tail:
        return segments_table.enrol(self.db, self.life, camera, now)

    def open(self, seq: int, start: Moment, camera: str = "lobby", bounds: Bounds = BOUNDS) -> None:
        opening = Opening(camera, seq, VOLUME, start, bounds, self.life.epoch, True)
        segments_table.open_segment(self.db, self.life, opening)

    def close(self, seq: int, end: Moment, size: int = 1000, camera: str = "lobby") -> Segment:
        return segments_table.commit_segment(
            self.db, Closing(camera, seq, end, size, bytes([seq]) * 32, 250), protect=pins_table.match
        )

    def salvage(self, seq: int, duration_ms: int, cause: GapCause, now: Moment | None = None) -> None:
        row = segment_by_seq(self.db, "lobby", seq)
        assert row is not None
        until = None if now is None else Point.of(self.life.boot, now)
        segments_table.complete(
            self.db, row, duration_ms, 500, bytes([seq]) * 32, 10, cause, now=until, protect=pins_table.match
        )

    def end(self, seq: int) -> float:
        row = segment_by_seq(self.db, "lobby", seq)
        assert row is not None
        return _s(row.end.moment)

    def gap(self, begins: Moment | None, cause: GapCause, now: Moment, detail: str = "") -> None:
        start = None if begins is None else Point.of(self.life.boot, begins)
        gaps_table.begin(self.db, camera_row(self.db, "lobby"), start, Point.of(self.life.boot, now), cause, detail)

    def gaps(self) -> list[tuple[float, float | None, str]]:
        """Seconds since WALL, and the cause."""
        found = queries.gaps(self.db, "lobby", None, None, None, 1000)
        return [(_s(gap.start), None if gap.end is None else _s(gap.end), gap.cause.value) for gap in found]

    def coverage(self, until: float, wall_offset_s: float = 0) -> tuple[int, int, int]:
        now = Point.of(self.life.boot, at(until, wall_offset_s))
        answer = coverage_queries.of(lambda query: query(self.db), "lobby", WALL, now.wall_ms, now)
        return answer.covered_ms, answer.explained_ms, answer.unexplained_ms

    def counted(self) -> list[tuple[int, int]]:
        return self.db.execute("SELECT segments, bytes FROM holdings ORDER BY floor_s").fetchall()


def _s(moment: Moment) -> float:
    return (moment.wall_ms - WALL) / 1000


@pytest.fixture
def book() -> Iterator[Book]:
    opened = Book()
    yield opened
    opened.db.close()


# --- the account of time (S9) -----------------------------------------------------------------------------------


def test_what_came_back_from_a_camera_stays_out_of_leaves(book: Book) -> None:
    """Leaves go along with copies and can never be erased; addresses and accounts must not."""
    told = message("test.told", "{tried}: {back}", tried="rtsp://10.0.0.11/ch1: viewer", back="401")
    book.enrol(at(0))
    book.open(1, at(1))
    book.close(1, at(10))
    book.gap(at(10), GapCause.UNAUTHORISED, at(10), told)
    book.gap(at(20), GapCause.UNKNOWN, at(20), told)
    camera, boot = camera_row(book.db, "lobby"), book.life.boot
    gaps_table.note_pause(book.db, camera, Point.of(boot, at(3)), Point.of(boot, at(4)), GapCause.STALLED, told)
    details = [gap.detail for gap in queries.gaps(book.db, "lobby", None, None, None, 9) if gap.detail == told]
    assert [detail.told for detail in details] == [told.told] * 3, "the row has all of it"
    leaves = [body for (body,) in book.db.execute("SELECT body FROM leaves WHERE kind = 'gap'")]
    assert len(leaves) > 2
    assert not any("detail" in body or "10.0.0.11" in body for body in leaves)


def test_a_new_camera_is_starting_until_its_first_segment(book: Book) -> None:
    assert book.enrol(at(1)) == Tail(1, "")
    assert book.gaps() == [(1, None, "starting")]
    book.open(1, at(3))
    assert book.gaps() == [(1, 3, "starting")]
    assert book.coverage(10) == (7000, 2000, 0), (
        "a segment in progress counts; before the camera was known nothing does"
    )


def pause(book: Book, start: Moment, end: Moment) -> None:
    boot = book.life.boot
    detail = "the camera sent no picture"
    gaps_table.note_pause(
        book.db, camera_row(book.db, "lobby"), Point.of(boot, start), Point.of(boot, end), GapCause.STALLED, detail
    )


def test_a_pause_within_a_segment_is_a_gap_and_not_recorded(book: Book) -> None:
    """Told while its segment is open, or committed already; once however often."""
    book.enrol(at(0))
    book.open(1, at(0))
    pause(book, at(3), at(9))
    pause(book, at(3), at(9))
    assert book.gaps() == [(3, 9, "stalled")]
    assert book.coverage(20) == (14_000, 6_000, 0)
    book.open(2, at(20))
    book.close(1, at(20))
    pause(book, at(12), at(15))
    book.close(2, at(30))
    assert book.gaps() == [(3, 15, "stalled")]
    assert book.coverage(30) == (21_000, 9_000, 0), "one gap of two pauses: what lies between them is recorded"


def test_a_pause_across_a_cut_and_one_before_the_end_of_a_session(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.open(2, at(10))
    pause(book, at(8), at(12))
    book.close(1, at(10))
    book.gap(None, GapCause.DROPPED, at(20))
    pause(book, at(15), at(19))
    book.close(2, at(20))
    assert book.gaps() == [(8, 12, "stalled"), (15, 19, "stalled"), (20, None, "dropped")]
    assert book.coverage(25) == (12_000, 13_000, 0)
    pause(book, at(21), at(24))
    assert len(book.gaps()) == 3, "it is not recorded anyway"


def test_a_pause_stays_when_its_segment_is_salvaged_short_or_destroyed(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    pause(book, at(3), at(9))
    book.gap(None, GapCause.WORKER_CRASH, at(12))
    book.salvage(1, 10_000, GapCause.WORKER_CRASH)
    assert book.coverage(20) == (4_000, 16_000, 0)
    row = segment_by_seq(book.db, "lobby", 1)
    assert row is not None
    segments_table.discard(book.db, row)
    segments_table.forget(book.db, row)
    assert book.coverage(20) == (4_000, 16_000, 0)


def test_segments_that_join_leave_no_gap(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.close(1, at(10))
    book.open(2, at(10.04))
    book.open(3, at(20))
    book.close(2, at(20.03))
    book.close(3, at(30))
    assert book.gaps() == []
    assert book.coverage(30) == (30_000, 0, 0)


def test_a_hole_nobody_explains_is_unknown(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.close(1, at(10))
    book.open(2, at(15))
    assert book.gaps() == [(10, 15, "unknown")]
    assert book.coverage(20) == (15_000, 0, 5000)


def test_a_hole_that_shows_only_at_the_commit_is_unknown_too(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.open(2, at(15))
    assert book.gaps() == []
    book.close(1, at(10))
    assert book.gaps() == [(10, 15, "unknown")]


@pytest.mark.parametrize("first_to_end", [1, 2])
def test_what_is_salvaged_of_the_segment_before_a_cut_ends_where_the_next_begins(book: Book, first_to_end: int) -> None:
    """Its last sound may reach further than the cut, or it may lack its end; whichever of the two is complete first."""
    book.enrol(at(0))
    book.open(1, at(0))
    book.open(2, at(10))
    book.open(3, at(20))
    if first_to_end == 2:
        book.salvage(2, 8500, GapCause.DISK_FULL)
    book.salvage(1, 10_400, GapCause.DISK_FULL)
    assert book.end(1) == 10
    if first_to_end == 1:
        book.salvage(2, 8500, GapCause.DISK_FULL)
    assert book.end(2) == 18.5
    assert book.gaps() == [(18.5, 20, "disk-full")]
    assert book.coverage(30) == (28_500, 1500, 0)


def test_two_segments_that_a_crash_left_in_progress(book: Book) -> None:
    """The gap of the crash begins at the end of the later one; what the earlier one lacks is a gap of its own."""
    book.enrol(at(0))
    book.open(1, at(0))
    book.open(2, at(10))
    book.start("boot-1", at(60))
    book.enrol(at(60))
    book.open(3, at(61))
    assert book.coverage(61) == (10_000, 51_000, 0)
    book.salvage(1, 9_000, GapCause.DAEMON_CRASH)
    book.salvage(2, 2_000, GapCause.DAEMON_CRASH)
    assert book.gaps() == [(9, 10, "daemon-crash"), (12, 60, "daemon-crash"), (60, 61, "starting")]


def test_a_gap_begins_where_the_recording_ended(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.close(1, at(10))
    book.gap(at(14), GapCause.STALLED, at(14))
    assert book.gaps() == [(10, None, "stalled")]
    book.open(2, at(20))
    assert book.gaps() == [(10, 20, "stalled")]


def test_the_same_cause_again_is_the_same_gap_and_another_one_splits_it(book: Book) -> None:
    book.enrol(at(0))
    book.gap(at(2), GapCause.UNREACHABLE, at(2))
    book.gap(at(5), GapCause.UNREACHABLE, at(5))
    book.gap(None, GapCause.REFUSED, at(8))
    assert book.gaps() == [(0, 2, "starting"), (2, 8, "unreachable"), (8, None, "refused")]


def test_a_gap_told_before_the_last_commit_moves_to_its_end(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.gap(at(7), GapCause.DROPPED, at(7))
    book.gap(at(12), GapCause.UNREACHABLE, at(12))
    assert book.gaps() == [(7, 12, "dropped"), (12, None, "unreachable")]
    book.close(1, at(9))
    assert book.gaps() == [(9, 12, "dropped"), (12, None, "unreachable")]
    assert book.coverage(20) == (9000, 11_000, 0)


def test_a_gap_that_a_segment_turns_out_to_cover_did_not_happen(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.gap(at(7), GapCause.STALLED, at(8))
    book.open(2, at(9))
    book.close(1, at(9))
    assert book.gaps() == []
    assert book.coverage(12) == (12_000, 0, 0)


def test_a_segment_knows_what_the_camera_s_clock_said(book: Book) -> None:
    book.enrol(at(0))
    for seq, offset_ms in ((1, -3_200), (2, None)):
        book.open(seq, at(10 * seq))
        closing = Closing("lobby", seq, at(10 * seq + 10), 1000, bytes([seq]) * 32, 250, offset_ms)
        assert segments_table.commit_segment(book.db, closing, protect=pins_table.match).camera_offset_ms == offset_ms


def test_a_gap_without_a_moment_begins_at_the_end_of_what_is_in_progress(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.gap(None, GapCause.WORKER_CRASH, at(8))
    row = segment_by_seq(book.db, "lobby", 1)
    assert row is not None
    segments_table.complete(book.db, row, 6500, 500, b"\1" * 32, 10, protect=pins_table.match)
    assert book.gaps() == [(6.5, None, "worker-crash")]


def test_a_camera_whose_clock_runs_too_fast_leaves_no_footage_from_the_future(book: Book) -> None:
    """Killed at 100 s, when its file says 150 s: what comes after `now` is not recorded yet."""
    book.enrol(at(0))
    book.open(1, at(0))
    book.gap(None, GapCause.WORKER_CRASH, at(100))
    book.salvage(1, 150_000, GapCause.WORKER_CRASH, at(101))
    assert book.end(1) == 101
    book.open(2, at(110))
    assert book.gaps() == [(101, 110, "worker-crash")]
    assert book.coverage(120) == (111_000, 9_000, 0)


def test_a_row_without_a_file_is_a_gap(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.close(1, at(10))
    book.open(2, at(10))
    row = segment_by_seq(book.db, "lobby", 2)
    assert row is not None
    book.open(3, at(30))
    segments_table.drop_without_file(book.db, row, GapCause.IO_ERROR, "disk")
    assert book.gaps() == [(10, 30, "io-error")]


def test_a_disk_that_refuses_every_segment_leaves_one_gap(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.close(1, at(10))
    book.gap(None, GapCause.IO_ERROR, at(10), "the disk is gone")
    for seq in range(2, 6):
        book.open(seq, at(5 * seq))
        row = segment_by_seq(book.db, "lobby", seq)
        assert row is not None
        book.gap(None, GapCause.IO_ERROR, at(5 * seq + 1))
        segments_table.drop_without_file(book.db, row, GapCause.WORKER_CRASH, "")
    assert book.gaps() == [(10, None, "io-error")]
    assert book.coverage(40) == (10_000, 30_000, 0)
    book.open(6, at(40))
    assert book.gaps() == [(10, 40, "io-error")]


def test_a_segment_that_came_to_nothing_between_two_causes_leaves_two_gaps(book: Book) -> None:
    book.enrol(at(0))
    book.gap(None, GapCause.REFUSED, at(0))
    book.open(1, at(10))
    row = segment_by_seq(book.db, "lobby", 1)
    assert row is not None
    book.gap(None, GapCause.IO_ERROR, at(11))
    segments_table.drop_without_file(book.db, row, GapCause.WORKER_CRASH, "")
    assert book.gaps() == [(0, 10, "refused"), (10, None, "io-error")]


def test_a_clock_set_forward_is_a_gap_of_its_own_and_loses_nothing(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.close(1, at(10))
    book.open(2, at(10, wall_offset_s=3600))
    assert book.gaps() == [(10, 3610, "clock-step")]
    book.close(2, at(20, wall_offset_s=3600))
    assert book.coverage(20, 3600) == (20_000, 3_600_000, 0)


def test_a_clock_set_back_makes_no_gap(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.close(1, at(100))
    book.open(2, at(100, wall_offset_s=-50))
    book.close(2, at(200, wall_offset_s=-50))
    assert book.gaps() == []
    assert book.coverage(200, -50) == (150_000, 0, 0)


def test_a_row_that_stays_open_counts_only_as_far_as_something_says_it_was_recorded(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.gap(at(8), GapCause.WORKER_CRASH, at(8))
    book.open(2, at(20))
    book.close(2, at(30))
    assert book.coverage(35) == (18_000, 12_000, 5000)
    book.open(3, at(40))
    assert book.gaps() == [(8, 20, "worker-crash"), (30, 40, "unknown")], "row 1 does not vouch for what follows row 2"
    book.gap(at(45), GapCause.STALLED, at(45))
    assert book.coverage(50) == (23_000, 17_000, 10_000)


def test_a_row_that_stays_open_counts_up_to_the_segment_that_follows_it(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.open(2, at(10))
    book.gap(None, GapCause.WORKER_CRASH, at(30))
    assert book.gaps() == [(10, None, "worker-crash")]
    assert book.coverage(40) == (10_000, 30_000, 0)


def test_a_row_of_an_earlier_run_covers_no_downtime(book: Book) -> None:
    """Its volume is away, and its camera was taken out of the configuration: no gap says when it ended."""
    book.enrol(at(0))
    book.open(1, at(0))
    ages_table.heartbeat(book.db, book.life, ClockReading(at(10)))
    book.start("boot-1", at(7200))
    assert book.coverage(7300) == (0, 0, 7_300_000)
    book.enrol(at(7300))
    book.open(2, at(7301))
    book.close(2, at(7310))
    book.open(3, at(7320))
    assert book.gaps()[-1] == (7310, 7320, "unknown"), "it hides no hole of this run"


# --- from one run to the next ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clean", "boot", "cause"),
    [(True, "boot-1", "daemon-stopped"), (False, "boot-1", "daemon-crash"), (False, "boot-2", "power-loss")],
)
def test_the_time_between_two_runs_has_the_cause_of_the_end(book: Book, clean: bool, boot: str, cause: str) -> None:
    assert book.life.previous_end is None
    book.enrol(at(0))
    book.open(1, at(0))
    book.close(1, at(10))
    ages_table.heartbeat(book.db, book.life, ClockReading(at(11)))
    if clean:
        ages_table.end_run(book.db, book.life, ClockReading(at(11)))
    begin = at(60) if boot == "boot-1" else Moment(WALL + 60_000, 5000)
    book.start(boot, begin)
    assert book.life.previous_end == cause
    assert book.enrol(begin.plus_ms(500)) == Tail(2, (b"\1" * 32).hex())
    assert book.gaps() == [(10, 60, cause), (60, None, "starting")]


def test_a_gap_that_lasted_goes_on_to_the_last_sign_of_life(book: Book) -> None:
    book.enrol(at(0))
    book.gap(at(2), GapCause.UNREACHABLE, at(2))
    ages_table.heartbeat(book.db, book.life, ClockReading(at(40)))
    book.start("boot-1", at(60))
    book.enrol(at(60))
    assert book.gaps() == [(0, 2, "starting"), (2, 40, "unreachable"), (40, 60, "daemon-crash"), (60, None, "starting")]


def test_a_gap_of_stopping_goes_on_to_the_next_start(book: Book) -> None:
    book.enrol(at(0))
    book.gap(at(2), GapCause.DAEMON_STOPPED, at(2))
    ages_table.end_run(book.db, book.life, ClockReading(at(3)))
    book.start("boot-1", at(60))
    book.enrol(at(60))
    assert book.gaps() == [(0, 2, "starting"), (2, 60, "daemon-stopped"), (60, None, "starting")]


def test_what_was_in_progress_moves_the_gap_once_it_is_salvaged(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.start("boot-1", at(60))
    book.enrol(at(60))
    assert book.gaps() == [(0, 60, "daemon-crash"), (60, None, "starting")]
    book.open(2, at(61))
    row = segment_by_seq(book.db, "lobby", 1)
    assert row is not None
    segments_table.complete(book.db, row, 9000, 500, b"\1" * 32, 10, protect=pins_table.match)
    assert book.gaps() == [(9, 60, "daemon-crash"), (60, 61, "starting")]
    assert book.coverage(70) == (18_000, 52_000, 0)


def test_a_start_that_recorded_nothing_does_not_hide_how_the_last_recording_ended(book: Book) -> None:
    book.enrol(at(0))
    book.start("boot-2", Moment(WALL + 50_000, 5000))
    book.start("boot-2", Moment(WALL + 60_000, 15_000))
    assert book.life.previous_end is GapCause.POWER_LOSS


def test_a_camera_that_was_not_configured_for_a_run_was_disabled(book: Book) -> None:
    book.enrol(at(0))
    book.enrol(at(0), "door")
    book.open(1, at(0))
    book.close(1, at(10))
    book.start("boot-1", at(20))
    book.enrol(at(20), "door")
    book.start("boot-1", at(90))
    book.enrol(at(95))
    assert book.gaps() == [(10, 95, "disabled"), (95, None, "starting")]


def test_a_disabled_camera_stays_disabled_over_a_restart(book: Book) -> None:
    book.enrol(at(0))
    book.gap(at(1), GapCause.DISABLED, at(1))
    book.start("boot-1", at(50))
    book.enrol(at(50))
    assert book.gaps() == [(0, 1, "starting"), (1, 50, "disabled"), (50, None, "starting")]


def test_enrolled_again_in_one_run_the_state_goes_on(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(2))
    book.enrol(at(5))
    assert book.gaps() == [(0, 2, "starting")]
    book.close(1, at(6))
    book.gap(None, GapCause.DISABLED, at(6))
    book.enrol(at(9))
    assert book.gaps() == [(0, 2, "starting"), (6, 9, "disabled"), (9, None, "starting")]


def test_boottime_that_runs_backwards_is_a_new_boot(book: Book) -> None:
    ages_table.heartbeat(book.db, book.life, ClockReading(at(100)))
    assert book.start("boot-1", at(100)).boot == 1
    assert book.start("boot-1", at(40)).boot == 2
    assert [boot.ran_ms for boot in ages_table.boots(book.db)] == [100_000, 40_000]


def test_the_epoch_goes_on_unless_the_clock_was_stepped(book: Book) -> None:
    ages_table.heartbeat(book.db, book.life, ClockReading(at(100)))
    assert book.start("boot-1", at(110)).epoch == 1
    assert book.start("boot-1", at(120, wall_offset_s=0.4)).epoch == 1
    assert book.start("boot-1", at(130, wall_offset_s=2)).epoch == 2
    assert ages_table.begin_epoch(book.db, 1, at(140), synced=True) == 3
    assert book.start("boot-2", at(150)).epoch == 4


# --- segments and counters --------------------------------------------------------------------------------------


def test_a_segment_is_opened_once_and_committed_once(book: Book) -> None:
    with pytest.raises(UnknownCamera):
        book.open(1, at(0))
    book.enrol(at(0))
    book.open(1, at(0))
    with pytest.raises(NotOpen, match="exists"):
        book.open(1, at(1))
    with pytest.raises(NotOpen, match="never opened"):
        book.close(2, at(5))
    first = book.close(1, at(10))
    assert book.close(1, at(10)) == first
    assert book.counted() == [(1, 1000)]
    with pytest.raises(NotOpen, match="committed already"):
        segments_table.commit_segment(
            book.db, Closing("lobby", 1, at(10), 1000, b"\7" * 32, 1), protect=pins_table.match
        )
    assert (first.state, first.start, first.end) == (SegmentState.COMMITTED, at(0), at(10))


def test_counters_follow_what_comes_and_goes(book: Book) -> None:
    book.enrol(at(0))
    long_kept = Bounds(600, 3000)
    for seq, bounds in ((1, BOUNDS), (2, BOUNDS), (3, long_kept)):
        book.open(seq, at(seq), bounds=bounds)
        book.close(seq, at(seq + 1), size=100 * seq)
    assert book.counted() == [(2, 300), (1, 300)]
    assert queries.ring_of_volume(book.db, VOLUME)[:2] == (3, 600)
    row = segment_by_seq(book.db, "lobby", 1)
    assert row is not None
    segments_table.discard(book.db, row)
    assert queries.ring_of_volume(book.db, VOLUME)[:2] == (3, 600), "until it is unlinked it takes its space"
    segments_table.forget(book.db, row)
    segments_table.forget(book.db, row)
    assert book.counted() == [(1, 200), (1, 300)]
    last = segment_by_seq(book.db, "lobby", 3)
    assert last is not None
    segments_table.discard(book.db, last)
    segments_table.forget(book.db, last)
    assert book.counted() == [(1, 200)]


def test_what_was_destroyed_was_recorded(book: Book) -> None:
    fill(book, ("lobby",), 6)
    for seq in (1, 4, 2, 6, 3):
        row = segment_by_seq(book.db, "lobby", seq)
        assert row is not None
        segments_table.discard(book.db, row)
        segments_table.forget(book.db, row)
        assert book.coverage(60) == (60_000, 0, 0)
    spans = book.db.execute("SELECT start_boottime_ms, end_boottime_ms FROM destroyed ORDER BY 1").fetchall()
    assert spans == [(0, 40_000), (50_000, 60_000)]


@pytest.mark.parametrize(("boot", "now", "end"), [("boot-1", 12, 12), ("boot-1", 500, 40), ("boot-2", 5, 40)])
def test_the_floor_of_what_cannot_be_read_runs_from_the_last_sign_of_life(
    book: Book, boot: str, now: float, end: float
) -> None:
    book.enrol(at(0))
    book.open(1, at(4))
    ages_table.heartbeat(book.db, book.life, ClockReading(at(10)))
    book.start(boot, at(now))
    row = segment_by_seq(book.db, "lobby", 1)
    assert row is not None
    segments_table.quarantine(
        book.db,
        row,
        Point.of(book.life.boot, at(now)),
        "name",
        7,
        b"\1" * 32,
        GapCause.WORKER_CRASH,
        "",
        protect=pins_table.match,
    )
    set_aside = segment_by_id(book.db, row.id)
    assert set_aside is not None
    assert set_aside.end == Point.of(1, at(end))
    segments_table.discard(book.db, set_aside)
    segments_table.forget(book.db, set_aside)
    assert book.db.execute("SELECT count(*) FROM destroyed").fetchone() == (0,), "nobody knows that it was footage"


def test_the_last_segments_are_the_last_by_number_not_by_wall_clock(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "RATE_SEGMENTS", 3)
    book.enrol(at(0))
    for seq in range(1, 5):
        book.open(seq, at(10 * seq))
        book.close(seq, at(10 * seq + 10), size=9000)
    for seq in range(5, 8):
        book.open(seq, at(10 * seq, wall_offset_s=-86_400))
        book.close(seq, at(10 * seq + 10, wall_offset_s=-86_400), size=500)
    assert ring_table.paces(book.db, book.life.run) == [ring_table.CameraPace("lobby", 500, 10_000, ())]
    (lobby,) = queries.usage(book.db, Point.of(1, at(100)))
    assert (lobby.newest, lobby.bytes_per_day) == (at(80, wall_offset_s=-86_400), 50 * 86_400)
    assert queries.newest_starts(book.db) == [("lobby", at(70, wall_offset_s=-86_400).wall_ms)]


@pytest.mark.parametrize(
    ("last", "segment_ms", "like"),
    [
        ([], 600_000, (0, 0)),
        ([(900, 60_000), (1000, 61_000), (800, 59_000)], 0, (1000, 61_000)),
        ([(900, 60_000), (1000, 61_000), (800, 59_000)], 60_000, (1000, 61_000)),
        ([(900, 60_000), (1000, 61_000), (800, 59_000)], 10_000, (1000, 61_000)),
        ([(900, 60_000), (1000, 61_000), (800, 59_000)], 600_000, (9000, 600_000)),
        ([(20, 1_000), (1000, 60_000), (1000, 60_000)], 60_500, (1010, 60_500)),
        ([(500, 2_000), (500, 2_000), (500, 2_000)], 600_000, (500, 2_000)),
    ],
    ids=["none yet", "as they were", "as long", "shorter", "ten times as long", "one was cut short", "too little"],
)
def test_the_next_segment_is_like_the_last_or_as_their_rate_makes_of_longer_ones(
    last: list[tuple[int, int]], segment_ms: int, like: tuple[int, int]
) -> None:
    assert ring_table.likely(last, segment_ms) == like


def test_the_tail_follows_the_chain(book: Book) -> None:
    book.enrol(at(0))
    book.open(1, at(0))
    book.open(2, at(10))
    book.close(2, at(20))
    book.close(1, at(10))
    assert segments_table.tail(book.db, "lobby") == Tail(3, (b"\2" * 32).hex()), (
        "a late commit does not turn the chain back"
    )


# --- questions --------------------------------------------------------------------------------------------------


def fill(book: Book, cameras: tuple[str, ...], count: int) -> None:
    for camera in cameras:
        book.enrol(at(0), camera)
        for seq in range(1, count + 1):
            book.open(seq, at(10 * (seq - 1)), camera)
            book.close(seq, at(10 * seq), camera=camera)


def test_pages_join_to_the_whole_list(book: Book) -> None:
    fill(book, ("lobby", "door"), 12)
    whole = queries.segments(book.db, None, None, None, None, 1000)
    assert [(one.camera, one.seq) for one in whole] == [(c, n) for c in ("door", "lobby") for n in range(1, 13)]
    paged: list[Segment] = []
    while page := queries.segments(book.db, None, None, None, paged[-1] if paged else None, 5):
        assert len(page) <= 5
        paged += page
    assert paged == whole


def test_gaps_come_in_pages_too(book: Book) -> None:
    book.enrol(at(0))
    for number in range(20):
        cause = GapCause.STALLED if number % 2 else GapCause.DROPPED
        book.gap(at(number + 1), cause, at(number + 1))
    whole = queries.gaps(book.db, None, None, None, None, 1000)
    assert len(whole) == 21
    paged: list[Gap] = []
    while page := queries.gaps(book.db, "lobby", None, None, paged[-1] if paged else None, 4):
        paged += page
    assert paged == whole
    assert all(left.end == right.start for left, right in pairwise(whole))


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [(0, 30, [1, 2, 3]), (9, 11, [1, 2]), (10, 20, [2]), (None, 1, [1]), (29, None, [3]), (30, 99, [])],
)
def test_an_interval_finds_what_touches_it(
    book: Book, start: float | None, end: float | None, found: list[int]
) -> None:
    fill(book, ("lobby",), 3)
    start_ms, end_ms = (None if second is None else WALL + round(second * 1000) for second in (start, end))
    assert [one.seq for one in queries.segments(book.db, "lobby", start_ms, end_ms, None, 1000)] == found


def test_usage_comes_from_counters(book: Book) -> None:
    fill(book, ("lobby",), 6)
    book.enrol(at(0), "door")
    door, lobby = queries.usage(book.db, Point.of(1, at(100)))
    assert (lobby.segments, lobby.bytes, lobby.oldest, lobby.oldest_age_ms) == (6, 6000, at(0), 100_000)
    assert (lobby.newest, lobby.bytes_per_day) == (at(60), 6000 / 60_000 * 86_400_000)
    assert (door.segments, door.oldest, door.oldest_age_ms, door.bytes_per_day) == (0, None, None, None)


def test_coverage_reads_in_pages(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(book, ("lobby",), 50)
    monkeypatch.setattr(coverage_queries, "PAGE_MAX", 7)
    book.gap(None, GapCause.STALLED, at(500))
    assert book.coverage(520) == (500_000, 20_000, 0)


def test_coverage_of_a_camera_nobody_knows(book: Book) -> None:
    assert coverage_queries.of(lambda query: query(book.db), "attic", 0, WALL, None).known_since_ms is None


def test_alarms_rise_once_and_count(book: Book) -> None:
    assert alarms_table.raise_alarm(book.db, "disk.full", Severity.WARNING, Message("80 %"), Message("clean"), 1)
    assert not alarms_table.raise_alarm(book.db, "disk.full", Severity.CRITICAL, Message("99 %"), Message("hurry"), 2)
    assert not alarms_table.clear_alarm(book.db, "clock", 3)
    assert alarms_table.clear_alarm(book.db, "disk.full", 3)
    assert not alarms_table.clear_alarm(book.db, "disk.full", 4)
    assert alarms_table.raise_alarm(book.db, "disk.full", Severity.WARNING, Message("81 %"), Message("clean"), 5)
    alarms_table.raise_alarm(book.db, "clock", Severity.INFO, Message("not synced"), NOTHING, 6)
    assert [(one.key, one.raised, one.since_ms, one.count) for one in alarms_table.alarms(book.db)] == [
        ("clock", True, 6, 1),
        ("disk.full", True, 1, 2),
    ], "flapping is one occurrence, since its first time"
    alarms_table.clear_alarm(book.db, "disk.full", 7)
    late = 8 + alarms_table.FLAP_MS
    alarms_table.raise_alarm(book.db, "disk.full", Severity.WARNING, Message("81 %"), Message("clean"), late)
    (again,) = (one for one in alarms_table.alarms(book.db) if one.key == "disk.full")
    assert (again.since_ms, again.count) == (late, 1)


def test_an_alarm_that_stood_before_there_were_codes_has_one_once_it_is_seen_again(book: Book) -> None:
    alarms_table.raise_alarm(book.db, "disk.full", Severity.WARNING, Message("the disk is full"), NOTHING, 1)
    sent = book.db.execute("SELECT count(*) FROM outbox").fetchone()
    coded = message("alarm.full", "the disk is full")
    assert not alarms_table.raise_alarm(book.db, "disk.full", Severity.WARNING, coded, NOTHING, 2)
    (alarm,) = alarms_table.alarms(book.db)
    assert (alarm.text, alarm.text.code) == (coded, "alarm.full")
    assert book.db.execute("SELECT count(*) FROM outbox").fetchone() == sent, "no news"


def test_alarms_of_what_is_gone_do_not_pile_up(book: Book) -> None:
    """S12: pins, devices and volumes have names of their own, for years."""
    for number in range(alarms_table.CLEARED_MAX + 50):
        alarms_table.raise_alarm(book.db, f"pin.ending:{number}", Severity.INFO, Message("it ends"), NOTHING, number)
        if number:
            assert alarms_table.clear_alarm(book.db, f"pin.ending:{number}", number)
    kept = alarms_table.alarms(book.db)
    assert [alarm.key for alarm in kept if alarm.raised] == ["pin.ending:0"], "one that stands is never forgotten"
    assert len(kept) == alarms_table.CLEARED_MAX + 1
    assert kept[1].key == f"pin.ending:{alarms_table.CLEARED_MAX + 49}"
