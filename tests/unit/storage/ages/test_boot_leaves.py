"""What leaves of the clock say is enough to know again how long the box was off (S13)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Final

from storage.ages import table as ages_table
from storage.ages.leaves import SteppedLeaf
from storage.database.migrations import migrate
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf
from storage.mirror.files import parse_line, render
from storage.recovery import replay_table
from storage.words.clock import ClockReading
from storage.words.model import Moment

HOUR: Final = 3_600_000
WALL: Final = 1_772_000_000_000


def known(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    sql = "SELECT number, boot_id, began_ms, off_low_ms, off_high_ms, off_word, attested_ms FROM boots ORDER BY number"
    return db.execute(sql).fetchall()


def database() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", isolation_level=None)
    migrate(made)
    return made


def test_boots_come_back_from_their_leaves() -> None:
    """One credited, one attested, one that came of boottime running backwards."""
    with closing(database()) as db, closing(database()) as new:
        ages_table.this_boot(db, "a", ClockReading(Moment(WALL, HOUR), synced=True))
        ages_table.this_boot(db, "b", ClockReading(Moment(WALL + 9 * HOUR, HOUR), synced=True))
        ages_table.this_boot(db, "c", ClockReading(Moment(WALL + 20 * HOUR, 2 * HOUR)))
        ages_table.attest(db, 3, 5 * HOUR, "it was", "a", "b", WALL)
        ages_table.this_boot(db, "c", ClockReading(Moment(WALL + 20 * HOUR, HOUR)))
        assert [row[2] for row in known(db)] == [0, 0, 0, HOUR]
        for entry in ledger_table.leaves(db, 0, 100):
            line = parse_line(render(entry))
            assert line is not None
            replay_table.remember(new, line)
        assert known(new) == known(db)


def test_a_step_of_the_wall_clock_says_nothing_of_power_off() -> None:
    with closing(database()) as db:
        ages_table.this_boot(db, "a", ClockReading(Moment(WALL, HOUR), synced=True))
        before = known(db)
        ages_table.remember(db, SteppedLeaf(2, 1, "a", WALL, HOUR, synced=True, by_ms=9 * HOUR))
        assert known(db) == before
        assert [entry.kind for entry in ledger_table.leaves(db, 0, 100)] == [Leaf.BOOT]
