"""When what a broker has kept of a topic counts as read: an answer, silence, a refusal, and always an end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mqtt.connection import ANSWER_S, KEPT_S, NextStep, RetainedAnswer, RetainedRead


def test_what_was_kept_ends_the_subscription_and_is_told_when_that_is_answered() -> None:
    reading, heard = RetainedRead(100.0), RetainedAnswer()
    assert reading.step(heard, 100.0) is NextStep.WAIT
    heard.kept.append(b"head")
    assert reading.step(heard, 100.1) is NextStep.GIVE_UP
    assert reading.step(heard, 100.2) is NextStep.WAIT, "told before that, we would be among those who get the next one"
    heard.given_up = True
    assert reading.step(heard, 100.3) is NextStep.TELL
    assert reading.over


def test_nothing_kept_is_waited_for_from_the_answer_on() -> None:
    reading, heard = RetainedRead(100.0), RetainedAnswer(granted=True)
    assert reading.step(heard, 103.0) is NextStep.WAIT
    assert reading.step(heard, 103.0 + KEPT_S - 0.1) is NextStep.WAIT
    assert reading.step(heard, 103.0 + KEPT_S) is NextStep.GIVE_UP


def test_a_refusal_ends_it_at_once() -> None:
    assert RetainedRead(100.0).step(RetainedAnswer(granted=False), 100.1) is NextStep.TELL


def test_a_broker_that_never_answers_is_waited_for_so_long() -> None:
    reading, heard = RetainedRead(100.0), RetainedAnswer()
    assert reading.step(heard, 100.0 + ANSWER_S - 0.1) is NextStep.WAIT
    assert reading.step(heard, 100.0 + ANSWER_S) is NextStep.GIVE_UP
    assert reading.step(heard, 100.0 + ANSWER_S + 1) is NextStep.WAIT
    assert reading.step(heard, 100.0 + 2 * ANSWER_S) is NextStep.TELL


looks = st.lists(
    st.tuples(st.floats(0, 3), st.sampled_from(["granted", "refused", "kept", "given up", "nothing"])), max_size=20
)


@given(looks)
def test_whatever_comes_back_it_is_told_once_and_last(events: list[tuple[float, str]]) -> None:
    reading, heard, now_s = RetainedRead(0.0), RetainedAnswer(), 0.0
    done: list[NextStep] = []
    for wait_s, what in [*events, *[(1.0, "nothing")] * 20]:
        now_s += wait_s
        if what in ("granted", "refused"):
            heard.granted = what == "granted"
        elif what == "kept":
            heard.kept.append(b"")
        elif what == "given up":
            heard.given_up = True
        done.append(reading.step(heard, now_s))
    said = [one for one in done if one is not NextStep.WAIT]
    assert said in ([NextStep.GIVE_UP, NextStep.TELL], [NextStep.TELL])
    assert reading.over
