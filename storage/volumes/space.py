"""Room on the volumes: what must go from one, how much it may hold, who is in the way, which takes the next segments.

Pure; imports the words of storage. Volumes are filled in turn, in the order of the configuration, and then turn as one
ring: where footage must go, the oldest of the box goes first, wherever it lies. Staying where one is has its worth (a
disk that sleeps, files of one time on one disk), so a volume is left for another only when that has room, or footage
that is older by `patience_ms`.

The bound: all that is held is younger than what was last destroyed plus that patience. So of volumes of any sizes,
where everything is past its floor, nothing is destroyed before the age that one volume of the summed size would have
held, less `MARGIN` rounds of the next segments for each volume, by more than the patience. Floors come no nearer to
breaking than with one: as long as any volume has room, or footage that may go, one is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from storage.words.model import GapCause

MARGIN: Final = 2
"""A volume is left while the segments in progress and the next ones still fit: the ones are completed there, and of
the others some begin before every worker has heard of it."""
PATIENCE_MS: Final = 86_400_000
"""A day of footage between one change of volumes and the next, where both are full."""
PATIENCE_SHARE: Final = 8
"""Of a ring that holds less than eight days, an eighth: with a whole day a small one would lose half of what fits."""
FILES_SPARE: Final = 256
"""Inodes that stay free: two segments and a new day's directory for each of 64 cameras, and some for the system."""


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """A volume as configured."""

    path: Path
    reserve_percent: float | None = None
    reserve_bytes: int | None = None
    max_bytes: int | None = None

    def reserve_of(self, total_bytes: int) -> int:
        """Bytes that stay free; the larger of the two where both are given."""
        share = 0 if self.reserve_percent is None else int(total_bytes * self.reserve_percent / 100)
        return max(share, self.reserve_bytes or 0)


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes and inodes of a file system, as an ordinary user finds them."""

    total: int
    free: int
    """f_bavail: what root keeps for itself is not ours."""
    files_free: int | None
    """None where the file system has no fixed number of inodes."""
    used: int = 0
    """By files of whoever, and by the file system itself; what root keeps free is not used."""
    device: int | None = None
    """Volumes of one file system have it in common, and all its room; None where that is not known."""


class VolumeUsage(NamedTuple):
    """What edged keeps on a volume."""

    segments: int
    bytes: int
    is_all: bool
    """False as long as a database that was begun anew does not know all that lies there."""


def bytes_needed(space: Space, spec: VolumeSpec, ring_bytes: int, headroom_bytes: int) -> int:
    """How much has to go from a volume before the segments being written fit, 0 if they do.

    A volume without spare inodes needs space, however many bytes are free.

    `ring_bytes` is what committed segments and garbage not yet unlinked hold there, `headroom_bytes` what the segments
    in progress will hold when they are complete, what they have written included. With it the ring stays within
    `max_bytes` and what is free above the reserve. What they have written is already missing from `space.free`, so
    towards the reserve it is counted twice: too much by less than one segment per camera, and on the safe side.
    """
    needs = [0, spec.reserve_of(space.total) + headroom_bytes - space.free]
    if spec.max_bytes is not None:
        needs.append(ring_bytes + headroom_bytes - spec.max_bytes)
    if _short_of_files(space):
        needs.append(headroom_bytes)  # as many bytes as the next segments take are about as many files
    return max(needs)


def limit_bytes(space: Space, spec: VolumeSpec, ring_bytes: int) -> int:
    """How much the ring may hold: `max_bytes`, or the volume less its reserve and what others use, if that is less.

    Without spare inodes no more than it holds.
    """
    room = max(0, ring_bytes + space.free - spec.reserve_of(space.total))
    if _short_of_files(space):
        room = min(room, ring_bytes)
    return room if spec.max_bytes is None else min(room, spec.max_bytes)


def why_full(space: Space, spec: VolumeSpec, ring_bytes: int, headroom_bytes: int) -> GapCause:
    """Who is in the way on a volume on which the next segments do not fit and nothing may go.

    DISK_FULL, others took the space: they have eaten into the reserve, which edged never does by more than what it is
    writing, or even without any footage there would be no room. Otherwise FLOOR_PROTECT: what is kept is in the way.
    """
    reserve_bytes = spec.reserve_of(space.total)
    eaten = space.free < reserve_bytes - headroom_bytes
    hopeless = ring_bytes + space.free - reserve_bytes < headroom_bytes
    return GapCause.DISK_FULL if eaten or hopeless else GapCause.FLOOR_PROTECT


def _short_of_files(space: Space) -> bool:
    return space.files_free is not None and space.files_free < FILES_SPARE


@dataclass(frozen=True, slots=True)
class PlacementOption:
    """A volume in service."""

    id: str
    room_bytes: int
    """What fits without destroying anything."""
    oldest_ms: int | None
    """Age (low bound) of the oldest footage on it that may go; None where none may, or nobody has looked."""


def choose_volume(
    options: Sequence[PlacementOption], filling: str | None, next_bytes: int, headroom_bytes: int = 0
) -> str | None:
    """The volume that takes the next segments, `next_bytes` in all; None only if there is no option.

    `filling` takes them at present. `options` are in the order of the configuration. The sweep keeps
    `headroom_bytes` free: with less than that footage has to go, and that is when it is asked whose.
    """
    here = next((option for option in options if option.id == filling), None)
    wanted = max(MARGIN * max(1, next_bytes), headroom_bytes)
    roomy = [option for option in options if option.room_bytes >= wanted]
    if roomy:
        return here.id if here in roomy and here is not None else roomy[0].id
    giving = [(option.oldest_ms, option) for option in options if option.oldest_ms is not None]
    if not giving:
        if here is not None and here.room_bytes >= next_bytes:
            return here.id
        return max(options, key=lambda option: option.room_bytes).id if options else None
    eldest_ms, eldest = max(giving, key=lambda given: given[0])
    stays = here is not None and here.oldest_ms is not None and eldest_ms - here.oldest_ms <= patience_ms(eldest_ms)
    return here.id if here is not None and stays else eldest.id


def patience_ms(eldest_ms: int) -> int:
    """By how much older another volume's footage must be, the oldest of which is `eldest_ms`."""
    return min(PATIENCE_MS, eldest_ms // PATIENCE_SHARE)
