"""Which of several volumes takes the next segments. Pure; imports the standard library only.

They are filled in turn, in the order of the configuration, and then turn as one ring: where footage must go, the
oldest of the box goes first, wherever it lies. Staying where one is has its worth (a disk that sleeps, files of one
time on one disk), so a volume is left for another only when that has room, or footage that is older by `patience_ms`.

The bound: all that is held is younger than what was last destroyed plus that patience. So of volumes of any sizes,
where everything is past its floor, nothing is destroyed before the age that one volume of the summed size would have
held, less `MARGIN` rounds of the next segments for each volume, by more than the patience. Floors come no nearer to
breaking than with one: as long as any volume has room, or footage that may go, one is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MARGIN: Final = 2
"""A volume is left while the segments in progress and the next ones still fit: the ones are completed there, and of
the others some begin before every worker has heard of it."""
PATIENCE_MS: Final = 86_400_000
"""A day of footage between one change of volumes and the next, where both are full."""
PATIENCE_SHARE: Final = 8
"""Of a ring that holds less than eight days, an eighth: with a whole day a small one would lose half of what fits."""


@dataclass(frozen=True, slots=True)
class Option:
    """A volume in service."""

    id: str
    room_bytes: int
    """What fits without destroying anything."""
    oldest_ms: int | None
    """Age (low bound) of the oldest footage on it that may go; None where none may, or nobody has looked."""


def place(options: Sequence[Option], filling: str | None, next_bytes: int, headroom_bytes: int = 0) -> str | None:
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
