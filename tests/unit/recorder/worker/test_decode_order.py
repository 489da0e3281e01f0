"""recorder.worker.timestamp_repair: decoding times from showing times, for every order that an encoder may use."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recorder.worker.timestamp_repair import REORDER_MAX, FrameOrder, depth_of

FRAME = 3_600


def decoded(groups: list[int], *, pyramid: bool) -> list[int]:
    """Numbers in showing order, as decoded: each group is a picture and so many B-frames shown before it."""
    out, next_shown = [0], 1
    for size in groups:
        out.append(next_shown + size)
        between = list(range(next_shown, next_shown + size))
        if pyramid and len(between) > 2:
            middle = between.pop(len(between) // 2)
            out.append(middle)
        out += between
        next_shown += size + 1
    return out


def true_depth(order: list[int]) -> int:
    return max(sum(earlier > number for earlier in order[:at]) for at, number in enumerate(order))


groups = st.lists(st.integers(0, 4), min_size=1, max_size=30)


@given(groups, st.booleans(), st.integers(0, 3))
def test_a_declared_order_gives_rising_times_never_later_than_shown(sizes: list[int], pyramid: bool, more: int) -> None:
    shown = decoded(sizes, pyramid=pyramid)
    order = FrameOrder(true_depth(shown) + more)
    due = [order.place(number * FRAME, FRAME) for number in shown]
    assert all(later > earlier for earlier, later in pairwise(due))
    assert all(at <= number * FRAME for at, number in zip(due, shown, strict=True))
    assert due[0] == -order.depth * FRAME


@given(groups, st.booleans())
def test_what_begins_a_stream_tells_its_order(sizes: list[int], pyramid: bool) -> None:
    shown = decoded([*sizes, 0], pyramid=pyramid)
    assert depth_of(shown) == true_depth(shown)


@given(st.lists(st.integers(-(1 << 20), 1 << 20), max_size=100), st.none() | st.integers(0, 20))
def test_whatever_comes_times_rise(times: list[int], depth: int | None) -> None:
    order = FrameOrder(depth)
    due = [order.place(time, FRAME) for time in times]
    assert all(later > earlier for earlier, later in pairwise(due))
    assert order.depth <= REORDER_MAX


def test_b_frames_that_begin_later_are_learned_when_they_come_again() -> None:
    order = FrameOrder(None)
    for number in range(50):
        order.place(number * FRAME, FRAME)
    assert order.depth == 0
    for base in range(50, 90, 3):
        for number in (base + 2, base, base + 1):
            order.place(number * FRAME, FRAME)
    assert order.depth == 1
    assert order.last == 90 * FRAME


def test_a_clock_that_is_set_back_once_is_no_b_frame() -> None:
    order = FrameOrder(None)
    for number in [*range(50), *range(47, 120), *range(116, 200)]:
        order.place(number * FRAME, FRAME)
    assert order.depth == 0


def test_a_clock_that_was_set_back_at_the_start_is_no_b_frame() -> None:
    assert depth_of([10, 11, 12, 3, 4, 5, 6, 7]) == 0
    assert depth_of([*range(30), 5, *range(30, 40)]) == 0
    assert depth_of([9, 8, 7, 6, 5, 4, 3, 2, 1]) == 0


def test_what_the_stream_says_is_not_doubted() -> None:
    order = FrameOrder(0)
    for base in range(0, 90, 3):
        for number in (base + 2, base, base + 1):
            order.place(number * FRAME, FRAME)
    assert order.depth == 0
    order.declare(2)
    assert order.depth == 2
