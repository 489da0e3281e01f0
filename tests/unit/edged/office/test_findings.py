"""What goes wrong in a case is found, stays until an auditor closes it, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office import findings as module
from edged.office.cases import Unreadable
from edged.office.findings import (
    KINDS,
    UNSIGNED_MS,
    BreachKind,
    CaseBreach,
    CaseFinding,
    JudgedCase,
    OfficeRecord,
    breaches,
    findings,
    people_of,
)
from edged.office.legal_days import OfficeCalendar
from edged.office.looks import Purpose
from edged.office.request import (
    Act,
    Appoint,
    Close,
    CutViewing,
    Decide,
    Door,
    EndViewing,
    FileCase,
    OpenViewing,
    Receipt,
    Reply,
    Sign,
    SignEntry,
    Take,
    Withdraw,
    advance,
)
from edged.office.story import DatedAct
from edged.profiles.loader import PROFILES, Judgement, profile
from edged.profiles.procedures import Procedure, ReplyClock, Use
from storage.ages.history import Point
from storage.exports.model import Export, ExportOrder, ExportState, OfficeRequest
from storage.office.table import ClosedFinding
from storage.pins.rules import Interval
from storage.words.message import Message
from tests.unit.edged.office.test_deadlines import (
    BY_WORD,
    CLOCK,
    DAY_MS,
    MONDAY,
    NUMBER,
    REFUSED,
    THREE,
    at,
    point,
    story,
)
from tests.unit.edged.office.test_request import (
    CHIEF,
    CLERK,
    COMPANION,
    GRANT,
    HEAD,
    LOBBY,
    NOTHING,
    ONCE,
    OTHER,
    PUBLIC,
    SIGNED,
    URGENT,
    VIEW,
    by,
    sequence,
)

SINCE: Final = 1
"""The leaf by which the office was opened."""
LOOK: Final = OpenViewing(day=MONDAY.toordinal() + 2, operator=CLERK, companion=by(COMPANION, "行政課"), present=1)
ENDED: Final = EndViewing(not_filmed=True)
VIEWED: Final = (*((0.1, one) for one in SIGNED), (0.2, GRANT), (1, Reply()), (1.1, Appoint()), (2, LOOK))
FILED: Final = (2.9, FileCase("115-0301"))
COPIES: Final = frozenset({Use.VIEW, Use.COPY})
TAKE: Final = Take(Use.COPY, (LOBBY,), "E-1")
COPIED: Final = ((0.2, Decide(by(CHIEF, "鄉長"), COPIES, (LOBBY,))), (1, Reply()), (2, TAKE))


def leaf(number: int) -> int:
    """Of the act of that number, from 0; there is room for other leaves between two acts."""
    return 100 * (number + 1)


def dated(number: int, days: float, act: Act) -> DatedAct:
    return DatedAct(act, point(round(days * DAY_MS)), leaf(number))


def of(*done: tuple[float, Act], row: Procedure = PUBLIC, **changes: Any) -> JudgedCase:
    """A case whose acts befell it so many days after the receipt."""
    first = story(procedure=row)
    request = replace(first.request, uses=frozenset({*VIEW, *row.may} - {Use.HOLD}))
    for _, act in done:
        request = advance(row, request, act, request.version)
    acts = tuple(dated(number, *one) for number, one in enumerate(done))
    return JudgedCase(replace(first, request=request, acts=acts), changes.pop("clock", row.clock), **changes)


def record(*cases: JudgedCase, now: float = 40, **changes: Any) -> OfficeRecord:
    return OfficeRecord(at(now), OfficeCalendar(), SINCE, {}, cases, **changes)


def kinds(*cases: JudgedCase, now: float = 40, **changes: Any) -> list[tuple[str, bool]]:
    return [(one.key, one.stands) for one in breaches(record(*cases, now=now, **changes))]


def copy(
    name: str, begun: int, *, number: str | None = NUMBER, gone: int | None = None, viewing: bool = True
) -> Export:
    request = None if number is None else OfficeRequest(number, PUBLIC.row)
    order = ExportOrder(("lobby",), Interval(0, 1000), False, 0, 0, request, viewing)
    return Export(
        1, name, ExportState.FINISHED, order, 1, Point(1, 0, 0), begun, None, destroyed=gone is not None, gone=gone
    )


# --- each kind, and what is none


@pytest.mark.parametrize(
    ("day", "late"), [(None, True), (0, False), (7, False), (8, True)], ids=["on entry", "at once", "last day", "late"]
)
def test_a_reply_after_its_last_day(day: int | None, late: bool) -> None:
    """The sixth day is a Sunday, so it ends on the seventh; the day is that of the letter, else of the entry."""
    reply = Reply(None if day is None else MONDAY.toordinal() + day)
    case = of(*REFUSED, (8.1, reply), clock=CLOCK)
    assert kinds(case) == ([("late-reply", False)] if late else [])
    assert kinds(of(*REFUSED, (8.1, reply), clock=None)) == kinds(of(*REFUSED, (8.1, reply), clock=ReplyClock())) == []


def test_no_reply_goes_on_until_it_is_given_and_withdrawn_in_time_is_none() -> None:
    assert kinds(of(clock=CLOCK), now=7.1) == []
    assert kinds(of(clock=CLOCK), now=8.1) == [("late-reply", True)]
    assert kinds(of((2, Withdraw()), clock=CLOCK)) == []
    assert kinds(of((9, Withdraw()), clock=CLOCK)) == [("late-reply", False)]


@given(st.integers(0, 30), st.integers(1, 20))
def test_a_reply_is_late_exactly_if_its_last_day_has_passed(day: int, days: int) -> None:
    """By a naive count: the day after receipt is the first, and a weekend moves the last one to Monday."""
    last = MONDAY + timedelta(days=days)
    last += timedelta(days={5: 2, 6: 1}.get(last.weekday(), 0))
    case = of(*REFUSED, (31, Reply(MONDAY.toordinal() + day)), clock=ReplyClock(days=days))
    assert bool(kinds(case)) == (MONDAY + timedelta(days=day) > last)


@pytest.mark.parametrize(("days", "found"), [(2, []), (3, []), (3.9, [("late-signature", False)])])
def test_the_signature_of_what_was_granted_by_word(days: float, found: list[tuple[str, bool]]) -> None:
    case = of((0.1, BY_WORD), (days, Sign(by(CHIEF, "主任"))), row=URGENT, clock=THREE)
    assert kinds(case) == found
    paper = by(CHIEF, "主任", Door.PAPER, paper_day=MONDAY.toordinal() + 3)
    assert kinds(of((0.1, BY_WORD), (9, Sign(paper)), row=URGENT, clock=THREE)) == []
    assert kinds(of((0.1, BY_WORD), row=URGENT, clock=THREE), now=3) == []
    assert kinds(of((0.1, BY_WORD), row=URGENT, clock=THREE), now=4) == [("late-signature", True)]


CUT: Final = of(*VIEWED, (2.1, CutViewing()))
OPENED: Final = len(VIEWED) - 1
"""Number of the act by which the viewing is opened."""
DURING, AFTER = leaf(OPENED) + 1, leaf(OPENED + 1) + 1


def test_a_viewing_that_was_cut_off_and_never_resumed() -> None:
    laid = (copy("E-2", DURING, gone=DURING + 1),)
    assert kinds(CUT, now=2.2, exports=laid) == [], "it may be resumed that day"
    assert kinds(CUT, now=3.2, exports=laid) == [("unconfirmed-1", False)]
    assert kinds(CUT, now=3.2) == [], "nothing was laid out, so nobody could film it"
    closed = of(*VIEWED, (2.1, CutViewing()), (2.2, Close()))
    assert kinds(closed, now=2.3, exports=laid) == [("unconfirmed-1", False)]
    resumed = of(*VIEWED, (2.1, CutViewing()), (2.2, LOOK), (2.3, ENDED))
    assert kinds(resumed, exports=laid) == []
    again = of(*VIEWED, (2.1, ENDED), (2.2, LOOK), (2.3, CutViewing()))
    second = leaf(OPENED + 2) + 1
    found = kinds(again, exports=(*laid, copy("E-3", second, gone=second + 1)))
    assert found == [("unconfirmed-2", False)]


def test_a_viewing_copy_that_was_still_there_when_its_viewing_was_over() -> None:
    case = of(*VIEWED, (2.1, ENDED))
    assert kinds(case, exports=(copy("E-2", DURING, gone=DURING + 1),)) == []
    assert kinds(case, exports=(copy("E-2", DURING),)) == [("copy-remained-1", True)]
    assert kinds(case, exports=(copy("E-2", DURING, gone=AFTER),)) == [("copy-remained-1", False)]
    assert kinds(of(*VIEWED), exports=(copy("E-2", DURING),)) == [], "the viewing is open"
    untold = replace(copy("E-2", DURING), destroyed=True)
    assert kinds(case, exports=(untold,)) == [], "a lost database: nobody knows when"


def test_a_viewing_copy_that_no_viewing_explains() -> None:
    case = of(*VIEWED, (2.1, ENDED))
    for export in (copy("E-2", AFTER, gone=AFTER + 1), copy("E-2", leaf(0)), copy("E-2", DURING, number="115-0099")):
        assert kinds(case, exports=(export,)) == [("no-viewing", False)]
    look = copy("E-2", AFTER)
    look = replace(look, order=replace(look.order, request=OfficeRequest("look-1", Purpose.INSPECTION.value)))
    assert kinds(case, exports=(look,)) == [], "a ground that needs no request"
    unreadable = Unreadable(replace(case.case.row, number="115-0099"), Message("?"))
    hidden = copy("E-2", DURING, number="115-0099")
    assert kinds(case, exports=(hidden,), unreadable=(unreadable,)) == []


def test_a_copy_that_is_of_no_request() -> None:
    case = of(*COPIED, row=ONCE)
    assert kinds(case, now=3, exports=(copy("E-1", leaf(1), viewing=False),)) == []
    for number in (None, NUMBER):
        other = copy("E-9", leaf(1), number=number, viewing=False)
        assert kinds(case, now=3, exports=(other,)) == [("no-request", False)]


def test_required_fields_that_are_empty_once_it_was_granted_and_closed() -> None:
    closed = (*VIEWED, (2.1, ENDED), FILED, (3, Close()))
    assert kinds(of(*closed, empty=("辦理情形",))) == [("empty-fields", False)]
    assert kinds(of(*closed)) == kinds(of(*closed[:-1], empty=("辦理情形",))) == []
    assert kinds(of(*REFUSED, (1, Reply()), FILED, (3, Close()), empty=("辦理情形",))) == []


def test_a_refusal_without_a_check_that_the_text_wants_before() -> None:
    refused: tuple[tuple[float, Act], ...] = (
        *((0.1, one) for one in SIGNED[:2]),
        (0.2, Decide(by(CHIEF, "主任"), frozenset(), ())),
        (1, Reply()),
    )
    assert kinds(of(*refused)) == [("unreviewed", False)]
    assert kinds(of(*REFUSED, (1, Reply()))) == kinds(of(), now=1) == []
    ours = [one.model_copy(update={"ours": True}) for one in PUBLIC.checks]
    assert kinds(of(*refused, row=PUBLIC.model_copy(update={"checks": ours}))) == []


def test_what_was_to_be_kept_and_was_approved_by_nobody() -> None:
    kept = of(clock=None)
    kept = replace(kept, case=replace(kept.case, acts=(dated(0, 1, Take(Use.HOLD, (LOBBY,), "P-1")),)))
    assert kinds(kept, lapsed=frozenset({"P-1"})) == [("capture-lapsed-1", False)]
    assert kinds(kept, lapsed=frozenset({"P-2"})) == []


FREE: Final = ONCE.model_copy(update={"fee": False})


def test_a_copy_that_nobody_signs_for() -> None:
    days = UNSIGNED_MS / DAY_MS
    explained = (copy("E-1", leaf(1), viewing=False),)
    assert kinds(of(*COPIED, row=FREE), now=2 + days - 0.01, exports=explained) == []
    assert kinds(of(*COPIED, row=FREE), now=2 + days, exports=explained) == [("unsigned-copy", True)]
    assert kinds(of(*COPIED, (9, Receipt()), row=FREE), now=900, exports=explained) == []
    closed = of(*COPIED, row=FREE)
    closed = replace(closed, case=replace(closed.case, request=replace(closed.case.request, closed=True)))
    assert kinds(closed, now=3, exports=explained) == [("unsigned-copy", False)], "a story that the machine forbids"


def test_what_was_paid_for_a_copy_is_entered_where_the_text_has_a_fee() -> None:
    explained = (copy("E-1", leaf(1), viewing=False),)
    for row, fee, told in ((ONCE, None, [("fee-unsaid-1", False)]), (ONCE, 0, []), (FREE, None, [])):
        assert kinds(of(*COPIED, (9, Receipt(fee=fee)), row=row), exports=explained) == told


LOGGED: Final = PUBLIC.model_copy(update={"register_form": "附件5"})
BOOKS: Final = {"附件5": ("管理人員", "主管")}
ROW: Final = len(VIEWED) + 1
"""Version that the viewing made, and so its row of the log book."""
FIRST, LAST = (SignEntry(by(person, post), ROW) for person, post in ((CLERK, "管理人員"), (CHIEF, "主管")))


@pytest.mark.parametrize(
    ("signed", "now", "found"),
    [
        ((), 31.9, []),
        ((), 32, [("unsigned-entry-1", True)]),
        (((3, FIRST),), 32, [("unsigned-entry-1", True)]),
        (((3, FIRST), (31, LAST)), 900, []),
        (((3, FIRST), (33, LAST)), 900, [("unsigned-entry-1", False)]),
        (((33, LAST), (34, FIRST)), 33.5, [("unsigned-entry-1", True)]),
    ],
)
def test_each_post_signs_a_row_of_the_log_book_in_time(
    signed: tuple[tuple[float, Act], ...], now: float, found: list[tuple[str, bool]]
) -> None:
    done = tuple(one for one in signed if one[0] <= now)
    case = of(*VIEWED, (2.1, ENDED), *done, row=LOGGED)
    assert kinds(case, now=now, log_books=BOOKS) == found
    assert kinds(case, now=now) == kinds(of(*VIEWED, (2.1, ENDED)), now=now, log_books=BOOKS) == [], "no log book"


def test_rows_of_the_log_book_are_told_one_by_one_and_after_the_close() -> None:
    case = of(*VIEWED, (2.1, ENDED), (2.2, LOOK), (2.3, ENDED), (3, FIRST), (4, LAST), (5, FileCase("1")), (5, Close()),
              row=LOGGED)  # fmt: skip
    assert kinds(case, now=33, log_books=BOOKS) == [("unsigned-entry-2", True)]


CLOSED: Final = (*REFUSED, (1, Reply()), (3, Close()))


@pytest.mark.parametrize(
    ("acts", "now", "found"),
    [
        (CLOSED, 32.9, []),
        (CLOSED, 33, [("unfiled", True)]),
        ((*CLOSED, (32.9, FileCase("115-0301"))), 900, []),
        ((*CLOSED, (33, FileCase("115-0301"))), 900, [("unfiled", False)]),
        ((*CLOSED, (33, FileCase("115-0301")), (34, FileCase("115-0302"))), 900, [("unfiled", False)]),
        ((*REFUSED, (1, Reply()), (2, FileCase("115-0301")), (3, Close())), 900, []),
        (CLOSED[:-1], 900, []),
    ],
)
def test_a_case_that_was_closed_has_its_file(
    acts: tuple[tuple[float, Act], ...], now: float, found: list[tuple[str, bool]]
) -> None:
    assert kinds(of(*acts), now=now) == found


def test_a_list_that_nobody_answers_goes_on_until_its_persons_are_erased() -> None:
    case = of(*CLOSED, (3, FileCase("115-0301")))
    erased = replace(case, case=replace(case.case, row=replace(case.case.row, erased=True)))
    assert kinds(case, unanswered=frozenset({NUMBER})) == [("unanswered", True)]
    assert kinds(case, unanswered=frozenset({"115-0099"})) == []
    late = kinds(erased, unanswered=frozenset({NUMBER}))
    assert ("unanswered", False) in late


def test_persons_that_were_erased_before_the_term_of_the_form() -> None:
    row = PUBLIC.model_copy(update={"kept": timedelta(days=1096)})
    case = of(*VIEWED, (2.1, ENDED), FILED, (3, Close()), row=row, legible=False)
    erased = replace(case, case=replace(case.case, row=replace(case.case.row, erased=True)))
    assert kinds(case, now=1000) == []
    assert kinds(erased, now=1000) == [("erased-early", False)]
    assert kinds(erased, now=1100) == []


BY_PEOPLE: Final = {
    BreachKind.LATE_REPLY,
    BreachKind.UNREVIEWED,
    BreachKind.UNSIGNED_COPY,
    BreachKind.UNFILED,
    BreachKind.FEE_UNSAID,
}


@pytest.mark.parametrize("seed", range(40))
def test_what_the_machine_allows_breaks_nothing_but_days_and_reviews(seed: int) -> None:
    """Of all sorts of stories: what the machine holds needs no auditor."""
    acts: tuple[Act, ...] = ()
    for row, request, act in sequence(seed):
        acts = acts if act is None else (*acts, act)
        story_so_far = tuple(dated(number, number / 10, one) for number, one in enumerate(acts))
        case = replace(story(procedure=row), request=request, acts=story_so_far)
        for one in breaches(record(JudgedCase(case, row.clock), now=60)):
            assert one.about == NUMBER
            assert one.kind in BY_PEOPLE


# --- closing

CLAUSES: Final = profile("jiancheng-land")
BROKEN: Final = of(
    *((0.1, one) for one in SIGNED), (0.2, GRANT), (9, Reply()), (9.1, Appoint()), (10, LOOK), (10.1, CutViewing()),
    (11, FileCase("115-0301")), (11, Close()), clock=CLOCK, empty=("辦理情形",),
    row=PUBLIC.model_copy(update={"clauses": ["J8", "J5"]}),
)  # fmt: skip
LAID: Final = (copy("E-2", leaf(OPENED) + 1, gone=leaf(OPENED + 1) + 1),)
KEYS: Final = ("late-reply", "unconfirmed-1", "empty-fields", "copy-remained-1")


def closing(clause: str, *keys: str, about: str = NUMBER) -> ClosedFinding:
    return ClosedFinding(clause, about, frozenset(keys), Point(1, 0, 0), 7)


def found(*closings: ClosedFinding, case: JudgedCase = BROKEN) -> dict[str, CaseFinding]:
    told = findings(CLAUSES, record(case, exports=LAID, closed=closings))
    return {one.id: one for one in told}


def test_each_clause_has_its_own_findings() -> None:
    told = found()
    assert [one.key for one in told[f"J8-{NUMBER}"].breaches] == ["empty-fields", "late-reply", "unconfirmed-1"]
    assert [one.key for one in told[f"J5-{NUMBER}"].breaches] == ["copy-remained-1"]
    assert [one.key for one in told[f"J11-{NUMBER}"].breaches] == ["empty-fields"]
    assert set(told) == {f"{clause}-{NUMBER}" for clause in ("J8", "J5", "J11")}, "J10 is no clause of that row"


@given(
    st.lists(st.tuples(st.sampled_from(["J8", "J5"]), st.sets(st.sampled_from(KEYS)), st.sampled_from([NUMBER, "?"])))
)
def test_a_breach_stays_until_a_closing_of_its_clause_and_case_knows_it(told: list[tuple[str, set[str], str]]) -> None:
    closings = [closing(clause, *keys, about=about) for clause, keys, about in told]
    for one in found(*closings).values():
        known = {key for clause, keys, about in told if (clause, about) == (one.clause, NUMBER) for key in keys}
        assert {each.key for each in one.closed} == {each.key for each in (*one.breaches, *one.closed)} & known
        assert one.is_open == bool({each.key for each in one.breaches})
    assert {one.id: (*one.breaches, *one.closed) for one in found(*closings).values()}.keys() == found().keys()


def test_what_comes_behind_a_closing_is_listed_again() -> None:
    first = closing("J8", "late-reply", "unconfirmed-1")
    assert [one.key for one in found(first)[f"J8-{NUMBER}"].breaches] == ["empty-fields"]
    whole = closing("J8", *KEYS)
    assert not found(whole)[f"J8-{NUMBER}"].is_open
    assert found(whole)[f"J8-{NUMBER}"].closing == whole


def test_a_copy_of_no_request_is_told_by_each_clause_that_forbids_it() -> None:
    told = findings(CLAUSES, record(exports=(copy("E-9", 5, number=None, viewing=False),)))
    assert [one.id for one in told] == ["J6-E-9"]


def test_who_had_a_hand_in_it_is_found_wherever_he_is() -> None:
    paper = by(CHIEF, "主任", Door.PAPER, paper_day=1)
    case = of(
        (0.1, SIGNED[0]),
        (0.15, SIGNED[1]),
        (0.2, SIGNED[2]),
        (0.3, replace(GRANT, hand=replace(paper, entered_by=OTHER))),
    )
    assert people_of(case.case) == {CLERK, HEAD, CHIEF, OTHER}
    assert people_of(of(*VIEWED).case) == {CLERK, HEAD, CHIEF, COMPANION}
    assert people_of(of(row=NOTHING).case) == frozenset()
    assert people_of(story(applicant=HEAD)) == {HEAD}


# --- profiles


def test_every_kind_is_asked_for_by_a_judgement_and_by_a_clause() -> None:
    assert frozenset().union(*KINDS.values()) == set(BreachKind)
    judged = {one for name in PROFILES for clause in profile(name).clauses for one in clause.judged}
    assert judged >= KINDS.keys() | {Judgement.OPENED, Judgement.UNITS}


@pytest.mark.parametrize("name", PROFILES)
def test_a_row_breaks_only_clauses_that_it_carries_out(name: str) -> None:
    """Planted: a breach of each kind in a case of each row is a finding of exactly the clauses that ask for it."""
    chosen = profile(name)
    for row in chosen.procedures:
        planted = [CaseBreach(kind, NUMBER, row.row, Message("x")) for kind in BreachKind]
        told = findings_of(chosen, planted)
        asking = {one.id for one in chosen.clauses if set(one.judged) & KINDS.keys()}
        assert {one.clause for one in told} == set(row.clauses) & asking


def findings_of(chosen: Any, planted: list[CaseBreach]) -> tuple[CaseFinding, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "breaches", lambda _: planted)
        return findings(chosen, record())


def test_days_are_of_the_calendar_of_the_office() -> None:
    days_off = frozenset({date(2026, 5, 11)})
    case = of(*REFUSED, (9, Reply(MONDAY.toordinal() + 8)), clock=CLOCK)
    holiday = replace(record(case), calendar=OfficeCalendar(frozenset({2026}), days_off | {date(2026, 5, 10)}))
    assert [one.key for one in breaches(record(case))] == ["late-reply"]
    assert list(breaches(holiday)) == []
