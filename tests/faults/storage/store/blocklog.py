"""A disk that remembers every write and flush it was asked for, and what a power cut at any instant leaves of them.

Below a loop device lies a file that is served by a process of its own (`tests.support.fusefile`) and writes down what
comes, in order; the test adds its own marks between. What was written before a flush is durable after it; of what came
since, a disk may have kept any part in any order. Several disks share one log, and so one order.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from tests.support.fusefile import FSYNC, WRITE, Server, served
from tests.support.loops import mounted

SIZE_BYTES: Final = 24 << 20
"""A journal of 4 MiB, which is the least that ext4 takes, and room for some hundred tiny segments."""
TORN_BYTES: Final = 4096
"""A write that was under way may have reached the disk in part; the pieces of this size are whole, as disks promise."""
_HEAD: Final = struct.Struct("<BBQI")
_WRITE, _FLUSH, _MARK = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Write:
    disk: int
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Flush:
    disk: int


@dataclass(frozen=True, slots=True)
class Mark:
    number: int


Record: TypeAlias = Write | Flush | Mark


@dataclass(slots=True)
class Rig:
    """Mounted disks, and the log below them."""

    mounts: tuple[Path, ...]
    _log: Path
    _fd: int
    _bases: tuple[bytes, ...]
    _marks: int = 0

    def mark(self) -> int:
        """Put down in the log that something has happened by now; its number."""
        self._marks += 1
        _append(self._fd, _MARK, 0, self._marks)
        return self._marks

    def tape(self) -> Tape:
        """What has been logged so far."""
        return Tape(self._bases, tuple(_read(self._log)))


@contextmanager
def rig(scratch: Path, disks: int = 1) -> Iterator[Rig]:
    """Fresh ext4 file systems, logged from the first mount on."""
    scratch.mkdir(parents=True, exist_ok=True)
    log = scratch / "log"
    fd = os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with ExitStack() as undo:
        undo.callback(os.close, fd)
        mounts, bases = [], []
        for number in range(disks):
            backing, below, above = (scratch / f"{what}-{number}" for what in ("backing", "below", "disk"))
            make_ext4(backing)
            bases.append(backing.read_bytes())
            below.mkdir()
            above.mkdir()
            logger = _Logger(number, os.open(backing, os.O_RDWR | os.O_CLOEXEC), fd)
            undo.callback(os.close, logger.backing)
            file = undo.enter_context(served(below, SIZE_BYTES, logger.serve))
            mounts.append(undo.enter_context(mounted(file, above, direct=True)))
        yield Rig(tuple(mounts), log, fd, tuple(bases))


def make_ext4(image: Path, size_bytes: int = SIZE_BYTES) -> None:
    """An ext4 with a journal, in a file, with nothing left to be made later."""
    with image.open("wb") as file:
        file.truncate(size_bytes)
    options = "lazy_itable_init=0,lazy_journal_init=0,nodiscard"
    command = ("mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", "-J", "size=4", "-E", options, str(image))
    subprocess.run(command, check=True, capture_output=True)


@dataclass(frozen=True, slots=True)
class _Logger:
    disk: int
    backing: int
    log: int

    def serve(self, server: Server) -> None:
        """In a process of its own. Logged before it is answered, so that no mark overtakes what it stands for."""
        while True:
            request = server.take() if server.is_asked(None) else None
            if request is None:
                continue
            if request.kind == WRITE:
                _append(self.log, _WRITE, self.disk, request.at, bytes(request.data))
                os.pwrite(self.backing, request.data, request.at)
                server.done(request)
            elif request.kind == FSYNC:
                _append(self.log, _FLUSH, self.disk, 0)
                server.done(request)
            else:
                server.done(request, os.pread(self.backing, request.length, request.at))


def _append(log: int, kind: int, disk: int, number: int, data: bytes = b"") -> None:
    """One write for a record: with O_APPEND records of several processes stay whole."""
    if os.write(log, _HEAD.pack(kind, disk, number, len(data)) + data) != _HEAD.size + len(data):
        raise OSError("the log could not be written")


def _read(log: Path) -> Iterator[Record]:
    with log.open("rb") as file:
        while head := file.read(_HEAD.size):
            kind, disk, number, length = _HEAD.unpack(head)
            if kind == _WRITE:
                yield Write(disk, number, file.read(length))
            else:
                yield Flush(disk) if kind == _FLUSH else Mark(number)


@dataclass(frozen=True, slots=True)
class Cut:
    """An instant at which the power goes, and what the disks had kept of what they had not promised to keep.

    `at` is the number of records before it; without a `seed` they kept all, as disks without a cache do.
    """

    at: int
    seed: int | None = None

    def __str__(self) -> str:
        return f"cut at {self.at}" + ("" if self.seed is None else f", unflushed writes kept by seed {self.seed}")


@dataclass(frozen=True, slots=True)
class Tape:
    """Everything that was asked of the disks, in order, and what they held before."""

    bases: tuple[bytes, ...]
    records: tuple[Record, ...] = field(repr=False)

    def prefixes(self) -> list[Cut]:
        """One cut after each write, as late as possible before the next one: whatever was told by then must hold."""
        writes = [number for number, record in enumerate(self.records) if isinstance(record, Write)]
        return [Cut(number) for number in (*writes[1:], len(self.records))]

    def at_flushes(self) -> list[Cut]:
        """Only those prefixes that end with a flush."""
        ends, flushed = [], False
        for number, record in enumerate(self.records):
            if isinstance(record, Write) and flushed:
                ends.append(Cut(number))
                flushed = False
            flushed = flushed or isinstance(record, Flush)
        return ends

    def subsets(self, count: int, chance: random.Random) -> list[Cut]:
        """Random parts of what was not flushed, at random instants at which there was something."""
        waiting = [0] * len(self.bases)
        busy = []
        for number, record in enumerate(self.records):
            if isinstance(record, Write):
                waiting[record.disk] += 1
            elif isinstance(record, Flush):
                waiting[record.disk] = 0
            if sum(waiting) > 1:
                busy.append(number + 1)
        return sorted((Cut(chance.choice(busy), chance.getrandbits(32)) for _ in range(count)), key=lambda cut: cut.at)

    def marks_before(self, cut: Cut) -> int:
        """The highest mark that was put down before the power went."""
        return max((record.number for record in self.records[: cut.at] if isinstance(record, Mark)), default=0)

    def player(self) -> Player:
        return Player(self)


class Player:
    """Images after cuts, in the order of the tape: each builds on the one before."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._durable = [bytearray(base) for base in tape.bases]
        self._pending: list[list[Write]] = [[] for _ in tape.bases]
        self._at = 0

    def images(self, cut: Cut) -> Sequence[bytes]:
        """What each disk holds when the power is back. Cuts must come in order."""
        for record in self._tape.records[self._at : cut.at]:
            if isinstance(record, Write):
                self._pending[record.disk].append(record)
            elif isinstance(record, Flush):
                _apply(self._durable[record.disk], self._pending[record.disk])
                self._pending[record.disk] = []
        self._at = cut.at
        chance = None if cut.seed is None else random.Random(cut.seed)
        images = []
        for durable, pending in zip(self._durable, self._pending, strict=True):
            image = bytearray(durable)
            _apply(image, pending if chance is None else _some(pending, chance))
            images.append(bytes(image))
        return images


def _apply(image: bytearray, writes: Sequence[Write]) -> None:
    for write in writes:
        image[write.at : write.at + len(write.data)] = write.data


def _some(writes: Sequence[Write], chance: random.Random) -> list[Write]:
    """Any part of them, some torn; how much of them differs from time to time, too. Where two write to one place, the
    later one stands: a disk keeps the order of those."""
    share, torn_share = chance.random(), chance.choice((0.0, 0.3))
    kept = []
    for write in writes:
        if chance.random() < torn_share:
            pieces = range(0, len(write.data), TORN_BYTES)
            kept += [
                Write(write.disk, write.at + begin, write.data[begin : begin + TORN_BYTES])
                for begin in pieces
                if chance.random() < share
            ]
        elif chance.random() < share:
            kept.append(write)
    return kept
