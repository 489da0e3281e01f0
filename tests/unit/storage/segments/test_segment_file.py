"""A segment's file on a real directory: on no other volume, over no other file, and its hash is that of its bytes."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from storage import files
from storage.mirror import files as mirror_files
from storage.segments import segment_file
from storage.segments.segment_file import LAY_OUT_BYTES, SegmentFile, WrongVolumeError
from storage.volumes.volume import IDENTITY_MAX_BYTES, read_identity
from storage.words.layout import IDENTITY_NAME, segment_path
from tests.support.resources import assert_nothing_is_left_open, descriptors

VOLUME = "6e1f7d0e-0000-4000-8000-000000000001"
RELATIVE = segment_path("lobby", 1_700_000_000_000, 7)


@pytest.fixture(name="volume")
def make_volume(tmp_path: Path) -> Path:
    path = tmp_path / "volume"
    path.mkdir()
    identity = {"schema": "edged.volume/1", "volume": VOLUME, "node": "n"}
    (path / IDENTITY_NAME).write_text(json.dumps(identity), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def no_leaked_descriptors() -> Iterator[None]:
    before = descriptors()
    yield
    assert_nothing_is_left_open(before)


def part_of(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def files_below(path: Path) -> set[str]:
    return {entry.name for entry in path.rglob("*") if entry.is_file()}


def is_locked(path: Path) -> bool:
    with path.open("rb") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_a_committed_file_is_what_was_written(volume: Path) -> None:
    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    parts: list[bytes | bytearray | memoryview] = [b"a" * 3000, b"", memoryview(b"bc"), bytearray(b"d")]
    for part in parts:
        assert file.write(part) == len(part)
    assert file.path == volume / RELATIVE
    assert not file.path.exists()
    assert part_of(file.path).stat().st_size == file.bytes == 3003
    file.sync()
    sealed = file.commit()
    content = b"a" * 3000 + b"bcd"
    assert (sealed.path, sealed.bytes) == (volume / RELATIVE, 3003)
    assert sealed.sha256 == hashlib.sha256(content).digest()
    assert sealed.path.read_bytes() == content
    assert files_below(volume) == {IDENTITY_NAME, RELATIVE.name}


def test_nobody_but_the_daemon_and_its_group_reads_footage(volume: Path) -> None:
    """Whatever umask the daemon was started with."""
    old = os.umask(0o077)
    try:
        sealed = SegmentFile.create(volume, VOLUME, RELATIVE).commit()
    finally:
        os.umask(old)
    assert stat.S_IMODE(sealed.path.stat().st_mode) == 0o640
    for directory in (sealed.path.parent, sealed.path.parent.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o750


# --- S10: the volume and no other -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "identity",
    [
        None,
        b"",
        b"{",
        b"[]",
        b'{"volume": 7}',
        b"{}",
        b"\xff\xfe",
        json.dumps({"volume": "another"}).encode(),
        json.dumps({"volume": VOLUME, "pad": "x" * IDENTITY_MAX_BYTES}).encode(),
        b"[" * 4000,
    ],
)
def test_nothing_is_written_where_the_volume_is_not(volume: Path, identity: bytes | None) -> None:
    (volume / IDENTITY_NAME).unlink()
    if identity is not None:
        (volume / IDENTITY_NAME).write_bytes(identity)
    with pytest.raises(WrongVolumeError):
        SegmentFile.create(volume, VOLUME, RELATIVE)
    assert files_below(volume) <= {IDENTITY_NAME}
    assert not (volume / "lobby").exists()


def test_a_volume_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    with pytest.raises(WrongVolumeError):
        SegmentFile.create(tmp_path / "gone", VOLUME, RELATIVE)
    assert not (tmp_path / "gone").exists()


def test_a_disk_that_goes_while_recording_leaves_nothing_on_what_lies_below_it(volume: Path) -> None:
    """The mount point without its disk is another directory of the same name."""
    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    elsewhere = volume.rename(volume.with_name("taken-away"))
    volume.mkdir()
    file.write(b"x")
    file.commit()
    assert files_below(volume) == set()
    assert (elsewhere / RELATIVE).read_bytes() == b"x"


@pytest.mark.parametrize("level", [RELATIVE.parent, RELATIVE.parent.parent])
def test_a_symbolic_link_leads_out_of_no_volume(volume: Path, tmp_path: Path, level: PurePosixPath) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (volume / level).parent.mkdir(parents=True, exist_ok=True)
    (volume / level).symlink_to(outside)
    with pytest.raises(OSError, match=r"directory|symbolic"):
        SegmentFile.create(volume, VOLUME, RELATIVE)
    assert not any(outside.iterdir())


# --- never replacing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [RELATIVE.name, RELATIVE.name + ".part"])
def test_a_name_that_is_taken_is_refused_at_the_start(volume: Path, name: str) -> None:
    taken = volume / RELATIVE.parent / name
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"evidence")
    with pytest.raises(FileExistsError):
        SegmentFile.create(volume, VOLUME, RELATIVE)
    assert taken.read_bytes() == b"evidence"
    assert files_below(volume) == {IDENTITY_NAME, name}


@pytest.fixture(params=["renameat2", "link"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of renaming: file systems that know RENAME_NOREPLACE, and those that do not."""
    if request.param == "link":

        def unsupported(*_: object) -> int:
            ctypes.set_errno(errno.EINVAL)
            return -1

        monkeypatch.setattr(files, "_renameat2", unsupported)
    return str(request.param)


