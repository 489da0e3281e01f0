"""How the box stands to its regulation, looked at every few seconds: facts are gathered and judged, changes kept.

Lives on the event loop; gathering reads the catalog, the register and the disks on a thread of its own, which gives way
to recording. Until everything was measured once, or a start has had its time, what is not known yet is told as not met,
and since when each clause stands is not touched: a restart is no change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from edged.api.base import Route
from edged.compliance.judge import findings, summary
from edged.compliance.model import Call, Facts, Finding
from edged.compliance.since import advanced
from edged.host.file_access import OpenFileWatch
from edged.host.loops import Loops
from edged.profiles.loader import Profile, profile
from edged.site.overview import Overview
from edged.site.rounds import Site
from edged.site.snapshot import DAY_MS
from storage.ledger.signer import Head
from storage.register.compliance import Kept
from storage.store.facade import Store
from storage.words.results import VolumeState

LOOK_EVERY_S: Final = 10.0
"""What breaks is told within a minute, and what is mended, too."""
SETTLED_MS: Final = 60_000
"""A start has this long to have everything measured; what is still unknown then is how the box stands."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the last look came to."""

    profile: Profile
    seen: Overview
    """As it was then."""
    findings: tuple[Finding, ...]
    kept: dict[str, Kept] = field(default_factory=dict)
    """Since when each stands as it does; empty before the box has settled."""
    head: Head | None = None
    """Of the ledger."""


class ComplianceWatch:
    """See the module. `routes`: the calls of the control API as they are served."""

    def __init__(self, site: Site, store: Store, routes: Callable[[], Sequence[Route]]) -> None:
        self._site = site
        self._store = store
        self._routes = routes
        self._openness = OpenFileWatch()
        self._thread = ThreadPoolExecutor(1, "compliance")
        self._settled = False
        self.standing: Standing | None = None
        """None before the first look, and without a profile."""

    def start(self, loops: Loops) -> None:
        loops.every("compliance", LOOK_EVERY_S, self.look)

    async def close(self) -> None:
        """When the loops have ended."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    async def look(self) -> None:
        """One round."""
        seen = self._site.overview()
        if seen.config.site.profile is None:
            self.standing = self._site.compliance = None
            return
        chosen = profile(seen.config.site.profile)
        loop = asyncio.get_running_loop()
        facts, head = await loop.run_in_executor(self._thread, self._gather, seen)
        found = tuple(findings(chosen, facts))
        self._settled = self._settled or _is_settled(facts)
        kept: dict[str, Kept] = {}
        if self._settled:
            before = await loop.run_in_executor(self._thread, self._store.compliance.kept)
            kept = advanced(before, found, seen.now.wall_ms)
            if kept != before:
                await asyncio.wrap_future(self._store.compliance.keep(kept))
            self._site.compliance = summary(chosen, found, kept)
        self.standing = Standing(chosen, seen, found, kept, head)

    def _gather(self, seen: Overview) -> tuple[Facts, Head | None]:
        """Blocking."""
        config, now_ms = seen.config, seen.now.wall_ms
        there = [one.path for one in seen.measured.volumes if one.state not in (VolumeState.AWAY, VolumeState.LOST)]
        live = [camera.id for camera in config.cameras if camera.enabled and camera.id in seen.measured.usage]
        facts = Facts(
            seen,
            tuple(Call(one.method, one.path, one.verb.value) for one in self._routes()),
            self._openness.look(config.paths.state, there),
            self._store.compliance.read_on(),
            {camera: self._store.compliance.shares(camera, now_ms - DAY_MS, now_ms) for camera in live},
        )
        return facts, self._store.books.notary.head()


def _is_settled(facts: Facts) -> bool:
    """Everything was measured, or has had its time."""
    seen = facts.seen
    live = [seen.health.get(camera.id) for camera in seen.config.cameras if camera.enabled]
    streams = all(one is not None and one.stream is not None and one.condition.fps is not None for one in live)
    read = facts.register is not None and seen.last_sweep_ms is not None and not seen.recovering
    looked = seen.roles.looked and all(camera.id in seen.judged for camera in seen.config.cameras if camera.enabled)
    return (streams and read and looked) or seen.now.boottime_ms - seen.started_boottime_ms >= SETTLED_MS
