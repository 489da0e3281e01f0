"""維護 in the store: what is not recorded while it lasts has that cause, whatever happens to the box meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.mirror.service import SNAPSHOT_EVERY_MS
from storage.store.opening import DATABASE_NAME
from storage.tickets.maintenance_table import MOST_MS, MaintenanceState
from storage.words.errors import OrderRefused, OrderWrong, UnknownId
from storage.words.model import Gap, GapCause
from tests.support import tiny_mp4
from tests.support.office import DEADLINE_S, Office

HOUR_MS = 3_600_000
WHO = {"who": "chen", "reason": "the lens is cleaned", "with": "光田 林先生"}
MAINTENANCE = GapCause.MAINTENANCE


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path)
    for camera in ("door", "lobby"):
        opened.enrol(camera)
    recordings = [opened.record(camera) for camera in ("door", "lobby")]
    for recording in recordings:
        recording.write(2)
    opened.clock.tick(2 * tiny_mp4.FRAGMENT_MS)
    for recording in recordings:
        opened.commit(recording)
    yield opened
    opened.store.close()


def drops(office: Office, camera: str = "door", cause: GapCause = GapCause.UNREACHABLE) -> None:
    office.store.begin_gap(camera, office.clock.now(), cause, "no route to host").result(DEADLINE_S)


def told(office: Office, camera: str = "door") -> list[tuple[str, str | None, int | None]]:
    """Gaps as cause, what is beneath, and length in seconds; without the one before the first segment."""

    def one(gap: Gap) -> tuple[str, str | None, int | None]:
        beneath = None if gap.beneath is None else gap.beneath.value
        return gap.cause.value, beneath, None if gap.end is None else (gap.end.wall_ms - gap.start.wall_ms) // 1000

    found = office.store.gaps(camera, None, None)
    return [one(gap) for gap in found if gap.cause is not GapCause.STARTING]


@pytest.fixture(autouse=True)
def _ledger_agrees(office: Office) -> Iterator[None]:
    """Whatever a test does, rows say what leaves say."""
    yield
    report = office.store.ledger.verify(None, lambda _: None, threading.Event())
    assert [str(found) for found in report.findings.named] == []


def test_what_lasts_is_cut_and_has_its_own_cause_before_and_after(office: Office) -> None:
    drops(office)
    office.clock.tick(10_000)
    begun = office.store.maintenance.start(["door"], HOUR_MS, WHO)
    assert dict(begun.names) == WHO
    assert begun.left_ms == HOUR_MS
    office.clock.tick(20_000)
    office.store.maintenance.end(WHO)
    office.clock.tick(30_000)
    office.segment("door")
    assert told(office) == [
        ("unreachable", None, 10), ("maintenance", "unreachable", 20), ("unreachable", None, 30),
    ]  # fmt: skip
    coverage = office.store.coverage("door", 0, office.clock.now().wall_ms)
    assert coverage.unexplained_ms == 0


def test_what_begins_in_it_is_its_own_and_other_cameras_go_on_as_ever(office: Office) -> None:
    office.store.maintenance.start(["door"], HOUR_MS, WHO)
    drops(office)
    drops(office, "lobby")
    office.clock.tick(10_000)
    drops(office, cause=GapCause.REFUSED)
    office.clock.tick(5_000)
    office.segment("door")
    office.segment("lobby")
    assert told(office) == [("maintenance", "unreachable", 10), ("maintenance", "refused", 5)]
    assert told(office, "lobby")[0][:2] == ("unreachable", None)


def test_of_the_whole_box_all_cameras_are_in_it(office: Office) -> None:
    office.store.maintenance.start([], HOUR_MS, WHO)
    drops(office)
    drops(office, "lobby")
    assert told(office) == told(office, "lobby") == [("maintenance", "unreachable", None)]


def test_it_excuses_nothing_that_nobody_can_explain_and_nothing_that_is_off_on_purpose(office: Office) -> None:
    office.store.maintenance.start([], HOUR_MS, WHO)
    office.clock.tick(60_000)
    office.segment("door")  # begun a minute after the last one, and nobody said why
    drops(office, "lobby", GapCause.DISABLED)
    assert ("unknown", None) in [gap[:2] for gap in told(office)]
    assert told(office, "lobby") == [("disabled", None, None)]


@pytest.mark.parametrize("off_ms", [0, 600_000], ids=["killed", "power lost"])
def test_a_kill_and_a_reboot_are_part_of_it_and_it_goes_on(office: Office, off_ms: int) -> None:
    office.store.maintenance.start([], HOUR_MS, WHO)
    office.store.heartbeat().result(DEADLINE_S)
    office.crash()
    if off_ms:
        office.clock.reboot(off_ms)
    else:
        office.clock.tick(60_000)
    office.start()
    begun = office.store.maintenance.under_way()
    assert begun is not None
    assert dict(begun.names) == WHO
    office.enrol("door")
    office.clock.tick(1000)
    office.segment("door")
    cause = "power-loss" if off_ms else "daemon-crash"
    assert [gap[:2] for gap in told(office)] == [("maintenance", cause), ("maintenance", "starting")]


def test_the_time_after_its_end_is_none_of_it_although_nobody_was_there_to_see_it_end(office: Office) -> None:
    office.store.maintenance.start([], 60_000, WHO)
    office.clock.tick(10_000)
    office.store.heartbeat().result(DEADLINE_S)
    office.crash()
    office.clock.tick(90_000)
    office.start()
    assert office.store.maintenance.under_way() is None
    office.enrol("door")
    office.segment("door")
    assert [gap[:2] for gap in told(office)] == [("maintenance", "daemon-crash"), ("daemon-crash", None)]
    assert told(office)[1][2] == 40


def test_that_there_is_none_is_known_without_a_look_until_something_is_committed(office: Office) -> None:
    maintenance = office.store.maintenance
    assert not maintenance.is_none_begun, "nobody has looked"
    assert maintenance.under_way() is None
    assert maintenance.is_none_begun
    maintenance.start([], 60_000, WHO)
    assert not maintenance.is_none_begun
    assert maintenance.under_way() is not None
    assert not maintenance.is_none_begun
    office.clock.tick(60_000)
    assert maintenance.under_way() is None
    assert not maintenance.is_none_begun, "its end was committed"
    assert maintenance.under_way() is None
    assert maintenance.is_none_begun


def test_it_ends_by_itself_by_running_time_whatever_the_wall_clock_says(office: Office) -> None:
    office.store.maintenance.start([], 60_000, WHO)
    drops(office)
    office.clock.step_wall(-HOUR_MS)
    office.clock.tick(59_000)
    assert office.store.maintenance.under_way() is not None
    office.clock.step_wall(2 * HOUR_MS)
    assert office.store.maintenance.under_way() is not None
    office.clock.tick(1500)
    assert office.store.maintenance.under_way() is None
    gap = office.store.gaps("door", None, None)[-1]
    assert (gap.cause, gap.beneath, gap.end) == (GapCause.UNREACHABLE, None, None)
    assert gap.detail == "no route to host"


def test_what_a_suspended_box_missed_after_the_end_is_no_maintenance_although_recording_was_back_first(
    office: Office,
) -> None:
    """It sleeps over the end, and a camera is back before anybody has looked; one that dropped later, too."""
    office.store.maintenance.start(["door"], 60_000, WHO)
    office.clock.tick(10_000)
    drops(office)
    office.clock.tick(HOUR_MS)
    office.segment("door")
    drops(office)
    office.clock.tick(5_000)
    office.segment("door")
    assert office.store.maintenance.under_way() is None
    assert [gap[:2] for gap in told(office)] == [
        ("maintenance", "unreachable"), ("unreachable", None), ("unreachable", None),
    ]  # fmt: skip
    assert told(office)[1][2] in range(HOUR_MS // 1000 - 60, HOUR_MS // 1000)


def test_a_gap_that_turns_out_longer_is_cut_where_it_begins(office: Office) -> None:
    """A worker dies after maintenance began; of what it recorded before, the last seconds were not durable."""
    recording = office.record("door")
    recording.write(2)
    office.clock.tick(10_000)
    office.store.maintenance.start(["door"], HOUR_MS, WHO)
    office.clock.tick(5_000)
    drops(office, cause=GapCause.WORKER_CRASH)
    recording.file.abandon()
    office.salvage("door", recording.opening.seq)
    office.clock.tick(1000)
    office.segment("door")
    assert [gap[:2] for gap in told(office)] == [
        ("worker-crash", None), ("maintenance", "worker-crash"), ("maintenance", "worker-crash"),
    ]  # fmt: skip


def test_one_at_a_time_bounded_and_ended_once(office: Office) -> None:
    with pytest.raises(OrderWrong):
        office.store.maintenance.start([], MOST_MS + 1, WHO)
    with pytest.raises(OrderWrong):
        office.store.maintenance.start([], 0, WHO)
    office.store.maintenance.start([], HOUR_MS, WHO)
    with pytest.raises(OrderRefused, match="under way"):
        office.store.maintenance.start(["door"], HOUR_MS, WHO)
    assert office.store.maintenance.end(WHO).state is MaintenanceState.LASTING
    with pytest.raises(UnknownId):
        office.store.maintenance.end(WHO)
    office.store.maintenance.start([], HOUR_MS, WHO)


@pytest.mark.parametrize("late_ms", [-30_000, 60_000], ids=["began in it", "began when nobody had looked yet"])
def test_a_lost_database_excuses_nothing_after_its_end(office: Office, late_ms: int) -> None:
    """The last head tells of a gap that lasts, and says maintenance; that it was over is told only by its leaf."""
    office.store.maintenance.start(["door"], 2 * SNAPSHOT_EVERY_MS, WHO)
    office.clock.tick(2 * SNAPSHOT_EVERY_MS + late_ms - 2 * tiny_mp4.FRAGMENT_MS)
    recording = office.record("door")
    recording.write(2)
    office.clock.tick(2 * tiny_mp4.FRAGMENT_MS)
    office.commit(recording)
    drops(office)
    assert told(office)[-1] == ("maintenance", "unreachable", None)
    office.store.ledger.mirror_now()
    office.clock.tick(60_000)
    assert office.store.maintenance.under_way() is None
    assert told(office)[-1] == ("unreachable", None, None)
    office.clock.tick(60_000)
    office.store.heartbeat().result(DEADLINE_S)
    office.store.ledger.mirror_now()
    office.crash()
    for one in office.state.glob(f"{DATABASE_NAME}*"):
        one.unlink()
    office.start()
    assert told(office) == ([] if late_ms < 0 else [("unreachable", None, None)])
    office.enrol("door")
    office.store.ledger.rebuild()
    office.clock.tick(1_000)
    office.segment("door")
    excused = [gap for gap in told(office) if gap[0] == "maintenance"]
    assert excused == ([("maintenance", "unreachable", -late_ms // 1000)] if late_ms < 0 else [])
