"""edged.office.people: who signs by which post, for how long, and what an office lacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office.people import Deputy, People, Person, PostHolding, hand, lacks
from edged.office.request import Door, Unfit
from edged.profiles.procedures import ChainStep, Procedure, Unit

HEAD, CLERK, DEPUTY, AUTHORITY, PAPER, GONE = range(1, 7)
TWO: Final = frozenset({1002, 1004})
PEOPLE: Final = People(
    persons=(
        Person(HEAD, "", 1001), Person(CLERK, "第一課", 1002), Person(DEPUTY, "", 1003), Person(AUTHORITY, "", 1004),
        Person(PAPER, "第一課"), Person(GONE, "", 1006, left=True),
    ),
    holdings=(
        PostHolding(HEAD, "主任", "", TWO), PostHolding(PAPER, "課長", "第一課", TWO),
        PostHolding(GONE, "秘書", "", TWO),
    ),
    deputies=(Deputy(DEPUTY, "主任", "", HEAD, 1_000, 2_000, frozenset({1001})),),
)  # fmt: skip
ROW: Final = Procedure.model_validate({
    "row": "W-staff", "words": "同仁", "applicant": "staff", "clauses": ["W5"], "may": ["view"],
    "chain": [
        {"post": "申請人", "kind": "apply"}, {"post": "課長", "unit": "applicant"}, {"post": "主任", "kind": "decide"},
    ],
    "companion": "系統管理人",
})  # fmt: skip


def refused(people: People, person: int, post: str, unit: str = "", now_ms: int = 0, door: Door = Door.LOGIN) -> str:
    with pytest.raises(Unfit) as error:
        hand(people, person, post, unit, now_ms, door=door, entered_by=None if door is Door.LOGIN else CLERK)
    return error.value.why.code


def test_a_holder_signs_and_a_deputy_while_it_lasts() -> None:
    assert not hand(PEOPLE, HEAD, "主任", "", 0).deputy
    assert hand(PEOPLE, DEPUTY, "主任", "", 1_000).deputy
    assert [refused(PEOPLE, DEPUTY, "主任", now_ms=at) for at in (999, 2_000)] == ["office.not-holder"] * 2


def test_a_post_is_that_of_its_unit() -> None:
    assert hand(PEOPLE, PAPER, "課長", "第一課", 0, door=Door.PAPER, entered_by=CLERK).unit == "第一課"
    assert refused(PEOPLE, PAPER, "課長", "第二課", door=Door.PAPER) == "office.not-holder"


def test_who_has_no_account_or_is_gone_or_enters_himself() -> None:
    assert refused(PEOPLE, PAPER, "課長", "第一課") == "office.no-account"
    assert refused(PEOPLE, GONE, "秘書") == "office.no-person"
    assert refused(PEOPLE, 99, "秘書") == "office.no-person"
    assert refused(PEOPLE, CLERK, "課長", "第一課", door=Door.PAPER) == "office.own-paper"


def test_nobody_signs_by_a_post_that_he_gave_himself() -> None:
    own = replace(PEOPLE, holdings=(PostHolding(AUTHORITY, "主任", "", TWO),))
    assert refused(own, AUTHORITY, "主任") == "office.not-holder"
    deputy = replace(PEOPLE, deputies=(replace(PEOPLE.deputies[0], named_by=frozenset({1003, 1002})),))
    assert refused(deputy, DEPUTY, "主任", now_ms=1_500) == "office.not-holder"
    named = replace(PEOPLE, deputies=(replace(PEOPLE.deputies[0], named_by=TWO),))
    assert hand(named, DEPUTY, "主任", "", 1_500).deputy


def test_what_a_post_that_changed_hands_leaves_of_its_deputy() -> None:
    other = replace(PEOPLE, holdings=(PostHolding(CLERK, "主任", "", frozenset({1001, 1004})),))
    assert refused(other, DEPUTY, "主任", now_ms=1_500) == "office.not-holder"


def test_what_an_office_lacks() -> None:
    """Sections are those of its people, of whom each may apply; units are those of cameras."""
    whole = replace(PEOPLE, holdings=(*PEOPLE.holdings, PostHolding(DEPUTY, "系統管理人", "", TWO)))
    assert list(lacks(ROW, whole, ["教務處"])) == []
    (told,) = lacks(ROW, replace(whole, persons=(*PEOPLE.persons, Person(9, "第二課"))), [])
    assert (told.code, told.values["unit"]) == ("office.nobody-holds-unit", "第二課")
    of_section = replace(whole, holdings=(*whole.holdings, PostHolding(CLERK, "秘書", "第一課", TWO)))
    by_all = [one.code for one in lacks(ROW.model_copy(update={"companion": "秘書"}), of_section, [])]
    assert by_all == ["office.nobody-holds-whole"]
    nobody = [one.code for one in lacks(ROW, replace(whole, holdings=()), [])]
    assert nobody == ["office.nobody-holds-unit", "office.nobody-holds", "office.nobody-holds"]
    managing = ChainStep(post="課長", unit=Unit.MANAGING)
    twice = ROW.model_copy(update={"chain": [*ROW.chain[:2], managing, ROW.chain[2]]})
    assert [one.code for one in lacks(twice, whole, [])] == ["office.nobody-holds-whole"], "not of which section"
    two = People((Person(1, "", 1001),), ())
    assert "office.too-few" in [one.code for one in lacks(ROW, two, [])]


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from("甲乙"), st.frozensets(st.integers(1001, 1004), max_size=2)),
        max_size=6,
    )
)
def test_whoever_signs_holds_it_by_others(given_posts: list[tuple[int, str, frozenset[int]]]) -> None:
    people = People(
        tuple(Person(number, "", 1000 + number) for number in range(1, 5)),
        tuple(PostHolding(person, post, "", by) for person, post, by in given_posts),
    )
    for person in range(1, 5):
        for post in "甲乙":
            may = any(who == person and what == post and 1000 + who not in by for who, what, by in given_posts)
            try:
                hand(people, person, post, "", 0)
            except Unfit:
                assert not may
            else:
                assert may
