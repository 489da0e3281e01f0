"""Days of an office: its calendar, periods of legal days, numbers of requests.

A period is counted as 行政程序法 §48 has it:

- The first day does not count (II: 其始日不計算在內).
- A last day that is a Sunday, a holiday or another day of rest moves to the next day (IV: 以該日之次日為期間之末日),
  until it is a working day. A Saturday moves to Monday (IV: 以其次星期一上午為期間末日), or past it where that is off,
  too. Nothing is said here of the forenoon: a date has no hour.
- A Saturday on which offices work to make up for a day off (補行上班) is a working day, and nothing moves. Whether a
  day is one of rest is judged by offices as a whole (法務部 99.2.3, on §48 IV).
- While the applicant is asked for a supplement (補正), no day counts; what ran before stays counted (§51 V; 法務部
  88.11.19 法88律字第040516號).

A period of working days counts those only. It ends with the end of its last day. Pure.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Final, Self
from unicodedata import normalize

from edged.words.units import ROC, shown
from storage.words.message import Message, message

ALARM_BEFORE: Final = timedelta(days=2)
LOOK_AHEAD: Final = timedelta(days=31)
"""How far ahead the calendar is looked for: from 1 December, that of the next year."""

MAX_FILE_BYTES: Final = 65_536
"""Ten times a real file."""
COLUMNS: Final = ("西元日期", "星期", "是否放假")
"""Those that are read; 備註 follows."""
WEEKDAYS: Final = "一二三四五六日"
WORKING_DAY: Final = "0"
DAY_OFF: Final = "2"
FEWEST_OFF: Final = 90
MOST_OFF: Final = 150
"""Days off in a year are 110 to 120. Far from that, the file says 0 where it means 2, or nothing at all."""

_DAY: Final = timedelta(days=1)
_DATE: Final = re.compile(r"[0-9]{8}")
_NUMBER: Final = re.compile(r"([1-9][0-9]{0,3})-([0-9]{4}|[1-9][0-9]{4,8})")


class CalendarError(ValueError):
    """What is wrong with a calendar, in `said`."""

    def __init__(self, said: Message) -> None:
        super().__init__(said)
        self.said = said


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """One year of an office."""

    year: int
    days_off: frozenset[date]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Of a file of 行政院人事行政總處, 政府行政機關辦公日曆表 as CSV in UTF-8 or Big5: a line for each day.

        An office may change it: a day on which it was closed (停止上班) has a 2. CalendarError for the first thing that
        is wrong.
        """
        is_off: dict[date, bool] = {}
        for line, cells in _rows(_text(data)):
            day = _date(line, cells)
            if day in is_off:
                raise CalendarError(
                    message("office.calendar.twice", "line {line}: {day} is there twice", line=line, day=str(day))
                )
            year = next(iter(is_off), day).year
            if day.year != year:
                raise CalendarError(
                    message(
                        "office.calendar.other-year",
                        "line {line}: {day} is not a day of {year}, as those above it are",
                        line=line,
                        day=str(day),
                        year=year,
                    )
                )
            is_off[day] = _is_off(line, cells)
        return cls._whole(is_off)

    @classmethod
    def _whole(cls, is_off: dict[date, bool]) -> Self:
        """Of days of one year. CalendarError where some are missing, or it cannot be meant."""
        if not is_off:
            raise CalendarError(message("office.calendar.empty", "there is no day in the file"))
        year = next(iter(is_off)).year
        days = map(date.fromordinal, range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1))
        missing = [day for day in days if day not in is_off]
        if missing:
            raise CalendarError(
                message(
                    "office.calendar.missing",
                    "days of {year} are missing: {count}, the first of them {day}",
                    year=year,
                    count=len(missing),
                    day=str(missing[0]),
                )
            )
        off = frozenset(day for day, so in is_off.items() if so)
        if not FEWEST_OFF <= len(off) <= MOST_OFF:
            raise CalendarError(
                message(
                    "office.calendar.implausible",
                    "{year} would have {count} days off; {fewest} to {most} can be meant",
                    year=year,
                    count=len(off),
                    fewest=FEWEST_OFF,
                    most=MOST_OFF,
                )
            )
        return cls(year, off)


