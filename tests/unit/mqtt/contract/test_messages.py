"""The contract with the centre: topics, delivery, closed payloads, schemas that match, nothing that is not named."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mqtt.contract import messages
from mqtt.contract.messages import Publication, Sequence
from script.generate import asyncapi, examples

NODE = "wenshan-main"
SCHEMAS = asyncapi.schemas()
ID = "7b1e2c44-0d5a-4f5e-8c55-0a8d3a4b9c10"


TOPICS = {
    "status": "edged/v1/wenshan-main/up/status",
    "birth": "edged/v1/wenshan-main/up/birth",
    "heartbeat": "edged/v1/wenshan-main/up/heartbeat",
    "camera-health": "edged/v1/wenshan-main/up/cam/lobby/health",
    "camera-retention": "edged/v1/wenshan-main/up/cam/lobby/retention",
    "storage": "edged/v1/wenshan-main/up/storage/" + ID,
    "alarm": "edged/v1/wenshan-main/up/alarm/camera.down:lobby",
    "pin": "edged/v1/wenshan-main/up/pin/P-20260506-AB23",
    "reply": "edged/v1/wenshan-main/up/reply/centre-1",
    "ledger-checkpoint": "edged/v1/wenshan-main/up/ledger/checkpoint",
}


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_topic_and_delivery(name: str) -> None:
    sent = messages.publication(NODE, examples.PAYLOADS[name])
    assert sent.topic == TOPICS[name]
    if name == "heartbeat":
        assert (sent.qos, sent.retain, sent.expiry_s) == (0, False, 180)
    elif name == "reply":
        assert (sent.qos, sent.retain, sent.expiry_s) == (1, False, 3600)
    else:
        assert (sent.qos, sent.retain, sent.expiry_s) == (1, True, None)


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_payload_matches_its_schema_and_is_flat(name: str) -> None:
    document = json.loads(messages.publication(NODE, examples.PAYLOADS[name]).payload)
    jsonschema.validate(document, SCHEMAS[name])
    assert {"ts", "epoch", "seq"} <= document.keys()
    for field, value in document.items():
        if field == "result" or field.endswith("values"):  # of a command's verb, or of words for people
            continue
        scalars = value if isinstance(value, list) else [value]
        assert all(scalar is None or isinstance(scalar, str | int | float | bool) for scalar in scalars)


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_an_unnamed_field_is_refused_here_and_by_the_schema(name: str) -> None:
    payload = examples.PAYLOADS[name]
    document = payload.model_dump() | {"password": "secret"}
    with pytest.raises(ValidationError):
        type(payload).model_validate(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMAS[name])


def test_a_chinese_name_travels_as_it_is() -> None:
    assert "文山區戶政事務所".encode() in messages.publication(NODE, examples.PAYLOADS["birth"]).payload


@pytest.mark.parametrize(
    ("field", "value"),
    [("fps", float("nan")), ("fps", float("inf")), ("gaps_24h", "2"), ("coverage_24h", 1.5), ("state", "fine")],
)
def test_what_is_not_exact_is_refused(field: str, value: object) -> None:
    document: dict[str, Any] = examples.PAYLOADS["camera-health"].model_dump() | {field: value}
    with pytest.raises(ValidationError):
        messages.CameraHealth.model_validate(document)


def test_sequence_counts_from_one_within_its_epoch() -> None:
    sequence = Sequence(epoch=3)
    assert [sequence.stamp(ts) for ts in (10, 5)] == [
        {"ts": 10, "epoch": 3, "seq": 1},
        {"ts": 5, "epoch": 3, "seq": 2},
    ]


def test_will_and_farewell_name_the_run_they_belong_to() -> None:
    will = messages.will(NODE, boot="b0", epoch=7, ts=1000)
    farewell = messages.stopping(will, 2000)
    assert (will.topic, will.qos, will.retain) == (farewell.topic, farewell.qos, farewell.retain)
    assert will.topic == TOPICS["status"]
    assert (will.qos, will.retain) == (1, True)
    assert json.loads(will.payload) == {"state": "offline", "boot": "b0", "ts": 1000, "epoch": 7, "seq": 0}
    assert json.loads(farewell.payload) == {"state": "stopping", "boot": "b0", "ts": 2000, "epoch": 7, "seq": 0}


def test_a_tombstone_is_empty_and_retained() -> None:
    topic = messages.camera_health_topic(NODE, "lobby")
    assert messages.tombstone(topic) == Publication(topic, b"", 1, True)


@pytest.mark.parametrize("level", ["", "a/b", "+", "a#", "a\0b", "$SYS"])
def test_an_id_cannot_leave_its_level(level: str) -> None:
    with pytest.raises(ValueError, match="level of a topic"):
        messages.camera_health_topic(NODE, level)
    with pytest.raises(ValueError, match="level of a topic"):
        messages.status_topic(level)


@pytest.mark.parametrize(
    ("key", "at"),
    [
        ("camera.down:lobby", "camera.down:lobby"),
        ("device.fault:[fd00::1]:554", "device.fault:[fd00::1]:554"),
        ("internal:a/b+c#d%e", "internal:a%2Fb%2Bc%23d%25e"),
        ("$x\0\x7f\u0085\ud800\uffff", "%24x%00%7F%C2%85%ED%A0%80%EF%BF%BF"),
        ("錄影", "錄影"),
    ],
)
def test_a_key_of_any_text_fits_a_topic(key: str, at: str) -> None:
    assert messages.alarm_topic(NODE, key) == f"edged/v1/{NODE}/up/alarm/{at}"


@given(st.text(min_size=1, max_size=60))
def test_no_two_keys_share_a_topic(key: str) -> None:
    at = messages.alarm_topic(NODE, key).rpartition("/")[2]
    assert unquote_to_bytes(at).decode("utf-8", "surrogatepass") == key
    messages.tombstone(messages.alarm_topic(NODE, key))


@pytest.mark.parametrize("topic", ["", "a/+/b", "a/#", "a\0", "x" * 1025, "\ud800"])
def test_a_message_for_no_topic_is_refused_where_it_is_made(topic: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the last one is a UnicodeEncodeError with words of its own
        Publication(topic, b"", 1, True)


@given(st.text(min_size=1).filter(lambda text: text.isprintable() and not text.startswith("$")))
def test_every_topic_that_is_built_can_be_published_to(camera: str) -> None:
    try:
        topic = messages.camera_health_topic(NODE, camera)
    except ValueError:
        assert set(camera) & set("/+#")
        return
    assert topic.split("/") == ["edged", "v1", NODE, "up", "cam", camera, "health"]
    if len(topic.encode()) <= messages.MAX_TOPIC_BYTES:
        messages.tombstone(topic)
