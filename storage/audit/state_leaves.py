"""What leaves say of boots, clocks, pins, bounds and findings. Pure; imports msgspec.

Read as strictly as those of segments and gaps (`storage.audit.recording_leaves`). What earlier versions did not
write has a default that says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from storage.audit.recording_leaves import LeafPlace, Whole
from storage.ledger.table import Leaf, canonical
from storage.ledger.tree import LEAF

LASTS: Final = ("provisional", "approved")


class BootBefore(msgspec.Struct, frozen=True):
    """What a boot found of the one before it."""

    boot: Whole
    ran_ms: Whole
    lag_us: Whole
    gain_us: Whole


class BootLeaf(msgspec.Struct, frozen=True):
    """Leaf of a boot."""

    boot: Whole
    id: str
    began_ms: Whole = 0
    before: BootBefore | None = None


class RunLeaf(msgspec.Struct, frozen=True):
    """Of a run of the daemon that began, or that ended cleanly."""

    boot: Whole | None = None
    boottime_ms: Whole | None = None
    end: bool = False


class CreditLeaf(msgspec.Struct, frozen=True, tag_field="what", tag="credit"):
    """How long the box was off before a boot."""

    boot: Whole
    off_low_ms: Whole
    off_high_ms: Whole | None
    word: str


class AttestedLeaf(msgspec.Struct, frozen=True, tag_field="what", tag="attested"):
    """What two persons say of that."""

    boot: Whole
    off_ms: Whole


class EpochLeaf(msgspec.Struct, frozen=True, tag_field="what", tag="began"):
    """A clock epoch begins with a boot."""

    epoch: Whole
    boot: Whole | None = None
    wall_ms: Whole | None = None
    boottime_ms: Whole | None = None
    synced: bool | None = None
    """Earlier versions told none of these four."""

    @property
    def row(self) -> tuple[int | None, int | None, int | None, int | None]:
        return self.boot, self.wall_ms, self.boottime_ms, None if self.synced is None else int(self.synced)


class SteppedLeaf(EpochLeaf, frozen=True, tag="step"):
    """Likewise, when the wall clock was set."""


class CorrectedLeaf(EpochLeaf, frozen=True, kw_only=True, tag="corrected"):
    """What was recorded in it goes by another offset."""

    true_offset_ms: Whole


class PinLeaf(msgspec.Struct, frozen=True):
    """What became of a pin."""

    what: str
    pin: str
    state: str
    version: Whole
    placed: LeafPlace
    cameras: tuple[str, ...]
    first_ms: Whole = msgspec.field(name="from")
    last_ms: Whole = msgspec.field(name="to")
    ground: str
    span_ms: Whole

    @property
    def lasts(self) -> bool:
        return self.state in LASTS


class BoundsLeaf(msgspec.Struct, frozen=True):
    """Of a camera; None: it has none."""

    camera: str
    floor_s: Whole | None
    ceiling_s: Whole | None


class OverwritingLeaf(msgspec.Struct, frozen=True):
    """Whether floors give way, and since when."""

    on: bool
    at: LeafPlace


class AgreedLeaf(msgspec.Struct, frozen=True):
    """What two persons agreed upon, as it is stored."""

    text: str


class FindingLeaf(msgspec.Struct, frozen=True):
    """A file that differs, or does no longer."""

    volume: str
    path: str
    kind: str
    state: str


class VolumeLeaf(msgspec.Struct, frozen=True):
    """What became of a volume."""

    volume: str
    event: str


class RebuiltLeaf(msgspec.Struct, frozen=True):
    """The database was begun anew."""


ClockLeaf: TypeAlias = CreditLeaf | AttestedLeaf | EpochLeaf | SteppedLeaf | CorrectedLeaf
StateLeaf: TypeAlias = (
    BootLeaf
    | RunLeaf
    | ClockLeaf
    | PinLeaf
    | BoundsLeaf
    | OverwritingLeaf
    | AgreedLeaf
    | FindingLeaf
    | VolumeLeaf
    | RebuiltLeaf
)


class _Leaf(msgspec.Struct, frozen=True):
    """As it is hashed."""

    body: msgspec.Raw = msgspec.field(name="b")


_LEAF: Final = msgspec.json.Decoder(_Leaf)
_BODIES: Final[Mapping[str, msgspec.json.Decoder[StateLeaf]]] = {
    Leaf.BOOT: msgspec.json.Decoder(BootLeaf),
    Leaf.RUN: msgspec.json.Decoder(RunLeaf),
    Leaf.CLOCK: msgspec.json.Decoder(ClockLeaf),
    Leaf.PIN: msgspec.json.Decoder(PinLeaf),
    Leaf.BOUNDS: msgspec.json.Decoder(BoundsLeaf),
    Leaf.OVERWRITING: msgspec.json.Decoder(OverwritingLeaf),
    Leaf.FINDING: msgspec.json.Decoder(FindingLeaf),
    Leaf.VOLUME: msgspec.json.Decoder(VolumeLeaf),
    Leaf.REBUILT: msgspec.json.Decoder(RebuiltLeaf),
}


def told(kind: str, hashed: bytes) -> StateLeaf | None:
    """What a leaf of one of `storage.audit.ledger_state_queries.KINDS` says; None: not what its kind says."""
    try:
        body = _LEAF.decode(hashed[len(LEAF) :]).body
        if kind == Leaf.AGREED:
            return AgreedLeaf(canonical(json.loads(bytes(body))))
        return _BODIES[kind].decode(body)
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
