"""One word for everything, and the first thing to do: a pure function of cameras and alarms."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from edged.health.stream import CameraState
from edged.overview import ShownCamera
from edged.site.verdict import judge, ranked
from edged.words.catalogue import Reader
from storage.words.message import NOTHING, Message, as_message, message
from storage.words.model import AlarmRow, Severity, VolumeState, VolumeStatus


def camera(name: str, state: str, reason: str = "") -> ShownCamera:
    return ShownCamera(name, CameraState(state), as_message(reason), None)


def alarm(key: str, severity: str, since: str, text: str, action: str = "Do it") -> AlarmRow:
    since_ms = round(datetime.fromisoformat(since).timestamp() * 1000)
    words = as_message(text), as_message(action)
    return AlarmRow(key, Severity(severity), True, since_ms, None, 1, *words, acknowledged=False)


def volume(state: str) -> VolumeStatus:
    return VolumeStatus("1", Path("/srv"), VolumeState(state), NOTHING, 0, 0, 0, 0, 0)


def critical(key: str, hour: int) -> AlarmRow:
    return alarm(key, "critical", f"2026-01-01T{hour:02}:00:00Z", key, "")


SERVES = [volume("in-service")]
LOST = alarm("storage.lost:2", "critical", "2025-06-01T00:00:00Z", "Volume /old is gone", "Report it")
GOOD = camera("lobby", "recording")
DOWN = camera("gate", "down", "nothing answers")


def test_all_well_is_ok_and_nothing_to_do() -> None:
    assert judge([GOOD], [], SERVES, ()) == ("ok", "")


def test_what_concerns_the_box_speaks_first_and_the_others_are_counted_and_cameras_named() -> None:
    own = alarm("camera.down:gate", "critical", "2026-01-01T00:00:00Z", "Camera gate is not recorded")
    box = alarm("storage.full:1", "critical", "2026-01-01T00:00:09Z", "Volume /srv is full", "Add space")
    told = judge([DOWN], [own, box], [volume("full")], ())
    more = "and 1 more, camera down for a reason of its own: gate"
    assert told == ("critical", f"Volume /srv is full ({more}). Add space")
    many = [critical(f"camera.down:{name}", 1) for name in "dcba"]
    assert "(and 4 more, camera down for a reason of its own: a, b, c, …)" in judge([], [box, *many], [], ())[1]


def test_a_volume_that_is_away_speaks_before_one_that_is_full_because_of_it() -> None:
    full, away = critical("storage.full:1", 1), critical("storage.away:2", 9)
    assert judge([DOWN], [full, away], [volume("full"), volume("away")], ())[1] == "storage.away:2 (and 1 more)."


def test_the_oldest_of_equals_speaks() -> None:
    old = alarm("camera.down:b", "critical", "2026-01-01T00:00:00Z", "b", "")
    new = alarm("camera.down:a", "critical", "2026-01-02T00:00:00Z", "a", "")
    assert judge([DOWN], [new, old], SERVES, ()) == ("critical", "b (and 1 more).")


@pytest.mark.parametrize(("starting", "verdict"), [((), "critical"), (("gate",), "warning")])
def test_a_camera_that_is_down_is_critical_even_without_an_alarm_unless_it_just_starts(
    starting: tuple[str, ...], verdict: str
) -> None:
    broker = [alarm("mqtt.down", "warning", "2026-01-01T00:00:00Z", "The centre cannot be reached")]
    assert judge([GOOD, DOWN], [], SERVES, starting) == (verdict, "gate: nothing answers")
    assert judge([GOOD, DOWN], broker, SERVES, starting)[0] == verdict


def test_without_an_enabled_camera_nothing_can_be_said() -> None:
    assert judge([camera("lobby", "disabled")], [], SERVES, ())[0] == "unknown"


def test_what_is_not_recorded_now_speaks_before_what_will_not_be_and_what_is_lost_since_long_ago_speaks_last() -> None:
    """All of them critical, each older than what is more urgent."""
    urgent = ["device.fault:nvr:554", "device.fault:10.0.0.20:554", "camera.down:gate"]
    soon = ["retention.floor-at-risk", "internal:sweep", "storage.away:1"]
    rest = ["storage.tampered:1", "pin.unread:1", "storage.lost:2"]
    keys = [*urgent, *soon, *rest]
    alarms = [critical(key, 20 - at) for at, key in enumerate(keys)]
    told = [one.key for one in ranked(alarms, SERVES)]
    assert [set(told[:3]), set(told[3:6]), set(told[6:8])] == [set(urgent), set(soon), set(rest[:2])]
    assert (told[2], told[-1]) == ("camera.down:gate", "storage.lost:2")
    assert judge([DOWN], alarms, SERVES, ())[1] == (
        "device.fault:10.0.0.20:554 (and 8 more, camera down for a reason of its own: gate)."
    )


def test_what_is_owed_to_an_applicant_speaks_behind_what_is_kept_and_recorded() -> None:
    owed = [critical("request.deadline:115-0007/reply", 0), critical("office.shut", 1)]
    kept = critical("retention.floor-broken", 9)
    assert [one.key for one in ranked([*owed, LOST, kept], SERVES)] == [kept.key, *(one.key for one in owed), LOST.key]


def test_a_camera_that_is_down_without_an_alarm_speaks_before_a_loss_of_long_ago() -> None:
    assert judge([DOWN], [LOST], SERVES, ()) == ("critical", "gate: nothing answers (and 1 more)")
    assert judge([GOOD], [LOST], SERVES, ()) == ("critical", "Volume /old is gone. Report it")


@pytest.mark.parametrize("state", ["full", "away"])
def test_a_volume_that_is_full_or_away_comes_first_where_no_other_takes_footage(state: str) -> None:
    disk, down = critical(f"storage.{state}:1", 9), critical("camera.down:gate", 8)
    assert ranked([down, disk], [volume(state)])[0] == disk
    assert ranked([disk, down], [volume(state), *SERVES])[0] == down


def test_a_warning_never_speaks_before_what_is_critical() -> None:
    degraded = alarm("camera.degraded:gate", "warning", "2026-01-01T00:00:00Z", "Camera gate is degraded")
    assert judge([GOOD], [degraded, LOST], SERVES, ()) == ("critical", "Volume /old is gone. Report it")


def test_the_verdict_is_said_in_the_language_of_whoever_reads() -> None:
    text = message("alarm.volume-full", "Volume {path} is full: {reason}", path="/srv", reason="disk full")
    action: Message = message("alarm.volume-full.action", "Add space or lower what is recorded")
    full = alarm("storage.full:1", "critical", "2026-01-01T00:00:00Z", text, action)
    others = [critical(f"camera.down:{name}", 1) for name in "ab"]
    _, said = judge([DOWN], [full, *others], [volume("full")], ())
    assert said == (
        "Volume /srv is full: disk full (and 2 more, camera down for a reason of its own: a, b). "
        "Add space or lower what is recorded"
    )
    assert Reader("zh_TW")(said) == (
        "錄影硬碟 /srv 已滿：disk full（另有 2 則，其中因其他原因無畫面的攝影機：a、b）。請增加空間或減少錄影量"
    )
    assert Reader("zh_TW")(judge([], [], SERVES, ())[1]).startswith("沒有啟用任何攝影機")
