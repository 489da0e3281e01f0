"""The calls behind `edgectl boots`: a list, and what one person asks to have attested by a second one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from aiohttp import web

from edged.access.acts import Acts, Kind, doing
from edged.api.base import Route, answer, asked, get, logged_in, post
from edged.api.run_order import carried_out
from edged.documents import boots as documents
from edged.site import boot_documents
from edged.words import units
from edged.words.roles import Verb
from storage.approvals.service import Act, Arguments, Person
from storage.database.writer import TransactionPart
from storage.store.facade import Store

ATTEST: Final = Verb.BOOTS_ATTEST.value


def routes(store: Store, acts: Acts) -> Sequence[Route]:
    attesting = doing(lambda act, second: deed(store, act, second))
    acts.register(ATTEST, Kind(Verb.BOOTS_ATTEST, sentence, attesting))

    async def listed(_request: web.Request) -> web.Response:
        return answer(boot_documents.document(await asyncio.to_thread(store.boots.all)))

    async def attest(request: web.Request) -> web.Response:
        wanted = await asked(request, documents.AttestAsked)
        arguments: Arguments = wanted.model_dump()
        who = logged_in(request)

        def work() -> Act:
            store.boots.check(wanted.boot, wanted.off_ms)
            return acts.ask(ATTEST, arguments, who)

        act = await carried_out(work)
        action = f"a second person types: edgectl approve {act.id}"
        return answer(documents.Attest(act=act.id, sentence=sentence(arguments), action=action))

    return [get("/v1/boots", Verb.BOOTS, listed), post("/v1/boots/attest", Verb.BOOTS_ATTEST, attest)]


def sentence(arguments: Arguments) -> str:
    """As the second person reads it. What is destroyed because of it comes back by nothing."""
    off = units.format_duration(timedelta(milliseconds=int(arguments["off_ms"])))
    return (
        f"the box was off for at least {off} before boot {arguments['boot']} ({arguments['reason']}); "
        "footage recorded before is that much older for certain, and is destroyed that much earlier"
    )


def deed(store: Store, act: Act, approver: Person) -> TransactionPart:
    """What approving it does."""
    wanted = documents.AttestAsked.model_validate(dict(act.arguments))
    return store.boots.attest(wanted.boot, wanted.off_ms, wanted.reason, act.asker.name, approver.name)
