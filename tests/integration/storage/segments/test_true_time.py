"""A box that boots with a wrong clock: its footage is found, pinned and rebuilt by true time (S2, S13)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from storage.approvals.table import Person
from storage.pins.rules import Ground, Interval, Limits, PinOrder
from storage.retention.plan import Policy
from storage.store.opening import DATABASE_NAME
from storage.volumes.volume import VolumeSpec
from storage.words.failpoints import Failpoint
from storage.words.model import Bounds, GapCause, Segment
from tests.support import promises
from tests.support.office import DEADLINE_S, UP_MS, WALL_MS, Office, crash_at
from tests.support.promises import Box

HOUR_MS: Final = 3_600_000
OFF_MS: Final = -7 * HOUR_MS
LONG: Final = Bounds(60, 3600)
DAY_MS: Final = 86_400_000
CHEN: Final = Person(1001, "chen")
PAST_CEILING_MS: Final = 4_000_000


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """It comes up with its clock seven hours slow, and nobody vouches for it."""
    opened = Office(tmp_path)
    opened.store.close()
    opened.clock.reboot(0)
    opened.clock.step_wall(OFF_MS)
    opened.clock.is_synced = False
    opened.start()
    opened.enrol("lobby")
    yield opened
    opened.store.close()


def the_clock_is_set(office: Office) -> None:
    office.clock.step_wall(-OFF_MS)
    office.clock.is_synced = True
    office.store.clock_stepped(office.clock.now(), synced=True).result(DEADLINE_S)
    office.store.heartbeat().result(DEADLINE_S)


def recorded(office: Office, count: int) -> list[tuple[int, Segment]]:
    """Each with when it truly began."""
    made = []
    for _ in range(count):
        true_ms = office.clock.wall_ms - (0 if office.clock.is_synced else OFF_MS)
        made.append((true_ms, office.segment("lobby", bounds=LONG)))
    return made


def at(office: Office, true_ms: int) -> list[int]:
    return [one.seq for one in office.store.segments("lobby", true_ms, true_ms + 1)]


def order(first_ms: int, last_ms: int) -> PinOrder:
    return PinOrder(("lobby",), Interval(first_ms, last_ms), Ground.LAW, "133", "115-0042", "主任", 30 * DAY_MS)


def sweep(office: Office) -> int:
    return office.store.sweep(lambda: Policy({"lobby": LONG})).destroyed


def as_promised(office: Office) -> list[str]:
    return promises.at_rest(Box(office.state, {office.store.volumes()[0].id: office.disk}), run=office.store.run)


def test_found_by_true_time_once_that_is_known(office: Office) -> None:
    early = recorded(office, 3)
    assert at(office, early[1][0]) == []
    the_clock_is_set(office)
    late = recorded(office, 2)
    assert [at(office, true_ms) for true_ms, _ in [*early, *late]] == [[1], [2], [3], [4], [5]]
    (one,) = office.store.segments("lobby", early[0][0], early[0][0] + 1)
    assert (one.clock_correction_ms, one.true_start.wall_ms) == (-OFF_MS, early[0][0])
    assert one.path == early[0][1].path
    (usage,) = office.store.usage()
    assert usage.oldest == one.true_start


@pytest.mark.parametrize("known_before", [True, False])
def test_a_pin_keeps_what_happened_then(office: Office, known_before: bool) -> None:
    """Linked and with a sidecar, over its ceiling; what it did not ask for goes."""
    early = recorded(office, 4)
    if known_before:
        the_clock_is_set(office)
    else:  # somebody with a watch pins what the clock on the wall showed, and what is recorded now
        recorded(office, 1)
    wish = order(early[1][0] + 1, early[2][0] + 1 + (0 if known_before else 10 * HOUR_MS))
    pinned = office.store.pins.place(wish, CHEN, Limits(180 * DAY_MS, 100.0))[0]
    if not known_before:
        assert pinned.segments == 0
        the_clock_is_set(office)
    sweep(office)  # links are made behind it
    kept = [one.seq for one in office.store.segments("lobby", None, None) if office.store.pins.ids_of([one.id])]
    assert kept == ([2, 3] if known_before else [2, 3, 4, 5])
    assert as_promised(office) == []
    office.clock.tick(PAST_CEILING_MS)
    assert sweep(office) == (2 if known_before else 1)
    assert [one.seq for one in office.store.segments("lobby", None, None)] == kept
    assert as_promised(office) == []


def test_what_was_in_progress_when_the_power_went_goes_by_it_too(office: Office) -> None:
    began_ms = office.clock.wall_ms - OFF_MS
    broken = office.record("lobby", bounds=LONG)
    broken.write(5)
    office.clock.tick(5_000)
    broken.file.abandon()
    the_clock_is_set(office)
    office.salvage("lobby", 1)
    assert at(office, began_ms) == [1]


@pytest.mark.parametrize("with_head", [True, False])
def test_a_lost_database_knows_it_again(office: Office, with_head: bool) -> None:
    early = recorded(office, 3)
    if with_head:
        office.store.ledger.mirror_now()
    the_clock_is_set(office)
    recorded(office, 2)
    office.store.ledger.mirror_now()
    office.store.close(clean=False)
    for one in office.state.glob(f"{DATABASE_NAME}*"):
        one.unlink()
    if not with_head:
        for one in (office.disk / ".ledger").glob("*head*"):
            one.unlink()
    office.start()
    office.store.ledger.rebuild()
    assert [at(office, true_ms) for true_ms, _ in early] == [[1], [2], [3]]


def test_what_was_pinned_before_the_true_time_was_known_stays_pinned(office: Office) -> None:
    """S2, S13: also once the database is lost, and by true time it lies outside of what was asked for."""
    first = recorded(office, 2)[0][1]
    broken = office.record("lobby", bounds=LONG)
    broken.file.abandon()
    office.clock.tick(5_000)
    office.salvage("lobby", 3)
    office.store.begin_gap("lobby", None, GapCause.WORKER_CRASH, "").result(DEADLINE_S)
    wish = order(first.start.wall_ms, office.clock.wall_ms)
    (pin, _) = office.store.pins.place(wish, CHEN, Limits(180 * DAY_MS, 100.0))
    assert pin.segments == 3
    the_clock_is_set(office)
    recorded(office, 1)
    office.store.close()
    for one in office.state.glob(f"{DATABASE_NAME}*"):
        one.unlink()
    office.start()
    office.enrol("lobby")
    office.store.ledger.rebuild()
    sweep(office)
    assert office.store.pins.find(pin.pin.id).segments == 3
    assert as_promised(office) == []
    office.clock.tick(PAST_CEILING_MS)
    assert sweep(office) == 1
    assert office.store.pins.find(pin.pin.id).segments == 3
    assert as_promised(office) == []


def test_what_is_in_progress_when_it_is_pinned_stays_pinned(office: Office) -> None:
    """S2: its true time becomes known before it is complete, and is not what was asked for."""
    (first,) = (made for _, made in recorded(office, 1))
    running = office.record("lobby", bounds=LONG)
    running.write(5)
    wish = order(first.start.wall_ms, office.clock.wall_ms + 10_000)
    (pin, _) = office.store.pins.place(wish, CHEN, Limits(180 * DAY_MS, 100.0))
    the_clock_is_set(office)
    office.clock.tick(5_000)
    office.commit(running)
    assert len(list((office.disk / ".pins" / pin.pin.id).glob("*.mp4"))) == 2
    office.clock.tick(PAST_CEILING_MS)
    assert sweep(office) == 0
    assert office.store.pins.find(pin.pin.id).segments == 2
    assert as_promised(office) == []


def test_what_a_pin_had_still_to_take_hold_of_is_held_when_the_true_time_becomes_known(office: Office) -> None:
    """S2: the disk was away, so it has no links; the daemon died right behind the answer, and the clock was set before
    anything else.
    """
    office.store.close()
    other = office.disk.with_name("other")
    other.mkdir()
    office.specs = (*office.specs, VolumeSpec(other, None, None, 1 << 20))
    office.start()
    office.enrol("lobby")
    early = [made for _, made in recorded(office, 4)]
    assert all(one.path.is_relative_to(office.disk) for one in early)
    wish = order(early[1].start.wall_ms + 1, early[2].start.wall_ms + 1)
    pulled = shutil.move(office.disk, office.disk.with_name("pulled"))
    crash_at(office, Failpoint.PIN_DONE, lambda: office.store.pins.place(wish, CHEN, Limits(180 * DAY_MS, 100.0)))
    office.enrol("lobby")
    the_clock_is_set(office)
    shutil.move(pulled, office.disk)
    office.clock.tick(PAST_CEILING_MS)
    assert sweep(office) == 2
    assert [one.seq for one in office.store.segments("lobby", None, None)] == [2, 3]
    assert as_promised(office) == []


def test_a_right_clock_corrects_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.clock.is_synced = False
    office.enrol("lobby")
    office.segment("lobby")
    office.clock.is_synced = True
    office.store.heartbeat().result(DEADLINE_S)
    (one,) = office.store.segments("lobby", WALL_MS, WALL_MS + UP_MS + DAY_MS)
    assert one.clock_correction_ms is None
    office.store.close()
