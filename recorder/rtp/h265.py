"""H.265 out of RTP payloads (RFC 7798): single NAL units, AP and FU, in decoding order. Standard library only, pure."""

from __future__ import annotations

from typing import ClassVar, Final

from recorder.codec import h265
from recorder.codec.bits import Garbage
from recorder.codec.sets import SLICE_HEAD_BYTES
from recorder.rtp.packet import Buffer
from recorder.rtp.pictures import OPENS, OTHER, SLICE, Pictures
from recorder.words.stream import Item

_AP: Final = 48
_FU: Final = 49
_SLICES: Final = frozenset({*range(10), *range(16, 22)})
_OPENS: Final = frozenset({h265.VPS, h265.SPS, h265.PPS, h265.AUD})
_ROLES: Final = tuple(SLICE if kind in _SLICES else OPENS if kind in _OPENS else OTHER for kind in range(64))


class H265Pictures(Pictures):
    """Takes payloads, gives pictures."""

    __slots__ = ()

    HEAD: ClassVar[int] = 2
    SETS: ClassVar[frozenset[int]] = frozenset({h265.VPS, h265.SPS, h265.PPS})
    ENDS: ClassVar[frozenset[int]] = frozenset({36, 37})
    LEAD: ClassVar[int] = 3

    def payload(self, buffer: Buffer, start: int, end: int, out: list[Item]) -> bool:
        """False if it is none that RFC 7798 allows with one stream in decoding order."""
        if end <= start:
            return True
        kind = buffer[start] >> 1 & 0x3F
        if kind == _FU:
            return self._fragment(buffer, start, end, out)
        if kind == _AP:
            return self.several(buffer, start + 2, end, out)
        if kind > _FU:
            return False
        self.whole(buffer[start:end], out)
        return True

    def _fragment(self, buffer: Buffer, start: int, end: int, out: list[Item]) -> bool:
        if end - start < 4:
            return False
        first, second, header = buffer[start], buffer[start + 1], buffer[start + 2]
        head = bytes([first & 0x81 | (header & 0x3F) << 1, second])
        if not header & 0x80:
            self.more(head, buffer[start + 3 : end], header & 0x40 != 0, out)
        elif header & 0x40:
            self.whole(head + bytes(buffer[start + 3 : end]), out)
        else:
            self.fragment(head, buffer[start + 3 : end], bytes([first, second, header & 0x7F]), out)
        return True

    def role(self, unit: Buffer) -> tuple[int, int]:
        kind = unit[0] >> 1 & 0x3F
        if unit[0] & 1 or unit[1] & 0xF8:
            return kind | _ENHANCED, OTHER
        return kind, _ROLES[kind]

    def makes_sense(self, kind: int, unit: bytes) -> bool:
        try:
            match kind:
                case h265.VPS:
                    h265.parse_vps(unit)
                case h265.SPS:
                    h265.parse_sps(unit)
                case h265.PPS:
                    h265.parse_pps(unit)
                case _ if kind in h265.IRAP:
                    h265.slice_pps(unit[:SLICE_HEAD_BYTES])
                case _:
                    return kind in _BESIDE and unit[1] & 7 != 0
        except Garbage:
            return False
        return unit[1] & 7 != 0

    def suspicious(self, kind: int) -> bool:
        return kind in _OPENS or kind in h265.IRAP

    def is_key(self, nals: list[tuple[int, int]]) -> bool:
        """IRAP: IDR, CRA or BLA."""
        return any(kind in h265.IRAP for kind, _ in nals)


_BESIDE: Final = frozenset({h265.AUD, h265.PREFIX_SEI, h265.PREFIX_SEI + 1})
_ENHANCED: Final = 64
"""Added to the type of units of another layer than the base: kept, but no part of its pictures."""
