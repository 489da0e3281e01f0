"""Alarms (異常通報): conditions in, what to raise, update and clear out, and which wait during maintenance (維護).

Pure; storing and sending is done by others.

A condition must stand for its `raise_after_s` before it becomes an alarm and be gone for `CLEAR_AFTER_S` before the
alarm ends, so that what flaps is one alarm with a count. Keys are stable names (`camera.down:lobby`). New words of one
that stands are told at once, and then at most once in `AGAIN_AFTER_S`: each telling is an event for the centre.

`troubles` is one pure function from everything known to keys and words (`edged.alarms.conditions` has the parts).

Texts name no figure that changes by itself; what is measured stands in the status.

During maintenance is held back what the work itself may bring about, and nothing else: a camera that is out, a disk
that is taken out, a link that is pulled. What endangers what is kept, or tells what people did, is never held back,
whoever is at work; nor is what `OF_THE_BOX` does not name. What stood before goes on standing: that it is seen to makes
it no less true. Nor is anything held back that was wrong before the work began: one maintenance right after another
hides nothing for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from edged.alarms import conditions, fault_tickets
from edged.alarms.conditions import Episode
from edged.overview import AlarmCondition, Overview
from recorder.supervisor.runner import CameraView
from storage.tickets.maintenance_table import Lasting
from storage.words.message import NOTHING, Message, message
from storage.words.model import AlarmRow, Severity

CLEAR_AFTER_S: Final = 20.0
"""A condition that comes back within this time was never gone: a camera that gives three seconds of picture between two
outages of ten is one outage."""
AGAIN_AFTER_S: Final = 60.0
"""Between two tellings of new words that are no worse: a camera may give another reason with each attempt."""
RETAINED_MS: Final = 7 * 86_400_000
"""An alarm that is over is shown to the centre for so long (docs/mqtt.md)."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """What is remembered of a condition between two looks; times are CLOCK_BOOTTIME in seconds."""

    trouble: AlarmCondition
    """As it was told last; until it is raised, as it was seen."""
    first_s: float
    last_s: float
    raised: bool
    again_s: float | None = None
    """When new words were told last."""


@dataclass(frozen=True, slots=True)
class Change:
    """`trouble` is None when the alarm is to be cleared; `again`: it was standing and only its words changed."""

    key: str
    trouble: AlarmCondition | None
    again: bool = False


def step(
    tracked: Mapping[str, Tracked],
    troubles: Mapping[str, AlarmCondition],
    now_s: float,
    held: Collection[str] = (),
) -> tuple[dict[str, Tracked], list[Change]]:
    """One look: the new memory, and what changed. Looking twice at the same instant changes nothing.

    `held`: keys that are not raised now, however long they have stood; they are once they are held no longer.
    """
    memory: dict[str, Tracked] = {}
    changes: list[Change] = []
    for key, trouble in troubles.items():
        before = tracked.get(key)
        if before is not None and before.raised:
            entry = replace(before, last_s=now_s)
            if _is_news(before, trouble, now_s):
                changes.append(Change(key, trouble, again=True))
                entry = replace(entry, trouble=trouble, again_s=now_s)
        else:
            entry = Tracked(trouble, before.first_s if before else now_s, now_s, raised=False)
            if key not in held and now_s - entry.first_s >= trouble.raise_after_s:
                changes.append(Change(key, trouble))
                entry = replace(entry, raised=True)
        memory[key] = entry
    for key, before in tracked.items():
        if key in troubles:
            continue
        if now_s - before.last_s < CLEAR_AFTER_S:
            memory[key] = before
        elif before.raised:
            changes.append(Change(key, None))
    return memory, changes


def remembered(rows: Iterable[AlarmRow], tracked: Mapping[str, Tracked], now_ms: int) -> tuple[AlarmRow, ...]:
    """What stands, for as long as the database does not answer; `rows` are as they were known last."""
    known = {row.key: row for row in rows if row.raised}
    standing = {key: one.trouble for key, one in tracked.items() if one.raised}
    return tuple(
        replace(known[key], severity=one.severity, text=one.text, action=one.action, names=one.names)
        if key in known
        else AlarmRow(
            key=key,
            severity=one.severity,
            raised=True,
            since_ms=now_ms,
            cleared_ms=None,
            count=1,
            text=one.text,
            action=one.action,
            acknowledged=False,
            names=one.names,
        )
        for key, one in standing.items()
    )


def in_full(text: Message, names: str) -> Message:
    """For people on this box."""
    return message("alarm.named", "{told}: {names}", told=text, names=names) if names else text


def retained(rows: Iterable[AlarmRow], now_ms: int) -> tuple[AlarmRow, ...]:
    """Those that the centre is shown: all that stand, and what was over less than RETAINED_MS ago by the wall clock.

    The retained message of any other is to be emptied.
    """
    return tuple(row for row in rows if row.cleared_ms is None or now_ms - row.cleared_ms < RETAINED_MS)


def _is_news(told: Tracked, now: AlarmCondition, now_s: float) -> bool:
    """Another severity is news at once, other words are when the last ones are old enough."""
    if told.trouble.severity is not now.severity:
        return True
    return told.trouble.words != now.words and (told.again_s is None or now_s - told.again_s >= AGAIN_AFTER_S)


STEP_TOLD_FOR_MS: Final = 3_600_000
"""A clock step is told for an hour: long enough to be seen by whoever looks after it happened."""


def troubles(
    seen: Overview,
    views: Mapping[str, CameraView],
    failing: Mapping[str, str],
    stepped_at_ms: int | None,
    episodes: Mapping[str, Episode],
) -> dict[str, AlarmCondition]:
    """Key to trouble, for all that is wrong at this instant. `episodes` are the devices that are in trouble."""
    known = [
        conditions.device_camera(name, views[name], health.condition)
        for name, health in seen.health.items()
        if name in views
    ]
    told = {one.camera for one in known if conditions.is_part(one, episodes.get(one.device))}
    told |= conditions.not_recorded_for_volume(seen, views)
    shared = {device for device, count in Counter(one.device for one in known).items() if count > 1}
    patient = {one.camera for one in known if one.device in shared}
    return dict(
        [
            *conditions.camera_troubles(seen, told, patient),
            *conditions.picture_troubles(seen),
            *conditions.device_troubles(episodes, known).items(),
            *conditions.slow_sync_troubles(seen.health.values()),
            *conditions.load_troubles(seen.load),
            *conditions.failed_write_troubles(seen, views),
            *conditions.away_volume_troubles(seen),
            *conditions.tampering_troubles(seen.tampered),
            *conditions.broker_troubles(seen),
            *conditions.certificate_troubles(
                seen.tls, seen.link.address if seen.link else "", seen.now.wall_ms, synced=seen.synced
            ),
            *_clock(seen, stepped_at_ms),
            *conditions.bounds_troubles(seen),
            *conditions.unproven_ceiling_troubles(seen),
            *conditions.pin_troubles(seen),
            *conditions.space_troubles(seen),
            *conditions.lost_volume_troubles(seen),
            *conditions.rebuild_troubles(seen),
            *conditions.ledger_troubles(seen.measured.ledger),
            *conditions.role_troubles(seen.roles),
            *conditions.office_troubles(seen.office),
            *fault_tickets.neglected_fault_troubles(seen),
            *((f"internal:{name}", _internal(name, words)) for name, words in failing.items()),
        ]
    )


def _clock(seen: Overview, stepped_at_ms: int | None) -> Iterator[tuple[str, AlarmCondition]]:
    if stepped_at_ms is not None and seen.now.boottime_ms - stepped_at_ms < STEP_TOLD_FOR_MS:
        text = message("alarm.clock-stepped", "The wall clock was stepped; recording went on and no footage aged by it")
        action = message("alarm.clock-stepped.action", "Check the time source (timedatectl, chronyc tracking)")
        yield "clock.stepped", AlarmCondition(Severity.WARNING, text, action)


def _internal(name: str, words: str) -> AlarmCondition:
    text = message("alarm.internal", "edged's own {part} fails: {reason}", part=name, reason=words)
    action = message("alarm.internal.action", "See the journal: journalctl -u edged")
    return AlarmCondition(Severity.CRITICAL, text, action)


CAMERA: Final = "camera."
DEVICE: Final = "device.fault"
OF_THE_BOX: Final[Mapping[str, str]] = {
    "storage.away": "a disk that is being changed",
    "storage.failing": "a disk whose cable is being changed",
    "storage.slow": "a disk that is being copied",
    "box.load": "programs that whoever is at work runs",
    "storage.ballast": "a system disk that is being worked on",
    "ledger.unwritten": "a disk that is being changed does not get the ledger's copy",
    "clock.stepped": "a clock that is being set",
    "mqtt.down": "a link that is pulled, or a network that is rebuilt",
    "mqtt.refused": "the broker's account is being changed",
}
"""By what alarms are called before the colon: held back while the whole box is worked on, beside those of all cameras
and devices. What of the work may bring each about."""
NEVER: Final[Mapping[str, str]] = {
    "pin": "evidence",
    "ledger": "whether the record is whole and signed; its copy on a disk that is out is named above",
    "storage.tampered": "files are not as they were left: whoever is at work may have done it",
    "storage.lost": "footage is gone for good",
    "storage.full": "no work on cameras or disks makes floors need more room; recording stops",
    "retention": "floors and ceilings",
    "database": "the catalog was lost",
    "journal": "what people did is not on record",
    "roles": "who may do what",
    "internal": "edged itself fails",
    "mqtt.unheard": "a day is longer than any work",
    "mqtt.certificate": "it ends whoever is at work",
    "fault": "what waits to be mended for days",
    "office": "who may see footage, and whose names are kept",
    "request": "days that the law counts, and footage that somebody asked for",
    "viewing": "footage that lies open",
    "copy": "what was to be destroyed by its day",
    "erasure": "what was due a month ago",
    "leak": "footage that has come out",
}
"""By name, or by the part before the point: raised whoever is at work, and why."""


NONE_TRACKED: Final[Mapping[str, Tracked]] = {}


def is_held(key: str, about: Collection[str], under: Lasting | None) -> bool:
    """Whether this alarm waits. `about`: the cameras of a device that is in trouble."""
    name, _, subject = key.partition(":")
    if under is None:
        return False
    if name.startswith(CAMERA):
        return under.covers(subject)
    if name == DEVICE:
        return under.is_whole or (bool(about) and all(map(under.covers, about)))
    return under.is_whole and name in OF_THE_BOX


def held(
    troubles: Mapping[str, AlarmCondition], under: Lasting | None, tracked: Mapping[str, Tracked] = NONE_TRACKED
) -> frozenset[str]:
    """Those of them that wait. `tracked`: since when each is there."""
    if under is None:
        return frozenset()
    before = {key for key, one in tracked.items() if one.first_s * 1000 < under.began_ms}
    return frozenset(
        key for key, trouble in troubles.items() if key not in before and is_held(key, trouble.about, under)
    )


def waiting(tracked: Mapping[str, Tracked], keys: Collection[str], now_s: float) -> dict[str, AlarmCondition]:
    """What would be raised by now, and waits."""
    return {
        key: one.trouble
        for key, one in tracked.items()
        if key in keys and not one.raised and now_s - one.first_s >= one.trouble.raise_after_s
    }


def maintenance_sentence(under: Lasting | None, held_back: int, quiet: Sequence[str]) -> Message:
    """What the verdict says, so that nobody takes cameras that are worked on for cameras that record."""
    if under is None or not (held_back or quiet):
        return NOTHING
    cameras = list(under.maintenance.cameras)
    what = message("list", "{names}", names=cameras) if cameras else message("site.whole-box", "the whole box")
    if not held_back:
        return message("site.maintenance", "maintenance of {what} is under way. See: edgectl maintenance", what=what)
    if held_back == 1:
        return message(
            "site.maintenance.one-waits",
            "maintenance of {what} is under way, 1 alarm waits. See: edgectl maintenance",
            what=what,
        )
    return message(
        "site.maintenance.many-wait",
        "maintenance of {what} is under way, {alarms} alarms wait. See: edgectl maintenance",
        what=what,
        alarms=held_back,
    )


def not_recording(states: Iterable[tuple[str, str]], under: Lasting | None) -> list[str]:
    """Of cameras and their states: those that are worked on and do not record as they should."""
    if under is None:
        return []
    return [camera for camera, state in states if under.covers(camera) and state in ("down", "degraded")]
