"""The words of 證據保存 as values: grounds, states, what is ordered, what lasts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from storage.ages.runs import Point
from storage.approvals.table import Person


class Ground(StrEnum):
    """Why footage is kept out of the ring."""

    LAW = "law"
    """A statute; the reference is its article."""
    INVESTIGATION = "investigation"
    """Of an offence; the reference is the number of the letter."""
    INTERNAL = "internal"
    """The office's own reasons. Holds nothing beyond its ceiling."""

    @property
    def crosses_ceiling(self) -> bool:
        """Only what the texts name does (J4: 其他法律另有規定、調查犯罪及其他違法行為)."""
        return self is not Ground.INTERNAL


class PinState(StrEnum):
    PROVISIONAL = "provisional"
    """Placed, and not approved by a second person yet."""
    APPROVED = "approved"
    RELEASED = "released"
    LAPSED = "lapsed"

    @property
    def lasts(self) -> bool:
        return self in (PinState.PROVISIONAL, PinState.APPROVED)


@dataclass(frozen=True, slots=True)
class Interval:
    """Of wall time, from the first millisecond to the one behind the last."""

    first_ms: int
    last_ms: int

    def touches(self, start_ms: int, duration_ms: int) -> bool:
        """Whole segments are pinned: one that has a moment in common is in it (rounding outward)."""
        return start_ms < self.last_ms and (start_ms + duration_ms > self.first_ms or start_ms >= self.first_ms)


@dataclass(frozen=True, slots=True)
class PinOrder:
    """A pin as a person asks for it."""

    cameras: tuple[str, ...]
    interval: Interval
    ground: Ground
    reference: str
    """Article or letter number; "" for `internal`."""
    case: str
    approver: str
    """Who is to answer for it, as the placer names them; perhaps nobody with an account here."""
    span_ms: int
    """How long it is to last from when it is placed, in running time."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A row of pins."""

    number: int
    id: str
    state: PinState
    version: int
    order: PinOrder
    """`span_ms` with its extensions."""
    placer: Person
    approved_by: str | None
    placed: Point
    adopted: bool
    """Found on a volume without a row."""
    ended_ms: int | None = None
    ended_by: str | None = None
    ended_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """How long a pin goes on."""

    pin: Pin
    age_ms: int
    """Running time since it was placed, at the least."""
    left_ms: int
    """Running time until it ends, or lapses for want of an approval, at the least; 0 when it has ended."""
    until_ms: int
    """The same as wall time, if the box runs on and nobody sets its clock: an estimate."""


class Presence(StrEnum):
    """Whether what lies on a volume can be reached."""

    THERE = "there"
    AWAY = "away"
    LOST = "lost"
    """Gone for good, and replaced."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a pin holds on one volume; nothing where only its sidecar lies."""

    volume: str
    path: Path
    presence: Presence
    segments: int
    bytes: int


@dataclass(frozen=True, slots=True)
class PinStatus(Left):
    """A pin as it is now, with what it holds."""

    shares: tuple[Share, ...]

    @property
    def segments(self) -> int:
        return sum(share.segments for share in self.shares)

    @property
    def bytes(self) -> int:
        return sum(share.bytes for share in self.shares)

    @property
    def volumes(self) -> tuple[str, ...]:
        return tuple(share.volume for share in self.shares)

    @property
    def unreachable(self) -> tuple[Share, ...]:
        """What is protected, and cannot be reached."""
        return tuple(share for share in self.shares if share.segments and share.presence is not Presence.THERE)


@dataclass(frozen=True, slots=True)
class CameraCost:
    """What a pin will hold of one camera, rounded outward; None where nothing is recorded yet."""

    camera: str
    first_ms: int | None
    last_ms: int | None
    segments: int
    bytes: int
    coming_bytes: int
    """What is still to be recorded, at its measured rate."""


@dataclass(frozen=True, slots=True)
class VolumeCost:
    """What a pin takes of one volume."""

    volume: str
    path: Path
    new_bytes: int
    """Not pinned by others already; what is still to be recorded counts where most room is."""
    pinned_bytes: int
    """By others."""
    limit_bytes: int
    """What edged may keep there; 0 while it is away and nobody knows."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a pin costs, told before it is placed."""

    cameras: tuple[CameraCost, ...]
    volumes: tuple[VolumeCost, ...]
    segments: int
    bytes: int
    new_bytes: int
    headroom_ms: int | None
    """So much recording of all cameras its bytes are worth; None while no rate is known."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`[pins]` of the configuration."""

    max_ms: int
    share_percent: float
