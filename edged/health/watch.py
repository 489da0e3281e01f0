"""Picture and sound of all cameras: who is looked at when, and what comes of it. The shell around `edged.health`.

Lives on the event loop. For a look a camera's worker puts a key frame and the sound with it into a socket of which the
decoder has the other end, so that no picture passes through the daemon. Nothing here costs recording: a look that fails
is a look less. What was learned is kept over a restart.

A camera is looked at once in ten seconds while something of it is learned, suspected or found; at once when the sizes
of what it sends change (`edged.health.sizes`), or its session; else once in a minute. No camera is looked at more than
once in ten seconds, and no two at the same instant: when all change at once, as in a building whose lights go out, the
decoder has no more to do than while all are learned. A camera of which the decoder died is blamed; from the second time
in a row on it is suspended, each time for twice as long (L4).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path
from typing import Final

import msgspec

from edged.cameras import CameraRunners
from edged.config.model import CameraConfig, Config
from edged.health import judge
from edged.health.baseline import EVERY_S, SELDOM_S, References, ReferenceView, write_whole
from edged.health.faults import MediaHealth
from edged.health.judge import Look, Memory
from edged.health.sizes import SizeMemory, begun, looked, reported, sizes
from edged.health.stream import SLOW_FOR_S
from edged.host.loops import Loops
from recorder.decoder.client import DecoderClient, DecoderLost, LookResult
from recorder.decoder.messages import LookKind, Seen, UnseenReason
from recorder.supervisor.runner import CameraView
from recorder.words.messages import Connected, Kind, Stats
from storage.words.clock import Clock
from storage.words.message import Message, message

log = logging.getLogger("edged.health")
FILE: Final = "health.json"
KEEP_EVERY_S: Final = 300.0
"""What is learned in less is learned again."""
ROUND_S: Final = EVERY_S
"""No more than one look at each camera in this time."""
HEAR_S: Final = 1.0
"""How often a worker reports."""
LEAST_S: Final = 0.05
"""Between two looks, whoever's."""
PATIENT: Final = 2
"""Deaths in a row that a camera may be chance: the box may be out of memory."""
ASIDE_S: Final = 60.0
ASIDE_MAX_S: Final = 3600.0
WORDS: Final = {
    UnseenReason.NO_PICTURE: message("health.no-key-frame", "no key frame came within 20 s"),
    UnseenReason.NOT_SENT: message("health.not-sent", "nothing comes from it"),
    UnseenReason.UNREADABLE: message("health.unreadable", "its key frames cannot be decoded"),
    UnseenReason.TOO_LARGE: message("health.too-large", "its pictures are larger than any camera's"),
    UnseenReason.BUSY: message("health.decoder-busy", "the decoder has too much to do"),
}


class NoPicture(Exception):
    """There is no picture of this camera now."""

    def __init__(self, why: Message) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class DecoderBackoff:
    """Of one camera."""

    blamed: int = 0
    """In a row."""
    until_s: float = 0.0
    """Set aside until then."""


UNSEEN: Final = SizeMemory()


