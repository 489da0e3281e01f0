"""A box whose true time is known, and its clocks: they drift, are slewed, set, synchronised and stand still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from storage.words.clock import ClockReading
from storage.words.model import Moment
from tests.support.office import Clock

BEGAN_MS: Final = 1_772_000_000_000


@dataclass
class Box:
    """The clocks of a box, all driven by true time. A time daemon keeps the wall clock within 16 s."""

    rtc: bool
    true_us: int = BEGAN_MS * 1000
    boottime_us: int = 20_000_000
    raw_us: int = 20_000_000
    wall_offset_us: int = BEGAN_MS * 1000
    synced: bool = False
    boots: int = 1

    @property
    def true_ms(self) -> int:
        return self.true_us // 1000

    def run(self, true_ms: int, boot_ppm: int, raw_ppm: int) -> None:
        """Truth lies between the two clocks: that is what keeping both is for."""
        true_us = true_ms * 1000
        self.true_us += true_us
        slow, fast = sorted((boot_ppm, raw_ppm))
        slow, fast = min(slow, 0), max(fast, 0)
        ppm = (slow, fast) if boot_ppm <= raw_ppm else (fast, slow)
        self.boottime_us += true_us + true_us * ppm[0] // 1_000_000
        self.raw_us += true_us + true_us * ppm[1] // 1_000_000

    def sleep(self, true_ms: int) -> None:
        self.true_us += true_ms * 1000
        self.boottime_us += true_ms * 1000

    def sync(self, error_ms: int) -> None:
        self.synced = True
        self.wall_offset_us = self.true_us + error_ms * 1000 - self.boottime_us

    def step(self, by_ms: int) -> None:
        """By hand: the kernel takes the clock for synchronised no more, and none before 1970 (clock_settime(2))."""
        self.synced = False
        self.wall_offset_us = max(self.wall_offset_us + by_ms * 1000, -(self.boottime_us // 1000) * 1000)

    def lose_power(self, off_ms: int) -> None:
        """It comes up unsynchronised; without a hardware clock as if it had not been off."""
        wall_us = self.boottime_us + self.wall_offset_us
        self.true_us += off_ms * 1000
        self.boottime_us = self.raw_us = 0
        self.boots += 1
        self.synced = False
        self.wall_offset_us = self.true_us if self.rtc else wall_us

    def reading(self) -> ClockReading:
        boottime_ms = self.boottime_us // 1000
        wall_ms = boottime_ms + self.wall_offset_us // 1000
        rtc_ms = self.true_ms // 1000 * 1000 - boottime_ms if self.rtc else None
        return ClockReading(Moment(wall_ms, boottime_ms), self.synced, self.raw_us - self.boottime_us, rtc_ms)


class TrueClock(Clock):
    """What a store sees of such a box. It obeys the same words as any clock of an office."""

    def __init__(self, rtc: bool) -> None:
        super().__init__()
        self.box = Box(rtc)
        self.read()

    def read(self) -> None:
        """After whatever befell the box."""
        seen = self.box.reading()
        self.boots, self.is_synced = self.box.boots, seen.synced
        self.boottime_ms, self.wall_ms = seen.now.boottime_ms, seen.now.wall_ms
        self.rtc_ms = None if seen.rtc_offset_ms is None else seen.rtc_offset_ms + self.boottime_ms

    def lead_us(self) -> int:
        return self.box.raw_us - self.box.boottime_us

    def tick(self, ms: int) -> Moment:
        return self.run(ms, 0, 0)

    def run(self, true_ms: int, boot_ppm: int, raw_ppm: int) -> Moment:
        self.box.run(true_ms, boot_ppm, raw_ppm)
        self.read()
        return self.now()
