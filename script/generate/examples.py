"""One example of each message, for the documents of the contract: a small office in its first week. Pure.

Events are given as they lie in the outbox, and go through the same words as all others.
"""

from __future__ import annotations

from typing import Any, Final

from edged.health import faults
from edged.health.faults import MediaFault
from mqtt.commands import Reply
from mqtt.contract import messages
from mqtt.contract.messages import Payload, Stamp
from recorder.words.address import Target, without_login
from recorder.words.outcome import unreachable
from storage.outbox.table import Event, EventKind
from storage.words.message import message as sentence
from storage.words.message import with_advice

NODE: Final = "wenshan-main"
EPOCH_MS: Final = 1_777_593_600_000
"""2026-05-01, when the count of events began."""
NOW_MS: Final = EPOCH_MS + 6 * 86_400_000
BOOT_ID: Final = "0f3c7a51-6a0e-4c0b-9a64-6f2f0c1d8e11"
VOLUME: Final = "7b1e2c44-0d5a-4f5e-8c55-0a8d3a4b9c10"
PROFILE: Final = "wenshan-household"
PIN: Final = "P-20260506-AB23"
FAULT: Final = "F-20260506-K3QW"
WORK: Final = "M-20260507-7H2C"
ORIGIN: Final = "edged/wenshan-main/7f3a91c2"
NOTE: Final = f"{ORIGIN}\n1041\n{'A' * 43}=\n\n— {ORIGIN} {'B' * 92}\n"
DIGEST: Final = "9f2b" * 16
_STAMP: Final[Stamp] = {"ts": NOW_MS, "epoch": 7, "seq": 42}
_NO_ANSWER: Final = unreachable(Target.parse("rtsp://10.0.0.11/stream1", "viewer"))
DOWN: Final = sentence(
    "alarm.camera-down",
    "Camera {camera} is not recorded: {reason}",
    camera="lobby",
    reason=without_login(
        sentence("camera.because", "{what}: {reason}", what=_NO_ANSWER.tried, reason=_NO_ANSWER.came_back)
    ),
)
CHECK: Final = sentence("action.check", "Check {what}", what=_NO_ANSWER.check)
BLURRED: Final = sentence(
    "camera.reason-and-check",
    "{reason}. Check {what}",
    reason=faults.what_is_wrong(MediaFault.BLURRED),
    what=faults.what_to_check(MediaFault.BLURRED),
)
DONE: Final = sentence("centre.acknowledged", "acknowledged")
TOO_LATE: Final = sentence("command.expired", "by the clock of this box it expired {seconds} s ago", seconds="40")
LEFT: Final = sentence(
    "command.interrupted",
    "edged ended while it was being done; nobody knows how far it came, and it is not done again",
)
"""Sentences of the product, which a test holds against the catalogue. They are not made by the name `message`, since
the catalogue lists where the product itself says a sentence.
"""


