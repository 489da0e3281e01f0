"""What is wrong now, as alarms want to hear it: one pure function from everything known to keys and words.

Texts name no figure that changes by itself; what is measured stands in the status.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from edged.alarms import devices
from edged.alarms.conditions import disk_space, ledger, link, picture, ring
from edged.alarms.conditions import disk_space as database
from edged.alarms.conditions import disk_space as tamper
from edged.alarms.conditions import disk_space as volumes
from edged.alarms.conditions import ledger as roles
from edged.alarms.conditions import ring as pins
from edged.alarms.conditions import ring as time
from edged.alarms.devices import Episode
from edged.alarms.tickets import table as faults
from edged.health.stream import DOWN_AFTER_S, CameraState
from edged.overview.model import Health, Overview, Trouble
from recorder.supervisor.runner import CameraView
from recorder.words.address import without_login
from storage.words.model import GapCause
from storage.words.results import Severity, VolumeState

BROKER_PATIENCE_S: Final = 60.0
"""A broker that restarts is back by then."""
REFUSED_PATIENCE_S: Final = 300.0
UNHEARD_MS: Final = 86_400_000
UNHEARD_PATIENCE_S: Final = 7200.0
"""What a month's outage left has drained by then."""
SLOW_SYNC_MS: Final = 500
"""A sync above this endangers S6 (design §5)."""
SIBLINGS_S: Final = 5.0
"""Other cameras of the same device are down by then as well, if it is the device."""
STEP_TOLD_FOR_MS: Final = 3_600_000
"""A clock step is told for an hour: long enough to be seen by whoever looks after it happened."""


def troubles(
    seen: Overview,
    views: Mapping[str, CameraView],
    failing: Mapping[str, str],
    stepped_at_ms: int | None,
    episodes: Mapping[str, Episode],
) -> dict[str, Trouble]:
    """Key to trouble, for all that is wrong at this instant. `episodes` are the devices that are in trouble."""
    cameras = [
        devices.seen(name, views[name], health.condition) for name, health in seen.health.items() if name in views
    ]
    told = {one.camera for one in cameras if devices.is_part(one, episodes.get(one.device))}
    told |= disk_space.withheld(seen, views)
    shared = {device for device, count in Counter(one.device for one in cameras).items() if count > 1}
    patient = {one.camera for one in cameras if one.device in shared}
    return dict(
        [
            *_cameras(seen, told, patient),
            *picture.picture_troubles(seen),
            *devices.troubles(episodes, cameras).items(),
            *_syncs(views),
            *_writes(seen, views),
            *_storage(seen),
            *tamper.tampering_troubles(seen.tampered),
            *_broker(seen),
            *link.certificate_troubles(
                seen.tls, seen.link.address if seen.link else "", seen.now.wall_ms, synced=seen.synced
            ),
            *_clock(seen, stepped_at_ms),
            *ring.bounds_troubles(seen),
            *time.unproven_ceiling_troubles(seen),
            *pins.pin_troubles(seen),
            *disk_space.space_troubles(seen),
            *volumes.lost_volume_troubles(seen),
            *database.rebuild_troubles(seen),
            *ledger.ledger_troubles(seen.measured.ledger),
            *roles.role_troubles(seen.roles),
            *faults.neglected_fault_troubles(seen),
            *((f"internal:{name}", _internal(name, words)) for name, words in failing.items()),
        ]
    )


def _cameras(seen: Overview, told: Collection[str], patient: Collection[str]) -> Iterator[tuple[str, Trouble]]:
    """What is told of their devices is left out; a camera that shares one waits whether others follow."""
    for name, health in seen.health.items():
        condition = health.condition
        if name in told:
            continue
        if condition.state is CameraState.DOWN and (condition.lost_s is None or condition.lost_s >= DOWN_AFTER_S):
            wait_s = DOWN_AFTER_S if condition.lost_s is None else SIBLINGS_S if name in patient else 0.0
            yield f"camera.down:{name}", Trouble(Severity.CRITICAL, *_words(name, "is not recorded", health), wait_s)
        elif condition.state is CameraState.DEGRADED:
            wait_s = SIBLINGS_S if name in patient else 0.0
            yield f"camera.degraded:{name}", Trouble(Severity.WARNING, *_words(name, "is degraded", health), wait_s)


