"""Between recorder and storage: what a worker tells becomes facts, what the catalog knows becomes terms.

`StoreKeeper` answers the runners of all cameras; it decides nothing but on which terms the next segment is recorded.
Blocking reads of the store run on threads, its writes are awaited futures of the one writer thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from recorder import messages
from storage.answers import VolumeStatus
from storage.model import Bounds, Closing, GapCause, Moment, Opening
from storage.store import Store

log = logging.getLogger("edged.recording")

VOLUME_LOOK_MS: Final = 1000
"""How old the answer to "which volume is next" may be: the sweep keeps room for far longer."""


class StoreKeeper:
    """Keeps the footage of all cameras in one store (recorder.camera.Keeper)."""

    def __init__(self, store: Store, boot_id: str, bounds: Callable[[str], Bounds], now: Callable[[], Moment]) -> None:
        self._store = store
        self._boot_id = boot_id
        self._bounds = bounds
        self._now = now
        self._epoch = store.epoch
        self._synced = False
        self._volume: VolumeStatus | None = None
        self._volume_at_ms: int | None = None
        self._looking = asyncio.Lock()
        self.committed = asyncio.Event()
        """Set at each commit: the sweep may have something to do."""

    def clock_is(self, epoch: int, *, synced: bool) -> None:
        """The clock epoch under which segments are opened from now on."""
        self._epoch, self._synced = epoch, synced

    async def terms(self, camera: str) -> messages.Terms | GapCause:
        """What the next segments of this camera are recorded under, or why they may not be."""
        volume = await self._choose_volume()
        if volume is None:
            return GapCause.DISK_FULL
        bounds = self._bounds(camera)
        return messages.Terms(
            volume=volume.id,
            volume_path=str(volume.path),
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
        """Write the `open` row; only then may the file appear."""
        if await self._choose_volume() is None:
            return messages.Refused(seq=opening.seq, cause=GapCause.DISK_FULL)
        terms = opening.terms
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

    async def close(self, camera: str, closed: messages.Closed) -> None:
        """The file lies synced under its name: commit its row."""
        closing = Closing(
            camera=camera,
            seq=closed.seq,
            end=Moment(closed.end_wall_ms, closed.end_boottime_ms),
            bytes=closed.bytes,
            sha256=bytes.fromhex(closed.sha256),
            video_frames=closed.video_frames,
        )
        await asyncio.wrap_future(self._store.commit_segment(closing))
        self.committed.set()

    async def abandoned(self, camera: str, abandoned: messages.Abandoned) -> None:
        """A segment could not be written on: adopt what is durable of it; the rest is a gap."""
        log.warning("%s: segment %d could not be written on: %s", camera, abandoned.seq, abandoned.detail)
        await self._adopt(camera, abandoned.cause, abandoned.detail, abandoned.seq)

    async def salvage(self, camera: str) -> None:
        """Adopt what a dead worker left as `.part`."""
        await self._adopt(camera, GapCause.WORKER_CRASH, "")

    async def _adopt(self, camera: str, cause: GapCause, detail: str, seq: int | None = None) -> None:
        for segment in await asyncio.wrap_future(self._store.salvage(camera, cause, detail, seq=seq)):
            log.info("%s: salvaged segment %d, %d bytes", camera, segment.seq, segment.bytes)
        self.committed.set()

    async def gap(self, camera: str, at: Moment | None, cause: GapCause, detail: str) -> None:
        """From `at` on (None: from the end of what is recorded) nothing is recorded, because of `cause`."""
        await asyncio.wrap_future(self._store.begin_gap(camera, at, cause, detail))

    async def _choose_volume(self) -> VolumeStatus | None:
        async with self._looking:
            now_ms = self._now().boottime_ms
            if self._volume_at_ms is None or now_ms - self._volume_at_ms >= VOLUME_LOOK_MS:
                self._volume = await asyncio.to_thread(self._store.choose_volume)
                self._volume_at_ms = now_ms
            return self._volume
