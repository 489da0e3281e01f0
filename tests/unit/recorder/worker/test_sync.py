"""recorder.worker.disk: sound finds its picture, and a camera that sets its clock moves nothing (S11)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.worker.disk import DRIFT_NS, NEAR_NS, STEP_NS, Sync
from recorder.worker.timestamp_repair import NS_PER_S

MS = 1_000_000
WALL_NS = 1_700_000_000 * NS_PER_S
OFFSET_NS = 7_654_321_000
"""The sound's zero lies so much later than the picture's."""


def report(sync: Sync, *, video: bool, at_ns: int, step_ns: int = 0, off_ns: int = 0) -> None:
    """What the camera says at this instant of the picture's time, its clock set by `step_ns`."""
    media_ns = at_ns - (0 if video else OFFSET_NS)
    sync.report(video=video, media_ns=media_ns, wall_ns=WALL_NS + at_ns + step_ns + off_ns)


def synced() -> Sync:
    sync = Sync()
    for second in range(1, 11):
        sync.arrived(video=True, media_ns=second * NS_PER_S, arrival_ns=second * NS_PER_S + 30 * MS)
        sync.arrived(video=False, media_ns=second * NS_PER_S - OFFSET_NS, arrival_ns=second * NS_PER_S + 80 * MS)
    return sync


def test_without_reports_the_smallest_delays_say_where_sound_lies() -> None:
    sync = Sync()
    assert sync.offset_ns is None
    jitter = random.Random(1)
    for at in range(0, 1000, 20):
        late = jitter.randrange(200) * MS
        sync.arrived(video=True, media_ns=at * MS, arrival_ns=at * MS + late)
        sync.arrived(video=False, media_ns=at * MS - OFFSET_NS, arrival_ns=at * MS + 200 * MS - late)
    assert sync.offset_ns is not None
    assert abs(sync.offset_ns - OFFSET_NS) < 20 * MS


@pytest.mark.parametrize(("late_ms", "offset_ms"), [(300, 0), (-900, 0), (1_100, 1_100)])
def test_a_camera_that_says_where_both_tracks_begin_is_believed_if_that_can_be(late_ms: int, offset_ms: int) -> None:
    sync = Sync()
    sync.aligned = True
    sync.arrived(video=True, media_ns=0, arrival_ns=NS_PER_S)
    sync.arrived(video=False, media_ns=0, arrival_ns=NS_PER_S + late_ms * MS)
    assert sync.offset_ns == offset_ms * MS


def drifting(sync: Sync, ppm: int, *, hours: int = 10) -> int:
    """How far the sound lies off in the end, in ns; its clock runs so much too slowly, and each unit jitters."""
    jitter = random.Random(ppm)
    off_ns = 0
    for at in range(0, hours * 3_600 * NS_PER_S, NS_PER_S):
        off_ns = at * ppm // 1_000_000
        sync.arrived(video=True, media_ns=at, arrival_ns=at + jitter.randrange(80) * MS)
        sync.arrived(video=False, media_ns=at - OFFSET_NS - off_ns, arrival_ns=at + jitter.randrange(300) * MS)
        if at == 10 * NS_PER_S:
            sync.settle()
    assert sync.offset_ns is not None
    return sync.offset_ns - OFFSET_NS - off_ns


@pytest.mark.parametrize("ppm", [-200, 0, 200])
def test_without_reports_sound_does_not_drift_away_from_its_picture(ppm: int) -> None:
    """In ten hours it would by 7 s, which is more than a file waits for its last sound (S11)."""
    assert abs(drifting(Sync(), ppm)) <= DRIFT_NS + 60 * MS


def test_reports_hold_whatever_the_arrivals_say() -> None:
    sync = Sync()
    sync.arrived(video=True, media_ns=0, arrival_ns=0)
    sync.arrived(video=False, media_ns=-OFFSET_NS, arrival_ns=0)
    for second in (1, 6):
        report(sync, video=True, at_ns=second * NS_PER_S)
        report(sync, video=False, at_ns=second * NS_PER_S)
    drifting(sync, 200, hours=1)
    assert sync.offset_ns == OFFSET_NS


