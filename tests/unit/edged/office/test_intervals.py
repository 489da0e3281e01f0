"""edged.office.intervals: what people type for a date or an interval, and what a form shows of it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office.intervals import FormInterval, IntervalReading, interval_text, read_date, read_intervals
from edged.words.catalogue import Reader

TAIPEI: Final = ZoneInfo("Asia/Taipei")
NEW_YORK: Final = ZoneInfo("America/New_York")
"""Where clocks are put back."""
FULL_WIDTH: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
NOW_MS: Final = 1_800_000_000_000
"""January 2027."""


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=TAIPEI).timestamp() * 1000)


def read(text: str) -> IntervalReading:
    return read_intervals(text, TAIPEI, NOW_MS)


def spans(*times: str) -> tuple[FormInterval, ...]:
    """Of "2026-11-20 14:00/2026-11-20 15:30"."""
    return tuple(FormInterval(*map(ms, one.split("/"))) for one in times)


AFTERNOON: Final = spans("2026-11-20 14:00/2026-11-20 15:30")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20 14:00 ~ 15:30",
        "115-11-20 14:00-15:30",
        "115/11/20 14:00～115/11/20 15:30",
        "0115.11.20 14:00至15:30",
        "2026-11-20T14:00~2026-11-20T15:30",
        "2026-11-20T14:00:00+08:00/2026-11-20T15:30:00+08:00",
        "2026-11-20T06:00:00.000Z ~ 2026-11-20t07:30:00z",
        "2026-11-20 06:00Z ~ 07:30",
        "2026-11-20 14:00-15:30",
        "2026-11-20 14:00 — 15:30",
        "2026-11-20 14:00 〜 11-20 15:30",
        "民國115年11月20日14時0分～11月20日15時30分",
        "民國 115 年 11 月 20 日 (五) 14 時 ～ 15 時 30 分",
        "115年11月20日14時0分0秒起至115年11月20日15時30分止之檔案",
        "中華民國115年11月20日14時00分起\n中華民國115年11月20日15時30分止",
        "自115年11月20日14點起至15點30分止",
        "115-11-20, 14:00 ~ 15:30",
        "\u3000115-11-20\n\t14:00 ~ 15:30；",
    ],
)
def test_one_afternoon_in_many_ways(text: str) -> None:
    for typed in (text, text.translate(FULL_WIDTH)):
        assert read(typed) == IntervalReading(AFTERNOON)


MORE: Final[dict[str, list[str]]] = {
    "115-11-20 14:00~15:00；115-11-21 9:00~10:00": [
        "2026-11-20 14:00/2026-11-20 15:00",
        "2026-11-21 09:00/2026-11-21 10:00",
    ],
    "115-11-20 14:00~15:00、16:00~17:00": ["2026-11-20 14:00/2026-11-20 15:00", "2026-11-20 16:00/2026-11-20 17:00"],
    "115-11-20 14:00~15:00\n11/21 1:00~2:00": [
        "2026-11-20 14:00/2026-11-20 15:00",
        "2026-11-21 01:00/2026-11-21 02:00",
    ],
    "115-11-20、115-11-22": ["2026-11-20 00:00/2026-11-21 00:00", "2026-11-22 00:00/2026-11-23 00:00"],
    "115-11-20~115-11-20": ["2026-11-20 00:00/2026-11-21 00:00"],
    "115-12-31 23:00~1-1 01:00": ["2026-12-31 23:00/2027-01-01 01:00"],
    "115-11-20 14:00:05.25~14:00:06": ["2026-11-20 14:00:05.250/2026-11-20 14:00:06"],
    "115-11-20 14:00~15:00;115-11-20 14:00~15:00": ["2026-11-20 14:00/2026-11-20 15:00"],
    "": [],
    " ；、 ": [],
}


@pytest.mark.parametrize("text", MORE)
def test_what_else_can_be_typed(text: str) -> None:
    assert read(text) == IntervalReading(spans(*MORE[text]))


@pytest.mark.parametrize(
    ("text", "codes", "times"),
    [
        ("115-11-20 22:00~24:00", "past-midnight", ["2026-11-20 22:00/2026-11-21 00:00"]),
        ("115-11-20 22:00~25:30", "past-midnight", ["2026-11-20 22:00/2026-11-21 01:30"]),
        ("115-11-20 23:30~00:30", "next-day", ["2026-11-20 23:30/2026-11-21 00:30"]),
        ("115-11-20 14:00~14:00", "backwards", []),
        ("115-11-20 14:00~115-11-19 15:00", "backwards", []),
        ("115-11-20~115-11-22", "long", ["2026-11-20 00:00/2026-11-23 00:00"]),
        ("116-1-15 14:00~16:30", "future", ["2027-01-15 14:00/2027-01-15 16:30"]),
        ("117-1-1~117-1-2", "future long", ["2028-01-01 00:00/2028-01-03 00:00"]),
        ("昨天下午；115-11-20 14:00~15:30", "unreadable", ["2026-11-20 14:00/2026-11-20 15:30"]),
        ("115-11-20 14:00~15:30、16:00", "unreadable", ["2026-11-20 14:00/2026-11-20 15:30"]),
    ],
)
def test_what_is_odd_is_said_and_stands(text: str, codes: str, times: list[str]) -> None:
    found = read(text)
    assert [one.code.removeprefix("office.interval.") for one in found.remarks] == codes.split()
    assert found.intervals == spans(*times)


@pytest.mark.parametrize(
    "text",
    [
        "115-11-20 14:00", "14:00~15:30", "11/20 14:00~15:30", "下午2時~3時", "115-13-20 14:00~15:30", "115-02-29",
        "115-11-20 30:00~31:00", "115-11-20 14:60~15:30", "115-11-20 14:00:60~15:30", "15-11-20 14:00~15:30",
        "民國2026年11月20日", "2019-11-20", "9999-12-31", "115-11-2014:00~15:30", "115-11-20 14:00~15:30 16:00~17:00",
        "113-02-29 14:00~1-1 15:00;2-29 1:00~2:00;114-1-1;2-29", "٢٠٢٦-11-20", "115-11-20 14:00~15:30止否",
        "2026-11-20T14:00:00+25:00~15:00", "2026-11-31T14:00:00Z~15:00", "2026-11-20T24:00:00Z~15:00",
    ],
)  # fmt: skip
def test_what_is_no_interval_is_said(text: str) -> None:
    found = read(text)
    assert not found.whole
    assert {one.code for one in found.remarks} >= {"office.interval.unreadable"}


def test_a_text_that_goes_on_is_shown_cut_short() -> None:
    (remark,) = read("昨天" * 900).remarks
    assert len(remark) < 200


def test_a_reader_of_chinese_is_told_by_the_clock_of_the_site() -> None:
    (future,) = read("116-1-15 14:00~16:30").remarks
    assert Reader("zh_TW", TAIPEI)(future) == "時段 1 至 2027-01-15 16:30，尚未屆至"


# --- dates


@pytest.mark.parametrize(
    "text",
    [
        "115-2-3",
        "2026-02-03",
        "115/02/03",
        "民國115年2月3日",
        "中華民國 115 年 2 月 3 日",
        "１１５．２．３",
        "115-02-03(二)",
    ],
)
def test_a_date(text: str) -> None:
    assert read_date(text) == date(2026, 2, 3)


@pytest.mark.parametrize("text", ["", "2-3", "115-2-30", "115-02-03 14:00", "15-2-3", "民國2026年2月3日", "明天"])
def test_no_date(text: str) -> None:
    assert read_date(text) is None


# --- what a form shows


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-20 14:00~15:30", "民國115年11月20日 14:00～15:30"),
        ("2026-11-20", "民國115年11月20日 00:00～民國115年11月21日 00:00"),
        ("115-11-20 1:00:05~2:00;3:00~4:00", "民國115年11月20日 01:00:05～02:00；民國115年11月20日 03:00～04:00"),
    ],
)
def test_a_form_has_the_calendar_of_the_republic(text: str, shown: str) -> None:
    assert interval_text(read(text).intervals, TAIPEI) == shown


def test_an_hour_that_comes_twice_is_asked_for_twice_over() -> None:
    (both,) = read_intervals("2026-11-01 01:00~01:30", NEW_YORK, NOW_MS).intervals
    assert both.to_ms - both.from_ms == 90 * 60_000
    (second,) = read_intervals("2026-11-01T01:00:00-05:00~01:30", NEW_YORK, NOW_MS).intervals
    assert second.to_ms - second.from_ms == 30 * 60_000
    assert interval_text([both], NEW_YORK) == "民國115年11月1日 01:00～01:30"
    assert interval_text([second], NEW_YORK) == "2026-11-01T01:00:00.000-05:00～2026-11-01T01:30:00.000-05:00"


MOMENTS: Final = st.integers(ms("2020-01-02"), ms("2199-11-20"))
AUTUMN: Final = st.integers(ms("2026-11-01"), ms("2026-11-02"))
LENGTHS: Final = st.sampled_from([1, 1000, 60_000, 3_600_000, 86_400_000]) | st.integers(1, 40 * 86_400_000)


@given(st.lists(st.tuples(MOMENTS | AUTUMN, LENGTHS), max_size=4), st.sampled_from([TAIPEI, NEW_YORK]))
def test_what_a_form_shows_is_read_as_the_same(drawn: list[tuple[int, int]], zone: ZoneInfo) -> None:
    intervals = tuple(dict.fromkeys(FormInterval(begin, begin + length) for begin, length in drawn))
    assert read_intervals(interval_text(intervals, zone), zone, NOW_MS).intervals == intervals


@given(st.text("0123456789-/.:~ 年月日時分秒起至止、;\nTZ+民國(五)，～Ⅻ①٣") | st.text(st.characters()))
def test_nothing_is_raised_and_nothing_is_empty(text: str) -> None:
    read_date(text)
    found = read_intervals(text, NEW_YORK, NOW_MS)
    assert all(one.from_ms < one.to_ms for one in found.intervals)
    assert found.whole or found.remarks
    interval_text(found.intervals, NEW_YORK)


@given(st.text("159-:~ 年月日時起", max_size=6).map(lambda text: f"115-11-20 14:00~15:30{text}"))
def test_what_is_read_as_a_whole_begins_when_it_says(text: str) -> None:
    """Whatever follows the end makes it another end, or no interval."""
    found = read(text)
    assert all(one.from_ms == ms("2026-11-20 14:00") for one in found.intervals)


def test_of_many_none_is_lost() -> None:
    first = date(2026, 1, 1)
    text = ";".join(str(first + number * timedelta(days=1)) for number in range(5_000))
    assert len(read(text).intervals) == 5_000
