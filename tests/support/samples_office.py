"""Samples of what the office tells: requests at a police station, persons and posts."""

from __future__ import annotations

from typing import Any, Final

from edged.cli.formatting import counted_segments
from storage.words.message import Message, message


def told(words: Message) -> dict[str, Any]:
    return dict(words.told)


def _field(name: str, words: str, value: str = "", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "words": words,
        "under": "",
        "phase": "application",
        "kind": "text",
        "choices": [],
        "open_choice": "",
        "required": True,
        "applies": True,
        "when_field": "",
        "when": "",
        "hint": None,
        "value": value,
        **more,
    }


def _who(person: int, name: str) -> dict[str, Any]:
    return {"person": person, "name": name}


LI, CHANG, WANG, CHEN = _who(1, "李雅婷"), _who(2, "張志豪"), _who(3, "王國華"), _who(4, "陳淑芬")
SIGNED: Final[dict[str, Any]] = {
    "by": LI,
    "post": "專責人員",
    "unit": "",
    "door": "login",
    "deputy": False,
    "day": None,
    "entered_by": None,
    "scan": None,
}


def _step(post: str, kind: str, *signed: dict[str, Any], unit: str = "office") -> dict[str, Any]:
    return {"post": post, "kind": kind, "unit": unit, "signed": list(signed), "lacking": [] if signed else [""]}


def _check(name: str, words: str, outcome: str | None, document: str = "", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "words": words,
        "outcomes": ["符合", "不符"],
        "named": ["符合"],
        "applies": True,
        "outcome": outcome,
        "document": document,
        "by": LI if outcome else None,
        **more,
    }


