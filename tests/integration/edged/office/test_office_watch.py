"""The office's watch beside a store that is worked off first."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import pytest

from edged import compliance
from edged.evidence.export_service import ExportService
from edged.host.loops import Loops
from edged.office.looks import Looks
from edged.office.service import OfficeService
from edged.office.viewing_copies import ViewingCopies
from edged.overview import OfficeFacts
from edged.site.office_watch import OfficeWatch
from edged.site.rounds import SiteState
from edged.words.units import timestamp
from storage.ages.history import History
from storage.office.service import Requests
from tests.integration.edged.office.test_findings import DAY_MS, office, version
from tests.integration.edged.office.test_stories import story
from tests.support.counter import configured
from tests.support.office import Office
from tests.support.office_story import CLERK

PATIENCE_S: Final = 10.0
"""Less than until the next round."""


@dataclass
class Site:
    """Of a daemon's, what the watch asks for."""

    recovering: bool = True
    recovered: asyncio.Event = field(default_factory=asyncio.Event)
    office: OfficeFacts = field(default_factory=OfficeFacts)
    seen: asyncio.Event = field(default_factory=asyncio.Event)

    def see_office(self, told: OfficeFacts) -> None:
        self.office = told
        self.seen.set()


async def test_requests_are_there_as_soon_as_the_database_is_whole(memory: Path) -> None:
    box, site, loops = Office(memory), Site(), Loops()
    config = configured(memory, box, "wenshan-household", {"lobby": ""})
    office = OfficeService(box.store, lambda: config, box.clock)
    copies = ViewingCopies(ExportService(box.store, box.clock, lambda: config), box.store.exports, memory / "viewings")
    watch = OfficeWatch(cast("SiteState", cast("Any", site)), box.store, office, copies, Looks(copies, box.clock))
    watch.start(loops)
    await loops.first_round("office")
    assert not site.office.not_opened, "nobody has looked yet"
    site.seen.clear()
    site.recovering = False
    site.recovered.set()
    async with asyncio.timeout(PATIENCE_S):
        await site.seen.wait()
    assert site.office.not_opened
    await loops.stop()
    await watch.close()
    box.store.close()


async def test_what_the_office_keeps_of_a_copy_is_told_until_it_is_entered_what_became_of_it(memory: Path) -> None:
    """From the day on by which it is to be destroyed; two days before as something to do. Also of a closed case."""
    async with office(memory, "taipei-police") as counter:
        told = story(counter, "taipei-police", "P-agency")
        await told.receive()
        left_ms = 10 * DAY_MS
        by = timestamp(counter.box.clock.now().wall_ms + left_ms)
        async for who, verb, path, body in told.steps():
            await told.do((who, verb, path, {**body, "destroy_by": by} if verb == "copy" else body))
        (copy,) = (await told.now())["copies"]

        async def todo() -> set[str]:
            return {one["code"] for one in (await told.now())["todo"]}

        counter.box.clock.tick(left_ms - 2 * DAY_MS - 1000)
        assert (counter.facts().copies_overdue, await todo()) == ({}, set())
        counter.box.clock.tick(2000)
        assert (counter.facts().copies_overdue, await todo()) == ({}, {"office.todo.destroy"})
        counter.box.clock.tick(2 * DAY_MS)
        assert counter.facts().copies_overdue == {copy["id"]: told.number}
        done = {"version": await version(told), "copy_id": copy["id"], "disposal": "destroyed", "ours": True}
        await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/destroyed", done)
        assert (counter.facts().copies_overdue, await todo()) == ({}, set())


async def test_a_round_asks_the_clocks_as_often_however_many_cases_there_are(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a minute is what it has; a box keeps thousands."""
    async with office(memory, "taipei-police") as counter:
        asked, ages = [0], Requests.ages

        def counted(requests: Requests) -> History:
            asked[0] += 1
            return ages(requests)

        monkeypatch.setattr(Requests, "ages", counted)
        found = []
        for _ in range(2):
            await story(counter, "taipei-police", "P-agency").receive()
            counter.facts()
            asked[0] = 0
            counter.facts()
            found.append(asked[0])
        assert found[0] == found[1]


async def test_clauses_are_judged_beside_the_event_loop(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be breaches by the thousand, and cameras go on recording."""
    async with office(memory, "taipei-police") as counter:
        threads, judge = set[int](), compliance.findings

        def judged(*given: Any) -> Any:
            threads.add(threading.get_ident())
            return judge(*given)

        monkeypatch.setattr(compliance, "findings", judged)
        await counter.compliance.poll()
        assert threads
        assert threading.get_ident() not in threads
