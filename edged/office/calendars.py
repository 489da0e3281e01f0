"""The calendars that an office names in its configuration: what can be read counts, and the rest is told.

Of a year without one only Saturdays and Sundays are known to be off. Nothing waits for a calendar. Blocking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edged.config.model import Config
from edged.config.rules import Tell
from edged.office.legal_days import MAX_FILE_BYTES, CalendarError, CalendarYear, OfficeCalendar
from storage.words.errors import said
from storage.words.message import Message, message

INSTEAD: Final = message(
    "office.calendar.instead",
    "政府行政機關辦公日曆表 of 行政院人事行政總處 as CSV, one file a year, readable for the account of edged; "
    "until then only Saturdays and Sundays count as days off",
)


@dataclass(frozen=True, slots=True)
class CalendarFault:
    """A file of which nothing is taken."""

    index: int
    """In the configuration."""
    said: Message


def read(paths: Sequence[str]) -> tuple[OfficeCalendar, tuple[CalendarFault, ...]]:
    """Of two files of one year the first one counts."""
    years: list[CalendarYear] = []
    faults = []
    for index, path in enumerate(paths):
        try:
            year = CalendarYear.parse(_data(path))
            OfficeCalendar.of([*years, year])
        except OSError as error:
            told = message(
                "office.calendar.unreadable", "{path} cannot be read: {reason}", path=path, reason=said(error)
            )
            faults.append(CalendarFault(index, told))
        except CalendarError as error:
            told = message("office.calendar.wrong", "{path} is not taken: {reason}", path=path, reason=error.said)
            faults.append(CalendarFault(index, told))
        else:
            years.append(year)
    return OfficeCalendar.of(years), tuple(faults)


def _data(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def warn(tell: Tell, config: Config) -> None:
    """What of them is not taken, as a warning of the configuration."""
    for fault in read(config.office.calendars)[1]:
        tell(("office", "calendars", fault.index), fault.said, INSTEAD)
