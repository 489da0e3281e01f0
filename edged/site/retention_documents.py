"""From what is known of floors, ceilings and footage to the documents people and programs get. Pure."""

from __future__ import annotations

from typing import Final

from edged.documents import site as documents
from edged.site import overview
from edged.site.overview import Overview, optional_timestamp, timestamp
from storage.retention.bounds import Waiting
from storage.retention.plan import effective
from storage.ring.table import Breach
from storage.words.model import Bounds

CEILING_GRACE_S: Final = 3600
"""S3: destroying what is past its ceiling takes at most this much running time."""


def retention(seen: Overview) -> documents.Retention:
    """Also of cameras that are no longer configured, as long as they have footage."""
    configured = {c.id: seen.config.bounds(c.id) for c in seen.config.cameras}
    left = {name: segment.bounds for name, segment in sorted(seen.measured.oldest.items()) if name not in configured}
    return documents.Retention(
        retention=[camera_retention(name, bounds, seen) for name, bounds in (configured | left).items()],
        volumes=[overview.volume(v, seen.foresight) for v in seen.measured.volumes],
        destroyed=seen.destroyed,
        last_sweep=optional_timestamp(seen.last_sweep_ms),
        waiting=[_waiting(camera, one, seen) for camera, one in seen.measured.ring.waiting.items()],
        overwriting=_overwriting(seen),
        broken=[_broken(one) for one in seen.measured.ring.breaches],
    )


def _waiting(camera: str, one: Waiting, seen: Overview) -> documents.ShortenedCeiling:
    return documents.ShortenedCeiling(
        camera=camera,
        old_s=one.old_s,
        new_s=one.new_s,
        left_s=one.left_ms / 1000,
        holds=timestamp(seen.measured.at.wall_ms + one.left_ms),
    )


def _overwriting(seen: Overview) -> documents.WaitingOverwrite | None:
    left_ms = seen.measured.ring.overwriting.left_ms
    if left_ms is None:
        return None
    return documents.WaitingOverwrite(left_s=left_ms / 1000, holds=timestamp(seen.measured.at.wall_ms + left_ms))


def _broken(one: Breach) -> documents.BrokenFloor:
    since, last = timestamp(one.since.wall_ms), timestamp(one.last.wall_ms)
    return documents.BrokenFloor(camera=one.camera, since=since, last=last, segments=one.segments)


def camera_retention(name: str, bounds: Bounds, seen: Overview) -> documents.CameraRetention:
    """`bounds` are those of the configuration, or, of a camera that is not in it, those stamped on its oldest segment.

    The site's bounds do not hold for a camera that is gone: what was stamped does (`storage.retention.plan.effective`).
    """
    usage, oldest = seen.measured.usage.get(name), seen.measured.oldest.get(name)
    held_s, lasts_s = overview.retained_s(usage, seen), overview.forecast_s(name, seen)
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
