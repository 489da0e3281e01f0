"""Which segments go and why: floors, ceilings, space.

Pure; imports `storage.ages.history`, `storage.words.model` and the values of `storage.volumes.volume`.

Keeps S1 (the floor runs from a segment's end and is measured with the low bound of its age), S2 (a pin holds whatever
the rest says), S3 (what is past its ceiling goes, wanted or not), S14 (a stamped floor is never shortened). When they
collide: pins and floors before ceilings. Space is freed only when needed, oldest first, from what is past its floor;
where `on_full = "overwrite"` allows it and nothing else may go, also from what is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from storage.ages.history import Age
from storage.words.message import Message, message
from storage.words.model import Bounds

_MS_PER_S: Final = 1000


class Reason(StrEnum):
    """Why a segment goes or stays."""

    PINNED = "pinned"
    UNDER_FLOOR = "under-floor"
    CEILING_UNPROVEN = "ceiling-unproven"
    NOT_NEEDED = "not-needed"
    SPACE = "space"
    CEILING = "ceiling"
    OVERWRITE = "overwrite"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the site has configured of retention."""

    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    """Of the cameras that are configured."""
    overwrite: bool = False
    """Where nothing may go, the oldest go below their floor: the one exception from S1, each a breach that is told.

    Whether it holds already says `storage.retention.bounds`.
    """


