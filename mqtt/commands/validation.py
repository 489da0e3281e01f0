"""Whether a message is a command that this box obeys. Pure: values in, an order or a refusal out.

Nothing that a message says is believed, nor looked at more closely than need be, before its signature holds. An answer
is due where the key is known, the signature holds and the command is for this box: whoever else is refused hears
nothing, so that nobody makes boxes shout. Times are held against the box's own clock, synchronised or not: it is the
only one it has, and its answers tell what it says. What was taken before is not known here
(`storage.tickets.commands`).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from mqtt.commands.messages import ARGS, PAYLOAD_TYPE, Args, Command, Reason, Verb
from storage.ledger import dsse

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
        return dsse.key_id(self.public)


Commanders = Mapping[str, Commander]
"""By `key_id`."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command that may be done, if it was not taken before."""

    commander: Commander
    command: Command
    verb: Verb
    args: Args


@dataclass(frozen=True, slots=True)
class Refusal:
    """`command`: to be answered; None: no answer is due. `commander`: whose key signed it, as far as that is proven."""

    reason: Reason
    words: str
    commander: Commander | None = None
    command: Command | None = None


class _Refused(Exception):
    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.refusal = Refusal(reason, words)


def judge(verb: str, message: bytes, retained: bool, node: str, commanders: Commanders, now_ms: int) -> Order | Refusal:
    """`verb`: the last level of the topic it came on. `now_ms`: the box's wall clock."""
    commander: Commander | None = None
    command: Command | None = None
    try:
        commander, payload = _vouched(message, commanders)
        command = _command(payload, node)
        _fresh(command, retained, now_ms)
        known = _permitted(command, verb, commander, now_ms)
        return Order(commander, command, known, _args(known, command))
    except _Refused as refused:
        refusal = refused.refusal
        due = None if refusal.reason in UNHEARD else command
        return Refusal(refusal.reason, plain(refusal.words), commander, due)


def _vouched(message: bytes, commanders: Commanders) -> tuple[Commander, bytes]:
    """Whose key signed it, and what exactly was signed."""
    if len(message) > MAX_BYTES:
        raise _Refused(Reason.TOO_BIG, f"the message has {len(message)} bytes, and at most {MAX_BYTES} are taken")
    envelope = _read(message, "the message")
    if not isinstance(envelope, dict) or envelope.keys() != {"payload", "payloadType", "signatures"}:
        raise _Refused(Reason.NO_ENVELOPE, "the message is no DSSE envelope: payload, payloadType, signatures")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise _Refused(Reason.NO_ENVELOPE, f"the payload is not of type {PAYLOAD_TYPE}")
    signatures = envelope["signatures"]
    if signatures == []:
        raise _Refused(Reason.UNSIGNED, "the command is not signed")
    if not isinstance(signatures, list) or len(signatures) != 1 or not _is_signature(signatures[0]):
        raise _Refused(Reason.NO_ENVELOPE, "the envelope has not one signature of keyid and sig")
    commander = commanders.get(signatures[0]["keyid"])
    if commander is None:
        raise _Refused(Reason.UNKNOWN_KEY, "the command is signed with a key that this box does not know")
    payload = _unbase64(envelope["payload"])
    try:
        signature = _unbase64(signatures[0]["sig"])
        Ed25519PublicKey.from_public_bytes(commander.public).verify(signature, dsse.pae(PAYLOAD_TYPE, payload))
    except (InvalidSignature, ValueError):
        raise _Refused(Reason.WRONG_SIGNATURE, "the signature is not of this key over these bytes") from None
    return commander, payload


def _is_signature(given: Any) -> bool:
    return isinstance(given, dict) and given.keys() == {"keyid", "sig"} and isinstance(given["keyid"], str)


def _command(payload: bytes, node: str) -> Command:
    """For this box."""
    content = _read(payload, "the signed payload")
    try:
        command = Command.model_validate(content)
    except ValidationError as error:
        raise _Refused(Reason.MALFORMED, f"the signed payload is no command: {_first(error)}") from None
    if command.node != node:
        raise _Refused(Reason.WRONG_NODE, f"the command is for {command.node}, and this box is {node}")
    return command


def _fresh(command: Command, retained: bool, now_ms: int) -> None:
    if retained:
        raise _Refused(Reason.RETAINED, "a command must not be retained: the broker would give it out again and again")
    if not 0 < command.expires_ms - command.issued_ms <= LIFETIME_MAX_MS:
        words = f"it must expire after it is issued, and within {LIFETIME_MAX_MS // 60_000} minutes"
        raise _Refused(Reason.TOO_LONG, words)
    if command.issued_ms > now_ms + AHEAD_MAX_MS:
        ahead_s = (command.issued_ms - now_ms) / 1000
        raise _Refused(Reason.EARLY, f"by the clock of this box it is issued in {ahead_s:.0f} s")
    if now_ms >= command.expires_ms:
        raise _Refused(
            Reason.EXPIRED, f"by the clock of this box it expired {(now_ms - command.expires_ms) / 1000:.0f} s ago"
        )


def _permitted(command: Command, verb: str, commander: Commander, now_ms: int) -> Verb:
    if command.verb != verb:
        raise _Refused(Reason.WRONG_VERB, f"it was sent as {plain(verb)}, and {command.verb} was signed")
    if command.verb not in set(Verb):
        raise _Refused(Reason.UNKNOWN_VERB, f"there is no verb {command.verb}; there are {', '.join(Verb)}")
    if commander.until_ms is not None and now_ms >= commander.until_ms:
        raise _Refused(Reason.KEY_EXPIRED, "the time of this key is over")
    known = Verb(command.verb)
    if known not in commander.verbs:
        raise _Refused(Reason.NOT_ALLOWED, f"this key may not {known}; it may {', '.join(sorted(commander.verbs))}")
    return known


def _args(verb: Verb, command: Command) -> Args:
    try:
        found: Args = ARGS[verb].validate_python(command.args)
    except ValidationError as error:
        raise _Refused(Reason.BAD_ARGS, f"the arguments of {verb} are wrong: {_first(error)}") from None
    return found


def _read(data: bytes, what: str) -> Any:
    """As JSON that every reader takes for the same: UTF-8 without a mark, no key twice, no NaN, not deep."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _Refused(Reason.ENCODING, f"{what} is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise _Refused(Reason.ENCODING, f"{what} begins with a byte order mark, which JSON has not")
    if _depth(data) > DEPTH_MAX:
        raise _Refused(Reason.TOO_DEEP, f"{what} is nested deeper than {DEPTH_MAX} levels")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _Refused(Reason.NOT_JSON, f"{what} is not JSON") from None


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
        raise _Refused(Reason.NO_ENVELOPE, "payload and sig are not base64")
    return data


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "all of it"
    return f"{where}: {first['msg']}"


def plain(words: str) -> str:
    """What may hold anything that somebody sent, as one short line."""
    return "".join(sign if sign.isprintable() else "?" for sign in words[:WORDS_MAX])
