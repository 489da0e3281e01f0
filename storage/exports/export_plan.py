"""What there is of an interval, before anything of it is copied: for the plan that people see, and for what follows.

Blocking; reads only, page by page.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from storage.ages.history import History
from storage.ages.runs import Point
from storage.exports import table as exports
from storage.exports.model import Claim, ExportOrder, breaks, unaccounted
from storage.pins import queries as pin_queries
from storage.pins.rules import Ground, Interval, PinOrder
from storage.register.service import Asked, Register
from storage.retention.destruction import Destruction
from storage.retention.plan import effective
from storage.segments.coverage_queries import ReadQuery
from storage.segments.queries import GapRow, SegmentRow, camera_row
from storage.words.errors import OrderRefused, OrderWrong, RetryError, UnknownCamera
from storage.words.model import Bounds

SEGMENTS_MAX: Final = 4096
"""Of one export: a day of 14 cameras, or two weeks of one, at 5 minutes. The lists of their fragments take 90 MB on the
disk of the state directory while it is prepared; whoever needs more makes several."""
SOON_MS: Final = 24 * 3_600_000
"""What reaches its ceiling within so long may be gone before it is copied."""
PAGE: Final = 512
"""Rows whose leaves are asked for at once."""


class NotYet(RetryError):
    """What is asked for cannot be copied yet."""


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """What there is of one camera."""

    camera: str
    segments: tuple[SegmentRow, ...]
    leaves: Mapping[int, int | None]
    """By segment."""
    away: tuple[SegmentRow, ...]
    """On volumes that are not there, or gone for good: not among the segments."""
    passed: tuple[tuple[SegmentRow, ...], tuple[GapRow, ...]]
    """What accounts for running time between what touches the interval, and does not touch it itself: the wall clock
    was set meanwhile."""
    set_aside: int
    gaps: tuple[GapRow, ...]
    destroyed: tuple[Destruction, ...]
    unaccounted: tuple[tuple[int, int], ...]
    """What nothing accounts for, with what is away; true time."""
    due_soon: int
    """Segments without a pin that reach their ceiling within a day."""


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What there is, for an interval that may end earlier than it was asked for: where something is in progress."""

    order: ExportOrder
    cut_by: str | None
    """The camera whose segment in progress it ends at."""
    cameras: tuple[CameraPlan, ...]

    @property
    def boots(self) -> set[int]:
        points = {row.start.boot for camera in self.cameras for row in camera.segments}
        points |= {gap.start.boot for camera in self.cameras for gap in camera.gaps}
        points |= {gap.end.boot for camera in self.cameras for gap in camera.gaps if gap.end is not None}
        points |= {row.start.boot for camera in self.cameras for row in (*camera.away, *camera.passed[0])}
        return points | {one.boot for camera in self.cameras for one in camera.destroyed}


