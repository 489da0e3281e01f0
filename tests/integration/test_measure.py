"""What is measured, on a real catalog: footage that is gone too early, and what still binds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edged.measure import DAY_MS, measure
from storage.acts import Person
from storage.model import Bounds
from storage.pins.words import Ground, Interval, Limits, Order
from storage.retention import Policy
from tests.support.office import BOUNDS, DEADLINE_S, Office

LONG = Bounds(floor_s=3600, ceiling_s=7200)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


def test_footage_destroyed_within_the_floor_is_a_shortage(office: Office) -> None:
    office.enrol("lobby")
    for _ in range(3):
        office.segment("lobby")
    configured = {"lobby": LONG}
    assert measure(office.store, Policy(configured), office.clock.now()).short == frozenset(), "young is not short"
    office.clock.tick(BOUNDS.ceiling_s * 1000)
    last = office.segment("lobby")
    report = office.store.sweep(lambda: Policy({"lobby": BOUNDS}))
    assert report.destroyed == 3
    found = measure(office.store, Policy(configured), office.clock.now())
    assert found.short == {"lobby"}, "the configured floor asks for more than the one before did"
    assert found.oldest["lobby"] == last
    assert measure(office.store, Policy({"lobby": BOUNDS}), office.clock.now()).short == frozenset()
    office.clock.tick(LONG.floor_s * 1000)
    assert measure(office.store, Policy(configured), office.clock.now()).short == frozenset(), "long enough ago"


def test_footage_that_is_pinned_within_its_floor_is_not_missing(office: Office) -> None:
    office.enrol("lobby")
    first = office.segment("lobby")
    pinned = office.segment("lobby")
    office.segment("lobby")
    interval = Interval(first.start.wall_ms, pinned.end.wall_ms - 1)
    order = Order(("lobby",), interval, Ground.INTERNAL, "", "115-0042", "Wang", span_ms=DAY_MS)
    office.store.pins.place(order, Person(1001, "chen"), Limits(max_ms=DAY_MS, share_percent=100))
    found = measure(office.store, Policy({"lobby": BOUNDS}), office.clock.now())
    assert (found.short, found.oldest["lobby"].seq) == (frozenset(), first.seq)
    office.clock.tick(BOUNDS.floor_s * 1000)
    found = measure(office.store, Policy({"lobby": BOUNDS}), office.clock.now())
    assert (found.short, found.oldest["lobby"].seq) == (frozenset(), pinned.seq + 1), "only the pin keeps them now"


def test_a_camera_that_sent_nothing_for_long_is_not_short(office: Office) -> None:
    office.enrol("lobby")
    office.clock.tick(2 * LONG.floor_s * 1000)
    office.segment("lobby")
    assert measure(office.store, Policy({"lobby": LONG}), office.clock.now()).short == frozenset()


def test_a_camera_without_footage_has_no_oldest(office: Office) -> None:
    office.store.enrol("lobby", office.clock.now()).result(DEADLINE_S)
    found = measure(office.store, Policy(), office.clock.now())
    assert (list(found.usage), found.oldest, found.coverage) == (["lobby"], {}, {})
