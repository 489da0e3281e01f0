"""Events of the outbox in the centre's words: CloudEvents 1.0 in JSON, under `up/event/<kind>`. Pure.

First the models: the `data` of events, closed, one or more types for each. Flat JSON, units in the names, no names of
persons. Times of day are milliseconds since 1970, UTC, by the box's wall clock, which names and proves nothing; whole
numbers stay where JavaScript counts exactly. Types and fields are only ever added: `script.generate.asyncapi` says when
the version of the contract changes. The names of the models stand in `dataschema`, so they never change either.

Then `publication`, which makes an event of the outbox into a message. An event keeps its id, `<node>:<epoch>:<seq>`,
however often it is sent. `seq` counts all events of the box within its epoch; where a number is missing, one is
missing. What another version wrote and this one does not understand goes out all the same, as `edged.<kind>` with
whatever it says, flattened: an event is lost by nobody's taste. What is too large for a broker goes out in `short`:
that it happened is told, and where the whole is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from mqtt.contract.messages import CODE, ROOT, VALUES, Publication, Values
from storage.outbox.table import Event, EventKind
from storage.words.model import GapCause

SCHEMAS: Final = "urn:edged:mqtt:1"
"""Before the names of schemas; the number is that of the topics, `edged/v1`."""
EXACT: Final = 2**53 - 1
"""Beyond, JavaScript skips whole numbers."""
FOREIGN: Final = "Foreign"
"""Name in the schemas of the data of an event that this version does not understand."""
Whole = Annotated[int, Field(ge=0, le=EXACT)]
Moment = Annotated[int, Field(ge=-EXACT, le=EXACT)]
"""Milliseconds since 1970. A person may ask for any year; what a clock says may be before 1970, too."""
Signed = Annotated[int, Field(ge=-EXACT, le=EXACT)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Fact(BaseModel):
    """Closed, unchangeable and exact."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Entered(Fact):
    """It is a leaf of the ledger, too."""

    leaf: Whole = Field(description="number of its leaf in the ledger")


class Alarm(Fact):
    """異常通報: an alarm was raised (also: again), its words changed, somebody has seen it, or it was cleared."""

    key: str = Field(description="what it is about; the same each time (docs/mqtt.md lists them)")
    occurrence: str = Field(
        description="EPOCH:SEQ of the event that first raised it; stays until it has been gone for an hour"
    )
    severity: Literal["info", "warning", "critical"]
    since_ms: Moment = Field(description="when this occurrence was first raised")
    cleared_ms: Moment | None = Field(description="when it was cleared; null while it stands")
    count: Whole = Field(description="how often it was raised in this occurrence")
    acknowledged: bool
    text: str
    action: str = Field(description="what to do")
    code: str = Field(default="", description=CODE)
    values: Values = Field(default={}, description=VALUES)
    action_code: str = Field(default="", description="of `action`, likewise")
    action_values: Values = Field(default={}, description="of `action`, likewise")


class Gap(Entered):
    """錄影中斷: not recorded. `open`: it lasts; `closed`: it has ended; `withdrawn`: it is recorded after all."""

    camera: str
    start_ms: Moment
    end_ms: Moment | None = Field(description="null while it lasts")
    duration_ms: Whole | None = Field(description="by the clock that nobody can set, where one boot saw all of it")
    cause: GapCause
    beneath: GapCause | None = Field(description="of one in maintenance: the cause that it would have otherwise")
    inside: bool = Field(description="a pause within a segment: the session went on, and no frame came")
    paused_ms: Whole = Field(description="of such a gap: what all its pauses together lasted")
    started_before_ms: Moment | None = Field(description="where it was told to start before; null: that is the same")


class Pin(Entered):
    """證據保存: a pin was placed, approved, extended, released, has lapsed, or was found on a volume (`adopted`)."""

    pin: str
    state: Literal["provisional", "approved", "released", "lapsed"]
    version: Whole
    cameras: list[str]
    from_ms: Moment
    to_ms: Moment
    ground: Literal["law", "investigation", "internal"]
    placed_ms: Moment
    span_ms: Whole = Field(description="how long it lasts from its placing once it is approved, in running time")
    segments: Whole | None = Field(description="how many it held when it was placed; null otherwise")
    signed: bool | None = Field(description="of an adopted one: whether this box has signed it; null otherwise")


