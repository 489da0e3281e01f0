"""Events in the centre's words: each type that there is, and whatever another version may have written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.contract import events
from script.generate import asyncapi, examples
from storage.outbox.table import Event, EventKind
from tests.support.contract import wrong

EVENTS = examples.events()
NODE = examples.NODE
BODY = {name: event.body for name, event in EVENTS.items()}


def told(event: Event) -> dict[str, Any]:
    return dict(json.loads(events.publication(NODE, event).payload))


def test_each_type_has_an_example() -> None:
    assert EVENTS.keys() == events.TYPES.keys()


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_of_each_type(name: str) -> None:
    event = EVENTS[name]
    message = events.publication(NODE, event)
    assert (message.qos, message.retain) == (1, False)
    assert message.topic == f"edged/v1/{NODE}/up/event/{name.partition('.')[0]}"
    assert wrong(message.topic, message.payload, 1, retain=False, foreign=False) is None
    document = told(event)
    assert document["type"] == f"edged.{name}"
    assert document["id"] == f"{NODE}:{event.epoch}:{event.seq}"
    assert document["data"].get("leaf", 0) == event.leaf
    fields = {field: value for field, value in document["data"].items() if field != "result"}
    fields = {field: value for field, value in fields.items() if not field.endswith("values")}  # of words for people
    assert not [field for field, value in fields.items() if isinstance(value, dict)], "flat"


def test_commitments_to_people_do_not_travel() -> None:
    for name in ("copy.begun", "copy.finished"):
        assert not {"who", "reason", "why"} & told(EVENTS[name])["data"].keys()


def test_what_a_later_version_wrote_goes_out_flattened() -> None:
    body = {
        "what": "melted",
        "at": {"wall_ms": 5, "boot": {"id": "b"}},
        "big": 2**60,
        "each": [[1, 2]],
        "n": [1, 2**60],
    }
    document = told(Event(1, 2, EventKind.VOLUME, 0, 9, "volume", body))
    assert document["type"] == "edged.volume"
    assert document["data"] == {
        "what": "melted",
        "at_wall_ms": 5,
        "at_boot_id": "b",
        "big": str(2**60),
        "each": "[[1, 2]]",
        "n": [1, str(2**60)],
        "leaf": 9,
        "leaf_kind": "volume",
    }
    assert "dataschema" not in document
    assert wrong(f"edged/v1/{NODE}/up/event/volume", json.dumps(document).encode(), 1, retain=False) is None
    assert wrong(f"edged/v1/{NODE}/up/event/volume", json.dumps(document).encode(), 1, retain=False, foreign=False)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("gap.closed", {"cause": "sunspots"}),
        ("gap.closed", {"start": 7}),
        ("pin.placed", {"what": "borrowed"}),
        ("pin.placed", {"span_ms": 2**53}),
        ("alarm.raised", {"count": "1"}),
        ("volume.met", {"event": "melted"}),
        ("command.done", {"what": "forgotten"}),
        ("ledger.generation", {"previous": "one"}),
        ("retention.agreed", {"site": [1, 2, 3]}),
    ],
)
def test_what_is_not_understood_is_not_held_back(name: str, change: dict[str, Any]) -> None:
    event = EVENTS[name]
    other = Event(event.epoch, event.seq, event.kind, event.wall_ms, event.leaf, event.what, {**event.body, **change})
    assert told(other)["type"] == f"edged.{event.kind}"
    assert told(other)["id"] == told(event)["id"]


def test_a_field_more_is_passed_over() -> None:
    event = EVENTS["alarm.raised"]
    more = Event(event.epoch, event.seq, event.kind, event.wall_ms, 0, "", {**event.body, "mood": "dark"})
    assert told(more) == told(event)


def test_what_lies_there_unreadable_goes_out_and_says_so() -> None:
    document = told(Event(1, 2, EventKind.GAP, 0, 9, "gap", {"unreadable": '{"camera":"lob'}))
    assert (document["type"], "dataschema" in document) == ("edged.gap", False)
    assert document["data"] == {"unreadable": '{"camera":"lob', "leaf": 9, "leaf_kind": "gap"}
    assert wrong(f"edged/v1/{NODE}/up/event/gap", json.dumps(document).encode(), 1, retain=False) is None


def test_a_kind_that_is_not_known_goes_out_under_a_topic_of_ours() -> None:
    event = Event(1, 2, EventKind.OTHER, 0, 0, "", {"kind": "x", "door": "back"}, other="a/#+ kind")
    assert events.publication(NODE, event).topic == f"edged/v1/{NODE}/up/event/other"
    assert told(event)["type"] == "edged.other"
    assert told(event)["data"] == {"kind": "x", "door": "back", "event_kind": "a/#+ kind"}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_in_short_is_the_same_event_and_part_of_the_contract(name: str) -> None:
    event, whole = EVENTS[name], told(EVENTS[name])
    message = events.short(NODE, event, 9_412, 4_064)
    document = json.loads(message.payload)
    assert message.topic == events.publication(NODE, event).topic
    assert {field: document.get(field) for field in ("id", "type", "time", "subject", "source")} == {
        field: whole.get(field) for field in ("id", "type", "time", "subject", "source")
    }
    assert document["data"] == {"leaf": event.leaf or None, "bytes": 9_412, "limit_bytes": 4_064}
    assert document["dataschema"] == f"urn:edged:mqtt:1:event-{event.kind}#/$defs/LeftOut"
    assert wrong(message.topic, message.payload, 1, retain=False, foreign=False) is None
    document["dataschema"] = whole["dataschema"]
    assert wrong(message.topic, json.dumps(document).encode(), 1, retain=False), "each with its own data"


def test_what_is_not_understood_can_be_short_too() -> None:
    for event in (Event(1, 1, EventKind.GAP, 0, 2**60, "gap", {"x": 1}), examples.OTHERS["other"]):
        message = events.short(NODE, event, 1, 0)
        assert json.loads(message.payload)["type"] == f"edged.{event.kind}"
        assert wrong(message.topic, message.payload, 1, retain=False) is None


@pytest.mark.parametrize("name", ["pin.placed", "copy.begun", "alarm.raised"])
def test_a_time_before_1970_is_a_time(name: str) -> None:
    """Somebody may ask for footage from the year 1 on."""
    body = {
        field: -62_135_596_800_000 if field in ("from", "since_ms") else value for field, value in BODY[name].items()
    }
    event = EVENTS[name]
    assert told(Event(1, 1, event.kind, -1, event.leaf, event.what, body))["type"] == f"edged.{name}"


def test_a_body_deeper_than_anybody_writes() -> None:
    body: dict[str, Any] = {"end": 1}
    for _ in range(5000):
        body = {"in": body}
    assert told(Event(1, 1, EventKind.RUN, 0, 0, "", body))["type"] == "edged.run"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(sorted({name for event in EVENTS.values() for name in event.body}))
whats = st.sampled_from(sorted({event.what for event in EVENTS.values()})) | st.text(max_size=8)


@given(st.sampled_from(EventKind), whats, st.dictionaries(fields, json_values), st.integers(-(2**63), 2**63 - 1))
def test_nothing_that_lies_in_the_outbox_breaks_the_link(
    kind: EventKind, what: str, body: dict[str, Any], at: int
) -> None:
    event = Event(1, 1, kind, at, 0, what, body)
    message = events.publication(NODE, event)
    assert wrong(message.topic, message.payload, message.qos, retain=message.retain) is None


@given(st.sampled_from(sorted(EVENTS)), st.dictionaries(fields, json_values, max_size=2))
def test_nor_does_an_event_with_a_changed_field(name: str, change: dict[str, Any]) -> None:
    event = EVENTS[name]
    body = {**event.body, **change}
    message = events.publication(NODE, Event(1, 1, event.kind, event.wall_ms, event.leaf, event.what, body))
    assert wrong(message.topic, message.payload, message.qos, retain=message.retain) is None


def test_numbers_stay_where_javascript_counts_exactly() -> None:
    """Every whole number in a schema of ours has an upper bound, or is small by what it is."""
    small = {"rank"}
    for name, schema in asyncapi.schemas().items():
        if not name.startswith("event-"):
            continue
        for model in schema["$defs"].values():
            for field, told_as in model.get("properties", {}).items():
                for one in [told_as, *told_as.get("anyOf", ())]:
                    if one.get("type") == "integer" and field not in small:
                        assert one["maximum"] <= events.EXACT, (name, field)
