"""Which bounds are agreed upon, and what of a configuration must wait for a second person because it loosens one.

Pure. A floor is loosened when it is lowered, a ceiling when it is raised, and all floors by `on_full = "overwrite"`.
What tightens holds at once and is agreed upon from then on; a ceiling that was shortened only once it holds
(`storage.ring.bounds` has it wait for a day), so that whoever shortened it by mistake can take it back alone in time. A
camera that was never agreed upon begins with the bounds of its site: a new name is no way around them. Part of S14.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from storage.model import Bounds
from storage.retention import effective


@dataclass(frozen=True, slots=True)
class Agreed:
    """Bounds of a site and of cameras, as configured or as agreed upon."""

    site: Bounds
    """Of cameras without their own."""
    cameras: Mapping[str, Bounds] = field(default_factory=dict)
    """Of all that are configured; as agreed upon, also of those that were."""
    overwrite: bool = False


class What(StrEnum):
    """What is loosened."""

    FLOOR = "floor"
    CEILING = "ceiling"
    OVERWRITE = "overwrite"


@dataclass(frozen=True, slots=True)
class Loosening:
    """One bound that would be looser than what is agreed upon."""

    camera: str | None
    """None: the site's."""
    what: What
    holds_s: int = 0
    wished_s: int = 0


def holding(agreed: Agreed, wished: Agreed) -> Agreed:
    """What may hold of what is configured: nothing looser than what is agreed upon."""
    return Agreed(
        effective(agreed.site, wished.site),
        {camera: effective(_of(agreed, camera), bounds) for camera, bounds in wished.cameras.items()},
        agreed.overwrite and wished.overwrite,
    )


def loosenings(held: Agreed, wished: Agreed) -> Iterator[Loosening]:
    """What waits. Of cameras that are as their site nothing is repeated."""
    yield from _of_one(None, held.site, wished.site)
    for camera, bounds in wished.cameras.items():
        if (held.cameras[camera], bounds) != (held.site, wished.site):
            yield from _of_one(camera, held.cameras[camera], bounds)
    if wished.overwrite and not held.overwrite:
        yield Loosening(None, What.OVERWRITE)


def settled(agreed: Agreed, held: Agreed, in_force: Mapping[str, Bounds]) -> Agreed:
    """What is agreed upon from now on. `in_force`: of the cameras that are recorded, with ceilings that still wait."""
    waiting = {camera for camera, one in held.cameras.items() if _waits(in_force.get(camera), one)}
    cameras = {
        camera: _settled(_of(agreed, camera), one, waits=camera in waiting) for camera, one in held.cameras.items()
    }
    site = _settled(agreed.site, held.site, waits=bool(waiting))
    return Agreed(site, {**agreed.cameras, **cameras}, held.overwrite)


def granted(agreed: Agreed, wished: Agreed) -> Agreed:
    """What is agreed upon once a second person has approved it."""
    return Agreed(wished.site, {**agreed.cameras, **wished.cameras}, wished.overwrite)


def _of(agreed: Agreed, camera: str) -> Bounds:
    return agreed.cameras.get(camera, agreed.site)


def _waits(in_force: Bounds | None, held: Bounds) -> bool:
    return in_force is not None and in_force.ceiling_s > held.ceiling_s


def _settled(agreed: Bounds, held: Bounds, *, waits: bool) -> Bounds:
    return Bounds(held.floor_s, max(agreed.ceiling_s, held.ceiling_s) if waits else held.ceiling_s)


def _of_one(camera: str | None, held: Bounds, wished: Bounds) -> Iterator[Loosening]:
    if wished.floor_s < held.floor_s:
        yield Loosening(camera, What.FLOOR, held.floor_s, wished.floor_s)
    if wished.ceiling_s > held.ceiling_s:
        yield Loosening(camera, What.CEILING, held.ceiling_s, wished.ceiling_s)
