"""From what is known to the documents people and programs get. Pure: values in, `edged.documents` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from edged import verdict
from edged.alarms import in_full
from edged.config import Camera, Config
from edged.documents import ring as ring_documents
from edged.documents import site as documents
from edged.foresight import UNFORESEEN, Foresight
from edged.health import DOWN_AFTER_S, CameraState, Condition, Observation, Sample, Stream
from edged.measure import Measurements
from edged.rolewatch import RolesSeen
from mqtt.client import LinkView
from mqtt.tls import TlsView
from recorder.camera import CameraView
from recorder.messages import Ended
from recorder.supervisor import sentence
from storage import model
from storage.answers import AlarmRow, CameraUsage, Coverage, VolumeState, VolumeStatus
from storage.catalog.destroying import Breach
from storage.catalog.findings import Tampered
from storage.catalog.outbox import Depth, Rank
from storage.model import Bounds, GapCause, Moment
from storage.retention import effective
from storage.ring.agreed import Loosening
from storage.ring.bounds import Waiting

CEILING_GRACE_S: Final = 3600
"""S3: destroying what is past its ceiling takes at most this much running time."""
_WITHHELD: Final = {
    GapCause.DISK_FULL: (
        "the disk is full",
        "what else lies on the volumes and whether one is away (`edgectl status`): free space, or add a volume",
    ),
    GapCause.FLOOR_PROTECT: (
        "the volumes are full of footage that must still be kept",
        "the size of the volumes against the floors (`edgectl retention`): add a volume, or raise max_bytes",
    ),
    GapCause.IO_ERROR: (
        "the disk does not take what is written",
        "the disk, its cable and its mount (`journalctl -k`, `smartctl -a`): replace it if it reports errors",
    ),
}
"""Troubles of the box and not of the camera, which the worker cannot put into words: what it is, what to check."""


_RANKS: Final[Mapping[Rank, Literal["proof", "alarm", "storage", "history"]]] = {
    Rank.PROOF: "proof",
    Rank.ALARM: "alarm",
    Rank.STORAGE: "storage",
    Rank.HISTORY: "history",
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
    tampered: Sequence[Tampered] = ()
    """Volumes with files that are not as they were left."""
    roles: RolesSeen = field(default_factory=RolesSeen)
    """Accounts and groups that [roles] can do nothing with; what is not on record."""
    loosening: Sequence[Loosening] = ()
    """What of the configuration file does not hold, because it takes two persons."""
    tls: TlsView | None = None
    """Certificates and key of the link; None where it has none."""


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
    what, check = _WITHHELD.get(view.cause, ("", view.check))
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
        Sample(at, s.video_frames, s.bytes, s.last_frame_boottime_ms, s.camera_offset_ms, s.sound_units)
        for at, s in view.samples
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
    )


def camera(configured: Camera, seen: Overview) -> documents.Camera:
    """One line of the status."""
    health = seen.health.get(configured.id)
    condition = health.condition if health else Condition(CameraState.DOWN, "starting")
    stream = health.stream if health else None
    usage, coverage = seen.measured.usage.get(configured.id), seen.measured.coverage.get(configured.id)
    bounds = seen.config.bounds(configured.id)
    return documents.Camera(
        id=configured.id,
        name=configured.name,
        state=condition.state.value,
        reason=told(condition.reason, condition.check),
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
        since=optional_timestamp(health.since_ms if health else None),
    )


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


def waiting(rank: Rank, depth: Depth) -> documents.Waiting:
    oldest = optional_timestamp(depth.oldest_ms)
    return documents.Waiting(rank=_RANKS[rank], events=depth.events, bytes=depth.bytes, oldest=oldest)


def cameras(seen: Overview) -> documents.Cameras:
    return documents.Cameras(cameras=[camera(configured, seen) for configured in seen.config.cameras])


def retention(seen: Overview) -> documents.Retention:
    """Also of cameras that are no longer configured, as long as they have footage."""
    configured = {c.id: seen.config.bounds(c.id) for c in seen.config.cameras}
    left = {name: segment.bounds for name, segment in sorted(seen.measured.oldest.items()) if name not in configured}
    return documents.Retention(
        retention=[camera_retention(name, bounds, seen) for name, bounds in (configured | left).items()],
        volumes=[volume(v, seen.foresight) for v in seen.measured.volumes],
        destroyed=seen.destroyed,
        last_sweep=optional_timestamp(seen.last_sweep_ms),
        waiting=[_waiting(camera, one, seen) for camera, one in seen.measured.ring.waiting.items()],
        overwriting=_overwriting(seen),
        broken=[_broken(one) for one in seen.measured.ring.breaches],
    )


def _waiting(camera: str, one: Waiting, seen: Overview) -> ring_documents.ShortenedCeiling:
    return ring_documents.ShortenedCeiling(
        camera=camera,
        old_s=one.old_s,
        new_s=one.new_s,
        left_s=one.left_ms / 1000,
        holds=timestamp(seen.measured.at.wall_ms + one.left_ms),
    )


def _overwriting(seen: Overview) -> ring_documents.WaitingOverwrite | None:
    left_ms = seen.measured.ring.overwriting.left_ms
    if left_ms is None:
        return None
    return ring_documents.WaitingOverwrite(left_s=left_ms / 1000, holds=timestamp(seen.measured.at.wall_ms + left_ms))


def _broken(one: Breach) -> ring_documents.BrokenFloor:
    since, last = timestamp(one.since.wall_ms), timestamp(one.last.wall_ms)
    return ring_documents.BrokenFloor(camera=one.camera, since=since, last=last, segments=one.segments)


def camera_retention(name: str, bounds: Bounds, seen: Overview) -> documents.CameraRetention:
    """`bounds` are those of the configuration, or, of a camera that is not in it, those stamped on its oldest segment.

    The site's bounds do not hold for a camera that is gone: what was stamped does (`storage.retention.effective`).
    """
    usage, oldest = seen.measured.usage.get(name), seen.measured.oldest.get(name)
    held_s, lasts_s = retained_s(usage, seen), forecast_s(name, seen)
    in_force = seen.measured.ring.bounds.get(name, bounds)
    binding = effective(oldest.bounds, in_force) if oldest else bounds
    overdue = held_s > binding.ceiling_s + CEILING_GRACE_S
    at_risk = lasts_s is not None and lasts_s < bounds.floor_s
    gone_s = usage.gone_ms / 1000 if usage else 0.0
    return documents.CameraRetention(
        camera=name,
        floor_s=bounds.floor_s,
        ceiling_s=bounds.ceiling_s,
        retained_s=held_s,
        covered_s=seen.measured.covered_ms.get(name, 0) / 1000,
        forecast_s=lasts_s,
        full_in_s=seen.foresight.full_in_s if lasts_s is not None else None,
        floor_at_risk_in_s=seen.foresight.at_risk_in_s if lasts_s is not None and bounds.floor_s else None,
        gone_s=gone_s,
        compliant=not (overdue or at_risk or gone_s > 0 or (usage is not None and usage.lost)),
        segments=usage.segments if usage else 0,
        bytes=usage.bytes if usage else 0,
        oldest=optional_timestamp(usage.oldest.wall_ms if usage and usage.oldest else None),
        newest=optional_timestamp(usage.newest.wall_ms if usage and usage.newest else None),
    )


def status(seen: Overview) -> documents.Status:
    """The whole screen, ending in a verdict."""
    lines = [camera(configured, seen) for configured in seen.config.cameras]
    shelves = [volume(v, seen.foresight) for v in seen.measured.volumes]
    standing = verdict.ranked((alarm(row) for row in seen.alarms if row.raised), shelves)
    word, action = verdict.judge(lines, standing, shelves, _starting(seen))
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
    )


def _starting(seen: Overview) -> list[str]:
    patience_ms = DOWN_AFTER_S * 1000
    return [name for name, health in seen.health.items() if seen.now.wall_ms - health.since_ms < patience_ms]
