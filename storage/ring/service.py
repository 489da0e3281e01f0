"""What is asked of the ring: why a segment stays or goes and when, what waits before it holds, whose floor was broken.

Reads only. Why a segment stays or goes, and when, is told as values (pure) by the same `judge` and the same bounds as
the sweep's. Durations are running time from now: how long the box has to run on until something happens; a box that is
off does not age, unless that is proven (`storage.ages.history`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final

from storage.ages.history import DaemonRun
from storage.database.writer import Database
from storage.exports import table as exports_table
from storage.pins import table as pins_table
from storage.pins.rules import Ground, left_ms
from storage.retention.bounds import CameraBounds, LaterCeiling, OverwriteState, ShortenedCeiling, waiting
from storage.retention.plan import Candidate, Decision, Policy, effective, judge
from storage.retention.service import InForce, present
from storage.ring import table as ring_table
from storage.ring.sweep import candidate
from storage.ring.table import Breach, Tombstone
from storage.segments import table as segments_table
from storage.segments.queries import SegmentRow
from storage.volumes import table as volumes_table
from storage.volumes.service import VolumePool
from storage.words.clock import Clock
from storage.words.errors import NotOpen
from storage.words.message import message
from storage.words.model import Bounds, SegmentState


class LifecycleStage(StrEnum):
    """What became of it so far."""

    OPEN = "recording"
    KEPT = "committed"
    QUARANTINED = "quarantined"
    GARBAGE = "garbage"
    DESTROYED = "destroyed"
    LOST = "lost"
    """With its volume."""


@dataclass(frozen=True, slots=True)
class TimeFromNow:
    """In running time from now."""

    earliest_ms: int
    """From then on it goes if its space is needed."""
    latest_ms: int
    """Then it goes, unless a pin holds it."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One segment. `decision` and `span` are None for what is garbage or gone."""

    camera: str
    seq: int
    stage: LifecycleStage
    decision: Decision | None = None
    span: TimeFromNow | None = None
    pins: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    """That are under way and keep it from going for its space."""
    held_ms: int = 0
    """Running time until the last of its pins lets go of it, if nothing is changed."""
    away: bool = False
    """Its volume is not there: nothing on it goes until it is back."""
    retired: bool = False
    """No space is needed of its volume."""
    overwriting: OverwriteState = field(default_factory=OverwriteState)
    """Whether it may go below its floor where nothing else may."""
    shortened: tuple[LaterCeiling, ...] = ()
    """Ceilings that wait and will make a difference to it."""
    rule: str | None = None
    """For which it was condemned."""
    stone: Tombstone | None = None


def span(candidate: Candidate, configured: Bounds | None, later: Sequence[LaterCeiling]) -> TimeFromNow:
    """When it may go and when it must, if nothing is changed. One in progress ends now, as far as anybody knows."""
    now = effective(candidate.stamped, configured)
    earliest_ms = max(0, now.floor_s * 1000 - candidate.end_age.low_ms)
    latest_ms = _due_ms(candidate, now.ceiling_s)
    for one, bounds in zip(later, _coming(candidate, configured, later), strict=True):
        latest_ms = min(latest_ms, max(one.left_ms, _due_ms(candidate, bounds.ceiling_s)))
    return TimeFromNow(earliest_ms, max(earliest_ms, latest_ms))


def held_ms(pins: Iterable[tuple[Ground, int]], span: TimeFromNow) -> int:
    """`pins` with the running time that each has left. What only internal ones hold goes when it must."""
    return max((left if ground.crosses_ceiling else min(left, span.latest_ms) for ground, left in pins), default=0)


def _due_ms(candidate: Candidate, ceiling_s: int) -> int:
    return max(0, ceiling_s * 1000 - candidate.start_age.low_ms)


def _coming(candidate: Candidate, configured: Bounds | None, later: Sequence[LaterCeiling]) -> list[Bounds]:
    floor_s = configured.floor_s if configured else 0
    return [effective(candidate.stamped, Bounds(floor_s, one.ceiling_s)) for one in later]


def shortened(
    candidate: Candidate, configured: Bounds | None, later: Sequence[LaterCeiling]
) -> tuple[LaterCeiling, ...]:
    """Of the ceilings that wait those that will hold for this segment, each with what it then comes to."""
    before_s, told = effective(candidate.stamped, configured).ceiling_s, []
    for one, bounds in zip(later, _coming(candidate, configured, later), strict=True):
        if bounds.ceiling_s < before_s:
            told.append(LaterCeiling(one.left_ms, bounds.ceiling_s))
            before_s = bounds.ceiling_s
    return tuple(told)


_STAGES: Final = {
    SegmentState.OPEN: LifecycleStage.OPEN,
    SegmentState.COMMITTED: LifecycleStage.KEPT,
    SegmentState.QUARANTINED: LifecycleStage.QUARANTINED,
}
_NOTHING: Final = CameraBounds(None)


