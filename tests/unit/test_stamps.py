"""recorder.stamps: whatever a camera claims about time, a muxer can rely on what comes out, and nothing is lost."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recorder.stamps import NS_PER_S, Mended, Mender, Raw, Scale

VIDEO = Scale(1, 90_000)
FRAME = 3_600

stamp = st.none() | st.integers(-(1 << 33), 1 << 33) | st.integers(0, 200_000)


def mend_all(raws: list[Raw[int]], *, arrivals_known: bool = True) -> tuple[list[Mended[int]], int]:
    """As the recording does it for a camera whose media time 0 is boottime 0."""
    mender: Mender[int] = Mender(VIDEO)
    out = []
    for raw in raws:
        out += mender.mend(raw, raw.arrival_ns if arrivals_known else None)
    return out + mender.flush(), mender.repaired


def raws(stamps: list[tuple[int | None, int | None]], *, start_ns: int = 0) -> list[Raw[int]]:
    return [Raw(pts, dts, FRAME, start_ns + VIDEO.ns(index * FRAME), index) for index, (pts, dts) in enumerate(stamps)]


@given(st.lists(st.tuples(stamp, stamp), max_size=80), st.booleans())
def test_whatever_comes_nothing_is_lost_doubled_or_reordered(
    stamps: list[tuple[int | None, int | None]], arrivals_known: bool
) -> None:
    out, _ = mend_all(raws(stamps), arrivals_known=arrivals_known)
    assert [mended.payload for mended in out] == list(range(len(stamps)))
    assert all(later.dts > earlier.dts for earlier, later in pairwise(out))
    assert all(mended.pts >= mended.dts for mended in out)


@given(st.lists(st.integers(1, 90_000), min_size=1, max_size=80), st.integers(0, 1 << 32))
def test_an_orderly_stream_is_left_alone(steps: list[int], first: int) -> None:
    times = [first]
    for step in steps:
        times.append(times[-1] + step)
    given_raws = [Raw(time, time, FRAME, VIDEO.ns(time), time) for time in times]
    out, repaired = mend_all(given_raws)
    assert [(mended.pts, mended.dts) for mended in out] == [(time, time) for time in times]
    assert repaired == 0
    assert not any(mended.jumped for mended in out)


def test_first_key_frame_without_a_time_is_kept_one_frame_before_the_second() -> None:
    out, repaired = mend_all(raws([(None, None), (4_026, 4_026), (7_626, 7_626)]))
    assert [(mended.pts, mended.dts) for mended in out] == [(426, 426), (4_026, 4_026), (7_626, 7_626)]
    assert repaired == 0


def test_reordered_start_without_times_as_rtsp_sends_it() -> None:
    """Measured with x264, two B-frames: libav gives the first dts with the fourth packet."""
    sent: list[tuple[int | None, int | None]] = [(None, None), (10_800, None), (3_600, None), (7_200, 3_600)]
    out, _ = mend_all(raws([*sent, (21_600, 7_200)]))
    assert [(m.pts, m.dts) for m in out] == [
        (0, -7_200),
        (10_800, -3_600),
        (3_600, 0),
        (7_200, 3_600),
        (21_600, 7_200),
    ]


def test_a_step_back_goes_on_where_it_was_and_is_marked() -> None:
    """The camera's NTP step of -2 s in a sender report: libav re-anchors, RTP ran on."""
    clean = [index * FRAME for index in range(20)]
    stepped = [time if index < 10 else time - 2 * 90_000 for index, time in enumerate(clean)]
    out, repaired = mend_all(raws([(time, time) for time in stepped]))
    assert [mended.dts for mended in out] == clean
    assert [mended.payload for mended in out if mended.jumped] == [10]
    assert repaired == 1


def test_a_jump_far_ahead_goes_on_where_it_was() -> None:
    clean = [index * FRAME for index in range(20)]
    jumped = [time if index < 10 else time + (1 << 31) for index, time in enumerate(clean)]
    out, _ = mend_all(raws([(time, time) for time in jumped]))
    assert [mended.dts for mended in out] == clean


def test_a_jump_after_silence_leaves_out_the_silence() -> None:
    before = [Raw(time, time, FRAME, VIDEO.ns(time), 0) for time in (0, FRAME)]
    restarted = Raw(0, 0, FRAME, 8 * NS_PER_S, 0)
    out, _ = mend_all([*before, Raw(-90_000, -90_000, FRAME, 8 * NS_PER_S, 0), restarted])
    assert out[2].dts == 8 * 90_000
    assert out[2].jumped


def test_missed_frames_that_the_arrivals_confirm_are_no_jump() -> None:
    times = [0, FRAME, 5 * 90_000]
    out, repaired = mend_all([Raw(time, time, FRAME, VIDEO.ns(time), time) for time in times])
    assert [mended.dts for mended in out] == times
    assert repaired == 0


def test_a_small_disorder_is_mended_alone() -> None:
    out, repaired = mend_all(raws([(0, 0), (3_600, 3_600), (3_000, 3_000), (10_800, 10_800)]))
    assert [mended.dts for mended in out] == [0, 3_600, 3_601, 10_800]
    assert repaired == 1
    assert not any(mended.jumped for mended in out)


def test_pictures_in_reordered_sequence_keep_their_order() -> None:
    sent: list[tuple[int | None, int | None]] = [(7_200, 0), (18_000, 3_600), (10_800, 7_200), (14_400, 10_800)]
    out, repaired = mend_all(raws(sent))
    assert [(mended.pts, mended.dts) for mended in out] == sent
    assert repaired == 0


def test_scales_count_both_ways() -> None:
    assert VIDEO.ns(90_000) == NS_PER_S
    assert VIDEO.ticks(NS_PER_S) == 90_000
    assert Scale(1, 48_000).fraction.denominator == 48_000
