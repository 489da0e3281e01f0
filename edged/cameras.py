"""The cameras of a site while the daemon runs: one runner each, started, stopped and changed with the configuration.

A reload touches only the cameras that changed; `difference` decides that, purely. A camera that is disabled or gone
keeps its footage under floor and ceiling: only its recording ends, with a gap that says so. A runner that fails is
told, covered by a gap and begun anew, and takes no other with it (L4).

Whether a camera is recorded all the time or only now and then is told (pure) by its gaps of the last minutes: from
the catalog, because only that knows what was lost at the end of each session and in pauses within one. What is
done to a camera on purpose (a stop, a reload, a clock that is set) says nothing about it.

`StoreAdapter` stands between recorder and storage and answers the runners of all cameras: what a worker tells becomes
facts, what the catalog knows becomes terms. It decides nothing but on which terms the next segment is recorded.
Blocking reads of the store run on threads, its writes are awaited futures of the one writer thread.

Begin with `CameraRunners`. May enter access and the rooms below.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from edged.config.model import CameraConfig, Config
from recorder.supervisor.backlog import Backlog
from recorder.supervisor.connect_queue import ConnectQueue
from recorder.supervisor.groups import Groups
from recorder.supervisor.processes import Forkserver
from recorder.supervisor.runner import CameraRunner, CameraSettings, CameraView, Shared
from recorder.supervisor.state import DeviceLog
from recorder.words import messages
from recorder.words.messages import HELD_MS, Kind
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.errors import StoreError
from storage.words.message import Message, message
from storage.words.model import Bounds, Closing, Gap, GapCause, Moment, Opening, Parts, VolumesNow, VolumeStatus

LOOK_EVERY_S: Final = 1.0
"""How old the answer to "which volume is next" may be: the sweep keeps room for far longer."""


class StoreAdapter:
    """Keeps the footage of all cameras in one store (recorder.supervisor.backlog.SegmentStore)."""

    def __init__(
        self,
        store: Store,
        bounds: Callable[[str], Bounds],
        priorities: Callable[[], Mapping[str, int]],
        segment_ms: Callable[[], int],
    ) -> None:
        """`priorities` of the cameras that are to be recorded: the smallest stops first when nothing fits any more.
        `segment_ms`: how long segments are to be.
        """
        self._store = store
        self._bounds = bounds
        self._priorities = priorities
        self._segment_ms = segment_ms
        self._epoch = store.epoch
        self._synced = False
        self._seen = VolumesNow(GapCause.STARTING, (), frozenset(), {}, frozenset(), tight=False)
        self.committed = asyncio.Event()
        """Set at each commit: the sweep may have something to do."""

    def clock_is(self, epoch: int, *, synced: bool) -> None:
        """The clock epoch under which segments are opened from now on."""
        self._epoch, self._synced = epoch, synced

    async def refresh_volumes(self) -> bool:
        """See how the volumes are; True when next segments go elsewhere than before, or may begin again."""
        before = self._seen
        self._seen = seen = await asyncio.to_thread(
            self._store.admission.volumes_now, self._priorities(), self._segment_ms()
        )
        self._tell(before, seen)
        if seen.tight:
            self.committed.set()
        return _id_of(before.chosen) != _id_of(seen.chosen) or bool(before.stopped.keys() - seen.stopped.keys())

    @property
    def to_cut(self) -> frozenset[str]:
        """Cameras whose segments in progress must end at once: the disk has no room even for what is begun."""
        return self._seen.at_once

    def _tell(self, before: VolumesNow, seen: VolumesNow) -> None:
        if stops := sorted(seen.stopped.keys() - before.stopped.keys()):
            causes = ", ".join(sorted({seen.stopped[camera].value for camera in stops}))
            log.warning("no room (%s): these cameras begin no further segment: %s", causes, ", ".join(stops))
        if starts := sorted(before.stopped.keys() - seen.stopped.keys()):
            log.info("there is room again for %s", ", ".join(starts))

    async def terms(self, camera: str) -> messages.Terms | GapCause:
        """What the next segments of this camera are recorded under, or why they may not be."""
        chosen = self._seen.stopped.get(camera, self._seen.chosen)
        if isinstance(chosen, GapCause):
            return chosen
        bounds = self._bounds(camera)
        return messages.Terms(
            volume=chosen.id,
            volume_path=str(chosen.path),
            floor_s=bounds.floor_s,
            ceiling_s=bounds.ceiling_s,
            epoch=self._epoch,
            synced=self._synced,
        )

    async def tail(self, camera: str) -> tuple[int, str]:
        """Next segment number and the hex hash of the last committed segment."""
        tail = await asyncio.to_thread(self._store.tail, camera)
        return tail.next_seq, tail.previous_sha256

    async def open(self, camera: str, opening: messages.Opening) -> messages.Granted | messages.Refused:
        """Write the `open` row; only then may the file appear. Refused when its volume, or nobody, takes it."""
        terms = opening.terms
        if (stopped := self._seen.stopped.get(camera)) is not None:
            return messages.Refused(seq=opening.seq, cause=stopped)
        if terms.volume not in self._seen.takes:
            return messages.Refused(seq=opening.seq, cause=self._refusal(terms.volume))
        fact = Opening(
            camera=camera,
            seq=opening.seq,
            volume=terms.volume,
            start=Moment(opening.wall_ms, opening.boottime_ms),
            bounds=Bounds(terms.floor_s, terms.ceiling_s),
            epoch=terms.epoch,
            synced=terms.synced,
        )
        await asyncio.wrap_future(self._store.open_segment(fact))
        return messages.Granted(seq=opening.seq)

    def _refusal(self, volume: str) -> GapCause:
        """What is wrong with this volume; of one that is not known any more, only that it cannot be written."""
        status = next((status for status in self._seen.volumes if status.id == volume), None)
        return (status.cause if status else None) or GapCause.IO_ERROR

    async def close(self, camera: str, closed: messages.Closed) -> None:
        """The file lies synced under its name: commit its row."""
        closing = Closing(
            camera=camera,
            seq=closed.seq,
            end=Moment(closed.end_wall_ms, closed.end_boottime_ms),
            bytes=closed.bytes,
            sha256=bytes.fromhex(closed.sha256),
            video_frames=closed.video_frames,
            camera_offset_ms=closed.camera_offset_ms,
            parts=Parts(closed.parts, bytes.fromhex(closed.parts_root)),
        )
        await asyncio.wrap_future(self._store.commit_segment(closing))
        self.committed.set()

    async def salvage(self, camera: str, seq: int, cause: GapCause, detail: Message) -> bool:
        """Adopt what was left of a segment as `.part`. False: not possible yet."""
        salvaged = await asyncio.wrap_future(self._store.salvage(camera, cause, detail, seq=seq))
        for segment in salvaged.segments:
            log.info("%s: salvaged segment %d, %d bytes", camera, segment.seq, segment.bytes)
        if salvaged.segments:
            self.committed.set()
        return not salvaged.left

    async def gap(self, camera: str, at: Moment | None, cause: GapCause, detail: Message) -> None:
        """From `at` on (None: from the end of what is recorded) nothing is recorded, because of `cause`."""
        await asyncio.wrap_future(self._store.begin_gap(camera, at, cause, detail))

    async def hole(self, camera: str, start: Moment, end: Moment, detail: Message) -> None:
        """The camera paused within what is recorded."""
        await asyncio.wrap_future(self._store.note_hole(camera, start, end, GapCause.STALLED, detail))


def _id_of(chosen: VolumeStatus | GapCause) -> str:
    return chosen.id if isinstance(chosen, VolumeStatus) else ""


log = logging.getLogger("edged.cameras")

ANEW_AFTER_S: Final = 5.0
"""After a runner failed: short enough for L1, long enough that a defect does not fill the journal."""
STOP_S: Final = 7.5
"""For a whole stop, of the 8 s it may take: what the workers left is salvaged in what they need less."""

SYNC_ITSELF_MS: Final = 600
"""Allowed for one fdatasync; beside a heavy copy it was measured at 50 ms, and above 500 ms it is an alarm."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a new configuration means for the runners, by camera id."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]


