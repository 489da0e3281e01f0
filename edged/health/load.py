"""What the box can carry: how busy it is, how far behind its readers are, and how many cameras like these fit. Pure.

The first to suffer from too many cameras is S6: a look that comes late is footage that a power cut would cost more of.
What the network holds back meanwhile is not lost: it waits in the kernel, and after that in the camera.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Literal

from recorder.words.messages import Stats

LATE_MS: Final = 300
"""A look that is later than this lets a power cut cost more than `max_loss`: what syncs leave of it in practice."""
OFTEN: Final = 3
"""So many late reports of one camera within a minute are no coincidence: something else had the processor."""
BUSY: Final = 0.9
"""Of all processors, over a minute: what comes on top (an export, a check, a burst) makes everything late."""
COMFORTABLE: Final = 0.8
"""Up to where the box is counted on: the rest is for what comes now and then."""
QUEUED_BYTES: Final = 16 << 20
"""A quarter of what may wait for the disk before a segment is given up (`recorder.worker.disk`)."""
CAMERAS_LEAST: Final = 4
"""Of fewer it says nothing how many fit: what the box does besides is most of it."""
Excess = Literal["late", "disk", "busy"]
"""Cameras are looked at late again and again; too much waits for the disk; the processors have nothing left."""
_SYNC_MS: Final = attrgetter("slowest_sync_ms")
_QUEUED_BYTES: Final = attrgetter("queued_bytes")


@dataclass(frozen=True, slots=True)
class BoxLoad:
    """Of the last minute."""

    busy: float | None = None
    """Share of all processors, 0 to 1; None: not known yet."""
    late_ms: int = 0
    """The latest look at any camera."""
    slowest_sync_ms: int = 0
    queued_bytes: int = 0
    """The most that waited for the disk at a time, of any camera."""
    cameras: int = 0
    """That are being recorded."""
    lagging: int = 0
    """Cameras that were looked at late again and again."""

    @property
    def carries(self) -> int | None:
        """Cameras like these that fit in all, by the processor; None where that cannot be told."""
        if not self.busy or self.cameras < CAMERAS_LEAST:
            return None
        return int(self.cameras * COMFORTABLE / self.busy)

    @property
    def excess(self) -> list[Excess]:
        """What is too much for this box; empty while it can do all that it has to."""
        found: dict[Excess, bool] = {
            "late": bool(self.lagging),
            "disk": self.queued_bytes > QUEUED_BYTES,
            "busy": (self.busy or 0.0) >= BUSY,
        }
        return [excess for excess, holds in found.items() if holds]


def load_of(samples: Iterable[Iterable[Stats]], busy: float | None) -> BoxLoad:
    """`samples`: of each camera that is recorded, its reports of the last minute."""
    late = sync = queued = cameras = lagging = 0
    for one in samples:
        reports = list(one)
        cameras += bool(reports)
        lates = [stats.late_ms for stats in reports]
        sync = max([sync, *map(_SYNC_MS, reports)])
        queued = max([queued, *map(_QUEUED_BYTES, reports)])
        if (latest := max(lates, default=0)) > LATE_MS:
            lagging += sum(late_ms > LATE_MS for late_ms in lates) >= OFTEN
        late = max(late, latest)
    return BoxLoad(busy, late, sync, queued, cameras, lagging)
