"""Health is a pure function: samples in, state and reason out."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.health.stream import (
    RATE_WINDOW_S,
    CameraState,
    Expectation,
    Observation,
    Sample,
    Stream,
    assess,
    bit_rate,
    frame_rate,
)
from storage.words.message import as_message

STREAM = Stream("h264", 1920, 1080, "aac")
NOTHING_EXPECTED = Expectation()


def samples(fps: float, seconds: int, *, age_ms: int = 0, end_ms: int = 1_000_000) -> list[Sample]:
    """One a second, the newest at `end_ms`; its last frame `age_ms` before that."""
    start = end_ms - seconds * 1000
    return [
        Sample(start + 1000 * i, round(fps * (i + 1)), 50_000 * (i + 1), start + 1000 * i - age_ms)
        for i in range(seconds + 1)
    ]


def observed(
    seen: list[Sample], *, now_ms: int = 1_000_000, stream: Stream | None = STREAM, trouble: str = ""
) -> Observation:
    return Observation(now_ms, enabled=True, stream=stream, samples=seen, trouble=as_message(trouble))


def test_a_camera_that_sends_what_is_expected_is_recording_without_a_reason() -> None:
    found = assess(observed(samples(25, 60)), Expectation(1920, 1080, 25, audio=True))
    assert (found.state, found.reason) == (CameraState.RECORDING, "")
    assert found.fps == pytest.approx(25)
    assert found.bitrate_bps == 400_000
    assert found.last_frame_age_s == 0


@pytest.mark.parametrize(("age_ms", "state"), [(9_999, CameraState.RECORDING), (10_000, CameraState.DOWN)])
def test_no_frame_for_ten_seconds_is_down(age_ms: int, state: CameraState) -> None:
    assert assess(observed(samples(25, 60, age_ms=age_ms)), NOTHING_EXPECTED).state is state


@pytest.mark.parametrize(("fps", "state"), [(20.0, CameraState.RECORDING), (19.0, CameraState.DEGRADED)])
def test_fewer_than_four_fifths_of_the_frames_is_degraded(fps: float, state: CameraState) -> None:
    assert assess(observed(samples(fps, 60)), Expectation(fps=25)).state is state


def test_a_slow_spell_shorter_than_thirty_seconds_is_not_judged() -> None:
    assert assess(observed(samples(5, 20)), Expectation(fps=25)).state is CameraState.RECORDING


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 1280}, "picture is 1280×1080, expected 1920×1080"),
        ({"audio": ""}, "no sound, though it is expected"),
        ({"width": 1024, "height": 720}, "picture has 737280 pixels, expected are at least 1000000"),
        ({"video": "hevc"}, "pictures are coded as hevc, expected as h264"),
        ({"detail": "sound codec g726 cannot be kept"}, "g726"),
    ],
)
def test_each_difference_from_what_is_expected_is_named(change: dict[str, object], words: str) -> None:
    stream = dataclasses.replace(STREAM, **change)  # type: ignore[arg-type]
    found = assess(observed(samples(25, 60), stream=stream), Expectation(1920, 1080, 25, True, 1_000_000, "h264"))
    assert found.state is CameraState.DEGRADED
    assert words in found.reason


def test_sound_that_nobody_expects_is_named() -> None:
    assert "aac" in assess(observed(samples(25, 60)), Expectation(audio=False)).reason


def test_without_a_session_the_trouble_is_the_reason() -> None:
    seen = dataclasses.replace(
        observed([], stream=None, trouble="401 Unauthorized"), check=as_message("user and password")
    )
    found = assess(seen, NOTHING_EXPECTED)
    assert (found.state, found.reason, found.check) == (CameraState.DOWN, "401 Unauthorized", "user and password")


def test_a_disabled_camera_is_disabled_whatever_else_is_known() -> None:
    seen = dataclasses.replace(observed(samples(25, 60), trouble="anything"), enabled=False)
    assert assess(seen, NOTHING_EXPECTED).state is CameraState.DISABLED


def test_frames_that_may_not_be_written_are_not_recording() -> None:
    seen = dataclasses.replace(observed(samples(25, 60), trouble="the disk is full"), writing=False)
    assert assess(seen, NOTHING_EXPECTED).state is CameraState.DOWN


def test_the_wait_before_the_first_frame_does_not_lower_the_rate() -> None:
    waiting = [Sample(1000 * i, 0, 0, 0) for i in range(10)]
    running = [Sample(10_000 + 1000 * i, 25 * (i + 1), 1000, 10_000) for i in range(11)]
    assert frame_rate([*waiting, *running]) == pytest.approx(25)


def test_rates_are_unknown_before_there_is_enough_to_measure() -> None:
    assert frame_rate([]) is None
    assert bit_rate(samples(25, 4)) is None


@given(
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 60)), max_size=40),
    st.sampled_from([0.0, 1.0, RATE_WINDOW_S, 29.5, 30.0]),
)
def test_a_rate_is_that_from_the_first_frame_within_the_window_on(
    steps: list[tuple[int, int]], window_s: float
) -> None:
    at, frames, seen = 0, 0, []
    for milliseconds, more in steps:
        at, frames = at + milliseconds, frames + more
        seen.append(Sample(at, frames, 0, 0))
    within = [one for one in seen if one.video_frames > 0 and at - one.at_ms <= window_s * 1000]
    if within and at - within[0].at_ms >= RATE_WINDOW_S * 1000:
        expected = 1000 * (frames - within[0].video_frames) / (at - within[0].at_ms)
        assert frame_rate(seen, window_s) == expected
    else:
        assert frame_rate(seen, window_s) is None


@given(st.lists(st.tuples(st.integers(1, 2000), st.integers(0, 60), st.integers(0, 10**6)), max_size=80), st.booleans())
def test_every_state_but_recording_has_a_reason(steps: list[tuple[int, int, int]], connected: bool) -> None:
    at, frames, octets, seen = 0, 0, 0, []
    for milliseconds, more, size in steps:
        at, frames, octets = at + milliseconds, frames + more, octets + size
        seen.append(Sample(at, frames, octets, at if frames else 0))
    found = assess(observed(seen, now_ms=at, stream=STREAM if connected else None), Expectation(fps=25))
    assert (found.state is CameraState.RECORDING) == (found.reason == "")