def _words(name: str, what: str, health: Health) -> tuple[str, str]:
    return f"Camera {name} {what}: {without_login(health.condition.reason)}", _action(health.condition.check)


def _action(check: str) -> str:
    return f"Check {check}" if check else ""


def _syncs(views: Mapping[str, CameraView]) -> Iterator[tuple[str, Trouble]]:
    """One alarm for all: it is the disk that is slow. Which cameras notice changes with every look."""
    if any(stats.slowest_sync_ms > SLOW_SYNC_MS for view in views.values() for _, stats in view.samples):
        text = f"The disk takes more than {SLOW_SYNC_MS} ms to make footage durable: a power cut would cost more of it"
        yield "storage.slow", Trouble(Severity.WARNING, text, "Check the disk and what else uses it")


def _writes(seen: Overview, views: Mapping[str, CameraView]) -> Iterator[tuple[str, Trouble]]:
    """One alarm for all cameras, where a disk answers and takes nothing: read-only since an error, or about to die.

    Linux 6.15 and later call an ext4 that stopped itself after an error still writable.
    """
    spoken = {view.came_back for view in views.values() if view.cause is GapCause.IO_ERROR}
    told = any(status.state in (VolumeState.AWAY, VolumeState.FULL) for status in seen.measured.volumes)
    if spoken and not told:
        text = f"The disk does not take what is written, and cameras are not recorded: {min(spoken)}"
        action = "Check the disk, its cable and its mount (journalctl -k, smartctl -a): replace it if it reports errors"
        yield "storage.failing", Trouble(Severity.CRITICAL, text, action, DOWN_AFTER_S)


def _storage(seen: Overview) -> Iterator[tuple[str, Trouble]]:
    for status in seen.measured.volumes:
        if status.state is VolumeState.AWAY:
            text = f"Volume {status.path} cannot be used: {status.reason}"
            action = f"Check its disk, cable and mount; if it is gone for good: edgectl volume replace {status.path}"
            yield f"storage.away:{status.id}", Trouble(Severity.CRITICAL, text, action)


def _broker(seen: Overview) -> Iterator[tuple[str, Trouble]]:
    if seen.link is None:
        return
    action = _action(seen.link.check)
    if not seen.link.connected:
        text = f"The centre cannot be reached: {seen.link.reason}"
        yield "mqtt.down", Trouble(Severity.WARNING, text, action, BROKER_PATIENCE_S)
        return
    if seen.link.reason:
        text = f"The broker takes not all that this box has to tell: {seen.link.reason}"
        yield "mqtt.refused", Trouble(Severity.WARNING, text, action, REFUSED_PATIENCE_S)
    oldest_ms = min((one.oldest_ms for one in seen.measured.outbox.values() if one.oldest_ms is not None), default=None)
    if oldest_ms is not None and seen.now.wall_ms - oldest_ms > UNHEARD_MS:
        text = "Events have waited for more than a day, though the broker is there: nobody at the centre fetches them"
        action = "Check whether the centre's program that subscribes to edged/v1/+/up/# is running"
        yield "mqtt.unheard", Trouble(Severity.WARNING, text, action, UNHEARD_PATIENCE_S)


def _clock(seen: Overview, stepped_at_ms: int | None) -> Iterator[tuple[str, Trouble]]:
    if stepped_at_ms is not None and seen.now.boottime_ms - stepped_at_ms < STEP_TOLD_FOR_MS:
        text = "The wall clock was stepped; recording went on and no footage aged by it"
        yield "clock.stepped", Trouble(Severity.WARNING, text, "Check the time source (timedatectl, chronyc tracking)")


def _internal(name: str, words: str) -> Trouble:
    return Trouble(Severity.CRITICAL, f"edged's own {name} fails: {words}", "See the journal: journalctl -u edged")
