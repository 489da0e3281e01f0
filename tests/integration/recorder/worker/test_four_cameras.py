"""The main job: four different cameras at once become segments with each frame once, and a catalog that says so."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Profile
from tests.support.configuration import Setup
from tests.support.daemon import Daemon, moment
from tests.support.rtsp_server import RtspServer
from tests.support.scenes import FOUR, naming_faults, recording_faults, seam_faults, watched
from tests.support.waiting import let_run

NAMES = [camera.id for camera in FOUR]


def test_four_cameras_lose_no_frame(tmp_path: Path, profile: Profile) -> None:
    with RtspServer(FOUR, tmp_path / "cameras") as server:
        setup = Setup(watched(server), segment=f"{profile.segment_s}s", max_bytes="20GB")
        with Daemon(tmp_path / "edged", setup) as edged:
            edged.wait_for_states("recording", NAMES)
            let_run(profile.recording_s, edged.check_alive)
            states = {camera.id: camera for camera in edged.wait_for_states("recording", NAMES, within_s=1).cameras}
            assert edged.stop() == 0
            edged.wait_for_no_process()
            server.close()
            edged.start()  # for the catalog: its cameras are gone
            edged.wait_for_states("down", NAMES)
            assert edged.catalog_faults() == []
            for camera in FOUR:
                segments = edged.segments(camera.id)
                assert len(segments) >= profile.recording_s // profile.segment_s
                assert [segment.seq for segment in segments] == list(range(1, len(segments) + 1))
                assert recording_faults(edged, server, camera) == []
                assert seam_faults(segments) == []
                assert naming_faults(server, camera, segments) == []
                first, last = moment(segments[0].start), moment(segments[-1].end)
                inside = [gap for gap in edged.gaps(camera.id) if first < moment(gap.start) < last - 0.1]
                assert inside == [], "no gap is reported that did not happen"
                assert last - first > profile.recording_s - 3
            for camera in FOUR:
                view = states[camera.id]
                assert view.fps is not None
                assert abs(view.fps - camera.picture.fps) < 0.1 * camera.picture.fps
                assert (view.width, view.height) == (camera.picture.width, camera.picture.height)
                assert (view.audio is not None) == (camera.sound is not None)
                assert view.unexplained_s == 0
                assert view.reason == ""
