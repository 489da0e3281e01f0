"""recorder.rtsp.source and .source, played word for word: odd answers to SETUP, odd redirects, and what comes last."""

from __future__ import annotations

import socket
import struct
from typing import Any, cast

import pytest

from recorder.rtp import sdp
from recorder.rtsp import connection
from recorder.rtsp import source as opening
from recorder.rtsp.connection import Trust, reach
from recorder.rtsp.dialogue import Credentials
from recorder.rtsp.source import OpenStream, RtspSource
from recorder.words.address import Target
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item, Unit
from storage.words.model import GapCause
from tests.support.packing import Line
from tests.unit.recorder.rtsp.scripted import TARGET, URL, Wire, answer, dialogue

SDP = (
    "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:1\r\n"
    "a=fmtp:96 sprop-parameter-sets=Z0IAKeKQFAe2AtwEBAaQeJEV,aM48gA==\r\n"
    "m=audio 0 RTP/AVP 0\r\na=control:2\r\n"
)
KEY, PICTURE = b"\x65\x88\x80" + bytes(40), b"\x41\x9a\x00" + bytes(40)


def opened(video: str, audio: str, *said: bytes | SessionEnded | None) -> tuple[Wire, OpenStream]:
    """A stream whose SETUPs were answered so; `said` comes once it plays."""
    lines = [(f"Transport: RTP/AVP/TCP;unicast{given}", "Session: 7") for given in (video, audio)]
    wire = Wire(answer(1, 200, *lines[0]), answer(2, 200, *lines[1]), answer(3), *said)
    description = sdp.parse(SDP.encode(), URL)
    return wire, opening._Setup(dialogue(wire), description).run()


def sent(channel: int, packet: bytes) -> bytes:
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


@pytest.mark.parametrize(
    ("video", "audio", "channels"),
    [
        ("", "", (0, 2)),
        (";interleaved=0-1", ";interleaved=2-3", (0, 2)),
        (";interleaved=4-5", ";interleaved=6-7", (4, 6)),
        (";interleaved=0-1", ";interleaved=0-1", (0, 2)),
        (";interleaved=0", ";interleaved=1", (0, 1)),
        (";interleaved=2-3", ";interleaved=0-1", (2, 0)),
        (";interleaved=2-3", ";interleaved=1-2", (2, 1)),
        (";interleaved=2-3", ";interleaved=2-3", (2, None)),
    ],
)
def test_no_track_takes_the_channel_of_another(video: str, audio: str, channels: tuple[int, int | None]) -> None:
    picture, sound = Line(96, ssrc=1), Line(0, ssrc=2)
    wire, stream = opened(video, audio)
    packets = [sent(channels[0], picture.packet(KEY, 0)), sent(channels[0], picture.packet(PICTURE, 3600))]
    if channels[1] is not None:
        packets.append(sent(channels[1], sound.packet(bytes(160), 0)))
    wire.said.append(b"".join(packets))
    items: list[Item] = []
    stream.dialogue.receive(1)
    stream.dialogue.hear(items)
    assert {item.video for item in items if isinstance(item, Unit)} == {True, channels[1] is None}


def test_tracks_that_share_a_channel_do_not_disturb_each_other() -> None:
    wire, stream = opened(";interleaved=0-1", ";interleaved=0-1")
    picture, sound = Line(96, ssrc=1), Line(0, ssrc=2)
    packets = [sent(0, sound.packet(bytes(160), 0))]
    for index in range(20):
        packets.append(sent(0, picture.packet(PICTURE if index else KEY, index * 3600, marker=True)))
        packets += [sent(0, sound.packet(bytes(160), (2 * index + half) * 160)) for half in (1, 2)]
    wire.said.append(b"".join(packets))
    items: list[Item] = []
    stream.dialogue.receive(1)
    stream.dialogue.hear(items)
    assert sum(isinstance(item, Unit) for item in items) >= 19
    assert (stream.losses.packets, stream.losses.frames) == (0, 0)


@pytest.mark.parametrize("last", [b"TEARDOWN rtsp://x RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"\xa5" * 70_000])
def test_what_came_before_the_end_is_kept(last: bytes) -> None:
    line = Line(96)
    pictures = [sent(0, line.packet(PICTURE if n else KEY, n * 3600, marker=True)) for n in range(5)]
    wire, stream = opened(";interleaved=0-1", ";interleaved=2-3", b"".join(pictures) + last)
    source = RtspSource(stream, 0, lambda: wire.now, lambda _seconds: None)
    got: list[Item] = []
    with pytest.raises(SessionEnded):
        got.extend(item for reading in source.readings(lambda: False) for item in reading.items)
    assert len(got) == 5


@pytest.mark.parametrize(
    "location", ["rtsp://[oops/x", "//[", "rtsp://a\u2100b/", "rtsp://h:99999/", "rtsp://.h/", "http://h/"]
)
def test_a_redirect_without_a_usable_address_is_the_camera_s_fault(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire(answer(1), answer(2, 302, f"Location: {location}"))
    monkeypatch.setattr(wire, "close", lambda *_words: None, raising=False)
    monkeypatch.setattr(connection, "connect", lambda *_: wire)
    with pytest.raises(SessionEnded) as caught:
        opening.open_stream(URL, Credentials("", ""), Trust(), lambda: wire.now)
    assert caught.value.ended.cause is GapCause.NO_SUCH_STREAM
    assert "redirect" in caught.value.ended.came_back


def test_over_tls_no_picture_comes_in_the_clear() -> None:
    wire = Wire(answer(1, 461), answer(2, 200, "Transport: RTP/AVP;unicast;server_port=4-5"))
    talk = dialogue(wire)
    talk.target = Target.parse("rtsps://10.0.0.11/x", "viewer")
    with pytest.raises(SessionEnded) as caught:
        opening._Setup(talk, sdp.parse(SDP.encode(), URL)).run()
    assert caught.value.ended.cause is GapCause.UNSUPPORTED
    assert wire.methods == ["SETUP"]


def test_a_dead_address_of_a_name_leaves_time_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of a name: the first hangs for as long as it may."""
    patience: list[float] = []

    class Hangs:
        def __init__(self, *_kind: int) -> None:
            self.address = ""

        def settimeout(self, seconds: float) -> None:
            patience.append(seconds)

        def connect(self, address: str) -> None:
            self.address = address
            if address == "dead":
                raise TimeoutError

        def close(self) -> None:
            """Nothing to close."""

    both = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", "dead"), (socket.AF_INET, socket.SOCK_STREAM, 6, "", "alive")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: both)
    monkeypatch.setattr(socket, "socket", Hangs)
    now = iter([100.0, 102.0])
    reached = reach(TARGET, 104.0, lambda: next(now))
    assert cast("Any", reached).address == "alive"
    assert patience == [2.0, 2.0]


def test_a_camera_that_is_gone_before_one_asks_where_it_is() -> None:
    with socket.socket() as lonely:
        link = connection.Connection(TARGET, lonely)
        with pytest.raises(SessionEnded) as caught:
            _ = link.peer
    assert caught.value.ended.cause is GapCause.DROPPED
