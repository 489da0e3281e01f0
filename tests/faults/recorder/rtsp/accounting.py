"""S9 done over again from outside: every second of a camera is in a segment or in a gap that says why.

Nothing of the product's own arithmetic is used: what `edgectl` lists, what lies on disk, and what the camera says it
sent, by the wall clock that all three share on one machine. Answers are sentences: none means that nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from edged.documents import site as documents
from tests.support.daemon import moment
from tests.support.rtsp_server import Sent

JOIN_S: Final = 0.15
"""Two claims of one camera meet within this: they come from media time and from two clocks."""

SECOND_S: Final = 1.0
"""The grain of the promise."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A piece of a camera's time: recorded, or not and why."""

    start: float
    end: float
    what: str

    def holds(self, other: Claim) -> bool:
        return self.start <= other.start and other.end <= self.end


def claims(segments: Iterable[documents.Segment], gaps: Iterable[documents.Gap], now: float) -> list[Claim]:
    """In order. A gap that lasts goes on until `now`."""
    made = [Claim(moment(segment.start), moment(segment.end), f"segment {segment.seq}") for segment in segments]
    for gap in gaps:
        whole = [(moment(gap.start), moment(gap.end) if gap.end else now)]
        parts = [(moment(pause.start), moment(pause.end)) for pause in gap.pauses]
        made += [Claim(*part, f"gap {gap.cause}") for part in parts or whole]
    return sorted(made, key=lambda claim: (claim.start, claim.end))


def holes(all_claims: Sequence[Claim], begin: float, end: float) -> list[str]:
    """Time between `begin` and `end` that nobody claims, and gaps that say nothing."""
    faults = [f"{claim.what} of {claim.end - claim.start:.2f} s" for claim in all_claims if claim.what == "gap unknown"]
    reached = begin
    for claim in (*all_claims, Claim(end, end, "the end")):
        if claim.start - reached > JOIN_S and reached < end:
            faults.append(f"{claim.start - reached:.2f} s before {claim.what} are neither recorded nor explained")
        reached = max(reached, claim.end)
    return faults


def overlaps(all_claims: Sequence[Claim]) -> list[str]:
    """Segments that claim the same time. Gaps may lie within a segment: pauses."""
    faults = []
    reached, before = float("-inf"), ""
    for claim in all_claims:
        if claim.what.startswith("segment"):
            if reached - claim.start > SECOND_S:
                faults.append(f"{claim.what} begins {reached - claim.start:.2f} s before {before} ends")
            if claim.end > reached:
                reached, before = claim.end, claim.what
    return faults


def unexplained_losses(sent: Iterable[Sent], recorded: set[int], all_claims: Sequence[Claim]) -> list[str]:
    """Frames that were sent and are not on disk, at a moment for which no gap stands."""
    gaps = [claim for claim in all_claims if claim.what.startswith("gap")]
    lost = [
        entry for entry in sent
        if entry.n not in recorded
        and not any(gap.start - SECOND_S <= entry.wall_ms / 1000 <= gap.end + SECOND_S for gap in gaps)
    ]  # fmt: skip
    if not lost:
        return []
    return [f"{len(lost)} frames are lost where no gap is: {', '.join(str(entry.n) for entry in lost[:5])}"]


def empty_claims(sent: Iterable[Sent], recorded: set[int], all_claims: Sequence[Claim]) -> list[str]:
    """Time that a segment claims although no frame on disk was sent then, and no gap says so."""
    walls = sorted(entry.wall_ms / 1000 for entry in sent if entry.n in recorded)
    gaps = [claim for claim in all_claims if claim.what.startswith("gap")]
    faults = []
    for claim in all_claims:
        if not claim.what.startswith("segment"):
            continue
        inside = [wall for wall in walls if claim.start - SECOND_S < wall < claim.end + SECOND_S]
        marks = [claim.start, *inside, claim.end]
        for before, after in pairwise(marks):
            explained = sum(max(0.0, min(after, gap.end) - max(before, gap.start)) for gap in gaps)
            if after - before - explained > SECOND_S:
                faults.append(f"{claim.what} claims {after - before:.2f} s in which nothing came")
    return faults