class Copy(Entered):
    """複製: an export has begun, is finished, or was abandoned; or a viewing copy, which stays at the box until it is
    destroyed.
    """

    export: str
    cameras: list[str]
    from_ms: Moment
    to_ms: Moment
    whole: bool = Field(description="nothing that is recorded of the interval is left out")
    bytes: Whole = Field(description="0 where a viewing copy is destroyed")
    manifest_sha256: Digest | None = Field(description="of a finished one: the list of what has left; null otherwise")
    viewing: bool = Field(default=False, description="a viewing copy: it is looked at here, and leaves nowhere")


class Maintenance(Entered):
    """維護: somebody is at work on cameras or on the box, has ended it (`ended`), or its time was over (`lapsed`)."""

    maintenance: str
    cameras: list[str] = Field(description="what is worked on; empty: the whole box")
    start_ms: Moment
    span_ms: Whole = Field(description="how long it lasts at the most, in running time")
    end_ms: Moment | None = Field(description="null while it lasts")


class Fault(Entered):
    """報修: a fault was found, came back (`again`), shows in another alarm (`joined`), is seen no more (`over`), was
    reported, repaired, or checked, which closes it. Who did it, and whom it was reported to, stays on the box."""

    fault: str
    state: Literal["found", "reported", "repaired", "checked"]
    key: str = Field(description="of the alarm that this tells of; empty where a person found it")
    camera: str | None
    volume: str | None
    found_ms: Moment
    over: bool = Field(description="the box sees nothing of it any more")


class Epoch(Entered):
    """An epoch of the wall clock began, with a step (`stepped`), or was corrected once the clock was synchronised."""

    clock_epoch: Whole
    boot: Whole
    boot_id: str
    start_ms: Moment = Field(description="of the epoch, by its own wall clock")
    synced: bool = Field(description="whether the clock was synchronised when it began")
    stepped_by_ms: Signed | None
    corrected_by_ms: Signed | None = Field(description="what is to be added to its wall clock to get true time")


class Off(Entered):
    """How long the box was off before a boot, as far as clocks prove it (`credited`)."""

    boot: Whole
    off_low_ms: Whole = Field(description="at least")
    off_high_ms: Whole | None = Field(description="at most; null: no clock bounds it")
    word: str = Field(description="who says so: unproven, sync, sync+rtc, attested")


class Attested(Entered):
    """Two people say that the box was off for so long before a boot."""

    boot: Whole
    off_ms: Whole


class Boot(Entered):
    """The box has booted."""

    boot: Whole
    boot_id: str
    before_ran_ms: Whole | None = Field(description="how long the boot before it ran, as far as is known")


class Run(Entered):
    """edged has started, or stops in order."""

    run: Whole
    boot: Whole


class Volume(Entered):
    """A volume was met, came, went, moved, takes nothing new any more (`retired`), does again (`restored`)."""

    volume: str
    path: str


class Lost(Volume):
    """A volume is gone for good; `noted`: its loss has been seen to."""

    segments: Whole = Field(description="all that the catalog has of it")
    below_floor: Whole = Field(description="of these, what had to be kept")
    pinned: Whole = Field(description="of these, what was held as evidence")
    first_ms: Moment | None = Field(description="where what had to be kept begins")
    last_ms: Moment | None = Field(description="where it ends")


class Bounds(Entered):
    """Floor and ceiling of a camera as configured from now on; null when it is not configured any more."""

    camera: str
    floor_s: Whole | None
    ceiling_s: Whole | None


class Overwriting(Entered):
    """Whether `on_full = "overwrite"` is configured from now on."""

    on: bool


class Agreed(Entered):
    """What two persons have agreed upon from now on: bounds, whether roles are given to groups, and the profile."""

    site_floor_s: Whole
    site_ceiling_s: Whole
    overwrite: bool
    cameras: list[str] = Field(description="those with bounds of their own")
    roles_configured: bool | None = Field(description="null: an earlier version did not look at them")
    profile: str | None = Field(description="whose regulation holds; null: none")


class Generation(Entered):
    """A generation of the ledger begins, with this leaf."""

    origin: str
    key: str | None = Field(description="who signs it, as NAME+ID+KEY; null: nobody can")
    reason: str
    previous_origin: str | None = Field(description="the generation before it")
    previous_size: Whole | None
    previous_root: str | None
    contradicted_origin: str | None = Field(description="a head that the centre holds and this box does not know")
    contradicted_size: Whole | None
    contradicted_root: str | None


