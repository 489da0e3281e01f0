"""The control API: HTTP over a Unix socket (`edged.api.listening`), for `edgectl` on the box. Serves `edged.documents`,
decides nothing.

`routes` has all calls of `edged.api` in one list; `StatusSource` is what they ask of the site and change in it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Protocol

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel

from edged.access import callers
from edged.access.acts import Acts
from edged.access.callers import (
    Caller,
    Details,
    Handler,
    MayAsk,
    Refusal,
    Route,
    get,
    post,
    refuse_cameras,
)
from edged.access.guard import Guard, caller
from edged.api import (
    alarms,
    approvals,
    disclosure,
    exports,
    leaks,
    ledger,
    listings,
    office,
    papers,
    pictures,
    pins,
    register,
    registers,
    requests,
    volumes,
)
from edged.api.base import answer, failed, in_words, stream
from edged.api.grounds import Grounds
from edged.api.listening import GOODBYE_S
from edged.api.listings import Page
from edged.api.reloading import Reloading
from edged.documents import site as documents
from edged.documents.site import Explanation
from edged.evidence.export_service import ExportService
from edged.health.watch import HealthWatch
from edged.host.journal import PERSONAL
from edged.host.versions import reader, versions
from edged.office.disclosure import Disclosure
from edged.office.looks import Looks
from edged.office.service import OfficeService
from edged.office.viewing_copies import ViewingCopies
from edged.site import documents as site_documents
from edged.site.compliance_watch import ComplianceWatch
from edged.site.rounds import SiteState
from edged.words import exit_codes
from edged.words.roles import Verb
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, StoreError
from storage.words.message import NOTHING, Message, message

log = logging.getLogger("edged.api")
REQUEST_MAX_BYTES: Final = 64 * 1024


class StatusSource(Protocol):
    """What the API tells about; implemented by the daemon."""

    async def status(self) -> documents.Status: ...
    async def cameras(self) -> documents.Cameras: ...
    async def retention(self) -> documents.Retention: ...
    async def explain(self, segment: str) -> documents.Explanation: ...
    async def alarms(self) -> documents.Alarms: ...
    async def version(self) -> documents.Version: ...
    async def reload(self, by: Caller) -> documents.Reload: ...
    def segments(self, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page: ...
    def gaps(self, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page: ...


class Control:
    """All calls, and what answers them."""

    def __init__(self, site: StatusSource, guard: Guard, more: Sequence[Route] = ()) -> None:
        """`more` are the routes of `edged.api`."""
        self._site = site
        self._guard = guard
        self._more = more

    @property
    def routes(self) -> list[Route]:
        """All calls there are."""
        site = self._site
        return [
            _document("/v1/status", Verb.STATUS, site.status),
            get("/v1/cameras", Verb.CAMERAS, self._cameras),
            _document("/v1/retention", Verb.RETENTION, site.retention),
            _document("/v1/alarms", Verb.ALARMS, site.alarms),
            _document("/v1/version", Verb.VERSION, site.version),
            get("/v1/retention/explain", Verb.RETENTION, self._explain),
            get("/v1/segments", Verb.SEGMENTS, self._segments, self._named),
            get("/v1/gaps", Verb.GAPS, self._gaps),
            post("/v1/reload", Verb.RELOAD, self._reload),
            *self._more,
        ]

    async def runner(self) -> web.AppRunner:
        """Answers on whatever connection it is given."""
        app = web.Application(middlewares=[in_one_word], client_max_size=REQUEST_MAX_BYTES)
        app.add_routes([self._guard.guarded(route) for route in self.routes])
        runner = web.AppRunner(
            app, access_log=None, logger=_http_log(), handle_signals=False, shutdown_timeout=GOODBYE_S
        )
        await runner.setup()
        return runner

    async def _cameras(self, request: web.Request) -> web.Response:
        who, told = caller(request), await self._site.cameras()
        return answer(told.model_copy(update={"cameras": [one for one in told.cameras if who.sees([one.id])]}))

    async def _explain(self, request: web.Request) -> web.Response:
        segment = request.query.get("segment", "")
        if not segment:
            raise Refusal(
                message("segment.not-named", "no segment named"),
                message("segment.not-named.action", "name it by path or as CAMERA/SEQ"),
                exit_codes.USAGE,
            )
        return answer(await self._site.explain(segment))

    async def _reload(self, request: web.Request) -> web.Response:
        return answer(await self._site.reload(caller(request)))

    async def _segments(self, request: web.Request) -> web.StreamResponse:
        return await stream(request, "edged.segments/1", "segments", _each(self._site.segments(*_interval(request))))

    async def _named(self, request: web.Request) -> Details:
        camera, start, end, limit = _interval(request)
        self._site.segments(camera, start, end, limit)  # refuses cameras that are not known
        _one_of_theirs(request, camera)
        return listings.named(camera, {"from": callers.instant("from", start), "to": callers.instant("to", end)})

    async def _gaps(self, request: web.Request) -> web.StreamResponse:
        _one_of_theirs(request, _interval(request)[0])
        return await stream(request, "edged.gaps/1", "gaps", _each(self._site.gaps(*_interval(request))))


def _one_of_theirs(request: web.Request, camera: str | None) -> None:
    """Refusal: whose unit has its own cameras names one of them; None names all."""
    who = caller(request)
    refuse_cameras(who, [camera or "*"])


def _document(path: str, verb: Verb, read: Callable[[], Awaitable[BaseModel]]) -> Route:
    async def handler(_request: web.Request) -> web.Response:
        return answer(await read())

    return get(path, verb, handler)


def _interval(request: web.Request) -> tuple[str | None, str | None, str | None, int | None]:
    query = request.query
    limit = query.get("limit")
    if limit is not None and not (limit.isascii() and limit.isdecimal()):
        raise Refusal(
            message("api.not-rows", "limit={text} is not a number of rows", text=limit),
            message("api.not-rows.action", "give a whole number, e.g. limit=100"),
            exit_codes.USAGE,
        )
    return query.get("camera"), query.get("from"), query.get("to"), int(limit) if limit else None


def _each(page: Page) -> Iterator[list[BaseModel]]:
    cursor: object | None = None
    while True:
        rows, cursor = page(cursor)
        yield rows
        if cursor is None:
            return


@web.middleware
async def in_one_word(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One clear error for whatever goes wrong."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return answer(refusal.document, refusal.status)
    except web.HTTPException as error:
        known = documents.Error.of(
            Message(f"{request.method} {request.path}: {error.reason}"), NOTHING, exit_codes.FAILED
        )
        return answer(known, error.status)
    except StoreError as error:
        if not isinstance(error, OrderRefused):
            log.warning("%s: %s", _place(request), error, extra=PERSONAL)
        return answer(in_words(error), 503)
    except ConnectionError:
        raise  # the caller went away: nobody is left to answer
    except Exception:
        log.exception("%s failed", _place(request), extra=PERSONAL)
        known = failed()
        return answer(known, 500)


def _place(request: web.Request) -> str:
    """Which call it is, without what somebody typed into its path."""
    resource = request.match_info.route.resource
    return f"{request.method} {'' if resource is None else resource.canonical}"


def _http_log() -> logging.Logger:
    """What is no HTTP anybody may send, all day long: it is answered, and fills no journal."""
    http = logging.getLogger("edged.api.http")
    http.addFilter(_is_no_gibberish)
    return http


def _is_no_gibberish(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


@dataclass(frozen=True, slots=True)
class Parts:
    """What calls may use."""

    site: SiteState
    store: Store
    clock: Clock
    acts: Acts
    may_ask: MayAsk
    lookout: HealthWatch
    compliance: ComplianceWatch
    office: OfficeService
    copies: ViewingCopies
    looks: Looks
    exports: ExportService


def routes(parts: Parts) -> Sequence[Route]:
    """All of them."""
    grounds = Grounds(Disclosure(parts.store, parts.office, parts.clock), parts.acts)
    return [
        *alarms.routes(parts.site, parts.store),
        *alarms.FaultCalls(parts.site, parts.store).routes(),
        *alarms.maintenance_routes(parts.site, parts.store),
        *ledger.checks_routes(parts.site, parts.store),
        *volumes.routes(parts.site, parts.store),
        *pictures.PictureCalls(parts.lookout, parts.site, grounds).routes(),
        *ledger.rebuild_routes(parts.store),
        *pins.PinCalls(parts.store, parts.acts, parts.clock, lambda: parts.site.config, parts.office).routes(),
        *approvals.routes(parts.acts, parts.clock, parts.may_ask),
        *approvals.boot_routes(parts.store, parts.acts),
        *ledger.routes(parts.site, parts.store, parts.acts, parts.clock),
        *exports.ExportCalls(parts.exports, grounds).routes(),
        *requests.RequestCalls(parts.store, parts.office, parts.acts, parts.clock).routes(),
        *registers.RegisterCalls(parts.site, parts.store, parts.office, parts.clock).routes(),
        *papers.PaperCalls(parts.office).routes(),
        *office.OfficeCalls(parts.store, parts.office, parts.acts, parts.clock).routes(),
        *disclosure.DisclosureCalls(
            parts.store, parts.office, parts.exports, parts.copies, parts.looks, parts.clock
        ).routes(),
        *leaks.LeakCalls(parts.site, parts.store, parts.office).routes(),
        *register.routes(parts.site, parts.store),
        *register.ComplianceCalls(parts.site, parts.compliance, parts.office).routes(),
    ]


class Service:
    """Answers in documents."""

    def __init__(self, site: SiteState, store: Store, reloading: Reloading) -> None:
        self._site = site
        self._store = store
        self._reloading = reloading

    async def status(self) -> documents.Status:
        return site_documents.status(self._site.overview())

    async def cameras(self) -> documents.Cameras:
        return site_documents.cameras(self._site.overview())

    async def retention(self) -> documents.Retention:
        return site_documents.retention(self._site.overview())

    async def alarms(self) -> documents.Alarms:
        seen = self._site.overview()
        return documents.Alarms(
            alarms=[site_documents.alarm(row) for row in seen.alarms], held=site_documents.held(seen)
        )

    async def version(self) -> documents.Version:
        return documents.Version(**asdict(versions()), reader=reader())

    async def explain(self, segment: str) -> Explanation:
        site = self._site
        now_ms, zone = site.overview().now.wall_ms, site.config.site.zone
        return await asyncio.to_thread(listings.explain, self._store, segment, site.policy(), now_ms, zone)

    def segments(self, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page:
        return listings.segments(self._store, self._known(camera), start, end, limit)

    def gaps(self, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page:
        return listings.gaps(self._store, self._known(camera), start, end, limit)

    def _known(self, camera: str | None) -> str | None:
        seen = self._site.overview()
        names = {configured.id for configured in seen.config.cameras} | seen.measured.usage.keys()
        if camera is not None and camera not in names:
            raise Refusal(
                message("api.no-cameras", "there is no camera {cameras}", cameras=[camera]),
                message("api.known-are", "known are: {names}", names=sorted(names)),
                exit_codes.USAGE,
                404,
            )
        return camera

    async def reload(self, by: Caller | None) -> documents.Reload:
        return (await self._reloading.reload(by)).document
