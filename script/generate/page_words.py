"""The words of the page in an export that are not the verifier's, as messages.

The page is for whoever gets the export, in both languages: `edged/evidence/page/words.json` goes with it, and
is written by `script/messages`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

Told = tuple[str, str]
"""Code and English."""


def message(code: str, english: str) -> Told:
    """Called as the product's own, so that it is extracted alike."""
    return code, english


WORDS: Final = (
    # the other language, by its own name
    message("page.other-language", "中文"),
    # what it plays
    message("page.footage", "Camera footage"),
    message("page.watch", "Watch"),
    message("page.play", "Play"),
    message("page.pause", "Pause"),
    message("page.ten-back", "10 seconds back"),
    message("page.ten-forth", "10 seconds on"),
    message("page.speed", "Speed"),
    message("page.sound", "Sound"),
    message("page.silent", "none"),
    message("page.go-to", "Go to"),
    message("page.time", "Time"),
    message("page.cannot-play", "This browser cannot play {path}: open it in VLC."),
    # what is missing
    message("page.missing", "What is missing"),
    message("page.nothing-missing", "nothing"),
    message("page.not-recorded", "Not recorded"),
    message("page.destroyed", "Destroyed"),
    message("page.was-destroyed", "destroyed"),
    message("page.no-footage", "No footage"),
    message("page.before", "Go to just before"),
    message("page.pauses", "pauses within"),
    message("page.seconds", "s"),
    message("page.loose", "could not be put into the film: open it in VLC."),
    message("page.clock", "the camera's own clock differs by {seconds} s"),
    # the copy
    message("page.copied", "copied"),
    message("page.by", "by"),
    message("page.destroy-by", "to be destroyed by"),
    message("page.reason", "reason"),
    message("page.case", "case"),
    message("page.request", "request"),
    message("page.office-request", "Request for footage"),
    message("page.fingerprint", "fingerprint"),
    # the check
    message("page.check", "Check"),
    message(
        "page.choose",
        "Choose the whole folder that this page lies in; the browser checks every file. Nothing leaves this computer.",
    ),
    message("page.published", "The fingerprint that the office published, if you have it"),
    message("page.choose-folder", "Choose folder"),
    message("page.or-drop", "or drop it here"),
    message("page.wrong", "Something is wrong"),
    message("page.other-export", "{other} was checked, not {export}, which this page plays"),
    message("page.several", "There are several exports in there: choose one of them"),
    message("page.bad-fingerprint", "A fingerprint has 64 digits, 0–9 and a–f: enter it again"),
    message("page.broke-off", "The check broke off"),
    message(
        "page.no-ed25519",
        "This browser cannot check the signature (Ed25519): use a recent Edge, Chrome or Firefox, or verify.py.",
    ),
    message("page.no-script", "Switch JavaScript on, or play the films and use verify.py."),
)


def document(words: Callable[[str, Told], str]) -> str:
    """`words.json`: of each word Chinese and English."""
    both = {one[0].removeprefix("page."): [words("zh_TW", one), words("en", one)] for one in WORDS}
    return json.dumps(both, ensure_ascii=False, indent=1) + "\n"
