"""Leaves become rows again. Functions over a connection, inside their caller's transaction. Part of S13.

There are two phases:

- `remember`, before the first run of a new database, in the transaction that plants the head: numbers, boots, how far
  accounts go. Boots keep their numbers (S7).
- `apply`, behind running recording: rows of segments, gaps, pins. A leaf is applied in the transaction that puts it
  back into the ledger, so each is applied once, whenever a rebuild breaks off.

What the database already knows wins over a leaf. Keeps S1: of a boot that nobody counted the age counts from now.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec

from storage.ages import table as ages_table
from storage.ages.history import DaemonRun, Point
from storage.ages.leaves import BootLeaf, ClockLeaf, CorrectedLeaf, EpochLeaf, LeafPlace, RunLeaf
from storage.exports import table as exports_table
from storage.ledger import queries as ledger_queries
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf
from storage.mirror.files import MirrorLine
from storage.office import people_table
from storage.office import table as office_table
from storage.pins import table as pins_table
from storage.pins.rules import PinLeaf
from storage.retention import table as retention_table
from storage.retention.destruction import DestroyedLeaf, SpanLeaf
from storage.retention.table import BoundsLeaf
from storage.segments import gaps_table, true_time_table
from storage.segments import table as segments_table
from storage.segments.gap_leaf import GapLeaf
from storage.segments.queries import SegmentRow, boot_that_ran, segment_aside, segment_by_seq
from storage.segments.segment_leaf import SegmentLeaf
from storage.tickets import faults_table, maintenance_table
from storage.volumes import table as volumes_table
from storage.words.layout import SEQ_LAST, is_aside, is_camera
from storage.words.model import GapCause, SegmentState

log = logging.getLogger("edged.storage.recovery")

ELSEWHERE: Final = "(not met yet)"
"""Path of a volume of which only leaves tell."""


_UNFIT: Final = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
)
"""How it shows that a body is not what its kind says: numbers that no column holds, a list where a text should be."""


def count_boot(connection: sqlite3.Connection, number: int, boot_id: str, ran_ms: int) -> bool:
    """That boot ran for so long at least. False where this database has counted another one under its number."""
    row = connection.execute("SELECT boot_id FROM boots WHERE number = ?", (number,)).fetchone()
    if row is None:
        connection.execute("INSERT INTO boots (number, boot_id, ran_ms) VALUES (?, ?, ?)", (number, boot_id, ran_ms))
        return True
    if row[0] != boot_id:
        return False
    connection.execute("UPDATE boots SET ran_ms = max(ran_ms, ?) WHERE number = ?", (ran_ms, number))
    return True


def camera_number(connection: sqlite3.Connection, camera: str, since: Point | None) -> int:
    """The camera's number; one that is not known yet is entered, as known and accounted for since `since`."""
    if not isinstance(camera, str) or not is_camera(camera):
        raise ValueError(f"{camera!r} is no camera")
    row = connection.execute("SELECT number FROM cameras WHERE id = ?", (camera,)).fetchone()
    if row is not None:
        return int(row[0])
    at = since or Point(0, 0, 0)
    connection.execute("INSERT OR IGNORE INTO boots (number, boot_id, ran_ms) VALUES (?, '', 0)", (at.boot,))
    run = connection.execute("SELECT max(number) FROM runs").fetchone()[0]
    if run is None:
        run = connection.execute(
            "INSERT INTO runs (boot, start_wall_ms, start_boottime_ms, alive_wall_ms, alive_boottime_ms)"
            " VALUES (?1, ?2, ?3, ?2, ?3) RETURNING number",
            (at.boot, at.wall_ms, at.boottime_ms),
        ).fetchone()[0]
    number: int = connection.execute(
        "INSERT INTO cameras (id, known_since_ms, enrolled_run, next_seq, covered_boot, covered_boottime_ms,"
        " covered_wall_ms) VALUES (?, ?, ?, 1, ?, ?, ?) RETURNING number",
        (camera, at.wall_ms, run, at.boot, at.boottime_ms, at.wall_ms),
    ).fetchone()[0]
    return number


@dataclass(frozen=True, slots=True)
class ReplayTime:
    """This run, and the instant at which leaves are applied."""

    life: DaemonRun
    at: Point
    leaf: int | None = None
    """Number of the one that is applied, where it is in the ledger."""


