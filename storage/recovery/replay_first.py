"""What leaves from after a head add to it, before the first run of a new database: numbers, boots, how far accounts go.

Functions over a connection, in the transaction that plants the head (`storage.recovery.snapshot_table`). Rows of
segments come later, behind running recording (`storage.recovery.replay`). Part of S13, and of S7: boots keep their
numbers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final

from storage.ages import table as boots
from storage.ledger import generations_table
from storage.ledger.table import Leaf
from storage.mirror.lines import MirrorLine
from storage.recovery.replay import camera_number, count_boot, place, remember_fault, remember_maintenance
from storage.retention import table as terms
from storage.segments import gaps_table, true_time_table
from storage.volumes import table as volumes


def remember(connection: sqlite3.Connection, line: MirrorLine) -> None:
    """What a leaf from after the head adds to it. Leaves of kinds that add nothing are passed over."""
    adding = _ADDING.get(line.kind)
    if adding is not None:
        adding(connection, line)


def _remember_boot(connection: sqlite3.Connection, line: MirrorLine) -> None:
    body = line.body
    if count_boot(connection, int(body["boot"]), str(body["id"]), int(body["boottime_ms"])):
        began_ms = int(body.get("began_ms", 0))
        connection.execute("UPDATE boots SET began_ms = ? WHERE number = ?", (began_ms, body["boot"]))


def _remember_clock(connection: sqlite3.Connection, line: MirrorLine) -> None:
    boots.remember(connection, line.body)
    _remember_epoch(connection, line.body)
    true_time_table.remember(connection, line.body)


def _remember_run(connection: sqlite3.Connection, line: MirrorLine) -> None:
    body, wall_ms = line.body, line.wall_ms
    known = connection.execute("SELECT 1 FROM boots WHERE number = ?", (body["boot"],)).fetchone()
    if known is None:
        return
    at_ms = body["boottime_ms"]
    connection.execute(
        "INSERT INTO runs (number, boot, start_wall_ms, start_boottime_ms, alive_wall_ms, alive_boottime_ms, clean)"
        " VALUES (?1, ?2, ?3, ?4, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET clean = excluded.clean,"
        " alive_boottime_ms = max(alive_boottime_ms, excluded.alive_boottime_ms),"
        " alive_wall_ms = excluded.alive_wall_ms",
        (body["run"], body["boot"], wall_ms, at_ms, bool(body["end"])),
    )
    connection.execute("UPDATE boots SET ran_ms = max(ran_ms, ?) WHERE number = ?", (at_ms, body["boot"]))


def _remember_epoch(connection: sqlite3.Connection, body: Mapping[str, Any]) -> None:
    """Also one in which nothing was completed: what was in progress then is of no other."""
    if body.get("what") in (boots.BEGAN, boots.STEPPED):
        start = place(body)
        if count_boot(connection, start.boot, start.boot_id, start.boottime_ms):
            boots.know_epoch(connection, int(body["epoch"]), start.point, synced=bool(body["synced"]))


def _remember_segment(connection: sqlite3.Connection, line: MirrorLine) -> None:
    body = line.body
    start = place(body["start"])
    end = start.point.plus_ms(int(body["duration_ms"]))
    if not count_boot(connection, start.boot, start.boot_id, end.boottime_ms):
        return
    number = camera_number(connection, body["camera"], start.point)
    seq, sha256 = int(body["seq"]), bytes.fromhex(body["sha256"])
    boots.know_epoch(connection, int(body["epoch"]), start.point, synced=bool(body["synced"]))
    connection.execute("UPDATE cameras SET next_seq = max(next_seq, ?) WHERE number = ?", (seq + 1, number))
    connection.execute(
        "UPDATE cameras SET last_seq = ?1, last_sha256 = ?2 WHERE number = ?3 AND last_seq < ?1", (seq, sha256, number)
    )
    connection.execute(
        "UPDATE runs SET alive_boottime_ms = max(alive_boottime_ms, ?1), alive_wall_ms = ?2"
        " WHERE number = (SELECT max(number) FROM runs) AND boot = ?3 AND alive_boottime_ms < ?1",
        (end.boottime_ms, end.wall_ms, end.boot),
    )
    connection.execute("DELETE FROM gaps WHERE camera = ? AND end_boot IS NULL", (number,))
    gaps_table.advance(connection, number, end)


def _remember_gap(connection: sqlite3.Connection, line: MirrorLine) -> None:
    body = line.body
    if body.get("end") is None or body.get("inside"):
        return
    start, end = place(body["start"]), place(body["end"])
    if not count_boot(connection, end.boot, end.boot_id, end.boottime_ms):
        return
    number = camera_number(connection, body["camera"], start.point)
    connection.execute(
        "DELETE FROM gaps WHERE camera = ? AND end_boot IS NULL AND (boot, start_boottime_ms) < (?, ?)",
        (number, end.boot, end.boottime_ms),
    )
    gaps_table.advance(connection, number, end.point)


def _remember_terms(connection: sqlite3.Connection, line: MirrorLine) -> None:
    body = line.body
    at = place(body["at"])
    if count_boot(connection, at.boot, at.boot_id, at.boottime_ms):
        connection.execute(
            "INSERT INTO terms (camera, boot, boottime_ms, wall_ms, floor_s, ceiling_s) VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(camera_number(connection, body["camera"], at.point), at.boot, at.boottime_ms, at.wall_ms),
                *(body["floor_s"], body["ceiling_s"]),
            ),
        )


_ADDING: Final[Mapping[str, Callable[[sqlite3.Connection, MirrorLine], object]]] = {
    Leaf.BOOT: _remember_boot,
    Leaf.CLOCK: _remember_clock,
    Leaf.RUN: _remember_run,
    Leaf.SEGMENT: _remember_segment,
    Leaf.GAP: _remember_gap,
    Leaf.BOUNDS: _remember_terms,
    Leaf.AGREED: lambda connection, line: terms.remember_approved(connection, line.number, line.body),
    Leaf.VOLUME: lambda connection, line: volumes.remember(connection, line.body),
    Leaf.GENERATION: lambda connection, line: generations_table.remember(connection, line.number, line.body),
    Leaf.FAULT: lambda connection, line: remember_fault(connection, line.body),
    Leaf.MAINTENANCE: lambda connection, line: remember_maintenance(connection, line.body, line.number, lasts=True),
}
