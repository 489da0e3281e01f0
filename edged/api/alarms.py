"""The calls behind `edgectl alarms ack`, `edgectl maintenance` (維護) and `edgectl faults` (報修).

Whoever acknowledges an alarm has seen it and sees to it; it goes on standing. Maintenance is announced by the
authority (W3, P5), and over by itself. Each step of a fault is on record with who took it, before it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from edged.access.acts import person
from edged.access.callers import Details, Refusal, Route, get, instant, post
from edged.access.guard import caller
from edged.alarms import fault_tickets
from edged.api.base import answer, asked, carried_out
from edged.documents import site as documents
from edged.documents import tickets as fault_documents
from edged.site import documents as site_documents
from edged.site.rounds import SiteState
from edged.words import exit_codes, units
from edged.words.roles import Verb
from storage.ledger.table import Value
from storage.store.facade import Store
from storage.tickets.faults import Aged
from storage.tickets.faults_table import Ticket
from storage.words.errors import UnknownId
from storage.words.message import message
from storage.words.model import AlarmRow


def routes(site: SiteState, store: Store) -> Sequence[Route]:
    async def standing(request: web.Request) -> AlarmRow:
        """The one that is named. Its key is edged's own, so that a leaf may name it."""
        key = (await asked(request, documents.AlarmAckAsked)).key
        found = await asyncio.to_thread(store.alarms.find, key)
        if found is None:
            raise _nothing(message("ticket.unknown-alarm", "there is no alarm {alarm}", alarm=key))
        if not found.raised:
            raise _nothing(message("ticket.alarm-over", "alarm {alarm} stands no longer", alarm=key))
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
        return answer(documents.AlarmAck(alarm=site_documents.alarm(now or found), again=not first))

    return [post("/v1/alarms/ack", Verb.ALARMS_ACK, acknowledge, named)]


def _nothing(what: str) -> Refusal:
    return Refusal(
        what, message("ticket.alarm-over.action", "`edgectl alarms` lists what stands"), exit_codes.USAGE, status=404
    )


def maintenance_routes(site: SiteState, store: Store) -> Sequence[Route]:
    async def shown(request: web.Request) -> web.Response:
        del request
        seen = site.overview()
        names = {} if seen.under is None else seen.under.names
        return answer(
            fault_documents.Maintenance(
                maintenance=site_documents.under_way(seen),
                reason=names.get("reason", ""),
                accompanied=names.get("with", ""),
                held=site_documents.held(seen),
            )
        )

    async def named(request: web.Request) -> Details:
        """Cameras that are there; the words of people stay behind the leaf of the maintenance itself."""
        wanted = await asked(request, fault_documents.StartAsked)
        known = {camera.id for camera in site.config.cameras}
        if unknown := sorted(set(wanted.cameras) - known):
            raise Refusal(
                message("api.no-cameras", "there is no camera {cameras}", cameras=unknown),
                message("api.known", "known: {names}", names=sorted(known)),
                exit_codes.USAGE,
            )
        for words in (wanted.reason, wanted.accompanied):
            if words and (not words.strip() or not words.isprintable()):
                raise Refusal(
                    message("ticket.reason-and-name", "reason and name are one line of text each"),
                    message("ticket.reason-and-name.action", "say in a few words"),
                    exit_codes.USAGE,
                )
        return {"cameras": list[Value](sorted(set(wanted.cameras)))}

    async def start(request: web.Request) -> web.Response:
        wanted, who = await asked(request, fault_documents.StartAsked), caller(request)
        committed = {"who": who.who, "reason": wanted.reason}
        committed |= {"with": wanted.accompanied} if wanted.accompanied else {}
        span_ms = round(wanted.span_s * 1000)
        await carried_out(lambda: store.maintenance.start(wanted.cameras, span_ms, committed))
        await site.look_at_maintenance()
        under = site_documents.under_way(site.overview())
        if under is None:
            raise Refusal(
                message("ticket.maintenance-over", "the maintenance is over already"),
                message("ticket.maintenance-over.action", "announce it for longer"),
                exit_codes.FAILED,
                status=409,
            )
        return answer(fault_documents.MaintenanceStart(maintenance=under))

    async def end(request: web.Request) -> web.Response:
        held = site_documents.held(site.overview())
        one = await carried_out(lambda: store.maintenance.end({"who": caller(request).who}))
        await site.look_at_maintenance()
        return answer(fault_documents.MaintenanceEnd(id=one.id, started=units.timestamp(one.start.wall_ms), held=held))

    return [
        get("/v1/maintenance", Verb.MAINTENANCE, shown),
        post("/v1/maintenance/start", Verb.MAINTENANCE_START, start, named),
        post("/v1/maintenance/end", Verb.MAINTENANCE_END, end),
    ]


