"""One camera, recorded by one worker process after another: the thin shell around `recorder.supervisor.state`.

Imports asyncio, the machine, the processes and the backlog; knows neither storage nor libav. Turns what the worker
says into facts for the store and events for the machine, and does what the machine decides. Keeps L4: whatever a
worker does ends that worker, never its neighbours, its runner or the daemon.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from recorder.supervisor import state as supervisor
from recorder.supervisor import worker_session
from recorder.supervisor.backlog import SETTLE_S, Backlog
from recorder.supervisor.connect_queue import Caller, ConnectQueue, Slot
from recorder.supervisor.groups import Groups
from recorder.supervisor.processes import Forkserver, NoProcess, WorkerProcess
from recorder.supervisor.state import (
    Action,
    BeginGap,
    CameraLog,
    DeviceLog,
    Event,
    Exited,
    Kill,
    LeaveBehind,
    LeftoverGone,
    Limits,
    NotSpawned,
    Phase,
    Salvage,
    SendStop,
    Spawn,
    Spawned,
    StopAsked,
    Tick,
)
from recorder.supervisor.worker_session import Subscription, WorkerSession
from recorder.words.address import Target
from recorder.words.messages import Connected, Kind, Opening, Start, Stats, Stop, Terms, Watch, WireError
from storage.words.clock import Clock
from storage.words.message import NOTHING, Message, message
from storage.words.model import GapCause, Moment

__all__ = ["CameraRunner", "CameraSettings", "CameraView", "Phase", "Shared"]

log = logging.getLogger("edged.camera")
RUNNER_ENDED: Final = message("session.runner-ended", "its runner ended")


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """Whom to record and how; a reload that changes any of it makes a new session."""

    id: str
    url: str
    """Without user and password."""
    username: str
    password: str = field(repr=False)
    segment_ms: int
    sync_ms: int
    certificate: str = ""
    """rtsps: the fingerprint that the camera's certificate must have, "sha256:…"."""
    ca_file: str = ""
    """rtsps: whose certificates are trusted, where it is not the system's authorities."""

    @property
    def device(self) -> str:
        """What cameras behind one address share; a built-in pattern shares nothing."""
        target = Target.parse(self.url, "")
        return f"test://{self.id}" if target.scheme == "test" else target.device


@dataclass(frozen=True, slots=True)
class CameraView:
    """What people and alarms may know of a runner at this instant."""

    phase: Phase
    since: Moment
    cause: GapCause | None
    """Why it is not recorded; None while it is."""
    tried: Message
    came_back: Message
    check: Message
    connected: Connected | None
    samples: tuple[tuple[int, Stats], ...]
    """Reports of this session with the boottime at which they were true, oldest first."""
    device: str
    """What cameras behind one address share."""
    recorded_ms: int
    """Boottime of the newest picture that went into a segment, in whichever session; before the first, of the start."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all runners of a daemon have in common."""

    forkserver: Forkserver
    groups: Groups
    connect_queue: ConnectQueue
    device_log: DeviceLog
    clock: Clock
    random: Callable[[], float]
    """In [0, 1)."""