class Applied(StrEnum):
    """What became of a leaf."""

    KNOWN = "known"
    """The ledger had it."""
    DONE = "done"
    CLASH = "clash"
    """Another leaf has its number: what it says was taken in, the leaf itself stays on its volume."""
    UNREAD = "unread"
    """It says nothing that this version understands; it is in the ledger."""


def apply(connection: sqlite3.Connection, line: MirrorLine, now: ReplayTime) -> Applied:
    """Put a leaf back into the ledger, and what it tells of into its table, if both are not there."""
    entered = ledger_table.put_back(connection, line.entry)
    if entered:
        ledger_queries.forget(connection, line.number)
    if not entered and ledger_table.leaf(connection, line.number) == line.entry:
        return Applied.KNOWN
    with fitting(connection, line) as fits:
        _APPLY.get(line.kind, _nothing)(connection, line.body, replace(now, leaf=line.number if entered else None))
    if not fits:
        return Applied.UNREAD
    return Applied.DONE if entered else Applied.CLASH


def _nothing(_: sqlite3.Connection, __: Mapping[str, Any], ___: ReplayTime) -> None:
    """Of a kind that no table tells of."""


@contextmanager
def fitting(connection: sqlite3.Connection, line: MirrorLine) -> Iterator[list[MirrorLine]]:
    """What is done with a line, or nothing of it where it cannot be ours: then the list that is given is empty."""
    fits = [line]
    connection.execute("SAVEPOINT leaf")
    try:
        yield fits
    except _UNFIT as error:
        log.warning("leaf %d (%s) cannot be applied: %r", line.number, line.kind, error)
        connection.execute("ROLLBACK TO leaf")
        fits.clear()
    finally:
        connection.execute("RELEASE leaf")


