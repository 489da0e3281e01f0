"""recorder.rtsp.message: in whatever pieces it comes the same is read, and whatever comes, within its bounds."""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp import message
from recorder.rtsp.message import Answer, BadData, Buffer, Handler, Inbox, Message, Request
from recorder.words.stream import Item

ANSWER: Final = b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 5\r\n\r\nv=0\r\n"
ASKED: Final = b"OPTIONS rtsp://10.0.0.1/ RTSP/1.0\r\nCSeq: 7\r\n\r\n"


class Reader:
    """An inbox whose channels 0 and 1 are listened to; perhaps one of several with one buffer."""

    def __init__(self, shared: bytearray | None = None) -> None:
        self.inbox = Inbox(shared)
        self.frames: list[tuple[int, bytes]] = []
        self.messages: list[Message] = []
        self._handlers: list[Handler | None] = [self._heard(0), self._heard(1)] + [None] * 254

    def _heard(self, channel: int) -> Handler:
        def heard(buffer: Buffer, start: int, end: int, out: list[Item]) -> None:
            self.frames.append((channel, bytes(buffer[start:end])))

        return heard

    def feed(self, data: bytes) -> None:
        """As a socket would bring it."""
        while data:
            room = self.inbox.room()
            count = min(len(room), len(data))
            assert count > 0, "there is always room"
            room[:count] = data[:count]
            self.inbox.received(count)
            data = data[count:]
            while (heard := self.inbox.take(self._handlers, [])) is not None:
                self.messages.append(heard)

    def heard(self) -> tuple[object, ...]:
        return self.frames, [said(text) for text in self.messages], self.inbox.frames, self.inbox.garbage


def read(*pieces: bytes) -> Reader:
    reader = Reader()
    for piece in pieces:
        reader.feed(piece)
    return reader


def frame(channel: int, payload: bytes) -> bytes:
    return b"$" + bytes([channel]) + len(payload).to_bytes(2, "big") + payload


def rtp(content: bytes) -> bytes:
    return b"\x80\x60" + content.ljust(10, b"-")


def said(text: Message) -> tuple[object, ...]:
    body = text.body if isinstance(text, Answer) else b""
    return type(text), text.status if isinstance(text, Answer) else text.method, text.headers.cseq, body


# What is whole


def test_frames_and_messages_lie_between_each_other() -> None:
    reader = read(frame(0, b"one") + ANSWER + frame(1, b"two") + ASKED + frame(9, b"not wanted") + frame(0, b""))
    assert reader.frames == [(0, b"one"), (1, b"two"), (0, b"")]
    assert [said(text) for text in reader.messages] == [(Answer, 200, 3, b"v=0\r\n"), (Request, "OPTIONS", 7, b"")]
    assert reader.inbox.frames == 4


