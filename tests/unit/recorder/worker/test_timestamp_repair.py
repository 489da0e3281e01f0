"""recorder.worker.timestamp_repair: whatever a camera claims about time, a file can rely on what comes out, and
nothing is lost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.words.stream import Unit
from recorder.worker.disk import Timeline
from recorder.worker.timestamp_repair import BEHIND_NS, HOLD_MAX, HOLD_NS, NS_PER_S, Scale, Stamp, TimestampRepair
from storage.words.model import Moment
from tests.support.units import parameters

RATE = 90_000
FRAME = 3_600
FRAME_NS = NS_PER_S // 25

stamp = st.integers(-(1 << 33), 1 << 33) | st.integers(0, 200_000)
depth = st.none() | st.integers(0, 4)


def mend_all(
    times: list[int], *, depth: int | None = 0, video: bool = True, arrivals: list[int] | None = None
) -> tuple[list[Stamp], TimestampRepair]:
    """As the recording does it: what is due follows from the arrivals, one frame each 40 ms if not said otherwise."""
    mender, timeline = TimestampRepair(RATE, depth), Timeline(Moment(0, 0))
    scale = Scale(RATE)
    out: list[Stamp] = []
    for index, time in enumerate(times):
        now_ns = index * FRAME_NS if arrivals is None else arrivals[index]
        mender.expect(timeline.media_at(now_ns))
        known = len(out)
        mender.mend(Unit(video, time, 0 if video else FRAME, True, str(index).encode()), now_ns, out)
        mender.flush(now_ns, out)
        for made in out[known:]:
            timeline.feed(scale.ns(made.pts), now_ns)
    mender.flush(0, out, end=True)
    return out, mender


def numbers(out: list[Stamp]) -> list[int]:
    return [int(made.unit.data) for made in out]


@given(st.lists(stamp, max_size=80), depth, st.booleans())
def test_whatever_comes_nothing_is_lost_doubled_or_reordered(
    times: list[int], declared: int | None, video: bool
) -> None:
    out, _ = mend_all(times, depth=declared, video=video)
    assert numbers(out) == list(range(len(times)))
    assert all(later.dts > earlier.dts for earlier, later in pairwise(out))
    assert all(made.pts >= made.dts for made in out) or declared != 0
    assert all(made.duration > 0 for made in out)


@given(st.lists(st.integers(1, 90_000), min_size=1, max_size=80), st.integers(0, 1 << 32), depth)
def test_an_orderly_stream_is_left_alone(steps: list[int], first: int, declared: int | None) -> None:
    times = [first]
    for step in steps:
        times.append(times[-1] + step)
    out, mender = mend_all(times, depth=declared, arrivals=[Scale(RATE).ns(time) for time in times])
    assert [made.pts for made in out] == times
    assert declared or [made.dts for made in out] == times
    assert mender.repaired == 0
    assert not any(made.jumped for made in out)


def test_b_frames_keep_their_times_said_or_not() -> None:
    shown = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11, 15, 13, 14]
    for declared in (1, None):
        out, mender = mend_all([number * FRAME for number in shown], depth=declared)
        assert [made.pts // FRAME for made in out] == shown
        assert [made.dts // FRAME for made in out] == [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
        assert mender.repaired == 0


@pytest.mark.parametrize("declared", [0, 2, None])
@pytest.mark.parametrize("by", [-2 * RATE, -3_600 * RATE, 1 << 31, 1 << 32])
def test_a_clock_that_jumps_goes_on_where_it_was_and_is_marked(declared: int | None, by: int) -> None:
    clean = [index * FRAME for index in range(40)]
    jumped = [time if index < 20 else time + by for index, time in enumerate(clean)]
    out, mender = mend_all(jumped, depth=declared)
    left_out = 0 if declared is None else declared * FRAME
    assert [made.pts for made in out] == clean[:20] + [time + left_out for time in clean[20:]]
    assert [int(made.unit.data) for made in out if made.jumped] == [20]
    assert mender.repaired == 1
    assert mender.offset == left_out - by


def test_a_jump_after_silence_leaves_out_the_silence() -> None:
    out, _ = mend_all([0, FRAME, -RATE], arrivals=[0, FRAME_NS, 8 * NS_PER_S])
    assert out[2].dts == 8 * RATE
    assert out[2].jumped


def test_missed_frames_that_the_arrivals_confirm_are_no_jump() -> None:
    times = [0, FRAME, 5 * RATE]
    out, mender = mend_all(times, arrivals=[Scale(RATE).ns(time) for time in times])
    assert [made.dts for made in out] == times
    assert mender.repaired == 0


def test_a_picture_that_is_shown_after_many_others_has_not_jumped() -> None:
    """At 2 frames a second three B-frames span two seconds."""
    shown = [0, 1, 2, 6, 3, 4, 5, 10, 7, 8, 9, 14, 11, 12, 13]
    half = NS_PER_S // 2
    out, mender = mend_all([n * RATE // 2 for n in shown], depth=1, arrivals=[n * half for n in range(len(shown))])
    assert [made.pts * 2 // RATE for made in out] == shown
    assert mender.repaired == 0


def test_a_small_disorder_is_mended_alone() -> None:
    out, mender = mend_all([0, 3_600, 3_000, 10_800])
    assert [(made.pts, made.dts) for made in out] == [(0, 0), (3_600, 3_600), (3_601, 3_601), (10_800, 10_800)]
    assert mender.repaired == 1
    assert not any(made.jumped for made in out)


def test_twice_the_same_time_is_one_tick_apart() -> None:
    for declared in (0, None):
        out, mender = mend_all([0, 3_600, 3_600, 7_200, 10_800], depth=declared)
        assert [made.pts for made in out] == [0, 3_600, 3_601, 7_200, 10_800]
        assert mender.repaired == 1


def test_a_clock_that_stands_still_is_set_from_time_to_time() -> None:
    count = 2 * BEHIND_NS // FRAME_NS + 20
    out, _ = mend_all([0] * count)
    assert len(out) == count
    assert sum(made.jumped for made in out) == 2
    assert Scale(RATE).ns(out[-1].pts) > 2 * BEHIND_NS


def test_a_clock_that_runs_backwards_is_kept_up_with_the_arrivals() -> None:
    for declared in (0, None):
        out, _ = mend_all([-index * FRAME for index in range(500)], depth=declared)
        behind_ns = 500 * FRAME_NS - Scale(RATE).ns(out[-1].dts)
        assert abs(behind_ns) < 2 * NS_PER_S


def test_pictures_are_held_back_only_while_their_order_is_unknown_and_not_for_long() -> None:
    out: list[Stamp] = []
    mender = TimestampRepair(RATE, None)
    for index in range(HOLD_MAX):
        assert out == []
        mender.mend(Unit(True, index * FRAME, 0, True, b""), 0, out)
    assert len(out) == HOLD_MAX
    mender.mend(Unit(True, HOLD_MAX * FRAME, 0, True, b""), 0, out)
    assert len(out) == HOLD_MAX + 1

    slow, out = TimestampRepair(RATE, None), []
    slow.mend(Unit(True, 0, 0, True, b""), 0, out)
    slow.flush(HOLD_NS - 1, out)
    assert out == []
    slow.flush(HOLD_NS, out)
    assert len(out) == 1


def test_parameter_sets_that_come_with_a_key_frame_say_the_order() -> None:
    out: list[Stamp] = []
    mender = TimestampRepair(RATE, None)
    mender.mend(Unit(True, 0, 0, True, b"", parameters(reorder=2)), 0, out)
    assert [(made.pts, made.dts) for made in out] == [(0, -2 * FRAME)]


def test_scales_count_both_ways() -> None:
    assert Scale(RATE).ns(90_000) == NS_PER_S
    assert Scale(RATE).ticks(NS_PER_S) == 90_000
