"""Carries out what `storage.retention` decides: the ring turns. Blocking, in a thread of its own, in nobody's way.

Keeps S1 and S3 by asking the same pure code twice, when planning and again in the transaction that makes a segment
garbage; S5 by the order of destroying: row to garbage, unlink, fsync of the directory, row gone. A crash in between
leaves garbage rows, which the next sweep finishes. A file that cannot be removed stops nothing: the others go on.
Only heads of groups of equal terms are looked at: within such a group whoever is oldest is past its bounds first.
"""

from __future__ import annotations

import errno
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import PurePosixPath
from threading import Event
from typing import Final

from storage.ages import Boot, age
from storage.answers import SweepReport
from storage.catalog import facts, queries
from storage.catalog.database import Database
from storage.catalog.rows import SegmentRow, segment_by_id
from storage.catalog.runs import Life, Point, boots
from storage.clock import Clock
from storage.files.unlink import OtherName, sync, tidy, unlink
from storage.model import Bounds, GapCause, SegmentState
from storage.retention import Candidate, Decision, Reason, judge, plan
from storage.volumes.pool import Pool
from storage.volumes.volume import Volume

HEADS: Final = 32
"""Segments looked at of each group in a round: some rounds for a burst, one or two rows read when nothing is due."""
GOING_MAX: Final = 32
"""Segments destroyed in a round: what cannot be removed shows before more is condemned."""
ROUNDS_MAX: Final = 200
"""Rounds in one sweep; what is left then waits some seconds for the next. Keeps a sweep from lasting for hours."""
VAIN_MAX: Final = 32
"""After so many segments in a row whose removal freed nothing, no more are condemned for their space: it would take
the whole ring and still free nothing. Ceilings hold on."""
BROKEN_MAX: Final = 3
"""Files with an I/O error before a volume is left alone until the next sweep: one is a bad spot, several are a disk."""
TOLD_MAX: Final = 8
"""Files of a volume named as not removed, of perhaps thousands."""
UNUSED_DAYS: Final = 2
"""A day's directory is removed when empty and this old: no worker is about to make a file in it."""

Configured = Callable[[], Mapping[str, Bounds]]
"""Bounds of the cameras that are configured now; asked in the writer's thread too, so quick and thread-safe."""


@dataclass(slots=True)
class _Tally:
    """What a sweep has done on one volume so far."""

    volume: Volume
    destroyed: int = 0
    freed_bytes: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    untold: int = 0
    broken: int = 0
    foreign: int = 0

    @property
    def stuck(self) -> bool:
        """The volume does not let itself be written."""
        return self.broken >= BROKEN_MAX

    def fail(self, path: PurePosixPath, error: Exception) -> None:
        """One file, or directory, goes not."""
        if isinstance(error, OtherName):
            self.foreign += 1
        elif isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EIO):
            self.broken += BROKEN_MAX if error.errno == errno.EROFS else 1
        why = error.strerror if isinstance(error, OSError) else None
        if len(self.told) < TOLD_MAX:
            self.told.append(f"{self.volume.path / path}: {why or error}")
        else:
            self.untold += 1

    def failed(self) -> list[str]:
        more = f"{self.volume.path}: and {self.untold} more"
        return [*self.told, more] if self.untold else self.told