def settings_of(config: Config) -> dict[str, CameraSettings]:
    """What is to be recorded: the enabled cameras, as the recorder wants to know them."""
    return {camera.id: _settings(config, camera) for camera in config.cameras if camera.enabled}


def _settings(config: Config, camera: CameraConfig) -> CameraSettings:
    recording = config.recording
    return CameraSettings(
        id=camera.id,
        url=camera.url,
        username=camera.username or "",
        password=camera.password.get_secret_value(),
        segment_ms=recording.segment_ms,
        sync_ms=sync_ms(round(recording.max_loss.total_seconds() * 1000)),
        certificate=camera.certificate or "",
        ca_file=camera.ca_file or "",
    )


def sync_ms(max_loss_ms: int) -> int:
    """How long written bytes may wait for their sync so that a power cut costs at most `max_loss_ms` (S6).

    The rest is what a worker holds in memory at the worst instant, and the sync itself. Where there is time for it, a
    worker syncs once for each look, not oftener (`recorder.worker.disk.SYNC_S`).
    """
    return max_loss_ms - HELD_MS - SYNC_ITSELF_MS


def difference(before: Mapping[str, CameraSettings], after: Mapping[str, CameraSettings]) -> Difference:
    """Which cameras begin, end, must reconnect, and lose no frame."""
    return Difference(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(k for k in before.keys() & after.keys() if before[k] != after[k])),
        unchanged=tuple(sorted(k for k in before.keys() & after.keys() if before[k] == after[k])),
    )


