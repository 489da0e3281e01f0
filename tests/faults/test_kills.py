"""SIGKILL and power cuts at any moment, at a cut too: 2 s are lost at most, whatever the GOP (S6, S9)."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import Profile
from tests.support.configuration import Setup
from tests.support.daemon import Daemon
from tests.support.disks import Ext4, may_mount
from tests.support.footage import Sound
from tests.support.fsck import fsck_clean
from tests.support.rtsp_server import RtspServer
from tests.support.scenes import cheap, lost_s, recording_faults, watched
from tests.support.waiting import let_run, wait_until

MAX_LOSS_S: Final = 2.0
BACK_S: Final = 30.0
"""L1's 15 s, and a GOP."""
DAEMON_EACH: Final = 10
"""Of so many kills one is of the daemon; never with fewer than two of it."""
AT_A_CUT_EACH: Final = 4
SEED: Final = 3
LONG_GOP: Final = 150
"""10 s."""
CAMERAS: Final = (
    replace(cheap("long", gop=LONG_GOP), sound=Sound()),
    replace(cheap("long-b", gop=LONG_GOP, b_frames=2), sound=Sound.g711("pcma")),
    cheap("long-h265", codec="h265", gop=LONG_GOP),
    replace(cheap("short", gop=15), sound=Sound()),
)
NAMES: Final = [camera.id for camera in CAMERAS]
NO_SYNC: Final = "from storage.segments.segment_file import SegmentFile\nSegmentFile.sync = lambda file: None\n"
"""What is being written is synced at its end only."""


def until_a_cut(edged: Daemon, camera: str) -> None:
    """Returns within milliseconds of the instant at which a new segment's file appears."""
    folder = edged.volume / camera
    before = set(folder.rglob("*.part"))
    wait_until(lambda: set(folder.rglob("*.part")) - before, BACK_S, f"{camera} is at a cut", every_s=0.005)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}/fd").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


def test_sigkill_at_random_moments(tmp_path: Path, profile: Profile, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(SEED)
    of_daemon = set(range(1, profile.kills, max(1, min(DAEMON_EACH, profile.kills // 2))))
    kills: list[tuple[str, float]] = []
    cuts = 0
    with (
        RtspServer(CAMERAS, tmp_path / "cameras") as server,
        Daemon(tmp_path / "edged", Setup(watched(server), segment="10s")) as edged,
    ):
        for number in range(profile.kills):
            name = chance.choice(NAMES)
            # Its state may be "degraded" by then, with reason.
            for each in NAMES if number in of_daemon else [name]:
                edged.until(partial(edged.worker_of, each), BACK_S, f"{each} is written")
            worker = edged.until(partial(edged.worker_of, name), BACK_S, f"{name} is written") or 0
            if number % AT_A_CUT_EACH == 0:
                until_a_cut(edged, name)
                cuts += 1
            else:
                let_run(chance.uniform(1, 4), edged.check_alive)
            if number in of_daemon:
                kills += [(each, time.time() * 1000) for each in NAMES]
                edged.sigkill()
                edged.wait_for_no_process()
                edged.start()
            else:
                kills.append((name, time.time() * 1000))
                os.kill(worker, signal.SIGKILL)
                edged.until(partial(is_gone, worker), 5, "it is gone")
        for each in NAMES:
            edged.until(partial(edged.worker_of, each), BACK_S, f"{each} is written")
        edged.wait_for(lambda status: not status.recovering, 15, "what was in progress is adopted")
        let_run(3, edged.check_alive)
        assert edged.stop() == 0
        server.close()
        edged.start()
        edged.wait_for_states("down", NAMES)
        assert edged.catalog_faults() == []
        fsck_clean(edged)
        assert {gap.cause for gap in edged.gaps()} & {"unknown"} == set()
        lost = []
        for camera in CAMERAS:
            assert recording_faults(edged, server, camera) == []
            assert edged.camera(camera.id).unexplained_s == 0
            sent, recorded = server.sent(camera.id), edged.recorded(camera.id)
            lost += [lost_s(sent, recorded, at_ms) for name, at_ms in kills if name == camera.id]
    lost.sort()
    with capsys.disabled():
        median, worst = lost[len(lost) // 2], lost[-1]
        print(f" {len(lost)} ends, {cuts} of them at a cut: median {median:.2f} s, worst {worst:.2f} s", end="")  # noqa: T201
    assert lost[-1] <= MAX_LOSS_S


@pytest.mark.skipif(not may_mount(), reason="mounting needs root")
@pytest.mark.parametrize(
    ("sabotage", "after_s"), [("", 0), ("", 4), (NO_SYNC, 4)], ids=["at-a-cut", "between", "between-without-sync"]
)
def test_a_power_cut(tmp_path: Path, sabotage: str, after_s: float) -> None:
    """The disk keeps what was synced and nothing else. Without a sync, and that is the proof, far more is lost."""
    with (
        Ext4(tmp_path / "edged" / "volume") as disk,
        RtspServer(CAMERAS, tmp_path / "cameras") as server,
        Daemon(
            tmp_path / "edged", Setup(watched(server), segment="10s", max_bytes="100MB"), sabotage=sabotage
        ) as edged,
    ):
        edged.wait_for_states("recording", NAMES, BACK_S)
        until_a_cut(edged, "short")
        let_run(after_s, edged.check_alive)
        cut_ms = time.time() * 1000
        disk.die()
        edged.sigkill()
        edged.wait_for_no_process()
        disk.vanish()
        disk.mend()
        edged.start()
        edged.wait_for(lambda status: not status.recovering, 15, "what was in progress is adopted")
        edged.wait_for_states("recording", NAMES, BACK_S)
        edged.until(edged.status, BACK_S, "it answers")
        lost = [lost_s(server.sent(name), edged.recorded(name), cut_ms) for name in NAMES]
    assert (max(lost) <= MAX_LOSS_S) == (not sabotage), lost
