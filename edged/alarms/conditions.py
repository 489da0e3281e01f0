"""What is wrong now, as conditions of alarms: cameras, devices, the link, footage, volumes, the record. Pure.

Each `…_troubles` yields pairs of an alarm's key and its condition.

Cameras: the recording of each, and each fault of its picture and sound. A camera that is down has an alarm of its own,
and what was found in its picture before is told again when it is back.

Devices: what befalls a whole device, an NVR above all, is one alarm and not one for each channel. A device is what
cameras behind one address share. Its own trouble is told from that of single cameras by how many are in it and why;
once it is told it stays told until its cameras are back or the rest of them is known to have a fault of their own, and
its words change seldom: an alarm is read by people.

The link to the centre: the broker, and the certificates of both sides. Certificates may run out, be in disorder, or
belong to another time than this box is in. Recording never hangs on any of it. A box whose clock was never set takes
every certificate for one of times to come, so that then the clock is told, and no certificate.

Kept footage that needs somebody's attention: bounds that were changed and wait before they destroy anything, and floors
that were broken; footage that may be past its ceiling and stays because nobody can prove it; pins that end soon, wait
for their approval, were found without a row or cannot be filed.

Disks and volumes, and the files and the database on them. In this order: volumes that are full, floors that will not be
met, the ballast that is gone; volumes that are away or gone for good; disks that do not take what is written, or take
it slowly; files that are not as edged left them; a database that was lost and is made anew. Texts name no figure that
goes on changing by itself; `edgectl retention` shows those.

The office, which discloses footage: whether it is open and can be read, what is due to whoever asked, and what was left
behind. A request is named by its number alone, and nothing is said of what its footage shows. An alarm of a legal day
grants and refuses nothing.

The record, that is the ledger and who does what by which role. A ledger may be unsigned, or signable by others; it may
lack leaves, not reach a disk, or be known otherwise to the centre. Roles may clash or name groups that are not there,
and acts of people may not be on record yet. Recording goes on in each of these: it is the proof of it that suffers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from edged.access.role_watch import RolesSeen
from edged.config.loosened_bounds import sentence
from edged.health import faults
from edged.health.load import BoxLoad
from edged.health.stream import DOWN_AFTER_S, WITHHELD, CameraState, Condition
from edged.overview import (
    CRITICAL_S,
    OWED_BY_THE_OFFICE,
    SLOW_SYNC_MS,
    WARN_S,
    AlarmCondition,
    CameraHealth,
    DeadlineKind,
    OfficeFacts,
    Overview,
    RequestDeadline,
    blames_others,
)
from edged.words import units
from mqtt.tls import WARN_MS, Lifetime, TlsView, Weight, day
from recorder.supervisor.runner import CameraView
from recorder.words.address import without_login
from storage.audit.table import Checked
from storage.ledger.signer import Contradiction, HeadAgreement
from storage.mirror.table import ON_PURPOSE
from storage.pins.rules import DAY_MS, HOUR_MS, Left, PinState
from storage.recovery.service import LedgerStatus
from storage.segments.findings_table import TamperedFiles
from storage.words.message import NOTHING, Message, as_message, joined, message
from storage.words.model import AlarmRow, GapCause, Severity, VolumeState, VolumeStatus

CHECK_DISK: Final = message("alarm.disk-slow.action", "Check the disk and what else uses it")
SIBLINGS_S: Final = 5.0
"""Other cameras of the same device are down by then as well, if it is the device."""


def camera_troubles(
    seen: Overview, told: Collection[str], patient: Collection[str]
) -> Iterator[tuple[str, AlarmCondition]]:
    """What is told of their devices is left out; a camera that shares one waits whether others follow."""
    for name, health in seen.health.items():
        condition = health.condition
        if name in told:
            continue
        if condition.state is CameraState.DOWN and (condition.lost_s is None or condition.lost_s >= DOWN_AFTER_S):
            wait_s = DOWN_AFTER_S if condition.lost_s is None else SIBLINGS_S if name in patient else 0.0
            yield (
                f"camera.down:{name}",
                AlarmCondition(
                    Severity.CRITICAL,
                    message(
                        "alarm.camera-down",
                        "Camera {camera} is not recorded: {reason}",
                        camera=name,
                        reason=without_login(health.condition.reason),
                    ),
                    _check(health.condition.check),
                    wait_s,
                ),
            )
        elif condition.state is CameraState.DEGRADED:
            wait_s = SIBLINGS_S if name in patient else 0.0
            yield (
                f"camera.degraded:{name}",
                AlarmCondition(
                    Severity.WARNING,
                    message(
                        "alarm.camera-degraded",
                        "Camera {camera} is degraded: {reason}",
                        camera=name,
                        reason=without_login(health.condition.reason),
                    ),
                    _check(health.condition.check),
                    wait_s,
                ),
            )


def _check(what: str) -> Message:
    """What to look at first; nothing where nobody knows."""
    return message("action.check", "Check {what}", what=what) if what else NOTHING


def picture_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    for camera, judged in seen.judged.items():
        health = seen.health.get(camera)
        if health is None or health.condition.state not in (CameraState.RECORDING, CameraState.DEGRADED):
            continue
        for finding in judged.findings:
            text = message(
                "alarm.camera-picture",
                "Camera {camera}: {wrong} ({evidence})",
                camera=camera,
                wrong=faults.what_is_wrong(finding.fault),
                evidence=finding.evidence,
            )
            action = _check(faults.what_to_check(finding.fault))
            yield f"camera.{finding.fault}:{camera}", AlarmCondition(Severity.WARNING, text, action)
        if judged.unjudged:
            text = message(
                "alarm.camera-unjudged",
                "Camera {camera} is recorded, but its picture cannot be judged: {reason}",
                camera=camera,
                reason=judged.unjudged,
            )
            action = _check(faults.UNJUDGED_CHECK)
            yield f"camera.unjudged:{camera}", AlarmCondition(Severity.WARNING, text, action)


REFUSED_ALIKE: Final = frozenset({GapCause.UNREACHABLE, GapCause.REFUSED, GapCause.UNAUTHORISED})
"""Two cameras of which the device itself says so are enough, also while it serves others: its limit of sessions, an
account that lost its rights."""
OWN: Final = frozenset(
    {
        GapCause.NO_SUCH_STREAM,
        GapCause.UNSUPPORTED,
        GapCause.NO_KEYFRAME,
        GapCause.WORKER_CRASH,
        GapCause.DISK_FULL,
        GapCause.FLOOR_PROTECT,
        GapCause.IO_ERROR,
        GapCause.CLOCK_STEP,
    }
)
"""Faults of one camera, or of this box: never the device's."""
LINGER_MS: Final = 30_000
"""A device that is back serves its cameras one after the other; those that are still out by then are so for a reason
of their own. Twice what L1 allows."""
REWORD_MS: Final = 15_000
"""Another cause is told when it has been the commoner one for so long: while an NVR restarts it says many things."""
CONNECTS_S: Final = 5.0
"""Half of what makes an alarm of it."""
GATHER_S: Final = 3.0
"""Cameras of one device find out within this time of each other: an alarm at once would name half of them."""
NAMED: Final = 16
"""Cameras that are named in a text; the screens show each of them."""
_SAID: Final = frozenset({GapCause.REFUSED, GapCause.UNTRUSTED, GapCause.BAD_DATA})
"""What to check is then said best by the session itself: it knows which limit, port or certificate."""
_CHECKS: Final = {
    GapCause.UNREACHABLE: message(
        "device.check-network", "power and network of this device, and its address in edged's configuration"
    ),
    GapCause.UNAUTHORISED: message(
        "device.check-account", "the account's password and rights, on the device and in edged's configuration"
    ),
}
CHECK: Final = message("device.check", "whether this device restarts or is overloaded, its power and its network")


