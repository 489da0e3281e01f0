"""The words of storage as values: moments, bounds, segments, gaps.

Imports nothing but the standard library, so that a camera's worker can afford it. Units are in the names:
`_ms` milliseconds, `_s` seconds, `bytes` octets. `wall_ms` is UTC since 1970 and only names things (S7);
`boottime_ms` is CLOCK_BOOTTIME and is what ages are counted in, meaningful only together with a boot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

WHOLE_MAX: Final = 1 << 52
"""Whole numbers up to here are believed, whoever tells them: sums of two fit into a leaf, where RFC 8785 ends with 53
bits, and in milliseconds this is 140,000 years."""
Sha256: TypeAlias = bytes
"""32 raw bytes. Named, because beside a field called `bytes` the type of that name is out of reach."""
Pause: TypeAlias = tuple[int, int]
"""A part of a gap: how long after its start it begins, and how long it lasts, in ms."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant of this boot, on both clocks at once."""

    wall_ms: int
    boottime_ms: int

    def plus_ms(self, delta_ms: int) -> Moment:
        return Moment(self.wall_ms + delta_ms, self.boottime_ms + delta_ms)

    def corrected(self, correction_ms: int | None) -> Moment:
        """The same instant, as a wall clock that was right would have named it."""
        return Moment(self.wall_ms + (correction_ms or 0), self.boottime_ms)


@dataclass(frozen=True, slots=True)
class Bounds:
    """最低保存期限 and 銷毀期限 of a camera. Floor runs from a segment's end, ceiling from its start."""

    floor_s: int
    ceiling_s: int

    def __post_init__(self) -> None:
        if not 0 <= self.floor_s <= self.ceiling_s:
            raise ValueError(f"floor {self.floor_s} s must lie between 0 and the ceiling {self.ceiling_s} s")


class SegmentState(StrEnum):
    """S5: each segment inode on a volume is exactly one of these."""

    OPEN = "open"
    COMMITTED = "committed"
    QUARANTINED = "quarantined"
    GARBAGE = "garbage"


class GapCause(StrEnum):
    """Why an interval was not recorded (S9). Closed list; `UNKNOWN` was found by subtraction only: unexplained."""

    STARTING = "starting"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    UNAUTHORISED = "unauthorised"
    UNTRUSTED = "untrusted"
    NO_SUCH_STREAM = "no-such-stream"
    UNSUPPORTED = "unsupported"
    STALLED = "stalled"
    DROPPED = "dropped"
    NO_KEYFRAME = "no-keyframe"
    BAD_DATA = "bad-data"
    WORKER_CRASH = "worker-crash"
    DAEMON_STOPPED = "daemon-stopped"
    DAEMON_CRASH = "daemon-crash"
    POWER_LOSS = "power-loss"
    DISK_FULL = "disk-full"
    FLOOR_PROTECT = "floor-protect"
    IO_ERROR = "io-error"
    CLOCK_STEP = "clock-step"
    DISABLED = "disabled"
    RELOAD = "reload"
    MAINTENANCE = "maintenance"
    """Somebody was at work on it, announced; what it would have been called otherwise is kept beside it."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of a segment when its `open` row is written, before its file exists."""

    camera: str
    seq: int
    volume: str
    """Volume id (UUID) from `.edged-volume.json`."""
    start: Moment
    bounds: Bounds
    epoch: int
    """Clock epoch: steps of the wall clock over 0.5 s count it up."""
    synced: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """What a file consists of (`storage.segments.fragment_hashes`)."""

    count: int
    root: Sha256
    """Of the Merkle tree over them (RFC 6962)."""


@dataclass(frozen=True, slots=True)
class Closing:
    """What is known of a segment once its file lies under its final name, synced."""

    camera: str
    seq: int
    end: Moment
    bytes: int
    sha256: Sha256
    video_frames: int
    camera_offset_ms: int | None = None
    """The camera's own clock minus ours, as last heard; None where it did not tell."""
    parts: Parts | None = None
    """None: nobody made them."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One row of the catalog (索引)."""

    id: int
    camera: str
    seq: int
    volume: str
    state: SegmentState
    path: Path
    """Absolute; below a volume that may be away."""
    boot: int
    """Number of the boot it was recorded in; boots are counted 1, 2, 3… by this box."""
    start: Moment
    end: Moment
    bytes: int
    sha256: Sha256
    bounds: Bounds
    """As stamped when it was opened."""
    epoch: int
    synced: bool
    unproven: bool
    """Adopted without a row that vouches for it."""
    camera_offset_ms: int | None = None
    """The camera's own clock minus ours while it was recorded; None where it did not tell."""
    clock_correction_ms: int | None = None
    """To be added to its wall times for the true ones: our clock was not synchronised then, and was later."""
    lost: bool = False
    """Gone for good with its volume: only the catalog tells of it."""

    @property
    def true_start(self) -> Moment:
        return self.start.corrected(self.clock_correction_ms)


@dataclass(frozen=True, slots=True)
class Gap:
    """錄影中斷: an interval of one camera that was not recorded. `end` is None while it lasts."""

    id: int
    camera: str
    start: Moment
    end: Moment | None
    cause: GapCause
    detail: str
    """What a technician reads; never a secret."""
    clock_correction_ms: int | None = None
    """As in `Segment`, for its start; `end_correction_ms` for its end."""
    end_correction_ms: int | None = None
    pauses: tuple[Pause, ...] = ()
    """Of one that joins pauses within what is recorded: only these are missing. Else all of it is."""
    beneath: GapCause | None = None
    """Of one in maintenance: the cause that it would have otherwise, and has from the end of that on."""

    @property
    def true_start(self) -> Moment:
        return self.start.corrected(self.clock_correction_ms)

    def missing(self, now_ms: int) -> list[tuple[int, int]]:
        """What is not recorded, as spans of wall time; one that lasts does so until now."""
        return missing(self.start.wall_ms, self.end.wall_ms if self.end else now_ms, self.pauses)


def missing(start_ms: int, end_ms: int, pauses: Iterable[Pause]) -> list[tuple[int, int]]:
    """What is missing of a gap, as spans."""
    parts = [(start_ms + since_ms, start_ms + since_ms + lasted_ms) for since_ms, lasted_ms in pauses]
    return parts or [(start_ms, end_ms)]
