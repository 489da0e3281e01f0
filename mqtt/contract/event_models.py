"""What the centre is told of one fact: the `data` of events, as closed models, one or more types for each. Pure.

Flat JSON, units in the names, no names of persons. Times of day are milliseconds since 1970, UTC, by the box's wall
clock, which names and proves nothing; whole numbers stay where JavaScript counts exactly. Types and fields are only
ever added: `script.generate.asyncapi` says when the version of the contract changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from storage.outbox.table import EventKind
from storage.words.model import GapCause

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
    """複製: an export has begun, is finished, or was abandoned."""

    export: str
    cameras: list[str]
    from_ms: Moment
    to_ms: Moment
    whole: bool = Field(description="nothing that is recorded of the interval is left out")
    bytes: Whole
    manifest_sha256: Digest | None = Field(description="of a finished one: the list of what has left; null otherwise")


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
    """What two persons have agreed upon from now on: bounds, and whether roles are given to groups."""

    site_floor_s: Whole
    site_ceiling_s: Whole
    overwrite: bool
    cameras: list[str] = Field(description="those with bounds of their own")
    roles_configured: bool | None = Field(description="null: an earlier version did not look at them")


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


class LeftOut(Fact):
    """Instead of any other: the whole is larger than the broker takes. If it is a leaf, the box's ledger has it."""

    leaf: Whole | None = Field(description="number of its leaf in the ledger; null: it is none")
    bytes: Whole = Field(description="of the whole message")
    limit_bytes: Whole = Field(description="of a message, topic and payload together, that the broker takes")


TYPES: Final[Mapping[str, type[Fact]]] = {
    **{f"alarm.{what}": Alarm for what in ("raised", "updated", "acknowledged", "cleared")},
    **{f"gap.{what}": Gap for what in ("open", "closed", "withdrawn")},
    **{f"pin.{what}": Pin for what in ("placed", "approved", "extended", "released", "lapsed", "adopted")},
    **{f"copy.{what}": Copy for what in ("begun", "finished", "abandoned")},
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
