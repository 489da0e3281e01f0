"""One word for everything, and what somebody who was called in the night does first. Pure: values in, words out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import IntEnum
from typing import Final, Literal, TypeAlias

from edged.alarms import tracking
from edged.alarms.tracking import in_full
from edged.health.stream import DOWN_AFTER_S, CameraState
from edged.overview import Overview, ShownCamera, shown_camera
from storage.words.message import NOTHING, Message, message
from storage.words.model import AlarmRow, Severity, VolumeState, VolumeStatus

VerdictWord: TypeAlias = Literal["ok", "warning", "critical", "unknown"]


class Urgency(IntEnum):
    """What is at stake, the most urgent first; how long it has stood comes after that."""

    NOT_RECORDED = 0
    ENDING = 1
    """Recording may end soon, or is only in part what it should be."""
    KEPT_IN_DANGER = 2
    """Floors, pins, files; and whatever is not named here."""
    OWED = 3
    """To somebody who asked for footage: recording and what is kept do not hang on it."""
    PAST = 4
    """It happened, and nothing gets worse by waiting."""


_STAKES: Final = {
    "device.fault": Urgency.NOT_RECORDED,
    "camera.down": Urgency.NOT_RECORDED,
    "camera.degraded": Urgency.ENDING,
    "internal": Urgency.ENDING,
    "retention.floor-at-risk": Urgency.ENDING,
    "storage.ballast": Urgency.ENDING,
    "storage.failing": Urgency.NOT_RECORDED,
    "storage.slow": Urgency.ENDING,
    "box.load": Urgency.ENDING,
    "clock.stepped": Urgency.PAST,
    "storage.lost": Urgency.PAST,
}
"""By what alarms are called before the colon."""
_OFFICE: Final = ("office.", "request.", "erasure.")
_FULL_OR_AWAY: Final = frozenset({"storage.full", "storage.away"})
_AWAY: Final = "storage.away"
_CAMERA: Final = "camera."
_CAMERA_DOWN: Final = "camera.down:"
_WORDS: Final[tuple[tuple[Severity, VerdictWord], ...]] = (
    (Severity.CRITICAL, "critical"),
    (Severity.WARNING, "warning"),
)
NAMED_MAX: Final = 3
"""Cameras that are named behind an alarm that is not theirs."""
_UNWELL: Final = (CameraState.DOWN, CameraState.DEGRADED)


def of(seen: Overview) -> tuple[VerdictWord, Message]:
    """As everything is now."""
    cameras = [shown_camera(camera.id, seen) for camera in seen.config.cameras]
    quiet = tracking.not_recording(((one.id, one.state) for one in cameras), seen.under)
    work = tracking.maintenance_sentence(seen.under, len(seen.held), quiet)
    return judge(cameras, _raised(seen), seen.measured.volumes, [*_starting(seen), *quiet], work)


def standing(seen: Overview) -> list[AlarmRow]:
    """Alarms, in the order of `ranked`."""
    return ranked(_raised(seen), seen.measured.volumes)


def _raised(seen: Overview) -> list[AlarmRow]:
    return [row for row in seen.alarms if row.raised]


def _starting(seen: Overview) -> list[str]:
    patience_ms = DOWN_AFTER_S * 1000
    return [name for name, health in seen.health.items() if seen.now.wall_ms - health.since_ms < patience_ms]


def ranked(alarms: Iterable[AlarmRow], volumes: Collection[VolumeStatus]) -> list[AlarmRow]:
    """In the order in which they are to be seen to: the worst first, among equals by what is at stake, then a cause
    before its symptoms (a volume that is away before one that is full because of it, what concerns the box before what
    concerns one camera), then the oldest.
    """
    return sorted(
        alarms,
        key=lambda one: (
            -one.severity.gravity,
            _urgency(one, volumes),
            not one.key.startswith(_AWAY),
            one.key.startswith(_CAMERA),
            one.since_ms,
        ),
    )


def judge(
    cameras: Sequence[ShownCamera],
    alarms: Iterable[AlarmRow],
    volumes: Collection[VolumeStatus],
    starting: Collection[str],
    work: Message = NOTHING,
) -> tuple[VerdictWord, Message]:
    """One word for everything, and the first thing to do, as the first alarm tells it.

    A camera that is down speaks also where no alarm tells of it, because it could not be stored; `starting` are those
    that have been down for so short a time that nobody is alarmed yet, or that are worked on. `work`: what maintenance
    keeps from being as it should.
    """
    order = ranked(alarms, volumes)
    for worst, word in _WORDS:
        standing = [alarm for alarm in order if alarm.severity is worst]
        if worst is Severity.CRITICAL and not any(_urgency(one, volumes) is Urgency.NOT_RECORDED for one in standing):
            for seen in cameras:
                if seen.state is CameraState.DOWN and seen.id not in starting:
                    return "critical", _and_more(_of_camera(seen), len(standing))
        if standing:
            first = standing[0]
            what = _and_more(in_full(first.text, first.names), len(standing) - 1, _hidden(standing))
            return word, _with_action(what, first.action)
    if work:
        return "warning", work
    for seen in sorted((one for one in cameras if one.state in _UNWELL), key=lambda one: _UNWELL.index(one.state)):
        return "warning", _of_camera(seen)
    if not any(seen.state is CameraState.RECORDING for seen in cameras):
        return "unknown", message(
            "site.no-camera", "no camera is enabled: nothing is recorded. Add a camera to the configuration"
        )
    return "ok", NOTHING


def _urgency(alarm: AlarmRow, volumes: Collection[VolumeStatus]) -> Urgency:
    """A volume that is full or away ends recording where no other takes footage."""
    name = alarm.key.partition(":")[0]
    if name in _FULL_OR_AWAY:
        others_take = any(volume.state is VolumeState.IN_SERVICE for volume in volumes)
        return Urgency.ENDING if others_take else Urgency.NOT_RECORDED
    return _STAKES.get(name, Urgency.OWED if name.startswith(_OFFICE) else Urgency.KEPT_IN_DANGER)


def _hidden(standing: Sequence[AlarmRow]) -> list[str]:
    """Cameras that are down for a reason of their own, where something else speaks first."""
    first, *others = standing
    if first.key.startswith(_CAMERA):
        return []
    return sorted(one.key.removeprefix(_CAMERA_DOWN) for one in others if one.key.startswith(_CAMERA_DOWN))


def _of_camera(seen: ShownCamera) -> Message:
    return message("camera.named", "{camera}: {reason}", camera=seen.id, reason=seen.reason)


def _with_action(what: Message, action: Message) -> Message:
    if not action:
        return message("site.stands", "{what}.", what=what)
    return message("site.stands-and-do", "{what}. {action}", what=what, action=action)


def _and_more(what: Message, count: int, cameras: Sequence[str] = ()) -> Message:
    if not count:
        return what
    if not cameras:
        return message("site.and-more", "{what} (and {count} more)", what=what, count=count)
    return message(
        "site.and-more-cameras",
        "{what} (and {count} more, camera down for a reason of its own: {cameras})",
        what=what,
        count=count,
        cameras=[*cameras[:NAMED_MAX], *(["…"] if len(cameras) > NAMED_MAX else [])],
    )