def test_reports_say_it_exactly_once_each_track_has_confirmed() -> None:
    sync = synced()
    sync.settle()
    assert sync.offset_ns == OFFSET_NS + 50 * MS
    for second in (11, 16):
        report(sync, video=True, at_ns=second * NS_PER_S)
        assert sync.offset_ns == OFFSET_NS + 50 * MS
        report(sync, video=False, at_ns=second * NS_PER_S + 700 * MS)
    assert sync.offset_ns == OFFSET_NS


def test_before_anything_is_recorded_one_report_of_each_is_enough_if_it_is_near() -> None:
    for off_ns, offset_ns in ((0, OFFSET_NS), (NEAR_NS + 100 * MS, OFFSET_NS + 50 * MS)):
        sync = synced()
        report(sync, video=True, at_ns=11 * NS_PER_S)
        report(sync, video=False, at_ns=11 * NS_PER_S, off_ns=off_ns)
        assert sync.offset_ns == offset_ns


@pytest.mark.parametrize("step_s", [-2, 2, -3_600, 0.15])
@given(
    seed=st.integers(0, 1 << 16),
    step_at=st.integers(20_000, 80_000),
    pauses=st.tuples(st.integers(500, 9_000), st.integers(500, 9_000)),
)
def test_a_camera_that_sets_its_clock_moves_neither_track(
    step_s: float, seed: int, step_at: int, pauses: tuple[int, int]
) -> None:
    """Whatever the rhythm of the two tracks' reports is, and whenever the clock is set between them."""
    sync, rhythm = synced(), random.Random(seed)
    sync.settle()
    due = {True: 11_000, False: 11_000 + rhythm.randrange(5_000)}
    while min(due.values()) < 150_000:
        video = due[True] < due[False]
        at_ms = due[video]
        due[video] += pauses[video] // 2 + rhythm.randrange(pauses[video])
        step_ns = int(step_s * NS_PER_S) if at_ms >= step_at else 0
        report(sync, video=video, at_ns=at_ms * MS, step_ns=step_ns, off_ns=rhythm.randrange(3) * MS)
        assert sync.offset_ns is not None
        assert abs(sync.offset_ns - OFFSET_NS) <= 50 * MS
    assert abs((sync.offset_ns or 0) - OFFSET_NS) <= 3 * MS


def test_tracks_with_clocks_of_their_own_are_not_brought_together() -> None:
    sync = synced()
    before = sync.offset_ns
    for second in range(11, 60, 5):
        report(sync, video=True, at_ns=second * NS_PER_S)
        report(sync, video=False, at_ns=second * NS_PER_S, off_ns=-3_600 * NS_PER_S)
    assert sync.offset_ns == before


def test_careless_reports_change_nothing_for_the_worse() -> None:
    sync = synced()
    sync.settle()
    for second in range(11, 90, 5):
        report(sync, video=True, at_ns=second * NS_PER_S, off_ns=(second % 2) * (STEP_NS + MS))
        report(sync, video=False, at_ns=second * NS_PER_S)
        assert sync.offset_ns == OFFSET_NS + 50 * MS


def test_the_cameras_clock_is_that_of_the_last_report() -> None:
    sync = synced()
    assert sync.wall_at(0) is None
    report(sync, video=False, at_ns=11 * NS_PER_S)
    assert sync.wall_at(20 * NS_PER_S) == WALL_NS + 20 * NS_PER_S - 50 * MS
    report(sync, video=True, at_ns=12 * NS_PER_S)
    assert sync.wall_at(20 * NS_PER_S) == WALL_NS + 20 * NS_PER_S
    report(sync, video=True, at_ns=17 * NS_PER_S, step_ns=-2 * NS_PER_S)
    assert sync.wall_at(20 * NS_PER_S) == WALL_NS + 18 * NS_PER_S


def test_a_camera_that_has_no_clock_tells_none() -> None:
    sync = synced()
    sync.report(video=True, media_ns=0, wall_ns=-2_208_988_800 * NS_PER_S)
    assert sync.wall_at(0) is None