class Rebuilt(Entered):
    """The database was lost and is made anew from the volumes."""

    known_leaf: Whole = Field(description="the last leaf that is known of it; 0: none")
    reason: str


class Finding(Entered):
    """A file and its row differ (S4), or agree again."""

    volume: str
    path: str = Field(description="on the volume")
    finding: str = Field(description="what is wrong: missing, size, content, appeared, link, unreadable, pin, …")
    segment: Whole | None
    state: Literal["differs", "agrees", "destroyed"]


class Checkpoint(Fact):
    """The ledger has a new signed head; the same as under `up/ledger/checkpoint`, but none is passed over."""

    origin: str
    size: Whole
    root: Digest
    first: Whole = Field(description="number of the first leaf of this generation")
    key: str
    note: str = Field(description="the head as a signed note (C2SP tlog-checkpoint)")


class Begun(Fact):
    """Nothing from before is there: the count of events begins, or events are kept again."""


class Evicted(Fact):
    """Events gave way for want of room, lowest rank first. They are lost to the centre, and not to the box's ledger."""

    rank: int = Field(ge=1, le=4, description="1 proofs, 2 alarms, 3 storage, 4 history")
    events: Whole
    first_seq: Whole
    last_seq: Whole = Field(description="of this rank; between the two others may still come")
    since_ms: Moment = Field(description="when the first of them gave way")


class Command(Fact):
    """What became of a command, as in the reply, which is only said while the link stands."""

    id: str
    verb: str
    requester: str
    key: str = Field(description="of whom signed it: 64 digits")
    counter: Whole
    reason: str = Field(description="why it was rejected, as a code; empty when it was not")
    text: str
    result: dict[str, Any] = Field(description="what the verb answers with; `bytes` alone: too big for an event")
    code: str = Field(default="", description=CODE)
    values: Values = Field(default={}, description=VALUES)


class LeftOut(Fact):
    """Instead of any other: the whole is larger than the broker takes. If it is a leaf, the box's ledger has it."""

    leaf: Whole | None = Field(description="number of its leaf in the ledger; null: it is none")
    bytes: Whole = Field(description="of the whole message")
    limit_bytes: Whole = Field(description="of a message, topic and payload together, that the broker takes")


TYPES: Final[Mapping[str, type[Fact]]] = {
    **{f"alarm.{what}": Alarm for what in ("raised", "updated", "acknowledged", "cleared")},
    **{f"gap.{what}": Gap for what in ("open", "closed", "withdrawn")},
    **{f"pin.{what}": Pin for what in ("placed", "approved", "extended", "released", "lapsed", "adopted")},
    **{f"copy.{what}": Copy for what in ("begun", "finished", "abandoned", "destroyed")},
    **{f"maintenance.{what}": Maintenance for what in ("begun", "ended", "lapsed")},
    **{f"fault.{what}": Fault for what in ("found", "again", "joined", "over", "reported", "repaired", "checked")},
    **{f"clock.{what}": Epoch for what in ("began", "stepped", "corrected")},
    "clock.credited": Off,
    "clock.attested": Attested,
    "run.booted": Boot,
    **{f"run.{what}": Run for what in ("started", "stopped")},
    **{f"volume.{what}": Volume for what in ("met", "come", "gone", "moved", "found-again", "retired", "restored")},
    **{f"volume.{what}": Lost for what in ("lost", "noted")},
    "retention.bounds": Bounds,
    "retention.overwriting": Overwriting,
    "retention.agreed": Agreed,
    "ledger.generation": Generation,
    "ledger.rebuilt": Rebuilt,
    "ledger.finding": Finding,
    "ledger.checkpoint": Checkpoint,
    "outbox.begun": Begun,
    "outbox.evicted": Evicted,
    **{f"command.{what}": Command for what in ("accepted", "done", "rejected", "interrupted")},
}
"""Every type of event that this version knows, without `edged.` before it: `<kind>.<what>`."""


def of_kind(kind: EventKind) -> dict[str, type[Fact]]:
    """The types of a kind."""
    return {name: fact for name, fact in TYPES.items() if name.startswith(f"{kind}.")}


_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999
"""The years 1 to 9999."""
_DEEPEST: Final = 8
"""Levels of a foreign body that are flattened; what lies deeper is told as text."""
Body = Mapping[str, Any]


