#!/usr/bin/env python3
"""檢查匯出的監視錄影資料夾。Checks a folder of exported camera footage: is it the original, is it whole?

    python3 verify.py [FOLDER] [--key FINGERPRINT or FILE] [--lang zh|en] [--json]

It needs only this file, Python 3.9 or later, and the library `cryptography` (38 or later); it reads the folder, writes
nothing and asks no network. Exit code: 0 nothing wrong was found, 1 something was, 64 it was called wrongly.

How the proof goes, each step resting on the one before:

1. `proof/manifest.json`, the list of this export, was signed with the recorder's key (DSSE, Ed25519).
2. The list names every file with its SHA-256: none was changed, removed or added.
3. While it recorded, the recorder wrote down each segment, each gap and each destruction as an entry (leaf) of its
   ledger, a Merkle tree (RFC 6962), and signed the tree's head (C2SP checkpoint). Each entry that the list cites is
   shown to be in that tree.
4. The entry of a segment holds a Merkle root over its parts, fragments of about half a second. A film consists of such
   parts, in which only their running number and their times were moved, so that they play in a row. The list says by
   how much; moved back, each must hash to what was written down when it was recorded.
5. Segments, gaps and destructions must follow each other without a hole. So an outage shows as a gap that was written
   down at the time, and what somebody took away shows as a hole.

The page `index.html` does the same in a browser, with the sentences and shapes of this file.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":  # what lies beside this file is what is to be checked, and no library of Python
    here = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120 - nothing may be imported before this
    sys.path[:] = [one for one in sys.path if os.path.realpath(one) != here]

import argparse
import base64
import contextlib
import hashlib
import json
import re
import stat
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import groupby, islice
from pathlib import Path
from typing import Any, BinaryIO, Union

LIST, ENVELOPE = "proof/manifest.json", "proof/manifest.dsse.json"
LEAVES, KEYS = "proof/leaves.jsonl", "proof/key.txt"
ALWAYS = {"index.html", "README.txt", "verify.py", LEAVES, KEYS}
LITTER = {"thumbs.db", "desktop.ini", ".ds_store"}
SCHEMA, PAYLOAD_TYPE = "edged.manifest/1", "application/vnd.edged.export+json"

JOIN_MS = 100  # what is nearer than this is one instant: ends and starts come from two clocks
EDGE_MS = 1000  # what was asked for is cut at whole pictures
SPLICE_MS = 2000  # where sound goes on behind the last picture: so long, or to the segment's end, that one stands
SUBTITLE_MS = 1500  # subtitles tell whole seconds, once a second
BY_REQUEST = "　申請案號 "  # before the number of the request for footage by which a copy was made, in its subtitles

# Far above anything real: a folder may be made to harm whoever looks at it.
SAFE = (1 << 53) - 1
DOCUMENT_MAX, LINE_MAX, FILES_MAX = 64 << 20, 1 << 20, 200_000
ITEMS_MAX, PIECES_MAX, MISFITS_MAX, TOLD_MAX = 1 << 21, 1 << 16, 1000, 20_000
HEADER_MAX, PART_MAX, BOXES_MAX, PARTS_MAX = 4 << 20, 64 << 20, 64, 1 << 22
BLOCK, SAID_MAX = 1 << 20, 20

# --- What is said: a sign and a code; Chinese; English. + is proven, ! is to be known, x is wrong. --------------------

# --- What follows is written by script/messages from the catalogues of words: change it there. ------------------------
WORDS = """
+ signed
匯出清單由金鑰 {key} 簽署，簽署後沒有更動。
The list of this export was signed with the key {key}, and not changed since.
+ pinned
簽署的金鑰就是您指定的金鑰。
That key is the one you named.
+ whole
清單所列 {count} 個檔案都在，內容完全相符，也沒有多出其他檔案。
All {count} files on the list are here, byte for byte, and no others.
+ ledger
清單引用的 {count} 筆稽核軌跡，都在錄影主機簽署的紀錄（共 {size} 筆）之中。
The {count} ledger entries that the list cites are in the ledger of {size} entries that the recorder signed.
+ original
{camera}：影片的 {parts} 個片段、{pictures} 幅畫面，與當時錄下的完全相同。
{camera}: the {parts} fragments of its films, {pictures} pictures, are exactly what was recorded.
+ complete
{camera}：{begin} 至 {end} 每一刻都有交代：錄影 {recorded}，中斷 {missing}，已銷毀 {destroyed}。
{camera}: {begin} to {end} is accounted for: recorded {recorded}, gaps {missing}, destroyed {destroyed}.
+ timed
{camera}：影片、字幕與清單上的時間，與錄影當時記下的相符。
{camera}: the times of films, subtitles and list are those written down while it was recorded.
+ copied
這次複製已記入稽核軌跡：{export}，複製人「{who}」，事由「{reason}」。
The ledger knows of this copy: {export}, made by “{who}”, reason “{reason}”.
! compare
請將金鑰指紋 {key} 與機關公布的指紋比對；相同，才確定出自該機關的錄影主機。
Compare the fingerprint {key} with the one the office published: only then is it certain whose it is.
! zone
以下時間都是 {zone} 的時間（UTC{offset}）。
All times here are those of {zone}, UTC{offset}.
! gap
{camera}：{begin} 至 {end} 錄影中斷（{cause_zh}）。
{camera}: not recorded from {begin} to {end}: {cause_en}.
! pauses
{camera}：{begin} 至 {end} 之間，畫面停頓共 {missing}（{cause_zh}）。
{camera}: between {begin} and {end} there are no pictures for {missing} in all: {cause_en}.
! destroyed
{camera}：{begin} 至 {end} 的錄影在匯出前已銷毀，有銷毀紀錄。
{camera}: the footage of {begin} to {end} had been destroyed before the export, as the ledger tells.
! unproven
{camera}：{begin} 至 {end} 的錄影檔是事後在硬碟上找到的，沒有錄影當時的紀錄為它作證。
{camera}: the file of {begin} to {end} was found on the disk afterwards; nothing from the time itself vouches for it.
! unsynced
{camera}：{begin} 至 {end} 錄影時主機尚未校時，時間可能不準。
{camera}: the recorder's clock was not in sync from {begin} to {end}; these times may be wrong.
! beside
{camera}：其間時鐘被調整過，另有 {count} 筆錄影或中斷，時間是 {begin} 至 {end}，不在要求的時段內。
{camera}: the clock was set meanwhile: {count} entries more lie between, of {begin} to {end}, which was not asked for.
! late
{camera}：{begin} 至 {end} 的中斷（第 {leaf} 筆），比其後的錄影更晚記下。
{camera}: the gap from {begin} to {end} (entry {leaf}) was written down later than the footage after it.
! earlier
較早的紀錄 {origin}（{size} 筆）由接續它的紀錄的第一筆擔保。
The earlier ledger {origin}, {size} entries, is vouched for by the first entry of the one that follows it.
! litter
{file} 是電腦自己產生的檔案，不屬於匯出內容。
{file} was made by a computer of its own accord, and is no part of the export.
x missing
缺少檔案 {file}。
The file {file} is missing.
x added
多出檔案 {file}：簽署的清單上沒有它。
The file {file} was added: it is not on the signed list.
x link
{file} 不是一般檔案，而是連結或裝置。
{file} is no ordinary file but a link or a device.
x unreadable
{file} 無法讀取。
{file} cannot be read.
x damaged
{file} 的內容不合格式：{what}。
{file} is not written as it must be: {what}.
x name
清單上的檔名 {file} 出現兩次，或只差大小寫。
The list has {file} twice, or a name that differs from it only by upper and lower case.
x stray
清單對 {file} 前後不一：列出了卻沒有紀錄能證明，或用到了卻沒有列出。
The list contradicts itself about {file}: listed but proven by nothing, or used but not listed.
x length
{file} 的長度是 {found} 位元組，應為 {expected}。
{file} has {found} bytes instead of {expected}.
x content
{file} 的內容與匯出時不同：被更動，或取自別處。
The content of {file} is not what was exported: it was changed, or is from elsewhere.
x edited
{file} 在簽署後被更動。
{file} was changed after it was signed.
x signature
{file} 的簽署不成立：簽署後被更動，或不是這台錄影主機簽署的。
The signature in {file} does not hold: changed since, or not of this recorder.
x other-key
{file} 用的是另一把金鑰：出自另一台錄影主機，或另一次匯出。
{file} goes with another key: it is of another recorder, or of another export.
x not-your-key
簽署金鑰的指紋是 {key}，不是您指定的金鑰。
It was signed with the key of fingerprint {key}, not with the one you named.
x head
{file} 不是清單所說的那份紀錄的簽署結果。
{file} is not the head of the ledger that the list names.
x generation
紀錄 {origin} 的第一筆與清單不符，無法證明它的來歷。
The first entry of the ledger {origin} does not fit the list: nothing shows where it comes from.
x leaf-missing
缺少第 {leaf} 筆稽核軌跡。
Ledger entry {leaf} is missing.
x leaf
第 {leaf} 筆稽核軌跡不在簽署的紀錄中：內容被更動，或取自別處。
Ledger entry {leaf} is not in the signed ledger: its text was changed, or it is from elsewhere.
x leaf-other
第 {leaf} 筆稽核軌跡記的是別的事，不能證明清單所說的。
Ledger entry {leaf} tells of something else, and does not prove what the list says.
x hashes
{file}：{begin} 錄影檔的片段雜湊清單，與稽核軌跡不符。
{file}: the hashes of the segment of {begin} are not those in the ledger.
x header
{file} 的檔頭不是當時錄下的。
The header of {file} is not the one that was recorded.
x header-other
{file}：{begin} 起的錄影檔，檔頭與影片的不同，播放出來的不是當時的畫面或聲音。
{file}: from {begin} on the header of what was recorded is not that of the film, which shows it otherwise.
x part-changed
{file}：約 {begin} 至 {end}，第 {first} 至 {last} 片段被更動。
{file}: fragments {first} to {last}, about {begin} to {end}, were changed.
x part-missing
{file}：約 {begin} 至 {end}，第 {first} 至 {last} 片段被移除。
{file}: fragments {first} to {last}, about {begin} to {end}, were taken out.
x part-order
{file}：約 {begin} 至 {end}，第 {first} 至 {last} 片段之處有重複、調換或外來的片段。
{file}: at fragments {first} to {last}, about {begin} to {end}, stand some that are doubled, moved or from elsewhere.
x part-broken
{file}：約 {begin} 至 {end}，第 {first} 至 {last} 片段無法辨讀。
{file}: fragments {first} to {last}, about {begin} to {end}, make no sense.
x layout
{file} 的排列與清單所說的不同。
{file} is not laid out as the list says.
x tail
{file} 的結尾有不屬於影片的資料。
{file} holds something behind the film that does not belong there.
x source
{file} 不是當時的錄影檔：大小或 SHA-256 與稽核軌跡不符。
{file} is not the segment that was recorded: its size or SHA-256 are not those in the ledger.
x hole
{camera}：{begin} 至 {end} 沒有任何交代：錄影或紀錄被拿掉了。
{camera}: nothing accounts for {begin} to {end}: footage or entries were taken away.
x absent
{camera}：{begin} 至 {end} 有錄影，但不在這份複製中。
{camera}: {begin} to {end} was recorded, but is not in this copy.
x cut
{camera}：{begin} 至 {end} 有錄影，卻沒有全部放進影片。
{camera}: {begin} to {end} was recorded, but not all of it is in the film.
x times
{camera}：清單寫 {said}，稽核軌跡記的是 {true}。
{camera}: the list says {said}, the ledger {true}.
x film-times
{file}：{begin} 起的影片時間被移動，與前面不連續。
{file}: from {begin} on the times of the film were shifted and do not follow on.
x sound
{file}：{begin} 起的聲音與畫面被錯開。
{file}: from {begin} on sound and pictures were moved against each other.
x subtitles
{file}：字幕寫 {said}，影片該處是 {true}。
{file}: a subtitle says {said} where the film is of {true}.
x copy
第 {leaf} 筆複製紀錄與清單不符：{what}。
Entry {leaf}, of this copy, does not fit the list: {what}.
"""
_CAUSES = """
starting|錄影服務剛啟動|recording had just started
unreachable|連不上攝影機|the camera could not be reached
refused|攝影機拒絕連線|the camera refused
unauthorised|攝影機帳號或密碼不符|the camera did not accept the password
untrusted|攝影機憑證不受信任|the camera's certificate was not trusted
no-such-stream|攝影機沒有這個影像|the camera has no such stream
unsupported|影像格式不支援|the pictures were of an unknown kind
stalled|攝影機沒有送出畫面|the camera sent no pictures
dropped|連線中斷|the connection broke
no-keyframe|等待第一幅完整畫面|no complete picture came
bad-data|攝影機送出的資料錯誤|the camera sent bad data
worker-crash|錄影程式異常|the recording program failed
daemon-stopped|錄影服務停止|recording was stopped
daemon-crash|錄影服務異常|the recording service failed
power-loss|停電或當機|power was lost
disk-full|硬碟已滿|the disk was full
floor-protect|為保護未滿保存期限的錄影而暫停|older footage had to be kept
io-error|硬碟讀寫錯誤|the disk failed
clock-step|時鐘被調整|the clock was set
disabled|攝影機停用|the camera was switched off
reload|變更設定|settings were changed
maintenance|設備維護|maintenance was under way
unknown|原因不明|nobody knows why
"""
_LIMITS = """
鏡頭前的景象是否真實、畫面中是誰：這裡只證明錄下之後沒有更動。
That what the camera saw is true, or who is seen: only that it is what was recorded.
其他地方、其他攝影機有沒有拍到什麼。
That nothing was filmed elsewhere, or by other cameras.
簽署之後才寫下的紀錄，例如事後撤銷的中斷：請向中央管理端或稽核人員查對。
What was written down after the signed head, such as a gap withdrawn since: ask the centre or the auditor.
錄影當時就掌控主機與金鑰的人，有沒有寫下不實的紀錄。
That nobody who held the recorder and its key wrote untrue entries in the first place.
本程式與網頁自身：有爭議時，請另向機關索取 verify.py，不用資料夾裡的這一份。
This program and the page themselves: where it matters, get verify.py from the office and not from the folder.
"""
TITLES = {
    "x": ("有問題", "Wrong"),
    "+": ("已證明", "Proven"),
    "!": ("請注意", "To be known"),
    "-": ("這裡不能證明", "Not proven by this"),
}
VERDICTS = {
    True: ("未發現問題", "Nothing wrong was found"),
    False: ("有問題，請看下面", "Something is wrong, see below"),
}
# --- Up to here. ------------------------------------------------------------------------------------------------------

_ROWS = WORDS.strip().split("\n")
SENTENCES = {
    head[2:]: (head[0], zh.replace("{camera}", "{name}（{camera}）"), en.replace("{camera}", "{name} ({camera})"))
    for head, zh, en in zip(_ROWS[::3], _ROWS[1::3], _ROWS[2::3])
}
CAUSES = {name: (zh, en) for name, zh, en in (row.split("|") for row in _CAUSES.strip().split("\n"))}
LIMITS = list(zip(_LIMITS.strip().split("\n")[::2], _LIMITS.strip().split("\n")[1::2]))

# --- What documents look like: kinds of values, [lists], {objects}, {"?": or null}. A name with ? may be absent. ------


def shape(**kinds: str) -> dict[str, Any]:
    """From kinds and the names of that kind."""
    return {name: kind for kind, names in kinds.items() for name in names.split()}


OPENING = shape(text="text", hex="salt")
SEGMENT = {
    **shape(count="leaf file at bytes first_part last_part first_hash header_bytes", int="sequence", offsets="offsets"),
    "original": {"?": "path"},
}
CAMERA = {
    **shape(text="id name", path="hashes headers"),
    "from": {"?": "time"},
    "to": {"?": "time"},
    "files": [shape(path="path subtitles")],
    "segments": [SEGMENT],
    "loose": [shape(count="leaf", path="original")],
    "gaps": [shape(count="leaf", time="from to", text="cause")],
    "destroyed": [shape(count="leaf", time="from to")],
    "beside": ["count"],
}
LIST_SHAPE = {
    **shape(
        text="schema export node office site software timezone office_request? office_row?",
        time="created destroy_by",
        hex="key",
        count="copy",
    ),
    "asked": shape(time="from to"),
    "who": OPENING,
    "reason": OPENING,
    "case": {"?": OPENING},
    "request": {"?": OPENING},
    "checkpoints": [{**shape(origin="origin", count="first size", hex="root"), "file": {"?": "path"}}],
    "clock": ["count"],
    "cameras": [CAMERA],
    "files": [shape(path="path", count="bytes", hex="sha256")],
}
ENVELOPE_SHAPE = {**shape(base64="payload", text="payloadType"), "signatures": [shape(hex="keyid", base64="sig")]}
ENTRY_SHAPE = {**shape(text="leaf", origin="origin"), "proof": ["base64"]}
LEAF_SHAPE = shape(object="b", text="k", count="n", int="t")
POINT = shape(text="id", count="boot", int="boottime_ms wall_ms")
BODIES = {  # of leaves; they may hold more
    "segment": {
        **shape(text="camera", count="duration_ms bytes frames parts?", int="epoch", hex="sha256 root?"),
        **shape(flag="synced unproven"),
        "start": POINT,
    },
    "gap": {
        **shape(text="camera cause", flag="inside gone?"),
        "start": POINT,
        "end": {"?": POINT},
        "until?": POINT,
        "pauses?": ["pair"],
    },
    "destroyed": {**shape(text="camera", count="duration_ms"), "start": POINT},
    "span": {**shape(text="camera", count="duration_ms"), "start": POINT},
    "clock": shape(text="what", count="boot?", int="boottime_ms? true_offset_ms?"),
    "generation": {
        "origin": "origin",
        "key": {"?": "text"},
        "previous": {"?": {**shape(origin="origin", count="size"), "root": {"?": "hex"}}},
    },
    "copy": {
        **shape(text="export event office_request? office_row?", int="from to", flag="whole"),
        **shape(hex="who reason case? request?"),
        "cameras": ["text"],
    },
}
TEXT_MAX = 1 << 20
AHEAD_MAX = 14 * 60  # minutes: no clock of the world is further ahead of UTC, or behind it
HEX = re.compile(r"[0-9a-f]{64}")
PATH = re.compile(r"([A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?/){0,3}[A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?")
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})([+-])(\d\d):(\d\d)", re.ASCII)
ORIGIN = re.compile(r"[!-*,-~]{1,200}")
STAMP = r"(\d\d+):([0-5]\d):([0-5]\d)\.(\d{3})"
CUE = re.compile(f"{STAMP} --> {STAMP} (line:-1 position:0% align:start|line:0)", re.ASCII)
SECOND = r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)"
CLOCK, NOTICE = re.compile(SECOND, re.ASCII), re.compile(f"錄影中斷 {SECOND} – {SECOND}", re.ASCII)
ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\n": " ", "\r": " "})
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
Bytes = Union[bytes, bytearray]


class NotVerified(Exception):
    """Something is wrong: the code of a sentence, and what it names."""

    def __init__(self, code: str, **where: Any) -> None:
        super().__init__(code)
        self.code, self.where = code, where


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= SAFE


KINDS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str) and len(value.encode("utf-16-le", "surrogatepass")) <= 2 * TEXT_MAX,
    "origin": lambda value: isinstance(value, str) and ORIGIN.fullmatch(value) is not None,
    "int": is_int,
    "count": lambda value: is_int(value) and value >= 0,
    "flag": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "hex": lambda value: isinstance(value, str) and HEX.fullmatch(value) is not None,
    "pair": lambda value: (
        isinstance(value, list) and len(value) == 2 and all(is_int(one) and one >= 0 for one in value)
    ),
    "path": lambda value: isinstance(value, str) and len(value) <= 255 and PATH.fullmatch(value) is not None,
    "time": lambda value: isinstance(value, str) and instant(value) is not None,
    "base64": lambda value: isinstance(value, str) and unbase64(value) is not None,
    "offsets": lambda value: (
        isinstance(value, dict) and set(value) in ({"1"}, {"1", "2"}) and all(map(is_int, value.values()))
    ),
}


def misfits(value: Any, wanted: Any, *, more: bool = False, at: str = "") -> Iterator[str]:
    """Where `value` is not of the shape `wanted`. `more`: an object may hold more than that."""
    if isinstance(wanted, str):
        if not KINDS[wanted](value):
            yield at or wanted
    elif isinstance(wanted, list):
        if not isinstance(value, list):
            yield at or "[]"
            return
        for number, one in enumerate(value):
            yield from misfits(one, wanted[0], more=more, at=f"{at}[{number}]")
    elif "?" in wanted:
        if value is not None:
            yield from misfits(value, wanted["?"], more=more, at=at)
    elif isinstance(value, dict):
        yield from misfits_of_object(value, wanted, more=more, at=at)
    else:
        yield at or "{}"


def misfits_of_object(value: dict[str, Any], wanted: dict[str, Any], *, more: bool, at: str) -> Iterator[str]:
    names = {name.rstrip("?"): kind for name, kind in wanted.items()}
    for name, kind in names.items():
        if name in value:
            yield from misfits(value[name], kind, more=more, at=f"{at}.{name}")
        elif name in wanted:
            yield f"{at}.{name}"
    if not more:
        yield from (f"{at}.{name}" for name in sorted(set(value) - set(names)))


def instant(text: str) -> tuple[int, int] | None:
    """A time as the list writes it: milliseconds since 1970, and how far its clock is ahead of UTC, in minutes."""
    found = TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, ms = map(int, found.groups()[:7])
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return None
    ahead = (int(found[9]) * 60 + int(found[10])) * (-1 if found[8] == "-" else 1)
    if abs(ahead) > AHEAD_MAX or int(found[10]) > 59:
        return None
    return (at - EPOCH) // timedelta(milliseconds=1) + ms - ahead * 60_000, ahead


def unbase64(text: str) -> bytes | None:
    """None for what is not written in the only right way."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if base64.b64encode(data).decode() == text else None


