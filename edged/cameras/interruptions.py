"""Whether a camera is recorded all the time or only now and then: its gaps of the last minutes in, a verdict out. Pure.

From the catalog, because only that knows what was lost at the end of each session and in pauses within one. What is
done to a camera on purpose (a stop, a reload, a clock that is set) says nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from storage.words.model import Gap, GapCause

WINDOW_MS: Final = 300_000
"""Looked at: long enough for a camera that fails once a minute, short enough that one which was mended soon counts as
mended."""
BREAKS: Final = 3
"""So many interruptions in the window are no coincidence."""
CALM: Final = 1
"""It is steady again when there are no more than this: in between it stays what it was, and its alarm with it."""
NEAR_MS: Final = 1_000
"""Gaps nearer to each other are one interruption, whose cause changed while it lasted."""
ON_PURPOSE: Final = frozenset(
    {
        GapCause.STARTING,
        GapCause.DAEMON_STOPPED,
        GapCause.DAEMON_CRASH,
        GapCause.POWER_LOSS,
        GapCause.CLOCK_STEP,
        GapCause.DISABLED,
        GapCause.RELOAD,
        GapCause.MAINTENANCE,
    }
)


@dataclass(frozen=True, slots=True)
class Interruptions:
    """Of the last `WINDOW_MS`."""

    breaks: int
    """Interruptions that began."""
    share: float
    """Recorded part of the time, as far as nothing was done on purpose."""


STEADY: Final = Interruptions(0, 1.0)


def of(gaps: Iterable[Gap], now_ms: int) -> Interruptions:
    """From the gaps that touch the window, whose end is `now_ms` of the wall clock."""
    start_ms = now_ms - WINDOW_MS
    breaks = lost_ms = away_ms = 0
    last_end_ms: int | None = None
    spans = sorted((*span, gap.cause) for gap in gaps for span in gap.missing(now_ms))
    for begin_ms, until_ms, cause in spans:
        end_ms = min(until_ms, now_ms)
        length_ms = max(0, end_ms - max(begin_ms, start_ms, last_end_ms or start_ms))
        joins = last_end_ms is not None and begin_ms - last_end_ms <= NEAR_MS
        last_end_ms = max(end_ms, last_end_ms or end_ms)
        if cause in ON_PURPOSE:
            away_ms += length_ms
            continue
        lost_ms += length_ms
        breaks += begin_ms >= start_ms and not joins
    wanted_ms = WINDOW_MS - away_ms
    return Interruptions(breaks, 1.0 if wanted_ms <= 0 else max(0.0, 1 - lost_ms / wanted_ms))


def is_unsteady(seen: Interruptions, *, before: bool) -> bool:
    """With hysteresis: `before` is what was said last."""
    return seen.breaks > CALM if before else seen.breaks >= BREAKS
