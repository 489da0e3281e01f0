"""The store with real files: restart after a kill, recovery, the ring, volumes. See storage/store/facade.py."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from storage.database.migrations import FIRST
from storage.database.writer import Database
from storage.recovery import salvage
from storage.retention.bounds import WAIT_MS
from storage.retention.plan import Policy, Reason
from storage.ring import sweep
from storage.ring.service import LifecycleStage, TimeFromNow
from storage.store.facade import Store
from storage.volumes.volume import VolumeSpec
from storage.words import failpoints
from storage.words.errors import (
    DatabaseDamaged,
    NodeChanged,
    NotOpen,
    StateLocked,
    StateUnusable,
    StoreClosed,
    VolumeRefused,
)
from storage.words.failpoints import Failpoint
from storage.words.layout import IDENTITY_NAME, QUARANTINE_SUFFIX, part_path, segment_path
from storage.words.message import Message
from storage.words.model import Bounds, GapCause, Moment, Salvaged, SegmentState, Severity, VolumeState, VolumeStatus
from tests.support import tiny_mp4
from tests.support.office import CAMERA_OFFSET_MS, DEADLINE_S, Office, Recording, sha256
from tests.support.tiny_mp4 import FRAGMENT_MS


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    box = Office(tmp_path)
    box.enrol("lobby")
    yield box
    box.store.close()


def left_behind(office: Office, fragments: int = 3, *, torn: bool = False) -> Recording:
    """A segment whose worker was killed in its middle."""
    recording = office.record("lobby")
    recording.write(fragments)
    if torn:
        recording.file.write(tiny_mp4.fragment(fragments)[:-7])
    recording.file.abandon()
    office.clock.tick(5000)
    return recording


def causes(office: Office) -> list[tuple[str, int]]:
    """Gaps of the lobby: cause and length; one that lasts counts as -1."""
    found = office.store.gaps("lobby", None, None)
    return [(gap.cause.value, -1 if gap.end is None else gap.end.wall_ms - gap.start.wall_ms) for gap in found]


# --- taking hold ------------------------------------------------------------------------------------------------


def test_one_daemon_holds_a_state_directory(office: Office) -> None:
    with pytest.raises(StateLocked, match=str(os.getpid())):
        office.open()


def test_what_could_not_be_held_is_let_go(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.store.close()
    shutil.move(office.disk, tmp_path / "elsewhere")
    with pytest.raises(VolumeRefused):
        office.open()
    shutil.move(tmp_path / "elsewhere", office.disk)
    office.start()
    assert office.store.run == 2, "a start that failed was no run"
    office.store.close()


def test_a_state_directory_that_is_a_file_is_said_to_be_one(office: Office, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnusable) as refused:
        Store.open(state=tmp_path / "file", node="wenshan", volumes=office.specs, clock=office.clock)
    assert refused.value.action


def test_a_database_of_a_later_version_is_refused_and_everything_let_go(office: Office) -> None:
    office.store.close()
    with closing(sqlite3.connect(office.state / "edged.db")) as db:
        db.execute("UPDATE _sqlite_migrations SET name = '9999_later' WHERE name = ?", (FIRST,))
        db.commit()
    with pytest.raises(DatabaseDamaged, match="later version"):
        office.open()
    with closing(sqlite3.connect(office.state / "edged.db")) as db:
        db.execute("UPDATE _sqlite_migrations SET name = ? WHERE name = '9999_later'", (FIRST,))
        db.commit()
    with pytest.raises(NodeChanged, match='this box is "wenshan" for good') as refused:
        _open_as(office, "another-node")
    assert refused.value.action == 'write it back: node = "wenshan"'
    office.start()


def _open_as(office: Office, node: str) -> Store:
    return Store.open(state=office.state, node=node, volumes=office.specs, clock=office.clock)


def test_opening_does_not_grow_with_what_is_stored(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in steps of SQLite's machine, not in time."""

    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    original = Database.__init__

    def counting(self: Database, *given: Any) -> None:
        original(self, *given)
        self._connection.set_progress_handler(count, 10)

    def steps() -> int:
        nonlocal taken
        office.store.close()
        with monkeypatch.context() as patched:
            patched.setattr(Database, "__init__", counting)
            taken = 0
            office.start()
            office.enrol("lobby")
        return taken

    few = steps()
    office.store.close()
    with closing(sqlite3.connect(office.state / "edged.db")) as db, db:
        volume = db.execute("SELECT number FROM volumes").fetchone()[0]
        db.executemany(
            "INSERT INTO segments (camera, seq, volume, state, run, boot, start_boottime_ms, start_wall_ms, sha256,"
            " floor_s, ceiling_s, epoch, synced) VALUES (1, ?, ?, 'committed', 1, 1, ?, ?, zeroblob(32), 1, 2, 1, 1)",
            ((100 + n, volume, n, n) for n in range(5000)),
        )
    assert few > 0
    assert steps() <= few + 20


