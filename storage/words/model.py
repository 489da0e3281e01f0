"""The words of storage as values: moments, bounds, segments, gaps.

Imports nothing but the standard library, so that a camera's worker can afford it. Units are in the names:
`_ms` milliseconds, `_s` seconds, `bytes` octets. `wall_ms` is UTC since 1970 and only names things (S7);
`boottime_ms` is CLOCK_BOOTTIME and is what ages are counted in, meaningful only together with a boot.

Then what the store answers with: values for the daemon and the people who ask it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

from storage.words.message import Message, message

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


GAP_CAUSES: Final[Mapping[GapCause, Message]] = {
    GapCause.STARTING: message("gap.starting", "recording had just started"),
    GapCause.UNREACHABLE: message("gap.unreachable", "the camera could not be reached"),
    GapCause.REFUSED: message("gap.refused", "the camera refused"),
    GapCause.UNAUTHORISED: message("gap.unauthorised", "the camera did not accept the password"),
    GapCause.UNTRUSTED: message("gap.untrusted", "the camera's certificate was not trusted"),
    GapCause.NO_SUCH_STREAM: message("gap.no-such-stream", "the camera has no such stream"),
    GapCause.UNSUPPORTED: message("gap.unsupported", "the pictures were of an unknown kind"),
    GapCause.STALLED: message("gap.stalled", "the camera sent no pictures"),
    GapCause.DROPPED: message("gap.dropped", "the connection broke"),
    GapCause.NO_KEYFRAME: message("gap.no-keyframe", "no complete picture came"),
    GapCause.BAD_DATA: message("gap.bad-data", "the camera sent bad data"),
    GapCause.WORKER_CRASH: message("gap.worker-crash", "the recording program failed"),
    GapCause.DAEMON_STOPPED: message("gap.daemon-stopped", "recording was stopped"),
    GapCause.DAEMON_CRASH: message("gap.daemon-crash", "the recording service failed"),
    GapCause.POWER_LOSS: message("gap.power-loss", "power was lost"),
    GapCause.DISK_FULL: message("gap.disk-full", "the disk was full"),
    GapCause.FLOOR_PROTECT: message("gap.floor-protect", "older footage had to be kept"),
    GapCause.IO_ERROR: message("gap.io-error", "the disk failed"),
    GapCause.CLOCK_STEP: message("gap.clock-step", "the clock was set"),
    GapCause.DISABLED: message("gap.disabled", "the camera was switched off"),
    GapCause.RELOAD: message("gap.reload", "settings were changed"),
    GapCause.MAINTENANCE: message("gap.maintenance", "maintenance was under way"),
    GapCause.UNKNOWN: message("gap.unknown", "nobody knows why"),
}
"""In the words that evidence uses (`edged.evidence.verify`)."""


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
    """What a file consists of (`storage.segments.segment_file`)."""

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
    detail: Message
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


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def gravity(self) -> int:
        """To compare by; the gravest is the largest."""
        return list(Severity).index(self)


class VolumeState(StrEnum):
    IN_SERVICE = "in-service"
    FULL = "full"
    """Nothing may go and the next segments do not fit."""
    AWAY = "away"
    """Not there, or not the volume that was configured: nothing is written below its path (S10)."""
    RETIRED = "retired"
    """Takes no new footage, or is not configured any more; what it holds stays governed."""
    LOST = "lost"
    """Gone for good, and replaced."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Where a camera's chain of segments ends."""

    next_seq: int
    previous_sha256: str
    """Hex hash of the last committed segment, "" when there is none."""


@dataclass(frozen=True, slots=True)
class VolumeStatus:
    """錄影硬碟 as it is now. Bytes are 0 while it is away and nothing is known."""

    id: str
    path: Path
    state: VolumeState
    reason: Message
    total_bytes: int
    free_bytes: int
    ring_bytes: int
    """What edged keeps there."""
    limit_bytes: int
    """What edged may keep there."""
    segments: int
    cause: GapCause | None = None
    """Why the next segments do not fit there, or none is written; None while there is room or it can be made.

    FLOOR_PROTECT: what edged keeps there must still be kept. DISK_FULL: others took the space. IO_ERROR: it is away, or
    does not let its files be removed.
    """
    others_bytes: int = 0
    """What is neither edged's own nor free on its file system: others' files, and what that keeps for itself. 0 while
    nobody knows.
    """
    reserve_bytes: int = 0
    """What edged leaves free."""
    device: int | None = None
    """Volumes of one file system have it in common, and all its room; None where that is not known."""
    stopped: tuple[str, ...] = ()
    """Cameras that are not recorded because it is full."""
    is_known: bool = True
    """All that edged keeps there is; after a loss of the database it is not at once."""
    has_turn: bool = True
    """It takes the next segments, and room is made for them there; of all, while no volume takes any."""
    noted: bool = False
    """It is gone for good, and a person has seen to that."""


