"""What a camera answers to SETUP and PLAY: session, channels or ports, where the tracks begin. Pure.

Standard library only. Lenient: what is not said, or makes no sense, is None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from recorder.rtp.sdp import join
from recorder.rtsp.message import number

SESSION_S: Final = 60
"""How long a session lives without a sign of life, where the camera does not say (RFC 2326 12.37)."""
MAX_SESSION_S: Final = 86_400
MAX_TRACKS: Final = 32
"""Of RTP-Info; as many as a description may have."""
MAX_RTP_INFO: Final = 4_096
"""Characters of RTP-Info; two tracks need 300."""
MAX_ID: Final = 256
"""Characters of a session's id; the longest seen had 36."""


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    timeout_s: int | None
    """None where it is not said: most makes say it once, with the first SETUP."""


@dataclass(frozen=True, slots=True)
class Transport:
    """How the camera says that it will send."""

    udp: bool
    channels: tuple[int, int] | None
    """Interleaved: of RTP and RTCP."""
    server_ports: tuple[int, int] | None
    """UDP: where it sends from and listens."""
    source: str
    """UDP: the address it sends from, as it says; "" where it does not."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a track begins: one entry of RTP-Info."""

    url: str
    seq: int | None
    rtptime: int | None


def session(header: str) -> Session | None:
    """ "12345678;timeout=60" """
    name, _, rest = header.partition(";")
    name = name.strip()
    if not name or len(name) > MAX_ID:
        return None
    found = re.search(r"timeout\s*=\s*\"?(\d{1,9})", rest, re.IGNORECASE | re.ASCII)
    timeout_s = int(found[1]) if found else 0
    return Session(name, min(timeout_s, MAX_SESSION_S) or None)


def transport(header: str) -> Transport:
    """ "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0x6f7c;mode=\"PLAY\"" """
    kind, *parts = (part.strip() for part in header.partition(",")[0].split(";"))
    values: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        values.setdefault(name.strip().lower(), value.strip().strip('"'))
    channels = _pair(values.get("interleaved", ""), 255)
    udp = channels is None and bool(kind) and "TCP" not in kind.upper()
    return Transport(udp, channels, _pair(values.get("server_port", ""), 65_535), values.get("source", ""))


def _pair(text: str, highest: int) -> tuple[int, int] | None:
    """ "4-5", or "4", which means the same."""
    first, _, second = text.partition("-")
    low = number(first, highest)
    if low is None:
        return None
    high = number(second, highest)
    return (low, high) if high is not None and high != low else (low, min(low + 1, highest))


def rtp_info(header: str, base: str) -> list[Beginning]:
    """ "url=trackID=1;seq=1;rtptime=0,url=…"; its URLs made absolute."""
    entries = re.split(r",\s*(?=url\s*=)", header[:MAX_RTP_INFO].strip(), flags=re.IGNORECASE)[:MAX_TRACKS]
    return [_beginning(entry, base) for entry in entries if entry]


def _beginning(entry: str, base: str) -> Beginning:
    found = re.match(r"\s*url\s*=\s*(.*?)(?=;\s*(?:seq|rtptime|ssrc)\s*=|;?\s*$)", entry, re.IGNORECASE | re.DOTALL)
    rest = entry[found.end() :] if found else entry
    seq = re.search(r"\bseq\s*=\s*(\d{1,5})\b", rest, re.IGNORECASE | re.ASCII)
    rtptime = re.search(r"\brtptime\s*=\s*(\d{1,10})\b", rest, re.IGNORECASE | re.ASCII)
    return Beginning(
        join(base, found[1].strip(' "')) if found else "",
        number(seq[1], 0xFFFF) if seq else None,
        number(rtptime[1], 0xFFFFFFFF) if rtptime else None,
    )


def beginning_of(control: str, beginnings: list[Beginning], *, alone: bool) -> Beginning | None:
    """That of the track with this control. Some cameras name it by another base; one alone by another track."""
    for one in beginnings:
        if one.url == control:
            return one
    for one in beginnings:
        if one.url.rsplit("/", 1)[-1] == control.rsplit("/", 1)[-1]:
            return one
    return beginnings[0] if alone and len(beginnings) == 1 else None
