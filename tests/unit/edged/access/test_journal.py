"""The same again and again is told once a minute, and nothing of it is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edged.access.journal import KEYS_MAX, WINDOW_MS, Coalescer

STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40_000)), max_size=60)


@given(STEPS)
def test_nothing_is_lost_and_nobody_is_told_of_twice_a_minute(steps: list[tuple[str, int]]) -> None:
    tally, now_ms = Coalescer[str, int](), 0
    told = dict.fromkeys("abc", 0)
    last_ms: dict[str, int] = {}

    def tell(key: str, count: int) -> None:
        assert key not in last_ms or now_ms - last_ms[key] >= WINDOW_MS
        told[key] += count
        last_ms[key] = now_ms

    for number, (key, wait_ms) in enumerate(steps):
        now_ms += wait_ms
        for one in tally.due(now_ms):
            tell(steps[one.joined][0], one.count)
        if not tally.is_repeated(key, number):
            tally.told(key, number, now_ms)
            tell(key, 1)
    for one in tally.due(None):
        told[steps[one.joined][0]] += one.count
    assert told == {key: sum(step[0] == key for step in steps) for key in "abc"}
    assert tally.due(None) == []


def test_what_came_is_told_by_its_kinds() -> None:
    tally = Coalescer[str, str]()
    tally.told("chen", "a", 0)
    for kind in ("b", "a", "b", "c"):
        assert tally.is_repeated("chen", kind, kind)
    (one,) = tally.due(None)
    assert (one.joined, one.count, one.kinds) == ("c", 4, ("b", "a", "c"))


def test_a_crowd_shares_one_place_that_is_always_there() -> None:
    tally = Coalescer[int, int](crowd=-1)
    said = 0
    for key in range(10 * KEYS_MAX):
        place = tally.place(key)
        if not tally.is_repeated(place, key):
            tally.told(place, key, 0)
            said += 1
    assert said == KEYS_MAX + 1
    assert sum(one.count for one in tally.due(WINDOW_MS)) == 10 * KEYS_MAX - said
    assert tally.place(0) == 0, "those who were quiet are forgotten"


def test_more_keys_than_people_are_told_one_by_one() -> None:
    tally = Coalescer[int, int]()
    for key in range(KEYS_MAX + 10):
        assert not tally.is_repeated(key, key)
        tally.told(key, key, 0)
    assert not tally.is_repeated(KEYS_MAX + 1, 0)
    assert tally.is_repeated(0, 0)
