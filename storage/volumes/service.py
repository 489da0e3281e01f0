"""The volumes of this box as one pool: how full they are, and which takes the next segments.

Blocking and thread-safe; imports `storage.volumes` and `storage.retention.plan`. Which disks are there is for
`storage.volumes.inventory`, which of them comes next is decided by the pure `storage.volumes.volume`. Room is
made only where the next segments go (`needed`): the others keep what they have until they come to their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from storage.volumes.inventory import EMPTY, VolumeInventory
from storage.volumes.table import KnownVolume, VolumeLoss
from storage.volumes.volume import (
    PlacementOption,
    Space,
    Volume,
    VolumeSpec,
    VolumeUsage,
    bytes_needed,
    choose_volume,
    limit_bytes,
    why_full,
)
from storage.words.errors import VolumeRefused
from storage.words.message import NOTHING, Message, message
from storage.words.model import GapCause, VolumeState, VolumeStatus

Looked: TypeAlias = tuple[VolumeSpec, Volume | None, Space | Message]
"""A place, the volume that is there, and its room, or why nobody can tell."""
Ring = Callable[[str], VolumeUsage]
"""What edged keeps on the volume with this id."""

WHY_FULL: Final[Mapping[GapCause, Message]] = {
    GapCause.FLOOR_PROTECT: message(
        "volume.full-floor", "the next segments do not fit, and everything on it must still be kept"
    ),
    GapCause.DISK_FULL: message("volume.full-others", "the next segments do not fit: others have taken the space"),
    GapCause.IO_ERROR: message(
        "volume.full-disk", "the next segments do not fit, and the disk does not let older ones be removed"
    ),
}
"""Causes of a full volume with their words, the one that is told first where volumes differ at the beginning."""
RETIRED: Final = message(
    "volume.retired", "it is retired: nothing new is recorded there, and what it holds is kept as long as it must be"
)
LEFT_OUT: Final = message(
    "volume.left-out",
    "it is not in the configuration: nothing new is recorded there, and what it holds is looked after",
)


class VolumePool:
    """The configured volumes, in the order of the configuration, and behind them those that are only looked after."""

    def __init__(self, specs: Sequence[VolumeSpec], node: str, known: Iterable[KnownVolume]) -> None:
        """Open what can be opened. VolumeRefused, of the first, if none can."""
        self.inventory = VolumeInventory(specs, node, known)
        self._blocked: Mapping[str, GapCause | None] = {}
        self._oldest: Mapping[str, int | None] = {}
        self._filling: str | None = None
        self._headroom_bytes = 0

    @property
    def opened(self) -> list[Volume]:
        """Volumes that were there when they were last looked at."""
        return self.inventory.opened

    def present(self) -> dict[str, Volume]:
        """Volumes that are there now, by id; also those that take no more footage."""
        looked = (self.inventory.inspect(spec) for spec in self.inventory.places())
        return {volume.id: volume for volume, space in looked if volume is not None and isinstance(space, Space)}

    def look(self) -> list[Looked]:
        """At each place, once: what is there now, and what room it has."""
        return [(spec, *self.inventory.inspect(spec)) for spec in self.inventory.places()]

    def spaces(self, looked: Iterable[Looked]) -> dict[str, tuple[VolumeSpec, Space]]:
        """How the volumes that are there are configured, and what room they have, by id."""
        return {volume.id: (spec, space) for spec, volume, space in looked if volume and isinstance(space, Space)}

    def block(self, volumes: Mapping[str, GapCause | None]) -> None:
        """On these nothing goes although space is needed, as the last sweep found; with a cause where it is not that
        everything must still be kept. Such a cause is remembered of volumes that nothing was asked of this time.
        """
        waiting = {volume.id for volume in self.inventory.opened if not self._has_turn(volume.id)}
        hindered = {one: cause for one, cause in self._blocked.items() if cause is not None and one in waiting}
        self._blocked = {**hindered, **volumes}

    def rank(self, oldest_ms: Mapping[str, int | None]) -> None:
        """How old the oldest footage is that may go, by volume; None where none may."""
        self._oldest = dict(oldest_ms)

    def is_giving(self, volume: Volume) -> bool:
        """Room is made there when it has its turn: it takes footage, and files could be removed when last tried."""
        return self.inventory.is_served(volume) and self._blocked.get(volume.id) is None

    def needed(self, volume: Volume, ring_bytes: int, headroom_bytes: int) -> int:
        """Bytes that have to go from a volume; 0 for one that is away, because nothing can, and for one that takes no
        more footage. Where others take the next segments, only what is above its limit.
        """
        self._headroom_bytes = headroom_bytes
        if not self.inventory.is_served(volume):
            return 0
        try:
            headroom_bytes = headroom_bytes if self._has_turn(volume.id) else 0
            return bytes_needed(volume.space(), volume.spec, ring_bytes, headroom_bytes)
        except (VolumeRefused, OSError):
            return 0

    def statuses(self, ring: Ring, next_bytes: Sequence[int], looked: Iterable[Looked]) -> list[VolumeStatus]:
        """All volumes, as they were looked at; `next_bytes` is what the next segment of each camera will take, the most
        important one first.

        Full is a volume without room even for that one; who else has to wait is for `storage.ring.admission`.
        """
        found = [self._status(*one, ring, next_bytes) for one in looked]
        shown = {status.id for status in found}
        lost = [one for one in self.inventory.known if one.loss is not None and not one.empty and one.id not in shown]
        return found + [self._lost(one, ring) for one in lost]

    def choose(self, statuses: Sequence[VolumeStatus], next_bytes: Sequence[int]) -> VolumeStatus | GapCause:
        """The volume that takes the next segments, or why there is none. It keeps its turn until another one has it."""
        usable = {status.id: status for status in statuses if status.state is VolumeState.IN_SERVICE}
        options = [
            PlacementOption(status.id, status.limit_bytes - status.ring_bytes, self._oldest.get(status.id))
            for status in usable.values()
        ]
        self._filling = choose_volume(options, self._filling, sum(next_bytes), self._headroom_bytes)
        if self._filling is not None:
            return usable[self._filling]
        causes = {status.cause for status in statuses if status.state is not VolumeState.LOST}
        return next((cause for cause in WHY_FULL if cause in causes), GapCause.IO_ERROR)

    def close(self) -> None:
        """Give the locks back."""
        self.inventory.close()

    def _has_turn(self, volume_id: str) -> bool:
        """It takes the next segments; while no volume does, room is sought on all of them."""
        return self._filling in (None, volume_id)

    def _status(
        self, spec: VolumeSpec, volume: Volume | None, space: Space | Message, ring: Ring, next_bytes: Sequence[int]
    ) -> VolumeStatus:
        known = self.inventory.at(spec.path)
        volume_id = volume.id if volume else known.id if known else ""
        count, held, is_all = ring(volume_id)
        if isinstance(space, Message):
            state = VolumeState.RETIRED if space is EMPTY else VolumeState.AWAY
            cause = None if space is EMPTY else GapCause.IO_ERROR
            return VolumeStatus(volume_id, spec.path, state, space, 0, 0, held, 0, count, cause, has_turn=False)
        state, reason, cause = VolumeState.IN_SERVICE, NOTHING, None
        limit = limit_bytes(space, spec, held)
        if volume is not None and not self.inventory.is_served(volume):
            state, reason, limit = VolumeState.RETIRED, RETIRED if known and known.retired else LEFT_OUT, 0
        elif volume_id in self._blocked or self._gives_nothing(volume_id, limit - held, next_bytes):
            cause = self._blocked.get(volume_id)
            if cause is None:  # as long as not all that edged keeps there is known, nobody else is to blame
                cause = why_full(space, spec, held, sum(next_bytes)) if is_all else GapCause.FLOOR_PROTECT
        if cause is not None and limit - held < max([1, *next_bytes[:1]]):
            state, reason = VolumeState.FULL, WHY_FULL[cause]
        return VolumeStatus(
            id=volume_id,
            path=spec.path,
            state=state,
            reason=reason,
            total_bytes=space.total,
            free_bytes=space.free,
            ring_bytes=held,
            limit_bytes=limit,
            segments=count,
            cause=cause,
            reserve_bytes=spec.reserve_of(space.total),
            device=space.device,
            has_turn=state is not VolumeState.RETIRED and self._has_turn(volume_id),
            is_known=is_all,
        )

    def _gives_nothing(self, volume_id: str, room_bytes: int, next_bytes: Sequence[int]) -> bool:
        """Of a volume that does not have its turn: it is full, and nothing on it may go yet."""
        waits = not self._has_turn(volume_id) and volume_id in self._oldest and self._oldest[volume_id] is None
        return waits and room_bytes < sum(next_bytes)

    def _lost(self, known: KnownVolume, ring: Ring) -> VolumeStatus:
        count, held, _ = ring(known.id)
        reason, harmless = (NOTHING, True) if known.loss is None else (loss_in_words(known.loss), known.loss.harmless)
        cause = None if harmless else GapCause.IO_ERROR
        return VolumeStatus(
            id=known.id,
            path=known.path,
            state=VolumeState.LOST,
            reason=reason,
            total_bytes=0,
            free_bytes=0,
            ring_bytes=held,
            limit_bytes=0,
            segments=count,
            cause=cause,
            has_turn=False,
            noted=known.loss is not None and known.loss.noted,
        )


def loss_in_words(loss: VolumeLoss) -> Message:
    """What is gone, without a figure that changes."""
    if loss.harmless:
        return message(
            "volume.lost-harmless",
            "it is gone for good with {segments} segments, none of which had to be kept any more",
            segments=loss.segments,
        )
    if loss.pinned:
        return message(
            "volume.lost-pinned",
            "it is gone for good with {segments} segments; {kept} of them had to be kept, {pinned} of them held as"
            " evidence",
            segments=loss.segments,
            kept=loss.below_floor,
            pinned=loss.pinned,
        )
    return message(
        "volume.lost",
        "it is gone for good with {segments} segments; {kept} of them had to be kept",
        segments=loss.segments,
        kept=loss.below_floor,
    )