@dataclass(slots=True)
class LookSchedule:
    """Of one camera."""

    looked_s: float = -inf
    """When it was looked at last."""
    settled: bool = False
    """The last look left nothing open (`judge.is_settled`), and it is still the same session."""
    sizes: SizeMemory = UNSEEN
    heard: Stats | None = None
    """The newest report."""
    session: Connected | None = None
    """That which reports."""

    def hear(self, view: CameraView, memory: Memory, sound: bool | None) -> Memory:
        """What its worker reports, which costs no look. `sound`: whether there has to be some (`judge.Look`)."""
        if view.connected is not self.session:
            self.session, self.settled, self.heard = view.connected, False, None
            memory = judge.interrupted(memory)
        if not view.samples:
            return memory
        newest = view.samples[-1][1]
        if self.heard is not None and newest is not self.heard:
            self.sizes = reported(self.sizes, sizes(self.heard, newest))
        self.heard = newest
        if self.settled and judge.is_sound_wrong(memory, newest.sound_lag_ms, overdue=_is_overdue(view), wanted=sound):
            self.settled = False
        return memory

    def begin(self, now_s: float) -> float:
        """A look begins: how long after the one before. Until it is judged it has left all open."""
        apart_s, self.looked_s, self.settled = now_s - self.looked_s, now_s, False
        self.sizes = begun(self.sizes)
        return apart_s

    def judged(self, memory: Memory, look: Look) -> None:
        """What came of it; `memory` is with this look."""
        self.settled = judge.is_settled(memory, look)
        self.sizes = looked(self.sizes, look.apart_s, calm=not memory.suspected)

    def due_s(self, phase: float) -> float:
        """When to look at it next. `phase`: where among the others its turn is, from 0 to 1. Of those that nothing
        happens to a sixth has its turn each ten seconds, together: the decoder is awake for a quarter of the time.
        """
        soon_s = self.looked_s + ROUND_S
        if not self.settled or self.sizes.changed or self.sizes.lasting:
            return soon_s
        turn_s = phase * SELDOM_S // ROUND_S * ROUND_S
        return soon_s + (turn_s - soon_s) % SELDOM_S


def pause_s(cameras: int) -> float:
    """Between two looks, whoever's."""
    return max(LEAST_S, min(HEAR_S, ROUND_S / max(1, cameras)))


def next_turn(cameras: Sequence[tuple[str, LookSchedule]], free: Collection[str]) -> tuple[float, str]:
    """When the next look is due, and at which of those that are `free`; never, if none is."""
    dues = ((one.due_s(number / len(cameras)), camera) for number, (camera, one) in enumerate(cameras))
    return min(((due_s, camera) for due_s, camera in dues if camera in free), default=(inf, ""))


def blamed(before: DecoderBackoff, now_s: float) -> DecoderBackoff:
    """The decoder died or hung while it decoded this camera's picture."""
    times = before.blamed + 1
    if times < PATIENT:
        return DecoderBackoff(times)
    return DecoderBackoff(times, now_s + min(ASIDE_MAX_S, ASIDE_S * 2 ** min(times - PATIENT, 16)))


def is_aside(records: Mapping[str, DecoderBackoff], camera: str, now_s: float) -> bool:
    """Nobody looks at it now."""
    return camera in records and now_s < records[camera].until_s


