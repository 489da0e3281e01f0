"""The register of destruction as documents. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from edged.documents import register as documents
from edged.words.times import optional_timestamp, timestamp
from storage.register.service import Entered, LostVolume
from storage.retention.destruction import Rule, Totals, Verdict


def line(one: Entered) -> documents.DestroyedSegment:
    what, listed = one.what, one.listed
    covered = listed.covered
    return documents.DestroyedSegment(
        camera=what.camera,
        seq=what.seq,
        start=timestamp(what.start_ms),
        end=timestamp(what.start_ms + what.duration_ms),
        clock_correction_ms=what.correction_ms,
        bytes=what.bytes,
        sha256=what.sha256,
        volume=what.volume,
        destroyed=None if what.rule is Rule.BEFORE else timestamp(what.entered_ms),
        rule=what.rule.value,
        verdict=what.verdict.value,
        floor_s=what.bounds.floor_s if what.bounds else None,
        ceiling_s=what.bounds.ceiling_s if what.bounds else None,
        kept_s=None if what.kept_ms is None else what.kept_ms / 1000,
        pins=list(one.pins),
        leaf=what.leaf,
        generation=None if covered is None else covered.generation.origin,
        index=None if covered is None else listed.index,
        signed=listed.is_signed,
        seen=listed.is_seen,
    )


def summary(totals: Totals, lost: Sequence[LostVolume]) -> documents.DestroyedSummary:
    return documents.DestroyedSummary(
        segments=totals.segments,
        bytes=totals.bytes,
        first=optional_timestamp(totals.first_ms),
        last=optional_timestamp(totals.last_ms),
        rules={rule.value: totals.rules[rule] for rule in Rule if totals.rules[rule]},
        below_floor=totals.verdicts[Verdict.EARLY],
        permitted=totals.permitted,
        beyond_ceiling=totals.verdicts[Verdict.LATE],
        explained=totals.explained,
        unknown=totals.verdicts[Verdict.UNKNOWN],
        unread=totals.unread,
        lost=[
            documents.LostVolume(
                volume=one.volume,
                told=timestamp(one.told_ms),
                segments=one.segments,
                below_floor=one.below_floor,
                pinned=one.pinned,
                leaf=one.leaf,
            )
            for one in lost
        ],
    )
