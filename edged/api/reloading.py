"""A configuration takes the place of another while the daemon runs: it was read again, or a second person approved.

It is there from the start, while the calls are not (`edged.api.listening`).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edged.access.acts import Agreement
from edged.access.callers import Caller, Refusal
from edged.cameras import Difference
from edged.centre.reports import Reporter
from edged.config import rules as config_rules
from edged.config.load import load
from edged.config.loosened_bounds import granted, tightened
from edged.config.model import Config
from edged.config.problem import ConfigError
from edged.office import calendars
from edged.site.rounds import SiteState
from edged.words import exit_codes
from storage.ring.volume_operations import Reconfigured
from storage.store.facade import Store
from storage.words.errors import NodeChanged, VolumeRefused
from storage.words.message import Message, in_lines, message

if TYPE_CHECKING:
    from edged.documents import site as documents

log = logging.getLogger("edged.api")
UNTIL_RESTART: Final = ("site", "paths")
"""Tables that keep their present values over a reload: names in files, topics and locks hang on them. On the profile
none does."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload came to."""

    cameras: Difference
    volumes: Reconfigured
    roles: tuple[Message, ...]
    """Granted by it."""
    warnings: tuple[Message, ...]
    restart_needed: tuple[str, ...]
    """Tables that changed and keep their values until then."""

    @property
    def document(self) -> documents.Reload:
        """As it is answered."""
        from edged.documents import site as documents
        from edged.documents.base import Told

        return documents.Reload(
            added=list(self.cameras.added),
            removed=list(self.cameras.removed),
            changed=list(self.cameras.changed),
            unchanged=list(self.cameras.unchanged),
            restart_needed=list(self.restart_needed),
            volumes=documents.ReloadedVolumes(
                added=list(map(str, self.volumes.came)),
                retired=list(map(str, self.volumes.retired)),
                left_out=list(map(str, self.volumes.left_out)),
            ),
            roles=list(map(str, self.roles)),
            roles_told=[Told(**one.told) for one in self.roles],
            warnings=list(map(str, self.warnings)),
            warnings_told=[Told(**one.told) for one in self.warnings],
        )


class Reloading:
    """One at a time."""

    def __init__(
        self, site: SiteState, store: Store, reporter: Reporter, agreement: Agreement, config_path: Path
    ) -> None:
        self._site = site
        self._store = store
        self._reporter = reporter
        self._agreement = agreement
        self._config_path = config_path
        self._turn = asyncio.Lock()

    async def reload(self, by: Caller | None) -> Reloaded:
        """Read the configuration again and touch only the cameras that changed. Refused whole when it has an error.

        What loosens a bound, gives a role or names another profile waits for another person than `by`; None: nobody
        knows who it was.
        """
        async with self._turn:
            try:
                in_force = self._site.config.site.profile
                wished = await asyncio.to_thread(load, self._config_path, in_force=in_force)
            except ConfigError as error:
                action = message("api.reload-config.action", "nothing was changed; correct the file and reload again")
                raise Refusal(in_lines(problem.said for problem in error.problems), action, exit_codes.CONFIG) from None
            tls = await asyncio.to_thread(config_rules.certificate_faults, wished, self._site.overview().now.wall_ms)
            if mistakes := config_rules.mistakes(tls):
                action = message("api.reload-tls.action", "nothing was changed; put it right and reload again")
                raise Refusal(in_lines(mistake.said for mistake in mistakes), action, exit_codes.CONFIG)
            before = self._site.config
            if wished.site.node != before.site.node:
                changed = NodeChanged(wished.site.node, before.site.node)
                raise Refusal(
                    changed.what,
                    message(
                        "api.reload-node.action",
                        "nothing was changed; {action}, and reload again",
                        action=changed.action,
                    ),
                    exit_codes.CONFIG,
                )
            site = before.site.model_copy(update={"profile": wished.site.profile})
            after = wished.model_copy(update={"site": site, "paths": before.paths})
            try:
                disks = await asyncio.to_thread(self._store.volume_operations.configure, after.volume_specs())
            except VolumeRefused as refused:
                action = message("api.reload-volumes.action", "nothing was changed. {action}", action=refused.action)
                raise Refusal(
                    message("api.reload-volumes", "no volume could be used: {reason}", reason=refused.what),
                    action,
                    exit_codes.CONFIG,
                ) from None
            held = await self._agreement.hold(after)
            change = await self._use(held)
        waiting = await self._agreement.ask(by)
        _, unread = await asyncio.to_thread(calendars.read, wished.office.calendars)
        roles = tuple(granted(before, held))
        warnings = (*disks.warnings, *tightened(before, held), *waiting, *(fault.said for fault in tls))
        warnings += tuple(fault.said for fault in unread)
        return Reloaded(
            change,
            disks,
            roles,
            warnings,
            restart_needed=tuple(key for key in UNTIL_RESTART if getattr(after, key) != getattr(wished, key)),
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
        async with self._turn:
            held = await self._agreement.again()
            self._site.loosening = self._agreement.waiting
            if held is not None and held != self._site.config:
                log.info("as agreed upon: %s, roles %s", held.policy(), held.assignment())
                await self._use(held)

    async def reload_and_tell(self) -> None:
        """For SIGHUP: nobody waits for the answer, so the journal gets it."""
        try:
            log.info("reloaded: %s", (await self.reload(None)).document.model_dump_json())
        except Refusal as refusal:
            log.warning("not reloaded: %s. %s", refusal.error, refusal.action)
