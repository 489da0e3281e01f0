"""The office of one box: who does what in which case (`cases`), by which post, and what is held for it.

Blocking; from any thread. What may be done is `request`'s, who may do it `people`'s. After each act the pins are
brought to what requests hold (`holds`); what cannot be held is told, and tried again.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from edged.config.model import Config
from edged.office import calendars, forms, holds, leaks, legal_days, people
from edged.office import request as machine
from edged.office.cases import CHECKED, NO_UNITS, NO_WORDS, PRESENT, REASON, Cases, CopyWord, Unreadable, copy_word
from edged.office.deadlines import (
    Deadline,
    OfficeTime,
    RunningAge,
    alarms,
    deadlines,
    earliest_day,
    entered_day,
)
from edged.office.findings import CaseFinding, JudgedCase, OfficeRecord, findings, people_of
from edged.office.forms import FormReading
from edged.office.holds import RequestHold
from edged.office.identity_numbers import plain_text
from edged.office.leaks import FootageHolding, LeakCase, LeakStatus, ReportedTo
from edged.office.legal_days import OfficeCalendar, RequestNumber, RequestNumberError
from edged.office.people import Deputy, People, Person, PostHolding
from edged.office.request import SHOWN, Act, Door, Hand, Scope, Stretch, Unfit
from edged.office.story import Case, DatedAct
from edged.office.terms import (
    UNANSWERED_MS,
    ErasureListed,
    closed_ms,
    copy_left_ms,
    over_ms,
    rests_on,
    to_erase,
    was_unanswered,
)
from edged.overview import RequestDeadline, UnreportedLeak
from edged.profiles.loader import Profile, profile
from edged.profiles.procedures import ChainStep, Phase, Procedure, ReplyClock, StepKind, Unit, Use
from storage.approvals.table import Person as Pinner
from storage.exports.model import Export
from storage.exports.service import OURSELVES, Maker
from storage.office.leaks import unknown_leak
from storage.office.leaks_table import LeakStep
from storage.office.persons import Persons, StoredPeople
from storage.office.service import Requests
from storage.pins.rules import Ground, Interval, Limits, Pin, PinOrder, PinState
from storage.register.service import Asked
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.errors import StoreError, UnknownId
from storage.words.message import Message, message

log = logging.getLogger("edged.office")
MS: Final = timedelta(milliseconds=1)
DESTROYED_MAX: Final = 50_000
"""Segments of a stretch that are counted: a month of it."""
REPORT_WITHIN_MS: Final = 86_400_000
"""A leak (應即…報告: the text gives no figure; ours), in running time."""
YEAR: Final = timedelta(days=366)
YEARS: Final = range(1912, 2101)
"""A day of another year was mistyped, and no calendar of an office has it."""
_BOX: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Signer:
    """By which post, and how, something is signed."""

    post: str
    unit: str = ""
    person: int | None = None
    """Who signed on paper or said it; None: whoever enters it signs by that."""
    day: date | None = None
    """On the paper."""
    scan: int | None = None
    by_word: bool = False
    authorised: bool = False


@dataclass(frozen=True, slots=True)
class HandingOver:
    """A copy goes to whoever signs for it (簽收)."""

    receiver: str
    identity: str
    """Which document showed who that is."""
    medium: str
    copy: str = ""
    """By its id; "" where only one is left to sign for."""
    day: date | None = None
    """None: today."""
    fee: int | None = None
    """In dollars."""
    kept: bool = True
    """The office keeps one of it."""


LETTER_MAX: Final = 60
"""Characters of a 發文字號 or 檔號."""


@dataclass(slots=True)
class _Holding:
    """What the last comparison of requests and pins found."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    unheld: dict[RequestHold, Message] = field(default_factory=dict)
    pins: dict[str, RequestHold] = field(default_factory=dict)


