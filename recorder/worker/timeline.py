"""Media time of a camera to moments of this box. Pure: arrivals come in as values.

Media time is that of the picture's track. A camera's clock counts at its own rate from its own zero. What we know is
when pictures arrived: never before they were made. The smallest (arrival - media time) of the last minute is therefore
the best guess at the distance of the two clocks; delays of network and buffers only make single arrivals later. The
window lets a slow drift through, and where arrivals fall behind steadily, because the camera's clock is far too slow,
only the newest count. Boundaries are only ever asked one at a time, each used as end of one segment and start of the
next (S9: no holes).
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Final

from storage.words.model import Moment

NS_PER_MS: Final = 1_000_000
BUCKET_NS: Final = 10_000_000_000
BUCKETS: Final = 6
"""One minute: at 100 ppm, a poor crystal, a boundary is then 6 ms late; congestion longer than that shifts it."""
CRAWL_NS: Final = 20_000_000
"""Arrivals that fall behind by more than this in each of the last buckets, 0.2 %, are of a clock that is too slow: no
crystal is so poor, and a network that jams comes to rest."""


class Timeline:
    """`feed` it the latest picture of every look at the network, ask it at boundaries."""

    def __init__(self, not_before: Moment) -> None:
        self._not_before_ms = not_before.boottime_ms
        self._smallest: deque[tuple[int, int]] = deque(maxlen=BUCKETS)
        self._offset_ns: int | None = None

    def feed(self, media_ns: int, arrival_ns: int) -> None:
        """A picture of this media time arrived at this boottime."""
        offset = arrival_ns - media_ns
        bucket = arrival_ns // BUCKET_NS
        if not self._smallest or self._smallest[-1][0] != bucket:
            self._smallest.append((bucket, offset))
        elif offset < self._smallest[-1][1]:
            self._smallest[-1] = (bucket, offset)
        else:
            return
        self._offset_ns = self._best()

    def _best(self) -> int:
        """The last bucket is still being filled: only the others tell whether the clock crawls."""
        smallest = [offset for _, offset in self._smallest]
        crawls = all(after - before > CRAWL_NS for before, after in pairwise(smallest[:-1]))
        return min(smallest[-2:]) if crawls and len(smallest) == BUCKETS else min(smallest)

    def media_at(self, boottime_ns: int) -> int | None:
        """The media time that was due at this boottime; None before the first packet."""
        return None if self._offset_ns is None else boottime_ns - self._offset_ns

    def boottime_at(self, media_ns: int) -> int | None:
        """When this media time was, in ns of this boot's clock; None before the first packet."""
        return None if self._offset_ns is None else media_ns + self._offset_ns

    def boundary(self, media_ns: int, now: Moment) -> Moment:
        """When this media time was shown: not after `now`, not before the last boundary; on `now`'s wall clock."""
        offset_ns = now.boottime_ms * NS_PER_MS - media_ns if self._offset_ns is None else self._offset_ns
        boottime_ms = min((media_ns + offset_ns) // NS_PER_MS, now.boottime_ms)
        boottime_ms = max(boottime_ms, self._not_before_ms)
        self._not_before_ms = boottime_ms
        return now.plus_ms(boottime_ms - now.boottime_ms)
