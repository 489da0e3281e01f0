"""What is wrong now, as alarms want to hear it: one pure function from everything known to keys and words.

Texts name no figure that changes by itself; what is measured stands in the status.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from edged.alarms import cameras, devices, fault_tickets, link, record, retention, storage
from edged.alarms.devices import Episode
from edged.overview.model import AlarmCondition, Overview
from recorder.supervisor.runner import CameraView
from storage.words.results import Severity

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
    known = [devices.seen(name, views[name], health.condition) for name, health in seen.health.items() if name in views]
    told = {one.camera for one in known if devices.is_part(one, episodes.get(one.device))}
    told |= storage.withheld(seen, views)
    shared = {device for device, count in Counter(one.device for one in known).items() if count > 1}
    patient = {one.camera for one in known if one.device in shared}
    return dict(
        [
            *cameras.camera_troubles(seen, told, patient),
            *cameras.picture_troubles(seen),
            *devices.troubles(episodes, known).items(),
            *storage.slow_sync_troubles(views),
            *storage.failed_write_troubles(seen, views),
            *storage.away_volume_troubles(seen),
            *storage.tampering_troubles(seen.tampered),
            *link.broker_troubles(seen),
            *link.certificate_troubles(
                seen.tls, seen.link.address if seen.link else "", seen.now.wall_ms, synced=seen.synced
            ),
            *_clock(seen, stepped_at_ms),
            *retention.bounds_troubles(seen),
            *retention.unproven_ceiling_troubles(seen),
            *retention.pin_troubles(seen),
            *storage.space_troubles(seen),
            *storage.lost_volume_troubles(seen),
            *storage.rebuild_troubles(seen),
            *record.ledger_troubles(seen.measured.ledger),
            *record.role_troubles(seen.roles),
            *fault_tickets.neglected_fault_troubles(seen),
            *((f"internal:{name}", _internal(name, words)) for name, words in failing.items()),
        ]
    )


def _clock(seen: Overview, stepped_at_ms: int | None) -> Iterator[tuple[str, AlarmCondition]]:
    if stepped_at_ms is not None and seen.now.boottime_ms - stepped_at_ms < STEP_TOLD_FOR_MS:
        text = "The wall clock was stepped; recording went on and no footage aged by it"
        yield (
            "clock.stepped",
            AlarmCondition(Severity.WARNING, text, "Check the time source (timedatectl, chronyc tracking)"),
        )


def _internal(name: str, words: str) -> AlarmCondition:
    return AlarmCondition(
        Severity.CRITICAL, f"edged's own {name} fails: {words}", "See the journal: journalctl -u edged"
    )
