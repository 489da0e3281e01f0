"""The calls behind `edgectl approve`: what waits for a second person, and doing it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web

from edged.access.acts import Acts
from edged.access.callers import Details, MayAsk, Refusal, Route, get, logged_in, post
from edged.api.base import answer, carried_out
from edged.documents import pins as documents
from edged.words import exit_codes
from edged.words.roles import Verb
from edged.words.times import timestamp
from storage.approvals.service import Act
from storage.words.clock import Clock


def routes(acts: Acts, clock: Clock, may_ask: MayAsk) -> Sequence[Route]:
    async def waiting(_request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(listed, acts, clock, None))

    async def may_be(request: web.Request) -> Details:
        """Whether this person may approve it: before the leaf says that it is approved."""
        who = logged_in(request)
        act, verb = await carried_out(lambda: acts.find(request.match_info["act"]))
        if not await may_ask(act.asker.uid if act.account is None else act.account, verb):
            what = f"{act.id} was asked for by {act.asker.name}, who has not the right to `{verb}` any more"
            raise Refusal(what, "have somebody ask who has it", exit_codes.NOT_ALLOWED, status=409)
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
    return documents.Approve(
        done=None if done is None else document(acts, done, clock),
        outcome="" if done is None else acts.outcome(done),
        acts=[document(acts, act, clock) for act in waiting],
        ended=[document(acts, act, clock) for act in ended],
    )


def document(acts: Acts, act: Act, clock: Clock) -> documents.Act:
    return documents.Act(
        id=act.id,
        verb=act.verb,
        sentence=acts.sentence(act),
        asked_by=act.asker.name,
        asked=timestamp(act.asked.wall_ms),
        until=timestamp(clock.now().wall_ms + act.left_ms),
        ended=act.ended,
    )
