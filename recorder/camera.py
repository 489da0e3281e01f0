"""One camera, recorded by one worker process after another: the thin shell around `recorder.supervisor`.

Imports asyncio, the machine, the processes and the books; knows neither the store nor libav. Turns what the worker
says into facts for the keeper and events for the machine, and does what the machine decides. Keeps L4: whatever a
worker does ends that worker, never its neighbours, its runner or the daemon.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import msgspec

from recorder import supervisor
from recorder.books import Books, Keeper
from recorder.messages import (
    Abandoned,
    Closed,
    Connected,
    Cut,
    Ended,
    FromWorker,
    Granted,
    Opening,
    Start,
    Stats,
    Stop,
    Terms,
)
from recorder.process import Forkserver, NoProcess, WorkerProcess
from recorder.session import (
    Action,
    BeginGap,
    Committed,
    Event,
    Exited,
    HungUp,
    Kill,
    Limits,
    Misbehaved,
    NotSpawned,
    Opened,
    Phase,
    Salvage,
    SendStop,
    Spawn,
    Spawned,
    StopAsked,
    Tick,
    Withheld,
)
from recorder.wire import WireError
from storage.clock import Clock
from storage.model import GapCause, Moment

__all__ = ["CameraRunner", "CameraSettings", "CameraView", "Keeper", "Phase"]

log = logging.getLogger("edged.camera")

SAMPLES_MS: Final = 60_000
"""How far back `CameraView.samples` goes: enough for a frame rate and for the 30 s of "degraded"."""
MAX_SAMPLES: Final = 128
"""A report a second for `SAMPLES_MS`, twice over."""
MAX_TEXT: Final = 300
"""Characters of a worker's text that are kept: some of it comes from the camera."""
MAX_ISSUED: Final = 16
"""Terms a worker may still use: they change with a clock step, a reload or a full volume, seldom within one segment."""
SETTLE_S: Final = 1.0
"""How often facts that could not be entered are tried again."""


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


@dataclass(frozen=True, slots=True)
class CameraView:
    """What people and alarms may know of a runner at this instant."""

    phase: Phase
    since: Moment
    cause: GapCause | None
    """Why it is not recorded; None while it is."""
    tried: str
    came_back: str
    check: str
    connected: Connected | None
    samples: tuple[tuple[int, Stats], ...]
    """Reports of this session with the boottime of their arrival, oldest first."""


