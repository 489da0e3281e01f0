"""edged.office.story: what leaves tell makes the request anew."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office import story
from edged.office.request import Act
from storage.ledger.table import canonical
from tests.unit.edged.office.test_request import ROWS, sequence


@given(st.integers(0, 2**32))
def test_a_story_makes_the_request_anew(seed: int) -> None:
    told = list(sequence(seed))
    (row, first, _), *_ = told
    acts = [json.loads(canonical(story.of_act(act))) for _, _, act in told if act is not None]
    receipt = json.loads(canonical(story.of_receipt(first)))
    assert story.replay(row, receipt, acts) == told[-1][1]


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
