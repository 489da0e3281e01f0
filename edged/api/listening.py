"""The control socket: it is there from the start, and what answers behind it is loaded when somebody first comes.

What the calls need is a third of the daemon (`edged.main.late_loading`), and there are boxes that nobody asks for
months. So nothing here imports it. Whoever comes first waits for it, half a second; the loop goes on meanwhile.

Every account may connect (mode 0666): which of them is let in says the guard (`edged.access.guard`), which can tell
who was refused and why. So that nobody can hold the daemon's file descriptors, each account has only so many
connections (S12). A connection too many of one account is closed at once, before a byte of it is read. Where all places
are taken, the oldest of whom the guard has let nothing through makes room: one account may have thousands of numbers
(subuid), and must not keep out who has a role.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol, TypeAlias, cast

from edged.access.callers import Peer, meet
from edged.words.roles import is_of_the_house

log = logging.getLogger("edged.api")
SOCKET_MODE: Final = 0o666
EACH_MAX: Final = 16
"""Connections of one account: edgectl needs one, a screen that redraws itself another."""
ALL_MAX: Final = 128
"""Of all: what is left of the 4096 file descriptors is the cameras'. Root comes in all the same."""
BACKLOG: Final = 64
GOODBYE_S: Final = 1.0
"""How long a stop waits for answers in progress: a reader that does not read must not hold up the daemon."""


class Answering(Protocol):
    """What answers on connections; `aiohttp.web.AppRunner` is one."""

    @property
    def server(self) -> Callable[[], asyncio.Protocol] | None: ...
    async def cleanup(self) -> None: ...


Load: TypeAlias = Callable[[], Awaitable[Answering]]


class ControlSocket:
    """The socket, and what answers on it once that is loaded."""

    def __init__(self, path: Path, load: Load) -> None:
        """`load` is awaited when somebody first connects; again by who comes next, if it failed."""
        self._path = path
        self._load = load
        self._limit: ConnectionLimit | None = None
        self._listening = False

    async def listen(self) -> None:
        """Listen, unless it does already. A socket that nobody listens on any more is replaced.

        Raises OSError when the path cannot be used; may be called again.
        """
        if self._listening:
            return
        await self.stop()
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        await asyncio.to_thread(_remove_stale, self._path)
        self._limit = ConnectionLimit(self._load)
        await self._limit.open(self._path)
        self._listening = True
        self._path.chmod(SOCKET_MODE)

    async def stop(self) -> None:
        """Answer what is being asked, then close; the socket file goes."""
        if self._limit is not None:
            await self._limit.close()
            self._limit = None
        if self._listening:
            self._listening = False
            self._path.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Remove a socket nobody answers on. The state directory's lock already says that no second daemon runs."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise FileExistsError(f"{path} is in use by another program: set [paths] socket to another path")


class ConnectionLimit:
    """The listening socket before what answers."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._loading: asyncio.Task[Answering] | None = None
        self._server: asyncio.AbstractServer | None = None
        self._inside: dict[asyncio.Transport, Peer] = {}
        """The oldest first."""

    async def open(self, path: Path) -> None:
        """Listen there; OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Knock(self), str(path), backlog=BACKLOG)

    async def close(self) -> None:
        """Nobody comes in any more; who is inside is answered."""
        if self._server is not None:
            self._server.close()
            self._server = None
        loading, self._loading = self._loading, None
        if loading is None:
            return
        await asyncio.wait([loading], timeout=GOODBYE_S)
        if loading.done() and _is_well(loading):
            await loading.result().cleanup()
            return
        for transport in self._inside:
            transport.abort()

    def admit(self, transport: asyncio.Transport) -> None:
        """Hand it on to what answers, as soon as that is loaded; or close it."""
        visitor = meet(transport)
        self._inside = {one: whose for one, whose in self._inside.items() if not one.is_closing()}
        theirs = sum(whose.uid == visitor.uid for whose in self._inside.values())
        if self._server is None or theirs >= EACH_MAX or not self._has_room(visitor):
            log.debug("a connection too many")
            transport.abort()
            return
        self._inside[transport] = visitor
        if self._loading is None:
            self._loading = asyncio.ensure_future(self._load())
            self._loading.add_done_callback(self._loaded)
        if self._loading.done():
            self._hand_on(transport, self._loading)
        else:
            self._loading.add_done_callback(lambda done: self._hand_on(transport, done))

    def _loaded(self, loaded: asyncio.Task[Answering]) -> None:
        if not loaded.cancelled() and (error := loaded.exception()) is not None:
            log.error("the calls of the control socket could not be loaded", exc_info=error)
        if self._loading is loaded and not _is_well(loaded):
            self._loading = None  # whoever comes next tries again

    def _hand_on(self, transport: asyncio.Transport, loaded: asyncio.Task[Answering]) -> None:
        if transport.is_closing():
            return
        server = loaded.result().server if _is_well(loaded) else None
        if server is None:
            transport.abort()
            return
        knock, protocol = transport.get_protocol(), server()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if isinstance(knock, _Knock) and knock.early:
            transport.resume_reading()
            protocol.data_received(knock.early)

    def _has_room(self, visitor: Peer) -> bool:
        if len(self._inside) < ALL_MAX or is_of_the_house(visitor.uid, os.geteuid()):
            return True
        unknown = next((one for one, whose in self._inside.items() if not whose.welcome), None)
        if unknown is None:
            return False
        del self._inside[unknown]
        unknown.abort()
        return True


def _is_well(loaded: asyncio.Task[Answering]) -> bool:
    return not loaded.cancelled() and loaded.exception() is None


class _Knock(asyncio.Protocol):
    """A connection of which nobody has decided yet, or that waits for what answers."""

    def __init__(self, limit: ConnectionLimit) -> None:
        self._limit = limit
        self._transport: asyncio.Transport | None = None
        self.early = b""
        """What came meanwhile; no more is read until it is taken."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._limit.admit(self._transport)

    def data_received(self, data: bytes) -> None:
        self.early += data
        if self._transport is not None:
            self._transport.pause_reading()
