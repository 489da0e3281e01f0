"""What nobody needs any more of the account of a camera's time: gaps and spans of destroyed footage, long past.

Functions over a connection. Part of S12: a camera that stutters for years must not fill the state directory. Coverage
of the time before is no longer answered, and the account says so: it begins later (`cameras.known_since_ms`).
"""

from __future__ import annotations

import sqlite3
from typing import Final

from storage.ages.runs import Point
from storage.retention.bounds import LowAge
from storage.ring.table import longest_stamped

KEEP_MS: Final = 400 * 86_400_000
"""Beyond the ceiling: a year that somebody looks back on, and a month to do so."""
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
        number: max(ceilings_s.get(camera, 0), stamped.get(camera, 0)) * 1000 + KEEP_MS
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
