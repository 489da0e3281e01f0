"""Coded units out of NAL units: where one picture ends and the next begins, what is whole, and what is a key frame.

Standard library only, pure. Keeps S11: each picture comes out once, bit for bit, in the order it came, or is counted.

The timestamp decides: units of one time are one picture. The marker bit only lets a picture out earlier, and only once
it has proven itself, because cameras set it on every unit, on parameter sets, or never. Parameter sets and delimiters
after a slice belong to the next picture whatever time they carry, as does all that comes without a slice.

What a camera sends that was damaged on its way costs its picture. A NAL unit whose forbidden bit is set was damaged.
Who soon sends another sends more that cannot be told: from then on nothing is believed (`LossDetection`), parameter
sets included, until a key frame whose units all make sense comes after a row of whole ones.
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import ClassVar, Final

from recorder.codec import h264, h265
from recorder.codec.bits import Garbage
from recorder.codec.sets import SLICE_HEAD_BYTES, H264Sets, Sets
from recorder.rtp.packet import Buffer
from recorder.words.stream import Item, Losses, Parameters, Unit

UNIT_BYTES_MAX: Final = 8 << 20
"""A picture: an intra picture of 4K at the highest quality needs below 4 MB."""
LOOSE_BYTES_MAX: Final = 256 << 10
"""What may wait for a picture to belong to: sets, SEI, signatures. A stream of nothing else must not fill memory."""
NALS_MAX: Final = 2048
"""NAL units in a picture: the standards allow 600 slices."""
PROBATION: Final = 4
"""Pictures in a row, a key frame among them, whose last packet alone bore the marker; then the marker is believed."""
START_CODE: Final = b"\x00\x00\x01"
_LENGTH: Final = struct.Struct(">I")
OTHER: Final = 0
SLICE: Final = 1
OPENS: Final = 2
"""Role of a NAL unit: parameter sets and delimiters, which open a new picture if they follow a slice."""


class Marker(Enum):
    UNPROVEN = 0
    TRUE = 1
    LIES = 2


class Pictures:
    """One track's pictures. `data` is the unit being gathered as it will lie in a file: each NAL unit behind 4 bytes
    of length. While `middle` is not empty, a fragment that begins with it is nothing but more of the last NAL unit.
    """

    __slots__ = (
        "_agreed", "_begun", "_broken", "_counted", "_doubt", "_fragment_at", "_key_seen", "_losses", "_marked",
        "_marker", "_marks", "_mixed", "_nals", "_out_at", "_role", "_sets", "_slices", "_stamp", "_tail", "_ticks",
        "_usual", "data", "middle",
    )  # fmt: skip

    HEAD: ClassVar[int]
    """Bytes of a NAL unit's header."""
    SETS: ClassVar[frozenset[int]]
    """Types of parameter sets."""
    ENDS: ClassVar[frozenset[int]]
    """Types of units that are a header and nothing else: end of a sequence, end of the stream."""
    LEAD: ClassVar[int]
    """Bytes of a payload before the fragment in it."""

    def __init__(self, sets: Sets, losses: Losses) -> None:
        self.data = bytearray()
        self.middle = b""
        self._sets = sets
        self._losses = losses
        self._nals: list[tuple[int, int]] = []
        self._slices = 0
        self._tail = -1
        self._fragment_at = -1
        self._role = OTHER
        self._usual = 0
        self._broken = False
        self._doubt = LossDetection()
        self._begun = False
        self._counted: int | None = None
        self._out_at: int | None = None
        self._stamp = -1
        self._ticks = 0
        self._mixed = False
        self._marker = Marker.UNPROVEN
        self._marked = self._marks = self._key_seen = False
        self._agreed = 0

    # What a codec says.

    def payload(self, buffer: Buffer, start: int, end: int, out: list[Item]) -> bool:
        """The payload of a packet. False if it is none that the codec's payload format allows."""
        raise NotImplementedError

    def role(self, unit: Buffer) -> tuple[int, int]:
        """Type and role of a NAL unit, from its header."""
        raise NotImplementedError

    def is_key(self, nals: list[tuple[int, int]]) -> bool:
        """Whether decoding can begin with the picture of these units (type, place in `data`)."""
        raise NotImplementedError

    def makes_sense(self, kind: int, unit: bytes) -> bool:
        """Whether a unit, of which the beginning is enough, can be one of a key frame."""
        raise NotImplementedError

    def suspicious(self, kind: int) -> bool:
        """Whether a unit of this type is looked through for start codes: those that are rare enough."""
        raise NotImplementedError

    def fields(self) -> bool:
        """Two pictures of one time may be the halves of one frame."""
        return False

    # Packets.

    def begin(self, stamp: int, ticks: int, lost: bool, out: list[Item]) -> None:
        """A packet of RTP time `stamp`, which is `ticks` unwrapped; `lost` says that others are missing before it."""
        if lost:
            self._lose(stamp)
        if stamp == self._stamp:
            return
        if self._fragment_at >= 0:
            self._cut_fragment()
        if self._broken:
            self._clear()
        elif self._slices:
            self._agree()
            self._finish(out)
        self._begun |= self._stamp >= 0
        self._stamp, self._ticks = stamp, ticks
        self._marked = False

    def end(self, marker: bool, out: list[Item]) -> None:
        """The packet is taken in; `marker` is its bit."""
        self._marked = marker
        if not marker:
            return
        self._marks = True
        if self._fragment_at >= 0 or (self._nals and not self._slices):
            self._marker = Marker.LIES
        elif self._marker is Marker.TRUE:
            if self._broken:
                self._clear()
            elif self._slices:
                self._finish(out)
                self._out_at = self._stamp

    def flush(self, out: list[Item]) -> None:
        """The stream has ended: what is a whole picture goes out."""
        unmarked = not self._marks or self._marker is Marker.LIES
        if self._slices and not self._broken and self._fragment_at < 0 and (self._marked or unmarked):
            self._finish(out)
        self._clear()

    def nonsense(self) -> None:
        """A packet that cannot be read was part of this picture."""
        if self._fragment_at >= 0:
            self._cut_fragment()
        self._break()

    # NAL units.

    def several(self, buffer: Buffer, at: int, end: int, out: list[Item]) -> bool:
        """NAL units each behind 2 bytes of length, as both codecs put small ones together."""
        while at + 2 < end:
            size = buffer[at] << 8 | buffer[at + 1]
            at += 2
            if at + size > end:
                return False
            if size:
                self.whole(buffer[at : at + size], out)
            at += size
        return True

    def whole(self, unit: Buffer, out: list[Item]) -> None:
        """A NAL unit in one piece."""
        if self._fragment_at >= 0:
            self._cut_fragment()
        if len(unit) <= self.HEAD and (len(unit) < self.HEAD or self.role(unit)[0] not in self.ENDS):
            self._break()
        elif not unit[0] and not unit[1] and (start := bytes(unit[:5]).find(START_CODE)) >= 0:
            self._unmix(bytes(unit[start:]), out)
        elif (at := self._open(unit, out)) >= 0:
            self.data += unit
            self._close(at, out)

    def fragment(self, head: bytes, body: Buffer, middle: bytes, out: list[Item]) -> None:
        """The first fragment: the NAL unit's header made anew, its first bytes, and how the next fragments begin."""
        if self._fragment_at >= 0:
            self._cut_fragment()
        start = head + bytes(body)
        if len(start) <= self.HEAD:
            self._break()
        elif (at := self._open(start, out)) >= 0:
            self.data += start
            self._fragment_at, self.middle = at, middle

    def more(self, head: bytes, body: Buffer, last: bool, out: list[Item]) -> None:
        """A further fragment of the NAL unit with this header."""
        kind, role = self.role(head)
        at = self._fragment_at
        if at >= 0 and kind != self._nals[-1][0]:
            self._cut_fragment()
            at = -1
        if at < 0:
            if role == SLICE:
                self._break()
            return
        self.data += body
        if len(self.data) > UNIT_BYTES_MAX:
            self._cut_fragment()
            self._break()
        elif last:
            self._fragment_at, self.middle = -1, b""
            self._close(at, out)

    def _open(self, unit: Buffer, out: list[Item]) -> int:
        """Makes room for a NAL unit that begins like `unit`: where its length will stand, or -1 if it is left out."""
        damaged = unit[0] & 0x80 != 0
        self._doubt.hear(damaged=damaged)
        if damaged:
            self._break()
            return -1
        kind, role = self.role(unit)
        if role == SLICE:
            self._slice(unit[self.HEAD] & 0x80 != 0, out)
        elif role == OPENS:
            if self._broken:
                self._clear()
            elif self._slices and self._tail < 0:
                self._tail = len(self._nals)
        data = self.data
        if not self._broken and (len(data) + len(unit) > UNIT_BYTES_MAX or len(self._nals) >= NALS_MAX):
            self._break()
        if self._broken:
            return -1
        if not self._slices and len(data) > LOOSE_BYTES_MAX:
            self._clear()
        at = len(data)
        self._slices += role == SLICE
        self._role = role
        self._nals.append((kind, at))
        data += b"\x00\x00\x00\x00"
        return at

    def _close(self, at: int, out: list[Item]) -> None:
        """The last NAL unit is complete."""
        data = self.data
        if (self._mixed or self.suspicious(self._nals[-1][0])) and data.find(START_CODE, at + 4) >= 0:
            mixed = bytes(data[at + 4 :])
            self._drop_last()
            self._unmix(mixed, out)
            return
        _LENGTH.pack_into(data, at, len(data) - at - 4)

    def _unmix(self, units: bytes, out: list[Item]) -> None:
        """Some cameras put a byte stream with start codes where one NAL unit should be."""
        self._mixed = True
        for unit in units.split(START_CODE):
            if plain := unit.rstrip(b"\x00"):
                self.whole(plain, out)

    def _drop_last(self) -> None:
        _, at = self._nals.pop()
        del self.data[at:]
        self._fragment_at, self.middle = -1, b""
        self._slices -= self._role == SLICE
        if self._tail >= len(self._nals):
            self._tail = -1

    # Pictures.

    def _slice(self, first: bool, out: list[Item]) -> None:
        """A slice comes; `first` says that it is the first of a picture."""
        if self._broken:
            if first and not self.fields():
                self._clear()
        elif not self._slices:
            if not first:
                if self._out_at == self._stamp:
                    self._marker = Marker.LIES
                self._break()
        elif first and (self._tail >= 0 or not self.fields()):
            self._finish(out)
        else:
            if self._marked:
                self._marker = Marker.LIES
            self._tail = -1

    def _lose(self, stamp: int) -> None:
        """Packets are missing between what is gathered and one of time `stamp`: can they have been part of it?"""
        self._out_at = None
        if self._fragment_at >= 0:
            self._cut_fragment()
        elif self._slices:
            tells = self._marks and self._marker is not Marker.LIES
            whole = self._marked if tells else self._slices >= self._usual > 0
            if stamp == self._stamp or not whole:
                self._break()

    def _cut_fragment(self) -> None:
        """The rest of a fragmented NAL unit does not come."""
        spoilt = self._role == SLICE
        self._drop_last()
        if spoilt:
            self._break()

    def _break(self) -> None:
        """The picture is lost; parameter sets that came with it whole count all the same."""
        if self._broken:
            return
        if not self._doubt.active:
            self._note_sets(self._nals, len(self.data))
        self._clear()
        self._broken = True
        if self._begun and self._counted != self._stamp:
            self._losses.frames += 1
            self._counted = self._stamp

    def _clear(self) -> None:
        self.data.clear()
        self._nals.clear()
        self._slices, self._tail, self._fragment_at, self.middle = 0, -1, -1, b""
        self._broken = False

    def _agree(self) -> None:
        """A new time has come. Had the marker said that the picture was complete?"""
        self._agreed = self._agreed + 1 if self._marked else 0
        if self._agreed >= PROBATION and self._key_seen and self._marker is Marker.UNPROVEN:
            self._marker = Marker.TRUE

    def _finish(self, out: list[Item]) -> None:
        """The picture is complete; what came after its last slice and belongs to the next one stays."""
        data, nals = self.data, self._nals
        rest, following = b"", []
        if self._tail >= 0:
            cut = nals[self._tail][1]
            following = [(kind, at - cut) for kind, at in nals[self._tail :]]
            rest = bytes(data[cut:])
            del data[cut:], nals[self._tail :]
        key = self.is_key(nals)
        if self._doubt.active and not (self._doubt.may_end and key and self._is_sound(nals)):
            self._losses.frames += 1
            self._clear()
            data += rest
            nals += following
            return
        self._doubt.end()
        self._note_sets(nals, len(data))
        parameters: Parameters | None = None
        if key:
            self._key_seen = True
            parameters = self._sets.at_key(self.slice_head(nals))
        out.append(Unit(True, self._ticks, 0, parameters is not None, bytes(data), parameters))
        self._usual = self._slices
        self._clear()
        data += rest
        nals += following

    def slice_head(self, nals: list[tuple[int, int]]) -> bytes:
        """The beginning of the first slice."""
        for _, at in nals:
            head = bytes(self.data[at + 4 : at + 4 + SLICE_HEAD_BYTES])
            if self.role(head)[1] == SLICE:
                return head
        return b""

    def _is_sound(self, nals: list[tuple[int, int]]) -> bool:
        """Every unit makes sense."""
        ends = [*(at for _, at in nals[1:]), len(self.data)]
        return all(
            self.makes_sense(kind, bytes(self.data[at + 4 : end])) for (kind, at), end in zip(nals, ends, strict=True)
        )

    def _note_sets(self, nals: list[tuple[int, int]], end: int) -> None:
        if not nals or (len(nals) == 1 and self._slices):
            return
        ends = [at for _, at in nals[1:]]
        for (kind, at), following in zip(nals, [*ends, end], strict=True):
            if kind in self.SETS:
                self._sets.put(bytes(self.data[at + 4 : following]))


