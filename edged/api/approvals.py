"""The calls behind `edgectl approve` and `edgectl boots`: what waits for a second person, and doing it.

How long the box was off before a boot is the simplest of such acts: one person attests it, another one approves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from aiohttp import web

from edged.access.acts import Acts, Kind, doing
from edged.access.callers import Details, MayAsk, Refusal, Route, get, post
from edged.access.guard import logged_in
from edged.api.base import answer, asked, carried_out
from edged.documents import machine as machine_documents
from edged.documents import pins as documents
from edged.site import documents as site_documents
from edged.words import exit_codes, units
from edged.words.roles import Verb
from edged.words.units import timestamp
from storage.approvals.service import Act, Arguments, Person
from storage.database.writer import TransactionPart
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.message import NOTHING, Message, as_message, message


def routes(acts: Acts, clock: Clock, may_ask: MayAsk) -> Sequence[Route]:
    async def waiting(_request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(listed, acts, clock, None))

    async def may_be(request: web.Request) -> Details:
        """Whether this person may approve it: before the leaf says that it is approved."""
        who = logged_in(request)
        act, verb = await carried_out(lambda: acts.find(request.match_info["act"]))
        if not await may_ask(act.asker.uid if act.account is None else act.account, verb):
            what = message(
                "approval.right-gone",
                "{act} was asked for by {who}, who has not the right to `{verb}` any more",
                act=act.id,
                who=act.asker.name,
                verb=verb.value,
            )
            raise Refusal(
                what,
                message("approval.right-gone.action", "have somebody ask who has it"),
                exit_codes.NOT_ALLOWED,
                status=409,
            )
        await carried_out(lambda: acts.check(act, who))
        return {}

    async def approve(request: web.Request) -> web.Response:
        who, act_id = logged_in(request), request.match_info["act"]

        def work() -> documents.Approve:
            return listed(acts, clock, acts.approve(act_id, who))

        return answer(await carried_out(work))

    return [get("/v1/acts", Verb.APPROVE, waiting), post("/v1/acts/{act}/approve", Verb.APPROVE_ID, approve, may_be)]


def listed(acts: Acts, clock: Clock, done: Act | None) -> documents.Approve:
    waiting, ended = acts.listed()
    outcome = NOTHING if done is None else acts.outcome(done)
    return documents.Approve(
        done=None if done is None else act_document(acts, done, clock),
        outcome=outcome,
        outcome_code=outcome.code,
        outcome_values=outcome.data,
        acts=[act_document(acts, act, clock) for act in waiting],
        ended=[act_document(acts, act, clock) for act in ended],
    )


def act_document(acts: Acts, act: Act, clock: Clock) -> documents.Act:
    sentence = acts.sentence(act)
    why = NOTHING if act.ended is None else as_message(act.ended)
    return documents.Act(
        id=act.id,
        verb=act.verb,
        sentence=sentence,
        asked_by=act.asker.name,
        asked=timestamp(act.asked.wall_ms),
        until=timestamp(clock.now().wall_ms + act.left_ms),
        ended=act.ended,
        sentence_code=sentence.code,
        sentence_values=sentence.data,
        ended_code=why.code,
        ended_values=why.data,
    )


ATTEST: Final = Verb.BOOTS_ATTEST.value


def boot_routes(store: Store, acts: Acts) -> Sequence[Route]:
    attesting = doing(lambda act, second: attest_deed(store, act, second))
    acts.register(ATTEST, Kind(Verb.BOOTS_ATTEST, attest_sentence, attesting))

    async def listed(_request: web.Request) -> web.Response:
        return answer(site_documents.boots(await asyncio.to_thread(store.boots.all)))

    async def attest(request: web.Request) -> web.Response:
        wanted = await asked(request, machine_documents.AttestAsked)
        arguments: Arguments = wanted.model_dump()
        who = logged_in(request)

        def work() -> Act:
            store.boots.check(wanted.boot, wanted.off_ms)
            return acts.ask(ATTEST, arguments, who)

        act = await carried_out(work)
        action = message("approval.second-person", "a second person types: edgectl approve {act}", act=act.id)
        sentence = attest_sentence(arguments)
        return answer(
            machine_documents.Attest(
                act=act.id,
                sentence=sentence,
                action=action,
                sentence_code=sentence.code,
                sentence_values=sentence.data,
                action_code=action.code,
                action_values=action.data,
            )
        )

    return [get("/v1/boots", Verb.BOOTS, listed), post("/v1/boots/attest", Verb.BOOTS_ATTEST, attest)]


def attest_sentence(arguments: Arguments) -> Message:
    """As the second person reads it. What is destroyed because of it comes back by nothing."""
    off = units.format_duration(timedelta(milliseconds=int(arguments["off_ms"])))
    return message(
        "approval.attest",
        "the box was off for at least {off} before boot {boot} ({reason}); footage recorded before is that much older"
        " for certain, and is destroyed that much earlier",
        off=off,
        boot=str(arguments["boot"]),
        reason=str(arguments["reason"]),
    )


def attest_deed(store: Store, act: Act, approver: Person) -> TransactionPart:
    """What approving it does."""
    wanted = machine_documents.AttestAsked.model_validate(dict(act.arguments))
    return store.boots.attest(wanted.boot, wanted.off_ms, wanted.reason, act.asker.name, approver.name)