@dataclass(frozen=True, slots=True)
class DeviceCamera:
    """One enabled camera at this instant."""

    camera: str
    device: str
    down: bool
    unsteady: bool
    lost_s: float
    """For how long nothing of it has been recorded."""
    cause: GapCause | None
    came_back: Message
    check: Message

    @property
    def is_unwell(self) -> bool:
        """Not while it only connects: at a start all do."""
        return self.unsteady or (self.down and self.lost_s >= CONNECTS_S)


@dataclass(frozen=True, slots=True)
class Episode:
    """What is remembered of a device that is in trouble."""

    cameras: frozenset[str]
    """All that have been in it since it began."""
    matched_ms: int
    """When it was last beyond doubt that this is the device's."""
    whole: bool
    """At some instant it served nobody."""
    cause: GapCause | None = None
    came_back: Message = NOTHING
    check: Message = NOTHING
    rival: GapCause | None = None
    rival_since_ms: int = 0
    out: frozenset[str] = frozenset()
    """Those of them that were unwell at the last look, and since when these were the same ones."""
    out_since_ms: int = 0


def device_camera(camera: str, view: CameraView, condition: Condition) -> DeviceCamera:
    """A camera at this instant, of all that is known of it."""
    return DeviceCamera(
        camera=camera,
        device=view.device,
        down=condition.state is CameraState.DOWN,
        unsteady=condition.unsteady,
        lost_s=condition.lost_s or 0.0,
        cause=view.cause,
        came_back=as_message(view.came_back),
        check=as_message(view.check),
    )


def step(before: Mapping[str, Episode], cameras: Iterable[DeviceCamera], now_ms: int) -> dict[str, Episode]:
    """One look: the devices that are in trouble, by their name."""
    memory = {}
    for device, group in groupby(sorted(cameras, key=attrgetter("device", "camera")), key=attrgetter("device")):
        members = list(group)
        if len(members) > 1 and (episode := _episode(before.get(device), members, now_ms)) is not None:
            memory[device] = episode
    return memory


def _episode(known: Episode | None, members: Sequence[DeviceCamera], now_ms: int) -> Episode | None:
    whole = all(one.is_unwell for one in members)
    alike = [
        one for one in members if one.is_unwell and (one.cause in REFUSED_ALIKE or (whole and one.cause not in OWN))
    ]
    if len(alike) > 1:
        names = frozenset(one.camera for one in alike)
        known = (
            Episode(names, now_ms, whole) if known is None else _continued(known, members, names, now_ms, whole=whole)
        )
    elif known is None or now_ms - known.matched_ms > LINGER_MS:
        return None
    return _worded(known, [one for one in members if is_part(one, known)], now_ms)


def _continued(
    known: Episode, members: Sequence[DeviceCamera], alike: frozenset[str], now_ms: int, *, whole: bool
) -> Episode:
    """Whoever came back stays named until nothing has changed for a while: a limit of sessions may last for ever, and
    that all were out when it began is then no longer true.
    """
    out = alike | {one.camera for one in members if is_part(one, known)}
    if out != known.out:
        known = replace(known, out=out, out_since_ms=now_ms)
    if now_ms - known.out_since_ms >= LINGER_MS:
        return replace(known, cameras=out, matched_ms=now_ms, whole=whole)
    return replace(known, cameras=known.cameras | out, matched_ms=now_ms, whole=known.whole or whole)


def is_part(one: DeviceCamera, episode: Episode | None) -> bool:
    """What this camera is in is the device's trouble, and told with it."""
    return episode is not None and one.is_unwell and one.camera in episode.cameras and one.cause not in OWN


def _worded(episode: Episode, members: Sequence[DeviceCamera], now_ms: int) -> Episode:
    """With the words of the commonest cause, unless it only just became that."""
    spoken = {one.cause: one for one in reversed(members) if one.came_back}
    if not spoken:
        return episode
    counts = Counter(one.cause for one in members if one.came_back)
    commonest = max(sorted(counts, key=str), key=counts.__getitem__)
    if commonest is episode.cause and episode.came_back:
        return replace(episode, rival=None)
    if episode.came_back:
        if commonest is not episode.rival:
            return replace(episode, rival=commonest, rival_since_ms=now_ms)
        if now_ms - episode.rival_since_ms < REWORD_MS:
            return episode
    voice = spoken[commonest]
    check = voice.check if commonest in _SAID else NOTHING
    check = check or _CHECKS.get(commonest or GapCause.UNKNOWN, CHECK)
    return replace(episode, cause=commonest, came_back=voice.came_back, check=check, rival=None)


def device_troubles(episodes: Mapping[str, Episode], cameras: Sequence[DeviceCamera]) -> dict[str, AlarmCondition]:
    """The alarms of devices, by key; those of their cameras are left out by whoever tells these."""
    found = {}
    for device, episode in episodes.items():
        members = [one for one in cameras if one.device == device]
        parts = [one for one in members if is_part(one, episode)]
        is_down = any(one.down and one.lost_s >= DOWN_AFTER_S for one in parts)
        if is_down or any(one.unsteady for one in parts):
            address = device.partition("://")[2] or device
            severity = Severity.CRITICAL if is_down else Severity.WARNING
            text = _text(address, episode, len(members), is_down=is_down)
            action = _check(episode.check or CHECK)
            found[f"device.fault:{address}"] = AlarmCondition(severity, text, action, GATHER_S, about=episode.cameras)
    return found


def _text(address: str, episode: Episode, known: int, *, is_down: bool) -> Message:
    names = listed(sorted(episode.cameras))
    who = (
        message("device.all", "All {cameras} cameras", cameras=known)
        if episode.whole
        else message("device.some", "{out} of {cameras} cameras", out=len(episode.cameras), cameras=known)
    )
    what = (
        message(
            "alarm.device-down",
            "{who} behind {device} are not recorded ({names})",
            who=who,
            device=address,
            names=names,
        )
        if is_down
        else message(
            "alarm.device-unsteady",
            "{who} behind {device} are recorded only part of the time ({names})",
            who=who,
            device=address,
            names=names,
        )
    )
    if not episode.came_back:
        return what
    return message("alarm.because", "{what}: {reason}", what=what, reason=episode.came_back)


def listed(names: Sequence[str], most: int = NAMED) -> Message:
    """The first of them, and how many more."""
    if len(names) <= most:
        return message("list", "{names}", names=list(names))
    return message("list.more", "{names} and {more} more", names=list(names[:most]), more=len(names) - most)


BROKER_PATIENCE_S: Final = 60.0
"""A broker that restarts is back by then."""
REFUSED_PATIENCE_S: Final = 300.0
UNHEARD_MS: Final = 86_400_000
UNHEARD_PATIENCE_S: Final = 7200.0
"""What a month's outage left has drained by then."""
CRITICAL_MS: Final = 7 * 86_400_000
REPLACING_S: Final = 90.0
"""Certificate and key are two files, and files are looked at once a minute: between the two they do not fit."""
CLOCK_PATIENCE_S: Final = 60.0
"""After a boot a time server takes about as long."""


