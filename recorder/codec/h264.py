"""H.264: what parameter sets, slices and SEI say, and the decoder configuration record. Standard library only, pure.

Sections are those of ITU-T H.264 and ISO/IEC 14496-15. NAL units come without start code and with emulation prevention.
All functions raise `Garbage` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from recorder.codec.bits import Bits, Garbage, skip_vui_head, unescaped

SLICE: Final = 1
IDR: Final = 5
SEI: Final = 6
SPS: Final = 7
PPS: Final = 8
AUD: Final = 9
SLICES: Final = frozenset({1, 2, 3, 4, 5})

SIDE_MAX: Final = 16_384
"""Pixels; no camera comes near, and a number beyond it is noise."""
_RICH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Profiles whose SPS tells chroma format and bit depth (§7.3.2.1.1)."""
_PLAIN_PROFILES: Final = frozenset({66, 77, 88})
"""Profiles whose record ends without chroma format and bit depth (14496-15 §5.3.3.1)."""
_INTRA_PROFILES: Final = frozenset({44, 86, 100, 110, 122, 244})
"""With constraint_set3_flag these are intra-only."""
_CHROMA_STEP: Final = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
_I_SLICES: Final = frozenset({2, 4, 7, 9})
_RECOVERY_POINT: Final = 6


@dataclass(frozen=True, slots=True)
class H264Sps:
    id: int
    profile: int
    chroma: int
    """chroma_format_idc: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4."""
    luma_bits: int
    chroma_bits: int
    width: int
    height: int
    progressive: bool
    """frame_mbs_only_flag: no fields anywhere."""
    reorder: int | None


def parse_sps(unit: bytes) -> H264Sps:
    """§7.3.2.1.1"""
    bits = Bits(unescaped(unit[1:]))
    profile, constraints = bits.u(8), bits.u(8)
    bits.skip(8)
    set_id = bits.below(32, "SPS id")
    chroma, luma_bits, chroma_bits, planes = 1, 8, 8, False
    if profile in _RICH_PROFILES:
        chroma = bits.below(4, "chroma format")
        planes = chroma == 3 and bits.flag()
        luma_bits, chroma_bits = 8 + bits.below(7, "bit depth"), 8 + bits.below(7, "bit depth")
        bits.skip(1)
        if bits.flag():
            _skip_scaling_lists(bits, 12 if chroma == 3 else 8)
    bits.ue()
    order_type = _skip_order_count(bits)
    bits.ue()
    bits.skip(1)
    across, down = bits.ue() + 1, bits.ue() + 1
    progressive = bits.flag()
    if not progressive:
        bits.skip(1)
    bits.skip(1)
    step_x, step_y = _CHROMA_STEP[0 if planes else chroma]
    fields = 1 if progressive else 2
    left, right, top, bottom = (bits.ue(), bits.ue(), bits.ue(), bits.ue()) if bits.flag() else (0, 0, 0, 0)
    width = across * 16 - (left + right) * step_x
    height = down * 16 * fields - (top + bottom) * step_y * fields
    if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
        raise Garbage(f"a picture of {width}x{height}")
    ordered = order_type == 2 or profile == 66 or (profile in _INTRA_PROFILES and constraints & 0x10 != 0)
    reorder = 0 if ordered else _reorder(bits)
    return H264Sps(set_id, profile, chroma, luma_bits, chroma_bits, width, height, progressive, reorder)


def _skip_scaling_lists(bits: Bits, count: int) -> None:
    for index in range(count):
        if not bits.flag():
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.se()) & 0xFF
            last = following or last


def _skip_order_count(bits: Bits) -> int:
    kind = bits.below(3, "order count type")
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.skip(1)
        bits.se()
        bits.se()
        for _ in range(bits.below(256, "frames in order cycle")):
            bits.se()
    return kind


def _reorder(bits: Bits) -> int | None:
    """num_reorder_frames of the VUI (§E.1.1). Cameras write strange ones: what cannot be read is not said."""
    try:
        if not bits.flag():
            return None
        skip_vui_head(bits)
        if bits.flag():
            bits.skip(65)
        first, second = _skip_hrd(bits), _skip_hrd(bits)
        if first or second:
            bits.skip(1)
        bits.skip(1)
        if not bits.flag():
            return None
        bits.skip(1)
        for _ in range(4):
            bits.ue()
        return bits.below(17, "frames to reorder")
    except Garbage:
        return None


def _skip_hrd(bits: Bits) -> bool:
    if not bits.flag():
        return False
    count = bits.below(32, "HRD count") + 1
    bits.skip(8)
    for _ in range(count):
        bits.ue()
        bits.ue()
        bits.skip(1)
    bits.skip(20)
    return True


def parse_pps(unit: bytes) -> tuple[int, int]:
    """Its own id and that of its SPS (§7.3.2.2)."""
    bits = Bits(unescaped(unit[1:]))
    return bits.below(256, "PPS id"), bits.below(32, "SPS id")


def slice_kind(head: bytes) -> tuple[bool, int]:
    """Whether a slice is intra, and the id of its PPS (§7.3.3), from its beginning."""
    bits = Bits(unescaped(head[1:]))
    bits.ue()
    kind = bits.below(10, "slice type")
    return kind in _I_SLICES, bits.below(256, "PPS id")


def recovers_at_once(sei: bytes) -> bool:
    """Whether this SEI unit says that decoding can begin with its picture: recovery point, 0 frames on (§D.1.8)."""
    data = unescaped(sei[1:])
    at, end = 0, len(data)
    while at + 2 < end:
        kind, at = _run(data, at)
        size, at = _run(data, at)
        if kind == _RECOVERY_POINT:
            return size > 0 and at < end and data[at] & 0x80 != 0
        at += size
    return False


def _run(data: bytes, at: int) -> tuple[int, int]:
    """A number written as a run of 255s and a rest."""
    value = 0
    while at < len(data) and data[at] == 255:
        value += 255
        at += 1
    return (value + data[at], at + 1) if at < len(data) else (value, at)


def record(sps: Sequence[bytes], pps: Sequence[bytes], active: H264Sps) -> bytes:
    """AVCDecoderConfigurationRecord (14496-15 §5.3.3.1), lengths of 4 bytes. The profile is that of the first SPS."""
    if not sps or not pps or len(sps[0]) < 4:
        raise Garbage("no parameter sets")
    made = bytearray([1]) + sps[0][1:4]
    made += bytes([0xFF, 0xE0 | len(sps[:31])])
    for unit in sps[:31]:
        made += len(unit).to_bytes(2, "big") + unit
    made.append(len(pps[:255]))
    for unit in pps[:255]:
        made += len(unit).to_bytes(2, "big") + unit
    if active.profile not in _PLAIN_PROFILES:
        made += bytes([0xFC | active.chroma, 0xF8 | active.luma_bits - 8, 0xF8 | active.chroma_bits - 8, 0])
    return bytes(made)