# --- recording and restart --------------------------------------------------------------------------------------


def test_segments_are_found_as_they_lie_on_disk(office: Office) -> None:
    office.clock.tick(1000)
    segments = [office.segment("lobby") for _ in range(3)]
    found = office.store.segments("lobby", None, None)
    assert found == segments
    for segment in found:
        assert segment.path.stat().st_size == segment.bytes
        assert sha256(segment.path) == segment.sha256
    assert causes(office) == [("starting", 1000)]
    assert office.store.tail("lobby").previous_sha256 == segments[-1].sha256.hex()


@pytest.mark.parametrize("torn", [False, True])
def test_after_a_kill_the_part_is_cut_and_adopted(office: Office, torn: bool) -> None:
    office.segment("lobby")
    recording = left_behind(office, torn=torn)
    office.crash()
    office.clock.tick(2000)
    office.start()
    assert office.store.previous_end is GapCause.DAEMON_CRASH
    office.enrol("lobby")
    after = office.segment("lobby")
    report = office.store.recover()
    assert (report.adopted, report.left) == (1, ())
    _, salvaged, latest = office.store.segments("lobby", None, None)
    assert latest == after
    assert (salvaged.seq, salvaged.camera_offset_ms) == (recording.opening.seq, CAMERA_OFFSET_MS)
    assert latest.camera_offset_ms is None, "its worker closed it without having heard"
    assert salvaged.end.wall_ms - salvaged.start.wall_ms == 3 * FRAGMENT_MS
    story = salvaged.path.read_bytes()
    assert story.endswith(tiny_mp4.fragment(2))
    assert (sha256(salvaged.path), len(story)) == (salvaged.sha256, salvaged.bytes)
    assert causes(office) == [("daemon-crash", 7000 - 3 * FRAGMENT_MS)]
    assert not any(name.endswith(".part") for name in office.files())
    again = office.store.recover()
    assert (again.adopted, again.unproven, again.quarantined, again.without_file) == (0, 0, 0, 0)


def test_a_renamed_file_without_a_committed_row_is_adopted(office: Office) -> None:
    recording = office.record("lobby")
    recording.write(4)
    recording.close()
    office.crash()
    office.start()
    assert office.store.recover().adopted == 1
    (segment,) = office.store.segments("lobby", None, None)
    assert (segment.sha256, segment.unproven) == (sha256(segment.path), False)


def test_a_commit_cut_off_between_two_names_ends_with_one(office: Office) -> None:
    recording = office.record("lobby")
    recording.write(4)
    sealed = recording.close()
    path = office.disk / segment_path("lobby", recording.opening.start.wall_ms, recording.opening.seq)
    os.link(path, path.with_name(path.name + ".part"))
    office.crash()
    office.start()
    assert office.store.recover().adopted == 1
    assert office.files() == [str(path.relative_to(office.disk))]
    assert office.store.segments("lobby", None, None)[0].bytes == sealed.bytes


def test_an_open_row_without_a_file_ends_as_a_gap(office: Office) -> None:
    office.segment("lobby")
    office.store.open_segment(office.opening("lobby")).result(DEADLINE_S)
    office.clock.tick(3000)
    office.crash()
    office.start()
    office.enrol("lobby")
    assert office.store.recover().without_file == 1
    assert causes(office) == [("daemon-crash", 3000), ("starting", -1)]
    assert len(office.store.segments("lobby", None, None)) == 1


def test_an_empty_part_is_removed(office: Office) -> None:
    office.store.open_segment(office.opening("lobby")).result(DEADLINE_S)
    path = office.disk / segment_path("lobby", office.clock.wall_ms, 1)
    path.parent.mkdir(parents=True)
    part_path_of(path).write_bytes(b"")
    office.crash()
    office.start()
    assert office.store.recover().without_file == 1
    assert office.files() == []


