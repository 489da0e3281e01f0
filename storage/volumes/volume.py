"""A volume (錄影硬碟): a directory that proves who it is, locked while in use, and how much room it has.

Blocking, and lean: a camera's worker asks for the identity before it writes. Keeps S10: a path that should carry a
volume and does not is refused, even if empty, because it may be a mount point without its disk.

An empty directory becomes a volume: everything for which that is refused, and the file that says so. What may be a
mount point without its disk, lies inside another volume, or cannot keep what storage promises (hard links, renames,
syncs) never becomes one.

Room on the volumes (pure): what must go from one, how much it may hold, which takes the next segments. Volumes are
filled in turn, in the order of the configuration, and then turn as one ring: where footage must go, the oldest of the
box goes first, wherever it lies. Staying where one is has its worth (a disk that sleeps, files of one time on one
disk), so a volume is left for another only when that has room, or footage that is older by `patience_ms`.

The bound: all that is held is younger than what was last destroyed plus that patience. So of volumes of any sizes,
where everything is past its floor, nothing is destroyed before the age that one volume of the summed size would have
held, less `MARGIN` rounds of the next segments for each volume, by more than the patience. Floors come no nearer to
breaking than with one: as long as any volume has room, or footage that may go, one is found.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple, Self

from storage.files import reading, rename_noreplace
from storage.volumes.mounts import Mounts, read_mounts
from storage.words.errors import VolumeAbsent, VolumeRefused, said
from storage.words.failpoints import Failpoint, reach
from storage.words.layout import FILE_MODE, IDENTITY_NAME, PROBES, UNFINISHED
from storage.words.message import Message, message
from storage.words.model import GapCause

IDENTITY_SCHEMA: Final = "edged.volume/1"
IDENTITY_MAX_BYTES: Final = 4096
"""An identity file has about 150; whatever is longer is not one."""

_PROBE, _PROBE_LINK, _PROBE_MOVED = PROBES
_AS_GOOD_AS_EMPTY: Final = frozenset({"lost+found", UNFINISHED, *PROBES})
"""A file system fresh from mkfs.ext4 counts as empty, and what an interrupted attempt left."""

_MICROSOFT: Final = message(
    "volume.unfit-microsoft",
    "it has no hard links, no owners, or is written by a driver that promises nothing after a power cut",
)
_REMOTE: Final = message(
    "volume.unfit-remote", "what was synced there lies with another machine, and locks do not hold against others"
)
UNFIT: Final[Mapping[str, Message]] = {
    **dict.fromkeys(("vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk"), _MICROSOFT),
    **dict.fromkeys(("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs"), _REMOTE),
}
"""File systems that are refused by name, and why. What is not named here is tried."""


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """A volume as configured."""

    path: Path
    reserve_percent: float | None = None
    reserve_bytes: int | None = None
    max_bytes: int | None = None

    def reserve_of(self, total_bytes: int) -> int:
        """Bytes that stay free; the larger of the two where both are given."""
        share = 0 if self.reserve_percent is None else int(total_bytes * self.reserve_percent / 100)
        return max(share, self.reserve_bytes or 0)


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes and inodes of a file system, as an ordinary user finds them."""

    total: int
    free: int
    """f_bavail: what root keeps for itself is not ours."""
    files_free: int | None
    """None where the file system has no fixed number of inodes."""
    used: int = 0
    """By files of whoever, and by the file system itself; what root keeps free is not used."""
    device: int | None = None
    """Volumes of one file system have it in common, and all its room; None where that is not known."""


class VolumeUsage(NamedTuple):
    """What edged keeps on a volume."""

    segments: int
    bytes: int
    is_all: bool
    """False as long as a database that was begun anew does not know all that lies there."""


def refused(path: Path, what: Message, action: Message, kind: type[VolumeRefused] = VolumeRefused) -> VolumeRefused:
    """In the words of all that concerns a volume."""
    return kind(message("volume.refused", "volume {path}: {what}", path=str(path), what=what), action, what)


