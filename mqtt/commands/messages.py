"""What the centre may tell a box to do: verbs with their arguments, the command that is signed, and the answer. Pure.

A command is JSON whose exact bytes are signed with Ed25519, in a DSSE envelope. The list of verbs is closed: nothing
deletes, shortens, releases, views, reconfigures or fetches (S14). What is taken and what is refused is decided in
`mqtt.commands.validation`; what a verb does, in edged.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from mqtt.contract.messages import ROOT, Payload
from storage.ledger import dsse

PAYLOAD_TYPE: Final = "application/vnd.edged.command+json"
COUNTER_MAX: Final = 2**53 - 1
"""The largest whole number that every reader of JSON takes exactly."""
CAMERAS_MAX: Final = 256
REPLY_EXPIRY_S: Final = 3600
"""No command lives longer, so nobody waits longer for what became of it (MQTT 5 only)."""


class Verb(StrEnum):
    """All there are. One that could cost footage, show it, or change what holds has no place here."""

    REBIRTH = "rebirth"
    """Say status, birth and all state again."""
    STATUS = "status"
    PIN = "pin"
    """Place one, or ask for its extension."""
    ALARM_ACK = "alarm-ack"
    DIAGNOSTICS = "diagnostics"
    CAMERA_RECONNECT = "camera-reconnect"
    RESTART = "restart"
    CONSISTENCY_PROOF = "consistency-proof"


class Reason(StrEnum):
    """Why a command was refused, or nothing came of it. Codes are only ever added."""

    RETAINED = "retained"
    TOO_BIG = "too-big"
    ENCODING = "encoding"
    NOT_JSON = "not-json"
    TOO_DEEP = "too-deep"
    NO_ENVELOPE = "no-envelope"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown-key"
    WRONG_SIGNATURE = "wrong-signature"
    MALFORMED = "malformed"
    WRONG_NODE = "wrong-node"
    WRONG_VERB = "wrong-verb"
    UNKNOWN_VERB = "unknown-verb"
    KEY_EXPIRED = "key-expired"
    NOT_ALLOWED = "not-allowed"
    EXPIRED = "expired"
    EARLY = "early"
    TOO_LONG = "too-long"
    """It would be valid for longer than any command may be."""
    BAD_ARGS = "bad-args"
    REPLAYED = "replayed"
    TOO_OFTEN = "too-often"
    BUSY = "busy"
    """Others are being done, or what does it cannot be asked now: later it may be done."""
    NOT_POSSIBLE = "not-possible"
    """As things are on this box."""
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """edged ended while it was being done."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True)


