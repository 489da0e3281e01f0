"""One file over /dev/fuse, served by a process of its own: what a loop device on it writes and flushes passes by here.

Root only, Linux, nothing but the standard library. Whoever serves decides what a read, a write and a flush do and how
long they take; all else that the kernel asks is answered here. Used to log writes
(`tests.faults.storage.store.blocklog`) and to play a slow disk (`bench.hard_disk`).
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.loops import mount, unmounting

NAME: Final = "disk"
MAX_WRITE: Final = 1 << 20
QUEUE: Final = 32
"""Requests the kernel has under way at once."""
_IN: Final = struct.Struct("<IIQQIIIHH")
_OUT: Final = struct.Struct("<IiQ")
LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT = (
    1, 2, 3, 4, 14, 15, 16, 17, 18, 20, 25, 26
)  # fmt: skip
OPENDIR, READDIR, RELEASEDIR, ACCESS, INTERRUPT, DESTROY, BATCH_FORGET = 27, 28, 29, 34, 36, 38, 42
ASYNC_READ, BIG_WRITES, ASYNC_DIO, MAX_PAGES = 1, 1 << 5, 1 << 15, 1 << 22
_EMPTY: Final = frozenset({FLUSH, RELEASE, RELEASEDIR, READDIR, ACCESS, DESTROY})
_UNANSWERED: Final = frozenset({FORGET, BATCH_FORGET, INTERRUPT})
_PR_SET_PDEATHSIG: Final = 1


class Unmounted(Exception):
    """Nobody will ask any more."""


@dataclass(frozen=True, slots=True)
class Request:
    """READ, WRITE or FSYNC; to be answered by `Server.done`, in any order."""

    unique: int
    kind: int
    at: int = 0
    length: int = 0
    data: memoryview = memoryview(b"")  # noqa: RUF009  (empty, and never changed)


class Server:
    """The serving end."""

    def __init__(self, fuse: int, size: int) -> None:
        """Of a file with this size."""
        self._fuse = fuse
        self._size = size

    def is_asked(self, timeout_s: float | None) -> bool:
        """Whether `take` has something, within this time; None: wait for it."""
        return bool(select.select([self._fuse], [], [], timeout_s)[0])

    def take(self) -> Request | None:
        """The next request; None if what came was answered here already."""
        try:
            message = memoryview(os.read(self._fuse, MAX_WRITE + 8192))
        except OSError as error:
            if error.errno == errno.ENODEV:
                raise Unmounted from error
            if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                return None
            raise
        _, opcode, unique, node, *_ = _IN.unpack_from(message)
        body = message[_IN.size :]
        if opcode in (READ, WRITE):
            _, at, length = struct.unpack_from("<QQI", body)
            return Request(unique, opcode, at, length, body[40 : 40 + length] if opcode == WRITE else memoryview(b""))
        if opcode == FSYNC:
            return Request(unique, opcode)
        if opcode not in _UNANSWERED:
            self._answer(unique, *self._metadata(opcode, node, bytes(body)))
        return None

    def done(self, request: Request, data: bytes = b"") -> None:
        """It has taken effect; `data` is what was read."""
        self._answer(request.unique, struct.pack("<II", request.length, 0) if request.kind == WRITE else data)

    def _metadata(self, opcode: int, node: int, body: bytes) -> tuple[bytes, int]:
        """What is answered, and an error number."""
        if opcode == INIT:
            flags = ASYNC_READ | BIG_WRITES | ASYNC_DIO | MAX_PAGES
            numbers = (7, 31, MAX_WRITE, flags, QUEUE, QUEUE, MAX_WRITE, 1, MAX_WRITE // 4096, 0)
            return struct.pack("<IIIIHHIIHH8I", *numbers, *[0] * 8), 0
        if opcode == LOOKUP:
            entry = struct.pack("<QQQQII", 2, 0, 1 << 20, 1 << 20, 0, 0) + self._attributes(2)
            return (entry, 0) if body[:-1] == NAME.encode() else (b"", errno.ENOENT)
        if opcode in (GETATTR, SETATTR):
            return struct.pack("<QII", 1 << 20, 0, 0) + self._attributes(node), 0
        if opcode in (OPEN, OPENDIR):
            return struct.pack("<QII", 1, 0, 0), 0  # FOPEN_DIRECT_IO: nothing of it is cached above us
        if opcode == STATFS:
            return struct.pack("<5Q10I", 0, 0, 0, 0, 0, 4096, 255, 4096, 0, *[0] * 6), 0
        return b"", 0 if opcode in _EMPTY else errno.ENOSYS

    def _attributes(self, node: int) -> bytes:
        size, mode, links = (self._size, 0o100600, 1) if node == 2 else (0, 0o40700, 2)
        return struct.pack("<6Q10I", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, links, 0, 0, 0, 4096, 0)

    def _answer(self, unique: int, body: bytes, error: int = 0) -> None:
        os.write(self._fuse, _OUT.pack(_OUT.size + len(body), -error, unique) + body)


@contextmanager
def served(below: Path, size: int, serve: Callable[[Server], None]) -> Iterator[Path]:
    """The file, below a mount point that exists. `serve` runs in a process of its own, until it raises `Unmounted`."""
    fuse = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,max_read={MAX_WRITE}"
    mount("edged-fusefile", below, "fuse", options=options)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        try:
            serve(Server(fuse, size))
        except Unmounted:
            os._exit(0)
        finally:
            os._exit(1)
    os.close(fuse)
    try:
        with unmounting(below):
            yield below / NAME
    finally:
        os.waitpid(pid, 0)
