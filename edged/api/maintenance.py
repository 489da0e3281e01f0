"""The calls behind `edgectl maintenance`: announced by the authority (W3, P5), and over by itself."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from edged.access.callers import Details, Refusal, Route, caller, get, post
from edged.api.base import answer, asked, carried_out
from edged.documents import maintenance as maintenance_documents
from edged.site import overview
from edged.site.rounds import Site
from edged.words import exit_codes, times
from edged.words.roles import Verb
from storage.ledger.table import Value
from storage.store.facade import Store


def routes(site: Site, store: Store) -> Sequence[Route]:
    async def shown(request: web.Request) -> web.Response:
        del request
        seen = site.overview()
        names = {} if seen.under is None else seen.under.names
        return answer(
            maintenance_documents.Maintenance(
                maintenance=overview.under_way(seen),
                reason=names.get("reason", ""),
                accompanied=names.get("with", ""),
                held=overview.held(seen),
            )
        )

    async def named(request: web.Request) -> Details:
        """Cameras that are there; the words of people stay behind the leaf of the maintenance itself."""
        wanted = await asked(request, maintenance_documents.StartAsked)
        known = {camera.id for camera in site.config.cameras}
        if unknown := sorted(set(wanted.cameras) - known):
            raise Refusal(
                f"there is no camera {', '.join(unknown)}", f"known: {', '.join(sorted(known))}", exit_codes.USAGE
            )
        for words in (wanted.reason, wanted.accompanied):
            if words and (not words.strip() or not words.isprintable()):
                raise Refusal("reason and name are one line of text each", "say in a few words", exit_codes.USAGE)
        return {"cameras": list[Value](sorted(set(wanted.cameras)))}

    async def start(request: web.Request) -> web.Response:
        wanted, who = await asked(request, maintenance_documents.StartAsked), caller(request)
        committed = {"who": who.who, "reason": wanted.reason}
        committed |= {"with": wanted.accompanied} if wanted.accompanied else {}
        span_ms = round(wanted.span_s * 1000)
        await carried_out(lambda: store.maintenance.start(wanted.cameras, span_ms, committed))
        await site.look_at_maintenance()
        under = overview.under_way(site.overview())
        if under is None:
            raise Refusal("the maintenance is over already", "announce it for longer", exit_codes.FAILED, status=409)
        return answer(maintenance_documents.MaintenanceStart(maintenance=under))

    async def end(request: web.Request) -> web.Response:
        held = overview.held(site.overview())
        one = await carried_out(lambda: store.maintenance.end({"who": caller(request).who}))
        await site.look_at_maintenance()
        return answer(
            maintenance_documents.MaintenanceEnd(id=one.id, started=times.timestamp(one.start.wall_ms), held=held)
        )

    return [
        get("/v1/maintenance", Verb.MAINTENANCE, shown),
        post("/v1/maintenance/start", Verb.MAINTENANCE_START, start, named),
        post("/v1/maintenance/end", Verb.MAINTENANCE_END, end),
    ]
