"""The cameras of a site while the daemon runs: one runner each, started, stopped and changed with the configuration.

A reload touches only the cameras that changed; `difference` decides that, purely. A camera that is disabled or gone
keeps its footage under floor and ceiling: only its recording ends, with a gap that says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from recorder.camera import CameraRunner, CameraSettings, CameraView

from edged.config import Camera, Config
from edged.recording import StoreKeeper
from recorder.process import Forkserver
from storage.clock import Clock
from storage.model import GapCause
from storage.store import Store

log = logging.getLogger("edged.fleet")


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


def _settings(config: Config, camera: Camera) -> CameraSettings:
    recording = config.recording
    return CameraSettings(
        id=camera.id,
        url=camera.url,
        username=camera.username or "",
        password=camera.password.get_secret_value(),
        segment_ms=round(recording.segment.total_seconds() * 1000),
        sync_ms=sync_ms(round(recording.max_loss.total_seconds() * 1000)),
    )


def sync_ms(max_loss_ms: int) -> int:
    """How often a file is synced so that a power cut costs at most `max_loss_ms`: a quarter of it.

    What can be lost is the fragment being made, the wait for the next sync, and the sync itself; half a second each at
    the default of 2 s leaves another half for a slow disk (S6).
    """
    return max_loss_ms // 4


def difference(before: Mapping[str, CameraSettings], after: Mapping[str, CameraSettings]) -> Difference:
    """Which cameras begin, end, must reconnect, and lose no frame."""
    return Difference(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(k for k in before.keys() & after.keys() if before[k] != after[k])),
        unchanged=tuple(sorted(k for k in before.keys() & after.keys() if before[k] == after[k])),
    )


class Fleet:
    """All runners. Not thread-safe: lives on the event loop."""

    def __init__(
        self, store: Store, keeper: StoreKeeper, forkserver: Forkserver, clock: Clock, random: Callable[[], float]
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._forkserver = forkserver
        self._clock = clock
        self._random = random
        self._settings: dict[str, CameraSettings] = {}
        self._runners: dict[str, CameraRunner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def view(self, camera: str) -> CameraView | None:
        """What the runner of an enabled camera sees, or None when it has none."""
        runner = self._runners.get(camera)
        return runner.view if runner else None

    async def apply(self, wanted: Mapping[str, CameraSettings]) -> Difference:
        """Make the runners match; cameras that did not change lose no frame."""
        change = difference(self._settings, wanted)
        await asyncio.gather(
            *(self._stop(camera, GapCause.DISABLED) for camera in change.removed),
            *(self._stop(camera, GapCause.RELOAD) for camera in change.changed),
        )
        self._settings = dict(wanted)
        for camera in (*change.added, *change.changed):
            await self._start(wanted[camera])
        await self.renew_terms()
        return change

    async def renew_terms(self) -> None:
        """Tell all workers under which terms their next segments are recorded."""
        for camera, runner in list(self._runners.items()):
            terms = await self._keeper.terms(camera)
            if not isinstance(terms, GapCause):
                runner.set_terms(terms)

    def cut(self, reason: str) -> None:
        """Begin a new segment on every camera at its next key frame."""
        for runner in self._runners.values():
            runner.cut(reason)

    async def stop(self) -> None:
        """Stop all at once, with their last segments committed. Takes as long as the slowest runner's deadline."""
        await asyncio.gather(*(self._stop(camera, None) for camera in list(self._runners)))

    async def _start(self, settings: CameraSettings) -> None:
        await asyncio.wrap_future(self._store.enrol(settings.id, self._clock.now()))
        runner = CameraRunner(settings, self._keeper, self._forkserver, self._clock, self._random)
        self._runners[settings.id] = runner
        self._tasks[settings.id] = asyncio.create_task(runner.run(), name=f"camera {settings.id}")

    async def _stop(self, camera: str, cause: GapCause | None) -> None:
        runner, task = self._runners.pop(camera), self._tasks.pop(camera)
        await runner.stop(cause)
        await task
