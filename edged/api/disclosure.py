"""The calls behind `edgectl request view` and `request copy`: what a request was granted is shown, or leaves."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from aiohttp import web

from edged.access.acts import person
from edged.access.callers import Caller, Details, Refusal, Route, instant, post, refuse_cameras
from edged.access.guard import BY_POST, caller, login_of_caller
from edged.api import pins
from edged.api.base import Progress, answer, asked, follow
from edged.api.request_documents import Pages
from edged.api.requests import STANDS, fitting, refuse_others, scope_of
from edged.documents import exports as export_documents
from edged.documents import office as documents
from edged.documents.base import Told
from edged.evidence.export_service import ExportService
from edged.office import request as machine
from edged.office.cases import CopyWord, copy_word
from edged.office.looks import Looks, Purpose
from edged.office.request import Scope, Stretch, Unfit
from edged.office.service import OfficeService, Signer, interval_of
from edged.office.story import Case
from edged.office.viewing_copies import MissingFootage, ViewingCopies, ViewingCopy
from edged.profiles.procedures import Procedure, Use
from edged.words import exit_codes
from edged.words.roles import Role, Verb
from edged.words.units import timestamp
from storage.exports.model import OfficeRequest
from storage.ledger.table import Value
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.message import Message, message

HERE_MS: Final = 30 * 60_000
"""So long whoever said that they are there counts as there until the viewing is opened; running time."""


@dataclass(frozen=True, slots=True)
class DisclosureCalls:
    """By a granted request, or on a ground of the text."""

    store: Store
    office: OfficeService
    exports: ExportService
    copies: ViewingCopies
    looks: Looks
    clock: Clock
    _here: dict[tuple[str, int], int] = field(default_factory=dict)
    """By request, "" for an audit, and person: until when they count as there."""

    def routes(self) -> Sequence[Route]:
        at = "/v1/requests/{request}"
        return [
            post(f"{at}/copy", Verb.REQUEST_COPY, self.copy, ground=self.may_copy),
            post(f"{at}/view", Verb.REQUEST_VIEW, self.view, ground=self.may_view),
            post("/v1/look", Verb.LOOK, self.look, self._looked_at, self.may_look),
        ]

    # --- grounds ------------------------------------------------------------------------------------------------

    async def may_copy(self, request: web.Request, who: Caller) -> None:
        """A grant of this request that holds for what is asked for; to a person of the office."""
        wanted, account = await asked(request, documents.CopyAsked), login_of_caller(request)
        await self._theirs(request, who)
        await fitting(lambda: self.office.person_of(account))
        if not wanted.asks:
            use = Use.HOLD if wanted.keep else Use.COPY
            _, act = await fitting(lambda: self._take(request.match_info["request"], wanted, use))
            refuse_cameras(who, (one.camera for one in act.scope))

    async def may_view(self, request: web.Request, who: Caller) -> None:
        """Likewise; who is there says so by a post, and opens nothing."""
        wanted = await asked(request, documents.ViewAsked)
        login_of_caller(request)
        if wanted.step != "here" and who.role == BY_POST:
            raise Refusal(
                message("office.view-operator", "a viewing is opened and ended by an operator"),
                message("office.view-operator.action", "to say that you are there: edgectl request view --here"),
                exit_codes.NOT_ALLOWED,
                status=403,
            )
        await self._theirs(request, who)
        number = request.match_info["request"]
        if wanted.step == "open":
            _, scope = await fitting(lambda: self._scope(number, wanted))
            refuse_cameras(who, (one.camera for one in scope))

    async def _theirs(self, request: web.Request, who: Caller) -> None:
        number = request.match_info["request"]

        def check() -> None:
            self._opened(number)
            refuse_others(self.office, who, number)

        await fitting(check)

    def _scope(self, number: str, wanted: documents.ViewAsked) -> tuple[Case, Scope]:
        """What is to be seen, within the grant."""
        case = self._viewable(number)
        decision = machine.granted(case.request, *machine.SHOWN)
        scope = decision.scope if wanted.scope is None else scope_of(wanted.scope)
        if not scope or not machine.within(scope, decision.scope):
            raise Unfit(message("office.beyond-grant", "cameras and times lie within what was granted"))
        return case, scope

    def _viewable(self, number: str) -> Case:
        case = self._opened(number)
        machine.granted(case.request, *machine.SHOWN)
        return case

    def _opened(self, number: str) -> Case:
        if not self.office.is_open:
            raise Unfit(message("office.open-first", "the office is not opened: edgectl office open"))
        return self.office.cases.case(number)

    def _take(self, number: str, wanted: documents.CopyAsked, use: Use) -> tuple[Case, machine.Take]:
        """What would be taken, checked against the grant."""
        case = self._opened(number)
        granted = machine.granted(case.request, use) if use is Use.COPY or not case.request.hold_asked else None
        every = case.request.hold_asked if granted is None else granted.scope
        scope = every if wanted.scope is None else scope_of(wanted.scope)
        secrecy = None if wanted.secrecy is None else machine.Secrecy(wanted.secrecy)
        if use is Use.COPY and case.procedure.secrecy and (secrecy is None or not wanted.declassify.strip()):
            raise Unfit(
                message("office.no-secrecy", "say which secrecy (密等) the copy has, and when that ends (解密條件)"),
                message("office.no-secrecy.action", "edgectl request copy --secrecy 密 --declassify 本案結案後解密"),
            )
        act = machine.Take(use, scope, secrecy=secrecy)
        machine.advance(case.procedure, case.request, act, wanted.version)
        return case, act

    # --- copies -------------------------------------------------------------------------------------------------

    async def copy(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.CopyAsked), caller(request)
        number = request.match_info["request"]

        def work() -> documents.RequestCopy:
            if wanted.asks:
                granted = machine.granted(self._opened(number).request, Use.VIEW).scope
                ask = machine.AskHold(granted if wanted.scope is None else scope_of(wanted.scope))
                return self._copied(self.office.act(number, wanted.version, ask, words=wanted.fields))
            if wanted.keep:
                case, act = self._take(number, wanted, Use.HOLD)
                case, pin = self.office.keep(case, wanted.version, act, wanted.fields, person(who))
                return self._copied(case, pin=pins.document(self.store.pins.find(pin.id)))
            case, act = self._take(number, wanted, Use.COPY)
            return self._leaving(case, act, wanted, who.who)

        return answer(await fitting(work))

    def _leaving(self, case: Case, act: machine.Take, wanted: documents.CopyAsked, who: str) -> documents.RequestCopy:
        order = _order(case, act.scope, wanted)
        if wanted.dry_run:
            return self._copied(case, plan=self.exports.plan(order))
        export, plan = self.exports.begin(order, who, OfficeRequest(case.row.number, case.row.row))
        try:
            take = replace(act, made=export.id)
            more = {copy_word(export.id, CopyWord.DECLASSIFY): wanted.declassify} if wanted.declassify.strip() else {}
            after = self.office.act(case.row.number, wanted.version, take, words={**wanted.fields, **more})
        except BaseException:
            self.exports.abandon(export.id, who)
            raise
        return self._copied(after, export=self.exports.document(export), plan=plan)

    def _copied(self, case: Case, **more: Any) -> documents.RequestCopy:
        told = {"export": None, "plan": None, "pin": None, **more}
        return documents.RequestCopy(request=Pages(self.office).shown(case, private=False).request, **told)

    # --- viewings -----------------------------------------------------------------------------------------------

    async def view(self, request: web.Request) -> web.StreamResponse:
        wanted, account = await asked(request, documents.ViewAsked), login_of_caller(request)
        return await follow(request, partial(self._view, request.match_info["request"], wanted, account))

    def _view(
        self, number: str, wanted: documents.ViewAsked, account: int, progress: Progress, gone: threading.Event
    ) -> documents.RequestView:
        try:
            match wanted.step:
                case "here":
                    return self._says_here(number, account)
                case "open":
                    return self._open(number, wanted, account, progress, gone)
                case "end":
                    self.office.person_of(account)
                    return self._end(number, wanted, machine.EndViewing(wanted.not_filmed))
                case "cut":
                    return self._end(number, wanted, machine.CutViewing())
        except Unfit as error:
            raise Refusal(
                error.why,
                error.action or STANDS,
                exit_codes.FAILED,
                status=409,
            ) from None

    def _says_here(self, number: str, account: int) -> documents.RequestView:
        person = self.office.person_of(account)
        case = self._viewable(number)
        self.office.companion(number, Signer("", person=person), account, by_login=True)
        self._here[number, person] = self.clock.now().boottime_ms + HERE_MS
        return self._viewed(case, None, private=not self.office.has_part(account, number))

    def _open(
        self, number: str, wanted: documents.ViewAsked, account: int, progress: Progress, gone: threading.Event
    ) -> documents.RequestView:
        """What is laid out is checked against the machine before, and on record before it can be read."""
        case, scope = self._scope(number, wanted)
        person = wanted.companion
        here = person is not None and self._here.get((number, person), 0) > self.clock.now().boottime_ms
        shown = [one.camera for one in scope]
        companion = self.office.companion(
            number, Signer("", wanted.unit, person), account, by_login=here, cameras=shown
        )
        after = self.office.open_viewing(number, wanted.version, companion, wanted.present, account, wanted.fields)
        self._here.pop((number, companion.person), None)
        try:
            laid = self.copies.lay(OfficeRequest(number, case.row.row), scope, account, progress, gone)
        except BaseException:
            self.office.act(number, after.row.version, machine.CutViewing())
            raise
        return self._viewed(after, laid)

    def _end(self, number: str, wanted: documents.ViewAsked, act: machine.Act) -> documents.RequestView:
        """What lies there goes first: a viewing that is over shows nothing."""
        case = self.office.cases.case(number)
        machine.advance(case.procedure, case.request, act, wanted.version)
        self.copies.remove(number)
        return self._viewed(self.office.act(number, wanted.version, act, words=wanted.fields), None)

    # --- looking without a request ------------------------------------------------------------------------------

    async def _looked_at(self, request: web.Request) -> Details:
        """What the leaf names. Refusal: there is no such camera."""
        wanted = await asked(request, documents.LookAsked)
        if wanted.over or wanted.here:
            return {"step": "end" if wanted.over else "here"}
        if strange := sorted(set(wanted.cameras) - self.office.cameras):
            raise Refusal(
                message("api.no-camera-quoted", "there is no camera {name}", name=repr(strange[0])),
                message("api.no-camera-quoted.action", "edgectl cameras lists them"),
                exit_codes.USAGE,
                404,
            )
        cameras = list[Value](sorted(set(wanted.cameras)))
        from_ms, to_ms = instant("from", wanted.start), instant("to", wanted.end)
        there = {} if wanted.companion is None else {"companion": wanted.companion}
        return {"cameras": cameras, "purpose": wanted.purpose, "from": from_ms or 0, "to": to_ms or 0, **there}

    async def may_look(self, request: web.Request, who: Caller) -> None:
        """What a text allows without one."""
        wanted, account = await asked(request, documents.LookAsked), login_of_caller(request)
        if wanted.here is not (who.role == Role.AUDITOR):
            raise Refusal(
                message("office.look.who", "an auditor says that they are there, and an operator shows it"),
                message(
                    "office.look.who.action",
                    "the auditor: edgectl look --here; then the operator: edgectl look --for audit",
                ),
                exit_codes.NOT_ALLOWED,
                status=403,
            )
        if not (wanted.over or wanted.here):
            await fitting(lambda: self._check_look(wanted, account))

    def _check_look(self, wanted: documents.LookAsked, account: int) -> tuple[Purpose, Scope]:
        if not self.office.is_open:
            raise Unfit(message("office.open-first", "the office is not opened: edgectl office open"))
        purpose, operator = Purpose(wanted.purpose), self.office.person_of(account)
        from_ms, to_ms = instant("start", wanted.start) or 0, instant("end", wanted.end) or 0
        scope = tuple(Stretch(camera, from_ms, to_ms) for camera in sorted(set(wanted.cameras)) if from_ms < to_ms)
        companion = None
        if wanted.companion is not None:
            if self.office.people().person(wanted.companion) is None:
                raise Unfit(message("office.no-person", "there is no such person: `edgectl person list`"))
            if purpose is Purpose.AUDIT and self._here.get(("", wanted.companion), 0) <= self.clock.now().boottime_ms:
                raise Unfit(
                    message("office.look.not-here", "no auditor has said from their own account that they are there"),
                    message("office.look.not-here.action", "whoever audits says so first: edgectl look --here"),
                )
            companion = machine.Hand(wanted.companion, "", machine.Door.PAPER)
        self.looks.check(purpose, scope, account, operator, companion)
        return purpose, scope

    async def look(self, request: web.Request) -> web.StreamResponse:
        wanted, account = await asked(request, documents.LookAsked), login_of_caller(request)
        return await follow(request, lambda progress, gone: self._look(wanted, account, progress, gone))

    def _look(
        self, wanted: documents.LookAsked, account: int, progress: Progress, gone: threading.Event
    ) -> documents.ShownLook:
        if wanted.over:
            self.looks.end(account)
        if wanted.here:
            self._here["", self.office.person_of(account)] = self.clock.now().boottime_ms + HERE_MS
        if wanted.over or wanted.here:
            return documents.ShownLook(directory=None, until=None, files=[], lacking=[])
        try:
            purpose, scope = self._check_look(wanted, account)
        except Unfit as error:
            raise Refusal(error.why, error.action, exit_codes.FAILED, status=409) from None
        self._here.pop(("", wanted.companion or 0), None)
        laid, lasts_ms = self.looks.lay(purpose, scope, account, progress, gone)
        return documents.ShownLook(
            directory=str(laid.directory),
            until=timestamp(self.clock.now().wall_ms + lasts_ms),
            files=shown_files(laid),
            lacking=[Told(**_missing(one).told) for one in laid.missing],
        )

    def _viewed(self, case: Case, laid: ViewingCopy | None, *, private: bool = False) -> documents.RequestView:
        request = Pages(self.office).shown(case, private=private).request
        return documents.RequestView(
            request=request,
            directory=None if laid is None else str(laid.directory),
            files=[] if laid is None else shown_files(laid),
            lacking=[] if laid is None else [Told(**_missing(one).told) for one in laid.missing],
        )


def _missing(one: MissingFootage) -> Message:
    return message(
        "office.missing-footage",
        "camera {camera}, {start_at} to {end_at}: {why}",
        camera=one.camera,
        start_at=timestamp(one.from_ms),
        end_at=timestamp(one.to_ms),
        why=one.why,
    )


def shown_files(laid: ViewingCopy) -> list[documents.ShownFile]:
    return [
        documents.ShownFile(
            path=str(laid.directory / one.name),
            camera=one.camera,
            start=timestamp(one.from_ms),
            end=timestamp(one.to_ms),
            bytes=one.bytes,
        )
        for one in laid.files
    ]


def _order(case: Case, scope: Scope, wanted: documents.CopyAsked) -> export_documents.ExportAsked:
    interval = interval_of(scope)
    return export_documents.ExportAsked(
        cameras=sorted({one.camera for one in scope}),
        start=timestamp(interval.first_ms),
        end=timestamp(interval.last_ms),
        reason=_reason(case.procedure),
        case=case.row.number,
        request=None,
        destroy_by=wanted.destroy_by,
        whole_segments=wanted.whole_segments,
        max_file_bytes=wanted.max_file_bytes,
        dry_run=wanted.dry_run,
    )


def _reason(procedure: Procedure) -> str:
    return f"{procedure.row} {procedure.clauses[0]}"
