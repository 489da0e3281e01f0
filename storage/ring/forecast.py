"""How long footage will be kept, and when floors will be in the way of recording.

Nothing is decided here and nothing destroyed: people are told early enough to add a disk. All volumes are taken as
one, because the ring frees the oldest first wherever it lies. What is on disk is taken to be spread evenly over the
time since its oldest second, as it is where cameras record without a break.

What the forecast rests on is measured now and then (blocking, thread-safe): rates over the last days, what is pinned,
what is recorded. Some of it reads thousands of rows: that is looked up every ten minutes and
remembered in between, in running time.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from storage.database.writer import Database
from storage.ring import table as ring_table
from storage.words.clock import Clock

DAY_S: Final = 86_400
TREND_WINDOWS: Final = 4
"""A trend is not believed before so many windows (days) lie side by side: of three, chance makes one too often."""
TREND_FIT: Final = 0.5
"""Nor unless it explains half of how much the windows differ: a weekend is no trend."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one camera puts on the volumes, and what it has there."""

    camera: str
    a_day: float
    """Bytes; 0 for one that does not record."""
    floor_s: int
    ceiling_s: int
    held_bytes: int = 0
    """On disk and not pinned."""
    held_s: float = 0.0
    """Age of the oldest second of that."""


@dataclass(frozen=True, slots=True)
class VolumeRoom:
    """A volume in service."""

    limit_bytes: int
    """What edged may keep there, if it had the file system to itself."""
    ring_bytes: int
    free_bytes: int
    """Of its file system, above the reserve."""
    device: int | None = None
    """Shelves of one file system share its room."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """In running time from now on; None for what will not come about."""

    spans_s: Mapping[str, float]
    """How long each recording camera's footage is kept once the ring turns: never beyond its ceiling."""
    full_in_s: float | None
    """Until the volumes are full and the ring turns."""
    at_risk_in_s: float | None
    """Until space could only be freed by breaking a floor, so that recording would stop."""
    floors_bytes: float
    """What all floors ask for at the present rates."""


def forecast(loads: Sequence[Load], room_bytes: int, pinned_bytes: int) -> Forecast:
    """`room_bytes` is what edged may keep in all (`room`); pinned footage takes of it and never comes back."""
    left = max(0, room_bytes - pinned_bytes)
    return Forecast(
        spans_s=_spans(loads, left),
        full_in_s=_full_in_s(loads, left),
        at_risk_in_s=_at_risk_in_s(loads, left),
        floors_bytes=sum(load.a_day * load.floor_s / DAY_S for load in loads),
    )


def room(shelves: Iterable[VolumeRoom]) -> int:
    """What edged may keep on all of them; the room of one file system is counted once."""
    alone = 0
    shared: dict[int, list[VolumeRoom]] = {}
    for shelf in shelves:
        if shelf.device is None:
            alone += shelf.limit_bytes
        else:
            shared.setdefault(shelf.device, []).append(shelf)
    return alone + sum(_shared(together) for together in shared.values())


def _shared(shelves: Sequence[VolumeRoom]) -> int:
    ring = sum(shelf.ring_bytes for shelf in shelves)
    each = sum(max(0, shelf.limit_bytes - shelf.ring_bytes) for shelf in shelves)
    over = sum(min(0, shelf.limit_bytes - shelf.ring_bytes) for shelf in shelves)
    return max(0, ring + over + min(each, max(0, *(shelf.free_bytes for shelf in shelves))))


def expected(windows: Sequence[float]) -> float:
    """Bytes a day to count with, from those of the last windows, newest first: as now, and as much more as it grew.

    A trend goes on for as long again as it was seen, and no longer. What shrinks is not counted on.
    """
    if not windows:
        return 0.0
    count, now = len(windows), windows[0]
    if count < TREND_WINDOWS:
        return now
    middle, mean = (count - 1) / 2, sum(windows) / count
    spread = sum((at - middle) ** 2 for at in range(count))
    slope = sum((middle - at) * (rate - mean) for at, rate in enumerate(windows)) / spread
    differ = sum((rate - mean) ** 2 for rate in windows)
    if slope <= 0 or slope * slope * spread < TREND_FIT * differ:
        return now
    return now + slope * (count - 1)


