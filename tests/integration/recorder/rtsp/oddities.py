"""Smaller makes, servers and firmware oddities, as `makes` has the large ones: each does something a client must bear.

The oddities are those of public transcripts (scottlamb/retina, `src/client/testdata`); the words are ours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.support.camera.dialect import AAC, H264, H265, PCMU, Dialect
from tests.support.camera.makes import DATE, MEDIA_HEADER, METADATA, session_part
from tests.support.camera.packets import Packing

WOWZA: Final = Dialect(
    "wowza: CSeq late, one track told by its name and one by its address, time from 0",
    path="/vod/mp4:BigBuckBunny_115k.mov",
    second=("Server: Wowza Streaming Engine 4.8.10", "Cache-Control: no-cache"),
    controls=("trackID=1", "trackID=2"),
    session_id="1642021126",
    setup=("Date: Sat, 8 May 2021 04:35:51 UTC", "Expires: Sat, 8 May 2021 04:35:51 UTC"),
    play=("Range: npt=0.0-596.48",),
    rtp_info=("url={control};seq={seq};rtptime={rtptime}", "url={url}/{control};seq={seq};rtptime={rtptime}"),
)

BAD_RTPTIME: Final = replace(
    WOWZA, name="wowza: a time in RTP-Info that is none", rtp_info=("url={control};seq=1;rtptime=-1",) * 2
)

LONGSE: Final = Dialect(
    "longse: a blank behind CSeq, units joined by start codes in one packet",
    path="/profile1",
    cseq="CSeq: {cseq} ",
    second=("Server: Rtsp Server 1920*1080*20*2048",),
    packing=Packing(joined=True),
)

GW: Final = Dialect(
    "gw: junk behind the parameter sets, µ-law under A-law's number, a base without a slash, blanks before timeout",
    path="/H264?channel=1&subtype=0&unicast=true&proto=Onvif",
    first=("Server: Rtsp Server/2.0",),
    describe=("Content-Base: {url}", "Content-Type: application/sdp"),
    session_part=session_part(
        "v=0", "o=- 1109162014219182 1109162014219282 IN IP4 x.y.z.w", 's=Session streamed by "H264Server"', "e=NONE",
        "c=IN IP4 0.0.0.0", "t=0 0", "a=range:npt=now-", "a=control:*",
    ),
    tracks={
        "h264": "m=video 0 RTP/AVP {pt}\r\na=rtpmap:{pt} H264/90000\r\na=control:{control}\r\na=fmtp:{pt} "
        "packetization-mode=1;profile-level-id=5046314;sprop-parameter-sets={sps_junk},{pps_junk}\r\n",
        "pcmu": "m=audio 0 RTP/AVP 8\r\na=control:{control}\r\na=rtpmap:8 PCMU/8000/1\r\na=ptime:20\r\n"
        "a=fmtp:8 vad=no\r\na=appversion:2.0\r\n",
    },
    numbers={"pcmu": 8},
    controls=("video", "audio"),
    session="Session: {session}; timeout=60",
    session_id="9a90de54",
    transport="Transport: RTP/AVP/TCP;unicast;destination=192.168.1.210;source={host};"
    "interleaved={channel}-{next_channel}",
    play_session="Session: {session}; timeout=120",
    rtp_info=("url=rtsp://{host}:{port}/H264/video;seq={seq};rtptime={rtptime}", ""),
)  # fmt: skip

H264DVR: Final = Dialect(
    "h264dvr: Cseq, UDP, a frame rate of 0S, A-law by its number alone, no RTP-Info",
    path="/camera",
    first=("Server: H264DVR 1.0",),
    cseq="Cseq: {cseq}",
    describe=(
        "Content-Type: application/sdp", "Content-Base: {url}", "Cache-Control: private",
        "x-Accept-Retransmit: our-retransmit", "x-Accept-Dynamic-Rate: 1",
    ),
    session_part=session_part(
        "v=0", "o=- 38990265062388 38990265062388 IN IP4 {host}", "s=RTSP Session", "c=IN IP4 192.168.168.100",
        "t=0 0", "a=control:*", "a=range:npt=0-",
    ),
    tracks={
        "h264": "m=video 0 RTP/AVP {pt}\r\na=rtpmap:{pt} H264/90000 \r\na=range:npt=0-\r\na=framerate:0S\r\n"
        "a=fmtp:{pt} profile-level-id=420029; packetization-mode=1; sprop-parameter-sets={sprop}\r\na=framerate:25\r\n"
        "a=control:{control}\r\n",
        "pcma": "m=audio 0 RTP/AVP 8\r\na=control:{control}\r\n",
    },
    controls=("trackID=3", "trackID=4"),
    session_id="231970",
    udp_transport="Transport: RTP/AVP;unicast;mode=PLAY;source={host};client_port={client_port}-{client_rtcp};"
    "server_port={server_port}-{server_rtcp};ssrc=0",
    play=("Range: npt=now-",),
    play_session="Session: {session}",
    rtp_info=None,
)  # fmt: skip

MACROVIDEO: Final = Dialect(
    "macrovideo: no origin, the profile in base 64, nothing behind the description's head",
    path="/",
    session_part=session_part(
        "v=0", "s=streamed by the macro-video rtsp server", "t=0 0", "a=control:*", "a=range:npt=0-",
        "a=x-qt-text-nam:streamed by the macro-video rtsp server", "c=IN IP4 0.0.0.0",
    ),
    tracks={
        "h264": "m=video 0 RTP/AVP {pt}\r\nb=AS:500\r\na=rtpmap:{pt} H264/90000\r\na=fmtp:{pt} "
        "profile-level-id={profile64};packetization-mode=1;sprop-parameter-sets={sprop}\r\na=control:{control}\r\n"
    },
    describe=("Content-Type: application/sdp",),
    controls=("track1", "track2"),
)  # fmt: skip

ANJVISION: Final = Dialect(
    "anjvision: a base without a scheme, H.265 with its sets told twice",
    path="/stream0",
    describe=("Content-Type: application/sdp", "Content-Base: {host}:{port}/stream0/"),
    session_part=session_part(
        "v=0", "o=- 1109162014219182 1109162014219192 IN IP4 x.y.z.w", "s=RTSP/RTP stream from anjvision ipcamera",
        "e=NONE", "c=IN IP4 0.0.0.0", "a=tool:LIVE555 Streaming Media v2011.05.25", "t=0 0", "a=range:npt=0-",
        "a=control:*",
    ),
    tracks={
        "h265": "m=video 0 RTP/AVP {pt}\r\na=rtpmap:{pt} H265/90000\r\na=control:{control}\r\na=fmtp:{pt} "
        "packetization-mode=0;profile-space=0;profile-id=1;tier-flag=0;level-id=153;interop-constraints=000000000000;"
        "sprop-vps={vps};sprop-sps={sps};sprop-pps={pps};config={annexb}\r\na=x-dimensions: 1280, 720\r\n"
        "a=x-framerate: 5\r\n" + MEDIA_HEADER
    },
    controls=("trackID=1", "trackID=2"),
)  # fmt: skip

ANPVIZ: Final = Dialect(
    "anpviz: AAC under µ-law's number with nothing said but its configuration, no line end at the end",
    path="/stream1",
    session_part=session_part(
        "v=0", "o=- 1109162014219182 1109162014219192 IN IP4 x.y.z.w", "s=RTSP/RTP stream from ipcamera", "e=NONE",
        "c=IN IP4 0.0.0.0", "t=0 0", "a=range:npt=0-", "a=control:*",
    ),
    tracks={
        "h264": "m=video 0 RTP/AVP {pt}\r\na=rtpmap:{pt} H264/90000\r\na=control:{control}\r\na=fmtp:{pt} "
        "profile-level-id={profile};packetization-mode=0;sprop-parameter-sets={sprop};config={annexb}\r\n"
        "a=x-dimensions: 704, 576\r\na=x-framerate: 12\r\n",
        "aac": "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 MPEG4-GENERIC/{rate}/{channels}\r\na=fmtp:0 config={config}\r\n"
        "a=control:{control}\r\n",
    },
    numbers={"aac": 0},
    controls=("trackID=1", "trackID=2"),
    more="a=Media_header:MEDIAINFO=494D4B4801010000;\r\na=appversion:1.0",
)  # fmt: skip

LAUREII: Final = Dialect(
    "laureii: RTP-Info of zeros with a semicolon at its end",
    path="/0/main",
    controls=("trackID=0", "trackID=1"),
    session="Session: {session}",
    session_id="1234567890",
    rtp_info=("url={url}/{control};seq=0;rtptime=0", ""),
    rtp_info_end=";",
)

LUCKFOX: Final = Dialect(
    "luckfox: a transport that says neither unicast nor the order anybody expects",
    path="/live/0",
    session="Session: {session}",
    session_id="12345678",
    transport="Transport: RTP/AVP/TCP;ssrc=22345684;interleaved={channel}-{next_channel}",
    udp_transport="Transport: RTP/AVP;ssrc=22345685;unicast;client_port={client_port}-{client_rtcp};"
    "server_port={server_port}-{server_rtcp}",
)

LIBAVFORMAT: Final = Dialect(
    "libavformat: no content type, no base, a session before there is one",
    path="/",
    describe=("Session: l0TtlUFSR",),
    session_part=session_part(
        "v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=No Name", "c=IN IP4 192.168.1.101", "t=0 0",
        "a=tool:libavformat 58.25.100",
    ),
    tracks={
        "h264": "m=video 0 RTP/AVP {pt}\r\na=rtpmap:{pt} H264/90000\r\na=fmtp:{pt} packetization-mode=1; "
        "sprop-parameter-sets={sprop}; profile-level-id={profile}\r\na=control:{control}\r\n",
        "aac": "m=audio 0 RTP/AVP {pt}\r\nb=AS:128\r\na=rtpmap:{pt} MPEG4-GENERIC/{rate}/{channels}\r\na=fmtp:{pt} "
        "profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config={config}\r\n"
        "a=control:{control}\r\n",
    },
    controls=("streamid=0", "streamid=1"),
    session="Session: {session}",
    session_id="l0TtlUFSR",
    rtp_info=None,
)  # fmt: skip

VITEK: Final = Dialect(
    "vitek: the parameter sets stand under another number, so that only the stream has them",
    path="/chID=2&streamType=sub",
    first=("Server: Server/1.0.0",),
    second=("Cache-Control: must-revalidate", DATE),
    describe=(
        "Last-Modified: Mon Jul  8 13:51:49 2024 GMT", "Content-Type: application/sdp",
        "x-Accept-Retransmit: our-retransmit", "Content-Base: {url}/",
    ),
    session_part=session_part(
        "v=0", "o=- 42329460 1 IN IP4 {host}", "s=RTSP SESSION", "u=http:///", "e=admin@", "t=0 0", "a=control:*",
        "a=range:npt=00.000- ",
    ),
    tracks={
        "h265": "m=video 0 RTP/AVP {pt}\r\na=control:{control}\r\na=rtpmap:{pt} H265/90000\r\na=fmtp:62 "
        "profile-level-id=42e032; sprop-vps={vps};sprop-sps={sps};sprop-pps={pps}; packetization-mode=1\r\n",
        "pcmu": PCMU + "a=ptime:40\r\n",
    },
    numbers={"h265": 98},
    controls=("trackID=0", "trackID=1"),
)  # fmt: skip

GEOVISION: Final = Dialect(
    "geovision: no time of the session, absolute tracks, a payload type of 105",
    path="/media/video1",
    session_part=session_part("v=0", "o=- 1001 1 IN IP4 {host}", "s=VCP IPC Realtime stream"),
    tracks={
        "h264": "m=video 0 RTP/AVP {pt}\r\nc=IN IP4 {host}\r\na=control:{control}\r\na=rtpmap:{pt} H264/90000\r\n"
        "a=fmtp:{pt} profile-level-id={profile}; packetization-mode=1; sprop-parameter-sets={sprop}\r\na=recvonly\r\n"
    },
    numbers={"h264": 105},
    controls=("rtsp://{host}:{port}/media/video1/video", "rtsp://{host}:{port}/media/video1/audio"),
    more=METADATA.replace("{control}", "rtsp://{host}:{port}/media/video1/metadata")
    + "a=fmtp:107 DecoderTag=h3c-v3 RTCP=0\r\na=recvonly\r\n",
    spare=("rtsp://{host}:{port}/media/video1/metadata",),
    rtp_info=("url={control};seq={seq};rtptime={rtptime}",) * 2,
)

RUBETEK: Final = Dialect(
    "rubetek: a challenge in an answer that says yes, an SSRC with 0x",
    path="/live",
    session_id="5657612475258969210",
    transport='Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{next_channel};ssrc=0x6f7c;mode="PLAY"',
    setup=('WWW-Authenticate: Digest realm="{realm}",nonce="{nonce}"',),
)

SHORT_SSRC: Final = Dialect(
    "an SSRC of four digits",
    session_id="1066441024",
    transport="Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{next_channel};ssrc=A046",
)

NO_GET_PARAMETER: Final = Dialect(
    "old firmware: knows neither GET_PARAMETER nor when a picture ends",
    public="OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY",
    methods=frozenset({"OPTIONS", "DESCRIBE", "SETUP", "TEARDOWN", "PLAY"}),
    packing=Packing(markers="never"),
)

ALWAYS_MARKED: Final = Dialect("a marker on every packet", packing=Packing(markers="always"))

PADDED: Final = Dialect("header extensions and padding", packing=Packing(extension=True, padding=12))

TINY: Final = Dialect("packets of 200 bytes", packing=Packing(mtu=200, aggregate=True))

BARE: Final = Dialect(
    "no parameter set in the description",
    tracks={
        "h264": H264.replace(";sprop-parameter-sets={sprop}", ""),
        "h265": H265.split("a=fmtp", maxsplit=1)[0] + "a=control:{control}\r\n",
        "aac": AAC.replace("streamtype=5;", "streamtype=5; "),
    },
)
