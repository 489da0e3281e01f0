"""RTP as a camera speaks it: coded frames cut into packets (RFC 6184, 3640, 3551), and RTCP sender reports."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.support.clips import Clip, Coded

MAX_PAYLOAD: Final = 1400
"""What fits into an Ethernet frame with all headers; cameras send that even over TCP."""

NTP_EPOCH: Final = 2_208_988_800
"""Seconds from 1900, where NTP counts from, to 1970."""


@dataclass(slots=True)
class RtpTrack:
    """Numbers and clock of one track of one session."""

    clip: Clip
    payload_type: int
    ssrc: int
    sequence: int = 1
    first_timestamp: int = 1_000_000
    packets: int = field(default=0, init=False)
    octets: int = field(default=0, init=False)

    def timestamp(self, ticks: int) -> int:
        return (self.first_timestamp + ticks) & 0xFFFFFFFF

    def packetise(self, coded: Coded) -> list[bytes]:
        """The packets of one frame; the marker is on the last."""
        payloads = list(self._payloads(coded))
        timestamp = self.timestamp(coded.pts)
        made = []
        for index, payload in enumerate(payloads):
            marker = 0x80 if index == len(payloads) - 1 and self.clip.video else 0
            head = struct.pack(">BBHII", 0x80, marker | self.payload_type, self.sequence & 0xFFFF, timestamp, self.ssrc)
            made.append(head + payload)
            self.sequence += 1
            self.packets += 1
            self.octets += len(payload)
        return made

    def sender_report(self, wall_s: float, ticks: int) -> bytes:
        """Ties the camera's wall clock to its media clock."""
        seconds = int(wall_s)
        fraction = int((wall_s - seconds) * 2**32)
        return struct.pack(
            ">BBHIIIIII", 0x80, 200, 6, self.ssrc, seconds + NTP_EPOCH, fraction,
            self.timestamp(ticks), self.packets & 0xFFFFFFFF, self.octets & 0xFFFFFFFF,
        )  # fmt: skip

    def _payloads(self, coded: Coded) -> Iterator[bytes]:
        if self.clip.codec == "h264":
            for unit in coded.units:
                yield from fragments(unit)
        elif self.clip.codec == "aac":
            yield struct.pack(">HH", 16, len(coded.units[0]) << 3) + coded.units[0]
        elif self.clip.codec in {"pcmu", "pcma"}:
            yield coded.units[0]
        else:
            raise ValueError(f"this camera does not speak {self.clip.codec}")


def fragments(unit: bytes) -> Iterator[bytes]:
    """A unit as it is, or in FU-A fragments when it is too long."""
    if len(unit) <= MAX_PAYLOAD:
        yield unit
        return
    indicator = (unit[0] & 0xE0) | 28
    kind = unit[0] & 0x1F
    body = unit[1:]
    step = MAX_PAYLOAD - 2
    for at in range(0, len(body), step):
        start = 0x80 if at == 0 else 0
        end = 0x40 if at + step >= len(body) else 0
        yield bytes([indicator, start | end | kind]) + body[at : at + step]


def interleaved(channel: int, packet: bytes) -> bytes:
    """Inside an RTSP connection."""
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet
