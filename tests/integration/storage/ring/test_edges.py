"""The ring where it is odd: footage that ends long after it begins, volumes whose floors differ, others' disks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from storage.recovery.salvage import UNSTAMPED
from storage.retention.plan import Policy
from storage.ring import sweep
from storage.ring.admission import CameraNeed, demand
from storage.ring.ballast import Ballast
from storage.segments.mp4 import EmbeddedMetadata, parse_metadata, summary
from storage.volumes.volume import VolumeSpec
from storage.words import failpoints
from storage.words.failpoints import Failpoint
from storage.words.layout import segment_path
from storage.words.model import Bounds, Segment, VolumeStatus
from tests.support import tiny_mp4
from tests.support.office import BOUNDS, DEADLINE_S, Office

HOUR_MS: Final = 3_600_000
HOUR_S: Final = 3600


@pytest.fixture(name="office")
def make_office(tmp_path: Path) -> Iterator[Office]:
    box = Office(tmp_path)
    box.enrol("lobby")
    yield box
    box.store.close()


def story_of(path: Path) -> EmbeddedMetadata:
    with path.open("rb") as file:
        comment = summary(file).comment
    assert comment is not None
    found = parse_metadata(comment)
    assert found is not None
    return found


def unreadable_for(office: Office, hours: int, bounds: Bounds) -> list[Segment]:
    """A worker's file that can be neither read nor set aside for so long, while one segment an hour is recorded.

    Nobody knows what is in it: it may reach up to when it was set aside, and its floor runs from there.
    """
    broken = office.record("lobby", bounds=bounds)
    broken.file.write(b"no box of any kind " * 20)
    part = broken.file.path.with_name(broken.file.path.name + ".part")
    part.write_bytes(b"\xff" * 300)
    broken.file.abandon()
    recorded = []
    for _ in range(hours):
        recorded.append(office.segment("lobby", bounds=bounds))
        office.clock.tick(HOUR_MS)
        office.store.heartbeat().result(DEADLINE_S)
    office.salvage("lobby")
    assert [path for path in office.files() if path.endswith(".quarantined")], "it was set aside"
    return recorded


def test_what_stands_behind_a_file_that_ends_late_goes_at_its_ceiling(office: Office) -> None:
    """S3: floor and ceiling are equal, and the oldest of all is kept for its end."""
    bounds = Bounds(11 * HOUR_S, 11 * HOUR_S)
    recorded = unreadable_for(office, 10, bounds)
    office.clock.tick(3 * HOUR_MS)
    office.store.sweep(lambda: Policy({"lobby": bounds}))
    assert [segment.seq for segment in recorded if segment.path.exists()] == [s.seq for s in recorded[3:]]
    assert [path for path in office.files() if path.endswith(".quarantined")], "S1: what it ends with is too young"
    office.clock.tick(9 * HOUR_MS)
    office.store.sweep(lambda: Policy({"lobby": bounds}))
    assert office.files() == []


def test_what_stands_behind_a_file_that_ends_late_makes_room(tmp_path: Path) -> None:
    """S1 keeps the one, and recording does not stop for it."""
    office = Office(tmp_path, max_bytes=14 * 1800)
    office.enrol("lobby")
    bounds = Bounds(3 * HOUR_S, 100 * HOUR_S)
    recorded = unreadable_for(office, 10, bounds)
    for _ in range(8):
        report = office.store.sweep(lambda: Policy({"lobby": bounds}))
        assert report.blocked == ()
        office.segment("lobby", bounds=bounds)
    assert not recorded[0].path.exists()
    office.store.close()


# --- several volumes ---------------------------------------------------------------------------------------------


@pytest.fixture(name="two")
def make_two(tmp_path: Path) -> Iterator[Office]:
    """Two volumes of ten segments each."""
    box = Office(tmp_path, max_bytes=10 * 1800)
    (tmp_path / "second").mkdir()
    box.specs = (*box.specs, VolumeSpec(tmp_path / "second", None, None, 10 * 1800))
    box.store.volume_operations.configure(box.specs)
    box.enrol("lobby")
    box.enrol("gate")
    yield box
    box.store.close()


def test_no_floor_is_broken_while_another_volume_has_footage_past_its_own(two: Office) -> None:
    """S1: the oldest of the box is below its long floor on one volume, the younger ones on the other may go."""
    kept, free = Bounds(1000 * HOUR_S, 2000 * HOUR_S), Bounds(1, 2000 * HOUR_S)
    policy = Policy({"lobby": kept, "gate": free}, overwrite=True)
    two.overwrites(policy)
    on_first = []
    while (chosen := two.store.choose_volume()) and isinstance(chosen, VolumeStatus) and chosen.path == two.disk:
        on_first.append(two.segment("lobby", bounds=kept))
        two.store.sweep(lambda: policy)
    two.clock.tick(48 * HOUR_MS)
    younger = []
    for _ in range(24):
        younger.append(two.segment("gate", bounds=free))
        two.clock.tick(HOUR_MS)
        two.store.sweep(lambda: policy)
    assert [segment.seq for segment in on_first if not segment.path.exists()] == []
    assert not younger[0].path.exists(), "the ring turned"
    assert two.store.ring.view(policy).breaches == ()


def test_where_nothing_may_go_on_any_volume_floors_give_way(two: Office) -> None:
    """The negative control of the one above: overwriting still goes on."""
    kept = Bounds(1000 * HOUR_S, 2000 * HOUR_S)
    policy = Policy({"lobby": kept}, overwrite=True)
    two.overwrites(policy)
    recorded = []
    for _ in range(40):
        assert isinstance(two.store.choose_volume(), VolumeStatus)
        recorded.append(two.segment("lobby", bounds=kept))
        two.clock.tick(HOUR_MS)
        two.store.sweep(lambda: policy)
    assert not recorded[0].path.exists()
    assert two.store.ring.view(policy).breaches != ()


def test_no_footage_goes_for_a_ballast_on_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path.stat().st_dev
    others = [place for place in ("/dev/shm", "/var/tmp") if Path(place).stat().st_dev != here]
    if not others:
        pytest.skip("there is one file system only")
    with TemporaryDirectory(dir=others[0]) as elsewhere:
        office = Office(tmp_path)
        office.specs = (VolumeSpec(Path(elsewhere), None, None, 10 * 1800),)
        office.store.volume_operations.configure(office.specs)
        policy = Policy({"lobby": BOUNDS}, overwrite=True)
        office.overwrites(policy)
        office.enrol("lobby")
        recorded = [office.segment("lobby") for _ in range(4)]
        office.clock.tick(100_000)
        monkeypatch.setattr(Ballast, "owed", 1 << 20)
        report = office.store.sweep(lambda: policy)
        assert (report.destroyed, report.blocked) == (0, ())
        assert all(segment.path.exists() for segment in recorded)
        office.store.close()


# --- who waits ---------------------------------------------------------------------------------------------------


def test_a_camera_whose_footage_is_gone_still_needs_room(tmp_path: Path) -> None:
    """Found on a full disk: with nothing left, all seemed to need nothing, started, and were stopped again."""
    office = Office(tmp_path)
    office.enrol("lobby")
    office.enrol("gate")
    size = office.segment("lobby").bytes
    (volume,) = office.store._pool.opened
    door = office.store.admission
    door.volumes_now({"lobby": 1, "gate": 0})
    needed = door.headroom(volume)
    assert needed == demand([CameraNeed("lobby", 1, size), CameraNeed("gate", 0, size)], anybody_stopped=False)
    office.clock.tick(400_000)
    assert office.store.sweep(lambda: Policy({"lobby": BOUNDS})).destroyed == 1
    assert door.headroom(volume) == needed
    office.store.close()


def test_longer_segments_need_more_room_before_the_first_of_them_is_recorded(tmp_path: Path) -> None:
    """Otherwise all would be let in after a reload, and be cut in the middle of segments that have no room."""
    office = Office(tmp_path)
    office.enrol("lobby")
    recorded = [office.segment("lobby", fragments=20) for _ in range(3)]
    (volume,) = office.store._pool.opened
    door = office.store.admission
    length_ms = recorded[0].end.boottime_ms - recorded[0].start.boottime_ms

    def needed(segment_ms: int) -> int:
        door.volumes_now({"lobby": 0}, segment_ms)
        return door.headroom(volume)

    assert needed(length_ms) == needed(0) == needed(length_ms // 4)
    assert needed(10 * length_ms) == pytest.approx(10 * needed(0), rel=0.01)
    office.store.close()


# --- strangers' files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("readable", [True, False])
def test_a_file_of_a_camera_that_nobody_knows_is_under_the_ceiling(office: Office, *, readable: bool) -> None:
    """S3: found by the rescan, with its own bounds, or of a year where it tells none."""
    segment = office.segment("lobby")
    story = replace(story_of(segment.path), camera="ghost", seq=7)
    stray = office.disk / segment_path("ghost", segment.start.wall_ms, 7)
    stray.parent.mkdir(parents=True)
    stray.write_bytes(tiny_mp4.segment(story.to_json(), 3) if readable else b"\xff" * 500)
    while office.store.checks.rescan():
        pass
    assert [one.camera for one in office.store.usage()] == ["ghost", "lobby"]
    office.clock.tick((BOUNDS.ceiling_s if readable else UNSTAMPED.ceiling_s) * 1000 + HOUR_MS)
    office.store.sweep(Policy)
    assert office.files() == []


def test_what_was_in_progress_on_a_volume_that_was_away_at_the_start_is_taken_in_when_it_is_back(two: Office) -> None:
    """S3, S5: otherwise it would be in progress until the next start, under no ceiling."""
    begun = two.record("lobby")
    begun.write(3)
    begun.file.abandon()
    two.crash()
    shelf = two.disk.with_name("shelf")
    shutil.move(two.disk, shelf)
    two.start()
    again = two.store.recover().again
    two.store.sweep(lambda: Policy({"lobby": BOUNDS}))
    shutil.move(shelf, two.disk)
    for _ in range(3):  # as the daemon does: before a sweep, as long as something is left
        again = again and two.store.recover().again
        two.store.sweep(lambda: Policy({"lobby": BOUNDS}))
    assert not again
    assert [segment.seq for segment in two.store.segments("lobby", None, None)] == [1]
    two.clock.tick(400_000)
    two.store.sweep(lambda: Policy({"lobby": BOUNDS}))
    assert two.files() == []


def test_no_more_is_condemned_on_a_volume_that_goes_away_meanwhile(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it comes back with may say more: pins of a later version, for one."""
    for _ in range(8):
        office.segment("lobby")
    office.clock.tick(400_000)
    (volume,) = office.store._pool.opened
    monkeypatch.setattr(sweep, "SLICE", 2)
    failpoints.arm(lambda step: volume.close() if step is Failpoint.DESTROY_CONDEMNED else None)
    office.store.sweep(lambda: Policy({"lobby": BOUNDS}))
    failpoints.arm(None)
    assert len(office.store.segments("lobby", None, None)) == 6
    for _ in range(2):
        office.store.sweep(lambda: Policy({"lobby": BOUNDS}))
    assert office.files() == []
