"""Which names on volumes something happened to: watchdog's inotify thread, and a bounded board of what it told.

The only module that imports watchdog, and of it the thread that owns one inotify instance for all directories: an
observer would have a queue, a thread and a group for each, and on overflow walk everything again. Nothing here touches
a file or the database; what an event means is decided by `storage.integrity.compare`. Events are gathered for a second
before they are read, because a worker's writes come twice a second each: the thread wakes once for all of them.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Final

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from storage.integrity.compare import Touch, Touched
from storage.words.layout import PART_SUFFIX

log = logging.getLogger("edged.host")

GATHER_S: Final = 1.0
"""The kernel's queue holds 16,384 events; 64 cameras make some 300 a second."""
NAMES_MAX: Final = 20_000
"""Names on the board, some MB: more happened than anybody looks at one by one; the rescan does."""
MOVES_MAX: Final = 256
"""Renames of which only the first half was read yet."""
WATCHES_MAX: Final = 4096
"""Directories watched: 64 cameras × 14 days four times over, and 4 MB of the kernel's memory."""
WATCHES_SHARE: Final = 4
"""And at most one in so many of what one account may watch on this box: others want some, too."""
LIMIT: Final = Path("/proc/sys/fs/inotify/max_user_watches")
MASK: Final = Mask(
    InotifyConstants.IN_MODIFY
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_CREATE
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
    | InotifyConstants.IN_EXCL_UNLINK
)
"""Not who opens, reads or closes what he read; not modes and times, which the rescan sees."""

Place = tuple[str, PurePosixPath]
"""A directory or file: volume id, path on it."""
Held = tuple[WatchDescriptor, CallbackId]
"""What the kernel calls a watch, and whom watchdog tells."""


def watches_allowed() -> int:
    """How many directories may be watched here."""
    try:
        limit = int(LIMIT.read_text(encoding="ascii"))
    except (OSError, ValueError):
        limit = WATCHES_MAX
    return min(WATCHES_MAX, limit // WATCHES_SHARE)


class EventBoard:
    """What happened to which name since it was last looked at. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[Place, tuple[Touched, float]] = {}
        self._moves: dict[int, Place] = {}
        self._lost = False
        self._directories = False

    def note(self, place: Place, event: InotifyEvent, now_s: float) -> None:
        """One event of the name `place`."""
        with self._lock:
            for what in self._meaning(place, event):
                known = self._names.pop(place, None)
                if known is None and len(self._names) >= NAMES_MAX:
                    self._lost = True
                    return
                touched = known[0].and_then(what) if known else Touched(*place, frozenset({what}), event.is_directory)
                self._names[place] = touched, now_s
            self._directories = self._directories or event.is_directory

    def _meaning(self, place: Place, event: InotifyEvent) -> list[Touch]:
        """With the lock held. What is in progress is written all the time, and is nobody's business."""
        if event.is_moved_from and place[1].name.endswith(PART_SUFFIX):
            self._moves[event.cookie] = place
            if len(self._moves) > MOVES_MAX:
                del self._moves[next(iter(self._moves))]
        if event.is_moved_to:
            before = self._moves.pop(event.cookie, None)
            same = before == (place[0], place[1].with_name(place[1].name + PART_SUFFIX))
            return [Touch.COMPLETED if same else Touch.NAMED]
        if event.is_create:
            return [Touch.NAMED]
        if place[1].name.endswith(PART_SUFFIX):
            return []
        if event.is_modify:
            return [Touch.WRITTEN]
        if event.is_close_write:
            return [Touch.CLOSED]
        return [Touch.GONE] if event.is_delete or event.is_moved_from else []

    def lose(self) -> None:
        """Something happened, and nobody knows to what."""
        with self._lock:
            self._lost = True

    def take(self, before_s: float, limit: int) -> list[Touched]:
        """Names to which nothing more happened since then; those that wait longest first."""
        with self._lock:
            due = [place for place, (_, at_s) in self._names.items() if at_s <= before_s][:limit]
            return [self._names.pop(place)[0] for place in due]

    def lose_directory(self) -> None:
        """A directory is not watched any more, and nobody asked for that."""
        with self._lock:
            self._directories = True

    def was_lost(self) -> bool:
        """Whether events were lost since this was asked last."""
        with self._lock:
            lost, self._lost = self._lost, False
            return lost

    def directories_changed(self) -> bool:
        """Whether a directory came, went or is not watched any more since this was asked last."""
        with self._lock:
            changed, self._directories = self._directories, False
            return changed


class _Gathering(InotifyFD):
    """watchdog's thread, which lets events gather before it reads them."""

    def run(self) -> None:
        while self.should_keep_running():
            for event in self.read_events():
                self.handle_event(event)
            self.stopped_event.wait(GATHER_S)


class _Directory:
    """Hears of one directory."""

    def __init__(self, owner: Watches, place: Place, number: CallbackId) -> None:
        self._owner = owner
        self._place = place
        self._number = number

    def on_event(self, event: InotifyEvent) -> None:
        if event.name:
            volume, relative = self._place
            place = volume, relative / os.fsdecode(event.name)
            if event.is_directory and event.is_moved_from:
                self._owner.moved(place)
            self._owner.board.note(place, event, time.monotonic())

    def on_watch_deleted(self, _wd: int) -> None:
        self._owner.forget(self._place, self._number)

    def on_queue_overflow(self) -> None:
        self._owner.board.lose()


class Watches:
    """The directories that are watched. One thread calls `place` and `close`, another one hears.

    The kernel watches what lies under a name, and knows it by a number of its own: after a rename, or with another disk
    under the path, two names may mean one directory. So each watch that is placed is let go of by its own number, too.
    """

    def __init__(self) -> None:
        """OSError where the kernel has no instance left."""
        self.board = EventBoard()
        self._thread = _Gathering()
        self._lock = threading.Lock()
        self._watched: dict[Place, Held] = {}
        self._moved: list[Held] = []
        """Of directories that have other names now."""
        self._numbers = map(CallbackId, count(1))
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def count(self) -> int:
        with self._lock:
            return len(self._watched)

    def place(self, wanted: Mapping[Place, Path]) -> list[Place]:
        """Watch these directories and no others; those that are new. OSError: there is no watch left for the rest."""
        with self._lock:
            gone = [self._watched.pop(place) for place in self._watched.keys() - wanted.keys()] + self._moved
            fresh = [place for place in wanted if place not in self._watched]
            self._moved = []
        self._thread.remove_callbacks(gone)
        placed = []
        for place in fresh:
            number = next(self._numbers)
            hears = _Directory(self, place, number)
            with self._lock, suppress(FileNotFoundError, NotADirectoryError):  # it may be gone again
                wd = self._thread.add_callback(os.fsencode(wanted[place]), MASK, hears, number)
                self._watched[place] = wd, number
                placed.append(place)
        return placed

    def moved(self, place: Place) -> None:
        """The directory has another name: what is there now, and below it, is to be watched anew."""
        volume, relative = place
        with self._lock:
            below = [one for one in self._watched if one[0] == volume and one[1].is_relative_to(relative)]
            self._moved += [self._watched.pop(one) for one in below]

    def forget(self, place: Place, number: CallbackId) -> None:
        """The directory that was watched under this number is gone, or its disk is."""
        with self._lock:
            if place in self._watched and self._watched[place][1] == number:
                del self._watched[place]
        self.board.lose_directory()

    def close(self) -> None:
        """Let go of all of it."""
        self._thread.stop()
        self._thread.join(GATHER_S * 2)
