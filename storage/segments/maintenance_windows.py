"""When maintenance (維護) was under way, and what of a gap lies in it. Functions over a connection; `cut` is pure.

A window ends where it was ended; that it is over before anybody has entered so makes it no shorter: the account of a
camera's time goes by what is entered (S9).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, TypeAlias

from storage.ages.runs import Point
from storage.words.model import GapCause

APART: Final = frozenset({GapCause.DISABLED, GapCause.CLOCK_STEP, GapCause.UNKNOWN})
"""Maintenance explains none of these: what is not to be recorded, hours that never were, what nobody can explain."""
WINDOWS_MAX: Final = 1000
"""One gap lies in fewer, or in those that are kept at all."""

Window: TypeAlias = "tuple[Point, Point | None]"
"""From when to when; None: it lasts."""
Piece: TypeAlias = "tuple[Point, Point | None, bool]"
"""Of a gap; the last tells whether it lies in a window."""


def windows_over(connection: sqlite3.Connection, camera: int, start: Point, cause: GapCause) -> list[Window]:
    """Those that cover the camera and last beyond `start`, in order; none for a cause that is none of theirs."""
    if cause in APART:
        return []
    rows = connection.execute(
        "SELECT boot, boottime_ms, wall_ms, end_boot, end_boottime_ms, end_wall_ms FROM maintenances"
        " WHERE (end_boot IS NULL OR (end_boot, end_boottime_ms) > (?1, ?2))"
        " AND (cameras = '[]' OR EXISTS (SELECT 1 FROM json_each(maintenances.cameras)"
        " WHERE value = (SELECT id FROM cameras WHERE number = ?3)))"
        " ORDER BY boot, boottime_ms LIMIT ?4",
        (start.boot, start.boottime_ms, camera, WINDOWS_MAX),
    ).fetchall()
    return [(Point(*row[:3]), None if row[3] is None else Point(*row[3:])) for row in rows]


def cut_by_windows(start: Point, end: Point | None, windows: Iterable[Window]) -> list[Piece]:
    """A gap, cut where a window begins or ends: without holes, in order, no piece without length. Pure.

    `windows` are in order and do not overlap. A gap that lasts goes on in one that does, and else after all.
    """
    pieces: list[Piece] = []
    at = start
    for begun, ended in windows:
        if (end is not None and begun >= end) or (ended is not None and ended <= at):
            continue
        if begun > at:
            pieces.append((at, begun, False))
            at = begun
        if ended is None or (end is not None and ended >= end):
            return [*pieces, (at, end, True)]
        pieces.append((at, ended, True))
        at = ended
    if end is None or at < end or not pieces:
        pieces.append((at, end, False))
    return pieces
