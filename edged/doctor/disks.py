"""How the disks are: what they say of themselves (SMART), and what the kernel says of them. Pure.

First the judgement, then how `smartctl --json` is read (SATA, SAS, NVMe, behind USB). Attributes are known by number
and name: makers give the same number to other things.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edged.doctor.findings import Diagnosis, Missing, Result, critical, ok, unknown
from storage.words.message import NOTHING, Message, joined, message

WARM_C: Final = {True: 55, False: 70}
HOT_C: Final = {True: 65, False: 80}
"""By whether it rotates: what makers allow is 60 to 65 for hard disks, 70 to 85 for others."""
WEAR_WARN: Final = 90
WEAR_END: Final = 100
"""Per cent of what its maker promises."""
COOL: Final = message("doctor.disk.cool.action", "see to its fan and dust; move the box out of the sun")
COPY: Final = message("doctor.disk.copy.action", "put in a new disk soon: edgectl volume retire, then replace it")
_TROUBLE: Final = re.compile(
    r"I/O error|blk_update_request|critical medium error|Unrecovered read error|EXT4-fs error|XFS .*(?:error|corrupt)|"
    r"BTRFS.*error|ata\d+(?:\.\d+)?: (?:failed command|hard resetting|exception)|nvme.*(?:timeout|reset controller)|"
    r"Remounting filesystem read-only|Buffer I/O",
    re.IGNORECASE,
)
SHOWN_MAX: Final = 120
"""Characters of a kernel message: enough to see which disk."""
REALLOCATED, PENDING, UNCORRECTABLE = (
    (5, "Reallocated_Sector_Ct"),
    (197, "Current_Pending_Sector"),
    (198, "Offline_Uncorrectable"),
)
WEAR: Final = {
    (169, "Remaining_Lifetime_Perc"),
    (177, "Wear_Leveling_Count"),
    (202, "Percent_Lifetime_Remain"),
    (231, "SSD_Life_Left"),
    (233, "Media_Wearout_Indicator"),
}
"""Their normalised value counts down from 100."""
UNKNOWN_BRIDGE: Final = "Unknown USB bridge"
TOO_HOT: Final = 0x02
"""Of an NVMe disk's critical warnings: only its temperature."""
SMARTCTL_SHOWN_MAX: Final = 120
"""Characters of what smartctl says in its own words."""
EMMC_STEP: Final = 10
"""Per cent of wear to each step of an eMMC's life time estimate (JEDEC JESD84-B51, 7.4.48)."""
EMMC_URGENT: Final = 3
"""Pre-EOL information: its spare blocks are nearly used up."""


@dataclass(frozen=True, slots=True)
class Disk:
    """One whole disk that something of edged lies on."""

    name: str
    model: str
    rotates: bool
    virtual: bool
    """Of a virtual machine, a loop device, memory, or shown to a container: its host looks after it."""
    smart: Smart | None = None
    why_not: Message = NOTHING
    """Why there is no `smart`."""
    none: bool = False
    """It has no SMART, and nobody could have it tell."""
    no_tool: bool = False
    """smartctl is not installed."""
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
class LogLines:
    lines: tuple[str, ...]
    elsewhere: bool = False
    """This is a container: its host has them."""


def judge_disks(found: Disks | Missing) -> list[Diagnosis]:
    """A line for each disk, and for each array."""
    if isinstance(found, Missing):
        return [found.check("disk")]
    checks = [*map(_array, found.arrays), *map(_disk, found.disks)]
    return checks or [
        ok("disk", message("doctor.disk.none", "no disk of its own: what edged keeps lies on others' storage"))
    ]


def _array(array: Array) -> Diagnosis:
    name = f"disk {array.name}"
    lead = message(
        "doctor.array", "{name} ({level} of {disks})", name=array.name, level=array.level, disks=_disks(array.disks)
    )
    if array.missing:
        said = message(
            "doctor.array.missing",
            "{array} has lost {disks}: the next one may take footage with it",
            array=lead,
            disks=_disks(array.missing),
        )
        mend = message("doctor.array.missing.action", "cat /proc/mdstat; put in a new disk, then mdadm --add")
        return critical(name, said, mend)
    return ok(name, message("doctor.array.whole", "{array} is whole", array=lead))


def _disks(count: int) -> Message:
    if count == 1:
        return message("doctor.disks.one", "1 disk")
    return message("doctor.disks", "{count} disks", count=count)


def _disk(disk: Disk) -> Diagnosis:
    name = f"disk {disk.name}"
    lead = f"{disk.name}{f' ({disk.model})' if disk.model else ''}"
    if disk.smart is None:
        return _without_smart(name, lead, disk)
    found = sorted(_worries(disk, disk.smart), key=lambda one: list(Result).index(one[0]))
    if not found:
        facts = _facts(disk.smart)
        if not facts:
            return ok(name, message("doctor.disk.well", "{disk} is well", disk=lead))
        return ok(name, message("doctor.disk.well-with-facts", "{disk} is well: {facts}", disk=lead, facts=facts))
    said = message("doctor.disk", "{disk}: {what}", disk=lead, what=joined(said for _, said, _ in found))
    return Diagnosis(name, found[0][0], said, found[0][2])


