"""Fault tickets (報修): found, reported, repaired, checked, by whom and when. Blocking and thread-safe.

Which alarm is a fault, and of which thing, is decided elsewhere (`edged.alarms.fault_tickets`). That a thing has one
open ticket, and that nobody checks what he repaired himself, is held here, in the transaction that changes it. Time
passes as this box has run (S7). A ticket that was closed is kept for `TIME_ACCOUNT_KEPT_MS`, its leaves as long as the
ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from storage.ages.history import DaemonRun, History, Point
from storage.ages.table import history
from storage.approvals.service import NOBODY, short_id
from storage.database.writer import Database
from storage.retention.bounds import TIME_ACCOUNT_KEPT_MS
from storage.tickets import alarms_table
from storage.tickets import faults_table as table
from storage.tickets.faults_table import FaultState, FaultStep, Ticket
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, SamePerson, UnknownId
from storage.words.message import message
from storage.words.model import AlarmRow, OpenFault

OPEN_MAX: Final = 500
"""More at a time nobody sees to, and somebody has written a program that adds them."""
LISTED_MAX: Final = 5000
AGAIN_MS: Final = 86_400_000
"""What comes back within a day after it was closed is the same fault: it was not repaired, and its time goes on."""
PRUNED_MAX: Final = 16
"""In one transaction."""
ID_LETTERS: Final = 4


@dataclass(frozen=True, slots=True)
class Subject:
    """What is out of order."""

    thing: str
    camera: str | None = None
    volume: str | None = None


@dataclass(frozen=True, slots=True)
class Aged:
    """A ticket, and how long things took, in running time, at the least."""

    ticket: Ticket
    age_ms: int
    """Since it was found."""
    since_ms: Mapping[FaultStep, int]
    """Since its last step of each kind."""


@dataclass(frozen=True, slots=True)
class ToldStep:
    """One step, for people."""

    leaf: int
    wall_ms: int
    body: Mapping[str, Any]
    words: Mapping[str, str]
    """Who, to, reference, note, repairer: as far as they are known."""


@dataclass(frozen=True, slots=True)
class StandingAlarm:
    """An alarm that stands, and for how long it has this time."""

    row: AlarmRow
    stood_ms: int


class Faults:
    """Of one store."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock) -> None:
        self._database = database
        self._life = life
        self._clock = clock

    # --- what the box finds ---

    def standing_alarms(self) -> tuple[list[StandingAlarm], list[Aged]]:
        """Alarms that stand, and tickets that are open, both of one moment."""

        def read(connection: sqlite3.Connection) -> tuple[list[StandingAlarm], list[Aged]]:
            ages, rows = self._ages(connection), alarms_table.alarms(connection)
            standing = [StandingAlarm(row, _stood_ms(row, ages)) for row in rows if row.raised]
            return standing, [_aged(one, ages) for one in table.listed(connection, LISTED_MAX)]

        return self._database.read(read)

    def find(self, key: str, occurrence: str, subject: Subject) -> Ticket | None:
        """This alarm is a fault: its ticket goes on, or one is opened. None: it stands no longer, or that is known.

        Asked twice, it does it once: whether it stands, and what tickets there are, is asked in the transaction.
        """

        def fact(connection: sqlite3.Connection) -> Ticket | None:
            row = alarms_table.find(connection, key)
            if row is None or not row.raised or row.occurrence != occurrence:
                return None
            now, ages = self._now(), self._ages(connection)
            known = table.of_thing(connection, subject.thing)
            if known is not None and not known.is_open:
                closed = known.moments.get(FaultStep.CHECKED, known.found)
                known = known if ages.age(closed.boot, closed.boottime_ms).low_ms < AGAIN_MS else None
            if known is None:
                return self._open(connection, subject, key, now)
            joins = key not in known.keys and len(known.keys) < table.KEYS_MAX
            if joins:
                known = table.enter(connection, known, FaultStep.JOINED, now, key)
            if known.state in (FaultState.FOUND, FaultState.REPORTED) and not known.over:
                return known if joins else None
            return table.enter(connection, known, FaultStep.AGAIN, now, key)

        return self._database.submit(fact).result()

    def over(self, fault: str) -> Ticket | None:
        """The box sees nothing of it any more; None where that is known, or it is closed."""

        def fact(connection: sqlite3.Connection) -> Ticket | None:
            known = table.find(connection, fault)
            if known is None or not known.is_open or known.over:
                return None
            return table.enter(connection, known, FaultStep.OVER, self._now())

        return self._database.submit(fact).result()

    def prune(self) -> int:
        """Tickets that were closed long ago go, and the names behind them; how many went."""

        def fact(connection: sqlite3.Connection) -> int:
            ages = self._ages(connection)
            old = [
                one
                for one in table.listed(connection, LISTED_MAX, everything=True)
                if (at := one.moments.get(FaultStep.CHECKED)) is not None
                and not one.is_open
                and ages.age(at.boot, at.boottime_ms).low_ms > TIME_ACCOUNT_KEPT_MS
            ]
            for one in old[:PRUNED_MAX]:
                table.forget(connection, one.id)
            return len(old[:PRUNED_MAX])

        return self._database.submit(fact, yielding=True).result()

    # --- what people do ---

    def add(self, camera: str | None, volume: str | None, by: int, words: Mapping[str, str]) -> Ticket:
        """A person found it. OrderRefused: too many are open."""

        def fact(connection: sqlite3.Connection) -> Ticket:
            if table.count_open(connection) >= OPEN_MAX:
                raise OrderRefused(
                    message("ticket.too-many-faults", "{limit} faults are open", limit=OPEN_MAX),
                    message("ticket.too-many-faults.action", "close what is repaired: edgectl faults check"),
                )
            return self._open(connection, Subject("", camera, volume), "", self._now(), by, words)

        return self._database.submit(fact).result()

    def report(self, fault: str, by: int, words: Mapping[str, str]) -> Ticket:
        """It was reported, to whoever is to repair it; again, to somebody else, or with a number."""

        def fact(connection: sqlite3.Connection) -> Ticket:
            known = _to_do(connection, fault)
            if known.state is FaultState.REPAIRED:
                raise OrderRefused(
                    message("ticket.repaired", "{fault} is repaired", fault=fault),
                    message("ticket.repaired.action", "check it: edgectl faults check {fault}", fault=fault),
                )
            return table.enter(connection, known, FaultStep.REPORTED, self._now(), by=by, committed=words)

        return self._database.submit(fact).result()

    def repair(self, fault: str, by: int, words: Mapping[str, str], *, others: bool) -> Ticket:
        """It is repaired. `others`: by somebody without an account, whom this person names."""

        def fact(connection: sqlite3.Connection) -> Ticket:
            known = _to_do(connection, fault)
            return table.enter(
                connection, known, FaultStep.REPAIRED, self._now(), by=by, committed=words, others=others
            )

        return self._database.submit(fact).result()

    def check(self, fault: str, by: int, standing: Mapping[str, str], words: Mapping[str, str]) -> Ticket:
        """It is in order again, and closed. `standing`: alarms that stand, by their thing.

        OrderRefused while the box sees it. SamePerson: whoever repaired something does not check it.
        """

        def fact(connection: sqlite3.Connection) -> Ticket:
            known = _to_do(connection, fault)
            if (key := standing.get(known.thing)) is not None:
                what = message(
                    "ticket.alarm-stands", "{fault} is not in order: the alarm {alarm} stands", fault=fault, alarm=key
                )
                raise OrderRefused(what, message("ticket.alarm-stands.action", "have it repaired, and check it then"))
            if known.by is not None and known.by == by:
                if by == NOBODY:
                    what = message(
                        "ticket.nobody-checks",
                        "{fault} is checked by another person than who repaired it, and no login vouches that you are",
                        fault=fault,
                    )
                else:
                    what = message(
                        "ticket.same-person",
                        "{fault} is checked by another person than who repaired it, and you are not",
                        fault=fault,
                    )
                action = message(
                    "ticket.same-person.action",
                    "let somebody else log in and run: edgectl faults check {fault}",
                    fault=fault,
                )
                raise SamePerson(what, action)
            return table.enter(connection, known, FaultStep.CHECKED, self._now(), by=by, committed=words)

        return self._database.submit(fact).result()

    # --- what there is ---

    def all(self, *, everything: bool = False) -> list[Aged]:
        """Those that are open, the oldest first; `everything`: all that are kept, the latest first."""

        def read(connection: sqlite3.Connection) -> list[Aged]:
            ages = self._ages(connection)
            return [_aged(one, ages) for one in table.listed(connection, LISTED_MAX, everything=everything)]

        return self._database.read(read)

    def open(self) -> tuple[OpenFault, ...]:
        """For whoever judges by them."""
        return tuple(_open_fault(one) for one in self.all())

    def one(self, fault: str) -> tuple[Aged, list[ToldStep]]:
        """With all its steps. UnknownId."""

        def read(connection: sqlite3.Connection) -> tuple[Aged, list[ToldStep]]:
            known = _known(connection, fault)
            return _aged(known, self._ages(connection)), [ToldStep(*leaf) for leaf in table.told(connection, fault)]

        return self._database.read(read)

    def _open(
        self,
        connection: sqlite3.Connection,
        subject: Subject,
        key: str,
        now: Point,
        by: int | None = None,
        words: Mapping[str, str] | None = None,
    ) -> Ticket:
        number = _new_id(connection, now)
        made = Ticket(number, subject.thing or f"found:{number}", key, subject.camera, subject.volume, now)
        return table.enter(connection, made, FaultStep.FOUND, now, key, by, words)

    def _ages(self, connection: sqlite3.Connection) -> History:
        return history(connection, self._life.boot, self._clock)

    def _now(self) -> Point:
        return Point.of(self._life.boot, self._clock.now())


