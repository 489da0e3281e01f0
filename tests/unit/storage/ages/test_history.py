"""Ages against a history that is known in full: the true age always lies within the bounds."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ages import history as ages
from storage.ages.history import Age, ClockMark, ClockPace, CountedBoot, age

HOUR = 3_600_000


def boot(number: int, ran_ms: int, off_low_ms: int = 0, off_high_ms: int | None = None) -> CountedBoot:
    return CountedBoot(number, f"boot-{number}", ran_ms, off_low_ms, off_high_ms)


def test_within_one_boot_an_age_is_exact() -> None:
    assert age([boot(1, 0)], 1, 5_000, 1, 12_345) == Age(7_345, 7_345)
    assert age([], 1, 5_000, 1, 5_000) == Age(0, 0)


def test_an_event_after_now_has_no_negative_age() -> None:
    assert age([boot(1, 0)], 1, 5_000, 1, 4_000) == Age(0, 0)


def test_across_a_reboot_only_running_time_is_proven() -> None:
    boots = [boot(1, 10_000), boot(2, 99)]
    assert age(boots, 1, 4_000, 2, 3_000) == Age(6_000 + 3_000, None)


def test_power_off_is_credited_as_far_as_it_is_known() -> None:
    boots = [boot(1, 10_000), boot(2, 20_000, HOUR, 2 * HOUR), boot(3, 99, 0, 5 * HOUR)]
    assert age(boots, 1, 4_000, 3, 3_000) == Age(6_000 + HOUR + 20_000 + 3_000, 6_000 + 7 * HOUR + 20_000 + 3_000)


def test_power_off_before_it_was_recorded_does_not_age_it() -> None:
    boots = [boot(1, 10_000), boot(2, 20_000, HOUR, HOUR), boot(3, 0, 7, 7)]
    assert age(boots, 2, 15_000, 3, 1_000) == Age(5_000 + 7 + 1_000, 5_000 + 7 + 1_000)


def test_one_unknown_power_off_takes_the_upper_bound_away() -> None:
    boots = [boot(1, 10_000), boot(2, 20_000, 0, None), boot(3, 0, 0, HOUR)]
    assert age(boots, 1, 0, 3, 0).high_ms is None
    assert age(boots, 2, 0, 3, 0).high_ms == 20_000 + HOUR


def test_what_people_said_is_told_where_it_is_all_that_is_known() -> None:
    said, unsaid = replace(boot(2, 20_000, HOUR, None), attested=True), boot(3, 0, 0, None)
    assert age([boot(1, 10_000), said], 1, 0, 2, 20_000) == Age(30_000 + HOUR, None, attested=True)
    assert not age([boot(1, 10_000), said, unsaid], 1, 0, 3, 0).attested
    assert age([boot(1, 10_000), said], 2, 0, 2, 0) == Age(0, 0)


def test_a_boot_that_was_last_seen_before_the_event_gives_no_negative_time() -> None:
    assert age([boot(1, 3_000), boot(2, 0, 0, HOUR)], 1, 4_000, 2, 1_000) == Age(1_000, 1_000 + HOUR)


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_boot_without_a_row_adds_nothing_and_bounds_nothing(missing: int) -> None:
    boots = [b for b in (boot(1, 10, 0, 0), boot(2, 200, 0, 0), boot(3, 0, 3_000, 3_000)) if b.number != missing]
    found = age(boots, 1, 0, 3, 40_000)
    assert found == Age(43_210 - {1: 10, 2: 200, 3: 3_000}[missing], None)


def test_what_was_recorded_in_a_boot_to_come_is_of_no_proven_age() -> None:
    assert age([boot(1, 10)], 2, 0, 1, 5_000) == Age(0, None)


def test_what_was_recorded_after_the_last_heartbeat_has_lived_through_a_part_of_the_power_off() -> None:
    """Off is counted from the last heartbeat: 3 of its 10 s were before this was recorded."""
    assert age([boot(1, 4_000), boot(2, 0, 10_000, 12_000)], 1, 7_000, 2, 1_000) == Age(8_000, 13_000)


def test_low_goes_with_the_slower_and_high_with_the_faster_clock() -> None:
    slewed = CountedBoot(
        1, "boot-1", 100_000, 0, 0, ClockPace(3_000_000, 1_000_000), 0, (ClockMark(50_000, ClockPace(2_000_000, 0)),)
    )
    history = ages.History([slewed, boot(2, 0, 0, 0)], 2, 1_000)
    assert history.age(1, 60_000) == Age(40_000 - 1_000 + 1_000, 40_000 + 1_000 + 1_000)
    assert history.age(1, 50_000) == Age(50_000 - 1_000 + 1_000, 50_000 + 1_000 + 1_000)
    assert history.age(1, 49_999) == Age(50_001 - 3_000 + 1_000, 50_001 + 1_000 + 1_000)


def test_a_box_that_slept_since_the_last_heartbeat_is_no_older_for_certain() -> None:
    """MONOTONIC_RAW stood still, and ages are asked for before anybody has written that down."""
    now = CountedBoot(1, "boot-1", 10_000, 0, None, lead_us=0)
    assert ages.History([now], 1, 10_000 + HOUR, -HOUR * 1000).age(1, 9_000) == Age(1_000, 1_000 + HOUR)
    assert ages.History([now], 1, 10_000 + HOUR, 0).age(1, 9_000) == Age(1_000 + HOUR, 1_000 + HOUR)


def test_a_boot_that_came_of_boottime_running_backwards_ran_from_there() -> None:
    restored = CountedBoot(2, "boot-1", 9_000, 0, 0, began_ms=4_000)
    assert age([boot(1, 10_000), restored], 1, 8_000, 2, 9_000) == Age(2_000 + 5_000, 2_000 + 5_000)
    assert age([boot(1, 10_000), restored, boot(3, 0, 0, 0)], 1, 8_000, 3, 1_000).low_ms == 2_000 + 5_000 + 1_000


def test_a_history_of_years_is_asked_in_no_time() -> None:
    """A sweep asks for thousands of ages."""
    marks = tuple(ClockMark(n * 1000, ClockPace(n * 1000, 0)) for n in range(4_000))
    boots = [CountedBoot(n, "b", 10_000_000, 0, 0, ClockPace(4_000_000, 0), 0, marks) for n in range(1, 500)]
    history = ages.History(boots, 499, 10_000_000)
    began = time.process_time()
    for n in range(20_000):
        history.age(1 + n % 499, n)
    assert time.process_time() - began < 2  # 0.06 s


@dataclass(frozen=True)
class History:
    """What really happened, and what the box wrote down of it."""

    ran: list[int]
    off: list[int]
    boots: list[CountedBoot]


@st.composite
def histories(draw: st.DrawFn) -> History:
    ran, off, boots = [], [], []
    unseen = 0
    for number in range(1, draw(st.integers(1, 6)) + 1):
        off_ms = 0 if number == 1 else draw(st.integers(0, 50))
        low = draw(st.integers(0, off_ms))
        # The box counts power-off from when it was last seen: the high bound covers what it ran on unseen.
        high = draw(st.none() | st.integers(off_ms + unseen, off_ms + unseen + 20))
        ran_ms = draw(st.integers(0, 100))
        seen = draw(st.integers(max(0, ran_ms - 10), ran_ms))
        unseen = ran_ms - seen
        ran.append(ran_ms)
        off.append(off_ms)
        boots.append(boot(number, seen, low, high))
    return History(ran, off, boots)


@given(histories(), st.data())
def test_the_true_age_lies_within_the_bounds(history: History, data: st.DataObject) -> None:
    """S7: whatever the box lost sight of, low is never above the truth and high never below it."""
    recorded = data.draw(st.integers(0, len(history.ran) - 1), label="recorded boot")
    now = data.draw(st.integers(recorded, len(history.ran) - 1), label="now boot")
    recorded_at = data.draw(st.integers(0, history.ran[recorded]), label="recorded at")
    now_at = data.draw(st.integers(recorded_at if now == recorded else 0, history.ran[now]), label="now at")
    began = [sum(history.ran[:i]) + sum(history.off[: i + 1]) for i in range(len(history.ran))]
    truth = began[now] + now_at - began[recorded] - recorded_at
    found = age(history.boots, recorded + 1, recorded_at, now + 1, now_at)
    assert 0 <= found.low_ms <= truth
    assert found.high_ms is None or found.high_ms >= truth


@given(histories(), st.integers(0, 700))
def test_since_is_where_an_age_begins(history: History, age_ms: int) -> None:
    now = len(history.ran)
    asked = ages.History(history.boots, now, history.ran[-1])
    since = asked.since(age_ms)
    for number, ran_ms in enumerate(history.ran, 1):
        for at_ms in range(min(ran_ms, history.boots[number - 1].ran_ms) + 1):
            assert ((number, at_ms) >= since) == (asked.age(number, at_ms).low_ms <= age_ms)


def test_since_is_not_within_a_sleep_when_what_follows_it_is_old() -> None:
    """Of instants within it less is proven than of those after it."""
    slept = ClockPace(lag_us=50_000_000)
    marks = (ClockMark(0, ClockPace()), ClockMark(60_000, slept))
    asked = ages.History([CountedBoot(1, "a", 100_000, 0, 0, slept, marks=marks)], 1, 100_000)
    assert asked.age(1, 60_000).low_ms == 40_000 > asked.age(1, 59_000).low_ms
    assert asked.since(39_000) == (1, 61_000)
    assert asked.since(40_000) == (1, 10_000)


@given(histories(), st.data())
def test_ages_only_grow_within_a_boot(history: History, data: st.DataObject) -> None:
    recorded = data.draw(st.integers(1, len(history.ran)))
    at = data.draw(st.integers(0, 100))
    now_at, later = sorted((data.draw(st.integers(0, 100)), data.draw(st.integers(0, 100))))
    now = len(history.ran)
    before, after = (age(history.boots, recorded, at, now, moment) for moment in (now_at, later))
    assert before.low_ms <= after.low_ms
    assert (before.high_ms or 0) <= (after.high_ms or 0)