class EventData(NamedTuple):
    """`what`: the last part of the type; `subject`: whom it is about, "" for the box itself."""

    what: str
    subject: str
    fact: Fact


def publication(node: str, event: Event) -> Publication:
    """As it goes out under this node's name. Never raises: what is not understood is passed on."""
    told = understood(event)
    if told is not None:
        return _said(node, event, told, type(told.fact), told.fact.model_dump(mode="json"))
    return _said(node, event, None, None, _foreign(event))


def short(node: str, event: Event, size: int, limit: int) -> Publication:
    """In place of its message, which has `size` bytes, of which the broker takes `limit`."""
    leaf = event.leaf if 0 < event.leaf <= EXACT else None
    fact = LeftOut(leaf=leaf, bytes=size, limit_bytes=max(0, limit))
    return _said(node, event, understood(event), LeftOut, fact.model_dump(mode="json"))


def _said(
    node: str, event: Event, told: EventData | None, fact: type[Fact] | None, data: dict[str, Any]
) -> Publication:
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
    return Publication(
        topic=f"{ROOT}/{node}/up/event/{event.kind}",
        payload=payload.encode("utf-8", "replace"),
        qos=1,
        retain=False,
    )


def data_schema(kind: EventKind, fact: type[Fact]) -> str:
    """Name of the schema of `data`."""
    return f"{SCHEMAS}:event-{kind}#/$defs/{fact.__name__}"


def understood(event: Event) -> EventData | None:
    """What it tells of, in the words of the contract; None: this version does not know such events."""
    try:
        told = _TOLD[event.kind, event.what](event.body, event.leaf)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return told if TYPES.get(f"{event.kind}.{told.what}") is type(told.fact) else None


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


def _alarm(body: Body, _: int) -> EventData:
    names = ("key", "occurrence", "severity", "since_ms", "cleared_ms", "count", "acknowledged", "text", "action")
    known = {name: body[name] for name in names}
    coded = {name: body[name] for name in ("code", "values", "action_code", "action_values") if name in body}
    return EventData(body["what"], body["key"], Alarm(**known, **coded))


