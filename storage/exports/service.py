"""複製: the one place where exports begin and end, and where what they consist of is told. Blocking and thread-safe.

A viewing copy is an export that leaves nowhere: it is laid out at this box (`finish`), and destroyed there
(`end_viewing`). As long as nobody has said so, it counts among the `viewed`.

Nothing may be disclosed before `begin` has answered: then its leaf is on record, and what it consists of is held
against space (S3 goes through) for at most LASTS_MS of running time. What is copied is read through `opened`; making
films and lists of it is for `edged.evidence.export_job`.

`cite` and `heads`: leaves with what proves them, the way from each to the head of its generation, and the heads. A
generation before the present one is vouched for as far as the first leaf of the following one names it
(`storage.exports.table.vouched`); its own signed head is added where it is that very one.

What there is of an interval is told before anything of it is copied: for the plan that people see, page by page.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from sqlite3 import Connection
from typing import Any, BinaryIO, Final

from storage.ages.history import DaemonRun, History, Point
from storage.ages.table import history
from storage.approvals.service import short_id
from storage.database.writer import Database
from storage.exports import table as exports_table
from storage.exports.model import (
    CameraAccount,
    CameraContents,
    Claim,
    Clocks,
    Contents,
    Export,
    ExportAccount,
    ExportOrder,
    ExportState,
    Recorded,
    breaks,
    destroyed,
    missing,
    recorded,
    unaccounted,
)
from storage.files import inside, open_file
from storage.ledger import table as ledger_table
from storage.ledger import tree
from storage.ledger.signer import HeadSigner, Signer
from storage.ledger.table import Generation, LeafEntry
from storage.ledger.tree import Hash
from storage.pins import table as pins_table
from storage.pins.rules import Ground, Interval, PinOrder
from storage.register.service import Asked, Register
from storage.retention.destruction import Destruction
from storage.retention.plan import effective
from storage.segments.coverage_queries import ReadQuery
from storage.segments.queries import GapRow, SegmentRow, camera_row
from storage.volumes.service import VolumePool
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, OrderWrong, RetryError, UnknownCamera, UnknownId
from storage.words.failpoints import Failpoint, reach
from storage.words.message import Message, message
from storage.words.model import Bounds

SEGMENTS_MAX: Final = 4096
"""Of one export: a day of 14 cameras, or two weeks of one, at 5 minutes. The lists of their fragments take 90 MB on the
disk of the state directory while it is prepared; whoever needs more makes several."""
SOON_MS: Final = 24 * 3_600_000
"""What reaches its ceiling within so long may be gone before it is copied."""
LISTED_AT_ONCE: Final = 512
"""Rows whose leaves are asked for at once."""


@dataclass(frozen=True, slots=True)
class Maker:
    """By whom an export was made, and why: what stands behind the commitments of leaves, as far as it is known yet."""

    who: str
    """An account, in words; ""."""
    why: str = ""
    companion: int | None = None
    """Of a look: a person of the office."""


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

    def plan(self, order: ExportOrder, bounds: Mapping[str, Bounds]) -> ExportPlan:
        """`bounds` in force. OrderWrong, OrderRefused, NotYet."""
        now = self.now()
        order, cut_by = self.read(partial(_complete, order=order, now=now))
        ages, there = self.ages(), set(self.there())
        cameras = []
        left = SEGMENTS_MAX
        for camera in order.cameras:
            rows = self.read(
                partial(exports_table.segments_in, camera=camera, interval=order.interval, limit=SEGMENTS_MAX + 1)
            )
            left -= len(rows)
            if left < 0:
                what = message("export.too-many-segments", "that is more than {limit} segments", limit=SEGMENTS_MAX)
                raise OrderRefused(
                    what,
                    message(
                        "export.too-many-segments.action",
                        "export in parts: fewer cameras, or a shorter interval, at a time",
                    ),
                )
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
        gaps = [gap for gap, _ in self.read(partial(exports_table.gaps_in, camera=camera, interval=interval))]
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
        for at in range(0, len(told), LISTED_AT_ONCE):
            leaves |= self.read(partial(exports_table.leaves_of, segments=told[at : at + LISTED_AT_ONCE]))
        return CameraPlan(
            camera=camera,
            segments=tuple(at_hand),
            leaves=leaves,
            away=tuple(away),
            passed=passed,
            set_aside=self.read(partial(exports_table.set_aside_in, camera=camera, interval=interval)),
            gaps=tuple(gaps),
            destroyed=tuple(gone),
            unaccounted=tuple(unaccounted(claims, interval)),
            due_soon=_due_soon(at_hand, ages, bounds),
        )

    def _passed(self, camera: str, claims: list[Claim]) -> tuple[tuple[SegmentRow, ...], tuple[GapRow, ...]]:
        """Nothing where it is more than could be told of."""
        segments, gaps = list[SegmentRow](), list[GapRow]()
        for after, before in breaks(claims):
            ask = partial(exports_table.between, camera=camera, after=after, before=before, limit=SEGMENTS_MAX + 1)
            found = self.read(ask)
            segments, gaps = segments + found[0], gaps + found[1]
        return (tuple(segments), tuple(gaps)) if max(len(segments), len(gaps)) <= SEGMENTS_MAX else ((), ())


def _complete(connection: sqlite3.Connection, order: ExportOrder, now: Point) -> tuple[ExportOrder, str | None]:
    """As far as it is complete: what is in progress has no end yet, and no hash."""
    for camera in order.cameras:
        try:
            camera_row(connection, camera)
        except UnknownCamera:
            raise OrderWrong(
                message("camera.unknown", "there is no camera {camera}", camera=camera),
                message("camera.unknown.action", "`edgectl cameras` lists them"),
            ) from None
    pin = PinOrder(order.cameras, order.interval, Ground.INTERNAL, "", "", "", 0)
    garbage = pins_table.garbage_in(connection, pin)
    if garbage is not None:
        raise NotYet(
            message("export.being-destroyed", "{path} is being destroyed: its time is over", path=str(garbage.path)),
            message("export.being-destroyed.action", "try again in a minute"),
        )
    first_ms, last_ms, cut_by = order.interval.first_ms, min(order.interval.last_ms, now.wall_ms), None
    for camera in order.cameras:
        begun_ms = exports_table.in_progress_from(connection, camera, Interval(first_ms, last_ms))
        if begun_ms is not None and begun_ms < last_ms:
            last_ms, cut_by = begun_ms, camera
    if last_ms <= first_ms:
        if cut_by is None:
            raise OrderWrong(
                message("export.no-interval", "the interval lies in the future, or is empty"),
                message("export.no-interval.action", "--from must be earlier than --to and now"),
            )
        what = message(
            "export.not-complete",
            "what {camera} recorded then is not complete yet: it is still being recorded",
            camera=cut_by,
        )
        raise NotYet(
            what, message("export.not-complete.action", "try again when that segment has ended: edgectl segments")
        )
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


PAGE: Final = 16
"""Proofs in one read of the database: each some milliseconds at the most."""
KNOWN_MAX: Final = 1 << 16
"""Nodes of the trees that are remembered: neighbours share most of theirs."""


@dataclass(frozen=True, slots=True)
class ProofHead:
    """Of a generation, as far as it vouches for its leaves."""

    generation: Generation
    size: int
    root: Hash
    note: str | None
    """Signed; None of an earlier one whose signed head is another."""

    @property
    def leaves(self) -> range:
        return range(self.generation.first, self.generation.first + self.size)


@dataclass(frozen=True, slots=True)
class Cited:
    """A leaf, and the way from it to its head."""

    entry: LeafEntry
    origin: str
    path: Sequence[Hash]


class Uncitable(LookupError):
    """No head vouches for a leaf, in words."""

    def __init__(self, why: Message) -> None:
        super().__init__(why)
        self.why = why


def heads(connection: sqlite3.Connection, least: int) -> list[ProofHead]:
    """From the generation that leaf `least` is in up to the present one. Uncitable."""
    found: list[ProofHead] = []
    named: Any = None
    for one in reversed(ledger_table.every(connection)):
        if not found:
            if one.root is None or one.note is None:
                raise Uncitable(
                    message(
                        "ledger.no-signed-head",
                        "generation {origin} of the ledger has no signed head",
                        origin=one.origin,
                    )
                )
            found.append(ProofHead(one, one.size, one.root, one.note))
        else:
            if not isinstance(named, dict) or named.get("origin") != one.origin or not named.get("root"):
                raise Uncitable(
                    message(
                        "ledger.not-vouched", "nothing vouches for generation {origin} of the ledger", origin=one.origin
                    )
                )
            root = bytes.fromhex(named["root"])
            same = (one.size, one.root) == (named["size"], root)
            found.append(ProofHead(one, named["size"], root, one.note if same else None))
        if one.first <= least:
            return found[::-1]
        first = ledger_table.leaf(connection, one.first)
        named = None if first is None else json.loads(first.body).get("previous")
    raise Uncitable(message("ledger.before-tree", "leaf {leaf} was entered before the ledger was a tree", leaf=least))


def cite(read: ReadQuery, known: Sequence[ProofHead], numbers: Iterable[int]) -> Iterator[Cited]:
    """These leaves, under these heads. Uncitable."""
    remembered: dict[tuple[int, int, int], Hash] = {}
    waiting = iter(numbers)
    while page := list(islice(waiting, PAGE)):
        yield from read(partial(_page, known=known, numbers=page, remembered=remembered))


def _page(
    connection: sqlite3.Connection,
    known: Sequence[ProofHead],
    numbers: Sequence[int],
    remembered: dict[tuple[int, int, int], Hash],
) -> list[Cited]:
    found = []
    for number in numbers:
        head = next((one for one in known if number in one.leaves), None)
        entry = ledger_table.leaf(connection, number)
        if head is None or entry is None:
            raise Uncitable(message("ledger.no-head-covers", "no head of the ledger covers leaf {leaf}", leaf=number))
        generation = head.generation
        below = ledger_table.read(connection, generation)

        def node(level: int, at: int, first: int = generation.first, below: tree.Nodes = below) -> Hash:
            key = first, level, at
            if key not in remembered:
                if len(remembered) >= KNOWN_MAX:
                    remembered.clear()
                remembered[key] = below(level, at)
            return remembered[key]

        path = tree.inclusion(node, number - generation.first, head.size)
        found.append(Cited(entry, generation.origin, path))
    return found


log = logging.getLogger("edged.storage.exports")

EXPORTS_MAX: Final = 4
"""At a time: each holds footage against space and reads the disks beside recording."""
LASTS_MS: Final = 24 * 3_600_000
"""So long an export may take, in running time: then what it holds may be needed."""
LISTED_MAX: Final = 50
ID_LETTERS: Final = 4
ANEW: Final = 128
"""Leaves that are told anew in one transaction: 10 ms, for which a commit may have to wait."""
OURSELVES: Final = "edged"
NOTHING: Final[Mapping[str, str]] = {}


class Exports:
    """Of one store."""

    def __init__(
        self,
        database: Database,
        life: DaemonRun,
        clock: Clock,
        pool: VolumePool,
        register: Register,
        head_signer: HeadSigner,
        sign_now: Callable[[], None],
    ) -> None:
        """`sign_now`: the head of the ledger covers what has been entered by now, if it can be signed."""
        self._database = database
        self._life = life
        self._clock = clock
        self._pool = pool
        self._head_signer = head_signer
        self._sign_now = sign_now
        self._surveyor = ExportPlanner(database.read, register, lambda: pool.present().keys(), self._ages, self._now)
        self._tidied = False

    # --- coming and going ---------------------------------------------------------------------------------------

    def survey(self, order: ExportOrder, bounds: Mapping[str, Bounds]) -> ExportPlan:
        """What there is of it; `bounds` in force. OrderWrong, OrderRefused, RetryError."""
        return self._surveyor.plan(order, bounds)

    def begin(self, order: ExportOrder, bounds: Mapping[str, Bounds], size: int, told: Mapping[str, str]) -> Export:
        """On record, and held. `size`: about how many bytes leave; `told`: who, why. As `survey`, and OrderRefused."""
        self.signer()
        export_id = self._new_id()
        number = self._database.submit(partial(self._hold, export_id=export_id, order=order)).result()
        reach(Failpoint.EXPORT_HELD)
        try:
            survey = self.survey(order, bounds)
            account = self._account(survey)
            fact = partial(self._begin, export_id=export_id, survey=survey, account=account, size=size, told=told)
            export = self._database.submit(fact).result()
        except BaseException:
            self._database.submit(partial(exports_table.drop, number=number)).result()
            raise
        reach(Failpoint.EXPORT_BEGUN)
        log.info("export %s begins: %s", export.id, ", ".join(export.order.cameras))
        return export

    def finish(self, export_id: str, manifest: str, size: int, who: str) -> Export:
        """It has left, with a list of this SHA-256. Told twice, it is finished once. UnknownId: it was abandoned."""
        export = self._ended(export_id, ExportState.FINISHED, size, {"who": who}, {"manifest": manifest})
        reach(Failpoint.EXPORT_FINISHED)
        return export

    def laid(self, export_id: str, size: int) -> Export:
        """A viewing copy of so many bytes is there to be looked at; it holds nothing any more. UnknownId: it was
        abandoned.
        """
        return self._ended(export_id, ExportState.FINISHED, size, NOTHING, viewing=True)

    def end_viewing(self, export_id: str) -> Export:
        """Of a viewing copy, whatever it had come to, nothing is there any more. Told twice, it is destroyed once."""

        def fact(connection: Connection) -> Export:
            export = _found(connection, export_id, viewing=True)
            if export.destroyed:
                return export
            if export.state is ExportState.OPEN:
                exports_table.end(connection, export, ExportState.ABANDONED)
            gone = None
            if export.leaf is not None:
                gone = exports_table.note(connection, export, exports_table.DESTROYED, self._now().wall_ms, NOTHING)
            exports_table.destroyed(connection, export.number, gone)
            return _found(connection, export_id, viewing=True)

        export = self._database.submit(fact).result()
        reach(Failpoint.VIEWING_DESTROYED)
        return export

    def abandon(self, export_id: str, size: int, who: str) -> Export:
        """Nobody wants it any more; `size`: so many bytes of it had left by then, as far as is known."""
        export = self._ended(export_id, ExportState.ABANDONED, size, {"who": who})
        reach(Failpoint.EXPORT_ABANDONED)
        return export

    def maintain(self) -> None:
        """Behind each sweep: what lasts too long is abandoned; what came to nothing in an earlier run goes."""
        if not self._tidied:
            self._database.submit(partial(self._drop_unbegun)).result()
            self._tidied = True
        ages = self._ages()
        for export in self._database.read(exports_table.lasting):
            if export.leaf is not None and ages.age(export.begun.boot, export.begun.boottime_ms).low_ms >= LASTS_MS:
                log.warning("export %s is abandoned: it took more than a day", export.id)
                told = {} if export.order.viewing else {"who": OURSELVES}
                self._ended(export.id, ExportState.ABANDONED, 0, told, viewing=export.order.viewing)

    def find(self, export_id: str) -> Export:
        """One that is open, and is to leave; UnknownId."""
        return self._database.read(partial(_open, export_id=export_id))

    def get(self, export_id: str) -> Export:
        """One that leaves or has left, whatever became of it; UnknownId."""
        return self._database.read(partial(_found, export_id=export_id, viewing=False))

    def latest(self) -> list[Export]:
        """Those that leave, the last ones first, whatever became of them."""
        return self._database.read(partial(exports_table.latest, limit=LISTED_MAX))

    def exports_of(self, request: str) -> list[Export]:
        """By the request of that number: copies, and viewing copies; the oldest first."""
        return self._database.read(partial(exports_table.of_request, request=request))

    def since(self, leaf: int) -> list[Export]:
        """Begun behind that leaf of the ledger, and finished: copies, and viewing copies; the oldest first."""
        return self._database.read(partial(exports_table.since, leaf=leaf))

    def touching(self, interval: Interval) -> list[Export]:
        """On record, for some of this time, whatever became of them: copies, and viewing copies; the oldest first."""
        return self._database.read(partial(exports_table.touching, interval=interval))

    def on_record(self, export_id: str) -> Export:
        """A copy, or a viewing copy, whatever became of it. UnknownId."""
        return self._database.read(partial(_found, export_id=export_id))

    def maker(self, export: Export) -> Maker:
        """Of a copy its own leaf tells; of a look, the leaf of its act. Of a viewing of a request neither does."""

        def query(connection: Connection) -> Maker:
            leaf, companion = export.leaf, None
            if export.order.viewing:
                leaf = exports_table.look_of(connection, export)
                companion = None if leaf is None else exports_table.bodies(connection, [leaf])[leaf].get("companion")
            told = {} if leaf is None else exports_table.openings(connection, leaf)
            who, why = (told.get(name, (b"", ""))[1] for name in ("who", "reason"))
            return Maker(who, why, companion)

        return self._database.read(query)

    def left_open(self) -> list[Export]:
        """Copies by a request that an earlier run began, and that nobody has ended."""
        return [
            one
            for one in self._database.read(exports_table.lasting)
            if one.leaf is not None
            and one.run < self._life.run
            and one.order.request is not None
            and not one.order.viewing
        ]

    def viewed(self) -> list[Export]:
        """Viewing copies of which nobody has said yet that nothing is there any more; the oldest first."""
        return self._database.read(exports_table.viewed)

    def all_kept(self, segments: Collection[tuple[str, int]]) -> bool:
        """Whether each of these segments, by camera and number, is neither destroyed nor about to be: no copy that
        stays outlives what it was made of (S3).
        """
        return self._database.read(partial(exports_table.all_kept, segments=segments))

    def fingerprint(self, export_id: str) -> str | None:
        """SHA-256 of the list that left with it, hex; None: it is not finished. UnknownId."""

        def query(connection: Connection) -> str | None:
            return exports_table.fingerprint(connection, _found(connection, export_id))

        return self._database.read(query)

    def told(self, export: Export) -> dict[str, tuple[bytes, str]]:
        """Salt and words behind the commitments of its leaf, as far as they were not erased."""
        return self._database.read(partial(exports_table.openings, leaf=export.leaf or 0))

    # --- what it consists of ------------------------------------------------------------------------------------

    def contents(self, export: Export) -> Contents:
        """As its leaves tell: always the same."""
        account = export.account
        if account is None:
            raise UnknownId(
                message("export.state", "export {export} is {state}", export=export.id, state=export.state.word),
                message("export.begin-another", "begin another one"),
            )
        clocks = Clocks(self._bodies(account.clock).values())
        cameras = {}
        for name, one in account.cameras.items():
            bodies = self._bodies([*one.segments, *one.gaps, *one.destroyed])
            cameras[name] = CameraContents(
                tuple(recorded(leaf, bodies[leaf], clocks) for leaf in one.segments),
                tuple(missing(leaf, bodies[leaf], clocks) for leaf in one.gaps),
                tuple(destroyed(leaf, bodies[leaf], clocks) for leaf in one.destroyed),
                one.beside,
            )
        return Contents(cameras)

    def opened(self, segment: Recorded) -> BinaryIO:
        """Its file, which whoever asked closes. OSError: it is not there, or not any more."""
        volume = next((one for one in self._pool.opened if one.id == segment.volume), None)
        if volume is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), str(segment.relative))
        with volume.held() as fd, inside(fd, segment.relative.parent) as directory:
            return open_file(directory, segment.relative.name)

    def signer(self) -> Signer:
        """Who signs its list. OrderRefused where nobody can: what cannot be proven is no export."""
        signer = self._head_signer.signer()
        if signer is None:
            why = self._head_signer.fault() or message("ledger.none-yet", "this box has no ledger yet")
            raise OrderRefused(
                message("export.not-signed", "an export cannot be signed: {reason}", reason=why),
                message("export.not-signed.action", "see edgectl alarms; edgectl ledger renew"),
            )
        return signer

    def heads(self, export: Export) -> list[ProofHead]:
        """Signed now, so that the leaf of this export is under the last one."""
        self._sign_now()
        account = export.account or ExportAccount({})
        told = (
            leaf for one in account.cameras.values() for leaf in (*one.segments, *one.gaps, *one.destroyed, *one.beside)
        )
        least = min([export.leaf or 0, *account.clock, *told])
        try:
            found = self._database.read(partial(heads, least=least))
        except Uncitable as error:
            raise OrderRefused(error.why, message("export.not-citable.action", "edgectl ledger verify")) from error
        if export.leaf not in found[-1].leaves:
            raise OrderRefused(
                message("export.ledger-unsigned", "the ledger is not signed up to now"),
                message("export.ledger-unsigned.action", "see edgectl alarms"),
            )
        return found

    def cited(self, heads: Sequence[ProofHead], numbers: Iterable[int]) -> Iterable[Cited]:
        """Leaves with what proves them, under these heads. `citing.Uncitable`."""
        return cite(self._database.read, heads, numbers)

    # --- inside -------------------------------------------------------------------------------------------------

    def _hold(self, connection: Connection, export_id: str, order: ExportOrder) -> int:
        if len(exports_table.lasting(connection)) >= EXPORTS_MAX:
            what = message("export.too-many", "{limit} exports are under way already", limit=EXPORTS_MAX)
            raise OrderRefused(
                what,
                message(
                    "export.too-many.action", "let one end, or end one: edgectl export --list, edgectl export --undo ID"
                ),
            )
        return exports_table.insert(connection, export_id, order, self._life.run, self._now())

    def _account(self, survey: ExportPlan) -> ExportAccount:
        """Of segments and of what was destroyed; gaps are looked at where the export begins."""
        vouched = self._database.read(exports_table.vouched)
        cameras = {}
        for one in survey.cameras:
            known = dict(one.leaves)
            beside = [*one.away, *one.passed[0]]
            anew = [row.id for row in (*one.segments, *beside) if not _in(known.get(row.id), vouched)]
            for at in range(0, len(anew), ANEW):
                fact = partial(self._tell_segments, segments=anew[at : at + ANEW])
                known |= self._database.submit(fact, yielding=True).result()
            segments = [leaf for row in one.segments if (leaf := known.get(row.id)) is not None]
            destroyed = []
            for gone in one.destroyed:
                if _in(gone.leaf, vouched):
                    destroyed.append(gone.leaf)
                else:
                    start = Point(gone.boot, gone.boottime_ms, gone.start_ms)
                    fact_of_span = partial(
                        exports_table.tell_span, camera=one.camera, start=start, duration_ms=gone.duration_ms,
                        wall_ms=self._clock.now().wall_ms,
                    )  # fmt: skip
                    destroyed.append(self._database.submit(fact_of_span).result())
            told = tuple(leaf for row in beside if (leaf := known.get(row.id)) is not None)
            cameras[one.camera] = CameraAccount(tuple(segments), (), tuple(destroyed), told)
        return ExportAccount(
            cameras, tuple(self._database.read(partial(exports_table.corrections_of, boots=survey.boots)))
        )

    def _tell_segments(self, connection: Connection, segments: Sequence[int]) -> dict[int, int | None]:
        wall_ms = self._clock.now().wall_ms
        return {one: exports_table.tell_segment(connection, one, wall_ms) for one in segments}

    def _begin(
        self,
        connection: Connection,
        export_id: str,
        survey: ExportPlan,
        account: ExportAccount,
        size: int,
        told: Mapping[str, str],
    ) -> Export:
        """The transaction from which on it is on record. A gap that lasts is told as far as it has lasted."""
        export, now, vouched = _found(connection, export_id), self._now(), exports_table.vouched(connection)
        order = survey.order
        cameras = {}

        def told_of(gap: GapRow, leaf: int | None) -> int:
            proven = gap.end is not None and _in(leaf, vouched)
            return leaf if proven and leaf is not None else exports_table.tell_gap(connection, gap, now)

        for one in survey.cameras:
            gaps = [told_of(*found) for found in exports_table.gaps_in(connection, one.camera, order.interval)]
            passed = [told_of(gap, exports_table.leaf_of_gap(connection, gap)) for gap in one.passed[1]]
            known = account.cameras[one.camera]
            cameras[one.camera] = replace(known, gaps=tuple(gaps), beside=(*known.beside, *passed))
        anything = any(one.segments for one in cameras.values())
        begun = replace(export, order=replace(order, whole=order.whole and anything))
        exports_table.begin(connection, begun, ExportAccount(cameras, account.clock), now.wall_ms, size, told)
        return _found(connection, export_id)

    def _ended(
        self,
        export_id: str,
        state: ExportState,
        size: int,
        told: Mapping[str, str],
        more: Mapping[str, str] = NOTHING,
        *,
        viewing: bool = False,
    ) -> Export:
        def fact(connection: Connection) -> Export:
            export = _found(connection, export_id, viewing=viewing)
            if export.state is state:
                return export
            if export.state is not ExportState.OPEN or export.leaf is None:
                raise UnknownId(
                    message(
                        "export.state-already",
                        "export {export} is {state} already",
                        export=export_id,
                        state=export.state.word,
                    ),
                    message("export.state-already.action", "edgectl export --list"),
                )
            exports_table.note(connection, export, state.value, self._now().wall_ms, told, bytes=size, **more)
            exports_table.end(connection, export, state)
            return replace(export, state=state, account=None)

        return self._database.submit(fact).result()

    def _drop_unbegun(self, connection: Connection) -> None:
        for export in exports_table.lasting(connection):
            if export.leaf is None and export.run != self._life.run:
                exports_table.drop(connection, export.number)

    def _bodies(self, numbers: Sequence[int]) -> dict[int, dict[str, object]]:
        found: dict[int, dict[str, object]] = {}
        for at in range(0, len(numbers), ANEW):
            found |= self._database.read(partial(exports_table.bodies, numbers=numbers[at : at + ANEW]))
        return found

    def _new_id(self) -> str:
        day = datetime.fromtimestamp(self._clock.now().wall_ms / 1000, UTC).strftime("%Y%m%d")
        while True:
            export_id = f"E-{day}-{short_id(ID_LETTERS)}"
            if self._database.read(partial(exports_table.find, export_id=export_id)) is None:
                return export_id

    def _ages(self) -> History:
        return self._database.read(lambda connection: history(connection, self._life.boot, self._clock))

    def _now(self) -> Point:
        return Point.of(self._life.boot, self._clock.now())


def _found(connection: Connection, export_id: str, *, viewing: bool | None = None) -> Export:
    """`viewing`: as what it is asked for; None: whatever it is."""
    export = exports_table.find(connection, export_id)
    if export is None or viewing not in (None, export.order.viewing):
        raise UnknownId(
            message("export.unknown", "there is no export {export}", export=export_id),
            message("export.unknown.action", "`edgectl export --list` shows those there are"),
        )
    return export


def _open(connection: Connection, export_id: str) -> Export:
    export = _found(connection, export_id, viewing=False)
    if export.state is not ExportState.OPEN or export.leaf is None:
        raise UnknownId(
            message("export.state", "export {export} is {state}", export=export_id, state=export.state.word),
            message("export.begin-another", "begin another one"),
        )
    return export


def _in(leaf: int | None, spans: Iterable[range]) -> bool:
    return leaf is not None and any(leaf in span for span in spans)
