"""Nobody sees footage without a granted request: every call × every role × every grant that there is not, over the real
calls, guard, acts and database of one box; and that a call which would show some is found.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast
from urllib.parse import quote

import pytest
from aiohttp import web

from edged.access.callers import Caller, Ground, Route, get
from edged.api.server import Parts
from edged.centre.handlers import CommandHandlers, Declined, Stopping
from edged.config.loosened_bounds import wished_by
from edged.documents.exports import ExportAsked
from edged.host import journal
from edged.host.journal import LineFormatter
from edged.office.disclosure import PERMIT_MS, Disclosure
from edged.office.looks import Looks
from edged.office.viewing_copies import ViewingCopies
from edged.profiles.loader import profile
from edged.profiles.procedures import Phase
from edged.site.office_watch import OfficeWatch
from edged.words import roles
from edged.words.roles import TABLE, Role, Verb
from edged.words.units import timestamp
from mqtt.commands import ARGS, ValidCommand, validate
from mqtt.commands import Verb as Command
from storage.words.errors import StoreError
from storage.words.message import Message
from storage.words.model import Severity
from tests.integration.edged.office.disclosed import (
    CALLS,
    COMMANDS,
    FOOTAGE,
    HOW_TO_ADD,
    LOCAL,
    NAMES,
    NOTHING,
    REASON,
    SEEN,
    WORDS,
    Disclosed,
    Line,
    Watch,
    holds,
)
from tests.support.commanding import NEEDED, NODE, Desk
from tests.support.counter import PEOPLE, Counter, Reply, opened
from tests.support.office_story import CLERK, DECIDES, HEAD, SECOND, Story, form, number_of, staffed
from tests.unit.edged.words.test_roles import served

ONCE: Final = "dahu-township"
AGENCY: Final = "D-agency"
"""Of dahu-township: it may have a viewing, once, and copies."""
CAMERA: Final = "lobby"
OTHER: Final = "gate"
CALLERS: Final[Sequence[tuple[str, str | None]]] = (
    *((who, None) for who in ("view", "chen", "lin", "wang", "hsu", "audit", "tech", "root", "edged", "head", "staff")),
    ("nobody", None),
    ("chen", ""),
    ("root", "chen"),
    ("edged", "wang"),
)
"""Who calls, and by whose login if not by their own, "": by none. `head` signs by a post; `staff` is an applicant."""
OPERATORS: Final = (("chen", None), ("lin", None))


@pytest.fixture
def watch() -> Watch:
    return Watch()


class Lines(logging.Handler):
    """What the journal of the box has."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(LineFormatter("%(name)s: %(message)s"))
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{self.format(record)}\n"


@pytest.fixture
def lines() -> Iterator[Lines]:
    made, log = Lines(), logging.getLogger("edged")
    before = log.level
    log.addHandler(made)
    log.setLevel(logging.DEBUG)
    yield made
    log.setLevel(before)
    log.removeHandler(made)


@asynccontextmanager
async def office(
    memory: Path, watch: Watch, name: str | None = ONCE, *, units: Mapping[str, str] | None = None, open_: bool = True,
    more: Callable[[Parts], Sequence[Route]] = lambda _: (),
) -> AsyncIterator[Counter]:  # fmt: skip
    cameras = units or {CAMERA: "", OTHER: ""}
    async with opened(memory, name, cameras, wrap=watch.wrap, more=more) as counter:
        for camera in cameras:
            counter.box.segment(camera, 60)
        with watch.on(counter):
            if open_ and name is not None:
                await staffed(counter, name)
            yield counter


def interval(counter: Counter, camera: str = CAMERA) -> tuple[str, str]:
    (one,) = counter.box.store.segments(camera, None, None)
    return timestamp(one.start.wall_ms), timestamp(one.end.wall_ms)


def part(counter: Counter, camera: str = CAMERA) -> dict[str, str]:
    start, end = interval(counter, camera)
    return {"camera": camera, "start": start, "end": end}


def export(counter: Counter, *cameras: str, **more: Any) -> dict[str, Any]:
    start, end = interval(counter)
    body = {"cameras": list(cameras or (CAMERA,)), "start": start, "end": end, "reason": REASON, "destroy_by": None}
    return {**body, "whole_segments": False, "max_file_bytes": 1 << 30, "dry_run": False, **more}


def story(counter: Counter, row: str = AGENCY, name: str = ONCE, *, paper: bool = False) -> Story:
    today, procedure = str(counter.office.today()), profile(name).procedure(row)
    assert procedure is not None
    return Story(counter, procedure, today, f"{today} 00:00-23:00", CAMERA, lambda _: paper)


async def until(told: Story, *last: str) -> Story:
    """Received, and told up to what is one of `last`, which is done; without one: to before the decision."""
    await told.receive()
    async for step in told.steps():
        if not last and step[1] == "grant":
            break
        await told.do(step)
        if step[1] in last:
            break
    return told


async def version(told: Story) -> int:
    return int((await told.now())["version"])


async def viewing(told: Story, **more: Any) -> dict[str, Any]:
    fields = form(told.row, Phase.VIEWING, told.day, told.interval, told.camera)
    there = {"companion": number_of(SECOND), "present": ["王大明"], "fields": fields}
    return {"version": await version(told), "step": "open", **there, **more}


async def copying(told: Story, **more: Any) -> dict[str, Any]:
    secrecy = {"secrecy": "密", "declassify": REASON} if told.row.secrecy else {}
    return {"version": await version(told), **secrecy, **more}


# --- the tables -------------------------------------------------------------------------------------------------------


def test_every_call_has_its_line() -> None:
    known = {(route.method, route.path) for route in served()}
    assert known == CALLS.keys(), HOW_TO_ADD.format(table="CALLS")


def test_every_verb_and_every_command_of_the_centre_has_its_line() -> None:
    assert {route.verb for route in served()} == set(Verb), "a verb without a call is a line of nobody"
    assert roles.LOCAL.keys() == LOCAL.keys(), HOW_TO_ADD.format(table="LOCAL")
    assert set(Command) == COMMANDS.keys() == ARGS.keys(), HOW_TO_ADD.format(table="COMMANDS")


