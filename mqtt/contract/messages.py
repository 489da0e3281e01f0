"""What the centre reads: every payload as a closed model, and its topic, QoS, retain flag and expiry.

Pure: values in, `Publication` out; imports pydantic and nothing of ours. Payloads are JSON, flat but for values of
sentences and results of commands. Units are in the names of their fields. `ts` is milliseconds since 1970 (it names, it
proves nothing), `epoch` counts the runs of the daemon and `seq` the messages within one run. Roots: `edged/v1/<node>/`,
of which `up/` is ours to write and `dn/` the centre's.
What `script.generate.asyncapi` makes of these is `docs/asyncapi.json` and `docs/schemas/mqtt/`. Nothing secret has a
field here, nor has the name of a person.
"""

from __future__ import annotations

import itertools
import re
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypedDict

from pydantic import BaseModel, ConfigDict, Field

ROOT: Final = "edged/v1"
CONTRACT: Final = "1.4"
"""Version of all messages; `script.generate.asyncapi` says when it changes."""
HEARTBEAT_EXPIRY_S: Final = 180
"""Three heartbeats: an older one says nothing about now, so a broker that holds it back may drop it (MQTT 5 only)."""
MAX_TOPIC_BYTES: Final = 1024
"""Our longest topic is under 200; MQTT itself ends at 65,535."""

Values: TypeAlias = dict[str, Any]
"""Of a message to people, by name: text, numbers, lists, or messages with `text`, `code` and `values` of their own."""
CODE: Final = 'names the sentence in `text`; stable; "" where the text has no code; since 1.2'
VALUES: Final = "its values, by name; `…_s`: seconds, `…_bytes`: bytes, `…_at`: a moment (RFC 3339); since 1.2"


@dataclass(frozen=True, slots=True)
class Publication:
    """One message, ready to send. An empty retained payload takes the topic away from the broker."""

    topic: str
    payload: bytes
    qos: Literal[0, 1]
    retain: bool
    expiry_s: int | None = None

    def __post_init__(self) -> None:
        # Checked here, where the caller still knows why, and not on the way out, where it would break the link.
        if not 0 < len(self.topic.encode()) <= MAX_TOPIC_BYTES or any(sign in self.topic for sign in "+#\0"):
            raise ValueError(f"{self.topic!r} cannot be published to: 1 to {MAX_TOPIC_BYTES} bytes, without + # or NUL")


class Stamp(TypedDict):
    """Which run of the daemon said it, when, and as its how manieth message; given to a payload as `**stamp`."""

    ts: int
    epoch: int
    seq: int


class Sequence:
    """Numbers the messages of one run of the daemon, so that the centre can order them and see holes."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._numbers = itertools.count(1)

    def stamp(self, ts: int) -> Stamp:
        return {"ts": ts, "epoch": self._epoch, "seq": next(self._numbers)}


class Payload(BaseModel):
    """Closed, unchangeable and exact: a field that is not named, a text for a number or a NaN is a defect."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, json_schema_serialization_defaults_required=True
    )

    qos: ClassVar[Literal[0, 1]] = 1
    retain: ClassVar[bool] = True
    expiry_s: ClassVar[int | None] = None

    ts: int = Field(ge=0, description="when it was said, milliseconds since 1970, UTC, by the box's wall clock")
    epoch: int = Field(ge=1, description="number of this run of the daemon; one more at each start")
    seq: int = Field(ge=0, description="place among the messages of this epoch, from 1; 0 has no place")

    @abstractmethod
    def topic(self, node: str) -> str:
        """Where this payload goes."""


class Status(Payload):
    """`up/status`, also the will.

    The will and the farewell are written before their time: their `seq` is 0, and the will's `ts` is that of the
    daemon's start. The will of a lost connection can arrive after the box is back: where its `boot` or `epoch` is not
    the one last seen online, it is about the past.
    """

    state: Literal["online", "offline", "stopping"]
    boot: str = Field(description="id of the box's boot (/proc/sys/kernel/random/boot_id)")

    def topic(self, node: str) -> str:
        return status_topic(node)


