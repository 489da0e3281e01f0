"""Legal days of a request: by when something is due, and which of it is near or over. Pure.

What is due (`deadlines`):

    reply        from 收文, by the clock that applies to the request; until it is answered or withdrawn
    supplement   by the day that the office named; until it is there
    signature    of what was granted by word, from the day of the word
    appointment  the viewing, on the day that was appointed; until one is opened
    remedy       訴願 of whoever was refused, all or in part, from the day of the reply; until the case is closed

The clock of a reply rests from the day after a supplement was asked for until the end of the day on which it came.

What day it is, two clocks say: the wall clock, and the running time since receipt. The later one counts
(`OfficeTime.today`), and what was told stays told while its day stays the same (`alarms`). So nobody keeps a deadline
from being told by setting a clock back. Running time is counted by its low bound: of a power-off that nobody can prove
the wall clock tells. An alarm grants nothing and refuses nothing; one that comes too early, where a clock was wrong,
harms nobody.

`deadlines` and `alarms` raise ValueError or OverflowError for a story with a day that no calendar has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from edged.office.legal_days import OfficeCalendar, Rest, alarm_from, deadline, has_passed
from edged.office.request import (
    Appoint,
    AskSupplement,
    Decide,
    Door,
    OpenViewing,
    Reply,
    Request,
    Sign,
    Supplemented,
    Unfit,
    Withdraw,
    grants_less,
)
from edged.office.story import Case, DatedAct
from edged.overview import DeadlineKind, RequestDeadline
from edged.profiles.procedures import ReplyClock
from storage.ages.history import Point
from storage.words.message import message

REMEDY_DAYS: Final = 30
"""訴願法 14: from the day after the decision has reached whoever was refused."""
_DAY: Final = timedelta(days=1)
_DAY_MS: Final = 86_400_000

RunningAge = Callable[[Point], int]
"""Running time since a point, ms, at the least (`storage.ages.history`)."""


@dataclass(frozen=True, slots=True)
class OfficeTime:
    """What the clocks of an office say at one instant."""

    wall_ms: int
    zone: ZoneInfo
    synced: bool
    age: RunningAge

    def by_wall(self, wall_ms: int | None = None) -> date:
        """The day of a moment by the wall clock; None: of this one."""
        at_ms = self.wall_ms if wall_ms is None else wall_ms
        return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone).date()

    def by_running(self, story: Case, at: Point | None = None) -> date:
        """The day at a point by the running time since 收文: never later than it was. None: now."""
        ran_ms = self.age(story.row.received) - (0 if at is None else self.age(at))
        return date.fromordinal(story.row.day) + max(0, ran_ms) // _DAY_MS * _DAY

    def today(self, story: Case) -> date:
        """For this case: what the later one of both says."""
        return max(self.by_wall(), self.by_running(story))


@dataclass(frozen=True, slots=True)
class EnteredDay:
    """A day that a person confirms."""

    day: date
    unsynced: bool
    """未校時: no clock vouches for it."""


def entered_day(typed: date | None, now: OfficeTime, case: Case | None = None) -> EnteredDay:
    """Of a receipt, or of what is done in a case. Unfit: it has to be typed, as nobody vouches for the clock; or it is
    to come.
    """
    if not now.synced:
        if typed is None:
            raise Unfit(
                message("office.day-untyped", "the clock of this box is not synchronised: say which day it is"),
                message("office.day-untyped.action", "add --day, or of a receipt (收文) --received, such as 115.11.25"),
            )
        return EnteredDay(typed, unsynced=True)
    today = now.by_wall() if case is None else now.today(case)
    if typed is not None and typed > today:
        raise Unfit(message("office.day-to-come", "{day_on} is still to come", day_on=typed.isoformat()))
    return EnteredDay(typed or today, unsynced=False)


@dataclass(frozen=True, slots=True)
class Deadline:
    """What is due, and until when."""

    kind: DeadlineKind
    last: date | None
    """The last day that belongs to the period; None: there is none, and it is due all the same."""


def deadlines(story: Case, clock: ReplyClock | None, calendar: OfficeCalendar, now: OfficeTime) -> Iterator[Deadline]:
    """All that run; none of a case that is closed. `clock`: the one that applies to this request."""
    request = story.request
    if request.closed:
        return
    if request.word_pending:
        yield Deadline(DeadlineKind.SIGNATURE, signature_day(story, clock, calendar, now))
    if request.withdrawn:
        return
    if not request.replied and (last := reply_day(story, clock, calendar, now)) is not None:
        yield Deadline(DeadlineKind.REPLY, last)
    yield from _of_others(story, calendar, now)


def reply_day(story: Case, clock: ReplyClock | None, calendar: OfficeCalendar, now: OfficeTime) -> date | None:
    """The last one for the reply, whether it was given or not; None: there is none, or its clock rests."""
    if clock is None or story.procedure.by_word:
        return None
    return deadline(
        date.fromordinal(story.row.day),
        clock.days,
        calendar,
        extension=clock.extension if story.request.extended else 0,
        working=clock.working,
        rests=_rests(story, now),
    )


def _of_others(story: Case, calendar: OfficeCalendar, now: OfficeTime) -> Iterator[Deadline]:
    """What the office waits for."""
    asked, appointed, replied = story.last(AskSupplement), story.last(Appoint, OpenViewing), story.last(Reply)
    if story.request.supplement and asked and isinstance(asked.act, AskSupplement) and asked.act.until_day is not None:
        day_before = date.fromordinal(asked.act.until_day) - _DAY
        yield Deadline(DeadlineKind.SUPPLEMENT, deadline(day_before, 1, calendar))
    if appointed and isinstance(appointed.act, Appoint) and appointed.act.at_ms is not None:
        yield Deadline(DeadlineKind.APPOINTMENT, now.by_wall(appointed.act.at_ms))
    if replied and isinstance(replied.act, Reply) and story.request.applicant is None and falls_short(story.request):
        begins = day_of(story, replied, replied.act.day, now)
        yield Deadline(DeadlineKind.REMEDY, deadline(begins, REMEDY_DAYS, calendar))


def falls_short(request: Request) -> bool:
    """All or part of what was asked for is refused."""
    return request.decision is None or grants_less(request, request.decision)


def signature_day(story: Case, clock: ReplyClock | None, calendar: OfficeCalendar, now: OfficeTime) -> date | None:
    """The last one for the signature of what was granted by word; None: there is none."""
    given = story.last(Decide)
    if given is None or not isinstance(given.act, Decide) or clock is None:
        return None
    day = day_of(story, given, given.act.hand.paper_day, now)
    return deadline(day, clock.days, calendar, working=clock.working)


@dataclass(frozen=True, slots=True)
class TimeTaken:
    """How something that was due came about."""

    last: date | None
    """The last day that belongs to it; None: there is none, or its clock rests."""
    done: date | None
    """None: it has not come about."""
    passed: bool
    """It came after its last day, or has not come and that is over."""


NOT_DUE: Final = TimeTaken(None, None, passed=False)


def reply_time(story: Case, clock: ReplyClock | None, calendar: OfficeCalendar, now: OfficeTime) -> TimeTaken:
    """Of the reply; a withdrawal ends the wait for it, too."""
    last = reply_day(story, clock, calendar, now)
    ended = next((one for one in story.acts if isinstance(one.act, Reply | Withdraw)), None)
    if ended is None:
        return TimeTaken(last, None, has_passed(last, now.today(story)))
    day = day_of(story, ended, ended.act.day if isinstance(ended.act, Reply) else None, now)
    return TimeTaken(last, day, has_passed(last, day))


def signature_time(story: Case, clock: ReplyClock | None, calendar: OfficeCalendar, now: OfficeTime) -> TimeTaken:
    """Of the signature of what was granted by word; NOT_DUE where nothing was."""
    given = story.last(Decide)
    if given is None or not isinstance(given.act, Decide) or given.act.hand.door is not Door.WORD:
        return NOT_DUE
    last = signature_day(story, clock, calendar, now)
    if last is None or not given.act.uses:
        return NOT_DUE
    signed = next((one for one in story.acts[story.acts.index(given) :] if isinstance(one.act, Sign)), None)
    if signed is None or not isinstance(signed.act, Sign):
        return TimeTaken(last, None, has_passed(last, now.today(story)))
    day = day_of(story, signed, signed.act.hand.paper_day, now)
    return TimeTaken(last, day, has_passed(last, day))


def _rests(story: Case, now: OfficeTime) -> Iterator[Rest]:
    """The clock rests behind the day of asking; the day on which the supplement came is the last that does not count,
    as the day of a receipt does not.
    """
    since: date | None = None
    for one in story.acts:
        if isinstance(one.act, AskSupplement):
            since = day_of(story, one, one.act.hand.paper_day, now) + _DAY
        elif isinstance(one.act, Supplemented) and since is not None:
            yield Rest(since, day_of(story, one, one.act.day, now) + _DAY)
            since = None
    if since is not None:
        yield Rest(since)


def day_of(story: Case, done: DatedAct, told: int | None, now: OfficeTime) -> date:
    """On which something was done: as people say, an ordinal; else when it was entered, by the later of both clocks."""
    if told is not None:
        return date.fromordinal(told)
    return max(now.by_wall(done.at.wall_ms), now.by_running(story, done.at))


def earliest_day(story: Case, done: DatedAct, now: OfficeTime) -> date:
    """Before which something was not done, as people say; else as the running time proves: a wall clock that was wrong
    keeps nobody from a day that is true.
    """
    told: int | None = getattr(done.act, "day", None)
    return now.by_running(story, done.at) if told is None else date.fromordinal(told)


def alarms(
    story: Case,
    clock: ReplyClock | None,
    calendar: OfficeCalendar,
    now: OfficeTime,
    told: Collection[RequestDeadline] = (),
) -> Iterator[RequestDeadline]:
    """What is near (two days before) or over; a signature from the word on. `told`: what stands of the last look, which
    goes only once its day is another one, or nothing is due any more.
    """
    number, today, running = story.row.number, now.today(story), now.by_running(story)
    before = {(one.kind, one.last): one.passed for one in told if one.number == number}
    for due in deadlines(story, clock, calendar, now):
        at_once = due.last is None or due.kind is DeadlineKind.SIGNATURE
        is_told = (due.kind, due.last) in before
        passed = has_passed(due.last, today) or before.get((due.kind, due.last), False)
        if at_once or is_told or _is_near(due.last, today):
            proven = has_passed(due.last, running) if passed else at_once or _is_near(due.last, running)
            unsynced = not now.synced and not proven
            yield RequestDeadline(number, story.row.row, due.kind, due.last, passed, unsynced)


def _is_near(last: date | None, today: date) -> bool:
    return last is not None and alarm_from(last) <= today