def test_a_name_taken_meanwhile_costs_neither_file(volume: Path, way: str) -> None:
    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    file.write(b"new")
    file.path.write_bytes(b"evidence")
    with pytest.raises(FileExistsError):
        file.commit()
    assert file.abandon()
    assert file.path.read_bytes() == b"evidence"
    assert part_of(file.path).read_bytes() == b"new"


def test_both_ways_leave_one_name(volume: Path, way: str) -> None:
    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    file.write(b"new")
    sealed = file.commit()
    assert sealed.path.read_bytes() == b"new"
    assert sealed.path.stat().st_nlink == 1
    assert files_below(volume) == {IDENTITY_NAME, RELATIVE.name}


def test_other_errors_of_a_rename_are_not_taken_for_a_missing_feature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", lambda *_, **__: pytest.fail("tried the other way"))
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with pytest.raises(FileNotFoundError):
            files.rename_noreplace("absent", "new", dir_fd=fd)
    finally:
        os.close(fd)


# --- the order in which things become durable --------------------------------------------------------------------


@pytest.fixture(name="calls")
def record_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the kernel, in order, with what each descriptor is open on."""
    calls: list[str] = []

    def spy(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            target = Path(f"/proc/self/fd/{args[0]}").readlink()
            calls.append(f"{name} {'directory' if target.is_dir() else target.suffix}")
            return real(*args, **kwargs)

        return call

    for name in ("fsync", "fdatasync", "close"):
        monkeypatch.setattr(os, name, spy(name, getattr(os, name)))
    monkeypatch.setattr(files, "_renameat2", spy("rename", files._renameat2))
    return calls


def test_a_file_is_durable_before_its_name_and_locked_until_both_are(volume: Path, calls: list[str]) -> None:
    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    calls.clear()
    file.commit()
    assert calls == ["fsync .part", "rename directory", "fsync directory", "close .mp4", "close directory"]


def test_a_new_directory_is_durable_at_once_and_an_old_one_is_left_alone(volume: Path, calls: list[str]) -> None:
    first = SegmentFile.create(volume, VOLUME, RELATIVE)
    assert calls.count("fsync directory") == 2, "the volume for the camera, the camera for the day"
    first.abandon()
    calls.clear()
    second = SegmentFile.create(volume, VOLUME, segment_path("lobby", 1_700_000_001_000, 8))
    assert "fsync directory" not in calls
    second.abandon()


def test_the_first_sync_makes_the_name_durable_too(volume: Path, calls: list[str]) -> None:
    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    calls.clear()
    file.sync()
    file.sync()
    assert calls == ["fdatasync .part", "fsync directory", "fdatasync .part"]
    file.abandon()


# --- lock -------------------------------------------------------------------------------------------------------


def test_a_file_in_progress_is_locked_and_one_that_was_abandoned_is_not(volume: Path) -> None:
    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    file.write(b"x")
    assert is_locked(part_of(file.path))
    assert file.abandon()
    assert not is_locked(part_of(file.path))
    assert part_of(file.path).read_bytes() == b"x"


def test_abandoning_twice_or_after_a_commit_does_nothing(volume: Path) -> None:
    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    sealed = file.commit()
    assert file.abandon()
    assert file.abandon()
    assert sealed.path.exists()
    with pytest.raises(OSError, match="closed"):
        file.write(b"x")


# --- trouble ----------------------------------------------------------------------------------------------------


def test_a_short_write_is_finished(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:3]))
    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    assert file.write(b"0123456789") == 10
    sealed = file.commit()
    assert sealed.path.read_bytes() == b"0123456789"
    assert sealed.sha256 == hashlib.sha256(b"0123456789").digest()


def blocks(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_space_is_laid_out_ahead_and_what_is_left_of_it_is_given_back(volume: Path) -> None:
    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    file.write(b"x" * 100)
    if not files.preallocate(file._fd, 0, 1) or shutil.disk_usage(volume).free < segment_file.SCARCE_BYTES:
        pytest.skip("this disk does not lay out space")
    assert blocks(part_of(file.path)) >= LAY_OUT_BYTES
    assert part_of(file.path).stat().st_size == 100
    file.write(b"x" * LAY_OUT_BYTES)
    assert blocks(part_of(file.path)) >= LAY_OUT_BYTES + 100
    sealed = file.commit()
    assert sealed.path.stat().st_size == sealed.bytes == LAY_OUT_BYTES + 100
    assert blocks(sealed.path) < sealed.bytes + 65_536


@pytest.mark.parametrize("free", [0, 1 << 40])
def test_space_that_is_not_to_be_had_costs_nothing(volume: Path, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    asked = []

    def refuse(fd: int, at: int, length: int) -> bool:
        asked.append((at, length))
        return False

    monkeypatch.setattr(segment_file, "preallocate", refuse)
    monkeypatch.setattr(os, "fstatvfs", lambda _: SimpleNamespace(f_bavail=free, f_frsize=1))
    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    for _ in range(2):
        file.write(b"x" * (LAY_OUT_BYTES // 2 + 1))
    assert asked == ([(0, LAY_OUT_BYTES), (LAY_OUT_BYTES // 2 + 1, LAY_OUT_BYTES)] if free else [])
    assert file.commit().bytes == 2 * (LAY_OUT_BYTES // 2 + 1)


def test_a_full_disk_ends_the_file_but_keeps_what_is_there(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream with a hole is no segment: it is not committed, however well later writes go."""
    room = iter([4, None])
    real = os.write

    def write(fd: int, data: memoryview) -> int:
        take = next(room)
        if take is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data[:take])

    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(OSError, match="No space"):
            file.write(b"0123456789")
    assert file.bytes == 4
    for action in (lambda: file.write(b"x"), file.sync, file.commit):
        with pytest.raises(OSError, match="No space"):
            action()
    assert not file.abandon()
    assert part_of(file.path).read_bytes() == b"0123"


