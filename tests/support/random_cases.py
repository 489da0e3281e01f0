"""Random cases of all rows of all profiles, as their stories tell them: most of them come a long way, each by another.

What a case says here follows from a seed alone. Words are unique, so that it is known of each where it came from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from edged.office import story
from edged.office.cases import CHECKED, PRESENT, REASON, CopyWord, copy_word
from edged.office.deadlines import OfficeTime
from edged.office.request import (
    Act,
    Amend,
    Appoint,
    ApproveHold,
    AskHold,
    AskSupplement,
    Close,
    CutViewing,
    Decide,
    Delivery,
    Disposal,
    Dispose,
    Door,
    EndViewing,
    Examine,
    Extend,
    FileCase,
    Hand,
    OpenViewing,
    Receipt,
    Reply,
    Return,
    Secrecy,
    SeePaper,
    Sign,
    SignEntry,
    Stretch,
    Supplemented,
    Take,
    Unfit,
    Withdraw,
    advance,
    receive,
)
from edged.office.story import Case, DatedAct
from edged.profiles.loader import PROFILES, Profile, profile
from edged.profiles.procedures import AnnexField, FieldKind, Phase, Procedure, StepKind, Unit, Use
from storage.ages.history import Point
from storage.exports.model import Export, ExportOrder, ExportState, OfficeRequest
from storage.office.table import RequestRow
from storage.pins.rules import Interval

ZONE: Final = ZoneInfo("Asia/Taipei")
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
FIRST: Final = date(2025, 11, 3)
"""The first day on which one is received; the last one is a year later."""
ROWS: Final[tuple[tuple[Profile, Procedure], ...]] = tuple(
    (profile(name), row) for name in sorted(PROFILES) for row in profile(name).procedures
)
STAFF: Final = range(1, 9)
NAMES: Final[Mapping[int, str]] = {one: f"{'甲乙丙丁戊己庚辛'[one - 1]}員" for one in STAFF}
CAMERAS: Final = {"lobby": "大廳", "gate": "側門"}


def now_after(days: int = 700) -> OfficeTime:
    """So many days behind the first receipt, by clocks that agree."""
    now_ms = _ms(FIRST) + days * DAY_MS
    return OfficeTime(now_ms, ZONE, True, lambda one: now_ms - one.wall_ms)


def _interval(one: Stretch, zone: ZoneInfo) -> str:
    """115-11-20 23:50:10 ~ 115-11-21 00:20:10."""
    times = (datetime.fromtimestamp(ms / 1000, zone) for ms in (one.from_ms, one.to_ms))
    return " ~ ".join(f"{at.year - 1911}-{at:%m-%d %H:%M:%S}" for at in times)


def _ms(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, 9, tzinfo=ZONE).timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class RandomCase:
    profile: Profile
    case: Case
    words: Mapping[str, str]
    """Of its form, and all that is told beside it; none of a case that was erased."""
    receipt: Mapping[str, Any]
    """As its leaf has it."""
    bodies: tuple[Mapping[str, Any], ...]
    """Of its acts, as their leaves have them."""
    exports: tuple[Export, ...]

    @property
    def procedure(self) -> Procedure:
        return self.case.procedure

    @property
    def erased(self) -> bool:
        return self.case.row.erased

    @property
    def applicant(self) -> int | None:
        found: int | None = self.receipt["applicant"]
        return found

    @property
    def day(self) -> date:
        """Of the receipt."""
        return date.fromordinal(self.case.row.day)


def random_case(seed: int) -> RandomCase:
    random = Random(seed)
    of, row = ROWS[seed % len(ROWS)]
    return _Teller(random, seed, of, row).told()


class _Teller:
    def __init__(self, random: Random, seed: int, of: Profile, row: Procedure) -> None:
        self.random, self.seed, self.of, self.row = random, seed, of, row
        self.day = FIRST + timedelta(days=random.randrange(366))
        self.at_ms = _ms(self.day) + random.randrange(HOUR_MS)
        self.leaf = 100_000 * seed + 1
        self.number = f"{self.day.year - 1911}-{seed:04d}"
        base_ms = self.at_ms - 2 * DAY_MS - self.at_ms % (60_000 if seed // len(ROWS) % 2 else 1000)
        base_ms -= seed // len(ROWS) % 3 * 5 * HOUR_MS
        self.scope = tuple(
            Stretch(camera, base_ms + start * 60_000, base_ms + (start + 30) * 60_000)
            for camera, start in (("lobby", 0), ("gate", 45))[: random.choice((1, 2))]
        )
        units = frozenset({"教務處"}) if any(step.unit is Unit.CAMERA for step in row.chain) else frozenset[str]()
        uses = (
            frozenset(random.sample(list(Use), random.choice((1, 2)))) if random.random() < 0.3 else frozenset(row.may)
        )
        asker = 8 if row.by_staff else None
        self.first = self.request = receive(row, self.scope, uses or frozenset({Use.VIEW}), asker, units)
        self.acts: list[DatedAct] = []
        self.exports: list[Export] = []
        filled = Random(f"form {seed}")
        self.words = {one.name: self._written(one, filled) for one in row.fields if filled.random() < 0.93}
        self.words = {name: text for name, text in self.words.items() if text}

    def _written(self, one: AnnexField, random: Random) -> str:
        """In a field of the form, as somebody writes it."""
        match one.kind:
            case FieldKind.DATE:
                return f"{self.day.year - 1911}-{self.day:%m-%d}"
            case FieldKind.COUNT:
                return str(random.randrange(1, 9))
            case FieldKind.INTERVAL:
                return "；".join(_interval(each, ZONE) for each in self._told_in(one))
            case FieldKind.CAMERAS:
                return "、".join(random.choice((each.camera, CAMERAS[each.camera])) for each in self._told_in(one))
            case FieldKind.CHOICE | FieldKind.CHOICES:
                own = {one.open_choice: f"{one.open_choice}：自述語{self.seed}"}
                return "、".join(own.get(each, each) for each in self._chosen(one, random))
        return f"{one.name}語{self.seed}"

    def _chosen(self, one: AnnexField, random: Random) -> list[str]:
        if one.uses and one.phase is Phase.APPLICATION:
            wanted = zip(one.choices, one.uses, strict=True)
            return [choice for choice, use in wanted if use in self.request.uses]
        most = len(one.choices) if one.kind is FieldKind.CHOICES else 1
        return sorted(random.sample(one.choices, random.randint(1, most)), key=one.choices.index)

    def _told_in(self, one: AnnexField) -> tuple[Stretch, ...]:
        """At a viewing it is filled in what was kept."""
        return self.scope if one.phase is Phase.APPLICATION else self.scope[:1]

    def told(self) -> RandomCase:
        for step in (self._checks, self._chain, self._decide, self._reply, self._use, self._log_book, self._end):
            step()
            if self.random.random() < 0.015:
                self._do(Withdraw())
        version = len(self.acts) + 1
        row = RequestRow(
            self.number, self.seed % 9 != 0, self.row.row, self.day.toordinal(), Point(1, self.at_ms, self.start_ms),
            version, self.request.status.value, 100_000 * self.seed + 1, self.seed % 11 == 0 and self.request.closed,
        )  # fmt: skip
        synchronised = self.seed % 7 != 0
        receipt = json.loads(json.dumps(story.of_receipt(self.first, synchronised=synchronised)))
        bodies = tuple(json.loads(json.dumps(story.of_act(one.act))) for one in self.acts)
        case = Case(row, self.row, self.request, tuple(self.acts), synchronised)
        words = {} if row.erased else self.words
        return RandomCase(self.of, case, words, receipt, bodies, tuple(self.exports))

    @property
    def start_ms(self) -> int:
        return _ms(self.day)

    def _do(self, act: Act, *, why: bool = False) -> bool:
        """Whether it could be done. `why`: it is said."""
        try:
            self.request = advance(self.row, self.request, act, self.request.version)
        except Unfit:
            return False
        self.at_ms += self.random.choice((0, 5 * 60_000, HOUR_MS, 2 * DAY_MS))
        self.leaf += self.random.randrange(1, 5)
        self.acts.append(DatedAct(act, Point(1, self.at_ms, self.at_ms), self.leaf))
        if why:
            self.words[f"{REASON}{self.request.version}"] = f"理由{self.request.version}語{self.seed}"
        return True

    def _today(self) -> int:
        return datetime.fromtimestamp(self.at_ms / 1000, ZONE).date().toordinal()

    def _hand(self, post: str, unit: str = "", person: int | None = None) -> Hand:
        door = self.random.choice((Door.LOGIN, Door.LOGIN, Door.PAPER))
        who = self.random.choice(range(1, 5)) if person is None else person
        on_paper = door is Door.PAPER
        return Hand(
            who, post, door, unit, deputy=self.random.random() < 0.15, entered_by=6 if on_paper else None,
            paper_day=self._today() if on_paper else None,
        )  # fmt: skip

    def _checks(self) -> None:
        for one in self.row.checks:
            last = self.random.random() < 0.05
            outcome = one.outcomes[-1 if last else 0]
            named = outcome in one.named or self.random.random() < 0.3
            if self._do(Examine(one.name, outcome, 1, document=named)) and named:
                self.words[f"{CHECKED}{one.name}"] = f"{one.name}證語{self.seed}"

    def _chain(self) -> None:
        for step in self.row.chain[:-1]:
            if self.random.random() < 0.05:
                return
            for unit in sorted(self.request.units) if step.unit is Unit.CAMERA else [""]:
                person = None
                if step.kind is StepKind.APPLY:
                    person = self.request.applicant or 0
                self._do(Sign(self._hand(step.post, unit, person)))
            asked = AskSupplement(self._hand(step.post), self._today() + 9)
            if self.random.random() < 0.08 and self._do(asked, why=True):
                self._do(Supplemented(self._today()))
            if self.random.random() < 0.04:
                self._do(Extend(self._hand(step.post)), why=True)
        if self.row.chain and self.random.random() < 0.08:
            back = self.random.randrange(len(self.row.chain))
            if self._do(Return(self._hand(self.row.chain[-1].post), back), why=True):
                self._chain()

    def _decide(self) -> None:
        if not self.row.chain:
            return
        post, kind = self.row.chain[-1].post, self.random.random()
        hand = self._hand(post)
        if self.row.by_word and kind < 0.7:
            hand = Hand(5, post, Door.WORD, entered_by=6, paper_day=self._today())
        may = self.request.uses & frozenset(self.row.may)
        uses = frozenset[Use]() if kind < 0.15 else may
        said = not uses or self.random.random() < 0.5
        self._do(Decide(hand, uses, self.scope[:1] if 0.15 < kind < 0.3 else self.scope), why=said)
        if self.request.word_pending and self.random.random() < 0.8:
            self._do(Sign(Hand(5, post)))
        self._do(SeePaper(7))

    def _reply(self) -> None:
        if self.random.random() < 0.9:
            day = self._today() if self.random.random() < 0.8 else None
            letter = f"字第{self.seed}號" if self.random.random() < 0.7 else ""
            self._do(Reply(day, letter, self.random.choice((None, *Delivery))))

    def _use(self) -> None:
        for _ in range(self.random.choice((0, 1, 1, 2))):
            self._view()
        for ask in self.random.choice(((True, False), (False, True), (True,))):
            if ask:
                self._do(AskHold(self.scope[:1]))
                continue
            for step in self.row.hold_by:
                self._do(ApproveHold(self._hand(step.post)))
        for use in (Use.HOLD, Use.COPY, Use.COPY):
            if self.random.random() < 0.7:
                self._take(use)

    def _view(self) -> None:
        self._do(Appoint(self.at_ms))
        unit = "教務處" if self.row.companion_unit is Unit.CAMERA else ""
        number = len(self.request.viewings) + 1
        operator = self.random.choice((1, 1, self.request.applicant or 1))
        if not self._do(OpenViewing(self._today(), operator, Hand(6, self.row.companion, Door.LOGIN, unit), 1)):
            return
        self.words[f"{PRESENT}{number}"] = f"在場語{self.seed}"
        self._export(f"V-{self.seed}-{number}", self.scope[:1], viewing=True)
        self.at_ms += 25 * 60_000
        if self.random.random() < 0.9:
            self._do(EndViewing(not_filmed=True) if self.random.random() < 0.8 else CutViewing())

    def _take(self, use: Use) -> None:
        name = f"{'P' if use is Use.HOLD else 'E'}-{self.seed}-{len(self.acts)}"
        scope = self.request.hold_asked if use is Use.HOLD and self.request.hold_asked else self.scope[:1]
        secrecy = self.random.choice(tuple(Secrecy)) if self.row.secrecy else None
        if not self._do(Take(use, scope, name, secrecy)) or use is Use.HOLD:
            return
        self._export(name, scope, viewing=False)
        if self.row.secrecy:
            self.words[copy_word(name, CopyWord.DECLASSIFY)] = f"解密語{self.seed}"
        kept = self.random.random() < 0.8
        if self.random.random() < 0.8 and self._do(
            Receipt(name, self._today(), f"{self.seed:064x}", 50 if self.row.fee else None, kept)
        ):
            self.words |= {copy_word(name, what): f"{what}語{self.seed}" for what in CopyWord}
        for ours in (True, False):
            if self.random.random() < 0.4:
                self._do(Dispose(name, self.random.choice(tuple(Disposal)), ours, self._today()))

    def _export(self, name: str, scope: tuple[Stretch, ...], *, viewing: bool) -> None:
        self.leaf += 1
        request = OfficeRequest(self.number, self.row.row)
        interval = Interval(scope[0].from_ms, scope[0].to_ms)
        order = ExportOrder(
            tuple(one.camera for one in scope), interval, False, 1, self.at_ms + DAY_MS, request, viewing
        )
        begun = Point(1, self.at_ms, self.at_ms)
        self.exports.append(Export(self.leaf, name, ExportState.FINISHED, order, 1, begun, self.leaf, None))

    def _log_book(self) -> None:
        for entry in self.request.entries:
            for post in ("管理人員", "主管"):
                if self.random.random() < 0.6:
                    self._do(SignEntry(self._hand(post, person=self.random.choice((1, 2))), entry.version))

    def _end(self) -> None:
        later = frozenset(one.name for one in self.row.of_phase(Phase.AFTERWARDS))
        if later and self.random.random() < 0.5:
            self._do(Amend(later))
        if self.random.random() < 0.3:
            self._do(FileCase(f"115/{self.seed}"))
        if self.random.random() < 0.7:
            self._do(Close())


def random_cases(count: int, first: int = 0) -> Iterator[RandomCase]:
    return map(random_case, range(first, first + count))
