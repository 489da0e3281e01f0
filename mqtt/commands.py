"""What the centre may tell a box to do, and whether a message is such a command. Pure.

First the words: verbs with their arguments, the command that is signed, and the answer. A command is JSON whose exact
bytes are signed with Ed25519, in a DSSE envelope. The list of verbs is closed: nothing deletes, shortens, releases,
views, reconfigures or fetches (S14). What a verb does is decided in edged.

Then `validate`: a message in, an order or a refusal out. Nothing that a message says is believed, nor looked at more
closely than need be, before its signature holds. An answer is due where the key is known, the signature holds and the
command is for this box: whoever else is refused hears nothing, so that nobody makes boxes shout. Times are held against
the box's own clock, synchronised or not: it is the only one it has, and its answers tell what it says. What was taken
before is not known here (`storage.tickets.commands_table`).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mqtt.contract.messages import CODE, ROOT, VALUES, Payload, Values
from storage.ledger import note
from storage.words.message import Message, Value, message

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


class SignedCommand(_Closed):
    """What is signed. `args` are those of its verb (`ARGS`)."""

    model_config = ConfigDict(title="Command")

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
    code: str = Field(default="", description=CODE)
    values: Values = Field(default={}, description=VALUES)

    def topic(self, node: str) -> str:
        return reply_topic(node, self.requester)


def command_topic(node: str, verb: str) -> str:
    """Where a command goes; with `+` for the verb, where a box hears all of them."""
    return f"{ROOT}/{node}/dn/cmd/{verb}"


def reply_topic(node: str, requester: str) -> str:
    return f"{ROOT}/{node}/up/reply/{requester}"


def written(command: SignedCommand) -> bytes:
    """As it is signed. Any JSON of the same content would do: what counts is the bytes."""
    return rfc8785.dumps(command.model_dump(mode="json", by_alias=True))


def signed(payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """The message: an envelope around exactly these bytes."""
    public = key.public_key().public_bytes_raw()
    return rfc8785.dumps(note.envelope(PAYLOAD_TYPE, payload, public, key.sign))


MAX_BYTES: Final = 16 << 10
"""Of a message; one that pins 256 cameras has 12 kB."""
DEPTH_MAX: Final = 8
"""Objects and lists in each other; an envelope has 3."""
AHEAD_MAX_MS: Final = 120_000
"""The centre's clock may be so far ahead of the box's."""
LIFETIME_MAX_MS: Final = 3_600_000
"""Longer than that nobody waits; what a broker holds back for longer is stale."""
WORDS_MAX: Final = 300
"""Characters of a refusal."""
UNHEARD: Final = frozenset({Reason.WRONG_NODE})
"""Refusals that even a command of a known key gets no answer to: its box is another one, which answers itself."""


@dataclass(frozen=True, slots=True)
class Commander:
    """A key of the centre, as configured."""

    name: str
    public: bytes
    verbs: frozenset[Verb]
    until_ms: int | None = None
    """Wall time from which on it is good for nothing."""

    @property
    def key_id(self) -> str:
        return note.key_id(self.public)


Commanders = Mapping[str, Commander]
"""By `key_id`."""


@dataclass(frozen=True, slots=True)
class ValidCommand:
    """A command that may be done, if it was not taken before."""

    commander: Commander
    command: SignedCommand
    verb: Verb
    args: Args


@dataclass(frozen=True, slots=True)
class Refusal:
    """`command`: to be answered; None: no answer is due. `commander`: whose key signed it, as far as that is proven."""

    reason: Reason
    words: Message
    commander: Commander | None = None
    command: SignedCommand | None = None


class _Refused(Exception):
    def __init__(self, reason: Reason, words: Message) -> None:
        super().__init__(words)
        self.refusal = Refusal(reason, words)


def validate(
    verb: str, message: bytes, retained: bool, node: str, commanders: Commanders, now_ms: int
) -> ValidCommand | Refusal:
    """`verb`: the last level of the topic it came on. `now_ms`: the box's wall clock."""
    commander: Commander | None = None
    command: SignedCommand | None = None
    try:
        commander, payload = _vouched(message, commanders)
        command = _command(payload, node)
        _fresh(command, retained, now_ms)
        known = _permitted(command, verb, commander, now_ms)
        return ValidCommand(commander, command, known, _args(known, command))
    except _Refused as refused:
        refusal = refused.refusal
        due = None if refusal.reason in UNHEARD else command
        return Refusal(refusal.reason, plain(refusal.words), commander, due)


