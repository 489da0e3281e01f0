"""What watches over the files and over the ledger while the daemon runs.

The tamper watch: what happens on the volumes without the daemon's doing is found within seconds, or within a day.
Watched are the volumes themselves, the directories of the cameras and of their last days. Whatever the watch misses
(older days, a queue that overflowed, a limit, a thread that died, the time edged was down) the rescan of the whole
ring makes up for.

The ledger is checked by the daemon itself, when that is due (`storage.audit.schedule`), with a line in the journal
about each check. What it found stands as an alarm (`edged.alarms.tracking`), with the last result in `edgectl
ledger`.

Both live on the event loop; the work is done on a thread of each, which gives way to recording.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

from edged.host.file_events import Place, Watches, watches_allowed
from edged.host.loops import Loops, OwnThread
from storage.integrity.compare import OUR_NAMES, PINS_NAME, Touch, Touched, is_day
from storage.segments.findings_table import TamperedFiles
from storage.store.facade import Store

log = logging.getLogger("edged.evidence")
T = TypeVar("T")
LOOK_EVERY_S: Final = 1.0
RESCAN_EVERY_S: Final = 10.0
"""A round of the rescan takes what is due since the last one (`storage.integrity.service`)."""
SETTLE_S: Final = 2.0
"""A name is looked at once nothing happened to it for so long: what edged does to it is in the catalog by then."""
DAYS_WATCHED: Final = 14
"""Of each camera on each volume, the latest: what is asked for most, and a week longer than a holiday."""
PLACE_EVERY_S: Final = 600.0
"""New directories are seen as they come; this is for volumes whose watches came to nothing."""
ROOTS_EVERY_S: Final = 10.0
"""How soon a volume that came back is watched again; what happens on it until then is the rescan's."""
LEDGER_EVERY_S: Final = 60.0
"""How often is asked whether a check of the ledger is due (`storage.audit.schedule`)."""
LOOKED_AT: Final = 500
"""Names in one go: the thread is then free for a round of the rescan."""


