"""One full sample of each document that edgectl prints: what the daemon of a household office might say."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from edged.documents import exports, leaks, ledger, machine, office, pins, register, registers, site, tickets
from edged.documents import site as documents
from edged.documents.base import Document
from recorder.supervisor.state import sentence
from recorder.words.address import Target, without_login
from recorder.words.outcome import declined
from storage.words.message import NOTHING, message
from tests.support import samples_leaks, samples_office, samples_registers
from tests.support.samples_machine import DOCTOR, PROBE, STATUS_DOWN
from tests.support.samples_register import DESTROYED, PROOF, STATEMENT
from tests.support.samples_upkeep import (
    FAULTS,
    FAULTS_SHOW,
    FAULTS_STEP,
    MAINTENANCE,
    MAINTENANCE_END,
    MAINTENANCE_START,
)

REFUSED: Final = declined(Target("rtsp", "10.0.0.12", 554, "/stream1", "viewer"), 401)
UNAUTHORISED: Final = sentence(REFUSED)
CHECK: Final = message("action.check", "Check {what}", what=REFUSED.check)
"""What comes of a wrong password."""
LOBBY: Final[dict[str, Any]] = {
    "id": "lobby",
    "name": "大廳",
    "state": "recording",
    "reason": "",
    "reason_code": "",
    "reason_values": {},
    "cause": None,
    "fps": 25.0,
    "width": 1920,
    "height": 1080,
    "codec": "h264",
    "audio": "aac",
    "bitrate_bps": 4_120_000,
    "last_frame_age_s": 0.04,
    "clock_offset_ms": -3_200,
    "retained_s": 1_051_200.0,
    "floor_s": 2_678_400,
    "ceiling_s": 31_536_000,
    "forecast_s": 5_184_000.0,
    "coverage_24h": 0.99991,
    "unexplained_s": 0.0,
    "gaps_24h": 1,
    "since": "2026-03-01T00:00:05.000Z",
    "findings": [
        {
            "fault": "blurred",
            "since": "2026-03-01T00:08:00.000Z",
            "evidence": "much less sharp than usual by this light",
            "evidence_code": "health.less-sharp",
            "evidence_values": {},
        }
    ],
    "colour": True,
    "sound_db": -41.5,
    "sound_lag_ms": 40,
    "looked": "2026-03-01T00:14:55.000Z",
}
DOOR: Final[dict[str, Any]] = LOBBY | {
    "id": "side-door",
    "name": "側門",
    "state": "down",
    "cause": "unauthorised",
    "reason": str(UNAUTHORISED),
    "reason_code": UNAUTHORISED.code,
    "reason_values": UNAUTHORISED.data,
    "fps": None,
    "width": None,
    "height": None,
    "codec": None,
    "audio": None,
    "bitrate_bps": None,
    "last_frame_age_s": None,
    "clock_offset_ms": None,
    "forecast_s": None,
    "coverage_24h": 0.8125,
    "gaps_24h": 3,
    "findings": [],
    "colour": None,
    "sound_db": None,
    "sound_lag_ms": None,
    "looked": None,
}
VOLUME: Final[dict[str, Any]] = {
    "id": "5d4f0f5e-0d3b-4f6a-9d55-0d6c0c2d9c11",
    "path": "/srv/edged",
    "state": "in-service",
    "reason": "",
    "reason_code": "",
    "reason_values": {},
    "total_bytes": 4_000_000_000_000,
    "free_bytes": 2_650_000_000_000,
    "ring_bytes": 1_234_000_000_000,
    "limit_bytes": 2_000_000_000_000,
    "others_bytes": 61_000_000_000,
    "segments": 23_456,
    "full_in_s": 1_555_200.0,
    "floor_at_risk_in_s": None,
}
NOT_RECORDED: Final = message(
    "alarm.camera-down",
    "Camera {camera} is not recorded: {reason}",
    camera="side-door",
    reason=without_login(sentence(replace(REFUSED, check=NOTHING))),
)
FIRST: Final = message("site.stands-and-do", "{what}. {action}", what=NOT_RECORDED, action=CHECK)
ALARM: Final[dict[str, Any]] = {
    "key": "camera.down:side-door",
    "severity": "critical",
    "state": "raised",
    "since": "2026-03-01T00:10:00.000Z",
    "cleared": None,
    "count": 2,
    **NOT_RECORDED.told,
    "action": str(CHECK),
    "action_code": CHECK.code,
    "action_values": CHECK.data,
    "acknowledged": True,
    "occurrence": "1772323400000:4182",
}
SEGMENT: Final[dict[str, Any]] = {
    "camera": "lobby",
    "seq": 1_041,
    "start": "2026-03-01T00:05:00.120Z",
    "end": "2026-03-01T00:10:00.160Z",
    "volume": "3f2a9c51-0b7e-4d5c-9a67-1f0e8d2b4c63",
    "path": "/srv/edged/lobby/2026-03-01/20260301T000500.120Z-1041.mp4",
    "bytes": 154_501_233,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "state": "committed",
    "pins": [],
    "clock_epoch": 1,
    "camera_offset_ms": -3_200,
    "clock_correction_ms": 3_600_000,
}
GAP: Final[dict[str, Any]] = {
    "camera": "lobby",
    "start": "2026-02-28T23:59:55.000Z",
    "end": "2026-03-01T00:00:05.000Z",
    "cause": "dropped",
    "detail": "RTSP over TCP to 10.0.0.11:554, path /stream1, user viewer: connection reset by peer",
    "detail_code": "session.told.no-check",
    "detail_values": {
        "tried": {
            "text": "RTSP over TCP to 10.0.0.11:554, path /stream1, user viewer",
            "code": "session.tried",
            "values": {
                "way": {"text": "RTSP over TCP", "code": "session.over-tcp", "values": {}},
                "address": "10.0.0.11:554",
                "path": "/stream1",
                "user": "viewer",
            },
        },
        "came_back": {"text": "connection reset by peer", "code": "system.econnreset", "values": {}},
    },
    "clock_correction_ms": None,
    "end_correction_ms": None,
    "pauses": [],
    "beneath": None,
}
STATUS: Final[dict[str, Any]] = {
    "schema": "edged.status/1",
    "verdict": "critical",
    "action": str(FIRST),
    "action_code": FIRST.code,
    "action_values": FIRST.data,
    "node": "wenshan-main",
    "office": "wenshan",
    "name": "文山區戶政事務所 所本部",
    "version": "0.1.0",
    "time": "2026-03-01T01:00:00.000Z",
    "timezone": "Asia/Taipei",
    "started": "2026-02-26T20:00:00.000Z",
    "pid": 812,
    "recovering": False,
    "clock": {"synced": True, "epoch": 1, "boot_id": "d1b0a5c2-6c8e-4c55-8f2e-0f6f6f3a9b10", "uptime_s": 277_260.0},
    "cameras": [LOBBY, DOOR],
    "volumes": [VOLUME],
    "broker": {
        "configured": True,
        "connected": True,
        "address": "10.0.0.2:1883",
        "protocol": "5",
        "reason": "",
        "reason_code": "",
        "reason_values": {},
        "since": "2026-02-26T20:00:01.000Z",
        "waiting": [{"rank": "history", "events": 3, "bytes": 1_310, "oldest": "2026-03-01T00:59:58.000Z"}],
    },
    "load": {
        "busy": 0.31,
        "late_ms": 12,
        "slowest_sync_ms": 21,
        "queued_bytes": 262_144,
        "cameras": 4,
        "carries": 10,
        "excess": [],
    },
    "alarms": [ALARM],
    "maintenance": None,
    "disclosure": {
        "opened": True,
        "shut": False,
        "requests_deciding": 3,
        "requests_supplement": 1,
        "requests_granted": 2,
        "requests_refused": 0,
        "requests_withdrawn": 0,
        "requests_closed": 41,
        "requests_unreadable": 0,
        "overdue": 1,
        "due_soon": 0,
        "not_held": 0,
        "viewing_open": 0,
        "to_erase": 5,
        "requests_open": 6,
        "overdue_by_office": 1,
        "year": 115,
        "year_received": 47,
        "year_deciding": 4,
        "year_granted": 31,
        "year_in_part": 3,
        "year_refused": 5,
        "year_withdrawn": 2,
        "year_referred": 2,
        "year_late": 1,
        "year_viewings": 33,
        "year_copies": 9,
    },
}
CAMERA_RETENTION: Final[dict[str, Any]] = {
    "camera": "lobby",
    "floor_s": 2_678_400,
    "ceiling_s": 31_536_000,
    "retained_s": 1_051_200.0,
    "covered_s": 1_051_080.0,
    "gone_s": 0.0,
    "forecast_s": 5_184_000.0,
    "full_in_s": 1_555_200.0,
    "floor_at_risk_in_s": None,
    "compliant": True,
    "segments": 3_504,
    "bytes": 541_000_000_000,
    "oldest": "2026-02-16T21:00:00.000Z",
    "newest": "2026-03-01T00:10:00.160Z",
}

FSCK: Final[dict[str, Any]] = {
    "schema": "edged.fsck/1",
    "level": "hash",
    "daemon": True,
    "clean": False,
    "findings": [
        {
            "promise": "S4",
            "kind": "content",
            "what": "segment 1041 of lobby: its content is not what was recorded (SHA-256)",
            "where": "/srv/edged/lobby/2026-03-01/20260301T000500.080Z-1041.mp4",
            "action": "find out who changed it; check the disk",
            "where_code": "",
            "where_values": {},
            "what_code": "fsck.of-segment",
            "what_values": {
                "number": 1041,
                "camera": "lobby",
                "what": {
                    "text": "its content is not what was recorded (SHA-256)",
                    "code": "fsck.content",
                    "values": {},
                },
            },
            "action_code": "fsck.content.action",
            "action_values": {},
        },
        {
            "promise": "S4",
            "kind": "counter",
            "what": "its counters say 7 segments, its rows 8",
            "where": "lobby on /srv/edged, floor 31d, ceiling 365d",
            "action": "edgectl rebuild",
            "where_code": "fsck.group",
            "where_values": {"camera": "lobby", "volume": "/srv/edged", "floor_s": 2_678_400, "ceiling_s": 31_536_000},
            "what_code": "",
            "what_values": {},
            "action_code": "",
            "action_values": {},
        },
    ],
    "unlisted": 0,
    "segments": 23_456,
    "files": 23_458,
    "bytes": 1_234_000_000_000,
    "whole_only": 0,
    "took_s": 41_233.5,
}

REBUILD: Final[dict[str, Any]] = {
    "schema": "edged.rebuild/1",
    "daemon": True,
    "complete": False,
    "volumes": ["5d4f0f5e-0d3b-4f6a-9d55-0d6c0c2d9c11"],
    "leaves": 46_912,
    "clashes": 0,
    "unread": 0,
    "directories": 186,
    "adopted": 2,
    "quarantined": 0,
    "missing": 1,
    "gaps": 2,
    "left": ["/srv/edged/lobby/2026-03-01/20260301T000500.080Z-1041.mp4.part: it is still being written"],
    "left_told": [
        {
            "text": "/srv/edged/lobby/2026-03-01/20260301T000500.080Z-1041.mp4.part: it is still being written",
            "code": "rebuild.being-written",
            "values": {"path": "/srv/edged/lobby/2026-03-01/20260301T000500.080Z-1041.mp4.part"},
        }
    ],
    "aside": "/var/lib/edged/edged.db.damaged-20260301T001000.000Z",
    "took_s": 74.25,
}

BOOT: Final[dict[str, Any]] = {
    "number": 1,
    "boot_id": "3f0cbf6e-50f6-4e0c-9d3e-3a4d4f9a6c11",
    "ran_s": 1_051_200.0,
    "drift_s": 12.8,
    "off_low_s": 0.0,
    "off_high_s": None,
    "word": "unproven",
    "attested_s": None,
    "synced_after_s": 41.0,
    "rtc": True,
    "missing": "",
    "missing_code": "",
    "missing_values": {},
}

BOOTS: Final[dict[str, Any]] = {
    "schema": "edged.boots/1",
    "boots": [
        BOOT,
        BOOT
        | {
            "number": 2,
            "boot_id": "ad7c1c3a-8d3b-4a5f-9a6e-0f8e5c7d2b34",
            "ran_s": 86_400.0,
            "drift_s": 1.1,
            "off_low_s": 604_800.0,
            "off_high_s": 788_460.0,
            "word": "sync+rtc",
            "missing": "clocks prove no more than 7 days; two people can attest it: edgectl boots attest 2 --off-for … "
            "--reason …",
            "missing_code": "list.sentences",
            "missing_values": {
                "sentences": [
                    {"text": "clocks prove no more than 7 days", "code": "site.boot.a-week", "values": {}},
                    {
                        "text": "two people can attest it: edgectl boots attest 2 --off-for … --reason …",
                        "code": "site.boot.two-people",
                        "values": {"boot": 2},
                    },
                ],
            },
        },
    ],
}
PIN: Final[dict[str, Any]] = {
    "id": "P-20260301-7F3K",
    "origin": "person",
    "state": "approved",
    "cameras": ["lobby", "side-door"],
    "start": "2026-03-01T00:05:00.000Z",
    "end": "2026-03-01T00:35:00.000Z",
    "case": "115-0042",
    "ground": "investigation",
    "reference": "北市警刑字第1150042號",
    "placer": "chen",
    "approver": "王主任",
    "approved_by": "lin",
    "placed": "2026-03-01T00:50:00.000Z",
    "until": "2026-03-31T00:50:00.000Z",
    "left_s": 2_592_000.0,
    "span_s": 2_592_000.0,
    "segments": 14,
    "bytes": 2_163_000_000,
    "volumes": ["5d4f0f5e-0d3b-4f6a-9d55-0d6c0c2d9c11"],
    "unreachable": [],
    "adopted": False,
    "ended": None,
    "ended_by": None,
    "reason": None,
    "reason_code": "",
    "reason_values": {},
}
PIN_COST: Final[dict[str, Any]] = {
    "segments": 14,
    "bytes": 2_163_000_000,
    "new_bytes": 2_163_000_000,
    "headroom_s": 2_160.5,
    "cameras": [
        {
            "camera": "lobby",
            "start": "2026-03-01T00:05:00.120Z",
            "end": "2026-03-01T00:40:00.080Z",
            "segments": 7,
            "bytes": 1_081_500_000,
            "coming_bytes": 0,
        },
        {
            "camera": "side-door",
            "start": None,
            "end": None,
            "segments": 0,
            "bytes": 0,
            "coming_bytes": 1_081_500_000,
        },
    ],
    "volumes": [
        {
            "volume": "5d4f0f5e-0d3b-4f6a-9d55-0d6c0c2d9c11",
            "path": "/srv/edged",
            "new_bytes": 2_163_000_000,
            "pinned_bytes": 30_000_000_000,
            "limit_bytes": 2_000_000_000_000,
        }
    ],
}
ACT: Final[dict[str, Any]] = {
    "id": "A-7F3K2",
    "verb": "pin-release",
    "sentence": "release pin P-20260301-7F3K, whose footage is then destroyed in its time: the case is closed",
    "asked_by": "chen",
    "asked": "2026-03-20T01:00:00.000Z",
    "until": "2026-03-23T01:00:00.000Z",
    "ended": None,
    "sentence_code": "approval.release-pin",
    "sentence_values": {"pin": "P-20260301-7F3K", "reason": "the case is closed"},
    "ended_code": "",
    "ended_values": {},
}

GENERATION: Final[dict[str, Any]] = {
    "origin": "edged/wenshan-main/7f3k2a1b",
    "first": 1,
    "key": "edged/wenshan-main/7f3k2a1b+0a1b2c3d+AQIDBA==",
    "fingerprint": "5e" * 32,
    "size": 1041,
    "signed": 1041,
    "seen": 1003,
    "checkpoint": "edged/wenshan-main/7f3k2a1b\n1041\nAAAA=\n\n— edged/wenshan-main/7f3k2a1b AAAA\n",
}

COPIED: Final[dict[str, Any]] = {
    "id": "E-20260501-7F3K",
    "state": "finished",
    "cameras": ["lobby"],
    "start": "2026-05-01T00:00:00.000Z",
    "end": "2026-05-01T00:55:00.000Z",
    "whole_segments": False,
    "begun": "2026-05-01T01:00:00.000Z",
    "folder": "wenshan-main-20260501-0900-E-20260501-7F3K",
    "office_request": "115-0007",
}
MANIFEST: Final[dict[str, Any]] = {
    "schema": "edged.manifest/1",
    "export": "E-20260501-7F3K",
    "node": "wenshan-main",
    "office": "wenshan",
    "site": "文山區戶政事務所 所本部",
    "software": "edged 0.2.0",
    "timezone": "Asia/Taipei",
    "created": "2026-05-02T10:12:30.000+08:00",
    "asked": {"from": "2026-05-01T16:00:00.000+08:00", "to": "2026-05-01T16:30:00.000+08:00"},
    "destroy_by": "2026-07-31T10:12:30.000+08:00",
    "who": {"text": "chen", "salt": "5b" * 32},
    "reason": {"text": "偵辦竊盜案", "salt": "a1" * 32},
    "case": {"text": "115-0042", "salt": "0c" * 32},
    "request": None,
    "office_request": "115-0007",
    "office_row": "P-public",
    "key": "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
    "copy": 46_950,
    "checkpoints": [
        {
            "origin": "edged/wenshan-main/4e5f6071",
            "first": 1,
            "size": 46_950,
            "root": "9f" * 32,
            "file": "proof/checkpoint.txt",
        }
    ],
    "clock": [],
    "cameras": [
        {
            "id": "lobby",
            "name": "大廳",
            "from": "2026-05-01T15:59:58.000+08:00",
            "to": "2026-05-01T16:30:00.400+08:00",
            "hashes": "proof/lobby.hashes",
            "headers": "proof/lobby.headers",
            "files": [{"path": "lobby.mp4", "subtitles": "lobby.vtt"}],
            "segments": [
                {
                    "leaf": 45_001,
                    "file": 0,
                    "at": 1_521,
                    "bytes": 81_234_567,
                    "first_part": 597,
                    "last_part": 602,
                    "sequence": -596,
                    "offsets": {"1": -26_820_000, "2": -14_304_000},
                    "first_hash": 0,
                    "header_bytes": 1_480,
                    "original": None,
                }
            ],
            "loose": [],
            "beside": [],
            "gaps": [
                {
                    "leaf": 45_003,
                    "from": "2026-05-01T16:00:00.480+08:00",
                    "to": "2026-05-01T16:30:02.000+08:00",
                    "cause": "power-loss",
                }
            ],
            "destroyed": [
                {"leaf": 46_001, "from": "2026-05-01T15:50:00.000+08:00", "to": "2026-05-01T15:55:00.000+08:00"}
            ],
        }
    ],
    "files": [{"path": "lobby.mp4", "bytes": 81_236_902, "sha256": "3c" * 32}],
}
VERIFY: Final[dict[str, Any]] = {
    "schema": "edged.verify/1",
    "path": "/media/chen/wenshan-main-20260501-1600-E-20260501-7F3K",
    "intact": False,
    "lines": [
        {
            "sign": "x",
            "code": "length",
            "where": {"file": "lobby.mp4", "found": 1_521, "expected": 81_236_902},
            "zh": "lobby.mp4 的長度是 1521 位元組，應為 81236902。",
            "en": "lobby.mp4 has 1521 bytes instead of 81236902.",
        }
    ],
    "limits": [
        {"zh": "其他地方、其他攝影機有沒有拍到什麼。", "en": "That nothing was filmed elsewhere, or by other cameras."}
    ],
}

LEDGER_VERIFY: Final[dict[str, Any]] = {
    "schema": "edged.ledger-verify/1",
    "daemon": True,
    "clean": False,
    "findings": [
        {
            "code": "outside-ahead",
            "where": "the head that was kept outside",
            "what": "it knows 5,000 leaves of edged/wenshan-main/7f3k2a1b, the box has 4,200: an older state was put "
            "back, or leaves were removed",
            "action": "keep this head and the box as they are, and find out who had access to it since",
            "where_code": "ledger.outside",
            "where_values": {},
            "what_code": "ledger.outside-ahead",
            "what_values": {"size": "5,000", "origin": "edged/wenshan-main/7f3k2a1b", "there": "4,200"},
            "action_code": "ledger.outside.action",
            "action_values": {},
        }
    ],
    "unlisted": 0,
    "generations": [
        {
            "origin": "edged/wenshan-main/7f3k2a1b",
            "first": 1,
            "fingerprint": "ab" * 32,
            "entered": {"leaves": 4200, "last": 4200, "at": "2026-03-01T04:00:30.000Z"},
            "signed": {"leaves": 4190, "last": 4190, "at": "2026-03-01T04:00:00.000Z"},
            "vouched": {"leaves": 4190, "last": 4190, "at": "2026-03-01T04:00:00.000Z"},
            "seen": {"leaves": 4000, "last": 4000, "at": "2026-03-01T03:00:00.000Z"},
        }
    ],
    "checkpoint": {
        "origin": "edged/wenshan-main/7f3k2a1b",
        "proven": False,
        "reach": {"leaves": 5000, "last": None, "at": None},
    },
    "leaves": 4200,
    "early": 0,
    "rows": 2100,
    "lines": 4199,
    "volumes": ["/srv/edged"],
    "took_s": 0.3,
}
CLOSED_FINDING: Final[dict[str, Any]] = {
    "id": "W2-E-20260501-7F3K",
    "about": "E-20260501-7F3K",
    "what": ["複製檔 E-20260501-7F3K 不屬於任何核准的申請案"],
    "what_told": [
        {
            "text": "copy E-20260501-7F3K is of no granted request",
            "code": "office.breach.no-request",
            "values": {"export": "E-20260501-7F3K"},
        }
    ],
    "stands": False,
    "closed": "2026-05-02T09:00:00.000Z",
    "leaf": 104000,
}
COMPLIANCE: Final[dict[str, Any]] = {
    "schema": "edged.compliance/1",
    "node": "wenshan-main",
    "office": "wenshan",
    "site": "文山區戶政事務所 所本部",
    "profile": "wenshan-household",
    "body": "臺北市文山區戶政事務所",
    "title": "臺北市文山區戶政事務所錄影監視系統管理作業規定",
    "time": "2026-05-03T08:00:00.000Z",
    "timezone": "Asia/Taipei",
    "software": "edged 0.1.0",
    "counts": {"met": 1, "not_met": 1, "by_hand": 0, "not_built": 1},
    "head": {"origin": "edged/wenshan-main/7f3k2a1b", "size": 104001, "root": "22" * 32, "key": "edged+0a1b2c3d+AeHk"},
    "declaration": "本報告為錄影主機依自身量測所作的自我聲明。",
    "compliance": [
        {
            "id": "W1",
            "article": "第三點第(一)款",
            "text": ["監視系統儲存影像最少需保存1個月，屆滿保存期限後，系統依序由後往前覆蓋已逾保存期限影像。"],
            "basis": "measured",
            "status": "met",
            "whole": False,
            "since": "2026-05-01T00:00:00.000Z",
            "faults": [],
            "evidence": ["大廳（lobby）：已保存 40天（最低 31天）"],
            "faults_told": [],
            "evidence_told": [
                {
                    "text": "大廳 (lobby): kept for 40d (floor 31d)",
                    "code": "clause.of-camera",
                    "values": {
                        "camera": {
                            "text": "大廳 (lobby)",
                            "code": "clause.camera",
                            "values": {"name": "大廳", "camera": "lobby"},
                        },
                        "what": {
                            "text": "kept for 40d (floor 31d)",
                            "code": "clause.kept",
                            "values": {"held_s": 3_456_000.0, "floor_s": 2_678_400},
                        },
                    },
                }
            ],
            "findings": [],
            "by_hand": ["銷毀期限請機關確認。"],
            "not_built": [],
        },
        {
            "id": "W2",
            "article": "第三點第(二)款",
            "text": ["不得任意閱覽。"],
            "basis": "enforced",
            "status": "not-met",
            "whole": False,
            "since": "2026-05-03T07:00:00.000Z",
            "faults": ["/srv/edged/lobby/2026-05-03/a.mp4：權限 0644，其他帳號可存取"],
            "evidence": ["已查核全部 40 個檔案及目錄的擁有者、權限及存取清單"],
            "faults_told": [
                {
                    "text": "/srv/edged/lobby/2026-05-03/a.mp4: mode 0644: other accounts have access",
                    "code": "clause.file-open",
                    "values": {
                        "path": "/srv/edged/lobby/2026-05-03/a.mp4",
                        "why": {
                            "text": "mode 0644: other accounts have access",
                            "code": "host.open-to-all",
                            "values": {"mode": "0644"},
                        },
                    },
                }
            ],
            "evidence_told": [
                {
                    "text": "owner, mode and access list of all 40 files and directories were looked at",
                    "code": "clause.modes",
                    "values": {"count": 40},
                }
            ],
            "findings": [CLOSED_FINDING],
            "by_hand": [],
            "not_built": [],
        },
        {
            "id": "W5",
            "article": "第四點第(一)款第1目",
            "text": ["本所同仁遇有財物遺失。"],
            "basis": "enforced",
            "status": "not-built",
            "whole": False,
            "since": None,
            "faults": [],
            "evidence": [],
            "faults_told": [],
            "evidence_told": [],
            "findings": [],
            "by_hand": [],
            "not_built": ["內部調閱申請表（附件2）及核准流程。"],
        },
    ],
}

PLAN: Final[dict[str, Any]] = {
    "start": "2026-05-01T00:00:00.000Z",
    "end": "2026-05-01T00:55:00.000Z",
    "cut_by": "lobby",
    "cameras": [
        {
            "camera": "lobby",
            "name": "大廳",
            "segments": 11,
            "bytes": 825_000_000,
            "recorded_s": 3_295.0,
            "gaps": 1,
            "destroyed": 0,
            "away": 0,
            "set_aside": 0,
            "due_soon": 2,
        }
    ],
    "gaps": [
        {
            "camera": "lobby",
            "start": "2026-05-01T00:10:00.000Z",
            "end": "2026-05-01T00:10:05.000Z",
            "cause": "dropped",
        }
    ],
    "unaccounted": [],
    "bytes": 842_548_576,
    "destroy_by": "2027-05-01T00:55:00.000Z",
    "volumes": ["/srv/edged"],
}

SAMPLES: Final[dict[type[Document], dict[str, Any]]] = {
    register.Compliance: COMPLIANCE,
    register.ComplianceClose: {
        "schema": "edged.compliance-close/1",
        "finding": CLOSED_FINDING | {"closed": None, "leaf": None},
    },
    exports.Export: {
        "schema": "edged.export/1",
        "export": COPIED,
        "plan": PLAN,
        "folder": "/media/usb/wenshan-main-20260501-0900-E-20260501-7F3K",
        "bytes": 829_431_812,
        "key": "3f" * 32,
        "intact": False,
        "troubles": [
            {
                "camera": "lobby",
                "start": "2026-05-01T08:05:00.000+08:00",
                "file": "original/lobby/20260501T000500.000Z-4712.mp4",
                "what": "its file is not what was recorded: SHA-256 or size differ from its leaf",
                "what_code": "manifest.file-differs",
                "what_values": {},
            }
        ],
    },
    exports.ExportList: {"schema": "edged.export-list/1", "exports": [COPIED]},
    exports.Manifest: MANIFEST,
    exports.Verify: VERIFY,
    documents.Probe: PROBE,
    machine.Doctor: DOCTOR,
    machine.StatusDown: STATUS_DOWN,
    machine.Boots: BOOTS,
    machine.Attest: {
        "schema": "edged.boots-attest/1",
        "act": "A-7KQ2M",
        "sentence": "the box was off for at least 9d3h before boot 2 (moved to the new office); footage recorded "
        "before is that much older for certain, and is destroyed that much earlier",
        "action": "a second person types: edgectl approve A-7KQ2M",
        "sentence_code": "approval.attest",
        "sentence_values": {"off": "9d3h", "boot": "2", "reason": "moved to the new office"},
        "action_code": "approval.second-person",
        "action_values": {"act": "A-7KQ2M"},
    },
    documents.Snapshot: {
        "schema": "edged.snapshot/1",
        "camera": "lobby",
        "path": "/home/chen/lobby.jpg",
        "bytes": 412_345,
        "sha256": "ab" * 32,
        "taken": "2026-03-01T00:15:00.000Z",
        "purpose": "repair",
        "destroy_by": None,
    },
    documents.ReferenceList: {
        "schema": "edged.reference-list/1",
        "references": [
            {"camera": "lobby", "set": "2026-03-01T00:10:00.000Z"},
            {"camera": "side-door", "set": None},
        ],
    },
    documents.ReferenceSet: {
        "schema": "edged.reference-set/1",
        "camera": "lobby",
        "set": "2026-03-01T00:10:00.000Z",
    },
    documents.ReferenceClear: {"schema": "edged.reference-clear/1", "camera": "lobby", "cleared": True},
    machine.VolumeList: {
        "schema": "edged.volume-list/1",
        "volumes": [
            VOLUME | {"takes_next": True},
            VOLUME
            | {
                "id": "0f8fad5b-d9cb-469f-a165-70867728950e",
                "path": "/srv/old",
                "state": "retired",
                "reason": "it is retired: nothing new is recorded there",
                "limit_bytes": 0,
                "takes_next": False,
            },
        ],
    },
    machine.VolumeInit: {
        "schema": "edged.volume-init/1",
        "volume": VOLUME["id"],
        "path": "/srv/edged",
        "configured": False,
        "next": "write it into the configuration as a [[volumes]] table, then: edgectl reload",
        "next_code": "site.volume.write-down",
        "next_values": {},
    },
    machine.VolumeRetire: {
        "schema": "edged.volume-retire/1",
        "volume": VOLUME["id"],
        "path": "/srv/edged",
        "retired": True,
        "empty": False,
        "next": "leave the disk in place until `edgectl volume list` says that it is empty: what it holds goes in time",
        "next_code": "site.volume.wait",
        "next_values": {},
    },
    machine.VolumeReplace: {
        "schema": "edged.volume-replace/1",
        "lost": VOLUME["id"],
        "by": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "path": "/srv/edged",
        "segments": 23_456,
        "below_floor": 8_928,
        "pinned": 0,
        "first": "2026-02-01T00:00:05.000Z",
        "last": "2026-03-01T00:00:05.000Z",
    },
    ledger.Fsck: FSCK,
    ledger.Rebuild: REBUILD,
    documents.Status: STATUS,
    documents.Cameras: {"schema": "edged.cameras/1", "cameras": [LOBBY, DOOR]},
    documents.Segments: {
        "schema": "edged.segments/1",
        "segments": [
            SEGMENT,
            SEGMENT
            | {
                "seq": 1_042,
                "start": "2026-03-01T00:10:00.160Z",
                "end": "2026-03-01T00:15:00.080Z",
                "path": "/srv/edged/lobby/2026-03-01/20260301T001000.160Z-1042.mp4",
            },
            SEGMENT
            | {
                "seq": 1_040,
                "start": "2026-03-01T00:00:00.080Z",
                "end": "2026-03-01T00:05:00.120Z",
                "volume": "b7d1e6f0-5c3a-4e2b-8f94-6a0d9c7e1b25",
                "path": "/srv/edged/lobby/2026-03-01/20260301T000000.080Z-1040.mp4",
                "state": "lost",
            },
        ],
    },
    documents.Gaps: {
        "schema": "edged.gaps/1",
        "gaps": [
            GAP,
            {
                "camera": "side-door",
                "start": "2026-03-01T00:09:50.000Z",
                "end": None,
                "cause": "unauthorised",
                "detail": "401 Unauthorized",
                "detail_code": "",
                "detail_values": {},
                "clock_correction_ms": None,
                "end_correction_ms": None,
                "pauses": [],
                "beneath": None,
            },
            {
                "camera": "yard",
                "start": "2026-03-01T00:05:12.400Z",
                "end": "2026-03-01T00:09:31.000Z",
                "cause": "stalled",
                "detail": "the camera sent no picture and went on. Check the camera's load and its network",
                "detail_code": "session.paused",
                "detail_values": {},
                "clock_correction_ms": None,
                "end_correction_ms": None,
                "pauses": [
                    {"start": "2026-03-01T00:05:12.400Z", "end": "2026-03-01T00:05:15.000Z"},
                    {"start": "2026-03-01T00:07:01.000Z", "end": "2026-03-01T00:07:03.500Z"},
                    {"start": "2026-03-01T00:09:28.000Z", "end": "2026-03-01T00:09:31.000Z"},
                ],
                "beneath": None,
            },
        ],
    },
    documents.Retention: {
        "schema": "edged.retention/1",
        "retention": [
            CAMERA_RETENTION,
            CAMERA_RETENTION | {"camera": "old-gate", "compliant": False, "gone_s": 7200.0, "forecast_s": None},
        ],
        "volumes": [VOLUME],
        "destroyed": 288,
        "last_sweep": "2026-03-01T00:59:58.000Z",
        "waiting": [
            {
                "camera": "old-gate",
                "old_s": 31_536_000,
                "new_s": 7_776_000,
                "left_s": 72_000.0,
                "holds": "2026-03-01T21:00:00.000Z",
            },
        ],
        "overwriting": {"left_s": 72_000.0, "holds": "2026-03-01T21:00:00.000Z"},
        "broken": [
            {
                "camera": "lobby",
                "since": "2026-02-28T12:00:00.000Z",
                "last": "2026-03-01T00:50:00.000Z",
                "segments": 12,
            },
        ],
    },
    site.Explanation: {
        "schema": "edged.explanation/1",
        "segment": "lobby/1041",
        "state": "committed",
        "decision": "keep",
        "reason": "under-floor",
        "sentence": "segment 1041 of lobby stays: it ended 50 min ago and must be kept for 31 d. It may go in "
        "30 d 23 h (2026-04-01 08:10), and goes in 364 d 23 h (2027-03-01 08:05 if the box runs on) at the latest.",
        "sentence_code": "explain.then",
        "sentence_values": {
            "one": {
                "text": "segment 1041 of lobby stays: it ended 50 min ago and must be kept for 31 d.",
                "code": "retention.under-floor",
                "values": {
                    "segment": {
                        "text": "segment 1041 of lobby",
                        "code": "retention.segment",
                        "values": {"number": 1041, "camera": "lobby"},
                    },
                    "end": {"text": "50 min", "code": "span.minutes", "values": {"count": 50}},
                    "floor": {"text": "31 d", "code": "span.days", "values": {"count": 31}},
                },
            },
            "other": {
                "text": "It may go in 30 d 23 h (2026-04-01 08:10), and goes in 364 d 23 h (2027-03-01 08:05 if the "
                "box runs on) at the latest.",
                "code": "explain.may-go",
                "values": {
                    "earliest": {
                        "text": "30 d 23 h",
                        "code": "span.two",
                        "values": {
                            "one": {"text": "30 d", "code": "span.days", "values": {"count": 30}},
                            "other": {"text": "23 h", "code": "span.hours", "values": {"count": 23}},
                        },
                    },
                    "earliest_time": "2026-04-01 08:10",
                    "latest": {
                        "text": "364 d 23 h",
                        "code": "span.two",
                        "values": {
                            "one": {"text": "364 d", "code": "span.days", "values": {"count": 364}},
                            "other": {"text": "23 h", "code": "span.hours", "values": {"count": 23}},
                        },
                    },
                    "latest_time": "2027-03-01 08:05",
                },
            },
        },
        "pins": [],
        "exports": [],
        "held_s": None,
        "held": None,
        "earliest_s": 2_675_400.0,
        "earliest": "2026-04-01T00:10:00.160Z",
        "latest_s": 31_532_700.0,
        "latest": "2027-03-01T00:05:00.120Z",
        "volume_away": False,
    },
    documents.Alarms: {
        "schema": "edged.alarms/1",
        "held": [],
        "alarms": [
            ALARM,
            ALARM
            | {
                "key": "clock.unsynced",
                "severity": "warning",
                "state": "cleared",
                "cleared": "2026-03-01T00:20:00.000Z",
                "count": 1,
                "text": "The clock is not in sync",
                "code": "",
                "values": {},
                "action": "",
                "action_code": "",
                "action_values": {},
                "acknowledged": False,
                "occurrence": "1772323400000:4170",
            },
        ],
    },
    documents.AlarmAck: {"schema": "edged.alarms-ack/1", "alarm": ALARM, "again": False},
    documents.Reload: {
        "schema": "edged.reload/1",
        "added": ["garage"],
        "removed": [],
        "changed": ["side-door"],
        "unchanged": ["lobby"],
        "restart_needed": ["paths"],
        "volumes": {"added": ["/srv/second"], "retired": ["/srv/old"], "left_out": ["/srv/older"]},
        "roles": ["group cctv-tech holds no more the role authority"],
        "roles_told": [
            {
                "text": "group cctv-tech holds no more the role authority",
                "code": "site.holds-no-role",
                "values": {"group": "cctv-tech", "role": "authority"},
            }
        ],
        "warnings": ["group cctv-tech holds the role technician: it waits"],
        "warnings_told": [
            {"text": "group cctv-tech holds the role technician: it waits", "code": "test.told", "values": {}}
        ],
    },
    documents.ConfigCheck: {
        "schema": "edged.config-check/1",
        "ok": False,
        "file": "/etc/edged/edged.toml",
        "problems": [
            {
                "file": "/etc/edged/edged.toml",
                "key": "cameras.lobby.usernam",
                "problem": "is not a key that edged knows",
                "problem_code": "config.unknown-key",
                "problem_values": {},
                "instead": "username (did you mean that?), or leave it out",
                "instead_code": "config.near",
                "instead_values": {"key": "username"},
            }
        ],
        "warnings": [
            {
                "file": "/etc/edged/edged.toml",
                "key": "cameras.lobby.password_file",
                "problem": "everybody on this machine can read /etc/edged/lobby.password",
                "problem_code": "config.secret-open",
                "problem_values": {"path": "/etc/edged/lobby.password"},
                "instead": "chmod o= /etc/edged/lobby.password",
                "instead_code": "",
                "instead_values": {},
            }
        ],
    },
    documents.Version: {
        "schema": "edged.version/1",
        "version": "0.1.0",
        "python": "3.11.2",
        "av": "18.1.0",
        "ffmpeg": "8.1.2",
        "sqlite": "3.40.1",
        "reader": "compiled",
    },
    pins.PinAdd: {"schema": "edged.pin-add/1", "pin": PIN, "cost": PIN_COST},
    pins.PinList: {
        "schema": "edged.pin-list/1",
        "pins": [
            PIN,
            PIN
            | {
                "id": "P-20260210-8KMD",
                "unreachable": [
                    {
                        "volume": "0f8fad5b-d9cb-469f-a165-70867728950e",
                        "path": "/srv/old",
                        "state": "away",
                        "segments": 3,
                        "bytes": 463_500_000,
                    },
                    {
                        "volume": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                        "path": "/srv/edged-b",
                        "state": "lost",
                        "segments": 1,
                        "bytes": 154_500_000,
                    },
                ],
            },
            PIN
            | {
                "id": "P-20260120-2QXB",
                "state": "released",
                "ground": "internal",
                "reference": "",
                "until": None,
                "left_s": 0.0,
                "ended": "2026-02-02T03:00:00.000Z",
                "ended_by": "chen, lin",
                "reason": "it was somebody else",
            },
        ],
    },
    ledger.Ledger: {
        "schema": "edged.ledger/1",
        "ledger": [
            {
                "number": 1042,
                "kind": "act",
                "at": "2026-05-01T00:00:00.000Z",
                "text": "chen as auditor: ledger done",
                "code": "leaf.act",
                "values": {
                    "who": "chen",
                    "role": {"text": "auditor", "code": "role.auditor", "values": {}},
                    "verb": "ledger",
                    "about": "",
                    "result": {"text": "done", "code": "leaf.result.done", "values": {}},
                    "of": "",
                    "calls": "",
                },
                "body": {"result": "done", "role": "auditor", "verb": "ledger", "who": "ab" * 32},
                "openings": {"who": "chen"},
                "hash": "cd" * 32,
                "generation": "edged/wenshan-main/7f3k2a1b",
                "signed": False,
                "seen": False,
            }
        ],
        "generations": [GENERATION],
        "checked": {"at": "2026-05-01T00:00:00.000Z", "leaves": 1042, "took_s": 0.5, "findings": 0},
    },
    ledger.LedgerRenew: {
        "schema": "edged.ledger-renew/1",
        "act": ACT | {"verb": "ledger-renew"},
    },
    ledger.LedgerVerify: LEDGER_VERIFY,
    tickets.Faults: FAULTS,
    tickets.FaultsShow: FAULTS_SHOW,
    tickets.FaultsStep: FAULTS_STEP,
    tickets.Maintenance: MAINTENANCE,
    tickets.MaintenanceStart: MAINTENANCE_START,
    tickets.MaintenanceEnd: MAINTENANCE_END,
    register.Destroyed: DESTROYED,
    register.ProofOfRetention: PROOF,
    register.Statement: STATEMENT,
    pins.PinApprove: {"schema": "edged.pin-approve/1", "pin": PIN},
    pins.PinExtend: {"schema": "edged.pin-extend/1", "act": ACT | {"verb": "pin-extend"}},
    pins.PinRelease: {"schema": "edged.pin-release/1", "act": ACT},
    pins.Approve: {
        "schema": "edged.approve/1",
        "done": ACT,
        "outcome": "",
        "outcome_code": "",
        "outcome_values": {},
        "acts": [ACT | {"id": "A-9QWEX"}],
        "ended": [ACT | {"id": "A-3MPTK", "ended": "pin P-20260301-7F3K was released"}],
    },
    documents.Error: {
        "schema": "edged.error/1",
        "error": "there is no camera garage",
        "action": "known are: lobby, side-door",
        "exit": 64,
        "error_code": "api.no-cameras",
        "error_values": {"cameras": ["garage"]},
        "action_code": "api.known-are",
        "action_values": {"names": ["lobby", "side-door"]},
    },
    office.RequestShow: samples_office.SHOWN,
    office.RequestList: samples_office.LISTED,
    office.Procedures: samples_office.PROCEDURES,
    office.Scanned: samples_office.SCANNED,
    office.RequestPrint: samples_office.PRINTED,
    office.RequestView: samples_office.VIEW,
    office.RequestCopy: {
        "schema": "edged.request-copy/1",
        "request": samples_office.REQUEST,
        "export": COPIED,
        "plan": PLAN,
        "pin": PIN
        | {
            "origin": "request",
            "state": "approved",
            "case": "115-0042",
            "ground": "internal",
            "reference": "",
            "approved_by": "wang",
        },
    },
    registers.RequestRegister: samples_registers.REQUESTS,
    registers.ViewingRegister: samples_registers.VIEWINGS,
    registers.CopyRegister: samples_registers.COPIES,
    registers.YearRegister: samples_registers.YEAR,
    office.ShownLook: samples_office.LOOK,
    office.PersonList: samples_office.PERSONS,
    office.PersonAdd: {"schema": "edged.person-add/1", "person": 6},
    office.PersonTie: {"schema": "edged.person-tie/1", "act": ACT | {"verb": "person-tie"}},
    office.PostList: samples_office.POSTS,
    office.PostHold: {"schema": "edged.post-hold/1", "act": ACT | {"verb": "post-hold"}},
    office.PostDeputise: {"schema": "edged.post-deputise/1", "act": ACT | {"verb": "post-deputise"}},
    office.RequestExpire: {"schema": "edged.request-expire/1", "act": ACT | {"verb": "request-expire"}},
    office.OfficeOpen: {"schema": "edged.office-open/1", "act": ACT | {"verb": "office-open"}},
    leaks.LeakList: samples_leaks.LIST,
    leaks.LeakShow: samples_leaks.SHOW,
    leaks.LeakStep: samples_leaks.STEP,
}
