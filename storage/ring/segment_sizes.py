"""What the forecast rests on, measured now and then: rates over the last days, what is pinned, what is recorded.

Blocking, thread-safe; imports the catalog. Some of it reads thousands of rows: that is looked up every ten minutes and
remembered in between, in running time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from storage.database.writer import Database
from storage.ring import table as ring_table
from storage.words.clock import Clock

LOOK_EVERY_MS: Final = 600_000
"""A trend is one of days, and what is pinned changes by hand."""


@dataclass(frozen=True, slots=True)
class Paces:
    """As of the last look; by camera."""

    windows: Mapping[str, list[float]] = field(default_factory=dict)
    """Bytes a day over the last windows, the newest first."""
    pinned: Mapping[str, int] = field(default_factory=dict)
    """Bytes that a pin keeps."""


class SegmentSizes:
    """Of one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._turn = threading.Lock()
        self._at_ms: int | None = None
        self._last = Paces()

    def look(self, cameras: Iterable[str]) -> Paces:
        """Looked up anew when it is due. A camera that came since then has no windows yet."""
        with self._turn:
            now_ms = self._clock.now().boottime_ms
            if self._at_ms is None or now_ms - self._at_ms >= LOOK_EVERY_MS:
                windows = {
                    camera: self._database.read(partial(ring_table.windows, camera=camera)) for camera in cameras
                }
                self._last = Paces(windows, self._database.read(ring_table.pinned_bytes))
                self._at_ms = now_ms
            return self._last

    def recorded_ms(self, camera: str, start_ms: int, end_ms: int) -> int:
        """How much of an interval of wall time is recorded."""
        length_ms = max(0, end_ms - start_ms)
        return length_ms - self._database.read(
            partial(ring_table.gaps_ms, camera=camera, start_ms=start_ms, end_ms=start_ms + length_ms)
        )
