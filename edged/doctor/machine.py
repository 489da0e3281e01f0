"""The machine edged runs on: its clock, memory and load, and the programs it stands on.

The judges are pure. `run` calls programs of the system: without a shell, in English and UTC, of the system alone, with
a deadline.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edged.doctor.findings import Diagnosis, Missing, critical, ok, unknown, warn
from edged.words import units

MEMORY_LOW: Final = 0.05
PRESSED: Final = 10.0
"""Per cent of the last minute in which all that runs waited for memory (/proc/pressure/memory, full avg60)."""
LOAD_HIGH: Final = 2.0
"""Of each core, over five minutes."""
SQLITE_FIXED: Final = (3, 51, 3)
"""Before it, two connections that write or checkpoint at once could damage the WAL."""
OFF_MS: Final = 500.0
"""As much as makes a new clock epoch."""
RTC_OFF_MS: Final = 5_000
"""A hardware clock counts whole seconds, and drifts by some a month where nobody sets it."""


@dataclass(frozen=True, slots=True)
class ClockState:
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


def judge_clock(clock: ClockState | Missing) -> list[Diagnosis]:
    if isinstance(clock, Missing):
        return [clock.check("clock")]
    return [_sync(clock), _rtc(clock)]


def _sync(clock: ClockState) -> Diagnosis:
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


def _synchronise(clock: ClockState) -> str:
    """What to do about it."""
    if clock.of_host:
        return "this is a container: set a time server on its host"
    if clock.kept is False:
        return "nothing here would do it: apt-get install systemd-timesyncd"
    return "timedatectl timesync-status or chronyc sources; set a time server the box can reach"


def _rtc(clock: ClockState) -> Diagnosis:
    if clock.rtc_off_ms is None and clock.of_host:
        return ok("clock.hardware", "this is a container: the hardware clock is its host's")
    if clock.rtc_off_ms is None:
        said = "this box has no hardware clock: after a power cut it does not know the time until it is synchronised"
        return ok("clock.hardware", said)
    if abs(clock.rtc_off_ms) > RTC_OFF_MS:
        said = f"the hardware clock is {clock.rtc_off_ms / 1000:+.0f} s off: the box comes up with a wrong time"
        return warn("clock.hardware", said, "hwclock --systohc; if it is off again tomorrow, change its battery")
    return ok("clock.hardware", "the hardware clock agrees")


@dataclass(frozen=True, slots=True)
class MachineLoad:
    memory: int
    memory_free: int
    """As the kernel reckons what could be had (MemAvailable)."""
    pressed: float | None
    """None: this kernel does not tell."""
    load: float
    """Of five minutes."""
    cores: int


@dataclass(frozen=True, slots=True)
class InstalledVersions:
    edged: str
    python: str
    av: str
    sqlite: str


def judge_machine(machine: MachineLoad | Missing) -> list[Diagnosis]:
    if isinstance(machine, Missing):
        return [machine.check("memory")]
    return [_memory(machine), _load(machine)]


def _memory(machine: MachineLoad) -> Diagnosis:
    said = f"{units.format_size(machine.memory_free)} of {units.format_size(machine.memory)} can be had"
    if machine.pressed is not None and machine.pressed >= PRESSED:
        return critical(
            "memory",
            f"programs wait for memory {machine.pressed:.0f} % of the time; {said}",
            "ps aux --sort=-rss | head",
        )
    if machine.memory_free < MEMORY_LOW * machine.memory:
        return warn("memory", f"little memory is left: {said}", "ps aux --sort=-rss | head")
    return ok("memory", said)


def _load(machine: MachineLoad) -> Diagnosis:
    said = f"load {machine.load:.1f} on {units.counted(machine.cores, 'core')}"
    if machine.load > LOAD_HIGH * machine.cores:
        return warn(
            "load", f"{said}: too much runs here, or a disk does not keep up", "top; iostat -x 5; ps aux | grep ' D'"
        )
    return ok("load", said)


def judge_versions(here: InstalledVersions, running: str) -> Diagnosis:
    """`running`: the daemon's own; "" while it is down."""
    said = f"edged {here.edged}, Python {here.python}, PyAV {here.av}, SQLite {here.sqlite}"
    if running and running != here.edged:
        return warn("versions", f"edged {running} runs, and {here.edged} is installed", "systemctl restart edged")
    numbers = tuple(int(part) for part in here.sqlite.split(".") if part.isdigit())
    if numbers < SQLITE_FIXED:
        said += "; its fault with several writers of one WAL, mended in 3.51.3, cannot strike: edged has one"
    return ok("versions", said)


def judge_console(encoding: str) -> Diagnosis | None:
    """None where names can be shown."""
    if encoding.lower().replace("-", "").replace("_", "") == "utf8":
        return None
    return warn(
        "console", f"this terminal is set to {encoding}: names in Chinese show as ?", "LC_ALL=C.UTF-8 edgectl …"
    )


WITHIN_S: Final = 5.0
ENVIRONMENT: Final = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_COLORS": "0"}
"""Nothing of the caller's: a technician's PATH must not say what root runs."""


@dataclass(frozen=True, slots=True)
class Output:
    code: int
    out: str


class NoAnswer(Exception):
    """It is not installed, or did not answer; in words."""


def run(*command: str, within_s: float = WITHIN_S) -> Output:
    """Standard output and exit code, whatever that is. `NoAnswer`."""
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=within_s, check=False, env=ENVIRONMENT,
        )  # fmt: skip
    except FileNotFoundError:
        raise NoAnswer(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"{command[0]} did not answer within {within_s:g} s") from None
    except OSError as error:
        raise NoAnswer(f"{command[0]} cannot be run ({error.strerror})") from None
    return Output(done.returncode, done.stdout.decode("utf-8", "replace"))


def fields(text: str, separator: str = "=") -> dict[str, str]:
    """Lines of key=value, as systemd's programs print them."""
    pairs: Sequence[tuple[str, str, str]] = [line.partition(separator) for line in text.splitlines()]
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}
