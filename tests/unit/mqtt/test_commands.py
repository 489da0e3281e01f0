"""Which messages of the centre are obeyed: each way to be refused, and nothing else."""

from __future__ import annotations

import base64
import json
import random
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt import commands
from mqtt.commands import ARGS, Reason, Refusal, ValidCommand, Verb, validate
from storage.ledger import note
from tests.support.commanding import NEEDED, NODE, NOW_MS, Desk

DESK: Final = Desk()
STRANGER: Final = Desk("stranger")
KNOWN: Final = {DESK.commander().key_id: DESK.commander()}
ANSWERED: Final = {
    Reason.RETAINED, Reason.TOO_LONG, Reason.EARLY, Reason.EXPIRED, Reason.WRONG_VERB, Reason.UNKNOWN_VERB,
    Reason.KEY_EXPIRED, Reason.NOT_ALLOWED, Reason.BAD_ARGS,
}  # fmt: skip
"""Refusals of a key that is known, of a command that is for this box."""


def judged(
    message: bytes, verb: str = "status", *, retained: bool = False, now_ms: int = NOW_MS
) -> ValidCommand | Refusal:
    return validate(verb, message, retained, NODE, KNOWN, now_ms)


def refused(message: bytes, verb: str = "status", *, retained: bool = False, now_ms: int = NOW_MS) -> Refusal:
    found = judged(message, verb, retained=retained, now_ms=now_ms)
    assert isinstance(found, Refusal)
    return found


def changed(message: bytes, **changes: Any) -> bytes:
    """The envelope, but for these fields."""
    return json.dumps(json.loads(message) | changes).encode()


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


