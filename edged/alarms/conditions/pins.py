"""Pins that end soon, wait for their approval, were found without a row or cannot be filed: as alarms. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edged.alarms.tracking import Trouble
from edged.site.overview import Overview
from storage.pins.rules import DAY_MS, HOUR_MS, Left, PinState
from storage.words.results import Severity

ENDING: Final = (
    (DAY_MS, Severity.CRITICAL, "a day"),
    (3 * DAY_MS, Severity.WARNING, "three days"),
    (14 * DAY_MS, Severity.INFO, "two weeks"),
)
"""An approved pin: who needs it longer has time to ask, and somebody to approve."""
UNAPPROVED: Final = ((3 * HOUR_MS, Severity.CRITICAL, "three hours"), (24 * HOUR_MS, Severity.WARNING, "a day"))
"""A provisional one."""


def troubles(seen: Overview) -> Iterator[tuple[str, Trouble]]:
    """Key to trouble."""
    for standing in seen.measured.pins:
        yield from of(standing)
    for pin_id, words in seen.measured.pin_troubles.items():
        text = f"Pin {pin_id} is not on the disk as it should be: {words}"
        yield f"pin.unfiled:{pin_id}", Trouble(Severity.WARNING, text, "Check the disk; edged goes on trying")
    for pin_id in seen.measured.pins_unvouched:
        text = (
            f"Pin {pin_id} was found on a volume and bears no signature of this box: somebody put it there, or an "
            "earlier version wrote it and the database was lost since; it protects its footage, for 30 days at the most"
        )
        needed = f"If somebody needs it: edgectl pin extend {pin_id} --until … --reason …"
        action = f"{needed}; if nobody knows of it, find out who put it there"
        yield f"pin.unvouched:{pin_id}", Trouble(Severity.WARNING, text, action)
    for volume, words in seen.measured.pins_unread.items():
        text = f"The pins on a volume cannot be read, and nothing is destroyed there, whatever its ceiling: {words}"
        action = "Check the disk, and what was put into its .pins; edged goes on trying"
        yield f"pin.unread:{volume}", Trouble(Severity.CRITICAL, text, action)


def of(standing: Left) -> Iterator[tuple[str, Trouble]]:
    pin = standing.pin
    waits = pin.state is PinState.PROVISIONAL
    if waits and pin.adopted:
        text = (
            f"Pin {pin.id} was found on a volume and nobody knows whether its placing was ever finished; it protects "
            "its footage until it lapses"
        )
        action = f"If it is wanted: edgectl pin approve {pin.id}; if not, let it lapse"
        yield f"pin.adopted:{pin.id}", Trouble(Severity.WARNING, text, action)
    for left_ms, severity, words in UNAPPROVED if waits else ENDING:
        if standing.left_ms <= left_ms:
            if waits:
                text = f"Pin {pin.id} lapses in less than {words}: nobody has approved it"
                action = f"Another person than who placed it: edgectl pin approve {pin.id}"
                yield f"pin.unapproved:{pin.id}", Trouble(severity, text, action)
            else:
                text = f"Pin {pin.id} ends in less than {words}; its footage is then destroyed in its time"
                action = f"If it is needed longer: edgectl pin extend {pin.id} --until … --reason …"
                yield f"pin.ending:{pin.id}", Trouble(severity, text, action)
            return
