"""The call behind `edgectl alarms ack`: somebody has seen an alarm and sees to it. It goes on standing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web

from edged.access.callers import Details, Refusal, Route, post
from edged.api.base import answer, asked
from edged.documents import site as documents
from edged.site import overview
from edged.site.rounds import Site
from edged.words import exit_codes
from edged.words.roles import Verb
from storage.store.facade import Store
from storage.words.errors import UnknownId
from storage.words.results import AlarmRow


def routes(site: Site, store: Store) -> Sequence[Route]:
    async def standing(request: web.Request) -> AlarmRow:
        """The one that is named. Its key is edged's own, so that a leaf may name it."""
        key = (await asked(request, documents.AlarmAckAsked)).key
        found = await asyncio.to_thread(store.alarms.find, key)
        if found is None:
            raise _nothing(f"there is no alarm {key}")
        if not found.raised:
            raise _nothing(f"alarm {key} stands no longer")
        return found

    async def named(request: web.Request) -> Details:
        found = await standing(request)
        return {"alarm": found.key, "occurrence": found.occurrence}

    async def acknowledge(request: web.Request) -> web.Response:
        found = await standing(request)
        try:
            first = await asyncio.wrap_future(store.alarms.acknowledge(found.key, found.occurrence))
        except UnknownId as error:
            raise _nothing(error.what) from None
        now = await asyncio.to_thread(store.alarms.find, found.key)
        await site.look_at_alarms()
        return answer(documents.AlarmAck(alarm=overview.alarm(now or found), again=not first))

    return [post("/v1/alarms/ack", Verb.ALARMS_ACK, acknowledge, named)]


def _nothing(what: str) -> Refusal:
    return Refusal(what, "`edgectl alarms` lists what stands", exit_codes.USAGE, status=404)
