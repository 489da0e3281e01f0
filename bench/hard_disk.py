"""A hard disk that does not exist: a file below a loop device that takes as long as a 7200 rpm disk would.

Root only, Linux, nothing but the standard library. The file is served over /dev/fuse by a process of its own, one
request at a time as one arm does: up to 32 in one sweep across, as a disk's own queue is long. Each costs its seek by
distance, half a turn on average, and its transfer; one that goes on where the last ended costs the transfer
alone. Nothing is cached by the model, so a flush is free: what was answered has been written. The kernel's queue above
it is set as for a SATA disk: mq-deadline, or bfq.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import random
import select
import signal
import struct
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

NAME: Final = b"disk"
MAX_WRITE: Final = 1 << 20
QUEUE: Final = 32
TURN_S: Final = 60 / 7200
_IN: Final = struct.Struct("<IIQQIIIHH")
_OUT: Final = struct.Struct("<IiQ")
LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT = (
    1, 2, 3, 4, 14, 15, 16, 17, 18, 20, 25, 26
)  # fmt: skip
OPENDIR, READDIR, RELEASEDIR, ACCESS, INTERRUPT, DESTROY, BATCH_FORGET = 27, 28, 29, 34, 36, 38, 42
ASYNC_READ, BIG_WRITES, ASYNC_DIO, MAX_PAGES = 1, 1 << 5, 1 << 15, 1 << 22
LOOP_SET_DIRECT_IO: Final = 0x4C08


_Request: TypeAlias = tuple[int, int, int, int, memoryview]
"""Unique, opcode, where, length, data."""


@dataclass(frozen=True, slots=True)
class Model:
    """What the disk can do."""

    size: int = 16 << 30
    bytes_s: float = 120e6
    settle_s: float = 0.001
    stroke_s: float = 0.012
    """A third of the way costs 8 ms, as data sheets have it."""

    def service_s(self, head: int, at: int, length: int) -> float:
        moved = 0.0
        if at != head:
            moved = self.settle_s + self.stroke_s * (abs(at - head) / self.size) ** 0.5 + random.random() * TURN_S
        return moved + length / self.bytes_s


class _Server:
    def __init__(self, fuse: int, backing: int, model: Model) -> None:
        self._fuse = fuse
        self._backing = backing
        self._model = model
        self._head = 0
        self._waiting: deque[_Request] = deque()
        self._sweep: deque[_Request] = deque()
        """What the arm does on its way across; what comes meanwhile is for the next time, so that nothing starves."""

    def run(self) -> None:
        while True:
            while select.select([self._fuse], [], [], 0 if self._waiting or self._sweep else None)[0]:
                try:
                    self._take(memoryview(os.read(self._fuse, MAX_WRITE + 8192)))
                except OSError as error:
                    if error.errno == errno.ENODEV:  # unmounted
                        return
                    if error.errno not in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                        raise
            if self._waiting or self._sweep:
                self._serve()

    def _serve(self) -> None:
        if not self._sweep:
            batch = [self._waiting.popleft() for _ in range(min(QUEUE, len(self._waiting)))]
            self._sweep.extend(sorted(batch, key=lambda request: (request[2] < self._head, request[2])))
        unique, opcode, at, length, data = self._sweep.popleft()
        time.sleep(self._model.service_s(self._head, at, length))
        self._head = at + length
        if opcode == WRITE:
            os.pwrite(self._backing, data, at)
            self._answer(unique, struct.pack("<II", length, 0))
        else:
            self._answer(unique, os.pread(self._backing, length, at))

    def _take(self, message: memoryview) -> None:
        _, opcode, unique, node, *_ = _IN.unpack_from(message)
        body = message[_IN.size :]
        if opcode == WRITE:
            _, at, length = struct.unpack_from("<QQI", body)
            self._waiting.append((unique, opcode, at, length, body[40 : 40 + length]))
        elif opcode == READ:
            _, at, length = struct.unpack_from("<QQI", body)
            self._waiting.append((unique, opcode, at, length, body[:0]))
        elif opcode == INIT:
            flags = ASYNC_READ | BIG_WRITES | ASYNC_DIO | MAX_PAGES
            numbers = (7, 31, MAX_WRITE, flags, QUEUE, QUEUE, MAX_WRITE, 1, MAX_WRITE // 4096, 0)
            self._answer(unique, struct.pack("<IIIIHHIIHH8I", *numbers, *[0] * 8))
        elif opcode == LOOKUP:
            entry = struct.pack("<QQQQII", 2, 0, 1 << 20, 1 << 20, 0, 0) + self._attributes(2)
            self._answer(unique, entry) if bytes(body[:-1]) == NAME else self._answer(unique, b"", errno.ENOENT)
        elif opcode in (GETATTR, SETATTR):
            self._answer(unique, struct.pack("<QII", 1 << 20, 0, 0) + self._attributes(node))
        elif opcode in (OPEN, OPENDIR):
            self._answer(unique, struct.pack("<QII", 1, 0, 0))
        elif opcode == STATFS:
            self._answer(unique, struct.pack("<5Q10I", 0, 0, 0, 0, 0, 4096, 255, 4096, 0, *[0] * 6))
        elif opcode in (FSYNC, FLUSH, RELEASE, RELEASEDIR, READDIR, ACCESS, DESTROY):
            self._answer(unique, b"")
        elif opcode not in (FORGET, BATCH_FORGET, INTERRUPT):
            self._answer(unique, b"", errno.ENOSYS)

    def _attributes(self, node: int) -> bytes:
        size, mode, links = (self._model.size, 0o100600, 1) if node == 2 else (0, 0o40700, 2)
        return struct.pack("<6Q10I", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, links, 0, 0, 0, 4096, 0)

    def _answer(self, unique: int, body: bytes, error: int = 0) -> None:
        os.write(self._fuse, _OUT.pack(_OUT.size + len(body), -error, unique) + body)


@contextmanager
def hard_disk(scratch: Path, model: Model | None = None, scheduler: str = "mq-deadline") -> Iterator[Path]:
    """A mounted ext4 on such a disk. `scratch` holds what is written to it, without its slowness."""
    model = model or Model()
    below, above = scratch / "below", scratch / "disk"
    below.mkdir()
    above.mkdir()
    server = _serve(scratch / "backing", below, model)
    loop = ""
    try:
        loop = _run("losetup", "--find", "--show", str(below / NAME.decode()))
        with open(loop, "rb") as device:  # noqa: PTH123
            fcntl.ioctl(device, LOOP_SET_DIRECT_IO, 1)
        queue = Path("/sys/block") / Path(loop).name / "queue"
        (queue / "rotational").write_text("1")
        (queue / "scheduler").write_text(scheduler)
        if scheduler == "mq-deadline":
            (queue / "nr_requests").write_text(str(2 * QUEUE))
            (queue / "wbt_lat_usec").write_text("75000")
        _run("mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", loop)
        _run("mount", "-o", "noatime,nodiscard", loop, str(above))
        try:
            yield above
        finally:
            _run("umount", str(above))
    finally:
        if loop:
            _run("losetup", "-d", loop)
        _run("umount", str(below))
        os.waitpid(server, 0)
        (scratch / "backing").unlink()
        above.rmdir()
        below.rmdir()


def _serve(backing: Path, below: Path, model: Model) -> int:
    """Mounts and serves in a process of its own, until the unmount."""
    fuse = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,max_read={MAX_WRITE}".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"edged-hard-disk", bytes(below), b"fuse", 0, options) != 0:
        raise OSError(ctypes.get_errno(), "mount of /dev/fuse")
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        file = os.open(backing, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(file, model.size)
        try:
            _Server(fuse, file, model).run()
        finally:
            os._exit(0)
    os.close(fuse)
    return pid


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
