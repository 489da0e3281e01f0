"""Whether a picture stands still although its stream runs: by its blocks that come back exactly. Pure.

A sensor's noise makes every block with detail another one in every picture, so that a corridor in which nothing moves
is told from a picture that stands. That one comes out of its encoder alike wherever that codes it alike: from look to
look at a constant quality; at a constant bit rate, where the rate control goes up and down, now these blocks and now
those, some looks later. So a block counts that is like it was at any look before, back to where its tone changed.

Plain walls are so smooth that their noise may be lost in coding. How often each block comes back while nothing is
wrong is therefore learned (`edged.health.usual`), and only those count of which it is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

import msgspec

from recorder.eye.words import PerBlock, Picture, Prints

REMEMBERED: Final = 17
"""Looks before this one: three minutes."""
LATEST: Final = 6
"""Looks, one of which is like an older one."""
EVEN_TONE: Final = 1.0
"""Grey levels between which a block stays meanwhile: a recording played in a circle comes back to each of its pictures,
but moves in between.
"""
SELDOM: Final = 0.05
"""Share of the looks at which a block comes back, below which it counts when it does."""
UNUSUAL: Final = 0.15
"""Share of the blocks that count."""
LEAST: Final = 6
"""Of them: what a camera itself writes over what is black or burnt out covers fewer."""
WHOLE: Final = 0.8
"""Share of the blocks with detail, like the look before, of which nothing needs to be known."""
DETAILED: Final = 8
"""Of them."""


class Trace(msgspec.Struct, frozen=True):
    """What is remembered of a look."""

    saturation: float
    tones: PerBlock
    prints: Prints


@dataclass(frozen=True, slots=True)
class Repetition:
    """What of a picture came back."""

    blocks: tuple[bool, ...]
    whole: bool


def trace(picture: Picture) -> Trace:
    return Trace(picture.saturation, picture.tones, picture.prints)


def repetition(now: Picture, before: Sequence[Trace]) -> Repetition:
    """`before`: oldest first."""
    looks = (trace(now), *reversed(before))
    return Repetition(tuple(_comes_back(looks, block) for block in range(len(now.prints))), _is_whole(looks))


def is_unusual(now: Repetition, seldom: PerBlock) -> bool:
    """`seldom`: how often each block comes back, as a share of the looks."""
    counting = [back for back, often in zip(now.blocks, seldom, strict=True) if often < SELDOM]
    return sum(counting) >= max(LEAST, UNUSUAL * len(counting))


def _is_whole(looks: Sequence[Trace]) -> bool:
    if len(looks) < 2:
        return False
    both = [(a, b) for a, b in zip(looks[0].prints, looks[1].prints, strict=True) if a and b]
    return len(both) >= DETAILED and sum(a == b for a, b in both) >= WHOLE * len(both)


def _comes_back(looks: Sequence[Trace], block: int) -> bool:
    """`looks`: latest first."""
    if not looks[0].prints[block]:
        return False
    tone = looks[0].tones[block]
    same = takewhile(lambda look: abs(look.tones[block] - tone) <= EVEN_TONE, looks)
    prints = [look.prints[block] for look in same]
    return any(mark and mark in prints[number + 1 :] for number, mark in enumerate(prints[:LATEST]))
