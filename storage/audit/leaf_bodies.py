"""What leaves say, kind by kind, and whether rows say the same. Pure; imports msgspec.

First segments, gaps and spans, which are compared with rows one by one, then boots, clocks, pins, bounds and findings,
of which the last word counts (`storage.audit.ledger_state`). All are read strictly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias

import msgspec

from storage.audit.findings import Code, LedgerFinding
from storage.audit.queries import GapClaim, Row, SegmentClaim
from storage.ledger.table import Leaf, canonical
from storage.ledger.tree import LEAF

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


class SegmentLeaf(msgspec.Struct, frozen=True, gc=False):
    """A leaf of kind `segment`, `quarantined` or `destroyed`."""

    camera: str
    seq: Whole
    volume: str
    start: LeafPlace
    duration_ms: Whole
    bytes: Whole
    sha256: str
    name: str | None = None
    floor_s: Whole | None = None
    ceiling_s: Whole | None = None
    epoch: Whole | None = None
    synced: bool | None = None
    unproven: bool | None = None
    """These three: not of one that was destroyed."""
    rule: str | None = None
    """Of one that was destroyed, under which it went."""


class SpanLeaf(msgspec.Struct, frozen=True):
    """A leaf of kind `span`."""

    start: LeafPlace
    duration_ms: Whole


class GapLeaf(msgspec.Struct, frozen=True):
    """A leaf of kind `gap`."""

    camera: str
    start: LeafPlace
    end: LeafPlace | None
    cause: str
    inside: bool
    pauses: tuple[tuple[Whole, Whole], ...] = ()
    was: LeafPlace | None = None
    gone: bool = False
    beneath: str | None = None

    @property
    def stands(self) -> bool:
        """There is, or was, a gap as it says: one that only began has no leaf that must stay true."""
        return self.end is not None and not self.gone

    def key(self, start: LeafPlace) -> GapKey:
        """What tells it from other gaps, as a rebuild does: a clock set forward takes no running time."""
        is_step = self.end is not None and self.end.at[:2] <= self.start.at[:2]
        return self.camera, *start.at, self.inside, is_step


GapKey: TypeAlias = tuple[str, int, int, int, bool, bool]
_SEGMENT: Final = msgspec.json.Decoder(SegmentLeaf)
_GAP: Final = msgspec.json.Decoder(GapLeaf)
_SPAN: Final = msgspec.json.Decoder(SpanLeaf)
SEGMENTS: Final = frozenset({Leaf.SEGMENT.value.encode(), Leaf.QUARANTINED.value.encode()})
"""Kinds that tell of a segment that is there."""


def segment_told(body: bytes) -> SegmentLeaf | None:
    """What a leaf says of a segment; None: not what its kind says."""
    try:
        return _SEGMENT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def gap_told(body: bytes) -> GapLeaf | None:
    """What a leaf says of a gap, likewise."""
    try:
        return _GAP.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def span_told(body: bytes) -> SpanLeaf | None:
    """What a leaf says of time whose footage is gone, likewise."""
    try:
        return _SPAN.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def recorded(told: SegmentLeaf | SpanLeaf) -> tuple[int, int]:
    """From when to when, by the wall clock."""
    return told.start.wall_ms, told.start.wall_ms + told.duration_ms


def same_segment(told: SegmentLeaf, row: SegmentClaim, boots: Mapping[int, str]) -> bool:
    """They say the same. Where this database counts boots otherwise than the one that wrote the leaf, the wall clock
    alone says when it began.
    """
    start = told.start
    when = (start.boot, start.boottime_ms) == (row.boot, row.boottime_ms) or boots.get(start.boot) != start.id
    return when and (
        (told.camera, told.seq, told.volume, told.name, start.wall_ms)
        == (row.camera, row.seq, row.volume, row.name, row.wall_ms)
        and (told.duration_ms, told.bytes, told.sha256) == (row.duration_ms, row.bytes, row.sha256)
        and (told.floor_s, told.ceiling_s) == (row.floor_s, row.ceiling_s)
        and (told.epoch, told.synced, told.unproven) == (row.epoch, row.synced, row.unproven)
    )


def same_gap(told: GapLeaf, row: GapClaim) -> bool:
    """They say the same. Pauses within a segment that goes on are told when it ends."""
    if told.end is None or row.end is None or told.start.at != row.start:
        return False
    if (told.cause, told.beneath) != (row.cause, row.beneath):
        return False
    if told.inside and row.inside and row.pauses:
        return told.end.at[:2] <= row.end[:2]
    return (told.end.at, told.inside, told.pauses) == (row.end, row.inside, row.pauses)


def same_row(told: SegmentLeaf, row: Row, cameras: Mapping[int, str], volumes: Mapping[int, str]) -> bool:
    """They say the same word for word, as nearly all do. What does not may still be as it should be."""
    start = told.start
    return (
        row[6:]
        == (
            told.seq,
            start.boot,
            start.boottime_ms,
            start.wall_ms,
            told.duration_ms,
            told.bytes,
            told.floor_s,
            told.ceiling_s,
            told.epoch,
            told.synced,
            told.unproven,
        )
        and cameras.get(row[2]) == told.camera
        and volumes.get(row[3]) == told.volume
        and row[4].hex() == told.sha256
        and told.name is None
    )


def tells_of_segment(told: SegmentLeaf, row: SegmentClaim) -> bool:
    """It is that segment, whatever is said of it."""
    if told.name is not None or row.name is not None:
        return (told.volume, told.name) == (row.volume, row.name)
    return (told.camera, told.seq) == (row.camera, row.seq)


def tells_of_gap(told: GapLeaf, row: GapClaim) -> bool:
    """Likewise."""
    is_step = row.end is not None and row.end[:2] <= row.start[:2]
    return told.key(told.start) == (row.camera, *row.start, row.inside, is_step)


def of_segment(number: int, told: SegmentLeaf, leaf: int | None, tombstone: int | None) -> LedgerFinding | None:
    """What is wrong with a leaf of a segment, or None: it has its row, or was destroyed, or told of again.

    `leaf`: the one that its row goes by, 0 for none; None: there is no row.
    """
    if tombstone is not None and tombstone > number:
        return None
    if leaf is None:
        what = f"{_segment(told)} has neither a row nor a leaf that it was destroyed"
        return LedgerFinding(Code.SEGMENT_GONE, f"leaf {number}", what)
    if 0 < leaf < number:
        what = f"the row of {_segment(told)} goes by the earlier leaf {leaf}"
        return LedgerFinding(Code.SEGMENT_DIFFERS, f"leaf {number}", what)
    return None


def differing(number: int, told: SegmentLeaf | GapLeaf) -> LedgerFinding:
    """A row and its leaf."""
    if isinstance(told, GapLeaf):
        return LedgerFinding(Code.GAP_DIFFERS, f"leaf {number}", f"the row of {_gap(told)} says something else")
    return LedgerFinding(Code.SEGMENT_DIFFERS, f"leaf {number}", f"the row of {_segment(told)} says something else")


def returned(number: int, told: SegmentLeaf, leaf: int | None) -> LedgerFinding | None:
    """What is wrong with a tombstone, or None. A file that somebody put back is taken in, with a leaf of its own."""
    if not leaf or leaf > number:
        return None
    what = f"{_segment(told)} was destroyed, and its row is there"
    return LedgerFinding(Code.SEGMENT_BACK, f"leaf {number}", what)


def gone(number: int, told: GapLeaf) -> LedgerFinding:
    """A gap that nothing tells of any more."""
    return LedgerFinding(Code.GAP_GONE, f"leaf {number}", f"the row of {_gap(told)} is gone")


def untold(row: SegmentClaim | GapClaim) -> LedgerFinding:
    """A row whose leaf is none, or tells of something else."""
    if isinstance(row, GapClaim):
        where = f"gap of {row.camera} at {moment(row.start[2])}"
        code, what = Code.GAP_UNTOLD, "no leaf tells of it"
    else:
        where, code, what = f"segment {row.seq} of {row.camera}", Code.SEGMENT_UNTOLD, "no leaf tells of it"
    return LedgerFinding(
        code, where, what if row.leaf is None else f"leaf {row.leaf}, which it goes by, does not tell of it"
    )


def twice(number: int) -> LedgerFinding:
    """A leaf of which two rows say that they go by it."""
    return LedgerFinding(Code.SEGMENT_UNTOLD, f"leaf {number}", "two rows go by it, and it tells of one")


def _segment(told: SegmentLeaf) -> str:
    return f"segment {told.seq} of {told.camera}"


def _gap(told: GapLeaf) -> str:
    return f"the gap of {told.camera} ({told.cause}) from {moment(told.start.wall_ms)}"


def moment(wall_ms: int) -> str:
    """For people; whatever somebody wrote into a leaf."""
    try:
        return f"{datetime.fromtimestamp(wall_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{wall_ms} ms"


# --- what becomes of boots, clocks, pins, bounds, volumes ---

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
    boot: Whole
    wall_ms: Whole
    boottime_ms: Whole
    synced: bool

    @property
    def row(self) -> tuple[int, int, int, int]:
        return self.boot, self.wall_ms, self.boottime_ms, int(self.synced)


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
    """What a leaf of one of `storage.audit.queries.KINDS` says; None: not what its kind says."""
    try:
        body = _LEAF.decode(hashed[len(LEAF) :]).body
        if kind == Leaf.AGREED:
            return AgreedLeaf(canonical(json.loads(bytes(body))))
        return _BODIES[kind].decode(body)
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
