"""What requests hold, and what is to be done where pins stand otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office.holds import REFUSED_MS, RequestHold, changes, held, wanted
from edged.office.request import Decision, Hand, Request, Stretch
from edged.profiles.procedures import Use

ASKED: Final = (Stretch("lobby", 0, 10), Stretch("gate", 5, 8))
UNDECIDED: Final = Request("W-public", ASKED, frozenset({Use.VIEW}))
HEAD: Final = Hand(7, "主任")
REFUSED: Final = replace(UNDECIDED, decision=Decision(frozenset(), (), HEAD))
GRANTED: Final = replace(UNDECIDED, decision=Decision(frozenset({Use.VIEW}), ASKED[:1], HEAD))
HOLDS: Final = st.builds(RequestHold, st.sampled_from(["115-0001", "115-0002"]), st.sampled_from(ASKED))


@pytest.mark.parametrize("request_", [UNDECIDED, REFUSED, GRANTED, replace(UNDECIDED, withdrawn=True)])
def test_all_that_is_asked_for_is_held_until_the_case_is_closed(request_: Request) -> None:
    assert held(request_, 0) == held(request_, REFUSED_MS) == ASKED


@pytest.mark.parametrize(
    ("request_", "goes_on"),
    [(REFUSED, True), (UNDECIDED, True), (GRANTED, False), (replace(UNDECIDED, withdrawn=True), False)],
)
def test_what_was_refused_is_held_for_thirty_days_more(request_: Request, goes_on: bool) -> None:
    closed = replace(request_, closed=True)
    assert held(closed, REFUSED_MS - 1) == (ASKED if goes_on else ())
    assert held(closed, REFUSED_MS) == ()


def test_a_stretch_that_is_asked_for_twice_is_held_once() -> None:
    twice = replace(UNDECIDED, asked=(*ASKED, ASKED[0]))
    assert len(list(wanted("115-0001", twice, 0))) == 2


@given(st.lists(HOLDS), st.dictionaries(st.sampled_from(["P-1", "P-2", "P-3", "P-4"]), HOLDS), st.booleans())
def test_whoever_does_what_is_said_has_what_is_asked_for(
    asked: list[RequestHold], standing: dict[str, RequestHold], unread: bool
) -> None:
    unreadable = frozenset({"115-0002"}) if unread else frozenset()
    asked = [one for one in asked if one.number not in unreadable]
    told = changes(asked, standing, unreadable)
    after = {pin: hold for pin, hold in standing.items() if pin not in told.end}
    after |= {f"P-new-{n}": hold for n, hold in enumerate(told.place)}
    mine = sorted((hold for hold in after.values() if hold.number not in unreadable), key=repr)
    assert mine == sorted(set(asked), key=repr)
    theirs = {pin: hold for pin, hold in standing.items() if hold.number in unreadable}
    assert theirs.items() <= after.items()
    again = changes(asked, after, unreadable)
    assert (again.place, again.end) == ((), ())