def broker_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    if seen.link is None:
        return
    action = _check(seen.link.check)
    if not seen.link.connected:
        text = message("alarm.centre-unreachable", "The centre cannot be reached: {reason}", reason=seen.link.reason)
        yield "mqtt.down", AlarmCondition(Severity.WARNING, text, action, BROKER_PATIENCE_S)
        return
    if seen.link.reason:
        text = message(
            "alarm.broker-refuses",
            "The broker takes not all that this box has to tell: {reason}",
            reason=seen.link.reason,
        )
        yield "mqtt.refused", AlarmCondition(Severity.WARNING, text, action, REFUSED_PATIENCE_S)
    oldest_ms = min((one.oldest_ms for one in seen.measured.outbox.values() if one.oldest_ms is not None), default=None)
    if oldest_ms is not None and seen.now.wall_ms - oldest_ms > UNHEARD_MS:
        text = message(
            "alarm.events-unheard",
            "Events have waited for more than a day, though the broker is there: nobody at the centre fetches them",
        )
        action = message(
            "alarm.events-unheard.action",
            "Check whether the centre's program that subscribes to edged/v1/+/up/# is running",
        )
        yield "mqtt.unheard", AlarmCondition(Severity.WARNING, text, action, UNHEARD_PATIENCE_S)


class _Certificate(NamedTuple):
    """What is said of it."""

    key: str
    life: Lifetime | None
    named: Message
    over: Message
    """What becomes of it once it has ended."""
    action: Message


def _certificates(view: TlsView, broker: str) -> list[_Certificate]:
    def source(life: Lifetime | None) -> str:
        return (life.source if life is not None else "") or broker

    return [
        _Certificate(
            "box",
            view.box,
            message(
                "alarm.certificate-of-box",
                "The certificate by which the broker knows this box ({source})",
                source=source(view.box),
            ),
            message("alarm.certificate-of-box.over", "the broker refuses this box"),
            message(
                "alarm.certificate-of-box.action",
                "Have the centre make a new one, and put it and its key in place of the old: edged takes them within "
                "a minute",
            ),
        ),
        _Certificate(
            "authority",
            view.authority,
            message(
                "alarm.certificate-of-authority",
                "The certificate of the authority that vouches for the broker ({source})",
                source=source(view.authority),
            ),
            message("alarm.certificate-of-authority.over", "this box refuses the broker"),
            message(
                "alarm.certificate-of-authority.action",
                "Have the centre renew it, and add the new one to that file, which may hold both: edged takes it "
                "within a minute",
            ),
        ),
        _Certificate(
            "broker",
            view.broker,
            message(
                "alarm.certificate-of-broker", "The certificate of the broker {source}", source=source(view.broker)
            ),
            message("alarm.certificate-of-broker.over", "no box can connect to it any more"),
            message("alarm.certificate-of-broker.action", "Tell the centre: the broker needs a new one"),
        ),
    ]


def certificate_troubles(
    view: TlsView | None, broker: str, now_ms: int, *, synced: bool
) -> Iterator[tuple[str, AlarmCondition]]:
    """`broker` is its address, `now_ms` the wall clock, which is a time server's where `synced`."""
    if view is None:
        return
    if view.faults:
        yield "mqtt.certificate:files", _files_trouble(view)
    lives = [(one, one.life) for one in _certificates(view, broker) if one.life is not None]
    early = max((life.begins_ms for _, life in lives), default=now_ms)
    if early > now_ms and not synced:
        text = message(
            "alarm.clock-before-certificates",
            "The clock of this box says a time before {day}, when certificates of the link had already been made: it "
            "is wrong, and until it is set the centre cannot be reached. Recording goes on",
            day=day(early),
        )
        action = message(
            "alarm.clock-before-certificates.action",
            "Set the clock, and let this box reach a time server (timedatectl)",
        )
        yield "mqtt.certificate:clock", AlarmCondition(Severity.CRITICAL, text, action, CLOCK_PATIENCE_S)
        return
    for one, life in lives:
        if (trouble := _dated_trouble(one, life, now_ms, synced=synced)) is not None:
            yield f"mqtt.certificate:{one.key}", trouble


def _files_trouble(view: TlsView) -> AlarmCondition:
    problems = joined(as_message(fault.problem) for fault in view.faults)
    action = as_message(max(view.faults, key=lambda fault: fault.weight).action)
    if view.kept:
        text = message(
            "alarm.tls-files-kept",
            "The files of the link's TLS cannot take the place of what was there before: {problems}. The link goes on "
            "with the old ones until edged is restarted",
            problems=problems,
        )
        return AlarmCondition(Severity.WARNING, text, action, REPLACING_S)
    if any(fault.weight is Weight.BROKEN for fault in view.faults):
        text = message(
            "alarm.tls-files-broken",
            "The files of the link's TLS are not in order: {problems}. Until they are the centre cannot be reached. "
            "Recording goes on",
            problems=problems,
        )
        return AlarmCondition(Severity.CRITICAL, text, action)
    text = message(
        "alarm.tls-files-wrong",
        "The files of the link's TLS are not in order: {problems}. The link is tried all the same",
        problems=problems,
    )
    return AlarmCondition(Severity.WARNING, text, action)


def _dated_trouble(one: _Certificate, life: Lifetime, now_ms: int, *, synced: bool) -> AlarmCondition | None:
    if now_ms < life.begins_ms:
        text = message(
            "alarm.certificate-not-yet",
            "{certificate} is not valid before {day}",
            certificate=one.named,
            day=day(life.begins_ms),
        )
        action = message(
            "alarm.certificate-not-yet.action",
            "Check the clocks of this box and of whoever made it. {action}",
            action=one.action,
        )
        return AlarmCondition(Severity.CRITICAL, text, action)
    left_ms = life.ends_ms - now_ms
    if left_ms > WARN_MS:
        return None
    action = (
        one.action
        if synced
        else message(
            "alarm.certificate-by-wrong-clock.action",
            "Check the clock of this box (timedatectl). {action}",
            action=one.action,
        )
    )
    if left_ms <= 0:
        text = message(
            "alarm.certificate-ended",
            "{certificate} ended on {day}: {over}",
            certificate=one.named,
            day=day(life.ends_ms),
            over=one.over,
        )
        return AlarmCondition(Severity.CRITICAL, text, action)
    severity = Severity.CRITICAL if left_ms <= CRITICAL_MS else Severity.WARNING
    text = message(
        "alarm.certificate-ends",
        "{certificate} ends on {day}: after that {over}",
        certificate=one.named,
        day=day(life.ends_ms),
        over=one.over,
    )
    return AlarmCondition(severity, text, action)


ROUND_MS: Final = 300_000
"""When a change begins to hold is told to five minutes: clocks are slewed, and an alarm's words stay what they are."""
UNPROVEN_PATIENCE_S: Final = 3600.0
"""After a reboot the clock may take a while to be synchronised, and a ceiling may be late by as much anyway (S3)."""
BOOTS_NAMED: Final = 8
"""Boots that are named in a text; `edgectl boots` shows each of them."""
DAY: Final = message("alarm.a-day", "a day")
THREE_DAYS: Final = message("alarm.three-days", "three days")
TWO_WEEKS: Final = message("alarm.two-weeks", "two weeks")
ENDING: Final = (
    (DAY_MS, Severity.CRITICAL, DAY),
    (3 * DAY_MS, Severity.WARNING, THREE_DAYS),
    (14 * DAY_MS, Severity.INFO, TWO_WEEKS),
)
"""An approved pin: who needs it longer has time to ask, and somebody to approve."""
UNAPPROVED: Final = (
    (3 * HOUR_MS, Severity.CRITICAL, message("alarm.three-hours", "three hours")),
    (24 * HOUR_MS, Severity.WARNING, DAY),
)
"""A provisional one."""


