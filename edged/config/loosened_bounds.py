"""A configuration as bounds, grants and a profile, these as a configuration, and what is loosened in words. Pure.

A key of the centre is granted verbs as a group is granted roles: it counts as a person, so nobody gives himself one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from typing import Final

from edged.config.model import CameraRetentionConfig, Commander, Config, RetentionConfig, Roles
from edged.profiles.loader import PROFILES
from edged.words import units
from edged.words.roles import Role
from storage.retention.bounds import ApprovedLimits, Grants, LoosenedBound, Loosening, loosenings
from storage.words.message import Message, joined, message
from storage.words.model import Bounds

NAMED: Final = 8
"""Bounds that are named in one sentence."""
_SECOND: Final = timedelta(seconds=1)
_COMMANDS: Final = "command "
"""Before a verb: what is granted to a key, beside the roles."""
_KEYED: Final = re.compile(r"(.+) \((\S+), (?:until (\S+)|without an end)\)")
"""What `_key` makes."""


def wished_by(config: Config) -> ApprovedLimits:
    """What a configuration says of retention, roles and profile."""
    default = config.retention
    site = Bounds(default.min // _SECOND, default.max // _SECOND)
    cameras = {camera.id: config.bounds(camera.id) for camera in config.cameras}
    return ApprovedLimits(site, cameras, default.on_full == "overwrite", _grants(config), config.site.profile)


def under(config: Config, held: ApprovedLimits) -> Config:
    """The configuration with these bounds, grants and profile in place of its own.

    A profile that this version does not know cannot be kept to: the configured one stays.
    """
    if held == wished_by(config):
        return config
    profile = held.profile if held.profile is None or held.profile in PROFILES else config.site.profile
    retention = RetentionConfig(**_pair(held.site), on_full="overwrite" if held.overwrite else "stop")
    cameras = [
        camera.model_copy(update={"retention": CameraRetentionConfig(**_pair(held.cameras[camera.id]))})
        for camera in config.cameras
    ]
    commanders = list(_commanders(config, held.grants))
    held_by = {"roles": _roles(held.grants), "commanders": commanders}
    site = config.site.model_copy(update={"profile": profile})
    return config.model_copy(update={"site": site, "retention": retention, "cameras": cameras, **held_by})


def sentence(waiting: Sequence[Loosening]) -> Message:
    """What would be done, as the second person reads it."""
    keyed = [one for one in waiting if one.role.startswith(_COMMANDS)]
    words = [_words(one) for one in waiting if one not in keyed]
    for (what, granted_to), ones in groupby(sorted(keyed, key=_by_key), key=_by_key):
        key = _key_named(granted_to)
        verbs = [one.role.removeprefix(_COMMANDS) for one in ones]
        words.append(
            message("site.key-granted", "let {key} command {verbs}", key=key, verbs=verbs)
            if what is LoosenedBound.GRANT
            else message("site.key-revoked", "no longer let {key} command {verbs}", key=key, verbs=verbs)
        )
    return joined(words)


def _by_key(one: Loosening) -> tuple[LoosenedBound, str]:
    return one.what, one.group


def _key_named(key: str) -> Message:
    """As grants name it, for people."""
    met = _KEYED.fullmatch(key)
    if met is None:
        return Message(key)
    name, line, until = met.groups()
    if until is None:
        return message("site.key-endless", "{name} ({key}, without an end)", name=name, key=line)
    return message("site.key-until", "{name} ({key}, until {day})", name=name, key=line, day=until)


def _words(one: Loosening) -> Message:
    match one.what:
        case LoosenedBound.OVERWRITE:
            return message(
                "site.overwriting",
                'destroy footage below its floor where nothing else makes room (on_full = "overwrite")',
            )
        case LoosenedBound.UNGRANTED:
            return message("site.every-role", "give root and the account of edged every role (there is no [roles])")
        case LoosenedBound.GRANT:
            return message("site.role-granted", "give the role {role} to group {group}", role=one.role, group=one.group)
        case LoosenedBound.REVOKE:
            return message(
                "site.role-revoked", "take the role {role} from group {group}", role=one.role, group=one.group
            )
        case LoosenedBound.PROFILE:
            return _other_profile(one)
        case LoosenedBound.FLOOR | LoosenedBound.CEILING:
            return _other_bound(one)


def _other_bound(one: Loosening) -> Message:
    whose = message("site.of-site", "the site")
    if one.camera:
        whose = message("site.of-camera", "camera {camera}", camera=one.camera)
    old, new = (units.format_duration(timedelta(seconds=s)) for s in (one.holds_s, one.wished_s))
    if one.what is LoosenedBound.FLOOR:
        return message(
            "site.floor-lowered", "lower the floor of {whose} from {old} to {new}", whose=whose, old=old, new=new
        )
    return message(
        "site.ceiling-raised", "raise the ceiling of {whose} from {old} to {new}", whose=whose, old=old, new=new
    )


def _other_profile(one: Loosening) -> Message:
    if not one.wished_profile:
        return message("site.profile-dropped", "go by no regulation any more (profile {profile})", profile=one.profile)
    return message(
        "site.profile-changed",
        "go by another regulation (profile {wished} in place of {profile})",
        profile=one.profile,
        wished=one.wished_profile,
    )


def granted(before: Config, after: Config) -> Iterator[Message]:
    """What changes of who holds which role and which key may what, for whoever reloads."""
    if after.roles is None and before.roles is not None:
        yield message("site.roles-gone", "root and the account of edged hold every role: there is no [roles]")
    elif before.roles is None and after.roles is not None:
        yield message("site.roles-new", "root and the account of edged are technicians, and nothing else any more")
    had, has = (_assigned(one) for one in (before, after))
    for role, group in sorted(has - had):
        yield message("site.holds-role", "group {group} holds the role {role}", group=group, role=role)
    for role, group in sorted(had - has):
        yield message("site.holds-no-role", "group {group} holds no more the role {role}", group=group, role=role)
    had, has = (_commanding(one) for one in (before, after))
    for does, key in sorted(has - had):
        verb = does.removeprefix(_COMMANDS)
        yield message("site.key-may", "{key} may command {verb}", key=_key_named(key), verb=verb)
    for does, key in sorted(had - has):
        verb = does.removeprefix(_COMMANDS)
        yield message("site.key-may-not", "{key} may no more command {verb}", key=_key_named(key), verb=verb)


def tightened(before: Config, after: Config) -> Iterator[Message]:
    """Bounds that hold at once, for whoever reloads: a slip of the pen is not taken back alone."""
    was, now = wished_by(before), wished_by(after)
    both = {camera: bounds for camera, bounds in was.cameras.items() if camera in now.cameras}
    back = [
        one
        for one in loosenings(now, replace(was, cameras=both))
        if one.what in (LoosenedBound.FLOOR, LoosenedBound.CEILING, LoosenedBound.PROFILE)
    ]
    if back:
        what = sentence(back[:NAMED])
        if len(back) > NAMED:
            yield message(
                "site.tightened-more",
                "holds from now on, and it takes two persons to {what} again; and {more} more",
                what=what,
                more=len(back) - NAMED,
            )
        else:
            yield message("site.tightened", "holds from now on, and it takes two persons to {what} again", what=what)


def _grants(config: Config) -> Grants:
    return Grants(configured=False) if config.roles is None else Grants(_assigned(config) | _commanding(config))


def _assigned(config: Config) -> frozenset[tuple[str, str]]:
    return frozenset((role.value, group) for role, groups in (config.assignment() or {}).items() for group in groups)


def _commanding(config: Config) -> frozenset[tuple[str, str]]:
    return frozenset((_COMMANDS + verb, _key(one)) for one in config.commanders for verb in one.verbs)


def _key(commander: Commander) -> str:
    """With its last day: another one is agreed upon anew, whichever way it was moved. This is stored."""
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
