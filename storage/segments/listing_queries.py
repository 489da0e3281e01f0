"""Listings of footage and gaps: by camera and true time, page by page, each part on an index of its own.

Functions over a read-only connection, at most 1000 rows a page. A listing is the merge of what goes by the time that it
was recorded under and, for each clock epoch that was corrected since (`storage.segments.true_time_table`) and matters
to the interval, of what goes by boottime. Where no clock was ever corrected that is one search, as before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Final

from storage.segments import true_time_table
from storage.segments.queries import (
    GAP_END_OFFSET,
    GAP_SQL,
    GAP_START_OFFSET,
    PAGE_MAX,
    SEGMENT_SQL,
    GapRow,
    SegmentRow,
    gap_row,
    segment_row,
)
from storage.segments.true_time_table import ClockCorrection
from storage.words.model import Gap, Segment

_FOREVER_MS: Final = (1 << 61) - 1
"""Beyond all times, and far enough from the largest number that an offset can be taken from it."""
SEGMENTS_BY_WALL: Final = (
    SEGMENT_SQL + "WHERE s.camera = ?1 AND s.state = 'committed' AND s.start_wall_ms < ?2 AND s.start_wall_ms >= ?3"
    " AND s.start_wall_ms + s.duration_ms > ?4 AND (s.start_wall_ms, s.id) > (?5, ?6)"
    f" AND NOT {true_time_table.CORRECTED} ORDER BY s.start_wall_ms, s.id LIMIT ?7"
)
SEGMENTS_BY_BOOTTIME: Final = (
    SEGMENT_SQL + "WHERE s.camera = ?1 AND s.epoch = ?2 AND s.boot = ?3 AND s.synced = 0 AND s.state = 'committed'"
    " AND s.start_boottime_ms < ?4 AND s.start_boottime_ms >= ?5 AND s.start_boottime_ms + s.duration_ms > ?6"
    " AND (s.start_boottime_ms, s.id) > (?7, ?8) ORDER BY s.start_boottime_ms, s.id LIMIT ?9"
)
LONG_GAP_MS: Final = 3_600_000
"""No gap is longer, but for those in the index `gaps_long`: a day of a camera has 24 of these at the most."""
_TOUCHING: Final = (
    " AND (g.end_wall_ms > ?3 OR g.end_wall_ms IS NULL) AND (g.start_wall_ms, g.id) > (?4, ?5) {uncorrected}"
    " ORDER BY g.start_wall_ms, g.id LIMIT ?6"
)
GAPS_BY_WALL: Final = GAP_SQL + "WHERE g.camera = ?1 AND g.start_wall_ms < ?2 AND g.start_wall_ms >= ?7" + _TOUCHING
LONG_GAPS_BY_WALL: Final = (
    GAP_SQL.replace("gaps g", "gaps g INDEXED BY gaps_long") + "WHERE g.camera = ?1 AND g.start_wall_ms < ?2"
    f" AND (g.end_wall_ms IS NULL OR g.end_wall_ms - g.start_wall_ms > {LONG_GAP_MS}) AND g.start_wall_ms < ?7"
    + _TOUCHING
)
_UNCORRECTED: Final = f"AND {GAP_START_OFFSET} IS NULL AND {GAP_END_OFFSET} IS NULL"
GAPS_BY_BOOTTIME: Final = (
    GAP_SQL + "WHERE g.camera = ?1 AND g.boot = ?2 AND g.start_boottime_ms >= ?3 AND g.start_boottime_ms < ?4"
    f" AND coalesce({GAP_END_OFFSET} + g.end_boottime_ms, g.end_wall_ms, ?5) > ?6"
    " AND (g.start_boottime_ms, g.id) > (?7, ?8) ORDER BY g.start_boottime_ms, g.id LIMIT ?9"
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One camera's part of a listing: an interval of true time, and what was listed before."""

    camera: int
    longest_ms: int
    start_ms: int
    end_ms: int
    after: tuple[int, int]
    """True start and id: the order of every listing."""

    def as_boottime(self, one: ClockCorrection) -> tuple[int, int, tuple[int, int]]:
        """Start, end and what was listed before, by the clock of an epoch that nobody sets."""
        offset_ms = one.true_offset_ms
        return self.start_ms - offset_ms, self.end_ms - offset_ms, (self.after[0] - offset_ms, self.after[1])


def segments(
    connection: sqlite3.Connection,
    camera: str | None,
    start_ms: int | None,
    end_ms: int | None,
    after: Segment | None,
    limit: int,
) -> list[Segment]:
    """Committed segments that touch the interval, by camera, true start and id."""
    found: list[Segment] = []
    corrected = true_time_table.known(connection)
    for asked in _asked(connection, camera, start_ms, end_ms, after):
        wanted = _page(limit) - len(found)
        if wanted <= 0:
            break
        earliest_ms = asked.start_ms - asked.longest_ms
        epochs = [one for one in corrected if one.touches(earliest_ms, asked.end_ms)]
        streams = [_by_wall(connection, asked, wanted), *(_by_boottime(connection, asked, e, wanted) for e in epochs)]
        ordered = merge(*streams, key=lambda row: (row.true_start_ms, row.id))
        found += [row.segment() for row in islice(ordered, wanted)]
    return found


