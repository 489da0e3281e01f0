"""The office beside recording: opened once the database is whole, then looked through every half minute for what is
due, what is not held, and what was left behind.

What an earlier run left open is ended first: a viewing is cut, and what was laid out for it goes. Recording, pins,
alarms and status never wait for any of this.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final

from edged.alarms.conditions import told_deadlines
from edged.host.loops import Loops, OwnThread
from edged.office import legal_days
from edged.office.cases import Unreadable
from edged.office.deadlines import RunningAge
from edged.office.looks import Looks
from edged.office.request import CutViewing, RequestStatus, Unfit
from edged.office.service import OfficeService
from edged.office.statistics import YearCounts, year_counts
from edged.office.story import Case
from edged.office.terms import closed_ms, is_viewing_over
from edged.office.viewing_copies import ViewingCopies
from edged.overview import OfficeCounts, OfficeFacts
from edged.site.rounds import SiteState
from storage.office.records import PERSON
from storage.store.facade import Store
from storage.words.errors import StoreError
from storage.words.message import Message, joined, message

log = logging.getLogger("edged.site")
LOOK_EVERY_S: Final = 30.0
CLOSED_FOR_MS: Final = 365 * 86_400_000
"""So long a closed case is counted."""
_UNREADABLE: Final = "unreadable"


class OfficeWatch:
    """Of one daemon run."""

    def __init__(
        self, site: SiteState, store: Store, office: OfficeService, copies: ViewingCopies, looks: Looks
    ) -> None:
        self._site = site
        self._store = store
        self._office = office
        self._copies = copies
        self._looks = looks
        self._thread = OwnThread("office")
        self._swept = False
        self._begun = False
        """Viewings that an earlier run left open are cut."""
        self._gone: set[str] = set()
        """Requests whose viewing copy went, and whose viewing is to be cut."""

    def start(self, loops: Loops) -> None:
        loops.every("office", LOOK_EVERY_S, self.poll, wake=self._site.recovered)

    async def close(self) -> None:
        """When the loops have ended."""
        await self._thread.close()

    async def poll(self) -> None:
        """One round. Before the database is whole, what stood before stands on; what an earlier run laid out goes."""
        if not self._swept:
            with suppress(StoreError):
                await self._thread.run(self._clear)
        if not self._office.procedures:
            self._site.see_office(OfficeFacts())
        elif self._site.recovering:
            told = tuple(told_deadlines(await self._thread.run(self._store.alarms.all)))
            self._site.see_office(replace(self._site.office, deadlines=told))
        else:
            self._site.see_office(await self._thread.run(self.look))

    def look(self) -> OfficeFacts:
        """What there is to tell. Blocking."""
        before = self._site.office
        if not self._begun:
            before = replace(before, deadlines=tuple(told_deadlines(self._store.alarms.all())))
        try:
            self._clear()
            if self._store.office.open():
                return self._looked(before)
            trouble = self._store.office.trouble
        except StoreError as error:
            trouble = error
        return replace(
            before,
            shut=message("office.shut-somehow", "it cannot be opened") if trouble is None else trouble.what,
            shut_action=before.shut_action if trouble is None else trouble.action,
            copies_left=self._copies_left,
        )

    def _clear(self) -> None:
        """What lies where it is looked at goes when its time is over, whether or not the office can be read."""
        self._looks.maintain()
        self._gone.update(self._copies.maintain() if self._swept else self._copies.sweep())
        self._swept = True

    def _looked(self, before: OfficeFacts) -> OfficeFacts:
        self._store.office.finish_erasures()
        self._office.read_calendars()
        if not self._begun:
            self._office.end_copies_of_nobody()
        over = tuple(self._cut(_readable(self._office.cases.listed()), all_of_them=not self._begun))
        self._begun = True
        self._gone.clear()
        listed = list(self._office.cases.listed())
        cases = _readable(listed)
        expired = list(self._office.to_erase(cases))
        self._office.hold()
        over_with = {case.row.number for case in cases if case.request.closed}
        nameless = [one for one in self._store.office.nameless() if one not in over_with]
        known = frozenset(nameless)
        nameless += [
            number for case in cases if (number := case.row.number) not in known and self._office.is_nameless(case)
        ]
        return OfficeFacts(
            not_opened=not self._office.is_open,
            keys_restored=self._store.office.restored is not None,
            nameless=tuple(one for one in nameless if not one.startswith(PERSON)),
            nameless_persons=sum(one.startswith(PERSON) for one in nameless),
            years_missing=tuple(self._years_missing()),
            deadlines=tuple(self._office.due(cases, before.deadlines)),
            not_held=self._not_held(),
            viewings_over=over,
            copies_left=self._copies_left,
            copies_overdue={copy: case.row.number for case in cases for copy in self._office.copies_to_destroy(case)},
            erasures_unanswered=tuple(one.number for one in expired if one.is_unanswered),
            leaks_unreported=tuple(self._office.unreported_leaks()),
            counts=counted(listed, self._office.running_age(), len(expired), *self._this_year()),
        )

    def _this_year(self) -> tuple[int, YearCounts]:
        year, record = legal_days.roc_year(self._office.today()), self._office.record()
        return year, year_counts(record.cases, year, record.calendar, record.now, record.unreadable)

    @property
    def _copies_left(self) -> Mapping[str, tuple[Message, ...]]:
        return {number: (why,) for number, why in self._copies.troubles.items()}

    def _cut(self, cases: list[Case], *, all_of_them: bool) -> Iterator[str]:
        """Viewings that are open for too long are cut, and those of which nothing lies there any more; at a start, all
        of them. Those that could not be are told.
        """
        age = self._office.running_age()
        for case in cases:
            number = case.row.number
            over = all_of_them or number in self._gone or is_viewing_over(case, age)
            if case.request.viewing is None or not over:
                continue
            self._copies.remove(number)
            try:
                self._office.act(number, case.row.version, CutViewing())
            except (StoreError, Unfit) as error:
                log.warning("the viewing of request %s could not be cut: %s", number, type(error).__name__)
                yield number

    def _not_held(self) -> Mapping[str, Message]:
        found: dict[str, list[Message]] = {}
        for hold, why in self._office.unheld.items():
            camera = message("office.camera-why", "camera {camera}: {why}", camera=hold.stretch.camera, why=why)
            found.setdefault(hold.number, []).append(camera)
        return {number: joined(dict.fromkeys(parts)) for number, parts in found.items()}

    def _years_missing(self) -> Iterator[int]:
        today = self._office.today()
        ahead = today + timedelta(days=legal_days.LOOK_AHEAD.days)
        yield from self._office.calendar.missing_years(today, ahead)


def _readable(listed: Iterable[Case | Unreadable]) -> list[Case]:
    return [one for one in listed if not isinstance(one, Unreadable)]


def counted(
    listed: Iterable[Case | Unreadable], age: RunningAge, to_erase: int, year: int, of_year: YearCounts
) -> OfficeCounts:
    """How many requests are how. Pure."""
    status, open_viewings, still_open = Counter[str](), 0, 0
    for one in listed:
        still_open += one.row.status != RequestStatus.CLOSED
        if isinstance(one, Unreadable):
            status[_UNREADABLE] += 1
        elif closed_ms(one, age) < CLOSED_FOR_MS:
            status[one.request.status] += 1
            open_viewings += one.request.viewing is not None
    by_word = {f"requests_{word}": status[word] for word in (*RequestStatus, _UNREADABLE)}
    return OfficeCounts(
        requests_open=still_open,
        viewing_open=open_viewings,
        to_erase=to_erase,
        year=year,
        year_received=of_year.received,
        year_deciding=of_year.deciding,
        year_granted=of_year.granted,
        year_in_part=of_year.in_part,
        year_refused=of_year.refused,
        year_withdrawn=of_year.withdrawn,
        year_referred=of_year.referred,
        year_late=of_year.late,
        year_viewings=of_year.viewings,
        year_copies=of_year.copies,
        **by_word,
    )
