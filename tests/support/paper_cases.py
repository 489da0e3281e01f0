"""Cases of every row of every profile as papers get them, and pages read back by their fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from html.parser import HTMLParser
from typing import Any, Final
from zoneinfo import ZoneInfo

from edged.office import forms
from edged.office.cases import CHECKED, PRESENT, REASON, CopyWord, copy_word
from edged.office.request import (
    OUTSIDE,
    Act,
    Appoint,
    ApproveHold,
    Close,
    Decide,
    Delivery,
    Disposal,
    Dispose,
    Door,
    EndViewing,
    Examine,
    FileCase,
    Hand,
    OpenViewing,
    Receipt,
    Reply,
    Request,
    Secrecy,
    SeePaper,
    Sign,
    SignEntry,
    Stretch,
    Take,
    advance,
    receive,
)
from edged.office.story import Case, DatedAct
from edged.papers.paper_case import PaperCase
from edged.profiles.loader import PROFILES, Profile, profile
from edged.profiles.procedures import AnnexField, Phase, Procedure, StepKind, Unit, Use
from storage.ages.history import Point
from storage.office.table import RequestRow
from tests.support.office_story import form, usual

TAIPEI: Final = ZoneInfo("Asia/Taipei")
RECEIVED: Final = date(2026, 11, 25)
NINE_MS: Final = round(datetime(2026, 11, 25, 9, tzinfo=TAIPEI).timestamp() * 1000)
HOUR_MS: Final = 3_600_000
AFTERNOON_MS: Final = round(datetime(2026, 11, 20, 14, tzinfo=TAIPEI).timestamp() * 1000)
LOBBY: Final = Stretch("lobby", AFTERNOON_MS, AFTERNOON_MS + HOUR_MS)
DOOR: Final = Stretch("side-door", AFTERNOON_MS, AFTERNOON_MS + HOUR_MS)
CAMERAS: Final = {"lobby": "大廳", "side-door": "側門"}
APPLICANT, CLERK, HEAD, CHIEF, COMPANION, OTHER = range(1, 7)
NAMES: Final = {1: "申請人林", 2: "陳承辦", 3: "黃課長", 4: "許主任", 5: "吳陪同", 6: "鄭複核"}
NUMBER: Final = "115-0042"
COPY: Final = "E-20261201-9QWE"
PIN: Final = "P-20261201-7F3K"
FINGERPRINT: Final = "9f3c" * 16
LETTER: Final = "北市文字第1150001234號"
FILED_AS: Final = "115/0501/1"
ROWS: Final = tuple((one, row) for name in PROFILES for one in (profile(name),) for row in one.procedures)


@dataclass(slots=True)
class PaperStory:
    """Acts upon a request, one after the other, and the words that go with them."""

    profile: Profile
    procedure: Procedure
    request: Request
    acts: list[DatedAct] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, of: Profile, row: Procedure, text: Mapping[str, str] | None = None) -> PaperStory:
        """Received; everything is asked for that may be. `text`: what stands in fields, else the usual."""
        told = text or {}

        def filled(one: AnnexField) -> str:
            return told.get(one.name, usual(one))

        words: dict[str, str] = {}
        for phase in Phase:
            words |= form(row, phase, "115-11-25", "115-11-20 14:00 ~ 15:00", "lobby、side-door", filled)
        staff = APPLICANT if row.by_staff else None
        units = frozenset({"圖書館"}) if any(step.unit is Unit.CAMERA for step in row.chain) else frozenset[str]()
        request = receive(row, (LOBBY, DOOR), frozenset(row.may), staff, units)
        return cls(of, row, request, words=words)

    def do(self, *acts: Act, why: str = "") -> PaperStory:
        for act in acts:
            self.request = advance(self.procedure, self.request, act, self.request.version)
            at = Point(1, len(self.acts) * HOUR_MS, NINE_MS + len(self.acts) * HOUR_MS)
            self.acts.append(DatedAct(act, at, 100 + len(self.acts)))
            if why:
                self.words[f"{REASON}{self.request.version}"] = why
        return self

    def signed(self) -> PaperStory:
        """Up to the decision: every second one on paper; every check that the form asks for has come out well."""
        for number, step in enumerate(self.procedure.chain[:-1]):
            person, unit = (HEAD if number else CLERK), next(iter(self.request.units), "")
            if step.kind is StepKind.APPLY:
                person = self.request.applicant or OUTSIDE
            self.do(
                Sign(self.hand(person, step.post, paper=number % 2 == 1, unit=unit if step.unit is Unit.CAMERA else ""))
            )
        for check in self.procedure.checks:
            if not check.when or check.name in forms.applying(self.procedure, self.words):
                self.words[f"{CHECKED}{check.name}"] = f"{check.words}之文件"
                self.do(Examine(check.name, check.outcomes[0], CLERK, document=True))
        return self

    @staticmethod
    def hand(person: int, post: str, *, paper: bool = False, **more: Any) -> Hand:
        if not paper:
            return Hand(person, post, **more)
        return Hand(person, post, Door.PAPER, entered_by=CLERK, paper_day=RECEIVED.toordinal(), scan=1, **more)

    def decide(
        self, uses: Iterable[Use] | None = None, scope: tuple[Stretch, ...] | None = None, why: str = "", **hand: Any
    ) -> PaperStory:
        wanted = self.request.uses if uses is None else frozenset(uses)
        by = Hand(CHIEF, self.procedure.chain[-1].post, **hand)
        applying = forms.applying(self.procedure, self.words)
        self.do(Decide(by, wanted, self.request.asked if scope is None else scope, applying), why=why)
        if self.request.on_paper and self.request.decision and self.request.decision.granted:
            self.do(SeePaper(OTHER))
        return self

    def replied(self) -> PaperStory:
        return self.do(Reply(RECEIVED.toordinal() + 2, LETTER, Delivery.MAIL))

    def used(self) -> PaperStory:
        """All that was granted is done, each copy is handed over and destroyed, rows of the log book are signed."""
        row, decision = self.procedure, self.request.decision
        assert decision is not None
        if decision.uses & {Use.VIEW, Use.LOOK}:
            self.do(Appoint(NINE_MS + 48 * HOUR_MS))
            unit = next(iter(self.request.units), "")
            self.words[f"{PRESENT}1"] = "在場者甲、在場者乙"
            self.do(OpenViewing(RECEIVED.toordinal() + 2, CLERK, Hand(COMPANION, row.companion, unit=unit), 2))
            self.do(EndViewing(not_filmed=True))
        if Use.HOLD in decision.uses:
            self.do(*(ApproveHold(Hand(CHIEF, step.post)) for step in row.hold_by))
            self.do(Take(Use.HOLD, (LOBBY,), PIN))
        if Use.COPY in decision.uses:
            self.copied().handed_over()
            self.do(Dispose(COPY, Disposal.DESTROYED, ours=True, day=RECEIVED.toordinal() + 9))
            self.do(Dispose(COPY, Disposal.RETURNED, ours=False, day=RECEIVED.toordinal() + 8))
        for entry in self.request.entries:
            self.do(*(SignEntry(Hand(HEAD, post), entry.version) for post in ("管理人員", "主管")))
        return self

    def copied(self) -> PaperStory:
        self.words[copy_word(COPY, CopyWord.DECLASSIFY)] = "本件於案件終結後解密"
        secrecy = Secrecy.CONFIDENTIAL if self.procedure.secrecy else None
        return self.do(Take(Use.COPY, (LOBBY, DOOR), COPY, secrecy))

    def handed_over(self) -> PaperStory:
        told = {CopyWord.RECEIVER: "領取人王", CopyWord.IDENTITY: "國民身分證", CopyWord.MEDIUM: "光碟一片"}
        self.words |= {copy_word(COPY, what): text for what, text in told.items()}
        fee = 1_200 if self.procedure.fee else None
        return self.do(Receipt(COPY, RECEIVED.toordinal() + 3, FINGERPRINT, fee))

    def closed(self) -> PaperStory:
        return self.do(FileCase(FILED_AS), Close())

    def whole(self) -> PaperStory:
        """From receipt to close, with all that the row may have."""
        if not self.procedure.chain:
            return self.replied().closed()
        return self.signed().decide().replied().used().closed()

    def paper(self, **changes: Any) -> PaperCase:
        row = RequestRow(
            NUMBER,
            changes.pop("own", True),
            self.procedure.row,
            RECEIVED.toordinal(),
            Point(1, 0, NINE_MS),
            self.request.version,
            self.request.status,
            99,
            changes.pop("erased", False),
        )
        synchronised = changes.pop("synchronised", True)
        case = Case(row, self.procedure, self.request, tuple(self.acts), synchronised)
        words = changes.pop("words", self.words)
        return PaperCase(
            case,
            self.profile,
            words,
            changes.pop("shown", forms.rendered(self.procedure, words, zone=TAIPEI, cameras=CAMERAS)),
            changes.pop("names", NAMES),
            CAMERAS,
            TAIPEI,
            RECEIVED,
            **{
                "box": "main-box",
                "log_posts": ("管理人員", "主管") if self.procedure.register_form else (),
                "made": {one.made: (77, NINE_MS + 720 * HOUR_MS) for one in self.request.copies},
                **changes,
            },
        )


class _Fields(HTMLParser):
    """Texts by `data-field`, and all that is to be read."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self.text = ""
        self._open: list[str] = []
        self._quiet = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "title", "script"):
            self._quiet += 1
        if tag in ("meta", "br"):
            return
        name = dict(attrs).get("data-field") or ""
        self._open.append(name)
        if name:
            self.found.setdefault(name, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "title", "script"):
            self._quiet -= 1
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._quiet:
            return
        self.text += data
        for name in filter(None, self._open):
            self.found[name][-1] += data


def fields_of(page: str) -> dict[str, list[str]]:
    """What stands in each field of a page, in order."""
    return _read(page).found


def text_of(page: str) -> str:
    """All that is to be read on it, without blanks between."""
    return "".join(_read(page).text.split())


def _read(page: str) -> _Fields:
    read = _Fields()
    read.feed(page)
    read.close()
    return read
