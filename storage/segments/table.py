"""The catalog (索引): what exists. Each fact is one function, run in one transaction, with its leaf.

Functions over a connection; they decide nothing about files. Keeps S9 (`storage.segments.gaps_table`), S5's states, and
the counters that spare everybody else from adding up rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from storage.ages.history import DaemonRun, Point
from storage.ages.table import SILENT_MS, last_alive, leaf_place
from storage.ledger.table import Leaf, enter
from storage.segments.gaps_table import (
    begin,
    bridge,
    end_gap,
    frontier,
    in_progress,
    insert_gap,
    join,
    next_start,
    open_gap,
    remember,
    settle,
    tell_pauses,
)
from storage.segments.queries import (
    SegmentRow,
    camera_row,
    find_camera,
    segment_as_leaf,
    segment_by_id,
    segment_by_seq,
)
from storage.segments.segment_leaf import SegmentLeaf, columns, to_enter
from storage.words.errors import NotOpen
from storage.words.message import message
from storage.words.model import Bounds, Closing, GapCause, Moment, Opening, Parts, Segment, SegmentState, Sha256, Tail

NOT_CONFIGURED: Final = message("gap.not-configured", "the camera was not in the configuration")

Protect: TypeAlias = Callable[[sqlite3.Connection, SegmentRow], object]
"""Told of each segment as it comes to be, in its transaction and before its leaf: pins that it touches hold it (S2)."""


def enrol(connection: sqlite3.Connection, life: DaemonRun, camera: str, at: Moment) -> Tail:
    """The camera is recorded from now on; what is unaccounted for since an earlier run becomes a gap."""
    known = find_camera(connection, camera)
    begins = Point.of(life.boot, at)
    if known is None:
        number: int = connection.execute(
            "INSERT INTO cameras (id, known_since_ms, enrolled_run, next_seq, covered_boot, covered_boottime_ms,"
            " covered_wall_ms) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?2) RETURNING number",
            (camera, at.wall_ms, life.run, begins.boot, begins.boottime_ms),
        ).fetchone()[0]
        insert_gap(connection, number, begins, None, GapCause.STARTING, "")
        return Tail(1, "")
    if known.enrolled_run != life.run:
        _account_for_absence(connection, life, camera, begins)
        connection.execute("UPDATE cameras SET enrolled_run = ? WHERE number = ?", (life.run, known.number))
    else:
        lasting = open_gap(connection, known.number)
        if lasting is not None and lasting.cause is GapCause.DISABLED:
            begin(connection, known, begins, begins, GapCause.STARTING, "")
    return tail(connection, camera)


def _account_for_absence(connection: sqlite3.Connection, life: DaemonRun, camera: str, begins: Point) -> None:
    """From the end of its account to the start of this run, then STARTING.

    A gap that lasted when its run ended goes on to that run's last sign of life; DISABLED lasts until now, because
    nothing that happened to the daemon changed it.
    """
    known = camera_row(connection, camera)
    lasting = open_gap(connection, known.number)
    if lasting is not None and lasting.cause is GapCause.DISABLED:
        begin(connection, known, max(life.start, lasting.start), begins, GapCause.STARTING, "")
        return
    if known.enrolled_run == life.recorded_run:
        starting, cause, detail = life.start, life.previous_end or GapCause.UNKNOWN, ""
    else:
        starting, cause, detail = begins, GapCause.DISABLED, NOT_CONFIGURED
    if lasting is not None:
        alive = starting if lasting.own_cause is cause else last_alive(connection, known.enrolled_run)
        left = min(max(alive, lasting.start), starting)
        end_gap(connection, lasting, left)
    else:
        left = frontier(connection, known)
    if left < starting:
        insert_gap(connection, known.number, left, starting, cause, detail)
    insert_gap(connection, known.number, max(left, starting), None, GapCause.STARTING, "")


def tail(connection: sqlite3.Connection, camera: str) -> Tail:
    """Where the camera's chain of segments ends."""
    row = camera_row(connection, camera)
    return Tail(row.next_seq, row.last_sha256.hex() if row.last_sha256 else "")