PAYLOADS: Final[dict[str, Payload]] = {
    "status": messages.Status(**_STAMP, state="online", boot=BOOT_ID),
    "birth": messages.Birth(
        **_STAMP,
        node=NODE,
        office="wenshan",
        name="文山區戶政事務所 所本部",
        timezone="Asia/Taipei",
        profile=PROFILE,
        boot=BOOT_ID,
        started_ms=NOW_MS - 3_600_000,
        version="0.1.0",
        python="3.11.2",
        av="18.1.0",
        ffmpeg="8.1",
        sqlite="3.40.1",
        cameras=["lobby", "stairs"],
        volumes=[VOLUME],
        capabilities=["alarms", "events", "exports", "ledger", "pins", "commands"],
        config_sha256=DIGEST,
    ),
    "heartbeat": messages.Heartbeat(
        **_STAMP,
        uptime_s=3600.2,
        box_uptime_s=518_400.5,
        clock_synced=True,
        clock_epoch=1,
        disk_total_bytes=4_000_000_000_000,
        disk_free_bytes=210_000_000_000,
        outbox_messages=0,
        outbox_proofs=1,
        outbox_alarms=0,
        outbox_storage=0,
        outbox_history=12,
        outbox_bytes=5120,
        outbox_oldest_ms=NOW_MS - 40_000,
    ),
    "camera-health": messages.CameraHealth(
        **_STAMP,
        camera="lobby",
        state="degraded",
        reason=str(BLURRED),
        reason_code=BLURRED.code,
        reason_values=BLURRED.data,
        since_ms=NOW_MS - 90_000,
        fps=10.0,
        width=1920,
        height=1080,
        codec="h264",
        audio="aac",
        bitrate_bps=2_100_000,
        last_frame_age_s=0.2,
        clock_offset_ms=-1200,
        coverage_24h=0.9987,
        unexplained_s=0.0,
        gaps_24h=2,
        faults=["blurred"],
        colour=True,
        sound_db=-41.5,
        sound_lag_ms=40,
    ),
    "camera-retention": messages.CameraRetention(
        **_STAMP,
        camera="lobby",
        floor_s=2_678_400,
        ceiling_s=31_536_000,
        retained_s=518_400.0,
        covered_s=517_730.5,
        gone_s=0.0,
        forecast_s=5_270_400.0,
        full_in_s=4_752_000.0,
        floor_at_risk_in_s=None,
        compliant=True,
        segments=1728,
        bytes=134_000_000_000,
    ),
    "storage": messages.Storage(
        **_STAMP,
        volume=VOLUME,
        path="/srv/edged",
        state="in-service",
        reason="",
        total_bytes=4_000_000_000_000,
        free_bytes=210_000_000_000,
        ring_bytes=3_590_000_000_000,
        limit_bytes=3_800_000_000_000,
        others_bytes=0,
        segments=3456,
        full_in_s=None,
        floor_at_risk_in_s=None,
    ),
    "alarm": messages.AlarmState(
        **_STAMP,
        key="camera.down:lobby",
        occurrence=f"{EPOCH_MS}:118",
        severity="critical",
        state="raised",
        since_ms=NOW_MS - 60_000,
        cleared_ms=None,
        count=1,
        acknowledged=False,
        **with_advice(DOWN, CHECK),
    ),
    "pin": messages.PinState(
        **_STAMP,
        pin=PIN,
        state="provisional",
        ground="investigation",
        cameras=["lobby"],
        from_ms=NOW_MS - 90_000_000,
        to_ms=NOW_MS - 86_400_000,
        placed_ms=NOW_MS - 3_600_000,
        span_ms=2_592_000_000,
        until_ms=NOW_MS + 255_600_000,
    ),
    "fault": messages.FaultState(
        **_STAMP,
        fault=FAULT,
        state="reported",
        key="camera.down:lobby",
        camera="lobby",
        volume=None,
        found_ms=NOW_MS - 90_000_000,
        reported_ms=NOW_MS - 86_400_000,
        repaired_ms=None,
        over=False,
    ),
    "maintenance": messages.MaintenanceState(
        **_STAMP,
        maintenance=WORK,
        cameras=["lobby"],
        started_ms=NOW_MS - 600_000,
        until_ms=NOW_MS + 6_600_000,
        held=1,
    ),
    "ledger-checkpoint": messages.LedgerCheckpoint(
        **_STAMP,
        origin=ORIGIN,
        size=1041,
        root=DIGEST,
        first=1,
        key=f"{ORIGIN}+0a1b2c3d+AeHk",
        note=NOTE,
    ),
    "compliance": messages.Compliance(
        **_STAMP, profile=PROFILE, met=3, not_met=1, by_hand=0, not_built=6, unmet=["W2"], unmet_since_ms=[NOW_MS]
    ),
    "office": messages.Office(
        **_STAMP,
        opened=True,
        shut=False,
        requests_deciding=3,
        requests_supplement=1,
        requests_granted=2,
        requests_refused=0,
        requests_withdrawn=0,
        requests_closed=41,
        requests_unreadable=0,
        overdue=1,
        due_soon=0,
        not_held=0,
        viewing_open=0,
        to_erase=5,
        requests_open=6,
        overdue_by_office=1,
        year=115,
        year_received=47,
        year_deciding=4,
        year_granted=31,
        year_in_part=3,
        year_refused=5,
        year_withdrawn=2,
        year_referred=2,
        year_late=1,
        year_viewings=33,
        year_copies=9,
    ),
    "reply": Reply(
        **_STAMP,
        id="8c1f0a6e5d2b4c37",
        verb="alarm-ack",
        requester="centre-1",
        state="done",
        reason="",
        text=str(DONE),
        clock_synced=True,
        result={"key": "camera.down:lobby", "occurrence": f"{EPOCH_MS}:118"},
        code=DONE.code,
        values=DONE.data,
    ),
}
"""By the name of their schema."""


