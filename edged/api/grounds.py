"""The grounds that the guard asks for before footage is shown or leaves, of calls that name no request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from edged.access.acts import Acts, Kind, doing
from edged.access.callers import Caller, Refusal, instant, refuse_cameras
from edged.access.guard import logged_in
from edged.api.base import asked
from edged.api.requests import fitting
from edged.documents import exports as export_documents
from edged.office.disclosure import Disclosure, NotPermitted, Permit, sentence
from edged.words import exit_codes
from edged.words.roles import Verb
from edged.words.units import timestamp
from storage.approvals.service import Act, Arguments
from storage.approvals.service import Person as Approver
from storage.database.writer import TransactionPart
from storage.words.errors import StoreError
from storage.words.message import Message, message

DISCLOSE: Final = "disclose"
"""The act of two persons by which something is shown or copied while the office is not opened."""
NOT_OPENED: Final = message(
    "office.not-opened", "the office is not opened (edgectl office open): this takes a second person"
)


class Grounds:
    """Of exports and pictures that name no request."""

    def __init__(self, disclosure: Disclosure, acts: Acts) -> None:
        self._disclosure = disclosure
        self._acts = acts
        kind = Kind(Verb.EXPORT, self._sentence, doing(_nothing, self._permit), outdated=self._outdated)
        acts.register(DISCLOSE, kind)

    async def export(self, request: web.Request, who: Caller) -> None:
        """Begun; a plan shows nothing."""
        await self._by_a_person(request)
        wanted = await asked(request, export_documents.ExportAsked)
        first_ms, last_ms = instant("from", wanted.start) or 0, instant("to", wanted.end) or 0
        cameras, whole = tuple(sorted(set(wanted.cameras))), wanted.whole_segments
        refuse_cameras(who, cameras)
        permit = Permit(self._account(who), "export", cameras, first_ms, last_ms, whole)
        await self._asked(who, permit, lambda: self._disclosure.check_export(permit, use=not wanted.dry_run))

    async def export_goes_on(self, request: web.Request, who: Caller) -> None:
        await self._by_a_person(request)
        export = request.match_info["export"]
        refuse_cameras(who, await fitting(lambda: self._disclosure.check_export_goes_on(export, who.who)))

    async def none_shown(self, _request: web.Request, _who: Caller) -> None:
        """It names exports or takes one back, and shows nothing of them."""

    async def snapshot(self, request: web.Request, who: Caller) -> None:
        await self._by_a_person(request)
        permit = Permit(self._account(who), "snapshot", (request.match_info["camera"],))
        purpose = request.query.get("purpose", "")
        await self._asked(who, permit, lambda: self._disclosure.check_snapshot(permit, purpose))

    async def _by_a_person(self, request: web.Request) -> None:
        """Refusal: with a profile, whom no login vouches for sees nothing."""
        if not await asyncio.to_thread(lambda: self._disclosure.unconditional):
            logged_in(request)

    def _account(self, who: Caller) -> int:
        return who.uid if who.login is None else who.login

    async def _asked(self, who: Caller, permit: Permit, check: Callable[[], None], why: Message = NOT_OPENED) -> None:
        try:
            await fitting(check)
        except NotPermitted:
            if who.login is None:
                raise self._refused(
                    why,
                    message("office.not-opened-login", "log in (console, ssh) and ask again: a second person agrees"),
                ) from None
            act = await fitting(lambda: self._acts.ask(DISCLOSE, _arguments(permit), who))
            raise self._refused(
                why,
                message(
                    "office.not-opened.action",
                    "now another person: edgectl approve {act}; then ask again, within the hour",
                    act=act.id,
                ),
            ) from None

    @staticmethod
    def _refused(why: Message, action: Message) -> Refusal:
        return Refusal(why, action, exit_codes.NOT_ALLOWED, status=403)

    def _outdated(self, _act: Act) -> Message | None:
        try:
            takes_two = self._disclosure.takes_two
        except StoreError as error:
            return error.what
        return None if takes_two else message("office.opened-meanwhile", "the office is opened: it takes a request")

    def _permit(self, act: Act) -> None:
        self._disclosure.permit(_permit_of(act.asker.uid, act.arguments))

    def _sentence(self, arguments: Arguments) -> Message:
        permit = _permit_of(0, arguments)
        return sentence(permit, {"start": timestamp(permit.from_ms), "end": timestamp(permit.to_ms)})


def _nothing(_act: Act, _second: Approver) -> TransactionPart:
    return lambda _connection: None


def _arguments(permit: Permit) -> Arguments:
    return {
        "what": permit.what,
        "cameras": ",".join(permit.cameras),
        "from_ms": permit.from_ms,
        "to_ms": permit.to_ms,
        "whole": int(permit.whole),
    }


def _permit_of(account: int, arguments: Arguments) -> Permit:
    cameras = tuple(str(arguments["cameras"]).split(","))
    first_ms, last_ms = int(arguments["from_ms"]), int(arguments["to_ms"])
    return Permit(account, str(arguments["what"]), cameras, first_ms, last_ms, bool(arguments["whole"]))
