"""What systemd hears, through both ways of telling it, and that nothing is said where nobody listens."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edged.host import notify


class Listener:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, name: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.socket.settimeout(5)

    def heard(self) -> list[str]:
        return self.socket.recv(65_536).decode().split("\n")


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    abstract = request.param == "abstract"
    name = f"edged-test-{os.getpid()}-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}" if abstract else name)
    end = Listener(f"\0{name}" if abstract else name)
    yield end
    end.socket.close()


@pytest.fixture(params=["libsystemd", "datagram"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "datagram":
        monkeypatch.setattr(notify, "_libsystemd", None)
    else:
        pytest.importorskip("systemd.daemon", reason="extra systemd is not installed")
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_each_thing_that_systemd_is_told(listener: Listener) -> None:
    assert notify.ready("recording 4 of 4 cameras")
    assert listener.heard() == ["READY=1", "STATUS=recording 4 of 4 cameras"]
    assert notify.watchdog()
    assert listener.heard() == ["WATCHDOG=1"]
    assert notify.watchdog("大廳 is down")
    assert listener.heard() == ["WATCHDOG=1", "STATUS=大廳 is down"]
    assert notify.stopping()
    assert listener.heard() == ["STOPPING=1"]


def test_a_line_break_in_a_status_cannot_say_anything_else(listener: Listener) -> None:
    assert notify.watchdog("camera said\nMAINPID=1\r\n")
    assert listener.heard() == ["WATCHDOG=1", "STATUS=camera said MAINPID=1"]


def test_a_long_status_is_cut(listener: Listener) -> None:
    assert notify.watchdog("長" * 5000)
    assert listener.heard() == ["WATCHDOG=1", "STATUS=" + "長" * notify.MAX_STATUS_CHARS]


def test_systemd_python_is_used_where_it_is_installed(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def tell(message: str) -> bool:
        said.append(message)
        return True

    monkeypatch.setattr(notify, "_libsystemd", tell)
    assert notify.watchdog()
    assert said == ["WATCHDOG=1"]


def test_without_systemd_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify.ready()
    assert not notify.watchdog()


@pytest.mark.usefixtures("way")
def test_a_systemd_that_is_gone_is_logged_and_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not notify.watchdog()
    assert "systemd could not be told WATCHDOG=1" in caplog.text


def test_a_full_queue_does_not_block(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_libsystemd", None)
    answers = [notify.watchdog() for _ in range(100_000 if _fills_slowly() else 2_000)]
    assert answers[0]
    assert not answers[-1], "the queue never filled: this test proves nothing"


def _fills_slowly() -> bool:
    """The queue of a Unix datagram socket holds net.unix.max_dgram_qlen messages."""
    return int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text()) >= 2_000


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
    ],
)
def test_how_often_a_sign_of_life_is_due(environ: dict[str, str], interval_s: float | None) -> None:
    assert notify.watchdog_interval_s(environ) == interval_s
