"""Samples of leak cases: footage of a duty desk that a newspaper has shown."""

from __future__ import annotations

from typing import Any, Final

from tests.support.samples_office import CHEN, LI

PART: Final = {"camera": "side-door", "start": "2026-11-20T06:00:00.000Z", "end": "2026-11-20T06:10:00.000Z"}
OPEN: Final[dict[str, Any]] = {
    "id": "L-115-0002",
    "status": "open",
    "day": "2026-11-24",
    "synchronised": False,
    "scope": [PART, PART | {"camera": "lobby"}],
    "request": "115-0042",
    "copy_id": "E-20261121-7F3K",
    "letter": "",
    "opened": "2026-11-24T02:00:00.000Z",
    "reports": [],
    "closed": None,
    "touches": ["115-0031", "115-0042"],
}
REPORTED: Final = OPEN | {
    "id": "L-115-0001",
    "status": "reported",
    "synchronised": True,
    "request": "",
    "copy_id": "",
    "letter": "北市警安分督字第1150001號",
    "reports": [
        {"to": "ethics", "day": "2026-11-24", "letter": "北市警安分字第1150007號"},
        {"to": "inspectors", "day": "2026-11-25", "letter": "北市警安分字第1150008號"},
    ],
}
LEFT: Final[dict[str, Any]] = {
    "id": "E-20261121-7F3K",
    "viewed": False,
    "request": "115-0042",
    "row": "P-public",
    "begun": "2026-11-21T03:00:00.000Z",
    "state": "finished",
    "parts": [PART],
    "who": "li",
    "why": "P-public P7",
    "operator": None,
    "companion": None,
    "present": "",
    "gone": False,
    "copy_state": {
        "id": "E-20261121-7F3K",
        "secrecy": None,
        "declassify": "",
        "receipt": {
            "day": "2026-11-21",
            "receiver": "林美惠",
            "identity": "身分證",
            "medium": "光碟",
            "fee": 100,
            "fingerprint": "0" * 64,
        },
        "kept": True,
        "ours": None,
        "handed_out": "returned",
    },
}
VIEWED: Final = LEFT | {
    "id": "E-20261120-9QXM",
    "viewed": True,
    "request": "115-0031",
    "row": "P-police",
    "who": "",
    "why": "",
    "operator": LI,
    "companion": CHEN,
    "present": "林美惠",
    "gone": True,
    "copy_state": None,
}
LOOKED: Final = VIEWED | {
    "id": "E-20261120-4ZKW",
    "request": "",
    "row": "inspection",
    "who": "li",
    "operator": None,
    "companion": None,
    "present": "",
    "gone": False,
}
EXPORTED: Final = LEFT | {
    "id": "E-20261120-2BBT",
    "request": "",
    "row": "",
    "state": "abandoned",
    "who": "wang",
    "why": "刑案偵辦",
    "copy_state": None,
}
UNSIGNED: Final = LEFT | {
    "id": "E-20261122-5TTV",
    "why": "",
    "copy_state": LEFT["copy_state"] | {"receipt": None, "kept": True, "ours": "destroyed", "handed_out": None},
}
LIST: Final[dict[str, Any]] = {
    "schema": "edged.leak-list/1",
    "leaks": [REPORTED, OPEN],
    "timezone": "Asia/Taipei",
}
SHOW: Final[dict[str, Any]] = {
    "schema": "edged.leak-show/1",
    "leak": OPEN,
    "holding": [VIEWED, LOOKED, EXPORTED, LEFT, UNSIGNED],
    "timezone": "Asia/Taipei",
}
STEP: Final[dict[str, Any]] = {"schema": "edged.leak-step/1", "leak": REPORTED}
