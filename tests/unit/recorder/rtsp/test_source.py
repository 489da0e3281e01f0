"""recorder.rtsp.source, played word for word: what is taken, what is kept at the end, how long one may stay away."""

from __future__ import annotations

import base64
import socket
from contextlib import closing
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp import source as subject
from recorder.rtsp.datagrams import MAX_BURST, SHARE, SMALL_DATAGRAMS, SMALL_NAP_S, WAITING_NAP_S, Ports, nap_s
from recorder.rtsp.message import BUFFER_BYTES
from recorder.rtsp.source import START_NAP_S, WAKE_S, RtspSource
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item, SenderReport, Unit
from storage.words.model import GapCause
from tests.support.packing import Line, sender_report
from tests.unit.recorder.rtsp import scripted
from tests.unit.recorder.rtsp.scripted import FRAMES, KEY, PICTURE, SDP, Wire, answer, frames_of, sent, values

UNTOLD: Final = "\r\n".join(line for line in SDP.split("\r\n") if "sprop" not in line)
"""It does not say what the picture is like."""
LOOPBACK: Final = "127.0.0.1"
USUALLY_KEPT: Final = 87
MANY_KEPT: Final = 1_724
"""Datagrams, by a kernel as it comes, and by one that was told (systemd/edged.sysctl.conf)."""
SETS: Final = [base64.b64decode(one) for one in ("Z0IAKeKQFAe2AtwEBAaQeJEV", "aM48gA==")]


def playing(
    *said: bytes | SessionEnded | None, description: str = SDP, buffer: bytearray | None = None
) -> tuple[Wire, RtspSource]:
    """A stream of picture and sound; `said` comes once it plays."""
    told = [answer(number, 200, "Transport: RTP/AVP/TCP;unicast", "Session: 7") for number in (1, 2, 3)]
    wire = Wire(*told, *said)
    return wire, scripted.source_of(wire, scripted.negotiated(wire, description), buffer)


def over_udp(description: str = SDP) -> tuple[Wire, RtspSource, int]:
    """The stream, and the port of its picture."""
    told = [answer(number, 200, "Transport: RTP/AVP;unicast", "Session: 7") for number in (2, 3, 4)]
    wire = Wire(answer(1, 461), *told)
    stream = scripted.negotiated(wire, description)
    ports = stream.lanes[0].ports
    assert ports is not None
    return wire, scripted.source_of(wire, stream), ports.numbers[0]


def unwanted(count: int) -> bytes:
    """So many bytes, 4 at least, of a channel that nobody asked for."""
    whole, rest = divmod(count, 1_004)
    if 0 < rest < 4:
        whole, rest = whole - 1, rest + 1_004
    return sent(9, bytes(1_000)) * whole + (sent(9, bytes(rest - 4)) if rest else b"")


# What is taken


def test_a_look_takes_what_has_come_and_waits_for_nothing() -> None:
    line = Line(96)
    wire, source = playing(*(sent(0, line.packet(PICTURE if n else KEY, n * 3600)) for n in range(3)))
    items: list[Item] = []
    for _ in range(3):
        assert source.take(items), "it was all"
    assert [isinstance(item, Unit) and item.key for item in items] == [True, False], "complete with the next one"
    came = wire.now
    assert source.take(items), "nothing more is there"
    assert (wire.now, len(items)) == (came, 2)


def test_more_than_the_buffer_holds_is_taken_at_several_looks() -> None:
    _, source = playing(unwanted(2 * BUFFER_BYTES + 1))
    assert [source.take([]) for _ in range(3)] == [False, False, True]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 400)), max_size=30), st.lists(st.sampled_from(FRAMES)))
