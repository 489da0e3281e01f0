"""Pauses of a camera are told from delays of the network, and from cameras that are slow on purpose."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.worker.recording import PAUSE_NS, Pause, PauseDetection

MS = 1_000_000
FRAME_MS = 40
LAG_MS = 5_000
"""Of the camera's zero against ours."""


def told(pictures: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pauses in ms, for pictures as (media, arrival) in ms."""
    holes = PauseDetection()
    found = [holes.picture(media * MS, arrival * MS) for media, arrival in pictures]
    return [(pause.start_ns // MS, pause.end_ns // MS) for pause in found if pause is not None]


def steady(start_ms: int, end_ms: int, every_ms: int = FRAME_MS) -> list[tuple[int, int]]:
    return [(ms, ms + LAG_MS) for ms in range(start_ms, end_ms, every_ms)]


def test_a_camera_that_sent_nothing_for_six_seconds_is_told_to_the_frame() -> None:
    assert told([*steady(0, 10_000), *steady(16_000, 20_000)]) == [(10_000 + LAG_MS, 16_000 + LAG_MS)]


def test_a_camera_whose_clock_stood_while_it_paused_is_told_once_that_is_certain() -> None:
    after = [(media, arrival + 6_000) for media, arrival in steady(10_000, 20_000)]
    assert told([*steady(0, 10_000), *after]) == [(10_000 + LAG_MS, 16_000 + LAG_MS)]
    assert told([*steady(0, 10_000), *after[:100]]) == []


def test_a_leap_of_media_time_that_makes_good_for_a_slow_clock_is_no_pause() -> None:
    """A clock that stands or crawls is put right by a jump of 20 s now and then, while pictures come all the time."""
    holes = PauseDetection()
    for n in range(3_000):
        media_ms = n * FRAME_MS // 2 + n // 1_000 * 20_000
        assert holes.picture(media_ms * MS, (n * FRAME_MS + LAG_MS) * MS, jumped=n in {1_000, 2_000}) is None


def test_a_clock_that_jumps_in_a_pause_makes_it_neither_longer_nor_shorter() -> None:
    holes = PauseDetection()
    assert all(holes.picture(media * MS, arrival * MS) is None for media, arrival in steady(0, 10_000))
    end_ms = 16_000 + LAG_MS
    assert holes.picture(90_000 * MS, end_ms * MS, jumped=True) == Pause((10_000 + LAG_MS) * MS, end_ms * MS)
    later = [(90_000 + ms, end_ms + ms) for ms in range(FRAME_MS, 20_000, FRAME_MS)]
    assert all(holes.picture(media * MS, arrival * MS) is None for media, arrival in later)


def test_what_the_network_held_back_is_no_pause() -> None:
    late = [(media, max(arrival, 16_000 + LAG_MS)) for media, arrival in steady(10_000, 30_000)]
    assert told([*steady(0, 10_000), *late]) == []


def test_a_network_that_catches_up_slowly_is_no_pause() -> None:
    """Six seconds behind, and twice as fast as it comes until it is there."""
    late = [(10_000 + n * FRAME_MS, max(16_000 + n * 20, 10_000 + n * FRAME_MS) + LAG_MS) for n in range(1000)]
    assert max(arrival - media for media, arrival in late) == 6_000 + LAG_MS
    assert told([*steady(0, 10_000), *late]) == []


def test_a_camera_that_sends_a_picture_every_three_seconds_does_not_pause() -> None:
    assert told(steady(0, 120_000, 3_000)) == []


def test_pictures_shown_out_of_order_are_no_pauses() -> None:
    order = [0, 120, 40, 80, 240, 160, 200]
    assert told([(n * 240 + ms, n * 240 + ms + LAG_MS) for n in range(100) for ms in order]) == []


def test_each_pause_of_a_camera_that_stutters_is_told() -> None:
    pictures = [picture for n in range(5) for picture in steady(n * 5_000, n * 5_000 + 2_000)]
    assert told(pictures) == [(n * 5_000 + 2_000 + LAG_MS, n * 5_000 + 5_000 + LAG_MS) for n in range(4)]


@given(st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 3_000)), max_size=200))
def test_pauses_are_long_enough_never_the_same_and_never_beyond_what_arrived(steps: list[tuple[int, int]]) -> None:
    """Whatever comes: media steps and delays of any kind. One that was in doubt may be told after a later one."""
    holes, media, arrival = PauseDetection(), 0, 0
    found: list[Pause] = []
    for step_ms, delay_ms in steps:
        media += step_ms * MS
        arrival = max(arrival, media + delay_ms * MS)
        pause = holes.picture(media, arrival)
        if pause is not None:
            assert pause.end_ns - pause.start_ns > PAUSE_NS // 2
            assert pause.end_ns <= arrival
            found.append(pause)
    assert len(set(found)) == len(found)
