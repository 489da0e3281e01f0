"""Looks at the modes, owners and access lists of what edged keeps: who but edged could read it.

Blocking, on a thread; judged by `edged.host.access_lists`. The state directory, the heads of the volumes, and the
newest day of each camera are looked at each time, all else in passes of `EACH_LOOK` entries, so that a ring of a
million files costs no more than a small one. What is found open stays told until it is looked at again, which the
next look does first.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from edged.host.access_lists import NAMED_MAX, Entry, Open, Owner, Reached, opened

EACH_LOOK: Final = 4096
"""Entries of the pass in one look: 20 ms where they are cached, some seconds on a cold disk; a day of 14 cameras."""
AGAIN_MAX: Final = 4096
"""Open ones that are looked at again each time; of more, the later ones come with the pass."""
_LISTS: Final = frozenset({"system.posix_acl_access", "system.posix_acl_default"})


class Openness:
    """Of one daemon run. `look` is called by one thread at a time."""

    def __init__(self) -> None:
        self._owner = Owner(os.geteuid(), os.getegid())
        self._open: dict[str, str] = {}
        self._unread: dict[str, str] = {}
        self._pass: Iterator[Entry] | None = None
        self._passing = self._last = 0
        self._whole = False

    def look(self, state: Path, volumes: Iterable[Path]) -> Reached:
        """What all looks up to now came to."""
        self._unread.clear()
        places = [place for place in (state, *volumes) if self._is_there(place)]
        for path in list(islice(self._open, AGAIN_MAX)):
            self._again(path)
        for entry in self._heads(places):
            self._judge(entry)
        if self._pass is None:
            self._pass, self._passing = self._walk(places), 0
        count = 0
        for entry in islice(self._pass, EACH_LOOK):
            self._judge(entry)
            count += 1
        self._passing += count
        if count < EACH_LOOK:
            self._pass, self._whole, self._last = None, True, self._passing
        told = tuple(Open(path, why) for path, why in islice(sorted(self._open.items()), NAMED_MAX))
        looked = self._last if self._whole else self._passing
        return Reached(
            looked, self._whole, told, len(self._open), tuple(f"{p}（{w}）" for p, w in self._unread.items())
        )

    def _is_there(self, place: Path) -> bool:
        try:
            place.stat()
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._unread[str(place)] = error.strerror or type(error).__name__
            return False
        return True

    def _again(self, path: str) -> None:
        entry = _entry(path)
        if entry is None or opened(entry, self._owner) is None:
            del self._open[path]

    def _judge(self, entry: Entry) -> None:
        if (why := opened(entry, self._owner)) is not None:
            self._open[entry.path] = why
        else:
            self._open.pop(entry.path, None)

    def _heads(self, places: Iterable[Path]) -> Iterator[Entry]:
        """Each place and what lies right in it; of directories of cameras, their newest day with its files."""
        for place in places:
            yield from filter(None, [_entry(str(place))])
            for entry in self._in(str(place)):
                yield entry
                if stat.S_ISDIR(entry.mode):
                    days = sorted((one.path for one in self._in(entry.path)), reverse=True)
                    for newest in days[:1]:
                        yield from filter(None, [_entry(newest)])
                        yield from islice(self._in(newest), EACH_LOOK)

    def _walk(self, places: Iterable[Path]) -> Iterator[Entry]:
        """All of it, a directory before what is in it; links are not followed."""
        waiting = [str(place) for place in reversed(list(places))]
        while waiting:
            for entry in self._in(waiting.pop()):
                yield entry
                if stat.S_ISDIR(entry.mode):
                    waiting.append(entry.path)

    def _in(self, directory: str) -> Iterator[Entry]:
        try:
            with os.scandir(directory) as found:
                names = sorted(one.name for one in found)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            if not _is_roots_own(directory):
                self._unread[directory] = error.strerror or type(error).__name__
            return
        for name in names:
            entry = _entry(f"{directory}/{name}")
            if entry is not None:
                yield entry


def _entry(path: str) -> Entry | None:
    """None where it is gone, or lies behind what even edged may not enter."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    try:
        listed = not _LISTS.isdisjoint(os.listxattr(path, follow_symlinks=False))
    except OSError:
        listed = False  # gone since, or a file system that has no access lists
    return Entry(path, found.st_mode, found.st_uid, found.st_gid, listed)


def _is_roots_own(directory: str) -> bool:
    """As `lost+found` is: closed to everybody."""
    found = _entry(directory)
    return found is not None and found.uid == 0 and not stat.S_IMODE(found.mode) & 0o077
