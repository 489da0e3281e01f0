"""The volumes of this box as one pool: which are there, how full they are, where the next segments go.

Blocking and thread-safe; imports `storage.volumes.volume` and `storage.retention`. Keeps S10: what is not the volume
that was configured is away, and nothing is written to it. A file system that does not answer makes its volume away,
too; an error is never taken for space. What is away is let go of, so that it can be unmounted, mended and mounted, and
taken back as soon as it is there again under its old path.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from storage.answers import VolumeState, VolumeStatus
from storage.errors import VolumeRefused
from storage.model import GapCause
from storage.retention import bytes_needed, limit_bytes, why_full
from storage.volumes.volume import Space, Volume, VolumeSpec

Ring = Callable[[str], tuple[int, int]]
"""Segments and bytes that edged keeps on the volume with this id."""

WHY_FULL: Final[Mapping[GapCause, str]] = {
    GapCause.FLOOR_PROTECT: "the next segments do not fit, and everything on it must still be kept",
    GapCause.DISK_FULL: "the next segments do not fit: others have taken the space",
    GapCause.IO_ERROR: "the next segments do not fit, and the disk does not let older ones be removed",
}
"""Causes of a full volume with their words, the one that is told first where volumes differ at the beginning."""


class Pool:
    """The configured volumes, in the order of the configuration."""

    def __init__(self, specs: Sequence[VolumeSpec], node: str, known: Mapping[Path, str]) -> None:
        """Open what can be opened. VolumeRefused, of the first, if none can."""
        self._specs = specs
        self._opened: dict[Path, Volume] = {}
        self._refused: dict[Path, VolumeRefused] = {}
        self._node = node
        self._known = dict(known)
        self._changing = threading.Lock()
        """For what follows. Held for no look at a disk: one that hangs must not hold up the others (L4)."""
        self._sought: set[Path] = set()
        self._closed = False
        self._blocked: Mapping[str, GapCause | None] = {}
        for spec in specs:
            taken = {volume.id: path for path, volume in self._opened.items()}
            try:
                self._opened[spec.path] = Volume.open(spec, node=node, known=known, taken=taken)
            except (VolumeRefused, OSError) as error:
                self._refused[spec.path] = _refusal(spec, error)
        if not self._opened and self._refused:
            raise next(iter(self._refused.values()))

    @property
    def opened(self) -> list[Volume]:
        """Volumes that were there when the store was opened."""
        with self._changing:
            return list(self._opened.values())

    def present(self) -> dict[str, Volume]:
        """Volumes that are there now, by id."""
        looked = (self._look(spec) for spec in self._specs)
        return {volume.id: volume for volume, space in looked if volume is not None and isinstance(space, Space)}

    def _look(self, spec: VolumeSpec) -> tuple[Volume | None, Space | str]:
        """The volume with its room now, or why nobody can tell. One that is away is let go of."""
        with self._changing:
            volume = self._opened.get(spec.path)
        if volume is None:
            return self._look_for(spec)
        try:
            return volume, volume.space()
        except (VolumeRefused, OSError) as error:
            return None, self._let_go(spec, volume, error)

    def _let_go(self, spec: VolumeSpec, volume: Volume, error: VolumeRefused | OSError) -> str:
        """Of a volume that is away; why, in words."""
        refusal = _refusal(spec, error)
        with self._changing:
            if self._opened.get(spec.path) is volume:
                del self._opened[spec.path]
                self._known[spec.path], self._refused[spec.path] = volume.id, refusal
        volume.close()
        return refusal.what

    def _look_for(self, spec: VolumeSpec) -> tuple[Volume | None, Space | str]:
        """A volume that is away: is it back? One that the database does not know has to wait for the next start."""
        with self._changing:
            why = self._refused[spec.path].what
            if self._closed or spec.path not in self._known or spec.path in self._sought:
                return None, why
            self._sought.add(spec.path)
            taken = {volume.id: path for path, volume in self._opened.items()}
        volume = None
        try:
            volume = Volume.open(spec, node=self._node, known=self._known, taken=taken)
            space = volume.space()
        except (VolumeRefused, OSError) as error:
            if volume is not None:
                volume.close()
            with self._changing:
                self._sought.discard(spec.path)
                self._refused[spec.path] = _refusal(spec, error)
                return None, self._refused[spec.path].what
        with self._changing:
            self._sought.discard(spec.path)
            if self._closed:
                volume.close()
                return None, why
            self._opened[spec.path] = volume
        return volume, space

    def block(self, volumes: Mapping[str, GapCause | None]) -> None:
        """On these nothing goes although space is needed, as the last sweep found; with a cause where it is not that
        everything must still be kept.
        """
        self._blocked = dict(volumes)

    def needed(self, volume: Volume, ring_bytes: int, headroom_bytes: int) -> int:
        """Bytes that have to go from a volume; 0 for one that is away, because nothing can."""
        try:
            return bytes_needed(volume.space(), volume.spec, ring_bytes, headroom_bytes)
        except (VolumeRefused, OSError):
            return 0

    def spaces(self) -> dict[str, tuple[VolumeSpec, Space]]:
        """How the volumes that are there are configured, and what room they have now, by id."""
        looked = ((spec, *self._look(spec)) for spec in self._specs)
        return {volume.id: (spec, space) for spec, volume, space in looked if volume and isinstance(space, Space)}

    def statuses(self, ring: Ring, next_bytes: Sequence[int]) -> list[VolumeStatus]:
        """All volumes; `next_bytes` is what the next segment of each camera will take, the most important one first.

        Full is a volume without room even for that one; who else has to wait is for `storage.ring.admission`.
        """
        return [self._status(spec, ring, next_bytes) for spec in self._specs]

    def choose(self, ring: Ring, next_bytes: Sequence[int]) -> VolumeStatus | GapCause:
        """The volume in service with the most room, or why there is none."""
        statuses = self.statuses(ring, next_bytes)
        usable = [status for status in statuses if status.state is VolumeState.IN_SERVICE]
        if usable:
            return max(usable, key=lambda status: status.limit_bytes - status.ring_bytes)
        causes = {status.cause for status in statuses}
        return next((cause for cause in WHY_FULL if cause in causes), GapCause.IO_ERROR)

    def close(self) -> None:
        """Give the locks back."""
        with self._changing:
            self._closed = True
            for volume in self._opened.values():
                volume.close()

    def _status(self, spec: VolumeSpec, ring: Ring, next_bytes: Sequence[int]) -> VolumeStatus:
        volume, space = self._look(spec)
        volume_id = volume.id if volume else self._known.get(spec.path, "")
        count, held = ring(volume_id)
        if isinstance(space, str):
            return VolumeStatus(volume_id, spec.path, VolumeState.AWAY, space, 0, 0, held, 0, count, GapCause.IO_ERROR)
        limit = limit_bytes(space, spec, held)
        state, reason, cause = VolumeState.IN_SERVICE, "", None
        if volume_id in self._blocked:
            cause = self._blocked[volume_id] or why_full(space, spec, held, sum(next_bytes))
        if cause is not None and limit - held < max(1, *next_bytes[:1]):
            state, reason = VolumeState.FULL, WHY_FULL[cause]
        return VolumeStatus(
            *(volume_id, spec.path, state, reason, space.total, space.free, held, limit, count, cause),
            reserve_bytes=spec.reserve_of(space.total),
            device=space.device,
        )


def _refusal(spec: VolumeSpec, error: VolumeRefused | OSError) -> VolumeRefused:
    if isinstance(error, VolumeRefused):
        return error
    return VolumeRefused(f"{spec.path}: {error.strerror}", "Check the disk and its cable.")
