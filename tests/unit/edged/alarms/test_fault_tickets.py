"""報修 and 維護 as pure rules: which alarms are faults, when one is found or over, and which alarms wait."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from edged.alarms import fault_tickets
from edged.alarms import fault_tickets as judge
from edged.alarms import tracking as alarms
from edged.overview import AlarmCondition
from storage.ages.history import Point
from storage.tickets.faults import Aged, StandingAlarm
from storage.tickets.faults_table import FaultState as Stage
from storage.tickets.faults_table import FaultStep, Ticket
from storage.tickets.maintenance_table import Lasting, Maintenance, MaintenanceState
from storage.words.message import NOTHING, Message
from storage.words.model import AlarmRow, Severity

PAGE = (Path(__file__).parents[4] / "docs" / "alarms.md").read_text("utf-8")
KEYS = sorted({key.partition(":")[0] for key in re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)})
HOUR_MS = 3_600_000
DOWN, AT = "camera.down:lobby", Point(1, 0, 0)


def standing(key: str = DOWN, stood_ms: int = HOUR_MS, count: int = 1) -> StandingAlarm:
    return StandingAlarm(
        AlarmRow(key, Severity.CRITICAL, True, 0, None, count, NOTHING, NOTHING, False, "1:1"), stood_ms
    )


def ticket(stage: Stage = Stage.FOUND, *, over: bool = False, since_ms: int = 0) -> Aged:
    found = Ticket("F-1", "camera:lobby", DOWN, "lobby", None, AT, stage, 1, over, (DOWN,))
    return Aged(found, HOUR_MS, {FaultStep.REPAIRED: since_ms})


def under(*cameras: str) -> Lasting:
    return Lasting(
        Maintenance("M-1", MaintenanceState.LASTING, cameras, AT, HOUR_MS, None), HOUR_MS, 0, AT.boottime_ms, {}
    )


@pytest.mark.parametrize("key", KEYS)
def test_of_each_alarm_it_is_decided_whether_it_is_a_fault_and_whether_it_waits(key: str) -> None:
    room = key.partition(".")[0]
    assert fault_tickets.rule_of(key) is not None or key in fault_tickets.NONE or room in fault_tickets.NONE
    waits = key == alarms.DEVICE or room == "camera" or key in alarms.OF_THE_BOX
    assert waits != (key in alarms.NEVER or room in alarms.NEVER) or key == "ledger.unwritten"
    assert alarms.is_held(f"{key}:x", (), under()) is waits


@pytest.mark.parametrize(("stood_ms", "count", "due"), [(599_999, 4, False), (600_000, 1, True), (0, 5, True)])
def test_a_fault_has_stood_for_its_patience_or_comes_back_too_often(stood_ms: int, count: int, *, due: bool) -> None:
    assert bool(judge.ticket_changes([standing(stood_ms=stood_ms, count=count)], [], (), {}, 0).find) is due


def test_what_a_ticket_knows_is_not_found_again_and_a_repair_has_time_to_take_effect() -> None:
    assert judge.ticket_changes([standing()], [ticket()], (), {}, 0).find == ()
    assert judge.ticket_changes([standing()], [ticket(over=True)], (), {}, 0).find
    assert judge.ticket_changes([standing()], [ticket(Stage.REPAIRED, since_ms=1000)], (), {}, 0).find == ()
    assert judge.ticket_changes([standing()], [ticket(Stage.REPAIRED, since_ms=600_000)], (), {}, 0).find
    assert judge.ticket_changes([standing("camera.degraded:lobby")], [ticket()], (), {}, 0).find


@pytest.mark.parametrize(("since_ms", "again"), [(119_999, False), (120_000, True)])
def test_also_what_is_a_fault_at_once_has_some_time(since_ms: int, *, again: bool) -> None:
    key = "storage.tampered:v"
    found = Ticket("F-1", "volume:v", key, None, "v", AT, Stage.REPAIRED, 1, over=False, keys=(key,))
    assert (
        bool(
            judge.ticket_changes(
                [standing(key)], [Aged(found, HOUR_MS, {FaultStep.REPAIRED: since_ms})], (), {}, 0
            ).find
        )
        is again
    )


def test_it_is_over_an_hour_after_the_last_alarm_and_not_while_maintenance_covers_it() -> None:
    first = judge.ticket_changes([], [ticket()], (), {}, 0)
    assert (first.over, first.gone) == ((), {"F-1": 0})
    assert judge.ticket_changes([], [ticket()], (), first.gone, HOUR_MS).over == ("F-1",)
    assert judge.ticket_changes([standing()], [ticket()], (), first.gone, HOUR_MS).gone == {}
    held = judge.ticket_changes([standing()], [], (DOWN,), {}, 0)
    assert held.find == ()
    assert judge.ticket_changes([], [ticket()], (DOWN,), first.gone, HOUR_MS).over == ()


def test_of_a_device_all_that_are_out_must_be_worked_on() -> None:
    key = "device.fault:10.0.0.20:554"
    assert alarms.is_held(key, {"a", "b"}, under("a", "b", "c"))
    assert not alarms.is_held(key, {"a", "b"}, under("a"))
    assert not alarms.is_held(key, (), under("a"))
    assert not alarms.is_held("camera.down:b", (), under("a"))
    assert not alarms.is_held("camera.down:b", (), None)


def test_one_maintenance_right_after_another_does_not_go_on_holding_what_the_first_held() -> None:
    """An attack: work announced anew in the second in which the former ends would keep an alarm back for ever."""
    trouble = {DOWN: AlarmCondition(Severity.CRITICAL, Message("out"), NOTHING, 5.0)}

    def began(at_ms: int) -> Lasting:
        return replace(under(), began_ms=at_ms)

    memory, _ = alarms.step({}, trouble, 100.0, alarms.held(trouble, began(90_000)))
    held = alarms.held(trouble, began(90_000), memory)
    assert held == {DOWN}
    memory, none = alarms.step(memory, trouble, 3600.0, held)
    memory, raised = alarms.step(memory, trouble, 3601.0, alarms.held(trouble, began(3_600_500), memory))
    assert (none, [change.key for change in raised]) == ([], [DOWN])


def test_what_is_held_is_raised_at_once_when_it_is_held_no_longer_and_what_stood_goes_on() -> None:
    trouble = {DOWN: AlarmCondition(Severity.CRITICAL, Message("out"), NOTHING, 5.0)}
    memory, changes = alarms.step({}, trouble, 0.0, {DOWN})
    memory, more = alarms.step(memory, trouble, 60.0, {DOWN})
    assert (changes, more) == ([], [])
    assert alarms.waiting(memory, {DOWN}, 60.0) == trouble
    memory, raised = alarms.step(memory, trouble, 61.0)
    assert [change.key for change in raised] == [DOWN]
    memory, again = alarms.step(memory, trouble, 62.0, {DOWN})
    assert again == []
    assert alarms.waiting(memory, {DOWN}, 62.0) == {}
