"""What a request asks for is held without a second person, as long as its case lasts, and by nobody's word ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from storage.pins.rules import REQUEST_SPAN_MS, Interval, Limits, PinState
from storage.words.errors import OrderRefused
from tests.integration.storage.recovery.test_lost_database import gone, rebuilt
from tests.support.office import Office

LIMITS: Final = Limits(max_ms=86_400_000, share_percent=50)
CASE: Final = "115-0001"


@pytest.fixture
def box(memory: Path) -> Iterator[Office]:
    office = Office(memory)
    office.enrol("lobby")
    office.segment("lobby")
    yield office
    office.store.close()


def everything(box: Office) -> Interval:
    return Interval(box.clock.wall_ms - 3_600_000, box.clock.wall_ms)


def test_it_lasts_as_long_as_its_case_and_is_released_by_no_person(box: Office) -> None:
    pins = box.store.pins
    pin = pins.hold(CASE, "lobby", everything(box), LIMITS)
    assert (pin.state, pin.order.case, pin.is_request) == (PinState.APPROVED, CASE, True)
    box.clock.tick(400 * 86_400_000)
    pins.maintain(dict)
    assert [one.id for one in pins.holds()] == [pin.id]
    with pytest.raises(OrderRefused, match=CASE):
        pins.check_extension(pin.id, REQUEST_SPAN_MS - 1, LIMITS)
    with pytest.raises(OrderRefused, match=CASE):
        box.store._held.database.submit(pins.releasing(pin.id, "陳", "不再需要")).result()
    pins.end_hold(pin.id)
    assert (pins.holds(), pins.ended()[0].pin.state) == ([], PinState.RELEASED)
    pins.end_hold(pin.id)


def test_a_lost_database_knows_it_again(box: Office) -> None:
    pin = box.store.pins.hold(CASE, "lobby", everything(box), LIMITS)
    box.store.ledger.mirror_now()
    box.store.close()
    gone(box.state / "edged.db")
    box.start()
    rebuilt(box)
    box.store.pins.maintain(dict)
    assert [(one.id, one.order.case) for one in box.store.pins.holds()] == [(pin.id, CASE)]
