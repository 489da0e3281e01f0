"""recorder.supervisor.worker_session: starts in order, ends between start and next start, all of it within the session
and seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.supervisor.worker_session import MAX_TEXT, SLACK_MS, TimeCheck, clean
from storage.words.message import Message, message
from storage.words.model import Moment

BEGAN = Moment(wall_ms=1_700_000_000_000, boottime_ms=1_000_000)
NOW = BEGAN.plus_ms(60_000)
offsets = st.integers(-(10**9), 10**9)


def at(ms: int) -> Moment:
    return BEGAN.plus_ms(ms)


@given(offsets)
def test_what_is_told_lies_within_the_session(told_ms: int) -> None:
    assert TimeCheck(BEGAN).begins(1, NOW.plus_ms(told_ms), NOW) == (-60_000 <= told_ms <= 0)


@given(offsets)
def test_a_segment_ends_between_its_start_and_now(told_ms: int) -> None:
    account = TimeCheck(BEGAN)
    assert account.begins(1, at(10_000), NOW)
    assert account.ends(1, NOW.plus_ms(told_ms), NOW) == (-50_000 <= told_ms <= 0)


@given(st.integers(0, 60_000))
def test_a_segment_ends_no_later_than_the_next_one_starts(told_ms: int) -> None:
    """Its end is told while the next is written, or the one after that, if the disk is slow."""
    account = TimeCheck(BEGAN)
    for number in (1, 2):
        assert account.begins(number, at(10_000 * number), NOW)
    assert account.ends(2, at(30_000), NOW)
    assert account.begins(3, at(30_000), NOW)
    assert account.ends(1, at(told_ms), NOW) == (10_000 <= told_ms <= 20_000)


def test_starts_never_go_back() -> None:
    account = TimeCheck(BEGAN)
    assert account.begins(1, at(1_000), NOW)
    assert not account.begins(2, at(999), NOW)
    assert account.ends(1, at(5_000), NOW)
    assert not account.begins(2, at(4_999), NOW)
    assert account.begins(2, at(5_000), NOW), "one segment's end is the next one's start"


def test_an_end_is_believed_once_and_of_a_segment_that_began() -> None:
    account = TimeCheck(BEGAN)
    assert not account.ends(1, at(1_000), NOW)
    assert account.begins(1, at(0), NOW)
    assert account.ends(1, at(1_000), NOW)
    assert not account.ends(1, at(1_000), NOW)
    assert account.begins(2, at(1_000), NOW)
    account.forget(2)
    assert not account.ends(2, at(2_000), NOW)


def test_what_is_not_believed_changes_nothing() -> None:
    account = TimeCheck(BEGAN)
    assert not account.begins(1, NOW.plus_ms(1), NOW)
    assert account.begins(1, BEGAN, NOW)
    assert not account.ends(1, NOW.plus_ms(1), NOW)
    assert account.begins(2, BEGAN, NOW)
    assert account.ends(1, BEGAN, NOW)


@pytest.mark.parametrize("step_ms", [-86_400_000, -400, 400, 86_400_000])
def test_a_wall_clock_that_was_stepped_is_no_lie_of_the_workers(step_ms: int) -> None:
    """Neither before nor after: the worker looked at it at an instant of its own."""
    account = TimeCheck(BEGAN)
    stepped = Moment(NOW.wall_ms + step_ms, NOW.boottime_ms)
    assert account.begins(1, at(10), stepped)
    assert account.ends(1, Moment(stepped.wall_ms - 5, stepped.boottime_ms - 5), stepped)


def test_a_wall_clock_that_nobody_saw_is_not_believed() -> None:
    account = TimeCheck(BEGAN)
    account.observe_clock(Moment(NOW.wall_ms + 5_000, NOW.boottime_ms))
    assert account.begins(1, BEGAN, NOW)
    assert not account.ends(1, Moment(NOW.wall_ms + 5_001 + SLACK_MS, NOW.boottime_ms), NOW)
    assert not account.ends(1, Moment(NOW.wall_ms - 1 - SLACK_MS, NOW.boottime_ms), NOW)
    assert account.begins(2, Moment(NOW.wall_ms + 5_000 + SLACK_MS, NOW.boottime_ms), NOW)


def test_what_a_worker_says_to_people_is_one_short_line_with_plain_values() -> None:
    inner = message("test.inner", "at {where}", where="a\x1b[31m\nb" + "x" * MAX_TEXT)
    told = clean(message("test.told", "no {thing}: {inner}", thing="\x07way", inner=inner))
    assert told.startswith("no way: at a [31m b")
    assert len(told) <= MAX_TEXT
    assert (told.code, told.values["thing"]) == ("test.told", "way")
    within = told.values["inner"]
    assert isinstance(within, Message)
    assert within.code == "test.inner"
    assert len(str(within.values["where"])) <= MAX_TEXT


@pytest.mark.parametrize(
    "told",
    [
        Message("a  b", "Test.Code"),
        Message("a  b", "test.code", {"a-b": 1}),
        Message("a  b", "test.code", {f"{letter}": 1 for letter in "abcdefghijk"}),
    ],
)
def test_a_code_that_none_of_ours_can_be_is_left_out(told: Message) -> None:
    assert clean(told).told == Message("a b").told
