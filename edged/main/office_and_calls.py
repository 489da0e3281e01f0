"""What people and regulations ask of the box: the office (調閱), clauses, exports, and all calls of the control API.

Loaded late (`edged.main.late_loading`): what is imported here nothing else of the daemon needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edged.access.acts import Acts
from edged.access.guard import Guard
from edged.access.service import AccessService
from edged.api.reloading import Reloading
from edged.api.server import Control, Parts, Service, routes
from edged.centre.handlers import or_key
from edged.evidence.export_service import ExportService
from edged.health.watch import HealthWatch
from edged.host.loops import Loops
from edged.office.looks import Looks
from edged.office.service import OfficeService
from edged.office.viewing_copies import ViewingCopies
from edged.site.compliance_watch import ComplianceWatch
from edged.site.office_watch import OfficeWatch
from edged.site.rounds import SiteState
from mqtt.commands import Commanders
from storage.store.facade import Store
from storage.words.clock import Clock


class OfficeAndCalls:
    """Of one daemon run. The guard asks the office who has a part in a request."""

    def __init__(
        self,
        site: SiteState,
        store: Store,
        clock: Clock,
        acts: Acts,
        people: AccessService,
        keys: Callable[[], Commanders],
        reloading: Reloading,
        lookout: HealthWatch,
    ) -> None:
        office = OfficeService(store, lambda: site.config, clock)
        exports = ExportService(store, clock, lambda: site.config)
        copies = ViewingCopies(exports, store.exports, site.config.viewings)
        looks = Looks(copies, clock)
        guard = Guard(people.assignment, people.directory, people.journal, people.clash)
        guard.has_part, guard.accompanies, guard.cameras_of = office.has_part, office.accompanies, office.cameras_of
        self._compliance = ComplianceWatch(site, store, office, lambda: self.control.routes)
        self._watch = OfficeWatch(site, store, office, copies, looks)
        may_ask = or_key(guard.may, keys)
        parts = Parts(
            site, store, clock, acts, may_ask, lookout, self._compliance, office, copies, looks, exports
        )  # fmt: skip
        self.control: Final = Control(Service(site, store, reloading), guard, routes(parts))

    def start(self, loops: Loops) -> None:
        """From now on office and clauses are looked at."""
        self._compliance.start(loops)
        self._watch.start(loops)

    async def close(self) -> None:
        """When the loops have ended."""
        await self._watch.close()
        await self._compliance.close()
