"""The clocks of this box as values, so that whatever decides can be given a clock instead of reading one.

Imports the standard library and `storage.words.model`. Keeps S7's first half: each moment carries CLOCK_BOOTTIME, which
nobody can set, beside the wall clock, which anybody can.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from storage.words.model import Moment

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
TIMESYNC_MARK: Final = Path("/run/systemd/timesync/synchronized")
"""Touched by systemd-timesyncd at its first synchronisation since boot; /run is empty at boot."""
NS_PER_MS: Final = 1_000_000
NS_PER_US: Final = 1000
STEP_MS: Final = 500
"""A wall clock that is further off than this from where boottime says it should be was stepped; slewing stays below."""

_TIMEX_BYTES: Final = 512
"""`struct timex` is 208 bytes at most; all zero it asks and changes nothing."""
_TIME_ERROR: Final = 5
"""adjtimex(2): not synchronised, or not for so long that the kernel trusts it no more."""
_READINGS: Final = 5
"""Attempts at reading two clocks at one instant: between two readings a process may stand for seconds."""
_TIGHT_NS: Final = 5_000
"""Close enough: at 5 µs every 10 s, what is added by mistake is below half a part in a million."""
_LOOSE_NS: Final = 1 << 62
_adjtimex: Final = ctypes.CDLL(None).adjtimex


class Clock(Protocol):
    """What the daemon and the store know of time. Tests give one of their own."""

    @property
    def boot_id(self) -> str:
        """The kernel's name of this boot."""

    def now(self) -> Moment:
        """This instant on both clocks."""

    def synced(self) -> bool:
        """True only if the wall clock is known to be synchronised with a time server."""

    def lead_us(self) -> int:
        """CLOCK_MONOTONIC_RAW minus CLOCK_BOOTTIME; cheap, like `now`."""

    def rtc_offset_ms(self) -> int | None:
        """The hardware clock minus CLOCK_BOOTTIME, as last read; None where there is none or it cannot be read."""


def kernel_synced() -> bool | None:
    """What the kernel says, whom chrony, ntpd and timesyncd tell alike; None where a sandbox forbids asking it."""
    answer = _adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if answer < 0 else answer != _TIME_ERROR


def has_own_boot_id(mounts: str) -> bool:
    """Whether a container (systemd-nspawn, LXD) has laid a boot id of its own over the kernel's, whose clock runs on.

    `mounts`: /proc/self/mountinfo. A sandboxed unit in there sees the kernel's: to the two it is another boot.
    """
    return any(line.split(" ")[4:5] == [str(BOOT_ID)] for line in mounts.splitlines())


@dataclass(frozen=True, slots=True)
class ClockReading:
    """All that the clocks say at one instant."""

    now: Moment
    synced: bool = False
    lead_us: int = 0
    rtc_offset_ms: int | None = None


def read(clock: Clock) -> ClockReading:
    """Read them all; cheap."""
    return ClockReading(clock.now(), clock.synced(), clock.lead_us(), clock.rtc_offset_ms())


class SystemClock:
    """The real one."""

    def __init__(self) -> None:
        self._boot_id = BOOT_ID.read_bytes().decode("ascii").strip()

    @property
    def boot_id(self) -> str:
        return self._boot_id

    def now(self) -> Moment:
        """Both clocks at one instant: a process that stood between the two readings has seen no clock step."""
        wall_ns, boottime_ns = _beside_boottime(time.CLOCK_REALTIME)
        return Moment(wall_ns // NS_PER_MS, boottime_ns // NS_PER_MS)

    def synced(self) -> bool:
        """False also when unknown: an unsynced clock only costs credit, one taken for synced would earn it wrongly.

        The kernel is told by chrony, ntpd and timesyncd alike. Where a sandbox forbids asking it, timesyncd's mark.
        """
        told = kernel_synced()
        return TIMESYNC_MARK.exists() if told is None else told

    def lead_us(self) -> int:
        """What came between the two readings would count as drift, and add up."""
        raw_ns, boottime_ns = _beside_boottime(time.CLOCK_MONOTONIC_RAW)
        return round((raw_ns - boottime_ns) / NS_PER_US)

    def rtc_offset_ms(self) -> int | None:
        """Not read here: a hardware clock answers slowly (`edged.host.clock` reads it on a thread)."""
        return None


def _beside_boottime(clock: int) -> tuple[int, int]:
    """This clock and CLOCK_BOOTTIME in ns, at one instant: the tightest of a few readings."""
    best_ns, pair = _LOOSE_NS, (0, 0)
    for _ in range(_READINGS):
        before_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        told_ns = time.clock_gettime_ns(clock)
        after_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        if after_ns - before_ns < best_ns:
            best_ns, pair = after_ns - before_ns, (told_ns, (before_ns + after_ns) // 2)
        if best_ns < _TIGHT_NS:
            break
    return pair
