"""Several volumes are filled in turn and then turn as one ring: nothing is destroyed much sooner than with one disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.volumes.volume import MARGIN, PATIENCE_MS, PlacementOption, choose_volume, patience_ms

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def options(*given: tuple[str, int, int | None]) -> list[PlacementOption]:
    return [PlacementOption(*one) for one in given]


@pytest.mark.parametrize(
    ("given_", "filling", "chosen"),
    [
        ([("a", 90, None), ("b", 90, None)], None, "a"),
        ([("a", 90, None), ("b", 900, None)], "a", "a"),
        ([("a", 19, None), ("b", 20, None)], "a", "b"),
        ([("a", 90, 5 * DAY_MS), ("b", 20, None)], "b", "b"),
        ([("a", 19, 5 * DAY_MS), ("b", 19, 9 * DAY_MS)], "a", "b"),
        ([("a", 19, 9 * DAY_MS), ("b", 19, 9 * DAY_MS + PATIENCE_MS)], "a", "a"),
        ([("a", 19, 9 * DAY_MS), ("b", 19, 9 * DAY_MS + PATIENCE_MS + 1)], "a", "b"),
        ([("a", 19, None), ("b", 0, 1)], "a", "b"),
        ([("a", 10, None), ("b", 19, None)], "a", "a"),
        ([("a", 9, None), ("b", 10, None)], "a", "b"),
        ([("a", 9, None), ("b", 10, None)], "gone", "b"),
        ([], "a", None),
    ],
    ids=[
        "the first with room",
        "where it is, as long as there is room",
        "the next with room, before the last bytes are used",
        "room before footage",
        "the oldest footage",
        "not for a day of footage",
        "but for more than a day",
        "what may go before what may not",
        "where nothing may go, the last bytes",
        "and then another's",
        "whoever was filled is away",
        "nobody",
    ],
)
def test_who_is_next(given_: Sequence[tuple[str, int, int | None]], filling: str | None, chosen: str | None) -> None:
    assert choose_volume(options(*given_), filling, 10) == chosen


def test_less_than_the_headroom_is_the_time_to_ask_whose_footage_goes() -> None:
    full = options(("a", 49, 2 * DAY_MS), ("b", 49, 9 * DAY_MS))
    assert (choose_volume(full, "a", 10), choose_volume(full, "a", 10, 49), choose_volume(full, "a", 10, 50)) == (
        "a",
        "a",
        "b",
    )


def test_patience_is_a_day_or_an_eighth_of_a_small_ring() -> None:
    assert (patience_ms(80 * DAY_MS), patience_ms(8 * DAY_MS), patience_ms(8 * HOUR_MS)) == (DAY_MS, DAY_MS, HOUR_MS)


@dataclass
class Disk:
    """Holds segments of one byte, each as the hour in which it was recorded."""

    size: int
    held: deque[int] = field(default_factory=deque)

    @property
    def room(self) -> int:
        return self.size - len(self.held)


Choose = Callable[[Sequence[PlacementOption], str | None, int], str | None]


def play(sizes: Sequence[int], floor_h: int, hours: int, choose: Choose = choose_volume) -> tuple[list[str], int]:
    """One segment an hour. What went too soon, and how often another disk was chosen."""
    disks = {str(number): Disk(size) for number, size in enumerate(sizes)}
    span_h = sum(sizes) - MARGIN * len(sizes) - 1
    filling: str | None = None
    faults, changes = [], 0
    for now in range(hours):
        given_ = []
        for name, disk in disks.items():
            age = now - disk.held[0] if disk.held else 0
            given_.append(PlacementOption(name, disk.room, age * HOUR_MS if disk.held and age >= floor_h else None))
        chosen = choose(given_, filling, 1)
        assert chosen is not None
        changes += chosen != filling
        filling, disk = chosen, disks[chosen]
        if disk.room < 1 and disk.held and now - disk.held[0] >= floor_h:
            age_h = now - disk.held.popleft()
            eldest_h = max([age_h, *(now - other.held[0] for other in disks.values() if other.held)])
            if age_h * HOUR_MS < span_h * HOUR_MS - patience_ms(eldest_h * HOUR_MS):
                faults.append(f"in hour {now} a segment of {age_h} h went, where {span_h} h fit")
        if disk.room < 1:
            if floor_h <= span_h:
                faults.append(f"in hour {now} there was no room, though a floor of {floor_h} h fits")
            continue
        disk.held.append(now)
    return faults, changes


sizes_given = st.lists(st.integers(4, 120), min_size=1, max_size=5)


@given(sizes=sizes_given, floor_share=st.floats(0, 1.5))
def test_several_disks_hold_what_one_of_the_summed_size_would(sizes: list[int], floor_share: float) -> None:
    """Less the margins and the patience; and a floor that fits into them is never in the way."""
    span_h = sum(sizes) - MARGIN * len(sizes) - 1
    assert play(sizes, round(span_h * floor_share), 4 * sum(sizes))[0] == []


def most_changes(sizes: Sequence[int], hours: int) -> int:
    """While they are filled once for each disk; later each disk once in a patience's time."""
    calm_h = max(1, patience_ms(max(8, sum(sizes) // 2) * HOUR_MS) // HOUR_MS)
    return round(len(sizes) * (5 + hours / calm_h))


@given(sizes=sizes_given)
def test_disks_are_not_changed_with_each_segment(sizes: list[int]) -> None:
    hours = 4 * sum(sizes)
    assert play(sizes, 0, hours)[1] <= most_changes(sizes, hours)


def test_staying_put_would_be_found_out() -> None:
    """Negative control: a disk that turns alone while the other keeps what is old."""

    def stubborn(given_: Sequence[PlacementOption], filling: str | None, next_bytes: int) -> str | None:
        return (
            filling
            if filling is not None and not any(o.room_bytes > 1 for o in given_)
            else choose_volume(given_, filling, next_bytes)
        )

    faults, _ = play([60, 60], 0, 480, stubborn)
    assert faults


def test_flapping_would_be_found_out() -> None:
    """Negative control: always where there is most room."""

    def restless(given_: Sequence[PlacementOption], filling: str | None, next_bytes: int) -> str | None:
        del filling, next_bytes
        return max(given_, key=lambda option: (option.room_bytes, option.oldest_ms or 0)).id

    assert play([100, 100], 0, 800, restless)[1] > most_changes([100, 100], 800)
