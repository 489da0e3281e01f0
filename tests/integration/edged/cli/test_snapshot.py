"""`edgectl snapshot` and `edgectl reference` on the real daemon: a picture, on record before it is shown."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from edged.health import watch
from edged.words import exit_codes
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon, shortened
from tests.support.waiting import wait_until

LOOKED_S = 60.0
CAMERAS = (Watched("lobby", "test://?size=640x360&fps=10&gop=1"), Watched("gate", "rtsp://127.0.0.1:9/none"))
OFTEN = shortened((watch, "ROUND_S", 1.0))
"""A picture is looked at each second."""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path / "box", Setup(CAMERAS), sabotage=OFTEN) as one:
        one.wait_for_states("recording", ["lobby"])
        yield one


def acts(daemon: Daemon) -> list[Any]:
    answer = daemon.ctl("ledger", "--kind", "act")
    assert answer.code == exit_codes.OK, answer.stderr
    return [leaf["body"] for leaf in answer.document["ledger"]]


def test_a_picture_a_reference_and_what_is_on_record(daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "lobby.jpg"
    answer = daemon.ctl("snapshot", "lobby", "--out", str(out), "--for", "repair")
    assert answer.code == exit_codes.OK, answer.stderr
    data = out.read_bytes()
    assert answer.document["sha256"] == hashlib.sha256(data).hexdigest()
    assert out.stat().st_mode & 0o777 == 0o600
    with av.open(str(out)) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (640, 360)

    again = daemon.ctl("snapshot", "lobby", "--out", str(out))
    assert (again.code, out.read_bytes()) == (exit_codes.USAGE, data), "nothing is replaced"
    unknown = daemon.ctl("snapshot", "nobody", "--out", str(tmp_path / "x.jpg"))
    assert (unknown.code, "no camera" in unknown.document["error"]) == (exit_codes.USAGE, True)
    down = daemon.ctl("snapshot", "gate", "--out", str(tmp_path / "gate.jpg"))
    assert (down.code, "no picture of camera gate" in down.document["error"]) == (exit_codes.TRY_LATER, True)
    assert "it is down since 20" in down.document["error"]
    assert "key frame" not in down.document["error"], "none was waited for"
    assert not (tmp_path / "gate.jpg").exists()

    assert daemon.ctl("reference", "set", "lobby", "--reason", "hung anew").code == exit_codes.OK
    listed = {one["camera"]: one["set"] for one in daemon.ctl("reference", "list").document["references"]}
    assert listed["lobby"]
    assert listed["gate"] is None
    assert daemon.ctl("reference", "set", "gate").code == exit_codes.TRY_LATER
    assert daemon.ctl("reference", "clear", "lobby").document["cleared"] is True
    assert daemon.ctl("reference", "clear", "lobby").document["cleared"] is False

    told = [(one["verb"], one["result"], one.get("purpose")) for one in acts(daemon)]
    assert ("snapshot", "done", "repair") in told
    assert ("reference set", "done", None) in told
    assert ("reference clear", "done", None) in told
    assert "hung anew" not in str(acts(daemon))


def test_what_was_looked_at_is_told_and_the_eye_costs_no_recording(daemon: Daemon) -> None:
    def looked() -> object:
        return daemon.camera("lobby").looked

    wait_until(looked, LOOKED_S, "a look at the lobby")
    seen = daemon.camera("lobby")
    assert (seen.state, seen.findings, seen.colour) == ("recording", [], True)
    assert seen.sound_db is not None
    eyes = [
        pid for pid in daemon.processes() if b"recorder.decoder.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert len(eyes) == 1, "one for all cameras"
    worker = daemon.worker_of("lobby")
    os.kill(eyes[0], signal.SIGKILL)
    before = seen.looked
    wait_until(lambda: daemon.camera("lobby").looked != before, LOOKED_S, "another look")
    assert daemon.worker_of("lobby") == worker
    assert daemon.gaps("lobby") == [gap for gap in daemon.gaps("lobby") if gap.cause == "starting"]
