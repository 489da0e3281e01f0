"""The wall clock beside a film: right in each instant, whatever was left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from recorder.remux.film import GAP_MS, Film, Missing, Take, wall_at, webvtt
from recorder.remux.segment import SegmentHeader

TAIPEI: Final = ZoneInfo("Asia/Taipei")
START_MS: Final = 1_772_000_000_123
RATE: Final = 90_000
HEADER: Final = SegmentHeader(1000, RATE, 48_000, 3_600, quicktime=False, likeness=())
CUE: Final = re.compile(r"(\d\d+):(\d\d):(\d\d)\.(\d\d\d) --> (\d\d+):(\d\d):(\d\d)\.(\d\d\d) (.*)")


@dataclass(frozen=True)
class Cue:
    begin: int
    end: int
    lines: list[str]


def film(*takes: tuple[int, int, int], first: int = 0) -> Film:
    """Of each: how long after the last one it was recorded, from where in its segment it is, how long it lasts; ms."""
    made, wall_ms, shown = [], START_MS, first * RATE // 1000
    ends = shown
    for number, (pause_ms, from_ms, lasts_ms) in enumerate(takes):
        wall_ms += pause_ms
        since = from_ms * RATE // 1000
        made.append(
            Take(
                segment=number, first=1, last=9, at=1000, bytes=9, film_at=9, sequence=0, offsets={}, keys=1,
                start_ms=wall_ms - from_ms, shift=ends - since, shown=ends,
            )
        )  # fmt: skip
        wall_ms += lasts_ms
        ends += lasts_ms * RATE // 1000
    return Film(HEADER, tuple(made), ends)


def cues(made: Film, *gaps: Missing, place: str = "大廳") -> list[Cue]:
    head, *blocks = "".join(webvtt(made, place, TAIPEI, gaps)).split("\n\n")
    assert head == "WEBVTT"
    found = []
    for block in blocks:
        timing, *lines = block.rstrip("\n").split("\n")
        fields = CUE.fullmatch(timing)
        assert fields is not None
        hours, minutes, seconds, ms, *rest = map(int, fields.groups()[:8])
        begin = ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
        end = ((rest[0] * 60 + rest[1]) * 60 + rest[2]) * 1000 + rest[3]
        found.append(Cue(begin, end, lines))
    assert all(before.begin <= after.begin for before, after in pairwise(found))
    assert all(0 <= cue.begin < cue.end <= made.lasts_ms for cue in found)
    return found


TAKES: Final = st.tuples(st.integers(0, 5_000_000), st.integers(0, 3_000), st.integers(40, 4_000))


@given(st.lists(TAKES, min_size=1, max_size=5), st.integers(0, 900))
def test_whenever_the_film_is_stopped_the_clock_is_right(takes: list[tuple[int, int, int]], first: int) -> None:
    """From the first picture to the last, without a hole, each cue no longer than its second."""
    made = film(*takes, first=first)
    told = cues(made)
    assert told[0].begin == 0
    assert told[-1].end == made.lasts_ms
    for before, after in pairwise(told):
        assert before.end == after.begin
    for cue in told:
        for at in (cue.begin, cue.end - 1):
            local = datetime.fromtimestamp(wall_at(made, at) // 1000, UTC).astimezone(TAIPEI)
            assert cue.lines == [local.strftime("%Y-%m-%d %H:%M:%S"), "大廳"]


def test_the_clock_goes_through_what_was_left_out() -> None:
    made = film((0, 0, 10_000), (3_600_000, 2_000, 10_000))
    assert [wall_at(made, at) - START_MS for at in (0, 9_999, 10_000, 12_345)] == [0, 9_999, 3_610_000, 3_612_345]


def test_what_is_missing_is_said_where_the_film_goes_on() -> None:
    made = film((0, 0, 60_000), (3_600_000, 0, 60_000))
    gap = Missing(START_MS + 60_000, START_MS + 3_660_000, "攝影機無回應 camera <unreachable> & silent")
    notices = [cue for cue in cues(made, gap) if cue.lines[0].startswith("錄影中斷")]
    assert notices == [
        Cue(
            60_000,
            60_000 + GAP_MS,
            [
                "錄影中斷 2026-02-25 14:14:20 – 2026-02-25 15:14:21",
                "攝影機無回應 camera &lt;unreachable&gt; &amp; silent",
            ],
        )
    ]


def test_what_is_missing_beside_a_film_or_within_a_segment_is_said_too() -> None:
    made = film((0, 0, 60_000))
    spans = [(-9_000, 0), (20_000, 45_000), (60_000, 99_000), (-99_000, -9_000), (99_000, 100_000)]
    told = cues(made, *(Missing(START_MS + begin, START_MS + end, "x") for begin, end in spans))
    notices = [(cue.begin, cue.end) for cue in told if cue.lines[0].startswith("錄影中斷")]
    assert notices == [(0, GAP_MS), (20_000, 45_000), (60_000 - GAP_MS, 60_000)]


def test_no_name_breaks_the_file() -> None:
    told = cues(film((0, 0, 2_000)), place="A\n\n00:00:00.000 --> 00:00:01.000\r<b>&")
    assert {line for cue in told for line in cue.lines[1:]} == {"A  00:00:00.000 --&gt; 00:00:01.000 &lt;b&gt;&amp;"}
