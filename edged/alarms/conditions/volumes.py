"""Volumes that are gone for good, as alarms. Pure.

S1 is not broken by edged there, and the rule behind it is all the same: it is told until what is gone would have been
destroyed anyway; as a mere notice once somebody has struck the volume off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edged.overview.model import Overview, Trouble
from storage.words.results import Severity, VolumeState, VolumeStatus

REPORT: Final = (
    "Report it as your rules demand, and keep the disk for whoever may read it; then strike it off: `edgectl volume "
    "retire {id}`"
)
STRUCK_OFF: Final = "It is struck off; this notice ends when what was lost would have been destroyed in its time"


def troubles(seen: Overview) -> Iterator[tuple[str, Trouble]]:
    """Key to trouble."""
    for status in seen.measured.volumes:
        if status.state is VolumeState.LOST:
            text = f"Volume {status.path} ({status.id}): {status.reason}"
            action = STRUCK_OFF if status.noted else REPORT.format(id=status.id)
            yield f"storage.lost:{status.id}", Trouble(severity(status), text, action)


def severity(status: VolumeStatus) -> Severity:
    """Of one that is gone for good."""
    if status.noted:
        return Severity.INFO
    return Severity.WARNING if status.cause is None else Severity.CRITICAL
