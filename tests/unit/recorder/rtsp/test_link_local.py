"""Cameras at a link-local address of IPv6: the url names the interface behind which they are (RFC 6874)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from edged.config.load import check
from recorder.rtsp import negotiation
from recorder.rtsp.connection import Connection, Trust, reach
from recorder.rtsp.datagrams import open_ports
from recorder.rtsp.dialogue import Credentials
from recorder.rtsp.message import Buffer
from recorder.words.address import Target, split_zone
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item
from storage.words.model import GapCause
from tests.unit.edged.config.test_warnings import SMALL

NOBODY: Final = Credentials("", "")
SDP: Final = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:1\r\n"


def link_locals() -> list[str]:
    """Addresses of this machine with their interfaces, "fe80::1%eth0"; that of the loopback is always there."""
    found = ["::1%lo"]
    for line in Path("/proc/net/if_inet6").read_text("ascii").splitlines():
        address, _, _, scope, _, name = line.split()
        if scope == "20":
            found.append(f"{socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address))}%{name}")
    return found[:2]


@pytest.fixture(params=link_locals(), ids=lambda one: "loopback" if "lo" in one else "link")
def listener(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens there, and its url."""
    address, zone = split_zone(request.param)
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
        sock.bind((address, 0, 0, socket.if_nametoindex(zone)))
        sock.listen()
        yield sock, f"rtsp://[{address}%25{zone}]:{sock.getsockname()[1]}/stream1"


@pytest.mark.parametrize(
    ("url", "host", "address"),
    [
        ("rtsp://[fe80::1%25eth0]/s", "fe80::1%eth0", "[fe80::1%eth0]:554"),
        ("rtsps://[FE80::1%25Eth0.7]:8554/s", "fe80::1%Eth0.7", "[fe80::1%Eth0.7]:8554"),
        ("rtsp://[fe80::1%eth0]/s", "fe80::1%eth0", "[fe80::1%eth0]:554"),
        ("rtsp://[fe80::1]/s", "fe80::1", "[fe80::1]:554"),
        ("rtsp://10.0.0.1/s%25eth0", "10.0.0.1", "10.0.0.1:554"),
    ],
)
def test_an_address_with_an_interface_in_words(url: str, host: str, address: str) -> None:
    target = Target.parse(url, "")
    assert (target.host, target.address) == (host, address)
    assert f" to {address}, path /s" in target.tried


def test_it_is_connected_to_by_that_interface(listener: tuple[socket.socket, str]) -> None:
    server, url = listener
    target = Target.parse(url, "")
    with closing(Connection(target, reach(target, time.monotonic() + 5))) as connection:
        server.accept()[0].close()
        address, zone = split_zone(target.host)
        scoped = f"%{socket.if_nametoindex(zone)}" if address.startswith("fe80:") else ""
        assert (connection.peer, connection.local) == (address + scoped, address + scoped)


def test_media_comes_over_udp(listener: tuple[socket.socket, str]) -> None:
    _, url = listener
    target = Target.parse(url, "")
    address, zone = split_zone(target.host)
    link = socket.if_nametoindex(zone)
    got: list[bytes] = []

    def take(buffer: Buffer, start: int, end: int, _out: list[Item]) -> None:
        got.append(bytes(buffer[start:end]))

    with closing(Connection(target, reach(target, time.monotonic() + 5))) as connection:
        local, peer = connection.local, connection.peer
        with closing(open_ports(target, local, connection.family)) as ports:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as camera:
                camera.bind((address, 0, 0, link))
                ports.aim(peer, "", (camera.getsockname()[1],) * 2)
                assert camera.recv(100), "what opens a firewall on the way"
                camera.sendto(b"report", (address, ports.numbers[1], 0, link))
            ports.read(take, take, [])
    assert got == [b"report"]


def test_the_interface_stays_on_this_box(listener: tuple[socket.socket, str]) -> None:
    """A camera is asked without it (RFC 6874 §4), and what it names without one lies behind the same."""
    server, url = listener
    address, zone = split_zone(Target.parse(url, "").host)
    inner = f"rtsp://[{address}]:{server.getsockname()[1]}/inner"
    asked: list[bytes] = []

    def serve() -> None:
        for answers in ([b"", f"Location: {inner}\r\n".encode()], [b"", b""]):
            with server.accept()[0] as camera:
                for number, answer in enumerate(answers, 1):
                    asked.append(camera.recv(4096).partition(b"\r\n")[0])
                    status, body = (b"302 Moved", b"") if answer else (b"200 OK", SDP if number == 2 else b"")
                    head = b"RTSP/1.0 %s\r\nCSeq: %d\r\n%sContent-Length: %d\r\n\r\n"
                    camera.sendall(head % (status, number, answer, len(body)) + body)

    camera = threading.Thread(target=serve)
    camera.start()
    described = negotiation.describe(url, NOBODY, Trust(), 5.0)
    camera.join()
    outer = url.replace(f"%25{zone}", "")
    assert asked == [f"{verb} {one} RTSP/1.0".encode() for one in (outer, inner) for verb in ("OPTIONS", "DESCRIBE")]
    assert described.medias[0].control == f"{inner}/1"


def test_an_interface_that_is_not_there_is_named() -> None:
    with pytest.raises(SessionEnded) as caught:
        reach(Target.parse("rtsp://[fe80::1%25gone0]/s", ""), time.monotonic() + 5)
    assert (caught.value.ended.cause, caught.value.ended.came_back) == (
        GapCause.UNREACHABLE, "this box has no interface gone0"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("[fe80::1%25eth0]", True),
        ("[fe80::1%25enp3s0.100]", True),
        ("[fe80::1%eth0]", True),
        ("[fe80::1%25]", True),
        ("[fe80::1%25a-name-that-is-long]", False),
        ("[fe80::1%25eth0;x]", False),
        ("camera%25eth0", False),
        ("10.0.0.1%25eth0", False),
    ],
)
def test_a_configuration_with_an_interface(tmp_path: Path, host: str, taken: bool) -> None:
    file = tmp_path / "edged.toml"
    file.write_text(f"{SMALL}[[cameras]]\nid = 'a'\nurl = 'rtsp://{host}/stream1'\n", "utf-8")
    problems, _ = check(file, {})
    assert [problem.key for problem in problems] == ([] if taken else ["cameras.a.url"])
    assert taken or "cannot be an interface" in problems[0].problem
