"""Questions to the catalog. Reads only, in pages of at most 1000 rows, each on an index.

Functions over a read-only connection; wall clock is used for searching, never for ages or for what came last (S7).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from storage.ages.history import History
from storage.ages.runs import Point
from storage.ages.table import boots
from storage.segments.rows import SEGMENT_SQL, SegmentRow, segment_by_seq, segment_row
from storage.words.layout import parse_segment_name
from storage.words.model import Bounds, Moment
from storage.words.results import CameraUsage

PAGE_MAX: Final = 1000
"""A longer read would keep the WAL from beginning anew (measured: an idle one grew it to 141 MB)."""
RATE_SEGMENTS: Final = 300
"""The rate of a camera is that of its last so many segments: a day at the default length of 5 minutes."""
DAY_MS: Final = 86_400_000
_FOREVER_MS: Final = (1 << 62) - 1
_THERE: Final = "volume NOT IN (SELECT number FROM volumes WHERE lost IS NOT NULL)"
"""What went with a volume that is gone for good is not kept, though its rows are."""
_HELD: Final = "s.state IN ('committed', 'quarantined') AND s.pins = 0"
"""Word for word as in the index segments_by_age, or SQLite does not use it."""


def _cameras(connection: sqlite3.Connection, camera: str | None) -> list[tuple[int, str, int]]:
    return connection.execute(
        "SELECT number, id, longest_ms FROM cameras WHERE ?1 IS NULL OR id = ?1 ORDER BY id", (camera,)
    ).fetchall()


def usage(
    connection: sqlite3.Connection, now: Point, lead_us: int | None = None, floors_s: Mapping[str, int] | None = None
) -> list[CameraUsage]:
    """Each camera that was ever enrolled, from counters and the heads of indexes. `floors_s`: the configured ones."""
    history = History(boots(connection), now.boot, now.boottime_ms, lead_us)
    since = cache(history.since)
    answers = []
    for number, name, count, size in connection.execute(
        "SELECT c.number, c.id, coalesce(sum(h.segments), 0), coalesce(sum(h.bytes), 0)"  # noqa: S608  (constants)
        " FROM cameras c LEFT JOIN holdings h ON h.camera = c.number"
        f" AND h.{_THERE} GROUP BY c.number ORDER BY c.id"
    ).fetchall():
        floor_s = (floors_s or {}).get(name, 0)
        oldest = _oldest_of(connection, number, floor_s, since)
        old = None if oldest is None else history.age(oldest.start.boot, oldest.start.boottime_ms)
        answers.append(
            CameraUsage(
                camera=name,
                segments=count,
                bytes=size,
                oldest=oldest.start.moment.corrected(oldest.correction_ms) if oldest else None,
                oldest_age_ms=old.low_ms if old else None,
                newest=_newest_end(connection, number),
                bytes_per_day=_bytes_per_day(connection, number),
                lost=_is_lost(connection, number, floor_s, since),
                gone_ms=_gone_ms(connection, number, since(floor_s * 1000), now.wall_ms - floor_s * 1000),
            )
        )
    return answers


def _oldest_of(
    connection: sqlite3.Connection, camera: int, floor_s: int, since: Callable[[int], tuple[int, int]]
) -> SegmentRow | None:
    """The head of all groups of equal terms, two index look-ups each.

    What only a pin keeps is not counted; what is pinned within its floor would be there without.
    """
    heads = []
    for group in connection.execute(
        f"SELECT volume, camera, floor_s, ceiling_s FROM holdings WHERE camera = ? AND {_THERE}",  # noqa: S608
        (camera,),
    ).fetchall():
        heads += heads_of_group(connection, group, 1)
        heads += _pinned_since(connection, group, since(max(floor_s, group[2]) * 1000))
    committed = [row for row in heads if row.sha256 is not None]
    return min(committed, key=lambda row: row.start, default=None)


def _is_lost(
    connection: sqlite3.Connection, camera: int, floor_s: int, since: Callable[[int], tuple[int, int]]
) -> bool:
    """Whether something within its floor went with a volume; two index look-ups for each group of it."""
    groups = connection.execute(
        "SELECT volume, camera, floor_s, ceiling_s FROM holdings WHERE camera = ?"
        " AND volume IN (SELECT number FROM volumes WHERE lost IS NOT NULL)",
        (camera,),
    ).fetchall()
    return any(
        connection.execute(
            "SELECT 1 FROM segments s WHERE s.volume = ? AND s.camera = ? AND s.floor_s = ? AND s.ceiling_s = ?"  # noqa: S608
            f" AND {held} AND (s.boot, s.start_boottime_ms) >= (?, ?) LIMIT 1",
            (*group, *since(max(floor_s, group[2]) * 1000)),
        ).fetchone()
        for group in groups
        for held in (_HELD, "s.pins > 0")
    )


def _gone_ms(connection: sqlite3.Connection, camera: int, since: tuple[int, int], since_wall_ms: int) -> int:
    """How much was recorded since then, and is destroyed: by running time and by the wall clock, whichever says less.

    Two witnesses: a clock that was wrong is no shortage, nor is footage that is taken for young because a database with
    the ages was lost.
    """
    spans = connection.execute(
        "SELECT iif(boot = ?2, max(start_boottime_ms, ?3), start_boottime_ms), end_boottime_ms, start_wall_ms,"
        " end_wall_ms FROM destroyed WHERE camera = ?1 AND (boot, end_boottime_ms) > (?2, ?3)",
        (camera, *since),
    )
    return sum(
        max(0, min(end_ms - start_ms, end_wall_ms - max(start_wall_ms, since_wall_ms)))
        for start_ms, end_ms, start_wall_ms, end_wall_ms in spans
    )


def _pinned_since(
    connection: sqlite3.Connection, group: tuple[int, int, int, int], since: tuple[int, int]
) -> list[SegmentRow]:
    """The oldest that is pinned and began no earlier than `since`."""
    rows = connection.execute(
        SEGMENT_SQL + "WHERE s.volume = ? AND s.camera = ? AND s.floor_s = ? AND s.ceiling_s = ? AND s.pins > 0"
        " AND s.state = 'committed' AND (s.boot, s.start_boottime_ms) >= (?, ?)"
        " ORDER BY s.boot, s.start_boottime_ms LIMIT 1",
        (*group, *since),
    )
    return [segment_row(row) for row in rows]


def heads_of_group(connection: sqlite3.Connection, group: tuple[int, int, int, int], limit: int) -> list[SegmentRow]:
    """The oldest segments of one volume, camera, floor and ceiling."""
    rows = connection.execute(
        SEGMENT_SQL + f"WHERE s.volume = ? AND s.camera = ? AND s.floor_s = ? AND s.ceiling_s = ? AND {_HELD}"
        " ORDER BY s.boot, s.start_boottime_ms LIMIT ?",
        (*group, limit),
    )
    return [segment_row(row) for row in rows]


class VolumeUsage(NamedTuple):
    """What edged keeps on a volume."""

    segments: int
    bytes: int
    is_all: bool
    """False as long as a database that was begun anew does not know all that lies there."""


def ring_of_volume(connection: sqlite3.Connection, volume: str) -> VolumeUsage:
    count, size = connection.execute(
        "SELECT coalesce(sum(segments), 0), coalesce(sum(bytes), 0) FROM holdings"
        " WHERE volume = (SELECT number FROM volumes WHERE id = ?)",
        (volume,),
    ).fetchone()
    unknown = connection.execute("SELECT 1 FROM volumes WHERE id = ? AND reconciled = 0", (volume,)).fetchone()
    return VolumeUsage(int(count), int(size), unknown is None)


def open_rows(connection: sqlite3.Connection, before_run: int) -> list[SegmentRow]:
    """Segments in progress that earlier runs left."""
    rows = connection.execute(
        SEGMENT_SQL + "WHERE s.state = 'open' AND s.run < ? ORDER BY s.camera, s.seq LIMIT ?", (before_run, PAGE_MAX)
    )
    return [segment_row(row) for row in rows]


def garbage_rows(connection: sqlite3.Connection, volume: str, after: int, limit: int = PAGE_MAX) -> list[SegmentRow]:
    """What is on its way out of a volume, by id; `after` is the last id of the page before, 0 for the first."""
    rows = connection.execute(
        SEGMENT_SQL + "WHERE s.state = 'garbage' AND v.id = ? AND s.id > ? ORDER BY s.id LIMIT ?",
        (volume, after, min(limit, PAGE_MAX)),
    )
    return [segment_row(row) for row in rows]


def newest_starts(connection: sqlite3.Connection) -> list[tuple[str, int | None]]:
    """Every camera, with the wall clock of its last committed segment."""
    return [
        (name, row[0] if row else None)
        for number, name, _ in _cameras(connection, None)
        for row in connection.execute(
            "SELECT max(start_wall_ms) FROM (SELECT start_wall_ms FROM segments WHERE camera = ? AND name IS NULL"
            " AND state = 'committed' ORDER BY seq DESC LIMIT 1)",
            (number,),
        )
    ]


def vouched(
    connection: sqlite3.Connection, camera: str, paths: Iterable[tuple[str, PurePosixPath]]
) -> list[tuple[str, PurePosixPath]]:
    """Which of these paths (volume, relative), final or set aside, belong to a row, whatever its state."""
    found = []
    for volume, relative in paths:
        parsed = parse_segment_name(relative.name)
        row = segment_by_seq(connection, camera, parsed[1]) if parsed else segment_aside(connection, volume, relative)
        if row is not None and (row.volume, row.relative) == (volume, relative):
            found.append((volume, relative))
    return found


def segment_aside(connection: sqlite3.Connection, volume: str, relative: PurePosixPath) -> SegmentRow | None:
    """The segment that was set aside under this name."""
    row = connection.execute(
        SEGMENT_SQL + "WHERE s.volume = (SELECT number FROM volumes WHERE id = ?) AND s.name = ?",  # noqa: S608
        (volume, str(relative)),
    ).fetchone()
    return segment_row(row) if row else None


def is_free(connection: sqlite3.Connection, camera: str, seq: int) -> bool:
    """No segment of the camera has this number."""
    return segment_by_seq(connection, camera, seq) is None


def newest_bounds(connection: sqlite3.Connection, camera: str) -> Bounds | None:
    """As stamped on the camera's last segment."""
    row = connection.execute(
        "SELECT s.floor_s, s.ceiling_s FROM segments s JOIN cameras c ON c.number = s.camera"
        " WHERE c.id = ? AND s.name IS NULL ORDER BY s.seq DESC LIMIT 1",
        (camera,),
    ).fetchone()
    return Bounds(*row) if row else None


