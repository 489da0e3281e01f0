"""The call behind `edgectl compliance`: what the last look came to, a few seconds ago at the most."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from edged.access.callers import Details, Refusal, Route, get
from edged.api.base import answer
from edged.site import compliance_watch
from edged.site.compliance_watch import ComplianceStanding, ComplianceWatch
from edged.site.rounds import SiteState
from edged.words import exit_codes
from edged.words.roles import Verb


def routes(site: SiteState, watch: ComplianceWatch) -> Sequence[Route]:
    def standing() -> ComplianceStanding:
        if site.config.site.profile is None:
            what = "this box has no profile, so nobody knows which regulation it has to keep to"
            raise Refusal(
                what, 'write [site] profile = "…" (docs/configuration.md) and restart edged', exit_codes.CONFIG
            )
        if watch.standing is None:
            what = "edged has just started, and nothing is judged yet"
            raise Refusal(what, "ask again in some seconds", exit_codes.TRY_LATER, 503)
        return watch.standing

    def named(request: web.Request) -> str | None:
        clause, known = request.query.get("clause"), [one.clause.id for one in standing().findings]
        if clause is not None and clause not in known:
            raise Refusal(
                f"there is no clause {clause} in {standing().profile.name}",
                f"one of {' '.join(known)}",
                exit_codes.USAGE,
                404,
            )
        return clause

    async def about(request: web.Request) -> Details:
        clause = named(request)
        return {} if clause is None else {"clause": clause}

    async def compliance(request: web.Request) -> web.Response:
        return answer(compliance_watch.document(standing(), named(request)))

    return [get("/v1/compliance", Verb.COMPLIANCE, compliance, about)]
