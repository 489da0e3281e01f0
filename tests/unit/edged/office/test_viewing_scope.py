"""A granted scope as exports, each of one interval for all of its cameras."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edged.office.request import Scope, Stretch
from edged.office.viewing_copies import by_interval
from storage.pins.rules import Interval

STRETCHES = st.builds(
    lambda camera, begin, length: Stretch(camera, begin, begin + length),
    st.sampled_from(["door", "gate", "lobby"]),
    st.integers(0, 20),
    st.integers(1, 8),
)


@given(st.lists(STRETCHES, max_size=8))
def test_each_moment_that_was_granted_is_in_one_export_and_no_other_is(granted: list[Stretch]) -> None:
    found = [
        (camera, moment)
        for span, cameras in by_interval(tuple(granted))
        for camera in cameras
        for moment in range(span.first_ms, span.last_ms)
    ]
    assert len(found) == len(set(found)), "none is seen twice"
    assert set(found) == {(one.camera, at) for one in granted for at in range(one.from_ms, one.to_ms)}


@given(st.lists(STRETCHES, max_size=8))
def test_no_two_exports_have_the_same_interval(granted: list[Stretch]) -> None:
    spans = [span for span, _ in by_interval(tuple(granted))]
    assert len(spans) == len(set(spans))
    assert spans == sorted(spans, key=lambda one: (one.first_ms, one.last_ms))


def test_cameras_of_one_interval_go_together() -> None:
    scope: Scope = (
        Stretch("lobby", 10, 20),
        Stretch("gate", 0, 5),
        Stretch("gate", 5, 10),
        Stretch("gate", 30, 40),
        Stretch("door", 10, 20),
    )
    assert by_interval(scope) == [
        (Interval(0, 10), ("gate",)),
        (Interval(10, 20), ("door", "lobby")),
        (Interval(30, 40), ("gate",)),
    ]
