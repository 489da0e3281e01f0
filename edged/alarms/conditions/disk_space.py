"""Volumes that are full, floors that will not be met, the ballast that is gone: as alarms. Pure.

Texts name no figure that goes on changing by itself; `edgectl retention` shows those.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from edged.alarms.not_recorded import WITHHELD
from edged.health.stream import CameraState
from edged.overview.forecast import CRITICAL_S, WARN_S, blames_others
from edged.overview.model import Overview, Trouble
from edged.words import units
from recorder.supervisor.runner import CameraView
from storage.words.model import GapCause
from storage.words.results import Severity, VolumeState, VolumeStatus

PATIENCE_S: Final = 60.0
"""Rates of the first minute are no forecast."""
NAMED: Final = 16
"""Cameras that are named in a text; the screens show each of them."""
OF_THE_BOX: Final = frozenset(WITHHELD)
"""Why cameras are not recorded through no fault of theirs."""
_OF_VOLUMES: Final = ("storage.full:", "storage.away:")
_AGAINST: Final[Mapping[GapCause | None, str]] = {
    GapCause.DISK_FULL: "Remove what others keep there, or add space",
    GapCause.IO_ERROR: "Check the disk (`journalctl -k`, `smartctl -a`) and what `edgectl alarms` says of destroying",
}
"""What helps depends on what is in the way."""
_RECORDED: Final = frozenset({CameraState.RECORDING, CameraState.DEGRADED})
_FIGURES: Final = "`edgectl retention` shows the figures"


def troubles(seen: Overview) -> Iterator[tuple[str, Trouble]]:
    """Key to trouble."""
    full = [status for status in seen.measured.volumes if status.state is VolumeState.FULL]
    full.sort(key=lambda status: status.cause is not GapCause.DISK_FULL)
    ending = {name for name, health in seen.health.items() if health.condition.state in _RECORDED}
    for at, status in enumerate(full):
        yield f"storage.full:{status.id}", _full(status, status.stopped if at == 0 else (), ending)
    if seen.measured.ballast_owed:
        kept = "the space that is kept for the database on a full disk (ballast)"
        text = f"Part of {kept} is used up"
        if seen.measured.ballast_gone:
            then = "once that disk is full to the last byte, nothing can be recorded or cleared away any more"
            text = f"Nothing is left of {kept}, or it never fitted: {then}"
        action = f"Free space on the disk of {seen.config.paths.state}: it is laid out again by itself"
        yield "storage.ballast", Trouble(Severity.WARNING, text, action, PATIENCE_S)
    yield from _floors(seen)


def withheld(seen: Overview, views: Mapping[str, CameraView]) -> set[str]:
    """Cameras whose trouble is that of a volume, which has an alarm of its own: told once, not once for each."""
    states = {status.state for status in seen.measured.volumes}
    standing = any(row.raised and row.key.startswith(_OF_VOLUMES) for row in seen.alarms)
    told = OF_THE_BOX if standing or states & {VolumeState.FULL, VolumeState.AWAY} else {GapCause.IO_ERROR}
    return {name for name, view in views.items() if view.cause in told}


def _full(status: VolumeStatus, waiting: Sequence[str], ending: Collection[str]) -> Trouble:
    """`waiting`: cameras without room on any volume, so they are told with one of them; those of them that are in
    `ending` still record the segment that they have begun.
    """
    who = _named(". Not recorded until there is room", [name for name in waiting if name not in ending])
    who += _named(". Stopping at the end of their segment", [name for name in waiting if name in ending])
    text = f"Volume {status.path} is full: {status.reason}"
    if status.cause is GapCause.DISK_FULL and blames_others(status):
        taken = units.rough_size(status.others_bytes)
        text = f"Others have taken at least {taken} on the file system of {status.path}: no room is left for recording"
    return Trouble(Severity.CRITICAL, f"{text}{who}", _AGAINST.get(status.cause, "Add space or lower what is recorded"))


def _named(lead: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{lead}: {', '.join(names[:NAMED])}{more}" if names else ""


def _floors(seen: Overview) -> Iterator[tuple[str, Trouble]]:
    """One alarm for all cameras: they share the volumes, and it is these that are too small."""
    foresight = seen.foresight
    in_s = foresight.at_risk_in_s
    if in_s is not None and in_s <= WARN_S:
        severity = Severity.CRITICAL if in_s <= CRITICAL_S else Severity.WARNING
        within = "three days" if in_s <= CRITICAL_S else "two weeks"
        overwrites = seen.measured.ring.overwriting.holds_in(in_s * 1000)
        then = "the oldest of it is destroyed before its time" if overwrites else "recording stops"
        stopped = any(status.cause is GapCause.FLOOR_PROTECT and status.stopped for status in seen.measured.volumes)
        full = "the volumes are full of footage that must still be kept, and"
        what = f"{full} cameras have stopped" if stopped else f"within {within} {full} {then}"
        text = f"Floors {'are not' if stopped else 'will not be'} met: {what}"
        action = f"Add space, or lower bit rates; {_FIGURES}"
        if foresight.others:
            text = f"What others keep on {', '.join(foresight.others)} takes the room that floors need: {what}"
            action = f"Remove what others keep there, or add space; {_FIGURES}"
        yield "retention.floor-at-risk", Trouble(severity, text, action, PATIENCE_S)
    elif not foresight.fits:
        text = "The floors do not fit the volumes: at the present rates they ask for more than there is room for"
        action = f"Add space, lower bit rates or shorten floors before the volumes are full; {_FIGURES}"
        yield "retention.floors-do-not-fit", Trouble(Severity.WARNING, text, action, PATIENCE_S)
