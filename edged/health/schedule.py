"""What a camera does at its hours and is no fault: a room that is dark at night, a hall where nobody speaks. Pure.

Only what ended by itself within a day is a habit: a cap on a lens stays until somebody takes it off. What happened in
the same hour of at least two of the days before is expected there.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edged.health.faults import Fault

HABITUAL: Final = frozenset({Fault.BLACK, Fault.FLAT, Fault.SILENT})
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
LONGEST_MS: Final = 18 * HOUR_MS
"""A night in winter and an hour on either side."""
DAYS: Final = 2
"""Of the `KEPT_DAYS` before on which it was so at this hour."""
KEPT_DAYS: Final = 10
"""Over a long weekend."""


class Habits(msgspec.Struct, frozen=True):
    """Fault to the hours (counted from 1970, site time) in which it was so and ended by itself; `KEPT_DAYS` of them."""

    hours: dict[Fault, tuple[int, ...]] = msgspec.field(default_factory=dict)

    def expects(self, fault: Fault, site_ms: int) -> bool:
        """Whether this is nothing new at this hour."""
        hour = site_ms // HOUR_MS
        earlier = (hour - known for known in self.hours.get(fault, ()))
        return sum(0 < ago <= KEPT_DAYS * 24 and ago % 24 == 0 for ago in earlier) >= DAYS

    def ended(self, fault: Fault, since_ms: int, site_ms: int) -> Habits:
        """It was so from `since_ms` until now, in site time."""
        if fault not in HABITUAL or not 0 <= site_ms - since_ms <= LONGEST_MS:
            return self
        first, last = since_ms // HOUR_MS, site_ms // HOUR_MS
        kept = {hour for hour in self.hours.get(fault, ()) if 0 <= last - hour <= KEPT_DAYS * 24}
        return Habits({**self.hours, fault: tuple(sorted(kept | set(range(first, last + 1))))})
