"""Timestamps of one track, mended until a file and a viewer can rely on them. Pure; counts what it had to mend.

Afterwards decoding times rise strictly, and a jump of the camera's clock is gone: media time goes on as the arrivals
say, nothing is thrown away (S11), and the unit is marked so that the segmenter cuts. Showing times stay as the camera
sent them, except where they contradict the stream: twice the same, or backwards where it has said that it never does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from recorder.words.stream import Parameters, Unit
from recorder.worker.frame_order import Order, depth_of

NS_PER_S: Final = 1_000_000_000
BACK_NS: Final = NS_PER_S // 2
"""Less than this backwards is disorder, mended unit by unit; more is another clock."""
FORWARD_NS: Final = NS_PER_S
"""More than this beyond what the arrivals allow is another clock."""
BEHIND_NS: Final = 20 * NS_PER_S
"""Further behind the arrivals, the clock stands or runs far too slowly. A network that delays so long has long broken
off: without a picture a session ends after 10 s."""
SLACK_NS: Final = NS_PER_S // 2
"""After a jump the next frame is put one frame on, unless arrivals say that more than this was missed."""
HOLD_MAX: Final = 12
"""Pictures held back at the start of a session whose stream does not say how they are ordered: enough to see two
groups of the usual three B-frames."""
HOLD_NS: Final = 400_000_000
"""And no longer than this, however few come."""
GROUP: Final = 8
"""Frames that a picture may be ahead of its decoding where pictures are reordered: the longest usual group."""
FALLBACK_RATE: Final = 25
"""Frames a second until it is seen how long a frame lasts."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A track's time base: so many ticks a second."""

    rate: int

    def ns(self, ticks: int) -> int:
        return ticks * NS_PER_S // self.rate

    def ticks(self, ns: int) -> int:
        return ns * self.rate // NS_PER_S


class Stamp(NamedTuple):
    """A unit with times one can rely on, in ticks of its track."""

    unit: Unit
    pts: int
    dts: int
    duration: int
    arrival_ns: int
    jumped: bool
    """The camera's clock jumped before this unit."""


class Mender:
    """Mends one track. `depth` as `Parameters.reorder`; 0 for sound."""

    def __init__(self, rate: int, depth: int | None) -> None:
        self._scale = Scale(rate)
        self._order = Order(depth)
        self._held: list[tuple[Unit, int]] | None = [] if depth is None else None
        self._parameters: Parameters | None = None
        self._second = self._scale.ticks(FORWARD_NS)
        self._back = self._scale.ticks(BACK_NS)
        self._frame = max(1, rate // FALLBACK_RATE)
        self._due: int | None = None
        self._floor: int | None = None
        self.offset = 0
        """Ticks between the camera's own count and that which comes out: what its jumps amount to."""
        self.repaired = 0

    @property
    def frame_ms(self) -> int:
        """How long the last unit lasts, as far as one can tell."""
        return self._frame * 1000 // self._scale.rate

    def expect(self, media_now_ns: int | None) -> None:
        """The media time that is due now, as the arrivals so far say; None if that is unknown."""
        if media_now_ns is None:
            self._due = self._floor = None
        else:
            self._due = self._scale.ticks(media_now_ns)
            self._floor = self._scale.ticks(media_now_ns - BEHIND_NS)

    def mend(self, unit: Unit, arrival_ns: int, out: list[Stamp]) -> None:
        """Appends what is ready: this unit, as a rule."""
        if self._held is not None:
            self._hold(self._held, unit, arrival_ns, out)
        else:
            out.append(self._mended(unit, arrival_ns))

    def flush(self, now_ns: int, out: list[Stamp], *, end: bool = False) -> None:
        """What is held back, if it has waited long enough or this is the end."""
        held = self._held
        if held is None or not (end or (held and now_ns - held[0][1] >= HOLD_NS)):
            return
        self._held = None
        self._order.learn(depth_of([unit.pts for unit, _ in held]))
        out.extend(self._mended(unit, arrival_ns) for unit, arrival_ns in held)

    def _hold(self, held: list[tuple[Unit, int]], unit: Unit, arrival_ns: int, out: list[Stamp]) -> None:
        held.append((unit, arrival_ns))
        said = unit.parameters is not None and unit.parameters.reorder is not None
        self.flush(arrival_ns, out, end=said or len(held) >= HOLD_MAX)

    def _mended(self, unit: Unit, arrival_ns: int) -> Stamp:
        if unit.parameters is not None and unit.parameters is not self._parameters:
            self._parameters = unit.parameters
            self._order.declare(unit.parameters.reorder)
        order = self._order
        pts = unit.pts + self.offset
        top, last = order.top, order.last
        jumped = False
        if top is not None and last is not None:
            regular = 0 < pts - top <= self._second and (self._floor is None or pts >= self._floor)
            if not regular and self._is_jump(pts, top, last):
                pts = self._rebase(pts, top)
                jumped = True
        dts = order.place(pts, self._frame)
        if dts > pts and (pts == top or (order.is_declared and order.depth == 0)):
            pts = dts
            self.repaired += 1
        if unit.duration > 0:
            self._frame = unit.duration
        elif last is not None and not jumped and 1 < dts - last <= self._second:
            self._frame = dts - last
        return Stamp(unit, pts, dts, self._frame, arrival_ns, jumped)

    def _is_jump(self, pts: int, top: int, last: int) -> bool:
        if pts < last - self._back:
            return True
        if self._due is None or self._floor is None:
            return False
        if pts > top + self._second:
            ahead = GROUP * self._frame if self._order.depth else 0
            return pts > self._due + self._second + ahead
        return pts < self._floor

    def _rebase(self, pts: int, top: int) -> int:
        """Where a unit after a jump lies: after all before it, or as much later as the arrivals say."""
        target = top + (self._order.depth + 1) * self._frame
        if self._due is not None and self._due - target > self._scale.ticks(SLACK_NS):
            target = self._due
        self.offset += target - pts
        self._order.forget()
        self.repaired += 1
        return target
