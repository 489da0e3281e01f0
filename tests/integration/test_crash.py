"""SIGKILL in mid-segment: no worker stays, recording goes on soon, little is lost and the loss is explained."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Profile
from tests.support.configuration import Setup
from tests.support.daemon import Daemon, moment
from tests.support.footage import Sound
from tests.support.fsck import fsck_clean
from tests.support.rtsp_server import RtspServer
from tests.support.scenes import cheap, lost_s, recording_faults, watched
from tests.support.waiting import let_run

MAX_LOSS_S = 2.0
BACK_S = 15.0
CAMERAS = (
    replace(cheap("h264", gop=30), sound=Sound()),
    cheap("h265", codec="h265", gop=30),
    replace(cheap("b-frames", b_frames=2, gop=30), sound=Sound.g711("pcma")),
    cheap("long-gop", gop=75),
)
NAMES = [camera.id for camera in CAMERAS]


def test_sigkill_of_the_daemon(tmp_path: Path, profile: Profile, capsys: pytest.CaptureFixture[str]) -> None:
    kills_ms: list[float] = []
    starts_ms: list[float] = []
    with (
        RtspServer(CAMERAS, tmp_path / "cameras") as server,
        Daemon(tmp_path / "edged", Setup(watched(server), segment="20s")) as edged,
    ):
        for crash in range(profile.crashes):
            edged.wait_for_states("recording", NAMES, BACK_S)
            let_run(6 + 1.37 * crash, edged.check_alive)  # somewhere in a segment, never at the same place
            kills_ms.append(time.time() * 1000)
            edged.sigkill()
            edged.wait_for_no_process()
            starts_ms.append(time.time() * 1000)
            edged.start()
        edged.wait_for_states("recording", NAMES, BACK_S)
        edged.wait_for(lambda status: not status.recovering, 15, "what was in progress is adopted")
        let_run(3, edged.check_alive)
        assert edged.stop() == 0
        server.close()
        edged.start()
        edged.wait_for_states("down", NAMES)
        assert edged.catalog_faults() == []
        fsck_clean(edged)
        for camera in CAMERAS:
            assert recording_faults(edged, server, camera) == []
            recorded = edged.recorded(camera.id)
            sent = server.sent(camera.id)
            losses = [lost_s(sent, recorded, kill) for kill in kills_ms]
            with capsys.disabled():
                print(f" {camera.id}: lost {', '.join(f'{loss:.2f} s' for loss in losses)}", end="")  # noqa: T201
            assert max(losses) <= MAX_LOSS_S
            gaps = edged.gaps(camera.id)
            assert [gap.cause for gap in gaps if gap.cause == "unknown"] == []
            starts = [moment(segment.start) * 1000 for segment in edged.segments(camera.id)]
            for kill, start in zip(kills_ms, starts_ms, strict=True):
                around = [gap for gap in gaps if moment(gap.start) * 1000 <= kill + 500 and _end_ms(gap.end) >= kill]
                assert [gap.cause for gap in around] == ["daemon-crash"], gaps
                assert kill - moment(around[0].start) * 1000 <= MAX_LOSS_S * 1000 + 500
                assert min(at for at in starts if at > kill) - start <= BACK_S * 1000


def _end_ms(text: str | None) -> float:
    return moment(text) * 1000 if text else float("inf")


def test_sigkill_of_one_worker_is_a_gap_of_that_camera_alone(tmp_path: Path) -> None:
    """The others lose no frame; which process serves which camera is not known from outside, so each is tried."""
    with (
        RtspServer(CAMERAS[:2], tmp_path / "cameras") as server,
        Daemon(tmp_path / "edged", Setup(watched(server), segment="20s")) as edged,
    ):
        names = NAMES[:2]
        edged.wait_for_states("recording", names)
        workers = edged.workers()
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        edged.until(lambda: len(set(edged.workers()) - {workers[0]}) == 2, BACK_S, "another worker took its place")
        edged.until(lambda: [gap.cause for gap in edged.gaps()].count("worker-crash") == 1, 5, "a gap says so")
        edged.wait_for_states("recording", names, BACK_S)
        let_run(3, edged.check_alive)
        assert edged.stop() == 0
        server.close()
        edged.start()
        edged.wait_for_states("down", names)
        assert edged.catalog_faults() == []
        fsck_clean(edged)
        runs = {name: {entry.run for entry in server.sent(name)} for name in names}
        assert sorted(len(run) for run in runs.values()) == [1, 2], "only one camera was connected to again"
        for camera in CAMERAS[:2]:
            assert recording_faults(edged, server, camera) == []
        assert [gap.cause for gap in edged.gaps() if gap.cause == "unknown"] == []
