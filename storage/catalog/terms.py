"""What was configured of each camera, and from when on: the ground on which a shortened ceiling waits.

Functions over a connection. `storage.ring.bounds` says what follows from it. A change is a leaf in its own transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from storage.catalog import leaves
from storage.catalog.ledger import Leaf, enter
from storage.catalog.runs import Point
from storage.model import Bounds
from storage.ring.bounds import WAIT_MS, LowAge, Term, changes

TERMS_MAX: Final = 10_000
"""Rows read at once: 256 cameras, each changed 39 times within a day and a bit. What is older is removed."""


def histories(connection: sqlite3.Connection) -> dict[str, list[Term]]:
    """By camera, oldest first."""
    found: dict[str, list[Term]] = {}
    for camera, boot, boottime_ms, wall_ms, floor_s, ceiling_s in connection.execute(
        "SELECT c.id, t.boot, t.boottime_ms, t.wall_ms, t.floor_s, t.ceiling_s FROM terms t"
        " JOIN cameras c ON c.number = t.camera ORDER BY t.camera, t.boot, t.boottime_ms, t.id LIMIT ?",
        (TERMS_MAX,),
    ):
        bounds = None if floor_s is None else Bounds(floor_s, ceiling_s)
        found.setdefault(camera, []).append(Term(bounds, Point(boot, boottime_ms, wall_ms)))
    return found


def write_down(connection: sqlite3.Connection, configured: Mapping[str, Bounds], now: Point, age_ms: LowAge) -> None:
    """What is configured now, where it is not what was last written down; what no wait hangs on any more goes."""
    cameras = dict(connection.execute("SELECT id, number FROM cameras").fetchall())
    for camera, bounds in changes(histories(connection), configured).items():
        if camera not in cameras:  # it has no footage; once it has, its terms begin
            continue
        floor_s, ceiling_s = (None, None) if bounds is None else (bounds.floor_s, bounds.ceiling_s)
        connection.execute(
            "INSERT INTO terms (camera, boot, boottime_ms, wall_ms, floor_s, ceiling_s) VALUES (?, ?, ?, ?, ?, ?)",
            (cameras[camera], now.boot, now.boottime_ms, now.wall_ms, floor_s, ceiling_s),
        )
        _forget_lapsed(connection, cameras[camera], age_ms)
        at = leaves.point(connection, now)
        enter(
            connection,
            Leaf.BOUNDS,
            now.wall_ms,
            {"camera": camera, "at": at, "floor_s": floor_s, "ceiling_s": ceiling_s},
        )


def _forget_lapsed(connection: sqlite3.Connection, camera: int, age_ms: LowAge) -> None:
    """Terms whose successor is older than the wait."""
    rows = connection.execute(
        "SELECT id, boot, boottime_ms, wall_ms FROM terms WHERE camera = ? ORDER BY boot, boottime_ms, id LIMIT ?",
        (camera, TERMS_MAX),
    ).fetchall()
    for (number, *_), (_, *following) in pairwise(rows):
        if age_ms(Point(*following)) >= WAIT_MS:
            connection.execute("DELETE FROM terms WHERE id = ?", (number,))