def bounds_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    zone = seen.config.site.zone
    for camera, waits in seen.measured.ring.waiting.items():
        old, new = (units.format_duration(timedelta(seconds=s)) for s in (waits.old_s, waits.new_s))
        text = message(
            "alarm.ceiling-shortened",
            "The ceiling of camera {camera} was shortened from {old} to {new}: what is older is destroyed from {time} "
            "on, and nothing brings it back",
            camera=camera,
            old=old,
            new=new,
            time=_holds_from(seen, waits.left_ms),
        )
        action = message(
            "alarm.ceiling-shortened.action",
            'If that is a mistake, write max = "{old}" for it again and run `edgectl reload` before then',
            old=old,
        )
        yield f"retention.ceiling-shortened:{camera}", AlarmCondition(Severity.WARNING, text, action)
    overwriting = seen.measured.ring.overwriting
    if overwriting.left_ms is not None:
        text = message(
            "alarm.overwriting",
            'on_full = "overwrite" does not hold yet: from {time} on footage younger than its floor is destroyed '
            "where nothing else makes room, and nothing brings it back",
            time=_holds_from(seen, overwriting.left_ms),
        )
        action = message(
            "alarm.overwriting.action",
            'If nobody wants that, write on_full = "stop" and run `edgectl reload` before then',
        )
        yield "retention.overwriting", AlarmCondition(Severity.WARNING, text, action)
    if seen.loosening:
        text = message(
            "alarm.loosening",
            "What the configuration file loosens takes two persons, and until then is not done: {what}",
            what=sentence(seen.loosening),
        )
        action = message(
            "alarm.loosening.action",
            "If it is meant, log in and run `edgectl reload`, and let another person approve what that asks for "
            "(`edgectl approve`); if not, correct the file",
        )
        yield "retention.loosening", AlarmCondition(Severity.WARNING, text, action)
    breaches = seen.measured.ring.breaches
    if breaches:
        text = message(
            "alarm.floor-broken",
            "Footage younger than its floor has been destroyed since {time}, because the volumes are full and on_full "
            'is "overwrite": {cameras}',
            time=site_time(min(one.since.wall_ms for one in breaches), zone),
            cameras=[one.camera for one in breaches],
        )
        action = message(
            "alarm.floor-broken.action",
            "Add space or lower what is recorded; `edgectl retention` says how many segments it has cost",
        )
        yield "retention.floor-broken", AlarmCondition(Severity.CRITICAL, text, action)