@dataclass(frozen=True, slots=True)
class VolumesNow:
    """Where the next segments go, and who has to wait with his."""

    chosen: VolumeStatus | GapCause
    volumes: tuple[VolumeStatus, ...]
    takes: frozenset[str]
    """Ids of the volumes on which segments may begin."""
    stopped: Mapping[str, GapCause]
    """Cameras that begin no further segment."""
    at_once: frozenset[str]
    """Of those, whose segments in progress must end now."""
    tight: bool
    """Room has to be made on some volume: a sweep should not wait."""


@dataclass(frozen=True, slots=True)
class CameraUsage:
    """What is on disk of one camera: of each that was ever enrolled, with footage or without."""

    camera: str
    segments: int
    bytes: int
    oldest: Moment | None
    """Start of what is on disk, leaving out what only a pin keeps: it is past its floor."""
    oldest_age_ms: int | None
    """Low bound of its age."""
    newest: Moment | None
    bytes_per_day: float | None
    """At the rate of its latest segments; None while nothing was recorded."""
    lost: bool = False
    """Something that must still be kept went with a volume that is gone for good."""
    gone_ms: int = 0
    """Recorded within its configured floor, and destroyed."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """錄影完整率: the three parts add up to the part of the interval in which the camera was known."""

    covered_ms: int
    """Recorded, whether it is still on disk or was destroyed in its time."""
    explained_ms: int
    """Covered by a gap whose cause is known."""
    unexplained_ms: int
    known_since_ms: int | None
    """Wall clock of the camera's first enrolment; None for a camera that was never heard of."""
    gaps: int


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """異常通報: one condition. Flapping is one occurrence: `count` says how often it was raised since `since_ms`."""

    key: str
    severity: Severity
    raised: bool
    since_ms: int
    cleared_ms: int | None
    count: int
    text: Message
    action: Message
    """What to do."""
    acknowledged: bool
    occurrence: str = ""
    """Stays the same from when it was raised until it is gone for an hour."""
    names: str = ""
    """Of the people it is about: never told outside of the box."""
    at: tuple[int, int] | None = None
    """Boot and boottime when it was raised last; None: by an earlier version."""


@dataclass(frozen=True, slots=True)
class OpenFault:
    """報修: a fault that nobody has closed. Times of day by the wall clock; `age_ms` is running time, at the least."""

    id: str
    key: str
    """Of the alarm that found it first; "" where a person did."""
    camera: str | None
    volume: str | None
    found_ms: int
    age_ms: int
    reported_ms: int | None
    repaired_ms: int | None
    over: bool
    """The box sees nothing of it any more; never of one that a person found."""


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one sweep did."""

    destroyed: int
    freed_bytes: int
    kept: Mapping[str, int]
    """How many of the examined segments were kept, by reason."""
    blocked: tuple[str, ...]
    """Volumes that need space while nothing on them may go."""
    failed: tuple[Message, ...]
    """Files that could not be removed, each with the reason; their rows stay garbage and are tried again.

    The first few of each volume, and how many more there are."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What became of a segment that its worker did not finish."""

    segments: tuple[Segment, ...]
    left: tuple[str, ...]
    """Why it could not be worked off yet (still locked, I/O error, volume away, stopping): ask again."""


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What recovery found and did; all zero when the last stop was clean."""

    adopted: int
    unproven: int
    quarantined: int
    without_file: int
    """Open rows whose file never appeared: their time is covered by a gap."""
    garbage: int
    left: tuple[str, ...]
    """What could not be worked off this time (still locked, volume away, I/O error), each with the reason."""
    again: bool = False
    """Some of it is still locked by a worker that outlived its daemon for a moment, or was not come to: once more."""

    def words(self) -> str:
        """What was done, for the journal; "" when there was nothing to do."""
        counted = {
            "segments adopted": self.adopted,
            "adopted unproven": self.unproven,
            "quarantined": self.quarantined,
            "never begun": self.without_file,
            "destructions finished": self.garbage,
        }
        done = [f"{count} {what}" for what, count in counted.items() if count]
        return "; ".join([*([", ".join(done)] if done else []), *(f"left: {why}" for why in self.left)])


@dataclass(frozen=True, slots=True)
class PastItems:
    """What the centre may still be shown, and is no more or may be no more."""

    volumes: tuple[str, ...] = ()
    """Ids of all that were ever met."""
    pins: tuple[str, ...] = ()
    """Of the last that ended."""
    faults: tuple[str, ...] = ()
    """Of the last that were closed."""
    maintenance: bool = False
    """There was some."""
