"""Carries out what `storage.retention.plan` decides: the ring turns. Blocking, in a thread of its own, in nobody's way.

Keeps S1, S2 and S3 by asking the same pure code twice, when planning and again in the transaction that makes a segment
garbage; S5 by the order of destroying: row to garbage, unlink, fsync of the directory, row gone and tombstone entered.
A crash in between leaves garbage rows, which the next sweep finishes. A file that cannot be removed stops nothing: the
others go on. First what is past its ceiling, then what space is needed of, then, where `on_full = "overwrite"` allows
it and nothing else may go, what is below its floor. Its facts yield to those of recording (L4).

Now and then, after a sweep, `Pruner` cuts the account of each camera's time where nobody needs it any more (S12).

Candidates are the segments of a volume by age, read page by page, oldest first. Within a group of equal terms whoever
began first is past its bounds first, so a sweep with nothing due reads one row of each group, and one that destroys
thousands reads each of them once. Only floors run from the end: what began long ago and ended late is passed by
(`Decision.lingers`).
"""

from __future__ import annotations

import errno
import heapq
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, islice
from pathlib import PurePosixPath
from threading import Event
from time import monotonic
from typing import Final

from storage.ages.history import DaemonRun, History, Point
from storage.database.writer import Database
from storage.exports import table as exports_table
from storage.files import OtherName, sync, tidy, unlink
from storage.pins import table as pins_table
from storage.retention import table as retention_table
from storage.retention.plan import Candidate, Decision, Policy, Reason, effective, judge, plan, still_due
from storage.retention.service import InForce, present
from storage.ring import table as ring_table
from storage.ring.table import Group
from storage.segments import findings_table, queries
from storage.segments.findings_table import FaultKind
from storage.segments.queries import SegmentRow, segments_by_id
from storage.volumes.service import VolumePool
from storage.volumes.volume import Volume
from storage.words.clock import Clock
from storage.words.errors import said_of
from storage.words.failpoints import Failpoint, reach
from storage.words.message import Message, message
from storage.words.model import Bounds, GapCause, SegmentState, SweepReport

FIRST_PAGE: Final = 8
PAGE_MAX: Final = 256
"""Rows read at once of a group: 8, then ever more, as it turns out that many go. A read of 256 takes some ms."""


def candidate(row: SegmentRow, ages: History, end: Point | None = None) -> Candidate:
    """A row as retention sees it: bounds and ages. `end` is that of one that is still being recorded."""
    end = row.end if end is None else end
    return Candidate(
        id=row.id,
        camera=row.camera,
        seq=row.seq,
        volume=row.volume,
        bytes=row.bytes,
        stamped=row.bounds,
        start_age=ages.age(row.start.boot, row.start.boottime_ms),
        end_age=ages.age(end.boot, end.boottime_ms),
        pinned=row.pins > 0,
    )


@dataclass(frozen=True, slots=True)
class SegmentDecision:
    """A segment and what retention says of it alone."""

    row: SegmentRow
    decision: Decision


class Candidates:
    """The segments of one volume that no pin holds, as of one instant."""

    def __init__(self, database: Database, volume: str, ages: History, configured: Mapping[str, Bounds]) -> None:
        self._read = database.read
        self._ages = ages
        self.configured = configured
        self._oldest = [
            (group, self._judged(row)) for group, row in database.read(partial(ring_table.oldest, volume=volume))
        ]

    @property
    def oldest(self) -> list[SegmentDecision]:
        """Of each group; nothing more is read."""
        return [head for _, head in self._oldest]

    def each(self, wanted: Callable[[Decision], bool]) -> Iterator[SegmentDecision]:
        """Group by group, of each the leading ones that are wanted."""
        return chain.from_iterable(self._leading(wanted))

    def merged(self, wanted: Callable[[Decision], bool]) -> Iterator[SegmentDecision]:
        """The same by age over all groups. Who stands behind one that is not wanted is younger, and not wanted, unless
        that one lingers.
        """
        return heapq.merge(*self._leading(wanted), key=lambda head: head.row.start)

    def _leading(self, wanted: Callable[[Decision], bool]) -> Iterable[Iterator[SegmentDecision]]:
        return [
            _while(wanted, self._group(group, head))
            for group, head in self._oldest
            if wanted(head.decision) or head.decision.lingers
        ]

    def _group(self, group: Group, head: SegmentDecision) -> Iterator[SegmentDecision]:
        yield head
        size, after = FIRST_PAGE, head.row
        while True:
            rows = self._read(partial(ring_table.page, group=group, after=after, limit=size))
            yield from map(self._judged, rows)
            if len(rows) < size:
                return
            after, size = rows[-1], min(2 * size, PAGE_MAX)

    def _judged(self, row: SegmentRow) -> SegmentDecision:
        return SegmentDecision(row, judge(candidate(row, self._ages), self.configured.get(row.camera)))


