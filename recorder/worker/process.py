"""Body of a worker process: it connects to one camera, and reads it alone or hands it over to a group.

May import recorder and the lean part of storage (model, layout, segment_file, mp4, clock), nothing else: a worker costs
what stands here, and libav only where a test pattern is encoded. The main thread hears the daemon and reads the camera;
another connects, because that waits. Ignores SIGINT and SIGTERM: the daemon stops it. Keeps L4: nobody else is hurt
when it hangs.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from functools import partial
from typing import Final, NoReturn

from recorder.rtsp import handover
from recorder.rtsp.connection import Trust
from recorder.rtsp.dialogue import Credentials
from recorder.rtsp.negotiation import Negotiated, negotiate
from recorder.rtsp.source import RtspSource
from recorder.words import messages, outcome
from recorder.words.address import Target
from recorder.words.messages import Start
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Source
from recorder.worker.reader import Reader
from recorder.worker.session import Session, tell

EXIT_DONE: Final = 0
EXIT_ORPHANED: Final = 1
"""The daemon is gone, or talks nonsense: nobody would write rows for what is recorded."""
EXIT_FAULT: Final = 3
"""A thread of ours failed; its `.part` is for recovery."""


def main(sock: socket.socket) -> NoReturn:
    """Receive `Start`, connect, record until something ends it, say `Ended`, exit."""
    leave_signals_to_the_daemon()
    try:
        start = messages.receive(sock)
        if isinstance(start, Start):
            _Worker(sock, start).run()
    except (messages.WireError, OSError):
        os._exit(EXIT_ORPHANED)
    except Exception as error:  # noqa: BLE001  (its text may hold a password; it is told without it)
        tell(error)
        os._exit(EXIT_FAULT)
    os._exit(EXIT_ORPHANED)


def leave_signals_to_the_daemon() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


class _Worker:
    """One session in a process of its own, or one that another process goes on with. A `session.Host`."""

    def __init__(self, sock: socket.socket, start: Start) -> None:
        self._reader = Reader()
        self.post = self._reader.post
        self._session = Session(sock, start, self)
        self._reader.add(self._session)

    def run(self) -> NoReturn:
        threading.Thread(target=self._connect, name="connect", daemon=True).start()
        while True:
            self._reader.turn()

    def closed(self, _: Session) -> None:
        os._exit(EXIT_DONE)

    def stuck(self, _: Session) -> None:
        os._exit(EXIT_DONE)

    def orphaned(self, _: Session) -> None:
        os._exit(EXIT_ORPHANED)

    def failed(self, _: Session) -> None:
        os._exit(EXIT_FAULT)

    def _connect(self) -> None:
        """Body of a thread."""
        start = self._session.start
        target = Target.parse(start.url, start.username)
        began = time.monotonic()
        try:
            if target.scheme == "test":
                from recorder.worker.test_pattern import open_pattern  # noqa: PLC0415  (libav: only who needs it pays for it)

                self.post(partial(self._play, open_pattern(target, start.url)))
                return
            trust = Trust(start.certificate, start.ca_file)
            stream = negotiate(start.url, Credentials(start.username, start.password), trust)
            self.post(partial(self._go_on, stream, began))
        except SessionEnded as end:
            self.post(partial(self._session.end, end.ended))
        except Exception as error:  # noqa: BLE001  (the daemon is told)
            tell(error)
            self.post(partial(self._session.end, outcome.fault(target, type(error).__name__)))

    def _go_on(self, stream: Negotiated, began: float) -> None:
        """It plays: read it here, or have it read where others are read, too."""
        session = self._session
        if session.start.fd >= 0 and not session.over and handover.can_be_passed(stream):
            told, descriptors = handover.passed(session.start, stream, time.monotonic() - began)
            if handover.send(session.start.fd, session.sock, told, descriptors):
                os._exit(EXIT_DONE)
        self._play(RtspSource(stream, began=began))

    def _play(self, source: Source) -> None:
        self._session.play(source, time.monotonic())
