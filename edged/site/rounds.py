"""The running site: everything known about it in one place, and the rounds in which it is looked at.

Lives on the event loop; blocking reads go to threads. Holds the present configuration, the last measurements, the
cameras' conditions and the memory of the alarms. Decisions are made in pure modules (health, alarms, documents).
What is remembered changes only after it was stored, so that a round that fails is simply done again.

A lost database comes back behind running recording, on a thread of its own (`RebuildTask`). A database that turns out
to be broken while the daemon runs is the end of it: word is left, the process ends like one that was killed, and the
next start begins a new one. Nothing that an orderly stop would write could be written.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Final, Protocol

from edged.access.role_watch import RolesSeen
from edged.alarms import conditions, tracking
from edged.cameras import STEADY, CameraRunners, Difference, StoreAdapter, is_unsteady, settings_of
from edged.config.model import Config
from edged.health import stream
from edged.health.faults import MediaHealth
from edged.health.load import BoxLoad, load_of
from edged.health.stream import CameraState
from edged.host import journal
from edged.host.clock import ClockWatch
from edged.host.journal import PERSONAL
from edged.host.loops import Loops, OwnThread
from edged.host.processors import BusyMeter
from edged.overview import (
    AlarmCondition,
    CameraHealth,
    ComplianceSummary,
    FootageForecast,
    Measurements,
    OfficeFacts,
    Overview,
    SampleWindow,
    footage_forecast,
    measure,
    observation,
    shown_camera,
)
from edged.site import verdict
from edged.words import exit_codes
from mqtt.client import LinkView
from mqtt.tls import TlsView
from recorder.words.messages import Stats
from storage.retention.bounds import Loosening
from storage.retention.plan import Policy, Reason
from storage.segments.findings_table import TamperedFiles
from storage.store.facade import Store
from storage.tickets.maintenance_table import Lasting
from storage.words.clock import Clock
from storage.words.errors import DatabaseCorrupt, StoreError
from storage.words.message import Message, format_size, joined
from storage.words.model import AlarmRow, Bounds, SweepReport

log = logging.getLogger("edged.site")


class Reports(Protocol):
    """What the centre is told, and how the link to it stands; `edged.centre.reports.Reporter` is one."""

    @property
    def view(self) -> LinkView | None: ...
    @property
    def tls(self) -> TlsView | None: ...
    def tell(self, seen: Overview) -> None: ...


class SiteState:
    """The state of the running site. `recovering` is True until what an earlier run left open has been worked off."""

    def __init__(
        self,
        config: Config,
        store: Store,
        keeper: StoreAdapter,
        cameras: CameraRunners,
        reports: Reports,
        clock: Clock,
    ) -> None:
        self.config = config
        self._store = store
        self._keeper = keeper
        self._fleet = cameras
        self._reports = reports
        self._clock = clock
        self._version = version("edged")
        self._started = clock.now()
        self._watch = ClockWatch.start(self._started)
        self._stepped_at_ms: int | None = None
        self._synced = False
        self._measured = Measurements(self._started)
        self._meter = BusyMeter()
        self._load = BoxLoad()
        self._foresight = FootageForecast()
        self._health: dict[str, CameraHealth] = {}
        self._windows: dict[str, SampleWindow] = {}
        self._tracked: dict[str, tracking.Tracked] = {}
        self._devices: dict[str, conditions.Episode] = {}
        self._alarms: tuple[AlarmRow, ...] = ()
        self._events_wanted: bool | None = None
        self._destroyed = 0
        self._last_sweep_ms: int | None = None
        self._ceiling_unproven = False
        self._unmoved: tuple[Message, ...] = ()
        self.recovering = True
        self.recovered = asyncio.Event()
        """Wakes the loop that waits until it is over."""
        self.tampered: tuple[TamperedFiles, ...] = ()
        self.roles = RolesSeen()
        self.loosening: tuple[Loosening, ...] = ()
        self.under: Lasting | None = None
        """Maintenance that is under way."""
        self.waiting: frozenset[str] = frozenset()
        """Keys of conditions that hold and that it covers: what stood before goes on standing."""
        self.held: dict[str, AlarmCondition] = {}
        """Alarms that it holds back."""
        self.judged: Mapping[str, MediaHealth] = {}
        """What was seen and heard of each camera; whoever looks at them keeps it up to date."""
        self.compliance: ComplianceSummary | None = None
        self.office = OfficeFacts()

    async def start(self) -> None:
        """Recording first; then the alarms that an earlier run left standing are taken over.

        Before all, maintenance that ended while nobody was there to see it: gaps go by that.
        """
        try:
            await self.look_at_maintenance()
        except StoreError as error:
            log.warning("whether maintenance is under way is not known yet: %s", error)
        await self._read_clock()
        await self._keeper.refresh_volumes()
        await self.apply(self.config)
        await self.measure()
        self._tell_of_floors()
        await self.look_at_alarms()
        now_s = self._started.boottime_ms / 1000
        for row in self._alarms:
            if row.raised:
                trouble = AlarmCondition(row.severity, row.text, row.action, names=row.names)
                self._tracked[row.key] = tracking.Tracked(trouble, now_s, now_s, raised=True)

    def _tell_of_floors(self) -> None:
        """At each start, with the numbers; the alarm names none, because they change."""
        seen = self._foresight
        if not seen.fits:
            asked, there = format_size(round(seen.floors_bytes)), format_size(seen.room_bytes)
            words = (
                "the floors do not fit the volumes: at the rates recorded so far they ask for %s, there is room for %s"
            )
            log.warning(words, asked, there)

    async def apply(self, config: Config) -> Difference:
        """From now on this configuration holds; its cameras run, all others known to the catalog rest."""
        self.config = config
        once = await asyncio.to_thread(self._store.usage)
        known = {camera.id for camera in config.cameras} | {usage.camera for usage in once}
        return await self._fleet.apply(settings_of(config), known)

    async def measure(self) -> None:
        policy = self.policy()
        self._measured = await asyncio.to_thread(measure, self._store, policy, self._clock.now())
        self._load = load_of(self._reports_of_a_minute(), self._meter.sample())
        self._foresight = footage_forecast(self.config, self._measured)
        await self._want_events(wanted=self.config.mqtt is not None)

    async def _want_events(self, *, wanted: bool) -> None:
        """Without a broker nothing is kept for the centre. Where that cannot be stored, the next look tries again."""
        if wanted is not self._events_wanted:
            await asyncio.wrap_future(self._store.outbox.want(wanted))
            self._events_wanted = wanted

    async def watch_volumes(self) -> None:
        """Where the next segments go: the workers hear of it before they begin them."""
        if await self._keeper.refresh_volumes():
            await self._fleet.renew_terms()
        self._fleet.cut("no room for what is begun", self._keeper.to_cut)

    async def watch_clock(self) -> None:
        """A step of the wall clock opens an epoch and cuts segments; a change of synchronisation only new terms."""
        now = self._clock.now()
        watch, step_ms = self._watch.poll(now)
        before = self._synced
        if step_ms:
            log.warning("the wall clock was stepped by %+.3f s; recording goes on, no age changes", step_ms / 1000)
            self._synced = await asyncio.to_thread(self._clock.synced)  # whoever vouched for it before does no longer
            epoch = await asyncio.wrap_future(self._store.clock_stepped(now, self._synced))
            self._keeper.clock_is(epoch, synced=self._synced)
            self._stepped_at_ms = now.boottime_ms
            await self._fleet.renew_terms()
            self._fleet.cut("clock step")
        self._watch = watch
        await self._read_clock()
        if self._synced != before:
            await self._fleet.renew_terms()

    async def _read_clock(self) -> None:
        self._synced = await asyncio.to_thread(self._clock.synced)
        self._keeper.clock_is(self._store.epoch, synced=self._synced)

    async def judge(self, failing: Mapping[str, str]) -> None:
        """Judge each camera, raise and clear alarms, tell the centre what changed."""
        now = self._clock.now()
        seen = {camera.id: self._fleet.view(camera.id) for camera in self.config.cameras}
        for camera in self.config.cameras:
            before = self._health.get(camera.id)
            shaky = is_unsteady(
                self._measured.steadiness.get(camera.id, STEADY),
                before=before is not None and before.condition.unsteady,
            )
            view = seen[camera.id]
            window = self._windows[camera.id] = self._windows.get(camera.id, SampleWindow()).moved(
                () if view is None else view.samples
            )
            observed = observation(view, now, enabled=camera.enabled, unsteady=shaky, window=window)
            wants = camera.expect
            expected = stream.Expectation(wants.width, wants.height, wants.fps, wants.audio, wants.pixels, wants.codec)
            condition = stream.assess(observed, expected)
            same = before is not None and before.condition.state is condition.state
            since_ms = before.since_ms if before is not None and same else now.wall_ms
            offset_ms = observed.samples[-1].clock_offset_ms if observed.samples else None
            self._health[camera.id] = CameraHealth(condition, observed.stream, since_ms, offset_ms, window.slow_syncs)
        for gone in self._health.keys() - seen.keys():
            del self._health[gone], self._windows[gone]
        running = {name: view for name, view in seen.items() if view is not None}
        unmoved = {"destroying": joined(self._unmoved)} if self._unmoved else {}
        looked_at = [
            conditions.device_camera(name, view, self._health[name].condition) for name, view in running.items()
        ]
        self._devices = conditions.step(self._devices, looked_at, now.boottime_ms)
        standing = tracking.troubles(
            self.overview(), running, {**failing, **unmoved}, self._stepped_at_ms, self._devices
        )
        try:
            await self._alarm(standing)
        finally:
            self._reports.tell(self.overview())

    async def _alarm(self, standing: Mapping[str, AlarmCondition]) -> None:
        now = self._clock.now()
        self.waiting = tracking.held(standing, self.under, self._tracked)
        tracked, changes = tracking.step(self._tracked, standing, now.boottime_ms / 1000, self.waiting)
        self._hold_back(tracking.waiting(tracked, self.waiting, now.boottime_ms / 1000))
        if not changes:
            self._tracked = tracked
            return
        shown = {row.key for row in self._alarms if row.raised}
        self._alarms = tracking.remembered(self._alarms, tracked, now.wall_ms)
        for change in changes:
            if change.trouble is None:
                if change.key in shown:
                    log.info("alarm cleared: %s", change.key, extra={**PERSONAL, **journal.cleared(change.key)})
                await asyncio.wrap_future(self._store.alarms.cleared(change.key))
                continue
            trouble = change.trouble
            if change.key not in shown:
                log.warning(
                    "alarm %s: %s. %s", change.key, trouble.text, trouble.action,
                    extra={**PERSONAL, **journal.raised(change.key)},
                )  # fmt: skip
            await asyncio.wrap_future(self._store.alarms.raised(change.key, trouble.severity, *trouble.words))
        self._tracked = tracked
        await self.look_at_alarms()

    def _hold_back(self, held: dict[str, AlarmCondition]) -> None:
        """Each is told in the journal once: it happened, and nobody else hears of it yet."""
        for key in held.keys() - self.held.keys():
            log.info("alarm %s is held back by maintenance: %s", key, held[key].text, extra=PERSONAL)
        self.held = held

    async def look_at_maintenance(self) -> None:
        """Call it every second: it ends by itself. What it held back is then raised by the next `judge`."""
        if self.under is None and self._store.maintenance.is_none_begun:
            return
        before, self.under = self.under, await asyncio.to_thread(self._store.maintenance.under_way)
        if before is not None and self.under is None:
            log.info("maintenance %s is over", before.maintenance.id)
        elif before is None and self.under is not None:
            log.info("maintenance %s is under way, for %d s", self.under.maintenance.id, self.under.left_ms // 1000)

    async def look_at_alarms(self) -> None:
        """As the database has them: also after somebody acknowledged one."""
        self._alarms = tuple(await asyncio.to_thread(self._store.alarms.all))

    def swept(self, report: SweepReport) -> None:
        """Remember what a sweep did, for whoever asks; what could not be removed is told once."""
        self._destroyed += report.destroyed
        self._last_sweep_ms = self._clock.now().wall_ms
        self._ceiling_unproven = report.kept.get(Reason.CEILING_UNPROVEN, 0) > 0
        for words in report.failed:
            if words not in self._unmoved:
                log.error("footage past its time could not be removed: %s", words)
        self._unmoved = report.failed

    def see_roles(self, seen: RolesSeen) -> None:
        """Whether `[roles]` can be carried out, as it was seen last."""
        self.roles = seen

    def see_office(self, told: OfficeFacts) -> None:
        """What the office has to tell, as it was seen last. Call it before the first `judge`: until then, alarms that
        an earlier run left standing look as if they were over.
        """
        self.office = told

    def see_tampering(self, tampered: tuple[TamperedFiles, ...]) -> None:
        """The volumes with files that are not as they were left, as they were seen last."""
        self.tampered = tampered

    async def reconnect(self, camera: str) -> bool:
        """A camera begins anew; False where it is not recorded."""
        return await self._fleet.reconnect(camera)

    def bounds(self, camera: str) -> Bounds:
        return self.config.bounds(camera)

    def priorities(self) -> dict[str, int]:
        """Of the cameras that are to be recorded."""
        return {camera.id: camera.priority for camera in self.config.cameras if camera.enabled}

    def policy(self) -> Policy:
        """Asked from the sweep's and the writer's thread, too: a configuration is never changed, only replaced."""
        return self.config.policy()

    def overview(self) -> Overview:
        """Everything known now; cheap."""
        return Overview(
            config=self.config,
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
            load=self._load,
            link=self._reports.view,
            tls=self._reports.tls,
            alarms=self._alarms,
            destroyed=self._destroyed,
            last_sweep_ms=self._last_sweep_ms,
            ceiling_unproven=self._ceiling_unproven,
            foresight=self._foresight,
            tampered=self.tampered,
            roles=self.roles,
            loosening=self.loosening,
            under=self.under,
            held=self.held,
            judged=dict(self.judged),
            compliance=self.compliance,
            office=self.office,
        )

    def _reports_of_a_minute(self) -> list[list[Stats]]:
        """Of the cameras that are recorded."""
        views = [self._fleet.view(camera) for camera in self._health]
        return [[stats for _, stats in view.samples] for view in views if view is not None and view.cause is None]

    def one_line(self) -> str:
        """For systemd's STATUS."""
        seen = self.overview()
        states = [shown_camera(camera.id, seen).state for camera in seen.config.cameras]
        enabled = [state for state in states if state is not CameraState.DISABLED]
        recording = sum(state in (CameraState.RECORDING, CameraState.DEGRADED) for state in enabled)
        word, action = verdict.of(seen)
        return f"{word}: {recording} of {len(enabled)} cameras recording. {action}".strip()


LOOK_EVERY_S: Final = 10.0
"""How soon a volume that came back is gone through, and a round that broke off begins anew."""


class RebuildTask:
    """Makes a lost database anew behind recording."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = OwnThread("rebuild")
        store.ledger.when_damaged(end)

    def start(self, loops: Loops) -> None:
        """From now on."""
        loops.every("rebuild", LOOK_EVERY_S, self._round)

    async def close(self) -> None:
        """The store has been interrupted: the round ends between two directories."""
        await self._thread.close()

    async def _round(self) -> None:
        report = await self._thread.run(self._store.ledger.rebuild)
        if report.volumes or report.left:
            from edged.site.check_documents import rebuild_in_words

            left = "".join(f"; left: {why}" for why in report.left)
            log.info("the volumes were gone through: %s%s", rebuild_in_words(report), left)


def end(error: DatabaseCorrupt) -> None:
    """In whatever thread met it. Workers end by themselves, and what they were writing is salvaged."""
    log.critical("%s; %s", error.what, error.action)
    logging.shutdown()
    os._exit(exit_codes.FAILED)
