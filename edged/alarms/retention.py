"""What becomes of kept footage and needs somebody's attention, as alarms. Pure.

Bounds that were changed and wait before they destroy anything, and floors that were broken; footage that may be
past its ceiling and stays because nobody can prove it; pins that end soon, wait for their approval, were found
without a row or cannot be filed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from edged.config.loosened_bounds import sentence
from edged.overview.model import AlarmCondition, Overview
from edged.words import units
from storage.pins.rules import DAY_MS, HOUR_MS, Left, PinState
from storage.words.results import Severity

ROUND_MS: Final = 300_000
"""When a change begins to hold is told to five minutes: clocks are slewed, and an alarm's words stay what they are."""
PATIENCE_S: Final = 3600.0
"""After a reboot the clock may take a while to be synchronised, and a ceiling may be late by as much anyway (S3)."""
BOOTS_NAMED: Final = 8
"""Boots that are named in a text; `edgectl boots` shows each of them."""
ENDING: Final = (
    (DAY_MS, Severity.CRITICAL, "a day"),
    (3 * DAY_MS, Severity.WARNING, "three days"),
    (14 * DAY_MS, Severity.INFO, "two weeks"),
)
"""An approved pin: who needs it longer has time to ask, and somebody to approve."""
UNAPPROVED: Final = ((3 * HOUR_MS, Severity.CRITICAL, "three hours"), (24 * HOUR_MS, Severity.WARNING, "a day"))
"""A provisional one."""


def bounds_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    """Key to trouble."""
    zone = seen.config.site.zone
    for camera, waits in seen.measured.ring.waiting.items():
        old, new = (units.format_duration(timedelta(seconds=s)) for s in (waits.old_s, waits.new_s))
        text = (
            f"The ceiling of camera {camera} was shortened from {old} to {new}: what is older is destroyed from "
            f"{_from(seen, waits.left_ms)} on, and nothing brings it back"
        )
        action = f'If that is a mistake, write max = "{old}" for it again and run `edgectl reload` before then'
        yield f"retention.ceiling-shortened:{camera}", AlarmCondition(Severity.WARNING, text, action)
    overwriting = seen.measured.ring.overwriting
    if overwriting.left_ms is not None:
        text = (
            f'on_full = "overwrite" does not hold yet: from {_from(seen, overwriting.left_ms)} on footage younger than '
            "its floor is destroyed where nothing else makes room, and nothing brings it back"
        )
        action = 'If nobody wants that, write on_full = "stop" and run `edgectl reload` before then'
        yield "retention.overwriting", AlarmCondition(Severity.WARNING, text, action)
    if seen.loosening:
        words = sentence(seen.loosening)
        text = f"What the configuration file loosens takes two persons, and until then is not done: {words}"
        action = (
            "If it is meant, log in and run `edgectl reload`, and let another person approve what that asks for "
            "(`edgectl approve`); if not, correct the file"
        )
        yield "retention.loosening", AlarmCondition(Severity.WARNING, text, action)
    breaches = seen.measured.ring.breaches
    if breaches:
        since_ms = min(one.since.wall_ms for one in breaches)
        text = (
            f"Footage younger than its floor has been destroyed since {site_time(since_ms, zone)}, because the volumes "
            f'are full and on_full is "overwrite": {", ".join(one.camera for one in breaches)}'
        )
        action = "Add space or lower what is recorded; `edgectl retention` says how many segments it has cost"
        yield "retention.floor-broken", AlarmCondition(Severity.CRITICAL, text, action)


def _from(seen: Overview, left_ms: int) -> str:
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
    named = ", ".join(numbers[-BOOTS_NAMED:])
    more = f" and {len(numbers) - BOOTS_NAMED} earlier ones" if len(numbers) > BOOTS_NAMED else ""
    text = (
        "Footage may be past its ceiling and is kept, because it is not proven how long the box was off before boot "
        f"{named}{more}"
    )
    action = (
        "Let the clock be synchronised (timedatectl), or let two people say how long it was: "
        f"edgectl boots attest {numbers[-1]} --off-for … --reason …"
    )
    yield "retention.ceiling-unproven", AlarmCondition(Severity.WARNING, text, action, PATIENCE_S)


def pin_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    """Key to trouble."""
    for standing in seen.measured.pins:
        yield from pin_trouble(standing)
    for pin_id, words in seen.measured.pin_troubles.items():
        text = f"Pin {pin_id} is not on the disk as it should be: {words}"
        yield f"pin.unfiled:{pin_id}", AlarmCondition(Severity.WARNING, text, "Check the disk; edged goes on trying")
    for pin_id in seen.measured.pins_unvouched:
        text = (
            f"Pin {pin_id} was found on a volume and bears no signature of this box: somebody put it there, or an "
            "earlier version wrote it and the database was lost since; it protects its footage, for 30 days at the most"
        )
        needed = f"If somebody needs it: edgectl pin extend {pin_id} --until … --reason …"
        action = f"{needed}; if nobody knows of it, find out who put it there"
        yield f"pin.unvouched:{pin_id}", AlarmCondition(Severity.WARNING, text, action)
    for volume, words in seen.measured.pins_unread.items():
        text = f"The pins on a volume cannot be read, and nothing is destroyed there, whatever its ceiling: {words}"
        action = "Check the disk, and what was put into its .pins; edged goes on trying"
        yield f"pin.unread:{volume}", AlarmCondition(Severity.CRITICAL, text, action)


def pin_trouble(standing: Left) -> Iterator[tuple[str, AlarmCondition]]:
    pin = standing.pin
    waits = pin.state is PinState.PROVISIONAL
    if waits and pin.adopted:
        text = (
            f"Pin {pin.id} was found on a volume and nobody knows whether its placing was ever finished; it protects "
            "its footage until it lapses"
        )
        action = f"If it is wanted: edgectl pin approve {pin.id}; if not, let it lapse"
        yield f"pin.adopted:{pin.id}", AlarmCondition(Severity.WARNING, text, action)
    for left_ms, severity, words in UNAPPROVED if waits else ENDING:
        if standing.left_ms <= left_ms:
            if waits:
                text = f"Pin {pin.id} lapses in less than {words}: nobody has approved it"
                action = f"Another person than who placed it: edgectl pin approve {pin.id}"
                yield f"pin.unapproved:{pin.id}", AlarmCondition(severity, text, action)
            else:
                text = f"Pin {pin.id} ends in less than {words}; its footage is then destroyed in its time"
                action = f"If it is needed longer: edgectl pin extend {pin.id} --until … --reason …"
                yield f"pin.ending:{pin.id}", AlarmCondition(severity, text, action)
            return
