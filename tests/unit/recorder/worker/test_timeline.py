"""recorder.worker.disk: boundaries follow the camera's clock as it drifts, never run backwards, never lie ahead."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from recorder.worker.disk import BUCKET_NS, NS_PER_MS, Timeline
from storage.words.model import Moment

SECOND = 1_000_000_000


def moment(boottime_ms: int, wall_ms: int = 1_700_000_000_000) -> Moment:
    return Moment(wall_ms + boottime_ms, boottime_ms)


def test_late_packets_do_not_move_a_boundary() -> None:
    timeline = Timeline(moment(0))
    for at in range(100):
        late_ns = 400 * NS_PER_MS if at % 10 else 0
        timeline.feed(at * SECOND // 25, 10 * SECOND + at * SECOND // 25 + late_ns)
    assert timeline.boundary(2 * SECOND, moment(14_500)) == moment(12_000)


def test_what_gathered_before_the_first_read_counts_backwards() -> None:
    """Half a second of packets lies ready when the stream opens: only the last of them has just arrived."""
    timeline = Timeline(moment(0))
    for at in range(13):
        timeline.feed(at * 40 * NS_PER_MS, 10 * SECOND)
    assert timeline.boundary(0, moment(10_000)) == moment(10_000 - 480)


def test_nothing_lies_before_the_session_began() -> None:
    timeline = Timeline(moment(9_900))
    for at in range(250):
        timeline.feed(at * 40 * NS_PER_MS, 10 * SECOND)
    assert timeline.boundary(0, moment(10_000)) == moment(9_900)


def test_nothing_lies_ahead() -> None:
    timeline = Timeline(moment(0))
    timeline.feed(0, 10 * SECOND)
    assert timeline.boundary(5 * SECOND, moment(11_000)) == moment(11_000)


def test_wall_time_is_that_of_now() -> None:
    timeline = Timeline(moment(0))
    timeline.feed(0, 10 * SECOND)
    stepped = Moment(5_000_000, 12_000)
    assert timeline.boundary(SECOND, stepped) == Moment(4_999_000, 11_000)


def test_a_slow_drift_is_followed_at_every_boundary() -> None:
    for ppm in (-200, 200):
        timeline = Timeline(moment(0))
        jitter = random.Random(ppm)
        for second in range(3_600):
            true_ns = second * SECOND
            media_ns = true_ns + true_ns * ppm // 1_000_000
            timeline.feed(media_ns, true_ns + jitter.randrange(0, 80 * NS_PER_MS))
            if second % 300 == 299:
                boundary = timeline.boundary(media_ns, moment(second * 1000 + 100))
                assert abs(boundary.boottime_ms - second * 1000) < 40, (ppm, second)


def test_a_clock_that_is_far_too_slow_is_followed_too() -> None:
    for percent in (50, 67, 95):
        timeline = Timeline(moment(0))
        for second in range(600):
            timeline.feed(second * SECOND * percent // 100, second * SECOND)
            if second % 100 == 99:
                boundary = timeline.boundary(second * SECOND * percent // 100, moment(second * 1000))
                late_ms = second * 1000 - boundary.boottime_ms
                assert 0 <= late_ms <= (100 - percent) * 2 * BUCKET_NS // NS_PER_MS // 100, (percent, second)


def test_a_network_that_jams_for_a_while_moves_no_boundary() -> None:
    timeline = Timeline(moment(0))
    for second in range(600):
        jam_ns = second % 100 * 10 * NS_PER_MS if second % 100 < 45 else 0
        timeline.feed(second * SECOND, second * SECOND + jam_ns)
        if second >= 100:
            assert timeline.boundary(second * SECOND, moment(second * 1000 + 900)) == moment(second * 1000)


@given(st.lists(st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 40)), max_size=40))
def test_boundaries_never_run_backwards(packets: list[tuple[int, int]]) -> None:
    timeline = Timeline(moment(0))
    now_ns = 0
    last = 0
    for media_ns, pause_ns in packets:
        now_ns += pause_ns
        timeline.feed(media_ns, now_ns)
        now = moment(now_ns // NS_PER_MS)
        boundary = timeline.boundary(media_ns, now)
        assert last <= boundary.boottime_ms <= now.boottime_ms
        assert boundary.wall_ms - boundary.boottime_ms == now.wall_ms - now.boottime_ms
        last = boundary.boottime_ms


def test_media_time_is_unknown_before_the_first_packet() -> None:
    timeline = Timeline(moment(0))
    assert timeline.media_at(SECOND) is None
    timeline.feed(SECOND, 10 * SECOND)
    assert timeline.media_at(12 * SECOND) == 3 * SECOND