_START: Final = {"boot": 3, "id": BOOT_ID, "boottime_ms": 60_000, "wall_ms": NOW_MS - 500_000}
_END: Final = {"boot": 3, "id": BOOT_ID, "boottime_ms": 102_000, "wall_ms": NOW_MS - 458_000}
_ALARM: Final[dict[str, Any]] = {
    "key": "camera.down:lobby",
    "occurrence": f"{EPOCH_MS}:118",
    "severity": "critical",
    "since_ms": NOW_MS - 60_000,
    "cleared_ms": None,
    "count": 1,
    "acknowledged": False,
    **with_advice(DOWN, CHECK),
}
_GAP: Final[dict[str, Any]] = {
    "camera": "lobby", "start": _START, "end": _END, "cause": "unreachable", "inside": False,
}  # fmt: skip
_PIN: Final[dict[str, Any]] = {
    "pin": PIN,
    "state": "provisional",
    "version": 1,
    "placed": {"boot": 3, "id": BOOT_ID, "boottime_ms": 10_000_000, "wall_ms": NOW_MS - 3_600_000},
    "cameras": ["lobby"],
    "from": NOW_MS - 90_000_000,
    "to": NOW_MS - 86_400_000,
    "ground": "investigation",
    "span_ms": 2_592_000_000,
}
_COPY: Final[dict[str, Any]] = {
    "export": "E-20260507-7F3K",
    "cameras": ["lobby"],
    "from": NOW_MS - 90_000_000,
    "to": NOW_MS - 86_400_000,
    "whole": True,
    "bytes": 931_000_000,
    "who": DIGEST,
}
_EPOCH: Final[dict[str, Any]] = {
    "epoch": 2, "boot": 3, "id": BOOT_ID, "synced": True, "wall_ms": NOW_MS, "boottime_ms": 200_000,
}  # fmt: skip
_VOLUME: Final[dict[str, Any]] = {"volume": VOLUME, "path": "/srv/edged"}
_LOST: Final[dict[str, Any]] = _VOLUME | {
    "event": "lost",
    "segments": 1728,
    "below_floor": 1728,
    "pinned": 12,
    "first_wall_ms": EPOCH_MS,
    "last_wall_ms": NOW_MS,
    "noted": False,
}
_WORK: Final[dict[str, Any]] = {"maintenance": WORK, "cameras": ["lobby"], "start": _START, "span_ms": 7_200_000}
_FAULT: Final[dict[str, Any]] = {
    "fault": FAULT,
    "state": "found",
    "version": 1,
    "key": "camera.down:lobby",
    "camera": "lobby",
    "volume": None,
    "found": _START,
    "at": _START,
    "over": False,
}
_HEAD: Final[dict[str, Any]] = {"origin": "edged/wenshan-main/02d4b6aa", "size": 977, "root": DIGEST}
_COMMAND: Final[dict[str, Any]] = {
    "id": "8c1f0a6e5d2b4c37",
    "verb": "alarm-ack",
    "requester": "centre-1",
    "key": DIGEST,
    "counter": 17,
    "reason": "",
    "text": "",
    "result": {},
}

