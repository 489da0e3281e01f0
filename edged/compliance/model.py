"""The words of a judgement by clause: facts, outcomes, findings. Values only; what is told to people is Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from edged.config.model import CameraConfig
from edged.host.file_access import OpenFiles
from edged.overview import Overview
from edged.profiles.loader import ProfileClause
from edged.words import units
from storage.pins.rules import Ground
from storage.register.queries import Tally
from storage.segments.coverage_queries import CoverageShares


class ClauseStatus(StrEnum):
    """How a clause stands. What was not measured is never met."""

    MET = "met"
    NOT_MET = "not-met"
    BY_HAND = "by-hand"
    NOT_BUILT = "not-built"


LABELS: Final[Mapping[ClauseStatus, str]] = {
    ClauseStatus.MET: "符合",
    ClauseStatus.NOT_MET: "不符合",
    ClauseStatus.BY_HAND: "人工查核",
    ClauseStatus.NOT_BUILT: "尚未建置",
}


GROUNDS: Final[Mapping[Ground, str]] = {
    Ground.LAW: "法律規定",
    Ground.INVESTIGATION: "犯罪或違法調查",
    Ground.INTERNAL: "機關自身事由",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the control API, as it is served."""

    method: str
    path: str
    verb: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a judgement rests on, at one instant."""

    seen: Overview
    calls: tuple[Call, ...] = ()
    """Every call there is."""
    reached: OpenFiles | None = None
    """Who could read what lies on the disks; None while nobody has looked."""
    register: Tally | None = None
    """The register of destruction; None while it is not read to its end."""
    shares: Mapping[str, CoverageShares] = field(default_factory=dict)
    """Of the last 24 h, by camera."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one judgement came to. `faults` break the clause; `evidence` is what was measured."""

    status: ClauseStatus
    faults: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClauseFinding:
    """One clause."""

    clause: ProfileClause
    status: ClauseStatus
    faults: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Nothing of the clause is left to people or to a later version."""
        return not (self.clause.by_hand or self.clause.not_built)


def met(*evidence: str) -> Outcome:
    return Outcome(ClauseStatus.MET, (), evidence)


def judged(faults: list[str], evidence: list[str]) -> Outcome:
    """Not met by one fault."""
    return Outcome(ClauseStatus.NOT_MET if faults else ClauseStatus.MET, tuple(faults), tuple(evidence))


def named(camera: CameraConfig) -> str:
    return camera.name if camera.name == camera.id else f"{camera.name}（{camera.id}）"


def span(seconds: float) -> str:
    """ "31天2時"."""
    return units.approximate_duration(seconds).translate(_UNITS)


def when(wall_ms: int, zone: ZoneInfo) -> str:
    """民國115年5月3日 08:00:00."""
    return units.roc(datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(zone).isoformat())


def percent(part: float) -> str:
    """Never rounded up to 100."""
    return "100%" if part >= 1 else f"{int(part * 10_000) / 100:.2f}%"


_UNITS: Final = str.maketrans({"d": "天", "h": "時", "m": "分", "s": "秒", " ": ""})
