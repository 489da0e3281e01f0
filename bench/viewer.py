"""Somebody who watches a camera live, of any contender: reads what comes and throws it away.

`rtsp` plays a path of an RTSP server, `websocket` opens one (RFC 6455), `listen` waits for whoever brings the picture.
`mqtt` is the centre of a broker: somebody must listen there, or boxes keep what they have to say.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import socket
import threading
import time
from typing import Final, Self

ANSWER_S: Final = 10.0
READ_BYTES: Final = 1 << 18
ALIVE_S: Final = 15.0
"""A server of RTSP ends a session that says nothing for a minute (RFC 2326 12.37)."""


class Viewer:
    """Reads on a thread of its own until it is closed."""

    def __init__(self, sock: socket.socket, alive: bytes = b"") -> None:
        """`sock` is connected, or listens: then one after the other is read. `alive` is said now and then."""
        self.bytes = 0
        """Seen so far."""
        self._sock = self._read = sock
        self._alive = alive
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            if not self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                self._drain()
            while True:
                self._read, _ = self._sock.accept()
                with self._read:
                    self._drain()

    def _drain(self) -> None:
        said = time.monotonic()
        while data := self._read.recv(READ_BYTES):
            self.bytes += len(data)
            if self._alive and time.monotonic() - said >= ALIVE_S:
                self._read.sendall(self._alive)
                said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for sock in (self._sock, self._read):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(ANSWER_S)
        self._sock.close()


def listen(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen(1)
    return sock


def rtsp(port: int, path: str) -> Viewer:
    """All tracks, over the connection."""
    url = f"rtsp://127.0.0.1:{port}/{path}"
    sock = socket.create_connection(("127.0.0.1", port), ANSWER_S)
    said = _ask(sock, f"DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n")
    session = ""
    for number, control in enumerate(re.findall(r"(?m)^a=control:(\S+trackID\S+|trackID\S+)", said)):
        place = control if control.startswith("rtsp:") else f"{url}/{control}"
        way = f"RTP/AVP/TCP;unicast;interleaved={2 * number}-{2 * number + 1}"
        said = _ask(sock, f"SETUP {place} RTSP/1.0\r\nCSeq: {number + 2}\r\nTransport: {way}\r\n{session}\r\n")
        found = re.search(r"(?im)^session: *([^;\s]+)", said)
        session = f"Session: {found[1] if found else ''}\r\n"
    _ask(sock, f"PLAY {url} RTSP/1.0\r\nCSeq: 9\r\n{session}\r\n")
    sock.settimeout(None)
    return Viewer(sock, f"OPTIONS {url} RTSP/1.0\r\nCSeq: 10\r\n{session}\r\n".encode())


def websocket(port: int, path: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), ANSWER_S)
    key = base64.b64encode(os.urandom(16)).decode()
    _ask(
        sock,
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Origin: http://127.0.0.1:{port}\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    sock.settimeout(None)
    return sock


def mqtt(port: int) -> socket.socket:
    """All messages at QoS 0, which need no answer."""
    sock = socket.create_connection(("127.0.0.1", port), ANSWER_S)
    connect, subscribe = b"\0\4MQTT\4\2\0\0\0\6centre", b"\0\1\0\1#\0"
    sock.sendall(bytes((0x10, len(connect))) + connect + bytes((0x82, len(subscribe))) + subscribe)
    sock.settimeout(None)
    return sock


def _ask(sock: socket.socket, request: str) -> str:
    """The answer, and what comes at once with it. Raises SystemExit where it is no success."""
    sock.sendall(request.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = sock.recv(READ_BYTES)
        if not data:
            break
        answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    while length is not None and len(body) < int(length[1]) and (data := sock.recv(READ_BYTES)):
        body += data
    if not re.match(rb"\S+ (200|101) ", head):
        raise SystemExit(f"{request.splitlines()[0]}: {head.decode(errors='replace')[:200]}")
    return (head + b"\r\n\r\n" + body).decode(errors="replace")