def _spans(loads: Sequence[Load], left: int) -> dict[str, float]:
    """All cameras reach back equally far, but for floors that ask for more and ceilings that allow less.

    Where the floors do not fit, the longest give way: recording stops before they are reached.
    """
    live = [load for load in loads if load.a_day > 0]
    floors = sum(load.a_day * load.floor_s / DAY_S for load in live)
    fits = floors <= left

    def held(load: Load, reach_s: float) -> float:
        return min(load.ceiling_s, max(load.floor_s, reach_s)) if fits else min(load.floor_s, reach_s)

    def used(reach_s: float) -> float:
        return sum(load.a_day * held(load, reach_s) / DAY_S for load in live)

    turns = sorted({0.0, *(float(bound_s) for load in live for bound_s in (load.floor_s, load.ceiling_s))})
    reach_s = _reached(turns, used, float(left))
    return {load.camera: held(load, reach_s) for load in live}


def _reached(turns: Sequence[float], used: Callable[[float], float], left: float) -> float:
    """Where `used`, which grows in straight lines between the turns, comes to `left`; if it never does, the last."""
    after = bisect_right(turns, left, key=used)
    if after == len(turns):
        return turns[-1]
    begin, end = turns[max(0, after - 1)], turns[after]
    low, high = used(begin), used(end)
    return begin if high <= low else begin + (end - begin) * max(0.0, left - low) / (high - low)


def _full_in_s(loads: Sequence[Load], left: int) -> float | None:
    """None where ceilings free what is needed before."""
    a_day = sum(load.a_day for load in loads)
    missing = left - sum(load.held_bytes for load in loads)
    if missing <= 0:
        return 0.0
    at_ceilings = sum(load.a_day * load.ceiling_s / DAY_S for load in loads)
    return None if a_day <= 0 or at_ceilings <= left else missing / a_day * DAY_S


def _at_risk_in_s(loads: Sequence[Load], left: int) -> float | None:
    """The first moment at which what must be kept is more than what fits; it moves in straight lines between turns."""
    turns = {0.0}
    for load in loads:
        turns |= {float(load.floor_s), max(0.0, load.floor_s - _reach_s(load))}
    before_s, before = 0.0, 0.0
    for turn_s in sorted(turns):
        kept = sum(_protected(load, turn_s) for load in loads)
        if kept > left:
            rise = kept - before
            return before_s if rise <= 0 else before_s + (turn_s - before_s) * max(0.0, left - before) / rise
        before_s, before = turn_s, kept
    return None


def _reach_s(load: Load) -> float:
    return max(1.0, load.held_s)


def _protected(load: Load, in_s: float) -> float:
    """Bytes that lie under the floor then: of what is there now, and of what is recorded until then."""
    young = min(1.0, max(0.0, (load.floor_s - in_s) / _reach_s(load)))
    return load.held_bytes * young + load.a_day * min(in_s, load.floor_s) / DAY_S


LOOK_EVERY_MS: Final = 600_000
"""A trend is one of days, and what is pinned changes by hand."""


@dataclass(frozen=True, slots=True)
class Paces:
    """As of the last look; by camera."""

    windows: Mapping[str, list[float]] = field(default_factory=dict)
    """Bytes a day over the last windows, the newest first."""
    pinned: Mapping[str, int] = field(default_factory=dict)
    """Bytes that a pin keeps."""


class SegmentSizes:
    """Of one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._turn = threading.Lock()
        self._at_ms: int | None = None
        self._last = Paces()

    def paces(self, cameras: Iterable[str]) -> Paces:
        """Looked up anew when it is due. A camera that came since then has no windows yet."""
        with self._turn:
            now_ms = self._clock.now().boottime_ms
            if self._at_ms is None or now_ms - self._at_ms >= LOOK_EVERY_MS:
                windows = {
                    camera: self._database.read(partial(ring_table.windows, camera=camera)) for camera in cameras
                }
                self._last = Paces(windows, self._database.read(ring_table.pinned_bytes))
                self._at_ms = now_ms
            return self._last
