"""AAC as MP4A-LATM (RFC 6416, ISO/IEC 14496-3 §1.7.3), as far as cameras send it. Standard library only, pure.

Kept is one programme in one layer whose configuration stands in the SDP (cpresent=0); others are `Garbage`.
"""

from __future__ import annotations

from collections.abc import Mapping

from recorder.codec.aac import AacConfig, read_config
from recorder.codec.bits import Bits, Garbage
from recorder.rtp.packet import Buffer
from recorder.rtp.sound import AU_BYTES_MAX
from recorder.words.stream import Item, Unit


def latm_config(fmtp: Mapping[str, str]) -> tuple[AacConfig, bytes, int]:
    """AudioSpecificConfig, parsed and as bytes, and how many access units each element holds. Raises `Garbage`."""
    if fmtp.get("cpresent", "1").strip() != "0":
        raise Garbage("its configuration in the stream")
    try:
        mux = bytes.fromhex(fmtp.get("config", "").strip().strip('"'))
    except ValueError:
        raise Garbage("no configuration") from None
    bits = Bits(mux)
    if bits.flag() or not bits.flag():
        raise Garbage("a mux of another kind")
    frames = bits.u(6) + 1
    if bits.u(4) or bits.u(3):
        raise Garbage("several programmes or layers")
    at = bits.at
    parsed = read_config(bits)
    if bits.u(3):
        raise Garbage("frames of fixed length")
    bits.skip(8)
    if bits.flag():
        raise Garbage("other data beside the sound")
    whole = Bits(mux)
    whole.skip(at)
    config = whole.u(parsed.bits) << (-parsed.bits & 7)
    return parsed, config.to_bytes((parsed.bits + 7) >> 3, "big"), frames


class Latm:
    """Audio mux elements: one in a packet, or in several of one time."""

    __slots__ = ("_duration", "_frames", "_gathered", "_spoilt", "_ticks")

    def __init__(self, config: AacConfig, rate: int, frames: int) -> None:
        self._duration = max(1, config.frame * rate // config.rate)
        self._frames = frames
        self._gathered = bytearray()
        self._spoilt = False
        self._ticks: int | None = None

    def take(self, buffer: Buffer, start: int, end: int, ticks: int, lost: bool, out: list[Item]) -> bool:
        sense = True
        if ticks != self._ticks:
            sense = not self._gathered
            self._gathered.clear()
            self._ticks, self._spoilt = ticks, False
        elif lost and self._gathered:
            self._spoilt = True
        if self._spoilt:
            return True
        self._gathered += buffer[start:end]
        places = self._places()
        if places is None:
            if len(self._gathered) > AU_BYTES_MAX:
                self._gathered.clear()
                self._spoilt = True
            return sense
        for index, (at, size) in enumerate(places):
            data = bytes(self._gathered[at : at + size])
            out.append(Unit(False, ticks + index * self._duration, self._duration, True, data))
        self._gathered.clear()
        return sense

    def _places(self) -> list[tuple[int, int]] | None:
        """Where the access units lie, each behind its length (255s and a rest). None unless they fill what is gathered:
        a packet holds whole elements or a part of one, and a part whose beginning was lost does not come out even.
        """
        data, at, places = self._gathered, 0, []
        for _ in range(self._frames):
            size = 0
            while at < len(data) and data[at] == 255:
                size, at = size + 255, at + 1
            if at >= len(data):
                return None
            size, at = size + data[at], at + 1
            if not size or at + size > len(data):
                return None
            places.append((at, size))
            at += size
        return places if at == len(data) else None

    def flush(self, out: list[Item]) -> None:
        pass
