"""Leaves as sentences: every kind has one, nothing is made up, and nothing that a stranger wrote breaks it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.evidence.ledger_text import _WORDS, ERASED, sentence
from edged.words.catalogue import Reader
from storage.ledger.table import Leaf
from storage.words.message import Message

START = {"boot": 1, "id": "b", "boottime_ms": 1000, "wall_ms": 5000}
LATER = {"boot": 1, "id": "b", "boottime_ms": 61_000, "wall_ms": 3000}
SEGMENT = {"camera": "lobby", "seq": 7, "duration_ms": 300_000, "bytes": 78_000_000, "unproven": False}
PIN = {"pin": "P-20260501-AB23", "cameras": ["lobby", "gate"], "from": 0, "to": 3_600_000, "ground": "law"}
MAINTENANCE = {"maintenance": "M-20260501-AB23", "cameras": ["lobby"], "start": START, "span_ms": 7_200_000}
FAULT = {"fault": "F-20260501-AB23", "key": "camera.down:lobby", "camera": "lobby", "volume": None}
COPY = {"export": "E-20260501-7F3K", "cameras": ["lobby"], "from": 0, "to": 3_600_000, "whole": False}
BY_REQUEST = COPY | {"office_request": "115-0007", "office_row": "P-public"}
PREVIOUS = {"origin": "edged/box/0", "size": 12, "root": "00"}
COMMITTED = "ab" * 32

TOLD: list[tuple[Leaf, dict[str, Any], str]] = [
    (Leaf.COPY, COPY | {"event": "begun"}, "export E-20260501-7F3K begins: 1h of lobby"),
    (
        Leaf.COPY,
        BY_REQUEST | {"event": "finished"},
        "export E-20260501-7F3K by request 115-0007 is finished: 1h of lobby",
    ),
    (
        Leaf.COPY,
        BY_REQUEST | {"event": "finished", "viewing": True},
        "viewing copy E-20260501-7F3K by request 115-0007 is laid out: 1h of lobby",
    ),
    (
        Leaf.COPY,
        BY_REQUEST | {"event": "destroyed", "viewing": True},
        "viewing copy E-20260501-7F3K by request 115-0007 is destroyed: 1h of lobby",
    ),
    (Leaf.SEGMENT, SEGMENT, "lobby: segment 7 is recorded (5m, 78 MB)"),
    (Leaf.SEGMENT, SEGMENT | {"unproven": True}, "lobby: segment 7 is recorded (5m, 78 MB, adopted on its own word)"),
    (
        Leaf.DESTROYED,
        {"camera": "lobby", "seq": 7, "rule": "ceiling", "age_ms": 86_400_000},
        "lobby: segment 7 was destroyed at an age of 1d: it was past its ceiling",
    ),
    (Leaf.DESTROYED, {"camera": "lobby", "seq": 7}, "lobby: segment 7 was destroyed"),
    (
        Leaf.QUARANTINED,
        {"camera": "lobby", "seq": 7, "name": "lobby/x"},
        "lobby: segment 7 cannot be played and was set aside as lobby/x",
    ),
    (
        Leaf.GAP,
        {"camera": "lobby", "start": START, "end": LATER, "cause": "dropped", "inside": False},
        "lobby was not recorded for 1m: dropped",
    ),
    (
        Leaf.GAP,
        {"camera": "lobby", "start": START, "end": None, "cause": "unknown", "inside": False},
        "lobby: not recorded from then on: unknown",
    ),
    (
        Leaf.AGREED,
        {"site": [1, 2], "cameras": {"gate": [1, 2]}, "overwrite": False, "roles": {}, "profile": "nangang-school"},
        "bounds are agreed upon, of 1 camera of its own; roles: ; profile: nangang-school",
    ),
    (
        Leaf.PIN,
        PIN | {"what": "placed", "state": "provisional"},
        "pin P-20260501-AB23 placed: 1h of lobby, gate (law), provisional",
    ),
    (
        Leaf.PIN,
        PIN | {"what": "adopted", "state": "approved", "signed": False},
        "pin P-20260501-AB23 adopted, not signed by this box: 1h of lobby, gate (law), approved",
    ),
    (
        Leaf.GAP,
        {
            "camera": "lobby",
            "start": START,
            "end": LATER,
            "cause": "maintenance",
            "beneath": "dropped",
            "inside": False,
        },
        "lobby was not recorded for 1m: maintenance over dropped",
    ),
    (
        Leaf.MAINTENANCE,
        MAINTENANCE | {"event": "begun", "who": COMMITTED},
        "maintenance M-20260501-AB23 of lobby is announced by 陳, for 2h at the most",
    ),
    (
        Leaf.MAINTENANCE,
        MAINTENANCE | {"event": "lapsed", "cameras": []},
        "maintenance M-20260501-AB23 of the whole box is over, because its time was",
    ),
    (
        Leaf.FAULT,
        FAULT | {"what": "found"},
        "fault F-20260501-AB23 (camera.down:lobby) is found",
    ),
    (
        Leaf.FAULT,
        FAULT | {"what": "repaired", "who": COMMITTED},
        "fault F-20260501-AB23 (camera.down:lobby) is repaired by 陳",
    ),
    (Leaf.VOLUME, {"volume": "v", "path": "/srv", "event": "gone"}, "volume v at /srv is not there any more"),
    (Leaf.BOUNDS, {"camera": "lobby", "floor_s": 60, "ceiling_s": 3600}, "lobby: floor 1m, ceiling 1h from now on"),
    (Leaf.CLOCK, {"what": "step", "by_ms": -1500}, "the wall clock was stepped by -1.500 s"),
    (
        Leaf.GENERATION,
        {"origin": "e/b/1", "key": None, "reason": "w", "previous": PREVIOUS},
        "generation e/b/1 of the ledger begins, after 12 leaves of edged/box/0: w; there is no key to sign it with",
    ),
    (
        Leaf.ACT,
        {"verb": "pin release", "result": "asked", "role": "operator", "who": COMMITTED, "pin": "P-20260501-AB23"},
        "陳 as operator: pin release (P-20260501-AB23) asked",
    ),
]


@pytest.mark.parametrize(("kind", "body", "words"), TOLD)
def test_what_happened_is_told(kind: Leaf, body: dict[str, Any], words: str) -> None:
    assert sentence(kind, body, {"who": "陳"} if "who" in body else {}) == words


@pytest.mark.parametrize(("kind", "body", "words"), TOLD)
def test_it_reads_in_chinese_wherever_it_was_stored_or_sent(kind: Leaf, body: dict[str, Any], words: str) -> None:
    told = sentence(kind, body, {"who": "陳"} if "who" in body else {})
    sent = Message.of(**json.loads(json.dumps(told.told)))
    assert Reader("en")(sent) == words
    read = Reader("zh_TW")(sent)
    own = [*(one for one in body.values() if isinstance(one, str)), PREVIOUS["origin"], "lobby", "gate", "edged"]
    for name in own:
        read = read.replace(str(name), "")
    assert re.search(r"[\u4e00-\u9fff]", read)
    assert not re.search(r"[A-Za-z]{3}", read), read


def test_a_name_that_was_erased_is_not_made_up_and_no_commitment_is_shown() -> None:
    body = {"verb": "pin add", "result": "done", "role": "operator", "who": COMMITTED, "why": COMMITTED}
    said = sentence(Leaf.ACT, body, {})
    assert said.startswith(ERASED)
    assert COMMITTED not in said


def test_what_came_to_nothing_and_how_often_something_was_asked() -> None:
    """A list that was asked for twelve times is no twelve copies, and what was refused was not approved."""
    body = {"verb": "export", "result": "done", "role": "operator", "who": COMMITTED, "id": "E-20260501-7F3K"}
    opened = {"who": "chen"}
    assert (
        sentence(Leaf.ACT, body | {"count": 12}, opened) == "chen as operator: export (E-20260501-7F3K) done, 12 calls"
    )
    assert sentence(Leaf.ACT, body | {"count": 1}, opened).endswith("done, 1 call")
    assert sentence(Leaf.ACT, body | {"result": "failed", "of": 7}, opened).endswith("failed: nothing came of leaf 7")


def test_a_generation_tells_what_the_centre_held() -> None:
    body = {
        "origin": "edged/box/1",
        "key": "k",
        "reason": "r",
        "previous": PREVIOUS,
        "who": COMMITTED,
        "why": COMMITTED,
    }
    said = sentence(Leaf.GENERATION, body | {"contradicted": PREVIOUS | {"size": 99}}, {"who": "林", "why": "因為"})
    assert "by 林, because: 因為" in said
    assert "the centre held 99 leaves" in said


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    sorted({name for _, body, _ in TOLD for name in body} | {"what", "event", "gone", "of", "count"})
)


@given(st.sampled_from(Leaf), st.dictionaries(fields, json_values))
def test_nothing_that_a_leaf_says_breaks_the_list(kind: Leaf, body: dict[str, Any]) -> None:
    assert sentence(kind, body, {})


def test_a_kind_of_a_later_version_is_named() -> None:
    assert "pinata" in sentence("pinata", {}, {})


def test_every_kind_has_words() -> None:
    assert set(_WORDS) == set(Leaf)
