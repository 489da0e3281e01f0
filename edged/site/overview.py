"""From what is known to the documents people and programs get. Pure: values in, `edged.documents` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from edged.access.account_access import RolesSeen
from edged.alarms import maintenance
from edged.alarms.not_recorded import WITHHELD
from edged.alarms.tracking import Trouble, in_full
from edged.compliance.summary import Summary
from edged.config.load import Camera, Config
from edged.documents import maintenance as maintenance_documents
from edged.documents import site as documents
from edged.health import texts
from edged.health.faults import Judged
from edged.health.stream import DOWN_AFTER_S, CameraState, Condition, Observation, Sample, Stream
from edged.site import verdict
from edged.site.forecast import UNFORESEEN, Foresight
from edged.site.snapshot import Measurements
from mqtt.client.link import LinkView
from mqtt.tls.keyring import TlsView
from recorder.supervisor.runner import CameraView
from recorder.supervisor.state import sentence
from recorder.words.messages import Ended
from storage.outbox.table import EventRank, OutboxDepth
from storage.retention.approved_limits import Loosening
from storage.segments.findings_table import TamperedFiles
from storage.tickets.maintenance import Lasting
from storage.words import model
from storage.words.model import Moment
from storage.words.results import AlarmRow, CameraUsage, Coverage, VolumeState, VolumeStatus

_RANKS: Final[Mapping[EventRank, Literal["proof", "alarm", "storage", "history"]]] = {
    EventRank.PROOF: "proof",
    EventRank.ALARM: "alarm",
    EventRank.STORAGE: "storage",
    EventRank.HISTORY: "history",
}


@dataclass(frozen=True, slots=True)
class Health:
    """A camera's condition and since when (wall clock) it has been in that state."""

    condition: Condition
    stream: Stream | None
    since_ms: int
    clock_offset_ms: int | None = None
    """The camera's own clock minus ours, as last told in its present session."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that is known at one instant."""

    config: Config
    version: str
    pid: int
    started_ms: int
    started_boottime_ms: int
    boot_id: str
    epoch: int
    synced: bool
    recovering: bool
    now: Moment
    measured: Measurements
    health: Mapping[str, Health]
    link: LinkView | None
    alarms: Sequence[AlarmRow]
    destroyed: int
    last_sweep_ms: int | None
    foresight: Foresight = field(default_factory=Foresight)
    ceiling_unproven: bool = False
    """The last sweep met footage that may be past its ceiling, and kept it."""
    tampered: Sequence[TamperedFiles] = ()
    """Volumes with files that are not as they were left."""
    roles: RolesSeen = field(default_factory=RolesSeen)
    """Accounts and groups that [roles] can do nothing with; what is not on record."""
    loosening: Sequence[Loosening] = ()
    """What of the configuration file does not hold, because it takes two persons."""
    under: Lasting | None = None
    """Maintenance that is under way."""
    held: Mapping[str, Trouble] = field(default_factory=dict)
    """Alarms that it holds back."""
    tls: TlsView | None = None
    """Certificates and key of the link; None where it has none."""
    compliance: Summary | None = None
    """How the box stands to the clauses of its profile; None without one, and before it is judged."""
    judged: Mapping[str, Judged] = field(default_factory=dict)
    """Picture and sound of the cameras that were looked at."""


_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999
"""The years 1 to 9999."""