def _while(wanted: Callable[[Decision], bool], heads: Iterator[SegmentDecision]) -> Iterator[SegmentDecision]:
    for head in heads:
        if wanted(head.decision):
            yield head
        elif not head.decision.lingers:
            return


EVERY_MS: Final = 3_600_000
"""Running time between two looks: what is to be pruned is more than a year old."""
SLICE: Final = 32
"""Segments condemned in one transaction, and buried in one: some ms, for which a commit may have to wait (L4); and what
cannot be removed shows before more is condemned."""
SLICE_MAX: Final = 128
"""As long as all of a slice goes, and quickly, the next is twice as large, up to this: where 64 cameras go side by
side, each has a page of its own in each index, and a slice of 32 would write ten pages for each row."""
SLOW_S: Final = 0.02
"""A transaction that takes longer makes the next slice half as large: a commit may have to wait for one (L4)."""
SWEEP_MAX: Final = 51_200
"""Segments that go in one sweep of a volume; what is left then waits some seconds for the next. Keeps a sweep from
lasting for hours while other volumes wait."""
VAIN_MAX: Final = 32
"""After so many segments in a row whose removal freed nothing, no more are condemned for their space: it would take
the whole ring and still free nothing. Ceilings hold on."""
BROKEN_MAX: Final = 3
"""Files with an I/O error before a volume is left alone until the next sweep: one is a bad spot, several are a disk."""
TOLD_MAX: Final = 8
"""Files of a volume named as not removed, of perhaps thousands."""
UNUSED_DAYS: Final = 2
"""A day's directory is removed when empty and this old: no worker is about to make a file in it."""
Configured = Callable[[], Policy]
"""What is configured now; asked in the writer's thread too, so quick and thread-safe."""


@dataclass(slots=True)
class _Tally:
    """What a sweep has done on one volume so far."""

    volume: Volume
    destroyed: int = 0
    freed_bytes: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    told: list[Message] = field(default_factory=list)
    untold: int = 0
    broken: int = 0
    foreign: int = 0
    slice: int = field(default_factory=lambda: SLICE)
    """How many to condemn at once."""

    @property
    def stuck(self) -> bool:
        """The volume does not let itself be written, or is away."""
        return self.broken >= BROKEN_MAX

    def fail(self, path: PurePosixPath, error: Exception) -> None:
        """One file, or directory, goes not."""
        if isinstance(error, OtherName):
            self.foreign += 1
        elif isinstance(error, OSError) and error.errno in (errno.EIO, errno.EROFS, errno.ENODEV):
            self.broken += 1 if error.errno == errno.EIO else BROKEN_MAX
        if len(self.told) < TOLD_MAX:
            self.told.append(said_of(self.volume.path / path, error))
        else:
            self.untold += 1

    def failed(self) -> list[Message]:
        more = message("ring.more-failed", "{path}: and {count} more", path=str(self.volume.path), count=self.untold)
        return [*self.told, more] if self.untold else self.told


