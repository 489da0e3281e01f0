"""Parameter sets in force: gathered from SDP and stream, by id, handed out as `Parameters` at key frames.

Sets persist until one of the same kind and id replaces them (H.264 §7.4.1.2.1). What is no parameter set, or cannot be
read, changes nothing: the picture it came with is kept all the same, and decoded with the sets before.
"""

from __future__ import annotations

from typing import Final, Protocol

from recorder.codec import h264, h265
from recorder.codec.bits import Garbage
from recorder.words.stream import Codec, Parameters

SET_BYTES_MAX: Final = 4096
"""Real ones need below 200 bytes, with scaling lists below 1000; a longer one is noise that calls itself a set."""
SLICE_HEAD_BYTES: Final = 32
"""Enough of a slice for its type and its PPS: three codes of at most 33 bits, with emulation prevention."""


class Sets(Protocol):
    """Those of one track."""

    def put(self, unit: bytes) -> None:
        """A NAL unit that may be a parameter set."""

    def at_key(self, head: bytes) -> Parameters | None:
        """For a key frame, of which `head` is the beginning of its first slice: the same object while nothing changes.
        None while they are not complete."""

    @property
    def known(self) -> Parameters | None:
        """The last that were handed out, or what is complete by now."""


class H264Sets:
    def __init__(self) -> None:
        self._sps: dict[int, bytes] = {}
        self._pps: dict[int, bytes] = {}
        self._parsed: dict[int, h264.H264Sps] = {}
        self._owner: dict[int, int] = {}
        self._made: Parameters | None = None
        self._active = -1
        self._fresh = True

    @property
    def known(self) -> Parameters | None:
        if self._made is None and self._pps:
            self._make(min(self._pps))
        return self._made

    @property
    def progressive(self) -> bool:
        """No set speaks of fields."""
        return all(sps.progressive for sps in self._parsed.values())

    def put(self, unit: bytes) -> None:
        if not 2 <= len(unit) <= SET_BYTES_MAX:
            return
        kind = unit[0] & 0x1F
        try:
            if kind == h264.SPS and unit not in self._sps.values():
                sps = h264.parse_sps(unit)
                self._sps[sps.id], self._parsed[sps.id], self._fresh = unit, sps, True
            elif kind == h264.PPS and unit not in self._pps.values():
                pps_id, sps_id = h264.parse_pps(unit)
                self._pps[pps_id], self._owner[pps_id], self._fresh = unit, sps_id, True
        except Garbage:
            return

    def at_key(self, head: bytes) -> Parameters | None:
        if self._fresh or len(self._sps) > 1:
            try:
                active = h264.slice_kind(head)[1]
            except Garbage:
                active = self._active
            if self._fresh or self._owner.get(active) != self._owner.get(self._active):
                self._make(active)
        return self._made

    def _make(self, active: int) -> None:
        if active not in self._pps:
            active = min(self._pps, default=-1)
        sps = self._parsed.get(self._owner.get(active, -1))
        if sps is None:
            return
        units = [self._sps[set_id] for set_id in sorted(self._sps)]
        pps = [self._pps[set_id] for set_id in sorted(self._pps)]
        made = Parameters(Codec.H264, (*units, *pps), h264.record(units, pps, sps), sps.width, sps.height, sps.reorder)
        self._active, self._fresh = active, False
        if made != self._made:
            self._made = made


class H265Sets:
    def __init__(self) -> None:
        self._vps: dict[int, bytes] = {}
        self._sps: dict[int, tuple[bytes, h265.H265Sps]] = {}
        self._pps: dict[int, tuple[bytes, h265.H265Pps]] = {}
        self._made: Parameters | None = None
        self._active = -1
        self._fresh = True

    @property
    def known(self) -> Parameters | None:
        if self._made is None and self._pps:
            self._make(min(self._pps))
        return self._made

    def put(self, unit: bytes) -> None:
        if not 3 <= len(unit) <= SET_BYTES_MAX or unit[0] & 1 or unit[1] >> 3:
            return
        kind = unit[0] >> 1 & 0x3F
        try:
            if kind == h265.VPS:
                set_id = h265.parse_vps(unit)
                self._fresh |= self._vps.get(set_id) != unit
                self._vps[set_id] = unit
            elif kind == h265.SPS and all(unit != known for known, _ in self._sps.values()):
                sps = h265.parse_sps(unit)
                self._sps[sps.id], self._fresh = (unit, sps), True
            elif kind == h265.PPS and all(unit != known for known, _ in self._pps.values()):
                pps = h265.parse_pps(unit)
                self._pps[pps.id], self._fresh = (unit, pps), True
        except Garbage:
            return

    def at_key(self, head: bytes) -> Parameters | None:
        if self._fresh or len(self._sps) > 1:
            try:
                active = h265.slice_pps(head)
            except Garbage:
                active = self._active
            if self._fresh or self._owner(active) != self._owner(self._active):
                self._make(active)
        return self._made

    def _owner(self, pps: int) -> int:
        return self._pps[pps][1].sps if pps in self._pps else -1

    def _make(self, active: int) -> None:
        if active not in self._pps:
            active = min(self._pps, default=-1)
        owner = self._owner(active)
        if owner not in self._sps or not self._vps:
            return
        sps = self._sps[owner][1]
        vps = [self._vps[set_id] for set_id in sorted(self._vps)]
        units = [self._sps[set_id][0] for set_id in sorted(self._sps)]
        pps = [self._pps[set_id][0] for set_id in sorted(self._pps)]
        record = h265.record(vps, units, pps, sps, self._pps[active][1])
        made = Parameters(Codec.H265, (*vps, *units, *pps), record, sps.width, sps.height, sps.reorder)
        self._active, self._fresh = active, False
        if made != self._made:
            self._made = made
