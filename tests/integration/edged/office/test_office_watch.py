"""The office's watch beside a store that is worked off first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from edged.evidence.export_service import ExportService
from edged.host.loops import Loops
from edged.office.looks import Looks
from edged.office.service import OfficeService
from edged.office.viewing_copies import ViewingCopies
from edged.overview import OfficeFacts
from edged.site.office_watch import OfficeWatch
from edged.site.rounds import SiteState
from tests.support.counter import configured
from tests.support.office import Office

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
