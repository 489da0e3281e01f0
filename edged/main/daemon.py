"""The composition root: puts rooms together, runs their loops, comes and goes.

Order of coming: lock and database, runners (recording first), control socket, link, then what an unclean stop left is
worked off behind running recording. Order of going: cameras with their last segments, link, control, store. Recording
never waits for sweeping, measuring or the centre: those are loops of their own, and a loop that fails is an alarm.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from edged.access.acts import LOOK_EVERY_S as BOUNDS_EVERY_S
from edged.access.acts import Acts, Agreement
from edged.access.service import AccessService
from edged.alarms.fault_tickets import LOOK_EVERY_S as LOOK_AT_FAULTS_EVERY_S
from edged.alarms.fault_tickets import FaultWatch
from edged.api.listening import ControlSocket
from edged.api.reloading import Reloading
from edged.cameras import LOOK_EVERY_S as VOLUMES_EVERY_S
from edged.cameras import CameraRunners, StoreAdapter
from edged.centre.commands import CentreCommands
from edged.centre.handlers import CommandHandlers
from edged.centre.reports import STEP_EVERY_S as ANCHOR_EVERY_S
from edged.centre.reports import CheckpointPublisher, Reporter
from edged.config import secrets
from edged.config.load import load
from edged.config.model import Config
from edged.config.problem import ConfigError
from edged.evidence import watches
from edged.evidence.watches import LedgerWatch
from edged.health.watch import HealthWatch
from edged.host import journal, notify
from edged.host.clock import LOOK_EVERY_S, HostClock
from edged.host.journal import MessageId, marked
from edged.host.loops import Loops, OwnThread
from edged.main.late_loading import LateLoading
from edged.overview import MEASURE_EVERY_S
from edged.site.rounds import RebuildTask, SiteState
from edged.words import exit_codes
from edged.words.roles import Assignment
from mqtt import tls
from mqtt.commands import Commanders
from recorder.decoder.client import DecoderClient
from recorder.supervisor.processes import Forkserver
from recorder.words import memory
from storage.ledger.key import NAME as KEY_NAME
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.errors import NodeChanged, RetryError, StoreError
from storage.words.model import Bounds

if TYPE_CHECKING:
    from edged.main.office_and_calls import OfficeAndCalls

log = logging.getLogger("edged")

SWEEP_EVERY_S: Final = 5.0
"""Footage is also swept after each commit; this is for ceilings, and for space that others take."""
HEALTH_EVERY_S: Final = 1.0
CONTROL_EVERY_S: Final = 30.0
"""How often a control socket that could not be opened is tried again."""
ALIVE_EVERY_S: Final = 10.0
"""How often the boot's running time is written down, and the watchdog fed when the writer answered."""
ALIVE_PATIENCE_S: Final = 20.0
"""A writer thread that has not answered by then is hung: the watchdog is no longer fed (L5)."""
PAGES_EVERY_S: Final = 10.0
"""How often pages of libraries are let go of that are not in use: those of a start, of a message now and then."""
STOP_LIMIT_S: Final = 9.5
"""A stop takes at most 10 s, whatever a disk does: what is not finished by then is adopted at the next start."""


class Beside(Protocol):
    """What goes on beside recording, in loops of its own."""

    def start(self, loops: Loops) -> None: ...
    async def close(self) -> None: ...


