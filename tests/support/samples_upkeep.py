"""Full samples of the documents about faults and maintenance."""

from __future__ import annotations

from typing import Any, Final

FAULT: Final[dict[str, Any]] = {
    "id": "F-20260430-K3QW",
    "state": "reported",
    "key": "camera.down:side-door",
    "alarms": ["camera.down:side-door", "camera.degraded:side-door"],
    "camera": "side-door",
    "volume": None,
    "stands": "camera.down:side-door",
    "over": False,
    "found": "2026-04-30T01:00:00.000Z",
    "reported": "2026-04-30T02:10:00.000Z",
    "repaired": None,
    "checked": None,
    "age_s": 86_400.0,
    "repair_s": None,
    "late": None,
}
FOUND_BY_A_PERSON: Final[dict[str, Any]] = FAULT | {
    "id": "F-20260410-2M8T",
    "state": "found",
    "key": "",
    "alarms": [],
    "camera": "lobby",
    "stands": None,
    "found": "2026-04-10T06:30:00.000Z",
    "reported": None,
    "age_s": 1_792_800.0,
    "late": "unreported",
}
REPAIRED: Final[dict[str, Any]] = FAULT | {
    "id": "F-20260301-9XRD",
    "state": "checked",
    "key": "storage.away:0f8fad5b-d9cb-469f-a165-70867728950e",
    "alarms": ["storage.away:0f8fad5b-d9cb-469f-a165-70867728950e"],
    "camera": None,
    "volume": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "stands": None,
    "over": True,
    "found": "2026-03-01T01:00:00.000Z",
    "reported": "2026-03-01T01:20:00.000Z",
    "repaired": "2026-03-02T03:00:00.000Z",
    "checked": "2026-03-02T03:10:00.000Z",
    "age_s": 94_200.0,
    "repair_s": 93_600.0,
}
STEP: Final[dict[str, Any]] = {
    "step": "found",
    "at": "2026-04-30T01:00:00.000Z",
    "key": "camera.down:side-door",
    "by": "",
    "to": "",
    "reference": "",
    "repairer": "",
    "note": "",
    "leaf": 1041,
}
REPORTED: Final[dict[str, Any]] = STEP | {
    "step": "reported",
    "at": "2026-04-30T02:10:00.000Z",
    "key": "",
    "by": "chen",
    "to": "光田資訊",
    "reference": "R-1142",
    "note": "明日上午到場",
    "leaf": 1058,
}
FAULTS: Final[dict[str, Any]] = {"schema": "edged.faults/1", "faults": [FOUND_BY_A_PERSON, FAULT, REPAIRED]}
FAULTS_SHOW: Final[dict[str, Any]] = {"schema": "edged.faults-show/1", "fault": FAULT, "steps": [STEP, REPORTED]}
FAULTS_STEP: Final[dict[str, Any]] = {"schema": "edged.faults-step/1", "fault": FAULT}
UNDER: Final[dict[str, Any]] = {
    "id": "M-20260501-7H2C",
    "cameras": ["side-door"],
    "started": "2026-05-01T01:00:00.000Z",
    "until": "2026-05-01T03:00:00.000Z",
    "left_s": 6600.0,
    "by": "chen",
    "held": 1,
}
HELD: Final[dict[str, Any]] = {
    "key": "camera.down:side-door",
    "severity": "critical",
    "text": "Camera side-door is not recorded: rtsp://10.0.0.12/stream1: no route to host",
    "code": "alarm.camera-down",
    "values": {"camera": "side-door", "reason": "rtsp://10.0.0.12/stream1: no route to host"},
    "action": "Check power and network of this camera",
    "action_code": "action.check",
    "action_values": {"what": "power and network of this camera"},
}
MAINTENANCE: Final[dict[str, Any]] = {
    "schema": "edged.maintenance/1",
    "maintenance": UNDER,
    "reason": "清潔鏡頭",
    "accompanied": "光田 林先生",
    "held": [HELD],
}
MAINTENANCE_START: Final[dict[str, Any]] = {
    "schema": "edged.maintenance-start/1", "maintenance": UNDER | {"held": 0},
}  # fmt: skip
MAINTENANCE_END: Final[dict[str, Any]] = {
    "schema": "edged.maintenance-end/1",
    "id": "M-20260501-7H2C",
    "started": "2026-05-01T01:00:00.000Z",
    "held": [HELD],
}