class CameraRunner:
    """Runs one camera until it is stopped. Lives on the event loop."""

    def __init__(
        self, settings: CameraSettings, backlog: Backlog, shared: Shared, limits: Limits | None = None
    ) -> None:
        self._settings = settings
        self._backlog = backlog
        self._shared = shared
        self._clock = shared.clock
        self._limits = limits or Limits()
        now = shared.clock.now()
        tried = Target.parse(settings.url, settings.username).tried
        leftover = settings.id in shared.groups.leftovers
        self._state, self._actions = supervisor.begin(tried, now, leftover=leftover)
        self._device = settings.device
        self._log = CameraLog(settings.id, self._device, shared.device_log)
        self._wake = asyncio.Event()
        self._done = asyncio.Event()
        self._started = False
        self._asked: StopAsked | None = None
        self._starting: asyncio.Task[Spawned | NotSpawned] | None = None
        self._slot: Slot | None = None
        self._session: WorkerSession | None = None
        """With the worker, while there is one."""
        self._connected: Connected | None = None
        self._samples: tuple[tuple[int, Stats], ...] = ()
        """Of the last session, when it is over."""
        self._terms: Terms | None = None
        """The newest anybody told us of."""
        self._recorded_ms = now.boottime_ms

    @property
    def view(self) -> CameraView:
        cause, words = supervisor.trouble(self._state)
        session = self._session
        return CameraView(
            phase=self._state.phase,
            since=self._state.since,
            cause=cause,
            tried=words.tried if words else NOTHING,
            came_back=words.came_back if words else NOTHING,
            check=words.check if words else NOTHING,
            connected=session.connected if session else self._connected,
            samples=session.stats.samples if session else self._samples,
            device=self._device,
            recorded_ms=max(self._recorded_ms, session.recorded_ms if session else 0),
        )

    async def run(self) -> None:
        """Record until `stop`. The store has enrolled the camera before."""
        self._started = True
        try:
            await self._perform(self._actions)
            while self._state.phase is not Phase.STOPPED:
                self._wake.clear()
                event = await self._next()
                if event is None:
                    await self._pause()
                else:
                    await self._feed(event)
                    await asyncio.sleep(0)  # a busy worker takes turns with everybody else's
        finally:
            await self._leave()
            self._done.set()

    async def stop(self, cause: GapCause | None) -> None:
        """Close the last segment and end, within 7 s whatever the worker does. See `StopAsked` for `cause`.

        What the worker left is still to be salvaged: that lies in the backlog.
        """
        self._asked = self._asked or StopAsked(cause)
        self._wake.set()
        if self._started:
            await self._done.wait()

    def set_terms(self, terms: Terms) -> None:
        """From the next segment on. A session that begins later asks the store itself."""
        self._terms = terms
        if self._session is not None:
            self._session.set_terms(terms)
            self._wake.set()

    def cut(self, reason: str) -> None:
        """Begin a new segment at the next key frame."""
        if self._session is not None:
            log.debug("%s: a new segment begins at the next key frame: %s", self._settings.id, reason)
            self._session.cut()
            self._wake.set()

    def watch(self, what: Kind) -> Subscription:
        """Copies of what the camera sends, as long as its present session lasts; over at once while there is none."""
        return Subscription(None) if self._session is None else worker_session.watch(self._session.worker, what)

    def hand(self, what: Kind, to: socket.socket) -> bool:
        """As `watch`, into a socket whose other end somebody else reads; False while there is no session."""
        return self._session is not None and self._session.worker.send(Watch(what), to.fileno())

    async def _next(self) -> Event | None:
        """What happened, or None. A deadline counts only when nothing is left to hear: we may have been busy."""
        if self._asked is not None and self._state.stop is None:
            return self._asked
        if self._state.leftover and self._settings.id not in self._shared.groups.leftovers:
            return LeftoverGone()
        if self._starting is not None:
            if not self._starting.done():
                return None
            starting, self._starting = self._starting, None
            return starting.result()
        heard = None if self._session is None else await self._listen(self._session)
        if heard is not None:
            return heard
        due_ms = supervisor.next_due_ms(self._state, self._limits)
        return Tick() if due_ms is not None and self._clock.now().boottime_ms >= due_ms else None

    async def _listen(self, session: WorkerSession) -> Event | None:
        """What the worker said, or what became of it; a `Tick` for what means nothing, None when it is silent."""
        if (complaint := session.complaint) is not None:
            return complaint
        said = session.worker.take()
        if said is not None:
            deaf_ear = self._state.killed and isinstance(said, Opening)
            return Tick() if deaf_ear else await session.hear(said, self._feed) or Tick()
        if not session.worker.over:
            return None
        self._hang_up(session)
        return await session.worker.reap()

    def _count(self, stats: Stats) -> None:
        """Counters of the session: the most frequent of all that it says, and nothing that anybody waits for."""
        if self._session is not None:
            now = self._clock.now()
            before = self._state
            counted = self._session.count(stats)
            self._state, _ = supervisor.step(before, counted, now, 0.0, self._limits)
            self._log.observe(before.cause, self._state, now.boottime_ms)

    def _hang_up(self, session: WorkerSession) -> None:
        """Its worker is gone; what it told last is still shown."""
        self._session = None
        self._connected, self._samples = session.connected, session.stats.samples
        self._recorded_ms = max(self._recorded_ms, session.recorded_ms)

    async def _pause(self) -> None:
        due_ms = supervisor.next_due_ms(self._state, self._limits)
        wait_s = None if due_ms is None else max(0, due_ms - self._clock.now().boottime_ms) / 1000
        if self._backlog.facts.waiting:
            await self._backlog.facts.settle()
            wait_s = SETTLE_S if wait_s is None else min(wait_s, SETTLE_S)
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _feed(self, event: Event) -> None:
        before = self._state
        now = self._clock.now()
        self._state, actions = supervisor.step(before, event, now, self._shared.random(), self._limits)
        self._log.observe(before.cause, self._state, now.boottime_ms)
        if isinstance(event, Connected) and self._slot is not None:
            self._slot.connected()
        if isinstance(event, Exited | NotSpawned):
            # `Ended` is not the end yet: a device counts a session until its connection is closed.
            self._let_go(self._state.cause)
        await self._perform(actions)

    def _let_go(self, cause: GapCause | None) -> None:
        """The attempt or session is over; who comes next may come."""
        gone, self._slot = self._slot, None
        if gone is not None:
            gone.over(cause)

    async def _perform(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            match action:
                case Spawn():
                    self._starting = asyncio.create_task(self._start_session(), name=f"start {self._settings.id}")
                    self._starting.add_done_callback(lambda _: self._wake.set())
                case SendStop() if self._session is not None:
                    self._session.worker.send(Stop())
                case Kill() if self._session is not None:
                    self._session.worker.kill()
                case LeaveBehind() if self._session is not None:
                    self._shared.groups.leave_behind(self._settings.id, self._session.worker)
                    self._hang_up(self._session)
                    self._let_go(self._state.cause)
                case BeginGap():
                    await self._backlog.facts.gap(action.at, action.cause, action.detail)
                case Salvage():
                    self._backlog.unclosed.add(action)

    async def _start_session(self) -> Spawned | NotSpawned:
        """A new session: its turn to connect, terms, a process, `Start`."""
        settings, clock = self._settings, self._clock
        account = hash((settings.username, settings.password))
        self._slot = await self._shared.connect_queue.enter(Caller(settings.id, self._device, account))
        began = clock.now()
        begin = await self._backlog.facts.start()
        if isinstance(begin, NotSpawned):
            return begin
        terms, next_seq, previous_sha256 = begin
        self._terms = None
        start = Start(
            camera=settings.id,
            url=settings.url,
            username=settings.username,
            password=settings.password,
            boot_id=clock.boot_id,
            next_seq=next_seq,
            previous_sha256=previous_sha256,
            segment_ms=settings.segment_ms,
            sync_ms=settings.sync_ms,
            terms=terms,
            certificate=settings.certificate,
            ca_file=settings.ca_file,
        )
        try:
            worker = await self._begun(start)
        except NoProcess as error:
            detail = message("session.no-process", "no process could be made: {error}", error=str(error))
            return NotSpawned(GapCause.WORKER_CRASH, detail, supervisor.CHECK_PROCESS, began.boottime_ms)
        except WireError as error:
            check = message(
                "session.too-long.check", "url, user and password of this camera: together they are too long"
            )
            return NotSpawned(GapCause.UNSUPPORTED, Message(str(error)), check)
        self._session = WorkerSession(worker, start, self._backlog.facts, clock, began)
        self._connected, self._samples = None, ()
        if self._terms is not None:  # told while the process was made
            self._session.set_terms(self._terms)
        return Spawned(began.boottime_ms)

    async def _begun(self, start: Start) -> WorkerProcess:
        """A process that connects, and knows where it hands over. Raises NoProcess and WireError."""
        worker = await self._shared.forkserver.spawn(self._wake.set, self._count)
        target = Target.parse(start.url, start.username)
        try:
            worker.begin(start, await self._shared.groups.enter(start.camera, target))
        except BaseException:
            worker.abandon()
            raise
        return worker

    async def _leave(self) -> None:
        """Nothing of a session outlives its runner."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        self._let_go(None)
        if self._session is not None:
            if self._state.killed and not self._state.leftover:
                self._shared.groups.leave_behind(self._settings.id, self._session.worker)
            else:
                self._session.worker.abandon()
            self._hang_up(self._session)
        if self._state.phase is not Phase.STOPPED:  # a defect of ours, or cancelled
            self._backlog.unclosed.add(Salvage(self._state.unclosed, GapCause.WORKER_CRASH, RUNNER_ENDED))
            for owed in self._state.owed:
                self._backlog.unclosed.add(owed)
        self._shared.device_log.leave(self._settings.id, self._device)
