"""Leaves read strictly, and what is found where rows do not say the same. Pure.

Each kind is declared in the room that owns its table. First segments and gaps, which are compared with rows one by one;
then boots, clocks, pins, bounds and findings, of which the last word counts (`storage.audit.ledger_state`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Final, TypeAlias, TypeVar

import msgspec

from storage.ages.leaves import BootLeaf, ClockLeaf, RunLeaf
from storage.audit.findings import Code, LedgerFinding, at_leaf
from storage.ledger.table import Leaf, canonical
from storage.ledger.tree import LEAF
from storage.pins.rules import PinLeaf
from storage.retention.destruction import DestroyedLeaf, SpanLeaf
from storage.retention.table import BoundsLeaf, OverwritingLeaf
from storage.segments.findings_table import FindingLeaf
from storage.segments.gap_leaf import GapLeaf
from storage.segments.segment_leaf import SegmentLeaf
from storage.volumes.table import VolumeLeaf
from storage.words.message import Message, message

L = TypeVar("L", bound=msgspec.Struct)
SEGMENTS: Final = frozenset({Leaf.SEGMENT.value.encode(), Leaf.QUARANTINED.value.encode()})
"""Kinds that tell of a segment that is there."""


def read(declared: type[L], body: bytes) -> L | None:
    """What a leaf says; None: not what leaves of its kind say."""
    decoder: msgspec.json.Decoder[L] = _decoder(declared)
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


@cache
def _decoder(declared: type[L]) -> msgspec.json.Decoder[L]:
    return msgspec.json.Decoder(declared)


def recorded(told: DestroyedLeaf | SpanLeaf) -> tuple[int, int]:
    """From when to when, by the wall clock."""
    return told.start.wall_ms, told.start.wall_ms + told.duration_ms


def tells_of_segment(told: SegmentLeaf, row: SegmentLeaf) -> bool:
    """It is that segment, whatever is said of it."""
    if told.name is not None or row.name is not None:
        return (told.volume, told.name) == (row.volume, row.name)
    return (told.camera, told.seq) == (row.camera, row.seq)


def of_segment(number: int, told: SegmentLeaf, leaf: int | None, tombstone: int | None) -> LedgerFinding | None:
    """What is wrong with a leaf of a segment, or None: it has its row, or was destroyed, or told of again.

    `leaf`: the one that its row goes by, 0 for none; None: there is no row.
    """
    if tombstone is not None and tombstone > number:
        return None
    if leaf is None:
        what = message(
            "ledger.segment-gone",
            "{segment} has neither a row nor a leaf that it was destroyed",
            segment=_segment(told),
        )
        return LedgerFinding(Code.SEGMENT_GONE, at_leaf(number), what)
    if 0 < leaf < number:
        what = message(
            "ledger.segment-earlier",
            "the row of {segment} goes by the earlier leaf {leaf}",
            segment=_segment(told),
            leaf=leaf,
        )
        return LedgerFinding(Code.SEGMENT_DIFFERS, at_leaf(number), what)
    return None


def differing(number: int, told: SegmentLeaf | GapLeaf) -> LedgerFinding:
    """A row and its leaf."""
    if isinstance(told, GapLeaf):
        return LedgerFinding(
            Code.GAP_DIFFERS,
            at_leaf(number),
            message("ledger.row-differs", "the row of {what} says something else", what=_gap(told)),
        )
    return LedgerFinding(
        Code.SEGMENT_DIFFERS,
        at_leaf(number),
        message("ledger.row-differs", "the row of {what} says something else", what=_segment(told)),
    )


def returned(number: int, told: DestroyedLeaf, leaf: int | None) -> LedgerFinding | None:
    """What is wrong with a tombstone, or None. A file that somebody put back is taken in, with a leaf of its own."""
    if not leaf or leaf > number:
        return None
    what = message("ledger.segment-back", "{segment} was destroyed, and its row is there", segment=_segment(told))
    return LedgerFinding(Code.SEGMENT_BACK, at_leaf(number), what)


def gone(number: int, told: GapLeaf) -> LedgerFinding:
    """A gap that nothing tells of any more."""
    return LedgerFinding(
        Code.GAP_GONE, at_leaf(number), message("ledger.row-gone", "the row of {what} is gone", what=_gap(told))
    )


def untold(row: SegmentLeaf | GapLeaf, leaf: int | None) -> LedgerFinding:
    """A row whose leaf, by which it goes, is none or tells of something else."""
    if isinstance(row, GapLeaf):
        where = message(
            "ledger.where-gap", "gap of {camera} at {when}", camera=row.camera, when=moment(row.start.wall_ms)
        )
        code = Code.GAP_UNTOLD
    else:
        where, code = _segment(row), Code.SEGMENT_UNTOLD
    if leaf is None:
        return LedgerFinding(code, where, message("ledger.untold", "no leaf tells of it"))
    what = message("ledger.untold-by", "leaf {leaf}, which it goes by, does not tell of it", leaf=leaf)
    return LedgerFinding(code, where, what)


def twice(number: int) -> LedgerFinding:
    """A leaf of which two rows say that they go by it."""
    return LedgerFinding(
        Code.SEGMENT_UNTOLD, at_leaf(number), message("ledger.twice", "two rows go by it, and it tells of one")
    )


def _segment(told: SegmentLeaf | DestroyedLeaf) -> Message:
    return message("ledger.segment", "segment {number} of {camera}", number=told.seq, camera=told.camera)


def _gap(told: GapLeaf) -> Message:
    return message(
        "ledger.gap",
        "the gap of {camera} ({cause}) from {when}",
        camera=told.camera,
        cause=told.cause,
        when=moment(told.start.wall_ms),
    )


def moment(wall_ms: int) -> str:
    """For people; whatever somebody wrote into a leaf."""
    try:
        return f"{datetime.fromtimestamp(wall_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{wall_ms} ms"


# --- what becomes of boots, clocks, pins, bounds, volumes ---


class AgreedLeaf(msgspec.Struct, frozen=True):
    """What two persons agreed upon, as it is stored."""

    text: str


class RebuiltLeaf(msgspec.Struct, frozen=True):
    """The database was begun anew."""


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
    Leaf.BOOT.value: msgspec.json.Decoder(BootLeaf),
    Leaf.RUN.value: msgspec.json.Decoder(RunLeaf),
    Leaf.CLOCK.value: msgspec.json.Decoder(ClockLeaf),
    Leaf.PIN.value: msgspec.json.Decoder(PinLeaf),
    Leaf.BOUNDS.value: msgspec.json.Decoder(BoundsLeaf),
    Leaf.OVERWRITING.value: msgspec.json.Decoder(OverwritingLeaf),
    Leaf.FINDING.value: msgspec.json.Decoder(FindingLeaf),
    Leaf.VOLUME.value: msgspec.json.Decoder(VolumeLeaf),
    Leaf.REBUILT.value: msgspec.json.Decoder(RebuiltLeaf),
}


KINDS: Final = frozenset({*_BODIES, Leaf.AGREED.value})
"""Leaves that tell of these; of twenty million some thousand."""


def told(kind: str, hashed: bytes) -> StateLeaf | None:
    """What a leaf of one of `KINDS` says; None: not what its kind says."""
    try:
        body = _LEAF.decode(hashed[len(LEAF) :]).body
        if kind == Leaf.AGREED:
            return AgreedLeaf(canonical(json.loads(bytes(body))))
        return _BODIES[kind].decode(body)
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
