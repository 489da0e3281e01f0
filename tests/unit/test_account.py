"""recorder.account: a worker's times lie between the last one it told and now, on a wall clock that was seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.account import SLACK_MS, Account
from storage.model import Moment

BEGAN = Moment(wall_ms=1_700_000_000_000, boottime_ms=1_000_000)
NOW = BEGAN.plus_ms(60_000)


@given(st.integers(-(10**9), 10**9))
def test_what_is_told_lies_within_the_session(told_ms: int) -> None:
    told = Moment(NOW.wall_ms + told_ms, NOW.boottime_ms + told_ms)
    assert Account(BEGAN).believes(told, NOW) == (-60_000 <= told_ms <= 0)


def test_what_is_told_never_goes_back() -> None:
    account = Account(BEGAN)
    assert account.believes(BEGAN.plus_ms(5_000), NOW)
    assert account.believes(BEGAN.plus_ms(5_000), NOW), "one segment's end is the next one's start"
    assert not account.believes(BEGAN.plus_ms(4_999), NOW)


def test_what_is_not_believed_changes_nothing() -> None:
    account = Account(BEGAN)
    assert not account.believes(NOW.plus_ms(1), NOW)
    assert account.believes(BEGAN, NOW)


@pytest.mark.parametrize("step_ms", [-86_400_000, -400, 400, 86_400_000])
def test_a_wall_clock_that_was_stepped_is_no_lie_of_the_workers(step_ms: int) -> None:
    """Neither before nor after: the worker looked at it at an instant of its own."""
    account = Account(BEGAN)
    stepped = Moment(NOW.wall_ms + step_ms, NOW.boottime_ms)
    assert account.believes(BEGAN.plus_ms(10), stepped)
    assert account.believes(Moment(stepped.wall_ms - 5, stepped.boottime_ms - 5), stepped)


def test_a_wall_clock_that_nobody_saw_is_not_believed() -> None:
    account = Account(BEGAN)
    account.look(Moment(NOW.wall_ms + 5_000, NOW.boottime_ms))
    assert account.believes(Moment(NOW.wall_ms + 5_000 + SLACK_MS, NOW.boottime_ms), NOW)
    assert not account.believes(Moment(NOW.wall_ms + 5_001 + SLACK_MS, NOW.boottime_ms), NOW)
    assert not account.believes(Moment(NOW.wall_ms - 1 - SLACK_MS, NOW.boottime_ms), NOW)
