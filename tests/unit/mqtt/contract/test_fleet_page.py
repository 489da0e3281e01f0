"""What the fleet page reads is what boxes say: its fields and words are those of the contract, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, get_args, get_origin

import pytest

from edged.health.faults import MediaFault
from mqtt.contract import messages
from mqtt.contract.messages import Payload
from script.generate import catalogues, fleet_words
from script.generate.asyncapi import PAYLOADS, TAILS

FLEET: Final = Path(__file__).parents[4] / "fleet"
KINDS: Final[dict[str, type[Payload]]] = {
    "status": messages.Status,
    "birth": messages.Birth,
    "heartbeat": messages.Heartbeat,
    "health": messages.CameraHealth,
    "retention": messages.CameraRetention,
    "storage": messages.Storage,
    "checkpoint": messages.LedgerCheckpoint,
    "alarm": messages.AlarmState,
    "pin": messages.PinState,
    "fault": messages.FaultState,
    "maintenance": messages.MaintenanceState,
    "office": messages.Office,
}
SCRIPTS: Final = [path for path in FLEET.glob("*.js") if path.name != "mqtt.min.js"]


def read_by_the_page() -> dict[str, dict[str, str]]:
    """Of each kind of payload the fields, with what they must be, as payloads.js has them."""
    source = (FLEET / "payloads.js").read_text()
    block = source.partition("const KINDS = {")[2].partition("\n};")[0]
    found = {}
    for kind, fields in re.findall(r"^  (\w+): \{(.*?)\},?$", block, re.MULTILINE | re.DOTALL):
        pairs = (field.strip().partition(":") for field in re.split(r",\s*(?!(?:[^()]|\([^()]*\))*\))", fields))
        found[kind] = {name: what.strip() or name for name, _, what in pairs}
    return found


def test_each_kind_of_payload_is_read() -> None:
    assert read_by_the_page().keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_each_field_that_is_read_is_always_said_or_has_something_in_its_place(kind: str) -> None:
    fields = KINDS[kind].model_fields
    for name, what in read_by_the_page()[kind].items():
        assert name in fields, f"{kind} has no {name}"
        instead = re.match(r"orElse\((.+?), ", what)
        if instead is None:
            assert fields[name].is_required(), f"an older box may not say {name}"
        else:
            assert json.loads(instead[1]) == fields[name].default, name


def test_a_retained_topic_of_each_kind_is_asked_for() -> None:
    """What a box keeps of each kind that is read comes by what finds a box, or by what is asked of it then."""
    source = (FLEET / "fleet.js").read_text()
    lists = [source.partition(f"const {name} = [")[2].partition("];")[0] for name in ("FOUND_BY", "KEPT")]
    asked = {one.removeprefix("edged/v1/+/up/") for one in re.findall(r'"([^"]+)"', "".join(lists))}
    names = {payload: name for name, payload in PAYLOADS.items()}
    topics = {re.sub(r"\{\w+\}", "+", TAILS[names[payload]]).removeprefix("up/") for payload in KINDS.values()}
    assert asked == topics


def test_each_fault_of_a_picture_and_its_sound_has_words() -> None:
    """They are those of its alarm."""
    assert [fault for fault in MediaFault if not words()[f"fleet.alarm.camera.{fault}"][0].startswith("攝影機")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_may_be_null_where_the_contract_lets_it_and_its_words_are_the_contracts(kind: str) -> None:
    for name, what in read_by_the_page()[kind].items():
        annotation = KINDS[kind].model_fields[name].annotation
        assert ("either(" in what) == (type(None) in get_args(annotation)), name
        if what.startswith("oneOf("):
            assert get_origin(annotation) is Literal
            assert set(re.findall(r'"([^"]+)"', what)) == set(get_args(annotation)), name


def test_nothing_is_made_of_strings_and_nobody_is_told_anything() -> None:
    """The page's own scripts: no HTML, no code, no style from strings, and no way to publish."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|\.publish\(|\bwill:"
    )
    assert [path.name for path in SCRIPTS if forbidden.search(path.read_text())] == []
    assert forbidden.search("client.publish('x')"), "it would be found"


def words() -> dict[str, tuple[str, str]]:
    """Of each code the Chinese and the English template, as messages.js has them."""
    lines = re.findall(r"^  (\".+?\"): (\[.+\]),$", (FLEET / "messages.js").read_text("utf-8"), re.MULTILINE)
    return {json.loads(code): json.loads(both) for code, both in lines}


def test_each_word_is_there_in_both_languages() -> None:
    """Every key that the scripts and the page ask for has a pair of words, in which the same values stand."""
    asked = set(re.findall(r'data-(?:word|label)="([^"]+)"', (FLEET / "index.html").read_text()))
    for script in SCRIPTS:
        asked |= set(re.findall(r'\bsay\("([^"]+)"', script.read_text()))
        asked |= set(re.findall(r'\b(?:add|names)\("\w+", "([^"]+)"', script.read_text()))
    assert len(asked) > 50
    assert {f"fleet.{key}" for key in asked} <= words().keys()
    for code, (chinese, english) in words().items():
        assert catalogues.values(chinese) == catalogues.values(english), code


def test_each_message_that_a_box_may_send_is_there() -> None:
    sent = {one.code for one in catalogues.extracted() if one.file.startswith(fleet_words.SOURCES)}
    assert len(sent) > 20
    assert sent <= words().keys()


def said(script: str) -> Iterator[tuple[str, set[str]]]:
    """Each call that says which words: their key, and the names of the values that it gives."""
    for call in re.finditer(r'\b(?:say\(|add\("\w+", )"([^"]+)"(?:\)|, \{)', script):
        depth, given = int(call[0].endswith("{")), ""
        for one in script[call.end() :]:
            depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(one, 0)
            if depth <= 0:
                break
            given += one if depth == 1 else ""
        if "..." not in given:
            yield call[1], {part.partition(":")[0].strip() for part in given.split(",")} - {""}


def test_what_is_said_has_the_values_of_its_words() -> None:
    calls = [call for script in SCRIPTS for call in said(script.read_text())]
    assert len(calls) > 50
    for key, given in calls:
        assert given == catalogues.values(words()[f"fleet.{key}"][1]), key


def test_each_kind_of_alarm_is_known_in_chinese() -> None:
    """What it is about and what to do, for all that docs/alarms.md has: of tickets, and of boxes that send no codes."""
    page = (FLEET.parent / "docs" / "alarms.md").read_text("utf-8")
    keys = {key.partition(":")[0] for key in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)}
    codes = {code.removeprefix("fleet.alarm.") for code in words() if code.startswith("fleet.alarm.")}
    assert codes == keys | {f"{key}.action" for key in keys}


def test_the_policy_of_the_page_is_strict() -> None:
    page = (FLEET / "index.html").read_text()
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert found is not None
    policy = dict(part.strip().partition(" ")[::2] for part in found[1].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["trusted-types"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in found[1]
    assert not re.search(r'(?:src|href)="(?:https?:)?//|<script>|<style|\sstyle=|\son\w+=', page)
