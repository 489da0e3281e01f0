"""A power cut under the real daemon, again and again: cameras record, the ring turns, the disk is photographed.

State and volume lie on an ext4 in a file on XFS. Cloning that file is atomic and takes milliseconds, so each clone is
what a power cut at that instant would have left: what nobody synced is still in memory and not in it. Each picture is
mounted and taken over by a fresh storage: journal recovered, nothing lost that was committed, at most 2 s lost of each
camera, no floor broken, every file as its row says (S1, S4, S5, S6, S9).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from edged.documents import site as documents
from storage.store.facade import Store
from storage.volumes.volume import VolumeSpec
from storage.words.clock import Clock, SystemClock
from storage.words.layout import IDENTITY_NAME
from tests.conftest import Profile
from tests.support import promises
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon, moment
from tests.support.disks import may_mount
from tests.support.loops import clone, mounted
from tests.support.promises import Box
from tests.support.waiting import let_run

pytestmark = [
    pytest.mark.skipif(not may_mount(), reason="mounting needs root"),
    pytest.mark.skipif(shutil.which("mkfs.xfs") is None, reason="xfsprogs is missing: script/setup test"),
]

NAMES: Final = ("one", "two", "three", "four")
PATTERN: Final = "test://?size=160x96&fps=10&gop=0.5"
FLOOR_S: Final = 8
CEILING_S: Final = 20
MAX_LOSS_S: Final = 2.0
BEGUN_S: Final = 3.0
"""A camera that began to record so shortly before has perhaps nothing on the disk yet."""
XFS_BYTES: Final = 3 << 30
"""Sparse; XFS asks for 300 MB at least."""
EXT4_BYTES: Final = 384 << 20
EVERY_S: Final = 1.7
"""No multiple of a segment's length, so that every part of a segment's life is met."""
WITHOUT_SYNC: Final = """
import os, types
from storage.segments import segment_file as segmentfile
segmentfile.os = types.SimpleNamespace(**{**vars(os), "fsync": lambda fd: None, "fdatasync": lambda fd: None})
"""
"""Segment files are not synced; all else is."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What the disk held at an instant, and what the daemon had answered by then."""

    image: Path
    taken_s: float
    answered: tuple[documents.Segment, ...]


@dataclass(slots=True)
class Album:
    """What was found in all pictures."""

    pictures: int = 0
    adopted: int = 0
    segments: int = 0
    losses_s: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        worst = f"{max(self.losses_s):.2f} s" if self.losses_s else "unknown"
        return (
            f"{self.pictures} cuts, {self.segments} segments seen, {self.adopted} salvaged, worst loss {worst},"
            f" {len(self.violations)} violations"
        )


@contextmanager
def disk(scratch: Path) -> Iterator[tuple[Path, Path]]:
    """An ext4, mounted, and the file on XFS that it lies in."""
    below, above, outer = scratch / "xfs", scratch / "edged", scratch / "xfs.img"
    below.mkdir()
    above.mkdir()
    with outer.open("wb") as file:
        file.truncate(XFS_BYTES)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", str(outer)], check=True)
    try:
        with mounted(outer, below, "xfs"):
            image = below / "disk.img"
            with image.open("wb") as file:
                file.truncate(EXT4_BYTES)
            subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True)
            with mounted(image, above):
                yield above, image
    finally:
        outer.unlink()


def take(edged: Daemon, image: Path, number: int) -> Picture:
    """In this order: what was answered before the picture was taken must be in it."""
    answered = tuple(segment for name in NAMES for segment in edged.listed(name))
    taken_s = time.time()
    copy = image.with_name(f"picture-{number}.img")
    clone(image, copy)
    return Picture(copy, taken_s, answered)


def look_at(picture: Picture, scratch: Path, album: Album) -> None:
    """Mount it and take it over, as the next start would."""
    place = scratch / "picture"
    place.mkdir(exist_ok=True)
    with mounted(picture.image, place):
        try:
            faults = taken_over(picture, place, album)
        except Exception as error:  # noqa: BLE001 - whatever it is, the daemon would not start
            faults = [f"it does not start: {error!r}"]
    album.pictures += 1
    album.violations += [f"picture {album.pictures}: {fault}" for fault in faults]


def taken_over(picture: Picture, place: Path, album: Album) -> list[str]:
    clock: Clock = SystemClock()
    volume = place / "volume"
    store = Store.open(state=place / "state", node="test-node", volumes=[VolumeSpec(volume)], clock=clock)
    try:
        box = Box(place / "state", {json.loads((volume / IDENTITY_NAME).read_text())["volume"]: volume})
        faults = promises.at_any_instant(box)
        for name in NAMES:
            store.enrol(name, clock.now()).result(10)
        report = store.recover()
        album.adopted += report.adopted
        again = store.recover()
        if (again.adopted, again.unproven, again.quarantined, again.without_file, again.garbage) != (0,) * 5:
            faults.append(f"a second recovery found more to do: {again}")
        faults += [f"recovery left {words}" for words in report.left]
        rows = box.segments()
        album.segments += len(rows)
        there = {(row["camera_id"], row["seq"]): row for row in rows}
        for told in picture.answered:
            row, age_s = there.get((told.camera, told.seq)), picture.taken_s - moment(told.end)
            if row is None and age_s < FLOOR_S:
                faults.append(f"S6, S1: {told.camera}/{told.seq} is gone, {age_s:.1f} s old")
            elif row is not None and (row["bytes"], row["sha256"].hex()) != (told.bytes, told.sha256):
                faults.append(f"S4: {told.camera}/{told.seq} is not what it was")
        for name in NAMES:
            ends = [row["start_wall_ms"] + row["duration_ms"] for row in rows if row["camera_id"] == name]
            loss_s = picture.taken_s - max(ends, default=0) / 1000
            album.losses_s.append(loss_s)
            if loss_s > MAX_LOSS_S:
                faults.append(f"S6: {loss_s:.1f} s of {name} are lost")
        faults += promises.at_rest(box)
    finally:
        store.close(clean=False)
    return faults + promises.fsck(box, clock)


def photographed(scratch: Path, count: int, sabotage: str = "") -> Album:
    """Record, and take pictures all the while; with a planted bug until it shows."""
    album = Album()
    cameras = [Watched(name, PATTERN) for name in NAMES]
    setup = Setup(cameras, segment="4s", floor=f"{FLOOR_S}s", ceiling=f"{CEILING_S}s", max_bytes="200MB")
    with disk(scratch) as (above, image), Daemon(above, setup, sabotage=sabotage) as edged:
        edged.wait_for_states("recording", NAMES)
        let_run(BEGUN_S, edged.check_alive)
        for number in range(count):
            picture = take(edged, image, number)
            look_at(picture, scratch, album)
            picture.image.unlink()
            if sabotage and shows(album):
                break
            let_run(EVERY_S, edged.check_alive)
        edged.kill_everything()
        edged.wait_for_no_process()
    return album


def test_power_cuts_while_four_cameras_record(
    memory: Path, profile: Profile, capsys: pytest.CaptureFixture[str]
) -> None:
    album = photographed(memory, profile.live_cuts)
    with capsys.disabled():
        print(f" {album}", end="")  # noqa: T201
    assert album.violations == [], "\n".join(album.violations[:5])


def test_without_syncs_it_shows(memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    album = photographed(memory, 3, WITHOUT_SYNC)
    with capsys.disabled():
        print(f" {album}", end="")  # noqa: T201
    assert shows(album), album.violations


def shows(album: Album) -> bool:
    return any("S6" in violation for violation in album.violations)
