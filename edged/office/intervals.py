"""Dates and intervals as people write them on a form, by the site's clock; and as an office writes them.

Years are those of the Republic (民國) or Gregorian, signs full-width or not: `115-11-20 14:00 ~ 15:30`,
`115年11月20日14時起至16時止`, `115/11/20～115/11/22`. What is RFC 3339 has a zone of its own. Several intervals are
apart by ; or 、 or stand on lines of their own.

- What an end leaves out is that of the beginning: year, date, zone. A further interval takes year and date of the one
  before.
- A date without a time is the whole day; as an end, too.
- Where clocks are put back and a time comes twice, an interval takes both.

A text that is none of that raises nothing. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from edged.office.identity_numbers import DASHES
from edged.words.units import ROC, roc_date, shown, timestamp
from edged.words.value_types import FIRST_YEAR, LAST_YEAR
from storage.words.message import Message, message

LONG_S: Final = 86_400
"""What is looked at is the narrowest that serves: whoever asks for more than a day is told."""
HOURS: Final = 30
"""25:30 is 01:30 of the next day to whoever works at night. From here on it is a slip of the pen."""

_DAY: Final = timedelta(days=1)
_MS: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WAVES: Final = str.maketrans(dict.fromkeys("\u301c\u3030\u223c\u223d", "~"))
"""What is typed for ~ and looks like it; ～ becomes one in NFKC."""
_DATE: Final = (
    r"(?:(?P<{0}roc>(?:(?:中華)?民國\s?)?)(?P<{0}year>[0-9]{{2,4}})\s?[-/.年]\s?)?"
    r"(?P<{0}month>[0-9]{{1,2}})\s?[-/.月]\s?(?P<{0}day>[0-9]{{1,2}})(?:\s?日)?(?:\s?\((?:星期|週)?[一二三四五六日]\))?"
)
_CLOCK: Final = (
    r"(?<![0-9])(?P<{0}hour>[0-9]{{1,2}})\s?"
    r"(?::\s?(?P<{0}minute>[0-9]{{2}})(?:\s?:\s?(?P<{0}second>[0-9]{{2}}(?:\.[0-9]{{1,6}})?))?"
    r"|[時點](?:\s?(?P<{0}minutes>[0-9]{{1,2}})\s?分(?:\s?(?P<{0}seconds>[0-9]{{1,2}})\s?秒)?)?)"
)
_ZONED: Final = (
    r"(?P<{0}zoned>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,6}})?)?"
    r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9]))"
)
_POINT: Final = rf"(?:{_ZONED}|(?=[0-9中民])(?:{_DATE})?(?:(?:\s?[,;、]?\s?|T){_CLOCK})?)"
_TO: Final = r"\s?(?:起\s?[~至到-]?|[~至到/]|-{1,2})\s?"
_END: Final = r"(?=\s?(?:[,;、]|\n|\Z))"
_INTERVAL: Final = re.compile(
    rf"\s?(?:(?:[自從]\s?)?{_POINT.format('from_')}{_TO}{_POINT.format('to_')}(?:\s?止(?:之檔案)?)?{_END}"
    rf"|{_DATE.format('whole_')}{_END}"
    r"|(?P<none>[^\s,;、][^,;、\n]*))",
    re.IGNORECASE,
)
_ALONE: Final = re.compile(_DATE.format("alone_"))


@dataclass(frozen=True, slots=True)
class FormInterval:
    """Wall clock, ms since 1970, the end not included."""

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class IntervalReading:
    """What a text asks for."""

    intervals: tuple[FormInterval, ...] = ()
    """Each once, in their order; none is empty."""
    remarks: tuple[Message, ...] = ()
    whole: bool = True
    """Each that stands there is one of them."""


def read_date(text: str) -> date | None:
    """Of one that stands alone. None: it is none, or not of the years `FIRST_YEAR` to `LAST_YEAR`."""
    found = _ALONE.fullmatch(_flat(text))
    try:
        return None if found is None else _date(found, "alone_", None)
    except ValueError:
        return None


def read_intervals(text: str, zone: tzinfo, now_ms: int) -> IntervalReading:
    """`zone`: of the site. `now_ms`: wall clock, ms since 1970."""
    typed: list[_Typed | None] = []
    remarks: list[Message] = []
    day: date | None = None
    for number, found in enumerate(_INTERVAL.finditer(_flat(text)), 1):
        one = _typed(found, day, zone)
        typed.append(one)
        if one is None:
            remarks.append(
                message(
                    "office.interval.unreadable",
                    "interval {number}, {value}, cannot be read; one is written such as 115-11-20 14:00 ~ 15:30, with "
                    "hours up to 24",
                    number=number,
                    value=shown(found[0].strip()),
                )
            )
        else:
            day = one.day
            remarks += one.remarks(number, now_ms)
    asked = [one.interval for one in typed if one is not None and one.forward]
    return IntervalReading(tuple(dict.fromkeys(asked)), tuple(remarks), len(asked) == len(typed))


def _flat(text: str) -> str:
    """With usual signs; what is blank is one blank, or one line break."""
    plain = unicodedata.normalize("NFKC", text).translate(DASHES).translate(_WAVES)
    return re.sub(r"\s+", lambda found: "\n" if "\n" in found[0] else " ", plain).strip()


@dataclass(frozen=True, slots=True)
class _Typed:
    """One interval, and how it was typed."""

    interval: FormInterval
    day: date
    past_midnight: bool = False
    """It has hours from 24:00."""
    next_day: bool = False
    """Its end is a time alone, earlier than its beginning."""

    @property
    def forward(self) -> bool:
        return self.interval.from_ms < self.interval.to_ms

    def remarks(self, number: int, now_ms: int) -> Iterator[Message]:
        if self.past_midnight:
            yield message(
                "office.interval.past-midnight",
                "interval {number}: hours from 24:00 are read as those of the next day",
                number=number,
            )
        if self.next_day:
            yield message(
                "office.interval.next-day",
                "interval {number} ends at an earlier time than it begins, and is read as one to the next day",
                number=number,
            )
        if not self.forward:
            yield message(
                "office.interval.backwards",
                "interval {number} does not end after it begins, so nothing is asked for by it",
                number=number,
            )
            return
        if self.interval.to_ms > now_ms:
            yield message(
                "office.interval.future",
                "interval {number} goes on until {to_at}, which is still to come",
                number=number,
                to_at=timestamp(self.interval.to_ms),
            )
        length_s = (self.interval.to_ms - self.interval.from_ms) // 1000
        if length_s > LONG_S:
            yield message(
                "office.interval.long",
                "interval {number} lasts {length_s}: no more is asked for than is needed",
                number=number,
                length_s=length_s,
            )


def _typed(found: re.Match[str], before: date | None, zone: tzinfo) -> _Typed | None:
    """`before`: the day of the interval before. None: it cannot be read."""
    try:
        if found["none"]:
            return None
        if found["whole_day"]:
            day = _date(found, "whole_", before)
            return _Typed(_interval(_moment(day, zone), _moment(day + _DAY, zone, fold=1)), day)
        return _from_to(found, before, zone)
    except ValueError:
        return None


def _from_to(found: re.Match[str], before: date | None, zone: tzinfo) -> _Typed:
    """ValueError: a date or a time that there is not, or none where one is needed."""
    clock, last_clock = _clock(found, "from_"), _clock(found, "to_")
    begin = _zoned(found, "from_") or _moment(_date(found, "from_", before), zone, clock or timedelta())
    end, next_day = _zoned(found, "to_"), False
    if end is None:
        last = _date(found, "to_", begin.date())
        if last < begin.date() and not found["to_year"]:
            last = last.replace(year=last.year + 1)
        end = _moment(last, begin.tzinfo or zone, _DAY if last_clock is None else last_clock, fold=1)
        if not found["to_day"] and (next_day := end.replace(fold=begin.fold) < begin):
            end += _DAY
    hours = [one for one in (clock, last_clock) if one is not None]
    return _Typed(_interval(begin, end), begin.date(), any(one >= _DAY for one in hours), next_day)


def _zoned(found: re.Match[str], prefix: str) -> datetime | None:
    """ValueError: there is no such moment."""
    if not found[f"{prefix}zoned"]:
        return None
    moment = datetime.fromisoformat(found[f"{prefix}zoned"].upper())
    return moment.replace(year=_meant(moment.year))


def _date(found: re.Match[str], prefix: str, before: date | None) -> date:
    """`before`: whose date, or year, it has where it has none of its own. ValueError."""
    year, month, day = (found[f"{prefix}{name}"] for name in ("year", "month", "day"))
    if year:
        of_the_republic = found[f"{prefix}roc"] or int(year) < 1000
        return date(_meant(int(year) + (ROC if of_the_republic else 0)), int(month), int(day))
    if before is None:
        raise ValueError
    return before.replace(month=int(month), day=int(day)) if day else before


def _meant(year: int) -> int:
    """ValueError: a slip of the pen."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError
    return year


