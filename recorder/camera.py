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

import msgspec

from recorder import supervisor
from recorder.account import Account
from recorder.address import Target
from recorder.books import Books, Fate, Keeper
from recorder.leftovers import Leftovers
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
from recorder.reports import Reports
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

MAX_TEXT: Final = 300
"""Characters of a worker's text that are kept: some of it comes from the camera."""
PROVEN_MS: Final = 10_000
"""A camera records again when it has for so long: one that fails every few seconds must not fill the journal."""
MAX_ISSUED: Final = 16
"""Terms a worker may still use: they change with a clock step, a reload or a full volume, seldom within one segment."""
SETTLE_S: Final = 1.0
"""How often facts that could not be entered are tried again."""
STOP_S: Final = 7.5
"""For a whole stop, of the 8 s it may take: what the worker left is salvaged in what it needs less."""
NOT_ITS_OWN: Final = "its recording process told of a segment that it was not given"
NO_SUCH_TIME: Final = "its recording process told of a time that cannot be"


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
        self._leftovers = Leftovers(settings.id, keeper)
        tried = Target.parse(settings.url, settings.username).tried
        self._state, self._actions = supervisor.begin(tried, clock.now())
        self._wake = asyncio.Event()
        self._done = asyncio.Event()
        self._started = False
        self._asked: StopAsked | None = None
        self._asked_s = 0.0
        self._birth: asyncio.Task[Spawned | NotSpawned] | None = None
        self._worker: WorkerProcess | None = None
        self._issued: deque[Terms] = deque(maxlen=MAX_ISSUED)
        self._next_seq = 1
        self._account = Account(clock.now())
        self._connected: Connected | None = None
        self._reports = Reports()
        self._told: set[GapCause] = set()
        self._well_since_ms = 0

    @property
    def view(self) -> CameraView:
        cause, words = supervisor.trouble(self._state)
        return CameraView(
            phase=self._state.phase,
            since=self._state.since,
            cause=cause,
            tried=words.tried if words else "",
            came_back=words.came_back if words else "",
            check=words.check if words else "",
            connected=self._connected,
            samples=self._reports.samples,
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
            loop = asyncio.get_running_loop()
            await self._leftovers.finish(max(0.0, self._asked_s + STOP_S - loop.time()))
        finally:
            await self._leave()
            self._done.set()

    async def stop(self, cause: GapCause | None) -> None:
        """Close the last segment and end, within 8 s whatever the worker does. See `StopAsked` for `cause`."""
        if self._asked is None:
            self._asked, self._asked_s = StopAsked(cause), asyncio.get_running_loop().time()
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
            log.debug("%s: a new segment begins at the next key frame: %s", self._settings.id, reason)
            self._worker.send(Cut())

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
                    self._leftovers.add(action.seqs)

    async def _bear(self) -> Spawned | NotSpawned:
        """A new session: terms, a process, `Start`."""
        account = Account(self._clock.now())
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
            return NotSpawned(
                GapCause.UNSUPPORTED, str(error), "url, user and password of this camera: together they are too long"
            )
        self._issued.clear()
        self._issued.append(terms)
        self._next_seq = next_seq
        self._account = account
        self._connected = None
        self._reports = Reports()
        self._worker = worker
        return Spawned()

    async def _hear(self, worker: WorkerProcess, said: FromWorker | Misbehaved | HungUp) -> Event | None:
        """What a worker said, as a fact for the keeper and an event for the machine."""
        self._account.look(self._clock.now())
        match said:
            case Opening():
                return await self._opening(worker, said)
            case Closed():
                return await self._closed(said)
            case Abandoned():
                if said.seq not in self._state.unclosed:
                    return Misbehaved(GapCause.BAD_DATA, NOT_ITS_OWN)
                self._account.forget(said.seq)
                said = msgspec.structs.replace(said, detail=_clean(said.detail))
            case Stats():
                if remark := self._reports.take(said, self._clock.now().boottime_ms):
                    log.warning("%s: %s", self._settings.id, remark)
            case Connected():
                said = msgspec.structs.replace(said, detail=_clean(said.detail))
                self._connected = said
            case Ended():
                tried, came_back, check = _clean(said.tried), _clean(said.came_back), _clean(said.check)
                said = Ended(cause=said.cause, tried=tried, came_back=came_back, check=check)
            case Misbehaved() | HungUp():
                pass
        return said

    async def _closed(self, closed: Closed) -> Event | None:
        if closed.seq not in self._state.unclosed:
            return Misbehaved(GapCause.BAD_DATA, NOT_ITS_OWN)
        if not self._account.ends(closed.seq, Moment(closed.end_wall_ms, closed.end_boottime_ms), self._clock.now()):
            return Misbehaved(GapCause.BAD_DATA, NO_SUCH_TIME)
        match await self._books.close(closed):
            case Fate.ENTERED:
                return Committed(closed.seq)
            case Fate.WAITS:
                return None
            case Fate.UNTRUE:
                return Misbehaved(GapCause.BAD_DATA, "its recording process told of a segment what cannot be true")

    async def _opening(self, worker: WorkerProcess, opening: Opening) -> Event | None:
        if self._state.killed:
            return None
        if opening.seq != self._next_seq or opening.terms not in self._issued:
            return Misbehaved(GapCause.WORKER_CRASH, NOT_ITS_OWN)
        start = Moment(opening.wall_ms, opening.boottime_ms)
        if not self._account.begins(opening.seq, start, self._clock.now()):
            return Misbehaved(GapCause.BAD_DATA, NO_SUCH_TIME)
        self._next_seq += 1
        answer, why = await self._books.open(opening)
        if isinstance(answer, Granted):
            # Before the answer: whatever becomes of that, the row is there and is closed or salvaged.
            await self._feed(Opened(opening.seq))
        else:
            self._account.forget(opening.seq)
        if not worker.send(answer):
            return Misbehaved(GapCause.WORKER_CRASH, "its recording process does not hear")
        return None if isinstance(answer, Granted) else Withheld(opening.seq, start, answer.cause, why)

    async def _leave(self) -> None:
        """Nothing of a session outlives its runner."""
        await self._leftovers.finish(0)
        if self._birth is not None:
            self._birth.cancel()
            await asyncio.wait([self._birth])
        if self._worker is not None:
            self._worker.abandon()
            self._worker = None

    def _narrate(self, before: GapCause | None) -> None:
        """Once when it starts, once for each further cause, once when it has ended for good."""
        cause, words, camera = self._state.cause, self._state.words, self._settings.id
        if cause is None:
            now_ms = self._clock.now().boottime_ms
            if before is not None:
                self._well_since_ms = now_ms
                if not self._told:
                    log.info("%s: records", camera)
            elif self._told and now_ms - self._well_since_ms >= PROVEN_MS:
                log.info("%s: records again since %d s", camera, (now_ms - self._well_since_ms) // 1000)
                self._told.clear()
        elif cause and words and cause not in self._told and self._state.phase is not Phase.STOPPED:
            self._told.add(cause)
            log.warning("%s: not recorded (%s): %s", camera, cause, supervisor.sentence(words))


def _clean(text: str) -> str:
    """One printable line: what a camera answers ends up in logs, alarms and on a terminal."""
    line = "".join(c if c.isprintable() else " " for c in text[:MAX_TEXT])
    return " ".join(line.split())
