"""Between recorder and storage: what a worker tells becomes facts, what the catalog knows becomes terms.

`StoreAdapter` answers the runners of all cameras; it decides nothing but on which terms the next segment is recorded.
Blocking reads of the store run on threads, its writes are awaited futures of the one writer thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from recorder.words import messages
from storage.store.facade import Store
from storage.words.model import Bounds, Closing, GapCause, Moment, Opening, Parts, VolumesNow, VolumeStatus

log = logging.getLogger("edged.cameras")

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

    async def look(self) -> bool:
        """See how the volumes are; True when next segments go elsewhere than before, or may begin again."""
        before = self._seen
        self._seen = seen = await asyncio.to_thread(self._store.admission.look, self._priorities(), self._segment_ms())
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

    async def salvage(self, camera: str, seq: int, cause: GapCause, detail: str) -> bool:
        """Adopt what was left of a segment as `.part`. False: not possible yet."""
        salvaged = await asyncio.wrap_future(self._store.salvage(camera, cause, detail, seq=seq))
        for segment in salvaged.segments:
            log.info("%s: salvaged segment %d, %d bytes", camera, segment.seq, segment.bytes)
        if salvaged.segments:
            self.committed.set()
        return not salvaged.left

    async def gap(self, camera: str, at: Moment | None, cause: GapCause, detail: str) -> None:
        """From `at` on (None: from the end of what is recorded) nothing is recorded, because of `cause`."""
        await asyncio.wrap_future(self._store.begin_gap(camera, at, cause, detail))

    async def hole(self, camera: str, start: Moment, end: Moment, detail: str) -> None:
        """The camera paused within what is recorded."""
        await asyncio.wrap_future(self._store.note_hole(camera, start, end, GapCause.STALLED, detail))


def _id_of(chosen: VolumeStatus | GapCause) -> str:
    return chosen.id if isinstance(chosen, VolumeStatus) else ""
