"""Whether the clock can be relied on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edged.doctor.findings import Check, Missing, ok, unknown, warn

OFF_MS: Final = 500.0
"""As much as makes a new clock epoch."""
RTC_OFF_MS: Final = 5_000
"""A hardware clock counts whole seconds, and drifts by some a month where nobody sets it."""


@dataclass(frozen=True, slots=True)
class Clock:
    synced: bool | None
    """None: nobody could be asked."""
    source: str = ""
    offset_ms: float | None = None
    """From the source, as it says."""
    rtc_off_ms: int | None = None
    """The hardware clock minus ours; None: there is none."""
    kept: bool | None = None
    """A service that would synchronise it runs here; None: nobody knows."""
    of_host: bool = False
    """This is a container."""


def judge(clock: Clock | Missing) -> list[Check]:
    if isinstance(clock, Missing):
        return [clock.check("clock")]
    return [_sync(clock), _rtc(clock)]


def _sync(clock: Clock) -> Check:
    source = f" with {clock.source}" if clock.source else ""
    if clock.synced is None:
        return unknown("clock", "nobody could say whether the clock is synchronised", "timedatectl")
    if not clock.synced:
        said = "the clock is not synchronised: footage may be kept longer, and times in it may be wrong"
        return warn("clock", said, _synchronise(clock))
    if clock.offset_ms is not None and abs(clock.offset_ms) > OFF_MS:
        said = f"the clock is {clock.offset_ms / 1000:+.1f} s off its source{source}"
        return warn("clock", said, "see whether that grows: chronyc tracking")
    off = "" if clock.offset_ms is None else f", {clock.offset_ms:+.1f} ms off"
    return ok("clock", f"synchronised{source}{off}")


def _synchronise(clock: Clock) -> str:
    """What to do about it."""
    if clock.of_host:
        return "this is a container: set a time server on its host"
    if clock.kept is False:
        return "nothing here would do it: apt-get install systemd-timesyncd"
    return "timedatectl timesync-status or chronyc sources; set a time server the box can reach"


def _rtc(clock: Clock) -> Check:
    if clock.rtc_off_ms is None and clock.of_host:
        return ok("clock.hardware", "this is a container: the hardware clock is its host's")
    if clock.rtc_off_ms is None:
        said = "this box has no hardware clock: after a power cut it does not know the time until it is synchronised"
        return ok("clock.hardware", said)
    if abs(clock.rtc_off_ms) > RTC_OFF_MS:
        said = f"the hardware clock is {clock.rtc_off_ms / 1000:+.0f} s off: the box comes up with a wrong time"
        return warn("clock.hardware", said, "hwclock --systohc; if it is off again tomorrow, change its battery")
    return ok("clock.hardware", "the hardware clock agrees")
