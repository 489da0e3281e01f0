"""Large makes of cameras as they speak in the field: what each of them does that a client must live with.

The oddities are those of public transcripts (scottlamb/retina, `src/client/testdata`) and of the makers' own papers;
the words are ours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.support.camera.dialect import Dialect
from tests.support.camera.packets import Packing

DATE: Final = "Date: Wed, May 05 2021 21:51:17 GMT"
METADATA: Final = "m=application 0 RTP/AVP 107\r\na=control:{control}\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n"
MEDIA_HEADER: Final = "a=Media_header:MEDIAINFO=494D4B4801010000;\r\na=appversion:1.0\r\n"


def session_part(*lines: str) -> str:
    return "".join(line + "\r\n" for line in lines)


DAHUA: Final = Dialect(
    "dahua: a query in the path, tracks told without an address, a third track",
    path="/cam/realmonitor?channel=1&subtype=0",
    first=("Server: Rtsp Server/3.0",),
    public="OPTIONS, DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, PAUSE, TEARDOWN, SET_PARAMETER, GET_PARAMETER",
    describe=(
        "x-Accept-Dynamic-Rate: 1", "Content-Base: {url}/", "Cache-Control: must-revalidate",
        "Content-Type: application/sdp",
    ),
    session_part=session_part(
        "v=0", "o=- 2252542845 2252542845 IN IP4 0.0.0.0", "s=Media Server", "c=IN IP4 0.0.0.0", "t=0 0",
        "a=control:*", "a=packetization-supported:DH", "a=rtppayload-supported:DH", "a=range:npt=now-",
    ),
    tracks={
        "h264": "m=video 0 RTP/AVP {pt}\r\na=control:{control}\r\na=framerate:15.000000\r\na=rtpmap:{pt} H264/90000\r\n"
        "a=fmtp:{pt} packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sprop}\r\na=recvonly\r\n",
        "aac": "m=audio 0 RTP/AVP {pt}\r\na=control:{control}\r\na=rtpmap:{pt} MPEG4-GENERIC/{rate}\r\na=fmtp:{pt} "
        "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={config}"
        "\r\na=recvonly\r\n",
    },
    controls=("trackID=0", "trackID=1"),
    more=METADATA.replace("{control}", "trackID=4") + "a=recvonly\r\n",
    spare=("trackID=4",),
    session_id="634214675641",
    transport="Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{next_channel};ssrc={ssrc:08X}",
    setup=("x-Dynamic-Rate: 1",),
    play=("Range: npt=0.000000-",),
    play_session="Session: {session}",
    rtp_info=("url={control};seq={seq};rtptime={rtptime}",) * 2,
    rtp_info_end=",url=trackID=4;seq=36583;rtptime=816418535",
)  # fmt: skip

DAHUA_H265: Final = replace(
    DAHUA,
    name="dahua: H.265, its sets in another order, A-law",
    tracks={
        "h265": "m=video 0 RTP/AVP {pt}\r\na=control:{control}\r\na=framerate:12.000000\r\na=rtpmap:{pt} H265/90000\r\n"
        "a=fmtp:{pt} profile-id=1;sprop-sps={sps};sprop-pps={pps};sprop-vps={vps}\r\na=recvonly\r\n",
        "pcma": "m=audio 0 RTP/AVP 8\r\na=control:{control}\r\na=rtpmap:8 PCMA/8000\r\na=recvonly\r\n",
    },
    numbers={"h265": 98},
    more="",
    rtp_info_end="",
)

DAHUA_DECIMAL: Final = replace(
    DAHUA,
    name="dahua: an SSRC in decimal that is not the one it sends",
    rtp_info=("url={control};seq={seq};rtptime={rtptime};ssrc=4294962989",) * 2,
    rtp_info_end="",
)

_HIK_QUERY: Final = "?transportmode=unicast&profile=Profile_1"

HIKVISION: Final = Dialect(
    "hikvision: absolute tracks with a query, blanks in the session, metadata",
    path="/Streaming/Channels/101",
    public="OPTIONS, DESCRIBE, PLAY, PAUSE, SETUP, TEARDOWN, SET_PARAMETER, GET_PARAMETER",
    describe=("Content-Type: application/sdp", "Content-Base: {url}/"),
    session_part=session_part(
        "v=0", "o=- 1620251477190769 1620251477190769 IN IP4 {host}", "s=Media Presentation", "e=NONE", "b=AS:5050",
        "t=0 0", "a=control:{url}/" + _HIK_QUERY,
    ),
    tracks={
        "h264": "m=video 0 RTP/AVP {pt}\r\nc=IN IP4 0.0.0.0\r\nb=AS:5000\r\na=recvonly\r\na=x-dimensions:1920,1080\r\n"
        "a=control:{control}\r\na=rtpmap:{pt} H264/90000\r\na=fmtp:{pt} profile-level-id=420029; packetization-mode=1; "
        "sprop-parameter-sets={sprop}\r\n",
        "h265": "m=video 0 RTP/AVP {pt}\r\nc=IN IP4 0.0.0.0\r\nb=AS:5000\r\na=recvonly\r\na=x-dimensions:1920,1080\r\n"
        "a=control:{control}\r\na=rtpmap:{pt} H265/90000\r\na=fmtp:{pt} sprop-sps={sps}; sprop-pps={pps}\r\n",
    },
    controls=("{url}/trackID=1" + _HIK_QUERY, "{url}/trackID=2" + _HIK_QUERY),
    more=METADATA.replace("{control}", "{url}/trackID=3" + _HIK_QUERY) + MEDIA_HEADER,
    spare=("{url}/trackID=3" + _HIK_QUERY,),
    session="Session:        {session};timeout=60",
    session_id="708345999",
    transport='Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{next_channel};ssrc={ssrc:x};mode="play"',
    setup=("Date:  Wed, May 05 2021 21:51:17 GMT",),
    play=(),
    play_session="Session:        {session}",
    rtp_info=("url={control};seq={seq};rtptime={rtptime}",) * 2,
    play_more=("Date:  Wed, May 05 2021 21:51:17 GMT",),
)  # fmt: skip

HIKVISION_BLANK: Final = replace(
    HIKVISION,
    name="hikvision: a blank before the SSRC",
    transport="Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{next_channel};ssrc= d6d6627",
)

HIKVISION_H265: Final = replace(
    HIKVISION, name="hikvision: H.265 without its VPS in the description, units in packets together",
    packing=Packing(aggregate=True),
)  # fmt: skip

REOLINK: Final = Dialect(
    "reolink: live555, no timeout told, SSRCs in RTP-Info, junk behind the AAC configuration",
    path="/h264Preview_01_main",
    second=(DATE,),
    describe=("Content-Base: {url}/", "Content-Type: application/sdp"),
    session_part=session_part(
        "v=0", "o=- 1619813458434609 1 IN IP4 {host}", 's=Session streamed by "preview"', "i=h264Preview_01_main",
        "t=0 0", "a=tool:LIVE555 Streaming Media v2013.04.08", "a=type:broadcast", "a=control:*", "a=range:npt=0-",
        'a=x-qt-text-nam:Session streamed by "preview"', "a=x-qt-text-inf:h264Preview_01_main",
    ),
    tracks={
        "h264": "m=video 0 RTP/AVP {pt}\r\nc=IN IP4 0.0.0.0\r\nb=AS:500\r\na=rtpmap:{pt} H264/90000\r\n"
        "a=range:npt=0-\r\na=fmtp:{pt} packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sprop}\r\n"
        "a=control:{control}\r\n",
        "aac": "m=audio 0 RTP/AVP {pt}\r\nc=IN IP4 0.0.0.0\r\nb=AS:256\r\na=rtpmap:{pt} MPEG4-GENERIC/{rate}\r\n"
        "a=fmtp:{pt} streamtype=5;profile-level-id=15;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;"
        "config={config}; profile=1;\r\na=control:{control}\r\n",
    },
    controls=("trackID=1", "trackID=2"),
    session="Session: {session}",
    session_id="F8F8E425",
    transport="Transport: RTP/AVP/TCP;unicast;destination=192.168.1.210;source={host};"
    "interleaved={channel}-{next_channel}",
    rtp_info=("url={control};seq={seq};rtptime={rtptime};ssrc={ssrc:x}",) * 2,
)  # fmt: skip

FOSCAM: Final = Dialect(
    "foscam: sound by its number alone",
    path="/videoMain",
    second=(DATE,),
    session_part=session_part(
        "v=0", "o=- 1620845785796009 1 IN IP4 192.168.233.233", "s=IP Camera Video", "i=videoMain", "t=0 0",
        "a=tool:LIVE555 Streaming Media v2014.02.10", "a=type:broadcast", "a=control:*", "a=range:npt=0-",
    ),
    tracks={"pcmu": "m=audio 0 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\nb=AS:64\r\na=control:{control}\r\n"},
    controls=("track1", "track2"),
    session="Session: {session}",
    session_id="A1B2C3D4",
)  # fmt: skip

VSTARCAM: Final = Dialect(
    "vstarcam: Cseq, no base, no control of the whole, blanks behind the payload type, an empty line at the end",
    path="/tcp/av0_0",
    cseq="Cseq: {cseq}",
    second=(DATE,),
    describe=("Content-Type: application/sdp",),
    session_part=session_part(
        "v=0", "o=VSTC 3836411392 3836411392 IN IP4 {host}", "s=streamed by the VSTARCAM RTSP server", "e=NONE",
        "c=IN IP4 0.0.0.0", "t=0 0",
    ),
    tracks={
        "h264": "m=video 0 RTP/AVP {pt}\r\nb=AS:1536\r\na=control:{control}\r\na=rtpmap:{pt} H264/90000\r\n"
        "a=fmtp:{pt} packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sprop}\r\n",
        "pcma": "m=audio 0 RTP/AVP 8\t \r\nb=AS:64\r\na=control:{control}\r\na=rtpmap:8 PCMA/8000/1\r\n",
    },
    controls=("track0", "track1"),
    more="\r\n",
)  # fmt: skip

UBIQUITI: Final = Dialect(
    "ubiquiti: sound before the picture, twice, AAC and Opus under one number",
    path="/68D79AE46148_0",
    session_part=session_part(
        "v=0", "o=- 221 0 IN IP4 {host}", "s=68D79AE46148_0", "u=www.evostream.com", "e=contact@evostream.com",
        "c=IN IP4 {host}", "t=0 0", "a=recvonly", "a=control:*", "a=range:npt=now-",
    ),
    tracks={
        "aac": "m=audio 0 RTP/AVP {pt}\r\na=recvonly\r\na=rtpmap:{pt} mpeg4-generic/{rate}/{channels}\r\n"
        "a=control:{control}\r\na=fmtp:{pt} streamtype=5; profile-level-id=15; mode=AAC-hbr; config={config}; "
        "SizeLength=13; IndexLength=3; IndexDeltaLength=3;\r\nm=audio 0 RTP/AVP 96\r\na=recvonly\r\n"
        "a=rtpmap:96 opus/48000/2\r\na=control:trackID=1\r\na=fmtp:96\r\n",
        "h264": "m=video 0 RTP/AVP {pt}\r\na=recvonly\r\na=control:{control}\r\na=rtpmap:{pt} H264/90000\r\n"
        "a=fmtp:{pt} profile-level-id={profile}; packetization-mode=1; sprop-parameter-sets={sprop}\r\n",
    },
    numbers={"h264": 97, "aac": 96},
    controls=("trackID=2", "trackID=0"),
    spare=("trackID=1",),
    sound_first=True,
)  # fmt: skip

TPLINK: Final = Dialect(
    "tplink: an origin with a word too many, a section of its own invention, controls before the map",
    path="/stream1",
    session_part=session_part(
        "v=0", "o=- 14665860 31787219 1 IN IP4 {host}", 's=Session streamed by "TP-LINK RTSP Server"', "t=0 0"
    ),
    tracks={
        "h265": "m=video 0 RTP/AVP {pt}\r\nc=IN IP4 0.0.0.0\r\nb=AS:4096\r\na=range:npt=0-\r\na=control:{control}\r\n"
        "a=rtpmap:{pt} H265/90000\r\na=fmtp:{pt} profile-space=0;profile-id=1;tier-flag=0;level-id=150;"
        "interop-constraints=000000000000;sprop-vps={vps};sprop-sps={sps};sprop-pps={pps}\r\n",
    },
    controls=("track1", "track2"),
    more="m=application/TP-LINK 0 RTP/AVP smart/1/90000\r\na=rtpmap:95 TP-LINK/90000\r\na=control:track3\r\n",
    spare=("track3",),
)

AXIS: Final = Dialect(
    "axis: absolute tracks with a query, capital names in the session part, units in packets together",
    path="/axis-media/media.amp?videocodec=h264",
    second=("Server: GStreamer RTSP server", DATE),
    public="OPTIONS, DESCRIBE, GET_PARAMETER, PAUSE, PLAY, SETUP, SET_PARAMETER, TEARDOWN",
    describe=("Content-Type: application/sdp", "Content-Base: rtsp://{host}:{port}/axis-media/media.amp/"),
    session_part=session_part(
        "v=0", "o=- 1188340656180883 1 IN IP4 {host}", "s=Session streamed with GStreamer", "i=rtsp-server", "t=0 0",
        "a=tool:GStreamer", "a=type:broadcast", "a=range:npt=now-",
        "a=control:rtsp://{host}:{port}/axis-media/media.amp?videocodec=h264",
    ),
    tracks={
        "h264": "m=video 0 RTP/AVP {pt}\r\nc=IN IP4 0.0.0.0\r\nb=AS:50000\r\na=rtpmap:{pt} H264/90000\r\na=fmtp:{pt} "
        "packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sprop}\r\na=ts-refclk:local\r\n"
        "a=mediaclk:sender\r\na=recvonly\r\na=control:{control}\r\na=framerate:15.000000\r\n"
        "a=transform:1.000000,0.000000,0.000000;0.000000,1.000000,0.000000;0.000000,0.000000,1.000000\r\n",
    },
    controls=tuple(
        f"rtsp://{{host}}:{{port}}/axis-media/media.amp/stream={n}?videocodec=h264" for n in (0, 1)
    ),
    session="Session: {session};timeout=60",
    session_id="6a2nLRxGMTGKjiuk",
    transport='Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{next_channel};ssrc={ssrc:08X};mode="PLAY"',
    rtp_info=("url={control};seq={seq};rtptime={rtptime}",) * 2,
    packing=Packing(aggregate=True),
)  # fmt: skip
