"""When and how the broker is tried again: waits with full jitter, and MQTT 5 before 3.1.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.connection import LAST_LIMIT_S, PROTOCOL_MEMORY_S, STABLE_S, Outcome, Protocol, Reconnect

NEVER_CONNECTED = 0.0


def failing(times: int, outcome: Outcome = Outcome.UNREACHABLE) -> Reconnect:
    attempts = Reconnect()
    for _ in range(times):
        attempts = attempts.ended(outcome, 0.0, NEVER_CONNECTED)
    return attempts


def test_the_first_attempt_does_not_wait() -> None:
    assert Reconnect().wait_s(0.999) == 0.0


def test_the_limit_doubles_to_thirty_seconds_and_stays() -> None:
    assert [failing(times).wait_s(1.0) for times in (1, 2, 3, 4, 5, 6, 7, 5000)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_wait_is_a_random_part_of_the_limit() -> None:
    assert failing(4).wait_s(0.0) == 0.0
    assert failing(4).wait_s(0.25) == 2.0


def test_a_stable_minute_makes_waits_short_again() -> None:
    def next_but_one(connected_s: float) -> float:
        lost = failing(6).ended(Outcome.LOST, 100.0, connected_s)
        return lost.ended(Outcome.UNREACHABLE, 101.0, NEVER_CONNECTED).wait_s(1.0)

    assert next_but_one(STABLE_S - 0.1) == 30
    assert next_but_one(STABLE_S) == 2


def test_boxes_that_lost_one_broker_come_back_spread_over_fifteen_seconds() -> None:
    lost = Reconnect().answered(0.0).ended(Outcome.LOST, 100.0, 100.0)
    assert [lost.wait_s(random) for random in (0.0, 0.5, 1.0)] == [0.0, 7.5, 15.0]
    assert failing(6).ended(Outcome.LOST, 100.0, 1.0).wait_s(1.0) == 30, "one that breaks off again and again"


def test_a_broker_that_says_wrong_version_is_asked_in_the_old_one_at_once() -> None:
    attempts = Reconnect().ended(Outcome.WRONG_VERSION, 0.0, NEVER_CONNECTED)
    assert attempts.protocol is Protocol.V311
    assert attempts.wait_s(1.0) == 0.0


def test_a_fall_back_that_was_answered_is_remembered_for_an_hour() -> None:
    attempts = Reconnect().ended(Outcome.CLOSED_UNANSWERED, 0.0, NEVER_CONNECTED).answered(1.0)
    attempts = attempts.ended(Outcome.LOST, 100.0, 99.0)
    assert attempts.due(PROTOCOL_MEMORY_S).protocol is Protocol.V311
    attempts = attempts.ended(Outcome.UNREACHABLE, 200.0, NEVER_CONNECTED)
    assert attempts.due(PROTOCOL_MEMORY_S).protocol is Protocol.V311
    assert attempts.wait_s(1.0) > 0
    assert attempts.due(PROTOCOL_MEMORY_S + 1.0).protocol is Protocol.V5


def test_a_wrong_password_in_the_old_version_proves_that_version() -> None:
    attempts = Reconnect().ended(Outcome.WRONG_VERSION, 0.0, NEVER_CONNECTED)
    attempts = attempts.ended(Outcome.REFUSED, 1.0, NEVER_CONNECTED)
    assert attempts.protocol is Protocol.V311


@pytest.mark.parametrize("outcome", [Outcome.CLOSED_UNANSWERED, Outcome.SILENT])
def test_a_broker_that_answers_neither_is_tried_in_turns_and_with_waits(outcome: Outcome) -> None:
    attempts, tried, waits = Reconnect(), [], []
    for _ in range(4):
        tried.append(attempts.protocol.value)
        attempts = attempts.ended(outcome, 0.0, NEVER_CONNECTED)
        waits.append(attempts.wait_s(1.0))
    assert tried == ["5", "3.1.1", "5", "3.1.1"]
    assert waits == [0.0, 1.0, 0.0, 2.0]


@pytest.mark.parametrize("hint", [Outcome.CLOSED_UNANSWERED, Outcome.SILENT])
def test_a_broker_that_spoke_5_and_hangs_is_not_taken_for_an_old_one_within_the_hour(hint: Outcome) -> None:
    attempts = Reconnect().answered(0.0).ended(Outcome.LOST, 1000.0, 1000.0)
    for now_s in (1100.0, 2000.0, 1000.0 + PROTOCOL_MEMORY_S - 1):
        attempts = attempts.due(now_s).ended(hint, now_s, NEVER_CONNECTED)
        assert attempts.protocol is Protocol.V5
        assert not attempts.at_once
    now_s = 1000.0 + PROTOCOL_MEMORY_S
    assert attempts.due(now_s).ended(hint, now_s, NEVER_CONNECTED).protocol is Protocol.V311


def test_a_broker_replaced_by_an_old_one_that_says_so_is_believed_at_once() -> None:
    attempts = Reconnect().answered(0.0).ended(Outcome.LOST, 10.0, 10.0)
    assert attempts.ended(Outcome.WRONG_VERSION, 11.0, NEVER_CONNECTED).protocol is Protocol.V311


def test_a_broker_that_is_merely_away_keeps_its_version() -> None:
    assert failing(3).protocol is Protocol.V5
    assert failing(3, Outcome.REFUSED).protocol is Protocol.V5


def test_a_broker_that_was_upgraded_past_the_old_version_is_asked_for_the_new_one() -> None:
    attempts = Reconnect().ended(Outcome.WRONG_VERSION, 0.0, NEVER_CONNECTED).answered(1.0)
    attempts = attempts.ended(Outcome.LOST, 2.0, 1.0).ended(Outcome.WRONG_VERSION, 3.0, NEVER_CONNECTED)
    assert attempts.protocol is Protocol.V5


@given(
    st.lists(st.tuples(st.sampled_from(Outcome), st.floats(0, 1e5), st.floats(0, 7200)), max_size=60),
    st.floats(0, 1, exclude_max=True),
)
def test_no_story_waits_too_long_or_hammers_the_broker(
    story: list[tuple[Outcome, float, float]], random: float
) -> None:
    attempts, now_s, free = Reconnect(), 0.0, 0
    for outcome, connected_s, pause_s in story:
        now_s += pause_s
        attempts = attempts.due(now_s)
        if outcome is Outcome.LOST:
            attempts = attempts.answered(now_s)
        attempts = attempts.ended(outcome, now_s, connected_s if outcome is Outcome.LOST else 0.0)
        assert 0.0 <= attempts.wait_s(random) <= LAST_LIMIT_S
        # Never two attempts in a row without a wait between them.
        free = free + 1 if attempts.wait_s(1.0) == 0.0 else 0
        assert free <= 1
