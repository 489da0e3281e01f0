"""Pauses within what is recorded: the camera sent nothing and went on, and nothing that it sent is missing.

Functions over a connection. A hole is a gap like any other to whoever reads (S9), but no link of the chain of claims in
`storage.catalog.gaps`: the segments around it go on as if it were not there, and coverage takes it out of them.
"""

from __future__ import annotations

import sqlite3

from storage.catalog import leaves
from storage.catalog.gaps import in_progress, open_gap
from storage.catalog.rows import GAP_SQL, CameraRow, gap_row
from storage.catalog.runs import Point
from storage.model import GapCause


def note(
    connection: sqlite3.Connection, camera: CameraRow, start: Point, end: Point, cause: GapCause, detail: str
) -> None:
    """Nothing came between `start` and `end`. Told twice, it is noted once; what a gap says is not said again."""
    lasting = open_gap(connection, camera.number)
    if lasting is not None and lasting.start <= start and not in_progress(connection, camera.number):
        return
    said = connection.execute(
        "SELECT 1 FROM gaps WHERE camera = ? AND boot = ? AND end_boot = ? AND start_boottime_ms <= ?"
        " AND end_boottime_ms >= ?",
        (camera.number, start.boot, end.boot, start.boottime_ms, end.boottime_ms),
    ).fetchone()
    if said is None and start < end:
        number = connection.execute(
            "INSERT INTO gaps (camera, boot, start_wall_ms, start_boottime_ms, end_boot, end_wall_ms, end_boottime_ms,"
            " cause, detail, inside) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1) RETURNING id",
            (
                *(camera.number, start.boot, start.wall_ms, start.boottime_ms),
                *(end.boot, end.wall_ms, end.boottime_ms, cause, detail),
            ),
        ).fetchone()[0]
        noted = connection.execute(GAP_SQL + "WHERE g.id = ?", (number,)).fetchone()
        leaves.gap(connection, gap_row(noted), inside=True)
