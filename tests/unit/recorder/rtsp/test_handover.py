"""recorder.rtsp.handover: what goes over is all that a stream is, and whoever takes it on loses no frame."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp import sdp
from recorder.rtsp import handover
from recorder.rtsp.connection import Connection
from recorder.rtsp.dialogue import Credentials, Dialogue, Login
from recorder.rtsp.message import BUFFER_BYTES
from recorder.rtsp.negotiation import Negotiated, _Setup
from recorder.rtsp.source import RtspSource
from recorder.words.address import Target
from recorder.words.messages import WireError
from recorder.words.stream import Item
from storage.words.message import message
from tests.support.packing import Line
from tests.support.worker import make_start
from tests.unit.recorder.rtsp.scripted import (
    DIGEST,
    FRAMES,
    KEY,
    PICTURE,
    SDP,
    SECRET,
    TARGET,
    URL,
    answer,
    frames_of,
    sent,
    values,
)

START: Final = msgspec.structs.replace(
    make_start(Path("/srv/edged"), URL, username="viewer", password=SECRET),
    next_seq=7, previous_sha256="ab", certificate="sha256:00", ca_file="/ca.pem", place=2**32 - 1, fd=9,
)  # fmt: skip
WITHIN_S: Final = 1.0
TCP: Final = "RTP/AVP/TCP;unicast"
UDP: Final = "RTP/AVP;unicast;server_port=4-5"


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A camera's end and ours. Ours is closed by whoever has it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        with server.accept()[0] as camera:
            camera.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield camera, ours


def negotiated(camera: socket.socket, ours: socket.socket, clock: Clock, *said: bytes, way: str = TCP) -> Negotiated:
    """Set up and played over a real connection: all answers, with `said` before the second and the third and after it,
    have come before anything is asked."""
    before, between, after = (*said, b"", b"", b"")[:3]
    refused = [answer(1, 401, DIGEST.format("n"))] if way == TCP else [answer(1, 461)]
    first, second, third = (
        answer(number, 200, f"Transport: {way}", "Session: 77;timeout=40", f"RTP-Info: url={URL}/1;seq=9;rtptime=0")
        for number in (2, 3, 4)
    )
    camera.sendall(b"".join(refused) + first + before + second + between + third + after)
    login = Login(Credentials("viewer", SECRET))
    dialogue = Dialogue(Connection(TARGET, ours), login, clock.now_s + 8, clock)
    dialogue.methods = frozenset({"OPTIONS", "GET_PARAMETER"})
    return _Setup(dialogue, sdp.parse(SDP.encode(), URL)).run()


def handed_over(stream: Negotiated, clock: Clock) -> Negotiated:
    """The same, in what could be another process; here its own descriptors are closed."""
    told, descriptors = handover.passed(START, stream, tried_for_s=1.5)
    theirs = [os.dup(descriptor) for descriptor in descriptors]
    resumed = handover.resumed(handover.received(told), theirs, clock)
    stream.dialogue.connection.close()
    for lane in stream.lanes:
        if lane.ports is not None:
            lane.ports.close()
    return resumed


def drained(source: RtspSource, wanted: int) -> list[Item]:
    """As many items, which were sent."""
    items: list[Item] = []
    while True:
        if source.take(items):
            if len(items) >= wanted:
                return items
            assert select.select(source.descriptors, [], [], WITHIN_S)[0], f"{len(items)} of {wanted} items"


# What goes over


@pytest.mark.parametrize("way", [TCP, UDP])
def test_every_field_arrives(way: str) -> None:
    clock = Clock()
    with connected() as (camera, ours):
        stream = negotiated(camera, ours, clock, sent(0, b"early"), way=way)
        stream.detail = message("test.odd", "{what} is odd", what=message("test.sound", "sound {count}", count=1))
        told, descriptors = handover.passed(START, stream, tried_for_s=1.5)
        with closing(stream):
            assert len(descriptors) == (1 if way == TCP else handover.ALONG_MAX - 2)
            arrived = handover.received(told)
            assert (arrived.start, arrived.tried_for_s) == (START, 1.5)
            assert arrived.detail.told == stream.detail.told
            resumed = handover.resumed(arrived, [os.dup(one) for one in descriptors], clock)
            with closing(resumed):
                assert resumed.dialogue.state == stream.dialogue.state
                assert resumed.dialogue.state.login.account.password == SECRET
                assert (resumed.control, resumed.early) == (stream.control, stream.early)
                assert resumed.dialogue.connection.fileno() not in descriptors
                for one, other in zip(resumed.lanes, stream.lanes, strict=True):
                    assert (one.media, one.channels, one.rtptime) == (other.media, other.channels, other.rtptime)
                    assert (one.ports is None) == (other.ports is None) == (way == TCP)
                    if one.ports is not None and other.ports is not None:
                        assert (one.ports.numbers, one.ports.peer) == (other.ports.numbers, other.ports.peer)
    assert stream.lanes[0].rtptime is not None
    assert SECRET in told.decode("latin-1"), "or nobody could answer the camera's next question"
    assert SECRET not in f"{arrived} {stream}"


def test_the_talk_goes_on_where_it_was() -> None:
    clock = Clock()
    with connected() as (camera, ours):
        stream = negotiated(camera, ours, clock)
        with closing(handed_over(stream, clock)) as resumed:
            source = RtspSource(resumed, began=clock.now_s, now=clock)
            asked = camera.recv(65_536)
            clock.now_s += 20.5
            source.take([])
            sign = camera.recv(65_536)
            camera.close()
    assert asked.count(b"CSeq") == 4
    assert sign.startswith(b"GET_PARAMETER")
    assert b"CSeq: 5\r\n" in sign
    assert b"Session: 77\r\n" in sign
    assert b'nonce="n"' in sign


def test_what_tls_agreed_upon_cannot_be_handed_over() -> None:
    with connected() as (camera, ours), closing(negotiated(camera, ours, Clock())) as stream:
        assert handover.can_be_passed(stream)
        stream.dialogue.target = Target.parse("rtsps://10.0.0.11/x", "viewer")
        assert not handover.can_be_passed(stream)


# What is not enough


@pytest.mark.parametrize("way", [TCP, UDP])
@pytest.mark.parametrize("count", [0, -1, +1])
def test_missing_descriptors_and_too_many_are_refused_and_still_the_callers(way: str, count: int) -> None:
    with connected() as (camera, ours), closing(negotiated(camera, ours, Clock(), way=way)) as stream:
        told, descriptors = handover.passed(START, stream, 0.0)
        wrong = [] if count == 0 else descriptors[:-1] if count < 0 else [*descriptors, descriptors[0]]
        with pytest.raises(ValueError, match="descriptors"):
            handover.resumed(handover.received(told), wrong, Clock())
        assert [os.fstat(descriptor) for descriptor in descriptors]


def test_what_is_no_socket_is_refused() -> None:
    with (
        connected() as (camera, ours),
        closing(negotiated(camera, ours, Clock(), way=UDP)) as stream,
        ExitStack() as stack,
    ):
        told, descriptors = handover.passed(START, stream, 0.0)
        file = stack.enter_context(Path(os.devnull).open("rb"))
        with pytest.raises(ValueError, match="no sockets"):
            handover.resumed(handover.received(told), [*descriptors[:-1], file.fileno()], Clock())
        assert [os.fstat(descriptor) for descriptor in descriptors]


@pytest.fixture(scope="module")
def told() -> bytes:
    with connected() as (camera, ours), closing(negotiated(camera, ours, Clock(), sent(0, b"early"))) as stream:
        return handover.passed(START, stream, 1.5)[0]


@given(st.data())
def test_half_of_it_is_refused(told: bytes, data: st.DataObject) -> None:
    with pytest.raises(WireError):
        handover.received(told[: data.draw(st.integers(0, len(told) - 1))])


@given(st.binary())
def test_garbage_is_refused_and_not_quoted(told: bytes, garbage: bytes) -> None:
    with pytest.raises(WireError) as caught:
        handover.received(garbage + told[len(garbage) + 1 :])
    assert SECRET not in str(caught.value)


# What comes meanwhile


@given(
    st.lists(st.sampled_from(FRAMES), max_size=20),
    st.data(),
    st.booleans(),
)
def test_no_frame_is_lost_wherever_the_stream_is_when_it_is_handed_over(
    kinds: list[str], data: st.DataObject, taken: bool
) -> None:
    """Also if nobody takes it and it is read where it was."""
    frames = frames_of(kinds)
    between = data.draw(st.integers(0, len(frames)))
    meanwhile, late = b"".join(frames[:between]), b"".join(frames[between:])
    cut = data.draw(st.integers(0, len(late)))
    clock = Clock()
    with connected() as (camera, ours):
        whole = negotiated(camera, ours, clock, b"", b"", meanwhile + late)
        with closing(RtspSource(whole, began=clock.now_s, now=clock)) as source:
            expected = drained(source, 0)
            camera.close()
    with connected() as (camera, ours):
        stream = negotiated(camera, ours, clock, b"", meanwhile, late[:cut])
        if taken:
            stream = handed_over(stream, clock)
        else:
            handover.passed(START, stream, 0.0)
        camera.sendall(late[cut:])
        buffer = bytearray(BUFFER_BYTES)
        with closing(RtspSource(stream, began=clock.now_s, now=clock, buffer=buffer)) as source:
            got = drained(source, len(expected))
            camera.close()
    assert values(got) == values(expected)


def test_datagrams_wait_for_whoever_takes_it_on() -> None:
    clock = Clock()
    line = Line(96)
    packets = [line.packet(PICTURE if number else KEY, number * 3_600) for number in range(6)]
    with connected() as (camera, ours), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        stream = negotiated(camera, ours, clock, way=UDP)
        ports = stream.lanes[0].ports
        assert ports is not None
        there = ("127.0.0.1", ports.numbers[0])
        for packet in packets[:3]:
            sender.sendto(packet, there)
        with closing(handed_over(stream, clock)) as resumed:
            source = RtspSource(resumed, began=clock.now_s, now=clock)
            for packet in packets[3:]:
                sender.sendto(packet, there)
            assert len(drained(source, 5)) == 5
            assert source.losses.packets == 0
