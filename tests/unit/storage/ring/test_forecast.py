"""The forecast against a ring that is really turned, a quarter of a day at a time."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from storage.ring.forecast import DAY_S, Forecast, Load, VolumeRoom, expected, forecast, room

STEPS_A_DAY: Final = 4
STEP_S: Final = DAY_S // STEPS_A_DAY
GB: Final = 10**9
SLACK_STEPS: Final = 6.0
"""Pieces are whole: a day and a half of seventy."""


def load(camera: str, a_day: float, floor_d: float, ceiling_d: float, held_d: float = 0) -> Load:
    """With what it has recorded at this rate for so many days."""
    held_s = held_d * DAY_S
    return Load(camera, a_day, round(floor_d * DAY_S), round(ceiling_d * DAY_S), round(a_day * held_d), held_s)


loads = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.integers(1, 40),
        st.integers(0, 30),
        st.integers(0, 30),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda given: given[0],
).map(lambda many: [load(name, rate * GB, floor, floor + more, held) for name, rate, floor, more, held in many])


class Ring:
    """A naive one: pieces of a quarter of a day, the oldest that may go goes."""

    def __init__(self, many: list[Load], room_bytes: int) -> None:
        self.loads = {one.camera: one for one in many}
        self.room_bytes = room_bytes
        self.pieces = {one.camera: deque(self._held(one)) for one in many}
        self.steps = 0
        self.full_at: int | None = None
        self.stuck_at: int | None = None

    def _held(self, one: Load) -> list[tuple[int, float]]:
        count = round(one.held_s / STEP_S)
        return [(at - count, one.held_bytes / count) for at in range(count)] if count else []

    @property
    def bytes(self) -> float:
        return sum(size for pieces in self.pieces.values() for _, size in pieces)

    def turn(self) -> None:
        self.steps += 1
        for camera, one in self.loads.items():
            self.pieces[camera].append((self.steps - 1, one.a_day / STEPS_A_DAY))
            while self.pieces[camera] and self._age_s(camera, start=True) > one.ceiling_s:
                self.pieces[camera].popleft()
        while self.bytes > self.room_bytes * (1 + 1e-9):
            self.full_at = self.full_at or self.steps
            free = [c for c in self.pieces if self.pieces[c] and self._age_s(c) >= self.loads[c].floor_s]
            if not free:
                self.stuck_at = self.steps
                return
            self.pieces[min(free, key=lambda c: self.pieces[c][0])].popleft()

    def _age_s(self, camera: str, *, start: bool = False) -> int:
        """Of its oldest piece."""
        return (self.steps - self.pieces[camera][0][0] - (0 if start else 1)) * STEP_S


def near(found_s: float | None, steps: int | None, slack_steps: float) -> bool:
    if found_s is None or steps is None:
        return found_s is None and steps is None
    return abs(found_s / STEP_S - steps) <= slack_steps


@given(loads, st.integers(1, 2000))
def test_the_day_on_which_a_floor_is_in_the_way_is_the_day_on_which_the_ring_stands_still(
    many: list[Load], room_gb: int
) -> None:
    told = forecast(many, room_gb * GB, 0)
    ring = Ring(many, room_gb * GB)
    assume(ring.bytes <= ring.room_bytes)
    for _ in range(70 * STEPS_A_DAY):
        ring.turn()
        if ring.stuck_at is not None:
            break
    a_step = sum(one.a_day for one in many) / STEPS_A_DAY
    close = abs(told.floors_bytes - room_gb * GB) <= 3 * a_step  # pieces of a quarter of a day decide it
    if not close:
        assert near(told.at_risk_in_s, ring.stuck_at, SLACK_STEPS)


@given(loads, st.integers(1, 2000))
def test_in_the_steady_state_each_camera_holds_what_was_told(many: list[Load], room_gb: int) -> None:
    fresh = [replace(one, held_bytes=0, held_s=0.0) for one in many]
    told = forecast(fresh, room_gb * GB, 0)
    a_step = sum(one.a_day for one in many) / STEPS_A_DAY
    assume(told.floors_bytes + 4 * a_step < room_gb * GB)
    ring = Ring(fresh, room_gb * GB)
    for _ in range(130 * STEPS_A_DAY):
        ring.turn()
    assert ring.stuck_at is None
    for one in fresh:
        held = len(ring.pieces[one.camera]) * STEP_S
        slack = 2 * (1 + a_step / (one.a_day / STEPS_A_DAY)) * STEP_S
        assert abs(held - told.spans_s[one.camera]) <= slack


@given(loads, st.integers(1, 2000))
def test_floors_are_met_or_recording_stops(many: list[Load], room_gb: int) -> None:
    told = forecast(many, room_gb * GB, 0)
    short = [one for one in many if told.spans_s[one.camera] < one.floor_s - 1]
    assert bool(short) == (told.floors_bytes > room_gb * GB * (1 + 1e-9)) or not short
    if short:
        assert told.at_risk_in_s is not None
    for one in many:
        assert told.spans_s[one.camera] <= one.ceiling_s


@given(loads, st.integers(1, 2000), st.integers(0, 500))
def test_pins_and_lost_room_only_bring_it_nearer(many: list[Load], room_gb: int, pinned_gb: int) -> None:
    free, pinned = forecast(many, room_gb * GB, 0), forecast(many, room_gb * GB, pinned_gb * GB)
    assert pinned == forecast(many, max(0, room_gb - pinned_gb) * GB, 0)
    for sooner, later in ((pinned.at_risk_in_s, free.at_risk_in_s), (pinned.full_in_s, free.full_in_s)):
        assert later is None or (sooner is not None and sooner <= later + 1)
    assert all(pinned.spans_s[one.camera] <= free.spans_s[one.camera] + 1 for one in many)


@pytest.mark.parametrize(("held_d", "days"), [(0, 20), (2, 18), (17, 3), (20, 0)])
def test_a_young_ring_on_a_disk_that_is_too_small(held_d: int, days: int) -> None:
    """20 days fit, 31 must be kept."""
    told = forecast([load("lobby", 10 * GB, 31, 60, held_d)], 200 * GB, 0)
    assert told.at_risk_in_s == pytest.approx(days * DAY_S)
    assert told.full_in_s == pytest.approx(days * DAY_S)
    assert told.spans_s["lobby"] == pytest.approx(20 * DAY_S)


def test_what_lies_there_of_others_runs_out_and_makes_room() -> None:
    """A camera that is gone keeps its floor; nothing comes after it."""
    gone = replace(load("gone", 10 * GB, 10, 20, 10), a_day=0.0)
    assert forecast([gone, load("lobby", 10 * GB, 10, 20)], 150 * GB, 0).at_risk_in_s is None
    assert forecast([gone, load("lobby", 20 * GB, 10, 20)], 150 * GB, 0).at_risk_in_s == pytest.approx(5 * DAY_S)


def test_without_rates_nothing_is_foretold() -> None:
    assert forecast([], 10 * GB, 0) == Forecast({}, None, None, 0)
    assert forecast([Load("spare", 0.0, 9, 99)], 10 * GB, 0) == Forecast({}, None, None, 0)
    ceiling = forecast([load("lobby", GB, 1, 5)], 10 * GB, 0)
    assert (ceiling.full_in_s, ceiling.spans_s) == (None, {"lobby": 5 * DAY_S})


def test_the_room_of_one_file_system_is_counted_once() -> None:
    one = VolumeRoom(limit_bytes=110 * GB, ring_bytes=10 * GB, free_bytes=100 * GB, device=7)
    two = VolumeRoom(limit_bytes=130 * GB, ring_bytes=30 * GB, free_bytes=100 * GB, device=7)
    capped = replace(two, limit_bytes=50 * GB)
    assert room([one, two]) == 140 * GB
    assert room([replace(one, device=1), replace(two, device=2)]) == 240 * GB
    assert room([replace(one, device=None), replace(two, device=None)]) == 240 * GB
    assert room([one, capped]) == 140 * GB
    assert room([replace(one, limit_bytes=30 * GB), capped]) == 80 * GB
    assert room([replace(one, limit_bytes=5 * GB)]) == 5 * GB, "a limit that was lowered below what is there"


@pytest.mark.parametrize(
    ("windows", "a_day"),
    [
        ([], 0),
        ([10], 10),
        ([13, 12, 11], 13),
        ([13, 12, 11, 10], 16),
        ([10, 11, 12, 13], 10),
        ([10, 10, 10, 10, 10, 10, 10], 10),
        ([10, 10, 10, 4, 4, 10, 10], 10),
        ([20, 20, 20, 10, 10, 10, 10], 32.86),
    ],
    ids=["none", "one", "too few", "grows", "shrinks", "steady", "a weekend", "another setting"],
)
def test_a_trend_goes_on_for_as_long_again_as_it_was_seen(windows: list[float], a_day: float) -> None:
    assert expected(windows) == pytest.approx(a_day, abs=0.01)
