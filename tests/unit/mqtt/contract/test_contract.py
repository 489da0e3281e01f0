"""The contract with the centre: every topic of it described, the documents current, and what breaks it caught."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest

from mqtt import commands
from mqtt.commands import Verb
from mqtt.contract import events, messages
from script.generate import asyncapi, examples, schemas
from storage.outbox import table as outbox_table
from storage.outbox.table import Event, EventKind
from storage.tickets import alarms_table
from storage.words.message import Message
from storage.words.model import Severity
from tests import conftest
from tests.support.contract import NODE as DAEMON
from tests.support.contract import VIOLATIONS, overhear, wrong

ROOT: Final = Path(__file__).parents[4]
DOCS: Final = ROOT / "docs"
SCHEMA: Final = ROOT / "storage" / "database" / "schema.sql"
OFFICIAL: Final = ROOT / "tests" / "support" / "asyncapi" / "3.0.0.json.gz"
BEFORE: Final = ("1.2", "1.3")
"""Contracts of centres that know no office, and no counts of a year."""
WORDS: Final = {"description", "title", "default", "examples"}
"""Of a schema, what is said to people."""
SCHEMAS: Final = asyncapi.schemas()
PROMISED: Final = {
    "up/status", "up/birth", "up/heartbeat", "up/cam/{camera}/health", "up/cam/{camera}/retention",
    "up/storage/{volume}", "up/alarm/{key}", "up/pin/{pin}", "up/ledger/checkpoint", "up/reply/{requester}",
    "up/fault/{fault}", "up/maintenance",
    "up/compliance", "up/office",
    "dn/cmd/{verb}", *(f"up/event/{kind}" for kind in EventKind),
}  # fmt: skip
"""Topics of the design, since 1.1 of what people do to keep a box well, and since 1.3 of requests for footage."""


def document() -> dict[str, Any]:
    return dict(json.loads((DOCS / "asyncapi.json").read_text("utf-8")))


def test_the_documents_are_current() -> None:
    assert (DOCS / "asyncapi.json").read_text("utf-8") == schemas.asyncapi(), "run script/schemas"


def test_every_topic_is_in_it() -> None:
    found = {channel["address"] for channel in document()["channels"].values()}
    assert found == {f"edged/v1/{{node}}/{tail}" for tail in PROMISED}


def promises(value: Any, path: str = "") -> Iterator[str]:
    """Each topic, field, type, demand and word of a list, a line for each."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name not in WORDS or path.endswith("/properties"):
                yield from promises(one, f"{path}/{name}")
    elif isinstance(value, list):
        for one in value:
            yield from promises(one, f"{path}/-")
    else:
        yield f"{path} {value}"


def broken(before: dict[str, Any], now: dict[str, Any]) -> set[str]:
    return {line for part in ("channels", "components") for line in {*promises(before[part])} - {*promises(now[part])}}


@pytest.mark.parametrize("version", BEFORE)
def test_a_centre_of_a_contract_before_notices_nothing(version: str) -> None:
    before = json.loads(gzip.decompress(OFFICIAL.with_name(f"edged-{version}.json.gz").read_bytes()))
    assert before["info"]["version"] == version
    assert broken(before, document()) == set()


def test_what_a_centre_would_notice_is_found() -> None:
    now = document()
    alarm = now["components"]["schemas"]["Alarm"]
    del alarm["properties"]["text"]
    assert broken(document(), now)


def test_it_is_an_asyncapi_document() -> None:
    official = json.loads(gzip.decompress(OFFICIAL.read_bytes()))
    validator = jsonschema.Draft7Validator(official)
    assert not [error.message for error in validator.iter_errors(document())]
    broken = document()
    broken["channels"]["status"]["adress"] = broken["channels"]["status"].pop("address")
    assert list(validator.iter_errors(broken))


def test_each_reference_leads_somewhere() -> None:
    whole = document()

    def follow(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(to := value.get("$ref"), str):
                found: Any = whole
                for name in to.removeprefix("#/").split("/"):
                    found = found[name]
            for one in value.values():
                follow(one)
        elif isinstance(value, list):
            for one in value:
                follow(one)

    follow(whole)


@pytest.mark.parametrize("name", asyncapi.TAILS)
def test_examples_are_what_the_schemas_say(name: str) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMAS[name])
    shown = document()["components"]["messages"][name].get("examples", [])
    assert shown or name == "command"
    for example in shown:
        validator.validate(example["payload"])
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(example["payload"] | {"password": "secret"})


def test_delivery_is_told() -> None:
    bindings = {name: one["bindings"]["mqtt"] for name, one in document()["operations"].items()}
    assert bindings["heartbeat"] == {"qos": 0, "retain": False, "messageExpiryInterval": 180, "bindingVersion": "0.2.0"}
    assert bindings["alarm"] == {"qos": 1, "retain": True, "bindingVersion": "0.2.0"}
    assert not any(one["retain"] for name, one in bindings.items() if name.startswith("event-"))
    actions = {name: one["action"] for name, one in document()["operations"].items()}
    assert [name for name, action in actions.items() if action == "receive"] == ["command"]


