"""One session of a recording without process, disk or network: source, clock and disk do as they are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from recorder.words.messages import WAKE_MS, Terms
from recorder.words.stream import Item, Losses, Reading, Sound, Video
from recorder.worker.disk import LastCommitted, Writer
from recorder.worker.fan_out import FanOut
from recorder.worker.recording import Pause, Recording
from storage.words.message import NOTHING, Message
from storage.words.model import Moment
from tests.support.worker import make_start

FIRST_MS = 50_000
WALL_MS = 1_700_000_000_000


@dataclass
class Segment:
    """What the disk was given."""

    start: Moment
    pieces: list[bytes] = field(default_factory=list)
    end: Moment | None = None
    frames: int = 0
    camera_offset_ms: int | None = None

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)


@dataclass
class Kept:
    """Stands for the disk: segments by their numbers."""

    segments: dict[int, Segment] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    is_behind: bool = False
    last_committed: LastCommitted = field(default_factory=lambda: LastCommitted(0, ""))
    queued_bytes: int = 0

    def begin(self, seq: int, start: Moment, terms: Terms) -> None:
        assert (seq, terms.epoch) == (len(self.segments) + 1, 1)
        assert sum(not segment.end for number, segment in self.segments.items() if number not in self.lost) <= 1
        self.segments[seq] = Segment(start)

    def add(self, seq: int, pieces: list[bytes]) -> None:
        assert self.segments[seq].end is None
        self.segments[seq].pieces += pieces

    def end(self, seq: int, end: Moment, frames: int, camera_offset_ms: int | None) -> None:
        assert self.segments[seq].end is None
        self.segments[seq].end = end
        self.segments[seq].frames = frames
        self.segments[seq].camera_offset_ms = camera_offset_ms

    def is_lost(self, seq: int) -> bool:
        return seq in self.lost

    def take_slowest_sync_ms(self) -> int:
        return 0


@dataclass
class ToldClock:
    """Says what it is told."""

    boottime_ms: int = FIRST_MS
    boot_id: str = "boot"

    def now(self) -> Moment:
        return Moment(WALL_MS + self.boottime_ms, self.boottime_ms)

    def synced(self) -> bool:
        return True

    def lead_us(self) -> int:
        return 0

    def rtc_offset_ms(self) -> int | None:
        return None


@dataclass
class MadeSource:
    """Tracks without a camera; what they bring is fed by hand, or comes with the next look."""

    video: Video
    sound: Sound | None = None
    aligned: bool = True
    detail: Message = NOTHING
    losses: Losses = field(default_factory=Losses)
    ready: bool = True
    nap_s: float = WAKE_MS / 1000
    descriptors: tuple[int, ...] = ()
    coming: list[Item] = field(default_factory=list)

    def take(self, out: list[Item]) -> bool:
        out += self.coming
        self.coming.clear()
        return True

    def close(self) -> None:
        """Nothing to close."""


class Session:
    """A recording and what came of it."""

    def __init__(self, source: MadeSource, segment_ms: int = 60_000) -> None:
        self.source = source
        self.kept = Kept()
        self.clock = ToldClock()
        self.handout = FanOut()
        self.sizes: list[tuple[int, int]] = []
        self.pauses: list[Pause] = []
        self.recording = Recording(
            make_start(Path("/nowhere"), "rtsp://10.0.0.1/x", segment_ms=segment_ms),
            source,
            writer=cast("Writer", self.kept),
            fan_out=self.handout,
            clock=self.clock,
            began=self.clock.now(),
            resized=lambda width, height: self.sizes.append((width, height)),
            paused=self.pauses.append,
        )

    @property
    def segments(self) -> list[Segment]:
        return list(self.kept.segments.values())

    def feed(self, *items: Item, waited: bool = True) -> None:
        """One look at the network."""
        self.recording.feed(Reading(list(items), waited))