def _text(data: bytes) -> str:
    if len(data) > MAX_FILE_BYTES:
        raise CalendarError(
            message(
                "office.calendar.too-large",
                "the file has {size_bytes}, and that of one year less than {limit_bytes}",
                size_bytes=len(data),
                limit_bytes=MAX_FILE_BYTES,
            )
        )
    for encoding in ("utf-8-sig", "cp950"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CalendarError(message("office.calendar.encoding", "the file is neither UTF-8 nor Big5"))


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines below the head, with their numbers; blank ones are left out, as spreadsheets leave them at the end."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    head: tuple[str, ...] | None = None
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if head is None:
                head = tuple(cells[: len(COLUMNS)])
                if head != COLUMNS:
                    raise CalendarError(
                        message(
                            "office.calendar.head",
                            "the first line is {found}; it begins with {columns}",
                            found=shown(",".join(cells)),
                            columns=",".join(COLUMNS),
                        )
                    )
            elif len(cells) < len(COLUMNS):
                raise CalendarError(
                    message(
                        "office.calendar.columns",
                        "line {line} has fewer columns than {columns}",
                        line=reader.line_num,
                        columns=",".join(COLUMNS),
                    )
                )
            else:
                yield reader.line_num, cells
    except csv.Error as error:
        raise CalendarError(
            message(
                "office.calendar.quotes",
                "line {line} is not CSV: a quotation mark is missing, or one too many",
                line=reader.line_num,
            )
        ) from error


def _date(line: int, cells: list[str]) -> date:
    written, weekday = cells[:2]
    try:
        day = date.fromisoformat(written if _DATE.fullmatch(written) else "")  # it reads weeks of the year, too
    except ValueError:
        raise CalendarError(
            message(
                "office.calendar.date",
                "line {line}: {value} is no date; one is written such as 20260101",
                line=line,
                value=shown(written),
            )
        ) from None
    if weekday != WEEKDAYS[day.weekday()]:
        raise CalendarError(
            message(
                "office.calendar.weekday",
                "line {line}: {day} falls on {weekday}, and the file says {value}",
                line=line,
                day=str(day),
                weekday=WEEKDAYS[day.weekday()],
                value=shown(weekday),
            )
        )
    return day


def _is_off(line: int, cells: list[str]) -> bool:
    if cells[2] not in (WORKING_DAY, DAY_OFF):
        raise CalendarError(
            message(
                "office.calendar.off",
                "line {line}: 是否放假 is {value}; it is 0 for a working day and 2 for a day off",
                line=line,
                value=shown(cells[2]),
            )
        )
    return cells[2] == DAY_OFF


@dataclass(frozen=True, slots=True)
class OfficeCalendar:
    """When an office works. Of a year without a file only Saturdays and Sundays are known to be off."""

    years: frozenset[int] = frozenset()
    days_off: frozenset[date] = frozenset()

    @classmethod
    def of(cls, years: Iterable[CalendarYear]) -> Self:
        """CalendarError for a year that is there twice: nobody can tell which one holds."""
        known: dict[int, CalendarYear] = {}
        for one in years:
            if one.year in known:
                raise CalendarError(
                    message("office.calendar.year-twice", "there are two files of {year}", year=one.year)
                )
            known[one.year] = one
        return cls(frozenset(known), frozenset[date]().union(*(one.days_off for one in known.values())))

    def is_working(self, day: date) -> bool:
        return day not in self.days_off if day.year in self.years else day.weekday() < 5

    def missing_years(self, from_date: date, to_date: date) -> list[int]:
        """Years without a file, from one date to the other, both included."""
        return [year for year in range(from_date.year, to_date.year + 1) if year not in self.years]


@dataclass(frozen=True, slots=True)
class Rest:
    """From the first day that does not count to the first that does again; None: that is not known yet. One that ends
    before it begins is none.
    """

    from_date: date
    to_date: date | None = None

    def covers(self, day: date) -> bool:
        return self.from_date <= day and (self.to_date is None or day < self.to_date)


def deadline(
    received: date,
    days: int | None,
    calendar: OfficeCalendar,
    *,
    extension: int = 0,
    working: bool = False,
    rests: Iterable[Rest] = (),
) -> date | None:
    """The last day of a period that began on `received`. None: there is no period, or its clock rests and nobody knows
    until when.

    `extension`: by how many days it was lengthened. The days of both are counted as one period: where the first would
    have ended, nothing moves. So it never ends later than if the second were counted from there. `working`: working
    days are counted, else all days. A last day that moves passes over days on which the clock rests. ValueError for a
    period of no day, OverflowError for one that ends after the year 9999.
    """
    if days is None:
        return None
    if days < 1 or extension < 0:
        raise ValueError(f"a period of {days} + {extension} days")
    running = _running(received, tuple(rests))
    counted = (day for day in running if calendar.is_working(day) or not working)
    last = next(islice(counted, days + extension - 1, None), None)
    if last is None or calendar.is_working(last):
        return last
    return next(filter(calendar.is_working, running), None)


def _running(received: date, rests: tuple[Rest, ...]) -> Iterator[date]:
    """The days after it on which the clock runs; they end where it rests and nobody knows until when."""
    day = received
    while True:
        day += _DAY
        at_rest = [rest for rest in rests if rest.covers(day)]
        if any(rest.to_date is None for rest in at_rest):
            return
        if not at_rest:
            yield day


def has_passed(last: date | None, today: date) -> bool:
    """Whether a period is over: its last day belongs to it."""
    return last is not None and today > last


def alarm_from(last: date) -> date:
    """The day from which its end is announced: two days before, whether anybody works on it or not."""
    return last - ALARM_BEFORE


def roc_year(day: date) -> int:
    """Of the Republic (民國): 115 of 2026. ValueError before its first, 1912."""
    if day.year <= ROC:
        raise ValueError(f"{day} is before the Republic")
    return day.year - ROC


class RequestNumberError(ValueError):
    """It is no number of a request, in `said`."""

    def __init__(self, text: str) -> None:
        self.said = message(
            "office.request-number",
            "{value} is no number of a request; one is written such as 115-0001",
            value=shown(text),
        )
        super().__init__(self.said)


@dataclass(frozen=True, slots=True, order=True)
class RequestNumber:
    """Of a request, such as 115-0001: they run on within a year of the Republic, without holes."""

    year: int
    serial: int

    def __str__(self) -> str:
        return f"{self.year}-{self.serial:04}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """As `str` writes it; full-width signs and blanks around it are fine. RequestNumberError for all else."""
        found = _NUMBER.fullmatch(normalize("NFKC", text).strip())
        if found is None or not int(found[2]):
            raise RequestNumberError(text)
        return cls(int(found[1]), int(found[2]))


def next_number(received: date, latest: RequestNumber | None) -> RequestNumber:
    """Of a request that was received on that day, after the latest number that this office gave.

    The year is that of `received`, and never one before that of `latest`: who is entered late, or by a clock that was
    set back, is numbered among those of the later year. ValueError before 1912.
    """
    year = roc_year(received)
    if latest is None or year > latest.year:
        return RequestNumber(year, 1)
    return RequestNumber(latest.year, latest.serial + 1)
