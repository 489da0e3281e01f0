"""證據保存: the one place where footage is kept out of the ring. Blocking and thread-safe.

Keeps S2: what is pinned is pinned in the catalog (no sweep sees it), on the disk (a hard link), and beside the footage
(a sidecar, from which a lost row comes back). Nothing is destroyed on a volume before its pins were read (`ready`).
Pins end by running time, of which the low bound counts (S7).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from sqlite3 import Connection
from typing import Final, TypeVar

from storage.ages.history import DaemonRun, History
from storage.ages.table import history
from storage.approvals.table import Person
from storage.database.writer import Database, TransactionPart
from storage.ledger.key import Keyring
from storage.pins import rules
from storage.pins import table as pins_table
from storage.pins.files import PinFiles, PinPlacement, StoreView, check_approver
from storage.pins.rules import Cost, Ground, Interval, Left, Limits, Pin, PinOrder, PinState, PinStatus
from storage.retention.plan import effective
from storage.segments.queries import SegmentRow, segment_by_seq
from storage.volumes.volume import Volume
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, StoreError, UnknownId, said_of
from storage.words.failpoints import Failpoint, reach
from storage.words.message import NOTHING, Message, message
from storage.words.model import Bounds, Closing

log = logging.getLogger("edged.storage.pins")

T = TypeVar("T")

LINKING_MAX: Final = 4
"""Commits that wait for their links at a time. Where a disk is so slow that more would, they are committed without, and
linked a little later: recording never waits, and the row protects."""
ENDED_SHOWN: Final = 1_000
"""Pins that have ended in one listing."""
CEILINGS_EVERY_MS: Final = 60_000
"""How often internal pins are looked through for what has reached its ceiling; S3 gives an hour."""


class Pins:
    """All pins of a box."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock, box: StoreView, keyring: Keyring) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._box = box
        self._files = PinFiles(database, life, clock, keyring)
        self._placer = PinPlacement(database, life, clock, self._files, box)
        self._filing = threading.Lock()
        """Whoever places, reads or clears away. A sweep waits for it, a commit never does."""
        self._taken_in: dict[str, Volume] = {}
        self._unread: dict[str, Message] = {}
        self._covered = database.read(pins_table.cameras)
        self._ceilings_at_ms: int | None = None
        self._linkers = ThreadPoolExecutor(LINKING_MAX, "pin-links")
        self._slots = threading.BoundedSemaphore(LINKING_MAX)

    @property
    def troubles(self) -> Mapping[str, Message]:
        """By pin: what cannot be read, written or removed on a volume."""
        return dict(self._files.troubles)

    @property
    def unvouched(self) -> tuple[str, ...]:
        """Pins that protect on the word of a sidecar that bears no signature of this box."""
        return tuple(sorted(self._files.unvouched))

    @property
    def unread(self) -> Mapping[str, Message]:
        """By volume that is there: why its pins cannot be read. Nothing is destroyed on it until they can."""
        present = self._box.present()
        return {volume: words for volume, words in self._unread.copy().items() if volume in present}

    # --- for people ---------------------------------------------------------------------------------------------

    def cost(self, order: PinOrder, limits: Limits) -> Cost:
        """What a pin would hold and take; OrderRefused where it may not be placed."""
        return self._placer.cost(order, limits)[0]

    def place(self, order: PinOrder, placer: Person, limits: Limits) -> tuple[PinStatus, Cost]:
        """Placed, when this returns: provisional until another person approves it."""
        with self._filing:
            for volume in self._box.present().values():
                self._take_in(volume)
            try:
                pin, cost = self._placer.place(order, placer, limits)
            finally:
                self._covered = self._database.read(pins_table.cameras)
            self._work_off()
        return self._standing([pin])[0], cost

    def hold(self, case: str, camera: str, interval: Interval, limits: Limits) -> Pin:
        """What a request asks for, held as long as its case lasts, within the ceiling. OrderRefused, UnknownId."""
        order = PinOrder((camera,), interval, Ground.INTERNAL, "", case, case, rules.REQUEST_SPAN_MS)
        return self.place(order, rules.REQUEST, replace(limits, max_ms=rules.REQUEST_SPAN_MS))[0].pin

    def holds(self) -> list[Pin]:
        """Those of requests that last."""
        return [pin for pin in self._database.read(pins_table.lasting) if pin.is_request]

    def end_hold(self, pin_id: str) -> None:
        """Its case is over, or asks for something else; one that is over already stays so."""

        def fact(connection: Connection) -> None:
            pin, now_ms = pins_table.find(connection, pin_id), self._clock.now().wall_ms
            if pin is not None and pin.state.lasts and pin.is_request:
                over = message("pin.request-over", "request {case} holds it no more", case=pin.order.case)
                pins_table.end(connection, pin, PinState.RELEASED, now_ms, None, over)
                pins_table.note(connection, "released", pin, now_ms)

        self._database.submit(fact).result()
        self.follow_up()

    def approve(self, pin_id: str, approver: Person) -> PinStatus:
        """By another person than the placer: from now on it lasts as long as it was placed for."""

        def fact(connection: Connection) -> Pin:
            pin = self._lasting(connection, pin_id)
            if pin.state is PinState.APPROVED:
                raise OrderRefused(
                    message(
                        "pin.approved-already",
                        "{pin} is approved already, by {who}",
                        pin=pin.id,
                        who=str(pin.approved_by),
                    ),
                    NOTHING,
                )
            check_approver(pin, approver)
            pins_table.approve(connection, pin, approver)
            pins_table.note(connection, "approved", pin, self._clock.now().wall_ms)
            return self._lasting(connection, pin_id)

        pin = self._database.submit(fact).result()
        self._tidy()
        return self._standing([pin])[0]

    def check_extension(self, pin_id: str, span_ms: int, limits: Limits) -> None:
        """Whether it could be extended so far; OrderRefused."""
        self._database.read(lambda db: self._extensible(db, pin_id, span_ms, limits))

    def _extensible(self, connection: Connection, pin_id: str, span_ms: int, limits: Limits) -> Pin:
        pin = self._lasting(connection, pin_id)
        rules.check_own(pin)
        rules.check_span(span_ms, limits)
        if span_ms <= pin.order.span_ms:
            raise OrderRefused(
                message("pin.lasts-longer", "{pin} lasts longer than that already", pin=pin.id),
                message("pin.lasts-longer.action", "to end it earlier, release it"),
            )
        return pin

    def extending(self, pin_id: str, span_ms: int, limits: Limits) -> TransactionPart:
        """As a deed of two persons: it lasts so long, counted from when it was placed."""

        def fact(connection: Connection) -> None:
            pins_table.extend(connection, self._extensible(connection, pin_id, span_ms, limits), span_ms)
            pins_table.note(connection, "extended", self._lasting(connection, pin_id), self._clock.now().wall_ms)

        return fact

    def releasing(self, pin_id: str, asker: str, reason: str) -> TransactionPart:
        """As a deed of two persons: it ends now."""

        def fact(connection: Connection) -> None:
            pin, now_ms = self._lasting(connection, pin_id), self._clock.now().wall_ms
            rules.check_own(pin)
            pins_table.end(connection, pin, PinState.RELEASED, now_ms, asker, reason)
            pins_table.note(connection, "released", pin, now_ms)

        return fact

    def follow_up(self) -> None:
        """After a deed: the disks hear of it. What does not come to it is made up behind the next sweep."""
        reach(Failpoint.RELEASE_DONE)
        self._tidy()

    def find(self, pin_id: str) -> PinStatus:
        """One that lasts; UnknownId."""
        return self._standing([self._database.read(lambda db: self._lasting(db, pin_id))])[0]

    def lasting(self) -> list[Left]:
        """Those that last, and how long. Looked at every few seconds, so nothing is read of what they hold."""
        return self._database.read(lambda db: self._left(db, pins_table.lasting(db)))

    def standing(self) -> list[PinStatus]:
        """Those that last, as they are now."""
        return self._standing(self._database.read(pins_table.lasting))

    def ended(self) -> list[PinStatus]:
        """The last ones that have ended, the latest first."""
        return self._standing(self._database.read(partial(pins_table.ended, limit=ENDED_SHOWN)))

    def case_ends(self) -> dict[str, int]:
        """By case: when the last of its pins ended, wall clock, ms; what requests hold themselves is left out."""
        return self._database.read(pins_table.case_ends)

    def lapsed(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of them that lapsed because nobody approved them in time."""

        def query(connection: Connection) -> frozenset[str]:
            found = (pins_table.find(connection, one) for one in ids)
            return frozenset(
                one.id for one in found if one is not None and one.state is PinState.LAPSED and one.approved_by is None
            )

        return self._database.read(query)

    def ids_of(self, segments: Sequence[int]) -> dict[int, list[str]]:
        """By segment: the pins that hold it. At most 1000 segments at a time."""
        return self._database.read(partial(pins_table.ids_of, segments=segments)) if self._covered else {}

    # --- for the ring -------------------------------------------------------------------------------------------

    def ready(self, volume: Volume) -> bool:
        """Whether something may be destroyed there: its pins have been read since it came, or are read now."""
        with self._filing:
            return self._take_in(volume)

    def maintain(self, bounds: Callable[[], Mapping[str, Bounds]]) -> None:
        """Behind each sweep: what is over ends, what has come back is read, what is undone on the disks is done.

        `bounds` are those in force of the cameras that are configured.
        """
        with self._filing:
            for volume in self._box.present().values():
                self._take_in(volume)
                self._look_again(volume)
            self._lapse()
            self._hold_covered()
            self._yield_to_ceilings(bounds)
            self._work_off()
            self._files.clear_lost()

    def put_back(self, volume: str, pin: str, lacks: PurePosixPath | None = None) -> None:
        """Somebody was at a pin's sidecar, or at its link of the segment `lacks`: made anew. OSError, StoreError."""
        with self._filing:
            if volume in self._taken_in:
                self._files.put_back(self._taken_in[volume], pin, lacks)

    # --- for the recorder ---------------------------------------------------------------------------------------

    def committing(self, closing: Closing, commit: Callable[[Sequence[int]], Future[T]]) -> Future[T]:
        """Links in the pins that cover a segment, then its commit; `commit` is told the numbers of these pins.

        At once, and on no other thread, where no pin covers its camera.
        """
        if closing.camera not in self._covered or not self._slots.acquire(blocking=False):
            return commit(())
        done: Future[T] = Future()

        def work() -> None:
            try:
                linked = self._link(closing)
            except Exception as error:  # noqa: BLE001 - whatever keeps it from a link must not keep it from its commit
                log.warning("%s, segment %d gets its link later: %s", closing.camera, closing.seq, error)
                linked = []
            finally:
                self._slots.release()
            commit(linked).add_done_callback(partial(_hand_on, done))

        try:
            self._linkers.submit(work)
        except RuntimeError:  # closing
            self._slots.release()
            return commit(())
        return done

    def close(self) -> None:
        """Commits that wait for their links are let through."""
        self._linkers.shutdown()

    def _link(self, closing: Closing) -> list[int]:
        row = self._database.read(lambda db: segment_by_seq(db, closing.camera, closing.seq))
        volume = self._taken_in.get(row.volume) if row is not None else None
        if row is None or volume is None:
            return []
        duration_ms = max(0, closing.end.boottime_ms - row.start.boottime_ms)
        linked = []
        for pin in self._database.read(partial(pins_table.lasting_of, camera=closing.camera)):
            if pins_table.asks_for(pin.order.interval, row, duration_ms):
                try:
                    self._files.link(volume, pin.id, [row])
                    self._files.sync(volume, pin.id)
                except FileNotFoundError:
                    continue  # the pin has nothing on this volume yet: its sidecar comes first
                linked.append(pin.number)
        reach(Failpoint.COMMIT_LINKED)
        return linked

    # --- with the lock held -------------------------------------------------------------------------------------

    def _take_in(self, volume: Volume) -> bool:
        if self._taken_in.get(volume.id) is volume:
            return True
        try:
            self._files.accept(volume)
            self._files.write_undone(volume)
        except OSError as error:
            words = said_of(volume.path, error)
            if self._unread.get(volume.id) != words:
                log.warning("nothing is destroyed until its pins can be read: %s", words)
            self._unread[volume.id] = words
            return False
        self._unread.pop(volume.id, None)
        self._covered = self._database.read(pins_table.cameras)
        self._taken_in[volume.id] = volume
        return True

    def _hold_covered(self) -> None:
        try:
            self._files.hold_covered()
        except StoreError as error:
            log.warning("pins protect their intervals; each segment is told of it later: %s", error)

    def _look_again(self, volume: Volume) -> None:
        try:
            self._files.look_again(volume)
        except OSError as error:
            log.warning("a pin on %s cannot be read: %s", volume.path, error)

    def _tidy(self) -> None:
        with self._filing:
            self._work_off()
        self._covered = self._database.read(pins_table.cameras)

    def _work_off(self) -> None:
        for volume in self._box.present().values():
            if self._taken_in.get(volume.id) is volume:
                try:
                    self._files.write_undone(volume)
                except StoreError as error:
                    log.warning("pins on %s are seen to later: %s", volume.path, error)

    def _lapse(self) -> None:
        over = [one.pin for one in self.lasting() if one.left_ms <= 0]
        for pin in over:
            log.warning("pin %s has ended: %s", pin.id, rules.why_over(pin.state, pin.order.span_ms))
            self._database.submit(partial(self._end, pin_id=pin.id)).result()
            reach(Failpoint.RELEASE_DONE)
        if over:
            self._covered = self._database.read(pins_table.cameras)

    def _end(self, connection: Connection, pin_id: str) -> None:
        """The transaction in which a pin lapses: it may have been approved or extended meanwhile."""
        pin = pins_table.find(connection, pin_id)
        if pin is None or not pin.state.lasts or self._left_ms(connection, pin) > 0:
            return
        now_ms = self._clock.now().wall_ms
        pins_table.end(connection, pin, PinState.LAPSED, now_ms, None, rules.why_over(pin.state, pin.order.span_ms))
        pins_table.note(connection, "lapsed", pin, now_ms)

    def _yield_to_ceilings(self, bounds: Callable[[], Mapping[str, Bounds]]) -> None:
        """What only internal pins hold and has reached its ceiling is let go of."""
        now_ms = self._clock.now().boottime_ms
        if self._ceilings_at_ms is not None and now_ms - self._ceilings_at_ms < CEILINGS_EVERY_MS:
            return
        present, ages, in_force = self._box.present(), self._database.read(self._history), bounds()
        for terms in self._database.read(pins_table.internal_terms):
            if terms.volume in present:
                ceiling_ms = effective(terms.bounds, in_force.get(terms.camera)).ceiling_s * 1000
                self._let_go(present[terms.volume], terms, ages, ceiling_ms)
        self._ceilings_at_ms = now_ms

    def _let_go(self, volume: Volume, terms: pins_table.InternalPinGroup, ages: History, ceiling_ms: int) -> None:
        """Only what has become due is read: of a group of equal terms whoever began first is past its ceiling first."""
        ask = partial(pins_table.internal_only, terms=terms, before=ages.since(ceiling_ms - 1))
        after = None
        while page := self._database.read(partial(ask, after=after)):
            after, going = page[-1][0], dict[str, list[SegmentRow]]()
            for row, holders in page:
                old_ms = ages.age(row.start.boot, row.start.boottime_ms).low_ms
                if not rules.protects(Ground.INTERNAL, past_ceiling=old_ms >= ceiling_ms):
                    for pin_id in holders:
                        going.setdefault(pin_id, []).append(row)
            for pin_id, rows in going.items():
                pin = self._database.read(partial(pins_table.find, pin_id=pin_id))
                try:
                    if pin is not None:
                        self._files.let_go(volume, pin, rows)
                except OSError as error:
                    log.warning("pin %s goes on to hold what is past its ceiling: %s", pin_id, error)

    # --- how it stands ------------------------------------------------------------------------------------------

    def _history(self, connection: Connection) -> History:
        return history(connection, self._life.boot, self._clock)

    def _lasting(self, connection: Connection, pin_id: str) -> Pin:
        pin = pins_table.find(connection, pin_id)
        if pin is None:
            raise UnknownId(
                message("pin.unknown", "there is no pin {pin}", pin=pin_id),
                message("pin.unknown.action", "`edgectl pin list` shows those there are"),
            )
        if not pin.state.lasts:
            raise UnknownId(
                message("pin.over", "pin {pin} has ended: it was {state}", pin=pin.id, state=pin.state.word),
                message("pin.over.action", "`edgectl pin list --ended` tells of it"),
            )
        return pin

    def _left_ms(self, connection: Connection, pin: Pin) -> int:
        return _left_ms(pin, self._history(connection))

    def _left(self, connection: Connection, found: Sequence[Pin]) -> list[Left]:
        now_ms, ages = self._clock.now().wall_ms, self._history(connection)
        lefts = [(pin, _age_ms(pin, ages), _left_ms(pin, ages)) for pin in found]
        return [Left(pin, age_ms, left_ms, now_ms + left_ms) for pin, age_ms, left_ms in lefts]

    def _standing(self, found: Sequence[Pin]) -> list[PinStatus]:
        """Pin by pin: one may hold twenty thousand segments, and a long read keeps the WAL from beginning anew."""
        lefts, there = self._database.read(lambda db: self._left(db, found)), self._box.there()
        return [
            PinStatus(
                one.pin,
                one.age_ms,
                one.left_ms,
                one.until_ms,
                tuple(self._database.read(partial(pins_table.totals, pin=one.pin.number, there=there))),
            )
            for one in lefts
        ]


def _age_ms(pin: Pin, ages: History) -> int:
    return ages.age(pin.placed.boot, pin.placed.boottime_ms).low_ms


def _left_ms(pin: Pin, ages: History) -> int:
    return rules.left_ms(pin.state, pin.order.span_ms, _age_ms(pin, ages))


def _hand_on(done: Future[T], committed: Future[T]) -> None:
    error = committed.exception()
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(committed.result())
