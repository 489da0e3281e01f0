"""edged.office.looks: what the texts allow to look at without a request, and no second more."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office.looks import MOMENT_MS, RECENT_MS, Purpose, refuse_live, refuse_recorded
from edged.office.request import Hand, Stretch, Unfit

NOW: Final = 10 * RECENT_MS
ALONE: Final = None
COMPANY: Final = Hand(2, "稽核人員")


def code(purpose: Purpose, *scope: Stretch, seen: int = 0, companion: Hand | None = ALONE) -> str:
    try:
        refuse_recorded(purpose, scope, NOW, {"lobby": seen}, 1, companion)
    except Unfit as refused:
        return refused.why.code
    return ""


def last(seconds: int, until_ms: int = NOW, camera: str = "lobby") -> Stretch:
    return Stretch(camera, until_ms - seconds * 1000, until_ms)


@pytest.mark.parametrize("purpose", [Purpose.MAINTENANCE, Purpose.REPAIR, Purpose.INSPECTION])
def test_a_minute_of_the_last_day(purpose: Purpose) -> None:
    refuse_live(purpose)
    assert code(purpose, last(60)) == ""
    assert code(purpose, last(60), last(60, camera="gate")) == ""
    assert code(purpose, last(61)) == "office.look.long"
    assert code(purpose, last(30), seen=30_001) == "office.look.long"
    assert code(purpose, last(10, NOW - RECENT_MS)) == "office.look.old"
    assert code(purpose, last(10, NOW + 1)) == "office.look.old"
    assert code(purpose) == "office.look.nothing"


def test_an_audit_is_in_company_and_sees_what_was_recorded() -> None:
    with pytest.raises(Unfit):
        refuse_live(Purpose.AUDIT)
    assert code(Purpose.AUDIT, last(3_600)) == "office.look.alone"
    assert code(Purpose.AUDIT, last(3_600), companion=Hand(1, "主任")) == "office.look.alone"
    assert code(Purpose.AUDIT, last(3_600, NOW - 5 * RECENT_MS), companion=COMPANY) == ""


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, RECENT_MS), st.integers(1, MOMENT_MS)), max_size=5))
def test_never_more_than_a_minute_of_a_camera(parts: list[tuple[str, int, int]]) -> None:
    scope = tuple(Stretch(camera, NOW - ago, NOW - ago + lasts) for camera, ago, lasts in parts)
    seen: dict[str, int] = {}
    for one in scope:
        seen[one.camera] = seen.get(one.camera, 0) + one.to_ms - one.from_ms
    try:
        refuse_recorded(Purpose.INSPECTION, scope, NOW, {}, 1, None)
    except Unfit:
        return
    assert max(seen.values()) <= MOMENT_MS
