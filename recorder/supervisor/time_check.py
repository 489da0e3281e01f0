"""Which times a worker may tell of. Pure.

A worker parses what the network sends and is not trusted. A start of long ago would let fresh footage be destroyed
(S1), an end in the future would swallow the gaps until then (S9): so a segment begins no earlier than anything told
before, the first one after its session began; it ends between its own start and that of the next, which may have begun
long before; nothing lies beyond now, nor on a wall clock that the daemon has not seen itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from storage.words.model import Moment

SLACK_MS: Final = 1_000
"""Of the wall clock, which may be stepped or slewed between the worker's look at it and ours."""


@dataclass(slots=True)
class _Span:
    start_ms: int
    next_ms: int | None = None
    """Where the next segment began."""


class Account:
    """One session's times: starts in the order of the segments, ends whenever they are known."""

    def __init__(self, began: Moment) -> None:
        self._told_ms = began.boottime_ms
        self._lowest_ms = self._highest_ms = began.wall_ms - began.boottime_ms
        self._spans: dict[int, _Span] = {}
        """Of the segments whose ends are awaited."""

    def look(self, now: Moment) -> None:
        """See how the wall clock stands; several times a minute."""
        offset_ms = now.wall_ms - now.boottime_ms
        self._lowest_ms = min(self._lowest_ms, offset_ms)
        self._highest_ms = max(self._highest_ms, offset_ms)

    def begins(self, seq: int, told: Moment, now: Moment) -> bool:
        """Whether this segment can begin there; if so, nothing that begins earlier is believed from now on."""
        possible = self._was_seen(told, now) and self._told_ms <= told.boottime_ms <= now.boottime_ms
        if possible:
            self._told_ms = told.boottime_ms
            for span in self._spans.values():
                span.next_ms = told.boottime_ms if span.next_ms is None else span.next_ms
            self._spans[seq] = _Span(told.boottime_ms)
        return possible

    def ends(self, seq: int, told: Moment, now: Moment) -> bool:
        """Whether this segment, of which `begins` was believed, can end there; it is told once."""
        span = self._spans.get(seq)
        if span is None:
            return False
        latest_ms = now.boottime_ms if span.next_ms is None else span.next_ms
        possible = span.start_ms <= told.boottime_ms <= latest_ms and self._was_seen(told, now)
        if possible:
            self.forget(seq)
            self._told_ms = max(self._told_ms, told.boottime_ms)
        return possible

    def forget(self, seq: int) -> None:
        """No end of this segment will be told: it was refused, or is abandoned."""
        self._spans.pop(seq, None)

    def _was_seen(self, told: Moment, now: Moment) -> bool:
        self.look(now)
        offset_ms = told.wall_ms - told.boottime_ms
        return self._lowest_ms - SLACK_MS <= offset_ms <= self._highest_ms + SLACK_MS
