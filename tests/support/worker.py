"""The daemon's side of one worker, for tests: a real child process over a real socket pair, a real volume below it."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from recorder.words import messages
from recorder.words.messages import (
    MAX_MESSAGE_BYTES,
    Ended,
    FromWorker,
    Granted,
    Opening,
    Refused,
    Start,
    Terms,
    WireMessage,
)
from storage.words.layout import IDENTITY_NAME, part_path, segment_path
from storage.words.model import GapCause

M = TypeVar("M", bound=WireMessage)

VOLUME = "7c0b0d5e-3a0e-4d4e-9a39-1d6d0a3f5a11"
DEADLINE_S = 30.0
_BODY = "import socket, sys; from recorder.worker.process import main; main(socket.socket(fileno=int(sys.argv[1])))"


def make_volume(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / IDENTITY_NAME).write_text(json.dumps({"volume": VOLUME, "node": "test"}))
    return path


def make_terms(volume: Path, *, epoch: int = 1) -> Terms:
    return Terms(VOLUME, str(volume), floor_s=60, ceiling_s=3600, epoch=epoch, synced=True)


def make_start(volume: Path, url: str, *, segment_ms: int = 2000, username: str = "", password: str = "") -> Start:
    return Start(
        camera="lobby",
        url=url,
        username=username,
        password=password,
        boot_id="b0071d00-0000-4000-8000-000000000000",
        next_seq=1,
        previous_sha256="",
        segment_ms=segment_ms,
        sync_ms=500,
        terms=make_terms(volume),
    )


def receive_report(sock: socket.socket) -> FromWorker | None:
    """The daemon's side, blocking: the next report, or None at EOF."""
    data = sock.recv(MAX_MESSAGE_BYTES + 1)
    return messages.decode_report(data) if data else None


@dataclass
class Child:
    """A worker and what it said. Grants every segment unless told otherwise."""

    volume: Path
    refuse: GapCause | None = None
    answering: bool = True
    said: list[FromWorker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _BODY, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stderr=subprocess.PIPE,
                cwd=Path(__file__).parents[2],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.sock.close()
        self.process.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()

    def send(self, message: WireMessage, fd: int | None = None) -> None:
        """With a `Start`: `fd` is where the group takes sessions in."""
        messages.send(self.sock, message, fd)

    def hear(self, deadline_s: float = DEADLINE_S) -> FromWorker | None:
        """The next message, None at EOF; answers an `Opening`."""
        if not select.select([self.sock], [], [], deadline_s)[0]:
            raise TimeoutError(f"nothing for {deadline_s} s after {self.said[-3:]}")
        message = receive_report(self.sock)
        if message is not None:
            self.said.append(message)
        if isinstance(message, Opening) and self.answering:
            self.send(Granted(message.seq) if self.refuse is None else Refused(message.seq, self.refuse))
        return message

    def hear_until(self, kind: type[M], deadline_s: float = DEADLINE_S) -> M:
        until = time.monotonic() + deadline_s
        while True:
            message = self.hear(max(0.0, until - time.monotonic()))
            if message is None:
                raise EOFError(f"worker ended after {self.said[-3:]}: {self.stderr()}")
            if isinstance(message, kind):
                return message

    def hear_all(self) -> Ended:
        """To the last word."""
        ended = self.hear_until(Ended)
        assert self.hear() is None
        assert self.process.wait(DEADLINE_S) == 0
        return ended

    def all(self, kind: type[M]) -> list[M]:
        return [message for message in self.said if isinstance(message, kind)]

    def path(self, opening: Opening, *, part: bool = False) -> Path:
        relative = segment_path("lobby", opening.wall_ms, opening.seq)
        return self.volume / (part_path(relative) if part else relative)

    def stderr(self) -> str:
        """Only after its end."""
        self.process.wait(DEADLINE_S)
        return "" if self.process.stderr is None else self.process.stderr.read().decode(errors="replace")
