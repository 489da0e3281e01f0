"""Events of the outbox in the centre's words: CloudEvents 1.0 in JSON, under `up/event/<kind>`. Pure.

An event keeps its id, `<node>:<epoch>:<seq>`, however often it is sent. `seq` counts all events of the box within its
epoch; where a number is missing, one is missing. What another version wrote and this one does not understand goes out
all the same, as `edged.<kind>` with whatever it says, flattened: an event is lost by nobody's taste. What is too large
for a broker goes out in `short`: that it happened is told, and where the whole is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from mqtt.contract import event_models
from mqtt.contract.event_models import EXACT, Fact
from mqtt.contract.messages import ROOT, Message
from storage.outbox.table import Event, EventKind
from storage.words.model import GapCause

SCHEMAS: Final = "urn:edged:mqtt:1"
"""Before the names of schemas; the number is that of the topics, `edged/v1`."""
_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999
"""The years 1 to 9999."""
_DEEPEST: Final = 8
"""Levels of a foreign body that are flattened; what lies deeper is told as text."""

Body = Mapping[str, Any]


class Told(NamedTuple):
    """`what`: the last part of the type; `subject`: whom it is about, "" for the box itself."""

    what: str
    subject: str
    fact: Fact


def message(node: str, event: Event) -> Message:
    """As it goes out under this node's name. Never raises: what is not understood is passed on."""
    told = understood(event)
    if told is not None:
        return _said(node, event, told, type(told.fact), told.fact.model_dump(mode="json"))
    return _said(node, event, None, None, _foreign(event))


def short(node: str, event: Event, size: int, limit: int) -> Message:
    """In place of its message, which has `size` bytes, of which the broker takes `limit`."""
    leaf = event.leaf if 0 < event.leaf <= EXACT else None
    fact = event_models.LeftOut(leaf=leaf, bytes=size, limit_bytes=max(0, limit))
    return _said(node, event, understood(event), event_models.LeftOut, fact.model_dump(mode="json"))