BODIES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "alarm.raised": ("", _ALARM | {"what": "raised"}),
    "alarm.updated": ("", _ALARM | {"what": "updated", "severity": "warning"}),
    "alarm.acknowledged": ("", _ALARM | {"what": "acknowledged", "acknowledged": True}),
    "alarm.cleared": ("", _ALARM | {"what": "cleared", "acknowledged": True, "cleared_ms": NOW_MS}),
    "gap.open": ("gap", _GAP | {"end": None, "cause": "unknown"}),
    "gap.closed": ("gap", _GAP),
    "gap.withdrawn": ("gap", _GAP | {"gone": True}),
    "pin.placed": ("pin", _PIN | {"what": "placed", "segments": 13}),
    "pin.approved": ("pin", _PIN | {"what": "approved", "state": "approved", "version": 2}),
    "pin.extended": ("pin", _PIN | {"what": "extended", "state": "approved", "version": 3, "span_ms": 5_184_000_000}),
    "pin.released": ("pin", _PIN | {"what": "released", "state": "released", "version": 4}),
    "pin.lapsed": ("pin", _PIN | {"what": "lapsed", "state": "lapsed", "version": 2}),
    "pin.adopted": ("pin", _PIN | {"what": "adopted", "signed": True}),
    "copy.begun": ("copy", _COPY | {"event": "begun", "reason": DIGEST}),
    "copy.finished": ("copy", _COPY | {"event": "finished", "manifest": DIGEST}),
    "copy.abandoned": ("copy", _COPY | {"event": "abandoned", "bytes": 0}),
    "maintenance.begun": ("maintenance", _WORK | {"event": "begun", "who": DIGEST, "reason": DIGEST}),
    "maintenance.ended": ("maintenance", _WORK | {"event": "ended", "end": _END, "who": DIGEST}),
    "maintenance.lapsed": ("maintenance", _WORK | {"event": "lapsed", "end": _END}),
    "fault.found": ("fault", _FAULT | {"what": "found"}),
    "fault.again": ("fault", _FAULT | {"what": "again", "version": 4, "at": _END}),
    "fault.joined": ("fault", _FAULT | {"what": "joined", "version": 2, "key": "camera.degraded:lobby"}),
    "fault.over": ("fault", _FAULT | {"what": "over", "version": 3, "over": True}),
    "fault.reported": ("fault", _FAULT | {"what": "reported", "version": 5, "state": "reported", "to": DIGEST}),
    "fault.repaired": ("fault", _FAULT | {"what": "repaired", "version": 6, "state": "repaired", "note": DIGEST}),
    "fault.checked": (
        "fault",
        _FAULT | {"what": "checked", "version": 7, "state": "checked", "over": True, "note": DIGEST},
    ),
    "clock.began": ("clock", _EPOCH | {"what": "began"}),
    "clock.stepped": ("clock", _EPOCH | {"what": "step", "by_ms": -1500}),
    "clock.corrected": ("clock", _EPOCH | {"what": "corrected", "synced": False, "true_offset_ms": NOW_MS - 199_000}),
    "clock.credited": (
        "clock",
        {"what": "credit", "boot": 3, "word": "sync+rtc", "off_low_ms": 41_000, "off_high_ms": 44_000},
    ),
    "clock.attested": ("clock", {"what": "attested", "boot": 3, "off_ms": 1_209_600_000}),
    "run.booted": (
        "boot",
        {
            "boot": 3,
            "id": BOOT_ID,
            "boottime_ms": 31_000,
            "began_ms": 0,
            "before": {"boot": 2, "ran_ms": 432_000_000, "lag_us": 0, "gain_us": 0},
        },
    ),
    "run.started": ("run", {"run": 7, "boot": 3, "boottime_ms": 31_000, "end": False}),
    "run.stopped": ("run", {"run": 7, "boot": 3, "boottime_ms": 86_431_000, "end": True}),
    **{
        f"volume.{event}": ("volume", _VOLUME | {"event": event})
        for event in ("met", "come", "gone", "moved", "found-again", "retired", "restored")
    },
    "volume.lost": ("volume", _LOST),
    "volume.noted": ("volume", _LOST | {"noted": True}),
    "retention.bounds": ("bounds", {"camera": "lobby", "at": _START, "floor_s": 2_678_400, "ceiling_s": 31_536_000}),
    "retention.overwriting": ("overwriting", {"at": _START, "on": False}),
    "retention.agreed": (
        "agreed",
        {
            "site": [2_678_400, 31_536_000],
            "cameras": {"lobby": [7_948_800, 31_536_000]},
            "overwrite": False,
            "roles": {"operator": ["edged-operators"]},
            "profile": "wenshan-household",
        },
    ),
    "ledger.generation": (
        "generation",
        {"origin": ORIGIN, "key": f"{ORIGIN}+0a1b2c3d+AeHk", "reason": "the key was renewed", "previous": _HEAD},
    ),
    "ledger.rebuilt": ("rebuilt", {"known": 977, "reason": "the database was gone"}),
    "ledger.finding": (
        "finding",
        {
            "volume": VOLUME,
            "path": "lobby/2026-05-06/20260506T081500.000Z-412.mp4",
            "kind": "content",
            "segment": 412,
            "state": "differs",
        },
    ),
    "ledger.checkpoint": (
        "",
        {
            "what": "checkpoint",
            "origin": ORIGIN,
            "size": 1041,
            "root": DIGEST,
            "first": 1,
            "key": f"{ORIGIN}+0a1b2c3d+AeHk",
            "note": NOTE,
        },
    ),
    "outbox.begun": ("", {"what": "begun"}),
    "outbox.evicted": (
        "",
        {
            "what": "evicted",
            "rank": 4,
            "events": 12_000,
            "first_seq": 300,
            "last_seq": 14_211,
            "since_ms": NOW_MS - 86_400_000,
        },
    ),
    "command.accepted": ("", _COMMAND | {"what": "accepted"}),
    "command.done": (
        "",
        _COMMAND
        | DONE.told
        | {"what": "done", "result": {"key": "camera.down:lobby", "occurrence": f"{EPOCH_MS}:118"}},
    ),
    "command.rejected": ("", _COMMAND | TOO_LATE.told | {"what": "rejected", "reason": "expired"}),
    "command.interrupted": ("", _COMMAND | LEFT.told | {"what": "interrupted", "reason": "interrupted"}),
    "copy.destroyed": ("copy", _COPY | {"event": "destroyed", "viewing": True, "bytes": 0}),
}
"""By type, without `edged.`: the kind of its leaf, and its body as storage writes it."""


OTHERS: Final = {
    "other": Event(EPOCH_MS, 301, EventKind.OTHER, NOW_MS, 0, "", {"what": "opened", "door": "back"}, other="door"),
}
"""What this version does not know."""


def events() -> dict[str, Event]:
    """One of each type that this version knows, by type."""
    return {
        name: Event(EPOCH_MS, 118 + at, EventKind(name.partition(".")[0]), NOW_MS, 1041 + at if leaf else 0, leaf, body)
        for at, (name, (leaf, body)) in enumerate(BODIES.items())
    }
