"""What is measured, on a real catalog: footage that is gone too early, and what still binds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edged.overview import DAY_MS, measure
from storage.approvals.service import Person
from storage.pins.rules import Ground, Interval, Limits, PinOrder
from storage.retention.plan import Policy
from storage.words.model import Bounds
from tests.support.office import BOUNDS, DEADLINE_S, Office

LONG = Bounds(floor_s=3600, ceiling_s=7200)


def gone(office: Office, bounds: Bounds) -> int:
    """What is gone of `lobby` within its floor, in milliseconds."""
    return measure(office.store, Policy({"lobby": bounds}), office.clock.now()).usage["lobby"].gone_ms


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


def test_footage_destroyed_within_the_floor_is_a_shortage(office: Office) -> None:
    office.enrol("lobby")
    lost_ms = sum((one.end.wall_ms - one.start.wall_ms) for one in [office.segment("lobby") for _ in range(3)])
    assert gone(office, LONG) == 0, "young is not short"
    office.clock.tick(BOUNDS.ceiling_s * 1000)
    last = office.segment("lobby")
    report = office.store.sweep(lambda: Policy({"lobby": BOUNDS}))
    assert report.destroyed == 3
    found = measure(office.store, Policy({"lobby": LONG}), office.clock.now())
    assert found.usage["lobby"].gone_ms == lost_ms, "the configured floor asks for more than the one before did"
    assert found.oldest["lobby"] == last
    assert gone(office, BOUNDS) == 0
    office.clock.tick(LONG.floor_s * 1000)
    assert gone(office, LONG) == 0, "long enough ago"


def test_footage_that_is_pinned_within_its_floor_is_not_missing(office: Office) -> None:
    office.enrol("lobby")
    first = office.segment("lobby")
    pinned = office.segment("lobby")
    office.segment("lobby")
    interval = Interval(first.start.wall_ms, pinned.end.wall_ms - 1)
    order = PinOrder(("lobby",), interval, Ground.INTERNAL, "", "115-0042", "Wang", span_ms=DAY_MS)
    office.store.pins.place(order, Person(1001, "chen"), Limits(max_ms=DAY_MS, share_percent=100))
    found = measure(office.store, Policy({"lobby": BOUNDS}), office.clock.now())
    assert (found.usage["lobby"].gone_ms, found.oldest["lobby"].seq) == (0, first.seq)
    office.clock.tick(BOUNDS.floor_s * 1000)
    found = measure(office.store, Policy({"lobby": BOUNDS}), office.clock.now())
    assert (found.usage["lobby"].gone_ms, found.oldest["lobby"].seq) == (0, pinned.seq + 1), "only the pin keeps them"


def test_what_was_overwritten_is_named_also_behind_an_older_pinned_segment(tmp_path: Path) -> None:
    """The oldest second on disk reached back as far as the pin, and all between counted as kept."""
    office = Office(tmp_path, max_bytes=10 * 1800)
    policy = Policy({"lobby": LONG}, overwrite=True)
    office.store.sweep(lambda: policy)
    office.enrol("lobby")
    pinned = office.segment("lobby", bounds=LONG)
    order = PinOrder(
        ("lobby",), Interval(pinned.start.wall_ms, pinned.end.wall_ms), Ground.LAW, "J4", "c", "Wang", span_ms=DAY_MS
    )
    office.store.pins.place(order, Person(1001, "chen"), Limits(max_ms=DAY_MS, share_percent=100))
    recorded = [pinned]
    while recorded[1].path.exists() if len(recorded) > 1 else True:
        recorded.append(office.segment("lobby", bounds=LONG))
        office.store.sweep(lambda: policy)
    lost_ms = sum((one.end.wall_ms - one.start.wall_ms) for one in recorded if not one.path.exists())
    found = measure(office.store, policy, office.clock.now())
    assert found.oldest["lobby"] == pinned
    assert found.usage["lobby"].gone_ms == lost_ms > 0
    assert found.covered_ms["lobby"] == sum(
        (one.end.wall_ms - one.start.wall_ms) for one in recorded if one.path.exists()
    )
    office.store.close()


def test_where_all_of_it_is_gone_that_is_told_as_well(office: Office) -> None:
    office.enrol("lobby")
    office.segment("lobby")
    office.clock.tick(BOUNDS.ceiling_s * 1000)
    office.store.sweep(Policy)
    assert gone(office, BOUNDS) == 0
    assert gone(office, LONG) > 0


def test_a_camera_that_sent_nothing_for_long_is_not_short(office: Office) -> None:
    office.enrol("lobby")
    office.clock.tick(2 * LONG.floor_s * 1000)
    office.segment("lobby")
    assert gone(office, LONG) == 0


def test_a_camera_without_footage_has_no_oldest(office: Office) -> None:
    office.store.enrol("lobby", office.clock.now()).result(DEADLINE_S)
    found = measure(office.store, Policy(), office.clock.now())
    assert (list(found.usage), found.oldest, found.coverage) == (["lobby"], {}, {})
