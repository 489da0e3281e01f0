"""Disks that are retired, replaced, added and moved below the real daemon, and real mounts of every kind. Root only.

Real ext4 file systems. Whatever is done with the disks, the cameras record on: no gap but the beginning's, and segments
meet where they were cut (S9, S11).
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from edged.documents import machine, site
from storage.volumes.service import VolumePool
from storage.volumes.volume import Volume, VolumeSpec, VolumeUsage
from storage.words.errors import VolumeRefused
from storage.words.layout import IDENTITY_NAME
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.disks import Ext4, may_mount
from tests.support.loops import mounted
from tests.support.scenes import seam_faults

pytestmark = pytest.mark.skipif(not may_mount(), reason="mounting needs root")

NAMES: Final = ("one", "two")
CAMERAS: Final = tuple(Watched(name, f"test://{name}?size=160x120&fps=10&gop=0.5") for name in NAMES)
MOVED_S: Final = 20.0
"""Two cuts of 2 s, on a busy box."""
DISK_BYTES: Final = 64 << 20


def setup(*disks: Path) -> Setup:
    return Setup(CAMERAS, segment="2s", volumes=disks, max_bytes="40MB")


@dataclass(frozen=True)
class Site:
    edged: Daemon

    def reload(self, *disks: Path) -> site.Reload:
        self.edged.configure(setup(*disks))
        answer = self.edged.ctl("reload")
        assert answer.code == 0, answer.stderr
        return site.Reload.model_validate(answer.document)

    def listed(self) -> dict[str, machine.Listed]:
        """By name of the mount point; of two at one the later one is the lost one."""
        answer = self.edged.ctl("volume", "list")
        assert answer.code == 0, answer.stderr
        found = machine.VolumeList.model_validate(answer.document).volumes
        return {f"{Path(one.path).name} {one.state}": one for one in found}

    def records_on(self, disk: Path) -> None:
        """Every camera has begun and committed a segment there since now."""
        before = {name: len(self.edged.listed(name)) for name in NAMES}
        self.edged.until(
            lambda: all(
                len(self.edged.listed(name)) >= before[name] + 2
                and Path(self.edged.listed(name)[-1].path).is_relative_to(disk)
                for name in NAMES
            ),
            MOVED_S,
            f"segments are committed on {disk.name}",
        )

    def unbroken(self, *, causes: frozenset[str] = frozenset()) -> None:
        for name in NAMES:
            assert {gap.cause for gap in self.edged.gaps(name)} <= {"starting"} | causes
            assert self.edged.camera(name).unexplained_s == 0
            if not causes:
                assert seam_faults(self.edged.segments(name)) == []

    def alarms(self) -> dict[str, str]:
        answer = self.edged.ask("/v1/alarms")
        found = site.Alarms.model_validate(answer).alarms
        return {one.key.partition(":")[0]: one.text for one in found if one.state == "raised"}


@contextmanager
def bound(path: Path, place: Path) -> Iterator[Path]:
    """The same directory at a second place."""
    place.mkdir()
    subprocess.run(["mount", "--bind", str(path), str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_disks_are_moved_retired_added_and_replaced_and_recording_goes_on(memory: Path) -> None:
    with ExitStack() as held:
        first, second, third, spare = (
            held.enter_context(Ext4(memory / name, DISK_BYTES)) for name in ("first", "second", "third", "spare")
        )
        elsewhere = held.enter_context(bound(first.path, memory / "elsewhere"))
        edged = held.enter_context(Daemon(memory / "edged", setup(first.path, second.path)))
        edged.wait_for_states("recording", NAMES)
        box = Site(edged)
        box.records_on(first.path)
        workers = edged.workers()
        is_followed_where_it_is_mounted(box, first, second, elsewhere)
        retired_added_and_left_out(box, first, second, third)
        assert edged.workers() == workers
        replaced(box, third, spare, second)


def is_followed_where_it_is_mounted(box: Site, first: Ext4, second: Ext4, elsewhere: Path) -> None:
    """mount --move works under an open directory; the reload names its new place."""
    before = box.listed()["first in-service"]
    box.reload(elsewhere, second.path)
    box.edged.until(lambda: "elsewhere in-service" in box.listed(), MOVED_S, "the disk is followed")
    after = box.listed()["elsewhere in-service"]
    assert (after.id, after.segments >= before.segments) == (before.id, True)
    box.edged.until(
        lambda: str(elsewhere) in box.edged.listed("one")[-1].path, MOVED_S, "segments are told by their new path"
    )
    box.reload(first.path, second.path)
    box.edged.until(lambda: "first in-service" in box.listed(), MOVED_S, "and back")
    box.unbroken()


def retired_added_and_left_out(box: Site, first: Ext4, second: Ext4, third: Ext4) -> None:
    answer = box.edged.ctl("volume", "retire", str(first.path))
    assert answer.code == 0, answer.stderr
    done = machine.VolumeRetire.model_validate(answer.document)
    assert (done.retired, done.empty) == (True, False)
    box.records_on(second.path)
    assert "first retired" in box.listed()
    assert box.edged.ctl("volume", "retire", str(second.path)).code == 1, "recording would stop"
    assert box.reload(third.path, second.path).warnings == []
    assert box.edged.ctl("volume", "retire", str(second.path)).code == 0
    box.records_on(third.path)
    listed = box.listed()
    assert listed.keys() == {"first retired", "second retired", "third in-service"}
    assert listed["third in-service"].takes_next
    assert listed["first retired"].segments > 0, "what was left out is looked after"
    assert box.edged.ctl("volume", "retire", "--undo", listed["second retired"].id).code == 0
    assert "second in-service" in box.listed()
    box.unbroken()


def replaced(box: Site, dead: Ext4, new: Ext4, other: Ext4) -> None:
    path = dead.path
    old = json.loads((path / IDENTITY_NAME).read_text())["volume"]
    assert box.edged.ctl("volume", "replace", str(path), "--reason", "it is old").code == 1, "it is there"
    dead.die()
    box.records_on(other.path)
    dead.vanish()
    refused = box.edged.ctl("volume", "replace", str(path), "--reason", "it clicked")
    assert (refused.code, "nothing is mounted there" in refused.document["error"]) == (1, True)
    assert list(path.iterdir()) == [], "S10"
    dead.wait_until_free()
    new.vanish()
    subprocess.run(["mount", "-o", "noatime", new.device, str(path)], check=True)
    answer = box.edged.ctl("volume", "replace", str(path), "--reason", "it clicked")
    assert answer.code == 0, answer.stderr
    done = machine.VolumeReplace.model_validate(answer.document)
    assert (done.lost, done.segments > 0, done.below_floor) == (old, True, done.segments)
    assert done.by == json.loads((path / IDENTITY_NAME).read_text())["volume"]
    assert {"first retired", "second in-service", "third lost", "third in-service"} == box.listed().keys()
    box.edged.until(lambda: "storage.lost" in box.alarms(), MOVED_S, "what is lost is an alarm")
    assert "had to be kept" in box.alarms()["storage.lost"]
    assert box.edged.ctl("volume", "retire", str(other.path)).code == 0
    box.edged.until(
        lambda: any(Path(one.path).is_relative_to(path) for one in box.edged.listed("one")[-1:]),
        MOVED_S,
        "segments are committed on the new disk",
    )
    assert "it clicked" not in box.edged.log
    assert "it clicked" in json.dumps(box.edged.ctl("ledger", "--act", "volume replace").document), "why is on record"
    box.unbroken(causes=frozenset({"io-error"}))
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_init_with_the_daemon_down_leaves_what_the_daemon_can_use() -> None:
    """Root types it; the files belong to whom the state directory belongs, who must be able to get there."""
    with TemporaryDirectory(prefix="edged-") as root:
        edged, disk, uid = (
            Daemon(Path(root, "edged"), Setup([], volumes=[Path(root, "disk")])),
            Path(root, "disk"),
            65_534,
        )
        disk.mkdir()
        for place in (Path(root), edged.folder):
            place.chmod(0o755)
        for place in (disk, edged.state):
            os.chown(place, uid, uid)
        answer = edged.ctl("volume", "init", str(disk))
        assert answer.code == 0, answer.stderr
        done = machine.VolumeInit.model_validate(answer.document)
        assert (done.configured, done.next.startswith("start edged")) == (True, True)
        identity = disk / IDENTITY_NAME
        assert (identity.stat().st_uid, json.loads(identity.read_text())["volume"]) == (uid, done.volume)
        assert edged.ctl("volume", "init", str(disk)).code == 1


# --- real mounts -------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(memory: Path) -> Iterator[Ext4]:
    with Ext4(memory / "disk", DISK_BYTES) as made:
        yield made


def opened(path: Path, others: dict[str, Path]) -> Volume:
    return Volume.open(VolumeSpec(path), node="wenshan", known={}, taken=others)


def test_the_same_disk_by_another_way_is_no_other_volume(disk: Ext4, memory: Path) -> None:
    inner, bound, again, link = disk.path / "edged", memory / "bound", memory / "again", memory / "link"
    for place in (inner, bound, again):
        place.mkdir()
    volume = opened(inner, {})
    taken = {volume.id: inner}
    (inner / "deeper").mkdir()
    link.symlink_to(inner / "deeper")
    subprocess.run(["mount", "--bind", str(inner / "deeper"), str(bound)], check=True)
    subprocess.run(["mount", disk.device, str(again)], check=True)
    try:
        for path in (inner / "deeper", link, bound, again / "edged" / "deeper", disk.path, again):
            with pytest.raises(VolumeRefused, match=r"not empty|lies inside the volume"):
                opened(path, taken)
        for path in (link, bound, again / "edged" / "deeper"):
            with pytest.raises(VolumeRefused, match="lies inside the volume"):
                opened(path, taken)
        with pytest.raises(VolumeRefused, match=f"it is the same directory as {inner}"):
            opened(again / "edged", taken)
        assert list((inner / "deeper").iterdir()) == []
    finally:
        volume.close()
        subprocess.run(["umount", str(bound), str(again)], check=True)


def test_read_only_is_refused_noticed_and_taken_back(disk: Ext4) -> None:
    empty = disk.path / "empty"
    empty.mkdir()
    remount = ["mount", "-o", "remount,ro", str(disk.path)]
    subprocess.run(remount, check=True)
    with pytest.raises(VolumeRefused, match="mounted read-only"):
        opened(empty, {})
    subprocess.run(["mount", "-o", "remount,rw", str(disk.path)], check=True)
    pool = VolumePool([VolumeSpec(empty)], "wenshan", [])
    try:
        assert len(pool.present()) == 1
        subprocess.run(remount, check=True)
        assert pool.present() == {}
        assert "mounted read-only" in pool.statuses(lambda _: VolumeUsage(0, 0, is_all=True), [], pool.look())[0].reason
        subprocess.run(["mount", "-o", "remount,rw", str(disk.path)], check=True)
        assert len(pool.present()) == 1, "without a restart"
    finally:
        pool.close()


def test_a_file_system_that_stops_itself_is_away_whatever_it_says_of_itself(disk: Ext4) -> None:
    """As ext4 does after an error; Linux 6.15 and later go on to call it writable (statvfs, access)."""
    empty = disk.path / "empty"
    empty.mkdir()
    pool = VolumePool([VolumeSpec(empty)], "wenshan", [])
    try:
        assert len(pool.present()) == 1
        disk.refuse_writes()
        assert pool.present() == {}
        assert "mounted read-only" in pool.statuses(lambda _: VolumeUsage(0, 0, is_all=True), [], pool.look())[0].reason
    finally:
        pool.close()


@pytest.mark.skipif(which("mkfs.vfat") is None, reason="dosfstools is missing: script/setup test")
def test_a_file_system_without_hard_links_is_refused(memory: Path) -> None:
    image, path = memory / "fat.img", memory / "fat"
    path.mkdir()
    image.write_bytes(b"")
    os.truncate(image, 16 << 20)
    subprocess.run(["mkfs.vfat", str(image)], check=True, capture_output=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(mounted(image, path, "vfat"))
        except OSError as error:
            if error.errno == errno.ENODEV:
                pytest.skip("this kernel has no vfat")
            raise
        with pytest.raises(VolumeRefused, match="its file system is vfat"):
            opened(path, {})
        assert list(path.iterdir()) == []
