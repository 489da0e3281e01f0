"""What is written for the centre: every topic, event, alarm and verb is there, and the examples are what they say."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from edged.health.faults import MediaFault
from edged.words.catalogue import template
from mqtt.commands import Verb
from mqtt.contract import events, messages
from script.generate import asyncapi, events_page, examples
from storage.words import message
from storage.words.message import Message
from tests.support.contract import wrong

ROOT: Final = Path(__file__).parents[4]
DOCS: Final = ROOT / "docs"
JUDGES: Final = [*ROOT.glob("edged/alarms/*.py")]
"""Where conditions are told by key."""
KEY: Final = re.compile(r"[a-z]+\.[a-z]+(-[a-z]+)*(:|$)|internal:")


def text(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def keys_of(source: str) -> Iterator[str]:
    """Alarm keys that a module can tell, up to the colon: what begins a pair with its trouble, or names one."""
    for node in ast.walk(ast.parse(source)):
        told = node.elts[0] if isinstance(node, ast.Tuple) and len(node.elts) == 2 else None
        told = node.slice if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) else told
        if isinstance(told, ast.JoinedStr):
            told = told.values[0]
        if isinstance(told, ast.Constant) and isinstance(told.value, str) and KEY.match(told.value):
            yield told.value.partition(":")[0]


def documented() -> set[str]:
    return {key.partition(":")[0] for key in re.findall(r"^\| `([^`]+)` \|", text("alarms.md"), re.MULTILINE)}


def test_every_alarm_is_documented_with_an_example() -> None:
    raised = {key for path in JUDGES for key in keys_of(path.read_text("utf-8"))}
    raised |= {f"camera.{fault}" for fault in MediaFault}
    assert {"camera.down", "device.fault", "mqtt.down", "roles.clash", "storage.lost", "internal"} <= raised
    assert documented() == raised
    rows = [line for line in text("alarms.md").splitlines() if line.startswith("| `")]
    assert all(all(cell.strip() for cell in row.strip("|").split("|")) and row.count("|") == 5 for row in rows)


def test_an_alarm_more_is_found() -> None:
    """Negative control, of each way in which keys are told."""
    sources = ['yield "moon.full", Trouble(x)', 'yield f"moon.full:{name}", Trouble(x)', 'found[f"moon.full:{a}"] = b']
    for source in [*sources, '[*((f"internal:{name}", b) for name in c)]']:
        (key,) = keys_of(source)
        assert key in ("moon.full", "internal")
    assert "moon.full" not in documented()


def test_the_page_of_events_is_current_and_has_all() -> None:
    assert text("mqtt-events.md") == events_page.rendered(), "run script/schemas"
    assert set(re.findall(r"`edged\.([a-z.-]+)`", text("mqtt-events.md"))) >= events.TYPES.keys()


def test_every_verb_is_documented() -> None:
    assert {verb for verb in Verb if f"| `{verb}` |" in text("commands.md")} == set(Verb)


def test_every_topic_is_in_the_table() -> None:
    said = set(re.findall(r"^\| `((?:up|dn)/[^`]+)` \|", text("mqtt.md"), re.MULTILINE))
    meant = {re.sub(r"\{(\w+)\}", "<>", tail) for tail in asyncapi.TAILS.values() if not tail.startswith("up/event/")}
    assert {re.sub("<[a-z]+>", "<>", topic) for topic in said} == meant | {"up/event/<>"}


@pytest.mark.parametrize("at", [0, 1])
def test_the_examples_are_whole(at: int) -> None:
    shown = re.findall(r"```json\n(.*?)```", text("mqtt.md"), re.DOTALL)
    assert len(shown) == 2
    payload = json.dumps(json.loads(shown[at])).encode()
    tail, retain = [("up/cam/lobby/health", True), ("up/event/alarm", False)][at]
    assert wrong(f"{messages.ROOT}/wenshan-main/{tail}", payload, 1, retain, foreign=False) is None


def sentences(document: Any) -> Iterator[Message]:
    """Each sentence of a message, also those within others."""
    if isinstance(document, list):
        yield from (told for one in document for told in sentences(one))
    elif isinstance(document, dict):
        yield from (told for one in document.values() for told in sentences(one))
        for text, code, values in (
            ("text", "code", "values"),
            ("action", "action_code", "action_values"),
            ("reason", "reason_code", "reason_values"),
        ):
            if document.get(text) and values in document:
                yield Message.of(document[text], document[code], document[values])


def stale(told: Message) -> bool:
    """Whether the product does not say it like this any more."""
    words = template("en", told.code)
    return words is None or message.filled(words, told.values, message.shown) != told


def test_sentences_of_examples_are_those_of_the_product() -> None:
    shown = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", text("mqtt.md"), re.DOTALL)]
    made = [payload.model_dump() for payload in examples.PAYLOADS.values()]
    told = list(sentences([*shown, *made, *(body for _, body in examples.BODIES.values())]))
    assert {"alarm.camera-down", "camera.slow", "camera.because", "command.expired"} <= {one.code for one in told}
    assert [one for one in told if stale(one)] == []


@pytest.mark.parametrize(
    "told", [Message("no answer"), Message("no answer", "session.no-answer"), Message("gone", "session.never")]
)
def test_a_sentence_of_an_earlier_version_is_found(told: Message) -> None:
    """Negative control: without a code, in other words, of a code that is gone."""
    assert stale(told)


def test_the_version_is_told() -> None:
    assert f"now {messages.CONTRACT}." in text("mqtt.md")


@pytest.mark.parametrize("page", ["mqtt.md", "alarms.md", "mqtt-events.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", text(page)):
        assert (DOCS / target).exists(), target