class Birth(Payload):
    """`up/birth`: who this box is and what it can do; sent at each connection."""

    node: str
    office: str
    name: str = Field(description="the site's name for people")
    timezone: str
    profile: str = Field(description="name of the profile in force; empty without one")
    contract: str = Field(
        default=CONTRACT, description="version of these messages (docs/mqtt.md); a second number that grew adds things"
    )
    boot: str
    started_ms: int = Field(ge=0, description="when this run of the daemon began")
    version: str = Field(description="of edged")
    python: str
    av: str
    ffmpeg: str
    sqlite: str
    cameras: list[str] = Field(description="ids of the configured cameras")
    volumes: list[str] = Field(description="ids of the volumes in use")
    capabilities: list[str] = Field(description="what this version can do beyond recording, by name")
    config_sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of the configuration in force, without secrets")

    def topic(self, node: str) -> str:
        return birth_topic(node)


class Heartbeat(Payload):
    """`up/heartbeat`: every 60 s while connected; never kept, neither here nor by the broker."""

    qos: ClassVar[Literal[0, 1]] = 0
    retain: ClassVar[bool] = False
    expiry_s: ClassVar[int | None] = HEARTBEAT_EXPIRY_S

    uptime_s: float = Field(ge=0, description="of the daemon")
    box_uptime_s: float = Field(ge=0, description="of the box, CLOCK_BOOTTIME")
    clock_synced: bool
    clock_epoch: int = Field(description="counts the steps of the wall clock")
    disk_total_bytes: int = Field(ge=0, description="all volumes together")
    disk_free_bytes: int = Field(ge=0, description="what may still be written, all volumes together")
    outbox_messages: int = Field(ge=0, description="state that the broker has not acknowledged yet")
    outbox_proofs: int = Field(
        default=0, ge=0, description="events that wait: ledger, pins, copies, commands, the outbox itself"
    )
    outbox_alarms: int = Field(default=0, ge=0, description="events that wait: alarms")
    outbox_storage: int = Field(default=0, ge=0, description="events that wait: retention and volumes")
    outbox_history: int = Field(default=0, ge=0, description="events that wait: gaps, clock, runs")
    outbox_bytes: int = Field(default=0, ge=0, description="of all events that wait")
    outbox_oldest_ms: int | None = Field(
        default=None, description="when the oldest of them was entered; null: none waits"
    )

    def topic(self, node: str) -> str:
        return heartbeat_topic(node)


class CameraHealth(Payload):
    """`up/cam/<id>/health`: on change and every 5 min; the topic is emptied when the camera is removed."""

    camera: str
    state: Literal["recording", "degraded", "down", "disabled"]
    reason: str = Field(description="why it is in this state, and what to check; empty when all is well")
    reason_code: str = Field(default="", description="of `reason`, as of an alarm's `text`; since 1.2")
    reason_values: Values = Field(default={}, description="of `reason`, likewise; since 1.2")
    since_ms: int | None = Field(description="when the present state began, milliseconds since 1970")
    fps: float | None
    width: int | None
    height: int | None
    codec: str | None
    audio: str | None = Field(description="codec of the sound; empty without sound")
    bitrate_bps: int | None
    last_frame_age_s: float | None
    clock_offset_ms: int | None = Field(
        description="the camera's own clock minus the box's, as it last told; null while it does not tell"
    )
    coverage_24h: float | None = Field(
        ge=0, le=1, description="recorded share of the last 24 h in which the camera was known"
    )
    unexplained_s: float = Field(ge=0, description="of the last 24 h, neither recorded nor in a gap with a cause")
    gaps_24h: int = Field(ge=0)
    faults: list[str] = Field(
        default=[], max_length=12, description="what is wrong with picture and sound (docs/health.md); since 1.1"
    )
    colour: bool | None = Field(default=None, description="whether the picture has colour; since 1.1")
    sound_db: float | None = Field(default=None, description="level of the sound in dB of full scale; since 1.1")
    sound_lag_ms: int | None = Field(default=None, description="how far sound comes after its picture; since 1.1")

    def topic(self, node: str) -> str:
        return camera_health_topic(node, self.camera)


