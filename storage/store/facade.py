"""The facade: what the daemon asks of storage. Blocking and thread-safe; nothing here knows asyncio.

Facts are handed to the one writer and answered with a `concurrent.futures.Future` that resolves after COMMIT. Reads
run on a short read-only connection in the caller's thread. `recover` and `sweep` do their file work in the caller's
thread too, `salvage` in one of its own, so that recording never waits for them. Keeps S1, S3, S4, S5, S9 and S10
together with its neighbours.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from sqlite3 import Connection
from typing import Final, Self, TypeVar

from storage.ages import table as ages_table
from storage.ages.history import Point
from storage.ages.service import Boots
from storage.approvals.service import Acts, Journal
from storage.audit.trees import mirror_faults
from storage.database.writer import Database, RememberedRows
from storage.exports.service import Exports
from storage.integrity.compare import Fault
from storage.integrity.service import Checks
from storage.office.office_store import OfficeStore
from storage.outbox.table import Outbox
from storage.pins import table as pins_table
from storage.pins.files import StoreView
from storage.pins.service import Pins
from storage.recovery import replay_table
from storage.recovery.salvage import Salvager, UnfinishedSegments
from storage.recovery.service import LedgerService
from storage.register.service import Compliance
from storage.retention.service import RetentionApprovals
from storage.ring import table as ring_table
from storage.ring.admission import AdmissionService
from storage.ring.ballast import Ballast
from storage.ring.forecast import SegmentSizes
from storage.ring.service import Ring
from storage.ring.sweep import Configured, Sweeper
from storage.ring.volume_operations import VolumeOperations
from storage.segments import coverage_queries, gaps_table, queries, true_time_table
from storage.segments import table as segments_table
from storage.segments.queries import camera_row, segment_by_seq
from storage.store import opening
from storage.tickets import faults_table, maintenance_table
from storage.tickets.alarms_table import Alarms
from storage.tickets.commands_table import Commands
from storage.tickets.faults import Faults
from storage.tickets.maintenance_table import Maintenances
from storage.volumes import table as volumes_table
from storage.volumes.volume import VolumeSpec
from storage.words.clock import Clock, read
from storage.words.errors import StoreClosed
from storage.words.failpoints import Failpoint, reach_after
from storage.words.message import message
from storage.words.model import (
    CameraUsage,
    Closing,
    Coverage,
    Gap,
    GapCause,
    Moment,
    Opening,
    PastItems,
    RecoveryReport,
    Salvaged,
    Segment,
    SegmentState,
    SweepReport,
    Tail,
    VolumeStatus,
)

T = TypeVar("T")

ENDED_TOLD: Final = 64
"""Pins that ended lately, and faults that were closed: of one that was while the link was down the centre was not told,
if edged stopped then."""
SALVAGES_MAX: Final = 4
"""Salvages at a time. They read files, and recording needs the disks more; but one that hangs must not hold up all."""


class CameraTimes:
    """Questions about cameras' time at one moment; use `Store.at_one_moment`."""

    def __init__(self, connection: Connection, now: Point, known: coverage_queries.Spans) -> None:
        self._connection = connection
        self._now = now
        self._known = known

    def coverage(self, camera: str, start_ms: int, end_ms: int) -> Coverage:
        """As `Store.coverage`."""
        return coverage_queries.of(self._ask, camera, start_ms, end_ms, self._now, self._known)

    def gaps(self, camera: str, start_ms: int, end_ms: int) -> list[Gap]:
        """As `Store.gaps`, the first page."""
        return queries.gaps(self._connection, camera, start_ms, end_ms, None, queries.PAGE_MAX)

    def begun_at(self, camera: str, moment: Moment) -> Segment | None:
        """The committed segment that begins then, by true time."""
        touching = queries.segments(
            self._connection, camera, moment.wall_ms, moment.wall_ms + 1, None, queries.PAGE_MAX
        )
        return next((segment for segment in touching if segment.true_start == moment), None)

    def recorded_ms(self, camera: str, start_ms: int, end_ms: int) -> int:
        """How much of an interval of wall time is recorded."""
        length_ms = max(0, end_ms - start_ms)
        return length_ms - ring_table.gaps_ms(self._connection, camera, start_ms, start_ms + length_ms)

    def _ask(self, query: Callable[[Connection], T]) -> T:
        return query(self._connection)


