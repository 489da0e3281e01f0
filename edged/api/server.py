"""The control API: HTTP over a Unix socket, for `edgectl` on the box. Serves `edged.documents`, decides nothing.

Every account may connect (mode 0666): which of them is let in says the guard (`edged.access.guard`), which can tell
who was refused and why.

So that nobody can hold the daemon's file descriptors, each account has only so many connections (S12).
`ConnectionLimit` sits before aiohttp, which takes what comes. A connection too many of one account is closed at
once, before a byte of it is read. Where all places are taken, the oldest of whom the guard has let nothing through
makes room: one account may have thousands of numbers (subuid), and must not keep out who has a role.

`routes` has all calls of `edged.api` in one list; `StatusSource` is what they ask of the site and change in it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel

from edged.access import callers
from edged.access.acts import Acts, Agreement
from edged.access.callers import (
    Caller,
    Details,
    Handler,
    MayAsk,
    Peer,
    Refusal,
    Route,
    caller,
    get,
    meet,
    post,
    refuse_cameras,
)
from edged.access.guard import Guard
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
from edged.api.listings import Page
from edged.cameras import Difference
from edged.centre.reports import Reporter
from edged.config import rules as config_rules
from edged.config.load import load
from edged.config.loosened_bounds import granted, tightened
from edged.config.model import Config
from edged.config.problem import ConfigError
from edged.documents import site as documents
from edged.documents.base import Told
from edged.documents.site import Explanation
from edged.evidence.export_service import ExportService
from edged.health.watch import HealthWatch
from edged.host.journal import PERSONAL
from edged.host.versions import versions
from edged.office import calendars
from edged.office.disclosure import Disclosure
from edged.office.looks import Looks
from edged.office.service import OfficeService
from edged.office.viewing_copies import ViewingCopies
from edged.site import documents as site_documents
from edged.site.compliance_watch import ComplianceWatch
from edged.site.rounds import SiteState
from edged.words import exit_codes
from edged.words.roles import Verb, is_of_the_house
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.errors import NodeChanged, OrderRefused, StoreError, VolumeRefused
from storage.words.message import NOTHING, Message, in_lines, message

log = logging.getLogger("edged.api")
SOCKET_MODE: Final = 0o666
GOODBYE_S: Final = 1.0
"""How long a stop waits for answers in progress: a reader that does not read must not hold up the daemon."""
REQUEST_MAX_BYTES: Final = 64 * 1024
EACH_MAX: Final = 16
"""Connections of one account: edgectl needs one, a screen that redraws itself another."""
ALL_MAX: Final = 128
"""Of all: what is left of the 4096 file descriptors is the cameras'. Root comes in all the same."""
BACKLOG: Final = 64


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
    """The server on its socket."""

    def __init__(self, site: StatusSource, path: Path, guard: Guard, more: Sequence[Route] = ()) -> None:
        """`more` are the routes of `edged.api`."""
        self._site = site
        self._guard = guard
        self._more = more
        self._path = path
        self._runner: web.AppRunner | None = None
        self._doorway: ConnectionLimit | None = None
        self._listening = False

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

    async def listen(self) -> None:
        """Listen, unless it does already. A socket that nobody listens on any more is replaced.

        Raises OSError when the path cannot be used; may be called again.
        """
        if self._listening:
            return
        await self.stop()
        app = web.Application(middlewares=[in_one_word], client_max_size=REQUEST_MAX_BYTES)
        app.add_routes([self._guard.guarded(route) for route in self.routes])
        self._runner = web.AppRunner(
            app, access_log=None, logger=_http_log(), handle_signals=False, shutdown_timeout=GOODBYE_S
        )
        await self._runner.setup()
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        await asyncio.to_thread(_remove_stale, self._path)
        self._doorway = ConnectionLimit(self._runner)
        await self._doorway.open(self._path)
        self._listening = True
        self._path.chmod(SOCKET_MODE)

    async def stop(self) -> None:
        """Answer what is being asked, then close; the socket file goes."""
        if self._doorway is not None:
            self._doorway.close()
            self._doorway = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._listening:
            self._listening = False
            self._path.unlink(missing_ok=True)

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


