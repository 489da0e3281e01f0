"""The daemon's end of what a worker hands out: tracks, packets and losses, read without waiting for anybody else.

Imports asyncio and the words of `recorder.worker.fan_out`. A worker is not trusted: what is no message of ours ends
the subscription, never the daemon (L4), and no more than one message is in memory at a time (S12). Who reads too
slowly loses packets at the worker's side.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import msgspec

from recorder.supervisor.processes import WorkerProcess
from recorder.words.messages import Kind, Watch
from recorder.worker.fan_out import LENGTH_BYTES, MAX_FRAME_BYTES, Handed

log = logging.getLogger("edged.camera")

_READ_BYTES: Final = 1 << 18
"""At a time: what a socket of Linux holds."""
_DECODER: Final[msgspec.msgpack.Decoder[Handed]] = msgspec.msgpack.Decoder(Handed)


class Subscription:
    """An asynchronous iterator over what one session hands out; it ends with the session. Close it, or use `with`."""

    def __init__(self, sock: socket.socket | None) -> None:
        """Use `watch`. Without a socket it is over at once."""
        self._sock = sock
        self._buffer = bytearray()
        self._reading = False
        if sock is not None:
            sock.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Handed:
        while (data := self._whole()) is None:
            if self._sock is None or not await self._read(self._sock):
                self.close()
                raise StopAsyncIteration
        try:
            return _DECODER.decode(data)
        except ValueError:  # also UnicodeDecodeError
            log.warning("a worker handed out %d bytes that are no message; it is watched no longer", len(data))
            self.close()
            raise StopAsyncIteration from None

    def close(self) -> None:
        """The worker notices by itself. Whoever is reading comes to the end."""
        if self._sock is not None and self._reading:
            # The loop still looks at it: it is closed when the reader has noticed.
            with suppress(OSError):  # the worker was first
                self._sock.shutdown(socket.SHUT_RDWR)
            return
        sock, self._sock = self._sock, None
        self._buffer.clear()
        if sock is not None:
            sock.close()

    def _whole(self) -> bytes | None:
        """The next message, if all of it is here."""
        if len(self._buffer) < LENGTH_BYTES:
            return None
        end = LENGTH_BYTES + int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
        if end > LENGTH_BYTES + MAX_FRAME_BYTES:
            log.warning("a worker announced a message of %d bytes; it is watched no longer", end - LENGTH_BYTES)
            self.close()
            return None
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            data = bytes(view[LENGTH_BYTES:end])
        del self._buffer[:end]
        return data

    async def _read(self, sock: socket.socket) -> bool:
        """False at the end of the session, however it ended."""
        self._reading = True
        try:
            data = await asyncio.get_running_loop().sock_recv(sock, _READ_BYTES)
        except OSError:
            return False
        finally:
            self._reading = False
        self._buffer += data
        return bool(data)


def watch(worker: WorkerProcess, what: Kind) -> Subscription:
    """Ask a worker for copies. One that does not hear, or has too many watchers, gives a subscription that is over; so
    does a daemon that has no descriptor left.
    """
    try:
        ours, theirs = socket.socketpair()
    except OSError:
        return Subscription(None)
    with theirs:
        if worker.send(Watch(what), theirs.fileno()):
            return Subscription(ours)
    ours.close()
    return Subscription(None)
