"""How many requests are how, as status and the centre are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office.cases import Unreadable
from edged.office.deadlines import RunningAge
from edged.office.request import Appoint, Close, Reply, RequestStatus, Withdraw
from edged.office.story import Case
from edged.overview import OfficeCounts
from edged.site.office_watch import CLOSED_FOR_MS, counted
from storage.words.message import NOTHING
from tests.unit.edged.office.test_deadlines import ASK, DAY_MS, GRANTED, REFUSED, story
from tests.unit.edged.office.test_request import LOOK

NONE: Final = OfficeCounts(0, 0, 0, 0, 0, 0, 0, viewing_open=0, to_erase=0)
CLOSED: Final = story(*REFUSED, (2, Reply()), (3, Close()))
UNREADABLE: Final = Unreadable(CLOSED.row, NOTHING)
CASES: Final[dict[str, Case | Unreadable]] = {
    "deciding": story(),
    "supplement": story((0.1, ASK)),
    "granted": story(*GRANTED),
    "refused": story(*REFUSED, (2, Reply())),
    "withdrawn": story(*GRANTED, (1, Withdraw())),
    "closed": CLOSED,
    "unreadable": UNREADABLE,
}


def at(after_days: float) -> RunningAge:
    return lambda one: round(after_days * DAY_MS) - one.boottime_ms


def test_there_is_a_case_of_each_state() -> None:
    assert CASES.keys() == {*RequestStatus, "unreadable"}


@pytest.mark.parametrize("word", CASES)
def test_each_request_counts_once(word: str) -> None:
    assert counted([CASES[word]], at(10), 0) == replace(NONE, **{f"requests_{word}": 1})


@given(st.lists(st.sampled_from(sorted(CASES))), st.integers(0, 10))
def test_all_are_counted(words: list[str], to_erase: int) -> None:
    wanted = {f"requests_{word}": words.count(word) for word in CASES}
    assert counted(map(CASES.__getitem__, words), at(10), to_erase) == replace(NONE, to_erase=to_erase, **wanted)


def test_a_closed_case_counts_for_a_year_of_running_time() -> None:
    year = CLOSED_FOR_MS / DAY_MS
    assert counted([CLOSED], at(3 + year - 0.001), 0).requests_closed == 1
    assert counted([CLOSED], at(3 + year), 0) == NONE
    assert counted([CASES["granted"], UNREADABLE], at(3 + 2 * year), 0) == replace(
        NONE, requests_granted=1, requests_unreadable=1
    ), "what is not known to be closed counts for good"


def test_a_viewing_counts_while_it_is_open() -> None:
    case = story(*GRANTED, (0.5, Appoint()), (1, LOOK))
    assert counted([case], at(2), 0) == replace(NONE, requests_granted=1, viewing_open=1)