def _vouched(sent: bytes, commanders: Commanders) -> tuple[Commander, bytes]:
    """Whose key signed it, and what exactly was signed."""
    if len(sent) > MAX_BYTES:
        words = message(
            "command.too-big",
            "the message has {count} bytes, and at most {most} are taken",
            count=len(sent),
            most=MAX_BYTES,
        )
        raise _Refused(Reason.TOO_BIG, words)
    envelope = _read(sent, message("command.the-message", "the message"))
    if not isinstance(envelope, dict) or envelope.keys() != {"payload", "payloadType", "signatures"}:
        words = message("command.no-envelope", "the message is no DSSE envelope: payload, payloadType, signatures")
        raise _Refused(Reason.NO_ENVELOPE, words)
    if envelope["payloadType"] != PAYLOAD_TYPE:
        words = message("command.wrong-type", "the payload is not of type {type}", type=PAYLOAD_TYPE)
        raise _Refused(Reason.NO_ENVELOPE, words)
    signatures = envelope["signatures"]
    if signatures == []:
        raise _Refused(Reason.UNSIGNED, message("command.unsigned", "the command is not signed"))
    if not isinstance(signatures, list) or len(signatures) != 1 or not _is_signature(signatures[0]):
        words = message("command.signatures", "the envelope has not one signature of keyid and sig")
        raise _Refused(Reason.NO_ENVELOPE, words)
    commander = commanders.get(signatures[0]["keyid"])
    if commander is None:
        words = message("command.unknown-key", "the command is signed with a key that this box does not know")
        raise _Refused(Reason.UNKNOWN_KEY, words)
    payload = _unbase64(envelope["payload"])
    try:
        signature = _unbase64(signatures[0]["sig"])
        Ed25519PublicKey.from_public_bytes(commander.public).verify(signature, note.pae(PAYLOAD_TYPE, payload))
    except (InvalidSignature, ValueError):
        words = message("command.wrong-signature", "the signature is not of this key over these bytes")
        raise _Refused(Reason.WRONG_SIGNATURE, words) from None
    return commander, payload


def _is_signature(given: Any) -> bool:
    return isinstance(given, dict) and given.keys() == {"keyid", "sig"} and isinstance(given["keyid"], str)


def _command(payload: bytes, node: str) -> SignedCommand:
    """For this box."""
    content = _read(payload, message("command.the-payload", "the signed payload"))
    try:
        command = SignedCommand.model_validate(content)
    except ValidationError as error:
        words = message("command.malformed", "the signed payload is no command: {error}", error=_first(error))
        raise _Refused(Reason.MALFORMED, words) from None
    if command.node != node:
        words = message(
            "command.wrong-node", "the command is for {other}, and this box is {node}", other=command.node, node=node
        )
        raise _Refused(Reason.WRONG_NODE, words)
    return command


def _fresh(command: SignedCommand, retained: bool, now_ms: int) -> None:
    if retained:
        words = message(
            "command.retained", "a command must not be retained: the broker would give it out again and again"
        )
        raise _Refused(Reason.RETAINED, words)
    if not 0 < command.expires_ms - command.issued_ms <= LIFETIME_MAX_MS:
        words = message(
            "command.too-long",
            "it must expire after it is issued, and within {minutes} minutes",
            minutes=LIFETIME_MAX_MS // 60_000,
        )
        raise _Refused(Reason.TOO_LONG, words)
    if command.issued_ms > now_ms + AHEAD_MAX_MS:
        words = message(
            "command.early",
            "by the clock of this box it is issued in {seconds} s",
            seconds=f"{(command.issued_ms - now_ms) / 1000:.0f}",
        )
        raise _Refused(Reason.EARLY, words)
    if now_ms >= command.expires_ms:
        words = message(
            "command.expired",
            "by the clock of this box it expired {seconds} s ago",
            seconds=f"{(now_ms - command.expires_ms) / 1000:.0f}",
        )
        raise _Refused(Reason.EXPIRED, words)


