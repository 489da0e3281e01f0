"""A camera that is looked at before it is added: what is said of it, and that what it says can be pasted."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from edged.cli import probe
from edged.cli.main import main
from edged.config.load import check
from edged.documents.site import Probe
from edged.words import exit_codes
from recorder.probe import Found, probe_camera
from recorder.rtsp.connection import Trust
from recorder.rtsp.dialogue import Credentials as Login
from storage.words.clock import SystemClock
from storage.words.model import GapCause
from tests.support import footage, tls
from tests.support.camera import makes
from tests.support.fault_camera import NEVER, SILENT, Channel, Device, FaultCamera, Faults
from tests.support.footage import SMALL, Sound
from tests.support.ports import free_port
from tests.support.rtsp import Account
from tests.support.rtsp_server import Camera, RtspServer

VIDEO: Final = replace(SMALL, gop=15)
VIEWER: Final = Account("viewer", "Geheim-7%k/ü:1")
LOOK_S: Final = 2.0
"""Two key frames and a report of the clock come within it."""
DEADLINE_S: Final = 60.0
"""Of a run of edgectl on a machine that has much else to do; it looks for 10 s."""
HEAD: Final = (
    '[site]\nnode = "n"\noffice = "o"\nname = "N"\n[retention]\nmin = "1d"\nmax = "2d"\n'
    '[[volumes]]\npath = "/nowhere"\n'
)


def seen(url: str, user: str = "", password: str = "", trust: Trust | None = None, look_s: float = LOOK_S) -> Found:
    return probe_camera(url, Login(user, password), trust or Trust(), SystemClock(), look_s)


def told(url: str, found: Found, user: str = "") -> Probe:
    return probe.probe_document(url, user, None, found)


def cause(found: Found) -> GapCause | None:
    assert found.ended is not None
    return found.ended.cause


def pasted(document: Probe, folder: Path) -> Any:
    """Accepted by `config check`, with the password where the table says that it is."""
    table = tomllib.loads(document.configuration)["cameras"][0]
    if "password_file" in table:
        (folder / table["password_file"]).write_text("word")
        (folder / table["password_file"]).chmod(0o600)
    (folder / "edged.toml").write_text(HEAD + document.configuration, "utf-8")
    problems, _ = check(folder / "edged.toml", {})
    assert not problems
    return table


def edgectl(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from edged.main.entry import ctl; raise SystemExit(ctl())", *arguments],
        capture_output=True, text=True, timeout=DEADLINE_S, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


# What is there


def test_a_camera_with_sound_and_account_is_told_and_can_be_pasted(tmp_path: Path) -> None:
    lobby = Camera("lobby", VIDEO, Sound(), user=VIEWER.user, password=VIEWER.password)
    secret = tmp_path / "pw"
    secret.write_text(VIEWER.password + "\n")
    with RtspServer([lobby], tmp_path) as server:
        url = server.url("lobby")
        words = ["probe", url, "--username", VIEWER.user, "--password-file", str(secret)]
        with ThreadPoolExecutor() as pool:
            both = pool.submit(edgectl, *words, "--json"), pool.submit(edgectl, *words)
        done, screen = (one.result() for one in both)
    assert done.returncode == exit_codes.OK, done.stdout + done.stderr
    document = Probe.model_validate_json(done.stdout)
    picture, sound = document.picture, document.sound
    assert picture is not None
    assert sound is not None
    assert (picture.codec, picture.width, picture.height) == ("h264", VIDEO.width, VIDEO.height)
    assert picture.fps == pytest.approx(VIDEO.fps, rel=0.1)
    assert picture.key_interval_s == pytest.approx(1.0, abs=0.2)
    assert (sound.codec, sound.arrived) == ("aac", True)
    assert document.clock_reports > 0
    assert abs(document.clock_offset_ms or 99_999) < 2_000
    assert pasted(document, tmp_path)["expect"] == {
        "width": VIDEO.width, "height": VIDEO.height, "fps": picture.fps and round(picture.fps, 1), "audio": True,
    }  # fmt: skip
    assert "can be recorded" in screen.stdout
    for shown in (done.stdout, done.stderr, screen.stdout, screen.stderr):
        assert VIEWER.password not in shown


def test_h265_without_sound(tmp_path: Path) -> None:
    with RtspServer([Camera("gate", replace(VIDEO, codec="h265"))], tmp_path) as server:
        url = server.url("gate")
        document = told(url, seen(url))
    assert document.picture is not None
    assert (document.picture.codec, document.sound) == ("hevc", None)
    assert any("H.265" in remark for remark in document.remarks)
    assert "audio" not in pasted(document, tmp_path).get("expect", {})


def test_what_is_odd_about_a_camera_is_remarked() -> None:
    clip = footage.clip(replace(VIDEO, gop=30, b_frames=2))
    channel = Channel(clip, footage.clip(Sound.g711("pcmu")), sender_reports_s=1.0, clock_offset_s=-3600)
    with Device([channel]) as device:
        url = device.url_of(channel)
        found = seen(url, look_s=6)
        document = told(url, found)
    assert found.ended is None
    assert document.clock_offset_ms == pytest.approx(-3_600_000, abs=2_000)
    said = " ".join(document.remarks)
    for words in ("B-frames", "G.711", "1h behind ours", "taipei-police"):
        assert words in said, words


def test_promised_sound_that_never_comes_and_a_clock_that_is_not_told() -> None:
    channel = Channel(
        footage.clip(VIDEO), footage.clip(Sound()), faults=Faults(sound_from_s=NEVER), sender_reports_s=None
    )
    with Device([channel]) as device:
        document = told(device.url_of(channel), seen(device.url_of(channel)))
    assert document.sound is not None
    assert not document.sound.arrived
    assert "audio" not in document.configuration
    said = " ".join(document.remarks)
    assert "promises sound and sent none" in said
    assert "does not tell its clock" in said


def test_sound_that_cannot_be_kept_is_told_and_the_picture_is_recorded() -> None:
    with FaultCamera(footage.clip(VIDEO), footage.clip(Sound.g711("g726"))) as camera:
        document = told(camera.url, seen(camera.url))
    assert document.recordable
    (sound,) = (track for track in document.tracks if track.kind == "audio")
    assert not sound.recorded
    assert "cannot be kept" in sound.reason


def test_metadata_is_offered_and_not_recorded() -> None:
    with FaultCamera(footage.clip(VIDEO), footage.clip(Sound()), dialect=makes.DAHUA) as camera:
        document = told(camera.url, seen(camera.url))
    assert [(track.kind, track.recorded) for track in document.tracks] == [
        ("video", True), ("audio", True), ("other", False),
    ]  # fmt: skip


def test_udp_is_told() -> None:
    with FaultCamera(footage.clip(VIDEO), udp=True) as camera:
        document = told(camera.url, seen(camera.url))
    assert document.transport == "udp"
    assert any("firewall" in remark for remark in document.remarks)


def test_the_test_pattern_needs_nobody(tmp_path: Path) -> None:
    document = told("test://?size=320x240&fps=10", seen("test://?size=320x240&fps=10"))
    assert document.recordable
    assert pasted(document, tmp_path)["url"] == "test://?size=320x240&fps=10"
    assert cause(seen("test://?size=1x1")) is GapCause.UNSUPPORTED


# What is not


def test_a_wrong_password_is_tried_once_and_told() -> None:
    with FaultCamera(footage.clip(VIDEO), account=VIEWER) as camera:
        found = seen(camera.url, VIEWER.user, "wrong")
        asked = camera.requests.count("DESCRIBE")
    assert cause(found) is GapCause.UNAUTHORISED
    assert asked <= 3  # the challenge, the answer to it: no camera locks an account for that
    document = told(camera.url, found, VIEWER.user)
    assert not document.recordable
    assert document.configuration == ""
    assert "password" in document.check


def test_a_wrong_path_leads_to_those_that_the_device_has() -> None:
    channel = Channel(footage.clip(VIDEO), path="/Streaming/Channels/201")
    with Device([channel], account=VIEWER) as device:
        right = device.url_of(channel)
        found = seen(right.replace("/Streaming/Channels/201", "/channel=2"), VIEWER.user, VIEWER.password)
    assert cause(found) is GapCause.NO_SUCH_STREAM
    assert found.others == (right,)


def test_a_full_recorder_says_so() -> None:
    channel = Channel(footage.clip(VIDEO))
    with Device([channel], most_sessions=0) as device:
        found = seen(device.url_of(channel))
    assert cause(found) is GapCause.REFUSED
    assert found.ended is not None
    assert "as many viewers as it can" in found.ended.came_back


@pytest.mark.parametrize("faults", [SILENT, Faults(byte_a_second=True)], ids=["silent", "a byte a second"])
def test_a_device_that_does_not_answer_ends_in_time(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.rtsp.dialogue.ANSWER_S", 1.2)
    with FaultCamera(footage.clip(VIDEO), faults=faults) as camera:
        found = seen(camera.url)
    assert cause(found) is GapCause.STALLED
    assert found.took_s < 5


def test_babble_and_noise_are_told() -> None:
    with FaultCamera(footage.clip(VIDEO), faults=Faults(babble=True)) as camera:
        assert cause(seen(camera.url)) is GapCause.BAD_DATA
    with FaultCamera(footage.clip(VIDEO), faults=Faults(random_payload_after_s=0)) as camera:
        found = seen(camera.url)
    assert not told(camera.url, found).recordable or found.measured is not None


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    assert main(["probe", f"rtsp://127.0.0.1:{port}/stream1"]) == exit_codes.FAILED
    assert f"nothing listens on port {port}" in capsys.readouterr().out.replace("\n", " ")


@contextmanager
def answering(words: bytes) -> Iterator[int]:
    """Another service, which says this to whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    one, _ = server.accept()
                except TimeoutError:
                    continue
                with one:
                    one.recv(4096)
                    one.sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "the port of web pages"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "not RTSP"),
        (b"", "closed without an answer"),
    ],
)
def test_another_service_on_that_port_is_told(words: bytes, said: str) -> None:
    with answering(words) as port:
        found = seen(f"rtsp://127.0.0.1:{port}/stream1")
    assert found.ended is not None
    assert said in found.ended.came_back