def open_segment(connection: sqlite3.Connection, life: DaemonRun, opening: Opening) -> None:
    """A segment begins: its row, and the end of the gap before it."""
    camera = camera_row(connection, opening.camera)
    start = Point.of(life.boot, opening.start)
    volume = connection.execute("SELECT number FROM volumes WHERE id = ?", (opening.volume,)).fetchone()
    if volume is None:
        raise NotOpen(
            message("volume.not-known", "volume {volume} is not known", volume=opening.volume),
            message("volume.not-known.action", "configure it and start edged again"),
        )
    if segment_by_seq(connection, opening.camera, opening.seq) is not None:
        what = message(
            "segment.exists-next",
            "segment {number} of {camera} exists; the next is {next}",
            number=opening.seq,
            camera=opening.camera,
            next=camera.next_seq,
        )
        raise NotOpen(what, message("segment.worker-anew", "the camera's worker must be started anew"))
    lasting = open_gap(connection, camera.number)
    if lasting is not None:
        end_gap(connection, lasting, start)
    elif not in_progress(connection, camera.number):
        bridge(connection, camera.number, camera.covered, start, GapCause.UNKNOWN, "")
    connection.execute(
        "INSERT INTO segments (camera, seq, volume, state, run, boot, start_boottime_ms, start_wall_ms, floor_s,"
        " ceiling_s, epoch, synced) VALUES (?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            camera.number,
            opening.seq,
            volume[0],
            life.run,
            life.boot,
            start.boottime_ms,
            start.wall_ms,
            opening.bounds.floor_s,
            opening.bounds.ceiling_s,
            opening.epoch,
            opening.synced,
        ),
    )
    next_seq = max(camera.next_seq, opening.seq + 1)
    connection.execute("UPDATE cameras SET next_seq = ? WHERE number = ?", (next_seq, camera.number))


def commit_segment(connection: sqlite3.Connection, closing: Closing, protect: Protect) -> Segment:
    """The file lies complete and synced under its final name. Told twice, it is committed once."""
    row = segment_by_seq(connection, closing.camera, closing.seq)
    if row is None:
        what = message(
            "segment.never-opened",
            "segment {number} of {camera} was never opened",
            number=closing.seq,
            camera=closing.camera,
        )
        raise NotOpen(what, message("segment.worker-anew", "the camera's worker must be started anew"))
    if row.state is SegmentState.COMMITTED and row.sha256 == closing.sha256:
        return row.segment()
    if row.state is not SegmentState.OPEN:
        what = message(
            "segment.is-already",
            "segment {number} of {camera} is {state} already",
            number=closing.seq,
            camera=closing.camera,
            state=row.state.value,
        )
        raise NotOpen(what, message("segment.worker-anew", "the camera's worker must be started anew"))
    duration_ms = max(0, closing.end.boottime_ms - row.start.boottime_ms)
    return complete(
        connection,
        row,
        duration_ms,
        closing.bytes,
        closing.sha256,
        closing.video_frames,
        parts=closing.parts,
        camera_offset_ms=closing.camera_offset_ms,
        protect=protect,
    )


def complete(
    connection: sqlite3.Connection,
    row: SegmentRow,
    duration_ms: int,
    size: int,
    sha256: Sha256,
    video_frames: int,
    cause: GapCause = GapCause.UNKNOWN,
    detail: str = "",
    *,
    parts: Parts | None = None,
    now: Point | None = None,
    camera_offset_ms: int | None = None,
    protect: Protect,
) -> Segment:
    """An open row gets its file, from its worker or from recovery. `cause` is for a hole that follows unexplained.

    At a cut the next segment begins before this one is complete. What was salvaged of this one may reach further than
    that, with its last sound, or than `now`, if the camera's clock runs too fast: no instant is told of twice, and none
    that has not been.
    """
    for limit in (next_start(connection, row.camera_number, row.seq), now):
        if limit is not None and limit.boot == row.start.boot:
            duration_ms = min(duration_ms, max(0, limit.boottime_ms - row.start.boottime_ms))
    connection.execute(
        "UPDATE segments SET state = 'committed', duration_ms = ?, bytes = ?, sha256 = ?, video_frames = ?,"
        " camera_offset_ms = ? WHERE id = ? AND state = 'open'",
        (duration_ms, size, sha256, video_frames, camera_offset_ms, row.id),
    )
    connection.execute(
        "UPDATE cameras SET longest_ms = max(longest_ms, ?) WHERE number = ?", (duration_ms, row.camera_number)
    )
    connection.execute(
        "UPDATE cameras SET last_seq = ?1, last_sha256 = ?2 WHERE number = ?3 AND last_seq < ?1",
        (row.seq, sha256, row.camera_number),
    )
    hold(connection, row, size)
    done = _by_id(connection, row.id)
    protect(connection, done)
    enter_segment(connection, done, None if now is None else now.wall_ms, parts)
    _ended(connection, row, done.end, cause, detail)
    return done.segment()


