"""What is asked of the ring: why a segment stays or goes and when, what waits before it holds, whose floor was broken.

Reads only. Imports the catalog, the volumes that are there and the pure modules of this room; what it tells comes from
the same functions as what the sweep does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from storage.ages.runs import DaemonRun
from storage.database.writer import Database
from storage.exports import table as exports
from storage.pins import table as pins
from storage.pins.rules import Ground, left_ms
from storage.retention.bounds import CameraBounds, OverwriteState, ShortenedCeiling, waiting
from storage.retention.in_force import InForce, present
from storage.retention.plan import Policy, judge
from storage.ring import table as ring_table
from storage.ring.candidates import candidate
from storage.ring.explain import Explained, Fate, held_ms, shortened, span
from storage.ring.table import Breach
from storage.segments import table as facts
from storage.segments.queries import SegmentRow
from storage.volumes import table as volumes
from storage.volumes.service import VolumePool
from storage.words.clock import Clock
from storage.words.errors import NotOpen
from storage.words.model import Bounds, SegmentState

_FATES: Final = {
    SegmentState.OPEN: Fate.OPEN,
    SegmentState.COMMITTED: Fate.KEPT,
    SegmentState.QUARANTINED: Fate.SET_ASIDE,
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
    """See the module. Blocking, thread-safe."""

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
        home = next(one for one in self._database.read(volumes.known) if one.id == row.volume)
        if home.loss is not None:
            return Explained(row.camera, row.seq, Fate.LOST)
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
            return Explained(row.camera, row.seq, Fate.GARBAGE, away=away, rule=rule)
        as_is = present(connection, self._boot, self._clock, policy)
        one = as_is.standings.get(row.camera, _NOTHING)
        judged = candidate(row, as_is.ages)
        if row.state is SegmentState.OPEN:  # it goes on: its end is now
            judged = candidate(row, as_is.ages, end=as_is.now)
        until = span(judged, one.bounds, one.later)
        holders = pins.ids_of(connection, [row.id]).get(row.id, [])
        return Explained(
            row.camera,
            row.seq,
            _FATES[row.state],
            decision=judge(judged, one.bounds),
            span=until,
            pins=tuple(holders),
            exports=tuple(exports.holders(connection, row)),
            held_ms=held_ms(_left(connection, holders, as_is), until),
            away=away,
            retired=retired,
            overwriting=as_is.overwriting,
            shortened=shortened(judged, one.bounds, one.later),
        )


def _left(connection: sqlite3.Connection, holders: Sequence[str], as_is: InForce) -> Iterator[tuple[Ground, int]]:
    """How much running time each pin has left."""
    for pin in (pins.find(connection, holder) for holder in holders):
        if pin is not None:
            yield pin.order.ground, left_ms(pin.state, pin.order.span_ms, as_is.low_age_ms(pin.placed))


def _gone(connection: sqlite3.Connection, camera: str, seq: int) -> Explained:
    stone = ring_table.tombstone(connection, camera, seq)
    if stone is not None:
        return Explained(camera, seq, Fate.DESTROYED, rule=stone.rule, stone=stone)
    if 0 < seq < facts.tail(connection, camera).next_seq:
        what = f"segment {camera}/{seq} is not there, and no leaf says that it was destroyed"
        raise NotOpen(what, "it never held a picture, or went before edged wrote tombstones; see `edgectl gaps`")
    raise NotOpen(f"there is no segment {camera}/{seq}", "`edgectl segments` lists those there are")
