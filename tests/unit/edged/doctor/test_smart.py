"""What smartctl's JSON says of disks of many makes, shortened to what is read of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.doctor import gather
from edged.doctor.disks import Array, Smart, SmartAnswer, emmc, parse_smart
from edged.doctor.machine import Output
from storage.words.message import Message


def row(number: int, name: str, value: int, raw: int) -> dict[str, Any]:
    return {"id": number, "name": name, "value": value, "raw": {"value": raw, "string": str(raw)}}


def disk(*rows: dict[str, Any], passed: bool = True, protocol: str = "ATA", **more: Any) -> dict[str, Any]:
    return {
        "device": {"name": "/dev/sda", "protocol": protocol},
        "smart_support": {"available": True, "enabled": True},
        "smart_status": {"passed": passed},
        "temperature": {"current": 38},
        "power_on_time": {"hours": 20_000},
        **({"ata_smart_attributes": {"revision": 16, "table": list(rows)}} if rows else {}),
        **more,
    }


def refused(words: str, **more: Any) -> dict[str, Any]:
    """It could not be opened."""
    return {
        "smartctl": {"exit_status": 2, "messages": [{"string": words, "severity": "error"}]},
        "device": {"name": "/dev/sda", "type": "scsi", "protocol": "SCSI"},
        **more,
    }


HARD_DISK: Final = disk(
    row(5, "Reallocated_Sector_Ct", 100, 8),
    row(197, "Current_Pending_Sector", 100, 0),
    row(198, "Offline_Uncorrectable", 100, 0),
)
FAILING: Final = disk(
    row(5, "Reallocated_Sector_Ct", 1, 1975), row(197, "Current_Pending_Sector", 100, 8), passed=False
)
SATA_SSD: Final = disk(row(5, "Reallocated_Sector_Ct", 100, 0), row(177, "Wear_Leveling_Count", 61, 800))
SANDFORCE: Final = disk(row(231, "SSD_Life_Left", 90, 1), row(233, "SandForce_Internal", 0, 9000))
SANDISK: Final = disk(row(230, "Media_Wearout_Indicator", 1, 0x2A00140029), row(233, "NAND_GB_Written_TLC", 100, 6000))
CRUCIAL: Final = disk(row(197, "Current_Pending_ECC_Cnt", 100, 1), row(202, "Percent_Lifetime_Remain", 97, 3))
NEWER: Final = disk(row(177, "Wear_Leveling_Count", 95, 100), endurance_used={"current_percent": 7})
SAS: Final = disk(
    protocol="SCSI",
    temperature={"current": 0, "drive_trip": 0},
    scsi_grown_defect_list=2,
    scsi_error_counter_log={"read": {"total_uncorrected_errors": 3}, "write": {"total_uncorrected_errors": 1}},
    scsi_environmental_reports={"temperature_1": {"current": 41}},
)
NVME_LOG: Final = {"critical_warning": 0, "percentage_used": 3, "media_errors": 7, "available_spare": 99}
NVME: Final = disk(protocol="NVMe", nvme_smart_health_information_log=NVME_LOG)
NVME_HOT: Final = disk(
    protocol="NVMe", passed=False, nvme_smart_health_information_log={**NVME_LOG, "critical_warning": 2}
)
NVME_ENDS: Final = disk(
    protocol="NVMe", passed=False, nvme_smart_health_information_log={**NVME_LOG, "critical_warning": 3}
)


@pytest.mark.parametrize(
    ("told", "smart"),
    [
        (HARD_DISK, Smart(True, 8, 0, 0, None, None, 38, hours=20_000)),
        (FAILING, Smart(False, 1975, 8, temperature_c=38, hours=20_000)),
        (SATA_SSD, Smart(True, 0, worn=39, temperature_c=38, hours=20_000)),
        (SANDFORCE, Smart(True, worn=10, temperature_c=38, hours=20_000)),
        (SANDISK, Smart(True, temperature_c=38, hours=20_000)),
        (CRUCIAL, Smart(True, worn=3, temperature_c=38, hours=20_000)),
        (NEWER, Smart(True, worn=7, temperature_c=38, hours=20_000)),
        (SAS, Smart(True, 2, errors=4, temperature_c=41, hours=20_000)),
        (NVME, Smart(True, errors=7, worn=3, temperature_c=38, hours=20_000)),
        (NVME_HOT, Smart(True, errors=7, worn=3, temperature_c=38, too_hot=True, hours=20_000)),
        (NVME_ENDS, Smart(False, errors=7, worn=3, temperature_c=38, too_hot=True, hours=20_000)),
    ],
)
def test_what_a_disk_tells(told: dict[str, Any], smart: Smart) -> None:
    assert parse_smart(json.dumps(told)) == SmartAnswer(smart)


@pytest.mark.parametrize(
    ("told", "words", "none"),
    [
        ({"smart_support": {"available": False}}, "knows no SMART", True),
        (disk(smart_support={"available": True, "enabled": False}), "smartctl -s on /dev/sda", False),
        ({"device": {"protocol": "SCSI"}, "temperature": {"current": 0}}, "RAID controller", False),
        (refused("/dev/sda: failed: DELL or MegaRaid controller, please try '-d megaraid,N'"), "RAID", False),
        (refused("/dev/sda: Unknown USB bridge [0x152d:0x0578 (0x214)]"), "USB bridge", False),
        (refused("Smartctl open device: /dev/sda failed: Permission denied"), "Permission denied", False),
        ({}, "nothing of its health", False),
        ({"temperature": {"current": 40}}, "nothing of its health", False),
    ],
)
def test_where_it_tells_nothing_there_is_a_reason(told: dict[str, Any], words: str, none: bool) -> None:
    found = parse_smart(json.dumps(told))
    assert (found.smart, found.none) == (None, none)
    assert words in found.why


@pytest.mark.parametrize(
    ("life", "end", "told"),
    [
        ("0x01 0x03", "0x01", SmartAnswer(Smart(passed=True, worn=20))),
        ("0x0b 0x01", "0x03", SmartAnswer(Smart(passed=False, worn=100))),
        ("", "", SmartAnswer(why=Message("it is a card and knows no SMART"), none=True)),
        ("0x00 0x00", "0x00", SmartAnswer(why=Message("it is a card and knows no SMART"), none=True)),
    ],
)
def test_the_life_of_an_emmc(life: str, end: str, told: SmartAnswer) -> None:
    assert emmc(life, end) == told


KEYS: Final = [
    "smart_status", "passed", "temperature", "current", "table", "ata_smart_attributes", "id", "name", "raw", "value",
    "nvme_smart_health_information_log", "critical_warning", "smartctl", "messages", "smart_support", "device",
]  # fmt: skip
ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=20,
)


@given(ANYTHING, st.text(), st.text())
def test_whatever_is_printed_nothing_is_raised(told: object, life: str, end: str) -> None:
    found = parse_smart(json.dumps(told))
    assert found.smart is not None or found.why
    parse_smart(life)
    emmc(life, end)


# Below what edged keeps


def test_disks_are_found_through_partitions_volumes_and_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A logical volume on an array of two partitions: both disks, and the array that has lost a third."""
    block = tmp_path / "block"
    for name in ("sda", "sdb", "md0", "dm-0"):
        (block / name / "slaves").mkdir(parents=True)
    for name in ("sda", "sdb"):
        (block / name / f"{name}1").mkdir()
        (block / name / f"{name}1/partition").write_text("1\n")
        (block / "md0/slaves" / f"{name}1").symlink_to(block / name / f"{name}1")
    (block / "dm-0/slaves/md0").symlink_to(block / "md0")
    (block / "md0/md").mkdir()
    for key, value in (("level", "raid5"), ("raid_disks", "3"), ("degraded", "1")):
        (block / "md0/md" / key).write_text(f"{value}\n")
    monkeypatch.setattr(gather, "SYS_BLOCK", block)
    monkeypatch.setattr(gather, "SYS_DEVICES", tmp_path)
    device = tmp_path.stat().st_dev
    (tmp_path / f"{os.major(device)}:{os.minor(device)}").symlink_to(block / "dm-0")
    found = gather.disks((str(tmp_path),))
    assert [one.name for one in found.disks] == ["sda", "sdb"]
    assert found.arrays == (Array("md0", "raid5", 3, 1),)


@pytest.mark.parametrize("second", [HARD_DISK, refused("/dev/sda: Unknown USB bridge")])
def test_behind_a_bridge_that_smartctl_does_not_know_the_usual_way_is_tried(
    second: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def run(*command: str) -> Output:
        asked.append(command)
        return Output(2, json.dumps(second if "sat" in command else refused("/dev/sda: Unknown USB bridge")))

    monkeypatch.setattr(gather, "run", run)
    found = gather._smartctl("/dev/sda")
    assert len(asked) == 2
    assert (found.smart is not None) == (second is HARD_DISK)
    assert found.smart is not None or "USB bridge" in found.why
