"""What of a gap lies in maintenance: nothing is lost, nothing is told twice, and no instant has the wrong cause."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from storage.ages.history import Point
from storage.segments.gaps_table import Window, cut_by_windows

LAST = 60
moments = st.integers(0, LAST)


def at(second: int) -> Point:
    """Two boots of thirty seconds."""
    return Point(1 + second // 30, second % 30, 1000 + second)


def second(point: Point) -> int:
    return point.wall_ms - 1000


@st.composite
def windows(draw: st.DrawFn) -> list[Window]:
    edges = sorted(draw(st.sets(moments, max_size=8)))
    pairs: list[Window] = [(at(a), at(b)) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    return [*pairs, (at(edges[-1]), None)] if len(edges) % 2 else pairs


def within(instant: int, known: list[Window]) -> bool:
    return any(begun <= at(instant) and (ended is None or at(instant) < ended) for begun, ended in known)


@given(moments, st.none() | st.integers(1, LAST), windows())
def test_each_instant_is_told_once_with_its_cause(start: int, length: int | None, known: list[Window]) -> None:
    end = None if length is None else min(LAST, start + length)
    pieces = cut_by_windows(at(start), None if end is None else at(end), known)
    assert pieces[0][0] == at(start)
    assert pieces[-1][1] == (None if end is None else at(end))
    assert all(one[1] == following[0] for one, following in pairwise(pieces))
    if end == start:
        return
    for begun, ended, is_within in pieces:
        assert ended is None or begun < ended
        last = LAST + 5 if ended is None else second(ended)
        assert all(within(instant, known) is is_within for instant in range(second(begun), last))


def test_without_maintenance_a_gap_is_whole_and_one_that_took_no_time_stays() -> None:
    assert cut_by_windows(at(3), at(9), []) == [(at(3), at(9), False)]
    assert cut_by_windows(at(3), at(3), []) == [(at(3), at(3), False)]