@pytest.mark.parametrize(
    ("head", "status", "cseq"),
    [
        (b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1 \r\n\r\n", 401, 1),
        (b"RTSP/1.0 200 OK\nCseq: 2\n\n", 200, 2),
        (b"RTSP/1.0 200 OK\r\ncseq:2\r\n\r\n", 200, 2),
        (b"RTSP/1.0 200\r\nCSEQ : 4\r\n\n", 200, 4),
        (b"RTSP/2.0  454 Session Not Found\r\n\r\n", 454, None),
        (b"\r\n\r\nRTSP/1.0 200 OK\r\nCSeq: nine\r\nNo colon here\r\n\r\n", 200, None),
        (b"RTSP/1.0 200 OK\r\nCSeq: 5\r\nX: a\r\n b\r\nContent-Length: 0 \r\n\r\n", 200, 5),
        ("RTSP/1.0 200 大廳\r\nCSeq: 6\r\nServer: 攝影機\r\n\r\n".encode("big5"), 200, 6),
    ],
)
def test_answers_as_cameras_write_them(head: bytes, status: int, cseq: int | None) -> None:
    reader = read(head + frame(0, b"x"))
    assert [said(text)[1:3] for text in reader.messages] == [(status, cseq)]
    assert reader.frames == [(0, b"x")]


def test_headers_come_in_any_case_and_several_times() -> None:
    reader = read(b"RTSP/1.0 401 No\r\nWWW-Authenticate: Digest a\r\nwww-authenticate: Basic b\r\nX: 1\r\n 2\r\n\r\n")
    headers = reader.messages[0].headers
    assert headers.all("Www-Authenticate") == ["Digest a", "Basic b"]
    assert (headers.get("x"), headers.get("none")) == ("1 2", "")


def test_requests_are_written_without_empty_headers() -> None:
    data = message.request("PLAY", "rtsp://h/x", 4, {"Session": "77", "Authorization": ""})
    assert data == b"PLAY rtsp://h/x RTSP/1.0\r\nCSeq: 4\r\nSession: 77\r\n\r\n"


def test_what_the_camera_asks_is_answered_with_its_number() -> None:
    asked = read(ASKED).messages[0]
    assert isinstance(asked, Request)
    assert message.answer(200, "OK", asked) == b"RTSP/1.0 200 OK\r\nCSeq: 7\r\n\r\n"


# What is not


@pytest.mark.parametrize("junk", [b"\x00\x01\x02", b"v=0\r\na=b\r\n", b"RTSP", b"GET / x", b"\xff" * 5000])
def test_garbage_between_frames_is_skipped(junk: bytes) -> None:
    whole = frame(0, rtp(b"one")) + junk + frame(0, rtp(b"two")) + frame(1, rtp(b"three")) * 30
    reader = read(whole, frame(0, rtp(b"last")))
    assert reader.frames[0] == (0, rtp(b"one"))
    assert reader.frames[-1] == (0, rtp(b"last"))
    assert len(reader.frames) >= 20


def test_a_frame_cut_short_costs_itself_and_its_neighbour() -> None:
    packets = [frame(0, rtp(bytes([number]) * 100)) for number in range(100)]
    packets[50] = packets[50][:60]
    reader = read(b"".join(packets))
    numbers = [payload[-1] for _, payload in reader.frames]
    assert numbers[:50] == list(range(50))
    assert numbers[-48:] == list(range(52, 100))


def test_garbage_has_a_bound() -> None:
    reader = Reader()
    reader.feed(b"\xa5" * message.MAX_GARBAGE_BYTES)
    with pytest.raises(BadData):
        reader.feed(b"\xa5" * 1000)


def test_garbage_that_looks_like_beginnings_costs_no_more_than_other() -> None:
    began = time.process_time()
    with pytest.raises(BadData):
        read(b"Z" + b"$\x09" * 60_000)
    assert time.process_time() - began < 1  # 0.02 s; searched through for each of them it was 2.4 s


def test_garbage_is_forgiven_when_the_stream_is_sound_again() -> None:
    reader = Reader()
    for _ in range(4 * message.MAX_GARBAGE_BYTES // 10_000):
        reader.feed(b"\xa5" * 10_000)
        reader.feed(frame(0, rtp(b"")) * message.CLEAN_FRAMES)
    assert reader.inbox.garbage == 0


def test_an_endless_head_is_garbage() -> None:
    with pytest.raises(BadData):
        read(b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 100_000)


def test_a_body_longer_than_any_description_is_garbage() -> None:
    reader = read(b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n" + frame(0, rtp(b"x")) * 2)
    assert not reader.messages
    assert len(reader.frames) == 2


def test_a_web_server_is_named() -> None:
    with pytest.raises(BadData, match="web"):
        read(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n")


# Whatever the pieces

PARTS = st.one_of(
    st.builds(frame, st.sampled_from([0, 1, 7]), st.binary(max_size=300)),
    st.just(ANSWER),
    st.just(ASKED),
    st.just(b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n"),
)


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[low:high] for low, high in itertools.pairwise(edges)]


@given(st.lists(PARTS, max_size=12), st.lists(st.integers(0, 10_000), max_size=30))
def test_pieces_make_no_difference(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    whole, split = read(data), read(*in_pieces(data, cuts))
    assert split.frames == whole.frames
    assert [said(text) for text in split.messages] == [said(text) for text in whole.messages]
    assert len(whole.messages) == sum(not part.startswith(b"$") for part in parts)
    assert whole.inbox.frames == sum(part.startswith(b"$") for part in parts)


JUNK: Final = st.one_of(PARTS, st.binary(max_size=200), st.sampled_from([b"$", b"RTSP/1.", b"\r\n", b"PLAY "]))


@given(st.lists(JUNK, max_size=12), st.lists(st.integers(0, 10_000), max_size=30))
def test_nor_does_garbage_in_pieces(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    whole, split = read(data), read(*in_pieces(data, cuts))
    assert split.frames == whole.frames
    assert [said(text) for text in split.messages] == [said(text) for text in whole.messages]


@given(
    st.lists(st.lists(JUNK, max_size=8), min_size=2, max_size=4), st.lists(st.integers(0, 3), max_size=60), st.data()
)
def test_several_that_take_turns_over_one_buffer_hear_what_each_would_alone(
    streams: list[list[bytes]], turns: list[int], data: st.DataObject
) -> None:
    """Whatever is left of one when the next has its turn."""
    shared = bytearray(message.BUFFER_BYTES)
    alone, together = [Reader() for _ in streams], [Reader(shared) for _ in streams]
    left = [b"".join(parts) for parts in streams]
    for turn in (*(turn % len(streams) for turn in turns), *range(len(streams))):
        count = data.draw(st.integers(0, len(left[turn])))
        piece, left[turn] = left[turn][:count], left[turn][count:]
        alone[turn].feed(piece)
        together[turn].feed(piece)
        together[turn].inbox.park()
        shared[:] = data.draw(st.binary(min_size=1, max_size=1)) * len(shared)
    assert [reader.heard() for reader in together] == [reader.heard() for reader in alone]


@given(st.lists(JUNK, max_size=8), st.integers(0, 10_000))
def test_what_was_not_read_yet_can_be_read_elsewhere(parts: list[bytes], cut: int) -> None:
    data = b"".join(parts)
    whole, first = read(data), read(data[: cut % (len(data) + 1)])
    rest = first.inbox.rest()
    assert first.inbox.rest() == b"", "it is gone from here"
    second = read(rest + data[cut % (len(data) + 1) :])
    if not (whole.inbox.garbage or first.inbox.garbage):
        assert first.frames + second.frames == whole.frames
        assert [said(text) for text in first.messages + second.messages] == [said(text) for text in whole.messages]


@given(st.integers(), st.integers(1, 200))
def test_noise_ends_as_bad_data_or_not_at_all(seed: int, blocks: int) -> None:
    chance, reader = random.Random(seed), Reader()
    with contextlib.suppress(BadData):
        for _ in range(blocks):
            reader.feed(chance.randbytes(1500))
    assert 0 < len(reader.inbox.room()) <= message.BUFFER_BYTES


def test_a_wrong_length_costs_no_more_than_the_longest_frame() -> None:
    reader = read(b"$\x05\xff\xff" + frame(0, rtp(b"x") * 10) * 2_000)
    assert len(reader.frames) > 2_000 - 65_535 // 124 - 3