class CameraRetention(Payload):
    """`up/cam/<id>/retention`: how long this camera's footage is kept, against how long it must and may be."""

    camera: str
    floor_s: int = Field(ge=0)
    ceiling_s: int = Field(ge=0)
    retained_s: float = Field(ge=0, description="age of the oldest second that is still on disk")
    covered_s: float = Field(ge=0, description="seconds recorded and on disk within the floor's span, pins left out")
    gone_s: float = Field(ge=0, description="seconds recorded within the floor's span and destroyed")
    forecast_s: float | None = Field(
        description="how long footage will be kept at the measured rates, at most the ceiling; null while unknown"
    )
    full_in_s: float | None = Field(description="until the volumes are full; null where ceilings make room before")
    floor_at_risk_in_s: float | None = Field(
        description="until room could only be made below a floor, and recording stops; null where that is not foreseen"
    )
    compliant: bool = Field(
        description="nothing within the floor is gone or will be at the measured rate, and nothing is past the ceiling"
    )
    segments: int = Field(ge=0)
    bytes: int = Field(ge=0)

    def topic(self, node: str) -> str:
        return camera_retention_topic(node, self.camera)


class Storage(Payload):
    """`up/storage/<volume>`: one volume; the topic is emptied when it leaves the configuration."""

    volume: str = Field(description="id of the volume, from its .edged-volume.json")
    path: str
    state: Literal["in-service", "full", "away", "retired", "lost"]
    reason: str
    reason_code: str = Field(default="", description="of `reason`, as of an alarm's `text`; since 1.2")
    reason_values: Values = Field(default={}, description="of `reason`, likewise; since 1.2")
    total_bytes: int = Field(ge=0)
    free_bytes: int = Field(ge=0)
    ring_bytes: int = Field(ge=0, description="what edged keeps there")
    limit_bytes: int = Field(ge=0, description="what edged may keep there")
    others_bytes: int = Field(ge=0, description="neither footage nor free: others' files, and the file system's own")
    segments: int = Field(ge=0)
    full_in_s: float | None = Field(description="until the volumes are full; null where ceilings make room before")
    floor_at_risk_in_s: float | None = Field(
        description="until room could only be made below a floor, and recording stops; null where that is not foreseen"
    )

    def topic(self, node: str) -> str:
        return storage_topic(node, self.volume)


class AlarmState(Payload):
    """`up/alarm/<key>`: one condition as it is now; the topic is emptied 7 days after it was cleared.

    In the topic the key is written with percent signs where a topic cannot have what is in it (`level`).
    """

    model_config = ConfigDict(title="Alarm")

    key: str
    occurrence: str = Field(description="EPOCH:SEQ of the event that raised it first; a new one after an hour without")
    severity: Literal["info", "warning", "critical"]
    state: Literal["raised", "cleared"]
    since_ms: int = Field(ge=0, description="when this occurrence was first raised, milliseconds since 1970")
    cleared_ms: int | None = Field(description="when it was cleared, milliseconds since 1970; null while it stands")
    count: int = Field(ge=1, description="how often it was raised in this occurrence")
    acknowledged: bool
    text: str
    action: str = Field(description="what to do")
    code: str = Field(default="", description=CODE)
    values: Values = Field(default={}, description=VALUES)
    action_code: str = Field(default="", description="of `action`, likewise")
    action_values: Values = Field(default={}, description="of `action`, likewise")

    def topic(self, node: str) -> str:
        return alarm_topic(node, self.key)


class PinState(Payload):
    """`up/pin/<id>`: a pin (證據保存) that lasts; the topic is emptied once it is released or has lapsed.

    Who asked for it, in which case and why stays on the box.
    """

    model_config = ConfigDict(title="Pin")

    pin: str
    state: Literal["provisional", "approved"]
    ground: Literal["law", "investigation", "internal"]
    cameras: list[str]
    from_ms: int = Field(description="where what is asked for begins; what is held is rounded outward to segments")
    to_ms: int
    placed_ms: int
    span_ms: int = Field(description="how long it lasts from then once it is approved, in running time")
    until_ms: int = Field(description="when it ends, or lapses without an approval, if the box runs on: an estimate")

    def topic(self, node: str) -> str:
        return pin_topic(node, self.pin)


