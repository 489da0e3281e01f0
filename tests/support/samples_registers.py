"""Samples of the registers of an office, of a police station in November."""

from __future__ import annotations

from typing import Any, Final

from storage.words.message import message
from tests.support.samples_office import CHANG, LI, SIGNED, told

_PART: Final = {
    "camera": "lobby",
    "start": "2026-11-24T06:00:00.000Z",
    "end": "2026-11-24T06:30:00.000Z",
    "name": "大廳",
}
_HEAD: Final[dict[str, Any]] = {
    "office": "臺北市政府警察局",
    "box": "wenshan-main",
    "start": "2026-11-01",
    "end": "2026-11-30",
    "printed": "2026-11-30T08:00:00.000Z",
    "timezone": "Asia/Taipei",
    "head": {"origin": "edged/wenshan/6e3f5d4e", "size": 4711, "root": "3f" * 32},
    "unreadable": [
        {
            "number": "115-0007",
            "row": "P-x",
            "received": "2026-11-02",
            "why": told(
                message("office.no-row", "there is no procedure {row}; there are: {rows}", row="P-x", rows=["P-public"])
            ),
            "leaves": [311],
        }
    ],
}
_OF: Final[dict[str, Any]] = {
    "number": "115-0042",
    "row": "P-public",
    "words": "民眾",
    "applicant": "林小明",
    "withheld": "",
    "leaves": [402, 403, 409],
}
_REQUEST: Final[dict[str, Any]] = _OF | {
    "own": True,
    "received": "2026-11-25",
    "asked": [_PART],
    "uses": ["copy", "view"],
    "outcome": "in-part",
    "granted": ["view"],
    "scope": [_PART],
    "decided": "2026-11-26",
    "replied": "2026-11-26",
    "letter": "北市警文字第1150042號",
    "delivery": "mail",
    "days": 1,
    "last": "2026-12-10",
    "viewings": 1,
    "copies": 0,
    "closed": None,
    "filed_as": "",
    "marks": ["in-part", "deputised"],
}
_ERASED: Final[dict[str, Any]] = _REQUEST | {
    "number": "115-0043",
    "applicant": "",
    "withheld": "erased",
    "own": False,
    "closed": "2026-11-28",
    "filed_as": "115/0301/1",
    "outcome": "granted",
    "marks": ["late"],
}
REQUESTS: Final[dict[str, Any]] = {
    "schema": "edged.register-requests/1",
    "title": "臺北市政府警察局監視錄影調閱申請案登記簿",
    **_HEAD,
    "rows": [_REQUEST, _ERASED],
}
_VIEWED: Final[dict[str, Any]] = _OF | {
    "entry": 14,
    "day": "2026-11-26",
    "start": "2026-11-26T02:00:00.000Z",
    "end": "2026-11-26T02:25:00.000Z",
    "purpose": None,
    "subject": "遺失皮夾",
    "use": "view",
    "parts": [_PART],
    "state": "ended",
    "present": "林小明",
    "operator": LI,
    "account": "",
    "companion": CHANG,
    "made": "",
    "fingerprint": "",
    "medium": "",
    "receiver": "",
    "signed": [SIGNED | {"post": "管理人員"}],
    "lacking": ["主管"],
}
_COPIED: Final[dict[str, Any]] = _VIEWED | {
    "entry": None,
    "end": None,
    "use": "copy",
    "state": None,
    "present": "",
    "operator": None,
    "companion": None,
    "made": "E-20261126-7KQ2",
    "fingerprint": "9c" * 32,
    "medium": "光碟",
    "receiver": "林小明",
    "signed": [],
    "lacking": [],
}
_LOOKED: Final[dict[str, Any]] = _VIEWED | {
    "number": "",
    "row": "",
    "words": "",
    "applicant": "",
    "entry": None,
    "purpose": "inspection",
    "subject": "",
    "state": None,
    "present": "",
    "operator": None,
    "account": "chen",
    "companion": None,
    "signed": [],
    "lacking": [],
}
VIEWINGS: Final[dict[str, Any]] = {
    "schema": "edged.register-viewings/1",
    "title": "臺北市政府警察局監視錄影調閱複製紀錄（自訂格式）",
    **_HEAD,
    "columns": ["日期", "時間", "申請人", "案由", "應用情形"],
    "posts": ["管理人員", "主管"],
    "rows": [_VIEWED, _COPIED, _LOOKED],
}
_COPY: Final[dict[str, Any]] = _OF | {
    "copy_id": "E-20261126-7KQ2",
    "made": "2026-11-26T03:00:00.000Z",
    "parts": [_PART],
    "secrecy": "密",
    "declassify": "本案結案後解密",
    "handed": "2026-11-27",
    "receiver": "林小明",
    "identity": "身分證",
    "medium": "光碟",
    "fee": 100,
    "fingerprint": "9c" * 32,
    "destroy_by": "2026-12-26T03:00:00.000Z",
    "kept": True,
    "ours": "destroyed",
    "ours_on": "2026-11-29",
    "handed_out": None,
    "handed_out_on": None,
}
COPIES: Final[dict[str, Any]] = {
    "schema": "edged.register-copies/1",
    "title": "臺北市政府警察局監視錄影複製檔登記簿",
    **_HEAD,
    "rows": [
        _COPY,
        _COPY | {"handed": None, "receiver": "", "fee": None, "kept": False, "ours": None, "ours_on": None},
    ],
}
YEAR: Final[dict[str, Any]] = {
    "schema": "edged.register-year/1",
    "title": "臺北市政府警察局115年監視錄影調閱申請案清冊",
    **_HEAD,
    "start": "2026-01-01",
    "end": "2026-12-31",
    "year": 115,
    "counts": {
        "received": 3,
        "deciding": 0,
        "granted": 1,
        "in_part": 1,
        "refused": 0,
        "withdrawn": 0,
        "referred": 0,
        "unreadable": 1,
        "open": 1,
        "overdue": 0,
        "late": 1,
        "viewings": 1,
        "copies": 1,
    },
    "months": [
        {
            "month": 11,
            "applicant": "public",
            "outcome": "granted",
            "requests": 1,
            "median_days": 1.5,
            "longest_days": 2,
        },
        {
            "month": 11,
            "applicant": "public",
            "outcome": "in-part",
            "requests": 1,
            "median_days": None,
            "longest_days": None,
        },
    ],
    "marked": [{"mark": "in-part", "numbers": ["115-0042"]}, {"mark": "late", "numbers": ["115-0043"]}],
    "rows": [_REQUEST, _ERASED],
}
