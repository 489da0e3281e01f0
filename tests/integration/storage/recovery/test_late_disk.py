"""A database is lost while the disk with its last leaves is away: what is told without them is put right by them (S9).

The head beside the database is up to ten minutes older than the leaves. So gaps are told of time in which there was
footage, or that had another cause, until the disk is there.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from storage.mirror import service as mirror
from storage.recovery import walk
from storage.retention.plan import Policy
from storage.segments.gaps_table import JOIN_MS
from storage.volumes.volume import VolumeSpec
from storage.words import failpoints
from storage.words.errors import StoreError
from storage.words.failpoints import Failpoint
from storage.words.model import GapCause
from tests.conftest import Profile
from tests.support import promises
from tests.support.office import BOUNDS, DEADLINE_S, Office, in_memory

HOUR_MS = 3_600_000
WHO = {"who": "chen", "reason": "a disk is replaced"}
CAUSES = (GapCause.UNREACHABLE, GapCause.REFUSED, GapCause.STALLED, GapCause.DISABLED)
CAMERAS = ("door", "lobby")


@pytest.fixture(autouse=True)
def _mirrored_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "ROUND_S", 1e6)


@pytest.fixture
def office(memory: Path) -> Iterator[Office]:
    opened = Office(memory)
    opened.enrol("door")
    opened.segment("door")
    yield opened
    opened.store.close(clean=False)


def drops(office: Office, cause: GapCause, camera: str = "door") -> None:
    office.store.begin_gap(camera, office.clock.now(), cause, "").result(DEADLINE_S)


def loses_database(office: Office) -> None:
    for file in office.state.glob("edged.db*"):
        file.unlink()


def loses(office: Office) -> Path:
    """The database and the disk; there is a new one instead. Where the old one lies."""
    loses_database(office)
    return starts_without(office)


def crashes_and_loses(office: Office, down_ms: int = 0) -> Path:
    """The disk has all leaves, the head beside the database has not."""
    office.store.ledger.mirror_now()
    office.crash()
    office.clock.tick(down_ms)
    return loses(office)


def starts_without(office: Office) -> Path:
    away, new = office.disk.rename(office.disk.with_name("away")), office.disk.with_name("new")
    new.mkdir()
    office.specs = [*office.specs, VolumeSpec(new, None, None, None)]
    office.start()
    return away


def comes_back(office: Office, away: Path) -> None:
    away.rename(office.disk)
    office.store.volumes()
    office.store.ledger.rebuild()
    assert office.store.ledger.waiting() == []


def gaps(office: Office, since_ms: int) -> list[tuple[int, int | None, str, str | None]]:
    """From when to when, in seconds of running time, cause, what is beneath; without the one before `since_ms`."""
    with closing(sqlite3.connect(office.state / "edged.db")) as db:
        found = db.execute(
            "SELECT start_boottime_ms - ?1, end_boottime_ms - ?1, cause, beneath FROM gaps"
            " WHERE start_boottime_ms >= ?1 ORDER BY start_boottime_ms, id",
            (since_ms,),
        ).fetchall()
    return [
        (round(start / 1000), None if end is None else round(end / 1000), cause, beneath)
        for start, end, cause, beneath in found
    ]


def contradictions(office: Office) -> list[str]:
    """What says something of the same time, and time of which nobody says anything."""
    with closing(sqlite3.connect(office.state / "edged.db")) as db:
        found = db.execute(
            "SELECT a.id, a.cause, b.id, b.cause FROM gaps a JOIN gaps b ON a.camera = b.camera AND a.id < b.id"
            " WHERE a.inside = 0 AND b.inside = 0 AND (a.boot, a.start_boottime_ms) < (b.end_boot, b.end_boottime_ms)"
            " AND (b.boot, b.start_boottime_ms) < (a.end_boot, a.end_boottime_ms)"
        ).fetchall()
        found += db.execute(
            "SELECT g.id, g.cause, s.seq, 'recorded' FROM gaps g JOIN segments s"
            " ON s.camera = g.camera AND s.boot = g.boot"
            " WHERE g.inside = 0 AND s.state = 'committed' AND (g.end_boot IS NULL OR g.end_boot = s.boot)"
            " AND g.start_boottime_ms + ?1 < s.start_boottime_ms + s.duration_ms"
            " AND s.start_boottime_ms + ?1 < coalesce(g.end_boottime_ms, 1 << 60)",
            (JOIN_MS,),
        ).fetchall()
    holes = [one for one in promises.unaccounted(promises.Box(office.state, {})) if "nobody claims" in one]
    return [f"{pair} overlap" for pair in found] + holes


# --- what happened since the head, and what is known of it once the disk is there


def it_was_refused_later(office: Office) -> None:
    drops(office, GapCause.UNREACHABLE)
    office.clock.tick(20_000)
    drops(office, GapCause.REFUSED)


def it_came_back_and_dropped_again(office: Office) -> None:
    drops(office, GapCause.UNREACHABLE)
    office.clock.tick(10_000)
    office.segment("door", 5)
    drops(office, GapCause.REFUSED)
    office.clock.tick(10_000)
    office.segment("door", 5)


def work_was_over(office: Office) -> None:
    drops(office, GapCause.UNREACHABLE)
    office.clock.tick(10_000)
    office.store.maintenance.start([], HOUR_MS, WHO)
    office.clock.tick(10_000)
    office.store.maintenance.end(WHO)


def work_went_on(office: Office) -> None:
    office.clock.tick(20_000)
    office.store.maintenance.start([], HOUR_MS, WHO)


def its_clock_was_set_forward(office: Office) -> None:
    office.segment("door", 5)
    office.clock.step_wall(HOUR_MS)
    office.segment("door", 5)


@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        (it_was_refused_later, [(0, 20, "unreachable", None), (20, 40, "daemon-crash", None)]),
        (
            it_came_back_and_dropped_again,
            [(0, 10, "unreachable", None), (12, 22, "refused", None), (24, 44, "daemon-crash", None)],
        ),
        (
            work_was_over,
            [(0, 10, "unreachable", None), (10, 20, "maintenance", "unreachable"), (20, 40, "daemon-crash", None)],
        ),
        (work_went_on, [(0, 20, "daemon-crash", None), (20, 40, "maintenance", "daemon-crash")]),
        (its_clock_was_set_forward, [(2, 2, "clock-step", None), (4, 24, "daemon-crash", None)]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_a_disk_tells_that_comes_later_is_taken_out_of_what_was_told_without_it(
    office: Office, happens: Callable[[Office], None], expected: list[tuple[int, int, str, str | None]]
) -> None:
    office.store.ledger.mirror_now()
    since_ms = office.clock.boottime_ms
    happens(office)
    office.clock.tick(20_000)
    away = crashes_and_loses(office)
    office.enrol("door")
    comes_back(office, away)
    office.clock.tick(1_000)
    assert gaps(office, since_ms)[: len(expected)] == expected
    assert contradictions(office) == []
    office.store.close()
    assert promises.fsck(promises.Box(office.state, {}), office.clock) == []
    loses_database(office)
    office.start()
    office.enrol("door")
    office.store.ledger.rebuild()
    assert gaps(office, since_ms)[: len(expected)] == expected, "where it is lost once more, and all is there"
    assert contradictions(office) == []


def test_a_gap_of_the_head_yields_to_what_became_of_it(office: Office) -> None:
    """It lasted by the head, and so did our knowledge for some seconds: its own gap, and one behind it, are told."""
    since_ms = office.clock.boottime_ms
    drops(office, GapCause.UNREACHABLE)
    office.clock.tick(5_000)
    office.store.heartbeat().result(DEADLINE_S)
    office.store.ledger.mirror_now()
    office.clock.tick(20_000)
    drops(office, GapCause.REFUSED)
    away = crashes_and_loses(office, down_ms=10_000)
    office.enrol("door")
    assert gaps(office, since_ms)[0] == (0, 5, "unreachable", None)
    comes_back(office, away)
    assert gaps(office, since_ms) == [
        (0, 25, "unreachable", None), (25, 35, "daemon-crash", None), (35, None, "starting", None),
    ]  # fmt: skip
    office.store.close()
    assert promises.fsck(promises.Box(office.state, {}), office.clock) == []


def test_what_lasts_while_the_disk_comes_is_put_right_too(office: Office) -> None:
    """A camera that was off by the head, was on for a while, and is off again; and work that went on until now."""
    since_ms = office.clock.boottime_ms
    drops(office, GapCause.DISABLED)
    office.store.ledger.mirror_now()
    office.clock.tick(20_000)
    drops(office, GapCause.STARTING)
    office.store.maintenance.start([], HOUR_MS, WHO)
    office.clock.tick(5_000)
    office.segment("door", 5)
    drops(office, GapCause.DISABLED)
    away = crashes_and_loses(office)
    office.clock.tick(10_000)
    comes_back(office, away)
    assert gaps(office, since_ms) == [
        (0, 20, "disabled", None), (20, 25, "maintenance", "starting"), (27, None, "disabled", None),
    ]  # fmt: skip
    office.clock.tick(1_000)
    office.enrol("door")
    office.clock.tick(1_000)
    office.segment("door")
    assert contradictions(office) == []
    office.store.close()
    assert promises.fsck(promises.Box(office.state, {}), office.clock) == []


def test_a_gap_that_lasts_is_cut_by_work_that_is_known_late(office: Office) -> None:
    office.store.ledger.mirror_now()
    since_ms = office.clock.boottime_ms
    office.store.maintenance.start([], HOUR_MS, WHO)
    away = crashes_and_loses(office)
    office.enrol("door")
    office.clock.tick(10_000)
    comes_back(office, away)
    office.clock.tick(10_000)
    assert gaps(office, since_ms) == [(0, 10, "maintenance", "starting"), (10, None, "starting", None)]


def test_footage_of_which_nobody_knows_when_it_was_takes_nothing_out_of_a_gap(office: Office, tmp_path: Path) -> None:
    """It was recorded by another box, and is dated at the instant at which it was found."""
    other = Office(tmp_path)
    other.clock.boots = 77
    other.clock.wall_ms -= 240 * HOUR_MS
    other.enrol("door")
    for _ in range(3):
        strange = other.segment("door", 20)
    other.store.close()
    since_ms = office.clock.boottime_ms
    drops(office, GapCause.UNREACHABLE)
    office.clock.tick(60_000)
    place = office.disk / strange.path.relative_to(other.disk)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(strange.path, place)
    assert office.store.ledger.rebuild(everything=True).adopted == 1
    office.clock.tick(60_000)
    office.segment("door")
    assert office.store.ledger.rebuild(everything=True).gaps == 0
    assert gaps(office, since_ms) == [(0, 120, "unreachable", None)]


def test_a_camera_that_is_off_is_off_from_its_last_picture_although_the_clock_was_set_back_before_that(
    office: Office,
) -> None:
    since_ms = office.clock.boottime_ms
    drops(office, GapCause.DISABLED)
    office.store.ledger.mirror_now()
    office.clock.tick(20_000)
    office.segment("door", 5)
    office.clock.step_wall(-HOUR_MS)
    office.segment("door", 5)
    drops(office, GapCause.DISABLED)
    away = crashes_and_loses(office)
    office.clock.tick(10_000)
    comes_back(office, away)
    assert gaps(office, since_ms) == [(0, 20, "disabled", None), (24, None, "disabled", None)]


def test_what_was_recorded_and_destroyed_since_is_no_gap(office: Office) -> None:
    office.store.ledger.mirror_now()
    since_ms = office.clock.boottime_ms
    office.segment("door", 10)
    office.clock.tick(400_000)
    assert office.store.sweep(lambda: Policy({"door": BOUNDS})).destroyed == 2
    away = crashes_and_loses(office)
    office.enrol("door")
    comes_back(office, away)
    assert gaps(office, since_ms) == [(4, 404, "daemon-crash", None), (404, None, "starting", None)]


def test_a_correction_that_is_interrupted_is_made_after_the_next_start(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a stop in order; a volume that was gone through is no end of it."""
    monkeypatch.setattr(walk, "PAGE", 1)

    def stop_behind_a_volume(step: Failpoint) -> None:
        if step is Failpoint.REBUILD_WALKED:
            office.store.interrupt()

    office.store.ledger.mirror_now()
    since_ms = office.clock.boottime_ms
    office.segment("door", 5)
    away = crashes_and_loses(office, down_ms=10_000)
    office.enrol("door")
    away.rename(office.disk)
    office.store.volumes()
    failpoints.arm(stop_behind_a_volume)
    try:
        office.store.ledger.rebuild()
    finally:
        failpoints.arm(None)
    office.store.close()
    office.start()
    assert office.store.ledger.waiting() != []
    office.store.ledger.rebuild()
    assert gaps(office, since_ms)[0] == (2, 12, "daemon-crash", None)
    assert contradictions(office) == []