def _permitted(command: SignedCommand, verb: str, commander: Commander, now_ms: int) -> Verb:
    if command.verb != verb:
        words = message(
            "command.wrong-verb",
            "it was sent as {sent}, and {signed} was signed",
            sent=plain(verb),
            signed=command.verb,
        )
        raise _Refused(Reason.WRONG_VERB, words)
    if command.verb not in set(Verb):
        words = message(
            "command.unknown-verb",
            "there is no verb {verb}; there are {verbs}",
            verb=command.verb,
            verbs=[one.value for one in Verb],
        )
        raise _Refused(Reason.UNKNOWN_VERB, words)
    if commander.until_ms is not None and now_ms >= commander.until_ms:
        raise _Refused(Reason.KEY_EXPIRED, message("command.key-expired", "the time of this key is over"))
    known = Verb(command.verb)
    if known not in commander.verbs:
        words = message(
            "command.not-allowed",
            "this key may not {verb}; it may {verbs}",
            verb=known.value,
            verbs=sorted(one.value for one in commander.verbs),
        )
        raise _Refused(Reason.NOT_ALLOWED, words)
    return known


def _args(verb: Verb, command: SignedCommand) -> Args:
    try:
        found: Args = ARGS[verb].validate_python(command.args)
    except ValidationError as error:
        words = message(
            "command.bad-args", "the arguments of {verb} are wrong: {error}", verb=verb.value, error=_first(error)
        )
        raise _Refused(Reason.BAD_ARGS, words) from None
    return found


def _read(data: bytes, what: Message) -> Any:
    """As JSON that every reader takes for the same: UTF-8 without a mark, no key twice, no NaN, not deep."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _Refused(Reason.ENCODING, message("command.not-utf8", "{what} is not UTF-8", what=what)) from None
    if text.startswith("\ufeff"):
        words = message("command.mark", "{what} begins with a byte order mark, which JSON has not", what=what)
        raise _Refused(Reason.ENCODING, words)
    if _depth(data) > DEPTH_MAX:
        words = message("command.too-deep", "{what} is nested deeper than {most} levels", what=what, most=DEPTH_MAX)
        raise _Refused(Reason.TOO_DEEP, words)
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _Refused(Reason.NOT_JSON, message("command.not-json", "{what} is not JSON", what=what)) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _depth(data: bytes) -> int:
    """Of brackets outside of texts; counted before anything is built of them."""
    depth = most = 0
    in_text = escaped = False
    for sign in data:
        if in_text:
            in_text, escaped = escaped or sign != 0x22, not escaped and sign == 0x5C
        elif sign == 0x22:
            in_text = True
        elif sign in b"[{":
            depth += 1
            most = max(most, depth)
        elif sign in b"]}":
            depth -= 1
    return most


def _unbase64(text: Any) -> bytes:
    """As base64 writes it, and in no other way: some have bits to spare."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        data, text = b"", None
    if base64.b64encode(data).decode() != text:
        raise _Refused(Reason.NO_ENVELOPE, message("command.not-base64", "payload and sig are not base64"))
    return data


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "all of it"
    return f"{where}: {first['msg']}"


def plain(words: str) -> Message:
    """What may hold anything that somebody sent, as one short line."""
    line = "".join(sign if sign.isprintable() else "?" for sign in words[:WORDS_MAX])
    if not isinstance(words, Message):
        return Message(line)
    return Message(line, words.code, {name: _plain(value) for name, value in words.values.items()})


def _plain(value: Value) -> Value:
    if isinstance(value, list):
        return [plain(one) for one in value]
    return plain(value) if isinstance(value, str) else value