def _ended(connection: sqlite3.Connection, row: SegmentRow, end: Point, cause: GapCause, detail: str) -> None:
    """What it accounts for ends here: what follows is joined to it, and what paused in it is told."""
    settle(connection, row.camera_number, row.seq, (row.start, end), cause, detail)
    tell_pauses(connection, row.camera_number, row.seq, row.start)


def drop_without_file(connection: sqlite3.Connection, row: SegmentRow, cause: GapCause, detail: str) -> None:
    """An open row whose file never appeared, or holds nothing: its time is covered by a gap."""
    connection.execute("DELETE FROM segments WHERE id = ? AND state = 'open'", (row.id,))
    _ended(connection, row, row.start, cause, detail)
    join(connection, row.camera_number, row.start)


def quarantine(
    connection: sqlite3.Connection,
    row: SegmentRow,
    now: Point,
    name: str,
    size: int,
    sha256: Sha256,
    cause: GapCause,
    detail: str,
    parts: Parts | None = None,
    *,
    protect: Protect,
) -> None:
    """An open row whose file cannot be read: kept under `name` and its bounds; its time is a gap.

    What is in it may reach up to the last its run can have written: the floor runs from there (S1).
    """
    end = min(now, last_alive(connection, row.run).plus_ms(SILENT_MS))
    duration_ms = max(0, end.boottime_ms - row.start.boottime_ms) if end.boot == row.start.boot else 0
    connection.execute(
        "UPDATE segments SET state = 'quarantined', name = ?, bytes = ?, sha256 = ?, duration_ms = ?, unproven = 1"
        " WHERE id = ? AND state = 'open'",
        (name, size, sha256, duration_ms, row.id),
    )
    hold(connection, row, size)
    kept = _by_id(connection, row.id)
    protect(connection, kept)
    enter_segment(connection, kept, now.wall_ms, parts)
    _ended(connection, row, row.start, cause, detail)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A file that no row vouches for; with a `name`, one that is set aside under it."""

    camera: str
    seq: int
    volume: str
    start: Point
    bounds: Bounds
    epoch: int
    name: str | None = None
    camera_offset_ms: int | None = None
    synced: bool = False
    """Whether somebody vouched for the clock that its start was read from."""


def adopt_orphan(
    connection: sqlite3.Connection,
    life: DaemonRun,
    orphan: Orphan,
    size: int,
    sha256: Sha256,
    duration_ms: int = 0,
    video_frames: int = 0,
    parts: Parts | None = None,
    *,
    protect: Protect,
) -> None:
    """Unproven, or quarantined if it has a name of its own. The account of the camera's time stays as it is."""
    camera = camera_row(connection, orphan.camera).number
    if orphan.name is None and segment_by_seq(connection, orphan.camera, orphan.seq) is not None:
        raise NotOpen(
            message("segment.exists", "segment {number} of {camera} exists", number=orphan.seq, camera=orphan.camera),
            message("segment.next-start", "it is looked at again at the next start"),
        )
    told = SegmentLeaf(
        camera=orphan.camera,
        seq=orphan.seq,
        volume=orphan.volume,
        start=leaf_place(connection, orphan.start),
        duration_ms=duration_ms,
        bytes=size,
        sha256=sha256.hex(),
        floor_s=orphan.bounds.floor_s,
        ceiling_s=orphan.bounds.ceiling_s,
        epoch=orphan.epoch,
        synced=orphan.synced,
        unproven=True,
        frames=video_frames,
        name=orphan.name,
        offset_ms=orphan.camera_offset_ms,
    )
    adopted = put_back(connection, life.run, camera, told, orphan.start, None, protect)
    if adopted is None:
        raise NotOpen(
            message(
                "segment.name-exists", "{name} on volume {volume} exists", name=orphan.name or "", volume=orphan.volume
            ),
            message("segment.next-start", "it is looked at again at the next start"),
        )
    enter_segment(connection, adopted, parts=parts)