def test_what_a_second_database_told_without_knowing_is_put_right_in_the_third(office: Office) -> None:
    office.store.ledger.mirror_now()
    since_ms = office.clock.boottime_ms
    drops(office, GapCause.UNREACHABLE)
    office.clock.tick(20_000)
    drops(office, GapCause.REFUSED)
    office.clock.tick(20_000)
    office.segment("door", 5)
    away = crashes_and_loses(office, down_ms=10_000)
    office.enrol("door")
    office.store.ledger.rebuild()
    office.store.close()
    loses_database(office)
    office.start()
    office.enrol("door")
    office.store.ledger.rebuild()
    comes_back(office, away)
    assert gaps(office, since_ms)[:3] == [
        (0, 20, "unreachable", None), (20, 40, "refused", None), (42, 52, "daemon-crash", None),
    ]  # fmt: skip
    assert contradictions(office) == []
    office.store.close()
    assert [one for one in promises.fsck(promises.Box(office.state, {}), office.clock) if "gap" in one] == []


def test_a_backup_that_is_put_back_without_the_disk_leaves_no_time_unclaimed(office: Office) -> None:
    """Its leaves and those of the disk have the same numbers."""
    since_ms = office.clock.boottime_ms
    drops(office, GapCause.UNREACHABLE)
    office.store.close()
    backup = shutil.copytree(office.state, office.state.with_name("backup"))
    office.start()
    office.enrol("door")
    office.clock.tick(30_000)
    for _ in range(6):
        office.segment("door", 5)
    office.store.ledger.mirror_now()
    office.crash()
    shutil.rmtree(office.state)
    shutil.copytree(backup, office.state)
    office.clock.tick(10_000)
    away = starts_without(office)
    office.enrol("door")
    comes_back(office, away)
    assert (42, 52, "daemon-stopped", None) in gaps(office, since_ms)
    assert contradictions(office) == []