def _holds_from(seen: Overview, left_ms: int) -> str:
    from_ms = -(-(seen.measured.at.wall_ms + left_ms) // ROUND_MS) * ROUND_MS
    return site_time(from_ms, seen.config.site.zone)


def site_time(wall_ms: int, zone: ZoneInfo) -> str:
    """As a clock on the wall of the office shows it."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def unproven_ceiling_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    """Told when a sweep has met footage that may be past its ceiling, of the boots that leave it in doubt; those that
    no clock bounds come first.
    """
    if not seen.ceiling_unproven:
        return
    oldest = min((segment.boot for segment in seen.measured.oldest.values()), default=None)
    if oldest is None:
        return
    doubts = [one for one in seen.measured.doubts if one.boot > oldest]
    doubts = [one for one in doubts if not one.bounded] or doubts
    if not doubts:
        return
    numbers = [str(one.boot) for one in doubts]
    named = message("list", "{names}", names=numbers[-BOOTS_NAMED:])
    if len(numbers) > BOOTS_NAMED:
        named = message(
            "alarm.ceiling-unproven.earlier",
            "{boots} and {more} earlier ones",
            boots=named,
            more=len(numbers) - BOOTS_NAMED,
        )
    text = message(
        "alarm.ceiling-unproven",
        "Footage may be past its ceiling and is kept, because it is not proven how long the box was off before boot "
        "{boots}",
        boots=named,
    )
    action = message(
        "alarm.ceiling-unproven.action",
        "Let the clock be synchronised (timedatectl), or let two people say how long it was: edgectl boots attest "
        "{boot} --off-for … --reason …",
        boot=numbers[-1],
    )
    yield "retention.ceiling-unproven", AlarmCondition(Severity.WARNING, text, action, UNPROVEN_PATIENCE_S)


def pin_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    for standing in seen.measured.pins:
        yield from pin_trouble(standing)
    for pin_id, words in seen.measured.pin_troubles.items():
        text = message(
            "alarm.pin-unfiled", "Pin {pin} is not on the disk as it should be: {reason}", pin=pin_id, reason=words
        )
        action = message("alarm.pin-unfiled.action", "Check the disk; edged goes on trying")
        yield f"pin.unfiled:{pin_id}", AlarmCondition(Severity.WARNING, text, action)
    for pin_id in seen.measured.pins_unvouched:
        text = message(
            "alarm.pin-unvouched",
            "Pin {pin} was found on a volume and bears no signature of this box: somebody put it there, or it was "
            "written while there was no key and the database was lost since; it protects its footage, for 30 days at "
            "the most",
            pin=pin_id,
        )
        action = message(
            "alarm.pin-unvouched.action",
            "If somebody needs it: edgectl pin extend {pin} --until … --reason …; if nobody knows of it, find out who "
            "put it there",
            pin=pin_id,
        )
        yield f"pin.unvouched:{pin_id}", AlarmCondition(Severity.WARNING, text, action)
    for volume, words in seen.measured.pins_unread.items():
        text = message(
            "alarm.pins-unread",
            "The pins on a volume cannot be read, and nothing is destroyed there, whatever its ceiling: {reason}",
            reason=words,
        )
        action = message(
            "alarm.pins-unread.action", "Check the disk, and what was put into its .pins; edged goes on trying"
        )
        yield f"pin.unread:{volume}", AlarmCondition(Severity.CRITICAL, text, action)


def pin_trouble(standing: Left) -> Iterator[tuple[str, AlarmCondition]]:
    pin = standing.pin
    waits = pin.state is PinState.PROVISIONAL
    if waits and pin.adopted:
        text = message(
            "alarm.pin-adopted",
            "Pin {pin} was found on a volume and nobody knows whether its placing was ever finished; it protects its "
            "footage until it lapses",
            pin=pin.id,
        )
        action = message(
            "alarm.pin-adopted.action", "If it is wanted: edgectl pin approve {pin}; if not, let it lapse", pin=pin.id
        )
        yield f"pin.adopted:{pin.id}", AlarmCondition(Severity.WARNING, text, action)
    for left_ms, severity, span in UNAPPROVED if waits else ENDING:
        if standing.left_ms <= left_ms:
            if waits:
                text = message(
                    "alarm.pin-unapproved",
                    "Pin {pin} lapses in less than {span}: nobody has approved it",
                    pin=pin.id,
                    span=span,
                )
                action = message(
                    "alarm.pin-unapproved.action",
                    "Another person than who placed it: edgectl pin approve {pin}",
                    pin=pin.id,
                )
                yield f"pin.unapproved:{pin.id}", AlarmCondition(severity, text, action)
            else:
                text = message(
                    "alarm.pin-ending",
                    "Pin {pin} ends in less than {span}; its footage is then destroyed in its time",
                    pin=pin.id,
                    span=span,
                )
                action = message(
                    "alarm.pin-ending.action",
                    "If it is needed longer: edgectl pin extend {pin} --until … --reason …",
                    pin=pin.id,
                )
                yield f"pin.ending:{pin.id}", AlarmCondition(severity, text, action)
            return


OVERLOADED_AFTER_S: Final = 60.0
"""An export, a check or a start may take all there is for a while."""
PATIENCE_S: Final = 60.0
"""Rates of the first minute are no forecast."""
OF_THE_BOX: Final = frozenset(WITHHELD)
"""Why cameras are not recorded through no fault of theirs."""
_OF_VOLUMES: Final = ("storage.full:", "storage.away:")
_ADD_SPACE: Final = message("alarm.volume-full.action", "Add space or lower what is recorded")
_AGAINST: Final[Mapping[GapCause | None, Message]] = {
    GapCause.DISK_FULL: message("alarm.volume-full-of-others.action", "Remove what others keep there, or add space"),
    GapCause.IO_ERROR: message(
        "alarm.volume-failing.action",
        "Check the disk (`journalctl -k`, `smartctl -a`) and what `edgectl alarms` says of destroying",
    ),
}
"""What helps depends on what is in the way."""
_RECORDED: Final = frozenset({CameraState.RECORDING, CameraState.DEGRADED})
STRUCK_OFF: Final = message(
    "alarm.volume-lost.struck-off.action",
    "It is struck off; this notice ends when what was lost would have been destroyed in its time",
)
TAMPERED: Final = {
    "missing": message("alarm.file-missing", "is gone"),
    "size": message("alarm.file-resized", "has another size"),
    "content": message("alarm.file-changed", "has other content"),
    "unreadable": message("alarm.file-unreadable", "cannot be read"),
    "appeared": (_APPEARED := message("alarm.file-appeared", "appeared")),
    "strange": _APPEARED,
    "link": message("alarm.file-linked", "was given another name"),
    "pin": message("alarm.file-unpinned", "lost the link that pins it"),
    "sidecar": message("alarm.sidecar-changed", "does not say what is pinned any more"),
}
_DIFFERS: Final = message("alarm.file-differs", "differs")


def not_recorded_for_volume(seen: Overview, views: Mapping[str, CameraView]) -> set[str]:
    """Cameras whose trouble is that of a volume, which has an alarm of its own: told once, not once for each."""
    states = {status.state for status in seen.measured.volumes}
    standing = any(row.raised and row.key.startswith(_OF_VOLUMES) for row in seen.alarms)
    told = OF_THE_BOX if standing or states & {VolumeState.FULL, VolumeState.AWAY} else {GapCause.IO_ERROR}
    return {name for name, view in views.items() if view.cause in told}


def space_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    full = [status for status in seen.measured.volumes if status.state is VolumeState.FULL]
    full.sort(key=lambda status: status.cause is not GapCause.DISK_FULL)
    ending = {name for name, health in seen.health.items() if health.condition.state in _RECORDED}
    for at, status in enumerate(full):
        yield f"storage.full:{status.id}", _full(status, status.stopped if at == 0 else (), ending)
    if seen.measured.ballast_owed:
        text = (
            message(
                "alarm.ballast-gone",
                "Nothing is left of the space that is kept for the database on a full disk (ballast), or it never "
                "fitted: once that disk is full to the last byte, nothing can be recorded or cleared away any more",
            )
            if seen.measured.ballast_gone
            else message(
                "alarm.ballast-owed",
                "Part of the space that is kept for the database on a full disk (ballast) is used up",
            )
        )
        action = message(
            "alarm.ballast.action",
            "Free space on the disk of {path}: it is laid out again by itself",
            path=str(seen.config.paths.state),
        )
        yield "storage.ballast", AlarmCondition(Severity.WARNING, text, action, PATIENCE_S)
    yield from _floor_troubles(seen)


def _full(status: VolumeStatus, waiting: Sequence[str], ending: Collection[str]) -> AlarmCondition:
    """`waiting`: cameras without room on any volume, so they are told with one of them; those of them that are in
    `ending` still record the segment that they have begun.
    """
    text = message("alarm.volume-full", "Volume {path} is full: {reason}", path=str(status.path), reason=status.reason)
    if status.cause is GapCause.DISK_FULL and blames_others(status):
        text = message(
            "alarm.volume-full-of-others",
            "Others have taken at least {size} on the file system of {path}: no room is left for recording",
            size=units.rough_size(status.others_bytes),
            path=str(status.path),
        )
    if out := [name for name in waiting if name not in ending]:
        text = message(
            "alarm.volume-full.not-recorded",
            "{what}. Not recorded until there is room: {cameras}",
            what=text,
            cameras=listed(out),
        )
    if stopping := [name for name in waiting if name in ending]:
        text = message(
            "alarm.volume-full.stopping",
            "{what}. Stopping at the end of their segment: {cameras}",
            what=text,
            cameras=listed(stopping),
        )
    return AlarmCondition(Severity.CRITICAL, text, _AGAINST.get(status.cause, _ADD_SPACE))


def _floor_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    """One alarm for all cameras: they share the volumes, and it is these that are too small."""
    in_s = seen.foresight.at_risk_in_s
    if in_s is not None and in_s <= WARN_S:
        severity = Severity.CRITICAL if in_s <= CRITICAL_S else Severity.WARNING
        yield "retention.floor-at-risk", AlarmCondition(severity, *_floor_at_risk(seen, in_s), PATIENCE_S)
    elif not seen.foresight.fits:
        text = message(
            "alarm.floors-do-not-fit",
            "The floors do not fit the volumes: at the present rates they ask for more than there is room for",
        )
        action = message(
            "alarm.floors-do-not-fit.action",
            "Add space, lower bit rates or shorten floors before the volumes are full; `edgectl retention` shows the "
            "figures",
        )
        yield "retention.floors-do-not-fit", AlarmCondition(Severity.WARNING, text, action, PATIENCE_S)


def _floor_at_risk(seen: Overview, in_s: float) -> tuple[Message, Message]:
    stopped = any(status.cause is GapCause.FLOOR_PROTECT and status.stopped for status in seen.measured.volumes)
    span = THREE_DAYS if in_s <= CRITICAL_S else TWO_WEEKS
    if stopped:
        what = message(
            "alarm.floors.stopped",
            "the volumes are full of footage that must still be kept, and cameras have stopped",
        )
    elif seen.measured.ring.overwriting.holds_in(in_s * 1000):
        what = message(
            "alarm.floors.will-break",
            "within {span} the volumes are full of footage that must still be kept, and the oldest of it is destroyed "
            "before its time",
            span=span,
        )
    else:
        what = message(
            "alarm.floors.will-stop",
            "within {span} the volumes are full of footage that must still be kept, and recording stops",
            span=span,
        )
    if seen.foresight.others:
        text = message(
            "alarm.floors-and-others",
            "What others keep on {volumes} takes the room that floors need: {what}",
            volumes=list(seen.foresight.others),
            what=what,
        )
        action = message(
            "alarm.floors-and-others.action",
            "Remove what others keep there, or add space; `edgectl retention` shows the figures",
        )
        return text, action
    text = (
        message("alarm.floors-not-met", "Floors are not met: {what}", what=what)
        if stopped
        else message("alarm.floors-at-risk", "Floors will not be met: {what}", what=what)
    )
    action = message(
        "alarm.floors-at-risk.action", "Add space, or lower bit rates; `edgectl retention` shows the figures"
    )
    return text, action


def away_volume_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    for status in seen.measured.volumes:
        if status.state is VolumeState.AWAY:
            text = message(
                "alarm.volume-away",
                "Volume {path} cannot be used: {reason}",
                path=str(status.path),
                reason=status.reason,
            )
            action = message(
                "alarm.volume-away.action",
                "Check its disk, cable and mount; if it is gone for good: edgectl volume replace {path}",
                path=str(status.path),
            )
            yield f"storage.away:{status.id}", AlarmCondition(Severity.CRITICAL, text, action)


def lost_volume_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    for status in seen.measured.volumes:
        if status.state is VolumeState.LOST:
            text = message(
                "alarm.volume-lost",
                "Volume {path} ({volume}): {reason}",
                path=str(status.path),
                volume=status.id,
                reason=status.reason,
            )
            report = message(
                "alarm.volume-lost.action",
                "Report it as your rules demand, and keep the disk for whoever may read it; then strike it off: "
                "`edgectl volume retire {volume}`",
                volume=status.id,
            )
            action = STRUCK_OFF if status.noted else report
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
        text = message(
            "alarm.disk-failing",
            "The disk does not take what is written, and cameras are not recorded: {reason}",
            reason=min(spoken),
        )
        action = message(
            "alarm.disk-failing.action",
            "Check the disk, its cable and its mount (journalctl -k, smartctl -a): replace it if it reports errors",
        )
        yield "storage.failing", AlarmCondition(Severity.CRITICAL, text, action, DOWN_AFTER_S)


def slow_sync_troubles(health: Iterable[CameraHealth]) -> Iterator[tuple[str, AlarmCondition]]:
    """One alarm for all: it is the disk that is slow. Which cameras notice changes with every look."""
    if any(one.slow_syncs for one in health):
        text = message(
            "alarm.disk-slow",
            "The disk takes more than {limit} ms to make footage durable: a power cut would cost more of it",
            limit=SLOW_SYNC_MS,
        )
        action = CHECK_DISK
        yield "storage.slow", AlarmCondition(Severity.WARNING, text, action)


def load_troubles(load: BoxLoad) -> Iterator[tuple[str, AlarmCondition]]:
    """One alarm for all cameras. A disk that is slow has an alarm of its own, too; what waits for it may be the first
    to show that."""
    if not load.excess:
        return
    text = message(
        "alarm.load",
        "This box has more to do than it can, or has nothing left for what comes now and then (an export, a check): a "
        "power cut may cost more than it should",
    )
    action = message(
        "alarm.load.action",
        "See what else runs on it (top), give it fewer cameras or lower bit rates, or a faster processor; `edgectl "
        "status` shows how busy it is, and how many cameras like its own it carries",
    )
    if load.excess == ["disk"]:
        text = message(
            "alarm.load.disk", "Footage waits for the disk to take it: a power cut would cost more than it should"
        )
        action = CHECK_DISK
    yield "box.load", AlarmCondition(Severity.WARNING, text, action, OVERLOADED_AFTER_S)


def tampering_troubles(tampered: Iterable[TamperedFiles]) -> Iterator[tuple[str, AlarmCondition]]:
    for one in tampered:
        files: list[str] = [
            message("alarm.file", "{path} {change}", path=path, change=TAMPERED.get(kind, _DIFFERS))
            for path, kind in one.files
        ]
        named = message("list", "{names}", names=files)
        if one.more:
            named = message("list.others", "{names} and others", names=files)
        text = message(
            "alarm.files-tampered",
            "Files on volume {path} are not as edged left them: {files}",
            path=str(one.path),
            files=named,
        )
        action = message(
            "alarm.files-tampered.action",
            "Find out who did it and secure what is left; `edgectl fsck --level hash` names every file",
        )
        yield f"storage.tampered:{one.volume}", AlarmCondition(Severity.CRITICAL, text, action)


def rebuild_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    rebuild = seen.measured.rebuild
    if rebuild is None:
        return
    if rebuild.end is None:
        text = message(
            "alarm.database-lost",
            "The database was lost ({reason}) and is being made anew from the volumes; recording goes on, and nothing "
            "is destroyed until it is done",
            reason=rebuild.reason,
        )
        action = message(
            "alarm.database-lost.action", "Leave the volumes where they are; `edgectl rebuild` shows how far it is"
        )
        yield "database.rebuilt", AlarmCondition(Severity.CRITICAL, _set_aside(text, rebuild.aside), action)
    elif rebuild.reason.code != ON_PURPOSE.code:
        text = message(
            "alarm.database-rebuilt",
            "The database was lost ({reason}) and has been made anew from the volumes",
            reason=rebuild.reason,
        )
        action = message(
            "alarm.database-rebuilt.action",
            "Check the disk of the state directory (`journalctl -k`, `smartctl -a`), then `edgectl fsck`",
        )
        yield "database.rebuilt", AlarmCondition(Severity.WARNING, _set_aside(text, rebuild.aside), action)


def _set_aside(what: Message, path: str | None) -> Message:
    if not path:
        return what
    return message("alarm.database-aside", "{what}. The damaged one lies in {path}", what=what, path=path)


TURN_S: Final = 15.0
"""While a person begins a new generation, key and generation do not fit for a moment."""
UNWRITTEN_S: Final = 60.0
"""A disk that is busy for some seconds is no trouble."""
OWED_WAIT_S: Final = 10.0
"""A database that is busy for a moment is no alarm."""
RENEW: Final = message(
    "action.ledger-renew",
    "run edgectl ledger renew --reason …, which another person, with the role authority, approves",
)
RENEW_KEY: Final = message(
    "action.ledger-renew-key",
    "run edgectl ledger renew --new-key --reason …, which another person, with the role authority, approves",
)


def ledger_troubles(seen: LedgerStatus) -> Iterator[tuple[str, AlarmCondition]]:
    if seen.contradiction is not None:
        yield "ledger.contradicted", AlarmCondition(Severity.CRITICAL, *_contradicted(seen.contradiction))
    if seen.hole:
        text = message(
            "alarm.ledger-damaged",
            "The ledger is not signed, because it is not whole: {hole}. Recording goes on",
            hole=seen.hole,
        )
        action = message(
            "alarm.ledger-damaged.action",
            "Leave the volumes and the state directory as they are and call the auditor; then {renew}",
            renew=RENEW,
        )
        yield "ledger.damaged", AlarmCondition(Severity.CRITICAL, text, action)
    if seen.checked is not None and seen.checked.findings:
        yield "ledger.tampered", AlarmCondition(Severity.CRITICAL, *_tampered(seen.checked))
    if seen.unsigned is not None:
        text = message(
            "alarm.ledger-unsigned",
            "The ledger is not signed: {reason}. Recording goes on, but nobody outside can prove what happens "
            "meanwhile",
            reason=seen.unsigned,
        )
        action = message(
            "alarm.ledger-unsigned.action",
            "Put the last key back where it was only moved away; else {renew}: the new one vouches for this, too",
            renew=RENEW,
        )
        yield "ledger.unsigned", AlarmCondition(Severity.CRITICAL, text, action, TURN_S)
    if seen.exposed is not None:
        text = message(
            "alarm.ledger-exposed",
            "Whoever has the key of this box can sign another ledger in its name, and {reason}",
            reason=seen.exposed,
        )
        action = message(
            "alarm.ledger-exposed.action",
            "Find out who could read it, then {renew}: edged alone reads the new key. Setting owner and mode right "
            "does not take the old one back from whoever has read it",
            renew=RENEW_KEY,
        )
        yield "ledger.exposed", AlarmCondition(Severity.WARNING, text, action, TURN_S)
    for place, words in seen.unwritten.items():
        text = (
            message(
                "alarm.ledger-unwritten",
                "The ledger is not written beside the database: {reason}. If the database were lost now, what "
                "happened since would be, too",
                reason=words,
            )
            if place in ("", "state")
            else message(
                "alarm.ledger-unwritten-on-volume",
                "The ledger does not reach a volume: {reason}. If the database were lost now, what happened since "
                "would be, too",
                reason=words,
            )
        )
        action = message(
            "alarm.ledger-unwritten.action",
            "Check that disk, its free space and who owns what lies there; edged goes on trying",
        )
        yield f"ledger.unwritten:{place or 'state'}", AlarmCondition(Severity.WARNING, text, action, UNWRITTEN_S)


def _tampered(checked: Checked) -> tuple[Message, Message]:
    """In the words of the first finding: it says what is to be done first."""
    found = next(
        (message("alarm.ledger-finding", "{where}: {what}", where=one.where, what=one.what) for one in checked.named),
        message("alarm.ledger-finding.unnamed", "more than is named"),
    )
    if checked.findings == 2:
        found = message("alarm.ledger-finding.one-more", "{finding}, and 1 more finding", finding=found)
    elif checked.findings > 2:
        found = message(
            "alarm.ledger-finding.more",
            "{finding}, and {more} more findings",
            finding=found,
            more=checked.findings - 1,
        )
    text = message(
        "alarm.ledger-tampered",
        "The ledger of this box is not as it was entered: {finding}. Recording goes on",
        finding=found,
    )
    action = message(
        "alarm.ledger-tampered.action",
        "Leave the volumes and the state directory as they are and call the auditor; edgectl ledger verify names all, "
        "and with --checkpoint holds the box against the head that the centre kept",
    )
    return text, action


_KNOWN_OTHERWISE: Final = {
    HeadAgreement.LONGER: message("alarm.ledger-contradicted.longer", "of which leaves are not here"),
    HeadAgreement.OTHER: message("alarm.ledger-contradicted.other", "which are others than those that are here"),
    HeadAgreement.UNKNOWN: message("alarm.ledger-contradicted.unknown", "of a generation that this box does not know"),
}


def _contradicted(found: Contradiction) -> tuple[Message, Message]:
    text = message(
        "alarm.ledger-contradicted",
        "The centre holds a head of {size} leaves of this box's ledger ({origin}) {how}: an older state was put back, "
        "or leaves were taken away or replaced",
        size=found.head.size,
        origin=found.head.origin,
        how=_KNOWN_OTHERWISE[found.word],
    )
    action = message(
        "alarm.ledger-contradicted.action",
        "Do not restart or reinstall anything, keep the volumes and the state directory as they are, call the "
        "auditor; once it is known what happened, {renew}",
        renew=RENEW,
    )
    return text, action


def role_troubles(seen: RolesSeen) -> Iterator[tuple[str, AlarmCondition]]:
    """One alarm for all accounts: their names stand apart from its words, which go to the centre."""
    if seen.clashing:
        text = message(
            "alarm.roles-clash",
            "Accounts are in a group of operators and in one of authorities, and so hold neither role",
        )
        action = message(
            "alarm.roles-clash.action",
            "Take each of them out of one of the two groups; who gives rights must not be who uses them",
        )
        yield "roles.clash", AlarmCondition(Severity.WARNING, text, action, names=", ".join(seen.clashing))
    if seen.unknown:
        text = message(
            "alarm.roles-unknown-group",
            "[roles] names groups that this box does not have: {groups}; nobody has a role by them",
            groups=list(seen.unknown),
        )
        action = message(
            "alarm.roles-unknown-group.action",
            "Make the groups (`groupadd`), or correct [roles] and run `edgectl reload`",
        )
        yield "roles.unknown-group", AlarmCondition(Severity.WARNING, text, action)
    if seen.readers:
        text = message(
            "alarm.roles-readers",
            "Accounts are in edged's own group, and so read footage and names past roles and record",
        )
        action = message(
            "alarm.roles-readers.action",
            "Take them out of it (`gpasswd --delete ACCOUNT edged`); [roles] gives people what they need",
        )
        yield "roles.readers", AlarmCondition(Severity.CRITICAL, text, action, names=", ".join(seen.readers))
    if seen.owed:
        text = message(
            "alarm.journal-owed",
            "Not all that people did is on record: the database could not be written when they did it",
        )
        action = message(
            "alarm.journal-owed.action",
            "Check the disk of the state directory; the entries are made up for once it takes them",
        )
        yield "journal.owed", AlarmCondition(Severity.CRITICAL, text, action, OWED_WAIT_S)


def office_troubles(seen: OfficeFacts) -> Iterator[tuple[str, AlarmCondition]]:
    yield from _access_troubles(seen)
    yield from map(_deadline_trouble, seen.deadlines)
    for number, why in seen.not_held.items():
        text = message(
            "alarm.request-not-held",
            "Part of what request {number} asks for is not held, and may be destroyed in its time: {reason}",
            number=number,
            reason=why,
        )
        action = message(
            "alarm.request-not-held.action",
            "Decide the request before that footage goes (`edgectl request show {number}`), or make room for pins; "
            "recording comes first",
            number=number,
        )
        yield f"request.not-held:{number}", AlarmCondition(Severity.WARNING, text, action)
    for number in seen.viewings_over:
        text = message(
            "alarm.viewing-open",
            "The viewing of request {number} has been open for more than 8 hours: nobody has said that it is over",
            number=number,
        )
        action = message(
            "alarm.viewing-open.action",
            "End it, and confirm that nobody filmed (未拍攝); `edgectl request show {number}` shows who opened it",
            number=number,
        )
        yield f"viewing.open:{number}", AlarmCondition(Severity.WARNING, text, action)
    for number, copies in seen.copies_left.items():
        text = message(
            "alarm.viewing-copy-left",
            "The viewing copy of request {number} could not be removed: {copies}",
            number=number,
            copies=joined(copies),
        )
        action = message(
            "alarm.viewing-copy-left.action",
            "Check the disk and who has the file open; edged goes on trying, and until then whoever viewed it may "
            "still read it",
        )
        yield f"viewing.copy-left:{number}", AlarmCondition(Severity.CRITICAL, text, action)
    for copy, number in seen.copies_overdue.items():
        text = message(
            "alarm.copy-destroy-by",
            "What the office keeps of copy {copy} (request {number}) should be destroyed by now, and nobody has "
            "entered what became of it",
            copy=copy,
            number=number,
        )
        action = message(
            "alarm.copy-destroy-by.action",
            "Destroy it or file it (附卷), and enter that: `edgectl request destroyed {number}`",
            number=number,
        )
        yield f"copy.destroy-by:{copy}", AlarmCondition(Severity.WARNING, text, action)
    if seen.erasures_unanswered:
        text = message(
            "alarm.erasure-unanswered",
            "The persons of these requests should have been erased more than 30 days ago, and nobody has answered: "
            "{numbers}",
            numbers=listed(seen.erasures_unanswered),
        )
        action = message(
            "alarm.erasure-unanswered.action",
            "Look through the list (`edgectl request list`), and let two persons confirm it",
        )
        yield "erasure.unanswered", AlarmCondition(Severity.WARNING, text, action)
    for leak in seen.leaks_unreported:
        text = message(
            "alarm.leak-open",
            "Footage may have leaked (leak case {leak}), and no report to 政風室 or 督察組 is on record",
            leak=leak.id,
        )
        action = message(
            "alarm.leak-open.action",
            "Report it, then enter the number of the letter: edgectl leak report {leak}; `edgectl leak show {leak}` "
            "shows which copies and viewings hold it",
            leak=leak.id,
        )
        yield (
            f"leak.open:{leak.id}",
            AlarmCondition(Severity.CRITICAL if leak.is_late else Severity.WARNING, text, action),
        )


def _access_troubles(seen: OfficeFacts) -> Iterator[tuple[str, AlarmCondition]]:
    """What keeps the office from answering anybody, or from answering by name and in time."""
    if seen.not_opened:
        text = message(
            "alarm.office-not-opened",
            "The office (調閱) is not opened: nobody is answered by a request yet, and until then each export and each "
            "snapshot takes a second person",
        )
        action = message(
            "alarm.office-not-opened.action",
            "Enter persons and who holds which post (`edgectl person add`, `edgectl post hold`); then two persons open "
            "it: `edgectl office open`",
        )
        yield "office.not-opened", AlarmCondition(Severity.WARNING, text, action)
    if seen.shut:
        text = message(
            "alarm.office-shut",
            "The office (調閱) cannot be used, and no footage is disclosed: {reason}. Recording goes on",
            reason=seen.shut,
        )
        action = seen.shut_action or message(
            "alarm.office-shut.action", "Check the disk of the state directory; edged goes on trying"
        )
        yield "office.shut", AlarmCondition(Severity.CRITICAL, text, action)
    if seen.keys_restored:
        text = message(
            "alarm.office-keys-restored",
            "Older keys of the office were put in the place of those that were there: whose persons were erased, they "
            "are erased again, and of requests that came since nobody can be read",
        )
        action = message(
            "alarm.office-keys-restored.action",
            "Find out who did it and where that copy lay: it opens persons who were erased wherever it still lies. "
            "Enter from their papers whoever cannot be read",
        )
        yield "office.keys-restored", AlarmCondition(Severity.CRITICAL, text, action)
    if nameless := _nameless(seen):
        text = message(
            "alarm.office-nameless",
            "Persons can be read no more, and stand on paper alone (人別資料已遺失，見紙本): {what}. Their cases go on",
            what=nameless,
        )
        action = message("alarm.office-nameless.action", "Enter them again from the papers")
        yield "office.nameless", AlarmCondition(Severity.WARNING, text, action)
    if seen.years_missing:
        text = message(
            "alarm.office-calendar",
            "There is no calendar of the office for {years}: only Saturdays and Sundays count as days off, and days by "
            "which something is due may be wrong",
            years=[str(year) for year in seen.years_missing],
        )
        action = message(
            "alarm.office-calendar.action",
            "Get that year's 政府行政機關辦公日曆表 (行政院人事行政總處, CSV), and name it in the configuration: "
            "[office] calendars",
        )
        yield "office.calendar", AlarmCondition(Severity.WARNING, text, action)


def _nameless(seen: OfficeFacts) -> Message:
    parts = []
    if seen.nameless:
        parts.append(message("alarm.office-nameless.requests", "requests {numbers}", numbers=listed(seen.nameless)))
    if seen.nameless_persons:
        parts.append(
            message("alarm.office-nameless.persons", "table of persons: {persons}", persons=seen.nameless_persons)
        )
    return joined(parts)


DUE: Final[Mapping[DeadlineKind, Message]] = {
    DeadlineKind.REPLY: message("alarm.request-due.reply", "the reply (函復)"),
    DeadlineKind.SUPPLEMENT: message("alarm.request-due.supplement", "the applicant's supplement (補正)"),
    DeadlineKind.SIGNATURE: message("alarm.request-due.signature", "the signature of what was granted by word"),
    DeadlineKind.APPOINTMENT: message("alarm.request-due.appointment", "the viewing that was appointed"),
    DeadlineKind.REMEDY: message("alarm.request-due.remedy", "an appeal (訴願) by whoever was refused"),
}
_TO_DO: Final[Mapping[DeadlineKind, Message]] = {
    DeadlineKind.REPLY: message(
        "alarm.request-due.reply.action", "Bring it to its decision and send the reply; then: edgectl request reply"
    ),
    DeadlineKind.SUPPLEMENT: message(
        "alarm.request-due.supplement.action",
        "If it is there, enter it: edgectl request supplement; if it does not come, decide by what there is",
    ),
    DeadlineKind.SIGNATURE: message(
        "alarm.request-due.signature.action",
        "Have whoever gave the word sign, then enter it: edgectl request sign. Until then no copy leaves",
    ),
    DeadlineKind.APPOINTMENT: message(
        "alarm.request-due.appointment.action",
        "See that whoever has to be there knows; where nobody came, appoint another time: edgectl request appoint",
    ),
    DeadlineKind.REMEDY: message(
        "alarm.request-due.remedy.action",
        "Close the case once that day is over and no appeal came: what it holds goes 30 days later",
    ),
}


def _deadline_trouble(due: RequestDeadline) -> tuple[str, AlarmCondition]:
    text = _due(due)
    if due.unsynced:
        text = message(
            "alarm.request-unsynced",
            "{what} (by a clock that is not synchronised, 未校時: look at a calendar)",
            what=text,
        )
    if due.kind in OWED_BY_THE_OFFICE:
        severity = Severity.CRITICAL if due.passed else Severity.WARNING
    else:
        severity = Severity.WARNING if due.passed else Severity.INFO
    condition = AlarmCondition(severity, text, _TO_DO[due.kind])
    if due.kind is DeadlineKind.SIGNATURE:
        return f"request.signature:{due.number}", condition
    return f"request.deadline:{due.number}/{due.kind}", condition


def _due(due: RequestDeadline) -> Message:
    what = DUE[due.kind]
    if due.last is None:
        return message(
            "alarm.request-owed",
            "Request {number} ({row}): {what} is not there yet",
            number=due.number,
            row=due.row,
            what=what,
        )
    day = due.last.isoformat()
    if due.passed:
        return message(
            "alarm.request-overdue",
            "Request {number} ({row}): {what} was due by {day}, and is not on record",
            number=due.number,
            row=due.row,
            what=what,
            day=day,
        )
    return message(
        "alarm.request-due",
        "Request {number} ({row}): {what} is due by {day}",
        number=due.number,
        row=due.row,
        what=what,
        day=day,
    )


_SAYS_OVER: Final[Mapping[str, bool]] = {
    "alarm.request-owed": False,
    "alarm.request-due": False,
    "alarm.request-overdue": True,
}


def told_deadlines(rows: Iterable[AlarmRow]) -> Iterator[RequestDeadline]:
    """What alarms that stand say of legal days: what was told stays told over a restart, also by a clock that was set
    back meanwhile. Of what another version said otherwise, nothing.
    """
    for row in rows:
        name, _, about = row.key.partition(":")
        number, _, what = about.partition("/")
        kind = DeadlineKind.SIGNATURE.value if name == "request.signature" else what
        text = row.text.values.get("what") if row.text.code == "alarm.request-unsynced" else row.text
        if (
            row.raised
            and name in ("request.deadline", "request.signature")
            and kind in {one.value for one in DeadlineKind}
            and isinstance(text, Message)
            and text.code in _SAYS_OVER
        ):
            day = text.values.get("day")
            yield RequestDeadline(
                number,
                str(text.values["row"]),
                DeadlineKind(kind),
                date.fromisoformat(day) if isinstance(day, str) else None,
                passed=_SAYS_OVER[text.code],
            )
