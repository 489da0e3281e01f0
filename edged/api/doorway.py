"""Who may hold a connection to the control socket: anybody, but each account only so many at a time (S12).

Sits before aiohttp, which takes what comes. A connection too many is closed at once, before a byte of it is read.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path
from typing import Final, cast

from aiohttp import web

from edged.api.base import PEERCRED
from edged.roles import is_of_the_house

log = logging.getLogger("edged.control")

EACH_MAX: Final = 16
"""Connections of one account: edgectl needs one, a screen that redraws itself another."""
ALL_MAX: Final = 128
"""Of all but root: what is left of the 4096 file descriptors is the cameras'."""
BACKLOG: Final = 64


class Doorway:
    """The listening socket before a runner."""

    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner
        self._server: asyncio.AbstractServer | None = None
        self._inside: dict[asyncio.BaseTransport, int] = {}

    async def open(self, path: Path) -> None:
        """Listen there; OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Knock(self), str(path), backlog=BACKLOG)

    def close(self) -> None:
        """Nobody comes in any more; the runner sees to those who are inside."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def admit(self, transport: asyncio.Transport) -> None:
        """Hand it on to aiohttp, or close it."""
        connection: socket.socket = transport.get_extra_info("socket")
        _, uid, _ = PEERCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEERCRED.size))
        self._inside = {one: whose for one, whose in self._inside.items() if not one.is_closing()}
        theirs = list(self._inside.values()).count(uid)
        crowded = len(self._inside) >= ALL_MAX and not is_of_the_house(uid, os.geteuid())
        server = self._runner.server
        if server is None or crowded or theirs >= EACH_MAX:
            log.debug("a connection too many of uid %d", uid)
            transport.abort()
            return
        self._inside[transport] = uid
        protocol = server()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class _Knock(asyncio.Protocol):
    """A connection of which nobody has decided yet."""

    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._doorway.admit(cast("asyncio.Transport", transport))
