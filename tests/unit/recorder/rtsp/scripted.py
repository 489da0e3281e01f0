"""A connection to a camera that is played word for word, without a socket."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, cast

from recorder.rtsp.connection import Connection
from recorder.rtsp.dialogue import Credentials, Dialogue, Login
from recorder.words.address import Target
from recorder.words.outcome import SessionEnded

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

    def receive(self, room: memoryview, patience_s: float) -> int:
        data = self.said.popleft() if self.said else None
        if data is None:
            self.now += patience_s
            return 0
        if isinstance(data, SessionEnded):
            raise data
        self.now += 0.01
        room[: len(data)] = data
        return len(data)

    def send(self, data: bytes) -> None:
        self.sent.append(data.decode())

    def offer(self, data: bytes) -> bool:
        if self.takes:
            self.sent.append(data.decode())
        return self.takes

    def fileno(self) -> int:
        return -1

    @property
    def methods(self) -> list[str]:
        return [text.split(" ", 1)[0] for text in self.sent]


def dialogue(wire: Wire, *, user: str = "viewer", deadline: float = 1000.0) -> Dialogue:
    """Whoever asks over this wire."""
    login = Login(Credentials(user, SECRET), lambda: "c")
    return Dialogue(cast("Connection", cast("Any", wire)), login, deadline, lambda: wire.now)


def answer(cseq: int | str, status: int = 200, *lines: str) -> bytes:
    """What the camera says."""
    return "\r\n".join([f"RTSP/1.0 {status} X", f"CSeq: {cseq}", *lines, "", ""]).encode()
