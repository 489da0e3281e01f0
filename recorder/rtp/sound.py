"""Sound out of RTP payloads: AAC (RFC 3640), AAC as MP4A-LATM, G.711 and L16 (RFC 3551). Standard library only, pure.

Of MP4A-LATM (RFC 6416, ISO/IEC 14496-3 §1.7.3) that is read which cameras send: one programme in one layer whose
configuration stands in the SDP (cpresent=0); others are `Garbage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Final, NamedTuple, Protocol

from recorder.codec.aac import AacConfig, read_config
from recorder.codec.bits import Bits, Garbage
from recorder.rtp.packet import Buffer
from recorder.words.stream import Item, Unit

AU_BYTES_MAX: Final = 64 << 10
"""An access unit of AAC: 768 bytes for each channel by the standard, 13 bits of length in practice."""
AUS_MAX: Final = 256
"""Access units in a packet."""
HELD_MAX: Final = 512
"""Interleaved access units that wait for older ones: ten seconds."""
_MODES: Final = {"aac-hbr": (13, 3, 3), "aac-lbr": (6, 2, 2)}
"""Where a camera names the mode alone (RFC 3640 §3.3.5, §3.3.6); one that says nothing sends what all cameras send."""


class Payloads(Protocol):
    """Payloads of one codec."""

    def take(self, buffer: Buffer, start: int, end: int, ticks: int, lost: bool, out: list[Item]) -> bool:
        """False for what makes no sense."""

    def flush(self, out: list[Item]) -> None:
        """The stream has ended: what still waits goes out."""


class Samples:
    """Payloads that are nothing but samples."""

    __slots__ = ("_bytes",)

    def __init__(self, sample_bytes: int) -> None:
        self._bytes = sample_bytes
        """Of all channels together."""

    def take(self, buffer: Buffer, start: int, end: int, ticks: int, lost: bool, out: list[Item]) -> bool:
        del lost
        count, odd = divmod(end - start, self._bytes)
        if count:
            out.append(Unit(False, ticks, count, True, bytes(buffer[start : end - odd])))
        return not odd

    def flush(self, out: list[Item]) -> None:
        pass


class Aac:
    """Access units of RFC 3640: several in a packet, one in several packets, or interleaved."""

    __slots__ = (
        "_aux_bits",
        "_duration",
        "_fixed",
        "_gathered",
        "_held",
        "_interleaved",
        "_lengths",
        "_ticks",
        "_wanted",
    )

    def __init__(self, config: AacConfig, rate: int, fmtp: Mapping[str, str]) -> None:
        self._duration = max(1, config.frame * rate // config.rate)
        told = fmtp.keys() & {"mode", "sizelength", "constantsize"}
        mode = fmtp.get("mode", "").strip().lower() if told else "aac-hbr"
        size, index, delta = _MODES.get(mode, (0, 0, 0))
        self._lengths = _Lengths(
            _number(fmtp, "sizelength", size),
            _number(fmtp, "indexlength", index),
            _number(fmtp, "indexdeltalength", delta),
            _number(fmtp, "ctsdeltalength"),
            _number(fmtp, "dtsdeltalength"),
            min(1, _number(fmtp, "randomaccessindication")) + _number(fmtp, "streamstateindication"),
        )
        self._aux_bits = _number(fmtp, "auxiliarydatasizelength")
        self._fixed = _number(fmtp, "constantsize", 0, AU_BYTES_MAX)
        self._gathered = bytearray()
        self._wanted = 0
        self._ticks = 0
        self._held: list[Unit] = []
        self._interleaved = _number(fmtp, "maxdisplacement", 0, 1 << 31) > 0

    def take(self, buffer: Buffer, start: int, end: int, ticks: int, lost: bool, out: list[Item]) -> bool:
        if lost:
            self._wanted = 0
        if self._interleaved:
            self._release(ticks, out)
        try:
            at, headers = self._headers(buffer, start, end)
        except Garbage:
            self._wanted = 0
            return False
        if len(headers) == 1 and (self._wanted or headers[0][0] > end - at):
            return self._fragment(buffer[at:end], headers[0][0], ticks, out)
        self._wanted = 0
        position = 0
        for count, (size, skipped) in enumerate(headers):
            if not size or size > end - at:
                return False
            if count:
                position += 1 + skipped
                if skipped:
                    self._interleaved = True
            self._put(
                Unit(False, ticks + position * self._duration, self._duration, True, bytes(buffer[at : at + size])), out
            )
            at += size
        return True

    def _headers(self, buffer: Buffer, start: int, end: int) -> tuple[int, list[tuple[int, int]]]:
        """Where the first access unit begins, and for each its size and how many are left out before it."""
        lengths = self._lengths
        at, headers = start, []
        if any(lengths):
            if end - start < 2:
                raise Garbage("no AU headers")
            bits = buffer[start] << 8 | buffer[start + 1]
            at = start + 2 + (bits + 7 >> 3)
            if at > end:
                raise Garbage("AU headers beyond the packet")
            if bits == 16 and lengths == _HIGH_RATE:
                headers = [((buffer[start + 2] << 8 | buffer[start + 3]) >> 3, 0)]
            else:
                headers = lengths.read(bytes(buffer[start + 2 : at]), bits)
        if self._aux_bits:
            aux = Bits(bytes(buffer[at:end]))
            at += (self._aux_bits + aux.u(self._aux_bits) + 7) >> 3
        room = end - at
        if lengths.size and headers:
            return at, headers
        size = self._fixed or room
        count = room // size if size > 0 else 0
        if not 0 < count <= AUS_MAX:
            raise Garbage("no access unit")
        return at, [(size, headers[i][1] if i < len(headers) else 0) for i in range(count)]

    def _fragment(self, body: Buffer, size: int, ticks: int, out: list[Item]) -> bool:
        """A part of an access unit; each part repeats the size of the whole."""
        if self._wanted and (ticks != self._ticks or size != self._wanted):
            self._wanted = 0
        if not self._wanted:
            self._gathered.clear()
            self._wanted, self._ticks = size, ticks
        self._gathered += body
        if len(self._gathered) < size:
            return size <= AU_BYTES_MAX
        self._wanted = 0
        if len(self._gathered) > size:
            return False
        self._put(Unit(False, ticks, self._duration, True, bytes(self._gathered)), out)
        return True

    def _put(self, unit: Unit, out: list[Item]) -> None:
        if self._interleaved:
            self._held.append(unit)
        else:
            out.append(unit)

    def flush(self, out: list[Item]) -> None:
        held, self._held = self._held, []
        out.extend(sorted(held, key=attrgetter("pts")))

    def _release(self, ticks: int, out: list[Item]) -> None:
        """What is interleaved waits until a packet shows that nothing older comes."""
        held = sorted(self._held, key=attrgetter("pts"))
        latest = ticks + HELD_MAX * self._duration
        crowded = len(held) > HELD_MAX
        self._held = []
        for unit in held:
            waits = ticks <= unit.pts <= latest and not crowded
            if waits:
                self._held.append(unit)
            else:
                out.append(unit)


class _Lengths(NamedTuple):
    """Bits of the parts of an AU header (RFC 3640 §3.2.1.1); `first`: index of the first, `delta`: of the others."""

    size: int
    first: int
    delta: int
    composition: int
    decoding: int
    others: int

    def read(self, data: bytes, end: int) -> list[tuple[int, int]]:
        bits = Bits(data)
        found: list[tuple[int, int]] = []
        while bits.at < end:
            if len(found) >= AUS_MAX:
                raise Garbage("too many AU headers")
            begun = bits.at
            size = bits.u(self.size)
            skipped = bits.u(self.delta) if found else 0 * bits.u(self.first)
            for stamp in (self.composition, self.decoding):
                if stamp and bits.flag():
                    bits.skip(stamp)
            bits.skip(self.others)
            if bits.at == begun:
                break
            found.append((size, skipped))
        return found


_HIGH_RATE: Final = _Lengths(13, 3, 3, 0, 0, 0)


def _number(fmtp: Mapping[str, str], key: str, otherwise: int = 0, most: int = 32) -> int:
    """A parameter that counts something; nonsense counts as not said."""
    text = fmtp.get(key, "").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return otherwise
    return min(int(text), most)


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
