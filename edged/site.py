"""The running site: everything known about it in one place, and what the control API asks and changes.

Lives on the event loop; blocking reads go to threads. Holds the present configuration, the last measurements, the
cameras' conditions and the memory of the alarms. Decisions are made in pure modules (health, alarms, troubles, views).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edged import alarms, clockwatch, documents, exits, fleet, health, queries, troubles, views
from edged.config import Config, ConfigError, load
from edged.control import Page, Refusal
from edged.measure import Measurements, measure
from edged.recording import StoreKeeper
from edged.reporting import Reporter
from edged.versions import versions
from storage.answers import AlarmRow, SweepReport
from storage.clock import Clock
from storage.model import Bounds
from storage.store import Store

log = logging.getLogger("edged.site")

UNTIL_RESTART: Final = ("site", "paths", "volumes")
"""Tables that keep their present values over a reload: names in files, topics and locks hang on them."""


class Site:
    """See the module. `recovering` is True until what an earlier run left open has been worked off."""

    def __init__(
        self,
        config: Config,
        config_path: Path,
        store: Store,
        keeper: StoreKeeper,
        cameras: fleet.Fleet,
        reporter: Reporter,
        clock: Clock,
        version: str,
    ) -> None:
        self._config = config
        self._config_path = config_path
        self._store = store
        self._keeper = keeper
        self._fleet = cameras
        self._reporter = reporter
        self._clock = clock
        self._version = version
        self._started = clock.now()
        self._watch = clockwatch.ClockWatch.start(self._started)
        self._stepped_at_ms: int | None = None
        self._synced = False
        self._measured = Measurements(self._started)
        self._health: dict[str, views.Health] = {}
        self._tracked: dict[str, alarms.Tracked] = {}
        self._alarms: tuple[AlarmRow, ...] = ()
        self._destroyed = 0
        self._last_sweep_ms: int | None = None
        self._reloading = asyncio.Lock()
        self.recovering = True

    async def start(self) -> None:
        """Recording first; then the alarms that an earlier run left standing are taken over."""
        await self._read_clock()
        await self._fleet.apply(fleet.settings_of(self._config))
        await self.measure()
        self._alarms = tuple(await asyncio.to_thread(self._store.alarms))
        now_s = self._started.boottime_ms / 1000
        for row in self._alarms:
            if row.raised:
                trouble = alarms.Trouble(row.severity, row.text, row.action)
                self._tracked[row.key] = alarms.Tracked(trouble, now_s, now_s, raised=True)

    # -- rounds of the daemon's loops ---------------------------------------------------------------------------------

    async def measure(self) -> None:
        names = [camera.id for camera in self._config.cameras]
        self._measured = await asyncio.to_thread(measure, self._store, names, self._clock.now())

    async def watch_clock(self) -> None:
        """A step of the wall clock opens an epoch and cuts segments; a change of synchronisation only new terms."""
        now = self._clock.now()
        self._watch, step_ms = self._watch.look(now)
        if step_ms:
            log.warning("the wall clock was stepped by %+.3f s; recording goes on, no age changes", step_ms / 1000)
            epoch = await asyncio.wrap_future(self._store.clock_stepped(now, self._synced))
            self._keeper.clock_is(epoch, synced=self._synced)
            self._stepped_at_ms = now.boottime_ms
            await self._fleet.renew_terms()
            self._fleet.cut("clock step")
        before = self._synced
        await self._read_clock()
        if self._synced != before:
            await self._fleet.renew_terms()

    async def _read_clock(self) -> None:
        self._synced = await asyncio.to_thread(self._clock.synced)
        self._keeper.clock_is(self._store.epoch, synced=self._synced)

    async def judge(self, failing: Mapping[str, str]) -> None:
        """Judge each camera, raise and clear alarms, tell the centre what changed."""
        now = self._clock.now()
        seen = {camera.id: self._fleet.view(camera.id) for camera in self._config.cameras}
        for camera in self._config.cameras:
            observed = views.observation(seen[camera.id], now, enabled=camera.enabled)
            expected = health.Expectation(
                camera.expect.width, camera.expect.height, camera.expect.fps, camera.expect.audio
            )
            condition = health.assess(observed, expected)
            before = self._health.get(camera.id)
            same = before is not None and before.condition.state is condition.state
            since_ms = before.since_ms if before is not None and same else now.wall_ms
            self._health[camera.id] = views.Health(condition, observed.stream, since_ms)
        for gone in self._health.keys() - seen.keys():
            del self._health[gone]
        overview = self.overview()
        running = {name: view for name, view in seen.items() if view is not None}
        await self._alarm(troubles.troubles(overview, running, failing, self._stepped_at_ms))
        self._reporter.tell(self.overview())

    async def _alarm(self, standing: Mapping[str, alarms.Trouble]) -> None:
        self._tracked, changes = alarms.step(self._tracked, standing, self._clock.now().boottime_ms / 1000)
        for change in changes:
            if change.trouble is None:
                log.info("alarm cleared: %s", change.key)
                await asyncio.wrap_future(self._store.clear_alarm(change.key))
                continue
            trouble = change.trouble
            if not change.again:
                log.warning("alarm %s: %s. %s", change.key, trouble.text, trouble.action)
            await asyncio.wrap_future(
                self._store.raise_alarm(change.key, trouble.severity, trouble.text, trouble.action)
            )
        if changes:
            self._alarms = tuple(await asyncio.to_thread(self._store.alarms))

    def swept(self, report: SweepReport) -> None:
        """Remember what a sweep did, for whoever asks."""
        self._destroyed += report.destroyed
        self._last_sweep_ms = self._clock.now().wall_ms
        for words in report.failed:
            log.error("footage past its time could not be removed: %s", words)

    # -- what others ask ----------------------------------------------------------------------------------------------

    def bounds(self, camera: str) -> Bounds:
        return self._config.bounds(camera)

    def configured_bounds(self) -> dict[str, Bounds]:
        return {camera.id: self._config.bounds(camera.id) for camera in self._config.cameras}

    def overview(self) -> views.Overview:
        """Everything known now; cheap."""
        return views.Overview(
            config=self._config,
            version=self._version,
            pid=os.getpid(),
            started_ms=self._started.wall_ms,
            started_boottime_ms=self._started.boottime_ms,
            boot_id=self._clock.boot_id,
            epoch=self._store.epoch,
            synced=self._synced,
            recovering=self.recovering,
            now=self._clock.now(),
            measured=self._measured,
            health=dict(self._health),
            link=self._reporter.view,
            alarms=self._alarms,
            destroyed=self._destroyed,
            last_sweep_ms=self._last_sweep_ms,
        )

    def one_line(self) -> str:
        """For systemd's STATUS."""
        status = views.status(self.overview())
        recording = sum(camera.state in ("recording", "degraded") for camera in status.cameras)
        return f"{status.verdict}: {recording} of {len(status.cameras)} cameras recording. {status.action}".strip()

    async def status(self) -> documents.Status:
        return views.status(self.overview())

    async def cameras(self) -> documents.Cameras:
        return views.cameras(self.overview())

    async def retention(self) -> documents.Retention:
        return views.retention(self.overview())

    async def alarms(self) -> documents.Alarms:
        return documents.Alarms(alarms=[views.alarm(row) for row in self._alarms])

    async def version(self) -> documents.Version:
        return versions()

    async def explain(self, segment: str) -> documents.Explanation:
        return await asyncio.to_thread(queries.explain, self._store, segment, self.configured_bounds())

    def segments(self, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page:
        return queries.segments(self._store, self._known(camera), start, end, limit)

    def gaps(self, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page:
        return queries.gaps(self._store, self._known(camera), start, end, limit)

    def _known(self, camera: str | None) -> str | None:
        names = {camera.id for camera in self._config.cameras} | self._measured.usage.keys()
        if camera is not None and camera not in names:
            raise Refusal(f"there is no camera {camera}", f"known are: {', '.join(sorted(names))}", exits.USAGE, 404)
        return camera

    # -- reload -------------------------------------------------------------------------------------------------------

    async def reload(self) -> documents.Reload:
        """Read the configuration again and touch only the cameras that changed. Refused whole when it has an error."""
        async with self._reloading:
            try:
                after = await asyncio.to_thread(load, self._config_path)
            except ConfigError as error:
                raise Refusal(
                    str(error), "nothing was changed; correct the file and reload again", exits.CONFIG
                ) from None
            before = self._config
            needed = [key for key in UNTIL_RESTART if getattr(before, key) != getattr(after, key)]
            after = after.model_copy(update={key: getattr(before, key) for key in UNTIL_RESTART})
            self._config = after
            change = await self._fleet.apply(fleet.settings_of(after))
            await self._reporter.renew(after)
            await self.measure()
        return documents.Reload(
            added=list(change.added),
            removed=list(change.removed),
            changed=list(change.changed),
            unchanged=list(change.unchanged),
            restart_needed=needed,
        )

    async def reload_and_tell(self) -> None:
        """For SIGHUP: nobody waits for the answer, so the journal gets it."""
        try:
            log.info("reloaded: %s", (await self.reload()).model_dump_json())
        except Refusal as refusal:
            log.warning("%s. %s", refusal.document.error, refusal.document.action)
