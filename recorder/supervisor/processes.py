"""Worker processes as the daemon's loop sees them: made by a forkserver, heard without waiting, killed for certain.

Imports multiprocessing, asyncio and the messages; never the worker itself. Keeps of L4 that nothing here blocks the
loop (making and reaping a process run on one thread), and of S12 that each process, descriptor and thread made here
is given back.

Facts it rests on, each held by a test in tests/integration/recorder/supervisor/test_processes.py:
- A forkserver started with SIGINT, SIGTERM and SIGHUP blocked hands the blocked mask on to every worker. Ctrl-C, or a
  signal to the whole process group, so reaches only the daemon, also while the forkserver still imports.
- Only the daemon holds its end of a worker's socket pair, so its death, however sudden, is EOF for every worker.
- A worker is watched and killed through a pidfd. multiprocessing's sentinel also fires when the forkserver dies, while
  the workers live on and record.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.context import ForkServerProcess
from typing import Final, TypeVar

from recorder.supervisor.bootstrap import launch
from recorder.supervisor.state import HungUp, Misbehaved
from recorder.words import messages
from recorder.words.messages import MAX_MESSAGE_BYTES, FromWorker, ToWorker
from storage.words.message import message
from storage.words.model import GapCause

log = logging.getLogger("edged.process")

T = TypeVar("T")

WORKER: Final = "recorder.worker.process:main"
HELPER_TIMEOUT_S: Final = 10.0
"""For the forkserver to make a process or to tell of a death. Its cold start imports libav and numpy: 0.5 s here, a few
seconds on a box that boots from a slow disk. Longer means hung: it is killed and a new one starts."""
EXIT_CODE_TIMEOUT_S: Final = 1.0
"""To learn how a worker ended, which is only for words."""
HELPER_GONE: Final = 255
"""The exit code multiprocessing makes up when the forkserver died before it could tell."""
MAX_MESSAGES_PER_S: Final = 200
"""A worker says two things a second and four at a cut; one that floods would starve the loop for all (L4)."""
SHIELDED: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
"""What a terminal or `kill` sends to a whole process group: the daemon alone decides what ends."""


class NoProcess(Exception):
    """The forkserver could not make a process; the next try may find a new forkserver."""


class Forkserver:
    """Makes worker processes. One per daemon: multiprocessing keeps a single forkserver per process."""

    def __init__(self, worker: str = WORKER) -> None:
        self._worker = worker
        self._context = multiprocessing.get_context("forkserver")
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forkserver")
        self._turn = asyncio.Lock()
        self._living: set[WorkerProcess] = set()

    def start(self) -> None:
        """Start the helper. Before the event loop and any thread."""
        self._context.set_forkserver_preload([self._worker.partition(":")[0]])
        _ensure_helper()
        # multiprocessing joins its children at exit, and they wait for us to go: left open, that would be for ever.
        atexit.register(self.close)

    def close(self) -> None:
        """Kill every worker and the helper; wait for the helper and the thread, not for a worker that cannot die."""
        atexit.unregister(self.close)
        for worker in tuple(self._living):
            worker.dispose()
        _kill_helper()
        self._thread.shutdown(wait=True)
        _remove_helper()

    async def spawn(self, name: str, wake: Callable[[], None]) -> WorkerProcess:
        """A new worker; `wake` is called on the loop when there may be something to `take`. Raises NoProcess.

        One at a time, so that the time limit is of one making and not of a queue of them.
        """
        async with self._turn:
            try:
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            except OSError as error:
                raise NoProcess(str(error)) from error
            ours.setblocking(False)
            making = self._thread.submit(self._make, theirs, name)
            try:
                process = await _answer(making, HELPER_TIMEOUT_S)
                worker = WorkerProcess(self, process, ours, wake)
            except BaseException as error:
                ours.close()
                making.add_done_callback(self._unmake)
                if isinstance(error, TimeoutError):
                    _kill_helper()
                if isinstance(error, OSError | EOFError):  # TimeoutError is an OSError
                    raise NoProcess(f"{type(error).__name__} {error}".rstrip()) from error
                raise
        self._living.add(worker)
        return worker

    def let_go(self, worker: WorkerProcess, process: ForkServerProcess) -> Future[int | None]:
        """A worker's process is gone: give back what multiprocessing holds of it. Its exit code, where it is known."""
        self._living.discard(worker)
        return self._thread.submit(_reap, process)

    def _make(self, theirs: socket.socket, name: str) -> ForkServerProcess:
        with theirs:
            try:
                return self._ask_helper(theirs, name)
            except (EOFError, ConnectionError):
                # It is dying, and was not seen to be dead: the one that follows it will do.
                _await_end_of_helper()
                return self._ask_helper(theirs, name)

    def _ask_helper(self, theirs: socket.socket, name: str) -> ForkServerProcess:
        _ensure_helper()
        process = self._context.Process(target=launch, args=(self._worker, theirs), name=name)
        process.start()
        return process

    def _unmake(self, making: Future[ForkServerProcess]) -> None:
        """Nobody waits any more for the process that came to be."""
        if making.exception() is None:
            process = making.result()
            process.kill()
            with suppress(RuntimeError):  # closed meanwhile: the helper is gone, and with it whoever could tell of it
                self._thread.submit(_reap, process)


