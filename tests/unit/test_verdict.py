"""One word for everything, and the first thing to do: a pure function of cameras and alarms."""

from __future__ import annotations

from typing import Any

import pytest

from edged.documents import site as documents
from edged.views import judge


def camera(name: str, state: str, reason: str = "") -> documents.Camera:
    return documents.Camera.model_construct(id=name, state=state, reason=reason)


def alarm(key: str, severity: str, since: str, text: str, action: str = "Do it") -> documents.Alarm:
    return documents.Alarm.model_construct(key=key, severity=severity, since=since, text=text, action=action)


GOOD = camera("lobby", "recording")
DOWN = camera("gate", "down", "nothing answers")


def test_all_well_is_ok_and_nothing_to_do() -> None:
    assert judge([GOOD], [], ()) == ("ok", "")


def test_a_cause_speaks_before_its_symptoms_and_the_others_are_counted() -> None:
    symptom = alarm("camera.down:gate", "critical", "2026-01-01T00:00:00Z", "Camera gate is not recorded")
    cause = alarm("storage.full:1", "critical", "2026-01-01T00:00:09Z", "Volume /srv is full", "Add space")
    assert judge([DOWN], [symptom, cause], ()) == ("critical", "Volume /srv is full (and 1 more). Add space")


def test_the_oldest_of_equals_speaks() -> None:
    old = alarm("camera.down:b", "critical", "2026-01-01T00:00:00Z", "b", "")
    new = alarm("camera.down:a", "critical", "2026-01-02T00:00:00Z", "a", "")
    assert judge([DOWN], [new, old], ()) == ("critical", "b (and 1 more).")


@pytest.mark.parametrize(("starting", "verdict"), [((), "critical"), (("gate",), "warning")])
def test_a_camera_that_is_down_is_critical_even_without_an_alarm_unless_it_just_starts(
    starting: tuple[str, ...], verdict: str
) -> None:
    broker: list[Any] = [alarm("mqtt.down", "warning", "2026-01-01T00:00:00Z", "The centre cannot be reached")]
    assert judge([GOOD, DOWN], [], starting) == (verdict, "gate: nothing answers")
    assert judge([GOOD, DOWN], broker, starting)[0] == verdict


def test_without_an_enabled_camera_nothing_can_be_said() -> None:
    assert judge([camera("lobby", "disabled")], [], ())[0] == "unknown"
