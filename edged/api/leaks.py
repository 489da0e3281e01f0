"""The calls behind `edgectl leak`: opened, listed, shown with what holds the footage, reported, closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from aiohttp import web

from edged.access.acts import person
from edged.access.callers import Caller, Details, Route, get, instant, iso_day, post, refuse_cameras
from edged.access.guard import caller, logged_in, login_of_caller
from edged.api.base import answer, asked
from edged.api.register import known_camera
from edged.api.request_documents import copies_of, parts_of
from edged.api.requests import fitting, sees_words
from edged.documents import leaks as documents
from edged.documents import office as office_documents
from edged.office.cases import PRESENT
from edged.office.leaks import FootageHolding, LeakCase, ReportedTo
from edged.office.request import Scope, Unfit
from edged.office.service import OfficeService
from edged.site.rounds import SiteState
from edged.words.roles import Role, Verb
from edged.words.units import optional_timestamp, timestamp
from storage.ledger.table import Value
from storage.pins.rules import Interval
from storage.store.facade import Store
from storage.words.message import message

SHOW: Final = message("office.leak.action", "`edgectl leak list` shows the leak cases, `edgectl leak show` one of them")

READS_LEDGER: Final = frozenset({Role.AUTHORITY, Role.AUDITOR})
"""Reads why an export was made, as somebody typed it, in the ledger as well."""


@dataclass(frozen=True, slots=True)
class LeakCalls:
    """All of them."""

    site: SiteState
    store: Store
    office: OfficeService

    def routes(self) -> Sequence[Route]:
        at = "/v1/leaks/{leak}"
        return [
            get("/v1/leaks", Verb.LEAK_LIST, self.listed),
            post("/v1/leaks", Verb.LEAK_OPEN, self.open, self._opens),
            get(at, Verb.LEAK_SHOW, self.show),
            post(f"{at}/report", Verb.LEAK_REPORT, self.report),
            post(f"{at}/close", Verb.LEAK_CLOSE, self.close),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        who, every = caller(request), "all" in request.query

        def work() -> documents.LeakList:
            cases = [one for one in self.office.leak_cases() if who.sees(one.cameras)]
            return documents.LeakList(
                leaks=[self._leak(one) for one in cases if every or one.closed is None], timezone=self.office.timezone
            )

        return answer(await fitting(work, SHOW))

    async def _opens(self, request: web.Request) -> Details:
        """What the leaf names. Refusal: nothing will come of it."""
        wanted = await asked(request, documents.LeakOpenAsked)
        logged_in(request)
        scope = await fitting(lambda: self._scope(wanted), SHOW)
        cameras = list[Value](sorted({one.camera for one in scope}))
        return {"cameras": cameras, "from": min(one.from_ms for one in scope), "to": max(one.to_ms for one in scope)}

    def _scope(self, wanted: documents.LeakOpenAsked) -> Scope:
        for camera in wanted.cameras:
            known_camera(self.site.config, self.store, camera)
        start_ms, end_ms = instant("start", wanted.start), instant("end", wanted.end)
        interval = None if start_ms is None or end_ms is None else Interval(start_ms, end_ms)
        if interval is None and (wanted.start or wanted.end):
            raise Unfit(
                message("office.leak-half", "an interval has a start and an end"),
                message("office.leak-half.action", "write both --from and --to; or neither, for all of a copy"),
            )
        return self.office.leak_scope(wanted.cameras, interval, wanted.copy_id)

    async def open(self, request: web.Request) -> web.Response:
        wanted, account = await asked(request, documents.LeakOpenAsked), login_of_caller(request)
        day = iso_day(wanted.day)

        def work() -> LeakCase:
            return self.office.open_leak(
                self._scope(wanted), day, account, request=wanted.request, copy=wanted.copy_id, letter=wanted.letter
            )

        case = await fitting(work, SHOW)
        return answer(await fitting(lambda: self._shown(case, caller(request)), SHOW))

    async def show(self, request: web.Request) -> web.Response:
        who, leak = caller(request), request.match_info["leak"]
        return answer(await fitting(lambda: self._shown(self._theirs(who, leak), who), SHOW))

    async def report(self, request: web.Request) -> web.Response:
        wanted, account = await asked(request, documents.LeakReportAsked), login_of_caller(request)
        day = iso_day(wanted.day)
        return await self._stepped(
            request, lambda leak: self.office.report_leak(leak, ReportedTo(wanted.to), day, wanted.letter, account)
        )

    async def close(self, request: web.Request) -> web.Response:
        auditor = person(logged_in(request))
        return await self._stepped(request, lambda leak: self.office.close_leak(leak, auditor))

    async def _stepped(self, request: web.Request, step: Callable[[str], LeakCase]) -> web.Response:
        who, leak = caller(request), request.match_info["leak"]

        def work() -> documents.LeakStep:
            return documents.LeakStep(leak=self._leak(step(self._theirs(who, leak).id)))

        return answer(await fitting(work, SHOW))

    def _theirs(self, who: Caller, leak: str) -> LeakCase:
        """UnknownId; Refusal: of cameras of another unit."""
        case = self.office.leak_case(leak)
        refuse_cameras(who, case.cameras)
        return case

    # --- documents ----------------------------------------------------------------------------------------------

    def _leak(self, case: LeakCase) -> documents.ShownLeak:
        opening = case.opening
        return documents.ShownLeak(
            id=case.id,
            status=case.status.value,
            day=_day(opening.day),
            synchronised=opening.synchronised,
            scope=parts_of(case.scope),
            request=opening.request,
            copy_id=opening.copy,
            letter=opening.letter,
            opened=timestamp(case.opened.wall_ms),
            reports=[
                documents.ShownLeakReport(to=one.to.value, day=_day(one.day), letter=one.letter) for one in case.reports
            ],
            closed=optional_timestamp(None if case.closed is None else case.closed.wall_ms),
            touches=sorted(self.office.touched(case)),
        )

    def _shown(self, case: LeakCase, who: Caller) -> documents.LeakShow:
        names = self.office.names()
        return documents.LeakShow(
            leak=self._leak(case),
            holding=[self._holding(one, who, names) for one in self.office.holding(case)],
            timezone=self.office.timezone,
        )

    def _holding(self, one: FootageHolding, who: Caller, names: Mapping[int, str]) -> documents.ShownHolding:
        export, viewing, made = one.export, one.viewing, self.office.made_by(one.export)
        sees = bool(one.request) and sees_words(self.office, who, one.request)
        words = self.office.words(one.request) if one.case is not None else {}
        companion = made.companion if viewing is None else viewing.companion.person
        shown = () if one.case is None else copies_of(one.case, words, self.office.zone, private=not sees)
        return documents.ShownHolding(
            id=export.id,
            viewed=export.order.viewing,
            request=one.request,
            row="" if export.order.request is None else export.order.request.row,
            begun=timestamp(export.begun.wall_ms),
            state=export.state.value,
            parts=parts_of(one.parts),
            who=made.who,
            why=made.why if who.role in READS_LEDGER else "",
            operator=None if viewing is None else _who(viewing.operator, names),
            companion=None if companion is None else _who(companion, names),
            present=words.get(f"{PRESENT}{one.viewing_number}", "") if sees else "",
            gone=export.destroyed,
            copy_state=next((each for each in shown if each.id == export.id), None),
        )


def _who(number: int, names: Mapping[int, str]) -> office_documents.Who:
    return office_documents.Who(person=number, name=names.get(number, ""))


def _day(ordinal: int) -> str:
    return str(date.fromordinal(ordinal))
