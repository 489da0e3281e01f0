"""An edged.db of any earlier version, brought up to date, is the one that is made today."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from storage.database.migrations import migrate, statements

FIRST: Final = (Path(__file__).parents[1] / "support" / "first_schema.sql").read_text("utf-8")
"""`storage/database/schema.sql` as it was in 0.1.0."""
APPLIED: Final = (
    "CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT)"
)


@pytest.fixture
def first() -> Iterator[sqlite3.Connection]:
    """As 0.1.0 left it, with a segment."""
    with closing(sqlite3.connect(":memory:")) as db:
        for statement in statements(FIRST):
            db.execute(statement)
        db.execute(APPLIED)
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('edged', '0001_catalog', '')"
        )
        db.execute("INSERT INTO boots (number, boot_id, ran_ms) VALUES (1, 'b', 9)")
        db.execute("INSERT INTO runs VALUES (1, 1, 0, 0, 9, 9, 1)")
        db.execute("INSERT INTO volumes VALUES (1, 'v', '/srv')")
        db.execute("INSERT INTO cameras VALUES (1, 'lobby', 0, 1, 2, 0, NULL, 0, 1, 0, 0)")
        db.execute(
            "INSERT INTO segments (camera, seq, volume, state, run, boot, start_boottime_ms, start_wall_ms, floor_s,"
            " ceiling_s, epoch, synced) VALUES (1, 1, 1, 'open', 1, 1, 0, 0, 1, 2, 1, 1)"
        )
        db.commit()
        yield db


def form(db: sqlite3.Connection) -> dict[str, str]:
    """Every table and index, but for how its text is broken into lines."""
    rows = db.execute("SELECT name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {
        name: re.sub(r" (?=[,)])", "", " ".join(sql.split()))
        for name, table, sql in rows
        if not table.startswith("_sqlite")
    }


def test_migrated_equals_new(first: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(":memory:")) as new:
        migrate(new)
        assert form(first) != form(new)
        migrate(first)
        assert form(first) == form(new)


def test_alarms_from_before_have_occurrences_and_no_names_in_their_words(first: sqlite3.Connection) -> None:
    first.executemany(
        "INSERT INTO alarms (key, severity, raised, since_ms, count, text, action) VALUES (?, 'info', 1, ?, 1, ?, '')",
        [("camera.down:lobby", 17, "down"), ("roles.clash", 18, "hold neither role: chen")],
    )
    migrate(first)
    assert first.execute("SELECT key, occurrence, names FROM alarms").fetchall() == [("camera.down:lobby", "0:17", "")]
    assert first.execute("SELECT count(*) FROM outbox").fetchone() == (0,), "what was is no event"


def test_what_was_there_stays(first: sqlite3.Connection) -> None:
    migrate(first)
    assert first.execute("SELECT seq, camera_offset_ms FROM segments").fetchall() == [(1, None)]
    migrate(first)
    first.execute("UPDATE segments SET camera_offset_ms = -3200")