class WorkerProcess:
    """One worker. All methods belong to the loop; none waits but `reap`."""

    def __init__(
        self, forkserver: Forkserver, process: ForkServerProcess, sock: socket.socket, wake: Callable[[], None]
    ) -> None:
        self._forkserver = forkserver
        self._process = process
        self._sock = sock
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._silent = False
        """Everything it said was taken and nothing more can come."""
        self._abandoned = False
        self._window_s = 0.0
        self._window_messages = 0
        self.pid = process.pid or 0
        self._pidfd: int | None = None
        with suppress(ProcessLookupError):
            self._pidfd = os.pidfd_open(self.pid)
            self._loop.add_reader(self._pidfd, self._on_exit)
        self._gone = self._pidfd is None
        self._loop.add_reader(sock, self._on_readable)

    @property
    def over(self) -> bool:
        """Its process is gone and its last words were taken."""
        return self._gone and self._silent

    def take(self) -> FromWorker | Misbehaved | HungUp | None:
        """What it said next, or None; after None `wake` will be called."""
        if self._silent:
            return None
        data = self._receive()
        if data is None and not self._gone:
            self._loop.add_reader(self._sock, self._on_readable)
            return None
        if not data:
            self._silent = True
            self._loop.remove_reader(self._sock)
            return None if self._gone else HungUp()
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

    def send(self, message: ToWorker, fd: int | None = None) -> bool:
        """False: it does not read what it is told. One that is gone is no failure; `take` will tell."""
        try:
            return messages.offer(self._sock, message, fd)
        except (BrokenPipeError, ConnectionResetError):
            return True

    def kill(self) -> None:
        """SIGKILL: to this very process, whatever became of its number."""
        if self._pidfd is not None and not self._gone:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def reap(self) -> int | None:
        """When it is over: give everything back. The exit code, or None where the helper does not tell."""
        self._close()
        telling = self._forkserver.let_go(self, self._process)
        with suppress(TimeoutError):
            return await _answer(telling, EXIT_CODE_TIMEOUT_S)
        return None

    def abandon(self) -> None:
        """Kill it and give everything back once it is gone, without anybody waiting for that."""
        self._abandoned = True
        if self._gone:
            self.dispose()
        else:
            self.kill()
            self._loop.remove_reader(self._sock)

    def dispose(self) -> None:
        """Kill it and give everything back at once, gone or not. Also when the loop is closed."""
        self.kill()
        self._close()
        self._forkserver.let_go(self, self._process)

    def _on_readable(self) -> None:
        """Once per `take`: what is not taken waits in the socket, whose buffer is the bound."""
        self._loop.remove_reader(self._sock)
        self._wake()

    def _on_exit(self) -> None:
        self._gone = True
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
        if self._abandoned:
            self.dispose()
        else:
            self._wake()

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
            self._loop.remove_reader(self._sock)
            if self._pidfd is not None:
                self._loop.remove_reader(self._pidfd)
        self._sock.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


async def _answer(future: Future[T], timeout_s: float) -> T:
    """What the thread answers. Who gives up waiting leaves it to finish its work."""
    answer = asyncio.wrap_future(future)
    answer.add_done_callback(lambda done: done.cancelled() or done.exception())
    async with asyncio.timeout(timeout_s):
        return await asyncio.shield(answer)


def _reap(process: ForkServerProcess) -> int | None:
    process.join()
    code = process.exitcode
    process.close()
    return None if code == HELPER_GONE else code


@contextmanager
def _shielded() -> Iterator[None]:
    """What is started inside is born deaf to signals meant for the daemon; a signal that comes meanwhile is kept."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SHIELDED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ensure_helper() -> None:
    """Start the forkserver, anew if it died. Its living workers are not touched by its death."""
    before = _helper_pid()
    with _shielded():  # the tracker lifts the shield in this thread for its own purposes, hence the second one
        multiprocessing.resource_tracker.ensure_running()
    with _shielded():
        multiprocessing.forkserver.ensure_running()
    if before not in (None, _helper_pid()):
        log.warning("the forkserver died and was restarted")


def _helper_pid() -> int | None:
    """multiprocessing knows it and does not tell."""
    pid: int | None = vars(multiprocessing.forkserver._forkserver)["_forkserver_pid"]
    return pid


def _kill_helper() -> None:
    """Whoever waits for its answer gets EOF; the next making starts another."""
    pid = _helper_pid()
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _await_end_of_helper() -> None:
    """Without reaping it: multiprocessing must still find it dead."""
    pid = _helper_pid()
    if pid is not None:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def _remove_helper() -> None:
    """Close its pipe, wait for its end (it was killed), remove its socket."""
    stop: Callable[[], None] = multiprocessing.forkserver._forkserver._stop  # type: ignore[attr-defined]
    stop()
