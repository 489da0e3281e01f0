"""Terms of cases by running time: when something ends, and whose persons are to be erased."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office.deadlines import RunningAge
from edged.office.holds import REFUSED_MS, held
from edged.office.request import Act, Close, CutViewing, Decide, EndViewing, Reply, Take, Withdraw
from edged.office.story import Case, DatedAct
from edged.office.terms import (
    VIEWING_MS,
    ErasureListed,
    captures_over,
    closed_ms,
    copy_left_ms,
    is_viewing_over,
    rests_on,
    to_erase,
    was_unanswered,
)
from edged.profiles.loader import PROFILES, profile
from edged.profiles.procedures import Use
from storage.ages.history import Point
from storage.pins.rules import REQUEST, PinState
from tests.unit.edged.centre.test_retained import pin
from tests.unit.edged.office.test_deadlines import DAY_MS, NINE_MS, NUMBER, REFUSED, point, story
from tests.unit.edged.office.test_request import CHIEF, LOBBY, LOOK, PUBLIC, SIGNED, VIEW, by

KEPT_DAYS: Final = 1096
KEPT: Final = PUBLIC.model_copy(update={"kept": timedelta(days=KEPT_DAYS), "appointment": False})
GRANTED: Final = (*((0.1, one) for one in SIGNED), (0.2, Decide(by(CHIEF, "主任"), VIEW, (LOBBY,))))
ENDED: Final = EndViewing(not_filmed=True)
SEEN: Final = (*GRANTED, (1, LOOK), (1.1, ENDED), (2, Reply()))


def age(after_days: float) -> RunningAge:
    return lambda one: round(after_days * DAY_MS) - one.boottime_ms


def of(*done: tuple[float, Act], kept: bool = True) -> Case:
    return story(*done, procedure=KEPT if kept else KEPT.model_copy(update={"kept": None}))


def listed(told: Case, after_days: float, *resting: str, rested: float | None = None) -> list[ErasureListed]:
    ended_ms = {} if rested is None else {NUMBER: round((after_days - rested) * DAY_MS)}
    return list(to_erase([told], age(after_days), resting, ended_ms))


CLOSED: Final = of(*SEEN, (9, Close()))
OVER: Final = 1.1 + KEPT_DAYS


@pytest.mark.parametrize(
    ("acts", "over"),
    [
        ((*SEEN, (9, Close())), OVER),
        ((*SEEN, (3, LOOK), (3.5, CutViewing()), (9, Close())), 3.5 + KEPT_DAYS),
        ((*REFUSED, (2, Reply()), (9, Close())), 9 + KEPT_DAYS),  # nobody looked: from the close
        (((2, Withdraw()), (2, Reply()), (9, Close())), 9 + KEPT_DAYS),
        ((*SEEN, (OVER + 7, Close())), OVER + 7),  # it was closed long after
    ],
)
def test_a_form_is_kept_from_the_last_viewing_on(acts: tuple[tuple[float, Act], ...], over: float) -> None:
    told = of(*acts)
    assert listed(told, over - 0.001) == []
    assert listed(told, over) == [ErasureListed(NUMBER, 0)]
    (later,) = listed(told, over + 30.5)
    assert later.listed_ms == pytest.approx(30.5 * DAY_MS)


def test_a_list_that_nobody_answers_is_an_alarm_after_thirty_days() -> None:
    assert [one.is_unanswered for one in listed(CLOSED, OVER + 29.9)] == [False]
    assert [one.is_unanswered for one in listed(CLOSED, OVER + 30.1)] == [True]


def test_what_has_no_period_is_not_closed_or_was_erased_is_never_listed() -> None:
    assert listed(of(*SEEN, (9, Close()), kept=False), 10**6) == []
    assert listed(of(*SEEN), 10**6) == []
    assert listed(replace(CLOSED, row=replace(CLOSED.row, erased=True)), 10**6) == []


def test_nothing_is_listed_while_something_rests_on_it() -> None:
    assert listed(CLOSED, OVER + 90, NUMBER) == []
    assert listed(CLOSED, OVER + 90, "115-0008") != []
    assert listed(CLOSED, OVER + 90, rested=OVER + 89) == [ErasureListed(NUMBER, DAY_MS)]
    assert listed(CLOSED, OVER + 1, rested=3) == listed(CLOSED, OVER + 1)


@pytest.mark.parametrize(
    ("erased", "rested", "late"),
    [
        (OVER + 29.9, (), False),
        (OVER + 30.1, (), True),
        (OVER - 1, (), False),
        (OVER + 40, (OVER + 20,), False),
        (OVER + 60, (OVER + 20, OVER + 25), True),
        (OVER + 40, (OVER + 50,), True),
    ],
)
def test_a_list_that_was_answered_late(erased: float, rested: tuple[float, ...], late: bool) -> None:
    """What began to rest on the case afterwards changes nothing of it."""
    now = OVER + 90
    ago_ms = [round((now - one) * DAY_MS) for one in rested]
    assert was_unanswered(CLOSED, age(now), point(round(erased * DAY_MS)), ago_ms) == late


def test_a_pin_rests_on_its_case_and_what_the_request_holds_does_not() -> None:
    law = pin("P-1")
    case = replace(law, pin=replace(law.pin, order=replace(law.pin.order, case=NUMBER)))
    own = replace(case, pin=replace(case.pin, placer=REQUEST))
    assert rests_on([case, own]) == {NUMBER}
    assert rests_on([own]) == frozenset()
    assert rests_on([replace(case, pin=replace(case.pin, state=PinState.RELEASED))]) == frozenset()


def test_a_viewing_is_open_for_eight_hours() -> None:
    told, hours = of(*GRANTED, (1, LOOK)), VIEWING_MS / DAY_MS
    assert [is_viewing_over(told, age(1 + hours + more)) for more in (-0.001, 0, 90)] == [False, True, True]
    assert not is_viewing_over(of(*GRANTED, (1, LOOK), (1.2, ENDED)), age(90))
    assert not is_viewing_over(of(*GRANTED, (1, LOOK), (1.2, ENDED), (3, LOOK)), age(3.1))
    assert not is_viewing_over(of(), age(90))


def test_what_was_captured_is_kept_as_long_as_the_text_allows() -> None:
    takes = [
        DatedAct(Take(use, (LOBBY,)), point(n * DAY_MS)) for n, use in [(3, Use.HOLD), (4, Use.COPY), (5, Use.HOLD)]
    ]
    captured = replace(CLOSED, procedure=KEPT.model_copy(update={"held": timedelta(days=30)}), acts=tuple(takes))
    assert [len(list(captures_over(captured, age(days)))) for days in (32.9, 33, 34.9, 35)] == [0, 1, 1, 2]
    assert list(captures_over(captured, age(9000))) == [takes[0], takes[2]]
    assert list(captures_over(replace(captured, procedure=KEPT), age(9000))) == []


def test_what_was_refused_is_held_for_thirty_days_from_the_close() -> None:
    told = of(*REFUSED, (2, Reply()), (9, Close()))
    assert closed_ms(of(*REFUSED), age(90)) == 0
    assert [bool(held(told.request, closed_ms(told, age(days)))) for days in (9, 38.9, 39)] == [True, True, False]
    assert REFUSED_MS == 30 * DAY_MS


def test_a_copy_lasts_as_long_as_was_said_when_it_was_made() -> None:
    made = Point(1, DAY_MS, NINE_MS)
    assert [copy_left_ms(made, NINE_MS + DAY_MS, age(days)) > 0 for days in (1, 1.99, 2)] == [True, True, False]


@pytest.mark.parametrize("name", PROFILES)
def test_only_what_a_text_says_ends(name: str) -> None:
    """W10: three years; N2: thirty days. Where a text says nothing, nothing is ever listed."""
    rows = {one.row: one for one in profile(name).procedures}
    assert {row for row, one in rows.items() if one.kept is not None} <= {"W-staff", "W-public"}
    assert all(one.kept is None or one.kept >= timedelta(days=3 * 365 + 1) for one in rows.values())
    assert all(one.held in (None, timedelta(days=30)) for one in rows.values())


Rule = Callable[[Case, RunningAge], bool]
TERMS: Final[dict[str, tuple[Case, Rule]]] = {
    "a viewing": (of(*GRANTED, (1, LOOK)), is_viewing_over),
    "a form": (CLOSED, lambda told, low: bool(list(to_erase([told], low, (), {})))),
    "a refusal": (
        of(*REFUSED, (2, Reply()), (9, Close())),
        lambda told, low: not held(told.request, closed_ms(told, low)),
    ),
    "a copy": (CLOSED, lambda _, low: copy_left_ms(point(DAY_MS), NINE_MS + 40 * DAY_MS, low) <= 0),
}


@given(st.sampled_from(sorted(TERMS)), st.floats(0, 2000), st.floats(0, 2000))
def test_less_that_is_proven_never_ends_a_term_earlier(name: str, days: float, unproven: float) -> None:
    """A power-off that nobody can prove makes it later."""
    told, is_over = TERMS[name]
    assert is_over(told, age(days)) <= is_over(told, age(days + unproven))


def by_the_wall(told: Case, now_ms: int) -> RunningAge:
    del told
    return lambda one: now_ms - one.wall_ms


@pytest.mark.parametrize("name", TERMS)
def test_a_term_by_the_wall_clock_is_found(name: str) -> None:
    """Negative control: a clock that is set ahead by ten years ends nothing, and would."""
    told, is_over = TERMS[name]
    assert not is_over(told, age(9.01 if name != "a viewing" else 1.1))
    assert is_over(told, by_the_wall(told, NINE_MS + 3650 * DAY_MS))
