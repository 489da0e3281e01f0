"""The store when a file will not go, a disk is taken away, a stop comes in between: storage/ring/sweep.py,
storage/recovery/salvage.py."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from storage.files import unlink as unlink_really
from storage.recovery import salvage
from storage.retention.plan import Policy
from storage.ring import sweep
from storage.volumes.volume import Space, Volume, VolumeSpec
from storage.words.errors import DatabaseDamaged
from storage.words.model import Bounds, GapCause, Salvaged, VolumeStatus
from tests.support.office import DEADLINE_S, Office, Recording

MANY = 60


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    box = Office(tmp_path)
    box.enrol("lobby")
    yield box
    box.store.close()


def refusing(code: int, refused: Callable[[int], bool]) -> tuple[Callable[[int, PurePosixPath], None], list[int]]:
    """An `unlink` that fails for some segment numbers, and the numbers it was asked for."""
    asked: list[int] = []
    real = unlink_really

    def unlink(volume: int, relative: PurePosixPath) -> None:
        seq = int(relative.stem.rsplit("-", 1)[1])
        asked.append(seq)
        if refused(seq):
            raise OSError(code, os.strerror(code))
        real(volume, relative)

    return unlink, asked


def left_behind(office: Office, camera: str = "lobby") -> Recording:
    recording = office.record(camera)
    recording.write(3)
    recording.file.abandon()
    office.clock.tick(5000)
    return recording


def states(office: Office) -> dict[str, int]:
    rows = office.store._database.read(
        lambda db: db.execute("SELECT state, count(*) FROM segments GROUP BY state").fetchall()
    )
    return dict(rows)


# --- what will not go -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.EPERM, errno.EIO])
def test_one_file_that_cannot_be_removed_holds_up_no_other(
    office: Office, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    for _ in range(5):
        office.segment("lobby")
    office.clock.tick(400_000)
    with monkeypatch.context() as patched:
        unlink, _ = refusing(code, lambda seq: seq == 2)
        patched.setattr(sweep, "unlink", unlink)
        first, second = office.store.sweep(Policy), office.store.sweep(Policy)
    assert (first.destroyed, len(first.failed)) == (4, 1)
    assert second.failed == first.failed, "told in the same words, so that they can be told once"
    assert states(office) == {"garbage": 1}
    assert office.store.sweep(Policy).destroyed == 1


@pytest.mark.parametrize(("code", "tries"), [(errno.EROFS, 1), (errno.EIO, sweep.BROKEN_MAX)])
def test_a_disk_that_does_not_let_itself_be_written_is_left_alone(
    office: Office, monkeypatch: pytest.MonkeyPatch, code: int, tries: int
) -> None:
    for _ in range(8):
        office.segment("lobby")
    office.clock.tick(400_000)
    unlink, asked = refusing(code, lambda _: True)
    monkeypatch.setattr(sweep, "unlink", unlink)
    report = office.store.sweep(Policy)
    assert (len(asked), report.destroyed, len(report.failed)) == (tries, 0, tries)


def test_of_thousands_of_failures_a_few_are_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(12):
        office.segment("lobby")
    office.clock.tick(400_000)
    unlink, _ = refusing(errno.EPERM, lambda _: True)
    monkeypatch.setattr(sweep, "unlink", unlink)
    failed = office.store.sweep(Policy).failed
    assert len(failed) == sweep.TOLD_MAX + 1
    assert failed[-1].endswith("and 4 more")


@pytest.mark.parametrize("foreign", [True, False])
def test_what_frees_nothing_does_not_cost_the_whole_ring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign: bool
) -> None:
    """A backup holds links to everything, or the directories belong to somebody else."""
    office = Office(tmp_path)
    office.enrol("lobby")
    (tmp_path / "backup").mkdir()
    segments = [office.segment("lobby", bounds=Bounds(1, 100_000 + n % 4)) for n in range(4 * MANY)]
    if foreign:
        for segment in segments:
            os.link(segment.path, tmp_path / "backup" / segment.path.name)
    office.store.close()
    office.specs = (VolumeSpec(office.disk, None, None, segments[0].bytes * MANY // 2),)
    office.start()
    office.enrol("lobby")
    with monkeypatch.context() as patched:
        if not foreign:
            patched.setattr(sweep, "unlink", refusing(errno.EACCES, lambda _: True)[0])
        reports = [office.store.sweep(Policy) for _ in range(5)]
    vain = states(office)["garbage"]
    assert vain <= sweep.VAIN_MAX + sweep.SLICE
    assert reports[-1].blocked
    assert office.store.choose_volume() is (GapCause.DISK_FULL if foreign else GapCause.IO_ERROR)
    shutil.rmtree(tmp_path / "backup")
    assert office.store.sweep(Policy).destroyed > vain, "once something goes again, so does the rest"
    assert isinstance(office.store.choose_volume(), VolumeStatus)
    office.store.close()


def test_a_floor_that_is_raised_in_the_middle_of_a_sweep_holds_at_once(office: Office) -> None:
    office.segment("lobby", bounds=Bounds(1, 300))
    office.clock.tick(10_000)
    planned_under = iter([Bounds(1, 5)])
    report = office.store.sweep(lambda: Policy({"lobby": next(planned_under, Bounds(60, 300))}))
    assert (report.destroyed, len(office.files())) == (0, 1)


def test_a_disk_taken_away_in_the_middle_of_a_sweep_keeps_no_file_without_a_row(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a lazy unmount does: the path is empty, and the disk still there for who has it open."""
    for _ in range(4):
        office.segment("lobby")
    office.clock.tick(400_000)
    real, away = unlink_really, tmp_path / "away"

    def unlink(volume: int, relative: PurePosixPath) -> None:
        if not away.exists():
            shutil.move(office.disk, away)
            office.disk.mkdir()
        real(volume, relative)

    monkeypatch.setattr(sweep, "unlink", unlink)
    report = office.store.sweep(Policy)
    assert report.destroyed == 4
    assert not list(away.rglob("*.mp4"))


