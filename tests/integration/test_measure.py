"""What is measured, on a real catalog: footage that is gone too early, and what still binds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edged.measure import measure
from storage.model import Bounds
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


def test_a_camera_that_sent_nothing_for_long_is_not_short(office: Office) -> None:
    office.enrol("lobby")
    office.clock.tick(2 * LONG.floor_s * 1000)
    office.segment("lobby")
    assert measure(office.store, Policy({"lobby": LONG}), office.clock.now()).short == frozenset()


def test_a_camera_without_footage_has_no_oldest(office: Office) -> None:
    office.store.enrol("lobby", office.clock.now()).result(DEADLINE_S)
    found = measure(office.store, Policy(), office.clock.now())
    assert (list(found.usage), found.oldest, found.coverage) == (["lobby"], {}, {})
