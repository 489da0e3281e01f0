"""What a camera usually shows, learned while nothing is suspected: one `Usual` for each light. Pure.

Day and infrared night look different, and so does a room with its lights on or off; each is compared with its own
kind alone. A light that is new to a camera is learned first (`ENOUGH` looks), and nothing is judged against it
until then.

What a camera does at its hours is no fault either: a room that is dark at night, a hall where nobody speaks
(`Habits`). Only what ended by itself within a day is a habit: a cap on a lens stays until somebody takes it off.
What happened in the same hour of at least two of the days before is expected there.

A picture that stands still although its stream runs is told (pure) by its blocks that come back exactly. A sensor's
noise makes every block with detail another one in every picture, so that a corridor in which nothing moves is told from
a picture that stands. That one comes out of its encoder alike wherever that codes it alike: from look to look at a
constant quality; at a constant bit rate, where the rate control goes up and down, now these blocks and now those, some
looks later. So a block counts that is like it was at any look before, back to where the picture moved.

Plain walls are so smooth that their noise may be lost in coding. How often each block comes back while nothing is
wrong is therefore learned, and only those count of which it is not known. A block that comes
back although others moved comes back by itself: that is learned at once, whatever is suspected. Noise falls when lamps
go on, and whoever switches them on walks past.

`References` keeps the views that operators vouched for: one small grey picture a camera, below the state directory.
Blocking. Kept as a file each, written whole or not at all. Who set it is on record in the ledger, not in here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Annotated, Final

import msgspec

from edged.health.faults import MediaFault
from recorder.decoder.messages import THUMB_BYTES, PerBlock, PerDetail, Picture, Prints, Shift
from storage.files import fsync_directory

EVERY_S: Final = 10.0
"""Between two looks while something is learned, suspected or found. Counts of looks that stand for time are of such."""
SELDOM_S: Final = 60.0
"""Between two looks while nothing is, and sizes stay as they are."""
REMEMBERED: Final = 17
"""Looks before this one: three minutes, or a quarter of an hour while nothing is suspected."""
LATEST: Final = 6
"""Looks, one of which is like an older one."""
AWAY_S: Final = 45.0
"""So much older. What comes back so late does so however far apart looks are, so that what is learned of seldom ones
holds for those that a suspicion brings: light wanders, and what it leaves alike for ten seconds is not alike after a
minute.
"""
EVEN_TONE: Final = 2.0
"""Grey levels by which no block of a picture that stands still changes; at a bit rate coding alone makes it up to 1."""
SELDOM: Final = 0.05
"""Share of the looks at which a block comes back, below which it counts when it does."""
UNUSUAL: Final = 0.15
"""Share of the blocks that count."""
LEAST: Final = 6
"""Of them, and of those that move: what a camera itself writes over its picture covers fewer."""
WHOLE: Final = 0.8
"""Share of the blocks with detail, like the look before, of which nothing needs to be known."""
DETAILED: Final = 8
"""Of them."""


class Trace(msgspec.Struct, frozen=True):
    """What is remembered of a look."""

    saturation: float
    tones: PerBlock
    prints: Prints
    shift: Shift | None = None
    apart_s: float = EVERY_S
    """Since the look before."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """What of a picture came back."""

    blocks: tuple[bool, ...]
    """While all of it stood still."""
    by_itself: tuple[bool, ...]
    """Although others moved since."""
    whole: bool


def trace(picture: Picture, apart_s: float) -> Trace:
    return Trace(picture.saturation, picture.tones, picture.prints, picture.shift, apart_s)


def repetition(before: Sequence[Trace], now: Trace) -> Repetition:
    """`before`: oldest first."""
    looks = (now, *reversed(before))
    ages = tuple(accumulate((look.apart_s for look in looks), initial=0.0))
    stood = tuple(takewhile(lambda look: _stands(look, now.tones), looks))
    earlier = looks[len(stood) :]
    older = [
        (look.prints, _by_block(one for one, age in zip(stood, ages, strict=False) if age >= since_s + AWAY_S))
        for look, since_s in zip(stood[:LATEST], ages, strict=False)
    ]
    return Repetition(
        blocks=tuple(
            bool(mark) and any(ones and prints[block] and prints[block] in ones[block] for prints, ones in older)
            for block, mark in enumerate(now.prints)
        ),
        by_itself=tuple(
            bool(mark) and any(mark == look.prints[block] for look in earlier) for block, mark in enumerate(now.prints)
        ),
        whole=_is_whole(stood),
    )


def is_unusual(now: Repetition, seldom: PerBlock) -> bool:
    """`seldom`: how often each block comes back, as a share of the looks."""
    counting = [back for back, often in zip(now.blocks, seldom, strict=True) if often < SELDOM]
    return sum(counting) >= max(LEAST, UNUSUAL * len(counting))


def _by_block(looks: Iterable[Trace]) -> tuple[tuple[int, ...], ...]:
    """The prints of each; none without looks."""
    return tuple(zip(*(look.prints for look in looks), strict=True))


def _stands(look: Trace, tones: PerBlock) -> bool:
    return sum(abs(a - b) > EVEN_TONE for a, b in zip(look.tones, tones, strict=True)) < LEAST


def _is_whole(looks: Sequence[Trace]) -> bool:
    if len(looks) < 2:
        return False
    both = [(a, b) for a, b in zip(looks[0].prints, looks[1].prints, strict=True) if a and b]
    return len(both) >= DETAILED and sum(a == b for a, b in both) >= WHOLE * len(both)


GREY: Final = 2.5
"""Mean distance from grey below which a picture has no colour: what coding leaves of none is below 1.5."""
DIM: Final = 100.0
"""Nearly everything is darker than this: the lights are off."""
ENOUGH: Final = 30
"""Looks, five minutes of them."""
MEMORY: Final = 360
"""Looks after which the older count for little: an hour. One that comes later counts for those that were left out."""
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
    """Share of the looks at which each block came back (`edged.health.baseline`)."""
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


def learned(before: Usual | None, picture: Picture, back: Repetition, apart_s: float) -> Usual:
    """With one look more, `apart_s` after the one before."""
    came = tuple(map(float, back.blocks))
    if before is None:
        likeness = picture.shift.likeness if picture.shift else 0.0
        likened = int(picture.shift is not None)
        return Usual(1, picture.sharpness, picture.spread, picture.edges, came, likeness, likened)
    looks, share = _share(before.looks, apart_s)
    likeness, likened = before.likeness, before.likened
    if picture.shift is not None:
        likened, weight = _share(before.likened, apart_s)
        likeness += (picture.shift.likeness - likeness) * weight
    return Usual(
        looks,
        _drawn(before.sharpness, picture.sharpness, share),
        before.spread + (picture.spread - before.spread) * share,
        _drawn(before.edges, picture.edges, share),
        _drawn(before.back, came, share),
        likeness,
        likened,
    )


def _share(looks: int, apart_s: float) -> tuple[int, float]:
    """Looks with one more, and how much that one counts among them: as many as would have been in its time."""
    looks = min(looks + 1, MEMORY)
    stands_for = min(max(apart_s, EVERY_S), SELDOM_S) / EVERY_S
    return looks, max(1 / looks, stands_for / MEMORY)


def _drawn(mean: tuple[float, ...], new: tuple[float, ...], share: float) -> tuple[float, ...]:
    """The means towards what is new."""
    return tuple(a + (b - a) * share for a, b in zip(mean, new, strict=True))


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


log = logging.getLogger("edged.health")

FOLDER: Final = "references"
MODE: Final = 0o640


class ReferenceView(msgspec.Struct, frozen=True):
    """What a camera is to show."""

    camera: str
    set_ms: int
    """Wall clock."""
    thumb: Annotated[bytes, msgspec.Meta(min_length=THUMB_BYTES, max_length=THUMB_BYTES)]


class References:
    """Of one box."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    def all(self) -> dict[str, ReferenceView]:
        """By camera. One that cannot be read is told and left out."""
        found = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                one = msgspec.json.decode(path.read_bytes(), type=ReferenceView)
            except (OSError, ValueError) as error:
                log.warning("%s is no reference: %s", path, error)
                continue
            found[one.camera] = one
        return found

    def put(self, one: ReferenceView) -> None:
        """In place of the one before. Raises OSError."""
        self._folder.mkdir(mode=0o750, exist_ok=True)
        write_whole(self._folder / f"{one.camera}.json", msgspec.json.encode(one))

    def remove(self, camera: str) -> bool:
        """False: there is none. Raises OSError."""
        try:
            (self._folder / f"{camera}.json").unlink()
        except FileNotFoundError:
            return False
        fsync_directory(self._folder)
        return True


def write_whole(path: Path, data: bytes) -> None:
    """The new file or the old one, whatever happens. Raises OSError."""
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        os.fchmod(file.fileno(), MODE)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    fsync_directory(path.parent)
