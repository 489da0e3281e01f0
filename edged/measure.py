"""What the catalog and the volumes say about the site, read every few seconds and shown to whoever asks.

`status` is asked often and must answer at once, also while a disk hangs: it shows the last measurement.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from storage.answers import CameraUsage, Coverage, VolumeStatus
from storage.model import Moment
from storage.store import Store

MEASURE_EVERY_S: Final = 5.0
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Measurements:
    """As of `at`; cameras that are no longer configured are among `usage` as long as they have footage."""

    at: Moment
    volumes: tuple[VolumeStatus, ...] = ()
    usage: dict[str, CameraUsage] = field(default_factory=dict)
    coverage: dict[str, Coverage] = field(default_factory=dict)

    def forecast_s(self, camera: str) -> float | None:
        """Seconds footage will be kept at the measured rates of all cameras, None while there is no rate.

        The ring frees the oldest first whoever's it is, so space is shared by time: all cameras reach back equally far.
        """
        rates = [usage.bytes_per_day for usage in self.usage.values() if usage.bytes_per_day]
        if camera not in self.usage or not self.usage[camera].bytes_per_day or not self.volumes:
            return None
        return 86_400 * sum(volume.limit_bytes for volume in self.volumes) / sum(rates)


def measure(store: Store, cameras: Collection[str], now: Moment) -> Measurements:
    """Read everything once. Blocks on disk: not for the event loop."""
    return Measurements(
        at=now,
        volumes=tuple(store.volumes()),
        usage={usage.camera: usage for usage in store.usage()},
        coverage={camera: store.coverage(camera, now.wall_ms - DAY_MS, now.wall_ms) for camera in cameras},
    )
