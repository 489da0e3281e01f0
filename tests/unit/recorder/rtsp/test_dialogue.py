"""recorder.rtsp.dialogue: questions, answers and signs of life, played word for word without a socket."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from recorder.rtsp.dialogue import ANSWER_S, MAX_MEANWHILE_BYTES, Dialogue
from recorder.words import outcome
from recorder.words.outcome import SessionEnded
from storage.words.model import GapCause
from tests.unit.recorder.rtsp import scripted
from tests.unit.recorder.rtsp.scripted import DIGEST, SECRET, TARGET, URL, Wire, answer


def dialogue(wire: Wire, *, user: str = "viewer", deadline: float = 1000.0) -> Dialogue:
    """One that tells of pictures on channel 0 how long they are."""
    made = scripted.dialogue(wire, user=user, deadline=deadline)
    made.handlers[0] = lambda _buffer, start, end, out: out.append(cast("Any", end - start))
    return made


def cause_of(caught: pytest.ExceptionInfo[SessionEnded]) -> GapCause | None:
    ended = caught.value.ended
    assert SECRET not in f"{ended}{caught.value}{caught.getrepr(style='long', showlocals=False)}"
    return ended.cause


# Questions


def test_a_question_is_answered() -> None:
    wire = Wire(answer(1, 200, "Session: 77;timeout=30"), answer(2))
    talk = dialogue(wire)
    assert talk.ask("SETUP", URL, {"Transport": "t"}).status == 200
    assert (talk.session, talk.session_s) == ("77", 30)
    talk.ask("PLAY", URL)
    assert "Session" not in wire.sent[0]
    assert "Session: 77" in wire.sent[1]
    assert "Authorization" not in "".join(wire.sent)


@pytest.mark.parametrize("cseq", ["1", "", "nine"])
def test_an_answer_without_a_number_is_the_one(cseq: str) -> None:
    assert dialogue(Wire(answer(cseq))).ask("PLAY", URL).status == 200


def test_an_answer_to_another_question_is_left_out() -> None:
    assert dialogue(Wire(answer(7, 404), answer(1))).ask("PLAY", URL).status == 200


def test_a_session_s_new_name_counts() -> None:
    wire = Wire(answer(1, 200, "Session: a"), answer(2, 200, "Session: b;timeout=7"), answer(3, 454, "Session: c"))
    talk = dialogue(wire)
    for _ in range(3):
        talk.ask("SETUP", URL)
    assert (talk.session, talk.session_s) == ("b", 7)
    assert "Session: a" in wire.sent[1]
    assert "Session: b" in wire.sent[2]


def test_a_camera_that_plays_instead_of_answering_does_not_fill_memory() -> None:
    picture = b"$\x00\xff\xff" + bytes(65_535)
    wire = Wire(*[picture] * (2 * MAX_MEANWHILE_BYTES // len(picture)))
    talk = dialogue(wire)
    with pytest.raises(SessionEnded) as caught:
        talk.ask("PLAY", URL)
    assert cause_of(caught) is GapCause.BAD_DATA
    assert len(wire.said) >= MAX_MEANWHILE_BYTES // len(picture) - 1


def test_pictures_that_come_before_the_answer_are_told_in_their_order() -> None:
    talk = dialogue(Wire(b"$\0\0\3abc$\0\0\1x" + answer(1) + b"$\0\0\2yz"))
    heard: list[int] = []
    talk.handlers[0] = lambda _buffer, start, end, _out: heard.append(end - start)
    talk.ask("PLAY", URL)
    assert heard == [3, 1]
    talk.hear([])
    assert heard == [3, 1, 2]


def test_what_the_camera_asks_meanwhile_is_answered() -> None:
    asked = b"OPTIONS rtsp://10.0.0.5/ RTSP/1.0\r\nCSeq: 31\r\n\r\nRECORD * RTSP/1.0\r\nCSeq: 32\r\n\r\n"
    wire = Wire(asked + answer(1))
    dialogue(wire).ask("PLAY", URL)
    assert wire.sent[1:] == [
        "RTSP/1.0 200 OK\r\nCSeq: 31\r\n\r\n",
        "RTSP/1.0 501 Not Implemented\r\nCSeq: 32\r\n\r\n",
    ]


@pytest.mark.parametrize(("method", "words"), [("TEARDOWN", "ended the stream"), ("REDIRECT", "REDIRECT")])
def test_a_camera_that_leaves(method: str, words: str) -> None:
    talk = dialogue(Wire(f"{method} * RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode()))
    with pytest.raises(SessionEnded) as caught:
        talk.ask("PLAY", URL)
    assert cause_of(caught) is GapCause.DROPPED
    assert words in caught.value.ended.came_back


def test_an_answer_has_an_end() -> None:
    wire = Wire()
    with pytest.raises(SessionEnded) as caught:
        dialogue(wire).ask("DESCRIBE", URL)
    assert cause_of(caught) is GapCause.STALLED
    assert wire.now == pytest.approx(100 + ANSWER_S)


def test_an_answer_in_drips_has_the_same_end() -> None:
    wire = Wire(*(bytes([byte]) for byte in b"RTSP/1.0 200 OK\r\n"))
    with pytest.raises(SessionEnded) as caught:
        dialogue(wire, deadline=100.05).ask("DESCRIBE", URL)
    assert cause_of(caught) is GapCause.STALLED
    assert wire.now < 100.1


def test_garbage_instead_of_an_answer_is_told() -> None:
    with pytest.raises(SessionEnded) as caught:
        dialogue(Wire(b"SSH-2.0-dropbear\r\n")).ask("OPTIONS", URL)
    assert cause_of(caught) is GapCause.BAD_DATA


def test_a_camera_that_hangs_up_before_it_says_anything_is_told_from_one_that_leaves() -> None:
    """As a port does that wants TLS: nothing has ended that had begun."""
    for gone in (outcome.dropped(TARGET), outcome.broke_off(TARGET)):
        with pytest.raises(SessionEnded) as caught:
            dialogue(Wire(SessionEnded(gone))).ask("OPTIONS", URL)
        assert cause_of(caught) is GapCause.DROPPED
        assert "without an answer" in caught.value.ended.came_back
        assert "rtsps://" in caught.value.ended.check
    talk = dialogue(Wire(answer(1), SessionEnded(outcome.dropped(TARGET))))
    talk.ask("OPTIONS", URL)
    with pytest.raises(SessionEnded) as caught:
        talk.ask("DESCRIBE", URL)
    assert "ended the stream" in caught.value.ended.came_back


def test_garbage_and_then_the_end_is_garbage() -> None:
    with pytest.raises(SessionEnded) as caught:
        dialogue(Wire(b"<html>no</html>", SessionEnded(outcome.dropped(TARGET)))).ask("OPTIONS", URL)
    assert cause_of(caught) is GapCause.BAD_DATA


# Who we are


def test_the_camera_asks_who_we_are() -> None:
    wire = Wire(answer(1, 401, DIGEST.format("n")), answer(2), answer(3))
    talk = dialogue(wire)
    talk.ask("DESCRIBE", URL)
    talk.ask("SETUP", URL)
    assert ["Authorization" in text for text in wire.sent] == [False, True, True]
    assert SECRET not in "".join(wire.sent)
    assert talk.challenged


@pytest.mark.parametrize(
    ("said", "user", "questions", "words"),
    [
        ([answer(1, 401, DIGEST.format("n")), answer(2, 401, DIGEST.format("m"))], "viewer", 2, "401 Unauthorized"),
        ([answer(1, 401, DIGEST.format("n"))], "", 1, "401 Unauthorized"),
        ([answer(1, 401)], "viewer", 1, "offers neither"),
        ([answer(1, 401, "WWW-Authenticate: Negotiate")], "viewer", 1, "offers neither"),
        (
            [answer(number, 401, DIGEST.format(number) + ", stale=true") for number in range(1, 9)],
            "viewer",
            3,
            "401 Unauthorized",
        ),
    ],
)
def test_the_camera_does_not_let_us_in(said: list[bytes], user: str, questions: int, words: str) -> None:
    wire = Wire(*said)
    with pytest.raises(SessionEnded) as caught:
        dialogue(wire, user=user).ask("DESCRIBE", URL)
    assert cause_of(caught) is GapCause.UNAUTHORISED
    assert words in caught.value.ended.came_back
    assert len(wire.sent) == questions


# Signs of life


def playing(
    *said: bytes | SessionEnded | None, methods: str = "GET_PARAMETER", timeout_s: int = 60
) -> tuple[Wire, Dialogue]:
    wire = Wire(answer(1, 401, DIGEST.format("n")), answer(2, 200, f"Session: 77;timeout={timeout_s}"), *said)
    talk = dialogue(wire)
    talk.ask("PLAY", URL)
    talk.methods = frozenset(methods.split())
    wire.sent.clear()
    return wire, talk


def live(wire: Wire, talk: Dialogue, seconds: float) -> None:
    until = wire.now + seconds
    while wire.now < until:
        talk.receive(0.5)
        talk.hear([])
        talk.keep_alive(URL)


@pytest.mark.parametrize(("timeout_s", "count"), [(60, 4), (600, 4), (10, 24), (1, 119)])
def test_we_show_that_we_live_in_time(timeout_s: int, count: int) -> None:
    wire, talk = playing(timeout_s=timeout_s)
    live(wire, talk, 121)
    assert wire.methods.count("GET_PARAMETER") == pytest.approx(count, abs=2)
    assert all("Session: 77" in text and "Authorization: Digest" in text for text in wire.sent)


def test_how_long_a_session_lives_is_said_once() -> None:
    wire = Wire(answer(1, 200, "Session: 77;timeout=10"), answer(2, 200, "Session: 77"))
    talk = dialogue(wire)
    talk.ask("SETUP", URL)
    talk.ask("PLAY", URL)
    live(wire, talk, 11)
    assert wire.methods.count("OPTIONS") == 2


def test_a_camera_that_knows_no_get_parameter_is_asked_for_options() -> None:
    wire, talk = playing(methods="OPTIONS DESCRIBE")
    live(wire, talk, 31)
    assert wire.methods == ["OPTIONS"]


def test_nor_one_that_only_says_it_does() -> None:
    wire, talk = playing(*[None] * 61, answer(3, 501))
    live(wire, talk, 61)
    assert wire.methods == ["GET_PARAMETER", "OPTIONS"]


def test_a_nonce_that_grew_old_is_renewed_at_once() -> None:
    wire, talk = playing(*[None] * 61, answer(3, 401, DIGEST.format("new")))
    live(wire, talk, 32)
    assert wire.methods == ["GET_PARAMETER", "GET_PARAMETER"]
    assert 'nonce="new"' in wire.sent[1]


def test_a_forgotten_session_is_over() -> None:
    wire, talk = playing(*[None] * 61, answer(3, 454))
    with pytest.raises(SessionEnded) as caught:
        live(wire, talk, 34)
    assert cause_of(caught) is GapCause.DROPPED
    assert "forgotten" in caught.value.ended.came_back


def test_a_camera_that_says_so_and_sends_on_is_asked_by_another_method() -> None:
    """Thingino's firmware answers 454 to GET_PARAMETER."""
    picture = b"$\x00\x00\x0c\x80" + bytes(11)
    quiet: list[bytes | SessionEnded | None] = [None] * 61
    wire, talk = playing(*quiet, answer(3, 454), *[picture, None] * 63, answer(4), *quiet)
    live(wire, talk, 90)
    assert wire.methods[:2] == ["GET_PARAMETER", "OPTIONS"]


