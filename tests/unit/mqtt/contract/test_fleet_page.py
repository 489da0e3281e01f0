"""What the fleet page reads is what boxes say: its fields and words are those of the contract, and no others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final, Literal, get_args, get_origin

import pytest

from edged.health.faults import MediaFault
from mqtt.contract import messages
from mqtt.contract.messages import Payload
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
}
SCRIPTS: Final = [path for path in FLEET.glob("*.js") if path.name != "mqtt.min.js"]


def read_by_the_page() -> dict[str, dict[str, str]]:
    """Of each kind of payload the fields, with what they must be, as payloads.js has them."""
    source = (FLEET / "payloads.js").read_text()
    block = source.partition("const KINDS = {")[2].partition("\n};")[0]
    found = {}
    for kind, fields in re.findall(r"^  (\w+): \{(.*?)\},?$", block, re.MULTILINE | re.DOTALL):
        pairs = (field.strip().partition(":") for field in re.split(r",\s*(?![^()]*\))", fields))
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
    known = (FLEET / "alarms.js").read_text()
    assert [fault for fault in MediaFault if f'"camera.{fault}": ["攝影機' not in known] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_may_be_null_where_the_contract_lets_it_and_its_words_are_the_contracts(kind: str) -> None:
    for name, what in read_by_the_page()[kind].items():
        annotation = KINDS[kind].model_fields[name].annotation
        assert what.startswith("either(") == (type(None) in get_args(annotation)), name
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


def test_each_word_is_there_in_both_languages() -> None:
    """Every key that the scripts and the page ask for has a pair of words, in which the same places are filled in."""
    asked = set(re.findall(r'data-(?:word|label)="([^"]+)"', (FLEET / "index.html").read_text()))
    for script in SCRIPTS:
        asked |= set(re.findall(r'\bsay\("([^"]+)"', script.read_text()))
        asked |= set(re.findall(r'\b(?:add|names)\("\w+", "([^"]+)"', script.read_text()))
    pairs = re.findall(r'^  "?([\w-]+)"?: \["(.*?)",\s+"(.*?)"\],$', (FLEET / "words.js").read_text(), re.MULTILINE)
    assert asked <= {key for key, _, _ in pairs}, asked - {key for key, _, _ in pairs}
    assert [key for key, chinese, english in pairs if chinese.count("{}") != english.count("{}")] == []


def test_each_alarm_is_known_in_chinese() -> None:
    """What it is about and what to do, for all that docs/alarms.md has."""
    page = (FLEET.parent / "docs" / "alarms.md").read_text("utf-8")
    keys = {key.partition(":")[0] for key in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)}
    known = re.findall(r'^  "?([\w.-]+)"?: \["(.+)", "(.+)"\],$', (FLEET / "alarms.js").read_text(), re.MULTILINE)
    assert {key for key, _, _ in known} == keys


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
