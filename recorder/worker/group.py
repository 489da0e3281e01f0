"""Body of a process that reads a few cameras at once, each handed over to it by the process that connected.

As `recorder.worker.process`, but for connecting, which never happens here: nothing that waits for one camera is in the
way of another (L4). A session that ends leaves the others as they are. What ends the process ends them all; the daemon
learns from the page that it shares whose turn it was.
"""

from __future__ import annotations

import mmap
import os
import socket
import time
from typing import NoReturn

from recorder.rtsp import handover
from recorder.rtsp.message import BUFFER_BYTES
from recorder.rtsp.source import RtspSource
from recorder.words.messages import WireError
from recorder.worker.process import EXIT_DONE, EXIT_FAULT, EXIT_ORPHANED, leave_signals_to_the_daemon
from recorder.worker.reader import Reader
from recorder.worker.session import Session, tell


def main(sock: socket.socket) -> NoReturn:
    """`sock`: where sessions come in, after one page of memory. At its end nobody is left who would hand any over."""
    leave_signals_to_the_daemon()
    try:
        _, descriptors = handover.receive(sock)
        if len(descriptors) != 1:
            os._exit(EXIT_ORPHANED)
        _Group(sock, mmap.mmap(descriptors[0], mmap.PAGESIZE)).run()
    except OSError:
        os._exit(EXIT_ORPHANED)
    except Exception as error:  # noqa: BLE001  (its text may hold a password; it is told without it)
        tell(error)
        os._exit(EXIT_FAULT)


class _Group:
    """Several sessions. A `session.Host`."""

    def __init__(self, intake: socket.socket, page: mmap.mmap) -> None:
        self._intake = intake
        self._closing = False
        """Nobody will hand anything over any more."""
        self._reader = Reader(page)
        self._buffer = bytearray(BUFFER_BYTES)
        self.post = self._reader.post
        self._reader.watch(intake.fileno(), self._take_in)

    def run(self) -> NoReturn:
        while True:
            self._reader.turn()
            if self._closing and not self._reader.sessions:
                os._exit(EXIT_DONE)

    def closed(self, session: Session) -> None:
        self._reader.leave(session)
        session.sock.close()

    def stuck(self, session: Session) -> None:
        """Its socket stays open until its disk lets go of it: whoever waits for it learns that."""

    def orphaned(self, session: Session) -> None:
        self._reader.leave(session)
        session.drop()

    def failed(self, session: Session) -> None:
        self.orphaned(session)

    def _take_in(self) -> None:
        data, descriptors = handover.receive(self._intake)
        if not data:
            self._closing = True
            self._reader.unwatch(self._intake.fileno())
            return
        try:
            control, page, *streams = descriptors
            told = handover.received(handover.content(page))
            stream = handover.resumed(told, streams, time.monotonic)
        except (WireError, ValueError, OSError) as error:
            tell(error)
            _close(descriptors)  # which ends the session
            return
        os.close(page)
        session = Session(socket.socket(fileno=control), told.start, self, told.tried_for_s)
        began = time.monotonic() - told.tried_for_s
        session.play(RtspSource(stream, began=began, buffer=self._buffer), time.monotonic())
        self._reader.add(session)


def _close(descriptors: list[int]) -> None:
    """The daemon's socket, which is the first, last: it tells that all is given back."""
    for descriptor in reversed(descriptors):
        os.close(descriptor)
