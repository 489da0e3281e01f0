"""RTP as cameras speak it: coded frames cut into packets (RFC 6184, 7798, 3640, 3551), and RTCP sender reports."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from tests.support import nal
from tests.support.clips import Clip, Coded

MAX_PAYLOAD: Final = 1400
"""What fits into an Ethernet frame with all headers; cameras send that even over TCP."""

NTP_EPOCH: Final = 2_208_988_800
"""Seconds from 1900, where NTP counts from, to 1970."""

SENDER_REPORT: Final = 200
SOURCE_DESCRIPTION: Final = 202

Markers = Literal["last", "never", "always"]


@dataclass(frozen=True, slots=True)
class Packing:
    """How a make of camera cuts its frames."""

    mtu: int = MAX_PAYLOAD
    """Bytes of payload in a packet at most."""
    aggregate: bool = False
    """Small units share a packet: STAP-A, AP; several AAC frames likewise."""
    joined: bool = False
    """All units of a frame are sent as one, with start codes between them: no standard, but on the market."""
    markers: Markers = "last"
    """Which packets of a frame say that it is complete. All but "last" are lies."""
    extension: bool = False
    """A header extension before the payload, as ONVIF replay has it."""
    padding: int = 0
    """Bytes of padding behind the payload."""


PLAIN: Final = Packing()


@dataclass(slots=True)
class RtpTrack:
    """Numbers and clock of one track of one session."""

    clip: Clip
    payload_type: int
    ssrc: int
    sequence: int = 1
    first_timestamp: int = 1_000_000
    packing: Packing = PLAIN
    packets: int = field(default=0, init=False)
    octets: int = field(default=0, init=False)

    def timestamp(self, ticks: int) -> int:
        return (self.first_timestamp + ticks) & 0xFFFFFFFF

    def packetise(self, coded: Coded, ticks: int | None = None) -> list[bytes]:
        """The packets of one frame, at `ticks` where that is not its own time."""
        return self.wrap(list(payloads(self.clip, coded, self.packing)), coded.pts if ticks is None else ticks)

    def wrap(self, contents: Sequence[bytes], ticks: int) -> list[bytes]:
        """Payloads of one moment, each in a packet of its own."""
        packing, timestamp, made = self.packing, self.timestamp(ticks), []
        first = 0x80 | (0x20 if packing.padding else 0) | (0x10 if packing.extension else 0)
        middle = b"\xab\xac\0\x01\0\0\0\0" if packing.extension else b""
        tail = bytes(packing.padding - 1) + bytes([packing.padding]) if packing.padding else b""
        for index, payload in enumerate(contents):
            marked = self.clip.video and (
                packing.markers == "always" or (packing.markers == "last" and index == len(contents) - 1)
            )
            second = self.payload_type | (0x80 if marked else 0)
            head = struct.pack(">BBHII", first, second, self.sequence & 0xFFFF, timestamp, self.ssrc)
            made.append(head + middle + payload + tail)
            self.sequence += 1
            self.packets += 1
            self.octets += len(payload)
        return made

    def sender_report(self, wall_s: float, ticks: int) -> bytes:
        """Ties the camera's wall clock to its media clock; a compound packet, as RFC 3550 wants it."""
        seconds = int(wall_s // 1)
        fraction = int((wall_s - seconds) * 2**32)
        report = struct.pack(
            ">BBHIIIIII", 0x80, SENDER_REPORT, 6, self.ssrc, (seconds + NTP_EPOCH) & 0xFFFFFFFF, fraction,
            self.timestamp(ticks), self.packets & 0xFFFFFFFF, self.octets & 0xFFFFFFFF,
        )  # fmt: skip
        return report + struct.pack(">BBHI", 0x81, SOURCE_DESCRIPTION, 3, self.ssrc) + b"\x01\x03cam\0\0\0"


def payloads(clip: Clip, coded: Coded, packing: Packing = PLAIN) -> Iterator[bytes]:
    """What the packets of one frame carry."""
    if clip.codec in {"h264", "h265"}:
        h265 = clip.codec == "h265"
        units: Sequence[bytes] = [nal.START_CODE.join(coded.units)] if packing.joined else coded.units
        groups = _groups(units, packing) if packing.aggregate else [[unit] for unit in units]
        for group in groups:
            if len(group) > 1:
                yield _aggregate(group, h265=h265)
            else:
                yield from fragments(group[0], packing.mtu, h265=h265)
    elif clip.codec == "aac":
        yield struct.pack(">HH", 16, len(coded.units[0]) << 3) + coded.units[0]
    else:
        yield coded.units[0]


def fragments(unit: bytes, mtu: int = MAX_PAYLOAD, *, h265: bool = False) -> Iterator[bytes]:
    """A unit as it is, or in FU-A (FU of H.265) fragments when it is too long."""
    if len(unit) <= mtu:
        yield unit
        return
    if h265:
        head, kind, body = bytes([(unit[0] & 0x81) | (49 << 1), unit[1]]), (unit[0] >> 1) & 0x3F, unit[2:]
    else:
        head, kind, body = bytes([(unit[0] & 0xE0) | 28]), unit[0] & 0x1F, unit[1:]
    step = mtu - len(head) - 1
    for at in range(0, len(body), step):
        start = 0x80 if at == 0 else 0
        end = 0x40 if at + step >= len(body) else 0
        yield head + bytes([start | end | kind]) + body[at : at + step]


def interleaved(channel: int, packet: bytes) -> bytes:
    """Inside an RTSP connection."""
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


def _groups(units: Sequence[bytes], packing: Packing) -> Iterator[list[bytes]]:
    """Neighbours that fit into one packet together."""
    group: list[bytes] = []
    size = 2
    for unit in units:
        if group and size + 2 + len(unit) > packing.mtu:
            yield group
            group, size = [], 2
        group.append(unit)
        size += 2 + len(unit)
    if group:
        yield group


def _aggregate(units: Sequence[bytes], *, h265: bool) -> bytes:
    head = bytes([48 << 1, 1]) if h265 else bytes([max(unit[0] & 0x60 for unit in units) | 24])
    return head + b"".join(struct.pack(">H", len(unit)) + unit for unit in units)