class Sweeper:
    """Destroys what must go or may go. Its owner lets one thread at a time use it."""

    def __init__(self, database: Database, life: Life, clock: Clock, pool: Pool, stop: Event) -> None:
        """`stop` makes every sweep end between two files."""
        self._database = database
        self._life = life
        self._clock = clock
        self._pool = pool
        self._stop = stop
        self._vain: Counter[str] = Counter()

    def sweep(self, configured: Configured) -> SweepReport:
        """Over each volume that is there: what is past its ceiling, and what space is needed of."""
        blocked: dict[str, GapCause | None] = {}
        headroom_bytes = sum(self._database.read(partial(queries.next_bytes, run=self._life.run)).values())
        tallies = [_Tally(volume) for volume in self._pool.present().values()]
        for tally in tallies:
            self._finish_garbage(tally)
            if self._turn(tally, configured, headroom_bytes) > 0:
                blocked[tally.volume.id] = self._hindrance(tally)
        if not self._stop.is_set():
            self._pool.block(blocked)
        return SweepReport(
            destroyed=sum(tally.destroyed for tally in tallies),
            freed_bytes=sum(tally.freed_bytes for tally in tallies),
            kept=dict(sum((tally.kept for tally in tallies), Counter())),
            blocked=tuple(sorted(blocked)),
            failed=tuple(words for tally in tallies for words in tally.failed()),
        )

    def finish_garbage(self) -> int:
        """Finish what an earlier sweep began, on the volumes that are there; how many segments that was."""
        tallies = [_Tally(volume) for volume in self._pool.present().values()]
        for tally in tallies:
            self._finish_garbage(tally)
        return sum(tally.destroyed for tally in tallies)

    def explain(self, row: SegmentRow, configured: Mapping[str, Bounds]) -> Decision:
        """What would become of this segment now, as long as nobody needs its space."""
        candidate = _candidate(row, self._database.read(boots), self._now())
        return judge(candidate, configured.get(row.camera))

    def _now(self) -> Point:
        return Point.of(self._life.boot, self._clock.now())

    def _finish_garbage(self, tally: _Tally) -> None:
        """Page by page: a file that cannot be removed is tried once, and hides none behind it."""
        after = 0
        while not tally.stuck and not self._stop.is_set():
            rows = self._database.read(partial(queries.garbage_rows, volume=tally.volume.id, after=after))
            if self._destroy(rows, tally):
                self._vain[tally.volume.id] = 0
            if len(rows) < queries.PAGE_MAX:
                return
            after = rows[-1].id

    def _turn(self, tally: _Tally, configured: Configured, headroom_bytes: int) -> int:
        """Free what is due on one volume; the bytes that are missing although nothing more goes."""
        volume = tally.volume
        ring_bytes = self._database.read(partial(queries.ring_of_volume, volume=volume.id))[1]
        need = self._pool.needed(volume, ring_bytes, headroom_bytes)
        heads = 1 if need <= 0 else HEADS
        for _ in range(ROUNDS_MAX):
            if tally.stuck or self._stop.is_set():
                break
            wanted = need if self._vain[volume.id] < VAIN_MAX else 0
            decisions = self._plan(volume, configured(), max(0, wanted), heads)
            going = [decision for decision in decisions if decision.destroy][:GOING_MAX]
            if not going:
                tally.kept.update(decision.reason.value for decision in decisions)
                break
            need -= self._carry_out(going, configured, tally)
            heads = HEADS
        else:
            return 0
        return max(0, need)

    def _carry_out(self, going: Sequence[Decision], configured: Configured, tally: _Tally) -> int:
        """Destroy these segments; the bytes that this freed."""
        doomed = self._database.submit(partial(self._discard, going=going, configured=configured)).result()
        gone = self._destroy(doomed, tally)
        for_space = {decision.candidate.id for decision in going if decision.reason is Reason.SPACE}
        vain = sum(row.id in for_space for row in doomed)
        self._vain[tally.volume.id] = 0 if gone else self._vain[tally.volume.id] + vain
        return sum(row.bytes for row in gone)

    def _hindrance(self, tally: _Tally) -> GapCause | None:
        """What keeps footage that may go from freeing space; None when it is only that the rest must be kept."""
        if not tally.stuck and self._vain[tally.volume.id] < VAIN_MAX:
            return None
        return GapCause.DISK_FULL if tally.foreign > 0 and not tally.stuck else GapCause.IO_ERROR

    def _plan(self, volume: Volume, configured: Mapping[str, Bounds], need: int, heads: int) -> list[Decision]:
        """Decisions on the oldest segments of each group, oldest first.

        Where space is needed, nobody newer is looked at than the last head of a group that has more which may go:
        those come first.
        """
        groups = self._database.read(partial(_heads, volume=volume.id, heads=heads))
        history, now = self._database.read(boots), self._now()
        found: list[tuple[Point, Candidate]] = []
        horizon: Point | None = None
        for rows in groups:
            candidates = [_candidate(row, history, now) for row in rows]
            found += zip((row.start for row in rows), candidates, strict=True)
            more = len(rows) == heads and judge(candidates[-1], configured.get(rows[-1].camera)).may_go
            if need > 0 and more and (horizon is None or rows[-1].start < horizon):
                horizon = rows[-1].start
        found.sort(key=lambda one: one[0])
        candidates = [candidate for start, candidate in found if horizon is None or start <= horizon]
        return plan(candidates, configured, {volume.id: need})

    def _discard(
        self, connection: sqlite3.Connection, going: Sequence[Decision], configured: Configured
    ) -> list[SegmentRow]:
        """The transaction in which segments become garbage: each is judged once more, by its row and bounds as they
        are now.
        """
        history, now, bounds = boots(connection), self._now(), configured()
        doomed = []
        for decision in going:
            row = segment_by_id(connection, decision.candidate.id)
            if row is None or row.state not in (SegmentState.COMMITTED, SegmentState.QUARANTINED):
                continue
            if judge(_candidate(row, history, now), bounds.get(row.camera)).may_go:
                facts.discard(connection, row)
                doomed.append(row)
        return doomed

    def _destroy(self, rows: Sequence[SegmentRow], tally: _Tally) -> list[SegmentRow]:
        """Garbage loses its names, then its rows; those that are gone. What fails stays garbage, and is said."""
        volume, unnamed = tally.volume, []
        for row in rows:
            if tally.stuck or self._stop.is_set():
                break
            try:
                with volume.held() as fd:
                    unlink(fd, row.relative)
                unnamed.append(row)
            except (OtherName, OSError) as error:
                tally.fail(row.relative, error)
        durable = set()
        for directory in {row.relative.parent for row in unnamed}:
            try:
                with volume.held() as fd:
                    sync(fd, directory)
                durable.add(directory)
            except OSError as error:
                tally.fail(directory, error)
        gone = [row for row in unnamed if row.relative.parent in durable]
        if gone:
            self._database.submit(partial(_forget, rows=gone)).result()
            tally.destroyed += len(gone)
            tally.freed_bytes += sum(row.bytes for row in gone)
            today = datetime.fromtimestamp(self._clock.now().wall_ms / 1000, UTC).date()
            with suppress(OSError), volume.held() as fd:  # gone meanwhile: there is a next time
                tidy(fd, durable, today - timedelta(days=UNUSED_DAYS))
        return gone


def _heads(connection: sqlite3.Connection, volume: str, heads: int) -> list[list[SegmentRow]]:
    groups = (queries.heads_of_group(connection, g, heads) for g in queries.groups_of_volume(connection, volume))
    return [rows for rows in groups if rows]


def _candidate(row: SegmentRow, history: Sequence[Boot], now: Point) -> Candidate:
    """A row as retention sees it: bounds and ages."""
    start, end = row.start, row.end
    return Candidate(
        id=row.id,
        camera=row.camera,
        seq=row.seq,
        volume=row.volume,
        bytes=row.bytes,
        stamped=row.bounds,
        start_age=age(history, start.boot, start.boottime_ms, now.boot, now.boottime_ms),
        end_age=age(history, end.boot, end.boottime_ms, now.boot, now.boottime_ms),
        pinned=row.pins > 0,
    )


def _forget(connection: sqlite3.Connection, rows: Sequence[SegmentRow]) -> None:
    for row in rows:
        facts.forget(connection, row)
