"""Cameras that deliver faster than time passes, recorded by the recorder's own code: an hour of footage in a minute.

Nothing but time is played. What a camera sends goes through `Recording` (order, stamps, sync, cuts, fragments) and the
disk threads of `Writer` (row before file, hash, fdatasync, rename) over a worker's messages to `Conversation`, `Books`
and `StoreAdapter`, and into a `Store`, as in worker and daemon; all of them read the clock of `Studio`, which moves a
tenth of a second whenever every camera has sent a tenth of a second.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from edged.cameras import StoreAdapter
from recorder.supervisor.backlog import PendingFacts
from recorder.supervisor.processes import WorkerProcess
from recorder.supervisor.state import Misbehaved, Opened, Withheld
from recorder.supervisor.worker_session import WorkerSession
from recorder.words import messages
from recorder.words.messages import Abandoned, Cut, Ended, Granted, Hole, Refused, Start, Terms, WireMessage
from recorder.words.stream import Item, Reading, SenderReport, Sound, Unit, Video
from recorder.worker.disk import WRITERS, LastCommitted, Writer
from recorder.worker.fan_out import FanOut
from recorder.worker.recording import Pause, Recording
from storage.store.facade import Store
from storage.volumes.volume import VolumeSpec
from storage.words.clock import NS_PER_MS
from storage.words.message import Message
from storage.words.model import Bounds, GapCause
from tests.integration.edged.evidence import timed_film
from tests.integration.edged.evidence.timed_film import SOUND_FRAME, SOUND_RATE, VIDEO_RATE, Look
from tests.support.office import Clock
from tests.support.session import MadeSource
from tests.support.worker import receive_report

STEP_MS: Final = 100
"""So long, at most, is what a camera sends on its way."""
SYNC_MS: Final = 500
BEHIND_BYTES: Final = 4 << 20
"""The clock waits for disks that are so far behind."""
PATIENCE_S: Final = 60.0
REPORT_MS: Final = 5_000
BEAT_MS: Final = 10_000
"""Between two heartbeats of the store."""


class Spoilt(Exception):
    """It was not recorded as it was meant to be."""


@dataclass(frozen=True, slots=True)
class Played:
    """A camera. `told`: its tracks count from instants of their own, and its reports say how they lie to each other."""

    id: str
    name: str
    look: Look = field(default_factory=Look)
    heard: bool = True
    told: bool = False
    kbps: int = 0
    """At least, with filler."""
    clock_off_ms: int = 0
    """Its own clock minus the true time."""


class _Film:
    """What a camera sends, by the time since the beginning."""

    def __init__(self, camera: Played, seconds: int) -> None:
        self.camera = camera
        self._pictures = timed_film.pictures(camera.look, seconds)
        self._sound = timed_film.sound(seconds) if camera.heard else None
        self._size = camera.kbps * 125 // camera.look.fps
        self._sound_base = 7_000_000 if camera.told else 0

    def source(self) -> MadeSource:
        heard: Sound | None = None if self._sound is None else self._sound[0]
        video = Video(self._pictures.parameters.codec, VIDEO_RATE, self._pictures.parameters)
        return MadeSource(video, heard, aligned=not self.camera.told)

    def between(self, since_ms: int, until_ms: int, true_ms: int) -> list[Item]:
        """What was taken since then, before `until_ms`; a packet of sound leaves when it is full. `true_ms` at 0."""
        items: list[Item] = []
        fps = self.camera.look.fps
        for number in range(-(-since_ms * fps // 1000), -(-until_ms * fps // 1000)):
            unit = self._pictures.units[number]
            if unit.key:
                items.append(self._report(True, unit.pts, number * 1000 // fps, true_ms))
            items.append(timed_film.padded(unit, self._size))
        if self._sound is not None:
            items += self._sounds(self._sound[1], since_ms, until_ms)
            if since_ms // REPORT_MS != until_ms // REPORT_MS:
                at = self._sound_base + until_ms * SOUND_RATE // 1000
                items.append(self._report(False, at, until_ms, true_ms))
        return items

    def _sounds(self, units: tuple[Unit, ...], since_ms: int, until_ms: int) -> Iterator[Unit]:
        """Packet n is full with sample n * SOUND_FRAME: the first one lies before 0."""
        first, last = (ms * SOUND_RATE // 1000 // SOUND_FRAME + 1 for ms in (since_ms, until_ms))
        for unit in units[first:last]:
            yield Unit(False, unit.pts + self._sound_base, unit.duration, True, unit.data)

    def _report(self, video: bool, at: int, since_ms: int, true_ms: int) -> SenderReport:
        return SenderReport(video, at, (true_ms + since_ms + self.camera.clock_off_ms) * NS_PER_MS)


class _Session:
    """One session with a camera: a worker's threads and objects, in this process."""

    def __init__(self, studio: Studio, film: _Film, books: PendingFacts, start: Start) -> None:
        self.film = film
        self._clock = studio.clock
        self._books = books
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        last = LastCommitted(start.next_seq - 1 if start.previous_sha256 else 0, start.previous_sha256)
        self.writer = Writer(self._theirs, camera=start.camera, sync_ms=SYNC_MS, last=last)
        began = studio.clock.now()
        self.recording = Recording(
            start, film.source(), writer=self.writer, fan_out=FanOut(), clock=studio.clock, began=began,
            resized=lambda _, __: None, paused=self._paused,
        )  # fmt: skip
        self.talk = WorkerSession(cast("WorkerProcess", self), start, books, studio.clock, began)
        self._threads = [threading.Thread(target=self.writer.run, daemon=True) for _ in range(WRITERS)]
        for thread in self._threads:
            thread.start()
        self.ended: Ended | None = None

    def send(self, message: WireMessage) -> bool:
        """What the daemon tells its worker."""
        match messages.decode_command(messages.encode(message)):
            case Granted() | Refused() as answer:
                self.writer.answer(answer)
            case Terms() as terms:
                self.recording.set_terms(terms)
            case Cut():
                self.recording.cut()
            case other:
                raise Spoilt(other)
        return True

    def _paused(self, pause: Pause) -> None:
        messages.send(self._theirs, Hole(pause.start_ns // NS_PER_MS, pause.end_ns // NS_PER_MS))

    async def hear(self) -> None:
        """All that the worker said."""
        while True:
            try:
                said = receive_report(self._ours)
            except BlockingIOError:
                return
            if said is None:
                return
            if isinstance(said, Ended):
                self.ended = said
            event = await self.talk.hear(said, _nothing)
            if isinstance(event, Misbehaved | Withheld | Abandoned):
                raise Spoilt(event)

    def report(self) -> None:
        """Once a second."""
        overdue = self.recording.overdue()
        if overdue is not None:
            raise Spoilt(overdue)
        messages.send(self._theirs, self.recording.stats())

    async def end(self, cause: GapCause | None, why: str) -> None:
        """The camera closes the stream (`cause`), or the daemon wants no more."""
        self.recording.finish()
        self.writer.finish(Ended(cause, Message("a camera that is played"), Message(why)))
        async with asyncio.timeout(PATIENCE_S):
            while self.ended is None:
                await self.hear()
                await asyncio.sleep(0.001)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self._ours.close()
        self._theirs.close()
        if cause is not None:
            await self._books.gap(None, cause, Message(why))


async def _nothing(_: Opened) -> None:
    """The machine of a camera is not played."""


class Studio:
    """A box whose clock is played, and cameras that film from `begin_ms` on, by the true time."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        begin_ms: int,
        cameras: Iterable[Played],
        seconds: int,
        segment_ms: int,
        bounds: Bounds,
    ) -> None:
        """`clock` says what it will when the true time is `begin_ms`, right or wrong."""
        self.store = store
        self.clock = clock
        self.begin_ms = begin_ms
        self.passed_ms = 0
        """Since then."""
        self._segment_ms = segment_ms
        self._films = {camera.id: _Film(camera, seconds) for camera in cameras}
        priorities = dict.fromkeys(self._films, 0)
        self.keeper = StoreAdapter(store, lambda _: bounds, lambda: priorities, lambda: segment_ms)
        self._books = {camera: PendingFacts(camera, self.keeper) for camera in self._films}
        self._sessions: dict[str, _Session] = {}

    async def open(self) -> None:
        """Everybody begins."""
        for camera in self._films:
            await asyncio.wrap_future(self.store.enrol(camera, self.clock.now()))
        self.keeper.clock_is(self.store.epoch, synced=self.clock.is_synced)
        await self.keeper.refresh_volumes()
        for camera in self._films:
            await self.connect(camera)

    async def connect(self, camera: str) -> None:
        """A new session."""
        begun = await self._books[camera].start()
        if not isinstance(begun, tuple):
            raise Spoilt(begun)
        terms, next_seq, sha256 = begun
        start = Start(
            camera=camera, url="rtsp://10.0.0.1/played", username="", password="", boot_id=self.clock.boot_id,
            next_seq=next_seq, previous_sha256=sha256, segment_ms=self._segment_ms, sync_ms=SYNC_MS, terms=terms,
        )  # fmt: skip
        self._sessions[camera] = _Session(self, self._films[camera], self._books[camera], start)

    async def drop(self, camera: str) -> None:
        """The camera closes its stream."""
        await self._sessions.pop(camera).end(GapCause.DROPPED, "the camera closed the stream")

    async def set_clock(self, true_off_ms: int) -> None:
        """It is set, and so far from the true time from now on; synchronised if that is 0. As `Site.watch_clock`."""
        now = self.clock.now()
        self.clock.step_wall(self.begin_ms + self.passed_ms + true_off_ms - now.wall_ms)
        self.clock.is_synced = true_off_ms == 0
        epoch = await asyncio.wrap_future(self.store.clock_stepped(self.clock.now(), self.clock.is_synced))
        self.keeper.clock_is(epoch, synced=self.clock.is_synced)
        for camera, session in self._sessions.items():
            terms = await self.keeper.terms(camera)
            if not isinstance(terms, Terms):
                raise Spoilt(terms)
            session.talk.set_terms(terms)
            session.talk.cut()

    async def film(self, until_ms: int, silent: Collection[str] = (), blind: Collection[str] = ()) -> None:
        """Until so long after the beginning. Who is `silent` sends nothing meanwhile, who is `blind` no pictures."""
        while self.passed_ms < until_ms:
            since_ms, self.passed_ms = self.passed_ms, self.passed_ms + STEP_MS
            self.clock.tick(STEP_MS)
            for camera, session in self._sessions.items():
                sent = session.film.between(since_ms, self.passed_ms, self.begin_ms) if camera not in silent else []
                heard = [item for item in sent if camera not in blind or not item.video]
                session.recording.feed(Reading(heard, waited=True))
                session.recording.wake_disk()
            if self.passed_ms % 1000 == 0:
                await self._second()

    async def _second(self) -> None:
        for session in self._sessions.values():
            session.report()
        if self.passed_ms % BEAT_MS == 0:
            await asyncio.wrap_future(self.store.heartbeat())
            await self.keeper.refresh_volumes()
        async with asyncio.timeout(PATIENCE_S):
            await self._hear()
            while sum(session.writer.queued_bytes for session in self._sessions.values()) > BEHIND_BYTES:
                await asyncio.sleep(0.001)
                await self._hear()

    async def _hear(self) -> None:
        for session in self._sessions.values():
            await session.hear()

    async def close(self) -> None:
        """Everybody is stopped in order."""
        for session in self._sessions.values():
            await session.end(None, "")
        self._sessions.clear()
        await asyncio.wrap_future(self.store.heartbeat())


@contextmanager
def opened(state: Path, node: str, volume: Path, clock: Clock) -> Iterator[Store]:
    """A store with one volume."""
    store = Store.open(state=state, node=node, volumes=(VolumeSpec(volume),), clock=clock)
    try:
        yield store
        store.close()
    finally:
        store.close(clean=False)