def test_what_shows_footage_is_said_by_its_rule_and_has_a_ground() -> None:
    for route in served():
        rule, line = TABLE[route.verb], CALLS[route.method, route.path]
        assert FOOTAGE not in line.may or rule.discloses, route
        assert rule.discloses == (route.ground is not None), route
    disclosing = {route.verb for route in served() if FOOTAGE in CALLS[route.method, route.path].may}
    assert {verb for verb in Verb if TABLE[verb].discloses} - {Verb.REQUEST_COPY} == disclosing


def test_only_operators_have_what_shows_footage() -> None:
    """By a role; by a post of the request one says that one is there."""
    for verb, rule in TABLE.items():
        assert not rule.discloses or rule.who - {Role.AUDITOR} == {Role.OPERATOR}, verb


# --- every call, by everybody -----------------------------------------------------------------------------------------


async def _stage(counter: Counter) -> dict[str, str]:
    """One of each that is named in a path; nothing of it is granted."""
    told = await until(story(counter, "D-person"))
    scan = await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/scans", b"%PDF- A123456789")
    start, end = interval(counter)
    wanted = {"cameras": [CAMERA], "start": start, "end": end, "ground": "law", "reference": "law 7"}
    pin = await counter.done(
        CLERK, "POST", "/v1/pins", {**wanted, "case": REASON, "approver": "王大明", "until": None, "dry_run": False}
    )
    fault = await counter.done(CLERK, "POST", "/v1/faults", {"note": REASON})
    number = pin["pin"]["id"]
    act = await counter.done(CLERK, "POST", f"/v1/pins/{number}/release", {"reason": REASON})
    withdrawn = await until(story(counter), "copy")
    copied = (await withdrawn.now())["made"][0]
    await counter.done(
        CLERK, "POST", f"/v1/requests/{withdrawn.number}/withdraw", {"version": await version(withdrawn)}
    )
    leak = await counter.done(CLERK, "POST", "/v1/leaks", {"copy_id": copied})
    counter.box.store.alarms.raised("camera.down:lobby", Severity.CRITICAL, Message("down"), Message("look")).result(10)
    await counter.parts.site.look_at_alarms()
    return {
        "request": told.number, "scan": str(scan["scan"]), "pin": number, "fault": fault["fault"]["id"],
        "act": act["act"]["id"], "export": copied, "camera": CAMERA, "person": "1", "at": "",
        "leak": leak["leak"]["id"], "register": "viewings", "paper": "form",
    }  # fmt: skip


def _bodies(counter: Counter, ids: Mapping[str, str]) -> Mapping[str, Any]:
    """Of each call that takes one, by its path: what would come to something, were it not for grants and roles."""
    start, end = interval(counter)
    received = story(counter, "D-person").receipt()
    signer = {"post": "專責人員"}
    by = {"version": 1, "signer": signer}
    at = "/v1/requests/{request}"
    later = timestamp(counter.box.clock.now().wall_ms + 86_400_000)
    deputy = {"person": 2, "post": "機關首長", "start": end, "end": later}
    volume = counter.box.store.volumes()[0].id
    return {
        "/v1/reload": None,
        "/v1/alarms/ack": {"key": "camera.down:lobby"},
        "/v1/faults": {"note": REASON},
        "/v1/faults/{fault}/report": {"to": "光田", "note": REASON},
        "/v1/faults/{fault}/repair": {"note": REASON},
        "/v1/faults/{fault}/check": {"note": REASON},
        "/v1/maintenance/start": {"reason": REASON, "span_s": 60, "accompanied": "王大明"},
        "/v1/fsck": {"level": "hash"},
        "/v1/rebuild": {},
        "/v1/volumes/init": {"path": str(counter.box.disk.with_name("other"))},
        "/v1/volumes/retire": {"volume": volume, "undo": True},
        "/v1/volumes/replace": {"path": str(counter.box.disk), "reason": REASON},
        "/v1/references/{camera}/set": {"reason": REASON},
        "/v1/references/{camera}/clear": {"reason": REASON},
        "/v1/pins": {
            "cameras": [CAMERA], "start": start, "end": end, "case": REASON, "ground": "law", "reference": "law 7",
            "approver": "王大明", "until": None, "dry_run": False,
        },
        "/v1/pins/{pin}/extend": {"until": timestamp(counter.box.clock.wall_ms + 60 * 86_400_000), "reason": REASON},
        "/v1/pins/{pin}/release": {"reason": REASON},
        "/v1/boots/attest": {"boot": 1, "off_ms": 1, "reason": REASON},
        "/v1/ledger/verify": {"checkpoint": None},
        "/v1/ledger/renew": {"reason": REASON, "new_key": True},
        "/v1/compliance/close": {"finding": "late", "reason": REASON},
        "/v1/proof-of-retention": {"camera": CAMERA, "month": start[:7]},
        "/v1/exports": export(counter),
        "/v1/persons": {"name": "新君"},
        "/v1/persons/{person}/tie": {"account": "nobody"},
        "/v1/posts/hold": {"person": 5, "post": "機關首長"},
        "/v1/posts/deputise": deputy,
        "/v1/posts/deputise-by-two": {**deputy, "holder": 4},
        "/v1/requests": received,
        "/v1/requests/received": {**received, "number": "115-0077", "box": "jingmei"},
        f"{at}/supplement": {**by, "until": str(counter.office.today()), "reason": REASON},
        f"{at}/check": {"version": 1, "check": "proof", "outcome": "未要求", "document": REASON},
        f"{at}/sign": by,
        f"{at}/scans": b"%PDF- A123456789",
        f"{at}/return": {**by, "to": 0, "reason": REASON},
        f"{at}/grant": {"version": 1, "signer": {"post": "機關首長"}, "reason": REASON},
        f"{at}/refuse": {"version": 1, "signer": {"post": "機關首長"}, "reason": REASON},
        f"{at}/reply": {"version": 1},
        f"{at}/appoint": {"version": 1, "at": later},
        f"{at}/copy": {"version": 1},
        f"{at}/view": {"version": 1, "step": "open", "companion": 2, "present": ["王大明"]},
        f"{at}/receipt": {"version": 1, "receiver": "王大明", "identity": "A123456789", "medium": REASON},
        f"{at}/destroyed": {"version": 1, "copy_id": ids["export"], "disposal": "destroyed", "ours": True},
        f"{at}/entry": {**by, "entry": 1},
        f"{at}/withdraw": {"version": 1},
        f"{at}/close": {"version": 1},
        "/v1/leaks": {"cameras": [CAMERA], "start": start, "end": end},
        "/v1/leaks/{leak}/report": {"to": "ethics", "letter": "115-7"},
        "/v1/look": {"purpose": "audit", "cameras": [CAMERA], "start": start, "end": end},
    }  # fmt: skip


