"""Leak cases (疑似外洩, P9): how each stands, what holds the footage that has leaked, which requests rest on it. Pure.

A case is opened for footage: cameras and an interval, perhaps with the request or the copy from which it is thought to
come. It is reported to 政風室 or 督察組, or both, and closed by an auditor. Until it is closed nothing is erased of the
requests that it touches: whose copies or viewings hold some of that footage, and those that it names.

What was found, where and by whom stands in a document of the office; here is its number alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import msgspec

from edged.office.looks import Purpose
from edged.office.request import Copy, OpenViewing, Scope, Stretch
from edged.office.story import Case
from storage.ages.history import Point
from storage.exports.model import Export
from storage.office.leaks_table import LeakEvent, LeakStep


class ReportedTo(StrEnum):
    """Whom the text names."""

    ETHICS = "ethics"
    """政風室."""
    INSPECTORS = "inspectors"
    """督察組, of a precinct."""


class LeakStatus(StrEnum):
    OPEN = "open"
    """And not reported."""
    REPORTED = "reported"
    CLOSED = "closed"


class OpenedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the leaf of the opening says."""

    day: int
    """On which it was noticed, an ordinal."""
    scope: Scope
    request: str
    """By which it is thought to have come out; ""."""
    copy: str
    """Likewise: the export, by its id; ""."""
    letter: str
    """Number of the document that says what was found; ""."""
    by: int
    """Account."""
    person: int | None
    """Of the table, whose account that is."""
    synchronised: bool
    """Whether the clock was: without it the day is what somebody typed (未校時)."""


class ReportedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    to: ReportedTo
    day: int
    letter: str
    by: int
    person: int | None


class ClosedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    by: int
    person: int | None


def story_of(body: OpenedBody | ReportedBody | ClosedBody) -> dict[str, Any]:
    """As a leaf has it."""
    plain: dict[str, Any] = msgspec.to_builtins(body)
    return plain


@dataclass(frozen=True, slots=True)
class LeakCase:
    id: str
    opening: OpenedBody
    opened: Point
    reports: tuple[ReportedBody, ...] = ()
    closed: Point | None = None
    closing_leaf: int = 0
    steps: int = 1
    """How many leaves tell of it."""

    @property
    def scope(self) -> Scope:
        return self.opening.scope

    @property
    def cameras(self) -> frozenset[str]:
        return frozenset(one.camera for one in self.scope)

    @property
    def status(self) -> LeakStatus:
        if self.closed is not None:
            return LeakStatus.CLOSED
        return LeakStatus.REPORTED if self.reports else LeakStatus.OPEN


def leak_cases(events: Iterable[LeakEvent]) -> tuple[LeakCase, ...]:
    """In the order in which they were opened. What befell a case of whose opening nothing is known says nothing: after
    a lost database that leaf comes with its volume.
    """
    found: dict[str, LeakCase] = {}
    for one in events:
        known = found.get(one.leak)
        if known is None:
            if one.step is LeakStep.OPENED:
                found[one.leak] = LeakCase(one.leak, msgspec.convert(one.story, OpenedBody), one.at)
        elif one.step is LeakStep.REPORTED:
            report = msgspec.convert(one.story, ReportedBody)
            found[one.leak] = replace(known, reports=(*known.reports, report), steps=known.steps + 1)
        elif one.step is LeakStep.CLOSED:
            found[one.leak] = replace(known, closed=one.at, closing_leaf=one.leaf, steps=known.steps + 1)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class FootageHolding:
    """A copy that left, or a viewing: some of the footage was in it."""

    export: Export
    parts: Scope
    """Which."""
    request: str
    """"" where there was none, as of a look."""
    case: Case | None
    """None: there was no request, or its story cannot be read."""
    viewing: OpenViewing | None = None
    """By which a viewing copy was shown; None: it is none of a request."""
    viewing_number: int = 0
    """Among those of its request, from 1."""
    copy: Copy | None = None
    """What has become of a copy that left by a request."""


_LOOKS: Final = frozenset(Purpose)


def request_of(export: Export) -> str:
    """ "" where it was made by none."""
    request = export.order.request
    return "" if request is None or request.row in _LOOKS else request.number


def overlap(scope: Scope, export: Export) -> Scope:
    """What of it an export holds, by the interval that it was made for."""
    interval = export.order.interval
    parts = (
        Stretch(one.camera, max(one.from_ms, interval.first_ms), min(one.to_ms, interval.last_ms))
        for one in scope
        if one.camera in export.order.cameras
    )
    return tuple(one for one in parts if one.from_ms < one.to_ms)


def holding(scope: Scope, cases: Mapping[str, Case], exports: Iterable[Export]) -> Iterator[FootageHolding]:
    """What holds some of it, in the order of `exports`. `cases`: by number. An export that nobody finished is told,
    too: nobody knows how much of it had left.
    """
    for one in exports:
        parts = overlap(scope, one)
        if parts:
            number = request_of(one)
            yield _holding(one, parts, number, cases.get(number))


def _holding(export: Export, parts: Scope, number: str, case: Case | None) -> FootageHolding:
    if case is None:
        return FootageHolding(export, parts, number, None)
    if not export.order.viewing:
        copy = next((one for one in case.request.copies if one.made == export.id), None)
        return FootageHolding(export, parts, number, case, copy=copy)
    before = [
        one.act for one in case.acts if isinstance(one.act, OpenViewing) and one.leaf < (export.leaf or 0)
    ]  # what is laid out is on record behind its viewing
    return FootageHolding(export, parts, number, case, before[-1] if before else None, len(before))


def touched(case: LeakCase, exports: Iterable[Export]) -> frozenset[str]:
    """Numbers of requests: that hold some of its footage, or that it names. `exports`: those that may touch it, with
    the one that it names.
    """
    opening = case.opening
    told = {request_of(one) for one in exports if one.id == opening.copy or overlap(case.scope, one)}
    return frozenset(told | {opening.request}) - {""}
