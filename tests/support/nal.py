"""H.264 and H.265 access units: taken apart, stamped with a number, and named by what must survive a recorder.

A recorder may rewrite start codes to lengths, and drop or repeat parameter sets and delimiters. It must not touch
slices and supplemental data. So a coded frame is named by the MD5 of exactly these units, and each frame that a test
camera sends carries its own number in an SEI of its own: a clip can go round for ever and no two frames are alike.

Standard library only: Debian's Python, which runs the RTSP server, imports this as well.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final, Literal

VideoCodec = Literal["h264", "h265"]

STAMP_UUID: Final = bytes.fromhex("6564676564bf4e01a5e57a3bd15c0de5")
"""Marks our SEI (user data unregistered). No two zero bytes in a row, so that it needs no emulation prevention."""

SIGNED_UUID: Final = bytes.fromhex("5369676e65644ed1a0c3f0e1d2b3a495")
"""Marks what stands for a camera's signature."""

STAMP_DIGITS: Final = 10
"""ASCII digits: never zero bytes, and 10 of them outlast any test."""

START_CODE: Final = b"\x00\x00\x00\x01"

_START = re.compile(rb"\x00\x00\x01")
_NEEDS_ESCAPE = re.compile(rb"\0\0(?=[\0-\3])")
_STAMP = re.compile(re.escape(STAMP_UUID) + rb"(\d{%d})" % STAMP_DIGITS)

H264_SLICES: Final = frozenset({1, 2, 3, 4, 5})
H264_SEI: Final = 6
H265_SLICES: Final = frozenset(range(32))
H265_SEI: Final = frozenset({39, 40})


def unit_type(codec: VideoCodec, unit: bytes) -> int:
    return unit[0] & 0x1F if codec == "h264" else (unit[0] >> 1) & 0x3F


def is_slice(codec: VideoCodec, unit: bytes) -> bool:
    return unit_type(codec, unit) in (H264_SLICES if codec == "h264" else H265_SLICES)


def split_annexb(data: bytes) -> list[bytes]:
    """Units between start codes, without them and without trailing zeros."""
    starts = [match.end() for match in _START.finditer(data)]
    ends = [start - 3 for start in starts[1:]] + [len(data)]
    units = (data[start:end].rstrip(b"\x00") for start, end in zip(starts, ends, strict=True))
    return [unit for unit in units if unit]


def split_lengths(data: bytes, length_bytes: int = 4) -> list[bytes]:
    """Units as MP4 keeps them, each behind its big-endian length."""
    units = []
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + length_bytes], "big")
        at += length_bytes
        if size == 0 or at + size > len(data):
            raise ValueError(f"unit of {size} bytes at {at} does not fit into {len(data)} bytes")
        units.append(data[at : at + size].rstrip(b"\x00"))
        at += size
    return units


def join_annexb(units: list[bytes]) -> bytes:
    return b"".join(START_CODE + unit for unit in units)


def digest(codec: VideoCodec, units: list[bytes]) -> str:
    """The name of a coded frame: its slices and its supplemental data, in order."""
    sei = {H264_SEI} if codec == "h264" else H265_SEI
    md5 = hashlib.md5(usedforsecurity=False)
    for unit in units:
        if is_slice(codec, unit) or unit_type(codec, unit) in sei:
            md5.update(len(unit).to_bytes(4, "big"))
            md5.update(unit)
    return md5.hexdigest()


def whole(units: Sequence[bytes]) -> str:
    """The name of all units of a frame, as a file keeps them: each behind its length."""
    md5 = hashlib.md5(usedforsecurity=False)
    for unit in units:
        md5.update(len(unit).to_bytes(4, "big"))
        md5.update(unit)
    return md5.hexdigest()


def stamp(codec: VideoCodec, number: int) -> bytes:
    """An SEI unit that carries `number`."""
    payload = STAMP_UUID + b"%0*d" % (STAMP_DIGITS, number)
    header = bytes([H264_SEI]) if codec == "h264" else bytes([39 << 1, 1])
    return header + bytes([5, len(payload)]) + payload + b"\x80"


def signature(codec: VideoCodec, number: int) -> bytes:
    """An SEI unit as a camera that signs its pictures sends it: long, full of zeros, another one for each picture."""
    digest = hashlib.sha512(str(number).encode()).digest()
    payload = SIGNED_UUID + b"\0\0\0\1\0\0\3\0\0\2" + digest + bytes(20) + digest[::-1] * 3 + b"\0\0\0"
    header = bytes([H264_SEI]) if codec == "h264" else bytes([39 << 1, 1])
    body = bytes([5, 255, len(payload) - 255]) + payload + b"\x80"
    return header + _NEEDS_ESCAPE.sub(b"\0\0\3", body)


def stamped(codec: VideoCodec, units: list[bytes], number: int) -> list[bytes]:
    """The same frame with its number before its first slice."""
    at = next((i for i, unit in enumerate(units) if is_slice(codec, unit)), len(units))
    return [*units[:at], stamp(codec, number), *units[at:]]


def number_of(data: bytes) -> int | None:
    """The number stamped into a frame, however it is wrapped."""
    match = _STAMP.search(data)
    return int(match.group(1)) if match else None
