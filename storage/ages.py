"""How old something is, counted in running time, with a low and a high bound. Pure; imports the standard library only.

Keeps S7: no wall clock comes in here. A box that was off has aged too, but only as far as the power-off time is proven;
what is not proven counts for the high bound and not for the low one, and destroying needs the low one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot of this box. Boots are numbered 1, 2, 3… in the order in which they happened."""

    number: int
    boot_id: str
    ran_ms: int
    """CLOCK_BOOTTIME when it was last seen to run; it may have run on for a little."""
    off_low_ms: int
    """How long the box was off before this boot, at the least: 0 unless it is proven."""
    off_high_ms: int | None
    """The same at the most, counted from the last `ran_ms` of the boot before; None when nobody knows."""


@dataclass(frozen=True, slots=True)
class Age:
    """At least `low_ms`, at most `high_ms`; None when there is no upper bound."""

    low_ms: int
    high_ms: int | None


def age(
    boots: Sequence[Boot], recorded_boot: int, recorded_boottime_ms: int, now_boot: int, now_boottime_ms: int
) -> Age:
    """The age, now, of what happened at `recorded_boottime_ms` of boot number `recorded_boot`.

    Boots may come in any order and may lack some: time of which nothing is known adds nothing to the low bound and
    takes away the high one. The row of the present boot gives only its power-off time; how long it has run is `now`.
    """
    if recorded_boot == now_boot:
        elapsed = max(0, now_boottime_ms - recorded_boottime_ms)
        return Age(elapsed, elapsed)
    if recorded_boot > now_boot:
        return Age(0, None)
    by_number = {boot.number: boot for boot in boots if recorded_boot <= boot.number <= now_boot}
    low, high = now_boottime_ms, now_boottime_ms
    unknown = len(by_number) != now_boot - recorded_boot + 1
    for number, boot in by_number.items():
        if number == recorded_boot:
            ran = max(0, boot.ran_ms - recorded_boottime_ms)
            off_low, off_high = 0, 0
        else:
            ran = boot.ran_ms if number < now_boot else 0
            off_low = boot.off_low_ms
            off_high = boot.off_high_ms if boot.off_high_ms is not None else 0
            unknown = unknown or boot.off_high_ms is None
        low += ran + off_low
        high += ran + off_high
    return Age(low, None if unknown else high)
