"""In which order pictures are decoded, told by times alone: RTP says when each is shown, a file must also say when it
is decoded. Pure; times are ticks of the picture's track.

With D pictures held back by a decoder, the decoding time of a picture is the (D+1)-th largest showing time so far: at
most D of those that came before it are shown after it, so it is never later than its own, and it rises strictly. D is
what the parameter sets say. Where they are silent it is learned from pictures that are shown before earlier ones: from
the first few, which are held back for that, and later only if it happens again and again. A camera's clock that is set
back does that once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

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


class Order:
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
