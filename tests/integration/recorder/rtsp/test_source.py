"""recorder.rtsp over real connections: every make's way of speaking, every way in, every way out."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import pytest

from recorder.rtsp import negotiation
from recorder.rtsp.connection import Trust
from recorder.rtsp.source import RtspSource, connect, readings
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item, Unit
from storage.words.model import GapCause
from tests.integration.recorder.rtsp import oddities
from tests.support import footage, nal, tls
from tests.support.camera import makes
from tests.support.camera.dialect import Dialect
from tests.support.clips import Clip
from tests.support.fault_camera import SILENT, FaultCamera, Faults
from tests.support.footage import SMALL, Sound
from tests.support.ports import free_port
from tests.support.rtsp import Account
from tests.support.rtsp_server import Camera, RtspServer
from tests.support.waiting import wait_until

VIDEO: Final = replace(SMALL, gop=15)
VIEWER: Final = Account("viewer", "Geheim-7%k/ü:1")
DIALECTS: Final = [one for module in (makes, oddities) for one in vars(module).values() if isinstance(one, Dialect)]


@contextmanager
def watching(camera: FaultCamera, trust: Trust | None = None) -> Iterator[RtspSource]:
    account = camera.account
    source = connect(camera.url, account.user if account else "", account.password if account else "", trust)
    try:
        yield source
    finally:
        source.close()


def units(source: RtspSource, enough: Callable[[list[Unit]], bool]) -> list[Unit]:
    got: list[Unit] = []
    for reading in readings(source):
        got += [item for item in reading.items if isinstance(item, Unit)]
        if enough(got):
            break
    return got


def pictures(count: int) -> Callable[[list[Unit]], bool]:
    return lambda got: sum(unit.video for unit in got) >= count


def check_pictures(camera: FaultCamera, got: list[Unit]) -> None:
    """Those that were sent, from the first, in order, each once."""
    seen = [nal.number_of(unit.data) for unit in got if unit.video]
    assert seen == [entry.n for entry in camera.sent()[: len(seen)]]


def ended(camera_url: str, trust: Trust | None = None, user: str = "", password: str = "") -> SessionEnded:
    with pytest.raises(SessionEnded) as caught:
        connect(camera_url, user, password, trust).close()
    return caught.value


# Ways of speaking


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: str(one.name).replace(" ", "-"))
def test_a_make_is_understood(dialect: Dialect) -> None:
    with FaultCamera(footage.clip(VIDEO), footage.clip(Sound()), dialect=dialect, account=VIEWER) as camera:
        with watching(camera) as source:
            got = units(source, lambda got: pictures(3)(got) and any(not unit.video for unit in got))
            assert source.detail == ""
            assert source.sound is not None
        check_pictures(camera, got)
        wait_until(lambda: camera.requests[-1] == "TEARDOWN", 2, "the camera heard that we left")


@pytest.mark.parametrize(
    ("codec", "sound"),
    [
        *(("h264", sound) for sound in (None, "aac", "pcmu", "pcma", "l16")),
        ("h265", None),
        ("h265", "aac"),
        ("h265", "l16"),
    ],
)
def test_a_codec_is_kept(codec: Literal["h264", "h265"], sound: Literal["aac", "pcmu", "pcma", "l16"] | None) -> None:
    heard: Clip | None = None
    if sound is not None:
        heard = footage.clip(Sound() if sound == "aac" else Sound.g711(sound))
    with FaultCamera(footage.clip(replace(VIDEO, codec=codec)), heard) as camera, watching(camera) as source:
        got = units(source, lambda got: pictures(8)(got) and (heard is None or any(not unit.video for unit in got)))
        assert (source.video.parameters.width, source.video.parameters.height) == (VIDEO.width, VIDEO.height)
        assert (source.sound is None) == (heard is None)
        if codec == "h264":
            check_pictures(camera, got)
        if heard is not None:
            payloads = [unit.data for unit in got if not unit.video]
            assert payloads == [frame.data for frame in heard.frames[: len(payloads)]]


def test_a_sound_that_cannot_be_kept_is_refused_alone() -> None:
    with (
        FaultCamera(footage.clip(VIDEO), footage.clip(Sound.g711("g726"))) as camera,
        watching(camera) as source,
    ):
        check_pictures(camera, units(source, pictures(5)))
        assert source.sound is None
        assert "G726" in source.detail
        assert "recorded without sound" in source.detail
        assert camera.requests.count("SETUP") == 1


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_gstreamer_is_understood(tmp_path: Path, auth: Literal["basic", "digest"]) -> None:
    lobby = Camera("lobby", VIDEO, Sound(), user="viewer", password="Geheim-7%k/ü:1")
    with RtspServer([lobby], tmp_path, auth=auth) as server:
        source = connect(server.url("lobby"), "viewer", "Geheim-7%k/ü:1")
        got = units(source, lambda got: pictures(20)(got) and any(not unit.video for unit in got))
        source.close()
        sent = [entry.n for entry in server.sent("lobby")]
        seen = [nal.number_of(unit.data) for unit in got if unit.video]
        begin = sent.index(seen[0] or 0)
        assert seen == sent[begin : begin + len(seen)]
        wrong = ended(server.url("lobby"), user="viewer", password="wrong")
        assert wrong.ended.cause is GapCause.UNAUTHORISED


# Ways in


@pytest.mark.parametrize(
    "account",
    [
        VIEWER,
        replace(VIEWER, method="basic"),
        replace(VIEWER, method="both"),
        replace(VIEWER, algorithm="MD5", qop="auth"),
        replace(VIEWER, algorithm="SHA-256", qop="auth"),
        replace(VIEWER, algorithm="SHA-256"),
        replace(VIEWER, nonce_uses=1),
        replace(VIEWER, nonce_uses=2, qop="auth"),
    ],
    ids=lambda one: f"{one.method}-{one.algorithm or 'plain'}-{one.qop or 'bare'}-{one.nonce_uses}",
)
def test_an_account_is_let_in(account: Account) -> None:
    with FaultCamera(footage.clip(VIDEO), footage.clip(Sound()), account=account) as camera:
        with watching(camera) as source:
            check_pictures(camera, units(source, pictures(3)))
        said = [request.headers.get("authorization", "") for request in camera.heard]
        assert not said[0]
        assert not any(words.startswith("Basic") for words in said) or account.method == "basic"
        wrong = ended(camera.url, user=account.user, password="wr0ng")
        assert wrong.ended.cause is GapCause.UNAUTHORISED
        assert wrong.ended.came_back == "401 Unauthorized"


def test_a_wrong_password_is_tried_once() -> None:
    with FaultCamera(footage.clip(VIDEO), account=VIEWER) as camera:
        ended(camera.url, user="viewer", password="wr0ng")
        assert [bool(request.headers.get("authorization")) for request in camera.heard] == [False, False, True]
        assert "both" in ended(camera.url).ended.check


# Ways of TLS


@pytest.mark.parametrize(
    ("which", "trust"),
    [
        ("signed", Trust(ca_file=str(tls.AUTHORITY))),
        ("signed", Trust(certificate=tls.fingerprint("signed"))),
        ("alone", Trust(certificate=tls.fingerprint("alone"))),
    ],
)
def test_a_camera_that_is_known_is_trusted(which: Literal["signed", "alone"], trust: Trust) -> None:
    with FaultCamera(footage.clip(VIDEO), footage.clip(Sound()), account=VIEWER, tls=tls.server(which)) as camera:
        assert camera.url.startswith("rtsps://")
        with watching(camera, trust) as source:
            got = units(source, pictures(30))
        check_pictures(camera, got)


@pytest.mark.parametrize(
    ("which", "trust", "words"),
    [
        ("alone", Trust(), "self-signed certificate"),
        ("signed", Trust(), "unable to get local issuer certificate"),
        ("alone", Trust(ca_file=str(tls.AUTHORITY)), "self-signed certificate"),
        ("alone", Trust(certificate=tls.fingerprint("signed")), "another certificate"),
    ],
)
def test_a_camera_that_nobody_knows_is_told_nothing(
    which: Literal["signed", "alone"], trust: Trust, words: str
) -> None:
    with FaultCamera(footage.clip(VIDEO), account=VIEWER, tls=tls.server(which)) as camera:
        what = ended(camera.url, trust, "viewer", VIEWER.password).ended
        assert what.cause is GapCause.UNTRUSTED
        assert words in what.came_back
        assert tls.fingerprint(which) in what.came_back
        assert f'certificate = "{tls.fingerprint(which)}"' in what.check
        assert camera.heard == []


def test_a_certificate_of_another_name_is_not_trusted() -> None:
    with FaultCamera(footage.clip(VIDEO), tls=tls.server("alone"), host="localhost") as camera:
        what = ended(camera.url, Trust(ca_file=str(tls.AUTHORITY))).ended
        assert what.cause is GapCause.UNTRUSTED


def test_a_plain_port_speaks_no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.rtsp.connection.CONNECT_S", 1.0)
    with FaultCamera(footage.clip(VIDEO)) as camera:
        what = ended(camera.url.replace("rtsp://", "rtsps://"), Trust(certificate=tls.fingerprint("alone"))).ended
        assert what.cause in {GapCause.BAD_DATA, GapCause.STALLED}


# Ways over UDP


def test_a_camera_that_knows_udp_only() -> None:
    with FaultCamera(footage.clip(VIDEO), footage.clip(Sound()), udp=True) as camera:
        with watching(camera) as source:
            got = units(source, lambda got: pictures(20)(got) and any(not unit.video for unit in got))
        check_pictures(camera, got)


def test_packets_that_change_places_are_put_back() -> None:
    with FaultCamera(footage.clip(replace(VIDEO, kbps=3000)), udp=True, faults=Faults(swapped_packets=0.2)) as camera:
        with watching(camera) as source:
            got = units(source, pictures(30))
            assert source.losses.packets == 0
        check_pictures(camera, got)


# Ways out


@pytest.mark.parametrize(
    ("faults", "cause", "words"),
    [
        (Faults(refuse=401), GapCause.UNAUTHORISED, "401 Unauthorized"),
        (Faults(refuse=403), GapCause.UNAUTHORISED, "403 Forbidden"),
        (Faults(refuse=404), GapCause.NO_SUCH_STREAM, "404 Not Found"),
        (Faults(refuse=453), GapCause.REFUSED, "as many viewers as it can"),
        (Faults(refuse=503), GapCause.REFUSED, "as many viewers as it can"),
        (Faults(refuse=454), GapCause.DROPPED, "forgotten"),
        (Faults(refuse=500), GapCause.REFUSED, "500 Internal Server Error"),
        (Faults(babble=True), GapCause.BAD_DATA, "not RTSP"),
        (Faults(redirect=(302, "http://127.0.0.1/")), GapCause.NO_SUCH_STREAM, "without a usable address"),
    ],
)
def test_a_session_that_never_began(faults: Faults, cause: GapCause, words: str) -> None:
    with FaultCamera(footage.clip(VIDEO), faults=faults) as camera:
        what = ended(camera.url).ended
        assert what.cause is cause
        assert words in what.came_back


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (SILENT, "OPTIONS was not answered"),
        (Faults(silent_to=frozenset({"SETUP"})), "SETUP was not answered"),
        (Faults(silent_to=frozenset({"PLAY"})), "PLAY was not answered"),
        (Faults(byte_a_second=True), "OPTIONS was not answered"),
    ],
)
def test_a_camera_that_does_not_answer(faults: Faults, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.rtsp.dialogue.ANSWER_S", 1.2)
    with FaultCamera(footage.clip(VIDEO), faults=faults) as camera:
        began = time.monotonic()
        what = ended(camera.url).ended
        assert what.cause is GapCause.STALLED
        assert words in what.came_back
        assert time.monotonic() - began < 3


def test_all_questions_together_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(negotiation, "OPENING_S", 0.5)
    with FaultCamera(footage.clip(VIDEO), faults=Faults(silent_to=frozenset({"PLAY"}))) as camera:
        began = time.monotonic()
        assert ended(camera.url).ended.cause is GapCause.STALLED
        assert time.monotonic() - began < 2


def test_play_without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.rtsp.source.MEDIA_S", 1.0)
    with FaultCamera(footage.clip(VIDEO), dialect=oddities.BARE, faults=Faults(stall_after_frames=0)) as camera:
        what = ended(camera.url).ended
        assert what.cause is GapCause.STALLED
        assert "PLAY was accepted" in what.came_back


def test_pictures_that_never_say_how_large_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.rtsp.source.PICTURE_S", 1.0)
    with FaultCamera(footage.clip(VIDEO), dialect=oddities.BARE, faults=Faults(no_keys_from_s=0)) as camera:
        assert ended(camera.url).ended.cause is GapCause.NO_KEYFRAME


def test_a_device_that_redirects_is_followed() -> None:
    with FaultCamera(footage.clip(VIDEO), account=VIEWER) as camera, FaultCamera(footage.clip(VIDEO)) as door:
        door.faults = Faults(redirect=(302, camera.url))
        source = connect(door.url, "viewer", VIEWER.password)
        check_pictures(camera, units(source, pictures(3)))
        source.close()


def test_the_account_goes_to_no_other_host() -> None:
    with (
        FaultCamera(footage.clip(VIDEO), account=VIEWER, host="localhost") as other,
        FaultCamera(footage.clip(VIDEO)) as door,
    ):
        door.faults = Faults(redirect=(301, other.url))
        what = ended(door.url, None, "viewer", VIEWER.password).ended
        assert what.cause is GapCause.NO_SUCH_STREAM
        assert f"localhost:{other.port}, which wants a password" in what.came_back
        assert not any("authorization" in request.headers for request in other.heard)


def test_a_circle_of_redirects_ends() -> None:
    with FaultCamera(footage.clip(VIDEO)) as camera:
        camera.faults = Faults(redirect=(302, camera.url))
        assert "redirects" in ended(camera.url).ended.came_back
        assert camera.requests.count("DESCRIBE") == negotiation.MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    ("faults", "cause"),
    [
        (Faults(close_after_s=0.5), GapCause.DROPPED),
        (Faults(noise_after_s=0.3), GapCause.BAD_DATA),
    ],
)
def test_a_session_that_breaks_off(faults: Faults, cause: GapCause) -> None:
    with (
        FaultCamera(footage.clip(VIDEO), faults=faults) as camera,
        watching(camera) as source,
        pytest.raises(SessionEnded) as caught,
    ):
        units(source, lambda _: False)
    assert caught.value.ended.cause is cause


@pytest.mark.parametrize("way", ["tcp", "tls", "udp"])
def test_a_silent_camera_keeps_nobody_waiting(way: str) -> None:
    """A look says at once that nothing has come."""
    tls_server, udp = tls.server("alone") if way == "tls" else None, way == "udp"
    trust = Trust(certificate=tls.fingerprint("alone"))
    with (
        FaultCamera(footage.clip(VIDEO), faults=Faults(stall_after_frames=3), tls=tls_server, udp=udp) as camera,
        watching(camera, trust) as source,
    ):
        units(source, pictures(2))
        assert all(source.take([]) for _ in range(100)), "it was all that had come"
        assert not any(os.get_blocking(descriptor) for descriptor in source.descriptors)


def test_nobody_listens() -> None:
    port = free_port()
    what = ended(f"rtsp://127.0.0.1:{port}/x").ended
    assert what.cause is GapCause.REFUSED
    assert str(port) in what.came_back
    what = ended("rtsp://no-such-camera.invalid/x").ended
    assert what.cause is GapCause.UNREACHABLE
    assert "no-such-camera.invalid has no address" in what.came_back


def test_another_service_is_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"rtsp://127.0.0.1:{server.getsockname()[1]}/x"

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        what = ended(url).ended
        thread.join()
    assert what.cause is GapCause.BAD_DATA
    assert "web pages" in what.came_back


def test_a_session_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.rtsp.dialogue.MAX_KEEP_ALIVE_S", 0.5)
    monkeypatch.setattr("recorder.rtsp.dialogue.MIN_KEEP_ALIVE_S", 0.1)
    monkeypatch.setattr("recorder.rtsp.source.REPORT_S", 0.5)
    with FaultCamera(
        footage.clip(VIDEO),
        footage.clip(Sound()),
        account=replace(VIEWER, nonce_uses=3),
        faults=Faults(forgets_after_s=1.5),
    ) as camera:
        with watching(camera) as source:
            check_pictures(camera, units(source, pictures(60)))
        asked = [request for request in camera.heard if request.method == "GET_PARAMETER"]
        assert len(asked) >= 4
        assert all(request.headers["session"] == "1234" for request in asked)
        assert {report.channel for report in camera.reports} == {1, 3}


@pytest.mark.parametrize("udp", [False, True])
def test_whoever_cannot_wait_is_woken_when_something_comes(udp: bool) -> None:
    with FaultCamera(footage.clip(VIDEO), udp=udp) as camera, watching(camera) as source:
        behind = 0.0
        while len(camera.sent()) <= 10:
            assert select.select(source.descriptors, [], [], 5)[0]
            items: list[Item] = []
            source.take(items)
            if items:
                behind = max(behind, time.time() - camera.sent()[-1].wall_ms / 1000)
    assert behind < 0.05