AGAIN_UNITS: Final = 64
"""After a damaged NAL unit so many whole ones make the next damage the first one again."""
WHOLE_UNITS: Final = 16
"""So many whole ones in a row are wanted before a key frame is believed: of random bytes each second is damaged."""


class LossDetection:
    """Told of every NAL unit of a track."""

    __slots__ = ("_whole", "active")

    def __init__(self) -> None:
        self._whole = AGAIN_UNITS
        self.active = False

    @property
    def may_end(self) -> bool:
        """A key frame that makes sense would be believed."""
        return self._whole >= WHOLE_UNITS

    def hear(self, *, damaged: bool) -> None:
        if damaged:
            self.active |= self._whole < AGAIN_UNITS
            self._whole = 0
        else:
            self._whole += 1

    def end(self) -> None:
        self.active = False


_STAP_A: Final = 24


_FU_A: Final = 28


_H264_ROLES: Final = {
    h264.SLICE: SLICE, 2: SLICE, h264.IDR: SLICE, h264.SPS: OPENS, h264.PPS: OPENS, h264.AUD: OPENS,
}  # fmt: skip


_H264_SUSPICIOUS: Final = frozenset({h264.IDR, h264.SPS, h264.PPS, h264.AUD})


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
        return kind, _H264_ROLES.get(kind, OTHER)

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
        return kind in _H264_SUSPICIOUS

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


_AP: Final = 48


_FU: Final = 49


_H265_SLICES: Final = frozenset({*range(10), *range(16, 22)})


_H265_OPENS: Final = frozenset({h265.VPS, h265.SPS, h265.PPS, h265.AUD})


_H265_ROLES: Final = tuple(
    SLICE if kind in _H265_SLICES else OPENS if kind in _H265_OPENS else OTHER for kind in range(64)
)


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
            return kind | _H265_ENHANCED, OTHER
        return kind, _H265_ROLES[kind]

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
                    return kind in _H265_BESIDE and unit[1] & 7 != 0
        except Garbage:
            return False
        return unit[1] & 7 != 0

    def suspicious(self, kind: int) -> bool:
        return kind in _H265_OPENS or kind in h265.IRAP

    def is_key(self, nals: list[tuple[int, int]]) -> bool:
        """IRAP: IDR, CRA or BLA."""
        return any(kind in h265.IRAP for kind, _ in nals)


_H265_BESIDE: Final = frozenset({h265.AUD, h265.PREFIX_SEI, h265.PREFIX_SEI + 1})


_H265_ENHANCED: Final = 64
"""Added to the type of units of another layer than the base: kept, but no part of its pictures."""
