"""Destroying as the catalog sees it: condemned, then gone with a tombstone; breaches of a floor; who is the oldest.

Functions over a connection, each inside the transaction of its caller. A row that is garbage carries with it why it had
to go, so that its tombstone says so also after a crash in between.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final, TypeAlias

from storage.ages import table as ages_table
from storage.ages.history import History
from storage.ages.runs import Point
from storage.ledger.table import Leaf, Value, enter
from storage.segments import table as facts
from storage.segments.queries import PAGE_MAX, SEGMENT_SQL, SegmentRow, segment_by_seq, segment_row
from storage.words.model import Bounds

Group: TypeAlias = tuple[int, int, int, int]
"""Volume, camera, floor and ceiling: what is stamped alike goes in the order of its age."""

OVERWRITE: Final = "overwrite"
BREACH_TOLD_MS: Final = 24 * 3_600_000
"""A floor counts as broken until nothing was overwritten for so long, in running time."""
_EARLIEST: Final = (0, -(1 << 62), 0)


@dataclass(frozen=True, slots=True)
class Breach:
    """Segments of a camera went below their floor, because nothing else could go."""

    camera: str
    since: Point
    last: Point
    segments: int


def condemn(connection: sqlite3.Connection, row: SegmentRow, rule: str, bounds: Bounds, age_ms: int) -> None:
    """From here on the segment is garbage. `age_ms`: the low bound, since its start for a ceiling, else its end."""
    facts.discard(connection, row)
    connection.execute(
        "INSERT INTO condemned (segment, rule, floor_s, ceiling_s, age_ms) VALUES (?, ?, ?, ?, ?)",
        (row.id, rule, bounds.floor_s, bounds.ceiling_s, age_ms),
    )


def bury(connection: sqlite3.Connection, row: SegmentRow, now: Point, age: History) -> None:
    """No name leads to the file any more: the row goes, a leaf stays, all in one transaction. Told twice, once."""
    why = connection.execute(
        "SELECT k.rule, k.floor_s, k.ceiling_s, k.age_ms FROM segments s LEFT JOIN condemned k ON k.segment = s.id"
        " WHERE s.id = ? AND s.state = 'garbage'",
        (row.id,),
    ).fetchone()
    if why is None:
        return
    facts.forget(connection, row)
    body: dict[str, Value] = {
        "camera": row.camera,
        "seq": row.seq,
        "volume": row.volume,
        "start": ages_table.place_in_time(connection, row.start),
        "duration_ms": row.duration_ms,
        "bytes": row.bytes,
        "sha256": row.sha256.hex() if row.sha256 else "",
    }
    if row.quarantined:
        body["name"] = str(row.relative)
    if row.lost:
        body["lost"] = True
    if why[0] is not None:  # None: it was condemned before tombstones said why
        body |= dict(zip(("rule", "floor_s", "ceiling_s", "age_ms"), why, strict=True))
        if why[0] == OVERWRITE:
            _breach(connection, row.camera_number, now, age)
    enter(connection, Leaf.DESTROYED, now.wall_ms, body)


def _breach(connection: sqlite3.Connection, camera: int, now: Point, age: History) -> None:
    """One more; after a day without any, what was is over, and this is the first."""
    last = connection.execute("SELECT last_boot, last_boottime_ms FROM breaches WHERE camera = ?", (camera,)).fetchone()
    if last is not None and age.age(*last).low_ms >= BREACH_TOLD_MS:
        connection.execute("DELETE FROM breaches WHERE camera = ?", (camera,))
    connection.execute(
        "INSERT INTO breaches (camera, since_boot, since_boottime_ms, since_wall_ms, last_boot, last_boottime_ms,"
        " last_wall_ms, segments) VALUES (?1, ?2, ?3, ?4, ?2, ?3, ?4, 1) ON CONFLICT DO UPDATE SET segments ="
        " segments + 1, last_boot = ?2, last_boottime_ms = ?3, last_wall_ms = ?4",
        (camera, now.boot, now.boottime_ms, now.wall_ms),
    )


def breaches(connection: sqlite3.Connection, age: History) -> list[Breach]:
    """Those that are told: the last one of them within a day."""
    rows = connection.execute(
        "SELECT c.id, b.since_boot, b.since_boottime_ms, b.since_wall_ms, b.last_boot, b.last_boottime_ms,"
        " b.last_wall_ms, b.segments FROM breaches b JOIN cameras c ON c.number = b.camera ORDER BY c.id"
    ).fetchall()
    found = [Breach(camera, Point(*ends[:3]), Point(*ends[3:]), count) for camera, *ends, count in rows]
    return [one for one in found if age.age(one.last.boot, one.last.boottime_ms).low_ms < BREACH_TOLD_MS]


def oldest(connection: sqlite3.Connection, volume: str) -> list[tuple[Group, SegmentRow]]:
    """The head of each group on a volume, if it has one that no pin holds."""
    groups = connection.execute(
        "SELECT volume, camera, floor_s, ceiling_s FROM holdings"
        " WHERE volume = (SELECT number FROM volumes WHERE id = ?)",
        (volume,),
    ).fetchall()
    return [(group, row) for group in groups for row in page(connection, group, None, 1)]


def page(connection: sqlite3.Connection, group: Group, after: SegmentRow | None, limit: int) -> list[SegmentRow]:
    """Segments of a group by age, from the one after `after` on."""
    begin = _EARLIEST if after is None else (after.start.boot, after.start.boottime_ms, after.id)
    rows = connection.execute(
        SEGMENT_SQL + "WHERE s.volume = ? AND s.camera = ? AND s.floor_s = ? AND s.ceiling_s = ?"
        " AND s.state IN ('committed', 'quarantined') AND s.pins = 0"
        " AND (s.boot, s.start_boottime_ms, s.id) > (?, ?, ?)"
        " ORDER BY s.boot, s.start_boottime_ms, s.id LIMIT ?",
        (*group, *begin, min(limit, PAGE_MAX)),
    )
    return [segment_row(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What a leaf says of a segment that is gone; what is None was not written down at the time."""

    wall_ms: int
    rule: str | None
    floor_s: int | None
    ceiling_s: int | None
    age_ms: int | None