class HealthWatch:
    """Decides which camera the decoder looks at, and when."""

    def __init__(
        self,
        config: Callable[[], Config],
        cameras: CameraRunners,
        decoder: DecoderClient,
        clock: Clock,
        state: Path,
    ) -> None:
        """`config`: as it is now. `state`: the directory in which what was learned is kept."""
        self._config = config
        self._cameras = cameras
        self.judged: dict[str, MediaHealth] = {}
        """By camera: what the last looks came to."""
        self._decoder = decoder
        self._clock = clock
        self._path = state / FILE
        self._references = References(state)
        self.references: dict[str, ReferenceView] = {}
        self._memories: dict[str, Memory] = {}
        self._records: dict[str, DecoderBackoff] = {}
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._schedules: defaultdict[str, LookSchedule] = defaultdict(LookSchedule)
        self._heard_s = -inf
        self._loaded = False

    def start(self, loops: Loops) -> None:
        loops.every("picture health", 0.0, self.step)
        loops.every("health memory", KEEP_EVERY_S, self.keep)

    async def step(self) -> None:
        """The next camera's turn, if it is due, and a pause. Raises what a look failed with, if that was our fault."""
        if not self._loaded:
            await self._load()
        enabled = [camera for camera in self._config().cameras if camera.enabled]
        cameras = [camera.id for camera in enabled]
        self._forget(cameras)
        done = [camera for camera, task in self._looks.items() if task.done()]
        for failed in [self._looks.pop(camera) for camera in done]:
            failed.result()
        now_s = self._now_s()
        if now_s - self._heard_s >= HEAR_S:
            self._heard_s = now_s
            for one in enabled:
                view, memory = self._cameras.view(one.id), self._memories.get(one.id, Memory())
                if view is not None:
                    self._memories[one.id] = self._schedules[one.id].hear(view, memory, one.expect.audio)
        free = {
            camera for camera in cameras if camera not in self._looks and not is_aside(self._records, camera, now_s)
        }
        due_s, camera = next_turn([(one, self._schedules[one]) for one in cameras], free)
        if due_s > now_s:
            await asyncio.sleep(min(self._heard_s + HEAR_S, due_s) - now_s)
            return
        self._looks[camera] = asyncio.create_task(self._look(camera, now_s), name=f"look {camera}")
        await asyncio.sleep(pause_s(len(cameras)))

    async def _load(self) -> None:
        """What an earlier run learned; a file that cannot be read is as none."""
        self.references = await asyncio.to_thread(self._references.all)
        try:
            data = await asyncio.to_thread(self._path.read_bytes)
            self._memories = msgspec.json.decode(data, type=dict[str, Memory])
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            log.warning("what cameras usually show is learned anew: %s: %s", self._path, error)
        self._loaded = True

    async def keep(self) -> None:
        """What was learned so far, on disk."""
        if not self._loaded:
            return
        data = msgspec.json.encode({camera: judge.interrupted(one) for camera, one in self._memories.items()})
        await asyncio.to_thread(write_whole, self._path, data)

    async def close(self) -> None:
        """No look goes on; what was learned is kept, if that can be done."""
        for task in self._looks.values():
            task.cancel()
        await asyncio.gather(*self._looks.values(), return_exceptions=True)
        await self._decoder.close()
        try:
            await self.keep()
        except OSError as error:
            log.warning("what cameras usually show is not kept: %s", error)

    async def snapshot(self, camera: str) -> tuple[bytes, int]:
        """A JPEG of its next key frame, and when (wall clock). Raises NoPicture."""
        glance = await self._glance(camera, LookKind.SNAPSHOT)
        return glance.jpeg, self._clock.now().wall_ms

    async def refer(self, camera: str) -> ReferenceView:
        """From now on this is what it is to show. Raises NoPicture, OSError."""
        glance = await self._glance(camera, LookKind.THUMB)
        one = ReferenceView(camera, self._clock.now().wall_ms, glance.seen.thumb)
        await asyncio.to_thread(self._references.put, one)
        self.references[camera] = one
        self._changed(camera)
        return one

    async def unrefer(self, camera: str) -> bool:
        """False: it has no reference. Raises OSError."""
        gone = await asyncio.to_thread(self._references.remove, camera)
        self.references.pop(camera, None)
        self._changed(camera)
        return gone

    def _changed(self, camera: str) -> None:
        self._schedules[camera].settled = False
        if camera in self._memories:
            self._memories[camera] = judge.referred(self._memories[camera])

    async def _glance(self, camera: str, want: LookKind) -> LookResult:
        if is_aside(self._records, camera, self._now_s()):
            raise NoPicture(
                message(
                    "health.left-alone",
                    "its pictures made the decoder die or hang, and it is left alone for a while",
                )
            )
        try:
            came = await self._decoder.look(partial(self._hand, camera), want)
        except DecoderLost as lost:
            self._blame(camera, lost)
            raise NoPicture(
                message("health.decoder-failed", "the decoder failed: {reason}", reason=str(lost))
            ) from None
        if isinstance(came, UnseenReason):
            raise NoPicture(WORDS[came])
        return came

    async def _look(self, camera: str, now_s: float) -> None:
        schedule = self._schedules[camera]
        apart_s = schedule.begin(now_s)
        reference = self.references.get(camera)
        hand: Callable[..., bool] = partial(self._hand, camera)
        try:
            came = await self._decoder.look(hand, LookKind.MEASURE, reference.thumb if reference else b"")
        except DecoderLost as lost:
            self._blame(camera, lost)
            return
        self._records.pop(camera, None)
        view = self._cameras.view(camera)
        configured = next((one for one in self._config().cameras if one.id == camera), None)
        if configured is None or view is None:
            return
        if isinstance(came, UnseenReason):
            self._miss(camera, view, WORDS[came])
            return
        look = self._as_look(configured, view, came.seen, apart_s)
        memory, self.judged[camera] = judge.step(self._memories.get(camera, Memory()), look)
        self._memories[camera] = memory
        schedule.judged(memory, look)

    def _hand(self, camera: str, to: socket.socket) -> bool:
        """Its next key frame and the sound with it go into this socket; False while nothing comes."""
        return self._cameras.hand(camera, Kind.LOOK, to)

    def _as_look(self, configured: CameraConfig, view: CameraView, seen: Seen, apart_s: float) -> Look:
        now_ms = self._clock.now().wall_ms
        zone = self._config().site.zone
        offset = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).utcoffset()
        stats = view.samples[-1][1] if view.samples else None
        return Look(
            at_ms=now_ms,
            site_ms=now_ms + (0 if offset is None else int(offset.total_seconds() * 1000)),
            picture=seen.picture,
            heard=seen.heard,
            lag_ms=stats.sound_lag_ms if stats else None,
            overdue=_is_overdue(view),
            colour=configured.expect.colour,
            sound=configured.expect.audio,
            apart_s=apart_s,
        )

    def _miss(self, camera: str, view: CameraView, why: Message) -> None:
        """Of a camera that is recorded, it is told after a while that its picture cannot be judged."""
        if view.cause is not None:
            self._memories[camera] = judge.interrupted(self._memories.get(camera, Memory()))
            return
        memory = self._memories[camera] = judge.missed(self._memories.get(camera, Memory()))
        if judge.is_unseen(memory):
            self._tell(camera, why)

    def _blame(self, camera: str, lost: DecoderLost) -> None:
        if not lost.blamed:
            return
        record = self._records[camera] = blamed(self._records.get(camera, DecoderBackoff()), self._now_s())
        if record.until_s:
            log.warning("%s: its pictures killed or hung the decoder %d times in a row", camera, record.blamed)
            self._tell(camera, message("health.decoder-dies", "its pictures make the decoder die or hang"))

    def _tell(self, camera: str, why: Message) -> None:
        before = self.judged.get(camera, MediaHealth(0))
        self.judged[camera] = MediaHealth(before.at_ms, before.findings, unjudged=why)

    def _forget(self, cameras: list[str]) -> None:
        """Of cameras that are no longer looked at nothing is told; what was learned of those in the file stays."""
        for gone in self.judged.keys() - set(cameras):
            del self.judged[gone]
        for gone in self._schedules.keys() - set(cameras):
            del self._schedules[gone]
        known = {camera.id for camera in self._config().cameras}
        for gone in self._memories.keys() - known:
            del self._memories[gone]

    def _now_s(self) -> float:
        return self._clock.now().boottime_ms / 1000


def _is_overdue(view: CameraView) -> bool:
    """Sound is promised, and pictures came for half a minute without any."""
    if view.connected is None or not view.connected.audio or len(view.samples) < 2:
        return False
    (first_ms, first), (last_ms, last) = view.samples[0], view.samples[-1]
    if last.sound_units != view.samples[-2][1].sound_units:
        return False
    since = [(at, one) for at, one in view.samples if last_ms - at >= SLOW_FOR_S * 1000]
    start = since[-1][1] if since else first
    long_enough = last_ms - first_ms >= SLOW_FOR_S * 1000
    return long_enough and last.video_frames > start.video_frames and last.sound_units == start.sound_units
