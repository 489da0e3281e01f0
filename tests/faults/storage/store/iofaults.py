"""Calls to the kernel and to the database that fail on demand: the n-th of them, or all from the n-th on.

Every call that a module of the product makes of `os`, of a file opened through it, of `renameat2` and `fallocate`, and
of a database connection is counted; tests play a scenario once to learn the number of calls, and then once for each
call. A sync that fails takes along what was not synced before, as file systems do: whoever goes on as if nothing had
happened is found out.
"""

from __future__ import annotations

import ctypes
import errno
import io
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import Any, Final, TypeAlias
from unittest import mock

from storage import files

Inode: TypeAlias = tuple[int, int]

OURS: Final = ("storage.", "recorder.")
THROUGH: Final = frozenset({"pathlib", "contextlib", "storage.files", "tests.faults.storage.store.test_io_faults"})
"""Modules through which ours ask: of the standard library, where files are reached, and where a bug is planted."""
CALLS: Final = (
    "open", "write", "pwrite", "fsync", "fdatasync", "mkdir", "unlink", "rmdir", "rename", "replace", "link",
    "ftruncate", "fchmod", "read", "pread", "scandir", "listdir", "fstatvfs", "stat",
)  # fmt: skip
SPACE: Final = frozenset({
    "open", "write", "pwrite", "fsync", "fdatasync", "mkdir", "rename", "replace", "link", "renameat2", "fallocate",
    "file.write", "sqlite",
})  # fmt: skip
"""What a full disk refuses."""


class Failing(Enum):
    """In which way."""

    BROKEN = (errno.EIO, sqlite3.SQLITE_IOERR)
    FULL = (errno.ENOSPC, sqlite3.SQLITE_FULL)
    LATE = (errno.EIO, sqlite3.SQLITE_IOERR_FSYNC)
    """The transaction is stored, and whoever asked for it is told that it is not. Of files: as BROKEN."""


@dataclass(slots=True)
class Plan:
    """Which call fails. `at` None: none, they are only counted."""

    at: int | None = None
    way: Failing = Failing.BROKEN
    lasting: bool = False
    """All from there on."""
    calls: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    synced: dict[Inode, int] = field(default_factory=dict)
    """How much of a file is on the disk for sure."""
    _lock: Lock = field(default_factory=Lock)

    def fails(self, name: str) -> bool:
        """A call is made."""
        with self._lock:
            self.calls.append(name)
            number = len(self.calls) - 1
            due = self.at is not None and (number == self.at or (self.lasting and number > self.at))
            if due and self.way is Failing.FULL and name.partition(" ")[0] not in SPACE:
                due = False
            if due:
                self.failed.append(name)
            return due

    def ask(self, name: str) -> None:
        if self.fails(name):
            raise OSError(self.way.value[0], os.strerror(self.way.value[0]))


def _of_ours() -> str | None:
    """Which module of the product it is that asks the caller, if it is one."""
    depth = 2
    while (name := str(sys._getframe(depth).f_globals.get("__name__", ""))) in THROUGH:
        depth += 1
    return name if name.startswith(OURS) else None


@contextmanager
def faulty(plan: Plan) -> Iterator[Plan]:
    """While this lasts, calls of the product go by the plan."""
    with ExitStack() as undo:
        for name in CALLS:
            wrapped = _synced(plan, name) if name in ("fsync", "fdatasync") else _asked(plan, name)
            undo.enter_context(mock.patch.object(os, name, wrapped))
        undo.enter_context(mock.patch.object(os, "fdopen", _opened(plan)))
        undo.enter_context(mock.patch.object(sqlite3, "connect", _connected(plan)))
        for name in ("renameat2", "fallocate"):
            undo.enter_context(mock.patch.object(files, f"_{name}", _of_libc(plan, name)))
        yield plan


def _asked(plan: Plan, name: str) -> Callable[..., Any]:
    real = getattr(os, name)

    def call(*args: Any, **named: Any) -> Any:
        if module := _of_ours():
            plan.ask(f"{name} of {module}")
        return real(*args, **named)

    return call


def _synced(plan: Plan, name: str) -> Callable[[int], None]:
    """What could not be synced is gone: the kernel takes it for written, and will not try again."""
    real = getattr(os, name)

    def call(fd: int) -> None:
        module = _of_ours()
        if module is None:
            real(fd)
            return
        about = os.fstat(fd)
        inode = about.st_dev, about.st_ino
        try:
            plan.ask(f"{name} of {module}")
            real(fd)
        except OSError:
            known = plan.synced.get(inode, 0)
            if about.st_size > known and not os.path.isdir(f"/proc/self/fd/{fd}"):  # noqa: PTH112 - of an open file
                os.pwrite(fd, bytes(about.st_size - known), known)
            raise
        plan.synced[inode] = about.st_size

    return call


def _of_libc(plan: Plan, name: str) -> Callable[..., int]:
    real = getattr(files, f"_{name}")

    def call(*args: Any) -> int:
        try:
            plan.ask(name)
        except OSError as error:
            ctypes.set_errno(error.errno or 0)
            return -1
        done: int = real(*args)
        return done

    return call


class _Raw(io.FileIO):
    """A file of the product's, read, written and truncated by the plan."""

    def __init__(self, fd: int, mode: str, plan: Plan, module: str, closefd: bool) -> None:
        super().__init__(fd, mode, closefd)
        self._plan = plan
        self._module = module

    def readinto(self, buffer: Any, /) -> int:
        self._plan.ask(f"file.read of {self._module}")
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self._plan.ask(f"file.read of {self._module}")
        return super().readall()

    def write(self, data: Any, /) -> int:
        self._plan.ask(f"file.write of {self._module}")
        return super().write(data)

    def truncate(self, size: int | None = None, /) -> int:
        self._plan.ask(f"file.truncate of {self._module}")
        return super().truncate(size)


def _opened(plan: Plan) -> Callable[..., Any]:
    real = os.fdopen

    def fdopen(fd: int, mode: str = "r", *args: Any, **named: Any) -> Any:
        module = _of_ours()
        if module is None:
            return real(fd, mode, *args, **named)
        raw = _Raw(fd, mode.replace("b", ""), plan, module, named.pop("closefd", True))
        if "+" in mode:
            return io.BufferedRandom(raw)
        if "w" in mode or "a" in mode:
            return io.BufferedWriter(raw) if "b" in mode else io.TextIOWrapper(io.BufferedWriter(raw), **named)
        return io.BufferedReader(raw) if "b" in mode else io.TextIOWrapper(io.BufferedReader(raw), **named)

    return fdopen


def _connected(plan: Plan) -> Callable[..., sqlite3.Connection]:
    real = sqlite3.connect

    class Connection(sqlite3.Connection):
        """Full: the statement fails. Broken: SQLite gives up the whole transaction."""

        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            statement, *rest = sql.split(maxsplit=2)
            if plan.fails(f"sqlite {statement} {rest[0]}" if statement == "PRAGMA" else f"sqlite {statement}"):
                if plan.way is Failing.LATE and sql == "COMMIT":
                    super().execute(sql)
                elif plan.way is not Failing.FULL and self.in_transaction:
                    super().execute("ROLLBACK")
                error = sqlite3.OperationalError("planted")
                error.sqlite_errorcode = plan.way.value[1]
                raise error
            return super().execute(sql, *args)

    def connect(*args: Any, **named: Any) -> sqlite3.Connection:
        return real(*args, **named, factory=Connection) if _of_ours() else real(*args, **named)

    return connect
