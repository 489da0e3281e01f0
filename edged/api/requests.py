"""The calls behind `edgectl request`: received, checked, signed, decided, answered, closed. Viewing and copying are
those of `edged.api.disclosure`.

Each answers with the request as it stands then. Words of persons are shown to who handles it and to who has a part in
it, never by a role alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from aiohttp import web

from edged.access.acts import Acts, Kind, doing
from edged.access.callers import Caller, Details, Refusal, Route, get, instant, iso_day, post, refuse_cameras
from edged.access.guard import BY_POST, caller, logged_in, login_of_caller
from edged.api import approvals
from edged.api.base import answer, asked, carried_out
from edged.api.request_documents import Pages, procedure_document
from edged.documents import office as documents
from edged.office import request as machine
from edged.office.cases import Unreadable
from edged.office.request import Scope, Stretch, Unfit
from edged.office.service import HandingOver, OfficeService, Signer
from edged.office.story import Case
from edged.profiles.procedures import Use
from edged.words import exit_codes
from edged.words.roles import Role, Verb
from storage.approvals.service import Act, Arguments, Person
from storage.database.writer import TransactionPart
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, StoreError
from storage.words.message import NOTHING, Message, message

EXPIRE: Final = "request-expire"
STANDS: Final = message("office.unfit.action", "`edgectl request show` shows how it stands, and what is to be done")
AGAIN: Final = message("office.new.action", "correct it, and receive it again: nothing has been received")
T = TypeVar("T")


async def fitting(work: Callable[[], T], action: Message = STANDS) -> T:
    """What `work` answers; Refusal where it cannot be done as things are, with `action` where it does not say one."""
    try:
        return await carried_out(work)
    except Unfit as error:
        raise Refusal(
            error.why,
            error.action or action,
            exit_codes.FAILED,
            status=409,
        ) from None


def may_see(office: OfficeService, who: Caller, one: Case | Unreadable) -> bool:
    """By a post: what one has a part in; of a unit: what asks for a camera of theirs, too. Blocking."""
    if who.role != BY_POST:
        asked_for = () if isinstance(one, Unreadable) else one.request.asked
        if who.cameras is None or any(part.camera in who.cameras for part in asked_for):
            return True
    return who.login is not None and office.has_part(who.login, one.row.number)


def sees_words(office: OfficeService, who: Caller, number: str) -> bool:
    """Of persons: who handles requests by a role, and who has a part in this one. Blocking."""
    if who.role not in (Role.AUTHORITY, Role.AUDITOR, BY_POST):
        return True
    return who.login is not None and office.has_part(who.login, number)


def refuse_others(office: OfficeService, who: Caller, number: str) -> None:
    """Refusal: a request that is none of theirs; who is to be there at its viewings may see it. UnknownId, Unfit.
    Blocking.
    """
    there = who.login is not None and office.accompanies(who.login, number)
    if not (may_see(office, who, office.cases.case(number)) or there):
        refuse_cameras(who, ["*"])


@dataclass(frozen=True, slots=True)
class RequestCalls:
    """All of them."""

    store: Store
    office: OfficeService
    acts: Acts
    clock: Clock

    def routes(self) -> Sequence[Route]:
        erasing = doing(self._erase, lambda _: self.store.office.requests.follow_up())
        self.acts.register(EXPIRE, Kind(Verb.REQUEST_EXPIRE, _expiring, erasing, outdated=self._expires_no_more))
        at = "/v1/requests/{request}"
        return [
            get("/v1/procedures", Verb.POST_LIST, self.procedures),
            post("/v1/requests", Verb.REQUEST_NEW, self.new),
            get("/v1/requests", Verb.REQUEST_LIST, self.listed),
            get(at, Verb.REQUEST_SHOW, self.show),
            post("/v1/requests/received", Verb.REQUEST_RECEIVE, self.receive),
            post(f"{at}/supplement", Verb.REQUEST_SUPPLEMENT, self.supplement),
            post(f"{at}/check", Verb.REQUEST_CHECK, self.check),
            post(f"{at}/sign", Verb.REQUEST_SIGN, self.sign),
            post(f"{at}/scans", Verb.REQUEST_SIGN, self.scan),
            get(f"{at}/scans/{{scan}}", Verb.REQUEST_SHOW, self.scanned, self._with_words),
            post(f"{at}/return", Verb.REQUEST_RETURN, self.send_back),
            post(f"{at}/grant", Verb.REQUEST_GRANT, self.grant),
            post(f"{at}/refuse", Verb.REQUEST_REFUSE, self.refuse),
            post(f"{at}/withdraw", Verb.REQUEST_WITHDRAW, self.withdraw),
            post(f"{at}/reply", Verb.REQUEST_REPLY, self.reply),
            post(f"{at}/appoint", Verb.REQUEST_APPOINT, self.appoint),
            post(f"{at}/receipt", Verb.REQUEST_RECEIPT, self.receipt),
            post(f"{at}/destroyed", Verb.REQUEST_DESTROYED, self.dispose),
            post(f"{at}/entry", Verb.REGISTER_SIGN, self.sign_entry),
            post(f"{at}/close", Verb.REQUEST_CLOSE, self.close),
            post(f"{at}/expire", Verb.REQUEST_EXPIRE, self.expire),
        ]

    # --- reading ------------------------------------------------------------------------------------------------

    async def procedures(self, _request: web.Request) -> web.Response:
        rows = [procedure_document(one) for one in self.office.procedures.values()]
        return answer(documents.Procedures(procedures=rows))

    async def listed(self, request: web.Request) -> web.Response:
        who, every = caller(request), "all" in request.query

        def work() -> documents.RequestList:
            known = list(self.office.cases.listed())
            readable = (one for one in known if not isinstance(one, Unreadable))
            expired = frozenset(one.number for one in self.office.to_erase(readable))
            pages = Pages(self.office, expired)
            lines = [
                pages.line(one)
                for one in known
                if (every or one.row.status != "closed" or one.row.number in expired) and may_see(self.office, who, one)
            ]
            return documents.RequestList(requests=lines, timezone=self.office.timezone, open=self.office.is_open)

        return answer(await fitting(work))

    async def show(self, request: web.Request) -> web.Response:
        return await self._shown(request, self.office.cases.case)

    async def _shown(self, request: web.Request, work: Callable[[str], Case]) -> web.Response:
        """The request as it stands once that is done."""
        number, who = request.match_info["request"], caller(request)

        def told() -> documents.RequestShow:
            refuse_others(self.office, who, number)
            case = work(number)
            expired = frozenset(one.number for one in self.office.to_erase([case]))
            return Pages(self.office, expired).shown(case, private=not sees_words(self.office, who, number))

        return answer(await fitting(told))

    async def _with_words(self, request: web.Request) -> Details:
        who, number = caller(request), request.match_info["request"]
        await fitting(lambda: refuse_others(self.office, who, number))
        if not await asyncio.to_thread(sees_words, self.office, who, number):
            raise Refusal(
                message("office.scan-private", "a scan names persons: it is shown to who has a part in the request"),
                NOTHING,
                exit_codes.NOT_ALLOWED,
                status=403,
            )
        return {}

    # --- receiving ----------------------------------------------------------------------------------------------

    async def new(self, request: web.Request) -> web.Response:
        wanted = await asked(request, documents.ReceiveAsked)
        logged_in(request)
        return answer(await fitting(lambda: self._receive(wanted, None), AGAIN))

    async def receive(self, request: web.Request) -> web.Response:
        """Under the number of another box: its printed grant is the paper here."""
        wanted = await asked(request, documents.ReceiveAsked)
        logged_in(request)
        return answer(
            await fitting(lambda: self._receive(wanted, self.office.other_number(wanted.number, wanted.box)), AGAIN)
        )

    def _receive(self, wanted: documents.ReceiveAsked, number: str | None) -> documents.RequestShow:
        procedure = self.office.procedure(wanted.row)
        read = self.office.read_form(procedure, wanted.fields)
        case = self.office.receive(
            procedure.row,
            iso_day(wanted.received),
            read.asked,
            read.uses,
            read.words,
            applicant=wanted.applicant,
            units=read.units,
            number=number,
        )
        return Pages(self.office).shown(case, private=False, read=read)

    # --- steps --------------------------------------------------------------------------------------------------

    async def supplement(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.SupplementAsked), login_of_caller(request)

        def work(number: str) -> Case:
            if wanted.signer is not None:
                until = iso_day(wanted.until)
                if until is None:
                    raise Unfit(message("office.supplement-until", "say until when it is to be there"))
                return self.office.ask_supplement(
                    number, wanted.version, _signer(wanted.signer), who, until, wanted.reason
                )
            _refuse_entering(request)
            self.office.person_of(who)
            came = [machine.Supplemented(self.office.today().toordinal())] if wanted.complete else []
            return self.office.amend(number, wanted.version, wanted.fields, *came)

        return await self._shown(request, work)

    async def check(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.ExamineAsked), login_of_caller(request)

        def work(number: str) -> Case:
            if wanted.check is None:
                return self.office.see_paper(number, wanted.version, who)
            return self.office.examine(number, wanted.version, wanted.check, wanted.outcome, wanted.document, who)

        return await self._shown(request, work)

    async def sign(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.SignAsked), self._enters(request)
        signer = _signer(wanted.signer)
        return await self._shown(
            request,
            lambda number: self.office.sign(number, wanted.version, signer, who(signer), hold=wanted.keeping),
        )

    def _enters(self, request: web.Request) -> Callable[[Signer], int]:
        """Whose account; paper is entered by an operator."""
        account = login_of_caller(request)

        def may(signer: Signer) -> int:
            if signer.person is not None:
                _refuse_entering(request)
            return account

        return may

    async def send_back(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.ReturnAsked), self._enters(request)
        signer = _signer(wanted.signer)
        return await self._shown(
            request,
            lambda number: self.office.send_back(number, wanted.version, signer, who(signer), wanted.to, wanted.reason),
        )

    async def grant(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.GrantAsked), self._enters(request)
        signer = _signer(wanted.signer)
        uses = None if wanted.uses is None else frozenset(Use(one) for one in wanted.uses)
        scope = None if wanted.scope is None else scope_of(wanted.scope)
        return await self._shown(
            request,
            lambda number: self.office.decide(number, wanted.version, signer, who(signer), uses, scope, wanted.reason),
        )

    async def refuse(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.RefuseAsked), self._enters(request)
        signer = _signer(wanted.signer)
        return await self._shown(
            request,
            lambda number: self.office.decide(
                number, wanted.version, signer, who(signer), frozenset(), None, wanted.reason
            ),
        )

    async def withdraw(self, request: web.Request) -> web.Response:
        wanted = await asked(request, documents.StepAsked)
        withdraw = machine.Withdraw()
        return await self._acted(request, lambda number: self.office.act(number, wanted.version, withdraw))

    async def reply(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.ReplyAsked), self._enters(request)
        if wanted.signer is not None:
            signer = _signer(wanted.signer)
            return await self._shown(
                request,
                lambda number: self.office.extend(number, wanted.version, signer, who(signer), wanted.reason),
            )
        _refuse_entering(request)
        day = iso_day(wanted.day)
        delivery = None if wanted.delivery is None else machine.Delivery(wanted.delivery)
        return await self._acted(
            request, lambda number: self.office.reply(number, wanted.version, day, wanted.letter, delivery)
        )

    async def appoint(self, request: web.Request) -> web.Response:
        wanted = await asked(request, documents.AppointAsked)
        at_ms = instant("at", wanted.at) or 0
        return await self._acted(request, lambda number: self.office.appoint(number, wanted.version, at_ms))

    async def close(self, request: web.Request) -> web.Response:
        wanted = await asked(request, documents.CloseAsked)
        return await self._acted(
            request, lambda number: self.office.close(number, wanted.version, wanted.fields, wanted.filed_as)
        )

    async def receipt(self, request: web.Request) -> web.Response:
        wanted = await asked(request, documents.ReceiptAsked)
        given = HandingOver(
            wanted.receiver,
            wanted.identity,
            wanted.medium,
            wanted.copy_id,
            iso_day(wanted.day),
            wanted.fee,
            wanted.kept,
        )
        return await self._acted(request, lambda number: self.office.hand_over(number, wanted.version, given))

    async def dispose(self, request: web.Request) -> web.Response:
        wanted = await asked(request, documents.DisposeAsked)
        disposal, day = machine.Disposal(wanted.disposal), iso_day(wanted.day)
        return await self._acted(
            request,
            lambda number: self.office.dispose(number, wanted.version, wanted.copy_id, disposal, day, ours=wanted.ours),
        )

    async def sign_entry(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.SignEntryAsked), self._enters(request)
        signer = _signer(wanted.signer)
        return await self._shown(
            request,
            lambda number: self.office.sign_entry(number, wanted.version, wanted.entry, signer, who(signer)),
        )

    async def expire(self, request: web.Request) -> web.Response:
        """Its period is over; its persons go once another person agrees."""
        who, number = logged_in(request), request.match_info["request"]

        def work() -> Act:
            self.office.check_expired(number)
            return self.acts.ask(EXPIRE, {"request": number}, who)

        act = await fitting(work)
        return answer(documents.RequestExpire(act=approvals.act_document(self.acts, act, self.clock)))

    def _expires_no_more(self, act: Act) -> Message | None:
        """Erased meanwhile; or something rests on it."""
        try:
            self.office.check_expired(str(act.arguments["request"]))
        except Unfit as error:
            return error.why
        except StoreError:
            return None
        return None

    def _erase(self, act: Act, _second: Person) -> TransactionPart:
        number = str(act.arguments["request"])
        try:
            self.office.check_expired(number)
        except Unfit as error:
            raise OrderRefused(error.why, NOTHING) from None
        return self.store.office.requests.erase(number)

    async def _acted(self, request: web.Request, act: Callable[[str], Case]) -> web.Response:
        """By a person of the office."""
        who = login_of_caller(request)

        def work(number: str) -> Case:
            self.office.person_of(who)
            return act(number)

        return await self._shown(request, work)

    # --- scans --------------------------------------------------------------------------------------------------

    async def scan(self, request: web.Request) -> web.Response:
        number = request.match_info["request"]
        data = bytearray()
        async for block in request.content.iter_any():
            data += block
            if len(data) > documents.SCAN_MAX:
                raise Refusal(
                    message(
                        "office.scan-large", "the scan is larger than {limit_bytes}", limit_bytes=documents.SCAN_MAX
                    ),
                    message("office.scan-large.action", "scan it in fewer dots, or page by page"),
                    exit_codes.USAGE,
                    status=413,
                )
        if not data.startswith(tuple(documents.SCAN_KINDS)):
            raise Refusal(
                message("office.scan-kind", "the file is neither a PDF nor a JPEG picture"),
                message("office.scan-kind.action", "scan the paper as one of these"),
                exit_codes.USAGE,
            )
        position = await fitting(lambda: self.office.add_scan(number, bytes(data)))
        return answer(documents.Scanned(number=number, scan=position, bytes=len(data)))

    async def scanned(self, request: web.Request) -> web.Response:
        number, told = request.match_info["request"], request.match_info["scan"]
        if not (told.isascii() and told.isdecimal() and len(told) < 10):
            raise Refusal(message("office.scan-none", "there is no such scan"), NOTHING, exit_codes.USAGE, 404)
        data = await fitting(lambda: self.office.scan(number, int(told)))
        if data is None:
            raise Refusal(
                message("office.scan-none", "there is no such scan"),
                message("office.scan-none.action", "or it lies on a volume that is not here"),
                exit_codes.FAILED,
                404,
            )
        kind = next(kind for magic, kind in documents.SCAN_KINDS.items() if data.startswith(magic))
        return web.Response(body=data, content_type=kind)


def _expiring(arguments: Arguments) -> Message:
    return message(
        "approval.expire",
        "the persons of request {number} are erased, for good: its period is over",
        number=str(arguments["request"]),
    )


def _refuse_entering(request: web.Request) -> None:
    """Refusal: whoever is here by a post alone signs, and enters nothing."""
    if caller(request).role == BY_POST:
        raise Refusal(
            message("office.paper-operator", "what came in on paper is entered by an operator"),
            message("office.paper-operator.action", "sign by your own account, or hand it to one"),
            exit_codes.NOT_ALLOWED,
            status=403,
        )


def _signer(told: documents.SignerAsked) -> Signer:
    return Signer(told.post, told.unit, told.person, iso_day(told.day), told.scan, told.by_word, told.authorised)


def scope_of(parts: Sequence[documents.PartAsked]) -> Scope:
    return tuple(Stretch(one.camera, instant("start", one.start) or 0, instant("end", one.end) or 0) for one in parts)
