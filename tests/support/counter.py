"""The counter of an office: the control API in one process, over a real store, with real guard, roles and acts of two.

Who calls is said and not found out; all else is as a daemon has it. No camera records: footage is put there by hand.
"""

from __future__ import annotations

import io
import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Final, NamedTuple, cast
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from edged.access import guard as guard_module
from edged.access.acts import Acts, Agreement
from edged.access.callers import Peer, Route
from edged.access.guard import Guard
from edged.access.journal import ActJournal
from edged.access.role_watch import RolesSeen
from edged.api.reloading import Reloading
from edged.api.server import REQUEST_MAX_BYTES, Control, Parts, Service, in_one_word, routes
from edged.cameras import CameraRunners, StoreAdapter
from edged.config.load import load
from edged.config.model import Config
from edged.evidence.export_service import ExportService
from edged.health.watch import HealthWatch
from edged.host import accounts
from edged.host.accounts import AccountDirectory, HostAccount
from edged.office.looks import Looks
from edged.office.service import OfficeService
from edged.office.viewing_copies import KEEP_FREE_BYTES, ViewingCopies
from edged.overview import ComplianceSummary, Measurements, OfficeFacts, Overview
from edged.site.compliance_watch import ComplianceWatch
from edged.site.office_watch import OfficeWatch
from edged.site.rounds import SiteState
from edged.words.roles import TABLE, Record, Role, Verb
from recorder.decoder.client import DecoderClient, LookResult
from recorder.decoder.messages import THUMB_BYTES, LookKind
from tests.support.configuration import Setup, Watched
from tests.support.office import Office

ROLES: Final = {role: (f"{role}s",) for role in Role}
PEOPLE: Final[Mapping[str, tuple[int, str]]] = {
    "chen": (2001, "operators"),
    "lin": (2002, "operators"),
    "wang": (2003, "authoritys"),
    "hsu": (2004, "authoritys"),
    "audit": (2005, "auditors"),
    "tech": (2006, "technicians"),
    "staff": (2007, ""),
    "head": (2008, ""),
    "nobody": (2009, ""),
    "view": (2010, "viewers"),
    "edged": (990, ""),
    "former": (2101, "operators"),
    "untied": (2011, "operators"),
    "himself": (2012, "operators"),
    "early": (2013, "operators"),
    "late": (2014, ""),
    "elsewhere": (2015, "operators"),
}
"""Account and group of each, by name; `edged` is the account of the daemon."""
PICTURE: Final = b"\xff\xd8\xff a live picture"


class Reply(NamedTuple):
    status: int
    document: Any
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return self.status == 200 and "error" not in (self.document or {})

    @property
    def error(self) -> str:
        return str((self.document or {}).get("error", ""))

    @property
    def code(self) -> str:
        """Of what was refused."""
        return str((self.document or {}).get("error_code", ""))

    @classmethod
    def of(cls, status: int, kind: str, raw: bytes) -> Reply:
        """`kind`: the content type. Of a long answer, its last line; of what is no document, its length."""
        if kind == "application/x-ndjson":
            last = json.loads(raw.splitlines()[-1])
            return cls(status, last.get("document", last.get("error")), raw)
        return cls(status, json.loads(raw) if kind == "application/json" else {"bytes": len(raw)}, raw)


class OfficeClient(ABC):
    """Makes calls to one box, by the name of who makes them."""

    @property
    @abstractmethod
    def units(self) -> frozenset[str]:
        """Of its cameras; "" where one is of none."""

    def account(self, who: str) -> str:
        """What theirs is called at this box."""
        return who

    @abstractmethod
    async def ask(self, who: str, method: str, path: str, body: object = None) -> Reply:
        """By a login of their own. `body`: bytes are sent as they are."""

    async def done(self, who: str, method: str, path: str, body: object = None) -> Any:
        reply = await self.ask(who, method, path, body)
        assert reply.ok, (who, method, path, body, reply)
        return reply.document

    async def agreed(self, one: str, other: str, path: str, body: object) -> None:
        """An act of two persons."""
        act = (await self.done(one, "POST", path, body))["act"]["id"]
        await self.done(other, "POST", f"/v1/acts/{act}/approve")


class Site:
    """What a daemon knows at one instant, of a box without cameras that record."""

    def __init__(self, box: Office, config: Config) -> None:
        self._box = box
        self.config = config
        self.recovering = False
        self.office = OfficeFacts()
        self.compliance: ComplianceSummary | None = None

    def see_office(self, told: OfficeFacts) -> None:
        self.office = told

    def overview(self) -> Overview:
        now, clock = self._box.clock.now(), self._box.clock
        measured = Measurements(now, pins=tuple(self._box.store.pins.lasting()))
        return Overview(
            config=self.config, version="0", pid=1, started_ms=0, started_boottime_ms=0, boot_id=clock.boot_id, epoch=1,
            synced=True, recovering=False, now=now, measured=measured, health={}, link=None, alarms=(), destroyed=0,
            last_sweep_ms=None, office=self.office, roles=RolesSeen(looked=True),
        )  # fmt: skip


