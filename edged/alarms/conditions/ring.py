"""What was changed and waits before it destroys anything, floors that were broken: as alarms. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from edged.config.loosened_bounds import sentence
from edged.overview.model import Overview, Trouble
from edged.words import units
from storage.words.results import Severity

ROUND_MS: Final = 300_000
"""When a change begins to hold is told to five minutes: clocks are slewed, and an alarm's words stay what they are."""


def troubles(seen: Overview) -> Iterator[tuple[str, Trouble]]:
    """Key to trouble."""
    zone = seen.config.site.zone
    for camera, waits in seen.measured.ring.waiting.items():
        old, new = (units.format_duration(timedelta(seconds=s)) for s in (waits.old_s, waits.new_s))
        text = (
            f"The ceiling of camera {camera} was shortened from {old} to {new}: what is older is destroyed from "
            f"{_from(seen, waits.left_ms)} on, and nothing brings it back"
        )
        action = f'If that is a mistake, write max = "{old}" for it again and run `edgectl reload` before then'
        yield f"retention.ceiling-shortened:{camera}", Trouble(Severity.WARNING, text, action)
    overwriting = seen.measured.ring.overwriting
    if overwriting.left_ms is not None:
        text = (
            f'on_full = "overwrite" does not hold yet: from {_from(seen, overwriting.left_ms)} on footage younger than '
            "its floor is destroyed where nothing else makes room, and nothing brings it back"
        )
        action = 'If nobody wants that, write on_full = "stop" and run `edgectl reload` before then'
        yield "retention.overwriting", Trouble(Severity.WARNING, text, action)
    if seen.loosening:
        words = sentence(seen.loosening)
        text = f"What the configuration file loosens takes two persons, and until then is not done: {words}"
        action = (
            "If it is meant, log in and run `edgectl reload`, and let another person approve what that asks for "
            "(`edgectl approve`); if not, correct the file"
        )
        yield "retention.loosening", Trouble(Severity.WARNING, text, action)
    breaches = seen.measured.ring.breaches
    if breaches:
        since_ms = min(one.since.wall_ms for one in breaches)
        text = (
            f"Footage younger than its floor has been destroyed since {site_time(since_ms, zone)}, because the volumes "
            f'are full and on_full is "overwrite": {", ".join(one.camera for one in breaches)}'
        )
        action = "Add space or lower what is recorded; `edgectl retention` says how many segments it has cost"
        yield "retention.floor-broken", Trouble(Severity.CRITICAL, text, action)


def _from(seen: Overview, left_ms: int) -> str:
    from_ms = -(-(seen.measured.at.wall_ms + left_ms) // ROUND_MS) * ROUND_MS
    return site_time(from_ms, seen.config.site.zone)


def site_time(wall_ms: int, zone: ZoneInfo) -> str:
    """As a clock on the wall of the office shows it."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
