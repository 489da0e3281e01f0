"""A camera's clocks against each other and against ours. Pure: reports and arrivals come in as values.

`Sync`: sound against picture, and the camera's wall clock against both. The picture's clock is the master and is
never touched. Each track counts from a zero of its own, so the sound needs an offset: first as the units arrive,
then, as soon as both tracks' RTCP sender reports agree with themselves, exactly. Without reports the arrivals go on
to count, for what they change: two clocks of a camera drift apart in a session of days. Each report says where its
track stood at an instant of the camera's wall clock. Cameras set that clock while RTP runs on, and the two tracks
report at different instants: therefore a step seen on either track makes all earlier reports void, and nothing is
believed until both have confirmed the new time. A step so changes neither track's time (S11).

`Timeline`: media time, which is that of the picture's track, to moments of this box. A camera's clock counts at its
own rate from its own zero. What we know is when pictures arrived: never before they were made. The smallest (arrival
- media time) of the last minute is therefore the best guess at the distance of the two clocks; delays of network and
buffers only make single arrivals later. The window lets a slow drift through, and where arrivals fall behind
steadily, because the camera's clock is far too slow, only the newest count. Boundaries are only ever asked one at a
time, each used as end of one segment and start of the next (S9: no holes).
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Final

from recorder.worker.timestamp_repair import NS_PER_S
from storage.words.model import Moment

STEP_NS: Final = NS_PER_S // 10
"""A report that is off by more from those before tells that the camera's clock was set."""
CONFIRMED: Final = 2
"""Reports of each track that must agree before they count."""
KEPT: Final = 3
"""Reports of each track that are weighed: their middle one holds, because some cameras stamp them carelessly."""
NEAR_NS: Final = 2 * NS_PER_S
"""Unconfirmed reports are believed if they say nearly what the arrivals say."""
ALIGNED_NS: Final = NS_PER_S
"""A camera that says where both tracks begin is believed if the arrivals do not say otherwise by more."""
SANE_NS: Final = 20 * NS_PER_S
"""Reports that move the sound further than this are of a camera whose tracks have different clocks."""
WATCHED_NS: Final = 60 * NS_PER_S
"""Of arrivals over so long the smallest delays are compared with those before: jitter and jams are shorter."""
DRIFT_NS: Final = NS_PER_S // 5
"""Where they have moved against each other by more, the tracks' clocks drift; with poor crystals after half an hour.
More than `segmenter.DRIFT_NS`, so that it asks for a cut."""


class Sync:
    """`arrived` until `settle`, `report` always; `offset_ns` added to the sound's time gives the picture's."""

    def __init__(self) -> None:
        self.offset_ns: int | None = None
        """None until it is known."""
        self.aligned = False
        """The camera says that both tracks count from the same instant."""
        self.lag_ns: int | None = None
        """How far behind its picture the sound came, over the last `WATCHED_NS`; None until there was one."""
        self._fixed = self._reported = False
        self._delays: dict[bool, int] = {}
        """The smallest: until it is settled of all, afterwards of this `WATCHED_NS`."""
        self._since_ns: int | None = None
        self._usual: int | None = None
        """How much later than the picture's the sound's smallest delay was."""
        self._walls: dict[bool, deque[int]] = {True: deque(maxlen=KEPT), False: deque(maxlen=KEPT)}

    def settle(self) -> None:
        """The first file with sound has begun."""
        if not self._fixed:
            self._fixed = True
            self._delays.clear()

    def arrived(self, *, video: bool, media_ns: int, arrival_ns: int) -> None:
        """A unit of this time of its own track arrived: the smallest delay tells most."""
        delay = arrival_ns - media_ns
        if self._fixed:
            self._follow(arrival_ns)
        known = self._delays.get(video)
        if known is None or delay < known:
            self._delays[video] = delay
            if not self._fixed:
                self._guess()

    def report(self, *, video: bool, media_ns: int, wall_ns: int) -> None:
        """When this track stood at `media_ns`, the camera's clock showed `wall_ns`."""
        wall_at_zero = wall_ns - media_ns
        own = self._walls[video]
        if own and abs(wall_at_zero - own[-1]) > STEP_NS:
            self._walls[not video].clear()
            own.clear()
        own.append(wall_at_zero)
        if not self._fixed:
            self._guess()
        if len(own) < CONFIRMED or len(self._walls[not video]) < CONFIRMED:
            return
        measured = self._measured()
        if self.offset_ns is not None and abs(measured - self.offset_ns) <= SANE_NS:
            self.offset_ns = measured
            self._reported = True

    def wall_at(self, media_ns: int) -> int | None:
        """What the camera's clock showed at this time of the picture; None while it tells none, or nonsense."""
        if self._walls[True]:
            wall_ns = self._walls[True][-1] + media_ns
        elif self._walls[False] and self.offset_ns is not None:
            wall_ns = self._walls[False][-1] + media_ns - self.offset_ns
        else:
            return None
        return wall_ns if wall_ns >= 0 else None

    def _measured(self) -> int:
        return _middle(self._walls[False]) - _middle(self._walls[True])

    def _follow(self, arrival_ns: int) -> None:
        """At the end of each `WATCHED_NS`: what the delays of both tracks say of their clocks."""
        if self._since_ns is None:
            self._since_ns = arrival_ns
        if arrival_ns - self._since_ns < WATCHED_NS:
            return
        self._since_ns = arrival_ns
        delays, self._delays = self._delays, {}
        if len(delays) < len(self._walls) or self.offset_ns is None:
            self.lag_ns = None
            return
        later = delays[False] - delays[True]
        self.lag_ns = later - self.offset_ns
        if self._reported:
            return
        if self._usual is None:
            self._usual = later
        elif abs(later - self._usual) > DRIFT_NS:
            self.offset_ns += later - self._usual
            self._usual = later

    def _guess(self) -> None:
        if len(self._delays) < len(self._walls):
            return
        guess = self._delays[False] - self._delays[True]
        if self.aligned and abs(guess) <= ALIGNED_NS:
            guess = 0
        if all(self._walls.values()):
            measured = self._measured()
            guess = measured if abs(measured - guess) <= NEAR_NS else guess
        self.offset_ns = guess


def _middle(values: deque[int]) -> int:
    return sorted(values)[len(values) // 2]


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
