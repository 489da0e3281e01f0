"""File systems in files, searched as they lie there: what files hold, blocks that files gave back, journals."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.loops import attached, mount, unmounting

HAS_XFS: Final = pytest.mark.skipif(shutil.which("mkfs.xfs") is None, reason="xfsprogs is missing: script/setup test")
KINDS: Final = ["ext4", pytest.param("xfs", marks=HAS_XFS)]
SIZES_BYTES: Final = {"ext4": 64 << 20, "xfs": 320 << 20}
"""Sparse; XFS asks for 300 MB at least."""
OPTIONS: Final = {"ext4": ("-F", "-b", "4096"), "xfs": ()}
"""Blocks as on a disk of the usual size."""
MOUNT_OPTIONS: Final = {"ext4": "", "xfs": "nouuid"}
"""Copies of an image may be mounted, too."""

_libc: Final = ctypes.CDLL(None, use_errno=True)


def make(image: Path, kind: str) -> Path:
    """An empty file system."""
    with image.open("wb") as file:
        file.truncate(SIZES_BYTES[kind])
    subprocess.run([f"mkfs.{kind}", "-q", *OPTIONS[kind], str(image)], check=True, capture_output=True)
    subprocess.run(["fallocate", "--dig-holes", str(image)], check=True)  # the log of an XFS is zeros
    return image


def copy(image: Path, target: Path) -> Path:
    """With its holes."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(image), str(target)], check=True)
    return target


@contextmanager
def mounted(image: Path, place: Path, kind: str, options: str = "") -> Iterator[Path]:
    """On a directory that is made where there is none."""
    place.mkdir(exist_ok=True)
    with attached(image) as device:
        mount(device, place, kind, options=",".join(filter(None, (options, MOUNT_OPTIONS[kind]))))
        with unmounting(place):
            yield place


def sync(place: Path) -> None:
    """syncfs(2): all of this file system lies in its image."""
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc.syncfs(fd) != 0:
            raise OSError(ctypes.get_errno(), "syncfs", str(place))
    finally:
        os.close(fd)


def parts(image: Path) -> Iterator[tuple[int, bytes]]:
    """All that ever was written to it, and not over, each with its offset; what no block holds is passed over."""
    with image.open("rb") as file:
        end, at = os.fstat(file.fileno()).st_size, 0
        while at < end:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return  # holes to the end
            hole = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            yield at, os.pread(file.fileno(), hole - at, at)
            at = hole


def counted(images: Iterable[Path], secrets: Mapping[str, bytes]) -> Counter[str]:
    """How often each lies there."""
    seen = Counter[str]()
    for image in images:
        for _, data in parts(image):
            seen.update({name: times for name, secret in secrets.items() if (times := data.count(secret))})
    return seen


CHUNK_BYTES: Final = 64 << 10
OVERLAP_BYTES: Final = 128
"""No needle is longer."""


class Search:
    """Of the same images again and again: what has not changed since is not looked at once more."""

    def __init__(self, needles: Mapping[str, bytes]) -> None:
        self._needles = needles
        self._known: dict[tuple[Path, int], int] = {}

    def found(self, images: Iterable[Path]) -> set[str]:
        """What lies in what has changed."""
        seen = set[str]()
        for image in images:
            for offset, data in parts(image):
                for at in range(0, len(data), CHUNK_BYTES):
                    chunk = data[at : at + CHUNK_BYTES]
                    if self._known.get((image, offset + at)) != (now := hash(chunk)):
                        self._known[image, offset + at] = now
                        around = data[max(0, at - OVERLAP_BYTES) : at + CHUNK_BYTES + OVERLAP_BYTES]
                        seen |= {name for name, needle in self._needles.items() if needle in around}
        return seen