class TamperWatch:
    """Finds what befalls files without the daemon. `watch` and `rescan` are loops' work; `close` after them."""

    def __init__(
        self, store: Store, recovering: Callable[[], bool], tell: Callable[[tuple[TamperedFiles, ...]], None]
    ) -> None:
        """`recovering`: what an unclean stop left is still worked off. `tell` hears which were tampered with."""
        self._store = store
        self._recovering = recovering
        self._report = tell
        self._thread = OwnThread("tamper")
        self._watches: Watches | None = None
        self._placed_s = self._rooted_s = float("-inf")
        self._roots: dict[str, tuple[int, int]] = {}
        self._short = False

    def start(self, loops: Loops) -> None:
        loops.every("tamper watch", LOOK_EVERY_S, self.watch)
        loops.every("rescan", RESCAN_EVERY_S, self.rescan)

    async def watch(self) -> None:
        """One look at what the watches told."""
        if self._watches is None or not self._watches.alive:
            await self._begin()
        watches = self._watches
        if watches is None:
            return
        if await self._is_due(watches) or watches.board.directories_changed():
            await self._thread.run(lambda: self._place(watches))
        if watches.board.was_lost():
            log.warning("too much happened on the volumes at once: what was overlooked is found by the next rescan")
            self._store.checks.again()
        if self._recovering():
            return
        if touched := watches.board.take(time.monotonic() - SETTLE_S, LOOKED_AT):
            await self._tell(await self._thread.run(lambda: self._store.checks.examine(touched)))

    async def _is_due(self, watches: Watches) -> bool:
        now_s = time.monotonic()
        if now_s - self._placed_s >= PLACE_EVERY_S:
            return True
        if now_s - self._rooted_s < ROOTS_EVERY_S:
            return False
        self._rooted_s, known = now_s, bool(self._roots)
        changed = await self._thread.run(self._roots_changed)
        if changed and known:  # a watch may still be on what was mounted there before
            await self._thread.run(lambda: watches.place({}))
            self._store.checks.again()
        return changed

    async def rescan(self) -> None:
        """One round; nothing while what an unclean stop left is worked off."""
        if not self._recovering():
            await self._thread.run(self._store.checks.rescan)
            await self._tell(0)

    async def close(self) -> None:
        """The store has been interrupted: what is under way ends between two blocks."""
        if self._watches is not None:
            await asyncio.to_thread(self._watches.close)
        await self._thread.close()

    async def _begin(self) -> None:
        """The first time, or anew after its thread ended (L5)."""
        if self._watches is not None:
            log.error("the thread that hears of files ended; another one takes its place")
            await asyncio.to_thread(self._watches.close)
            self._store.checks.again()
        self._watches = await asyncio.to_thread(Watches)
        self._placed_s = float("-inf")

    async def _tell(self, new: int) -> None:
        if new:
            log.error("%d files on the volumes are not as they were left; edgectl fsck names them", new)
        self._report(tuple(await self._thread.run(self._store.checks.tampered)))

    def _roots_changed(self) -> bool:
        """A volume came, went, or was mounted again: its watches went with what was there before."""
        roots = {}
        for volume, path in self._store.checks.present().items():
            try:
                found = path.stat()
            except OSError:
                continue
            roots[volume] = found.st_dev, found.st_ino
        changed, self._roots = roots != self._roots, roots
        return changed

    def _place(self, watches: Watches) -> None:
        wanted: dict[Place, Path] = {}
        for volume, root in self._store.checks.present().items():
            wanted |= directories(volume, root)
        allowed = watches_allowed()
        within = dict(sorted(wanted.items(), key=lambda one: _rank(one[0]))[:allowed])
        short = len(within) < len(wanted)
        try:
            new = watches.place(within)
        except OSError as error:
            log.warning("not every directory can be watched: %s", error.strerror)
            short, new = True, []
        if short and not self._short:
            log.warning(
                "%d of %d directories are watched; the rescan sees the others once a day", watches.count, len(wanted)
            )
        self._short = short
        if self._placed_s > float("-inf"):  # something may have happened in it before it was watched
            days = [Touched(*place, frozenset({Touch.NAMED}), directory=True) for place in new]
            self._store.checks.examine(days)
        self._placed_s = time.monotonic()


def directories(volume: str, root: Path) -> dict[Place, Path]:
    """What is to be watched on a volume: itself, its pins, its cameras, and their last days."""
    found = {(volume, PurePosixPath(".")): root}
    for camera in _inside(root):
        if camera.name == PINS_NAME:
            children = _inside(camera)
        elif camera.name in OUR_NAMES or camera.name.startswith("."):
            continue
        else:
            days = sorted((day for day in _inside(camera) if is_day(day.name)), key=lambda day: day.name)
            children = days[-DAYS_WATCHED:]
        for directory in (camera, *children):
            found[volume, PurePosixPath(directory.relative_to(root))] = directory
    return found


def _inside(directory: Path) -> list[Path]:
    try:
        with os.scandir(directory) as found:
            return [Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _rank(place: Place) -> tuple[int, int]:
    """What is watched first where not all can be: volumes, cameras, pins, then the latest days."""
    relative = place[1]
    if len(relative.parts) < 2 or relative.parts[0] == PINS_NAME:
        return len(relative.parts), 0
    return 2, -int(relative.name.replace("-", ""))


class LedgerWatch:
    """Checks the ledger when that is due."""

    def __init__(self, store: Store) -> None:
        self._ledger = store.ledger
        self._thread = OwnThread("ledger-check")

    def start(self, loops: Loops) -> None:
        """From now on."""
        loops.every("check of the ledger", LEDGER_EVERY_S, self._round)

    async def close(self) -> None:
        """The store has been interrupted: a check that is under way ends, and is due again."""
        await self._thread.close()

    async def _round(self) -> None:
        if not await self._thread.run(self._ledger.itself.round):
            return
        last = await self._thread.run(self._ledger.itself.last)
        if last is not None and last.findings:
            log.critical("the ledger was checked: %d findings; edgectl ledger verify names them", last.findings)
        elif last is not None:
            log.info("the ledger was checked: %d leaves, nothing was found", last.leaves)
