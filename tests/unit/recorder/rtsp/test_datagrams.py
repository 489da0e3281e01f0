"""recorder.rtsp.datagrams: what comes to the ports of a track, from whom, and in which order."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from recorder.rtsp.datagrams import Ports, open_ports
from recorder.rtsp.message import Buffer, Handler
from recorder.words.stream import Item
from tests.support.packing import Line, sender_report
from tests.unit.recorder.rtsp.scripted import TARGET

HERE = "127.0.0.1"


@pytest.fixture
def ports() -> Iterator[Ports]:
    with closing(open_ports(TARGET, HERE, socket.AF_INET)) as made:
        yield made


def noted(into: list[bytes]) -> Handler:
    def note(buffer: Buffer, start: int, end: int, _out: list[Item]) -> None:
        into.append(bytes(buffer[start:end]))

    return note


def send(port: int, *data: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
        for one in data:
            camera.sendto(one, (HERE, port))


def test_reports_over_the_port_of_pictures_are_told_apart(ports: Ports) -> None:
    """A report has 6 where a packet has its number: around the wrap it must not make real ones late."""
    packets: list[bytes] = []
    reports: list[bytes] = []
    ports.aim(HERE, "", None)
    line = Line(sequence=65_530)
    sent = [line.packet(b"x", 0) for _ in range(4)]
    report = sender_report(1, 2, 3)
    send(ports.numbers[0], sent[0], report, *sent[1:])
    assert ports.read(noted(packets), noted(reports), []) == 5
    assert (packets, reports) == (sent, [report])


def test_nobody_else_is_listened_to(ports: Ports) -> None:
    packets: list[bytes] = []
    ports.aim("127.0.0.2", "", None)
    send(ports.numbers[0], Line().packet(b"x", 0))
    send(ports.numbers[1], sender_report(1, 2, 3))
    assert ports.read(noted(packets), noted(packets), []) == 0
    assert packets == []