class Counter(OfficeClient):
    """One whose calls are made in this process."""

    def __init__(
        self, box: Office, config: Config, client: TestClient[web.Request, web.Application], parts: Parts
    ) -> None:
        self.box = box
        self.config = config
        self.parts = parts
        self.office = parts.office
        self.copies = parts.copies
        self.compliance = parts.compliance
        self.office_watch: OfficeWatch
        self.site: Site
        self._client = client

    def standing(self) -> dict[str, list[Any]]:
        """All rows that the database keeps, by table, but what the journal says of acts of which nothing came."""
        return self.box.store._held.database.read(_rows)

    def facts(self) -> OfficeFacts:
        """What one round of the office finds."""
        self.site.see_office(self.office_watch.look())
        return self.site.office

    async def look(self) -> None:
        """What a daemon does every few seconds."""
        await self.office_watch.poll()
        await self.compliance.poll()

    @property
    def units(self) -> frozenset[str]:
        return frozenset(one.unit for one in self.config.cameras)

    async def ask(self, who: str, method: str, path: str, body: object = None, *, login: str | None = None) -> Reply:
        """`who`: of `PEOPLE`. `login`: of one of them, or "": none; else their own, and none of `root` and `edged`."""
        account = 0 if who == "root" else PEOPLE[who][0]
        began = PEOPLE[login][0] if login else "" if login == "" or who in ("root", "edged") else account
        headers = {"X-Uid": str(account), "X-Login": str(began)}
        data = io.BytesIO(body) if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        async with self._client.request(method, path, data=data, headers=headers) as response:
            return Reply.of(response.status, response.content_type, await response.read())


LOOKING: Final = frozenset({Record.SEEN, Record.LISTED})
"""That somebody wanted to see something is on record before anybody knows whether they will."""
BESIDE: Final = ("leaves", "leaf_blocks", "openings", "nodes", "generations", "outbox", "volumes")
"""Tables in which a refusal may leave something: what the journal says of it, how far that got, and heads above it."""


def _rows(connection: sqlite3.Connection) -> dict[str, list[Any]]:
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    told = {
        name: connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - its own tables
        for name in names
        if not name.startswith(BESIDE)
    }
    return told | {"leaves": list(_facts(connection))}