NEEDS_MORE: Final[Mapping[tuple[str, str], str]] = {
    ("POST", "/v1/reload"): "a file that can be read",
    ("POST", "/v1/volumes/retire"): "a disk beside others",
    ("POST", "/v1/volumes/replace"): "a disk that is gone",
    ("POST", "/v1/boots/attest"): "a boot before this one",
    ("POST", "/v1/exports"): "an office that is not open: see below",
    ("POST", "/v1/requests/{request}/expire"): "three years",
    ("POST", "/v1/compliance/close"): "what went wrong in a case",
    ("POST", "/v1/requests/{request}/entry"): "a text that has a log book",
}
"""Calls that come to nothing here, and why."""
QUERIES: Final[Mapping[str, str]] = {
    "/v1/cameras/{camera}/snapshot": "?purpose=service",
    "/v1/exports/{export}/file": "?path=manifest.json",
    "/v1/retention/explain": "?segment=lobby/1",
}


async def test_every_call_by_everybody_without_a_grant(memory: Path, watch: Watch, lines: Lines) -> None:
    """Nobody sees footage; words of persons only where the table says so. Each call comes to something for somebody.
    What it leaves in the ledger, on its way to the centre and in the journal names nobody.
    """
    async with office(memory, watch) as counter:
        counter.parts.store.outbox.want(True).result(10)
        (memory / "other").mkdir()
        (memory / "edged.toml").write_text("no configuration")
        ids = await _stage(counter)
        await counter.look()
        for one in served():
            body = _bodies(counter, ids).get(one.path)
            path = one.path.format(**ids) + QUERIES.get(one.path, "")
            for who, login in CALLERS:
                reply = await counter.ask(who, one.method, path, body, login=login)
                assert reply.status != 500, (who, path, reply)
                assert not (FOOTAGE in CALLS[one.method, one.path].may and reply.ok), (who, path, reply.document)
                assert reply.ok <= (_role(who) in TABLE[one.verb].who or TABLE[one.verb].by_post), (who, path)
            typed = one.path.format_map(dict.fromkeys(ids, quote("王小明君 A123456789")))
            for who in ("chen", "wang", "tech"):
                await counter.ask(who, one.method, typed, body)
        for name in ("D-person", AGENCY):
            await _told_otherwise(counter, name)
            await replace(story(counter, name), of_copy=_said_of_copy, disposes=True).tell()
        await counter.done(CLERK, "POST", "/v1/look", _look(counter, "inspection"))
        await counter.done(CLERK, "GET", f"/v1/cameras/{CAMERA}/snapshot?purpose=maintenance")
        copied = await until(story(counter), "copy")
        at = {"version": await version(copied), "at": timestamp(counter.box.clock.wall_ms)}
        await counter.done(CLERK, "POST", f"/v1/requests/{copied.number}/appoint", at)
        await _copied(counter, (await copied.now())["made"][0])
        look = {"purpose": "audit", "cameras": ["王小明君"], "start": "王小明君", "end": "王小明君"}
        await counter.ask(CLERK, "POST", "/v1/look", look)
        await counter.done("audit", "GET", "/v1/ledger")
        assert holds(told_elsewhere(counter)) == NOTHING
        assert holds(lines.text.encode()) == NOTHING
    missing = CALLS.keys() - watch.answered - NEEDS_MORE.keys()
    assert not missing, "these calls came to nothing, so nobody knows what they open"
    assert not NEEDS_MORE.keys() & watch.answered, "these come to something: leave them out of NEEDS_MORE"


def _said_of_copy(_: str) -> str:
    return REASON


def told_elsewhere(counter: Counter) -> bytes:
    """Leaves of the ledger, and what waits for the centre."""
    with closing(sqlite3.connect(counter.box.state / "edged.db")) as database:
        found = [*database.execute("SELECT body FROM leaves"), *database.execute("SELECT body FROM outbox")]
    assert len(found) > 100
    return "\n".join(str(body) for (body,) in found).encode()


def _role(who: str) -> str:
    group = "technicians" if who in ("root", "edged") else PEOPLE[who][1]
    return group.removesuffix("s")


async def _told_otherwise(counter: Counter, row: str) -> None:
    """What a straight story has not."""
    told = await until(story(counter, row))
    at = f"/v1/requests/{told.number}"
    by = {"signer": {"post": told.row.chain[-1].post}}
    asks = {**by, "version": await version(told), "until": told.day, "reason": REASON}
    await counter.done("hsu", "POST", f"{at}/supplement", asks)
    await counter.done(CLERK, "POST", f"{at}/supplement", {"version": await version(told), "complete": True})
    await counter.done("hsu", "POST", f"{at}/return", {**by, "version": await version(told), "to": 0, "reason": REASON})
    signer = {"post": told.row.chain[0].post}
    await counter.done(HEAD, "POST", f"{at}/sign", {"version": await version(told), "signer": signer})
    await counter.done("hsu", "POST", f"{at}/refuse", {**by, "version": await version(told), "reason": REASON})
    await counter.done(CLERK, "POST", f"{at}/withdraw", {"version": await version(told)})


async def _copied(counter: Counter, number: str, who: str = CLERK) -> None:
    """It leaves, to its last byte."""
    at = f"/v1/exports/{number}"
    files = (await counter.done(who, "POST", f"{at}/prepare"))["files"]
    film = next(one["path"] for one in files if one["path"].endswith(".mp4"))
    got = await counter.ask(who, "GET", f"{at}/file?path={film}")
    assert FOOTAGE in holds(got.body)
    papers = (await counter.done(who, "POST", f"{at}/seal"))["files"]
    assert papers
    await counter.done(who, "POST", f"{at}/finish")


# --- every grant that there is not ------------------------------------------------------------------------------------


async def _nothing(_: Counter, told: Story) -> None:
    """Neither asked for, nor granted."""
    await told.receive()


async def _undecided(_: Counter, told: Story) -> None:
    await until(told)


