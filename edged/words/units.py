"""Durations, sizes and times as people and documents write them: "31d", "1h30m"; "2TB", "10GiB"; RFC 3339 in UTC.

Pure. Numbers without a unit are refused, because nobody can tell a wrong one from
a right one later. Months and years are refused too: the law counts days, and a month has no length.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from storage.words.message import Message, format_size, message

ROC: Final = 1911
"""Of the first year of the Republic (民國) less one."""

MAX_DURATION: Final = timedelta(days=36_525)
"""A hundred years: longer is a slip of the pen, and still far inside what every later sum can hold."""
MAX_SIZE_BYTES: Final = 10**18
"""An exabyte: beyond any box; keeps sums within the 64 bits of the catalog."""

_DURATION_UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SIZE_UNITS: Final = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50,
}  # fmt: skip
_PART: Final = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([A-Za-z]+)\s*")
_LONGEST_SHOWN: Final = 40
"""Characters of a wrong value that a message repeats; enough to find it, too few to print a pasted file."""
_DURATION_HELP: Final = message(
    "units.duration.instead", 'a number and a unit, such as "31d", "5m" or "1h30m" (units: ms, s, m, h, d, w)'
)
_SIZE_HELP: Final = message(
    "units.size.instead",
    'a number and a unit, such as "2TB" or "10GiB" (units: B, kB, MB, GB, TB, PB; KiB, MiB, GiB, TiB, PiB)',
)
_SECONDS: Final = message("units.seconds.instead", "seconds are s, such as 30s")
_WRONG_DURATION_UNITS: Final = {
    "M": message("units.months.instead", "a month has no fixed length: write days, such as 31d; minutes are m"),
    "y": message("units.years.instead", "a year has no fixed length: write days, such as 365d"),
    "min": message("units.minutes.instead", "minutes are m, such as 5m"),
    "sec": _SECONDS,
    "D": message("units.days.instead", "days are d, such as 31d"),
    "H": message("units.hours.instead", "hours are h, such as 12h"),
    "S": _SECONDS,
}


class UnitError(ValueError):
    """What is wrong with it in plain words, and what to write instead; `said`: both."""

    def __init__(self, problem: Message, instead: Message) -> None:
        self.said = message("units.wrong", "{problem}; write {instead}", problem=problem, instead=instead)
        super().__init__(self.said)
        self.problem = problem
        self.instead = instead


def parse_duration(text: str) -> timedelta:
    """ "31d" → 31 days. Parts may follow one another ("1h30m"), each unit once."""
    total_ms = Decimal(0)
    value = shown(text)
    wrong = message("units.no-duration", "{value} is not a duration", value=value)
    for number, unit in _parts(text, wrong, _DURATION_HELP):
        if unit not in _DURATION_UNITS_MS:
            raise UnitError(_unknown_unit(value, unit), _WRONG_DURATION_UNITS.get(unit, _DURATION_HELP))
        total_ms += number * _DURATION_UNITS_MS[unit]
    if total_ms > MAX_DURATION // timedelta(milliseconds=1):
        problem = message("units.too-long", "{value} is longer than a hundred years", value=value)
        raise UnitError(problem, _DURATION_HELP)
    if total_ms != int(total_ms):
        problem = message("units.too-fine", "{value} is finer than a millisecond", value=value)
        raise UnitError(problem, _DURATION_HELP)
    return timedelta(milliseconds=int(total_ms))


def parse_size(text: str) -> int:
    """ "2TB" → 2 000 000 000 000 bytes; "2TiB" counts in powers of 1024."""
    value = shown(text)
    parts = _parts(text, message("units.no-size", "{value} is not a size", value=value), _SIZE_HELP)
    number, unit = parts[0]
    if len(parts) > 1:
        raise UnitError(message("units.sizes", "{value} is more than one size", value=value), _SIZE_HELP)
    if unit not in _SIZE_UNITS:
        near = next((known for known in _SIZE_UNITS if known.lower() in (unit.lower(), f"{unit.lower()}b")), None)
        raise UnitError(_unknown_unit(value, unit), Message(f'"{number}{near}"') if near else _SIZE_HELP)
    size = number * _SIZE_UNITS[unit]
    if size > MAX_SIZE_BYTES:
        raise UnitError(message("units.too-large", "{value} is more than an exabyte", value=value), _SIZE_HELP)
    if size != int(size):
        problem = message("units.not-whole", "{value} is not a whole number of bytes", value=value)
        raise UnitError(problem, _SIZE_HELP)
    return int(size)


def _unknown_unit(value: str, unit: str) -> Message:
    return message("units.unknown-unit", "{value} has the unknown unit '{unit}'", value=value, unit=unit)


def format_duration(duration: timedelta) -> str:
    """The exact text that `parse_duration` reads back, in the largest units that fit: "1d12h", "2s", "0s"."""
    rest = duration // timedelta(milliseconds=1)
    if rest < 0:
        return f"-{format_duration(-duration)}"
    text = ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _DURATION_UNITS_MS[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def rough_size(size: int) -> str:
    """Down to 1, 2 or 5 and zeros, so that what grows slowly keeps its words: "20 GB" of 49 GB."""
    power: int = 10 ** (len(str(size)) - 1)
    rough = max(step * power for step in (0, 1, 2, 5) if step * power <= size)
    return re.sub(r"\.0+ ", " ", format_size(rough))


def roc(moment: str) -> str:
    """RFC 3339 as forms write it, with years of the Republic: 民國115年5月3日 08:00:00."""
    at = datetime.fromisoformat(moment)
    return f"{roc_date(at)} {at:%H:%M:%S}"


def roc_date(day: date) -> str:
    """The same of a date: 民國115年5月3日."""
    return f"民國{day.year - ROC}年{day.month}月{day.day}日"


def counted(number: int, noun: str) -> str:
    """ "1 segment", "2 segments": of nouns that take an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shown(text: str) -> str:
    """A wrong value as a message may repeat it: quoted, on one line, cut short."""
    return quoted(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")


def quoted(text: str) -> str:
    """Double-quoted as TOML would, control characters escaped, Chinese left readable."""
    inner = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in inner) + '"'