@dataclass(frozen=True, slots=True)
class Candidate:
    """A committed segment as retention sees it."""

    id: int
    camera: str
    seq: int
    volume: str
    bytes: int
    stamped: Bounds
    start_age: Age
    end_age: Age
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one segment. `bounds` are the effective ones, under which it was judged."""

    candidate: Candidate
    destroy: bool
    reason: Reason
    bounds: Bounds

    @property
    def may_go(self) -> bool:
        """Neither pin nor floor protects it: it goes, or would if its space were needed."""
        return not self.candidate.pinned and self.candidate.end_age.low_ms >= self.bounds.floor_s * _MS_PER_S

    @property
    def lingers(self) -> bool:
        """Only its end keeps it: who began later may have ended earlier (a file that was set aside hours after)."""
        floor_ms = self.bounds.floor_s * _MS_PER_S
        return self.candidate.end_age.low_ms < floor_ms <= self.candidate.start_age.low_ms

    def sentence(self) -> Message:
        """The decision in plain words, for a person who asks why."""
        high_ms = self.candidate.start_age.high_ms
        values: dict[str, str] = {
            "segment": message(
                "retention.segment",
                "segment {number} of {camera}",
                number=self.candidate.seq,
                camera=self.candidate.camera,
            ),
            "start": in_words(self.candidate.start_age.low_ms),
            "start_high": message("retention.any-age", "of any age") if high_ms is None else in_words(high_ms),
            "end": in_words(self.candidate.end_age.low_ms),
            "floor": in_words(self.bounds.floor_s * _MS_PER_S),
            "ceiling": in_words(self.bounds.ceiling_s * _MS_PER_S),
        }
        return _SENTENCES[self.reason](values)


_SENTENCES: Final[Mapping[Reason, Callable[[Mapping[str, str]], Message]]] = {
    Reason.PINNED: lambda of: message("retention.pinned", "{segment} stays: it is pinned as evidence.", **of),
    Reason.UNDER_FLOOR: lambda of: message(
        "retention.under-floor", "{segment} stays: it ended {end} ago and must be kept for {floor}.", **of
    ),
    Reason.CEILING_UNPROVEN: lambda of: message(
        "retention.ceiling-unproven",
        "{segment} stays: its age is proven only to {start}, though it may be {start_high}, past its ceiling of"
        " {ceiling}.",
        **of,
    ),
    Reason.NOT_NEEDED: lambda of: message(
        "retention.not-needed",
        "{segment} stays: it ended {end} ago, past its floor of {floor}, but its space is not needed.",
        **of,
    ),
    Reason.SPACE: lambda of: message(
        "retention.space",
        "{segment} goes: its space is needed, and it ended {end} ago, past its floor of {floor}.",
        **of,
    ),
    Reason.OVERWRITE: lambda of: message(
        "retention.overwrite",
        '{segment} goes below its floor: its space is needed, nothing else may go, and on_full is "overwrite". It'
        " ended {end} ago and was to be kept for {floor}.",
        **of,
    ),
    Reason.CEILING: lambda of: message(
        "retention.ceiling",
        "{segment} goes: it began {start} ago and may be kept for no more than {ceiling}.",
        **of,
    ),
}


def effective(stamped: Bounds, configured: Bounds | None) -> Bounds:
    """The bounds that hold for a segment: the longer floor, the shorter ceiling, and never less than its stamped floor.

    `configured` is None for a camera that is configured no longer: what was stamped goes on to hold.
    """
    if configured is None:
        return stamped
    ceiling_s = max(stamped.floor_s, min(stamped.ceiling_s, configured.ceiling_s))
    floor_s = min(ceiling_s, max(stamped.floor_s, configured.floor_s))
    return Bounds(floor_s, ceiling_s)


def judge(candidate: Candidate, configured: Bounds | None) -> Decision:
    """What is to become of a segment as long as no space is needed. Also the re-check just before destroying."""
    bounds = effective(candidate.stamped, configured)
    floor_ms, ceiling_ms = bounds.floor_s * _MS_PER_S, bounds.ceiling_s * _MS_PER_S
    if candidate.pinned:
        return Decision(candidate, False, Reason.PINNED, bounds)
    if candidate.end_age.low_ms >= floor_ms and candidate.start_age.low_ms >= ceiling_ms:
        return Decision(candidate, True, Reason.CEILING, bounds)
    if candidate.start_age.may_be(ceiling_ms):
        return Decision(candidate, False, Reason.CEILING_UNPROVEN, bounds)
    if candidate.end_age.low_ms < floor_ms:
        return Decision(candidate, False, Reason.UNDER_FLOOR, bounds)
    return Decision(candidate, False, Reason.NOT_NEEDED, bounds)


def plan(
    candidates: Sequence[Candidate],
    configured: Mapping[str, Bounds],
    need: Mapping[str, int],
    *,
    overwrite: bool = False,
) -> list[Decision]:
    """One decision for each candidate, in the order given, which must be oldest first.

    `configured` are the bounds that hold for cameras that are configured (`storage.retention.bounds`), `need` the
    bytes to be freed on each volume (`bytes_needed`). What goes for its ceiling counts towards the need, wherever it
    stands in the order, so that nothing is destroyed for space that a ceiling frees anyway; and nothing goes below
    its floor where something past it would do.
    """
    decisions = [judge(candidate, configured.get(candidate.camera)) for candidate in candidates]
    missing = unmet(decisions, need)
    _free(decisions, missing, Reason.SPACE)
    if overwrite:
        _free(decisions, missing, Reason.OVERWRITE)
    return decisions


def _free(decisions: list[Decision], missing: dict[str, int], reason: Reason) -> None:
    """The oldest of those that this reason may take go, until nothing is missing."""
    for position, decision in enumerate(decisions):
        candidate = decision.candidate
        takes = decision.may_go if reason is Reason.SPACE else not candidate.pinned
        if decision.destroy or not takes or missing.get(candidate.volume, 0) <= 0:
            continue
        decisions[position] = replace(decision, destroy=True, reason=reason)
        missing[candidate.volume] -= candidate.bytes


def still_due(decision: Decision, now: Candidate, configured: Bounds | None, *, overwrite: bool) -> bool:
    """Asked in the transaction that condemns: does the reason for which it was to go hold, as things are now?"""
    again = judge(now, configured)
    if decision.reason is Reason.CEILING:
        return again.destroy
    return again.may_go or (overwrite and decision.reason is Reason.OVERWRITE and not now.pinned)


def unmet(decisions: Iterable[Decision], need: Mapping[str, int]) -> dict[str, int]:
    """Bytes that each volume still lacks once these decisions are carried out; without the volumes that lack none."""
    missing = dict(need)
    for decision in decisions:
        if decision.destroy and decision.candidate.volume in missing:
            missing[decision.candidate.volume] -= decision.candidate.bytes
    return {volume: lacking for volume, lacking in missing.items() if lacking > 0}


_SPAN_UNITS: Final[Sequence[tuple[int, Callable[[int], Message]]]] = (
    (86_400_000, lambda count: message("span.days", "{count} d", count=count)),
    (3_600_000, lambda count: message("span.hours", "{count} h", count=count)),
    (60_000, lambda count: message("span.minutes", "{count} min", count=count)),
    (1000, lambda count: message("span.seconds", "{count} s", count=count)),
)


def in_words(ms: int) -> Message:
    """A duration in its two largest units, rounded down: `31 d 4 h`, `5 min`, `0 s`."""
    found: list[Message] = []
    looked = 0
    for unit_ms, shown in _SPAN_UNITS:
        count, ms = divmod(ms, unit_ms)
        looked += bool(count or looked)
        if count:
            found.append(shown(count))
        if looked == 2:
            break
    if len(found) == 2:
        return message("span.two", "{one} {other}", one=found[0], other=found[1])
    return found[0] if found else message("span.seconds", "{count} s", count=0)