class OfficeService:
    """Of one daemon run."""

    def __init__(self, store: Store, config: Callable[[], Config], clock: Clock) -> None:
        """`config`: as it is now."""
        self._store = store
        self._config = config
        self._clock = clock
        self.calendar = OfficeCalendar()
        """When the office works, as it was read last."""
        self._calendars_read = False
        self.cases: Final = Cases(lambda: store.office.requests, lambda: self.procedures)
        self._holding = _Holding()
        self._judged: dict[str, JudgedCase] = {}

    # --- what there is ------------------------------------------------------------------------------------------

    @property
    def procedures(self) -> Mapping[str, Procedure]:
        """Of the profile, by row; none without a profile."""
        name = self._config().site.profile
        return {} if name is None else {one.row: one for one in profile(name).procedures}

    @property
    def cameras(self) -> frozenset[str]:
        """Of the configuration."""
        return frozenset(one.id for one in self._config().cameras)

    @property
    def is_open(self) -> bool:
        """Footage is shown and handed out by granted requests only. OfficeShut."""
        return self._requests.opened is not None

    def running_age(self) -> RunningAge:
        """How old things are now. OfficeShut."""
        ages = self._requests.ages()
        return lambda at: ages.age(at.boot, at.boottime_ms).low_ms

    def read_calendars(self) -> None:
        """Files may have come or changed."""
        self.calendar, _ = calendars.read(self._config().office.calendars)
        self._calendars_read = True

    def time(self) -> OfficeTime:
        """What the clocks say now. OfficeShut."""
        zone = self._config().site.zone
        return OfficeTime(self._clock.now().wall_ms, zone, self._clock.synced(), self.running_age())

    def deadlines(self, case: Case) -> list[Deadline]:
        """What is due in a case, and until when. OfficeShut."""
        return list(deadlines(case, self._clock_of(case), self.calendar, self.time()))

    def due(self, cases: Iterable[Case], told: Collection[RequestDeadline]) -> Iterator[RequestDeadline]:
        """What of them is near or over. `told`: what stands of the last look. OfficeShut."""
        now, before = self.time(), defaultdict[str, list[RequestDeadline]](list)
        for one in told:
            before[one.number].append(one)
        for case in cases:
            if not case.request.closed:
                yield from alarms(case, self._clock_of(case), self.calendar, now, before[case.row.number])

    def _clock_of(self, case: Case) -> ReplyClock | None:
        if not case.procedure.other_clocks or case.request.closed:
            return case.procedure.clock
        return forms.clock_of(case.procedure, self.words(case.row.number))

    @property
    def profile(self) -> Profile:
        """Unfit: there is none."""
        if (name := self._config().site.profile) is None:
            raise Unfit(message("office.no-regulation", "this box has no profile, so it prints no paper of a request"))
        return profile(name)

    @property
    def node(self) -> str:
        """What this box is called."""
        return self._config().site.node

    @property
    def papers(self) -> Path | None:
        """Where the office's own templates lie."""
        return self._config().office.papers

    @property
    def zone(self) -> ZoneInfo:
        """The site's."""
        return self._config().site.zone

    @property
    def camera_names(self) -> Mapping[str, str]:
        """By id."""
        return {one.id: one.name for one in self._config().cameras}

    @property
    def timezone(self) -> str:
        """The site's."""
        return self._config().site.timezone

    def today(self) -> date:
        return datetime.fromtimestamp(self._clock.now().wall_ms / 1000, UTC).astimezone(self._config().site.zone).date()

    @property
    def _requests(self) -> Requests:
        return self._store.office.requests

    @property
    def _persons(self) -> Persons:
        return self._store.office.persons

    # --- people -------------------------------------------------------------------------------------------------

    def people(self) -> People:
        """All that holds now. OfficeShut."""
        return _people(self._persons.read())

    def person_of(self, account: int) -> int:
        """Who an account is. Unfit: nobody of the table."""
        known = self.people().of_account(account)
        if known is None:
            raise Unfit(
                message(
                    "office.not-tied",
                    "this account is nobody's: have it tied to a person (edgectl person tie), which takes two persons",
                )
            )
        return known.number

    def lacking(self) -> list[Message]:
        """Why procedures cannot be carried out: posts that nobody holds, too few accounts. OfficeShut."""
        return list(dict.fromkeys(why for lacks in self._lacking().values() for why in lacks))

    def _lacking(self) -> dict[str, tuple[Message, ...]]:
        """By row."""
        everybody = self.people()
        units = {one.unit for one in self._config().cameras} - {""}
        return {name: tuple(people.lacks(row, everybody, units)) for name, row in self.procedures.items()}

    def cameras_of(self, account: int, shows: bool) -> frozenset[str] | None:
        """Of the unit whose person an account is; None: all. Who is of no unit with cameras sees all (學安室).

        `shows`: footage, or what there is of it. While nobody can tell whose person an account is, that is shown of
        cameras of no unit alone; all else goes on.
        """
        units = {one.id: one.unit for one in self._config().cameras}
        if not self.procedures or not any(units.values()):
            return None
        try:
            known = _people(self._store.office.people()).of_account(account)
        except StoreError:
            return frozenset(camera for camera, unit in units.items() if not unit) if shows else None
        if known is None or known.unit not in units.values() or not known.unit:
            return None
        return frozenset(camera for camera, unit in units.items() if unit == known.unit)

    def has_part(self, account: int, number: str | None) -> bool:
        """Whether an account is of somebody who signs in a request (None: in any) by a post, or asks in it."""
        if not self.procedures:
            return False
        everybody = self.people()
        person = everybody.of_account(account)
        if person is None:
            return False
        if number is None:
            return True
        try:
            case = self.cases.case(number)
        except (Unfit, StoreError):
            return False
        log_book = (ChainStep(post=post, unit=Unit.MANAGING) for post in self.log_posts(case.procedure))
        return case.request.applicant == person.number or any(
            everybody.signs_by(person.number, step.post, unit, self._clock.now().wall_ms)
            for step in (*case.procedure.chain, *case.procedure.hold_by, *log_book)
            for unit in self._units_of(case, step, everybody)
        )

    def accompanies(self, account: int, number: str | None) -> bool:
        """Whether an account is of somebody who may be there, for the office, when what this request was granted is
        seen. They read no words of persons by it.
        """
        if not self.procedures or number is None:
            return False
        everybody = self.people()
        person = everybody.of_account(account)
        try:
            case = self.cases.case(number)
        except (Unfit, StoreError):
            return False
        decided, procedure, now_ms = case.request.decision, case.procedure, self._clock.now().wall_ms
        if person is None or decided is None or decided.uses.isdisjoint(SHOWN) or case.request.closed:
            return False
        units = case.request.units if procedure.companion_unit is Unit.CAMERA else {""}
        return any(everybody.signs_by(person.number, procedure.companion, unit, now_ms) for unit in units)

    @staticmethod
    def _units_of(case: Case, step: ChainStep, everybody: People) -> Iterable[str]:
        asker = None if case.request.applicant is None else everybody.person(case.request.applicant)
        return {people.unit_of(step, asker, unit) for unit in case.request.units or {""}}

    def _hand(self, case: Case, signer: Signer, account: int, step: ChainStep | None) -> Hand:
        """Who signs. `step`: what is signed; None: by any post of the chain. Unfit: they may not, in words."""
        clerk = self.person_of(account)
        if signer.person is None:
            person, door, entered_by = clerk, Door.LOGIN, None
        else:
            person, door, entered_by = signer.person, Door.WORD if signer.by_word else Door.PAPER, clerk
        day = self._paper_day(case, signer, door)
        self._check_scan(case, signer.scan)
        asking = next((one.post for one in case.procedure.chain if one.kind is StepKind.APPLY), None)
        if asking is not None and signer.post == asking:
            hand = Hand(person, signer.post, door, entered_by=entered_by)
        else:
            hand = people.hand(
                self.people(),
                person,
                signer.post,
                self._unit(case, signer, person, (*case.procedure.chain,) if step is None else (step,)),
                self._clock.now().wall_ms,
                door=door,
                entered_by=entered_by,
            )
        return replace(hand, paper_day=day, scan=signer.scan, authorised=signer.authorised)

    def _unit(self, case: Case, signer: Signer, person: int, steps: Iterable[ChainStep]) -> str:
        """By whose post a step is signed: that of the applicant's section, of a unit whose cameras are meant, else of
        the office; of several the one in which that person holds it. Unfit: by no other, or by several.
        """
        everybody = self.people()
        units = {unit for one in steps if one.post == signer.post for unit in self._units_of(case, one, everybody)}
        if units and signer.unit and signer.unit not in units:
            raise Unfit(machine.other_unit(signer.unit))
        if len(units) == 1 or signer.unit:
            return units.pop() if len(units) == 1 else signer.unit
        now_ms = self._clock.now().wall_ms
        return _only_unit(unit for unit in units if everybody.signs_by(person, signer.post, unit, now_ms))

    def _paper_day(self, case: Case, signer: Signer, door: Door) -> int | None:
        if door is Door.LOGIN:
            return None
        if signer.day is None:
            raise Unfit(message("office.paper-day", "say which date is on the paper, or of the telephone call"))
        if self._clock.synced() and signer.day > self.time().today(case):
            raise Unfit(
                message("office.paper-later", "the paper is dated later than today: {day_on}", day_on=str(signer.day))
            )
        return self._near(case, signer.day).toordinal()

    def _check_scan(self, case: Case, scan: int | None) -> None:
        if scan is not None and not 1 <= scan <= self._requests.scans(case.row.number):
            raise Unfit(message("office.scan-none", "there is no such scan"))

    # --- what is done -------------------------------------------------------------------------------------------

    def receive(
        self,
        row: str,
        received: date | None,
        asked: Scope,
        uses: frozenset[Use],
        words: Mapping[str, str],
        *,
        applicant: int | None = None,
        units: frozenset[str] = NO_UNITS,
        number: str | None = None,
    ) -> Case:
        """收文. Whatever is asked for is received: what may not be had is refused in the end.

        `received`: None: today, which is known only while the clock is synchronised. `words`: the form, by field.
        `applicant`: of the table of persons. `number`: of another box of the office. Unfit: no such procedure, person
        or day, or a field that its form has not.
        """
        self._check_applicant(self.procedure(row), applicant)
        case = self.cases.receive(
            row,
            self._received(received),
            asked,
            uses,
            words,
            applicant=applicant,
            units=units,
            number=number,
            synchronised=self._clock.synced(),
        )
        self.hold()
        return case

    def _check_applicant(self, procedure: Procedure, applicant: int | None) -> None:
        """Unfit: it is not known for whom nobody may sign."""
        if applicant is not None:
            person = self.people().person(applicant)
            if person is None or person.left:
                raise Unfit(message("office.no-person", "there is no such person: `edgectl person list`"))
        elif procedure.by_staff:
            raise Unfit(
                message(
                    "office.applicant-who", "say which person of the office asks: the number in `edgectl person list`"
                )
            )

    def other_number(self, number: str, box: str) -> str:
        """What the request of another box is called here. Unfit."""
        try:
            given = RequestNumber.parse(number)
        except RequestNumberError as error:
            raise Unfit(error.said) from None
        name = box.strip().lower()
        if _BOX.fullmatch(name) is None or name == self._config().site.node:
            raise Unfit(
                message(
                    "office.other-box",
                    "say which other box of the office received it, by its name there ([site] node)",
                )
            )
        return f"{given}.{name}"

    def _received(self, told: date | None) -> date:
        """收文. Numbers never go back to an earlier year, so a day is not taken that would bring them far ahead."""
        if told is None and not self._clock.synced():
            raise Unfit(
                message(
                    "office.received-untyped",
                    "the clock of this box is not synchronised: say on which day it was received (--received)",
                )
            )
        day, today = entered_day(told, self.time()).day, self.today()
        if not self._clock.synced():
            own = [one.day for one in self._requests.listed() if one.own]
            if own and day > max(today, date.fromordinal(max(own))) + YEAR:
                raise Unfit(_far(day))
        if day.year not in YEARS:
            raise Unfit(_far(day))
        return day

    def _done_on(self, case: Case, told: date | None, *, behind: DatedAct | None = None) -> date:
        """Something was done for a request, on a day that a person says; None: today. `behind`: what was done before
        it. Unfit.
        """
        day = entered_day(told, self.time(), case).day
        if day < date.fromordinal(case.row.day):
            raise Unfit(_before(day))
        self._refuse_before(case, day, behind)
        return self._near(case, day)

    def _refuse_before(self, case: Case, day: date, done: DatedAct | None) -> None:
        """Unfit: it lies before what it follows, as people or the running time tell."""
        if done is not None and day < (earliest := earliest_day(case, done, self.time())):
            raise Unfit(
                message(
                    "office.day-before-done",
                    "{day_on} is before {done_on}, on which that was done which it is about",
                    day_on=str(day),
                    done_on=str(earliest),
                )
            )

    def _near(self, case: Case, day: date) -> date:
        """Unfit: a day that is no day of this request."""
        received, today = date.fromordinal(case.row.day), self.time().today(case)
        if not received - YEAR <= day <= max(received, today) + YEAR:
            raise Unfit(_far(day))
        return day

    def act(self, number: str, version: int, *acts: Act, words: Mapping[str, str] = NO_WORDS) -> Case:
        """All of them or none; durable when it returns. `version`: of what whoever acts had before them. `words`: those
        that are new, by field or prefix. Unfit, UnknownId, ChangedMeanwhile: nothing has changed.
        """
        case = self.cases.act(number, version, *acts, words=words)
        self.hold()
        return case

    def procedure(self, row: str) -> Procedure:
        """Unfit: the profile has no such row."""
        return self.cases.procedure(row)

    def read_form(self, procedure: Procedure, words: Mapping[str, str]) -> FormReading:
        """What an application asks for. Unfit: it is no form."""
        config = self._config()
        return forms.read_form(
            procedure,
            words,
            Phase.APPLICATION,
            zone=config.site.zone,
            cameras={one.id: one.name for one in config.cameras},
            units={one.id: one.unit for one in config.cameras},
            now_ms=self._clock.now().wall_ms,
        )

    def rendered(self, procedure: Procedure, words: Mapping[str, str]) -> Mapping[str, str]:
        """A form as people read it, by field."""
        config = self._config()
        return forms.rendered(
            procedure, words, zone=config.site.zone, cameras={one.id: one.name for one in config.cameras}
        )

    def words(self, number: str) -> dict[str, str]:
        """Of a case; none where nobody can read them any more."""
        try:
            return self.cases.words(number)
        except StoreError:
            return {}

    def is_nameless(self, case: Case) -> bool:
        """It goes on, and its form was lost with its key and is not entered again yet."""
        try:
            return not case.request.closed and self.cases.is_lost(case.row.number)
        except StoreError:
            return False

    def amend(self, number: str, version: int, fields: Mapping[str, str], *acts: Act) -> Case:
        """Fields are filled or changed, and what else is done with it."""
        filled = [self._amending(self.cases.case(number), fields)] if fields else []
        return self.act(number, version, *filled, *acts, words=fields)

    def _amending(self, case: Case, fields: Mapping[str, str]) -> machine.Amend:
        """Where the application changes, what it asks for is read anew. Of a form that was lost with its key, what is
        not entered again stays as the request knows it, and so does what is held; once it was decided it is entered
        again as it was. Unfit, UnfitForm, WordsAway.
        """
        asking = {one.name for one in case.procedure.of_phase(Phase.APPLICATION)}
        if not asking & fields.keys():
            return machine.Amend(frozenset(fields))
        lost = self.cases.is_lost(case.row.number)
        whole = dict(fields) if lost else {**self.cases.words(case.row.number), **fields}
        read = self.read_form(case.procedure, {name: text for name, text in whole.items() if name in asking})
        if lost and (case.request.decision is not None or case.request.withdrawn):
            return _written_again(case, read, fields)
        if lost and not read.asked:
            return machine.Amend(frozenset(fields))
        return machine.Amend(frozenset(fields), read.asked, read.uses or None if lost else read.uses, read.units)

    def add_scan(self, number: str, data: bytes) -> int:
        """Its position, by which a signature names it. UnknownId, KeyGone; OrderRefused: no volume takes it."""
        return self._requests.add_scan(number, data)

    def scan(self, number: str, position: int) -> bytes | None:
        """None: there is none, or no volume that is here has it as it was."""
        return self._requests.scan(number, position)

    def names(self) -> Mapping[int, str]:
        """Of persons of the office, by number."""
        return self._persons.names()

    def sign(self, number: str, version: int, signer: Signer, account: int, *, hold: bool = False) -> Case:
        """The next signature, or one for what is kept."""
        case = self.cases.case(number)
        if hold:
            approving = case.procedure.hold_by[len(case.request.hold_by) :]
            hand = self._hand(case, signer, account, approving[0] if approving else None)
            return self.act(number, version, machine.ApproveHold(hand))
        return self.act(number, version, machine.Sign(self._hand(case, signer, account, _next(case))))

    def send_back(self, number: str, version: int, signer: Signer, account: int, to: int, why: str) -> Case:
        """退回, to a step by its number in the chain, from 0."""
        case = self.cases.case(number)
        hand = self._hand(case, signer, account, _next(case))
        return self.act(number, version, machine.Return(hand, to), words=_reason(version, why))

    def ask_supplement(self, number: str, version: int, signer: Signer, account: int, until: date, what: str) -> Case:
        case = self.cases.case(number)
        hand = self._hand(case, signer, account, None)
        self._refuse_past(case, until)
        self._near(case, until)
        return self.act(number, version, machine.AskSupplement(hand, until.toordinal()), words=_reason(version, what))

    def _refuse_past(self, case: Case, day: date) -> None:
        """Unfit: what is to come lies behind, as far as a clock that is synchronised tells."""
        first = date.fromordinal(case.row.day)
        if self._clock.synced():
            first = max(first, self.today())
        if day < first:
            raise Unfit(
                message("office.day-past", "{day_on} is over already: write a day to come", day_on=str(day)),
                message(
                    "office.day-past.action", "a day such as 115.11.25 or 2026-11-25, a time such as '2026-11-27 14:00'"
                ),
            )

    def decide(
        self,
        number: str,
        version: int,
        signer: Signer,
        account: int,
        uses: frozenset[Use] | None,
        scope: Scope | None,
        why: str = "",
    ) -> Case:
        """`uses`, `scope`: None: all that is asked for and may be had; no uses: refused."""
        case = self.cases.case(number)
        hand = self._hand(case, signer, account, case.procedure.chain[-1] if case.procedure.chain else None)
        granted = case.request.uses & frozenset(case.procedure.may) if uses is None else uses
        if uses is None and not granted:
            raise Unfit(
                message(
                    "office.nothing-to-grant",
                    "nothing of what is asked for may be had here: {instead}",
                    instead=case.procedure.instead,
                )
            )
        try:
            applying = forms.applying(case.procedure, self.cases.words(number))
        except StoreError:  # nobody can tell which do not apply
            applying = frozenset(one.name for one in case.procedure.checks)
        act = machine.Decide(hand, granted, case.request.asked if scope is None else scope, applying)
        return self.act(number, version, act, words=_reason(version, why))

    def extend(self, number: str, version: int, signer: Signer, account: int, why: str) -> Case:
        hand = self._hand(self.cases.case(number), signer, account, None)
        return self.act(number, version, machine.Extend(hand), words=_reason(version, why))

    def reply(
        self,
        number: str,
        version: int,
        day: date | None,
        letter: str = "",
        delivery: machine.Delivery | None = None,
    ) -> Case:
        """`day`: of the letter; None: today. `letter`: its number (發文字號)."""
        case = self.cases.case(number)
        day_on = self._done_on(case, day).toordinal()
        return self.act(number, version, machine.Reply(day_on, _reference(letter), delivery))

    # --- copies, once they are made -----------------------------------------------------------------------------

    def hand_over(self, number: str, version: int, given: HandingOver) -> Case:
        """簽收. Unfit: the copy is not finished, or it is not said who takes it."""
        case = self.cases.case(number)
        unsigned = [one.made for one in case.request.copies if one.waits]
        if not given.copy and len(unsigned) > 1:
            raise Unfit(
                message("office.which-copy", "there are several copies: say which one of {copies}", copies=unsigned)
            )
        copy = given.copy or "".join(unsigned)
        if case.procedure.fee and given.fee is None:
            raise Unfit(
                message("office.fee-unsaid", "say what whoever asked has paid (費用), 0 for nothing"),
                message("office.fee-unsaid.action", "name it: --fee 120"),
            )
        told = {
            CopyWord.RECEIVER: given.receiver,
            CopyWord.IDENTITY: given.identity,
            CopyWord.MEDIUM: given.medium,
        }
        if not all(text.strip() for text in told.values()):
            raise Unfit(
                message(
                    "office.receipt-lacking",
                    "say who takes the copy, by which document they are known, and on which medium it is",
                )
            )
        fingerprint = self._store.exports.fingerprint(copy) if copy in unsigned else ""
        if fingerprint is None:
            raise Unfit(
                message("office.copy-unfinished", "copy {copy} is not finished", copy=copy),
                message("office.copy-unfinished.action", "edgectl export --resume FOLDER, then hand it over"),
            )
        day = self._done_on(case, given.day, behind=_taking(case, copy)).toordinal()
        act = machine.Receipt(copy, day, fingerprint, given.fee, given.kept)
        return self.act(number, version, act, words={copy_word(copy, one): text for one, text in told.items()})

    def dispose(
        self, number: str, version: int, copy: str, disposal: machine.Disposal, day: date | None, *, ours: bool
    ) -> Case:
        """A copy was returned, destroyed or filed, on that day; None: today."""
        case = self.cases.case(number)
        behind = _taking(case, copy) if ours else _receipt(case, copy) or _taking(case, copy)
        done = machine.Dispose(copy, disposal, ours, self._done_on(case, day, behind=behind).toordinal())
        return self.act(number, version, done)

    def copies_to_destroy(self, case: Case, within_ms: int = 0) -> Iterator[str]:
        """What the office keeps and is to have destroyed in `within_ms` from now, or by now. OfficeShut."""
        here = {one.made for one in case.request.copies if one.is_here}
        if here:
            age = self.running_age()
            for one in self._store.exports.exports_of(case.row.number):
                if one.id in here and copy_left_ms(one.begun, one.order.destroy_by_ms, age) <= within_ms:
                    yield one.id

    def close(self, number: str, version: int, fields: Mapping[str, str], filed_as: str = "") -> Case:
        """The case, with the number of its file (檔號), where that is known; a closed one gets it later."""
        case = self.cases.case(number)
        acts: list[Act] = [machine.FileCase(_reference(filed_as))] if filed_as.strip() else []
        if not (case.request.closed and acts):
            acts.append(machine.Close())
        return self.amend(number, version, fields, *acts)

    def log_posts(self, procedure: Procedure) -> tuple[str, ...]:
        """Who signs a row of its log book."""
        name = self._config().site.profile
        books = () if name is None else profile(name).registers
        return next((tuple(one.signed) for one in books if one.form == procedure.register_form), ())

    def sign_entry(self, number: str, version: int, entry: int, signer: Signer, account: int) -> Case:
        """簽章 of a row of the log book. `entry`: the version that its act has made. Without a post: by the only one
        that the row lacks and whoever signs holds.
        """
        case = self.cases.case(number)
        posts = self.log_posts(case.procedure)
        if not posts:
            raise Unfit(message("office.no-log-book", "the text has no log book for this request"))
        if not signer.post:
            signer = replace(signer, post=self._log_post(case, entry, signer, account))
        if signer.post not in posts:
            raise Unfit(
                message(
                    "office.log-post",
                    "a row of the log book is signed by {posts}, and not by {own}",
                    posts=list(posts),
                    own=signer.post,
                )
            )
        hand = self._hand(case, signer, account, ChainStep(post=signer.post, unit=Unit.MANAGING))
        if hand.paper_day is not None and any(one.version == entry for one in case.request.entries):
            self._refuse_before(case, date.fromordinal(hand.paper_day), case.dated(entry))
        return self.act(number, version, machine.SignEntry(hand, entry))

    def _log_post(self, case: Case, entry: int, signer: Signer, account: int) -> str:
        everybody, now_ms = self.people(), self._clock.now().wall_ms
        person = self.person_of(account) if signer.person is None else signer.person
        signed = {hand.post for one in case.request.entries if one.version == entry for hand in one.signed}
        lacking = [post for post in self.log_posts(case.procedure) if post not in signed]
        theirs = [
            post
            for post in lacking
            for unit in self._units_of(case, ChainStep(post=post, unit=Unit.MANAGING), everybody)
            if person in (*everybody.holders(post, unit), *everybody.deputies_of(post, unit, now_ms))
        ]
        if len(theirs) == 1:
            return theirs[0]
        raise Unfit(
            message("office.which-log-post", "say by which post the row is signed: {posts}", posts=theirs or lacking),
            message("office.which-log-post.action", "add --post; who holds which: `edgectl post list`"),
        )

    def appoint(self, number: str, version: int, at_ms: int) -> Case:
        """A viewing. `at_ms`: wall clock, ms since 1970."""
        case = self.cases.case(number)
        try:
            day = self.time().by_wall(at_ms)
        except (OverflowError, ValueError):
            day = date.max
        self._refuse_past(case, day)
        self._near(case, day)
        return self.act(number, version, machine.Appoint(at_ms))

    def examine(self, number: str, version: int, check: str, outcome: str, document: str, account: int) -> Case:
        """`document`: which was seen, or the law that it rests on."""
        act = machine.Examine(check, outcome, self.person_of(account), bool(document.strip()))
        return self.act(number, version, act, words={f"{CHECKED}{check}": document} if document.strip() else NO_WORDS)

    def see_paper(self, number: str, version: int, account: int) -> Case:
        """A second person has seen the paper of all steps that came in on it."""
        return self.act(number, version, machine.SeePaper(self.person_of(account)))

    def check_pin(self, number: str, cameras: Iterable[str], interval: Interval) -> None:
        """Whether footage may be pinned for a request. UnknownId; Unfit: it is over, or asks for something else."""
        case = self.cases.case(number)
        if case.request.closed or case.request.withdrawn:
            raise Unfit(message("office.pin-over", "request {number} is over", number=number))
        if not machine.within(_scope(cameras, interval), case.request.asked):
            raise Unfit(
                message("office.pin-beyond", "request {number} does not ask for all of that footage", number=number)
            )

    def _approve_pins(self, cases: Iterable[Case]) -> None:
        """What was pinned for a request is approved by its grant of keeping (W6, N2)."""
        waiting = [one.pin for one in self._store.pins.lasting() if one.pin.state is PinState.PROVISIONAL]
        by_number = {one.row.number: one for one in cases} if waiting else {}
        for pin in waiting:
            case, order = by_number.get(pin.order.case), pin.order
            if case is None or not _keeps(case, _scope(order.cameras, order.interval)):
                continue
            approver = next((one for one in self._approvers(case) if one.uid != pin.placer.uid), None)
            if approver is not None:
                self._store.pins.approve(pin.id, approver)

    def keep(
        self, case: Case, version: int, act: machine.Take, fields: Mapping[str, str], placer: Pinner
    ) -> tuple[Case, Pin]:
        """保存: pinned, for as long as the text has it; the grant approves it. Unfit, OrderRefused.

        Pinned first, so that nothing is on record as kept that is not. A pin whose act did not come is that of the next
        one, or lapses.
        """
        pins, limits, held = self._config().pins, self._config().pins.limits(), case.procedure.held
        order = PinOrder(
            tuple(sorted({one.camera for one in act.scope})),
            interval_of(act.scope),
            Ground.INTERNAL,
            "",
            case.row.number,
            case.procedure.chain[-1].post,
            (pins.default if held is None else held) // MS,
        )
        machine.advance(case.procedure, case.request, act, version)
        if (kept := self._kept_already(case, act)) is not None:
            raise Unfit(message("office.kept-already", "this footage is kept already: {pin}", pin=kept))
        placed = self._placed(case, order) or self._store.pins.place(order, placer, limits)[0].pin
        after = self.act(case.row.number, version, replace(act, made=placed.id), words=fields)
        return after, self._store.pins.find(placed.id).pin

    def _kept_already(self, case: Case, act: machine.Take) -> str | None:
        """The pin by which the same cameras and times are kept for this request."""
        lasting = {one.pin.id for one in self._store.pins.lasting()}
        takes = (one.act for one in case.acts if isinstance(one.act, machine.Take))
        return next((one.made for one in takes if one.made in lasting and set(one.scope) == set(act.scope)), None)

    def _placed(self, case: Case, order: PinOrder) -> Pin | None:
        """The pin of this footage that stands for the request already, and that no act names."""
        made = {one.act.made for one in case.acts if isinstance(one.act, machine.Take)}
        footage = (order.case, order.cameras, order.interval)
        for one in (each.pin for each in self._store.pins.lasting()):
            is_free = not one.is_request and one.id not in made
            if is_free and (one.order.case, one.order.cameras, one.order.interval) == footage:
                return one
        return None

    def end_copies_of_nobody(self) -> None:
        """At a start: what was begun, and whose act did not come, leaves no more."""
        for export in self._store.exports.left_open():
            if self._requests.of_export(export.id) is None:
                self._store.exports.abandon(export.id, 0, OURSELVES)

    def _approvers(self, case: Case) -> Iterator[Pinner]:
        """Accounts of who granted it, or saw the paper on which it was granted."""
        request, everybody = case.request, self.people()
        hands = (*request.hold_by, *((request.decision.hand,) if request.decision else ()))
        for number in (*(hand.person for hand in hands), request.paper_seen_by):
            known = None if number is None else everybody.person(number)
            if known is not None and known.account is not None:
                yield Pinner(known.account, case.procedure.chain[-1].post)

    def open_viewing(
        self,
        number: str,
        version: int,
        companion: Hand,
        present: Iterable[str],
        account: int,
        fields: Mapping[str, str] = NO_WORDS,
    ) -> Case:
        """`present`: names of who is there beside operator and companion."""
        there = [one for one in present if one.strip()]
        case = self.cases.case(number)
        words = {f"{PRESENT}{len(case.request.viewings) + 1}": "、".join(there)} if there else NO_WORDS
        act = machine.OpenViewing(self.today().toordinal(), self.person_of(account), companion, len(there))
        return self.act(number, version, act, words={**fields, **words})

    def companion(
        self, number: str, signer: Signer, account: int, *, by_login: bool, cameras: Iterable[str] = ()
    ) -> Hand:
        """Who is there. `by_login`: they said so themselves, from an account of their own. `cameras`: what is to be
        seen, where that is known; whose cameras they are, each unit has somebody there (N7).
        """
        case = self.cases.case(number)
        units = self._units_seen(case, cameras)
        if signer.unit and signer.unit not in units:
            raise Unfit(machine.other_unit(signer.unit))
        if signer.person is None:
            raise Unfit(message("office.companion-who", "say who is there: the number of a person"))
        post, now_ms, everybody = case.procedure.companion, self._clock.now().wall_ms, self.people()
        own = [one for one in sorted(units) if everybody.signs_by(signer.person, post, one, now_ms)]
        if cameras and own and len(own) < len(units):
            raise Unfit(
                message(
                    "office.companion-units",
                    "{post} of {units} is there for the cameras of their own unit only",
                    post=post,
                    units=own,
                ),
                message(
                    "office.companion-units.action",
                    "show the cameras of one unit at a time, each in company of its own: --camera",
                ),
            )
        unit = signer.unit or next(iter(own or units))
        if signer.person == case.request.applicant:
            raise Unfit(machine.OWN)
        if not by_login and signer.person == self.person_of(account):
            raise Unfit(message("office.alone", "nobody looks alone: another person than who shows it is there"))
        return people.hand(
            everybody,
            signer.person,
            post,
            unit,
            now_ms,
            door=Door.LOGIN if by_login else Door.PAPER,
            entered_by=None if by_login else self.person_of(account),
        )

    def _units_seen(self, case: Case, cameras: Iterable[str]) -> frozenset[str]:
        """Whose post the companion holds: that of the units whose cameras they are, else of the office."""
        if case.procedure.companion_unit is not Unit.CAMERA:
            return frozenset({""})
        whose = {one.id: one.unit for one in self._config().cameras}
        return frozenset(whose.get(one, "") for one in cameras) & case.request.units or case.request.units

    # --- what is held -------------------------------------------------------------------------------------------

    @property
    def unheld(self) -> Mapping[RequestHold, Message]:
        """What requests ask to be held and is not, with why, as of the last comparison."""
        return dict(self._holding.unheld)

    @property
    def held(self) -> Mapping[str, RequestHold]:
        """By pin, as of the last comparison."""
        return dict(self._holding.pins)

    def hold(self) -> None:
        """Pins become what requests ask for: after each act, and every minute for what could not be done then."""
        with self._holding.lock:
            cases = list(self.cases.listed())
            asked, unreadable = self._wanted(cases)
            standing = {one.id: _hold_of(one) for one in self._store.pins.holds()}
            todo = holds.changes(asked, standing, unreadable)
            limits, unheld = self._config().pins.limits(), dict[RequestHold, Message]()
            for one in todo.place:
                try:
                    standing[self._place(one, limits).id] = one
                except StoreError as error:
                    unheld[one] = error.what
                    if one not in self._holding.unheld:
                        log.warning("request %s: camera %s is not held", one.number, one.stretch.camera)
            for pin in todo.end:
                try:
                    self._store.pins.end_hold(pin)
                    del standing[pin]
                except StoreError:
                    log.warning("pin %s goes on for a request that holds it no more: tried again", pin)
            self._holding.unheld, self._holding.pins = unheld, standing
            self._approve_pins(one for one in cases if not isinstance(one, Unreadable))

    def destroyed(self, case: Case) -> Iterator[tuple[Stretch, int]]:
        """What of the footage that is asked for was destroyed before, ms."""
        for one in dict.fromkeys(case.request.asked):
            pages = self._store.ledger.register.pages(Asked(one.camera, recorded=(one.from_ms, one.to_ms)))
            gone = (entry.what for page in pages for entry in page.entries)
            spans = ((each.start_ms, each.start_ms + each.duration_ms) for each in islice(gone, DESTROYED_MAX))
            ms = sum(max(0, min(one.to_ms, to_ms) - max(one.from_ms, from_ms)) for from_ms, to_ms in spans)
            if ms:
                yield one, ms

    def is_durable(self, case: Case) -> bool:
        """Whether its receipt lies on a volume, too: else its number may go with the database."""
        return self._store.ledger.is_mirrored(case.row.leaf)

    def begun(self, copy: str) -> tuple[int, int]:
        """By which leaf a copy was begun, and until when it is to be destroyed: wall clock, ms. UnknownId."""
        export = self._store.exports.get(copy)
        return export.leaf or 0, export.order.destroy_by_ms

    def fingerprint(self, copy: str) -> str:
        """SHA-256 of the list of a copy, hex; "": it is not finished. UnknownId."""
        return self._store.exports.fingerprint(copy) or ""

    def wanted(self, case: Case) -> list[RequestHold]:
        """What a case holds, or would if it could."""
        return list(holds.wanted(case.row.number, case.request, closed_ms(case, self.running_age())))

    def to_erase(self, cases: Iterable[Case]) -> Iterator[ErasureListed]:
        """Those whose period is over, and on which no pin, no leak case and no finding rests. OfficeShut."""
        age = self.running_age()
        over = [case for case in cases if over_ms(case, age) is not None]
        if not over:
            return iter(())
        resting, rested = self._rests(self._record())
        return to_erase(over, age, resting, {number: min(ago_ms) for number, ago_ms in rested.items()})

    def _rests(self, record: OfficeRecord) -> tuple[frozenset[str], Mapping[str, list[int]]]:
        """Numbers on which a pin, a leak case or a finding rests; and how long ago, ms, each that rested on one ended:
        of pins the wall clock tells.
        """
        found, rested = self._findings(record), defaultdict[str, list[int]](list)
        touched = {one.id: self.touched(one) for one in record.leaks}
        for one in found:
            if one.closing is not None:
                rested[one.about].append(record.now.age(one.closing.at))
        for number, closed in ((each, one.closed) for one in record.leaks for each in touched[one.id]):
            if closed is not None:
                rested[number].append(record.now.age(closed))
        for number, ended_ms in self._store.pins.case_ends().items():
            rested[number].append(max(0, record.now.wall_ms - ended_ms))
        resting = rests_on(self._store.pins.lasting()) | {one.about for one in found if one.is_open}
        return resting.union(*(touched[one.id] for one in record.leaks if one.closed is None)), rested

    def check_expired(self, number: str) -> Case:
        """Unfit: its persons may not be erased as things are."""
        case = self.cases.case(number)
        if case.row.erased:
            raise Unfit(message("office.erased-already", "the persons of request {number} are erased", number=number))
        if not any(self.to_erase([case])):
            raise Unfit(
                message(
                    "office.not-expired",
                    "request {number} is still to be kept, or a pin, a leak case or a finding rests on it:"
                    " edgectl pin list, edgectl leak list, edgectl compliance",
                    number=number,
                )
            )
        return case

    def _wanted(self, cases: Iterable[Case | Unreadable]) -> tuple[list[RequestHold], frozenset[str]]:
        age, asked, unreadable = self.running_age(), list[RequestHold](), set[str]()
        for one in cases:
            if isinstance(one, Unreadable):
                unreadable.add(one.row.number)
            else:
                asked += holds.wanted(one.row.number, one.request, closed_ms(one, age))
        return asked, frozenset(unreadable)

    def _place(self, one: RequestHold, limits: Limits) -> Pin:
        stretch = one.stretch
        return self._store.pins.hold(one.number, stretch.camera, Interval(stretch.from_ms, stretch.to_ms), limits)

    # --- leak cases ---------------------------------------------------------------------------------------------

    def leak_cases(self) -> tuple[LeakCase, ...]:
        """In the order in which they were opened. OfficeShut."""
        return leaks.leak_cases(self._store.office.leaks.events())

    def leak_case(self, leak: str) -> LeakCase:
        """UnknownId."""
        found = next((one for one in self.leak_cases() if one.id == leak), None)
        if found is None:
            raise unknown_leak(leak)
        return found

    def unreported_leaks(self) -> Iterator[UnreportedLeak]:
        """OfficeShut."""
        age = self.running_age()
        for one in self.leak_cases():
            if one.status is LeakStatus.OPEN:
                yield UnreportedLeak(one.id, is_late=age(one.opened) >= REPORT_WITHIN_MS)

    def touched(self, case: LeakCase) -> frozenset[str]:
        """Numbers of requests of which nothing is erased while it is not closed."""
        return leaks.touched(case, self._exports_of(case))

    def holding(self, case: LeakCase) -> list[FootageHolding]:
        """Copies and viewings in which some of its footage was, the oldest first."""
        readable = (one for one in self.cases.listed() if not isinstance(one, Unreadable))
        return list(leaks.holding(case.scope, {one.row.number: one for one in readable}, self._exports_of(case)))

    def _exports_of(self, case: LeakCase) -> list[Export]:
        """That touch it, and the one that it names."""
        exports = self._store.exports
        found = exports.touching(_around(case.scope))
        if case.opening.copy and all(one.id != case.opening.copy for one in found):
            with suppress(UnknownId):  # after a lost database its leaf comes with its volume
                found.append(exports.on_record(case.opening.copy))
        return found

    def leak_scope(self, cameras: Iterable[str], interval: Interval | None, copy: str) -> Scope:
        """What is thought to have leaked. `interval`: None: all of the copy. UnknownId: there is no such copy; Unfit:
        nothing is named, or the copy holds nothing of it.
        """
        named = tuple(dict.fromkeys(cameras))
        export = self._store.exports.on_record(copy) if copy else None
        if export is not None:
            named, interval = named or export.order.cameras, interval or export.order.interval
        if interval is None or not named:
            raise Unfit(
                message("office.leak-what", "say what has leaked: cameras and an interval, or the id of the copy"),
                message("office.leak-what.action", "edgectl leak open --camera … --from … --to …, or --copy E-…"),
            )
        if interval.first_ms >= interval.last_ms:
            raise Unfit(
                message("office.leak-interval", "the interval is empty: its start is not before its end"),
                message("office.leak-interval.action", "write --from and --to again"),
            )
        scope = _scope(named, interval)
        if export is not None and not leaks.overlap(scope, export):
            raise Unfit(
                message("office.leak-beyond", "copy {copy} holds nothing of these cameras at that time", copy=copy),
                message("office.leak-beyond.action", "leave out cameras and times: then it is all of the copy"),
            )
        return scope

    def open_leak(
        self, scope: Scope, day: date | None, account: int, *, request: str = "", copy: str = "", letter: str = ""
    ) -> LeakCase:
        """`day`: on which it was noticed; None: today. `letter`: number of the document that says what was found.
        UnknownId: there is no such request. Unfit.
        """
        if request:
            self._requests.get(request)
        body = leaks.OpenedBody(
            self._leak_day(day, None).toordinal(),
            scope,
            request,
            copy,
            _reference(letter),
            account,
            self._person_or_none(account),
            self._clock.synced(),
        )
        year = legal_days.roc_year(date.fromordinal(body.day))
        return self.leak_case(self._store.office.leaks.open(year, leaks.story_of(body)))

    def report_leak(self, leak: str, to: ReportedTo, day: date | None, letter: str, account: int) -> LeakCase:
        """To whom it was reported, when and by which document. UnknownId; Unfit."""
        case = self._leak_not_closed(leak)
        if not letter.strip():
            raise Unfit(message("office.leak-letter", "say by which document it was reported: its number (文號)"))
        day_on = self._leak_day(day, date.fromordinal(case.opening.day)).toordinal()
        body = leaks.ReportedBody(to, day_on, _reference(letter), account, self._person_or_none(account))
        self._store.office.leaks.add(leak, case.steps, LeakStep.REPORTED, leaks.story_of(body))
        return self.leak_case(leak)

    def close_leak(self, leak: str, auditor: Pinner) -> LeakCase:
        """UnknownId; Unfit: it is not reported, or touches a case in which the auditor had a hand."""
        case = self._leak_not_closed(leak)
        if not case.reports:
            raise Unfit(
                message(
                    "office.leak-unreported", "leak case {leak} is not reported: first it is, then it is closed",
                    leak=leak,
                ),
                message("office.leak-unreported.action", "edgectl leak report {leak} --to … --letter …", leak=leak),
            )  # fmt: skip
        if self._had_a_hand_in_leak(case, auditor):
            raise Unfit(
                message(
                    "office.leak-own",
                    "nobody closes a leak case that touches what he himself had a hand in: another auditor does",
                ),
                message("office.leak-own.action", "`edgectl leak show {leak}` shows what it touches", leak=leak),
            )
        body = leaks.ClosedBody(auditor.uid, self._person_or_none(auditor.uid))
        self._store.office.leaks.add(leak, case.steps, LeakStep.CLOSED, leaks.story_of(body))
        return self.leak_case(leak)

    def made_by(self, export: Export) -> Maker:
        """Who had a copy made and why, or looked without a request."""
        return self._store.exports.maker(export)

    def _leak_not_closed(self, leak: str) -> LeakCase:
        case = self.leak_case(leak)
        if case.closed is not None:
            raise Unfit(
                message("office.leak-closed", "leak case {leak} is closed", leak=leak),
                message("office.leak-closed.action", "open another one, where there is something new"),
            )
        return case

    def _leak_day(self, told: date | None, opened: date | None) -> date:
        """On which it was noticed, or, behind that, reported. Unfit."""
        day, today = entered_day(told, self.time()).day, self.today()
        if opened is not None and day < opened:
            raise Unfit(
                message(
                    "office.leak-day-before",
                    "{day_on} is before {opened_on}, on which the leak was noticed",
                    day_on=str(day),
                    opened_on=str(opened),
                )
            )
        known = [date.fromordinal(one.opening.day) for one in self.leak_cases()]
        if day.year not in YEARS or not today - YEAR <= day <= max([today, *known]) + YEAR:
            raise Unfit(_far(day))
        return day

    def _person_or_none(self, account: int) -> int | None:
        known = self.people().of_account(account)
        return None if known is None else known.number

    def _had_a_hand_in_leak(self, case: LeakCase, auditor: Pinner) -> bool:
        person, numbers = self._person_or_none(auditor.uid), self.touched(case)
        readable = [one for one in self.cases.listed() if not isinstance(one, Unreadable)]
        if person is not None and any(person in people_of(one) for one in readable if one.row.number in numbers):
            return True
        made = (self.made_by(one) for one in self._exports_of(case))
        return any(
            one.who.partition(" ")[0] == auditor.name or (person is not None and one.companion == person)
            for one in made
        )

    # --- what clauses are judged by -----------------------------------------------------------------------------

    def record(self) -> OfficeRecord:
        """As it is now. OfficeShut."""
        record = self._record()
        return replace(record, unanswered=frozenset(self._unanswered(record)))

    def _unanswered(self, record: OfficeRecord) -> Iterator[str]:
        """Requests whose list nobody answered in time, or has not answered yet."""
        age = record.now.age
        over = [one.case for one in record.cases if (over_ms(one.case, age) or 0) >= UNANSWERED_MS]
        if not over:
            return
        resting, rested = self._rests(record)
        erased = self._requests.erased_at()
        latest = {number: min(ago_ms) for number, ago_ms in rested.items()}
        yield from (one.number for one in to_erase(over, age, resting, latest) if one.is_unanswered)
        for case in over:
            number = case.row.number
            if number in erased and was_unanswered(case, age, erased[number], rested.get(number, ())):
                yield number

    def _record(self) -> OfficeRecord:
        """But for what waits for an answer, which takes all else that went wrong."""
        if not self._calendars_read:  # a holiday that is not known yet would make a reply late
            self.read_calendars()
        listed, opened = list(self.cases.listed()), self._requests.opened
        cases = tuple(self._case(one) for one in listed if not isinstance(one, Unreadable))
        kept = [act.act.made for one in cases for act in one.case.acts if isinstance(act.act, machine.Take)]
        name = self._config().site.profile
        return OfficeRecord(
            self.time(),
            self.calendar,
            opened,
            self._lacking(),
            cases,
            tuple(one for one in listed if isinstance(one, Unreadable)),
            () if opened is None else tuple(self._store.exports.since(opened)),
            self._store.pins.lapsed(kept),
            tuple(self._requests.closed_findings()),
            self.leak_cases(),
            {} if name is None else {one.form: tuple(one.signed) for one in profile(name).registers},
        )

    def _case(self, case: Case) -> JudgedCase:
        """Its form is read once for each version."""
        number = case.row.number
        known = self._judged.get(number)
        if known is None or known.case is not case or not known.legible:
            self._judged[number] = known = self._read(case)
        return known

    def _read(self, case: Case) -> JudgedCase:
        procedure = case.procedure
        try:
            words = self.cases.words(case.row.number)
        except StoreError:
            clocks = [one for one in (procedure.clock, *procedure.other_clocks) if one is not None]
            longest = max(clocks, key=lambda one: one.days or 0, default=None)
            return JudgedCase(case, longest, legible=False)
        empty = tuple(forms.label(one) for one in forms.empty(procedure, case.request, words))
        return JudgedCase(case, forms.clock_of(procedure, words), empty)

    def findings(self) -> tuple[CaseFinding, ...]:
        """Of all clauses; none without a profile. OfficeShut."""
        return self._findings(self.record())

    def _findings(self, record: OfficeRecord) -> tuple[CaseFinding, ...]:
        name = self._config().site.profile
        return () if name is None else findings(profile(name), record)

    def close_finding(self, one: CaseFinding, auditor: Pinner, reason: str) -> None:
        """As far as it is known. Unfit: it goes on, or is about the auditor; nothing has changed."""
        self.check_closable(one, auditor)
        self._requests.close_finding(one.clause, one.about, [each.key for each in one.breaches], auditor.uid, reason)

    def check_closable(self, one: CaseFinding, auditor: Pinner) -> None:
        """Unfit."""
        if one.stands:
            raise Unfit(
                message(
                    "office.finding-stands",
                    "finding {finding} goes on: first it is put right, then it is closed",
                    finding=one.id,
                )
            )
        if self._had_a_hand_in(one.about, auditor):
            raise Unfit(
                message(
                    "office.finding-own",
                    "nobody closes a finding about himself: another auditor does ({finding})",
                    finding=one.id,
                )
            )

    def _had_a_hand_in(self, about: str, auditor: Pinner) -> bool:
        """In the request, or in the copy, as its leaf names who made it."""
        record, person = self.record(), self.people().of_account(auditor.uid)
        cases = (one.case for one in record.cases if one.case.row.number == about)
        copies = (self._store.exports.told(one).get("who") for one in record.exports if one.id == about)
        return any(person is not None and person.number in people_of(case) for case in cases) or any(
            who is not None and who[1].partition(" ")[0] == auditor.name for who in copies
        )


