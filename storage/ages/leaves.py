"""What leaves say of places in time. Pure; the rooms that own a table declare their own leaves beside it.

A leaf is declared once, as a struct: its fields are the body, which the writer makes of it; the rebuild and the check
read it by the same fields, strictly.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from storage.ages.history import Point

Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=-(1 << 53), le=1 << 53)]
"""What every reader of JSON takes exactly, and every column holds."""


class LeafPlace(msgspec.Struct, frozen=True, gc=False):
    """A place in time: the boot by number and by its own id."""

    boot: Whole
    id: str
    boottime_ms: Whole
    wall_ms: Whole

    @property
    def at(self) -> tuple[int, int, int]:
        return self.boot, self.boottime_ms, self.wall_ms

    @property
    def point(self) -> Point:
        """ValueError before its boot: footage would seem older than it is."""
        if self.boottime_ms < 0:
            raise ValueError(f"{self.boottime_ms} ms after its boot")
        return Point(*self.at)


class BootBefore(msgspec.Struct, frozen=True):
    """What a boot found of the one before it."""

    boot: Whole
    ran_ms: Whole
    lag_us: Whole
    gain_us: Whole


class BootLeaf(msgspec.Struct, frozen=True, omit_defaults=True):
    """A leaf of kind `boot`."""

    boot: Whole
    id: str
    boottime_ms: Whole
    began_ms: Whole
    before: BootBefore | None = None
    """Whoever lets it have run for longer afterwards, so that footage is older, contradicts a leaf."""


class RunLeaf(msgspec.Struct, frozen=True):
    """A leaf of kind `run`: one that began, or that ended cleanly."""

    run: Whole
    end: bool = False
    boot: Whole | None = None
    boottime_ms: Whole | None = None


class CreditLeaf(msgspec.Struct, frozen=True, tag_field="what", tag="credit"):
    """Of kind `clock`: how long the box was off before a boot."""

    boot: Whole
    off_low_ms: Whole
    off_high_ms: Whole | None
    word: str


class AttestedLeaf(msgspec.Struct, frozen=True, tag_field="what", tag="attested"):
    """Of kind `clock`: what two persons say of that."""

    boot: Whole
    off_ms: Whole


class EpochLeaf(msgspec.Struct, frozen=True, tag_field="what", tag="began"):
    """Of kind `clock`: a clock epoch begins with a boot. It has all that its row says: were its number lost and given
    away again, footage would go by another clock.
    """

    epoch: Whole
    boot: Whole
    id: str
    wall_ms: Whole
    boottime_ms: Whole
    synced: bool

    @property
    def start(self) -> LeafPlace:
        return LeafPlace(self.boot, self.id, self.boottime_ms, self.wall_ms)

    @property
    def row(self) -> tuple[int, int, int, int]:
        return self.boot, self.wall_ms, self.boottime_ms, int(self.synced)


class SteppedLeaf(EpochLeaf, frozen=True, tag="step"):
    """Likewise, when the wall clock was set."""

    by_ms: Whole


class CorrectedLeaf(EpochLeaf, frozen=True, tag="corrected"):
    """What was recorded in it goes by another offset."""

    true_offset_ms: Whole


ClockLeaf: TypeAlias = CreditLeaf | AttestedLeaf | EpochLeaf | SteppedLeaf | CorrectedLeaf
"""A leaf of kind `clock`."""