def _facts(connection: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    acts: dict[int, str] = {}
    for number, kind, body in connection.execute("SELECT number, kind, body FROM leaves"):
        if kind != "act":
            yield number, kind
            continue
        result, of, verb = _act(body)
        if result == "failed":
            acts.pop(of, None)
        elif result != "refused" and TABLE[Verb(verb)].record not in LOOKING:
            acts[number] = verb
    yield from acts.items()


@lru_cache(maxsize=50_000)
def _act(body: str) -> tuple[str, int, str]:
    """Its result, what it is of, and its verb. A leaf stays as it is, and is looked at again and again."""
    told = json.loads(body)
    return told["result"], told.get("of", 0), told["verb"]


def _peer(request: web.Request) -> Peer:
    login = request.headers["X-Login"]
    return Peer(int(request.headers["X-Uid"]), int(login) if login else None)


def _account(uid: int, _groups: object = ()) -> HostAccount:
    for name, (number, group) in PEOPLE.items():
        if number == uid:
            return HostAccount(name, frozenset({group} - {""}))
    return HostAccount("root" if uid == 0 else f"uid {uid}", known=uid == 0)


def _number(name: str) -> int | None:
    return PEOPLE[name][0] if name in PEOPLE else None


def configured(
    root: Path, office: Office, profile: str | None, cameras: Mapping[str, str], *, floor: str = "92d"
) -> Config:
    """`cameras`: their units."""
    watched = [
        Watched(name, "test://?size=1280x720&fps=10", more=f'unit = "{unit}"' if unit else "")
        for name, unit in cameras.items()
    ]
    groups = "[roles]\n" + "\n".join(f"{role} = {json.dumps(list(names))}" for role, names in ROLES.items())
    disks = [one.path for one in office.specs]
    text = Setup(watched, floor=floor, ceiling="365d", more=groups, volumes=disks).toml(
        state=office.state, socket=root / "socket", volume=office.disk
    )
    if profile:
        text = text.replace("[site]\n", f'[site]\nprofile = "{profile}"\n', 1)
    file = root / "edged.toml"
    file.write_text(text, "utf-8")
    return load(file)


@contextmanager
def passable() -> Iterator[Path]:
    """A directory that everybody may pass to: an operator looks at what lies there."""
    with TemporaryDirectory(prefix="edged-viewings-") as place:
        Path(place).chmod(0o755)
        yield Path(place, "copies")


class Lookout(HealthWatch):
    """Every camera shows the same."""

    async def _glance(self, camera: str, want: LookKind) -> LookResult:
        return cast("LookResult", SimpleNamespace(jpeg=PICTURE, seen=SimpleNamespace(thumb=bytes(THUMB_BYTES))))


def _parts(box: Office, known: Site, guard: Guard, viewings: Path, keep_free_bytes: int, calls: list[Route]) -> Parts:
    config = known.config
    keeper = StoreAdapter(box.store, lambda camera: config.policy().bounds[camera], dict, lambda: 0)
    runners = CameraRunners(box.store, keeper, cast("Any", None), box.clock, lambda: 0.5)
    reports = SimpleNamespace(view=None, tls=None, tell=lambda _: None)
    site = SiteState(config, box.store, keeper, runners, reports, box.clock)
    site.recovering = False
    office = OfficeService(box.store, lambda: config, box.clock)
    exports = ExportService(box.store, box.clock, lambda: config)
    copies = ViewingCopies(exports, box.store.exports, viewings, keep_free_bytes)

    async def may(uid: int, verb: Verb) -> bool:
        return await guard.may(uid, verb)

    return Parts(
        site=site,
        store=box.store,
        clock=box.clock,
        acts=Acts(box.store),
        may_ask=may,
        lookout=Lookout(lambda: config, runners, DecoderClient(), box.clock, box.state),
        compliance=ComplianceWatch(cast("Any", known), box.store, office, lambda: calls),
        office=office,
        copies=copies,
        looks=Looks(copies, box.clock),
        exports=exports,
    )


@asynccontextmanager
async def opened(
    root: Path,
    profile: str | None,
    cameras: Mapping[str, str],
    *,
    wrap: Callable[[Route], Route] = lambda route: route,
    more: Callable[[Parts], Sequence[Route]] = lambda _: (),
) -> AsyncIterator[Counter]:
    """A new box. `profile`: None for one without. `cameras`: their units. `wrap`, `more`: as `serving`."""
    box = Office(root)
    try:
        for name in cameras:
            box.enrol(name)
        with passable() as viewings:
            async with serving(box, configured(root, box, profile, cameras), viewings, wrap=wrap, more=more) as counter:
                yield counter
    finally:
        box.store.close()


@asynccontextmanager
async def serving(
    box: Office,
    config: Config,
    viewings: Path,
    keep_free_bytes: int = KEEP_FREE_BYTES,
    *,
    wrap: Callable[[Route], Route] = lambda route: route,
    more: Callable[[Parts], Sequence[Route]] = lambda _: (),
) -> AsyncIterator[Counter]:
    """A run of its daemon, over a store that is open, also after a restart. `viewings`: where viewing copies are laid.

    `wrap`: each route on its way to the guard; `more`: others beside them.
    """
    directory = AccountDirectory()
    journal = ActJournal(box.store.journal, lambda: box.clock.now().boottime_ms)
    guard = Guard(lambda: ROLES, directory, journal)
    guard._own_uid = PEOPLE["edged"][0]  # of a daemon that is not whoever runs the tests
    known, calls = Site(box, config), list[Route]()
    parts = _parts(box, known, guard, viewings, keep_free_bytes, calls)
    guard.has_part, guard.cameras_of = parts.office.has_part, parts.office.cameras_of
    guard.accompanies = parts.office.accompanies
    agreement = Agreement(box.store, parts.acts)
    reloading = Reloading(parts.site, box.store, cast("Any", None), agreement, config.paths.state / "edged.toml")
    service = Service(parts.site, box.store, reloading)
    calls += (*Control(service, guard, routes(parts)).routes, *more(parts))
    app = web.Application(middlewares=[in_one_word], client_max_size=REQUEST_MAX_BYTES)
    app.add_routes(guard.guarded(wrap(route)) for route in calls)
    with (
        patch.object(guard_module, "peer_of", _peer),
        patch.object(accounts, "account", _account),
        patch.object(accounts, "number_of", _number),
    ):
        assert config.site.profile is None or box.store.office.open()
        office_watch = OfficeWatch(cast("Any", known), box.store, parts.office, parts.copies, parts.looks)
        try:
            async with TestClient(TestServer(app)) as client:
                counter = Counter(box, config, client, parts)
                counter.office_watch, counter.site = office_watch, known
                yield counter
        finally:
            await office_watch.close()
            await parts.compliance.close()
            await journal.close()
            directory.close()