@dataclass(frozen=True, slots=True)
class RingView:
    """What is to be told of the ring as a whole."""

    bounds: dict[str, Bounds] = field(default_factory=dict)
    """Of each configured camera as they hold now; a ceiling that was shortened may still wait."""
    waiting: dict[str, ShortenedCeiling] = field(default_factory=dict)
    overwriting: OverwriteState = field(default_factory=OverwriteState)
    breaches: tuple[Breach, ...] = ()


class Ring:
    """What the ring keeps, why and for how long. Blocking, thread-safe."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock, pool: VolumePool) -> None:
        self._database = database
        self._boot = life.boot
        self._clock = clock
        self._pool = pool

    def view(self, policy: Policy) -> RingView:
        """As of now."""
        return self._database.read(partial(self._view, policy=policy))

    def explain(self, camera: str, seq: int, policy: Policy) -> Explained:
        """Why this segment stays or goes, and when. NotOpen if there never was such a one."""
        row = self._database.read(partial(ring_table.any_by_seq, camera=camera, seq=seq))
        if row is None:
            return self._database.read(partial(_gone, camera=camera, seq=seq))
        home = next(one for one in self._database.read(volumes_table.known) if one.id == row.volume)
        if home.loss is not None:
            return Explained(row.camera, row.seq, LifecycleStage.LOST)
        away = row.volume not in self._pool.present()
        return self._database.read(partial(self._explain, row=row, policy=policy, away=away, retired=home.retired))

    def begun(self, seq: int) -> dict[str, int]:
        """By camera, when its segment of this number began, as the name of its file has it."""
        return self._database.read(partial(ring_table.begun, seq=seq))

    def _view(self, connection: sqlite3.Connection, policy: Policy) -> RingView:
        as_is = present(connection, self._boot, self._clock, policy)
        longest = ring_table.longest_stamped(connection)
        waits = {camera: waiting(one, longest.get(camera)) for camera, one in as_is.standings.items()}
        return RingView(
            bounds=as_is.bounds,
            waiting={camera: one for camera, one in waits.items() if one is not None},
            overwriting=as_is.overwriting,
            breaches=tuple(ring_table.breaches(connection, as_is.ages)),
        )

    def _explain(
        self, connection: sqlite3.Connection, row: SegmentRow, policy: Policy, *, away: bool, retired: bool
    ) -> Explained:
        if row.state is SegmentState.GARBAGE:
            rule = ring_table.condemned(connection, row.id)
            return Explained(row.camera, row.seq, LifecycleStage.GARBAGE, away=away, rule=rule)
        as_is = present(connection, self._boot, self._clock, policy)
        one = as_is.standings.get(row.camera, _NOTHING)
        judged = candidate(row, as_is.ages)
        if row.state is SegmentState.OPEN:  # it goes on: its end is now
            judged = candidate(row, as_is.ages, end=as_is.now)
        until = span(judged, one.bounds, one.later)
        holders = pins_table.ids_of(connection, [row.id]).get(row.id, [])
        return Explained(
            row.camera,
            row.seq,
            _STAGES[row.state],
            decision=judge(judged, one.bounds),
            span=until,
            pins=tuple(holders),
            exports=tuple(exports_table.holders(connection, row)),
            held_ms=held_ms(_left(connection, holders, as_is), until),
            away=away,
            retired=retired,
            overwriting=as_is.overwriting,
            shortened=shortened(judged, one.bounds, one.later),
        )


def _left(connection: sqlite3.Connection, holders: Sequence[str], as_is: InForce) -> Iterator[tuple[Ground, int]]:
    """How much running time each pin has left."""
    for pin in (pins_table.find(connection, holder) for holder in holders):
        if pin is not None:
            yield pin.order.ground, left_ms(pin.state, pin.order.span_ms, as_is.low_age_ms(pin.placed))


def _gone(connection: sqlite3.Connection, camera: str, seq: int) -> Explained:
    stone = ring_table.tombstone(connection, camera, seq)
    if stone is not None:
        return Explained(camera, seq, LifecycleStage.DESTROYED, rule=stone.rule, stone=stone)
    if 0 < seq < segments_table.tail(connection, camera).next_seq:
        what = message(
            "segment.never-was",
            "segment {camera}/{number} is not there, and no leaf says that it was destroyed",
            camera=camera,
            number=seq,
        )
        raise NotOpen(
            what,
            message(
                "segment.never-was.action",
                "it never held a picture, or went before edged wrote tombstones; see `edgectl gaps`",
            ),
        )
    raise NotOpen(
        message("segment.unknown", "there is no segment {camera}/{number}", camera=camera, number=seq),
        message("segment.unknown.action", "`edgectl segments` lists those there are"),
    )