def _around(scope: Scope) -> Interval:
    """From the earliest of it to the latest."""
    return Interval(min(one.from_ms for one in scope), max(one.to_ms for one in scope))


def _people(told: StoredPeople) -> People:
    persons, posts = told
    return People(
        tuple(Person(one.number, one.unit, one.account, one.left) for one in persons),
        tuple(PostHolding(one.person, one.post, one.unit, one.by) for one in posts if one.holder is None),
        tuple(
            Deputy(one.person, one.post, one.unit, one.holder, one.from_ms or 0, one.to_ms or 0, one.by)
            for one in posts
            if one.holder is not None
        ),
    )


def _scope(cameras: Iterable[str], interval: Interval) -> Scope:
    return tuple(Stretch(camera, interval.first_ms, interval.last_ms) for camera in cameras)


def _keeps(case: Case, scope: Scope) -> bool:
    """Whether a grant of keeping covers it."""
    request, decision = case.request, case.request.decision
    if request.withdrawn or decision is None or len(request.hold_by) < len(case.procedure.hold_by):
        return False
    if request.hold_asked:
        return machine.within(scope, request.hold_asked)
    return Use.HOLD in decision.uses and machine.within(scope, decision.scope)


def _written_again(case: Case, read: FormReading, fields: Iterable[str]) -> machine.Amend:
    """What a form said that was lost after its decision. Unfit: some of it is missing, which nobody could enter later,
    or it is not what was decided.
    """
    if read.missing:
        labels = [forms.label(one) for one in case.procedure.fields if one.name in read.missing]
        raise Unfit(
            message(
                "office.again-whole",
                "its form was lost with its key, and is entered again as a whole; these are empty: {fields}",
                fields=labels,
            )
        )
    if not (read.uses <= case.request.uses and machine.within(read.asked, case.request.asked)):
        raise Unfit(
            message(
                "office.again-other",
                "its form was lost with its key, and is entered again as the paper has it: this asks for something"
                " else",
            )
        )
    return machine.Amend(frozenset(fields), lost=True)


