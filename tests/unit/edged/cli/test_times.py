"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.cli import formatting

NOW = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
TAIPEI = ZoneInfo("Asia/Taipei")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-01T08:00:00+08:00", "2026-03-01T00:00:00.000Z"),
        ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00.000Z"),
        ("2026-03-01t00:00:00.25z", "2026-03-01T00:00:00.250Z"),
        ("2026-03-01 08:00", "2026-03-01T00:00:00.000Z"),
        (" 2026-03-01 08:00:30 ", "2026-03-01T00:00:30.000Z"),
        ("2026-03-01T08:00", "2026-03-01T00:00:00.000Z"),
        ("2026-03-01", "2026-02-28T16:00:00.000Z"),
        ("-2h", "2026-02-28T23:00:00.000Z"),
        ("now", "2026-03-01T01:00:00.000Z"),
        ("-1d12h", "2026-02-27T13:00:00.000Z"),
        ("-0s", "2026-03-01T01:00:00.000Z"),
    ],
)
def test_ways(text: str, utc: str) -> None:
    assert formatting.rfc3339(formatting.parse(text, NOW, TAIPEI, end=False)) == utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "banana",
        "2h",
        "-2",
        "-",
        "2026-02-30 08:00",
        "08:00",
        "2026-03-01T08:00:00+0800",
        "-9999999d",
        "--2h",
    ],
)
def test_anything_else_is_refused_with_the_ways_there_are(text: str) -> None:
    with pytest.raises(formatting.WhenError, match="site time"):
        formatting.parse(text, NOW, TAIPEI, end=False)


@pytest.mark.parametrize("text", ["115-05-03", "115/5/3 08:00", "民國115年5月3日", "0115-05-03 08:00", "115.5.3"])
def test_years_of_the_republic_are_told_how_to_be_written(text: str) -> None:
    with pytest.raises(formatting.WhenError, match="民國115 is written as 2026 here"):
        formatting.parse(text, NOW, TAIPEI, end=False)


def test_an_hour_that_came_twice_is_taken_whole() -> None:
    assert (
        formatting.rfc3339(formatting.parse("2026-10-25 02:30", NOW, BERLIN, end=False)) == "2026-10-25T00:30:00.000Z"
    )
    assert formatting.rfc3339(formatting.parse("2026-10-25 02:30", NOW, BERLIN, end=True)) == "2026-10-25T01:30:00.000Z"


def test_only_a_local_time_needs_the_zone() -> None:
    assert formatting.is_local("2026-03-01 08:00")
    assert formatting.is_local("2026-03-01")
    assert not formatting.is_local("2026-03-01T08:00:00Z")
    assert not formatting.is_local("-2h")


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_back_to_the_millisecond(moment: datetime) -> None:
    written = formatting.rfc3339(moment)
    assert abs((formatting.parse(written, NOW, TAIPEI, end=False) - moment).total_seconds()) < 0.001
