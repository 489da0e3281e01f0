"""H.265: what parameter sets and slices say, and the decoder configuration record. Standard library only, pure.

Sections are those of ITU-T H.265 and ISO/IEC 14496-15. NAL units come without start code and with emulation prevention.
All functions raise `Garbage` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from recorder.codec.bits import Bits, Garbage, skip_vui_head, unescaped

VPS: Final = 32
SPS: Final = 33
PPS: Final = 34
AUD: Final = 35
PREFIX_SEI: Final = 39
IRAP: Final = range(16, 24)
SIDE_MAX: Final = 16_384
"""Pixels; no camera comes near, and a number beyond it is noise."""
_CHROMA_STEP: Final = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}


@dataclass(frozen=True, slots=True)
class H265Sps:
    id: int
    vps: int
    layers: int
    """Temporal sub-layers."""
    nested: bool
    profile: bytes
    """The 12 bytes of general profile, tier and level as they stand (§7.3.3)."""
    chroma: int
    luma_bits: int
    chroma_bits: int
    width: int
    height: int
    reorder: int
    segmentation: int
    """min_spatial_segmentation_idc of the VUI, 0 where it is not said."""


@dataclass(frozen=True, slots=True)
class H265Pps:
    id: int
    sps: int
    tiles: bool
    wavefront: bool


def parse_sps(unit: bytes) -> H265Sps:
    """§7.3.2.2.1"""
    bits = Bits(unescaped(unit[2:]))
    vps, layers, nested = bits.u(4), bits.u(3) + 1, bits.flag()
    profile = bits.u(96).to_bytes(12, "big")
    _skip_sub_layers(bits, layers)
    set_id = bits.below(16, "SPS id")
    chroma = bits.below(4, "chroma format")
    planes = chroma == 3 and bits.flag()
    width, height = bits.ue(), bits.ue()
    if bits.flag():
        step_x, step_y = _CHROMA_STEP[0 if planes else chroma]
        width -= (bits.ue() + bits.ue()) * step_x
        height -= (bits.ue() + bits.ue()) * step_y
    if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
        raise Garbage(f"a picture of {width}x{height}")
    luma_bits, chroma_bits = 8 + bits.below(9, "bit depth"), 8 + bits.below(9, "bit depth")
    order_bits = 4 + bits.below(13, "order count bits")
    reorder = 0
    for _ in range(layers if bits.flag() else 1):
        bits.ue()
        reorder = bits.below(17, "frames to reorder")
        bits.ue()
    segmentation = _segmentation(bits, layers, order_bits)
    return H265Sps(
        set_id, vps, layers, nested, profile, chroma, luma_bits, chroma_bits, width, height, reorder, segmentation
    )


def _skip_sub_layers(bits: Bits, layers: int) -> None:
    if layers == 1:
        return
    told = [(bits.flag(), bits.flag()) for _ in range(layers - 1)]
    bits.skip(2 * (9 - layers))
    for profile, level in told:
        bits.skip(88 * profile + 8 * level)


def _segmentation(bits: Bits, layers: int, order_bits: int) -> int:
    """min_spatial_segmentation_idc, far behind in the VUI. 0, which promises nothing, where it cannot be read."""
    try:
        for _ in range(6):
            bits.ue()
        if bits.flag() and bits.flag():
            _skip_scaling_lists(bits)
        bits.skip(2)
        if bits.flag():
            bits.skip(8)
            bits.ue()
            bits.ue()
            bits.skip(1)
        _skip_reference_sets(bits)
        if bits.flag():
            bits.skip((order_bits + 1) * bits.below(33, "long-term references"))
        bits.skip(2)
        return _vui_segmentation(bits, layers) if bits.flag() else 0
    except Garbage:
        return 0


def _skip_scaling_lists(bits: Bits) -> None:
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not bits.flag():
                bits.ue()
                continue
            for _ in range(min(64, 16 << 2 * size) + (size > 1)):
                bits.se()


def _skip_reference_sets(bits: Bits) -> None:
    """st_ref_pic_set (§7.3.7): the length of one follows from the pictures named in the one before."""
    deltas: list[int] = []
    for index in range(bits.below(65, "reference sets")):
        if index and bits.flag():
            negative, size = bits.flag(), bits.ue() + 1
            shift = -size if negative else size
            kept = [delta + shift for delta in (*deltas, 0) if bits.flag() or bits.flag()]
            deltas = [delta for delta in kept if delta]
            deltas = [*sorted((d for d in deltas if d < 0), reverse=True), *sorted(d for d in deltas if d > 0)]
            continue
        before, after = bits.below(17, "references"), bits.below(17, "references")
        deltas = []
        for count, sign in ((before, -1), (after, 1)):
            at = 0
            for _ in range(count):
                at += sign * (bits.ue() + 1)
                bits.skip(1)
                deltas.append(at)


def _vui_segmentation(bits: Bits, layers: int) -> int:
    """§E.2.1"""
    skip_vui_head(bits)
    bits.skip(3)
    if bits.flag():
        for _ in range(4):
            bits.ue()
    if bits.flag():
        bits.skip(64)
        if bits.flag():
            bits.ue()
        if bits.flag():
            _skip_hrd(bits, layers)
    if not bits.flag():
        return 0
    bits.skip(3)
    return bits.below(4096, "spatial segmentation")


def _skip_hrd(bits: Bits, layers: int) -> None:
    """§E.2.2"""
    kinds = bits.flag() + bits.flag()
    parts = False
    if kinds:
        parts = bits.flag()
        bits.skip(19 * parts + 8 + 4 * parts + 15)
    for _ in range(layers):
        fixed = bits.flag() or bits.flag()
        low_delay = False
        if fixed:
            bits.ue()
        else:
            low_delay = bits.flag()
        buffers = 1 if low_delay else bits.below(32, "HRD count") + 1
        for _ in range(kinds * buffers):
            for _ in range(4 if parts else 2):
                bits.ue()
            bits.skip(1)


def parse_vps(unit: bytes) -> int:
    """Its id (§7.3.2.1)."""
    return Bits(unit[2:]).u(4)


def parse_pps(unit: bytes) -> H265Pps:
    """§7.3.2.3.1"""
    bits = Bits(unescaped(unit[2:]))
    set_id, sps = bits.below(64, "PPS id"), bits.below(16, "SPS id")
    bits.skip(7)
    bits.ue()
    bits.ue()
    bits.se()
    bits.skip(2)
    if bits.flag():
        bits.ue()
    bits.se()
    bits.se()
    bits.skip(4)
    return H265Pps(set_id, sps, bits.flag(), bits.flag())


def slice_pps(head: bytes) -> int:
    """The id of the PPS of an IRAP picture's first slice (§7.3.6.1), from its beginning."""
    bits = Bits(unescaped(head[2:]))
    bits.skip(2)
    return bits.below(64, "PPS id")


def record(
    vps: Sequence[bytes], sps: Sequence[bytes], pps: Sequence[bytes], active: H265Sps, picture: H265Pps
) -> bytes:
    """HEVCDecoderConfigurationRecord (14496-15 §8.3.3.1), lengths of 4 bytes; the arrays are not said to be complete,
    because sets stay in the stream as well.
    """
    parallel = 0
    if active.segmentation:
        parallel = {(False, False): 1, (True, False): 2, (False, True): 3}.get((picture.tiles, picture.wavefront), 0)
    made = bytearray([1]) + active.profile
    made += (0xF000 | active.segmentation).to_bytes(2, "big")
    made += bytes([0xFC | parallel, 0xFC | active.chroma, 0xF8 | active.luma_bits - 8, 0xF8 | active.chroma_bits - 8])
    made += bytes([0, 0, active.layers << 3 | active.nested << 2 | 3, 3])
    for kind, units in ((VPS, vps), (SPS, sps), (PPS, pps)):
        made.append(kind)
        made += len(units).to_bytes(2, "big")
        for unit in units:
            made += len(unit).to_bytes(2, "big") + unit
    return bytes(made)
