"""How edged.db comes to its present form, which is `schema.sql`.

A database is known by the last step that it has taken. A new one takes them all: the first makes it as `schema.sql`
says, and the later ones find nothing to do. An existing one takes the steps that it lacks, each in one transaction with
the record that it was taken. Steps only go forward, and a released one never changes.

To change the form: change `schema.sql`, and add a step at the end of the steps, for databases that exist:

    @step("0035_lens")
    def _lens(db: Connection) -> None:
        if "lens" not in columns(db, "cameras"):  # a new database has it already
            db.execute("ALTER TABLE cameras ADD COLUMN lens TEXT")

tests/unit/storage/database/test_migrations.py brings the database of the version before to today's
form, and holds it against a new one and against `schema.sql`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from sqlite3 import Connection
from typing import Final, TypeAlias

from storage.words.errors import DatabaseDamaged
from storage.words.message import message

Step: TypeAlias = Callable[[Connection], None]
STEPS: Final[dict[str, Step]] = {}
"""By name, in their order."""
FIRST: Final = "0030_compliance"
"""The first step bears the name of the last one of before the first release, which led to the same form: a database
that took that one is taken over as it stands."""
RECORD: Final = "_sqlite_migrations"
"""The table of the steps that were taken. It and its index are written as sqlite-utils did, by which the first release
came to its form: an old database and a new one have the same."""
_SET: Final = "edged"
_RECORD_SQL: Final = (
    f"""CREATE TABLE IF NOT EXISTS "{RECORD}" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
)""",
    f"""CREATE UNIQUE INDEX IF NOT EXISTS "idx_{RECORD}_migration_set_name"
    ON "{RECORD}" ("migration_set", "name")""",
)


def step(name: str) -> Callable[[Step], Step]:
    """The decorated function is the next step."""

    def entered(taken: Step) -> Step:
        STEPS[name] = taken
        return taken

    return entered


@step(FIRST)
def _schema(db: Connection) -> None:
    for statement in statements(resources.files("storage.database").joinpath("schema.sql").read_text(encoding="utf-8")):
        db.execute(statement)


@step("0031_messages")
def _messages(db: Connection) -> None:
    """What people are told has a code and values: alarms, and details of gaps."""
    if "told" not in columns(db, "alarms"):
        db.execute("ALTER TABLE alarms ADD COLUMN told TEXT")
    if "told" not in columns(db, "gaps"):
        db.execute("ALTER TABLE gaps ADD COLUMN told TEXT")


OFFICE: Final = (
    "office_requests",
    "office_numbers",
    "office_acts",
    "office_records",
    "office_openings",
    "office_findings",
    "office_persons",
    "office_posts",
    "office_posts_now",
)


@step("0032_office")
def _office(db: Connection) -> None:
    """Requests for footage."""
    if "office_requests" not in tables(db):
        _add(db, OFFICE)


@step("0033_copies_of_requests")
def _copies_of_requests(db: Connection) -> None:
    """Exports know by which request they are made, and which are copies to be viewed."""
    if "viewing" in columns(db, "exports"):
        return
    db.execute("ALTER TABLE exports ADD COLUMN request TEXT")
    db.execute("ALTER TABLE exports ADD COLUMN request_row TEXT")
    db.execute("ALTER TABLE exports ADD COLUMN viewing TEXT CHECK (viewing IN ('there', 'destroyed'))")
    db.execute("ALTER TABLE exports ADD COLUMN gone INTEGER")
    db.execute("CREATE INDEX exports_of_request ON exports (request) WHERE request IS NOT NULL")
    db.execute("CREATE INDEX exports_viewed ON exports (number) WHERE viewing = 'there'")


LEAKS: Final = ("office_leaks", "office_leak_ids")


@step("0034_leaks")
def _leaks(db: Connection) -> None:
    """Leak cases."""
    if "office_leaks" not in tables(db):
        _add(db, LEAKS)


def _add(db: Connection, names: Collection[str]) -> None:
    """Tables and indexes, as the schema says."""
    for statement in statements(resources.files("storage.database").joinpath("schema.sql").read_text(encoding="utf-8")):
        if any(f" {name} " in statement.partition("(")[0] for name in names):
            db.execute(statement)


def columns(db: Connection, table: str) -> set[str]:
    return {name for _, name, *_ in db.execute(f'PRAGMA table_info("{table}")')}


def tables(db: Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def migrate(connection: Connection) -> None:
    """Bring the database to the present form. DatabaseDamaged where it is of a later version, or has not come as far as
    `FIRST`: then nothing is changed.
    """
    taken = _taken(connection)
    if later := taken - STEPS.keys():
        what = message(
            "database.later-version", "edged.db was written by a later version ({versions})", versions=sorted(later)
        )
        raise DatabaseDamaged(what, message("database.later-version.action", "install that version again"))
    if not taken and not {RECORD}.issuperset(tables(connection)):
        what = message(
            "database.earlier-version",
            "edged.db was written by an earlier version, of before the first release, that is not taken over",
        )
        raise DatabaseDamaged(
            what,
            message(
                "database.earlier-version.action",
                "start edged of commit e4b2f7f8 once, which brings it up to date; then this one",
            ),
        )
    for name, take in STEPS.items():
        if name not in taken:
            _take(connection, name, take)


def _take(connection: Connection, name: str, take: Step) -> None:
    """One step and the record of it, or neither."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _RECORD_SQL:
            connection.execute(statement)
        take(connection)
        connection.execute(
            f'INSERT INTO "{RECORD}" (migration_set, name, applied_at) VALUES (?, ?, ?)',  # noqa: S608  (constants)
            (_SET, name, str(datetime.now(UTC))),
        )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled it back by itself
            connection.execute("ROLLBACK")
        raise


def would_change(path: Path) -> bool:
    """Whether `migrate` would do anything to the database that lies there at rest, or refuse it. Where that cannot be
    seen it might. Makes no file beside it, whoever asks.
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
            return _taken(connection) != STEPS.keys()
    except sqlite3.Error:
        return True


def _taken(connection: Connection) -> set[str]:
    """The steps that it has taken, from `FIRST` on: names begin with a number."""
    if RECORD not in tables(connection):
        return set()
    found = connection.execute(
        f'SELECT name FROM "{RECORD}" WHERE migration_set = ? AND name >= ?',  # noqa: S608  (constants)
        (_SET, FIRST),
    )
    return {name for (name,) in found}


def statements(script: str) -> Iterator[str]:
    """One statement at a time: `executescript` would commit the transaction that a migration runs in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise ValueError(f"schema ends inside a statement: {statement.strip()[:80]}")
