"""Rows of segments, gaps and cameras as values, and questions to the catalog, each on an index.

Functions over a connection; they read only, in pages of at most 1000 rows. Wall clock is used for searching, never for
ages or for what came last (S7).

Listings of footage and gaps go by camera and true time, page by page, each part on an index of its own. A listing is
the merge of what goes by the time that it was recorded under and, for each clock epoch that was corrected since
(`storage.segments.true_time_table`) and matters to the interval, of what goes by boottime. Where no clock was ever
corrected that is one search, as before.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from heapq import merge
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, Final

from storage.ages.history import History, Point
from storage.ages.table import boots
from storage.segments import segment_leaf, true_time_table
from storage.segments.segment_leaf import SegmentLeaf
from storage.segments.true_time_table import ClockCorrection
from storage.volumes.table import PAGE
from storage.volumes.volume import VolumeUsage
from storage.words.errors import UnknownCamera
from storage.words.layout import final_name, is_aside, is_camera, parse_segment_name, segment_path
from storage.words.message import Message, message
from storage.words.model import Bounds, CameraUsage, Gap, GapCause, Moment, Pause, Segment, SegmentState, Sha256

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
TRUE_OFFSET: Final = (
    "iif(s.synced = 0, (SELECT e.true_offset_ms FROM epochs e WHERE e.number = s.epoch AND e.boot = s.boot), NULL)"
)
"""Of a segment from before the clock was synchronised: wall clock minus boottime, as it should have been."""
TRUE_START_MS: Final = f"coalesce({TRUE_OFFSET} + s.start_boottime_ms, s.start_wall_ms)"
"""By which footage is looked for."""
_TRUE_OFFSET_AT: Final = (
    "(SELECT e.true_offset_ms FROM epochs e WHERE e.boot = {boot} AND e.boottime_ms <= {at}"
    " ORDER BY e.boottime_ms DESC, e.number DESC LIMIT 1)"
)
GAP_START_OFFSET: Final = _TRUE_OFFSET_AT.format(boot="g.boot", at="g.start_boottime_ms")
GAP_END_OFFSET: Final = _TRUE_OFFSET_AT.format(boot="g.end_boot", at="g.end_boottime_ms")
SEGMENT_SQL: Final = (
    "SELECT s.id, c.id, s.seq, v.id, v.path, s.state, s.run, s.boot, s.start_boottime_ms, s.start_wall_ms,"  # noqa: S608
    " s.duration_ms, s.bytes, s.sha256, s.floor_s, s.ceiling_s, s.epoch, s.synced, s.unproven, s.name,"
    f" s.camera_offset_ms, s.camera, s.volume, s.pins, {TRUE_OFFSET}, v.lost IS NOT NULL"
    " FROM segments s JOIN cameras c ON c.number = s.camera JOIN volumes v ON v.number = s.volume "
)
_AS_LEAF_SQL: Final = (
    "SELECT s.leaf, c.id, v.id, lower(hex(s.sha256)), s.name, s.boot, coalesce(b.boot_id, ''), s.start_boottime_ms,"  # noqa: S608
    f" s.start_wall_ms, {', '.join(f's.{column}' for column in segment_leaf.COLUMNS.values())} FROM segments s"
    " JOIN cameras c ON c.number = s.camera JOIN volumes v ON v.number = s.volume"
    " LEFT JOIN boots b ON b.number = s.boot WHERE s.id = ?"
)
GAP_SQL: Final = (
    "SELECT g.id, c.id, g.boot, g.start_boottime_ms, g.start_wall_ms, g.end_boot, g.end_boottime_ms, g.end_wall_ms,"  # noqa: S608
    f" g.cause, g.detail, g.camera, {GAP_START_OFFSET}, {GAP_END_OFFSET}, g.inside, g.pauses, g.beneath, g.told"
    " FROM gaps g JOIN cameras c ON c.number = g.camera "
)


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment with what the catalog needs and nobody else."""

    id: int
    camera: str
    seq: int
    volume: str
    volume_path: str
    state: SegmentState
    run: int
    start: Point
    duration_ms: int
    bytes: int
    sha256: Sha256 | None
    bounds: Bounds
    epoch: int
    synced: bool
    unproven: bool
    name: str | None
    """Its path on the volume, where it was set aside under one of its own, whatever became of it since."""
    camera_offset_ms: int | None
    camera_number: int
    volume_number: int
    pins: int
    """How many hold it (S2)."""
    correction_ms: int | None
    """To be added to its wall times for the true ones (`storage.segments.true_time_table`)."""
    lost: bool
    """Its volume is gone for good."""

    @property
    def quarantined(self) -> bool:
        return self.name is not None

    @property
    def relative(self) -> PurePosixPath:
        """Path on the volume."""
        if self.name is not None:
            return PurePosixPath(self.name)
        return segment_path(self.camera, self.start.wall_ms, self.seq)

    @property
    def path(self) -> Path:
        return Path(self.volume_path, self.relative)

    @property
    def end(self) -> Point:
        return self.start.plus_ms(self.duration_ms)

    @property
    def true_start_ms(self) -> int:
        """By which it is looked for."""
        return self.start.wall_ms + (self.correction_ms or 0)

    def segment(self) -> Segment:
        """What others see of it; not for open ones, which have no hash yet."""
        if self.sha256 is None:
            raise ValueError(f"segment {self.seq} of {self.camera} is in progress")
        return Segment(
            id=self.id,
            camera=self.camera,
            seq=self.seq,
            volume=self.volume,
            state=self.state,
            path=self.path,
            boot=self.start.boot,
            start=self.start.moment,
            end=self.end.moment,
            bytes=self.bytes,
            sha256=self.sha256,
            bounds=self.bounds,
            epoch=self.epoch,
            synced=self.synced,
            unproven=self.unproven,
            camera_offset_ms=self.camera_offset_ms,
            clock_correction_ms=self.correction_ms,
            lost=self.lost,
        )