def test_a_camera_that_says_so_and_hangs_up_meant_it() -> None:
    wire, talk = playing(*[None] * 61, answer(3, 454), SessionEnded(outcome.broke_off(TARGET)))
    with pytest.raises(SessionEnded) as caught:
        live(wire, talk, 34)
    assert "forgotten" in caught.value.ended.came_back


def test_a_camera_that_shuts_us_out_and_hangs_up_meant_it() -> None:
    no, gone = answer(3, 401, DIGEST.format("n")), SessionEnded(outcome.dropped(TARGET))
    wire, talk = playing(*[None] * 61, no, gone)
    with pytest.raises(SessionEnded) as caught:
        live(wire, talk, 32)
    assert cause_of(caught) is GapCause.UNAUTHORISED


def test_a_camera_that_takes_nothing_is_not_flooded() -> None:
    wire, talk = playing(timeout_s=1)
    wire.takes = False
    live(wire, talk, 20)
    assert wire.sent == []


def test_answers_that_nobody_waits_for_do_no_harm() -> None:
    wire, talk = playing(answer(99, 454), answer("", 401), answer(2, 500))
    live(wire, talk, 5)
    assert wire.sent == []


def test_we_take_our_leave_of_a_session_only() -> None:
    assert dialogue(Wire()).farewell(URL) == b""
    _, talk = playing()
    assert re.match(rb"TEARDOWN rtsp://10.0.0.11/x RTSP/1.0\r\nCSeq: 3\r\n", talk.farewell(URL))