def _taking(case: Case, copy: str) -> DatedAct | None:
    """By which a copy was made."""
    return next((one for one in case.acts if isinstance(one.act, machine.Take) and one.act.made == copy), None)


def _receipt(case: Case, copy: str) -> DatedAct | None:
    """By which it was signed for."""
    return next((one for one in case.acts if isinstance(one.act, machine.Receipt) and one.act.copy == copy), None)


def _before(day: date) -> Message:
    return message("office.day-before", "{day_on} is before the request was received", day_on=str(day))


def _far(day: date) -> Message:
    return message("office.day-far", "{day_on} lies more than a year off: type the day again", day_on=str(day))


def _next(case: Case) -> ChainStep | None:
    """The step that is signed next; the last one where it was decided, by word. None: there is no chain."""
    chain, number = case.procedure.chain, case.request.step(case.procedure)
    return chain[min(number, len(chain) - 1)] if chain else None


def interval_of(scope: Scope) -> Interval:
    """Of a copy or a pin, which have one. Unfit: there are several, and none is named."""
    intervals = {(one.from_ms, one.to_ms) for one in scope}
    if len(intervals) != 1:
        raise Unfit(message("office.one-interval", "name one interval: its cameras and times (--camera --from --to)"))
    return Interval(*intervals.pop())


def _hold_of(pin: Pin) -> RequestHold:
    order = pin.order
    stretch = Stretch(order.cameras[0], order.interval.first_ms, order.interval.last_ms)
    return RequestHold(order.case, stretch)


def _reference(text: str) -> str:
    """Of a letter or a file. Unfit: it is none."""
    plain = plain_text(text).strip()
    unfit = forms.unfit_text(plain, LETTER_MAX, lines=False)
    if unfit is not None:
        raise Unfit(unfit)
    return plain


def _only_unit(found: Iterable[str]) -> str:
    """ "" where there is none. Unfit: several, and which one is not said."""
    units = sorted(found)
    if len(units) > 1:
        raise Unfit(
            message("office.which-unit", "this person holds the post in each of {units}: say by which", units=units),
            message("office.which-unit.action", "name it: --unit {unit}", unit=units[0]),
        )
    return "".join(units)


def _reason(version: int, why: str) -> Mapping[str, str]:
    return {f"{REASON}{version + 1}": why} if why.strip() else NO_WORDS