def gaps(
    connection: sqlite3.Connection,
    camera: str | None,
    start_ms: int | None,
    end_ms: int | None,
    after: Gap | None,
    limit: int,
) -> list[Gap]:
    """Gaps that touch the interval, by camera, true start and id; one that lasts touches all that follows."""
    found: list[Gap] = []
    corrected = true_time_table.known(connection)
    for asked in _asked(connection, camera, start_ms, end_ms, after):
        wanted = _page(limit) - len(found)
        if wanted <= 0:
            break
        filtered = _UNCORRECTED if corrected else ""
        streams = [
            _gaps_by_wall(connection, sql.format(uncorrected=filtered), asked, wanted)
            for sql in (LONG_GAPS_BY_WALL, GAPS_BY_WALL)
        ]
        for one in corrected:
            streams += [_gaps_within(connection, asked, one, wanted), _gap_into(connection, asked, one)]
        ordered = merge(*streams, key=lambda row: (row.true_start_ms, row.id))
        found += [row.gap() for row in islice(ordered, wanted)]
    return found


def _by_wall(connection: sqlite3.Connection, asked: _Asked, limit: int) -> Iterator[SegmentRow]:
    """Those that go by the time that they were recorded under."""
    earliest_ms = asked.start_ms - asked.longest_ms
    given = (asked.camera, asked.end_ms, earliest_ms, asked.start_ms, *asked.after, limit)
    return map(segment_row, connection.execute(SEGMENTS_BY_WALL, given))


def _by_boottime(
    connection: sqlite3.Connection, asked: _Asked, one: ClockCorrection, limit: int
) -> Iterator[SegmentRow]:
    """Those of an epoch that was corrected."""
    start_ms, end_ms, after = asked.as_boottime(one)
    given = (asked.camera, one.epoch, one.boot, end_ms, start_ms - asked.longest_ms, start_ms, *after, limit)
    return map(segment_row, connection.execute(SEGMENTS_BY_BOOTTIME, given))


def _gaps_by_wall(connection: sqlite3.Connection, sql: str, asked: _Asked, limit: int) -> Iterator[GapRow]:
    """Those that begin within an interval, or within LONG_GAP_MS before it; of long ones all that reach into it."""
    given = (asked.camera, asked.end_ms, asked.start_ms, *asked.after, limit, asked.start_ms - LONG_GAP_MS)
    return map(gap_row, connection.execute(sql, given))


def _gaps_within(connection: sqlite3.Connection, asked: _Asked, one: ClockCorrection, limit: int) -> Iterator[GapRow]:
    """Those that began in an epoch that was corrected."""
    _, end_ms, after = asked.as_boottime(one)
    until_ms = end_ms if one.until_ms is None else min(end_ms, one.until_ms)
    given = (asked.camera, one.boot, one.from_ms, until_ms, _FOREVER_MS, asked.start_ms, *after, limit)
    return map(gap_row, connection.execute(GAPS_BY_BOOTTIME, given))


def _gap_into(connection: sqlite3.Connection, asked: _Asked, one: ClockCorrection) -> Iterator[GapRow]:
    """The one, if any, that began before an epoch that was corrected, under a clock that was right, and ended in it."""
    before = connection.execute(
        GAP_SQL + "WHERE g.camera = ? AND g.inside = 0 AND (g.boot, g.start_boottime_ms) < (?, ?)"
        " ORDER BY g.boot DESC, g.start_boottime_ms DESC LIMIT 1",
        (asked.camera, one.boot, one.from_ms),
    ).fetchone()
    row = gap_row(before) if before else None
    if row is None or row.end is None or row.true_end_ms is None or row.correction_ms is not None:
        return
    ends_here = row.end.boot == one.boot and one.from_ms <= row.end.boottime_ms
    ends_here = ends_here and (one.until_ms is None or row.end.boottime_ms < one.until_ms)
    touches = row.start.wall_ms < asked.end_ms and row.true_end_ms > asked.start_ms
    if ends_here and touches and (row.start.wall_ms, row.id) > asked.after:
        yield row


def _asked(
    connection: sqlite3.Connection,
    camera: str | None,
    start_ms: int | None,
    end_ms: int | None,
    after: Segment | Gap | None,
) -> Iterator[_Asked]:
    cameras = connection.execute(
        "SELECT number, id, longest_ms FROM cameras WHERE ?1 IS NULL OR id = ?1 ORDER BY id", (camera,)
    ).fetchall()
    for number, name, longest_ms in cameras:
        if after is not None and name < after.camera:
            continue
        continued = after is not None and after.camera == name
        yield _Asked(
            number,
            longest_ms,
            -_FOREVER_MS if start_ms is None else start_ms,
            _FOREVER_MS if end_ms is None else end_ms,
            (after.true_start.wall_ms, after.id) if after is not None and continued else (-_FOREVER_MS, 0),
        )


def _page(limit: int) -> int:
    return max(0, min(limit, PAGE_MAX))
