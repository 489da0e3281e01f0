"""H.264 out of RTP payloads (RFC 6184): single NAL units, STAP-A and FU-A. Standard library only, pure."""

from __future__ import annotations

from typing import ClassVar, Final

from recorder.codec import h264
from recorder.codec.bits import Garbage
from recorder.codec.sets import SLICE_HEAD_BYTES, H264Sets
from recorder.rtp.packet import Buffer
from recorder.rtp.pictures import OPENS, OTHER, SLICE, Pictures
from recorder.words.stream import Item, Losses

_STAP_A: Final = 24
_FU_A: Final = 28
_ROLES: Final = {
    h264.SLICE: SLICE, 2: SLICE, h264.IDR: SLICE, h264.SPS: OPENS, h264.PPS: OPENS, h264.AUD: OPENS,
}  # fmt: skip
_SUSPICIOUS: Final = frozenset({h264.IDR, h264.SPS, h264.PPS, h264.AUD})


class H264Pictures(Pictures):
    """Takes payloads, gives pictures."""

    __slots__ = ("_h264_sets",)

    HEAD: ClassVar[int] = 1
    SETS: ClassVar[frozenset[int]] = frozenset({h264.SPS, h264.PPS})
    ENDS: ClassVar[frozenset[int]] = frozenset({10, 11})
    LEAD: ClassVar[int] = 2

    def __init__(self, sets: H264Sets, losses: Losses) -> None:
        super().__init__(sets, losses)
        self._h264_sets = sets

    def payload(self, buffer: Buffer, start: int, end: int, out: list[Item]) -> bool:
        """False if it is none that RFC 6184 allows in packetisation mode 0 or 1."""
        if end <= start:
            return True
        first = buffer[start]
        kind = first & 0x1F
        if kind == _FU_A:
            return self._fragment(buffer, start, end, out)
        if kind == _STAP_A:
            return self.several(buffer, start + 1, end, out)
        if kind > 23:
            return False
        self.whole(buffer[start:end], out)
        return True

    def _fragment(self, buffer: Buffer, start: int, end: int, out: list[Item]) -> bool:
        if end - start < 3:
            return False
        indicator, header = buffer[start], buffer[start + 1]
        head = bytes([indicator & 0xE0 | header & 0x1F])
        if not header & 0x80:
            self.more(head, buffer[start + 2 : end], header & 0x40 != 0, out)
        elif header & 0x40:
            self.whole(head + bytes(buffer[start + 2 : end]), out)
        else:
            self.fragment(head, buffer[start + 2 : end], bytes([indicator, header & 0x7F]), out)
        return True

    def role(self, unit: Buffer) -> tuple[int, int]:
        kind = unit[0] & 0x1F
        return kind, _ROLES.get(kind, OTHER)

    def makes_sense(self, kind: int, unit: bytes) -> bool:
        try:
            match kind:
                case h264.SPS:
                    h264.parse_sps(unit)
                case h264.PPS:
                    h264.parse_pps(unit)
                case _ if kind in h264.SLICES:
                    return unit[0] & 0x60 != 0 and h264.slice_kind(unit[:SLICE_HEAD_BYTES])[0]
                case h264.SEI:
                    return unit.rstrip(b"\x00")[-1:] == b"\x80"
                case _:
                    return kind == h264.AUD and len(unit) == 2
        except Garbage:
            return False
        return True

    def suspicious(self, kind: int) -> bool:
        return kind in _SUSPICIOUS

    def fields(self) -> bool:
        return not self._h264_sets.progressive

    def is_key(self, nals: list[tuple[int, int]]) -> bool:
        """IDR, or an intra picture from which on everything is right at once (recovery point)."""
        kinds = [kind for kind, _ in nals]
        if h264.IDR in kinds:
            return True
        if h264.SEI not in kinds:
            return False
        data, recovers = self.data, False
        try:
            for index, (kind, at) in enumerate(nals):
                if kind == h264.SEI:
                    end = nals[index + 1][1] if index + 1 < len(nals) else len(data)
                    recovers = recovers or h264.recovers_at_once(bytes(data[at + 4 : end]))
                elif kind in h264.SLICES and not (
                    recovers and h264.slice_kind(bytes(data[at + 4 : at + 4 + SLICE_HEAD_BYTES]))[0]
                ):
                    return False
        except Garbage:
            return False
        return recovers
