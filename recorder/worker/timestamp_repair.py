"""Timestamps of one track, mended until a file and a viewer can rely on them. Pure; counts what it had to mend.

After `TimestampRepair` decoding times rise strictly, and a jump of the camera's clock is gone: media time goes on as
the arrivals say, nothing is thrown away (S11), and the unit is marked so that the segmenter cuts. Showing times stay
as the camera sent them, except where they contradict the stream: twice the same, or backwards where it has said that
it never does.

`FrameOrder` finds out in which order pictures are decoded, by times alone: RTP says when each is shown, a file must
also say when it is decoded. With D pictures held back by a decoder, the decoding time of a picture is the (D+1)-th
largest showing time so far: at most D of those that came before it are shown after it, so it is never later than its
own, and it rises strictly. D is what the parameter sets say. Where they are silent it is learned from pictures that
are shown before earlier ones: from the first few, which are held back for that, and later only if it happens again
and again. A camera's clock that is set back does that once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from recorder.words.stream import Parameters, Unit

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


class Stamp:
    """A unit with times one can rely on, in ticks of its track."""

    __slots__ = ("arrival_ns", "dts", "duration", "jumped", "pts", "unit")

    def __init__(self, unit: Unit, pts: int, dts: int, duration: int, arrival_ns: int, jumped: bool) -> None:
        self.unit = unit
        self.pts = pts
        self.dts = dts
        self.duration = duration
        self.arrival_ns = arrival_ns
        self.jumped = jumped
        """The camera's clock jumped before this unit."""


class TimestampRepair:
    """Mends one track. `depth` as `Parameters.reorder`; 0 for sound."""

    def __init__(self, rate: int, depth: int | None) -> None:
        self._scale = Scale(rate)
        self._order = FrameOrder(depth)
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


REORDER_MAX: Final = 16
"""No decoder holds back more (H.264 §A.3, H.265 §A.4)."""
AGAIN: Final = 2 * REORDER_MAX
"""Pictures until it must happen again to be believed: the longest group between two pictures in order, twice."""


def depth_of(times: Sequence[int]) -> int:
    """How many pictures are held back in a stream that begins so, as far as one can tell.

    What is out of order counts only once a later picture is shown after all before: until then it may be a clock that
    was set back.
    """
    found = open_depth = 0
    sorted_times: list[int] = []
    for time in times:
        at = bisect_right(sorted_times, time)
        behind = len(sorted_times) - at
        sorted_times.insert(at, time)
        if behind:
            open_depth = max(open_depth, behind)
        elif open_depth <= REORDER_MAX:
            found, open_depth = max(found, open_depth), 0
    return found


class FrameOrder:
    """Decoding times of one track. `depth` is D; None where the stream does not say, then it is learned."""

    __slots__ = ("_believed", "_candidate", "_declared", "_last", "_number", "_odd", "_shown", "depth")

    def __init__(self, depth: int | None) -> None:
        self.depth = 0
        self._declared = False
        self._last: int | None = None
        self._shown: list[int] = []
        """The largest showing times so far, rising; as many as any depth needs."""
        self._number = 0
        self._candidate = 0
        self._odd = 0
        self._believed = False
        self.declare(depth)

    @property
    def last(self) -> int | None:
        """The decoding time given last."""
        return self._last

    @property
    def top(self) -> int | None:
        """The largest showing time so far."""
        return self._shown[-1] if self._shown else None

    @property
    def is_declared(self) -> bool:
        """The stream said its depth itself."""
        return self._declared

    def declare(self, depth: int | None) -> None:
        """What the parameter sets say from now on. Silence does not unsay what was learned."""
        self._declared = depth is not None
        if depth is not None:
            self.depth = min(depth, REORDER_MAX)

    def learn(self, depth: int) -> None:
        """What was found in the first pictures, if the stream does not say."""
        if not self._declared:
            self.depth = max(self.depth, depth)

    def forget(self) -> None:
        """The clock jumped: what was out of order before and what will be have nothing to do with each other."""
        self._candidate = 0

    def place(self, time: int, frame: int) -> int:
        """When a picture that is shown at `time` is decoded; `frame` is how long one lasts."""
        shown, last = self._shown, self._last
        self._number += 1
        if not shown or time > shown[-1]:
            shown.append(time)
            self._believed = True
        else:
            at = bisect_right(shown, time)
            if not self._declared and len(shown) - at > self.depth:
                self._doubt(len(shown) - at)
            shown.insert(at, time)
        if len(shown) > REORDER_MAX + 1:
            del shown[0]
        depth = self.depth
        due = shown[-1 - depth] if len(shown) > depth else shown[0] - (depth + 1 - len(shown)) * frame
        if last is not None and due <= last:
            due = last + 1
        self._last = due
        return due

    def _doubt(self, behind: int) -> None:
        """A picture is shown before more earlier ones than are held back: believed when it happens again soon."""
        if behind > REORDER_MAX:
            return
        if self._candidate and self._believed and self._number - self._odd <= AGAIN:
            self.depth = max(self._candidate, behind)
            self._candidate = 0
            return
        if self._believed:
            self._candidate = behind
        else:
            self._candidate = max(self._candidate, behind)
        self._odd = self._number
        self._believed = False
