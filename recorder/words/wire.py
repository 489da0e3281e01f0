"""Messages over a SOCK_SEQPACKET pair: one datagram, one JSON message, and with a `Watch` one descriptor.

Imports only msgspec and the messages themselves: a camera's worker pays for what stands here. A datagram that does not
decode raises `WireError`; whoever reads it ends that worker, never the daemon (L4).
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Final

import msgspec

from recorder.words.messages import MAX_MESSAGE_BYTES, FromWorker, Message, ToWorker, Watch

_ENCODER: Final = msgspec.json.Encoder()
_COMMANDS: Final[msgspec.json.Decoder[ToWorker]] = msgspec.json.Decoder(ToWorker)
_REPORTS: Final[msgspec.json.Decoder[FromWorker]] = msgspec.json.Decoder(FromWorker)
_FD: Final = struct.Struct("i")
_ROOM: Final = socket.CMSG_LEN(_FD.size)
"""For one descriptor; the kernel closes what does not fit."""


class WireError(Exception):
    """What came over the socket is no message. Never quotes it: a `Start` carries a password."""


def encode(message: Message) -> bytes:
    """One message as one datagram."""
    data = _ENCODER.encode(message)
    if len(data) > MAX_MESSAGE_BYTES:
        raise WireError(f"a {type(message).__name__} of {len(data)} bytes is longer than {MAX_MESSAGE_BYTES}")
    return data


def decode_command(data: bytes) -> ToWorker:
    """Worker's side: what the daemon said."""
    try:
        return _COMMANDS.decode(data)
    except ValueError:  # also UnicodeDecodeError
        raise WireError(f"{len(data)} bytes that are no message to a worker") from None


def decode_report(data: bytes) -> FromWorker:
    """Daemon's side: what a worker said."""
    try:
        return _REPORTS.decode(data)
    except ValueError:  # also UnicodeDecodeError
        raise WireError(f"{len(data)} bytes that are no message from a worker") from None


def send(sock: socket.socket, message: Message) -> None:
    """Blocks while the other side does not read. Safe from several threads: a datagram is written whole."""
    sock.send(encode(message))


def offer(sock: socket.socket, message: Message, fd: int | None = None) -> bool:
    """As `send`, but says False instead of waiting when the other side does not read. A copy of `fd` goes with it."""
    along = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _FD.pack(fd))]
    try:
        sock.sendmsg([encode(message)], along, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    return True


def datagram(sock: socket.socket) -> tuple[bytes, int]:
    """The next datagram and the descriptor that came with it, -1 for none; it is the receiver's. Empty at EOF, also
    when the other side died with something of ours unread.
    """
    try:
        data, along, _, _ = sock.recvmsg(MAX_MESSAGE_BYTES + 1, _ROOM, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", -1
    return data, next((_FD.unpack(what)[0] for _, kind, what in along if kind == socket.SCM_RIGHTS), -1)


def receive(sock: socket.socket) -> ToWorker | None:
    """Worker's side: the next command, or None at EOF. A descriptor that came with it is the receiver's."""
    data, fd = datagram(sock)
    if not data:
        return None
    message = decode_command(data)
    if isinstance(message, Watch):
        return msgspec.structs.replace(message, fd=fd)
    if fd >= 0:
        os.close(fd)
    return message