def failed(path: Path, error: OSError) -> VolumeRefused:
    """What the kernel says, with what a technician looks at first."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        action = message("volume.no-directory.action", "Create it, and mount the disk there if it has one.")
        return refused(path, message("volume.no-directory", "there is no such directory"), action, VolumeAbsent)
    if isinstance(error, PermissionError):
        return refused(
            path,
            message("volume.not-allowed", "it may not be used"),
            message("volume.not-allowed.action", "Give the directory to the user that edged runs as."),
        )
    if error.errno == errno.EROFS:
        return refused(
            path,
            message("volume.read-only", "it is mounted read-only"),
            message("volume.read-only.action", "Check the disk and `dmesg`, then mount it to be written."),
        )
    return refused(
        path,
        message("volume.disk-says", "the disk says: {reason}", reason=said(error)),
        message("volume.disk-says.action", "Check the disk, its cable and `dmesg`."),
    )


def read_identity(volume_fd: int) -> dict[str, str]:
    """What the identity file in an open directory says. `FileNotFoundError` without one, `ValueError` if unreadable."""
    with reading(volume_fd, IDENTITY_NAME) as file:
        text = file.read(IDENTITY_MAX_BYTES + 1)
    if len(text) > IDENTITY_MAX_BYTES:
        raise ValueError(message("volume.identity-long", "more than {count} bytes", count=IDENTITY_MAX_BYTES))
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError(message("volume.identity-deep", "nested too deeply")) from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise ValueError(message("volume.identity-strings", "not an object of strings"))
    return content


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
        may_initialise: bool = True,
    ) -> Self:
        """Identify and lock. An empty directory that the database does not know becomes a volume if `may_initialise`.

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
                volume_id = _begin(fd, spec.path, node, others, may_initialise=may_initialise)
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
                    raise refused(
                        self.path,
                        message("volume.other-directory", "another directory has taken its place"),
                        message("volume.other-directory.action", "Mount the disk again."),
                    )
                with suppress(FileNotFoundError, ValueError):
                    told = read_identity(fd).get("volume")
        except OSError as error:
            raise failed(self.path, error) from error
        if told != self._id:
            what = message(
                "volume.identity-changed",
                "{file} no longer says that it is volume {volume}",
                file=IDENTITY_NAME,
                volume=self._id,
            )
            raise refused(
                self.path,
                what,
                message(
                    "volume.identity-changed.action",
                    "Put the file back as it was; nothing is written there without it.",
                ),
            )

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
                    what = message("volume.same-directory", "it is the same directory as {other}", other=str(other))
                    raise refused(
                        path,
                        what,
                        message("volume.same-directory.action", "Take one of the two out of the configuration."),
                    ) from error
        what = message("volume.used-by-another", "another edged, or another entry of this configuration, is using it")
        raise refused(
            path, what, message("volume.used-by-another.action", "Stop the other one, or take the entry out.")
        ) from error


def _refuse_double(path: Path, volume_id: str, taken: Mapping[str, Path]) -> None:
    if volume_id in taken:
        what = message(
            "volume.id-twice",
            "it says that it is volume {volume}, and so does {other}",
            volume=volume_id,
            other=str(taken[volume_id]),
        )
        raise refused(
            path,
            what,
            message("volume.id-twice.action", "One is a copy of the other: take the copy out of the configuration."),
        )


