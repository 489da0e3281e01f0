"""The form of edged.db: as `schema.sql` says, in a new one and in one of the version before, which is taken over."""

from __future__ import annotations

import re
import sqlite3
import tomllib
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final
from unittest.mock import patch

import pytest
from sqlite_utils import Database, Migrations

from storage.database import migrations
from storage.database.migrations import FIRST, RECORD, STEPS, Step, migrate, statements, would_change
from storage.words.errors import DatabaseDamaged
from tests.support import version_before as before

ROOT: Final = Path(__file__).parents[4]
SCHEMA: Final = (ROOT / "storage" / "database" / "schema.sql").read_text("utf-8")
LATER: Final = "9999_lens"
ADD: Final = migrations._add


@cache
def left_by_the_version_before() -> bytes:
    return before.database()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    path.write_bytes(left_by_the_version_before())
    return path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new.db"
    brought_up_to_date(path)
    return path


def brought_up_to_date(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        migrate(connection)


def changed(path: Path, *steps: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for step in steps:
            connection.execute(step)


def form(path: Path) -> str:
    return before.schema(path)[0]


def test_the_version_before_is_brought_to_the_form_of_a_new_one(old: Path, new: Path) -> None:
    assert before.schema(old)[1] == before.expected()[1]["schema"], "it is as that version said"
    assert would_change(old)
    brought_up_to_date(old)
    assert not would_change(old)
    assert form(old) == form(new)


def test_one_without_leak_cases_takes_that_step(old: Path, new: Path) -> None:
    """Of this version before them: no fixture has it."""
    with patch.object(migrations, "_add", lambda _, names: names != migrations.LEAKS and ADD(_, names)):
        brought_up_to_date(old)
    changed(old, f"DELETE FROM {RECORD} WHERE name = '0034_leaks'")  # noqa: S608
    assert would_change(old)
    brought_up_to_date(old)
    assert form(old) == form(new)


def test_a_new_one_is_as_the_schema_says(new: Path, tmp_path: Path) -> None:
    path = tmp_path / "as_written.db"
    changed(path, *statements(SCHEMA))
    assert [line for line in form(new).splitlines() if RECORD not in line] == form(path).splitlines()
    assert not would_change(new)


def steps_with_a_later_one() -> dict[str, Step]:
    """As the opening of `storage.database.migrations` says how to add one."""

    def _lens(db: Database) -> None:
        if "lens" not in db["cameras"].columns_dict:
            db.execute("ALTER TABLE cameras ADD COLUMN lens TEXT")

    return {**STEPS, LATER: _lens}


def test_a_later_step_brings_an_old_one_to_the_form_of_a_new_one(old: Path, new: Path) -> None:
    before_it = form(new)
    with patch.object(migrations, "STEPS", steps_with_a_later_one()):
        for path in (old, new):
            assert would_change(path)
            brought_up_to_date(path)
            assert not would_change(path)
    assert form(old) == form(new) != before_it


REFUSED: Final = {
    "of a later version": (
        f"UPDATE {RECORD} SET name = '{LATER}' WHERE name = '{FIRST}'",  # noqa: S608
        rf"later version \({LATER}\)",
    ),
    "not as far as the version before": (
        f"DELETE FROM {RECORD} WHERE name = '{FIRST}'",  # noqa: S608
        "earlier version",
    ),
    "without a record of its steps": (f"DROP TABLE {RECORD}", "earlier version"),
}


@pytest.mark.parametrize(("change", "what"), REFUSED.values(), ids=REFUSED)
def test_any_other_is_refused_and_left_as_it_is(old: Path, change: str, what: str) -> None:
    changed(old, change)
    as_it_was = old.read_bytes()
    assert would_change(old), "it is kept before it is handed to this version"
    with closing(sqlite3.connect(old)) as connection, pytest.raises(DatabaseDamaged, match=what) as refused:
        migrate(connection)
    assert refused.value.action
    assert old.read_bytes() == as_it_was


def test_one_that_was_cut_off_before_its_first_step_is_a_new_one(tmp_path: Path, new: Path) -> None:
    path = tmp_path / "begun.db"
    with closing(sqlite3.connect(path)) as connection:
        Migrations("edged").ensure_migrations_table(Database(connection, execute_plugins=False))
    brought_up_to_date(path)
    assert form(path) == form(new)


@pytest.mark.parametrize("taken", range(len(STEPS) + 1))
def test_which_steps_one_lacks_is_seen_as_sqlite_utils_sees_it(tmp_path: Path, taken: int) -> None:
    """Whichever version wrote down what it took: sqlite_utils keeps the record, and is not asked each time."""
    path = tmp_path / "edged.db"
    some, all_ = Migrations("edged"), Migrations("edged")
    for number, (name, step) in enumerate(STEPS.items()):
        all_(name=name)(step)
        if number < taken:
            some(name=name)(step)
    with closing(sqlite3.connect(path)) as connection:
        db = Database(connection, execute_plugins=False)
        some.apply(db)
        known = migrations._taken(connection)
        assert [name for name in STEPS if name not in known] == [step.name for step in all_.pending(db)]
    brought_up_to_date(path)
    with closing(sqlite3.connect(path)) as connection:
        assert all_.pending(Database(connection, execute_plugins=False)) == []


def test_one_that_is_up_to_date_is_not_written(new: Path) -> None:
    with closing(sqlite3.connect(f"{new.as_uri()}?mode=ro", uri=True)) as connection:
        migrate(connection)


def test_a_step_that_fails_leaves_neither_itself_nor_its_record(old: Path) -> None:
    def fails(db: Database) -> None:
        db.execute("ALTER TABLE cameras ADD COLUMN lens TEXT")
        raise OSError("planted")

    brought_up_to_date(old)
    as_it_was = form(old)
    with patch.object(migrations, "STEPS", {**STEPS, LATER: fails}):
        with closing(sqlite3.connect(old)) as connection, pytest.raises(OSError, match="planted"):
            migrate(connection)
        assert would_change(old)
    assert not would_change(old)
    assert form(old) == as_it_was


# --- the sections of the schema ---------------------------------------------------------------------------------------

ROOMS: Final = tomllib.loads((ROOT / "tests" / "rooms.toml").read_text("utf-8"))["rooms"]["storage"]
LOWEST_FIRST: Final = [room for line in reversed(ROOMS) for room in line]
NOBODYS: Final = "of no room"


def sections(schema: str) -> dict[str, list[str]]:
    """The tables that stand under the name of each room."""
    begun = re.split(rf"^-- ({NOBODYS}|\w+)(?:: .+)? -{{3,}}$", schema, flags=re.MULTILINE)
    return {
        room: re.findall(r"^CREATE TABLE (\w+)", text, re.MULTILINE)
        for room, text in zip(begun[1::2], begun[2::2], strict=True)
    }


def strangers(schema: str) -> list[str]:
    """Tables that the room of their section does not write, and such of no room that somebody writes."""
    return [
        table
        for room, tables in sections(schema).items()
        for table in tables
        if writes("*" if room == NOBODYS else room, table) is (room == NOBODYS)
    ]


def writes(room: str, table: str) -> bool:
    modules = (ROOT / "storage").glob(f"{room}/*.py")
    return any(re.search(rf"(INTO|UPDATE) {table}\b", module.read_text("utf-8")) for module in modules)


def test_each_table_stands_with_the_room_that_owns_it() -> None:
    *rooms, last = sections(SCHEMA)
    assert (rooms, last) == ([room for room in LOWEST_FIRST if room in rooms], NOBODYS)
    assert strangers(SCHEMA) == []
    assert [table for tables in sections(SCHEMA).values() for table in tables] == re.findall(
        r"CREATE TABLE (\w+)", SCHEMA
    )


def test_a_table_in_the_wrong_section_is_seen() -> None:
    assert strangers(SCHEMA.replace("-- ring: ", "-- integrity: ")) == ["condemned", "breaches"]