@dataclass(frozen=True, slots=True)
class ExportPlanner:
    """`there`: volumes at hand, by id. `ages` and `now` as they are when asked."""

    read: ReadQuery
    register: Register
    there: Callable[[], Collection[str]]
    ages: Callable[[], History]
    now: Callable[[], Point]

    def look(self, order: ExportOrder, bounds: Mapping[str, Bounds]) -> ExportPlan:
        """`bounds` in force. OrderWrong, OrderRefused, NotYet."""
        now = self.now()
        order, cut_by = self.read(partial(_complete, order=order, now=now))
        ages, there = self.ages(), set(self.there())
        cameras = []
        left = SEGMENTS_MAX
        for camera in order.cameras:
            rows = self.read(
                partial(exports.segments_in, camera=camera, interval=order.interval, limit=SEGMENTS_MAX + 1)
            )
            left -= len(rows)
            if left < 0:
                what = f"that is more than {SEGMENTS_MAX} segments"
                raise OrderRefused(what, "export in parts: fewer cameras, or a shorter interval, at a time")
            cameras.append(self._camera(camera, order.interval, rows, there, ages, bounds.get(camera), now))
        return ExportPlan(order, cut_by, tuple(cameras))

    def _camera(
        self,
        camera: str,
        interval: Interval,
        rows: list[SegmentRow],
        there: set[str],
        ages: History,
        bounds: Bounds | None,
        now: Point,
    ) -> CameraPlan:
        at_hand = [row for row in rows if row.volume in there and not row.lost]
        away = [row for row in rows if row.volume not in there or row.lost]
        gaps = [gap for gap, _ in self.read(partial(exports.gaps_in, camera=camera, interval=interval))]
        gone = [
            one.what
            for page in self.register.pages(Asked(camera, recorded=(interval.first_ms, interval.last_ms)))
            for one in page.entries
        ]
        claims = [*map(of_segment, at_hand), *(of_gap(gap, now) for gap in gaps if not gap.inside), *map(of_gone, gone)]
        passed = self._passed(camera, [*claims, *map(of_segment, away)])
        claims += [*map(of_segment, passed[0]), *(of_gap(gap, now) for gap in passed[1])]
        told = [row.id for row in (*at_hand, *away, *passed[0])]
        leaves: dict[int, int | None] = {}
        for at in range(0, len(told), PAGE):
            leaves |= self.read(partial(exports.leaves_of, segments=told[at : at + PAGE]))
        return CameraPlan(
            camera=camera,
            segments=tuple(at_hand),
            leaves=leaves,
            away=tuple(away),
            passed=passed,
            set_aside=self.read(partial(exports.set_aside_in, camera=camera, interval=interval)),
            gaps=tuple(gaps),
            destroyed=tuple(gone),
            unaccounted=tuple(unaccounted(claims, interval)),
            due_soon=_due_soon(at_hand, ages, bounds),
        )

    def _passed(self, camera: str, claims: list[Claim]) -> tuple[tuple[SegmentRow, ...], tuple[GapRow, ...]]:
        """Nothing where it is more than could be told of."""
        segments, gaps = list[SegmentRow](), list[GapRow]()
        for after, before in breaks(claims):
            ask = partial(exports.between, camera=camera, after=after, before=before, limit=SEGMENTS_MAX + 1)
            found = self.read(ask)
            segments, gaps = segments + found[0], gaps + found[1]
        return (tuple(segments), tuple(gaps)) if max(len(segments), len(gaps)) <= SEGMENTS_MAX else ((), ())


def _complete(connection: sqlite3.Connection, order: ExportOrder, now: Point) -> tuple[ExportOrder, str | None]:
    """As far as it is complete: what is in progress has no end yet, and no hash."""
    for camera in order.cameras:
        try:
            camera_row(connection, camera)
        except UnknownCamera:
            raise OrderWrong(f"there is no camera {camera}", "`edgectl cameras` lists them") from None
    pin = PinOrder(order.cameras, order.interval, Ground.INTERNAL, "", "", "", 0)
    garbage = pin_queries.garbage_in(connection, pin)
    if garbage is not None:
        raise NotYet(f"{garbage.path} is being destroyed: its time is over", "try again in a minute")
    first_ms, last_ms, cut_by = order.interval.first_ms, min(order.interval.last_ms, now.wall_ms), None
    for camera in order.cameras:
        begun_ms = exports.in_progress_from(connection, camera, Interval(first_ms, last_ms))
        if begun_ms is not None and begun_ms < last_ms:
            last_ms, cut_by = begun_ms, camera
    if last_ms <= first_ms:
        if cut_by is None:
            raise OrderWrong("the interval lies in the future, or is empty", "--from must be earlier than --to and now")
        what = f"what {cut_by} recorded then is not complete yet: it is still being recorded"
        raise NotYet(what, "try again when that segment has ended: edgectl segments")
    return replace(order, interval=Interval(first_ms, last_ms)), cut_by


def _due_soon(rows: Iterable[SegmentRow], ages: History, bounds: Bounds | None) -> int:
    def left_ms(row: SegmentRow) -> int:
        age = ages.age(row.start.boot, row.start.boottime_ms)
        return effective(row.bounds, bounds).ceiling_s * 1000 - age.low_ms

    return sum(row.pins == 0 and left_ms(row) < SOON_MS for row in rows)


def of_segment(row: SegmentRow) -> Claim:
    start_ms = row.true_start_ms
    return Claim(row.start, row.end, start_ms, start_ms + row.duration_ms)


def of_gap(gap: GapRow, now: Point) -> Claim:
    stop = now if gap.end is None else gap.end
    stop_ms = gap.true_end_ms
    return Claim(gap.start, stop, gap.true_start_ms, now.wall_ms if stop_ms is None else stop_ms)


def of_gone(one: Destruction) -> Claim:
    start = Point(one.boot, one.boottime_ms, one.start_ms)
    return Claim(start, start.plus_ms(one.duration_ms), one.true_start_ms, one.true_end_ms)
