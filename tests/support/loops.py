"""Loop devices and mounts by system call: a test that mounts a thousand images cannot start four programs for each."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.waiting import TooLateError, wait_until

SET_FD, CLR_FD, SET_DIRECT_IO, GET_FREE = 0x4C00, 0x4C01, 0x4C08, 0x4C82
NOATIME: Final = 1 << 10
BUSY_S: Final = 30.0
"""Processes that were killed let go of their files a moment after they are gone."""
_DETACH: Final = 2
_FICLONE: Final = 0x40049409

_libc: Final = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str, flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    if _libc.mount(source.encode(), bytes(target), kind.encode(), flags, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {source}: {os.strerror(ctypes.get_errno())}", str(target))


@contextmanager
def unmounting(target: Path) -> Iterator[Path]:
    """umount2(2) at the end. What stays busy is detached; told, unless there is worse to tell."""
    try:
        yield target
    except BaseException:
        _libc.umount2(bytes(target), _DETACH)
        raise
    try:
        wait_until(lambda: _libc.umount2(bytes(target), 0) == 0, BUSY_S, f"{target} is unmounted", every_s=0.02)
    except TooLateError:
        _libc.umount2(bytes(target), _DETACH)
        raise


@contextmanager
def attached(file: Path, *, direct: bool = False) -> Iterator[str]:
    """A loop device on a file. `direct`: past the page cache, so that flushes reach whoever serves the file."""
    backing = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    try:
        name, device = _attach(backing)
    finally:
        os.close(backing)
    try:
        if direct:
            fcntl.ioctl(device, SET_DIRECT_IO, 1)
        yield name
    finally:
        fcntl.ioctl(device, CLR_FD, 0)
        os.close(device)


def _attach(backing: int) -> tuple[str, int]:
    """The next free device; somebody else may be quicker."""
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        while True:
            name = f"/dev/loop{fcntl.ioctl(control, GET_FREE)}"
            device = os.open(name, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(device, SET_FD, backing)
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:
                    raise
            else:
                return name, device
    finally:
        os.close(control)


@contextmanager
def mounted(file: Path, target: Path, kind: str = "ext4", *, direct: bool = False) -> Iterator[Path]:
    """The file system in a file."""
    with attached(file, direct=direct) as device:
        mount(device, target, kind, NOATIME)
        with unmounting(target):
            yield target


def clone(file: Path, copy: Path) -> None:
    """A copy that shares its blocks, made in one instant: ioctl FICLONE. `OSError` where the file system cannot."""
    with file.open("rb") as source, copy.open("wb") as target:
        fcntl.ioctl(target, _FICLONE, source.fileno())
