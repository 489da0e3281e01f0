"""The TCP connection to a camera, with or without TLS: blocking, each wait with an end.

Imports the standard library; `ssl` only once a camera wants it (through `recorder.rtsp.tls`), because a worker pays
for it. Every way in which a connection fails is told as a `SessionEnded`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from recorder.words import outcome
from recorder.words.address import Target, split_zone
from recorder.words.outcome import SessionEnded

CONNECT_S: Final = 5.0
"""For all addresses of a name together, and once more for TLS. Longer than any camera in a network of one's own takes;
short enough for L1."""
SHORTEST_S: Final = 0.1
"""What is left for TLS at least: without any time it could not even be said why it failed."""
SENDING_S: Final = 5.0
"""A camera that does not take a request of 300 bytes for so long is not there."""
GOODBYE_S: Final = 0.3
"""How long a camera may take to close after TEARDOWN. Closing with unread data would reset the connection, and the
camera would lose the TEARDOWN with it and keep the session, of which it may have few."""
MAX_UNSENT_BYTES: Final = 8_192
"""What a camera did not take yet of our keep-alives and reports: a dozen of these. Then no more are made."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose certificate is good enough (rtsps). Without anything: what the system's authorities vouch for."""

    certificate: str = ""
    """"sha256:…" in lower case: this very certificate, whoever signed it."""
    ca_file: str = ""
    """Authorities of one's own, PEM."""


class Connection:
    """One open connection. Used by one thread."""

    def __init__(self, target: Target, sock: socket.socket) -> None:
        self.target = target
        self._sock = sock
        self._unsent = b""
        self._patience_s = -1.0

    def _wait_for(self, patience_s: float) -> None:
        """Each change costs a system call."""
        if patience_s != self._patience_s:
            self._patience_s = patience_s
            self._sock.settimeout(patience_s)

    @property
    def peer(self) -> str:
        """The address of the other side, in numbers."""
        try:
            return _in_numbers(self._sock.getpeername())
        except OSError:
            raise SessionEnded(outcome.broke_off(self.target)) from None

    @property
    def local(self) -> str:
        """Our own address on this way."""
        return _in_numbers(self._sock.getsockname())

    @property
    def family(self) -> int:
        return self._sock.family

    def fileno(self) -> int:
        return self._sock.fileno()

    def receive(self, room: memoryview, patience_s: float) -> int:
        """What has come, into `room`: so many bytes, 0 if nothing came in time. Less than `room` holds: it was all."""
        try:
            self._wait_for(patience_s)
            count = self._receive(room)
        except TimeoutError:
            return 0
        except OSError as error:
            if self._would_block(error):
                return 0
            raise SessionEnded(outcome.broke_off(self.target)) from None
        if not count:
            raise SessionEnded(outcome.dropped(self.target))
        return count

    def _receive(self, room: memoryview) -> int:
        return self._sock.recv_into(room)

    def receive_window(self) -> int:
        """How many bytes the camera may send without anybody reading, about (half of the buffer, tcp(7))."""
        return self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2

    def send(self, data: bytes) -> None:
        """All of it, after what waits."""
        try:
            self._wait_for(SENDING_S)
            self._sock.sendall(self._unsent + data)
        except TimeoutError:
            raise SessionEnded(outcome.no_answer(self.target, outcome.A_REQUEST, SENDING_S)) from None
        except OSError:
            raise SessionEnded(outcome.broke_off(self.target)) from None
        self._unsent = b""

    def offer(self, data: bytes) -> bool:
        """Send without waiting. What the camera does not take now waits; False: too much does, this was left out."""
        if len(self._unsent) + len(data) > MAX_UNSENT_BYTES:
            return False
        self._unsent += data
        try:
            self._wait_for(0)
            sent = self._sock.send(self._unsent)
        except OSError as error:
            if not self._would_block(error):
                raise SessionEnded(outcome.broke_off(self.target)) from None
            sent = 0
        self._unsent = self._unsent[sent:]
        return True

    def _would_block(self, error: OSError) -> bool:
        return isinstance(error, BlockingIOError)

    def close(self, last_words: bytes = b"") -> None:
        """Say `last_words` if that can be done at once, and close. Never raises."""
        deadline = time.monotonic() + GOODBYE_S
        try:
            if last_words and not self._unsent:
                self._sock.settimeout(GOODBYE_S)
                self._sock.sendall(last_words)
                self._sock.shutdown(socket.SHUT_WR)
                while (left := deadline - time.monotonic()) > 0:
                    self._sock.settimeout(left)
                    if not self._sock.recv(65_536):
                        break
        except (OSError, ValueError):
            pass  # it is gone already, which is what was wanted
        finally:
            self._sock.close()


def connect(target: Target, trust: Trust, deadline: float, now: Callable[[], float] = time.monotonic) -> Connection:
    """Reach the camera; for rtsps, be sure that it is the camera before anything is said."""
    sock = reach(target, min(deadline, now() + CONNECT_S), now)
    if target.scheme != "rtsps":
        return Connection(target, sock)
    from recorder.rtsp import tls  # noqa: PLC0415  (ssl costs a worker 1.3 MB; few cameras want it)

    return tls.secure(target, trust, sock, max(SHORTEST_S, min(CONNECT_S, deadline - now())))


def reach(target: Target, deadline: float, now: Callable[[], float] = time.monotonic) -> socket.socket:
    """A plain TCP connection to the first address of the camera that takes it."""
    refused = False
    addresses = _addresses(target)
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        left = deadline - now()
        if left <= 0:
            break
        sock = None
        try:
            sock = socket.socket(family, kind, protocol)
            # One that is dead (IPv6 of a name, as a rule) leaves the others their time.
            sock.settimeout(left / (len(addresses) - tried))
            sock.connect(address)
        except OSError as error:
            refused = refused or isinstance(error, ConnectionRefusedError)
            if sock is not None:
                sock.close()
        else:
            return sock
    raise SessionEnded(outcome.connection_refused(target) if refused else outcome.unreachable(target))


def _addresses(target: Target) -> Sequence[tuple[Any, ...]]:
    name, zone = split_zone(target.host)
    # As bytes, because for a text Python loads its tables for international names, which a worker would pay for.
    host = name.encode() if name.isascii() else name
    try:
        found = socket.getaddrinfo(host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SessionEnded(outcome.unknown_name(target)) from None
    if not zone:
        return found
    scope = _scope(target, zone)
    return [(*how, (*address[:3], scope)) for *how, address in found]


def _scope(target: Target, zone: str) -> int:
    """The number of an interface."""
    try:
        return int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
    except (OSError, ValueError):
        raise SessionEnded(outcome.no_interface(target, zone)) from None


def _in_numbers(address: tuple[Any, ...]) -> str:
    """Of a socket; one that is good on a single link only, with the number of its interface."""
    return f"{address[0]}%{address[3]}" if len(address) > 3 and address[3] else str(address[0])
