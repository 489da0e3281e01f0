"""edged.health.sizes: a lens that is covered changes sizes at once; what is usual for a camera never does."""

from __future__ import annotations

from math import isfinite, log2
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.health.sizes import LASTING, NEAR, SHARE, SizeMemory, Sizes, begun, looked, reported, sizes
from recorder.words.messages import Stats

SIZE: Final = st.floats(6, 22)
COUNT: Final = st.integers(0, 2**53)
LOOK_S: Final = 60.0
KEY_NEAR: Final = NEAR[0]


def seen(*many: float | None, memory: SizeMemory | None = None) -> SizeMemory:
    """Of key frames, a second each."""
    memory = memory or SizeMemory()
    for size in many:
        memory = reported(memory, Sizes(size, None, None))
    return memory


def judged(memory: SizeMemory, passed_s: float, *, calm: bool) -> SizeMemory:
    """A look, at once."""
    return looked(begun(memory), passed_s, calm=calm)


def usually(*many: float) -> SizeMemory:
    """A look found nothing wrong after these."""
    return judged(seen(*many), LOOK_S, calm=True)


def stats(pictures: int, size: int, keys: int, key_bytes: int, sounds: int = 0, sound_bytes: int = 0) -> Stats:
    return Stats(
        pictures, size, 0, 0, 0, 0, 0,
        sound_units=sounds, key_frames=keys, key_bytes=key_bytes, sound_bytes=sound_bytes,
    )  # fmt: skip


def test_sizes_are_means_of_what_came_between_two_reports() -> None:
    before, now = stats(100, 9_000_000, 4, 400_000, 50, 10_000), stats(130, 9_090_000, 5, 440_000, 60, 12_000)
    assert sizes(before, now) == Sizes(log2(40_001), log2(1 + 48_000 / 29), log2(201))
    assert sizes(now, now) == Sizes(None, None, None)


@given(st.lists(COUNT, min_size=12, max_size=12))
def test_counters_that_cannot_be_true_are_no_sizes(counters: list[int]) -> None:
    """A worker is not trusted; a new session counts from nothing."""
    found = sizes(stats(*counters[:6]), stats(*counters[6:]))
    assert all(one is None or (isfinite(one) and one >= 0) for one in found)


@given(st.lists(SIZE, min_size=1, max_size=30), st.floats(0.01, 20), st.booleans())
def test_what_lies_far_outside_of_the_usual_is_looked_at_once(usual: list[float], beyond: float, less: bool) -> None:
    low, high = min(usual), max(usual)
    far = max(KEY_NEAR, SHARE * (high - low)) + beyond
    other = low - far if less else high + far
    memory = seen(other, memory=usually(*usual))
    assert memory.changed
    assert seen(*usual, memory=memory).changed, "nobody has looked yet, and it is back already"
    for calm in (True, False):
        assert not seen(other, None, other, memory=judged(memory, LOOK_S, calm=calm)).changed, "it was judged"
    assert not seen(*usual, memory=judged(memory, LOOK_S, calm=False)).changed, "it is over"


@given(st.lists(SIZE, min_size=1, max_size=30))
def test_what_was_wrong_once_is_looked_at_again(usual: list[float]) -> None:
    """Nothing is learned of a lens that is covered."""
    black = min(usual) - 10
    memory = judged(seen(black, memory=usually(*usual)), 10.0, calm=False)
    memory = judged(seen(*usual, memory=memory), 10.0, calm=True)
    assert seen(black, memory=memory).changed == (
        abs(black - usual[-1]) > max(KEY_NEAR, SHARE * (max(usual) - min(usual)))
    )


@given(SIZE, st.lists(st.lists(SIZE, min_size=1, max_size=5), min_size=1, max_size=10))
def test_what_came_and_went_in_the_last_ten_minutes_is_usual(rest: float, minutes: list[list[float]]) -> None:
    memory = usually(rest)
    for minute in minutes:
        memory = judged(seen(*minute, rest, memory=memory), LOOK_S, calm=True)
    for minute in minutes:
        assert not seen(*minute, memory=memory).changed


@given(SIZE, st.floats(0.5, 10))
def test_what_lasts_is_looked_at_for_two_minutes_before_it_is_usual(size: float, more: float) -> None:
    """A picture that stands still takes several looks to tell."""
    memory = usually(size)
    for _ in range(LASTING):
        memory = judged(seen(size + more, memory=memory), 10.0, calm=True)
        assert memory.lasting
    memory = judged(seen(size + more, memory=memory), 10.0, calm=True)
    assert not memory.lasting
    for _ in range(3):
        memory = judged(seen(size + more, size, memory=memory), LOOK_S, calm=True)
        assert (memory.changed, memory.lasting) == (False, 0)


def test_what_changes_during_a_look_is_looked_at_once_more() -> None:
    memory = seen(12.0, memory=begun(usually(16.0)))
    assert looked(memory, LOOK_S, calm=True).changed
    assert not judged(memory, LOOK_S, calm=True).changed


def test_what_is_suspected_for_hours_is_not_looked_at_for_its_sizes() -> None:
    """A room that is dark each night."""
    memory = judged(seen(6.0, memory=usually(16.0)), 10.0, calm=False)
    for _ in range(600):
        memory = seen(*[6.0] * 60, memory=memory)
        assert (memory.changed, memory.lasting) == (False, 0)
        memory = judged(memory, LOOK_S, calm=False)


@pytest.mark.parametrize("spread", [0.02, 0.1, 0.5, 2.0])
@given(st.integers(0, 2**32))
def test_a_noisy_scene_makes_no_flood(spread: float, seed: int) -> None:
    """Whatever the noise, an hour of it has a few looks more."""
    random, memory, looks, waited = Random(seed), SizeMemory(), 0, 0
    for _second in range(3600):
        memory = seen(16 + random.gauss(0, spread), memory=memory)
        waited += 1
        if waited >= 60 or ((memory.changed or memory.lasting) and waited >= 10):
            looks, waited, memory = looks + 1, 0, judged(memory, waited, calm=True)
    assert looks <= 60 + 30
