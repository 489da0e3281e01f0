"""A box with a profile, as it was before there was an office: nothing of it is lost, no one person discloses anything
until two have opened the office, and then requests alone do.

The fixture was made by the daemon of commit d684294f (`tests/fixtures/before_the_office/make`), with what it said last.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from edged.config.load import load
from edged.profiles.loader import profile
from edged.site import office_watch
from tests.faults.storage.store.scenario import OfficeAt
from tests.integration.storage.recovery.test_lost_database import gone, rebuilt
from tests.support import version_before as before
from tests.support.counter import PICTURE, Counter, Reply, serving
from tests.support.daemon import shortened
from tests.support.office import Clock
from tests.support.office_story import CLERK, PERSONS, SECOND, Story, called, staffed
from tests.support.wallclock import WallClock

FIXTURE: Final = Path(__file__).parents[3] / "fixtures" / "before_the_office"
TOLD: Final[dict[str, Any]] = json.loads((FIXTURE / "expected.json").read_text("utf-8"))
SAID: Final[dict[str, Any]] = TOLD["said"]
PROFILE: Final = "wenshan-household"
CAMERA: Final = "lobby"
AUTHORITY: Final = "wang"
LATER_MS: Final = 3_600_000
REFUSED: Final = 403
ALARM_S: Final = 60.0
SOON: Final = shortened((office_watch, "LOOK_EVERY_S", 0.5))
SNAPSHOT: Final = f"/v1/cameras/{CAMERA}/snapshot?purpose=inspection"
OPEN: Final = [one["id"] for one in SAID["exports"]["exports"] if one["state"] == "open"]


class Upgraded:
    """That box under the present version, whose clock was never synchronised since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        clock = Clock()
        clock.is_synced = False
        clock.wall_ms = round(datetime.fromisoformat(TOLD["end"]).timestamp() * 1000) + LATER_MS
        first, second = (folder / name for name in before.VOLUMES)
        self.box = OfficeAt(folder / "state", first, clock, second)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Counter]:
        """A run of its daemon."""
        async with serving(self.box, load(self.folder / "edged.toml"), self.folder / "viewings", 0) as counter:
            yield counter

    def restart(self) -> None:
        self.box.store.close()
        self.box.start()

    def lose_the_database(self) -> None:
        self.box.store.ledger.mirror_now()
        self.box.store.close()
        gone(self.box.state / "edged.db")
        self.box.start()
        rebuilt(self.box)


@pytest.fixture
def upgraded(memory: Path) -> Iterator[Upgraded]:
    memory.chmod(0o755)
    before.unpack(memory, FIXTURE / "state.tar.xz")
    made = Upgraded(memory)
    yield made
    made.box.store.close()


ROWS: Final = {"pins": "pins", "ended": "pins", "acts": "acts", "exports": "exports"}


def lasting(name: str, document: Any) -> list[dict[str, Any]]:
    """Rows without what runs on, and without what that version did not know."""
    rows: list[dict[str, Any]] = before.as_before(document)[ROWS[name]]
    return [{key: value for key, value in one.items() if key not in ("until", "left_s")} for one in rows]


def copy_of(camera: str = CAMERA) -> dict[str, Any]:
    """Of what the fixture has."""
    pinned = next(one for one in SAID["pins"]["pins"] if one["cameras"] == [camera])
    return {
        "cameras": [camera],
        "start": pinned["start"],
        "end": pinned["end"],
        "reason": "調閱",
        "case": None,
        "request": None,
        "destroy_by": None,
        "whole_segments": False,
        "max_file_bytes": 1 << 30,
        "dry_run": False,
    }


async def waiting(counter: Counter, verb: str) -> list[str]:
    acts = (await counter.done(CLERK, "GET", "/v1/acts"))["acts"]
    return [one["id"] for one in acts if one["verb"] == verb]


async def fetched(counter: Counter, export: str) -> Reply:
    """By one person, as `edgectl export --resume` does; the first answer that is none, or the last."""
    at = f"/v1/exports/{export}"
    reply = await counter.ask(CLERK, "POST", f"{at}/prepare")
    for file in (reply.document or {}).get("files", []):
        assert (await counter.ask(CLERK, "GET", f"{at}/file?path={file['path']}")).ok
    for step in ("seal", "finish"):
        if reply.ok:
            reply = await counter.ask(CLERK, "POST", f"{at}/{step}")
    return reply


async def test_pins_exports_and_acts_stand_as_they_were(upgraded: Upgraded) -> None:
    assert {one["state"] for one in SAID["pins"]["pins"]} == {"provisional", "approved"}
    assert len(SAID["acts"]["acts"]) == len(OPEN) == 2
    async with upgraded.run() as counter:
        counter.office_watch.look()
        upgraded.box.store.sweep(counter.config.policy)
        for name, path in (("pins", "pins"), ("ended", "pins?ended=1"), ("acts", "acts"), ("exports", "exports")):
            assert lasting(name, await counter.done(CLERK, "GET", f"/v1/{path}")) == lasting(name, SAID[name])