# --- why nothing takes the next segment -------------------------------------------------------------------------


def test_without_a_volume_the_cause_is_an_io_error(office: Office, tmp_path: Path) -> None:
    shutil.move(office.disk, tmp_path / "away")
    assert office.store.choose_volume() is GapCause.IO_ERROR
    (status,) = office.store.volumes()
    assert status.cause is GapCause.IO_ERROR


@pytest.mark.parametrize(("free", "cause"), [(0, GapCause.DISK_FULL), (900_000, GapCause.FLOOR_PROTECT)])
def test_whether_others_or_floors_hold_the_space_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, cause: GapCause
) -> None:
    office = Office(tmp_path)
    office.specs = (VolumeSpec(office.disk, None, 900_000, None),)
    office.store.close()
    office.start()
    office.enrol("lobby")
    office.segment("lobby", 9)
    monkeypatch.setattr(Volume, "space", lambda _: Space(total=10_000_000, free=free, files_free=None))
    office.store.sweep(Policy)
    assert office.store.choose_volume() is cause
    (status,) = office.store.volumes()
    assert (status.cause, bool(status.reason)) == (cause, True)
    office.store.close()


# --- a stop in between ------------------------------------------------------------------------------------------


def test_after_an_interrupt_nothing_is_begun(office: Office) -> None:
    office.enrol("door")
    left_behind(office)
    left_behind(office, "door")
    office.crash()
    office.start()
    office.enrol("lobby")
    office.segment("lobby")
    dead = left_behind(office)
    office.clock.tick(400_000)
    office.store.interrupt()
    before = office.files()
    report = office.store.recover()
    assert (report.adopted, report.again, len(report.left)) == (0, True, 1), "told once, not for each"
    assert office.store.sweep(Policy).destroyed == 0
    salvaged = office.salvage("lobby", dead.opening.seq)
    assert (salvaged.segments, "stopping" in salvaged.left[0]) == ((), True)
    assert office.files() == before


def test_an_interrupted_look_for_files_without_a_row_is_to_be_repeated(office: Office) -> None:
    office.store.interrupt()
    assert office.store.recover().again


