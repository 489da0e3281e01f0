"""The fault camera itself, seen by libav: healthy it is a camera like any other, and each fault is what it says."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import av
import av.error
import pytest

from tests.support import footage, nal
from tests.support.fault_camera import SILENT, FaultCamera, Faults
from tests.support.footage import SMALL, Sound
from tests.support.rtsp import Account
from tests.support.waiting import wait_until

OPTIONS: Final = {
    "rtsp_transport": "tcp", "timeout": "1000000", "probesize": "500000", "analyzeduration": "500000",
}  # fmt: skip
VIDEO: Final = replace(SMALL, gop=15)


def look(camera: FaultCamera) -> Any:
    return av.open(camera.url_with_account, options=OPTIONS)


@pytest.mark.parametrize(
    ("account", "sound"),
    [
        (None, None),
        (Account("viewer", "secret", "basic"), None),
        (Account("viewer", "secret", "digest"), Sound()),
        (None, Sound.g711("pcmu")),
    ],
)
def test_healthy_it_is_a_camera(account: Account | None, sound: Sound | None) -> None:
    heard = []
    with FaultCamera(footage.clip(VIDEO), footage.clip(sound) if sound else None, account=account) as camera:
        with look(camera) as container:
            seen = []
            for packet in container.demux():
                data = bytes(packet)
                if packet.stream.type == "audio":
                    heard.append(data)
                else:
                    seen.append((nal.number_of(data), nal.digest("h264", nal.split_annexb(data))))
                if len(seen) == 20:
                    break
        assert seen == [(entry.n, entry.md5) for entry in camera.sent()[:20]]
        if sound is not None:
            source = footage.clip(sound).frames
            assert len(heard) > 10
            assert heard == [frame.data for frame in source[: len(heard)]]
        wait_until(lambda: camera.requests[-1] == "TEARDOWN", 2, "the client took its leave")


def test_long_frames_survive_fragmentation() -> None:
    big = footage.clip(replace(SMALL, kbps=4000))
    with FaultCamera(big) as camera, look(camera) as container:
        seen = [nal.digest("h264", nal.split_annexb(bytes(packet))) for packet in islice(container.demux(), 10)]
    assert seen == [entry.md5 for entry in camera.sent()[:10]]
    assert camera.sent()[0].bytes > 5000


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, av.error.HTTPUnauthorizedError), (404, av.error.HTTPNotFoundError), (453, av.error.HTTPClientError)],
)
def test_refusals(status: int, error: type[Exception]) -> None:
    with FaultCamera(footage.clip(VIDEO), faults=Faults(refuse=status)) as camera, pytest.raises(error):
        look(camera)


@pytest.mark.parametrize("method", ["basic", "digest"])
def test_a_wrong_password_is_refused(method: Any) -> None:
    with FaultCamera(footage.clip(VIDEO), account=Account("viewer", "right", method)) as camera:
        with pytest.raises(av.error.HTTPUnauthorizedError):
            av.open(camera.url.replace("rtsp://", "rtsp://viewer:wrong@"), options=OPTIONS)
        with pytest.raises(av.error.HTTPUnauthorizedError):
            av.open(camera.url, options=OPTIONS)


def test_an_unknown_path_is_not_found() -> None:
    with FaultCamera(footage.clip(VIDEO)) as camera, pytest.raises(av.error.HTTPNotFoundError):
        av.open(camera.url + "-typo", options=OPTIONS)


def test_a_silent_camera_takes_the_connection_and_says_nothing() -> None:
    with FaultCamera(footage.clip(VIDEO), faults=SILENT) as camera:
        with pytest.raises(av.error.FFmpegError):
            look(camera)
        assert set(camera.requests) == {"OPTIONS"}


def packets_until_the_end(camera: FaultCamera) -> tuple[int, float]:
    """Video packets that came, and seconds until the stream ended or libav gave up."""
    count, begin = 0, time.monotonic()
    with look(camera) as container:
        try:
            for packet in container.demux():
                count += packet.size > 0
        except av.error.FFmpegError:
            pass
    return count, time.monotonic() - begin


@pytest.mark.parametrize("mid_frame", [False, True])
def test_a_stalled_camera_sends_no_more(mid_frame: bool) -> None:
    faults = Faults(stall_after_frames=20, stall_mid_frame=mid_frame)
    with FaultCamera(footage.clip(VIDEO), faults=faults) as camera:
        count, took_s = packets_until_the_end(camera)
        assert len(camera.sent()) == 20
        assert 19 <= count <= 21
        assert took_s > 0.9


def test_a_camera_that_drops_its_client() -> None:
    with FaultCamera(footage.clip(VIDEO), faults=Faults(close_after_s=1.0)) as camera:
        count, _ = packets_until_the_end(camera)
        assert 10 <= count <= 16


@pytest.mark.parametrize("end", [FaultCamera.go, FaultCamera.freeze])
def test_gone_and_back(end: Callable[[FaultCamera], None]) -> None:
    with FaultCamera(footage.clip(VIDEO)) as camera:
        with look(camera) as container:
            assert next(container.demux()).size > 0
            end(camera)
            before = len(camera.sent())
            with pytest.raises(av.error.FFmpegError):
                look(camera)
            assert len(camera.sent()) == before
        camera.thaw() if camera.frozen else camera.come()
        with look(camera) as container:
            assert len(list(islice(container.demux(), 5))) == 5


def test_closed_port_is_refused_at_once() -> None:
    with FaultCamera(footage.clip(VIDEO)) as camera:
        camera.go()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", camera.port), timeout=1)


def test_it_counts_who_came() -> None:
    with FaultCamera(footage.clip(VIDEO)) as camera:
        for _ in range(3):
            look(camera).close()
        wait_until(lambda: camera.requests.count("TEARDOWN") == 3, 2, "three clients left")
        assert camera.connections == 3
        assert {entry.run for entry in camera.sent()} == {1, 2, 3}
