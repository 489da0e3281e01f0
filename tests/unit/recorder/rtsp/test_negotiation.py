"""recorder.rtsp.negotiation, played word for word: odd answers to SETUP, odd redirects, and media that comes too
early."""

from __future__ import annotations

import socket
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp import sdp
from recorder.rtsp import connection, negotiation
from recorder.rtsp.connection import Trust, reach
from recorder.rtsp.dialogue import Credentials
from recorder.words.address import Target
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item, Unit
from storage.words.model import GapCause
from tests.support.packing import Line
from tests.unit.recorder.rtsp import scripted
from tests.unit.recorder.rtsp.scripted import (
    FRAMES,
    KEY,
    PICTURE,
    SDP,
    TARGET,
    URL,
    Wire,
    answer,
    dialogue,
    frames_of,
    sent,
    values,
)

TRANSPORT = "Transport: RTP/AVP/TCP;unicast{}"


def wire_of(video: str, audio: str, *said: bytes) -> Wire:
    """Its SETUPs are answered so; `said` comes once it plays."""
    setups = [
        answer(number, 200, TRANSPORT.format(given), "Session: 7") for number, given in enumerate((video, audio), 1)
    ]
    return Wire(*setups, answer(3), *said)


def taken(wire: Wire) -> tuple[list[Item], tuple[int, int]]:
    """All that comes over this wire, and how many packets and pictures were lost."""
    source = scripted.source_of(wire, scripted.negotiated(wire))
    items: list[Item] = []
    while not source.take(items) or wire.said:
        pass
    return items, (source.losses.packets, source.losses.frames)


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
    packets = [sent(channels[0], picture.packet(KEY, 0)), sent(channels[0], picture.packet(PICTURE, 3600))]
    if channels[1] is not None:
        packets.append(sent(channels[1], sound.packet(bytes(160), 0)))
    items, _ = taken(wire_of(video, audio, b"".join(packets)))
    assert {item.video for item in items if isinstance(item, Unit)} == {True, channels[1] is None}


def test_tracks_that_share_a_channel_do_not_disturb_each_other() -> None:
    picture, sound = Line(96, ssrc=1), Line(0, ssrc=2)
    packets = [sent(0, sound.packet(bytes(160), 0))]
    for index in range(20):
        packets.append(sent(0, picture.packet(PICTURE if index else KEY, index * 3600, marker=True)))
        packets += [sent(0, sound.packet(bytes(160), (2 * index + half) * 160)) for half in (1, 2)]
    items, losses = taken(wire_of(";interleaved=0-1", ";interleaved=0-1", b"".join(packets)))
    assert sum(isinstance(item, Unit) for item in items) >= 19
    assert losses == (0, 0)


@given(st.lists(st.sampled_from(FRAMES), max_size=30), st.data())
def test_what_comes_before_the_answers_is_read_like_what_comes_after(kinds: list[str], data: st.DataObject) -> None:
    """Sound from its own SETUP on; the last of it may be cut anywhere."""
    before = data.draw(st.integers(0, len(kinds)))
    kinds[:before] = [kind if kind != "sound" else "picture" for kind in kinds[:before]]
    frames = frames_of(kinds)
    between = data.draw(st.integers(before, len(frames)))
    early, meanwhile, late = (b"".join(part) for part in (frames[:before], frames[before:between], frames[between:]))
    cut = data.draw(st.integers(0, len(late)))
    told = [answer(number, 200, TRANSPORT.format(""), "Session: 7") for number in (1, 2, 3)]
    split = Wire(told[0], early + told[1], meanwhile + told[2] + late[:cut], late[cut:])
    items, losses = taken(split)
    whole, none = taken(wire_of("", "", b"".join(frames)))
    assert (values(items), losses) == (values(whole), none)


@pytest.mark.parametrize(
    "location", ["rtsp://[oops/x", "//[", "rtsp://a\u2100b/", "rtsp://h:99999/", "rtsp://.h/", "http://h/"]
)
def test_a_redirect_without_a_usable_address_is_the_camera_s_fault(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire(answer(1), answer(2, 302, f"Location: {location}"))
    monkeypatch.setattr(connection, "connect", lambda *_: wire)
    with pytest.raises(SessionEnded) as caught:
        negotiation.negotiate(URL, Credentials("", ""), Trust(), lambda: wire.now)
    assert caught.value.ended.cause is GapCause.NO_SUCH_STREAM
    assert "redirect" in caught.value.ended.came_back


def test_over_tls_no_picture_comes_in_the_clear() -> None:
    wire = Wire(answer(1, 461), answer(2, 200, "Transport: RTP/AVP;unicast;server_port=4-5"))
    talk = dialogue(wire)
    talk.target = Target.parse("rtsps://10.0.0.11/x", "viewer")
    with pytest.raises(SessionEnded) as caught:
        negotiation._Setup(talk, sdp.parse(SDP.encode(), URL)).run()
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
