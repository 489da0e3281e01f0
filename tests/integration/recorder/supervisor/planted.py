"""Bodies of processes as `recorder.worker` has them, each with one defect that a test asks for."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Final

from recorder.rtsp.negotiation import Negotiated
from recorder.words.messages import Closed
from recorder.worker import group, process
from recorder.worker.session import Session

LIAR: Final = "liar"
SLOW: Final = "slow"
MAY_GO_ON: Final = "slow-may-go-on"
"""A file on its volume."""


def lying(sock: socket.socket) -> None:
    """A group in which `LIAR` tells of a segment that it was not given, once it is recorded for a while."""
    tick = Session._tick
    ticks = dict.fromkeys([LIAR], 0)

    def told(session: Session) -> None:
        tick(session)
        if (camera := session.start.camera) in ticks:
            ticks[camera] += 1
            if ticks[camera] > 2:
                session._offer(Closed(99, 0, 0, 0, "ab" * 32, 0, "ab" * 32, 0))

    Session._tick = told  # type: ignore[assignment,method-assign]
    group.main(sock)


def waiting(sock: socket.socket) -> None:
    """One that has connected and, if it is `SLOW`, hands over when it may."""
    go_on = process._Worker._go_on

    def later(worker: process._Worker, stream: Negotiated, began: float) -> None:
        start = worker._session.start
        while start.camera == SLOW and not Path(start.terms.volume_path, MAY_GO_ON).exists():
            time.sleep(0.01)
        go_on(worker, stream, began)

    process._Worker._go_on = later  # type: ignore[assignment,method-assign]
    process.main(sock)
