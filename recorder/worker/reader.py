"""The loop that reads cameras: wakes all that are due together, sleeps in between.

Waking up is the most of what reading costs: after a sleep the same code takes thrice as long as when it has just run.
So cameras that may be left alone for long (`Source.nap_s`) are looked at together, others in between, and one that
somebody watches live when something comes. Disks' threads are woken when all are looked at: they would take the
interpreter in turns with this one.

Keeps of L4: a parser that never returns is ended by the kernel after `TURN_S` of processor time, with its process; a
page that the daemon shares says whose turn it was.
"""

from __future__ import annotations

import math
import mmap
import os
import select
import signal
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from recorder.words.messages import PLACE, WAKE_MS
from recorder.worker.session import Session

WAKE_S: Final = WAKE_MS / 1000
EARLY_S: Final = 0.01
"""So much before it is due a camera is looked at with the others."""
TURN_S: Final = 0.5
"""Of processor time, for one camera's turn. A MiB, which is the most, takes some 20 ms."""


class Reader:
    """Belongs to the main thread of a process; `post` alone may be called by others."""

    def __init__(self, page: mmap.mmap | None = None, now: Callable[[], float] = time.monotonic) -> None:
        """`page` says whose turn it is: `Start.place`, and 0 between turns."""
        self._page = page
        self._now = now
        self._poll = select.poll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._sessions: dict[int, Session] = {}
        """By the descriptor of the daemon's socket."""
        self._watched: dict[int, Session] = {}
        """Descriptors of cameras that cannot wait."""
        self._posted: deque[Callable[[], None]] = deque()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._phase_s = now()
        self.watch(self._bell, self._hear_posted)

    @property
    def sessions(self) -> list[Session]:
        return list(self._sessions.values())

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Called when something is there."""
        self._callbacks[descriptor] = callback
        self._poll.register(descriptor, select.POLLIN)

    def unwatch(self, descriptor: int) -> None:
        del self._callbacks[descriptor]
        self._poll.unregister(descriptor)

    def post(self, callback: Callable[[], None]) -> None:
        """Have it called in the reader's thread."""
        self._posted.append(callback)
        os.eventfd_write(self._bell, 1)

    def add(self, session: Session) -> None:
        self._sessions[session.sock.fileno()] = session
        self._poll.register(session.sock, select.POLLIN)

    def leave(self, session: Session) -> None:
        """Nothing more is heard of it, nor read."""
        if self._sessions.pop(session.sock.fileno(), None) is not None:
            self._poll.unregister(session.sock)
        self._let_go_of([one for one, whose in self._watched.items() if whose is session])

    def turn(self) -> None:
        """Sleep until something is due or comes, and see to it."""
        due_s = min((session.due_s for session in self._sessions.values()), default=math.inf)
        wait_ms = None if due_s == math.inf else max(0.0, (due_s - self._now()) * 1000)
        ready = [descriptor for descriptor, _ in self._poll.poll(wait_ms)]
        # Whose they are is settled first: what is called may close one, and another may have its number then.
        callbacks = [self._callbacks[one] for one in ready if one in self._callbacks]
        spoken_to = [self._sessions[one] for one in ready if one in self._sessions]
        for session in [self._watched[one] for one in ready if one in self._watched]:
            session.hurry()
        for callback in callbacks:
            callback()
        for session in spoken_to:
            if session in self._sessions.values():
                self._in_turn(session, session.hear)
        now_s = self._now()
        served = []
        for session in self.sessions:
            if session.due_s <= now_s + EARLY_S:
                self._in_turn(session, partial(session.serve, now_s, self._next_look))
                served.append(session)
            self._attend(session)
        for session in served:
            _guarded(session, session.wake_disk)

    def _next_look(self, nap_s: float) -> float:
        """Those that can wait wait for each other."""
        now_s = self._now()
        if nap_s < WAKE_S:
            return now_s + nap_s
        return self._phase_s + ((now_s + EARLY_S - self._phase_s) // WAKE_S + 1) * WAKE_S

    def _in_turn(self, session: Session, what: Callable[[], None]) -> None:
        if self._page is not None:
            PLACE.pack_into(self._page, 0, session.start.place)
        signal.setitimer(signal.ITIMER_VIRTUAL, TURN_S)  # whose SIGVTALRM ends the process
        _guarded(session, what)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if self._page is not None:
            PLACE.pack_into(self._page, 0, 0)

    def _attend(self, session: Session) -> None:
        """Watch the camera's descriptors while what comes must not gather."""
        watched = [one for one, whose in self._watched.items() if whose is session]
        if session.live and not watched:
            for descriptor in session.descriptors:
                self._watched[descriptor] = session
                self._poll.register(descriptor, select.POLLIN)
        elif not session.live:
            self._let_go_of(watched)

    def _let_go_of(self, watched: list[int]) -> None:
        for descriptor in watched:
            del self._watched[descriptor]
            self._poll.unregister(descriptor)

    def _hear_posted(self) -> None:
        os.eventfd_read(self._bell)
        while self._posted:
            self._posted.popleft()()


def _guarded(session: Session, what: Callable[[], None]) -> None:
    try:
        what()
    except Exception as error:  # noqa: BLE001  (whatever it is, it is this session's, and the others go on)
        session.fail(error)
