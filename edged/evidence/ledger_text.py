"""A leaf of the ledger (稽核軌跡) as a sentence: what happened. Pure.

Leaves may come from a later version or from a disk that a stranger had: what is not understood is told by its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from edged.words import units
from edged.words.units import timestamp
from storage.ledger.table import Leaf

Body = Mapping[str, Any]
Openings = Mapping[str, str]

ERASED: Final = "(not known any more)"
"""Where a leaf has a commitment and nobody can open it any more: it was erased, or lost with the database."""
_RULES: Final = {
    "ceiling": "it was past its ceiling",
    "space": "room was needed, and it was past its floor",
    "overwrite": "room was needed and nothing else could go, below its floor",
}
_VOLUMES: Final = {
    "met": "is used from now on",
    "come": "is there",
    "gone": "is not there any more",
    "retired": "takes nothing new any more",
    "restored": "takes footage again",
    "found-again": "turned up again",
    "lost": "is gone for good",
    "noted": "is gone for good, and was struck off",
}
_COPIES: Final = {"begun": "begins", "finished": "is finished", "abandoned": "was abandoned"}


def sentence(kind: str, body: Body, openings: Openings) -> str:
    """One line. `openings`: what stands behind its commitments, as far as it was not erased."""
    try:
        return _WORDS[Leaf(kind)](body, openings)
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{kind}, which this version does not understand"


def _opened(name: str, body: Body, openings: Openings) -> str:
    """A text that the leaf has as a commitment; "" where it has none."""
    return openings.get(name, ERASED) if name in body else ""


def _span(ms: int) -> str:
    return units.approximate_duration(ms / 1000)


def _segment(body: Body, _: Openings) -> str:
    unproven = ", adopted on its own word" if body["unproven"] else ""
    size = units.format_size(body["bytes"])
    return f"{body['camera']}: segment {body['seq']} is recorded ({_span(body['duration_ms'])}, {size}{unproven})"


def _quarantined(body: Body, _: Openings) -> str:
    return f"{body['camera']}: segment {body['seq']} cannot be played and was set aside as {body['name']}"


def _destroyed(body: Body, _: Openings) -> str:
    why = _RULES.get(body.get("rule", ""), "")
    age = f" at an age of {_span(body['age_ms'])}" if "age_ms" in body else ""
    return f"{body['camera']}: segment {body['seq']} was destroyed{age}{f': {why}' if why else ''}"


def _destroyed_before(body: Body, _: Openings) -> str:
    return f"{body['camera']}: {_span(body['duration_ms'])} of footage had been destroyed before there was a ledger"


def _gap(body: Body, _: Openings) -> str:
    cause = body["cause"] + (f" over {body['beneath']}" if body.get("beneath") else "")
    if body.get("gone"):
        return f"{body['camera']}: what was told as a gap ({cause}) is recorded after all"
    if body["end"] is None:
        return f"{body['camera']}: not recorded from then on: {cause}"
    start, end = body["start"], body["end"]
    same = start["boot"] == end["boot"] and end["boottime_ms"] > start["boottime_ms"]
    clock = "boottime_ms" if same else "wall_ms"
    what = "paused" if body.get("inside") else "was not recorded"
    return f"{body['camera']} {what} for {_span(max(0, end[clock] - start[clock]))}: {cause}"


def _pin(body: Body, _: Openings) -> str:
    cameras, length = ", ".join(body["cameras"]), _span(body["to"] - body["from"])
    strange = ", not signed by this box" if body.get("signed") is False else ""
    return f"pin {body['pin']} {body['what']}{strange}: {length} of {cameras} ({body['ground']}), {body['state']}"


def _volume(body: Body, _: Openings) -> str:
    event = "noted" if body.get("noted") else body["event"]
    return f"volume {body['volume']} at {body['path']} {_VOLUMES.get(event, event)}"


def _bounds(body: Body, _: Openings) -> str:
    if body["floor_s"] is None:
        return f"{body['camera']} is not configured any more"
    floor, ceiling = _span(body["floor_s"] * 1000), _span(body["ceiling_s"] * 1000)
    return f"{body['camera']}: floor {floor}, ceiling {ceiling} from now on"


def _overwriting(body: Body, _: Openings) -> str:
    return f'on_full = "{"overwrite" if body["on"] else "stop"}" from now on'


def _agreed(body: Body, _: Openings) -> str:
    bounds = f"bounds are agreed upon, of {units.counted(len(body['cameras']), 'camera')} of its own"
    return f"{bounds}; {_roles(body['roles'])}" if "roles" in body else bounds


def _roles(groups: Mapping[str, list[str]] | None) -> str:
    if groups is None:
        return "there are no roles, and root may do all"
    return "roles: " + ", ".join(f"{role}: {' '.join(named)}" for role, named in groups.items())


def _boot(body: Body, _: Openings) -> str:
    return f"boot {body['boot']} begins"


def _run(body: Body, _: Openings) -> str:
    return f"edged {'stops in order' if body['end'] else 'starts'} (run {body['run']}, boot {body['boot']})"


def _clock(body: Body, _: Openings) -> str:
    match body["what"]:
        case "step":
            return f"the wall clock was stepped by {body['by_ms'] / 1000:+.3f} s"
        case "credit":
            high = "" if body["off_high_ms"] is None else f", at most {_span(body['off_high_ms'])}"
            low = f"at least {_span(body['off_low_ms'])}"
            return f"before boot {body['boot']} the box was off for {low}{high} ({body['word']})"
        case "attested":
            return f"two persons attest that before boot {body['boot']} the box was off for {_span(body['off_ms'])}"
        case "corrected":
            return f"what was recorded in clock epoch {body['epoch']} is found by its true time from now on"
        case other:
            return f"clock: {other}"


def _finding(body: Body, _: Openings) -> str:
    return f"{body['path']} on volume {body['volume']}: {body['kind']}, {body['state']}"


def _rebuilt(body: Body, _: Openings) -> str:
    return f"the database was begun anew: {body['reason']}"


def _generation(body: Body, openings: Openings) -> str:
    previous, who, why = body["previous"], _opened("who", body, openings), _opened("why", body, openings)
    after = f", after {previous['size']} leaves of {previous['origin']}" if previous else ""
    by = f" by {who}, because: {why}" if who else f": {body['reason']}"
    against = body.get("contradicted")
    held = f"; the centre held {against['size']} leaves of {against['origin']} that are not here" if against else ""
    key = "" if body["key"] else "; there is no key to sign it with"
    return f"generation {body['origin']} of the ledger begins{after}{by}{held}{key}"


def _act(body: Body, openings: Openings) -> str:
    who, count = _opened("who", body, openings) or "somebody", body.get("count")
    more = f", {units.counted(count, 'call')}" if count else ""
    of = f": nothing came of leaf {body['of']}" if "of" in body else ""
    ids = [str(body[name]) for name in sorted(body) if name not in _OF_ACTS and isinstance(body[name], str)]
    ids += [
        *body.get("cameras", ()),
        *(f"{name.replace('_', ' ')} {timestamp(body[name])}" for name in _TIMES if name in body),
    ]
    named = f" ({', '.join(ids)})" if ids else ""
    verb, result = body["verb"], body["result"]
    if verb.startswith("command ") and result == "done":
        result = "taken"  # what became of it is told by the event, and by a leaf if nothing did
    return f"{who} as {body['role']}: {verb}{named} {result}{of}{more}"


_OF_ACTS: Final = frozenset({"verb", "result", "role", "who", "why", "reason", "case", "request", "count", "of"})
"""Fields of an act that are no ids."""
_TIMES: Final = ("from", "to", "recorded_from", "recorded_to")


def _holder(body: Body, openings: Openings) -> str:
    held = " and ".join(body["roles"]) or "no role any more"
    return f"account {body['account']}, {_opened('who', body, openings)}, holds {held} by its groups"


def _copy(body: Body, openings: Openings) -> str:
    who, why = _opened("who", body, openings), _opened("reason", body, openings)
    by = f" by {who}" if who else ""
    because = f", because: {why}" if why else ""
    event, footage = _COPIES.get(body["event"], body["event"]), _span(body["to"] - body["from"])
    return f"export {body['export']} {event}{by}: {footage} of {', '.join(body['cameras'])}{because}"


def _maintenance(body: Body, openings: Openings) -> str:
    what = ", ".join(body["cameras"]) or "the whole box"
    who, why, company = (_opened(name, body, openings) for name in ("who", "reason", "with"))
    match body["event"]:
        case "begun":
            with_whom = f", with {company}" if company else ""
            because = f", because: {why}" if why else ""
            return (
                f"maintenance {body['maintenance']} of {what} is announced by {who or 'somebody'}{with_whom},"
                f" for {_span(body['span_ms'])} at the most{because}"
            )
        case "ended":
            return f"maintenance {body['maintenance']} of {what} was ended by {who or 'somebody'}"
        case "lapsed":
            return f"maintenance {body['maintenance']} of {what} is over, because its time was"
        case other:
            return f"maintenance {body['maintenance']}: {other}"


def _fault(body: Body, openings: Openings) -> str:
    who, to, note = (_opened(name, body, openings) for name in ("who", "to", "note"))
    what = _FAULTS.get(body["what"], body["what"])
    whom = f" to {to}" if to else ""
    by = f" by {who}" if who else ""
    about = body["key"] or body["camera"] or body["volume"] or "the box"
    return f"fault {body['fault']} ({about}) {what}{whom}{by}{f': {note}' if note else ''}"


_FAULTS: Final = {
    "found": "is found",
    "again": "is back",
    "joined": "shows in another way",
    "over": "is seen no more, and waits to be closed",
    "reported": "is reported",
    "repaired": "is repaired",
    "checked": "is checked, and closed",
}
_WORDS: Final[Mapping[Leaf, Callable[[Body, Openings], str]]] = {
    Leaf.SEGMENT: _segment,
    Leaf.DESTROYED: _destroyed,
    Leaf.QUARANTINED: _quarantined,
    Leaf.SPAN: _destroyed_before,
    Leaf.GAP: _gap,
    Leaf.PIN: _pin,
    Leaf.VOLUME: _volume,
    Leaf.BOUNDS: _bounds,
    Leaf.OVERWRITING: _overwriting,
    Leaf.AGREED: _agreed,
    Leaf.BOOT: _boot,
    Leaf.RUN: _run,
    Leaf.CLOCK: _clock,
    Leaf.FINDING: _finding,
    Leaf.REBUILT: _rebuilt,
    Leaf.GENERATION: _generation,
    Leaf.ACT: _act,
    Leaf.HOLDER: _holder,
    Leaf.COPY: _copy,
    Leaf.MAINTENANCE: _maintenance,
    Leaf.FAULT: _fault,
}
