"""Questions of `fsck` and the tamper watch: what the catalog says of names, and whether it agrees with itself.

Functions over a read-only connection, in pages of at most 1000 rows, but for `recount` and `unsound`, which say why.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from storage.ledger.table import Leaf
from storage.segments.coverage_queries import ReadQuery
from storage.segments.queries import PAGE_MAX, SEGMENT_SQL, SegmentRow, rows_by_name, segment_row
from storage.words.layout import is_camera
from storage.words.message import Message, message

UNSOUND_MAX = 20
"""Faults of the file that are named: the first says what to do."""
_MUST = "p.linked = 1 AND n.state IN ('provisional', 'approved')"
"""A pin that ended takes its links away before its rows."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row with the pins that hold it."""

    row: SegmentRow
    pins: int
    """As its row counts them."""
    held: int = 0
    """As they are."""
    linked: int = 0
    """As far as they last and have linked its file."""


def rows_after(
    connection: sqlite3.Connection, after: int, limit: int = PAGE_MAX, camera: str | None = None
) -> tuple[list[Claimed], int | None]:
    """Segments by id, whatever their state; and the last id looked at, None at the end. Of one camera: fewer."""
    ids = connection.execute(
        "SELECT id, pins FROM segments WHERE id > ? ORDER BY id LIMIT ?", (after, min(limit, PAGE_MAX))
    ).fetchall()
    if not ids:
        return [], None
    rows = {
        row.id: row
        for row in map(
            segment_row, connection.execute(SEGMENT_SQL + "WHERE s.id > ? AND s.id <= ?", (after, ids[-1][0]))
        )
    }
    held = {
        segment: counts
        for segment, *counts in connection.execute(
            f"SELECT p.segment, count(*), sum({_MUST}) FROM pinned p JOIN pins n ON n.number = p.pin"  # noqa: S608
            " WHERE p.segment > ? AND p.segment <= ? GROUP BY p.segment",
            (after, ids[-1][0]),
        )
    }
    found = [Claimed(rows[number], pins, *held.get(number, (0, 0))) for number, pins in ids if number in rows]
    return [one for one in found if camera is None or one.row.camera == camera], ids[-1][0]


def claimed(connection: sqlite3.Connection, segment: int) -> Claimed | None:
    """One row, as it is now."""
    row = connection.execute(SEGMENT_SQL + "WHERE s.id = ?", (segment,)).fetchone()
    if row is None:
        return None
    return _with_pins(connection, segment_row(row))


def parts_told(connection: sqlite3.Connection, segment: int) -> tuple[object, object] | None:
    """How many parts its file has and the root over them in hex, as its leaf says; None: it tells of none."""
    row: tuple[object, object] | None = connection.execute(
        "SELECT iif(json_valid(l.body), l.body ->> '$.parts', ''), iif(json_valid(l.body), l.body ->> '$.root', '')"
        " FROM segments s JOIN leaves l ON l.number = s.leaf WHERE s.id = ?",
        (segment,),
    ).fetchone()
    return None if row == (None, None) else row


def claims_of(
    connection: sqlite3.Connection, volume: str, paths: Iterable[PurePosixPath]
) -> dict[PurePosixPath, Claimed]:
    """The rows of these names on a volume: complete, in progress or set aside, each under the name it was asked by."""
    return {relative: _with_pins(connection, row) for relative, row in rows_by_name(connection, volume, paths).items()}


def rows_of_day(read: ReadQuery, volume: str, directory: PurePosixPath) -> Iterator[SegmentRow]:
    """Committed segments whose files lie in a camera's directory of one day: of 2 s each, 43,200 of them."""
    if not is_camera(directory.parts[0]):
        return
    after = (-1, 0)
    while page := read(partial(_page_of_day, directory=directory, after=after)):
        yield from (row for row in page if row.volume == volume and row.relative.parent == directory)
        after = (page[-1].start.wall_ms, page[-1].id)


def _page_of_day(connection: sqlite3.Connection, directory: PurePosixPath, after: tuple[int, int]) -> list[SegmentRow]:
    """By start, from the one after `after` on."""
    rows = connection.execute(
        SEGMENT_SQL + "WHERE s.camera = (SELECT number FROM cameras WHERE id = :camera) AND s.state = 'committed'"  # noqa: S608
        " AND s.start_wall_ms >= max(unixepoch(:day) * 1000, :at)"
        " AND s.start_wall_ms < (unixepoch(:day) + 86400) * 1000"
        " AND (s.start_wall_ms, s.id) > (:at, :id) ORDER BY s.start_wall_ms, s.id LIMIT :limit",
        {
            "camera": directory.parts[0],
            "day": directory.name,
            "at": after[0],
            "id": after[1],
            "limit": PAGE_MAX,
        },
    )
    return [segment_row(row) for row in rows]


def _with_pins(connection: sqlite3.Connection, row: SegmentRow) -> Claimed:
    counts = connection.execute(
        "SELECT s.pins, count(p.pin), coalesce(sum("  # noqa: S608  (constants)
        f"{_MUST}), 0) FROM segments s LEFT JOIN pinned p ON p.segment = s.id LEFT JOIN pins n ON n.number = p.pin"
        " WHERE s.id = ? GROUP BY s.id",
        (row.id,),
    ).fetchone()
    return Claimed(row, *counts)


