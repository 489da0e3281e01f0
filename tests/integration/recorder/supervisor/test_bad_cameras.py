"""Bad cameras beside healthy ones: each has its own state and reason, and the healthy ones lose no frame."""

from __future__ import annotations

from pathlib import Path

from edged.documents import site as documents
from tests.conftest import Profile
from tests.support import footage
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.fault_camera import SILENT, FaultCamera
from tests.support.footage import SMALL
from tests.support.ports import free_port
from tests.support.rtsp import Account
from tests.support.rtsp_server import RtspServer
from tests.support.scenes import cheap, recording_faults, seam_faults, watched
from tests.support.waiting import let_run

HEALTHY = (cheap("one"), cheap("two", codec="h265"), cheap("three", b_frames=2))
NAMES = [camera.id for camera in HEALTHY]
BAD = ["absent", "silent", "locked", "missing", "gone"]

CAUSES = {
    "absent": {"refused", "unreachable"},
    "silent": {"unreachable", "stalled"},
    "locked": {"unauthorised"},
    "missing": {"no-such-stream"},
    "gone": {"dropped", "refused", "unreachable", "stalled"},
}


def test_bad_cameras_have_their_own_reason_and_hurt_nobody(tmp_path: Path, profile: Profile) -> None:
    clip = footage.clip(SMALL)
    with (
        RtspServer(HEALTHY, tmp_path / "cameras") as server,
        FaultCamera(clip, faults=SILENT) as silent,
        FaultCamera(clip, account=Account("viewer", "right-word")) as locked,
        FaultCamera(clip) as open_,
        FaultCamera(clip) as gone,
    ):
        bad = [
            Watched("absent", f"rtsp://127.0.0.1:{free_port()}/stream1", "viewer", "absent-word"),
            Watched("silent", silent.url),
            Watched("locked", locked.url, "viewer", "wrong-word"),
            Watched("missing", open_.url + "-typo"),
            Watched("gone", gone.url),
        ]
        with Daemon(tmp_path / "edged", Setup([*watched(server), *bad], segment="10s")) as edged:
            edged.wait_for_states("recording", [*NAMES, "gone"])
            let_run(profile.bad_cameras_s / 2, edged.check_alive)
            gone.go()
            edged.wait_for_states("down", BAD, 25)
            let_run(profile.bad_cameras_s / 2, edged.check_alive)
            status = edged.wait_for_states("recording", NAMES, 1)
            told = {camera.id: camera for camera in status.cameras}
            check_reasons(told)
            assert locked.requests.count("DESCRIBE") < 12, "a wrong password is not tried again and again"
            gone.come()
            edged.wait_for_states("recording", ["gone"], 15)
            causes = {name: {gap.cause for gap in edged.gaps(name)} for name in BAD}
            assert edged.stop() == 0
            server.close()
            gone.go()
            edged.start()
            edged.wait_for_states("down", [*NAMES, "gone"])
            for name, wanted in CAUSES.items():
                assert causes[name] & wanted, (name, causes[name])
                assert causes[name] <= wanted | {"starting"}, (name, causes[name])
            for camera in HEALTHY:
                assert recording_faults(edged, server, camera) == []
                assert seam_faults(edged.segments(camera.id)) == []
                assert {entry.run for entry in server.sent(camera.id)} == {1}, "the stream was never interrupted"
            assert edged.catalog_faults() == []


def check_reasons(told: dict[str, documents.Camera]) -> None:
    reasons = {name: told[name].reason for name in BAD}
    assert all(reasons.values()), reasons
    assert len(set(reasons.values())) == len(BAD), reasons
    assert "401" in reasons["locked"]
    assert "404" in reasons["missing"]
    for name in BAD:
        assert told[name].state == "down"
        assert "127.0.0.1" in reasons[name], "it says where it tried"
        assert "word" not in reasons[name].replace("password", ""), "no secret in a reason"
    for name in NAMES:
        assert told[name].reason == ""
