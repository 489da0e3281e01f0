"""docs/night.md says what the screen says: each thing that goes wrong at night, done to the real daemon.

The words come from the page. Its item 9 (edged does not run) is tried where a systemd runs: test_install.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from edged.documents import site as documents
from edged.health import stream, watch
from tests.faults.edged.main.night import unsaid
from tests.integration.storage.recovery.test_lost_database_daemon import spoil
from tests.support import footage
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon, shortened
from tests.support.disks import Ext4, may_mount
from tests.support.fault_camera import Channel, Device, FaultCamera
from tests.support.footage import SMALL
from tests.support.ports import free_port
from tests.support.rtsp import Account
from tests.support.wallclock import WallClock

TINY: Final = replace(SMALL, width=192, height=112, kbps=100, seconds=4)
PATTERN: Final = "test://?size=160x96&fps=5&gop=1&audio=0"
NAMES: Final = ("lobby", "gate")
TOLD_S: Final = 60.0
"""A camera is missed for a while, what befalls a device gathers for some more; and a busy box."""
SEEN_S: Final = 120.0
"""Five looks at a picture; and a busy box."""
BACK_S: Final = 40.0
SOON: Final = shortened((stream, "DOWN_AFTER_S", 4.0), (watch, "ROUND_S", 3.0))
"""A camera is missed for four seconds, and each picture looked at every three."""
YEAR_S: Final = 366 * 86_400.0
DISK: Final = Setup([Watched(name, PATTERN) for name in NAMES], segment="2s", floor="1h", ceiling="2h")


def alarms(status: documents.Status) -> set[str]:
    return {alarm.key for alarm in status.alarms}


def screens(edged: Daemon) -> dict[str, str]:
    """As a person sees them, what goes to standard error included."""
    answers = {command: edged.ctl(command, json_=False, within_s=90) for command in ("status", "doctor")}
    return {command: answer.stderr + answer.stdout for command, answer in answers.items()}


# Cameras, link and clock: all at once, as one bad night


@pytest.fixture(name="night", scope="module")
def _night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One camera's cable is pulled, another's password was changed, an NVR is off, a lens covered, the clock a year
    on, and no broker there."""
    folder, clip = tmp_path_factory.mktemp("night"), footage.clip(TINY)
    with (
        WallClock(folder / "clock", synced=True) as clock,
        FaultCamera(clip) as lobby,
        FaultCamera(clip, account=Account("viewer", "new")) as gate,
        FaultCamera(footage.clip(replace(TINY, footage="cap"))) as yard,
        Device([Channel(clip, path=f"/ch{number}") for number in (1, 2, 3)]) as nvr,
    ):
        channels = [Watched(f"ch{at}", nvr.url_of(channel)) for at, channel in enumerate(nvr.channels, 1)]
        setup = Setup(
            [
                Watched("lobby", lobby.url),
                Watched("gate", gate.url, "viewer", "old"),
                Watched("yard", yard.url),
                *channels,
            ],
            mqtt_port=free_port(),
        )
        with Daemon(folder / "box", setup, environment=clock.environment, sabotage=SOON) as edged:
            edged.wait_for_states("recording", ["lobby", "yard", *(one.id for one in channels)], BACK_S)
            lobby.freeze()
            nvr.go()
            clock.put(YEAR_S)
            yield edged


@pytest.fixture(name="said", scope="module")
def _said(night: Daemon) -> dict[str, str]:
    wanted = {"camera.down:lobby", "camera.down:gate", "clock.stepped"}
    night.wait_for(
        lambda status: alarms(status) >= wanted and any(key.startswith("device.fault:") for key in alarms(status)),
        TOLD_S,
        "everything is told",
    )
    night.until(lambda: not (night.status() or pytest.fail("no answer")).clock.synced, TOLD_S, "the clock is asked")
    return screens(night)


def test_one_camera_is_out(said: dict[str, str]) -> None:
    assert unsaid(1, said) == []


def test_the_password_is_not_taken(said: dict[str, str]) -> None:
    assert unsaid(2, said) == []


def test_an_nvr_is_off(said: dict[str, str]) -> None:
    assert unsaid(3, said) == []


def test_the_centre_is_not_reached(said: dict[str, str]) -> None:
    assert unsaid(7, said) == []


def test_the_clock_is_wrong(said: dict[str, str]) -> None:
    assert unsaid(8, said) == []


def test_words_that_nobody_says_are_found(said: dict[str, str]) -> None:
    """Negative control: what the page says of the disks is not what is wrong with these cameras."""
    assert unsaid(6, said)


# Disks: one after the other, each mended before the next


needs_mount: Final = pytest.mark.skipif(not may_mount(), reason="mounting needs root")


@pytest.fixture(name="office", scope="module")
def _office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Ext4]]:
    edged = Daemon(tmp_path_factory.mktemp("disks") / "box", DISK, sabotage=SOON)
    with Ext4(edged.volume) as disk:
        shutil.rmtree(edged.volume / "lost+found")
        with edged:
            edged.wait_for_states("recording", NAMES, BACK_S)
            edged.until(lambda: all(edged.listed(name) for name in NAMES), BACK_S, "segments")
            yield edged, disk


@needs_mount
def test_a_disk_is_not_mounted(office: tuple[Daemon, Ext4]) -> None:
    edged, disk = office
    assert edged.stop() == 0
    disk.vanish()
    edged.start()
    assert edged.ended(BACK_S) == 1
    try:
        assert unsaid(4, screens(edged)) == []
    finally:
        disk.mount()


@needs_mount
def test_the_database_was_lost(office: tuple[Daemon, Ext4]) -> None:
    edged, _ = office
    spoil(edged.state)
    edged.start()
    edged.wait_for(lambda status: "database.rebuilt" in alarms(status), BACK_S, "it is told")
    assert unsaid(11, screens(edged)) == []
    edged.wait_for_states("recording", NAMES, BACK_S)


@needs_mount
def test_the_disk_is_full_of_what_must_be_kept(office: tuple[Daemon, Ext4]) -> None:
    edged, _ = office
    edged.configure(replace(DISK, max_bytes="100kB"))
    assert edged.ctl("reload").code == 0
    edged.wait_for_states("down", NAMES, TOLD_S)
    edged.wait_for(lambda status: any("Not recorded" in alarm.text for alarm in status.alarms), TOLD_S, "it is told")
    assert unsaid(5, screens(edged)) == []
    edged.configure(DISK)
    assert edged.ctl("reload").code == 0
    edged.wait_for_states("recording", NAMES, BACK_S)


@needs_mount
def test_a_disk_is_dying(office: tuple[Daemon, Ext4]) -> None:
    """First its file system stops itself, then it does not even read."""
    edged, disk = office
    disk.refuse_writes()
    edged.wait_for(lambda status: any("read-only" in alarm.text for alarm in status.alarms), TOLD_S, "it is told")
    first = edged.ctl("status", json_=False).stdout
    disk.die()
    edged.wait_for(lambda status: any("output error" in alarm.text for alarm in status.alarms), TOLD_S, "it is told")
    then = screens(edged)
    assert unsaid(6, then | {"status": first + then["status"]}) == []


# The last, because it takes a minute


def test_a_lens_is_covered(night: Daemon) -> None:
    night.wait_for(lambda status: "camera.black:yard" in alarms(status), SEEN_S, "it is seen")
    assert unsaid(10, screens(night)) == []