class Daemon:
    """One run of the daemon."""

    def __init__(self, config: Config, config_path: Path, forkserver: Forkserver, clock: Clock | None = None) -> None:
        self._config = config
        self._config_path = config_path
        self._forkserver = forkserver
        self._clock = clock or HostClock()
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._site: SiteState
        self._pages: list[tuple[int, int]]

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT; returns the exit code."""
        loop = asyncio.get_running_loop()
        self._pages = memory.file_pages()  # before there are threads that may map something else
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        try:
            with _deadline(self._stop):
                async with self._opened() as store:
                    await self._live(store)
        except StoreError as error:
            log.critical("%s. %s", error.what, error.action, extra=marked(MessageId.FATAL))
            return exit_codes.CONFIG if isinstance(error, NodeChanged) else exit_codes.FAILED
        return exit_codes.OK

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Store]:
        config = self._config
        store = await asyncio.to_thread(
            Store.open,
            state=config.paths.state,
            node=config.site.node,
            volumes=config.volume_specs(),
            clock=self._clock,
            credential=secrets.credential(KEY_NAME),
        )
        clean = False
        try:
            yield store
            clean = True
        finally:
            await asyncio.to_thread(store.close, clean=clean)

    async def _live(self, store: Store) -> None:
        """Everything between the open store and its closing; what is begun is ended in the opposite order."""
        keeper = StoreAdapter(store, self._bounds, self._priorities, self._segment_ms)
        cameras = CameraRunners(store, keeper, self._forkserver, self._clock, random.random)
        acts = Acts(store)
        agreement = Agreement(store, acts)
        config = await agreement.hold(self._config)
        await asyncio.to_thread(self._tell_of_clauses, config.site.profile)
        reporter = Reporter(config, store.run, self._clock, store.outbox)
        self._site = site = SiteState(config, store, keeper, cameras, reporter, self._clock)
        site.loosening = agreement.waiting
        reloading = Reloading(site, store, reporter, agreement, self._config_path)
        people = AccessService(self._assignment, store, self._clock, site.see_roles)
        orders = self._orders(store, acts, reporter, people)
        lookout = HealthWatch(lambda: site.config, cameras, DecoderClient(), self._clock, self._config.paths.state)
        site.judged = lookout.judged
        late = self._late(store, acts, people, reloading, lookout)
        socket = ControlSocket(config.paths.socket, late.answering)
        loops, sweeper, anchoring = Loops(), OwnThread("sweep"), CheckpointPublisher(store.ledger, reporter)
        besides: tuple[Beside, ...] = (
            watches.TamperWatch(store, lambda: site.recovering, site.see_tampering),
            RebuildTask(store),
            LedgerWatch(store),
            people,
            lookout,
        )
        async with AsyncExitStack() as going:
            going.push_async_callback(sweeper.close)
            for one in (*besides, late):
                going.push_async_callback(one.close)
            going.push_async_callback(socket.stop)
            going.push_async_callback(reporter.stop)
            going.push_async_callback(anchoring.end)
            going.push_async_callback(loops.stop)
            going.push_async_callback(cameras.stop)
            going.push_async_callback(orders.close)
            going.callback(store.interrupt)
            await site.start()
            await anchoring.begin()
            late.start(loops)
            await loops.first_round("late loading")
            orders.start()
            reporter.start(site.overview, anchoring, orders)
            self._start_loops(loops, store, keeper, sweeper)
            for one in besides:
                one.start(loops)
            loops.every("ledger at the centre", ANCHOR_EVERY_S, anchoring.step, wake=anchoring.wake)
            loops.every("certificates", tls.LOOK_EVERY_S, reporter.look_at_certificates)
            loops.every("control socket", CONTROL_EVERY_S, socket.listen)
            loops.every("bounds", BOUNDS_EVERY_S, reloading.keep_agreement, wake=agreement.approved)
            loops.every("reload", 0.0, lambda: self._reloaded(reloading))
            await loops.first_round("control socket")
            notify.ready(site.one_line())
            log.info(
                "ready: %d cameras, state in %s", len(config.cameras), config.paths.state, extra=marked(MessageId.READY)
            )
            await self._stop.wait()
            notify.stopping("finishing the last segments")
            log.info("stopping: finishing the last segments", extra=marked(MessageId.STOPPING))
        log.info("stopped")

    def _late(
        self, store: Store, acts: Acts, people: AccessService, reloading: Reloading, lookout: HealthWatch
    ) -> LateLoading:
        def load() -> OfficeAndCalls:
            from edged.main.office_and_calls import OfficeAndCalls

            return OfficeAndCalls(self._site, store, self._clock, acts, people, self._keys, reloading, lookout)

        return LateLoading(self._site, store, load)

    def _tell_of_clauses(self, profile: str | None) -> None:
        """What falls short of the profile that holds, where the file names another, stops no start. Blocking."""
        if profile == self._config.site.profile:
            return
        try:
            load(self._config_path, in_force=profile)
        except ConfigError as error:
            for problem in error.problems:
                log.warning("falls short of the profile %s, which goes on to hold: %s", profile, problem.said)

    def _orders(self, store: Store, acts: Acts, reporter: Reporter, people: AccessService) -> CentreCommands:
        deeds = CommandHandlers(self._site, store, acts, reporter, self._clock, journal.TAIL, self._stop.set)
        return CentreCommands(self._site, store, people.journal, deeds, reporter.answer, self._clock)

    def _keys(self) -> Commanders:
        return self._site.config.known_keys()

    def _assignment(self) -> Assignment | None:
        return self._site.config.assignment()

    def _bounds(self, camera: str) -> Bounds:
        return self._site.bounds(camera)

    def _priorities(self) -> dict[str, int]:
        return self._site.priorities()

    def _segment_ms(self) -> int:
        return self._site.config.recording.segment_ms

    async def _reloaded(self, reloading: Reloading) -> None:
        await self._reload.wait()
        self._reload.clear()
        await reloading.reload_and_tell()

    def _start_loops(self, loops: Loops, store: Store, keeper: StoreAdapter, sweeper: OwnThread) -> None:
        site = self._site

        async def recover_then_sweep() -> None:
            if site.recovering:
                report = await sweeper.run(store.recover)
                site.recovering = report.again
                if not site.recovering:
                    site.recovered.set()
                if words := report.words():
                    log.info("what an earlier run left open: %s", words)
            site.swept(await sweeper.run(store.sweep, site.policy))

        async def alive() -> None:
            try:
                async with asyncio.timeout(ALIVE_PATIENCE_S):
                    await asyncio.wrap_future(store.heartbeat())
            except RetryError:
                notify.watchdog(site.one_line())  # it answered, so it lives; that it cannot write is an alarm
                raise
            notify.watchdog(site.one_line())

        async def let_go() -> None:
            memory.release_pages(self._pages)

        loops.every("pages", PAGES_EVERY_S, let_go)
        loops.every("sweep", SWEEP_EVERY_S, recover_then_sweep, wake=keeper.committed)
        loops.every("volumes", VOLUMES_EVERY_S, site.watch_volumes)
        loops.every("faults", LOOK_AT_FAULTS_EVERY_S, FaultWatch(store, self._clock, lambda: site.waiting).poll)
        loops.every("maintenance", HEALTH_EVERY_S, site.look_at_maintenance)
        loops.every("clock watch", LOOK_EVERY_S, site.watch_clock)
        loops.every("measurement", MEASURE_EVERY_S, site.measure)
        loops.every("health", HEALTH_EVERY_S, lambda: site.judge(loops.failing))
        loops.every("database", min(ALIVE_EVERY_S, notify.watchdog_interval_s() or ALIVE_EVERY_S), alive)


@contextmanager
def _deadline(stopping: asyncio.Event) -> Iterator[None]:
    """From the order to stop on, the process has `STOP_LIMIT_S`: a disk that hangs must not hold it."""
    watcher = asyncio.get_running_loop().create_task(_watch(stopping))
    try:
        yield
    finally:
        watcher.cancel()


async def _watch(stopping: asyncio.Event) -> None:
    await stopping.wait()
    timer = threading.Timer(STOP_LIMIT_S, _give_up)
    timer.daemon = True
    timer.start()


def _give_up() -> None:
    log.critical("not stopped after %g s: what is left unfinished is adopted at the next start", STOP_LIMIT_S)
    os._exit(exit_codes.FAILED)
