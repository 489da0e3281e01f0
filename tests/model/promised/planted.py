"""Bugs, planted into the product: under each of them the machine must fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from sqlite3 import Connection
from typing import TypeAlias

import pytest

from storage.ages.history import Age, History, Point
from storage.database.writer import RowChanges
from storage.pins import table as pins_table
from storage.retention import bounds
from storage.retention import service as ring_present
from storage.retention.bounds import LowAge, OverwriteState, OverwriteSwitch
from storage.retention.plan import Candidate, Policy
from storage.retention.service import InForce, present
from storage.ring import sweep
from storage.ring.sweep import Configured
from storage.segments import gaps_table
from storage.segments import table as segments_table
from storage.segments.queries import SEGMENT_SQL, SegmentRow, segment_row
from storage.store.facade import Store
from storage.tickets.maintenance_table import Maintenance, Maintenances
from storage.words.clock import Clock
from storage.words.model import Closing, SweepReport
from tests.model.promised.base import Base
from tests.support.office import DEADLINE_S, Recording
from tests.support.tiny_mp4 import FRAGMENT_FRAMES, FRAGMENT_MS

Plant: TypeAlias = Callable[[pytest.MonkeyPatch], None]


def floor_off_by_one_segment(patched: pytest.MonkeyPatch) -> None:
    """Counted from where a segment begins."""
    _judged_by(patched, lambda found, row, ages: replace(found, end_age=found.start_age))  # noqa: ARG005


def wall_clock_believed(patched: pytest.MonkeyPatch) -> None:
    """What everybody else does."""
    walls: dict[int, int] = {}

    def looked(connection: Connection, boot: int, clock: Clock, policy: Policy) -> InForce:
        found = present(connection, boot, clock, policy)
        walls[id(found.ages)] = clock.now().wall_ms
        return found

    def judged(found: Candidate, row: SegmentRow, ages: History) -> Candidate:
        now_ms = walls[id(ages)]
        start_ms, end_ms = max(0, now_ms - row.start.wall_ms), max(0, now_ms - row.end.wall_ms)
        return replace(found, start_age=Age(start_ms, start_ms), end_age=Age(end_ms, end_ms))

    patched.setattr(sweep, "present", looked)
    _judged_by(patched, judged)


def pins_ignored(patched: pytest.MonkeyPatch) -> None:
    """They are written down, and hold nothing."""
    patched.setattr(pins_table, "cover", lambda connection, pin: None)  # noqa: ARG005
    patched.setattr(pins_table, "hold", lambda connection, pin, segments, *, linked: None)  # noqa: ARG005
    patched.setattr(pins_table, "match", lambda connection, row, linked=(): None)  # noqa: ARG005


def ceiling_that_does_not_wait(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(bounds, "WAIT_MS", 0)


def overwriting_that_does_not_wait(patched: pytest.MonkeyPatch) -> None:
    """What the configuration says holds."""

    def overwriting(told: OverwriteSwitch | None, configured: bool, age_ms: LowAge) -> OverwriteState:
        return OverwriteState(holds=configured)

    patched.setattr(ring_present, "overwriting", overwriting)


def volume_that_is_away_pruned(patched: pytest.MonkeyPatch) -> None:
    """What cannot be seen is taken for gone."""
    really = Store.sweep

    def swept(store: Store, configured: Configured) -> SweepReport:
        present = set(store._pool.present())

        def prune(connection: Connection) -> None:
            for row in map(segment_row, connection.execute(SEGMENT_SQL + "WHERE s.state = 'committed'").fetchall()):
                if row.volume not in present and row.pins == 0:
                    segments_table.discard(connection, row)
                    segments_table.forget(connection, row)

        store._submit(prune).result(DEADLINE_S)
        return really(store, configured)

    patched.setattr(Store, "sweep", swept)


def work_that_explains_what_follows(patched: pytest.MonkeyPatch) -> None:
    """A gap that begins in maintenance is explained to its end."""

    def cut(start: Point, end: Point | None, known: Iterable[gaps_table.Window]) -> list[gaps_table.Piece]:
        begun = any(first <= start and (last is None or start < last) for first, last in known)
        return [(start, end, begun)]

    patched.setattr(gaps_table, "cut_by_windows", cut)


def work_that_ends_by_the_wall_clock(patched: pytest.MonkeyPatch) -> None:
    def age_ms(works: Maintenances, connection: Connection, one: Maintenance) -> int:
        return works._clock.now().wall_ms - one.start.wall_ms

    patched.setattr(Maintenances, "_age_ms", age_ms)


def writes_that_nobody_hears_of(patched: pytest.MonkeyPatch) -> None:
    """What is remembered of the segments of a camera is remembered for good."""
    patched.setattr(RowChanges, "committed", lambda changes, *, by_others: changes._touched.clear())  # noqa: ARG005


def row_before_file(patched: pytest.MonkeyPatch) -> None:
    """The row is committed, and then the file gets its name."""

    def complete(machine: Base, recording: Recording) -> None:
        opening, file = recording.opening, recording.file
        end = opening.start.plus_ms(recording.fragments * FRAGMENT_MS)
        frames = recording.fragments * FRAGMENT_FRAMES
        closing = Closing(opening.camera, opening.seq, end, file.bytes, file._digest.finish()[0], frames)
        machine.site.store.commit_segment(closing).result(DEADLINE_S)
        file.commit()

    patched.setattr(Base, "complete", complete)


def _judged_by(patched: pytest.MonkeyPatch, judged: Callable[[Candidate, SegmentRow, History], Candidate]) -> None:
    really = sweep.candidate

    def candidate(row: SegmentRow, ages: History, end: Point | None = None) -> Candidate:
        return judged(really(row, ages, end), row, ages)

    for module in (sweep, sweep):
        patched.setattr(module, "candidate", candidate)
