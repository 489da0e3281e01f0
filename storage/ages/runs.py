"""A place in time (`Point`) and this run of the daemon, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from storage.words.model import GapCause, Moment


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """A moment with its boot, so that points of different boots have an order. The wall clock takes no part in it."""

    boot: int
    boottime_ms: int
    wall_ms: int = field(compare=False)

    @classmethod
    def of(cls, boot: int, moment: Moment) -> Self:
        return cls(boot, moment.boottime_ms, moment.wall_ms)

    @property
    def moment(self) -> Moment:
        return Moment(self.wall_ms, self.boottime_ms)

    def plus_ms(self, delta_ms: int) -> Self:
        return replace(self, boottime_ms=self.boottime_ms + delta_ms, wall_ms=self.wall_ms + delta_ms)


@dataclass(frozen=True, slots=True)
class DaemonRun:
    """This run of the daemon, and what it knows of how the last one that recorded ended."""

    run: int
    boot: int
    start: Point
    epoch: int
    recorded_run: int | None
    """The last run before this one in which a camera was enrolled."""
    previous_end: GapCause | None
