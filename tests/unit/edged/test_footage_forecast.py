"""What is foretold of a site, and what people are told of full volumes and floors that are in the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from edged.alarms import conditions, tracking
from edged.health.stream import CameraState, Condition
from edged.overview import CRITICAL_S, UNFORESEEN, WARN_S, AlarmCondition, CameraHealth, Measurements, footage_forecast
from storage.retention.bounds import OverwriteState
from storage.ring.forecast import Paces
from storage.ring.service import RingView
from storage.volumes.service import WHY_FULL
from storage.words.message import NOTHING, Message
from storage.words.model import Bounds, CameraUsage, GapCause, Severity, VolumeState, VolumeStatus
from tests.unit.edged.site.test_documents import CONFIG, DAY_S, GB, NOW, VOLUME, frames, overview, segment, usage

WHOLE: Final = replace(VOLUME, limit_bytes=100 * GB, free_bytes=100 * GB, total_bytes=100 * GB)
"""The floor is 10 days, the ceiling 20; only `lobby` records."""


def measured(a_day: float, held_d: float = 0, *volumes: VolumeStatus, **changes: Any) -> Measurements:
    """`lobby` at this rate, which has recorded for so many days."""
    held = round(a_day * held_d)
    shelves = volumes or (replace(WHOLE, ring_bytes=held, free_bytes=WHOLE.total_bytes - held),)
    lobby = replace(usage("lobby", held_d * DAY_S, a_day=a_day), bytes=held)
    return Measurements(NOW, shelves, {"lobby": lobby, **changes.pop("usage", {})}, **changes)


def standing(found: Measurements, **changes: Any) -> dict[str, AlarmCondition]:
    return dict(conditions.space_troubles(overview(found, **changes)))


@pytest.mark.parametrize(
    ("a_day_gb", "held_d", "key", "severity"),
    [
        (9, 0, None, None),
        (11, 0, "retention.floor-at-risk", Severity.WARNING),
        (11, 7, "retention.floor-at-risk", Severity.CRITICAL),
        (40, 0, "retention.floor-at-risk", Severity.CRITICAL),
    ],
    ids=["fits", "in nine days", "in two", "in two and a half, from nothing"],
)
def test_floors_in_the_way_are_told_in_time(
    a_day_gb: float, held_d: float, key: str | None, severity: Severity | None
) -> None:
    found = standing(measured(a_day_gb * GB, held_d))
    assert {name: trouble.severity for name, trouble in found.items()} == ({key: severity} if key else {})


def test_a_young_ring_on_a_disk_that_is_too_small_is_only_told_that_it_is() -> None:
    """20 days fit, 31 must be kept, 2 are there: nothing happens for 18 days."""
    patient = CONFIG.model_copy(
        update={"retention": CONFIG.retention.model_copy(update={"min": timedelta(days=31), "max": timedelta(days=60)})}
    )
    young = measured(5 * GB, 2)
    assert footage_forecast(patient, young).at_risk_in_s == pytest.approx(18 * DAY_S)
    assert set(standing(young, config=patient)) == {"retention.floors-do-not-fit"}
    older = measured(5 * GB, 7)
    assert set(standing(older, config=patient)) == {"retention.floor-at-risk"}


def test_the_words_stay_while_figures_move() -> None:
    words = {standing(measured(11 * GB, days / 10))["retention.floor-at-risk"].text for days in range(50)}
    assert len(words) == 1


def test_pins_take_room_and_trends_go_on() -> None:
    assert standing(measured(9 * GB)) == {}
    assert set(standing(measured(9 * GB, paces=Paces(pinned={"lobby": 20 * GB})))) == {"retention.floor-at-risk"}
    week = [9.0 * GB - step * GB / 2 for step in range(7)]
    assert set(standing(measured(9 * GB, paces=Paces({"lobby": week})))) == {"retention.floor-at-risk"}


def test_others_are_named_where_it_is_for_them_that_floors_are_at_risk() -> None:
    taken = replace(WHOLE, free_bytes=60 * GB, limit_bytes=60 * GB, others_bytes=40 * GB)
    found = standing(measured(9 * GB, 0, taken))["retention.floor-at-risk"]
    assert found.text.startswith(f"What others keep on {taken.path} takes the room that floors need: within")
    assert found.action.startswith("Remove what others keep there")
    assert footage_forecast(CONFIG, measured(11 * GB, 0, taken)).others == (), "it would be too small without them, too"
    own = replace(WHOLE, limit_bytes=60 * GB, others_bytes=40 * GB, free_bytes=99 * GB)
    assert footage_forecast(CONFIG, measured(9 * GB, 0, own)).others == (), "it is max_bytes that is in the way"


def test_two_volumes_of_one_disk_are_no_two_disks() -> None:
    two = replace(WHOLE, device=7), replace(WHOLE, id="v-2", device=7)
    assert footage_forecast(CONFIG, measured(9 * GB, 0, *two)).room_bytes == 100 * GB
    apart = replace(WHOLE, device=7), replace(WHOLE, id="v-2", device=8)
    assert footage_forecast(CONFIG, measured(9 * GB, 0, *apart)).room_bytes == 200 * GB


def test_volumes_that_take_no_more_are_no_room() -> None:
    away = replace(WHOLE, id="v-2", state=VolumeState.AWAY)
    assert footage_forecast(CONFIG, measured(9 * GB, 0, WHOLE, away)).room_bytes == 100 * GB
    assert footage_forecast(CONFIG, measured(9 * GB, 0, away)) == UNFORESEEN


def test_what_a_camera_that_is_gone_left_is_in_the_way_as_long_as_it_was_stamped() -> None:
    gone = CameraUsage("gone", 1, 50 * GB, NOW, 5 * DAY_S * 1000, NOW, 10 * GB)
    shelf = replace(WHOLE, ring_bytes=50 * GB, free_bytes=50 * GB)
    found = measured(
        10 * GB, 0, shelf, usage={"gone": gone}, oldest={"gone": segment("gone", Bounds(60 * DAY_S, 90 * DAY_S))}
    )
    told = footage_forecast(CONFIG, found)
    assert told.at_risk_in_s == pytest.approx(5 * DAY_S)
    assert set(told.spans_s) == {"lobby"}


def test_a_full_volume_names_who_waits_and_their_cameras_have_no_alarm_of_their_own() -> None:
    full = replace(
        WHOLE, state=VolumeState.FULL, reason=Message("why"), cause=GapCause.FLOOR_PROTECT, stopped=("lobby", "spare")
    )
    found = measured(GB, 0, full)
    down = CameraHealth(Condition(CameraState.DOWN, Message("no room"), lost_s=60.0), None, NOW.wall_ms)
    seen = overview(found, health={"lobby": down})
    for cause, keys in (
        (GapCause.FLOOR_PROTECT, {"storage.full:v-new"}),
        (GapCause.IO_ERROR, {"storage.full:v-new"}),
        (GapCause.UNREACHABLE, {"storage.full:v-new", "camera.down:lobby"}),
    ):
        told = tracking.troubles(seen, {"lobby": frames(cause=cause, recorded_ms=0)}, {}, None, {})
        assert set(told) == keys
    alarm = standing(found)["storage.full:v-new"]
    assert (alarm.severity, alarm.text.endswith("Not recorded until there is room: lobby, spare")) == (
        Severity.CRITICAL,
        True,
    )
    records = CameraHealth(Condition(CameraState.RECORDING, NOTHING), None, NOW.wall_ms)
    ending = standing(found, health={"lobby": down, "spare": records})["storage.full:v-new"].text
    assert ending.endswith("Not recorded until there is room: lobby. Stopping at the end of their segment: spare")
    only = standing(found, health={"lobby": records, "spare": records})["storage.full:v-new"].text
    assert "Not recorded" not in only
    many = replace(full, stopped=tuple(f"cam-{number:02}" for number in range(20)))
    assert standing(measured(GB, 0, many))["storage.full:v-new"].text.endswith("cam-15 and 4 more")
    two = standing(measured(GB, 0, full, replace(full, id="v-2", cause=GapCause.DISK_FULL)))
    naming = [one.text for one in two.values() if "Not recorded until" in one.text]
    assert naming == [two["storage.full:v-2"].text], "once, and where something can be done at once"
    alone = overview(measured(GB), health={"lobby": down})
    found_alone = tracking.troubles(alone, {"lobby": frames(cause=GapCause.IO_ERROR, recorded_ms=0)}, {}, None, {})
    assert set(found_alone) == {"storage.failing"}, "no volume has an alarm that would tell of it"


def test_a_ballast_that_is_gone_is_told() -> None:
    part = standing(measured(GB, ballast_owed=True))["storage.ballast"]
    gone = standing(measured(GB, ballast_owed=True, ballast_gone=True))["storage.ballast"]
    assert part.text.startswith("Part of the space that is kept for the database")
    assert "nothing can be recorded or cleared away" in gone.text
    assert str(CONFIG.paths.state) in gone.action
    assert standing(measured(GB, ballast_gone=True)) == {}, "not laid out yet, and nothing is owed"


def test_the_bounds_of_the_two_alarms() -> None:
    seen = overview(measured(GB))
    for in_s, severity in ((WARN_S + 1, None), (WARN_S, Severity.WARNING), (CRITICAL_S, Severity.CRITICAL)):
        found = dict(
            conditions.space_troubles(replace(seen, foresight=replace(seen.foresight, at_risk_in_s=float(in_s))))
        )
        assert [trouble.severity for trouble in found.values()] == ([severity] if severity else [])


def test_what_is_told_of_a_full_volume_says_what_is_in_the_way_and_what_helps() -> None:
    for cause, says, helps in (
        (GapCause.FLOOR_PROTECT, "must still be kept", "Add space"),
        (GapCause.DISK_FULL, "others have taken the space", "Remove what others keep there"),
        (GapCause.IO_ERROR, "does not let older ones be removed", "Check the disk"),
    ):
        full = replace(WHOLE, state=VolumeState.FULL, reason=WHY_FULL[cause], cause=cause)
        alarm = standing(measured(GB, 0, full))["storage.full:v-new"]
        assert says in alarm.text
        assert "may be destroyed" not in alarm.text, "it may, where the disk does not let it"
        assert alarm.action.startswith(helps)


@pytest.mark.parametrize(
    ("others", "says"),
    [
        (12_300_000_000, "Others have taken at least 10 GB on the file system of /d: no room is left for recording"),
        (19_999_999_999, "Others have taken at least 10 GB on the file system of /d: no room is left for recording"),
        (99_000_000_000, "Others have taken at least 50 GB on the file system of /d: no room is left for recording"),
        (4_000_000_000, f"Volume /d is full: {WHY_FULL[GapCause.DISK_FULL]}"),
    ],
    ids=["some", "more, the same words", "most of it", "no more than a file system takes for itself"],
)
def test_where_others_took_the_space_that_is_said_first(others: int, says: str) -> None:
    why = WHY_FULL[GapCause.DISK_FULL]
    full = replace(WHOLE, state=VolumeState.FULL, reason=why, cause=GapCause.DISK_FULL, others_bytes=others)
    assert standing(measured(GB, 0, full))["storage.full:v-new"].text == says


def test_floors_that_are_not_met_any_more_are_not_foretold() -> None:
    held = 100 * GB
    full = replace(
        WHOLE, state=VolumeState.FULL, ring_bytes=held, free_bytes=0, cause=GapCause.FLOOR_PROTECT, stopped=("lobby",)
    )
    found = standing(measured(11 * GB, held / GB / 11, full))
    assert set(found) == {"storage.full:v-new", "retention.floor-at-risk"}
    assert "within" not in found["retention.floor-at-risk"].text
    assert "have stopped" in found["retention.floor-at-risk"].text


def test_where_floors_give_way_nobody_is_told_that_recording_stops() -> None:
    def told(overwriting: OverwriteState) -> str:
        return standing(measured(11 * GB, ring=RingView(overwriting=overwriting)))["retention.floor-at-risk"].text

    for giving in (OverwriteState(holds=True), OverwriteState(left_ms=9 * 86_400_000)):
        assert "recording stops" not in told(giving)
        assert "destroyed before its time" in told(giving)
    assert "recording stops" in told(OverwriteState(left_ms=10 * 86_400_000)), "that is too late"
