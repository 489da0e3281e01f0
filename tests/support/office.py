"""A box in a test: a state directory, a volume, a clock that obeys, and cameras whose workers are played by hand."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from storage.retention.bounds import WAIT_MS
from storage.retention.plan import Policy
from storage.segments.mp4 import EmbeddedMetadata
from storage.segments.segment_file import SegmentFile
from storage.store.facade import Store
from storage.volumes.volume import VolumeSpec
from storage.words import failpoints
from storage.words.failpoints import Failpoint
from storage.words.layout import PART_SUFFIX, segment_path
from storage.words.model import Bounds, Closing, GapCause, Moment, Opening, Salvaged, Segment, VolumeStatus
from tests.support import tiny_mp4

MEMORY: Final = "/dev/shm" if Path("/dev/shm").is_dir() and shutil.disk_usage("/dev/shm").free > 2 << 30 else None
"""Where a box lies of which nobody asks what a disk loses: no sync waits. None where there is too little of it."""
DEADLINE_S: Final = 10.0
BOUNDS: Final = Bounds(floor_s=60, ceiling_s=300)
UP_MS: Final = 20_000
WALL_MS: Final = 1_772_000_000_000
CAMERA_OFFSET_MS: Final = -3_200
"""What every story tells; a worker that ends in order tells another."""


@contextmanager
def in_memory() -> Iterator[Path]:
    """A directory there."""
    with TemporaryDirectory(prefix="edged-", dir=MEMORY, ignore_cleanup_errors=True) as place:
        yield Path(place)


class Clock:
    """Moves only when told. A boot has run for a while before the daemon comes up."""

    def __init__(self) -> None:
        self.boots = 1
        self.boottime_ms = UP_MS
        self.wall_ms = WALL_MS
        self.is_synced = True
        self.lead_ms = 0
        """How far MONOTONIC_RAW is ahead of boottime: slewing and sleeping move it."""
        self.rtc_ms: int | None = None
        """What the hardware clock says, where there is one; it moves with time, also while the box is off."""

    @property
    def boot_id(self) -> str:
        return f"boot-{self.boots}"

    def now(self) -> Moment:
        return Moment(self.wall_ms, self.boottime_ms)

    def synced(self) -> bool:
        return self.is_synced

    def lead_us(self) -> int:
        return self.lead_ms * 1000

    def rtc_offset_ms(self) -> int | None:
        return None if self.rtc_ms is None else self.rtc_ms - self.boottime_ms

    def tick(self, ms: int) -> Moment:
        self.boottime_ms += ms
        self.wall_ms += ms
        self._tick_rtc(ms)
        return self.now()

    def sleep(self, ms: int) -> None:
        """The box is suspended: MONOTONIC_RAW stands still."""
        self.tick(ms)
        self.lead_ms -= ms

    def step_wall(self, ms: int) -> None:
        self.wall_ms += ms

    def reboot(self, off_ms: int) -> None:
        self.boots += 1
        self.boottime_ms = UP_MS
        self.wall_ms += off_ms + UP_MS
        self.lead_ms = 0
        self._tick_rtc(off_ms + UP_MS)

    def _tick_rtc(self, ms: int) -> None:
        if self.rtc_ms is not None:
            self.rtc_ms += ms


@dataclass
class Recording:
    """A segment in progress, as its worker holds it."""

    opening: Opening
    file: SegmentFile
    fragments: int = 0
    begins: list[int] = field(default_factory=list)
    """Of each fragment in the file."""

    def write(self, fragments: int = 1) -> None:
        for _ in range(fragments):
            self.begins.append(self.file.bytes)
            self.file.write(tiny_mp4.fragment(self.fragments))
            self.fragments += 1

    def lose(self, fragments: int) -> None:
        """What was not synced when the power went; nothing is written after it."""
        kept = max(0, self.fragments - fragments)
        if kept < self.fragments:
            os.truncate(self.file.path.with_name(self.file.path.name + PART_SUFFIX), self.begins[kept])
        self.fragments = kept

    def close(self) -> Closing:
        """What a worker does at the end of a segment: the file first."""
        sealed = self.file.commit()
        end = self.opening.start.plus_ms(self.fragments * tiny_mp4.FRAGMENT_MS)
        frames = self.fragments * tiny_mp4.FRAGMENT_FRAMES
        return Closing(
            self.opening.camera, self.opening.seq, end, sealed.bytes, sealed.sha256, frames, parts=sealed.parts
        )


class Office:
    """One box with one volume, whose daemon can be stopped, killed and started anew."""

    def __init__(self, root: Path, max_bytes: int | None = None) -> None:
        self.clock = Clock()
        self.state = root / "state"
        self.disk = root / "disk"
        self.disk.mkdir()
        self.specs: Sequence[VolumeSpec] = (VolumeSpec(self.disk, None, None, max_bytes),)
        self.store = self.open()

    def open(self) -> Store:
        return Store.open(state=self.state, node="wenshan", volumes=self.specs, clock=self.clock)

    def start(self) -> None:
        self.store = self.open()

    def crash(self) -> None:
        """SIGKILL: nothing is written any more. Workers have to be killed by their own (`Recording.file.abandon`)."""
        self.store.close(clean=False)

    def enrol(self, camera: str) -> None:
        self.store.enrol(camera, self.clock.now()).result(DEADLINE_S)

    def opening(self, camera: str, *, bounds: Bounds = BOUNDS, start: Moment | None = None) -> Opening:
        volume = self.store.choose_volume()
        assert isinstance(volume, VolumeStatus), volume
        seq = self.store.tail(camera).next_seq
        begin, synced = start or self.clock.now(), self.clock.is_synced
        return Opening(camera, seq, volume.id, begin, bounds, self.store.epoch, synced)

    def record(self, camera: str, *, bounds: Bounds = BOUNDS, start: Moment | None = None) -> Recording:
        """A segment begins now: row, then file with its head."""
        opening = self.opening(camera, bounds=bounds, start=start)
        self.store.open_segment(opening).result(DEADLINE_S)
        relative = segment_path(camera, opening.start.wall_ms, opening.seq)
        file = SegmentFile.create(self.path_of(opening.volume), opening.volume, relative)
        recording = Recording(opening, file)
        file.write(tiny_mp4.head(self.story(opening).to_json()))
        return recording

    def path_of(self, volume: str) -> Path:
        return next(status.path for status in self.store.volumes() if status.id == volume)

    def salvage(self, camera: str, seq: int = 1) -> Salvaged:
        """What a runner asks for after its worker died."""
        return self.store.salvage(camera, GapCause.WORKER_CRASH, "", seq=seq).result(DEADLINE_S)

    def story(self, opening: Opening) -> EmbeddedMetadata:
        tail = self.store.tail(opening.camera)
        return EmbeddedMetadata(
            camera=opening.camera,
            seq=opening.seq,
            start=opening.start,
            boot_id=self.clock.boot_id,
            epoch=opening.epoch,
            synced=opening.synced,
            bounds=opening.bounds,
            previous_seq=opening.seq - 1,
            previous_sha256=tail.previous_sha256,
            camera_offset_ms=CAMERA_OFFSET_MS,
        )

    def commit(self, recording: Recording) -> Segment:
        return self.store.commit_segment(recording.close()).result(DEADLINE_S)

    def segment(self, camera: str, fragments: int = 5, *, bounds: Bounds = BOUNDS) -> Segment:
        """A whole segment, recorded while the clock moves with it."""
        recording = self.record(camera, bounds=bounds)
        recording.write(fragments)
        self.clock.tick(fragments * tiny_mp4.FRAGMENT_MS)
        return self.commit(recording)

    def overwrites(self, policy: Policy) -> None:
        """`on_full = "overwrite"`, since a day ago."""
        self.store.sweep(lambda: policy)
        self.clock.tick(WAIT_MS)
        assert self.store.ring.view(policy).overwriting.holds

    def files(self) -> list[str]:
        """Names on the volume, relative, without its own."""
        return sorted(str(path.relative_to(self.disk)) for path in self.disk.rglob("*-*.mp4*") if path.is_file())


def sha256(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


class Crash(BaseException):
    """The daemon dies here: nobody tidies up after it."""


def die_at(step: Failpoint, work: Callable[[], object]) -> None:
    """Right after a step."""

    def listener(reached: Failpoint) -> None:
        if reached is step:
            failpoints.arm(None)
            raise Crash

    failpoints.arm(listener)
    with pytest.raises(Crash):
        work()
    failpoints.arm(None)


def crash_at(office: Office, step: Failpoint, work: Callable[[], object]) -> None:
    """Die right after a step, and start anew."""
    die_at(step, work)
    office.crash()
    office.start()