LOBBY: Final[dict[str, Any]] = {
    "camera": "lobby",
    "start": "2026-11-20T06:00:00.000Z",
    "end": "2026-11-20T07:30:00.000Z",
}
DOOR: Final[dict[str, Any]] = LOBBY | {"camera": "side-door"}
INTERVAL: Final = Message("115-11-20 14:00 ~ 15:30")
FIELDS: Final[list[dict[str, Any]]] = [
    _field("applied-on", "申請日期", "115-11-25", kind="date"),
    _field("applicant", "姓名", "林美惠", under="申請人"),
    _field("applicant-id", "身分證字號", "A123456780", under="申請人", kind="person-id"),
    _field("phone", "聯絡電話", "", under="申請人", kind="phone"),
    _field("applied-by", "申請方式", "自行申請", kind="choice", choices=["自行申請", "委託他人辦理"]),
    _field("agent", "代理人姓名", applies=False, when_field="applied-by", when="委託他人辦理"),
    _field("reason", "具體事由", "機車停放於側門旁遭擦撞，車牌號碼與時間如附單。\n已向派出所報案。"),
    _field("purpose", "用途", "民事求償", kind="choices", choices=["民事求償", "刑事告訴", "其他"], open_choice="其他"),
    _field("cameras", "鏡頭位置", "大廳、側門", kind="cameras"),
    _field("interval", "錄影時段", "115-11-20 14:00 ~ 15:30", kind="interval", hint=told(INTERVAL)),
    _field("wanted", "申請項目", "調閱、複製", kind="choices", choices=["調閱", "複製"]),
    _field("handling", "辦理情形", phase="afterwards"),
]
UNHELD: Final = message("pin.too-many", "{limit} pins last already", limit=1000)
DEADLINE: Final[dict[str, Any]] = {"what": told(Message("函復")), "day": "2026-12-10", "left_days": 2}
LINE: Final[dict[str, Any]] = {
    "number": "115-0042",
    "own": True,
    "row": "P-public",
    "words": "民眾",
    "received": "2026-11-25",
    "status": "granted",
    "version": 17,
    "next": "",
    "deadline": DEADLINE,
    "erased": False,
    "to_erase": False,
    "unreadable": None,
}
CLOSE: Final = message("office.todo.close", "when all is done, close it (request close)")
REPLY: Final = message("office.todo.reply", "answer whoever asked (request print --paper reply, request reply)")
COPY: Final[dict[str, Any]] = {
    "id": "E-20261201-9QWE",
    "secrecy": None,
    "declassify": "",
    "receipt": {
        "day": "2026-12-02",
        "receiver": "林美惠",
        "identity": "身分證",
        "medium": "光碟一片",
        "fee": 120,
        "fingerprint": "9f" * 32,
    },
    "kept": True,
    "ours": None,
    "handed_out": None,
}
REQUEST: Final[dict[str, Any]] = LINE | {
    "timezone": "Asia/Taipei",
    "synchronised": True,
    "clauses": ["P7", "P11", "P12", "P8"],
    "asked": [LOBBY, DOOR],
    "uses": ["view", "copy"],
    "may": ["view", "copy"],
    "instead": "",
    "applicant": None,
    "granted": ["view", "copy"],
    "scope": [DOOR | {"end": "2026-11-20T06:40:00.000Z"}],
    "chain": [
        _step(
            "申請人",
            "apply",
            SIGNED
            | {"by": _who(0, ""), "post": "申請人", "door": "paper", "day": "2026-11-25", "entered_by": LI, "scan": 1},
        ),
        _step("專責人員", "receive", SIGNED),
        _step("審核人員", "sign", SIGNED | {"by": CHANG, "post": "審核人員", "deputy": True}, unit="managing"),
        _step(
            "分局長",
            "decide",
            SIGNED | {"by": WANG, "post": "分局長", "door": "paper", "day": "2026-11-27", "entered_by": LI, "scan": 2},
        ),
    ],
    "keeping": [],
    "checks": [
        _check("identity", "身分證明文件", "符合", "國民身分證正本"),
        _check("interest", "主張或維護其法律上利益", "符合", "民法第184條"),
        _check("police-law", "警察職權行使法", "不適用", outcomes=["符合", "不適用", "不符"], named=[]),
        _check("mandate", "委任關係", None, applies=False),
        _check(
            "third-persons",
            "第三人影像",
            "已縮小",
            outcomes=["無", "已縮小", "已遮蔽", "依法得提供"],
            named=["依法得提供"],
        ),
    ],
    "fields": FIELDS,
    "nameless": False,
    "private": False,
    "held": [LOBBY | {"pin": "P-20261125-7F3K", "why_not": None}, DOOR | {"pin": None, "why_not": told(UNHELD)}],
    "deadlines": [DEADLINE, {"what": told(Message("約定時間")), "day": "2026-12-11", "left_days": 3}],
    "viewings": [
        {
            "day": "2026-12-01",
            "state": "cut",
            "operator": LI,
            "companion": CHEN,
            "present": "林美惠",
        },
        {"day": "2026-12-01", "state": "ended", "operator": LI, "companion": CHEN, "present": "林美惠、林志明"},
    ],
    "appointed": "2026-12-01T06:00:00.000Z",
    "companion": "專責人員",
    "paper_unseen": False,
    "word_pending": False,
    "kept": False,
    "made": ["E-20261201-9QWE"],
    "copies": [COPY],
    "entries": [],
    "filed_as": "",
    "replied": None,
    "letter": "",
    "delivery": None,
    "reasons": ["聯絡電話漏填，請補正", "大廳畫面與事由無關，僅准側門"],
    "todo": [told(REPLY), told(CLOSE)],
}
SHOWN: Final[dict[str, Any]] = {
    "schema": "edged.request-show/1",
    "request": REQUEST,
    "remarks": [
        {
            "field": "applicant-id",
            "words": "身分證字號",
            "told": told(
                message("office.number.check", "its check digit does not fit: a digit is wrong, or two were swapped")
            ),
        }
    ],
    "slip": [
        told(
            message(
                "office.slip",
                "received under number {number} on {day_on}",
                number="115-0042",
                day_on="2026-11-25",
            )
        ),
        told(message("office.slip.unheld", "camera {camera} is not held: {why}", camera="side-door", why=UNHELD)),
    ],
}
LISTED: Final[dict[str, Any]] = {
    "schema": "edged.request-list/1",
    "timezone": "Asia/Taipei",
    "requests": [
        LINE
        | {
            "number": "115-0007",
            "row": "P-police",
            "words": "警察人員",
            "received": "2026-03-02",
            "status": "unreadable",
            "deadline": None,
            "unreadable": told(
                message("office.no-row", "there is no procedure {row}; there are: {rows}", row="P-x", rows=["P-public"])
            ),
        },
        LINE
        | {
            "number": "115-0039",
            "status": "supplement",
            "deadline": DEADLINE | {"day": "2026-12-01", "left_days": -7},
        },
        LINE
        | {
            "number": "115-0041",
            "row": "P-agency",
            "words": "公務機關(構)",
            "status": "deciding",
            "next": "監錄系統管理單位",
            "deadline": None,
            "own": False,
        },
        LINE,
        LINE
        | {
            "number": "115-0043",
            "row": "P-police",
            "words": "警察人員",
            "status": "closed",
            "deadline": None,
            "erased": True,
            "to_erase": False,
        },
    ],
    "open": False,
}
PROCEDURES: Final[dict[str, Any]] = {
    "schema": "edged.procedures/1",
    "procedures": [
        {
            "row": "P-public",
            "form": "附表一",
            "words": "民眾",
            "may": ["view", "copy"],
            "instead": "",
            "notes": [],
            "by_word": False,
            "staff": False,
            "fields": [one | {"value": ""} for one in FIELDS],
        }
    ],
}
FILES: Final[list[dict[str, Any]]] = [
    DOOR
    | {
        "end": "2026-11-20T06:40:00.000Z",
        "path": "/run/edged/viewing/115-0042/side-door-20261120T140000.mp4",
        "bytes": 1_236_000_000,
    }
]
GONE: Final = message(
    "export.caution.away", "{segments} cannot be copied: the volume is not there", segments=counted_segments(1)
)
DIRECTORY: Final = "/run/edged/viewing/115-0042"
VIEW: Final[dict[str, Any]] = {
    "schema": "edged.request-view/1",
    "request": REQUEST,
    "directory": DIRECTORY,
    "files": FILES,
    "lacking": [told(GONE)],
}
LOOK: Final[dict[str, Any]] = {
    "schema": "edged.look/1",
    "directory": "/run/edged/looks/1",
    "until": "2026-11-25T10:00:00.000Z",
    "files": FILES,
    "lacking": [told(GONE)],
}
SCANNED: Final[dict[str, Any]] = {
    "schema": "edged.request-scan/1",
    "number": "115-0042",
    "scan": 2,
    "bytes": 1_204_331,
}
PRINTED: Final[dict[str, Any]] = {
    "schema": "edged.request-print/1",
    "number": "115-0042",
    "paper": "form",
    "path": "/home/chen/115-0042-form.html",
    "bytes": 12_904,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "remark": None,
}
PERSONS: Final[dict[str, Any]] = {
    "schema": "edged.person-list/1",
    "persons": [
        {
            "number": 1,
            "name": "李雅婷",
            "unit": "行政組",
            "account": "li",
            "left": False,
            "posts": ["專責人員"],
        },
        {"number": 2, "name": "張志豪", "unit": "行政組", "account": "chang", "left": False, "posts": []},
        {"number": 3, "name": "王國華", "unit": "", "account": None, "left": False, "posts": ["分局長"]},
        {"number": 4, "name": "", "unit": "督察組", "account": "chen", "left": False, "posts": ["審核人員"]},
        {"number": 5, "name": "周文彬", "unit": "督察組", "account": None, "left": True, "posts": []},
    ],
}
POSTS: Final[dict[str, Any]] = {
    "schema": "edged.post-list/1",
    "timezone": "Asia/Taipei",
    "words": {"P-agency": "公務機關(構)", "P-police": "警察人員", "P-public": "民眾"},
    "posts": [
        {
            "post": "專責人員",
            "unit": "",
            "rows": ["P-agency", "P-police", "P-public"],
            "holders": [{"person": 1, "deputy_of": None, "start": None, "end": None, "signs": True}],
        },
        {
            "post": "審核人員",
            "unit": "",
            "rows": ["P-police", "P-public"],
            "holders": [
                {"person": 4, "deputy_of": None, "start": None, "end": None, "signs": False},
                {
                    "person": 2,
                    "deputy_of": 4,
                    "start": "2026-11-24T00:00:00.000Z",
                    "end": "2026-12-04T16:00:00.000Z",
                    "signs": True,
                },
            ],
        },
        {"post": "機關首長", "unit": "", "rows": ["P-agency"], "holders": []},
    ],
    "lacking": [
        told(message("office.nobody-holds", "{row}: nobody holds the post {post}", row="P-agency", post="機關首長"))
    ],
}
