"""What a person reads, in the person's language: messages become text here, by the catalogues beside it.

The catalogues are GNU gettext's: `locale/zh_TW/LC_MESSAGES/edged.po` for translators, compiled when edged is built. In
the compiled ones a message is found by its code. One that the catalogue does not know (an older or a later version
wrote it) is shown in English, as it was sent.
"""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Final, Literal

from edged.words.units import roc, roc_day
from storage.words.message import BETWEEN, Message, Value, approximate_duration, filled, message, shown

Language = Literal["en", "zh_TW"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh_TW")
LOCALE: Final = Path(__file__).parent / "locale"
_HAN_LATIN: Final = re.compile("[\u4e00-\u9fff][A-Za-z]|[A-Za-z][\u4e00-\u9fff]")
_NO_LOGIN: Final = re.compile(r"(.+) without a login")
_BECAME: Final = re.compile(r"(.+) as ([a-z_][-\w]*)")
_BETWEEN: Final = {**BETWEEN, "sentences": "；"}
_UNITS: Final = str.maketrans({"d": "天", "h": "時", "m": "分", "s": "秒", " ": None})


def language_of(environ: Mapping[str, str] = os.environ) -> Language:
    """What the person reads, from LC_ALL, LC_MESSAGES or LANG, the first that is set deciding. A Linux console cannot
    draw Chinese.
    """
    wanted = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh_TW" if wanted.startswith("zh_TW") and environ.get("TERM") != "linux" else "en"


@cache
def _texts(language: str) -> gettext.NullTranslations:
    return gettext.translation("edged", LOCALE, languages=[language], fallback=True)


def template(language: str, code: str) -> str | None:
    """The words of a message in that language, with its values in braces; None: the catalogue does not know it."""
    found = _texts(language).gettext(code)
    return None if found == code or not code else found


def help_text(language: str, english: str) -> str:
    """Of the command line: it has no code, and is found by what it says."""
    return template(language, f"help\x04{english}") or english


def person_on_record(who: str) -> Message:
    """A person as leaves and rows name them: "chen", "chen as root", "root without a login"."""
    if met := _NO_LOGIN.fullmatch(who):
        return message("who.without-login", "{account} without a login", account=met[1])
    if met := _BECAME.fullmatch(who):
        return message("who.as", "{name} as {account}", name=met[1], account=met[2])
    return Message(who)


def _has_moment(values: Mapping[str, Value]) -> bool:
    """Whether something in it is told by the site's clock or calendar."""
    return any(
        name.endswith(("_at", "_on")) or (isinstance(one, Message) and _has_moment(one.values))
        for name, value in values.items()
        for one in (value if isinstance(value, list) else [value])
    )


def _spaced(words: str, values: Mapping[str, Value], show: Callable[[str, Value], str]) -> str:
    """With a blank between a Chinese sign and a Latin letter of a value beside it. KeyError as `filled`."""
    text = ""
    for literal, name, _, _ in Formatter().parse(words):
        text = _beside(text, literal)
        if name is not None:
            text = _beside(text, show(name, values[name]))
    return text


def _beside(before: str, after: str) -> str:
    apart = _HAN_LATIN.match(before[-1:] + after[:1]) is not None
    return before + (" " if apart else "") + after


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: a language, and the time zone of the site."""

    language: Language = "en"
    zone: tzinfo = UTC
    form: bool = False
    """It is a form of an office: dates in Chinese are those of the Republic, to the second."""

    def __call__(self, told: Message) -> str:
        """As this person reads it."""
        if self.language == "en" and not _has_moment(told.values):
            return str(told)
        words = template(self.language, told.code)
        if words is None:
            return str(told)
        try:
            text = (_spaced if self.language == "zh_TW" else filled)(words, told.values, self._shown)
        except (KeyError, ValueError, IndexError):  # another version says the same with other values
            return str(told)
        # What begins a sentence, or no longer does, was given the case of its first letter for that.
        return told[:1] + text[1:] if told[:1].casefold() == text[:1].casefold() else text

    def phrase(self, code: str, english: str, /, **values: Value) -> str:
        """A message that only this person reads: a heading, a word of a screen."""
        return self(message(code, english, **values))

    def _shown(self, name: str, value: Value) -> str:
        if isinstance(value, Message):
            return self(value)
        if isinstance(value, list):
            apart = _BETWEEN.get(name, "、") if self.language == "zh_TW" else BETWEEN.get(name, ", ")
            return apart.join(self._shown(name, one) for one in value)
        if isinstance(value, str):
            if name.endswith("_on"):
                return roc_day(value)
            return self.moment(value) if name.endswith("_at") else value
        if name.endswith("_s") and self.language == "zh_TW":
            return approximate_duration(value).translate(_UNITS)
        return shown(name, value)

    def moment(self, rfc3339: str) -> str:
        """By the site's clock, to the minute."""
        try:
            at = datetime.fromisoformat(rfc3339).astimezone(self.zone)
            return roc(at.isoformat()) if self.form and self.language == "zh_TW" else f"{at:%Y-%m-%d %H:%M}"
        except (ValueError, OverflowError):
            return rfc3339