def size_of_ring(connection: sqlite3.Connection) -> tuple[int, int]:
    """Segments and bytes on all volumes, from the counters."""
    count, size = connection.execute(
        "SELECT coalesce(sum(segments), 0), coalesce(sum(bytes), 0) FROM holdings"
    ).fetchone()
    return int(count), int(size)


def next_group(connection: sqlite3.Connection, after: tuple[int, int, int, int]) -> tuple[int, int, int, int] | None:
    """The group (volume, camera, floor, ceiling) behind that one, of those that are counted or should be."""
    key = "volume, camera, floor_s, ceiling_s"
    found = [
        connection.execute(f"{select} AND ({key}) > (?, ?, ?, ?) ORDER BY {key} LIMIT 1", after).fetchone()
        for select in (
            f"SELECT {key} FROM holdings WHERE 1",  # noqa: S608  (constants)
            f"SELECT {key} FROM segments WHERE state IN ('committed', 'quarantined') AND pins = 0",  # noqa: S608
            f"SELECT {key} FROM segments WHERE pins > 0 AND state <> 'open'",  # noqa: S608
            f"SELECT {key} FROM segments WHERE pins = 0 AND state = 'garbage'",  # noqa: S608
        )
    ]
    return min((group for group in found if group is not None), default=None)


def recount(
    connection: sqlite3.Connection, group: tuple[int, int, int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Segments and bytes of a group as counted and as they are.

    In one moment of the database, however long it takes, because both change all the time: of 300,000 segments, a
    camera's share of 20 million, half a second in which the WAL cannot begin anew.
    """
    where = "volume = ? AND camera = ? AND floor_s = ? AND ceiling_s = ?"
    counted = connection.execute(f"SELECT segments, bytes FROM holdings WHERE {where}", group).fetchone()  # noqa: S608
    real = connection.execute(
        "SELECT coalesce(sum(n), 0), coalesce(sum(size), 0) FROM ("  # noqa: S608  (constants)
        f" SELECT count(*) AS n, sum(bytes) AS size FROM segments WHERE {where}"
        " AND state IN ('committed', 'quarantined') AND pins = 0"
        f" UNION ALL SELECT count(*), sum(bytes) FROM segments WHERE {where} AND pins > 0 AND state <> 'open'"
        f" UNION ALL SELECT count(*), sum(bytes) FROM segments WHERE {where} AND pins = 0 AND state = 'garbage')",
        (*group, *group, *group),
    ).fetchone()
    return (tuple(counted) if counted else (0, 0)), tuple(real)


def name_of_group(connection: sqlite3.Connection, group: tuple[int, int, int, int]) -> Message:
    """For people."""
    camera, volume = connection.execute(
        "SELECT (SELECT id FROM cameras WHERE number = ?), (SELECT path FROM volumes WHERE number = ?)",
        (group[1], group[0]),
    ).fetchone()
    return message(
        "fsck.group",
        "{camera} on {volume}, floor {floor_s}, ceiling {ceiling_s}",
        camera=camera,
        volume=volume,
        floor_s=group[2],
        ceiling_s=group[3],
    )


def cameras(connection: sqlite3.Connection) -> list[tuple[str, int, int]]:
    """Each camera with the wall clock of its first enrolment, and up to where its time is accounted for."""
    return connection.execute("SELECT id, known_since_ms, covered_wall_ms FROM cameras ORDER BY id").fetchall()


def volumes_with_footage(connection: sqlite3.Connection) -> dict[str, str]:
    """Paths of the volumes on which something should lie, by id."""
    return dict(
        connection.execute(
            "SELECT id, path FROM volumes v WHERE lost IS NULL AND (reconciled = 0"
            " OR EXISTS (SELECT 1 FROM holdings WHERE volume = v.number)) ORDER BY id"
        ).fetchall()
    )


def unreconciled(connection: sqlite3.Connection) -> set[str]:
    """Volumes of which a database that was begun anew does not know yet what lies there."""
    return {volume for (volume,) in connection.execute("SELECT id FROM volumes WHERE reconciled = 0")}


def hole_in_leaves(connection: sqlite3.Connection, after: int) -> tuple[int | None, int | None]:
    """Of one page of leaves: the number that is missing first, and the last number read (None at the end)."""
    expected = after + 1
    found = connection.execute(
        "SELECT number, kind = ? OR number IN (SELECT first FROM generations) FROM leaves WHERE number > ?"
        " ORDER BY number LIMIT ?",
        (Leaf.REBUILT, after, PAGE_MAX),
    ).fetchall()
    for number, begins in found:
        if number != expected and not begins:  # a loss leaves room for what could not be read
            return expected, number
        expected = number + 1
    return None, found[-1][0] if found else None


def unsound(connection: sqlite3.Connection, *, thorough: bool) -> list[str]:
    """What SQLite finds wrong with its file. It reads all of it in one go, which it cannot do in parts."""
    pragma = "integrity_check" if thorough else "quick_check"
    found = [str(row[0]) for row in connection.execute(f"PRAGMA {pragma}({UNSOUND_MAX})")]
    return [] if found == ["ok"] else found
