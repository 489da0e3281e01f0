"""The rescan: the whole ring looked at within a day, in small rounds, so that no watch need be perfect.

Blocking, in a thread of its own, some rows a round. It goes by rows (is the file there, of its size; is it later
changed than it was written: then its content), then by directories (what has no row), and begins again. Where it is
stands in the database, so that a restart goes on; what changed while edged was down is found like everything else.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Final

from storage.integrity import queries as integrity_queries
from storage.integrity.compare import OUR_NAMES, is_day
from storage.integrity.inspect_file import Looker, VolumeDirectory, look_at, names
from storage.segments.coverage_queries import ReadQuery
from storage.segments.findings_table import FaultKind, RescanProgress
from storage.segments.queries import PAGE_MAX
from storage.words.layout import is_camera

ROWS_PASS_S: Final = 12 * 3600
"""All rows within this, and all directories in what is left of a day."""
ROWS_MIN: Final = 100
"""Looked at in a round however small the ring is: a few milliseconds."""
ROWS_MAX: Final = 5000
"""Looked at in a round at the most: 20 million rows in 12 h, 10 s a round."""
DIRECTORIES: Final = 16
"""Of days, in a round: 64 cameras × 365 days in 4 h."""
SLACK_MS: Final = 5_000
"""A file is synced and renamed so soon after its last picture; what changed later than this is read once."""

Judge = Callable[[VolumeDirectory, PurePosixPath, bool], None]
"""Looks at a name that seems wrong, its content too where asked, and enters what it finds."""


def share(total: int, since_s: float) -> int:
    """How many of all rows are due after so long. Pure."""
    return min(ROWS_MAX, max(ROWS_MIN, math.ceil(total * since_s / ROWS_PASS_S)))


def is_suspicious(changed_ms: int, end_wall_ms: int, before_ms: int) -> bool:
    """Changed after it was written, and since the last pass began, which has read it otherwise. By the wall clock, so
    only a hint; `edgectl fsck --level hash` reads everything. Pure."""
    return changed_ms > max(end_wall_ms + SLACK_MS, before_ms - SLACK_MS)


class Round:
    """One round of a pass."""

    def __init__(self, read: ReadQuery, looker: Looker, disks: Mapping[str, VolumeDirectory], judge: Judge) -> None:
        self._read = read
        self._looker = looker
        self._disks = disks
        self._judge = judge

    def go(self, at: RescanProgress, since_s: float, pause: Callable[[float], None]) -> RescanProgress:
        """From here on; where the next round goes on. `pause` may raise: then this round is done again."""
        total, _ = self._read(integrity_queries.size_of_ring)
        left = share(total, since_s)
        while not at.directory and left > 0:
            began = time.monotonic()
            asked = min(left, PAGE_MAX)
            claims, last = self._read(partial(integrity_queries.rows_after, after=at.segment, limit=asked))
            for claim in claims:
                self._row(claim, at.before_ms)
            pause(time.monotonic() - began)
            at, left = replace(at, segment=at.segment if last is None else last), left - asked
            if len(claims) < asked:  # what is recorded from here on is watched
                at = replace(at, directory="/")
        if not at.directory:
            return at
        for number, (name, disk, day) in enumerate(self._days(at.directory)):
            if number == DIRECTORIES:
                return at
            began = time.monotonic()
            self.day(disk, day)
            pause(time.monotonic() - began)
            at = replace(at, directory=name)
        return replace(at, done=True)

    def _row(self, claim: integrity_queries.Claimed, before_ms: int) -> None:
        disk = self._disks.get(claim.row.volume)
        if disk is None:
            return
        seen = look_at(disk, claim.row.relative)
        kinds = set(self._looker.kinds(disk, claim.row.relative, claim, seen)) - {FaultKind.MODE}
        deep = seen is not None and is_suspicious(seen.changed_ms, claim.row.end.wall_ms, before_ms)
        if kinds or (deep and claim.row.sha256 is not None):
            self._judge(disk, claim.row.relative, deep)

    def _days(self, after: str) -> Iterator[tuple[str, VolumeDirectory, PurePosixPath]]:
        """Directories of days behind that one, in order; strange names on the way are judged."""
        for volume, disk in sorted(self._disks.items()):
            if f"{volume}0" <= after:  # "0" follows "/": all of it lies before
                continue
            for camera, seen in names(disk, PurePosixPath(".")):
                if camera.name in OUR_NAMES or f"{volume}/{camera}0" <= after:
                    continue
                if not seen.directory or not is_camera(camera.name):
                    self._judge(disk, camera, False)
                    continue
                for day, inner in names(disk, camera):
                    if not inner.directory or not is_day(day.name):
                        self._judge(disk, day, False)
                    elif (name := f"{volume}/{day}") > after:
                        yield name, disk, day

    def day(self, disk: VolumeDirectory, day: PurePosixPath) -> None:
        """What lies in a directory and has no row, or not that one."""
        found = names(disk, day)
        for begin in range(0, len(found), PAGE_MAX):
            page = found[begin : begin + PAGE_MAX]
            claims = self._read(partial(integrity_queries.claims_of, volume=disk.id, paths=[name for name, _ in page]))
            for relative, seen in page:
                kinds = self._looker.kinds(disk, relative, claims.get(relative), seen)
                if set(kinds) - {FaultKind.MODE}:
                    self._judge(disk, relative, False)
