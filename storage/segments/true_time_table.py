"""What was recorded before the wall clock was synchronised is found by true time afterwards (docs/design/time.md).

Between two steps the wall clock is boottime plus an offset. Once a boot knows the right one, it holds for what that
boot recorded before, too: the clock epochs that began unsynchronised are told it, with a leaf, and from then on
segments and gaps of theirs are looked for by the time that a right clock would have shown. What is written (rows, names
of files, leaves) stays as it was, and no age changes (S7). A pin that lasts takes in what it turns out to touch (S2).

Functions over a connection, inside their caller's transaction. A clock that was slewed by much instead of being set
moves boottime along, and stays uncorrected by as much.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from storage.ages import table as ages_table
from storage.ages.history import DaemonRun, Point
from storage.ages.leaves import CorrectedLeaf
from storage.ledger.table import Leaf, enter
from storage.words.clock import STEP_MS, ClockReading

LONGEST_MS: Final = 3_600_000
"""A segment may last so far beyond the epoch that it began in; a step cuts it, at the next key frame."""
Asked: TypeAlias = Callable[[sqlite3.Connection], object]
CORRECTED: Final = (
    "(s.synced = 0 AND EXISTS (SELECT 1 FROM epochs e WHERE e.number = s.epoch AND e.boot = s.boot"
    " AND e.true_offset_ms IS NOT NULL))"
)
"""Whether a segment goes by another time than its recorded one. Nothing is looked up for one that was synchronised."""


@dataclass(frozen=True, slots=True)
class ClockCorrection:
    """A clock epoch whose true offset became known."""

    epoch: int
    boot: int
    from_ms: int
    """Boottime at which it began and, None while it is the last of its boot, the next one."""
    until_ms: int | None
    true_offset_ms: int
    """The right wall clock minus boottime."""

    def touches(self, start_ms: int, end_ms: int) -> bool:
        """By true time. What began in it may last beyond it: `start_ms` is the earliest start that matters."""
        begins_ms = self.from_ms + self.true_offset_ms
        return begins_ms < end_ms and (self.until_ms is None or self.until_ms + self.true_offset_ms > start_ms)


def heartbeat(
    connection: sqlite3.Connection, life: DaemonRun, reading: ClockReading, before: Asked, corrected: Asked
) -> None:
    """This boot and this run lived until now, and perhaps the right time is known now.

    Where true times become known, `before` and `corrected` are asked in the same transaction: while what was recorded
    is still found by the old times, and as soon as it is found by the true ones.
    """
    ages_table.heartbeat(connection, life, reading)
    if correct(connection, life.boot, reading, before):
        corrected(connection)


def correct(connection: sqlite3.Connection, boot: int, reading: ClockReading, before: Asked) -> bool:
    """The wall clock is synchronised: this boot's epochs that began without go by it. True where any changed.

    Also those that were corrected before: a first synchronisation may prove wrong, and the last word counts.
    """
    if not reading.synced:
        return False
    offset_ms = reading.now.wall_ms - reading.now.boottime_ms
    wrong = connection.execute(
        "SELECT number FROM epochs WHERE boot = ? AND synced = 0"
        " AND abs(coalesce(true_offset_ms, wall_ms - boottime_ms) - ?) > ?",
        (boot, offset_ms, STEP_MS),
    ).fetchall()
    if wrong:
        before(connection)
    for (epoch,) in wrong:
        _set(connection, epoch, offset_ms)
        told = CorrectedLeaf(**ages_table.epoch_fields(connection, epoch), true_offset_ms=offset_ms)
        enter(connection, Leaf.CLOCK, reading.now.wall_ms, told)
    return bool(wrong)


def remember(connection: sqlite3.Connection, told: CorrectedLeaf) -> None:
    """A leaf tells of it again: so it was in a database that was lost. ValueError for what is none."""
    start = told.start
    known = connection.execute("SELECT boot_id FROM boots WHERE number = ?", (start.boot,)).fetchone()
    if known is None or known[0] != start.id:
        return  # this database counts another boot under that number
    ages_table.know_epoch(connection, told.epoch, Point(*start.at), synced=False)
    same = connection.execute("SELECT boot FROM epochs WHERE number = ?", (told.epoch,)).fetchone()
    if same[0] == start.boot:
        _set(connection, told.epoch, told.true_offset_ms)


def known(connection: sqlite3.Connection) -> list[ClockCorrection]:
    """All of them, by epoch; one look-up where there is none."""
    if connection.execute("SELECT 1 FROM epochs WHERE true_offset_ms IS NOT NULL LIMIT 1").fetchone() is None:
        return []
    rows = connection.execute(
        "SELECT number, boot, boottime_ms, until_ms, true_offset_ms FROM (SELECT *,"
        " lead(boottime_ms) OVER (PARTITION BY boot ORDER BY number) AS until_ms FROM epochs)"
        " WHERE true_offset_ms IS NOT NULL ORDER BY number"
    )
    return [ClockCorrection(*row) for row in rows]


def _set(connection: sqlite3.Connection, epoch: int, offset_ms: int) -> None:
    connection.execute("UPDATE epochs SET true_offset_ms = ? WHERE number = ?", (offset_ms, epoch))
