"""System calls that the standard library lacks: a rename that never replaces, space laid out ahead, idle reads.

Imports the standard library only, because a camera's worker uses it (`storage.segments.segment_file`). Keeps S6 and S4:
what has been committed is still there after a power cut, and no file ever takes another one's name. ioprio_set(2) does
nothing where the scheduler of a disk knows no classes; pausing (`storage.integrity.service`) does not rely on it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from pathlib import Path
from typing import Final

_RENAME_NOREPLACE: Final = 1
_UNSUPPORTED: Final = frozenset({errno.EINVAL, errno.ENOSYS})
"""What file systems and kernels without RENAME_NOREPLACE answer (NFS, some FUSE)."""
_KEEP_SIZE: Final = 1
_libc: Final = ctypes.CDLL(None, use_errno=True)
_renameat2: Final = _libc.renameat2
_renameat2.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
_renameat2.restype = ctypes.c_int
_fallocate: Final = _libc.fallocate64
_fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
_fallocate.restype = ctypes.c_int
_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30}
_WHO_PROCESS: Final = 1
_IDLE: Final = 3 << 13
NICE: Final = 10


def rename_noreplace(old: str, new: str, *, dir_fd: int) -> None:
    """Rename within one directory; `FileExistsError` if `new` is taken, and then nothing has changed.

    renameat2(RENAME_NOREPLACE) rather than link + unlink for what a power cut leaves: the rename is one step of the
    file system's journal, so afterwards there is exactly one name, and it is either in progress or complete. Between
    link and unlink there are two names of one inode, which recovery would have to tell from a pin. Where the file
    system cannot do it, link + unlink is still safe: link never replaces, and recovery takes a `.part` whose final
    name exists on the same inode for the rest of a commit.
    """
    if _renameat2(dir_fd, os.fsencode(old), dir_fd, os.fsencode(new), _RENAME_NOREPLACE) == 0:
        return
    code = ctypes.get_errno()
    if code not in _UNSUPPORTED:
        raise OSError(code, os.strerror(code), old, None, new)
    os.link(old, new, src_dir_fd=dir_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
    os.unlink(old, dir_fd=dir_fd)


def preallocate(fd: int, at: int, length: int) -> bool:
    """Lay out space behind a file's end, whose size stays as it is. False where that cannot be had: nothing is lost.

    What is not used goes with `os.ftruncate` to the file's own size.
    """
    return bool(_fallocate(fd, _KEEP_SIZE, at, length) == 0)


def fsync_directory(path: Path) -> None:
    """Make the names in a directory durable: those that were added as well as those that went."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


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
