"""A file beside the database that is given up when a full disk lets nothing be written: so that destroying can begin.

Blocking and thread-safe; imports the standard library and `storage.files`. To free space the database must be
written, and DELETE in WAL mode, too, needs space. Where catalog and footage share a file system, somebody who fills it
to the last byte would so keep everything on it for ever. The ballast is given up piece by piece, because others take
what becomes free as well. Its size is all its state: whatever is interrupted, the next look sees what there is.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from storage.files import preallocate

log = logging.getLogger("edged.storage.ring")

NAME: Final = "ballast"
MODE: Final = 0o600
MAX_BYTES: Final = 64 << 20
"""The WAL may grow to 16 MB before it is checkpointed, and the checkpoint may need as much again in the database."""
SHARE_OF_DISK: Final = 100
"""On a small file system a hundredth of it."""
MIN_BYTES: Final = 1 << 20
"""Some hundred pages: less would not carry a sweep of one round."""
PIECES: Final = 8
"""It is given up in so many pieces: a stranger who goes on writing takes one of them, not all."""
SPARE_TIMES: Final = 2
"""It is refilled only where so many times its size are free: it must not fill the disk itself."""
_CHUNK: Final = 1 << 20


class Ballast:
    """The ballast of one state directory."""

    def __init__(self, state: Path) -> None:
        """Nothing is written before `maintain`."""
        self._path = state / NAME
        self._state = state
        self._turn = threading.Lock()
        self._tended = False

    @property
    def owed(self) -> int:
        """Bytes that it lacks; 0 as long as it was never laid out."""
        size = self._size()
        return max(0, self._wanted() - size) if self._tended or size else 0

    @property
    def left(self) -> int:
        """Bytes of it that are there."""
        return self._size()

    @property
    def needs(self) -> int:
        """Bytes that must be free before it is refilled."""
        return SPARE_TIMES * self.owed

    def is_on(self, directory: Path) -> bool:
        """It takes of the same file system's space."""
        with suppress(OSError):
            return self._state.stat().st_dev == directory.stat().st_dev
        return False

    def bytes_on(self, device: int | None) -> int:
        """What it and the rest of the state directory hold of this file system."""
        with suppress(OSError):
            if device is not None and self._state.stat().st_dev == device:
                return sum(map(_taken, os.scandir(self._state)))
        return 0

    def give(self) -> bool:
        """Give up a piece, because something could not be written: True if it was for lack of space and there was one.

        Where space is free the trouble is another, and it stays.
        """
        with self._turn:
            size = self._size()
            if size == 0 or self._free() >= self._piece() // 2:
                return False
            left = max(0, size - self._piece())
            try:
                with self._open() as fd:
                    os.ftruncate(fd, left)
                    os.fsync(fd)  # a journal hands freed blocks out again only once it has committed
            except OSError as error:
                log.error("the ballast %s cannot be given up: %s", self._path, error.strerror)  # noqa: TRY400
                return False
        given_kib, left_kib = (size - left) >> 10, left >> 10
        what = "of the space kept for the database (ballast) are given up, so that it can be written;"
        log.warning("the disk of %s is full: %d KiB %s %d KiB are left", self._state, given_kib, what, left_kib)
        return True

    def maintain(self) -> None:
        """Lay it out, or what of it was given up, where there is room for it again. Never raises."""
        with self._turn:
            self._tended = True
            missing = self._wanted() - self._size()
            if missing <= 0 or self._free() < SPARE_TIMES * missing:
                return
            try:
                with self._open() as fd:
                    self._fill(fd, self._size(), missing)
            except OSError as error:
                log.warning("the ballast %s is not complete: %s", self._path, error.strerror)

    def _fill(self, fd: int, at: int, missing: int) -> None:
        """Laid out and written: what is only laid out, some file systems would have to find room for once more."""
        preallocate(fd, at, missing)
        block = os.urandom(_CHUNK)  # not zeros, which some file systems do not store
        while missing > 0:
            count = os.pwrite(fd, block[: min(_CHUNK, missing)], at)
            at, missing = at + count, missing - count
        os.fsync(fd)

    @contextmanager
    def _open(self) -> Iterator[int]:
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        try:
            yield fd
        finally:
            os.close(fd)

    def _size(self) -> int:
        with suppress(OSError):
            return self._path.stat(follow_symlinks=False).st_size
        return 0

    def _wanted(self) -> int:
        try:
            space = os.statvfs(self._state)
        except OSError:
            return 0
        share = space.f_blocks * space.f_frsize // SHARE_OF_DISK
        return min(MAX_BYTES, max(MIN_BYTES, share // _CHUNK * _CHUNK))

    def _piece(self) -> int:
        return max(_CHUNK // PIECES, self._wanted() // PIECES)

    def _free(self) -> int:
        try:
            space = os.statvfs(self._state)
        except OSError:
            return 0
        return space.f_bavail * space.f_frsize


def _taken(entry: os.DirEntry[str]) -> int:
    """0 of a file that goes away meanwhile, as a WAL does."""
    with suppress(OSError):
        return entry.stat(follow_symlinks=False).st_blocks * 512
    return 0
