"""Boxes of ISO/IEC 14496-12, which QuickTime calls atoms: a length, a name, what is in it. Pure, standard library."""

from __future__ import annotations

import struct
from typing import Final

U32: Final = 0xFFFF_FFFF
U64: Final = 0xFFFF_FFFF_FFFF_FFFF

_HEAD: Final = struct.Struct(">I4s")


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return _HEAD.pack(_HEAD.size + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with a version and flags."""
    return box(kind, u32(version << 24 | flags), *parts)


def u16(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def u32(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def u64(*values: int) -> bytes:
    return struct.pack(f">{len(values)}Q", *values)