def _without_smart(name: str, lead: str, disk: Disk) -> Diagnosis:
    if disk.virtual:
        said = message(
            "doctor.disk.virtual",
            "{disk} is virtual and shows no SMART here: its host has to look after it",
            disk=lead,
        )
        return ok(name, said)
    if disk.none:
        said = message(
            "doctor.disk.no-smart", "{disk}: {reason}; nobody can tell how it is", disk=lead, reason=disk.why_not
        )
        return ok(name, said)
    why_not = message("doctor.disk", "{disk}: {what}", disk=lead, what=disk.why_not)
    if disk.root:
        return Missing(why_not, root=True).check(name)
    missing = disk.no_tool
    action = "apt-get install smartmontools" if missing else f"smartctl -a /dev/{disk.name}; smartctl --scan"
    return unknown(name, why_not, Message(action))


def _worries(disk: Disk, smart: Smart) -> list[tuple[Result, Message, Message]]:
    found = []
    if smart.passed is False:
        found.append((Result.CRITICAL, message("doctor.disk.failing", "it says itself that it is failing"), COPY))
    if smart.pending:
        said = message("doctor.disk.pending", "{count} sectors cannot be read", count=smart.pending)
        found.append((Result.CRITICAL, said, COPY))
    if smart.uncorrectable:
        said = message("doctor.disk.uncorrectable", "{count} sectors cannot be corrected", count=smart.uncorrectable)
        found.append((Result.CRITICAL, said, COPY))
    if smart.errors:
        said = message("doctor.disk.errors", "{count} errors that it could not correct", count=smart.errors)
        found.append((Result.WARN, said, COPY))
    if smart.reallocated:
        said = message("doctor.disk.reallocated", "{count} sectors were replaced", count=smart.reallocated)
        watch = message("doctor.disk.reallocated.action", "watch whether that grows; have a disk ready")
        found.append((Result.WARN, said, watch))
    if smart.worn is not None and smart.worn >= WEAR_WARN:
        over = Result.CRITICAL if smart.worn >= WEAR_END else Result.WARN
        said = message("doctor.disk.worn", "{percent} % of its life are used up", percent=smart.worn)
        found.append((over, said, COPY))
    warmth = smart.temperature_c
    if smart.too_hot:
        found.append((Result.CRITICAL, message("doctor.disk.too-hot", "it says that it is too hot"), COOL))
    elif warmth is not None and warmth >= WARM_C[disk.rotates]:
        over = Result.CRITICAL if warmth >= HOT_C[disk.rotates] else Result.WARN
        found.append((over, Message(f"{warmth} °C"), COOL))
    return found


def _facts(smart: Smart) -> list[str]:
    said = []
    if smart.temperature_c is not None:
        said.append(f"{smart.temperature_c} °C")
    if smart.hours is not None:
        said.append(f"{smart.hours} h")
    if smart.worn is not None:
        said.append(message("doctor.disk.fact-worn", "{percent} % worn", percent=smart.worn))
    return said


def judge_kernel(messages: LogLines | Missing) -> Diagnosis:
    if isinstance(messages, Missing):
        return messages.check("kernel")
    if messages.elsewhere:
        said = message(
            "doctor.kernel.container",
            "this is a container: what the kernel tells of disks stands in its host's journal",
        )
        return ok("kernel", said)
    found = trouble(messages.lines)
    if not found:
        said = message("doctor.kernel.quiet", "the kernel has told of no trouble with a disk since the box came up")
        return ok("kernel", said)
    last = found[-1].strip()[:SHOWN_MAX]
    said = message(
        "doctor.kernel.trouble",
        "the kernel has told of trouble with a disk {count} times since the box came up, last: {last}",
        count=len(found),
        last=last,
    )
    look = message(
        "doctor.kernel.trouble.action",
        "check cable and disk: journalctl -k -p err; smartctl -a; edgectl fsck --level hash",
    )
    return critical("kernel", said, look)


def trouble(lines: Sequence[str]) -> list[str]:
    """Of the kernel's messages those that tell of a disk in trouble."""
    return [line for line in lines if _TROUBLE.search(line)]


@dataclass(frozen=True, slots=True)
class Smart:
    """What a disk says of itself; None: it does not say."""

    passed: bool | None = None
    reallocated: int | None = None
    pending: int | None = None
    uncorrectable: int | None = None
    errors: int | None = None
    """Of reading or writing, which it could not correct."""
    worn: int | None = None
    """Per cent of its promised life."""
    temperature_c: int | None = None
    too_hot: bool = False
    """By its own measure."""
    hours: int | None = None

    @property
    def tells(self) -> bool:
        """Of its health: a volume of a RAID controller has a temperature of 0 °C, and says no more."""
        return any(
            one is not None for one in (self.passed, self.reallocated, self.pending, self.uncorrectable, self.worn)
        )


