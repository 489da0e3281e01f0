"""What the leaves of recording say: segments, gaps, boots and runs, each in the transaction of its fact.

Functions over a connection. A leaf must do alone: a lost database is made anew from them (S13), so places in time carry
the boot's own id beside its number, and ids stand where the catalog has numbers. No names of people, no reasons.
"""

from __future__ import annotations

import sqlite3

from storage.ages.runs import Point
from storage.ledger.table import Leaf, Value, enter
from storage.segments.rows import GapRow, SegmentRow
from storage.words.model import Parts


def enter_segment(
    connection: sqlite3.Connection, row: SegmentRow, wall_ms: int | None = None, parts: Parts | None = None
) -> None:
    """It is committed, or set aside if it has a name of its own; `row` is what it is now.

    The file's `parts` are nowhere else: whoever proves a piece of it does so by this leaf.
    """
    kind = Leaf.QUARANTINED if row.quarantined else Leaf.SEGMENT
    body = body_of_segment(connection, row)
    if parts is not None:
        body |= {"parts": parts.count, "root": parts.root.hex()}
    number = enter(connection, kind, row.end.wall_ms if wall_ms is None else wall_ms, body)
    connection.execute("UPDATE segments SET leaf = ? WHERE id = ?", (number, row.id))


def body_of_segment(connection: sqlite3.Connection, row: SegmentRow) -> dict[str, Value]:
    """All that a row needs that is made anew."""
    frames = connection.execute("SELECT video_frames FROM segments WHERE id = ?", (row.id,)).fetchone()[0]
    body: dict[str, Value] = {
        "camera": row.camera,
        "seq": row.seq,
        "volume": row.volume,
        "start": place_of(connection, row.start),
        "duration_ms": row.duration_ms,
        "bytes": row.bytes,
        "sha256": row.sha256.hex() if row.sha256 else "",
        "floor_s": row.bounds.floor_s,
        "ceiling_s": row.bounds.ceiling_s,
        "epoch": row.epoch,
        "synced": row.synced,
        "unproven": row.unproven,
        "frames": frames,
    }
    if row.quarantined:
        body["name"] = str(row.relative)
    if row.camera_offset_ms is not None:
        body["offset_ms"] = row.camera_offset_ms
    return body


def enter_gap(
    connection: sqlite3.Connection,
    row: GapRow,
    *,
    was: Point | None = None,
    gone: bool = False,
    wall_ms: int | None = None,
    until: Point | None = None,
) -> None:
    """A gap has an end, or appeared unexplained; `was`: it began elsewhere before; `gone`: it is none after all;
    `until`: it lasts, and so far it has lasted.

    What came back from the camera, `row.detail`, stays in the row: it may hold addresses and names of accounts, and a
    leaf goes along with each copy and can never be erased.
    """
    body: dict[str, Value] = {
        "camera": row.camera,
        "start": place_of(connection, row.start),
        "end": None if row.end is None else place_of(connection, row.end),
        "cause": row.cause.value,
        "inside": row.inside,
    }
    if row.beneath is not None:
        body["beneath"] = row.beneath.value
    if row.pauses:
        body["pauses"] = [[since_ms, lasted_ms] for since_ms, lasted_ms in row.pauses]
    if was is not None:
        body["was"] = place_of(connection, was)
    if gone:
        body["gone"] = True
    if until is not None:
        body["until"] = place_of(connection, until)
    number = enter(connection, Leaf.GAP, (row.end or row.start).wall_ms if wall_ms is None else wall_ms, body)
    connection.execute("UPDATE gaps SET leaf = ? WHERE id = ?", (number, row.id))


def place_of(connection: sqlite3.Connection, at: Point) -> dict[str, Value]:
    """A place in time: the boot by number and by its own id."""
    row = connection.execute("SELECT boot_id FROM boots WHERE number = ?", (at.boot,)).fetchone()
    return {"boot": at.boot, "id": row[0] if row else "", "boottime_ms": at.boottime_ms, "wall_ms": at.wall_ms}
