"""What footage an interval of time touches, for whoever wants to keep it. Functions over a connection; reads only.

By the time that footage was recorded under or, where the wall clock was found to have been wrong then, by true time
(`storage.segments.true_time_table`): a pin is to hold what happened at its time.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from storage.pins.model import Interval, PinOrder
from storage.segments.queries import SEGMENT_SQL, TRUE_START_MS, SegmentRow, segment_row

_START: Final = TRUE_START_MS
_TOUCHES: Final = f" {_START} < :last AND ({_START} + s.duration_ms > :first OR {_START} >= :first)"
"""`storage.pins.model.Interval.touches`."""


@dataclass(frozen=True, slots=True)
class FootageInInterval:
    """What there is of one camera in an interval."""

    camera: str
    rows: tuple[SegmentRow, ...]
    """Committed and quarantined, at most one more than was asked for."""
    recording: bool
    """Something is in progress that began before the interval ends."""


def found_in(connection: sqlite3.Connection, camera: str, interval: Interval, limit: int) -> FootageInInterval | None:
    """None for a camera that nobody knows."""
    known = connection.execute("SELECT number, longest_ms FROM cameras WHERE id = ?", (camera,)).fetchone()
    if known is None:
        return None
    values = {"camera": known[0], "longest": known[1], "limit": limit + 1} | given(interval)
    rows = connection.execute(
        SEGMENT_SQL + f"WHERE s.id IN ({HELD_IN}) ORDER BY s.boot, s.start_boottime_ms", values
    ).fetchall()
    in_progress = connection.execute(
        f"SELECT 1 FROM segments s WHERE s.state = 'open' AND s.camera = :camera AND {_START} < :last",  # noqa: S608
        values,
    ).fetchone()
    return FootageInInterval(camera, tuple(segment_row(row) for row in rows), in_progress is not None)


HELD_IN: Final = (
    "SELECT s.id FROM segments s WHERE s.camera = :camera AND s.state = 'committed'"  # noqa: S608
    f" AND s.start_wall_ms >= :first - :longest AND s.start_wall_ms < :last AND {_TOUCHES}"
    " UNION SELECT s.id FROM epochs e CROSS JOIN segments s WHERE e.true_offset_ms IS NOT NULL"
    " AND s.camera = :camera AND s.epoch = e.number AND s.synced = 0 AND s.state = 'committed'"
    " AND s.start_boottime_ms >= :first - :longest - e.true_offset_ms"
    f" AND s.start_boottime_ms < :last - e.true_offset_ms AND {_TOUCHES}"
    " UNION ALL SELECT s.id FROM segments s WHERE s.camera = :camera AND s.name IS NOT NULL"
    f" AND s.state = 'quarantined' AND {_TOUCHES} LIMIT :limit"
)
"""Committed ones by their time, recorded or true; those that are set aside are few, and looked at all."""


def garbage_in(connection: sqlite3.Connection, order: PinOrder) -> SegmentRow | None:
    """Something of what is ordered that is being destroyed."""
    for camera in order.cameras:
        row = connection.execute(
            SEGMENT_SQL + f"WHERE s.state = 'garbage' AND c.id = :camera AND {_TOUCHES} LIMIT 1",
            {"camera": camera} | given(order.interval),
        ).fetchone()
        if row is not None:
            return segment_row(row)
    return None


def given(interval: Interval) -> dict[str, int]:
    """As the statements here name it."""
    return {"first": interval.first_ms, "last": interval.last_ms}