async def _refused(counter: Counter, told: Story) -> None:
    await until(told)
    by = {"version": await version(told), "signer": {"post": told.row.chain[-1].post}, "reason": REASON}
    await counter.done("hsu", "POST", f"/v1/requests/{told.number}/refuse", by)


async def _granted_in_part(counter: Counter, told: Story) -> None:
    """Less than was asked for."""
    await until(told)
    by = {"version": await version(told), "signer": {"post": told.row.chain[-1].post}, "scope": [part(counter)]}
    await counter.done("hsu", "POST", f"/v1/requests/{told.number}/grant", by)


async def _withdrawn(counter: Counter, told: Story) -> None:
    await until(told, "grant")
    await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/withdraw", {"version": await version(told)})


async def _closed(counter: Counter, told: Story) -> None:
    await until(told, "reply")
    await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/close", {"version": await version(told)})


async def _unseen(_: Counter, told: Story) -> None:
    """Steps of it are on paper that no second person saw."""
    await until(replace(told, paper=lambda _: True), "grant")


async def _used_up(counter: Counter, told: Story) -> None:
    """D7: it was viewed."""
    await until(told, "grant")
    await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/view", await viewing(told))
    over = {"version": await version(told), "step": "end", "not_filmed": True}
    await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/view", over)


STATES: Final[Mapping[str, Callable[[Counter, Story], Awaitable[None]]]] = {
    "received": _nothing,
    "undecided": _undecided,
    "refused": _refused,
    "withdrawn": _withdrawn,
    "closed": _closed,
    "on paper that nobody saw": _unseen,
    "used up": _used_up,
    "beyond": _granted_in_part,
}


def _wanted(counter: Counter, state: str) -> list[dict[str, Any]]:
    """What is asked for under it."""
    if state != "beyond":
        return [{}]
    granted, other = part(counter), part(counter, OTHER)
    earlier = {**granted, "start": timestamp(counter.box.clock.wall_ms - 3_600_000)}
    later = {**granted, "end": timestamp(counter.box.clock.wall_ms)}
    return [{"scope": one} for one in ([other], [granted, other], [earlier], [later])]


async def test_without_a_grant_that_holds_nobody_views_or_copies(memory: Path, watch: Watch) -> None:
    """By whomever, and while another request is granted the same footage. With its own it is viewed and copied."""
    async with office(memory, watch) as counter:
        others = await until(story(counter), "grant")
        for state, reached in STATES.items():
            told = story(counter)
            await reached(counter, told)
            told.number = told.number or counter.parts.store.office.requests.listed()[-1].number
            for more in _wanted(counter, state):
                await _shows_nothing(counter, watch, told, state, more)
        assert not counter.parts.copies.laid
        assert [one for one in counter.parts.store.exports.latest() if one.account] == []
        await _holds(counter, others)


async def _shows_nothing(counter: Counter, watch: Watch, told: Story, state: str, more: Mapping[str, Any]) -> None:
    calls = [("view", await viewing(told, **more))]
    calls += [("copy", await copying(told, **more))] if state != "used up" else []
    for verb, body in calls:
        for who, login in CALLERS:
            reply = await counter.ask(who, "POST", f"/v1/requests/{told.number}/{verb}", body, login=login)
            assert not reply.ok, (state, who, login, verb, reply.document)
            assert not watch.opened & SEEN, (state, who, login, verb)
            assert reply.status == 403 or (who, login) in OPERATORS, (state, who, login, verb, reply)


async def _holds(counter: Counter, told: Story) -> None:
    """With a grant of its own: by operators alone, viewed and copied."""
    for verb, body in (("view", await viewing(told)), ("copy", await copying(told))):
        for who, login in CALLERS:
            if (who, login) not in OPERATORS:
                reply = await counter.ask(who, "POST", f"/v1/requests/{told.number}/{verb}", body, login=login)
                assert reply.status == 403, (who, login, verb)
    shown = await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/view", await viewing(told))
    assert counter.parts.copies.laid[told.number].directory == Path(shown["directory"])
    copied = await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/copy", await copying(told))
    for who, login in CALLERS:
        if (who, login) not in OPERATORS:
            reply = await counter.ask(who, "POST", f"/v1/exports/{copied['export']['id']}/prepare", login=login)
            assert reply.status == 403, (who, login)
    await _copied(counter, copied["export"]["id"], "lin")


@pytest.mark.parametrize("end", ["withdraw", "close"])
async def test_a_copy_ends_with_its_grant(memory: Path, watch: Watch, end: str) -> None:
    """Whatever of it has not left, stays: also what was read for it already."""
    async with office(memory, watch) as counter:
        told = await until(story(counter), "copy")
        number = (await told.now())["made"][0]
        await counter.done(CLERK, "POST", f"/v1/exports/{number}/prepare")
        if end == "close":
            lost = {"version": await version(told), "copy_id": number, "disposal": "destroyed", "ours": True}
            await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/destroyed", lost)
        await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/{end}", {"version": await version(told)})
        for who, login in CALLERS:
            for method, step in (("POST", "prepare"), ("GET", "file?path=x"), ("POST", "seal"), ("POST", "finish")):
                reply = await counter.ask(who, method, f"/v1/exports/{number}/{step}", login=login)
                assert not reply.ok, (who, step)
                assert not watch.opened & SEEN
        assert (await counter.ask(CLERK, "POST", f"/v1/exports/{number}/abandon")).ok


async def test_with_an_open_office_nothing_leaves_past_a_request(memory: Path, watch: Watch) -> None:
    async with office(memory, watch) as counter:
        granted = await until(story(counter), "grant")
        for who, login in CALLERS:
            for body in (export(counter), export(counter, case=granted.number), export(counter, dry_run=True)):
                assert not (await counter.ask(who, "POST", "/v1/exports", body, login=login)).ok, who
            for purpose in ("service", "audit", "", *(["maintenance"] if (who, login) not in OPERATORS else [])):
                path = f"/v1/cameras/{CAMERA}/snapshot?purpose={purpose}"
                assert not (await counter.ask(who, "GET", path, login=login)).ok, (who, purpose)
        assert not watch.opened & SEEN
        old = {"cameras": [CAMERA], "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:01:00Z"}
        for look in ({**old, "purpose": "inspection"}, {**_look(counter, "audit"), "companion": number_of(CLERK)}):
            assert not (await counter.ask(CLERK, "POST", "/v1/look", look)).ok