class Sweeper:
    """Destroys what must go or may go. Its owner lets one thread at a time use it."""

    def __init__(
        self,
        database: Database,
        life: DaemonRun,
        clock: Clock,
        pool: VolumePool,
        headroom: Callable[[Volume], int],
        ready: Callable[[Volume], bool],
        stop: Event,
    ) -> None:
        """`headroom` says how many bytes a volume should have to spare, `ready` whether its pins have been read
        (S2); `stop` ends a sweep between two files.
        """
        self._database = database
        self._life = life
        self._clock = clock
        self._pool = pool
        self._headroom = headroom
        self._ready = ready
        self._stop = stop
        self._vain: Counter[str] = Counter()
        self._pruner = Pruner(database, life, clock, stop)

    def sweep(self, configured: Configured) -> SweepReport:
        """Over each volume that is there: what is past its ceiling, and what space is needed of."""
        self._write_down(configured)
        blocked: dict[str, GapCause | None] = {}
        tallies = [_Tally(volume) for volume in self._pool.present().values() if self._ready(volume)]
        for tally in tallies:
            self._finish_garbage(tally)
            if self._turn(tally, configured, self._headroom(tally.volume)) > 0:
                blocked[tally.volume.id] = self._hindrance(tally)
        if not self._stop.is_set():
            self._pool.block(blocked)
            self._pruner.maintain(configured())
        return SweepReport(
            destroyed=sum(tally.destroyed for tally in tallies),
            freed_bytes=sum(tally.freed_bytes for tally in tallies),
            kept=dict(sum((tally.kept for tally in tallies), Counter())),
            blocked=tuple(sorted(blocked)),
            failed=tuple(words for tally in tallies for words in tally.failed()),
        )

    def rank(self, configured: Configured) -> None:
        """Tell the pool where the oldest footage lies that may go: of several full volumes that one has its turn."""
        volumes, policy = self._pool.present().values(), configured()
        if len(volumes) > 1:
            oldest = {volume.id: self._eldest_ms(volume, policy, may_go) for volume in volumes}
            if self._as_is(policy).overwriting.holds and not any(self._gives(volume, policy) for volume in volumes):
                oldest = {volume.id: self._eldest_ms(volume, policy, whatever) for volume in volumes}
            self._pool.rank(oldest)

    def _eldest_ms(self, volume: Volume, policy: Policy, wanted: Callable[[Decision], bool]) -> int | None:
        first = next(self._takable(self._heads(volume, policy), wanted), None)
        return None if first is None else first.decision.candidate.end_age.low_ms

    def _gives(self, volume: Volume, policy: Policy) -> bool:
        """There is footage past its floor that makes room for the next segments, and nothing keeps it from going."""
        if not self._pool.is_giving(volume) or self._vain[volume.id] >= VAIN_MAX or not self._ready(volume):
            return False
        return self._eldest_ms(volume, policy, may_go) is not None

    def finish_garbage(self) -> int:
        """Finish what an earlier sweep began, on the volumes that are there; how many segments that was."""
        tallies = [_Tally(volume) for volume in self._pool.present().values() if self._ready(volume)]
        for tally in tallies:
            self._finish_garbage(tally)
        return sum(tally.destroyed for tally in tallies)

    def _write_down(self, configured: Configured) -> None:
        """What was changed counts from now on: what shortens a floor or a ceiling also while we were away."""
        policy = configured()

        def is_due(connection: sqlite3.Connection) -> bool:
            as_is = self._present(connection, policy)
            return retention_table.is_due(connection, policy, as_is.now, as_is.low_age_ms)

        def fact(connection: sqlite3.Connection) -> None:
            as_is = self._present(connection, policy)
            retention_table.write_down(connection, policy, as_is.now, as_is.low_age_ms)

        if self._database.read(is_due):
            self._database.submit(fact).result()

    def _finish_garbage(self, tally: _Tally) -> None:
        """Page by page: a file that cannot be removed is tried once, and hides none behind it."""
        after = 0
        while not tally.stuck and not self._stop.is_set():
            rows = self._database.read(partial(queries.garbage_rows, volume=tally.volume.id, after=after, limit=SLICE))
            if self._destroy(rows, tally, fresh=False):
                self._vain[tally.volume.id] = 0
            if len(rows) < SLICE:
                return
            after = rows[-1].id

    def _turn(self, tally: _Tally, configured: Configured, headroom_bytes: int) -> int:
        """Free what is due on one volume; the bytes that are missing although nothing more goes."""
        volume, policy = tally.volume, configured()
        heads = self._heads(volume, policy)
        tally.kept.update(head.decision.reason.value for head in heads.oldest if not head.decision.destroy)
        for overdue in slices(heads.each(lambda decision: decision.destroy), tally):
            if self._is_over(tally):
                break
            self._carry_out([head.decision for head in overdue], configured, tally)
        ring_bytes = self._database.read(partial(queries.ring_of_volume, volume=volume.id))[1]
        need = self._pool.needed(volume, ring_bytes, headroom_bytes)
        if need > 0 and not self._is_over(tally):
            need -= self._free(need, configured, tally, overwrite=False)
        if need > 0 and not self._is_over(tally) and self._overwrites(volume, policy):
            need -= self._free(need, configured, tally, overwrite=True)
        return 0 if tally.destroyed >= SWEEP_MAX else max(0, need)

    def _overwrites(self, volume: Volume, policy: Policy) -> bool:
        """No floor is broken here while footage on another volume may go: that has its turn next."""
        if not self._as_is(policy).overwriting.holds:
            return False
        return not any(self._gives(other, policy) for other in self._pool.present().values() if other is not volume)

    def _free(self, need: int, configured: Configured, tally: _Tally, *, overwrite: bool) -> int:
        """Destroy the oldest that may go, or of all, as far as it is needed; the bytes that this freed."""
        volume, freed = tally.volume, 0
        heads = self._heads(volume, configured())
        for some in slices(self._takable(heads, whatever if overwrite else may_go), tally):
            if freed >= need or self._is_over(tally) or self._vain[volume.id] >= VAIN_MAX:
                break
            candidates = [head.decision.candidate for head in some]
            decisions = plan(candidates, heads.configured, {volume.id: need - freed}, overwrite=overwrite)
            freed += self._carry_out([decision for decision in decisions if decision.destroy], configured, tally)
        return freed

    def _takable(self, heads: Candidates, wanted: Callable[[Decision], bool]) -> Iterator[SegmentDecision]:
        """Whose space may be taken: what is being copied is passed by, as long as its ceiling is not reached."""
        copied = self._database.read(exports_table.covering)
        return (head for head in heads.merged(wanted) if head.decision.destroy or not copied.protects(head.row))

    def _is_over(self, tally: _Tally) -> bool:
        return tally.stuck or self._stop.is_set() or tally.destroyed >= SWEEP_MAX

    def _carry_out(self, going: Sequence[Decision], configured: Configured, tally: _Tally) -> int:
        """Destroy these segments; the bytes that this freed."""
        condemn = partial(self._condemn, going=going, configured=configured)
        begin = monotonic()
        doomed = self._database.submit(condemn, yielding=True).result()
        quick = monotonic() - begin < SLOW_S
        reach(Failpoint.DESTROY_CONDEMNED)
        gone = self._destroy(doomed, tally, fresh=True)
        for_ceiling = {decision.candidate.id for decision in going if decision.reason is Reason.CEILING}
        vain = sum(row.id not in for_ceiling for row in doomed)
        self._vain[tally.volume.id] = 0 if gone else self._vain[tally.volume.id] + vain
        next_slice = min(2 * tally.slice, SLICE_MAX) if quick else max(tally.slice // 2, SLICE)
        tally.slice = next_slice if len(gone) == len(going) else SLICE
        return sum(row.bytes for row in gone)

    def _hindrance(self, tally: _Tally) -> GapCause | None:
        """What keeps footage that may go from freeing space; None when it is only that the rest must be kept."""
        if not tally.stuck and self._vain[tally.volume.id] < VAIN_MAX:
            return None
        return GapCause.DISK_FULL if tally.foreign > 0 and not tally.stuck else GapCause.IO_ERROR

    def _heads(self, volume: Volume, policy: Policy) -> Candidates:
        """As of now. While they are used they only grow older, and the transaction that condemns looks again."""
        as_is = self._as_is(policy)
        return Candidates(self._database, volume.id, as_is.ages, as_is.bounds)

    def _as_is(self, policy: Policy) -> InForce:
        return self._database.read(partial(self._present, policy=policy))

    def _present(self, connection: sqlite3.Connection, policy: Policy) -> InForce:
        return present(connection, self._life.boot, self._clock, policy)

    def _condemn(
        self, connection: sqlite3.Connection, going: Sequence[Decision], configured: Configured
    ) -> list[SegmentRow]:
        """The transaction in which segments become garbage: each is judged once more, by its row, its pins and the
        bounds as they are now.
        """
        policy = configured()
        as_is = self._present(connection, policy)
        bounds, covering, copied = as_is.bounds, pins_table.covering(connection), exports_table.covering(connection)
        doomed = []
        rows = segments_by_id(connection, [decision.candidate.id for decision in going])
        for decision in going:
            row = rows.get(decision.candidate.id)
            if row is None or row.state not in (SegmentState.COMMITTED, SegmentState.QUARANTINED):
                continue
            if covering.protects(row) or (decision.reason is not Reason.CEILING and copied.protects(row)):
                continue
            now, binding = candidate(row, as_is.ages), bounds.get(row.camera)
            if still_due(decision, now, binding, overwrite=as_is.overwriting.holds):
                age = now.start_age if decision.reason is Reason.CEILING else now.end_age
                stood = effective(row.bounds, binding)
                ring_table.condemn(connection, row, decision.reason.value, stood, age.low_ms)
                doomed.append(row)
        return doomed

    def _destroy(self, rows: Sequence[SegmentRow], tally: _Tally, *, fresh: bool) -> list[SegmentRow]:
        """Garbage loses its names, then its rows; those that are gone. What fails stays garbage, and is said.

        `fresh`: condemned just now, so a file that is not there vanished without us (S4), which is a finding.
        """
        volume, unnamed, vanished = tally.volume, list[tuple[SegmentRow, PurePosixPath]](), list[SegmentRow]()
        for row in rows:
            if tally.stuck or self._stop.is_set():
                break
            relative = row.relative
            try:
                with volume.held() as fd:
                    there = unlink(fd, relative)
                unnamed.append((row, relative.parent))
                if fresh and not there:
                    vanished.append(row)
                reach(Failpoint.DESTROY_UNLINKED)
            except (OtherName, OSError) as error:
                tally.fail(relative, error)
        durable = set()
        for directory in {directory for _, directory in unnamed}:
            try:
                with volume.held() as fd:
                    sync(fd, directory)
                durable.add(directory)
            except OSError as error:
                tally.fail(directory, error)
        if vanished:
            self._database.submit(partial(self._miss, rows=vanished), yielding=True).result()
        gone = [row for row, directory in unnamed if directory in durable]
        if gone:
            reach(Failpoint.DESTROY_SYNCED)
            self._database.submit(partial(self._bury, rows=gone), yielding=True).result()
            reach(Failpoint.DESTROY_DONE)
            tally.destroyed += len(gone)
            tally.freed_bytes += sum(row.bytes for row in gone)
            today = datetime.fromtimestamp(self._clock.now().wall_ms / 1000, UTC).date()
            with suppress(OSError), volume.held() as fd:  # gone meanwhile: there is a next time
                tidy(fd, durable, today - timedelta(days=UNUSED_DAYS))
        return gone

    def _miss(self, connection: sqlite3.Connection, rows: Sequence[SegmentRow]) -> None:
        now_ms = self._clock.now().wall_ms
        missing = (
            findings_table.FileFinding(0, row.volume, row.relative, FaultKind.MISSING, row.id, now_ms) for row in rows
        )
        findings_table.record_findings(connection, missing)

    def _bury(self, connection: sqlite3.Connection, rows: Sequence[SegmentRow]) -> None:
        as_is = self._present(connection, Policy())
        for row in rows:
            ring_table.delete_row(connection, row, as_is.now, as_is.ages)


def may_go(decision: Decision) -> bool:
    """Of these footage is taken where space is needed."""
    return decision.may_go


def whatever(_: Decision) -> bool:
    """Of these, where nothing else may go and floors give way."""
    return True


def slices(heads: Iterator[SegmentDecision], tally: _Tally) -> Iterator[list[SegmentDecision]]:
    """As large as the tally says at the time."""
    while some := list(islice(heads, tally.slice)):
        yield some


class Pruner:
    """Its owner lets one thread at a time use it."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock, stop: Event) -> None:
        self._database = database
        self._boot = life.boot
        self._clock = clock
        self._stop = stop
        self._looked_ms: int | None = None

    def maintain(self, policy: Policy) -> int:
        """Rows that went."""
        now_ms = self._clock.now().boottime_ms
        if self._looked_ms is not None and now_ms - self._looked_ms < EVERY_MS:
            return 0
        self._looked_ms, gone = now_ms, 0
        for camera, limit_ms in self._database.read(partial(self._due, policy=policy)).items():
            page = partial(self._prune, camera=camera, limit_ms=limit_ms)
            while not self._stop.is_set() and (some := self._database.submit(page, yielding=True).result()):
                gone += some
        return gone

    def _due(self, connection: sqlite3.Connection, policy: Policy) -> dict[int, int]:
        as_is = present(connection, self._boot, self._clock, policy)
        limits = ring_table.limits_ms(
            connection, {camera: bounds.ceiling_s for camera, bounds in policy.bounds.items()}
        )
        return {
            camera: limit_ms
            for camera, limit_ms in limits.items()
            if ring_table.is_due(connection, camera, limit_ms, as_is.low_age_ms)
        }

    def _prune(self, connection: sqlite3.Connection, camera: int, limit_ms: int) -> int:
        as_is = present(connection, self._boot, self._clock, Policy())
        return ring_table.prune(connection, camera, limit_ms, as_is.now, as_is.low_age_ms)
