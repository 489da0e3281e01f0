"""Reading the database of a daemon that is down: one connection for many looks, and never at an older file."""

from __future__ import annotations

import os
import pickle
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from unittest.mock import Mock

import pytest

from storage.store import offline
from storage.store.offline import OfflineDatabase
from storage.words.errors import DatabaseDamaged


def write(path: Path, value: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS t (v)")
        db.execute("DELETE FROM t")
        db.execute("INSERT INTO t VALUES (?)", (value,))
        db.commit()
    os.utime(path, ns=(value, value))


def value(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT v FROM t").fetchone()[0])


def test_a_connection_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "x.db", 1)
    read = OfflineDatabase(tmp_path / "x.db")
    assert read(id) == read(id)
    assert pickle.loads(pickle.dumps(read))(value) == 1  # noqa: S301  (our own)


def test_what_was_written_or_put_in_its_place_meanwhile_is_seen(tmp_path: Path) -> None:
    write(tmp_path / "x.db", 1)
    read = OfflineDatabase(tmp_path / "x.db")
    assert read(value) == 1
    write(tmp_path / "x.db", 2)
    assert read(value) == 2
    write(tmp_path / "y.db", 3)
    (tmp_path / "y.db").replace(tmp_path / "x.db")
    assert read(value) == 3


def test_a_connection_that_failed_is_not_used_again(tmp_path: Path) -> None:
    write(tmp_path / "x.db", 1)
    read = OfflineDatabase(tmp_path / "x.db")
    assert read(value) == 1
    with pytest.raises(DatabaseDamaged):
        read(lambda db: db.execute("SELECT * FROM absent"))
    assert read(value) == 1


def test_closed_it_leaves_no_file_open(tmp_path: Path) -> None:
    """What is open keeps a disk from being unmounted."""
    write(tmp_path / "x.db", 1)
    with closing(OfflineDatabase(tmp_path / "x.db")) as read:
        assert read(value) == 1
        assert open_files(tmp_path) == 1
    assert open_files(tmp_path) == 0


def open_files(under: Path) -> int:
    found = 0
    for number in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found += number.readlink().is_relative_to(under)
    return found


@pytest.mark.parametrize(
    ("device", "pid"),
    [(os.makedev(254, 1), 4271), (os.makedev(254, 2), 0), (os.makedev(0, 9), 4271)],
    ids=["this disk", "another disk", "a file system without a device"],
)
def test_who_holds_a_directory_is_told_from_who_holds_its_number_on_another_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: int, pid: int
) -> None:
    """The top directories of all ext4 have the number 2."""
    monkeypatch.setattr(offline, "LOCKS", tmp_path / "locks")
    (tmp_path / "locks").write_text("1: FLOCK  ADVISORY  WRITE 4271 fe:01:2 0 EOF\n")
    top = Mock(spec=Path, stat=lambda: Mock(st_ino=2, st_dev=device))
    assert offline.holder(top) == pid
