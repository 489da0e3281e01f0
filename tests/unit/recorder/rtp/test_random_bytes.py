"""recorder.rtp: random bytes under good RTP headers become no picture, and the camera is believed again by and by."""

from __future__ import annotations

import random
import struct
from typing import Final, Literal

import pytest

from recorder.rtp.pictures import AGAIN_UNITS, WHOLE_UNITS
from recorder.rtp.sdp import Media
from recorder.rtp.track import RtpVideoTrack, video_track
from recorder.words.stream import Item, Unit

Codec = Literal["h264", "h265"]

SETS: Final = {
    "h264": [
        bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000781e30632c0"),
        bytes.fromhex("68ebe3cb22c0"),
    ],
    "h265": [
        bytes.fromhex("40010c01ffff01600000030090000003000003005a959809"),
        bytes.fromhex("42010101600000030090000003000003005aa0050201e1636b92452fcdc1418bf94e92de4d1c8fc4b4e6e8"),
        bytes.fromhex("4401c172b46240"),
    ],
}  # fmt: skip
KEY: Final = {"h264": b"\x65\x88\x84\x21\x10\x07", "h265": b"\x26\x01\xaf\x21\x10\x07"}
OTHER: Final = {"h264": b"\x41\x9a\x21\x10\x07", "h265": b"\x02\x01\xd0\x21\x10\x07"}
PICTURES: Final = 900
"""A minute."""
BEFORE_DOUBT: Final = 1
"""Random pictures that pass until the second damaged unit comes."""


class Camera:
    """Two packets a picture, 15 pictures a second."""

    def __init__(self, codec: Codec) -> None:
        self.track: RtpVideoTrack = video_track(Media("video", 96, codec.upper(), 90_000, 1, {}, "rtsp://camera/1"))
        self.out: list[Item] = []
        self.sequence = 0
        self.ticks = 0

    def send(self, *payloads: bytes) -> None:
        """One picture."""
        for index, payload in enumerate(payloads):
            marker = 0x80 if index == len(payloads) - 1 else 0
            packet = struct.pack(">BBHII", 0x80, marker | 96, self.sequence, self.ticks, 7) + payload
            self.track.rtp(packet, 0, len(packet), self.out)
            self.sequence = (self.sequence + 1) & 0xFFFF
        self.ticks += 6000

    def pictures(self) -> list[Unit]:
        return [item for item in self.out if isinstance(item, Unit)]


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("seed", range(8))
def test_random_payloads_become_no_picture(codec: Codec, seed: int) -> None:
    chance = random.Random(seed)
    camera = Camera(codec)
    camera.send(*SETS[codec], KEY[codec])
    camera.send(OTHER[codec])
    for _ in range(PICTURES):
        camera.send(chance.randbytes(40), chance.randbytes(900))
    for _ in range(WHOLE_UNITS):
        camera.send(OTHER[codec])
    camera.send(*SETS[codec], KEY[codec])
    camera.send(OTHER[codec])
    camera.track.flush(camera.out)
    told = camera.pictures()
    assert [unit.key for unit in (*told[:2], *told[-2:])] == [True, False, True, False]
    assert len(told) <= 4 + BEFORE_DOUBT
    assert told[0].parameters is told[-2].parameters, "random parameter sets count for nothing"
    assert camera.track.losses.frames > PICTURES * 0.7, "those that have no slice are no pictures"


def damaged(codec: Codec) -> bytes:
    return bytes([OTHER[codec][0] | 0x80]) + OTHER[codec][1:]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_damaged_unit_costs_its_picture(codec: Codec) -> None:
    camera = Camera(codec)
    camera.send(*SETS[codec], KEY[codec])
    for _ in range(2):
        camera.send(damaged(codec))
        for _ in range(AGAIN_UNITS):
            camera.send(OTHER[codec])
    camera.track.flush(camera.out)
    assert len(camera.pictures()) == 1 + 2 * AGAIN_UNITS
    assert camera.track.losses.frames == 2


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_second_one_soon_after_costs_what_refers_to_it(codec: Codec) -> None:
    """What follows it would not decode, and a key frame among it cannot be told from more damage."""
    camera = Camera(codec)
    camera.send(*SETS[codec], KEY[codec])
    camera.send(damaged(codec))
    camera.send(OTHER[codec])
    camera.send(damaged(codec))
    camera.send(*SETS[codec], KEY[codec])
    for _ in range(WHOLE_UNITS):
        camera.send(OTHER[codec])
    camera.send(*SETS[codec], KEY[codec])
    camera.send(OTHER[codec])
    camera.track.flush(camera.out)
    assert [unit.key for unit in camera.pictures()] == [True, False, True, False]
    assert camera.track.losses.frames == 3 + WHOLE_UNITS
