"""Samples of documents about cameras that are not recorded, and about the machine."""

from __future__ import annotations

from typing import Any, Final

PROBE: Final[dict[str, Any]] = {
    "schema": "edged.probe/1",
    "recordable": True,
    "url": "rtsp://10.0.0.11/stream1",
    "cause": "",
    "tried": "RTSP over TCP to 10.0.0.11:554, path /stream1, user viewer",
    "came_back": "",
    "check": "",
    "transport": "tcp",
    "certificate": "",
    "trusted": True,
    "tracks": [
        {
            "kind": "video",
            "codec": "H264",
            "clock_rate": 90000,
            "channels": 1,
            "recorded": True,
            "reason": "",
            "reason_code": "",
            "reason_values": {},
        },
        {
            "kind": "audio",
            "codec": "G726-32",
            "clock_rate": 8000,
            "channels": 1,
            "recorded": False,
            "reason": "sound codec G726-32 cannot be kept",
            "reason_code": "stream.sound-codec",
            "reason_values": {"codec": "G726-32"},
        },
    ],
    "picture": {
        "codec": "h264",
        "width": 1920,
        "height": 1080,
        "fps": 15.0,
        "steady": True,
        "key_interval_s": 2.0,
        "bitrate_bps": 2100000,
        "b_frames": False,
    },
    "sound": None,
    "clock_reports": 2,
    "clock_offset_ms": -120,
    "measured_s": 9.1,
    "remarks": ["sound codec G726-32 cannot be kept: recorded without sound; AAC and G.711 can be kept"],
    "other_urls": [],
    "configuration": '[[cameras]]\nid = "cam-10-0-0-11-1"\nurl = "rtsp://10.0.0.11/stream1"\n',
    "took_s": 10.2,
    "tried_code": "session.tried",
    "tried_values": {
        "way": {"text": "RTSP over TCP", "code": "session.over-tcp", "values": {}},
        "address": "10.0.0.11:554",
        "path": "/stream1",
        "user": "viewer",
    },
    "came_back_code": "",
    "came_back_values": {},
    "check_code": "",
    "check_values": {},
    "remarks_told": [
        {
            "text": "sound codec G726-32 cannot be kept: recorded without sound; AAC and G.711 can be kept",
            "code": "stream.no-sound",
            "values": {
                "why": {
                    "text": "sound codec G726-32 cannot be kept",
                    "code": "stream.sound-codec",
                    "values": {"codec": "G726-32"},
                }
            },
        }
    ],
}

DOCTOR: Final[dict[str, Any]] = {
    "schema": "edged.doctor/1",
    "verdict": "warn",
    "daemon": True,
    "checks": [
        {
            "name": "daemon",
            "result": "ok",
            "said": "it runs, and all is well (edgectl status)",
            "said_code": "doctor.daemon.well",
            "said_values": {},
            "action": "",
            "action_code": "",
            "action_values": {},
        },
        {
            "name": "disk sda",
            "result": "warn",
            "said": "sda (ST4000VX016): 8 sectors were replaced",
            "said_code": "doctor.disk",
            "said_values": {
                "disk": "sda (ST4000VX016)",
                "what": {
                    "text": "8 sectors were replaced",
                    "code": "doctor.disk.reallocated",
                    "values": {"count": 8},
                },
            },
            "action": "watch whether that grows; have a disk ready",
            "action_code": "doctor.disk.reallocated.action",
            "action_values": {},
        },
    ],
    "took_s": 2.4,
}

STATUS_DOWN: Final[dict[str, Any]] = {
    "schema": "edged.status-down/1",
    "error": "edged hung, and the watchdog killed it",
    "error_code": "doctor.down.watchdog",
    "error_values": {},
    "action": "systemctl start edged; journalctl -u edged -n 50",
    "action_code": "",
    "action_values": {},
    "exit": 69,
    "cause": "watchdog",
    "since": "2026-03-01T00:00:04.000Z",
    "last_alive": "2026-02-28T23:59:31.000Z",
    "evidence": ["volume away: /srv/edged-b"],
    "unseen": [],
}
