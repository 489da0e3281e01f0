"""A leaf of the ledger (稽核軌跡) as a sentence: what happened. Pure.

Leaves may come from a later version or from a disk that a stranger had: what is not understood is told by its kind.
What a leaf holds as a word of its own (a cause, a ground, a state) is a message where it is known, else as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, Final

from edged.words.catalogue import person_on_record
from edged.words.roles import NAMES
from edged.words.units import timestamp
from storage.ledger.table import Leaf
from storage.pins.rules import Ground, PinState
from storage.words.message import NOTHING, Message, message
from storage.words.model import GAP_CAUSES

Body = Mapping[str, Any]
Openings = Mapping[str, str]

ERASED: Final = message("leaf.erased", "(not known any more)")
"""Where a leaf has a commitment and nobody can open it any more: it was erased, or lost with the database."""
_SOMEBODY: Final = message("leaf.somebody", "somebody")
_BOX: Final = message("leaf.box", "the box")
_RULES: Final = {
    "ceiling": message("leaf.rule.ceiling", "it was past its ceiling"),
    "space": message("leaf.rule.space", "room was needed, and it was past its floor"),
    "overwrite": message("leaf.rule.overwrite", "room was needed and nothing else could go, below its floor"),
}
_CAUSES: Final[Mapping[str, Message]] = {cause: Message(cause.value, told.code) for cause, told in GAP_CAUSES.items()}
"""In English the word that stands in the leaf."""
_GROUNDS: Final[Mapping[str, Message]] = {
    Ground.LAW: message("leaf.ground.law", "law"),
    Ground.INVESTIGATION: message("leaf.ground.investigation", "investigation"),
    Ground.INTERNAL: message("leaf.ground.internal", "internal"),
}
_PIN_STATES: Final[Mapping[str, Message]] = {
    PinState.PROVISIONAL: message("leaf.pin-state.provisional", "provisional"),
    PinState.APPROVED: message("leaf.pin-state.approved", "approved"),
    PinState.RELEASED: message("leaf.pin-state.released", "released"),
    PinState.LAPSED: message("leaf.pin-state.lapsed", "lapsed"),
}
_PINS: Final = {
    "placed": message("leaf.pin.placed", "placed"),
    "adopted": message("leaf.pin.adopted", "adopted"),
    "approved": message("leaf.pin.approved", "approved"),
    "extended": message("leaf.pin.extended", "extended"),
    "released": message("leaf.pin.released", "released"),
    "lapsed": message("leaf.pin.lapsed", "lapsed"),
}
_VOLUMES: Final = {
    "met": message("leaf.volume.met", "is used from now on"),
    "come": message("leaf.volume.come", "is there"),
    "gone": message("leaf.volume.gone", "is not there any more"),
    "retired": message("leaf.volume.retired", "takes nothing new any more"),
    "restored": message("leaf.volume.restored", "takes footage again"),
    "found-again": message("leaf.volume.found-again", "turned up again"),
    "lost": message("leaf.volume.lost", "is gone for good"),
    "noted": message("leaf.volume.noted", "is gone for good, and was struck off"),
}
_OFF_TIMES: Final = {
    "unproven": message("leaf.off-time.unproven", "unproven"),
    "sync": message("leaf.off-time.sync", "sync"),
    "sync+rtc": message("leaf.off-time.sync-rtc", "sync+rtc"),
    "attested": message("leaf.off-time.attested", "attested"),
}
_FINDINGS: Final = {
    "missing": message("leaf.finding.missing", "missing"),
    "size": message("leaf.finding.size", "size"),
    "content": message("leaf.finding.content", "content"),
    "parts": message("leaf.finding.parts", "parts"),
    "appeared": message("leaf.finding.appeared", "appeared"),
    "strange": message("leaf.finding.strange", "strange"),
    "mode": message("leaf.finding.mode", "mode"),
    "link": message("leaf.finding.link", "link"),
    "unreadable": message("leaf.finding.unreadable", "unreadable"),
}
_FINDING_STATES: Final = {
    "differs": message("leaf.finding-state.differs", "differs"),
    "agrees": message("leaf.finding-state.agrees", "agrees"),
    "destroyed": message("leaf.finding-state.destroyed", "destroyed"),
}
_RESULTS: Final = {
    "done": message("leaf.result.done", "done"),
    "asked": message("leaf.result.asked", "asked"),
    "approved": message("leaf.result.approved", "approved"),
    "refused": message("leaf.result.refused", "refused"),
    "failed": message("leaf.result.failed", "failed"),
    "taken": message("leaf.result.taken", "taken"),
}
_COPIES: Final = {
    "begun": message("leaf.copy.begun", "begins"),
    "finished": message("leaf.copy.finished", "is finished"),
    "abandoned": message("leaf.copy.abandoned", "was abandoned"),
}
_VIEWING_COPIES: Final = {
    "begun": message("leaf.copy.begun", "begins"),
    "finished": message("leaf.viewing-copy.finished", "is laid out"),
    "abandoned": message("leaf.copy.abandoned", "was abandoned"),
    "destroyed": message("leaf.viewing-copy.destroyed", "is destroyed"),
}
_FAULTS: Final = {
    "found": message("leaf.fault.found", "is found"),
    "again": message("leaf.fault.again", "is back"),
    "joined": message("leaf.fault.joined", "shows in another way"),
    "over": message("leaf.fault.over", "is seen no more, and waits to be closed"),
    "reported": message("leaf.fault.reported", "is reported"),
    "repaired": message("leaf.fault.repaired", "is repaired"),
    "checked": message("leaf.fault.checked", "is checked, and closed"),
}

_ROLES: Final[Mapping[str, Message]] = {
    **{role: words.name for role, words in NAMES.items()},
    "post": message("leaf.act.by-post", "one with a part in the request"),
}


def sentence(kind: str, body: Body, openings: Openings) -> Message:
    """One line. `openings`: what stands behind its commitments, as far as it was not erased."""
    try:
        return _WORDS[Leaf(kind)](body, openings)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return message("leaf.not-understood", "{kind}, which this version does not understand", kind=kind)


def _opened(name: str, body: Body, openings: Openings) -> str:
    """A text that the leaf has as a commitment; "" where it has none."""
    return openings.get(name, ERASED) if name in body else ""


def _word(known: Mapping[str, Message], word: Any) -> str:
    return known.get(word, str(word))


def _names(body: Body, field: str) -> list[str]:
    """A list as the leaf has it. TypeError where it is none."""
    found = body[field]
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise TypeError(field)
    return found


def _seconds(ms: float) -> float:
    return ms / 1000


def _segment(body: Body, _: Openings) -> Message:
    return message(
        "leaf.segment",
        "{camera}: segment {seq} is recorded ({duration_s}, {size_bytes}{unproven})",
        camera=str(body["camera"]),
        seq=str(body["seq"]),
        duration_s=_seconds(body["duration_ms"]),
        size_bytes=float(body["bytes"]),
        unproven=message("leaf.segment.unproven", ", adopted on its own word") if body["unproven"] else NOTHING,
    )


def _quarantined(body: Body, _: Openings) -> Message:
    return message(
        "leaf.quarantined",
        "{camera}: segment {seq} cannot be played and was set aside as {name}",
        camera=str(body["camera"]),
        seq=str(body["seq"]),
        name=str(body["name"]),
    )


def _destroyed(body: Body, _: Openings) -> Message:
    why = _RULES.get(body.get("rule", ""), NOTHING)
    return message(
        "leaf.destroyed",
        "{camera}: segment {seq} was destroyed{age}{why}",
        camera=str(body["camera"]),
        seq=str(body["seq"]),
        age=message("leaf.destroyed.age", " at an age of {age_s}", age_s=_seconds(body["age_ms"]))
        if "age_ms" in body
        else NOTHING,
        why=message("leaf.because-of", ": {reason}", reason=why) if why else NOTHING,
    )


def _destroyed_before(body: Body, _: Openings) -> Message:
    return message(
        "leaf.span",
        "{camera}: {duration_s} of footage had been destroyed before there was a ledger",
        camera=str(body["camera"]),
        duration_s=_seconds(body["duration_ms"]),
    )


def _gap(body: Body, _: Openings) -> Message:
    camera, cause = str(body["camera"]), _word(_CAUSES, body["cause"])
    if body.get("beneath"):
        beneath = _word(_CAUSES, body["beneath"])
        cause = message("leaf.gap.beneath", "{cause} over {beneath}", cause=cause, beneath=beneath)
    if body.get("gone"):
        return message(
            "leaf.gap.withdrawn",
            "{camera}: what was told as a gap ({cause}) is recorded after all",
            camera=camera,
            cause=cause,
        )
    if body["end"] is None:
        return message("leaf.gap.open", "{camera}: not recorded from then on: {cause}", camera=camera, cause=cause)
    start, end = body["start"], body["end"]
    same = start["boot"] == end["boot"] and end["boottime_ms"] > start["boottime_ms"]
    clock = "boottime_ms" if same else "wall_ms"
    lost_s = _seconds(max(0, end[clock] - start[clock]))
    if body.get("inside"):
        return message(
            "leaf.gap.pause", "{camera} paused for {lost_s}: {cause}", camera=camera, lost_s=lost_s, cause=cause
        )
    return message(
        "leaf.gap", "{camera} was not recorded for {lost_s}: {cause}", camera=camera, lost_s=lost_s, cause=cause
    )


def _pin(body: Body, _: Openings) -> Message:
    return message(
        "leaf.pin",
        "pin {pin} {what}{strange}: {duration_s} of {cameras} ({ground}), {state}",
        pin=str(body["pin"]),
        what=_word(_PINS, body["what"]),
        strange=message("leaf.pin.strange", ", not signed by this box") if body.get("signed") is False else NOTHING,
        duration_s=_seconds(body["to"] - body["from"]),
        cameras=_names(body, "cameras"),
        ground=_word(_GROUNDS, body["ground"]),
        state=_word(_PIN_STATES, body["state"]),
    )


def _volume(body: Body, _: Openings) -> Message:
    return message(
        "leaf.volume",
        "volume {volume} at {path} {event}",
        volume=str(body["volume"]),
        path=str(body["path"]),
        event=_word(_VOLUMES, "noted" if body.get("noted") else body["event"]),
    )


def _bounds(body: Body, _: Openings) -> Message:
    if body["floor_s"] is None:
        return message("leaf.bounds.gone", "{camera} is not configured any more", camera=str(body["camera"]))
    return message(
        "leaf.bounds",
        "{camera}: floor {floor_s}, ceiling {ceiling_s} from now on",
        camera=str(body["camera"]),
        floor_s=float(body["floor_s"]),
        ceiling_s=float(body["ceiling_s"]),
    )


def _overwriting(body: Body, _: Openings) -> Message:
    if body["on"]:
        return message("leaf.overwriting.overwrite", 'on_full = "overwrite" from now on')
    return message("leaf.overwriting.stop", 'on_full = "stop" from now on')


def _agreed(body: Body, _: Openings) -> Message:
    count = len(body["cameras"])
    if count == 1:
        bounds = message("leaf.agreed.one", "bounds are agreed upon, of 1 camera of its own")
    else:
        bounds = message("leaf.agreed.many", "bounds are agreed upon, of {count} cameras of its own", count=count)
    if "roles" not in body:
        return bounds
    told = message("leaf.agreed.with-roles", "{bounds}; {roles}", bounds=bounds, roles=_roles(body["roles"]))
    if "profile" not in body:
        return told
    return message("leaf.agreed.with-profile", "{agreed}; profile: {profile}", agreed=told, profile=body["profile"])


def _roles(groups: Mapping[str, list[str]] | None) -> Message:
    if groups is None:
        return message("leaf.agreed.no-roles", "there are no roles, and root may do all")
    given = [f"{role}: {' '.join(named)}" for role, named in groups.items()]
    return message("leaf.agreed.roles", "roles: {groups}", groups=given)


def _boot(body: Body, _: Openings) -> Message:
    return message("leaf.boot", "boot {boot} begins", boot=str(body["boot"]))


def _run(body: Body, _: Openings) -> Message:
    run, boot = str(body["run"]), str(body["boot"])
    if body["end"]:
        return message("leaf.run.end", "edged stops in order (run {run}, boot {boot})", run=run, boot=boot)
    return message("leaf.run", "edged starts (run {run}, boot {boot})", run=run, boot=boot)


def _clock(body: Body, _: Openings) -> Message:
    match body["what"]:
        case "step":
            return message(
                "leaf.clock.step", "the wall clock was stepped by {by} s", by=f"{_seconds(body['by_ms']):+.3f}"
            )
        case "credit":
            high = body["off_high_ms"]
            return message(
                "leaf.clock.credit",
                "before boot {boot} the box was off for at least {low_s}{high} ({word})",
                boot=str(body["boot"]),
                low_s=_seconds(body["off_low_ms"]),
                high=NOTHING
                if high is None
                else message("leaf.clock.at-most", ", at most {high_s}", high_s=_seconds(high)),
                word=_word(_OFF_TIMES, body["word"]),
            )
        case "attested":
            return message(
                "leaf.clock.attested",
                "two persons attest that before boot {boot} the box was off for {off_s}",
                boot=str(body["boot"]),
                off_s=_seconds(body["off_ms"]),
            )
        case "corrected":
            return message(
                "leaf.clock.corrected",
                "what was recorded in clock epoch {epoch} is found by its true time from now on",
                epoch=str(body["epoch"]),
            )
        case "began":
            return message("leaf.clock.began", "clock epoch {epoch} began", epoch=str(body["epoch"]))
        case other:
            return message("leaf.clock", "clock: {what}", what=str(other))


def _finding(body: Body, _: Openings) -> Message:
    return message(
        "leaf.finding",
        "{path} on volume {volume}: {kind}, {state}",
        path=str(body["path"]),
        volume=str(body["volume"]),
        kind=_word(_FINDINGS, body["kind"]),
        state=_word(_FINDING_STATES, body["state"]),
    )


_REASONS: Final[Mapping[Any, Message]] = {
    "this box begins its ledger": message("leaf.reason.first", "this box begins its ledger"),
}
"""Why a generation began, where the leaf has it in words."""


def _rebuilt(body: Body, _: Openings) -> Message:
    return message("leaf.rebuilt", "the database was begun anew: {reason}", reason=str(body["reason"]))


def _generation(body: Body, openings: Openings) -> Message:
    previous, who, why = body["previous"], _person(body, openings), _opened("why", body, openings)
    against = body.get("contradicted")
    return message(
        "leaf.generation",
        "generation {origin} of the ledger begins{after}{reason}{held}{key}",
        origin=str(body["origin"]),
        after=message(
            "leaf.generation.after",
            ", after {size} leaves of {origin}",
            size=str(previous["size"]),
            origin=str(previous["origin"]),
        )
        if previous
        else NOTHING,
        reason=message("leaf.generation.by", " by {who}, because: {why}", who=who, why=why)
        if who
        else message("leaf.because-of", ": {reason}", reason=_REASONS.get(body["reason"], str(body["reason"]))),
        held=message(
            "leaf.generation.contradicted",
            "; the centre held {size} leaves of {origin} that are not here",
            size=str(against["size"]),
            origin=str(against["origin"]),
        )
        if against
        else NOTHING,
        key=NOTHING if body["key"] else message("leaf.generation.no-key", "; there is no key to sign it with"),
    )


def _act(body: Body, openings: Openings) -> Message:
    verb, result, count = str(body["verb"]), body["result"], body.get("count")
    if verb.startswith("command ") and result == "done":
        result = "taken"  # what became of it is told by the event, and by a leaf if nothing did
    ids: list[str] = [str(body[name]) for name in sorted(body) if name not in _OF_ACTS and isinstance(body[name], str)]
    ids += body.get("cameras", ())
    ids += [time(timestamp(body[name])) for name, time in _TIMES.items() if name in body]
    if "companion" in body:
        ids.append(message("leaf.act.companion", "in company of person {person}", person=str(body["companion"])))
    told = message(
        "leaf.act",
        "{who} as {role}: {verb}{about} {result}{of}{calls}",
        who=_person(body, openings) or _SOMEBODY,
        role=_word(_ROLES, body["role"]),
        verb=verb,
        about=message("leaf.act.about", " ({ids})", ids=ids) if ids else NOTHING,
        result=_word(_RESULTS, result),
        of=message("leaf.act.of", ": nothing came of leaf {leaf}", leaf=str(body["of"])) if "of" in body else NOTHING,
        calls=_calls(count) if count else NOTHING,
    )
    because = _because(_opened("reason", body, openings))
    return message("leaf.act.reason", "{act}{because}", act=told, because=because) if because else told


def _calls(count: int) -> Message:
    if count == 1:
        return message("leaf.act.calls.one", ", 1 call")
    return message("leaf.act.calls.many", ", {count} calls", count=str(count))


_OF_ACTS: Final = frozenset({"verb", "result", "role", "who", "why", "reason", "case", "request", "count", "of"})
"""Fields of an act that are no ids."""
_TIMES: Final[Mapping[str, Callable[[str], Message]]] = {
    "from": lambda at: message("leaf.act.from", "from {begin_at}", begin_at=at),
    "to": lambda at: message("leaf.act.to", "to {end_at}", end_at=at),
    "recorded_from": lambda at: message("leaf.act.recorded-from", "recorded from {begin_at}", begin_at=at),
    "recorded_to": lambda at: message("leaf.act.recorded-to", "recorded to {end_at}", end_at=at),
}


def _holder(body: Body, openings: Openings) -> Message:
    account, who = str(body["account"]), _person(body, openings)
    held: Sequence[str] = [_word(_ROLES, role) for role in _names(body, "roles")]
    if not held:
        return message(
            "leaf.holder.none",
            "account {account}, {who}, holds no role any more by its groups",
            account=account,
            who=who,
        )
    return message(
        "leaf.holder",
        "account {account}, {who}, holds {roles} by its groups",
        account=account,
        who=who,
        roles=reduce(_and, held),
    )


def _and(one: str, other: str) -> str:
    return message("leaf.and", "{one} and {other}", one=one, other=other)


def _copy(body: Body, openings: Openings) -> Message:
    request = str(body.get("office_request", ""))
    by_request = message("leaf.copy.request", " by request {number}", number=request) if request else NOTHING
    if body.get("viewing") is True:
        return message(
            "leaf.viewing-copy",
            "viewing copy {export}{request} {event}: {duration_s} of {cameras}",
            export=str(body["export"]),
            request=by_request,
            event=_word(_VIEWING_COPIES, body["event"]),
            duration_s=_seconds(body["to"] - body["from"]),
            cameras=_names(body, "cameras"),
        )
    return message(
        "leaf.copy",
        "export {export}{request} {event}{by}: {duration_s} of {cameras}{because}",
        export=str(body["export"]),
        request=by_request,
        event=_word(_COPIES, body["event"]),
        by=_by(_person(body, openings)),
        duration_s=_seconds(body["to"] - body["from"]),
        cameras=_names(body, "cameras"),
        because=_because(_opened("reason", body, openings)),
    )


def _person(body: Body, openings: Openings) -> Message:
    """NOTHING where the commitment cannot be opened."""
    return person_on_record(_opened("who", body, openings) or "")


def _by(who: str) -> Message:
    return message("leaf.by", " by {who}", who=who) if who else NOTHING


def _because(why: str) -> Message:
    return message("leaf.because", ", because: {why}", why=why) if why else NOTHING


def _maintenance(body: Body, openings: Openings) -> Message:
    maintenance, cameras = str(body["maintenance"]), _names(body, "cameras")
    what = message("list", "{names}", names=cameras) if cameras else message("leaf.maintenance.box", "the whole box")
    who, why, company = _person(body, openings), *(_opened(name, body, openings) for name in ("reason", "with"))
    match body["event"]:
        case "begun":
            return message(
                "leaf.maintenance.begun",
                "maintenance {maintenance} of {what} is announced by {who}{company}, for {span_s} at the most{because}",
                maintenance=maintenance,
                what=what,
                who=who or _SOMEBODY,
                company=message("leaf.maintenance.with", ", with {company}", company=company) if company else NOTHING,
                span_s=_seconds(body["span_ms"]),
                because=_because(why),
            )
        case "ended":
            return message(
                "leaf.maintenance.ended",
                "maintenance {maintenance} of {what} was ended by {who}",
                maintenance=maintenance,
                what=what,
                who=who or _SOMEBODY,
            )
        case "lapsed":
            return message(
                "leaf.maintenance.lapsed",
                "maintenance {maintenance} of {what} is over, because its time was",
                maintenance=maintenance,
                what=what,
            )
        case other:
            return message(
                "leaf.maintenance", "maintenance {maintenance}: {event}", maintenance=maintenance, event=str(other)
            )


def _fault(body: Body, openings: Openings) -> Message:
    who, to, note = _person(body, openings), *(_opened(name, body, openings) for name in ("to", "note"))
    return message(
        "leaf.fault",
        "fault {fault} ({about}) {what}{to}{by}{note}",
        fault=str(body["fault"]),
        about=str(body["key"] or body["camera"] or body["volume"] or "") or _BOX,
        what=_word(_FAULTS, body["what"]),
        to=message("leaf.fault.to", " to {whom}", whom=to) if to else NOTHING,
        by=_by(who),
        note=message("leaf.because-of", ": {reason}", reason=note) if note else NOTHING,
    )


def _office(body: Body, openings: Openings) -> Message:
    if body["what"] == "opened":
        return message("leaf.office.opened", "from now on footage is shown and handed out by granted requests only")
    if body["what"] == "finding-closed":
        return message(
            "leaf.office.finding-closed",
            "finding {finding} is closed by an auditor{because}",
            finding=f"{body['clause']}-{body['about']}",
            because=_because(_opened("reason", body, openings)),
        )
    if body["what"] in _LEAKS:
        return message(
            "leaf.office.leak",
            "leak case {leak}: {what}{letter}",
            leak=str(body["leak"]),
            what=_LEAKS[body["what"]].get(str(body["story"].get("to", "")), NOTHING),
            letter=message("leaf.office.letter", ", by document {letter}", letter=str(letter))
            if (letter := body["story"].get("letter"))
            else NOTHING,
        )
    if body["what"] == "erased":
        return message("leaf.office.erased", "request {number}: its persons are erased", number=str(body["number"]))
    if body["what"] == "received":
        return message(
            "leaf.office.received",
            "request {number} ({row}) is received",
            number=str(body["number"]),
            row=str(body["row"]),
        )
    act = str(body["story"]["act"])
    return message(
        "leaf.office", "request {number}: {what}", number=str(body["number"]), what=_REQUEST_ACTS.get(act, act)
    )


def _person_step(body: Body, _: Openings) -> Message:
    return message(
        "leaf.person",
        "person {person}: {what}{post}",
        person=str(body["person"]),
        what=_PERSON_STEPS.get(str(body["what"]), str(body["what"])),
        post=message("leaf.person.post", " ({post})", post=str(body["post"])) if body.get("post") else NOTHING,
    )


_PERSON_STEPS: Final[Mapping[str, Message]] = {
    "added": message("leaf.person.added", "is entered"),
    "named": message("leaf.person.named", "is named anew"),
    "tied": message("leaf.person.tied", "is tied to another account"),
    "left": message("leaf.person.left", "has left"),
    "holds": message("leaf.person.holds", "holds a post"),
    "holds-no-more": message("leaf.person.holds-no-more", "holds a post no more"),
    "deputises": message("leaf.person.deputises", "stands for who holds a post"),
    "deputises-no-more": message("leaf.person.deputises-no-more", "stands for nobody any more"),
}
_LEAKS: Final[Mapping[str, Mapping[str, Message]]] = {
    "leak-opened": {"": message("leaf.office.leak-opened", "footage may have leaked")},
    "leak-reported": {
        "ethics": message("leaf.office.leak-ethics", "reported to 政風室"),
        "inspectors": message("leaf.office.leak-inspectors", "reported to 督察組"),
    },
    "leak-closed": {"": message("leaf.office.leak-closed", "closed by an auditor")},
}
"""Of each step, by whom it was reported to; "" of the others."""
_REQUEST_ACTS: Final[Mapping[str, Message]] = {
    "amend": message("leaf.office.amend", "fields are changed"),
    "examine": message("leaf.office.examine", "a check has an outcome"),
    "sign": message("leaf.office.sign", "signed"),
    "return": message("leaf.office.return", "returned"),
    "ask-supplement": message("leaf.office.ask-supplement", "a supplement is asked for"),
    "supplemented": message("leaf.office.supplemented", "the supplement is there"),
    "decide": message("leaf.office.decide", "decided"),
    "ask-hold": message("leaf.office.ask-hold", "keeping is asked for"),
    "approve-hold": message("leaf.office.approve-hold", "keeping is approved"),
    "extend": message("leaf.office.extend", "the time for the reply is lengthened"),
    "withdraw": message("leaf.office.withdraw", "withdrawn"),
    "reply": message("leaf.office.reply", "answered"),
    "see-paper": message("leaf.office.see-paper", "the paper was seen"),
    "appoint": message("leaf.office.appoint", "a time is appointed"),
    "open-viewing": message("leaf.office.open-viewing", "a viewing begins"),
    "end-viewing": message("leaf.office.end-viewing", "the viewing has ended"),
    "cut-viewing": message("leaf.office.cut-viewing", "the viewing was cut by a fault"),
    "take": message("leaf.office.take", "a file is made"),
    "receipt": message("leaf.office.receipt", "a copy is signed for"),
    "close": message("leaf.office.close", "closed"),
}


_WORDS: Final[Mapping[Leaf, Callable[[Body, Openings], Message]]] = {
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
    Leaf.OFFICE: _office,
    Leaf.PERSON: _person_step,
    Leaf.FAULT: _fault,
}
