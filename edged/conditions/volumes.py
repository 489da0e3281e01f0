"""Volumes that are gone for good, as alarms. Pure.

S1 is not broken by edged there, and the rule behind it is all the same: it is told until what is gone would have been
destroyed anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edged.alarms import Trouble
from edged.views import Overview
from storage.answers import Severity, VolumeState

REPORT: Final = (
    "Report it as your rules demand, and keep the disk for whoever may read it; the alarm ends when what was lost "
    "would have been destroyed in its time"
)


def troubles(seen: Overview) -> Iterator[tuple[str, Trouble]]:
    """Key to trouble."""
    for status in seen.measured.volumes:
        if status.state is VolumeState.LOST:
            severity = Severity.WARNING if status.cause is None else Severity.CRITICAL
            text = f"Volume {status.path} ({status.id}): {status.reason}"
            yield f"storage.lost:{status.id}", Trouble(severity, text, REPORT)
