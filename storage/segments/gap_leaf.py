"""A leaf of kind `gap`, declared once. Pure.

The writer makes the body of it (`storage.segments.gaps_table`), the rebuild puts the row back by it
(`storage.recovery.replay_table`), and the check holds one against the other (`storage.audit.ranges`).
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from storage.ages.leaves import LeafPlace, Whole

GapKey: TypeAlias = tuple[str, int, int, int, bool, bool]


class GapLeaf(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that a row needs that is made anew."""

    camera: str
    start: LeafPlace
    end: LeafPlace | None
    cause: str
    inside: bool
    pauses: tuple[tuple[Whole, Whole], ...] = ()
    was: LeafPlace | None = None
    """Where it began before."""
    gone: bool = False
    """It is none after all."""
    beneath: str | None = None
    until: LeafPlace | None = None
    """It lasts, and so far it has lasted."""

    @property
    def stands(self) -> bool:
        """There is, or was, a gap as it says: one that only began has no leaf that must stay true."""
        return self.end is not None and not self.gone

    @property
    def is_step(self) -> bool:
        """A clock was set forward, which takes no running time."""
        return self.end is not None and self.end.at[:2] <= self.start.at[:2]

    def key(self, start: LeafPlace) -> GapKey:
        """What tells it from other gaps, as a rebuild does: a step may begin where a gap begins that is none."""
        return self.camera, *start.at, self.inside, self.is_step


def agrees(told: GapLeaf, row: GapLeaf) -> bool:
    """They say the same. Pauses within a segment that goes on are told when it ends."""
    if told.end is None or row.end is None or told.start.at != row.start.at:
        return False
    if (told.cause, told.beneath) != (row.cause, row.beneath):
        return False
    if told.inside and row.inside and row.pauses:
        return told.end.at[:2] <= row.end.at[:2]
    return (told.end.at, told.inside, told.pauses) == (row.end.at, row.inside, row.pauses)
