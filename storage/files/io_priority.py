"""A thread that gives way: the kernel serves its reads when nobody else wants the disk. Imports the standard library.

ioprio_set(2) has no wrapper in the C library. Where the scheduler of a disk knows no classes it does nothing; pausing
(`storage.integrity.service`) does not rely on it.
"""

from __future__ import annotations

import ctypes
import os
import threading
from typing import Final

_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30}
_WHO_PROCESS: Final = 1
_IDLE: Final = 3 << 13
NICE: Final = 10

_libc: Final = ctypes.CDLL(None, use_errno=True)


def become_idle() -> None:
    """This thread from now on, for all its life; a refusal changes nothing."""
    number = _IOPRIO_SET.get(os.uname().machine)
    if number is not None:
        _libc.syscall(number, _WHO_PROCESS, 0, _IDLE)
    thread = threading.get_native_id()
    try:
        os.setpriority(os.PRIO_PROCESS, thread, max(NICE, os.getpriority(os.PRIO_PROCESS, thread)))
    except OSError:
        return
