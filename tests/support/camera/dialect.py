"""How a make of camera speaks: what it writes around the same media. `tests.support.camera.makes` has those we know.

Texts are `str.format` templates. In all of them: {url} as the client asked for it, without a slash at its end;
{host} and {port}; in answers {realm} and {nonce} of its door. In those of a track: {n} counts from 0, {control} is the
track's own, {pt}, {rate}, {channels}, {ssrc}, {seq}, {rtptime}, and its parameter sets and configuration
(`tests.support.camera.description`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.support import rtsp
from tests.support.camera.packets import PLAIN, Packing

H264: Final = (
    "m=video 0 RTP/AVP {pt}\r\na=rtpmap:{pt} H264/90000\r\n"
    "a=fmtp:{pt} packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sprop}\r\n"
    "a=control:{control}\r\n"
)
H265: Final = (
    "m=video 0 RTP/AVP {pt}\r\na=rtpmap:{pt} H265/90000\r\n"
    "a=fmtp:{pt} sprop-vps={vps};sprop-sps={sps};sprop-pps={pps}\r\na=control:{control}\r\n"
)
AAC: Final = (
    "m=audio 0 RTP/AVP {pt}\r\na=rtpmap:{pt} mpeg4-generic/{rate}/{channels}\r\n"
    "a=fmtp:{pt} streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;"
    "config={config}\r\na=control:{control}\r\n"
)
PCMU: Final = "m=audio 0 RTP/AVP {pt}\r\na=rtpmap:{pt} PCMU/{rate}\r\na=control:{control}\r\n"
PCMA: Final = "m=audio 0 RTP/AVP {pt}\r\na=rtpmap:{pt} PCMA/{rate}\r\na=control:{control}\r\n"
G726: Final = "m=audio 0 RTP/AVP {pt}\r\na=rtpmap:{pt} G726-32/{rate}\r\na=control:{control}\r\n"
L16: Final = "m=audio 0 RTP/AVP {pt}\r\na=rtpmap:{pt} L16/{rate}/{channels}\r\na=control:{control}\r\n"

TRACKS: Final = {"h264": H264, "h265": H265, "aac": AAC, "pcmu": PCMU, "pcma": PCMA, "g726": G726, "l16": L16}
NUMBERS: Final = {"h264": 96, "h265": 96, "aac": 97, "pcmu": 0, "pcma": 8, "g726": 97, "l16": 97}


@dataclass(frozen=True, slots=True)
class Dialect:
    """The plainest by default."""

    name: str = "plain"
    path: str = "/stream1"
    cseq: str = "CSeq: {cseq}"
    """The header as a line: some spell it otherwise, some put a blank behind it."""
    first: tuple[str, ...] = ()
    """Lines before CSeq."""
    second: tuple[str, ...] = ()
    """Lines behind CSeq, of every answer."""
    public: str = rtsp.METHODS
    methods: frozenset[str] = frozenset({"OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN"})
    """All others are answered with 405."""

    # DESCRIBE
    describe: tuple[str, ...] = ("Content-Base: {url}/", "Content-Type: application/sdp")
    session_part: str = "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"
    tracks: Mapping[str, str] = field(default_factory=dict)
    """By codec, where it differs from the plainest."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    """Payload types by codec, likewise."""
    controls: tuple[str, ...] = ("track{n}", "track{n}")
    """Of the picture and of the sound."""
    more: str = ""
    """Further sections: metadata, backchannels."""
    spare: tuple[str, ...] = ()
    """Controls of those: they can be set up, and nothing ever comes."""
    before: str = ""
    """Sections before the picture's."""
    sound_first: bool = False

    # SETUP and PLAY
    session: str = "Session: {session};timeout=60"
    session_id: str = "1234"
    transport: str = "Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{next_channel}"
    udp_transport: str = (
        "Transport: RTP/AVP;unicast;client_port={client_port}-{client_rtcp};server_port={server_port}-{server_rtcp}"
    )
    setup: tuple[str, ...] = ()
    play: tuple[str, ...] = ("Range: npt=0.000-",)
    play_session: str | None = None
    """Where PLAY words it otherwise than SETUP."""
    rtp_info: tuple[str, ...] | None = ("url={url}/{control};seq={seq};rtptime={rtptime}",) * 2
    """Of the picture and of the sound; None: not told."""
    rtp_info_end: str = ""
    play_more: tuple[str, ...] = ()
    """Lines behind RTP-Info."""
    packing: Packing = PLAIN

    def track(self, codec: str) -> str:
        return self.tracks.get(codec, TRACKS[codec])

    def number(self, codec: str) -> int:
        return self.numbers.get(codec, NUMBERS[codec])


PLAINEST: Final = Dialect()
