"""Cases of every row as papers tell of them, with plausible and invented people, and printed papers read back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Final
from xml.parsers.expat import ParserCreate
from zoneinfo import ZoneInfo

from edged.office import forms
from edged.office.cases import CHECKED, PRESENT, REASON
from edged.office.request import (
    OUTSIDE,
    Act,
    ApproveHold,
    AskHold,
    Decide,
    Door,
    EndViewing,
    Examine,
    Hand,
    OpenViewing,
    Reply,
    Request,
    Scope,
    Sign,
    Stretch,
    Take,
    advance,
    receive,
)
from edged.office.story import Case, DatedAct
from edged.papers.paper_case import PaperCase
from edged.profiles.loader import PROFILES, Profile, profile
from edged.profiles.procedures import AnnexField, FieldKind, Procedure, StepKind, Unit, Use
from storage.ages.history import Point
from storage.office.table import RequestRow

ZONE: Final = ZoneInfo("Asia/Taipei")
DAY: Final = date(2026, 11, 25)
INTERVAL: Final = "115年11月20日14時05分～115年11月20日14時35分"
PERSONS: Final[Mapping[int, str]] = {
    1: "周怡君",
    2: "陳建宏",
    3: "張雅婷",
    4: "王志明",
    5: "李美玲",
    6: "黃國華",
    7: "吳佩珊",
}
CAMERAS: Final[Mapping[str, str]] = {"lobby": "一樓大廳", "counter-3": "三號櫃檯"}
UNITS: Final = frozenset({"圖書館", "學務處"})
WORDS: Final[Mapping[str, str]] = {
    "applicant": "周怡君",
    "applicant-id": "A123456789",
    "agent": "鄭文雄",
    "agent-id": "B123456780",
    "entrusted-to": "鄭文雄",
    "phone": "02-2936-5522",
    "address": "臺北市文山區木柵路三段220號",
    "agent-address": "臺北市大同區承德路一段35號",
    "reason": "11月20日下午於一樓大廳等候時皮夾遺失，請求查明何人取走。",
    "purpose": "向警察機關報案時陳述經過。",
    "scope": "遺失前後半小時。",
    "copy-reason": "移送偵查附卷。",
    "kept-reason": "民眾揚言提告，影像供日後說明。",
    "handling": "115年11月27日由行政課派員陪同閱覽，申請人確認皮夾由清潔人員拾得。",
    "section": "登記課",
    "reader": "周怡君",
    "unit": "資訊科教師",
    "place": "圖書資訊大樓一樓入口",
    "agency": "臺北市政府警察局文山第一分局",
    "caller": "劉偵查佐",
    "badge": "A0457",
    "callback": "02-2936-5522",
    "letter-number": "北市警文一分偵字第1153012345號",
    "law": "刑事訴訟法第230條",
    "told": "當日14時許皮夾放在填單檯上，離開片刻後不見。",
}


OF_KIND: Final[Mapping[FieldKind, str]] = {
    FieldKind.DATE: "115年11月25日",
    FieldKind.INTERVAL: INTERVAL,
    FieldKind.CAMERAS: "lobby",
    FieldKind.COUNT: "1",
    FieldKind.SIGNATURE: "已蓋章",
}


def every_row() -> Iterator[tuple[Profile, Procedure]]:
    for name in PROFILES:
        for one in profile(name).procedures:
            yield profile(name), one


def row_of(name: str) -> tuple[Profile, Procedure]:
    return next(found for found in every_row() if found[1].row == name)


def text_of(one: AnnexField) -> str:
    """What somebody might write in it."""
    if one.choices:
        told = one.choices[-1] if one.name == "applied-by" else one.choices[0]
        return "、".join(one.choices) if one.uses else told
    return OF_KIND.get(one.kind) or WORDS.get(one.name, "無")


@dataclass(slots=True)
class Sample:
    """A request that goes its way, act by act."""

    profile: Profile
    procedure: Procedure
    words: dict[str, str]
    request: Request
    acts: list[DatedAct] = field(default_factory=list)

    @classmethod
    def received(cls, row: str, words: Mapping[str, str] | None = None) -> Sample:
        """`words`: instead of plausible ones, by field."""
        of, procedure = row_of(row)
        told = {one.name: text_of(one) for one in procedure.fields} | dict(words or {})
        told = {name: text for name, text in told.items() if text}
        uses = frozenset(procedure.may)
        units = UNITS if any(step.unit is Unit.CAMERA for step in procedure.chain) else frozenset[str]()
        first = receive(procedure, SCOPE, uses, 1 if procedure.by_staff else None, units)
        return cls(of, procedure, told, first)

    def do(self, act: Act) -> None:
        """A minute later than what was done before."""
        self.request = advance(self.procedure, self.request, act, self.request.version)
        minutes = len(self.acts) + 1
        self.acts.append(DatedAct(act, Point(1, minutes * 60_000, AT_MS + minutes * 60_000), 41 + minutes))

    def examine(self) -> None:
        applying = forms.applying(self.procedure, self.words)
        for one in self.procedure.checks:
            if one.name in applying:
                self.words[f"{CHECKED}{one.name}"] = "身分證"
                self.do(Examine(one.name, one.outcomes[0], 2, document=True))

    def sign(self) -> None:
        """All but the decision: every second on paper, a deputy for the third."""
        for number, step in enumerate(self.procedure.chain[:-1]):
            for unit in sorted(self.request.lacking(number, step)):
                self.do(Sign(self._hand(number, step.post, unit, apply=step.kind is StepKind.APPLY)))

    def _hand(self, number: int, post: str, unit: str, *, apply: bool) -> Hand:
        if apply and self.request.applicant is None:
            return Hand(OUTSIDE, post, Door.PAPER, entered_by=2, paper_day=DAY.toordinal())
        person = 1 if apply else 2 + number % 5
        if number % 2 and not apply:
            return Hand(person, post, Door.PAPER, unit, entered_by=2, paper_day=DAY.toordinal())
        return Hand(person, post, unit=unit, deputy=number == 4)

    def decide(self, uses: frozenset[Use] | None = None, why: str = "") -> None:
        """`uses`: None: all; none: refused."""
        granted = self.request.uses & frozenset(self.procedure.may) if uses is None else uses
        hand = Hand(7, self.procedure.chain[-1].post)
        if self.procedure.by_word:
            hand = replace(hand, door=Door.WORD, entered_by=2, paper_day=DAY.toordinal())
        if why:
            self.words[f"{REASON}{self.request.version + 1}"] = why
        self.do(Decide(hand, granted, SCOPE, forms.applying(self.procedure, self.words)))
        if self.procedure.by_word:
            self.do(Sign(Hand(7, self.procedure.chain[-1].post)))

    def use(self) -> None:
        """What was granted, and the reply."""
        may = self.request.decision.uses if self.request.decision else frozenset[Use]()
        self.do(Reply(DAY.toordinal() + 1, "第1156000123號"))
        if may & {Use.VIEW, Use.LOOK}:
            self.words[f"{PRESENT}1"] = WORDS["applicant"]
            there = Hand(6, self.procedure.companion)
            seen = replace(self.request, paper_seen_by=6, appointed=True)
            self.request = seen
            self.do(OpenViewing(DAY.toordinal() + 2, 2, there, 1))
            self.do(EndViewing(not_filmed=True))
            if self.procedure.hold_by and Use.HOLD in self.procedure.may:
                if Use.HOLD not in may:
                    self.do(AskHold(SCOPE))
                for step in self.procedure.hold_by:
                    self.do(ApproveHold(Hand(7, step.post)))
                self.request = replace(self.request, paper_seen_by=6)
                self.do(Take(Use.HOLD, SCOPE, "pin-7"))

    def paper(self, **changed: object) -> PaperCase:
        row = RequestRow(
            number="115-0007",
            own=True,
            row=self.procedure.row,
            day=DAY.toordinal(),
            received=Point(1, 0, AT_MS),
            version=self.request.version,
            status=self.request.status.value,
            leaf=41,
        )
        case = Case(row, self.procedure, self.request, tuple(self.acts))
        shown = forms.rendered(
            self.procedure,
            {name: text for name, text in self.words.items() if ":" not in name},
            zone=ZONE,
            cameras=CAMERAS,
        )
        told = PaperCase(
            case=case,
            profile=self.profile,
            words=self.words,
            shown=shown,
            names=PERSONS,
            cameras=CAMERAS,
            zone=ZONE,
            today=date(2026, 11, 30),
            box=f"{self.profile.name.partition('-')[0]}-main",
            reply_by=date(2026, 12, 10),
        )
        return replace(told, **changed)  # type: ignore[arg-type]


AT_MS: Final = round(datetime(2026, 11, 25, 10, tzinfo=ZONE).astimezone(UTC).timestamp() * 1000)
_FROM_MS: Final = round(datetime(2026, 11, 20, 14, 5, tzinfo=ZONE).timestamp() * 1000)
SCOPE: Final[Scope] = (Stretch("lobby", _FROM_MS, _FROM_MS + 30 * 60_000),)


def told(row: str, words: Mapping[str, str] | None = None) -> Sample:
    """A request that was granted and used, as far as its row has that."""
    sample = Sample.received(row, words)
    if sample.procedure.chain:
        sample.examine()
        if not sample.procedure.by_word:
            sample.sign()
        sample.decide()
        sample.use()
    return sample


# --- read back -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Element:
    tag: str
    attributes: Mapping[str, str]
    content: list[Element | str] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def __contains__(self, name: str) -> bool:
        return name in self.attributes

    @property
    def text(self) -> str:
        return "".join(one if isinstance(one, str) else one.text for one in self.content)

    def all(self) -> Iterator[Element]:
        yield self
        for one in self.content:
            if isinstance(one, Element):
                yield from one.all()

    def having(self, name: str) -> list[Element]:
        """Elements with that attribute, or of that class, in order."""
        return [one for one in self.all() if name in one or name in one.attributes.get("class", "").split()]


_VOID: Final = re.compile(r"<(meta|br|col)\b([^>]*)>")
_BARE: Final = re.compile(r" (data-[a-z-]+)(?=[ >])")


def page(html: str) -> Element:
    """As XML, which is quick. ExpatError: its elements do not nest."""
    open_ = [Element("", {})]

    def start(tag: str, attributes: dict[str, str]) -> None:
        made = Element(tag, attributes)
        open_[-1].content.append(made)
        open_.append(made)

    def text(data: str) -> None:
        open_[-1].content.append(data)

    parser = ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_.pop()
    parser.CharacterDataHandler = text
    _, whole, body = html.partition("<html")
    told = f"{whole}{body}" if whole else f"<html>{html}</html>"
    parser.Parse(_BARE.sub(r' \1=""', _VOID.sub(r"<\1\2/>", told)), True)
    return open_[0]


def fields(element: Element) -> dict[str, str]:
    """What is filled in, by field. AssertionError: a field is there twice and says two things."""
    found: dict[str, str] = {}
    for one in element.having("data-field"):
        text = one.attributes.get("data-value", one.text)
        assert found.setdefault(one["data-field"], text) == text
    return found


def labels(element: Element) -> str:
    """The words that the annex has, without what was filled in, without blanks, every box empty."""

    def words(one: Element) -> Iterator[str]:
        if one.tag == "i" or "data-signature" in one or "data-keeping" in one:
            return
        if "data-field" in one and "data-value" not in one:
            return
        for each in one.content:
            yield each if isinstance(each, str) else "".join(words(each))

    return re.sub(r"\s", "", "".join(words(element))).replace("■", "□")


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)
