"""The calls behind `edgectl faults` (報修): each step is on record with who took it, before it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from edged.access.acts import person
from edged.alarms.tickets import documents as views
from edged.alarms.tickets import judge
from edged.api.base import Refusal, Route, answer, asked, caller, get, post
from edged.api.listings import instant
from edged.api.run_order import carried_out
from edged.documents import faults as documents
from edged.site.rounds import Site
from edged.words import exit_codes
from edged.words.roles import Verb
from storage.store.facade import Store
from storage.tickets.faults import Aged
from storage.tickets.faults_table import Ticket


@dataclass(frozen=True, slots=True)
class Calls:
    """All of them."""

    site: Site
    store: Store

    def routes(self) -> Sequence[Route]:
        return [
            get("/v1/faults", Verb.FAULTS, self.listed),
            get("/v1/faults/{fault}", Verb.FAULTS_SHOW, self.shown),
            post("/v1/faults", Verb.FAULTS_ADD, self.add),
            post("/v1/faults/{fault}/report", Verb.FAULTS_REPORT, self.report),
            post("/v1/faults/{fault}/repair", Verb.FAULTS_REPAIR, self.repair),
            post("/v1/faults/{fault}/check", Verb.FAULTS_CHECK, self.check),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        """Those that were found between `from` and `to`; of one camera, all that are about it."""
        query = request.query
        camera, begin, end = query.get("camera"), instant("from", query.get("from")), instant("to", query.get("to"))
        found = await asyncio.to_thread(self.store.faults.all, everything="all" in query)
        _refuse_unknown("camera", camera, self._cameras().union(one.ticket.camera for one in found))
        standing = self._standing()
        return answer(
            documents.Faults(
                faults=[views.fault(one, standing) for one in found if _is_wanted(one, camera, begin, end)]
            )
        )

    async def shown(self, request: web.Request) -> web.Response:
        one, told = await carried_out(lambda: self.store.faults.one(_id(request)))
        return answer(views.shown(one, told, self._standing()))

    async def add(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.AddAsked), caller(request)
        _refuse_unknown("camera", wanted.camera, self._cameras())
        volumes = self.site.overview().measured.volumes
        _refuse_unknown("volume", wanted.volume, {volume.id for volume in volumes})
        words = {"who": who.who, "note": _line("note", wanted.note)}
        by = person(who).uid
        return await self._done(lambda: self.store.faults.add(wanted.camera, wanted.volume, by, words))

    async def report(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.ReportAsked), caller(request)
        words = {"who": who.who, "to": _line("to", wanted.to)}
        words |= _given(reference=wanted.reference, note=wanted.note)
        return await self._done(lambda: self.store.faults.report(_id(request), person(who).uid, words))

    async def repair(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.RepairAsked), caller(request)
        words = {"who": who.who, "note": _line("note", wanted.note)} | _given(repairer=wanted.repairer)
        others = bool(wanted.repairer)
        return await self._done(lambda: self.store.faults.repair(_id(request), person(who).uid, words, others=others))

    async def check(self, request: web.Request) -> web.Response:
        wanted, who, standing = await asked(request, documents.CheckAsked), caller(request), self._standing()
        words = {"who": who.who, "note": _line("note", wanted.note)}
        return await self._done(lambda: self.store.faults.check(_id(request), person(who).uid, standing, words))

    async def _done(self, work: Callable[[], Ticket]) -> web.Response:
        """What came of it, as it is now."""
        ticket = await carried_out(work)
        await self.site.measure()
        one, _ = await carried_out(lambda: self.store.faults.one(ticket.id))
        return answer(documents.FaultsStep(fault=views.fault(one, self._standing())))

    def _cameras(self) -> set[str | None]:
        """Those that are configured, and those of which there is footage."""
        seen = self.site.overview()
        return {*(camera.id for camera in seen.config.cameras), *seen.measured.usage}

    def _standing(self) -> Mapping[str, str]:
        """Alarms that stand, also those that maintenance holds back: what the box sees, it sees."""
        seen = self.site.overview()
        return judge.standing_things([*(row.key for row in seen.alarms if row.raised), *seen.held])


def _id(request: web.Request) -> str:
    return request.match_info["fault"]


def _refuse_unknown(what: str, name: str | None, known: Collection[str | None]) -> None:
    if name is not None and name not in known:
        names = ", ".join(sorted(filter(None, known)))
        raise Refusal(f"there is no {what} {name}", f"known: {names}", exit_codes.USAGE, 404)


def _is_wanted(one: Aged, camera: str | None, begin_ms: int | None, end_ms: int | None) -> bool:
    found_ms = one.ticket.found.wall_ms
    in_time = (begin_ms is None or found_ms >= begin_ms) and (end_ms is None or found_ms < end_ms)
    return in_time and camera in (None, one.ticket.camera)


def _line(name: str, words: str) -> str:
    if not words.strip() or not words.isprintable():
        raise Refusal(f"{name}: this is not one line of text", "say it in a few words", exit_codes.USAGE)
    return words


def _given(**words: str) -> dict[str, str]:
    """Those that are there at all."""
    return {name: _line(name, text) for name, text in words.items() if text}
