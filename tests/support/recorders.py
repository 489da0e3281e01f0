"""Cameras recorded as the daemon does it, by its own runners into a store of its own, without the daemon around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar

from edged.cameras import CameraRunners, StoreAdapter, sync_ms
from recorder.supervisor.groups import Group
from recorder.supervisor.processes import GROUP, WORKER, Forkserver
from recorder.supervisor.runner import CameraSettings, CameraView
from storage.store.facade import Store
from storage.volumes.volume import VolumeSpec
from storage.words.clock import SystemClock
from storage.words.model import Bounds, Gap, GapCause, Moment, Segment
from tests.support.rtsp import Account
from tests.support.waiting import waited_ms

T = TypeVar("T")
C = TypeVar("C", bound="Recorded")

PATIENCE_S: Final = 30.0
"""For what must happen but is not timed: the machine may be busy."""
LOOK_S: Final = 0.02
MACHINE_S: Final = 0.05
MAX_LOSS_MS: Final = 2_000
MOST_LOST_MS: Final = 2_000
"""By each of the others when a group ends, while no key frame has to be waited for. Measured: 200 to 850 ms."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A gap that is over."""

    cause: GapCause
    detail: str
    ms: int
    busy_ms: float
    """So much of it was perhaps the machine's."""

    @property
    def is_short(self) -> bool:
        """As the others of a group may lose it."""
        return self.ms <= MOST_LOST_MS + self.busy_ms


class Recorded(Protocol):
    """A camera: `FaultCamera`, or one elsewhere."""

    @property
    def account(self) -> Account | None: ...

    @property
    def url(self) -> str: ...


class Recorders(Generic[C]):
    """Context manager: all `cameras` are recorded. Lives on the event loop."""

    def __init__(
        self,
        folder: Path,
        cameras: Mapping[str, C],
        *,
        worker: str = WORKER,
        group: str = GROUP,
        segment_ms: int = 60_000,
    ) -> None:
        """`worker`, `group`: what their processes run."""
        self.cameras = cameras
        self.volume = folder / "volume"
        self.forkserver = Forkserver(worker, group)
        self._folder = folder
        self._segment_ms = segment_ms
        self._clock = SystemClock()
        self._waited: list[tuple[int, float]] = []
        """How long somebody had to wait on this machine, until each moment of boottime."""

    async def __aenter__(self) -> Self:
        self.volume.mkdir()
        self.forkserver.start()
        self.store = await asyncio.to_thread(
            Store.open,
            state=self._folder / "state",
            node="wenshan",
            volumes=(VolumeSpec(self.volume, max_bytes=1 << 30),),
            clock=self._clock,
        )
        bounds, priorities = Bounds(60, 86_400), dict.fromkeys(self.cameras, 0)
        adapter = StoreAdapter(self.store, lambda _: bounds, lambda: priorities, lambda: self._segment_ms)
        await adapter.refresh_volumes()
        self.runners = CameraRunners(self.store, adapter, self.forkserver, self._clock, lambda: 0.5)
        self._watching = asyncio.create_task(self._watch_machine())
        await self.apply(*self.cameras)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.runners.stop()
        self.forkserver.close()
        await asyncio.to_thread(self.store.close)

    async def apply(self, *names: str) -> None:
        """These are recorded from now on, and no others."""
        await self.runners.apply({name: self._settings(name) for name in names}, self.cameras)

    def _settings(self, name: str) -> CameraSettings:
        account, url = self.cameras[name].account, self.cameras[name].url
        user, password = (account.user, account.password) if account else ("", "")
        return CameraSettings(name, url, user, password, self._segment_ms, sync_ms(MAX_LOSS_MS))

    # What is seen

    async def until(self, probe: Callable[[], T], what: str, within_s: float = PATIENCE_S) -> T:
        """The first true value."""
        seen: T | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not (seen := probe()):  # noqa: ASYNC110  (of other processes, nobody tells)
                    await asyncio.sleep(LOOK_S)
        if not seen:
            raise AssertionError(f"not within {within_s:g} s: {what}; { ({n: self._told(n) for n in self.cameras}) }")
        return seen

    async def until_recorded(self, *names: str, within_s: float = PATIENCE_S) -> None:
        """All of these, or just all, and for so long that some of it would be salvaged."""
        begun = {name: (self.view(name).since, self.frames(name)) for name in names or self.cameras}

        def is_more(name: str, since: Moment, frames: int) -> bool:
            return self.is_recorded(name) and self.frames(name) > (frames if self.view(name).since == since else 0)

        await self.until(lambda: all(is_more(name, *seen) for name, seen in begun.items()), "they record", within_s)

    def _told(self, name: str) -> str:
        view = self.runners.view(name)
        return "no runner" if view is None else f"{view.phase} {view.cause} {view.came_back}"

    def view(self, name: str) -> CameraView:
        view = self.runners.view(name)
        assert view is not None
        return view

    def is_recorded(self, name: str) -> bool:
        return self.view(name).cause is None

    def frames(self, name: str) -> int:
        """Recorded in this session, as far as was reported."""
        view = self.runners.view(name)
        samples = view.samples if view is not None and view.cause is None else ()
        return samples[-1][1].video_frames if samples else 0

    @property
    def groups(self) -> list[Group]:
        return self.runners._shared.groups._groups

    def group_of(self, name: str) -> int | None:
        """The process of its group; None for one that is read alone, or not at all."""
        for group in self.groups:
            if any(place.camera == name and place.read_since_s is not None for place in group.members.values()):
                return group.process.pid
        return None

    @property
    def workers(self) -> set[int]:
        """Processes of sessions that are read alone, or connect."""
        return {worker.pid for worker in self.forkserver._workers if not worker._process.gone}

    def gaps(self, name: str) -> list[Gap]:
        """But that before its first segment."""
        return [gap for gap in self.store.gaps(name, None, None) if gap.cause is not GapCause.STARTING]

    def losses(self, name: str) -> list[Loss]:
        """Of the gaps of this camera that are over."""
        return [
            Loss(
                gap.cause,
                str(gap.detail),
                gap.end.boottime_ms - gap.start.boottime_ms,
                self.busy_ms(gap.start.boottime_ms, gap.end.boottime_ms),
            )
            for gap in self.gaps(name)
            if gap.end is not None
        ]

    def busy_ms(self, start_ms: int, end_ms: int) -> float:
        """How much longer what was done between these moments of boottime may have taken, because others wanted
        processor and disk as well."""
        before = [waited for at_ms, waited in self._waited if at_ms <= start_ms] or [0.0]
        after = [waited for at_ms, waited in self._waited if at_ms >= end_ms] or [waited_ms()]
        return after[0] - before[-1] if isfinite(after[0]) else inf

    async def _watch_machine(self) -> None:
        while True:
            self._waited.append((self._clock.now().boottime_ms, waited_ms()))
            await asyncio.sleep(MACHINE_S)

    def segments(self, name: str) -> list[Segment]:
        return self.store.segments(name, None, None)
