"""Volumes as people hear of them: what storage says of the disks, as documents. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edged.config.load import Config
from edged.config.model import DEFAULT_RESERVE_PERCENT
from edged.documents import site
from edged.documents import volumes as documents
from edged.site import overview
from storage.ring.volume_operations import Reconfigured, Replaced
from storage.volumes.space import VolumeSpec
from storage.volumes.table import KnownVolume
from storage.words.results import VolumeStatus

WRITE_DOWN: Final = "write it into the configuration as a [[volumes]] table, then: edgectl reload"
START: Final = "start edged, which uses it from then on"
TAKE_OUT: Final = "take its [[volumes]] table out of the configuration, edgectl reload, and take the disk out"
STRUCK_OFF: Final = (
    "its loss is a notice from now on, which ends when what was lost would have been destroyed in its time"
)
WAIT: Final = "leave the disk in place until `edgectl volume list` says that it is empty: what it holds goes in time"


def spec_of(config: Config, path: Path) -> VolumeSpec | None:
    """As configured; None where it is not."""
    return next((spec for spec in config.volume_specs() if spec.path == path), None)


def default_spec(path: Path) -> VolumeSpec:
    """For one that is not configured yet."""
    return VolumeSpec(path, reserve_percent=DEFAULT_RESERVE_PERCENT)


def listed(statuses: Sequence[VolumeStatus], takes_next: str | None) -> documents.VolumeList:
    return documents.VolumeList(
        volumes=[
            documents.Listed(**overview.volume(status).model_dump(), takes_next=status.id == takes_next)
            for status in statuses
        ]
    )


def reloaded(change: Reconfigured) -> site.ReloadedVolumes:
    return site.ReloadedVolumes(
        added=list(map(str, change.came)),
        retired=list(map(str, change.retired)),
        left_out=list(map(str, change.left_out)),
    )


def begun(volume: str, path: Path, *, configured: bool, daemon: bool) -> documents.VolumeInit:
    step = (START if not daemon else "") if configured else WRITE_DOWN
    return documents.VolumeInit(volume=volume, path=str(path), configured=configured, next=step)


def retired(one: KnownVolume) -> documents.VolumeRetire:
    if one.loss is not None:
        is_retired, step = True, STRUCK_OFF
    else:
        is_retired, step = one.retired, "" if not one.retired else TAKE_OUT if one.empty else WAIT
    return documents.VolumeRetire(volume=one.id, path=str(one.path), retired=is_retired, empty=one.empty, next=step)


def replaced(done: Replaced, path: Path) -> documents.VolumeReplace:
    first, last = (
        None if wall_ms is None else overview.timestamp(wall_ms)
        for wall_ms in (done.loss.first_wall_ms, done.loss.last_wall_ms)
    )
    return documents.VolumeReplace(
        lost=done.lost,
        by=done.by,
        path=str(path),
        segments=done.loss.segments,
        below_floor=done.loss.below_floor,
        pinned=done.loss.pinned,
        first=first,
        last=last,
    )
