"""What a camera usually shows, learned while nothing is suspected: one `Usual` for each light. Pure.

Day and infrared night look different, and so does a room with its lights on or off; each is compared with its own
kind alone. A light that is new to a camera is learned first (`ENOUGH` looks), and nothing is judged against it
until then.

What a camera does at its hours is no fault either: a room that is dark at night, a hall where nobody speaks
(`Habits`). Only what ended by itself within a day is a habit: a cap on a lens stays until somebody takes it off.
What happened in the same hour of at least two of the days before is expected there.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from edged.health.faults import MediaFault
from edged.health.repetition import Repetition
from recorder.decoder.messages import PerBlock, PerDetail, Picture

GREY: Final = 2.5
"""Mean distance from grey below which a picture has no colour: what coding leaves of none is below 1.5."""
DIM: Final = 100.0
"""Nearly everything is darker than this: the lights are off."""
ENOUGH: Final = 30
"""Looks, five minutes of them."""
MEMORY: Final = 360
"""Looks after which the older count for little: an hour."""
AWARE: Final = 0.5
"""How often a block comes back, at the least, that did by itself: it is two hours until that is forgotten."""
HABITUAL: Final = frozenset({MediaFault.BLACK, MediaFault.FLAT, MediaFault.SILENT})
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
LONGEST_MS: Final = 18 * HOUR_MS
"""A night in winter and an hour on either side."""
DAYS: Final = 2
"""Of the `KEPT_DAYS` before on which it was so at this hour."""
KEPT_DAYS: Final = 10
"""Over a long weekend."""


class Light(StrEnum):
    """By which a camera sees."""

    DAY = "day"
    DIM_DAY = "dim-day"
    NIGHT = "night"
    """In grey: infrared, or a camera that knows no colour."""
    DIM_NIGHT = "dim-night"


class Usual(msgspec.Struct, frozen=True):
    """Running means."""

    looks: int
    sharpness: PerDetail
    spread: float
    edges: PerBlock
    back: PerBlock
    """Share of the looks at which each block came back (`edged.health.repetition`)."""
    likeness: float = 0.0
    """To the reference."""
    likened: int = 0
    """Looks that were compared with it."""


def light(picture: Picture) -> Light:
    if picture.saturation < GREY:
        return Light.DIM_NIGHT if picture.high < DIM else Light.NIGHT
    return Light.DIM_DAY if picture.high < DIM else Light.DAY


_OTHER: Final = {
    Light.DAY: Light.NIGHT,
    Light.NIGHT: Light.DAY,
    Light.DIM_DAY: Light.DIM_NIGHT,
    Light.DIM_NIGHT: Light.DIM_DAY,
}


def of_same_brightness(usual: Mapping[Light, Usual], by: Light) -> Usual | None:
    """What is usual by this light or, where that is not known, with or without its colour: a grey sheet before most of
    the lens takes the colour along.
    """
    own = usual.get(by)
    return own if is_known(own) else usual.get(_OTHER[by])


def is_known(usual: Usual | None) -> bool:
    return usual is not None and usual.looks >= ENOUGH


def learned(before: Usual | None, picture: Picture, back: Repetition) -> Usual:
    """With one look more."""
    came = tuple(map(float, back.blocks))
    if before is None:
        likeness = picture.shift.likeness if picture.shift else 0.0
        likened = int(picture.shift is not None)
        return Usual(1, picture.sharpness, picture.spread, picture.edges, came, likeness, likened)
    looks = min(before.looks + 1, MEMORY)
    likeness, likened = before.likeness, before.likened
    if picture.shift is not None:
        likened = min(likened + 1, MEMORY)
        likeness += (picture.shift.likeness - likeness) / likened
    return Usual(
        looks,
        _drawn(before.sharpness, picture.sharpness, looks),
        before.spread + (picture.spread - before.spread) / looks,
        _drawn(before.edges, picture.edges, looks),
        _drawn(before.back, came, looks),
        likeness,
        likened,
    )


def _drawn(mean: tuple[float, ...], new: tuple[float, ...], looks: int) -> tuple[float, ...]:
    """The means towards what is new."""
    return tuple(a + (b - a) / looks for a, b in zip(mean, new, strict=True))


def aware(before: Usual, back: Repetition) -> Usual:
    """Of the blocks that come back by themselves, even where nothing is to be learned."""
    pairs = zip(before.back, back.by_itself, strict=True)
    return msgspec.structs.replace(before, back=tuple(max(often, AWARE) if alone else often for often, alone in pairs))


class Habits(msgspec.Struct, frozen=True):
    """Fault to the hours (counted from 1970, site time) in which it was so and ended by itself; `KEPT_DAYS` of them."""

    hours: dict[MediaFault, tuple[int, ...]] = msgspec.field(default_factory=dict)

    def expects(self, fault: MediaFault, site_ms: int) -> bool:
        """Whether this is nothing new at this hour."""
        hour = site_ms // HOUR_MS
        earlier = (hour - known for known in self.hours.get(fault, ()))
        return sum(0 < ago <= KEPT_DAYS * 24 and ago % 24 == 0 for ago in earlier) >= DAYS

    def ended(self, fault: MediaFault, since_ms: int, site_ms: int) -> Habits:
        """It was so from `since_ms` until now, in site time."""
        if fault not in HABITUAL or not 0 <= site_ms - since_ms <= LONGEST_MS:
            return self
        first, last = since_ms // HOUR_MS, site_ms // HOUR_MS
        kept = {hour for hour in self.hours.get(fault, ()) if 0 <= last - hour <= KEPT_DAYS * 24}
        return Habits({**self.hours, fault: tuple(sorted(kept | set(range(first, last + 1))))})
