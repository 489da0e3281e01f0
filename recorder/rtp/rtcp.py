"""RTCP (RFC 3550 §6): what the camera says of its clock and its end, and the receiver report that it gets. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from recorder.rtp.packet import Buffer

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
DESCRIPTION: Final = 202
BYE: Final = 203

NS_PER_S: Final = 1_000_000_000
CNAME: Final = b"edged"
"""RFC 3550 wants a name in every compound packet; it tells a camera nothing about the box."""
_NTP_EPOCH_S: Final = 2_208_988_800
"""From 1900, where NTP counts from, to 1970."""
_HEAD: Final = struct.Struct(">BBH")
_SENDER: Final = struct.Struct(">III I")
_RECEIVER: Final = struct.Struct(">BBHIIBBHIIII")


class Report(NamedTuple):
    """A camera's sender report."""

    ssrc: int
    ntp: int
    """64 bits, 32 of them seconds."""
    rtp: int


class Bye(NamedTuple):
    """The camera ends a track."""


Word: TypeAlias = Report | Bye


def words(buffer: Buffer, start: int, end: int) -> Iterator[Word]:
    """What a compound packet says; it ends where it makes no sense."""
    end = min(end, len(buffer))
    while start + 4 <= end:
        first, kind, length = _HEAD.unpack_from(buffer, start)
        following = start + 4 + 4 * length
        if first >> 6 != 2 or following > end:
            return
        if kind == SENDER_REPORT and length >= 6:
            ssrc, seconds, fraction, rtp = _SENDER.unpack_from(buffer, start + 4)
            yield Report(ssrc, seconds << 32 | fraction, rtp)
        elif kind == BYE:
            yield Bye()
        start = following


def wall_ns(ntp: int) -> int:
    """UTC since 1970. Seconds with the first bit clear count from 2036 on (RFC 4330 §3)."""
    seconds, fraction = ntp >> 32, ntp & 0xFFFFFFFF
    if seconds < 0x80000000:
        seconds += 1 << 32
    return (seconds - _NTP_EPOCH_S) * NS_PER_S + (fraction * NS_PER_S >> 32)


@dataclass(slots=True)
class Stats:
    """What a receiver report tells, counted since the last one as well."""

    highest: int = 0
    """Extended by the wraps of its 16 bits."""
    lost: int = 0
    _base: int = 0
    _told_expected: int = 0
    _told_lost: int = 0

    def begin(self, sequence: int) -> None:
        """A count begins (anew)."""
        self.highest = sequence - 1
        self._base = sequence
        self.lost = self._told_lost = self._told_expected = 0

    def reach(self, sequence: int) -> None:
        """The newest packet by now. Wraps between two reports count if there are fewer than 2^15 packets between."""
        self.highest += ((sequence - self.highest + 0x8000) & 0xFFFF) - 0x8000

    def block(self, ours: int, theirs: int, last_report: int, delay: int) -> bytes:
        """A receiver report and the name of who sends it (§6.4.2, §6.5). Jitter stays 0: it is not measured."""
        expected = max(0, self.highest - self._base + 1)
        expected_now, lost_now = expected - self._told_expected, self.lost - self._told_lost
        fraction = min(255, (lost_now << 8) // expected_now) if expected_now > 0 and lost_now > 0 else 0
        self._told_expected, self._told_lost = expected, self.lost
        lost = min(self.lost, 0x7FFFFF)
        report = _RECEIVER.pack(
            0x81, RECEIVER_REPORT, 7, ours, theirs, fraction, lost >> 16, lost & 0xFFFF,
            self.highest & 0xFFFFFFFF, 0, last_report, delay,
        )  # fmt: skip
        return report + _name(ours)


def empty_report(ours: int) -> bytes:
    """For a camera that has sent nothing yet."""
    return struct.pack(">BBHI", 0x80, RECEIVER_REPORT, 1, ours) + _name(ours)


def _name(ours: int) -> bytes:
    item = bytes([1, len(CNAME)]) + CNAME
    item += bytes(4 - len(item) % 4)
    return struct.pack(">BBHI", 0x81, DESCRIPTION, 1 + len(item) // 4, ours) + item
