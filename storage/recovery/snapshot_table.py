"""What a new database needs at once, from the snapshot that the mirror keeps (`storage.mirror.table.snapshot`).

Functions over a connection. `plant` puts it into an empty database before its first run, so that ages go on (S7), no
number is used twice, and an unmounted path is known for what it is (S10). Of rows, the columns that this version does
not know are left out.

What recovery asks of a database: whether it can be used at all, and which gaps it has to correct. Every start
asks `blank_and_last_leaf`; the doctor asks more, of the file. Damage that lies deeper shows when it is met. `correct`
takes what is recorded or told otherwise out of a gap that a lost database left (S9), in its caller's transaction.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from storage.ages.history import Point
from storage.ages.table import boots
from storage.ledger import table as ledger_table
from storage.ledger.table import Identity, Leaf
from storage.mirror import table as mirror_table
from storage.mirror.files import BELIEVED_MAX, MirrorLine
from storage.mirror.table import _TABLES, LEAF_MARGIN
from storage.recovery import replay_table
from storage.recovery.replay_table import ELSEWHERE, camera_number, fitting
from storage.retention import table as retention_table
from storage.segments import gaps_table
from storage.segments.queries import GAP_SQL, GapRow, gap_row
from storage.volumes import table as volumes_table
from storage.words.clock import STEP_MS
from storage.words.layout import SEQ_LAST, is_camera
from storage.words.message import Message
from storage.words.model import GapCause

SEQ_MARGIN: Final = 10_000
"""Numbers of a camera that are passed over: what it recorded and no volume that is here tells of, a month of it."""
AGES_MAX_MS: Final = 50 * 365 * 86_400_000
"""Older than this is no box, and no footage."""
Head = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CameraFiles:
    """What the names of a camera's files say: its highest number, its first day, the start of its last file."""

    seq: int
    first_ms: int
    last_ms: int


def load(
    connection: sqlite3.Connection, head: Head, tail: Iterable[MirrorLine], seen: Mapping[str, CameraFiles]
) -> None:
    """Into a blank database: the head, and what the leaves since then and the names of files add to it.

    Ends with the numbers set ahead, so that nothing that is made from now on has a number that was used before.
    """
    tables = head.get("tables", {}) if isinstance(head, Mapping) else {}
    for name in _TABLES:
        _insert(connection, name, tables.get(name, []))
    _refuse_absurd(connection)
    connection.execute("UPDATE volumes SET reconciled = 0")
    for line in tail:
        with fitting(connection, line):
            replay_table.remember(connection, line)
    for camera, names in seen.items():
        number = camera_number(connection, camera, Point(0, 0, names.last_ms))
        connection.execute(
            "UPDATE cameras SET next_seq = max(next_seq, ?), known_since_ms = min(known_since_ms, ?) WHERE number = ?",
            (names.seq + 1, names.first_ms, number),
        )
    connection.execute("UPDATE cameras SET next_seq = next_seq + ?", (SEQ_MARGIN,))


def _refuse_absurd(connection: sqlite3.Connection) -> None:
    """ValueError where a head says what no box can have lived through: ages would rest on it (S1)."""
    ages_ms = connection.execute("SELECT total(ran_ms) + total(off_low_ms) FROM boots").fetchone()[0]
    if ages_ms > AGES_MAX_MS:
        raise ValueError("by its boots the box would be older than any")
    if connection.execute("SELECT 1 FROM paces WHERE lag_us < 0").fetchone():
        raise ValueError("a clock would have made footage older than it is")
    for camera, next_seq in connection.execute("SELECT id, next_seq FROM cameras"):
        if not is_camera(camera) or next_seq > SEQ_LAST:
            raise ValueError(f"camera {camera!r} with {next_seq} segments")
    for (cause,) in connection.execute("SELECT cause FROM gaps"):
        GapCause(cause)
    ledger_table.refuse_absurd(connection)
    retention_table.read_approved(connection)
    for one in volumes_table.known(connection):
        if not one.path.is_absolute() and str(one.path) != ELSEWHERE:
            raise ValueError(f"volume {one.id} at {one.path}")


