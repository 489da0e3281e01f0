"""How the box stands to its regulation, looked at every few seconds: facts are gathered and judged, changes kept.

Lives on the event loop; gathering reads the catalog, the register and the disks on a thread of its own, which gives
way to recording. Until everything was measured once, or a start has had its time, what is not known yet is told as
not met, and since when each clause stands is not touched: a restart is no change. `document` is what people and
programs get of it; it is pure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from edged import compliance
from edged.access.callers import Route
from edged.compliance import Call, ClauseFinding, ClauseStatus, Facts, advanced, summary
from edged.documents import register as documents
from edged.documents.base import Told
from edged.host.file_access import OpenFileWatch
from edged.host.loops import Loops, OwnThread
from edged.office.findings import CaseFinding, OfficeRecord, findings
from edged.office.service import OfficeService
from edged.overview import DAY_MS, Overview
from edged.profiles.loader import Profile, profile
from edged.site.rounds import SiteState
from edged.words.catalogue import Reader
from edged.words.units import optional_timestamp, timestamp
from storage.ledger.signer import IssuedHead
from storage.office.office_store import OfficeShut
from storage.register.queries import Kept
from storage.store.facade import Store
from storage.words.errors import StoreError
from storage.words.message import NOTHING, Message
from storage.words.model import VolumeState

LOOK_EVERY_S: Final = 10.0
"""What breaks is told within a minute, and what is mended, too."""
SETTLED_MS: Final = 60_000
"""A start has this long to have everything measured; what is still unknown then is how the box stands."""
DECLARATION: Final = (
    "本報告為錄影主機依自身量測及紀錄所作的自我聲明，不是主管機關或稽核人員的認定。"
    "「符合」只及於主機能判定的部分；無從判定的，列為不符合或人工查核。"
)


@dataclass(frozen=True, slots=True)
class ComplianceStanding:
    """What the last look came to."""

    profile: Profile
    seen: Overview
    """As it was then."""
    findings: tuple[ClauseFinding, ...]
    kept: dict[str, Kept] = field(default_factory=dict)
    """Since when each stands as it does; empty before the box has settled."""
    head: IssuedHead | None = None
    """Of the ledger."""


class ComplianceWatch:
    """Judges the clauses in the background. `routes`: the calls of the control API as they are served."""

    def __init__(
        self, site: SiteState, store: Store, office: OfficeService, routes: Callable[[], Sequence[Route]]
    ) -> None:
        self._site = site
        self._store = store
        self._office = office
        self._routes = routes
        self._openness = OpenFileWatch()
        self._thread = OwnThread("compliance")
        self._settled = False
        self.standing: ComplianceStanding | None = None
        """None before the first look, and without a profile."""
        self.wake = asyncio.Event()
        """Something has changed: the next look is now."""

    def start(self, loops: Loops) -> None:
        loops.every("compliance", LOOK_EVERY_S, self.poll, wake=self.wake)

    async def close(self) -> None:
        """When the loops have ended."""
        await self._thread.close()

    async def poll(self) -> None:
        """One round."""
        seen = self._site.overview()
        if seen.config.site.profile is None:
            self.standing = self._site.compliance = None
            return
        chosen = profile(seen.config.site.profile)
        facts, head = await self._thread.run(self._gather, seen, chosen)
        found = await self._thread.run(lambda: tuple(compliance.findings(chosen, facts)))
        self._settled = self._settled or _is_settled(facts)
        kept: dict[str, Kept] = {}
        if self._settled:
            before = await self._thread.run(self._store.compliance.kept)
            kept = advanced(before, found, seen.now.wall_ms)
            if kept != before:
                await asyncio.wrap_future(self._store.compliance.keep(kept))
            self._site.compliance = summary(chosen, found, kept)
        self.standing = ComplianceStanding(chosen, seen, found, kept, head)

    def _gather(self, seen: Overview, chosen: Profile) -> tuple[Facts, IssuedHead | None]:
        """Blocking."""
        record, shut = self._record()
        config, now_ms = seen.config, seen.now.wall_ms
        there = [one.path for one in seen.measured.volumes if one.state not in (VolumeState.AWAY, VolumeState.LOST)]
        live = [camera.id for camera in config.cameras if camera.enabled and camera.id in seen.measured.usage]
        facts = Facts(
            seen,
            tuple(Call(one.method, one.path, one.verb.value) for one in self._routes()),
            self._openness.poll(config.paths.state, there),
            self._store.compliance.read_on(),
            {camera: self._store.compliance.shares(camera, now_ms - DAY_MS, now_ms) for camera in live},
            record,
            shut,
            () if record is None else findings(chosen, record),
        )
        return facts, self._store.ledger.head_signer.head()

    def _record(self) -> tuple[OfficeRecord | None, Message]:
        """Of the office; where there is none, why, once that is known. Blocking."""
        try:
            return self._office.record(), NOTHING
        except StoreError as error:
            starting = isinstance(error, OfficeShut) and self._store.office.trouble is None
            return None, NOTHING if starting else error.what


def _is_settled(facts: Facts) -> bool:
    """Everything was measured, or has had its time."""
    seen = facts.seen
    live = [seen.health.get(camera.id) for camera in seen.config.cameras if camera.enabled]
    streams = all(one is not None and one.stream is not None and one.condition.fps is not None for one in live)
    read = facts.register is not None and seen.last_sweep_ms is not None and not seen.recovering
    looked = seen.roles.looked and all(camera.id in seen.judged for camera in seen.config.cameras if camera.enabled)
    office = facts.office is not None or bool(facts.office_shut)
    return (streams and read and looked and office) or seen.now.boottime_ms - seen.started_boottime_ms >= SETTLED_MS


def document(standing: ComplianceStanding, only: str | None = None) -> documents.Compliance:
    """`only`: the clause that was asked for."""
    seen, chosen, head = standing.seen, standing.profile, standing.head
    site = seen.config.site
    statuses = [one.status for one in standing.findings]
    read = Reader("zh_TW", site.zone, form=True)
    return documents.Compliance(
        node=site.node,
        office=site.office,
        site=site.name,
        profile=chosen.name,
        body=chosen.office,
        title=chosen.title,
        time=timestamp(seen.now.wall_ms),
        timezone=site.timezone,
        software=f"edged {seen.version}",
        counts=documents.Counts(
            met=statuses.count(ClauseStatus.MET),
            not_met=statuses.count(ClauseStatus.NOT_MET),
            by_hand=statuses.count(ClauseStatus.BY_HAND),
            not_built=statuses.count(ClauseStatus.NOT_BUILT),
        ),
        head=None
        if head is None
        else documents.LedgerHead(
            origin=head.checkpoint.origin, size=head.checkpoint.size, root=head.checkpoint.root.hex(), key=head.key
        ),
        declaration=DECLARATION,
        compliance=[
            _clause(one, standing.kept.get(one.clause.id), read)
            for one in standing.findings
            if only in (None, one.clause.id)
        ],
    )


def _clause(one: ClauseFinding, kept: Kept | None, read: Reader) -> documents.Clause:
    clause = one.clause
    return documents.Clause(
        id=clause.id,
        article=clause.article,
        text=clause.words,
        basis=clause.basis.value,
        status=one.status.value,
        whole=one.whole,
        since=optional_timestamp(kept.since_ms if kept is not None else None),
        faults=[read(fault) for fault in one.faults],
        evidence=[read(told) for told in one.evidence],
        faults_told=[Told(**fault.told) for fault in one.faults],
        evidence_told=[Told(**told.told) for told in one.evidence],
        findings=[_finding(finding, read) for finding in one.findings],
        by_hand=clause.by_hand,
        not_built=clause.not_built,
    )


def finding_document(one: CaseFinding, standing: ComplianceStanding) -> documents.ClosableFinding:
    return _finding(one, Reader("zh_TW", standing.seen.config.site.zone, form=True))


def _finding(one: CaseFinding, read: Reader) -> documents.ClosableFinding:
    said = [*one.breaches, *one.closed]
    return documents.ClosableFinding(
        id=one.id,
        about=one.about,
        what=[read(breach.said) for breach in said],
        what_told=[Told(**breach.said.told) for breach in said],
        stands=one.stands,
        closed=None if one.is_open or one.closing is None else timestamp(one.closing.at.wall_ms),
        leaf=None if one.is_open or one.closing is None else one.closing.leaf,
    )