def _known(connection: sqlite3.Connection, fault: str) -> Ticket:
    known = table.find(connection, fault)
    if known is None:
        raise UnknownId(
            message("ticket.no-fault", "there is no fault {fault}", fault=fault),
            message("ticket.no-fault.action", "`edgectl faults --all` lists those that are known"),
        )
    return known


def _to_do(connection: sqlite3.Connection, fault: str) -> Ticket:
    known = _known(connection, fault)
    if not known.is_open:
        raise OrderRefused(
            message("ticket.closed", "{fault} is closed", fault=fault),
            message("ticket.closed.action", "what comes back within a day opens it again; else: edgectl faults add"),
        )
    return known


def _new_id(connection: sqlite3.Connection, now: Point) -> str:
    day = datetime.fromtimestamp(now.wall_ms / 1000, UTC).strftime("%Y%m%d")
    while True:
        fault = f"F-{day}-{short_id(ID_LETTERS)}"
        if table.find(connection, fault) is None:
            return fault


def _stood_ms(row: AlarmRow, ages: History) -> int:
    """Of one that an earlier version raised nobody knows: it stood before this one was installed."""
    return TIME_ACCOUNT_KEPT_MS if row.at is None else ages.age(*row.at).low_ms


def _aged(one: Ticket, ages: History) -> Aged:
    age_ms = partial(_age_ms, ages)
    return Aged(one, age_ms(one.found), {step: age_ms(at) for step, at in one.moments.items()})


def _age_ms(ages: History, at: Point) -> int:
    return ages.age(at.boot, at.boottime_ms).low_ms


def _open_fault(one: Aged) -> OpenFault:
    ticket = one.ticket
    when = {step: at.wall_ms for step, at in ticket.moments.items()}
    return OpenFault(
        id=ticket.id,
        key=ticket.key,
        camera=ticket.camera,
        volume=ticket.volume,
        found_ms=ticket.found.wall_ms,
        age_ms=one.age_ms,
        reported_ms=when.get(FaultStep.REPORTED),
        repaired_ms=when.get(FaultStep.REPAIRED),
        over=ticket.over,
    )