def _look(counter: Counter, purpose: str) -> dict[str, Any]:
    start, end = interval(counter)
    return {"purpose": purpose, "cameras": [CAMERA], "start": start, "end": end}


# --- without a profile, and before the office is open -----------------------------------------------------------------


async def test_without_a_profile_a_box_is_as_it_was(memory: Path, watch: Watch) -> None:
    """By the role alone; and by nobody else."""
    async with office(memory, watch, None) as counter:
        for who, login in CALLERS:
            may = (who, login) in (*OPERATORS, ("chen", ""))
            picture = await counter.ask(who, "GET", f"/v1/cameras/{CAMERA}/snapshot?purpose=service", login=login)
            begun = await counter.ask(who, "POST", "/v1/exports", export(counter), login=login)
            assert (picture.ok, begun.ok) == (may, may), (who, login)
        await _copied(counter, begun_of(await counter.done("chen", "POST", "/v1/exports", export(counter))), "lin")
        watched = {"step": "open", "version": 1, "companion": 1}
        assert not (await counter.ask("chen", "POST", "/v1/requests/115-0001/view", watched)).ok


def begun_of(document: Any) -> str:
    return str(document["export"]["id"])


async def test_a_profile_that_is_agreed_upon_counts_before_the_file_is_read_again(memory: Path, watch: Watch) -> None:
    """A lost database tells late of it: whoever dropped it from the file has not dropped it."""
    async with office(memory, watch, None) as counter:
        counter.parts.store.agreement.hold(replace(wished_by(counter.config), profile=ONCE))
        for method, path, body in (
            ("GET", f"/v1/cameras/{CAMERA}/snapshot?purpose=service", None),
            ("POST", "/v1/exports", export(counter)),
        ):
            assert not (await counter.ask("chen", method, path, body)).ok
        assert not watch.opened


async def _permitted(counter: Counter, who: str, method: str, path: str, body: object = None) -> Reply:
    """Asked for, agreed to by another person; what comes then."""
    refused = await counter.ask(who, method, path, body)
    assert (refused.status, refused.document["error_code"]) == (403, "office.not-opened")
    act = refused.document["action_values"]["act"]
    for alone in (who, "lin", "tech", "root", "edged"):
        assert not (await counter.ask(alone, "POST", f"/v1/acts/{act}/approve")).ok, alone
    assert not (await counter.ask("wang", "POST", f"/v1/acts/{act}/approve", login=who)).ok, "the same person"
    await counter.done("wang", "POST", f"/v1/acts/{act}/approve")
    return refused


async def test_before_the_office_is_open_each_export_takes_a_second_person(memory: Path, watch: Watch) -> None:
    """For those cameras, that interval, who asked, once."""
    async with office(memory, watch, open_=False) as counter:
        wanted = export(counter)
        await _permitted(counter, "chen", "POST", "/v1/exports", wanted)
        start, end = interval(counter)
        other = {"start": timestamp(counter.box.clock.wall_ms - 90_000)}
        for who, body in (
            ("lin", wanted), ("chen", export(counter, OTHER)), ("chen", export(counter, CAMERA, OTHER)),
            ("chen", export(counter, whole_segments=True)), ("chen", {**wanted, **other}), ("root", wanted),
        ):  # fmt: skip
            assert (await counter.ask(who, "POST", "/v1/exports", body)).status == 403, (who, body)
        for _ in range(2):
            assert (await counter.ask("chen", "POST", "/v1/exports", export(counter, dry_run=True))).ok, "a plan"
        number = begun_of(await counter.done("chen", "POST", "/v1/exports", wanted))
        assert (await counter.ask("chen", "POST", "/v1/exports", wanted)).status == 403, "it is used up"
        for step in ("prepare", "seal", "finish"):
            reply = await counter.ask("lin", "POST", f"/v1/exports/{number}/{step}")
            assert (reply.status, reply.document["error_code"]) == (409, "office.export-of-another")
        assert not watch.opened & SEEN
        await _copied(counter, number)
        assert (start, end) == interval(counter)


async def test_before_the_office_is_open_each_picture_takes_a_second_person(memory: Path, watch: Watch) -> None:
    async with office(memory, watch, open_=False) as counter:
        path = f"/v1/cameras/{CAMERA}/snapshot?purpose=maintenance"
        await _permitted(counter, "chen", "GET", path)
        for who, other in (("lin", path), ("chen", path.replace(CAMERA, OTHER)), ("wang", path)):
            assert (await counter.ask(who, "GET", other)).status == 403
        assert FOOTAGE in holds((await counter.ask("chen", "GET", path)).body)
        assert (await counter.ask("chen", "GET", path)).status == 403, "it is used up"


async def test_a_permit_lapses_after_an_hour_of_running_time(memory: Path, watch: Watch) -> None:
    """And by no clock that is set."""
    async with office(memory, watch, open_=False) as counter:
        path = f"/v1/cameras/{CAMERA}/snapshot?purpose=maintenance"
        await _permitted(counter, "chen", "GET", path)
        counter.box.clock.step_wall(365 * 86_400_000)
        counter.box.clock.boottime_ms += PERMIT_MS - 1
        assert (await counter.ask("chen", "GET", path)).ok
        await _permitted(counter, "chen", "GET", path)
        counter.box.clock.step_wall(-365 * 86_400_000)
        counter.box.clock.boottime_ms += PERMIT_MS
        assert (await counter.ask("chen", "GET", path)).status == 403


async def test_before_the_office_is_open_a_request_shows_nothing(memory: Path, watch: Watch) -> None:
    async with office(memory, watch) as counter:
        told = await until(story(counter), "grant")
        with pytest.MonkeyPatch.context() as shut:
            shut.setattr(type(counter.office), "is_open", property(lambda _: False))
            calls = [("view", await viewing(told)), ("copy", await copying(told))]
            for verb, body in calls:
                assert not (await counter.ask("chen", "POST", f"/v1/requests/{told.number}/{verb}", body)).ok
            assert not (await counter.ask("chen", "POST", "/v1/look", _look(counter, "inspection"))).ok