def segment_row(row: tuple[Any, ...]) -> SegmentRow:
    """A row of SEGMENT_SQL."""
    segment_id, camera, seq, volume, path, state, run, boot, boottime_ms, wall_ms, duration_ms, size, sha256 = row[:13]
    floor_s, ceiling_s, epoch, synced, unproven, name, camera_offset_ms, camera_number, volume_number, pins = row[13:23]
    return SegmentRow(
        id=segment_id,
        camera=camera,
        seq=seq,
        volume=volume,
        volume_path=path,
        state=SegmentState(state),
        run=run,
        start=Point(boot, boottime_ms, wall_ms),
        duration_ms=duration_ms,
        bytes=size,
        sha256=sha256,
        bounds=Bounds(floor_s, ceiling_s),
        epoch=epoch,
        synced=bool(synced),
        unproven=bool(unproven),
        name=name,
        camera_offset_ms=camera_offset_ms,
        camera_number=camera_number,
        volume_number=volume_number,
        pins=pins,
        correction_ms=_correction_ms(row[23], boottime_ms, wall_ms),
        lost=bool(row[24]),
    )


def _correction_ms(true_offset_ms: int | None, boottime_ms: int, wall_ms: int) -> int | None:
    return None if true_offset_ms is None else true_offset_ms + boottime_ms - wall_ms


def segment_by_seq(connection: sqlite3.Connection, camera: str, seq: int) -> SegmentRow | None:
    """The segment with this number, whatever its state; None if there is none under its own name."""
    row = connection.execute(SEGMENT_SQL + "WHERE c.id = ? AND s.seq = ? AND s.name IS NULL", (camera, seq)).fetchone()
    return segment_row(row) if row else None


def segment_as_leaf(connection: sqlite3.Connection, segment_id: int) -> tuple[int | None, SegmentLeaf] | None:
    """The leaf that the row goes by, and what it should say."""
    row = connection.execute(_AS_LEAF_SQL, (segment_id,)).fetchone()
    return None if row is None else (row[0], segment_leaf.of_row(row[1:]))


def segment_by_id(connection: sqlite3.Connection, segment_id: int) -> SegmentRow | None:
    row = connection.execute(SEGMENT_SQL + "WHERE s.id = ?", (segment_id,)).fetchone()
    return segment_row(row) if row else None


def segments_by_id(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, SegmentRow]:
    """Those of them that there are. At most 1000 at a time."""
    sql = SEGMENT_SQL + f"WHERE s.id IN ({','.join('?' * len(ids))})"
    return {row[0]: segment_row(row) for row in connection.execute(sql, ids)}


def segment_aside(connection: sqlite3.Connection, volume: str, relative: PurePosixPath) -> SegmentRow | None:
    """The segment that was set aside under this name."""
    row = connection.execute(
        SEGMENT_SQL + "WHERE s.volume = (SELECT number FROM volumes WHERE id = ?) AND s.name = ?",  # noqa: S608
        (volume, str(relative)),
    ).fetchone()
    return segment_row(row) if row else None


