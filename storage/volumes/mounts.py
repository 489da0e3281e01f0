"""What is mounted where, and what ought to be: where a directory really lies, whatever path leads to it.

Pure but for `read_mounts`, which reads what the kernel and the administrator say. Imports the standard library only.
Keeps S10: an empty directory is no empty disk where a mount point is declared that nothing is mounted on, and two
volumes are apart only if their places on their file systems are, not if their paths look different.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

MOUNTINFO: Final = Path("/proc/self/mountinfo")
FSTAB: Final = Path("/etc/fstab")
UNITS: Final = tuple(Path(root, "systemd/system") for root in ("/etc", "/run", "/usr/local/lib", "/usr/lib"))
"""Where an administrator, or what he installed, puts mount units; fstab's own lie in a generator's directory."""
UNITS_MAX: Final = 1000
"""Mount units read of one directory: far more than anybody has, and a bound."""
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of mountinfo: the directory `root` of the file system on `device` is seen at `at`.

    `source` and `options` are the file system's own: what it was mounted from, and how.
    """

    device: str
    root: PurePosixPath
    at: PurePosixPath
    kind: str
    source: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DevicePath:
    """Where a directory is on its file system: the same through symbolic links, bind mounts and second mounts."""

    device: str
    path: PurePosixPath

    def overlaps(self, other: DevicePath) -> bool:
        """One holds the other, or they are the same."""
        return self.device == other.device and _nested(self.path, other.path)


@dataclass(frozen=True, slots=True)
class Mounts:
    """What is mounted now, in the order of mounting, and the mount points that somebody declared."""

    now: Sequence[Mount]
    declared: frozenset[PurePosixPath]

    def of(self, path: PurePosixPath) -> Mount | None:
        """The mount that a path without symbolic links lies on; of two at one point the later one covers the other."""
        best = None
        for mount in self.now:
            if path.is_relative_to(mount.at) and (best is None or len(mount.at.parts) >= len(best.at.parts)):
                best = mount
        return best

    def place(self, path: PurePosixPath) -> DevicePath | None:
        mount = self.of(path)
        return None if mount is None else DevicePath(mount.device, mount.root / path.relative_to(mount.at))

    def missing(self, path: PurePosixPath) -> PurePosixPath | None:
        """The declared mount point at or above the path that nothing is mounted on."""
        mounted = {mount.at for mount in self.now}
        lacking = [at for at in self.declared if path.is_relative_to(at) and at not in mounted]
        return max(lacking, key=lambda at: len(at.parts), default=None)

    def inside(self, one: PurePosixPath, other: PurePosixPath) -> bool:
        """The one holds the other by path (another disk may be mounted in between), or by place."""
        here, there = self.place(one), self.place(other)
        return _nested(one, other) or (here is not None and there is not None and here.overlaps(there))


def read_mounts() -> Mounts:
    """As it is now. `OSError` where the kernel does not tell."""
    declared = set(parse_fstab(_text(FSTAB)))
    for folder in UNITS:
        for unit in sorted(folder.glob("*.mount"))[:UNITS_MAX]:
            declared.update(parse_unit(_text(unit)))
    return Mounts(parse_mountinfo(MOUNTINFO.read_text("utf-8", "surrogateescape")), frozenset(declared))


def parse_mountinfo(text: str) -> list[Mount]:
    """proc(5); a line of another form is passed over."""
    found = []
    for line in text.splitlines():
        left, dash, right = line.partition(" - ")
        fields, own = left.split(" "), [*right.split(" "), "", ""]
        if dash and len(fields) >= 6:
            root, at = (PurePosixPath(_plain(field)) for field in fields[3:5])
            found.append(Mount(fields[2], root, at, own[0], _plain(own[1]), tuple(own[2].split(","))))
    return found


def parse_fstab(text: str) -> Iterable[PurePosixPath]:
    """The mount points of fstab(5), the root left out: it is always there."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 2 and not fields[0].startswith("#") and fields[1].startswith("/"):
            yield from _mount_point(_plain(fields[1]))


def parse_unit(text: str) -> Iterable[PurePosixPath]:
    """`Where=` of a systemd.mount(5); what holds a specifier is passed over."""
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip() == "Where" and value.strip().startswith("/") and "%" not in value:
            yield from _mount_point(value.strip().strip('"'))


def _mount_point(text: str) -> Iterable[PurePosixPath]:
    path = PurePosixPath(text)
    return [path] if len(path.parts) > 1 else []


def _plain(field: str) -> str:
    """Blanks and the like are octal there."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)


def _nested(one: PurePosixPath, other: PurePosixPath) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
