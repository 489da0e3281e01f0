"""The machine edged runs on, and the programs it stands on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edged.doctor.findings import Check, Missing, critical, ok, warn
from edged.words import units

MEMORY_LOW: Final = 0.05
PRESSED: Final = 10.0
"""Per cent of the last minute in which all that runs waited for memory (/proc/pressure/memory, full avg60)."""
LOAD_HIGH: Final = 2.0
"""Of each core, over five minutes."""
SQLITE_FIXED: Final = (3, 51, 3)
"""Before it, two connections that write or checkpoint at once could damage the WAL."""


@dataclass(frozen=True, slots=True)
class Machine:
    memory: int
    memory_free: int
    """As the kernel reckons what could be had (MemAvailable)."""
    pressed: float | None
    """None: this kernel does not tell."""
    load: float
    """Of five minutes."""
    cores: int


@dataclass(frozen=True, slots=True)
class Versions:
    edged: str
    python: str
    av: str
    sqlite: str


def judge(machine: Machine | Missing) -> list[Check]:
    if isinstance(machine, Missing):
        return [machine.check("memory")]
    return [_memory(machine), _load(machine)]


def _memory(machine: Machine) -> Check:
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


def _load(machine: Machine) -> Check:
    said = f"load {machine.load:.1f} on {units.counted(machine.cores, 'core')}"
    if machine.load > LOAD_HIGH * machine.cores:
        return warn(
            "load", f"{said}: too much runs here, or a disk does not keep up", "top; iostat -x 5; ps aux | grep ' D'"
        )
    return ok("load", said)


def judge_versions(here: Versions, running: str) -> Check:
    """`running`: the daemon's own; "" while it is down."""
    said = f"edged {here.edged}, Python {here.python}, PyAV {here.av}, SQLite {here.sqlite}"
    if running and running != here.edged:
        return warn("versions", f"edged {running} runs, and {here.edged} is installed", "systemctl restart edged")
    numbers = tuple(int(part) for part in here.sqlite.split(".") if part.isdigit())
    if numbers < SQLITE_FIXED:
        said += "; its fault with several writers of one WAL, mended in 3.51.3, cannot strike: edged has one"
    return ok("versions", said)


def judge_console(encoding: str) -> Check | None:
    """None where names can be shown."""
    if encoding.lower().replace("-", "").replace("_", "") == "utf8":
        return None
    return warn(
        "console", f"this terminal is set to {encoding}: names in Chinese show as ?", "LC_ALL=C.UTF-8 edgectl …"
    )