def _said(node: str, event: Event, told: Told | None, fact: type[Fact] | None, data: dict[str, Any]) -> Message:
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{node}:{event.epoch}:{event.seq}",
        "source": f"{ROOT}/{node}",
        "type": f"edged.{event.kind}" if told is None else f"edged.{event.kind}.{told.what}",
        "time": _time(event.wall_ms),
    }
    if told is not None and told.subject:
        envelope["subject"] = told.subject
    envelope["datacontenttype"] = "application/json"
    if fact is not None:
        envelope["dataschema"] = data_schema(event.kind, fact)
    envelope["data"] = data
    payload = json.dumps(envelope, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Half of a pair of surrogates, of a file's name that is no UTF-8, cannot be sent
    return Message(
        topic=f"{ROOT}/{node}/up/event/{event.kind}",
        payload=payload.encode("utf-8", "replace"),
        qos=1,
        retain=False,
    )


def data_schema(kind: EventKind, fact: type[Fact]) -> str:
    """Name of the schema of `data`."""
    return f"{SCHEMAS}:event-{kind}#/$defs/{fact.__name__}"


def understood(event: Event) -> Told | None:
    """What it tells of, in the words of the contract; None: this version does not know such events."""
    try:
        told = _TOLD[event.kind, event.what](event.body, event.leaf)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return told if event_models.TYPES.get(f"{event.kind}.{told.what}") is type(told.fact) else None


def exact(value: Any) -> Any:
    """JSON that every reader takes as it is meant: numbers that JavaScript or JSON cannot hold become text."""
    match value:
        case bool() | None | str():
            return value
        case int() if abs(value) > EXACT:
            return str(value)
        case float() if not math.isfinite(value):
            return str(value)
        case Mapping():
            return {str(name): exact(one) for name, one in value.items()}
        case list() | tuple():
            return [exact(one) for one in value]
    return value


def _foreign(event: Event) -> dict[str, Any]:
    try:
        told = dict(_flat(event.body, "", _DEEPEST))
    except RecursionError:
        told = {}  # nobody's body is a thousand levels deep; that it is there is told
    if event.leaf:
        told |= {"leaf": exact(event.leaf), "leaf_kind": event.what}
    if event.other:
        told["event_kind"] = event.other
    return told


def _flat(value: Body, prefix: str, deep: int) -> Iterator[tuple[str, Any]]:
    """Objects within objects by their path of names; lists of anything but plain values as JSON text."""
    for name, one in value.items():
        at = f"{prefix}{name}"
        if isinstance(one, Mapping) and deep:
            yield from _flat(one, f"{at}_", deep - 1)
        elif isinstance(one, list) and not any(isinstance(item, dict | list) for item in one):
            yield at, exact(one)
        elif isinstance(one, dict | list):
            yield at, json.dumps(exact(one), ensure_ascii=False)
        else:
            yield at, exact(one)


def _time(wall_ms: int) -> str:
    """RFC 3339 in UTC, as far as it goes: a clock may say anything."""
    moment = datetime.fromtimestamp(min(max(wall_ms, _FIRST_MS), _LAST_MS) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _alarm(body: Body, _: int) -> Told:
    names = ("key", "occurrence", "severity", "since_ms", "cleared_ms", "count", "acknowledged", "text", "action")
    return Told(body["what"], body["key"], event_models.Alarm(**{name: body[name] for name in names}))


def _gap(body: Body, leaf: int) -> Told:
    start, end = body["start"], body["end"]
    duration_ms = None
    if end is not None and start["boot"] == end["boot"]:
        duration_ms = max(0, end["boottime_ms"] - start["boottime_ms"])
    fact = event_models.Gap(
        leaf=leaf,
        camera=body["camera"],
        start_ms=start["wall_ms"],
        end_ms=None if end is None else end["wall_ms"],
        duration_ms=duration_ms,
        cause=GapCause(body["cause"]),
        beneath=GapCause(body["beneath"]) if "beneath" in body else None,
        inside=body["inside"],
        paused_ms=sum(lasted_ms for _, lasted_ms in body.get("pauses", ())),
        started_before_ms=body["was"]["wall_ms"] if "was" in body else None,
    )
    return Told("withdrawn" if body.get("gone") else "open" if end is None else "closed", body["camera"], fact)


def _pin(body: Body, leaf: int) -> Told:
    fact = event_models.Pin(
        leaf=leaf,
        pin=body["pin"],
        state=body["state"],
        version=body["version"],
        cameras=body["cameras"],
        from_ms=body["from"],
        to_ms=body["to"],
        ground=body["ground"],
        placed_ms=body["placed"]["wall_ms"],
        span_ms=body["span_ms"],
        segments=body.get("segments"),
        signed=body.get("signed"),
    )
    return Told(body["what"], body["pin"], fact)


def _copy(body: Body, leaf: int) -> Told:
    """Who copied and why stays here: the leaf itself has only commitments to it."""
    fact = event_models.Copy(
        leaf=leaf,
        export=body["export"],
        cameras=body["cameras"],
        from_ms=body["from"],
        to_ms=body["to"],
        whole=body["whole"],
        bytes=body["bytes"],
        manifest_sha256=body.get("manifest"),
    )
    return Told(body["event"], body["export"], fact)


def _maintenance(body: Body, leaf: int) -> Told:
    """Who announced it, why and with whom stays here."""
    fact = event_models.Maintenance(
        leaf=leaf,
        maintenance=body["maintenance"],
        cameras=body["cameras"],
        start_ms=body["start"]["wall_ms"],
        span_ms=body["span_ms"],
        end_ms=body["end"]["wall_ms"] if "end" in body else None,
    )
    return Told(body["event"], body["maintenance"], fact)


def _fault(body: Body, leaf: int) -> Told:
    names = ("fault", "state", "key", "camera", "volume", "over")
    found_ms = body["found"]["wall_ms"]
    return Told(
        body["what"],
        body["fault"],
        event_models.Fault(leaf=leaf, found_ms=found_ms, **{name: body[name] for name in names}),
    )


def _clock(body: Body, leaf: int) -> Told:
    match body["what"]:
        case "credit":
            names = ("boot", "off_low_ms", "off_high_ms", "word")
            return Told("credited", "", event_models.Off(leaf=leaf, **{name: body[name] for name in names}))
        case "attested":
            return Told("attested", "", event_models.Attested(leaf=leaf, boot=body["boot"], off_ms=body["off_ms"]))
    offset_ms = body.get("true_offset_ms")
    fact = event_models.Epoch(
        leaf=leaf,
        clock_epoch=body["epoch"],
        boot=body["boot"],
        boot_id=body["id"],
        start_ms=body["wall_ms"],
        synced=body["synced"],
        stepped_by_ms=body.get("by_ms"),
        corrected_by_ms=None if offset_ms is None else offset_ms - (body["wall_ms"] - body["boottime_ms"]),
    )
    return Told("stepped" if body["what"] == "step" else body["what"], "", fact)


def _boot(body: Body, leaf: int) -> Told:
    ran_ms = body["before"]["ran_ms"] if "before" in body else None
    return Told("booted", "", event_models.Boot(leaf=leaf, boot=body["boot"], boot_id=body["id"], before_ran_ms=ran_ms))


def _run(body: Body, leaf: int) -> Told:
    return Told(
        "stopped" if body["end"] else "started", "", event_models.Run(leaf=leaf, run=body["run"], boot=body["boot"])
    )


def _volume(body: Body, leaf: int) -> Told:
    volume, path = body["volume"], body["path"]
    if body["event"] != "lost":
        return Told(body["event"], volume, event_models.Volume(leaf=leaf, volume=volume, path=path))
    fact = event_models.Lost(
        leaf=leaf,
        volume=volume,
        path=path,
        segments=body["segments"],
        below_floor=body["below_floor"],
        pinned=body["pinned"],
        first_ms=body["first_wall_ms"],
        last_ms=body["last_wall_ms"],
    )
    return Told("noted" if body.get("noted") else "lost", volume, fact)


def _bounds(body: Body, leaf: int) -> Told:
    names = ("camera", "floor_s", "ceiling_s")
    return Told("bounds", body["camera"], event_models.Bounds(leaf=leaf, **{name: body[name] for name in names}))


def _overwriting(body: Body, leaf: int) -> Told:
    return Told("overwriting", "", event_models.Overwriting(leaf=leaf, on=body["on"]))


def _agreed(body: Body, leaf: int) -> Told:
    floor_s, ceiling_s = body["site"]
    fact = event_models.Agreed(
        leaf=leaf,
        site_floor_s=floor_s,
        site_ceiling_s=ceiling_s,
        overwrite=body["overwrite"],
        cameras=sorted(body["cameras"]),
        roles_configured=body["roles"] is not None if "roles" in body else None,
    )
    return Told("agreed", "", fact)


def _generation(body: Body, leaf: int) -> Told:
    """Who renewed it and why stays here."""
    heads: dict[str, Any] = {
        f"{name}_{part}": (body.get(name) or {}).get(part)
        for name in ("previous", "contradicted")
        for part in ("origin", "size", "root")
    }
    origin: str = body["origin"]
    return Told(
        "generation",
        origin,
        event_models.Generation(leaf=leaf, origin=origin, key=body["key"], reason=body["reason"], **heads),
    )


def _rebuilt(body: Body, leaf: int) -> Told:
    return Told("rebuilt", "", event_models.Rebuilt(leaf=leaf, known_leaf=body["known"], reason=body["reason"]))


def _finding(body: Body, leaf: int) -> Told:
    names = ("volume", "path", "segment", "state")
    fact = event_models.Finding(leaf=leaf, finding=body["kind"], **{name: body[name] for name in names})
    return Told("finding", body["volume"], fact)


def _checkpoint(body: Body, _: int) -> Told:
    names = ("origin", "size", "root", "first", "key", "note")
    return Told(body["what"], body["origin"], event_models.Checkpoint(**{name: body[name] for name in names}))


def _outbox(body: Body, _: int) -> Told:
    if body["what"] == "begun":
        return Told("begun", "", event_models.Begun())
    names = ("rank", "events", "first_seq", "last_seq", "since_ms")
    return Told(body["what"], "", event_models.Evicted(**{name: body[name] for name in names}))


def _command(body: Body, _: int) -> Told:
    names = ("id", "verb", "requester", "key", "counter", "reason", "text")
    fact = event_models.Command(**{name: body[name] for name in names}, result=exact(body["result"]))
    return Told(body["what"], body["id"], fact)


_TOLD: Final[Mapping[tuple[EventKind, str], Callable[[Body, int], Told]]] = {
    (EventKind.ALARM, ""): _alarm,
    (EventKind.GAP, "gap"): _gap,
    (EventKind.PIN, "pin"): _pin,
    (EventKind.COPY, "copy"): _copy,
    (EventKind.MAINTENANCE, "maintenance"): _maintenance,
    (EventKind.FAULT, "fault"): _fault,
    (EventKind.CLOCK, "clock"): _clock,
    (EventKind.RUN, "boot"): _boot,
    (EventKind.RUN, "run"): _run,
    (EventKind.VOLUME, "volume"): _volume,
    (EventKind.RETENTION, "bounds"): _bounds,
    (EventKind.RETENTION, "overwriting"): _overwriting,
    (EventKind.RETENTION, "agreed"): _agreed,
    (EventKind.LEDGER, "generation"): _generation,
    (EventKind.LEDGER, "rebuilt"): _rebuilt,
    (EventKind.LEDGER, "finding"): _finding,
    (EventKind.LEDGER, ""): _checkpoint,
    (EventKind.OUTBOX, ""): _outbox,
    (EventKind.COMMAND, ""): _command,
}
"""By kind and, where the event is a leaf, that leaf's kind."""
