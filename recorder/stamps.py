"""Timestamps of one track, mended until a muxer and a viewer can rely on them. Pure; counts what it had to mend.

Afterwards dts rises strictly, pts is never below dts, both are known, and a jump of the camera's clock is gone: media
time goes on as the arrivals say, nothing is thrown away (S11), and the packet is marked so that the segmenter cuts.
Libav's own jumps count as the camera's: with two tracks it re-anchors its times at every RTCP sender report.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Generic, TypeVar

T = TypeVar("T")

NS_PER_S: Final = 1_000_000_000
BACK_NS: Final = NS_PER_S // 2
"""Less than this backwards is disorder, mended packet by packet; more is another clock."""
FORWARD_NS: Final = NS_PER_S
"""More than this beyond what the arrivals allow is another clock."""
SLACK_NS: Final = NS_PER_S // 2
"""After a jump the next frame is put one frame on, unless arrivals say that more than this was missed."""
HOLD_MAX: Final = 32
"""Packets held back at the start until one has a dts: libav needs the reorder depth, at most 16 frames, and one."""
FALLBACK_RATE: Final = 25
"""Frames a second for a stream that never says how long a frame lasts."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A track's time base: one tick is `num / den` seconds."""

    num: int
    den: int

    @property
    def fraction(self) -> Fraction:
        return Fraction(self.num, self.den)

    def ns(self, ticks: int) -> int:
        return ticks * self.num * NS_PER_S // self.den

    def ticks(self, ns: int) -> int:
        return ns * self.den // (self.num * NS_PER_S)


@dataclass(frozen=True, slots=True)
class Raw(Generic[T]):
    """A packet as it came, in ticks."""

    pts: int | None
    dts: int | None
    duration: int
    arrival_ns: int
    payload: T
    fresh: bool = False
    """Its parameter sets differ from those before: decoders must start anew."""


@dataclass(frozen=True, slots=True)
class Mended(Generic[T]):
    """A packet with times one can rely on, in ticks."""

    pts: int
    dts: int
    duration: int
    arrival_ns: int
    jumped: bool
    """The camera's clock jumped before this packet."""
    fresh: bool
    payload: T


class Mender(Generic[T]):
    """Mends one track. `media_now_ns` is the media time that was due when the packet arrived, None if unknown."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._frame = max(1, scale.ticks(NS_PER_S // FALLBACK_RATE))
        self._offset = 0
        self._last: int | None = None
        self._held: list[Raw[T]] = []
        self.repaired = 0

    def mend(self, raw: Raw[T], media_now_ns: int | None) -> list[Mended[T]]:
        """The packets that are ready; at the start they are held back until the first dts is known."""
        if raw.duration > 0:
            self._frame = raw.duration
        if self._last is not None:
            return [self._next(raw, self._last, media_now_ns)]
        self._held.append(raw)
        if raw.dts is None and len(self._held) < HOLD_MAX:
            return []
        return self.flush()

    def flush(self) -> list[Mended[T]]:
        """What is held back, with times counted backwards from what is known by now."""
        held, self._held = self._held, []
        if not held:
            return []
        shown = [raw.pts for raw in held if raw.pts is not None]
        first_pts = min(shown) - self._frame if shown and held[0].pts is None else (held[0].pts or 0)
        known = held[-1].dts
        dts = first_pts if known is None else known - (len(held) - 1) * self._frame
        ready = []
        for index, raw in enumerate(held):
            pts = first_pts if index == 0 else raw.pts
            ready.append(self._settle(raw, dts + index * self._frame, pts, jumped=False))
        return ready

    def _next(self, raw: Raw[T], last: int, media_now_ns: int | None) -> Mended[T]:
        pts = None if raw.pts is None else raw.pts + self._offset
        dts = last + self._frame if raw.dts is None else raw.dts + self._offset
        if raw.dts is None and pts is not None and abs(self._scale.ns(pts - dts)) > FORWARD_NS:
            dts = pts
        if not self._is_jump(dts, last, media_now_ns):
            return self._settle(raw, dts, pts, jumped=False)
        target = last + self._frame
        if media_now_ns is not None and media_now_ns - self._scale.ns(target) > SLACK_NS:
            target = self._scale.ticks(media_now_ns)
        self._offset += target - dts
        self.repaired += 1
        return self._settle(raw, target, None if pts is None else pts + target - dts, jumped=True)

    def _is_jump(self, dts: int, last: int, media_now_ns: int | None) -> bool:
        step_ns = self._scale.ns(dts - last)
        if step_ns < -BACK_NS:
            return True
        return media_now_ns is not None and step_ns > FORWARD_NS and self._scale.ns(dts) > media_now_ns + FORWARD_NS

    def _settle(self, raw: Raw[T], dts: int, pts: int | None, *, jumped: bool) -> Mended[T]:
        """Strictly rising dts, pts not below it."""
        odd = False
        if self._last is not None and dts <= self._last:
            dts = self._last + 1
            odd = True
        if pts is None or pts < dts:
            pts = dts
            odd = True
        if odd and not jumped:
            self.repaired += 1
        self._last = dts
        return Mended(pts, dts, raw.duration or self._frame, raw.arrival_ns, jumped, raw.fresh, raw.payload)
