"""Which times a worker may tell of. Pure.

A worker parses what the network sends and is not trusted. A start of long ago would let fresh footage be destroyed
(S1), an end in the future would swallow the gaps until then (S9): so each time it tells lies between the one before,
the first one after its session began, and now, and on a wall clock that the daemon has seen itself.
"""

from __future__ import annotations

from typing import Final

from storage.model import Moment

SLACK_MS: Final = 1_000
"""Of the wall clock, which may be stepped or slewed between the worker's look at it and ours."""


class Account:
    """One session's times, in the order they are told."""

    def __init__(self, began: Moment) -> None:
        self._told_ms = began.boottime_ms
        self._lowest_ms = self._highest_ms = began.wall_ms - began.boottime_ms

    def look(self, now: Moment) -> None:
        """See how the wall clock stands; several times a minute."""
        offset_ms = now.wall_ms - now.boottime_ms
        self._lowest_ms = min(self._lowest_ms, offset_ms)
        self._highest_ms = max(self._highest_ms, offset_ms)

    def believes(self, told: Moment, now: Moment) -> bool:
        """Whether this can be; if so, nothing earlier is believed from now on."""
        self.look(now)
        offset_ms = told.wall_ms - told.boottime_ms
        possible = self._told_ms <= told.boottime_ms <= now.boottime_ms
        possible = possible and self._lowest_ms - SLACK_MS <= offset_ms <= self._highest_ms + SLACK_MS
        if possible:
            self._told_ms = told.boottime_ms
        return possible
