"""edged.office.story: what leaves tell makes the request anew."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office import story
from edged.office.request import Act, Copy, Receipt, Reply, receive
from edged.profiles.procedures import Use
from storage.ledger.table import canonical
from tests.unit.edged.office.test_request import LOBBY, ROWS, sequence


@given(st.integers(0, 2**32))
def test_a_story_makes_the_request_anew(seed: int) -> None:
    told = list(sequence(seed))
    (row, first, _), *_ = told
    acts = [json.loads(canonical(story.of_act(act))) for _, _, act in told if act is not None]
    receipt = json.loads(canonical(story.of_receipt(first)))
    assert story.replay(row, receipt, acts) == told[-1][1]


STRETCH: Final = {"camera": "lobby", "from_ms": 0, "to_ms": 14_400_000}
OLD: Final[tuple[dict[str, Any], ...]] = (
    {"act": "decide", "hand": {"person": 4, "post": "鄉長", "door": "login", "unit": "", "deputy": False,
                               "authorised": False, "entered_by": None, "paper_day": None, "scan": None},
     "uses": ["copy"], "scope": [STRETCH]},
    {"act": "take", "use": "copy", "scope": [STRETCH], "made": "E-20260225-7EHK"},
    {"act": "receipt"},
    {"act": "reply", "day": 739672},
    {"act": "close"},
)  # fmt: skip
"""Acts as leaves told them before a copy had a secrecy, a receipt words, and a reply a number."""


def test_a_story_of_the_version_before_is_told_as_it_was() -> None:
    row = next(one for one in ROWS if one.receipt)
    first = receive(row, (LOBBY,), frozenset({Use.COPY}))
    request = story.replay(row, story.of_receipt(first), OLD)
    assert (request.closed, request.copies) == (True, (Copy("E-20260225-7EHK", signed_for=True),))
    assert request.filed_as == ""
    assert [story.act_of(one) for one in OLD[2:4]] == [Receipt(), Reply(739672)]


def test_every_act_has_a_name() -> None:
    assert set(story.KINDS.values()) == set(get_args(Act))


def test_what_is_no_story() -> None:
    receipt = story.of_receipt(next(sequence(0))[1])
    with pytest.raises(ValueError, match="is no act"):
        story.act_of({"act": "erase"})
    with pytest.raises(ValueError, match="is not"):
        story.received(ROWS[1], receipt)
    with pytest.raises(ValueError, match="colour"):
        story.received(ROWS[0], receipt | {"colour": "red"})


def test_no_act_has_a_word_of_a_person() -> None:
    """Text in an act names a post, a unit, a camera, a check, an outcome or an export, and no field takes another."""
    texts = {(kind, one.name) for kind, made in story.KINDS.items() for one in fields(made) if one.type == "str"}
    assert texts == {
        ("examine", "check"), ("examine", "outcome"), ("take", "made"), ("dispose", "copy"), ("receipt", "copy"),
        ("receipt", "fingerprint"), ("reply", "letter"), ("file", "number"),
    }, "names of edged, and numbers of letters and files"  # fmt: skip
