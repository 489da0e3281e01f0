"""edgectl against a socket that answers: what is asked, what is printed, what it ends with."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from edged.cli import client, output
from edged.cli import status as screens
from edged.cli.client import DaemonClient
from edged.cli.main import main
from edged.doctor.daemon import DownReport
from edged.documents import site
from edged.documents import site as documents
from edged.documents.base import Document
from edged.words import exit_codes
from edged.words.catalogue import Language, Reader
from script.generate import schemas
from storage.words.message import Message
from tests.integration.edged.cli.answering import Answering, answering
from tests.integration.edged.cli.dispositions import UNIGNORED
from tests.support.samples import ALARM, DOOR, SAMPLES, SEGMENT, STATUS

EDGECTL: Final = [sys.executable, "-c", "import sys; from edged.cli.main import main; sys.exit(main(sys.argv[1:]))"]
VERBS: Final[dict[str, type[Document]]] = {
    "status": documents.Status,
    "cameras": documents.Cameras,
    "segments": documents.Segments,
    "gaps": documents.Gaps,
    "retention": documents.Retention,
    "retention --explain lobby/1041": site.Explanation,
    "alarms": documents.Alarms,
    "reload": documents.Reload,
    "version": documents.Version,
}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Answering]:
    with answering(tmp_path / "control.sock") as stand_in:
        yield stand_in


def run(daemon: Answering, *arguments: str) -> int:
    return main(["--socket", str(daemon.socket), *arguments])


def environment(**changes: str) -> dict[str, str]:
    root = str(Path(__file__).parents[4])
    return {"PATH": os.environ["PATH"], "PYTHONPATH": root, "LANG": "C.UTF-8", **changes}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("stauts", "did you mean status?"),
        ("xyz", 'there is no verb "xyz"'),
        ("approve P-20260301-7F3K", "edgectl pin approve P-20260301-7F3K"),
    ],
)
def test_a_slip_is_told_what_was_meant(
    daemon: Answering, typed: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(daemon, *typed.split()) == exit_codes.USAGE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_prints_one_document_or_a_screen(
    daemon: Answering, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(daemon, *verb.split(), "--json") == exit_codes.OK
    kind = VERBS[verb]
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == f"edged.{schemas.name_of(kind)}/1"
    if kind is not documents.Version:
        assert document == SAMPLES[kind]
    assert run(daemon, *verb.split()) == exit_codes.OK
    screen = capsys.readouterr().out
    assert screen.strip()
    assert not screen.startswith("{")


def test_the_interval_is_asked_in_utc(daemon: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--camera", "lobby", "--from", "2026-03-01 08:00", "--to", "2026-03-01T09:00:00+08:00", "--limit", "5"]
    for verb in ("segments", "gaps"):
        daemon.asked.clear()
        assert run(daemon, verb, "--json", *words) == exit_codes.OK
        asked = [query for _, path, query in daemon.asked if path == f"/v1/{verb}"]
        assert asked == [
            {"camera": "lobby", "from": "2026-03-01T00:00:00.000Z", "to": "2026-03-01T01:00:00.000Z", "limit": "5"}
        ]
    daemon.asked.clear()
    assert run(daemon, "segments", "--json", "--from", "-2h") == exit_codes.OK
    ((_, path, query),) = daemon.asked
    assert (path, list(query)) == ("/v1/segments", ["from"]), "nothing else was needed"


def test_reload_is_the_only_request_that_changes_anything(daemon: Answering) -> None:
    for verb in VERBS:
        run(daemon, *verb.split(), "--json")
    assert [(method, path) for method, path, _ in daemon.asked if method != "GET"] == [("POST", "/v1/reload")]


def test_a_segment_to_explain_may_be_named_by_a_relative_path(
    daemon: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.mp4").touch()
    typed = ["here.mp4", "lobby/2026-05-01/x.mp4", "x.mp4", "/srv/lobby/2026-05-01/x.mp4", "lobby/7"]
    for one in typed:
        run(daemon, "retention", "--explain", one, "--json")
    asked = [query["segment"] for _, _, query in daemon.asked]
    assert asked == [str(tmp_path / "here.mp4"), *typed[1:]], "what is no file here is looked for by the daemon"


@pytest.mark.parametrize(("verdict", "code"), [("ok", 0), ("warning", 1), ("critical", 2), ("unknown", 3)])
def test_status_check_is_for_monitoring(
    daemon: Answering, verdict: str, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    daemon.answers["/v1/status"] = (
        200,
        json.dumps(STATUS | {"verdict": verdict, "action": "do", "action_code": "", "action_values": {}}).encode(),
    )
    assert run(daemon, "status", "--check") == code
    assert capsys.readouterr().out == f"{verdict.upper()}: do\n"
    assert run(daemon, "status", "--check", "--json") == code
    assert json.loads(capsys.readouterr().out)["verdict"] == verdict
    assert run(daemon, "status") == 0


@pytest.mark.parametrize(
    ("locale", "why", "verdict"),
    [
        ("C.UTF-8", "there is no socket", "UNKNOWN: systemctl status edged, then"),
        ("zh_TW.UTF-8", "沒有 socket", "不明：先執行 systemctl status edged"),
    ],
)
def test_status_without_a_daemon_ends_in_the_verdict(
    tmp_path: Path,
    locale: str,
    why: str,
    verdict: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.setenv("TERM", "xterm")
    assert main(["--socket", str(tmp_path / "none"), "status"]) == exit_codes.UNREACHABLE
    said = capsys.readouterr()
    assert said.err.startswith(f"edgectl: {why}")
    assert said.out.splitlines()[-1].startswith(verdict)


def test_for_monitoring_no_answer_is_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    arguments = ["--socket", str(tmp_path / "none"), "status", "--check"]
    assert main(arguments) == screens.EXIT_OF["unknown"]
    (line,) = capsys.readouterr().out.splitlines()
    assert len(line) > output.PLAIN_WIDTH
    assert line.startswith("UNKNOWN: there is no socket")
    assert line.endswith("systemctl status edged, then journalctl -u edged -n 50")
    assert main([*arguments, "--json"]) == screens.EXIT_OF["unknown"]
    assert json.loads(capsys.readouterr().out)["exit"] == screens.EXIT_OF["unknown"]


def test_what_systemd_knows_of_a_daemon_that_is_down() -> None:
    failed = {
        "LoadState": "loaded",
        "ActiveState": "failed",
        "SubState": "failed",
        "Result": "exit-code",
        "ExecMainStatus": "78",
        "StateChangeTimestamp": "Sun 2026-03-01 08:00:00 CST",
    }
    assert client.sentence(failed) == (
        "systemd: edged.service is failed (failed) since Sun 2026-03-01 08:00:00 CST; it ended with exit-code, 78"
    )
    stopped = failed | {"ActiveState": "inactive", "SubState": "dead", "Result": "success", "ExecMainStatus": "0"}
    assert client.sentence(stopped).endswith("is inactive (dead) since Sun 2026-03-01 08:00:00 CST")
    assert client.sentence({"LoadState": "not-found"}) == client.sentence({}) == ""


def test_systemd_is_asked_only_about_its_own_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edged.cli.client.ask_systemd", lambda: "systemd: it is down")
    monkeypatch.setattr("edged.cli.client.DEFAULT_CONFIG", tmp_path / "none.toml")
    monkeypatch.setattr("edged.cli.client.DEFAULT_SOCKET", tmp_path / "none.sock")
    assert main(["cameras"]) == exit_codes.UNREACHABLE
    assert "systemd: it is down\n" in capsys.readouterr().err
    assert main(["--socket", str(tmp_path / "none.sock"), "cameras"]) == exit_codes.UNREACHABLE
    assert "systemd: it is down" not in capsys.readouterr().err


def test_status_speaks_the_reader_s_language(
    daemon: Answering, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_TW.UTF-8")
    monkeypatch.setenv("TERM", "xterm")
    run(daemon, "status")
    assert capsys.readouterr().out.splitlines()[-1].startswith("異常：")
    monkeypatch.setenv("TERM", "linux")
    run(daemon, "status")
    assert capsys.readouterr().out.splitlines()[-1].startswith("CRITICAL: ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["status", "--nonsense"],
        ["status", "--watch", "--check"],
        ["segments", "--limit", "0"],
        ["segments", "--limit", "many"],
        ["segments", "--from", "banana"],
        ["gaps", "--from", "-1h", "--to", "-2h"],
        ["config"],
        ["--config"],
        ["maintenance", "start", "--reason"],
    ],
)
def test_wrong_usage_is_64(daemon: Answering, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(daemon, *arguments) == exit_codes.USAGE
    said = capsys.readouterr()
    assert "Usage: edgectl" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("arguments", "help_of"),
    [
        (["gaps", "--from", "tomorrow"], "edgectl gaps"),
        (["gaps", "--limit", "x"], "edgectl gaps"),
        (["segments", "--nonsense"], "edgectl segments"),
        (["status", "--watch"], "edgectl status"),
        (["nonsense"], "edgectl"),
        (["faults", "report", "F-1", "--json=1"], "edgectl faults report"),
        (["config", "check", "a", "b"], "edgectl config check"),
    ],
)
def test_to_a_program_wrong_usage_is_told_as_a_document(
    daemon: Answering, arguments: list[str], help_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(daemon, *arguments, "--json") == exit_codes.USAGE
    said = capsys.readouterr()
    document = documents.Error.model_validate_json(said.out)
    assert (document.exit, document.action, said.err) == (exit_codes.USAGE, f"see {help_of} --help", "")
    assert document.error


@pytest.mark.parametrize("arguments", [["--help"], ["status", "-h"], ["config", "check", "--help"]])
def test_help_is_no_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == exit_codes.OK
    assert "Usage: edgectl" in capsys.readouterr().out


@pytest.mark.parametrize(
    "code", [exit_codes.FAILED, exit_codes.USAGE, exit_codes.TRY_LATER, exit_codes.NOT_ALLOWED, exit_codes.CONFIG]
)
def test_a_refusal_ends_with_the_code_it_names(
    daemon: Answering, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.refuse("/v1/cameras", 404, code)
    assert run(daemon, "cameras") == code
    said = capsys.readouterr()
    assert said.err == "edgectl: there is no camera garage\n  → known are: lobby, side-door\n"
    assert said.out == ""
    assert run(daemon, "cameras", "--json") == code
    said = capsys.readouterr()
    assert json.loads(said.out) == SAMPLES[documents.Error] | {"exit": code}
    assert said.err == ""


def test_a_daemon_that_is_not_there_is_69(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.sock"
    for verb in VERBS:
        if verb != "version":
            assert main(["--socket", str(path), *verb.split()]) == exit_codes.UNREACHABLE
            captured = capsys.readouterr()
            said = captured.err + captured.out
            assert f"there is no socket {path}: the daemon is not running" in captured.err
            assert "systemctl status edged" in said
            assert "journalctl -u edged" in said


def test_a_socket_that_nobody_serves_is_69(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path / "control.sock") as stand_in:
        pass
    assert run(stand_in, "status") == exit_codes.UNREACHABLE
    assert "nobody answers at" in capsys.readouterr().err
    assert run(stand_in, "status", "--json") == exit_codes.UNREACHABLE
    assert json.loads(capsys.readouterr().out)["exit"] == exit_codes.UNREACHABLE


def test_a_socket_that_may_not_be_opened_is_77(
    daemon: Answering, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("edged.cli.client.socket.socket.connect", refuse)
    assert run(daemon, "status") == exit_codes.NOT_ALLOWED
    assert "sudo" in capsys.readouterr().out.splitlines()[-1]
    monkeypatch.setattr("os.access", lambda *_: False)
    assert run(daemon, "cameras") == exit_codes.NOT_ALLOWED
    assert f"this user may not open {daemon.socket}" in capsys.readouterr().err


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"error": 5}', json.dumps(ALARM).encode()])
def test_another_program_behind_the_socket_is_told(
    daemon: Answering, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    for status in (200, 500):
        daemon.answers["/v1/status"] = (status, body)
        assert run(daemon, "status") == exit_codes.FAILED
        assert "of one version" in capsys.readouterr().out.splitlines()[-1]


def test_an_answer_that_breaks_off_is_69(daemon: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.break_off = True
    assert run(daemon, "status") == exit_codes.UNREACHABLE
    assert "broke off" in capsys.readouterr().err


def test_the_socket_is_found_through_the_configuration(
    daemon: Answering, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "edged.toml"
    file.write_text(f'[paths]\nsocket = "{daemon.socket}"\n')
    assert main(["--config", str(file), "status", "--json"]) == exit_codes.OK
    file.write_text(f'\ufeff[paths]\nsocket = "{daemon.socket}"\n[site]\nnode = 5\n', "utf-8")
    assert main(["--config", str(file), "status", "--json"]) == exit_codes.OK
    assert capsys.readouterr().err == ""
    assert main(["--config", str(tmp_path / "none"), "--socket", str(daemon.socket), "status"]) == exit_codes.OK
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[paths\n", "it is not TOML (edgectl config check "),
        (b"\xff", "it is not TOML"),
        (b"paths = 5", "its paths.socket is not an absolute path"),
        (b'[paths]\nsocket = "\\u0000"', "its paths.socket is not an absolute path"),
        (b"[paths]\nsocket = 5", "its paths.socket is not an absolute path"),
    ],
)
def test_a_broken_configuration_does_not_hide_the_daemon(
    daemon: Answering,
    tmp_path: Path,
    content: bytes,
    reason: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "edged.toml"
    file.write_bytes(content)
    monkeypatch.setattr("edged.cli.client.DEFAULT_SOCKET", daemon.socket)
    assert main(["--config", str(file), "cameras", "--json"]) == exit_codes.OK
    said = capsys.readouterr()
    assert json.loads(said.out) == SAMPLES[documents.Cameras]
    (warning,) = said.err.splitlines()
    assert warning.startswith(f"edgectl: {file} does not say where the socket is: {reason}")
    assert warning.endswith(f"; trying {daemon.socket}")
    assert main(["--config", str(file), "status", "--check"]) == screens.EXIT_OF["critical"]
    monkeypatch.setattr("edged.cli.client.DEFAULT_SOCKET", tmp_path / "none.sock")
    assert main(["--config", str(file), "status", "--check"]) == screens.EXIT_OF["unknown"]


@pytest.mark.parametrize("verb", [["status"], ["status", "--check"], ["cameras"], ["doctor"]])
def test_a_configuration_that_is_named_and_not_there_is_wrong_usage(
    daemon: Answering,
    verb: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edged.cli.client.DEFAULT_SOCKET", daemon.socket)
    assert main(["--config", str(tmp_path / "none"), *verb]) == exit_codes.USAGE
    said = capsys.readouterr().err
    assert "Usage: edgectl" in said
    assert f"--config: there is no file {tmp_path / 'none'}" in said
    assert daemon.asked == []


def test_the_version_is_an_option_as_with_edged(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == exit_codes.OK
    assert capsys.readouterr().out == f"edgectl, version {version('edged')}\n"


def test_config_check_needs_no_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "edged.toml"
    file.write_text('[site]\nnode = "n"\noffice = "o"\nname = "N"\n[retention]\nmin = "1d"\nmax = "2d"\n')
    assert main(["config", "check", str(file)]) == exit_codes.OK
    assert "valid (0 problems" in capsys.readouterr().out
    file.write_text('[site]\nnode = "N"\n')
    assert main(["config", "check", str(file), "--json"]) == exit_codes.CONFIG
    document: Any = documents.ConfigCheck.model_validate_json(capsys.readouterr().out)
    assert [problem.key for problem in document.problems] == ["site.node", "site.office", "site.name", "retention"]
    assert main(["--config", str(file), "config", "check"]) == exit_codes.CONFIG
    assert main(["config", "check", str(tmp_path / "none")]) == exit_codes.CONFIG


def test_a_closed_pipe_is_no_traceback(daemon: Answering) -> None:
    many = [SEGMENT | {"seq": n} for n in range(5_000)]
    daemon.answers["/v1/segments"] = (200, json.dumps({"schema": "edged.segments/1", "segments": many}).encode())
    command = [*EDGECTL, "--socket", str(daemon.socket), "segments", "--json"]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 141


@pytest.mark.parametrize("verb", [["status"], ["cameras", "--json"], ["gaps", "--limit", "x", "--json"], ["--help"]])
def test_a_full_disk_behind_the_output_is_one_line(daemon: Answering, verb: list[str]) -> None:
    command = [*EDGECTL, "--socket", str(daemon.socket), *verb]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=20, check=False
        )
    assert done.stderr == "edgectl: the output cannot be written: No space left on device\n"
    assert done.returncode == exit_codes.FAILED


@pytest.mark.parametrize("tongue", get_args(Language))
def test_watch_tells_of_a_daemon_that_is_down_what_status_tells(
    tmp_path: Path, tongue: Language, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = DownReport(
        "stopped-by-hand", Message("edged was stopped in order"), Message("systemctl start edged"), since_ms=0
    )
    monkeypatch.setattr("edged.doctor.run.look_from_outside", lambda *_, **__: (by_hand, 0, ("the journal",)))
    monkeypatch.setenv("LC_ALL", f"{tongue}.UTF-8")
    monkeypatch.setenv("TERM", "xterm")
    socket = tmp_path / "none"
    assert main(["--socket", str(socket), "status"]) == exit_codes.UNREACHABLE
    plain = capsys.readouterr()
    output.show(screens.watch_screen(tmp_path / "none.toml", DaemonClient(socket), Reader(tongue)))
    watched = "".join(capsys.readouterr().out.split())
    for line in (plain.err.removeprefix("edgectl: ") + plain.out).splitlines():
        assert "".join(line.split()) in watched
    assert "systemctlstartedged" in watched


def test_watch_redraws_until_interrupted(daemon: Answering) -> None:
    command = [*UNIGNORED, *EDGECTL, "--socket", str(daemon.socket), "status", "--watch"]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        verdicts = 0
        for line in process.stdout:
            verdicts += line.startswith(b"CRITICAL")
            if verdicts == 2:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr.read() == b""


def test_watch_keeps_the_verdict_on_a_low_terminal(daemon: Answering) -> None:
    cameras = [DOOR | {"id": f"camera-{n}"} for n in range(5)]
    daemon.answers["/v1/status"] = (200, json.dumps(STATUS | {"cameras": cameras, "alarms": [ALARM] * 6}).encode())
    terminal, inner = os.openpty()
    termios.tcsetwinsize(inner, (24, 80))
    command = [*UNIGNORED, *EDGECTL, "--socket", str(daemon.socket), "status", "--watch"]
    with (
        os.fdopen(terminal, "rb", 0) as screen,
        subprocess.Popen(command, env=environment(TERM="xterm"), stdin=inner, stdout=inner, stderr=inner) as process,
    ):
        os.close(inner)
        seen = b""
        deadline = time.monotonic() + 20
        while seen.count(b"CRITICAL") < 2 and time.monotonic() < deadline:
            if select.select([screen], [], [], 1)[0]:
                seen += screen.read(65536)
        process.send_signal(signal.SIGINT)
        while select.select([screen], [], [], 1)[0] and process.poll() is None:
            with contextlib.suppress(OSError):  # EIO: it has ended
                screen.read(65536)
        assert process.wait(20) == 0
    before, _, _ = seen.partition(b"CRITICAL")
    assert b"more lines: edgectl status" in before
    assert seen.count(b"CRITICAL") >= 2


def test_an_encoding_without_chinese_is_no_traceback(daemon: Answering) -> None:
    command = [*EDGECTL, "--socket", str(daemon.socket), "status"]
    done = subprocess.run(
        command, env=environment(PYTHONIOENCODING="ascii"), capture_output=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"CRITICAL" in done.stdout


def test_version_imports_little() -> None:
    code = "import sys; from edged.cli.main import main; main(['version']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=20, check=True
    )
    line, modules = done.stdout.splitlines()
    assert line.startswith("edged ")
    heavy = {
        "rich",
        "aiohttp",
        "asyncio",
        "paho",
        "msgspec",
        "cryptography",
        "edged.config",
        "edged.cli.configuration",
    }
    assert not heavy & set(modules.split())
