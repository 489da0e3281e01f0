"""Which floor and ceiling hold now for a camera, of those that are and were configured: what shortens either waits.

Pure; imports `storage.words.model` and `Point`. Whoever asks what holds asks here: the sweep when it plans and again
when it condemns, `retention --explain`, the documents and the alarms. Part of S3, S14 and of what people may get
wrong: a ceiling that was shortened, or `on_full` that was turned to "overwrite", destroys nothing for 24 h of
running time, in which it can be taken back.

A raised floor holds at once, and so does `on_full = "stop"`. Before a camera was configured, and while it is not, what
is stamped on its footage holds alone (`configured` None); that, too, is superseded by a shorter ceiling only after the
wait. So footage of a camera that was gone for a year is not destroyed by whoever takes it up again with a typing error,
nor after a database was lost and with it what had been configured. Where "overwrite" was said before anything was
recorded, no floor was ever stamped under another word, and it holds at once; a lost database forgets that, too.

Which bounds and grants are agreed upon, and under which profile, and what of a configuration waits for a second person,
since it loosens one.
A floor is loosened when it is lowered, a ceiling when it is raised, and all floors by `on_full = "overwrite"`.
What tightens holds at once and is agreed upon from then on; a ceiling that was shortened only once it holds (it waits
for a day), so that whoever shortened it by mistake can take it back alone in
time. A camera that was never agreed upon begins with the bounds of its site: a new name is no way around them. Part
of S14.

Grants say which groups hold which role. Taking a role from a group holds at once, giving it one waits. Where the groups
whose people approve would all be others, those that there are go on until the others are approved: else nobody could.
While nothing is granted root may do all, so whoever grants first gives away nothing that he has not.

A profile is the regulation under which a box is. To name the first one holds at once; to name another or none waits.
What was agreed upon before there were profiles in it names none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from storage.ages.history import Point
from storage.retention.plan import effective
from storage.words.model import Bounds

WAIT_MS: Final = 24 * 3_600_000
"""How long a shortened ceiling waits, and overwriting, in running time: a day in which somebody reads the alarm."""
UNBOUNDED_S: Final = 1 << 40
"""A ceiling that shortens no stamped one."""
TIME_ACCOUNT_KEPT_MS: Final = 400 * 86_400_000
"""Beyond the ceiling: a year that somebody looks back on, and a month to do so."""
TERMS_EACH: Final = 16
"""Of one camera: what is remembered of ceilings that were shortened again and again within a day."""

LowAge = Callable[[Point], int]
"""Milliseconds since a point, at the least (S7)."""


@dataclass(frozen=True, slots=True)
class Term:
    """What was configured of a camera from a point on; None: it was configured no longer."""

    bounds: Bounds | None
    at: Point


@dataclass(frozen=True, slots=True)
class OverwriteSwitch:
    """Whether `on_full` was "overwrite" from a point on."""

    overwrite: bool
    at: Point | None
    """None: since before anything was recorded."""


@dataclass(frozen=True, slots=True)
class OverwriteState:
    """Whether floors give way where nothing else may go."""

    holds: bool = False
    left_ms: int | None = None
    """It is configured, and holds once the box has run for so long; None where nothing waits."""

    def holds_in(self, ahead_ms: float) -> bool:
        """Whether it will, if nothing is changed."""
        return self.holds or (self.left_ms is not None and self.left_ms <= ahead_ms)


@dataclass(frozen=True, slots=True)
class LaterCeiling:
    """Once the box has run for `left_ms`, this ceiling holds."""

    left_ms: int
    ceiling_s: int


@dataclass(frozen=True, slots=True)
class CameraBounds:
    """What holds for a camera now, and what will without anybody doing anything."""

    bounds: Bounds | None
    """For `storage.retention.plan.effective`."""
    later: tuple[LaterCeiling, ...] = ()
    """Ceilings that wait, in the order in which they come to hold, each shorter than the one before."""


@dataclass(frozen=True, slots=True)
class ShortenedCeiling:
    """A ceiling was shortened, and there is footage to which this will make a difference."""

    old_s: int
    new_s: int
    left_ms: int


def standing(history: Sequence[Term], configured: Bounds | None, age_ms: LowAge) -> CameraBounds:
    """`history` oldest first; where its end is not what is configured, that changed just now."""
    if configured is None:
        return CameraBounds(None)
    recent = [(left_ms, ceiling_s) for ceiling_s, left_ms in _superseded(history, configured, age_ms) if left_ms > 0]
    longest_s = max([configured.ceiling_s, *(ceiling_s for _, ceiling_s in recent)])
    return CameraBounds(Bounds(configured.floor_s, longest_s), tuple(_steps(recent, longest_s, configured.ceiling_s)))


def _superseded(history: Sequence[Term], configured: Bounds, age_ms: LowAge) -> Iterable[tuple[int, int]]:
    """Each ceiling that held before, and how long it goes on to hold: 24 h since another took its place."""
    before = UNBOUNDED_S
    for term in history:
        yield before, WAIT_MS - age_ms(term.at)
        before = _ceiling(term.bounds)
    if not history or history[-1].bounds != configured:
        yield before, WAIT_MS


def _ceiling(bounds: Bounds | None) -> int:
    return UNBOUNDED_S if bounds is None else bounds.ceiling_s


def _steps(recent: Sequence[tuple[int, int]], longest_s: int, last_s: int) -> Iterable[LaterCeiling]:
    """How the longest of those that still hold becomes shorter as one after the other lapses."""
    for left_ms in sorted({left_ms for left_ms, _ in recent}):
        rest_s = max([last_s, *(ceiling_s for left, ceiling_s in recent if left > left_ms)])
        if rest_s < longest_s:
            yield LaterCeiling(left_ms, rest_s)
            longest_s = rest_s


def overwriting(told: OverwriteSwitch | None, configured: bool, age_ms: LowAge) -> OverwriteState:
    """`told` is what was written down last, None for nothing: where it is not what is configured, that changed now."""
    if not configured:
        return OverwriteState()
    if told is None or not told.overwrite:
        return OverwriteState(left_ms=WAIT_MS)
    left_ms = 0 if told.at is None else max(0, WAIT_MS - age_ms(told.at))
    return OverwriteState(holds=left_ms == 0, left_ms=left_ms or None)


def in_force(
    histories: Mapping[str, Sequence[Term]], configured: Mapping[str, Bounds], age_ms: LowAge
) -> dict[str, CameraBounds]:
    """By camera, for all that are configured. Of others what is stamped holds."""
    return {camera: standing(histories.get(camera, ()), bounds, age_ms) for camera, bounds in configured.items()}


def changes(histories: Mapping[str, Sequence[Term]], configured: Mapping[str, Bounds]) -> dict[str, Bounds | None]:
    """What is configured otherwise than last written down. A camera that never was configured has nothing to lose."""
    told = {camera: history[-1].bounds for camera, history in histories.items() if history}
    gone: dict[str, Bounds | None] = {c: None for c, last in told.items() if last is not None and c not in configured}
    return gone | {camera: bounds for camera, bounds in configured.items() if told.get(camera) != bounds}


def revised(
    histories: Mapping[str, Sequence[Term]], configured: Mapping[str, Bounds], now: Point, age_ms: LowAge
) -> dict[str, list[Term]]:
    """What is to be written down instead of what is, by camera: what changed just now is in it, what lapsed is not."""
    new = changes(histories, configured)
    found = {}
    for camera in histories.keys() | new.keys():
        before = list(histories.get(camera, ()))
        after = lasting([*before, Term(new[camera], now)] if camera in new else before, age_ms)
        if after != before:
            found[camera] = after
    return found


def lasting(history: Sequence[Term], age_ms: LowAge) -> list[Term]:
    """The shortest history of the same consequences, from now on: the last term, and before it those that still wait.

    A term that was superseded by one as long, or a day ago, has no part in them; and none has once the last says that
    the camera is configured no longer. Of more than TERMS_EACH all but the last of those beyond go, and the one before
    them holds until the last has waited: longer than it must, never shorter.
    """
    kept: list[Term] = []
    for term in history:
        at = term.at
        while kept and _ceiling(kept[-1].bounds) <= _ceiling(term.bounds):
            at = kept.pop().at
        kept.append(Term(term.bounds, at))
    while len(kept) > 1 and age_ms(kept[1].at) >= WAIT_MS:
        del kept[0]
    if kept and kept[-1].bounds is None:
        return []
    return [*kept[: TERMS_EACH - 1], kept[-1]] if len(kept) > TERMS_EACH else kept


def waiting(one: CameraBounds, longest_stamped_s: int | None) -> ShortenedCeiling | None:
    """Whether footage, of which the longest stamped ceiling is this, lives longer for the wait."""
    if not one.later or longest_stamped_s is None or one.bounds is None:
        return None
    old_s, last = min(one.bounds.ceiling_s, longest_stamped_s), one.later[-1]
    return ShortenedCeiling(old_s, last.ceiling_s, last.left_ms) if old_s > last.ceiling_s else None


APPROVING: Final = "authority"
"""The role whose people approve (`edged.words.roles`)."""


@dataclass(frozen=True, slots=True)
class Grants:
    """Which groups hold which role."""

    pairs: frozenset[tuple[str, str]] = frozenset()
    """Role and group."""
    configured: bool = True
    """False: nobody has said so, and root and the daemon's own account may do all."""


