"""What the centre is told of a box when something is wrong with it names no login and nothing within a camera."""

from __future__ import annotations

import logging
from pathlib import Path

from edged.centre import handlers
from edged.config.load import load
from edged.config.model import Config
from edged.host import journal
from tests.support.configuration import Setup, Watched

LINE = "INFO edged.camera: gate: 10.0.0.9:554/live/ch1?key=abc, path /live/ch1, user viewer, viewer2: 401 for hunter2x"
GATE = Watched("gate", "rtsp://10.0.0.9:554/live/ch1?key=abc", "viewer", "hunter2")


def configured(tmp_path: Path, *cameras: Watched) -> Config:
    path = tmp_path / "edged.toml"
    path.write_text(
        Setup(list(cameras)).toml(state=tmp_path / "state", socket=tmp_path / "socket", volume=tmp_path / "volume")
    )
    for camera in cameras:
        file = tmp_path / f"{camera.id}.password"
        file.write_text(camera.password or "")
        file.chmod(0o600)
    return load(path, {})


def told(tmp_path: Path, *lines: str, gate: Watched = GATE) -> list[str]:
    log: list[str] = handlers.report(configured(tmp_path, gate), lines, {})["log"]
    return log


def logged(tail: journal.Tail, words: str) -> None:
    tail.emit(logging.LogRecord("edged.camera", logging.INFO, "/x/edged/cameras.py", 1, "%s", (words,), None))


def test_no_login_and_nothing_behind_the_port(tmp_path: Path) -> None:
    assert told(tmp_path, LINE) == [
        "INFO edged.camera: gate: 10.0.0.9:554***, path ***, user ***, viewer2: 401 for ***x"
    ]
    for login in ("admin:x", "ab:x@y", "viewer:pw"):
        assert told(tmp_path, f"rtsp://{login}@10.0.0.9/") == ["rtsp://***@10.0.0.9/"]


def test_logins_that_hide_in_each_other_in_addresses_and_between_chinese(tmp_path: Path) -> None:
    gate = Watched("gate", "rtsp://10.0.0.9:554/a", "passenger", "pass")
    assert told(tmp_path, "user passenger, passengers", gate=gate) == ["user ***, ***engers"]
    gate = Watched("gate", "rtsp://10.0.0.9:554/a%20b", "王明", "p&ss wörd")
    assert told(tmp_path, "p%26ss%20w%c3%b6rd", "使用者王明登入a王明b", "p&ss wörd at /a b", gate=gate) == [
        *("***", "使用者***登入a***b", "*** at ***")
    ]
    gate = Watched("gate", "rtsp://10.0.0.9:554/a", "ab", "xy")
    assert told(tmp_path, "使用者ab登入 with xy, about oxygen", gate=gate) == ["使用者***登入 with ***, about oxygen"]


def test_lines_are_cut_behind_what_is_secret(tmp_path: Path) -> None:
    """Negative control: cut before, half a path is told."""
    tail = journal.Tail()
    for length in range(280, 400):
        logged(tail, f"{'x' * length}: path /live/ch1, user viewer")
    lines = told(tmp_path, *tail.lines())
    assert len(lines) > 50
    assert all(len(line) <= handlers.LINE_MAX for line in lines)
    assert not any(word in line for line in lines for word in ("/l", "view", "ch1"))
    cut = told(tmp_path, *(line[: handlers.LINE_MAX] for line in tail.lines()))
    assert any("/l" in line for line in cut)


def test_what_a_reload_replaced_stays_hidden(tmp_path: Path) -> None:
    """Negative control: by the present configuration alone it is told."""
    tail, present = journal.Tail(), configured(tmp_path, GATE)
    logged(tail, "user viewer, before anybody reads the log")
    tail.beside(lambda: present)
    present = configured(tmp_path, Watched("gate", "rtsp://10.0.0.9:554/second", "second", "number2"))
    logged(tail, "reloaded; was /live/ch1")
    for _ in range(3):
        logged(tail, "path /second, user second, number2")
    present = configured(tmp_path, Watched("gate", "rtsp://10.0.0.9:554/third", "third", "number3"))
    logged(tail, "path /third, user third; was viewer, then second")
    assert len(tail.held()) == 3
    text = str(handlers.report(present, tail.lines(), {}, tail.held())["log"])
    assert not any(word in text for word in ("viewer", "live", "second", "third", "number"))
    alone = str(handlers.report(present, tail.lines(), {})["log"])
    assert "viewer" in alone


def test_an_address_of_ipv6_stays_one(tmp_path: Path) -> None:
    gate = Watched("gate", "rtsp://[fe80::1%25eth0]:8554/live")
    assert handlers.redacted(configured(tmp_path, gate))["cameras"][0]["url"] == "rtsp://[fe80::1%25eth0]:8554/"
