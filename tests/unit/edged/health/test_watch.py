"""edged.health.watch: cameras take turns; one that kills the eye is set aside, and no other is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edged.health import watch
from edged.health.watch import ASIDE_MAX_S, ROUND_S, DecoderBackoff

NAMES = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=12, unique=True)


@given(NAMES, st.text("abc", max_size=3))
def test_each_camera_has_its_turn_once_a_round(cameras: list[str], last: str) -> None:
    turns = []
    for _ in cameras:
        turn = watch.next_of(cameras, last)
        assert turn is not None
        turns.append(turn)
        last = turn
    assert sorted(turns) == sorted(cameras)
    assert watch.pause_s(len(cameras)) * len(cameras) == ROUND_S


def test_nobody_has_a_turn_where_there_is_no_camera() -> None:
    assert watch.next_of([], "a") is None
    assert watch.pause_s(0) == ROUND_S


def test_a_camera_that_kills_the_eye_again_and_again_is_left_alone_ever_longer() -> None:
    record, spans = DecoderBackoff(), []
    for _ in range(12):
        record = watch.blamed(record, 1000.0)
        spans.append(max(0.0, record.until_s - 1000.0))
    assert spans[:5] == [0.0, 60.0, 120.0, 240.0, 480.0]
    assert spans[-1] == ASIDE_MAX_S
    assert watch.is_aside({"bad": record}, "bad", 1001.0)
    assert not watch.is_aside({"bad": record}, "good", 1001.0)
    assert not watch.is_aside({"bad": record}, "bad", 1000.0 + ASIDE_MAX_S)
