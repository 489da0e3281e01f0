"""A shortened ceiling waits 24 h of running time: against a model that plays hour by hour; and planted bugs."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.catalog.runs import Point
from storage.model import Bounds
from storage.ring import bounds
from storage.ring.bounds import UNBOUNDED_S, WAIT_MS, Later, Standing, Term, Waiting, changes, standing, waiting
from tests.support.planting import planted

HOUR_MS = 3_600_000
NOW_MS = 100 * HOUR_MS
DAY_S = 86_400
LONG, SHORT, SHORTER = Bounds(31, 365), Bounds(31, 40), Bounds(31, 35)


def ago(hours: float) -> Point:
    return Point(1, round(NOW_MS - hours * HOUR_MS), 0)


def age_ms(point: Point) -> int:
    return NOW_MS - point.boottime_ms


def old(configured: Bounds | None) -> Term:
    return Term(configured, ago(90))


def test_a_shortened_ceiling_waits_a_day_and_then_holds() -> None:
    shortened = [old(LONG), Term(SHORT, ago(1))]
    assert standing(shortened, SHORT, age_ms) == Standing(LONG, (Later(23 * HOUR_MS, 40),))
    just_not = [old(LONG), Term(SHORT, Point(1, NOW_MS - WAIT_MS + 1, 0))]
    assert standing(just_not, SHORT, age_ms) == Standing(LONG, (Later(1, 40),))
    assert standing([old(LONG), Term(SHORT, ago(24))], SHORT, age_ms) == Standing(SHORT)


def test_what_is_not_yet_written_down_changed_just_now() -> None:
    """The sweep asks before the change is a row: it must not destroy in between."""
    assert standing([old(LONG)], SHORT, age_ms) == Standing(LONG, (Later(WAIT_MS, 40),))


def test_a_raised_floor_and_a_longer_ceiling_hold_at_once() -> None:
    assert standing([old(SHORT)], Bounds(38, 400), age_ms) == Standing(Bounds(38, 400))
    shorter_with_a_higher_floor = Bounds(33, 35)
    assert standing([old(LONG)], shorter_with_a_higher_floor, age_ms).bounds == Bounds(33, 365)


def test_changing_back_cancels_and_changing_again_begins_anew() -> None:
    back = [old(LONG), Term(SHORT, ago(20)), Term(LONG, ago(10))]
    assert standing(back, LONG, age_ms) == Standing(LONG)
    again = [*back, Term(SHORT, ago(2))]
    assert standing(again, SHORT, age_ms) == Standing(LONG, (Later(22 * HOUR_MS, 40),))


def test_of_several_changes_the_longest_of_the_last_day_holds() -> None:
    steps = [old(LONG), Term(SHORT, ago(20)), Term(SHORTER, ago(5))]
    assert standing(steps, SHORTER, age_ms) == Standing(LONG, (Later(4 * HOUR_MS, 40), Later(19 * HOUR_MS, 35)))


def test_a_camera_that_comes_back_or_is_new_has_its_stamped_ceilings_for_a_day() -> None:
    returned = [old(LONG), Term(None, ago(50)), Term(SHORT, ago(3))]
    unbounded = Bounds(31, UNBOUNDED_S)
    assert standing(returned, SHORT, age_ms) == Standing(unbounded, (Later(21 * HOUR_MS, 40),))
    assert standing([], SHORT, age_ms) == Standing(unbounded, (Later(WAIT_MS, 40),))
    assert standing(returned, None, age_ms) == Standing(None)


def test_only_a_wait_that_makes_a_difference_is_told() -> None:
    new = standing([], SHORT, age_ms)
    assert waiting(new, None) is None
    assert waiting(new, 40) is None, "a new camera: all its footage is stamped with what is configured"
    assert waiting(new, 365) == Waiting(365, 40, WAIT_MS)
    assert waiting(standing([old(LONG)], SHORT, age_ms), 9999) == Waiting(365, 40, WAIT_MS)
    assert waiting(standing([old(SHORT)], SHORT, age_ms), 365) is None


def test_what_is_written_down() -> None:
    histories = {"same": [old(LONG)], "other": [old(LONG)], "gone": [old(LONG)], "long gone": [old(LONG), old(None)]}
    configured = {"same": LONG, "other": SHORT, "new": SHORT}
    assert changes(histories, configured) == {"gone": None, "other": SHORT, "new": SHORT}


# --- against a model ---------------------------------------------------------------------------------------------

some_bounds = st.none() | st.sampled_from([Bounds(1, 5), Bounds(2, 9), Bounds(0, 30), Bounds(5, 5)])
stretches = st.lists(st.tuples(some_bounds, st.integers(1, 30)), min_size=1, max_size=5)
hours = stretches.map(lambda parts: [configured for configured, length in parts for _ in range(length)])


def naive(by_hour: list[Bounds | None], now: int) -> int | None:
    """`by_hour[h]` was configured from hour h on; the longest ceiling that was the present one in the last 24 h."""
    if by_hour[now] is None:
        return None
    seen = [by_hour[h] if h >= 0 else None for h in range(now - 24, now + 1)]
    return max(UNBOUNDED_S if b is None else b.ceiling_s for b in seen)


def compare(module: ModuleType, by_hour: list[Bounds | None]) -> None:
    """Hour by hour; what was foretold an hour ago must come true if nothing changes."""
    history: list[Term] = []
    for now, configured in enumerate(by_hour):
        if (history[-1].bounds if history else None) != configured:
            history.append(module.Term(configured, Point(1, now * HOUR_MS, 0)))
        found = module.standing(history, configured, lambda p, now=now: now * HOUR_MS - p.boottime_ms)
        expected = naive(by_hour, now)
        assert (found.bounds.ceiling_s if found.bounds else None) == expected
        if configured is None or found.bounds is None:
            continue
        assert found.bounds.floor_s == configured.floor_s
        for later in found.later:
            then = now + later.left_ms // HOUR_MS
            quiet = by_hour[: now + 1] + [configured] * (then - now)
            assert naive(quiet, then) == later.ceiling_s
        assert (found.later[-1].ceiling_s if found.later else expected) == configured.ceiling_s


def run(module: ModuleType, examples: int) -> None:
    @settings(max_examples=examples, derandomize=True, database=None, deadline=None, report_multiple_bugs=False)
    @given(hours)
    def play(by_hour: list[Bounds | None]) -> None:
        compare(module, by_hour)

    play()


def test_the_bounds_are_what_the_naive_model_says() -> None:
    run(bounds, 150)


@pytest.fixture(name="planted")
def plant(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    with planted(bounds, *request.param) as module:
        yield module


@pytest.mark.parametrize(
    "planted",
    [
        ("if left_ms > 0]", "if left_ms >= 0]"),
        ("if left_ms > 0]", "if left_ms > HOUR_MS]".replace("HOUR_MS", "3_600_000")),
        ("before = UNBOUNDED_S\n", "before = 0\n"),
        ("before = _ceiling(term.bounds)", "before = before"),
        ("return UNBOUNDED_S if bounds is None", "return 0 if bounds is None"),
        ("Bounds(configured.floor_s, longest_s), tuple", "Bounds(configured.floor_s, configured.ceiling_s), tuple"),
        ("if left > left_ms", "if left >= left_ms"),
    ],
    indirect=True,
    ids=lambda pair: pair[1],
)
def test_a_planted_bug_is_caught(planted: ModuleType) -> None:
    with pytest.raises(AssertionError):
        run(planted, 500)
