"""Body of a worker process: one session with one camera, from `Start` to `Ended`.

May import recorder and the lean part of storage (model, layout, segmentfile), nothing else: a worker costs what stands
here. Exits at once at EOF of its socket, ignores SIGINT and SIGTERM.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import Final, NoReturn

from recorder import wire
from recorder.messages import Ended, Start
from storage.model import GapCause

EXIT_ORPHANED: Final = 1
"""The daemon is gone: nobody would write rows for what we record."""


def main(sock: socket.socket) -> NoReturn:
    """Receive `Start`, record until something ends it, say `Ended`, exit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    start = wire.receive(sock)
    if not isinstance(start, Start):
        os._exit(EXIT_ORPHANED)
    wire.send(sock, Ended(cause=GapCause.UNSUPPORTED, tried=start.camera, came_back="", check=""))
    os._exit(0)
