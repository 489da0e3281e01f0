"""What others keep on a disk is what edged does not: told from its own ledger, pins, state and files in progress.

Real file systems, measured as `df` does.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from storage.approvals.service import Person
from storage.mirror import table as mirror_table
from storage.pins.rules import DAY_MS, Ground, Interval, Limits, PinOrder
from storage.retention.plan import Policy
from storage.segments import segment_file
from storage.volumes.volume import VolumeSpec
from storage.words.model import GapCause
from tests.support.disks import Ext4, may_mount
from tests.support.office import BOUNDS, DEADLINE_S, Office

pytestmark = pytest.mark.skipif(not may_mount(), reason="mounting needs root")

DISK_BYTES: Final = 256 << 20
SLACK: Final = 1 << 19
"""Of files that end within a block, and directories: some kilobytes each."""
STRANGER: Final = 20 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Ext4]:
    with Ext4(tmp_path / "one", DISK_BYTES) as made:
        yield made


@pytest.fixture
def office(disk: Ext4) -> Iterator[Office]:
    """State and footage share the disk."""
    box = Office(disk.path)
    box.enrol("lobby")
    yield box
    box.store.close()


def sweep(office: Office) -> None:
    office.store.sweep(lambda: Policy({"lobby": BOUNDS}))


def others(office: Office) -> int:
    """The same for all volumes of the file system."""
    (told,) = {status.others_bytes for status in office.store.volumes() if status.total_bytes}
    return told


def wrote(path: Path, size: int) -> Path:
    with path.open("ab") as file:
        file.write(os.urandom(size))
        os.fsync(file.fileno())
    return path


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        disk = os.fstatvfs(file.fileno())
        os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize - SLACK)
        while True:
            file.write(bytes(4096))


def test_on_a_disk_that_edged_has_to_itself_others_have_nothing(office: Office) -> None:
    office.segment("lobby")
    sweep(office)
    assert (office.state / "ballast").stat().st_size > SLACK
    assert others(office) < SLACK


def test_what_edged_keeps_beside_footage_is_not_others(office: Office) -> None:
    """A year's leaves, the sidecar of a pin, and links, by which a file counts once."""
    segments = [office.segment("lobby") for _ in range(3)]
    interval = Interval(segments[0].start.wall_ms + 1, segments[-1].end.wall_ms - 1)
    order = PinOrder(("lobby",), interval, Ground.LAW, "刑事訴訟法 133", "115-0042", "主任", 30 * DAY_MS)
    office.store.pins.place(order, Person(1001, "chen"), Limits(180 * DAY_MS, 100.0))
    assert segments[0].path.stat().st_nlink == 2
    wrote(segments[0].path, STRANGER)  # grown, so that a link counted twice would show
    before = others(office)
    (office.disk / ".ledger").mkdir(exist_ok=True)
    wrote(office.disk / ".ledger" / "2024-01-01.jsonl", STRANGER)
    assert others(office) <= before, "a day's file of the ledger is ours"
    assert before < STRANGER + SLACK, "what somebody appended to a segment is not, once"


def test_what_is_laid_out_ahead_in_segments_in_progress_is_not_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_file, "SCARCE_BYTES", 0)
    begun = office.record("lobby")
    assert begun.file.path.with_name(begun.file.path.name + ".part").stat().st_blocks * 512 >= 4 << 20
    assert others(office) < SLACK
    office.commit(begun)
    assert others(office) < SLACK


def test_a_stranger_is_told_to_the_megabyte_on_every_volume_of_his_disk(disk: Ext4, office: Office) -> None:
    second = disk.path / "second"
    second.mkdir()
    office.store.volume_operations.configure([*office.specs, VolumeSpec(second, None, None, None)])
    office.segment("lobby")
    wrote(disk.path / "video.iso", STRANGER)
    assert STRANGER <= others(office) < STRANGER + SLACK
    (_, other) = office.store.volumes()
    office.store.volume_operations.retire(other.id)
    assert STRANGER <= others(office) < STRANGER + SLACK, "a volume that is retired is ours all the same"


def test_what_root_keeps_free_is_nobody_s(office: Office, disk: Ext4) -> None:
    office.segment("lobby")
    free = os.statvfs(disk.path).f_bavail
    subprocess.run(["tune2fs", "-m", "20", disk.device], check=True, capture_output=True)
    assert os.statvfs(disk.path).f_bavail < free // 10 * 9
    assert others(office) < SLACK


def test_as_long_as_a_lost_database_does_not_know_what_is_there_nobody_is_blamed(office: Office, disk: Ext4) -> None:
    """Otherwise people would be told to remove terabytes of others: footage that no row tells of yet."""
    (status,) = office.store.volumes()

    def known(*, is_known: bool) -> None:
        fact = partial(mirror_table.set_reconciled, volume=status.id, known=is_known)
        office.store._database.submit(fact).result(DEADLINE_S)

    office.store.volume_operations.configure([VolumeSpec(office.disk, reserve_percent=10.0)])
    office.segment("lobby")
    fill(disk.path / "video.iso")
    sweep(office)
    assert office.store.choose_volume() is GapCause.DISK_FULL
    assert others(office) > DISK_BYTES // 2
    known(is_known=False)
    sweep(office)
    assert office.store.choose_volume() is GapCause.FLOOR_PROTECT
    assert others(office) == 0
    known(is_known=True)
    sweep(office)
    assert office.store.choose_volume() is GapCause.DISK_FULL
