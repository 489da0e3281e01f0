"""The ledger's lines on a volume, each held against its leaf, byte by byte.

Blocking, read-only, in pages. A mirror follows the database by a second, begins later because old days go in their
time, and may lack the end of a generation that was over before the volume came back. Else no leaf is missing between
two of its lines, nor behind the last up to where the database says that it goes.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import partial
from sqlite3 import Connection
from typing import Final

from storage.audit import queries as audit_queries
from storage.audit.findings import Code, LedgerFinding
from storage.audit.queries import PAGE
from storage.integrity.compare import LEDGER_NAME, Fault
from storage.integrity.fsck import Level, Site
from storage.integrity.inspect_file import Pace, VolumeDirectory, unpaced
from storage.ledger import checkpoint_files, generations_table
from storage.ledger.tree import LEAF
from storage.mirror import files as mirror_files
from storage.mirror import table as mirror_table
from storage.mirror.lines import parse
from storage.segments.coverage_queries import ReadQuery
from storage.segments.findings_table import FaultKind

ACTION: Final = "keep the disk as it is; a head that the centre kept tells whether the ledger is right"


class MirrorCheck:
    """Of one volume."""

    def __init__(self, read: ReadQuery, disk: VolumeDirectory, firsts: Sequence[int], pace: Pace = unpaced) -> None:
        """`firsts`: numbers of the leaves with which generations begin, in order."""
        self._read = read
        self._disk = disk
        self._firsts = firsts
        self._pace = pace
        self._page: list[tuple[int, bytes]] = []
        """Leaves that were read ahead, the next one last."""
        self._after = self._end = 0
        """The leaf that was taken last, and the last that the ledger is known to have."""
        self._ahead = False
        self.lines = 0
        """Looked at so far."""

    def differences(self) -> Iterator[LedgerFinding | None]:
        """What is wrong, and now and then None. FileNotFoundError: nothing is mirrored yet. OSError."""
        said = self._read(mirror_table.wanted).get(self._disk.id)
        with self._disk.held() as root, checkpoint_files.opened(root) as directory:
            last, began = 0, time.monotonic()
            for number, line in mirror_files.raw_lines(directory):
                if not self._has(number):
                    if not self._ahead:
                        self._ahead = True
                        yield self._beyond(number)
                elif number > last:
                    yield from self._between(last, number)
                    last = number
                    yield from self._line(number, line, self._next() if self._peek() == number else None)
                else:  # after a crash the last lines are written a second time
                    yield from self._line(number, line, self._read(partial(_leaf, number=number)))
                self.lines += 1
                if self.lines % PAGE == 0:
                    yield None
                    self._pace(time.monotonic() - began)
                    began = time.monotonic()
        upto = said.mirrored if said is not None else 0
        if last < upto and self._read(partial(mirror_table.any_between, after=last, upto=upto)):
            yield self._lacks(last + 1, upto)

    def _has(self, number: int) -> bool:
        """The ledger goes so far."""
        if number > self._end:
            self._end = self._read(mirror_table.last_leaf)
        return number <= self._end

    def _between(self, last: int, number: int) -> Iterator[LedgerFinding]:
        """Leaves of the same generation that should have had a line between these two."""
        if not last:
            self._after = number - 1
        since = self._firsts[bisect_right(self._firsts, number) - 1] if self._firsts else 0
        first = end = 0
        while (leaf := self._peek()) is not None and leaf < number:
            self._next()
            if leaf >= since:
                first, end = first or leaf, leaf
        if first:
            yield self._lacks(first, end)

    def _line(self, number: int, line: bytes, leaf: bytes | None) -> Iterator[LedgerFinding]:
        if leaf == LEAF + line or (leaf is not None and _means(line) == leaf):
            return
        what = "the ledger has no leaf of this number" if leaf is None else "it says something else than in the ledger"
        yield LedgerFinding(
            Code.MIRROR_CHANGED, f"leaf {number} in {self._disk.path / checkpoint_files.NAME}", what, ACTION
        )

    def _beyond(self, number: int) -> LedgerFinding:
        what = "the ledger ends before it: an older database was put back, or leaves were removed"
        return LedgerFinding(
            Code.MIRROR_AHEAD, f"leaf {number} in {self._disk.path / checkpoint_files.NAME}", what, ACTION
        )

    def _lacks(self, first: int, end: int) -> LedgerFinding:
        where = f"{'leaf' if first == end else 'leaves'} {first}{'' if first == end else f' to {end}'}"
        what = "no line that can be read tells of them, where there should be one"
        return LedgerFinding(Code.MIRROR_LACKS, f"{where} in {self._disk.path / checkpoint_files.NAME}", what, ACTION)

    def _peek(self) -> int | None:
        """Number of the next leaf of the ledger; None: there is none yet."""
        if not self._page:
            found = self._read(partial(audit_queries.hashed, after=self._after, until=1 << 62))
            self._page = found[::-1]
        return self._page[-1][0] if self._page else None

    def _next(self) -> bytes:
        self._after, data = self._page.pop()
        return data


def _leaf(connection: Connection, number: int) -> bytes | None:
    return next((data for _, data in audit_queries.hashed(connection, number - 1, number)), None)


def _means(line: bytes) -> bytes | None:
    """What would be hashed of a line that says the same in other words: an earlier version may have written it."""
    told = parse(line)
    return None if told is None else LEAF + told.entry.data


def mirror_faults(site: Site, level: Level, pace: Pace) -> Iterator[Fault]:
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
