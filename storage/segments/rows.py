"""Rows of the catalog as values, and the small steps that more than one fact is made of. Runs inside its caller's
transaction; imports sqlite3 and the words of storage.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from storage.ages.runs import Point
from storage.words.errors import UnknownCamera
from storage.words.layout import segment_path
from storage.words.model import Bounds, Gap, GapCause, Pause, Segment, SegmentState, Sha256

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
GAP_SQL: Final = (
    "SELECT g.id, c.id, g.boot, g.start_boottime_ms, g.start_wall_ms, g.end_boot, g.end_boottime_ms, g.end_wall_ms,"  # noqa: S608
    f" g.cause, g.detail, g.camera, {GAP_START_OFFSET}, {GAP_END_OFFSET}, g.inside, g.pauses, g.beneath"
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
    """To be added to its wall times for the true ones (`storage.segments.true_time`)."""
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


def segment_by_id(connection: sqlite3.Connection, segment_id: int) -> SegmentRow | None:
    row = connection.execute(SEGMENT_SQL + "WHERE s.id = ?", (segment_id,)).fetchone()
    return segment_row(row) if row else None


def segments_by_id(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, SegmentRow]:
    """Those of them that there are. At most 1000 at a time."""
    sql = SEGMENT_SQL + f"WHERE s.id IN ({','.join('?' * len(ids))})"
    return {row[0]: segment_row(row) for row in connection.execute(sql, ids)}


@dataclass(frozen=True, slots=True)
class GapRow:
    """A gap with the boots of its ends."""

    id: int
    camera: str
    start: Point
    end: Point | None
    cause: GapCause
    detail: str
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
    known = (gap_id, camera, start, end, GapCause(cause), detail, number)
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
        raise UnknownCamera(f"camera {camera!r} was never enrolled", "add it to the configuration and reload")
    return row