def test_after_a_failed_sync_no_later_one_is_believed(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SegmentFile.create(volume, VOLUME, RELATIVE)
    file.write(b"x")

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="Input/output"):
            file.sync()
    with pytest.raises(OSError, match="Input/output"):
        file.commit()
    assert not file.abandon()
    assert not file.path.exists()


def test_abandoning_on_a_dead_disk_lets_go_and_says_so(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SegmentFile.create(volume, VOLUME, RELATIVE)

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        assert not file.abandon()
    assert not is_locked(part_of(file.path))


def test_a_worker_can_afford_it() -> None:
    """What a worker imports stays free of databases, event loops and web servers."""
    code = "import sys, storage.segments.segment_file; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sqlite3", "asyncio", "pydantic", "aiohttp", "paho", "av", "numpy"} & set(loaded)


def a_directory(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_text("{}", encoding="utf-8")
    path.symlink_to(elsewhere)


@pytest.mark.parametrize("make", [a_directory, a_pipe, a_link])
def test_what_is_no_file_holds_up_nobody_and_costs_no_descriptor(
    make: Callable[[Path], None], tmp_path: Path, volume: Path
) -> None:
    """Somebody put it where the identity or a day of the ledger should be: they are looked at again and again."""
    (volume / IDENTITY_NAME).unlink()
    make(volume / IDENTITY_NAME)
    make(tmp_path / "2026-05-01.jsonl")
    for directory, read in ((volume, read_identity), (tmp_path, mirror_files.last_line)):
        fd = os.open(directory, os.O_RDONLY)
        try:
            with pytest.raises(OSError, match=r"no file|links|directory"):
                read(fd)
        finally:
            os.close(fd)
