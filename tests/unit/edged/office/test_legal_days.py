"""Legal days against a model that goes day by day, calendars of real years, numbers of requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office.legal_days import (
    LOOK_AHEAD,
    MAX_FILE_BYTES,
    CalendarError,
    CalendarYear,
    OfficeCalendar,
    RequestNumber,
    RequestNumberError,
    Rest,
    alarm_from,
    deadline,
    has_passed,
    next_number,
    roc_year,
)

DAY: Final = timedelta(days=1)
HEAD: Final = "西元日期,星期,是否放假,備註"
WEEKENDS: Final = OfficeCalendar()

OFF: Final = {
    2024: "0101 0208 0209 0212 0213 0214 0228 0404 0405 0610 0917 1010",
    2025: "0101 0127 0128 0129 0130 0131 0228 0403 0404 0530 0929 1006 1010 1024 1225",
    2026: "0101 0216 0217 0218 0219 0220 0227 0403 0406 0501 0619 0925 0928 1009 1026 1225",
}
"""Days off from Monday to Friday, as published (2025: 修正版, 114.6.13)."""
MADE_UP: Final = {2009: "0110", 2024: "0217", 2025: "0208"}
"""Saturdays worked for them."""
TOTALS: Final = {2024: 115, 2025: 118, 2026: 120}
"""Days off in all, as published."""


def rows(year: int) -> list[str]:
    off = OFF.get(year, "").split()
    made_up = MADE_UP.get(year, "").split()
    lines, day = [], date(year, 1, 1)
    while day.year == year:
        short = f"{day:%m%d}"
        is_off = short in off or (day.weekday() >= 5 and short not in made_up)
        remark = "補行上班" if short in made_up else "放假" if short in off else ""
        lines.append(f"{day:%Y%m%d},{'一二三四五六日'[day.weekday()]},{2 if is_off else 0},{remark}")
        day += DAY
    return lines


def csv_of(lines: Sequence[str], head: str = HEAD) -> bytes:
    return "\r\n".join([head, *lines, ""]).encode("utf-8-sig")


def calendar_of(*years: int) -> OfficeCalendar:
    return OfficeCalendar.of(CalendarYear.parse(csv_of(rows(year))) for year in years)


REAL: Final = calendar_of(2024, 2025, 2026)


# --- the calendar


@pytest.mark.parametrize("year", TOTALS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp950"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_real_year_is_read_as_it_was_published(year: int, encoding: str, end: str) -> None:
    read = CalendarYear.parse(end.join([HEAD, *rows(year)]).encode(encoding))
    assert (read.year, len(read.days_off)) == (year, TOTALS[year])
    assert all(day.year == year for day in read.days_off)


def test_what_a_spreadsheet_leaves_behind_is_read() -> None:
    """Blanks, quotes, empty lines, further columns."""
    lines = [f'"{line[:8]} ", {line[9:]},,' for line in rows(2024)]
    read = CalendarYear.parse(csv_of(["", *lines, ",,,,,", "  "], head=f"{HEAD},,"))
    assert read == CalendarYear.parse(csv_of(rows(2024)))


def test_days_need_no_order() -> None:
    assert CalendarYear.parse(csv_of(rows(2024)[::-1])) == CalendarYear.parse(csv_of(rows(2024)))


def changed(number: int, line: str) -> bytes:
    lines = rows(2024)
    lines[number] = line
    return csv_of(lines)


@pytest.mark.parametrize(
    ("data", "code", "told"),
    [
        (b"", "empty", "there is no day in the file"),
        (csv_of([]), "empty", "there is no day in the file"),
        (b"\0" * (MAX_FILE_BYTES + 1), "too-large", "the file has 65.5 kB, and that of one year less than 65.5 kB"),
        (b"\xff\xfe\xff", "encoding", "the file is neither UTF-8 nor Big5"),
        (csv_of(rows(2024)[1:], head=rows(2024)[0]), "head", 'the first line is "20240101,一,2,放假"; it begins with'),
        ("Subject,Start Date\n元旦,1/1".encode(), "head", 'the first line is "Subject,Start Date"; it begins with'),
        (csv_of(['"20240101,一,2,']), "quotes", "line 2 is not CSV"),
        (changed(3, '2024"0104",四,0,"a"b'), "quotes", "line 5 is not CSV"),
        (changed(3, "20240104,四"), "columns", "line 5 has fewer columns than 西元日期,星期,是否放假"),
        (changed(3, "20240230,四,0,"), "date", 'line 5: "20240230" is no date; one is written such as 20260101'),
        (changed(3, "2024W014,四,0,"), "date", 'line 5: "2024W014" is no date'),
        (changed(3, "２０２４０１０４,四,0,"), "date", "line 5: "),
        (changed(3, "20240104,五,0,"), "weekday", 'line 5: 2024-01-04 falls on 四, and the file says "五"'),
        (changed(3, "20240104,四,1,"), "off", 'line 5: 是否放假 is "1"; it is 0 for a working day and 2'),
        (changed(3, "20240104,四,,"), "off", 'line 5: 是否放假 is ""'),
        (changed(3, "20250104,六,2,"), "other-year", "line 5: 2025-01-04 is not a day of 2024"),
        (changed(3, "20240103,三,0,"), "twice", "line 5: 2024-01-03 is there twice"),
        (csv_of(rows(2024)[:-2]), "missing", "days of 2024 are missing: 2, the first of them 2024-12-30"),
        (csv_of(rows(2024)[1:]), "missing", "days of 2024 are missing: 1, the first of them 2024-01-01"),
        (
            csv_of([line.replace(",0,", ",2,") for line in rows(2024)]),
            "implausible",
            "2024 would have 366 days off; 90 to 150 can be meant",
        ),
        (csv_of([line.replace(",2,", ",0,") for line in rows(2024)]), "implausible", "2024 would have 0 days off"),
    ],
)
def test_each_kind_of_bad_file_is_told(data: bytes, code: str, told: str) -> None:
    with pytest.raises(CalendarError) as refused:
        CalendarYear.parse(data)
    assert refused.value.said.code == f"office.calendar.{code}"
    assert refused.value.said.startswith(told)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"{HEAD}\n{text}".encode()))
def test_other_files_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(CalendarError):
        CalendarYear.parse(data)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_a_file_with_a_damaged_place_is_read_or_refused(position: int, instead: bytes) -> None:
    data = csv_of(rows(2025))
    position %= len(data)
    try:
        read = CalendarYear.parse(data[:position] + instead + data[position + len(instead) :])
    except CalendarError:
        return
    assert read.year == 2025


def test_a_year_that_is_there_twice_is_refused() -> None:
    with pytest.raises(CalendarError) as refused:
        calendar_of(2024, 2025, 2024)
    assert refused.value.said.code == "office.calendar.year-twice"


def test_a_year_without_a_file_has_weekends_only() -> None:
    calendar = calendar_of(2024)
    assert not calendar.is_working(date(2024, 2, 9))
    assert calendar.is_working(date(2024, 2, 17))
    assert calendar.is_working(date(2025, 1, 28))
    assert not calendar.is_working(date(2025, 2, 8))


@given(st.dates(date(2023, 6, 1), date(2027, 6, 1)))
def test_the_calendar_of_the_next_year_is_looked_for_from_december(today: date) -> None:
    missing = calendar_of(2024).missing_years(today, today + LOOK_AHEAD)
    years = {today.year} | ({today.year + 1} if today.month == 12 else set())
    assert missing == sorted(years - {2024})


def test_years_without_a_file_are_counted_with_both_ends() -> None:
    assert calendar_of(2024, 2026).missing_years(date(2023, 12, 31), date(2027, 1, 1)) == [2023, 2025, 2027]
    assert WEEKENDS.missing_years(date(2026, 1, 2), date(2025, 1, 1)) == []


# --- periods


@pytest.mark.parametrize(
    ("received", "days", "working", "last"),
    [
        ("2025-03-03", 6, False, "2025-03-10"),  # the sixth day is a Sunday
        ("2025-03-04", 6, False, "2025-03-10"),  # the sixth day is a Monday
        ("2025-03-09", 6, False, "2025-03-17"),  # received on a Sunday; the sixth day is a Saturday
        ("2025-03-12", 15, False, "2025-03-27"),
        ("2025-01-17", 10, False, "2025-02-03"),  # the tenth day, Monday 27 January, begins a week off
        ("2024-02-02", 15, False, "2024-02-17"),  # a Saturday on which offices work
        ("2025-02-02", 6, False, "2025-02-08"),
        ("2025-02-02", 7, False, "2025-02-10"),
        ("2025-10-04", 6, False, "2025-10-13"),  # 國慶日 on a Friday
        ("2025-12-30", 3, False, "2026-01-02"),
        ("2025-12-30", 2, False, "2026-01-02"),  # the last day is 開國紀念日
        ("2025-03-07", 1, True, "2025-03-10"),
        ("2024-02-07", 3, True, "2024-02-17"),
        ("2024-02-07", 4, True, "2024-02-19"),
        ("2026-02-13", 1, True, "2026-02-23"),
    ],
)
def test_deadlines_of_real_years(received: str, days: int, working: bool, last: str) -> None:
    assert deadline(date.fromisoformat(received), days, REAL, working=working) == date.fromisoformat(last)


def test_the_example_of_a_saturday_that_is_worked() -> None:
    """財政部臺灣省北區國稅局: served on 97.12.11; the thirtieth day, Saturday 98.1.10, 補行上班, is the last."""
    served = date(2008, 12, 11)
    assert deadline(served, 30, calendar_of(2009)) == date(2009, 1, 10)
    assert deadline(served, 30, WEEKENDS) == date(2009, 1, 12)


@pytest.mark.parametrize(
    ("rests", "last"),
    [
        ([], "2025-03-10"),
        ([("2025-03-05", "2025-03-07")], "2025-03-11"),
        ([("2025-03-05", "2025-03-07"), ("2025-03-06", "2025-03-12")], "2025-03-17"),  # they overlap
        ([("2025-03-05", "2025-03-05")], "2025-03-10"),  # asked for and there on one day
        ([("2025-03-07", "2025-03-05")], "2025-03-10"),  # the clock was set back meanwhile
        ([("2025-03-05", None)], None),
        ([("2025-03-11", None)], "2025-03-10"),  # it was over before
        ([("2025-03-09", None)], None),  # the last day, a Sunday, would move to a day on which the clock rests
        ([("2025-03-10", "2025-03-12")], "2025-03-12"),
        ([("2025-02-20", "2025-03-06")], "2025-03-11"),
    ],
)
def test_a_clock_that_rests(rests: list[tuple[str, str | None]], last: str | None) -> None:
    """Received on Monday 3 March, six days: to Sunday the 9th, which moves to the 10th."""
    made = [Rest(date.fromisoformat(begin), date.fromisoformat(end) if end else None) for begin, end in rests]
    found = deadline(date(2025, 3, 3), 6, REAL, rests=made)
    assert found == (date.fromisoformat(last) if last else None)


def test_an_extension_is_counted_on() -> None:
    """Fifteen days and fifteen: the first end on a Sunday, which does not move."""
    received = date(2025, 3, 1)
    assert deadline(received, 15, REAL) == date(2025, 3, 17)
    assert deadline(received, 15, REAL, extension=15) == date(2025, 3, 31)
    assert deadline(received, None, REAL, extension=15) is None


@pytest.mark.parametrize(("days", "extension"), [(0, 0), (-1, 0), (0, 15), (15, -1)])
def test_a_period_of_no_day_is_a_mistake(days: int, extension: int) -> None:
    with pytest.raises(ValueError, match="a period of"):
        deadline(date(2025, 3, 3), days, REAL, extension=extension)


def test_a_period_that_outlives_the_calendar_of_computers_is_a_mistake() -> None:
    with pytest.raises(OverflowError):
        deadline(date(9999, 12, 20), 15, REAL)


def day_by_day(
    received: date, days: int, calendar: OfficeCalendar, extension: int, working: bool, rests: Sequence[Rest]
) -> date | None:
    """As one goes through a calendar on the wall, striking out days."""
    struck_out, day = 0, received
    while True:
        day = date.fromordinal(day.toordinal() + 1)
        here = [rest for rest in rests if day >= rest.from_date and (rest.to_date is None or day < rest.to_date)]
        if [rest for rest in here if rest.to_date is None]:
            return None
        if here:
            continue
        is_off = day in calendar.days_off if day.year in calendar.years else f"{day:%a}" in ("Sat", "Sun")
        if working and is_off:
            continue
        struck_out += 1
        if struck_out >= days + extension and not is_off:
            return day


receipts = st.dates(date(2024, 1, 1), date(2026, 12, 31))
periods = st.integers(1, 40)
made_calendars = st.builds(
    OfficeCalendar,
    st.sets(st.sampled_from([2024, 2025, 2026])).map(frozenset),
    st.frozensets(st.dates(date(2024, 1, 1), date(2026, 12, 31)), max_size=60),
)
calendars = st.sampled_from([WEEKENDS, REAL, calendar_of(2024), calendar_of(2025)]) | made_calendars
offsets = st.integers(-10, 60)


@st.composite
def rests_about(draw: st.DrawFn, received: date) -> list[Rest]:
    def at(offset: int) -> date:
        return received + offset * DAY

    drawn = draw(st.lists(st.tuples(offsets, st.none() | st.integers(-2, 20)), max_size=3))
    return [Rest(at(begin), None if length is None else at(begin + length)) for begin, length in drawn]


Case = tuple[date, int, OfficeCalendar, int, bool, list[Rest]]
cases: st.SearchStrategy[Case] = receipts.flatmap(
    lambda received: st.tuples(
        st.just(received), periods, calendars, st.integers(0, 20), st.booleans(), rests_about(received)
    )
)


@given(cases)
def test_deadlines_are_those_of_the_model(case: Case) -> None:
    received, days, calendar, extension, working, rests = case
    found = deadline(received, days, calendar, extension=extension, working=working, rests=rests)
    assert found == day_by_day(*case)


@given(cases)
def test_a_deadline_is_a_working_day_on_which_the_clock_runs(case: Case) -> None:
    received, days, calendar, extension, working, rests = case
    found = deadline(received, days, calendar, extension=extension, working=working, rests=rests)
    if found is not None:
        assert found >= received + days * DAY
        assert calendar.is_working(found)
        assert not any(rest.covers(found) for rest in rests)


@given(cases)
def test_more_days_and_rests_never_bring_it_forward(case: Case) -> None:
    received, days, calendar, extension, working, rests = case
    without = deadline(received, days, calendar, working=working)
    assert without is not None
    for later in (
        deadline(received, days, calendar, extension=extension, working=working),
        deadline(received, days, calendar, working=working, rests=rests),
        deadline(received, days + 1, calendar, working=working),
    ):
        assert later is None or later >= without


@given(receipts, periods, st.integers(1, 20), calendars, st.booleans())
def test_an_extension_never_ends_later_than_counted_from_the_end_of_the_first(
    received: date, days: int, extension: int, calendar: OfficeCalendar, working: bool
) -> None:
    first = deadline(received, days, calendar, working=working)
    assert first is not None
    chained = deadline(first, extension, calendar, working=working)
    both = deadline(received, days, calendar, extension=extension, working=working)
    assert both is not None
    assert chained is not None
    assert first <= both <= chained


GRID: Final[list[Case]] = [
    (day, days, REAL, 0, working, rests)
    for day in (date(2025, 1, 1) + number * DAY for number in range(60))
    for days in (1, 6, 15)
    for working in (False, True)
    for rests in ([], [Rest(day + 2 * DAY, day + 4 * DAY)])
]
PLANTED: Final[dict[str, Callable[[Case], date | None]]] = {
    "the first day counts": lambda case: deadline(case[0] - DAY, case[1], case[2], working=case[4], rests=case[5]),
    "holidays are working days": lambda case: deadline(case[0], case[1], WEEKENDS, working=case[4], rests=case[5]),
    "working days are calendar days": lambda case: deadline(case[0], case[1], case[2], rests=case[5]),
    "days at rest count": lambda case: deadline(case[0], case[1], case[2], working=case[4]),
    "the last day does not move": lambda case: deadline(
        case[0], case[1], OfficeCalendar(REAL.years), working=False, rests=case[5]
    ),
}


def test_the_model_and_the_rule_agree_on_a_grid() -> None:
    for case in GRID:
        found = deadline(case[0], case[1], case[2], extension=case[3], working=case[4], rests=case[5])
        assert found == day_by_day(*case)


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found(mistake: str) -> None:
    """Negative control."""
    assert any(PLANTED[mistake](case) != day_by_day(*case) for case in GRID)


def test_the_last_day_belongs_to_the_period() -> None:
    last = date(2025, 3, 10)
    assert [has_passed(last, last + number * DAY) for number in (-1, 0, 1)] == [False, False, True]
    assert not has_passed(None, date.max)
    assert alarm_from(last) == date(2025, 3, 8)


# --- numbers


def test_years_of_the_republic() -> None:
    assert [roc_year(date(year, 12, 31)) for year in (1912, 2011, 2026)] == [1, 100, 115]
    with pytest.raises(ValueError, match="before the Republic"):
        roc_year(date(1911, 12, 31))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("115-0001", RequestNumber(115, 1)),
        (" 115-9999\n", RequestNumber(115, 9999)),
        ("115-10000", RequestNumber(115, 10_000)),
        ("１１５－００１２", RequestNumber(115, 12)),
        ("99-0001", RequestNumber(99, 1)),
    ],
)
def test_numbers_are_read(text: str, number: RequestNumber) -> None:
    assert RequestNumber.parse(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "115", "115-1", "115-00001", "115-0000", "0115-0001", "115/0001", "115-0001-1", "一一五-0001", "115-٠٠٠١"],
)
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(RequestNumberError) as refused:
        RequestNumber.parse(text)
    assert refused.value.said.code == "office.request-number"
    assert "115-0001" in refused.value.said


@given(st.integers(1, 8_088), st.integers(1, 10**9 - 1))
def test_a_number_is_read_as_it_was_written(year: int, serial: int) -> None:
    number = RequestNumber(year, serial)
    assert RequestNumber.parse(str(number)) == number


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{1,4}-[0-9]{1,6}", fullmatch=True))
def test_a_number_has_one_spelling(text: str) -> None:
    try:
        number = RequestNumber.parse(text)
    except RequestNumberError:
        return
    assert RequestNumber.parse(str(number)) == number
    assert text.isascii() is False or str(number) == text.strip()


@given(st.lists(st.dates(date(2024, 1, 1), date(2027, 12, 31)), min_size=1, max_size=30))
def test_numbers_run_on_without_holes_and_never_go_back(received: list[date]) -> None:
    """Also where requests are entered late, or the clock was set back."""
    given_out: list[RequestNumber] = []
    for day in received:
        given_out.append(next_number(day, given_out[-1] if given_out else None))
        assert given_out[-1].year == max(roc_year(one) for one in received[: len(given_out)])
    assert given_out == sorted(set(given_out))
    for year in {number.year for number in given_out}:
        serials = [number.serial for number in given_out if number.year == year]
        assert serials == list(range(1, len(serials) + 1))


def test_the_turn_of_the_year() -> None:
    last = next_number(date(2026, 12, 31), RequestNumber(115, 41))
    first = next_number(date(2027, 1, 4), last)
    late = next_number(date(2026, 12, 31), first)
    assert [str(number) for number in (last, first, late)] == ["115-0042", "116-0001", "116-0002"]
