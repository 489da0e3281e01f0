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
from edged.documents.site import Load
from storage.words import errors
from storage.words.message import Message, format_size, message

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
    if clock.synced is None:
        said = message("doctor.clock.untold", "nobody could say whether the clock is synchronised")
        return unknown("clock", said, Message("timedatectl"))
    if not clock.synced:
        said = message(
            "doctor.clock.not-synchronised",
            "the clock is not synchronised: footage may be kept longer, and times in it may be wrong",
        )
        return warn("clock", said, _synchronise(clock))
    if clock.offset_ms is not None and abs(clock.offset_ms) > OFF_MS:
        said = message(
            "doctor.clock.off", "the clock is {offset} off its source", offset=f"{clock.offset_ms / 1000:+.1f} s"
        )
        look = message("doctor.clock.off.action", "see whether that grows: chronyc tracking")
        return warn("clock", _with_source(said, clock), look)
    said = _with_source(message("doctor.clock.synchronised", "synchronised"), clock)
    if clock.offset_ms is not None:
        said = message("doctor.clock.offset", "{what}, {offset} off", what=said, offset=f"{clock.offset_ms:+.1f} ms")
    return ok("clock", said)


def _with_source(said: Message, clock: ClockState) -> Message:
    if not clock.source:
        return said
    return message("doctor.clock.with-source", "{what} with {source}", what=said, source=clock.source)


def _synchronise(clock: ClockState) -> Message:
    """What to do about it."""
    if clock.of_host:
        return message("doctor.clock.container.action", "this is a container: set a time server on its host")
    if clock.kept is False:
        return message("doctor.clock.unkept.action", "nothing here would do it: apt-get install systemd-timesyncd")
    return message(
        "doctor.clock.set-server.action",
        "timedatectl timesync-status or chronyc sources; set a time server the box can reach",
    )


def _rtc(clock: ClockState) -> Diagnosis:
    if clock.rtc_off_ms is None and clock.of_host:
        said = message("doctor.rtc.container", "this is a container: the hardware clock is its host's")
        return ok("clock.hardware", said)
    if clock.rtc_off_ms is None:
        said = message(
            "doctor.rtc.none",
            "this box has no hardware clock: after a power cut it does not know the time until it is synchronised",
        )
        return ok("clock.hardware", said)
    if abs(clock.rtc_off_ms) > RTC_OFF_MS:
        said = message(
            "doctor.rtc.off",
            "the hardware clock is {offset} off: the box comes up with a wrong time",
            offset=f"{clock.rtc_off_ms / 1000:+.0f} s",
        )
        set_it = message("doctor.rtc.off.action", "hwclock --systohc; if it is off again tomorrow, change its battery")
        return warn("clock.hardware", said, set_it)
    return ok("clock.hardware", message("doctor.rtc.agrees", "the hardware clock agrees"))


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
    reader: str
    """"compiled" or "interpreted"."""


def judge_machine(machine: MachineLoad | Missing) -> list[Diagnosis]:
    if isinstance(machine, Missing):
        return [machine.check("memory")]
    return [_memory(machine), _load(machine)]


def _memory(machine: MachineLoad) -> Diagnosis:
    said = message(
        "doctor.memory",
        "{free_bytes} of {total_bytes} can be had",
        free_bytes=machine.memory_free,
        total_bytes=machine.memory,
    )
    largest = Message("ps aux --sort=-rss | head")
    if machine.pressed is not None and machine.pressed >= PRESSED:
        waits = message(
            "doctor.memory.pressed",
            "programs wait for memory {percent} % of the time; {memory}",
            percent=round(machine.pressed),
            memory=said,
        )
        return critical("memory", waits, largest)
    if machine.memory_free < MEMORY_LOW * machine.memory:
        return warn("memory", message("doctor.memory.low", "little memory is left: {memory}", memory=said), largest)
    return ok("memory", said)


def _load(machine: MachineLoad) -> Diagnosis:
    load = f"{machine.load:.1f}"
    said = message("doctor.load.one-core", "load {load} on 1 core", load=load)
    if machine.cores != 1:
        said = message("doctor.load", "load {load} on {cores} cores", load=load, cores=machine.cores)
    if machine.load > LOAD_HIGH * machine.cores:
        high = message("doctor.load.high", "{load}: too much runs here, or a disk does not keep up", load=said)
        return warn("load", high, Message("top; iostat -x 5; ps aux | grep ' D'"))
    return ok("load", said)


