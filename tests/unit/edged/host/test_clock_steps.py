"""A step of the wall clock is noticed once; slewing and plain passing of time are not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edged.host.clock import ClockWatch
from storage.words.clock import STEP_MS
from storage.words.model import Moment

START = Moment(1_700_000_000_000, 60_000)


@given(st.integers(1, 10_000), st.integers(-STEP_MS, STEP_MS))
def test_time_that_passes_or_is_slewed_is_no_step(passed_ms: int, slewed_ms: int) -> None:
    now = Moment(START.wall_ms + passed_ms + slewed_ms, START.boottime_ms + passed_ms)
    assert ClockWatch.start(START).poll(now)[1] == 0


@given(st.integers(1, 10_000), st.integers(-(10**12), 10**12).filter(lambda ms: abs(ms) > STEP_MS))
def test_a_step_is_told_once_with_its_size(passed_ms: int, step_ms: int) -> None:
    now = Moment(START.wall_ms + passed_ms + step_ms, START.boottime_ms + passed_ms)
    watch, told_ms = ClockWatch.start(START).poll(now)
    assert told_ms == step_ms
    assert watch.poll(now.plus_ms(1000))[1] == 0