# --- at random


def test_whatever_happened_since_the_head_nothing_is_told_twice_or_by_nobody(profile: Profile) -> None:
    for seed in range(300 if profile.name == "long" else 12):
        with in_memory() as memory:
            lives = Lives(Office(memory), random.Random(seed))
            try:
                lives.loses_all_and_finds_it()
            finally:
                lives.office.store.close(clean=False)
        assert lives.found == [], f"seed {seed}: {lives.done}"


class Lives:
    """One box with two cameras, and what happens to it."""

    def __init__(self, office: Office, chance: random.Random) -> None:
        self.office = office
        self.chance = chance
        self.done: list[str] = []
        self.found: list[str] = []
        self.enrol()

    def loses_all_and_finds_it(self) -> None:
        for _ in range(12):
            self.happens()
        self.office.store.ledger.mirror_now()
        for _ in range(self.chance.choice([3, 10])):
            self.happens()
        self.office.store.ledger.mirror_now()
        self.stops()
        self.done.append("all is lost")
        away = loses(self.office)
        self.office.clock.tick(self.chance.choice([10, 15_000]))
        self.enrol()
        for _ in range(self.chance.choice([0, 3])):
            self.records(self.chance.choice(CAMERAS))
        self.done.append("the disk comes back")
        self.office.store.recover()
        comes_back(self.office, away)
        for camera in CAMERAS:
            self.records(camera)
        self.office.store.ledger.rebuild(everything=True)
        if self.office.store.ledger.rebuild(everything=True).gaps:
            self.found.append("it does not come to rest")
        self.found += contradictions(self.office)
        self.office.store.close()
        told = promises.fsck(promises.Box(self.office.state, {}), self.office.clock)
        self.found += [one for one in told if "gap-" in one]
        self.office.start()

    def happens(self) -> None:
        """What a camera, a person, a clock or a kill does."""
        act = self.chance.choice(
            [self.records, self.records, self.drops, self.drops, self.works, self.rests, self.clock_is_set, self.dies]
        )
        camera = self.chance.choice(CAMERAS)
        self.office.clock.tick(self.chance.choice([1, 150, 3_000, 40_000]))
        self.done.append(f"{act.__name__} {camera} at {self.office.clock.boottime_ms}")
        with suppress(StoreError):
            act(camera)

    def records(self, camera: str) -> None:
        self.office.segment(camera, self.chance.choice([1, 5, 20]))

    def drops(self, camera: str) -> None:
        drops(self.office, self.chance.choice(CAUSES), camera)

    def works(self, camera: str) -> None:
        self.office.store.maintenance.start(self.chance.choice([[], [camera]]), 60_000, WHO)

    def rests(self, _camera: str) -> None:
        self.office.store.heartbeat().result(DEADLINE_S)
        if self.chance.random() < 0.5:
            self.office.store.maintenance.end(WHO)

    def clock_is_set(self, _camera: str) -> None:
        self.office.clock.step_wall(self.chance.choice([-HOUR_MS, HOUR_MS, 5_000, -5_000]))

    def dies(self, camera: str) -> None:
        recording = self.office.record(camera)
        recording.write(4)
        self.office.clock.tick(8_000)
        recording.file.abandon()
        self.stops()
        if self.chance.random() < 0.3:
            self.office.clock.reboot(HOUR_MS)
        self.office.start()
        self.office.store.maintenance.under_way()
        self.enrol()

    def stops(self) -> None:
        self.chance.choice([self.office.store.close, self.office.crash])()

    def enrol(self) -> None:
        for camera in CAMERAS:
            self.office.enrol(camera)
