"""Why a segment stays or goes, and when, as values. Pure; imports retention and the words of storage.

The same `judge` and the same bounds as the sweep's. Durations are running time from now: how long the box has to run on
until something happens; a box that is off does not age, unless that is proven (`storage.ages.history`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from storage.pins.rules import Ground
from storage.retention.bounds import LaterCeiling, OverwriteState
from storage.retention.plan import Candidate, Decision, effective
from storage.ring.table import Tombstone
from storage.words.model import Bounds


class Fate(StrEnum):
    """What became of it so far."""

    OPEN = "recording"
    KEPT = "committed"
    SET_ASIDE = "quarantined"
    GARBAGE = "garbage"
    DESTROYED = "destroyed"
    LOST = "lost"
    """With its volume."""


@dataclass(frozen=True, slots=True)
class TimeFromNow:
    """In running time from now."""

    earliest_ms: int
    """From then on it goes if its space is needed."""
    latest_ms: int
    """Then it goes, unless a pin holds it."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One segment. `decision` and `span` are None for what is garbage or gone."""

    camera: str
    seq: int
    fate: Fate
    decision: Decision | None = None
    span: TimeFromNow | None = None
    pins: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    """That are under way and keep it from going for its space."""
    held_ms: int = 0
    """Running time until the last of its pins lets go of it, if nothing is changed."""
    away: bool = False
    """Its volume is not there: nothing on it goes until it is back."""
    retired: bool = False
    """No space is needed of its volume."""
    overwriting: OverwriteState = field(default_factory=OverwriteState)
    """Whether it may go below its floor where nothing else may."""
    shortened: tuple[LaterCeiling, ...] = ()
    """Ceilings that wait and will make a difference to it."""
    rule: str | None = None
    """For which it was condemned."""
    stone: Tombstone | None = None


def span(candidate: Candidate, configured: Bounds | None, later: Sequence[LaterCeiling]) -> TimeFromNow:
    """When it may go and when it must, if nothing is changed. One in progress ends now, as far as anybody knows."""
    now = effective(candidate.stamped, configured)
    earliest_ms = max(0, now.floor_s * 1000 - candidate.end_age.low_ms)
    latest_ms = _due_ms(candidate, now.ceiling_s)
    for one, bounds in zip(later, _coming(candidate, configured, later), strict=True):
        latest_ms = min(latest_ms, max(one.left_ms, _due_ms(candidate, bounds.ceiling_s)))
    return TimeFromNow(earliest_ms, max(earliest_ms, latest_ms))


def held_ms(pins: Iterable[tuple[Ground, int]], span: TimeFromNow) -> int:
    """`pins` with the running time that each has left. What only internal ones hold goes when it must."""
    return max((left if ground.crosses_ceiling else min(left, span.latest_ms) for ground, left in pins), default=0)


def _due_ms(candidate: Candidate, ceiling_s: int) -> int:
    return max(0, ceiling_s * 1000 - candidate.start_age.low_ms)


def _coming(candidate: Candidate, configured: Bounds | None, later: Sequence[LaterCeiling]) -> list[Bounds]:
    floor_s = configured.floor_s if configured else 0
    return [effective(candidate.stamped, Bounds(floor_s, one.ceiling_s)) for one in later]


def shortened(
    candidate: Candidate, configured: Bounds | None, later: Sequence[LaterCeiling]
) -> tuple[LaterCeiling, ...]:
    """Of the ceilings that wait those that will hold for this segment, each with what it then comes to."""
    before_s, told = effective(candidate.stamped, configured).ceiling_s, []
    for one, bounds in zip(later, _coming(candidate, configured, later), strict=True):
        if bounds.ceiling_s < before_s:
            told.append(LaterCeiling(one.left_ms, bounds.ceiling_s))
            before_s = bounds.ceiling_s
    return tuple(told)