def put_back(
    connection: sqlite3.Connection,
    run: int,
    camera: int,
    told: SegmentLeaf,
    start: Point,
    leaf: int | None,
    protect: Protect,
) -> SegmentRow | None:
    """A whole row of `told`, which began at `start` as this database counts. None: there is such a segment."""
    state = SegmentState.COMMITTED if told.name is None else SegmentState.QUARANTINED
    row = {
        "camera": camera,
        "state": state,
        "run": run,
        "boot": start.boot,
        "start_boottime_ms": start.boottime_ms,
        "start_wall_ms": start.wall_ms,
        "sha256": bytes.fromhex(told.sha256),
        "name": told.name,
        "leaf": leaf,
        **columns(told),
    }
    found = connection.execute(
        f"INSERT INTO segments (volume, {', '.join(row)}) VALUES ((SELECT number FROM volumes WHERE id = ?)"  # noqa: S608
        f"{', ?' * len(row)}) ON CONFLICT DO NOTHING RETURNING id",
        (told.volume, *row.values()),
    ).fetchone()
    if found is None:
        return None
    if told.name is None:
        connection.execute(
            "UPDATE cameras SET next_seq = max(next_seq, ?), longest_ms = max(longest_ms, ?) WHERE number = ?",
            (told.seq + 1, told.duration_ms, camera),
        )
    made = _by_id(connection, found[0])
    hold(connection, made, told.bytes)
    protect(connection, made)
    return made


def discard(connection: sqlite3.Connection, row: SegmentRow) -> None:
    """Destroying begins: from here on the segment is garbage, and nothing brings it back."""
    connection.execute("UPDATE segments SET state = 'garbage' WHERE id = ?", (row.id,))


def forget(connection: sqlite3.Connection, row: SegmentRow) -> None:
    """Destroying is done: no name leads to the file any more."""
    if connection.execute("DELETE FROM segments WHERE id = ? AND state = 'garbage'", (row.id,)).rowcount:
        release(connection, row)
        if row.duration_ms > 0 and not row.quarantined:
            remember(connection, row.camera_number, row.start, row.end)


def hold(connection: sqlite3.Connection, row: SegmentRow, size: int) -> None:
    """Count a segment in."""
    connection.execute(
        "INSERT INTO holdings (volume, camera, floor_s, ceiling_s, segments, bytes) VALUES (?, ?, ?, ?, 1, ?)"
        " ON CONFLICT DO UPDATE SET segments = segments + 1, bytes = bytes + excluded.bytes",
        (row.volume_number, row.camera_number, row.bounds.floor_s, row.bounds.ceiling_s, size),
    )


def release(connection: sqlite3.Connection, row: SegmentRow) -> None:
    """Count a segment out; the last one of its kind takes the counter along."""
    key = (row.volume_number, row.camera_number, row.bounds.floor_s, row.bounds.ceiling_s)
    where = " WHERE volume = ? AND camera = ? AND floor_s = ? AND ceiling_s = ?"
    fewer = "UPDATE holdings SET segments = segments - 1, bytes = bytes - ?" + where + " AND segments > 1"  # noqa: S608
    if connection.execute(fewer, (row.bytes, *key)).rowcount == 0:
        connection.execute("DELETE FROM holdings" + where, key)  # noqa: S608  (constants)


def _by_id(connection: sqlite3.Connection, segment_id: int) -> SegmentRow:
    found = segment_by_id(connection, segment_id)
    if found is None:
        raise _gone(segment_id)
    return found


def _gone(segment_id: int) -> NotOpen:
    return NotOpen(
        message("segment.row-gone", "segment row {row} is gone", row=segment_id),
        message("segment.worker-anew", "the camera's worker must be started anew"),
    )


def enter_segment(
    connection: sqlite3.Connection, row: SegmentRow, wall_ms: int | None = None, parts: Parts | None = None
) -> None:
    """It is committed, or set aside if it has a name of its own; `row` is what it is now."""
    found = segment_as_leaf(connection, row.id)
    if found is None:
        raise _gone(row.id)
    kind = Leaf.QUARANTINED if row.quarantined else Leaf.SEGMENT
    number = enter(connection, kind, row.end.wall_ms if wall_ms is None else wall_ms, to_enter(found[1], parts))
    connection.execute("UPDATE segments SET leaf = ? WHERE id = ?", (number, row.id))
