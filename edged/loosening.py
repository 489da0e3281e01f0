"""A configuration as bounds and grants, these as a configuration, and what would be loosened in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from edged import units
from edged.config_model import CameraRetention, Config, Retention, Roles
from edged.roles import Assignment, Role
from storage.model import Bounds
from storage.ring.agreed import Agreed, Grants, Loosening, What

_SECOND: Final = timedelta(seconds=1)


def wished_by(config: Config) -> Agreed:
    """What a configuration says of retention and roles."""
    default = config.retention
    site = Bounds(default.min // _SECOND, default.max // _SECOND)
    cameras = {camera.id: config.bounds(camera.id) for camera in config.cameras}
    return Agreed(site, cameras, default.on_full == "overwrite", _grants(config.assignment()))


def under(config: Config, held: Agreed) -> Config:
    """The configuration with these bounds and grants in place of its own."""
    if held == wished_by(config):
        return config
    site = Retention(**_pair(held.site), on_full="overwrite" if held.overwrite else "stop")
    cameras = [
        camera.model_copy(update={"retention": CameraRetention(**_pair(held.cameras[camera.id]))})
        for camera in config.cameras
    ]
    return config.model_copy(update={"retention": site, "cameras": cameras, "roles": _roles(held.grants)})


def sentence(waiting: Sequence[Loosening]) -> str:
    """What would be done, as the second person reads it."""
    return "; ".join(map(_words, waiting))


def _words(one: Loosening) -> str:
    match one.what:
        case What.OVERWRITE:
            return 'destroy footage below its floor where nothing else makes room (on_full = "overwrite")'
        case What.UNGRANTED:
            return "give root and the account of edged every role (there is no [roles])"
        case What.GRANT:
            return f"give the role {one.role} to group {one.group}"
        case What.REVOKE:
            return f"take the role {one.role} from group {one.group}"
    how, whose = "lower" if one.what is What.FLOOR else "raise", f"camera {one.camera}" if one.camera else "the site"
    held, wished = (units.format_duration(timedelta(seconds=s)) for s in (one.holds_s, one.wished_s))
    return f"{how} the {one.what} of {whose} from {held} to {wished}"


def granted(before: Assignment | None, after: Assignment | None) -> Iterator[str]:
    """What changes of who holds which role, for whoever reloads."""
    if after is None and before is not None:
        yield "root and the account of edged hold every role: there is no [roles]"
    elif before is None and after is not None:
        yield "root and the account of edged are technicians, and nothing else any more"
    had, has = (frozenset() if one is None else _grants(one).pairs for one in (before, after))
    for words, pairs in (("holds the role", has - had), ("holds no more the role", had - has)):
        yield from (f"group {group} {words} {role}" for role, group in sorted(pairs))


def _grants(assignment: Assignment | None) -> Grants:
    if assignment is None:
        return Grants(configured=False)
    return Grants(frozenset((role.value, group) for role, groups in assignment.items() for group in groups))


def _roles(grants: Grants | None) -> Roles | None:
    """What was read from the database was checked when it was first configured."""
    if grants is None or not grants.configured:
        return None
    named = {role.value: [group for one, group in sorted(grants.pairs) if one == role] for role in Role}
    return Roles.model_construct(None, **named)


def _pair(bounds: Bounds) -> dict[str, timedelta]:
    return {"min": timedelta(seconds=bounds.floor_s), "max": timedelta(seconds=bounds.ceiling_s)}
