"""Whether a picture stands still although its stream runs: by its blocks that come back exactly. Pure.

A sensor's noise makes every block with detail another one in every picture, so that a corridor in which nothing moves
is told from a picture that stands. That one comes out of its encoder alike wherever that codes it alike: from look to
look at a constant quality; at a constant bit rate, where the rate control goes up and down, now these blocks and now
those, some looks later. So a block counts that is like it was at any look before, back to where the picture moved.

Plain walls are so smooth that their noise may be lost in coding. How often each block comes back while nothing is
wrong is therefore learned (`edged.health.baseline`), and only those count of which it is not known. A block that comes
back although others moved comes back by itself: that is learned at once, whatever is suspected. Noise falls when lamps
go on, and whoever switches them on walks past.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

import msgspec

from recorder.decoder.messages import PerBlock, Picture, Prints, Shift

REMEMBERED: Final = 17
"""Looks before this one: three minutes."""
LATEST: Final = 6
"""Looks, one of which is like an older one."""
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


@dataclass(frozen=True, slots=True)
class Repetition:
    """What of a picture came back."""

    blocks: tuple[bool, ...]
    """While all of it stood still."""
    by_itself: tuple[bool, ...]
    """Although others moved since."""
    whole: bool


def trace(picture: Picture) -> Trace:
    return Trace(picture.saturation, picture.tones, picture.prints, picture.shift)


def repetition(now: Picture, before: Sequence[Trace]) -> Repetition:
    """`before`: oldest first."""
    looks = (trace(now), *reversed(before))
    stood = tuple(takewhile(lambda look: _stands(look, now.tones), looks))
    earlier = looks[len(stood) :]
    return Repetition(
        blocks=tuple(_comes_back(stood, block) for block in range(len(now.prints))),
        by_itself=tuple(
            bool(mark) and any(mark == look.prints[block] for look in earlier) for block, mark in enumerate(now.prints)
        ),
        whole=_is_whole(stood),
    )


def is_unusual(now: Repetition, seldom: PerBlock) -> bool:
    """`seldom`: how often each block comes back, as a share of the looks."""
    counting = [back for back, often in zip(now.blocks, seldom, strict=True) if often < SELDOM]
    return sum(counting) >= max(LEAST, UNUSUAL * len(counting))


def _stands(look: Trace, tones: PerBlock) -> bool:
    return sum(abs(a - b) > EVEN_TONE for a, b in zip(look.tones, tones, strict=True)) < LEAST


def _is_whole(looks: Sequence[Trace]) -> bool:
    if len(looks) < 2:
        return False
    both = [(a, b) for a, b in zip(looks[0].prints, looks[1].prints, strict=True) if a and b]
    return len(both) >= DETAILED and sum(a == b for a, b in both) >= WHOLE * len(both)


def _comes_back(looks: Sequence[Trace], block: int) -> bool:
    """`looks`: latest first."""
    prints = [look.prints[block] for look in looks]
    return bool(prints[0]) and any(mark and mark in prints[number + 1 :] for number, mark in enumerate(prints[:LATEST]))