GOOD: Final = DESK.signed("status")
SIGNATURE: Final = json.loads(GOOD)["signatures"][0]
REFUSED: Final[dict[str, tuple[Reason, bytes]]] = {
    "nothing": (Reason.NOT_JSON, b""),
    "no JSON": (Reason.NOT_JSON, b"restart please"),
    "cut off": (Reason.NOT_JSON, GOOD[:-1]),
    "NaN": (Reason.NOT_JSON, b'{"payload": NaN}'),
    "a key twice": (Reason.NOT_JSON, GOOD[:-1] + b',"payload":"e30="}'),
    "a number of 5000 digits": (Reason.NOT_JSON, b"1" * 5000),
    "too big": (Reason.TOO_BIG, b" " * commands.MAX_BYTES + b"{}"),
    "UTF-16": (Reason.ENCODING, GOOD.decode().encode("utf-16")),
    "a byte order mark": (Reason.ENCODING, b"\xef\xbb\xbf" + GOOD),
    "Big5": (Reason.ENCODING, "重新啟動".encode("big5")),
    "deep": (Reason.TOO_DEEP, deep(commands.DEPTH_MAX + 1)),
    "very deep": (Reason.TOO_DEEP, deep(commands.MAX_BYTES // 2)),
    "deep within the payload": (Reason.TOO_DEEP, DESK.around(deep(100))),
    "a list": (Reason.NO_ENVELOPE, b"[]"),
    "a bare command": (Reason.NO_ENVELOPE, json.dumps(DESK.content("restart")).encode()),
    "more than an envelope": (Reason.NO_ENVELOPE, changed(GOOD, more=1)),
    "another type": (Reason.NO_ENVELOPE, changed(GOOD, payloadType="application/vnd.edged.export+json")),
    "two signatures": (Reason.NO_ENVELOPE, changed(GOOD, signatures=[SIGNATURE, SIGNATURE])),
    "a signature that is none": (Reason.NO_ENVELOPE, changed(GOOD, signatures=["x"])),
    "no base64": (Reason.NO_ENVELOPE, changed(GOOD, payload="é!")),
    "a payload that is no text": (Reason.NO_ENVELOPE, changed(GOOD, payload=7)),
    "unsigned": (Reason.UNSIGNED, changed(GOOD, signatures=[])),
    "a stranger's key": (Reason.UNKNOWN_KEY, STRANGER.signed("status")),
    "a stranger under a known name": (
        Reason.WRONG_SIGNATURE,
        changed(STRANGER.signed("status"), signatures=[
            json.loads(STRANGER.signed("status"))["signatures"][0] | {"keyid": DESK.commander().key_id}
        ]),
    ),
    "other bytes of the same content": (
        Reason.WRONG_SIGNATURE,
        changed(GOOD, payload=base64.b64encode(base64.b64decode(json.loads(GOOD)["payload"]) + b" ").decode()),
    ),
    "an empty signature": (Reason.WRONG_SIGNATURE, changed(GOOD, signatures=[SIGNATURE | {"sig": ""}])),
    "a signature of something else": (
        Reason.WRONG_SIGNATURE,
        json.dumps(note.envelope("text/plain", b"{}", KNOWN.popitem()[1].public, DESK.key.sign)
                   | {"payloadType": commands.PAYLOAD_TYPE}).encode(),
    ),
    "no command": (Reason.MALFORMED, DESK.around(b"{}")),
    "no counter": (Reason.MALFORMED, DESK.signed("status", counter=...)),
    "a counter that is a text": (Reason.MALFORMED, DESK.signed("status", counter="1")),
    "a counter that is true": (Reason.MALFORMED, DESK.signed("status", counter=True)),
    "a requester that is a topic": (Reason.MALFORMED, DESK.signed("status", requester="a/b")),
    "a requester that is a filter": (Reason.MALFORMED, DESK.signed("status", requester="#")),
    "a field more": (Reason.MALFORMED, DESK.signed("status", more=1)),
    "half a character": (Reason.MALFORMED, DESK.around(b'{"node": "\\ud800"}')),
    "another box": (Reason.WRONG_NODE, DESK.signed("status", node="other-node")),
    "signed for another verb": (Reason.WRONG_VERB, DESK.signed("restart")),
    "valid for too long": (Reason.TOO_LONG, DESK.signed("status", expires_ms=NOW_MS + commands.LIFETIME_MAX_MS + 1)),
    "expired before it is issued": (Reason.TOO_LONG, DESK.signed("status", expires_ms=NOW_MS)),
    "issued too early": (
        Reason.EARLY,
        DESK.signed("status", issued_ms=NOW_MS + commands.AHEAD_MAX_MS + 1, expires_ms=NOW_MS + 200_000),
    ),
    "expired": (Reason.EXPIRED, DESK.signed("status", issued_ms=NOW_MS - 1000, expires_ms=NOW_MS)),
    "arguments of another verb": (Reason.BAD_ARGS, DESK.signed("status", args=NEEDED[Verb.PIN])),
}  # fmt: skip
KNOWN[DESK.commander().key_id] = DESK.commander()


@pytest.mark.parametrize(("reason", "message"), REFUSED.values(), ids=REFUSED)
def test_each_is_refused_with_its_reason_and_a_sentence(reason: Reason, message: bytes) -> None:
    found = refused(message)
    assert found.reason is reason
    assert found.words
    assert found.words.code.startswith("command.")
    assert found.words.isprintable()
    assert len(found.words) <= commands.WORDS_MAX
    assert (found.command is not None) == (reason in ANSWERED)
    proven = ANSWERED | {Reason.WRONG_NODE, Reason.MALFORMED}
    assert (found.commander is not None) == (reason in proven or message == REFUSED["deep within the payload"][1])


@pytest.mark.parametrize("verb", Verb)
def test_right_ones_are_obeyed(verb: Verb) -> None:
    found = judged(DESK.signed(verb), verb)
    assert isinstance(found, ValidCommand)
    assert (found.verb, found.commander.name) == (verb, "city-noc")


def test_the_exact_bytes_count_not_their_order_or_blanks() -> None:
    content = DESK.content("status")
    for payload in (json.dumps(content, indent=3), json.dumps(dict(reversed(content.items())))):
        assert isinstance(judged(DESK.around(payload.encode())), ValidCommand)


def test_retained_ones_are_refused_and_answered() -> None:
    found = refused(GOOD, retained=True)
    assert (found.reason, found.command is not None) == (Reason.RETAINED, True)
    assert refused(b"x", retained=True).reason is Reason.NOT_JSON  # whom nobody vouches for hears nothing


def test_a_verb_that_there_is_not() -> None:
    for verb in ("delete", "pin-release", "reload", "export", "snapshot"):
        assert refused(DESK.signed(verb), verb).reason is Reason.UNKNOWN_VERB


def test_what_a_key_may_not_and_when_its_time_is_over() -> None:
    few = {DESK.commander().key_id: DESK.commander(Verb.STATUS, until_ms=NOW_MS + 1)}
    assert isinstance(validate("status", DESK.signed("status"), False, NODE, few, NOW_MS), ValidCommand)
    for verb, now_ms, reason in (("restart", 0, Reason.NOT_ALLOWED), ("status", 1, Reason.KEY_EXPIRED)):
        found = validate(verb, DESK.signed(verb), False, NODE, few, NOW_MS + now_ms)
        assert isinstance(found, Refusal)
        assert (found.reason, found.command is not None) == (reason, True)


def test_the_edges_of_time() -> None:
    message = DESK.signed("status", issued_ms=NOW_MS, expires_ms=NOW_MS + 60_000)
    first, last = NOW_MS - commands.AHEAD_MAX_MS, NOW_MS + 59_999
    assert isinstance(judged(message, now_ms=first), ValidCommand)
    assert isinstance(judged(message, now_ms=last), ValidCommand)
    assert refused(message, now_ms=first - 1).reason is Reason.EARLY
    assert refused(message, now_ms=last + 1).reason is Reason.EXPIRED


BAD: Final[list[tuple[Verb, dict[str, Any]]]] = [
    (Verb.REBIRTH, {"now": True}),
    (Verb.PIN, {}),
    (Verb.PIN, {"do": "release", "pin": "P-20260501-ABCD"}),
    (Verb.PIN, NEEDED[Verb.PIN] | {"cameras": []}),
    (Verb.PIN, NEEDED[Verb.PIN] | {"cameras": ["lobby"] * 257}),
    (Verb.PIN, NEEDED[Verb.PIN] | {"cameras": "lobby"}),
    (Verb.PIN, NEEDED[Verb.PIN] | {"from": "yesterday"}),
    (Verb.PIN, NEEDED[Verb.PIN] | {"from": "2026-05-01T08:00:00"}),
    (Verb.PIN, NEEDED[Verb.PIN] | {"from": "0001-01-01T00:00:00+00:00"}),
    (Verb.PIN, NEEDED[Verb.PIN] | {"from": "1970-01-01T07:59:59.999+08:00"}),
    (Verb.PIN, NEEDED[Verb.PIN] | {"ground": "curiosity"}),
    (Verb.PIN, NEEDED[Verb.PIN] | {"case": "1\n2"}),
    (Verb.PIN, {"do": "extend", "pin": "P-20260501-ABCD", "until": "0001-01-01T00:00:00+23:59", "reason": "x"}),
    (Verb.ALARM_ACK, {"key": "camera.down:lobby"}),
    (Verb.ALARM_ACK, {"key": "x", "occurrence": "latest"}),
    (Verb.CAMERA_RECONNECT, {"camera": "../lobby"}),
    (Verb.RESTART, {"force": True}),
    (Verb.CONSISTENCY_PROOF, {"first_size": 0, "second_size": 1}),
    (Verb.CONSISTENCY_PROOF, {"first_size": 1.0, "second_size": 1}),
]


@pytest.mark.parametrize(("verb", "args"), BAD)
def test_arguments_are_closed(verb: Verb, args: dict[str, Any]) -> None:
    assert refused(DESK.signed(verb, args=args), verb).reason is Reason.BAD_ARGS


def test_the_year_1970_is_the_first_one() -> None:
    args = NEEDED[Verb.PIN] | {"from": "1970-01-01T08:00:00+08:00"}
    assert isinstance(judged(DESK.signed("pin", args=args), "pin"), ValidCommand)
    assert "before 1970" in refused(DESK.signed("pin", args=args | {"from": "1969-12-31T00:00:00Z"}), "pin").words


def test_the_list_of_verbs_is_closed() -> None:
    """S14: whoever adds one comes here, and says that it deletes, shortens, releases, shows and fetches nothing."""
    assert [verb.value for verb in Verb] == [
        "rebirth", "status", "pin", "alarm-ack", "diagnostics", "camera-reconnect", "restart", "consistency-proof",
    ]  # fmt: skip
    assert ARGS.keys() == set(Verb)
    assert {model.__name__ for models in commands.MODELS.values() for model in models} == {
        "Nothing", "PinPlace", "PinExtend", "AlarmAck", "CameraReconnect", "ConsistencyProof",
    }  # fmt: skip


@given(st.binary(max_size=400), st.text(max_size=40), st.booleans())
def test_whatever_comes_is_refused(message: bytes, verb: str, retained: bool) -> None:
    assert isinstance(validate(verb, message, retained, NODE, KNOWN, NOW_MS), Refusal)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)
       | st.dictionaries(st.text(), inner)), st.sampled_from(Verb))  # fmt: skip
