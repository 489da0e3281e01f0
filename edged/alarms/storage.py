"""What is wrong with disks and volumes, and with the files and the database on them: as alarms. Pure.

In this order: volumes that are full, floors that will not be met, the ballast that is gone; volumes that are away
or gone for good; disks that do not take what is written, or take it slowly; files that are not as edged left them;
a database that was lost and is made anew. Texts name no figure that goes on changing by itself; `edgectl retention`
shows those.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from edged.health.stream import DOWN_AFTER_S, WITHHELD, CameraState
from edged.overview.forecast import CRITICAL_S, WARN_S, blames_others
from edged.overview.model import AlarmCondition, Overview
from edged.words import units
from recorder.supervisor.runner import CameraView
from storage.mirror.table import ON_PURPOSE
from storage.segments.findings_table import TamperedFiles
from storage.words.model import GapCause
from storage.words.results import Severity, VolumeState, VolumeStatus

SLOW_SYNC_MS: Final = 500
"""A sync above this endangers S6 (docs/design/recording.md)."""
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
REPORT: Final = (
    "Report it as your rules demand, and keep the disk for whoever may read it; then strike it off: `edgectl volume "
    "retire {id}`"
)
STRUCK_OFF: Final = "It is struck off; this notice ends when what was lost would have been destroyed in its time"
TAMPERED = {
    "missing": "is gone",
    "size": "has another size",
    "content": "has other content",
    "unreadable": "cannot be read",
    "appeared": "appeared",
    "strange": "appeared",
    "link": "was given another name",
    "pin": "lost the link that pins it",
    "sidecar": "does not say what is pinned any more",
}


def withheld(seen: Overview, views: Mapping[str, CameraView]) -> set[str]:
    """Cameras whose trouble is that of a volume, which has an alarm of its own: told once, not once for each."""
    states = {status.state for status in seen.measured.volumes}
    standing = any(row.raised and row.key.startswith(_OF_VOLUMES) for row in seen.alarms)
    told = OF_THE_BOX if standing or states & {VolumeState.FULL, VolumeState.AWAY} else {GapCause.IO_ERROR}
    return {name for name, view in views.items() if view.cause in told}


def space_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
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
        yield "storage.ballast", AlarmCondition(Severity.WARNING, text, action, PATIENCE_S)
    yield from _floors(seen)


def _full(status: VolumeStatus, waiting: Sequence[str], ending: Collection[str]) -> AlarmCondition:
    """`waiting`: cameras without room on any volume, so they are told with one of them; those of them that are in
    `ending` still record the segment that they have begun.
    """
    who = _named(". Not recorded until there is room", [name for name in waiting if name not in ending])
    who += _named(". Stopping at the end of their segment", [name for name in waiting if name in ending])
    text = f"Volume {status.path} is full: {status.reason}"
    if status.cause is GapCause.DISK_FULL and blames_others(status):
        taken = units.rough_size(status.others_bytes)
        text = f"Others have taken at least {taken} on the file system of {status.path}: no room is left for recording"
    return AlarmCondition(
        Severity.CRITICAL, f"{text}{who}", _AGAINST.get(status.cause, "Add space or lower what is recorded")
    )


def _named(lead: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{lead}: {', '.join(names[:NAMED])}{more}" if names else ""


def _floors(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
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
        yield "retention.floor-at-risk", AlarmCondition(severity, text, action, PATIENCE_S)
    elif not foresight.fits:
        text = "The floors do not fit the volumes: at the present rates they ask for more than there is room for"
        action = f"Add space, lower bit rates or shorten floors before the volumes are full; {_FIGURES}"
        yield "retention.floors-do-not-fit", AlarmCondition(Severity.WARNING, text, action, PATIENCE_S)


def away_volume_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    for status in seen.measured.volumes:
        if status.state is VolumeState.AWAY:
            text = f"Volume {status.path} cannot be used: {status.reason}"
            action = f"Check its disk, cable and mount; if it is gone for good: edgectl volume replace {status.path}"
            yield f"storage.away:{status.id}", AlarmCondition(Severity.CRITICAL, text, action)


def lost_volume_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    """Key to trouble."""
    for status in seen.measured.volumes:
        if status.state is VolumeState.LOST:
            text = f"Volume {status.path} ({status.id}): {status.reason}"
            action = STRUCK_OFF if status.noted else REPORT.format(id=status.id)
            yield f"storage.lost:{status.id}", AlarmCondition(loss_severity(status), text, action)


def loss_severity(status: VolumeStatus) -> Severity:
    """Of one that is gone for good."""
    if status.noted:
        return Severity.INFO
    return Severity.WARNING if status.cause is None else Severity.CRITICAL


def failed_write_troubles(seen: Overview, views: Mapping[str, CameraView]) -> Iterator[tuple[str, AlarmCondition]]:
    """One alarm for all cameras, where a disk answers and takes nothing: read-only since an error, or about to die.

    Linux 6.15 and later call an ext4 that stopped itself after an error still writable.
    """
    spoken = {view.came_back for view in views.values() if view.cause is GapCause.IO_ERROR}
    told = any(status.state in (VolumeState.AWAY, VolumeState.FULL) for status in seen.measured.volumes)
    if spoken and not told:
        text = f"The disk does not take what is written, and cameras are not recorded: {min(spoken)}"
        action = "Check the disk, its cable and its mount (journalctl -k, smartctl -a): replace it if it reports errors"
        yield "storage.failing", AlarmCondition(Severity.CRITICAL, text, action, DOWN_AFTER_S)


def slow_sync_troubles(views: Mapping[str, CameraView]) -> Iterator[tuple[str, AlarmCondition]]:
    """One alarm for all: it is the disk that is slow. Which cameras notice changes with every look."""
    if any(stats.slowest_sync_ms > SLOW_SYNC_MS for view in views.values() for _, stats in view.samples):
        text = f"The disk takes more than {SLOW_SYNC_MS} ms to make footage durable: a power cut would cost more of it"
        yield "storage.slow", AlarmCondition(Severity.WARNING, text, "Check the disk and what else uses it")


def tampering_troubles(tampered: Iterable[TamperedFiles]) -> Iterator[tuple[str, AlarmCondition]]:
    for one in tampered:
        named = ", ".join(f"{path} {TAMPERED.get(kind, 'differs')}" for path, kind in one.files)
        text = f"Files on volume {one.path} are not as edged left them: {named}{' and others' if one.more else ''}"
        action = "Find out who did it and secure what is left; `edgectl fsck --level hash` names every file"
        yield f"storage.tampered:{one.volume}", AlarmCondition(Severity.CRITICAL, text, action)


def rebuild_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    """Key to trouble."""
    rebuild = seen.measured.rebuild
    if rebuild is None:
        return
    lies = f". The damaged one lies in {rebuild.aside}" if rebuild.aside else ""
    if rebuild.end is None:
        what = "is being made anew from the volumes; recording goes on, and nothing is destroyed until it is done"
        text = f"The database was lost ({rebuild.reason}) and {what}{lies}"
        action = "Leave the volumes where they are; `edgectl rebuild` shows how far it is"
        yield "database.rebuilt", AlarmCondition(Severity.CRITICAL, text, action)
    elif rebuild.reason != ON_PURPOSE:
        text = f"The database was lost ({rebuild.reason}) and has been made anew from the volumes{lies}"
        action = "Check the disk of the state directory (`journalctl -k`, `smartctl -a`), then `edgectl fsck`"
        yield "database.rebuilt", AlarmCondition(Severity.WARNING, text, action)