def test_a_hash_is_left_off_at_its_next_block_and_begun_anew_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = left_behind(office)
    monkeypatch.setattr(salvage, "HASH_BLOCK_BYTES", 64)
    blocks: list[bytes] = []

    class Digest:
        def update(self, block: bytes) -> None:
            blocks.append(block)
            if len(blocks) == 3:
                office.store.interrupt()

    with monkeypatch.context() as patched:
        patched.setattr(salvage, "Digest", Digest)
        assert office.salvage("lobby", dead.opening.seq).left
    assert len(blocks) == 3, "no block was read after the stop"
    office.crash()
    office.start()
    assert office.store.recover().adopted == 1


def test_a_stop_in_the_middle_of_a_sweep_leaves_garbage_for_the_next_start(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        office.segment("lobby")
    office.clock.tick(400_000)
    real = unlink_really

    def unlink(volume: int, relative: PurePosixPath) -> None:
        real(volume, relative)
        office.store.interrupt()

    monkeypatch.setattr(sweep, "unlink", refusing(errno.EPERM, lambda _: True)[0])
    office.store.sweep(Policy)
    monkeypatch.setattr(sweep, "unlink", unlink)
    assert office.store.sweep(Policy).destroyed == 1
    office.crash()
    office.start()
    monkeypatch.setattr(sweep, "unlink", unlink_really)
    assert office.store.recover().garbage == 3


# --- one camera beside the other --------------------------------------------------------------------------------


class Gate:
    """Holds `_seal` of one camera until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, camera: str) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        seal = salvage.Salvager._seal

        def held(salvager: salvage.Salvager, *of: Any) -> Any:
            if of[2].relative.parts[0] == camera:
                self.reached.set()
                assert self.open.wait(DEADLINE_S)
            return seal(salvager, *of)

        monkeypatch.setattr(salvage.Salvager, "_seal", held)


def test_a_live_cameras_salvage_does_not_wait_for_recovery_or_for_another(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(office)
    office.crash()
    office.start()
    for camera in ("lobby", "door"):
        office.enrol(camera)
    lobby, door = left_behind(office), left_behind(office, "door")
    gate = Gate(monkeypatch, "lobby")
    recovering = threading.Thread(target=office.store.recover)
    recovering.start()
    assert gate.reached.wait(DEADLINE_S)
    waiting = office.store.salvage("lobby", GapCause.WORKER_CRASH, "", seq=lobby.opening.seq)
    assert len(office.salvage("door", door.opening.seq).segments) == 1
    gate.open.set()
    recovering.join(DEADLINE_S)
    assert len(waiting.result(DEADLINE_S).segments) == 1


def test_a_segment_is_worked_off_by_one_at_a_time(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = left_behind(office)
    gate = Gate(monkeypatch, "lobby")
    first = office.store.salvage("lobby", GapCause.WORKER_CRASH, "", seq=dead.opening.seq)
    assert gate.reached.wait(DEADLINE_S)
    again = office.salvage("lobby", dead.opening.seq)
    assert (again.segments, "already" in again.left[0]) == ((), True)
    gate.open.set()
    assert len(first.result(DEADLINE_S).segments) == 1
    assert office.salvage("lobby", dead.opening.seq) == Salvaged((), ())


def test_what_cannot_be_salvaged_yet_is_said(office: Office, tmp_path: Path) -> None:
    dead = left_behind(office)
    shutil.move(office.disk, tmp_path / "away")
    salvaged = office.salvage("lobby", dead.opening.seq)
    assert (salvaged.segments, "away" in salvaged.left[0]) == ((), True)
    shutil.move(tmp_path / "away", office.disk)
    assert len(office.salvage("lobby", dead.opening.seq).segments) == 1


def test_a_lost_database_is_not_passed_over(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = left_behind(office)

    def lost(*_: object) -> None:
        raise DatabaseDamaged("edged.db is damaged", "check the disk")

    monkeypatch.setattr(salvage.Salvager, "_on_open", lost)
    future = office.store.salvage("lobby", GapCause.WORKER_CRASH, "", seq=dead.opening.seq)
    with pytest.raises(DatabaseDamaged):
        future.result(DEADLINE_S)
