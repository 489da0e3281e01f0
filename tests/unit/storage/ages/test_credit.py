"""What is credited for time the box was off: never on the word of one clock alone, and never twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ages.history import RTC_SLACK_MS, SYNC_SLACK_MS, WEEK_MS, OffTime, OffTimeSource, OffTimeWitness, off

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
RAN: Final = 10 * DAY
WALL: Final = 1_772_000_000_000
YEARS: Final = st.integers(-3 * 365 * DAY, 3 * 365 * DAY)


def before(*, synced: bool = True, rtc: bool = False) -> OffTimeWitness:
    """A boot that began at WALL."""
    offset = WALL if synced else None
    at = RAN if synced else None
    clock = WALL if rtc else None
    return OffTimeWitness(0, RAN, WALL, WALL, at, at, offset, offset, clock, clock)


def this(off_ms: int, *, synced: bool = True, rtc_off_ms: int | None = None) -> OffTimeWitness:
    """The boot after it."""
    offset = WALL + RAN + off_ms
    clock = None if rtc_off_ms is None else WALL + RAN + rtc_off_ms
    known = offset if synced else None
    return OffTimeWitness(
        0, HOUR, offset, offset, 0 if synced else None, HOUR if synced else None, known, known, clock, clock
    )


def test_two_synchronised_clocks_credit_what_lies_between() -> None:
    assert off(before(), this(5 * HOUR), None) == OffTime(
        5 * HOUR - SYNC_SLACK_MS, 5 * HOUR + SYNC_SLACK_MS, OffTimeSource.SYNC
    )


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (False, False)])
def test_without_sync_before_and_after_nothing_is_credited(first: bool, second: bool) -> None:
    assert off(before(synced=first), this(5 * HOUR, synced=second), None) == OffTime(0, None, OffTimeSource.NOBODY)


def test_the_hardware_clock_must_agree() -> None:
    agreed = off(before(rtc=True), this(5 * HOUR, rtc_off_ms=2 * HOUR), None)
    assert (agreed.low_ms, agreed.word) == (2 * HOUR - RTC_SLACK_MS, OffTimeSource.SYNC_AND_RTC)
    assert agreed.high_ms == 5 * HOUR + SYNC_SLACK_MS, "the high bound takes the most that anybody says"
    dead = off(before(rtc=True), this(5 * HOUR, rtc_off_ms=-20 * 365 * DAY), None)
    assert (dead.low_ms, dead.word) == (0, OffTimeSource.NOBODY)


def test_the_hardware_clock_alone_credits_nothing_but_bounds() -> None:
    found = off(before(synced=False, rtc=True), this(5 * HOUR, synced=False, rtc_off_ms=5 * HOUR), None)
    assert (found.low_ms, found.word) == (0, OffTimeSource.NOBODY)
    assert 5 * HOUR < (found.high_ms or 0) < 5 * HOUR + 60_000


def test_an_hour_is_missing_where_sync_came_an_hour_late() -> None:
    """Not the hour itself: only what boottime may have drifted in it."""
    late = replace(this(5 * HOUR), synced_first_ms=HOUR)
    assert 5 * HOUR - off(before(), late, None).low_ms == SYNC_SLACK_MS + 1800


def test_a_clock_proves_a_week_and_people_the_rest() -> None:
    assert off(before(), this(9 * DAY), None).low_ms == WEEK_MS
    assert off(before(), this(9 * DAY), 9 * DAY) == OffTime(9 * DAY, 9 * DAY + SYNC_SLACK_MS, OffTimeSource.PEOPLE)


def test_people_prove_no_more_than_the_clocks_allow() -> None:
    assert off(before(), this(5 * HOUR), 9 * DAY).low_ms == 5 * HOUR + SYNC_SLACK_MS
    assert off(before(synced=False), this(5 * HOUR), 9 * DAY) == OffTime(9 * DAY, None, OffTimeSource.PEOPLE)


def test_people_take_nothing_away() -> None:
    assert off(before(), this(5 * HOUR), HOUR).word is OffTimeSource.SYNC


@given(off_ms=st.integers(0, 20 * DAY), rtc=st.booleans(), step_ms=YEARS)
def test_a_step_after_the_first_sync_enlarges_nothing(off_ms: int, rtc: bool, step_ms: int) -> None:
    """Whatever a clock that is called synchronised says later, in either boot."""
    last, now = before(rtc=rtc), this(off_ms, rtc_off_ms=off_ms if rtc else None)
    credited = off(last, now, None).low_ms
    assert credited <= off_ms
    offset = WALL + RAN + off_ms + step_ms
    stepped = replace(now, synced_least_ms=min(WALL + RAN + off_ms, offset), synced_most_ms=offset)
    assert off(last, stepped, None).low_ms <= credited
    stepped = replace(last, synced_most_ms=max(WALL, WALL + step_ms), synced_least_ms=min(WALL, WALL + step_ms))
    assert off(stepped, now, None).low_ms <= credited


@given(off_ms=st.integers(0, 20 * DAY), before_ms=YEARS, after_ms=YEARS, rtc=st.booleans())
def test_wall_clocks_that_nobody_set_credit_nothing(off_ms: int, before_ms: int, after_ms: int, rtc: bool) -> None:
    last = replace(before(synced=False, rtc=rtc), offset_last_ms=WALL + before_ms, offset_most_ms=WALL + before_ms)
    offset = WALL + RAN + off_ms + after_ms
    now = replace(this(off_ms, rtc_off_ms=off_ms if rtc else None), offset_last_ms=offset, offset_most_ms=offset)
    found = off(last, now, None)
    assert found.low_ms == 0
    assert (found.high_ms is None) == (not rtc)
    assert found.high_ms is None or found.high_ms >= off_ms


@given(st.integers(0, 400 * DAY), st.none() | st.integers(1, 400 * DAY), st.booleans(), st.booleans(), st.booleans())
def test_bounds_are_in_order(off_ms: int, attested: int | None, first: bool, second: bool, rtc: bool) -> None:
    now = this(off_ms, synced=second, rtc_off_ms=off_ms if rtc else None)
    found = off(before(synced=first, rtc=rtc), now, attested)
    assert found.low_ms >= 0
    assert found.high_ms is None or found.high_ms >= max(found.low_ms, off_ms)


def test_a_boot_that_came_of_boottime_running_backwards_begins_where_it_was_seen() -> None:
    """It was there for 5 h by its clock already: nothing of that is power-off."""
    now = replace(this(0), began_ms=5 * HOUR, ran_ms=6 * HOUR, synced_first_ms=5 * HOUR)
    now = replace(now, synced_least_ms=WALL + RAN - 4 * HOUR, synced_most_ms=WALL + RAN - 4 * HOUR)
    assert off(before(), now, None).low_ms == HOUR - SYNC_SLACK_MS
