"""Which disks are there: the configured volumes, and those that are governed although nothing new goes there.

Blocking and thread-safe; imports `storage.volumes.volume` and what the catalog knows of volumes. Keeps S10: what is
not the volume that belongs at its path is away, and nothing is written to it. A file system that does not answer makes
its volume away, too. What is away is let go of, so that it can be unmounted, mended and mounted, and taken back as
soon as it is there again. What was retired, or taken out of the configuration, is looked after as long as it holds
anything, and let go of when it is empty.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from storage.volumes.table import KnownVolume
from storage.volumes.volume import Space, Volume, VolumeSpec, failed, refused
from storage.words.errors import VolumeRefused
from storage.words.message import Message, message

Tell = Callable[[Volume, bool], None]
"""Hears of a volume that is there from now on (before anything is written to it), or away. Must not block."""
EMPTY: Final = message(
    "volume.empty", "it is retired and empty: take its disk out, and its table out of the configuration"
)
_NOT_YET: Final = message("volume.not-looked-for", "it has not been looked for yet")


class VolumeInventory:
    """Opened volumes by path."""

    def __init__(self, specs: Sequence[VolumeSpec], node: str, known: Iterable[KnownVolume]) -> None:
        """Open what can be opened. VolumeRefused, of the first, if no configured one can."""
        self._node = node
        self._specs = tuple(specs)
        self._known = {one.id: one for one in known}
        self._opened: dict[Path, Volume] = {}
        self._refused: dict[Path, VolumeRefused] = {}
        self._changing = threading.Lock()
        """For all of these. Held for no look at a disk: one that hangs must not hold up the others (L4)."""
        self._configuring = threading.Lock()
        self._sought: set[Path] = set()
        self._closed = False
        self.tell: Tell = lambda volume, there: None  # noqa: ARG005
        self._open_all(specs)
        if specs and not self._opened:
            raise self._first_refusal(specs)
        self._open_all([spec for spec in self.places() if spec not in self._specs], may_initialise=False)

    @property
    def specs(self) -> tuple[VolumeSpec, ...]:
        """As configured."""
        return self._specs

    @property
    def paths(self) -> set[Path]:
        """Where volumes are configured."""
        return {spec.path for spec in self._specs}

    @property
    def known(self) -> list[KnownVolume]:
        """All that the database has met."""
        with self._changing:
            return list(self._known.values())

    @property
    def opened(self) -> list[Volume]:
        """Those that were there when they were last looked at."""
        with self._changing:
            return list(self._opened.values())

    def places(self) -> list[VolumeSpec]:
        """Where to look: as configured, and behind that where something is left that must be governed."""
        with self._changing:
            paths = {spec.path for spec in self._specs}
            seated = {volume.id for path, volume in self._opened.items() if path in paths}
            left = [
                one.path
                for one in self._known.values()
                if one.loss is None and not one.empty and one.path not in paths and one.id not in seated
            ]
        return [*self._specs, *(VolumeSpec(path) for path in dict.fromkeys(left))]

    def is_served(self, volume: Volume) -> bool:
        """It takes footage: configured, and not retired."""
        with self._changing:
            known = self._known.get(volume.id)
            return any(spec.path == volume.path for spec in self._specs) and not (known and known.retired)

    def at(self, path: Path) -> KnownVolume | None:
        """The volume that belongs at a path."""
        with self._changing:
            found = [one for one in self._known.values() if one.path == path]
        return next((one for one in reversed(found) if one.belongs), found[-1] if found else None)

    def inspect(self, spec: VolumeSpec) -> tuple[Volume | None, Space | Message]:
        """The volume with its room now, or why nobody can tell. One that is away is let go of."""
        with self._changing:
            volume = self._opened.get(spec.path)
        if volume is None:
            return self._look_for(spec)
        try:
            return volume, volume.space()
        except (VolumeRefused, OSError) as error:
            return None, self._let_go(volume, error)

    def why(self, path: Path) -> Message:
        """What is the matter with a place where no volume is, and what to do."""
        if self._is_resting(path):
            return message("volume.refused", "volume {path}: {what}", path=str(path), what=EMPTY)
        with self._changing:
            refusal = self._refused.get(path)
        if refusal is None:
            return message("volume.refused", "volume {path}: {what}", path=str(path), what=_NOT_YET)
        return message("volume.refused-do", "{what}. {action}", what=refusal.what, action=refusal.action)

    def know(self, known: Iterable[KnownVolume]) -> None:
        """What the database says now. Those that are empty and take nothing are let go of."""
        with self._changing:
            for one in known:
                seat = next((path for path, volume in self._opened.items() if volume.id == one.id), one.path)
                self._known[one.id] = replace(one, path=seat)
            paths = {spec.path for spec in self._specs}
            for path, volume in list(self._opened.items()):
                of = self._known.get(volume.id)
                if of is not None and of.empty and (of.retired or path not in paths):
                    del self._opened[path]
                    volume.close()

    def configure(self, specs: Sequence[VolumeSpec]) -> None:
        """From now on these are configured. `VolumeRefused` if none of them can be used: then nothing changes."""
        with self._configuring:
            before = self._adopt(specs)
            self._move(specs)
            self._open_all([spec for spec in specs if spec.path not in self._opened])
            if not any(spec.path in self._opened for spec in specs):
                refusal = self._first_refusal(specs)
                self._adopt(before)
                raise refusal

    def open(self, spec: VolumeSpec) -> Volume:
        """A volume for whoever asked for it by name; an empty directory becomes one. `VolumeRefused`.

        It stays where it is configured; otherwise it is the caller's to close.
        """
        volume = Volume.open(spec, node=self._node, known=self._homes(), taken=self._taken())
        self._seat(volume, keep=any(one.path == spec.path for one in self._specs))
        return volume

    def close(self) -> None:
        """Give the locks back."""
        with self._changing:
            self._closed = True
            for volume in self._opened.values():
                volume.close()

    def _adopt(self, specs: Sequence[VolumeSpec]) -> tuple[VolumeSpec, ...]:
        with self._changing:
            before, self._specs = self._specs, tuple(specs)
            for spec in specs:
                if volume := self._opened.get(spec.path):
                    volume.configure(spec)
        return before

    def _move(self, specs: Sequence[VolumeSpec]) -> None:
        """A volume that is configured no longer, but whose directory is under another name, is let go of for that."""
        paths = {spec.path for spec in specs}
        for volume in self.opened:
            if volume.path not in paths and any(_same(volume.path, path) for path in paths):
                with self._changing:
                    self._opened.pop(volume.path, None)
                volume.close()

    def _open_all(self, specs: Sequence[VolumeSpec], *, may_initialise: bool = True) -> None:
        """Those first that are where the database last found them: of two with one id the other one is the copy. Again
        as long as it helps: of disks that moved on, one makes room for the next.
        """
        homes = self._homes()
        waiting = sorted(specs, key=lambda spec: spec.path not in homes)
        while waiting:
            left = [spec for spec in waiting if not self._try(spec, may_initialise=may_initialise)]
            if len(left) == len(waiting):
                return
            waiting = left

    def _try(self, spec: VolumeSpec, *, may_initialise: bool) -> bool:
        if self._is_resting(spec.path):
            return False
        try:
            volume = Volume.open(
                spec, node=self._node, known=self._homes(), taken=self._taken(), may_initialise=may_initialise
            )
        except (VolumeRefused, OSError) as error:
            with self._changing:
                self._refused[spec.path] = _as_refusal(spec.path, error)
            return False
        return self._seat(volume)

    def _seat(self, volume: Volume, *, keep: bool = True) -> bool:
        """The volume is there from now on, unless this is about to end. Told first: a segment there needs its row."""
        self.tell(volume, True)
        with self._changing:
            if self._closed:
                volume.close()
                return False
            known = self._known.get(volume.id) or KnownVolume(
                volume.id, volume.path, "", retired=False, away=False, loss=None, empty=True
            )
            self._known[volume.id] = replace(known, path=volume.path, away=False, loss=None)
            if keep:
                self._refused.pop(volume.path, None)
                self._opened[volume.path] = volume
        return True

    def _look_for(self, spec: VolumeSpec) -> tuple[Volume | None, Space | Message]:
        """A volume that is away: is it back? Nothing is made a volume by a look."""
        with self._changing:
            why = self._refused[spec.path].why if spec.path in self._refused else _NOT_YET
            if self._closed or spec.path in self._sought:
                return None, why
            self._sought.add(spec.path)
        try:
            if self._is_resting(spec.path):
                return None, EMPTY
            if not self._try(spec, may_initialise=False):
                with self._changing:
                    return None, self._refused[spec.path].why if spec.path in self._refused else why
        finally:
            with self._changing:
                self._sought.discard(spec.path)
        with self._changing:
            volume = self._opened.get(spec.path)
        try:
            return (volume, volume.space()) if volume else (None, why)
        except (VolumeRefused, OSError) as error:
            return None, _as_refusal(spec.path, error).why

    def _let_go(self, volume: Volume, error: VolumeRefused | OSError) -> Message:
        """Of a volume that is away; why, in words."""
        refusal = _as_refusal(volume.path, error)
        with self._changing:
            if self._opened.get(volume.path) is volume:
                del self._opened[volume.path]
                self._refused[volume.path] = refusal
                self.tell(volume, False)
        volume.close()
        return refusal.why

    def _is_resting(self, path: Path) -> bool:
        """What was here is retired and empty, and nothing has taken its place."""
        known = self.at(path)
        return known is not None and known.retired and known.empty and known.loss is None

    def _homes(self) -> dict[Path, str]:
        """Which volume belongs where."""
        with self._changing:
            return {one.path: one.id for one in self._known.values() if one.belongs}

    def _taken(self) -> Mapping[str, Path]:
        with self._changing:
            return {volume.id: path for path, volume in self._opened.items()}

    def _first_refusal(self, specs: Sequence[VolumeSpec]) -> VolumeRefused:
        with self._changing:
            found = next((self._refused[spec.path] for spec in specs if spec.path in self._refused), None)
        return found or refused(specs[0].path, EMPTY, message("volume.empty.action", "Configure another volume."))


def _same(one: Path, other: Path) -> bool:
    """Two names of one directory."""
    with suppress(OSError):
        return one.samefile(other)
    return False


def _as_refusal(path: Path, error: VolumeRefused | OSError) -> VolumeRefused:
    return error if isinstance(error, VolumeRefused) else failed(path, error)
