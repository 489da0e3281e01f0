"""Who may hold a connection to the control socket: anybody, but each account only so many at a time (S12).

Sits before aiohttp, which takes what comes. A connection too many of one account is closed at once, before a byte of it
is read. Where all places are taken, the oldest of whom the guard has let nothing through makes room: one account may
have thousands of numbers (subuid), and must not keep out who has a role.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Final, cast

from aiohttp import web

from edged.access.peer import Visitor, meet
from edged.host.logs import PERSONAL
from edged.words.roles import is_of_the_house

log = logging.getLogger("edged.api.server")

EACH_MAX: Final = 16
"""Connections of one account: edgectl needs one, a screen that redraws itself another."""
ALL_MAX: Final = 128
"""Of all: what is left of the 4096 file descriptors is the cameras'. Root comes in all the same."""
BACKLOG: Final = 64


class Doorway:
    """The listening socket before a runner."""

    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner
        self._server: asyncio.AbstractServer | None = None
        self._inside: dict[asyncio.Transport, Visitor] = {}
        """The oldest first."""

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
        visitor = meet(transport)
        self._inside = {one: whose for one, whose in self._inside.items() if not one.is_closing()}
        theirs = sum(whose.uid == visitor.uid for whose in self._inside.values())
        server = self._runner.server
        if server is None or theirs >= EACH_MAX or not self._has_room(visitor):
            log.debug("a connection too many of uid %d", visitor.uid, extra=PERSONAL)
            transport.abort()
            return
        self._inside[transport] = visitor
        protocol = server()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    def _has_room(self, visitor: Visitor) -> bool:
        if len(self._inside) < ALL_MAX or is_of_the_house(visitor.uid, os.geteuid()):
            return True
        unknown = next((one for one, whose in self._inside.items() if not whose.welcome), None)
        if unknown is None:
            return False
        del self._inside[unknown]
        unknown.abort()
        return True


class _Knock(asyncio.Protocol):
    """A connection of which nobody has decided yet."""

    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._doorway.admit(cast("asyncio.Transport", transport))
