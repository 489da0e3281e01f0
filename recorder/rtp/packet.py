"""The header of an RTP packet (RFC 3550 §5.1), and packets of UDP put back into order. Standard library only, pure.

A buffer is read where it lies: a packet is its slice from `start` to `end`, and what is kept of it is copied.

`Reorder` goes by sequence numbers; time is a value. A packet that arrives before its turn waits until those before it
have come, or will not come any more: what is given out is in order, and what comes later than that is left out and
counted. Over TCP none of this is needed.
"""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview
HEADER_BYTES: Final = 12
DROPOUT_MAX: Final = 3000
"""A larger step of the sequence numbers is another count, not loss (RFC 3550 A.1)."""
MISORDER_MAX: Final = 100
"""As many packets may come late or twice; a larger step back is another count (RFC 3550 A.1)."""
_HEADER: Final = struct.Struct(">BBHII")


class RtpHeader:
    __slots__ = ("end", "marker", "payload_type", "sequence", "ssrc", "start", "timestamp")

    def __init__(
        self, marker: bool, payload_type: int, sequence: int, timestamp: int, ssrc: int, start: int, end: int
    ) -> None:
        self.marker = marker
        self.payload_type = payload_type
        self.sequence = sequence
        self.timestamp = timestamp
        self.ssrc = ssrc
        self.start = start
        """Where the payload begins in the buffer, behind CSRC list and extension."""
        self.end = end
        """Where it ends, before padding."""


def parse(buffer: Buffer, start: int, end: int) -> RtpHeader | None:
    """None for what is no RTP packet."""
    if end - start < HEADER_BYTES or end > len(buffer):
        return None
    head: tuple[int, int, int, int, int] = _HEADER.unpack_from(buffer, start)
    first, second, sequence, timestamp, ssrc = head
    at = start + HEADER_BYTES
    if first != 0x80:
        if first >> 6 != 2:
            return None
        at += 4 * (first & 0x0F)
        if first & 0x10:
            if at + 4 > end:
                return None
            at += 4 + 4 * (buffer[at + 2] << 8 | buffer[at + 3])
        if first & 0x20:
            padding = buffer[end - 1]
            if not padding:
                return None
            end -= padding
        if at > end:
            return None
    return RtpHeader(second > 127, second & 0x7F, sequence, timestamp, ssrc, at, end)


WAIT_NS: Final = 100_000_000
"""How long a gap is waited for: disorder in a building's network is below 10 ms, over radio some tens."""
WAITING_MAX: Final = 512
"""Packets that wait: a second of a camera at 6 Mbit/s, so that it is the time that ends the wait."""


class Reorder:
    """One track's packets."""

    __slots__ = ("_next", "_since_ns", "_waiting", "late")

    def __init__(self) -> None:
        self._next: int | None = None
        self._waiting: dict[int, tuple[int, bytes]] = {}
        self._since_ns = 0
        self.late = 0
        """Packets that came too late, or twice."""

    @property
    def waiting(self) -> bool:
        """Something has come before its turn."""
        return bool(self._waiting)

    def push(self, packet: bytes, now_ns: int) -> list[bytes]:
        """A packet that has arrived; returns those whose turn it is."""
        if len(packet) < 4:
            return [packet]
        sequence = packet[2] << 8 | packet[3]
        if sequence == self._next and not self._waiting:
            self._next = (sequence + 1) & 0xFFFF
            return [packet]
        if self._next is None:
            self._next = sequence
        ahead = (sequence - self._next) & 0xFFFF
        if ahead >= 0x10000 - MISORDER_MAX or sequence in self._waiting:
            self.late += 1
            return self.overdue(now_ns)
        if ahead >= DROPOUT_MAX:
            ready = self._drain()
            self._next = (sequence + 1) & 0xFFFF
            return [*ready, packet]
        if not self._waiting:
            self._since_ns = now_ns
        self._waiting[sequence] = (now_ns, packet)
        return [*self._in_turn(), *self.overdue(now_ns)]

    def overdue(self, now_ns: int) -> list[bytes]:
        """What has waited long enough; to be asked now and then while nothing arrives."""
        ready: list[bytes] = []
        while self._waiting and (now_ns - self._since_ns >= WAIT_NS or len(self._waiting) > WAITING_MAX):
            self._next = min(self._waiting, key=self._ahead)
            ready += self._in_turn()
        return ready

    def _in_turn(self) -> list[bytes]:
        ready: list[bytes] = []
        while self._next is not None and self._next in self._waiting:
            ready.append(self._waiting.pop(self._next)[1])
            self._next = (self._next + 1) & 0xFFFF
        if ready and self._waiting:
            self._since_ns = min(arrival for arrival, _ in self._waiting.values())
        return ready

    def _drain(self) -> list[bytes]:
        order = sorted(self._waiting, key=self._ahead)
        ready = [self._waiting[sequence][1] for sequence in order]
        self._waiting.clear()
        return ready

    def _ahead(self, sequence: int) -> int:
        return (sequence - (self._next or 0)) & 0xFFFF