def _remove_stale(path: Path) -> None:
    """Remove a socket nobody answers on. The state directory's lock already says that no second daemon runs."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise FileExistsError(f"{path} is in use by another program: set [paths] socket to another path")


class ConnectionLimit:
    """The listening socket before a runner."""

    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner
        self._server: asyncio.AbstractServer | None = None
        self._inside: dict[asyncio.Transport, Peer] = {}
        """The oldest first."""

    async def open(self, path: Path) -> None:
        """Listen there; OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Knock(self), str(path), backlog=BACKLOG)

    def close(self) -> None:
        """Nobody comes in any more; the runner sees to those who are inside."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def admit(self, transport: asyncio.Transport) -> None:
        """Hand it on to aiohttp, or close it."""
        visitor = meet(transport)
        self._inside = {one: whose for one, whose in self._inside.items() if not one.is_closing()}
        theirs = sum(whose.uid == visitor.uid for whose in self._inside.values())
        server = self._runner.server
        if server is None or theirs >= EACH_MAX or not self._has_room(visitor):
            log.debug("a connection too many")
            transport.abort()
            return
        self._inside[transport] = visitor
        protocol = server()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    def _has_room(self, visitor: Peer) -> bool:
        if len(self._inside) < ALL_MAX or is_of_the_house(visitor.uid, os.geteuid()):
            return True
        unknown = next((one for one, whose in self._inside.items() if not whose.welcome), None)
        if unknown is None:
            return False
        del self._inside[unknown]
        unknown.abort()
        return True


class _Knock(asyncio.Protocol):
    """A connection of which nobody has decided yet."""

    def __init__(self, doorway: ConnectionLimit) -> None:
        self._doorway = doorway

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._doorway.admit(cast("asyncio.Transport", transport))


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


UNTIL_RESTART: Final = ("site", "paths")
"""Tables that keep their present values over a reload: names in files, topics and locks hang on them. On the profile
none does."""


class Service:
    """Answers in documents; reloads one at a time."""

    def __init__(
        self, site: SiteState, store: Store, reporter: Reporter, agreement: Agreement, config_path: Path
    ) -> None:
        self._site = site
        self._store = store
        self._reporter = reporter
        self._agreement = agreement
        self._config_path = config_path
        self._reloading = asyncio.Lock()

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
        return versions()

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
        """Read the configuration again and touch only the cameras that changed. Refused whole when it has an error.

        What loosens a bound, gives a role or names another profile waits for another person than `by`; None: nobody
        knows who it was.
        """
        async with self._reloading:
            try:
                in_force = self._site.config.site.profile
                wished = await asyncio.to_thread(load, self._config_path, in_force=in_force)
            except ConfigError as error:
                action = message("api.reload-config.action", "nothing was changed; correct the file and reload again")
                raise Refusal(in_lines(problem.said for problem in error.problems), action, exit_codes.CONFIG) from None
            tls = await asyncio.to_thread(config_rules.certificate_faults, wished, self._site.overview().now.wall_ms)
            if mistakes := config_rules.mistakes(tls):
                action = message("api.reload-tls.action", "nothing was changed; put it right and reload again")
                raise Refusal(in_lines(mistake.said for mistake in mistakes), action, exit_codes.CONFIG)
            before = self._site.config
            if wished.site.node != before.site.node:
                changed = NodeChanged(wished.site.node, before.site.node)
                raise Refusal(
                    changed.what,
                    message(
                        "api.reload-node.action",
                        "nothing was changed; {action}, and reload again",
                        action=changed.action,
                    ),
                    exit_codes.CONFIG,
                )
            site = before.site.model_copy(update={"profile": wished.site.profile})
            after = wished.model_copy(update={"site": site, "paths": before.paths})
            try:
                disks = await asyncio.to_thread(self._store.volume_operations.configure, after.volume_specs())
            except VolumeRefused as refused:
                action = message("api.reload-volumes.action", "nothing was changed. {action}", action=refused.action)
                raise Refusal(
                    message("api.reload-volumes", "no volume could be used: {reason}", reason=refused.what),
                    action,
                    exit_codes.CONFIG,
                ) from None
            held = await self._agreement.hold(after)
            change = await self._use(held)
        waiting = await self._agreement.ask(by)
        _, unread = await asyncio.to_thread(calendars.read, wished.office.calendars)
        roles = tuple(granted(before, held))
        warnings = (*disks.warnings, *tightened(before, held), *waiting, *(fault.said for fault in tls))
        warnings += tuple(fault.said for fault in unread)
        return documents.Reload(
            added=list(change.added),
            removed=list(change.removed),
            changed=list(change.changed),
            unchanged=list(change.unchanged),
            restart_needed=[key for key in UNTIL_RESTART if getattr(after, key) != getattr(wished, key)],
            volumes=site_documents.reloaded_volumes(disks),
            roles=list(map(str, roles)),
            roles_told=[Told(**one.told) for one in roles],
            warnings=list(map(str, warnings)),
            warnings_told=[Told(**one.told) for one in warnings],
        )

    async def _use(self, config: Config) -> Difference:
        self._site.loosening = self._agreement.waiting
        change = await self._site.apply(config)
        await self._site.watch_volumes()
        await self._reporter.renew(config)
        await self._site.measure()
        return change

    async def keep_agreement(self) -> None:
        """What was approved comes to hold, and what a database that was made anew tells."""
        async with self._reloading:
            held = await self._agreement.again()
            self._site.loosening = self._agreement.waiting
            if held is not None and held != self._site.config:
                log.info("as agreed upon: %s, roles %s", held.policy(), held.assignment())
                await self._use(held)

    async def reload_and_tell(self) -> None:
        """For SIGHUP: nobody waits for the answer, so the journal gets it."""
        try:
            log.info("reloaded: %s", (await self.reload(None)).model_dump_json())
        except Refusal as refusal:
            log.warning("not reloaded: %s. %s", refusal.document.error, refusal.document.action)
