"""edged.health.watch: who is looked at when; a camera that kills the eye is set aside, and no other is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from edged.health import watch
from edged.health.baseline import SELDOM_S, Trace
from edged.health.judge import Memory
from edged.health.sizes import SizeMemory, begun, looked
from edged.health.watch import ASIDE_MAX_S, HEAR_S, ROUND_S, DecoderBackoff, LookSchedule
from recorder.decoder.messages import BLOCKS
from recorder.supervisor.runner import CameraView, Phase
from recorder.words.messages import Connected, Stats
from storage.words.message import NOTHING
from storage.words.model import Moment

CONNECTED: Final = Connected("h264", 1920, 1080, "aac", NOTHING)
TRACE: Final = Trace(12.0, (110.0,) * BLOCKS, (1,) * BLOCKS)
CHANGED = SizeMemory(changed=True)
MANY = st.integers(1, 70)
FEW = settings(max_examples=10, deadline=None)
"""Each is minutes of many cameras."""


def looks(
    cameras: dict[str, LookSchedule], until_s: float, after: Callable[[float, str], LookSchedule], now_s: float = 0.0
) -> list[tuple[float, str]]:
    """When which was looked at from `now_s` on; `after`: what becomes of it then."""
    made = []
    while now_s < until_s:
        due_s, camera = watch.next_turn(list(cameras.items()), cameras)
        if due_s > now_s:
            now_s += min(HEAR_S, due_s - now_s)
            continue
        made.append((now_s, camera))
        cameras[camera] = after(now_s, camera)
        now_s += watch.pause_s(len(cameras))
    return made


def by_camera(made: list[tuple[float, str]]) -> dict[str, list[float]]:
    return {camera: [at_s for at_s, one in made if one == camera] for _, camera in made}


@FEW
@given(MANY, st.integers(0, 2**32))
def test_no_camera_is_looked_at_too_often_and_none_is_forgotten(number: int, seed: int) -> None:
    """Whatever becomes of each look."""
    random, settled = Random(seed), LookSchedule(settled=True)
    some = [settled, LookSchedule(), replace(settled, sizes=CHANGED), replace(settled, sizes=SizeMemory(lasting=1))]

    def after(now_s: float, _: str) -> LookSchedule:
        return replace(random.choice(some), looked_s=now_s)

    made = looks({f"{n:03}": LookSchedule() for n in range(number)}, 200, after)
    assert all(later - earlier >= watch.pause_s(number) - 1e-6 for (earlier, _), (later, _) in pairwise(made))
    looked = by_camera(made)
    assert len(looked) == number
    for times in looked.values():
        assert times[0] <= ROUND_S
        apart = [later - earlier for earlier, later in pairwise(times)]
        assert min(apart) >= ROUND_S - 1e-6
        assert max([*apart, 200 - times[-1]]) <= SELDOM_S + 2 * ROUND_S


@FEW
@given(MANY)
def test_cameras_that_are_learned_are_looked_at_once_a_round(number: int) -> None:
    made = looks({f"{n:03}": LookSchedule() for n in range(number)}, 50, lambda now_s, _: LookSchedule(now_s))
    assert len(made) == 5 * number


@FEW
@given(MANY)
def test_where_nothing_changes_looks_are_few_and_a_sixth_of_them_comes_together_each_ten_seconds(number: int) -> None:
    made = looks(
        {f"{n:03}": LookSchedule() for n in range(number)}, 310, lambda now_s, _: LookSchedule(now_s, settled=True)
    )
    steady = [(at_s, camera) for at_s, camera in made if at_s >= 130]
    for ten in range(130, 310, 10):
        turn = [at_s for at_s, _ in steady if ten - 1e-6 <= at_s < ten + 10 - 1e-6]
        assert len(turn) <= number / 6 + 1
        assert all(at_s <= ten + len(turn) * watch.pause_s(number) for at_s in turn), "the decoder rests afterwards"
    for times in by_camera(steady).values():
        assert len(times) == 3


@FEW
@given(MANY, st.floats(100, 200))
def test_when_all_change_at_once_the_decoder_has_no_more_to_do_than_while_all_are_learned(
    number: int, at_s: float
) -> None:
    cameras = {f"{n:03}": LookSchedule() for n in range(number)}
    looks(cameras, at_s, lambda now_s, _: LookSchedule(now_s, settled=True))
    cameras = {camera: replace(one, sizes=CHANGED) for camera, one in cameras.items()}
    made = looks(cameras, at_s + 30, lambda now_s, _: LookSchedule(now_s, settled=True), at_s)
    first = [times[0] for times in by_camera(made).values()]
    assert len(first) == number
    assert max(first) <= at_s + 2 * ROUND_S, "the one that was looked at just before must wait for a round"
    busiest = max(sum(begin <= other < begin + ROUND_S for other, _ in made) for begin, _ in made)
    assert busiest <= max(ROUND_S, number) + 1


def view(*reports: Stats, session: Connected = CONNECTED) -> CameraView:
    """A report a second."""
    samples = tuple((1000 * second, one) for second, one in enumerate(reports))
    return CameraView(Phase.RECORDING, Moment(0, 0), None, NOTHING, NOTHING, NOTHING, session, samples, "device", 0)


def report(second: int, *, newest: int = 40_000, sound_s: int = 10**9, lag_ms: int | None = None) -> Stats:
    """Of a camera with a key frame and ten packets of sound a second."""
    return Stats(
        25 * second, 200_000 * second, 0, 0, 0, 0, 0,
        sound_units=10 * min(second, sound_s), sound_lag_ms=lag_ms,
        key_frames=second, key_bytes=40_000 * (second - 1) + newest,
    )  # fmt: skip


def settled() -> LookSchedule:
    """It was looked at a minute ago, and nothing has changed since."""
    one = LookSchedule(0.0)
    reports = [report(second) for second in range(60)]
    for second in range(1, 60):
        one.hear(view(*reports[: second + 1]), Memory(heard=True), None)
    one.settled, one.sizes = True, looked(begun(one.sizes), 60.0, calm=True)
    one.hear(view(*reports, report(60)), Memory(heard=True), None)
    assert one.due_s(0.5) == 30.0
    return one


def test_a_camera_is_looked_at_as_soon_as_its_key_frames_have_another_size() -> None:
    one = settled()
    one.hear(view(report(61, newest=30_000)), Memory(), None)
    assert one.due_s(0.5) == ROUND_S


def test_a_new_session_is_looked_at_at_once_and_is_not_compared_with_the_one_before() -> None:
    one, memory = settled(), Memory(before=(TRACE,), colour_lost=True)
    assert one.hear(view(), memory, None) == memory
    assert one.due_s(0.5) == 30.0
    another = Connected("h264", 1920, 1080, "aac", NOTHING)
    assert one.hear(view(session=another), memory, None) == Memory(colour_lost=True)
    assert one.due_s(0.5) == ROUND_S
    one.hear(view(report(1), session=another), memory, None)
    assert not one.sizes.changed, "it counts from nothing again"


def test_sound_that_stops_or_lags_is_told_without_a_look() -> None:
    heard, never = Memory(heard=True), Memory()
    cases = (heard, None, True), (never, None, False), (never, True, True), (heard, False, False)
    for memory, sound, found in cases:
        one, stopped = settled(), [report(second, sound_s=20) for second in range(61)]
        one.hear(view(*stopped[:45]), memory, sound)
        assert one.settled
        one.hear(view(*stopped), memory, sound)
        assert one.settled != found
    one = settled()
    one.hear(view(report(61, lag_ms=2000)), heard, None)
    assert not one.settled


def test_a_camera_that_kills_the_eye_again_and_again_is_left_alone_ever_longer() -> None:
    record, spans = DecoderBackoff(), []
    for _ in range(12):
        record = watch.blamed(record, 1000.0)
        spans.append(max(0.0, record.until_s - 1000.0))
    assert spans[:5] == [0.0, 60.0, 120.0, 240.0, 480.0]
    assert spans[-1] == ASIDE_MAX_S
    assert watch.is_aside({"bad": record}, "bad", 1001.0)
    assert not watch.is_aside({"bad": record}, "good", 1001.0)
    assert not watch.is_aside({"bad": record}, "bad", 1000.0 + ASIDE_MAX_S)
