"""Disks that are full to the last byte or inode, catalog and footage together: destroying begins all the same.

In WAL mode DELETE, too, needs space; so without the ballast such a disk stays full for ever. Real file systems.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from storage.retention.plan import Policy
from storage.ring.ballast import MIN_BYTES, NAME, PIECES, Ballast
from storage.volumes.volume import FILES_SPARE
from storage.words.errors import StoreError, WriteFailed
from storage.words.model import Bounds, GapCause, VolumeStatus
from tests.support.disks import Ext4, may_mount
from tests.support.office import DEADLINE_S, Office
from tests.support.raw_images import sync

pytestmark = pytest.mark.skipif(not may_mount(), reason="mounting needs root")

DISK_BYTES: Final = 48 << 20
SEGMENTS: Final = 40
FRAGMENTS: Final = 800
"""Of each: 200 kB. As real segments do, it gives back more than the WAL takes to destroy it, also where a slow machine
destroys them one by one."""
SHORT, LONG = Bounds(1, 100_000), Bounds(50_000, 100_000)


@pytest.fixture(params=["ext4", "tmpfs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    path = tmp_path / "full"
    if request.param == "ext4":
        with Ext4(path, DISK_BYTES):
            yield path
        return
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def recorded(place: Path, bounds: Bounds = SHORT) -> Office:
    """A box whose state and footage share a disk; for ten minutes nobody but the test has anything to write."""
    office = Office(place)
    office.enrol("lobby")
    for _ in range(SEGMENTS):
        office.segment("lobby", FRAGMENTS, bounds=bounds)
    office.clock.tick(10_000)
    sweep(office)
    office.store.ledger.mirror_now()
    assert office.store.ballast.owed == 0
    return office


def sweep(office: Office) -> int:
    return office.store.sweep(lambda: Policy({"lobby": SHORT})).destroyed


def fill(place: Path) -> Path:
    """To the last byte, what the journal gives back a moment later included."""
    stranger = place / "somebody-elses"
    with stranger.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            sync(place)
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    assert os.statvfs(place).f_bavail == 0
    return stranger


def grow_the_wal(office: Office) -> None:
    """What a day of recording does: it takes the room that it has from before, and then each commit needs more."""

    def while_somebody_reads(reader: sqlite3.Connection) -> None:
        reader.execute("SELECT * FROM runs").fetchone()  # from here on the WAL cannot begin anew
        with suppress(WriteFailed):
            for _ in range(5000):
                office.store.heartbeat().result(DEADLINE_S)
                if office.store.ballast.owed:
                    return

    office.store._database.read(while_somebody_reads)


def test_with_the_catalog_on_the_full_disk_space_is_freed_and_recording_goes_on(place: Path) -> None:
    office = recorded(place)
    stranger = fill(place)
    grow_the_wal(office)
    assert 0 < office.store.ballast.owed <= MIN_BYTES // PIECES, "a piece of it, not all"
    assert sweep(office) > 0
    assert len(office.files()) < SEGMENTS
    office.segment("lobby")
    stranger.unlink()
    sync(place)
    sweep(office)
    assert office.store.ballast.owed == 0, "refilled by itself"
    assert (office.state / NAME).stat().st_blocks * 512 >= MIN_BYTES
    office.store.close()


def test_without_the_ballast_nothing_ever_goes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the disk would stay full for ever."""
    monkeypatch.setattr(Ballast, "give", lambda _: False)
    office = recorded(place)
    fill(place)
    grow_the_wal(office)
    with pytest.raises(WriteFailed):
        sweep(office)
    with pytest.raises(WriteFailed):
        office.segment("lobby")
    assert len(office.files()) == SEGMENTS
    office.store.close(clean=False)


@pytest.mark.parametrize("ballast", [True, False])
def test_a_daemon_that_starts_on_a_full_disk_frees_it(
    place: Path, monkeypatch: pytest.MonkeyPatch, *, ballast: bool
) -> None:
    office = recorded(place)
    office.store.close()
    fill(place)
    if not ballast:
        monkeypatch.setattr(Ballast, "give", lambda _: False)
        with pytest.raises(StoreError):
            office.start()
        return
    office.start()
    office.enrol("lobby")
    assert sweep(office) > 0
    office.segment("lobby")
    office.store.close()


def test_a_stranger_who_takes_what_becomes_free_gets_a_piece_at_a_time(place: Path) -> None:
    ballast = Ballast(place)
    ballast.maintain()
    owed = []
    fill(place)
    while ballast.give():
        assert not ballast.give(), "as long as there is room, no more of it"
        owed.append(ballast.owed)
        fill(place)
    assert owed == [piece * MIN_BYTES // PIECES for piece in range(1, PIECES + 1)]


def test_a_trouble_that_is_no_lack_of_space_costs_no_ballast(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path)
    assert (ballast.owed, ballast.give()) == (0, False)
    ballast.maintain()
    assert (ballast.owed, ballast.give(), ballast.owed) == (0, False, 0)


def test_a_ballast_that_was_interrupted_is_completed(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(bytes(12_345))
    ballast = Ballast(tmp_path)
    ballast.maintain()
    size = (tmp_path / NAME).stat().st_size
    Ballast(tmp_path).maintain()
    assert (ballast.owed, (tmp_path / NAME).stat().st_size) == (0, size)


def test_a_disk_without_inodes_is_full_and_files_that_go_make_room(tmp_path: Path) -> None:
    with Ext4(tmp_path / "full", DISK_BYTES, inodes=2 * FILES_SPARE) as disk:
        office = recorded(disk.path)
        strangers = disk.fill_with_files()
        assert os.statvfs(disk.path).f_favail == 0
        assert sweep(office) > 0, "as many bytes as the next segments take are about as many files"
        office.segment("lobby")
        for stranger in strangers:
            stranger.unlink()
        office.store.close()


def test_inodes_that_others_took_stop_recording_where_nothing_may_go(tmp_path: Path) -> None:
    with Ext4(tmp_path / "full", DISK_BYTES, inodes=2 * FILES_SPARE) as disk:
        office = recorded(disk.path, LONG)
        strangers = disk.fill_with_files()
        sweep(office)
        seen = office.store.admission.volumes_now({"lobby": 0})
        assert set(seen.stopped) == {"lobby"}
        assert isinstance(seen.chosen, GapCause)
        for stranger in strangers:
            stranger.unlink()
        sweep(office)
        seen = office.store.admission.volumes_now({"lobby": 0})
        assert (seen.stopped, isinstance(seen.chosen, VolumeStatus)) == ({}, True)
        office.store.close()
