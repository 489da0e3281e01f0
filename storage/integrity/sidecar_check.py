"""Sidecars of pins against their rows (S2, S13): one comparison for `fsck`, the rescan and the tamper watch.

Blocking, read-only. A difference counts only if the row said the same before and after the look: a sidecar is written
before its row is told of it, and goes after the row that has ended.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Final

from storage.integrity.compare import PINS_NAME, Fault
from storage.integrity.fsck import Level, Site
from storage.integrity.inspect_file import Pace, VolumeDirectory
from storage.pins import sidecar
from storage.pins import table as pins
from storage.pins.table import Filed
from storage.segments.coverage_queries import ReadQuery
from storage.segments.findings_table import FaultKind

NO_FILE: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.ENXIO, errno.EACCES})
"""Somebody put something else there, or took the right to read it away; all else is the disk's doing."""
GONE: Final = "a lost database would come back without it, or with less of it"
ACTION: Final = "edged writes it anew; find out who did that"


def of_site(site: Site, _level: Level, _pace: Pace) -> Iterator[Fault]:
    """Each pin that lasts is told of, as it is, on each volume where it holds something."""
    for volume, disk in site.disks.items():
        try:
            yield from faults(site.read, disk)
        except OSError as error:
            what = f"it cannot be looked at: {error.strerror or error}"
            yield Fault(FaultKind.UNREADABLE, volume, PINS_NAME, what, "check the disk and `dmesg`")


def path_of(pin_id: str) -> PurePosixPath:
    return PurePosixPath(sidecar.PINS_NAME, pin_id, sidecar.SIDECAR_NAME)


def faults(read: ReadQuery, disk: VolumeDirectory, pin_id: str | None = None) -> Iterator[Fault]:
    """Of each pin that lasts and has something there, or of that one. OSError behind the others, if nobody can tell."""
    failed = None
    for filed in read(partial(pins.filed, volume=disk.id, pin_id=pin_id)):
        try:
            what = _difference(disk, filed)
        except OSError as error:
            failed = failed or error
            continue
        if what is not None and read(partial(pins.filed, volume=disk.id, pin_id=filed.pin.id)) == [filed]:
            words = f"pin {filed.pin.id} {what}"
            yield Fault(FaultKind.SIDECAR, disk.id, str(path_of(filed.pin.id)), words, ACTION)
    if failed is not None:
        raise failed


def _difference(disk: VolumeDirectory, filed: Filed) -> str | None:
    try:
        with disk.held() as root:
            content = sidecar.read_sidecar(root, filed.pin.id, sidecar.MAX_BYTES)
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        return f"has a sidecar on this volume that cannot be read ({error.strerror}): {GONE}"
    if content is None:
        return f"has no sidecar on this volume: {GONE}"
    return None if agrees(content, filed) else f"has a sidecar on this volume that is not as edged wrote it: {GONE}"


def agrees(content: bytes, filed: Filed) -> bool:
    """Whether a sidecar says what the row does. Pure.

    Of a pin that was adopted it may tell of another boot: one that this database never counted.
    """
    row = sidecar.of_pin(filed.pin, filed.boot_id)
    try:
        told = sidecar.parse(content, filed.pin.id)
    except ValueError:
        return False
    if filed.pin.adopted:
        told = replace(told, boot_id=row.boot_id, boottime_ms=row.boottime_ms, wall_ms=row.wall_ms)
    return told == row