UNGRANTED: Final = Grants(configured=False)


@dataclass(frozen=True, slots=True)
class ApprovedLimits:
    """Bounds of a site and of cameras, who holds which role, and the profile, as configured or as agreed upon."""

    site: Bounds
    """Of cameras without their own."""
    cameras: Mapping[str, Bounds] = field(default_factory=dict)
    """Of all that are configured; as agreed upon, also of those that were."""
    overwrite: bool = False
    grants: Grants = UNGRANTED
    profile: str | None = None


class LoosenedBound(StrEnum):
    """What is loosened."""

    FLOOR = "floor"
    CEILING = "ceiling"
    OVERWRITE = "overwrite"
    GRANT = "grant"
    REVOKE = "revoke"
    """Not looser, but waits with what comes in its place."""
    UNGRANTED = "ungranted"
    """No grants at all, which is every role for root."""
    PROFILE = "profile"
    """Another regulation, or none."""


@dataclass(frozen=True, slots=True)
class Loosening:
    """One bound, grant or profile that would be looser than what is agreed upon."""

    camera: str | None
    """None: the site's, or of grants."""
    what: LoosenedBound
    holds_s: int = 0
    wished_s: int = 0
    role: str = ""
    group: str = ""
    profile: str = ""
    """The one that holds."""
    wished_profile: str = ""
    """Empty: none."""