def tombstone(connection: sqlite3.Connection, camera: str, seq: int) -> Tombstone | None:
    """The last of this number."""
    row = connection.execute(
        "SELECT wall_ms, json_extract(body, '$.rule'), json_extract(body, '$.floor_s'),"
        " json_extract(body, '$.ceiling_s'), json_extract(body, '$.age_ms') FROM leaves WHERE kind = 'destroyed'"
        " AND json_extract(body, '$.camera') = ? AND json_extract(body, '$.seq') = ? ORDER BY number DESC LIMIT 1",
        (camera, seq),
    ).fetchone()
    return None if row is None else Tombstone(*row)


def condemned(connection: sqlite3.Connection, segment: int) -> str | None:
    """The rule for which a segment that is garbage has to go."""
    row = connection.execute("SELECT rule FROM condemned WHERE segment = ?", (segment,)).fetchone()
    return None if row is None else str(row[0])


def any_by_seq(connection: sqlite3.Connection, camera: str, seq: int) -> SegmentRow | None:
    """The segment with this number, or the file of that number that is set aside."""
    found = segment_by_seq(connection, camera, seq)
    if found is not None:
        return found
    row = connection.execute(
        SEGMENT_SQL + "WHERE s.name IS NOT NULL AND c.id = ? AND s.seq = ? LIMIT 1", (camera, seq)
    ).fetchone()
    return None if row is None else segment_row(row)


def begun(connection: sqlite3.Connection, seq: int) -> dict[str, int]:
    """By camera, when its segment of this number began, by the clock that named its file."""
    cameras = [str(camera) for (camera,) in connection.execute("SELECT id FROM cameras ORDER BY id")]
    found = ((camera, segment_by_seq(connection, camera, seq)) for camera in cameras)
    return {camera: row.start.wall_ms for camera, row in found if row is not None}


def longest_stamped(connection: sqlite3.Connection) -> dict[str, int]:
    """By camera, the longest ceiling that is stamped on what it has."""
    return dict(
        connection.execute(
            "SELECT c.id, max(h.ceiling_s) FROM holdings h JOIN cameras c ON c.number = h.camera GROUP BY c.number"
        ).fetchall()
    )
