"""The contract with the centre: topics, delivery, closed payloads, schemas that match, nothing that is not named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mqtt import messages
from mqtt.messages import Message, Payload, Sequence

NODE = "wenshan-main"
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas" / "mqtt"


def payloads() -> dict[str, Payload]:
    """One of each, by the name of its schema."""
    stamp = Sequence(epoch=7).stamp
    return {
        "status": messages.Status(**stamp(1), state="online", boot="b0"),
        "birth": messages.Birth(
            **stamp(2),
            node=NODE,
            office="wenshan",
            name="文山區戶政事務所 所本部",
            timezone="Asia/Taipei",
            profile="",
            boot="b0",
            started=1,
            version="0.1.0",
            python="3.11.2",
            av="18.1.0",
            ffmpeg="8.1",
            sqlite="3.40.1",
            cameras=["lobby", "counter"],
            volumes=["0f9c"],
            capabilities=[],
            config_sha256="0" * 64,
        ),
        "heartbeat": messages.Heartbeat(
            **stamp(3),
            uptime_s=61.5,
            box_uptime_s=3600,
            clock_synced=True,
            clock_epoch=1,
            disk_total_bytes=2,
            disk_free_bytes=1,
            outbox_messages=0,
        ),
        "camera-health": messages.CameraHealth(
            **stamp(4),
            camera="lobby",
            state="degraded",
            reason="7 of 25 frames a second",
            since=3,
            fps=7.0,
            width=1920,
            height=1080,
            codec="h264",
            audio="",
            bitrate_bps=4_000_000,
            last_frame_age_s=0.1,
            clock_offset_ms=-3_200,
            coverage_24h=0.5,
            unexplained_s=0.0,
            gaps_24h=2,
        ),
        "camera-retention": messages.CameraRetention(
            **stamp(5),
            camera="lobby",
            floor_s=60,
            ceiling_s=300,
            retained_s=59.5,
            covered_s=58.0,
            gone_s=0.0,
            forecast_s=None,
            full_in_s=86_400.0,
            floor_at_risk_in_s=None,
            compliant=True,
            segments=6,
            bytes=1,
        ),
        "storage": messages.Storage(
            **stamp(6),
            volume="0f9c",
            path="/srv/edged",
            state="in-service",
            reason="",
            total_bytes=3,
            free_bytes=2,
            ring_bytes=1,
            limit_bytes=2,
            others_bytes=0,
            segments=6,
            full_in_s=86_400.0,
            floor_at_risk_in_s=None,
        ),
        "ledger-checkpoint": messages.LedgerCheckpoint(
            **stamp(7),
            origin="edged/wenshan-main/7f3a",
            size=1041,
            root="0a" * 32,
            first=1,
            key="edged/wenshan-main/7f3a+0a1b2c3d+AQID",
            note="edged/wenshan-main/7f3a\n1041\nAAAA\n\n\u2014 edged/wenshan-main/7f3a AAAA\n",
        ),
    }


TOPICS = {
    "status": "edged/v1/wenshan-main/up/status",
    "birth": "edged/v1/wenshan-main/up/birth",
    "heartbeat": "edged/v1/wenshan-main/up/heartbeat",
    "camera-health": "edged/v1/wenshan-main/up/cam/lobby/health",
    "camera-retention": "edged/v1/wenshan-main/up/cam/lobby/retention",
    "storage": "edged/v1/wenshan-main/up/storage/0f9c",
    "ledger-checkpoint": "edged/v1/wenshan-main/up/ledger/checkpoint",
}


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_topic_and_delivery(name: str) -> None:
    sent = messages.message(NODE, payloads()[name])
    assert sent.topic == TOPICS[name]
    if name == "heartbeat":
        assert (sent.qos, sent.retain, sent.expiry_s) == (0, False, 180)
    else:
        assert (sent.qos, sent.retain, sent.expiry_s) == (1, True, None)


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_payload_matches_its_schema_and_is_flat(name: str) -> None:
    document = json.loads(messages.message(NODE, payloads()[name]).payload)
    jsonschema.validate(document, messages.schemas()[name])
    assert {"ts", "epoch", "seq"} <= document.keys()
    for value in document.values():
        scalars = value if isinstance(value, list) else [value]
        assert all(scalar is None or isinstance(scalar, str | int | float | bool) for scalar in scalars)


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_an_unnamed_field_is_refused_here_and_by_the_schema(name: str) -> None:
    payload = payloads()[name]
    document = payload.model_dump() | {"password": "secret"}
    with pytest.raises(ValidationError):
        type(payload).model_validate(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, messages.schemas()[name])


def test_the_published_schemas_are_current() -> None:
    written = {file.stem: json.loads(file.read_text()) for file in SCHEMAS.glob("*.json")}
    assert written == messages.schemas()


def test_a_chinese_name_travels_as_it_is() -> None:
    assert "文山區戶政事務所".encode() in messages.message(NODE, payloads()["birth"]).payload


@pytest.mark.parametrize(
    ("field", "value"),
    [("fps", float("nan")), ("fps", float("inf")), ("gaps_24h", "2"), ("coverage_24h", 1.5), ("state", "fine")],
)
def test_what_is_not_exact_is_refused(field: str, value: object) -> None:
    document: dict[str, Any] = payloads()["camera-health"].model_dump() | {field: value}
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
    assert messages.tombstone(topic) == Message(topic, b"", 1, True)


@pytest.mark.parametrize("level", ["", "a/b", "+", "a#", "a\0b", "$SYS"])
def test_an_id_cannot_leave_its_level(level: str) -> None:
    with pytest.raises(ValueError, match="level of a topic"):
        messages.camera_health_topic(NODE, level)
    with pytest.raises(ValueError, match="level of a topic"):
        messages.status_topic(level)


@pytest.mark.parametrize("topic", ["", "a/+/b", "a/#", "a\0", "x" * 1025, "\ud800"])
def test_a_message_for_no_topic_is_refused_where_it_is_made(topic: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the last one is a UnicodeEncodeError with words of its own
        Message(topic, b"", 1, True)


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