def test_whatever_is_signed_as_arguments_breaks_nothing(args: Any, verb: Verb) -> None:
    found = judged(DESK.signed(verb, args=args), verb)
    assert isinstance(found, Refusal) or args == {} or args == NEEDED[verb]


def test_ten_thousand_mutated_ones_are_refused() -> None:
    """Negative control: the one that is not mutated is obeyed."""
    dice = random.Random(6)
    originals = [(verb, DESK.signed(verb)) for verb in Verb]
    for _ in range(10_000):
        verb, original = dice.choice(originals)
        message = mutated(original, dice)
        found = judged(message, verb)
        if isinstance(found, ValidCommand):
            assert json.loads(message) == json.loads(original)  # blanks between what was signed, nothing else
    assert all(isinstance(judged(message, verb), ValidCommand) for verb, message in originals)


def mutated(message: bytes, dice: random.Random) -> bytes:
    """A bit, a byte, a piece: changed, taken out, doubled, moved."""
    data = bytearray(message)
    for _ in range(dice.choice((1, 1, 2, 8))):
        at, length = dice.randrange(len(data)), dice.randrange(1, 30)
        match dice.randrange(5):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                data[at] = dice.randrange(256)
            case 2 if len(data) > length:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length]
            case _:
                data[at:at] = dice.choice((b"[", b"{", b'"', b"\\", b"\0", b"\xff", b"null", b"1e999", b" "))
    return bytes(data)
