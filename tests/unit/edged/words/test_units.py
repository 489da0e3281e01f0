"""Durations and sizes: what people write is read exactly or refused with what to write instead."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.words import units
from storage.words.message import approximate_duration, format_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("31d", 31 * 86_400),
        ("5m", 300),
        ("2s", 2),
        ("500ms", 0.5),
        ("1h30m", 5_400),
        ("1d 12h", 129_600),
        ("1.5h", 5_400),
        ("2w", 1_209_600),
        ("0s", 0),
        (" 7 d ", 604_800),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert units.parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "problem", "instead"),
    [
        ("31", "no unit", "31d"),
        ("", "not a duration", "31d"),
        ("d", "not a duration", "31d"),
        ("-2h", "not a duration", "31d"),
        ("3M", "unknown unit 'M'", "minutes are m"),
        ("1y", "unknown unit 'y'", "365d"),
        ("10min", "unknown unit 'min'", "5m"),
        ("3 fortnights", "unknown unit 'fortnights'", "units: ms, s, m, h, d, w"),
        ("1h2h", "one unit twice", "1h30m"),
        ("40000d", "longer than a hundred years", "31d"),
        ("0.0001s", "finer than a millisecond", "31d"),
        ("1h and more", "not a duration", "31d"),
        ("٣d", "not a duration", "31d"),
    ],
)
def test_other_durations_are_refused_with_what_to_write(text: str, problem: str, instead: str) -> None:
    with pytest.raises(units.UnitError) as refused:
        units.parse_duration(text)
    assert problem in refused.value.problem
    assert instead in refused.value.instead


@pytest.mark.parametrize(
    ("text", "size"),
    [("2TB", 2 * 10**12), ("10GiB", 10 * 2**30), ("1.5 MB", 1_500_000), ("512B", 512), ("3kB", 3_000), ("0B", 0)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "problem", "instead"),
    [
        ("2", "no unit", '"2TB"'),
        ("2tb", "unknown unit 'tb'", '"2TB"'),
        ("2T", "unknown unit 'T'", '"2TB"'),
        ("2gib", "unknown unit 'gib'", '"2GiB"'),
        ("1GB 5MB", "more than one size", '"2TB"'),
        ("1.5B", "not a whole number of bytes", '"2TB"'),
        ("9999PB", "more than an exabyte", '"2TB"'),
        ("5%", "not a size", '"2TB"'),
    ],
)
def test_other_sizes_are_refused_with_what_to_write(text: str, problem: str, instead: str) -> None:
    with pytest.raises(units.UnitError) as refused:
        units.parse_size(text)
    assert problem in refused.value.problem
    assert instead in refused.value.instead


@given(st.integers(min_value=0, max_value=units.MAX_DURATION // timedelta(milliseconds=1)))
def test_a_formatted_duration_reads_back(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert units.parse_duration(units.format_duration(duration)) == duration


@given(st.text(max_size=60))
def test_any_text_is_a_duration_or_a_clear_refusal(text: str) -> None:
    with contextlib.suppress(units.UnitError):
        assert timedelta(0) <= units.parse_duration(text) <= units.MAX_DURATION


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.6, "1m"),
        (61, "1m 1s"),
        (3_600, "1h"),
        (3_605, "1h"),
        (90_061, "1d 1h"),
        (1_051_200, "12d 4h"),
        (-1, "0s"),
    ],
)
def test_approximate_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert approximate_duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999_999, "1.00 MB"),
        (1_234_000_000_000, "1.23 TB"),
        (99_960_000, "100 MB"),
        (12_340_000, "12.3 MB"),
        (9_999_999, "10.0 MB"),
    ],
)
def test_sizes_are_shown_with_three_digits(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "500 B"),
        (1_999_999, "1 MB"),
        (4_999_999_999, "2 GB"),
        (50_000_000, "50 MB"),
        (640_000_000_000, "500 GB"),
    ],
)
def test_rough_sizes_are_rounded_down_to_few_words(size: int, text: str) -> None:
    assert units.rough_size(size) == text


def test_a_wrong_value_is_repeated_on_one_line_and_short() -> None:
    assert units.shown('a"b\nc') == '"a\\"b\\u000ac"'
    assert len(units.shown("x" * 1_000)) < 50
