"""All calls of `edged.api` in one list, and what they may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edged.access.acts import Acts
from edged.access.callers import MayAsk, Route
from edged.api import alarms, approvals, checks, compliance, exports, ledger, pictures, pins, register, volumes
from edged.evidence.export.service import ExportService
from edged.health.watch import HealthWatch
from edged.site.compliance_watch import ComplianceWatch
from edged.site.rounds import SiteState
from storage.store.facade import Store
from storage.words.clock import Clock


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


def routes(parts: Parts) -> Sequence[Route]:
    """All of them."""
    return [
        *alarms.routes(parts.site, parts.store),
        *alarms.FaultCalls(parts.site, parts.store).routes(),
        *alarms.maintenance_routes(parts.site, parts.store),
        *checks.routes(parts.site, parts.store),
        *volumes.routes(parts.site, parts.store),
        *pictures.PictureCalls(parts.lookout, parts.site).routes(),
        *checks.rebuild_routes(parts.store),
        *pins.PinCalls(parts.store, parts.acts, parts.clock, lambda: parts.site.config).routes(),
        *approvals.routes(parts.acts, parts.clock, parts.may_ask),
        *approvals.boot_routes(parts.store, parts.acts),
        *ledger.routes(parts.site, parts.store, parts.acts, parts.clock),
        *exports.ExportCalls(ExportService(parts.store, parts.clock, lambda: parts.site.config)).routes(),
        *register.routes(parts.site, parts.store),
        *compliance.routes(parts.site, parts.compliance),
    ]
