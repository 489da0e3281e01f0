"""The words of 複製 as values: what is asked for, what there is of it, what its leaves say. Pure.

What an export consists of is a list of leaves (`Account`), fixed when it begins: leaves do not change, so the same
export is the same bytes whenever it is asked for again, also after a restart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final, Self

from storage.ages.history import Point
from storage.pins.rules import Interval
from storage.words.layout import segment_path
from storage.words.message import Message, message
from storage.words.model import Parts, Pause, Sha256

JOIN_MS: Final = 100
"""Ends and starts come from media time, rounded, and from two clocks: what is nearer than this is one instant."""


class ExportState(StrEnum):
    OPEN = "open"
    """It is being copied: what it consists of is held."""
    FINISHED = "finished"
    ABANDONED = "abandoned"

    @property
    def word(self) -> Message:
        """For people."""
        match self:
            case ExportState.OPEN:
                return message("export.state.open", "open")
            case ExportState.FINISHED:
                return message("export.state.finished", "finished")
            case ExportState.ABANDONED:
                return message("export.state.abandoned", "abandoned")


@dataclass(frozen=True, slots=True)
class OfficeRequest:
    """A request for footage by which a copy is made: neither names a person."""

    number: str
    """115-0007."""
    row: str
    """Of the profile's procedures."""


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """An export as a person asks for it, but for names and reasons."""

    cameras: tuple[str, ...]
    interval: Interval
    whole: bool
    """With the files of the segments themselves."""
    max_bytes: int
    """No film is larger."""
    destroy_by_ms: int
    """By the wall clock: until then the copy is to be destroyed."""
    request: OfficeRequest | None = None
    viewing: bool = False
    """It is looked at here and leaves nowhere: once it is laid out it is finished, and then destroyed."""


@dataclass(frozen=True, slots=True)
class CameraAccount:
    """Numbers of leaves, in the order of what they tell."""

    segments: tuple[int, ...] = ()
    gaps: tuple[int, ...] = ()
    destroyed: tuple[int, ...] = ()
    beside: tuple[int, ...] = ()
    """Of what does not leave and accounts for time between what does: the clock was set meanwhile, a disk is away."""


