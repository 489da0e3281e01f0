"""The project's own camera, seen packet by packet: each fault is on the wire what its name says.

A client of a few lines and no other code of ours: what the recorder makes of the faults is tested elsewhere, and a
fault that were none would be no test of it.
"""

from __future__ import annotations

import re
import select
import socket
import struct
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Self

import pytest

from tests.support import footage
from tests.support.camera.packets import NTP_EPOCH, SENDER_REPORT
from tests.support.fault_camera import NEVER, Channel, Device, FaultCamera, Faults, Time
from tests.support.footage import Picture, Sound

TINY: Final = Picture(width=192, height=112, fps=15, gop=5, kbps=100, seconds=4, footage="bikes")
OTHER: Final = Picture(width=320, height=192, fps=15, gop=5, kbps=100, seconds=4, footage="bikes")
RATE: Final = 90_000


@dataclass
class Client:
    """Asks for the picture alone, or for the sound too, and keeps what comes."""

    camera: Device
    sound: bool = False
    packets: list[tuple[int, bytes]] = field(default_factory=list)
    """(channel, packet)"""

    def __post_init__(self) -> None:
        self.sock = socket.create_connection(("127.0.0.1", self.camera.port), timeout=3)
        self.rest = b""
        self.sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def ask(self, method: str, url: str, *headers: str) -> str:
        self.sequence += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self.sequence}", *headers, "", ""]
        self.sock.sendall("\r\n".join(lines).encode())
        while b"\r\n\r\n" not in self.rest:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(self.rest)
            self.rest += data
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        match = re.search(rb"Content-Length: (\d+)", head)
        while match and len(self.rest) < int(match.group(1)):
            self.rest += self.sock.recv(65536)
        length = int(match.group(1)) if match else 0
        body, self.rest = self.rest[:length], self.rest[length:]
        return (head + b"\r\n\r\n" + body).decode()

    def play(self, url: str) -> None:
        assert " 200 " in self.ask("DESCRIBE", url)
        for track in range(1 + self.sound):
            wanted = f"Transport: RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}"
            assert " 200 " in self.ask("SETUP", f"{url}/track{track}", wanted)
        assert " 200 " in self.ask("PLAY", url)

    def gather(self, seconds: float) -> bytes:
        """Packets for so long; bytes that are none end it and are handed back."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            while len(self.rest) >= 4 and self.rest[:1] == b"$":
                size = int.from_bytes(self.rest[2:4], "big")
                if len(self.rest) < 4 + size:
                    break
                self.packets.append((self.rest[1], self.rest[4 : 4 + size]))
                self.rest = self.rest[4 + size :]
            if self.rest and self.rest[:1] != b"$":
                return self.rest
            if select.select([self.sock], [], [], left)[0]:
                data = self.sock.recv(65536)
                if not data:
                    break
                self.rest += data
        return b""

    def times(self, channel: int = 0) -> list[int]:
        """RTP times of what came, each once."""
        stamps = [struct.unpack_from(">I", packet, 4)[0] for number, packet in self.packets if number == channel]
        return [stamp for index, stamp in enumerate(stamps) if index == 0 or stamp != stamps[index - 1]]

    def clocks(self) -> list[tuple[float, int]]:
        """(wall clock, RTP time) of the picture's sender reports."""
        reports = [packet for number, packet in self.packets if number == 1 and packet[1] == SENDER_REPORT]
        told = [struct.unpack_from(">III", packet, 8) for packet in reports]
        return [(seconds - NTP_EPOCH + fraction / 2**32, stamp) for seconds, fraction, stamp in told]


def watch(camera: FaultCamera, seconds: float, *, sound: bool = False) -> Client:
    with camera, Client(camera, sound) as client:
        client.play(camera.url)
        client.gather(seconds)
    return client


def steps(times: list[int]) -> list[int]:
    """Between pictures, signed, in 32 bits."""
    return [(b - a + 2**31) % 2**32 - 2**31 for a, b in pairwise(times)]


@pytest.mark.parametrize(
    ("lie", "usual", "odd"),
    [
        (Time(), 6000, []),
        (Time(factor=1.5), 9000, []),
        (Time(from_s=0.5, jump_s=-60), 6000, [6000 - 60 * RATE]),
        (Time(from_s=0.5, jump_ticks=2**31), 6000, [6000 - 2**31]),
        (Time(from_s=0.5, factor=-1), 6000, [-6000]),
    ],
)
def test_time(lie: Time, usual: int, odd: list[int]) -> None:
    told = steps(watch(FaultCamera(footage.clip(TINY), faults=Faults(time=lie)), 1.2).times())
    assert told[:5] == [usual] * 5
    assert sorted({step for step in told if step != usual}) == odd


def test_the_cameras_clock_steps_while_rtp_runs_on() -> None:
    faults = Faults(ntp_step_after_s=0.5, ntp_step_s=-3600)
    client = watch(FaultCamera(footage.clip(TINY), faults=faults, sender_reports_s=0.2, clock_offset_s=7), 1.2)
    told = client.clocks()
    assert abs(told[0][0] - time.time() - 7) < 3
    walls = [after - before for (before, _), (after, _) in pairwise(told)]
    assert [round(step) for step in walls if abs(step) > 1] == [-3600]
    assert all(0 < step < RATE for step in steps([stamp for _, stamp in told]))