def part_path_of(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def test_what_cannot_be_read_is_quarantined_and_counts(office: Office) -> None:
    recording = office.record("lobby")
    recording.file.abandon()
    office.crash()
    office.start()
    office.enrol("lobby")
    report = office.store.recover()
    assert (report.quarantined, report.adopted) == (1, 0)
    (name,) = office.files()
    assert name.endswith(".mp4.quarantined")
    assert office.store.segments("lobby", None, None) == []
    assert office.store.volumes()[0].segments == 1
    assert office.store.recover().quarantined == 0
    office.clock.tick(301_000)
    assert office.store.sweep(Policy).destroyed == 1, "the ceiling holds for quarantine too (S3)"
    assert office.files() == []


def test_a_segment_being_written_is_never_touched(office: Office) -> None:
    recording = office.record("lobby")
    recording.write(2)
    office.crash()
    office.start()
    office.enrol("lobby")
    report = office.store.recover()
    assert report.adopted == 0
    assert "still being written" in report.left[0]
    assert report.again
    recording.write(1)
    office.clock.tick(3 * FRAGMENT_MS)
    recording.file.abandon()
    report = office.store.recover()
    assert (report.adopted, report.again) == (1, False)
    (segment,) = office.store.segments("lobby", None, None)
    assert segment.end == segment.start.plus_ms(3 * FRAGMENT_MS)


def test_recovery_does_not_look_at_this_runs_segments(office: Office) -> None:
    running = office.record("lobby")
    running.write(2)
    report = office.store.recover()
    assert (report.adopted, report.unproven, report.left) == (0, 0, ())
    office.clock.tick(2 * FRAGMENT_MS)
    assert office.commit(running).state is SegmentState.COMMITTED


def test_a_part_without_a_row_is_adopted_from_its_own_story(office: Office) -> None:
    stray = office.record("lobby")
    stray.write(3)
    stray.file.abandon()
    with closing(sqlite3.connect(office.state / "edged.db")) as db, db:
        db.execute("DELETE FROM segments")
    report = office.store.recover()
    assert (report.unproven, report.quarantined) == (1, 0)
    (segment,) = office.store.segments("lobby", None, None)
    assert segment.unproven
    assert segment.camera_offset_ms == CAMERA_OFFSET_MS
    assert (segment.start, segment.bounds, segment.boot) == (stray.opening.start, stray.opening.bounds, 1)
    assert sha256(segment.path) == segment.sha256


def test_a_part_of_a_boot_nobody_counted_ages_from_now(office: Office) -> None:
    stray = office.record("lobby")
    stray.write(3)
    stray.file.abandon()
    with closing(sqlite3.connect(office.state / "edged.db")) as db, db:
        db.execute("DELETE FROM segments")
        db.execute("UPDATE boots SET boot_id = 'another'")
    office.clock.tick(100_000)
    assert office.store.recover().unproven == 1
    explained = office.store.ring.explain("lobby", 1, Policy())
    assert explained.decision is not None
    assert explained.decision.candidate.end_age.low_ms == 0


def test_the_number_and_the_start_of_a_segment_are_in_the_name_of_its_file(office: Office) -> None:
    segment = office.segment("lobby")
    (begun,) = office.store.ring.begun(segment.seq).items()
    assert segment.path == office.disk / segment_path(*begun, segment.seq)
    assert office.store.ring.begun(segment.seq + 1) == {}


def test_a_file_that_lies_about_itself_is_quarantined(office: Office) -> None:
    office.segment("lobby")
    elsewhere = office.opening("lobby", start=Moment(office.clock.wall_ms + 77, 1))
    path = office.disk / segment_path("lobby", office.clock.wall_ms, 99)
    path.write_bytes(tiny_mp4.segment(office.story(elsewhere).to_json(), 2))
    damaged = office.disk / segment_path("lobby", office.clock.wall_ms + 1, 98)
    damaged.write_bytes(b"nonsense")
    assert office.store.recover().quarantined == 2
    assert sum(name.endswith(".quarantined") for name in office.files()) == 2
    assert office.store.usage()[0].segments == 3


def test_a_volume_that_is_away_keeps_its_rows(office: Office, tmp_path: Path) -> None:
    left_behind(office)
    shutil.move(office.disk, tmp_path / "away")
    office.disk.mkdir()
    office.crash()
    spare = tmp_path / "spare"
    spare.mkdir()
    office.specs = (*office.specs, VolumeSpec(spare, None, None, None))
    office.start()
    first, second = office.store.volumes()
    assert (first.state, second.state) == (VolumeState.AWAY, VolumeState.IN_SERVICE)
    assert first.reason
    report = office.store.recover()
    assert (report.without_file, len(report.left)) == (0, 1)
    assert "away" in report.left[0]
    office.crash()
    office.disk.rmdir()
    shutil.move(tmp_path / "away", office.disk)
    office.start()
    assert office.store.recover().adopted == 1


def test_a_volume_that_comes_back_is_taken_back_without_a_restart(office: Office, tmp_path: Path) -> None:
    """Another mount of the same disk, as after a repair; meanwhile nobody holds it, or it could not be repaired."""
    office.enrol("lobby")
    office.segment("lobby")
    away = tmp_path / "away"
    shutil.move(office.disk, away)
    office.disk.mkdir()
    (status,) = office.store.volumes()
    assert (status.state, status.segments) == (VolumeState.AWAY, 1)
    assert office.store.choose_volume() is GapCause.IO_ERROR
    assert list(office.disk.iterdir()) == [], "S10: it is not begun anew"
    assert not [fd for fd in Path("/proc/self/fd").iterdir() if os.path.realpath(fd) == str(away)]
    office.disk.rmdir()
    shutil.copytree(away, office.disk)
    (status,) = office.store.volumes()
    assert (status.state, status.segments) == (VolumeState.IN_SERVICE, 1)
    office.segment("lobby")


def test_another_disk_in_its_place_is_not_taken_for_it(office: Office, tmp_path: Path) -> None:
    shutil.move(office.disk, tmp_path / "away")
    office.disk.mkdir()
    identity = {"schema": "edged.volume/1", "volume": "another", "node": "wenshan"}
    (office.disk / IDENTITY_NAME).write_text(json.dumps(identity))
    for _ in range(2):
        (status,) = office.store.volumes()
        assert status.state is VolumeState.AWAY
    assert "this is volume another" in status.reason


# --- a worker dies ----------------------------------------------------------------------------------------------


def test_what_a_dead_worker_left_is_salvaged_and_the_gap_moves(office: Office) -> None:
    left_behind(office, torn=True)
    office.store.begin_gap("lobby", None, GapCause.WORKER_CRASH, "signal 11").result(DEADLINE_S)
    assert causes(office) == [("worker-crash", -1)]
    (segment,) = office.salvage("lobby").segments
    (gap,) = office.store.gaps("lobby", None, None)
    assert gap.start == segment.end
    assert segment.end == segment.start.plus_ms(3 * FRAGMENT_MS)
    assert office.salvage("lobby") == Salvaged((), ())


def test_one_segment_is_given_up_while_the_next_is_recorded(office: Office) -> None:
    left_behind(office)
    following = office.opening("lobby")
    office.store.open_segment(following).result(DEADLINE_S)
    (segment,) = office.store.salvage("lobby", GapCause.IO_ERROR, "EIO", seq=1).result(DEADLINE_S).segments
    assert segment.seq == 1
    assert causes(office) == [("io-error", 5000 - 3 * FRAGMENT_MS)]
    office.clock.tick(1000)
    assert office.store.begin_gap("lobby", None, GapCause.STALLED, "").result(DEADLINE_S) is None
    assert office.store.gaps("lobby", None, None)[-1].start == following.start, "its row is still in progress"


def test_a_commit_told_after_the_salvage_is_the_same_segment(office: Office) -> None:
    recording = office.record("lobby")
    recording.write(4)
    closing_told = recording.close()
    (salvaged,) = office.salvage("lobby").segments
    assert office.store.commit_segment(closing_told).result(DEADLINE_S) == salvaged
    assert office.store.volumes()[0].segments == 1


def test_a_commit_that_overtakes_a_salvage_is_counted_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = office.record("lobby")
    recording.write(4)
    told = recording.close()
    seal = salvage.Salvager._seal

    def overtaken(*of: Any) -> Any:
        office.store.commit_segment(told).result(DEADLINE_S)
        return seal(*of)

    monkeypatch.setattr(salvage.Salvager, "_seal", overtaken)
    assert office.salvage("lobby") == Salvaged((), ())
    assert office.store.volumes()[0].segments == 1
    assert len(office.store.segments("lobby", None, None)) == 1


def test_a_closed_store_refuses(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.store.close()
    office.store.close()
    for future in (office.store.salvage("lobby", GapCause.WORKER_CRASH, "", seq=1), office.store.heartbeat()):
        with pytest.raises(StoreClosed):
            future.result(DEADLINE_S)


# --- the ring ---------------------------------------------------------------------------------------------------


def turn(office: Office, configured: dict[str, Bounds] | None = None) -> list[int]:
    office.store.sweep(lambda: Policy(configured or {}))
    return [segment.seq for segment in office.store.segments("lobby", None, None)]


def test_what_is_past_its_ceiling_goes_and_nothing_else(office: Office) -> None:
    for _ in range(4):
        office.segment("lobby")
        office.clock.tick(8000)
    assert turn(office) == [1, 2, 3, 4]
    office.clock.tick(300_000 - 40_000 + 1000)
    assert turn(office) == [2, 3, 4]
    office.clock.step_wall(400 * 86_400_000)
    assert turn(office) == [2, 3, 4], "a wall clock destroys nothing (S7)"
    office.clock.step_wall(-800 * 86_400_000)
    assert turn(office) == [2, 3, 4]
    office.clock.tick(10_000)
    assert turn(office) == [3, 4]
    assert office.files() == [
        str(segment.path.relative_to(office.disk)) for segment in office.store.segments("lobby", None, None)
    ]
    assert office.store.usage()[0].segments == 2


def test_a_shorter_ceiling_waits_a_day_and_then_frees_what_was_stamped_longer(office: Office) -> None:
    long, short = Bounds(60, 200_000), Bounds(60, 90)
    office.segment("lobby", bounds=long)
    assert turn(office, {"lobby": long}) == [1]
    office.clock.tick(WAIT_MS)
    assert turn(office, {"lobby": short}) == [1]
    office.clock.tick(WAIT_MS - 1)
    office.crash()
    office.start()
    assert turn(office, {"lobby": short}) == [1], "the wait outlives a restart"
    office.clock.tick(1)
    assert turn(office, {"lobby": short}) == []


def test_other_terms_behind_the_oldest_are_seen_too(office: Office) -> None:
    """A group of equal terms has its own head: a long ceiling in front does not hide a short one behind it."""
    office.segment("lobby", bounds=Bounds(60, 10_000))
    office.segment("lobby", bounds=Bounds(0, 5))
    office.clock.tick(6000)
    assert turn(office) == [1]


@pytest.fixture
def tight(tmp_path: Path) -> Iterator[Office]:
    """A quota of ten segments of five fragments."""
    box = Office(tmp_path, max_bytes=10 * 1800)
    box.enrol("lobby")
    yield box
    box.store.close()


def test_space_is_freed_oldest_first_and_never_below_the_floor(tight: Office) -> None:
    recorded = 0
    while isinstance(tight.store.choose_volume(), VolumeStatus):
        tight.segment("lobby")
        recorded += 1
        assert turn(tight) == list(range(1, recorded + 1)), "all younger than their floor of a minute"
    (volume,) = tight.store.volumes()
    assert (volume.state, volume.ring_bytes <= volume.limit_bytes) == (VolumeState.FULL, True)
    assert tight.store.sweep(Policy).blocked == (volume.id,)
    tight.clock.tick(61_000)
    report = tight.store.sweep(Policy)
    assert (report.destroyed, report.blocked) == (2, ()), "room for one in progress and for the next one"
    assert turn(tight) == list(range(3, recorded + 1))
    assert isinstance(tight.store.choose_volume(), VolumeStatus)


def test_a_long_floor_in_front_does_not_block_a_short_one_behind(
    tight: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "SLICE", 2)
    monkeypatch.setattr(sweep, "FIRST_PAGE", 1)
    monkeypatch.setattr(sweep, "PAGE_MAX", 2)
    tight.enrol("vault")
    for _ in range(6):
        tight.segment("vault", bounds=Bounds(100_000, 200_000))
    for _ in range(10):
        tight.segment("lobby", bounds=Bounds(1, 10_000))
    tight.clock.tick(2000)
    tight.store.sweep(Policy)
    assert len(tight.store.segments("vault", None, None)) == 6
    assert len(tight.store.segments("lobby", None, None)) < 6


def test_across_cameras_the_oldest_goes_first(tight: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "SLICE", 2)
    monkeypatch.setattr(sweep, "FIRST_PAGE", 1)
    monkeypatch.setattr(sweep, "PAGE_MAX", 2)
    tight.enrol("door")
    order = [tight.segment("lobby" if number % 4 else "door") for number in range(20)]
    tight.clock.tick(61_000)
    tight.store.sweep(Policy)
    left = {(segment.camera, segment.seq) for segment in tight.store.segments(None, None, None)}
    assert left == {(segment.camera, segment.seq) for segment in order[-len(left) :]}


def test_a_crash_in_the_middle_of_destroying_is_finished(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.segment("lobby")
    office.segment("lobby")
    office.clock.tick(400_000)

    def die(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(sweep, "unlink", die)
        report = office.store.sweep(Policy)
    assert (report.destroyed, len(report.failed)) == (0, 2)
    assert len(office.files()) == 2
    office.crash()
    office.start()
    assert office.store.recover().garbage == 2
    assert office.files() == []
    assert office.store.volumes()[0].segments == 0


def test_a_foreign_name_is_said_and_keeps_the_row(office: Office, tmp_path: Path) -> None:
    segment = office.segment("lobby")
    os.link(segment.path, tmp_path / "copy.mp4")
    office.clock.tick(400_000)
    report = office.store.sweep(Policy)
    assert report.destroyed == 0
    assert "another name" in report.failed[0]
    assert segment.path.exists()
    (tmp_path / "copy.mp4").unlink()
    assert office.store.sweep(Policy).destroyed == 1


def test_a_second_name_of_our_own_goes_too(office: Office) -> None:
    segment = office.segment("lobby")
    os.link(segment.path, part_path_of(segment.path))
    office.clock.tick(400_000)
    assert office.store.sweep(Policy).destroyed == 1
    assert office.files() == []


def test_what_was_planned_is_judged_again_before_it_is_garbage(office: Office) -> None:
    """A floor that became longer, or an age that became shorter, between plan and deed."""
    office.segment("lobby")
    office.clock.tick(100_000)
    decision = office.store.ring.explain("lobby", 1, Policy({"lobby": Bounds(10, 20)})).decision
    assert decision is not None
    assert decision.may_go
    planned = [replace(decision, destroy=True, reason=Reason.SPACE)]
    sweeper, database = office.store._sweeper, office.store._database

    def discarded(configured: dict[str, Bounds]) -> list[int]:
        fact = partial(sweeper._condemn, going=planned, configured=lambda: Policy(configured))
        return [row.seq for row in database.submit(fact).result(DEADLINE_S)]

    assert discarded({"lobby": Bounds(200, 300)}) == []
    assert discarded({"lobby": Bounds(10, 20)}) == [1]


def test_the_past_days_directories_go_with_their_last_segment(office: Office) -> None:
    office.segment("lobby")
    (day,) = (office.disk / "lobby").iterdir()
    office.clock.tick(3 * 86_400_000)
    office.store.sweep(Policy)
    assert not day.exists()
    assert (office.disk / "lobby").exists()


def test_explain_says_what_the_sweep_does(office: Office) -> None:
    office.segment("lobby")
    young = office.store.ring.explain("lobby", 1, Policy())
    assert young.decision is not None
    assert "must be kept" in young.decision.sentence()
    assert young.span == TimeFromNow(earliest_ms=60_000, latest_ms=298_000)
    office.clock.tick(298_000)
    old = office.store.ring.explain("lobby", 1, Policy())
    assert old.decision is not None
    assert old.decision.destroy
    office.store.sweep(Policy)
    gone = office.store.ring.explain("lobby", 1, Policy())
    assert (gone.stage, gone.rule, gone.decision) == (LifecycleStage.DESTROYED, "ceiling", None)
    with pytest.raises(NotOpen):
        office.store.ring.explain("lobby", 7, Policy())


# --- the rest of the facade -------------------------------------------------------------------------------------


def test_a_clock_step_opens_an_epoch(office: Office) -> None:
    assert office.store.epoch == 1
    office.clock.step_wall(10_000)
    assert office.store.clock_stepped(office.clock.now(), True).result(DEADLINE_S) == 2
    assert office.store.epoch == 2
    office.store.heartbeat().result(DEADLINE_S)
    office.store.close()
    office.start()
    assert office.store.epoch == 2


def test_alarms_are_rows(office: Office) -> None:
    assert office.store.alarms.raised("camera.down:lobby", Severity.CRITICAL, Message("down"), Message("look")).result(
        DEADLINE_S
    )
    assert office.store.alarms.cleared("camera.down:lobby").result(DEADLINE_S)
    (alarm,) = office.store.alarms.all()
    assert (alarm.key, alarm.raised, alarm.cleared_ms) == ("camera.down:lobby", False, office.clock.wall_ms)


def test_coverage_adds_up(office: Office) -> None:
    begin = office.clock.wall_ms
    office.clock.tick(1000)
    office.segment("lobby", 5)
    office.clock.tick(7000)
    office.store.begin_gap("lobby", None, GapCause.STALLED, "").result(DEADLINE_S)
    answer = office.store.coverage("lobby", begin - 50_000, office.clock.wall_ms + 50_000)
    assert (answer.covered_ms, answer.explained_ms, answer.unexplained_ms) == (2000, 8000, 0)
    assert (answer.known_since_ms, answer.gaps) == (begin, 2)


def test_a_clock_set_forward_in_a_gap_that_came_to_nothing_is_told(office: Office) -> None:
    """S9: a camera dropped its stream and was back in the same millisecond."""
    begin = office.clock.wall_ms
    office.segment("lobby", 5)
    office.store.begin_gap("lobby", None, GapCause.DROPPED, "").result(DEADLINE_S)
    office.clock.step_wall(3_600_000)
    office.segment("lobby", 5)
    answer = office.store.coverage("lobby", begin, office.clock.wall_ms)
    assert (answer.covered_ms, answer.explained_ms, answer.unexplained_ms) == (4000, 3_600_000, 0)


class Cut(BaseException):
    """The daemon dies here."""


def cut(step: Failpoint) -> None:
    if step is Failpoint.SALVAGE_NAMED:
        failpoints.arm(None)
        raise Cut


def aside(office: Office) -> tuple[int, str, int]:
    with closing(sqlite3.connect(office.state / "edged.db")) as db:
        (found,) = db.execute("SELECT seq, name, start_boottime_ms FROM segments WHERE state = 'quarantined'")
        return cast("tuple[int, str, int]", found)


@pytest.mark.parametrize("off_ms", [0, 30 * 86_400_000])
def test_a_crash_between_setting_aside_and_its_row(office: Office, off_ms: int) -> None:
    """S5, S3: the file has its new name and the row is still open; it gets it, with its own age and bounds."""
    recording = office.record("lobby")
    recording.file.write(b"torn")
    recording.file.abandon()
    path = office.disk / part_path(segment_path("lobby", recording.opening.start.wall_ms, 1))
    path.write_bytes(b"nothing that anybody could read")
    office.crash()
    office.clock.reboot(off_ms)
    office.start()
    failpoints.arm(cut)
    with pytest.raises(Cut):
        office.store.recover()
    failpoints.arm(None)
    assert office.files()[0].endswith(QUARANTINE_SUFFIX)
    office.crash()
    office.start()
    assert office.store.recover().quarantined == 1
    assert aside(office) == (1, office.files()[0], recording.opening.start.boottime_ms)
    assert office.store.volumes()[0].segments == 1


def test_a_crash_between_setting_an_orphan_aside_and_its_row(office: Office) -> None:
    made = office.segment("lobby")
    stranger = made.path.with_name(made.path.name.replace("-1.", "-99."))
    stranger.write_bytes(b"nothing that anybody could read")
    failpoints.arm(cut)
    with pytest.raises(Cut):
        office.store.recover()
    failpoints.arm(None)
    office.crash()
    office.start()
    assert office.store.recover().quarantined == 1
    assert aside(office)[:2] == (99, next(name for name in office.files() if name.endswith(QUARANTINE_SUFFIX)))
    assert office.store.recover().quarantined == 0


def test_quarantine_of_a_taken_name_is_left(office: Office) -> None:
    recording = office.record("lobby")
    recording.file.abandon()
    taken = office.disk / part_path(segment_path("lobby", recording.opening.start.wall_ms, 1))
    taken.with_name(taken.name.removesuffix(".part") + QUARANTINE_SUFFIX).write_bytes(b"x")
    office.crash()
    office.start()
    report = office.store.recover()
    assert report.quarantined == 1, "what has the name, and no row"
    assert report.left
