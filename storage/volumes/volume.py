"""A volume (錄影硬碟): a directory that proves who it is, locked while in use, and how much room it has.

Imports the standard library and lean modules of storage. Blocking. Keeps S10: a path that should carry a volume and
does not is refused, even if empty, because it may be a mount point without its disk.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from storage.volumes.identity import IDENTITY_SCHEMA, read_identity
from storage.volumes.initialise import check_apart, failed, initialise, refused
from storage.volumes.space import Space, VolumeSpec
from storage.words.layout import IDENTITY_NAME


class Volume:
    """An identified, locked volume. Its open directory keeps the disk from being unmounted under it.

    Thread-safe: `close` waits for nobody, and whoever works in the directory keeps it open until he is done.
    """

    def __init__(self, fd: int, spec: VolumeSpec, volume_id: str) -> None:
        """Use `open`."""
        self._fd = fd
        self._spec = spec
        self._id = volume_id
        self._lock = threading.Lock()
        self._users = 0
        self._closed = False

    @classmethod
    def open(
        cls,
        spec: VolumeSpec,
        *,
        node: str,
        known: Mapping[Path, str],
        taken: Mapping[str, Path],
        may_found: bool = True,
    ) -> Self:
        """Identify and lock; make it a volume if it `may_found` an empty directory that the database does not know.

        `known` is every volume of the database by path, `taken` those opened before this one by id.
        `VolumeRefused` with words for a technician, whatever is the matter.
        """
        try:
            fd = os.open(spec.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise failed(spec.path, error) from error
        try:
            _refuse_read_only(fd, spec.path)
            _lock(fd, spec.path, taken)
            others = {*known, *taken.values()} - {spec.path}
            volume_id = _identify(fd, spec.path, node, known)
            if volume_id is None:
                volume_id = _begin(fd, spec.path, node, others, may_found=may_found)
            _refuse_double(spec.path, volume_id, taken)
            check_apart(spec.path, taken.values())
        except OSError as error:
            os.close(fd)
            raise failed(spec.path, error) from error
        except BaseException:
            os.close(fd)
            raise
        return cls(fd, spec, volume_id)

    @property
    def id(self) -> str:
        return self._id

    @property
    def path(self) -> Path:
        return self._spec.path

    @contextmanager
    def held(self) -> Iterator[int]:
        """Its open directory: what is done relative to it is done to this disk, whatever is mounted at the path.

        `OSError` once it is closed.
        """
        with self._lock:
            if self._closed:
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), str(self.path))
            self._users += 1
        try:
            yield self._fd
        finally:
            with self._lock:
                self._users -= 1
                self._let_go()

    @property
    def spec(self) -> VolumeSpec:
        return self._spec

    def configure(self, spec: VolumeSpec) -> None:
        """Reserve and limit as they are from now on; the path stays."""
        self._spec = replace(spec, path=self.path)

    def space(self) -> Space:
        """Measured now. `VolumeRefused` rather than a guess: an error is not infinite space, and not none."""
        self.verify()
        try:
            with self.held() as fd:
                stat, device = os.fstatvfs(fd), os.fstat(fd).st_dev
                _refuse_read_only(fd, self.path)
        except OSError as error:
            raise failed(self.path, error) from error
        return Space(
            total=stat.f_blocks * stat.f_frsize,
            free=stat.f_bavail * stat.f_frsize,
            files_free=stat.f_favail if stat.f_files else None,
            used=(stat.f_blocks - stat.f_bfree) * stat.f_frsize,
            device=device,
        )

    def verify(self) -> None:
        """`VolumeRefused` unless the path still leads to the directory that was locked, and it is this volume (S10)."""
        told = None
        try:
            with self.held() as fd:
                here, there = os.fstat(fd), self.path.stat()
                if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
                    raise refused(self.path, "another directory has taken its place", "Mount the disk again.")
                with suppress(FileNotFoundError, ValueError):
                    told = read_identity(fd).get("volume")
        except OSError as error:
            raise failed(self.path, error) from error
        if told != self._id:
            what = f"{IDENTITY_NAME} no longer says that it is volume {self._id}"
            raise refused(self.path, what, "Put the file back as it was; nothing is written there without it.")

    def close(self) -> None:
        """Give the lock back, and the disk, as soon as nobody works in it."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        """With the lock held."""
        if self._closed and self._users == 0 and self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def _refuse_read_only(fd: int, path: Path) -> None:
    """Mounted so, or turned so by an error, which statvfs does not tell of ext4 since Linux 6.15, and opening does."""
    if os.fstatvfs(fd).f_flag & os.ST_RDONLY:
        raise failed(path, OSError(errno.EROFS, os.strerror(errno.EROFS)))
    try:
        os.close(os.open(IDENTITY_NAME, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd))
    except OSError as error:
        if error.errno == errno.EROFS:
            raise failed(path, error) from error


def _lock(fd: int, path: Path, taken: Mapping[str, Path]) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        here = os.fstat(fd)
        for other in taken.values():
            with suppress(OSError):
                there = other.stat()
                if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
                    what = f"it is the same directory as {other}"
                    raise refused(path, what, "Take one of the two out of the configuration.") from error
        what = "another edged, or another entry of this configuration, is using it"
        raise refused(path, what, "Stop the other one, or take the entry out.") from error


def _refuse_double(path: Path, volume_id: str, taken: Mapping[str, Path]) -> None:
    if volume_id in taken:
        what = f"it says that it is volume {volume_id}, and so does {taken[volume_id]}"
        raise refused(path, what, "One is a copy of the other: take the copy out of the configuration.")


def _identify(fd: int, path: Path, node: str, known: Mapping[Path, str]) -> str | None:
    """The id of the volume that is here; None in a directory that has none and of which the database knows nothing."""
    expected = known.get(path)
    try:
        identity = read_identity(fd)
    except FileNotFoundError as error:
        if expected is not None:
            what = f"volume {expected} belongs here, but there is no {IDENTITY_NAME}"
            action = (
                f"Its disk is probably not mounted: mount it. If it is gone for good: edgectl volume replace {path}"
            )
            raise refused(path, what, action) from error
        return None
    except ValueError as error:
        what = f"{IDENTITY_NAME} cannot be read ({error})"
        raise refused(path, what, "Check the disk; restore the file from a backup.") from error
    volume_id = identity.get("volume", "")
    if identity.get("schema") != IDENTITY_SCHEMA or not volume_id:
        what = f"{IDENTITY_NAME} is not of the form {IDENTITY_SCHEMA}"
        raise refused(path, what, "It was written by another version of edged: use that one.")
    if identity.get("node") != node:
        what = f"it belongs to the box {identity.get('node')!r}, and this one is {node!r}"
        raise refused(path, what, "Mount this box's own disk, or correct `node` under [site].")
    if expected not in (None, volume_id):
        home = next((str(place) for place, known_id in known.items() if known_id == volume_id), None)
        what = f"volume {expected} belongs here, but this is volume {volume_id}"
        if home is not None and home != str(path):
            raise refused(
                path,
                f"{what}, which belongs at {home}",
                "Mount each disk where it belongs, or under a new path that you write into the configuration.",
            )
        raise refused(path, what, "The wrong disk is mounted: mount the right one.")
    return volume_id


def _begin(fd: int, path: Path, node: str, others: Iterable[Path], *, may_found: bool) -> str:
    if not may_found:
        raise refused(path, f"it has no {IDENTITY_NAME}", f"A new volume is made by: edgectl volume init {path}")
    return initialise(fd, path, node, others)
