"""The volumes of this box as one pool: which are there, how full they are, where the next segments go.

Blocking and thread-safe; imports `storage.volume` and `storage.retention`. Keeps S10: what is not the volume that was
configured is away, and nothing is written to it. A file system that does not answer makes its volume away, too; an
error is never taken for space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from storage.answers import VolumeState, VolumeStatus
from storage.errors import VolumeRefused
from storage.retention import bytes_needed, limit_bytes
from storage.volume import Space, Volume, VolumeSpec

Ring = Callable[[str], tuple[int, int]]
"""Segments and bytes that edged keeps on the volume with this id."""


class Pool:
    """The configured volumes, in the order of the configuration."""

    def __init__(self, specs: Sequence[VolumeSpec], node: str, known: Mapping[Path, str]) -> None:
        """Open what can be opened. VolumeRefused, of the first, if none can."""
        self._specs = specs
        self._opened: dict[Path, Volume] = {}
        self._refused: dict[Path, VolumeRefused] = {}
        self._known = dict(known)
        self._blocked: frozenset[str] = frozenset()
        for spec in specs:
            taken = {volume.id: path for path, volume in self._opened.items()}
            try:
                self._opened[spec.path] = Volume.open(spec, node=node, known=known, taken=taken)
            except VolumeRefused as error:
                self._refused[spec.path] = error
            except OSError as error:
                what = f"{spec.path}: {error.strerror}"
                self._refused[spec.path] = VolumeRefused(what, "Check the disk and its cable.")
        if not self._opened and self._refused:
            raise next(iter(self._refused.values()))

    @property
    def opened(self) -> list[Volume]:
        """Volumes that were there when the store was opened."""
        return list(self._opened.values())

    def space(self, volume: Volume) -> Space | str:
        """How much room there is now, or why nobody can tell."""
        try:
            return volume.space()
        except VolumeRefused as error:
            return error.what
        except OSError as error:
            return error.strerror or str(error)

    def present(self) -> dict[str, Volume]:
        """Volumes that are there now, by id."""
        return {volume.id: volume for volume in self._opened.values() if isinstance(self.space(volume), Space)}

    def block(self, volumes: frozenset[str]) -> None:
        """On these nothing may go although space is needed, as the last sweep found."""
        self._blocked = volumes

    def needed(self, volume: Volume, ring_bytes: int, headroom_bytes: int) -> int:
        """Bytes that have to go from a volume; 0 for one that is away, because nothing can."""
        space = self.space(volume)
        return bytes_needed(space, volume.spec, ring_bytes, headroom_bytes) if isinstance(space, Space) else 0

    def statuses(self, ring: Ring, next_bytes: int) -> list[VolumeStatus]:
        """All volumes; `next_bytes` is what the largest of the next segments will take."""
        return [self._status(spec, ring, next_bytes) for spec in self._specs]

    def choose(self, ring: Ring, next_bytes: int) -> VolumeStatus | None:
        """The volume in service with the most room; None when there is none."""
        usable = [status for status in self.statuses(ring, next_bytes) if status.state is VolumeState.IN_SERVICE]
        return max(usable, key=lambda status: status.limit_bytes - status.ring_bytes, default=None)

    def close(self) -> None:
        """Give the locks back."""
        for volume in self._opened.values():
            volume.close()

    def _status(self, spec: VolumeSpec, ring: Ring, next_bytes: int) -> VolumeStatus:
        volume = self._opened.get(spec.path)
        volume_id = volume.id if volume else self._known.get(spec.path, "")
        count, held = ring(volume_id)
        space = self._refused[spec.path].what if volume is None else self.space(volume)
        if isinstance(space, str):
            return VolumeStatus(volume_id, spec.path, VolumeState.AWAY, space, 0, 0, held, 0, count)
        limit = limit_bytes(space, spec, held)
        state, reason = VolumeState.IN_SERVICE, ""
        if volume_id in self._blocked and limit - held < next_bytes:
            state, reason = VolumeState.FULL, "the next segments do not fit, and everything on it must still be kept"
        return VolumeStatus(volume_id, spec.path, state, reason, space.total, space.free, held, limit, count)
