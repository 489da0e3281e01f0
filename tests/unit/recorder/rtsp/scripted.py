"""A connection to a camera that is played word for word, without a socket, and a stream over it."""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, cast

from recorder.rtp import sdp
from recorder.rtsp.connection import Connection
from recorder.rtsp.dialogue import Credentials, Dialogue, Login
from recorder.rtsp.negotiation import Negotiated, _Setup
from recorder.rtsp.source import RtspSource
from recorder.words.address import Target
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item, Unit
from tests.support.packing import Line, sender_report

URL: Final = "rtsp://10.0.0.11/x"
TARGET: Final = Target.parse(URL, "viewer")
SECRET: Final = "s3cret-p4ss"
DIGEST: Final = 'WWW-Authenticate: Digest realm="r", nonce="{}"'


class Wire:
    """What a connection does, as told: bytes, or None for silence of as long as is waited, or the end."""

    def __init__(self, *said: bytes | SessionEnded | None) -> None:
        self.target = TARGET
        self.said = deque(said)
        self.sent: list[str] = []
        self.now = 100.0
        self.takes = True
        self.window = 100_000
        self.reading_s = 0.01
        self.local = self.peer = "127.0.0.1"
        self.family = socket.AF_INET

    def receive(self, room: memoryview, patience_s: float) -> int:
        data = self.said.popleft() if self.said else None
        if data is None:
            self.now += patience_s
            return 0
        if isinstance(data, SessionEnded):
            raise data
        self.now += self.reading_s
        count = min(len(data), len(room))
        room[:count] = data[:count]
        if data[count:]:
            self.said.appendleft(data[count:])
        return count

    def send(self, data: bytes) -> None:
        self.sent.append(data.decode("latin-1"))

    def offer(self, data: bytes) -> bool:
        if self.takes:
            self.sent.append(data.decode("latin-1"))
        return self.takes

    def fileno(self) -> int:
        return -1

    def receive_window(self) -> int:
        return self.window

    def close(self, last_words: bytes = b"") -> None:
        self.sent.append(last_words.decode())

    @property
    def methods(self) -> list[str]:
        return [text.split(" ", 1)[0] for text in self.sent]


def dialogue(wire: Wire, *, user: str = "viewer", deadline: float = 1000.0) -> Dialogue:
    """Whoever asks over this wire."""
    login = Login(Credentials(user, SECRET), lambda: "c")
    return Dialogue(cast("Connection", cast("Any", wire)), login, deadline, lambda: wire.now)


SDP: Final = (
    "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:1\r\n"
    "a=fmtp:96 sprop-parameter-sets=Z0IAKeKQFAe2AtwEBAaQeJEV,aM48gA==\r\n"
    "m=audio 0 RTP/AVP 0\r\na=control:2\r\n"
)
KEY: Final = b"\x65\x88\x80" + bytes(40)
PICTURE: Final = b"\x41\x9a\x00" + bytes(40)


def negotiated(wire: Wire, description: str = SDP) -> Negotiated:
    """The stream that this SDP describes, set up and played over this wire."""
    return _Setup(dialogue(wire), sdp.parse(description.encode(), URL)).run()


def source_of(wire: Wire, stream: Negotiated, buffer: bytearray | None = None) -> RtspSource:
    return RtspSource(stream, began=wire.now, now=lambda: wire.now, buffer=buffer)


def sent(channel: int, packet: bytes) -> bytes:
    """As it comes over the connection."""
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


FRAMES: Final = ("key", "picture", "sound", "report")


def frames_of(kinds: Sequence[str]) -> list[bytes]:
    """One of `FRAMES` each, as they come over the connection."""
    picture, sound = Line(96, ssrc=1), Line(0, ssrc=2)
    frames = []
    for number, kind in enumerate(kinds):
        match kind:
            case "sound":
                frames.append(sent(2, sound.packet(bytes([number]) * 160, number * 160)))
            case "report":
                frames.append(sent(1, sender_report(1, number << 32, number * 3600)))
            case _:
                frames.append(sent(0, picture.packet(KEY if kind == "key" else PICTURE, number * 3600)))
    return frames


def values(items: Sequence[Item]) -> list[object]:
    """To be compared: a unit itself is equal to none but itself."""
    return [
        (item.video, item.pts, item.duration, item.key, item.data, item.parameters) if isinstance(item, Unit) else item
        for item in items
    ]


def answer(cseq: int | str, status: int = 200, *lines: str) -> bytes:
    """What the camera says."""
    return "\r\n".join([f"RTSP/1.0 {status} X", f"CSeq: {cseq}", *lines, "", ""]).encode()