class FaultState(Payload):
    """`up/fault/<id>`: a fault that nobody has closed; the topic is emptied once somebody has."""

    model_config = ConfigDict(title="Fault")

    fault: str
    state: Literal["found", "reported", "repaired"]
    key: str = Field(description="of the alarm that found it; empty where a person did")
    camera: str | None
    volume: str | None
    found_ms: int
    reported_ms: int | None
    repaired_ms: int | None
    over: bool = Field(description="the box sees nothing of it any more, and it waits for a person to close it")

    def topic(self, node: str) -> str:
        return fault_topic(node, self.fault)


class MaintenanceState(Payload):
    """`up/maintenance`: somebody is at work, and alarms of that are held back; emptied when it is over."""

    model_config = ConfigDict(title="Maintenance")

    maintenance: str
    cameras: list[str] = Field(description="what is worked on; empty: the whole box")
    started_ms: int
    until_ms: int = Field(description="when it ends by itself, if the box runs on: an estimate")
    held: int = Field(ge=0, description="alarms that are held back")

    def topic(self, node: str) -> str:
        return maintenance_topic(node)


class LedgerCheckpoint(Payload):
    """`up/ledger/checkpoint`: the last signed head of the ledger, at most a minute old while something happens.

    What a subscriber keeps of it, the box cannot take back: a later head of the same origin contains it.
    """

    origin: str = Field(description="name of the log; another one is another generation, whose first leaf names this")
    size: int = Field(ge=1, description="leaves under this head")
    root: str = Field(pattern="^[0-9a-f]{64}$", description="over them (RFC 6962, SHA-256)")
    first: int = Field(ge=1, description="number of the first leaf of this generation")
    key: str = Field(description="whose signature it bears, as NAME+ID+KEY (C2SP signed note)")
    note: str = Field(description="the head as a signed note (C2SP tlog-checkpoint): what to keep")

    def topic(self, node: str) -> str:
        return ledger_checkpoint_topic(node)


class Compliance(Payload):
    """`up/compliance`: how the box stands to its profile; on change and every 5 min; emptied where it has none."""

    profile: str
    met: int = Field(ge=0, description="clauses of which all is met that the box can measure")
    not_met: int = Field(ge=0)
    by_hand: int = Field(ge=0, description="clauses that only people can judge")
    not_built: int = Field(ge=0, description="clauses for which this version does nothing yet")
    unmet: list[str] = Field(description="ids of those that are not met, in the order of the text")
    unmet_since_ms: list[int] = Field(description="since when, of each of these in the same order")

    def topic(self, node: str) -> str:
        return compliance_topic(node)


class Office(Payload):
    """`up/office`: how requests for footage (調閱) stand; on change and every 5 min; emptied where it has no profile.
    Since 1.3.

    How many are how, and nothing else of any. Null where nobody could count them since edged started.
    """

    opened: bool | None = Field(description="two persons have opened it: footage is shown by granted requests only")
    shut: bool = Field(
        description="requests cannot be read and nothing is disclosed; what is told beside it is of before"
    )
    requests_deciding: int | None = Field(ge=0)
    requests_supplement: int | None = Field(ge=0, description="the applicant was asked for a supplement (補正)")
    requests_granted: int | None = Field(ge=0, description="and not closed yet, as the next two")
    requests_refused: int | None = Field(ge=0)
    requests_withdrawn: int | None = Field(ge=0)
    requests_closed: int | None = Field(ge=0, description="within the last 365 days")
    requests_unreadable: int | None = Field(ge=0, description="this version of edged cannot follow them")
    overdue: int | None = Field(ge=0, description="what was due by a legal day is not on record")
    due_soon: int | None = Field(ge=0, description="something is due within two days, nothing overdue")
    not_held: int | None = Field(ge=0, description="part of the footage that they ask for is not held")
    viewing_open: int | None = Field(ge=0, description="footage is being viewed by them")
    to_erase: int | None = Field(ge=0, description="their persons are to be erased, which two persons have to confirm")
    requests_open: int | None = Field(default=None, ge=0, description="not closed, whatever was decided; since 1.4")
    overdue_by_office: int | None = Field(
        default=None,
        ge=0,
        description="with the reply, or the signature of what was granted by word; since 1.4",
    )
    year: int | None = Field(
        default=None,
        ge=0,
        description="the present one of the Republic (115 is 2026), of which the next fields are; since 1.4",
    )
    year_received: int | None = Field(
        default=None, ge=0, description="of 收文 in this year, as those up to `year_late`; since 1.4"
    )
    year_deciding: int | None = Field(default=None, ge=0, description="since 1.4")
    year_granted: int | None = Field(default=None, ge=0, description="since 1.4")
    year_in_part: int | None = Field(default=None, ge=0, description="granted, but less than was asked for; since 1.4")
    year_refused: int | None = Field(default=None, ge=0, description="since 1.4")
    year_withdrawn: int | None = Field(default=None, ge=0, description="since 1.4")
    year_referred: int | None = Field(
        default=None, ge=0, description="nobody decides about them: who asked was told whom to turn to; since 1.4"
    )
    year_late: int | None = Field(
        default=None,
        ge=0,
        description="what the office owed came after its last day, or has not and that is over; since 1.4",
    )
    year_viewings: int | None = Field(
        default=None, ge=0, description="that began in this year, whenever their requests were received; since 1.4"
    )
    year_copies: int | None = Field(
        default=None, ge=0, description="that left the office in this year, likewise; since 1.4"
    )

    def topic(self, node: str) -> str:
        return office_topic(node)


