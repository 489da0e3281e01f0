"""銷毀紀錄: what the ledger says of a segment that is gone, and whether it went too early or too late. Pure.

An entry tells by itself: bounds in force and age at the time stand in it. Ages are low bounds (S7): what is called
below its floor was, as far as anybody could prove, kept for too short a time; what is called beyond its ceiling was
there for too long for certain. Part of S1 and S3, as they are shown to an auditor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import msgspec

from storage.ages.leaves import LeafPlace, Whole
from storage.ledger.table import Leaf, LeafEntry
from storage.words.model import Bounds

LATE_MS: Final = 3_600_000
"""S3: destroying what is past its ceiling takes at most this much running time."""
SLEW_PPM: Final = 500
"""The end of what went for its ceiling is told from its start; in between a clock may have been slowed by so much."""
NAMED_MAX: Final = 100
"""Entries named one by one of those that went too early or too late; all are counted."""
KINDS: Final = frozenset({Leaf.DESTROYED.value, Leaf.SPAN.value})


class Rule(StrEnum):
    """Under which rule it went."""

    CEILING = "ceiling"
    SPACE = "space"
    OVERWRITE = "overwrite"
    """Below its floor, because nothing else could go and `on_full = "overwrite"` allows that."""
    LOST = "lost"
    """Its volume was gone for good; entered when it would have been destroyed. Its age when it was lost is not told."""
    UNTOLD = "untold"
    """By a version whose entries did not say."""
    BEFORE = "before-ledger"
    """Before there was a ledger: only when there had been footage is known."""


class Verdict(StrEnum):
    """How that stands to its bounds."""

    KEPT = "as-demanded"
    EARLY = "below-floor"
    LATE = "beyond-ceiling"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Destruction:
    """One entry."""

    leaf: int
    entered_ms: int
    """When it was destroyed, by the wall clock of the box."""
    camera: str
    boot: int
    boot_id: str
    boottime_ms: int
    start_ms: int
    """Wall clock when it was recorded."""
    duration_ms: int
    rule: Rule
    seq: int | None = None
    volume: str | None = None
    bytes: int | None = None
    sha256: str = ""
    name: str | None = None
    """Of one that was set aside."""
    bounds: Bounds | None = None
    """In force at the time."""
    age_ms: int | None = None
    """Low bound: since its start for a ceiling, since its end for all else."""
    correction_ms: int | None = None
    """To be added to `start_ms` for the true time: the clock was not synchronised then, and was later."""

    @property
    def true_start_ms(self) -> int:
        return self.start_ms + (self.correction_ms or 0)

    @property
    def true_end_ms(self) -> int:
        return self.true_start_ms + self.duration_ms

    @property
    def kept_ms(self) -> int | None:
        """Running time since its end, at the least."""
        if self.age_ms is None or self.rule is Rule.LOST:
            return None
        return max(0, self.age_ms - self.duration_ms) if self.rule is Rule.CEILING else self.age_ms

    @property
    def spare_ms(self) -> int | None:
        """For how long it was kept beyond its floor; below 0: it went too early."""
        if self.kept_ms is None or self.bounds is None:
            return None
        return self.kept_ms - self.bounds.floor_s * 1000

    @property
    def over_ms(self) -> int | None:
        """By how much it was older than its ceiling; below 0: younger."""
        if self.kept_ms is None or self.bounds is None or self.age_ms is None:
            return None
        since_start_ms = self.age_ms if self.rule is Rule.CEILING else self.age_ms + self.duration_ms
        return since_start_ms - self.bounds.ceiling_s * 1000

    @property
    def verdict(self) -> Verdict:
        spare_ms, over_ms = self.spare_ms, self.over_ms
        if spare_ms is None or over_ms is None:
            return Verdict.UNKNOWN
        doubt_ms = 1 + self.duration_ms * SLEW_PPM // 1_000_000 if self.rule is Rule.CEILING else 0
        if spare_ms < -doubt_ms:
            return Verdict.EARLY
        return Verdict.LATE if over_ms > LATE_MS else Verdict.KEPT

    def corrected(self, correction_ms: int) -> Destruction:
        """As it was by a right clock."""
        return replace(self, correction_ms=correction_ms)

    def touches(self, from_ms: int, to_ms: int) -> bool:
        """It was recorded, by true time, in this interval, if only a part of it."""
        return self.true_start_ms < to_ms and self.true_end_ms > from_ms


class DestroyedLeaf(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A leaf of kind `destroyed`."""

    camera: str
    seq: Whole
    volume: str
    start: LeafPlace
    duration_ms: Whole
    bytes: Whole
    sha256: str
    name: str | None = None
    """Its path on the volume, where it had been set aside."""
    lost: bool = False
    """With its volume."""
    rule: str | None = None
    """None, as the following three: it was condemned before tombstones said why."""
    floor_s: Whole | None = None
    ceiling_s: Whole | None = None
    age_ms: Whole | None = None


