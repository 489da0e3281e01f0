"""Who may record on when nothing fits any more: in order of priority, always the same, and nobody flaps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ring.admission import FILES_EACH, NOBODY, START_SEGMENTS, Admission, CameraNeed, Room, demand, ranked, rule

MB = 10**6
NAMES = ("a", "b", "c", "d", "e", "f")

applicants = st.lists(
    st.builds(
        CameraNeed,
        camera=st.sampled_from(NAMES),
        priority=st.integers(0, 3),
        bytes=st.integers(0, 10 * MB),
        pending=st.lists(st.tuples(st.sampled_from(("v", "w")), st.integers(0, 10 * MB)), max_size=2).map(tuple),
    ),
    max_size=6,
    unique_by=lambda one: one.camera,
)
rooms = st.lists(
    st.builds(
        Room,
        volume=st.sampled_from(("v", "w")),
        bytes=st.integers(-5 * MB, 60 * MB),
        files=st.none() | st.integers(-4, 40),
        short_bytes=st.integers(0, 20 * MB) | st.just(0),
    ),
    max_size=2,
    unique_by=lambda room: room.volume,
)


def one(camera: str, priority: int = 0, size: int = MB) -> CameraNeed:
    return CameraNeed(camera, priority, size)


def stopped_with(room_bytes: int, *queue: CameraNeed, before: Admission = NOBODY, files: int | None = None) -> str:
    return "".join(sorted(rule([Room("v", room_bytes, files)], queue, before.stopped).stopped))


@given(rooms, applicants, st.sets(st.sampled_from(NAMES)))
def test_no_higher_one_stops_before_a_lower_one(where: list[Room], who: list[CameraNeed], before: set[str]) -> None:
    found = rule(where, who, before)
    order = [applicant.camera in found.stopped for applicant in ranked(who)]
    assert order == sorted(order), "whoever records is the head of the queue"
    assert found.at_once <= found.stopped


@given(rooms, applicants, st.sets(st.sampled_from(NAMES)), st.randoms())
def test_it_is_always_the_same_one(where: list[Room], who: list[CameraNeed], before: set[str], chance: object) -> None:
    shuffled = sorted(who, key=lambda applicant: hash((applicant.camera, str(chance))))
    assert rule(where, who, before) == rule(where, shuffled, before)


@given(rooms, applicants, st.sets(st.sampled_from(NAMES)))
def test_looking_again_changes_nothing(where: list[Room], who: list[CameraNeed], before: set[str]) -> None:
    first = rule(where, who, before)
    assert rule(where, who, first.stopped) == first


@given(applicants, st.integers(0, 60 * MB), st.integers(0, 60 * MB), st.sets(st.sampled_from(NAMES)))
def test_more_room_never_stops_anybody(who: list[CameraNeed], less: int, more: int, before: set[str]) -> None:
    few, many = sorted((less, more))
    assert rule([Room("v", many)], who, before).stopped <= rule([Room("v", few)], who, before).stopped


@given(applicants)
def test_what_the_sweep_is_asked_for_is_enough_for_everybody(who: list[CameraNeed]) -> None:
    """Also while segments are in progress: their whole size is in it."""
    pending = sum(applicant.bytes for applicant in who)
    unknown = START_SEGMENTS * len(who)  # a byte for each segment of unknown size
    room = demand(who, anybody_stopped=True) - pending + unknown
    assert rule([Room("v", room)], who, set(NAMES)).stopped == frozenset()


@given(
    st.lists(st.integers(1, 10 * MB), min_size=1, max_size=6),
    st.integers(0, 100 * MB),
    st.integers(0, 100 * MB),
    st.integers(2, 40),
)
def test_a_sawtooth_of_room_makes_nobody_flap(sizes: list[int], low: int, high: int, teeth: int) -> None:
    """Who stops and starts again at each tooth has room for three more segments in between, or does neither."""
    who = [CameraNeed(NAMES[at], 0, size) for at, size in enumerate(sizes)]
    low, high = sorted((low, high))
    ruling, turns = NOBODY, dict.fromkeys(NAMES, 0)
    for tooth in range(2 * teeth):
        room = high if tooth % 2 else low
        after = rule([Room("v", room)], who, ruling.stopped)
        for camera in after.stopped ^ ruling.stopped:
            turns[camera] += 1
        ruling = after
    queue = ranked(who)
    for at, applicant in enumerate(queue):
        needs = sum(before.bytes for before in queue[: at + 1])
        if turns[applicant.camera] > 1:
            assert low < needs
            assert high >= START_SEGMENTS * needs


def test_the_smallest_priority_stops_first_and_among_equals_the_later_id() -> None:
    queue = one("a", 5), one("b"), one("c"), one("d", 9)
    assert stopped_with(4 * MB, *queue) == ""
    assert stopped_with(4 * MB - 1, *queue) == "c"
    assert stopped_with(3 * MB - 1, *queue) == "bc"
    assert stopped_with(MB, *queue) == "abc"
    assert stopped_with(MB - 1, *queue) == "abcd"


def test_a_smaller_segment_does_not_slip_past_a_larger_one_of_more_priority() -> None:
    assert stopped_with(5 * MB, one("a", 9, 10 * MB), one("b", 0, MB)) == "ab"


@pytest.mark.parametrize(("room_mb", "stopped"), [(5.9, "b"), (6, "")])
def test_one_that_was_stopped_needs_three_segments_of_everybody_in_front(room_mb: float, stopped: str) -> None:
    before = Admission(frozenset("b"))
    assert stopped_with(round(room_mb * MB), one("a", 1), one("b"), before=before) == stopped


def test_priorities_that_change_change_who_records_not_how_many() -> None:
    """Somebody is moved to the front while it waits: it takes the place of another at once."""
    before = Admission(frozenset("b"))
    assert stopped_with(MB, one("a"), one("b", 1), before=before) == "a"


def test_several_volumes_are_filled_the_roomiest_first() -> None:
    two = [Room("v", 3 * MB), Room("w", 2 * MB)]
    queue = [one("a", 3, 2 * MB), one("b", 2, 2 * MB), one("c", 1, MB), one("d", 0, MB)]
    assert rule(two, queue, ()).stopped == {"d"}
    assert rule([], queue, ()).stopped == set("abcd")


def test_inodes_run_out_like_bytes() -> None:
    queue = one("a", 1), one("b")
    assert stopped_with(99 * MB, *queue, files=2 * FILES_EACH) == ""
    assert stopped_with(99 * MB, *queue, files=2 * FILES_EACH - 1) == "b"
    assert stopped_with(99 * MB, *queue, files=0) == "ab"


def test_where_not_even_what_is_begun_fits_the_last_in_the_queue_end_at_once() -> None:
    queue = [replace(one(name, 9 - at), pending=(("v", MB),)) for at, name in enumerate("abc")]
    elsewhere = replace(one("z"), pending=(("w", MB),))
    found = rule([Room("v", 99 * MB, short_bytes=MB + 1), Room("w", 99 * MB)], [*queue, elsewhere], ())
    assert found == Admission(frozenset("bcz"), frozenset("bc")), "of another disk: finished, but nothing begun"
    assert rule([Room("v", 99 * MB)], queue, ()) == NOBODY