class Store:
    """One state directory and its volumes, held by one daemon."""

    def __init__(self, held: opening.OpenState, clock: Clock) -> None:
        """Use `open`."""
        self._held = held
        self._clock = clock
        self._database: Database = held.database
        self._life = held.life
        self._pool = held.pool
        self._epoch = held.life.epoch
        self._stop = threading.Event()
        self.acts: Final = Acts(held.database, held.life, clock)
        self.journal: Final = Journal(held.database, clock)
        self.outbox: Final = Outbox(held.database, clock)
        self.alarms: Final = Alarms(held.database, clock, held.life)
        self.commands: Final = Commands(held.database, held.life, clock)
        self.faults: Final = Faults(held.database, held.life, clock)
        self.maintenance: Final = Maintenances(held.database, held.life, clock)
        self.ballast: Final[Ballast] = held.ballast
        self.agreement: Final = RetentionApprovals(held.database, held.life, clock)
        self._salvager = Salvager(held.database, held.life, clock, self._stop)
        self._books = LedgerService(
            held.database,
            held.life,
            clock,
            held.node,
            held.keyring,
            held.pool,
            self._salvager,
            self._found,
            self._stop,
        )
        self._pacer = SegmentSizes(held.database, clock)
        self._door = AdmissionService(held.database, held.life, clock, held.pool, held.ballast)
        box = StoreView(self._books.known, held.pool.present, self.volumes, self.usage)
        self._pins = Pins(held.database, held.life, clock, box, held.keyring)
        self._checks = Checks(
            held.database, held.life, clock, self._books.known, self._adopt, self._pins, (mirror_faults,), self._stop
        )
        self.boots: Final = Boots(held.database, clock)
        self._disks = VolumeOperations(
            held.database, held.pool, held.life, clock, self._books.settle, self._books.mirror_now
        )
        ready = self._books.gate(self._pins.ready)
        self._sweeper = Sweeper(held.database, held.life, clock, held.pool, self._door.headroom, ready, self._stop)
        self.exports: Final = Exports(
            held.database,
            held.life,
            clock,
            held.pool,
            self._books.register,
            self._books.head_signer,
            self._books.sign_now,
        )
        self._unfinished = UnfinishedSegments(held.database, held.life, clock, self._salvager)
        self.office: Final = OfficeStore(held.database, held.life, clock, held.state, held.pool.present)
        self.compliance: Final = Compliance(held.database, held.life, clock, self._books.register, self._books.waiting)
        self._ring_desk = Ring(held.database, held.life, clock, held.pool)
        self._written = held.database.follow("segments", "camera")
        self._days, self._rates = coverage_queries.RememberedDays(), RememberedRows[float | None]()
        self._recovering, self._sweeping = threading.Lock(), threading.Lock()
        self._salvages = ThreadPoolExecutor(SALVAGES_MAX, "salvage")
        self._closing = False
        self._books.start()

    @classmethod
    def open(
        cls, *, state: Path, node: str, volumes: Sequence[VolumeSpec], clock: Clock, credential: Path | None = None
    ) -> Self:
        """Lock `state`, open the database and the volumes, as `opening.hold`. Quick whatever is stored.

        Raises StateLocked, StateUnusable, DatabaseDamaged, WriteFailed, or VolumeRefused when no volume at all can be
        used; a refused volume beside others is only away, see `volumes()`.
        """
        held = opening.hold(state, node, volumes, clock, credential)
        try:
            return cls(held, clock)
        except BaseException:
            held.release()
            raise

    @property
    def run(self) -> int:
        """Number of this daemon run; each start counts it up."""
        return self._life.run

    @property
    def boot(self) -> int:
        """Number of this boot as the database counts them."""
        return self._life.boot

    @property
    def epoch(self) -> int:
        """The clock epoch now: steps of the wall clock over 0.5 s and boots count it up."""
        return self._epoch

    @property
    def previous_end(self) -> GapCause | None:
        """How the last run that recorded ended: DAEMON_STOPPED, DAEMON_CRASH, POWER_LOSS; None before the first."""
        return self._life.previous_end

    @property
    def volume_operations(self) -> VolumeOperations:
        """What people do with volumes."""
        return self._disks

    @property
    def checks(self) -> Checks:
        """Whether files are what the catalog says: fsck, tamper watch, findings."""
        return self._checks

    @property
    def pins(self) -> Pins:
        """證據保存: what is kept out of the ring."""
        return self._pins

    @property
    def ledger(self) -> LedgerService:
        """The ledger's mirror on the volumes, and the database made anew from it."""
        return self._books

    def enrol(self, camera: str, at: Moment) -> Future[Tail]:
        """The camera is to be recorded from now on; its time is accounted for from `at`.

        New: a gap STARTING begins at `at`. Known from an earlier run: what is unaccounted for becomes a gap of cause
        `previous_end` up to the start of this run, then STARTING. Known in this run: its state continues.
        """
        return self._submit(partial(segments_table.enrol, life=self._life, camera=camera, at=at))

    def tail(self, camera: str) -> Tail:
        """Where the camera's chain ends now; blocking. UnknownCamera if it was never enrolled."""
        return self._database.read(partial(segments_table.tail, camera=camera))

    def open_segment(self, opened: Opening) -> Future[None]:
        """The `open` row, before the file exists. Ends the camera's open gap where the segment starts.

        What lies between the last thing known and the start becomes a gap UNKNOWN.
        """
        return reach_after(
            Failpoint.COMMIT_ROW, self._submit(partial(segments_table.open_segment, life=self._life, opening=opened))
        )

    def commit_segment(self, closing: Closing) -> Future[Segment]:
        """The file lies complete and synced under its final name. Told twice, it is committed once."""
        return self._pins.committing(closing, partial(self._commit, closing))

    def begin_gap(self, camera: str, at: Moment | None, cause: GapCause, detail: str) -> Future[None]:
        """From `at` the camera is not recording, never earlier than what is recorded; None: from the end of that.

        The cause of the open gap again: nothing happens. Another cause: that gap ends and this one begins at `at`
        (None: now).
        """
        now = self._point(self._clock.now())
        start = None if at is None else self._point(at)

        def fact(connection: Connection) -> None:
            gaps_table.begin(connection, camera_row(connection, camera), start, now, cause, detail)

        return self._submit(fact)

    def note_hole(self, camera: str, start: Moment, end: Moment, cause: GapCause, detail: str) -> Future[None]:
        """Within what is recorded nothing came between `start` and `end`: a gap, although a segment spans it."""
        first, last = self._point(start), self._point(end)

        def fact(connection: Connection) -> None:
            gaps_table.note_pause(connection, camera_row(connection, camera), first, last, cause, detail)

        return self._submit(fact)

    def salvage(self, camera: str, cause: GapCause, detail: str, *, seq: int) -> Future[Salvaged]:
        """A worker died, or gave a segment up: adopt what it left of it, as far as nobody holds its lock.

        The gap that follows moves to the adopted end; a hole before a following segment becomes a gap of `cause`. A
        segment that was opened and has no file is taken for lost, so its worker must not be about to make one. A
        segment that is not open any more is no trouble: nothing is done, nothing is left.
        """
        try:
            return self._salvages.submit(self._salvage, camera, seq, cause, detail)
        except RuntimeError:
            refused: Future[Salvaged] = Future()
            refused.set_exception(
                StoreClosed(
                    message("database.store-closing", "the store is closing"),
                    message("database.store-closing.action", "what is left is adopted at the next start"),
                )
            )
            return refused

    def recover(self) -> RecoveryReport:
        """Finish what earlier runs left open: garbage, `.part` files, renamed files without a committed row.

        Blocking, idempotent; run it in a thread behind running recording.
        """
        with self._sweeping:
            garbage = self._sweeper.finish_garbage()
        with self._recovering:
            volumes = self._pool.present()
            left_open = self._database.read(partial(queries.open_rows, before_run=self.run))
            outcome = self._salvager.rows(left_open, volumes, self.previous_end or GapCause.UNKNOWN, "")
            orphans = self._salvager.orphans(self._books.known())  # of others the leaves are read first
        return outcome.report(orphans, garbage)

    def sweep(self, configured: Configured) -> SweepReport:
        """Destroy what is past its ceiling, and what is past its floor where space is needed. Blocking, own thread.

        `configured` is asked again in each transaction that condemns, so that a floor that was raised holds at once.
        """
        with self._sweeping:
            self._disks.refresh()
            self._sweeper.rank(configured)
            self._door.choose()
            report = self._sweeper.sweep(configured)
            with self._recovering:
                self._unfinished.maintain(self._pool.present())
            self._disks.forget_overdue(configured())
            self._pins.maintain(lambda: self._ring_desk.view(configured()).bounds)
            self.exports.maintain()
            self.office.maintain()
            self.ballast.maintain()
            return report

    @property
    def ring(self) -> Ring:
        """Why a segment stays or goes and when; ceilings that wait, floors that were broken."""
        return self._ring_desk

    def interrupt(self) -> None:
        """The daemon is stopping: from now on `recover`, `sweep` and salvages end between two files or blocks.

        What they did not come to is worked off at the next start.
        """
        self._stop.set()

    @property
    def admission(self) -> AdmissionService:
        """Who begins another segment, and where."""
        return self._door

    @property
    def segment_sizes(self) -> SegmentSizes:
        """What a forecast rests on."""
        return self._pacer

    def choose_volume(self) -> VolumeStatus | GapCause:
        """Where the next segments go, or why they can go nowhere.

        FLOOR_PROTECT where a volume is there and what it keeps may not go; DISK_FULL where others took the space;
        IO_ERROR where files cannot be removed or no volume is there. Where volumes differ, the first of these.
        """
        return self._door.choose()

    def volumes(self) -> list[VolumeStatus]:
        """All configured volumes, those that are away included."""
        return self._door.statuses()

    def past(self) -> PastItems:
        """Whose retained messages at the centre are to be emptied, unless it is there. Cheap."""

        def read(connection: sqlite3.Connection) -> PastItems:
            met = tuple(one.id for one in volumes_table.known(connection))
            ended = tuple(pins_table.ended_ids(connection, ENDED_TOLD))
            closed = tuple(faults_table.closed_ids(connection, ENDED_TOLD))
            return PastItems(met, ended, closed, maintenance_table.is_known(connection))

        return self._database.read(read)

    def heartbeat(self) -> Future[None]:
        """This boot and this run lived until now; every 10 s. Resolving proves that the writer lives."""
        return self._submit(
            partial(
                true_time_table.heartbeat,
                life=self._life,
                reading=read(self._clock),
                before=pins_table.hold_covered,
                corrected=pins_table.hold_again,
            )
        )

    def clock_stepped(self, at: Moment, synced: bool) -> Future[int]:
        """The wall clock was stepped over 0.5 s: a new epoch begins; answers its number."""

        def remember(done: Future[int]) -> None:
            if done.exception() is None:
                self._epoch = max(self._epoch, done.result())

        future = self._submit(partial(ages_table.begin_epoch, boot=self.boot, at=at, synced=synced))
        future.add_done_callback(remember)
        return future

    def segments(
        self,
        camera: str | None,
        start_ms: int | None,
        end_ms: int | None,
        *,
        after: Segment | None = None,
        limit: int = queries.PAGE_MAX,
    ) -> list[Segment]:
        """Committed segments that touch the interval of wall time, by camera and start; at most 1000 a page.

        `after` is the last segment of the page before.
        """
        return self._database.read(lambda db: queries.segments(db, camera, start_ms, end_ms, after, limit))

    def gaps(
        self,
        camera: str | None,
        start_ms: int | None,
        end_ms: int | None,
        *,
        after: Gap | None = None,
        limit: int = queries.PAGE_MAX,
    ) -> list[Gap]:
        """Gaps that touch the interval of wall time, by camera and start; at most 1000 a page."""
        return self._database.read(lambda db: queries.gaps(db, camera, start_ms, end_ms, after, limit))

    def coverage(self, camera: str, start_ms: int, end_ms: int) -> Coverage:
        """What of the interval of wall time is recorded, explained, unexplained; from the catalog alone."""
        return coverage_queries.of(self._database.read, camera, start_ms, end_ms, self._point(self._clock.now()))

    def at_one_moment(self, look: Callable[[CameraTimes], T]) -> T:
        """What `look` makes of several questions about a camera's time, put to the database in one read: that is three
        times as cheap as one read for each. Keep it to one camera.
        """
        now, counts = self._point(self._clock.now()), self._written.counts()
        return self._database.read(lambda db: look(CameraTimes(db, now, partial(self._days.touching, db, counts))))

    def usage(self, floors_s: Mapping[str, int] | None = None) -> list[CameraUsage]:
        """Each camera that was ever enrolled, configured or not, with footage or without. From counters, cheap."""
        now, lead_us = self._point(self._clock.now()), self._clock.lead_us()
        counts = self._written.counts()

        def rate(db: Connection, camera: int) -> float | None:
            return self._rates.get(counts, camera, lambda: queries.bytes_per_day(db, camera))

        return self._database.read(partial(queries.usage, now=now, lead_us=lead_us, floors_s=floors_s, rate=rate))

    def close(self, clean: bool = True) -> None:
        """End this run and let go of everything. `clean` says that recording was ended in order before."""
        if self._closing:
            return
        self._closing = True
        self.interrupt()
        self._pins.close()
        self.office.close()
        self._salvages.shutdown()  # those that wait come to nothing at once
        try:
            if clean:
                self._submit(partial(ages_table.end_run, life=self._life, reading=read(self._clock))).result(
                    opening.PATIENCE_S
                )
            self._books.stop(last_round=clean)
        finally:
            self._held.release()

    def _found(self, faults: Sequence[Fault]) -> int:
        return self._checks.enter(faults)

    def _commit(self, closing: Closing, linked: Sequence[int]) -> Future[Segment]:
        fact = partial(segments_table.commit_segment, closing=closing, protect=partial(pins_table.match, linked=linked))
        return reach_after(Failpoint.COMMIT_DONE, self._submit(fact))

    def _submit(self, fact: Callable[[Connection], T]) -> Future[T]:
        return self._database.submit(fact)

    def _point(self, moment: Moment) -> Point:
        return Point.of(self.boot, moment)

    def _salvage(self, camera: str, seq: int, cause: GapCause, detail: str) -> Salvaged:
        row = self._database.read(lambda db: segment_by_seq(db, camera, seq))
        if row is None or row.state is not SegmentState.OPEN or row.run != self.run:
            return Salvaged((), ())
        outcome = self._salvager.rows([row], self._pool.present(), cause, detail)
        return Salvaged(tuple(outcome.adopted), tuple(outcome.left))

    def _adopt(self, volume: str, day: PurePosixPath) -> None:
        """What was put into a directory of one day by nobody knows whom is governed from now on."""
        with self._recovering:
            self._submit(partial(replay_table.camera_number, camera=day.parts[0], since=self._life.start)).result()
            self._salvager.orphans_in(volume, day, self._pool.present())