def timestamp(wall_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, as far as it goes: a stranger's file may tell of any time."""
    moment = datetime.fromtimestamp(min(max(wall_ms, _FIRST_MS), _LAST_MS) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def optional_timestamp(wall_ms: int | None) -> str | None:
    return None if wall_ms is None else timestamp(wall_ms)


def trouble(view: CameraView) -> tuple[str, str]:
    """Why it is not recorded (what was tried, what came back) and what to check; "" where there is nothing to tell."""
    if view.cause is None:
        return "", ""
    what, check = WITHHELD.get(view.cause, ("", view.check))
    words = sentence(Ended(cause=view.cause, tried=view.tried, came_back=view.came_back, check=""))
    return ": ".join(part for part in (what, words) if part), check


def told(reason: str, check: str) -> str:
    """What is wrong and what to check as one line for people, "" when nothing is wrong."""
    return sentence(Ended(cause=None, tried="", came_back=reason, check=check))


def observation(view: CameraView | None, now: Moment, *, enabled: bool, unsteady: bool = False) -> Observation:
    """What health judges, out of what a runner sees; `view` is None when no runner exists."""
    if view is None:
        return Observation(now.boottime_ms, enabled=enabled, stream=None, samples=(), trouble="")
    stream = None
    if view.connected is not None:
        seen = view.connected
        stream = Stream(seen.video, seen.width, seen.height, seen.audio, seen.detail)
    samples = tuple(
        Sample(at, s.video_frames, s.bytes, s.last_frame_boottime_ms, s.camera_offset_ms) for at, s in view.samples
    )
    reason, check = trouble(view)
    return Observation(
        now.boottime_ms,
        enabled=enabled,
        stream=stream,
        samples=samples,
        trouble=reason,
        check=check,
        writing=view.cause is None,
        recorded_ms=view.recorded_ms,
        unsteady=unsteady,
        cause=view.cause,
    )


def camera(configured: Camera, seen: Overview) -> documents.Camera:
    """One line of the status."""
    health = seen.health.get(configured.id)
    condition = health.condition if health else Condition(CameraState.DOWN, "starting")
    stream = health.stream if health else None
    usage, coverage = seen.measured.usage.get(configured.id), seen.measured.coverage.get(configured.id)
    bounds = seen.config.bounds(configured.id)
    judged = seen.judged.get(configured.id, Judged(0))
    state, reason, since_ms = shown_state(condition, judged, health.since_ms if health else None)
    return documents.Camera(
        id=configured.id,
        name=configured.name,
        state=state.value,
        reason=reason,
        cause=None if condition.cause is None else condition.cause.value,
        fps=None if condition.fps is None else round(condition.fps, 1),
        width=stream.width if stream else None,
        height=stream.height if stream else None,
        codec=stream.video if stream else None,
        audio=(stream.audio or None) if stream else None,
        bitrate_bps=condition.bitrate_bps,
        last_frame_age_s=condition.last_frame_age_s,
        clock_offset_ms=health.clock_offset_ms if health else None,
        retained_s=retained_s(usage, seen),
        floor_s=bounds.floor_s,
        ceiling_s=bounds.ceiling_s,
        forecast_s=forecast_s(configured.id, seen),
        coverage_24h=share(coverage),
        unexplained_s=coverage.unexplained_ms / 1000 if coverage else 0.0,
        gaps_24h=coverage.gaps if coverage else 0,
        since=optional_timestamp(since_ms),
        findings=[
            documents.Finding(fault=one.fault.value, since=timestamp(one.since_ms), evidence=one.evidence)
            for one in judged.findings
        ],
        colour=judged.colour,
        sound_db=judged.sound_db,
        sound_lag_ms=judged.drift_ms,
        looked=timestamp(judged.at_ms) if judged.at_ms else None,
    )


def since_ms(camera: str, seen: Overview) -> int | None:
    """When its present state began, by the wall clock."""
    health = seen.health.get(camera)
    return shown_state(health.condition, seen.judged.get(camera, Judged(0)), health.since_ms)[2] if health else None


def shown_state(condition: Condition, judged: Judged, since_ms: int | None) -> tuple[CameraState, str, int | None]:
    """With what was found in its picture and sound: a camera that is recorded and shows nothing is degraded."""
    reasons = [told(condition.reason, condition.check)]
    if condition.state not in (CameraState.RECORDING, CameraState.DEGRADED) or not judged.findings:
        return condition.state, reasons[0], since_ms
    reasons += [told(texts.says(one.fault), texts.check(one.fault)) for one in judged.findings]
    if condition.state is CameraState.RECORDING:
        since_ms = min(one.since_ms for one in judged.findings)
    return CameraState.DEGRADED, "; ".join(reason for reason in reasons if reason), since_ms


def share(coverage: Coverage | None) -> float | None:
    """錄影完整率: recorded part of the time in which the camera was known; None when there is none."""
    if coverage is None:
        return None
    known_ms = coverage.covered_ms + coverage.explained_ms + coverage.unexplained_ms
    return round(coverage.covered_ms / known_ms, 5) if known_ms > 0 else None


def forecast_s(camera: str, seen: Overview) -> float | None:
    """How long footage of an enabled camera will be kept at the measured rates: never beyond its ceiling."""
    return seen.foresight.spans_s.get(camera)


def retained_s(usage: CameraUsage | None, seen: Overview) -> float:
    """Age of a camera's oldest second, by running time; a measurement's few seconds are added."""
    if usage is None or usage.oldest_age_ms is None:
        return 0.0
    return (usage.oldest_age_ms + seen.now.boottime_ms - seen.measured.at.boottime_ms) / 1000


def volume(status: VolumeStatus, foresight: Foresight = UNFORESEEN) -> documents.Volume:
    """Volumes are filled together: they are full at the same time."""
    serves = status.state in (VolumeState.IN_SERVICE, VolumeState.FULL)
    return documents.Volume(
        id=status.id,
        path=str(status.path),
        state=status.state.value,
        reason=status.reason,
        total_bytes=status.total_bytes,
        free_bytes=status.free_bytes,
        ring_bytes=status.ring_bytes,
        limit_bytes=status.limit_bytes,
        others_bytes=status.others_bytes,
        segments=status.segments,
        full_in_s=foresight.full_in_s if serves else None,
        floor_at_risk_in_s=foresight.at_risk_in_s if serves else None,
    )


def segment(row: model.Segment, pins: Sequence[str] = ()) -> documents.Segment:
    return documents.Segment(
        camera=row.camera,
        seq=row.seq,
        start=timestamp(row.start.wall_ms),
        end=timestamp(row.end.wall_ms),
        volume=row.volume,
        path=str(row.path),
        bytes=row.bytes,
        sha256=row.sha256.hex(),
        state="lost" if row.lost else "committed",
        pins=list(pins),
        clock_epoch=row.epoch,
        camera_offset_ms=row.camera_offset_ms,
        clock_correction_ms=row.clock_correction_ms,
    )


def gap(row: model.Gap) -> documents.Gap:
    return documents.Gap(
        camera=row.camera,
        start=timestamp(row.start.wall_ms),
        end=optional_timestamp(row.end.wall_ms if row.end else None),
        cause=row.cause.value,
        detail=row.detail,
        clock_correction_ms=row.clock_correction_ms,
        end_correction_ms=row.end_correction_ms,
        beneath=None if row.beneath is None else row.beneath.value,
        pauses=[documents.Pause(start=timestamp(a), end=timestamp(b)) for a, b in row.missing(0)] if row.pauses else [],
    )


def alarm(row: AlarmRow) -> documents.Alarm:
    """For people on this box: with names, which the centre is not told."""
    return documents.Alarm(
        key=row.key,
        severity=row.severity.value,
        state="raised" if row.raised else "cleared",
        since=timestamp(row.since_ms),
        cleared=optional_timestamp(row.cleared_ms),
        count=row.count,
        text=in_full(row.text, row.names),
        action=row.action,
        acknowledged=row.acknowledged,
        occurrence=row.occurrence,
    )


def broker(seen: Overview) -> documents.Broker:
    if seen.link is None:
        return documents.Broker(configured=False, connected=False, address="", protocol="", reason="", since=None)
    link = seen.link
    return documents.Broker(
        configured=True,
        connected=link.connected,
        address=link.address,
        protocol=link.protocol,
        reason=f"{told(link.reason, link.check)}." if link.reason else "",
        since=optional_timestamp(link.since_ms),
        waiting=[waiting(rank, depth) for rank, depth in seen.measured.outbox.items() if depth.events],
    )


def waiting(rank: EventRank, depth: OutboxDepth) -> documents.Waiting:
    oldest = optional_timestamp(depth.oldest_ms)
    return documents.Waiting(rank=_RANKS[rank], events=depth.events, bytes=depth.bytes, oldest=oldest)


def cameras(seen: Overview) -> documents.Cameras:
    return documents.Cameras(cameras=[camera(configured, seen) for configured in seen.config.cameras])


def status(seen: Overview) -> documents.Status:
    """The whole screen, ending in a verdict."""
    lines = [camera(configured, seen) for configured in seen.config.cameras]
    shelves = [volume(v, seen.foresight) for v in seen.measured.volumes]
    standing = verdict.ranked((alarm(row) for row in seen.alarms if row.raised), shelves)
    quiet = maintenance.not_recording(((line.id, line.state) for line in lines), seen.under)
    work = maintenance.sentence(seen.under, len(seen.held), quiet)
    word, action = verdict.judge(lines, standing, shelves, [*_starting(seen), *quiet], work)
    site = seen.config.site
    return documents.Status(
        verdict=word,
        action=action,
        node=site.node,
        office=site.office,
        name=site.name,
        version=seen.version,
        time=timestamp(seen.now.wall_ms),
        timezone=site.timezone,
        started=timestamp(seen.started_ms),
        pid=seen.pid,
        recovering=seen.recovering,
        clock=documents.Clock(
            synced=seen.synced, epoch=seen.epoch, boot_id=seen.boot_id, uptime_s=seen.now.boottime_ms / 1000
        ),
        cameras=lines,
        volumes=shelves,
        broker=broker(seen),
        alarms=standing,
        maintenance=under_way(seen),
    )


def under_way(seen: Overview) -> maintenance_documents.Under | None:
    """Maintenance, as people on this box are told of it; None: none is announced."""
    if seen.under is None:
        return None
    one = seen.under.maintenance
    return maintenance_documents.Under(
        id=one.id,
        cameras=list(one.cameras),
        started=timestamp(one.start.wall_ms),
        until=timestamp(seen.under.until_ms),
        left_s=seen.under.left_ms / 1000,
        by=seen.under.names.get("who", ""),
        held=len(seen.held),
    )


def held(seen: Overview) -> list[maintenance_documents.Held]:
    """Alarms that maintenance holds back."""
    return [
        maintenance_documents.Held(
            key=key, severity=one.severity.value, text=in_full(one.text, one.names), action=one.action
        )
        for key, one in sorted(seen.held.items())
    ]


def _starting(seen: Overview) -> list[str]:
    patience_ms = DOWN_AFTER_S * 1000
    return [name for name, health in seen.health.items() if seen.now.wall_ms - health.since_ms < patience_ms]
