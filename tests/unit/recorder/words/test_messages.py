"""recorder.words.messages: what one side says the other hears, and nothing else gets through."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from recorder.words import messages
from recorder.words.messages import MAX_MESSAGE_BYTES, Cut, Ended, Granted, Kind, Start, Stats, Stop, Terms, Watch
from storage.words.message import NOTHING, Message, message
from storage.words.model import GapCause
from tests.support.resources import assert_nothing_is_left_open, descriptors
from tests.support.worker import receive_report

TERMS = Terms("id", "/srv/edged", floor_s=1, ceiling_s=2, epoch=1, synced=False)
START = Start("lobby", "rtsp://10.0.0.11/x", "viewer", "s3cret", "boot", 7, "ab", 300_000, 500, TERMS)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours, theirs


def test_commands_arrive_whole_and_apart(pair: tuple[socket.socket, socket.socket]) -> None:
    for said in (START, Granted(7), Cut(), Stop(), TERMS):
        messages.send(pair[0], said)
    assert [messages.receive(pair[1]) for _ in range(5)] == [START, Granted(7), Cut(), Stop(), TERMS]


def test_reports_arrive(pair: tuple[socket.socket, socket.socket]) -> None:
    ended = Ended(GapCause.STALLED, Message("tried"), Message("came back"), Message("check"))
    messages.send(pair[1], ended)
    assert receive_report(pair[0]) == ended


def test_what_a_worker_says_to_people_keeps_code_and_values(pair: tuple[socket.socket, socket.socket]) -> None:
    why = message("test.why", "because of {count}", count=3)
    said = message("test.said", "{why}: {names}", why=why, names=["a", "b"])
    messages.send(pair[1], Ended(None, NOTHING, said, NOTHING))
    ended = receive_report(pair[0])
    assert isinstance(ended, Ended)
    assert ended.came_back.told == said.told
    assert ended.tried.told == NOTHING.told


def test_what_lies_deeper_than_one_in_another_arrives_as_text(pair: tuple[socket.socket, socket.socket]) -> None:
    deep = message("test.deep", "{names}", names=["a", "b"])
    why = message("test.why", "because {deep}", deep=deep)
    messages.send(pair[1], Ended(None, NOTHING, message("test.said", "{why}", why=why), NOTHING))
    ended = receive_report(pair[0])
    assert isinstance(ended, Ended)
    told = {"text": "because a, b", "code": "test.why", "values": {"deep": "a, b"}}
    assert ended.came_back.told == {"text": "because a, b", "code": "test.said", "values": {"why": told}}


@pytest.mark.parametrize(
    "told",
    [
        "7",
        "{}",
        '{"text":"a","code":"b","values":{"c":[1]}}',
        '{"text":"a","code":"b","values":{"c":{"d":1}}}',
        '{"text":"a","code":"b","values":{"c":{"text":"a","code":"b","values":{"d":{}}}}}',
        '{"text":"a","code":"b","values":{"c":' + "[" * 20_000 + "]" * 20_000 + "}}",
        '{"a":' * 5_000 + "1" + "}" * 5_000,
    ],
)
def test_words_that_are_none_or_lie_deep_are_refused(told: str) -> None:
    data = '{"kind":"ended","cause":null,"came_back":' + told + "}"
    assert len(data) < MAX_MESSAGE_BYTES
    with pytest.raises(messages.WireError):
        messages.decode_report(data.encode())


def test_the_other_sides_words_are_no_words_of_ours(pair: tuple[socket.socket, socket.socket]) -> None:
    messages.send(pair[0], Stop())
    with pytest.raises(messages.WireError):
        receive_report(pair[1])


@pytest.mark.parametrize(
    "data",
    [b"{", b"\xff", b"[]", b'{"kind":"delete"}', b'{"kind":"granted","seq":"7"}', b'{"kind":"stop","more":1}'],
)
def test_nonsense_is_refused_without_being_quoted(data: bytes, pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].send(data)
    with pytest.raises(messages.WireError) as caught:
        messages.receive(pair[1])
    assert str(len(data)) in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_too_long_is_not_sent() -> None:
    with pytest.raises(messages.WireError, match=str(MAX_MESSAGE_BYTES)):
        messages.encode(Ended(None, Message("x" * MAX_MESSAGE_BYTES), NOTHING, NOTHING))


def test_the_end_is_none(pair: tuple[socket.socket, socket.socket]) -> None:
    messages.send(pair[0], Stop())
    pair[0].close()
    assert messages.receive(pair[1]) == Stop()
    assert messages.receive(pair[1]) is None


def test_an_offer_does_not_wait_for_who_does_not_listen(pair: tuple[socket.socket, socket.socket]) -> None:
    stats = Stats(1, 2, 3, 4, 5, 6, 7, 8, -9)
    taken = 0
    while messages.offer(pair[1], stats):
        taken += 1
    assert taken > 10
    for _ in range(taken):
        assert receive_report(pair[0]) == stats
    assert messages.offer(pair[1], stats)


def test_a_start_never_shows_its_password() -> None:
    assert "s3cret" not in repr(START)
    assert "s3cret" not in f"{START!s} {[START]}"
    assert messages.decode_command(messages.encode(START)) == START


def test_a_watch_brings_its_socket(pair: tuple[socket.socket, socket.socket]) -> None:
    mine, given = socket.socketpair()
    with mine, given:
        assert messages.offer(pair[0], Watch(Kind.KEY, fd=99), given.fileno())
    heard = messages.receive(pair[1])
    assert isinstance(heard, Watch)
    assert heard.what is Kind.KEY
    with socket.socket(fileno=heard.fd) as arrived:
        assert arrived.recv(1) == b"", "it is the other end of the one that was closed"
        assert not arrived.get_inheritable()


def test_a_watch_without_a_socket_and_a_socket_without_a_watch_leave_nothing_open(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    before = descriptors()
    with socket.socket() as stray:
        messages.offer(pair[0], Watch(Kind.ALL, fd=99))
        messages.offer(pair[0], Cut(), stray.fileno())
    assert messages.receive(pair[1]) == Watch(Kind.ALL, fd=-1)
    assert messages.receive(pair[1]) == Cut()
    assert_nothing_is_left_open(before)


def test_an_offer_never_waits(pair: tuple[socket.socket, socket.socket]) -> None:
    with socket.socket() as given:
        while messages.offer(pair[0], Cut()):
            pass
        assert not messages.offer(pair[0], Watch(Kind.ALL), given.fileno())
