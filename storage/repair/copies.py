"""What lies on the volumes beside the footage, against the database: sidecars of pins (S2), the ledger's mirror (S13).

Blocking, read-only; imports the catalog and `storage.repair.ledgerdir`. The mirror follows the database by a second or
more, and old days of it go in their time: what is there must be what the ledger says, and it may end earlier.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from storage.catalog import ledger
from storage.catalog.lines import Line
from storage.catalog.queries import PAGE_MAX
from storage.repair import ledgerdir
from storage.repair.compare import LEDGER_NAME, PINS_NAME, Fault, Kind
from storage.repair.fsck import Level, Site
from storage.repair.look import Disk, Pace
from storage.repair.sidecars import faults


def sidecars(site: Site, _level: Level, _pace: Pace) -> Iterator[Fault]:
    """Each pin that lasts is told of, as it is, on each volume where it holds something."""
    for volume, disk in site.disks.items():
        try:
            yield from faults(site.read, disk)
        except OSError as error:
            what = f"it cannot be looked at: {error.strerror or error}"
            yield Fault(Kind.UNREADABLE, volume, PINS_NAME, what, "check the disk and `dmesg`")


def mirrors(site: Site, level: Level, pace: Pace) -> Iterator[Fault]:
    """At level hash, because it reads all of it. The first difference of each volume tells enough."""
    if level is not Level.HASH:
        return
    for volume, disk in site.disks.items():
        try:
            with disk.held() as root, ledgerdir.opened(root) as directory:
                number = _first_difference(site, ledgerdir.lines(directory), pace)
        except FileNotFoundError:
            continue  # nothing is mirrored here yet
        except OSError as error:
            yield _fault(volume, disk, f"it cannot be read: {error.strerror or error}")
            continue
        if number is not None:
            yield _fault(volume, disk, f"leaf {number} is another one than in the ledger, or the ledger has none")


def _first_difference(site: Site, lines: Iterator[Line], pace: Pace) -> int | None:
    while page := list(islice(lines, PAGE_MAX)):
        began = time.monotonic()
        first, last = page[0].number, page[-1].number
        entries: dict[int, tuple[int, str, str]] = {}
        after = first - 1
        while after < last:
            found = site.read(partial(ledger.leaves, after=after, limit=PAGE_MAX))
            if not found:
                break
            entries |= {one.number: (one.wall_ms, one.kind, one.body) for one in found}
            after = found[-1].number
        for line in page:
            if entries.get(line.number) != (line.wall_ms, line.kind, line.text):
                return line.number
        pace(time.monotonic() - began)
    return None


def _fault(volume: str, disk: Disk, what: str) -> Fault:
    place = Path(disk.path, LEDGER_NAME)
    return Fault(
        Kind.MIRROR, volume, LEDGER_NAME, f"the mirror in {place}: {what}", "keep it and find out who changed it"
    )
