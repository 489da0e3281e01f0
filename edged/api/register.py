"""The calls behind `edgectl destroyed` and `edgectl proof-of-retention`: both read, the second signs what it says.

And behind `edgectl compliance`: what the last look came to, a few seconds ago at the most. An auditor closes a finding
that he has seen in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from edged.access import callers
from edged.access.acts import person
from edged.access.callers import Details, Refusal, Route, get, post
from edged.access.guard import logged_in
from edged.api import listings
from edged.api.base import answer, asked, carried_out, stream
from edged.api.requests import fitting
from edged.config.model import Config
from edged.documents import register as documents
from edged.evidence import statement
from edged.evidence.statement import BoundsInForce, LedgerBasis, StatementIssuer
from edged.office.findings import CaseFinding
from edged.office.service import OfficeService
from edged.overview import Overview
from edged.site import compliance_watch
from edged.site import documents as site_documents
from edged.site.compliance_watch import ComplianceStanding, ComplianceWatch
from edged.site.rounds import SiteState
from edged.words import exit_codes
from edged.words.roles import Verb
from storage.register.service import Asked, Span
from storage.retention.bounds import UNBOUNDED_S
from storage.retention.destruction import Totals
from storage.retention.plan import Policy
from storage.store.facade import Store
from storage.words.errors import UnknownId, said
from storage.words.message import as_message, message


def routes(site: SiteState, store: Store) -> Sequence[Route]:
    async def listed(request: web.Request) -> Details:
        wanted = _wanted(request)
        if wanted.camera is not None:
            await carried_out(lambda: known_camera(site.config, store, wanted.camera or ""))
        (begin, end), (recorded_from, recorded_to) = wanted.destroyed, wanted.recorded
        times = {"from": begin, "to": end, "recorded_from": recorded_from, "recorded_to": recorded_to}
        return listings.named(wanted.camera, times)

    async def stated(request: web.Request) -> Details:
        wanted, config = await asked(request, documents.ProofAsked), site.config
        await carried_out(lambda: known_camera(config, store, wanted.camera))
        from_ms, _ = _month(wanted.month, config.site.zone, site.overview().now.wall_ms)
        month = datetime.fromtimestamp(from_ms / 1000, config.site.zone).strftime("%Y-%m")
        return {"camera": wanted.camera, "month": month}

    async def destroyed(request: web.Request) -> web.StreamResponse:
        wanted, totals = _wanted(request), Totals()

        def rest() -> Mapping[str, str]:
            lost = store.ledger.register.losses(wanted.destroyed) if wanted.camera is None else []
            return {"summary": site_documents.register_summary(totals, lost).model_dump_json()}

        return await stream(request, "edged.destroyed/1", "destroyed", _counted(store, wanted, totals), rest)

    async def prove(request: web.Request) -> web.Response:
        wanted = await asked(request, documents.ProofAsked)
        seen, policy = site.overview(), site.policy()
        return answer(await carried_out(lambda: proof(seen, policy, store, wanted)))

    return [
        get("/v1/destroyed", Verb.DESTROYED, destroyed, listed),
        post("/v1/proof-of-retention", Verb.PROOF, prove, stated),
    ]


def _counted(store: Store, wanted: Asked, totals: Totals) -> Iterator[list[documents.DestroyedSegment]]:
    for page in store.ledger.register.pages(wanted):
        for one in page.entries:
            totals.add(one.what, one.pins)
        totals.unread += page.unread
        yield [site_documents.register_line(one) for one in page.entries]


def proof(seen: Overview, policy: Policy, store: Store, wanted: documents.ProofAsked) -> documents.ProofOfRetention:
    """Blocking. What is stated is read first and the head signed behind it, so that it is under that head."""
    config, now_ms, ledger = seen.config, seen.now.wall_ms, store.ledger
    name = known_camera(config, store, wanted.camera)
    from_ms, to_ms = _month(wanted.month, config.site.zone, now_ms)
    if ledger.waiting():
        what = message(
            "ledger.statement-waits",
            "the database was lost and is being made anew: a statement would say less than the volumes know",
        )
        raise Refusal(
            what,
            message("ledger.statement-waits.action", "edgectl rebuild shows how far it is"),
            exit_codes.TRY_LATER,
            503,
        )
    account = ledger.register.account(wanted.camera, from_ms, to_ms)
    holds = store.ring.view(policy).bounds.get(wanted.camera)
    in_force = None if holds is None or holds.ceiling_s >= UNBOUNDED_S else holds
    standing = BoundsInForce(name or "", None if name is None else config.bounds(wanted.camera), in_force)
    ledger.sign_now()
    signer, rests = ledger.head_signer.signer(), _rests(store)
    if signer is not None and rests is not None and rests.public != signer.public:
        raise Refusal(
            message("ledger.key-just-replaced", "the key of this box has just been replaced"),
            message("ledger.key-just-replaced.action", "ask again"),
            exit_codes.TRY_LATER,
            503,
        )
    box = StatementIssuer(
        node=config.site.node,
        office=config.site.office,
        site=config.site.name,
        software=f"edged {seen.version}",
        timezone=config.site.timezone,
        zone=config.site.zone,
    )
    public = None if signer is None else signer.public
    stated = statement.statement(box, wanted.month, account, standing, rests, public, now_ms)
    if signer is None:
        told = as_message(ledger.head_signer.fault() or message("ledger.none-yet", "this box has no ledger yet"))
        return documents.ProofOfRetention(
            statement=stated, envelope=None, unsigned=told, unsigned_code=told.code, unsigned_values=told.data
        )
    sealed = statement.sealed(stated, signer.public, signer.sign)
    return documents.ProofOfRetention(statement=stated, envelope=sealed, unsigned="")


def _month(month: str, zone: ZoneInfo, now_ms: int) -> tuple[int, int]:
    try:
        from_ms, to_ms = statement.interval(month, zone)
    except ValueError as error:
        raise Refusal(said(error), message("api.month-form", "write the month as 2026-05"), exit_codes.USAGE) from None
    if from_ms >= now_ms:
        raise Refusal(
            message("api.month-not-begun", "{month} has not begun", month=month),
            message("api.month-not-begun.action", "a month can be stated once it has"),
            exit_codes.USAGE,
        )
    return from_ms, to_ms


def known_camera(config: Config, store: Store, camera: str) -> str | None:
    """Its name, None while it is not configured. UnknownId: a register that is empty for a slip of the pen misleads."""
    names = {one.id: one.name for one in config.cameras}
    every = names.keys() | {one.camera for one in store.usage()}
    if camera not in every:
        raise UnknownId(
            message("api.no-cameras", "there is no camera {cameras}", cameras=[camera]),
            message("api.known-are", "known are: {names}", names=sorted(every)),
        )
    return names.get(camera)


def _rests(store: Store) -> LedgerBasis | None:
    head = store.ledger.head_signer.head()
    if head is None:
        return None
    present = next(one for one in store.ledger.leaves.covered() if one.generation.first == head.first)
    last = head.first + present.seen - 1
    return LedgerBasis(head, present.seen, store.ledger.register.leaf_time_ms(last) if present.seen else None)


def _wanted(request: web.Request) -> Asked:
    query = request.query
    return Asked(query.get("camera"), _span(query, "from", "to"), _span(query, "recorded_from", "recorded_to"))


def _span(query: Mapping[str, str], begin: str, end: str) -> Span:
    return callers.instant(begin, query.get(begin)), callers.instant(end, query.get(end))


@dataclass(frozen=True, slots=True)
class ComplianceCalls:
    """All of them."""

    site: SiteState
    watch: ComplianceWatch
    office: OfficeService

    def routes(self) -> Sequence[Route]:
        return [
            get("/v1/compliance", Verb.COMPLIANCE, self.shown, self._shows),
            post("/v1/compliance/close", Verb.COMPLIANCE_CLOSE, self.close, self._closes),
        ]

    def _standing(self) -> ComplianceStanding:
        if self.site.config.site.profile is None:
            what = message(
                "api.no-profile", "this box has no profile, so nobody knows which regulation it has to keep to"
            )
            raise Refusal(
                what,
                message(
                    "api.no-profile.action", 'write [site] profile = "…" (docs/configuration.md) and restart edged'
                ),
                exit_codes.CONFIG,
            )
        if self.watch.standing is None:
            what = message("api.just-started", "edged has just started, and nothing is judged yet")
            raise Refusal(
                what, message("api.just-started.action", "ask again in some seconds"), exit_codes.TRY_LATER, 503
            )
        return self.watch.standing

    def _named(self, request: web.Request) -> str | None:
        standing = self._standing()
        clause, known = request.query.get("clause"), [one.clause.id for one in standing.findings]
        if clause is not None and clause not in known:
            raise Refusal(
                message(
                    "api.no-clause",
                    "there is no clause {clause} in {profile}",
                    clause=clause,
                    profile=standing.profile.name,
                ),
                message("api.no-clause.action", "one of {clauses}", clauses=" ".join(known)),
                exit_codes.USAGE,
                404,
            )
        return clause

    async def _shows(self, request: web.Request) -> Details:
        clause = self._named(request)
        return {} if clause is None else {"clause": clause}

    async def shown(self, request: web.Request) -> web.Response:
        return answer(compliance_watch.document(self._standing(), self._named(request)))

    async def _asked(self, request: web.Request) -> tuple[documents.FindingCloseAsked, CaseFinding]:
        """What is to be closed, and as it was seen last. Refusal: it is none that is open."""
        wanted = await asked(request, documents.FindingCloseAsked)
        if not wanted.reason.strip() or not wanted.reason.isprintable():
            raise Refusal(
                message("api.not-one-line", "{name}: this is not one line of text", name="reason"),
                message("api.not-one-line.action", "say it in a few words"),
                exit_codes.USAGE,
            )
        known = (one for clause in self._standing().findings for one in clause.findings if one.is_open)
        found = next((one for one in known if one.id.casefold() == wanted.finding.casefold()), None)
        if found is None:
            raise Refusal(
                message("api.no-finding", "there is no open finding {finding}", finding=wanted.finding),
                message("api.no-finding.action", "`edgectl compliance` names those that break a clause"),
                exit_codes.USAGE,
                404,
            )
        return wanted, found

    async def _closes(self, request: web.Request) -> Details:
        (_, found), who = await self._asked(request), logged_in(request)
        await fitting(lambda: self.office.check_closable(found, person(who)))
        return {"finding": found.id}

    async def close(self, request: web.Request) -> web.Response:
        (wanted, found), who = await self._asked(request), logged_in(request)
        await fitting(lambda: self.office.close_finding(found, person(who), wanted.reason))
        self.watch.wake.set()
        return answer(documents.ComplianceClose(finding=compliance_watch.finding_document(found, self._standing())))