def kinds(client: Client) -> set[int]:
    return {packet[12] & 0x1F for number, packet in client.packets if number == 0}


def test_random_payloads_under_good_headers() -> None:
    camera = FaultCamera(footage.clip(TINY), faults=Faults(random_payload_after_s=0.3))
    client = watch(camera, 1.2)
    assert {packet[1] & 0x7F for number, packet in client.packets if number == 0} == {96}
    assert steps(client.times()) == [6000] * (len(client.times()) - 1)
    assert len(kinds(client)) > 10
    assert len(camera.sent()) <= 5, "noise is not logged as sent"


def test_key_frames_are_left_out() -> None:
    assert 5 in kinds(watch(FaultCamera(footage.clip(TINY)), 0.6))
    assert 5 not in kinds(watch(FaultCamera(footage.clip(TINY), faults=Faults(no_keys_from_s=0)), 0.6))


def test_another_picture_from_the_next_key_frame_on() -> None:
    faults = Faults(switch_after_s=0.3, switch_to=footage.clip(OTHER))
    camera = FaultCamera(footage.clip(TINY), faults=faults)
    client = watch(camera, 1.2)
    assert len({packet[12:] for number, packet in client.packets if number == 0 and packet[12] & 0x1F == 7}) == 2
    assert steps(client.times()) == [6000] * (len(client.times()) - 1)
    assert [entry.key for entry in camera.sent()[:6]] == [True, False, False, False, False, True]


@pytest.mark.parametrize(("faults", "begin", "end"), [
    (Faults(), 0, 1), (Faults(sound_from_s=0.6), 0.6, 1), (Faults(sound_until_s=0.4), 0, 0.4),
])  # fmt: skip
def test_sound_comes_and_goes(faults: Faults, begin: float, end: float) -> None:
    client = watch(FaultCamera(footage.clip(TINY), footage.clip(Sound.g711("pcmu")), faults=faults), 1.0, sound=True)
    heard = [(stamp - 1_000_000) / 8000 for stamp in client.times(2)]
    assert heard[0] == pytest.approx(begin, abs=0.03)
    assert heard[-1] == pytest.approx(end, abs=0.1)


def test_promised_sound_that_never_comes() -> None:
    camera = FaultCamera(footage.clip(TINY), footage.clip(Sound()), faults=Faults(sound_from_s=NEVER))
    client = watch(camera, 0.5, sound=True)
    assert client.times(2) == []
    assert len(client.times()) > 5


def test_bytes_one_by_one() -> None:
    with FaultCamera(footage.clip(TINY), faults=Faults(byte_a_second=True)) as camera, Client(camera) as client:
        client.sock.sendall(f"OPTIONS {camera.url} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
        assert [client.sock.recv(100) for _ in range(2)] == [b"R", b"T"]
    with FaultCamera(footage.clip(TINY), faults=Faults(creep_after_s=0.3)) as camera, Client(camera) as client:
        client.play(camera.url)
        client.gather(1.5)
        assert len(client.times()) == 5
        assert 0 < len(client.rest) < 4


def test_noise_instead_of_answers_and_of_packets() -> None:
    with FaultCamera(footage.clip(TINY), faults=Faults(babble=True)) as camera, Client(camera) as client:
        assert len(set(client.sock.recv(2000))) > 100
    with FaultCamera(footage.clip(TINY), faults=Faults(noise_after_s=0.3)) as camera, Client(camera) as client:
        client.play(camera.url)
        assert client.gather(2) != b""
        assert len(client.times()) == 5


def test_half_a_packet_and_no_more() -> None:
    faults = Faults(stall_after_frames=5, stall_mid_frame=True)
    with FaultCamera(footage.clip(TINY), faults=faults) as camera, Client(camera) as client:
        client.play(camera.url)
        client.gather(1)
        assert len(camera.sent()) == 5
        assert client.rest[:1] == b"$"
        assert len(client.rest) < 4 + int.from_bytes(client.rest[2:4], "big")


def test_an_account_that_is_revoked() -> None:
    with FaultCamera(footage.clip(TINY)) as camera:
        with Client(camera) as client:
            client.play(camera.url)
            camera.revoke()
            client.gather(2)
            with pytest.raises((EOFError, ConnectionError)):
                client.ask("GET_PARAMETER", camera.url)
        for method in ("OPTIONS", "DESCRIBE"):
            with Client(camera) as client:
                assert " 401 " in client.ask(method, camera.url)
                assert client.sock.recv(1) == b""


def test_a_session_that_is_forgotten() -> None:
    with FaultCamera(footage.clip(TINY), faults=Faults(forgets_after_s=0.5)) as camera, Client(camera) as client:
        client.play(camera.url)
        begun = time.monotonic()
        client.gather(3)
        assert 0.4 < time.monotonic() - begun < 1.5


def test_so_many_and_no_more() -> None:
    channels = [Channel(footage.clip(TINY), path=f"/ch{n}") for n in (1, 11)]
    with Device(channels, most_sessions=1, full_status=503) as nvr, Client(nvr) as first, Client(nvr) as second:
        first.play(nvr.url_of(channels[1]))
        first.gather(0.3)
        wanted = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
        assert " 503 " in second.ask("SETUP", nvr.url_of(channels[0]) + "/track0", wanted)
        assert (channels[0].runs, channels[1].runs) == (0, 1)
        assert nvr.sessions() == 1