@dataclass(slots=True)
class _RunningCamera:
    """One camera's place: what it runs with, its present runner, and the task that keeps one running."""

    settings: CameraSettings
    runner: CameraRunner | None = None
    task: asyncio.Task[None] | None = None
    leaving: bool = False
    anew: bool = False
    """Its runner was told to end, and another one to begin at once."""


class CameraRunners:
    """All runners. Lives on the event loop; `apply` and `stop` take turns."""

    def __init__(
        self, store: Store, adapter: StoreAdapter, forkserver: Forkserver, clock: Clock, random: Callable[[], float]
    ) -> None:
        self._store = store
        self._adapter = adapter
        self._clock = clock
        self._shared = Shared(forkserver, Groups(forkserver), ConnectQueue(clock), DeviceLog(), clock, random)
        self._running: dict[str, _RunningCamera] = {}
        self._backlogs: dict[str, Backlog] = {}
        """Of all cameras that run, and of those that are gone and still owe something."""
        self._resting: set[str] = set()
        self._turn = asyncio.Lock()
        self._closed = False

    def view(self, camera: str) -> CameraView | None:
        """What the runner of an enabled camera sees, or None when it has none."""
        running = self._running.get(camera)
        return running.runner.view if running and running.runner else None

    def hand(self, camera: str, what: Kind, to: socket.socket) -> bool:
        """Copies of what a camera sends, into this socket; False while nothing comes."""
        running = self._running.get(camera)
        return running is not None and running.runner is not None and running.runner.hand(what, to)

    async def apply(self, wanted: Mapping[str, CameraSettings], known: Collection[str]) -> Difference:
        """Make the runners match. Each camera changes by itself; one that fails to is tried again by the next `apply`.

        `known` are all cameras that have a place in the catalog: those not wanted rest, and their time says so.
        """
        async with self._turn:
            change = difference({name: running.settings for name, running in self._running.items()}, wanted)
            if self._closed:
                return change
            resting = [name for name in known if name not in wanted and name not in self._running]
            done = await asyncio.gather(
                *(self._end(name, GapCause.DISABLED) for name in change.removed),
                *(self._replace(wanted[name]) for name in change.changed),
                *(self._begin(wanted[name]) for name in change.added),
                *(self._rest(name) for name in resting if name not in self._resting),
                return_exceptions=True,
            )
        for error in done:
            if isinstance(error, BaseException):
                log.error("a camera could not be set up as configured", exc_info=error)
        await self.renew_terms()
        return change

    async def reconnect(self, camera: str) -> bool:
        """Its connection and its worker begin anew; False where it is not recorded. The last segment is committed."""
        async with self._turn:
            running = self._running.get(camera)
            if running is None or running.runner is None or self._closed:
                return False
            running.anew = True
            await running.runner.stop(GapCause.RELOAD)
            return True

    async def renew_terms(self) -> None:
        """Tell all workers under which terms their next segments are recorded."""
        for camera, running in list(self._running.items()):
            terms = await self._adapter.terms(camera)
            if running.runner is not None and not isinstance(terms, GapCause):
                running.runner.set_terms(terms)

    def cut(self, reason: str, cameras: Collection[str] | None = None) -> None:
        """Begin a new segment on these cameras, or on all, at the next key frame."""
        for camera, running in self._running.items():
            if running.runner is not None and (cameras is None or camera in cameras):
                running.runner.cut(reason)

    async def stop(self) -> None:
        """Stop all at once, with their last segments committed. Takes as long as the slowest runner's deadline."""
        self._closed = True
        loop = asyncio.get_running_loop()
        until_s = loop.time() + STOP_S
        async with self._turn:
            ends = (self._end(camera, None) for camera in list(self._running))
            for error in await asyncio.gather(*ends, return_exceptions=True):
                if isinstance(error, BaseException):
                    log.error("a camera did not stop in order", exc_info=error)
            left_s = max(0.0, until_s - loop.time())
            await asyncio.gather(*(backlog.finish(left_s) for backlog in self._backlogs.values()))
            self._backlogs.clear()

    async def _begin(self, settings: CameraSettings) -> None:
        await asyncio.wrap_future(self._store.enrol(settings.id, self._clock.now()))
        self._resting.discard(settings.id)
        running = self._running[settings.id] = _RunningCamera(settings)
        running.runner = self._runner(settings)
        running.task = asyncio.create_task(self._keep(running), name=f"camera {settings.id}")

    async def _replace(self, settings: CameraSettings) -> None:
        await self._end(settings.id, GapCause.RELOAD)
        await self._begin(settings)

    async def _end(self, camera: str, cause: GapCause | None) -> None:
        running = self._running[camera]
        running.leaving = True
        try:
            if running.runner is not None:
                await running.runner.stop(cause)
            elif running.task is not None:
                running.task.cancel()
            if running.task is not None:
                await asyncio.wait([running.task])
        finally:
            del self._running[camera]
            self._tidy()

    def _tidy(self) -> None:
        """Backlogs of cameras that are gone stay until they are empty."""
        for camera, backlog in list(self._backlogs.items()):
            if camera not in self._running:
                backlog.keep_trying()
                if backlog.is_clear and not self._closed:
                    del self._backlogs[camera]

    async def _rest(self, camera: str) -> None:
        """A camera that is disabled, or no longer configured: the time from here on has that cause."""
        now = self._clock.now()
        await asyncio.wrap_future(self._store.enrol(camera, now))
        await asyncio.wrap_future(self._store.begin_gap(camera, now, GapCause.DISABLED, ""))
        self._resting.add(camera)

    async def _keep(self, running: _RunningCamera) -> None:
        """Run the camera's runner; one that fails is a defect, told and covered, and a new one takes its place."""
        camera = running.settings.id
        while running.runner is not None and not self._closed:
            try:
                await running.runner.run()
            except Exception as error:
                log.exception("%s: its runner failed; a new one begins in %g s", camera, ANEW_AFTER_S)
                running.runner = None
                detail = message(
                    "gap.runner-failed",
                    "edged's own runner of this camera failed: {kind}",
                    kind=type(error).__name__,
                )
                try:
                    await self._adapter.gap(camera, None, GapCause.WORKER_CRASH, detail)
                except StoreError as refused:
                    log.error("%s: its gap could not be written down: %s", camera, refused)  # noqa: TRY400 - told above
            if running.leaving:
                return
            if not running.anew:
                await asyncio.sleep(ANEW_AFTER_S)
            running.anew = False
            running.runner = self._runner(running.settings)

    def _runner(self, settings: CameraSettings) -> CameraRunner:
        self._tidy()
        backlog = self._backlogs.setdefault(settings.id, Backlog(settings.id, self._adapter))
        return CameraRunner(settings, backlog, self._shared)