def instant_ms(text: str) -> int:
    """RFC 3339 to milliseconds since 1970. ValueError for anything else, and for a time without a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return round(moment.astimezone(UTC).timestamp() * 1000)


def _time(text: str) -> str:
    try:
        wall_ms = instant_ms(text)
    except (ValueError, OverflowError):
        raise ValueError("not a time such as 2026-05-01T08:00:00Z") from None
    if wall_ms < 0:
        raise ValueError("before 1970, when nothing was recorded")
    return text


def _line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("not one line of plain text")
    return text


Id = Annotated[str, Field(pattern=r"^[0-9a-f]{16,32}$", description="random; names this command, once and for all")]
"""Hexadecimal, so that it can go on record where no name may."""
Level = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
"""Of a topic."""
CameraId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
Time = Annotated[str, Field(max_length=40), AfterValidator(_time)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_line)]
Milliseconds = Annotated[int, Field(ge=0, le=COUNTER_MAX)]


class Command(_Closed):
    """What is signed. `args` are those of its verb (`ARGS`)."""

    node: Level
    verb: Annotated[str, Field(pattern=r"^[a-z-]{1,32}$")]
    id: Id
    requester: Level = Field(description="last level of the topic on which the answer is waited for")
    issued_ms: Milliseconds = Field(description="since 1970")
    expires_ms: Milliseconds = Field(description="since 1970; at most an hour after issued_ms")
    counter: int = Field(ge=1, le=COUNTER_MAX, description="larger than that of any command of this key before")
    args: dict[str, Any]


class Nothing(_Closed):
    """Of verbs that need no more."""


class PinPlace(_Closed):
    do: Literal["place"]
    cameras: Annotated[list[CameraId], Field(min_length=1, max_length=CAMERAS_MAX)]
    start: Time = Field(alias="from")
    end: Time = Field(alias="to")
    ground: Literal["law", "investigation", "internal"]
    reference: Line = Field(default="", description="article of the law, or number of the letter")
    case: Line
    approver: Line = Field(description="who is to answer for it")
    until: Time | None = Field(default=None, description="left out: as long as the box's [pins] default says")


class PinExtend(_Closed):
    do: Literal["extend"]
    pin: Annotated[str, Field(pattern=r"^P-[0-9]{8}-[0-9A-Z]{4}$")]
    until: Time
    reason: Annotated[Line, Field(min_length=1)]


class AlarmAck(_Closed):
    key: Annotated[Line, Field(min_length=1)]
    occurrence: Annotated[str, Field(pattern=r"^[0-9]{1,16}:[0-9]{1,16}$")] = Field(
        description="the one that was seen: a later one stays unacknowledged"
    )


class CameraReconnect(_Closed):
    camera: CameraId


class ConsistencyProof(_Closed):
    origin: Annotated[Line, Field(max_length=128)] | None = Field(default=None, description="left out: the present one")
    first_size: int = Field(ge=1, le=COUNTER_MAX)
    second_size: int = Field(ge=1, le=COUNTER_MAX)


Args = Nothing | PinPlace | PinExtend | AlarmAck | CameraReconnect | ConsistencyProof

MODELS: Final[Mapping[Verb, tuple[type[BaseModel], ...]]] = {
    Verb.REBIRTH: (Nothing,),
    Verb.STATUS: (Nothing,),
    Verb.PIN: (PinPlace, PinExtend),
    Verb.ALARM_ACK: (AlarmAck,),
    Verb.DIAGNOSTICS: (Nothing,),
    Verb.CAMERA_RECONNECT: (CameraReconnect,),
    Verb.RESTART: (Nothing,),
    Verb.CONSISTENCY_PROOF: (ConsistencyProof,),
}
"""What `args` may be; where there are several, `do` tells which."""
_PIN: Final[TypeAdapter[Any]] = TypeAdapter(Annotated[PinPlace | PinExtend, Field(discriminator="do")])
ARGS: Final[Mapping[Verb, TypeAdapter[Any]]] = {
    verb: _PIN if verb is Verb.PIN else TypeAdapter(models[0]) for verb, models in MODELS.items()
}


class State(StrEnum):
    """What became of a command."""

    ACCEPTED = "accepted"
    """On record, and being done."""
    DONE = "done"
    REJECTED = "rejected"
    INTERRUPTED = "interrupted"
    """edged ended while it was being done: nobody knows how far it came. It is not done again."""

    @property
    def is_final(self) -> bool:
        return self is not State.ACCEPTED


class Reply(Payload):
    """`up/reply/<requester>`: what became of a command. Said while the link stands; the event `command` is not lost."""

    retain: ClassVar[bool] = False
    expiry_s: ClassVar[int | None] = REPLY_EXPIRY_S

    id: str = Field(description="of the command")
    verb: str
    requester: str
    state: Literal["accepted", "done", "rejected", "interrupted"]
    reason: str = Field(description="why it was rejected, as a code; empty when it was not")
    text: str = Field(description="the same as a sentence, or what was done")
    clock_synced: bool = Field(description="whether the box's clock, of which ts is told, is synchronised")
    result: dict[str, Any] = Field(description="what the verb answers with; empty until it is done")

    def topic(self, node: str) -> str:
        return reply_topic(node, self.requester)


def command_topic(node: str, verb: str) -> str:
    """Where a command goes; with `+` for the verb, where a box hears all of them."""
    return f"{ROOT}/{node}/dn/cmd/{verb}"


def reply_topic(node: str, requester: str) -> str:
    return f"{ROOT}/{node}/up/reply/{requester}"


def written(command: Command) -> bytes:
    """As it is signed. Any JSON of the same content would do: what counts is the bytes."""
    return rfc8785.dumps(command.model_dump(mode="json", by_alias=True))


def signed(payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """The message: an envelope around exactly these bytes."""
    public = key.public_key().public_bytes_raw()
    return rfc8785.dumps(dsse.envelope(PAYLOAD_TYPE, payload, public, key.sign))
