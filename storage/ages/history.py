"""How old something is, counted in running time, with a low and a high bound. Pure; imports the standard library only.

Keeps S7: no wall clock comes in here. Running time is what two clocks say that nobody can set: CLOCK_BOOTTIME, which
is slewed and counts a box that sleeps, and CLOCK_MONOTONIC_RAW, which does neither. The low bound advances with the
slower of them, the high one with the faster. A box that was off has aged too, but only as far as the power-off time is
proven; what is not proven counts for the high bound and not for the low one, and destroying needs the low one.

`History` is made once and asked often: O(number of boots) to make, O(log n) for each age.

Power-off: how long the box was off before a boot, at the least, at the most, and on whose word. Keeps S7 where wall
clocks do come in: what they say is believed only where it cannot destroy too early. The low bound takes the least that
any witness says, and nothing without a clock that was synchronised both before and after; the high one takes the most.
Power-off is counted from the last heartbeat of the boot before, so what ran on after it is in here and in nothing else,
until this boot's boottime began (for a boot that came of boottime running backwards: until then).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import accumulate
from operator import attrgetter
from typing import Final, Self

from storage.words.model import GapCause, Moment

US_PER_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class ClockPace:
    """How far, up to some instant of a boot, the two clocks have drifted apart from boottime. Both only ever grow."""

    lag_us: int = 0
    """The slower clock has told so much less than boottime."""
    gain_us: int = 0
    """The faster clock has told so much more than boottime."""

    def after(self, lead_change_us: int) -> ClockPace:
        """When MONOTONIC_RAW has moved on by so much more than boottime (less: negative)."""
        return ClockPace(self.lag_us + max(0, -lead_change_us), self.gain_us + max(0, lead_change_us))


@dataclass(frozen=True, slots=True)
class ClockMark:
    """The pace at one instant of a boot."""

    boottime_ms: int
    pace: ClockPace


START: Final = ClockMark(0, ClockPace())


@dataclass(frozen=True, slots=True)
class CountedBoot:
    """One boot of this box. Boots are numbered 1, 2, 3… in the order in which they happened."""

    number: int
    boot_id: str
    ran_ms: int
    """CLOCK_BOOTTIME when it was last seen to run; it may have run on for a little."""
    off_low_ms: int
    """From the last `ran_ms` of the boot before until this one began, at the least: 0 unless it is proven."""
    off_high_ms: int | None
    """The same at the most; None when nobody knows."""
    pace: ClockPace = START.pace
    """At `ran_ms`."""
    lead_us: int | None = None
    """MONOTONIC_RAW minus BOOTTIME at `ran_ms`; None where nobody looked."""
    marks: tuple[ClockMark, ...] = ()
    """By boottime; not each change, so an instant has at least the pace of the mark before it."""

    began_ms: int = 0
    """Boottime where it began: 0, but for a boot that came of boottime running backwards."""
    attested: bool = False
    """Two people have said how long the box was off before it, at the least."""

    @property
    def length_ms(self) -> int:
        return self.ran_ms - self.began_ms

    def pace_before(self, boottime_ms: int) -> ClockPace:
        """A pace that the clocks had already reached at this instant: never more than the true one."""
        index = bisect_right(self.marks, boottime_ms, key=attrgetter("boottime_ms"))
        return self.marks[index - 1].pace if index else START.pace


@dataclass(frozen=True, slots=True)
class Age:
    """At least `low_ms`, at most `high_ms`; None when there is no upper bound."""

    low_ms: int
    high_ms: int | None
    attested: bool = False
    """Where there is no upper bound: of each power-off that no clock bounds two people have said how long it was, at
    the least. More will never be known, so nobody is asked again."""

    def may_be(self, ms: int) -> bool:
        """Whether it may be as old as this, although that is not proven, and somebody could still say."""
        if self.low_ms >= ms:
            return False
        return not self.attested if self.high_ms is None else self.high_ms >= ms


class History:
    """All boots up to an instant, `now`, from which ages are told.

    Boots may come in any order and may lack some: time of which nothing is known adds nothing to the low bound and
    takes away the high one. The row of the present boot tells how far the clocks had drifted apart when it was last
    looked at; `now_lead_us` is their difference now, so that what happened since (a box that slept) counts at once.
    """

    def __init__(
        self, boots: Sequence[CountedBoot], now_boot: int, now_boottime_ms: int, now_lead_us: int | None = None
    ) -> None:
        self._now_boot = now_boot
        self._now_ms = now_boottime_ms
        self._by_number = {boot.number: boot for boot in boots if boot.number <= now_boot}
        self._pace = self._pace_now(now_lead_us)
        present = self._by_number.get(now_boot)
        self._length_ms = now_boottime_ms - (present.began_ms if present else 0)
        self._numbers = sorted(self._by_number)
        past = [self._by_number[number] for number in self._numbers if number < now_boot]
        known = [self._by_number[number] for number in self._numbers]
        # Sums over all boots before the one with this index in `_numbers`.
        self._ran_low = [0, *accumulate(max(0, boot.length_ms - _up(boot.pace.lag_us)) for boot in past)]
        self._ran_high = [0, *accumulate(boot.length_ms + _up(boot.pace.gain_us) for boot in past)]
        self._off_low = [0, *accumulate(boot.off_low_ms for boot in known)]
        self._off_high = [0, *accumulate(boot.off_high_ms or 0 for boot in known)]
        self._unknown = [0, *accumulate(int(boot.off_high_ms is None) for boot in known)]
        self._unsaid = [0, *accumulate(int(boot.off_high_ms is None and not boot.attested) for boot in known)]

    def age(self, boot: int, boottime_ms: int) -> Age:
        """The age, now, of what happened at `boottime_ms` of boot number `boot`."""
        if boot > self._now_boot:
            return Age(0, None)
        if boot == self._now_boot:
            return self._within(boottime_ms)
        recorded = self._by_number.get(boot)
        first = bisect_right(self._numbers, boot)  # the boot after it
        last = len(self._numbers)
        next_off_low = self._off_low[first + 1] - self._off_low[first] if self._follows(first, boot) else 0
        # Power-off is counted from the last heartbeat: what was recorded after it has lived through a part of it only.
        rest_low, rest_high = (-next_off_low, 0) if recorded is None else _rest(recorded, boottime_ms)
        low = max(0, rest_low + next_off_low) + self._off_low[last] - self._off_low[first] - next_off_low
        high = rest_high + self._off_high[last] - self._off_high[first]
        past = len(self._ran_low) - 1
        begin = min(first, past)
        low += self._ran_low[past] - self._ran_low[begin] + max(0, self._length_ms - _up(self._pace.lag_us))
        high += self._ran_high[past] - self._ran_high[begin] + self._length_ms + _up(self._pace.gain_us)
        lacking = recorded is None or last - first != self._now_boot - boot
        unknown = lacking or self._unknown[last] > self._unknown[first]
        attested = unknown and not lacking and self._unsaid[last] == self._unsaid[first]
        return Age(low, None if unknown else high, attested)

    def since(self, age_ms: int) -> tuple[int, int]:
        """The earliest instant, as boot and boottime, from which on all ages are at most this low.

        Between two marks ages fall evenly; at one that tells of a sleep they rise, so each stretch is asked by itself.
        """
        for number in reversed(self._numbers):
            boot = self._by_number[number]
            until_ms = 1 + (self._now_ms if number == self._now_boot else boot.ran_ms)
            marks = (mark.boottime_ms for mark in reversed(boot.marks) if boot.began_ms < mark.boottime_ms < until_ms)
            for begin_ms in (*marks, boot.began_ms):
                if self.age(number, begin_ms).low_ms > age_ms:
                    stretch = range(begin_ms, until_ms)
                    later = bisect_left(stretch, -age_ms, key=lambda at_ms: -self.age(number, at_ms).low_ms)
                    return number, begin_ms + later
                until_ms = begin_ms
        return 0, 0

    def _within(self, boottime_ms: int) -> Age:
        elapsed = max(0, self._now_ms - boottime_ms)
        present = self._by_number.get(self._now_boot)
        before = present.pace_before(boottime_ms) if present else START.pace
        low = elapsed - _up(self._pace.lag_us - before.lag_us)
        return Age(max(0, low), elapsed + _up(self._pace.gain_us - before.gain_us))

    def _follows(self, index: int, boot: int) -> bool:
        return index < len(self._numbers) and self._numbers[index] == boot + 1

    def _pace_now(self, lead_us: int | None) -> ClockPace:
        present = self._by_number.get(self._now_boot)
        if present is None:
            return START.pace
        if present.lead_us is None or lead_us is None:
            return present.pace
        return present.pace.after(lead_us - present.lead_us)


def age(
    boots: Sequence[CountedBoot], recorded_boot: int, recorded_boottime_ms: int, now_boot: int, now_boottime_ms: int
) -> Age:
    """One age; whoever asks for many makes a `History`."""
    return History(boots, now_boot, now_boottime_ms).age(recorded_boot, recorded_boottime_ms)


def _rest(boot: CountedBoot, boottime_ms: int) -> tuple[int, int]:
    """How long a boot that is over ran on after an instant: low (negative: it was seen last before it) and high."""
    before = boot.pace_before(boottime_ms)
    rest = boot.ran_ms - boottime_ms
    if rest <= 0:
        return rest, 0
    low = rest - _up(boot.pace.lag_us - before.lag_us)
    return max(0, low), rest + _up(boot.pace.gain_us - before.gain_us)


def _up(us: int) -> int:
    """Whole milliseconds, rounded so that low bounds are never too large and high ones never too small."""
    return -(-us // US_PER_MS)


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """A moment with its boot, so that points of different boots have an order. The wall clock takes no part in it."""

    boot: int
    boottime_ms: int
    wall_ms: int = field(compare=False)

    @classmethod
    def of(cls, boot: int, moment: Moment) -> Self:
        return cls(boot, moment.boottime_ms, moment.wall_ms)

    @property
    def moment(self) -> Moment:
        return Moment(self.wall_ms, self.boottime_ms)

    def plus_ms(self, delta_ms: int) -> Self:
        return replace(self, boottime_ms=self.boottime_ms + delta_ms, wall_ms=self.wall_ms + delta_ms)


@dataclass(frozen=True, slots=True)
class DaemonRun:
    """This run of the daemon, and what it knows of how the last one that recorded ended."""

    run: int
    boot: int
    start: Point
    epoch: int
    recorded_run: int | None
    """The last run before this one in which a camera was enrolled."""
    previous_end: GapCause | None


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
