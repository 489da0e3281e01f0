"""Real file systems that fill up, die and vanish: small ext4 images behind loop devices. Root only."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.support.waiting import wait_until

SHUTDOWN: Final = 0x8004587D
"""EXT4_IOC_SHUTDOWN, `_IOR('X', 125, u32)`."""
WITHOUT_LOG: Final = 2
"""What was not synced is lost, as with a power cut; from now on everything fails."""
SIZE_BYTES: Final = 256 << 20
HELD_S: Final = 60.0
"""How long a dead file system may still be held: a worker that met it ends within half of this, and a container that
begins beside it holds it for a moment, too."""


def may_mount() -> bool:
    """Loop devices and mounts need root and a kernel that has them."""
    return os.geteuid() == 0 and Path("/dev/loop-control").exists()


class Ext4:
    """Context manager: an ext4 of its own, mounted on `path`."""

    def __init__(self, path: Path, size_bytes: int = SIZE_BYTES, *, inodes: int | None = None) -> None:
        """`inodes` is how many files it may hold; None: as many as mkfs thinks."""
        self.path = path
        self._inodes = [] if inodes is None else ["-N", str(inodes)]
        self._image = path.with_name(path.name + ".img")
        self._size_bytes = size_bytes
        self._device = ""

    def __enter__(self) -> Self:
        self.path.mkdir(parents=True, exist_ok=True)
        with self._image.open("wb") as image:
            image.truncate(self._size_bytes)
        self._device = _run("losetup", "--find", "--show", str(self._image))
        _run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^metadata_csum_seed", *self._inodes, self._device)
        self.mount()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        subprocess.run(["umount", "-l", str(self.path)], check=False, capture_output=True)
        subprocess.run(["losetup", "-d", self._device], check=False, capture_output=True)
        self._image.unlink()

    @property
    def device(self) -> str:
        """The loop device below it."""
        return self._device

    def mount(self) -> None:
        _run("mount", "-o", "noatime", self._device, str(self.path))

    def vanish(self) -> None:
        """Nothing is at its path any more; who has files open keeps them."""
        _run("umount", "-l", str(self.path))

    def mend(self) -> None:
        """What a technician does with a file system that died, once the last process that held it has let go.

        A file system that was unmounted lazily goes a moment after the last file in it is closed, not with it.
        """
        self.wait_until_free()
        done = subprocess.run(["fsck.ext4", "-p", self._device], check=False, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise AssertionError(f"fsck: {done.stdout}{done.stderr}")
        self.mount()

    def wait_until_free(self) -> None:
        wait_until(lambda: not self.is_held, HELD_S, f"nobody holds the dead file system on {self._device} any more")

    @property
    def is_held(self) -> bool:
        """Somebody still keeps the file system, though it is not mounted any more: mounted again it is as dead.

        The kernel gives an exclusive descriptor of a block device to one holder (`open(2)`, O_EXCL); fsck asks so too.
        """
        try:
            os.close(os.open(self._device, os.O_RDONLY | os.O_EXCL))
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return True
        return False

    def die(self) -> None:
        """In an instant: what was not synced is lost, reads and writes fail."""
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(directory, SHUTDOWN, struct.pack("<I", WITHOUT_LOG))
        finally:
            os.close(directory)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Whoever writes waits, and nothing can interrupt that, as with a disk that does not answer."""
        _run("fsfreeze", "--freeze", str(self.path))
        try:
            yield
        finally:
            _run("fsfreeze", "--unfreeze", str(self.path))

    def refuse_writes(self) -> None:
        """Read-only from now on, as ext4 does when it finds an error."""
        _run("mount", "-o", "remount,abort", str(self.path))

    def fill_with_files(self) -> list[Path]:
        """Empty files of somebody else's take all inodes there are."""
        made: list[Path] = []
        (self.path / "many").mkdir()
        try:
            while True:
                made.append(self.path / "many" / str(len(made)))
                made[-1].touch()
        except OSError:
            return made[:-1]

    def fill(self) -> Path:
        """A file of somebody else's takes all there is."""
        ballast = self.path / "somebody-elses"
        with ballast.open("wb", buffering=0) as file:
            free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize
            with contextlib.suppress(OSError):  # others may be quicker
                os.posix_fallocate(file.fileno(), 0, max(4096, free - 8192))
            file.seek(0, os.SEEK_END)
            block = bytes(4096)
            try:
                while True:
                    file.write(block)
            except OSError:
                return ballast


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout.strip()