async def test_what_a_crash_left_laid_out_is_gone_before_all_else(memory: Path, watch: Watch) -> None:
    """Also while the database is still made whole, and nobody can read requests."""
    async with office(memory, watch) as counter:
        told = await until(story(counter), "grant")
        shown = await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/view", await viewing(told))
        parts, laid = counter.parts, Path(shown["directory"])
        after = ViewingCopies(parts.exports, parts.store.exports, laid.parent)
        parts.site.recovering = True
        watching = OfficeWatch(parts.site, parts.store, parts.office, after, Looks(after, parts.clock))
        await watching.poll()
        assert not await asyncio.to_thread(laid.exists)
        parts.site.recovering = False
        await watching.poll()
        await watching.close()
        assert (await told.now())["viewings"][0]["state"] == "cut"


async def test_what_was_begun_before_the_opening_is_finished_after_it(memory: Path, watch: Watch) -> None:
    """By who has begun it. What is begun after it without a request is none."""
    async with office(memory, watch, open_=False) as counter:
        await _permitted(counter, "chen", "POST", "/v1/exports", export(counter))
        before = begun_of(await counter.done("chen", "POST", "/v1/exports", export(counter)))
        await _permitted(counter, "chen", "POST", "/v1/exports", export(counter, OTHER))
        await staffed(counter, ONCE)
        assert not (await counter.ask("chen", "POST", "/v1/exports", export(counter, OTHER))).ok, "a permit of before"
        assert not (await counter.ask("lin", "POST", f"/v1/exports/{before}/prepare")).ok
        await _copied(counter, before)
        after = _begun_past_the_guard(counter)
        for step in ("prepare", "seal", "finish"):
            reply = await counter.ask("chen", "POST", f"/v1/exports/{after}/{step}")
            assert reply.document["error_code"] == "office.export-without-request"
        assert not watch.opened & SEEN


def _begun_past_the_guard(counter: Counter) -> str:
    """As a defect would have it."""
    begun, _ = counter.parts.exports.begin(ExportAsked.model_validate(export(counter)), "chen")
    return begun.id


async def test_by_a_role_alone_nobody_reads_words_of_persons(memory: Path, watch: Watch) -> None:
    """P11: authority and auditor see how a request stands; who has a part in it, and who handles it, reads it."""
    async with office(memory, watch, "wenshan-household") as counter:
        told = await until(story(counter, "W-staff", "wenshan-household"))
        at = f"/v1/requests/{told.number}"
        await counter.done(CLERK, "POST", f"{at}/scans", b"%PDF- A123456789")
        for who, login in (("wang", None), ("audit", None)):
            shown = await counter.ask(who, "GET", at, login=login)
            assert shown.ok
            assert holds(shown.body) == NAMES
            applicant = shown.document["request"]["applicant"]
            assert (applicant["person"], applicant["name"]) == (number_of("staff"), "")
            assert "staff君" not in shown.body.decode()
            assert (await counter.ask(who, "GET", f"{at}/scans/1", login=login)).status == 403
        for who in ("chen", "hsu", "head", "staff"):
            assert holds((await counter.ask(who, "GET", at)).body) == NAMES | WORDS, who
            assert (await counter.ask(who, "GET", f"{at}/scans/1")).ok, who
        for who in ("view", "tech", "nobody", "root", "edged"):
            assert (await counter.ask(who, "GET", at)).status == 403, who


async def test_by_a_role_alone_nobody_reads_who_took_a_copy(memory: Path, watch: Watch) -> None:
    async with office(memory, watch) as counter:
        told = await until(story(counter), "receipt")
        for who, shown in (("chen", ("王大明", "身分證")), ("wang", ("", "")), ("audit", ("", ""))):
            document = await counter.done(who, "GET", f"/v1/requests/{told.number}")
            (copy,) = document["request"]["copies"]
            assert (copy["receipt"]["receiver"], copy["receipt"]["identity"]) == shown, who


# --- an audit, and units ----------------------------------------------------------------------------------------------


async def test_what_an_auditor_names_is_shown_with_the_auditor_there(memory: Path, watch: Watch) -> None:
    """To name who is there is not enough: whoever looks would say so himself."""
    async with office(memory, watch) as counter:
        for companion in (HEAD, SECOND, CLERK):
            look = {**_look(counter, "audit"), "companion": number_of(companion)}
            assert not (await counter.ask("chen", "POST", "/v1/look", look)).ok
        assert not watch.opened & SEEN


async def test_whose_unit_has_its_own_cameras_sees_nothing_of_others(memory: Path, watch: Watch) -> None:
    """N3: neither requests, papers and copies, nor footage; with a grant that others hold."""
    name, units = "nangang-school", {CAMERA: "教務處", OTHER: "總務處"}
    async with office(memory, watch, name, units=units, open_=False) as counter:
        await _permitted(counter, "lin", "POST", "/v1/exports", export(counter))
        begun = begun_of(await counter.done("lin", "POST", "/v1/exports", export(counter)))
        await staffed(counter, name, {CLERK: "總務處"})
        told = story(counter, "N-agency", name)
        told.number = (await counter.done(SECOND, "POST", "/v1/requests", told.receipt()))["request"]["number"]
        at = f"/v1/requests/{told.number}"
        await counter.done(SECOND, "POST", f"{at}/scans", b"%PDF- A123456789")
        assert told.number not in [
            one["number"] for one in (await counter.done(CLERK, "GET", "/v1/requests"))["requests"]
        ]
        assert (await counter.done(CLERK, "GET", "/v1/exports"))["exports"] == []
        leaked = {"cameras": [CAMERA], **dict(zip(("start", "end"), interval(counter), strict=True))}
        leak = (await counter.done(SECOND, "POST", "/v1/leaks", leaked))["leak"]["id"]
        assert (await counter.done(CLERK, "GET", "/v1/leaks"))["leaks"] == []
        for method, path, body in (
            ("GET", at, None),
            ("GET", f"{at}/scans/1", None),
            ("POST", "/v1/leaks", leaked),
            ("GET", f"/v1/leaks/{leak}", None),
            ("POST", f"/v1/leaks/{leak}/report", {"to": "ethics", "letter": "115-7"}),
            ("POST", f"{at}/copy", {"version": 1, "asks": True, "scope": [part(counter)]}),
            ("POST", f"{at}/copy", {"version": 1}),
            ("POST", f"{at}/view", {"version": 1, "step": "here"}),
            ("POST", f"{at}/view", {"version": 1, "step": "end"}),
            ("POST", f"/v1/exports/{begun}/prepare", None),
            ("GET", f"/v1/exports/{begun}/file?path=x", None),
            ("GET", f"/v1/cameras/{CAMERA}/snapshot?purpose=maintenance", None),
            ("POST", "/v1/look", _look(counter, "inspection")),
        ):
            reply = await counter.ask(CLERK, method, path, body)
            assert not reply.ok, path
            assert holds(reply.body) == NOTHING, path
            assert not watch.opened & SEEN, path
        assert (await counter.done(SECOND, "GET", at))["request"]["number"] == told.number