def test_a_stream_that_breaks_off_is_told_with_what_was_seen() -> None:
    with FaultCamera(footage.clip(VIDEO), faults=Faults(close_after_s=2)) as camera:
        found = seen(camera.url, look_s=8)
    assert cause(found) is GapCause.DROPPED
    document = told(camera.url, found)
    assert document.recordable
    assert document.picture is not None
    assert document.picture.fps == pytest.approx(VIDEO.fps, rel=0.2)


# TLS


def test_a_certificate_that_nobody_vouches_for_is_shown_and_gets_no_account(tmp_path: Path) -> None:
    with FaultCamera(footage.clip(VIDEO), account=VIEWER, tls=tls.server("alone")) as camera:
        found = seen(camera.url, VIEWER.user, VIEWER.password)
        assert camera.requests == []
        assert cause(found) is GapCause.UNTRUSTED
        assert found.certificate == tls.fingerprint("alone")
        pinned = seen(camera.url, VIEWER.user, VIEWER.password, Trust(found.certificate))
    document = told(camera.url, pinned, VIEWER.user)
    assert (document.recordable, document.trusted, document.transport) == (True, True, "tls")
    assert pasted(document, tmp_path)["certificate"] == tls.fingerprint("alone")


def test_without_an_account_any_certificate_is_looked_behind_and_remarked(tmp_path: Path) -> None:
    with FaultCamera(footage.clip(VIDEO), tls=tls.server("alone")) as camera:
        document = told(camera.url, seen(camera.url))
    assert (document.recordable, document.trusted) == (True, False)
    assert any("compare the fingerprint" in remark for remark in document.remarks)