def _apply_boot(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    told = msgspec.convert(body, BootLeaf)
    if told.boot < now.life.boot:
        count_boot(connection, told.boot, told.id, told.boottime_ms)


def _apply_segment(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    """A row, unless its number is taken: whoever has it was recorded or adopted meanwhile. Then it goes by this leaf if
    it is of the same file.
    """
    told = msgspec.convert(body, SegmentLeaf)
    if not 0 < told.seq <= SEQ_LAST or (told.name is not None and not is_aside(PurePosixPath(told.name))):
        raise ValueError(f"segment {told.seq} under the name {told.name!r}")  # it would be destroyed where it leads to
    start = _dated(connection, told.start, told.duration_ms, now)
    camera = camera_number(connection, told.camera, start)
    know_volume(connection, told.volume)
    if segments_table.put_back(connection, now.life.run, camera, told, start, now.leaf, pins_table.match) is None:
        connection.execute(
            "UPDATE segments SET leaf = ?1 WHERE camera = ?2 AND seq = ?3 AND name IS ?4 AND sha256 = ?5 AND leaf < ?1",
            (now.leaf, camera, told.seq, told.name, bytes.fromhex(told.sha256)),
        )


def _dated(connection: sqlite3.Connection, told: LeafPlace, duration_ms: int, now: ReplayTime) -> Point:
    """Where it began. Of a boot that nobody counted the age is unknown: it counts from now, so no floor is cut."""
    point = told.point
    if told.boot <= now.life.boot and count_boot(connection, told.boot, told.id, told.boottime_ms + duration_ms):
        return point
    boot = boot_that_ran(connection, told.id, told.boottime_ms)
    if boot is not None:
        return replace(point, boot=boot)
    return Point(now.life.boot, max(0, now.at.boottime_ms - duration_ms), told.wall_ms)


def know_volume(connection: sqlite3.Connection, volume: str) -> None:
    """One that was not met yet is entered."""
    connection.execute(
        "INSERT INTO volumes (id, path, reconciled) VALUES (?, ?, 0) ON CONFLICT (id) DO NOTHING", (volume, ELSEWHERE)
    )


def _apply_destroyed(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    """The row goes; its time stays accounted for, also where the row never came back."""
    told = msgspec.convert(body, DestroyedLeaf)
    row = _segment_of(connection, told)
    if row is not None:
        if row.volume != told.volume or row.state not in (SegmentState.COMMITTED, SegmentState.QUARANTINED):
            return
        connection.execute("DELETE FROM pinned WHERE segment = ?", (row.id,))
        connection.execute("DELETE FROM segments WHERE id = ?", (row.id,))
        segments_table.release(connection, row)
    if told.duration_ms > 0 and told.name is None:
        start = row.start if row is not None else _dated(connection, told.start, told.duration_ms, now)
        _remember_destroyed(connection, told.camera, start, told.duration_ms)


def _remember_destroyed(connection: sqlite3.Connection, camera: str, start: Point, duration_ms: int) -> None:
    gaps_table.remember(connection, camera_number(connection, camera, start), start, start.plus_ms(duration_ms))


def _segment_of(connection: sqlite3.Connection, told: DestroyedLeaf) -> SegmentRow | None:
    if told.name is None:
        return segment_by_seq(connection, told.camera, told.seq)
    return segment_aside(connection, told.volume, PurePosixPath(told.name))


def _apply_gap(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    """As it was told last: what a leaf says that it was before goes, and what it is now comes.

    A clock set forward takes no running time: it may begin where a gap begins that does, and neither is the other.
    What a later generation of the ledger told, which knew less, stays beside it: `correction_table` parts them.
    """
    told = msgspec.convert(body, GapLeaf)
    start = told.start.point
    if start.boot > now.life.boot or not count_boot(connection, start.boot, told.start.id, start.boottime_ms):
        return  # of boots that this database counts otherwise: nobody could say when it was
    camera, beyond = camera_number(connection, told.camera, start), _next_generation(connection, now.leaf)
    for former in (start, (told.was or told.start).point):
        connection.execute(
            "DELETE FROM gaps WHERE camera = ? AND boot = ? AND start_boottime_ms = ? AND start_wall_ms = ?"
            " AND inside = ? AND end_boot IS NOT NULL"
            " AND ((end_boot, end_boottime_ms) = (boot, start_boottime_ms)) = ?"
            " AND (leaf >= ?) IS NOT TRUE",
            (camera, former.boot, former.boottime_ms, former.wall_ms, told.inside, told.is_step, beyond),
        )
    if told.gone or told.end is None:
        return
    end = told.end.point
    if count_boot(connection, end.boot, told.end.id, end.boottime_ms):
        connection.execute(
            "INSERT INTO gaps (camera, boot, start_wall_ms, start_boottime_ms, end_boot, end_wall_ms, end_boottime_ms,"
            " cause, detail, inside, pauses, leaf, beneath) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                camera,
                start.boot,
                start.wall_ms,
                start.boottime_ms,
                end.boot,
                end.wall_ms,
                end.boottime_ms,
                GapCause(told.cause),
                "",
                told.inside,
                gaps_table.text_of(told.pauses, end.boottime_ms - start.boottime_ms) if told.pauses else None,
                now.leaf,
                None if told.beneath is None else GapCause(told.beneath),
            ),
        )


def _next_generation(connection: sqlite3.Connection, leaf: int | None) -> int | None:
    """Number of the leaf with which the one after that of `leaf` begins; None: there is none. Of a leaf whose number
    another has, all are.
    """
    if leaf is None:
        return 0
    found: int | None = connection.execute("SELECT min(first) FROM generations WHERE first > ?", (leaf,)).fetchone()[0]
    return found


def _apply_generation(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    if now.leaf is not None:
        ledger_table.remember(connection, now.leaf, body)


def _apply_clock(connection: sqlite3.Connection, body: Mapping[str, Any], _: ReplayTime) -> None:
    """What was recorded before a clock was right is found by true time again."""
    told = msgspec.convert(body, ClockLeaf)
    if isinstance(told, CorrectedLeaf):
        true_time_table.remember(connection, told)
        pins_table.hold_again(connection)


def _apply_span(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    told = msgspec.convert(body, SpanLeaf)
    start = _dated(connection, told.start, told.duration_ms, now)
    _remember_destroyed(connection, told.camera, start, told.duration_ms)


def _apply_pin(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    told = msgspec.convert(body, PinLeaf)
    placed = _dated(connection, told.placed, 0, now)
    for camera in told.cameras:
        camera_number(connection, camera, placed)
    pins_table.apply(connection, told, placed, now.at.wall_ms)


def _apply_maintenance(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    remember_maintenance(connection, body, now.leaf, now.at)


def remember_maintenance(
    connection: sqlite3.Connection, body: Mapping[str, Any], leaf: int | None, now: Point | None
) -> None:
    """Unless it was in a boot that this database counts otherwise: nobody could say when that was."""
    begun = msgspec.convert(body["start"], LeafPlace)
    ended = msgspec.convert(body["end"], LeafPlace) if "end" in body else None
    told = [begun] if ended is None else [begun, ended]
    if all(count_boot(connection, one.boot, one.id, one.boottime_ms) for one in told):
        maintenance_table.remember(connection, body, begun.point, ended.point if ended else None, leaf, now)


def _apply_fault(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    del now
    remember_fault(connection, body)


def _apply_office(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    if now.leaf is not None:
        remember_request(connection, body, now.leaf)


def _apply_person(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    if now.leaf is not None:
        people_table.remember(connection, body, now.leaf)


def remember_request(connection: sqlite3.Connection, body: Mapping[str, Any], leaf: int) -> None:
    """Unless it was in a boot that this database counts otherwise."""
    at = msgspec.convert(body["at"], LeafPlace)
    if count_boot(connection, at.boot, at.id, at.boottime_ms):
        office_table.remember(connection, body, at.point, leaf)


def remember_fault(connection: sqlite3.Connection, body: Mapping[str, Any]) -> None:
    """Unless it was in a boot that this database counts otherwise."""
    found, at = (msgspec.convert(body[name], LeafPlace) for name in ("found", "at"))
    if all(count_boot(connection, one.boot, one.id, one.boottime_ms) for one in (found, at)):
        faults_table.remember(connection, body, found.point, at.point)


def _apply_copy(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    told = None if now.leaf is None else ledger_table.leaf(connection, now.leaf)
    begun = now.at if told is None else replace(now.at, wall_ms=told.wall_ms)
    exports_table.remember(connection, body, begun, now.life.run, now.leaf)


def _apply_agreed(connection: sqlite3.Connection, body: Mapping[str, Any], now: ReplayTime) -> None:
    if now.leaf is not None:
        retention_table.remember_approved(connection, now.leaf, body)


_APPLY: Final[Mapping[str, Callable[[sqlite3.Connection, Mapping[str, Any], ReplayTime], None]]] = {
    Leaf.BOOT: _apply_boot,
    Leaf.SEGMENT: _apply_segment,
    Leaf.QUARANTINED: _apply_segment,
    Leaf.DESTROYED: _apply_destroyed,
    Leaf.GAP: _apply_gap,
    Leaf.CLOCK: _apply_clock,
    Leaf.PIN: _apply_pin,
    Leaf.SPAN: _apply_span,
    Leaf.GENERATION: _apply_generation,
    Leaf.AGREED: _apply_agreed,
    Leaf.MAINTENANCE: _apply_maintenance,
    Leaf.OFFICE: _apply_office,
    Leaf.PERSON: _apply_person,
    Leaf.FAULT: _apply_fault,
    Leaf.COPY: _apply_copy,
}
"""Of pins their sidecars tell the rest; volumes, terms and boots with their credit come with the head."""


def remember(connection: sqlite3.Connection, line: MirrorLine) -> None:
    """What a leaf from after the head adds to it. Leaves of kinds that add nothing are passed over."""
    adding = _ADDING.get(line.kind)
    if adding is not None:
        adding(connection, line)


def _remember_boot(connection: sqlite3.Connection, line: MirrorLine) -> None:
    told = msgspec.convert(line.body, BootLeaf)
    if count_boot(connection, told.boot, told.id, told.boottime_ms):
        connection.execute("UPDATE boots SET began_ms = ? WHERE number = ?", (told.began_ms, told.boot))


def _remember_clock(connection: sqlite3.Connection, line: MirrorLine) -> None:
    """Of an epoch also where nothing was completed in it: what was in progress then is of no other."""
    told = msgspec.convert(line.body, ClockLeaf)
    if isinstance(told, CorrectedLeaf):
        true_time_table.remember(connection, told)
    elif isinstance(told, EpochLeaf):
        start = told.start.point
        if count_boot(connection, start.boot, told.start.id, start.boottime_ms):
            ages_table.know_epoch(connection, told.epoch, start, synced=told.synced)
    else:
        ages_table.remember(connection, told)


def _remember_run(connection: sqlite3.Connection, line: MirrorLine) -> None:
    told = msgspec.convert(line.body, RunLeaf)
    known = connection.execute("SELECT 1 FROM boots WHERE number = ?", (told.boot,)).fetchone()
    if known is None:
        return
    connection.execute(
        "INSERT INTO runs (number, boot, start_wall_ms, start_boottime_ms, alive_wall_ms, alive_boottime_ms, clean)"
        " VALUES (?1, ?2, ?3, ?4, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET clean = excluded.clean,"
        " alive_boottime_ms = max(alive_boottime_ms, excluded.alive_boottime_ms),"
        " alive_wall_ms = excluded.alive_wall_ms",
        (told.run, told.boot, line.wall_ms, told.boottime_ms, told.end),
    )
    connection.execute("UPDATE boots SET ran_ms = max(ran_ms, ?) WHERE number = ?", (told.boottime_ms, told.boot))


def _remember_segment(connection: sqlite3.Connection, line: MirrorLine) -> None:
    told = msgspec.convert(line.body, SegmentLeaf)
    start, sha256 = told.start.point, bytes.fromhex(told.sha256)
    end = start.plus_ms(told.duration_ms)
    if not count_boot(connection, start.boot, told.start.id, end.boottime_ms):
        return
    number = camera_number(connection, told.camera, start)
    ages_table.know_epoch(connection, told.epoch, start, synced=told.synced)
    connection.execute("UPDATE cameras SET next_seq = max(next_seq, ?) WHERE number = ?", (told.seq + 1, number))
    connection.execute(
        "UPDATE cameras SET last_seq = ?1, last_sha256 = ?2 WHERE number = ?3 AND last_seq < ?1",
        (told.seq, sha256, number),
    )
    connection.execute(
        "UPDATE runs SET alive_boottime_ms = max(alive_boottime_ms, ?1), alive_wall_ms = ?2"
        " WHERE number = (SELECT max(number) FROM runs) AND boot = ?3 AND alive_boottime_ms < ?1",
        (end.boottime_ms, end.wall_ms, end.boot),
    )
    connection.execute("DELETE FROM gaps WHERE camera = ? AND end_boot IS NULL", (number,))
    gaps_table.advance(connection, number, end)


def _remember_gap(connection: sqlite3.Connection, line: MirrorLine) -> None:
    told = msgspec.convert(line.body, GapLeaf)
    if told.end is None or told.inside:
        return
    start, end = told.start.point, told.end.point
    if not count_boot(connection, end.boot, told.end.id, end.boottime_ms):
        return
    number = camera_number(connection, told.camera, start)
    connection.execute(
        "DELETE FROM gaps WHERE camera = ? AND end_boot IS NULL AND (boot, start_boottime_ms) < (?, ?)",
        (number, end.boot, end.boottime_ms),
    )
    gaps_table.advance(connection, number, end)


def _remember_terms(connection: sqlite3.Connection, line: MirrorLine) -> None:
    told = msgspec.convert(line.body, BoundsLeaf)
    at = told.at.point
    if count_boot(connection, at.boot, told.at.id, at.boottime_ms):
        connection.execute(
            "INSERT INTO terms (camera, boot, boottime_ms, wall_ms, floor_s, ceiling_s) VALUES (?, ?, ?, ?, ?, ?)",
            (camera_number(connection, told.camera, at), *told.at.at, told.floor_s, told.ceiling_s),
        )


_ADDING: Final[Mapping[str, Callable[[sqlite3.Connection, MirrorLine], object]]] = {
    Leaf.BOOT: _remember_boot,
    Leaf.CLOCK: _remember_clock,
    Leaf.RUN: _remember_run,
    Leaf.SEGMENT: _remember_segment,
    Leaf.GAP: _remember_gap,
    Leaf.BOUNDS: _remember_terms,
    Leaf.AGREED: lambda connection, line: retention_table.remember_approved(connection, line.number, line.body),
    Leaf.VOLUME: lambda connection, line: volumes_table.remember(connection, line.body),
    Leaf.GENERATION: lambda connection, line: ledger_table.remember(connection, line.number, line.body),
    Leaf.FAULT: lambda connection, line: remember_fault(connection, line.body),
    Leaf.OFFICE: lambda connection, line: remember_request(connection, line.body, line.number),
    Leaf.PERSON: lambda connection, line: people_table.remember(connection, line.body, line.number),
    Leaf.MAINTENANCE: lambda connection, line: remember_maintenance(connection, line.body, line.number, None),
}
