"""What stands in a register follows from the story of its case and nothing else, whichever way it is written."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from html.parser import HTMLParser
from statistics import median
from typing import Any, Final, TypeVar

import pytest

from edged.cli.destroyed import BOM
from edged.cli.register import csv_of, defused
from edged.documents import registers as documents
from edged.documents.base import Told
from edged.office import looks
from edged.office.cases import PRESENT, CopyWord, Unreadable, copy_word
from edged.office.findings import JudgedCase, OfficeRecord
from edged.office.legal_days import OfficeCalendar
from edged.office.request import DELIVERIES, DISPOSALS, Act, Decide, Disposal, Dispose, Receipt, Take, receive
from edged.office.statistics import YearCounts, month_counts, year_counts
from edged.office.story import Case, DatedAct
from edged.papers import case_words, register_columns, registers
from edged.papers.case_story import copy_stories
from edged.papers.case_words import applicant, subject
from edged.papers.paper_case import ERASED, LOST, WITHHELD, PaperCase
from edged.papers.register_page import page
from edged.papers.registers import DaySpan, LookAct, RegisterCase
from edged.profiles.loader import PROFILES, profile
from edged.profiles.procedures import Use
from edged.words.catalogue import Reader
from edged.words.units import parse_day
from storage.ages.history import Point
from storage.exports.model import OfficeRequest
from storage.office.table import RequestRow
from storage.words.message import Message
from tests.support.random_cases import CAMERAS, FIRST, NAMES, ZONE, RandomCase, now_after, random_cases
from tests.unit.edged.office.test_request import CHIEF, LOBBY, ONCE, after, by

COUNT: Final = 1_000
NOW: Final = now_after()
EVER: Final = DaySpan(date(2025, 1, 1), date(2029, 12, 31))
WEEKENDS: Final = OfficeCalendar()
T = TypeVar("T")
CHINESE: Final = Reader("zh_TW", ZONE, form=True)


@pytest.fixture(scope="module")
def cases() -> Sequence[RandomCase]:
    return list(random_cases(COUNT))


@pytest.fixture(scope="module")
def requests(cases: Sequence[RandomCase]) -> Sequence[documents.RegisteredRequest]:
    return [registers.registered_request(told(one)) for one in cases]


def told(one: RandomCase, *, private: bool = False) -> RegisterCase:
    """As the office gives it to whoever reads it; nobody reads words of one that was erased."""
    hidden = private or one.case.row.erased
    paper = PaperCase(
        one.case, one.profile, {} if hidden else one.words, {}, NAMES, CAMERAS, ZONE, date(2027, 1, 1),
        private=private, log_posts=("管理人員", "主管") if one.procedure.register_form else (),
    )  # fmt: skip
    prints = {each.id: f"{each.number:064x}" for each in one.exports if not each.order.viewing}
    return RegisterCase(paper, JudgedCase(one.case, one.procedure.clock), NOW, WEEKENDS, one.exports, prints)


# --- the story, read by somebody who knows nothing of the machine


def when(one: RandomCase, number: int) -> int:
    return one.case.acts[number].at.wall_ms


def rfc(ms: int) -> str:
    at = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def site_day(ms: int) -> str:
    return str(datetime.fromtimestamp(ms / 1000, ZONE).date())


def first(found: Iterable[T]) -> T | None:
    return next(iter(found), None)


def on(one: RandomCase, number: int, ordinal: int | None) -> str:
    """The day that people said, else that of the entry: running time since the receipt is behind that."""
    if ordinal is not None:
        return str(date.fromordinal(ordinal))
    return site_day(when(one, number))


def of(one: RandomCase, *kinds: str) -> list[tuple[int, Mapping[str, Any]]]:
    return [(number, body) for number, body in enumerate(one.bodies) if body["act"] in kinds]


def parts(scope: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [
        {
            "camera": each["camera"],
            "start": rfc(each["from_ms"]),
            "end": rfc(each["to_ms"]),
            "name": CAMERAS[each["camera"]],
        }
        for each in scope
    ]


def signers(one: RandomCase, version: int) -> list[tuple[int, str, bool]]:
    hands = [body["hand"] for _, body in of(one, "sign-entry") if body["entry"] == version]
    return [(hand["person"], hand["post"], hand["deputy"]) for hand in hands]


def leaves(one: RandomCase, acts: Iterable[int], *exports: str) -> list[int]:
    made = {each.leaf for each in one.exports if each.id in exports}
    return sorted({one.case.acts[number].leaf for number in acts} | {each for each in made if each is not None})


def uses_of(one: RandomCase) -> list[dict[str, Any]]:
    """Rows of the log book: what must stand in each."""
    grant = next((body for _, body in of(one, "decide")), None)
    found = []
    for number, body in of(one, "open-viewing", "take"):
        version = number + 2
        row = {"signed": signers(one, version), "start": rfc(when(one, number))}
        acts = [number, *(n for n, each in of(one, "sign-entry") if each["entry"] == version)]
        if body["act"] == "take":
            receipt = [n for n, each in of(one, "receipt") if body["use"] == "copy" and each["copy"] == body["made"]]
            medium = one.words.get(copy_word(body["made"], CopyWord.MEDIUM), "") if receipt else ""
            found.append(
                row
                | {
                    "leaves": leaves(one, [*acts, *receipt], body["made"]),
                    "day": site_day(when(one, number)),
                    "use": body["use"],
                    "parts": parts(body["scope"]),
                    "made": body["made"],
                    "end": None,
                    "medium": medium,
                    "state": None,
                    "operator": None,
                    "companion": None,
                    "present": "",
                }
            )
            continue
        over = next((each for each in of(one, "end-viewing", "cut-viewing") if each[0] > number), None)
        nth = sum(each <= number for each, _ in of(one, "open-viewing"))
        laid = [each for each in one.exports if each.order.viewing and each.id.endswith(f"-{nth}")]
        assert grant is not None
        found.append(
            row
            | {
                "leaves": leaves(one, [*acts, *([over[0]] if over else [])], *(each.id for each in laid)),
                "day": str(date.fromordinal(body["day"])),
                "use": "view" if "view" in grant["uses"] else "look",
                "parts": parts(
                    [
                        {"camera": camera, "from_ms": each.interval.first_ms, "to_ms": each.interval.last_ms}
                        for each in (export.order for export in laid)
                        for camera in each.cameras
                    ]
                ),
                "made": "",
                "end": None if over is None else rfc(when(one, over[0])),
                "medium": "",
                "state": "open" if over is None else {"end-viewing": "ended", "cut-viewing": "cut"}[over[1]["act"]],
                "operator": body["operator"],
                "companion": body["companion"]["person"],
                "present": one.words.get(f"{PRESENT}{nth}", ""),
            }
        )
    return found


def outcome(one: RandomCase) -> str:
    decided = of(one, "decide")
    if of(one, "withdraw"):
        return "withdrawn"
    if not one.procedure.chain:
        return "referred"
    if not decided:
        return "deciding"
    granted = decided[0][1]
    if not granted["uses"]:
        return "refused"
    whole = set(granted["uses"]) == set(one.receipt["uses"]) and granted["scope"] == one.receipt["asked"]
    return "granted" if whole else "in-part"


# --- rows against the story


def test_a_row_of_the_log_book_is_what_befell(cases: Sequence[RandomCase]) -> None:
    rows = 0
    for one in cases:
        shown = [row.model_dump() for row in registers.logged_uses(told(one), EVER)]
        hidden = one.case.row.erased
        expected = uses_of(one)
        assert len(shown) == len(expected)
        for row, want in zip(shown, expected, strict=True):
            who = {name: row[name] and row[name]["person"] for name in ("operator", "companion")}
            signed = [(each["by"]["person"], each["post"], each["deputy"]) for each in row["signed"]]
            words = {"medium": "", "present": ""} if hidden else {}
            assert row | who | {"signed": signed} == row | want | words
            booked = bool(one.procedure.register_form)
            assert (row["entry"] is not None, len(row["lacking"]) + len(signed)) == (booked, 2 * booked)
        rows += len(shown)
    assert rows > COUNT // 3


def test_a_row_of_a_request_is_what_became_of_it(
    cases: Sequence[RandomCase], requests: Sequence[documents.RegisteredRequest]
) -> None:
    for one, row in zip(cases, requests, strict=True):
        decided, replied, closed = (of(one, kind)[:1] for kind in ("decide", "reply", "close"))
        assert row.received == str(date.fromordinal(one.case.row.day))
        assert [each.model_dump() for each in row.asked] == parts(one.receipt["asked"])
        assert set(row.uses) == set(one.receipt["uses"])
        assert row.outcome == outcome(one)
        assert row.decided == first(on(one, n, body["hand"]["paper_day"]) for n, body in decided)
        assert [set(row.granted)] == ([set(body["uses"]) for _, body in decided] or [set()])
        answered = first((on(one, n, body["day"]), body["letter"], body["delivery"]) for n, body in replied)
        assert (row.replied, row.letter, row.delivery) == (answered or (None, "", None))
        if row.replied is not None:
            assert row.days == (date.fromisoformat(row.replied) - date.fromisoformat(row.received)).days
        assert row.closed == first(on(one, n, None) for n, _ in closed)
        assert row.viewings == len(of(one, "open-viewing"))
        assert row.copies == sum(body["use"] == "copy" for _, body in of(one, "take"))
        assert [row.filed_as] == ([body["number"] for _, body in of(one, "file")][-1:] or [""])
        assert one.case.row.leaf == row.leaves[0]
        assert {one.case.acts[n].leaf for n, _ in (*decided, *replied, *closed)} <= {*row.leaves}


def test_marks_say_what_stands_out(
    cases: Sequence[RandomCase], requests: Sequence[documents.RegisteredRequest]
) -> None:
    seen = Counter[str]()
    for one, row in zip(cases, requests, strict=True):
        marks = {*row.marks}
        ending = {"referred": "notice"}.get(outcome(one), outcome(one))
        assert marks & {"refused", "in-part", "withdrawn", "notice"} == {ending} - {"granted", "deciding"}
        by_word = any(body["hand"]["door"] == "word" for _, body in of(one, "decide"))
        assert ("urgent" in marks, "unsynced" in marks) == (by_word, not one.receipt["synchronised"])
        hands = [body["hand"] for _, body in of(one, "sign", "decide", "approve-hold")]
        if not by_word and not of(one, "return"):  # what was signed before that has fallen
            assert ("paper" in marks) == (bool(hands) and all(hand["door"] == "paper" for hand in hands))
        assert ("deputised" in marks) <= any(hand["deputy"] for hand in hands)
        seen.update(marks)
    assert seen.keys() == {*registers.MARKS}, "each of them is there"


def test_a_row_of_a_copy_is_what_became_of_it(cases: Sequence[RandomCase]) -> None:
    rows = 0
    for one in cases:
        shown = {row.copy_id: row for row in registers.registered_copies(told(one), EVER)}
        taken = {body["made"]: (n, body) for n, body in of(one, "take") if body["use"] == "copy"}
        assert shown.keys() == taken.keys()
        for name, row in shown.items():
            number, body = taken[name]
            receipt = [(n, each) for n, each in of(one, "receipt") if each["copy"] == name]
            gone = {each["ours"]: (n, each) for n, each in of(one, "dispose") if each["copy"] == name}
            leaves = {one.case.acts[n].leaf for n, _ in ((number, body), *receipt, *gone.values())}
            export = next(each for each in one.exports if each.id == name)
            assert {*row.leaves} == leaves | {export.leaf}
            assert (row.made, row.secrecy) == (rfc(when(one, number)), body["secrecy"])
            assert [each.model_dump() for each in row.parts] == parts(body["scope"])
            assert row.destroy_by == rfc(export.order.destroy_by_ms)
            signed = first((str(date.fromordinal(each["day"])), each["fee"], each["kept"]) for _, each in receipt)
            assert (row.handed, row.fee, row.kept) == (signed or (None, None, True))
            assert row.fingerprint == (receipt[0][1]["fingerprint"] if receipt else f"{export.number:064x}")
            for ours, what, day in ((True, row.ours, row.ours_on), (False, row.handed_out, row.handed_out_on)):
                entered = gone.get(ours)
                assert what == (entered and entered[1]["disposal"])
                assert day == (entered and str(date.fromordinal(entered[1]["day"])))
            if receipt and not one.case.row.erased:
                words = (row.receiver, row.identity, row.medium, row.declassify)
                assert words == tuple(one.words[copy_word(name, what)] for what in CopyWord)
        rows += len(shown)
    assert rows > COUNT // 10


def test_each_day_has_its_rows_and_no_other(cases: Sequence[RandomCase]) -> None:
    """Of days that lie side by side come the rows of all of them, each once."""
    cut = FIRST + timedelta(days=200)
    halves = DaySpan(EVER.first, cut), DaySpan(cut + timedelta(days=1), EVER.last)
    for one in cases[::5]:
        for rows in (registers.logged_uses, registers.registered_copies):
            every = [*rows(told(one), EVER)]
            parted = [[*rows(told(one), half)] for half in halves]
            assert sorted(map(repr, every)) == sorted(map(repr, (*parted[0], *parted[1])))


def test_a_receipt_without_a_name_is_of_the_first_copy_that_nobody_has_signed_for() -> None:
    """As the machine has it, and as leaves of before tell."""
    both = frozenset({Use.VIEW, Use.COPY})
    acts: tuple[Act, ...] = (
        Decide(by(CHIEF, "鄉長"), both, (LOBBY,)), *(Take(Use.COPY, (LOBBY,), f"E-{n}") for n in range(3)),
        Dispose("E-0", Disposal.DESTROYED, ours=True), Receipt(), Receipt(day=NOW.by_wall().toordinal()),
    )  # fmt: skip
    request = after(ONCE, receive(ONCE, (LOBBY,), both), *acts)
    row = RequestRow("115-0001", True, ONCE.row, FIRST.toordinal(), Point(1, 0, 0), request.version, "granted", 1)
    case = Case(row, ONCE, request, tuple(DatedAct(act, Point(1, n, n), n) for n, act in enumerate(acts, 2)))
    found = copy_stories(case)
    assert [(one.take.made, one.copy.signed_for, one.receipt and one.receipt.leaf) for one in found] == [
        ("E-0", False, None), ("E-1", True, 7), ("E-2", True, 8),
    ]  # fmt: skip


# --- words of persons


def test_words_are_those_of_the_form_and_nobody_elses(cases: Sequence[RandomCase]) -> None:
    for one in cases:
        shown = told(one)
        if one.case.row.erased:
            assert (applicant(shown.paper), subject(shown.paper), shown.withheld) == ("", "", "erased")
            continue
        assert shown.withheld == ""
        for name in ("applicant", "agency", "agent"):
            assert one.words.get(name, "") in applicant(shown.paper)
        for name in ("reason", "told", "letter-number"):
            assert one.words.get(name, "") in subject(shown.paper)


@pytest.mark.parametrize("why", ["private", "erased", "lost"])
def test_a_row_without_words_names_no_applicant_and_says_why(cases: Sequence[RandomCase], why: str) -> None:
    for one in cases[: len(cases) // 10]:
        known = told(one, private=True)
        row = replace(one.case.row, erased=why == "erased")
        paper = replace(
            known.paper, case=replace(one.case, row=row), private=why == "private", nameless=why == "lost", words={}
        )
        hidden = replace(known, paper=paper)
        rows: list[documents.RegisterRow] = [
            *registers.logged_uses(hidden, EVER),
            *registers.registered_copies(hidden, EVER),
            registers.registered_request(hidden),
        ]
        asker = one.case.request.applicant
        for each in rows:
            assert each.withheld == why
            text = each.model_dump_json()
            assert "語" not in text
            assert asker is None or NAMES[asker] not in text
    assert CHINESE(register_columns.WITHHELD[why]) == {"private": WITHHELD, "erased": ERASED, "lost": LOST}[why]


# --- page, CSV and document say the same


class Page(HTMLParser):
    """Rows of a table of a page: fields and what stands in them."""

    def __init__(self, text: str, table: str = "rows") -> None:
        super().__init__()
        self.rows: list[dict[str, str]] = []
        self.fields: dict[str, str] = {}
        """Outside of tables."""
        self.headings: list[str] = []
        self._wanted, self._table, self._field, self._heading = table, "", "", False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._table = given.get("data-table") or self._table
        self._field = given.get("data-field") or ""
        self._heading = tag == "th" and self._table == self._wanted
        if "data-row" in given and self._table == self._wanted:
            self.rows.append({})

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._table = ""
        self._field, self._heading = "", False

    def handle_data(self, data: str) -> None:
        if self._heading:
            self.headings.append(data)
        if self._field and self._table == self._wanted:
            self.rows[-1][self._field] = data
        elif self._field and not self._table:
            self.fields[self._field] = data


def head() -> dict[str, Any]:
    return {
        "title": "簿<册>",
        "office": "某所",
        "box": "box-1",
        "start": "2026-01-01",
        "end": "2026-12-31",
        "printed": "2026-12-31T01:00:00.000Z",
        "timezone": "Asia/Taipei",
        "head": None,
        "unreadable": [],
    }


def books(cases: Sequence[RandomCase]) -> Iterator[documents.OfficeRegister]:
    shown = [told(one) for one in cases]
    used = [row for one in shown for row in registers.logged_uses(one, EVER)]
    columns, posts = list(registers.COLUMNS), list(registers.POSTS)
    yield documents.ViewingRegister(**head(), columns=columns, posts=posts, rows=used)
    yield documents.RequestRegister(**head(), rows=[registers.registered_request(one) for one in shown])
    yield documents.CopyRegister(
        **head(), rows=[row for one in shown for row in registers.registered_copies(one, EVER)]
    )


def table_of(data: bytes) -> tuple[list[str], list[list[str]]]:
    assert data.startswith(BOM)
    heading, *rows = csv.reader(io.StringIO(data.removeprefix(BOM).decode(), newline=""))
    return heading, rows


def test_page_and_csv_say_the_same(cases: Sequence[RandomCase]) -> None:
    for book in books(cases[:120]):
        columns = register_columns.columns(book)
        heading, rows = table_of(csv_of(book, CHINESE))
        read = Page(page(book)).rows
        assert heading == [CHINESE(one.heading) for one in columns]
        assert len(rows) == len(read) == len(register_columns.rows(book)) > 10
        for cells, fields in zip(rows, read, strict=True):
            assert {one.field: text for one, text in zip(columns, cells, strict=True) if text} == {
                name: text for name, text in fields.items() if text
            }


OUTCOMES: Final = {
    "未為准駁": "deciding", "同意": "granted", "部分同意": "in-part", "駁回": "refused", "撤回": "withdrawn",
    "告知自行報案": "referred",
}  # fmt: skip
DONE: Final = {"調閱": "view", "先行查看": "look", "複製": "copy", "保存": "hold"}
GONE: Final = {"已返還": "returned", "已銷毀": "destroyed", "已附卷": "filed"}


def a_day(text: str) -> str | None:
    return str(parse_day(text)) if text else None


def footage(text: str) -> set[tuple[str, str, str]]:
    """大廳（lobby） 115.11.24 14:00:10～14:30:10."""
    found = set()
    for line in text.splitlines():
        camera, day, times = line.split(" ", 2)
        first, _, last = times.partition("～")
        moments = (f"{day} {first}", last if " " in last else f"{day} {last}")
        parts = (each.split(" ") for each in moments)
        begin, end = (datetime.fromisoformat(f"{a_day(day)} {clock}").replace(tzinfo=ZONE) for day, clock in parts)
        ends = [rfc(round(at.timestamp() * 1000)) for at in (begin, end)]
        found.add((camera.partition("（")[2].rstrip("）"), ends[0], ends[1]))
    return found


def scope(parts: Sequence[documents.NamedPart]) -> set[tuple[str, str, str]]:
    return {(one.camera, one.start, one.end) for one in parts}


def _text(said: Mapping[str, str], name: str) -> str:
    return said.get(name, "")


def test_what_stands_on_a_page_is_read_back_as_the_document_has_it(cases: Sequence[RandomCase]) -> None:
    uses, requests, copies = books(cases[:120])
    for document, read in ((uses, Page(page(uses))), (requests, Page(page(requests))), (copies, Page(page(copies)))):
        assert read.fields["title"] == document.title
        assert (a_day(read.fields["start"]), a_day(read.fields["end"])) == (document.start, document.end)
        assert (read.fields["box"], read.fields["rows"]) == (document.box, str(len(read.rows)))
        for row, said in zip(register_columns.rows(document), read.rows, strict=True):
            text = partial(_text, said)
            assert [int(one) for one in text("leaves").split()] == row.leaves
            assert text("number") == row.number
            assert text("words") == row.words
            assert (text("applicant") == row.applicant) is not bool(row.withheld)
            match row:
                case documents.LoggedUse():
                    assert (a_day(text("day")), DONE[text("use")]) == (row.day, row.use)
                    assert footage(text("footage")) == scope(row.parts)
                    assert (text("present"), text("subject"), text("made")) == (row.present, row.subject, row.made)
                    assert text("fingerprint") == row.fingerprint
                    assert {n for n in ("operator", "companion") if text(n)} == (
                        {"operator", "companion"} if row.operator else set()
                    )
                    signed = {one.post for one in row.signed}
                    assert {post for number, post in enumerate(registers.POSTS) if text(f"signed-{number}")} == signed
                    assert ("代為決行" in text("signed-0")) == any(
                        one.deputy and one.post == "管理人員" for one in row.signed
                    )
                case documents.RegisteredRequest():
                    assert (a_day(text("received")), OUTCOMES[text("outcome")]) == (row.received, row.outcome)
                    days = [a_day(text(name)) for name in ("decided", "replied", "last", "closed")]
                    assert days == [row.decided, row.replied, row.last, row.closed]
                    assert (footage(text("asked")), footage(text("scope"))) == (scope(row.asked), scope(row.scope))
                    assert (text("letter"), text("filed")) == (row.letter, row.filed_as)
                    assert text("days") == ("" if row.days is None else str(row.days))
                    assert (int(text("viewings")), int(text("copies"))) == (row.viewings, row.copies)
                case documents.RegisteredCopy():
                    assert (text("copy"), text("secrecy")) == (row.copy_id, row.secrecy or "")
                    assert a_day(text("handed")) == row.handed
                    assert (text("receiver"), text("identity")) == (row.receiver, row.identity)
                    assert text("fee") == ("" if row.fee is None else str(row.fee))
                    out, _, day = text("handed-out").partition(" ")
                    assert (out == "未交付") == (row.handed is None and row.ours is not None)
                    assert (GONE.get(out), a_day(day)) == (row.handed_out, row.handed_out_on)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1"])
def test_a_cell_is_no_formula(text: str) -> None:
    assert defused(text) == f"'{text}"
    assert defused(f"x{text}") == f"x{text}"


def test_a_formula_in_a_form_is_defused_in_the_file_and_stands_on_the_page_as_it_is(
    cases: Sequence[RandomCase],
) -> None:
    one = told(next(one for one in cases if not one.case.row.erased and "applicant" in one.words))
    words = {**one.paper.words, "applicant": '=HYPERLINK("x","<b>")'}
    row = registers.registered_request(replace(one, paper=replace(one.paper, words=words)))
    book = documents.RequestRegister(**head(), rows=[row])
    columns = [column.field for column in register_columns.columns(book)]
    _, ((*cells,),) = table_of(csv_of(book, CHINESE))
    assert cells[columns.index("applicant")].startswith("'=HYPERLINK")
    text = page(book)
    assert "<b>" not in text
    assert Page(text).rows[0]["applicant"].startswith("=HYPERLINK")


# --- the log book of a text, and what no request explains


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_log_book_is_called_as_its_text_calls_it(name: str) -> None:
    title, columns, posts = registers.title_of(profile(name))
    book = documents.ViewingRegister(**head() | {"title": title}, columns=list(columns), posts=list(posts), rows=[])
    assert Page(page(book)).headings == ["日期", "時間", "申請人", "案由", "應用情形", "簽章", "管理人員", "主管"]
    if name == "jiancheng-land":
        assert title == "臺北市建成地政事務所錄影監視系統影音應用記錄簿"
    assert profile(name).office in title


def test_registers_and_other_papers_have_one_word_for_a_thing() -> None:
    tables: tuple[tuple[Mapping[str, Message], Mapping[Any, str]], ...] = (
        (DELIVERIES, case_words.DELIVERIES),
        (DISPOSALS, case_words.DISPOSALS),
    )
    for shown, printed in tables:
        assert {kind: CHINESE(words) for kind, words in shown.items()} == printed


def test_what_is_looked_at_without_a_request_has_its_rows(cases: Sequence[RandomCase]) -> None:
    laid = next(one for one in cases if any(each.order.viewing for each in one.exports)).exports[0]
    interval = laid.order.interval

    def export(name: str, leaf: int, request: OfficeRequest | None, *, viewing: bool = True) -> Any:
        return replace(laid, id=name, leaf=leaf, order=replace(laid.order, request=request, viewing=viewing))

    def act(leaf: int, **more: Any) -> LookAct:
        return LookAct(leaf, laid.begun.wall_ms + leaf, live=False, who="chen", **more)

    at = {"cameras": ("lobby",), "from_ms": interval.first_ms, "to_ms": interval.last_ms}
    acts = [
        act(10, purpose="audit", companion=3, **at),
        act(12, purpose="inspection", **at),
        replace(act(14, over=True), who="lin"),
        act(15, over=True),
        replace(act(20, purpose="repair", cameras=("gate",)), live=True),
    ]
    exports = [
        export("E-1", 11, OfficeRequest("look-1", "audit")),
        export("E-2", 13, OfficeRequest("look-2", "inspection")),
        export("E-3", 16, OfficeRequest("115-0099", "W-public")),
        export("E-4", 17, None, viewing=False),
        export("E-5", 18, OfficeRequest("115-0001", "W-public")),
    ]
    rows = list(registers.looks(exports, acts, {"E-5"}, EVER, NOW, CAMERAS, NAMES))
    assert [(row.purpose, row.use, row.number, row.leaves) for row in rows] == [
        ("audit", "view", "", [10, 11, 15]),
        ("inspection", "view", "", [12, 13, 15]),
        ("unexplained", "view", "115-0099", [16]),
        ("unexplained", "copy", "", [17]),
        ("repair", "picture", "", [20]),
    ]
    assert [(row.account, row.companion and row.companion.person) for row in rows[:2]] == [("chen", 3), ("chen", None)]
    assert rows[3].made == "E-4"
    assert {one.value: looks.NAMES[one] for one in looks.Purpose}.items() <= register_columns.PURPOSES.items()
    before = DaySpan(EVER.first, EVER.first)
    assert [*registers.looks(exports, acts, {"E-5"}, before, NOW, CAMERAS, NAMES)] == []
    read = [0]

    class Counted(list[LookAct]):
        def __iter__(self) -> Iterator[LookAct]:
            read[0] += 1
            return super().__iter__()

        def __reversed__(self) -> Iterator[LookAct]:
            read[0] += 1
            return super().__reversed__()

    assert [*registers.looks(exports * 9, Counted(acts), (), EVER, NOW, CAMERAS, NAMES)]
    assert read[0] <= 2, "all leaves are gone through once, and not for each look"


def test_what_lies_in_a_viewing_is_explained_and_what_does_not_is_not(cases: Sequence[RandomCase]) -> None:
    judged = [JudgedCase(one.case, None) for one in cases]
    exports = tuple(each for one in cases for each in one.exports)
    record = OfficeRecord(NOW, WEEKENDS, 1, {}, tuple(judged), (), exports)
    every = {each.id for each in exports}
    assert registers.explained(record) >= every
    apart = tuple(replace(each, leaf=1) for each in exports if each.order.viewing)
    assert not registers.explained(replace(record, exports=apart)) & {each.id for each in apart}
    strange = tuple(Unreadable(one.case.row, Message("?")) for one in cases)
    assert registers.explained(replace(record, cases=(), unreadable=strange)) == every


def test_a_request_that_cannot_be_read_is_a_row_that_says_so(cases: Sequence[RandomCase]) -> None:
    row = registers.unreadable_row(Unreadable(cases[0].case.row, Message("so")))
    book = documents.RequestRegister(**head() | {"unreadable": [row]}, rows=[])
    (said,) = Page(page(book), "unreadable").rows
    assert (said["number"], said["why"], a_day(said["received"])) == (row.number, "so", row.received)
    heading, (cells,) = table_of(csv_of(book, CHINESE))
    assert (cells[heading.index("案號")], cells[-1]) == (row.number, "so")
    assert row.why == Told(text="so")


# --- counts


def naive_counts(cases: Sequence[RandomCase], roc: int) -> dict[str, int]:
    found = Counter(outcome(one).replace("-", "_") for one in cases if one.case.row.number.startswith(f"{roc}-"))
    year = str(roc + 1911)
    return {
        **found,
        "received": sum(found.values()),
        "open": sum(not of(one, "close") for one in cases if one.case.row.number.startswith(f"{roc}-")),
        "viewings": sum(
            str(date.fromordinal(body["day"])).startswith(year) for one in cases for _, body in of(one, "open-viewing")
        ),
        "copies": sum(
            site_day(when(one, n)).startswith(year)
            for one in cases
            for n, body in of(one, "take")
            if body["use"] == "copy"
        ),
    }


@pytest.mark.parametrize("roc", [114, 115])
def test_a_year_is_counted_as_somebody_would_who_reads_all_of_it(
    cases: Sequence[RandomCase], requests: Sequence[documents.RegisteredRequest], roc: int
) -> None:
    judged = [JudgedCase(one.case, one.procedure.clock) for one in cases]
    counts = year_counts(judged, roc, WEEKENDS, NOW)
    naive = naive_counts(cases, roc)
    assert {name: getattr(counts, name) for name in naive} == naive
    assert naive["received"] > 100
    rows = [row for row in requests if row.number.startswith(f"{roc}-")]
    marked = {one.mark: len(one.numbers) for one in registers.marked(rows)}
    assert (counts.overdue, counts.late - counts.overdue) == (marked.get("overdue", 0), marked.get("late", 0))
    months = month_counts(judged, roc, NOW)
    assert sum(one.requests for one in months) == counts.received
    assert year_counts(judged, 99, WEEKENDS, NOW) == YearCounts()
    strange = [Unreadable(cases[0].case.row, Message("?"))]
    alone = year_counts([], None, WEEKENDS, NOW, strange)
    assert alone == YearCounts(received=1, unreadable=1)


def test_days_to_the_reply_are_those_of_each_month_class_and_outcome(
    cases: Sequence[RandomCase], requests: Sequence[documents.RegisteredRequest]
) -> None:
    groups: dict[tuple[int, str, str], list[int | None]] = {}
    for one, row in zip(cases, requests, strict=True):
        if row.received.startswith("2026"):
            key = int(row.received[5:7]), one.procedure.applicant.value, str(row.outcome)
            groups.setdefault(key, []).append(row.days)
    lines = month_counts([JudgedCase(one.case, None) for one in cases], 115, NOW)
    told_of = {(one.month, one.applicant.value, one.outcome.value): one for one in lines}
    assert told_of.keys() == groups.keys()
    for key, days in groups.items():
        answered = [each for each in days if each is not None]
        line = told_of[key]
        assert (line.requests, line.longest_days) == (len(days), max(answered, default=None))
        assert line.median_days == (median(answered) if answered else None)


def test_the_page_of_a_year_has_its_counts(
    cases: Sequence[RandomCase], requests: Sequence[documents.RegisteredRequest]
) -> None:
    judged = [JudgedCase(one.case, one.procedure.clock) for one in cases[:100]]
    rows = list(requests[:100])
    counts = registers.counts_document(year_counts(judged, 115, WEEKENDS, NOW))
    months = [registers.month_document(one) for one in month_counts(judged, 115, NOW)]
    marked = registers.marked(rows)
    book = documents.YearRegister(**head(), year=115, counts=counts, months=months, marked=marked, rows=rows)
    text = page(book)
    read = Page(text)
    for name in documents.RegisterCounts.model_fields:
        assert read.fields[f"count-{name}"] == str(getattr(counts, name))
    assert [int(one["requests"]) for one in Page(text, "months").rows] == [one.requests for one in months]
    assert [one["numbers"].split("、") for one in Page(text, "marked").rows] == [one.numbers for one in marked]
    assert len(read.rows) == 100
