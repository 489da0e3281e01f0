"""The control socket: it is there from the start, and what answers behind it is loaded when somebody first comes.

aiohttp, the documents and what the calls need are a third of the daemon, and there are boxes that nobody asks for
months. So nothing here imports them. Whoever comes first waits for them, half a second, and his connection is read as
soon as they are there; the loop goes on meanwhile.

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
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeAlias, cast

from edged.access.callers import Peer, Route, meet
from edged.words.roles import is_of_the_house

log = logging.getLogger("edged.api")
SOCKET_MODE: Final = 0o666
EACH_MAX: Final = 16
"""Connections of one account: edgectl needs one, a screen that redraws itself another."""
ALL_MAX: Final = 128
"""Of all: what is left of the 4096 file descriptors is the cameras'. Root comes in all the same."""
BACKLOG: Final = 64


class Answering(Protocol):
    """What answers on connections; `aiohttp.web.AppRunner` is one."""

    @property
    def server(self) -> Callable[[], asyncio.Protocol] | None: ...
    async def cleanup(self) -> None: ...


class Calls(Protocol):
    """All calls; `edged.api.server.Control` is some."""

    @property
    def routes(self) -> Sequence[Route]: ...
    async def runner(self) -> Answering: ...


Load: TypeAlias = Callable[[], Awaitable[Answering]]


class ControlSocket:
    """The socket, and what answers on it once that is loaded."""

    def __init__(self, path: Path, load: Callable[[], Calls]) -> None:
        """`load` blocks, and is called when somebody first connects, on a thread; and again if it failed."""
        self._path = path
        self._load = load
        self._loading = threading.Lock()
        self._calls: Calls | None = None
        self._limit: ConnectionLimit | None = None
        self._listening = False

    def calls(self) -> Calls:
        """Blocks where they are not loaded yet."""
        with self._loading:
            if self._calls is None:
                self._calls = self._load()
            return self._calls

    async def _answering(self) -> Answering:
        return await (await asyncio.to_thread(self.calls)).runner()

    async def listen(self) -> None:
        """Listen, unless it does already. A socket that nobody listens on any more is replaced.

        Raises OSError when the path cannot be used; may be called again.
        """
        if self._listening:
            return
        await self.stop()
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        await asyncio.to_thread(_remove_stale, self._path)
        self._limit = ConnectionLimit(self._answering)
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
        try:
            answering = await loading
        except Exception:  # noqa: BLE001  (told by `_hand_on`)
            return
        await answering.cleanup()

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
        if self._loading.done():
            self._hand_on(transport, self._loading)
        else:
            self._loading.add_done_callback(lambda done: self._hand_on(transport, done))

    def _hand_on(self, transport: asyncio.Transport, loaded: asyncio.Task[Answering]) -> None:
        if transport.is_closing():
            return
        server = None
        if not loaded.cancelled():
            if loaded.exception() is None:
                server = loaded.result().server
            elif self._loading is loaded:
                log.error("the calls of the control socket could not be loaded", exc_info=loaded.exception())
                self._loading = None  # whoever comes next tries again
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
