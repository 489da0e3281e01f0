"""How many requests there were, what became of them and how long it took: for the yearly list, the head, the centre and
the fleet page. Pure, and no word of a person.

A request counts in the year of its 收文, a viewing in that of its day, a copy in that of its making, whichever year its
request is of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from statistics import median

from edged.office.cases import Unreadable
from edged.office.deadlines import OfficeTime, day_of, reply_time, signature_time
from edged.office.findings import JudgedCase
from edged.office.legal_days import OfficeCalendar, roc_year
from edged.office.request import Reply, Take, grants_less
from edged.office.story import Case
from edged.profiles.procedures import Applicant, Use


class RequestOutcome(StrEnum):
    """What has become of a request. Each has one."""

    DECIDING = "deciding"
    """Nothing yet."""
    GRANTED = "granted"
    IN_PART = "in-part"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    REFERRED = "referred"
    """Nobody decides about it: who asked was told whom to turn to (N-other)."""


def outcome_of(case: Case) -> RequestOutcome:
    request = case.request
    if request.withdrawn:
        return RequestOutcome.WITHDRAWN
    if not case.procedure.chain:
        return RequestOutcome.REFERRED
    if request.decision is None:
        return RequestOutcome.DECIDING
    if not request.decision.granted:
        return RequestOutcome.REFUSED
    return RequestOutcome.IN_PART if grants_less(request, request.decision) else RequestOutcome.GRANTED


def days_to_reply(case: Case, now: OfficeTime) -> int | None:
    """From 收文 to the day of the reply; None: there is none."""
    replied = case.last(Reply)
    if replied is None or not isinstance(replied.act, Reply):
        return None
    return day_of(case, replied, replied.act.day, now).toordinal() - case.row.day


def is_late(one: JudgedCase, calendar: OfficeCalendar, now: OfficeTime) -> bool:
    """Its reply, or the signature of what was granted by word, came after its last day, or that is over."""
    return any(of(one.case, one.clock, calendar, now).passed for of in (reply_time, signature_time))


def is_overdue(one: JudgedCase, calendar: OfficeCalendar, now: OfficeTime) -> bool:
    """Late, and still not there."""
    taken = [of(one.case, one.clock, calendar, now) for of in (reply_time, signature_time)]
    return any(each.passed and each.done is None for each in taken)


@dataclass(frozen=True, slots=True)
class YearCounts:
    """`received` is the sum of `deciding` to `referred` and `unreadable`."""

    received: int = 0
    deciding: int = 0
    granted: int = 0
    in_part: int = 0
    refused: int = 0
    withdrawn: int = 0
    referred: int = 0
    unreadable: int = 0
    open: int = 0
    """Not closed, whatever was decided; without those that cannot be read."""
    overdue: int = 0
    """Late, and still not there."""
    late: int = 0
    """With those that are overdue."""
    viewings: int = 0
    copies: int = 0
    """That left the office."""


def year_counts(
    cases: Iterable[JudgedCase],
    year: int | None,
    calendar: OfficeCalendar,
    now: OfficeTime,
    unreadable: Iterable[Unreadable] = (),
) -> YearCounts:
    """Of a year of the Republic (115); None: of all years."""

    def counts(day: date) -> bool:
        return year is None or roc_year(day) == year

    every = list(cases)
    received = [one for one in every if counts(date.fromordinal(one.case.row.day))]
    strange = sum(counts(date.fromordinal(one.row.day)) for one in unreadable)
    outcomes = [outcome_of(one.case) for one in received]
    made = [now.by_wall(act.at.wall_ms) for one in every for act in one.case.acts
            if isinstance(act.act, Take) and act.act.use is Use.COPY]  # fmt: skip
    return YearCounts(
        received=len(received) + strange,
        deciding=outcomes.count(RequestOutcome.DECIDING),
        granted=outcomes.count(RequestOutcome.GRANTED),
        in_part=outcomes.count(RequestOutcome.IN_PART),
        refused=outcomes.count(RequestOutcome.REFUSED),
        withdrawn=outcomes.count(RequestOutcome.WITHDRAWN),
        referred=outcomes.count(RequestOutcome.REFERRED),
        unreadable=strange,
        open=sum(not one.case.request.closed for one in received),
        overdue=sum(is_overdue(one, calendar, now) for one in received),
        late=sum(is_late(one, calendar, now) for one in received),
        viewings=sum(counts(date.fromordinal(seen.day)) for one in every for seen in one.case.request.viewings),
        copies=sum(map(counts, made)),
    )


@dataclass(frozen=True, slots=True)
class MonthCount:
    """Requests of one class of applicants that were received in one month and had one outcome."""

    month: int
    applicant: Applicant
    outcome: RequestOutcome
    requests: int
    median_days: float | None
    """From 收文 to the reply; None: none of them was answered."""
    longest_days: int | None


def month_counts(cases: Iterable[JudgedCase], year: int, now: OfficeTime) -> list[MonthCount]:
    """By month, then by class and outcome in the order in which those are defined; without those that are none."""
    found: dict[tuple[int, Applicant, RequestOutcome], list[int | None]] = {}
    for one in cases:
        day = date.fromordinal(one.case.row.day)
        if roc_year(day) == year:
            key = day.month, one.case.procedure.applicant, outcome_of(one.case)
            found.setdefault(key, []).append(days_to_reply(one.case, now))
    lines = []
    for (month, applicant, outcome), taken in found.items():
        days = [one for one in taken if one is not None]
        lines.append(
            MonthCount(
                month, applicant, outcome, len(taken), float(median(days)) if days else None, max(days, default=None)
            )
        )
    return sorted(
        lines, key=lambda one: (one.month, [*Applicant].index(one.applicant), [*RequestOutcome].index(one.outcome))
    )
