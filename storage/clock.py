"""The clocks of this box as values, so that whatever decides can be given a clock instead of reading one.

Imports the standard library and `storage.model`. Keeps S7's first half: each moment carries CLOCK_BOOTTIME, which
nobody can set, beside the wall clock, which anybody can.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, Protocol

from storage.model import Moment

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
TIMESYNC_MARK: Final = Path("/run/systemd/timesync/synchronized")
"""Touched by systemd-timesyncd at its first synchronisation since boot; /run is empty at boot."""
NS_PER_MS: Final = 1_000_000


class Clock(Protocol):
    """What the daemon and the store know of time. Tests give one of their own."""

    @property
    def boot_id(self) -> str:
        """The kernel's name of this boot."""

    def now(self) -> Moment:
        """This instant on both clocks."""

    def synced(self) -> bool:
        """True only if the wall clock is known to have been set from a time server since boot."""


class SystemClock:
    """The real one."""

    def __init__(self) -> None:
        self._boot_id = BOOT_ID.read_text(encoding="ascii").strip()

    @property
    def boot_id(self) -> str:
        return self._boot_id

    def now(self) -> Moment:
        """Both clocks, read within microseconds of each other: a difference of a millisecond is no clock step."""
        return Moment(
            wall_ms=time.time_ns() // NS_PER_MS,
            boottime_ms=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // NS_PER_MS,
        )

    def synced(self) -> bool:
        """False also when unknown: an unsynced clock only costs credit, one taken for synced would earn it wrongly.

        The mark of timesyncd and not adjtimex(2), because the unit's `ProtectClock=` forbids the latter.
        """
        return TIMESYNC_MARK.exists()
