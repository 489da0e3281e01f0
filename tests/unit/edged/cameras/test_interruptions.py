"""A camera that is recorded only now and then is told from one that had a bad minute, and from what was done to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.cameras import ON_PURPOSE, WINDOW_MS, interruptions_of, is_unsteady
from storage.words.message import NOTHING
from storage.words.model import Gap, GapCause, Moment

NOW_MS = 1_772_000_000_000


def gap(ago_s: float, lasts_s: float | None, cause: GapCause = GapCause.DROPPED) -> Gap:
    start = Moment(NOW_MS - round(ago_s * 1000), 0)
    end = None if lasts_s is None else start.plus_ms(round(lasts_s * 1000))
    return Gap(1, "lobby", start, end, cause, NOTHING)


def seen(*gaps: Gap) -> tuple[int, float]:
    found = interruptions_of(gaps, NOW_MS)
    return found.breaks, round(found.share, 3)


def test_a_camera_that_connects_and_drops_every_five_seconds_is_unsteady() -> None:
    gaps = [gap(ago, 2) for ago in range(7, 300, 7)]
    breaks, share = seen(*gaps)
    assert breaks == len(gaps)
    assert share == pytest.approx(5 / 7, abs=0.02)
    assert is_unsteady(interruptions_of(gaps, NOW_MS), before=False)


def test_one_outage_is_none_however_many_causes_it_had() -> None:
    outage = [gap(200, 20), gap(180, 30, GapCause.REFUSED), gap(150, 10, GapCause.UNREACHABLE)]
    assert seen(*outage) == (1, 0.8)
    assert not is_unsteady(interruptions_of(outage, NOW_MS), before=False)


def test_what_began_before_the_window_or_still_lasts_counts_as_far_as_it_lies_within() -> None:
    assert seen(gap(400, 130)) == (0, 0.9)
    assert seen(gap(30, None)) == (1, 0.9)


def test_what_was_done_on_purpose_says_nothing() -> None:
    on_purpose = [gap(290 - 50 * n, 10, cause) for n, cause in enumerate(sorted(ON_PURPOSE)[:5])]
    assert seen(*on_purpose) == (0, 1.0)
    assert seen(gap(400, None, GapCause.DISABLED)) == (0, 1.0)
    assert seen(gap(300, 150, GapCause.DAEMON_STOPPED), gap(75, 75)) == (1, 0.5)


def test_it_calms_down_later_than_it_was_raised() -> None:
    three, two, one = (interruptions_of([gap(20 * n, 2) for n in range(1, many + 1)], NOW_MS) for many in (3, 2, 1))
    assert [is_unsteady(found, before=False) for found in (three, two, one)] == [True, False, False]
    assert [is_unsteady(found, before=True) for found in (three, two, one)] == [True, True, False]


@given(
    st.lists(
        st.tuples(st.floats(0, 2000), st.one_of(st.none(), st.floats(0, 500)), st.sampled_from(list(GapCause))),
        max_size=40,
    )
)
def test_whatever_the_catalog_says_the_share_is_one(told: list[tuple[float, float | None, GapCause]]) -> None:
    found = interruptions_of([gap(*one) for one in told], NOW_MS)
    assert 0 <= found.share <= 1
    assert 0 <= found.breaks <= len(told)
    assert WINDOW_MS == 300_000
