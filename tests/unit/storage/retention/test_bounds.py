"""A shortened ceiling waits 24 h of running time: against a model that plays hour by hour; and planted bugs."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from storage.ages.history import Point
from storage.retention import bounds
from storage.retention.bounds import (
    TERMS_EACH,
    UNBOUNDED_S,
    WAIT_MS,
    CameraBounds,
    LaterCeiling,
    OverwriteState,
    OverwriteSwitch,
    ShortenedCeiling,
    Term,
    changes,
    lasting,
    overwriting,
    revised,
    standing,
    waiting,
)
from storage.words.model import Bounds
from tests.unit.storage.retention.planting import planted

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
    assert standing(shortened, SHORT, age_ms) == CameraBounds(LONG, (LaterCeiling(23 * HOUR_MS, 40),))
    just_not = [old(LONG), Term(SHORT, Point(1, NOW_MS - WAIT_MS + 1, 0))]
    assert standing(just_not, SHORT, age_ms) == CameraBounds(LONG, (LaterCeiling(1, 40),))
    assert standing([old(LONG), Term(SHORT, ago(24))], SHORT, age_ms) == CameraBounds(SHORT)


def test_what_is_not_yet_written_down_changed_just_now() -> None:
    """The sweep asks before the change is a row: it must not destroy in between."""
    assert standing([old(LONG)], SHORT, age_ms) == CameraBounds(LONG, (LaterCeiling(WAIT_MS, 40),))


def test_a_raised_floor_and_a_longer_ceiling_hold_at_once() -> None:
    assert standing([old(SHORT)], Bounds(38, 400), age_ms) == CameraBounds(Bounds(38, 400))
    shorter_with_a_higher_floor = Bounds(33, 35)
    assert standing([old(LONG)], shorter_with_a_higher_floor, age_ms).bounds == Bounds(33, 365)


def test_changing_back_cancels_and_changing_again_begins_anew() -> None:
    back = [old(LONG), Term(SHORT, ago(20)), Term(LONG, ago(10))]
    assert standing(back, LONG, age_ms) == CameraBounds(LONG)
    again = [*back, Term(SHORT, ago(2))]
    assert standing(again, SHORT, age_ms) == CameraBounds(LONG, (LaterCeiling(22 * HOUR_MS, 40),))


def test_of_several_changes_the_longest_of_the_last_day_holds() -> None:
    steps = [old(LONG), Term(SHORT, ago(20)), Term(SHORTER, ago(5))]
    assert standing(steps, SHORTER, age_ms) == CameraBounds(
        LONG, (LaterCeiling(4 * HOUR_MS, 40), LaterCeiling(19 * HOUR_MS, 35))
    )


def test_a_camera_that_comes_back_or_is_new_has_its_stamped_ceilings_for_a_day() -> None:
    returned = [old(LONG), Term(None, ago(50)), Term(SHORT, ago(3))]
    unbounded = Bounds(31, UNBOUNDED_S)
    assert standing(returned, SHORT, age_ms) == CameraBounds(unbounded, (LaterCeiling(21 * HOUR_MS, 40),))
    assert standing([], SHORT, age_ms) == CameraBounds(unbounded, (LaterCeiling(WAIT_MS, 40),))
    assert standing(returned, None, age_ms) == CameraBounds(None)


def test_only_a_wait_that_makes_a_difference_is_told() -> None:
    new = standing([], SHORT, age_ms)
    assert waiting(new, None) is None
    assert waiting(new, 40) is None, "a new camera: all its footage is stamped with what is configured"
    assert waiting(new, 365) == ShortenedCeiling(365, 40, WAIT_MS)
    assert waiting(standing([old(LONG)], SHORT, age_ms), 9999) == ShortenedCeiling(365, 40, WAIT_MS)
    assert waiting(standing([old(SHORT)], SHORT, age_ms), 365) is None


def test_overwriting_waits_a_day_and_ends_at_once() -> None:
    def judged(told: OverwriteSwitch | None, configured: bool = True) -> OverwriteState:
        return overwriting(told, configured, age_ms)

    assert judged(OverwriteSwitch(overwrite=True, at=ago(1))) == OverwriteState(left_ms=23 * HOUR_MS)
    assert judged(OverwriteSwitch(overwrite=True, at=Point(1, NOW_MS - WAIT_MS + 1, 0))) == OverwriteState(left_ms=1)
    assert judged(OverwriteSwitch(overwrite=True, at=ago(24))) == OverwriteState(holds=True)
    assert judged(OverwriteSwitch(overwrite=True, at=ago(90)), configured=False) == OverwriteState()


def test_overwriting_that_is_not_written_down_was_turned_on_just_now() -> None:
    for told in (None, OverwriteSwitch(overwrite=False, at=ago(90)), OverwriteSwitch(overwrite=False, at=None)):
        assert overwriting(told, True, age_ms) == OverwriteState(left_ms=WAIT_MS)


def test_overwriting_from_before_anything_was_recorded_has_no_floor_to_shorten() -> None:
    assert overwriting(OverwriteSwitch(overwrite=True, at=None), True, age_ms) == OverwriteState(holds=True)


def test_whether_it_will_hold_by_then() -> None:
    assert OverwriteState(holds=True).holds_in(0)
    assert [OverwriteState(left_ms=5).holds_in(ms) for ms in (4, 5)] == [False, True]
    assert not OverwriteState().holds_in(10**12)


def test_what_is_written_down() -> None:
    histories = {"same": [old(LONG)], "other": [old(LONG)], "gone": [old(LONG)], "long gone": [old(LONG), old(None)]}
    configured = {"same": LONG, "other": SHORT, "new": SHORT}
    assert changes(histories, configured) == {"gone": None, "other": SHORT, "new": SHORT}


def test_what_is_configured_no_longer_is_not_remembered() -> None:
    histories = {"gone": [old(LONG)], "long gone": [old(LONG), old(None)], "same": [old(SHORT)], "lapsed": [old(LONG)]}
    histories["lapsed"].append(Term(SHORT, ago(24)))
    now = ago(0)
    assert revised(histories, {"same": SHORT, "lapsed": SHORT, "new": LONG}, now, age_ms) == {
        "gone": [],
        "long gone": [],
        "lapsed": [Term(SHORT, ago(24))],
        "new": [Term(LONG, now)],
    }


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
    short: list[Term] = []
    for now, configured in enumerate(by_hour):

        def age(point: Point, now: int = now) -> int:
            return now * HOUR_MS - point.boottime_ms

        if (history[-1].bounds if history else None) != configured:
            new = module.Term(configured, Point(1, now * HOUR_MS, 0))
            history.append(new)
            short.append(new)
        short = module.lasting(short, age)
        found = module.standing(history, configured, age)
        assert module.standing(short, configured, age) == found
        assert (short[-1].bounds if short else None) == configured
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
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
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
        ("_ceiling(kept[-1].bounds) <=", "_ceiling(kept[-1].bounds) >="),
        ("at = kept.pop().at", "kept.pop()"),
        (
            "while len(kept) > 1 and age_ms(kept[1].at) >= WAIT_MS",
            "while len(kept) > 1 and age_ms(kept[0].at) >= WAIT_MS",
        ),
    ],
    indirect=True,
    ids=lambda pair: pair[1],
)
def test_a_planted_bug_is_caught(planted: ModuleType) -> None:
    with pytest.raises(AssertionError):
        run(planted, 500)


# --- bounded -----------------------------------------------------------------------------------------------------


def test_only_what_still_waits_is_remembered() -> None:
    assert lasting([old(LONG), Term(SHORT, ago(30))], age_ms) == [Term(SHORT, ago(30))]
    back = [old(LONG), Term(SHORT, ago(20)), Term(LONG, ago(10))]
    assert lasting(back, age_ms) == [old(LONG)], "changed back: nothing waits"
    up_and_down = [old(SHORTER), Term(LONG, ago(9)), Term(SHORT, ago(8)), Term(SHORTER, ago(7))]
    assert lasting(up_and_down, age_ms) == [Term(LONG, ago(90)), Term(SHORT, ago(8)), Term(SHORTER, ago(7))]
    assert lasting([old(LONG), Term(None, ago(3))], age_ms) == []


def test_a_ceiling_shortened_again_and_again_waits_longer_than_it_must_and_never_shorter() -> None:
    whole, short = [old(LONG)], [old(LONG)]
    for step in range(100):
        term = Term(Bounds(31, 364 - step), Point(1, NOW_MS + step * 60_000, 0))
        whole.append(term)

        def age(point: Point, now_ms: int = term.at.boottime_ms) -> int:
            return now_ms - point.boottime_ms

        short = lasting([*short, term], age)
        assert len(short) <= TERMS_EACH
    for minutes in range(100, 28 * 60, 7):

        def later(point: Point, now_ms: int = NOW_MS + minutes * 60_000) -> int:
            return now_ms - point.boottime_ms

        found, full = standing(short, term.bounds, later), standing(whole, term.bounds, later)
        assert found.bounds is not None
        assert full.bounds is not None
        assert found.bounds.ceiling_s >= full.bounds.ceiling_s
    assert found == full == CameraBounds(term.bounds), "in the end it holds"
