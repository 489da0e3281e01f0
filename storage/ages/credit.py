"""How long the box was off before a boot: at the least, at the most, and on whose word. Pure; standard library only.

Keeps S7 where wall clocks do come in: what they say is believed only where it cannot destroy too early. The low bound
takes the least that any witness says, and nothing without a clock that was synchronised both before and after; the high
one takes the most. Power-off is counted from the last heartbeat of the boot before, so what ran on after it is in here
and in nothing else, until this boot's boottime began (for a boot that came of boottime running backwards: until then).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * DAY_MS
"""More than this no clock proves, only two people (docs/design/time.md)."""
SYNC_SLACK_MS: Final = 32_000
"""Two synchronised readings: the kernel calls a clock synchronised until it may be wrong by 16 s (hours after the last
word from a server)."""
DRIFT_PPM: Final = 500
"""What boottime may be off by where nothing synchronises it: a bad crystal, or a time daemon that still slews."""
RTC_SLACK_MS: Final = 2000
"""A hardware clock tells whole seconds, read twice; and it may have been read a moment beside boottime."""
RTC_DRIFT_PPM: Final = 500
"""Five times what a bad crystal does: it may have counted too little while the box was off."""


class OffTimeSource(StrEnum):
    """Who says how long the box was off at the least."""

    NOBODY = "unproven"
    SYNC = "sync"
    """Clocks synchronised before and after; there is no hardware clock to ask."""
    SYNC_AND_RTC = "sync+rtc"
    """The hardware clock agrees to as much as is credited."""
    PEOPLE = "attested"
    """Two people, as far as the high bound allows."""


@dataclass(frozen=True, slots=True)
class OffTimeWitness:
    """What a boot saw of its clocks; each offset is a clock minus boottime. None: never."""

    began_ms: int
    """Boottime where it began: 0, but for one that came of boottime running backwards."""
    ran_ms: int
    offset_last_ms: int | None = None
    """Of the wall clock at the last heartbeat, synchronised or not."""
    offset_most_ms: int | None = None
    """The greatest of the wall clock at any heartbeat, synchronised or not."""
    synced_first_ms: int | None = None
    """Boottime at which the wall clock was known to be synchronised first and last."""
    synced_last_ms: int | None = None
    synced_least_ms: int | None = None
    """The least and the greatest while it was known to be synchronised: more than one where a first one was wrong."""
    synced_most_ms: int | None = None
    rtc_first_ms: int | None = None
    rtc_last_ms: int | None = None


@dataclass(frozen=True, slots=True)
class OffTime:
    """How long the box was off."""

    low_ms: int
    high_ms: int | None
    word: OffTimeSource


def off(before: OffTimeWitness, this: OffTimeWitness, attested_ms: int | None) -> OffTime:
    """Between these two boots. Never more than before for what `this` sees later of a synchronised clock: a first
    synchronisation that proves wrong makes the low bound smaller, and none makes it larger.
    """
    rtc = _between(before, before.rtc_last_ms, this, this.rtc_first_ms)
    low, word = _credited(before, this, rtc)
    high = _claimed(before, this, rtc)
    if attested_ms is not None:
        agreed = attested_ms if high is None else min(attested_ms, high)
        if agreed > low:
            low, word = agreed, OffTimeSource.PEOPLE
    return OffTime(low, None if high is None else max(low, high), word)


def _between(
    before: OffTimeWitness, last_offset_ms: int | None, this: OffTimeWitness, first_offset_ms: int | None
) -> int | None:
    """By one clock, from the last heartbeat of `before` to the beginning of `this`."""
    if last_offset_ms is None or first_offset_ms is None:
        return None
    return first_offset_ms + this.began_ms - last_offset_ms - before.ran_ms


def _slack_ms(before: OffTimeWitness, this: OffTimeWitness) -> int:
    """What the difference of two synchronised readings may be wrong by: boottime carries them to both ends."""
    alone_ms = 0
    if before.synced_last_ms is not None and this.synced_first_ms is not None:
        alone_ms = before.ran_ms - before.synced_last_ms + this.synced_first_ms - this.began_ms
    return SYNC_SLACK_MS + alone_ms * DRIFT_PPM // 1_000_000


def _credited(before: OffTimeWitness, this: OffTimeWitness, rtc_ms: int | None) -> tuple[int, OffTimeSource]:
    synced_ms = _between(before, before.synced_most_ms, this, this.synced_least_ms)
    if synced_ms is None:
        return 0, OffTimeSource.NOBODY
    low_ms = min(synced_ms - _slack_ms(before, this), WEEK_MS)
    if rtc_ms is not None:
        low_ms = min(low_ms, rtc_ms - RTC_SLACK_MS)
    if low_ms <= 0:
        return 0, OffTimeSource.NOBODY
    return low_ms, OffTimeSource.SYNC if rtc_ms is None else OffTimeSource.SYNC_AND_RTC


def _claimed(before: OffTimeWitness, this: OffTimeWitness, rtc_ms: int | None) -> int | None:
    """The most that any clock says. A wall clock that nobody set is no witness of its own: without a hardware clock a
    box comes up where it went down, as if it had not been off at all.
    """
    synced_ms = _between(before, before.synced_least_ms, this, this.synced_most_ms)
    claims = []
    if synced_ms is not None:
        claims.append(synced_ms + _slack_ms(before, this))
    if rtc_ms is not None:
        claims.append(rtc_ms + RTC_SLACK_MS + max(0, rtc_ms) * RTC_DRIFT_PPM // 1_000_000)
    if not claims:
        return None
    wall_ms = _between(before, before.offset_last_ms, this, this.offset_most_ms)
    if wall_ms is not None:
        claims.append(wall_ms + SYNC_SLACK_MS)
    most_ms = max(claims)
    return most_ms if most_ms >= 0 else None
