"""What stands on paper is what the ledger, the registers and the form say, all of it and nothing else.

Each of 1,000 random cases is told by its leaves alone: the request is made anew from their JSON. Its papers are read
back, and compared with that JSON, the rows of the registers and the words of the form. Planted bugs show that a paper
which says otherwise is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from jinja2 import DictLoader

from edged.documents import registers as documents
from edged.office import forms
from edged.office.cases import CHECKED, PRESENT, REASON, CopyWord, copy_word
from edged.office.findings import JudgedCase
from edged.office.intervals import read_intervals
from edged.office.legal_days import OfficeCalendar
from edged.office.request import Signature
from edged.office.story import Case, DatedAct
from edged.papers import annexes, case_story, registers, render
from edged.papers import case_file as case_files
from edged.papers.annexes import printed_form
from edged.papers.case_file import case_file
from edged.papers.case_story import CopyStory, copy_stories, signatures
from edged.papers.letters import reply
from edged.papers.notices import notice
from edged.papers.paper_case import ERASED, PaperCase
from edged.papers.receipt import label, receipt
from edged.papers.registers import DaySpan, RegisterCase
from edged.profiles.procedures import AnnexField, FieldKind, Unit, Use
from edged.words.units import parse_day
from storage.office.service import StoredRequest
from storage.office.table import StoredAct
from tests.support.papers import Element, page, squeezed
from tests.support.random_cases import CAMERAS, NAMES, ROWS, ZONE, RandomCase, now_after, random_cases

COUNT: Final = 1_000
NOW: Final = now_after()
EVER: Final = DaySpan(date(2025, 1, 1), date(2029, 12, 31))
TODAY: Final = date(2027, 11, 30)
BOX: Final = "box-1"
Said = dict[str, Any]
"""What stands on a paper, or has to, by what it is."""
USES: Final = {
    "閱覽": Use.VIEW, "調閱": Use.VIEW, "影像調閱": Use.VIEW, "先行查看": Use.LOOK, "複製": Use.COPY, "保存": Use.COPY,
    "複製（保存於本機關，不對外提供）": Use.HOLD, "保存（保存於本機關，不對外提供）": Use.HOLD,
    "影像保存（保存於本機關，不對外提供）": Use.HOLD,
}  # fmt: skip
"""By what papers call them."""
DOORS: Final = {"": "login", "紙本": "paper", "口頭核可": "word"}
DELIVERIES: Final = {"郵寄": "mail", "親自領取": "handed", "公文電子交換": "exchange", "電子郵件": "email", "": None}
DISPOSALS: Final = {
    "已返還": "returned",
    "已銷毀": "destroyed",
    "已附卷": "filed",
    "未登錄返還、銷毀或附卷": None,
    "": None,
}
VIEWINGS: Final = {"進行中": "open", "已結束，未拍攝": "ended", "因故中斷": "cut"}
BLANK: Final = "＿＿"


# --- what papers say --------------------------------------------------------------------------------------------------


def day(text: str) -> str:
    """民國115年11月25日, also with blanks between; "" where nothing is filled in."""
    bare = squeezed(text).removeprefix("中華")
    return "" if bare in ("", "年月日") else str(parse_day(bare))


def span(text: str) -> set[tuple[int, int]]:
    """From and to, ms; also in the blanks of an annex, one beneath the other."""
    bare = re.sub(r"起?(?:\s*)至", "～", squeezed(text)).replace("中華民國", "民國")
    bare = re.sub(r"止(?:之檔案)?", "；", bare).strip("；")
    if not re.search(r"\d", bare):
        return set()
    read = read_intervals(bare, ZONE, 0)
    assert read.whole, text
    return {(one.from_ms, one.to_ms) for one in read.intervals}


def footage(lines: Sequence[str]) -> set[tuple[str, int, int]]:
    """大廳（lobby）　民國115年11月20日 14:05～14:35, each on a line."""
    found = set()
    for line in lines:
        camera, _, times = line.partition("　")
        ((begin, end),) = span(times)
        found.add((camera.partition("（")[2].rstrip("）"), begin, end))
    return found


def hand(text: str) -> tuple[str, bool, str, str]:
    """陳小明（代為決行）（紙本） 民國115年11月25日: the name, by a deputy, the door, the day."""
    who, _, when = text.rpartition(" ")
    hidden = ERASED if who.startswith(ERASED) else ""
    name, *how = who.removeprefix(hidden).split("（")
    told = {one.rstrip("）") for one in how}
    (door,) = (told - {"代為決行"}) or {""}
    return hidden or name, "代為決行" in told, DOORS[door], day(when)


def choices(one: AnnexField, text: str) -> dict[str, str]:
    """Those with a full box, each with its own words."""
    found = {}
    for drawn, said in re.findall(r"([■□])([^■□]*)", text):
        if drawn == "■":
            label = max((each for each in one.choices if said.startswith(each)), key=len)
            found[label] = said.partition("：")[2].strip() if label == one.open_choice else ""
    return found


def field_said(one: AnnexField, element: Element) -> object:
    """As it is to be seen, and not as its attributes have it."""
    inner = [each for each in element.all() if each is not element and "data-field" in each]
    text = "".join(_without(element, inner)).strip()
    if ERASED in text:
        return ERASED
    if len(one.choices) == 1 and one.choices[0] == text:
        return {text: ""}
    lines = "；".join(each.text for each in element.having("line")) if "～" in text else ""
    readers: Mapping[FieldKind, Callable[[], object]] = {
        FieldKind.DATE: lambda: day(text),
        FieldKind.INTERVAL: lambda: span(lines or text),
        FieldKind.CAMERAS: lambda: {camera for camera, name in CAMERAS.items() if name in text.split("、")},
        FieldKind.CHOICE: lambda: choices(one, text),
        FieldKind.CHOICES: lambda: choices(one, text),
    }
    return readers.get(one.kind, lambda: text)()


def _without(element: Element, others: Sequence[Element]) -> Iterator[str]:
    for each in element.content:
        if isinstance(each, str):
            yield each
        elif not any(each is one for one in others):
            yield from _without(each, others)


NAMED: Final = frozenset({
    "field", "value", "signature", "unit", "keeping", "number", "received", "mark-of-number", "check", "document",
    "decision", "uses", "scope", "reason", "word", "decided-by", "kept-by", "withdrawn", "viewing", "paper-seen",
    "reply", "copy",
    "filed-as", "mark", "fingerprint", "foot", "interim", "original",
})  # fmt: skip
"""Attributes by which a form can be read, behind `data-`."""


def form_said(one: RandomCase, html: str) -> Said:
    sheets = page(html).having("sheet")
    assert len(sheets) == one.procedure.originals
    assert len({inner.text for each in sheets for inner in each.all() if inner.tag == "main"}) == 1
    (sheet, *_) = sheets
    every = list(sheet.all())
    strange = {name for each in every for name in each.attributes if name.startswith("data-")}
    assert strange <= {f"data-{name}" for name in NAMED}

    def texts(name: str) -> list[str]:
        return [each.text.strip() for each in every if name in each]

    kinds = {field.name: field for field in one.procedure.fields}
    shown = [each for each in every if "data-field" in each]
    assert len({each["data-field"] for each in shown}) == len(shown)
    decided = [each for each in every if "data-decision" in each]
    return {
        "number": texts("data-number"),
        "received": [day(text) for text in texts("data-received")],
        "marks": texts("data-mark-of-number"),
        "fields": {each["data-field"]: field_said(kinds[each["data-field"]], each) for each in shown},
        "signatures": sorted(
            (
                int(each["data-signature"]),
                unit := each.attributes.get("data-unit", ""),
                *hand(each.text.strip().removeprefix(f"{unit}：")),
            )
            for each in every
            if "data-signature" in each
        ),
        "keeping": [hand(text.removeprefix("保存：")) for text in texts("data-keeping")] or None,
        "kept-by": [hand(text) for text in texts("data-kept-by")],
        "checks": {each["data-check"]: each.text for each in every if "data-check" in each},
        "documents": {each["data-document"]: each.text for each in every if "data-document" in each},
        "decision": [
            (each["data-decision"], each.text.startswith("部分同意"), "簽章後補" in each.text) for each in decided
        ],
        "uses": {USES[each] for text in texts("data-uses") for each in text.split("、")},
        "scope": footage(texts("data-scope")),
        "reason": texts("data-reason"),
        "word": [hand(text) for text in texts("data-word")],
        "decided-by": [hand(text) for text in texts("data-decided-by")],
        "withdrawn": len(texts("data-withdrawn")),
        "viewings": [viewing(text) for text in texts("data-viewing")],
        "paper-seen": texts("data-paper-seen"),
        "reply": [reply_of_form(text.split("　")) for text in texts("data-reply")],
        "copies": [copy_of_form(text.split("　")) for text in texts("data-copy")],
        "filed-as": texts("data-filed-as"),
        "foot": foot(texts("data-foot")[0]),
        "elsewhere": elsewhere(sheet),
    }


def viewing(text: str) -> tuple[str, ...]:
    found = re.fullmatch(r"(\S+?)　(\S+?)　操作 (\S+?)　陪同 (\S+?)(?:　在場 (.+))?", text)
    assert found, text
    when, state, *who = found.groups()
    return day(when), VIEWINGS[state], *(each or "" for each in who)


def reply_of_form(parts: Sequence[str]) -> tuple[str, str, str | None]:
    """Its day, number and way."""
    way = DELIVERIES.get(parts[-1])
    letter = parts[1:-1] if way else parts[1:]
    return day(parts[0]), "".join(letter), way


def copy_of_form(parts: Sequence[str]) -> tuple[str, str, str]:
    """Its id, the day on which somebody signed for it, and who did."""
    number, signed, *receiver = parts
    when = "" if signed == "未簽收" else day(signed.removesuffix(" 簽收"))
    return number, when, "".join(receiver).removeprefix("領取人 ")


def foot(text: str) -> tuple[str, str, str, set[int]]:
    """The number, the version, the box, the leaves."""
    found = re.fullmatch(r"收文號 (\S+)　第 (\d+) 版　民國116年11月30日列印　依據：(\S+) 稽核軌跡第 (.+) 筆", text)
    assert found, text
    leaves: set[int] = set()
    for part in found[4].split("、"):
        begin, _, end = part.partition("–")
        leaves |= set(range(int(begin), int(end or begin) + 1))
    return found[1], found[2], found[3], leaves


def elsewhere(element: Element) -> set[str]:
    """What belongs to a case and stands where nothing of it can be read back."""
    texts: list[str] = []

    def walk(one: Element) -> None:
        for each in one.content:
            if isinstance(each, str):
                texts.append(each)
            elif not any(name.startswith("data-") for name in each.attributes):
                walk(each)

    walk(element)
    text = "".join(texts)
    return {name for name in ("語", "理由2", ERASED, *NAMES.values()) if name in text}


def by_field(html: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in page(html).having("data-field"):
        found.setdefault(each["data-field"], []).append(each.text)
    return found


# --- what leaves, registers and words say -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """A case as its leaves tell it."""

    one: RandomCase
    paper: PaperCase
    row: documents.RegisteredRequest
    used: Sequence[documents.LoggedUse]
    copies: Sequence[documents.RegisteredCopy]

    @classmethod
    def of(cls, one: RandomCase) -> Told:
        acts = tuple(
            StoredAct(version, dict(body), done.at, done.leaf)
            for version, (body, done) in enumerate(zip(one.bodies, one.case.acts, strict=True), 2)
        )
        case = Case.of(one.procedure, StoredRequest(one.case.row, dict(one.receipt), acts))
        assert case == one.case
        names = {person: name for person, name in NAMES.items() if not (one.erased and person == one.applicant)}
        copies = [each for each in one.exports if not each.order.viewing]
        prints = {each.id: f"{each.number:064x}" for each in copies}
        paper = PaperCase(
            case=case,
            profile=one.profile,
            words=one.words,
            shown=forms.rendered(one.procedure, one.words, zone=ZONE, cameras=CAMERAS) if one.words else {},
            names=names,
            cameras=CAMERAS,
            zone=ZONE,
            today=TODAY,
            box=BOX,
            log_posts=("管理人員", "主管") if one.procedure.register_form else (),
            made={each.id: (each.leaf or 0, each.order.destroy_by_ms) for each in copies},
            fingerprints=prints,
        )
        register = RegisterCase(
            paper, JudgedCase(case, one.procedure.clock), NOW, OfficeCalendar(), one.exports, prints
        )
        return cls(
            one,
            paper,
            registers.registered_request(register),
            tuple(registers.logged_uses(register, EVER)),
            tuple(registers.registered_copies(register, EVER)),
        )

    def acts(self, *kinds: str) -> list[tuple[int, Mapping[str, Any]]]:
        """With their place among all."""
        return [(number, body) for number, body in enumerate(self.one.bodies) if body["act"] in kinds]

    def last(self, kind: str) -> tuple[int, Mapping[str, Any]] | None:
        return next(reversed(self.acts(kind)), None)

    def when(self, number: int, ordinal: int | None) -> str:
        """The day that people said, else that of the entry."""
        return str(date.fromordinal(ordinal) if ordinal is not None else self._clock(number))

    def _clock(self, number: int) -> date:
        return self.paper.clock(self.one.case.acts[number].at.wall_ms).date()

    def minute(self, wall_ms: int) -> str:
        return f"{self.paper.clock(wall_ms):%Y-%m-%d %H:%M}"

    def name(self, person: int) -> str:
        if person == 0:
            return self.word("applicant")
        return ERASED if self.one.erased and person == self.one.applicant else NAMES[person]

    def word(self, name: str) -> str:
        """Of a field that is no date or choice, or beside the form."""
        known = {one.name: one for one in self.one.procedure.fields}
        if self.one.erased:
            return ERASED if ":" in name or (name in known and known[name].personal) else ""
        return self.one.words.get(name, "")

    def hand(self, number: int, body: Mapping[str, Any]) -> tuple[str, bool, str, str]:
        return self.name(body["person"]), body["deputy"], body["door"], self.when(number, body["paper_day"])

    def signatures(self) -> list[tuple[int, int, Mapping[str, Any]]]:
        """That stand: the step, the act and the hand."""
        chain, found = self.one.procedure.chain, list[tuple[int, int, Mapping[str, Any]]]()
        for number, body in self.acts("sign", "decide", "return"):
            if body["act"] == "return":
                found = [each for each in found if each[0] < body["to"]]
                continue
            step = len(chain) - 1
            if body["act"] == "sign" and not any(each[0] == step for each in found):
                step = self._next({(each[0], each[2]["unit"]) for each in found})
            found = [each for each in found if each[0] != len(chain) - 1] + [(step, number, body["hand"])]
        return found

    def _next(self, signed: set[tuple[int, str]]) -> int:
        units = set(self.one.receipt["units"])
        for number, step in enumerate(self.one.procedure.chain):
            there = {unit for of, unit in signed if of == number}
            if not (units <= there if step.unit is Unit.CAMERA and units else there):
                return number
        raise AssertionError(signed)


def there(told: Told, row: documents.LoggedUse) -> list[str]:
    """Who showed it, and who was there."""
    return [told.name(each.person) for each in (row.operator, row.companion) if each]


def field_of(told: Told, one: AnnexField) -> object:
    if told.one.erased and one.personal:
        return ERASED
    written = told.one.words.get(one.name, "")
    if one.choices:
        parts = (each.partition("：") for each in written.split("、") if each)
        return {one.choices[0]: ""} if len(one.choices) == 1 else {label: own for label, _, own in parts}
    if one.kind is FieldKind.DATE:
        return str(told.one.day) if written else ""
    if one.kind is FieldKind.INTERVAL:
        return {(each["from_ms"], each["to_ms"]) for each in stretches(told, one)} if written else set()
    if one.kind is FieldKind.CAMERAS:
        return {each["camera"] for each in stretches(told, one)} if written else set()
    return written


def stretches(told: Told, one: AnnexField) -> list[Mapping[str, Any]]:
    """At the application it is written what is asked for."""
    asked: list[Mapping[str, Any]] = told.one.receipt["asked"]
    return asked if one.phase == "application" else asked[:1]


def parts_of(named: Sequence[documents.NamedPart]) -> set[tuple[str, int, int]]:
    return {(each.camera, milliseconds(each.start), milliseconds(each.end)) for each in named}


def milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def form_wanted(told: Told) -> Said:
    one, row = told.one, told.row
    signed, decided, replied = told.signatures(), told.last("decide"), told.last("reply")
    last = len(one.procedure.chain) - 1
    deciding = [(number, body) for step, number, body in signed if step == last]
    asked = told.last("ask-hold") or (-1, {})
    kept = [(number, body["hand"]) for number, body in told.acts("approve-hold") if number > asked[0]]
    by_word = decided is not None and decided[1]["hand"]["door"] == "word"
    signed_since = decided is not None and deciding[0][0] != decided[0]
    pending = by_word and bool(row.granted) and not signed_since
    checks = {body["check"]: body for _, body in told.acts("examine")}
    less = bool(row.granted) and ([*row.granted] != [*row.uses] or parts_of(row.scope) != parts_of(row.asked))
    why = "" if decided is None else told.word(f"{REASON}{decided[0] + 2}")
    if one.erased and row.granted:
        why = ""
    viewed = [each for each in told.used if each.state is not None]
    leaves = {one.case.row.leaf, *(each.leaf for each in one.case.acts)}
    return {
        "number": [row.number],
        "received": [row.received],
        "marks": [*([] if one.receipt["synchronised"] else ["未校時"]), *([] if row.own else ["他機收文"])],
        "fields": {each.name: field_of(told, each) for each in one.procedure.fields},
        "signatures": sorted(
            (step, body["unit"] if one.procedure.chain[step].unit is Unit.CAMERA else "", *told.hand(number, body))
            for step, number, body in signed
        ),
        "keeping": [told.hand(*each) for each in kept] or None if one.case.row.row.startswith("N-") else None,
        "kept-by": [told.hand(*each) for each in kept],
        "checks": {name: body["outcome"] for name, body in checks.items()},
        "documents": {
            name: text
            for name, body in checks.items()
            if body["document"] and (text := told.word(f"{CHECKED}{name}"))
        },
        "decision": [("granted" if row.granted else "refused", less, pending)] if decided else [],
        "uses": set(row.granted),
        "scope": parts_of(row.scope),
        "reason": [why] if why else [],
        "word": [told.hand(decided[0], decided[1]["hand"])] if decided and by_word and signed_since else [],
        "decided-by": [told.hand(*each) for each in deciding],
        "withdrawn": len(told.acts("withdraw")),
        "viewings": [
            (each.day, each.state, *there(told, each),
             told.word(f"{PRESENT}{number}"))
            for number, each in enumerate(viewed, 1)
        ],
        "paper-seen": [told.name(one.case.request.paper_seen_by)] if one.case.request.paper_seen_by else [],
        "reply": [(row.replied, row.letter, row.delivery)] if replied else [],
        "copies": [
            (each.copy_id, each.handed or "",
             told.word(copy_word(each.copy_id, CopyWord.RECEIVER)) if each.handed else "")
            for each in told.copies
        ],
        "filed-as": [row.filed_as] if row.filed_as else [],
        "foot": (row.number, str(len(one.bodies) + 1), BOX, leaves),
        "elsewhere": set(),
    }  # fmt: skip


def different(said: Said, wanted: Said) -> dict[str, tuple[object, object]]:
    return {
        name: (said.get(name), wanted.get(name)) for name in {**said, **wanted} if said.get(name) != wanted.get(name)
    }


# --- forms ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cases() -> Sequence[Told]:
    return [Told.of(one) for one in random_cases(COUNT)]


def faults_of_form(told: Told) -> dict[str, tuple[object, object]]:
    """Where it does not say what it has to; each with what it says and what it should."""
    return different(form_said(told.one, printed_form(told.paper).html), form_wanted(told))


def test_a_form_says_what_ledger_register_and_words_say_and_nothing_else(cases: Sequence[Told]) -> None:
    rows = set()
    for told in cases:
        if told.one.procedure.fields:
            assert faults_of_form(told) == {}, told.one.case.row.number
            rows.add(told.one.procedure.row)
        else:
            shown = page(notice(told.paper))
            assert [each.text for each in shown.having("data-number")] == [told.row.number]
            assert [each.text for each in shown.having("data-instead")] == [told.one.procedure.instead]
            assert elsewhere(shown) == set()
    assert len(rows) + 1 == len(ROWS)


# --- receipts and labels ----------------------------------------------------------------------------------------------


def one_of(fields: Mapping[str, Sequence[str]], name: str) -> str:
    """ "": it does not stand there."""
    found = fields.get(name, [""])
    assert len(found) == 1, name
    return found[0]


def receipt_said(html: str) -> Said:
    fields = by_field(html)
    text = {name: one_of(fields, name) for name in fields}
    kept = {"留存一份": True, "未留存": False, "□留存一份　□未留存": None}
    fee = re.fullmatch("新臺幣 (.+) 元", text.pop("fee", "新臺幣 0 元"))
    conditions = re.match("返還或銷毀期限：(.+?)。", text.pop("conditions"))
    assert fee
    assert conditions
    del text["confidentiality"]
    return text | {
        "kept": kept[text["kept"]],
        "fee": None if fee[1].startswith(BLANK) else int(fee[1].replace(",", "")),
        "fingerprint": squeezed(text["fingerprint"]),
        "footage": footage(text["footage"].splitlines()),
        "made": moment(text["made"]),
        "day": day(text["day"]),
        "destroy-by": day(conditions[1]),
    }


def moment(text: str) -> str:
    """民國115年11月25日 14:30."""
    when, _, clock = text.partition(" ")
    return f"{day(when)} {clock}"


def receipt_wanted(told: Told, row: documents.RegisteredCopy) -> Said:
    procedure, signed = told.one.procedure, row.handed is not None
    secret = {"secrecy": row.secrecy or "", "declassify": told.word(copy_word(row.copy_id, CopyWord.DECLASSIFY))}
    words = {
        what.value: told.word(copy_word(row.copy_id, what))
        for what in (CopyWord.MEDIUM, CopyWord.RECEIVER, CopyWord.IDENTITY)
    }
    return {
        "number": row.number,
        "copy": row.copy_id,
        "applicant": party(told),
        "subject": subject(told),
        "footage": parts_of(row.parts),
        "made": told.minute(milliseconds(row.made)),
        "fingerprint": row.fingerprint,
        "kept": row.kept if signed else None,
        "fee": (row.fee if signed else None) if procedure.fee else 0,
        "day": row.handed or "",
        "destroy-by": told.minute(milliseconds(row.destroy_by or ""))[:10],
        **words,
        **(secret if procedure.secrecy else {}),
    }


def party(told: Told) -> str:
    if told.one.applicant is not None:
        return told.name(told.one.applicant)
    return told.word("agency") or told.word("applicant") or told.one.procedure.words


def subject(told: Told) -> str:
    """What the form gives as its ground, reason or letter."""
    names = ("ground", "reason", "told", "letter-number")
    return "；".join(text for name in names if (text := told.one.words.get(name))) or told.paper.withheld


def test_receipt_and_label_of_each_copy_say_what_the_register_says(cases: Sequence[Told]) -> None:
    rows = set()
    for told in cases:
        assert faults_of_receipts(told) == {}, told.row.number
        for row in told.copies:
            stuck = {name: text for name, (text,) in by_field(label(told.paper, row.copy_id)).items()}
            wanted = receipt_wanted(told, row) | {"office": told.one.profile.office}
            wanted |= {"fingerprint": row.fingerprint[:16]}
            stuck |= {"fingerprint": squeezed(stuck["fingerprint"]), "destroy-by": day(stuck["destroy-by"])}
            assert stuck.items() <= wanted.items()
            assert len(stuck) == 5 + 2 * told.one.procedure.secrecy
            rows.add(row.row)
    assert rows == {one.row for _, one in ROWS if Use.COPY in one.may}


# --- letters ----------------------------------------------------------------------------------------------------------


def letter_said(html: str) -> Said:
    fields = by_field(html)
    number = one_of(fields, "letter")
    return {
        "number": one_of(fields, "number"),
        "day": "" if BLANK in one_of(fields, "day") else day(one_of(fields, "day")),
        "letter": "" if BLANK in number else number,
        "delivery": DELIVERIES["" if "□" in one_of(fields, "delivery") else one_of(fields, "delivery")],
        "outcome": one_of(fields, "outcome"),
        "receiver": {text.removesuffix("　君") for text in fields["receiver"]},
        "received": day(one_of(fields, "received")),
        "uses": {USES[each] for text in fields.get("uses", []) for each in text.split("、")},
        "refused": {USES[each] for text in fields.get("refused", []) for each in text.split("、")},
        "footage": footage(fields.get("footage", [])),
        "asked": footage(fields.get("asked", [])),
        "reason": {text for text in fields.get("reason", []) if text},
    }


def letter_wanted(told: Told) -> Said:
    row, outcome = told.row, outcome_when_answered(told)
    shows = outcome in ("同意", "部分同意")
    decided = told.last("decide")
    why = "" if decided is None or outcome in ("撤回", "先行查看結果") else told.word(f"{REASON}{decided[0] + 2}")
    return {
        "number": row.number,
        "day": row.replied or "",
        "letter": row.letter,
        "delivery": row.delivery,
        "outcome": outcome,
        "receiver": {party(told)},
        "received": row.received,
        "uses": set(row.granted) if shows else set(),
        "refused": set(row.uses) - set(row.granted) if outcome == "部分同意" else set(),
        "footage": parts_of(row.scope) if shows or outcome == "先行查看結果" else set(),
        "asked": parts_of(row.asked) if outcome == "部分同意" else set(),
        "reason": {why} - {""},
    }


def outcome_when_answered(told: Told) -> str:
    """What came behind the reply changes nothing in it."""
    replied = told.last("reply")
    before = len(told.one.bodies) if replied is None else replied[0]
    if any(number < before for number, _ in told.acts("withdraw")):
        return "撤回"
    if told.row.granted == ["look"] and told.word("outcome"):
        return "先行查看結果"
    return how_decided(told)


def how_decided(told: Told) -> str:
    if not told.row.granted:
        return "駁回"
    whole = told.row.uses == told.row.granted and parts_of(told.row.asked) == parts_of(told.row.scope)
    return "同意" if whole else "部分同意"


def test_a_letter_says_what_was_decided_and_bears_the_number_and_day_of_the_register(cases: Sequence[Told]) -> None:
    kinds = set()
    for told in cases:
        assert faults_of_letter(told) == {}, told.row.number
        if told.row.outcome != "deciding":
            kinds.add(outcome_when_answered(told))
    assert kinds == {"同意", "部分同意", "駁回", "撤回", "先行查看結果"}


# --- case files -------------------------------------------------------------------------------------------------------

ACTS: Final = {
    "amend": "填寫：", "examine": "審查「", "sign": "簽章：", "return": "退回「", "ask-supplement": "通知補正",
    "supplemented": "補正完成", "ask-hold": "申請保存：", "approve-hold": "核可保存：", "extend": "延長處理期間：",
    "withdraw": "申請人撤回", "reply": "函復", "see-paper": "紙本複核：", "appoint": "約定閱覽時間",
    "open-viewing": "開始閱覽：",
    "end-viewing": "閱覽結束", "cut-viewing": "閱覽因故中斷", "receipt": "簽收 ", "dispose": "之複製檔 ",
    "sign-entry": "影音應用記錄簿簽章：", "file": "編列檔號 ", "close": "結案",
}  # fmt: skip
"""By what an act is known; 准駁, and what was kept or copied, say which of two it was."""
AGAIN: Final = frozenset({"subject", "party", "row", "handlers", "kept", "printed"})
"""Fields of a case file that say once more what others say, or what is no value of the case."""
REMARKS: Final = frozenset({
    "withheld", "open", "unsynchronised", "other-box", "on-paper", "deputised", "word-pending",
})  # fmt: skip
"""Those that say by being there."""


class Fields:
    """Of a page, each read once: what nobody reads is left over."""

    def __init__(self, html: str) -> None:
        self._found = by_field(html)
        self.left = set(self._found) - AGAIN - REMARKS
        self.remarks = set(self._found) & REMARKS

    def __call__(self, name: str) -> str:
        self.left.discard(name)
        return one_of(self._found, name)

    def every(self, name: str) -> list[str]:
        self.left.discard(name)
        return self._found.get(name, [])

    def numbered(self, name: str) -> Iterator[str]:
        """signed:1, signed:2, …"""
        number = 1
        while f"{name}:{number}" in self._found:
            yield f"{name}:{number}"
            number += 1

    def behind(self, prefix: str) -> dict[str, str]:
        names = [name for name in self._found if name.startswith(prefix)]
        return {name.removeprefix(prefix): self(name) for name in names}


def file_said(html: str) -> Said:
    read = Fields(html)
    said: Said = {
        "number": read("number"),
        "file-number": "" if BLANK in read("file-number") else read("file-number"),
        "received": day(read("received").partition("（")[0]),
        "closed": "" if read("closed") == "尚未結案" else day(read("closed")),
        "form": read.behind("field:"),
        "checks": (read.behind("check:"), read.behind("seen:"), read.behind("checked-by:")),
        "signed": [signature_row(read, at) for at in read.numbered("signed")],
        "kept-by": [signature_row(read, at) for at in read.numbered("kept-by")],
        "reasons": {int(version): text for version, text in read.behind("reason:").items() if text},
        "asked": ({USES[each] for each in read("asked-uses").split("、")}, footage(read("asked").splitlines())),
        "outcome": read("outcome"),
        "granted": (
            {USES[each] for each in read("uses").split("、") if each}, footage(read("scope").splitlines())
        ),
        "reply": (day(read("reply-day")), read("letter"), DELIVERIES[read("delivery")]),
        "appointed": [moment(text) for text in read.every("appointed")],
        "viewings": [
            (moment(read(at)), VIEWINGS[read(f"{at}:state")], read(f"{at}:operator"), read(f"{at}:companion"),
             read(f"{at}:present"), read(f"{at}:not-filmed") != "")
            for at in read.numbered("viewing")
        ],
        "held": [
            (read(at), footage(read(f"{at}:scope").splitlines()), moment(read(f"{at}:at")))
            for at in read.numbered("kept")
        ],
        "copies": [copy_row(read, at) for at in read.numbered("copy")],
        "entries": [
            (moment(read(at)), read(f"{at}:party"), read(f"{at}:subject"), read(f"{at}:done")[:2],
             {line.partition("：")[0] for line in read(f"{at}:signed").splitlines()} - {"未簽章"},
             [post for post in read(f"{at}:lacking").split("、") if post])
            for at in read.numbered("entry")
        ],
        "leaves": [
            (int(read(at)), moment(read(f"{at}:at")), read(f"{at}:what")) for at in read.numbered("leaf")
        ],
    }  # fmt: skip
    decided = read("decided-by").partition("　")[2]
    said["decided-by"] = hand(decided) if decided else None
    said["paper-seen-by"] = read("paper-seen-by")
    return said | {"left": read.left, "remarks": read.remarks}


def signature_row(read: Fields, at: str) -> tuple[str, bool, str, str, str]:
    doors = {"本人登入簽核": "login", "紙本簽章": "paper", "口頭核可": "word"}
    door, entered = doors[read(f"{at}:door")], read(f"{at}:entered-by")
    assert read(f"{at}:scan") == ""
    return read(at), read(f"{at}:deputy") == "是", door, day(read(f"{at}:day")), entered


def copy_row(read: Fields, at: str) -> tuple[object, ...]:
    signed = read(f"{at}:day")
    return (
        read(at),
        footage(read(f"{at}:scope").splitlines()),
        (read(f"{at}:secrecy"), read(f"{at}:declassify")),
        moment(read(f"{at}:destroy-by")),
        squeezed(read(f"{at}:fingerprint")),
        "" if signed in ("未簽收", "未交付") else day(signed),
        (read(f"{at}:receiver"), read(f"{at}:identity"), read(f"{at}:medium"), read(f"{at}:fee")),
        DISPOSALS[read(f"{at}:handed-out")],
        False if (ours := read(f"{at}:ours")) == "未留存" else DISPOSALS[ours],
    )


def file_wanted(told: Told) -> Said:
    one, row = told.one, told.row
    kept = {number: body for number, body in told.acts("take") if body["use"] == "hold"}
    viewed = [each for each in told.used if each.state is not None]
    checks = {body["check"]: body for _, body in told.acts("examine")}
    standing, hidden = told.signatures(), told.paper.withheld
    asked = told.last("ask-hold") or (-1, {})
    return {
        "number": row.number,
        "file-number": row.filed_as,
        "received": row.received,
        "closed": row.closed or "",
        "form": form_of_file(told),
        "checks": (
            {name: body["outcome"] for name, body in checks.items()},
            {
                name: told.word(f"{CHECKED}{name}") if body["document"] else ""
                for name, body in checks.items()
            },
            {name: told.name(body["by"]) for name, body in checks.items()},
        ),
        "signed": [signed_by(told, number, body) for _, number, body in standing],
        "kept-by": [
            signed_by(told, number, body["hand"]) for number, body in told.acts("approve-hold") if number > asked[0]
        ],
        "reasons": {
            number + 2: text
            for number, _ in told.acts("return", "ask-supplement", "extend", "decide", "withdraw")
            if (text := told.word(f"{REASON}{number + 2}"))
        },
        "asked": (set(row.uses), parts_of(row.asked)),
        "outcome": outcome_of_file(told),
        "granted": (set(row.granted), parts_of(row.scope)),
        "reply": (row.replied or "", row.letter, row.delivery),
        "appointed": [told.minute(body["at_ms"]) for _, body in told.acts("appoint")],
        "viewings": [
            (f"{each.day}{told.minute(milliseconds(each.start))[10:]}", each.state, *there(told, each),
             told.word(f"{PRESENT}{number}"), each.state == "ended")
            for number, each in enumerate(viewed, 1)
        ],
        "held": [
            (body["made"], asked_for(body["scope"]), told.minute(one.case.acts[number].at.wall_ms))
            for number, body in kept.items()
        ],
        "copies": [copy_wanted(told, each) for each in told.copies],
        "entries": [
            (told.minute(milliseconds(each.start)), each.applicant or hidden, each.subject or hidden,
             {"view": "開始", "look": "開始", "copy": "複製", "hold": "保存"}[each.use],
             {signed.post for signed in each.signed}, each.lacking)
            for each in told.used if each.entry is not None
        ],
        "left": set(),
        "decided-by": told.hand(*standing[-1][1:]) if told.last("decide") else None,
        "paper-seen-by": told.name(one.case.request.paper_seen_by or 0) if one.case.request.paper_seen_by else "",
        "remarks": set(remarks_of_file(told)),
    }  # fmt: skip


def remarks_of_file(told: Told) -> Iterator[str]:
    one, signed = told.one, [body for _, _, body in told.signatures()]
    conditions = {
        "withheld": one.erased,
        "open": not told.acts("close"),
        "unsynchronised": not one.receipt["synchronised"],
        "other-box": not told.row.own,
        "on-paper": any(body["door"] != "login" for body in signed),
        "deputised": any(body["deputy"] for body in signed),
        "word-pending": bool(told.row.granted) and signed[-1]["door"] == "word",
    }
    return (name for name, holds in conditions.items() if holds)


def form_of_file(told: Told) -> dict[str, str]:
    """As `forms` shows it; that what it shows reads as it was written is asked of forms."""
    shown = {one.name: told.paper.shown.get(one.name) or told.word(one.name) for one in told.one.procedure.fields}
    applies = {one.name: forms.applies(told.one.procedure, one, told.one.words) for one in told.one.procedure.fields}
    return {name: text for name, text in shown.items() if text or applies[name]}


def signed_by(told: Told, number: int, body: Mapping[str, Any]) -> tuple[str, bool, str, str, str]:
    entered = "" if body["entered_by"] is None else told.name(body["entered_by"])
    return *told.hand(number, body), entered


def outcome_of_file(told: Told) -> str:
    if told.last("decide"):
        return how_decided(told)
    return "撤回，未為准駁" if told.last("withdraw") else "未為准駁"


def asked_for(scope: Sequence[Mapping[str, Any]]) -> set[tuple[str, int, int]]:
    return {(each["camera"], each["from_ms"], each["to_ms"]) for each in scope}


def copy_wanted(told: Told, row: documents.RegisteredCopy) -> tuple[object, ...]:
    words = {what: told.word(copy_word(row.copy_id, what)) for what in CopyWord}
    signed = row.handed is not None
    fee = "" if row.fee is None else f"新臺幣 {row.fee:,} 元"
    return (
        row.copy_id,
        parts_of(row.parts),
        (row.secrecy, words[CopyWord.DECLASSIFY]) if row.secrecy else ("", ""),
        told.minute(milliseconds(row.destroy_by or "")),
        row.fingerprint,
        row.handed or "",
        (words[CopyWord.RECEIVER], words[CopyWord.IDENTITY], words[CopyWord.MEDIUM], fee) if signed else ("",) * 4,
        row.handed_out,
        row.ours if row.kept else False,
    )


def faults_of_file(told: Told) -> dict[str, tuple[object, object]]:
    said = file_said(case_file(told.paper))
    leaves = said.pop("leaves")
    return different(said, file_wanted(told)) | faults_of_leaves(told, leaves)


def faults_of_leaves(told: Told, said: Sequence[tuple[int, str, str]]) -> dict[str, tuple[object, object]]:
    """Every act stands there by its leaf, its time and its kind; so do the receipt, and what began a copy."""
    case = told.one.case
    wanted: list[tuple[int, str, str]] = [
        (case.row.leaf, f"{told.paper.clock(told.one.case.row.received.wall_ms):%Y-%m-%d %H:%M}", "收文")
    ]
    for number, (body, done) in enumerate(zip(told.one.bodies, case.acts, strict=True)):
        kind = body["act"]
        word = {
            "decide": "同意" if body.get("uses") else "駁回",
            "take": f"{'保存' if body.get('use') == 'hold' else '複製'} {body.get('made')}",
        }.get(kind) or ACTS[kind]
        wanted.append((done.leaf, told.minute(case.acts[number].at.wall_ms), word))
    begun = {each.id: each for each in told.one.exports if not each.order.viewing}
    for number, body in told.acts("take"):
        if body["made"] in begun:
            wanted.append(
                (
                    begun[body["made"]].leaf or 0,
                    told.minute(case.acts[number].at.wall_ms),
                    f"開始製作複製檔 {body['made']}",
                )
            )
    wanted.sort()
    alike = len(said) == len(wanted) and all(
        one[:2] == other[:2] and other[2] in one[2] for one, other in zip(said, wanted, strict=True)
    )
    return {} if alike else {"leaves": (said, wanted)}


def test_a_case_file_tells_of_every_act_by_its_leaf_and_of_all_that_registers_have(cases: Sequence[Told]) -> None:
    for told in cases:
        assert faults_of_file(told) == {}, told.row.number


# --- planted bugs -----------------------------------------------------------------------------------------------------

Faults = Callable[[Told], Mapping[str, object]]


def faults_of_letter(told: Told) -> Mapping[str, object]:
    return {} if told.row.outcome == "deciding" else different(letter_said(reply(told.paper)), letter_wanted(told))


def faults_of_receipts(told: Told) -> Mapping[str, object]:
    return {
        row.copy_id: found
        for row in told.copies
        if (found := different(receipt_said(receipt(told.paper, row.copy_id)), receipt_wanted(told, row)))
    }


TEMPLATES: Final[Sequence[tuple[Faults, str, str, str]]] = (
    (faults_of_form, "wenshan-annex-3", "m.text(field.phone)", 'm.text(field["applicant-id"])'),
    (faults_of_form, "wenshan-annex-2", "m.signature(chain[3])", "m.signature(chain[1])"),
    (faults_of_form, "wenshan-annex-2", "m.date_of(each.last)", "m.date_of(each.first)"),
    (faults_of_form, "jiancheng-annex-3", "m.text(field.agent)", "m.text(field.applicant)"),
    (faults_of_form, "jiancheng-annex-4", "{{ m.text(field.reader) }}", ""),
    (faults_of_form, "jiancheng-interval", "m.time_of(each.last)", "m.time_of(each.first)"),
    (faults_of_form, "nangang-annex-2", "{{ m.signatures_of_keeping(keeping) }}", ""),
    (faults_of_form, "nangang-annex-2", "m.rest(told, [chain[0]])", "m.rest(told)"),
    (faults_of_form, "plain-form", "{{ m.outcome(told) }}", ""),
    (faults_of_form, "plain-form", "in fields %}", "in fields[1:] %}"),
    (faults_of_form, "macros", "in decided.scope", "in decided.scope[:1]"),
    (faults_of_form, "macros", '"■" if choice.chosen', '"■" if not choice.chosen'),
    (faults_of_form, "macros", "{{ told.reply.letter }}", ""),
    (faults_of_form, "macros", "陪同 {{ one.companion }}", "陪同 {{ one.operator }}"),
    (faults_of_form, "macros", "{{ decided.by }}", "{{ decided.post }}"),
    (faults_of_form, "macros", "{{ one.document }}", "{{ one.outcome }}"),
    (faults_of_form, "sheets", "{{ page.foot }}", "{{ page.foot | replace('、', '–') }}"),
    (faults_of_letter, "letter", "in letter.head", "in letter.head[:-2]"),
    (faults_of_receipts, "macros", "in one.rows", "in one.rows[:-1]"),
    (faults_of_file, "macros", "in one.rows", "in one.rows[:-1]"),
    (faults_of_file, "case-file", "in sections", "in sections[:-1]"),
)
"""What finds it; the template, and what is planted in the place of what."""


def is_found(faults: Faults, cases: Sequence[Told]) -> bool:
    """Whether some case of them shows it, be it that its paper cannot be read at all."""
    for told in cases:
        if told.one.procedure.fields:
            try:
                if faults(told):
                    return True
            except (AssertionError, LookupError, ValueError):
                return True
    return False


@pytest.mark.parametrize(("faults", "template", "right", "wrong"), TEMPLATES)
def test_a_bug_in_a_template_is_found(
    faults: Faults, template: str, right: str, wrong: str, cases: Sequence[Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(render.__file__).parent / "templates"
    sources = {file.name: file.read_text("utf-8") for file in folder.iterdir()}
    assert right in sources[f"{template}.html"]
    sources[f"{template}.html"] = sources[f"{template}.html"].replace(right, wrong)
    monkeypatch.setattr(render, "_PAPERS", render._PAPERS.overlay(loader=DictLoader(sources)))
    assert is_found(faults, cases[:400])


def test_a_signature_with_the_day_of_another_is_found(cases: Sequence[Told], monkeypatch: pytest.MonkeyPatch) -> None:
    def last(case: Case) -> list[tuple[Signature, DatedAct]]:
        found = signatures(case)
        return [(one, found[-1][1]) for one, _ in found]

    for module, faults in ((annexes, faults_of_form), (case_files, faults_of_file)):
        with monkeypatch.context() as planted:
            planted.setattr(module, "signatures", last)
            assert is_found(faults, cases[:400])


def test_a_receipt_of_another_copy_is_found(cases: Sequence[Told], monkeypatch: pytest.MonkeyPatch) -> None:
    def crossed(case: Case) -> list[CopyStory]:
        found = copy_stories(case)
        handed = [one.receipt for one in found]
        return [replace(one, receipt=other) for one, other in zip(found, reversed(handed), strict=True)]

    for faults in (faults_of_receipts, faults_of_file):
        with monkeypatch.context() as planted:
            planted.setattr(case_story, "copy_stories", crossed)
            planted.setattr(case_files, "copy_stories", crossed)
            assert is_found(faults, cases)


def test_an_act_that_the_story_lacks_is_found(cases: Sequence[Told]) -> None:
    """The other way round: what the ledger does not say stands on no paper."""
    for told in cases[:200]:
        if told.one.bodies:
            one = replace(
                told.one, bodies=told.one.bodies[:-1], case=replace(told.one.case, acts=told.one.case.acts[:-1])
            )
            less = replace(told, one=one)
            assert faults_of_file(less)