@dataclass(frozen=True, slots=True)
class GapRow:
    """A gap with the boots of its ends."""

    id: int
    camera: str
    start: Point
    end: Point | None
    cause: GapCause
    detail: Message
    camera_number: int
    correction_ms: int | None
    end_correction_ms: int | None
    inside: bool
    """A pause within what is recorded, or several."""
    pauses: tuple[Pause, ...]
    beneath: GapCause | None
    """Both as in `Gap`."""

    @property
    def own_cause(self) -> GapCause:
        """What made it, maintenance or not."""
        return self.beneath or self.cause

    @property
    def true_start_ms(self) -> int:
        return self.start.wall_ms + (self.correction_ms or 0)

    @property
    def true_end_ms(self) -> int | None:
        return None if self.end is None else self.end.wall_ms + (self.end_correction_ms or 0)

    def gap(self) -> Gap:
        end, corrections = self.end.moment if self.end else None, (self.correction_ms, self.end_correction_ms)
        known = (self.id, self.camera, self.start.moment, end, self.cause, self.detail)
        return Gap(*known, *corrections, self.pauses, self.beneath)


def gap_row(row: tuple[Any, ...]) -> GapRow:
    """A row of GAP_SQL."""
    gap_id, camera, boot, boottime_ms, wall_ms, end_boot, end_boottime_ms, end_wall_ms, cause, detail, number = row[:11]
    end = None if end_boot is None else Point(end_boot, end_boottime_ms, end_wall_ms)
    start_off_ms, end_off_ms = _correction_ms(row[11], boottime_ms, wall_ms), None
    if end is not None:
        end_off_ms = _correction_ms(row[12], end.boottime_ms, end.wall_ms)
    start = Point(boot, boottime_ms, wall_ms)
    told = Message(detail) if row[16] is None else Message.of(detail, **json.loads(row[16]))
    known = (gap_id, camera, start, end, GapCause(cause), told, number)
    beneath = None if row[15] is None else GapCause(row[15])
    return GapRow(*known, start_off_ms, end_off_ms, bool(row[13]), pauses_of(row[14]), beneath)


def pauses_of(text: str | None) -> tuple[Pause, ...]:
    """As a column has them."""
    return () if text is None else tuple((since_ms, lasted_ms) for since_ms, lasted_ms in json.loads(text))


@dataclass(frozen=True, slots=True)
class CameraRow:
    number: int
    id: str
    enrolled_run: int
    next_seq: int
    last_sha256: Sha256 | None
    covered: Point


def find_camera(connection: sqlite3.Connection, camera: str) -> CameraRow | None:
    row = connection.execute(
        "SELECT number, id, enrolled_run, next_seq, last_sha256, covered_boot, covered_boottime_ms, covered_wall_ms"
        " FROM cameras WHERE id = ?",
        (camera,),
    ).fetchone()
    if row is None:
        return None
    number, name, enrolled_run, next_seq, last_sha256, *covered = row
    return CameraRow(number, name, enrolled_run, next_seq, last_sha256, Point(*covered))


def camera_row(connection: sqlite3.Connection, camera: str) -> CameraRow:
    """Raises UnknownCamera."""
    row = find_camera(connection, camera)
    if row is None:
        raise UnknownCamera(
            message("camera.never-enrolled", "camera {camera} was never enrolled", camera=repr(camera)),
            message("camera.never-enrolled.action", "add it to the configuration and reload"),
        )
    return row


def bytes_per_day(connection: sqlite3.Connection, camera: int) -> float | None:
    """At the rate of its latest segments; None where there are none."""
    size, duration_ms = connection.execute(
        "SELECT coalesce(sum(bytes), 0), coalesce(sum(duration_ms), 0) FROM (SELECT bytes, duration_ms FROM segments"
        " WHERE camera = ? AND name IS NULL AND state = 'committed' ORDER BY seq DESC LIMIT ?)",
        (camera, RATE_SEGMENTS),
    ).fetchone()
    return size / duration_ms * DAY_MS if duration_ms else None