def judge_cameras_carried(load: Load) -> Diagnosis | None:
    """What the running daemon says; None while it does not know."""
    if load.busy is None:
        return None
    busy = round(load.busy * 100)
    said = message("doctor.carries.untold", "the processors were {percent} % busy in the last minute", percent=busy)
    if load.carries is not None:
        said = message(
            "doctor.carries",
            "the processors were {percent} % busy in the last minute; as it is used now, this box carries {count} "
            "cameras like its {cameras}",
            percent=busy,
            count=load.carries,
            cameras=load.cameras,
        )
    if "late" in load.excess:
        said = message(
            "doctor.carries.late", "{said}. Cameras were looked at up to {late} ms late", said=said, late=load.late_ms
        )
    if "disk" in load.excess:
        waiting = format_size(load.queued_bytes)
        said = message(
            "doctor.carries.disk", "{said}. Up to {size} of a camera waited for the disk", said=said, size=waiting
        )
    if load.excess == ["disk"]:
        disk = message("doctor.carries.disk.action", "check the disk and what else uses it: iostat -x 5")
        return warn("load.cameras", said, disk)
    if load.excess:
        fewer = message("doctor.carries.action", "fewer cameras, lower bit rates, or see what else runs: top")
        return warn("load.cameras", said, fewer)
    return ok("load.cameras", said)


def judge_versions(here: InstalledVersions, running: str) -> Diagnosis:
    """`running`: the daemon's own; "" while it is down."""
    said = Message(f"edged {here.edged}, Python {here.python}, PyAV {here.av}, SQLite {here.sqlite}")
    if here.reader == "compiled":
        said = message("doctor.versions.compiled", "{versions}, reader compiled", versions=said)
    else:
        said = message("doctor.versions.interpreted", "{versions}, reader interpreted", versions=said)
    if running and running != here.edged:
        other = message(
            "doctor.versions.other",
            "edged {running} runs, and {installed} is installed",
            running=running,
            installed=here.edged,
        )
        return warn("versions", other, Message("systemctl restart edged"))
    numbers = tuple(int(part) for part in here.sqlite.split(".") if part.isdigit())
    if numbers < SQLITE_FIXED:
        said = message(
            "doctor.versions.sqlite",
            "{versions}; its fault with several writers of one WAL, mended in 3.51.3, cannot strike: edged has one",
            versions=said,
        )
    return ok("versions", said)


def judge_console(encoding: str) -> Diagnosis | None:
    """None where names can be shown."""
    if encoding.lower().replace("-", "").replace("_", "") == "utf8":
        return None
    said = message(
        "doctor.console", "this terminal is set to {encoding}: names in Chinese show as ?", encoding=encoding
    )
    return warn("console", said, Message("LC_ALL=C.UTF-8 edgectl …"))


WITHIN_S: Final = 5.0
ENVIRONMENT: Final = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_COLORS": "0"}
"""Nothing of the caller's: a technician's PATH must not say what root runs."""


@dataclass(frozen=True, slots=True)
class Output:
    code: int
    out: str


class NoAnswer(Exception):
    """It is not installed (`absent`), or did not answer; `said` in words."""

    def __init__(self, said: Message, *, absent: bool = False) -> None:
        super().__init__(said)
        self.said = said
        self.absent = absent


def run(*command: str, within_s: float = WITHIN_S) -> Output:
    """Standard output and exit code, whatever that is. `NoAnswer`."""
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=within_s, check=False, env=ENVIRONMENT,
        )  # fmt: skip
    except FileNotFoundError:
        what = message("doctor.program-absent", "{program} is not installed", program=command[0])
        raise NoAnswer(what, absent=True) from None
    except subprocess.TimeoutExpired:
        said = message(
            "doctor.program-silent",
            "{program} did not answer within {seconds} s",
            program=command[0],
            seconds=within_s,
        )
        raise NoAnswer(said) from None
    except OSError as error:
        why = message(
            "doctor.program-unusable",
            "{program} cannot be run ({reason})",
            program=command[0],
            reason=errors.said(error),
        )
        raise NoAnswer(why) from None
    return Output(done.returncode, done.stdout.decode("utf-8", "replace"))


def fields(text: str, separator: str = "=") -> dict[str, str]:
    """Lines of key=value, as systemd's programs print them."""
    pairs: Sequence[tuple[str, str, str]] = [line.partition(separator) for line in text.splitlines()]
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}