def begin(
    connection: sqlite3.Connection,
    reason: Message,
    aside: str | None,
    known_leaf: int,
    wall_ms: int,
    current: Sequence[str],
    identity: Identity,
) -> int:
    """The new database begins: the number of its first leaf. `current`: volumes whose mirror ends with `known_leaf`."""
    number = known_leaf + LEAF_MARGIN if known_leaf else 1
    ledger_table.begin(connection, identity, str(reason), wall_ms, number=number)
    ledger_table.enter(connection, Leaf.REBUILT, wall_ms, {"known": known_leaf, "reason": str(reason)})
    connection.execute(
        "INSERT INTO rebuilds (reason, aside, leaf, wall_ms) VALUES (?, ?, ?, ?)", (reason.kept, aside, number, wall_ms)
    )
    for volume in current:
        connection.execute("UPDATE volumes SET mirrored = ? WHERE id = ?", (number - 1, volume))
    return number


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    known = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall()}
    for row in rows:
        kept = {name: _raw(value) for name, value in row.items() if name in known}
        if kept:
            columns, marks = ", ".join(kept), ", ".join("?" for _ in kept)
            connection.execute(
                f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608  (names of our columns)
                tuple(kept.values()),
            )


def _raw(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > BELIEVED_MAX:
        raise ValueError(f"{value} is no number of ours")
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


LOOK_EVERY_STEPS: Final = 10_000
"""Of SQLite's machine: some milliseconds."""


def blank_and_last_leaf(connection: sqlite3.Connection) -> tuple[bool, int]:
    """Whether it is blank, and the number of its last leaf. ValueError, TypeError or sqlite3.Error: it is damaged."""
    boots(connection)
    volumes_table.known(connection)
    retention_table.read_approved(connection)
    connection.execute("SELECT * FROM cameras").fetchall()
    connection.execute("SELECT * FROM runs ORDER BY number DESC LIMIT 1").fetchall()
    return mirror_table.is_blank(connection), mirror_table.last_leaf(connection)


def size(connection: sqlite3.Connection) -> int:
    """Bytes that its file has once nothing of it lies in the WAL."""
    count, bytes_each = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(count) * int(bytes_each)


def checkpoint(path: Path) -> None:
    """Take over what lies in the WAL. Nobody else writes yet."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def complaints(connection: sqlite3.Connection, until_s: float) -> list[str] | None:
    """What SQLite finds wrong with its file; None where it had not looked at all of it by then (time.monotonic)."""
    connection.set_progress_handler(lambda: time.monotonic() >= until_s, LOOK_EVERY_STEPS)
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return None
    finally:
        connection.set_progress_handler(None, 0)
    return [] if found == ["ok"] else found


def last_life(connection: sqlite3.Connection) -> tuple[int, bool, str] | None:
    """Of the daemon: its last heartbeat (ms since 1970), whether it ended in order, and in which boot; None: none."""
    row = connection.execute(
        "SELECT r.alive_wall_ms, r.clean, b.boot_id FROM runs r JOIN boots b ON b.number = r.boot"
        " ORDER BY r.number DESC LIMIT 1"
    ).fetchone()
    return None if row is None else (int(row[0]), bool(row[1]), str(row[2]))


def gaps_after(connection: sqlite3.Connection, after: int, limit: int) -> list[GapRow]:
    """By id, from the one after `after` on; pauses within what is recorded are none of these."""
    rows = connection.execute(GAP_SQL + "WHERE g.id > ? AND g.inside = 0 ORDER BY g.id LIMIT ?", (after, limit))
    return [gap_row(row) for row in rows]


def is_right(connection: sqlite3.Connection, gap: GapRow) -> bool:
    """Nothing is recorded in it, and of what this database told itself nothing is told otherwise by earlier leaves."""
    return _others(connection, gap) is None


def correct(connection: sqlite3.Connection, gap: GapRow) -> bool:
    """Take what is recorded or told otherwise out of a gap, with leaves: what stays is before, between and after it.

    It is cut by maintenance as it is known now. False, and nothing is done, where the gap is right or has changed.
    """
    row = connection.execute(GAP_SQL + "WHERE g.id = ?", (gap.id,)).fetchone()
    others = _others(connection, gap) if row is not None and gap_row(row) == gap else None
    if others is None:
        return False
    gaps_table.remove(connection, gap)
    for twin in _twins(connection, gap):
        _tell_anew(connection, twin)
    at = gap.start
    for start, end in others:
        if at <= start:
            gaps_table.bridge(connection, gap.camera_number, at, start, gap.own_cause, gap.detail)
        at = max(at, end)
    if gap.end is None:
        gaps_table.insert_gap(connection, gap.camera_number, at, None, gap.own_cause, gap.detail)
    elif at <= gap.end:
        gaps_table.bridge(connection, gap.camera_number, at, gap.end, gap.own_cause, gap.detail)
    return True


def _twins(connection: sqlite3.Connection, gap: GapRow) -> list[GapRow]:
    """Of the lost database, with the same start."""
    start = (gap.start.boot, gap.start.boottime_ms, gap.start.wall_ms)
    rows = connection.execute(_TWINS_SQL, (gap.camera_number, *start, gap.id)).fetchall()
    return [gaps_table.gap_by_id(connection, number) for (number,) in rows]


def _tell_anew(connection: sqlite3.Connection, gap: GapRow) -> None:
    """It has the last word on its start again. It is one of ours from then on: it is taken out of the others before."""
    end = gap.end or gap.start
    values = (gap.camera_number, gap.start.boot, gap.start.boottime_ms, end.boot, end.boottime_ms)
    for (number,) in connection.execute(_BEHIND_SQL, values).fetchall():
        correct(connection, gaps_table.gap_by_id(connection, number))
    gaps_table.enter_gap(connection, gap)


def _others(connection: sqlite3.Connection, gap: GapRow) -> list[tuple[Point, Point]] | None:
    """What else claims time of a gap, by start. None: nothing does, and maintenance cuts it as it is cut."""
    end = gap.end or _EVER
    if end.boot == gap.start.boot == 0 or end <= gap.start:
        return None
    ours = connection.execute(_OURS_SQL, (gap.id,)).fetchone() == (1,)
    first, last = gap.start.plus_ms(gaps_table.JOIN_MS), end.plus_ms(-gaps_table.JOIN_MS)
    others = [(a, b) for a, b in _recorded(connection, gap, end) if last > a and b > first]
    if ours:
        others += [(a, b) for a, b in _told(connection, gap, end) if end > a and b > gap.start]
    return sorted(others) if others or (ours and not gaps_table.fits_windows(connection, gap)) else None


def _recorded(connection: sqlite3.Connection, gap: GapRow, end: Point) -> list[tuple[Point, Point]]:
    """By both clocks: footage of which nobody knows when it was is dated at the instant it was found.

    Where the wall clock was set in the gap, by running time alone: what is recorded may lie outside it, by the wall
    clock. A start in boot 0 is the name of a file (`load`), of which only the wall clock is known.
    """
    longest_ms: int = connection.execute(
        "SELECT longest_ms FROM cameras WHERE number = ?", (gap.camera_number,)
    ).fetchone()[0]
    first = gap.start.plus_ms(-longest_ms)
    values = (gap.camera_number, first.boot, first.boottime_ms, end.boot, end.boottime_ms)
    walls = (None, None) if _was_set(gap) else (first.wall_ms, end.wall_ms)
    found: list[tuple[Point, Point]] = []
    for condition in ("s.pins = 0 AND s.state IN ('committed', 'quarantined')", "s.pins > 0"):  # as the indices are
        rows = connection.execute(_RECORDED_SQL + condition, (*values, *walls)).fetchall()
        found += ((Point(*row[:3]), Point(*row[:3]).plus_ms(row[3])) for row in rows)
    return found


def _was_set(gap: GapRow) -> bool:
    if gap.end is None or gap.start.boot == 0:
        return False
    wall_ms, ran_ms = gap.end.wall_ms - gap.start.wall_ms, gap.end.boottime_ms - gap.start.boottime_ms
    return wall_ms < 0 or (gap.end.boot == gap.start.boot and abs(wall_ms - ran_ms) > STEP_MS)


def _told(connection: sqlite3.Connection, gap: GapRow, end: Point) -> list[tuple[Point, Point]]:
    """Gaps of which leaves of the lost database tell. One of them may reach in."""
    values = (gap.camera_number, gap.start.boot, gap.start.boottime_ms)
    since = connection.execute(_BEFORE_SQL, values).fetchone() or values[1:]
    wall_ms = gap.start.wall_ms if gap.start.boot == 0 else None
    rows = connection.execute(_TOLD_SQL, (gap.camera_number, *since, end.boot, end.boottime_ms, wall_ms)).fetchall()
    return [(Point(*row[:3]), Point(*row[3:])) for row in rows]


_EVER: Final = Point(1 << 40, 0, 1 << 62)
_THEIRS: Final = "(leaf >= (SELECT max(leaf) FROM rebuilds)) IS NOT TRUE"
"""No leaf of this database tells of it."""
_OURS_SQL: Final = (
    "SELECT coalesce(g.leaf, r.leaf) >= r.leaf AND (g.leaf IS NOT NULL OR g.end_boot IS NULL)"
    " FROM gaps g, (SELECT max(leaf) AS leaf FROM rebuilds) r WHERE g.id = ?"
)
"""This database told of it, or it lasts, also since before the loss. Null: no database was lost."""
_RECORDED_SQL: Final = (
    "SELECT s.boot, s.start_boottime_ms, s.start_wall_ms, s.duration_ms FROM holdings h CROSS JOIN segments s"
    " ON (s.volume, s.camera, s.floor_s, s.ceiling_s) = (h.volume, h.camera, h.floor_s, h.ceiling_s)"
    " WHERE h.camera = ?1 AND (s.boot, s.start_boottime_ms) >= (?2, ?3) AND (s.boot, s.start_boottime_ms) < (?4, ?5)"
    " AND (?6 IS NULL OR s.start_wall_ms >= ?6) AND (?7 IS NULL OR s.start_wall_ms < ?7)"
    " AND s.state = 'committed' AND s.duration_ms > 0 AND "
)
_NEAR: Final = 8
"""Gaps that begin within one of the lost database, and before one of ours: those of its end."""
_BEFORE_SQL: Final = (
    "SELECT boot, start_boottime_ms FROM (SELECT boot, start_boottime_ms FROM gaps WHERE camera = ?1 AND inside = 0"  # noqa: S608  (a constant)
    f" AND (boot, start_boottime_ms) < (?2, ?3) ORDER BY boot DESC, start_boottime_ms DESC LIMIT {_NEAR})"
    " ORDER BY boot, start_boottime_ms LIMIT 1"
)
_TOLD_SQL: Final = (
    "SELECT boot, start_boottime_ms, start_wall_ms, end_boot, end_boottime_ms, end_wall_ms FROM gaps"  # noqa: S608  (a constant)
    " WHERE camera = ?1 AND (boot, start_boottime_ms) >= (?2, ?3) AND (boot, start_boottime_ms) < (?4, ?5)"
    " AND inside = 0 AND (end_boot, end_boottime_ms) > (boot, start_boottime_ms)"
    f" AND (?6 IS NULL OR start_wall_ms >= ?6) AND {_THEIRS}"
)
_BEHIND_SQL: Final = (
    "SELECT id FROM gaps WHERE camera = ?1 AND (boot, start_boottime_ms) > (?2, ?3)"
    " AND (boot, start_boottime_ms) < (?4, ?5) AND inside = 0"
)
_TWINS_SQL: Final = (
    "SELECT id FROM gaps WHERE camera = ?1 AND boot = ?2 AND start_boottime_ms = ?3 AND start_wall_ms = ?4"  # noqa: S608  (a constant)
    f" AND inside = 0 AND id <> ?5 AND (end_boot, end_boottime_ms) > (boot, start_boottime_ms) AND {_THEIRS}"
)