async def test_each_unit_signs_and_is_there_for_its_own_cameras(memory: Path, watch: Watch) -> None:
    """N7. Whose post it is says by which unit; whoever shows cameras of two units does so one after the other."""
    name, units = "nangang-school", {CAMERA: "教務處", OTHER: "總務處"}
    async with office(memory, watch, name, units=units, open_=False) as counter:
        await staffed(counter, name)
        for post, unit, who, then in (("業管單位", "教務處", HEAD, SECOND), ("專人", "總務處", SECOND, HEAD)):
            moved = {"post": post, "unit": unit}
            await counter.agreed(CLERK, "wang", "/v1/posts/hold", {**moved, "person": number_of(then)})
            await counter.agreed(CLERK, "wang", "/v1/posts/hold", {**moved, "person": number_of(who), "ends": True})
        told = replace(story(counter, "N-agency", name), camera=f"{CAMERA}、{OTHER}")
        await told.receive()
        async for step in told.steps():
            if step[1] != "check":
                break
            await told.do(step)
        for who, post in ((HEAD, "學務處(學安室)"), (HEAD, "業管單位"), (SECOND, "業管單位"), (HEAD, "學務處(學安室)")):
            await told.do((who, "sign", "sign", {"version": await version(told), "signer": {"post": post}}))
        signed = (await told.now())["chain"][1]["signed"]
        assert [one["unit"] for one in signed] == ["總務處", "教務處"]
        await told.do((DECIDES, "grant", "grant", {"version": await version(told), "signer": {"post": "學務主任"}}))
        await counter.done(SECOND, "POST", f"/v1/requests/{told.number}/view", {"version": 0, "step": "here"})
        for companion in (HEAD, SECOND):
            both = {**await viewing(told), "companion": number_of(companion)}
            assert not (await counter.ask(CLERK, "POST", f"/v1/requests/{told.number}/view", both)).ok
        for companion, camera in ((HEAD, OTHER), (SECOND, CAMERA)):
            one = {**await viewing(told), "companion": number_of(companion), "scope": [part(counter, camera)]}
            await told.do((CLERK, "view", "view", one))
            over = {"version": await version(told), "step": "end", "not_filmed": True}
            await told.do((CLERK, "view", "view", over))
        assert len((await told.now())["viewings"]) == 2


async def test_whose_unit_has_its_own_cameras_sees_no_more_while_the_office_is_shut(memory: Path, watch: Watch) -> None:
    """N3. Persons and their units are known without keys; of a start nobody is. All but footage goes on then."""
    name, units = "nangang-school", {CAMERA: "教務處", OTHER: "總務處"}
    async with office(memory, watch, name, units=units, open_=False) as counter:
        await _permitted(counter, "lin", "POST", "/v1/exports", export(counter))
        await counter.done("lin", "POST", "/v1/exports", export(counter))
        await staffed(counter, name, {CLERK: "總務處"})
        stored, (start, end) = counter.box.store.office, interval(counter)
        pin = {"cameras": [CAMERA], "start": start, "end": end, "ground": "law", "reference": "law 7", "dry_run": True}
        pin |= {"case": "x", "approver": "主任", "until": None}

        async def seen(who: str) -> tuple[int, int]:
            exports = (await counter.done(who, "GET", "/v1/exports"))["exports"]
            cameras = (await counter.done(who, "GET", "/v1/cameras"))["cameras"]
            return len(exports), len(cameras)

        assert [await seen(who) for who in (CLERK, SECOND)] == [(0, 1), (1, 2)]
        stored.close()
        stored.trouble = StoreError(Message("its keys cannot be read"), Message(""))
        assert [await seen(who) for who in (CLERK, SECOND)] == [(0, 1), (1, 2)]
        segments = f"/v1/segments?camera={CAMERA}"
        assert [(await counter.ask(who, "GET", segments)).status for who in (CLERK, SECOND)] == [403, 200]
        stored.trouble = None
        assert [await seen(who) for who in (CLERK, SECOND)] == [(0, 2), (0, 2)]
        for who in (CLERK, SECOND):
            assert (await counter.ask(who, "GET", segments)).status == 403
            assert (await counter.ask(who, "GET", "/v1/alarms")).ok
            assert (await counter.ask(who, "POST", "/v1/pins", pin)).ok


# --- the centre -------------------------------------------------------------------------------------------------------


async def test_no_command_of_the_centre_tells_of_persons_or_shows_anything(
    memory: Path, watch: Watch, lines: Lines
) -> None:
    """Each is carried out on a box that has requests, copies, pins and reasons."""
    del lines  # all that is logged is there to be told
    tail = journal.Tail()
    logging.getLogger("edged").addHandler(tail)
    async with office(memory, watch) as counter:
        ids = await _stage(counter)
        parts = counter.parts
        reporter: Any = SimpleNamespace(rebirth=lambda: 7)
        deeds = CommandHandlers(parts.site, parts.store, parts.acts, reporter, parts.clock, tail, lambda: None)
        parts.store.ledger.sign_now()
        desk = Desk(now_ms=counter.box.clock.wall_ms)
        for verb in Command:
            watch.opened = frozenset()
            args = {**NEEDED[verb], **_named(counter, verb, ids)}
            keys = {desk.commander().key_id: desk.commander()}
            order = validate(verb, desk.signed(verb, args=args), False, NODE, keys, desk.now_ms)
            assert isinstance(order, ValidCommand), (verb, order)
            try:
                told = await deeds.do(order)
            except (Declined, Stopping) as refused:
                told = str(refused), {}
            assert not watch.opened, verb
            assert holds(json.dumps(told, ensure_ascii=False).encode()) == NOTHING, (verb, told)
    logging.getLogger("edged").removeHandler(tail)