def test_tls_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.rtsp.connection.CONNECT_S", 1.0)
    with FaultCamera(footage.clip(VIDEO)) as camera:
        found = seen(camera.url.replace("rtsp://", "rtsps://"))
    assert found.ended is not None
    assert "rtsp://" in found.ended.check or "TLS" in found.ended.check


# What people type


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rtsp://viewer:geheim@10.0.0.1/x"], "carries a user or a password"),
        (["rtsp://geheim@10.0.0.1/x"], "carries a user or a password"),
        (["http://10.0.0.1/geheim"], "must begin with rtsp://"),
        (["rtsp://10.0.0.1/x", "--username", "viewer"], "--password-file"),
        (["rtsp://10.0.0.1/x", "--password-file", "/nowhere"], "without --username"),
        (["rtsp://10.0.0.1/x", "--username", "v", "--password-file", "/nowhere"], "there is no file /nowhere"),
        (["rtsp://10.0.0.1/x", "--certificate", "sha256:" + "0" * 64], "only a camera with rtsps://"),
    ],
)
def test_wrong_usage_is_one_error_without_a_secret(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", *arguments, "--json"]) == exit_codes.USAGE
    said = capsys.readouterr()
    assert words in json.loads(said.out)["error"]
    assert "geheim" not in said.out + said.err
