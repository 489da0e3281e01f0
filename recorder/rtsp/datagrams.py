"""Media over UDP, for cameras that know nothing else: a pair of ports for each track.

Only the camera's own datagrams are taken. They are read in bursts like everything else. What a full socket buffer
cannot take is lost, so how long they may be left alone (`nap_s`) depends on how much the kernel keeps.
"""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from recorder.rtp.packet import WAIT_NS, Reorder
from recorder.rtsp.message import Handler
from recorder.words import outcome
from recorder.words.address import Target, split_zone
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item

RECEIVE_BYTES: Final = 4 * 1024 * 1024
"""Asked of the kernel, which gives what its limit allows (net.core.rmem_max; systemd/edged.sysctl.conf raises it)."""
KERNEL_BYTES: Final = 4_864
"""What a full datagram takes of a socket buffer, beside its own bytes: measured, 90 fill the usual 208 KiB, which the
kernel doubles (socket(7))."""
SMALL_DATAGRAMS: Final = 400
"""A socket buffer that keeps fewer takes a key frame's burst only if it is emptied soon."""
SMALL_NAP_S: Final = 0.02
WAITING_NAP_S: Final = WAIT_NS / 1e9 + 0.02
"""While something waits for what was lost, or comes late: it is held in memory meanwhile. A little more than it waits,
because a look may come a little early."""
SHARE: Final = 8
"""Of another may fill while it is left alone; the rest is for bursts, and for a reader that is late."""
DATAGRAM_BYTES: Final = 65_536
"""The largest there is."""
MAX_BURST: Final = 256
"""Datagrams read of a socket at a time, so that one that floods takes turns with the others of its process."""
MAX_BYTES: Final = 256 * 1024
"""After so many of its bytes, likewise: a datagram may have 64 KiB, all of it reports."""
MAX_TRIES: Final = 64
"""To find two ports next to each other, the lower one even (RFC 3550 §11)."""
PUNCH: Final = (bytes((0x80, 0x7F)) + bytes(10), bytes((0x80, 0xC9, 0, 1)) + bytes(4))
"""An RTP packet without content of a type nobody uses, and an empty receiver report: sent to the camera so that a
firewall on the way lets its answers through."""
_REPORTS: Final = frozenset(bytes([kind]) for kind in range(200, 205))
"""Second bytes of RTCP, which some send over the port of RTP (RFC 5761); as packets they would be of types 72 to 76,
which are kept free for this."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other side of a pair of ports; addresses in numbers."""

    camera: str
    source: str
    """Where else it says it sends from; "" where it does not."""
    there: tuple[int, int] | None
    """Where it listens; None where it does not say."""


def nap_s(keeps: int, count: int, since_s: float) -> float:
    """How long ports may be left alone: the kernel `keeps` so many datagrams, and `count` came since they were empty.

    Not bounded above where nothing comes.
    """
    if keeps < SMALL_DATAGRAMS:
        return SMALL_NAP_S
    return max(SMALL_NAP_S, since_s * keeps / (SHARE * count)) if count else math.inf


class Ports:
    """Two sockets: RTP and RTCP of one track."""

    def __init__(self, rtp: socket.socket, rtcp: socket.socket, peer: Peer | None = None) -> None:
        """Use `open_ports`. `peer` as `aim` says."""
        self.rtp, self.rtcp = rtp, rtcp
        self.numbers = (rtp.getsockname()[1], rtcp.getsockname()[1])
        self.peer = peer or Peer("", "", None)
        self._senders = frozenset((split_zone(self.peer.camera)[0], self.peer.source))
        self._reorder = Reorder()
        self.more = False
        """The last read did not take all."""

    def aim(self, camera: str, source: str, there: tuple[int, int] | None) -> None:
        """Where the camera is, where else it says it sends from, and where it listens."""
        self.peer = Peer(camera, source, there)
        self._senders = frozenset((split_zone(camera)[0], source))
        for sock, port, word in zip((self.rtp, self.rtcp), there or (), PUNCH, strict=False):
            self._send(sock, port, word)

    def read(self, rtp: Handler, rtcp: Handler, out: list[Item]) -> int:
        """All that is there, up to a bound: how many datagrams."""
        now_ns, count, self.more = time.monotonic_ns(), 0, False
        for data in self._datagrams(self.rtp):
            count += 1
            if data[1:2] in _REPORTS:  # by its length it would be taken for a packet of another count
                rtcp(data, 0, len(data), out)
                continue
            for packet in self._reorder.push(data, now_ns):
                rtp(packet, 0, len(packet), out)
        for packet in self._reorder.overdue(now_ns):
            rtp(packet, 0, len(packet), out)
        for data in self._datagrams(self.rtcp):
            count += 1
            rtcp(data, 0, len(data), out)
        return count

    def _datagrams(self, sock: socket.socket) -> Iterator[bytes]:
        """Those of the camera."""
        left = MAX_BYTES
        for _ in range(MAX_BURST):
            try:
                data, sender = sock.recvfrom(DATAGRAM_BYTES)
            except OSError:  # nothing more; or an ICMP error, which is told for what we sent and means nothing
                return
            left -= len(data)
            if sender[0] in self._senders:
                yield data
            if left < 0:
                break
        self.more = True

    @property
    def keeps(self) -> int:
        """How many full datagrams the kernel keeps."""
        return self.rtp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // KERNEL_BYTES

    @property
    def waiting(self) -> bool:
        """Something has come before its turn."""
        return self._reorder.waiting

    def report(self, data: bytes) -> None:
        """RTCP for the camera, if it has said where it listens."""
        if self.peer.there is not None:
            self._send(self.rtcp, self.peer.there[1], data)

    def _send(self, sock: socket.socket, port: int, data: bytes) -> None:
        with contextlib.suppress(OSError):  # as good as lost on the way, which UDP is allowed to do
            sock.sendto(data, _at(self.peer.camera, port))

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


def _at(numbers: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """As a socket wants it, where `numbers` may end in that of an interface."""
    address, zone = split_zone(numbers)
    return (address, port, 0, int(zone)) if zone else (address, port)


def open_ports(target: Target, local: str, family: int) -> Ports:
    """A free pair; `SessionEnded` where there is none."""
    return Ports(*_pair(target, local, family))


def _pair(target: Target, local: str, family: int) -> tuple[socket.socket, socket.socket]:
    for _ in range(MAX_TRIES):
        low = high = None
        try:
            low = _bound(local, 0, family)
            port = low.getsockname()[1]
            if port % 2 == 0:
                high = _bound(local, port + 1, family)
                return low, high
        except OSError:
            pass  # the neighbour is taken: try another pair
        finally:
            if high is None and low is not None:
                low.close()
    raise SessionEnded(outcome.no_ports(target))


def _bound(local: str, port: int, family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        sock.setblocking(False)
        sock.bind(_at(local, port))
    except OSError:
        sock.close()
        raise
    return sock