def _identify(fd: int, path: Path, node: str, known: Mapping[Path, str]) -> str | None:
    """The id of the volume that is here; None in a directory that has none and of which the database knows nothing."""
    expected = known.get(path)
    try:
        identity = read_identity(fd)
    except FileNotFoundError as error:
        if expected is not None:
            what = message(
                "volume.no-identity",
                "volume {volume} belongs here, but there is no {file}",
                volume=expected or "",
                file=IDENTITY_NAME,
            )
            action = message(
                "volume.no-identity.action",
                "Its disk is probably not mounted: mount it. If it is gone for good: edgectl volume replace {path}",
                path=str(path),
            )
            raise refused(path, what, action) from error
        return None
    except ValueError as error:
        what = message(
            "volume.identity-unreadable", "{file} cannot be read ({reason})", file=IDENTITY_NAME, reason=said(error)
        )
        raise refused(
            path, what, message("volume.identity-unreadable.action", "Check the disk; restore the file from a backup.")
        ) from error
    volume_id = identity.get("volume", "")
    if identity.get("schema") != IDENTITY_SCHEMA or not volume_id:
        what = message(
            "volume.identity-form", "{file} is not of the form {form}", file=IDENTITY_NAME, form=IDENTITY_SCHEMA
        )
        raise refused(
            path,
            what,
            message("volume.identity-form.action", "It was written by another version of edged: use that one."),
        )
    if identity.get("node") != node:
        what = message(
            "volume.other-box",
            "it belongs to the box {box}, and this one is {this}",
            box=repr(identity.get("node")),
            this=repr(node),
        )
        raise refused(
            path, what, message("volume.other-box.action", "Mount this box's own disk, or correct `node` under [site].")
        )
    if expected not in (None, volume_id):
        home = next((str(place) for place, known_id in known.items() if known_id == volume_id), None)
        what = message(
            "volume.wrong-disk",
            "volume {volume} belongs here, but this is volume {other}",
            volume=expected or "",
            other=volume_id,
        )
        if home is not None and home != str(path):
            raise refused(
                path,
                message(
                    "volume.disk-of-another-place",
                    "volume {volume} belongs here, but this is volume {other}, which belongs at {home}",
                    volume=expected or "",
                    other=volume_id,
                    home=home,
                ),
                message(
                    "volume.disk-of-another-place.action",
                    "Mount each disk where it belongs, or under a new path that you write into the configuration.",
                ),
            )
        raise refused(
            path, what, message("volume.wrong-disk.action", "The wrong disk is mounted: mount the right one.")
        )
    return volume_id


def _begin(fd: int, path: Path, node: str, others: Iterable[Path], *, may_initialise: bool) -> str:
    if not may_initialise:
        raise refused(
            path,
            message("volume.none-here", "it has no {file}", file=IDENTITY_NAME),
            message("volume.none-here.action", "A new volume is made by: edgectl volume init {path}", path=str(path)),
        )
    return initialise(fd, path, node, others)


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
        what = message("volume.not-empty", "it is not empty and has no {file}", file=IDENTITY_NAME)
        raise refused(
            path, what, message("volume.not-empty.action", "A new volume begins in an empty directory: choose one.")
        )
    mounts, real = read_mounts(), PurePosixPath(path.resolve())
    lacking = mounts.missing(real)
    if lacking is not None:
        what = message(
            "volume.not-mounted",
            "{mount} is a mount point (/etc/fstab or a systemd unit), and nothing is mounted on it",
            mount=str(lacking),
        )
        raise refused(
            path, what, message("volume.not-mounted.action", "Mount its disk first: mount {mount}", mount=str(lacking))
        )
    check_apart(path, others, mounts)
    mount = mounts.of(real)
    if mount is not None and mount.kind in UNFIT:
        what = message("volume.unfit", "its file system is {kind}: {why}", kind=mount.kind, why=UNFIT[mount.kind])
        raise refused(path, what, message("volume.use-local", "Use a local disk with ext4 or xfs."))
    _try_out(fd, path)


def check_apart(path: Path, others: Iterable[Path], mounts: Mounts | None = None) -> None:
    """`VolumeRefused` where this directory and another volume's lie inside one another, whatever leads there."""
    mounts = mounts or read_mounts()
    real = PurePosixPath(path.resolve())
    for other in others:
        if other != path and mounts.inside(real, PurePosixPath(other.resolve())):
            what = message(
                "volume.inside-another", "it lies inside the volume {other}, or the other way round", other=str(other)
            )
            raise refused(
                path,
                what,
                message(
                    "volume.inside-another.action", "Each volume needs a directory of its own: choose another one."
                ),
            )


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
            what = message(
                "volume.lacks",
                "its file system lacks what is needed (hard links, renames, syncs): {reason}",
                reason=said(error),
            )
            raise refused(path, what, message("volume.use-local", "Use a local disk with ext4 or xfs.")) from error
        raise failed(path, error) from error
    finally:
        _clear(fd)
    if links != 2:
        raise refused(
            path,
            message("volume.no-link-count", "its file system does not count hard links"),
            message("volume.use-local", "Use a local disk with ext4 or xfs."),
        )


def _clear(fd: int) -> None:
    for name in PROBES:
        with suppress(OSError):
            os.unlink(name, dir_fd=fd)


