"""What people find in an export beside the films: the page that plays and checks it, how to use it, the verifier. Pure.

The page is one file without any link: it holds what it needs to play the films, and words, shapes and bounds of the
verifier, so that both say the same. Whatever comes from outside stands in it as JSON in which no tag can begin, is
shown as text, and has no letters in it that turn what is beside them around.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from html import escape
from importlib import resources
from typing import Any, Final

from edged.documents.exports import ExportedCamera, Manifest
from edged.evidence import verify
from edged.evidence.verify import shown
from edged.words import units
from edged.words.catalogue import Language, Reader, person_on_record
from recorder.remux.film import Film, wall_at

_CONSTANTS: Final = (
    "LIST",
    "ENVELOPE",
    "LEAVES",
    "KEYS",
    "SCHEMA",
    "PAYLOAD_TYPE",
    "JOIN_MS",
    "EDGE_MS",
    "SPLICE_MS",
    "SUBTITLE_MS",
    "BY_REQUEST",
    "DOCUMENT_MAX",
    "LINE_MAX",
    "HEADER_MAX",
    "PART_MAX",
    "BOXES_MAX",
    "PARTS_MAX",
    "TEXT_MAX",
    "TEXT_SHOWN",
    "ITEMS_MAX",
    "PIECES_MAX",
    "MISFITS_MAX",
    "TOLD_MAX",
    "SAID_MAX",
    "AHEAD_MAX",
    "PICTURES",
)
ABOUT_ZH: Final = (
    "錄影時段　",
    "複製時間　",
    "複製人　　",
    "事由　　　",
    "案號　　　",
    "來文字號　",
    "申請案號　",
    "至",
)
ABOUT_EN: Final = (
    "Footage   ",
    "Copied    ",
    "By        ",
    "Reason    ",
    "Case      ",
    "Request   ",
    "Granted   ",
    "to",
)
_PIECES: Final = ("page.css", "sha256.js", "check.js", "play.js")


@dataclass(frozen=True, slots=True)
class FilmSpan:
    """A stretch of a film in which its time and the wall clock run side by side; ms."""

    film_ms: int
    wall_ms: int
    length_ms: int


def spans(film: Film) -> list[FilmSpan]:
    """Of a planned film."""
    begins = [take.shown * 1000 // film.header.rate for take in film.takes]
    ends = [*begins[1:], film.lasts_ms]
    return [FilmSpan(at, wall_at(film, at), end - at) for at, end in zip(begins, ends, strict=True)]


def index(manifest: Manifest, played: Mapping[str, Sequence[FilmSpan]], clocks: Mapping[str, int]) -> bytes:
    """`index.html`. `played`: of each film by its path; `clocks`: by camera, its own clock minus ours, ms, if told."""
    film = {
        "export": manifest.export,
        "office": shown(manifest.office),
        "site": shown(manifest.site),
        "timezone": manifest.timezone,
        "created": _ms(manifest.created),
        "destroyBy": _ms(manifest.destroy_by),
        "from": _ms(manifest.asked.from_),
        "to": _ms(manifest.asked.to),
        "who": [Reader(language)(person_on_record(shown(manifest.who.text))) for language in ("zh_TW", "en")],
        "reason": shown(manifest.reason.text),
        "case": shown(manifest.case.text) if manifest.case else "",
        "request": shown(manifest.request.text) if manifest.request else "",
        "officeRequest": shown(manifest.office_request or ""),
        "officeRow": shown(manifest.office_row or ""),
        "key": sha256(bytes.fromhex(manifest.key)).hexdigest(),
        "cameras": [_camera(camera, played, clocks) for camera in manifest.cameras],
    }
    page = _text("index.html")
    for name, (zh, en) in _page_words().items():
        page = page.replace(f"@zh:{name}@", escape(zh)).replace(f"@en:{name}@", escape(en))
    for name in _PIECES:
        page = page.replace(f"@{name}@", _text(name))
    return page.replace("@words@", _embedded(_words())).replace("@film@", _embedded(film)).encode()


def _camera(
    camera: ExportedCamera, played: Mapping[str, Sequence[FilmSpan]], clocks: Mapping[str, int]
) -> dict[str, Any]:
    films = [
        {"path": one.path, "spans": [[span.film_ms, span.wall_ms, span.length_ms] for span in played[one.path]]}
        for one in camera.files
    ]
    return {
        "id": camera.id,
        "name": shown(camera.name),
        "films": films,
        "gaps": [[_ms(one.from_), _ms(one.to), one.cause] for one in camera.gaps],
        "destroyed": [[_ms(one.from_), _ms(one.to)] for one in camera.destroyed],
        "loose": [one.original for one in camera.loose],
        "clock": clocks.get(camera.id),
    }


def readme(manifest: Manifest) -> bytes:
    """`README.txt`, as Windows reads it."""
    films = "\n".join(f"  {one.path}    {shown(camera.name)}" for camera in manifest.cameras for one in camera.files)
    told = {
        "office": shown(manifest.office),
        "site": shown(manifest.site),
        "export": manifest.export,
        "about_zh": _about(manifest, "zh_TW", units.roc, ABOUT_ZH),
        "about_en": _about(manifest, "en", _plain, ABOUT_EN),
        "destroy_by_zh": units.roc(manifest.destroy_by),
        "destroy_by_en": _plain(manifest.destroy_by),
        "films": films,
        "key": sha256(bytes.fromhex(manifest.key)).hexdigest(),
    }
    text = _text("README.txt").format_map(told)
    return ("\ufeff" + text.replace("\n", "\r\n")).encode()


def _about(manifest: Manifest, language: Language, at: Callable[[str], str], words: Sequence[str]) -> str:
    """What was copied, by whom and why: lines of which each has something to tell."""
    footage, copied, who, reason, case, request, office_request, until = words
    told = [
        (footage, f"{at(manifest.asked.from_)} {until} {at(manifest.asked.to)}（{manifest.timezone}）"),
        (copied, at(manifest.created)),
        (who, Reader(language)(person_on_record(shown(manifest.who.text)))),
        (reason, shown(manifest.reason.text)),
        (case, shown(manifest.case.text) if manifest.case else ""),
        (request, shown(manifest.request.text) if manifest.request else ""),
        (office_request, _by_request(manifest)),
    ]
    return "\n".join(f"{name}{text}" for name, text in told if text)


def _by_request(manifest: Manifest) -> str:
    number, row = manifest.office_request, manifest.office_row
    return "" if number is None else f"{shown(number)}（{shown(row or '')}）"


def _plain(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M:%S}"


@cache
def verifier() -> bytes:
    """`verify.py`, as it is."""
    return resources.files("edged.evidence").joinpath("verify.py").read_bytes()


def _words() -> dict[str, Any]:
    """What the page has of the verifier, and its own words."""
    constants = {name: getattr(verify, name) for name in _CONSTANTS}
    return {
        "sentences": verify.SENTENCES,
        "causes": verify.CAUSES,
        "titles": verify.TITLES,
        "good": verify.VERDICTS[True],
        "page": _page_words(),
        "limits": verify.LIMITS,
        "constants": constants | {"ALWAYS": sorted(verify.ALWAYS), "LITTER": sorted(verify.LITTER)},
        "shapes": {
            "list": verify.LIST_SHAPE,
            "envelope": verify.ENVELOPE_SHAPE,
            "entry": verify.ENTRY_SHAPE,
            "leaf": verify.LEAF_SHAPE,
            "bodies": verify.BODIES,
        },
        "patterns": {
            "origin": verify.ORIGIN.pattern,
            "cue": verify.CUE.pattern,
            "clock": verify.CLOCK.pattern,
            "notice": verify.NOTICE.pattern,
        },
    }


@cache
def _page_words() -> dict[str, tuple[str, str]]:
    """The page's own words, Chinese and English."""
    return {name: (zh, en) for name, (zh, en) in json.loads(_text("words.json")).items()}


@cache
def _text(name: str) -> str:
    return resources.files("edged.evidence").joinpath("page", name).read_text("utf-8")


def _embedded(value: Any) -> str:
    """JSON within a script element, which nothing in it can end."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)
