"""Coded frames into RTP packets, in every way that RFC 6184, 7798 and 3640 allow, and in some that cameras invented."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Marking = Literal["last", "every unit", "never", "every packet"]


@dataclass(slots=True)
class Packing:
    """Payloads of NAL units; `rng` decides what the standards leave open."""

    codec: Literal["h264", "h265"]
    mtu: int
    rng: random.Random
    aggregate: float = 0.5
    """How likely neighbours that fit are put together."""

    def payloads(self, units: Sequence[bytes]) -> list[tuple[bytes, bool]]:
        """Each with whether it ends a NAL unit."""
        made: list[tuple[bytes, bool]] = []
        at = 0
        while at < len(units):
            if len(units[at]) > self.mtu:
                parts = list(self._fragments(units[at]))
                made += [(part, index == len(parts) - 1) for index, part in enumerate(parts)]
                at += 1
                continue
            group = [units[at]]
            size = 4 + len(units[at])
            while at + len(group) < len(units) and self.rng.random() < self.aggregate:
                size += 2 + len(units[at + len(group)])
                if size > self.mtu:
                    break
                group.append(units[at + len(group)])
            made.append((group[0] if len(group) == 1 else self._aggregated(group), True))
            at += len(group)
        return made

    def _aggregated(self, group: Sequence[bytes]) -> bytes:
        body = b"".join(struct.pack(">H", len(unit)) + unit for unit in group)
        if self.codec == "h264":
            return bytes([max(unit[0] & 0x60 for unit in group) | 24]) + body
        return bytes([48 << 1, 1]) + body

    def _fragments(self, unit: bytes) -> Iterable[bytes]:
        head = 1 if self.codec == "h264" else 2
        body = unit[head:]
        step = max(1, self.mtu - head - 1)
        for at in range(0, len(body), step):
            flags = (0x80 if at == 0 else 0) | (0x40 if at + step >= len(body) else 0)
            if self.codec == "h264":
                lead = bytes([unit[0] & 0xE0 | 28, flags | unit[0] & 0x1F])
            else:
                lead = bytes([unit[0] & 0x81 | 49 << 1, unit[1], flags | unit[0] >> 1 & 0x3F])
            yield lead + body[at : at + step]


@dataclass(slots=True)
class Line:
    """A track's packets, numbered."""

    payload_type: int = 96
    ssrc: int = 0xCAFE
    sequence: int = 65_530
    """Soon to wrap."""

    def packet(self, payload: bytes, timestamp: int, marker: bool = False) -> bytes:
        made = struct.pack(
            ">BBHII",
            0x80,
            marker << 7 | self.payload_type,
            self.sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            self.ssrc,
        )
        self.sequence += 1
        return made + payload

    def picture(self, packing: Packing, units: Sequence[bytes], timestamp: int, marking: Marking) -> list[bytes]:
        payloads = packing.payloads(units)
        made = []
        for index, (payload, ends_unit) in enumerate(payloads):
            marker = {
                "last": index == len(payloads) - 1,
                "every unit": ends_unit,
                "never": False,
                "every packet": True,
            }[marking]
            made.append(self.packet(payload, timestamp, marker))
        return made


def sender_report(ssrc: int, ntp: int, timestamp: int) -> bytes:
    return struct.pack(">BBHIQIII", 0x80, 200, 6, ssrc, ntp, timestamp & 0xFFFFFFFF, 0, 0)


def lengths(units: Iterable[bytes]) -> bytes:
    """As they lie in a file."""
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units)


def split(data: bytes) -> list[bytes]:
    """The contrary; exact, unlike what a decoder would forgive."""
    units, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        assert size > 0
        assert at + 4 + size <= len(data)
        units.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return units