def status_topic(node: str) -> str:
    return up(node, "status")


def birth_topic(node: str) -> str:
    return up(node, "birth")


def heartbeat_topic(node: str) -> str:
    return up(node, "heartbeat")


def camera_health_topic(node: str, camera: str) -> str:
    return up(node, "cam", camera, "health")


def camera_retention_topic(node: str, camera: str) -> str:
    return up(node, "cam", camera, "retention")


def storage_topic(node: str, volume: str) -> str:
    return up(node, "storage", volume)


def alarm_topic(node: str, key: str) -> str:
    return up(node, "alarm", level(key))


def pin_topic(node: str, pin: str) -> str:
    return up(node, "pin", pin)


def fault_topic(node: str, fault: str) -> str:
    return up(node, "fault", fault)


def maintenance_topic(node: str) -> str:
    return up(node, "maintenance")


def ledger_checkpoint_topic(node: str) -> str:
    return up(node, "ledger", "checkpoint")


def compliance_topic(node: str) -> str:
    return up(node, "compliance")


def office_topic(node: str) -> str:
    return up(node, "office")


def publication(node: str, payload: Payload) -> Publication:
    """The payload as it goes out under this node's name."""
    return Publication(
        topic=payload.topic(node),
        payload=payload.model_dump_json().encode(),
        qos=payload.qos,
        retain=payload.retain,
        expiry_s=payload.expiry_s,
    )


def tombstone(topic: str) -> Publication:
    """Takes a retained topic away from the broker."""
    return Publication(topic=topic, payload=b"", qos=1, retain=True)


def will(node: str, *, boot: str, epoch: int, ts: int) -> Publication:
    """What the broker says for us when we are gone without a word."""
    return publication(node, Status(ts=ts, epoch=epoch, seq=0, state="offline", boot=boot))


def stopping(last_will: Publication, ts: int) -> Publication:
    """The farewell of the same run that wrote `last_will`."""
    status = Status.model_validate_json(last_will.payload)
    farewell = status.model_copy(update={"state": "stopping", "ts": ts})
    return Publication(topic=last_will.topic, payload=farewell.model_dump_json().encode(), qos=1, retain=True)


def level(name: str) -> str:
    """A name as one level of a topic: what cannot stand there as %XX of its UTF-8, and so the % itself."""
    return _UNFIT.sub(lambda one: "".join(f"%{byte:02X}" for byte in one[0].encode("utf-8", "surrogatepass")), name)


_UNFIT: Final = re.compile("[%/+#$\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""What separates, matches, begins a topic of the broker's own, or has brokers close the connection (MQTT 5, 1.5.4)."""


def up(node: str, *levels: str) -> str:
    """A topic of ours. ValueError for levels that no topic can have."""
    for level in (node, *levels):
        if not level or level.startswith("$") or any(sign in level for sign in "/+#\0"):
            raise ValueError(f"{level!r} cannot be a level of a topic: not empty, no leading $, none of / + # NUL")
    return "/".join((ROOT, node, "up", *levels))
