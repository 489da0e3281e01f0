"""Which bounds and grants are agreed upon, and what of a configuration waits for a second person, since it loosens one.

Pure. A floor is loosened when it is lowered, a ceiling when it is raised, and all floors by `on_full = "overwrite"`.
What tightens holds at once and is agreed upon from then on; a ceiling that was shortened only once it holds
(`storage.retention.bounds` has it wait for a day), so that whoever shortened it by mistake can take it back alone in
time. A camera that was never agreed upon begins with the bounds of its site: a new name is no way around them. Part
of S14.

Grants say which groups hold which role. Taking a role from a group holds at once, giving it one waits. Where the groups
whose people approve would all be others, those that there are go on until the others are approved: else nobody could.
While nothing is granted root may do all, so whoever grants first gives away nothing that he has not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from storage.retention.plan import effective
from storage.words.model import Bounds

APPROVING: Final = "authority"
"""The role whose people approve (`edged.words.roles`)."""


@dataclass(frozen=True, slots=True)
class Grants:
    """Which groups hold which role."""

    pairs: frozenset[tuple[str, str]] = frozenset()
    """Role and group."""
    configured: bool = True
    """False: nobody has said so, and root and the daemon's own account may do all."""


@dataclass(frozen=True, slots=True)
class ApprovedLimits:
    """Bounds of a site and of cameras, and who holds which role, as configured or as agreed upon."""

    site: Bounds
    """Of cameras without their own."""
    cameras: Mapping[str, Bounds] = field(default_factory=dict)
    """Of all that are configured; as agreed upon, also of those that were."""
    overwrite: bool = False
    grants: Grants | None = None
    """None: they were not looked at (by an earlier version)."""


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


@dataclass(frozen=True, slots=True)
class Loosening:
    """One bound or grant that would be looser than what is agreed upon."""

    camera: str | None
    """None: the site's, or of grants."""
    what: LoosenedBound
    holds_s: int = 0
    wished_s: int = 0
    role: str = ""
    group: str = ""


def holding(agreed: ApprovedLimits, wished: ApprovedLimits) -> ApprovedLimits:
    """What may hold of what is configured: nothing looser than what is agreed upon."""
    return ApprovedLimits(
        effective(agreed.site, wished.site),
        {camera: effective(_of(agreed, camera), bounds) for camera, bounds in wished.cameras.items()},
        agreed.overwrite and wished.overwrite,
        _granted(agreed.grants, wished.grants),
    )


def loosenings(held: ApprovedLimits, wished: ApprovedLimits) -> Iterator[Loosening]:
    """What waits. Of cameras that are as their site nothing is repeated."""
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
    return ApprovedLimits(site, {**agreed.cameras, **cameras}, held.overwrite, held.grants)


def granted(agreed: ApprovedLimits, wished: ApprovedLimits) -> ApprovedLimits:
    """What is agreed upon once a second person has approved it."""
    return ApprovedLimits(
        wished.site, {**agreed.cameras, **wished.cameras}, wished.overwrite, wished.grants or agreed.grants
    )


def _granted(agreed: Grants | None, wished: Grants | None) -> Grants | None:
    if agreed is None or wished is None:
        return wished or agreed
    if not agreed.configured:
        return wished
    if not wished.configured:
        return agreed
    both = agreed.pairs & wished.pairs
    if any(role == APPROVING for role, _ in both):
        return Grants(both)
    return Grants(both | {pair for pair in agreed.pairs if pair[0] == APPROVING})


def _of_grants(held: Grants | None, wished: Grants | None) -> Iterator[Loosening]:
    if held is None or wished is None:
        return
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
