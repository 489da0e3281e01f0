"""One thing told once, in the real daemon: an NVR that restarts or is full, a camera that comes and goes, a crash.

Everybody records again within 15 s (L1).
"""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Final

from edged.alarms import conditions, tracking
from edged.documents import site as documents
from edged.health import stream
from tests.support import footage
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon, shortened
from tests.support.fault_camera import Channel, Device, FaultCamera, Faults
from tests.support.footage import SMALL
from tests.support.waiting import let_run

CHANNELS: Final = 8
BACK_S: Final = 15.0
FRAGMENT_S: Final = 1.0
"""After which something of a file that was begun is whole."""
TINY: Final = replace(SMALL, width=192, height=112, kbps=100, seconds=4)
SOON: Final = shortened(
    (stream, "DOWN_AFTER_S", 4.0), (conditions, "LINGER_MS", 5000), (tracking, "CLEAR_AFTER_S", 4.0)
)
"""What is down is told after four seconds and not after ten, what is over after seconds and not after half a minute."""


def nvr(**more: int) -> Device:
    clip = footage.clip(TINY)
    return Device([Channel(clip, path=f"/ch{n}") for n in range(CHANNELS)], **more)  # type: ignore[arg-type]


def watched(device: Device) -> list[Watched]:
    return [Watched(f"ch{n}", device.url_of(channel)) for n, channel in enumerate(device.channels)]


def recording(status: documents.Status) -> int:
    return sum(camera.state in ("recording", "degraded") for camera in status.cameras)


def alarms_of(edged: Daemon) -> list[documents.Alarm]:
    """Also those that are over."""
    return documents.Alarms.model_validate(edged.ctl("alarms").document).alarms


def test_a_restart_of_an_nvr_is_one_alarm_few_lines_and_15_s(tmp_path: Path) -> None:
    with nvr() as device, Daemon(tmp_path / "edged", Setup(watched(device)), sabotage=SOON) as edged:
        edged.wait_for(lambda status: recording(status) == CHANNELS, BACK_S, "all record")
        device.go()
        status = edged.wait_for(lambda status: status.alarms, 30, "it is alarmed")
        assert status.verdict == "critical"
        assert f"cameras behind 127.0.0.1:{device.port}" in status.action
        status = edged.wait_for(lambda status: recording(status) == 0, 15, "each is shown as it is")
        before = device.connections
        (alarm,) = status.alarms
        assert alarm.key == f"device.fault:127.0.0.1:{device.port}"
        assert alarm.text.startswith(f"All {CHANNELS} cameras behind 127.0.0.1:{device.port} are not recorded (ch0, ")
        assert "connection refused" in alarm.text
        assert {camera.state for camera in status.cameras} == {"down"}, "each is shown as it is"
        device.come()
        edged.wait_for(lambda status: recording(status) == CHANNELS, BACK_S, "all record again")
        assert device.connections - before <= CHANNELS + 2
        edged.wait_for(lambda status: not status.alarms, 40, "it is over")
        assert [alarm.key for alarm in alarms_of(edged)] == [f"device.fault:127.0.0.1:{device.port}"]
        lines = [line for line in edged.log.splitlines() if "not recorded" in line or "record again" in line]
        assert len(lines) <= 8, "\n".join(lines)
        assert {gap.cause for gap in edged.gaps()} <= {"starting", "dropped", "refused"}
        assert edged.stop() == 0


def test_a_limit_of_sessions_is_one_alarm_and_its_end_is_used_at_once(tmp_path: Path) -> None:
    with nvr(most_sessions=5) as device, Daemon(tmp_path / "edged", Setup(watched(device)), sabotage=SOON) as edged:
        edged.wait_for(lambda status: recording(status) == 5, BACK_S, "as many as it serves")
        status = edged.wait_for(lambda status: status.alarms, 30, "it is alarmed")
        (alarm,) = status.alarms
        assert alarm.key == f"device.fault:127.0.0.1:{device.port}"
        assert f"3 of {CHANNELS} cameras behind 127.0.0.1:{device.port} are not recorded" in alarm.text
        assert "session" in alarm.text + alarm.action
        before = device.connections
        let_run(5, edged.check_alive)
        assert device.connections - before <= 7, "tried by one after the other, once a second"
        assert recording(edged.wait_for(lambda _: True, 5, "status")) == 5
        device.most_sessions = None
        edged.wait_for(lambda status: recording(status) == CHANNELS, BACK_S, "all record")
        assert {gap.cause for gap in edged.gaps()} == {"starting", "refused"}
        assert edged.stop() == 0


def test_a_camera_that_drops_every_few_seconds_is_degraded_and_a_worker_that_dies_is_a_gap(tmp_path: Path) -> None:
    """Two cameras that have nothing to do with each other."""
    with FaultCamera(footage.clip(TINY), faults=Faults(close_after_s=2)) as camera:
        flapping = Watched("flaps", camera.url_of(camera.channel))
        setup = Setup([flapping, Watched("pattern", "test://?size=320x180&fps=10")])
        with Daemon(tmp_path / "edged", setup) as edged:
            edged.wait_for_states("recording", ["pattern"])
            worker = edged.until(lambda: edged.worker_of("pattern"), BACK_S, "its worker writes")
            let_run(FRAGMENT_S, edged.check_alive)
            os.kill(worker or 0, signal.SIGSEGV)
            edged.until(lambda: len(edged.gaps("pattern")) == 2, 5, "a gap says so")
            edged.wait_for_states("recording", ["pattern"], BACK_S)
            edged.until(lambda: edged.listed("pattern"), 10, "what it had is salvaged")
            starting, gap = edged.gaps("pattern")
            assert (starting.cause, gap.cause, "SIGSEGV" in gap.detail) == ("starting", "worker-crash", True)

            edged.wait_for(lambda status: status.alarms, 60, "it is alarmed")
            states = set()
            for _ in range(10):
                let_run(0.5, edged.check_alive)
                states.add(edged.camera("flaps").state)
            assert states == {"degraded"}, "also in the moments between two sessions"
            (alarm,) = alarms_of(edged)
            assert (alarm.key, alarm.severity, alarm.count) == ("camera.degraded:flaps", "warning", 1)
            lost = [line for line in edged.log.splitlines() if "not recorded" in line]
            assert len([line for line in lost if "flaps" in line]) == 1
            assert {gap.cause for gap in edged.gaps("flaps")} == {"starting", "dropped"}
            assert edged.camera("flaps").unexplained_s == 0
            assert edged.stop() == 0