def _clock(found: re.Match[str], prefix: str) -> timedelta | None:
    """Since midnight. ValueError: there is no such time."""
    if not found[f"{prefix}hour"]:
        return None
    hour = int(found[f"{prefix}hour"])
    minute = int(found[f"{prefix}minute"] or found[f"{prefix}minutes"] or 0)
    second = float(found[f"{prefix}second"] or found[f"{prefix}seconds"] or 0)
    if hour >= HOURS or minute >= 60 or second >= 60:
        raise ValueError
    return timedelta(hours=hour, minutes=minute, seconds=second)


def _moment(day: date, zone: tzinfo, clock: timedelta = timedelta(), *, fold: int = 0) -> datetime:
    return (datetime.combine(day, time()) + clock).replace(tzinfo=zone, fold=fold)


def _interval(begin: datetime, end: datetime) -> FormInterval:
    return FormInterval((begin - _EPOCH) // _MS, (end - _EPOCH) // _MS)


def interval_text(intervals: Iterable[FormInterval], zone: tzinfo) -> str:
    """As a form shows them: 民國115年11月20日 14:00～15:30. `read_intervals` reads the same from it.

    Where clocks are put back, one that could be taken for another is RFC 3339.
    """
    return "；".join(_written(one, zone) for one in intervals)


def _written(one: FormInterval, zone: tzinfo) -> str:
    begin, end = ((_EPOCH + ms * _MS).astimezone(zone) for ms in (one.from_ms, one.to_ms))
    until = _time_text(end) if begin.date() == end.date() else f"{roc_date(end)} {_time_text(end)}"
    text = f"{roc_date(begin)} {_time_text(begin)}～{until}"
    if read_intervals(text, zone, one.to_ms).intervals == (one,):
        return text
    return "～".join(at.isoformat(timespec="milliseconds") for at in (begin, end))


def _time_text(at: datetime) -> str:
    """As exact as it has to be."""
    return at.time().isoformat("milliseconds" if at.microsecond else "seconds" if at.second else "minutes")
