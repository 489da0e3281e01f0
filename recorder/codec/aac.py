"""AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1): what a track of AAC is. Standard library only, pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from recorder.codec.bits import Bits, Garbage

_RATES: Final = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_CHANNELS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 14: 8}
_GENERAL: Final = frozenset({1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23})
"""Object types whose configuration goes on as GASpecificConfig (§4.4.1); cameras use 2 (LC), 5 and 29 on top of it."""
_REPLICATED: Final = frozenset({5, 29})
_LOW_DELAY: Final = frozenset({23, 39})


@dataclass(frozen=True, slots=True)
class AacConfig:
    rate: int
    """Samples a second of the core coder; half of what is heard with spectral band replication."""
    channels: int
    """0: as a programme element of the stream says."""
    frame: int
    """Samples of the core coder in an access unit."""
    bits: int
    """Length of the configuration."""


def parse_config(data: bytes) -> AacConfig:
    """Raises `Garbage`."""
    return read_config(Bits(data))


def read_config(bits: Bits) -> AacConfig:
    """Raises `Garbage`."""
    start = bits.at
    kind, rate = _object_type(bits), _rate(bits)
    layout = bits.u(4)
    if kind in _REPLICATED:
        _rate(bits)
        kind = _object_type(bits)
        if kind == 22:
            bits.skip(4)
    if layout and layout not in _CHANNELS:
        raise Garbage(f"channel configuration {layout}")
    if kind in _GENERAL:
        frame = _general(bits, kind, layout)
    elif kind == 39:
        frame = 480 if bits.flag() else 512
    else:
        raise Garbage(f"audio object type {kind}")
    return AacConfig(rate, _CHANNELS.get(layout, 0), frame, bits.at - start)


def _object_type(bits: Bits) -> int:
    kind = bits.u(5)
    return 32 + bits.u(6) if kind == 31 else kind


def _rate(bits: Bits) -> int:
    index = bits.u(4)
    if index == 15:
        rate = bits.u(24)
    elif index < len(_RATES):
        rate = _RATES[index]
    else:
        raise Garbage(f"sampling frequency index {index}")
    if not rate:
        raise Garbage("a sampling frequency of 0")
    return rate


def _general(bits: Bits, kind: int, layout: int) -> int:
    short = bits.flag()
    if bits.flag():
        bits.skip(14)
    extended = bits.flag()
    if layout == 0:
        _skip_programme(bits)
    if kind in {6, 20}:
        bits.skip(3)
    if extended:
        if kind == 22:
            bits.skip(16)
        if kind in {17, 19, 20, 23}:
            bits.skip(3)
        bits.skip(1)
    if kind == 3:
        return 256
    if kind in _LOW_DELAY:
        return 480 if short else 512
    return 960 if short else 1024


def _skip_programme(bits: Bits) -> None:
    """program_config_element (§4.4.1.1): channels named one by one; alignment counts from the configuration's start."""
    bits.skip(10)
    front, side, back, low, data, coupled = (bits.u(4), bits.u(4), bits.u(4), bits.u(2), bits.u(3), bits.u(4))
    for mixdown in (4, 4, 3):
        if bits.flag():
            bits.skip(mixdown)
    bits.skip(5 * (front + side + back + coupled) + 4 * (low + data))
    bits.skip(-bits.at & 7)
    bits.skip(8 * bits.u(8))