MARGIN: Final = 2
"""A volume is left while the segments in progress and the next ones still fit: the ones are completed there, and of
the others some begin before every worker has heard of it."""
PATIENCE_MS: Final = 86_400_000
"""A day of footage between one change of volumes and the next, where both are full."""
PATIENCE_SHARE: Final = 8
"""Of a ring that holds less than eight days, an eighth: with a whole day a small one would lose half of what fits."""
FILES_SPARE: Final = 256
"""Inodes that stay free: two segments and a new day's directory for each of 64 cameras, and some for the system."""


def bytes_needed(space: Space, spec: VolumeSpec, ring_bytes: int, headroom_bytes: int) -> int:
    """How much has to go from a volume before the segments being written fit, 0 if they do.

    A volume without spare inodes needs space, however many bytes are free.

    `ring_bytes` is what committed segments and garbage not yet unlinked hold there, `headroom_bytes` what the segments
    in progress will hold when they are complete, what they have written included. With it the ring stays within
    `max_bytes` and what is free above the reserve. What they have written is already missing from `space.free`, so
    towards the reserve it is counted twice: too much by less than one segment per camera, and on the safe side.
    """
    needs = [0, spec.reserve_of(space.total) + headroom_bytes - space.free]
    if spec.max_bytes is not None:
        needs.append(ring_bytes + headroom_bytes - spec.max_bytes)
    if _short_of_files(space):
        needs.append(headroom_bytes)  # as many bytes as the next segments take are about as many files
    return max(needs)


def limit_bytes(space: Space, spec: VolumeSpec, ring_bytes: int) -> int:
    """How much the ring may hold: `max_bytes`, or the volume less its reserve and what others use, if that is less.

    Without spare inodes no more than it holds.
    """
    room = max(0, ring_bytes + space.free - spec.reserve_of(space.total))
    if _short_of_files(space):
        room = min(room, ring_bytes)
    return room if spec.max_bytes is None else min(room, spec.max_bytes)


def why_full(space: Space, spec: VolumeSpec, ring_bytes: int, headroom_bytes: int) -> GapCause:
    """Who is in the way on a volume on which the next segments do not fit and nothing may go.

    DISK_FULL, others took the space: they have eaten into the reserve, which edged never does by more than what it is
    writing, or even without any footage there would be no room. Otherwise FLOOR_PROTECT: what is kept is in the way.
    """
    reserve_bytes = spec.reserve_of(space.total)
    eaten = space.free < reserve_bytes - headroom_bytes
    hopeless = ring_bytes + space.free - reserve_bytes < headroom_bytes
    return GapCause.DISK_FULL if eaten or hopeless else GapCause.FLOOR_PROTECT


def _short_of_files(space: Space) -> bool:
    return space.files_free is not None and space.files_free < FILES_SPARE


@dataclass(frozen=True, slots=True)
class PlacementOption:
    """A volume in service."""

    id: str
    room_bytes: int
    """What fits without destroying anything."""
    oldest_ms: int | None
    """Age (low bound) of the oldest footage on it that may go; None where none may, or nobody has looked."""


def choose_volume(
    options: Sequence[PlacementOption], filling: str | None, next_bytes: int, headroom_bytes: int = 0
) -> str | None:
    """The volume that takes the next segments, `next_bytes` in all; None only if there is no option.

    `filling` takes them at present. `options` are in the order of the configuration. The sweep keeps
    `headroom_bytes` free: with less than that footage has to go, and that is when it is asked whose.
    """
    here = next((option for option in options if option.id == filling), None)
    wanted = max(MARGIN * max(1, next_bytes), headroom_bytes)
    roomy = [option for option in options if option.room_bytes >= wanted]
    if roomy:
        return here.id if here in roomy and here is not None else roomy[0].id
    giving = [(option.oldest_ms, option) for option in options if option.oldest_ms is not None]
    if not giving:
        if here is not None and here.room_bytes >= next_bytes:
            return here.id
        return max(options, key=lambda option: option.room_bytes).id if options else None
    eldest_ms, eldest = max(giving, key=lambda given: given[0])
    stays = here is not None and here.oldest_ms is not None and eldest_ms - here.oldest_ms <= patience_ms(eldest_ms)
    return here.id if here is not None and stays else eldest.id


def patience_ms(eldest_ms: int) -> int:
    """By how much older another volume's footage must be, the oldest of which is `eldest_ms`."""
    return min(PATIENCE_MS, eldest_ms // PATIENCE_SHARE)
