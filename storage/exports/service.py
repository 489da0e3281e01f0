"""複製: the one place where exports begin and end, and where what they consist of is told. Blocking and thread-safe.

Nothing may be disclosed before `begin` has answered: then its leaf is on record, and what it consists of is held
against space (S3 goes through) for at most LASTS_MS of running time. What is copied is read through `opened`; making
films and lists of it is for `edged.evidence.export`.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from sqlite3 import Connection
from typing import BinaryIO, Final

from storage.ages.history import History
from storage.ages.runs import DaemonRun, Point
from storage.ages.table import history
from storage.approvals.service import short_id
from storage.database.writer import Database
from storage.exports import export_proofs
from storage.exports import table as exports
from storage.exports.export_plan import ExportPlan, ExportPlanner
from storage.exports.export_proofs import Cited, ProofHead
from storage.exports.model import (
    CameraAccount,
    CameraContents,
    Clocks,
    Contents,
    Export,
    ExportAccount,
    ExportOrder,
    ExportState,
    Recorded,
    destroyed,
    missing,
    recorded,
)
from storage.files.open_beneath import inside, open_file
from storage.ledger.signer import HeadSigner, Signer
from storage.register.service import Register
from storage.segments.queries import GapRow
from storage.volumes.service import VolumePool
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, UnknownId
from storage.words.failpoints import Failpoint, reach
from storage.words.model import Bounds

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
        notary: HeadSigner,
        sign_now: Callable[[], None],
    ) -> None:
        """`sign_now`: the head of the ledger covers what has been entered by now, if it can be signed."""
        self._database = database
        self._life = life
        self._clock = clock
        self._pool = pool
        self._notary = notary
        self._sign_now = sign_now
        self._surveyor = ExportPlanner(database.read, register, lambda: pool.present().keys(), self._ages, self._now)
        self._tidied = False

    # --- coming and going ---------------------------------------------------------------------------------------

    def survey(self, order: ExportOrder, bounds: Mapping[str, Bounds]) -> ExportPlan:
        """What there is of it; `bounds` in force. OrderWrong, OrderRefused, RetryError."""
        return self._surveyor.look(order, bounds)

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
            self._database.submit(partial(exports.drop, number=number)).result()
            raise
        reach(Failpoint.EXPORT_BEGUN)
        log.info("export %s begins: %s", export.id, ", ".join(export.order.cameras))
        return export

    def finish(self, export_id: str, manifest: str, size: int, who: str) -> Export:
        """It has left, with a list of this SHA-256. Told twice, it is finished once. UnknownId: it was abandoned."""
        export = self._ended(export_id, ExportState.FINISHED, size, who, {"manifest": manifest})
        reach(Failpoint.EXPORT_FINISHED)
        return export

    def abandon(self, export_id: str, size: int, who: str) -> Export:
        """Nobody wants it any more; `size`: so many bytes of it had left by then, as far as is known."""
        export = self._ended(export_id, ExportState.ABANDONED, size, who)
        reach(Failpoint.EXPORT_ABANDONED)
        return export

    def tend(self) -> None:
        """Behind each sweep: what lasts too long is abandoned; what came to nothing in an earlier run goes."""
        if not self._tidied:
            self._database.submit(partial(self._drop_unbegun)).result()
            self._tidied = True
        ages = self._ages()
        for export in self._database.read(exports.lasting):
            if export.leaf is not None and ages.age(export.begun.boot, export.begun.boottime_ms).low_ms >= LASTS_MS:
                log.warning("export %s is abandoned: it took more than a day", export.id)
                self.abandon(export.id, 0, OURSELVES)

    def find(self, export_id: str) -> Export:
        """One that is open; UnknownId."""
        return self._database.read(partial(_open, export_id=export_id))

    def latest(self) -> list[Export]:
        """The last ones first, whatever became of them."""
        return self._database.read(partial(exports.latest, limit=LISTED_MAX))

    def told(self, export: Export) -> dict[str, tuple[bytes, str]]:
        """Salt and words behind the commitments of its leaf, as far as they were not erased."""
        return self._database.read(partial(exports.openings, leaf=export.leaf or 0))

    # --- what it consists of ------------------------------------------------------------------------------------

    def contents(self, export: Export) -> Contents:
        """As its leaves tell: always the same."""
        account = export.account
        if account is None:
            raise UnknownId(f"export {export.id} is {export.state}", "begin another one")
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
        signer = self._notary.signer()
        if signer is None:
            why = self._notary.fault() or "this box has no ledger yet"
            raise OrderRefused(f"an export cannot be signed: {why}", "see edgectl alarms; edgectl ledger renew")
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
            found = self._database.read(partial(export_proofs.heads, least=least))
        except export_proofs.Uncitable as error:
            raise OrderRefused(str(error), "edgectl ledger verify") from error
        if export.leaf not in found[-1].leaves:
            raise OrderRefused("the ledger is not signed up to now", "see edgectl alarms")
        return found

    def cited(self, heads: Sequence[ProofHead], numbers: Iterable[int]) -> Iterable[Cited]:
        """Leaves with what proves them, under these heads. `citing.Uncitable`."""
        return export_proofs.cite(self._database.read, heads, numbers)

    # --- inside -------------------------------------------------------------------------------------------------

    def _hold(self, connection: Connection, export_id: str, order: ExportOrder) -> int:
        if len(exports.lasting(connection)) >= EXPORTS_MAX:
            what = f"{EXPORTS_MAX} exports are under way already"
            raise OrderRefused(what, "let one end, or end one: edgectl export --list, edgectl export --undo ID")
        return exports.insert(connection, export_id, order, self._life.run, self._now())

    def _account(self, survey: ExportPlan) -> ExportAccount:
        """Of segments and of what was destroyed; gaps are looked at where the export begins."""
        vouched = self._database.read(exports.vouched)
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
                        exports.tell_span, camera=one.camera, start=start, duration_ms=gone.duration_ms,
                        wall_ms=self._clock.now().wall_ms,
                    )  # fmt: skip
                    destroyed.append(self._database.submit(fact_of_span).result())
            told = tuple(leaf for row in beside if (leaf := known.get(row.id)) is not None)
            cameras[one.camera] = CameraAccount(tuple(segments), (), tuple(destroyed), told)
        return ExportAccount(cameras, tuple(self._database.read(partial(exports.corrections_of, boots=survey.boots))))

    def _tell_segments(self, connection: Connection, segments: Sequence[int]) -> dict[int, int | None]:
        wall_ms = self._clock.now().wall_ms
        return {one: exports.tell_segment(connection, one, wall_ms) for one in segments}

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
        export, now, vouched = _found(connection, export_id), self._now(), exports.vouched(connection)
        order = survey.order
        cameras = {}

        def told_of(gap: GapRow, leaf: int | None) -> int:
            proven = gap.end is not None and _in(leaf, vouched)
            return leaf if proven and leaf is not None else exports.tell_gap(connection, gap, now)

        for one in survey.cameras:
            gaps = [told_of(*found) for found in exports.gaps_in(connection, one.camera, order.interval)]
            passed = [told_of(gap, exports.leaf_of_gap(connection, gap)) for gap in one.passed[1]]
            known = account.cameras[one.camera]
            cameras[one.camera] = replace(known, gaps=tuple(gaps), beside=(*known.beside, *passed))
        anything = any(one.segments for one in cameras.values())
        begun = replace(export, order=replace(order, whole=order.whole and anything))
        exports.begin(connection, begun, ExportAccount(cameras, account.clock), now.wall_ms, size, told)
        return _found(connection, export_id)

    def _ended(
        self, export_id: str, state: ExportState, size: int, who: str, more: Mapping[str, str] = NOTHING
    ) -> Export:
        def fact(connection: Connection) -> Export:
            export = _found(connection, export_id)
            if export.state is state:
                return export
            if export.state is not ExportState.OPEN or export.leaf is None:
                raise UnknownId(f"export {export_id} is {export.state} already", "edgectl export --list")
            exports.note(connection, export, state.value, self._now().wall_ms, {"who": who}, bytes=size, **more)
            exports.end(connection, export, state)
            return replace(export, state=state, account=None)

        return self._database.submit(fact).result()

    def _drop_unbegun(self, connection: Connection) -> None:
        for export in exports.lasting(connection):
            if export.leaf is None and export.run != self._life.run:
                exports.drop(connection, export.number)

    def _bodies(self, numbers: Sequence[int]) -> dict[int, dict[str, object]]:
        found: dict[int, dict[str, object]] = {}
        for at in range(0, len(numbers), ANEW):
            found |= self._database.read(partial(exports.bodies, numbers=numbers[at : at + ANEW]))
        return found

    def _new_id(self) -> str:
        day = datetime.fromtimestamp(self._clock.now().wall_ms / 1000, UTC).strftime("%Y%m%d")
        while True:
            export_id = f"E-{day}-{short_id(ID_LETTERS)}"
            if self._database.read(partial(exports.find, export_id=export_id)) is None:
                return export_id

    def _ages(self) -> History:
        return self._database.read(lambda connection: history(connection, self._life.boot, self._clock))

    def _now(self) -> Point:
        return Point.of(self._life.boot, self._clock.now())


def _found(connection: Connection, export_id: str) -> Export:
    export = exports.find(connection, export_id)
    if export is None:
        raise UnknownId(f"there is no export {export_id}", "`edgectl export --list` shows those there are")
    return export


def _open(connection: Connection, export_id: str) -> Export:
    export = _found(connection, export_id)
    if export.state is not ExportState.OPEN or export.leaf is None:
        raise UnknownId(f"export {export_id} is {export.state}", "begin another one")
    return export


def _in(leaf: int | None, spans: Iterable[range]) -> bool:
    return leaf is not None and any(leaf in span for span in spans)
