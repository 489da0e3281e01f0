"""RTSP/1.0 as text: requests, answers, who may look (Basic and Digest), and what there is to see (SDP)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tests.support import nal
from tests.support.clips import Clip

REALM: Final = "camera"
NONCE: Final = "c0ffee00c0ffee00"
METHODS: Final = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
REASONS: Final = {
    200: "OK",
    401: "Unauthorized",
    404: "Not Found",
    453: "Not Enough Bandwidth",
    461: "Unsupported Transport",
}
_FIELD = re.compile(r'(\w+)="?([^",]*)"?')


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    url: str
    headers: dict[str, str]


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request, skipping the RTCP that clients send in between; None when the client is gone."""
    try:
        while (first := await reader.readexactly(1)) == b"$":
            head = await reader.readexactly(3)
            await reader.readexactly(int.from_bytes(head[1:3], "big"))
        text = (first + await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    lines = text.strip().split("\r\n")
    method, url, _ = lines[0].split(" ", 2)
    headers = dict(line.split(":", 1) for line in lines[1:])
    return Request(method, url, {name.strip().lower(): value.strip() for name, value in headers.items()})


def answer(request: Request, status: int = 200, headers: dict[str, str] | None = None, body: str = "") -> bytes:
    lines = [f"RTSP/1.0 {status} {REASONS[status]}", f"CSeq: {request.headers.get('cseq', '0')}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


@dataclass(frozen=True, slots=True)
class Account:
    user: str
    password: str
    method: Literal["basic", "digest"] = "digest"

    @property
    def challenge(self) -> str:
        if self.method == "basic":
            return f'Basic realm="{REALM}"'
        return f'Digest realm="{REALM}", nonce="{NONCE}"'

    def admits(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        if self.method == "basic":
            return given == "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        fields = dict(_FIELD.findall(given.removeprefix("Digest ")))
        ha1 = _md5(f"{self.user}:{REALM}:{self.password}")
        ha2 = _md5(f"{request.method}:{fields.get('uri', '')}")
        return fields.get("username") == self.user and fields.get("response") == _md5(f"{ha1}:{NONCE}:{ha2}")


def wanted_channel(request: Request) -> int | None:
    """The interleaved channel a SETUP asks for; None when it wants UDP."""
    match = re.search(r"interleaved=(\d+)", request.headers.get("transport", ""))
    return int(match.group(1)) if match else None


def session_description(tracks: Sequence[Clip]) -> str:
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=camera", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*"]
    for index, clip in enumerate(tracks):
        number = payload_type(clip, index)
        lines.append(f"m={'video' if clip.video else 'audio'} 0 RTP/AVP {number}")
        lines += _attributes(clip, number)
        lines.append(f"a=control:track{index}")
    return "\r\n".join(lines) + "\r\n"


def payload_type(clip: Clip, index: int) -> int:
    return {"pcmu": 0, "pcma": 8}.get(clip.codec, 96 + index)


def _attributes(clip: Clip, number: int) -> list[str]:
    if clip.codec == "h264":
        units = nal.split_annexb(clip.frames[0].data)
        sets = [unit for unit in units if nal.unit_type("h264", unit) in {7, 8}]
        sprop = ",".join(base64.b64encode(unit).decode() for unit in sets)
        profile = sets[0][1:4].hex().upper()
        form = f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sprop}"
        return [f"a=rtpmap:{number} H264/90000", f"a=fmtp:{number} {form}"]
    if clip.codec == "aac":
        form = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
        form += f";config={clip.extra.hex()}"
        return [f"a=rtpmap:{number} mpeg4-generic/{clip.rate}/{clip.channels}", f"a=fmtp:{number} {form}"]
    return [f"a=rtpmap:{number} {clip.codec.upper()}/{clip.rate}"]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
