"""An empty directory becomes a volume (錄影硬碟): everything for which that is refused, and the file that says so.

Blocking; imports lean modules of storage. Keeps S10: what may be a mount point without its disk, lies inside another
volume, or cannot keep what storage promises (hard links, renames, syncs) never becomes one.
"""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from storage.files.fsync import rename_noreplace
from storage.volumes.identity import IDENTITY_SCHEMA
from storage.volumes.mounts import Mounts, read_mounts
from storage.words.errors import VolumeAbsent, VolumeRefused
from storage.words.failpoints import Failpoint, reach
from storage.words.layout import FILE_MODE, IDENTITY_NAME, PROBES, UNFINISHED

_PROBE, _PROBE_LINK, _PROBE_MOVED = PROBES
_AS_GOOD_AS_EMPTY: Final = frozenset({"lost+found", UNFINISHED, *PROBES})
"""A file system fresh from mkfs.ext4 counts as empty, and what an interrupted attempt left."""

_MICROSOFT: Final = "it has no hard links, no owners, or is written by a driver that promises nothing after a power cut"
_REMOTE: Final = "what was synced there lies with another machine, and locks do not hold against others"
UNFIT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk"), _MICROSOFT),
    **dict.fromkeys(("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs"), _REMOTE),
}
"""File systems that are refused by name, and why. What is not named here is tried."""


def refused(path: Path, what: str, action: str, kind: type[VolumeRefused] = VolumeRefused) -> VolumeRefused:
    """In the words of all that concerns a volume."""
    return kind(f"volume {path}: {what}", action)


def failed(path: Path, error: OSError) -> VolumeRefused:
    """What the kernel says, with what a technician looks at first."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        action = "Create it, and mount the disk there if it has one."
        return refused(path, "there is no such directory", action, VolumeAbsent)
    if isinstance(error, PermissionError):
        return refused(path, "it may not be used", "Give the directory to the user that edged runs as.")
    if error.errno == errno.EROFS:
        return refused(path, "it is mounted read-only", "Check the disk and `dmesg`, then mount it to be written.")
    return refused(path, f"the disk says: {error.strerror}", "Check the disk, its cable and `dmesg`.")


def initialise(fd: int, path: Path, node: str, others: Iterable[Path]) -> str:
    """The new volume's id, once its identity is durable. `VolumeRefused`, or `OSError` of the disk.

    `fd` is the open directory at `path`, `others` where other volumes are, or belong.
    """
    check(fd, path, others)
    volume_id = str(uuid.uuid4())
    identity = {"schema": IDENTITY_SCHEMA, "volume": volume_id, "node": node}
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(UNFINISHED, flags, FILE_MODE, dir_fd=fd), "w", encoding="utf-8") as file:
        json.dump(identity, file)
        file.flush()
        os.fsync(file.fileno())
    rename_noreplace(UNFINISHED, IDENTITY_NAME, dir_fd=fd)
    os.fsync(fd)
    reach(Failpoint.REPLACE_FOUNDED)
    return volume_id


def check(fd: int, path: Path, others: Iterable[Path]) -> None:
    """`VolumeRefused` with the first reason why this directory does not become a volume."""
    if set(os.listdir(fd)) - _AS_GOOD_AS_EMPTY:
        what = f"it is not empty and has no {IDENTITY_NAME}"
        raise refused(path, what, "A new volume begins in an empty directory: choose one.")
    mounts, real = read_mounts(), PurePosixPath(path.resolve())
    lacking = mounts.missing(real)
    if lacking is not None:
        what = f"{lacking} is a mount point (/etc/fstab or a systemd unit), and nothing is mounted on it"
        raise refused(path, what, f"Mount its disk first: mount {lacking}")
    check_apart(path, others, mounts)
    mount = mounts.of(real)
    if mount is not None and mount.kind in UNFIT:
        what = f"its file system is {mount.kind}: {UNFIT[mount.kind]}"
        raise refused(path, what, "Use a local disk with ext4 or xfs.")
    _try_out(fd, path)


def check_apart(path: Path, others: Iterable[Path], mounts: Mounts | None = None) -> None:
    """`VolumeRefused` where this directory and another volume's lie inside one another, whatever leads there."""
    mounts = mounts or read_mounts()
    real = PurePosixPath(path.resolve())
    for other in others:
        if other != path and mounts.inside(real, PurePosixPath(other.resolve())):
            what = f"it lies inside the volume {other}, or the other way round"
            raise refused(path, what, "Each volume needs a directory of its own: choose another one.")


def _try_out(fd: int, path: Path) -> None:
    """All that segments, pins and identities are made with, on two names of one small file."""
    _clear(fd)
    try:
        probe = os.open(_PROBE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE, dir_fd=fd)
        try:
            os.write(probe, b"edged")
            os.fsync(probe)
            os.link(_PROBE, _PROBE_LINK, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
            rename_noreplace(_PROBE, _PROBE_MOVED, dir_fd=fd)
            links = os.fstat(probe).st_nlink
        finally:
            os.close(probe)
        os.fsync(fd)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL):
            what = f"its file system lacks what is needed (hard links, renames, syncs): {error.strerror}"
            raise refused(path, what, "Use a local disk with ext4 or xfs.") from error
        raise failed(path, error) from error
    finally:
        _clear(fd)
    if links != 2:
        raise refused(path, "its file system does not count hard links", "Use a local disk with ext4 or xfs.")


def _clear(fd: int) -> None:
    for name in PROBES:
        with suppress(OSError):
            os.unlink(name, dir_fd=fd)
