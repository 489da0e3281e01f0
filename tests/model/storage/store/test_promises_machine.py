"""All of storage against a naive model: cameras, clocks, power, disks, people, crashes; each promise at every step.

The model knows the true time of the box. So what goes is judged by true age (S1, S2, S7), and what stays by the least
age that can be proven (S3). S4, S5, S9, S10 and S13 are looked up on the disks and in the database. A run ends with
everything mended, at rest, and with the same check by content that users get. Time of days costs nothing here, so the
spans are those of the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from storage.pins.rules import Ground
from storage.tickets.maintenance_table import MOST_MS
from storage.words.failpoints import Failpoint
from storage.words.model import GapCause
from tests.conftest import Profile
from tests.model.promised import planted
from tests.model.promised.disks import Disks
from tests.model.promised.footage import YEAR_MS, Footage
from tests.model.promised.ground import BOUNDS, steps_made
from tests.model.promised.naive import DAY_MS, HOUR_MS
from tests.model.promised.people import LIN, People
from tests.model.promised.site import DISK_BYTES
from tests.model.promised.work import AtWork

Steps: TypeAlias = Iterator[None]

STEPS_LONG: Final = 100_000
STEPS_EACH: Final = {False: 25, True: 60}
"""In a short run, and in a long one."""
EXAMPLES_LONG: Final = 2200
MACHINE: Final = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


class PromisesMachine(Footage, People, Disks, AtWork):
    """Everything that may happen to a box."""


def test_promises_hold(profile: Profile, capsys: pytest.CaptureFixture[str]) -> None:
    is_long = profile.name == "long"
    examples = EXAMPLES_LONG if is_long else profile.model_examples
    steps_made.clear()
    run_state_machine_as_test(
        PromisesMachine, settings=settings(MACHINE, stateful_step_count=STEPS_EACH[is_long], max_examples=examples)
    )
    if is_long:
        with capsys.disabled():
            print(f"\n{dict(steps_made.most_common())}")  # noqa: T201 - for the record
        assert steps_made["steps"] >= STEPS_LONG


# --- each way through the machine on which a planted bug shows, and without it nothing does ------------------------


def to_the_last_second_of_a_floor(machine: PromisesMachine) -> Steps:
    machine.configures("yard", BOUNDS[2], sweeps=False)
    yield
    machine.records("yard", fragments=6, count=1, step=None)
    yield
    machine.pass_to_an_edge(machine.model.segments["yard", 1], floor=True, edge_ms=-1000)
    yield
    machine.sweep_once()
    yield


def two_years_by_the_wall_clock(machine: PromisesMachine) -> Steps:
    machine.records("door", fragments=2, count=2, step=None)
    yield
    machine.the_clock_is_stepped(2 * YEAR_MS, noticed=True)
    yield
    machine.sweep_once()
    yield


def past_a_ceiling_with_a_pin(machine: PromisesMachine) -> Steps:
    machine.records("door", fragments=2, count=2, step=None)
    yield
    known = machine.model.segments["door", 1]
    machine.place(known, known, Ground.LAW, 30 * DAY_MS, ahead=False, step=None)
    yield
    ((pin_id, held),) = machine.model.pins.items()
    machine.site.store.pins.approve(pin_id, LIN)
    held.approved = True
    yield
    machine.time_passes(11 * DAY_MS, 0, 0)
    yield
    machine.sweep_once()
    yield


def a_death_between_row_and_name(machine: PromisesMachine) -> Steps:
    machine.records("door", fragments=2, count=1, step=Failpoint.COMMIT_SYNCED)
    yield


def a_ceiling_that_is_shortened(machine: PromisesMachine) -> Steps:
    machine.records("door", fragments=2, count=2, step=None)
    yield
    machine.sweep_once()
    yield
    machine.time_passes(3 * DAY_MS, 0, 0)
    yield
    machine.configures("door", BOUNDS[1], sweeps=True)
    yield


def floors_on_full_disks(machine: PromisesMachine) -> Steps:
    machine.sweep_once()
    yield
    machine.records("door", fragments=2, count=2, step=None)
    yield
    for place in (0, 1):
        machine.others_take_space(at=place, taken=DISK_BYTES)
    yield
    machine.time_passes(DAY_MS, 0, 0)
    yield
    machine.may_overwrite(on=True)
    machine.sweep_once()
    yield
    machine.time_passes(DAY_MS - HOUR_MS, 0, 0)
    machine.sweep_once()
    assert machine.model.went["overwrite"] == 0
    yield
    machine.sweep_once()
    yield


def a_sweep_without_a_disk(machine: PromisesMachine) -> Steps:
    machine.records("door", fragments=2, count=2, step=None)
    yield
    machine.lose_disk(machine.site.places[0], foreign=False, dies=False)
    yield
    machine.sweep_once()
    yield


def work_in_a_pause(machine: PromisesMachine) -> Steps:
    """A daemon dies in it, and comes back long after it: what was missed begins before it and ends behind it."""
    machine.begins("door", fragments=2)
    machine.time_passes(1000, 0, 0)
    machine.announces_work(("door",), HOUR_MS)
    machine.time_passes(HOUR_MS // 2, 0, 0)
    yield
    machine.the_daemon_restarts(clean=False, down_ms=HOUR_MS, step=None)
    assert machine.model.work is None
    yield
    machine.records("door", fragments=2, count=1, step=None)
    causes = [row["cause"] for row in machine.site.box().look("SELECT cause FROM gaps ORDER BY id")]
    assert GapCause.MAINTENANCE in causes
    yield
    machine.end()


def work_beside_a_clock_that_is_set(machine: PromisesMachine) -> Steps:
    machine.announces_work((), MOST_MS)
    machine.the_clock_is_stepped(DAY_MS, noticed=True)
    machine.somebody_looks()
    assert machine.model.work is not None
    machine.reboots(clean=False, unseen_ms=0, off_ms=1000, up_ms=1, ppm=0, synced=False, step=None)
    yield
    machine.time_passes(MOST_MS, 0, 0)
    machine.somebody_looks()
    assert machine.model.work is None
    yield


def two_segments(machine: PromisesMachine) -> Steps:
    for _ in range(2):
        machine.records("door", fragments=2, count=1, step=None)
        machine.site.store.admission.volumes_now({"door": 1})
        yield


WAYS: Final[dict[str, tuple[planted.Plant, Callable[[PromisesMachine], Steps], str]]] = {
    "floor off by one segment": (planted.floor_off_by_one_segment, to_the_last_second_of_a_floor, "S1"),
    "wall clock believed": (planted.wall_clock_believed, two_years_by_the_wall_clock, "S1"),
    "pins ignored": (planted.pins_ignored, past_a_ceiling_with_a_pin, "S2"),
    "row before file": (planted.row_before_file, a_death_between_row_and_name, "S4"),
    "ceiling that does not wait": (planted.ceiling_that_does_not_wait, a_ceiling_that_is_shortened, "S7"),
    "overwriting that does not wait": (planted.overwriting_that_does_not_wait, floors_on_full_disks, "S1"),
    "work that explains what follows": (planted.work_that_explains_what_follows, work_in_a_pause, "S9"),
    "work that ends by the wall clock": (
        planted.work_that_ends_by_the_wall_clock,
        work_beside_a_clock_that_is_set,
        "S7",
    ),
    "writes that nobody hears of": (planted.writes_that_nobody_hears_of, two_segments, "stale"),
    "volume that is away pruned": (planted.volume_that_is_away_pruned, a_sweep_without_a_disk, "S4"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_planted", [True, False], ids=["planted", "sound"])
def test_planted_bugs_are_noticed(way: str, is_planted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, steps, promise = WAYS[way]
    if not is_planted:
        walk(steps)
        return
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=f"(?m)^{promise}: "):
        walk(steps)


def a_pin_that_is_over_and_whose_end_is_lost(machine: PromisesMachine) -> Steps:
    machine.configures("yard", BOUNDS[2], sweeps=False)
    machine.records("yard", fragments=2, count=1, step=None)
    known = machine.model.segments["yard", 1]
    machine.place(known, known, Ground.INTERNAL, 2 * DAY_MS, ahead=True, step=None)
    machine.pass_to_an_edge(known, floor=True, edge_ms=-1000)
    machine.sweep_once()
    yield
    machine.the_database_is_lost("gone", clean=False, mirrored=False, sweeps=True)
    machine.time_passes(2 * HOUR_MS, 0, 0)
    yield
    machine.end()


def a_release_that_is_lost(machine: PromisesMachine) -> Steps:
    machine.records("door", fragments=2, count=2, step=None)
    known = machine.model.segments["door", 1]
    machine.place(known, known, Ground.LAW, DAY_MS, ahead=True, step=None)
    machine.beat()
    (pin_id,) = machine.model.pins
    machine.let_go_of(pin_id, step=None)
    yield
    machine.the_database_is_lost("gone", clean=False, mirrored=False, sweeps=False)
    yield
    machine.end()


def a_pin_of_which_only_the_mirror_tells(machine: PromisesMachine) -> Steps:
    """What it holds is in progress, and has no sidecar yet."""
    machine.begins("door", fragments=1)
    known = machine.model.segments["door", 1]
    machine.place(known, known, Ground.LAW, 2 * DAY_MS, ahead=False, step=None)
    machine.mirror()
    yield
    machine.the_database_is_lost("gone", clean=False, mirrored=False, sweeps=False)
    assert [*machine.site.box().look("SELECT id FROM segments WHERE state = 'committed' AND pins = 1")]
    machine.sweeps(step=None, until_all_is_done=True)
    yield
    machine.end()


def footage_of_a_boot_that_ran_longer_than_anybody_tells(machine: PromisesMachine) -> Steps:
    machine.the_ring_turns(fragments=2, pause_ms=60_000, rounds=3)
    machine.begins("door", fragments=3)
    (*_, known) = machine.model.segments.values()
    yield
    machine.reboots(clean=False, unseen_ms=0, off_ms=HOUR_MS, up_ms=1, ppm=0, synced=False, step=Failpoint.SALVAGE_CUT)
    yield
    machine.the_database_is_lost("gone", clean=False, mirrored=False, sweeps=False)
    assert known.start.boot == 2
    yield
    machine.end()


def pins_beside_a_clock_that_was_wrong(machine: PromisesMachine) -> Steps:
    """One holds what turns out to have been then, the other not what was then by a clock known to be wrong."""
    machine.records("door", fragments=2, count=1, step=None)
    machine.reboots(clean=True, unseen_ms=0, off_ms=HOUR_MS // 2, up_ms=1, ppm=0, synced=False, step=None)
    machine.records("door", fragments=2, count=2, step=None)
    before, early, late = machine.model.segments.values()
    machine.place(late, late, Ground.LAW, DAY_MS, ahead=True, step=None)
    machine.is_synchronised(0)
    machine.sweeps(step=None, until_all_is_done=True)
    yield
    machine.place(before, early, Ground.LAW, 30 * DAY_MS, ahead=False, step=None)
    (*_, pin_id) = machine.model.pins
    machine.site.store.pins.approve(pin_id, LIN)
    machine.model.pins[pin_id].approved = True
    machine.time_passes(11 * DAY_MS, 0, 0)
    machine.sweeps(step=None, until_all_is_done=True)
    assert (before.gone, early.gone, late.gone) == (False, True, True)
    yield
    machine.end()


def a_clock_that_vouched_and_proved_wrong(machine: PromisesMachine) -> Steps:
    """What went was not then by the clock that counted, and is by the one before and the one after."""
    machine.reboots(clean=True, unseen_ms=0, off_ms=0, up_ms=1, ppm=0, synced=False, step=None)
    machine.records("lobby", fragments=1, count=1, step=None)
    (known,) = machine.model.segments.values()
    machine.is_synchronised(-HOUR_MS)
    machine.place(known, known, Ground.INVESTIGATION, 30 * DAY_MS, ahead=True, step=None)
    machine.time_passes(11 * DAY_MS, 0, 0)
    machine.sweeps(step=None, until_all_is_done=True)
    assert known.gone
    yield
    machine.is_synchronised(0)
    yield
    machine.end()


def a_camera_that_pauses(machine: PromisesMachine) -> Steps:
    machine.begins("door", fragments=5)
    machine.time_passes(HOUR_MS, 0, 0)
    machine.records("door", fragments=1, count=2, step=None)
    yield
    machine.end()


def a_segment_in_progress_of_which_nobody_knows(machine: PromisesMachine) -> Steps:
    machine.begins("door", fragments=2)
    (known,) = machine.model.segments.values()
    place = next(place for place, home in machine.site.homes.items() if home == known.volume)
    machine.lose_disk(place, foreign=False, dies=False)
    yield
    machine.the_database_is_lost("gone", clean=False, mirrored=True, sweeps=True)
    yield
    machine.come_back(place)
    yield
    assert machine.site.store.segments("door", None, None)
    machine.end()


def a_pin_beside_what_was_in_progress_under_another_clock(machine: PromisesMachine) -> Steps:
    """Of whose epoch no head told when the database was lost, and after which another one began."""
    machine.is_synchronised(5_000)
    machine.records("door", fragments=2, count=1, step=None)
    before = machine.model.segments["door", 1]
    machine.place(before, before, Ground.LAW, 30 * DAY_MS, ahead=True, step=None)
    ((pin_id, held),) = machine.model.pins.items()
    machine.site.store.pins.approve(pin_id, LIN)
    held.approved = True
    machine.is_synchronised(0)
    machine.begins("door", fragments=2)
    beside = machine.model.segments["door", 2]
    machine.the_clock_is_stepped(HOUR_MS, noticed=False, moment_ms=0)
    yield
    machine.the_database_is_lost("gone", clean=False, mirrored=True, sweeps=False)
    yield
    machine.is_synchronised(before.start.wall_ms - beside.start.wall_ms)
    machine.time_passes(11 * DAY_MS, 0, 0)
    machine.sweeps(step=None, until_all_is_done=True)
    assert (before.gone, beside.gone) == (False, True)
    yield
    machine.end()


UNSUSPICIOUS: Final = (
    a_pin_beside_what_was_in_progress_under_another_clock,
    a_segment_in_progress_of_which_nobody_knows,
    a_pin_that_is_over_and_whose_end_is_lost,
    a_release_that_is_lost,
    a_pin_of_which_only_the_mirror_tells,
    footage_of_a_boot_that_ran_longer_than_anybody_tells,
    pins_beside_a_clock_that_was_wrong,
    a_clock_that_vouched_and_proved_wrong,
    a_camera_that_pauses,
)


@pytest.mark.parametrize("steps", UNSUSPICIOUS)
def test_no_breach_is_seen_where_there_is_none(steps: Callable[[PromisesMachine], Steps]) -> None:
    walk(steps)


def walk(steps: Callable[[PromisesMachine], Steps]) -> None:
    machine = PromisesMachine()
    try:
        machine.begin(rtc=False, synced=True, overwrites=False)
        for _ in steps(machine):
            machine.observe()
            machine.nothing_is_broken()
            machine.pins_last()
            machine.nothing_remembered_is_stale()
            machine.work_explains_what_lies_in_it()
    finally:
        machine.let_go()
