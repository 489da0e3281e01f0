"""How the disks are: what they say of themselves (SMART), and what the kernel says of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edged.doctor.findings import Check, Missing, Result, critical, ok, unknown
from edged.doctor.smart import Smart
from edged.words import units

WARM_C: Final = {True: 55, False: 70}
HOT_C: Final = {True: 65, False: 80}
"""By whether it rotates: what makers allow is 60 to 65 for hard disks, 70 to 85 for others."""
WEAR_WARN: Final = 90
WEAR_END: Final = 100
"""Per cent of what its maker promises."""
COOL: Final = "see to its fan and dust; move the box out of the sun"
COPY: Final = "put in a new disk soon: edgectl volume retire, then replace it"
_TROUBLE: Final = re.compile(
    r"I/O error|blk_update_request|critical medium error|Unrecovered read error|EXT4-fs error|XFS .*(?:error|corrupt)|"
    r"BTRFS.*error|ata\d+(?:\.\d+)?: (?:failed command|hard resetting|exception)|nvme.*(?:timeout|reset controller)|"
    r"Remounting filesystem read-only|Buffer I/O",
    re.IGNORECASE,
)
SHOWN_MAX: Final = 120
"""Characters of a kernel message: enough to see which disk."""


@dataclass(frozen=True, slots=True)
class Disk:
    """One whole disk that something of edged lies on."""

    name: str
    model: str
    rotates: bool
    virtual: bool
    """Of a virtual machine, a loop device, memory, or shown to a container: its host looks after it."""
    smart: Smart | None = None
    why_not: str = ""
    """Why there is no `smart`."""
    none: bool = False
    """It has no SMART, and nobody could have it tell."""
    root: bool = False
    """Root would get it."""


@dataclass(frozen=True, slots=True)
class Array:
    """Disks that the kernel (md) makes one of."""

    name: str
    level: str
    disks: int
    missing: int


@dataclass(frozen=True, slots=True)
class Disks:
    """Below what edged keeps."""

    disks: tuple[Disk, ...]
    arrays: tuple[Array, ...] = ()


@dataclass(frozen=True, slots=True)
class Messages:
    lines: tuple[str, ...]
    elsewhere: bool = False
    """This is a container: its host has them."""


def judge(found: Disks | Missing) -> list[Check]:
    """A line for each disk, and for each array."""
    if isinstance(found, Missing):
        return [found.check("disk")]
    checks = [*map(_array, found.arrays), *map(_disk, found.disks)]
    return checks or [ok("disk", "no disk of its own: what edged keeps lies on others' storage")]


def _array(array: Array) -> Check:
    name, lead = f"disk {array.name}", f"{array.name} ({array.level} of {units.counted(array.disks, 'disk')})"
    if array.missing:
        said = f"{lead} has lost {units.counted(array.missing, 'disk')}: the next one may take footage with it"
        return critical(name, said, "cat /proc/mdstat; put in a new disk, then mdadm --add")
    return ok(name, f"{lead} is whole")


def _disk(disk: Disk) -> Check:
    name = f"disk {disk.name}"
    lead = f"{disk.name}{f' ({disk.model})' if disk.model else ''}"
    if disk.smart is None:
        if disk.virtual:
            return ok(name, f"{lead} is virtual and shows no SMART here: its host has to look after it")
        if disk.none:
            return ok(name, f"{lead}: {disk.why_not}; nobody can tell how it is")
        if disk.root:
            return Missing(f"{lead}: {disk.why_not}", root=True).check(name)
        missing = "not installed" in disk.why_not
        action = "apt-get install smartmontools" if missing else f"smartctl -a /dev/{disk.name}; smartctl --scan"
        return unknown(name, f"{lead}: {disk.why_not}", action)
    found = sorted(_worries(disk, disk.smart), key=lambda one: list(Result).index(one[0]))
    if not found:
        return ok(name, f"{lead} is well{_facts(disk.smart)}")
    words = "; ".join(said for _, said, _ in found)
    return Check(name, found[0][0], f"{lead}: {words}", found[0][2])


def _worries(disk: Disk, smart: Smart) -> list[tuple[Result, str, str]]:
    found = []
    if smart.passed is False:
        found.append((Result.CRITICAL, "it says itself that it is failing", COPY))
    if smart.pending:
        found.append((Result.CRITICAL, f"{smart.pending} sectors cannot be read", COPY))
    if smart.uncorrectable:
        found.append((Result.CRITICAL, f"{smart.uncorrectable} sectors cannot be corrected", COPY))
    if smart.errors:
        found.append((Result.WARN, f"{smart.errors} errors that it could not correct", COPY))
    if smart.reallocated:
        found.append(
            (Result.WARN, f"{smart.reallocated} sectors were replaced", "watch whether that grows; have a disk ready")
        )
    if smart.worn is not None and smart.worn >= WEAR_WARN:
        over = Result.CRITICAL if smart.worn >= WEAR_END else Result.WARN
        found.append((over, f"{smart.worn} % of its life are used up", COPY))
    warmth = smart.temperature_c
    if smart.too_hot:
        found.append((Result.CRITICAL, "it says that it is too hot", COOL))
    elif warmth is not None and warmth >= WARM_C[disk.rotates]:
        over = Result.CRITICAL if warmth >= HOT_C[disk.rotates] else Result.WARN
        found.append((over, f"{warmth} °C", COOL))
    return found


def _facts(smart: Smart) -> str:
    said = []
    if smart.temperature_c is not None:
        said.append(f"{smart.temperature_c} °C")
    if smart.hours is not None:
        said.append(f"{smart.hours} h")
    if smart.worn is not None:
        said.append(f"{smart.worn} % worn")
    return f": {', '.join(said)}" if said else ""


def trouble(lines: Sequence[str]) -> list[str]:
    """Of the kernel's messages those that tell of a disk in trouble."""
    return [line for line in lines if _TROUBLE.search(line)]


def judge_kernel(messages: Messages | Missing) -> Check:
    if isinstance(messages, Missing):
        return messages.check("kernel")
    if messages.elsewhere:
        return ok("kernel", "this is a container: what the kernel tells of disks stands in its host's journal")
    found = trouble(messages.lines)
    if not found:
        return ok("kernel", "the kernel has told of no trouble with a disk since the box came up")
    last = found[-1].strip()[:SHOWN_MAX]
    said = f"the kernel has told of trouble with a disk {len(found)} times since the box came up, last: {last}"
    return critical(
        "kernel", said, "check cable and disk: journalctl -k -p err; smartctl -a; edgectl fsck --level hash"
    )
