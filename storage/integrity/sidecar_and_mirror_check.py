"""What lies on the volumes beside the footage, against the database: sidecars of pins (S2), the ledger's mirror (S13).

Blocking, read-only; imports the catalog and `storage.audit.mirrors`.
"""

from __future__ import annotations

from collections.abc import Iterator

from storage.audit.mirrors import MirrorCheck
from storage.integrity.compare import LEDGER_NAME, PINS_NAME, Fault, FaultKind
from storage.integrity.fsck import Level, Site
from storage.integrity.inspect_file import Pace
from storage.integrity.sidecars import faults
from storage.ledger import generations_table


def sidecars(site: Site, _level: Level, _pace: Pace) -> Iterator[Fault]:
    """Each pin that lasts is told of, as it is, on each volume where it holds something."""
    for volume, disk in site.disks.items():
        try:
            yield from faults(site.read, disk)
        except OSError as error:
            what = f"it cannot be looked at: {error.strerror or error}"
            yield Fault(FaultKind.UNREADABLE, volume, PINS_NAME, what, "check the disk and `dmesg`")


def mirrors(site: Site, level: Level, pace: Pace) -> Iterator[Fault]:
    """At level hash, because it reads all of it. The first difference of each volume tells enough."""
    if level is not Level.HASH:
        return
    firsts = [one.first for one in site.read(generations_table.every)]
    for volume, disk in site.disks.items():
        try:
            found = next(filter(None, MirrorCheck(site.read, disk, firsts, pace).differences()), None)
            what = None if found is None else f"{found.where}: {found.what}"
        except FileNotFoundError:
            continue  # nothing is mirrored here yet
        except OSError as error:
            what = f"the mirror in {disk.path / LEDGER_NAME} cannot be read: {error.strerror or error}"
        if what is not None:
            yield Fault(
                FaultKind.MIRROR, volume, LEDGER_NAME, what, "keep it as it is; `edgectl ledger verify` tells more"
            )
