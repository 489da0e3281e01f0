"""How edged.db came to its present form, step by step (sqlite_utils.Migrations). A released step never changes.

Imports sqlite_utils. Each step runs in one transaction with the record that it ran.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import resources

from sqlite_utils import Database, Migrations

from storage.errors import DatabaseDamaged

MIGRATIONS = Migrations("edged")


@MIGRATIONS(name="0001_catalog")
def _catalog(db: Database) -> None:
    for statement in statements(resources.files("storage").joinpath("schema.sql").read_text(encoding="utf-8")):
        db.execute(statement)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database up to date; refuse one from a later version."""
    db = Database(connection, execute_plugins=False)
    later = {step.name for step in MIGRATIONS.applied(db)} - _names()
    if later:
        what = f"edged.db was written by a later version ({', '.join(sorted(later))})"
        raise DatabaseDamaged(what, "install that version again")
    MIGRATIONS.apply(db)


def _names() -> set[str]:
    with closing(sqlite3.connect(":memory:")) as nothing:
        return {step.name for step in MIGRATIONS.pending(Database(nothing, execute_plugins=False))}


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
