"""What the centre is told of a box when something is wrong with it names no login and nothing within a camera."""

from __future__ import annotations

from pathlib import Path

from edged.config import load
from edged.orders import diagnostics
from tests.support.configuration import Setup, Watched

LINE = "INFO edged.camera: gate: 10.0.0.9:554/live/ch1?key=abc, path /live/ch1, user viewer, viewer2: 401 for hunter2x"


def told(tmp_path: Path, *lines: str) -> list[str]:
    camera = Watched("gate", "rtsp://10.0.0.9:554/live/ch1?key=abc", "viewer", "hunter2")
    path = tmp_path / "edged.toml"
    path.write_text(
        Setup([camera]).toml(state=tmp_path / "state", socket=tmp_path / "socket", volume=tmp_path / "volume")
    )
    (tmp_path / "gate.password").write_text("hunter2")
    (tmp_path / "gate.password").chmod(0o600)
    log: list[str] = diagnostics.report(load(path, {}), lines, {})["log"]
    return log


def test_no_login_and_nothing_behind_the_port(tmp_path: Path) -> None:
    assert told(tmp_path, LINE) == [
        "INFO edged.camera: gate: 10.0.0.9:554***, path ***, user ***, viewer2: 401 for ***x"
    ]
    assert told(tmp_path, "rtsp://admin:x@10.0.0.9/") == ["rtsp://***@10.0.0.9/"]
