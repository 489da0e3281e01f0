"""The SQL of the ring: what is condemned and gone, breaches of a floor, how long time is accounted for, sizes of
segments.

Functions over a connection, each inside the transaction of its caller. A row that is garbage carries with it why it
had to go, so that its tombstone says so also after a crash in between.

At the end: what is pruned of the account of a camera's time (gaps and spans of destroyed footage, long past). It is
part of S12: a camera that stutters for years must not fill the state directory. Coverage of the time before is no
longer answered, and the account says so: it begins later (`cameras.known_since_ms`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from storage.ages import table as ages_table
from storage.ages.history import History, Point
from storage.ledger.table import Leaf, enter
from storage.retention.bounds import TIME_ACCOUNT_KEPT_MS, LowAge
from storage.retention.destruction import DestroyedLeaf
from storage.segments import table as segments_table
from storage.segments.queries import PAGE_MAX, SEGMENT_SQL, SegmentRow, pauses_of, segment_by_seq, segment_row
from storage.words.model import Bounds, missing

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
    segments_table.discard(connection, row)
    connection.execute(
        "INSERT INTO condemned (segment, rule, floor_s, ceiling_s, age_ms) VALUES (?, ?, ?, ?, ?)",
        (row.id, rule, bounds.floor_s, bounds.ceiling_s, age_ms),
    )


def delete_row(connection: sqlite3.Connection, row: SegmentRow, now: Point, age: History) -> None:
    """No name leads to the file any more: the row goes, a leaf stays, all in one transaction. Told twice, once."""
    why = connection.execute(
        "SELECT k.rule, k.floor_s, k.ceiling_s, k.age_ms FROM segments s LEFT JOIN condemned k ON k.segment = s.id"
        " WHERE s.id = ? AND s.state = 'garbage'",
        (row.id,),
    ).fetchone()
    if why is None:
        return
    segments_table.forget(connection, row)
    rule, floor_s, ceiling_s, age_ms = why
    if rule == OVERWRITE:
        _breach(connection, row.camera_number, now, age)
    told = DestroyedLeaf(
        camera=row.camera,
        seq=row.seq,
        volume=row.volume,
        start=ages_table.leaf_place(connection, row.start),
        duration_ms=row.duration_ms,
        bytes=row.bytes,
        sha256=row.sha256.hex() if row.sha256 else "",
        name=row.name,
        lost=row.lost,
        rule=rule,
        floor_s=floor_s,
        ceiling_s=ceiling_s,
        age_ms=age_ms,
    )
    enter(connection, Leaf.DESTROYED, now.wall_ms, told)


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


LIKE_THE_LAST: Final = 3
"""The next segment of a camera will be like the largest of so many before it: one alone may have been cut short."""
RATE_MS: Final = 10_000
"""Of less footage no rate is told: its first key frame weighs too much."""
WINDOW_SEGMENTS: Final = 300
"""A rate is that of so many segments in a row: a day at the usual length of 5 minutes, so that night and day are both
in it. A page, too."""
WINDOWS: Final = 7
"""A week of them: how a trend is told from a noisy day."""
DAY_MS: Final = 86_400_000
_GAPS_SQL: Final = (
    "WITH one AS (SELECT number FROM cameras WHERE id = ?1)"
    " SELECT start_wall_ms, end_wall_ms, pauses FROM gaps, one"
    " WHERE camera = one.number AND end_wall_ms > ?2 AND +start_wall_ms < ?3"
    " UNION ALL SELECT start_wall_ms, ?3, NULL FROM gaps, one"
    " WHERE camera = one.number AND end_boot IS NULL AND +start_wall_ms < ?3"
    " UNION ALL SELECT start_wall_ms, end_wall_ms, NULL FROM destroyed, one"
    " WHERE camera = one.number AND end_wall_ms > ?2 AND start_wall_ms < ?3"
)
"""From the interval on, as in `storage.segments.coverage_queries`: years of gaps before it are not looked at."""


@dataclass(frozen=True, slots=True)
class CameraPace:
    """A camera that records in this run."""

    camera: str
    bytes: int
    """What its next segment will probably take; 0 before its first."""
    usual_ms: int
    """How long that will last."""
    begun: tuple[tuple[str, int], ...]
    """Of its segments in progress: the volume, and the boottime of their start."""


def paces(connection: sqlite3.Connection, run: int, segment_ms: int = 0) -> list[CameraPace]:
    """By camera recorded in this run, after its last few segments. `segment_ms`: how long the next ones are to be."""
    found = []
    for number, name in connection.execute(
        "SELECT number, id FROM cameras WHERE enrolled_run = ? ORDER BY id", (run,)
    ).fetchall():
        last = connection.execute(
            "SELECT bytes, duration_ms FROM segments WHERE camera = ? AND name IS NULL AND state = 'committed'"
            " ORDER BY seq DESC LIMIT ?",
            (number, LIKE_THE_LAST),
        ).fetchall()
        begun = connection.execute(
            "SELECT v.id, s.start_boottime_ms FROM segments s JOIN volumes v ON v.number = s.volume"
            " WHERE s.camera = ? AND s.state = 'open' AND s.run = ? ORDER BY s.seq",
            (number, run),
        ).fetchall()
        found.append(CameraPace(name, *likely(last, segment_ms), tuple(begun)))
    return found


def likely(last: Sequence[tuple[int, int]], segment_ms: int) -> tuple[int, int]:
    """Bytes and length of the next segment, from those of the last: the largest of them, or, where segments are to be
    longer than these were, as much as their rate makes of that.
    """
    size, usual_ms = max(last, default=(0, 0))
    in_all, lasted_ms = sum(one for one, _ in last), sum(ms for _, ms in last)
    if lasted_ms >= RATE_MS and segment_ms > usual_ms and in_all * segment_ms > size * lasted_ms:
        return -(-in_all * segment_ms // lasted_ms), segment_ms
    return size, usual_ms


def windows(connection: sqlite3.Connection, camera: str) -> list[float]:
    """Bytes a day of one camera over its last windows, the newest first; without those in which nothing was recorded.

    Some thousand rows: for now and then, not for every look.
    """
    row = connection.execute("SELECT number, last_seq FROM cameras WHERE id = ?", (camera,)).fetchone()
    if row is None:
        return []
    rates = []
    for back in range(WINDOWS):
        last = row[1] - back * WINDOW_SEGMENTS
        size, duration_ms = connection.execute(
            "SELECT coalesce(sum(bytes), 0), coalesce(sum(duration_ms), 0) FROM segments WHERE camera = ?"
            " AND name IS NULL AND state = 'committed' AND seq > ? AND seq <= ?",
            (row[0], last - WINDOW_SEGMENTS, last),
        ).fetchone()
        if duration_ms:
            rates.append(size / duration_ms * DAY_MS)
    return rates


def pinned_bytes(connection: sqlite3.Connection) -> dict[str, int]:
    """By camera, of those that have any: what a pin keeps until it is released. Reads all that is pinned."""
    return dict(
        connection.execute(
            "SELECT c.id, sum(s.bytes) FROM segments s JOIN cameras c ON c.number = s.camera WHERE s.pins > 0"
            " GROUP BY s.camera"
        ).fetchall()
    )


def gaps_ms(connection: sqlite3.Connection, camera: str, start_ms: int, end_ms: int) -> int:
    """How much of an interval of wall time no segment covers: the account is complete, so this is told by the gaps, and
    by what is destroyed.

    Gaps may lie inside each other (a pause within what is recorded), so overlaps count once.
    """
    rows = connection.execute(_GAPS_SQL, (camera, start_ms, end_ms))
    spans = sorted(span for begin, end, pauses in rows for span in missing(begin, end, pauses_of(pauses)))
    missing_ms, reached_ms = 0, start_ms
    for begin, end in spans:
        missing_ms += max(0, min(end, end_ms) - max(begin, reached_ms))
        reached_ms = max(reached_ms, end)
    return missing_ms


PRUNED_MAX: Final = 256
"""Rows that go in one transaction: some ms, for which a commit may have to wait (L4)."""
_GAPS: Final = (
    "SELECT id, end_boot, end_boottime_ms, end_wall_ms FROM gaps WHERE camera = ? AND end_boot IS NOT NULL"
    " ORDER BY boot, start_boottime_ms LIMIT ?"
)
_DESTROYED: Final = (
    "SELECT id, boot, end_boottime_ms, end_wall_ms FROM destroyed WHERE camera = ?"
    " ORDER BY boot, end_boottime_ms LIMIT ?"
)


def limits_ms(connection: sqlite3.Connection, ceilings_s: dict[str, int]) -> dict[int, int]:
    """By camera number: how old its account may become. `ceilings_s` are those that are configured."""
    stamped = longest_stamped(connection)
    return {
        number: max(ceilings_s.get(camera, 0), stamped.get(camera, 0)) * 1000 + TIME_ACCOUNT_KEPT_MS
        for number, camera in connection.execute("SELECT number, id FROM cameras").fetchall()
    }


def is_due(connection: sqlite3.Connection, camera: int, limit_ms: int, age_ms: LowAge) -> bool:
    """Something of this camera is older than that."""
    return any(_old(connection, sql, camera, 1, limit_ms, age_ms) for sql in (_GAPS, _DESTROYED))


def prune(connection: sqlite3.Connection, camera: int, limit_ms: int, now: Point, age_ms: LowAge) -> int:
    """Remove a page of what ended longer ago; how many rows that was."""
    gaps = _old(connection, _GAPS, camera, PRUNED_MAX, limit_ms, age_ms)
    spans = _old(connection, _DESTROYED, camera, PRUNED_MAX, limit_ms, age_ms)
    connection.executemany("DELETE FROM gaps WHERE id = ?", [(number,) for number, _ in gaps])
    connection.executemany("DELETE FROM destroyed WHERE id = ?", [(number,) for number, _ in spans])
    ends_ms = [end.wall_ms for _, end in (*gaps, *spans)]
    if ends_ms:  # a wall clock that was wrong then must not take away what is known since
        since_ms = min(max(ends_ms), now.wall_ms - limit_ms)
        connection.execute(
            "UPDATE cameras SET known_since_ms = max(known_since_ms, ?) WHERE number = ?", (since_ms, camera)
        )
    return len(gaps) + len(spans)


def _old(
    connection: sqlite3.Connection, sql: str, camera: int, limit: int, limit_ms: int, age_ms: LowAge
) -> list[tuple[int, Point]]:
    """The leading ones, by age, that ended longer ago than that."""
    found = []
    for number, *end in connection.execute(sql, (camera, limit)).fetchall():
        if age_ms(Point(*end)) < limit_ms:
            break
        found.append((number, Point(*end)))
    return found