def boot_that_ran(connection: sqlite3.Connection, boot_id: str, boottime_ms: int) -> int | None:
    """The number of the boot with this id that ran at this boottime; None for one nobody counted.

    Of several (its clock ran backwards, or the database was lost while it ran) the last: nothing is older by it.
    """
    row = connection.execute(
        "SELECT max(number) FROM boots WHERE boot_id = ?1 AND ?2 BETWEEN began_ms AND ran_ms", (boot_id, boottime_ms)
    ).fetchone()
    return None if row[0] is None else int(row[0])


def _newest_end(connection: sqlite3.Connection, camera: int) -> Moment | None:
    row = connection.execute(
        SEGMENT_SQL + "WHERE s.camera = ? AND s.name IS NULL AND s.state = 'committed' ORDER BY s.seq DESC LIMIT 1",
        (camera,),
    ).fetchone()
    newest = segment_row(row) if row else None
    return newest.end.moment.corrected(newest.correction_ms) if newest else None


def _bytes_per_day(connection: sqlite3.Connection, camera: int) -> float | None:
    size, duration_ms = connection.execute(
        "SELECT coalesce(sum(bytes), 0), coalesce(sum(duration_ms), 0) FROM (SELECT bytes, duration_ms FROM segments"
        " WHERE camera = ? AND name IS NULL AND state = 'committed' ORDER BY seq DESC LIMIT ?)",
        (camera, RATE_SEGMENTS),
    ).fetchone()
    return size / duration_ms * DAY_MS if duration_ms else None
