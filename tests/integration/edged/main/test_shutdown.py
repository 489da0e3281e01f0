"""A clean stop: in time, whoever sends the signal and to whom, with the last segments committed and nobody left."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.support import footage
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.fault_camera import SILENT, FaultCamera
from tests.support.footage import SMALL
from tests.support.rtsp_server import RtspServer
from tests.support.scenes import cheap, recording_faults, watched
from tests.support.waiting import let_run

CAMERAS = (cheap("one"), cheap("two", codec="h265"))
UNTIL_S = 1.0
"""How much before the stop the last frame on disk may have been sent: a frame or two, and the worker's sleep."""


@pytest.mark.parametrize(
    ("number", "group"),
    [
        pytest.param(signal.SIGTERM, False, id="systemd"),
        pytest.param(signal.SIGINT, True, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, True, id="TERM-group", marks=pytest.mark.long),
        pytest.param(signal.SIGINT, False, id="INT-alone", marks=pytest.mark.long),
    ],
)
def test_a_stop_commits_everything(tmp_path: Path, number: signal.Signals, group: bool) -> None:
    with (
        RtspServer(CAMERAS, tmp_path / "cameras") as server,
        FaultCamera(footage.clip(SMALL), faults=SILENT) as silent,
    ):
        setup = Setup([*watched(server), Watched("silent", silent.url)], segment="20s")
        with Daemon(tmp_path / "edged", setup) as edged:
            status = edged.wait_for_states("recording", ["one", "two"])
            assert not status.broker.configured, "a broker is no condition"
            let_run(2, edged.check_alive)
            asked_ms = time.time() * 1000
            assert edged.stop(number, group=group) == 0
            edged.wait_for_no_process()
            assert edged.parts() == []
            server.close()
            edged.start()
            edged.wait_for_states("down", ["one", "two", "silent"])
            assert edged.catalog_faults() == []
            for camera in CAMERAS:
                assert recording_faults(edged, server, camera) == []
                walls = {entry.n: entry.wall_ms for entry in server.sent(camera.id)}
                last = edged.recorded(camera.id)[-1].video[-1].number
                assert last is not None
                assert walls[last] >= asked_ms - UNTIL_S * 1000
                assert "daemon-stopped" in {gap.cause for gap in edged.gaps(camera.id)}
                assert not {"unknown", "daemon-crash"} & {gap.cause for gap in edged.gaps(camera.id)}
            assert edged.gaps("silent") != []


def test_an_early_stop_is_clean_as_well(tmp_path: Path) -> None:
    """While it connects, before there is anything to commit."""
    with (
        FaultCamera(footage.clip(SMALL), faults=SILENT) as silent,
        Daemon(tmp_path, Setup([Watched("silent", silent.url)])) as edged,
    ):
        edged.until(lambda: silent.connections > 0, 15, "it connects")
        assert edged.stop() == 0
        edged.wait_for_no_process()
        assert not edged.socket.exists()
        assert edged.files() == []
