"""Worker processes as the daemon's loop sees them: made by a forkserver, heard without waiting, killed for certain.

Imports asyncio and the messages; never the worker itself. Keeps of L4 that nothing here blocks the loop, and of S12
that each process and descriptor made here is given back.

Facts it rests on, each held by a test in tests/integration/recorder/supervisor/test_processes.py:
- A forkserver started with SIGINT, SIGTERM and SIGHUP blocked hands the blocked mask on to every worker. Ctrl-C, or a
  signal to the whole process group, so reaches only the daemon, also while the forkserver still imports.
- Only the daemon holds its end of a session's socket pair, so its death, however sudden, is EOF for every worker.
- A session is over when its socket is at its end, whichever process holds the other end by then: the one that connected
  may have handed it over to a group (`recorder.supervisor.groups`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol

from msgspec.structs import replace

from recorder.supervisor.forkserver import ANSWERS, Died, Fork, Forked
from recorder.supervisor.state import Exited, HungUp, Misbehaved
from recorder.words import messages
from recorder.words.messages import MAX_MESSAGE_BYTES, Ended, FromWorker, Start, Stats, ToWorker
from storage.words.message import message
from storage.words.model import GapCause

log = logging.getLogger("edged.process")

WORKER: Final = "recorder.worker.process:main"
GROUP: Final = "recorder.worker.group:main"
COMMAND: Final = (sys.executable, "-POO", "-m", "recorder.supervisor.forkserver")
"""OO: without docstrings, which are 1.3 MB of what all processes of cameras share."""
FORKSERVER_TIMEOUT_S: Final = 10.0
"""For the forkserver to make a process. Its cold start takes 0.3 s here, a few seconds on a box that boots from a slow
disk. Longer means hung: it is killed and a new one starts."""
EXIT_CODE_TIMEOUT_S: Final = 1.0
"""To learn how a worker ended, which is only for words."""
MAX_MESSAGES_PER_S: Final = 200
"""A worker says two things a second and four at a cut; one that floods would starve the loop for all (L4)."""
UNHEARD_MAX: Final = 32
"""Messages of a session that wait for its runner in memory; what is behind waits in the socket, whose buffer is the
bound."""
SHIELDED: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
"""What a terminal or `kill` sends to a whole process group: the daemon alone decides what ends."""


class NoProcess(Exception):
    """The forkserver could not make a process; the next try may find a new forkserver."""


class ChildProcess:
    """One process. `on_exit` is called on the loop when it is gone."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self.gone = False
        self.killed = False
        self.on_exit: Callable[[], None] = lambda: None
        self.code: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        """How it ended, as soon as the forkserver tells; None if nobody is left who could."""
        self._pidfd: int | None = pidfd
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pidfd, self._has_exited)

    @property
    def is_ending(self) -> bool:
        """Gone or killed, or its first thread is gone: another may still wait for a disk that hangs.

        Nobody tells of that: pidfd and sockets come to their end with the last thread.
        """
        if self.gone or self.killed:
            return True
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123 (lean)
                return file.read().rpartition(")")[2].split()[0] in "ZX"
        except (OSError, IndexError):
            return True

    def kill(self) -> None:
        """SIGKILL: to this very process, whatever became of its number."""
        self.killed = True
        if self._pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Kill it and give its descriptor back, gone or not. Also when the loop is closed."""
        self.kill()
        pidfd, self._pidfd = self._pidfd, None
        if pidfd is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(pidfd)
            os.close(pidfd)

    def _has_exited(self) -> None:
        self.gone = True
        self.close()
        self.on_exit()


class Forkserver:
    """Makes processes. One per daemon."""

    def __init__(self, worker: str = WORKER, group: str = GROUP) -> None:
        self._worker = worker
        self._group = group
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """On which it is heard."""
        self._turn = asyncio.Lock()
        self._number = 0
        self._awaited: dict[int, asyncio.Future[ChildProcess]] = {}
        self._children: dict[int, ChildProcess] = {}
        """By pid: whose end was not told yet, and who outlived the forkserver that made it."""
        self._workers: set[WorkerProcess] = set()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it. The first time before the event loop and any thread."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        modules = [target.partition(":")[0] for target in (self._worker, self._group)]
        with theirs, _shielded():
            self._process = subprocess.Popen(
                [*COMMAND, str(theirs.fileno()), *modules],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        ours.setblocking(False)
        self._sock, self._loop = ours, None

    def close(self) -> None:
        """Kill every process and the forkserver; wait for it, not for one that cannot die."""
        for worker in tuple(self._workers):
            worker.abandon()
        for child in self._children.values():
            child.close()
        self._end()
        self._children.clear()

    async def spawn(self, wake: Callable[[], None], count: Callable[[Stats], None] | None = None) -> WorkerProcess:
        """A new session's worker; `wake` is called on the loop when there may be something to `take`. Raises NoProcess.

        Counters, of which every session sends some each second, go to `count` at once, unless something waits to be
        taken.
        """
        ours, process = await self.make(self._worker)
        worker = WorkerProcess(process, ours, wake, count, on_close=lambda: self._workers.discard(worker))
        self._workers.add(worker)
        return worker

    async def make_group(self) -> tuple[socket.socket, ChildProcess]:
        """A process for streams that others hand over, and where it takes them in. Raises NoProcess."""
        return await self.make(self._group)

    async def make(self, target: str) -> tuple[socket.socket, ChildProcess]:
        """A process that runs `target`, and our end of its socket. Raises NoProcess."""
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise NoProcess(str(error)) from error
        ours.setblocking(False)
        try:
            with theirs:
                return ours, await self._fork(target, theirs)
        except BaseException:
            ours.close()
            raise

    async def _fork(self, target: str, sock: socket.socket) -> ChildProcess:
        """One at a time, so that the time limit is of one making and not of a queue of them."""
        async with self._turn:
            try:
                return await self._ask(target, sock)
            except ConnectionError:
                # It was dying, and not seen to be dead: the one that follows it will do.
                log.warning("the forkserver died and is restarted")
            try:
                return await self._ask(target, sock)
            except ConnectionError as error:
                raise NoProcess("the forkserver died") from error

    async def _ask(self, target: str, sock: socket.socket) -> ChildProcess:
        """Raises ConnectionError if the forkserver is dead, NoProcess if it hangs."""
        loop = asyncio.get_running_loop()
        try:
            if self._sock is None:
                self.start()
            if self._sock is None:
                raise NoProcess("no forkserver")
            if self._loop is not loop:
                self._loop = loop
                loop.add_reader(self._sock, self._hear)
            self._number += 1
            number = self._number
            if not messages.offer(self._sock, Fork(number, target), sock.fileno()):
                raise NoProcess("the forkserver does not hear")
        except ConnectionError:
            self._end()
            raise
        except OSError as error:
            raise NoProcess(str(error)) from error
        made: asyncio.Future[ChildProcess] = loop.create_future()
        self._awaited[number] = made
        try:
            async with asyncio.timeout(FORKSERVER_TIMEOUT_S):
                return await made
        except TimeoutError as error:
            self._end()
            raise NoProcess("the forkserver hangs") from error
        finally:
            self._awaited.pop(number, None)

    def _hear(self) -> None:
        while self._sock is not None:
            try:
                data, fd = messages.datagram(self._sock)
            except BlockingIOError:
                return
            if not data:
                self._end()
                return
            match ANSWERS.decode(data):
                case Forked(number, pid):
                    self._forked(number, pid, fd)
                case Died(pid, code):
                    child = self._children.pop(pid, None)
                    if child is not None and not child.code.done():
                        child.code.set_result(code)

    def _forked(self, number: int, pid: int, pidfd: int) -> None:
        awaited = self._awaited.get(number)
        if pidfd < 0:  # it ends at the end of its socket
            if awaited is not None and not awaited.done():
                awaited.set_exception(NoProcess("the daemon has no descriptor left"))
            return
        child = self._children[pid] = ChildProcess(pid, pidfd)
        if awaited is None or awaited.done():  # nobody waits for it any more
            child.kill()
        else:
            awaited.set_result(child)

    def _end(self) -> None:
        """It is dead, or as good as dead. Its children live on."""
        process, self._process = self._process, None
        sock, self._sock = self._sock, None
        if sock is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(sock)
            sock.close()
        if process is not None:
            process.kill()
            process.wait()
        for awaited in self._awaited.values():
            if not awaited.done():
                awaited.set_exception(ConnectionResetError())
        for child in self._children.values():
            if not child.code.done() and not child.code.get_loop().is_closed():
                child.code.set_result(None)
        self._children = {pid: child for pid, child in self._children.items() if not child.gone}


class Place(Protocol):
    """Where in a group a session is read (`recorder.supervisor.groups`)."""

    @property
    def number(self) -> int:
        """From 1 on."""

    @property
    def intake(self) -> int:
        """Descriptor of the socket at which the group takes sessions in."""

    def handed_over(self) -> bool:
        """The process that connected is gone: from now on it is the group that reads. False: nobody reads there."""

    def heard(self) -> None:
        """The session said something."""

    def suspect(self) -> None:
        """The session is to end: whoever reads it may hang."""

    def leave(self) -> None:
        """The session is over. Told twice, it is heard once."""

    async def verdict(self) -> Exited:
        """What became of the group, when a session that it read ended without a word."""


class WorkerProcess:
    """One session's worker: the process that connects, and the one that reads. All belongs to the loop; none waits but
    `reap`."""

    def __init__(
        self,
        process: ChildProcess,
        sock: socket.socket,
        wake: Callable[[], None],
        count: Callable[[Stats], None] | None,
        on_close: Callable[[], None],
    ) -> None:
        """Use `Forkserver.spawn`."""
        self._process = process
        self._on_close = on_close
        self._sock = sock
        self._wake = wake
        self._count = count
        self._place: Place | None = None
        self._loop = asyncio.get_running_loop()
        self._unheard: deque[FromWorker | Misbehaved] = deque()
        self._listening = False
        self._at_end = False
        """Nothing more can come."""
        self._hung_up = False
        """That was told."""
        self._parted = False
        """It said its last words."""
        self._left_behind = False
        self._window_s = 0.0
        self._window_messages = 0
        self.pid = process.pid
        process.on_exit = self._has_exited
        self._listen()

    @property
    def over(self) -> bool:
        """Nobody holds the other end any more, and what was said was taken."""
        return self._process.gone and self._at_end and not self._unheard

    def begin(self, start: Start, place: Place | None) -> None:
        """Once. With a `place` it hands the stream over to the group there. Raises WireError."""
        self._place = place
        if place is None:
            self.send(start)
        else:
            self.send(replace(start, place=place.number), place.intake)

    def take(self) -> FromWorker | Misbehaved | HungUp | None:
        """What it said next, or None; after None `wake` will be called."""
        if not self._unheard:
            self._listen()
            if self._at_end and not self._hung_up and not self._process.gone:
                self._hung_up = True
                return HungUp()
            return None
        said = self._unheard.popleft()
        self._parted = self._parted or isinstance(said, Ended)
        return said

    def send(self, message: ToWorker, fd: int | None = None) -> bool:
        """False: it does not read what it is told. One that is gone is no failure; `take` will tell."""
        try:
            return messages.offer(self._sock, message, fd)
        except (BrokenPipeError, ConnectionResetError):
            return True

    def kill(self) -> None:
        """End it without asking. In a group that is the session alone, unless the whole group hangs."""
        self._process.kill()
        if self._place is not None:
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)
            self._place.suspect()

    def leave_behind(self, gone: Callable[[], None]) -> None:
        """Nothing that it says counts any more. Once it is gone everything is given back, and `gone` is called."""

        def look() -> None:
            if self.over:
                self.abandon()
                gone()

        self._left_behind, self._wake = True, look
        self._unheard.clear()
        self._listen()
        look()

    async def reap(self) -> Exited:
        """When it is over: give everything back, and say how it ended."""
        self._close()
        code = None
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(EXIT_CODE_TIMEOUT_S):
                    code = await asyncio.shield(self._process.code)
            if self._place is None or code or self._parted:
                return Exited(code)
            return await self._place.verdict()
        finally:
            if self._place is not None:
                self._place.leave()

    def abandon(self) -> None:
        """Kill it and give everything back, without anybody waiting for that."""
        self._process.kill()
        self._close()
        if self._place is not None:
            self._place.leave()

    def _has_exited(self) -> None:
        if self._place is not None and not self._place.handed_over():
            while data := self._receive():
                self._unheard.append(self._said(data))
            self._at_end = True
            self._unlisten()
        self._wake()

    def _listen(self) -> None:
        """While somebody takes what is said."""
        if not self._listening and not self._at_end:
            self._listening = True
            self._loop.add_reader(self._sock.fileno(), self._on_readable)

    def _unlisten(self) -> None:
        if self._listening:
            self._listening = False
            self._loop.remove_reader(self._sock.fileno())

    def _on_readable(self) -> None:
        data = self._receive()
        if data is None or (data and self._left_behind):
            return
        if data:
            if self._place is not None:
                self._place.heard()
            said = self._said(data)
            if isinstance(said, Stats) and self._count is not None and not self._unheard:
                self._count(said)
                return
            self._unheard.append(said)
            if len(self._unheard) >= UNHEARD_MAX:
                self._unlisten()
        else:
            self._at_end = True
            self._unlisten()
        self._wake()

    def _said(self, data: bytes) -> FromWorker | Misbehaved:
        if self._floods():
            flood = message(
                "session.flood", "its process sent over {count} messages a second", count=MAX_MESSAGES_PER_S
            )
            return Misbehaved(GapCause.WORKER_CRASH, flood)
        try:
            return messages.decode_report(data)
        except messages.WireError as error:
            damaged = message(
                "session.damaged",
                "its process was damaged by what the camera sent: it said {error}",
                error=str(error),
            )
            return Misbehaved(GapCause.BAD_DATA, damaged)

    def _receive(self) -> bytes | None:
        """One datagram; None: nothing now; empty: nothing ever again."""
        for _ in range(2):
            try:
                return self._sock.recv(MAX_MESSAGE_BYTES + 1)
            except BlockingIOError:
                return None
            except ConnectionResetError:
                # It died with something of ours unread. Said once, and before what it still had to say: read on.
                continue
        return b""

    def _floods(self) -> bool:
        now_s = self._loop.time()
        if now_s - self._window_s >= 1.0:
            self._window_s, self._window_messages = now_s, 0
        self._window_messages += 1
        return self._window_messages > MAX_MESSAGES_PER_S

    def _close(self) -> None:
        if not self._loop.is_closed():
            self._unlisten()
        self._sock.close()
        self._on_close()


@contextmanager
def _shielded() -> Iterator[None]:
    """What is started inside is born deaf to signals meant for the daemon; a signal that comes meanwhile is kept."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SHIELDED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
