"""The office, the clauses and exports, put together when they are first needed (`edged.main.late_office`)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self

from edged.evidence.export_service import ExportService
from edged.office.looks import Looks
from edged.office.service import OfficeService
from edged.office.viewing_copies import ViewingCopies
from edged.site.compliance_watch import ComplianceWatch
from edged.site.office_watch import OfficeWatch
from edged.site.rounds import SiteState
from storage.store.facade import Store
from storage.words.clock import Clock


@dataclass(frozen=True, slots=True)
class OfficeParts:
    """Of one daemon run."""

    office: OfficeService
    exports: ExportService
    copies: ViewingCopies
    looks: Looks
    compliance: ComplianceWatch
    watch: OfficeWatch

    @classmethod
    def of(cls, site: SiteState, store: Store, clock: Clock, wake: asyncio.Event) -> Self:
        """`wake`: set by whoever changes how a clause stands."""
        office = OfficeService(store, lambda: site.config, clock)
        exports = ExportService(store, clock, lambda: site.config)
        copies = ViewingCopies(exports, store.exports, site.config.viewings)
        looks = Looks(copies, clock)
        compliance = ComplianceWatch(site, store, office, wake)
        return cls(office, exports, copies, looks, compliance, OfficeWatch(site, store, office, copies, looks))

    async def close(self) -> None:
        """When the loops have ended."""
        await self.watch.close()
        await self.compliance.close()
