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
        {"kind": "video", "codec": "H264", "clock_rate": 90000, "channels": 1, "recorded": True, "reason": ""},
        {
            "kind": "audio",
            "codec": "G726-32",
            "clock_rate": 8000,
            "channels": 1,
            "recorded": False,
            "reason": "sound codec G726-32 cannot be kept",
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
}

DOCTOR: Final[dict[str, Any]] = {
    "schema": "edged.doctor/1",
    "verdict": "warn",
    "daemon": True,
    "checks": [
        {"name": "daemon", "result": "ok", "said": "it runs, and all is well (edgectl status)", "action": ""},
        {
            "name": "disk sda",
            "result": "warn",
            "said": "sda (ST4000VX016): 8 sectors were replaced",
            "action": "watch whether that grows; have a disk ready",
        },
    ],
    "took_s": 2.4,
}

STATUS_DOWN: Final[dict[str, Any]] = {
    "schema": "edged.status-down/1",
    "error": "edged hung, and the watchdog killed it",
    "action": "systemctl start edged; journalctl -u edged -n 50",
    "exit": 69,
    "cause": "watchdog",
    "since": "2026-03-01T00:00:04.000Z",
    "last_alive": "2026-02-28T23:59:31.000Z",
    "evidence": ["volume away: /srv/edged-b"],
    "unseen": [],
}
