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
    """On which nobody listens, and nobody will but who asked for it: not one of those that the kernel gives to whoever
    wants any (from 32768 on), and another one than other processes of tests have."""
    for port in itertools.islice(_OWN_PORTS, PORTS):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError(f"something listens on each port from {FIRST_PORT} on")