class CameraRunner:
    """Runs one camera until it is stopped. Lives on the event loop."""

    def __init__(
        self,
        settings: CameraSettings,
        keeper: Keeper,
        forkserver: Forkserver,
        clock: Clock,
        random: Callable[[], float],
        limits: Limits | None = None,
    ) -> None:
        self._settings = settings
        self._books = Books(settings.id, keeper)
        self._forkserver = forkserver
        self._clock = clock
        self._random = random
        self._limits = limits or Limits()
        self._state, self._actions = supervisor.begin(address(settings.url), clock.now())
        self._wake = asyncio.Event()
        self._done = asyncio.Event()
        self._started = False
        self._asked: StopAsked | None = None
        self._birth: asyncio.Task[Spawned | NotSpawned] | None = None
        self._worker: WorkerProcess | None = None
        self._issued: deque[Terms] = deque(maxlen=MAX_ISSUED)
        self._last_seq = 0
        self._connected: Connected | None = None
        self._samples: deque[tuple[int, Stats]] = deque(maxlen=MAX_SAMPLES)
        self._told: set[GapCause] = set()

    @property
    def view(self) -> CameraView:
        words = self._state.words
        return CameraView(
            phase=self._state.phase,
            since=self._state.since,
            cause=self._state.cause,
            tried=words.tried if words else "",
            came_back=words.came_back if words else "",
            check=words.check if words else "",
            connected=self._connected,
            samples=tuple(self._samples),
        )

    async def run(self) -> None:
        """Record until `stop`. The keeper has enrolled the camera before."""
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
        """Close the last segment and end, within 8 s whatever the worker does. See `StopAsked` for `cause`."""
        self._asked = self._asked or StopAsked(cause)
        self._wake.set()
        if self._started:
            await self._done.wait()

    def set_terms(self, terms: Terms) -> None:
        """From the next segment on. A session that begins later asks the keeper itself."""
        if self._worker is not None and terms != self._issued[-1]:
            self._issued.append(terms)
            self._worker.send(terms)

    def cut(self, reason: str) -> None:
        """Begin a new segment at the next key frame."""
        if self._worker is not None:
            self._worker.send(Cut(reason=reason))

    async def _next(self) -> Event | None:
        """What happened, or None. A deadline counts only when nothing is left to hear: we may have been busy."""
        if self._asked is not None and self._state.stop is None:
            return self._asked
        if self._birth is not None and self._birth.done():
            birth, self._birth = self._birth, None
            return birth.result()
        worker = self._worker
        if worker is not None and self._birth is None:
            said = worker.take()
            if said is not None:
                return await self._hear(worker, said) or Tick()
            if worker.over:
                self._worker = None
                return Exited(await worker.reap())
        due_ms = supervisor.next_due_ms(self._state, self._limits)
        return Tick() if due_ms is not None and self._clock.now().boottime_ms >= due_ms else None

    async def _pause(self) -> None:
        due_ms = supervisor.next_due_ms(self._state, self._limits)
        wait_s = None if due_ms is None else max(0, due_ms - self._clock.now().boottime_ms) / 1000
        if self._books.waiting:
            await self._books.settle()
            wait_s = SETTLE_S if wait_s is None else min(wait_s, SETTLE_S)
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _feed(self, event: Event) -> None:
        before = self._state
        self._state, actions = supervisor.step(before, event, self._clock.now(), self._random(), self._limits)
        self._narrate(before.cause)
        await self._perform(actions)

    async def _perform(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            match action:
                case Spawn():
                    self._birth = asyncio.create_task(self._bear(), name=f"start {self._settings.id}")
                    self._birth.add_done_callback(lambda _: self._wake.set())
                case SendStop() if self._worker is not None:
                    self._worker.send(Stop())
                case Kill() if self._worker is not None:
                    self._worker.kill()
                case BeginGap():
                    await self._books.gap(action.at, action.cause, action.detail)
                case Salvage():
                    await self._books.salvage()

    async def _bear(self) -> Spawned | NotSpawned:
        """A new session: terms, a process, `Start`."""
        begin = await self._books.start()
        if isinstance(begin, NotSpawned):
            return begin
        terms, next_seq, previous_sha256 = begin
        settings = self._settings
        start = Start(
            camera=settings.id,
            url=settings.url,
            username=settings.username,
            password=settings.password,
            boot_id=self._clock.boot_id,
            next_seq=next_seq,
            previous_sha256=previous_sha256,
            segment_ms=settings.segment_ms,
            sync_ms=settings.sync_ms,
            terms=terms,
        )
        try:
            worker = await self._forkserver.spawn(f"camera {settings.id}", self._wake.set)
        except NoProcess as error:
            return NotSpawned(GapCause.WORKER_CRASH, f"no process could be made: {error}", supervisor.CHECK_PROCESS)
        try:
            worker.send(start)
        except WireError as error:
            worker.abandon()
            return NotSpawned(GapCause.UNSUPPORTED, str(error), "url, user and password of this camera")
        self._issued.clear()
        self._issued.append(terms)
        self._last_seq = next_seq - 1
        self._connected = None
        self._samples.clear()
        self._worker = worker
        return Spawned()

    async def _hear(self, worker: WorkerProcess, said: FromWorker | Misbehaved | HungUp) -> Event | None:
        """What a worker said, as a fact for the keeper and an event for the machine."""
        match said:
            case Opening():
                return await self._opening(worker, said)
            case Closed():
                return await self._closed(said)
            case Abandoned():
                said = msgspec.structs.replace(said, detail=_clean(said.detail))
                await self._books.abandoned(said)
            case Stats():
                self._sample(said)
            case Connected():
                said = msgspec.structs.replace(said, detail=_clean(said.detail))
                self._connected = said
            case Ended():
                tried, came_back, check = _clean(said.tried), _clean(said.came_back), _clean(said.check)
                said = Ended(cause=said.cause, tried=tried, came_back=came_back, check=check)
            case Misbehaved() | HungUp():
                pass
        return said

    def _sample(self, stats: Stats) -> None:
        now_ms = self._clock.now().boottime_ms
        self._samples.append((now_ms, stats))
        while self._samples[0][0] < now_ms - SAMPLES_MS:
            self._samples.popleft()

    async def _closed(self, closed: Closed) -> Event | None:
        if await self._books.close(closed):
            return Committed(closed.seq)
        if self._books.waiting:
            return None
        return Misbehaved(GapCause.BAD_DATA, "its recording process told of a segment what cannot be true")

    async def _opening(self, worker: WorkerProcess, opening: Opening) -> Event | None:
        if self._state.killed:
            return None
        if opening.seq <= self._last_seq or opening.terms not in self._issued:
            return Misbehaved(GapCause.WORKER_CRASH, "its recording process asked for what it was not given")
        answer, why = await self._books.open(opening)
        if not worker.send(answer):
            return Misbehaved(GapCause.WORKER_CRASH, "its recording process does not hear")
        if isinstance(answer, Granted):
            self._last_seq = opening.seq
            return Opened(opening.seq)
        return Withheld(opening.seq, Moment(opening.wall_ms, opening.boottime_ms), answer.cause, why)

    async def _leave(self) -> None:
        """Nothing of a session outlives its runner."""
        if self._birth is not None:
            self._birth.cancel()
            await asyncio.wait([self._birth])
        if self._worker is not None:
            self._worker.abandon()
            self._worker = None

    def _narrate(self, before: GapCause | None) -> None:
        """Once when it starts, once for each further cause, once when it ends."""
        cause, words, camera = self._state.cause, self._state.words, self._settings.id
        if cause is None and before is not None:
            log.info("%s: records%s", camera, " again" if self._told else "")
            self._told.clear()
        elif cause and words and cause not in self._told and self._state.phase is not Phase.STOPPED:
            self._told.add(cause)
            log.warning("%s: not recorded (%s): %s", camera, cause, supervisor.sentence(words))


def address(url: str) -> str:
    """Where a camera is looked for, in words without user, password or query: some cameras take secrets there."""
    parts = urlsplit(url)
    if parts.scheme == "test":
        return "built-in test pattern"
    return f"{parts.scheme.upper()} to {parts.netloc.rpartition('@')[2]}, path {parts.path or '/'}"


def _clean(text: str) -> str:
    """One printable line: what a camera answers ends up in logs, alarms and on a terminal."""
    line = "".join(c if c.isprintable() else " " for c in text[:MAX_TEXT])
    return " ".join(line.split())
