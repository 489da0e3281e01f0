"""Which camera the eye looks at next, and which is set aside because its pictures kill or hang it (L4). Pure.

Cameras take turns, spread evenly over a round, so that the eye never has more than it can do. A camera of which the eye
died is blamed; from the second time in a row on it is set aside, each time for twice as long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

ROUND_S: Final = 10.0
"""One look at each camera in this time."""
LEAST_S: Final = 0.05
"""Between two looks."""
PATIENT: Final = 2
"""Deaths in a row that a camera may be chance: the box may be out of memory."""
ASIDE_S: Final = 60.0
ASIDE_MAX_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Record:
    """Of one camera."""

    blamed: int = 0
    """In a row."""
    until_s: float = 0.0
    """Set aside until then."""


def pause_s(cameras: int) -> float:
    """Between two looks, whoever's."""
    return max(LEAST_S, ROUND_S / max(1, cameras))


def next_of(cameras: Sequence[str], last: str) -> str | None:
    """Whose turn it is."""
    if not cameras:
        return None
    later = [camera for camera in cameras if camera > last]
    return min(later or cameras)


def blamed(before: Record, now_s: float) -> Record:
    """The eye died or hung while it decoded this camera's picture."""
    times = before.blamed + 1
    if times < PATIENT:
        return Record(times)
    return Record(times, now_s + min(ASIDE_MAX_S, ASIDE_S * 2 ** min(times - PATIENT, 16)))


def is_aside(records: Mapping[str, Record], camera: str, now_s: float) -> bool:
    """Nobody looks at it now."""
    return camera in records and now_s < records[camera].until_s