@dataclass(frozen=True, slots=True)
class SmartAnswer:
    """`smart`, or why there is none; the others as of a `Disk`."""

    smart: Smart | None = None
    why: Message = NOTHING
    none: bool = False
    no_tool: bool = False


def parse_smart(text: str) -> SmartAnswer:
    """Whatever it prints."""
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return SmartAnswer(why=message("doctor.smart.unreadable", "smartctl printed nothing that can be read"))
    available, enabled = _at(told, "smart_support", "available"), _at(told, "smart_support", "enabled")
    if available is False:
        return SmartAnswer(why=message("doctor.smart.none", "it knows no SMART"), none=True)
    if enabled is False:
        switch = f"smartctl -s on {_at(told, 'device', 'name') or ''}".strip()
        why = message("doctor.smart.off", "its SMART is switched off: {command}", command=switch)
        return SmartAnswer(why=why)
    found = _nvme(told) if "nvme_smart_health_information_log" in told else _others(told)
    return SmartAnswer(found) if found.tells else SmartAnswer(why=_why(told))


def _others(told: Mapping[str, Any]) -> Smart:
    """SATA and SAS."""
    table = _at(told, "ata_smart_attributes", "table")
    rows = {
        (row["id"], row["name"]): row
        for row in (table if isinstance(table, list) else [])
        if isinstance(row, dict) and isinstance(row.get("id"), int) and isinstance(row.get("name"), str)
    }
    left = [value for key in rows.keys() & WEAR if (value := _number_at(rows[key], "value")) is not None]
    used = _number_at(told, "endurance_used", "current_percent")
    raw = {key: _number_at(row, "raw", "value") for key, row in rows.items()}
    uncorrected = [
        count
        for way in ("read", "write")
        if (count := _number_at(told, "scsi_error_counter_log", way, "total_uncorrected_errors")) is not None
    ]
    return Smart(
        passed=_passed(told),
        reallocated=raw.get(REALLOCATED, _number_at(told, "scsi_grown_defect_list")),
        pending=raw.get(PENDING),
        uncorrectable=raw.get(UNCORRECTABLE),
        errors=sum(uncorrected) if uncorrected else None,
        worn=100 - min(left) if used is None and left else used,
        temperature_c=_temperature(told),
        hours=_number_at(told, "power_on_time", "hours"),
    )


def _nvme(told: Mapping[str, Any]) -> Smart:
    log = "nvme_smart_health_information_log"
    warnings, passed = _number_at(told, log, "critical_warning") or 0, _passed(told)
    return Smart(
        passed=True if passed is False and warnings == TOO_HOT else passed,
        errors=_number_at(told, log, "media_errors"),
        worn=_number_at(told, log, "percentage_used"),
        temperature_c=_temperature(told),
        too_hot=bool(warnings & TOO_HOT),
        hours=_number_at(told, "power_on_time", "hours"),
    )


def _why(told: Mapping[str, Any]) -> Message:
    messages = _at(told, "smartctl", "messages")
    lines = messages if isinstance(messages, list) else []
    words = [str(line["string"]) for line in lines if isinstance(line, dict) and line.get("string")]
    said = " ".join(words)
    if UNKNOWN_BRIDGE in said:
        return message("doctor.smart.bridge", "its USB bridge lets nothing of its health through")
    if "megaraid" in said or (not words and _at(told, "device", "protocol") == "SCSI"):
        return message(
            "doctor.smart.raid",
            "it tells nothing of its health: it is a volume of a RAID controller, whose own program does",
        )
    if words:
        return Message(words[0][:SMARTCTL_SHOWN_MAX])
    return message("doctor.smart.silent", "it tells nothing of its health")


def emmc(life: str, end: str) -> SmartAnswer:
    """`life_time` and `pre_eol_info` as the kernel shows them, hexadecimal; an SD card has neither."""
    try:
        steps = [int(step, 16) for step in life.split()]
        urgent = int(end or "0", 16) >= EMMC_URGENT
    except ValueError:
        steps, urgent = [], False
    if not any(steps):
        return SmartAnswer(why=message("doctor.smart.card", "it is a card and knows no SMART"), none=True)
    return SmartAnswer(Smart(passed=not urgent, worn=(max(steps) - 1) * EMMC_STEP))


def _passed(told: Mapping[str, Any]) -> bool | None:
    passed = _at(told, "smart_status", "passed")
    return passed if isinstance(passed, bool) else None


def _temperature(told: Mapping[str, Any]) -> int | None:
    """0 °C stands for "not told"."""
    there = _number_at(told, "temperature", "current")
    return there or _number_at(told, "scsi_environmental_reports", "temperature_1", "current") or None


def _number_at(table: Any, *keys: str) -> int | None:
    found = _at(table, *keys)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _at(table: Any, *keys: str) -> Any:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table