class SpanLeaf(msgspec.Struct, frozen=True):
    """A leaf of kind `span`."""

    camera: str
    start: LeafPlace
    duration_ms: Whole


def read(entry: LeafEntry) -> Destruction | None:
    """What a leaf of `KINDS` says; None where nobody can read it, because a stranger wrote it."""
    try:
        if entry.kind == Leaf.SPAN:
            return _destruction(entry, msgspec.json.decode(entry.body, type=SpanLeaf), Rule.BEFORE)
        told = msgspec.json.decode(entry.body, type=DestroyedLeaf)
        rule = Rule.UNTOLD if told.rule is None else Rule(told.rule)
        found = replace(
            _destruction(entry, told, Rule.LOST if told.lost else rule),
            seq=told.seq,
            volume=told.volume,
            bytes=told.bytes,
            sha256=told.sha256,
            name=told.name,
        )
        if told.rule is None:
            return found
        if told.floor_s is None or told.ceiling_s is None or told.age_ms is None:
            return None
        return replace(found, bounds=Bounds(told.floor_s, told.ceiling_s), age_ms=told.age_ms)
    except (ValueError, RecursionError):
        return None


def _destruction(entry: LeafEntry, told: DestroyedLeaf | SpanLeaf, rule: Rule) -> Destruction:
    boot, boottime_ms, wall_ms = told.start.at
    return Destruction(
        leaf=entry.number,
        entered_ms=entry.wall_ms,
        camera=told.camera,
        boot=boot,
        boot_id=told.start.id,
        boottime_ms=boottime_ms,
        start_ms=wall_ms,
        duration_ms=told.duration_ms,
        rule=rule,
    )


@dataclass(slots=True)
class Totals:
    """Of many entries, one after the other."""

    segments: int = 0
    bytes: int = 0
    duration_ms: int = 0
    first_ms: int | None = None
    """When the first of them was destroyed, and the last."""
    last_ms: int | None = None
    rules: Counter[Rule] = field(default_factory=Counter)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    permitted: int = 0
    """Of those below their floor, how many `on_full = "overwrite"` explains."""
    explained: int = 0
    """Of those beyond their ceiling, how many a pin explains."""
    early: list[Destruction] = field(default_factory=list)
    late: list[tuple[Destruction, tuple[str, ...]]] = field(default_factory=list)
    youngest: Destruction | None = None
    """Which came nearest to its floor, or farthest below it."""
    oldest: Destruction | None = None
    """Which came nearest to its ceiling, or farthest beyond it."""
    unread: int = 0

    def add(self, one: Destruction, pins: Collection[str] = ()) -> None:
        """`pins`: ids of those that may keep something beyond its ceiling, and that reached into it."""
        self.rules[one.rule] += 1
        self.verdicts[one.verdict] += 1
        self.duration_ms += one.duration_ms
        if one.rule is not Rule.BEFORE:
            self.segments += 1
            self.bytes += one.bytes or 0
            self.first_ms = one.entered_ms if self.first_ms is None else min(self.first_ms, one.entered_ms)
            self.last_ms = one.entered_ms if self.last_ms is None else max(self.last_ms, one.entered_ms)
        if one.verdict is Verdict.EARLY:
            self.permitted += one.rule is Rule.OVERWRITE
            if len(self.early) < NAMED_MAX:
                self.early.append(one)
        if one.verdict is Verdict.LATE:
            self.explained += bool(pins)
            if len(self.late) < NAMED_MAX:
                self.late.append((one, tuple(sorted(pins))))
        self.youngest = _extreme(self.youngest, one, one.spare_ms, -1)
        self.oldest = _extreme(self.oldest, one, one.over_ms, 1)


def _extreme(before: Destruction | None, one: Destruction, margin_ms: int | None, sign: int) -> Destruction | None:
    if margin_ms is None:
        return before
    told = None if before is None else before.spare_ms if sign < 0 else before.over_ms
    return one if told is None or margin_ms * sign > told * sign else before