def _gap(body: Body, leaf: int) -> EventData:
    start, end = body["start"], body["end"]
    duration_ms = None
    if end is not None and start["boot"] == end["boot"]:
        duration_ms = max(0, end["boottime_ms"] - start["boottime_ms"])
    fact = Gap(
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
    return EventData("withdrawn" if body.get("gone") else "open" if end is None else "closed", body["camera"], fact)


def _pin(body: Body, leaf: int) -> EventData:
    fact = Pin(
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
    return EventData(body["what"], body["pin"], fact)


def _copy(body: Body, leaf: int) -> EventData:
    """Who copied and why stays here: the leaf itself has only commitments to it."""
    fact = Copy(
        leaf=leaf,
        export=body["export"],
        cameras=body["cameras"],
        from_ms=body["from"],
        to_ms=body["to"],
        whole=body["whole"],
        bytes=body.get("bytes", 0),
        manifest_sha256=body.get("manifest"),
        viewing=body.get("viewing", False),
    )
    return EventData(body["event"], body["export"], fact)


def _maintenance(body: Body, leaf: int) -> EventData:
    """Who announced it, why and with whom stays here."""
    fact = Maintenance(
        leaf=leaf,
        maintenance=body["maintenance"],
        cameras=body["cameras"],
        start_ms=body["start"]["wall_ms"],
        span_ms=body["span_ms"],
        end_ms=body["end"]["wall_ms"] if "end" in body else None,
    )
    return EventData(body["event"], body["maintenance"], fact)


def _fault(body: Body, leaf: int) -> EventData:
    names = ("fault", "state", "key", "camera", "volume", "over")
    found_ms = body["found"]["wall_ms"]
    return EventData(
        body["what"],
        body["fault"],
        Fault(leaf=leaf, found_ms=found_ms, **{name: body[name] for name in names}),
    )


def _clock(body: Body, leaf: int) -> EventData:
    match body["what"]:
        case "credit":
            names = ("boot", "off_low_ms", "off_high_ms", "word")
            return EventData("credited", "", Off(leaf=leaf, **{name: body[name] for name in names}))
        case "attested":
            return EventData("attested", "", Attested(leaf=leaf, boot=body["boot"], off_ms=body["off_ms"]))
    offset_ms = body.get("true_offset_ms")
    fact = Epoch(
        leaf=leaf,
        clock_epoch=body["epoch"],
        boot=body["boot"],
        boot_id=body["id"],
        start_ms=body["wall_ms"],
        synced=body["synced"],
        stepped_by_ms=body.get("by_ms"),
        corrected_by_ms=None if offset_ms is None else offset_ms - (body["wall_ms"] - body["boottime_ms"]),
    )
    return EventData("stepped" if body["what"] == "step" else body["what"], "", fact)


def _boot(body: Body, leaf: int) -> EventData:
    ran_ms = body["before"]["ran_ms"] if "before" in body else None
    return EventData("booted", "", Boot(leaf=leaf, boot=body["boot"], boot_id=body["id"], before_ran_ms=ran_ms))


def _run(body: Body, leaf: int) -> EventData:
    return EventData("stopped" if body["end"] else "started", "", Run(leaf=leaf, run=body["run"], boot=body["boot"]))


def _volume(body: Body, leaf: int) -> EventData:
    volume, path = body["volume"], body["path"]
    if body["event"] != "lost":
        return EventData(body["event"], volume, Volume(leaf=leaf, volume=volume, path=path))
    fact = Lost(
        leaf=leaf,
        volume=volume,
        path=path,
        segments=body["segments"],
        below_floor=body["below_floor"],
        pinned=body["pinned"],
        first_ms=body["first_wall_ms"],
        last_ms=body["last_wall_ms"],
    )
    return EventData("noted" if body.get("noted") else "lost", volume, fact)


def _bounds(body: Body, leaf: int) -> EventData:
    names = ("camera", "floor_s", "ceiling_s")
    return EventData("bounds", body["camera"], Bounds(leaf=leaf, **{name: body[name] for name in names}))


def _overwriting(body: Body, leaf: int) -> EventData:
    return EventData("overwriting", "", Overwriting(leaf=leaf, on=body["on"]))


def _agreed(body: Body, leaf: int) -> EventData:
    floor_s, ceiling_s = body["site"]
    fact = Agreed(
        leaf=leaf,
        site_floor_s=floor_s,
        site_ceiling_s=ceiling_s,
        overwrite=body["overwrite"],
        cameras=sorted(body["cameras"]),
        roles_configured=body["roles"] is not None,
        profile=body.get("profile"),
    )
    return EventData("agreed", "", fact)


def _generation(body: Body, leaf: int) -> EventData:
    """Who renewed it and why stays here."""
    heads: dict[str, Any] = {
        f"{name}_{part}": (body.get(name) or {}).get(part)
        for name in ("previous", "contradicted")
        for part in ("origin", "size", "root")
    }
    origin: str = body["origin"]
    return EventData(
        "generation",
        origin,
        Generation(leaf=leaf, origin=origin, key=body["key"], reason=body["reason"], **heads),
    )


def _rebuilt(body: Body, leaf: int) -> EventData:
    return EventData("rebuilt", "", Rebuilt(leaf=leaf, known_leaf=body["known"], reason=body["reason"]))


def _finding(body: Body, leaf: int) -> EventData:
    names = ("volume", "path", "segment", "state")
    fact = Finding(leaf=leaf, finding=body["kind"], **{name: body[name] for name in names})
    return EventData("finding", body["volume"], fact)


def _checkpoint(body: Body, _: int) -> EventData:
    names = ("origin", "size", "root", "first", "key", "note")
    return EventData(body["what"], body["origin"], Checkpoint(**{name: body[name] for name in names}))


def _outbox(body: Body, _: int) -> EventData:
    if body["what"] == "begun":
        return EventData("begun", "", Begun())
    names = ("rank", "events", "first_seq", "last_seq", "since_ms")
    return EventData(body["what"], "", Evicted(**{name: body[name] for name in names}))


def _command(body: Body, _: int) -> EventData:
    names = ("id", "verb", "requester", "key", "counter", "reason", "text")
    coded = {name: body[name] for name in ("code", "values") if name in body}
    fact = Command(**{name: body[name] for name in names}, result=exact(body["result"]), **coded)
    return EventData(body["what"], body["id"], fact)


_TOLD: Final[Mapping[tuple[EventKind, str], Callable[[Body, int], EventData]]] = {
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