def usage(
    connection: sqlite3.Connection,
    now: Point,
    lead_us: int | None = None,
    floors_s: Mapping[str, int] | None = None,
    rate: Callable[[sqlite3.Connection, int], float | None] = bytes_per_day,
) -> list[CameraUsage]:
    """Each camera that was ever enrolled, from counters and the heads of indexes. `floors_s`: the configured ones;
    `rate`: `bytes_per_day`, or what remembers it.
    """
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
                bytes_per_day=rate(connection, number),
                lost=_is_lost(connection, number, floor_s, since),
                gone_ms=_gone_ms(connection, number, since(floor_s * 1000), now.wall_ms - floor_s * 1000),
            )
        )
    return answers


def _cameras(connection: sqlite3.Connection, camera: str | None) -> list[tuple[int, str, int]]:
    return connection.execute(
        "SELECT number, id, longest_ms FROM cameras WHERE ?1 IS NULL OR id = ?1 ORDER BY id", (camera,)
    ).fetchall()


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


def _newest_end(connection: sqlite3.Connection, camera: int) -> Moment | None:
    row = connection.execute(
        SEGMENT_SQL + "WHERE s.camera = ? AND s.name IS NULL AND s.state = 'committed' ORDER BY s.seq DESC LIMIT 1",
        (camera,),
    ).fetchone()
    newest = segment_row(row) if row else None
    return newest.end.moment.corrected(newest.correction_ms) if newest else None


def heads_of_group(connection: sqlite3.Connection, group: tuple[int, int, int, int], limit: int) -> list[SegmentRow]:
    """The oldest segments of one volume, camera, floor and ceiling."""
    rows = connection.execute(
        SEGMENT_SQL + f"WHERE s.volume = ? AND s.camera = ? AND s.floor_s = ? AND s.ceiling_s = ? AND {_HELD}"
        " ORDER BY s.boot, s.start_boottime_ms LIMIT ?",
        (*group, limit),
    )
    return [segment_row(row) for row in rows]


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


def open_rows_of_volume(connection: sqlite3.Connection, volume: str) -> list[SegmentRow]:
    """Segments in progress there; two for each camera at the most."""
    rows = connection.execute(SEGMENT_SQL + "WHERE s.state = 'open' AND v.id = ? LIMIT ?", (volume, PAGE))
    return [segment_row(row) for row in rows]


def garbage_rows(connection: sqlite3.Connection, volume: str, after: int, limit: int = PAGE_MAX) -> list[SegmentRow]:
    """What is on its way out of a volume, by id; `after` is the last id of the page before, 0 for the first."""
    rows = connection.execute(
        SEGMENT_SQL + "WHERE s.state = 'garbage' AND v.id = ? AND s.id > ? ORDER BY s.id LIMIT ?",
        (volume, after, min(limit, PAGE_MAX)),
    )
    return [segment_row(row) for row in rows]


def garbage_of_volume(connection: sqlite3.Connection, volume: str, limit: int) -> list[SegmentRow]:
    """Some of what is on its way out there."""
    rows = connection.execute(SEGMENT_SQL + "WHERE s.state = 'garbage' AND v.id = ? LIMIT ?", (volume, limit))
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


def rows_by_name(
    connection: sqlite3.Connection, volume: str, paths: Iterable[PurePosixPath]
) -> dict[PurePosixPath, SegmentRow]:
    """The rows of these names on a volume: complete, in progress or set aside, each under the name it was asked by."""
    rows = ((relative, _row_by_name(connection, volume, relative)) for relative in paths)
    return {relative: row for relative, row in rows if row is not None}


def _row_by_name(connection: sqlite3.Connection, volume: str, relative: PurePosixPath) -> SegmentRow | None:
    if not is_camera(relative.parts[0]):
        return None
    final = relative.with_name(final_name(relative.name))
    parsed = parse_segment_name(final.name)
    row = segment_by_seq(connection, relative.parts[0], parsed[1]) if parsed else None
    if row is not None and (row.volume, row.relative) == (volume, final):
        return row
    return segment_aside(connection, volume, relative) if is_aside(relative) else None


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


_ANY_TIME_MS: Final = (1 << 61) - 1
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
    given = (asked.camera, one.boot, one.from_ms, until_ms, _ANY_TIME_MS, asked.start_ms, *after, limit)
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
            -_ANY_TIME_MS if start_ms is None else start_ms,
            _ANY_TIME_MS if end_ms is None else end_ms,
            (after.true_start.wall_ms, after.id) if after is not None and continued else (-_ANY_TIME_MS, 0),
        )


def _page(limit: int) -> int:
    return max(0, min(limit, PAGE_MAX))