def test_a_command_is_what_is_signed() -> None:
    """The schema takes what `edged-command` signs, for each verb, and no arguments of another."""
    validator = jsonschema.Draft202012Validator(SCHEMAS["command-told"])
    told = commands.SignedCommand(
        node="box", verb="pin", id="0" * 16, requester="centre", issued_ms=1, expires_ms=2, counter=1,
        args={"do": "extend", "pin": "P-20260506-AB23", "until": "2026-06-01T00:00:00Z", "reason": "x"},
    )  # fmt: skip
    validator.validate(json.loads(commands.written(told)))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(json.loads(commands.written(told)) | {"verb": "status"})
    assert {one["properties"]["verb"]["const"] for one in SCHEMAS["command-told"]["oneOf"]} == set(Verb)


# --- the hook that holds all tests to it ----------------------------------------------------------------------------


HEALTH: Final = messages.camera_health_topic(DAEMON, "lobby")


def test_what_is_made_here_is_looked_at() -> None:
    """Negative control: a payload that no schema has, made by edged's own function."""

    class Rogue(messages.Payload):
        password: str

        def topic(self, node: str) -> str:
            return messages.camera_health_topic(node, "lobby")

    messages.publication(DAEMON, Rogue(ts=1, epoch=1, seq=1, password="secret"))
    (found,) = VIOLATIONS.taken()
    assert "up/cam/lobby/health" in found
    messages.tombstone(messages.status_topic(DAEMON))
    assert VIOLATIONS.taken() == [f"{messages.status_topic(DAEMON)} was emptied"]
    events.publication(DAEMON, examples.events()["gap.closed"])
    assert not VIOLATIONS.taken()


def test_what_a_daemon_says_is_looked_at() -> None:
    good = messages.publication(DAEMON, examples.PAYLOADS["camera-health"])
    overhear(good.topic, good.payload, 1, kept=False)
    overhear(good.topic, good.payload, 1, kept=True)
    overhear(good.topic.replace(DAEMON, "somebody-else"), b"{}", 0, kept=False)
    assert not VIOLATIONS.taken()
    for payload, qos in [(b"{}", 1), (b"\xff", 1), (b'{"fps":NaN}', 1), (good.payload, 0)]:
        overhear(HEALTH, payload, qos, kept=False)
        assert len(VIOLATIONS.taken()) == 1
    odd = events.publication(DAEMON, Event(1, 1, EventKind.GAP, 0, 1, "gap", {"new": 1}))
    overhear(odd.topic, odd.payload, 1, kept=False)
    (found,) = VIOLATIONS.taken()
    assert "does not understand" in found


@pytest.mark.parametrize(
    ("topic", "qos", "retain"),
    [
        (HEALTH, 1, False),
        (HEALTH, 0, True),
        (f"edged/v1/{DAEMON}/up/mood", 1, True),
        ("edged/v2/box/up/birth", 1, True),
    ],
)
def test_topic_and_delivery_are_part_of_it(topic: str, qos: int, retain: bool) -> None:
    payload = messages.publication(DAEMON, examples.PAYLOADS["camera-health"]).payload
    assert wrong(topic, payload, qos, retain) is not None
    assert wrong(HEALTH, payload, 1, retain=True) is None


def test_a_violation_fails_the_test_that_caused_it() -> None:
    """Through the hook itself, around a call that goes well."""
    hook: Generator[None, None, None] = conftest.pytest_runtest_call()
    next(hook)
    messages.tombstone(messages.status_topic(DAEMON))
    with pytest.raises(pytest.fail.Exception, match="break the contract"):
        hook.send(None)
    hook = conftest.pytest_runtest_call()
    next(hook)
    messages.tombstone(messages.pin_topic(DAEMON, "P-20260506-AB23"))
    with pytest.raises(StopIteration):
        hook.send(None)


def test_what_enters_the_outbox_is_looked_at() -> None:
    """Each event of edged's own has words; what a test makes up needs none."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA.read_text("utf-8"))
        outbox_table.want(connection, True, 1)
        outbox_table.put(connection, EventKind.GAP, 1, {"made": "up"})
        assert not VIOLATIONS.taken()
        asks = {
            "__name__": "storage.pins.strange",
            "outbox": outbox_table,
            "connection": connection,
            "kind": EventKind.GAP,
        }
        exec("outbox.put(connection, kind, 1, {'made': 'up'})", asks)  # noqa: S102  (the room counts that it is in)
        assert len(VIOLATIONS.taken()) == 1
        alarms_table.raise_alarm(connection, "mqtt.down", Severity.WARNING, Message("text"), Message("action"), 1)
        rows = outbox_table.following(connection, EventKind.ALARM, 0, 10)
        assert [told.what for event in rows if (told := events.understood(event))] == ["raised"]
    assert not VIOLATIONS.taken()
