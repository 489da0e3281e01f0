"""Carries out what `storage.retention` decides: the ring turns. Blocking, in a thread of its own, in nobody's way.

Keeps S1 and S3 by asking the same pure code twice, when planning and again in the transaction that makes a segment
garbage; S5 by the order of destroying: row to garbage, unlink, fsync of the directory, row gone. A crash in between
leaves garbage rows, which the next sweep finishes. Only heads of groups of equal terms are looked at: within such a
group whoever is oldest is past its bounds first.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from storage import catalog, queries
from storage.ages import Boot, age
from storage.answers import SweepReport
from storage.clock import Clock
from storage.database import Database
from storage.durable import fsync_directory
from storage.layout import PART_SUFFIX
from storage.model import Bounds, SegmentState
from storage.pool import Pool
from storage.retention import Candidate, Decision, judge, plan
from storage.rows import SegmentRow, segment_by_id
from storage.runs import Life, Point, boots
from storage.volume import Volume

HEADS: Final = 32
"""Segments looked at of each group in a round: some rounds for a burst, one or two rows read when nothing is due."""
ROUNDS_MAX: Final = 200
"""Rounds in one sweep; what is left then waits some seconds for the next. Keeps a sweep from lasting for hours."""
UNUSED_DAYS: Final = 2
"""A day's directory is removed when empty and this old: no worker is about to make a file in it."""


@dataclass(slots=True)
class _Tally:
    """What a sweep has done so far. `stuck` says that a volume does not let itself be written."""

    destroyed: int = 0
    freed_bytes: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    stuck: bool = False


class Sweeper:
    """Destroys what must go or may go. Its owner lets one thread at a time use it."""

    def __init__(self, database: Database, life: Life, clock: Clock, pool: Pool) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._pool = pool

    def sweep(self, configured: Mapping[str, Bounds]) -> SweepReport:
        """Over each volume that is there: what is past its ceiling, and what space is needed of."""
        tally = _Tally()
        blocked: set[str] = set()
        headroom_bytes = sum(self._database.read(partial(queries.next_bytes, run=self._life.run)).values())
        for volume in self._pool.present().values():
            tally.stuck = False
            self._finish_garbage(volume, tally)
            if self._turn(volume, configured, headroom_bytes, tally) > 0:
                blocked.add(volume.id)
        self._pool.block(frozenset(blocked))
        return SweepReport(
            destroyed=tally.destroyed,
            freed_bytes=tally.freed_bytes,
            kept=dict(tally.kept),
            blocked=tuple(sorted(blocked)),
            failed=tuple(tally.failed),
        )

    def finish_garbage(self) -> int:
        """Finish what an earlier sweep began, on the volumes that are there; how many segments that was."""
        tally = _Tally()
        for volume in self._pool.present().values():
            self._finish_garbage(volume, tally)
        return tally.destroyed

    def explain(self, row: SegmentRow, configured: Mapping[str, Bounds]) -> Decision:
        """What would become of this segment now, as long as nobody needs its space."""
        candidate = _candidate(row, self._database.read(boots), self._now())
        return judge(candidate, configured.get(row.camera))

    def _now(self) -> Point:
        return Point.of(self._life.boot, self._clock.now())

    def _finish_garbage(self, volume: Volume, tally: _Tally) -> None:
        rows = self._database.read(partial(queries.garbage_rows, volume=volume.id))
        self._destroy(volume, rows, tally)

    def _turn(self, volume: Volume, configured: Mapping[str, Bounds], headroom_bytes: int, tally: _Tally) -> int:
        """Free what is due on one volume; the bytes that are missing although nothing more may go."""
        ring_bytes = self._database.read(partial(queries.ring_of_volume, volume=volume.id))[1]
        need = self._pool.needed(volume, ring_bytes, headroom_bytes)
        heads = 1 if need <= 0 else HEADS
        for _ in range(ROUNDS_MAX):
            if tally.stuck:
                return 0
            decisions = self._plan(volume, configured, max(0, need), heads)
            going = [decision for decision in decisions if decision.destroy]
            if not going:
                tally.kept.update(decision.reason.value for decision in decisions)
                return max(0, need)
            doomed = self._database.submit(partial(self._discard, going=going, configured=configured)).result()
            before = tally.freed_bytes
            self._destroy(volume, doomed, tally)
            need -= tally.freed_bytes - before
            heads = HEADS
        return 0

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
        self, connection: sqlite3.Connection, going: Sequence[Decision], configured: Mapping[str, Bounds]
    ) -> list[SegmentRow]:
        """The transaction in which segments become garbage: each is judged once more, by its row as it is now."""
        history, now = boots(connection), self._now()
        doomed = []
        for decision in going:
            row = segment_by_id(connection, decision.candidate.id)
            if row is None or row.state not in (SegmentState.COMMITTED, SegmentState.QUARANTINED):
                continue
            if judge(_candidate(row, history, now), configured.get(row.camera)).may_go:
                catalog.discard(connection, row)
                doomed.append(row)
        return doomed

    def _destroy(self, volume: Volume, rows: Sequence[SegmentRow], tally: _Tally) -> None:
        """Garbage loses its names, then its rows. What fails stays garbage and is said."""
        gone: list[SegmentRow] = []
        for row in rows:
            try:
                _unlink(volume.path / row.relative)
                gone.append(row)
            except _OtherNameError as error:
                tally.failed.append(str(error))
            except OSError as error:
                tally.failed.append(f"{row.path}: {error.strerror or error}")
                tally.stuck = True
        if not gone:
            return
        directories = {(volume.path / row.relative).parent for row in gone}
        try:
            for directory in directories:
                with suppress(FileNotFoundError):
                    fsync_directory(directory)
        except OSError as error:
            tally.failed.append(f"{volume.path}: {error.strerror or error}")
            tally.stuck = True
            return
        self._database.submit(partial(_forget, rows=gone)).result()
        tally.destroyed += len(gone)
        tally.freed_bytes += sum(row.bytes for row in gone)
        self._tidy(directories)

    def _tidy(self, directories: Iterable[Path]) -> None:
        """Remove days that are empty and over."""
        today = datetime.fromtimestamp(self._clock.now().wall_ms / 1000, UTC).date()
        for directory in directories:
            if directory.name < str(today - timedelta(days=UNUSED_DAYS)):
                with suppress(OSError):  # not empty, or gone: either is fine
                    directory.rmdir()


class _OtherNameError(Exception):
    """The file has a name that nobody here gave it: removing ours would not destroy it."""


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
    )


def _forget(connection: sqlite3.Connection, rows: Sequence[SegmentRow]) -> None:
    for row in rows:
        catalog.forget(connection, row)


def _unlink(path: Path) -> None:
    """Remove every name of a segment; that it has none left is asked of the file itself."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if os.fstat(fd).st_nlink > 1:
            _unlink_part(fd, path)
        if os.fstat(fd).st_nlink > 1:
            raise _OtherNameError(f"{path} has another name, from outside edged: find it by its inode and remove it")
        path.unlink()
        if os.fstat(fd).st_nlink > 0:
            raise _OtherNameError(f"{path} was given another name while it was removed")
    finally:
        os.close(fd)


def _unlink_part(fd: int, path: Path) -> None:
    """A commit that was cut off between link and unlink left a second name."""
    part = path.with_name(path.name + PART_SUFFIX)
    with suppress(FileNotFoundError):
        if part.stat(follow_symlinks=False).st_ino == os.fstat(fd).st_ino:
            part.unlink()
