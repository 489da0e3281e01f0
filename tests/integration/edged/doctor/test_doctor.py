"""edgectl doctor and status against a real daemon: up, killed, stopped, hung, refused; as root and as nobody."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from edged.cli import client
from edged.cli.main import main
from edged.documents.machine import Doctor, StatusDown
from edged.words import exit_codes
from storage.store.opening import lock
from tests.support import edgectl as program
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon

DEADLINE_S: Final = 180.0
"""On a machine that has much else to do."""
START_S: Final = 180.0
NOBODY: Final = 65534
SETUP: Final = Setup([Watched("lobby", "test://?size=160x120&fps=5&audio=0")], segment="2s")


@pytest.fixture(name="box", scope="module")
def _box() -> Iterator[Daemon]:
    folder = Path(tempfile.mkdtemp(prefix="edged-doctor-"))
    folder.chmod(0o755)
    try:
        with Daemon(folder, SETUP) as daemon:
            daemon.wait_for_states("recording", ["lobby"], START_S)
            daemon.socket.parent.chmod(0o755)
            yield daemon
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(name="down")
def _down(box: Daemon) -> Iterator[Daemon]:
    """The same, which may be ended in any way: it is started again."""
    yield box
    if not box.is_started:
        box.start()
    box.wait_for_states("recording", ["lobby"], START_S)


def edgectl(*words: str, uid: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return program.edgectl(*words, cwd=Path("/"), environment=environment, within_s=DEADLINE_S, uid=uid)


def doctor(daemon: Daemon, uid: int = 0) -> tuple[int, Doctor, dict[str, Any]]:
    done = edgectl("--config", str(daemon.config), "--socket", str(daemon.socket), "doctor", "--json", uid=uid)
    assert done.stdout, done.stderr
    document = Doctor.model_validate_json(done.stdout)
    return done.returncode, document, {one.name: one for one in document.checks}


def status(daemon: Daemon, *more: str) -> tuple[int, StatusDown]:
    done = edgectl("--config", str(daemon.config), "status", "--json", *more)
    return done.returncode, StatusDown.model_validate_json(done.stdout)


def files_of(state: Path) -> dict[str, tuple[int, int, int]]:
    return {one.name: (one.stat().st_size, one.stat().st_uid, one.stat().st_mtime_ns) for one in state.iterdir()}


# doctor


def test_a_daemon_that_records_is_asked_and_its_machine_looked_at(box: Daemon) -> None:
    code, document, found = doctor(box)
    assert document.daemon
    assert (code, document.verdict) in ((0, "ok"), (1, "warn"), (2, "critical"), (3, "unknown"))
    for name in ("cameras", f"volume {box.volume}", f"space {box.volume}", "database", "broker", "versions", "modes"):
        assert found[name].result == "ok", found[name]
    assert "in use by edged" in found["database"].said
    assert all(one.action for one in document.checks if one.result != "ok")


def test_the_screen_ends_in_the_verdict_and_the_first_thing_to_do(box: Daemon) -> None:
    done = edgectl("--config", str(box.config), "--socket", str(box.socket), "doctor")
    last = done.stdout.splitlines()[-1]
    assert last.startswith({0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}[done.returncode])


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another account")
def test_who_may_see_little_is_told_so_and_sees_the_rest(box: Daemon) -> None:
    box.config.chmod(0o640)
    try:
        code, _, found = doctor(box, NOBODY)
    finally:
        box.config.chmod(0o644)
    assert code != 0
    assert found["daemon"].result == "unknown"  # it runs, and tells root only as long as there are no roles
    assert "may not ask this daemon" in found["daemon"].said
    for name in ("configuration", "database", "modes", "disk"):
        assert found[name].result == "unknown", found[name]
        assert "as root" in found[name].action
    assert found["memory"].result in ("ok", "warn")


def test_a_key_that_everybody_can_read_is_critical(box: Daemon) -> None:
    key = box.state / "ledger.key"
    mode = stat.S_IMODE(key.stat().st_mode)
    key.chmod(0o644)
    try:
        code, _, found = doctor(box)
    finally:
        key.chmod(mode)
    assert code == 2
    assert str(key) in found["modes"].said


def test_a_broken_configuration_hides_nothing_else(box: Daemon, tmp_path: Path) -> None:
    spoilt = tmp_path / "edged.toml"
    spoilt.write_text(box.config.read_text() + "\n[mistake]\nx = 1\n")
    done = edgectl("--config", str(spoilt), "--socket", str(box.socket), "doctor", "--json")
    found = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert found["configuration"]["result"] == "critical"
    assert "mistake" in found["configuration"]["said"]
    assert found["cameras"]["result"] == "ok"
    assert found["database"]["result"] == "ok"


def test_what_an_office_stands_on_is_looked_at_where_there_is_one(box: Daemon, tmp_path: Path) -> None:
    named = tmp_path / "edged.toml"
    named.write_text(box.config.read_text().replace("[site]", '[site]\nprofile = "dahu-township"'))
    done = edgectl("--config", str(named), "--socket", str(box.socket), "doctor", "--json")
    found = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert found["office"]["said_values"]["rows"], "nobody is in a group that [roles] names"
    assert {"erasure", "encryption", "swap"} <= found.keys()
    assert not {"office", "erasure", "encryption", "swap"} & doctor(box)[2].keys(), "no person is kept"


# down


def test_killed_it_is_told_when_it_last_lived_and_nothing_is_touched(down: Daemon) -> None:
    down.sigkill()
    before = files_of(down.state)
    code, found = status(down)
    assert (code, found.exit, found.cause) == (exit_codes.UNREACHABLE, exit_codes.UNREACHABLE, "ended-without-a-word")
    assert found.last_alive is not None
    assert found.since == found.last_alive
    checked, document, checks = doctor(down)
    assert (checked, document.verdict, document.daemon) == (2, "critical", False)
    assert checks["daemon"].result == "critical"
    assert "sound" in checks["database"].said
    after = files_of(down.state)
    assert {name: after[name] for name in before if not name.endswith("-shm")} == {
        name: one for name, one in before.items() if not name.endswith("-shm")
    }
    assert {one[1] for one in after.values()} == {down.state.stat().st_uid}


def test_stopped_in_order_it_is_told_so_and_no_file_is_made(down: Daemon) -> None:
    down.stop()
    before = files_of(down.state)
    code, found = status(down)
    assert (code, found.cause) == (exit_codes.UNREACHABLE, "ended-in-order")
    assert files_of(down.state) == before
    checked = edgectl("--config", str(down.config), "status", "--check")
    assert checked.returncode == 3
    (line,) = checked.stdout.splitlines()
    assert line.startswith("UNKNOWN: there is no socket")
    assert "edged ended in order, since " in line
    assert " CST (" in line, "whose time it is: the site's, and the machine's may be another"


def test_a_start_is_not_held_up_by_whoever_looks(down: Daemon) -> None:
    """A lock that a look took would end a daemon that starts at that moment."""
    down.stop()
    from storage.recovery import snapshot_table  # noqa: PLC0415
    from storage.store import offline  # noqa: PLC0415

    held = []

    def look(connection: object, until_s: float) -> list[str]:
        held.append(lock(down.state))  # as a daemon does first
        return []

    whole = snapshot_table.complaints
    snapshot_table.complaints = look
    try:
        assert offline.inspect_database(down.state, 5.0) is not None
    finally:
        snapshot_table.complaints = whole
    (fd,) = held
    os.close(fd)


def test_one_that_hangs_is_told_from_one_that_is_gone(
    down: Daemon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is waited for 2 s, and not for 15."""
    assert client.DaemonClient.__init__.__defaults__ == (False, client.ANSWER_TIMEOUT_S)
    monkeypatch.setattr(client.DaemonClient.__init__, "__defaults__", (False, 2.0))
    os.kill(down.pid, signal.SIGSTOP)
    try:
        code = main(["--config", str(down.config), "status", "--json"])
    finally:
        os.kill(down.pid, signal.SIGCONT)
    found = StatusDown.model_validate_json(capsys.readouterr().out)
    assert (code, found.cause) == (exit_codes.UNREACHABLE, "hung")
    assert f"process {down.pid}" in found.error
    assert found.last_alive is None  # nobody opens the files of one that lives


def test_what_explains_it_is_told_beside(down: Daemon) -> None:
    down.stop()
    shutil.move(down.volume, down.folder / "elsewhere")
    down.config.write_text(down.config.read_text() + "\n[mistake]\nx = 1\n")
    try:
        done = edgectl("--config", str(down.config), "status")
    finally:
        down.configure(SETUP)
        shutil.move(down.folder / "elsewhere", down.volume)
    assert done.returncode == exit_codes.UNREACHABLE
    assert f"volume away: {down.volume}" in done.stderr
    assert "mistake" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("UNKNOWN: ")


def test_a_camera_that_cannot_be_reached_is_told_while_the_daemon_is_down(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "box", Setup([Watched("lobby", "rtsp://127.0.0.1:1/x")], mqtt_port=1))
    code, _, found = doctor(daemon)
    assert code == 2
    assert "nothing listens on port 1 (cameras lobby)" in found["device 127.0.0.1:1"].said
    assert found["broker"].result == "warn"
    assert found["database"].said == "there is no database yet"
    assert status(daemon)[1].cause == "unknown"