WINDOW_MS: Final = 300_000
"""Looked at: long enough for a camera that fails once a minute, short enough that one which was mended soon counts as
mended."""
BREAKS: Final = 3
"""So many interruptions in the window are no coincidence."""
CALM: Final = 1
"""It is steady again when there are no more than this: in between it stays what it was, and its alarm with it."""
NEAR_MS: Final = 1_000
"""Gaps nearer to each other are one interruption, whose cause changed while it lasted."""
ON_PURPOSE: Final = frozenset(
    {
        GapCause.STARTING,
        GapCause.DAEMON_STOPPED,
        GapCause.DAEMON_CRASH,
        GapCause.POWER_LOSS,
        GapCause.CLOCK_STEP,
        GapCause.DISABLED,
        GapCause.RELOAD,
        GapCause.MAINTENANCE,
    }
)


@dataclass(frozen=True, slots=True)
class Interruptions:
    """Of the last `WINDOW_MS`."""

    breaks: int
    """Interruptions that began."""
    share: float
    """Recorded part of the time, as far as nothing was done on purpose."""


STEADY: Final = Interruptions(0, 1.0)


def interruptions_of(gaps: Iterable[Gap], now_ms: int) -> Interruptions:
    """From the gaps that touch the window, whose end is `now_ms` of the wall clock."""
    start_ms = now_ms - WINDOW_MS
    breaks = lost_ms = away_ms = 0
    last_end_ms: int | None = None
    spans = sorted((*span, gap.cause) for gap in gaps for span in gap.missing(now_ms))
    for begin_ms, until_ms, cause in spans:
        end_ms = min(until_ms, now_ms)
        length_ms = max(0, end_ms - max(begin_ms, start_ms, last_end_ms or start_ms))
        joins = last_end_ms is not None and begin_ms - last_end_ms <= NEAR_MS
        last_end_ms = max(end_ms, last_end_ms or end_ms)
        if cause in ON_PURPOSE:
            away_ms += length_ms
            continue
        lost_ms += length_ms
        breaks += begin_ms >= start_ms and not joins
    wanted_ms = WINDOW_MS - away_ms
    return Interruptions(breaks, 1.0 if wanted_ms <= 0 else max(0.0, 1 - lost_ms / wanted_ms))


def is_unsteady(seen: Interruptions, *, before: bool) -> bool:
    """With hysteresis: `before` is what was said last."""
    return seen.breaks > CALM if before else seen.breaks >= BREAKS