async def test_until_it_is_opened_each_disclosure_takes_a_second_person(upgraded: Upgraded) -> None:
    async with upgraded.run() as counter:
        assert counter.office_watch.look().not_opened
        asked = copy_of()
        for _ in range(2):
            refused = await counter.ask(CLERK, "POST", "/v1/exports", asked)
            assert (refused.status, "not opened" in refused.error) == (REFUSED, True), refused
        (act,) = await waiting(counter, "disclose")
        for who in (CLERK, SECOND):
            assert (await counter.ask(who, "POST", f"/v1/acts/{act}/approve")).status == REFUSED
        assert (await counter.ask(SECOND, "POST", "/v1/exports", asked)).status == REFUSED, "it is for who asked"
        await counter.done(AUTHORITY, "POST", f"/v1/acts/{act}/approve")
        assert (await counter.ask(CLERK, "POST", "/v1/exports", copy_of("gate"))).status == REFUSED, "it is for that"
        begun = (await counter.done(CLERK, "POST", "/v1/exports", asked))["export"]["id"]
        assert (await counter.ask(CLERK, "POST", "/v1/exports", asked)).status == REFUSED, "it is for once"
        assert (await fetched(counter, begun)).ok
        assert (await counter.ask(CLERK, "GET", SNAPSHOT)).status == REFUSED
        (act,) = [one for one in await waiting(counter, "disclose") if one != act][-1:]
        await counter.done(AUTHORITY, "POST", f"/v1/acts/{act}/approve")
        assert (await counter.ask(CLERK, "GET", SNAPSHOT)).document == {"bytes": len(PICTURE)}
        assert (await counter.ask(CLERK, "GET", SNAPSHOT)).status == REFUSED


async def test_until_it_is_opened_no_request_shows_anything(upgraded: Upgraded) -> None:
    async with upgraded.run() as counter:
        story = of_an_agency(counter)
        await story.receive()
        for step, body in (("copy", {}), ("view", {"step": "open", "companion": 1})):
            reply = await counter.ask(CLERK, "POST", f"/v1/requests/{story.number}/{step}", {"version": 1, **body})
            assert (reply.status, "not opened" in reply.error) == (409, True)


async def test_what_a_second_person_permitted_ends_with_the_run(upgraded: Upgraded) -> None:
    async with upgraded.run() as counter:
        assert (await counter.ask(CLERK, "POST", "/v1/exports", copy_of())).status == REFUSED
        (act,) = await waiting(counter, "disclose")
        await counter.done(AUTHORITY, "POST", f"/v1/acts/{act}/approve")
    upgraded.restart()
    async with upgraded.run() as counter:
        assert (await counter.ask(CLERK, "POST", "/v1/exports", copy_of())).status == REFUSED


async def test_an_export_that_was_begun_before_is_finished(upgraded: Upgraded) -> None:
    first, second = OPEN
    async with upgraded.run() as counter:
        assert (await fetched(counter, first)).ok
        await staffed(counter, PROFILE)
        assert (await fetched(counter, second)).ok


async def test_it_is_opened_by_two_and_stays_so(upgraded: Upgraded) -> None:
    async with upgraded.run() as counter:
        assert (await counter.ask(CLERK, "POST", "/v1/office/open", {})).status == 409, "nobody holds a post"
        assert (await counter.ask(CLERK, "POST", "/v1/exports", copy_of())).status == REFUSED
        (late,) = await waiting(counter, "disclose")
        await staffed(counter, PROFILE)
        assert not counter.office_watch.look().not_opened
        assert not (await counter.ask(AUTHORITY, "POST", f"/v1/acts/{late}/approve")).ok
        beside = await counter.ask(CLERK, "POST", "/v1/exports", copy_of())
        assert (beside.status, "request" in beside.error) == (409, True), "no second person makes up for a request"
        assert (await counter.ask(CLERK, "GET", SNAPSHOT)).ok
        story = of_an_agency(counter)
        await story.tell()
        extended, released = (one["id"] for one in SAID["acts"]["acts"])
        await counter.done(AUTHORITY, "POST", f"/v1/acts/{extended}/approve")
        await counter.done(AUTHORITY, "POST", f"/v1/acts/{released}/approve")
        shown = (await story.now())["fields"]
    upgraded.lose_the_database()
    async with upgraded.run() as counter:
        facts = counter.office_watch.look()
        upgraded.box.store.sweep(counter.config.policy)
        assert not facts.not_opened
        assert (facts.nameless, facts.nameless_persons) == ((), 0)
        persons = (await counter.done(CLERK, "GET", "/v1/persons"))["persons"]
        assert [(one["number"], one["name"], one["account"]) for one in persons] == [
            (number, called(who), who) for number, who in enumerate(PERSONS, 1)
        ]
        after = (await counter.done(CLERK, "GET", f"/v1/requests/{story.number}"))["request"]
        assert (after["status"], after["fields"]) == ("closed", shown)
        assert (await counter.ask(CLERK, "POST", "/v1/exports", copy_of())).status == 409
        kept = {one["id"]: one["state"] for one in (await counter.done(CLERK, "GET", "/v1/pins"))["pins"]}
        assert kept == {one["id"]: one["state"] for one in SAID["pins"]["pins"] if one["state"] == "provisional"}


def of_an_agency(counter: Counter) -> Story:
    """A copy by a request, of what the version before recorded."""
    row = profile(PROFILE).procedure("W-agency")
    assert row is not None
    start, end = (datetime.fromisoformat(copy_of()[at]).astimezone(counter.config.site.zone) for at in ("start", "end"))
    interval = f"{start:%Y-%m-%d %H:%M}-{end + timedelta(minutes=1):%H:%M}"
    return Story(counter, row, str(counter.office.today()), interval, CAMERA)


def test_the_daemon_says_that_it_is_not_opened(tmp_path: Path) -> None:
    clock = WallClock(tmp_path / "clock")
    before.unpack(tmp_path / "edged", FIXTURE / "state.tar.xz")
    with clock, before.taken(tmp_path / "edged", sabotage=SOON, environment=clock.environment) as daemon:

        def keys() -> set[str]:
            return {one["key"] for one in (daemon.ask("/v1/alarms") or {"alarms": []})["alarms"]}

        daemon.until(lambda: "office.not-opened" in keys(), ALARM_S, "the alarm")
        assert daemon.stop() == 0
