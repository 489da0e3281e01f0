"""A stream that plays, from the process that negotiated it to the one that reads it: values and descriptors.

Over TCP without TLS and over UDP; what TLS agreed upon cannot be handed over.
"""

from __future__ import annotations

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
from recorder.rtsp.message import Beginning
from recorder.rtsp.negotiation import Lane, Negotiated
from recorder.words.messages import Start, pack, unpack
from storage.words.message import Message

DESCRIPTORS_MAX: Final = 5
"""The connection, and a pair of ports for picture and for sound."""


class PassedLane(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `Lane`; over UDP its two descriptors are among those that come along, in the order of the lanes."""

    media: Media
    channels: tuple[int, int] | None
    peer: Peer | None
    begins: Beginning | None


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
        PassedLane(lane.media, lane.channels, None if lane.ports is None else lane.ports.peer, lane.begins)
        for lane in stream.lanes
    ]
    stream.early += stream.dialogue.inbox.rest()
    told = Passed(start, stream.dialogue.state, stream.control, lanes, stream.detail, bytes(stream.early), tried_for_s)
    return pack(told), descriptors


def received(data: bytes) -> Passed:
    """Raises `WireError`."""
    return unpack(data, Passed)


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
    lanes = [Lane(lane.media, lane.channels, _ports(lane.peer, pairs), lane.begins) for lane in told.lanes]
    dialogue = Dialogue.resumed(connection, told.dialogue, now)
    return Negotiated(dialogue, told.control, lanes, told.detail, bytearray(told.early))


def _ports(peer: Peer | None, sockets: Iterator[socket.socket]) -> Ports | None:
    return None if peer is None else Ports(next(sockets), next(sockets), peer)
