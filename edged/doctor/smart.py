"""What `smartctl --json` tells of one disk (SATA, SAS, NVMe, behind USB), read. Pure.

Attributes are known by number and name: makers give the same number to other things.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

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
SHOWN_MAX: Final = 120
"""Characters of what smartctl says in its own words."""
EMMC_STEP: Final = 10
"""Per cent of wear to each step of an eMMC's life time estimate (JEDEC JESD84-B51, 7.4.48)."""
EMMC_URGENT: Final = 3
"""Pre-EOL information: its spare blocks are nearly used up."""


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
class Told:
    """`smart`, or why there is none; `none`: it has no SMART at all, and nobody could have it tell."""

    smart: Smart | None = None
    why: str = ""
    none: bool = False


def parse(text: str) -> Told:
    """Whatever it prints."""
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return Told(why="smartctl printed nothing that can be read")
    available, enabled = _of(told, "smart_support", "available"), _of(told, "smart_support", "enabled")
    if available is False:
        return Told(why="it knows no SMART", none=True)
    if enabled is False:
        return Told(why=f"its SMART is switched off: smartctl -s on {_of(told, 'device', 'name') or ''}".strip())
    found = _nvme(told) if "nvme_smart_health_information_log" in told else _others(told)
    return Told(found) if found.tells else Told(why=_why(told))


def _why(told: Mapping[str, Any]) -> str:
    messages = _of(told, "smartctl", "messages")
    lines = messages if isinstance(messages, list) else []
    words = [str(line["string"]) for line in lines if isinstance(line, dict) and line.get("string")]
    said = " ".join(words)
    if UNKNOWN_BRIDGE in said:
        return "its USB bridge lets nothing of its health through"
    if "megaraid" in said or (not words and _of(told, "device", "protocol") == "SCSI"):
        return "it tells nothing of its health: it is a volume of a RAID controller, whose own program does"
    return words[0][:SHOWN_MAX] if words else "it tells nothing of its health"


def _others(told: Mapping[str, Any]) -> Smart:
    """SATA and SAS."""
    table = _of(told, "ata_smart_attributes", "table")
    rows = {
        (row["id"], row["name"]): row
        for row in (table if isinstance(table, list) else [])
        if isinstance(row, dict) and isinstance(row.get("id"), int) and isinstance(row.get("name"), str)
    }
    left = [value for key in rows.keys() & WEAR if (value := _number(rows[key], "value")) is not None]
    used = _number(told, "endurance_used", "current_percent")
    raw = {key: _number(row, "raw", "value") for key, row in rows.items()}
    uncorrected = [
        count
        for way in ("read", "write")
        if (count := _number(told, "scsi_error_counter_log", way, "total_uncorrected_errors")) is not None
    ]
    return Smart(
        passed=_passed(told),
        reallocated=raw.get(REALLOCATED, _number(told, "scsi_grown_defect_list")),
        pending=raw.get(PENDING),
        uncorrectable=raw.get(UNCORRECTABLE),
        errors=sum(uncorrected) if uncorrected else None,
        worn=100 - min(left) if used is None and left else used,
        temperature_c=_temperature(told),
        hours=_number(told, "power_on_time", "hours"),
    )


def _nvme(told: Mapping[str, Any]) -> Smart:
    log = "nvme_smart_health_information_log"
    warnings, passed = _number(told, log, "critical_warning") or 0, _passed(told)
    return Smart(
        passed=True if passed is False and warnings == TOO_HOT else passed,
        errors=_number(told, log, "media_errors"),
        worn=_number(told, log, "percentage_used"),
        temperature_c=_temperature(told),
        too_hot=bool(warnings & TOO_HOT),
        hours=_number(told, "power_on_time", "hours"),
    )


def emmc(life: str, end: str) -> Told:
    """`life_time` and `pre_eol_info` as the kernel shows them, hexadecimal; an SD card has neither."""
    try:
        steps = [int(step, 16) for step in life.split()]
        urgent = int(end or "0", 16) >= EMMC_URGENT
    except ValueError:
        steps, urgent = [], False
    if not any(steps):
        return Told(why="it is a card and knows no SMART", none=True)
    return Told(Smart(passed=not urgent, worn=(max(steps) - 1) * EMMC_STEP))


def _passed(told: Mapping[str, Any]) -> bool | None:
    passed = _of(told, "smart_status", "passed")
    return passed if isinstance(passed, bool) else None


def _temperature(told: Mapping[str, Any]) -> int | None:
    """0 °C stands for "not told"."""
    there = _number(told, "temperature", "current")
    return there or _number(told, "scsi_environmental_reports", "temperature_1", "current") or None


def _number(table: Any, *keys: str) -> int | None:
    found = _of(table, *keys)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _of(table: Any, *keys: str) -> Any:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table
