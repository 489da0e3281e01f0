"""A configuration as bounds and grants, these as a configuration, and what would be loosened in words. Pure.

A key of the centre is granted verbs as a group is granted roles: it counts as a person, so nobody gives himself one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from typing import Final

from edged.config.model import CameraRetentionConfig, Commander, Config, RetentionConfig, Roles
from edged.words import units
from edged.words.roles import Role
from storage.retention.bounds import ApprovedLimits, Grants, LoosenedBound, Loosening, loosenings
from storage.words.model import Bounds

NAMED: Final = 8
"""Bounds that are named in one sentence."""
_SECOND: Final = timedelta(seconds=1)
_COMMANDS: Final = "command "
"""Before a verb: what is granted to a key, beside the roles."""


def wished_by(config: Config) -> ApprovedLimits:
    """What a configuration says of retention and roles."""
    default = config.retention
    site = Bounds(default.min // _SECOND, default.max // _SECOND)
    cameras = {camera.id: config.bounds(camera.id) for camera in config.cameras}
    return ApprovedLimits(site, cameras, default.on_full == "overwrite", _grants(config))


def under(config: Config, held: ApprovedLimits) -> Config:
    """The configuration with these bounds and grants in place of its own."""
    if held == wished_by(config):
        return config
    site = RetentionConfig(**_pair(held.site), on_full="overwrite" if held.overwrite else "stop")
    cameras = [
        camera.model_copy(update={"retention": CameraRetentionConfig(**_pair(held.cameras[camera.id]))})
        for camera in config.cameras
    ]
    commanders = list(_commanders(config, held.grants))
    held_by = {"roles": _roles(held.grants), "commanders": commanders}
    return config.model_copy(update={"retention": site, "cameras": cameras, **held_by})


def sentence(waiting: Sequence[Loosening]) -> str:
    """What would be done, as the second person reads it."""
    keyed = [one for one in waiting if one.role.startswith(_COMMANDS)]
    words = [_words(one) for one in waiting if one not in keyed]
    for (what, key), ones in groupby(sorted(keyed, key=_by_key), key=_by_key):
        verbs = ", ".join(one.role.removeprefix(_COMMANDS) for one in ones)
        words.append(
            f"let {key} command {verbs}" if what is LoosenedBound.GRANT else f"no longer let {key} command {verbs}"
        )
    return "; ".join(words)


def _by_key(one: Loosening) -> tuple[LoosenedBound, str]:
    return one.what, one.group


def _words(one: Loosening) -> str:
    match one.what:
        case LoosenedBound.OVERWRITE:
            return 'destroy footage below its floor where nothing else makes room (on_full = "overwrite")'
        case LoosenedBound.UNGRANTED:
            return "give root and the account of edged every role (there is no [roles])"
        case LoosenedBound.GRANT:
            return f"give the role {one.role} to group {one.group}"
        case LoosenedBound.REVOKE:
            return f"take the role {one.role} from group {one.group}"
    how, whose = (
        "lower" if one.what is LoosenedBound.FLOOR else "raise",
        f"camera {one.camera}" if one.camera else "the site",
    )
    held, wished = (units.format_duration(timedelta(seconds=s)) for s in (one.holds_s, one.wished_s))
    return f"{how} the {one.what} of {whose} from {held} to {wished}"


def granted(before: Config, after: Config) -> Iterator[str]:
    """What changes of who holds which role and which key may what, for whoever reloads."""
    if after.roles is None and before.roles is not None:
        yield "root and the account of edged hold every role: there is no [roles]"
    elif before.roles is None and after.roles is not None:
        yield "root and the account of edged are technicians, and nothing else any more"
    had, has = (_assigned(one) for one in (before, after))
    for words, pairs in (("holds the role", has - had), ("holds no more the role", had - has)):
        yield from (f"group {group} {words} {role}" for role, group in sorted(pairs))
    had, has = (_commanding(one) for one in (before, after))
    for words, pairs in (("may", has - had), ("may no more", had - has)):
        yield from (f"{key} {words} {does}" for does, key in sorted(pairs))


def tightened(before: Config, after: Config) -> Iterator[str]:
    """Bounds that hold at once, for whoever reloads: a slip of the pen is not taken back alone."""
    was, now = wished_by(before), wished_by(after)
    both = {camera: bounds for camera, bounds in was.cameras.items() if camera in now.cameras}
    back = [
        one
        for one in loosenings(now, replace(was, cameras=both))
        if one.what in (LoosenedBound.FLOOR, LoosenedBound.CEILING)
    ]
    if back:
        more = f"; and {len(back) - NAMED} more" if len(back) > NAMED else ""
        yield f"holds from now on, and it takes two persons to {sentence(back[:NAMED])} again{more}"


def _grants(config: Config) -> Grants:
    return Grants(configured=False) if config.roles is None else Grants(_assigned(config) | _commanding(config))


def _assigned(config: Config) -> frozenset[tuple[str, str]]:
    return frozenset((role.value, group) for role, groups in (config.assignment() or {}).items() for group in groups)


def _commanding(config: Config) -> frozenset[tuple[str, str]]:
    return frozenset((_COMMANDS + verb, _key(one)) for one in config.commanders for verb in one.verbs)


def _key(commander: Commander) -> str:
    """With its last day: another one is agreed upon anew, whichever way it was moved."""
    until = f"until {commander.until}" if commander.until else "without an end"
    return f"{commander.name} ({commander.key}, {until})"


def _commanders(config: Config, grants: Grants) -> Iterator[Commander]:
    """Those that hold something, with what they hold; all of them where no roles are held either."""
    for commander in config.commanders:
        if not grants.configured:
            yield commander
        elif verbs := [verb for verb in commander.verbs if (_COMMANDS + verb, _key(commander)) in grants.pairs]:
            yield commander.model_copy(update={"verbs": verbs})


def _roles(grants: Grants) -> Roles | None:
    """What was read from the database was checked when it was first configured."""
    if not grants.configured:
        return None
    named = {role.value: [group for one, group in sorted(grants.pairs) if one == role] for role in Role}
    return Roles.model_construct(None, **named)


def _pair(bounds: Bounds) -> dict[str, timedelta]:
    return {"min": timedelta(seconds=bounds.floor_s), "max": timedelta(seconds=bounds.ceiling_s)}
