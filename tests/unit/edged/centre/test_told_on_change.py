"""What the centre hears is what it would hear if every message were made anew each second and held against the last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from edged.centre.reports import HEARTBEAT_EVERY_MS, STATE_EVERY_MS, VOLATILE, all_shown
from edged.config.model import Config
from edged.health.faults import MediaFault, MediaFinding, MediaHealth
from edged.health.stream import CameraState, Condition, Stream
from edged.overview import (
    AlarmCondition,
    CameraHealth,
    ComplianceSummary,
    Measurements,
    OfficeCounts,
    Overview,
)
from mqtt.contract import messages
from mqtt.contract.messages import Payload, Stamp
from storage.ages.history import Point
from storage.pins.rules import PinState
from storage.ring.service import RingView
from storage.tickets.maintenance_table import Lasting, Maintenance, MaintenanceState
from storage.words.message import NOTHING, message
from storage.words.model import Bounds, Coverage, OpenFault, Severity, VolumeState
from tests.unit.edged.centre.test_retained import UP, alarm, pin, reporter
from tests.unit.edged.site.test_documents import CONFIG, DAY_S, NOW, VOLUME, overview, segment, usage

BLANK: Final[Stamp] = {"ts": 0, "epoch": 1, "seq": 0}
LESS: Final = Config.model_validate(
    {
        "site": {"node": "n", "office": "o", "name": "N"},
        "retention": {"min": "5d", "max": "20d"},
        "cameras": [{"id": "lobby", "url": "test://"}],
    }
)
FIGURE: Final = st.sampled_from([None, 1.0, 24.96, 25.04])
WORDS: Final = st.sampled_from(
    [
        NOTHING,
        message("camera.count", "{a} of {b}", a=1, b=2),
        message("camera.count", "{a} of {b}", a=1, b="2"),
    ]
)
FINDING: Final = st.builds(MediaFinding, st.sampled_from([*MediaFault][:2]), st.sampled_from([1, 2]), WORDS)
VOLUMES: Final = st.builds(
    lambda name, state, reason, free_bytes: (
        replace(VOLUME, id=name, path=Path("/", name), state=state, reason=reason, free_bytes=free_bytes),
    ),
    st.sampled_from(["", "v-new", "v-old"]),
    st.sampled_from([VolumeState.IN_SERVICE, VolumeState.FULL]),
    WORDS,
    st.sampled_from([1, 2]),
)
FAULT: Final = st.builds(
    lambda reported_ms, repaired_ms, over: OpenFault("F-1", "", "lobby", None, 1, 1, reported_ms, repaired_ms, over),
    st.sampled_from([None, 2]),
    st.sampled_from([None, 3]),
    st.booleans(),
)
PIN: Final = st.builds(
    lambda state, until_ms: replace(pin("P-20260506-AB23", state), until_ms=until_ms),
    st.sampled_from([PinState.APPROVED, PinState.PROVISIONAL]),
    st.sampled_from([5, 6]),
)
ALARM: Final = st.builds(
    lambda over_ms, count: alarm("mqtt.down", over_ms=over_ms, count=count),
    st.sampled_from([None, 5, 10**12]),
    st.sampled_from([1, 2]),
)
UNDER: Final = st.builds(
    lambda cameras, until_ms: Lasting(
        Maintenance("M-1", MaintenanceState.LASTING, cameras, Point(1, 2, 3), 60_000, None), 9, until_ms, 0, {}
    ),
    st.sampled_from([(), ("lobby",)]),
    st.sampled_from([5, 6]),
)
HELD: Final = AlarmCondition(Severity.WARNING, NOTHING, NOTHING)
HEALTH: Final = CameraHealth(Condition(CameraState.RECORDING, NOTHING), Stream("h264", 1920, 1080, ""), since_ms=1)
BEGIN: Final = overview(
    Measurements(NOW, usage={"lobby": usage("lobby", 9 * DAY_S)}, oldest={"lobby": segment("lobby", Bounds(9, 90))}),
    health={"lobby": HEALTH},
    judged={"lobby": MediaHealth(1)},
    under=Lasting(Maintenance("M-1", MaintenanceState.LASTING, (), Point(1, 2, 3), 60_000, None), 9, 5, 0, {}),
)
PARTS: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "config": st.sampled_from([CONFIG, LESS]),
    "health": st.sampled_from([{}, {"lobby": HEALTH}]),
    "health.lobby.since_ms": st.sampled_from([1, 2]),
    "health.lobby.stream": st.sampled_from([None, HEALTH.stream, Stream("hevc", 1920, 1080, "")]),
    "health.lobby.condition.state": st.sampled_from(CameraState),
    "health.lobby.condition.reason": WORDS,
    "health.lobby.condition.check": WORDS,
    "health.lobby.condition.fps": FIGURE,
    "judged": st.sampled_from([{}, {"lobby": MediaHealth(1)}, {"spare": MediaHealth(1, colour=True)}]),
    "judged.lobby.findings": st.lists(FINDING, max_size=2, unique_by=lambda one: one.fault).map(tuple),
    "judged.lobby.colour": st.sampled_from([None, False, True]),
    "judged.lobby.sound_db": FIGURE,
    "foresight.spans_s": st.sampled_from([{}, {"lobby": 8.0 * DAY_S}, {"lobby": 11.0 * DAY_S}]),
    "foresight.full_in_s": FIGURE,
    "alarms": st.lists(ALARM, max_size=1),
    "under": st.none() | UNDER,
    "held": st.sampled_from([{}, {"mqtt.down": HELD}]),
    "compliance": st.none() | st.builds(ComplianceSummary, st.just("p"), *[st.integers(1, 2)] * 4, st.just(())),
    "office.shut": WORDS,
    "office.counts": st.sampled_from([None, OfficeCounts(*range(21)), OfficeCounts(*range(1, 22))]),
    "measured.volumes": VOLUMES,
    "measured.usage.lobby.gone_ms": st.sampled_from([0, 1]),
    "measured.usage.lobby.lost": st.booleans(),
    "measured.usage.lobby.oldest_age_ms": st.sampled_from([None, 1000, 20 * DAY_S * 1000]),
    "measured.coverage": st.sampled_from([{}, {"lobby": Coverage(1, 2, 3, None, 4)}]),
    "measured.oldest": st.sampled_from([{}, {"lobby": segment("lobby", Bounds(9, 30 * DAY_S))}]),
    "measured.ring": st.sampled_from([RingView(), RingView(bounds={"lobby": Bounds(9, DAY_S)})]),
    "measured.pins": st.lists(PIN, max_size=1),
    "measured.faults": st.lists(FAULT, max_size=1),
}
LATER_MS: Final = st.sampled_from([1000, HEARTBEAT_EVERY_MS, STATE_EVERY_MS - 1000])


def changed(known: Any, part: str, value: object) -> Any:
    name, _, rest = part.partition(".")
    if isinstance(known, Mapping):
        return {**known, name: changed(known[name], rest, value) if rest else value}
    return replace(known, **{name: changed(getattr(known, name), rest, value) if rest else value})


class Anew:
    """Makes every message each time: what is to be said of an overview, by topic; None: nothing is there any more."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[dict[str, Any], int]] = {}

    def tell(self, seen: Overview) -> Iterator[tuple[str, Payload | None]]:
        now_ms = seen.now.boottime_ms
        made = (shown.make() for shown in all_shown(seen, BLANK))
        payloads = {payload.topic(seen.config.site.node): payload for payload in made}
        for topic, payload in payloads.items():
            essence, told = payload.model_dump(exclude=VOLATILE), self._told.get(topic)
            if told is None or told[0] != essence or now_ms - told[1] >= STATE_EVERY_MS:
                self._told[topic] = essence, now_ms
                yield topic, payload
        for gone in sorted(self._told.keys() - payloads.keys()):
            del self._told[gone]
            yield gone, None


@pytest.mark.parametrize("part", PARTS)
@given(st.data())
def test_nothing_is_told_less_or_more_than_if_all_were_made_each_time(part: str, data: DataObject) -> None:
    made, broker = reporter()
    anew, seen = Anew(), BEGIN
    for value, later_ms in data.draw(st.lists(st.tuples(PARTS[part], LATER_MS), min_size=4, max_size=8)):
        seen = replace(changed(seen, part, value), now=seen.now.plus_ms(later_ms))
        broker.shown.clear()
        made.tell(seen)
        expected = {
            topic: None if payload is None else content(messages.publication(CONFIG.site.node, payload).payload)
            for topic, payload in anew.tell(seen)
        }
        assert {f"{UP}{topic}": content(one.payload) for topic, one in broker.shown.items()} == expected


def content(said: bytes) -> dict[str, Any] | None:
    """Without its stamp; None: it takes away what was there."""
    return {name: value for name, value in json.loads(said).items() if name not in BLANK} if said else None
