"""Which legal days of a request run, and when that is an alarm: by both clocks, and for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office.deadlines import OfficeTime, alarms, deadlines, entered_day
from edged.office.legal_days import OfficeCalendar, Rest, alarm_from, deadline
from edged.office.request import (
    Act,
    Appoint,
    AskSupplement,
    Close,
    CutViewing,
    Decide,
    Door,
    Extend,
    Reply,
    Sign,
    Supplemented,
    Unfit,
    Withdraw,
    advance,
    receive,
)
from edged.office.story import Case, DatedAct
from edged.overview import DeadlineKind, RequestDeadline
from edged.profiles.procedures import Procedure, ReplyClock, Use
from storage.ages.history import Point
from storage.office.table import RequestRow
from tests.unit.edged.office.test_request import (
    ASKED,
    CHIEF,
    CLERK,
    GRANT,
    LOBBY,
    LOOK,
    NOTHING,
    PUBLIC,
    SIGNED,
    URGENT,
    VIEW,
    by,
)

TAIPEI: Final = ZoneInfo("Asia/Taipei")
MONDAY: Final = date(2026, 5, 4)
"""收文, at nine in the morning."""
NINE_MS: Final = round(datetime(2026, 5, 4, 9, tzinfo=TAIPEI).timestamp() * 1000)
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
DAY: Final = timedelta(days=1)
WEEKENDS: Final = OfficeCalendar()
NUMBER: Final = "115-0007"
CLOCK: Final = ReplyClock(days=6, extension=3)
THREE: Final = ReplyClock(days=3, working=True)
ASK: Final = AskSupplement(by(CLERK, "管理人員"))


def day(text: str) -> date:
    """Of 2026, such as 0504."""
    return datetime.strptime(f"2026{text}", "%Y%m%d").replace(tzinfo=UTC).date()


def point(after_ms: int, wall_ms: int | None = None) -> Point:
    """So long after the receipt; `wall_ms`: what the wall clock said then, if it was wrong."""
    return Point(1, after_ms, NINE_MS + after_ms if wall_ms is None else wall_ms)


def story(*done: tuple[float, Act], procedure: Procedure = PUBLIC, applicant: int | None = None) -> Case:
    """Acts, each so many days after the receipt."""
    request = receive(procedure, ASKED.asked, VIEW, applicant)
    acts = []
    for after_days, act in done:
        request = advance(procedure, request, act, request.version)
        acts.append(DatedAct(act, point(round(after_days * DAY_MS))))
    row = RequestRow(NUMBER, True, procedure.row, MONDAY.toordinal(), point(0), request.version, request.status, 1)
    return Case(row, procedure, request, tuple(acts))


def at(after_days: float, wall_days: float | None = None, *, synced: bool = True) -> OfficeTime:
    """So many days after the receipt by running time, and by the wall clock."""
    now_ms = round(after_days * DAY_MS)
    wall_ms = now_ms if wall_days is None else round(wall_days * DAY_MS)
    return OfficeTime(NINE_MS + wall_ms, TAIPEI, synced, lambda one: now_ms - one.boottime_ms)


def due(told: Case, clock: ReplyClock | None = CLOCK, calendar: OfficeCalendar = WEEKENDS) -> dict[str, date | None]:
    return {one.kind.value: one.last for one in deadlines(told, clock, calendar, at(40))}


def said(
    told: Case, now: OfficeTime, clock: ReplyClock | None = CLOCK, before: Sequence[RequestDeadline] = ()
) -> list[RequestDeadline]:
    return list(alarms(told, clock, WEEKENDS, now, before))


GRANTED: Final = (*((0.1, one) for one in SIGNED), (0.2, GRANT))
REFUSED: Final = (*((0.1, one) for one in SIGNED), (0.2, Decide(by(CHIEF, "主任"), frozenset(), ())))
BY_WORD: Final = Decide(by(CHIEF, "主任", Door.WORD, paper_day=MONDAY.toordinal()), VIEW, (LOBBY,))


# --- what is due


def test_a_reply_is_due_by_the_clock_that_applies() -> None:
    assert due(story()) == {"reply": day("0511")}  # the sixth day is a Sunday
    assert due(story(), ReplyClock(days=15)) == {"reply": day("0519")}
    assert due(story(), THREE) == {"reply": day("0507")}
    assert due(story(), ReplyClock()) == due(story(), None) == {}
    holiday = OfficeCalendar(frozenset({2026}), frozenset({day("0509"), day("0510"), day("0511")}))
    assert due(story(), calendar=holiday) == {"reply": day("0512")}


def test_an_extension_is_counted_on() -> None:
    assert due(story((1, Extend(by(CLERK, "管理人員"))))) == {"reply": day("0513")}


@pytest.mark.parametrize("acts", [((1, Withdraw()),), (*GRANTED, (1, Reply())), (*GRANTED, (1, Reply()), (2, Close()))])
def test_a_reply_or_a_withdrawal_ends_it(acts: tuple[tuple[float, Act], ...]) -> None:
    assert "reply" not in due(story(*acts))


def test_a_decision_does_not_end_it() -> None:
    assert due(story(*GRANTED))["reply"] == due(story(*REFUSED))["reply"] == day("0511")


@pytest.mark.parametrize(
    ("acts", "last"),
    [
        (((1, ASK),), None),
        (((1, ASK), (1.2, Supplemented())), "0511"),  # asked for and there on one day
        (((1, ASK), (3, Supplemented())), "0512"),  # two days, of which the seventh is a Sunday
        (((1, ASK), (8, Supplemented())), "0518"),
        (((1, ASK), (8, Supplemented(day("0507").toordinal()))), "0512"),  # it was there before it was entered
        (((1, ASK), (3, Supplemented()), (4, ASK), (6, Supplemented())), "0514"),
        (((1, ASK), (3, Supplemented()), (4, ASK)), None),
        (
            ((1, replace(ASK, hand=by(CLERK, "管理人員", paper_day=day("0504").toordinal()))), (3, Supplemented())),
            "0513",
        ),
        (((9, ASK),), "0511"),  # it was over before
    ],
)
def test_it_rests_while_a_supplement_is_asked_for(acts: tuple[tuple[float, Act], ...], last: str | None) -> None:
    assert due(story(*acts)).get("reply") == (last and day(last))


def test_when_it_rested_also_a_clock_that_was_set_back_tells() -> None:
    """On the eighth day somebody sets the clock to the first: the supplement came on the eighth."""
    right = story((1, ASK), (8, Supplemented()))
    came = replace(right.acts[1], at=point(8 * DAY_MS, NINE_MS - DAY_MS))
    assert due(replace(right, acts=(right.acts[0], came))) == due(right)


def test_a_supplement_has_a_day_of_its_own_until_it_is_there() -> None:
    until = replace(ASK, until_day=day("0516").toordinal())  # a Saturday
    assert due(story((1, until))) == {"supplement": day("0518")}
    assert due(story((1, until), (3, Supplemented()))) == {"reply": day("0512")}
    assert due(story((1, until), (3, Withdraw()))) == {}


def test_a_word_is_signed_within_working_days_of_it() -> None:
    told = story((1, BY_WORD), procedure=URGENT)
    assert due(told, THREE) == {"signature": day("0507")}
    entered = replace(BY_WORD, hand=replace(BY_WORD.hand, paper_day=None))
    assert due(story((4, entered), procedure=URGENT), THREE) == {"signature": day("0513")}
    assert due(told, None) == {"signature": None}
    assert due(story((1, BY_WORD), (2, Withdraw()), procedure=URGENT), THREE) == {"signature": day("0507")}
    assert due(story((1, BY_WORD), (2, Sign(by(CHIEF, "主任"))), procedure=URGENT), THREE) == {}
    assert due(story(procedure=URGENT), THREE) == {}, "the clock of such a row is that of the signature"


def test_an_appointment_stands_until_a_viewing_is_opened() -> None:
    appoint = Appoint(NINE_MS + 9 * DAY_MS)
    first = (*GRANTED, (1, Reply()), (2, appoint))
    assert due(story(*first)) == {"appointment": day("0513"), "remedy": day("0604")}
    assert due(story(*first, (3, Appoint(NINE_MS + 12 * DAY_MS))))["appointment"] == day("0516")
    assert "appointment" not in due(story(*first, (9, LOOK)))
    cut = (*first, (9, LOOK), (9.1, CutViewing()))
    assert "appointment" not in due(story(*cut))
    assert due(story(*cut, (9.2, appoint)))["appointment"] == day("0513")
    assert "appointment" not in due(story(*GRANTED, (2, Appoint())))
    assert "appointment" not in due(story(*first, (3, Withdraw())))


def test_whoever_was_refused_may_appeal_for_thirty_days() -> None:
    told = (*REFUSED, (2, Reply()))
    assert due(story(*told)) == {"remedy": day("0605")}
    assert due(story(*REFUSED, (2, Reply(day("0508").toordinal())))) == {"remedy": day("0608")}  # a Sunday
    assert due(story(*told, (3, Close()))) == {}
    assert due(story((2, Reply()), procedure=NOTHING)) == {"remedy": day("0605")}
    whole = replace(GRANT, scope=ASKED.asked)
    assert due(story(*((0.1, one) for one in SIGNED), (0.2, whole), (2, Reply()))) == {}
    of_staff = story(*told)
    assert due(replace(of_staff, request=replace(of_staff.request, applicant=CHIEF))) == {}


def test_a_day_that_no_calendar_has_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="ordinal"):
        due(story((1, replace(ASK, until_day=0))))


# --- what is an alarm


def test_two_days_before_and_when_it_is_over() -> None:
    told = story()
    assert said(told, at(4.6)) == []  # 8 May, 23:24
    near = RequestDeadline(NUMBER, "J-public", DeadlineKind.REPLY, day("0511"), passed=False)
    assert said(told, at(4.7)) == said(told, at(7.6)) == [near]
    assert said(told, at(7.7)) == said(told, at(300)) == [replace(near, passed=True)]


@pytest.mark.parametrize(("running", "wall"), [(8, None), (8, -9000), (8, 2), (0.1, 8), (2, 8)])
def test_either_clock_is_enough(running: float, wall: float | None) -> None:
    """Years back, some days back; a power-off that nobody can prove."""
    assert [one.passed for one in said(story(), at(running, wall))] == [True]


def test_what_the_wall_clock_alone_says_is_marked_where_nobody_vouches_for_it() -> None:
    """未校時."""
    for running, wall, synced, marked in [
        (8, 8, True, False), (8, 8, False, False), (2, 8, True, False), (2, 8, False, True), (6, 8, False, True),
        (2, 6, False, True), (5, 6, False, False), (8, -9, False, False),
    ]:  # fmt: skip
        (found,) = said(story(), at(running, wall, synced=synced))
        assert found.unsynced is marked, (running, wall)
    (found,) = said(story((1, BY_WORD), procedure=URGENT), at(1, synced=False), THREE)
    assert not found.unsynced, "of the word itself no clock has to tell"


def test_a_word_is_an_alarm_from_its_moment_until_it_is_signed() -> None:
    told = story((1, BY_WORD), procedure=URGENT)
    assert [(one.kind, one.passed) for one in said(told, at(1), THREE)] == [(DeadlineKind.SIGNATURE, False)]
    assert [one.passed for one in said(told, at(4), THREE)] == [True]
    assert [one.passed for one in said(told, at(400), None)] == [False]
    signed = story((1, BY_WORD), (5, Sign(by(CHIEF, "主任"))), procedure=URGENT)
    assert said(signed, at(5), THREE, said(told, at(4), THREE)) == []


def test_what_was_told_ends_with_its_day_and_not_with_the_clock() -> None:
    late = said(story(), at(2, 8))
    assert said(story(), at(2, 2), before=late) == late
    assert said(story(), at(2, 2)) == [], "it is what was told that keeps it"
    assert said(story((3, Extend(by(CLERK, "管理人員")))), at(4), before=late) == []
    assert said(story(*GRANTED, (3, Reply())), at(4), before=late) == []
    assert said(story(), at(2), before=[replace(one, number="115-0008") for one in late]) == []


ACTS: Final = st.lists(st.tuples(st.floats(0, 20), st.floats(0, 10)), max_size=3)
"""Supplements: how long after what went before one is asked for, and how long it takes."""
CLOCKS: Final = st.builds(
    lambda days, extension, working: ReplyClock(days=days, extension=extension, working=working),
    st.integers(1, 30), st.integers(0, 30), st.booleans(),
)  # fmt: skip


def resting(supplements: Sequence[tuple[float, float]], *, open_end: bool) -> Case:
    acts: list[tuple[float, Act]] = []
    now = 0.0
    for after, takes in supplements:
        acts += [(now + after, ASK), (now + after + takes, Supplemented())]
        now += after + takes
    return story(*acts[:-1] if open_end else acts)


@given(ACTS, st.booleans(), CLOCKS)
def test_resting_never_shortens_a_period(
    supplements: list[tuple[float, float]], open_end: bool, clock: ReplyClock
) -> None:
    without = due(story(), clock)["reply"]
    assert without is not None
    found = due(resting(supplements, open_end=open_end), clock).get("reply")
    assert found is None or found >= without


@given(ACTS, st.booleans(), CLOCKS)
def test_days_that_rest_are_struck_out_one_by_one(
    supplements: list[tuple[float, float]], open_end: bool, clock: ReplyClock
) -> None:
    """Against the acts themselves: a day counts if, where it ends, nothing is asked for, nor came on it."""
    told = resting(supplements, open_end=open_end)
    assert clock.days is not None
    rests, asked = [], None
    for one in told.acts:
        on = datetime.fromtimestamp(one.at.wall_ms / 1000, TAIPEI).date()
        if isinstance(one.act, AskSupplement):
            asked = on
        elif asked is not None:
            rests += [
                Rest(asked + number * DAY, asked + (number + 1) * DAY) for number in range(1, (on - asked).days + 1)
            ]
            asked = None
    if asked is not None:
        rests.append(Rest(asked + DAY))
    assert due(told, clock).get("reply") == deadline(MONDAY, clock.days, WEEKENDS, working=clock.working, rests=rests)


Look = tuple[float, float]
"""For how many days the box runs on, and how far the wall clock is then off, in days."""
LOOKS: Final = st.lists(st.tuples(st.floats(0, 4), st.floats(-400, 400) | st.just(0.0)), max_size=12)
STORIES: Final[tuple[tuple[Case, ReplyClock], ...]] = (
    (story(), CLOCK),
    (story((1, ASK), (3, Supplemented())), CLOCK),
    (story((1, replace(ASK, until_day=day("0516").toordinal()))), CLOCK),
    (story(*GRANTED, (1, Reply()), (2, Appoint(NINE_MS + 9 * DAY_MS))), CLOCK),
    (story((1, BY_WORD), procedure=URGENT), THREE),
)
Rule = Callable[[Case, ReplyClock, OfficeTime, list[RequestDeadline]], list[RequestDeadline]]


def as_it_is(told: Case, clock: ReplyClock, now: OfficeTime, before: list[RequestDeadline]) -> list[RequestDeadline]:
    return said(told, now, clock, before)


def mistake(rule: Rule, looks: Sequence[Look]) -> str:
    """The first of what has to hold for whoever looks again and again, and does not; "" for none."""
    for told, clock in STORIES:
        before: list[RequestDeadline] = []
        running = 0.0
        for more, off in looks:
            running += more
            now = at(running, running + off)
            found = rule(told, clock, now, before)
            stands = {(one.kind, one.last): one.passed for one in found}
            for one in before:
                if stands.get((one.kind, one.last), False) < one.passed or (one.kind, one.last) not in stands:
                    return "it went"
            today = max(now.by_wall(), now.by_running(told))
            near = [one for one in deadlines(told, clock, WEEKENDS, now) if one.last and alarm_from(one.last) <= today]
            if any((one.kind, one.last) not in stands for one in near):
                return "it did not come"
            before = found
    return ""


@given(LOOKS)
def test_an_alarm_comes_by_either_clock_and_never_goes_by_one_that_was_set(looks: list[Look]) -> None:
    assert mistake(as_it_is, looks) == ""


@given(st.floats(0, 60), st.floats(0, 60), st.floats(-400, 400))
def test_running_on_takes_no_alarm_away(running: float, more: float, wall: float) -> None:
    """Also for whoever remembers nothing."""
    for told, clock in STORIES:
        early, late = (said(told, at(days, wall), clock) for days in (running, running + more))
        assert {(one.kind, one.passed) for one in early if one.passed} <= {(one.kind, one.passed) for one in late}
        assert {one.kind for one in early} <= {one.kind for one in late}


SET_BACK: Final[tuple[Look, ...]] = ((1, 0), (4, 0), (3, 0), (2, 0), (0.1, -30), (1, -30), (5, -30), (20, -300))
SET_AHEAD: Final[tuple[Look, ...]] = ((1, 0), (0.1, 300), (0.1, 0))
PLANTED: Final[dict[str, Rule]] = {
    "nothing is remembered": lambda told, clock, now, _: said(told, now, clock),
    "running time is not asked": lambda told, clock, now, before: said(
        told, replace(now, age=lambda _: 0), clock, before
    ),
    "the wall clock is not asked": lambda told, clock, now, before: said(
        told, replace(now, wall_ms=NINE_MS), clock, before
    ),
    "what is over is near again": lambda told, clock, now, before: said(
        told, now, clock, [replace(one, passed=False) for one in before]
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_mistake_is_found(planted: str) -> None:
    """Negative control."""
    started_back = ((1, -30), (9, -30), (30, -30))
    assert not any(mistake(as_it_is, looks) for looks in (SET_BACK, SET_AHEAD, started_back))
    assert any(mistake(PLANTED[planted], looks) for looks in (SET_BACK, SET_AHEAD, started_back))


def test_a_clock_that_does_not_rest_is_found() -> None:
    """Negative control of what strikes out days."""
    told = resting([(1, 8)], open_end=False)
    assert due(replace(told, acts=())) != due(told)


# --- a day that somebody confirms


def test_a_day_is_typed_where_no_clock_vouches_for_it() -> None:
    now, alone = at(3), at(3, synced=False)
    assert (entered_day(None, now).day, entered_day(None, now).unsynced) == (day("0507"), False)
    assert entered_day(day("0505"), now).day == day("0505")
    told = entered_day(day("0509"), alone)
    assert (told.day, told.unsynced) == (day("0509"), True)
    for typed, when, code in [(None, alone, "office.day-untyped"), (day("0508"), now, "office.day-to-come")]:
        with pytest.raises(Unfit) as refused:
            entered_day(typed, when)
        assert refused.value.why.code == code


def test_the_day_is_that_of_the_office() -> None:
    midnight = NINE_MS + 15 * HOUR_MS
    assert [at(0).by_wall(midnight + off) for off in (-1, 0)] == [MONDAY, MONDAY + DAY]
    assert at(0).by_running(story(), point(-DAY_MS)) == MONDAY, "never before the receipt"


def test_uses_of_one_more_kind_are_refused_in_part() -> None:
    told = story(*GRANTED, (1, Reply()))
    asked = replace(told.request, uses=frozenset({Use.VIEW, Use.COPY}))
    assert due(replace(told, request=asked))["remedy"] == day("0604")
