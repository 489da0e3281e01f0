"""Leak cases: how each stands, what holds the footage, and which requests rest on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from edged.office.leaks import (
    ClosedBody,
    LeakCase,
    LeakStatus,
    OpenedBody,
    ReportedBody,
    ReportedTo,
    holding,
    leak_cases,
    overlap,
    story_of,
    touched,
)
from edged.office.looks import Purpose
from edged.office.request import Copy, Disposal, OpenViewing, Scope, Stretch
from storage.ages.history import Point
from storage.exports.model import Export, ExportOrder, ExportState, OfficeRequest
from storage.office.leaks_table import LeakEvent, LeakStep
from storage.pins.rules import Interval
from tests.unit.edged.office.test_deadlines import NUMBER
from tests.unit.edged.office.test_request import LOOK
from tests.unit.edged.office.test_terms import GRANTED, of

SCOPE: Final[Scope] = (Stretch("lobby", 100, 200), Stretch("gate", 100, 200))
OPENED: Final = OpenedBody(739_000, SCOPE, "", "", "", 2001, None, synchronised=True)
TO_ETHICS: Final = ReportedBody(ReportedTo.ETHICS, 739_001, "115-9", 2001, None)
CLOSED: Final = ClosedBody(2005, None)
POINT: Final = Point(1, 5, 6)
CAMERAS: Final = ("lobby", "gate", "yard")
END: Final = 12


def event(
    step: LeakStep, body: OpenedBody | ReportedBody | ClosedBody, leaf: int, leak: str = "L-115-0001"
) -> LeakEvent:
    return LeakEvent(leak, step, story_of(body), POINT, leaf)


def export(
    name: str, cameras: Sequence[str], first_ms: int, last_ms: int, *, leaf: int = 9, number: str = NUMBER, **more: Any
) -> Export:
    request = OfficeRequest(number, more.pop("row", "W-public")) if number else None
    order = ExportOrder(tuple(cameras), Interval(first_ms, last_ms), False, 0, 0, request, more.pop("viewing", False))
    return Export(1, name, ExportState.FINISHED, order, 1, POINT, leaf, None, **more)


def test_a_case_is_open_then_reported_then_closed() -> None:
    events = [
        event(LeakStep.OPENED, OPENED, 1),
        event(LeakStep.OPENED, OPENED, 2, "L-115-0002"),
        event(LeakStep.REPORTED, TO_ETHICS, 3),
        event(LeakStep.REPORTED, replace_to(ReportedTo.INSPECTORS), 4),
        event(LeakStep.CLOSED, CLOSED, 5),
    ]
    states = [leak_cases(events[:count])[0].status for count in (1, 3, 4, 5)]
    assert states == [LeakStatus.OPEN, LeakStatus.REPORTED, LeakStatus.REPORTED, LeakStatus.CLOSED]
    first, second = leak_cases(events)
    assert [one.to for one in first.reports] == [ReportedTo.ETHICS, ReportedTo.INSPECTORS]
    assert (first.steps, first.closing_leaf, sorted(first.cameras)) == (4, 5, ["gate", "lobby"])
    assert (second.id, second.status) == ("L-115-0002", LeakStatus.OPEN)
    assert leak_cases(events[2:]) == (), "its opening has not come back yet"


def replace_to(to: ReportedTo) -> ReportedBody:
    return ReportedBody(to, TO_ETHICS.day, TO_ETHICS.letter, TO_ETHICS.by, TO_ETHICS.person)


times = st.integers(0, END)
spans = st.tuples(times, times)


@given(st.lists(st.tuples(st.sampled_from(CAMERAS), spans), max_size=4), st.sets(st.sampled_from(CAMERAS)), spans)
def test_what_is_held_is_each_moment_that_both_have(
    leaked: list[tuple[str, tuple[int, int]]], cameras: set[str], interval: tuple[int, int]
) -> None:
    scope = tuple(Stretch(camera, *span) for camera, span in leaked)
    held = {
        (number, camera, at)
        for number, (camera, (from_ms, to_ms)) in enumerate(leaked)
        for at in range(END)
        if camera in cameras and from_ms <= at < to_ms and interval[0] <= at < interval[1]
    }
    found = overlap(scope, export("E-1", sorted(cameras), *interval))
    assert all(one.from_ms < one.to_ms for one in found)
    assert {(one.camera, at) for one in found for at in range(one.from_ms, one.to_ms)} == {
        (camera, at) for _, camera, at in held
    }
    assert len(found) == len({number for number, _, _ in held}), "one part of each"


def test_each_copy_and_viewing_is_told_with_what_its_request_knows_of_it() -> None:
    seen = of(*GRANTED, (1, LOOK))
    case = replace(seen, request=replace(seen.request, copies=(Copy("E-copy", handed_out=Disposal.RETURNED),)))
    opening = next(one for one in case.acts if isinstance(one.act, OpenViewing))
    acts = tuple(replace(one, leaf=10 + number) for number, one in enumerate(case.acts))
    viewed_at = 10 + case.acts.index(opening) + 1
    copies = [
        export("E-viewed", ["lobby"], 0, 150, leaf=viewed_at, viewing=True, destroyed=True),
        export("E-look", ["gate"], 150, 300, number="look-1", row=Purpose.INSPECTION.value, viewing=True),
        export("E-before", ["lobby", "yard"], 199, 300, number=""),
        export("E-beside", ["lobby"], 200, 300),
        export("E-elsewhere", ["yard"], 100, 200),
        export("E-copy", ["lobby", "gate"], 0, 300),
        export("E-strange", ["gate"], 0, 300, number="115-0099"),
    ]
    viewed, look, before, copy, strange = holding(SCOPE, {NUMBER: replace(case, acts=acts)}, copies)
    assert (viewed.viewing, viewed.viewing_number, viewed.parts) == (opening.act, 1, (Stretch("lobby", 100, 150),))
    assert (look.request, look.case, look.parts) == ("", None, (Stretch("gate", 150, 200),))
    assert (before.request, before.parts) == ("", (Stretch("lobby", 199, 200),))
    assert (copy.request, copy.parts, copy.viewing) == (NUMBER, SCOPE, None)
    assert copy.copy is not None
    assert copy.copy.handed_out is Disposal.RETURNED
    assert (strange.request, strange.case, strange.copy) == ("115-0099", None, None)


def test_it_touches_what_holds_the_footage_and_what_it_names() -> None:
    def told(opening: OpenedBody, *exports: Export) -> set[str]:
        return set(touched(LeakCase("L-115-0001", opening, POINT), exports))

    named = OpenedBody(1, SCOPE, "115-0003", "E-named", "", 1, None, synchronised=True)
    elsewhere = export("E-named", ["yard"], 0, 50, number="115-0004")
    assert told(OPENED) == set()
    assert told(OPENED, export("E-1", ["gate"], 0, 101), elsewhere) == {NUMBER}
    assert told(named, export("E-1", ["gate"], 200, 300), elsewhere) == {"115-0003", "115-0004"}
    look = export("E-2", ["gate"], 0, 300, number="look-1", row=Purpose.AUDIT.value, viewing=True)
    assert told(OPENED, look, export("E-3", ["gate"], 0, 300, number="")) == set()