def test_several_that_share_a_buffer_take_what_each_would_alone(turns: list[tuple[int, int]], kinds: list[str]) -> None:
    """Wherever the one had to leave off when it was the other's turn."""
    data = b"".join(frames_of(kinds))
    wire, alone = playing(data)
    whole: list[Item] = []
    while not alone.take(whole) or wire.said:
        pass
    buffer = bytearray(BUFFER_BYTES)
    both = [playing(buffer=buffer) for _ in range(2)]
    left = [data, data]
    got: list[list[Item]] = [[], []]
    for one, count in (*turns, (0, len(data)), (1, len(data))):
        wire, source = both[one]
        wire.said.append(left[one][:count])
        left[one] = left[one][count:]
        source.take(got[one])
    assert [values(one) for one in got] == [values(whole)] * 2


@pytest.mark.parametrize("last", [b"TEARDOWN rtsp://x RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"\xa5" * 70_000])
def test_what_came_before_the_end_is_kept(last: bytes) -> None:
    line = Line(96)
    pictures = [sent(0, line.packet(PICTURE if n else KEY, n * 3600, marker=True)) for n in range(5)]
    _, source = playing(b"".join(pictures) + last)
    items: list[Item] = []
    with pytest.raises(SessionEnded):
        source.take(items)
    assert len(items) == 5


def test_until_the_picture_is_known_nothing_is_given_and_what_was_told_of_the_clock_is_kept() -> None:
    line = Line(96, ssrc=1)
    units = [(PICTURE, 0), (PICTURE, 3_600), *((unit, 7_200) for unit in (*SETS, KEY)), (PICTURE, 10_800)]
    first, *others = [sent(0, line.packet(unit, timestamp)) for unit, timestamp in units]
    report = sent(1, sender_report(1, 5 << 32, 0))
    wire, source = playing(first + report, *others, description=UNTOLD)
    items: list[Item] = []
    while not source.ready:
        assert wire.said, "it can be known"
        with pytest.raises(ValueError, match="not known"):
            _ = source.video
        source.take(items)
        assert items == []
    assert source.video.parameters.sets == tuple(SETS)
    source.take(items)
    told, key = items
    assert isinstance(told, SenderReport)
    assert isinstance(key, Unit)
    assert key.key


@pytest.mark.parametrize(
    ("limit", "said", "cause"),
    [
        ("MEDIA_S", (), GapCause.STALLED),
        ("PICTURE_S", (sent(0, Line(96).packet(PICTURE, 0)),), GapCause.NO_KEYFRAME),
    ],
)
def test_the_picture_is_not_waited_for_for_ever(limit: str, said: tuple[bytes, ...], cause: GapCause) -> None:
    wire, source = playing(*said, description=UNTOLD)
    until = wire.now + getattr(subject, limit)
    source.take([])
    while wire.now < until:
        assert source.take([])
        wire.now += source.nap_s
    with pytest.raises(SessionEnded) as caught:
        source.take([])
    assert caught.value.ended.cause is cause


def test_who_said_goodbye_and_sends_on_did_not_mean_it() -> None:
    line = Line(96, ssrc=1)
    bye = sent(1, bytes((0x81, 203, 0, 1)) + (1).to_bytes(4, "big"))
    _, source = playing(sent(0, line.packet(KEY, 0)), bye, sent(0, line.packet(PICTURE, 3_600)))
    for _ in range(3):
        source.take([])
    with pytest.raises(SessionEnded) as caught:
        source.take([])
    assert caught.value.ended.cause is GapCause.DROPPED


# How long one may stay away


@given(st.integers(4, 4_000_000), st.integers(4_000, 6_000_000), st.floats(0.01, WAKE_S))
def test_so_long_that_the_window_does_not_close_and_no_shorter(count: int, window: int, since_s: float) -> None:
    """The camera is never kept waiting: of the window there is left what comes late."""
    wire, source = playing()
    wire.window, wire.reading_s = window, 0.0
    assert source.take([])
    wire.now += since_s
    wire.said.append(unwanted(count))
    while not source.take([]):
        pass
    gathers = source.nap_s * count / since_s
    assert 0 < source.nap_s <= WAKE_S
    assert gathers <= 0.76 * window
    assert source.nap_s == WAKE_S or gathers >= 0.49 * window


def test_where_nothing_comes_nobody_need_hurry() -> None:
    wire, source = playing()
    wire.now += 0.01
    source.take([])
    assert source.nap_s == WAKE_S


def test_what_everybody_waits_for_is_looked_for_often() -> None:
    _, source = playing(sent(0, Line(96).packet(PICTURE, 0)), description=UNTOLD)
    for _ in range(3):
        assert source.nap_s == START_NAP_S
        source.take([])


@pytest.mark.parametrize("description", [SDP, UNTOLD])
def test_datagrams_are_fetched_soon_where_the_kernel_keeps_few(
    description: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ports, "keeps", USUALLY_KEPT)
    _, source, _ = over_udp(description)
    with closing(source):
        assert source.udp
        for _ in range(3):
            source.take([])
            assert source.nap_s == SMALL_NAP_S


@pytest.mark.parametrize(("description", "nap"), [(SDP, WAKE_S), (UNTOLD, START_NAP_S)])
def test_where_it_keeps_many_datagrams_wait_like_a_connection(
    description: str, nap: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ports, "keeps", MANY_KEPT)
    _, source, _ = over_udp(description)
    with closing(source):
        source.take([])
        assert source.nap_s == nap


def test_what_waits_for_a_lost_datagram_is_held_no_longer_than_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ports, "keeps", MANY_KEPT)
    line = Line(96)
    packets = [line.packet(PICTURE, number * 3_600) for number in range(4)]
    wire, source, port = over_udp()
    naps: list[float] = []
    with closing(source), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
        for number in (0, 2, 3, 1):  # one after the other, since each look takes what has come
            camera.sendto(packets[number], (LOOPBACK, port))
            wire.now += 0.04
            source.take([])
            naps.append(source.nap_s)
    assert naps == [WAKE_S, WAITING_NAP_S, WAITING_NAP_S, WAKE_S]


def test_more_datagrams_than_one_look_takes_are_taken_at_once_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ports, "keeps", MANY_KEPT)
    line = Line(96)
    wire, source, port = over_udp()
    items: list[Item] = []
    with closing(source), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
        wire.now += 0.45
        for number in range(MAX_BURST + 2):
            camera.sendto(line.packet(PICTURE, number * 3_600, marker=True), (LOOPBACK, port))
        assert not source.take(items)
        assert 0 < len(items) <= MAX_BURST
        assert source.take(items)
        assert len(items) > MAX_BURST
        assert source.nap_s == pytest.approx(0.45 * MANY_KEPT / (SHARE * (MAX_BURST + 2)))


