"""How many requests are how, as status and the centre are told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office.cases import Unreadable
from edged.office.deadlines import RunningAge
from edged.office.request import Appoint, Close, Reply, RequestStatus, Withdraw
from edged.office.statistics import YearCounts
from edged.office.story import Case
from edged.overview import OfficeCounts
from edged.site.office_watch import CLOSED_FOR_MS, counted
from storage.words.message import NOTHING
from tests.unit.edged.office.test_deadlines import ASK, DAY_MS, GRANTED, REFUSED, story
from tests.unit.edged.office.test_request import LOOK

NONE: Final = OfficeCounts(**dict.fromkeys((one.name for one in fields(OfficeCounts)), 0))
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


def told(cases: Iterable[Case | Unreadable], after_days: float, to_erase: int = 0) -> OfficeCounts:
    """Of a year in which nothing was."""
    return counted(cases, at(after_days), to_erase, 0, YearCounts())


def test_there_is_a_case_of_each_state() -> None:
    assert CASES.keys() == {*RequestStatus, "unreadable"}


@pytest.mark.parametrize("word", CASES)
def test_each_request_counts_once(word: str) -> None:
    is_open = CASES[word].row is not CLOSED.row
    assert told([CASES[word]], 10) == replace(NONE, requests_open=int(is_open), **{f"requests_{word}": 1})


@given(st.lists(st.sampled_from(sorted(CASES))), st.integers(0, 10))
def test_all_are_counted(words: list[str], to_erase: int) -> None:
    wanted = {f"requests_{word}": words.count(word) for word in CASES}
    still_open = sum(CASES[word].row is not CLOSED.row for word in words)
    counts = told(map(CASES.__getitem__, words), 10, to_erase)
    assert counts == replace(NONE, requests_open=still_open, to_erase=to_erase, **wanted)


def test_a_closed_case_counts_for_a_year_of_running_time() -> None:
    year = CLOSED_FOR_MS / DAY_MS
    assert told([CLOSED], 3 + year - 0.001).requests_closed == 1
    assert told([CLOSED], 3 + year) == NONE
    assert told([CASES["granted"], UNREADABLE], 3 + 2 * year) == replace(
        NONE, requests_open=1, requests_granted=1, requests_unreadable=1
    ), "what is not known to be closed counts for good"


def test_a_viewing_counts_while_it_is_open() -> None:
    case = story(*GRANTED, (0.5, Appoint()), (1, LOOK))
    assert told([case], 2) == replace(NONE, requests_open=1, requests_granted=1, viewing_open=1)


def test_each_count_of_the_year_is_told_as_what_it_is() -> None:
    of_year = YearCounts(*range(1, 1 + len(fields(YearCounts))))
    counts = asdict(counted([], at(0), 0, 115, of_year))
    of_all = {"unreadable", "open", "overdue"}
    wanted = {f"year_{name}": value for name, value in asdict(of_year).items() if name not in of_all}
    assert {name: value for name, value in counts.items() if name.startswith("year")} == {"year": 115, **wanted}
