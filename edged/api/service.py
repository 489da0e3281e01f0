"""What the control API asks of the site and changes in it (edged.api.server.StatusSource). Decides nothing but what is
refused."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from edged.access.agreement import Agreement
from edged.access.callers import Caller, Refusal
from edged.api import listings
from edged.api.listings import Page
from edged.cameras.runners import Difference
from edged.centre.reports import Reporter
from edged.config import link as config_link
from edged.config.load import load
from edged.config.loosened_bounds import granted, tightened
from edged.config.model import Config
from edged.config.problem import ConfigError
from edged.documents import site as documents
from edged.documents.site import Explanation
from edged.site import documents as site_documents
from edged.site import versions
from edged.site.rounds import SiteState
from edged.words import exit_codes
from storage.store.facade import Store
from storage.words.errors import NodeChanged, VolumeRefused

log = logging.getLogger("edged.service")

UNTIL_RESTART: Final = ("site", "paths")
"""Tables that keep their present values over a reload: names in files, topics and locks hang on them."""


class Service:
    """Answers in documents; reloads one at a time."""

    def __init__(
        self, site: SiteState, store: Store, reporter: Reporter, agreement: Agreement, config_path: Path
    ) -> None:
        self._site = site
        self._store = store
        self._reporter = reporter
        self._agreement = agreement
        self._config_path = config_path
        self._reloading = asyncio.Lock()

    async def status(self) -> documents.Status:
        return site_documents.status(self._site.overview())

    async def cameras(self) -> documents.Cameras:
        return site_documents.cameras(self._site.overview())

    async def retention(self) -> documents.Retention:
        return site_documents.retention(self._site.overview())

    async def alarms(self) -> documents.Alarms:
        seen = self._site.overview()
        return documents.Alarms(
            alarms=[site_documents.alarm(row) for row in seen.alarms], held=site_documents.held(seen)
        )

    async def version(self) -> documents.Version:
        return versions.versions()

    async def explain(self, segment: str) -> Explanation:
        site = self._site
        now_ms, zone = site.overview().now.wall_ms, site.config.site.zone
        return await asyncio.to_thread(listings.explain, self._store, segment, site.policy(), now_ms, zone)

    def segments(self, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page:
        return listings.segments(self._store, self._known(camera), start, end, limit)

    def gaps(self, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page:
        return listings.gaps(self._store, self._known(camera), start, end, limit)

    def _known(self, camera: str | None) -> str | None:
        seen = self._site.overview()
        names = {configured.id for configured in seen.config.cameras} | seen.measured.usage.keys()
        if camera is not None and camera not in names:
            raise Refusal(
                f"there is no camera {camera}", f"known are: {', '.join(sorted(names))}", exit_codes.USAGE, 404
            )
        return camera

    async def reload(self, by: Caller | None) -> documents.Reload:
        """Read the configuration again and touch only the cameras that changed. Refused whole when it has an error.

        What loosens a bound or gives a role waits for another person than `by`; None: nobody knows who it was.
        """
        async with self._reloading:
            try:
                in_force = self._site.config.site.profile
                wished = await asyncio.to_thread(load, self._config_path, in_force=in_force)
            except ConfigError as error:
                action = "nothing was changed; correct the file and reload again"
                raise Refusal(str(error), action, exit_codes.CONFIG) from None
            tls = await asyncio.to_thread(config_link.faults, wished, self._site.overview().now.wall_ms)
            if mistakes := config_link.mistakes(tls):
                action = "nothing was changed; put it right and reload again"
                raise Refusal("; ".join(map(str, mistakes)), action, exit_codes.CONFIG)
            before = self._site.config
            if wished.site.node != before.site.node:
                changed = NodeChanged(wished.site.node, before.site.node)
                raise Refusal(
                    changed.what, f"nothing was changed; {changed.action}, and reload again", exit_codes.CONFIG
                )
            after = wished.model_copy(update={key: getattr(before, key) for key in UNTIL_RESTART})
            try:
                disks = await asyncio.to_thread(self._store.disks.configure, after.volume_specs())
            except VolumeRefused as refused:
                action = f"nothing was changed. {refused.action}"
                raise Refusal(f"no volume could be used: {refused.what}", action, exit_codes.CONFIG) from None
            held = await self._agreement.hold(after)
            change = await self._use(held)
        waiting = await self._agreement.ask(by)
        return documents.Reload(
            added=list(change.added),
            removed=list(change.removed),
            changed=list(change.changed),
            unchanged=list(change.unchanged),
            restart_needed=[key for key in UNTIL_RESTART if getattr(before, key) != getattr(wished, key)],
            volumes=site_documents.reloaded_volumes(disks),
            roles=list(granted(before, held)),
            warnings=[*disks.warnings, *tightened(before, held), *waiting, *map(str, tls)],
        )

    async def _use(self, config: Config) -> Difference:
        self._site.loosening = self._agreement.waiting
        change = await self._site.apply(config)
        await self._site.watch_volumes()
        await self._reporter.renew(config)
        await self._site.measure()
        return change

    async def keep_agreement(self) -> None:
        """What was approved comes to hold, and what a database that was made anew tells."""
        async with self._reloading:
            held = await self._agreement.again()
            self._site.loosening = self._agreement.waiting
            if held is not None and held != self._site.config:
                log.info("as agreed upon: %s, roles %s", held.policy(), held.assignment())
                await self._use(held)

    async def reload_and_tell(self) -> None:
        """For SIGHUP: nobody waits for the answer, so the journal gets it."""
        try:
            log.info("reloaded: %s", (await self.reload(None)).model_dump_json())
        except Refusal as refusal:
            log.warning("not reloaded: %s. %s", refusal.document.error, refusal.document.action)
