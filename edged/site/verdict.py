"""One word for everything, and what somebody who was called in the night does first. Pure: documents in, words out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import IntEnum
from typing import Final

from edged.documents import site as documents
from edged.documents.base import told_in
from storage.words.message import NOTHING, Message, message
from storage.words.model import Severity


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
NAMED_MAX: Final = 3
"""Cameras that are named behind an alarm that is not theirs."""
_TAKES_FOOTAGE: Final = "in-service"
_UNWELL: Final = ("down", "degraded")


def ranked(alarms: Iterable[documents.Alarm], volumes: Collection[documents.Volume]) -> list[documents.Alarm]:
    """In the order in which they are to be seen to: the worst first, among equals by what is at stake, then a cause
    before its symptoms (a volume that is away before one that is full because of it, what concerns the box before what
    concerns one camera), then the oldest.
    """
    return sorted(
        alarms,
        key=lambda one: (
            -Severity(one.severity).gravity,
            _urgency(one, volumes),
            not one.key.startswith(_AWAY),
            one.key.startswith(_CAMERA),
            one.since,
        ),
    )


def judge(
    cameras: Sequence[documents.Camera],
    alarms: Iterable[documents.Alarm],
    volumes: Collection[documents.Volume],
    starting: Collection[str],
    work: Message = NOTHING,
) -> tuple[documents.Verdict, Message]:
    """One word for everything, and the first thing to do, as the first alarm tells it.

    A camera that is down speaks also where no alarm tells of it, because it could not be stored; `starting` are those
    that have been down for so short a time that nobody is alarmed yet, or that are worked on. `work`: what maintenance
    keeps from being as it should.
    """
    worst: documents.Verdict
    order = ranked(alarms, volumes)
    for worst in ("critical", "warning"):
        standing = [alarm for alarm in order if alarm.severity == worst]
        if worst == "critical" and not any(_urgency(one, volumes) is Urgency.NOT_RECORDED for one in standing):
            for seen in cameras:
                if seen.state == "down" and seen.id not in starting:
                    return "critical", _and_more(_of_camera(seen), len(standing))
        if standing:
            first = standing[0]
            return worst, _with_action(
                _and_more(told_in(first), len(standing) - 1, _hidden(standing)), told_in(first, "action")
            )
    if work:
        return "warning", work
    for seen in sorted((one for one in cameras if one.state in _UNWELL), key=lambda one: _UNWELL.index(one.state)):
        return "warning", _of_camera(seen)
    if not any(seen.state == "recording" for seen in cameras):
        return "unknown", message(
            "site.no-camera", "no camera is enabled: nothing is recorded. Add a camera to the configuration"
        )
    return "ok", NOTHING


def _urgency(alarm: documents.Alarm, volumes: Collection[documents.Volume]) -> Urgency:
    """A volume that is full or away ends recording where no other takes footage."""
    name = alarm.key.partition(":")[0]
    if name in _FULL_OR_AWAY:
        others_take = any(volume.state == _TAKES_FOOTAGE for volume in volumes)
        return Urgency.ENDING if others_take else Urgency.NOT_RECORDED
    return _STAKES.get(name, Urgency.OWED if name.startswith(_OFFICE) else Urgency.KEPT_IN_DANGER)


def _hidden(standing: Sequence[documents.Alarm]) -> list[str]:
    """Cameras that are down for a reason of their own, where something else speaks first."""
    first, *others = standing
    if first.key.startswith(_CAMERA):
        return []
    return sorted(one.key.removeprefix(_CAMERA_DOWN) for one in others if one.key.startswith(_CAMERA_DOWN))


def _of_camera(seen: documents.Camera) -> Message:
    return message("camera.named", "{camera}: {reason}", camera=seen.id, reason=told_in(seen, "reason"))


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