def test_what_came_behind_the_answer_to_play_is_heard_over_udp_too() -> None:
    told = [answer(number, 200, "Transport: RTP/AVP;unicast", "Session: 7") for number in (2, 3, 4)]
    asked = b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n"
    wire = Wire(answer(1, 461), *told[:2], told[2] + asked[:12], asked[12:])
    with closing(scripted.source_of(wire, scripted.negotiated(wire))) as source:
        for _ in range(2):
            source.take([])
    assert "CSeq: 9" in "".join(wire.sent), "it is answered"


@given(st.integers(1, 20_000), st.integers(1, 4_000), st.floats(0.001, WAKE_S))
def test_most_of_what_the_kernel_keeps_is_left_for_a_burst(keeps: int, count: int, since_s: float) -> None:
    nap = nap_s(keeps, count, since_s)
    assert nap == SMALL_NAP_S or nap * count / since_s <= 1.001 * keeps / SHARE
    assert nap == SMALL_NAP_S or keeps >= SMALL_DATAGRAMS


def test_a_usual_camera_is_looked_at_as_seldom_as_over_a_connection() -> None:
    """4 Mbit/s are 360 full datagrams a second, a key frame of 250 KB another 180."""
    assert nap_s(MANY_KEPT, 162, WAKE_S) >= WAKE_S
    assert WAKE_S > nap_s(MANY_KEPT, 360 + 180, WAKE_S) > 5 * SMALL_NAP_S
