"""Ports of 127.0.0.1 for servers that tests start, stop, and start again."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from typing import Final

PORTS: Final = 100
FIRST_PORT: Final = 10_000 + os.getpid() % 200 * PORTS
_OWN_PORTS: Final = itertools.cycle(range(FIRST_PORT, FIRST_PORT + PORTS))


def free_port() -> int:
    """On which nobody listens now, and hardly anybody will meanwhile: it is none of those that Linux gives to whoever
    wants any (by default from 32768 on), and other processes of tests begin elsewhere, unless 200 process ids apart."""
    for port in itertools.islice(_OWN_PORTS, PORTS):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError(f"something listens on each port from {FIRST_PORT} on")
