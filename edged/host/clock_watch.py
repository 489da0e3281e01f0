"""Watching the wall clock: a step opens a new clock epoch, cuts segments and ages nothing (S7). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from storage.words.clock import STEP_MS
from storage.words.model import Moment

LOOK_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ClockWatch:
    """The last look; `look` returns the next one and by how much the wall clock was stepped since (0: it was not)."""

    offset_ms: int

    @classmethod
    def start(cls, now: Moment) -> ClockWatch:
        return cls(now.wall_ms - now.boottime_ms)

    def look(self, now: Moment) -> tuple[ClockWatch, int]:
        offset_ms = now.wall_ms - now.boottime_ms
        step_ms = offset_ms - self.offset_ms
        return ClockWatch(offset_ms), step_ms if abs(step_ms) > STEP_MS else 0
