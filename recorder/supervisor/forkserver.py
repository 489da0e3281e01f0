"""The process that makes worker processes: it has imported what they need, so that they share that and begin at once.

Started by the daemon (`recorder.supervisor.processes`) before its loop and its threads: to fork a process that has
threads is not safe. Standard library, messages, and what it is told to import. Says what it made, with a pidfd, and how
it ended. Ends at EOF; its children live on, and see to their own EOF.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from importlib import import_module
from typing import Annotated, Final, NoReturn, TypeAlias

import msgspec

from recorder.words import memory, messages
from recorder.words.messages import Count, WireMessage

EXIT_FAULT: Final = 3


class Fork(WireMessage, frozen=True, tag="fork"):
    """Make a process and run `target` ("module:function") in it, with the socket that comes along."""

    number: Count
    target: str


class Forked(WireMessage, frozen=True, tag="forked"):
    """Made, for the `Fork` of this number; its pidfd comes along."""

    number: Count
    pid: Count


class Died(WireMessage, frozen=True, tag="died"):
    """Gone. `code` as `os.waitstatus_to_exitcode` gives it."""

    pid: Count
    code: Annotated[int, msgspec.Meta(ge=-128, le=255)]


Answer: TypeAlias = Forked | Died
ANSWERS: Final[msgspec.json.Decoder[Answer]] = msgspec.json.Decoder(Answer)
_ASKED: Final[msgspec.json.Decoder[Fork]] = msgspec.json.Decoder(Fork)


def main(fd: int, modules: list[str]) -> None:
    """Serve until the daemon is gone."""
    for module in modules:
        import_module(module)
    gc.collect()
    gc.freeze()  # a collection in a child would write into what all share
    memory.share_heap()  # also of the children
    memory.release_heap()
    memory.release_start_pages()
    _Forkserver(socket.socket(fileno=fd)).run()


class _Forkserver:
    def __init__(self, daemon: socket.socket) -> None:
        self._daemon = daemon
        self._children: dict[int, int] = {}
        """By pidfd."""
        self._poll = select.poll()
        self._poll.register(daemon, select.POLLIN)

    def run(self) -> None:
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._children:
                    self._reap(descriptor)
                elif not self._hear():
                    return

    def _hear(self) -> bool:
        """False: the daemon is gone."""
        data, fd = messages.datagram(self._daemon)
        if not data or fd < 0:
            return False
        asked = _ASKED.decode(data)
        sock = socket.socket(fileno=fd)
        pid = os.fork()
        if not pid:
            self._be_child(asked.target, sock)
        sock.close()
        pidfd = os.pidfd_open(pid)
        self._children[pidfd] = pid
        self._poll.register(pidfd, select.POLLIN)
        try:
            messages.send(self._daemon, Forked(asked.number, pid), pidfd)
        except OSError:
            return False
        return True

    def _be_child(self, target: str, sock: socket.socket) -> NoReturn:
        try:
            self._daemon.close()
            for pidfd in self._children:
                os.close(pidfd)
            module, _, function = target.partition(":")
            getattr(import_module(module), function)(sock)
        finally:
            os._exit(EXIT_FAULT)

    def _reap(self, pidfd: int) -> None:
        pid = self._children.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(pid, 0)
        messages.send(self._daemon, Died(pid, os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        main(int(sys.argv[1]), sys.argv[2:])
    except (BrokenPipeError, ConnectionResetError):
        sys.exit(0)
