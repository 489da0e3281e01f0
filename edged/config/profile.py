"""What of a configuration falls short of the profile of its office: each clause that is broken, in its own words.

Pure, on the raw tables, like `edged.config.rules`: what cannot be read is skipped, because the model has complained of
it. A profile stands above what a camera says of itself. Where a role, a pin or a picture is left to its default, that
default is what is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import combinations
from typing import Any, Final, TypeGuard

from edged.config.model import Pins
from edged.config.problem import Location
from edged.profiles.loader import PROFILES, Profile, ProfileClause, profile
from edged.words import units

Refuse = Callable[[Location, str, str], None]
"""Where, what, what to write instead."""
Raw = Mapping[str, Any]
Short = tuple[Location, str, str]
"""Where it falls short, how, and what to write instead."""


def refuse(problem: Refuse, raw: Raw, in_force: str | None) -> None:
    """Tell each clause that the configuration breaks: of its own profile, and of the one that a daemon runs under.

    The latter holds until a restart (`edged.api.service.UNTIL_RESTART`), so taking it out of the file loosens nothing.
    """
    named = _table(raw, "site").get("profile")
    for name in dict.fromkeys((named, in_force)):
        if isinstance(name, str) and name in PROFILES:
            chosen = profile(name)
            for clause in chosen.clauses:
                for location, words, instead in _short(clause, raw):
                    problem(location, f"{words}; {cited(chosen, clause)}", instead)
                for location, words, instead in _ceilings(clause.demands.ceiling, raw):
                    problem(location, f"{words}; {_bounding(chosen, clause)}", instead)


def cited(chosen: Profile, clause: ProfileClause) -> str:
    """Office, article, id and the words themselves."""
    return f"{chosen.office}{clause.article}（{clause.id}）：「{'……'.join(clause.words)}」"


def _bounding(chosen: Profile, clause: ProfileClause) -> str:
    """What the ceiling rests on: not always the words of its clause."""
    by = clause.demands.ceiling_by
    return f"{chosen.office}{by}" if by else cited(chosen, clause)


def _short(clause: ProfileClause, raw: Raw) -> Iterator[Short]:
    demands = clause.demands
    if demands.floor is not None:
        yield from _floors(demands.floor, raw)
    if demands.stated:
        yield from _unsaid(raw)
    if demands.on_full:
        yield from _on_full(demands.on_full, raw)
    if demands.pin_default is not None:
        yield from _pins(demands.pin_default, raw)
    if demands.picture is not None:
        yield from _pictures(clause, raw)
    if demands.sound:
        yield from _silenced(raw)
    yield from _without_group(clause, raw)
    yield from _in_both(clause, raw)


def _floors(least: timedelta, raw: Raw) -> Iterator[Short]:
    for location, value in _bounds("min", raw):
        if value < least:
            low = units.format_duration(least)
            words = f"footage would be kept for {units.format_duration(value)}, and it takes at least {low}"
            yield location, words, f'min = "{low}" or more'


def _ceilings(most: timedelta | None, raw: Raw) -> Iterator[Short]:
    for location, value in _bounds("max", raw):
        if most is not None and value > most:
            high = units.format_duration(most)
            words = f"footage would be kept for up to {units.format_duration(value)}, and {high} is the most"
            yield location, words, f'max = "{high}" or less'


def _unsaid(raw: Raw) -> Iterator[Short]:
    table = _table(raw, "retention")
    for key, example in (("min", 'min = "31d"'), ("max", 'max = "365d"')):
        if key not in table:
            words = "is not said, and the text names no period: the office says both"
            yield ("retention", key), words, f"what the office has decided, such as {example}"


def _on_full(allowed: list[str], raw: Raw) -> Iterator[Short]:
    wished = _table(raw, "retention").get("on_full", "stop")
    if wished in ("stop", "overwrite") and wished not in allowed:
        words = f'"{wished}" would destroy footage below its floor'
        yield ("retention", "on_full"), words, f'on_full = "{allowed[0]}", or leave it out'


def _pins(most: timedelta, raw: Raw) -> Iterator[Short]:
    value = _duration(_table(raw, "pins").get("default", _DEFAULT_PIN))
    if value is not None and value > most:
        words = f"a pin would last {units.format_duration(value)} without anybody asking for it"
        yield ("pins", "default"), words, f'default = "{units.format_duration(most)}" or less'


def _pictures(clause: ProfileClause, raw: Raw) -> Iterator[Short]:
    asked = clause.demands.picture
    if asked is None:
        return
    for index, camera in _cameras(raw):
        expect = _table(camera, "expect")
        width, height, fps = (expect.get(key) for key in ("width", "height", "fps"))
        at: Location = ("cameras", index, "expect")
        if _is_number(height) and height < asked.height:
            words = f"a picture of {height} lines would do, and it takes at least {asked.height}"
            yield (*at, "height"), words, f"height = {asked.height} or more"
        if _is_number(width) and _is_number(height) and width * height < asked.pixels:
            words = f"a picture of {width}×{height} = {width * height} pixels would do, and it takes {asked.pixels}"
            yield (*at, "width"), words, "a larger picture, such as width = 1920, height = 1080"
        if _is_number(pixels := expect.get("pixels")) and pixels < asked.pixels:
            words = f"a picture of {pixels} pixels would do, and it takes {asked.pixels}"
            yield (*at, "pixels"), words, f"pixels = {asked.pixels} or more"
        if asked.colour and expect.get("colour") is False:
            yield (
                (*at, "colour"),
                "grey pictures would do by day, and it takes colour",
                "colour = true, or leave it out",
            )
        if _is_number(fps) and fps < asked.fps:
            words = f"{fps:g} images/s would do, and it takes at least {asked.fps:g}"
            yield (*at, "fps"), words, f"fps = {asked.fps:g} or more"


def _silenced(raw: Raw) -> Iterator[Short]:
    for index, camera in _cameras(raw):
        if camera.get("duty_desk") is True and _table(camera, "expect").get("audio") is False:
            words = "no sound is expected of a camera at a duty desk"
            yield ("cameras", index, "expect", "audio"), words, "audio = true, or leave it out"


def _without_group(clause: ProfileClause, raw: Raw) -> Iterator[Short]:
    table = _table(raw, "roles")
    for role in clause.demands.roles:
        if not table.get(role.value):
            example = f'{role.value} = ["cctv-{role.value}"], a group of this box'
            yield ("roles", role.value), f"nobody has the role {role.value}", example


def _in_both(clause: ProfileClause, raw: Raw) -> Iterator[Short]:
    table = _table(raw, "roles")
    for first, second in combinations(clause.demands.apart, 2):
        if both := sorted(_names(table.get(first.value)) & _names(table.get(second.value))):
            words = f"{units.shown(both[0])} also has the role {first.value}, and the two must be different people's"
            yield ("roles", second.value), words, "different groups, with different people"


def _names(groups: Any) -> set[str]:
    return {name for name in groups if isinstance(name, str)} if isinstance(groups, list) else set()


_DEFAULT_PIN: Final = units.format_duration(Pins().default)


def _bounds(key: str, raw: Raw) -> Iterator[tuple[Location, timedelta]]:
    """The site's, and those of cameras that have their own."""
    places: list[tuple[Location, Any]] = [(("retention", key), _table(raw, "retention").get(key))]
    places += [
        (("cameras", index, "retention", key), _table(camera, "retention").get(key)) for index, camera in _cameras(raw)
    ]
    for location, text in places:
        if (value := _duration(text)) is not None:
            yield location, value


def _cameras(raw: Raw) -> Iterator[tuple[int, Raw]]:
    tables = raw.get("cameras")
    if isinstance(tables, list):
        yield from ((index, table) for index, table in enumerate(tables) if isinstance(table, Mapping))


def _table(raw: Raw, key: str) -> Raw:
    table = raw.get(key)
    return table if isinstance(table, Mapping) else {}


def _duration(value: Any) -> timedelta | None:
    try:
        return units.parse_duration(value) if isinstance(value, str) else None
    except units.UnitError:
        return None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
