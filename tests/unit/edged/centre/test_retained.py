"""Alarms and pins as the centre is shown them, and what is taken away from the broker again."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from datetime import date
from typing import Any, Final, get_args

import pytest

from edged.alarms.tracking import RETAINED_MS
from edged.centre import reports
from edged.centre.reports import Reporter
from edged.config.model import Config
from edged.office.request import RequestStatus
from edged.overview import DeadlineKind, Measurements, OfficeCounts, OfficeFacts, Overview, RequestDeadline
from mqtt.client import LinkView
from mqtt.contract import messages
from mqtt.contract.messages import Publication
from storage.ages.history import Point
from storage.approvals.table import Person
from storage.outbox.table import EventRank, OutboxDepth
from storage.pins.rules import Ground, Interval, Left, Pin, PinOrder, PinState
from storage.words.message import NOTHING, as_message, message
from storage.words.model import AlarmRow, PastItems, Severity
from tests.unit.edged.site.test_documents import CONFIG, NOW, overview

DAY_MS: Final = 86_400_000
SECRETS: Final = ("王小明", "林志明", "北市警刑字第001號", "偵字第1234號")
"""Of a pin: who placed it, who answers for it, the case and its letter."""
STAMP: Final[messages.Stamp] = {"ts": 1, "epoch": 1, "seq": 1}
UP: Final = f"edged/v1/{CONFIG.site.node}/up/"
NO_PROFILE: Final = [f"{UP}compliance", f"{UP}office"]
"""Topics of a box without one."""


def alarm(key: str, *, over_ms: int | None = None, **changes: Any) -> AlarmRow:
    cleared = None if over_ms is None else NOW.wall_ms - over_ms
    row = AlarmRow(
        *(
            key,
            Severity.WARNING,
            over_ms is None,
            NOW.wall_ms - 40 * DAY_MS,
            cleared,
            2,
            as_message("text"),
            as_message("action"),
        ),
        acknowledged=True,
        occurrence="5:7",
    )
    return replace(row, **changes)


def pin(pin_id: str, state: PinState = PinState.APPROVED) -> Left:
    placer, approver, case, letter = SECRETS
    interval = Interval(NOW.wall_ms - DAY_MS, NOW.wall_ms)
    order = PinOrder(("lobby",), interval, Ground.INVESTIGATION, letter, case, approver, 30 * DAY_MS)
    person = Person(1000, placer)
    placed = Point(1, NOW.boottime_ms, NOW.wall_ms)
    known = Pin(1, pin_id, state, 1, order, person, approver, placed, adopted=False)
    return Left(known, 0, 30 * DAY_MS, NOW.wall_ms + 30 * DAY_MS)


def said(shown: reports.Shown) -> tuple[str, dict[str, Any]]:
    message = messages.publication(CONFIG.site.node, shown.make())
    assert message.retain
    return message.topic.removeprefix(UP), json.loads(message.payload)


def test_alarms_are_shown_while_they_stand_and_a_week_longer() -> None:
    rows = (
        alarm("camera.down:lobby", names="王小明"),
        alarm("mqtt.down", over_ms=RETAINED_MS - 1),
        alarm("storage.slow", over_ms=RETAINED_MS),
    )
    seen = overview(Measurements(NOW), alarms=rows)
    shown = dict(map(said, reports.shown_alarms(seen, STAMP)))
    assert list(shown) == ["alarm/camera.down:lobby", "alarm/mqtt.down"]
    first, second = shown.values()
    assert (first["state"], first["acknowledged"], first["count"], first["cleared_ms"]) == ("raised", True, 2, None)
    assert (second["state"], second["cleared_ms"]) == ("cleared", NOW.wall_ms - RETAINED_MS + 1)
    assert "王小明" not in json.dumps(first, ensure_ascii=False)
    assert [message.topic for message in reports.gone(seen)] == [*NO_PROFILE, f"{UP}alarm/storage.slow"]


def test_an_alarm_over_for_months_is_not_emptied_at_each_connection() -> None:
    seen = overview(Measurements(NOW), alarms=(alarm("mqtt.down", over_ms=RETAINED_MS + reports.EMPTIED_FOR_MS),))
    assert [message.topic for message in reports.gone(seen)] == NO_PROFILE


def test_a_pin_is_shown_without_names_case_and_letter() -> None:
    seen = overview(Measurements(NOW, pins=(pin("P-20260506-AB23"), pin("P-20260506-AB24", PinState.PROVISIONAL))))
    (topic, first), (_, second) = map(said, reports.shown_pins(seen, STAMP))
    assert topic == "pin/P-20260506-AB23"
    assert (first["state"], second["state"]) == ("approved", "provisional")
    assert (first["cameras"], first["ground"], first["until_ms"]) == (
        ["lobby"],
        "investigation",
        NOW.wall_ms + 30 * DAY_MS,
    )
    assert not [secret for secret in SECRETS if secret in json.dumps(first, ensure_ascii=False)]


COUNTS: Final = OfficeCounts(*range(100, 100 + len(fields(OfficeCounts))))
WHY: Final = message("office.shut-somehow", "it cannot be opened")


def due(number: str, *, passed: bool, kind: DeadlineKind = DeadlineKind.REPLY) -> RequestDeadline:
    return RequestDeadline(number, "W-public", kind, date(2026, 5, 12), passed)


def office(**facts: Any) -> dict[str, Any] | None:
    """What is said of it."""
    told = [said(one) for one in reports.shown_office(overview(Measurements(NOW), office=OfficeFacts(**facts)), STAMP)]
    assert [topic for topic, _ in told] in ([], ["office"])
    return told[0][1] if told else None


def test_of_requests_the_centre_hears_counts_and_states_only() -> None:
    deadlines = (
        due("115-0007", passed=True),
        due("115-0007", passed=False, kind=DeadlineKind.APPOINTMENT),
        due("115-0008", passed=False),
        due("115-0008", passed=False, kind=DeadlineKind.APPOINTMENT),
        due("115-0009", passed=True, kind=DeadlineKind.REMEDY),
        due("115-0010", passed=True, kind=DeadlineKind.SIGNATURE),
    )
    shown = office(counts=COUNTS, deadlines=deadlines, not_held={"115-0007": WHY}, nameless=("115-0009",))
    assert shown == {
        **STAMP,
        **asdict(COUNTS),
        "opened": True,
        "shut": False,
        "overdue": 3,
        "overdue_by_office": 2,
        "due_soon": 1,
        "not_held": 1,
    }


def test_what_is_said_of_the_office_is_small() -> None:
    most = OfficeCounts(**dict.fromkeys(asdict(COUNTS), 10**9))
    (shown,) = reports.shown_office(overview(Measurements(NOW), office=OfficeFacts(counts=most)), STAMP)
    assert len(messages.publication(CONFIG.site.node, shown.make()).payload) < 1024


@pytest.mark.parametrize("word", [*RequestStatus, "unreadable"])
def test_each_state_of_a_request_is_a_count_of_its_own(word: str) -> None:
    assert f"requests_{word}" in messages.Office.model_fields


def test_without_an_office_nothing_is_said_and_one_that_is_shut_from_the_start_has_no_counts() -> None:
    assert office() is None
    assert office(deadlines=(due("115-0007", passed=True),)) is None, "before the first look"
    shown = office(shut=WHY)
    assert shown is not None
    assert shown.pop("shut") is True
    assert {name for name, value in shown.items() if value is not None} == STAMP.keys()
    later = office(shut=WHY, counts=COUNTS, not_opened=True)
    assert later is not None
    assert (later["shut"], later["opened"], later["year"]) == (True, False, COUNTS.year), "as it was told last"


def test_no_text_has_a_place_in_what_is_said_of_the_office() -> None:
    kinds = {get_args(one.annotation) or (one.annotation,) for one in messages.Office.model_fields.values()}
    assert {kind for several in kinds for kind in several} <= {int, bool, type(None)}


def test_what_ended_while_nobody_heard_is_emptied() -> None:
    past = PastItems(volumes=("v-old",), pins=("P-20260506-AB23", "P-20260506-AB24"))
    seen = overview(Measurements(NOW, pins=(pin("P-20260506-AB24"),), past=past))
    emptied = list(reports.gone(seen))
    assert [message.topic.removeprefix(UP) for message in emptied] == [
        "storage/v-old",
        "pin/P-20260506-AB23",
        "compliance",
        "office",
    ]
    assert all(message.retain and not message.payload for message in emptied)


def test_the_office_is_told_on_change_and_emptied_with_its_profile() -> None:
    made, broker = reporter()
    seen = overview(Measurements(NOW), office=OfficeFacts(counts=COUNTS))
    made.tell(seen)
    assert topics(broker, "office") == {"office": True}
    before = broker.said
    made.tell(seen)
    assert broker.said == before
    made.tell(replace(seen, office=OfficeFacts(counts=replace(COUNTS, requests_deciding=4))))
    assert json.loads(broker.shown["office"].payload)["requests_deciding"] == 4
    made.tell(overview(Measurements(NOW)))
    assert topics(broker, "office") == {"office": False}


def test_a_heartbeat_says_how_much_waits() -> None:
    depths = {
        EventRank.PROOF: OutboxDepth(2, 300, 50),
        EventRank.HISTORY: OutboxDepth(7, 900, 40),
        EventRank.ALARM: OutboxDepth(0, 0, None),
    }
    assert reports.waiting(depths) == {
        "outbox_proofs": 2,
        "outbox_alarms": 0,
        "outbox_storage": 0,
        "outbox_history": 7,
        "outbox_bytes": 1200,
        "outbox_oldest_ms": 40,
    }
    assert reports.waiting({})["outbox_oldest_ms"] is None


def test_capabilities_name_the_verbs_that_some_key_may_command() -> None:
    assert reports.capabilities(CONFIG) == list(reports.CAPABILITIES)


# --- through the reporter --------------------------------------------------------------------------------------------


class Broker:
    """What a link would show: the newest of each topic."""

    def __init__(self) -> None:
        self.shown: dict[str, Publication] = {}
        self.said = 0
        self.waiting = 0
        self.view = LinkView(False, "c:1883", "", NOTHING, NOTHING, 0)

    def publish(self, message: Publication) -> None:
        self.said += 1
        self.shown[message.topic.removeprefix(UP)] = message

    def forget(self, topic: str) -> None:
        self.publish(messages.tombstone(topic))


class Idle:
    def done(self) -> bool:
        return False


def reporter(config: Config = CONFIG) -> tuple[Reporter, Broker]:
    made, broker = Reporter(config, 1, clock=None), Broker()  # type: ignore[arg-type]  # no clock is asked
    made._link, made._task = broker, Idle()  # type: ignore[assignment]
    return made, broker


def topics(broker: Broker, prefix: str) -> dict[str, bool]:
    """Each topic, and whether something is there."""
    return {topic: bool(message.payload) for topic, message in broker.shown.items() if topic.startswith(prefix)}


@pytest.mark.parametrize("prefix", ["alarm/", "pin/"])
def test_state_is_told_when_it_changes_and_emptied_when_it_ends(prefix: str) -> None:
    made, broker = reporter()
    seen = overview(Measurements(NOW, pins=(pin("P-20260506-AB23"),)), alarms=(alarm("camera.down:a/b"),))
    made.tell(seen)
    ((topic, there),) = topics(broker, prefix).items()
    assert there
    assert topic in ("alarm/camera.down:a%2Fb", "pin/P-20260506-AB23")
    before = broker.said
    made.tell(seen)
    made.tell(_a_little_later(seen))
    assert broker.said == before, "estimates that move by themselves are no news"
    made.tell(overview(Measurements(NOW)))
    assert topics(broker, prefix) == {topic: False}


def _a_little_later(seen: Overview) -> Overview:
    (left,) = seen.measured.pins
    return replace(seen, measured=replace(seen.measured, pins=(replace(left, until_ms=left.until_ms + 3),)))


def test_an_extension_is_told_at_once() -> None:
    made, broker = reporter()
    left = pin("P-20260506-AB23")
    made.tell(overview(Measurements(NOW, pins=(left,))))
    longer = replace(left, pin=replace(left.pin, order=replace(left.pin.order, span_ms=60 * DAY_MS)))
    made.tell(overview(Measurements(NOW, pins=(longer,))))
    assert json.loads(broker.shown["pin/P-20260506-AB23"].payload)["span_ms"] == 60 * DAY_MS
