"""recorder.rtsp.message: what makes answer to SETUP and PLAY."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp import message
from recorder.rtsp.message import Beginning, SessionHeader

BASE = "rtsp://10.0.0.11/live/"


@pytest.mark.parametrize(
    ("header", "session"),
    [
        ("1234", SessionHeader("1234", None)),
        ("1234;timeout=20", SessionHeader("1234", 20)),
        ("9a90de54; timeout=120", SessionHeader("9a90de54", 120)),
        (" 1234 ;Timeout = 5;x", SessionHeader("1234", 5)),
        ("1234;timeout=0", SessionHeader("1234", None)),
        ("1234;timeout=soon", SessionHeader("1234", None)),
        ("1234;timeout=999999999", SessionHeader("1234", message.MAX_SESSION_S)),
        ("", None),
        (";timeout=60", None),
        ("x" * 1000, None),
    ],
)
def test_sessions(header: str, session: SessionHeader | None) -> None:
    assert message.session(header) == session


@pytest.mark.parametrize(
    ("header", "udp", "channels", "ports"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=0-1", False, (0, 1), None),
        ("RTP/AVP/TCP;ssrc=22345684;interleaved=4-5", False, (4, 5), None),
        ("RTP/AVP/TCP;unicast;interleaved=2", False, (2, 3), None),
        ('RTP/AVP/TCP;unicast;interleaved=6-7;ssrc=0x6f7c;mode="PLAY"', False, (6, 7), None),
        ("RTP/AVP;unicast;interleaved=0-1", False, (0, 1), None),
        ("RTP/AVP/TCP;unicast;interleaved=x-y", False, None, None),
        ("RTP/AVP/TCP;unicast;interleaved=300-301", False, None, None),
        ("RTP/AVP/TCP", False, None, None),
        ("RTP/AVP;unicast;client_port=5000-5001;server_port=40004-40005;ssrc=0", True, None, (40_004, 40_005)),
        ("RTP/AVP/UDP;unicast;server_port=49152", True, None, (49_152, 49_153)),
        ("rtp/avp;unicast;client_port=5000-5001", True, None, None),
        ("", False, None, None),
    ],
)
def test_transports(header: str, udp: bool, channels: tuple[int, int] | None, ports: tuple[int, int] | None) -> None:
    given_ = message.transport(header)
    assert (given_.udp, given_.channels, given_.server_ports) == (udp, channels, ports)


def test_where_it_sends_from() -> None:
    assert message.transport("RTP/AVP;unicast;source=10.0.0.9;server_port=4-5").source == "10.0.0.9"


@pytest.mark.parametrize(
    ("header", "beginnings"),
    [
        ("url=trackID=1;seq=16852;rtptime=1070938629;ssrc=dcc4a0d8", [(f"{BASE}trackID=1", 16_852, 1_070_938_629)]),
        (
            "url=trackID=0;seq=1;rtptime=2, url=rtsp://h/x,y/trackID=1;seq=3;rtptime=4",
            [(f"{BASE}trackID=0", 1, 2), ("rtsp://h/x,y/trackID=1", 3, 4)],
        ),
        ("url=rtsp://h/0/main/trackID=0;seq=0;rtptime=0;", [("rtsp://h/0/main/trackID=0", 0, 0)]),
        ("url=trackID=1;seq=1;rtptime=-1", [(f"{BASE}trackID=1", 1, None)]),
        ("url=trackID=1", [(f"{BASE}trackID=1", None, None)]),
        ("url=a;b/trackID=1;rtptime=5", [(f"{BASE}a;b/trackID=1", None, 5)]),
        ("url=trackID=1;seq=99999;rtptime=99999999999", [(f"{BASE}trackID=1", None, None)]),
        ("", []),
    ],
)
def test_rtp_info(header: str, beginnings: list[tuple[str, int | None, int | None]]) -> None:
    assert message.rtp_info(header, BASE) == [Beginning(*one) for one in beginnings]


def test_a_track_s_beginning_is_found_by_its_end() -> None:
    two = [Beginning("rtsp://h/other/track1", 1, 1), Beginning("rtsp://h/other/track2", 2, 2)]
    assert message.beginning_of(f"{BASE}track2", two, alone=False) == two[1]
    assert message.beginning_of("rtsp://h/other/track1", two, alone=False) == two[0]
    assert message.beginning_of(f"{BASE}video", two, alone=True) is None
    assert message.beginning_of(f"{BASE}video", two[:1], alone=True) == two[0]
    assert message.beginning_of(f"{BASE}video", two[:1], alone=False) is None


@given(st.text(max_size=300))
def test_nothing_is_raised(header: str) -> None:
    message.session(header)
    message.transport(f"RTP/AVP;{header}")
    message.rtp_info(f"url={header},url={header}", BASE)
