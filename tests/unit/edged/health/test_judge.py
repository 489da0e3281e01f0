"""edged.health: what is suspected often enough is found, what is gone is over, and what is no fault is left alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.health import faults, judge
from edged.health.baseline import DAY_MS, ENOUGH, HOUR_MS, LATEST, Habits, Light, Usual
from edged.health.faults import MediaFault, MediaHealth
from edged.health.judge import FOUND_AT, Look, Memory
from edged.words.catalogue import Reader
from recorder.decoder.messages import BLOCKS, Heard, Picture, Shift
from storage.words.message import Message

NOON_MS: Final = 20_000 * DAY_MS + 12 * HOUR_MS
EVERY_MS: Final = 10_000
LOUD: Final = Heard(1.0, -30.0, -10.0, 0.0)
SILENCE: Final = Heard(1.0, -120.0, -120.0, 0.0)


def view(number: int = 0, **changed: Any) -> Picture:
    """An ordinary picture in colour; no two have a block in common."""
    usual = Picture(
        1920, 1080, 110.0, 20.0, 220.0, 50.0, 0.01, 0.01, (0.4, 0.8), 12.0, (6.0,) * BLOCKS, (110.0,) * BLOCKS,
        tuple(1 + number * BLOCKS + block for block in range(BLOCKS)),
    )  # fmt: skip
    return msgspec.structs.replace(usual, **changed)


class Camera:
    """Looks at it, one after the other."""

    def __init__(self, **about: Any) -> None:
        self.memory = Memory()
        self.about = about
        self.at_ms = NOON_MS
        self.every_ms = EVERY_MS
        self.number = 0
        self.judged = MediaHealth(0)
        self.settled = False

    def look(self, *, heard: Any = LOUD, **changed: Any) -> set[MediaFault]:
        self.number += 1
        self.at_ms += self.every_ms
        picture = view(self.number, **changed)
        look = replace(Look(self.at_ms, self.at_ms, picture, heard, apart_s=self.every_ms / 1000), **self.about)
        self.memory, self.judged = judge.step(self.memory, look)
        self.settled = judge.is_settled(self.memory, look)
        return {finding.fault for finding in self.judged.findings}

    def learn(self, **changed: Any) -> None:
        for _ in range(ENOUGH):
            assert self.look(**changed) == set()

    def until(self, faults: set[MediaFault], most: int = 20, **changed: Any) -> int:
        """Looks until exactly these are found."""
        for count in range(1, most + 1):
            if self.look(**changed) == faults:
                return count
        raise AssertionError(f"not {faults} after {most} looks")


STILL: Final = tuple(range(1, BLOCKS + 1))
SOFT: Final[dict[str, Any]] = {"sharpness": (0.15, 0.7)}
HIDDEN: Final = (0.2,) * 20 + (6.0,) * (BLOCKS - 20)
FAULTS: Final[dict[MediaFault, dict[str, Any]]] = {
    MediaFault.BLACK: {"high": 10.0, "low": 0.0, "mean": 2.0, "spread": 1.0},
    MediaFault.WHITE: {"high": 255.0, "low": 240.0, "mean": 250.0, "spread": 2.0},
    MediaFault.FLAT: {"spread": 1.0, "edges": (0.5,) * BLOCKS},
    MediaFault.FROZEN: {"prints": STILL},
    MediaFault.BLURRED: SOFT,
    MediaFault.COVERED: {"edges": HIDDEN},
    MediaFault.MOVED: {"shift": Shift(0.1, 0.0, 0.3, 0.1)},
    MediaFault.SILENT: {"heard": SILENCE},
    MediaFault.CLIPPED: {"heard": Heard(1.0, -3.0, 0.0, 0.3)},
}


def fresh(camera: Camera, block: int) -> int:
    """A print that was never seen."""
    return 1000 + camera.number * BLOCKS + block


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_within_a_minute_and_is_over_soon_after_it_ended(fault: MediaFault) -> None:
    camera = Camera()
    camera.learn()
    began_ms = camera.at_ms
    looks = camera.until({fault}, **FAULTS[fault])
    assert FOUND_AT <= looks <= 5, "within 60 s"
    (finding,) = camera.judged.findings
    assert began_ms < finding.since_ms <= began_ms + 2 * EVERY_MS
    assert finding.evidence
    for _ in range(40):
        assert camera.look(**FAULTS[fault]) == {fault}, "it stands as long as it lasts: nothing is learned from it"
    assert 4 <= camera.until(set()) <= 6 + (LATEST - 1 if fault is MediaFault.FROZEN else 0)
    assert faults.what_is_wrong(fault)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault is not MediaFault.FROZEN])
def test_a_few_looks_prove_nothing(fault: MediaFault) -> None:
    """That a picture comes back proves something: it takes several looks to see it."""
    camera = Camera()
    camera.learn()
    for _ in range(30):
        for changed in (FAULTS[fault], FAULTS[fault], {}, {}):
            assert camera.look(**changed) == set()


def test_a_finding_does_not_flutter() -> None:
    camera = Camera()
    camera.learn()
    camera.until({MediaFault.BLURRED}, **SOFT)
    camera.look(**SOFT)
    camera.look(**SOFT)
    for changed in ({}, SOFT) * 20:
        assert camera.look(**changed) == {MediaFault.BLURRED}


def test_an_empty_corridor_is_not_frozen_and_a_frozen_one_is() -> None:
    """Whatever is the same but for the sensor's noise is a picture of its own; the camera's painted clock is none."""
    camera = Camera()
    for _ in range(200):
        assert camera.look() == set(), "nothing moves, and no block repeats"
    for number in range(8):
        camera.look(prints=(5000 + number, 6000 + number, *STILL[2:]))
    assert {finding.fault for finding in camera.judged.findings} == {MediaFault.FROZEN}


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, BLOCKS))
def test_plain_walls_whose_noise_is_lost_in_coding_are_not_frozen_and_frozen_ones_are(seed: int, walls: int) -> None:
    """However often they come back, from the first look on."""
    camera, random = Camera(), Random(seed)
    often = [random.random() for _ in range(walls)] + [0.0] * (BLOCKS - walls)
    for _ in range(2 * ENOUGH):
        seen = [STILL[n] if random.random() < share else fresh(camera, n) for n, share in enumerate(often)]
        assert camera.look(prints=tuple(seen)) == set()
    camera.until({MediaFault.FROZEN}, most=5, prints=STILL)


def test_a_picture_whose_blocks_come_back_now_and_then_as_by_a_rate_control_is_frozen() -> None:
    """A sixth of them at each look, others each time; not one of a live picture does, and no whole picture repeats."""
    camera = Camera()
    camera.learn()
    for number in range(20):
        camera.look(prints=tuple(STILL[n] if n % 6 == number % 6 else fresh(camera, n) for n in range(BLOCKS)))
    assert {finding.fault for finding in camera.judged.findings} == {MediaFault.FROZEN}


def test_walls_that_come_back_since_their_noise_fell_are_known_as_soon_as_somebody_walks_past_them() -> None:
    """By another gain of the sensor, as in the evening when the lamps go on: what comes back while something moves does
    so by itself. From then on it is learned, and the picture is not called frozen again; one that stands still is.
    """
    camera = Camera()
    for _ in range(400):
        assert camera.look() == set()

    def seen(walker: int | None) -> dict[str, Any]:
        hidden = set() if walker is None else {row * 8 + walker for row in range(6)}
        prints = tuple(STILL[n] if n < 20 and n not in hidden else fresh(camera, n) for n in range(BLOCKS))
        return {"prints": prints, "tones": tuple(60.0 if n in hidden else 110.0 for n in range(BLOCKS))}

    camera.until({MediaFault.FROZEN}, **seen(None))  # by now nothing tells it from one
    camera.look(**seen(3))
    for _ in range(LATEST):
        camera.look(**seen(None))
    for _ in range(100):
        assert camera.look(**seen(None)) == set()
    camera.until({MediaFault.FROZEN}, most=5, prints=STILL)


def test_a_picture_in_which_somebody_walks_past_plain_walls_is_not_frozen_however_much_of_it_comes_back() -> None:
    camera = Camera()
    for number in range(100):
        hidden = {row * 8 + number % 8 for row in range(6)}
        prints = tuple(fresh(camera, n) if n in hidden else STILL[n] for n in range(BLOCKS))
        tones = tuple(60.0 if n in hidden else 110.0 for n in range(BLOCKS))
        assert camera.look(prints=prints, tones=tones) == set()


def test_a_recording_that_is_played_in_a_circle_is_not_frozen_as_long_as_something_moves_in_it() -> None:
    camera = Camera()
    for number in range(100):
        film = number % 7
        prints = tuple(1 + film * BLOCKS + n for n in range(BLOCKS))
        assert camera.look(prints=prints, tones=(60.0 + 10 * film,) * BLOCKS) == set()


def test_dark_pictures_that_repeat_are_not_frozen() -> None:
    camera = Camera()
    for _ in range(40):
        assert MediaFault.FROZEN not in camera.look(prints=(0,) * (BLOCKS - 5) + (1, 2, 3, 4, 5))


def test_what_a_camera_writes_over_the_dark_is_not_frozen() -> None:
    """Its name and its clock, in ten blocks, of which one changes: there is nothing else to be seen."""
    camera = Camera()
    camera.learn()
    for number in range(40):
        prints = (1000 + number, *range(1, 10)) + (0,) * (BLOCKS - 10)
        assert MediaFault.FROZEN not in camera.look(**FAULTS[MediaFault.BLACK] | {"prints": prints})


def test_lights_that_are_switched_off_and_infrared_are_no_fault() -> None:
    camera = Camera(colour=None)
    camera.learn()
    dim: dict[str, Any] = {"mean": 15.0, "high": 60.0, "spread": 9.0, "sharpness": (0.1, 0.3), "edges": (0.4,) * BLOCKS}
    night: dict[str, Any] = {"saturation": 0.3, "sharpness": (0.2, 0.5), "edges": (2.5,) * BLOCKS}
    dim, night = dim | {"tones": (15.0,) * BLOCKS}, night | {"tones": (70.0,) * BLOCKS}
    for _ in range(3):
        for light in (dim, night, {}, night, dim, {}):
            for _ in range(40):
                assert camera.look(**light) == set()
    assert set(camera.memory.usual) == {Light.DAY, Light.DIM_DAY, Light.NIGHT}
    assert camera.judged.day


def test_a_grey_sheet_before_most_of_the_lens_is_no_infrared() -> None:
    camera = Camera()
    camera.learn()
    sheet: dict[str, Any] = {
        "saturation": 0.5,
        "edges": (0.2,) * 40 + (6.0,) * (BLOCKS - 40),
        "tones": (30.0,) * BLOCKS,
    }
    assert camera.until({MediaFault.COVERED}, **sheet) == FOUND_AT


def test_each_light_has_its_own_measure() -> None:
    """By night this camera is less sharp; by day as little would be a blur, and by night still less is one."""
    camera = Camera()
    camera.learn()
    night: dict[str, Any] = {"saturation": 0.3, "tones": (60.0,) * BLOCKS}
    camera.learn(sharpness=(0.15, 0.4), **night)
    assert camera.until({MediaFault.BLURRED}, sharpness=(0.06, 0.35), **night) == FOUND_AT


def test_colour_that_goes_by_day_while_nothing_else_changes_is_lost() -> None:
    camera = Camera()
    camera.learn()
    assert camera.until({MediaFault.COLOURLESS}, saturation=0.2) == FOUND_AT
    assert (camera.judged.day, camera.judged.colour) == (True, False)
    camera.until(set())
    camera.at_ms += 9 * HOUR_MS
    for _ in range(30):
        assert camera.look(saturation=0.2) == set(), "in the evening it is the camera's own doing"


def test_where_colour_is_expected_grey_by_day_is_a_fault_whatever_went_before() -> None:
    expecting = Camera(colour=True)
    assert expecting.until({MediaFault.COLOURLESS}, saturation=0.2) == FOUND_AT
    other = Camera()
    for _ in range(30):
        assert other.look(saturation=0.2) == set()


def test_another_view_altogether_is_a_moved_camera_but_not_before_it_is_known_how_alike_it_is() -> None:
    camera = Camera()
    camera.learn(shift=Shift(0.0, 0.0, 0.5, 0.8))
    assert camera.until({MediaFault.MOVED}, shift=Shift(0.3, 0.1, 0.02, 0.02)) == FOUND_AT
    camera.memory = judge.referred(camera.memory)
    for _ in range(20):
        assert camera.look(shift=Shift(0.3, 0.1, 0.02, 0.02)) == set(), "of a new reference nothing is known yet"


@pytest.mark.parametrize("fault", [MediaFault.FROZEN, MediaFault.BLURRED, MediaFault.COVERED])
def test_who_vouches_for_the_view_ends_what_was_found_against_the_one_before(fault: MediaFault) -> None:
    """The camera was replaced by another, or hangs elsewhere: nothing would be learned as long as it is suspected."""
    camera = Camera()
    camera.learn()
    now = (
        {**FAULTS[fault], "prints": STILL[:20] + (0,) * (BLOCKS - 20)} if fault is MediaFault.FROZEN else FAULTS[fault]
    )
    for _ in range(8):
        camera.look(**now)
    assert {finding.fault for finding in camera.judged.findings} == {fault}
    camera.memory = judge.referred(camera.memory)
    if fault is not MediaFault.FROZEN:
        camera.learn(**now)
    assert camera.look(**now) == set()
    camera.memory = judge.referred(camera.memory)
    camera.learn()
    camera.until({MediaFault.BLURRED}, **SOFT)


def test_a_view_that_lies_elsewhere_at_each_look_is_not_moved() -> None:
    """It is people who do, before plain walls."""
    camera = Camera()
    for number in range(60):
        assert camera.look(shift=Shift(0.06 if number % 2 else -0.07, 0.0, 0.3, 0.5)) == set()
    assert camera.until({MediaFault.MOVED}, shift=Shift(0.06, 0.01, 0.3, 0.5)) <= FOUND_AT + 1


def test_sound_is_judged_only_where_it_is_not_unwanted() -> None:
    camera = Camera(sound=False)
    for _ in range(20):
        assert camera.look(heard=SILENCE) == set()


def test_sound_that_came_and_comes_no_more_is_missed() -> None:
    never, expected, once = Camera(overdue=True), Camera(overdue=True, sound=True), Camera()
    once.learn()
    once.about = {"overdue": True}
    assert expected.until({MediaFault.MUTE}, heard=None) == FOUND_AT
    assert once.until({MediaFault.MUTE}, heard=None) == FOUND_AT
    for _ in range(20):
        assert never.look(heard=None) == set(), "a camera may promise sound that nobody wants"


def test_sound_that_lies_apart_from_its_picture_is_found_and_told_on_which_side() -> None:
    for lag_ms, word in ((1500, "after"), (-1500, "before")):
        camera = Camera(lag_ms=lag_ms)
        camera.until({MediaFault.DRIFT})
        assert word in camera.judged.findings[0].evidence
        assert camera.judged.drift_ms == lag_ms
    assert [Camera(lag_ms=900).look() for _ in range(20)] == [set()] * 20


def nights(camera: Camera, days: Iterable[int]) -> list[bool]:
    """Dark from 20 to 6 each night, looked at each minute: whether it was found."""
    found, camera.every_ms = [], 60_000
    for day in days:
        camera.at_ms = (20_000 + day) * DAY_MS + 20 * HOUR_MS
        found.append(any([camera.look(**FAULTS[MediaFault.BLACK]) for _ in range(600)]))  # noqa: C419 - the whole night
        for _ in range(10):
            camera.look()
    return found


def test_a_room_that_is_dark_each_night_is_told_twice_and_then_known() -> None:
    camera = Camera()
    assert nights(camera, range(5)) == [True, True, False, False, False]
    assert nights(camera, [8]) == [False], "after a weekend"
    camera.at_ms = 20_010 * DAY_MS + 11 * HOUR_MS
    camera.until({MediaFault.BLACK}, **FAULTS[MediaFault.BLACK])


def test_what_stays_for_days_is_no_habit() -> None:
    camera = Camera()
    camera.until({MediaFault.BLACK}, **FAULTS[MediaFault.BLACK])
    for hour in range(24 * 5):
        camera.at_ms = NOON_MS + hour * HOUR_MS
        assert camera.look(**FAULTS[MediaFault.BLACK]) == {MediaFault.BLACK}, hour
    for _ in range(10):
        camera.look()
    assert camera.memory.habits == Habits()


def test_habits_are_bounded() -> None:
    habits = Habits()
    for day in range(400):
        habits = habits.ended(MediaFault.BLACK, day * DAY_MS + 18 * HOUR_MS, (day + 1) * DAY_MS + 6 * HOUR_MS)
    assert len(habits.hours[MediaFault.BLACK]) <= 11 * 24


def test_what_was_learned_is_kept_over_a_restart() -> None:
    camera = Camera()
    camera.learn()
    camera.until({MediaFault.BLURRED}, **SOFT)
    kept = msgspec.json.encode({"lobby": camera.memory})
    assert len(kept) < 20_000
    camera.memory = msgspec.json.decode(kept, type=dict[str, Memory])["lobby"]
    ((_, evidence),) = told(judge.judged(camera.memory, Look(0, 0, view(), None)))
    assert Reader("zh_TW")(evidence) == "比同樣光線下平常的畫面模糊許多"
    assert camera.look(**SOFT) == {MediaFault.BLURRED}


def told(seen: MediaHealth) -> list[tuple[MediaFault, Message]]:
    return [(finding.fault, finding.evidence) for finding in seen.findings]


def test_looks_that_come_to_nothing_are_told_after_a_while() -> None:
    memory = Memory()
    for _ in range(judge.UNSEEN_AT):
        assert not judge.is_unseen(memory)
        memory = judge.missed(memory)
    assert judge.is_unseen(memory)
    memory, _ = judge.step(memory, Look(0, 0, view(), None))
    assert not judge.is_unseen(memory)


def test_a_frozen_picture_is_found_although_each_other_look_comes_to_nothing() -> None:
    """As with a camera whose key frames lie half a minute apart."""
    camera = Camera()
    camera.learn()
    for _ in range(6):
        camera.memory = judge.missed(camera.memory)
        camera.look(prints=STILL)
    assert {finding.fault for finding in camera.judged.findings} == {MediaFault.FROZEN}


def test_colour_that_went_while_nothing_was_seen_went_perhaps_with_the_light() -> None:
    camera = Camera()
    camera.learn()
    camera.memory = judge.missed(camera.memory)
    for _ in range(30):
        assert camera.look(saturation=0.2) == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_camera_is_settled_once_it_is_learned_and_until_something_is_suspected(fault: MediaFault) -> None:
    """From then on it is looked at as often as ever, until it is over."""
    camera = Camera()
    for _ in range(ENOUGH):
        assert not camera.settled
        camera.look()
    assert camera.settled
    if fault is MediaFault.FROZEN:
        camera.look(**FAULTS[fault])
    camera.look(**FAULTS[fault])
    assert not camera.settled
    for _ in range(40):
        camera.look(**FAULTS[fault])
        assert not camera.settled
    while camera.memory.suspected:
        assert not camera.settled
        camera.look()
    assert camera.settled


def test_another_light_and_a_new_reference_are_learned_before_a_camera_is_settled_again() -> None:
    camera = Camera()
    camera.learn()
    night: dict[str, Any] = {"saturation": 0.3, "tones": (60.0,) * BLOCKS}
    camera.look(**night)
    assert not camera.settled
    camera.look()
    assert camera.settled
    camera.memory = judge.referred(camera.memory)
    for _ in range(ENOUGH - 1):
        camera.look(shift=Shift(0.0, 0.0, 0.5, 0.8))
        assert not camera.settled
    camera.look(shift=Shift(0.0, 0.0, 0.5, 0.8))
    assert camera.settled


def test_a_view_that_lies_beside_its_reference_for_the_first_time_is_looked_at_again_soon() -> None:
    camera = Camera()
    camera.learn(shift=Shift(0.0, 0.0, 0.5, 0.8))
    assert camera.settled
    camera.look(shift=Shift(0.1, 0.0, 0.3, 0.8))
    assert (camera.memory.suspected, camera.settled) == ({}, False)


def test_a_room_that_is_dark_at_its_hour_costs_no_more_looks_than_one_that_is_light() -> None:
    camera = Camera()
    nights(camera, range(3))
    camera.at_ms = (20_000 + 3) * DAY_MS + 20 * HOUR_MS
    for _ in range(judge.SCORE_MAX):
        assert not camera.settled or not camera.memory.suspected
        camera.look(**FAULTS[MediaFault.BLACK])
    assert (camera.judged.findings, camera.settled) == ((), True)
    camera.look()
    assert not camera.settled, "in the morning it is soon seen that it is over"


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_usual_is_a_mean_of_the_last_hour_however_far_apart_looks_are(seed: int) -> None:
    """Half an hour of twice the contrast tells on it alike."""
    random, means = Random(seed), []
    for every_s in (10.0, 20.0, 60.0):
        camera = Camera()
        camera.learn(spread=40.0)
        camera.every_ms = round(every_s * 1000)
        for _ in range(round(3 * 3600 / every_s)):
            camera.look(spread=40.0 + random.uniform(-2, 2))
        for _ in range(round(1800 / every_s)):
            camera.look(spread=80.0)
        means.append(camera.memory.usual[Light.DAY].spread)
    assert max(means) - min(means) < 2.0
    assert 52.0 < means[0] < 60.0


def test_walls_by_a_light_that_wanders_are_not_frozen_when_they_are_looked_at_often_after_hours_of_seldom() -> None:
    """What is alike for half a minute is never seen to be by seldom looks, and so never known."""
    camera = Camera()
    for every_ms in (EVERY_MS, 60_000, EVERY_MS):
        camera.every_ms = every_ms
        for _ in range(5 * ENOUGH):
            alike = 10_000 + (camera.at_ms + every_ms) // 30_000 * BLOCKS
            prints = tuple(alike + n if n < 20 else fresh(camera, n) for n in range(BLOCKS))
            assert camera.look(prints=prints) == set()


def test_sound_that_the_worker_misses_or_hears_late_is_reason_to_look() -> None:
    heard, never = Memory(heard=True), Memory()
    assert judge.is_sound_wrong(heard, None, overdue=True, wanted=None)
    assert judge.is_sound_wrong(never, None, overdue=True, wanted=True)
    assert judge.is_sound_wrong(never, -1500, overdue=False, wanted=None)
    assert not judge.is_sound_wrong(never, None, overdue=True, wanted=None)
    assert not judge.is_sound_wrong(heard, 1500, overdue=True, wanted=False)
    assert not judge.is_sound_wrong(heard, 200, overdue=False, wanted=True)


def test_every_fault_has_words() -> None:
    assert set(faults.FAULT_TEXTS) == set(MediaFault)
    assert isinstance(Memory().usual, dict)
    assert Usual(1, (1.0, 1.0), 1.0, (1.0,) * BLOCKS, (0.0,) * BLOCKS).likened == 0
