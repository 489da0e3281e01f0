"""A hard disk that does not exist: a file below a loop device that takes as long as a 7200 rpm disk would.

Root only, Linux, nothing but the standard library. The file is served over /dev/fuse (`tests.support.fusefile`), one
request at a time as one arm does: up to 32 in one sweep across, as a disk's own queue is long. Each costs its seek by
distance, half a turn on average, and its transfer; one that goes on where the last ended costs the transfer
alone. Nothing is cached by the model, so a flush is free: what was answered has been written. The kernel's queue above
it is set as for a SATA disk: mq-deadline, or bfq.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.fusefile import FSYNC, QUEUE, WRITE, Request, Server, served
from tests.support.loops import attached

TURN_S: Final = 60 / 7200


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


class _Arm:
    def __init__(self, server: Server, backing: int, model: Model) -> None:
        self._server = server
        self._backing = backing
        self._model = model
        self._head = 0
        self._waiting: deque[Request] = deque()
        self._sweep: deque[Request] = deque()
        """What the arm does on its way across; what comes meanwhile is for the next time, so that nothing starves."""

    def run(self) -> None:
        while True:
            while self._server.is_asked(0 if self._waiting or self._sweep else None):
                request = self._server.take()
                if request is not None and request.kind == FSYNC:
                    self._server.done(request)
                elif request is not None:
                    self._waiting.append(request)
            if self._waiting or self._sweep:
                self._serve()

    def _serve(self) -> None:
        if not self._sweep:
            batch = [self._waiting.popleft() for _ in range(min(QUEUE, len(self._waiting)))]
            self._sweep.extend(sorted(batch, key=lambda request: (request.at < self._head, request.at)))
        request = self._sweep.popleft()
        time.sleep(self._model.service_s(self._head, request.at, request.length))
        self._head = request.at + request.length
        if request.kind == WRITE:
            os.pwrite(self._backing, request.data, request.at)
            self._server.done(request)
        else:
            self._server.done(request, os.pread(self._backing, request.length, request.at))


@contextmanager
def hard_disk(scratch: Path, model: Model | None = None, scheduler: str = "mq-deadline") -> Iterator[Path]:
    """A mounted ext4 on such a disk. `scratch` holds what is written to it, without its slowness."""
    made = model or Model()
    backing, below, above = scratch / "backing", scratch / "below", scratch / "disk"
    below.mkdir()
    above.mkdir()

    def serve(server: Server) -> None:
        file = os.open(backing, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(file, made.size)
        _Arm(server, file, made).run()

    try:
        with served(below, made.size, serve) as file, attached(file, direct=True) as loop:
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
        backing.unlink(missing_ok=True)
        above.rmdir()
        below.rmdir()


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