def holding(agreed: ApprovedLimits, wished: ApprovedLimits) -> ApprovedLimits:
    """What may hold of what is configured: nothing looser than what is agreed upon."""
    return ApprovedLimits(
        effective(agreed.site, wished.site),
        {camera: effective(_of(agreed, camera), bounds) for camera, bounds in wished.cameras.items()},
        agreed.overwrite and wished.overwrite,
        _granted(agreed.grants, wished.grants),
        wished.profile if agreed.profile is None else agreed.profile,
    )


def loosenings(held: ApprovedLimits, wished: ApprovedLimits) -> Iterator[Loosening]:
    """What waits. Of cameras that are as their site nothing is repeated."""
    if held.profile is not None and held.profile != wished.profile:
        yield Loosening(None, LoosenedBound.PROFILE, profile=held.profile, wished_profile=wished.profile or "")
    yield from _of_grants(held.grants, wished.grants)
    yield from _of_one(None, held.site, wished.site)
    for camera, bounds in wished.cameras.items():
        if (held.cameras[camera], bounds) != (held.site, wished.site):
            yield from _of_one(camera, held.cameras[camera], bounds)
    if wished.overwrite and not held.overwrite:
        yield Loosening(None, LoosenedBound.OVERWRITE)


def settled(agreed: ApprovedLimits, held: ApprovedLimits, in_force: Mapping[str, Bounds]) -> ApprovedLimits:
    """What is agreed upon from now on. `in_force`: of the cameras that are recorded, with ceilings that still wait."""
    waiting = {camera for camera, one in held.cameras.items() if _waits(in_force.get(camera), one)}
    cameras = {
        camera: _settled(_of(agreed, camera), one, waits=camera in waiting) for camera, one in held.cameras.items()
    }
    site = _settled(agreed.site, held.site, waits=bool(waiting))
    return replace(held, site=site, cameras={**agreed.cameras, **cameras})


def granted(agreed: ApprovedLimits, wished: ApprovedLimits) -> ApprovedLimits:
    """What is agreed upon once a second person has approved it."""
    return replace(wished, cameras={**agreed.cameras, **wished.cameras})


def _granted(agreed: Grants, wished: Grants) -> Grants:
    if not agreed.configured:
        return wished
    if not wished.configured:
        return agreed
    both = agreed.pairs & wished.pairs
    if any(role == APPROVING for role, _ in both):
        return Grants(both)
    return Grants(both | {pair for pair in agreed.pairs if pair[0] == APPROVING})


def _of_grants(held: Grants, wished: Grants) -> Iterator[Loosening]:
    if held.configured and not wished.configured:
        yield Loosening(None, LoosenedBound.UNGRANTED)
        return
    for what, pairs in (
        (LoosenedBound.GRANT, wished.pairs - held.pairs),
        (LoosenedBound.REVOKE, held.pairs - wished.pairs),
    ):
        for role, group in sorted(pairs):
            yield Loosening(None, what, role=role, group=group)


def _of(agreed: ApprovedLimits, camera: str) -> Bounds:
    return agreed.cameras.get(camera, agreed.site)


def _waits(in_force: Bounds | None, held: Bounds) -> bool:
    return in_force is not None and in_force.ceiling_s > held.ceiling_s


def _settled(agreed: Bounds, held: Bounds, *, waits: bool) -> Bounds:
    return Bounds(held.floor_s, max(agreed.ceiling_s, held.ceiling_s) if waits else held.ceiling_s)


def _of_one(camera: str | None, held: Bounds, wished: Bounds) -> Iterator[Loosening]:
    if wished.floor_s < held.floor_s:
        yield Loosening(camera, LoosenedBound.FLOOR, held.floor_s, wished.floor_s)
    if wished.ceiling_s > held.ceiling_s:
        yield Loosening(camera, LoosenedBound.CEILING, held.ceiling_s, wished.ceiling_s)