def _parts(text: str, wrong: Message, help_text: Message) -> list[tuple[Decimal, str]]:
    parts: list[tuple[Decimal, str]] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            break
        parts.append((Decimal(match[1]), match[2]))
        position = match.end()
    if not parts or position < len(text):
        lone = re.fullmatch(r"\s*[0-9.]+\s*", text)
        raise UnitError(
            message("units.no-unit", "{value} has no unit", value=shown(text)) if lone else wrong, help_text
        )
    units = [unit for _, unit in parts]
    if len(set(units)) < len(units):
        problem = message("units.unit-twice", "{value} names one unit twice", value=shown(text))
        raise UnitError(problem, help_text)
    return parts


_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999
"""The years 1 to 9999."""


def timestamp(wall_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, as far as it goes: a stranger's file may tell of any time."""
    moment = datetime.fromtimestamp(min(max(wall_ms, _FIRST_MS), _LAST_MS) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def optional_timestamp(wall_ms: int | None) -> str | None:
    return None if wall_ms is None else timestamp(wall_ms)


_DAY: Final = re.compile(r"(?:中華)?(?:民國)?\s*([0-9]{2,4})\s*[-/.年]\s*([0-9]{1,2})\s*[-/.月]\s*([0-9]{1,2})\s*日?")
_DAY_HELP: Final = message("units.day.instead", "a day such as 115.11.25 or 2026-11-25")


def parse_day(text: str) -> date:
    """ "115.11.25", "民國115年11月25日", "2026-11-25": years of less than four digits are those of the Republic.

    UnitError.
    """
    found = _DAY.fullmatch(unicodedata.normalize("NFKC", text).strip())
    try:
        if found is not None:
            year = int(found[1]) + (ROC if len(found[1]) < 4 else 0)
            return date(year, int(found[2]), int(found[3]))
    except ValueError:
        pass  # no such day of that month
    raise UnitError(message("units.no-day", "{value} is no day", value=shown(text)), _DAY_HELP)


def roc_day(day: str) -> str:
    """ISO 8601 as an office stamps it: 115.11.25; what is none, or before the Republic, stays as it is."""
    try:
        at = date.fromisoformat(day)
    except ValueError:
        return day
    return f"{at.year - ROC}.{at:%m.%d}" if at.year > ROC else day
