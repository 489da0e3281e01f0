"""A stream that plays, from the process that negotiated it to the one that reads it: values and descriptors.

Over TCP without TLS and over UDP; what TLS agreed upon cannot be handed over.
"""

from __future__ import annotations

import array
import os
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from recorder.rtp.sdp import Media
from recorder.rtsp.connection import Connection
from recorder.rtsp.datagrams import Peer, Ports
from recorder.rtsp.dialogue import Dialogue, DialogueState
from recorder.rtsp.negotiation import Lane, Negotiated
from recorder.words.messages import Start, pack, unpacker
from storage.words.message import Message

ALONG_MAX: Final = 7
"""Descriptors in a datagram: the daemon's socket, what is told, the connection, and two ports for each track."""


class PassedLane(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `Lane`; over UDP its two descriptors are among those that come along, in the order of the lanes."""

    media: Media
    channels: tuple[int, int] | None
    peer: Peer | None
    rtptime: int | None


class Passed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All but the descriptors. Holds the camera's password."""

    start: Start
    """As the session was begun, under the terms that hold now."""
    dialogue: DialogueState
    control: str
    lanes: list[PassedLane]
    detail: Message
    early: bytes
    tried_for_s: float
    """How long it has been since connecting began."""


def can_be_passed(stream: Negotiated) -> bool:
    """Whether another process can read it."""
    return stream.dialogue.target.scheme == "rtsp"


def passed(start: Start, stream: Negotiated, tried_for_s: float) -> tuple[bytes, list[int]]:
    """What to hand over. The descriptors are still the stream's, which can be read here as well, if nobody takes it."""
    descriptors = [stream.dialogue.connection.fileno()]
    for lane in stream.lanes:
        if lane.ports is not None:
            descriptors += [lane.ports.rtp.fileno(), lane.ports.rtcp.fileno()]
    lanes = [
        PassedLane(lane.media, lane.channels, None if lane.ports is None else lane.ports.peer, lane.rtptime)
        for lane in stream.lanes
    ]
    stream.early += stream.dialogue.inbox.rest()
    told = Passed(start, stream.dialogue.state, stream.control, lanes, stream.detail, bytes(stream.early), tried_for_s)
    return pack(told), descriptors


def send(intake: int, sock: socket.socket, told: bytes, descriptors: Sequence[int]) -> bool:
    """To whoever reads at the other end of `intake`: the daemon's socket, what is told, and the stream's descriptors.
    What is told lies in memory of its own: it may be longer than a datagram. False: it is not taken."""
    page = os.memfd_create("session", os.MFD_CLOEXEC)
    try:
        with os.fdopen(page, "wb", closefd=False) as file:
            file.write(told)
        along = array.array("i", [sock.fileno(), page, *descriptors])
        with socket.socket(fileno=os.dup(intake)) as group:
            group.sendmsg([b"session"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, along)])
    except OSError:
        return False
    finally:
        os.close(page)
    return True


def receive(intake: socket.socket) -> tuple[bytes, list[int]]:
    """The next datagram, empty at the end, and the descriptors that came with it, in the order of `send`."""
    along = array.array("i")
    data, control, _, _ = intake.recvmsg(64, socket.CMSG_LEN(ALONG_MAX * along.itemsize), socket.MSG_CMSG_CLOEXEC)
    for level, kind, payload in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            along.frombytes(payload[: len(payload) - len(payload) % along.itemsize])
    return data, along.tolist()


def content(page: int) -> bytes:
    """What is told; the descriptor stays open. Raises OSError."""
    with os.fdopen(page, "rb", closefd=False) as file:
        file.seek(0)
        return file.read()


received: Final = unpacker(Passed)
"""Bytes to what was told. Raises `WireError`."""


def resumed(told: Passed, descriptors: Sequence[int], now: Callable[[], float]) -> Negotiated:
    """The stream as it was handed over. The descriptors are its own from now on; ValueError where some are missing, or
    are no sockets, and then they are still the caller's."""
    if not told.lanes or len(descriptors) != 1 + 2 * sum(lane.peer is not None for lane in told.lanes):
        raise ValueError(f"{len(descriptors)} descriptors for {len(told.lanes)} tracks")
    if not all(stat.S_ISSOCK(os.fstat(descriptor).st_mode) for descriptor in descriptors):
        raise ValueError("descriptors that are no sockets")
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    connection = Connection(told.dialogue.target, sockets[0])
    pairs = iter(sockets[1:])
    lanes = [Lane(lane.media, lane.channels, _ports(lane.peer, pairs), lane.rtptime) for lane in told.lanes]
    dialogue = Dialogue.resumed(connection, told.dialogue, now)
    return Negotiated(dialogue, told.control, lanes, told.detail, bytearray(told.early))


def _ports(peer: Peer | None, sockets: Iterator[socket.socket]) -> Ports | None:
    return None if peer is None else Ports(next(sockets), next(sockets), peer)
