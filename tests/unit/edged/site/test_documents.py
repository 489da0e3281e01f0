"""From what is known to what people read: conditions, bounds, forecasts, alarms and what the centre is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from edged.alarms import conditions, tracking
from edged.centre import reports
from edged.config.model import Config
from edged.documents import site as documents
from edged.health import stream
from edged.health.stream import CameraState, Condition
from edged.overview import (
    AlarmCondition,
    CameraHealth,
    Measurements,
    OfficeFacts,
    Overview,
    footage_forecast,
    forecast_s,
    observation,
)
from edged.site import documents as site_documents
from mqtt.client import LinkView
from recorder.supervisor.runner import CameraView
from recorder.supervisor.state import Phase
from recorder.words.messages import Connected, Stats
from storage.ledger.table import Rebuild
from storage.mirror.table import ON_PURPOSE
from storage.outbox.table import EventRank, OutboxDepth
from storage.words.message import NOTHING, Message, as_message
from storage.words.model import Bounds, CameraUsage, GapCause, Moment, Segment, SegmentState, VolumeState, VolumeStatus

DAY_S: Final = 86_400
NOW: Final = Moment(1_772_000_000_000, 5_000_000)
CONFIG: Final = Config.model_validate(
    {
        "site": {"node": "n", "office": "o", "name": "N"},
        "retention": {"min": "10d", "max": "20d"},
        "cameras": [
            {"id": "lobby", "url": "test://"},
            {"id": "spare", "url": "test://", "enabled": False},
        ],
    }
)
GB: Final = 10**9
VOLUME: Final = VolumeStatus("v-new", Path("/d"), VolumeState.IN_SERVICE, NOTHING, 300 * GB, 99 * GB, 0, 150 * GB, 0)
RECORDING: Final = CameraView(
    phase=Phase.RECORDING,
    since=NOW,
    cause=None,
    tried=NOTHING,
    came_back=NOTHING,
    check=NOTHING,
    connected=Connected(video="h264", width=1920, height=1080, audio="", detail=NOTHING),
    samples=(),
    device="rtsp://10.0.0.20:554",
    recorded_ms=NOW.boottime_ms,
)


def stats(*, frame_ms: int, sync_ms: int = 1) -> Stats:
    return Stats(500, 10**6, frame_ms, repaired=0, dropped=0, slowest_sync_ms=sync_ms, queued_bytes=0)


def frames(**changes: Any) -> CameraView:
    """Frames arrive; the newest came just now."""
    samples = ((NOW.boottime_ms, stats(frame_ms=NOW.boottime_ms)),)
    return replace(RECORDING, samples=samples, **changes)


def assessed(view: CameraView) -> Condition:
    return stream.assess(observation(view, NOW, enabled=True), stream.Expectation())


def usage(camera: str, age_s: float, *, a_day: float | None = GB) -> CameraUsage:
    return CameraUsage(camera, 1, GB, NOW.plus_ms(round(-age_s * 1000)), round(age_s * 1000), NOW, a_day)


def segment(camera: str, bounds: Bounds, volume: str = "v-new") -> Segment:
    return Segment(
        id=1, camera=camera, seq=1, volume=volume, state=SegmentState.COMMITTED, path=Path("/d/x.mp4"), boot=1,
        start=NOW, end=NOW, bytes=1, sha256=b"", bounds=bounds, epoch=1, synced=True, unproven=False,
    )  # fmt: skip


def overview(measured: Measurements, **changes: Any) -> Overview:
    known = Overview(
        config=CONFIG,
        version="1",
        pid=1,
        started_ms=NOW.wall_ms,
        started_boottime_ms=NOW.boottime_ms,
        boot_id="b",
        epoch=1,
        synced=True,
        recovering=False,
        now=NOW,
        measured=measured,
        health={},
        link=None,
        alarms=(),
        destroyed=0,
        last_sweep_ms=None,
        foresight=footage_forecast(changes.get("config", CONFIG), measured),
    )
    return replace(known, **changes)


@pytest.mark.parametrize(("reason", "told"), [("it was gone", True), (ON_PURPOSE, False)])
def test_a_database_that_a_person_set_aside_was_not_lost(reason: str, told: bool) -> None:
    seen = overview(Measurements(NOW, rebuild=Rebuild(1, as_message(reason), "/x", 0, 0, read=True, end=(1, 0, 0))))
    found = dict(conditions.rebuild_troubles(seen))
    assert bool(found) == told
    assert all(not trouble.text.endswith(".") for trouble in found.values()), "the action follows, after a full stop"


def held(camera: str, age_s: float, bounds: Bounds | None = None, *, gone_ms: int = 0) -> Overview:
    """One camera with footage of this age under these stamped bounds."""
    oldest = {camera: segment(camera, bounds or CONFIG.bounds(camera))}
    found = replace(usage(camera, age_s), gone_ms=gone_ms)
    return overview(Measurements(NOW, (VOLUME,), {camera: found}, {}, oldest))


@pytest.mark.parametrize("cause", [cause for cause in GapCause if cause is not GapCause.STARTING])
def test_frames_that_are_not_recorded_are_no_recording_whatever_the_cause(cause: GapCause) -> None:
    found = assessed(frames(cause=cause))
    assert found.state is CameraState.DOWN
    assert found.reason
    assert assessed(frames()).state is CameraState.RECORDING


@pytest.mark.parametrize("cause", [*GapCause, None])
def test_the_document_of_a_camera_that_is_down_has_the_cause(cause: GapCause | None) -> None:
    """For programs: the reason beside it is for people, and its words may change."""
    for unsteady in (False, True):
        seen = observation(frames(cause=cause), NOW, enabled=True, unsteady=unsteady)
        found = stream.assess(seen, stream.Expectation())
        health = {"lobby": CameraHealth(found, None, NOW.wall_ms)}
        shown = site_documents.camera(CONFIG.cameras[0], overview(Measurements(NOW), health=health))
        assert (shown.id, shown.cause) == ("lobby", cause if found.state is CameraState.DOWN else None)


@pytest.mark.parametrize(("ago_ms", "alarmed"), [(9_000, False), (10_000, True)])
def test_before_the_first_key_frame_a_camera_is_waited_for_and_no_alarm_is_raised_at_once(
    ago_ms: int, *, alarmed: bool
) -> None:
    view = frames(cause=GapCause.STARTING, recorded_ms=NOW.boottime_ms - ago_ms)
    found = assessed(view)
    assert (found.state, found.reason) == (CameraState.DOWN, stream.WAITING)
    seen = overview(Measurements(NOW), health={"lobby": CameraHealth(found, None, NOW.wall_ms)})
    assert bool(tracking.troubles(seen, {"lobby": view}, {}, None, {})) is alarmed


def test_outages_of_a_few_seconds_are_no_alarm_however_often_and_a_camera_that_flaps_is_degraded() -> None:
    between = replace(frames(cause=GapCause.DROPPED, recorded_ms=NOW.boottime_ms - 4_000), connected=None)
    for view, state in ((between, CameraState.DOWN), (frames(), CameraState.RECORDING)):
        assert assessed(view).state is state
        found = stream.assess(observation(view, NOW, enabled=True, unsteady=True), stream.Expectation())
        assert (found.state, found.reason, found.unsteady) == (CameraState.DEGRADED, stream.UNSTEADY, True)
        seen = overview(Measurements(NOW), health={"lobby": CameraHealth(found, None, NOW.wall_ms)})
        assert set(tracking.troubles(seen, {"lobby": view}, {}, None, {})) == {"camera.degraded:lobby"}
    seen = overview(Measurements(NOW), health={"lobby": CameraHealth(assessed(between), None, NOW.wall_ms)})
    assert tracking.troubles(seen, {"lobby": between}, {}, None, {}) == {}
    gone = replace(between, recorded_ms=NOW.boottime_ms - 10_000)
    found = stream.assess(observation(gone, NOW, enabled=True, unsteady=True), stream.Expectation())
    assert found.state is CameraState.DOWN


def test_cameras_of_a_device_in_trouble_are_told_with_it_and_shown_each() -> None:
    names = ("a", "b", "c")
    view = replace(frames(cause=GapCause.UNREACHABLE, recorded_ms=0, came_back="no answer"), connected=None)
    condition = assessed(view)
    seen = overview(Measurements(NOW), health={name: CameraHealth(condition, None, NOW.wall_ms) for name in names})
    looked_at = [conditions.device_camera(name, view, condition) for name in names]
    episodes = conditions.step({}, looked_at, NOW.boottime_ms)
    found = tracking.troubles(seen, dict.fromkeys(names, view), {}, None, episodes)
    assert set(found) == {"device.fault:10.0.0.20:554"}
    assert condition.state is CameraState.DOWN
    assert set(tracking.troubles(seen, dict.fromkeys(names, view), {}, None, {})) == {f"camera.down:{n}" for n in names}


def test_a_camera_without_key_frames_is_down_in_the_same_words_all_the_time() -> None:
    told: dict[str, Any] = {
        "cause": GapCause.NO_KEYFRAME,
        "tried": "RTSP to x",
        "came_back": "no key frame",
        "check": "its GOP",
    }
    stages = (
        replace(RECORDING, connected=None, **told),
        replace(RECORDING, **told),
        replace(RECORDING, samples=((NOW.boottime_ms, stats(frame_ms=0)),), **told),
        frames(**told),
        replace(RECORDING, samples=((NOW.boottime_ms, stats(frame_ms=NOW.boottime_ms - 20_000)),), **told),
    )
    conditions = {(c.state, c.reason, c.check) for c in map(assessed, stages)}
    assert conditions == {(CameraState.DOWN, "RTSP to x: no key frame", "its GOP")}


@pytest.mark.parametrize("cause", [GapCause.DISK_FULL, GapCause.FLOOR_PROTECT, GapCause.IO_ERROR])
def test_what_the_box_does_to_a_camera_says_what_to_do(cause: GapCause) -> None:
    found = assessed(frames(cause=cause, came_back="no room"))
    assert found.reason.endswith(": no room")
    assert cause.value not in found.reason
    assert found.check


@pytest.mark.parametrize(
    ("age_d", "stamped", "short", "compliant"),
    [
        (5, None, False, True),
        (5, None, True, False),
        (20, None, False, True),
        (20.1, None, False, False),
        (25, Bounds(30 * DAY_S, 40 * DAY_S), False, True),
        (25, Bounds(DAY_S, 24 * DAY_S), False, False),
    ],
    ids=["young", "something is gone", "at its ceiling", "past it", "a longer floor was stamped", "stamped shorter"],
)
def test_compliant_looks_at_floor_and_ceiling(
    age_d: float, stamped: Bounds | None, short: bool, compliant: bool
) -> None:
    seen = held("lobby", age_d * DAY_S, stamped, gone_ms=1500 if short else 0)
    shown = site_documents.retention(seen).retention[0]
    assert (shown.compliant, shown.gone_s) == (compliant, 1.5 if short else 0)


def by_camera(seen: Overview) -> dict[str, documents.CameraRetention]:
    return {line.camera: line for line in site_documents.retention(seen).retention}


def test_a_camera_that_is_gone_is_shown_under_its_stamped_bounds_while_it_has_footage() -> None:
    shown = {
        line.camera: line
        for line in site_documents.retention(held("old", 40 * DAY_S, Bounds(50, 41 * DAY_S))).retention
    }
    assert (shown["old"].floor_s, shown["old"].ceiling_s, shown["old"].compliant) == (50, 41 * DAY_S, True)
    late = {
        line.camera: line
        for line in site_documents.retention(held("old", 42 * DAY_S, Bounds(50, 41 * DAY_S))).retention
    }
    assert not late["old"].compliant
    empty = overview(Measurements(NOW, (), {"old": replace(usage("old", 0), oldest=None, segments=0)}))
    assert [line.camera for line in site_documents.retention(empty).retention] == ["lobby", "spare"]


def test_a_forecast_counts_who_records_now_and_ends_at_the_ceiling() -> None:
    several = {name: usage(name, 0, a_day=rate * GB) for name, rate in (("lobby", 10), ("spare", 90), ("old", 90))}
    seen = overview(Measurements(NOW, (VOLUME,), several))
    assert forecast_s("lobby", seen) == 15 * DAY_S
    assert forecast_s("spare", seen) is forecast_s("old", seen) is None
    assert tracking.troubles(seen, {}, {}, None, {}) == {}, "what records no more endangers no floor"
    crowd = CONFIG.model_copy(update={"cameras": [c.model_copy(update={"enabled": True}) for c in CONFIG.cameras]})
    unwell = dict.fromkeys(("lobby", "spare"), CameraHealth(Condition(CameraState.RECORDING, NOTHING), None, 0))
    full = overview(Measurements(NOW, (VOLUME,), several), config=crowd, health=unwell)
    assert set(tracking.troubles(full, {}, {}, None, {})) == {"retention.floor-at-risk"}, "one disk, one alarm"
    little = overview(Measurements(NOW, (VOLUME,), {"lobby": usage("lobby", 0)}))
    assert forecast_s("lobby", little) == 20 * DAY_S
    much = overview(Measurements(NOW, (VOLUME,), {"lobby": usage("lobby", 0, a_day=100 * GB)}))
    assert not site_documents.retention(much).retention[0].compliant


def test_one_slow_disk_is_one_alarm_whose_words_stay() -> None:
    recorded = Condition(CameraState.RECORDING, NOTHING)

    def told(**slow_syncs: int) -> dict[str, AlarmCondition]:
        health = {name: CameraHealth(recorded, None, 0, slow_syncs=count) for name, count in slow_syncs.items()}
        seen = overview(Measurements(NOW), health=health)
        return tracking.troubles(seen, dict.fromkeys(health, frames()), {}, None, {})

    assert list(told(a=1)) == ["storage.slow"]
    assert told(a=1, b=0) == told(a=1, b=7)
    assert told(a=0) == {}


def test_a_disk_that_takes_nothing_is_one_alarm_and_none_of_each_camera() -> None:
    """Its volume looks well: statvfs of a Linux of today says nothing of an ext4 that has stopped itself."""
    ill = replace(RECORDING, cause=GapCause.IO_ERROR, came_back=Message("/srv/edged: Read-only file system"))
    out = Condition(CameraState.DOWN, Message("the disk does not take what is written"), lost_s=60)
    seen = overview(Measurements(NOW, (VOLUME,)), health=dict.fromkeys("ab", CameraHealth(out, None, 0)))
    found = tracking.troubles(seen, {"a": ill, "b": ill}, {}, None, {})
    assert list(found) == ["storage.failing"]
    assert found["storage.failing"].text.endswith("not recorded: /srv/edged: Read-only file system")
    away = replace(VOLUME, state=VolumeState.AWAY)
    gone = replace(seen, measured=Measurements(NOW, (away,)))
    assert list(tracking.troubles(gone, {"a": ill, "b": ill}, {}, None, {})) == [f"storage.away:{VOLUME.id}"]


def test_a_broker_that_is_away_is_told_in_two_parts_to_alarms_and_in_one_to_people() -> None:
    link = LinkView(
        False, "c:1883", "", Message("Tried c. Came back: refused. Check mate"), Message("the broker"), NOW.wall_ms
    )
    seen = overview(Measurements(NOW), link=link)
    alarm = tracking.troubles(seen, {}, {}, None, {})["mqtt.down"]
    assert (alarm.text, alarm.action) == (f"The centre cannot be reached: {link.reason}", "Check the broker")
    assert site_documents.broker(seen).reason == f"{link.reason}. Check the broker."
    assert site_documents.broker(replace(seen, link=replace(link, reason=NOTHING, check=NOTHING))).reason == ""


def test_a_broker_that_is_there_and_of_no_use_is_told() -> None:
    link = LinkView(
        True, "c:1883", "5", Message("Came back: Not authorized"), Message("the broker's access rules"), NOW.wall_ms
    )
    refused = overview(Measurements(NOW), link=link)
    assert set(tracking.troubles(refused, {}, {}, None, {})) == {"mqtt.refused"}
    well = replace(link, reason=NOTHING, check=NOTHING)
    for waited_ms, told in ((conditions.UNHEARD_MS, set()), (conditions.UNHEARD_MS + 1, {"mqtt.unheard"})):
        waiting = {
            EventRank.PROOF: OutboxDepth(0, 0, None),
            EventRank.ALARM: OutboxDepth(3, 900, NOW.wall_ms - waited_ms),
        }
        seen = overview(Measurements(NOW, outbox=waiting), link=well)
        assert set(tracking.troubles(seen, {}, {}, None, {})) == told


def test_nothing_of_the_status_depends_on_the_office_but_its_own_line() -> None:
    without = site_documents.status(overview(Measurements(NOW)))
    assert without.disclosure is None
    shut = OfficeFacts(shut=as_message("its keys are gone"), not_opened=True)
    told = site_documents.status(overview(Measurements(NOW), office=shut))
    assert told.disclosure == documents.DisclosureStatus(shut=True)
    assert told.model_copy(update={"disclosure": None}) == without


def test_the_broker_is_told_which_cameras_and_volumes_are_gone() -> None:
    old = {"old": segment("old", Bounds(0, 1), "v-old"), "lobby": segment("lobby", Bounds(0, 1))}
    measured = Measurements(NOW, (VOLUME,), {name: usage(name, 1) for name in old}, {}, old)
    gone = list(reports.gone(overview(measured)))
    topics = {"cam/old/health", "cam/old/retention", "storage/v-old", "compliance", "office"}
    assert {message.topic for message in gone} == {f"edged/v1/n/up/{topic}" for topic in topics}
    assert all(message.retain and not message.payload for message in gone)
