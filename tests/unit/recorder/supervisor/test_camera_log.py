"""The journal hears of trouble once, of a device's trouble as such, and of its end when it has lasted."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from recorder.supervisor.state import JOINT_MS, PROVEN_MS, CameraLog, DeviceLog, Phase, begin
from recorder.words.messages import Ended
from storage.words.message import NOTHING, Message
from storage.words.model import GapCause, Moment

NVR = "rtsp://10.0.0.20:554"
WELL = begin(Message("NVR"), Moment(0, 0))[0]


class Journal:
    """Cameras of one device, told of step by step."""

    def __init__(self, caplog: pytest.LogCaptureFixture, cameras: int) -> None:
        caplog.set_level(logging.INFO, "edged.camera")
        chorus = DeviceLog()
        self.caplog = caplog
        self.now_ms = 0
        self.cameras = [CameraLog(f"ch{n}", NVR, chorus) for n in range(cameras)]
        self.causes: list[GapCause | None] = [GapCause.STARTING] * cameras

    def tell(self, camera: int, cause: GapCause | None, words: str = "no answer") -> list[str]:
        """What the journal says to this."""
        self.caplog.clear()
        said = Ended(cause, NOTHING, Message(words), Message("it")) if cause else None
        phase = Phase.BACKING_OFF if cause else Phase.RECORDING
        self.cameras[camera].observe(
            self.causes[camera], replace(WELL, phase=phase, cause=cause, words=said), self.now_ms
        )
        self.causes[camera] = cause
        return [record.getMessage() for record in self.caplog.records]

    def all_well(self) -> list[str]:
        lines = [line for n in range(len(self.cameras)) for line in self.tell(n, None)]
        self.now_ms += PROVEN_MS
        return lines + [line for n in range(len(self.cameras)) for line in self.tell(n, None)]


def test_thirty_two_channels_are_three_lines_and_their_return_is_one(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(caplog, 32)
    assert len(journal.all_well()) == 32, "each says once that it records"
    lines = [line for n in range(32) for line in journal.tell(n, GapCause.DROPPED, "ended")]
    assert lines == [
        "ch0: not recorded (dropped): ended. Check it",
        f"ch1: not recorded (dropped): ended. Check it (others behind {NVR} that follow are not named here)",
    ]
    lines = [line for n in range(32) for line in journal.tell(n, GapCause.REFUSED, "port closed")]
    assert lines == [f"cameras behind {NVR}: not recorded (refused): port closed. Check it"]
    assert [line for n in range(32) for line in journal.tell(n, GapCause.DROPPED)] == [], "told already"
    assert journal.all_well() == [f"cameras behind {NVR}: all record again"]
    assert journal.tell(3, GapCause.DROPPED, "ended") == ["ch3: not recorded (dropped): ended. Check it"]


def test_faults_of_their_own_are_told_of_each_camera(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(caplog, 3)
    for n in range(3):
        assert journal.tell(n, GapCause.NO_SUCH_STREAM) == [
            f"ch{n}: not recorded (no-such-stream): no answer. Check it"
        ]
    journal = Journal(caplog, 3)
    for n in range(3):
        assert journal.tell(n, GapCause.STALLED) == [f"ch{n}: not recorded (stalled): no answer. Check it"]
        journal.now_ms += JOINT_MS + 1
    assert len(journal.all_well()) == 3


def test_a_camera_that_comes_back_for_a_moment_is_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(caplog, 1)
    assert len(journal.tell(0, GapCause.DROPPED)) == 1
    for _ in range(5):
        journal.now_ms += PROVEN_MS - 1
        assert journal.tell(0, None) == []
        assert journal.tell(0, GapCause.DROPPED) == []
    assert len(journal.all_well()) == 1
    assert len(journal.tell(0, GapCause.DROPPED)) == 1