def strict(data: bytes, wanted: Any, file: str) -> Any:
    """Canonical JSON (RFC 8785) without fractions, of that shape, names in ASCII: not to be written in two ways."""
    if sum(map(data.count, (b",", b"{", b"["))) > ITEMS_MAX:
        raise NotVerified("damaged", file=file, what=f"> {ITEMS_MAX}")

    def refuse(text: str) -> Any:
        raise ValueError(text)

    def whole(text: str) -> int:
        return int(text) if len(text) <= 17 and is_int(int(text)) else refuse(text)

    def named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return dict(pairs) if all(name.isascii() for name, _ in pairs) else refuse("names")

    try:
        text = data.decode("utf-8")
        value = json.loads(text, parse_int=whole, parse_float=refuse, parse_constant=refuse, object_pairs_hook=named)
        same = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")) == text
    except (ValueError, RecursionError):
        raise NotVerified("damaged", file=file, what="JSON") from None
    wrong = next(misfits(value, wanted), None) if same else "JSON"
    if wrong is not None:
        raise NotVerified("damaged", file=file, what=wrong)
    return value


# --- Hashes and signatures --------------------------------------------------------------------------------------------


def leaf_hash(data: Bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(level: list[bytes]) -> bytes:
    """RFC 6962: of leaves given by their hashes, of which there is at least one."""
    while len(level) > 1:
        pairs = [node_hash(left, right) for left, right in zip(level[::2], level[1::2])]
        level = pairs + level[-1:] if len(level) % 2 else pairs
    return level[0]


def included(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """The path leads from the leaf at `index` to the root of a tree of `size` leaves (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    number, last, at = index, size - 1, leaf
    for other in path:
        if not last:
            return False
        if number & 1 or number == last:
            at = node_hash(other, at)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            at = node_hash(at, other)
        number, last = number >> 1, last >> 1
    return not last and at == root


def verifies(public: bytes, signature: bytes, data: bytes) -> bool:
    """Ed25519."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def fingerprint(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()


def key_id(origin: str, public: bytes) -> bytes:
    """By which a signature of a note says whose it is."""
    return hashlib.sha256(origin.encode() + b"\n\1" + public).digest()[:4]


def vkey(origin: str, public: bytes) -> str:
    """The key of a ledger as people hand it on."""
    return f"{origin}+{key_id(origin, public).hex()}+{base64.b64encode(bytes([1]) + public).decode()}"


def public_of(key: str) -> bytes:
    """What a vkey says; b"" for what is none."""
    raw = unbase64(key.split("+", 2)[-1]) or b""
    return raw[1:] if raw[:1] == b"\1" and len(raw) == 33 else b""


# --- Films: fragmented MP4 (ISO/IEC 14496-12) as the recorder writes it -----------------------------------------------


PICTURES = 0x0100_0F01  # version and flags of a run of pictures: each has duration, size, flags, offset


class Broken(ValueError):
    """This is no part as the recorder writes them."""


def number_at(data: Bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise Broken
    return int.from_bytes(data[at : at + size], "big")


def u32(data: Bytes, at: int) -> int:
    return number_at(data, at, 4)


def u64(data: Bytes, at: int) -> int:
    return number_at(data, at, 8)


def boxes(data: Bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Of each box its name, and where what is in it begins and ends."""
    while at < end:
        if at + 8 > end:
            raise Broken
        length, body = u32(data, at), at + 8
        if length == 1 and at + 16 <= end:
            length, body = u64(data, at + 8), at + 16
        if not body - at <= length <= end - at:
            raise Broken
        yield bytes(data[at + 4 : at + 8]), body, at + length
        at += length


def child(data: Bytes, names: str, at: int, end: int) -> tuple[int, int]:
    """Where a box inside of boxes begins and ends."""
    for name in names.split():
        at, end = next(((low, high) for kind, low, high in boxes(data, at, end) if kind == name.encode()), (0, 0))
        if not end:
            raise Broken
    return at, end


def likeness(header: bytes) -> list[bytes]:
    """All that a header says of how pictures and sound are to be shown, but for when they begin: what is told of the
    segment itself (udta), and the edit list, which its times go by.
    """
    said = []
    for kind, low, high in boxes(header, 0, len(header)):
        if kind != b"moov":
            said.append(kind + header[low:high])
            continue
        for name, at, end in boxes(header, low, high):
            if name == b"trak":
                said += [
                    inner + header[begin:last] for inner, begin, last in boxes(header, at, end) if inner != b"edts"
                ]
            elif name != b"udta":
                said.append(name + header[at:end])
    return said


def rates(header: bytes) -> dict[str, int]:
    """Ticks a second of each track, from what stands before the first fragment."""
    found = {}
    at, end = child(header, "moov", 0, len(header))
    for kind, low, high in boxes(header, at, end):
        if kind == b"trak":
            track, _ = child(header, "tkhd", low, high)
            media, _ = child(header, "mdia mdhd", low, high)
            found[str(u32(header, track + 12))] = u32(header, media + 12)
    if not found.get("1") or not all(found.values()):
        raise Broken
    return found


@dataclass
class RestoredFragment:
    """What a part says of its pictures."""

    number: int
    begin: int | None = None
    end: int = 0
    pictures: int = 0


def restore(part: bytearray, sequence: int, offsets: dict[str, int]) -> RestoredFragment:
    """Move number and times back to what they were when it was recorded."""
    piece = RestoredFragment(0)
    try:
        for kind, body, end in boxes(part, 0, len(part)):
            if kind == b"prft":
                move(part, body + 16, u32(part, body + 4), offsets)
            for name, at, high in boxes(part, body, end) if kind == b"moof" else ():
                if name == b"mfhd":
                    piece.number = u32(part, at + 4)
                    struct.pack_into(">I", part, at + 4, piece.number - sequence & (1 << 32) - 1)
                elif name == b"traf":
                    restore_run(part, at, high, offsets, piece)
    except struct.error:
        raise Broken from None
    return piece


def move(part: bytearray, at: int, track: int, offsets: dict[str, int]) -> int:
    """The time that stands there, moved back."""
    time = u64(part, at) - offsets.get(str(track), 0) & (1 << 64) - 1
    struct.pack_into(">Q", part, at, time)
    return time


def restore_run(part: bytearray, at: int, end: int, offsets: dict[str, int], piece: RestoredFragment) -> None:
    """Samples of one track."""
    track = u32(part, child(part, "tfhd", at, end)[0] + 4)
    begin = move(part, child(part, "tfdt", at, end)[0] + 4, track, offsets)
    if track == 1:
        run, _ = child(part, "trun", at, end)
        if u32(part, run) != PICTURES:
            raise Broken
        piece.pictures = u32(part, run + 4)
        words = struct.unpack_from(f">{4 * piece.pictures}I", part, run + 12)
        piece.begin, piece.end = begin, begin + sum(words[::4])


def part_end(file: BinaryIO, at: int, size: int) -> int | None:
    """Where the part that begins at `at` ends: behind its mdat. None: no further mdat comes."""
    begin = at
    for _ in range(BOXES_MAX):
        if at == size:
            return None
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            raise Broken
        length, least = u32(head, 0), 8
        if length == 1 and len(head) == 16:
            length, least = u64(head, 8), 16
        if not least <= length <= size - at:
            raise Broken
        at += length
        if head[4:8] == b"mdat":
            if at - begin > PART_MAX:
                raise Broken
            return at
    raise Broken


def is_index(file: BinaryIO, at: int, size: int) -> bool:
    """From there on the file holds nothing, or its index for players (mfra), which proves nothing and shows nothing."""
    file.seek(at)
    head = file.read(8)
    return at == size or (head[4:] == b"mfra" and u32(head, 0) == size - at)


# --- The folder, which anybody may have written -----------------------------------------------------------------------


class Folder:
    """What lies in it is found by looking, once; names in documents only choose among that. Links are not followed."""

    def __init__(self, root: Path, progress: Callable[[int], None] = lambda _: None) -> None:
        """`progress` is told of bytes as they are read."""
        self.root = root
        self.progress = progress
        self.files: dict[str, int] = {}
        self.odd: dict[str, str] = {}  # what is no file, by the code of the sentence that says so
        waiting = [""]
        while waiting:
            below = waiting.pop()
            try:
                with os.scandir(root / below) as entries:
                    found = sorted(islice(entries, FILES_MAX + 1), key=lambda one: one.name)
            except OSError:
                if not below:
                    raise
                self.odd[below] = "unreadable"
                continue
            waiting += [below + one.name + "/" for one in found if self.is_folder(one, below)]
            if len(self.files) + len(self.odd) + len(waiting) > FILES_MAX:
                raise ValueError(f"{root} holds more than {FILES_MAX} files: this is no export")

    def is_folder(self, entry: os.DirEntry[str], below: str) -> bool:
        """Whether to look into it; what else it is is noted."""
        path = below + entry.name
        try:
            at = entry.stat(follow_symlinks=False)
        except OSError:
            self.odd[path] = "unreadable"
            return False
        if getattr(at, "st_reparse_tag", 0) in REPARSED or not (stat.S_ISDIR(at.st_mode) or stat.S_ISREG(at.st_mode)):
            self.odd[path] = "link"
        elif stat.S_ISREG(at.st_mode):
            self.files[path] = at.st_size
        else:
            return True
        return False

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """Fault: it is not there, or cannot be read."""
        if path not in self.files:
            raise NotVerified("missing", file=path)
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(os.open(self.root / path, flags), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise NotVerified("link", file=path)
                yield file
        except OSError:
            raise NotVerified("unreadable", file=path) from None

    def read(self, path: str) -> bytes:
        """A document."""
        with self.open(path) as file:
            data = file.read(DOCUMENT_MAX + 1)
        if len(data) > DOCUMENT_MAX:
            raise NotVerified("damaged", file=path, what=f"> {DOCUMENT_MAX}")
        return data

    def lines(self, path: str) -> Iterator[bytes]:
        """Of a document, each ended."""
        with self.open(path) as file:
            while line := file.readline(LINE_MAX):
                if not line.endswith(b"\n"):
                    raise NotVerified("damaged", file=path, what="line")
                yield line[:-1]

    def sha256(self, path: str) -> str:
        with self.open(path) as file:
            found = hashlib.sha256()
            while block := file.read(BLOCK):
                found.update(block)
                self.progress(len(block))
        return found.hexdigest()


REPARSED = {
    getattr(stat, name) for name in dir(stat) if name in ("IO_REPARSE_TAG_SYMLINK", "IO_REPARSE_TAG_MOUNT_POINT")
}

# --- The proof --------------------------------------------------------------------------------------------------------


@dataclass(order=True)
class Moment:
    """A place in time: boots and their running time order what happened; the wall clock names it."""

    boot: int
    boottime_ms: int
    wall_ms: int = field(compare=False)

    def plus(self, ms: int) -> Moment:
        return Moment(self.boot, self.boottime_ms + ms, self.wall_ms + ms)


@dataclass
class ProvenRecording:
    """A segment: what the list says of it, what the ledger says, and what was found of it in the film."""

    entry: dict[str, Any]
    body: dict[str, Any]
    start: Moment
    rates: dict[str, int] = field(default_factory=dict)  # ticks a second of each track
    begin: int | None = None  # of the first and the last picture, in ticks since its start
    end: int = 0
    pictures: int = 0
    at: int = 0
    bytes: int = 0

    @property
    def stop(self) -> Moment:
        return self.start.plus(self.body["duration_ms"])

    @property
    def first(self) -> int:
        return int(self.entry["first_part"])

    @property
    def last(self) -> int:
        return int(self.entry["last_part"])

    @property
    def is_first(self) -> bool:
        return self.first == 1

    @property
    def is_last(self) -> bool:
        """Behind it comes nothing but what ends a file."""
        return self.last >= int(self.body["parts"]) - 2

    def add(self, piece: RestoredFragment, at: int, size: int) -> None:
        """One more part, which is as it was recorded."""
        self.at = self.at or at
        self.bytes += size
        self.pictures += piece.pictures
        if piece.begin is not None:
            self.begin = piece.begin if self.begin is None else self.begin
            self.end = piece.end

    def wall(self, ticks: int) -> int:
        return self.start.wall_ms + ticks * 1000 // self.rates["1"]

    def film(self, ticks: int) -> int:
        """Where the film is then, in ms."""
        return (ticks + int(self.entry["offsets"]["1"])) * 1000 // self.rates["1"]

    @property
    def sound_shift(self) -> int:
        """By how much its sound was moved against its pictures, in ms."""
        offsets, rates = self.entry["offsets"], self.rates
        return 0 if "2" not in offsets else offsets["2"] * 1000 // rates["2"] - offsets["1"] * 1000 // rates["1"]

    def about(self, part: int) -> int:
        """When a part begins, by the wall clock, roughly."""
        return self.start.wall_ms + int(self.body["duration_ms"]) * (part - 1) // max(1, int(self.body["parts"]) - 1)


@dataclass
class Claim:
    """What an entry of the ledger accounts for."""

    start: Moment
    stop: Moment
    leaf: int
    kind: str


class Walk:
    """Through a film, part by part, in the order of the list. `trouble`: by segment and code, the parts that it is."""

    def __init__(
        self,
        mine: list[ProvenRecording],
        hashes: Callable[[ProvenRecording], list[bytes]],
        progress: Callable[[int], None],
    ) -> None:
        self.mine, self.hashes, self.progress = mine, hashes, progress
        self.at, self.part = 0, mine[0].first
        self.trouble: dict[tuple[int, str], tuple[int, int]] = {}
        self.parts = self.misfits = 0

    def through(self, file: BinaryIO, size: int) -> bool:
        """False: behind the last part stands what does not belong there."""
        at: int = self.mine[0].entry["at"]
        while self.misfits <= MISFITS_MAX:
            try:
                end = part_end(file, at, size)
            except Broken:
                if self.at == len(self.mine):
                    return False
                self.misfits += 1
                rest = range(self.at + 1, len(self.mine))
                following = next((index for index in rest if at < self.mine[index].entry["at"] < size), len(self.mine))
                self.skip("part-broken", following, 0)
                if following == len(self.mine):
                    return True
                at = self.mine[following].entry["at"]
                continue
            if end is None:
                self.skip("part-missing", len(self.mine), 0)
                return is_index(file, at, size)
            file.seek(at)
            self.take(file.read(end - at), at)
            self.progress(end - at)
            at = end
        self.skip("part-changed", len(self.mine), 0)
        return True

    def take(self, part: bytes, at: int) -> None:
        """The next part of the film."""
        if self.at == len(self.mine):
            self.misfits += 1
            self.mark("part-order", self.at - 1, self.mine[-1].last, self.mine[-1].last)
        elif not self.fits(part, at):
            self.misfits += 1
            try:
                place = self.locate(restore(bytearray(part), 0, {}).number)
            except Broken:
                place = (self.at, self.part)
            if place is None or place < (self.at, self.part):
                self.mark("part-order", self.at, self.part, self.part)
                return
            self.skip("part-missing", *place)
            if not self.fits(part, at):
                self.mark("part-changed", self.at, self.part, self.part)
                self.advance()

    def fits(self, part: bytes, at: int) -> bool:
        """It is the one whose turn it is."""
        one = self.mine[self.at]
        hashes = self.hashes(one)
        copy = bytearray(part)
        try:
            piece = restore(copy, one.entry["sequence"], one.entry["offsets"])
        except Broken:
            return False
        if leaf_hash(copy) != hashes[self.part]:
            return False
        one.add(piece, at, len(part))
        self.parts += 1
        self.advance()
        return True

    def locate(self, number: int) -> tuple[int, int] | None:
        """Where the part belongs that has this number in the film."""
        places = ((index, number - one.entry["sequence"]) for index, one in enumerate(self.mine))
        return next(
            ((index, part) for index, part in places if self.mine[index].first <= part <= self.mine[index].last), None
        )

    def advance(self) -> None:
        self.part += 1
        if self.part > self.mine[self.at].last:
            self.at += 1
            self.part = self.mine[self.at].first if self.at < len(self.mine) else 0

    def skip(self, code: str, index: int, part: int) -> None:
        """Everything before that place is told so."""
        while self.at < index:
            self.mark(code, self.at, self.part, self.mine[self.at].last)
            self.part = self.mine[self.at].last
            self.advance()
        if self.at < len(self.mine) and self.part < part:
            self.mark(code, self.at, self.part, part - 1)
            self.part = part

    def mark(self, code: str, index: int, first: int, last: int) -> None:
        known = self.trouble.get((index, code), (first, last))
        self.trouble[index, code] = (min(known[0], first), max(known[1], last))


class Check:
    """One look at a folder. `lines` is what is to be said: codes of sentences with what they name."""

    def __init__(self, folder: Folder, pinned: set[str] | None = None) -> None:
        self.folder = folder
        self.pinned = pinned
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.faults = 0
        self.told: Counter[str] = Counter()
        self.list: dict[str, Any] = {}
        self.names: dict[str, str] = {}  # of cameras
        self.key = b""
        self.ahead, self.zones = 0, [0]  # how far the site's clock is ahead of UTC; in summer and in winter
        self.level: tuple[str, int, list[bytes]] = ("", -1, [])
        self.leaves: dict[int, tuple[str, dict[str, Any]]] = {}
        self.clock: list[tuple[int, int, int | None]] = []

    def run(self) -> Check:
        try:
            self.open_list()
        except NotVerified as fault:
            self.say(fault.code, **fault.where)
            self.links()
            return self
        self.whole()
        self.ledger()
        for camera in self.list["cameras"]:
            self.camera(camera)
        self.copied()
        return self

    # what is said

    def say(self, code: str, **where: Any) -> None:
        self.faults += SENTENCES[code][0] == "x"
        self.told[code] += 1
        if self.told[code] <= TOLD_MAX:
            if "camera" in where:
                where["name"] = self.names.get(where["camera"], "")
            self.lines.append((code, {name: shown(value) for name, value in where.items()}))

    @contextlib.contextmanager
    def proving(self, code: str, **where: Any) -> Iterator[dict[str, Any]]:
        """Say so, unless something turns out to be wrong."""
        before = self.faults
        try:
            yield where
        except NotVerified as fault:
            self.say(fault.code, **fault.where)
        if self.faults == before:
            self.say(code, **where)

    def time(self, wall_ms: int) -> str:
        """As the site's clock shows it."""
        try:
            return (EPOCH + timedelta(milliseconds=wall_ms, minutes=self.ahead)).isoformat(" ", "milliseconds")[:23]
        except OverflowError:
            return str(wall_ms)

    def span(self, begin_ms: int, end_ms: int) -> dict[str, str]:
        return {"begin": self.time(begin_ms), "end": self.time(end_ms)}

    # 1 the list and its signature

    def open_list(self) -> None:
        """The list as it was signed; where that cannot be found, as it lies there. Fault: neither can be read."""
        plain = self.folder.read(LIST)
        with self.proving("signed") as where:
            envelope = strict(self.folder.read(ENVELOPE), ENVELOPE_SHAPE, ENVELOPE)
            payload = unbase64(envelope["payload"]) or b""
            if payload != plain:
                self.say("edited", file=LIST)
            signatures = envelope["signatures"]
            if envelope["payloadType"] != PAYLOAD_TYPE or len(signatures) != 1:
                raise NotVerified("damaged", file=ENVELOPE, what="payloadType")
            found = self.read_list(payload, ENVELOPE)
            public = bytes.fromhex(found["key"])
            if signatures[0]["keyid"] != fingerprint(public):
                raise NotVerified("other-key", file=ENVELOPE)
            # DSSE v1, pre-authentication encoding
            signed = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
            if not verifies(public, unbase64(signatures[0]["sig"]) or b"", signed):
                raise NotVerified("signature", file=ENVELOPE)
            self.list = found
            where["key"] = fingerprint(public)
        if not self.list:
            self.list = self.read_list(plain, LIST)
        self.zones = [(instant(self.list["asked"][name]) or (0, 0))[1] for name in ("from", "to")]
        self.ahead = self.zones[0]
        self.names = {one["id"]: one["name"] or one["id"] for one in self.list["cameras"]}
        self.key = bytes.fromhex(self.list["key"])
        if self.pinned is None:
            self.say("compare", key=fingerprint(self.key))
        else:
            self.say("pinned" if fingerprint(self.key) in self.pinned else "not-your-key", key=fingerprint(self.key))
        sign, (hours, minutes) = "-" if self.ahead < 0 else "+", divmod(abs(self.ahead), 60)
        self.say("zone", zone=self.list["timezone"], offset=f"{sign}{hours:02}:{minutes:02}")

    def read_list(self, data: bytes, file: str) -> dict[str, Any]:
        found: dict[str, Any] = strict(data, LIST_SHAPE, file)
        if found["schema"] != SCHEMA:
            raise NotVerified("damaged", file=file, what=found["schema"])
        begin, end = ((instant(found["asked"][name]) or (0, 0))[0] for name in ("from", "to"))
        if begin >= end:
            raise NotVerified("damaged", file=file, what="asked")
        if sum(len(camera["segments"]) for camera in found["cameras"]) > PIECES_MAX:
            raise NotVerified("damaged", file=file, what=f"> {PIECES_MAX}")
        for camera in found["cameras"]:
            segments, files = camera["segments"], camera["files"]
            numbers = [one["file"] for one in segments]
            if numbers != sorted(numbers) or sorted(set(numbers)) != list(range(len(files))):
                raise NotVerified("damaged", file=file, what=f"{camera['id']} files")
            leaves = [leaf for leaf, _ in groupby(one["leaf"] for one in segments)]
            if len(leaves) != len(set(leaves)):
                raise NotVerified("damaged", file=file, what=f"{camera['id']} segments")
            if any(not 0 < one["first_part"] <= one["last_part"] < PARTS_MAX for one in segments):
                raise NotVerified("damaged", file=file, what=f"{camera['id']} parts")
        return found

    # 2 the files

    def whole(self) -> None:
        with self.proving("whole", count=len(self.list["files"])):
            self.links()
            listed = {one["path"]: one for one in self.list["files"]}
            low = sorted(one["path"].lower() for one in self.list["files"])
            for path in sorted({one for one, other in zip(low, low[1:]) if one == other}):
                self.say("name", file=path)
            for path in sorted(set(listed) ^ self.used()):
                self.say("stray", file=path)
            for path in sorted(set(self.folder.files) - set(listed) - {LIST, ENVELOPE}):
                self.say("litter" if is_litter(path, listed) else "added", file=path)
            for path, one in sorted(listed.items()):
                found = self.folder.files.get(path)
                if path in self.folder.odd:
                    continue
                if found is None:
                    self.say("missing", file=path)
                elif found != one["bytes"]:
                    self.say("length", file=path, found=found, expected=one["bytes"])
                else:
                    self.hold(path, one["sha256"])

    def links(self) -> None:
        for path, code in sorted(self.folder.odd.items()):
            self.say(code, file=path)

    def hold(self, path: str, sha256: str) -> None:
        try:
            same = self.folder.sha256(path) == sha256
        except NotVerified as fault:
            self.say(fault.code, **fault.where)
        else:
            if not same:
                self.say("content", file=path)

    def used(self) -> set[str]:
        """Every file that something in the list gives a meaning to."""
        found = ALWAYS | {one["file"] for one in self.list["checkpoints"] if one["file"]}
        for camera in self.list["cameras"]:
            found |= {camera["hashes"], camera["headers"]}
            found |= {path for one in camera["files"] for path in (one["path"], one["subtitles"])}
            found |= {one["original"] for one in camera["segments"] + camera["loose"] if one["original"]}
        return found

    # 3 the ledger

    def ledger(self) -> None:
        with self.proving("ledger") as where:
            cited = self.cited()
            self.read_leaves(cited)
            heads = self.list["checkpoints"]
            if not heads:
                raise NotVerified("damaged", file=LIST, what="checkpoints")
            self.heads(heads)
            where.update(count=len(cited), size=heads[-1]["size"])
        for number in self.list["clock"]:
            body = self.leaf(number, "clock")
            if body is not None and "boottime_ms" in body and "boot" in body:
                self.clock.append((body["boot"], body["boottime_ms"], body.get("true_offset_ms")))

    def cited(self) -> set[int]:
        """Numbers of leaves."""
        found = {self.list["copy"], *self.list["clock"], *(one["first"] for one in self.list["checkpoints"])}
        for camera in self.list["cameras"]:
            found |= {one["leaf"] for what in ("segments", "loose", "gaps", "destroyed") for one in camera[what]}
            found |= set(camera["beside"])
        return found

    def read_leaves(self, cited: set[int]) -> None:
        """Those that are cited, and are in the tree."""
        heads = {one["origin"]: one for one in self.list["checkpoints"]}
        wrong = set()
        for count, line in enumerate(self.folder.lines(LEAVES)):
            if count >= len(cited):
                self.say("damaged", file=LEAVES, what=f"> {len(cited)}")
                break
            entry = strict(line, ENTRY_SHAPE, LEAVES)
            data = entry["leaf"].encode()
            leaf = strict(data, LEAF_SHAPE, LEAVES)
            number, head = leaf["n"], heads.get(entry["origin"])
            path = [unbase64(one) or b"" for one in entry["proof"]]
            if head is not None and included(
                leaf_hash(data), number - head["first"], head["size"], path, bytes.fromhex(head["root"])
            ):
                if number in cited:
                    self.leaves[number] = (leaf["k"], leaf["b"])
            else:
                wrong.add(number)
        for number in sorted(wrong):
            self.say("leaf", leaf=number)
        for number in sorted(cited - set(self.leaves) - wrong):
            self.say("leaf-missing", leaf=number)

    def leaf(self, number: int, *kinds: str, camera: str | None = None) -> dict[str, Any] | None:
        """The body of a leaf that is proven and tells of this; None, which is said, where it does not."""
        kind, body = self.leaves.get(number, (None, {}))
        if kind is None:
            return None
        if kind not in kinds or any(misfits(body, BODIES[kind], more=True)) or camera not in (None, body.get("camera")):
            self.say("leaf-other", leaf=number)
            return None
        return body

    def heads(self, heads: list[dict[str, Any]]) -> None:
        """The last head is signed with the key; what went before is named by the first leaf of what came after."""
        keys = re.split(r"[ \t\r\n]+", self.folder.read(KEYS).decode("utf-8", "replace"))
        if fingerprint(self.key) not in keys:
            raise NotVerified("other-key", file=KEYS)
        newer: dict[str, Any] | None = None
        for head in reversed(heads):
            body = self.leaf(head["first"], "generation")
            if body is None or body["origin"] != head["origin"]:
                raise NotVerified("generation", origin=head["origin"])
            key = body["key"] or ""
            if newer is None:
                if head["file"] is None or key != vkey(head["origin"], self.key):
                    raise NotVerified("other-key", file=head["file"] or LIST)
            elif newer["previous"] != {name: head[name] for name in ("origin", "size", "root")}:
                raise NotVerified("generation", origin=head["origin"])
            else:
                self.say("earlier", origin=head["origin"], size=head["size"])
            if head["file"] is not None:
                if key not in keys:
                    raise NotVerified("other-key", file=KEYS)
                self.note(head, key)
            newer = body

    def note(self, head: dict[str, Any], key: str) -> None:
        """The signed head in its file is this one."""
        file, origin = head["file"], head["origin"]
        root = base64.b64encode(bytes.fromhex(head["root"])).decode()
        text = f"{origin}\n{head['size']}\n{root}\n"
        data = self.folder.read(file).decode("utf-8", "replace")
        if not data.startswith(text + "\n"):
            raise NotVerified("head", file=file)
        public = public_of(key)
        for line in data[len(text) + 1 :].split("\n"):
            _, _, rest = line.partition(f"\u2014 {origin} ")
            raw = unbase64(rest) or b""
            if raw[:4] == key_id(origin, public) and verifies(public, raw[4:], text.encode()):
                return
        raise NotVerified("signature", file=file)

    def moment(self, point: dict[str, Any], *, synced: bool = False) -> Moment:
        """A place in time; what was recorded before the clock was in sync goes by what the ledger said of it later."""
        at = Moment(point["boot"], point["boottime_ms"], point["wall_ms"])
        epochs = [one for one in self.clock if one[0] == at.boot and one[1] <= at.boottime_ms]
        if epochs and not synced:
            begun = max(one[1] for one in epochs)
            offset = [one[2] for one in epochs if one[1] == begun][-1]
            at.wall_ms = at.wall_ms if offset is None else at.boottime_ms + offset
        return at

    # 4 the footage

    def camera(self, camera: dict[str, Any]) -> None:
        recordings = []
        for entry in camera["segments"]:
            body = self.leaf(entry["leaf"], "segment", camera=camera["id"])
            if body is not None and "root" in body and "parts" in body:
                start = self.moment(body["start"], synced=body["synced"])
                recordings.append(ProvenRecording(entry, body, start))
            elif body is not None:
                self.say("leaf-other", leaf=entry["leaf"])
        before = self.faults
        if len(recordings) == len(camera["segments"]):
            films = [list(mine) for _, mine in groupby(recordings, key=lambda one: one.entry["file"])]
            with self.proving("original", camera=camera["id"], parts=0, pictures=0) as where:
                self.bounded(camera, recordings)
                headers = self.headers(camera, recordings)
                for entry, mine in zip(camera["files"], films):
                    self.film(camera, entry["path"], mine, headers, where)
                self.sources(camera)
            if self.faults == before:
                with self.proving("timed", camera=camera["id"]):
                    self.times(camera, films)
        with self.proving("complete", camera=camera["id"]) as where:
            if self.faults == before and len(recordings) == len(camera["segments"]):
                self.uncut(camera, recordings)
            self.account(camera, recordings, where)

    def bounded(self, camera: dict[str, Any], recordings: list[ProvenRecording]) -> None:
        """There is a hash for each part of each segment, so that nothing is read more often than it is there. Fault."""
        told = {one.entry["leaf"]: one.body["parts"] for one in recordings}
        if 32 * sum(told.values()) > self.folder.files.get(camera["hashes"], 0):
            raise NotVerified("hashes", file=camera["hashes"], begin=self.time(recordings[0].start.wall_ms))

    def headers(self, camera: dict[str, Any], recordings: list[ProvenRecording]) -> dict[int, list[bytes]]:
        """What the header of each segment says of how it is to be shown, by leaf. Fault."""
        path, found = camera["headers"], {}
        with self.folder.open(path) as file:
            for one in recordings:
                if one.entry["leaf"] not in found:
                    header = file.read(min(one.entry["header_bytes"], HEADER_MAX))
                    try:
                        said = likeness(header)
                    except Broken:
                        said = []
                    if not said or leaf_hash(header) != self.hashes(camera, one)[0]:
                        raise NotVerified("header", file=path)
                    found[one.entry["leaf"]] = said
            if file.read(1):
                raise NotVerified("tail", file=path)
        return found

    def film(
        self,
        camera: dict[str, Any],
        path: str,
        mine: list[ProvenRecording],
        headers: dict[int, list[bytes]],
        where: dict[str, Any],
    ) -> None:
        """Every part of it is as it was recorded, and its header is that of its first segment."""
        with self.folder.open(path) as file:
            header = file.read(min(mine[0].entry["at"], HEADER_MAX))
            if leaf_hash(header) != self.hashes(camera, mine[0])[0]:
                self.say("header", file=path)
            walk = Walk(mine, lambda one: self.hashes(camera, one), self.folder.progress)
            whole = walk.through(file, self.folder.files[path])
        for (index, code), (first, last) in sorted(walk.trouble.items()):
            one = mine[index]
            self.say(code, file=path, first=first, last=last, **self.span(one.about(first), one.about(last + 1)))
        if not whole:
            self.say("tail", file=path)
        if not walk.trouble and any((one.at, one.bytes) != (one.entry["at"], one.entry["bytes"]) for one in mine):
            self.say("layout", file=path)
        where["parts"] += walk.parts
        where["pictures"] += sum(one.pictures for one in mine)
        try:
            found = rates(header)
        except Broken:
            raise NotVerified("header", file=path) from None
        for one in mine:
            if set(one.entry["offsets"]) != set(found):
                raise NotVerified("layout", file=path)
            if headers[one.entry["leaf"]] != headers[mine[0].entry["leaf"]]:
                raise NotVerified("header-other", file=path, begin=self.time(one.start.wall_ms))
            one.rates = found

    def hashes(self, camera: dict[str, Any], recording: ProvenRecording) -> list[bytes]:
        """Of all parts of a segment, held against its leaf. Fault."""
        count, file, leaf = recording.body["parts"], camera["hashes"], recording.entry["leaf"]
        if self.level[:2] == (file, leaf):
            return self.level[2]
        with self.folder.open(file) as found:
            found.seek(32 * recording.entry["first_hash"])
            data = found.read(32 * min(count, PARTS_MAX))
        level = [data[at : at + 32] for at in range(0, len(data), 32)]
        if not level or len(data) != 32 * count or root_of(level).hex() != recording.body["root"]:
            raise NotVerified("hashes", file=file, begin=self.time(recording.start.wall_ms))
        if recording.entry["last_part"] >= count:
            raise NotVerified("layout", file=file)
        self.level = file, leaf, level
        return level

    def sources(self, camera: dict[str, Any]) -> None:
        """Files that are there whole are those that were recorded."""
        listed = {one["path"]: (one["bytes"], one["sha256"]) for one in self.list["files"]}
        for entry in camera["segments"] + camera["loose"]:
            body = self.leaf(entry["leaf"], "segment", camera=camera["id"]) if entry["original"] else None
            if body is not None and listed.get(entry["original"]) != (body["bytes"], body["sha256"]):
                self.say("source", file=entry["original"])

    # 5 times

    def times(self, camera: dict[str, Any], films: list[list[ProvenRecording]]) -> None:
        """Of each film: one timeline without holes, sound in step, subtitles that are right."""
        lost = {span for entry in camera["gaps"] for span in self.lost(camera, entry)}
        last: ProvenRecording | None = None
        for entry, mine in zip(camera["files"], films):
            file, reached, spans = entry["path"], 0, list[tuple[int, int]]()
            for one in (one for one in mine if one.begin is not None):
                wall, begin = one.wall(one.begin or 0), one.film(one.begin or 0)
                near = SPLICE_MS
                if last is not None:
                    near = max(near, last.stop.wall_ms - last.wall(last.end))
                    near = 0 if spans and last.entry["leaf"] == one.entry["leaf"] else near
                    near = -1 if one.start < last.start else near
                if not 0 <= begin - reached <= near:
                    self.say("film-times", file=file, begin=self.time(wall))
                if abs(one.sound_shift) > JOIN_MS:
                    self.say("sound", file=file, begin=self.time(wall))
                spans.append((begin, wall))
                reached, last = one.film(one.end), one
            self.subtitles(entry["subtitles"], camera, spans, lost)
        shown_ones = [one for mine in films for one in mine if one.begin is not None]
        first = shown_ones[0] if shown_ones else None
        self.said(camera, camera["from"], first.wall(first.begin or 0) if first else None, EDGE_MS)
        self.said(camera, camera["to"], last.wall(last.end) if last else None, EDGE_MS)

    def said(self, camera: dict[str, Any], said: str | None, true_ms: int | None, near_ms: int = 0) -> None:
        """A time of the list is that of the ledger."""
        said_ms = None if said is None else (instant(said) or (0, 0))[0]
        unsaid = said_ms is None or true_ms is None
        if (said_ms is not true_ms) if unsaid else abs((said_ms or 0) - (true_ms or 0)) > near_ms:
            true = "-" if true_ms is None else self.time(true_ms)
            self.say("times", camera=camera["id"], said=said or "-", true=true)

    def subtitles(
        self, path: str, camera: dict[str, Any], spans: list[tuple[int, int]], lost: set[tuple[int, int]]
    ) -> None:
        """As the recorder writes them, and nothing else that a player could take for one: each second the time of what
        the film shows then, and of each gap that there was from when until when. `spans`: where films and wall clock
        begin to run side by side.
        """
        request = BY_REQUEST + self.list["office_request"] if "office_request" in self.list else ""
        place = f"{camera['name']} {self.list['site']}{request}".translate(ESCAPED)
        block: list[str] = []
        at, count, begun = 0, 0, 0
        for line in [*self.folder.lines(path), b""]:
            text = line.decode("utf-8", "replace")
            if "\r" in text:
                raise NotVerified("damaged", file=path, what="CR")
            if text:
                block.append(text)
                continue
            found = CUE.fullmatch(block[0]) if len(block) == 3 else None
            if found is not None:
                begin, end = milliseconds(found.groups()[:4]), milliseconds(found.groups()[4:8])
                while at + 1 < len(spans) and spans[at + 1][0] <= begin:
                    at += 1
                if begin < begun or end < begin:
                    raise NotVerified("damaged", file=path, what=block[0])
                begun = begin
                film, wall = spans[at] if spans else (begin, 0)
                self.cue(path, block, place if found[9] != "line:0" else None, end - begin, wall + begin - film, lost)
            elif block and (block != ["WEBVTT"] or count):
                raise NotVerified("damaged", file=path, what=block[0])
            count += bool(block)
            block = []

    def cue(
        self, path: str, block: list[str], place: str | None, lasts: int, wall: int, lost: set[tuple[int, int]]
    ) -> None:
        """One subtitle. `place`: what the second line of a clock says; None: it tells of a gap."""
        found = (NOTICE if place is None else CLOCK).fullmatch(block[1])
        if found is None or (place not in (None, block[2])) or "<" in block[2]:
            raise NotVerified("damaged", file=path, what=block[1])
        told = [self.site(found.groups()[at : at + 2]) for at in range(0, len(found.groups()), 2)]
        if place is None:
            right = any((begin, end) in lost for begin, end in zip(*told))
        else:
            right = lasts <= 1000 and any(abs(one - wall) <= SUBTITLE_MS for one in told[0])
        if not right:
            self.say("subtitles", file=path, said=self.time(told[0][0]), true=self.time(wall))

    def site(self, parts: tuple[str, ...]) -> list[int]:
        """When the site's clock showed this, in whole seconds: in summer and in winter."""
        shown_ms = (instant(f"{parts[0]}T{parts[1]}.000+00:00") or (0, 0))[0]
        return [shown_ms - ahead * 60_000 for ahead in self.zones]

    # 6 nothing is missing but what the ledger says

    def uncut(self, camera: dict[str, Any], recordings: list[ProvenRecording]) -> None:
        """Of each segment everything is in the films that was asked for."""
        asked, until = self.asked()
        for _, same in groupby(recordings, key=lambda one: one.entry["leaf"]):
            pieces = list(same)
            one, last = pieces[0], pieces[-1]
            whole = one.is_first and last.is_last
            begun = one.is_first or (
                one.begin is not None and one.start.wall_ms < asked and one.wall(one.begin) <= asked + EDGE_MS
            )
            ended = last.is_last or (last.stop.wall_ms > until and last.wall(last.end) >= until - EDGE_MS)
            joined = all(after.first == before.last + 1 for before, after in zip(pieces, pieces[1:]))
            # A salvaged file has no index: without its last fragment it seems whole, too.
            # That fragment need not be there where what was asked for ends before it.
            ends_before = last.stop.wall_ms > until <= last.wall(last.end)
            counted = ends_before or not whole or one.body["frames"] in (0, sum(piece.pictures for piece in pieces))
            if not (begun and ended and joined and counted):
                span = self.span(max(asked, one.start.wall_ms), min(until, one.stop.wall_ms))
                self.say("cut", camera=camera["id"], **span)

    def asked(self) -> tuple[int, int]:
        begin, end = ((instant(self.list["asked"][name]) or (0, 0))[0] for name in ("from", "to"))
        return begin, end

    def account(self, camera: dict[str, Any], recordings: list[ProvenRecording], where: dict[str, Any]) -> None:
        """What is recorded, missing and destroyed follows each other without a hole."""
        asked, until = self.asked()
        claims = self.recorded(camera, recordings)

        def within(begin: int, end: int) -> int:
            return max(0, min(end, until) - max(begin, asked))

        spent = {"recorded": sum(within(one.start.wall_ms, one.stop.wall_ms) for one in claims)}
        for kind in ("gaps", "destroyed"):
            spent[kind] = 0
            for entry in camera[kind]:
                claim, spans = self.claim(camera, kind, entry)
                lost = sum(within(*span) for span in spans)
                spent[kind] += lost
                if claim is None:
                    spent["recorded"] -= lost
                else:
                    claims.append(claim)
        claims += self.beside(camera, within)
        claims.sort(key=lambda one: (one.start, one.stop))
        self.holes(camera, claims)
        for one, after in zip(claims, claims[1:]):
            if one.kind == "gap" and after.kind == "segment" and after.leaf < one.leaf:
                self.say("late", camera=camera["id"], leaf=one.leaf, **self.span(one.start.wall_ms, one.stop.wall_ms))
        where.update(self.span(asked, until), recorded=lasting(spent["recorded"]))
        where.update(missing=lasting(spent["gaps"]), destroyed=lasting(spent["destroyed"]))

    def recorded(self, camera: dict[str, Any], recordings: list[ProvenRecording]) -> list[Claim]:
        """Segments that are in a film or whole, and what is to be known of them."""
        known = {one.entry["leaf"]: (one.start, one.body) for one in recordings}
        for entry in camera["loose"]:
            body = self.leaf(entry["leaf"], "segment", camera=camera["id"])
            if body is not None:
                known[entry["leaf"]] = self.moment(body["start"], synced=body["synced"]), body
        claims: list[Claim] = []
        unsynced: list[Claim] = []
        for leaf, (start, body) in known.items():
            claim = Claim(start, start.plus(body["duration_ms"]), leaf, "segment")
            span = self.span(claim.start.wall_ms, claim.stop.wall_ms)
            if body["unproven"]:
                self.say("unproven", camera=camera["id"], **span)
            if not body["synced"]:
                unsynced.append(claim)
            claims.append(claim)
        for begin, end in stretches(unsynced):
            self.say("unsynced", camera=camera["id"], **self.span(begin.wall_ms, end.wall_ms))
        return claims

    def claim(
        self, camera: dict[str, Any], kind: str, entry: dict[str, Any]
    ) -> tuple[Claim | None, list[tuple[int, int]]]:
        """What a gap or a destruction accounts for, and the wall time that is missing with it. None: it is no link."""
        leaf = entry["leaf"]
        body = self.leaf(leaf, *(("gap",) if kind == "gaps" else ("destroyed", "span")), camera=camera["id"])
        if body is None:
            return None, []
        if body.get("gone"):
            self.say("leaf-other", leaf=leaf)
            return None, []
        start = self.moment(body["start"])
        stop = self.ended(body) if kind == "gaps" else start.plus(body["duration_ms"])
        begin, end = start.wall_ms, stop.wall_ms
        self.said(camera, entry["from"], begin)
        self.said(camera, entry["to"], end)
        where: dict[str, Any] = {"camera": camera["id"], **self.span(begin, end)}
        if kind == "destroyed":
            self.say("destroyed", **where)
            return Claim(start, stop, leaf, kind), [(begin, end)]
        if entry["cause"] != body["cause"]:
            self.say("times", camera=camera["id"], said=entry["cause"], true=body["cause"])
        where["cause_zh"], where["cause_en"] = CAUSES.get(body["cause"], (body["cause"], body["cause"]))
        spans = missed(body, begin, end)
        if not body["inside"]:
            self.say("gap", **where)
            return Claim(start, stop, leaf, "gap"), spans
        self.say("pauses", missing=lasting(sum(high - low for low, high in spans)), **where)
        return None, spans

    def beside(self, camera: dict[str, Any], within: Callable[[int, int], int]) -> list[Claim]:
        """What is not in this copy and accounts for running time: footage that was asked for must be, and gaps told."""
        claims = []
        for leaf in camera["beside"]:
            body = self.leaf(leaf, "segment", "gap", camera=camera["id"])
            if body is None:
                continue
            recorded = self.leaves[leaf][0] == "segment"
            start = self.moment(body["start"], synced=recorded and body["synced"])
            stop = start.plus(body["duration_ms"]) if recorded else self.ended(body)
            if body.get("gone") or body.get("inside") or (not recorded and within(start.wall_ms, stop.wall_ms)):
                self.say("leaf-other", leaf=leaf)
            elif within(start.wall_ms, stop.wall_ms):
                self.say("absent", camera=camera["id"], **self.span(start.wall_ms, stop.wall_ms))
                claims.append(Claim(start, stop, leaf, "segment"))
            else:
                claims.append(Claim(start, stop, leaf, "segment" if recorded else "gap"))
        others = [one for one in claims if not within(one.start.wall_ms, one.stop.wall_ms)]
        if others:
            span = self.span(min(one.start.wall_ms for one in others), max(one.stop.wall_ms for one in others))
            self.say("beside", camera=camera["id"], count=len(others), **span)
        return claims

    def ended(self, gap: dict[str, Any]) -> Moment:
        return self.moment(gap["end"] or gap.get("until") or gap["start"])

    def lost(self, camera: dict[str, Any], entry: dict[str, Any]) -> list[tuple[int, int]]:
        """What is missing by a gap on the list, as subtitles tell it: in whole seconds, rounded outward."""
        body = self.leaf(entry["leaf"], "gap", camera=camera["id"])
        spans = [] if body is None else missed(body, self.moment(body["start"]).wall_ms, self.ended(body).wall_ms)
        return [(begin // 1000 * 1000, -(-end // 1000) * 1000) for begin, end in spans]

    def holes(self, camera: dict[str, Any], claims: list[Claim]) -> None:
        asked, until = self.asked()
        reached: Moment | None = None
        for claim in claims:
            start = claim.start
            if reached is None:
                if start.wall_ms > asked + JOIN_MS:
                    self.say("hole", camera=camera["id"], **self.span(asked, start.wall_ms))
            elif start.boot != reached.boot or start.boottime_ms > reached.boottime_ms + JOIN_MS:
                self.say("hole", camera=camera["id"], **self.span(reached.wall_ms, start.wall_ms))
            reached = claim.stop if reached is None else max(reached, claim.stop)
        if reached is None or reached.wall_ms < until - JOIN_MS:
            self.say("hole", camera=camera["id"], **self.span(asked if reached is None else reached.wall_ms, until))

    # 7 the copy itself

    def copied(self) -> None:
        leaf, asked = self.list["copy"], self.asked()
        body = self.leaf(leaf, "copy")
        if body is None:
            return
        segments = [one for camera in self.list["cameras"] for one in camera["segments"]]
        wanted = {
            "event": "begun",
            "export": self.list["export"],
            "cameras": sorted(one["id"] for one in self.list["cameras"]),
            "from": asked[0],
            "to": asked[1],
            **{name: self.list.get(name) for name in ("office_request", "office_row")},
        }
        if segments:  # of those that no film could be made of, the whole files are there in any case
            wanted["whole"] = all(one["original"] for one in segments)
        openings = {name: self.list[name] for name in ("who", "reason", "case", "request")}
        for name, opening in openings.items():
            hidden = None if opening is None else bytes.fromhex(opening["salt"]) + opening["text"].encode()
            wanted[name] = None if hidden is None else hashlib.sha256(hidden).hexdigest()
        found = {**body, "cameras": sorted(body["cameras"])}
        told = {name: opening["text"] for name, opening in openings.items() if opening is not None}
        with self.proving("copied", export=self.list["export"], **told):
            for name, value in wanted.items():
                if found.get(name) != value:
                    self.say("copy", leaf=leaf, what=name)
            if not self.list["checkpoints"] or leaf < self.list["checkpoints"][-1]["first"]:
                self.say("copy", leaf=leaf, what="origin")


def missed(gap: dict[str, Any], begin: int, end: int) -> list[tuple[int, int]]:
    """The wall time that is missing by it."""
    return [(begin + since, begin + since + lasted) for since, lasted in gap.get("pauses", [])] or [(begin, end)]


def milliseconds(parts: tuple[str, ...]) -> int:
    """Of a film."""
    hours, minutes, seconds, ms = map(int, parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms


def lasting(ms: int) -> str:
    """Hours, minutes, seconds."""
    seconds, rest = divmod(max(0, ms), 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest // 100}"


def stretches(claims: list[Claim]) -> list[tuple[Moment, Moment]]:
    """Begin and end of each row in which one follows the other, by running time and by the wall clock."""
    found: list[tuple[Moment, Moment]] = []
    for one in sorted(claims, key=lambda one: (one.start, one.stop)):
        begin, end = found[-1] if found else (one.start, one.start)
        beside = one.start.boot == end.boot and one.start.boottime_ms <= end.boottime_ms + JOIN_MS
        if (
            found
            and beside
            and abs(one.start.wall_ms - one.start.boottime_ms - end.wall_ms + end.boottime_ms) <= JOIN_MS
        ):
            found[-1] = begin, max(end, one.stop)
        else:
            found.append((one.start, one.stop))
    return found


def is_litter(path: str, listed: Any) -> bool:
    """What Windows and macOS leave in every folder. It has a name under which nobody takes it for evidence."""
    folder, _, name = path.rpartition("/")
    beside = f"{folder}/{name[2:]}" if folder else name[2:]
    return name.lower() in LITTER or (name.startswith("._") and (beside in listed or beside in (LIST, ENVELOPE)))


def shown(value: Any) -> Any:
    """Fit to be printed: a folder's names may hold anything."""
    if not isinstance(value, str):
        return value
    return "".join(one if one.isprintable() else "?" for one in value[:TEXT_SHOWN])


# --- For people -------------------------------------------------------------------------------------------------------

TEXT_SHOWN = 500


def report(check: Check) -> dict[str, Any]:
    """As a document: what `--json` prints."""
    lines = []
    for code, where in check.lines:
        sign, zh, en = SENTENCES[code]
        lines.append({"sign": sign, "code": code, "where": where, "zh": zh.format(**where), "en": en.format(**where)})
    head = {"schema": "edged.verify/1", "path": str(check.folder.root), "intact": not check.faults}
    return {**head, "lines": lines, "limits": [{"zh": zh, "en": en} for zh, en in LIMITS]}


def page(found: dict[str, Any], languages: tuple[str, ...]) -> Iterator[str]:
    """As a page of text."""
    zh, en = VERDICTS[found["intact"]]
    yield " / ".join(word for word, name in ((zh, "zh"), (en, "en")) if name in languages)
    for sign, (zh, en) in TITLES.items():
        lines = found["limits"] if sign == "-" else [one for one in found["lines"] if one["sign"] == sign]
        if lines:
            yield ""
            yield " / ".join(word for word, name in ((zh, "zh"), (en, "en")) if name in languages)
        for code in dict.fromkeys(one.get("code") for one in lines):
            same = [one for one in lines if one.get("code") == code]
            for one in same[:SAID_MAX]:
                yield f"  {sign} {one[languages[0]]}"
                yield from (f"    {one[name]}" for name in languages[1:])
            if len(same) > SAID_MAX:
                yield f"    … +{len(same) - SAID_MAX}"


def fingerprints(told: str, folder: Path) -> set[str]:
    """Of keys that somebody trusts: 64 digits, or a file with them or with public keys. ValueError."""
    plain = re.sub(r"[\s:]", "", told).lower()
    if HEX.fullmatch(plain):
        return {plain}
    file = Path(told).resolve()
    if folder.resolve() in file.parents:
        raise ValueError(f"{told} is from the folder itself, and proves nothing: take the key from the office")
    words = file.read_text("utf-8", "replace").split()
    found = {one for one in words if HEX.fullmatch(one)} | {
        fingerprint(public_of(one)) for one in words if public_of(one)
    }
    if not found:
        raise ValueError(f"{told} holds no fingerprint and no key")
    return found


def progress() -> Callable[[int], None]:
    """How far it is, for who looks on."""
    done = 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        sys.stderr.write(f"\r{done >> 20} MB ")

    return tell if sys.stderr.isatty() else lambda _: None


class Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        self.exit(64, f"{self.format_usage()}{self.prog}: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Exit code."""
    parser = Arguments(
        prog="verify.py", description="檢查匯出的監視錄影資料夾。Checks a folder of exported camera footage."
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(__file__).parent, help="default: where this file lies"
    )
    parser.add_argument("--key", metavar="FINGERPRINT|FILE", help="the office's key, as it published it")
    parser.add_argument("--lang", choices=("zh", "en"), help="default: both")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        import cryptography  # noqa: F401
    except ImportError:
        parser.error("it needs the library cryptography: apt install python3-cryptography, or pip install cryptography")
    try:
        pinned = fingerprints(asked.key, asked.folder) if asked.key else None
        check = Check(Folder(asked.folder, progress()), pinned).run()
    except (OSError, ValueError) as error:
        parser.error(str(error))
    found = report(check)
    try:
        if asked.json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
        else:
            print("\n".join(page(found, (asked.lang,) if asked.lang else ("zh", "en"))))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if found["intact"] else 1


if __name__ == "__main__":
    sys.exit(main())
