"""Bits of parameter sets and headers (ITU-T H.264 §7.2, H.265 §7.2, ISO/IEC 14496-3). Standard library only, pure.

What comes off the network may be anything: every reader here raises `Garbage` and nothing else.
"""

from __future__ import annotations

from typing import Final

_EMULATION: Final = b"\x00\x00\x03"


class Garbage(Exception):
    """These bytes do not say what they should; the text says where reading ended."""


def unescaped(unit: bytes) -> bytes:
    """A NAL unit without emulation prevention bytes: each 00 00 03 stands for 00 00."""
    if _EMULATION not in unit:
        return unit
    pieces = []
    at = 0
    while (found := unit.find(_EMULATION, at)) >= 0:
        pieces.append(unit[at : found + 2])
        at = found + 3
    pieces.append(unit[at:])
    return b"".join(pieces)


class Bits:
    """Reads big-endian bits; beyond the end is `Garbage`."""

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._end = len(data) * 8

    @property
    def at(self) -> int:
        """Bits read."""
        return self._at

    @property
    def left(self) -> int:
        return self._end - self._at

    def u(self, count: int) -> int:
        """The next `count` bits, unsigned."""
        at, end = self._at, self._at + count
        if end > self._end:
            raise Garbage(f"ends within {count} bits at bit {at}")
        self._at = end
        window = int.from_bytes(self._data[at >> 3 : (end + 7) >> 3], "big")
        return window >> (-end & 7) & ((1 << count) - 1)

    def flag(self) -> bool:
        return self.u(1) == 1

    def skip(self, count: int) -> None:
        self._at += count
        if self._at > self._end:
            raise Garbage(f"ends before bit {self._at}")

    def ue(self) -> int:
        """Exponential Golomb code, unsigned."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise Garbage(f"no number at bit {self._at}")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """Exponential Golomb code, signed."""
        code = self.ue()
        return (code + 1) >> 1 if code & 1 else -(code >> 1)

    def below(self, bound: int, what: str) -> int:
        """An unsigned code that must be less than `bound`: it counts what is read next."""
        value = self.ue()
        if value >= bound:
            raise Garbage(f"{what} is {value}, beyond {bound - 1}")
        return value


def skip_vui_head(bits: Bits) -> None:
    """What the VUI of H.264 and that of H.265 begin with: shape of a pixel, overscan, colours, place of chroma."""
    if bits.flag() and bits.u(8) == 255:
        bits.skip(32)
    if bits.flag():
        bits.skip(1)
    if bits.flag():
        bits.skip(4)
        if bits.flag():
            bits.skip(24)
    if bits.flag():
        bits.ue()
        bits.ue()