@dataclass(frozen=True, slots=True)
class ExportAccount:
    """What an export consists of."""

    cameras: Mapping[str, CameraAccount]
    clock: tuple[int, ...] = ()
    """Leaves by which times from before the clock was in sync are put right."""

    def to_json(self) -> str:
        cameras = {name: [one.segments, one.gaps, one.destroyed, one.beside] for name, one in self.cameras.items()}
        return json.dumps({"cameras": cameras, "clock": self.clock}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        told = json.loads(text)
        cameras = {name: CameraAccount(*map(tuple, lists)) for name, lists in told["cameras"].items()}
        return cls(cameras, tuple(told["clock"]))


@dataclass(frozen=True, slots=True)
class Export:
    """A row of exports."""

    number: int
    id: str
    state: ExportState
    order: ExportOrder
    run: int
    """Of the daemon, in which it began."""
    begun: Point
    leaf: int | None
    """Its `copy` leaf "begun"; None: it has none yet, and discloses nothing."""
    account: ExportAccount | None
    """None likewise, and once it has ended."""
    destroyed: bool = False
    """Of a viewing copy: none of it is there any more."""
    gone: int | None = None
    """The leaf that says so."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A segment, as its leaf tells of it."""

    leaf: int
    camera: str
    seq: int
    volume: str
    wall_ms: int
    """When it began, as its name says."""
    start_ms: int
    """The same by true time."""
    duration_ms: int
    bytes: int
    sha256: Sha256
    parts: Parts | None
    """None: nobody made them, and no piece of it can be proven."""
    camera_offset_ms: int | None

    @property
    def end_ms(self) -> int:
        """When it was over, by true time."""
        return self.start_ms + self.duration_ms

    @property
    def relative(self) -> PurePosixPath:
        """Path on its volume."""
        return segment_path(self.camera, self.wall_ms, self.seq)


@dataclass(frozen=True, slots=True)
class Missing:
    """A gap, as its leaf tells of it, by true time."""

    leaf: int
    start_ms: int
    end_ms: int
    cause: str
    inside: bool
    """No link of the chain: pauses within what is recorded."""
    pauses: tuple[Pause, ...]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """What is missing of it."""
        parts = [(self.start_ms + since, self.start_ms + since + lasted) for since, lasted in self.pauses]
        return parts or [(self.start_ms, self.end_ms)]


@dataclass(frozen=True, slots=True)
class Destroyed:
    """Something that was destroyed, likewise."""

    leaf: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class CameraContents:
    """All that an export has of one camera."""

    segments: tuple[Recorded, ...]
    gaps: tuple[Missing, ...]
    destroyed: tuple[Destroyed, ...]
    beside: tuple[int, ...] = ()
    """Leaves, as in its account."""


@dataclass(frozen=True, slots=True)
class Contents:
    """All that an export consists of, by camera, as its leaves tell."""

    cameras: Mapping[str, CameraContents]

    @property
    def segments(self) -> dict[int, Recorded]:
        """By leaf."""
        return {one.leaf: one for camera in self.cameras.values() for one in camera.segments}


Body = Mapping[str, Any]
"""Of a leaf, as it is parsed."""


class Clocks:
    """True times, by the leaves that tell of them: as the verifier of exports reckons them."""

    def __init__(self, told: Iterable[Body]) -> None:
        """Leaves of the clock that say `corrected`, in order."""
        self._told = [(one["boot"], one["boottime_ms"], one["true_offset_ms"]) for one in told]

    def true_ms(self, point: Body, *, synced: bool = False) -> int:
        """The wall clock at a place in time, as it should have been."""
        wall_ms, at_ms = int(point["wall_ms"]), int(point["boottime_ms"])
        known = [] if synced else [(at, off) for boot, at, off in self._told if boot == point["boot"] and at <= at_ms]
        if not known:
            return wall_ms
        last = max(at for at, _ in known)
        return at_ms + int([off for at, off in known if at == last][-1])


def recorded(leaf: int, body: Body, clocks: Clocks) -> Recorded:
    """What a leaf of a segment says."""
    parts = Parts(body["parts"], bytes.fromhex(body["root"])) if "root" in body else None
    return Recorded(
        leaf=leaf,
        camera=body["camera"],
        seq=body["seq"],
        volume=body["volume"],
        wall_ms=body["start"]["wall_ms"],
        start_ms=clocks.true_ms(body["start"], synced=body["synced"]),
        duration_ms=body["duration_ms"],
        bytes=body["bytes"],
        sha256=bytes.fromhex(body["sha256"]),
        parts=parts,
        camera_offset_ms=body.get("offset_ms"),
    )


def missing(leaf: int, body: Body, clocks: Clocks) -> Missing:
    """What a leaf of a gap says; one that lasted goes as far as it was when it was told of."""
    end = body["end"] or body.get("until") or body["start"]
    pauses = tuple((since, lasted) for since, lasted in body.get("pauses", ()))
    ends = clocks.true_ms(body["start"]), clocks.true_ms(end)
    return Missing(leaf, *ends, body["cause"], body["inside"], pauses)


def destroyed(leaf: int, body: Body, clocks: Clocks) -> Destroyed:
    """What a tombstone says."""
    start_ms = clocks.true_ms(body["start"])
    return Destroyed(leaf, start_ms, start_ms + body["duration_ms"])


@dataclass(frozen=True, order=True, slots=True)
class Claim:
    """A link of the chain that accounts for a camera's time."""

    start: Point
    stop: Point
    start_ms: int = field(compare=False)
    """By true time, as `stop_ms`."""
    stop_ms: int = field(compare=False)

    def follows(self, reached: Point) -> bool:
        """No time passes between what was reached and this."""
        return self.start.boot == reached.boot and self.start.boottime_ms <= reached.boottime_ms + JOIN_MS


def breaks(claims: Sequence[Claim]) -> list[tuple[Point, Point]]:
    """Where running time passes between claims: from when until when."""
    found: list[tuple[Point, Point]] = []
    reached: Point | None = None
    for claim in sorted(claims):
        if reached is not None and not claim.follows(reached):
            found.append((reached, claim.start))
        reached = claim.stop if reached is None else max(reached, claim.stop)
    return found


def unaccounted(claims: Sequence[Claim], interval: Interval) -> list[tuple[int, int]]:
    """Of an interval of true time, what no claim accounts for: as the verifier of exports finds holes."""
    holes: list[tuple[int, int]] = []
    reached: Claim | None = None
    for claim in sorted(claims):
        if reached is None:
            if claim.start_ms > interval.first_ms + JOIN_MS:
                holes.append((interval.first_ms, claim.start_ms))
        elif not claim.follows(reached.stop):
            holes.append((reached.stop_ms, claim.start_ms))
        if reached is None or reached.stop < claim.stop:
            reached = claim
    if reached is None:
        return [(interval.first_ms, interval.last_ms)]
    if reached.stop_ms < interval.last_ms - JOIN_MS:
        holes.append((reached.stop_ms, interval.last_ms))
    return holes