def _named(counter: Counter, verb: Command, ids: Mapping[str, str]) -> dict[str, Any]:
    """What is there of it here."""
    start, end = interval(counter)
    match verb:
        case Command.PIN:
            return {"from": start, "to": end, "ground": "law", "reference": "law 7", "case": ids["request"]}
        case Command.ALARM_ACK:
            alarm = counter.parts.store.alarms.find("camera.down:lobby")
            assert alarm is not None
            return {"occurrence": alarm.occurrence}
        case Command.CONSISTENCY_PROOF:
            return {"first_size": 1, "second_size": 2}
    return {}


# --- controls: what would show footage, or name somebody, is found ----------------------------------------------------


def _planted(verb: Verb, ground: Ground | None = None) -> Callable[[Parts], Sequence[Route]]:
    """A call that opens a segment, past all that opens footage today."""

    def more(parts: Parts) -> Sequence[Route]:
        async def handler(_request: web.Request) -> web.Response:
            (one,) = parts.store.segments(CAMERA, None, None)
            return web.Response(body=one.path.read_bytes(), content_type="application/octet-stream")

        return [get("/v1/planted", verb, handler, ground=ground)]

    return more


async def _lets_through(_request: web.Request, _who: Caller) -> None:
    pass


@pytest.mark.parametrize(
    ("verb", "may", "found"),
    [
        (Verb.SEGMENTS, NOTHING, "its line says that it shows none"),
        (Verb.SEGMENTS, FOOTAGE, "before its ground was asked"),
    ],
)
async def test_a_call_that_shows_footage_without_a_ground_is_found(
    memory: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch, verb: Verb, may: Disclosed, found: str
) -> None:
    monkeypatch.setitem(cast("dict[Any, Line]", CALLS), ("GET", "/v1/planted"), Line(may))
    async with office(memory, watch, more=_planted(verb)) as counter:
        with pytest.raises(AssertionError, match=found):
            await counter.ask("chen", "GET", "/v1/planted")


async def test_a_verb_that_discloses_is_shut_until_its_call_has_a_ground(
    memory: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever forgets it shows nothing. With one that lets everybody through it is shown, and was asked."""
    monkeypatch.setitem(cast("dict[Any, Line]", CALLS), ("GET", "/v1/planted"), Line(FOOTAGE))
    for ground, status in ((None, 403), (_lets_through, 200)):
        box = memory / str(status)
        box.mkdir()
        async with office(box, watch, more=_planted(Verb.EXPORT, ground)) as counter:
            assert (await counter.ask("chen", "GET", "/v1/planted")).status == status


HOLES: Final[Mapping[str, tuple[object, str, Callable[..., Any]]]] = {
    "exports are not asked for their request": (Disclosure, "check_export", lambda *_, **__: None),
    "pictures are not asked for their purpose": (Disclosure, "check_snapshot", lambda *_: None),
    "a look is not bounded": (Looks, "check", lambda *_: None),
}


@pytest.mark.parametrize("hole", HOLES)
async def test_a_hole_is_found(memory: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch, hole: str) -> None:
    monkeypatch.setattr(*HOLES[hole])
    with pytest.raises(AssertionError):
        await test_with_an_open_office_nothing_leaves_past_a_request(memory, watch)


async def test_a_call_that_is_not_in_the_table_is_told_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(cast("dict[Any, Line]", CALLS), ("POST", "/v1/look"))
    with pytest.raises(AssertionError, match="a line of CALLS in tests/integration"):
        test_every_call_has_its_line()


# --- the journal of the box -------------------------------------------------------------------------------------------


async def test_no_line_of_a_story_names_anybody_or_says_why(memory: Path, watch: Watch, lines: Lines) -> None:
    """With all that goes wrong on the way."""
    name = "wenshan-household"
    async with office(memory, watch, name) as counter:
        for row in ("W-staff", "W-public"):
            await story(counter, row, name).tell()
        told = await until(story(counter, "W-staff", name))
        by = {"version": await version(told), "signer": {"post": told.row.chain[-1].post}, "reason": REASON}
        await counter.done("hsu", "POST", f"/v1/requests/{told.number}/refuse", by)
        for step in ("reference set", "reference clear"):
            verb = step.split()[1]
            await counter.done("chen", "POST", f"/v1/references/{CAMERA}/{verb}", {"reason": REASON})
        await counter.done("tech", "POST", "/v1/volumes/init", {"path": str(_empty(memory))})
        entries = (await counter.done("audit", "GET", "/v1/ledger?kind=act"))["ledger"]
        said = [one["text"] for one in entries if "reference" in one["text"]]
        assert [REASON in one and "chen" in one for one in said] == [True, True], "the ledger has who and why"
    assert "volume init" in lines.text
    assert holds(lines.text.encode()) == NOTHING
    assert not {who for who in PEOPLE if f"{who} " in lines.text} - {
        "staff",
        "head",
        "view",
        "edged",
        "audit",
        "nobody",
    }


def _empty(memory: Path) -> Path:
    place = memory / "other"
    place.mkdir()
    return place


async def test_what_fails_is_told_without_the_words_that_it_failed_with(
    memory: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    """A defect may have a form at hand. Negative control: a line that is not marked tells it."""
    monkeypatch.setitem(cast("dict[Any, Line]", CALLS), ("GET", "/v1/planted/{name}"), Line(NOTHING))

    async def handler(request: web.Request) -> web.Response:
        raise KeyError(request.match_info["name"]) from ValueError(REASON)

    async with office(memory, watch, more=lambda _: [get("/v1/planted/{name}", Verb.STATUS, handler)]) as counter:
        reply = await counter.ask("chen", "GET", f"/v1/planted/{quote('王大明')}")
        assert (reply.status, holds(reply.body)) == (500, NOTHING)
    assert "GET /v1/planted/{name} failed" in lines.text
    assert "ValueError\n" in lines.text
    assert "raise KeyError" in lines.text
    assert holds(lines.text.encode()) == NOTHING
    logging.getLogger("edged.api").error("refused: %s", REASON)
    assert holds(lines.text.encode()) == WORDS