@dataclass(frozen=True, slots=True)
class FaultCalls:
    """All of them."""

    site: SiteState
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
            fault_documents.Faults(
                faults=[site_documents.fault(one, standing) for one in found if _is_wanted(one, camera, begin, end)]
            )
        )

    async def shown(self, request: web.Request) -> web.Response:
        one, told = await carried_out(lambda: self.store.faults.one(_id(request)))
        return answer(site_documents.fault_history(one, told, self._standing()))

    async def add(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, fault_documents.AddAsked), caller(request)
        _refuse_unknown("camera", wanted.camera, self._cameras())
        volumes = self.site.overview().measured.volumes
        _refuse_unknown("volume", wanted.volume, {volume.id for volume in volumes})
        words = {"who": who.who, "note": _line("note", wanted.note)}
        by = person(who).uid
        return await self._done(lambda: self.store.faults.add(wanted.camera, wanted.volume, by, words))

    async def report(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, fault_documents.ReportAsked), caller(request)
        words = {"who": who.who, "to": _line("to", wanted.to)}
        words |= _given(reference=wanted.reference, note=wanted.note)
        return await self._done(lambda: self.store.faults.report(_id(request), person(who).uid, words))

    async def repair(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, fault_documents.RepairAsked), caller(request)
        words = {"who": who.who, "note": _line("note", wanted.note)} | _given(repairer=wanted.repairer)
        others = bool(wanted.repairer)
        return await self._done(lambda: self.store.faults.repair(_id(request), person(who).uid, words, others=others))

    async def check(self, request: web.Request) -> web.Response:
        wanted, who, standing = await asked(request, fault_documents.CheckAsked), caller(request), self._standing()
        words = {"who": who.who, "note": _line("note", wanted.note)}
        return await self._done(lambda: self.store.faults.check(_id(request), person(who).uid, standing, words))

    async def _done(self, work: Callable[[], Ticket]) -> web.Response:
        """What came of it, as it is now."""
        ticket = await carried_out(work)
        await self.site.measure()
        one, _ = await carried_out(lambda: self.store.faults.one(ticket.id))
        return answer(fault_documents.FaultsStep(fault=site_documents.fault(one, self._standing())))

    def _cameras(self) -> set[str | None]:
        """Those that are configured, and those of which there is footage."""
        seen = self.site.overview()
        return {*(camera.id for camera in seen.config.cameras), *seen.measured.usage}

    def _standing(self) -> Mapping[str, str]:
        """Alarms that stand, also those that maintenance holds back: what the box sees, it sees."""
        seen = self.site.overview()
        return fault_tickets.standing_things([*(row.key for row in seen.alarms if row.raised), *seen.held])


def _id(request: web.Request) -> str:
    return request.match_info["fault"]


def _refuse_unknown(what: str, name: str | None, known: Collection[str | None]) -> None:
    if name is not None and name not in known:
        if what == "camera":
            told = message("api.no-cameras", "there is no camera {cameras}", cameras=[name])
        else:
            told = message("api.no-volume", "there is no volume {volume}", volume=name)
        names = sorted(filter(None, known))
        raise Refusal(told, message("api.known", "known: {names}", names=names), exit_codes.USAGE, 404)


def _is_wanted(one: Aged, camera: str | None, begin_ms: int | None, end_ms: int | None) -> bool:
    found_ms = one.ticket.found.wall_ms
    in_time = (begin_ms is None or found_ms >= begin_ms) and (end_ms is None or found_ms < end_ms)
    return in_time and camera in (None, one.ticket.camera)


def _line(name: str, words: str) -> str:
    if not words.strip() or not words.isprintable():
        raise Refusal(
            message("api.not-one-line", "{name}: this is not one line of text", name=name),
            message("api.not-one-line.action", "say it in a few words"),
            exit_codes.USAGE,
        )
    return words


def _given(**words: str) -> dict[str, str]:
    """Those that are there at all."""
    return {name: _line(name, text) for name, text in words.items() if text}
