"""The header of an RTP packet (RFC 3550 §5.1). Standard library only, pure.

A buffer is read where it lies: a packet is its slice from `start` to `end`, and what is kept of it is copied.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview

HEADER_BYTES: Final = 12
DROPOUT_MAX: Final = 3000
"""A larger step of the sequence numbers is another count, not loss (RFC 3550 A.1)."""
MISORDER_MAX: Final = 100
"""As many packets may come late or twice; a larger step back is another count (RFC 3550 A.1)."""
_HEADER: Final = struct.Struct(">BBHII")


class Header(NamedTuple):
    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    start: int
    """Where the payload begins in the buffer, behind CSRC list and extension."""
    end: int
    """Where it ends, before padding."""


def parse(buffer: Buffer, start: int, end: int) -> Header | None:
    """None for what is no RTP packet."""
    if end - start < HEADER_BYTES or end > len(buffer):
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(buffer, start)
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
    return Header(second > 127, second & 0x7F, sequence, timestamp, ssrc, at, end)
